"""Compiled material laws: a table of laws, packed parameters, and one function that evaluates all of them.

`evaluate` and `thermal_strain` are numba functions and may be called from other compiled functions. `LawTables` and
`Sites` are named tuples of plain arrays.
"""

from romtool.laws.catalogue import LAWS, PARAMETERS, STATES, LawInfo, ParameterInfo
from romtool.laws.fields import Fields, Workspace, scratch
from romtool.laws.frames import local_frames
from romtool.laws.initial import InitialFields, find_points, initial_fields
from romtool.laws.kernels import elastic_tangent, evaluate, evaluate_fields
from romtool.laws.parameters import (
    LawTables,
    build_tables,
    law_names,
    plugins_of,
    reference_temperatures,
    state_fields,
    state_size,
)
from romtool.laws.plugins import held_by, identify, library_digest, named_by, open_plugins
from romtool.laws.sites import Sites, build_sites, free_strain, take, thermal_strain, virgin_state

__all__ = [
    "LAWS",
    "PARAMETERS",
    "STATES",
    "Fields",
    "InitialFields",
    "LawInfo",
    "LawTables",
    "ParameterInfo",
    "Sites",
    "Workspace",
    "build_sites",
    "build_tables",
    "elastic_tangent",
    "evaluate",
    "evaluate_fields",
    "find_points",
    "free_strain",
    "held_by",
    "identify",
    "initial_fields",
    "law_names",
    "library_digest",
    "local_frames",
    "named_by",
    "open_plugins",
    "plugins_of",
    "reference_temperatures",
    "scratch",
    "state_fields",
    "state_size",
    "take",
    "thermal_strain",
    "virgin_state",
]
