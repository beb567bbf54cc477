"""Meshes of files that know no solver (VTK, XDMF, meshio): ids, sets and formulations from their arrays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.cells import CELLS, FACE_CELLS
from romtool.convert.array_names import ELEMENT_IDS, NODE_IDS, SET_ARRAYS, marked_rows
from romtool.convert.damage import check_coordinates
from romtool.errors import ReaderError
from romtool.types import Bools, CellBlock, Floats, Ints, Mesh

FORMULATIONS = {
    "tetra": "tet4",
    "tetra10": "tet10",
    "hexahedron": "hex8",
    "hexahedron20": "hex20",
    "wedge": "wedge6",
    "wedge15": "wedge15",
}
"""Formulation by cell type: the usual full rule; for wedge the 2-point rule of CalculiX' C3D6."""

_CORNERS = {"triangle": 3, "triangle6": 3, "quad": 4, "quad8": 4}
_THIN = ("vertex", "line", "line3")
_MIRRORED = {
    "wedge": np.array([0, 2, 1, 3, 5, 4]),
    "tetra": np.array([0, 1, 3, 2]),
    "tetra10": np.array([0, 1, 3, 2, 4, 8, 7, 6, 5, 9]),
}
"""Order of the nodes that turns a left-handed cell into a right-handed one."""


@dataclass(frozen=True)
class Grid:
    """Points, cells and arrays as a file has them.

    Parameters
    ----------
    points: (n_file_nodes, 2 or 3) float [length].
    cells: (meshio cell type, (n_cells, n_cell_nodes) rows of points), in file order.
    node_arrays, cell_arrays: name -> array with one row per point, per cell of the file.
    node_sets, cell_sets: name -> rows of points, positions of cells in the file.
    time: what the file says of its time, None where it says nothing.
    own_order: the nodes of each cell are in a solver's own order, which is never changed.
    """

    points: NDArray[Any]
    cells: tuple[tuple[str, Ints], ...]
    node_arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    cell_arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    node_sets: Mapping[str, Ints] = field(default_factory=dict)
    cell_sets: Mapping[str, Ints] = field(default_factory=dict)
    time: float | None = None
    own_order: bool = False


@dataclass(frozen=True)
class GridMesh:
    """The mesh of a grid and where its rows are in the file.

    Parameters
    ----------
    mesh: the mesh; node ids ascend, elements are grouped by cell type.
    node_rows: (n_nodes,) rows of the file's nodal arrays.
    cell_rows: (n_elements,) rows of the file's cell arrays.
    numbered: whether the file holds node ids (else they are 1, 2, … in file order).
    warnings: sentences for the user.
    """

    mesh: Mesh
    node_rows: Ints
    cell_rows: Ints
    numbered: bool
    warnings: tuple[str, ...]


def build_mesh(grid: Grid, path: Path, *, boundaries: bool = True) -> GridMesh:
    """Build the mesh of a grid: ids, sets, formulations; faces of solids become side sets.

    Cells of one type form one block. Triangles and quadrangles that are faces of solids, and lines and
    vertices on nodes of solids, mark boundaries: they leave the elements and give side sets (with the
    node set of the same name) and node sets where a tag array, a mark or a cell set names them (`marked_rows`).

    Parameters
    ----------
    grid: what the file holds.
    path: its name, for messages.
    boundaries: False where the file has side sets of its own: flat and thin cells are elements then.

    Returns
    -------
    The mesh and its rows in the file.

    Raises
    ------
    ReaderError: no cells, nodes out of range, ids given twice.
    """
    merged = _merged(grid, path)
    turned = [None if grid.own_order else _turned(block, _three_columns(grid.points)) for block in merged]
    blocks = [block if new is None else new for block, new in zip(merged, turned, strict=True)]
    faces = _Faces.match(blocks, boundaries)
    elements = [block for block in faces.elements if len(block.rows)]
    cell_rows = np.concatenate([block.rows for block in elements])
    used = np.unique(np.concatenate([block.nodes.ravel() for block in elements]))
    ids, numbered = _ids(grid.node_arrays, NODE_IDS, used, path)
    node_rows = used[np.argsort(ids, kind="stable")]
    new_row = np.full(len(grid.points), -1, dtype=np.int64)
    new_row[node_rows] = np.arange(len(node_rows))
    element_ids, _ = _ids(grid.cell_arrays, ELEMENT_IDS, cell_rows, path)
    named = _named_cells(grid)
    mesh = Mesh(
        points=_three_columns(grid.points)[node_rows],
        node_ids=np.sort(ids),
        blocks=tuple(_cell_blocks(elements, element_ids, new_row)),
        node_sets=_node_sets(grid, named, blocks, faces, new_row),
        element_sets=_element_sets(named, cell_rows),
        side_sets=faces.sets(named, cell_rows),
    )
    check_coordinates(mesh.points, mesh.node_ids, path)
    said = tuple(f"left-handed cells of type {block.cell_type} are turned" for block in turned if block is not None)
    return GridMesh(mesh, node_rows, cell_rows, numbered, (*faces.warnings(mesh), *said))


