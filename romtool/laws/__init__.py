"""Compiled material laws: a table of laws, packed parameters, and one kernel for all of them.

`evaluate`, `thermal_offset` and `elastic_tangent` are numba functions and may be called from other compiled
functions. `LawTables` is a named tuple of plain arrays.
"""

from romtool.laws.catalogue import LAWS, PARAMETERS, LawInfo, ParameterInfo
from romtool.laws.kernels import (
    Fields,
    elastic_tangent,
    evaluate,
    evaluate_fields,
    scratch,
    thermal_offset,
    thermal_strain,
)
from romtool.laws.parameters import LawTables, build_tables, state_fields, state_size

__all__ = [
    "LAWS",
    "PARAMETERS",
    "Fields",
    "LawInfo",
    "LawTables",
    "ParameterInfo",
    "build_tables",
    "elastic_tangent",
    "evaluate",
    "evaluate_fields",
    "scratch",
    "state_fields",
    "state_size",
    "thermal_offset",
    "thermal_strain",
]
