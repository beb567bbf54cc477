"""Small meshes of every formulation for the tests: structured blocks of the unit cube, moved where asked."""

from collections.abc import Callable
from itertools import product

import numpy as np

from romtool.cells import CELLS
from romtool.fem.elements import ELEMENTS
from romtool.types import CellBlock, Floats, Ints, Mesh

FORMULATIONS = tuple(ELEMENTS)

# corners of the sub-cells of a hexahedron (VTK corners 0..7)
_SPLIT: dict[str, tuple[tuple[int, ...], ...]] = {
    "hexahedron": ((0, 1, 2, 3, 4, 5, 6, 7),),
    "wedge": ((0, 1, 2, 4, 5, 6), (0, 2, 3, 4, 6, 7)),
    "tetra": ((0, 1, 2, 6), (0, 2, 3, 6), (0, 3, 7, 6), (0, 7, 4, 6), (0, 4, 5, 6), (0, 5, 1, 6)),
}


def _linear_cells(kind: str, n: int) -> tuple[Floats, Ints]:
    """Return the grid points and cells of the unit cube with n³ hexahedra, split into `kind`."""
    axis = np.linspace(0.0, 1.0, n + 1)
    points = np.array(list(product(axis, axis, axis)))[:, ::-1]
    index = np.arange((n + 1) ** 3).reshape(n + 1, n + 1, n + 1)  # z, y, x
    offsets = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))
    hexahedra = np.stack(
        [index[z : z + n, y : y + n, x : x + n].ravel() for z, y, x in offsets],
        axis=1,
    )
    cells = np.concatenate([hexahedra[:, list(part)] for part in _SPLIT[kind]])
    return np.ascontiguousarray(points), cells


def _with_midside(points: Floats, cells: Ints, edges: tuple[tuple[int, int], ...]) -> tuple[Floats, Ints]:
    """Add one node in the middle of every edge."""
    pairs = np.sort(np.stack([cells[:, list(edge)] for edge in edges], axis=1).reshape(-1, 2), axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    middle = 0.5 * (points[unique[:, 0]] + points[unique[:, 1]])
    extra = len(points) + np.asarray(inverse).reshape(len(cells), len(edges))
    return np.concatenate([points, middle]), np.concatenate([cells, extra], axis=1)


def _boundary(points: Floats, cells: Ints, faces: tuple[tuple[int, ...], ...]) -> dict[str, Ints]:
    """Return the side sets of the six sides of the unit cube and of all of them ("skin")."""
    sides = {f"{'xyz'[i]}{int(v)}": (i, v) for i in range(3) for v in (0.0, 1.0)}
    sets: dict[str, list[tuple[int, int]]] = {name: [] for name in sides}
    for k, face in enumerate(faces):
        on = points[cells[:, list(face)]]
        for name, (i, v) in sides.items():
            sets[name] += [(int(c), k) for c in np.flatnonzero((np.abs(on[:, :, i] - v) < 1e-9).all(axis=1))]
    result = {name: np.array(members, dtype=np.int64) for name, members in sets.items()}
    return {**result, "skin": np.concatenate(list(result.values()))}


def cube(formulation: str, n: int = 2, move: Callable[[Floats], Floats] | None = None) -> Mesh:
    """Return the unit cube with n³ hexahedra or what they split into; `move` maps the points afterwards."""
    element = ELEMENTS[formulation]
    kind = next(name for name in _SPLIT if element.cell_type.startswith(name))
    points, cells = _linear_cells(kind, n)
    if element.cell_type != kind:
        points, cells = _with_midside(points, cells, CELLS[kind].edges)
    side_sets = _boundary(points, cells, CELLS[element.cell_type].faces)
    node_sets = {
        name: np.unique(np.concatenate([cells[c, list(CELLS[element.cell_type].faces[f])] for c, f in members]))
        for name, members in side_sets.items()
    }
    block = CellBlock(element.cell_type, formulation, np.arange(1, len(cells) + 1), cells, formulation.upper())
    return Mesh(
        points=points if move is None else move(points),
        node_ids=np.arange(1, len(points) + 1),
        blocks=(block,),
        node_sets=node_sets,
        side_sets=side_sets,
    )


def distort(points: Floats) -> Floats:
    """Move all points smoothly, the skin included; straight edges become curved."""
    x, y, z = points.T
    shift = np.stack([np.sin(2 * y + z), np.cos(x + 2 * z), np.sin(x - 2 * y)], axis=1)
    return points + 0.06 * shift


def shear_map(points: Floats) -> Floats:
    """Map the cube affinely to a parallelepiped."""
    return points @ np.array([[1.0, 0.2, 0.1], [0.0, 1.3, 0.3], [0.2, 0.0, 0.8]])


def bend_inside(points: Floats) -> Floats:
    """Move inner points only: the cube keeps its sides."""
    bubble = np.prod(np.sin(np.pi * points), axis=1)
    return points + 0.07 * bubble[:, None] * np.array([1.0, -0.8, 0.6])
