"""Balance of imported displacements with what the case says acts on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from romtool.fem.loads import load_shapes, load_vectors
from romtool.fem.operators import absolute_internal_force, internal_force
from romtool.hifi.elimination import equations_of, prescribed_rows, resolve_all
from romtool.hifi.supports import build_supports
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.offline.parts import Part
from romtool.offline.training import TrainingRun
from romtool.types import Bools, Floats, Ints


class Balance:
    """Relative residual of the imported displacements, increment after increment (METHODS 0).

    Forces of nodes inside a subdomain are complete there; those on common nodes are added in subdomain order, and
    those of dependent unknowns are brought to the ones that they depend on.
    """

    def __init__(self, parts: Sequence[Part], run: TrainingRun, common: "CommonNodes", comm: Comm) -> None:
        self.parts, self.common, self.comm = parts, common, comm
        self.free = [_free(part, run) for part in parts]
        free = common.add([~mask for mask in self.free], comm) == 0.0
        self.free_common, self.transfer = _unknowns(parts, run, common, free, comm)
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
            inside, free = self.common.inside[s], self.free[s]
            squares.append(_squares(fields[inside], free[inside], fields[inside, 0][free[inside]]))
            forces.append(fields)
        common = self.common.add(forces, self.comm)
        on_unknowns = self.transfer @ common[:, 0].ravel()
        total = ordered_sum(self.comm, squares) + _squares(common, self.free_common, on_unknowns)
        free_residual, reaction, external_force, absolute_force = np.sqrt(total).tolist()
        self.scale = max(self.scale, absolute_force)
        reference = max(external_force, reaction, self.scale)
        self.values.append(free_residual / reference if reference > 0.0 else free_residual)


def _squares(fields: Floats, free: Bools, on_unknowns: Floats) -> Floats:
    """Return the sums of squares of residual on the unknowns, reactions, external and absolute forces.

    Parameters
    ----------
    fields: (n, 3, 3) residual, external and absolute force of each node.
    free: (n, 3) whether a displacement is neither prescribed nor dependent.
    on_unknowns: residual on the unknowns.
    """
    held = fields[:, 0][~free]
    found = [(on_unknowns**2).sum(), (held**2).sum(), (fields[:, 1] ** 2).sum(), (fields[:, 2] ** 2).sum()]
    return np.array(found)


def _free(part: Part, run: TrainingRun) -> Bools:
    """Return the (n_nodes_s, 3) mask of unknowns that are not prescribed."""
    mask = np.ones((part.subdomain.mesh.n_nodes, 3), dtype=np.bool_)
    for entry in run.loading.dirichlet:
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
