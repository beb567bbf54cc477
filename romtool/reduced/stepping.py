"""Steps of a reduced march: the compiled loop goes as far as it can; what fails is crossed in ever smaller halves."""

from dataclasses import dataclass

import numpy as np

from romtool.errors import ConvergenceError
from romtool.laws import state_size
from romtool.loading import Loading
from romtool.reduced.forces import build_schedule
from romtool.reduced.layout import Criteria, Points, Schedule, Trajectory
from romtool.reduced.model import ReducedModel
from romtool.reduced.newton import march
from romtool.reduced.setup import slice_schedule
from romtool.settings import NewtonSettings
from romtool.types import Floats, Ints


def empty_trajectory(model: ReducedModel, n_times: int, criteria: NewtonSettings) -> Trajectory:
    """Return zero arrays for a march over `n_times` times."""
    n_points = len(model.weights)
    return Trajectory(
        coordinates=np.zeros((n_times, model.n_modes)),
        state=np.zeros((n_times, n_points, state_size(model.tables))),
        stress=np.zeros((n_times, n_points, 6)),
        iterations=np.zeros(n_times, dtype=np.int64),
        residual=np.zeros(n_times),
        evaluations=np.zeros(1, dtype=np.int64),
        history=np.zeros(criteria.max_iterations + 1),
        rate=np.zeros(model.n_modes),
    )


@dataclass(frozen=True)
class Crossing:
    """What a march needs at each of its steps.

    Parameters
    ----------
    model: the reduced model.
    loading: what acts.
    criteria: tolerance of Newton's method and step cutting.
    points: laid out for the compiled march.
    scale: (1,) largest norm of the absolute internal force contributions so far, updated.
    """

    model: ReducedModel
    loading: Loading
    criteria: NewtonSettings
    points: Points
    scale: Floats


def cross(
    crossing: Crossing, schedule: Schedule, out: Trajectory, cuts: Ints, first: int
) -> tuple[int, ConvergenceError | None]:
    """March over the times of a schedule from a row that is known; a step that fails is halved.

    Parameters
    ----------
    crossing: the march.
    schedule: what acts at the (n_times,) times.
    out: rows after `first` are written.
    cuts: (n_times,) halvings, written.
    first: the row that is known.

    Returns
    -------
    The number of rows that are known in the end, and why it stopped there, None where it did not; `out.rate` is that of
    the last of them, zero where it was reached in halves.
    """
    times, limits = schedule.times, Criteria(crossing.criteria.tolerance, crossing.criteria.max_iterations)
    while failed := march(
        crossing.points, slice_schedule(schedule, first, len(times)), limits, crossing.scale, _tail_rows(out, first)
    ):
        first += failed
        cutter = _Cutter(crossing, out.evaluations)
        try:
            rows = cutter.advance(_row(out, first - 1), times[first - 1], times[first], 1)
        except ConvergenceError as error:
            return first, error
        out.coordinates[first], out.state[first], out.stress[first] = rows
        out.iterations[first], cuts[first] = cutter.iterations, cutter.cuts
        out.rate[:] = 0.0
    if len(times) > first + 1:
        out.rate[:] = (out.coordinates[-1] - out.coordinates[-2]) / (times[-1] - times[-2])
    return len(times), None


def _tail_rows(out: Trajectory, first: int) -> Trajectory:
    """Return views of the rows from time `first` on; counters and history are shared."""
    return Trajectory(
        out.coordinates[first:],
        out.state[first:],
        out.stress[first:],
        out.iterations[first:],
        out.residual[first:],
        out.evaluations,
        out.history,
        out.rate,
    )


Rows = tuple[Floats, Floats, Floats]


def _row(out: Trajectory, i: int) -> Rows:
    """Return coordinates, state and stress of time i."""
    return out.coordinates[i], out.state[i], out.stress[i]


class _Cutter:
    """Crosses one time interval in ever smaller halves; counts what it did."""

    def __init__(self, crossing: Crossing, evaluations: Ints) -> None:
        self.crossing, self.evaluations = crossing, evaluations
        self.iterations = self.cuts = 0

    def advance(self, rows: Rows, start: float, end: float, depth: int) -> Rows:
        """Return the rows at `end` from those at `start`, in two halves or more.

        Raises
        ------
        ConvergenceError: at the smallest step.
        """
        self.cuts = max(self.cuts, depth)
        for left, right in ((start, 0.5 * (start + end)), (0.5 * (start + end), end)):
            reached, history = self._try(rows, left, right)
            if reached is None and depth >= self.crossing.criteria.max_cuts:
                raise ConvergenceError(_not_converged(left, right, history, self.crossing.criteria))
            rows = reached or self.advance(rows, left, right, depth + 1)
        return rows

    def _try(self, rows: Rows, start: float, end: float) -> tuple[Rows | None, Floats]:
        """Attempt one step; return its rows, or None, and the residual history."""
        out = empty_trajectory(self.crossing.model, 2, self.crossing.criteria)
        out.coordinates[0], out.state[0], out.stress[0] = rows
        schedule = build_schedule(self.crossing.model, self.crossing.loading, np.array([start, end]))
        limits = Criteria(self.crossing.criteria.tolerance, self.crossing.criteria.max_iterations)
        failed = march(self.crossing.points, schedule, limits, self.crossing.scale, out)
        self.iterations += int(out.iterations[1])
        self.evaluations += out.evaluations
        return None if failed else _row(out, 1), out.history[: int(out.iterations[1]) + 1]


def _not_converged(start: float, end: float, history: Floats, criteria: NewtonSettings) -> str:
    """Say where the march stopped, how the residual went and what to try."""
    residuals = ", ".join(f"{value:.1e}" for value in history[-6:])
    return (
        f"the reduced model did not converge between times {start:g} and {end:g} after {criteria.max_cuts} halvings "
        f"(last relative residuals {residuals}; tolerance {criteria.tolerance:g}); try smaller steps in [time], "
        "a load closer to the training, or more training simulations"
    )
