"""The tangent stiffness matrix: a symmetric pattern built once, filled element by element.

Over all degrees of freedom (3 node + component) the CSR pattern is the node pattern with full 3x3 blocks,
rows sorted.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import sparse

from romtool.fem.operators import Operators
from romtool.types import Bools, Floats, Ints


@dataclass(frozen=True)
class TangentPattern:
    """Where the tangent's entries are.

    Parameters
    ----------
    operators: of the mesh.
    indptr, indices: CSR pattern over all (3 n_nodes) degrees of freedom, symmetric, rows sorted.
    """

    operators: Operators
    indptr: Ints
    indices: Ints

    @property
    def n_dofs(self) -> int:
        """Return the number of degrees of freedom of all nodes."""
        return 3 * self.operators.n_nodes


def build_pattern(operators: Operators) -> TangentPattern:
    """Build the pattern of the tangent over all degrees of freedom."""
    nodes = operators.node_pattern
    lengths = np.repeat(3 * np.diff(nodes.indptr), 3)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    indices = np.empty(indptr[-1], dtype=np.int64)
    _expand(nodes.indptr, nodes.indices, indptr, indices)
    return TangentPattern(operators, indptr, indices)


@njit(cache=True)
def _expand(node_indptr: Ints, node_indices: Ints, indptr: Ints, indices: Ints) -> None:
    """Expand the node pattern to three components per node."""
    for node in range(len(node_indptr) - 1):
        for i in range(3):
            position = indptr[3 * node + i]
            for k in range(node_indptr[node], node_indptr[node + 1]):
                for j in range(3):
                    indices[position] = 3 * node_indices[k] + j
                    position += 1


def tangent_data(pattern: TangentPattern, tangent: Floats) -> Floats:
    """Return the values of the tangent stiffness in the order of `pattern.indices`.

    Parameters
    ----------
    pattern: of the mesh.
    tangent: (n_points, 6, 6) float [stress], d sig_a / d eps_b with sig = D eps in tensor shear: the
        columns of shear strains hold the factor 2.

    Returns
    -------
    (nnz,) float [force/length].
    """
    return _stiffness(pattern.operators, tangent, False)


def stiffness_blocks(operators: Operators, tangent: Floats) -> Floats:
    """Return the tangent stiffness as one 3x3 block per entry of `operators.node_pattern`.

    Parameters
    ----------
    operators: of the mesh.
    tangent: (n_points, 6, 6) float [stress], see `tangent_data`.

    Returns
    -------
    (nnz, 3, 3) float [force/length].
    """
    return _stiffness(operators, tangent, True).reshape(-1, 3, 3)


def _stiffness(operators: Operators, tangent: Floats, blocked: bool) -> Floats:
    """Return the values block by block, or row by row."""
    nodes = operators.node_pattern
    data = np.zeros(9 * len(nodes.indices))
    moduli = np.ascontiguousarray(tangent, dtype=np.float64)
    for block, entries in zip(operators.blocks, nodes.entries, strict=True):
        weights = operators.weights[block.span]
        args = (block.connectivity, block.gradients, weights, moduli[block.span])
        _add_block(*args, entries, nodes.indptr, blocked, data)
    return data


def fix_blocks(operators: Operators, blocks: Floats, fixed: Bools, diagonal: Floats) -> None:
    """Put a diagonal matrix in place of the rows and columns of fixed degrees of freedom.

    Parameters
    ----------
    operators: of the mesh.
    blocks: (nnz, 3, 3) float of `stiffness_blocks`, changed.
    fixed: (3 n_nodes,) bool.
    diagonal: (n_nodes,) float [force/length], what the fixed ones get.
    """
    nodes = operators.node_pattern
    _fix_blocks(nodes.indptr, nodes.indices, np.ascontiguousarray(fixed).reshape(-1, 3), diagonal, blocks)


@njit(cache=True)
def _fix_blocks(indptr: Ints, indices: Ints, fixed: Bools, diagonal: Floats, blocks: Floats) -> None:
    """See `fix_blocks`."""
    for node in range(len(indptr) - 1):
        for k in range(indptr[node], indptr[node + 1]):
            column = indices[k]
            for i in range(3):
                for j in range(3):
                    if fixed[node, i] or fixed[column, j]:
                        blocks[k, i, j] = diagonal[node] if column == node and i == j else 0.0


def dependent_part(
    operators: Operators, blocks: Floats, dependent: Bools, matrix: sparse.csr_matrix
) -> sparse.bsr_matrix:
    """Return what dependent unknowns add to the matrix of the free ones: Cᵀ E C of the stiffness E that touches them.

    The free unknowns' own stiffness, Z K Z with Z the rows of C that are one for themselves, is the rest of Cᵀ K C.

    Parameters
    ----------
    operators: of the mesh.
    blocks: (nnz, 3, 3) float of `stiffness_blocks`.
    dependent: (n_nodes, 3) bool.
    matrix: C, (3 n_nodes, 3 n_unknown_nodes) CSR.

    Returns
    -------
    (3 n_unknown_nodes, 3 n_unknown_nodes) BSR, blocks sorted.
    """
    nodes = operators.node_pattern
    touched = dependent.any(axis=1)
    rows = np.repeat(np.arange(operators.n_nodes), np.diff(nodes.indptr))
    chosen = np.flatnonzero(touched[rows] | touched[nodes.indices])
    keep = dependent[rows[chosen]][:, :, None] | dependent[nodes.indices[chosen]][:, None, :]
    indptr = np.searchsorted(rows[chosen], np.arange(operators.n_nodes + 1))
    size = 3 * operators.n_nodes
    found = sparse.bsr_matrix((blocks[chosen] * keep, nodes.indices[chosen], indptr), shape=(size, size))
    product = (matrix.T.tocsr() @ found.tocsr() @ matrix).tobsr((3, 3))
    product.sort_indices()
    return product


def assemble_tangent(pattern: TangentPattern, tangent: Floats) -> sparse.csr_matrix:
    """Return the (3 n_nodes, 3 n_nodes) CSR tangent stiffness of all degrees of freedom.

    Parameters
    ----------
    pattern: of the mesh.
    tangent: (n_points, 6, 6) float [stress], see `tangent_data`.

    Returns
    -------
    CSR float [force/length]; symmetric in its pattern.
    """
    shape = (pattern.n_dofs, pattern.n_dofs)
    return sparse.csr_matrix((tangent_data(pattern, tangent), pattern.indices, pattern.indptr), shape=shape)


@njit(cache=True)
def _strain_columns(gradients: Floats, moduli: Floats, weight: float, columns: Floats) -> None:
    """Write w D B_b of one point into `columns` (6, 3, n_cell_nodes)."""
    for s in range(6):
        d = moduli[s]
        for b in range(gradients.shape[0]):
            gx, gy, gz = weight * gradients[b, 0], weight * gradients[b, 1], weight * gradients[b, 2]
            columns[s, 0, b] = d[0] * gx + 0.5 * (d[3] * gy + d[5] * gz)
            columns[s, 1, b] = d[1] * gy + 0.5 * (d[3] * gx + d[4] * gz)
            columns[s, 2, b] = d[2] * gz + 0.5 * (d[4] * gy + d[5] * gx)


@njit(cache=True)
def _add_point(gradients: Floats, columns: Floats, local: Floats) -> None:
    """Add B_a^T (w D B_b) of one point to `local` (n_cell_nodes, 3, 3, n_cell_nodes)."""
    n_cell_nodes = gradients.shape[0]
    for a in range(n_cell_nodes):
        gx, gy, gz = gradients[a, 0], gradients[a, 1], gradients[a, 2]
        for j in range(3):
            for b in range(n_cell_nodes):
                local[a, 0, j, b] += gx * columns[0, j, b] + gy * columns[3, j, b] + gz * columns[5, j, b]
                local[a, 1, j, b] += gy * columns[1, j, b] + gx * columns[3, j, b] + gz * columns[4, j, b]
                local[a, 2, j, b] += gz * columns[2, j, b] + gy * columns[4, j, b] + gx * columns[5, j, b]


@njit(cache=True)
def _add_block(
    connectivity: Ints,
    gradients: Floats,
    weights: Floats,
    moduli: Floats,
    entries: Ints,
    node_indptr: Ints,
    blocked: bool,
    data: Floats,
) -> None:
    """Add the element matrices of one block of elements to `data`, laid out by 3x3 blocks or by rows."""
    n_cells, n_ip, n_cell_nodes = gradients.shape[:3]
    local = np.empty((n_cell_nodes, 3, 3, n_cell_nodes))
    columns = np.empty((6, 3, n_cell_nodes))
    for cell in range(n_cells):
        local[:] = 0.0
        for q in range(n_ip):
            point = cell * n_ip + q
            _strain_columns(gradients[cell, q], moduli[point], weights[point], columns)
            _add_point(gradients[cell, q], columns, local)
        for a in range(n_cell_nodes):
            start = node_indptr[connectivity[cell, a]]
            length = node_indptr[connectivity[cell, a] + 1] - start
            for b in range(n_cell_nodes):
                entry = entries[cell, a, b]
                first, stride = (9 * entry, 3) if blocked else (3 * (2 * start + entry), 3 * length)
                for i in range(3):
                    position = first + i * stride
                    for j in range(3):
                        data[position + j] += local[a, i, j, b]


@njit(cache=True)
def is_symmetric(tangent: Floats) -> bool:
    """Tell whether the stiffness of (n_points, 6, 6) moduli d sig / d eps (tensor shear) is symmetric."""
    for point in range(len(tangent)):
        moduli = tangent[point]
        largest = 0.0
        for a in range(6):
            largest = max(largest, abs(moduli[a, a]))
        for a in range(6):
            for b in range(a):
                ab = moduli[a, b] if b < 3 else 0.5 * moduli[a, b]
                ba = moduli[b, a] if a < 3 else 0.5 * moduli[b, a]
                if not abs(ab - ba) <= 1e-10 * largest:
                    return False
    return True
