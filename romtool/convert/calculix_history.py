"""Amplitudes of a CalculiX deck and the course of one load over the steps, in total time.

Checked by running ccx 2.20 (a load here is a pressure, body force or prescribed displacement):
without amplitude a load goes from its value at the end of the step before to the new one, linearly or at
once; with an amplitude it is `target * amplitude`, in step time or total time; a load that a later step does
not name keeps its value, except that an amplitude in total time runs on; OP=NEW sets the target of what
the step does not name to zero and keeps the amplitude; at a jump of an amplitude (a time given twice)
ccx takes the value behind the jump. `VALUE=ABSOLUTE` does not exist in ccx, which ignores it. Of a line of an
amplitude ccx reads four pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from romtool.convert.calculix_keywords import Card, read_numbers
from romtool.convert.calculix_steps import Step
from romtool.convert.deck_dialect import Dialect
from romtool.types import Floats

_JUMP = 1e-9
_LINE = 8
_KNOWN = {"NAME", "TIME", "VALUE", "DEFINITION"}


@dataclass(frozen=True)
class Amplitude:
    """A piecewise linear amplitude: (n, 2) times and values, constant outside; `total`: in total time."""

    name: str
    points: Floats
    total: bool

    def over(self, start: float, end: float) -> Floats:
        """Return (m, 2) total times in [start, end] and values: both ends and all points in between."""
        shift = 0.0 if self.total else start
        times = self.points[:, 0] + shift
        inside = (times > start) & (times < end)
        ends = [[t, self._at(t - shift)] for t in (start, end)]
        inner = np.column_stack([times, self.points[:, 1]])[inside]
        return np.concatenate([ends[:1], inner, ends[1:]])

    def _at(self, time: float) -> float:
        """Return the value at a time in the amplitude's own time."""
        return float(np.interp(time, self.points[:, 0], self.points[:, 1]))


def read_amplitudes(cards: Sequence[Card], warnings: list[str], dialect: Dialect) -> dict[str, Amplitude]:
    """Return the amplitudes of a deck by name.

    Raises
    ------
    ReaderError: an odd number of values, decreasing times, parameters that romtool does not know.
    """
    return {a.name: a for a in (_amplitude(c, warnings, dialect) for c in cards if c.keyword == "AMPLITUDE")}


def _amplitude(card: Card, warnings: list[str], dialect: Dialect) -> Amplitude:
    """Return one amplitude; a jump is moved so that its time takes the value behind it."""
    unknown = sorted(set(card.parameters) - _KNOWN)
    if unknown or card.parameters.get("DEFINITION", "TABULAR") != "TABULAR":
        raise card.error(f"the parameter {(*unknown, 'DEFINITION')[0]} is not supported; write a plain table")
    if card.parameters.get("VALUE") == "ABSOLUTE" and not dialect.faulty:
        raise card.error("VALUE=ABSOLUTE is not supported; write relative values")
    if "VALUE" in card.parameters and dialect.faulty:
        warnings.append(f"{card.where}: *AMPLITUDE: CalculiX ignores VALUE={card.parameters['VALUE']}, as romtool does")
    values = _four_pairs(card, warnings)
    if len(values) % 2 or not len(values):
        raise card.error(f"found {len(values)} numbers, expected pairs of time and value")
    points = values.reshape(-1, 2).copy()
    if (np.diff(points[:, 0]) < 0).any():
        raise card.error("its times decrease; expected them in increasing order")
    again = np.flatnonzero(np.diff(points[:, 0]) == 0)
    points[again, 0] -= _JUMP * max(float(np.ptp(points[:, 0])), 1e-300)
    return Amplitude(card.name("NAME"), points, card.parameters.get("TIME", "") == "TOTALTIME")


def _four_pairs(card: Card, warnings: list[str]) -> Floats:
    """Return the numbers of an amplitude; CalculiX takes four pairs of a line and drops the others silently."""
    found = read_numbers(card)
    late = found.column >= _LINE
    if late.any():
        warnings.append(
            f"{card.line_of(int(found.line[int(np.argmax(late))]))}: *AMPLITUDE {card.name('NAME')}: the solver "
            f"reads four pairs of a line and drops the others ({int(late.sum()) // 2} pairs here), and so does romtool"
        )
    values = found.values[~late]
    return values[~np.isnan(values)]


def amplitude_of(card: Card, amplitudes: Mapping[str, Amplitude]) -> str | None:
    """Return the name of the amplitude that a load card uses. Raises ReaderError for an unknown one."""
    name = card.parameters.get("AMPLITUDE")
    if name is not None and name not in amplitudes:
        raise card.error(f"unknown amplitude {name}; the deck has {', '.join(sorted(amplitudes)) or 'none'}")
    return name


@dataclass(frozen=True)
class Event:
    """What a step says about a load: the new target and its amplitude; `removed`: by OP=NEW."""

    target: float
    amplitude: str | None = None
    removed: bool = False


@dataclass
class Course:
    """The events of one load by step index; index -1 stands for the part before the first step."""

    events: dict[int, Event] = field(default_factory=dict)

    def last(self) -> Event | None:
        """Return the latest event."""
        return self.events[max(self.events)] if self.events else None

    def copy(self) -> "Course":
        """Return a course with the same events, which may then differ."""
        return Course(dict(self.events))


def trace(course: Course, steps: Sequence[Step], amplitudes: Mapping[str, Amplitude]) -> Floats:
    """Return (n, 2) total times and values of a load over all steps; a jump is a time given twice.

    Parameters
    ----------
    course: its events.
    steps: the steps.
    amplitudes: by name.
    """
    first = course.events.get(-1)
    points = [np.array([[0.0, first.target if first else 0.0]])]
    active = first
    for i, step in enumerate(steps):
        event = course.events.get(i)
        active = event or active
        points.append(_within(active, event is not None, float(points[-1][-1, 1]), step, amplitudes))
    return _simplified(np.concatenate(points))


def _within(active: Event | None, new: bool, value: float, step: Step, amplitudes: Mapping[str, Amplitude]) -> Floats:
    """Return the points of one step; `value` is that at its start."""
    amplitude = amplitudes[active.amplitude] if active and active.amplitude else None
    if active is None or not (new or (amplitude and amplitude.total)):
        return np.array([[step.end, value]])
    if amplitude is not None:
        points = amplitude.over(step.start, step.end)
        return points * [1.0, active.target]
    start = [[step.start, active.target]] if step.at_once else []
    return np.array([*start, [step.end, active.target]])


def _simplified(points: Floats) -> Floats:
    """Return points without repetitions and without inner points of constant stretches."""
    same = (np.diff(points, axis=0) == 0).all(axis=1)
    points = points[np.r_[True, ~same]]
    flat = np.diff(points[:, 1]) == 0
    inner = np.r_[False, flat[:-1] & flat[1:], False] if len(points) > 2 else np.zeros(len(points), bool)
    return points[~inner]
