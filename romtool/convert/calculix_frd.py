"""Result files (`.frd`) of CalculiX: an index of the blocks first, their values when they are asked for.

Header lines are text in all modes; each block says itself whether its data are text (E12.5 numbers in fixed
columns), float32 or float64 (little endian, an int32 id before each row). The index seeks over the data, so
opening a large file reads only its headers. Format: manual of cgx, "result format".
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from romtool.convert.calculix_types import FRD_TYPES
from romtool.convert.parts import Part
from romtool.errors import ReaderError
from romtool.types import Ints

Text = NDArray[np.bytes_]

SHORT, LONG, FLOAT32, FLOAT64 = 0, 1, 2, 3
"""Format flags of a block: text with ids of 5 or 10 characters, binary."""
PRECISION = {SHORT: 5e-6, LONG: 5e-6, FLOAT32: 6e-8, FLOAT64: 0.0}
"""Relative precision of the numbers by format flag."""
_MAX_COUNT = 1 << 40


@dataclass(frozen=True)
class DataBlock:
    """Where the data of one block are.

    Parameters
    ----------
    name: "nodes", "elements" or the result's name (DISP, STRESS …).
    flag: 0 and 1 text (ids of 5 or 10 characters), 2 float32, 3 float64.
    count: number of rows (nodes or elements).
    start, stop: byte positions of the data.
    columns: values in a row.
    lines: bytes of each text line of one row.
    """

    name: str
    flag: int
    count: int
    start: int
    stop: int
    columns: int = 0
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class ResultBlock:
    """One result of one increment.

    Parameters
    ----------
    data: where the values are.
    components: names of the stored components.
    kind: 1 scalar, 2 vector, 4 tensor.
    step, increment: counters of the solver.
    time: float [time].
    analysis: 0 static, 1 time, 2 frequency, 3 load step, 4 user.
    """

    data: DataBlock
    components: tuple[str, ...]
    kind: int
    step: int
    increment: int
    time: float
    analysis: int

    @property
    def name(self) -> str:
        """Return the result's name."""
        return self.data.name


@dataclass(frozen=True)
class FrdIndex:
    """The blocks of a file; `complete` is False where the end mark 9999 is missing (a run that stopped)."""

    path: Path
    nodes: DataBlock
    elements: DataBlock | None
    results: tuple[ResultBlock, ...]
    complete: bool


