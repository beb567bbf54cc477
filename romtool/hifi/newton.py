"""Newton's method with consistent tangent and line search for one increment.

The unknowns are the free displacements; prescribed ones are brought to their new values by the first
iteration, linearised, so that no strain concentrates beside them.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from romtool.errors import ConvergenceError
from romtool.fem.assembly import assemble_tangent, free_part
from romtool.fem.operators import internal_force, internal_force_scale, strain
from romtool.hifi.problem import (
    HifiProblem,
    external_force,
    is_viscous,
    point_temperature,
    prescribed_displacement,
)
from romtool.laws import evaluate
from romtool.protocols import LinearSolver
from romtool.types import Floats

_MAX_HALVINGS = 4
_SUFFICIENT_DECREASE = 1e-4
_SMALL_CORRECTION = 1e-9
_ROUND_OFF = 1e-15


class StepError(ConvergenceError):
    """An increment that did not converge; it may be cut."""

    def __init__(self, reason: str, residuals: tuple[float, ...]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.residuals = residuals


@dataclass(frozen=True)
class Increment:
    """What is given in one increment.

    Parameters
    ----------
    t_n, t_n1: start and end [time].
    state: (n_points, n_state) float, internal variables at the start.
    force: (n_nodes, 3) float [force], applied at the end.
    prescribed: (n_nodes, 3) float [length], at the end; 0 where free.
    temperature: (n_points,) float, at the end.
    viscous: whether viscous flow and creep act.
    scale: float [force], running maximum of `s_t` up to the start.
    """

    t_n: float
    t_n1: float
    state: Floats
    force: Floats
    prescribed: Floats
    temperature: Floats
    viscous: bool
    scale: float


@dataclass(frozen=True)
class Response:
    """Stress, internal variables, tangent and balance for one displacement.

    Parameters
    ----------
    displacement: (n_nodes, 3) float [length].
    stress: (n_points, 6) float. state: (n_points, n_state) float. tangent: (n_points, 6, 6) float.
    residual: (n_nodes, 3) float [force], external minus internal; prescribed degrees of freedom included.
    norm: of its free part. reference: `max(‖F_ext‖, ‖reactions‖, s_t)`. scale: running `s_t`.
    """

    displacement: Floats
    stress: Floats
    state: Floats
    tangent: Floats
    residual: Floats
    norm: float
    reference: float
    scale: float

    @property
    def relative(self) -> float:
        """Return the residual relative to the forces at work; 0 where there are none."""
        return self.norm / self.reference if self.reference > 0.0 else 0.0


def build_increment(problem: HifiProblem, state: Floats, t_n: float, t_n1: float, scale: float) -> Increment:
    """Return what is given in the increment from t_n to t_n1.

    Parameters
    ----------
    problem: the problem.
    state: (n_points, n_state) float, internal variables at t_n.
    t_n, t_n1: [time].
    scale: running maximum of `s_t` [force].
    """
    return Increment(
        t_n=t_n,
        t_n1=t_n1,
        state=state,
        force=external_force(problem, t_n1),
        prescribed=prescribed_displacement(problem, t_n1),
        temperature=point_temperature(problem, t_n1),
        viscous=is_viscous(problem.loading, t_n, t_n1),
        scale=scale,
    )


def balance(problem: HifiProblem, stress: Floats, force: Floats, scale: float) -> tuple[Floats, float, float, float]:
    """Return residual (n_nodes, 3), norm of its free part, reference and running scale [force].

    Parameters
    ----------
    problem: the problem.
    stress: (n_points, 6) float [stress].
    force: (n_nodes, 3) float, applied [force].
    scale: running maximum of `s_t` before.
    """
    residual = force - internal_force(problem.operators, stress)
    flat = residual.ravel()
    norm, reactions = np.linalg.norm(flat[~problem.fixed]), np.linalg.norm(flat[problem.fixed])
    scale = max(scale, internal_force_scale(problem.operators, stress))
    return residual, float(norm), max(float(np.linalg.norm(force)), float(reactions), scale), scale


def respond(problem: HifiProblem, increment: Increment, displacement: Floats) -> Response | int:
    """Return the response to a displacement at the end of the increment, or why there is none.

    Parameters
    ----------
    problem: the problem. increment: what is given.
    displacement: (n_nodes, 3) float [length].

    Returns
    -------
    Response; or 1 + the point where a law failed, or 0 where the residual is not finite.
    """
    n_points = problem.operators.n_points
    state, stress = np.empty_like(increment.state), np.empty((n_points, 6))
    tangent = np.empty((n_points, 6, 6))
    failed = evaluate(
        problem.tables,
        problem.materials,
        increment.temperature,
        problem.offset,
        increment.t_n,
        increment.t_n1,
        increment.viscous,
        strain(problem.operators, displacement),
        increment.state,
        state,
        stress,
        tangent,
    )
    if failed:
        return int(failed)
    forces = balance(problem, stress, increment.force, increment.scale)
    response = Response(displacement, stress, state, tangent, *forces)
    return response if np.isfinite(response.norm) else 0


def _start(problem: HifiProblem, increment: Increment, guesses: tuple[Floats, ...]) -> Response:
    """Return the response of the guess with the smallest residual."""
    responses = [respond(problem, increment, guess) for guess in guesses]
    sound = [response for response in responses if isinstance(response, Response)]
    if not sound:
        raise _failure(problem, next(r for r in responses if isinstance(r, int)), ())
    return min(sound, key=lambda response: response.norm)


def _failure(problem: HifiProblem, failed: int, history: tuple[float, ...]) -> StepError:
    """Say what `respond` could not do: `failed` is its answer."""
    if failed == 0:
        return StepError("the residual is not a finite number", history)
    operators, point = problem.operators, failed - 1
    return StepError(
        f"the law failed at element {operators.element_ids[point]}, point {operators.local_points[point]}", history
    )


def _direction(
    problem: HifiProblem, solver: LinearSolver, matrix: sparse.csr_matrix, response: Response, gap: Floats
) -> Floats:
    """Return the (n_nodes, 3) Newton correction that also closes the `gap` of prescribed displacements."""
    free = problem.pattern.free
    right = response.residual.ravel() - matrix @ gap.ravel()
    solver.factorise(free_part(problem.pattern, matrix))
    correction = gap.ravel().copy()
    correction[free] = solver.solve(right[free])
    return correction.reshape(-1, 3)


def _search(
    problem: HifiProblem, increment: Increment, start: Response, direction: Floats, whole: bool
) -> Response | int:
    """Halve the correction until the residual decreases; with `whole`, take all of it.

    Returns
    -------
    The first response with sufficient decrease, else the best one tried, else why there is none.
    """
    best: Response | int = 0
    factor = 1.0
    for _ in range(1 if whole else 1 + _MAX_HALVINGS):
        trial = respond(problem, increment, start.displacement + factor * direction)
        if isinstance(trial, int):
            best = trial if isinstance(best, int) else best
        elif whole or trial.norm <= (1.0 - _SUFFICIENT_DECREASE * factor) * start.norm:
            return trial
        elif isinstance(best, int) or trial.norm < best.norm:
            best = trial
        factor *= 0.5
    return best


def _only_round_off(matrix: sparse.csr_matrix, start: Response, end: Response) -> bool:
    """Tell whether a correction changed nothing and left a residual of the round-off of K u.

    Where total and thermal strain cancel (free expansion), or supports move a body rigidly, no force is at
    work that the residual could be small against.
    """
    size = np.linalg.norm(end.displacement)
    if np.linalg.norm(end.displacement - start.displacement) > _SMALL_CORRECTION * size:
        return False
    scale = np.linalg.norm(abs(matrix) @ np.abs(end.displacement.ravel()))
    return bool(end.norm <= _ROUND_OFF * scale)


def newton(
    problem: HifiProblem, solver: LinearSolver, increment: Increment, guesses: tuple[Floats, ...]
) -> tuple[Response, tuple[float, ...]]:
    """Solve one increment.

    Parameters
    ----------
    problem: the problem.
    solver: of the linear systems.
    increment: what is given.
    guesses: (n_nodes, 3) displacements to start from; the one with the smallest residual is taken.

    Returns
    -------
    The converged response, and the relative residual of every iteration.

    Raises
    ------
    StepError: no convergence, or a law that failed.
    """
    response = _start(problem, increment, guesses)
    gap = np.where(problem.fixed.reshape(-1, 3), increment.prescribed - response.displacement, 0.0)
    history = [response.relative]
    settled = False
    while gap.any() or not (settled or response.relative <= problem.options.tolerance):
        if len(history) > problem.options.max_iterations:
            raise StepError(f"the residual stays above {problem.options.tolerance:g}", tuple(history))
        matrix = assemble_tangent(problem.pattern, response.tangent)
        try:
            direction = _direction(problem, solver, matrix, response, gap)
        except ConvergenceError as error:
            raise StepError(str(error), tuple(history)) from error
        found = _search(problem, increment, response, direction, whole=bool(gap.any()))
        if isinstance(found, int):
            raise _failure(problem, found, tuple(history))
        settled = _only_round_off(matrix, response, found)
        response, gap = found, np.zeros_like(gap)
        history.append(response.relative)
    return response, tuple(history)
