"""March through phases that have bases of their own (theory, eq. (9.5)).

The displacement stays continuous: `u = u_s + Psi_new gamma` with gamma = 0 at a switch. All phases share their reduced
points (those that are not their own carry no weight), so that the laws run from the first time on at all of them and
no history is handed over. The coordinates of all phases stand side by side, `u = [Psi_0, Psi_1, …] gamma`, those of a
phase that is not active stay as they are; so do dual coefficients, which are zero where their phase is not active.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.loading import Loading
from romtool.reduced.cycles import Strains, strains_of
from romtool.reduced.forces import build_schedule
from romtool.reduced.layout import Trajectory
from romtool.reduced.march import (
    Fit,
    MarchStoppedError,
    ReducedHistory,
    begin,
    end_state,
    gappy_history,
    head_rows,
    sampled,
)
from romtool.reduced.model import ReducedModel
from romtool.reduced.setup import build_points
from romtool.reduced.state import ReducedState, times_from
from romtool.reduced.stepping import Crossing, cross, empty_trajectory
from romtool.settings import NewtonSettings
from romtool.types import Floats, Ints


@dataclass(frozen=True)
class Segment:
    """Consecutive steps of one phase: from the time `start`, which is known, to the time `end`."""

    phase: int
    start: int
    end: int


def segments(phases: Ints) -> Iterator[Segment]:
    """Yield the segments of (n_times,) phases of the steps; that of the first time, which has no step, is ignored."""
    start = 0
    for i in range(1, len(phases)):
        if i + 1 == len(phases) or phases[i + 1] != phases[i]:
            yield Segment(int(phases[i]), start, i)
            start = i


def spans(sizes: Sequence[int]) -> list[slice]:
    """Return where the columns of each phase are, given their numbers."""
    ends = np.cumsum([0, *sizes])
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]


def point_orders(models: Sequence[ReducedModel]) -> list[Ints]:
    """Return per phase the rows of its points among those of the first; all phases have the same points."""
    keys = [np.lexsort(model.point_ids.T) for model in models]
    return [keys[0][np.argsort(key, kind="stable")] for key in keys]


def dual_sizes(models: Sequence[ReducedModel], field: str) -> list[int]:
    """Return the number of modes of a dual field in each phase; none where it is zero there."""
    return [model.duals[field].operator.basis_at_points.shape[1] if field in model.duals else 0 for model in models]


def dual_fields(models: Sequence[ReducedModel]) -> tuple[str, ...]:
    """Return the dual fields of all phases."""
    return tuple(dict.fromkeys(field for model in models for field in model.duals))


def march_phases(
    models: Sequence[ReducedModel],
    phases: Ints,
    loading: Loading,
    criteria: NewtonSettings,
    *,
    start: ReducedState | None = None,
    until: float | None = None,
) -> ReducedHistory:
    """March through a loading whose steps belong to phases.

    Parameters
    ----------
    models: one per phase, on the same reduced points.
    phases: (n_times,) phase of the step that ends at each time of the loading.
    loading: its temperature restricted to the models' thermal nodes.
    criteria: tolerance of Newton's method and step cutting.
    start, until: where the march begins and ends, as of `romtool.reduced.march.march_loading`.

    Returns
    -------
    The history; coordinates and dual coefficients of all phases side by side, samples in the first phase's order.

    Raises
    ------
    CaseError: the loading asks for what the models were not trained for.
    ModelError: a start of other models.
    MarchStoppedError: a step did not converge at the smallest size; it holds the steps before.
    """
    times = times_from(loading.times, None if start is None else start.time, until)
    phases = phases[np.minimum(np.searchsorted(loading.times, times), len(phases) - 1)]
    run = _PhasedRun(models, (loading, times), criteria, start)
    for segment in segments(phases):
        stopped = run.cross(segment)
        if stopped is not None:
            raise MarchStoppedError(str(stopped), run.history(phases)) from stopped
    return run.history(phases)


def phase_strains(models: Sequence[ReducedModel]) -> Strains:
    """Return the strains of all phases side by side, at the points of the first."""
    found, columns = strains_of(models[0]), spans([model.n_modes for model in models])
    modes = np.zeros((len(models[0].weights), 6, columns[-1].stop))
    for model, order, own in zip(models, point_orders(models), columns, strict=True):
        modes[order, :, own] = model.strain_modes
    return found._replace(modes=modes)


class _PhasedRun:
    """A march through phases as it goes on; all rows of points are in the first phase's order."""

    def __init__(
        self,
        models: Sequence[ReducedModel],
        load: tuple[Loading, Floats],
        criteria: NewtonSettings,
        start: ReducedState | None,
    ) -> None:
        self.models, (self.loading, self.times), self.criteria = models, load, criteria
        self.orders, self.columns = point_orders(models), spans([model.n_modes for model in models])
        n_times, width = len(self.times), self.columns[-1].stop
        self.out = empty_trajectory(models[0], n_times, criteria)
        self.out = self.out._replace(coordinates=np.zeros((n_times, width)), rate=np.zeros(width))
        self.cuts, self.scale, self.known = np.zeros(n_times, dtype=np.int64), np.zeros(1), 1
        begin(build_points(models[0], self.loading), self.out, self.scale, start, self.loading.initial)
        self.before = {} if start is None else start.largest
        self.strain = np.zeros((len(models[0].weights), 6))
        for model, order, columns in zip(models, self.orders, self.columns, strict=True):
            self.strain[order] += model.strain_modes @ self.out.coordinates[0, columns]

    def cross(self, segment: Segment) -> Exception | None:
        """March through one segment; return why it stopped on the way, if it did."""
        model, order = self.models[segment.phase], self.orders[segment.phase]
        rows = slice(segment.start, segment.end + 1)
        schedule = build_schedule(model, self.loading, self.times[rows])
        out = empty_trajectory(model, len(schedule.times), self.criteria)
        out.state[0], out.stress[0] = self.out.state[segment.start, order], self.out.stress[segment.start, order]
        out.rate[:] = self.out.rate[self.columns[segment.phase]] if segment.start == 0 else 0.0
        points = build_points(model, self.loading, self.strain[order])
        crossing = Crossing(model, self.loading, self.criteria, points, self.scale)
        count, stopped = cross(crossing, schedule, out, self.cuts[rows], 0)
        self._take(segment, out, count)
        return stopped

    def _take(self, segment: Segment, out: Trajectory, count: int) -> None:
        """Take over the first `count` rows of a segment."""
        columns, order = self.columns[segment.phase], self.orders[segment.phase]
        rows, last = slice(segment.start + 1, segment.start + count), segment.start + count - 1
        self.out.coordinates[rows] = self.out.coordinates[segment.start]
        self.out.coordinates[rows, columns] += out.coordinates[1:count]
        self.out.state[rows, order], self.out.stress[rows, order] = out.state[1:count], out.stress[1:count]
        self.out.iterations[rows] = out.iterations[1:count]
        self.out.evaluations[0] += out.evaluations[0]
        self.strain[order] += self.models[segment.phase].strain_modes @ out.coordinates[count - 1]
        if last > segment.start:
            self.out.rate[:] = 0.0
            self.out.rate[columns] = out.rate
        self.known = last + 1

    def history(self, phases: Ints) -> ReducedHistory:
        """Return what was computed, as a history of all phases."""
        out, face, times = head_rows(self.out, self.known), self.models[0], self.times[: self.known]
        schedule = build_schedule(face, self.loading, times)
        samples = {field: sampled(face, out, field) for field in dual_fields(self.models)}
        solved = {field: self._duals(field, samples[field], phases[: self.known]) for field in samples}
        return ReducedHistory(
            name=self.loading.name,
            times=times,
            coordinates=out.coordinates,
            lifting=schedule.lifting,
            duals={field: found.coefficients for field, found in solved.items()},
            residuals={field: found.misfit for field, found in solved.items()},
            elastic={field: found.elastic for field, found in solved.items()},
            samples=samples,
            iterations=out.iterations,
            cuts=self.cuts[: self.known],
            evaluations=int(out.evaluations[0]),
            end=end_state(schedule, out, self.scale, {field: found.largest for field, found in solved.items()}),
        )

    def _duals(self, field: str, samples: Floats, phases: Ints) -> Fit:
        """Return the fit of a field: of each time on the basis of its phase."""
        columns = spans(dual_sizes(self.models, field))
        floor = max(model.duals[field].floor for model in self.models if field in model.duals)
        norms = np.linalg.norm(samples.reshape(len(samples), -1), axis=1)
        largest = np.maximum(np.maximum.accumulate(norms), self.before.get(field, 0.0))
        coefficients, misfit = np.zeros((len(samples), columns[-1].stop)), norms / np.maximum(largest, floor)
        for number, model in enumerate(self.models):
            if field in model.duals:
                rows, basis = np.flatnonzero(phases == number), replace(model.duals[field], floor=floor)
                found = gappy_history(basis, samples[:, self.orders[number]], self.before.get(field, 0.0))
                coefficients[rows, columns[number]], misfit[rows] = found.coefficients[rows], found.misfit[rows]
        return Fit(coefficients, misfit, largest < floor, float(largest[-1]))
