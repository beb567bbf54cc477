"""Extreme eigenvalues of selfadjoint operators, and the stability constants that are such eigenvalues."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from romtool.errors import AccuracyError
from romtool.linalg.eim import Numbers
from romtool.operators.algebra import Factor
from romtool.operators.norms import Norm

MAX_STEPS = 400
BREAKDOWN = 1e-13
Apply = Callable[[Numbers], Numbers]


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


def extremes(apply: Apply, norm: Norm, start: Numbers, *, ends: str = "both", tolerance: float = 1e-6) -> Extremes:
    """Return the extreme eigenvalues of an operator that is selfadjoint in a norm.

    Lanczos with full reorthogonalisation, twice (Parlett 1998, 13); ends when the residuals of the wanted Ritz pairs
    are below `tolerance` times the largest magnitude of a Ritz value.

    Parameters
    ----------
    apply: (n_rows, 1) vector -> operator times vector.
    norm: in whose product the operator is selfadjoint.
    start: (n_rows, 1) vector with parts in all directions.
    ends: "both" or "high".
    tolerance: relative.

    Raises
    ------
    AccuracyError: not converged in `MAX_STEPS` steps.
    """
    image = norm.multiply(start)
    basis, images = start / norm.length(start), image / norm.length(start)
    diagonal: list[float] = []
    off: list[float] = []
    for _ in range(MAX_STEPS):
        vector = apply(basis[:, -1:])
        diagonal.append(float(np.real(norm.algebra.inner(images[:, -1:], vector)[0, 0])))
        for _ in range(2):
            vector = vector - basis @ norm.algebra.inner(images, vector)
        image = norm.multiply(vector)
        length = float(np.sqrt(abs(norm.algebra.inner(vector, image)[0, 0])))
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
        scale = float(np.abs(values).max())
        residuals = length * np.abs(vectors[-1])
        wanted = {"both": residuals[[0, -1]], "high": residuals[-1:]}[ends]
        if wanted.max() <= tolerance * scale or length <= BREAKDOWN * scale:
            pair = basis @ vectors[:, [0, -1]]
            return Extremes(
                float(values[0] - residuals[0]), float(values[-1] + residuals[-1]), pair[:, :1], pair[:, 1:]
            )
        off.append(length)
        basis, images = np.hstack((basis, vector / length)), np.hstack((images, image / length))
    raise AccuracyError(
        f"extreme eigenvalues have not converged to {tolerance:g} in {MAX_STEPS} Lanczos steps; choose another norm or "
        "reference"
    )


def coercivity(factor: Factor, norm: Norm, start: Numbers, tolerance: float = 0.01) -> tuple[float, Numbers]:
    """Return `min vᴴ A v / vᴴ X v`, from below, and the (n_rows, 1) vector that attains it.

    The largest eigenvalue of `A⁻¹ X`, Hermitian positive definite A.

    Parameters
    ----------
    factor: of A.
    norm: X.
    start, tolerance: as for `extremes`.
    """
    found = extremes(lambda v: factor.solve(norm.multiply(v)), norm, start, ends="high", tolerance=tolerance)
    return 1.0 / found.high, found.high_vector


def inf_sup(factor: Factor, norm: Norm, start: Numbers, tolerance: float = 0.01) -> float:
    """Return `min ‖A v‖ / ‖v‖`, from below: residuals in the dual norm, vectors in the norm; any invertible A.

    The largest eigenvalue of `A⁻¹ X A⁻ᴴ X` is one over its square.

    Parameters
    ----------
    factor: of A.
    norm, start, tolerance: as for `extremes`.
    """

    def apply(vector: Numbers) -> Numbers:
        return factor.solve(norm.multiply(factor.solve_adjoint(norm.multiply(vector))))

    return float(extremes(apply, norm, start, ends="high", tolerance=tolerance).high ** -0.5)
