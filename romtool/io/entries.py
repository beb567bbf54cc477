"""What acts on a structure as a case or load file says it: the values of `romtool.loading`, with field files
still to be read, and the reading of these files through a function of the caller.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np

from romtool.constraints import (
    Constraint,
    CyclicSymmetry,
    Equations,
    LocalSupport,
    MeanMotion,
    RigidBody,
    Tie,
)
from romtool.errors import CaseError
from romtool.io.schema import entry_name
from romtool.io.schema_constraints import ConstraintEntry
from romtool.io.schema_loading import (
    AdaptiveTable,
    DirichletEntry,
    InitialEntry,
    LoadEntry,
    MaterialEntry,
    OrientationTable,
    TableEntry,
    TemperaturePoint,
    TemperatureTable,
    TimeTable,
)
from romtool.io.validation import did_you_mean
from romtool.loading import (
    Adaptive,
    Dirichlet,
    Load,
    Loading,
    Material,
    Orientation,
    Plugin,
    Stop,
    Table,
    Temperature,
    TemperatureEntry,
)
from romtool.types import Floats

Item = TypeVar("Item")

_UNKNOWNS = ("x", "y", "z", "rx", "ry", "rz")


class FieldReader(Protocol):
    """Reads one scalar field from a file of any known format; the caller of `romtool.io` brings it."""

    def __call__(
        self,
        path: Path,
        name: str | None,
        region: str | None = None,
        on: Literal["face", "node"] = "node",
        mesh: Path | None = None,
    ) -> Floats:
        """Return the values of a field.

        Parameters
        ----------
        path: the file.
        name: the field's name; None is the temperature T, or the only field of the file. For a pressure it is
            the load's name, which matters only where the file holds several fields.
        region: None for all nodes; the side set of a pressure.
        on: what a pressure runs over.
        mesh: the mesh that the field lives on, where that is not the case's own.

        Returns
        -------
        (n_nodes,) in ascending node id; with `region`, (n_faces,) in the set's order, or (n,) in the order of
        `unique_nodes` of the set.
        """
        ...


@dataclass(frozen=True)
class LoadSource:
    """A load; `field` is the file of its pressure, on `mesh` or the case's own, and `load.value` NaN until then."""

    load: Load
    field: Path | None = None
    mesh: Path | None = None

    @property
    def name(self) -> str:
        """Return the load's name."""
        return self.load.name

    def read(self, read_field: FieldReader) -> Load:
        """Return the complete load."""
        if self.field is None:
            return self.load
        values = read_field(self.field, self.load.name, self.load.region, self.load.on, self.mesh)
        return replace(self.load, value=values)


@dataclass(frozen=True)
class EntrySource:
    """A temperature entry; `field` is its file, on `mesh` or the case's own, and `entry.value` NaN until then."""

    entry: TemperatureEntry
    field: Path | None = None
    field_name: str | None = None
    mesh: Path | None = None

    @property
    def key(self) -> tuple[Path | None, str | None, Path | None]:
        """Return what tells its field from others."""
        return self.field, self.field_name, self.mesh


@dataclass(frozen=True)
class TemperatureSource:
    """A temperature whose field files are still to be read."""

    initial: float
    entries: tuple[EntrySource, ...]

    def read(self, read_field: FieldReader) -> Temperature:
        """Return the complete temperature; each field is read once and shared by the entries that use it."""
        sources = {source.key: source for source in self.entries if source.field is not None}
        fields = {
            key: read_field(source.field, source.field_name, mesh=source.mesh)
            for key, source in sources.items()
            if source.field is not None
        }
        entries = tuple(
            source.entry if source.field is None else replace(source.entry, value=fields[source.key])
            for source in self.entries
        )
        return Temperature(self.initial, entries)


@dataclass(frozen=True)
class InitialSource:
    """An entry of [initial].

    Parameters
    ----------
    field: "stress", "inelastic_strain" or "p".
    elements: element set, or "all".
    value: (n_components,) float, or None where `file` has the values at the points.
    file: a solution, a result, or a .npy file. name: of the field in it.
    """

    field: str
    elements: str
    value: Floats | None
    file: Path | None
    name: str


