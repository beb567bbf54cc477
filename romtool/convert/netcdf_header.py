"""The size that the header of a classic NetCDF file announces: of a file cut short the library reads zeros.

Format: NetCDF Classic Format Specification (Unidata), versions 1, 2 (64-bit offsets) and 5 (64-bit data).
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from romtool.errors import ReaderError

_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""Bytes by type number: byte, char, short, int, float, double, then the unsigned and 64-bit ones."""
_STREAMING = {4: 0xFFFFFFFF, 8: 0xFFFFFFFFFFFFFFFF}
_MOST = 1_000_000
"""Dimensions, attributes or variables that a header may hold."""


@dataclass(frozen=True)
class _Variable:
    """Where the values of a variable are: first byte, bytes (of one record), whether it has records."""

    begin: int
    size: int
    has_records: bool


@dataclass(frozen=True)
class _Header:
    """Reads the items of a header one after the other."""

    path: Path
    file: BinaryIO
    length: int
    count_width: int
    offset_width: int

    def take(self, n_bytes: int, what: str) -> bytes:
        """Return the next bytes. Raises ReaderError where the file ends before."""
        start = self.file.tell()
        if start + n_bytes > self.length:
            raise ReaderError(
                f"{self.path}: its NetCDF header ends at byte {self.length}; {n_bytes} bytes of {what} were expected "
                f"at byte {start}; the file is cut short or damaged: write it anew"
            )
        return self.file.read(n_bytes)

    def number(self, width: int, what: str) -> int:
        """Return a big-endian number."""
        return int.from_bytes(self.take(width, what), "big")

    def padded(self, n_bytes: int, what: str) -> None:
        """Skip bytes that are filled up to a multiple of four."""
        self.take(_padded(n_bytes), what)

    def entries(self, tag: int, what: str) -> int:
        """Return the number of entries of a list."""
        start = self.file.tell()
        found, count = self.number(4, f"the list of {what}"), self.number(self.count_width, f"the list of {what}")
        if found not in (0, tag) or count > _MOST or (not found and count):
            raise ReaderError(
                f"{self.path}: found the mark {found} and {count} entries at byte {start}, expected the list of "
                f"{what} (mark {tag}) of a NetCDF header; the file is damaged: write it anew"
            )
        return count

    def name(self) -> None:
        """Skip a name."""
        self.padded(self.number(self.count_width, "a name"), "a name")

    def width_of_type(self) -> int:
        """Return the bytes of one value."""
        start = self.file.tell()
        kind = self.number(4, "a type")
        if kind not in _WIDTHS:
            raise ReaderError(
                f"{self.path}: found the type {kind} at byte {start}, expected one from 1 to 11 (NetCDF); the file is "
                "damaged: write it anew"
            )
        return _WIDTHS[kind]

    def attributes(self) -> None:
        """Skip a list of attributes."""
        for _ in range(self.entries(_ATTRIBUTE, "attributes")):
            self.name()
            width = self.width_of_type()
            self.padded(width * self.number(self.count_width, "an attribute"), "an attribute")

    def dimensions(self) -> list[int]:
        """Return the lengths of the dimensions; 0 is that of the records."""
        lengths = []
        for _ in range(self.entries(_DIMENSION, "dimensions")):
            self.name()
            lengths.append(self.number(self.count_width, "a dimension"))
        return lengths

    def variable(self, lengths: list[int]) -> _Variable:
        """Return the next variable."""
        self.name()
        start = self.file.tell()
        numbers = [self.number(self.count_width, "a dimension") for _ in range(self._rank())]
        if any(number >= len(lengths) for number in numbers):
            raise ReaderError(
                f"{self.path}: the variable at byte {start} has dimension {max(numbers)} of {len(lengths)}; the file "
                "is damaged: write it anew"
            )
        self.attributes()
        width = self.width_of_type()
        self.number(self.count_width, "a size")
        shape = [lengths[number] for number in numbers]
        has_records = bool(shape) and shape[0] == 0
        begin = self.number(self.offset_width, "an offset")
        return _Variable(begin, width * math.prod(shape[1:] if has_records else shape), has_records)

    def _rank(self) -> int:
        """Return the number of dimensions of a variable."""
        start = self.file.tell()
        rank = self.number(self.count_width, "a rank")
        if rank > 1024:
            raise ReaderError(f"{self.path}: found {rank} dimensions of a variable at byte {start}; write it anew")
        return rank


def expected_size(path: Path) -> int | None:
    """Return the size that the header of a classic NetCDF file announces.

    Parameters
    ----------
    path: a file that begins with `CDF`.

    Returns
    -------
    Bytes up to the end of the last value; None where the number of records is not known (a stream).

    Raises
    ------
    ReaderError: a header that is cut short or damaged, with the byte.
    """
    with path.open("rb") as file:
        version = file.read(4)[-1:]
        if version not in (b"\1", b"\2", b"\5"):
            raise ReaderError(f"{path}: NetCDF version {version!r} at byte 3; 1, 2 and 5 are known: write it anew")
        count_width = 8 if version == b"\5" else 4
        header = _Header(path, file, path.stat().st_size, count_width, 4 if version == b"\1" else 8)
        records = header.number(count_width, "the number of records")
        lengths = header.dimensions()
        header.attributes()
        variables = [header.variable(lengths) for _ in range(header.entries(_VARIABLE, "variables"))]
        return None if records == _STREAMING[count_width] else _end(variables, records, file.tell())


def _end(variables: list[_Variable], records: int, header: int) -> int:
    """Return the end of the last value."""
    varying = [variable for variable in variables if variable.has_records]
    sizes = [variable.size if len(varying) == 1 else _padded(variable.size) for variable in varying]
    ends = [variable.begin + variable.size for variable in variables if not variable.has_records]
    if records:
        ends += [variable.begin + (records - 1) * sum(sizes) + variable.size for variable in varying]
    return max([header, *ends])


def _padded(n_bytes: int) -> int:
    """Return a number of bytes filled up to a multiple of four."""
    return -(-n_bytes // 4) * 4
