"""Which nodes share an element, and where each pair of an element's nodes stands in the sparse matrix."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from romtool.fem import kernels
from romtool.types import Ints


@dataclass(frozen=True)
class NodePattern:
    """The symmetric node-to-node CSR pattern of a mesh.

    Parameters
    ----------
    indptr: (n_nodes + 1,) int. indices: (nnz,) int, sorted in each row.
    entries: per block, (n_cells, n_cell_nodes, n_cell_nodes) int: position in `indices` of each pair.
    """

    indptr: Ints
    indices: Ints
    entries: tuple[Ints, ...]


def build_node_pattern(n_nodes: int, connectivities: tuple[Ints, ...]) -> NodePattern:
    """Build the pattern from the (n_cells, n_cell_nodes) connectivities of the blocks.

    Parameters
    ----------
    n_nodes: number of nodes.
    connectivities: one array per block.

    Returns
    -------
    NodePattern.
    """
    sizes = np.concatenate([[0], *(np.full(len(c), c.shape[1]) for c in connectivities)])
    columns = np.concatenate([np.zeros(0, dtype=np.int64), *(c.ravel() for c in connectivities)])
    ones = np.ones(len(columns), dtype=np.int8)
    incidence = sparse.csr_matrix((ones, columns, np.cumsum(sizes)), shape=(len(sizes) - 1, n_nodes))
    graph = (incidence.T.astype(np.bool_) @ incidence.astype(np.bool_)).tocsr()
    graph.sort_indices()
    indptr, indices = graph.indptr.astype(np.int64), graph.indices.astype(np.int64)
    entries = []
    for connectivity in connectivities:
        found = np.empty((*connectivity.shape, connectivity.shape[1]), dtype=np.int64)
        kernels.pair_entries(connectivity, indptr, indices, found)
        entries.append(found)
    return NodePattern(indptr, indices, tuple(entries))
