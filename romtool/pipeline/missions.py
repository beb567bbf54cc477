"""Computations that go on from the end of another: where a mission starts, and what it inherits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from romtool.errors import CaseError, ModelError
from romtool.io.records import open_file
from romtool.loading import Before, Loading
from romtool.pipeline.folders import Provenance, read_head, read_record
from romtool.reduced.march import ReducedHistory
from romtool.reduced.state import ReducedState
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats

JUMP = 1e-6
"""Part of the largest temperature by which a mission may begin elsewhere than the one before ended, without a word."""


@dataclass(frozen=True)
class Start:
    """The end of a reduced answer, to go on from.

    Parameters
    ----------
    source: the result's folder, or words for one that was not written.
    state: the complete state.
    model_id: of the model that it is in terms of.
    loading: that led to it; its temperature restricted to the model's thermal nodes.
    before: all that lies behind it.
    """

    source: str
    state: ReducedState
    model_id: str
    loading: Loading
    before: Before

    def state_at(self, loading: Loading) -> ReducedState:
        """Return the state at the first time of a loading that goes on from here."""
        return replace(self.state, time=float(loading.times[0]))


def before_of(file: Path, kind: str) -> Before:
    """Return what a result ("result") or solution ("solution") went on from. Raises ModelError."""
    with open_file(file, kind) as opened:
        found: Before = read_record(opened, "before") if "before" in opened else Before()
        return found


def read_start(folder: Path) -> Start:
    """Return the end of the result of `romtool online` in a folder.

    Raises
    ------
    ModelError: there is none, or it holds no complete state.
    """
    file = folder / "result.h5"
    if not file.is_file():
        raise ModelError(f"{folder}: no result of `romtool online` here; give the folder OUT/<load name> of one")
    history: ReducedHistory = read_head(file, "result", "history")
    provenance: Provenance = read_head(file, "result", "provenance")
    if provenance.stopped:
        raise ModelError(f"{folder}: ended before its last time ({provenance.stopped}); go on from a complete one")
    loading: Loading = read_head(file, "result", "loading")
    loading, before = replace(loading, times=history.times), before_of(file, "result")
    return start_of(str(folder), history, provenance.source_id, loading, before)


def start_of(source: str, history: ReducedHistory, model_id: str, loading: Loading, before: Before) -> Start:
    """Return the end of an answer; see `Start`. Raises ModelError where it holds no complete state."""
    if history.end is None:
        raise ModelError(f"{source}: holds no complete state at its end; run it again")
    return Start(source, history.end, model_id, loading, before.then(loading))


def inherit(loading: Loading, earlier: Loading) -> Loading:
    """Return a loading of the body that an earlier one on the same nodes began with: its T_0, and its initial fields.

    Raises
    ------
    CaseError: the loading has initial fields of its own.
    """
    if loading.initial:
        raise CaseError(f"{loading.name}: [initial] does not go with --from, whose end is where the load begins")
    loading = replace(loading, initial=earlier.initial)
    reference, own = earlier.temperature.undeformed, loading.temperature.undeformed
    if reference is own or (np.shape(reference) == np.shape(own) and np.array_equal(reference, own)):
        return loading
    return replace(loading, temperature=replace(loading.temperature, reference=reference))


def check_increments(loading: Loading, what: str) -> None:
    """Raise CaseError where a loading does not keep to its increments, which `what` needs."""
    if loading.stop is not None or loading.adaptive is not None:
        raise CaseError(f"{loading.name}: [time] stop and adaptive do not go with {what}; leave them")


def check_jump(loading: Loading, earlier: Loading, points: Floats, say: Callable[[str], None]) -> None:
    """Say where the temperature at the start of a loading is not that at the end of the one before.

    Parameters
    ----------
    loading, earlier: on the same nodes.
    points: (n_nodes, 3) float [length] of these nodes.
    say: takes the warning.
    """
    ends = [_temperature(entry, points, float(entry.times[i])) for entry, i in ((earlier, -1), (loading, 0))]
    jump, size = float(np.abs(ends[1] - ends[0]).max(initial=0.0)), float(np.abs(ends).max(initial=0.0))
    if jump > JUMP * size:
        say(
            f"warning: {loading.name}: its temperature begins up to {jump:.4g} away from where {earlier.name} ended; "
            "give [temperature] entries that begin there"
        )


def _temperature(loading: Loading, points: Floats, time: float) -> Floats:
    """Return the (n_nodes,) temperature at a time."""
    return build_temperature(loading.temperature, evaluate_at(points), float(loading.times[0])).at(time)
