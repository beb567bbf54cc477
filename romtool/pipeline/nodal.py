"""Fields at integration points or elements brought to the nodes, for formats that know nodal fields alone.

In each element the values at its integration points are continued by the shape functions of its corners (fitted where
there are more points than corners; the mean where there are fewer); mid-side nodes take the mean of their edge's ends;
a node of several elements takes the plain mean. A field that is linear in space keeps its values.
"""

import numpy as np
from scipy import sparse

from romtool.cells import CELLS
from romtool.fem.elements import element_of
from romtool.fem.shapes import shape_functions
from romtool.types import CellBlock, FieldInfo, Floats, Ints, Mesh


class NodalMeans:
    """Brings fields of one mesh to its nodes; nodes without a value get zero.

    Parameters
    ----------
    mesh: the mesh.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._matrices: dict[str, sparse.csr_matrix] = {}

    def take(self, info: FieldInfo, values: Floats) -> Floats:
        """Return the (n_nodes, n_components) values of a field.

        Parameters
        ----------
        info: where the field lives.
        values: (n_nodes | n_elements | n_points, n_components) float; NaN counts as zero.
        """
        known = np.nan_to_num(values)
        if info.location == "node":
            return known
        if info.location not in self._matrices:
            self._matrices[info.location] = _matrix(self._mesh, info.location == "point")
        return np.asarray(self._matrices[info.location] @ known)


def _matrix(mesh: Mesh, at_points: bool) -> sparse.csr_matrix:
    """Return the (n_nodes, n_points | n_elements) means over the elements of each node."""
    rows, columns, data, start = [], [], [], 0
    for block in mesh.blocks:
        local = _continuation(block) if at_points else np.ones((block.connectivity.shape[1], 1))
        n_nodes, n_points = local.shape
        n_cells = len(block.element_ids)
        at: Ints = start + np.arange(n_cells * n_points).reshape(n_cells, n_points)
        rows.append(np.repeat(block.connectivity, n_points, axis=1).ravel())
        columns.append(np.tile(at, (1, n_nodes)).ravel())
        data.append(np.tile(local.ravel(), n_cells))
        start += n_cells * n_points
    shape = (mesh.n_nodes, start)
    sums = sparse.csr_matrix((np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))), shape)
    counts = np.asarray(sums.sum(axis=1)).ravel()  # each element adds one to each of its nodes
    return sparse.csr_matrix(sparse.diags(np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0.5)) @ sums)


def _continuation(block: CellBlock) -> Floats:
    """Return the (n_cell_nodes, n_ip) values at an element's nodes of those at its points; none without points."""
    if not block.formulation:
        return np.zeros((block.connectivity.shape[1], 0))
    element, cell = element_of(block), CELLS[block.cell_type]
    linear = next(name for name, entry in CELLS.items() if entry.n_nodes == entry.n_corners == cell.n_corners)
    if element.n_points < cell.n_corners:
        corners = np.full((cell.n_corners, element.n_points), 1.0 / element.n_points)
    else:
        corners = np.linalg.pinv(shape_functions(linear, element.points))
    if cell.n_nodes == cell.n_corners:
        return corners
    return np.concatenate([corners, [0.5 * (corners[a] + corners[b]) for a, b in cell.edges]])
