"""Ranks in one process: threads that meet in `allgather` and `bcast`, with objects pickled as MPI does."""

import pickle
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class ThreadComm:
    """One of `size` ranks; all of them share `table` and `barrier`."""

    def __init__(self, rank: int, table: list[bytes], barrier: threading.Barrier) -> None:
        self.rank = rank
        self.size = len(table)
        self._table = table
        self._barrier = barrier

    def allgather(self, sendobj: Any) -> list[Any]:
        self._table[self.rank] = pickle.dumps(sendobj)
        self._barrier.wait()
        gathered = [pickle.loads(item) for item in self._table]
        self._barrier.wait()
        return gathered

    def bcast(self, obj: Any, root: int = 0) -> Any:
        return self.allgather(obj if self.rank == root else None)[root]


def run_ranks(n_ranks: int, function: Callable[..., Any], *subdomains: Sequence[Any]) -> list[Any]:
    """Return `function(comm, *owned)` of each rank, each owning a contiguous range of the subdomains' lists.

    A rank that fails breaks the barrier, so that the others fail too instead of waiting.
    """
    table, barrier = [b""] * n_ranks, threading.Barrier(n_ranks, timeout=30)
    cuts = [round(len(subdomains[0]) * r / n_ranks) for r in range(n_ranks + 1)]

    def run(rank: int) -> Any:
        owned = [part[cuts[rank] : cuts[rank + 1]] for part in subdomains]
        try:
            return function(ThreadComm(rank, table, barrier), *owned)
        except BaseException:
            threading.Timer(0.2, barrier.abort).start()
            raise

    with ThreadPoolExecutor(n_ranks) as pool:
        futures = [pool.submit(run, rank) for rank in range(n_ranks)]
    return [future.result() for future in futures]
