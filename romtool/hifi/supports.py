"""Prescribed displacements as degrees of freedom (3 node + component)."""

from dataclasses import dataclass

import numpy as np

from romtool.errors import CaseError
from romtool.fem.sets import node_set
from romtool.loading import Dirichlet, Loading
from romtool.types import Floats, Ints, Mesh


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
