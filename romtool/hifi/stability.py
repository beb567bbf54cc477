"""Whether supports and constraints hold every part of a structure."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from romtool.errors import CaseError
from romtool.fem.operators import Operators
from romtool.fem.sharing import Sharing
from romtool.hifi.elimination import Elimination
from romtool.types import Floats, Ints

_RANK = 1e-9
_MOVES = 1e-6


def check_supports(operators: Operators, elimination: Elimination) -> None:
    """Raise where a part of the mesh can move rigidly; all ranks call this together.

    Parameters
    ----------
    operators: of the mesh.
    elimination: of prescribed and dependent displacements.

    Raises
    ------
    CaseError: a part whose supports and constraints leave a rigid motion free.
    """
    sharing, mesh = elimination.nodes, operators.mesh
    part, n_parts = _connected_parts(operators, sharing)
    lowest, highest = np.full((n_parts, 3), np.inf), np.full((n_parts, 3), -np.inf)
    np.minimum.at(lowest, part, mesh.points)
    np.maximum.at(highest, part, mesh.points)
    first = np.full(n_parts, np.iinfo(np.int64).max)
    np.minimum.at(first, part, mesh.node_ids)
    boxes = sharing.comm.allgather((lowest, highest, first))
    lowest, highest = np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
    centres, sizes = 0.5 * (lowest + highest), (highest - lowest).max(axis=1)
    motions = rigid_motions((mesh.points - centres[part]) / sizes[part, None])
    factors = [_triangle(motions[part == k][elimination.fixed[part == k]]) for k in range(n_parts)]
    triangles = [np.concatenate(rows) for rows in zip(*sharing.comm.allgather(factors), strict=True)]
    missing = np.array([6 - _rank(rows) for rows in triangles])
    constrained = any(sharing.comm.allgather(bool(elimination.dependent.any())))
    if constrained:
        loose = np.flatnonzero(missing)
        number = np.full(n_parts, -1)
        number[loose] = np.arange(len(loose))
        rows = _constraint_rows(elimination, motions, number[part], len(loose))
        every = np.concatenate(sharing.comm.allgather(_triangle(rows)))
        missing[loose] = _left_free([triangles[k] for k in loose], every)
    for k in np.flatnonzero(missing):
        name = f"the part with node {min(box[2][k] for box in boxes)}" if n_parts > 1 else "the structure"
        what = "its supports and constraints" if constrained else "its supports"
        raise CaseError(
            f"{name} is free to move in {missing[k]} of 6 rigid motions; {what} must prevent all of them; "
            "add [[dirichlet]] entries"
        )


def _constraint_rows(elimination: Elimination, motions: Floats, number: Ints, n_loose: int) -> Floats:
    """Return what rigid motions of loose parts and reference nodes leave of this rank's equations.

    Parameters
    ----------
    elimination: of this rank.
    motions: (n_nodes, 3, 6) float, rigid motions of each node with its part.
    number: (n_nodes,) int, among the parts that supports alone do not hold, -1 for the others.
    n_loose: number of such parts.

    Returns
    -------
    (n_equations, 6 n_loose + n_extra) float, scaled columns of the reference nodes.
    """
    columns, extra = 6 * n_loose, elimination.extra
    packed = elimination.fetch(np.column_stack([motions.reshape(-1, 18), number + 1.0]))
    every, at = packed[:, :18].reshape(-1, 6), np.rint(packed[:, 18]).astype(np.int64) - 1
    rows = np.flatnonzero(elimination.dependent.ravel() & np.repeat(elimination.nodes.owned, 3))
    terms = sparse.vstack(
        [elimination.coefficients[rows], -sparse.identity(elimination.coefficients.shape[1], format="csr")[rows]]
    ).tocoo()
    found = np.zeros((len(rows), columns + len(extra)))
    inside = at[terms.col // 3] >= 0
    row, col, value = terms.row[inside] % max(len(rows), 1), terms.col[inside], terms.data[inside]
    np.add.at(found, (row[:, None], 6 * at[col // 3][:, None] + np.arange(6)), value[:, None] * every[col])
    found[:, columns:] = elimination.coefficients[rows][:, extra].toarray()
    sizes = np.max(elimination.nodes.comm.allgather(np.abs(found[:, columns:]).max(axis=0, initial=0.0)), axis=0)
    found[:, columns:] /= np.where(sizes > 0.0, sizes, 1.0)
    return found


def _left_free(triangles: list[Floats], rows: Floats) -> Ints:
    """Return in how many motions each loose part is free, given its own supports and the equations between parts."""
    whole = np.zeros((sum(map(len, triangles)) + len(rows) + rows.shape[1], rows.shape[1]))
    start = 0
    for k, triangle in enumerate(triangles):
        whole[start : start + len(triangle), 6 * k : 6 * k + 6] = triangle
        start += len(triangle)
    whole[start : start + len(rows)] = rows
    _, values, vectors = np.linalg.svd(whole, full_matrices=False)
    free = vectors[values <= _RANK * values.max(initial=0.0)]
    blocks = [free[:, 6 * k : 6 * k + 6] for k in range(len(triangles))]
    found = [np.linalg.matrix_rank(block, tol=_MOVES) if block.size else 0 for block in blocks]
    if len(free) and not any(found):
        raise CaseError(
            "a reference node of a constraint can move or turn without any node that follows it; prescribe its "
            "displacement and rotation, or couple more nodes to it"
        )
    return np.array(found, dtype=np.int64)


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
    """Return the triangular factor of (n, m) rows: at most m rows with the same singular values."""
    return np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) else rows.reshape(0, rows.shape[-1])


def _rank(rows: Floats) -> int:
    """Return the rank of (n, 6) rows."""
    return int(np.linalg.matrix_rank(rows, tol=_RANK * np.abs(rows).max())) if len(rows) else 0
