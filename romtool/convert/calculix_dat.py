"""Integration-point tables of CalculiX' `.dat` file (`*EL PRINT`), indexed by time and read when asked for.

A table has a title, the quantity, the set and the time, then one row per point: element, local point,
values in E13.6. Tensors come as xx yy zz xy *xz yz* and leave as xx yy zz xy yz zx. Where a row ends with
the name of an orientation the values are in local axes; such fields are called `<name>_local`.
"""

import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from romtool.convert.parts import POINTS, rows_of
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, Mesh

Text = NDArray[np.bytes_]

PRECISION = 5e-7
"""Relative precision of the seven digits."""

_MARK = b"(elem, integ.pnt.,"
_TITLE = re.compile(rb"^ *(.+?) *\(elem, integ\.pnt\.,([^)\n]*)\) *for set (.+?) and time +(\S+) *$")
_LOST_E = re.compile(rb"(?<=\d)([+-]\d{3})(?=\s|$)")
_TENSOR = ("xx", "yy", "zz", "xy", "yz", "zx")
_TENSOR_ORDER = (0, 1, 2, 3, 5, 4)
_NAMES: Mapping[str, tuple[str, str]] = {
    "strains": ("strain", "E"),
    "mechanical strains": ("mechanical_strain", "ME"),
    "stresses": ("stress", "S"),
    "equivalent plastic strain": ("p", "PEEQ"),
    "global coordinates": ("COORD", "COORD"),
    "internal state variables": ("SDV", "SDV"),
    "internal energy density": ("ENER", "ENER"),
    "heat flux": ("HFL", "HFL"),
}
_HEAD = 14
_FIELD = 14


@dataclass(frozen=True)
class Table:
    """One table: field name, set and time [time] of its title, and the bytes between which its rows are."""

    name: str
    source: str
    components: tuple[str, ...]
    set_name: str
    time: float
    start: int
    stop: int


@dataclass(frozen=True)
class DatIndex:
    """The integration-point tables of a file, in file order."""

    path: Path
    tables: tuple[Table, ...]

    @property
    def times(self) -> Floats:
        """Return the distinct times, ascending."""
        times: Floats = np.unique(np.array([table.time for table in self.tables], dtype=np.float64))
        return times


def read_index(path: Path) -> DatIndex:
    """Return the tables of a `.dat` file without reading their numbers.

    Raises
    ------
    ReaderError: the file cannot be read, or its last table is cut off.
    """
    try:
        if not Path(path).stat().st_size:
            return DatIndex(Path(path), ())
        with Path(path).open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
            tables = _tables(Path(path), view)
            _check_complete(Path(path), view, tables)
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); expected a CalculiX .dat file") from error
    return DatIndex(Path(path), tuple(tables))


def has_tables(path: Path) -> bool:
    """Tell whether a file begins with a table of `*EL PRINT` or `*NODE PRINT`."""
    try:
        with Path(path).open("rb") as stream:
            return re.search(rb"^ .+\bfor set .+ and time +\S+ *$", stream.read(1 << 12), re.MULTILINE) is not None
    except OSError:
        return False


def _tables(path: Path, view: mmap.mmap) -> list[Table]:
    """Find all titles; a table reaches at most to the next one."""
    lines, at = [], view.find(_MARK)
    while at >= 0:
        begin, end = view.rfind(b"\n", 0, at) + 1, view.find(b"\n", at)
        lines.append((begin, end if end >= 0 else len(view)))
        at = view.find(_MARK, at + 1)
    stops = [begin for begin, _ in [*lines, (len(view), 0)]][1:]
    return [_table(path, view[b:e], e, max(e, stop)) for (b, e), stop in zip(lines, stops, strict=True)]


def _table(path: Path, line: bytes, start: int, stop: int) -> Table:
    """Return the table of one title line."""
    match = _TITLE.match(line.rstrip(b"\r"))
    if match is None:
        raise ReaderError(
            f"{path}: found {line.decode('latin-1')!r} at byte {start}, expected the title of a table with set and "
            "time; the file is damaged: run CalculiX again"
        )
    title, columns, set_name, time = (group.decode("latin-1").strip() for group in match.groups())
    name, source = _NAMES.get(title, (title.replace(" ", "_"), title))
    try:
        value = float(time)
    except ValueError as error:
        raise ReaderError(f"{path}: found the time {time!r} at byte {start}, expected a number") from error
    return Table(name, source, _components(columns), set_name, value, start, stop)


