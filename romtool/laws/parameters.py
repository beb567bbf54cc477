"""The packed tables that the compiled kernels read.

All parameters of a material are brought to the union of the temperatures of its tables; since tables are
piecewise linear this changes no value. Hardening curves are brought to the union of their abscissae p.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from romtool.errors import LawError
from romtool.laws.catalogue import EXPONENT, FACTOR, LAWS, LOG_FACTOR, PARAMETERS, TERMS
from romtool.laws.validation import (
    check_names,
    check_softening,
    hardening_curve,
    invalid,
    kinematic,
    scalars,
)
from romtool.loading import Material
from romtool.types import Floats, Ints


class LawTables(NamedTuple):
    """Parameters of all materials as plain arrays, for numba and for HDF5.

    Parameters
    ----------
    rows: (n_materials + 1,) int64; material k has the rows rows[k]:rows[k+1] of the next two.
    temperatures: (n_rows,) float [temperature], increasing within a material.
    values: (n_rows, 9 + 2 max. number of kinematic terms) float, columns YOUNG … TERMS.
    flow: (n_materials,) int64, kind of flow.
    n_terms: (n_materials,) int64, number of kinematic terms.
    curve_rows: (n_materials + 1,) int64; material k has curve_p[curve_rows[k]:curve_rows[k+1]].
    curve_p: (n_curve,) float, abscissae of the hardening curves.
    curve_starts: (n_materials,) int64; where in curve_stress the (n_temperatures, n_p) block of k starts.
    curve_stress: (n_curve_values,) float [stress].
    reference: (n_materials,) float [temperature], of the secant expansion.
    from_initial: (n_materials,) int64, 1 where the expansion counts from the initial temperature.
    """

    rows: Ints
    temperatures: Floats
    values: Floats
    flow: Ints
    n_terms: Ints
    curve_rows: Ints
    curve_p: Floats
    curve_starts: Ints
    curve_stress: Floats
    reference: Floats
    from_initial: Ints


@dataclass(frozen=True)
class _Packed:
    """One material on the union of its temperatures."""

    temperatures: Floats
    values: Floats
    n_terms: int
    curve_p: Floats
    curve_stress: Floats


def build_tables(materials: Sequence[Material]) -> LawTables:
    """Validate `materials` and pack their parameters; row k of the tables is `materials[k]`.

    Parameters
    ----------
    materials: at least one.

    Returns
    -------
    The tables that `romtool.laws.evaluate` takes.

    Raises
    ------
    LawError: for an unknown law, and a missing, unknown or invalid parameter.
    """
    if not materials:
        raise LawError("no material is given; every element needs one")
    packed = [_pack(material) for material in materials]
    width = TERMS + 2 * max(part.n_terms for part in packed)
    values = [np.pad(part.values, ((0, 0), (0, width - part.values.shape[1]))) for part in packed]
    sizes = [part.curve_stress.size for part in packed]
    return LawTables(
        rows=_offsets([len(part.temperatures) for part in packed]),
        temperatures=np.concatenate([part.temperatures for part in packed]),
        values=np.concatenate(values),
        flow=np.array([LAWS[material.law].flow for material in materials], dtype=np.int64),
        n_terms=np.array([part.n_terms for part in packed], dtype=np.int64),
        curve_rows=_offsets([len(part.curve_p) for part in packed]),
        curve_p=np.concatenate([part.curve_p for part in packed]),
        curve_starts=_offsets(sizes)[:-1].copy(),
        curve_stress=np.concatenate([part.curve_stress.ravel() for part in packed]),
        reference=np.array([_reference(material) for material in materials]),
        from_initial=np.array([material.from_initial for material in materials], dtype=np.int64),
    )


def state_size(tables: LawTables) -> int:
    """Return the number of internal variables per point, common to all materials of `tables`."""
    return 7 + 6 * ((tables.values.shape[1] - TERMS) // 2)


def state_fields(tables: LawTables) -> Mapping[str, slice]:
    """Return name -> columns of the state: p, inelastic_strain, alpha_1, alpha_2, …

    >>> state_fields(build_tables([Material("all", "elastic", {"young": 1.0, "poisson": 0.3})]))
    {'p': slice(0, 1, None), 'inelastic_strain': slice(1, 7, None)}
    """
    fields = {"p": slice(0, 1), "inelastic_strain": slice(1, 7)}
    starts = range(7, state_size(tables), 6)
    return fields | {f"alpha_{i + 1}": slice(start, start + 6) for i, start in enumerate(starts)}


def _offsets(sizes: Sequence[int]) -> Ints:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def _reference(material: Material) -> float:
    if not math.isfinite(material.reference_temperature):
        raise invalid(material, f"reference temperature is {material.reference_temperature}, must be finite")
    return float(material.reference_temperature)


def _pack(material: Material) -> _Packed:
    """Return one material's parameters on the union of all its temperatures."""
    check_names(material)
    tabulated = dict(scalars(material))
    terms = kinematic(material)
    curve_p, curve = hardening_curve(material)
    tables = [*tabulated.values(), *terms, curve]
    varying = [table.temperatures for table in tables if len(table.temperatures) > 1]
    grid = np.unique(np.concatenate(varying)) if varying else np.zeros(1)
    values = np.zeros((len(grid), TERMS + len(terms)))
    values[:, EXPONENT] = 1.0
    for name, table in tabulated.items():
        values[:, PARAMETERS[name].column] = table.at(grid)
    with np.errstate(divide="ignore"):
        values[:, LOG_FACTOR] = np.log(values[:, FACTOR])
    for i, table in enumerate(terms):
        values[:, TERMS + i] = table.at(grid)
    stress = curve.at(grid)
    if np.all(values == values[0]) and np.all(stress == stress[0]):
        grid, values, stress = grid[:1], values[:1], stress[:1]
    check_softening(material, values, curve_p, stress)
    return _Packed(grid, values, len(terms) // 2, curve_p, stress)
