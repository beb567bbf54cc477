"""Candidate points of the empirical cubature: the best of each bucket of elements, and random ones.

The choice depends on global ids and scores only, not on how the points are spread over subdomains and ranks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from romtool.linalg.agreement import TIE, first_subdomain
from romtool.linalg.integrands import columns
from romtool.linalg.reduction import Comm, gather_subdomains

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

N_BUCKETS = 400
"""Ranges of element ids whose best point becomes a candidate: neighbours have nearly the same integrands."""

N_RANDOM = 200


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
    """One subdomain: its points in ascending order of ids, cut into buckets, and in random order.

    Parameters
    ----------
    strain, stress: the modes at the points.
    points: (n_points, 4) int as in `Candidates`, sorted by the ids.
    buckets: (n_found,) int the buckets that have points here.
    starts: (n_found + 1,) int first sorted point of each, and n_points.
    hashes: (n_points,) uint64 ascending.
    shuffled: (n_points,) int sorted point of each hash.
    """

    strain: Floats
    stress: Floats
    points: Ints
    buckets: Ints
    starts: Ints
    hashes: Words
    shuffled: Ints

    def best(self, scores: Floats) -> tuple[Floats, Ints]:
        """Return the positive scores (n,) and (n, 5) bucket and point of the best of each bucket, ties broken."""
        if not len(self.buckets):
            return np.zeros(0), np.zeros((0, 5), dtype=np.int64)
        ordered = scores[self.points[:, 3]]
        peaks = np.maximum.reduceat(ordered, self.starts[:-1])
        lowest = np.repeat(np.where(peaks > 0.0, peaks * (1.0 - TIE), np.inf), np.diff(self.starts))
        tied = np.flatnonzero(ordered >= lowest)
        found = np.searchsorted(self.starts, tied, side="right") - 1
        _, first = np.unique(found, return_index=True)
        winners = tied[first]
        return ordered[winners], np.column_stack((self.buckets[found[first]], self.points[winners]))

    def random(self, start: int, width: int) -> Ints:
        """Return the (n, 4) points whose hash lies in a window (round the corner at 2^64)."""
        offset = self.hashes - np.uint64(start)
        drawn: Ints = self.points[self.shuffled[offset < np.uint64(width)]]
        return drawn


@dataclass(frozen=True)
class Sampler:
    """The points of this rank, ready to draw candidates from; see `build_sampler`."""

    parts: list[_Part]
    width: int
    comm: Comm

    def draw(self, scores: Sequence[Floats], n_draw: int) -> Candidates:
        """Return the candidates of one pricing, the same on every rank.

        Parameters
        ----------
        scores: (n_points_s,) float per subdomain, the larger the better; only positive ones count.
        n_draw: number of the draw; selects other random points each time.
        """
        start = (n_draw * self.width) % 2**64
        found = [(*part.best(s), part.random(start, self.width)) for part, s in zip(self.parts, scores, strict=True)]
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
    """Sort the points of this rank by id, cut the ids into buckets and shuffle them.

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
    first = first_subdomain(comm, len(ids))
    parts = [
        _build_part(e, s, keys, first + number, edges, seed)
        for number, (e, s, keys) in enumerate(zip(strain, stress, ids, strict=True))
    ]
    n_points = sum(b[2] for b in bounds)
    return Sampler(parts, min(2**64 - 1, 2**64 * N_RANDOM // n_points), comm)


def _build_part(strain: Floats, stress: Floats, ids: Ints, subdomain: int, edges: Ints, seed: int) -> _Part:
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    points = np.column_stack((ids[order], np.full(len(ids), subdomain), order))
    cuts = np.append(np.searchsorted(points[:, 0], edges), len(ids))
    buckets = np.flatnonzero(np.diff(cuts))
    hashes = _hash(points[:, 0], points[:, 1], seed)
    shuffled = np.argsort(hashes, kind="stable")
    starts = np.append(cuts[buckets], len(ids))
    return _Part(strain, stress, points, buckets, starts, hashes[shuffled], shuffled)


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