@dataclass(frozen=True)
class TimeSource:
    """[time]: increments, intervals without viscous flow, how a reduced march goes on; None where not given."""

    points: Floats | None
    rate_independent: tuple[tuple[float, float], ...] | None
    stop: Stop | None = None
    adaptive: Adaptive | Literal[False] | None = None


def material_of(entry: MaterialEntry, folder: Path) -> Material:
    """Return a material; paths are relative to `folder`. Raises CaseError for a file of orientations."""
    return Material(
        elements=entry.elements,
        law=entry.law,
        parameters=dict(entry.parameters),
        density=entry.density,
        reference_temperature=entry.reference_temperature,
        convention=entry.convention,
        definition_temperature=entry.definition_temperature or 0.0,
        orientation=orientation_of(entry.orientation, folder) if entry.orientation else None,
        plugin=plugin_of(entry, folder) if entry.library else None,
    )


def plugin_of(entry: MaterialEntry, folder: Path) -> Plugin:
    """Return the library of a law; its path is relative to `folder`."""
    given = entry.states or {}
    states = {
        name: (n, n) if isinstance(n, int) else (n[0], n[1]) for name, n in given.items() if not isinstance(n, str)
    }
    numbers = {str(i): float(number) for i, number in enumerate(entry.props or (), 1)}
    return Plugin(
        library=str((folder / (entry.library or "")).resolve()),
        function=entry.function or entry.behaviour or "umat",
        name=entry.name or entry.elements.upper(),
        n_state=entry.n_state or 0,
        states=states,
        properties=entry.properties or numbers,
        renamed={name: n for name, n in given.items() if isinstance(n, str)},
    )


def orientation_of(table: OrientationTable, folder: Path) -> Orientation:
    """Return local axes; the path of a file is relative to `folder`. Raises CaseError."""
    if table.axes is not None:
        return Orientation("axes", np.array(table.axes, dtype=np.float64))
    if table.euler is not None:
        return Orientation("euler", np.array(table.euler, dtype=np.float64))
    if table.file is None:
        return Orientation("cylindrical", np.array([table.point, table.axis], dtype=np.float64))
    path = folder / table.file
    try:
        values = np.loadtxt(path, delimiter="," if path.suffix.lower() == ".csv" else None, ndmin=2)
    except (OSError, ValueError) as error:
        raise CaseError(f"{path}: {error}; expected lines of an element id and three Bunge angles") from error
    if values.shape[1] != 4 or not np.isfinite(values).all():
        raise CaseError(
            f"{path}: {values.shape[1]} columns; expected an element id and three Bunge angles in each line"
        )
    return Orientation("elements", values)


def dirichlet_of(entry: DirichletEntry) -> Dirichlet:
    """Return a prescribed displacement."""
    components = tuple(sorted({"xyz".index(component) for component in entry.components}))
    return Dirichlet(entry_name(entry), entry.nodes, components, entry.value, entry.table)


def constraint_of(entry: ConstraintEntry, place: str) -> Constraint:
    """Return a constraint; `place` is the file, for messages."""
    point, axis, nodes = _vector(entry.point), _vector(entry.axis), entry.nodes or ""
    components = tuple(sorted({"xyz".index(component) for component in entry.components}))
    match entry.kind:
        case "rigid":
            return RigidBody(entry.name, place, nodes, entry.reference or 0, point, None, components)
        case "mean":
            return MeanMotion(entry.name, place, nodes, entry.reference or 0, point)
        case "tie":
            return Tie(entry.name, place, entry.slave or "", entry.master or "", entry.tolerance)
        case "cyclic" if point is not None and axis is not None:
            sets = (entry.slave or "", entry.master or "")
            return CyclicSymmetry(entry.name, place, *sets, entry.sectors or 0, point, axis, entry.tolerance)
        case "local":
            kind, values = ("axes", entry.axes) if entry.axes else ("cylindrical", [entry.point, entry.axis])
            local = tuple(sorted({direction - 1 for direction in entry.directions or ()}))
            axes = np.array(values, dtype=np.float64)
            return LocalSupport(entry.name, place, nodes, kind, axes, local, entry.value, entry.table)
    ids, names, coefficients = zip(*(entry.terms or []), strict=True)
    return Equations(
        entry.name,
        place,
        np.array([0, len(ids)]),
        np.array(ids, dtype=np.int64),
        np.array([_UNKNOWNS.index(str(name)) for name in names], dtype=np.int64),
        np.array(coefficients, dtype=np.float64),
        np.array([entry.value]),
        entry.table,
    )


