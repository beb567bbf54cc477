"""Z-set results: `.ut` (the index), `.node`, `.integ`, `.ctnod`, read one time at a time.

The data files hold big-endian float32 without headers: `.node` and `.ctnod` [time][field][node], `.integ`
[time][element][component][point]; nodes and elements are in the order of the mesh file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.convert.zset_mesh import ZsetMesh, read_mesh
from romtool.errors import ReaderError
from romtool.types import CellBlock, FieldInfo, Floats, Ints, Location, Mesh, SolverResults

PRECISION = 6e-8
"""Relative precision of float32."""

N_POINTS = {
    "c3d4": 4,
    "c3d4r": 1,
    "c3d6": 6,
    "c3d6r": 2,
    "c3d8": 8,
    "c3d8r": 1,
    "c3d10": 5,
    "c3d10_4": 4,
    "c3d10r": 1,
    "c3d13": 27,
    "c3d15": 18,
    "c3d15r": 6,
    "c3d20": 27,
    "c3d20r": 8,
}
"""Integration points of Z-set's solid elements."""

_NODAL_NAMES = {"U": "u", "RU": "internal_force", "temperature": "T", "TP": "T"}
_POINT_NAMES = {
    "eto": "strain",
    "sig": "stress",
    "evrcum": "p",
    "epcum": "p",
    "evri": "inelastic_strain",
    "epi": "inelastic_strain",
    "temperature": "T",
}
_TENSOR = {"11": "xx", "22": "yy", "33": "zz", "12": "xy", "23": "yz", "31": "zx"}
_VECTOR = {"1": "x", "2": "y", "3": "z"}


@dataclass(frozen=True)
class UtIndex:
    """What a `.ut` file says.

    Parameters
    ----------
    path, mesh_file: the index, and the mesh file that it names.
    nodal, integ, element: names of the nodal, integration-point and element fields.
    times: (n_times,) output times [time].
    """

    path: Path
    mesh_file: Path
    nodal: tuple[str, ...]
    integ: tuple[str, ...]
    element: tuple[str, ...]
    times: Floats


@dataclass(frozen=True)
class Column:
    """Where the components of a field stand in its file.

    Parameters
    ----------
    components: romtool's names of the components.
    sources: the solver's names.
    indices: their positions among the names of the file.
    """

    components: tuple[str, ...]
    sources: tuple[str, ...]
    indices: tuple[int, ...]


def read_index(path: Path) -> UtIndex:
    """Read a `.ut` file.

    Raises
    ------
    ReaderError: missing, no mesh file named, a damaged line, times that do not increase.
    """
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise ReaderError(f"{path}: the results cannot be read ({error.strerror}); put the file there") from error
    if "\0" in text:
        raise ReaderError(f"{path}: byte {text.index(chr(0))} is zero; expected the text of a .ut of Z-set")
    lines = text.splitlines()
    lists: dict[str, list[str]] = {"meshfile": [], "node": [], "integ": [], "element": []}
    current: list[str] | None = None
    times: list[float] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if line.lstrip().startswith("**"):
            current = lists.setdefault(words[0][2:], [])
            current += words[1:]
        elif words and not _is_number(words[0]) and current is not None:
            current += words
        elif words:
            times.append(_time(path, number, words, times))
    if not lists["meshfile"]:
        raise ReaderError(f"{path}: no line **meshfile in {len(lines)} lines; give the .ut of a Z-set run")
    if not text.endswith("\n"):
        raise ReaderError(f"{path}, line {len(lines)}: expected the end of the line; the file is cut off: take it anew")
    mesh_file = _mesh_file(path.parent / lists["meshfile"][0])
    nodal, integ, element = (tuple(lists[key]) for key in ("node", "integ", "element"))
    return UtIndex(path, mesh_file, nodal, integ, element, np.array(times))


