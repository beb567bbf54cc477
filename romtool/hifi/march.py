"""The built-in high-fidelity solver: increments in time, cut where Newton's method does not converge."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import CaseError, ConvergenceError
from romtool.fem.operators import internal_force, stiffness_times, strain
from romtool.hifi.linear import opened
from romtool.hifi.newton import StepError, balance, build_increment, newton, respond
from romtool.hifi.problem import HifiProblem, external_force, point_temperature, prescribed_displacement
from romtool.hifi.supports import build_support
from romtool.laws import elastic_tangent, free_strain
from romtool.loading import Dirichlet
from romtool.protocols import LinearSolver
from romtool.types import Floats

_LIFTING_ACCURACY = 1e-12


@dataclass(frozen=True)
class HifiState:
    """The complete state at one time.

    Parameters
    ----------
    time: [time].
    displacement: (n_nodes, 3) float [length].
    stress: (n_points, 6) float [stress].
    state: (n_points, n_state) float, internal variables, columns of `romtool.laws.state_fields`.
    scale: [force], running maximum of the assembled absolute internal forces (theory, eq. (2.3)).
    rate: (n_nodes, 3) float [length/time] of the last increment, to extrapolate from; None for none.
    """

    time: float
    displacement: Floats
    stress: Floats
    state: Floats
    scale: float = 0.0
    rate: Floats | None = None


@dataclass(frozen=True)
class StepStatistics:
    """How one increment went.

    Parameters
    ----------
    time: at its end [time].
    iterations: Newton corrections, of all parts.
    cuts: how often it was halved.
    residuals: relative residuals of the last part's iterations, the converged one last.
    """

    time: float
    iterations: int = 0
    cuts: int = 0
    residuals: tuple[float, ...] = ()


OnStep = Callable[[HifiState, StepStatistics], None]


def initial_state(problem: HifiProblem) -> HifiState:
    """Return the state at the first time: no displacement; stress and material as given, else none and virgin."""
    return HifiState(
        time=float(problem.loading.times[0]),
        displacement=np.zeros((problem.operators.n_nodes, 3)),
        stress=problem.initial.stress,
        state=problem.initial.state,
    )


def _guesses(problem: HifiProblem, state: HifiState, t_n1: float) -> tuple[Floats, ...]:
    """Return the displacements to start an increment from."""
    if state.rate is None:
        return (state.displacement,)
    extrapolated = state.displacement + (t_n1 - state.time) * state.rate
    change = prescribed_displacement(problem, t_n1) - prescribed_displacement(problem, state.time)
    moved = problem.sharing.norms((change,))[0] > 0.0
    return (extrapolated,) if moved else (state.displacement, extrapolated)


def _part(
    problem: HifiProblem, solver: LinearSolver, state: HifiState, t_n1: float
) -> tuple[HifiState, tuple[float, ...]]:
    """Solve one increment without cuts."""
    increment = build_increment(problem, state.state, state.time, t_n1, state.scale)
    response, history = newton(problem, solver, increment, _guesses(problem, state, t_n1))
    rate = (response.displacement - state.displacement) / (t_n1 - state.time)
    end = HifiState(t_n1, response.displacement, response.stress, response.state, response.scale, rate)
    return end, history


def advance(
    problem: HifiProblem, state: HifiState, t_n: float, t_n1: float, solver: LinearSolver | None = None
) -> tuple[HifiState, StepStatistics]:
    """Advance a complete state by one increment; halve it where Newton's method fails.

    Parameters
    ----------
    problem: the problem.
    state: complete, at t_n.
    t_n, t_n1: start and end [time].
    solver: of the linear systems; a new `linear_solver(problem)` where None.

    Returns
    -------
    The state at t_n1, and how it went.

    Raises
    ------
    ConvergenceError: no convergence after all cuts; with time, residuals and what to try.
    CaseError: t_n1 is not after t_n.
    """
    if not t_n1 > t_n:
        raise CaseError(f"an increment from {t_n:g} to {t_n1:g} does not go forward; times must increase")
    with opened(problem, solver) as linear:
        return _advance(problem, linear, replace(state, time=t_n), t_n1)


def _advance(
    problem: HifiProblem, solver: LinearSolver, state: HifiState, t_n1: float
) -> tuple[HifiState, StepStatistics]:
    """See `advance`."""
    ends, iterations, cuts = [(t_n1, 0)], 0, 0
    history: tuple[float, ...] = ()
    while ends:
        end, depth = ends[-1]
        try:
            state, history = _part(problem, solver, state, end)
        except StepError as failure:
            if depth >= problem.options.max_cuts:
                raise ConvergenceError(_failure(state.time, end, depth, failure)) from failure
            iterations, cuts = iterations + len(failure.residuals), cuts + 1
            ends[-1] = (end, depth + 1)
            ends.append((0.5 * (state.time + end), depth + 1))
            state = replace(state, rate=None)
        else:
            iterations += len(history) - 1
            ends.pop()
    return state, StepStatistics(t_n1, iterations, cuts, history)


def follow(problem: HifiProblem, state: HifiState, displacement: Floats, t_n1: float) -> HifiState:
    """Return the state after an increment whose displacement is known, balanced or not.

    Parameters
    ----------
    problem: the problem.
    state: complete, at the start of the increment.
    displacement: (n_nodes, 3) float [length] at its end.
    t_n1: its end [time].

    Raises
    ------
    ConvergenceError: a law that could not be integrated.
    """
    increment = build_increment(problem, state.state, state.time, t_n1, state.scale)
    response = respond(problem, increment, displacement)
    if isinstance(response, str):
        raise ConvergenceError(f"from t = {state.time:.9g} to {t_n1:.9g}: {response}")
    return HifiState(t_n1, displacement, response.stress, response.state, response.scale)


def _failure(t_n: float, t_n1: float, cuts: int, failure: StepError) -> str:
    """Say where the march stopped and what to try."""
    residuals = ", ".join(f"{value:.1e}" for value in failure.residuals[-8:]) or "none"
    return (
        f"no convergence from t = {t_n:.9g} to {t_n1:.9g} after {cuts} cuts: {failure.reason}; last relative "
        f"residuals: {residuals}; try smaller increments in [time], larger max_cuts or max_iterations in "
        "[newton], or check the size of the loads and the units of the material"
    )


def solve(
    problem: HifiProblem,
    on_step: OnStep | None = None,
    solver: LinearSolver | None = None,
    start: HifiState | None = None,
) -> tuple[HifiState, tuple[StepStatistics, ...]]:
    """March through the times of the loading, or those behind a state that is known.

    Parameters
    ----------
    problem: the problem.
    on_step: called with every state, the initial one included, and how its increment went.
    solver: of the linear systems; `linear_solver(problem)` where None.
    start: complete state to start from, at its time of the loading; that of `initial_state` where None.

    Returns
    -------
    The last state, and the statistics of all increments.

    Raises
    ------
    ConvergenceError: an increment that did not converge; `on_step` has seen the earlier ones.
    """
    state = initial_state(problem) if start is None else start
    statistics: list[StepStatistics] = []
    if on_step is not None:
        on_step(state, StepStatistics(state.time))
    with opened(problem, solver) as linear:
        for time in problem.loading.times[problem.loading.times > state.time]:
            state, step = advance(problem, state, state.time, float(time), linear)
            statistics.append(step)
            if on_step is not None:
                on_step(state, step)
    return state, tuple(statistics)


def thermoelastic(problem: HifiProblem, time: float, solver: LinearSolver | None = None) -> tuple[Floats, Floats]:
    """Return the linear-elastic answer to the temperature at a time alone, all prescribed displacements zero.

    Parameters
    ----------
    problem: the problem; moduli and thermal strain at that temperature.
    time: [time].
    solver: of the linear system; `linear_solver(problem)` where None.

    Returns
    -------
    (n_nodes, 3) float displacement [length] and (n_points, 6) float [stress].
    """
    temperature = point_temperature(problem, time)
    tangent = elastic_tangent(problem.tables, problem.sites, temperature)
    free = free_strain(problem.tables, problem.sites, temperature)
    loaded = problem.sharing.add(internal_force(problem.operators, _contract(tangent, free)))
    with opened(problem, solver) as linear:
        linear.assemble(tangent)
        displacement = linear.solve(loaded, _LIFTING_ACCURACY)
    return displacement, _contract(tangent, strain(problem.operators, displacement) - free)


def _contract(tangent: Floats, strains: Floats) -> Floats:
    """Return the (n_points, 6) stresses of (n_points, 6, 6) moduli and strains."""
    return np.asarray(np.einsum("kab,kb->ka", tangent, strains))


def reactions(problem: HifiProblem, stress: Floats, time: float) -> Floats:
    """Return the (n_nodes, 3) forces of supports and constraints on the structure [force]; 0 where none acts.

    Parameters
    ----------
    problem: the problem.
    stress: (n_points, 6) float [stress] at `time`.
    time: [time].
    """
    residual, *_ = balance(problem, stress, external_force(problem, time), 0.0)
    return np.where(problem.elimination.constrained(), -residual, 0.0)


def unbalance(problem: HifiProblem, stress: Floats, time: float) -> float:
    """Return the residual of a stress field on the free degrees of freedom, relative to the forces at work.

    Parameters
    ----------
    problem: the problem.
    stress: (n_points, 6) float [stress] at `time`, e.g. recomputed from imported displacements.
    time: [time].

    Returns
    -------
    `‖R_free‖ / max(‖F_ext‖, ‖reactions‖, s_t)`; 0 where nothing acts.
    """
    _, norm, reference, _ = balance(problem, stress, external_force(problem, time), 0.0)
    return norm / reference if reference > 0.0 else 0.0


def linear_lifting(problem: HifiProblem, entry: Dirichlet, solver: LinearSolver | None = None) -> Floats:
    """Return the linear-elastic displacement for one Dirichlet shape, all else that is prescribed zero.

    Parameters
    ----------
    problem: the problem; moduli at the initial temperature.
    entry: one of its Dirichlet entries; the table counts as one.
    solver: of the linear system; `linear_solver(problem)` where None.

    Returns
    -------
    (n_nodes, 3) float [length].

    Raises
    ------
    CaseError: the entry prescribes what is free in the problem.
    """
    support = build_support(problem.operators.mesh, entry)
    if not problem.elimination.fixed.ravel()[support.dofs].all():
        raise CaseError(f"support '{entry.name}' is not one of the problem's; build the problem with it")
    lifting = np.zeros(problem.elimination.fixed.size)
    lifting[support.dofs] = support.values
    return linear_answer(problem, problem.elimination.prescribe(lifting.reshape(-1, 3), None), solver)


def linear_answer(problem: HifiProblem, prescribed: Floats, solver: LinearSolver | None = None) -> Floats:
    """Return the linear-elastic displacement without loads where the (n_nodes, 3) displacement g is given.

    Parameters
    ----------
    problem: the problem; moduli at the initial temperature.
    prescribed: (n_nodes, 3) float [length], of `prescribed_displacement` or `Elimination.prescribe`.
    solver: of the linear system; `linear_solver(problem)` where None.
    """
    initial = problem.to_points @ problem.temperature.initial
    tangent = elastic_tangent(problem.tables, problem.sites, initial)
    pulled = problem.sharing.add(stiffness_times(problem.operators, tangent, prescribed))
    with opened(problem, solver) as linear:
        linear.assemble(tangent)
        return prescribed - linear.solve(pulled, _LIFTING_ACCURACY)
