"""Decisions that all ranks take together, so that no rank raises or branches alone."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from romtool.errors import InputError
from romtool.linalg.reduction import Comm, gather_subdomains

Result = TypeVar("Result")

TIE = 1e-9
"""Candidates within this relative distance of the best count as tied (theory, section 1)."""


def first_subdomain(comm: Comm, n_owned: int) -> int:
    """Return the number of subdomains that lower ranks own, which is the index of this rank's first one."""
    return int(sum(comm.allgather(n_owned)[: comm.rank]))


def raise_together(comm: Comm, problems: Sequence[str]) -> None:
    """Raise the first problem of all ranks on every rank.

    Parameters
    ----------
    comm: the ranks.
    problems: sentences that this rank found, in subdomain order; empty if nothing is wrong.

    Raises
    ------
    InputError: on every rank where any rank has a problem.
    """
    found = gather_subdomains(comm, problems)
    if found:
        raise InputError(found[0])


def on_root(comm: Comm, compute: Callable[..., Result], *arguments: Any) -> Result:
    """Return `compute(*arguments)` of rank 0 on every rank; an arithmetic or value error there is raised everywhere.

    A replicated small problem would give other bits on other processors of a mixed cluster, and the ranks
    would part ways.
    """
    outcome: tuple[Any, Exception | None] = (None, None)
    if comm.rank == 0:
        try:
            outcome = (compute(*arguments), None)
        except (ArithmeticError, ValueError) as failure:
            outcome = (None, failure)
    answer: tuple[Result, Exception | None] = comm.bcast(outcome)
    if answer[1] is not None:
        raise answer[1]
    return answer[0]


def each_rank(comm: Comm, compute: Callable[..., Result], *arguments: Any) -> Result:
    """Return `compute(*arguments)` of this rank; the first arithmetic or value error of any rank is raised on all.

    Parameters
    ----------
    comm: the ranks.
    compute: what each rank does for itself, without communication.
    arguments: of `compute`.
    """
    result, failure = None, None
    try:
        result = compute(*arguments)
    except (ArithmeticError, ValueError) as error:
        failure = error
    for found in comm.allgather(failure):
        if found is not None:
            raise found
    return cast(Result, result)


def all_finite(values: NDArray[np.float64]) -> bool:
    """Tell whether no value is NaN or infinite, in one pass without a copy where that is so."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())


def best_tied(scores: NDArray[np.float64], ids: NDArray[np.int64]) -> int:
    """Return the row of the largest score; among ties (theory, section 1) the one with the lowest id.

    Parameters
    ----------
    scores: (n,) float; -inf excludes a row.
    ids: (n, n_keys) int, compared lexicographically.
    """
    best = scores.max()
    tied = np.flatnonzero(scores >= best - TIE * abs(best))
    order = np.lexsort(ids[tied].T[::-1])
    return int(tied[order[0]])
