"""The temperature history on a set of nodes: linear in time between entries, constant outside.

Where entries exist they alone decide; `Temperature.initial` is T_0 of the thermal strain (where there is no
`Temperature.reference`), the temperature where there are no entries, and the start of a line to a first entry that lies
later than the first time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from scipy import sparse

from romtool.errors import CaseError
from romtool.expression import evaluate_expression
from romtool.loading import Temperature, cycle_times, intervals
from romtool.types import Floats, Ints

T = TypeVar("T")
Value = float | Floats | str


@dataclass(frozen=True)
class TemperatureHistory:
    """Temperatures of n nodes over time; entries that share a field share its array.

    Parameters
    ----------
    start: float [time], the first time.
    initial: (n,) float [temperature] at `start`.
    times: (n_entries,) increasing [time].
    fields: one (n,) array per entry, the same object where entries use the same field.
    scales, offsets: (n_entries,) the temperature of an entry is `scale * field + offset`.
    cycles: how often the entries are run through.
    """

    start: float
    initial: Floats
    times: Floats
    fields: tuple[Floats, ...]
    scales: Floats
    offsets: Floats
    cycles: int = 1

    def at(self, time: float) -> Floats:
        """Return the (n,) float [temperature] at `time`, a fresh array.

        At the end of a cycle the last entry holds; the next instant starts from the first.
        """
        return self.over(np.array([time]))[0]

    def over(self, times: Floats, operator: sparse.csr_matrix | None = None) -> Floats:
        """Return the temperatures at several times.

        Parameters
        ----------
        times: (n_times,) float [time].
        operator: csr (n_points, n) to the temperatures that are wanted; those of the nodes where None.

        Returns
        -------
        (n_times, n_points) float [temperature], a fresh array.
        """
        low, high, part = self._between(times)
        rows, places = np.unique(np.concatenate([low, high]), return_inverse=True)
        fields = np.array([self.initial if row < 0 else self._entry(row) for row in rows])
        if operator is not None:
            fields = np.ascontiguousarray((operator @ fields.T).T)
        places, part = places.reshape(2, -1), part[:, None]
        return np.asarray((1.0 - part) * fields[places[0]] + part * fields[places[1]])

    def _between(self, times: Floats) -> tuple[Ints, Ints, Floats]:
        """Return the entries before and after each time, -1 for the start, and the part of the way between them."""
        if not len(self.times):
            none = np.full(len(times), -1)
            return none, none, np.zeros(len(times))
        first, last = float(self.times[0]), float(self.times[-1])
        low, high, part = intervals(self.times, cycle_times(times, first, last, self.cycles))
        early = (times < first) & (self.start < first)
        ramp = np.maximum(0.0, (times - self.start) / (first - self.start)) if early.any() else part
        return np.where(early, -1, low), np.where(early, 0, high), np.where(early, ramp, part)

    def _entry(self, k: int) -> Floats:
        """Return the (n,) temperature of entry k."""
        return np.asarray(self.scales[k] * self.fields[k] + self.offsets[k])


def evaluate_at(points: Floats) -> Callable[[Value], Floats]:
    """Return what turns a number, an (n,) array or an expression into (n,) values at `points`.

    Parameters
    ----------
    points: (n, 3) float [length] coordinates of the nodes that arrays run over.

    Returns
    -------
    A function from a value to (n,) float [temperature]; it raises CaseError for an array of another length
    and for an expression that cannot be evaluated.
    """

    def evaluate(value: Value) -> Floats:
        if isinstance(value, str):
            return evaluate_expression(value, points)
        field = np.asarray(value, dtype=np.float64)
        if field.ndim and field.shape != (len(points),):
            raise CaseError(
                f"a temperature field has shape {field.shape}; expected one value for each of the "
                f"{len(points)} nodes; check which mesh the file belongs to"
            )
        return np.broadcast_to(field, (len(points),))

    return evaluate


def build_temperature(
    temperature: Temperature, evaluate: Callable[[Value], Floats], start: float
) -> TemperatureHistory:
    """Build the history of a temperature on a set of nodes.

    Parameters
    ----------
    temperature: initial temperature and entries.
    evaluate: turns a number, an array or an expression into (n,) values, before scale and offset
        (`evaluate_at(points)`); called once for each distinct value.
    start: float [time], the first time of the computation.

    Returns
    -------
    The history; `at(time)` gives (n,) values.

    Raises
    ------
    CaseError: an expression that cannot be evaluated, an array that does not fit the nodes.
    """
    shared = _once(evaluate)
    entries = temperature.entries
    return TemperatureHistory(
        start,
        shared(temperature.initial),
        np.array([entry.time for entry in entries], dtype=np.float64),
        tuple(shared(entry.value) for entry in entries),
        np.array([entry.scale for entry in entries], dtype=np.float64),
        np.array([entry.offset for entry in entries], dtype=np.float64),
        temperature.cycles,
    )


def restrict(temperature: Temperature, rows: Ints, points: Floats) -> Temperature:
    """Restrict a temperature to some nodes, so that a reduced model keeps only what it needs.

    Parameters
    ----------
    temperature: arrays run over all nodes.
    rows: (n,) rows of the nodes to keep.
    points: (n, 3) float [length] coordinates of these nodes.

    Returns
    -------
    The temperature with (n,) arrays in place of fields and expressions; numbers stay numbers, and entries
    that shared a field share its restriction.

    Raises
    ------
    CaseError: an expression that cannot be evaluated.
    """
    if len(rows) != len(points):
        raise ValueError(f"{len(rows)} rows but {len(points)} points: give the coordinates of the rows")

    def take(value: float | Floats) -> float | Floats:
        return value if np.ndim(value) == 0 else np.asarray(value, dtype=np.float64)[rows]

    def place(value: Value) -> float | Floats:
        return evaluate_expression(value, points) if isinstance(value, str) else take(value)

    shared = _once(place)
    entries = tuple(replace(entry, value=shared(entry.value)) for entry in temperature.entries)
    reference = None if temperature.reference is None else shared(temperature.reference)
    return replace(temperature, initial=shared(temperature.initial), entries=entries, reference=reference)


def _once(function: Callable[[Value], T]) -> Callable[[Value], T]:
    """Return `function` remembering its results: arrays by identity, numbers and texts by value."""
    known: dict[object, tuple[Value, T]] = {}

    def call(value: Value) -> T:
        key = value if isinstance(value, float | int | str) else id(value)
        if (type(value), key) not in known:
            known[type(value), key] = (value, function(value))
        return known[type(value), key][1]

    return call