@dataclass(frozen=True)
class _Block:
    """All cells of one type: their nodes (rows of points) and their positions in the file."""

    cell_type: str
    nodes: Ints
    rows: Ints

    def take(self, mask: Bools) -> "_Block":
        return _Block(self.cell_type, self.nodes[mask], self.rows[mask])


def _merged(grid: Grid, path: Path) -> list[_Block]:
    """Collect the cells of each type; refuse an empty or inconsistent grid."""
    starts = np.cumsum([0] + [len(nodes) for _, nodes in grid.cells])
    parts: dict[str, list[_Block]] = {}
    for (cell_type, nodes), start in zip(grid.cells, starts, strict=False):
        rows = np.arange(start, start + len(nodes))
        parts.setdefault(cell_type, []).append(_Block(cell_type, np.asarray(nodes, dtype=np.int64), rows))
    merged = [
        _Block(kind, np.concatenate([p.nodes for p in same]), np.concatenate([p.rows for p in same]))
        for kind, same in parts.items()
    ]
    if not any(len(block.rows) for block in merged):
        raise ReaderError(f"{path} has no cells; an unstructured mesh was expected")
    for block in merged:
        if len(block.rows) and not 0 <= block.nodes.min() <= block.nodes.max() < len(grid.points):
            raise ReaderError(f"{path}: {block.cell_type} cells refer to nodes beyond its {len(grid.points)}")
    return merged


def _turned(block: _Block, points: Floats) -> _Block | None:
    """Return a block with its left-handed cells turned, None where there is nothing to turn.

    DOLFIN writes tetrahedra of either hand. Wedges are turned together: those of VTK's own convention, whose first
    triangle looks outwards.
    """
    order = _MIRRORED.get(block.cell_type)
    if order is None or not len(block.rows):
        return None
    a, b, c, d = (points[block.nodes[:, i]] for i in (0, 1, 2, 3))
    with np.errstate(over="ignore", invalid="ignore"):  # of spoilt coordinates, which the checks of the mesh refuse
        left = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0.0
    if not (left.all() if block.cell_type == "wedge" else left.any()):
        return None
    return _Block(block.cell_type, np.where(left[:, None], block.nodes[:, order], block.nodes), block.rows)


@dataclass(frozen=True)
class _Faces:
    """Which lower-dimensional cells lie on solids: faces (file row, element row, local face), thin cells."""

    elements: list[_Block]
    face_rows: Ints
    owner_rows: Ints
    local_faces: Ints
    n_thin: int

    @classmethod
    def match(cls, blocks: list[_Block], boundaries: bool) -> "_Faces":
        """Find the faces of solids among the flat cells and the thin cells on nodes of solids."""
        solids = [block for block in blocks if block.cell_type in CELLS]
        empty = np.zeros(0, dtype=np.int64)
        if not (boundaries and any(len(block.rows) for block in solids)):
            return cls(blocks, empty, empty, empty, 0)
        found = [_match_faces(b, solids) for b in blocks if b.cell_type in _CORNERS and len(b.rows)]
        rows, owners, local = (
            np.concatenate([part[i] for part in found] or [empty]) for i in range(3)
        )  # fmt: skip
        on_solid = np.unique(np.concatenate([block.nodes.ravel() for block in solids]))
        elements = [block.take(~np.isin(block.rows, rows)) for block in blocks]
        kept = [
            block.take(~np.isin(block.nodes, on_solid).all(axis=1)) if block.cell_type in _THIN else block
            for block in elements
        ]
        lost = sum(len(b.rows) for b in elements) - sum(len(b.rows) for b in kept)
        return cls(kept, rows, owners, local, lost)

    def sets(self, named: Mapping[str, Ints], cell_rows: Ints) -> dict[str, Ints]:
        """Return the side sets: name -> (n, 2) element index and local face, in file order."""
        index = _index_of(self.owner_rows, cell_rows)
        order = np.argsort(self.face_rows, kind="stable")
        pairs = np.column_stack([index, self.local_faces])[order]
        inside = {name: np.isin(self.face_rows[order], rows) for name, rows in named.items()}
        return {name: pairs[mask] for name, mask in inside.items() if mask.any()}

    def warnings(self, mesh: Mesh) -> tuple[str, ...]:
        """Return what was chosen on the way: integration rules, cells that mark boundaries."""
        rules = sorted({f"{b.cell_type} {b.formulation}" for b in mesh.blocks if b.formulation})
        said = [f"the file does not name integration rules, taken: {', '.join(rules)}"] if rules else []
        if len(self.face_rows):
            said.append(f"{len(self.face_rows)} flat cells are faces of solids: not elements, but side sets")
        if self.n_thin:
            said.append(f"{self.n_thin} lines and vertices lie on solids: not elements, but node sets")
        return tuple(said)


