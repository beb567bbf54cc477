"""`***parameter **file temperature` of a Z-set deck: nodal fields in time as `Temperature`."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import final

import numpy as np

from romtool.convert.zset_blocks import Command, Row, number
from romtool.convert.zset_mesh import ZsetMesh
from romtool.convert.zset_times import count_cycles
from romtool.errors import ReaderError
from romtool.loading import Table, Temperature, TemperatureEntry
from romtool.types import Floats

_OPTIONS = (
    "node",
    "rec_size",
    "cycle_conversion",
    "dtime",
    "base_temperature",
    "max_temperature",
    "table",
)
_ROW = re.compile(r"(?:function\s+([^;]*);|(\S+))\s+(uniform|file|function)\s+(.*)")
_OPERATORS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def read_temperature(
    command: Command, folder: Path, ordered: ZsetMesh, tables: Mapping[str, Table], end: float
) -> Temperature:
    """Read the temperature history.

    Forms: rows `time uniform value`, `time file NAME record`, where the time may be `function expr;` in
    `cycle`, the number of the cycle from 0 (the entries of the first cycle are kept, with the number of
    cycles up to `end`); or `*base_temperature`, `*max_temperature` and `*table`, T = base + c(t)(max - base).

    Parameters
    ----------
    command: `**file temperature`.
    folder: where the field files lie.
    ordered: the mesh, with the order of nodal files.
    tables: the deck's tables.
    end: last time of the computation [time].

    Returns
    -------
    The history; the initial temperature is the field at time 0.

    Raises
    ------
    ReaderError: options that are not understood, files missing or too short, times that do not increase.
    """
    command.check(_OPTIONS)
    fields = _Fields(command, folder, ordered)
    if command.named("max_temperature"):
        entries, cycles = _scaled(command, fields, tables)
    else:
        entries, cycles = _listed(command, fields, end)
    for before, after in pairwise(entries):
        if after.time <= before.time:
            raise ReaderError(
                f"{command.place}: temperature at time {after.time:g} after {before.time:g}; times must increase"
            )
    return Temperature(_at_zero(entries), entries, cycles)


@final
class _Fields:
    """Nodal records of binary files, in the order of the mesh; each is read once."""

    def __init__(self, command: Command, folder: Path, ordered: ZsetMesh) -> None:
        self.folder, self.ordered = folder, ordered
        self.read_already: dict[tuple[str, int], Floats] = {}
        for option in command.named("rec_size"):
            if option.arguments.words != (str(ordered.n_file_nodes),):
                raise ReaderError(
                    f"{option.place}: *rec_size {option.arguments.text}, but the mesh has "
                    f"{ordered.n_file_nodes} nodes; correct the number or the mesh"
                )

    def get(self, name: str, record: int, place: str) -> Floats:
        """Return record `record` (from 1) of a file of big-endian float32, (n_nodes,) [temperature]."""
        if (name, record) not in self.read_already:
            values = read_floats(self.folder / name, self.ordered.n_file_nodes, record, place)
            self.read_already[name, record] = values[self.ordered.node_ranks]
        return self.read_already[name, record]


def read_floats(path: Path, count: int, record: int | None, place: str) -> Floats:
    """Return `count` big-endian float32 values of a file.

    Parameters
    ----------
    path: the file. count: values in a record.
    record: which record, from 1; None where the file must hold a single one.
    place: where the deck names the file, for messages.

    Raises
    ------
    ReaderError: file missing, too short, or not of whole records.
    """
    try:
        found = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        reason = getattr(error, "strerror", None) or error
        raise ReaderError(f"{place}: {path} cannot be read ({reason}); put it there") from error
    expected = 4 * count * (record or 1)
    whole = count > 0 and (record or 1) >= 1 and found % (4 * count) == 0
    if not whole or found < expected or (record is None and found != expected):
        raise ReaderError(
            f"{place}: {path} has {found} bytes, expected {expected} for record {record or 1} of {count} float32 "
            "values; is it of this mesh?"
        )
    return np.fromfile(path, ">f4", count=count, offset=expected - 4 * count).astype(np.float64)


def _listed(command: Command, fields: _Fields, end: float) -> tuple[tuple[TemperatureEntry, ...], int]:
    """Return the entries given by rows, and the number of cycles."""
    rows = sorted([*command.rows, *(row for child in command.children for row in child.rows)], key=lambda row: row.line)
    if not rows:
        raise ReaderError(f"{command.place}: {command.title} temperature has no rows `time file NAME record`")
    found = [_entry(row, command, fields) for row in rows]
    entries = [entry for entry, _ in found]
    if command.named("dtime"):
        times = np.cumsum([entry.time for entry in entries])
        return tuple(replace(e, time=float(t)) for e, t in zip(entries, times, strict=True)), 1
    periods = {round(period, 9) for _, period in found}
    if periods == {0.0}:
        return tuple(entries), 1
    if len(periods) > 1 or min(periods) <= 0.0:
        raise ReaderError(f"{command.place}: the rows move by {sorted(periods)} from cycle to cycle; use one period")
    return _cyclic(entries, found[0][1], command, end)


def _cyclic(
    entries: list[TemperatureEntry], period: float, command: Command, end: float
) -> tuple[tuple[TemperatureEntry, ...], int]:
    """Close the cycle where the last entry stands before its end, and count the cycles until `end`."""
    start, last = entries[0].time, entries[-1].time
    if last - start > period * (1 + 1e-9):
        raise ReaderError(
            f"{command.place}: the entries cover {last - start:g}, more than the period {period:g}; correct them"
        )
    if last - start < period * (1 - 1e-9):
        entries = [*entries, replace(entries[0], time=start + period)]
    for option in command.named("cycle_conversion"):
        limits = [number(word, option.place) for word in option.arguments.words]
        if len(limits) != 3 or limits[1] < end * (1 - 1e-9):
            raise ReaderError(
                f"{option.place}: *cycle_conversion {option.arguments.text}; expected start, end and period, and an "
                f"end not before that of the computation ({end:g})"
            )
    return tuple(entries), count_cycles(start, period, end)


def _entry(row: Row, command: Command, fields: _Fields) -> tuple[TemperatureEntry, float]:
    """Return the entry of a row in the first cycle, and how far it moves with the next."""
    place = f"{command.file}, line {row.line}"
    match = _ROW.fullmatch(row.text.strip())
    if match is None or match[3] == "function":
        raise ReaderError(
            f"{place}: {row.text!r} is not understood; expected `time uniform value` or `time file NAME record`"
        )
    words = match[4].split()
    time = _expression(match[1], 0, place) if match[1] is not None else number(match[2], place)
    later = _expression(match[1], 1, place) if match[1] is not None else time
    if match[3] == "uniform":
        return TemperatureEntry(time, number(words[0], place)), later - time
    record = int(number(words[1], place)) if len(words) > 1 else 1
    return TemperatureEntry(time, fields.get(words[0], record, place)), later - time


def _expression(text: str, cycle: int, place: str) -> float:
    """Return the value of an arithmetic expression of `cycle`. Raises ReaderError for anything else."""

    def value(node: ast.expr) -> float:
        match node:
            case ast.BinOp() if type(node.op) in _OPERATORS:
                return _OPERATORS[type(node.op)](value(node.left), value(node.right))
            case ast.UnaryOp(op=ast.USub()):
                return -value(node.operand)
            case ast.Constant(value=int() | float() as constant):
                return float(constant)
            case ast.Name(id="cycle"):
                return float(cycle)
            case _:
                raise ValueError(ast.unparse(node))

    try:
        return value(ast.parse(re.sub(r"(?<![.\w])0+(?=\d)", "", text.strip()), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError) as error:
        raise ReaderError(f"{place}: {text.strip()!r} is no sum or product of numbers and `cycle`") from error


def _scaled(command: Command, fields: _Fields, tables: Mapping[str, Table]) -> tuple[tuple[TemperatureEntry, ...], int]:
    """Return the entries of T = base + c(t)(max - base) at the points of the table c."""
    base = _level(command, "base_temperature", fields)
    hot = _level(command, "max_temperature", fields)
    names = [word for option in command.named("table") for word in option.words()]
    if len(names) != 1 or names[0] not in tables:
        raise ReaderError(
            f"{command.place}: *table {' '.join(names)}; expected the name of one of ***table: {', '.join(tables)}"
        )
    table = tables[names[0]]
    if isinstance(base, float):
        entries = tuple(TemperatureEntry(float(t), hot, float(c), (1.0 - float(c)) * base) for t, c in table.points)
    else:
        entries = tuple(TemperatureEntry(float(t), base + float(c) * (hot - base)) for t, c in table.points)
    return entries, table.cycles


def _level(command: Command, name: str, fields: _Fields) -> float | Floats:
    """Return `*base_temperature` or `*max_temperature`: `constant T` or `file NAME [record]`."""
    options = command.named(name)
    words = options[0].words() if len(options) == 1 else ()
    if len(words) < 2 or words[0] not in ("constant", "file"):
        raise ReaderError(f"{command.place}: expected one *{name} constant T, or file NAME, found {len(options)}")
    place = options[0].place
    if words[0] == "constant":
        return number(words[1], place)
    return fields.get(words[1], int(number(words[2], place)) if len(words) > 2 else 1, place)


def _at_zero(entries: tuple[TemperatureEntry, ...]) -> float | Floats:
    """Return the field at time 0: linear between entries, constant outside."""
    times = [entry.time for entry in entries]
    k = int(np.searchsorted(times, 0.0))
    if k == 0 or k == len(entries):
        return _value(entries[min(k, len(entries) - 1)])
    part = -times[k - 1] / (times[k] - times[k - 1])
    return (1.0 - part) * _value(entries[k - 1]) + part * _value(entries[k])


def _value(entry: TemperatureEntry) -> float | Floats:
    value = entry.value
    if isinstance(value, str):
        raise ReaderError(f"the temperature at time {entry.time:g} is an expression; expected a number or a field")
    return entry.scale * value + entry.offset
