"""How much training computations differ, and which of them a local model is trained on (theory, eq. (9.1)).

All is computed from the coefficients and remainders of the modes of all snapshots, hence from small matrices that do
not depend on the mesh. An *item* is what is clustered: a whole simulation, or a single snapshot.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import numpy as np

from romtool.errors import InputError
from romtool.linalg.pod import ROUND_OFF, Pod
from romtool.types import Bools, Floats, Ints

Kind = Literal["sine", "euclidean"]


def dissimilarities(basis: Pod, starts: Ints, kind: Kind, tolerance: float) -> Floats:
    """Return how much items differ from each other: the sine of the angle between them, or a distance.

    Sine: `δ² = ½ (‖(I-P_B)A‖²/‖A‖² + ‖(I-P_A)B‖²/‖B‖²)`, P the projections on the spans of the items' snapshots (Daniel
    et al. 2021); of single snapshots it is the sine of their angle. What the modes of all snapshots leave of one is in
    nobody else's span. An item that is zero has δ = 0 to another zero and 1 to all else.

    Euclidean: root mean square over the snapshots of the norm of `a_t - b_t`; of items with different numbers of
    snapshots these are interpolated between the others.

    Parameters
    ----------
    basis: modes of all snapshots, of which only coefficients and remainders are used.
    starts: (n_items + 1,) where each item's snapshots begin; `np.arange(n_snapshots + 1)` for single snapshots.
    kind: which of the two.
    tolerance: part of an item that its span may leave out.

    Returns
    -------
    (n_items, n_items) float, symmetric, zero on the diagonal.

    Raises
    ------
    InputError: items without snapshots, or more snapshots than the basis has.
    """
    _check(basis, starts)
    return _sines(basis, starts, tolerance) if kind == "sine" else _distances(basis, starts)


def snapshot_energies(basis: Pod, starts: Ints) -> Floats:
    """Return the (n_items,) sums of the squared norms of the items' snapshots."""
    return np.asarray(np.add.reduceat(_squares(basis, int(starts[-1])), starts[:-1]))


def leading(coefficients: Floats, tolerance: float, lost: float = 0.0) -> Floats:
    """Return the fewest orthonormal combinations of modes that keep snapshots up to a tolerance.

    Parameters
    ----------
    coefficients: (n_modes, n_snapshots) float.
    tolerance: part of the norm of all snapshots that may be left out.
    lost: energy of the snapshots outside the modes, a part of their norm that no combination brings back.

    Returns
    -------
    (n_modes, n_kept) float; none of snapshots that are zero.
    """
    rotation, values, _ = np.linalg.svd(coefficients, full_matrices=False)
    energies = values**2
    beyond = np.append(np.cumsum(energies[::-1])[::-1], 0.0)
    allowed = max(tolerance, float(ROUND_OFF)) ** 2 * (beyond[0] + lost)
    return rotation[:, : int(np.argmax(beyond <= allowed))]


def members(labels: Ints, dissimilarity: Floats, overlap: float) -> tuple[Ints, ...]:
    """Return the items that the model of each cluster is trained on: its own and its nearest neighbours.

    Parameters
    ----------
    labels: (n_items,) int, the cluster of each item.
    dissimilarity: (n_items, n_items) float.
    overlap: how many neighbours, relative to the size of the cluster, rounded up; the nearest is the one with the
        smallest dissimilarity to any of the cluster, of tied ones the first.

    Returns
    -------
    Per cluster the items, ascending.
    """
    return tuple(_with_neighbours(labels == number, dissimilarity, overlap) for number in range(int(labels.max()) + 1))


