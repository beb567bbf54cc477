"""Prescribed displacements as degrees of freedom (3 node + component), and whether they hold the structure."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from romtool.errors import CaseError
from romtool.fem.operators import Operators
from romtool.fem.sets import node_set
from romtool.fem.sharing import Sharing
from romtool.loading import Dirichlet, Loading
from romtool.types import Bools, Floats, Ints, Mesh


@dataclass(frozen=True)
class Support:
    """One Dirichlet entry on the degrees of freedom.

    Parameters
    ----------
    entry: where it comes from.
    dofs: (n,) int, 3 node + component.
    values: (n,) float [length], where the table is one.
    """

    entry: Dirichlet
    dofs: Ints
    values: Floats


def build_support(mesh: Mesh, entry: Dirichlet) -> Support:
    """Return the degrees of freedom and values of one entry.

    Raises
    ------
    MeshError: no such node set. CaseError: another number of values than nodes, a component that is not 0, 1, 2.
    """
    nodes = node_set(mesh, entry.nodes)
    components = np.array(entry.components, dtype=np.int64)
    if len(components) == 0 or not np.isin(components, (0, 1, 2)).all():
        raise CaseError(f"support '{entry.name}' has components {entry.components}; expected some of 0, 1, 2")
    value = np.asarray(entry.value, dtype=np.float64)
    if value.ndim > 0 and value.shape != nodes.shape:
        raise CaseError(
            f"support '{entry.name}' has {value.size} values; expected one number, or one for each of the "
            f"{len(nodes)} nodes of set '{entry.nodes}'"
        )
    dofs = 3 * nodes[:, None] + components
    values = np.broadcast_to(value.reshape(-1, 1), dofs.shape)
    return Support(entry, dofs.ravel(), np.array(values).ravel())


def build_supports(mesh: Mesh, loading: Loading) -> tuple[Support, ...]:
    """Return the supports of a loading.

    Parameters
    ----------
    mesh: the mesh.
    loading: its Dirichlet entries.

    Raises
    ------
    MeshError: no such node set. CaseError: values of the wrong shape, or two entries that contradict each other.
    """
    supports = tuple(build_support(mesh, entry) for entry in loading.dirichlet)
    for i, second in enumerate(supports):
        for first in supports[:i]:
            _check_agreement(mesh, first, second)
    return supports


def _check_agreement(mesh: Mesh, first: Support, second: Support) -> None:
    """Raise where two supports prescribe different displacements of one degree of freedom."""
    common, i, j = np.intersect1d(first.dofs, second.dofs, return_indices=True)
    differ = first.values[i] != second.values[j]
    if first.entry.table != second.entry.table:
        differ |= (first.values[i] != 0.0) | (second.values[j] != 0.0)
    if differ.any():
        node, component = divmod(int(common[differ][0]), 3)
        raise CaseError(
            f"supports '{first.entry.name}' and '{second.entry.name}' prescribe different displacements "
            f"{'xyz'[component]} of node {mesh.node_ids[node]}; take the node out of one of their sets"
        )


def check_supports(operators: Operators, fixed: Bools, sharing: Sharing) -> None:
    """Raise where a part of the mesh can move rigidly; all ranks call this together.

    Parameters
    ----------
    operators: of the mesh.
    fixed: (3 n_nodes,) bool, prescribed degrees of freedom.
    sharing: of the nodes.

    Raises
    ------
    CaseError: a part whose supports leave a rigid motion free.
    """
    part, n_parts = _connected_parts(operators, sharing)
    mesh, held = operators.mesh, fixed.reshape(-1, 3)
    lowest, highest = np.full((n_parts, 3), np.inf), np.full((n_parts, 3), -np.inf)
    np.minimum.at(lowest, part, mesh.points)
    np.maximum.at(highest, part, mesh.points)
    first = np.full(n_parts, np.iinfo(np.int64).max)
    np.minimum.at(first, part, mesh.node_ids)
    boxes = sharing.comm.allgather((lowest, highest, first))
    lowest, highest = np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
    centres, sizes = 0.5 * (lowest + highest), (highest - lowest).max(axis=1)
    motions = rigid_motions((mesh.points - centres[part]) / sizes[part, None])
    factors = [_triangle(motions[part == k][held[part == k]]) for k in range(n_parts)]
    ranks = [_rank(np.concatenate(rows)) for rows in zip(*sharing.comm.allgather(factors), strict=True)]
    for k in np.flatnonzero(np.array(ranks) < 6):
        name = f"the part with node {min(box[2][k] for box in boxes)}" if n_parts > 1 else "the structure"
        raise CaseError(
            f"{name} is free to move in {6 - ranks[k]} of 6 rigid motions; its supports must prevent all of them; "
            "add [[dirichlet]] entries"
        )


def _connected_parts(operators: Operators, sharing: Sharing) -> tuple[Ints, int]:
    """Return which connected part of the whole mesh each node belongs to, and the number of parts."""
    pattern = operators.node_pattern
    graph = sparse.csr_matrix((np.ones(len(pattern.indices), dtype=np.int8), pattern.indices, pattern.indptr))
    n_local, local = connected_components(graph, directed=False)
    shared, numbers = sharing.shared, sharing.number(np.ones(operators.n_nodes, dtype=np.bool_))
    links = sharing.comm.allgather((n_local, numbers[shared], local[shared]))
    starts = np.cumsum([0, *(link[0] for link in links)])
    _, nodes = np.unique(np.concatenate([link[1] for link in links]), return_inverse=True)
    pieces = np.concatenate([start + link[2] for start, link in zip(starts[:-1], links, strict=True)])
    size = starts[-1] + len(nodes)
    ones = np.ones(len(nodes), dtype=np.int8)
    joined = sparse.csr_matrix((ones, (pieces, starts[-1] + nodes)), shape=(size, size))
    _, labels = connected_components(joined, directed=False)
    names, parts = np.unique(labels[: starts[-1]], return_inverse=True)
    return parts[starts[sharing.comm.rank] + local], len(names)


def rigid_motions(arms: Floats) -> Floats:
    """Return the (n, 3, 6) displacements of three translations and three rotations of points at (n, 3) `arms`."""
    motions = np.zeros((len(arms), 3, 6))
    for i in range(3):
        motions[:, i, i] = 1.0
        motions[:, :, 3 + i] = np.cross(np.eye(3)[i], arms)
    return motions


def _triangle(rows: Floats) -> Floats:
    """Return the triangular factor of (n, 6) rows: at most six rows with the same singular values."""
    return np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) else rows.reshape(0, 6)


def _rank(rows: Floats) -> int:
    """Return the rank of (n, 6) rows."""
    return int(np.linalg.matrix_rank(rows, tol=1e-9 * np.abs(rows).max())) if len(rows) else 0
