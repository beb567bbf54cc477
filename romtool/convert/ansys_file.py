"""The Ansys result file (`.rst`) as records: header, pointers, single records.

The layout is that of Ansys' `fdresu.inc`; every record is checked by the length that stands before and behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.convert.ansys_kernels import COMPRESSED, DAMAGED, expand
from romtool.errors import ReaderError
from romtool.types import Floats, Ints

_MAGIC, _STRUCTURAL, _RESULT_HEADER = 100, 12, 103
_COUNTS = {"nodes": 2, "degrees of freedom": 4, "elements": 6, "results": 8}
_RESULT = {"dsi": (10, 40), "times": (11, 41), "elements": (13, 44), "nodes": (14, 45), "geometry": (15, 46)}
"""Pointer -> places of its low and high word in the result header."""


@dataclass(frozen=True)
class AnsysFile:
    """A result file.

    Parameters
    ----------
    path: the file.
    words: (n,) int32, mapped.
    header: the result header, int64.
    """

    path: Path
    words: Ints
    header: Ints

    @property
    def n_nodes(self) -> int:
        """Return the number of nodes."""
        return int(self.header[2])

    @property
    def n_elements(self) -> int:
        """Return the number of elements."""
        return int(self.header[6])

    @property
    def n_results(self) -> int:
        """Return the number of results (times, modes …)."""
        return int(self.header[8])

    def pointer(self, name: str) -> int:
        """Return where a part of the file begins ("dsi", "times", "elements", "nodes", "geometry")."""
        return long(self.header, *_RESULT[name])

    def error(self, at: int, message: str) -> ReaderError:
        """Return a ReaderError that names the byte of word `at`."""
        return ReaderError(f"{self.path}: byte {4 * at}: {message}; the file is damaged: copy it again")

    def read(self, at: int, limit: int, what: str) -> Ints | Floats:
        """Return the values of a record: int32, float32 or float64 of the file as int64 or float64.

        Parameters
        ----------
        at: word where it begins.
        limit: the largest number of words that it may give.
        what: what it holds, for messages.

        Raises
        ------
        ReaderError: damaged, compressed or too long.
        """
        out = np.zeros(2 * limit + 4, dtype=np.int32)
        count, width = expand(self.words, at, out)
        if count == COMPRESSED:
            raise ReaderError(f"{self.path}: byte {4 * at}: {what} are compressed; write them with /FCOMP,RST,0")
        if count < 0:
            reason = "no record" if count == DAMAGED else "a record that is too long"
            raise self.error(at, f"found {reason}, expected {what}")
        if width == 2:
            return out[: 2 * count].view(np.float64).copy()
        flags = int(self.words[at + 1]) >> 24 & 255
        return out[:count].astype(np.int64) if flags & 128 else out[:count].view(np.float32).astype(np.float64)

    def check(self, at: int, what: str) -> None:
        """Check that a record is there, without reading it. Raises ReaderError."""
        inside = at >= 0 and at + 2 < len(self.words)
        size = int(self.words[at]) if inside else -1
        if size < 0 or at + 2 + size >= len(self.words) or self.words[at + 2 + size] != size:
            raise self.error(at, f"found no record, expected {what}")

    def integers(self, at: int, limit: int, what: str, least: int = 0) -> Ints:
        """Return the integers of a record, at least `least` of them. Raises ReaderError."""
        found = self.read(at, limit, what)
        if found.dtype.kind != "i" or len(found) < least:
            raise self.error(at, f"expected {least} integers or more, {what}")
        return found.astype(np.int64, copy=False)

    def reals(self, at: int, limit: int, what: str, least: int = 0) -> Floats:
        """Return the reals of a record, at least `least` of them. Raises ReaderError."""
        found = self.read(at, limit, what)
        if found.dtype.kind != "f" or len(found) < least:
            raise self.error(at, f"expected {least} reals or more, {what}")
        return found.astype(np.float64, copy=False)


def long(table: Sequence[int] | Ints, low: int, high: int) -> int:
    """Return the 64-bit number of two words of a table, 0 where it is too short."""
    if max(low, high) >= len(table):
        return 0
    return (int(table[low]) & 0xFFFFFFFF) + (int(table[high]) << 32)


def open_file(path: Path) -> AnsysFile:
    """Open a result file and check its header.

    Raises
    ------
    ReaderError: not a result file, big-endian, compressed, or shorter than its header says; with the byte.
    """
    try:
        size = path.stat().st_size
        if size < 4 * (_RESULT_HEADER + 83):
            raise ReaderError(f"{path}: ends at byte {size}; expected the headers of an Ansys result file (744 bytes)")
        words: Ints = np.memmap(path, dtype="<i4", mode="r", shape=(size // 4,)).view(np.ndarray)
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); give an Ansys result file (.rst)") from error
    if words[0] == int.from_bytes(_MAGIC.to_bytes(4, "big"), "little"):
        raise ReaderError(f"{path}: byte 0: a big-endian file; convert it to little-endian (AUX2 of Ansys)")
    if words[0] != _MAGIC or words[2] != _STRUCTURAL:
        found = words[:3].tobytes()
        raise ReaderError(f"{path}: byte 0 holds {found!r}; expected 100, flags and 12, as in Ansys results (.rst)")
    file = AnsysFile(path, words, np.zeros(0, dtype=np.int64))
    header = file.integers(_RESULT_HEADER, 80, "the result header", 56)
    for name, k in _COUNTS.items():
        if not 0 < header[k] <= len(words):
            raise file.error(_RESULT_HEADER + 2 + k, f"found {header[k]} {name}")
    end = 4 * long(header, 22, 23)
    if not 0 < end <= size:
        raise ReaderError(f"{path}: ends at byte {size}, its header says {end}; it is truncated: copy it again")
    return AnsysFile(path, words, header)