def _components(columns: str) -> tuple[str, ...]:
    """Return the components that a title's column names stand for; () where the rows have to say it."""
    names = [column.strip() for column in columns.split(",")]
    if len(names) == 6:
        return _TENSOR
    if len(names) == 3:
        return ("x", "y", "z")
    return () if names == ["values"] else ("",)


def _body(view: mmap.mmap | bytes, start: int, stop: int) -> bytes:
    """Return the rows of a table: from the first filled line to the next empty one."""
    text = view[start:stop].replace(b"\r", b"").lstrip(b"\n")
    end = re.search(rb"\n[ ]*\n", text)
    return text[: end.start() + 1] if end else text


def _check_complete(path: Path, view: mmap.mmap, tables: Sequence[Table]) -> None:
    """Raise a ReaderError where the last table is shorter than the one of the same kind before it."""
    if not tables:
        return
    last = tables[-1]
    body = _body(view, last.start, last.stop)
    same = [t for t in tables[:-1] if (t.name, t.set_name) == (last.name, last.set_name)]
    whole = not same or body.count(b"\n") >= _body(view, same[-1].start, same[-1].stop).count(b"\n")
    if not body.endswith(b"\n") or not whole:
        raise ReaderError(
            f"{path}: the table of {last.source} at time {last.time:g} is cut off; the run was stopped while it "
            "wrote: run CalculiX again or remove the last table"
        )


@dataclass(frozen=True)
class Rows:
    """The rows of a table: element ids (n,), local points from 1 (n,), values (n, c), and if axes are local."""

    elements: Ints
    points: Ints
    values: Floats
    local_axes: bool


def read_rows(path: Path, table: Table) -> Rows:
    """Return the rows of one table in the file's order of components. Raises ReaderError."""
    with Path(path).open("rb") as stream:
        stream.seek(table.start)
        body = _body(stream.read(table.stop - table.start), 0, table.stop - table.start)
    lines = np.array(body.split(b"\n")[:-1], dtype=np.bytes_)
    if not len(lines):
        return Rows(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, len(table.components))), False)
    chars = lines.view("S1").reshape(len(lines), -1)
    width, local = _row_width(body, chars.shape[1], table)
    try:
        ids = _columns(chars, 0, 10, 1)[:, 0].astype(np.int64)
        points = _columns(chars, 10, 4, 1)[:, 0].astype(np.int64)
        values = _numbers(_columns(chars, _HEAD, _FIELD, width))
    except (ValueError, IndexError) as error:
        raise ReaderError(
            f"{path}: the table of {table.source} at time {table.time:g} is damaged: {error}; run CalculiX again"
        ) from error
    return Rows(ids, points, values, local)


def _row_width(body: bytes, length: int, table: Table) -> tuple[int, bool]:
    """Return the number of values in a row, and whether names of orientations follow them."""
    first = body[: body.index(b"\n")]
    width = len(table.components) or len(re.findall(rb"\d[.]\d+", first))
    return width, length > _HEAD + _FIELD * width


def _columns(chars: Text, start: int, width: int, count: int) -> Text:
    """Return (n_rows, count) byte strings of `width` characters from column `start`."""
    part = np.ascontiguousarray(chars[:, start : start + width * count])
    if part.shape[1] != width * count:
        raise ValueError(f"its rows are shorter than {start + width * count} characters")
    return part.view(f"S{width}").reshape(len(chars), count)


def _numbers(fields: Text) -> Floats:
    """Return numbers; a three-digit exponent may have lost its E."""
    try:
        return fields.astype(np.float64)
    except ValueError:
        flat = [_LOST_E.sub(rb"E\1", field) for field in fields.ravel().tolist()]
        return np.array(flat, dtype=np.bytes_).astype(np.float64).reshape(fields.shape)


