"""Small meshes with all quadratic solids, and random fields on them, for readers, writers and pictures."""

from collections.abc import Callable

import numpy as np

from romtool.cells import CELLS
from romtool.types import CellBlock, FieldInfo, Floats, Mesh

TETRA = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
WEDGE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1]])
HEXA = np.array(
    [[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]
)  # fmt: skip
N_POINTS = {"tet4": 1, "tet10": 4, "hex8": 8, "hex20": 27, "wedge6": 2, "wedge15": 9}

LINEAR = (("tetra", "tet4", TETRA), ("hexahedron", "hex8", HEXA), ("wedge", "wedge6", WEDGE))
QUADRATIC = (("tetra10", "tet10", TETRA), ("hexahedron20", "hex20", HEXA), ("wedge15", "wedge15", WEDGE))


def mixed_mesh(kinds: tuple[tuple[str, str, Floats], ...]) -> Mesh:
    """Return separate cells beside each other, two of each kind; node ids are odd, element ids end in 5."""
    points, blocks, n_nodes, n_cells = [], [], 0, 0
    for column, (cell_type, formulation, corners) in enumerate(kinds):
        local = with_middles(cell_type, corners)
        copies = [local + np.array([2.0 * column, 0.0, 2.0 * row]) for row in range(2)]
        rows = n_nodes + np.arange(2 * len(local)).reshape(2, -1)
        ids = 10 * (n_cells + np.arange(2)) + 5
        points += copies
        blocks.append(CellBlock(cell_type, formulation, ids, rows))
        n_nodes, n_cells = n_nodes + 2 * len(local), n_cells + 2
    return Mesh(np.concatenate(points), 2 * np.arange(n_nodes) + 1, tuple(blocks))


def with_middles(cell_type: str, corners: Floats) -> Floats:
    """Return the nodes of a cell from its corners."""
    cell = CELLS[cell_type]
    if cell.n_nodes == cell.n_corners:
        return corners
    return np.concatenate([corners, corners[np.array(cell.edges)].mean(axis=1)])


FIELDS = {
    "u": FieldInfo("node", ("x", "y", "z")),
    "T": FieldInfo("node", ("",)),
    "stress": FieldInfo("point", ("xx", "yy", "zz", "xy", "yz", "zx")),
    "p": FieldInfo("point", ("",)),
    "energy": FieldInfo("element", ("",)),
}


def random_fields(mesh: Mesh, n_times: int) -> tuple[dict[str, FieldInfo], Callable[[str, int], Floats]]:
    """Return all kinds of fields with random values, and the function that reads one at a time."""
    n_points = sum(len(b.element_ids) * N_POINTS[b.formulation] for b in mesh.blocks)
    n_rows = {"node": mesh.n_nodes, "element": mesh.n_elements, "point": n_points}
    generator = np.random.default_rng(3)
    values = {
        (name, i): generator.normal(size=(n_rows[info.location], len(info.components)))
        for name, info in FIELDS.items()
        for i in range(n_times)
    }
    return FIELDS, lambda name, i: values[name, i].copy()
