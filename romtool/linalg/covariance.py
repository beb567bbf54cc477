"""Random fields: low-rank factors of covariances that are never formed, and their principal modes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from romtool.errors import AccuracyError

Floats = NDArray[np.float64]

RESERVE = 0.1
"""Part of the variance left out that the factor may lack, so that the principal modes are those of the covariance."""


def pivoted_cholesky(column: Callable[[int], Floats], variance: Floats, energy: float, max_rank: int) -> Floats:
    """Factor a covariance as C ≈ L L^T by columns of largest remaining variance.

    Parameters
    ----------
    column: `column(i)` returns the (n,) covariances of point i with all points.
    variance: (n,) the diagonal.
    energy: part of the sum of all variances that L has to reach, below 1.
    max_rank: columns of L at most.

    Returns
    -------
    (n, rank) float; `sum(L**2) >= energy * sum(variance)`.

    Raises
    ------
    AccuracyError: the energy is not reached with `max_rank` columns.

    Source: H. Harbrecht, M. Peters, R. Schneider, On the low-rank approximation by the pivoted Cholesky decomposition,
    Appl. Numer. Math. 62 (2012).
    """
    rest = np.array(variance, dtype=np.float64)
    total = float(rest.sum())
    factor = np.zeros((min(16, max_rank), len(rest)))
    for rank in range(max_rank + 1):
        if float(rest.sum()) <= (1.0 - energy) * total:
            return np.ascontiguousarray(factor[:rank].T)
        if rank == max_rank:
            break
        if rank == len(factor):
            factor = np.vstack([factor, np.zeros((min(len(factor), max_rank - rank), len(rest)))])
        pivot = int(np.argmax(rest))
        row = column(pivot) - factor[:rank, pivot] @ factor[:rank]
        factor[rank] = row / np.sqrt(rest[pivot])
        rest = np.maximum(rest - factor[rank] ** 2, 0.0)
        rest[pivot] = 0.0
    part = 1.0 - float(rest.sum()) / total
    raise AccuracyError(
        f"{max_rank} terms of a random field reach {part:.1%} of its variance, {energy:.1%} are asked for; give a "
        "larger length or a smaller energy"
    )


def principal_modes(factor: Floats, total: float, energy: float) -> Floats:
    """Return the principal modes of the covariance `factor @ factor.T`, largest first (Karhunen-Loève).

    Parameters
    ----------
    factor: (n, rank) float.
    total: sum of all variances of the covariance.
    energy: part of `total` that the modes have to reach.

    Returns
    -------
    (n, n_modes) float, orthogonal, each of the size of its standard deviation: with independent standard normal xi,
    `modes @ xi` has the covariance. The largest entry of each is positive.
    """
    values, vectors = np.linalg.eigh(factor.T @ factor)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    count = min(int(np.searchsorted(np.cumsum(values), energy * total * (1.0 - 1e-12))) + 1, len(values))
    modes = factor @ vectors[:, :count]
    signs = np.sign(modes[np.abs(modes).argmax(axis=0), np.arange(count)])
    return np.asarray(modes * signs)


def gaussian_modes(points: Floats, length: float, deviation: float, energy: float, max_rank: int = 2000) -> Floats:
    """Return the principal modes of the covariance `s² exp(-|x - y|² / (2 length²))`; see `principal_modes`.

    Parameters
    ----------
    points: (n, 3) float [length].
    length: correlation length.
    deviation: standard deviation s.
    energy: part of the variance that the modes have.
    max_rank: terms at most.

    Raises
    ------
    AccuracyError: too many terms are needed.
    """

    def column(i: int) -> Floats:
        distances = ((points - points[i]) ** 2).sum(axis=1)
        return np.asarray(deviation**2 * np.exp(distances / (-2.0 * length**2)))

    variance = np.full(len(points), deviation**2)
    reached = 1.0 - RESERVE * (1.0 - energy)
    factor = pivoted_cholesky(column, variance, reached, min(max_rank, len(points)))
    return principal_modes(factor, float(variance.sum()), energy)
