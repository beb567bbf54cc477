"""Supports and constraints as one elimination, `u = C x + g(t)`: what a rank solves for, and what follows.

Theory, eq. (2.4).

The unknowns of a rank are those of its nodes, then those of nodes that its own depend on: held by other ranks, or
reference nodes of constraints, which belong to no element and which every rank holds. C has a row of its own unknown
for each free displacement, coefficients of others for a dependent one, nothing for a prescribed one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from romtool.constraints import Equations
from romtool.fem.dependence import Dependence, Prescribed, resolve
from romtool.fem.sharing import Sharing, build_sharing
from romtool.hifi.supports import Support
from romtool.loading import Dirichlet, Loading
from romtool.types import Bools, Floats, Ints, Mesh


@dataclass(frozen=True)
class Elimination:
    """What the displacements of a rank's nodes are made of.

    Parameters
    ----------
    nodes: sharing of the rank's nodes. sharing: of its unknown nodes, the rank's own ones first.
    fixed: (n_nodes, 3) bool, prescribed. held: (n_nodes, 3) bool, prescribed or dependent.
    free: (n_unknown_nodes, 3) bool, what is solved for.
    coefficients: (3 n_nodes, 3 n_unknown_nodes) CSR, of free and of prescribed unknowns.
    shift: (3 n_nodes, n_tables) CSR [length], right-hand sides of equations. tables: of its columns.
    extra: (n_extra,) int, columns of the unknowns of reference nodes.
    fit: (n_extra, n_extra) float, inverse of their normal matrix over all ranks.
    """

    nodes: Sharing
    sharing: Sharing
    fixed: Bools
    held: Bools
    free: Bools
    coefficients: sparse.csr_matrix
    shift: sparse.csr_matrix
    tables: tuple[str | None, ...]
    extra: Ints
    fit: Floats

    @property
    def dependent(self) -> Bools:
        """Return the (n_nodes, 3) mask of dependent displacements."""
        return self.held & ~self.fixed

    @property
    def matrix(self) -> sparse.csr_matrix:
        """Return C, (3 n_nodes, 3 n_unknown_nodes) CSR, with zeros for prescribed unknowns."""
        return _masked(self.coefficients, self.free.ravel())

    def constrained(self) -> Bools:
        """Return the (n_nodes, 3) displacements that are prescribed, dependent, or what others depend on."""
        own = (self.dependent & self.nodes.owned[:, None]).ravel().astype(np.float64)
        found = self.sharing.add((abs(self.coefficients).T @ own).reshape(-1, 3))
        return np.asarray(self.held | (found[: len(self.held)] > 0.0))

    def reduce(self, force: Floats) -> Floats:
        """Return the (n_unknown_nodes, 3) forces Cᵀ f on the unknowns of (n_nodes, 3) complete nodal forces."""
        own = np.where(self.nodes.owned[:, None], force, 0.0)
        found = (self.coefficients.T @ own.ravel()).reshape(-1, 3)
        return np.where(self.free, self.sharing.add(found), 0.0)

    def expand(self, unknown: Floats) -> Floats:
        """Return the (n_nodes, 3) displacement C x of (n_unknown_nodes, 3) unknowns."""
        return np.asarray(self.coefficients @ np.where(self.free, unknown, 0.0).ravel()).reshape(-1, 3)

    def prescribe(self, prescribed: Floats, loading: Loading | None, time: float = 0.0) -> Floats:
        """Return the (n_nodes, 3) displacement g of (n_nodes, 3) prescribed ones and of equations' tables at a time.

        Without a loading, right-hand sides of equations are zero.
        """
        values = np.where(self.free, 0.0, self.fetch(prescribed))
        found = self.coefficients @ values.ravel()
        if loading is not None and len(self.tables):
            found = found + self.shift @ np.array([loading.amplitude(table, time) for table in self.tables])
        return np.asarray(found).reshape(-1, 3)

    def fetch(self, values: Floats) -> Floats:
        """Return (n_nodes, k) values of all ranks' nodes at the unknown nodes, 0 at reference nodes."""
        if self.sharing is self.nodes:
            return values
        own = np.zeros((len(self.free), values.shape[1]))
        own[: len(values)][self.nodes.owned] = values[self.nodes.owned]
        return self.sharing.add(own)

    def gap(self, displacement: Floats, prescribed: Floats) -> Floats:
        """Return the (n_nodes, 3) change that takes a displacement to one that satisfies supports and constraints.

        Parameters
        ----------
        displacement: (n_nodes, 3) float [length]; free ones of nodes stay.
        prescribed: (n_nodes, 3) float [length], g.
        """
        unknown = np.where(self.free, self.fetch(displacement), 0.0)
        if len(self.extra):
            apart = np.where(self.dependent, displacement - prescribed - self.expand(unknown), 0.0)
            unknown.ravel()[self.extra] = self.fit @ self.reduce(apart).ravel()[self.extra]
        return self.expand(unknown) + prescribed - displacement


