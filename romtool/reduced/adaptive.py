"""A march whose steps are chosen by their error: step doubling on p, and a limit on the increment of strain.

Each step is done at once and in two halves; the halves are kept. Both are backward Euler steps, so that their
difference is the error of the halves (first order: Hairer, Nørsett & Wanner, Solving ODE I, II.4). A step is accepted
where the largest difference in p is below `tolerance` times the largest increment of p, and no half strains a point by
more than `strain_increment`. The error of p over a run is then about `tolerance` of p.
"""

from dataclasses import dataclass

import numpy as np

from romtool.errors import ConvergenceError
from romtool.laws import state_fields
from romtool.loading import Adaptive, Loading
from romtool.reduced.cycles import deviator, strain_range, strains_of
from romtool.reduced.forces import build_schedule
from romtool.reduced.layout import Criteria, Points, Schedule, Trajectory
from romtool.reduced.march import MarchStoppedError, ReducedHistory, begin, history_of
from romtool.reduced.model import ReducedModel
from romtool.reduced.newton import march
from romtool.reduced.setup import build_points
from romtool.reduced.state import ReducedState, join_rows
from romtool.reduced.stepping import empty_trajectory
from romtool.settings import NewtonSettings
from romtool.types import Floats

SMALLEST = 1e-6
"""Smallest step, relative to the stretch between two break points: what jumps there is taken as it is."""

SAFETY, SHRINK, GROW = 0.8, 0.2, 2.0
ONSET = 1e-2
"""Part of the largest p below which an increment of p is not told from none."""

NOTHING = 1e-6
"""Increment of p that is none."""


def march_adaptive(
    model: ReducedModel,
    loading: Loading,
    criteria: NewtonSettings,
    *,
    start: ReducedState | None = None,
    until: float | None = None,
) -> ReducedHistory:
    """March a reduced model through a loading in steps of its own choice; break points of the loading are met.

    Parameters
    ----------
    model: the reduced model.
    loading: its temperature restricted to the model's thermal nodes; of its times the first interval, where a march
        begins, and the ends matter.
    criteria: tolerance of Newton's method.
    start, until: where the march begins and ends, as of `romtool.reduced.march.march_loading`.

    Returns
    -------
    The history at the times that were reached; `cuts` are the attempts that were given up before each.

    Raises
    ------
    CaseError: the loading asks for what the model was not trained for.
    MarchStoppedError: the smallest step did not converge; it holds the steps before.
    """
    first = float(loading.times[0]) if start is None else start.time
    last = float(loading.times[-1]) if until is None else until
    run = _AdaptiveRun(model, loading, criteria, start)
    breaks = loading.break_points()
    for end in [*breaks[(breaks > first) & (breaks < last)].tolist(), last]:
        try:
            run.cross(end)
        except ConvergenceError as error:
            raise MarchStoppedError(str(error), run.history()) from error
    return run.history()


@dataclass(frozen=True)
class _Attempt:
    """Two halves of a step: their rows, what acts, and how far they are from what is allowed (one: just)."""

    out: Trajectory
    schedule: Schedule
    excess: float


