"""Error bounds of inverses and log-determinants from few factorisations (the kind of Casenave et al. 2019)."""

from dataclasses import dataclass
from math import factorial, prod

import numpy as np

from romtool.linalg.eim import Numbers
from romtool.operators.powers import Powers, PowersAt, monomials_of
from romtool.types import Floats


@dataclass(frozen=True)
class SpectralBound:
    """What bounds the error of Hermitian positive definite operators, relative to `P = A(reference)`.

    Parameters
    ----------
    sizes: (q,) float norms `‖P^-½ F_j P^-½‖` of the matrices of the principal coordinates, `A(mu) = P + Σ_j c_j F_j`.
    scales: (n_monomials,) float bounds `k!/α! sizes^α` of the norm of what multiplies each monomial in `E^k`,
        `E = P^-½ A P^-½ - 1`.
    tails: (K + 1, d) float bounds of what the monomials leave out of `E(mu_m)^k`.
    low, high: (d,) float ends of the spectrum of `P⁻¹ A(mu_m)`.
    n_unknowns: size of the matrices.
    """

    sizes: Floats
    scales: Floats
    tails: Floats
    low: Floats
    high: Floats
    n_unknowns: int


def spectral_bound(powers: Powers, sizes: Floats, low: Floats, high: Floats, n_unknowns: int) -> SpectralBound:
    """Return what bounds the errors of powers; see `SpectralBound`."""
    multiples = [factorial(sum(row)) / prod(factorial(n) for n in row) for row in powers.exponents.tolist()]
    scales = np.array(multiples) * monomials_of(sizes[:, None], powers.exponents)[:, 0]
    tails = _tails(powers, sizes, scales, powers.at(powers.parameters).coordinates, powers.values)
    return SpectralBound(sizes, scales, tails, low, high, n_unknowns)


def _tails(powers: Powers, sizes: Floats, scales: Floats, coordinates: Numbers, monomials: Numbers) -> Floats:
    """Return (K + 1, n) bounds of what the monomials leave out of `E^k` at n parameters (multinomial theorem)."""
    degrees = powers.exponents.sum(axis=1)
    total = np.abs(coordinates).T @ sizes
    kept = [scales[degrees == k] @ np.abs(monomials[degrees == k]) for k in range(powers.degree + 1)]
    return np.maximum([total**k - part for k, part in enumerate(kept)], 0.0)


@dataclass(frozen=True)
class PowerBounds:
    """Bounds for n parameters.

    Parameters
    ----------
    inverse: (n,) float of `‖P^½ (A⁻¹ - Σ β_m A(mu_m)⁻¹) P^½‖`, relative to one at the reference.
    logdet: (n,) float of the error of `log det A`.
    """

    inverse: Floats
    logdet: Floats


def bounds(powers: Powers, spectral: SpectralBound, given: PowersAt, low: Floats, high: Floats) -> PowerBounds:
    """Bound the errors of inverse and log-determinant for n parameters.

    For each polynomial p of degree k <= K, with `B = P^-½ A P^-½` and f = 1/x or log:
    `‖f(B(mu)) - Σ β_m f(B(mu_m))‖ <= (1 + Σ|β_m|) max |f - p| + ‖p(B(mu)) - Σ β_m p(B(mu_m))‖`; p is the Chebyshev
    series of f over all spectra, and the last norm is at most the sum over its monomials of the errors of their
    interpolation. The least of all k counts. It is small where the Chebyshev series converges fast: as `ρ^-K` with
    `ρ = (√b + √a) / (√b - √a)` for spectra within [a, b].

    Parameters
    ----------
    powers: weights.
    spectral: of the operator.
    given: `powers.at(…)` of the parameters.
    low, high: (n,) float ends of the spectra of `P⁻¹ A(mu)`; infinite bounds where `low <= 0`.
    """
    total = 1.0 + np.abs(given.weights).sum(axis=1)
    errors = _degree_errors(powers, spectral, given)
    usable = low > 0.0
    a = np.where(usable, np.minimum(low, spectral.low.min()), 1.0)
    b = np.where(usable, np.maximum(high, spectral.high.max()), 1.0)
    inverse = _least(total, errors, *reciprocal_series(a, b, powers.degree))
    logarithm = _least(total, errors, *logarithm_series(a, b, powers.degree))
    return PowerBounds(np.where(usable, inverse, np.inf), np.where(usable, spectral.n_unknowns * logarithm, np.inf))


