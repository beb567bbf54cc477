"""The packed tables that the compiled kernels read.

All parameters of a material are brought to the union of the temperatures of its tables; since tables are
piecewise linear this changes no value. Hardening curves are brought to the union of their abscissae p.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from romtool.errors import LawError
from romtool.laws.catalogue import (
    COLUMNS,
    EXPONENT,
    FACTOR,
    HYPERBOLIC_SLIP,
    INTERACTIONS,
    LAWS,
    LOG_FACTOR,
    SLIP,
    TERMS,
    THERMAL,
)
from romtool.laws.expansion import expansion_columns
from romtool.laws.states import StateLayout, lay_out
from romtool.laws.validation import (
    Tabulated,
    check_definite,
    check_hardening,
    check_names,
    hardening_curve,
    interaction,
    invalid,
    pairs,
    scalars,
)
from romtool.loading import Material, Plugin
from romtool.types import Floats, Ints


class LawTables(NamedTuple):
    """Parameters of all materials as plain arrays, for numba and for HDF5.

    Parameters
    ----------
    rows: (n_materials + 1,) int64; material k has the rows rows[k]:rows[k+1] of the next two.
    temperatures: (n_rows,) float [temperature], increasing within a material.
    values: (n_rows, TERMS + 2 max. number of terms) float, columns COLUMNS and terms.
    kernel, flow: (n_materials,) int64, family of laws and kind of flow.
    n_terms, n_saturating: (n_materials,) int64, numbers of kinematic terms and of terms Q (1 - exp(-b p)).
    curve_rows: (n_materials + 1,) int64; material k has curve_p[curve_rows[k]:curve_rows[k+1]].
    curve_p: (n_curve,) float, abscissae of the hardening curves.
    curve_starts: (n_materials,) int64; where in curve_stress the (n_temperatures, n_p) block of k starts.
    curve_stress: (n_curve_values,) float [stress].
    from_initial: (n_materials,) int64, 1 where the expansion counts from the initial temperature.
    n_state: (1,) int64, number of internal variables per point.
    state_rows: (n_materials + 1,) int64; material k has state_columns[state_rows[k]:state_rows[k+1]].
    state_columns: int64, columns of the internal variables that are a material's own.
    property_rows, properties: the numbers that a plug-in takes, likewise.
    names: (n_materials, 80) uint8, the name that a plug-in is told.
    words: (n,) uint8, JSON text: names of laws and states, reference temperatures, plug-ins.
    """

    rows: Ints
    temperatures: Floats
    values: Floats
    kernel: Ints
    flow: Ints
    n_terms: Ints
    n_saturating: Ints
    curve_rows: Ints
    curve_p: Floats
    curve_starts: Ints
    curve_stress: Floats
    from_initial: Ints
    n_state: Ints
    state_rows: Ints
    state_columns: Ints
    property_rows: Ints
    properties: Floats
    names: Any
    words: Any


@dataclass(frozen=True)
class _Packed:
    """One material on the union of its temperatures."""

    temperatures: Floats
    values: Floats
    kinematic: Floats
    saturating: Floats
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
    layout = lay_out(materials, [part.kinematic.shape[1] // 2 for part in packed])
    properties = [list(material.plugin.properties.values()) if material.plugin else [] for material in materials]
    sizes = [part.curve_stress.size for part in packed]
    return LawTables(
        rows=_offsets([len(part.temperatures) for part in packed]),
        temperatures=np.concatenate([part.temperatures for part in packed]),
        values=_values(packed),
        kernel=_integers([LAWS[material.law].kernel for material in materials]),
        flow=_integers([_flow(material) for material in materials]),
        n_terms=_integers([part.kinematic.shape[1] // 2 for part in packed]),
        n_saturating=_integers([part.saturating.shape[1] // 2 for part in packed]),
        curve_rows=_offsets([len(part.curve_p) for part in packed]),
        curve_p=np.concatenate([part.curve_p for part in packed]),
        curve_starts=_offsets(sizes)[:-1].copy(),
        curve_stress=np.concatenate([part.curve_stress.ravel() for part in packed]),
        from_initial=_integers([material.from_initial for material in materials]),
        n_state=_integers([layout.n_state]),
        state_rows=_offsets([len(columns) for columns in layout.columns]),
        state_columns=_integers([column for columns in layout.columns for column in columns]),
        property_rows=_offsets([len(numbers) for numbers in properties]),
        properties=np.array([number for numbers in properties for number in numbers], dtype=np.float64),
        names=np.array([_name(material) for material in materials]),
        words=_words(materials, layout),
    )


def state_size(tables: LawTables) -> int:
    """Return the number of internal variables per point, common to all materials of `tables`."""
    return int(tables.n_state[0])


def state_fields(tables: LawTables) -> Mapping[str, slice]:
    """Return name -> columns of the state: p, inelastic_strain, alpha_1, alpha_2, … and what the laws have besides.

    >>> state_fields(build_tables([Material("all", "elastic", {"young": 1.0, "poisson": 0.3})]))
    {'p': slice(0, 1, None), 'inelastic_strain': slice(1, 7, None)}
    """
    return {name: slice(start, stop) for name, (start, stop) in read_words(tables)["states"].items()}


def law_names(tables: LawTables) -> tuple[str, ...]:
    """Return the name of the law of each material."""
    return tuple(read_words(tables)["laws"])


def reference_temperatures(tables: LawTables) -> tuple[float, ...]:
    """Return the reference temperature [temperature] of each material."""
    return tuple(read_words(tables)["references"])


def plugins_of(tables: LawTables) -> tuple[Plugin | None, ...]:
    """Return the plug-in of each material, None for romtool's own laws."""
    entries = read_words(tables)["plugins"]
    return tuple(None if entry is None else _plugin(**entry) for entry in entries)


