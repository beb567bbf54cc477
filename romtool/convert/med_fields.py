"""Fields of a MED file: where they live, at which times, and their values, read one time at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from romtool.convert.array_names import field_values
from romtool.convert.med_blocks import Layout
from romtool.convert.med_file import CellType, open_med, text_of
from romtool.convert.med_names import Columns, columns_of, symbol_of
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, Location

_NAME_WIDTH = 16
_SAME_TIME = 1e-9
_AT_NODES_OF_CELLS = "MED_GAUSS_ELNO"


@dataclass(frozen=True)
class Step:
    """One state of a field: its group in the file, its time and numbers."""

    group: str
    time: float
    number: int


@dataclass(frozen=True)
class FileField:
    """A field as the file has it, at one kind of place.

    Parameters
    ----------
    name: the file's.
    location: where it lives.
    components, units: the file's, one per component.
    steps: its states in increasing number.
    """

    name: str
    location: Location
    components: tuple[str, ...]
    units: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def is_constant(self) -> bool:
        """Tell whether it has one state without a time (MED_NO_DT)."""
        return len(self.steps) == 1 and self.steps[0].number < 0


@dataclass(frozen=True)
class FieldTable:
    """The fields of a file by romtool's names, and their times.

    Parameters
    ----------
    times: (n_times,) float [time].
    infos: name -> description.
    sources: name -> the file's field, the columns, and the group of its state at each time (None: none).
    warnings: sentences for the user.
    """

    times: Floats
    infos: Mapping[str, FieldInfo]
    sources: Mapping[str, tuple[FileField, Columns, tuple[str | None, ...]]]
    warnings: tuple[str, ...]


def find_fields(file: h5py.File, mesh: str, said: list[str]) -> list[FileField]:
    """Return the fields on a mesh, those at integration points with stresses first.

    Parameters
    ----------
    file: opened by `open_med`.
    mesh: its name.
    said: takes a sentence about each field that is left out.
    """
    found = []
    for name, group in file["CHA"].items() if "CHA" in file else ():
        if text_of(group.attrs["MAI"]) == mesh and len(group):
            found += list(_at_each_place(name, group, said))
    return sorted(found, key=lambda field: not symbol_of(field.name).startswith(("SIEF", "SIGM")))


def _at_each_place(name: str, group: h5py.Group, said: list[str]) -> Iterator[FileField]:
    """Yield a field once for each kind of place where it has values."""
    count = int(group.attrs["NCO"])
    components, units = (_words(group.attrs.get(key, b""), count) for key in ("NOM", "UNI"))
    steps = tuple(
        sorted(
            (Step(key, float(s.attrs["PDT"]), int(s.attrs["NDT"])) for key, s in group.items()),
            key=lambda step: (step.number, step.group),
        )
    )
    places = {place for part in group[steps[0].group].items() for place in _places(*part)}
    if None in places:
        said.append(f"{name}: values at the nodes of each cell, or at points without a localisation, are left out")
    yield from (FileField(name, p, components, units, steps) for p in sorted(places - {None}, key=str) if p)


def _places(entity: str, group: h5py.Group) -> Iterator[Location | None]:
    """Yield where the values of an entity live: nodes, elements, points; None for what is not read."""
    if entity == "NOE":
        yield "node"
    elif entity.startswith("MAI."):
        for part in group.values():
            rule = text_of(part.attrs["GAU"])
            single = int(part.attrs["NGA"]) == 1 and not rule
            at_points: Location | None = "point" if rule and rule != _AT_NODES_OF_CELLS else None
            yield "element" if single else at_points
    else:
        yield None


def _words(value: object, count: int) -> tuple[str, ...]:
    """Return names of components or units, 16 characters each."""
    raw = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return tuple(raw[i * _NAME_WIDTH : (i + 1) * _NAME_WIDTH].strip(" \0") for i in range(count))


def tabulate(fields: Sequence[FileField], path: Path) -> FieldTable:
    """Give the fields romtool's names and put them on common times.

    The times are those of the displacement, else all that any field has; a field is NaN at times that it lacks.

    Raises
    ------
    ReaderError: two states of a field at one time and with one number.
    """
    said: list[str] = []
    stamped = [field for field in fields if not field.is_constant]
    by_number = any((np.diff([step.time for step in field.steps]) <= 0.0).any() for field in stamped)
    if by_number:
        said.append("times of the file do not increase: the numbers of its states are taken as times")
    named = _named(fields)
    leading = [entry[0] for name, entry in named.items() if name == "u" and not entry[0].is_constant] or stamped
    stamps = [float(s.number) if by_number else s.time for field in leading for s in field.steps]
    times = _distinct(np.array(stamps if stamped else [0.0] * bool(fields), dtype=np.float64))
    infos, sources = {}, {}
    for name, (field, columns) in named.items():
        groups = _groups_at(field, times, by_number, path)
        unit = next((field.units[i] for i in columns.positions[:1]), "")
        infos[name] = FieldInfo(field.location, columns.components, field.name, unit=unit)
        sources[name] = (field, columns, groups)
    holes = sorted(name for name, (_, _, groups) in sources.items() if None in groups)
    if holes:
        said.append(f"{', '.join(holes)} is not written at every time; it is NaN where it is missing")
    return FieldTable(times, infos, sources, tuple(said))


def _named(fields: Sequence[FileField]) -> dict[str, tuple[FileField, Columns]]:
    """Return romtool's name, else the file's -> field; the first of a name has it, later ones keep the file's."""
    named: dict[str, tuple[FileField, Columns]] = {}
    for field in fields:
        for columns in columns_of(symbol_of(field.name), field.components):
            own = columns.name not in ("u", "T") or field.location == "node"
            free = [n for n in (columns.name if own else "", symbol_of(field.name), field.name) if n and n not in named]
            named[free[0] if free else f"{field.name}_{field.location}"] = (field, columns)
    return named


