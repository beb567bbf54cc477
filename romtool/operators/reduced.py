"""The reduced model of a parameter-dependent system: small matrices that answer for any parameter, with a bound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from romtool.linalg.eim import Numbers
from romtool.operators.coefficients import Coefficients
from romtool.operators.domain import Domain
from romtool.operators.stability import (
    InterpolatedConstant,
    MeasuredRemainder,
    PositiveForms,
    SuccessiveConstraints,
)
from romtool.types import Floats

QR_NUMBERS = 4_000_000
"""Numbers in matrices that are factorised at once."""


@dataclass(frozen=True)
class ReducedSystem:
    """Projected quantities of `Σ_m β_m A_m x = Σ_j γ_j b_j` on a basis V of N vectors, orthonormal in X.

    Residual components are coordinates in a family that is orthonormal in the dual norm: the residual of coordinates y
    is `rhs_residuals γ - Σ_m β_m matrix_residuals[m]ᵀ y`, and its dual norm the Euclidean norm of that.

    Parameters
    ----------
    coercive: Galerkin's projection and a bound; else least residuals and an indicator.
    domain: of the parameters.
    coefficients, rhs_coefficients: β and γ; the latter None for a right-hand side that does not depend on mu.
    matrices: (d, N, N) `Vᴴ A_m V`, of coercive problems.
    rhs: (N, d_b) `Vᴴ b_j`, of coercive problems.
    matrix_residuals: (d, N, r) coordinates of `A_m V`.
    rhs_residuals: (r, d_b) coordinates of `b_j`.
    constant: of stability.
    remainder, rhs_remainder: of the two representations; None where there is none.
    outputs: (n_outputs, N) `L V`.
    round_off: part of the norm of the solution that round-off in matrices and direct solutions may take.
    history: (N + 1,) largest relative bound on the training with 0 … N vectors.
    snapshots: (N, p) parameters of the vectors.
    statistics: counts and seconds of the training.
    """

    coercive: bool
    domain: Domain
    coefficients: Coefficients
    rhs_coefficients: Coefficients | None
    matrices: Numbers
    rhs: Numbers
    matrix_residuals: Numbers
    rhs_residuals: Numbers
    constant: SuccessiveConstraints | PositiveForms | InterpolatedConstant
    remainder: PositiveForms | MeasuredRemainder
    rhs_remainder: MeasuredRemainder | None
    outputs: Numbers
    round_off: float
    history: Floats
    snapshots: Floats
    statistics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answers:
    """Solutions of a reduced system.

    Parameters
    ----------
    parameters: (n, p) float.
    coordinates: (n, N) in the basis.
    outputs: (n, n_outputs).
    norm: (n,) float norm of the solution.
    residual: (n,) float dual norm of the residual of the separated representation.
    constant: (n,) float stability constant.
    bound: (n,) float bound, or indicator, of the norm of the error; infinite where the constant is not positive.
    """

    parameters: Floats
    coordinates: Numbers
    outputs: Numbers
    norm: Floats
    residual: Floats
    constant: Floats
    bound: Floats

    @property
    def relative_bound(self) -> Floats:
        """Return (n,) bounds relative to the norm of the solution."""
        return np.asarray(self.bound / np.where(self.norm > 0.0, self.norm, 1.0))


@dataclass(frozen=True)
class Certificate:
    """What a bound needs besides the residual, for n parameters.

    Parameters
    ----------
    constant: (n,) stability constant.
    available: (n,) the part of it that the bound divides by.
    left_out, rhs_left_out: (n,) norms of what the representations of matrix and right-hand side leave out.
    """

    constant: Floats
    available: Floats
    left_out: Floats
    rhs_left_out: Floats

    def at(self, rows: Sequence[int]) -> "Certificate":
        """Return that of some of the parameters."""
        chosen = list(rows)
        return Certificate(
            self.constant[chosen], self.available[chosen], self.left_out[chosen], self.rhs_left_out[chosen]
        )


def certificate(system: ReducedSystem, parameters: Floats, weights: Numbers, rhs: Numbers) -> Certificate:
    """Return what the bound needs for (n, p) parameters with their (n, d) β and (n, d_b) γ."""
    if isinstance(system.constant, PositiveForms) and isinstance(system.remainder, PositiveForms):
        constant, _, left_out = system.constant.extent(parameters, weights)
    else:
        constant = system.constant.lower(parameters, weights)
        left_out = system.remainder.remainder(parameters, weights)
    available = constant - left_out if system.constant.of_representation else constant
    rhs_left_out = np.zeros(len(parameters))
    if system.rhs_remainder is not None:
        rhs_left_out = system.rhs_remainder.remainder(parameters, rhs)
    return Certificate(constant, available, left_out, rhs_left_out)


def all_weights(system: ReducedSystem, parameters: Floats) -> tuple[Numbers, Numbers]:
    """Return the (n, d) β and (n, d_b) γ of (n, p) parameters. Raises InputError for parameters outside the range."""
    system.domain.check(parameters)
    rhs = np.ones((len(parameters), 1))
    if system.rhs_coefficients is not None:
        rhs = system.rhs_coefficients.weights(parameters)
    return system.coefficients.weights(parameters), rhs


def solve(system: ReducedSystem, parameters: Floats) -> Answers:
    """Answer for (n, p) parameters.

    The bound is `(‖r‖ + ε_A ‖x‖ + ε_b) / (α - ε_A)`: r the residual of the representation, ε_A and ε_b the norms of
    what the representations leave out, α the constant of the representation; `/ α` where α is that of A(mu) itself.
    What round-off has been measured to do to solutions is added.

    Raises
    ------
    InputError: parameters outside the range.
    """
    weights, rhs = all_weights(system, parameters)
    return answer(system, parameters, weights, rhs, certificate(system, parameters, weights, rhs))


def answer(system: ReducedSystem, parameters: Floats, weights: Numbers, rhs: Numbers, given: Certificate) -> Answers:
    """Answer for (n, p) parameters with their (n, d) β, (n, d_b) γ and certificate."""
    coordinates = (_galerkin if system.coercive else _least_residuals)(system, weights, rhs)
    residual = np.linalg.norm(residuals(system, weights, rhs, coordinates), axis=1)
    norm = np.linalg.norm(coordinates, axis=1)
    total = residual + given.left_out * norm + given.rhs_left_out
    usable = given.available > 0.0
    bound = np.divide(total, given.available, out=np.full(len(total), np.inf), where=usable)
    outputs = coordinates @ system.outputs.T
    bound += system.round_off * norm
    return Answers(parameters, coordinates, outputs, norm, residual, given.constant, bound)


def residuals(system: ReducedSystem, weights: Numbers, rhs: Numbers, coordinates: Numbers) -> Numbers:
    """Return the (n, r) residuals of (n, N) coordinates in the orthonormal family."""
    n_terms, n_modes, rank = system.matrix_residuals.shape
    expanded = (weights[:, :, None] * coordinates[:, None, :]).reshape(len(weights), n_terms * n_modes)
    flat = system.matrix_residuals.reshape(n_terms * n_modes, rank)
    return np.asarray(rhs @ system.rhs_residuals.T - expanded @ flat)


def _galerkin(system: ReducedSystem, weights: Numbers, rhs: Numbers) -> Numbers:
    matrices = np.tensordot(weights, system.matrices, axes=1)
    return np.asarray(np.linalg.solve(matrices, (rhs @ system.rhs.T)[:, :, None])[:, :, 0])


def _least_residuals(system: ReducedSystem, weights: Numbers, rhs: Numbers) -> Numbers:
    """Minimise the dual norm of the residual, by QR: stable for indefinite and non-Hermitian matrices."""
    n_terms, n_modes, rank = system.matrix_residuals.shape
    flat, targets = system.matrix_residuals.reshape(n_terms, n_modes * rank), rhs @ system.rhs_residuals.T
    together = max(1, QR_NUMBERS // (n_modes * rank))
    solutions = []
    for start in range(0, len(weights), together):
        images = (weights[start : start + together] @ flat).reshape(-1, n_modes, rank)
        basis, upper = np.linalg.qr(images.swapaxes(1, 2))
        projected = basis.conj().swapaxes(1, 2) @ targets[start : start + together, :, None]
        solutions.append(np.linalg.solve(upper, projected)[:, :, 0])
    return np.concatenate(solutions)
