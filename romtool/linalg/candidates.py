"""Candidate points of the empirical cubature: the best of each bucket of elements, and random ones.

The choice depends on global ids and scores only, not on how the points are spread over subdomains and ranks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from romtool.linalg.agreement import TIE, first_subdomain
from romtool.linalg.integrands import columns, price
from romtool.linalg.reduction import Comm, gather_subdomains

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

N_BUCKETS = 400
"""Ranges of element ids whose best point becomes a candidate: neighbours have nearly the same integrands."""

N_RANDOM = 200

POINTS_PER_SHIFT = 50_000
"""Points that are priced at a time: larger meshes are cut at random into shifts of elements that take turns."""

MAX_SHIFTS = 16


@dataclass(frozen=True)
class Candidates:
    """Points and their columns of G, in ascending order of the ids.

    Parameters
    ----------
    points: (n, 4) int global element id, local point, subdomain, row in the subdomain.
    columns: (n, n_rows) float.
    """

    points: Ints
    columns: Floats


@dataclass(frozen=True)
class _Part:
    """One subdomain: its points by shift, in each in ascending order of ids, and in random order.

    Parameters
    ----------
    strain, stress: the modes at the points.
    points: (n_points, 4) int as in `Candidates`, sorted by shift, then by the ids.
    cuts: (n_shifts + 1,) int first point of each shift, and n_points.
    edges: (N_BUCKETS,) int first element id of each bucket.
    hashes: (n_points,) uint64 ascending.
    shuffled: (n_points,) int sorted point of each hash.
    """

    strain: Floats
    stress: Floats
    points: Ints
    cuts: Ints
    edges: Ints
    hashes: Words
    shuffled: Ints

    def shift(self, n_draw: int) -> Ints:
        """Return the (n, 4) points whose turn it is."""
        turn = n_draw % (len(self.cuts) - 1)
        return self.points[self.cuts[turn] : self.cuts[turn + 1]]

    def best(self, direction: Floats, constant: float, n_draw: int) -> tuple[Floats, Ints]:
        """Return the positive scores (n,) and (n, 5) bucket and point of the best of each bucket, ties broken."""
        points = self.shift(n_draw)
        starts = np.append(np.searchsorted(points[:, 0], self.edges), len(points))
        buckets = np.flatnonzero(np.diff(starts))
        if not len(buckets):
            return np.zeros(0), np.zeros((0, 5), dtype=np.int64)
        scores = price(self.strain, self.stress, points[:, 3], direction) + constant
        peaks = np.maximum.reduceat(scores, starts[buckets])
        lowest = np.where(peaks > 0.0, peaks * (1.0 - TIE), np.inf)
        sizes = np.diff(starts)[buckets]
        tied = np.flatnonzero(scores >= np.repeat(lowest, sizes))
        found = np.repeat(buckets, sizes)[tied]
        _, first = np.unique(found, return_index=True)
        return scores[tied[first]], np.column_stack((found[first], points[tied[first]]))

    def random(self, start: int, width: int) -> Ints:
        """Return the (n, 4) points whose hash lies in a window (round the corner at 2^64)."""
        offset = self.hashes - np.uint64(start)
        drawn: Ints = self.points[self.shuffled[offset < np.uint64(width)]]
        return drawn


@dataclass(frozen=True)
class Sampler:
    """The points of this rank, ready to draw candidates from; see `build_sampler`."""

    parts: list[_Part]
    n_shifts: int
    width: int
    comm: Comm

    def draw(self, direction: Floats, constant: float, n_draw: int) -> Candidates:
        """Price the shift whose turn it is and return its candidates, the same on every rank.

        Parameters
        ----------
        direction: (n_stress, n_modes) float; the score of a point is its inner product with the point's column.
        constant: added to all scores; only points with positive ones count.
        n_draw: number of the draw; decides whose turn it is and selects other random points each time.
        """
        start = (n_draw * self.width) % 2**64
        found = [(*part.best(direction, constant, n_draw), part.random(start, self.width)) for part in self.parts]
        gathered = gather_subdomains(self.comm, found)
        winners = _merge(np.concatenate([s for s, _, _ in gathered]), np.concatenate([p for _, p, _ in gathered]))
        points = np.unique(np.vstack((winners, *(extra for _, _, extra in gathered))), axis=0)
        first = first_subdomain(self.comm, len(self.parts))
        own = [_columns(part, points[points[:, 2] == first + s]) for s, part in enumerate(self.parts)]
        matrix = np.concatenate(gather_subdomains(self.comm, own))
        order = np.argsort(points[:, 2], kind="stable")
        result = np.empty_like(matrix)
        result[order] = matrix
        return Candidates(points, result)


def build_sampler(
    strain: Sequence[Floats], stress: Sequence[Floats], ids: Sequence[Ints], comm: Comm, seed: int
) -> Sampler:
    """Sort the points of this rank by shift and id, cut the ids into buckets and shuffle them.

    Parameters
    ----------
    strain, stress: (n_points_s, 6, n_modes or n_stress) float per subdomain.
    ids: (n_points_s, 2) int per subdomain, global element id and local point.
    comm: the ranks.
    seed: of the shuffle, which is a hash of the ids.
    """
    bounds = [(part[:, 0].min(), part[:, 0].max(), len(part)) for part in ids if len(part)]
    bounds = [item for rank in comm.allgather(bounds) for item in rank]
    low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
    edges = low + (np.arange(N_BUCKETS) * (high - low + 1) + N_BUCKETS - 1) // N_BUCKETS
    n_points = sum(b[2] for b in bounds)
    n_shifts = min(-(-n_points // POINTS_PER_SHIFT), MAX_SHIFTS)
    parts = [
        _build_part(e, s, _number(keys, subdomain), n_shifts, edges, seed)
        for subdomain, (e, s, keys) in enumerate(zip(strain, stress, ids, strict=True), first_subdomain(comm, len(ids)))
    ]
    return Sampler(parts, n_shifts, min(2**64 - 1, 2**64 * N_RANDOM // n_points), comm)


def _number(ids: Ints, subdomain: int) -> Ints:
    """Return (n_points, 4) ids, subdomain and row of all points of a subdomain."""
    return np.column_stack((ids, np.full(len(ids), subdomain), np.arange(len(ids))))


def _build_part(strain: Floats, stress: Floats, points: Ints, n_shifts: int, edges: Ints, seed: int) -> _Part:
    shifts = (_hash(points[:, 0], np.zeros_like(points[:, 0]), seed) % np.uint64(n_shifts)).astype(np.int64)
    order = np.lexsort((points[:, 1], points[:, 0], shifts))
    points, cuts = points[order], np.searchsorted(shifts[order], np.arange(n_shifts + 1))
    hashes = _hash(points[:, 0], points[:, 1] + 1, seed)
    shuffled = np.argsort(hashes, kind="stable")
    return _Part(strain, stress, points, cuts, edges, hashes[shuffled], shuffled)


def _hash(element: Ints, point: Ints, seed: int) -> Words:
    """Return (n,) well mixed 64-bit words of the ids (the finaliser of splitmix64, Steele et al. 2014)."""
    word = element.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    word += point.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03) + np.uint64(seed * 0x2545F4914F6CDD1D % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
    return word ^ (word >> np.uint64(31))


def _merge(scores: Floats, winners: Ints) -> Ints:
    """Return the (n, 4) best points of the buckets over all subdomains, given (n_found, 5) buckets and points."""
    peaks = np.zeros(N_BUCKETS)
    np.maximum.at(peaks, winners[:, 0], scores)
    tied = winners[scores >= peaks[winners[:, 0]] * (1.0 - TIE)]
    tied = tied[np.lexsort((tied[:, 2], tied[:, 1], tied[:, 0]))]
    _, first = np.unique(tied[:, 0], return_index=True)
    best: Ints = tied[first, 1:]
    return best


def _columns(part: _Part, points: Ints) -> Floats:
    return columns(part.strain[points[:, 3]], part.stress[points[:, 3]])
