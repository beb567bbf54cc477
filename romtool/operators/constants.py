"""Offline: stability constants and sizes of remainders, from the exported matrices."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from romtool.errors import AccuracyError, InputError
from romtool.linalg.eim import Numbers, interpolate
from romtool.operators.algebra import Factor
from romtool.operators.coefficients import Coefficients
from romtool.operators.eigen import Extremes, coercivity, extremes, inf_sup
from romtool.operators.norms import Norm
from romtool.operators.problem import FullProblem
from romtool.operators.stability import (
    InterpolatedConstant,
    MeasuredRemainder,
    PositiveForms,
    SuccessiveConstraints,
)
from romtool.types import Floats

BOX_TOLERANCE = 0.02
GAP = 0.7
"""Successive constraints end where the lower bound is above (1 - GAP) times the upper one on the training."""
MAX_CONSTRAINTS = 60
CLAIM_SLACK = 1e-6
SAFETY = 2.0
"""On measured factors of remainders."""
N_MEASURED = 3
KRYLOV_NUMBERS = 100_000
"""Operators whose extremes are computed together, times unknowns."""


def term_extremes(problem: FullProblem, norm: Norm, combinations: Numbers) -> list[Extremes]:
    """Return the extreme ratios `vᴴ B v / vᴴ X v` of combinations B of the terms.

    Parameters
    ----------
    problem, norm: of full order.
    combinations: (d, n) a combination per column.
    """
    count = combinations.shape[1]
    together = int(np.clip(KRYLOV_NUMBERS // problem.n_unknowns, 1, count))
    found: list[Extremes] = []
    for start in range(0, count, together):
        columns = range(start, min(start + together, count))
        matrices = [problem.algebra.combine(problem.terms, combinations[:, column]) for column in columns]

        def apply(vectors: Numbers, operators: Sequence[int], matrices: Sequence[Any] = matrices) -> Numbers:
            pairs = zip(operators, vectors.T, strict=True)
            return norm.riesz(np.hstack([problem.algebra.multiply(matrices[i], v[:, None]) for i, v in pairs]))

        starts = np.hstack([problem.random(column) for column in columns])
        found += extremes(apply, norm, starts, tolerance=BOX_TOLERANCE)
    return found


def successive_constraints(problem: FullProblem, norm: Norm, training: Floats) -> SuccessiveConstraints:
    """Choose parameters at which the coercivity constant is computed, until the bounds are close on the training.

    Parameters
    ----------
    problem, norm: of full order.
    training: (n, p) float.

    Raises
    ------
    AccuracyError: bounds that stay apart. InputError: complex functions, or a matrix that is not positive definite.
    """
    weights = problem.weights(training)
    if np.iscomplexobj(weights):
        raise InputError('the functions of a coercive problem are complex; expected real ones, or problem = "general"')
    triangular = problem.coefficients.interpolation.triangular
    inverse = solve_triangular(triangular, np.eye(len(triangular)))
    box = term_extremes(problem, norm, inverse)
    low, high = np.array([ends.low for ends in box]), np.array([ends.high for ends in box])
    found = SuccessiveConstraints(triangular, low, high, weights[:0], low[:0], weights[:0])
    lower, worst = np.full(len(training), -np.inf), len(training) // 2
    for _ in range(MAX_CONSTRAINTS):
        found = _with_constraint(problem, norm, found, training[worst], weights[worst], inverse)
        upper = found.upper(weights)
        apart = np.flatnonzero(lower < (1.0 - GAP) * upper)
        lower[apart] = found.lower(training[apart], weights[apart])
        gaps = 1.0 - lower / upper
        worst, gap = problem.algebra.agreed((int(np.argmax(gaps)), float(gaps.max())))
        if gap <= GAP:
            return found
    raise AccuracyError(
        f"the bounds of the coercivity constant are {gap:.0%} apart at {problem.domain.label(training[worst])} after "
        f'{MAX_CONSTRAINTS} constraints; narrow the range, or set constant = "interpolation", or "ratio"'
    )


def _with_constraint(
    problem: FullProblem,
    norm: Norm,
    found: SuccessiveConstraints,
    parameter: Floats,
    weights: Floats,
    inverse: Floats,
) -> SuccessiveConstraints:
    """Add the exact constant at one parameter."""
    matrix, factor = problem.factorise(parameter)
    constant, vector = coercivity(factor, norm, problem.random(0))
    _check_positive(problem, parameter, ratio(problem, matrix, norm, vector))
    ratios = np.array([ratio(problem, term, norm, vector) for term in problem.terms]) @ inverse
    return replace(
        found,
        weights=np.vstack((found.weights, weights)),
        constants=np.append(found.constants, constant),
        ratios=np.vstack((found.ratios, ratios)),
    )


def ratio(problem: FullProblem, matrix: Any, norm: Norm, vector: Numbers) -> float:
    """Return `vᴴ A v / vᴴ X v` of a (n_rows, 1) vector."""
    inner, multiply = problem.algebra.inner, problem.algebra.multiply
    upper, lower = inner(vector, multiply(matrix, vector)), inner(vector, norm.multiply(vector))
    return float(np.real(upper[0, 0]) / np.real(lower[0, 0]))


def _check_positive(problem: FullProblem, parameter: Floats, value: float) -> None:
    """Raise InputError where a ratio of A is not positive."""
    if not value > 0.0:
        raise InputError(
            f"A at {problem.domain.label(parameter)} is not positive definite (ratio {value:.3g}); expected that of a "
            'coercive problem: export it again, or set problem = "general"'
        )


def positive_forms(problem: FullProblem, norm: Norm, reference: int) -> PositiveForms:
    """Return the constants of positive forms, after a check of that claim against the exported matrices.

    Parameters
    ----------
    problem: of full order.
    norm: of A at the reference.
    reference: number of that term.

    Raises
    ------
    InputError: functions that are not positive at the reference, or matrices that are not such a sum of forms.
    """
    values = problem.coefficients.values
    names = [problem.domain.label(parameter) for parameter in problem.coefficients.parameters]
    if np.iscomplexobj(values) or (values[:, reference] < 0.0).any():
        raise InputError('forms = "positive" with functions that are complex or negative; expected positive values')
    rows = np.flatnonzero(values.any(axis=1))
    if not values[rows, reference].all():
        raise InputError(
            f"a function is zero at {names[reference]} and not elsewhere; give another reference, where all functions "
            "are positive"
        )
    ratios = values[rows] / values[rows, reference][:, None]
    box = term_extremes(problem, norm, np.eye(len(problem.terms)))
    for m, (matrix, ends) in enumerate(zip(problem.terms, box, strict=True)):
        lowest, highest = (ratio(problem, matrix, norm, v) for v in (ends.low_vector, ends.high_vector))
        _check_positive(problem, problem.coefficients.parameters[m], lowest)
        least, most = ratios[:, m].min() * (1.0 - CLAIM_SLACK), ratios[:, m].max() * (1.0 + CLAIM_SLACK)
        if lowest < least or highest > most:
            raise InputError(
                f"A at {names[m]} has ratios {lowest:.4g} to {highest:.4g} to the reference, its functions "
                f"{least:.4g} to {most:.4g}: it is no sum of positive forms times these "
                'functions; correct the functions or points, or set forms = "any"'
            )
    return PositiveForms(problem.coefficients, rows, values[rows, reference])


def interpolated_constant(problem: FullProblem, norm: Norm, *, coercive: bool) -> InterpolatedConstant:
    """Compute the constant at the parameters of all exported matrices. Raises InputError where one is singular."""
    known = InterpolatedConstant(problem.domain, problem.coefficients.parameters[:0], np.zeros(0))
    for parameter, matrix in zip(problem.coefficients.parameters, problem.terms, strict=True):
        factor = problem.algebra.factorise(matrix, f"A at {problem.domain.label(parameter)}")
        known = with_constant(problem, norm, known, parameter, factor, coercive=coercive)
    return known


def with_constant(
    problem: FullProblem,
    norm: Norm,
    known: InterpolatedConstant,
    parameter: Floats,
    factor: Factor,
    *,
    coercive: bool,
) -> InterpolatedConstant:
    """Return an interpolated constant that is also known at a (p,) parameter, from the factorised matrix there."""
    start = problem.random(0)
    constant = coercivity(factor, norm, start)[0] if coercive else inf_sup(factor, norm, start)
    if not constant > 0.0:
        raise InputError(
            f"A at {problem.domain.label(parameter)} has the stability constant {constant:.3g}; expected a positive one"
        )
    if (known.parameters == parameter).all(axis=1).any():
        return known
    parameters = np.vstack((known.parameters, parameter))
    return InterpolatedConstant(known.domain, parameters, np.append(known.constants, constant))


def measured_remainder(problem: FullProblem, norm: Norm) -> MeasuredRemainder:
    """Measure the norm of the remainder with shorter representations, at the exported parameter that follows."""
    counts = np.unique(np.linspace(1, len(problem.terms) - 1, N_MEASURED).astype(int)) if len(problem.terms) > 1 else []
    factors = [0.0]
    for count in counts:
        weights, error = _shorter(problem.coefficients, int(count))
        if error > 0.0:
            signed = np.append(-weights, 1.0)
            matrix = problem.algebra.combine([problem.terms[m] for m in range(count + 1)], signed)
            factors.append(operator_norm(problem, norm, matrix) / error)
    return MeasuredRemainder(problem.coefficients, SAFETY * max(factors))


def operator_norm(problem: FullProblem, norm: Norm, matrix: Any, tolerance: float = 0.02) -> float:
    """Return the largest `‖A v‖ / ‖v‖`, residuals in the dual norm, from above to the tolerance."""
    multiply, adjoint = problem.algebra.multiply, problem.algebra.multiply_adjoint

    def apply(vector: Numbers, _: Sequence[int]) -> Numbers:
        return norm.riesz(adjoint(matrix, norm.riesz(multiply(matrix, vector))))

    return float(extremes(apply, norm, problem.random(0), ends="high", tolerance=tolerance)[0].high ** 0.5)


def measured_rhs_remainder(problem: FullProblem, norm: Norm) -> MeasuredRemainder | None:
    """Measure the dual norm of what shorter representations of the right-hand side leave out."""
    coefficients = problem.rhs_coefficients
    if coefficients is None:
        return None
    factors = [0.0]
    for count in range(1, problem.rhs_terms.shape[1]):
        weights, error = _shorter(coefficients, count)
        if error > 0.0:
            left_out: Numbers = problem.rhs_terms[:, count] - problem.rhs_terms[:, :count] @ weights
            factors.append(float(norm.dual_length(left_out[:, None])[0]) / error)
    return MeasuredRemainder(coefficients, SAFETY * max(factors))


def _shorter(coefficients: Coefficients, count: int) -> tuple[Numbers, float]:
    """Return the weights of the first `count` samples for the next one, and the error of the functions there."""
    known, wanted = coefficients.values[:, :count], coefficients.values[:, count]
    found = interpolate(known, tolerance=0.0, max_terms=count)
    weights = np.zeros(count, dtype=known.dtype)
    weights[found.samples] = found.weights(wanted[found.points])
    return weights, float(np.abs(wanted - known @ weights).max())