def _distinct(times: Floats) -> Floats:
    """Return the times in increasing order, those within 1e-9 of the duration once."""
    ordered = np.unique(times)
    duration = float(ordered[-1] - ordered[0]) if len(ordered) else 0.0
    return ordered[np.concatenate([[True], np.diff(ordered) > _SAME_TIME * duration])[: len(ordered)]]


def _groups_at(field: FileField, times: Floats, by_number: bool, path: Path) -> tuple[str | None, ...]:
    """Return the group of the field's state at each time, None where it has none."""
    if field.is_constant:
        return (field.steps[0].group,) * len(times)
    stamps = np.array([float(step.number) if by_number else step.time for step in field.steps])
    again = np.flatnonzero(np.diff(stamps) <= 0.0)
    if len(again):
        raise ReaderError(
            f"{path}: field {field.name} has two states with number {field.steps[again[0]].number}; expected one per "
            "time: write converged states only"
        )
    tolerance = _SAME_TIME * float(times[-1] - times[0])
    at = np.argmin(np.abs(stamps[None] - times[:, None]), axis=1)
    near = np.abs(stamps[at] - times) <= tolerance
    return tuple(field.steps[k].group if hit else None for k, hit in zip(at, near, strict=True))


@dataclass(frozen=True)
class FieldValues:
    """`read(name, i)` of a MED file.

    Parameters
    ----------
    path: the file.
    table: its fields.
    layout: where the rows of nodes, elements and points are.
    """

    path: Path
    table: FieldTable
    layout: Layout

    def __call__(self, name: str, index: int) -> Floats:
        """Return field `name` at `times[index]` (see `romtool.types.SolverResults`)."""
        field, columns, groups = self.table.sources[name]
        info, key = self.table.infos[name], groups[range(len(groups))[index]]
        rows = {"node": self.layout.node_rows, "element": self.layout.cell_rows}.get(field.location)
        sizes = {"node": self.layout.n_file_nodes, "element": self.layout.n_cells, "point": self.layout.n_points}
        out = np.full((sizes[field.location], len(columns.positions)), np.nan)
        if key is not None:
            with open_med(self.path) as file:
                for part in state_parts(file, file["CHA"][field.name][key], self.layout.cell_types):
                    self._fill(out, field, columns, part)
        return out if rows is None else field_values(out, rows, info)

    def _fill(self, out: Floats, field: FileField, columns: Columns, part: "Part") -> None:
        """Put the values of one cell type and profile in their rows."""
        count = len(field.components)
        if (part.kind is None) != (field.location == "node"):
            return
        values = np.asarray(part.dataset[()], dtype=np.float64).reshape(count, -1)[list(columns.positions)].T
        if field.location == "point":
            self.layout.fill_points(out, part.rows, part.rule, values)
        elif not part.rule:
            out[part.rows] = values


@dataclass(frozen=True)
class Part:
    """The values of one entity and profile.

    Parameters
    ----------
    kind: cell type; None for nodes.
    rows: (n,) of the file's nodes or cells.
    rule: name of the localisation, "" where there is none.
    dataset: their values, component after component.
    """

    kind: CellType | None
    rows: Ints
    rule: str
    dataset: h5py.Dataset


def state_parts(file: h5py.File, step: h5py.Group, cell_types: Sequence[CellType]) -> Iterator[Part]:
    """Yield the values of a state, entity by entity and profile by profile; none is read.

    Parameters
    ----------
    file: opened by `open_med`.
    step: the group of the state.
    cell_types: the cells of the mesh.
    """
    kinds = {f"MAI.{kind.name}": kind for kind in cell_types}
    for entity, group in step.items():
        if entity == "NOE" or entity in kinds:
            kind = kinds.get(entity)
            for profile, part in group.items():
                rows = _profile_rows(file, profile, int(part.attrs["NBR"])) + (kind.start if kind else 0)
                yield Part(kind, rows, text_of(part.attrs["GAU"]), part["CO"])


def _profile_rows(file: h5py.File, profile: str, count: int) -> Ints:
    """Return the rows, from 0, that a profile names; without a profile the first `count`."""
    if "PROFILS" in file and profile in file["PROFILS"]:
        return np.asarray(file["PROFILS"][profile]["PFL"][()], dtype=np.int64) - 1
    return np.arange(count)
