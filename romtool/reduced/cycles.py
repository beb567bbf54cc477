"""A march cycle by cycle: what each cycle adds, and when that no longer changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from numba import njit

from romtool.errors import CaseError
from romtool.laws import state_fields
from romtool.loading import Loading, Stop
from romtool.reduced.march import MarchStoppedError, ReducedHistory, join_histories
from romtool.reduced.model import ReducedModel
from romtool.reduced.state import CycleHistory, ReducedState
from romtool.types import Floats

NOTHING = 1e-3
"""Part of the largest increment of p of any cycle below which an increment, and its change, count as none."""


class Strains(NamedTuple):
    """Strains at the points: (n_points, 6, n_coordinates) of the coordinates, (n_liftings, n_points, 6) liftings."""

    modes: Floats
    liftings: Floats

    def at(self, coordinates: Floats, lifting: Floats) -> Floats:
        """Return the (n_times, n_points, 6) total strains of (n_times, n) coordinates and lifting amplitudes."""
        strains = np.tensordot(coordinates, self.modes, axes=(1, 2))
        return np.asarray(strains + np.tensordot(lifting, self.liftings, axes=1))


def strains_of(model: ReducedModel) -> Strains:
    """Return the strains of a model at its reduced points."""
    liftings = np.array([entry.strain for entry in model.liftings]).reshape(-1, len(model.weights), 6)
    return Strains(model.strain_modes, liftings)


class Stretch(Protocol):
    """A march from a state to a time."""

    def __call__(self, *, start: ReducedState | None, until: float | None) -> ReducedHistory:
        """Return the history from the start on. Raises MarchStoppedError."""
        ...


def march_cycles(
    march: Stretch,
    loading: Loading,
    model: ReducedModel,
    strains: Callable[[], Strains],
    start: ReducedState | None,
) -> ReducedHistory:
    """March cycle by cycle, and stop where the loading says so and nothing changes any more.

    Parameters
    ----------
    march: marches through a part of the loading.
    loading: what acts; without cycles it is marched through at once.
    model: whose points the states belong to.
    strains: returns those there; called where there are cycles.
    start: the state to start from; the undeformed one where None.

    Returns
    -------
    The history, with what each cycle did.

    Raises
    ------
    CaseError: a loading that is to stop, and has no cycles.
    MarchStoppedError: a step did not converge; it holds the steps before.
    """
    ends = loading.cycle_ends()
    if loading.stop is not None and not len(ends):
        raise CaseError(f"{loading.name}: [time] stop needs cycles; give a table with `cycles`")
    if not len(ends):
        return march(start=start, until=None)
    columns = state_fields(model.tables).get("p", slice(0, 0))
    at_points = strains()
    watch, parts, state = Watch(loading.stop), list[ReducedHistory](), start
    for number, end in enumerate(ends):
        try:
            part = march(start=state, until=None if number + 1 == len(ends) else float(end))
        except MarchStoppedError as error:
            whole = replace(join_histories([*parts, error.history]), cycles=watch.history(ends))
            raise MarchStoppedError(str(error), whole) from error
        if part.end is None:
            raise ValueError("a march without its end")
        before = np.zeros(()) if state is None else state.state[:, columns]
        watch.add(
            part.end.state[:, columns] - before, strain_range(deviator(at_points.at(part.coordinates, part.lifting)))
        )
        parts.append(part)
        state = part.end
        if watch.stabilised:
            break
    return replace(join_histories(parts), cycles=watch.history(ends))


class Watch:
    """Compares each cycle with the one before."""

    def __init__(self, stop: Stop | None) -> None:
        self.stop, self.stabilised, self._quiet = stop, 0, 0
        self._rows: list[tuple[float, float, float]] = []
        self._before: tuple[Floats, Floats] | None = None
        self._largest = 0.0

    def add(self, increment: Floats, strains: Floats) -> None:
        """Take one cycle: (n_points, 1) increments of p and (n_points,) strain ranges."""
        size = float(np.abs(increment).max(initial=0.0))
        self._largest = max(self._largest, size)
        change = np.nan
        if self._before is not None:
            steps = _relative(increment, self._before[0], max(size, NOTHING * self._largest))
            change = max(steps, _relative(strains, self._before[1], float(strains.max(initial=0.0))))
        self._rows.append((size, float(strains.max(initial=0.0)), change))
        self._before = (increment, strains)
        if self.stop is not None:
            self._quiet = self._quiet + 1 if change <= self.stop.tolerance else 0
            self.stabilised = len(self._rows) if self._quiet >= self.stop.cycles else 0

    def history(self, ends: Floats) -> CycleHistory:
        """Return what the cycles so far did; `ends` are the times of all."""
        rows = np.array(self._rows).reshape(-1, 3)
        return CycleHistory(ends[: len(rows)], rows[:, 0], rows[:, 1], rows[:, 2], self.stabilised)


def _relative(values: Floats, before: Floats, size: float) -> float:
    """Return the largest change relative to a size."""
    gap = float(np.abs(values - before).max(initial=0.0))
    return gap / size if size > 0.0 else 0.0


def deviator(strains: Floats) -> Floats:
    """Return the deviatoric part of (…, 6) strains."""
    found = np.array(strains)
    found[..., :3] -= strains[..., :3].mean(axis=-1, keepdims=True)
    return found


@njit(cache=True, error_model="numpy")
def strain_range(strains: Floats) -> Floats:
    """Return the (n_points,) largest equivalent strain between any two times.

    Parameters
    ----------
    strains: (n_times, n_points, 6) float, deviatoric.
    """
    n_times, n_points, _ = strains.shape
    largest = np.zeros(n_points)
    for i in range(n_times):
        for j in range(i):
            for k in range(n_points):
                total = 0.0
                for a in range(6):
                    gap = strains[i, k, a] - strains[j, k, a]
                    total += gap * gap if a < 3 else 2.0 * gap * gap
                largest[k] = max(largest[k], total)
    return np.sqrt(largest * (2.0 / 3.0))


def in_words(cycles: CycleHistory) -> str:
    """Say what the last cycle did, and whether the march stopped there."""
    n = len(cycles.ends)
    ended = f"stabilised after {n} cycles" if cycles.stabilised else f"{n} cycles"
    return (
        f"{ended}: p grew by {cycles.increment[-1]:.3g} in the last one, strain range {cycles.strain_range[-1]:.3g}, "
        f"changed by {cycles.change[-1]:.1e}"
    )


def cycle_summary(cycles: CycleHistory) -> Mapping[str, object]:
    """Return what `--json` says of the cycles."""
    return {
        "ends": cycles.ends.tolist(),
        "increment_of_p": cycles.increment.tolist(),
        "strain_range": cycles.strain_range.tolist(),
        "change": cycles.change.tolist(),
        "stabilised": cycles.stabilised,
    }
