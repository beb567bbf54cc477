"""Extreme eigenvalues of selfadjoint operators, and the stability constants that are such eigenvalues."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.errors import AccuracyError
from romtool.linalg.eim import Ints, Numbers
from romtool.operators.algebra import Factor
from romtool.operators.norms import Norm

MAX_STEPS = 400
BREAKDOWN = 1e-13
Apply = Callable[[Numbers, Sequence[int]], Numbers]


@dataclass(frozen=True)
class Extremes:
    """Smallest and largest eigenvalue, moved outwards by the residual of their Ritz pairs.

    Parameters
    ----------
    low, high: ends that hold the spectrum (to the tolerance of the iteration).
    low_vector, high_vector: (n_rows, 1) Ritz vectors of norm one.
    """

    low: float
    high: float
    low_vector: Numbers
    high_vector: Numbers


def extremes(
    apply: Apply, norm: Norm, starts: Numbers, *, ends: str = "both", tolerance: float = 1e-6
) -> list[Extremes]:
    """Return the extreme eigenvalues of k operators that are selfadjoint in a norm.

    Lanczos with full reorthogonalisation, twice (Parlett 1998, 13), of all operators in step, so that ranks add their
    parts together; one ends when the residuals of the wanted Ritz pairs are below `tolerance` times the largest
    magnitude of a Ritz value.

    Parameters
    ----------
    apply: (n_rows, m) vectors and the m numbers of their operators -> operators times vectors.
    norm: in whose product the operators are selfadjoint.
    starts: (n_rows, k) vectors with parts in all directions, one per operator.
    ends: "both" or "high".
    tolerance: relative.

    Raises
    ------
    AccuracyError: not converged in `MAX_STEPS` steps.
    """
    runs = _Lanczos(norm, starts)
    found: dict[int, Extremes] = {}
    for _ in range(MAX_STEPS):
        runs.step(apply(runs.last(), runs.operators))
        pairs = runs.ritz_pairs()
        done = norm.algebra.agreed([pair.converged(ends, tolerance) for pair in pairs])
        for i in np.flatnonzero(done):
            found[runs.operators[i]] = pairs[i].extremes(runs.basis[i])
        runs.go_on(np.flatnonzero(np.logical_not(done)))
        if not runs.operators:
            return [found[i] for i in range(starts.shape[1])]
    raise AccuracyError(
        f"extreme eigenvalues have not converged to {tolerance:g} in {MAX_STEPS} Lanczos steps; choose another norm or "
        "reference"
    )


@dataclass(frozen=True)
class _RitzPairs:
    """Ritz values of one operator, their vectors in the Krylov basis, and the length of the next basis vector."""

    values: Numbers
    vectors: Numbers
    length: float

    def converged(self, ends: str, tolerance: float) -> bool:
        """Tell whether the wanted ends are exact to the tolerance."""
        scale, residuals = np.abs(self.values).max(), self._residuals()
        wanted = residuals[-1] if ends == "high" else max(residuals[0], residuals[-1])
        return bool(wanted <= tolerance * scale or self.length <= BREAKDOWN * scale)

    def extremes(self, basis: Numbers) -> Extremes:
        """Return the ends."""
        pair, residuals = basis @ self.vectors[:, [0, -1]], self._residuals()
        low, high = self.values[0] - residuals[0], self.values[-1] + residuals[-1]
        return Extremes(float(low), float(high), pair[:, :1], pair[:, 1:])

    def _residuals(self) -> Numbers:
        return np.asarray(self.length * np.abs(self.vectors[-1]))


class _Lanczos:
    """Krylov bases of several operators, (m, n_rows, steps), and their tridiagonal matrices."""

    def __init__(self, norm: Norm, starts: Numbers) -> None:
        self._norm = norm
        self.operators = list(range(starts.shape[1]))
        lengths = norm.length(starts)
        self.basis = _stacked(starts / lengths)
        self._images = _stacked(norm.multiply(starts) / lengths)
        self._diagonal, self._off = np.zeros((len(lengths), 0)), np.zeros((len(lengths), 0))
        self._next: Numbers = starts

    def last(self) -> Numbers:
        """Return the (n_rows, m) last vectors."""
        return np.asarray(self.basis[:, :, -1].T)

    def step(self, vectors: Numbers) -> None:
        """Take operators times last vectors; make them orthogonal to the bases."""
        inner, rest = self._norm.algebra.inner, _stacked(vectors)
        products = inner(self._images, rest)
        self._diagonal = np.hstack((self._diagonal, np.real(products[:, -1])))
        rest = rest - self.basis @ products
        self._next = rest - self.basis @ inner(self._images, rest)
        self._next_image = _stacked(self._norm.multiply(self._next[:, :, 0].T))
        lengths = np.sqrt(np.abs(inner(self._next, self._next_image)[:, :, 0]))
        self._off = np.hstack((self._off, lengths))

    def ritz_pairs(self) -> list[_RitzPairs]:
        """Return those of all operators."""
        found = []
        for diagonal, off in zip(self._diagonal, self._off, strict=True):
            values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1))
            found.append(_RitzPairs(values, vectors, float(off[-1])))
        return found

    def go_on(self, kept: Ints) -> None:
        """Append the next vectors, of some of the operators; forget the others."""
        self.operators = [self.operators[i] for i in kept]
        self._diagonal, self._off = self._diagonal[kept], self._off[kept]
        lengths = self._off[:, -1, None, None]
        self.basis = np.concatenate((self.basis[kept], self._next[kept] / lengths), axis=2)
        self._images = np.concatenate((self._images[kept], self._next_image[kept] / lengths), axis=2)


def _stacked(vectors: Numbers) -> Numbers:
    """Return (n_rows, m) vectors as (m, n_rows, 1)."""
    return np.asarray(vectors.T[:, :, None])


def coercivity(factor: Factor, norm: Norm, start: Numbers, tolerance: float = 0.01) -> tuple[float, Numbers]:
    """Return `min vᴴ A v / vᴴ X v`, from below, and the (n_rows, 1) vector that attains it.

    The largest eigenvalue of `A⁻¹ X`, Hermitian positive definite A.

    Parameters
    ----------
    factor: of A.
    norm: X.
    start, tolerance: as for `extremes`.
    """
    (found,) = extremes(lambda v, _: factor.solve(norm.multiply(v)), norm, start, ends="high", tolerance=tolerance)
    return 1.0 / found.high, found.high_vector


def inf_sup(factor: Factor, norm: Norm, start: Numbers, tolerance: float = 0.01) -> float:
    """Return `min ‖A v‖ / ‖v‖`, from below: residuals in the dual norm, vectors in the norm; any invertible A.

    The largest eigenvalue of `A⁻¹ X A⁻ᴴ X` is one over its square.

    Parameters
    ----------
    factor: of A.
    norm, start, tolerance: as for `extremes`.
    """

    def apply(vector: Numbers, _: Sequence[int]) -> Numbers:
        return factor.solve(norm.multiply(factor.solve_adjoint(norm.multiply(vector))))

    return float(extremes(apply, norm, start, ends="high", tolerance=tolerance)[0].high ** -0.5)
