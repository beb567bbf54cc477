"""Balance of imported displacements with what the case says acts on them."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from romtool.fem.loads import load_shapes, load_vectors
from romtool.fem.operators import absolute_internal_force, internal_force
from romtool.hifi.elimination import equations_of, prescribed_rows, resolve_all
from romtool.hifi.supports import build_supports
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

    Forces of nodes inside a subdomain are complete there; those on common nodes are added in subdomain order, and
    those of dependent unknowns are brought to the ones that they depend on.

    Parameters
    ----------
    parts: the subdomains of this rank.
    run: what acts; its supports are not free, its constraints make unknowns dependent.
    common: the nodes that several subdomains have, and those of constraints.
    comm: the ranks.
    """

    def __init__(self, parts: Sequence[Part], run: TrainingRun, common: "CommonNodes", comm: Comm) -> None:
        self.parts, self.run, self.common, self.comm = parts, run, common, comm
        self._release([_free(part, loading) for part, loading in zip(parts, run.local, strict=True)])

    def _release(self, free: Sequence[Bools]) -> None:
        """Set which unknowns are free; on common nodes those that are free on every side."""
        self.free = free
        common = self.common.add([~mask for mask in free], self.comm) == 0.0
        self.free_common, self.transfer = _unknowns(self.parts, self.run, self.common, common, self.comm)

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
        common = self.common.add(fields, self.comm)
        shared = _products(common, self.free_common)
        on_unknowns = self.transfer @ common.reshape(-1, common.shape[2])
        shared[0] = on_unknowns.T @ on_unknowns
        return ordered_sum(self.comm, own) + shared

    def measure(self, forces: Forces) -> tuple[float, float, float]:
        """Return the norm of the residual, the larger of those of loads and reactions, and the absolute one [force]."""
        stacked = [np.stack([i - e, e, a], axis=2) for i, e, a in zip(*forces, strict=True)]
        free, held, whole = np.sqrt(np.diagonal(self.products(stacked), axis1=1, axis2=2)).tolist()
        return free[0], max(whole[1], held[0]), whole[2]


class Balance:
    """Relative residual of the imported displacements, increment after increment (theory, eq. (2.5)).

    Parameters
    ----------
    parts: the subdomains of this rank.
    run: the training computation.
    common: the nodes that several subdomains have.
    comm: the ranks.
    """

    def __init__(self, parts: Sequence[Part], run: TrainingRun, common: "CommonNodes", comm: Comm) -> None:
        self.parts, self.unknowns = parts, Unknowns(parts, run, common, comm)
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


def _unknowns(
    parts: Sequence[Part], run: TrainingRun, common: "CommonNodes", free: Bools, comm: Comm
) -> tuple[Bools, sparse.csr_matrix]:
    """Return which displacements of common nodes are unknowns, and the matrix Cᵀ of forces on these and on others.

    Parameters
    ----------
    free: (count, 3) bool, whether a displacement of a common node is not prescribed.
    """
    equations, size = equations_of(run.loading), 3 * common.count
    if not equations:
        return free, sparse.identity(size, format="csr")[free.ravel()]
    local = [
        prescribed_rows(part.subdomain.mesh, build_supports(part.subdomain.mesh, loading), equations)
        for part, loading in zip(parts, run.local, strict=True)
    ]
    found = resolve_all(equations, gather_subdomains(comm, local), run.loading.dirichlet)
    rows, columns = common.places_of(found.dependent), common.places_of(found.others)
    entries = found.matrix.tocoo()
    mine = rows[entries.row] >= 0
    dependent, coefficients = rows[entries.row[mine]], entries.data[mine]
    free = free.copy()
    free.ravel()[rows[rows >= 0]] = False
    beyond = size + np.cumsum(columns < 0) - 1  # reference nodes
    targets = np.where(columns < 0, beyond, columns)[entries.col[mine]]
    itself = np.flatnonzero(free.ravel())
    place = (np.concatenate([itself, targets]), np.concatenate([itself, dependent]))
    values = np.concatenate([np.ones(len(itself)), coefficients])
    matrix = sparse.csr_matrix((values, place), shape=(size + int((columns < 0).sum()), size))
    kept = np.concatenate([free.ravel(), np.ones(matrix.shape[0] - size, dtype=np.bool_)])
    return free, matrix[kept]


@dataclass(frozen=True)
class CommonNodes:
    """Nodes that several subdomains have, and those of constraints.

    Parameters
    ----------
    ids: (count,) int, of the solver, ascending.
    inside: (n_nodes_s,) bool per subdomain, its other nodes.
    places: (n_s,) int per subdomain, positions of its common nodes among all of them.
    """

    ids: Ints
    inside: tuple[Bools, ...]
    places: tuple[Ints, ...]

    @property
    def count(self) -> int:
        """Return how many there are in all."""
        return len(self.ids)

    def places_of(self, unknowns: Ints) -> Ints:
        """Return 3 position + component of unknowns (6 id + component), -1 for those of reference nodes."""
        nodes, components = np.divmod(unknowns, 6)
        at = np.minimum(np.searchsorted(self.ids, nodes), max(self.count - 1, 0))
        return np.where((self.ids[at] == nodes) & (components < 3), 3 * at + components, -1)

    def add(self, fields: Sequence[Floats | Bools], comm: Comm) -> Floats:
        """Return the (count, …) sums at the common nodes, in subdomain order, of (n_nodes_s, …) per subdomain."""
        own = [(places, field[~mask]) for places, field, mask in zip(self.places, fields, self.inside, strict=True)]
        total = np.zeros((self.count, *fields[0].shape[1:]))
        for places, values in gather_subdomains(comm, own):
            total[places] += values
        return total


def common_nodes(parts: Sequence[Part], runs: Sequence[TrainingRun], comm: Comm) -> CommonNodes:
    """Find the nodes that several subdomains have, and those that stand in equations."""
    ids = [part.subdomain.mesh.node_ids for part in parts]
    every, counts = np.unique(np.concatenate(gather_subdomains(comm, ids)), return_counts=True)
    within = [entry.nodes for run in runs for entry in equations_of(run.loading)]
    common = every[(counts > 1) | np.isin(every, np.concatenate([np.zeros(0, dtype=np.int64), *within]))]
    inside = tuple(~np.isin(part, common) for part in ids)
    places = tuple(np.searchsorted(common, part[~mask]) for part, mask in zip(ids, inside, strict=True))
    return CommonNodes(common, inside, places)
