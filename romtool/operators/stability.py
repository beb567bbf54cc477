"""Lower bounds of the stability constant of A(mu) for any mu: successive constraints, positive forms, interpolation."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from romtool.errors import AccuracyError
from romtool.linalg.eim import Numbers
from romtool.operators.coefficients import Coefficients
from romtool.operators.domain import Domain
from romtool.types import Floats, Ints

PROGRAM_TOLERANCE = 1e-7
"""Feasibility of the linear program's solver; subtracted from its lower bounds."""


class StabilityConstant(Protocol):
    """What bounds or estimates the stability constant in the norm of the reduced basis."""

    @property
    def of_representation(self) -> bool:
        """Tell whether the constant is that of `Σ β_m A(mu_m)`; else it is that of A(mu)."""
        ...

    def lower(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return (n,) constants for (n, p) parameters with their (n, d) coefficients β."""
        ...


class Remainder(Protocol):
    """What bounds or estimates the norm of `A(mu) - Σ β_m A(mu_m)`."""

    def remainder(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return (n,) norms for (n, p) parameters with their (n, d) coefficients β."""
        ...


@dataclass(frozen=True)
class SuccessiveConstraints:
    """Lower and upper bounds of the coercivity constant of `Σ_m β_m A_m` (Huynh, Rozza, Sen, Patera 2007).

    The operator is written as `Σ_j φ_j B_j` with `φ = R β`, R the triangular factor of the interpolation, since φ_j
    falls with j while the β alternate. The constant is `min Σ φ_j y_j` over the ratios `y_j = vᴴ B_j v / vᴴ X v` of all
    v. The lower bound relaxes that set to a box cut by the constants known at some parameters; the upper bound has the
    ratios of some vectors only.

    Parameters
    ----------
    triangular: (d, d) float R.
    low, high: (d,) float ends of each ratio.
    weights: (J, d) float β where the constant is known.
    constants: (J,) float known constants.
    ratios: (J, d) float ratios of the vectors that attain them.
    """

    triangular: Floats
    low: Floats
    high: Floats
    weights: Floats
    constants: Floats
    ratios: Floats

    @property
    def of_representation(self) -> bool:
        """Tell that the constant is that of the separated representation."""
        return True

    def lower(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return (n,) lower bounds; one linear program each."""
        return np.array([self._program(row) for row in weights @ self.triangular.T])

    def upper(self, weights: Numbers) -> Floats:
        """Return (n,) upper bounds; infinite where no vector is known."""
        return np.asarray(np.min(weights @ self.triangular.T @ self.ratios.T, axis=1, initial=np.inf))

    def _program(self, factors: Floats) -> float:
        from scipy.optimize import linprog

        bounds = np.stack((self.low, self.high), axis=1)
        known = {"A_ub": -self.weights @ self.triangular.T, "b_ub": -self.constants} if len(self.constants) else {}
        found = linprog(factors, bounds=bounds, method="highs", **known)
        if found.status != 0:
            raise AccuracyError(f"the linear program of the stability constant failed: {found.message}; train anew")
        slack = PROGRAM_TOLERANCE * float(np.abs(factors) @ np.maximum(np.abs(self.low), np.abs(self.high)))
        return float(found.fun) - slack


@dataclass(frozen=True)
class PositiveForms:
    """Constants of a sum of positive semidefinite forms, each times the value g of the functions at a point.

    With `X = A(reference)` the least ratio `g(mu) / g(reference)` over all points is a lower bound of the coercivity
    constant, and the largest `|g(mu) - Σ β_m g(mu_m)| / g(reference)` an upper bound of the norm of what the
    representation leaves out.

    Parameters
    ----------
    coefficients: of the representation.
    rows: (n_rows,) int rows where the functions are not zero.
    reference: (n_rows,) float values there.
    """

    coefficients: Coefficients
    rows: Ints
    reference: Floats

    @property
    def of_representation(self) -> bool:
        """Tell that the constant is that of A(mu) itself."""
        return False

    def lower(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return (n,) lower bounds of the coercivity constant."""
        return self.extent(parameters, weights)[0]

    def extent(self, parameters: Floats, weights: Numbers) -> tuple[Floats, Floats, Floats]:
        """Return (n,) least and largest ratios to the reference, and upper bounds of the norm of the remainder."""
        exact = self._exact(parameters)
        error: Numbers = exact - self.coefficients.values[self.rows] @ weights.T
        ratios, errors = exact / self.reference[:, None], np.abs(error) / self.reference[:, None]
        return ratios.min(axis=0), ratios.max(axis=0), errors.max(axis=0)

    def remainder(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return (n,) upper bounds of the norm of the remainder."""
        return self.extent(parameters, weights)[2]

    def _exact(self, parameters: Floats) -> Numbers:
        return self.coefficients.source.at(parameters, self.rows)


@dataclass(frozen=True)
class MeasuredRemainder:
    """Norm of the remainder as a factor times the error of the functions; the factor is the largest one measured.

    Parameters
    ----------
    coefficients: of the representation.
    factor: norm of the remainder over error of the functions, with shorter representations.
    """

    coefficients: Coefficients
    factor: float

    def remainder(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return (n,) estimates."""
        return self.factor * self.coefficients.remainder(parameters, weights)


@dataclass(frozen=True)
class InterpolatedConstant:
    """Constant interpolated in its logarithm between parameters where it is known; no bound.

    Parameters
    ----------
    domain: of the parameters.
    parameters: (J, p) float where it is known.
    constants: (J,) float.
    """

    domain: Domain
    parameters: Floats
    constants: Floats

    @property
    def of_representation(self) -> bool:
        """Tell that the constant is that of the separated representation, where it was computed."""
        return True

    def lower(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return (n,) interpolated constants; linear between those known where there is one parameter."""
        return np.asarray(np.exp(self._logarithm(self.domain.scaled(parameters))))

    @cached_property
    def _logarithm(self) -> Callable[[Floats], Floats]:
        """What gives the logarithm of the constant at scaled parameters."""
        from scipy.interpolate import RBFInterpolator

        places, values = self.domain.scaled(self.parameters), np.log(self.constants)
        if places.shape[1] == 1 or len(values) == 1:
            order = np.argsort(places[:, 0])
            return lambda wanted: np.interp(wanted[:, 0], places[order, 0], values[order])
        smooth: Callable[[Floats], Floats] = RBFInterpolator(places, values, kernel="linear", degree=0)
        return smooth