def _least(total: Floats, errors: Floats, series: Floats, remainders: Floats) -> Floats:
    """Return the (n,) least bounds over all degrees."""
    found = total * remainders + np.einsum("kin,in->kn", np.abs(series), errors)
    return np.asarray(found.min(axis=0))


def _degree_errors(powers: Powers, spectral: SpectralBound, given: PowersAt) -> Floats:
    """Return (K + 1, n) bounds of `‖E(mu)^k - Σ β_m E(mu_m)^k‖`."""
    degrees = powers.exponents.sum(axis=1)
    exact = powers.monomials(given)
    error = np.abs(exact - powers.values @ given.weights.T)
    kept = [spectral.scales[degrees == k] @ error[degrees == k] for k in range(powers.degree + 1)]
    tails = _tails(powers, spectral.sizes, spectral.scales, given.coordinates, exact)
    return np.asarray(kept + tails + spectral.tails @ np.abs(given.weights).T)


def reciprocal_series(a: Floats, b: Floats, degree: int) -> tuple[Floats, Floats]:
    """Return the Chebyshev series of `1/x` on [a, b] in powers of x - 1, and their largest errors.

    `1/x = 2/√(ab) (1/2 + Σ_k (-1/ρ)^k T_k)`.

    Parameters
    ----------
    a, b: (n,) float, 0 < a <= b.
    degree: K.

    Returns
    -------
    (K + 1, K + 1, n) coefficients of the powers (second axis) of the series to degree k (first axis), and (K + 1, n)
    errors.
    """
    rho, k = _rho(a, b), np.arange(degree + 1)[:, None]
    series = 2.0 / np.sqrt(a * b) * (-1.0 / rho) ** k
    series[0] /= 2.0
    return _about_one(series, a, b), 2.0 / np.sqrt(a * b) * rho ** -(k + 1.0) / (1.0 - 1.0 / rho)


def logarithm_series(a: Floats, b: Floats, degree: int) -> tuple[Floats, Floats]:
    """Return the Chebyshev series of `log x` on [a, b] in powers of x - 1, and their largest errors.

    `log x = 2 log((√a + √b)/2) - Σ_k (2/k) (-1/ρ)^k T_k`; parameters and values as for `reciprocal_series`.
    """
    rho, k = _rho(a, b), np.arange(degree + 1)[:, None]
    series = -2.0 / np.maximum(k, 1) * (-1.0 / rho) ** k
    series[0] = 2.0 * np.log((np.sqrt(a) + np.sqrt(b)) / 2.0)
    return _about_one(series, a, b), 2.0 / (k + 1) * rho ** -(k + 1.0) / (1.0 - 1.0 / rho)


def _rho(a: Floats, b: Floats) -> Floats:
    """Return the sum of half-axes of the largest ellipse without zero; huge where the interval is a point."""
    return np.asarray((np.sqrt(b) + np.sqrt(a)) / np.maximum(np.sqrt(b) - np.sqrt(a), 1e-12 * np.sqrt(b)))


def _about_one(series: Floats, a: Floats, b: Floats) -> Floats:
    """Return the (K + 1, K + 1, n) coefficients in powers of x - 1 of the partial sums of Chebyshev series on [a, b].

    By the recurrence `T_{k+1} = 2 t T_k - T_{k-1}` with `t = shift + slope (x - 1)`.
    """
    width = np.maximum(b - a, 1e-12 * b)
    shift, slope = (2.0 - a - b) / width, 2.0 / width
    polynomials = np.zeros((len(series), len(series), len(a)))
    polynomials[0, 0] = 1.0
    for k in range(1, len(series)):
        before = polynomials[k - 1]
        stepped = shift * before
        stepped[1:] += slope * before[:-1]
        polynomials[k] = stepped if k == 1 else 2.0 * stepped - polynomials[k - 2]
    return np.asarray(np.cumsum(series[:, None, :] * polynomials, axis=0))
