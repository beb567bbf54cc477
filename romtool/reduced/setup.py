"""What a march through a loading needs besides its start: the reduced points, and all that acts at each time."""

from typing import NamedTuple

import numpy as np

from romtool.laws import Sites, build_sites, initial_fields, take
from romtool.loading import Loading
from romtool.reduced.forces import build_schedule
from romtool.reduced.layout import Points, PointSet, Schedule
from romtool.reduced.model import PointShapes, ReducedModel
from romtool.temperature import evaluate_at
from romtool.types import Floats


class Setup(NamedTuple):
    """Points, and the schedule over all times of a loading; nothing in it is changed by a march."""

    points: Points
    schedule: Schedule


def set_up(model: ReducedModel, loading: Loading, times: Floats | None = None) -> Setup:
    """Lay out what a march needs.

    Parameters
    ----------
    model: the reduced model.
    loading: its temperature restricted to the model's thermal nodes.
    times: (n_times,) float [time]; those of the loading where None.

    Raises
    ------
    CaseError: the loading asks for what the model was not trained for.
    """
    schedule = build_schedule(model, loading, loading.times if times is None else times)
    return Setup(build_points(model, loading), schedule)


def cut_schedule(schedule: Schedule, start: float | None, until: float | None) -> Schedule | None:
    """Return the part of a schedule between two of its times, None where the first is not one of them.

    Parameters
    ----------
    schedule: over all times.
    start: first time; that of the schedule where None.
    until: last time; that of the schedule where None.
    """
    times = schedule.times
    first = 0 if start is None else int(np.searchsorted(times, start))
    end = len(times) if until is None else int(np.searchsorted(times, until, side="right"))
    if first == len(times) or (start is not None and times[first] != start):
        return None
    return slice_schedule(schedule, first, end)


def slice_schedule(schedule: Schedule, first: int, end: int) -> Schedule:
    """Return the schedule of the times from row `first` to before `end`."""
    rows = slice(first, end)
    return Schedule(
        schedule.times[rows],
        schedule.viscous[first : max(first, end - 1)],
        schedule.temperature[rows],
        schedule.force[rows],
        schedule.lifting[rows],
    )


def build_points(model: ReducedModel, loading: Loading, fixed: Floats | None = None) -> Points:
    """Lay out what the compiled march reads.

    Parameters
    ----------
    model: the reduced model.
    loading: only the temperature of the undeformed body and what its material holds matter.
    fixed: (n_points, 6) strain besides that does not change during the march; zero where None.
    """
    initial = evaluate_at(model.thermal.points)(loading.temperature.undeformed)
    heat, n = model.thermal.operator @ initial, model.n_active
    sites = build_sites(model.tables, model.material, heat, model.point_ids, model.coordinates, model.frames)
    shapes = model.point_shapes
    if loading.initial:
        added = initial_fields(model.tables, sites, loading.initial).strain
        fixed = added if fixed is None else fixed + added
    return Points(
        tables=model.tables,
        active=_point_set(shapes, sites, slice(0, n), fixed),
        weighted=shapes.weighted,
        sampled=_point_set(shapes, sites, slice(n, None), fixed),
    )


def _point_set(shapes: PointShapes, sites: Sites, rows: slice, fixed: Floats | None) -> PointSet:
    """Return some of the reduced points as the compiled march reads them."""
    modes, lifting = shapes.active if rows.start == 0 else shapes.sampled
    base = np.zeros((6, modes.shape[2])) if fixed is None else np.ascontiguousarray(fixed[rows].T)
    return PointSet(take(sites, rows), modes, lifting, base)
