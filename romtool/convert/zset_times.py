"""`***resolution` and `***table` of a Z-set deck: the increments and the amplitudes in time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from romtool.convert.zset_blocks import Command, number
from romtool.errors import ReaderError
from romtool.loading import Table
from romtool.types import Floats

_CONVERGENCE = ("init_d_dof", "no_symmetrize", "max_divergence")
_SEQUENCE = ("time", "dtime", "increment", "iteration", "ratio", "algorithm")


@dataclass(frozen=True)
class Increments:
    """When the solver computed.

    Parameters
    ----------
    times: (n_times,) starting with 0 [time].
    chosen_by_solver: Z-set chose the increments: those of the results count.
    warnings: sentences that a user should read.
    """

    times: Floats
    chosen_by_solver: bool
    warnings: tuple[str, ...]


def read_increments(calcul: Command) -> Increments:
    """Return the increments of all `**sequence` and `**cycles`, one behind the other.

    Raises
    ------
    ReaderError: no sequence, options that are not understood, times that do not increase.
    """
    warnings: list[str] = []
    times = np.zeros(1)
    for command in calcul.named("resolution"):
        if command.arguments.words not in ((), ("newton",), ("bfgs",)):
            raise ReaderError(f"{command.place}: ***resolution {command.arguments.text}: romtool reads newton only")
        command.check(("sequence", "cycles", "automatic_time", *_CONVERGENCE))
        for child in command.children:
            steps = child.name in ("sequence", "cycles")
            if steps:
                times = np.concatenate([times, _sequence(child, float(times[-1]), len(times) > 1)])
            if child.name == "automatic_time" or (steps and not child.named("increment")):
                warnings.append(f"{child.place}: Z-set chose the increments itself: take them from the results")
    if len(times) == 1:
        raise ReaderError(f"{calcul.place}: no ***resolution with **sequence or **cycles and *time; add it")
    return Increments(times, bool(warnings), tuple(warnings))


def _sequence(command: Command, start: float, continued: bool) -> Floats:
    """Return the times of a `**sequence [N]` or `**cycles [N]` behind `start`.

    `*time` holds ends of sequences, counted from the start of the computation; `*dtime` their lengths. In
    `**cycles` they are those of one cycle, which is run through N times.
    """
    command.check(_SEQUENCE)
    ends = _ends(command, start)
    if command.name == "cycles" and continued and command.named("time"):
        raise ReaderError(f"{command.place}: **cycles behind other sequences: write *dtime instead of *time")
    if len(command.arguments.words) > 1:
        raise ReaderError(f"{command.place}: {command.title} {command.arguments.text}: expected one whole number")
    count = int(number(command.arguments.words[0], command.place)) if command.arguments.words else 0
    if command.name == "sequence" and count:
        ends = ends[:count]
    increments = [value for option in command.named("increment") for value in option.numbers()] or [1.0]
    times: list[float] = []
    for k, end in enumerate(ends):
        before = ends[k - 1] if k else start
        n = int(increments[min(k, len(increments) - 1)])
        if end <= before or n < 1:
            raise ReaderError(
                f"{command.place}: {n} increments from {before:g} to {end:g}; times must increase, in 1 or more"
            )
        times += [before + (end - before) * step / n for step in range(1, n)] + [end]
    repeats = max(count, 1) if command.name == "cycles" else 1
    period = ends[-1] - start
    return np.concatenate([np.array(times) + cycle * period for cycle in range(repeats)])


def _ends(command: Command, start: float) -> list[float]:
    """Return the ends of the sequences of one block, counted from the start of the computation."""
    times = [value for option in command.named("time") for value in option.numbers()]
    steps = [value for option in command.named("dtime") for value in option.numbers()]
    if bool(times) == bool(steps):
        raise ReaderError(f"{command.place}: {command.title} needs either *time or *dtime with numbers; correct it")
    return times or [float(end) for end in start + np.cumsum(steps)]


def count_cycles(start: float, period: float, end: float) -> int:
    """Return how many cycles of `period` from `start` are begun before `end`, at least one.

    >>> count_cycles(0.0, 2.0, 8.0)
    4
    """
    return max(1, int(np.ceil((end - start) / period - 1e-9)))


def read_tables(calcul: Command, end: float) -> dict[str, Table]:
    """Return the tables of all `***table` by name; `**cycle NAME start stop` repeats until `end` [time].

    Raises
    ------
    ReaderError: no name, times and values that do not fit, times outside the cycle.
    """
    tables: dict[str, Table] = {}
    for block in calcul.named("table"):
        block.check(("name", "cycle"))
        for command in block.children:
            command.check(("time", "value"))
            table = _table(command, end)
            tables[table.name] = table
    return tables


def _table(command: Command, end: float) -> Table:
    words = command.arguments.words
    times = [value for option in command.named("time") for value in option.numbers()]
    values = [value for option in command.named("value") for value in option.numbers()]
    if len(words) != (3 if command.name == "cycle" else 1):
        raise ReaderError(
            f"{command.place}: {command.title} {command.arguments.text}: expected a name, for a cycle start and end"
        )
    if not times or len(times) != len(values) or np.any(np.diff(times) < 0.0):
        raise ReaderError(
            f"{command.place}: {len(times)} times and {len(values)} values; expected as many, times not decreasing"
        )
    points = np.column_stack([times, values])
    if command.name == "name":
        return Table(words[0], points)
    start, stop = number(words[1], command.place), number(words[2], command.place)
    if stop <= start or times[0] < start or times[-1] > stop:
        raise ReaderError(f"{command.place}: times {times[0]:g} to {times[-1]:g} in a cycle from {start:g} to {stop:g}")
    cycles = count_cycles(start, stop - start, end)
    return Table(words[0], _spanning(points, start, stop) if cycles > 1 else points, cycles)


def _spanning(points: Floats, start: float, stop: float) -> Floats:
    """Add points at the ends of the cycle where the table does not reach them."""
    first = [[start, points[0, 1]]] if points[0, 0] > start else []
    last = [[stop, points[-1, 1]]] if points[-1, 0] < stop else []
    return np.array([*first, *points.tolist(), *last])


def with_time(tables: Mapping[str, Table], names: Iterable[str | None], end: float) -> tuple[Table, ...]:
    """Return the deck's tables, and Z-set's built-in `time` (its value is the time) where `names` has it."""
    ramp = Table("time", np.array([[0.0, 0.0], [end, end]]))
    extra = (ramp,) if "time" in names and "time" not in tables else ()
    return (*tables.values(), *extra)


def table_name(words: tuple[str, ...], tables: Mapping[str, Table], place: str) -> str | None:
    """Return the table that a load names, None for no word.

    Raises
    ------
    ReaderError: an unknown table, or several; `place` says where.
    """
    if len(words) > 1:
        raise ReaderError(f"{place}: {' '.join(words)!r}: one table is expected; combine several into one")
    for word in words:
        if word not in tables and word != "time":
            raise ReaderError(f"{place}: no table {word!r}; ***table has {', '.join(tables) or 'none'}")
    return words[0] if words else None
