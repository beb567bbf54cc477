"""Records of Abaqus' results file in ASCII (`.fil`, from `*FILE FORMAT, ASCII`).

The file is one sequence of characters, cut into lines of 80. A record is `*`, its length in words, its key and its
attributes; a word is `I`, two characters with the number of digits, and these digits, or `D` and 22 characters, or
`A` and 8. An increment begins with record 2000 at the start of a line and ends with record 2001 (Abaqus Analysis
User's Guide, "Results file output format").
"""

import mmap
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from romtool.errors import ReaderError
from romtool.types import Floats, Ints

_WIDTH = 80
_BEGIN, _END = b"*I 223I 42000", b"*I 12I 42001"
_INTEGER = rb"I[ \d]\d(-?\d+)"
_INTEGERS = rb"((?:I[ \d]\d-?\d+)*)"
_REALS = rb"((?:[DE].{22})*)"
_HEAD = rb"\*I[ \d]\d\d+I[ \d]\d"


@dataclass(frozen=True)
class Increment:
    """One increment: total time, step, procedure and whether it is a perturbation; its bytes in the file."""

    time: float
    step: int
    perturbation: bool
    start: int
    stop: int


@dataclass(frozen=True)
class FilIndex:
    """The model's part of a file and its increments."""

    path: Path
    model: bytes
    increments: tuple[Increment, ...]


