"""k-medoids of items that are known by their dissimilarities (FasterPAM)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from romtool.errors import InputError
from romtool.linalg.agreement import TIE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STARTS = 10
"""Random starts; the best result counts."""


@dataclass(frozen=True)
class Medoids:
    """A partition of items by their nearest medoid.

    Parameters
    ----------
    medoids: (n_clusters,) int, ascending: the item in the middle of each cluster.
    labels: (n_items,) int, the cluster of each item: clusters are numbered as their medoids.
    distances: (n_items,) float, dissimilarity of each item to its medoid.
    """

    medoids: Ints
    labels: Ints
    distances: Floats

    @property
    def n_clusters(self) -> int:
        """Return the number of clusters."""
        return len(self.medoids)


def k_medoids(dissimilarity: Floats, count: int, seed: int) -> Medoids:
    """Return the medoids with the smallest sum of dissimilarities of all items to the nearest of them.

    FasterPAM (Schubert & Rousseeuw 2021) from several random starts, which finds a local minimum of each. The same
    input gives the same result: what is tied within 1e-9 goes to the lowest items. Items at no distance from each other
    are never told apart, so that there may be fewer clusters than asked for.

    Parameters
    ----------
    dissimilarity: (n_items, n_items) float, symmetric, >= 0, zero on the diagonal.
    count: of clusters, at least 1.
    seed: of the random starts.

    Raises
    ------
    InputError: a matrix that is none of dissimilarities, or a count below 1.
    """
    matrix = _checked(dissimilarity, count)
    count = min(count, _n_distinct(matrix, count))
    if count == 1:
        return nearest(matrix, np.array([_first_smallest(matrix.sum(axis=1))]))
    found = [_settle(matrix, medoids) for medoids in _runs(matrix, count, seed)]
    sums = np.array([partition.distances.sum() for partition in found])
    tied = np.flatnonzero(sums <= sums.min() * (1.0 + TIE))
    return min((found[i] for i in tied), key=lambda partition: tuple(partition.medoids))


def nearest(dissimilarity: Floats, medoids: Ints) -> Medoids:
    """Return the partition of items by the nearest of given medoids, the lowest one where these are tied.

    Parameters
    ----------
    dissimilarity: (n_items, n_all) float to all that a medoid may be.
    medoids: (n_clusters,) int, columns.
    """
    ordered = np.sort(medoids)
    columns = dissimilarity[:, ordered]
    smallest = columns.min(axis=1)
    labels = np.argmax(columns <= smallest[:, None] * (1.0 + TIE), axis=1)
    return Medoids(ordered, labels, columns[np.arange(len(columns)), labels])


def _runs(matrix: Floats, count: int, seed: int) -> list[Ints]:
    """Return the medoids that each start ends at."""
    import kmedoids

    seeds = np.random.default_rng(seed).integers(2**31, size=STARTS)
    runs = [kmedoids.fasterpam(matrix, count, random_state=int(start), n_cpu=1) for start in seeds]
    return [np.asarray(run.medoids, dtype=np.int64) for run in runs]


def _settle(matrix: Floats, medoids: Ints) -> Medoids:
    """Return the partition with the lowest of the tied items in the middle of each cluster."""
    partition = nearest(matrix, medoids)
    centres = []
    for number in np.unique(partition.labels):
        members = np.flatnonzero(partition.labels == number)
        centres.append(members[_first_smallest(matrix[np.ix_(members, members)].sum(axis=1))])
    return nearest(matrix, np.array(centres))


def _first_smallest(sums: Floats) -> int:
    """Return the first of the entries that are tied for the smallest."""
    return int(np.argmax(sums <= sums.min() * (1.0 + TIE)))


def _n_distinct(matrix: Floats, enough: int) -> int:
    """Return how many items are at a distance from each other, counted up to `enough`."""
    rest, found = np.ones(len(matrix), dtype=np.bool_), 0
    least = TIE * matrix.max()
    while rest.any() and found < enough:
        rest &= matrix[np.argmax(rest)] > least
        found += 1
    return found


def _checked(dissimilarity: Floats, count: int) -> Floats:
    """Return the matrix as FasterPAM takes it."""
    matrix = np.ascontiguousarray(dissimilarity, dtype=np.float64)
    if matrix.ndim != 2 or not 0 < len(matrix) == matrix.shape[1]:
        raise InputError(f"The dissimilarities have the shape {matrix.shape}: expected a square matrix of items.")
    if not (np.isfinite(matrix).all() and matrix.min() >= 0.0 and not np.diag(matrix).any()):
        raise InputError("The dissimilarities are negative, not finite, or not zero on the diagonal. Check the fields.")
    if count < 1:
        raise InputError(f"{count} clusters were asked for: expected at least 1.")
    return matrix