def _mesh_file(named: Path) -> Path:
    """Return the mesh file, in its other form (text .geof, binary .geo) where the one that is named is not there."""
    other = named.with_suffix({".geof": ".geo"}.get(named.suffix, ".geof"))
    return other if not named.is_file() and other.is_file() else named


def _is_number(word: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", word) is not None


def _time(path: Path, number: int, words: list[str], times: list[float]) -> float:
    place = f"{path.name}, line {number}"
    if len(words) != 5 or not all(map(_is_number, words)):
        raise ReaderError(
            f"{place}: {' '.join(words)[:60]!r}, expected index, cycle, sequence, increment and time; it is damaged"
        )
    if times and float(words[4]) <= times[-1]:
        raise ReaderError(
            f"{place}: time {words[4]} after {times[-1]:g}; times must increase: take the repeated output out"
        )
    return float(words[4])


def group_components(names: tuple[str, ...], renamed: Mapping[str, str]) -> dict[str, Column]:
    """Gather numbered names into fields: eto11 … eto31 into strain, U1 U2 U3 into u; others stay single.

    A base with 11, 22, 33 and 12 is a tensor unless it goes on counting (13, or 1): then its members are
    numbered scalars. Only U and RU are vectors.

    Parameters
    ----------
    names: the solver's names in file order.
    renamed: base name -> romtool's name; a name taken already stays the solver's.
    """
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        base, component = _split(name, set(names))
        groups.setdefault(base, {})[component] = name
    fields: dict[str, Column] = {}
    for base, members in groups.items():
        parts = tuple(part for part in (*_TENSOR.values(), *_VECTOR.values(), "") if part in members)
        sources = tuple(members[part] for part in parts)
        target = renamed.get(base, base)
        target = base if target in fields else target
        fields[target] = Column(parts, sources, tuple(names.index(source) for source in sources))
    return fields


def _split(name: str, others: set[str]) -> tuple[str, str]:
    """Return the base and romtool's component of a name; (name, "") where it is a scalar."""
    tensor, vector = name[:-2], name[:-1]
    is_tensor = all(f"{tensor}{ij}" in others for ij in ("11", "22", "33", "12"))
    if is_tensor and name[-2:] in _TENSOR and not {f"{tensor}13", f"{tensor}1"} & others:
        return tensor, _TENSOR[name[-2:]]
    if vector in ("U", "RU") and name[-1] in _VECTOR:
        return vector, _VECTOR[name[-1]]
    return name, ""


@dataclass(frozen=True)
class _Field:
    """A field, the file that holds it and how many names that file has."""

    info: FieldInfo
    path: Path
    n_names: int
    indices: tuple[int, ...]


@dataclass(frozen=True)
class _Store:
    """Reads the fields of one run.

    Parameters
    ----------
    index, ordered: the `.ut` file, the mesh with the order of the files.
    fields: by romtool's names.
    starts: for each block, how many points precede each of its elements in the file.
    n_points: points per element of each block.
    """

    index: UtIndex
    ordered: ZsetMesh
    fields: Mapping[str, _Field]
    starts: tuple[Ints, ...]
    n_points: tuple[int, ...]

    def read(self, name: str, i: int) -> Floats:
        """Return the values of a field at `times[i]`, see `SolverResults.read`."""
        if name not in self.fields:
            raise ReaderError(f"{self.index.path}: no field {name!r}; pick one of {', '.join(self.fields)}")
        if not 0 <= i < len(self.index.times):
            raise ReaderError(f"{self.index.path}: no time {i}; there are {len(self.index.times)}, from 0")
        field = self.fields[name]
        return self._nodal(field, i) if field.info.location == "node" else self._points(field, i)

    def _nodal(self, field: _Field, i: int) -> Floats:
        n_nodes = self.ordered.n_file_nodes
        values = np.empty((len(self.ordered.node_ranks), len(field.indices)))
        for column, index in enumerate(field.indices):
            offset = 4 * n_nodes * (i * field.n_names + index)
            record = np.fromfile(field.path, ">f4", count=n_nodes, offset=offset)
            values[:, column] = record[self.ordered.node_ranks]
        return values

    def _points(self, field: _Field, i: int) -> Floats:
        blocks = list(zip(self.starts, self.n_points, strict=True))
        size = field.n_names * sum(len(starts) * n_points for starts, n_points in blocks)
        record = np.memmap(field.path, dtype=">f4", mode="r", offset=4 * i * size, shape=(size,))
        parts = [_gather(record, field, starts, n_points) for starts, n_points in blocks]
        return np.asarray(np.concatenate(parts), dtype=np.float64)


def _gather(record: NDArray[Any], field: _Field, starts: Ints, n_points: int) -> NDArray[Any]:
    """Return the (n_cells * n_points, n_components) values of the elements behind `starts` points."""
    size, columns = field.n_names * n_points, list(field.indices)
    first = field.n_names * starts
    if len(starts) and np.all(np.diff(first) == size):
        run = record[first[0] : first[0] + len(starts) * size]
        values = run.reshape(len(starts), field.n_names, n_points)[:, columns]
    else:
        inside = np.array(columns)[:, None] * n_points + np.arange(n_points)
        values = record[first[:, None, None] + inside]
    return np.asarray(values).transpose(0, 2, 1).reshape(-1, len(columns))


def open_results(path: Path) -> SolverResults:
    """Open the results of a `.ut` file; values are read when asked for.

    `.ctnod` (point values that Z-set brought to the nodes) gives nodal fields `<name>_nodal`; a point field
    with the name of a nodal one is called `<name>_point`.

    Parameters
    ----------
    path: the `.ut` file; the mesh lies where it says, the data files beside it.

    Raises
    ------
    ReaderError: files missing, or of another length than mesh, fields and times need.
    MeshError: see `read_mesh`.
    """
    index = read_index(path)
    ordered = read_mesh(index.mesh_file)
    warnings = list(ordered.warnings)
    fields = _nodal_fields(index, ordered, ".node", warnings)
    n_points = _points_per_block(index, ordered.mesh, warnings)
    if n_points:
        ordered = replace(ordered, mesh=_with_points(ordered.mesh, n_points, warnings))
        fields |= _point_fields(index, fields)
    fields |= {f"{name}_nodal": field for name, field in _nodal_fields(index, ordered, ".ctnod", []).items()}
    if not fields and index.nodal + index.integ:
        raise ReaderError(f"{path}: no .node, .integ or .ctnod lies beside it; put the data files there")
    if index.element:
        warnings.append(f"{path.name}: element fields {', '.join(index.element)} are not read")
    store = _Store(index, ordered, fields, _starts(ordered, n_points), n_points)
    infos = {name: field.info for name, field in fields.items()}
    paths = tuple(dict.fromkeys((path, index.mesh_file, *(field.path for field in fields.values()))))
    return SolverResults("zset", paths, ordered.mesh, index.times, infos, store.read, tuple(warnings))


def open_mesh(path: Path) -> SolverResults:
    """Open a mesh file as results without times. Raises ReaderError, MeshError."""
    ordered = read_mesh(path)
    index = UtIndex(path, path, (), (), (), np.zeros(0))
    store = _Store(index, ordered, {}, (), ())
    return SolverResults("zset", (path,), ordered.mesh, index.times, {}, store.read, ordered.warnings)


def _nodal_fields(index: UtIndex, ordered: ZsetMesh, suffix: str, warnings: list[str]) -> dict[str, _Field]:
    """Return the fields of the `.node` or `.ctnod` file, none where it is absent or not announced."""
    names, renamed = (index.nodal, _NODAL_NAMES) if suffix == ".node" else (index.integ, _POINT_NAMES)
    path = index.path.with_suffix(suffix)
    if not names:
        return {}
    if not path.exists():
        warnings.append(f"{path.name} is missing: {', '.join(names)} are not read")
        return {}
    counts = f"{len(index.times)} times, {len(names)} fields, {ordered.n_file_nodes} nodes"
    _check_size(path, 4 * len(index.times) * len(names) * ordered.n_file_nodes, counts)
    return _fields(names, renamed, path, "node")


def _point_fields(index: UtIndex, taken: Mapping[str, _Field]) -> dict[str, _Field]:
    path = index.path.with_suffix(".integ")
    fields = _fields(index.integ, _POINT_NAMES, path, "point")
    return {f"{name}_point" if name in taken else name: field for name, field in fields.items()}


def _fields(names: tuple[str, ...], renamed: Mapping[str, str], path: Path, location: Location) -> dict[str, _Field]:
    fields = {}
    for name, column in group_components(names, renamed).items():
        info = FieldInfo(location, column.components, " ".join(column.sources), PRECISION)
        fields[name] = _Field(info, path, len(names), column.indices)
    return fields


def _check_size(path: Path, expected: int, counts: str) -> None:
    found = path.stat().st_size
    if found != expected:
        what = "truncated, or the run has not ended" if found < expected else "of another run"
        raise ReaderError(
            f"{path}: {found} bytes found, {expected} expected ({counts}); it is {what}: "
            "give the files of one complete run"
        )


def _points_per_block(index: UtIndex, mesh: Mesh, warnings: list[str]) -> tuple[int, ...]:
    """Return the points per element of each block; nothing where there is no `.integ` to read."""
    path = index.path.with_suffix(".integ")
    unknown = sorted({block.solver_type for block in mesh.blocks} - set(N_POINTS))
    if not index.integ:
        return ()
    if not path.exists() or unknown:
        why = f"{path.name} is missing" if not path.exists() else f"the points of {', '.join(unknown)} are unknown"
        warnings.append(f"{path.name}: no integration-point fields are read, for {why}")
        return ()
    usual = tuple(N_POINTS[block.solver_type] for block in mesh.blocks)
    reduced = tuple(1 if block.solver_type == "c3d4" else N_POINTS[block.solver_type] for block in mesh.blocks)
    sizes = [_record_size(index, mesh, n_points) * len(index.times) for n_points in (usual, reduced)]
    if path.stat().st_size == sizes[1]:
        return reduced
    _check_size(path, sizes[0], f"{len(index.times)} times, {len(index.integ)} names, {mesh.n_elements} elements")
    return usual


def _record_size(index: UtIndex, mesh: Mesh, n_points: tuple[int, ...]) -> int:
    """Return the bytes of one time in `.integ`."""
    total = sum(len(block.element_ids) * n for block, n in zip(mesh.blocks, n_points, strict=True))
    return 4 * len(index.integ) * total


def _with_points(mesh: Mesh, n_points: tuple[int, ...], warnings: list[str]) -> Mesh:
    """Take the formulation from blocks whose points are not those of romtool's (c3d4 with four)."""
    blocks: list[CellBlock] = []
    for block, n in zip(mesh.blocks, n_points, strict=True):
        differs = block.formulation == "tet4" and n != 1
        blocks.append(replace(block, formulation="") if differs else block)
        if differs:
            warnings.append(
                f"{block.solver_type}: the results have {n} integration points per element, romtool's linear "
                "tetrahedron has one: these elements can be shown, not computed with"
            )
    return replace(mesh, blocks=tuple(blocks))


def _starts(ordered: ZsetMesh, n_points: tuple[int, ...]) -> tuple[Ints, ...]:
    """Return for each block how many points precede each of its elements in the file."""
    if not n_points:
        return ()
    sizes = [len(block.element_ids) for block in ordered.mesh.blocks]
    in_file = np.zeros(sum(sizes), dtype=np.int64)
    in_file[ordered.element_ranks] = np.repeat(n_points, sizes)
    before = (np.cumsum(in_file) - in_file)[ordered.element_ranks]
    return tuple(np.split(before, np.cumsum(sizes)[:-1]))