def load_of(entry: LoadEntry, folder: Path) -> LoadSource:
    """Return a load; paths are relative to `folder`."""
    region = entry.faces if entry.kind in ("pressure", "traction") else entry.elements
    load = Load(
        entry_name(entry),
        entry.kind,
        region or "all",
        _load_value(entry),
        entry.on,
        _vector(entry.point),
        _vector(entry.axis),
        entry.table,
    )
    return LoadSource(load, *(folder / name if name else None for name in (entry.field, entry.mesh)))


def _load_value(entry: LoadEntry) -> float | Floats:
    """Return omega, the pressure, the vector, or NaN for a file."""
    value = entry.omega if entry.kind == "centrifugal" else entry.value
    if value is None:
        return math.nan
    return np.array(value) if isinstance(value, list) else value


def _vector(values: Sequence[float] | None) -> Floats | None:
    """Return a (3,) array."""
    return None if values is None else np.array(values, dtype=np.float64)


def table_of(entry: TableEntry) -> Table:
    """Return an amplitude."""
    return Table(entry.name, np.array(entry.points, dtype=np.float64), entry.cycles)


def temperature_of(table: TemperatureTable, folder: Path) -> TemperatureSource:
    """Return a temperature; paths are relative to `folder`."""
    return TemperatureSource(table.initial, tuple(_entry_of(entry, folder) for entry in table.entries))


def _entry_of(point: TemperaturePoint, folder: Path) -> EntrySource:
    """Return one temperature entry."""
    value = point.expression if point.value is None else point.value
    entry = TemperatureEntry(point.time, math.nan if value is None else value, point.scale, point.offset)
    field, mesh = (folder / name if name else None for name in (point.field, point.mesh))
    return EntrySource(entry, field, point.name, mesh)


def initial_of(entry: InitialEntry, folder: Path) -> InitialSource:
    """Return an entry of [initial]; paths are relative to `folder`."""
    value = None if entry.value is None else np.atleast_1d(np.array(entry.value, dtype=np.float64))
    file = folder / entry.file if entry.file else None
    return InitialSource(entry.field, entry.elements, value, file, entry.name or entry.field)


def time_of(table: TimeTable) -> TimeSource:
    """Return the times."""
    points = None if table.points is None else np.array(table.points, dtype=np.float64)
    given, choice = table.rate_independent, table.adaptive
    intervals = None if given is None else tuple((a, b) for a, b in sorted(given))
    stop = None if table.stop is None else Stop(table.stop.tolerance, table.stop.cycles)
    adaptive: Adaptive | Literal[False] | None = None
    if isinstance(choice, AdaptiveTable):
        adaptive = Adaptive(choice.tolerance, choice.strain_increment)
    elif choice is not None:
        adaptive = Adaptive() if choice else False
    return TimeSource(points, intervals, stop, adaptive)


def put(existing: Sequence[Item], entries: Sequence[Item], key: Callable[[Item], str]) -> tuple[Item, ...]:
    """Put whole entries into a list: one with a known key replaces what has it, others come at the end."""
    kept = list(existing)
    for entry in entries:
        places = [i for i, item in enumerate(kept) if key(item) == key(entry)]
        kept = [item for i, item in enumerate(kept) if i not in places[1:]]
        if places:
            kept[places[0]] = entry
        else:
            kept.append(entry)
    return tuple(kept)


def check_tables(loading: Loading, path: Path) -> None:
    """Raise CaseError where a load or a prescribed displacement uses a table that does not exist."""
    known = [table.name for table in loading.tables]
    users = [("dirichlet", d.name, d.table) for d in loading.dirichlet]
    users += [("loads", load.name, load.table) for load in loading.loads]
    constraints = [entry for entry in loading.constraints if isinstance(entry, Equations | LocalSupport)]
    users += [("constraints", entry.name, entry.table) for entry in constraints]
    for what, name, table in users:
        if table is not None and table not in known:
            raise CaseError(f'{path}: [[{what}]] "{name}" uses the table "{table}"; {did_you_mean(table, known)}')
