"""Balance of imported displacements with what the case says acts on them."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from romtool.fem.loads import load_shapes, load_vectors
from romtool.fem.operators import absolute_internal_force, internal_force
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.loading import Loading
from romtool.offline.parts import Part
from romtool.offline.training import TrainingRun
from romtool.types import Bools, Floats, Ints


class Forces(NamedTuple):
    """Nodal forces of one increment, (n_nodes_s, 3) [force] per subdomain: internal, external, sums of |w B^T sig|."""

    inner: Sequence[Floats]
    external: Sequence[Floats]
    absolute: Sequence[Floats]


class Unknowns:
    """Which displacements are free, and sums over them that every rank gets alike.

    Forces of nodes inside a subdomain are complete there; those on common nodes are added in subdomain order.

    Parameters
    ----------
    parts: the subdomains of this rank.
    loadings: what acts on each; its supports are not free.
    common: the nodes that several subdomains have.
    comm: the ranks.
    """

    def __init__(self, parts: Sequence[Part], loadings: Sequence[Loading], common: "CommonNodes", comm: Comm) -> None:
        self.common, self.comm = common, comm
        self._release([_free(part, loading) for part, loading in zip(parts, loadings, strict=True)])

    def _release(self, free: Sequence[Bools]) -> None:
        """Set which unknowns are free; on common nodes those that are free on every side."""
        self.free = free
        self.free_common = self.common.add([~mask for mask in free], self.comm) == 0.0

    def hold(self, rows: Sequence[Ints], components: tuple[int, ...]) -> "Unknowns | None":
        """Return these unknowns with some nodes held as well; None where they are held already.

        Parameters
        ----------
        rows: (n,) int nodes per subdomain.
        components: some of 0, 1, 2.
        """
        held = copy(self)
        masks = [mask.copy() for mask in self.free]
        for mask, nodes in zip(masks, rows, strict=True):
            mask[nodes[:, None], list(components)] = False
        held._release(masks)
        changed = any(bool((a != b).any()) for a, b in zip(masks, self.free, strict=True))
        return held if any(self.comm.allgather(changed)) else None

    def products(self, fields: Sequence[Floats]) -> Floats:
        """Return the (3, k, k) products of k nodal fields on the free unknowns, on the others, and on all.

        Parameters
        ----------
        fields: (n_nodes_s, 3, k) float [force] per subdomain.
        """
        inside = zip(fields, self.free, self.common.inside, strict=True)
        own = [_products(field[mask], free[mask]) for field, free, mask in inside]
        shared = _products(self.common.add(fields, self.comm), self.free_common)
        return ordered_sum(self.comm, own) + shared

    def measure(self, forces: Forces) -> tuple[float, float, float]:
        """Return the norm of the residual, the larger of those of loads and reactions, and the absolute one [force]."""
        stacked = [np.stack([i - e, e, a], axis=2) for i, e, a in zip(*forces, strict=True)]
        free, held, whole = np.sqrt(np.diagonal(self.products(stacked), axis1=1, axis2=2)).tolist()
        return free[0], max(whole[1], held[0]), whole[2]


class Balance:
    """Relative residual of the imported displacements, increment after increment (METHODS 0).

    Parameters
    ----------
    parts: the subdomains of this rank.
    run: the training computation.
    common: the nodes that several subdomains have.
    comm: the ranks.
    """

    def __init__(self, parts: Sequence[Part], run: TrainingRun, common: "CommonNodes", comm: Comm) -> None:
        self.parts, self.unknowns = parts, Unknowns(parts, run.local, common, comm)
        shapes = [load_shapes(p.operators, local, p.materials) for p, local in zip(parts, run.local, strict=True)]
        pairs = zip(shapes, run.local, strict=True)
        self.external = [load_vectors(shape, local, run.loading.times[1:]) for shape, local in pairs]
        self.scale = 0.0
        self.values: list[float] = []

    def add(self, stresses: Sequence[Floats], *others: Sequence[Floats]) -> tuple[float, ...]:
        """Take the stresses of the next increment on all subdomains; return the unbalance of these, and of others."""
        external = [next(vectors) for vectors in self.external]
        found = []
        for number, given in enumerate((stresses, *others)):
            residual, acting, absolute = self.unknowns.measure(forces_of(self.parts, given, external))
            self.scale = max(self.scale, absolute) if number == 0 else self.scale
            found.append(relative(residual, max(acting, self.scale)))
        self.values.append(found[0])
        return tuple(found)


def forces_of(parts: Sequence[Part], stresses: Sequence[Floats], external: Sequence[Floats]) -> Forces:
    """Return the nodal forces of (n_points, 6) stresses and of given (n_nodes_s, 3) loads on all subdomains."""
    pairs = list(zip(parts, stresses, strict=True))
    inner = [internal_force(part.operators, stress) for part, stress in pairs]
    return Forces(inner, external, [absolute_internal_force(part.operators, stress) for part, stress in pairs])


def relative(residual: float, reference: float) -> float:
    """Return a residual over its reference; where there is none, the residual."""
    return residual / reference if reference > 0.0 else residual


def _products(fields: Floats, free: Bools) -> Floats:
    """Return the (3, k, k) products of (n, 3, k) fields where `free` (n, 3) holds, where not, and everywhere."""
    return np.stack([part.T @ part for part in (fields[free], fields[~free], fields.reshape(-1, fields.shape[2]))])


def _free(part: Part, loading: Loading) -> Bools:
    """Return the (n_nodes_s, 3) mask of unknowns that are not prescribed."""
    mask = np.ones((part.subdomain.mesh.n_nodes, 3), dtype=np.bool_)
    for entry in loading.dirichlet:
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
