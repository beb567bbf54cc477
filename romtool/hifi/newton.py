"""Newton's method with consistent tangent and line search for one increment.

The unknowns are the free displacements; prescribed ones are brought to their new values by the first
iteration, linearised, so that no strain concentrates beside them. The linear systems are solved only as
accurately as the iteration deserves (Eisenstat & Walker, SIAM J. Sci. Comput. 1996); the test of convergence
knows nothing of that. Fields are those of this rank's nodes and points; norms are over all ranks.
"""

from dataclasses import dataclass

import numpy as np

from romtool.errors import ConvergenceError
from romtool.fem.operators import (
    absolute_internal_force,
    absolute_stiffness_times,
    internal_force,
    stiffness_times,
    strain,
)
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
_CLOSED = 1e-13
_LOOSEST = 0.1
_SAFETY = 0.3


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
    prescribed: (n_nodes, 3) float [length], g at the end.
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
    residual: (n_nodes, 3) float [force], external minus internal, of all nodes.
    norm: of what it is on the unknowns. reference: `max(‖F_ext‖, ‖reactions‖, s_t)`. scale: running `s_t`.
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
    """Return residual (n_nodes, 3), norm of Cᵀ times it, reference and running scale [force].

    Parameters
    ----------
    problem: the problem.
    stress: (n_points, 6) float [stress].
    force: (n_nodes, 3) float, applied [force].
    scale: running maximum of `s_t` before.
    """
    add, elimination = problem.sharing.add, problem.elimination
    residual = force - add(internal_force(problem.operators, stress))
    acting = add(absolute_internal_force(problem.operators, stress))
    (norm,) = elimination.sharing.norms((elimination.reduce(residual),))
    reactions, applied, found = problem.sharing.norms((np.where(elimination.held, residual, 0.0), force, acting))
    scale = max(scale, found)
    return residual, norm, max(applied, reactions, scale), scale


def respond(problem: HifiProblem, increment: Increment, displacement: Floats) -> Response | str:
    """Return the response to a displacement at the end of the increment, or why there is none.

    Parameters
    ----------
    problem: the problem. increment: what is given.
    displacement: (n_nodes, 3) float [length].

    Returns
    -------
    Response; or the reason, the same on all ranks: a law that failed, a residual that is not finite.
    """
    n_points = problem.operators.n_points
    state, stress = np.empty_like(increment.state), np.empty((n_points, 6))
    tangent = np.empty((n_points, 6, 6))
    failed = evaluate(
        problem.tables,
        problem.sites,
        increment.temperature,
        increment.t_n,
        increment.t_n1,
        increment.viscous,
        strain(problem.operators, displacement) + problem.initial.strain,
        increment.state,
        state,
        stress,
        tangent,
    )
    reason = problem.sharing.first(_where(problem, int(failed) - 1) if failed else None)
    if reason is not None:
        return reason
    forces = balance(problem, stress, increment.force, increment.scale)
    response = Response(displacement, stress, state, tangent, *forces)
    return response if np.isfinite(response.norm) else "the residual is not a finite number"


def _where(problem: HifiProblem, point: int) -> str:
    """Say where a law failed."""
    operators = problem.operators
    return f"the law failed at element {operators.element_ids[point]}, point {operators.local_points[point]}"


def _start(problem: HifiProblem, increment: Increment, guesses: tuple[Floats, ...]) -> Response:
    """Return the response of the guess with the smallest residual."""
    best: Response | str = ""
    for guess in guesses:
        best = _better(best, respond(problem, increment, guess))
    if isinstance(best, str):
        raise StepError(best, ())
    return best


def _better(first: Response | str, second: Response | str) -> Response | str:
    """Return the response with the smaller residual; the first reason where there is none."""
    if isinstance(second, str):
        return first or second
    return second if isinstance(first, str) or second.norm < first.norm else first


def _direction(
    problem: HifiProblem, solver: LinearSolver, response: Response, gap: Floats | None, accuracy: float
) -> Floats:
    """Return the (n_nodes, 3) Newton correction that also closes the `gap` of prescribed displacements."""
    solver.assemble(response.tangent)
    if gap is None:
        return solver.solve(response.residual, accuracy)
    pulled = problem.sharing.add(stiffness_times(problem.operators, response.tangent, gap))
    return gap + solver.solve(response.residual - pulled, accuracy)


def _search(
    problem: HifiProblem, increment: Increment, start: Response, direction: Floats, whole: bool
) -> Response | str:
    """Halve the correction until the residual decreases; with `whole`, take all of it.

    Returns
    -------
    The first response with sufficient decrease, else the best one tried, else why there is none.
    """
    best: Response | str = ""
    factor = 1.0
    for _ in range(1 if whole else 1 + _MAX_HALVINGS):
        trial = respond(problem, increment, start.displacement + factor * direction)
        if isinstance(trial, Response) and (whole or trial.norm <= (1.0 - _SUFFICIENT_DECREASE * factor) * start.norm):
            return trial
        best = _better(best, trial)
        factor *= 0.5
    return best


def _only_round_off(problem: HifiProblem, start: Response, end: Response) -> bool:
    """Tell whether a correction changed nothing and left a residual of the round-off of K u.

    Where total and thermal strain cancel (free expansion), or supports move a body rigidly, no force is at
    work that the residual could be small against.
    """
    sharing = problem.sharing
    size, change = sharing.norms((end.displacement, end.displacement - start.displacement))
    if change > _SMALL_CORRECTION * size:
        return False
    products = absolute_stiffness_times(problem.operators, start.tangent, end.displacement)
    return end.norm <= _ROUND_OFF * sharing.norms((sharing.add(products),))[0]


def _accuracy(history: list[float], tolerance: float, whole: bool) -> float:
    """Return how accurately the next linear system is to be solved (Eisenstat & Walker 1996, choice 2).

    Not more than the test of convergence needs, and never looser than `_LOOSEST`.
    """
    if whole or len(history) < 2 or not history[-2] > 0.0:
        return _LOOSEST
    enough = _SAFETY * tolerance / max(history[-1], tolerance)
    return min(_LOOSEST, max(0.9 * (history[-1] / history[-2]) ** 2, enough))


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
    response, tolerance = _start(problem, increment, guesses), problem.options.tolerance
    gap = _gap(problem, increment, response)
    history = [response.relative]
    settled = False
    while gap is not None or not (settled or response.relative <= tolerance):
        if len(history) > problem.options.max_iterations:
            raise StepError(f"the residual stays above {tolerance:g}", tuple(history))
        try:
            direction = _direction(problem, solver, response, gap, _accuracy(history, tolerance, gap is not None))
        except ConvergenceError as error:
            raise StepError(str(error), tuple(history)) from error
        found = _search(problem, increment, response, direction, whole=gap is not None)
        if isinstance(found, str):
            raise StepError(found, tuple(history))
        settled = _only_round_off(problem, response, found)
        response, gap = found, None
        history.append(response.relative)
    return response, tuple(history)


def _gap(problem: HifiProblem, increment: Increment, start: Response) -> Floats | None:
    """Return the (n_nodes, 3) change that is left to satisfy supports and constraints, or None where there is none."""
    gap = problem.elimination.gap(start.displacement, increment.prescribed)
    left, size = problem.sharing.norms((gap, start.displacement))
    return gap if left > _CLOSED * size else None