@dataclass(frozen=True)
class Chunk:
    """The characters of one part of the file, without line ends."""

    path: Path
    text: bytes

    @cached_property
    def numbers(self) -> bytes:
        """Return the text with C's exponents."""
        return self.text.replace(b"D+", b"E+").replace(b"D-", b"E-")

    def table(self, key: int) -> tuple[Ints, Floats]:
        """Return ids and (n, n_values) values of the records `key` that hold an integer and reals.

        Rows may differ in length: missing values are NaN.

        Raises
        ------
        ReaderError: a value that is no number.
        """
        pattern = _HEAD + str(key).encode() + _INTEGER + _REALS
        return self._rows(re.findall(pattern, self.numbers))

    def _rows(self, found: Sequence[tuple[bytes, bytes]]) -> tuple[Ints, Floats]:
        """Return the ids and values of matches."""
        ids = np.array([row[0] for row in found] or np.zeros(0), dtype=np.int64)
        return ids, self.values([row[1] for row in found])

    def values(self, rows: Sequence[bytes]) -> Floats:
        """Return the (n, n_values) reals of rows of `D` words. Raises ReaderError."""
        lengths = np.array([len(row) // 23 for row in rows], dtype=np.int64)
        table = np.full((len(rows), int(lengths.max(initial=0))), np.nan)
        words = np.frombuffer(b"".join(rows), dtype="S23")
        try:
            numbers = np.ascontiguousarray(words.view("S1").reshape(-1, 23)[:, 1:]).view("S22")[:, 0].astype(np.float64)
        except ValueError as error:
            raise ReaderError(f"{self.path}: a record holds what is no number ({error}); it is damaged") from error
        table[np.arange(table.shape[1]) < lengths[:, None]] = numbers
        return table

    def elements(self) -> list[tuple[str, Ints, Ints]]:
        """Return the elements (records 1900) by type: name, ids, (n, n_nodes) nodes. Raises ReaderError."""
        found = re.findall(_HEAD + b"1900" + _INTEGER + rb"A(.{8})" + _INTEGERS, self.text)
        names = np.array([row[1] for row in found], dtype="S8")
        parts = []
        for name in dict.fromkeys(names.tolist()):
            mine = [row for row, own in zip(found, names.tolist(), strict=True) if own == name]
            nodes = [integers(row[2]) for row in mine]
            if len({len(row) for row in nodes}) > 1:
                raise ReaderError(f"{self.path}: elements of type {name.decode()} have different numbers of nodes")
            ids = np.array([row[0] for row in mine], dtype=np.int64)
            parts.append((name.decode("latin-1").strip(), ids, np.array(nodes, dtype=np.int64)))
        return parts

    def sets(self, key: int) -> dict[str, Ints]:
        """Return the sets of records `key` (1931 nodes, 1933 elements), continued in `key + 1`, by name."""
        pattern = _HEAD + rb"(?:%d(A.{8})|%d)" % (key, key + 1) + _INTEGERS
        labels = self._labels()
        parts: dict[str, list[Ints]] = {}
        name = ""
        for label, members in re.findall(pattern, self.text):
            if label:
                text = label[1:].decode("latin-1").strip()
                name = labels.get(text, text)
            parts.setdefault(name, []).append(integers(members))
        return {name: np.concatenate(found) for name, found in parts.items()}

    def _labels(self) -> dict[str, str]:
        """Return the long names (records 1940) by the number that stands for them."""
        found = re.findall(_HEAD + b"1940" + _INTEGER + rb"((?:A.{8})+)", self.text)
        return {
            number.decode(): "".join(words[i + 1 : i + 9].decode("latin-1") for i in range(0, len(words), 9)).strip()
            for number, words in found
        }


def integers(words: bytes) -> Ints:
    """Return the integers of `I` words.

    >>> integers(b"I 11I 212I 3100").tolist()
    [1, 12, 100]
    """
    return np.array([int(word) for word in re.findall(rb"I[ \d]\d(-?\d+)", words)], dtype=np.int64)


def read_index(path: Path) -> FilIndex:
    """Return the increments of a file without reading their values.

    Raises
    ------
    ReaderError: not such a file, or cut inside an increment.
    """
    try:
        size = path.stat().st_size
        if not size:
            raise ReaderError(f"{path}: is empty; expected an Abaqus results file in ASCII (*FILE FORMAT, ASCII)")
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return _index(path, view)
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); give an Abaqus results file (.fil)") from error


def _index(path: Path, view: mmap.mmap) -> FilIndex:
    """Find the beginning of each increment."""
    if view[:3] != b"*I ":
        raise ReaderError(
            f"{path}: byte 0 holds {view[:8]!r}; expected '*I ' of a results file in ASCII: ask Abaqus for "
            "*FILE FORMAT, ASCII"
        )
    starts, at = [], view.find(b"\n" + _BEGIN)
    while at >= 0:
        starts.append(at + 1)
        at = view.find(b"\n" + _BEGIN, at + 1)
    if not starts:
        raise ReaderError(f"{path}: ends at byte {len(view)} before the first increment (record 2000); it is truncated")
    stops = [*starts[1:], len(view)]
    increments = tuple(_increment(path, view, start, stop) for start, stop in zip(starts, stops, strict=True))
    return FilIndex(path, _joined(view[: starts[0]]), increments)


def _increment(path: Path, view: mmap.mmap, start: int, stop: int) -> Increment:
    """Return the increment that begins at a byte."""
    tail = _joined(view[max(stop - 6 * _WIDTH, start) : stop])
    head = Chunk(path, _joined(view[start : min(start + 10 * _WIDTH, stop)])).numbers
    match = re.match(re.escape(_BEGIN) + _REALS + _INTEGERS, head)
    if match is None or len(match[1]) < 2 * 23:
        raise ReaderError(f"{path}: byte {start} holds no complete record 2000; it is damaged")
    time = float(Chunk(path, b"").values([match[1]])[0, 0])
    if _END not in tail:
        raise ReaderError(f"{path}: ends at byte {stop} inside the increment at time {time:g}; it is truncated")
    numbers = integers(match[2])
    if len(numbers) < 4:
        raise ReaderError(f"{path}: record 2000 at byte {start} has no step and increment; it is damaged")
    return Increment(time, int(numbers[1]), bool(numbers[3]), start, stop)


def _joined(text: bytes) -> bytes:
    """Return lines as one sequence; lines that an editor stripped are filled up."""
    text = text.replace(b"\r", b"")
    if len(text) and (len(text) + 1) // (_WIDTH + 1) == text.count(b"\n") + (not text.endswith(b"\n")):
        return text.replace(b"\n", b"")
    lines = text.split(b"\n")
    return b"".join(line.ljust(_WIDTH) for line in lines[:-1]) + lines[-1]


def read_chunk(path: Path, increment: Increment) -> Chunk:
    """Return the characters of one increment."""
    with path.open("rb") as stream:
        stream.seek(increment.start)
        return Chunk(path, _joined(stream.read(increment.stop - increment.start)))


def point_records(chunk: Chunk, key: int) -> tuple[Ints, Ints, Ints, Floats]:
    """Return the values of record `key` at points: element ids, points, kinds of location, (n, n_values) values.

    A record 1 says element, point, section point and location (0: integration point, 1: centroid, 2 and 4: nodes)
    of the value records behind it.
    """
    head = rb"\*I[ \d]\d\d+I 11" + _INTEGER + _INTEGER + _INTEGER + _INTEGER
    value = _HEAD + str(key).encode() + b"([DE].{22}(?:[DE].{22})*)"
    found = re.findall(rb"(?:" + head + rb")|(?:" + value + rb")", chunk.numbers)
    is_head = np.array([not row[4] for row in found], dtype=bool)
    heads = np.array([row[:4] for row in found if not row[4]] or np.zeros((0, 4)), dtype=np.int64).reshape(-1, 4)
    of_value = (np.cumsum(is_head) - 1)[~is_head]
    values = chunk.values([row[4] for row in found if row[4]])
    return heads[of_value, 0], heads[of_value, 1], heads[of_value, 3], values
