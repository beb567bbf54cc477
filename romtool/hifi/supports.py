"""Prescribed displacements as degrees of freedom (3 node + component), and whether they hold the structure."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from romtool.errors import CaseError
from romtool.fem.operators import Operators
from romtool.fem.sets import node_set
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


def check_supports(operators: Operators, fixed: Bools) -> None:
    """Raise where a part of the mesh can move rigidly.

    Parameters
    ----------
    operators: of the mesh.
    fixed: (3 n_nodes,) bool, prescribed degrees of freedom.

    Raises
    ------
    CaseError: a part whose supports leave a rigid motion free.
    """
    pattern = operators.node_pattern
    graph = sparse.csr_matrix((np.ones(len(pattern.indices), dtype=np.int8), pattern.indices, pattern.indptr))
    n_parts, part = connected_components(graph, directed=False)
    for k in range(n_parts):
        nodes = np.flatnonzero(part == k)
        motions = _rigid_motions(operators.mesh.points[nodes])[fixed.reshape(-1, 3)[nodes]]
        held = int(np.linalg.matrix_rank(motions)) if len(motions) else 0
        if held < 6:
            name = f"the part with node {operators.mesh.node_ids[nodes[0]]}" if n_parts > 1 else "the structure"
            raise CaseError(
                f"{name} is free to move in {6 - held} of 6 rigid motions; its supports must prevent all of them; "
                "add [[dirichlet]] entries"
            )


def _rigid_motions(points: Floats) -> Floats:
    """Return the (n, 3, 6) displacements of three translations and three rotations of about unit size."""
    arm = points - points.mean(axis=0)
    arm = arm / max(float(np.abs(arm).max()), np.finfo(np.float64).tiny)
    motions = np.zeros((len(points), 3, 6))
    for i in range(3):
        motions[:, i, i] = 1.0
        motions[:, :, 3 + i] = np.cross(np.eye(3)[i], arm)
    return motions
