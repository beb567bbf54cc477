"""Topology of the solid cells: corners, edges and faces, in VTK node order.

Cell names are meshio's. Edges are listed in the order of the mid-side nodes of the quadratic cell. Faces
have outward normals (right-hand rule) and follow the numbering of Abaqus and CalculiX (S1 is face 0);
the faces of quadratic cells list corners first, then the mid-side node after each corner.
"""

from dataclasses import dataclass
from types import MappingProxyType

Face = tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """One cell shape: `n_nodes` nodes, `n_corners` of them corners.

    Parameters
    ----------
    name: meshio's cell name.
    n_nodes, n_corners: counts.
    edges: pairs of corners; for a quadratic cell, edge i carries node `n_corners + i`.
    faces: local nodes of each face, outward.
    """

    name: str
    n_nodes: int
    n_corners: int
    edges: tuple[tuple[int, int], ...]
    faces: tuple[Face, ...]


_TETRA_EDGES = ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))
_TETRA_FACES: tuple[Face, ...] = ((0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3))
_WEDGE_EDGES = ((0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5))
_WEDGE_FACES: tuple[Face, ...] = ((0, 2, 1), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5))
_HEXA_EDGES = (
    ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
)  # fmt: skip
_HEXA_FACES: tuple[Face, ...] = (
    (0, 3, 2, 1),
    (4, 5, 6, 7),
    (0, 1, 5, 4),
    (1, 2, 6, 5),
    (2, 3, 7, 6),
    (3, 0, 4, 7),
)


def _quadratic(corner_face: Face, edges: tuple[tuple[int, int], ...], n_corners: int) -> Face:
    """Append to a face of corners the mid-side node behind each of its edges."""
    middle = {frozenset(edge): n_corners + i for i, edge in enumerate(edges)}
    pairs = zip(corner_face, corner_face[1:] + corner_face[:1], strict=True)
    return corner_face + tuple(middle[frozenset(pair)] for pair in pairs)


def _pair(
    linear: str,
    quadratic: str,
    n_corners: int,
    edges: tuple[tuple[int, int], ...],
    faces: tuple[Face, ...],
) -> tuple[Cell, Cell]:
    """Return the linear cell and the serendipity quadratic cell with the same corners."""
    curved = tuple(_quadratic(face, edges, n_corners) for face in faces)
    return (
        Cell(linear, n_corners, n_corners, edges, faces),
        Cell(quadratic, n_corners + len(edges), n_corners, edges, curved),
    )


CELLS = MappingProxyType(
    {
        cell.name: cell
        for pair in (
            _pair("tetra", "tetra10", 4, _TETRA_EDGES, _TETRA_FACES),
            _pair("wedge", "wedge15", 6, _WEDGE_EDGES, _WEDGE_FACES),
            _pair("hexahedron", "hexahedron20", 8, _HEXA_EDGES, _HEXA_FACES),
        )
        for cell in pair
    }
)
"""The solid cells that romtool computes with, by meshio name."""

FACE_CELLS = MappingProxyType({3: "triangle", 4: "quad", 6: "triangle6", 8: "quad8"})
"""meshio's name of a face by its number of nodes."""