@dataclass(frozen=True)
class PointMap:
    """Rows of point fields: elements of a mesh by id.

    Parameters
    ----------
    ids: (n_elements,) ascending element ids.
    first: (n_elements,) row of the first point of each.
    counts: (n_elements,) number of points of each, 0 where the formulation is "".
    total: number of rows.
    """

    ids: Ints
    first: Ints
    counts: Ints
    total: int

    def rows(self, path: Path, elements: Ints, points: Ints) -> Ints:
        """Return the row of each (element, local point from 1), -1 in elements without points.

        Raises
        ------
        ReaderError: an element that the mesh does not have, or a point that its type does not have.
        """
        at = rows_of(self.ids, elements)
        if (at < 0).any():
            bad = int(elements[int(np.argmax(at < 0))])
            raise ReaderError(f"{path}: holds element {bad}, which the mesh does not have; is the file of another run?")
        wrong = (points > self.counts[at]) & (self.counts[at] > 0)
        if wrong.any():
            k = int(np.argmax(wrong))
            raise ReaderError(
                f"{path}: holds point {points[k]} of element {elements[k]}, whose type has {self.counts[at[k]]}; "
                "is the deck of another run?"
            )
        return np.where(self.counts[at] > 0, self.first[at] + points - 1, -1)


def point_map(mesh: Mesh) -> PointMap:
    """Return where the integration points of each element are in a point field."""
    counts = np.concatenate([np.full(len(b.element_ids), POINTS[b.formulation]) for b in mesh.blocks])
    first = np.cumsum(counts) - counts
    order = np.argsort(mesh.element_ids, kind="stable")
    return PointMap(mesh.element_ids[order], first[order], counts[order], int(counts.sum()))


@dataclass(frozen=True)
class PointFields:
    """The tables of a file as point fields of a mesh.

    Parameters
    ----------
    index, points: the file and the rows.
    tables: field name -> its tables.
    fields: field name -> what it is.
    warnings: sentences for the user.
    """

    index: DatIndex
    points: PointMap
    tables: Mapping[str, tuple[Table, ...]]
    fields: Mapping[str, FieldInfo]
    warnings: tuple[str, ...]

    def read(self, name: str, time: float | None, tolerance: float) -> Floats:
        """Return the (n_points, n_components) values at a time, NaN where nothing was printed.

        `time` None: the initial state: 0 where the field is printed first (COORD: the first values).
        """
        out = np.full((self.points.total, len(self.fields[name].components)), np.nan)
        wanted = self.tables[name][0].time if time is None else time
        for table in self.tables[name]:
            if abs(table.time - wanted) <= tolerance:
                rows = read_rows(self.index.path, table)
                at = self.points.rows(self.index.path, rows.elements, rows.points)
                values = rows.values[:, list(_TENSOR_ORDER)] if table.components == _TENSOR else rows.values
                if values.shape[1] != out.shape[1]:
                    raise ReaderError(
                        f"{self.index.path}: the table of {name} at byte {table.start} has {values.shape[1]} columns, "
                        f"the first one {out.shape[1]}; the file is damaged: run CalculiX again"
                    )
                initial = time is None and name != "COORD"
                out[at[at >= 0]] = 0.0 if initial else values[at >= 0]
        return out


def point_fields(index: DatIndex, mesh: Mesh) -> PointFields:
    """Return the point fields that the tables of a file give on a mesh.

    Parameters
    ----------
    index: the tables.
    mesh: the mesh; elements whose formulation is "" have no points and their rows are left out.

    Raises
    ------
    ReaderError: a first table that is damaged.
    """
    points = point_map(mesh)
    grouped: dict[str, list[Table]] = {}
    for table in index.tables if points.total else ():
        grouped.setdefault(table.name, []).append(table)
    tables: dict[str, tuple[Table, ...]] = {}
    fields: dict[str, FieldInfo] = {}
    warnings: list[str] = []
    for name, group in grouped.items():
        found = [read_rows(index.path, table) for table in group if table.time == group[0].time]
        local = any(rows.local_axes for rows in found) and group[0].components == _TENSOR
        if local:
            warnings.append(
                f"{index.path.name}: {group[0].source} is in local axes (orientations); it is called {name}_local "
                "and must not be compared with global components: print it with GLOBAL=YES"
            )
        components = group[0].components or tuple(str(i + 1) for i in range(found[0].values.shape[1]))
        key = name + "_local" * local
        tables[key] = tuple(group)
        fields[key] = FieldInfo("point", components, group[0].source, PRECISION)
    return PointFields(index, points, tables, fields, tuple(warnings))
