"""Balance of imported displacements with what the case says acts on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.fem.loads import load_shapes, load_vectors
from romtool.fem.operators import absolute_internal_force, internal_force
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.offline.parts import Part
from romtool.offline.training import TrainingRun
from romtool.types import Bools, Floats, Ints


class Balance:
    """Relative residual of the imported displacements, increment after increment (METHODS 0).

    Forces of nodes inside a subdomain are complete there; those on common nodes are added in subdomain order.
    """

    def __init__(self, parts: Sequence[Part], run: TrainingRun, common: "CommonNodes", comm: Comm) -> None:
        self.parts, self.common, self.comm = parts, common, comm
        self.free = [_free(part, run) for part in parts]
        self.free_common = common.add([~mask for mask in self.free], comm) == 0.0
        self.external = []
        for part, local in zip(parts, run.local, strict=True):
            shapes = load_shapes(part.operators, local, part.materials)
            self.external.append(load_vectors(shapes, local, run.loading.times[1:]))
        self.scale = 0.0
        self.values: list[float] = []

    def add(self, stresses: Sequence[Floats]) -> None:
        """Take the stresses of the next increment on all subdomains."""
        squares, forces = [], []
        for s, (part, stress, external) in enumerate(zip(self.parts, stresses, self.external, strict=True)):
            force, inner = next(external), internal_force(part.operators, stress)
            absolute = absolute_internal_force(part.operators, stress)
            fields = np.stack([inner - force, force, absolute], axis=1)
            inside = self.common.inside[s]
            squares.append(_squares(fields[inside], self.free[s][inside]))
            forces.append(fields)
        common = self.common.add(forces, self.comm)
        total = ordered_sum(self.comm, squares) + _squares(common, self.free_common)
        free, reaction, external_force, absolute_force = np.sqrt(total).tolist()
        self.scale = max(self.scale, absolute_force)
        reference = max(external_force, reaction, self.scale)
        self.values.append(free / reference if reference > 0.0 else free)


def _squares(fields: Floats, free: Bools) -> Floats:
    """Return the sums of squares of free residual, reactions, external and absolute forces.

    Parameters
    ----------
    fields: (n, 3, 3) residual, external and absolute force of each node.
    free: (n, 3) whether an unknown is not prescribed.
    """
    residual = fields[:, 0] ** 2
    found = [residual[free].sum(), residual[~free].sum(), (fields[:, 1] ** 2).sum(), (fields[:, 2] ** 2).sum()]
    return np.array(found)


def _free(part: Part, run: TrainingRun) -> Bools:
    """Return the (n_nodes_s, 3) mask of unknowns that are not prescribed."""
    mask = np.ones((part.subdomain.mesh.n_nodes, 3), dtype=np.bool_)
    for entry in run.loading.dirichlet:
        mask[part.subdomain.mesh.node_sets[entry.nodes][:, None], list(entry.components)] = False
    return mask


@dataclass(frozen=True)
class CommonNodes:
    """Nodes that several subdomains have.

    Parameters
    ----------
    count: how many there are in all.
    inside: (n_nodes_s,) bool per subdomain, nodes that are its alone.
    places: (n_s,) int per subdomain, positions of its others among all common nodes.
    """

    count: int
    inside: tuple[Bools, ...]
    places: tuple[Ints, ...]

    def add(self, fields: Sequence[Floats | Bools], comm: Comm) -> Floats:
        """Return the (count, …) sums at the common nodes, in subdomain order, of (n_nodes_s, …) per subdomain."""
        own = [(places, field[~mask]) for places, field, mask in zip(self.places, fields, self.inside, strict=True)]
        total = np.zeros((self.count, *fields[0].shape[1:]))
        for places, values in gather_subdomains(comm, own):
            total[places] += values
        return total


def common_nodes(parts: Sequence[Part], n_nodes: int, comm: Comm) -> CommonNodes:
    """Find the nodes that several subdomains have."""
    count = np.zeros(n_nodes, dtype=np.int64)
    for rows in gather_subdomains(comm, [part.subdomain.node_rows for part in parts]):
        count[rows] += 1
    common = np.flatnonzero(count > 1)
    inside = tuple(count[part.subdomain.node_rows] == 1 for part in parts)
    outside = (part.subdomain.node_rows[~mask] for part, mask in zip(parts, inside, strict=True))
    return CommonNodes(len(common), inside, tuple(np.searchsorted(common, rows) for rows in outside))