def _masked(matrix: sparse.csr_matrix, columns: Bools) -> sparse.csr_matrix:
    """Return a CSR matrix with zeros in the other columns; its entries stay where they are."""
    return sparse.csr_matrix((matrix.data * columns[matrix.indices], matrix.indices, matrix.indptr), matrix.shape)


def build_elimination(mesh: Mesh, supports: Sequence[Support], loading: Loading, nodes: Sharing) -> Elimination:
    """Eliminate what supports prescribe and constraints make dependent; all ranks call this together.

    Parameters
    ----------
    mesh: of this rank.
    supports: of its nodes.
    loading: its constraints, which are equations, the same on all ranks.
    nodes: sharing of its nodes.

    Raises
    ------
    CaseError: equations that contradict each other or supports, see `romtool.fem.dependence.resolve`.
    """
    fixed = np.zeros(3 * mesh.n_nodes, dtype=np.bool_)
    for support in supports:
        fixed[support.dofs] = True
    fixed = fixed.reshape(-1, 3)
    equations = equations_of(loading)
    if not equations:
        size, none = fixed.size, np.zeros(0, dtype=np.int64)
        whole, empty = sparse.identity(size, format="csr"), sparse.csr_matrix((size, 0))
        return Elimination(nodes, nodes, fixed, fixed, ~fixed, whole, empty, (), none, np.zeros((0, 0)))
    rows = nodes.comm.allgather(prescribed_rows(mesh, supports, equations))
    dependence = resolve_all(equations, rows, loading.dirichlet)
    return _eliminate(mesh, fixed, dependence, nodes)


def equations_of(loading: Loading) -> list[Equations]:
    """Return the equations of a loading whose couplings are made into equations."""
    return [entry for entry in loading.constraints if isinstance(entry, Equations) and entry.count]


