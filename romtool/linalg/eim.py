"""Interpolation of functions from few samples at few points: EIM, DEIM, Q-DEIM; real and complex (theory, eq. (10.1)).

All three write `g(mu, ·) ≈ Σ_m β_m(mu) g(mu_m, ·)` with `β` from the values of g at few points.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg.blas import get_blas_funcs

from romtool.errors import InputError
from romtool.linalg.agreement import TIE, all_finite
from romtool.linalg.gappy import qdeim
from romtool.linalg.reduction import SerialComm

Numbers = NDArray[Any]  # float64 or complex128
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["eim", "deim", "qdeim"]

ROUND_OFF = float(64 * np.finfo(np.float64).eps)
"""Errors below this part of the largest error so far are round-off: no method goes on from there."""


@dataclass(frozen=True)
class Interpolation:
    """Interpolation from d samples at n_rows points, `β = R⁻¹ P g(points)`.

    Parameters
    ----------
    samples: (d,) int columns of the values that it combines, in the order of selection.
    points: (n_rows,) int rows at which a function must be known; n_rows = d for EIM and DEIM.
    projection: (d, n_rows) `P`, the inverse of a well-conditioned matrix (unit lower triangular for EIM).
    triangular: (d, d) `R`, upper triangular, which holds the decay of the errors.
    errors: (d + 1,) float largest error over all samples with 0 … d terms: largest magnitude for EIM, Euclidean norm
        of the projection error of a sample for DEIM and Q-DEIM.
    converged: whether `errors[d] <= tolerance * errors[0]`, or as small as round-off lets them become.
    """

    samples: Ints
    points: Ints
    projection: Numbers
    triangular: Numbers
    errors: Floats
    converged: bool

    def weights(self, values: Numbers) -> Numbers:
        """Return `β`, (d,) or (d, n), in O(d²) for each function.

        Parameters
        ----------
        values: (n_rows,) or (n_rows, n) values of one or n functions at `points`.
        """
        return np.asarray(linalg.solve_triangular(self.triangular, self.projection @ values, check_finite=False))

    def shortened(self, count: int) -> "Interpolation":
        """Return the interpolation with the first samples and points only; of EIM, whose factors are nested."""
        first = slice(count)
        return Interpolation(
            self.samples[first],
            self.points[first],
            self.projection[first, first],
            self.triangular[first, first],
            self.errors[: count + 1],
            converged=False,
        )


def interpolate(values: Numbers, *, tolerance: float, max_terms: int, method: Method = "eim") -> Interpolation:
    """Select samples and points from the values of a family of functions.

    Ends at the first d with `errors[d] <= tolerance * errors[0]`, or `d == max_terms`, or errors of round-off.

    Parameters
    ----------
    values: (n_points, n_samples) float or complex, a function per column; not changed.
    tolerance: relative, >= 0.
    max_terms: the most samples that may be selected, >= 1.
    method: "eim", "deim" or "qdeim".

    Raises
    ------
    InputError: values that are not finite, or all zero.

    >>> x = np.linspace(0.0, 1.0, 50)[:, None]
    >>> found = interpolate(1.0 / (1.0 + x * x.T), tolerance=1e-6, max_terms=20)
    >>> len(found.samples), found.converged
    (5, True)
    """
    if values.ndim != 2 or not values.size or not all_finite(values):
        raise InputError(
            f"Values of shape {values.shape} for an interpolation: expected finite (n_points, n_samples) numbers."
        )
    if not values.any():
        raise InputError("All values for an interpolation are zero: expected a function that is not. Leave it out.")
    return _eim(values, tolerance, max_terms) if method == "eim" else _deim(values, tolerance, max_terms, method)


def _eim(values: Numbers, tolerance: float, max_terms: int) -> Interpolation:
    """EIM (Barrault et al. 2004) as Gaussian elimination with complete pivoting: `values[points][:, samples] = L R`.

    Each step subtracts one rank-one term from the errors of all samples, and adds a column to L and a row to R;
    nothing is factorised again.
    """
    kind = np.complex128 if np.iscomplexobj(values) else np.float64
    errors = np.array(values, dtype=kind, order="F")
    subtract = get_blas_funcs("geru" if kind is np.complex128 else "ger", (errors,))
    columns, rows, history = [], [], []
    points: list[int] = []
    samples: list[int] = []
    while True:
        point, sample = _largest(errors)
        pivot = errors[point, sample]
        history.append(abs(pivot))
        converged = bool(history[-1] <= max(tolerance * history[0], ROUND_OFF * max(history)))
        if converged or len(samples) == min(max_terms, *values.shape):
            break
        column, row = errors[:, sample] / pivot, errors[point].copy()
        errors = subtract(-1.0, column, row, a=errors, overwrite_a=True)
        errors[point], errors[:, sample] = 0.0, 0.0
        points.append(point)
        samples.append(sample)
        columns.append(column)
        rows.append(row)
    lower = np.tril(np.array(columns)[:, points].T)
    upper = np.triu(np.array(rows)[:, samples])
    inverse = linalg.solve_triangular(lower, np.eye(len(points)), lower=True, unit_diagonal=True)
    return Interpolation(np.array(samples), np.array(points), inverse, upper, np.array(history), converged)


def _largest(errors: Numbers) -> tuple[int, int]:
    """Return row and column of the largest magnitude; of ties the lowest column, then row (theory, section 1)."""
    magnitudes = np.abs(errors)
    peaks = magnitudes.max(axis=0)
    sample = int(np.argmax(peaks >= (1.0 - TIE) * peaks.max()))
    point = int(np.argmax(magnitudes[:, sample] >= (1.0 - TIE) * peaks[sample]))
    return point, sample


def _deim(values: Numbers, tolerance: float, max_terms: int, method: Method) -> Interpolation:
    """DEIM (Chaturantabut & Sorensen 2010) or Q-DEIM, on the basis of the samples that pivoted QR selects."""
    basis, upper, order = linalg.qr(values, mode="economic", pivoting=True)
    remaining = np.abs(np.diag(upper))
    limit = max(tolerance, ROUND_OFF) * remaining[0]
    n_terms = min(int(np.count_nonzero(remaining > limit)), max_terms)
    history = np.append(remaining, 0.0)[: n_terms + 1]
    points, projection = (_deim_points if method == "deim" else _qdeim_points)(basis[:, :n_terms])
    return Interpolation(
        samples=np.asarray(order[:n_terms], dtype=np.int64),
        points=points,
        projection=projection,
        triangular=upper[:n_terms, :n_terms],
        errors=history,
        converged=bool(history[-1] <= limit),
    )


def _deim_points(basis: Numbers) -> tuple[Ints, Numbers]:
    """Return the points of DEIM and the inverse of the basis there; the greedy search is LU with row pivoting."""
    _, swaps = linalg.lu_factor(basis)
    rows = np.arange(len(basis))
    for i, other in enumerate(swaps):
        rows[[i, other]] = rows[[other, i]]
    points = rows[: basis.shape[1]]
    return points, np.linalg.inv(basis[points])


def _qdeim_points(basis: Numbers) -> tuple[Ints, Numbers]:
    """Return the points of Q-DEIM and the least-squares operator of the basis there.

    A complex basis is a real one with two components per point and two modes per mode.
    """
    blocks = basis[:, None, :]
    if np.iscomplexobj(basis):
        parts = [(basis.real, basis.imag), (-basis.imag, basis.real)]
        blocks = np.concatenate([np.stack(part, axis=1) for part in parts], axis=2)
    points = _sampling(blocks)
    return points, np.linalg.pinv(basis[points])


def _sampling(blocks: Floats) -> Ints:
    """Return the rows that `qdeim` selects from one block of (n_points, n_components, n_modes)."""
    ids = np.stack((np.arange(len(blocks)), np.zeros(len(blocks), dtype=np.int64)), axis=1)
    return np.asarray(qdeim([blocks], [ids], SerialComm()).rows)
