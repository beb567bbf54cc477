"""Nodal fields from one mesh to the points of another by the shape functions of the first."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from romtool.cells import CELLS, FACE_CELLS
from romtool.errors import MeshError
from romtool.fem.box_tree import build_tree
from romtool.fem.loads import face_groups
from romtool.fem.locate import BOX, INSIDE, PRISM, SIMPLEX, Family, find_cells, find_faces
from romtool.fem.sets import side_set
from romtool.fem.shapes import reference_cell, shape_functions
from romtool.types import Floats, Ints, Mesh

MARGINS = {True: 0.1, False: 1e-3}
"""Part of its size by which the box of a cell is enlarged, of quadratic cells, whose faces may bulge, and of others."""
_SHAPES = {"tetra": SIMPLEX, "triangle": SIMPLEX, "wedge": PRISM, "hexahedron": BOX, "quad": BOX}
_TRIANGLES = {
    "triangle": ((0, 1, 2),),
    "quad": ((0, 1, 2), (0, 2, 3)),
    "triangle6": ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
    "quad8": ((0, 4, 7), (4, 1, 5), (5, 2, 6), (6, 3, 7), (4, 5, 6), (4, 6, 7)),
}


@dataclass(frozen=True)
class Transfer:
    """What brings nodal fields of a mesh to other points.

    Parameters
    ----------
    matrix: csr (n_points, n_nodes); its rows sum to one.
    distances: (n_points,) float [length] from the mesh, 0 inside.
    sizes: (n_points,) float [length], largest extent of the cell or face that each point takes its values from.
    """

    matrix: sparse.csr_matrix
    distances: Floats
    sizes: Floats

    @property
    def outside(self) -> float:
        """Return the largest distance in sizes of cells."""
        return float(np.max(self.distances / self.sizes, initial=0.0))


@dataclass(frozen=True)
class _Cells:
    """Cells or faces of one type."""

    cell_type: str
    connectivity: Ints


def build_transfer(mesh: Mesh, points: Floats) -> Transfer:
    """Find where points are in a mesh; those outside take the nearest point of its boundary.

    Parameters
    ----------
    mesh: of solid cells or, where it has none, of triangles and quadrangles.
    points: (n, 3) float [length].

    Raises
    ------
    MeshError: a mesh without cells that have shape functions here.
    """
    targets = np.ascontiguousarray(points, dtype=np.float64)
    nodes = np.ascontiguousarray(mesh.points, dtype=np.float64)
    solids = [_Cells(b.cell_type, b.connectivity) for b in mesh.blocks if b.cell_type in CELLS and len(b.connectivity)]
    surface = list(_boundary(solids)) if solids else _faces_of(mesh)
    found = _Found(len(targets), len(nodes))
    worst = np.full(len(targets), np.inf)
    for block in solids:
        _search_cells(block, nodes, targets, worst, found)
    outside = np.flatnonzero(worst > INSIDE)
    squares = np.full(len(outside), np.inf)
    for block in surface if len(outside) else ():
        _search_faces(block, nodes, targets[outside], outside, squares, found)
    found.distances[outside] = np.sqrt(squares)
    return found.transfer()


def _faces_of(mesh: Mesh) -> list[_Cells]:
    """Return the triangles and quadrangles of a mesh without solid cells."""
    known = set(FACE_CELLS.values())
    blocks = [_Cells(b.cell_type, b.connectivity) for b in mesh.blocks if b.cell_type in known and len(b.connectivity)]
    if not blocks:
        types = ", ".join(sorted({block.cell_type for block in mesh.blocks})) or "none"
        raise MeshError(
            f"the mesh that a field comes from has cells of type {types}; expected one of {', '.join((*CELLS, *known))}"
        )
    return blocks


def _boundary(blocks: list[_Cells]) -> Iterator[_Cells]:
    """Yield the faces that belong to one cell only, by their type."""
    for size, cell_type in FACE_CELLS.items():
        parts = [
            block.connectivity[:, face]
            for block in blocks
            for face in CELLS[block.cell_type].faces
            if len(face) == size
        ]
        if parts:
            faces = np.concatenate(parts)
            _, first, count = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
            if (count == 1).any():
                yield _Cells(cell_type, faces[np.sort(first[count == 1])])


class _Found:
    """Rows of the matrix, found block after block; a later find takes the place of an earlier one."""

    def __init__(self, n_points: int, n_nodes: int) -> None:
        self.shape = (n_points, n_nodes)
        self.distances, self.sizes = np.zeros(n_points), np.ones(n_points)
        self.owner = np.full(n_points, -1, dtype=np.int64)
        self._rows: list[tuple[Ints, Ints, Floats]] = []

    def put(self, block: _Cells, rows: Ints, cells: Ints, reference: Floats, extents: Floats) -> None:
        """Take the (n, dim) places of some points in (n,) cells of a block."""
        self.owner[rows], self.sizes[rows] = len(self._rows), extents[cells]
        self._rows.append((rows, block.connectivity[cells], shape_functions(block.cell_type, reference)))

    def transfer(self) -> Transfer:
        """Return the matrix of all points."""
        rows, columns, values = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for number, (points, nodes, shapes) in enumerate(self._rows):
            mine = self.owner[points] == number
            rows.append(np.repeat(points[mine], nodes.shape[1]))
            columns.append(nodes[mine].ravel())
            values.append(shapes[mine].ravel())
        triplets = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return Transfer(sparse.csr_matrix(triplets, shape=self.shape), self.distances, self.sizes)


def _boxes(block: _Cells, nodes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the lower and upper corners of enlarged boxes, and the largest extents of the cells."""
    corners = nodes[block.connectivity]
    lower, upper = corners.min(axis=1), corners.max(axis=1)
    extents = (upper - lower).max(axis=1)
    margin = MARGINS[block.cell_type[-1].isdigit()] * extents[:, None]
    return lower - margin, upper + margin, extents


