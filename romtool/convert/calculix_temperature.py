"""Temperature history of a CalculiX deck (`*TEMPERATURE`).

Checked by running ccx 2.20: without amplitude temperatures go from the value at the end of the step before to
the new one, linearly or at once; an amplitude multiplies the absolute temperature and, unlike those of
loads, one in step time runs again in every later step; OP=NEW sets the targets that the step does not name to
the initial temperature and keeps their amplitudes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from romtool.convert.calculix_history import Amplitude, amplitude_of
from romtool.convert.calculix_initial import assign_nodal
from romtool.convert.calculix_mesh import DeckMesh
from romtool.convert.calculix_steps import Step
from romtool.loading import Temperature, TemperatureEntry
from romtool.types import Floats, Ints

_JUMP = 1e-9


@dataclass
class _State:
    """Targets (n_nodes,), the amplitude of each node (-1: none), and the temperature at the step's start."""

    target: Floats
    amplitude: Ints
    start: Floats


def read_temperature(
    steps: Sequence[Step], found: DeckMesh, initial: Floats | None, amplitudes: Mapping[str, Amplitude]
) -> Temperature:
    """Return initial temperature and history; entries are full (n_nodes,) arrays.

    A jump is two entries 1e-9 of the step's period apart.

    Parameters
    ----------
    steps: the steps.
    found: the deck's mesh and sets.
    initial: (n_nodes,) initial temperature, None for 0 (CalculiX' default).
    amplitudes: by name.

    Raises
    ------
    ReaderError: parameters or lines that romtool does not read, unknown sets and amplitudes.
    """
    first = np.zeros(found.mesh.n_nodes) if initial is None else initial
    value: float | Floats = float(first[0]) if len(first) and (first == first[0]).all() else first
    if not any(card.keyword == "TEMPERATURE" for step in steps for card in step.cards):
        return Temperature(value)
    names = list(amplitudes)
    state = _State(first.copy(), np.full(len(first), -1), first.copy())
    entries = [TemperatureEntry(0.0, first.copy())]
    for step in steps:
        before = _read_step(step, found, first, state, names, amplitudes)
        entries += _entries(step, state, before, [amplitudes[name] for name in names])
        state.start = np.array(entries[-1].value, dtype=np.float64)
    return Temperature(value, tuple(_thinned(entries)))


def _read_step(
    step: Step,
    found: DeckMesh,
    first: Floats,
    state: _State,
    names: list[str],
    amplitudes: Mapping[str, Amplitude],
) -> Floats:
    """Update targets and amplitudes from the cards of a step; return the temperature at its start."""
    mark = np.full(len(first), np.nan)
    new, amplitude = mark.copy(), state.amplitude.copy()
    removed = False
    for card in step.cards:
        if card.keyword == "TEMPERATURE":
            removed = removed or card.parameters.get("OP") == "NEW"
            named = mark.copy()
            assign_nodal(card, found, named)
            chosen = ~np.isnan(named)
            new[chosen] = named[chosen]
            name = amplitude_of(card, amplitudes)
            amplitude[chosen] = names.index(name) if name is not None else -1
    rest = first if removed else state.target
    state.target, state.amplitude = np.where(np.isnan(new), rest, new), amplitude
    return state.start


def _entries(step: Step, state: _State, before: Floats, amplitudes: Sequence[Amplitude]) -> list[TemperatureEntry]:
    """Return the entries of one step behind its start."""
    courses = [amplitudes[k].over(step.start, step.end) for k in np.unique(state.amplitude[state.amplitude >= 0])]
    used = dict(zip(np.unique(state.amplitude[state.amplitude >= 0]).tolist(), courses, strict=True))
    jump = step.start + _JUMP * max(step.period, abs(step.start))
    times = np.unique(np.concatenate([[jump, step.end], *(c[1:-1, 0] for c in courses)]))
    times = times[times >= jump]
    return [TemperatureEntry(float(t), _at(float(t), step, state, before, used)) for t in times]


def _at(time: float, step: Step, state: _State, before: Floats, used: Mapping[int, Floats]) -> Floats:
    """Return the (n_nodes,) temperature at a time of a step."""
    part = 1.0 if step.at_once else (time - step.start) / step.period
    values = before + (state.target - before) * part if part != 1.0 else state.target.copy()
    for k, course in used.items():
        chosen = state.amplitude == k
        values[chosen] = state.target[chosen] * np.interp(time, course[:, 0], course[:, 1])
    return values


def _thinned(entries: Sequence[TemperatureEntry]) -> list[TemperatureEntry]:
    """Return the entries without those just behind a step's start that continue a straight line."""
    kept = [entries[0]]
    for entry, after in pairwise(entries[1:]):
        part = (entry.time - kept[-1].time) / (after.time - kept[-1].time)
        a, b, c = (np.asarray(e.value, dtype=np.float64) for e in (kept[-1], entry, after))
        if np.abs(a + (c - a) * part - b).max() > 1e-12 * max(np.abs(b).max(), 1e-300):
            kept.append(entry)
    return [*kept, entries[-1]] if len(entries) > 1 else kept
