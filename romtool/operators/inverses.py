"""Inverse and log-determinant of A(mu) from factorisations at few parameters (METHODS 9)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.linalg.eim import Numbers
from romtool.operators.algebra import LuFactor
from romtool.operators.coefficients import Coefficients
from romtool.operators.constants import term_extremes
from romtool.operators.matrices import Matrix, combine
from romtool.operators.norms import Norm
from romtool.operators.power_bounds import PowerBounds, SpectralBound, bounds, spectral_bound
from romtool.operators.powers import Powers
from romtool.operators.problem import FullProblem
from romtool.operators.stability import PositiveForms
from romtool.types import Floats


@dataclass(frozen=True)
class ErrorBound:
    """What bounds the errors: positive forms and the spectra at the selected parameters."""

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
    certificate: of the bound, or None.
    """

    powers: Powers
    columns: Numbers
    rhs_coefficients: Coefficients | None
    of_rhs: bool
    certificate: ErrorBound | None

    def apply(self, parameters: Floats) -> Numbers:
        """Return `A⁻¹ B`, (n_parameters, n, k), or (n_parameters, n, 1) solutions, for (n_parameters, p) parameters."""
        return self._apply(self.powers, self.columns, parameters)

    def indicator(self, parameters: Floats) -> Floats:
        """Return (n,) relative changes of the answers with one parameter less."""
        full = self.apply(parameters)
        less = self._apply(self.powers.shorter(), self.columns[:-1], parameters)
        return np.asarray(np.linalg.norm(full - less, axis=(1, 2)) / np.linalg.norm(full, axis=(1, 2)))

    def bound(self, parameters: Floats) -> Floats | None:
        """Return (n,) bounds of `‖P^½ (A⁻¹ - …) P^½‖`, P = A(reference); None without positive forms."""
        return None if self.certificate is None else _bounds(self.powers, self.certificate, parameters).inverse

    def _apply(self, powers: Powers, columns: Numbers, parameters: Floats) -> Numbers:
        answers = np.tensordot(powers.weights(parameters), columns, axes=1)
        if not self.of_rhs:
            return np.asarray(answers)
        rhs = np.ones((len(parameters), 1))
        if self.rhs_coefficients is not None:
            rhs = self.rhs_coefficients.weights(parameters)
        return np.asarray(answers @ rhs[:, :, None])


@dataclass(frozen=True)
class LogDetModel:
    """`log det A(mu) ≈ Σ_m β_m log det A(mu_m)` for Hermitian positive definite A.

    Parameters
    ----------
    powers: β.
    values: (d,) float `log det A(mu_m)`.
    certificate: of the bound, or None.
    """

    powers: Powers
    values: Floats
    certificate: ErrorBound | None

    def evaluate(self, parameters: Floats) -> Floats:
        """Return (n,) log-determinants for (n, p) parameters."""
        return np.asarray(np.real(self.powers.weights(parameters) @ self.values))

    def indicator(self, parameters: Floats) -> Floats:
        """Return (n,) changes of the log-determinants with one parameter less."""
        less = np.real(self.powers.shorter().weights(parameters) @ self.values[:-1])
        return np.asarray(np.abs(self.evaluate(parameters) - less))

    def bound(self, parameters: Floats) -> Floats | None:
        """Return (n,) bounds of the error; None without positive forms."""
        return None if self.certificate is None else _bounds(self.powers, self.certificate, parameters).logdet


def inverse_model(
    terms: Sequence[Matrix],
    powers: Powers,
    names: Sequence[str],
    columns: Numbers,
    rhs_coefficients: Coefficients | None,
    *,
    of_rhs: bool,
    certificate: ErrorBound | None,
) -> InverseModel:
    """Invert A at the selected parameters, applied to columns.

    Parameters
    ----------
    terms: matrices of the separated representation.
    powers: of `select_powers`.
    names: of the selected parameters, for errors.
    columns: (n, k) B.
    rhs_coefficients, of_rhs, certificate: see `InverseModel`.

    Raises
    ------
    InputError: a singular matrix.
    """
    found = [factor.solve(columns) for factor in _factors(terms, powers, names)]
    return InverseModel(powers, np.array(found), rhs_coefficients, of_rhs, certificate)


def logdet_model(
    terms: Sequence[Matrix], powers: Powers, names: Sequence[str], certificate: ErrorBound | None
) -> LogDetModel:
    """Factorise A at the selected parameters. Raises InputError where it is singular; see `inverse_model`."""
    values = [factor.log_det for factor in _factors(terms, powers, names)]
    return LogDetModel(powers, np.array(values), certificate)


def _factors(terms: Sequence[Matrix], powers: Powers, names: Sequence[str]) -> Iterator[LuFactor]:
    """Yield the factorisations one at a time."""
    weights = powers.theta.weights(powers.parameters)
    return (LuFactor(combine(terms, row), f"A at {name}") for row, name in zip(weights, names, strict=True))


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
    low, high = _spectra(powers, forms, powers.parameters)
    return ErrorBound(forms, spectral_bound(powers, sizes, low, high, problem.n_unknowns))


def _spectra(powers: Powers, forms: PositiveForms, parameters: Floats) -> tuple[Floats, Floats]:
    """Return (n,) ends of the spectra of the separated representation, relative to the reference."""
    weights = powers.theta.weights(parameters)
    left_out = forms.remainder(parameters, weights)
    return forms.lower(parameters, weights) - left_out, forms.upper(parameters) + left_out


def _bounds(powers: Powers, certificate: ErrorBound, parameters: Floats) -> PowerBounds:
    """Return the bounds against A itself: of the representation, plus what that leaves out."""
    low, high = _spectra(powers, certificate.forms, parameters)
    found = bounds(powers, certificate.spectral, parameters, low, high)
    left_out = certificate.forms.remainder(parameters, powers.theta.weights(parameters))
    exact = certificate.forms.lower(parameters, powers.theta.weights(parameters))
    usable = low > 0.0
    inverse = np.divide(left_out, exact * low, out=np.full(len(low), np.inf), where=usable)
    ratio = np.divide(left_out, exact, out=np.ones(len(low)), where=usable)
    with np.errstate(divide="ignore"):
        logdet = -certificate.spectral.n_unknowns * np.log1p(-np.minimum(ratio, 1.0))
    return PowerBounds(found.inverse + inverse, found.logdet + logdet)