def prescribed_rows(mesh: Mesh, supports: Sequence[Support], equations: Sequence[Equations]) -> Floats:
    """Return what supports prescribe at the nodes of equations in a mesh: (n, 3) unknown, row of support, value."""
    within = np.unique(np.concatenate([entry.nodes for entry in equations]))
    found = [np.zeros((0, 3))]
    for number, support in enumerate(supports):
        ids = mesh.node_ids[support.dofs // 3]
        mine = np.isin(ids, within)
        unknown = 6 * ids[mine] + support.dofs[mine] % 3
        found.append(np.column_stack([unknown, np.full(len(unknown), number), support.values[mine]]))
    return np.concatenate(found)


def resolve_all(equations: Sequence[Equations], rows: Sequence[Floats], supports: Sequence[Dirichlet]) -> Dependence:
    """Solve equations for their dependent unknowns, given all pieces of `prescribed_rows`. Raises CaseError."""
    every = np.concatenate(rows)
    numbers, first = np.unique(every[:, 0].astype(np.int64), return_index=True)
    prescribed = Prescribed(numbers, every[first, 2], every[first, 1].astype(np.int64), supports)
    return resolve(equations, prescribed)


def _eliminate(mesh: Mesh, fixed: Bools, dependence: Dependence, nodes: Sharing) -> Elimination:
    """Return the elimination of one rank from the dependence of all unknowns, which every rank has."""
    depends, components = np.divmod(dependence.dependent, 6)
    rows = _rows_of(mesh.node_ids, depends)
    own = (rows >= 0) & (components < 3)
    places = 3 * rows[own] + components[own]
    matrix, shift = dependence.matrix[own], dependence.shift[own]
    matrix.sort_indices()
    others, within = np.divmod(dependence.others, 3)  # nodes: twice the id, + 1 for rotations
    in_mesh = np.any(nodes.comm.allgather(_rows_of(2 * mesh.node_ids, others) >= 0), axis=0)
    needed = np.unique([*others[~in_mesh], *others[matrix.indices]]).astype(np.int64)
    beyond = np.setdiff1d(needed, 2 * mesh.node_ids)
    names = np.concatenate([2 * mesh.node_ids, beyond])
    owned = np.concatenate([nodes.owned, np.isin(beyond, others[~in_mesh]) & (nodes.comm.rank == 0)])
    sharing = replace(build_sharing(nodes.comm, names), owned=owned)  # a rank owns no node of another's elements
    order = np.argsort(names)
    at = _rows_of(names[order], others)
    columns = np.where(at >= 0, 3 * order[at] + within, -1)
    held = fixed.copy()
    held.ravel()[places] = True
    extra, none = columns[~in_mesh], np.zeros((len(names), 3), dtype=np.bool_)
    first = Elimination(
        nodes, sharing, fixed, held, none,
        _coefficients(fixed.size, none.size, places, matrix, columns),
        _placed(shift, places, fixed.size), dependence.tables, extra, np.zeros((len(extra), len(extra))),
    )  # fmt: skip
    free = first.fetch((~held).astype(np.float64)) > 0.0
    free.ravel()[extra] = True
    return replace(first, free=free, fit=_fit(first))


def _rows_of(ids: Ints, wanted: Ints) -> Ints:
    """Return the row of each wanted number among ascending ones, -1 where it is not there."""
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[at] == wanted, at, -1)


def _coefficients(
    n_rows: int, n_columns: int, places: Ints, matrix: sparse.csr_matrix, columns: Ints
) -> sparse.csr_matrix:
    """Return the coefficients of all displacements: one for itself, or the rows of `matrix` at `places`.

    Entries of a row stand in ascending order of their nodes' ids on every rank, so that all add up to the same bits.
    """
    lengths = np.ones(n_rows, dtype=np.int64)
    lengths[places] = np.diff(matrix.indptr)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices, data = np.empty(indptr[-1], dtype=np.int64), np.ones(indptr[-1])
    itself = np.setdiff1d(np.arange(n_rows), places)
    indices[indptr[itself]] = itself
    counts = np.diff(matrix.indptr)
    targets = np.repeat(indptr[places] - matrix.indptr[:-1], counts) + np.arange(matrix.nnz)
    indices[targets], data[targets] = columns[matrix.indices], matrix.data
    return sparse.csr_matrix((data, indices, indptr), shape=(n_rows, n_columns))


def _placed(matrix: sparse.csr_matrix, places: Ints, n_rows: int) -> sparse.csr_matrix:
    """Return the rows of a matrix at `places` of a taller one."""
    entries = matrix.tocoo()
    return sparse.csr_matrix((entries.data, (places[entries.row], entries.col)), shape=(n_rows, matrix.shape[1]))


def _fit(elimination: Elimination) -> Floats:
    """Return the inverse of the normal matrix of the reference nodes' unknowns in the dependent displacements."""
    rows = np.repeat(elimination.nodes.owned, 3) & elimination.dependent.ravel()
    part = elimination.coefficients[rows][:, elimination.extra]
    total = sum(elimination.nodes.comm.allgather((part.T @ part).toarray()))
    return np.linalg.pinv(np.asarray(total), hermitian=True) if len(elimination.extra) else np.zeros((0, 0))
