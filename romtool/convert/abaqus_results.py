"""Results of Abaqus (`.fil`, ASCII) as a history, one increment at a time.

Nodes and elements have the numbers that Abaqus gives them over all instances, as in its `.dat`; the deck reader
counts in the same way. Tensors come as 11 22 33 12 13 23, strains with engineering shear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.convert.abaqus_assembly import read_mesh
from romtool.convert.abaqus_records import Chunk, FilIndex, Increment, point_records, read_chunk, read_index
from romtool.convert.abaqus_types import find_type
from romtool.convert.parts import POINTS, Part, assemble, rows_of, set_rows
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, Mesh, SolverResults

_NODAL = {"u": (101, 3), "T": (201, 1), "reaction": (104, 3)}
"""Field -> record key and number of components at nodes."""
_POINT = {"stress": (11, 1.0), "strain": (21, 0.5)}
"""Field -> record key and factor on its shear at integration points."""
_TENSOR_ORDER = (0, 1, 2, 3, 5, 4)
_COMPONENTS = {1: ("",), 3: ("x", "y", "z"), 6: ("xx", "yy", "zz", "xy", "yz", "zx")}
_ASSEMBLY = "ASSEMBLY_"
_PRECISION = 1e-15


@dataclass(frozen=True)
class History:
    """Reads values by field name and time index; index 0 is the added initial state where `offset` is 1."""

    path: Path
    mesh: Mesh
    offset: int
    increments: tuple[Increment, ...]

    def read(self, name: str, index: int) -> Floats:
        """Return field `name` at time `index` (see `romtool.types.SolverResults`), NaN where there is none."""
        if index < self.offset:
            return self._initial(name)
        chunk = read_chunk(self.path, self.increments[index - self.offset])
        return _at_nodes(chunk, self.mesh, name) if name in _NODAL else _at_points(chunk, self.mesh, name)

    def _initial(self, name: str) -> Floats:
        """Return the added initial state."""
        if name in _POINT:
            return np.zeros((int(_first_points(self.mesh)[-1]), 6))
        return np.full((self.mesh.n_nodes, _NODAL[name][1]), np.nan if name == "T" else 0.0)


def _at_nodes(chunk: Chunk, mesh: Mesh, name: str) -> Floats:
    """Return a nodal field; a plane displacement has z = 0."""
    key, width = _NODAL[name]
    ids, values = chunk.table(key)
    out = np.full((mesh.n_nodes, width), np.nan)
    rows = rows_of(mesh.node_ids, ids)
    known = rows >= 0
    out[rows[known]] = 0.0
    columns = min(width, values.shape[1])
    out[rows[known], :columns] = values[known][:, :columns]
    return out


def _at_points(chunk: Chunk, mesh: Mesh, name: str) -> Floats:
    """Return a tensor at integration points."""
    key, factor = _POINT[name]
    first = _first_points(mesh)
    out = np.full((int(first[-1]), 6), np.nan)
    elements, points, location, values = point_records(chunk, key)
    order = np.argsort(mesh.element_ids, kind="stable")
    at = rows_of(mesh.element_ids[order], elements)
    index = np.where(at >= 0, order[at], 0)
    counts = np.diff(first)
    kept = (at >= 0) & (location == 0) & (points >= 1) & (points <= counts[index])
    if kept.any() and values.shape[1] >= 6:
        tensor = values[kept][:, list(_TENSOR_ORDER)]
        tensor[:, 3:] *= factor
        out[first[index[kept]] + points[kept] - 1] = tensor
    return out


def _first_points(mesh: Mesh) -> Ints:
    """Return the (n_elements + 1,) number of points before each element."""
    counts = [np.full(len(b.element_ids), POINTS[b.formulation], dtype=np.int64) for b in mesh.blocks]
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(counts))])


def read_results(path: Path) -> SolverResults:
    """Open a `.fil` file.

    Raises
    ------
    ReaderError: binary, truncated or damaged files, no elements that can be shown.
    """
    index = read_index(path)
    warnings: list[str] = []
    mesh = _with_deck(path, _mesh(index, warnings), warnings)
    increments = _static(index.increments, warnings)
    times = np.array([increment.time for increment in increments])
    if (np.diff(times) <= 0).any():
        bad = times[int(np.argmax(np.diff(times) <= 0)) + 1]
        raise ReaderError(f"{path}: time {bad:g} follows a later or equal one; expected the results of one run")
    offset = int(len(times) > 0 and times[0] > 0.0)
    fields = _fields(path, mesh, increments, warnings)
    if "T" in fields and offset:
        warnings.append("the initial temperature is not in the file: T at the added time 0 is NaN")
    history = History(path, mesh, offset, increments)
    times = np.concatenate([np.zeros(offset), times])
    return SolverResults("abaqus", (path,), mesh, times, fields, history.read, tuple(warnings))


def _mesh(index: FilIndex, warnings: list[str]) -> Mesh:
    """Return the mesh of the model's records, with its sets; elements of other kinds are left out."""
    chunk = Chunk(index.path, index.model)
    ids, points = chunk.table(1901)
    parts, skipped = [], []
    for name, elements, nodes in chunk.elements():
        kind = find_type(name)
        if kind is None or nodes.shape[1] < kind.n_nodes:
            skipped.append(f"{name} ({len(elements)})")
        else:
            parts.append(Part(kind, elements, nodes[:, list(kind.to_vtk)]))
    if skipped:
        warnings.append(f"elements of types that are not known are left out: {', '.join(skipped)}")
    if not parts or not len(ids):
        raise ReaderError(f"{index.path}: holds no nodes and elements (records 1901 and 1900) that can be shown")
    order = np.argsort(ids, kind="stable")
    coordinates = np.zeros((len(ids), 3))
    coordinates[:, : min(points.shape[1], 3)] = points[:, :3]
    mesh = assemble(ids[order], coordinates[order], parts, index.path)
    return Mesh(
        mesh.points,
        mesh.node_ids,
        mesh.blocks,
        {_set_name(name): set_rows(mesh.node_ids, found) for name, found in chunk.sets(1931).items()},
        {_set_name(name): set_rows(mesh.element_ids, found) for name, found in chunk.sets(1933).items()},
    )


