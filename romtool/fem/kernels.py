"""Compiled loops over the elements of one block. Tensor rows are xx yy zz xy yz zx with tensor shear."""

import numpy as np
from numba import njit

from romtool.types import Bools, Floats, Ints


@njit(cache=True)
def jacobian(corners: Floats, reference: Floats, inverse: Floats) -> float:
    """Write the inverse of d x / d xi into `inverse` (3, 3) and return the determinant.

    Parameters
    ----------
    corners: (n_cell_nodes, 3) float [length].
    reference: (n_cell_nodes, 3) float, d N / d xi at one point.
    inverse: (3, 3) output, d xi_i / d x_j; untouched where the determinant is zero.
    """
    m = np.zeros((3, 3))
    for a in range(corners.shape[0]):
        for i in range(3):
            for j in range(3):
                m[i, j] += corners[a, i] * reference[a, j]
    c00 = m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1]
    c01 = m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2]
    c02 = m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0]
    det: float = m[0, 0] * c00 + m[0, 1] * c01 + m[0, 2] * c02
    if det != 0.0:
        inverse[0, 0], inverse[1, 0], inverse[2, 0] = c00 / det, c01 / det, c02 / det
        inverse[0, 1] = (m[0, 2] * m[2, 1] - m[0, 1] * m[2, 2]) / det
        inverse[1, 1] = (m[0, 0] * m[2, 2] - m[0, 2] * m[2, 0]) / det
        inverse[2, 1] = (m[0, 1] * m[2, 0] - m[0, 0] * m[2, 1]) / det
        inverse[0, 2] = (m[0, 1] * m[1, 2] - m[0, 2] * m[1, 1]) / det
        inverse[1, 2] = (m[0, 2] * m[1, 0] - m[0, 0] * m[1, 2]) / det
        inverse[2, 2] = (m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]) / det
    return det


@njit(cache=True)
def block_geometry(
    points: Floats, connectivity: Ints, reference: Floats, weights: Floats, gradients: Floats, measures: Floats
) -> Bools:
    """Fill shape gradients (n_cells, n_ip, n_cell_nodes, 3) and w detJ (n_cells, n_ip).

    Returns
    -------
    (n_cells,) bool: whether some Jacobian of the cell is not positive.
    """
    n_cells, n_cell_nodes = connectivity.shape
    bad = np.zeros(n_cells, dtype=np.bool_)
    corners = np.empty((n_cell_nodes, 3))
    inverse = np.empty((3, 3))
    for cell in range(n_cells):
        for a in range(n_cell_nodes):
            corners[a] = points[connectivity[cell, a]]
        for q in range(len(weights)):
            det = jacobian(corners, reference[q], inverse)
            bad[cell] |= not det > 0.0
            measures[cell, q] = weights[q] * det
            for a in range(n_cell_nodes):
                for j in range(3):
                    gradients[cell, q, a, j] = (
                        reference[q, a, 0] * inverse[0, j]
                        + reference[q, a, 1] * inverse[1, j]
                        + reference[q, a, 2] * inverse[2, j]
                    )
    return bad


@njit(cache=True)
def _point_strain(nodes: Ints, gradients: Floats, field: Floats, row: Floats) -> None:
    """Write the symmetric gradient of `field` (n_nodes, 3) at one point into `row` (6,)."""
    xx = yy = zz = xy = yz = zx = 0.0
    for a in range(len(nodes)):
        u, v, w = field[nodes[a], 0], field[nodes[a], 1], field[nodes[a], 2]
        gx, gy, gz = gradients[a, 0], gradients[a, 1], gradients[a, 2]
        xx += gx * u
        yy += gy * v
        zz += gz * w
        xy += gy * u + gx * v
        yz += gz * v + gy * w
        zx += gx * w + gz * u
    row[0], row[1], row[2] = xx, yy, zz
    row[3], row[4], row[5] = 0.5 * xy, 0.5 * yz, 0.5 * zx


@njit(cache=True)
def block_strain(connectivity: Ints, gradients: Floats, fields: Floats, first: int, strain: Floats) -> None:
    """Fill `strain` (n_fields, n_points, 6) of one block from `fields` (n_fields, n_nodes, 3)."""
    n_cells, n_ip = gradients.shape[:2]
    for f in range(len(fields)):
        for cell in range(n_cells):
            for q in range(n_ip):
                row = strain[f, first + cell * n_ip + q]
                _point_strain(connectivity[cell], gradients[cell, q], fields[f], row)


@njit(cache=True)
def selected_strain(
    connectivity: Ints, gradients: Floats, fields: Floats, local: Ints, rows: Ints, strain: Floats
) -> None:
    """Fill rows of `strain` (n_fields, n_selected, 6) at points `local` (counted within the block)."""
    n_ip = gradients.shape[1]
    for f in range(len(fields)):
        for k in range(len(local)):
            cell, q = divmod(local[k], n_ip)
            _point_strain(connectivity[cell], gradients[cell, q], fields[f], strain[f, rows[k]])