def _match_faces(block: _Block, solids: list[_Block]) -> tuple[Ints, Ints, Ints]:
    """Return (file rows of the cells that are faces, file rows of their solids, local faces)."""
    n_corners = _CORNERS[block.cell_type]
    wanted = np.sort(block.nodes[:, :n_corners], axis=1)
    near = np.zeros(1 + max(int(b.nodes.max()) for b in (block, *solids) if len(b.rows)), dtype=np.bool_)
    near[wanted] = True
    faces = list(_solid_faces(solids, n_corners, FACE_CELLS, block.cell_type, near))
    if not faces:
        return (np.zeros(0, dtype=np.int64),) * 3
    keys, owners, local = (np.concatenate([part[i] for part in faces]) for i in range(3))
    both = np.concatenate([keys, wanted])
    label = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
    first = np.full(label.max() + 1, -1, dtype=np.int64)
    first[label[: len(keys)][::-1]] = np.arange(len(keys))[::-1]
    hit = first[label[len(keys) :]]
    found = hit >= 0
    return block.rows[found], owners[hit[found]], local[hit[found]]


def _solid_faces(
    solids: list[_Block], n_corners: int, names: Mapping[int, str], cell_type: str, near: Bools
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yield the sorted corners, file rows and numbers of the solids' faces of one type near some nodes."""
    for block in solids:
        for k, face in enumerate(CELLS[block.cell_type].faces):
            if names[len(face)] == cell_type and len(block.rows):
                corners = block.nodes[:, face[:n_corners]]
                mask = near[corners].all(axis=1)
                rows = block.rows[mask]
                yield np.sort(corners[mask], axis=1), rows, np.full(len(rows), k, dtype=np.int64)


def _ids(arrays: Mapping[str, NDArray[Any]], names: tuple[str, ...], rows: Ints, path: Path) -> tuple[Ints, bool]:
    """Return the ids of some rows from the first id array there is, else 1, 2, …, and whether there is one."""
    known = {name.lower(): name for name in arrays}
    name = next((known[key] for key in names if key in known), None)
    if name is None:
        return rows + 1, False
    ids = np.asarray(arrays[name]).reshape(-1)[rows].astype(np.int64)
    unique, counts = np.unique(ids, return_counts=True)
    if len(unique) != len(ids):
        raise ReaderError(
            f"{path}: array {name} holds the id {unique[counts > 1][0]} more than once; "
            "ids must be unique: correct or remove the array"
        )
    return ids, True


def _named_cells(grid: Grid) -> dict[str, Ints]:
    """Return name -> file rows of the cells of each cell set, of marked cells, of each value of the tag arrays."""
    named = dict(grid.cell_sets)
    for name, array in grid.cell_arrays.items():
        named |= marked_rows(name, array)
        tags = np.asarray(array).reshape(len(array), -1)
        if name.lower() in SET_ARRAYS and tags.shape[1] == 1 and np.array_equal(tags, np.rint(tags)):
            values = tags[:, 0].astype(np.int64)
            named |= {f"{name}-{value}": np.flatnonzero(values == value) for value in np.unique(values)}
    return named


def _element_sets(named: Mapping[str, Ints], cell_rows: Ints) -> dict[str, Ints]:
    """Return the sets that hold elements, as ascending element indices."""
    inside = {name: np.flatnonzero(np.isin(cell_rows, rows)) for name, rows in named.items()}
    return {name: elements for name, elements in inside.items() if len(elements)}


def _node_sets(
    grid: Grid, named: Mapping[str, Ints], blocks: list[_Block], faces: _Faces, new_row: Ints
) -> dict[str, Ints]:
    """Return the file's node sets, marked nodes, and the nodes of tagged faces, lines and vertices."""
    kept = np.concatenate([block.rows for block in faces.elements])
    sets = {name: new_row[rows] for name, rows in grid.node_sets.items()}
    for name, array in grid.node_arrays.items():
        sets |= {key: new_row[rows] for key, rows in marked_rows(name, array).items()}
    for name, rows in named.items():
        marks = [b.nodes[np.isin(b.rows, rows) & ~np.isin(b.rows, kept)].ravel() for b in blocks]
        nodes = np.unique(new_row[np.concatenate(marks)])
        if len(nodes) and name not in sets:
            sets[name] = nodes
    return {name: rows[rows >= 0] for name, rows in sets.items()}


def _cell_blocks(elements: list[_Block], element_ids: Ints, new_row: Ints) -> Iterator[CellBlock]:
    """Yield the blocks of the mesh."""
    start = 0
    for block in elements:
        ids = element_ids[start : start + len(block.rows)]
        yield CellBlock(
            block.cell_type, FORMULATIONS.get(block.cell_type, ""), ids, new_row[block.nodes], block.cell_type
        )
        start += len(block.rows)


def _index_of(rows: Ints, cell_rows: Ints) -> Ints:
    """Return the element index of each file row in `rows`; all of them are elements."""
    order = np.argsort(cell_rows, kind="stable")
    return order[np.searchsorted(cell_rows, rows, sorter=order)]


def _three_columns(points: NDArray[Any]) -> Floats:
    """Return (n, 3) float64 coordinates."""
    points = np.asarray(points, dtype=np.float64)
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