class _Scanner:
    """Reads header lines and seeks over data; knows where it is for messages."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path, self.stream = path, stream
        self.size = path.stat().st_size

    def line(self) -> bytes:
        """Return the next line without its end."""
        return self.stream.readline().rstrip(b"\r\n")

    def error(self, message: str) -> ReaderError:
        """Return an error that names the file and the byte."""
        return ReaderError(
            f"{self.path}: {message} (near byte {self.stream.tell()}); the file is damaged or the run was stopped "
            "while it wrote: run CalculiX again or remove the last block"
        )

    def number(self, text: bytes, what: str) -> int:
        """Return an integer field of a header."""
        try:
            value = int(text)
        except ValueError as error:
            raise self.error(f"found {text.decode('latin-1')!r}, expected {what}") from error
        if not 0 <= value < _MAX_COUNT:
            raise self.error(f"found {value}, expected {what}")
        return value

    def data(self, name: str, flag: int, count: int, columns: int) -> DataBlock:
        """Skip a block of `count` rows of `columns` numbers and return where it is."""
        start = self.stream.tell()
        if flag in (FLOAT32, FLOAT64):
            width = 4 + columns * (4 if flag == FLOAT32 else 8)
            return self._skip(DataBlock(name, flag, count, start, start + count * width, columns))
        if flag not in (SHORT, LONG):
            raise self.error(f"block {name} has format {flag}, expected 0, 1 (text), 2 or 3 (binary)")
        lines = tuple(len(self.stream.readline()) for _ in range(-(-columns // 6) if count else 0))
        block = DataBlock(name, flag, count, start, start + count * sum(lines), columns, lines)
        self._skip(block)
        self._end_of_text(name)
        return block

    def _skip(self, block: DataBlock) -> DataBlock:
        """Seek behind a block. Raises ReaderError where the file ends before."""
        if block.stop > self.size:
            raise self.error(f"block {block.name} of {block.count} rows ends at byte {block.stop}, the file before")
        self.stream.seek(block.stop)
        return block

    def _end_of_text(self, name: str) -> None:
        """Read the line ` -3` that ends a block of text."""
        if self.line().strip() != b"-3":
            raise self.error(f"block {name} does not end where its row count says (` -3` expected)")


def read_index(path: Path) -> FrdIndex:
    """Return the blocks of a result file without reading their data.

    Raises
    ------
    ReaderError: the file is missing, truncated, or not a `.frd` file.
    """
    try:
        with Path(path).open("rb") as stream:
            return _scan(_Scanner(Path(path), stream))
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); expected a CalculiX .frd file") from error


def _scan(scanner: _Scanner) -> FrdIndex:
    """Walk over all blocks."""
    nodes: DataBlock | None = None
    elements: DataBlock | None = None
    results: list[ResultBlock] = []
    counters, complete = (0, 0), False
    while not complete and scanner.stream.tell() < scanner.size:
        line = scanner.line()
        key = line[:6].strip()
        if line.startswith(b"    1PSTEP"):
            counters = _counters(scanner, line)
        elif key == b"2C":
            nodes = _nodes(scanner, line)
        elif key == b"3C":
            elements = _elements(scanner, line)
        elif key.startswith(b"100"):
            results.append(_result(scanner, line, counters))
        elif key == b"9999":
            complete = True
        elif line.strip() and not line.startswith(b"    1"):
            raise scanner.error(f"found {line[:20].decode('latin-1')!r}, expected the header of a block")
    if nodes is None:
        raise ReaderError(f"{scanner.path}: holds no nodes (2C); expected the results of a CalculiX run")
    return FrdIndex(scanner.path, nodes, elements, tuple(results), complete)


def _counters(scanner: _Scanner, line: bytes) -> tuple[int, int]:
    """Return (step, increment) of a 1PSTEP line."""
    return scanner.number(line[48:60], "a step number"), scanner.number(line[36:48], "an increment number")


def _nodes(scanner: _Scanner, line: bytes) -> DataBlock:
    """Return the node block; binary coordinates are float64 whatever the results are."""
    flag = scanner.number(line[72:75] or b"1", "a format flag")
    count = scanner.number(line[24:36], "the number of nodes")
    return scanner.data("nodes", FLOAT64 if flag in (FLOAT32, FLOAT64) else flag, count, 3)


def _elements(scanner: _Scanner, line: bytes) -> DataBlock:
    """Return the element block, whose rows differ in length."""
    flag = scanner.number(line[72:75] or b"1", "a format flag")
    count = scanner.number(line[24:36], "the number of elements")
    start = scanner.stream.tell()
    if flag in (SHORT, LONG):
        return _text_elements(scanner, flag, count, start)
    stop = start + sum(4 * (4 + n) * rows for n, rows in _binary_runs(scanner, start, count))
    return scanner._skip(DataBlock("elements", flag, count, start, stop))


def _text_elements(scanner: _Scanner, flag: int, count: int, start: int) -> DataBlock:
    """Return the block of text elements: up to the line ` -3`."""
    with mmap.mmap(scanner.stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        end = view.find(b"\n -3", start - 1)
    if end < 0:
        raise scanner.error("the element block does not end (` -3` expected)")
    scanner.stream.seek(end + 1)
    scanner._end_of_text("elements")
    return DataBlock("elements", flag, count, start, end + 1)


def _binary_runs(scanner: _Scanner, start: int, count: int) -> list[tuple[int, int]]:
    """Return (nodes per element, elements) of successive runs of one type in a binary element block."""
    words = np.fromfile(scanner.path, dtype="<i4", offset=start, count=min(count * 24, (scanner.size - start) // 4))
    runs, at, left = [], 0, count
    while left:
        kind = FRD_TYPES.get(int(words[at + 1])) if at + 1 < len(words) else None
        if kind is None:
            raise scanner.error("the element block holds an unknown type or ends too early")
        rows = _run_length(words[at:], int(words[at + 1]), 4 + kind.n_nodes, left)
        runs.append((kind.n_nodes, rows))
        at, left = at + rows * (4 + kind.n_nodes), left - rows
    return runs


def _run_length(words: Ints, kind: int, width: int, most: int) -> int:
    """Return how many rows of `width` words from the start have type `kind`, looking ahead in growing pieces."""
    rows, piece = 1, 16
    while rows < most:
        types = words[rows * width + 1 : (rows + piece) * width + 1 : width][: most - rows]
        different = np.flatnonzero(types != kind)
        if len(different):
            return rows + int(different[0])
        if not len(types):
            return rows
        rows, piece = rows + len(types), piece * 4
    return rows


def _result(scanner: _Scanner, line: bytes, counters: tuple[int, int]) -> ResultBlock:
    """Return one result block and skip its data."""
    count = scanner.number(line[24:36], "the number of rows of a result")
    flag = scanner.number(line[72:75] or b"1", "a format flag")
    try:
        time = float(line[12:24])
    except ValueError as error:
        raise scanner.error(f"found {line[12:24].decode('latin-1')!r}, expected a time") from error
    analysis = scanner.number(line[56:58].strip() or b"0", "an analysis type")
    step, increment = counters if counters != (0, 0) else (1, scanner.number(line[58:63], "an increment number"))
    name, components, kind = _components(scanner)
    data = scanner.data(name, flag, count, len(components))
    return ResultBlock(data, components, kind, step, increment, time, analysis)


def _components(scanner: _Scanner) -> tuple[str, tuple[str, ...], int]:
    """Return name, stored components and kind of a result from its -4 and -5 lines."""
    head = scanner.line()
    if head[:3] != b" -4":
        raise scanner.error(f"found {head[:20].decode('latin-1')!r}, expected the name of a result (` -4`)")
    total = scanner.number(head[13:18], "the number of components")
    names, kind = [], 1
    for _ in range(total):
        line = scanner.line()
        if line[:3] != b" -5":
            raise scanner.error(f"found {line[:20].decode('latin-1')!r}, expected a component (` -5`)")
        if line[33:38].strip() in (b"", b"0"):
            names.append(line[5:13].decode("latin-1").strip())
            kind = scanner.number(line[18:23].strip() or b"1", "the kind of a component")
    return head[5:13].decode("latin-1").strip(), tuple(names), kind


def text_fields(table: Text, start: int, width: int, count: int) -> Text:
    """Return (n_rows, count) byte strings of `width` characters from column `start` of a table of characters."""
    part = np.ascontiguousarray(table[:, start : start + width * count])
    return part.view(f"S{width}").reshape(len(table), count)


def read_elements(path: Path, block: DataBlock) -> list[Part]:
    """Return the elements by type, nodes in VTK order. Raises ReaderError."""
    found = _read_text(path, block) if block.flag in (SHORT, LONG) else _read_binary(path, block)
    total = sum(len(part.ids) for part in found)
    if total != block.count:
        raise ReaderError(f"{path}: the element block holds {total} elements, its header says {block.count}")
    return found


def _read_binary(path: Path, block: DataBlock) -> list[Part]:
    """Return the elements of a binary block."""
    words = np.fromfile(path, dtype="<i4", count=(block.stop - block.start) // 4, offset=block.start)
    pieces: dict[int, list[Ints]] = {}
    at, left = 0, block.count
    while left:
        number = int(words[at + 1])
        width = 4 + FRD_TYPES[number].n_nodes
        rows = _run_length(words[at:], number, width, left)
        pieces.setdefault(number, []).append(words[at : at + rows * width].reshape(rows, width))
        at, left = at + rows * width, left - rows
    return [_part(number, tables, 4) for number, tables in pieces.items()]


def _part(number: int, tables: Sequence[Ints], skip: int) -> Part:
    """Return elements of one type from rows of id, further columns, nodes."""
    table = np.concatenate(tables).astype(np.int64)
    kind = FRD_TYPES[number]
    return Part(kind, table[:, 0], table[:, skip:][:, list(kind.to_vtk)])


def _read_text(path: Path, block: DataBlock) -> list[Part]:
    """Return the elements of a text block: a ` -1` line with id and type, then ` -2` lines of nodes."""
    with Path(path).open("rb") as stream:
        stream.seek(block.start)
        lines = np.array(stream.read(block.stop - block.start).splitlines(), dtype=np.bytes_)
    width = 5 if block.flag == SHORT else 10
    chars = lines.view("S1").reshape(len(lines), -1)
    if chars.shape[1] < 3 + width + 5:
        raise ReaderError(f"{path}: the element block at byte {block.start} is damaged: its lines are too short")
    heads = np.flatnonzero(text_fields(chars, 0, 3, 1)[:, 0] == b" -1")
    try:
        ids = text_fields(chars[heads], 3, width, 1)[:, 0].astype(np.int64)
        kinds = text_fields(chars[heads], 3 + width, 5, 1)[:, 0].astype(np.int64)
        return [_text_part(chars, heads, ids, kinds, int(number), width) for number in _in_order(kinds)]
    except (ValueError, IndexError, KeyError) as error:
        raise ReaderError(f"{path}: the element block at byte {block.start} is damaged: {error}") from error


def _in_order(kinds: Ints) -> Ints:
    """Return the distinct types in the order of their first element."""
    values, first = np.unique(kinds, return_index=True)
    return values[np.argsort(first)]


def _text_part(chars: Text, heads: Ints, ids: Ints, kinds: Ints, number: int, width: int) -> Part:
    """Return the text elements of one type; a line holds as many ids as fit in 10 (15 in short format)."""
    n_nodes, per_line = FRD_TYPES[number].n_nodes, 10 if width == 10 else 15
    chosen = np.flatnonzero(kinds == number)
    columns = []
    for i in range(-(-n_nodes // per_line)):
        count = min(per_line, n_nodes - i * per_line)
        columns.append(text_fields(chars[heads[chosen] + 1 + i], 3, width, count).astype(np.int64))
    return _part(number, [np.concatenate([ids[chosen, None], *columns], axis=1)], 1)
