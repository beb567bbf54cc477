"""Limits of matrix powers from few factorisations: `f(A(mu)) ≈ Σ_m β_m(mu) f(A(mu_m))` (Casenave et al. 2019).

For `A(mu) = Σ_q θ_q(mu) A_q`, β interpolates the monomials of θ up to a degree K, with the constant one among them. It
then serves every polynomial of A up to degree K, and inverse and logarithm as far as polynomials approximate them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from romtool.errors import InputError
from romtool.linalg.eim import Interpolation, Numbers, interpolate
from romtool.operators.coefficients import Coefficients
from romtool.types import Floats, Ints

NEGLIGIBLE = 1e-12
"""Monomials that stay below this part of one on the training are left out (and counted in bounds)."""
MAX_MONOMIALS = 20_000
FEWER = 3
"""Shorter interpolations that an answer is compared with."""


@dataclass(frozen=True)
class Powers:
    """Weights that serve the powers of `A(mu) = Σ_q θ_q(mu) A_q`.

    Parameters
    ----------
    theta: θ; coefficients of the separated representation.
    centre: (d_A,) θ at the reference.
    directions: (q, d_A) principal coordinates `c = directions (θ - centre)`, |c_1| <= 1 on the training.
    exponents: (n_monomials, q) int of the monomials of c.
    interpolation: of the monomials; `points` are monomials.
    parameters: (d, p) float selected parameters.
    values: (n_monomials, d) monomials there.
    """

    theta: Coefficients
    centre: Numbers
    directions: Numbers
    exponents: Ints
    interpolation: Interpolation
    parameters: Floats
    values: Numbers

    @property
    def degree(self) -> int:
        """Return the largest degree of a monomial."""
        return int(self.exponents.sum(axis=1).max())

    def at(self, parameters: Floats) -> "PowersAt":
        """Return θ, coordinates and weights for (n, p) parameters."""
        theta = self.theta.weights(parameters)
        coordinates = self.directions @ (theta.T - self.centre[:, None])
        needed = monomials_of(coordinates, self.exponents[self.interpolation.points])
        return PowersAt(parameters, theta, coordinates, self.interpolation.weights(needed).T)

    def monomials(self, given: "PowersAt") -> Numbers:
        """Return the (n_monomials, n) monomials."""
        return monomials_of(given.coordinates, self.exponents)

    def shorter_weights(self, given: "PowersAt") -> list[Numbers]:
        """Return the (n, d) weights with one, two … `FEWER` parameters less; what they change indicates the error."""
        n_terms, weights = len(self.parameters), []
        for count in range(max(n_terms - FEWER, 1), n_terms):
            found = self.interpolation.shortened(count)
            part = found.weights(monomials_of(given.coordinates, self.exponents[found.points])).T
            weights.append(np.pad(part, ((0, 0), (0, n_terms - count))))
        return weights


@dataclass(frozen=True)
class PowersAt:
    """What `Powers` gives for n parameters.

    Parameters
    ----------
    parameters: (n, p) float.
    theta: (n, d_A) coefficients of the operator.
    coordinates: (q, n) principal coordinates.
    weights: (n, d) β.
    """

    parameters: Floats
    theta: Numbers
    coordinates: Numbers
    weights: Numbers


def select_powers(
    theta: Coefficients, training: Floats, reference: Floats, *, degree: int, tolerance: float, max_terms: int
) -> Powers:
    """Select the parameters at which A is inverted or factorised.

    The monomials are those of principal coordinates of θ, by the size of what they contribute to the functions, so
    that the greedy search takes important ones first and may stop early; they span the monomials of θ.

    Parameters
    ----------
    theta: θ, of an affine operator or of a separated representation.
    training: (n, p) float parameters to select from.
    reference: (p,) float where the coordinates are zero.
    degree: K.
    tolerance: of the monomials; the largest is of size one.
    max_terms: the most factorisations.

    Raises
    ------
    InputError: an operator that does not depend on the parameters.
    """
    centre = theta.weights(reference[None])[0]
    steps = theta.weights(training).T - centre[:, None]
    left, sizes, _ = np.linalg.svd(theta.values @ steps, full_matrices=False)
    if not sizes[0] > 0.0:
        raise InputError("A does not depend on the parameters; leave [inverse] and [logdet] out")
    kept = sizes > NEGLIGIBLE * sizes[0]
    directions = left[:, kept].conj().T @ theta.values
    directions = directions / np.abs(directions[0] @ steps).max()
    exponents = np.array(list(_exponents(np.abs(directions @ steps).max(axis=1), degree)))
    if len(exponents) > MAX_MONOMIALS:
        raise InputError(
            f"{len(exponents)} monomials of degree {degree} in {kept.sum()} coordinates are more than {MAX_MONOMIALS}; "
            "lower the degree, or the tolerance of the operator's functions"
        )
    values = monomials_of(directions @ steps, exponents)
    found = interpolate(values, tolerance=tolerance, max_terms=max_terms)
    return Powers(
        theta, centre, directions, exponents, found, training[found.samples], np.array(values[:, found.samples])
    )


def _exponents(sizes: Floats, degree: int, scale: float = 1.0) -> Iterator[list[int]]:
    """Yield the exponents of all monomials up to a degree that are not negligible, from the largest of each factor."""
    if not len(sizes):
        yield []
        return
    for power in range(degree + 1):
        size = scale * sizes[0] ** power
        if size <= NEGLIGIBLE:
            return
        for rest in _exponents(sizes[1:], degree - power, size):
            yield [power, *rest]


def monomials_of(coordinates: Numbers, exponents: Ints) -> Numbers:
    """Return the (n_monomials, n) products `Π_j coordinates_j^exponents_j` of (q, n) coordinates."""
    degree = int(exponents.max(initial=0))
    powers = np.cumprod([np.ones_like(coordinates), *[coordinates] * degree], axis=0)
    values = np.ones((len(exponents), coordinates.shape[1]), dtype=coordinates.dtype)
    for j, column in enumerate(exponents.T):
        values *= powers[column, j]
    return values
