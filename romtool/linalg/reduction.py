"""Reductions over subdomains whose result does not depend on the number of ranks.

Ranks own contiguous, ascending ranges of subdomains. Each sum is one partial sum per subdomain, gathered
and added in subdomain order (theory, section 1), so every number of ranks gives the same bits.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Comm(Protocol):
    """The part of `mpi4py.MPI.Comm` that the reductions use."""

    rank: int
    size: int

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return the objects of all ranks in rank order."""
        ...

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Return root's object on every rank."""
        ...


class SerialComm:
    """One rank, without MPI."""

    rank = 0
    size = 1

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return `[sendobj]`."""
        return [sendobj]

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Return `obj`."""
        return obj


def gather_subdomains(comm: Comm, values: Sequence[Any]) -> list[Any]:
    """Return one value per subdomain, of all ranks, in subdomain order."""
    return [value for part in comm.allgather(list(values)) for value in part]


def ordered_sum(comm: Comm, partials: Sequence[Floats]) -> Floats:
    """Return the sum over all subdomains of one array each, added in subdomain order.

    Parameters
    ----------
    comm: the ranks.
    partials: one array per subdomain that this rank owns, all of one shape (n_0, …).

    Returns
    -------
    The sum, of the same shape, identical on every rank.
    """
    parts = gather_subdomains(comm, partials)
    total = np.array(parts[0], dtype=np.float64, copy=True)
    for part in parts[1:]:
        total += part
    return total
