"""Error bounds of inverses and log-determinants from few factorisations (the kind of Casenave et al. 2019)."""

from dataclasses import dataclass
from math import factorial, prod

import numpy as np

from romtool.linalg.eim import Numbers
from romtool.operators.powers import Powers, monomials_of
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
    tails = _tails(powers, sizes, scales, powers.coordinates(powers.parameters), powers.values)
    return SpectralBound(sizes, scales, tails, low, high, n_unknowns)


def _tails(powers: Powers, sizes: Floats, scales: Floats, coordinates: Numbers, monomials: Numbers) -> Floats:
    """Return (K + 1, n) bounds of what the monomials leave out of `E^k` at n parameters (multinomial theorem)."""
    degrees = powers.exponents.sum(axis=1)
    total = np.abs(coordinates).T @ sizes
    kept = [scales[degrees == k] @ np.abs(monomials[degrees == k]) for k in range(powers.degree + 1)]
    return np.maximum([total**k - part for k, part in enumerate(kept)], 0.0)


def bounds(powers: Powers, spectral: SpectralBound, parameters: Floats, low: Floats, high: Floats) -> "PowerBounds":
    """Bound the errors of inverse and log-determinant for (n, p) parameters.

    For each polynomial p of degree k <= K, with `B = P^-½ A P^-½` and f = 1/x or log:
    `‖f(B(mu)) - Σ β_m f(B(mu_m))‖ <= (1 + Σ|β_m|) max |f - p| + ‖p(B(mu)) - Σ β_m p(B(mu_m))‖`; p is the Chebyshev
    series of f over all spectra, and the last norm is at most the sum over its monomials of the errors of their
    interpolation. The least of all k counts. It is small where the Chebyshev series converges fast: as `ρ^-K` with
    `ρ = (√b + √a) / (√b - √a)` for spectra within [a, b].

    Parameters
    ----------
    powers: weights.
    spectral: of the operator.
    parameters: (n, p) float.
    low, high: (n,) float ends of the spectra of `P⁻¹ A(mu)`.
    """
    weights = powers.weights(parameters)
    total = 1.0 + np.abs(weights).sum(axis=1)
    errors = _degree_errors(powers, spectral, parameters, weights)
    a, b = np.minimum(low, spectral.low.min()), np.maximum(high, spectral.high.max())
    rows = [_least(*row, powers.degree) for row in zip(total, errors.T, a, b, strict=True)]
    inverse, logarithm = np.array(rows).reshape(-1, 2).T
    return PowerBounds(inverse, spectral.n_unknowns * logarithm)


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


def _least(total: float, errors: Floats, a: float, b: float, degree: int) -> tuple[float, float]:
    """Return the least bounds over all degrees for one parameter."""
    if a <= 0.0:
        return np.inf, np.inf
    found = []
    for k in range(degree + 1):
        pairs = [reciprocal_series(a, b, k), logarithm_series(a, b, k)]
        found.append([total * error + np.abs(series) @ errors[: k + 1] for series, error in pairs])
    best = np.min(found, axis=0)
    return float(best[0]), float(best[1])


def _degree_errors(powers: Powers, spectral: SpectralBound, parameters: Floats, weights: Numbers) -> Floats:
    """Return (K + 1, n) bounds of `‖E(mu)^k - Σ β_m E(mu_m)^k‖`."""
    degrees = powers.exponents.sum(axis=1)
    coordinates = powers.coordinates(parameters)
    exact = monomials_of(coordinates, powers.exponents)
    error = np.abs(exact - powers.values @ weights.T)
    kept = [spectral.scales[degrees == k] @ error[degrees == k] for k in range(powers.degree + 1)]
    tails = _tails(powers, spectral.sizes, spectral.scales, coordinates, exact)
    return np.asarray(kept + tails + spectral.tails @ np.abs(weights).T)


def reciprocal_series(a: float, b: float, degree: int) -> tuple[Floats, float]:
    """Return the Chebyshev series of `1/x` on [a, b], 0 < a <= b, in powers of x - 1, and its largest error.

    `1/x = 2/√(ab) (1/2 + Σ_k (-1/ρ)^k T_k)`.
    """
    rho = _rho(a, b)
    series = 2.0 / np.sqrt(a * b) * (-1.0 / rho) ** np.arange(degree + 1)
    series[0] /= 2.0
    return _about_one(series, a, b), float(2.0 / np.sqrt(a * b) * rho ** -(degree + 1) / (1.0 - 1.0 / rho))


def logarithm_series(a: float, b: float, degree: int) -> tuple[Floats, float]:
    """Return the Chebyshev series of `log x` on [a, b], 0 < a <= b, in powers of x - 1, and its largest error.

    `log x = 2 log((√a + √b)/2) - Σ_k (2/k) (-1/ρ)^k T_k`.
    """
    rho = _rho(a, b)
    k = np.arange(1, degree + 1)
    series = np.append(2.0 * np.log((np.sqrt(a) + np.sqrt(b)) / 2.0), -2.0 / k * (-1.0 / rho) ** k)
    return _about_one(series, a, b), float(2.0 / (degree + 1) * rho ** -(degree + 1) / (1.0 - 1.0 / rho))


def _rho(a: float, b: float) -> float:
    """Return the sum of half-axes of the largest ellipse without zero; huge where the interval is a point."""
    return float((np.sqrt(b) + np.sqrt(a)) / max(np.sqrt(b) - np.sqrt(a), 1e-12 * np.sqrt(b)))


def _about_one(series: Floats, a: float, b: float) -> Floats:
    """Return the coefficients in powers of x - 1 of a Chebyshev series on [a, b]."""
    width = max(b - a, 1e-12 * b)
    inner = np.polynomial.Polynomial([(2.0 - a - b) / width, 2.0 / width])  # of x - 1, to [-1, 1]
    outer = np.polynomial.Polynomial(np.polynomial.chebyshev.cheb2poly(series))  # type: ignore[no-untyped-call]
    coefficients = outer(inner).coef
    return np.pad(coefficients, (0, len(series) - len(coefficients)))