@njit(cache=True)
def block_internal_force(
    connectivity: Ints, gradients: Floats, weights: Floats, stress: Floats, absolute: bool, force: Floats
) -> None:
    """Add sum_q w B^T sig of one block to `force` (n_nodes, 3); with `absolute`, the sum of |w B^T sig|.

    Parameters
    ----------
    connectivity: (n_cells, n_cell_nodes) int.
    gradients: (n_cells, n_ip, n_cell_nodes, 3) float [1/length].
    weights: (n_cells * n_ip,) float [length³].
    stress: (n_cells * n_ip, 6) float [stress].
    absolute: whether contributions of single points are added in absolute value.
    force: (n_nodes, 3) float [force], added to.
    """
    n_cells, n_ip, n_cell_nodes = gradients.shape[:3]
    local = np.empty((n_cell_nodes, 3))
    for cell in range(n_cells):
        local[:] = 0.0
        for q in range(n_ip):
            point = cell * n_ip + q
            w = weights[point]
            xx, yy, zz = w * stress[point, 0], w * stress[point, 1], w * stress[point, 2]
            xy, yz, zx = w * stress[point, 3], w * stress[point, 4], w * stress[point, 5]
            for a in range(n_cell_nodes):
                gx, gy, gz = gradients[cell, q, a, 0], gradients[cell, q, a, 1], gradients[cell, q, a, 2]
                x = gx * xx + gy * xy + gz * zx
                y = gx * xy + gy * yy + gz * yz
                z = gx * zx + gy * yz + gz * zz
                if absolute:
                    x, y, z = abs(x), abs(y), abs(z)
                local[a, 0] += x
                local[a, 1] += y
                local[a, 2] += z
        for a in range(n_cell_nodes):
            for i in range(3):
                force[connectivity[cell, a], i] += local[a, i]


@njit(cache=True)
def block_scalar_matrix(
    points: Floats,
    connectivity: Ints,
    shapes: Floats,
    reference: Floats,
    weights: Floats,
    entries: Ints,
    gradient: bool,
    data: Floats,
) -> None:
    """Add ∫ N_a N_b, or with `gradient` ∫ grad N_a . grad N_b, of one block to the CSR `data`.

    Parameters
    ----------
    points, connectivity: the block.
    shapes: (n_q, n_cell_nodes) float. reference: (n_q, n_cell_nodes, 3) float. weights: (n_q,) float.
    entries: (n_cells, n_cell_nodes, n_cell_nodes) int, position in `data` of each pair of nodes.
    gradient: which of the two.
    data: (nnz,) float, added to.
    """
    n_cells, n_cell_nodes = connectivity.shape
    corners = np.empty((n_cell_nodes, 3))
    inverse = np.empty((3, 3))
    for cell in range(n_cells):
        for a in range(n_cell_nodes):
            corners[a] = points[connectivity[cell, a]]
        for q in range(len(weights)):
            w = weights[q] * jacobian(corners, reference[q], inverse)
            factor = reference[q] @ inverse if gradient else shapes[q].copy().reshape(-1, 1)
            for a in range(n_cell_nodes):
                for b in range(n_cell_nodes):
                    value = 0.0
                    for j in range(factor.shape[1]):
                        value += factor[a, j] * factor[b, j]
                    data[entries[cell, a, b]] += w * value


@njit(cache=True)
def pair_entries(connectivity: Ints, indptr: Ints, indices: Ints, entries: Ints) -> None:
    """Find the CSR position of every pair of nodes of every cell by bisection in sorted rows.

    Parameters
    ----------
    connectivity: (n_cells, n_cell_nodes) int.
    indptr, indices: node-to-node CSR pattern with sorted rows.
    entries: (n_cells, n_cell_nodes, n_cell_nodes) output.
    """
    n_cells, n_cell_nodes = connectivity.shape
    for cell in range(n_cells):
        for a in range(n_cell_nodes):
            row = connectivity[cell, a]
            start, stop = indptr[row], indptr[row + 1]
            for b in range(n_cell_nodes):
                position = np.searchsorted(indices[start:stop], connectivity[cell, b])
                entries[cell, a, b] = start + position


@njit(cache=True)
def inverted_cells(points: Floats, connectivity: Ints, reference: Floats) -> Bools:
    """Return which cells have a Jacobian that is not positive at some integration point.

    Parameters
    ----------
    points: (n_nodes, 3) float. connectivity: (n_cells, n_cell_nodes) int.
    reference: (n_ip, n_cell_nodes, 3) float.
    """
    n_cells, n_cell_nodes = connectivity.shape
    bad = np.zeros(n_cells, dtype=np.bool_)
    corners = np.empty((n_cell_nodes, 3))
    inverse = np.empty((3, 3))
    for cell in range(n_cells):
        for a in range(n_cell_nodes):
            corners[a] = points[connectivity[cell, a]]
        for q in range(len(reference)):
            bad[cell] |= not jacobian(corners, reference[q], inverse) > 0.0
    return bad
