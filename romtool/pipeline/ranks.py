"""The one place that knows MPI: which ranks there are and which subdomains each owns."""

import os
from typing import cast

from romtool.linalg.reduction import Comm, SerialComm

_LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")


def world() -> Comm:
    """Return the communicator of all ranks; one rank without MPI where no launcher started this process."""
    if not any(name in os.environ for name in _LAUNCHED):
        return SerialComm()
    from mpi4py import MPI

    return cast(Comm, MPI.COMM_WORLD)


def owned(comm: Comm, n_subdomains: int) -> range:
    """Return the contiguous range of subdomains that this rank owns."""
    return range(n_subdomains * comm.rank // comm.size, n_subdomains * (comm.rank + 1) // comm.size)
