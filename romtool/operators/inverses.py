"""Inverse and log-determinant of A(mu) from factorisations at few parameters (theory, section 10)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.linalg.eim import Numbers
from romtool.operators.algebra import LuFactor
from romtool.operators.coefficients import Coefficients
from romtool.operators.constants import term_extremes
from romtool.operators.domain import Domain
from romtool.operators.matrices import Matrix, combine
from romtool.operators.norms import Norm
from romtool.operators.power_bounds import PowerBounds, SpectralBound, bounds, spectral_bound
from romtool.operators.powers import Powers, PowersAt
from romtool.operators.problem import FullProblem
from romtool.operators.stability import PositiveForms
from romtool.types import Floats

N_CHECKS = 3
"""Parameters at which the error is measured while a model is built."""
SAFETY = 2.0
"""On the largest error measured there, in indicators."""


@dataclass(frozen=True)
class ErrorBound:
    """What bounds the errors.

    Parameters
    ----------
    forms: positive forms.
    spectral: spectra at the selected parameters.
    """

    forms: PositiveForms
    spectral: SpectralBound


@dataclass(frozen=True)
class InverseModel:
    """`A(mu)⁻¹ B ≈ Σ_m β_m A(mu_m)⁻¹ B`.

    Parameters
    ----------
    powers: β.
    columns: (d, n, k) `A(mu_m)⁻¹ B`.
    rhs_coefficients: γ where B holds the terms of the right-hand side, and answers are `A⁻¹ Σ_j γ_j b_j`.
    of_rhs: whether B is the right-hand side.
    error_bound: of the bound, or None.
    measured: relative error that was measured at other parameters.
    """

    powers: Powers
    columns: Numbers
    rhs_coefficients: Coefficients | None
    of_rhs: bool
    error_bound: ErrorBound | None
    measured: float

    def evaluate(self, parameters: Floats) -> "Estimate":
        """Return `A⁻¹ B`, (n, n_unknowns, k), or the (n, n_unknowns, 1) solutions, for (n, p) parameters.

        The indicator is the largest relative change with up to three parameters less, at least twice `measured`; the
        bound is of `‖P^½ (A⁻¹ - …) P^½‖`, P = A at the reference.
        """
        given = self.powers.at(parameters)
        rhs = self.rhs_weights(parameters)
        full = self._combined(given.weights, rhs)
        changes = [
            np.linalg.norm(full - self._combined(weights, rhs), axis=(1, 2))
            for weights in self.powers.shorter_weights(given)
        ]
        indicator = np.maximum(
            np.max(changes, axis=0, initial=0.0) / np.linalg.norm(full, axis=(1, 2)), SAFETY * self.measured
        )
        bound = None if self.error_bound is None else _bounds(self.powers, self.error_bound, given).inverse
        return Estimate(full, indicator, bound)

    def rhs_weights(self, parameters: Floats) -> Numbers | None:
        """Return the (n, k) γ that answers are combined with; None where they are the columns themselves."""
        if not self.of_rhs or self.rhs_coefficients is None:
            return None
        return self.rhs_coefficients.weights(parameters)

    def _combined(self, weights: Numbers, rhs: Numbers | None) -> Numbers:
        answers = np.tensordot(weights, self.columns, axes=1)
        return np.asarray(answers if rhs is None else answers @ rhs[:, :, None])


@dataclass(frozen=True)
class LogDetModel:
    """`log det A(mu) ≈ Σ_m β_m log det A(mu_m)` for Hermitian positive definite A.

    Parameters
    ----------
    powers: β.
    values: (d,) float `log det A(mu_m)`.
    error_bound: of the bound, or None.
    measured: error that was measured at other parameters.
    """

    powers: Powers
    values: Floats
    error_bound: ErrorBound | None
    measured: float

    def evaluate(self, parameters: Floats) -> "Estimate":
        """Return (n,) log-determinants for (n, p) parameters; the indicator is as for `InverseModel`, not relative."""
        given = self.powers.at(parameters)
        values = np.real(given.weights @ self.values)
        changes = [np.abs(values - np.real(weights @ self.values)) for weights in self.powers.shorter_weights(given)]
        bound = None if self.error_bound is None else _bounds(self.powers, self.error_bound, given).logdet
        return Estimate(values, np.maximum(np.max(changes, axis=0, initial=0.0), SAFETY * self.measured), bound)


@dataclass(frozen=True)
class Estimate:
    """Approximations for n parameters.

    Parameters
    ----------
    values: (n, …) numbers.
    indicator: (n,) float what up to three selected parameters less change, at least twice the error that was measured.
    bound: (n,) float of the error; None without positive forms.
    """

    values: Numbers
    indicator: Floats
    bound: Floats | None


def inverse_model(
    terms: Sequence[Matrix],
    powers: Powers,
    domain: Domain,
    columns: Numbers,
    rhs_coefficients: Coefficients | None,
    *,
    of_rhs: bool,
    checks: Floats | None = None,
    error_bound: ErrorBound | None = None,
) -> InverseModel:
    """Invert A at the selected parameters, applied to columns.

    Parameters
    ----------
    terms: matrices of the separated representation.
    powers: of `select_powers`.
    domain: of the parameters.
    columns: (n, k) B.
    rhs_coefficients, of_rhs, error_bound: see `InverseModel`.
    checks: (n_checks, p) float other parameters, at which the error is measured; none by default.

    Raises
    ------
    InputError: a singular matrix.
    """
    found = np.array([factor.solve(columns) for factor in _factors(terms, powers.theta, domain, powers.parameters)])
    model = InverseModel(powers, found, rhs_coefficients, of_rhs, error_bound, 0.0)
    errors, checks = [0.0], powers.parameters[:0] if checks is None else checks
    for parameter, factor in zip(checks, _factors(terms, powers.theta, domain, checks), strict=True):
        rhs = model.rhs_weights(parameter[None])
        exact = factor.solve(columns if rhs is None else columns @ rhs.T)
        difference = exact - model.evaluate(parameter[None]).values[0]
        errors.append(float(np.linalg.norm(difference) / np.linalg.norm(exact)))
    return replace(model, measured=max(errors))


def logdet_model(
    terms: Sequence[Matrix],
    powers: Powers,
    domain: Domain,
    *,
    checks: Floats | None = None,
    error_bound: ErrorBound | None = None,
) -> LogDetModel:
    """Factorise A at the selected parameters. Raises InputError where it is singular; see `inverse_model`."""
    values = np.array([factor.log_det for factor in _factors(terms, powers.theta, domain, powers.parameters)])
    model = LogDetModel(powers, values, error_bound, 0.0)
    checks = powers.parameters[:0] if checks is None else checks
    exact = np.array([factor.log_det for factor in _factors(terms, powers.theta, domain, checks)])
    errors = np.abs(exact - model.evaluate(checks).values)
    return replace(model, measured=float(errors.max(initial=0.0)))


def _factors(terms: Sequence[Matrix], theta: Coefficients, domain: Domain, parameters: Floats) -> Iterator[LuFactor]:
    """Yield the factorisations one at a time."""
    weights = theta.weights(parameters)
    return (
        LuFactor(combine(terms, row), f"A at {domain.label(parameter)}")
        for row, parameter in zip(weights, parameters, strict=True)
    )


def certify(problem: FullProblem, norm: Norm, powers: Powers, forms: PositiveForms) -> ErrorBound:
    """Return what bounds the errors of inverses and log-determinants of positive forms.

    Parameters
    ----------
    problem: of full order.
    norm: of A at the reference of the forms, where the coordinates of the powers are zero.
    powers: weights.
    forms: of the operator.
    """
    box = term_extremes(problem, norm, np.linalg.pinv(powers.directions))
    sizes = np.array([max(abs(ends.low), abs(ends.high)) for ends in box])
    selected = powers.at(powers.parameters)
    low, high, left_out = forms.extent(powers.parameters, selected.theta)
    return ErrorBound(forms, spectral_bound(powers, sizes, low - left_out, high + left_out, problem.n_unknowns))


def _bounds(powers: Powers, given: ErrorBound, at: PowersAt) -> PowerBounds:
    """Return the bounds against A itself: of the representation, plus what that leaves out."""
    exact, high, left_out = given.forms.extent(at.parameters, at.theta)
    low = exact - left_out
    found = bounds(powers, given.spectral, at, low, high + left_out)
    usable = low > 0.0
    inverse = np.divide(left_out, exact * low, out=np.full(len(low), np.inf), where=usable)
    ratio = np.divide(left_out, exact, out=np.ones(len(low)), where=usable)
    with np.errstate(divide="ignore"):
        logdet = -given.spectral.n_unknowns * np.log1p(-np.minimum(ratio, 1.0))
    return PowerBounds(found.inverse + inverse, found.logdet + logdet)