def _plugin(states: Mapping[str, Sequence[int]], **others: Any) -> Plugin:
    """Return a plug-in from what JSON makes of it."""
    return Plugin(states={name: (first, last) for name, (first, last) in states.items()}, **others)


def read_words(tables: LawTables) -> dict[str, Any]:
    """Return what the tables say in words."""
    return _read(np.asarray(tables.words).tobytes())


@lru_cache(maxsize=64)
def _read(words: bytes) -> dict[str, Any]:
    """Return what JSON says; it is not to be changed."""
    found: dict[str, Any] = json.loads(words)
    return found


def _bytes(text: bytes) -> Any:
    """Return bytes as an array like one read from a file: kernels are compiled anew for one that is read-only."""
    return np.array(np.frombuffer(text, dtype=np.uint8))


def _words(materials: Sequence[Material], layout: StateLayout) -> Any:
    """Return the JSON text of the tables as bytes."""
    words = {
        "laws": [material.law for material in materials],
        "states": layout.fields,
        "references": [_reference(material) for material in materials],
        "plugins": [asdict(material.plugin) if material.plugin else None for material in materials],
    }
    return _bytes(json.dumps(words).encode())


def _name(material: Material) -> Any:
    """Return the (80,) characters of the name that a plug-in is told."""
    name = material.plugin.name if material.plugin else ""
    return _bytes(name.encode("ascii", "replace")[:80].ljust(80))


def _flow(material: Material) -> int:
    flow = LAWS[material.law].flow
    return HYPERBOLIC_SLIP if flow == SLIP and "rate" in material.parameters else flow


def _integers(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _offsets(sizes: Sequence[int]) -> Ints:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def _reference(material: Material) -> float:
    for name in ("reference_temperature", "definition_temperature"):
        if not math.isfinite(getattr(material, name)):
            words = name.replace("_", " ")
            raise invalid(material, f"{words} is {getattr(material, name)}, must be finite")
    return float(material.reference_temperature)


def _values(packed: Sequence[_Packed]) -> Floats:
    """Return the values of all materials: parameters, kinematic terms, saturating terms."""
    n_terms = max(part.kinematic.shape[1] for part in packed)
    n_saturating = max(part.saturating.shape[1] for part in packed)
    parts = [(part.values, _padded(part.kinematic, n_terms), _padded(part.saturating, n_saturating)) for part in packed]
    return np.concatenate([np.hstack(part) for part in parts])


def _padded(values: Floats, width: int) -> Floats:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))


def _pack(material: Material) -> _Packed:
    """Return one material's parameters on the union of all its temperatures."""
    check_names(material)
    tabulated = dict(scalars(material))
    kinematic, saturating = pairs(material, "C", "D"), pairs(material, "Q", "b")
    curve_p, curve = hardening_curve(material)
    grid = _grid(material, [*tabulated.values(), *kinematic, *saturating, curve])
    values = _scalar_values(material, tabulated, grid)
    terms = [_at(tables, grid) for tables in (kinematic, saturating)]
    stress = curve.at(grid)
    check_hardening(material, values, terms[1], curve_p, stress)
    check_definite(material, values)
    return _Packed(grid, values, terms[0], terms[1], curve_p, stress)


def _grid(material: Material, tables: Sequence[Tabulated]) -> Floats:
    """Return the temperatures of all tables; where nothing depends on temperature, the reference one."""
    varying = [table.temperatures for table in tables if not table.is_constant]
    return np.unique(np.concatenate(varying)) if varying else np.array([_reference(material)])


def _at(tables: Sequence[Tabulated], grid: Floats) -> Floats:
    """Return the (n_temperatures, n_tables) values."""
    return np.stack([table.at(grid) for table in tables], axis=1) if tables else np.zeros((len(grid), 0))


def _scalar_values(material: Material, tabulated: Mapping[str, Tabulated], grid: Floats) -> Floats:
    """Return the (n_temperatures, TERMS) parameters and what is derived from them."""
    values = np.zeros((len(grid), TERMS))
    values[:, EXPONENT] = 1.0
    for name, table in tabulated.items():
        values[:, COLUMNS[name]] = table.at(grid)
    values[:, FACTOR] = values[:, COLUMNS["K" if "K" in tabulated else "A"]]
    with np.errstate(divide="ignore"):
        values[:, LOG_FACTOR] = np.log(values[:, FACTOR])
    values[:, THERMAL : THERMAL + 9] = expansion_columns(material, tabulated, grid)
    for name, count in INTERACTIONS.items():
        first = COLUMNS[f"{name} 0"]
        values[:, first : first + count] = interaction(material, name)
    return values