def _search_cells(block: _Cells, nodes: Floats, points: Floats, worst: Floats, found: _Found) -> None:
    """Look for points in the cells of a block."""
    lower, upper, extents = _boxes(block, nodes)
    cells, reference = np.empty(len(points), dtype=np.int64), np.empty((len(points), 3))
    find_cells(points, build_tree(lower, upper), _family(block, nodes), worst, cells, reference)
    rows = np.flatnonzero((cells >= 0) & (worst <= INSIDE))
    found.put(block, rows, cells[rows], reference[rows], extents)


def _search_faces(block: _Cells, nodes: Floats, points: Floats, rows: Ints, squares: Floats, found: _Found) -> None:
    """Look for the nearest points of the faces of a block; `rows` are the numbers of the points among all."""
    lower, upper, extents = _boxes(block, nodes)
    faces, reference = np.empty(len(points), dtype=np.int64), np.empty((len(points), 2))
    find_faces(points, build_tree(lower, upper), _family(block, nodes), squares, faces, reference)
    mine = np.flatnonzero(faces >= 0)
    found.put(block, rows[mine], faces[mine], reference[mine], extents)


def _family(block: _Cells, nodes: Floats) -> Family:
    """Return the cells of a block for compiled code."""
    cell = reference_cell(block.cell_type)
    triangles = np.array(_TRIANGLES.get(block.cell_type, ()), dtype=np.int64).reshape(-1, 3)
    connectivity = np.ascontiguousarray(block.connectivity, dtype=np.int64)
    shape = _shape(block.cell_type)
    return Family(shape, cell.exponents, cell.coefficients, cell.nodes, triangles, nodes, connectivity)


def face_centres(mesh: Mesh, name: str) -> Floats:
    """Return the (n_faces, 3) centres of the faces of a side set, in its order [length].

    Raises
    ------
    MeshError: no such set, or faces of elements that cannot be computed with.
    """
    centres = np.zeros((len(side_set(mesh, name)), 3))
    for group in face_groups(mesh, name):
        cell_type = FACE_CELLS[group.nodes.shape[1]]
        middle = np.full((1, 2), 1.0 / 3.0 if _shape(cell_type) == SIMPLEX else 0.0)
        centres[group.faces] = np.einsum("a,nai->ni", shape_functions(cell_type, middle)[0], mesh.points[group.nodes])
    return centres


def _shape(cell_type: str) -> int:
    """Return the shape of the reference cell."""
    return _SHAPES[cell_type.rstrip("0123456789")]
