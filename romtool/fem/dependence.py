"""Linear equations between unknowns solved for the dependent ones: `u_d = M u_o + S a(t)` (theory, eq. (2.4)).

An unknown is a number: 6 × id of its node + component (0 to 2 displacements, 3 to 5 rotations of a reference node). The
first unknown of each equation is the dependent one. Where dependent unknowns stand in other equations, these chains are
followed; where they need each other (several local directions at a node), the small systems are solved together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from romtool.constraints import Equations
from romtool.errors import CaseError
from romtool.loading import Dirichlet
from romtool.types import Bools, Floats, Ints

_SATISFIED = 1e-9
"""Relative size of what is left of an equation between prescribed displacements that counts as nothing."""
_SINGULAR = 1e-12
"""Reciprocal condition below which equations of one node cannot be solved for their dependent unknowns."""
_AXES = ("x", "y", "z", "the rotation about x", "the rotation about y", "the rotation about z")


def unknowns(nodes: Ints, components: Ints) -> Ints:
    """Return the numbers of the unknowns of nodes (ids) and components."""
    return 6 * nodes + components


@dataclass(frozen=True)
class Prescribed:
    """Prescribed displacements of nodes that stand in equations.

    Parameters
    ----------
    unknowns: (n,) int. values: (n,) float [length], where the table is one.
    entry: (n,) int, row of `supports` that each comes from. supports: of the loading.
    """

    unknowns: Ints
    values: Floats
    entry: Ints
    supports: Sequence[Dirichlet]


@dataclass(frozen=True)
class Dependence:
    """Dependent unknowns in terms of others and of what is given over time.

    Parameters
    ----------
    dependent: (n,) int, ascending numbers of unknowns. others: (m,) int, ascending.
    matrix: (n, m) CSR. shift: (n, n_tables) CSR [length].
    tables: of the columns of `shift`, None for a constant.
    """

    dependent: Ints
    others: Ints
    matrix: sparse.csr_matrix
    shift: sparse.csr_matrix
    tables: tuple[str | None, ...]


@dataclass(frozen=True)
class _System:
    """All equations: `matrix @ u = given @ a(t)`; `first` is the column of the dependent unknown of each."""

    groups: Sequence[Equations]
    group: Ints
    number: Ints
    columns: Ints
    first: Ints
    matrix: sparse.csr_matrix
    given: sparse.csr_matrix
    tables: tuple[str | None, ...]

    def where(self, row: int) -> str:
        """Return the place of an equation."""
        return self.groups[self.group[row]].where(int(self.number[row]))

    def take(self, kept: Bools | Ints) -> "_System":
        """Return some of the equations, or all in another order."""
        return _System(
            self.groups, self.group[kept], self.number[kept], self.columns, self.first[kept],
            self.matrix[kept], self.given[kept], self.tables,
        )  # fmt: skip


def resolve(equations: Sequence[Equations], prescribed: Prescribed) -> Dependence:
    """Solve equations for their dependent unknowns.

    Parameters
    ----------
    equations: in the order of the deck.
    prescribed: the prescribed displacements of their nodes.

    Returns
    -------
    Dependence. Equations between prescribed displacements that these satisfy are left out.

    Raises
    ------
    CaseError: equations that contradict supports or each other, two for one dependent unknown, a dependent unknown
        that is prescribed, an equation that does not hold its dependent unknown; with node and line.
    """
    system = _stack(equations)
    system = system.take(~_satisfied(system, prescribed))
    if not len(system.group):
        none, empty = np.zeros(0, dtype=np.int64), sparse.csr_matrix((0, 0))
        return Dependence(none, none, empty, empty, ())
    _check_dependents(system, prescribed)
    order = np.argsort(system.columns[system.first])
    return _solve(system.take(order))


def _stack(equations: Sequence[Equations]) -> _System:
    """Return all equations as one system; terms on one unknown are added."""
    counts = [entry.count for entry in equations]
    group, number = np.repeat(np.arange(len(equations)), counts), np.concatenate([np.arange(n) for n in counts])
    lengths = np.concatenate([np.diff(entry.starts) for entry in equations])
    terms = np.concatenate([unknowns(entry.nodes, entry.components) for entry in equations])
    columns, places = np.unique(terms, return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    coefficients = np.concatenate([entry.coefficients for entry in equations])
    matrix = sparse.csr_matrix((coefficients, places, starts), shape=(len(lengths), len(columns)))
    first = places[starts[:-1]]
    matrix.sum_duplicates()
    tables = tuple(dict.fromkeys(entry.table for entry in equations))
    values = np.concatenate([entry.values for entry in equations])
    at = np.array([tables.index(entry.table) for entry in equations], dtype=np.int64)[group]
    given = sparse.csr_matrix((values, (np.arange(len(values)), at)), shape=(len(values), len(tables)))
    given.eliminate_zeros()
    return _System(equations, group, number, columns, first, matrix, given, tables)


def _satisfied(system: _System, prescribed: Prescribed) -> Bools:
    """Tell which equations of several unknowns hold prescribed ones alone, which satisfy them.

    Raises
    ------
    CaseError: prescribed displacements that contradict an equation.
    """
    tables = list(dict.fromkeys([*system.tables, *(entry.table for entry in prescribed.supports)]))
    shape = (len(system.columns), len(tables))
    single = np.diff(system.matrix.indptr) == 1
    alone, own = system.matrix[single], system.given[single].tocoo()
    mine = np.isin(prescribed.unknowns, system.columns)
    support = np.array([tables.index(entry.table) for entry in prescribed.supports], dtype=np.int64)
    rows = np.concatenate([np.searchsorted(system.columns, prescribed.unknowns[mine]), alone.indices[own.row]])
    columns = np.concatenate([support[prescribed.entry[mine]], own.col])
    values = np.concatenate([prescribed.values[mine], own.data / alone.data[own.row]])
    every = sparse.csr_matrix((values, (rows, columns)), shape=shape)
    known = np.isin(system.columns, prescribed.unknowns)
    known[alone.indices] = True
    full = (abs(system.matrix) @ ~known == 0.0) & ~single
    wanted = sparse.csr_matrix((system.given.data, system.given.indices, system.given.indptr), (len(full), len(tables)))
    left = abs(system.matrix @ every - wanted).max(axis=1).toarray().ravel()
    size = (abs(system.matrix) @ abs(every)).max(axis=1).toarray().ravel()
    broken = np.flatnonzero(full & (left > _SATISFIED * (size + left)))
    if len(broken):
        row = int(broken[0])
        raise CaseError(
            f"{system.where(row)}: the equation of {_named(system.columns[system.first[row]])} contradicts the "
            "displacements that are prescribed at all its nodes; leave one of them out"
        )
    return full


def _named(unknown: int) -> str:
    """Return an unknown in words."""
    node, component = divmod(int(unknown), 6)
    return f"{_AXES[component]} of node {node}"


def _check_dependents(system: _System, prescribed: Prescribed) -> None:
    """Raise where a dependent unknown depends twice, is prescribed, or has the coefficient zero."""
    _, places, counts = np.unique(system.first, return_index=True, return_counts=True)
    if (counts > 1).any():
        rows = np.flatnonzero(system.first == system.first[places[np.argmax(counts > 1)]])[:2]
        raise CaseError(
            f"{system.where(rows[1])}: {_named(system.columns[system.first[rows[1]]])} depends on other unknowns "
            f"already, by {system.where(rows[0])}; begin one of the equations with another unknown, or leave it out"
        )
    dependent = system.columns[system.first]
    twice = np.flatnonzero(np.isin(dependent, prescribed.unknowns))
    if len(twice):
        row = int(twice[0])
        name = prescribed.supports[int(prescribed.entry[prescribed.unknowns == dependent[row]][0])].name
        raise CaseError(
            f"{system.where(row)}: {_named(dependent[row])} depends on other unknowns and is prescribed by support "
            f"'{name}' too; begin the equation with an unknown that is free, or leave the support out there"
        )
    own = np.asarray(system.matrix[np.arange(len(dependent)), system.first]).ravel()
    if (own == 0.0).any():
        row = int(np.argmax(own == 0.0))
        raise CaseError(
            f"{system.where(row)}: the coefficient of {_named(dependent[row])} is 0; an equation must begin with an "
            "unknown that it holds"
        )


def _solve(system: _System) -> Dependence:
    """Return the dependent unknowns of equations that are in ascending order of them."""
    among = system.matrix[:, system.first].tocsr()
    _, labels = connected_components(among, directed=True, connection="strong")
    inverse = _inverse_blocks(system, among, labels)
    entries = among.tocoo()
    outside = labels[entries.row] != labels[entries.col]
    shape = among.shape
    chains = inverse @ sparse.csr_matrix(
        (entries.data[outside], (entries.row[outside], entries.col[outside])), shape=shape
    )
    rest = np.setdiff1d(np.arange(len(system.columns)), system.first)
    step = inverse @ sparse.hstack([-system.matrix[:, rest], system.given]).tocsr()
    total = step
    while step.nnz:  # ends after the longest chain: `chains` is nilpotent
        step = -(chains @ step)
        total = total + step
    total = total.tocsr()
    matrix, shift = total[:, : len(rest)], total[:, len(rest) :]
    used = np.unique(matrix.indices)
    return Dependence(
        system.columns[system.first], system.columns[rest[used]], matrix[:, used].tocsr(), shift.tocsr(), system.tables
    )


def _inverse_blocks(system: _System, among: sparse.csr_matrix, labels: Ints) -> sparse.csr_matrix:
    """Return the inverse of the part of a matrix between unknowns that need each other.

    Raises
    ------
    CaseError: a part that is singular.
    """
    sizes = np.bincount(labels)
    rows, columns, data = [], [], []
    for size in np.unique(sizes).tolist():
        members = np.flatnonzero(sizes[labels] == size)
        members = members[np.argsort(labels[members], kind="stable")].reshape(-1, size)
        i, j = np.broadcast_arrays(members[:, :, None], members[:, None, :])
        blocks = np.asarray(among[i.ravel(), j.ravel()]).reshape(i.shape)
        flat = np.flatnonzero(np.linalg.cond(blocks) * _SINGULAR > 1.0)
        if len(flat):
            row = int(members[flat[0], -1])
            raise CaseError(
                f"{system.where(row)}: the equation of {_named(system.columns[system.first[row]])} follows from "
                "others, or contradicts them; leave one out"
            )
        rows.append(i.ravel())
        columns.append(j.ravel())
        data.append(np.linalg.inv(blocks).ravel())
    place = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(data), place), shape=among.shape)