class _AdaptiveRun:
    """A march as it goes on: its last state, and all rows so far."""

    def __init__(
        self, model: ReducedModel, loading: Loading, criteria: NewtonSettings, start: ReducedState | None
    ) -> None:
        self.model, self.loading, self.limits = model, loading, loading.adaptive or Adaptive()
        self.criteria = Criteria(criteria.tolerance, criteria.max_iterations)
        self.settings, self.scale = criteria, np.zeros(1)
        self.points: Points = build_points(model, loading)
        self.time = float(loading.times[0]) if start is None else start.time
        self.before = {} if start is None else start.largest
        out = empty_trajectory(model, 1, criteria)
        begin(self.points, out, self.scale, start, loading.initial)
        self.rows, self.schedules = [out], [build_schedule(model, loading, np.array([self.time]))]
        self.cuts, self.step = [0], float(loading.times[1] - loading.times[0])
        self.columns = state_fields(model.tables).get("p", slice(0, 0))
        self.strains = strains_of(model)

    def cross(self, end: float) -> None:
        """March to a break point. Raises ConvergenceError at the smallest step."""
        smallest, given_up = SMALLEST * (end - self.time), 0
        while self.time < end:
            left = end - self.time
            step = left if self.step >= left else min(self.step, 0.5 * left)
            found = self._attempt(step)
            small = step <= smallest
            if found is None and small:
                raise ConvergenceError(
                    f"the reduced model did not converge in a step of {step:.3g} behind time {self.time:g}; try a load "
                    "closer to the training, or more training simulations"
                )
            factor = SHRINK if found is None else _factor(found.excess)
            if found is None or (found.excess > 1.0 and not small):
                self.step, given_up = step * factor, given_up + 1
                continue
            self._accept(found, end if step == left else self.time + step, given_up)
            given_up = 0
            # a step cut short by a break point says nothing against a longer one
            self.step = max(step * factor, self.step if step < self.step and factor >= 1.0 else 0.0)

    def _attempt(self, step: float) -> _Attempt | None:
        """Do a step at once and in halves; None where one of them does not converge."""
        times = self.time + step * np.array([0.0, 0.5, 1.0])
        halves = build_schedule(self.model, self.loading, times)
        ends = [0, 2]  # copies: the compiled march takes contiguous arrays
        whole = Schedule(
            times[ends], halves.viscous[:1], halves.temperature[ends], halves.force[ends], halves.lifting[ends]
        )
        coarse, fine = self._march(whole), self._march(halves)
        if coarse is None or fine is None:
            return None
        start, end = fine.state[0][:, self.columns], fine.state[-1][:, self.columns]
        error = np.abs(coarse.state[-1][:, self.columns] - end).max(initial=0.0)
        largest = float(np.abs(end).max(initial=0.0))
        size = max(float(np.abs(end - start).max(initial=0.0)), ONSET * largest, NOTHING)
        return _Attempt(fine, halves, max(error / (self.limits.tolerance * size), self._strained(fine, halves)))

    def _march(self, schedule: Schedule) -> Trajectory | None:
        """Return the rows of a few steps from the last state, None where they do not converge."""
        last = self.rows[-1]
        out = empty_trajectory(self.model, len(schedule.times), self.settings)
        out.coordinates[0], out.state[0], out.stress[0] = last.coordinates[-1], last.state[-1], last.stress[-1]
        out.rate[:] = last.rate
        scale = self.scale.copy()
        failed = march(self.points, schedule, self.criteria, scale, out)
        self.rows[0].evaluations[0] += out.evaluations[0]
        if failed:
            return None
        out.history[0] = scale[0]
        out.rate[:] = (out.coordinates[-1] - out.coordinates[-2]) / (schedule.times[-1] - schedule.times[-2])
        return out

    def _strained(self, fine: Trajectory, schedule: Schedule) -> float:
        """Return the largest strain increment of the halves, relative to the one that is allowed."""
        total = deviator(self.strains.at(fine.coordinates, schedule.lifting))
        halves = [strain_range(total[i : i + 2]).max(initial=0.0) for i in range(len(total) - 1)]
        return float(max(halves)) / self.limits.strain_increment

    def _accept(self, found: _Attempt, end: float, given_up: int) -> None:
        """Keep the halves of a step."""
        found.schedule.times[-1] = end
        self.scale[0] = max(self.scale[0], found.out.history[0])
        self.rows.append(found.out)
        self.schedules.append(found.schedule)
        self.cuts += [given_up, 0]
        self.time = end

    def history(self) -> ReducedHistory:
        """Return what was computed."""
        out, schedule = join_rows(self.rows, self.schedules)
        known = (np.array(self.cuts, dtype=np.int64), self.scale, self.before)
        return history_of(self.model, self.loading.name, schedule, out, known)


def _factor(excess: float) -> float:
    """Return the factor of the next step: what is too much goes with the step, what is left with its square."""
    if excess > 1.0:
        return max(SHRINK, SAFETY / excess)
    return min(GROW, SAFETY / np.sqrt(max(excess, 1e-12))) if excess > 0.0 else GROW


def step_words(model: ReducedModel, times: Floats) -> str:
    """Say which steps a run took beside those of the training: p depends on them."""
    steps, trained = np.diff(times), np.diff(model.first.times)
    if not len(steps):
        return ""
    low, high = model.validity.step
    return (
        f"steps of {np.median(steps):.4g} (median; {steps.min():.4g} to {steps.max():.4g}), trained with "
        f"{np.median(trained):.4g} ({low:.4g} to {high:.4g})"
    )