def planar_map(dissimilarity: Floats) -> Floats:
    """Return places in a plane whose distances come near the dissimilarities (classical scaling, Torgerson 1952).

    Parameters
    ----------
    dissimilarity: (n_items, n_items) float.

    Returns
    -------
    (n_items, 2) float; the largest component of each coordinate is positive.
    """
    squares = dissimilarity**2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-0.5 * centred)
    places = np.zeros((len(values), 2))
    found = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0.0))
    places[:, : found.shape[1]] = found
    largest = places[np.argmax(np.abs(places), axis=0), [0, 1]]
    return np.asarray(places * np.where(largest < 0.0, -1.0, 1.0))


def _with_neighbours(inside: Bools, dissimilarity: Floats, overlap: float) -> Ints:
    """Return the items of a cluster and its nearest neighbours, ascending."""
    own, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    n_more = int(np.ceil(overlap * len(own) - 1e-9))
    distances = dissimilarity[np.ix_(others, own)].min(axis=1)
    return np.sort(np.append(own, others[np.argsort(distances, kind="stable")[:n_more]]))


def _sines(basis: Pod, starts: Ints, tolerance: float) -> Floats:
    """Return the sines from the norms of what each span leaves of all snapshots."""
    end = int(starts[-1])
    coefficients, lost = basis.coefficients[:, :end], basis.remainders[:end] ** 2
    energies = snapshot_energies(basis, starts)
    zero = energies <= ROUND_OFF**2 * energies.max(initial=0.0)
    left = np.ones((len(energies), len(energies)))  # of item j (column) outside the span of item i (row), relative
    for i, columns in enumerate(_columns(starts)):
        span = leading(coefficients[:, columns], tolerance, float(lost[columns].sum()))
        rest = coefficients - span @ (span.T @ coefficients)
        residuals = np.add.reduceat(np.sum(rest**2, axis=0) + lost, starts[:-1])
        np.divide(residuals, energies, out=left[i], where=~zero & ~zero[i])
    left[np.ix_(zero, zero)] = 0.0
    np.fill_diagonal(left, 0.0)
    left[left <= ROUND_OFF**2] = 0.0
    return np.sqrt(np.clip(0.5 * (left + left.T), 0.0, 1.0))


def _distances(basis: Pod, starts: Ints) -> Floats:
    """Return the distances of the items' histories."""
    count = int(np.diff(starts).max())
    rows = np.array([_resampled(basis.coefficients[:, columns], count) for columns in _columns(starts)])
    lost = np.array([np.mean(basis.remainders[columns] ** 2) for columns in _columns(starts)])
    squares = [np.sum((rows - row) ** 2, axis=1) / count + lost + own for row, own in zip(rows, lost, strict=True)]
    found = np.sqrt(np.array(squares))
    np.fill_diagonal(found, 0.0)
    return found


def _resampled(coefficients: Floats, count: int) -> Floats:
    """Return a history at so many evenly spread places between its first and its last snapshot, in one row."""
    n = coefficients.shape[1]
    places = np.linspace(0.0, n - 1.0, count)
    before = np.minimum(places.astype(np.int64), max(n - 2, 0))
    part = places - before
    after = np.minimum(before + 1, n - 1)
    return np.asarray((1.0 - part) * coefficients[:, before] + part * coefficients[:, after]).ravel()


def _squares(basis: Pod, end: int) -> Floats:
    """Return the squared norms of the first snapshots."""
    return np.asarray(np.sum(basis.coefficients[:, :end] ** 2, axis=0) + basis.remainders[:end] ** 2)


def _columns(starts: Ints) -> Iterator[slice]:
    """Yield the columns of each item's snapshots."""
    return (slice(int(first), int(end)) for first, end in pairwise(starts))


def _check(basis: Pod, starts: Ints) -> None:
    """Refuse items that the basis does not know, or that are empty."""
    if len(starts) < 2 or starts[0] != 0 or np.any(np.diff(starts) < 1) or starts[-1] > len(basis.remainders):
        raise InputError(
            f"The items begin at {list(starts)} of {len(basis.remainders)} snapshots: expected ascending numbers "
            "from 0, each of an item with snapshots. Check `starts`."
        )
