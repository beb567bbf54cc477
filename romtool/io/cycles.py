"""Times per cycle: where tables repeat, the times of one cycle are repeated with them.

Times that span exactly one cycle are repeated; times that go on beyond it are the whole history already.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.io.entries import TimeSource
from romtool.loading import Loading, Table, Temperature, TemperatureEntry
from romtool.types import Floats

Intervals = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Cycle:
    """A stretch of time that is run through `count` times.

    Parameters
    ----------
    start, end: float [time] of the first cycle.
    count: how often.
    """

    start: float
    end: float
    count: int

    @property
    def period(self) -> float:
        """Return the duration of one cycle."""
        return self.end - self.start

    def close(self, a: float, b: float) -> bool:
        """Tell whether two times agree within 1e-9 of the period."""
        return abs(a - b) <= 1e-9 * self.period

    def holds(self, start: float, end: float) -> bool:
        """Tell whether a stretch of time lies in the first cycle."""
        slack = 1e-9 * self.period
        return start >= self.start - slack and end <= self.end + slack

    def spans(self, start: float, end: float) -> bool:
        """Tell whether a stretch of time is the first cycle."""
        return self.close(start, self.start) and self.close(end, self.end)


def cycle_of(tables: Sequence[Table]) -> Cycle | None:
    """Return the cycle of the tables that repeat most often, None where none repeats.

    Raises
    ------
    CaseError: two such tables with different cycles.
    """
    count = max((table.cycles for table in tables), default=1)
    if count == 1:
        return None
    repeated = [table for table in tables if table.cycles == count]
    cycles = [Cycle(float(t.points[0, 0]), float(t.points[-1, 0]), count) for t in repeated]
    for table, cycle in zip(repeated, cycles, strict=True):
        if not cycles[0].spans(cycle.start, cycle.end):
            raise CaseError(
                f'the tables "{repeated[0].name}" and "{table.name}" have {count} cycles from '
                f"{cycles[0].start:g} to {cycles[0].end:g} and from {cycle.start:g} to {cycle.end:g}; "
                "expected one and the same"
            )
    return cycles[0]


def repeat_times(points: Floats, cycle: Cycle) -> Floats:
    """Repeat the (n,) times of one cycle; the end of a cycle is the start of the next."""
    starts = cycle.start + cycle.period * np.arange(cycle.count)
    later = (starts[1:, None] + (points[1:] - cycle.start)[None, :]).ravel()
    return np.concatenate([points, later])


def repeat_intervals(intervals: Intervals, cycle: Cycle) -> Intervals:
    """Repeat the intervals of one cycle."""
    shifts = [k * cycle.period for k in range(cycle.count)]
    return tuple((a + shift, b + shift) for shift in shifts for a, b in intervals)


def check_points(points: Floats, cycle: Cycle | None, path: Path) -> None:
    """Raise CaseError where `[time] points` end within the cycle, or do not start with it.

    Parameters
    ----------
    points: (n,) increasing float [time].
    cycle: of the tables, None where none repeats.
    path: of the file, for the message.
    """
    if cycle is None or points[-1] > cycle.end + 1e-9 * cycle.period:
        return
    if not cycle.spans(float(points[0]), float(points[-1])):
        raise CaseError(
            f"{path}: [time] points run from {points[0]:g} to {points[-1]:g} but the tables have "
            f"{cycle.count} cycles, the first from {cycle.start:g} to {cycle.end:g}; "
            "give the times of one whole cycle"
        )


def cycle_temperature(temperature: Temperature, cycle: Cycle | None) -> Temperature:
    """Let a temperature whose entries lie in the first cycle repeat with the tables.

    Entries that do not reach the ends of the cycle are completed: the initial temperature at its start, the
    last entry at its end. Without a cycle the temperature runs through once.
    """
    entries = temperature.entries
    if cycle is None or not entries:
        return replace(temperature, cycles=1)
    if not cycle.holds(entries[0].time, entries[-1].time):
        return temperature
    if not cycle.close(entries[0].time, cycle.start):
        entries = (TemperatureEntry(cycle.start, temperature.initial), *entries)
    if not cycle.close(entries[-1].time, cycle.end):
        entries = (*entries, replace(entries[-1], time=cycle.end))
    return replace(temperature, entries=entries, cycles=cycle.count)


def fit_times(loading: Loading, before: Cycle | None, time: TimeSource | None) -> Loading:
    """Give a loading its times, per cycle where its tables have cycles.

    Parameters
    ----------
    loading: with its new tables and temperature, and times and intervals as they were before.
    before: the cycle of the tables that belonged to these times.
    time: new times and intervals, where given.

    Returns
    -------
    The loading, whose times, intervals and temperature are repeated where the times span one cycle.
    """
    now = cycle_of(loading.tables)
    if before is None and now is None:
        return with_time(loading, time)
    loading = replace(loading, temperature=cycle_temperature(loading.temperature, now))
    folded = _first_cycle(loading, before)
    if folded is loading and before == now and (time is None or time.points is None):
        return with_time(loading, time)
    once = with_time(folded, time)
    if now is None:
        return once
    if len(once.times) and now.spans(float(once.times[0]), float(once.times[-1])):
        return _repeat(once, now)
    return with_time(loading, time)


def with_time(loading: Loading, time: TimeSource | None) -> Loading:
    """Replace times, rate-independent intervals, stop and choice of steps by those that are given."""
    if time is not None and time.points is not None:
        loading = replace(loading, times=time.points)
    if time is not None and time.rate_independent is not None:
        loading = replace(loading, rate_independent=time.rate_independent)
    if time is not None:
        adaptive = loading.adaptive if time.adaptive is None else time.adaptive or None
        loading = replace(loading, stop=time.stop or loading.stop, adaptive=adaptive)
    return loading


def _first_cycle(loading: Loading, cycle: Cycle | None) -> Loading:
    """Reduce times that are repeated with `cycle` to the first one, and intervals likewise; others stay."""
    if cycle is None:
        return loading
    slack = 1e-9 * cycle.period
    times = loading.times[loading.times <= cycle.end + slack]
    if not len(times) or not cycle.spans(float(times[0]), float(times[-1])):
        return loading
    if not _same(repeat_times(times, cycle), loading.times, slack):
        return loading
    intervals = tuple(i for i in loading.rate_independent if cycle.holds(*i))
    repeated = repeat_intervals(intervals, cycle)
    if not _same(np.array(repeated), np.array(loading.rate_independent), slack):
        intervals = loading.rate_independent
    return replace(loading, times=times, rate_independent=intervals)


def _same(a: Floats, b: Floats, slack: float) -> bool:
    """Tell whether two arrays of times agree."""
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= slack))


def _repeat(loading: Loading, cycle: Cycle) -> Loading:
    """Repeat the times of one cycle, and the intervals where they lie in it."""
    intervals = loading.rate_independent
    if all(cycle.holds(*interval) for interval in intervals):
        intervals = repeat_intervals(intervals, cycle)
    return replace(loading, times=repeat_times(loading.times, cycle), rate_independent=intervals)