def _with_deck(path: Path, mesh: Mesh, warnings: list[str]) -> Mesh:
    """Return the mesh with the sets of the deck beside it, which has surfaces too, where it is the same mesh."""
    beside = path.with_suffix(".inp")
    if not beside.is_file():
        return mesh
    try:
        deck = read_mesh(beside).mesh
        same = (
            np.array_equal(deck.node_ids, mesh.node_ids)
            and np.array_equal(deck.element_ids, mesh.element_ids)
            and np.allclose(deck.points, mesh.points, rtol=0.0, atol=1e-6 * float(np.ptp(mesh.points, axis=0).max()))
        )
        reason = "" if same else "it is another mesh"
    except ReaderError as error:
        reason = str(error)
    if reason:
        warnings.append(f"the sets are taken from {path.name}, not from the deck: {reason}")
        return mesh
    return Mesh(mesh.points, mesh.node_ids, mesh.blocks, deck.node_sets, deck.element_sets, deck.side_sets)


def _set_name(name: str) -> str:
    """Return the name of a set without Abaqus' prefix of the assembly."""
    return name.removeprefix(_ASSEMBLY)


def _static(increments: Sequence[Increment], warnings: list[str]) -> tuple[Increment, ...]:
    """Return the increments of general steps; those of linear perturbations (modes …) are left out."""
    kept = tuple(increment for increment in increments if not increment.perturbation)
    if len(kept) < len(increments):
        warnings.append(
            f"{len(increments) - len(kept)} increments of perturbation steps (modes …) are left out: a reduced model "
            "needs a history in time"
        )
    return kept


def _fields(path: Path, mesh: Mesh, increments: Sequence[Increment], warnings: list[str]) -> Mapping[str, FieldInfo]:
    """Return the fields of the first increment; point fields where an element's points are known."""
    if not increments:
        return {}
    chunk = read_chunk(path, increments[0])
    found = {
        name: FieldInfo("node", _COMPONENTS[width], f"record {key}", _PRECISION)
        for name, (key, width) in _NODAL.items()
        if len(chunk.table(key)[0])
    }
    printed = [name for name, (key, _) in _POINT.items() if (point_records(chunk, key)[2] == 0).any()]
    if printed and _first_points(mesh)[-1]:
        found |= {name: FieldInfo("point", _COMPONENTS[6], f"record {_POINT[name][0]}", _PRECISION) for name in printed}
    dark = sorted({block.solver_type for block in mesh.blocks if not block.formulation})
    if printed and dark:
        warnings.append(
            f"integration-point values of {', '.join(dark)} are left out: romtool has no formulation for them"
        )
    return found
