"""Nodes that several ranks hold: whose they are, and sums over all ranks.

Each rank holds the nodes of its own elements. A node on the boundary between ranks is held by each of them
and owned by the lowest, so that norms count it once. Forces of the elements of one rank are partial there;
`Sharing.add` makes them complete, added in rank order on every rank, so that all hold the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from romtool.types import Bools, Floats, Ints


class Alone:
    """The communicator of one rank without MPI."""

    rank = 0
    size = 1

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return `[sendobj]`."""
        return [sendobj]


@dataclass(frozen=True)
class Sharing:
    """Which nodes of this rank others hold too.

    Parameters
    ----------
    comm: the ranks (mpi4py, or what has rank, size and allgather where there is one).
    owned: (n_nodes,) bool, whether the node counts here.
    neighbours: (rank, (n,) nodes held by both, in the same order on both), by ascending rank.
    """

    comm: Any
    owned: Bools
    neighbours: tuple[tuple[int, Ints], ...] = ()

    def add(self, values: Floats) -> Floats:
        """Return the sum over ranks of (n_nodes, …) nodal contributions; the array itself where no node is shared."""
        if not self.neighbours:
            return values
        theirs = self._exchange(values)
        total = np.array(values)
        for _, nodes in self.neighbours:
            total[nodes] = 0.0
        before = [pair for pair in theirs if pair[0] < self.comm.rank]
        for _, nodes, received in before:
            total[nodes] += received
        total[self.shared] += values[self.shared]
        for _, nodes, received in theirs[len(before) :]:
            total[nodes] += received
        return total

    def _exchange(self, values: Floats) -> list[tuple[int, Ints, Floats]]:
        """Return (rank, nodes, values there) of each neighbour."""
        sent = [np.ascontiguousarray(values[nodes]) for _, nodes in self.neighbours]
        received = [np.empty_like(part) for part in sent]
        pending = [self.comm.Irecv(part, rank) for (rank, _), part in zip(self.neighbours, received, strict=True)]
        pending += [self.comm.Isend(part, rank) for (rank, _), part in zip(self.neighbours, sent, strict=True)]
        for request in pending:
            request.wait()
        return [(rank, nodes, part) for (rank, nodes), part in zip(self.neighbours, received, strict=True)]

    @cached_property
    def shared(self) -> Ints:
        """Return the nodes held by another rank too."""
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(nodes for _, nodes in self.neighbours)]))

    def norms(self, values: Sequence[Floats]) -> list[float]:
        """Return the Euclidean norms over all ranks of (n_nodes, …) fields, each node counted once."""
        squares = [float(np.sum(np.square(field[self.owned]))) for field in values]
        return [float(np.sqrt(total)) for total in self.sums(squares)]

    def sums(self, numbers: Sequence[float]) -> list[float]:
        """Return the sums of some numbers over the ranks, added in rank order."""
        return [float(sum(column)) for column in zip(*self.comm.allgather(list(numbers)), strict=True)]

    def first(self, found: str | None) -> str | None:
        """Return the text that the lowest rank with one has found, on every rank."""
        return next((text for text in self.comm.allgather(found) if text is not None), None)

    def number(self, kept: Bools) -> Ints:
        """Number the nodes in `kept` among those of all ranks, contiguous for the owned ones of a rank; -1 elsewhere.

        Parameters
        ----------
        kept: (n_nodes,) bool, alike on all ranks that hold a node.
        """
        mine = self.owned & kept
        own = sum(self.comm.allgather(int(mine.sum()))[: self.comm.rank]) + np.cumsum(mine) - 1
        numbers = np.rint(self.add(np.where(mine, own, 0).astype(np.float64))).astype(np.int64)
        return np.where(kept, numbers, -1)


def alone(n_nodes: int) -> Sharing:
    """Return the sharing of one rank that holds all nodes."""
    return Sharing(Alone(), np.ones(n_nodes, dtype=np.bool_))


def build_sharing(comm: Any, node_rows: Ints) -> Sharing:
    """Find out which nodes are shared; all ranks call this together.

    Parameters
    ----------
    comm: the ranks.
    node_rows: (n_nodes,) int: rows in the whole mesh of the nodes of this rank, or other numbers that name them.

    Returns
    -------
    Sharing.
    """
    owned = np.ones(len(node_rows), dtype=np.bool_)
    neighbours = []
    for rank, rows in enumerate(comm.allgather(node_rows)):
        if rank == comm.rank:
            continue
        nodes = np.intersect1d(node_rows, rows, assume_unique=True, return_indices=True)[1]
        if len(nodes):
            neighbours.append((rank, nodes))
        if rank < comm.rank:
            owned[nodes] = False
    return Sharing(comm, owned, tuple(neighbours))
