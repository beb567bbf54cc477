"""Blocks of an Ansys archive (`.cdb`, from CDWRITE): nodes, elements, element types, components.

A block is a command (NBLOCK, EBLOCK, CMBLOCK, ETBLOCK), a line with its Fortran format, `(3i9,6e21.13e3)`, and rows
of fixed width; trailing zeros of a row may be missing. All other commands are lines with commas.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from romtool.convert.ansys_elements import RawElements
from romtool.errors import ReaderError
from romtool.types import Floats, Ints

_COMMAND = re.compile(rb"^[ \t]*[A-Za-z/*].*$", re.MULTILINE)
_FORMAT = re.compile(
    rb"\s*\((\d+)i(\d+)(?:,\d*x?,?(\d+)[eg](\d+)(?:\.\d+)?(?:e\d+)?)?(?:,\d*a\d+)?\)\s*$", re.IGNORECASE
)
_BLOCKS = ("NBLOCK", "EBLOCK", "CMBLOCK", "ETBLOCK")
_HEAD, _FIRST = 11, 8
"""Numbers before the nodes in the first row of an element, and nodes in that row."""


@dataclass(frozen=True)
class Command:
    """A command line: its fields, upper case and stripped, and its line number."""

    fields: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Block:
    """A block: its command, the number of integers and their width, of reals and their width, and its rows."""

    command: Command
    n_integers: int
    integer_width: int
    n_reals: int
    real_width: int
    rows: tuple[bytes, ...]


@dataclass(frozen=True)
class Archive:
    """The commands and blocks of an archive.

    Parameters
    ----------
    path: the file.
    commands: all commands that are no block.
    blocks: the blocks in order.
    """

    path: Path
    commands: tuple[Command, ...]
    blocks: tuple[Block, ...]

    def error(self, line: int, message: str) -> ReaderError:
        """Return a ReaderError that starts with file and line."""
        return ReaderError(f"{self.path}:{line}: {message}")

    def of(self, *names: str) -> list[Command]:
        """Return the commands with one of some names."""
        return [command for command in self.commands if command.fields[0] in names]


def read_archive(path: Path) -> Archive:
    """Split an archive into commands and blocks.

    Raises
    ------
    ReaderError: the file cannot be read, holds no NBLOCK, or ends inside a block.
    """
    try:
        text = path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); give an Ansys archive (.cdb)") from error
    commands: list[Command] = []
    blocks: list[Block] = []
    starts = [match.start() for match in _COMMAND.finditer(text)]
    line = at = 0
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=False):
        line += text.count(b"\n", at, start)
        at = start
        head, _, rest = text[start:stop].partition(b"\n")
        command = _command(head, line + 1)
        if command.fields[0] in _BLOCKS:
            blocks.append(_block(path, command, rest, stop == len(text)))
        else:
            commands.append(command)
    if not any(block.command.fields[0] == "NBLOCK" for block in blocks):
        raise ReaderError(f"{path}: holds no NBLOCK in its {len(text)} bytes; expected an Ansys archive (CDWRITE,DB)")
    return Archive(path, tuple(commands), tuple(blocks))


def _command(line: bytes, number: int) -> Command:
    """Return the command of a line."""
    text = line.decode("latin-1").partition("!")[0].upper()
    return Command(tuple(field.strip() for field in text.split(",")), number)


def _block(path: Path, command: Command, text: bytes, last: bool) -> Block:
    """Return the block that a command begins; `text` reaches to the next command or, where `last`, to the end."""
    form, _, body = text.partition(b"\n")
    match = _FORMAT.match(form)
    if match is None:
        found = form.decode("latin-1").strip()[:60]
        raise ReaderError(f"{path}:{command.line + 1}: found {found!r}, expected the format of {command.fields[0]}")
    n_integers, width, n_reals, real_width = (int(number or 0) for number in match.groups())
    rows = body.rstrip().split(b"\n") if body.strip() else []
    ended = bool(rows) and rows[-1].strip() == b"-1"
    if last and not ended and command.fields[0] != "CMBLOCK":
        place = command.line + 1 + len(rows)
        raise ReaderError(
            f"{path}:{place}: the file ends inside the {command.fields[0]} of line {command.line}; it is truncated"
        )
    return Block(command, n_integers, width, n_reals, real_width, tuple(rows[:-1] if ended else rows))


def _count(archive: Archive, command: Command, position: int) -> int:
    """Return a whole number among the fields of a command."""
    try:
        return int(command.fields[position])
    except (IndexError, ValueError) as error:
        raise archive.error(command.line, f"{command.fields[0]} does not say how many it holds") from error


def _columns(archive: Archive, block: Block, start: int, width: int, count: int) -> NDArray[np.bytes_]:
    """Return (n_rows, count) fields of one width from character `start` of each row, blank where it is shorter."""
    stop = start + width * count
    table = np.array(block.rows, dtype=f"S{max(stop, 1)}") if block.rows else np.zeros(0, dtype=f"S{max(stop, 1)}")
    characters = table.view("S1").reshape(len(table), max(stop, 1))
    return np.ascontiguousarray(characters[:, start:stop]).view(f"S{width}").reshape(len(table), count)


def _integers(archive: Archive, block: Block) -> Ints:
    """Return the (n_rows, n_integers) integers of a block, 0 where a row is shorter."""
    fields = np.char.strip(_columns(archive, block, 0, block.integer_width, block.n_integers))
    return _numbers(archive, block, fields).astype(np.int64)


def _numbers(archive: Archive, block: Block, fields: NDArray[np.bytes_]) -> Floats:
    """Return fields as numbers, 0 where they are blank. Raises ReaderError with the line of a bad one."""
    filled = np.where(fields == b"", b"0", fields)
    try:
        return filled.astype(np.float64)
    except ValueError as error:
        bad = next(i for i, row in enumerate(filled) if not all(map(_is_number, row.tolist())))
        line = block.command.line + 2 + bad
        found = block.rows[bad].decode("latin-1")[:60]
        raise archive.error(line, f"found {found!r}, expected numbers of width {block.integer_width}") from error


def _is_number(text: bytes) -> bool:
    """Tell whether a field is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_nodes(archive: Archive) -> tuple[Ints, Floats, Floats]:
    """Return ascending node ids, (n, 3) coordinates and (n, 3) angles [degree] of all NBLOCKs. Raises ReaderError."""
    ids, reals = [np.zeros(0, np.int64)], [np.zeros((0, 6))]
    for block in archive.blocks:
        if block.command.fields[0] == "NBLOCK":
            if block.n_reals < 3:
                raise archive.error(block.command.line + 1, "the format of NBLOCK has no three coordinates")
            ids.append(_integers(archive, block)[:, 0])
            fields = _columns(archive, block, block.n_integers * block.integer_width, block.real_width, 6)
            reals.append(_numbers(archive, block, np.char.strip(fields)))
            _check_count(archive, block, len(ids[-1]))
    all_ids, first = np.unique(np.concatenate(ids), return_index=True)
    values = np.concatenate(reals)[first]
    return all_ids, values[:, :3], values[:, 3:]


def _check_count(archive: Archive, block: Block, found: int) -> None:
    """Compare the number of rows with what the command says, where it says it."""
    said = block.command.fields[-1]
    if len(block.command.fields) > 4 and said.isdigit() and int(said) != found:
        raise archive.error(block.command.line, f"{block.command.fields[0]} says {said}, its rows hold {found}")


def read_elements(archive: Archive) -> tuple[RawElements, Ints]:
    """Return the elements of all EBLOCKs and the (n,) material number of each. Raises ReaderError."""
    heads, nodes = [np.zeros((0, _HEAD), np.int64)], [np.zeros((0, 20), np.int64)]
    for block in archive.blocks:
        if block.command.fields[0] == "EBLOCK":
            if "SOLID" not in block.command.fields:
                raise archive.error(block.command.line, "an EBLOCK without SOLID is not read; write it with CDWRITE,DB")
            found = _element_rows(archive, block)
            heads.append(found[:, :_HEAD])
            nodes.append(found[:, _HEAD:])
    head = np.concatenate(heads)
    if not len(head):
        raise ReaderError(f"{archive.path}: holds no elements (EBLOCK); expected an archive with nodes and elements")
    routines, options = _element_types(archive)
    return RawElements(head[:, 10], head[:, 1], np.concatenate(nodes), routines, options), head[:, 0]


def _element_rows(archive: Archive, block: Block) -> Ints:
    """Return (n_elements, 11 + 20): the numbers before the nodes, and the nodes, of rows that may go on in a second."""
    rows = _integers(archive, block)
    if block.n_integers != _HEAD + _FIRST:
        raise archive.error(block.command.line + 1, f"found {block.n_integers} numbers in a row of EBLOCK, expected 19")
    counts = rows[:, 8] if len(rows) else np.zeros(0, np.int64)
    pieces, at = [np.zeros((0, _HEAD + 20), np.int64)], 0
    while at < len(rows):
        n_rows = 2 if counts[at] > _FIRST else 1
        if not 1 <= counts[at] <= 20 or at + n_rows > len(rows):
            line = block.command.line + 2 + at
            raise archive.error(line, f"an element with {counts[at]} nodes, expected 1 to 20 in complete rows")
        stop = at + n_rows * min(_run(counts[at::n_rows], n_rows), (len(rows) - at) // n_rows)
        group = rows[at:stop].reshape(-1, n_rows, rows.shape[1])
        table = np.zeros((len(group), _HEAD + 20), np.int64)
        table[:, : _HEAD + _FIRST] = group[:, 0]
        if n_rows == 2:
            table[:, _HEAD + _FIRST :] = group[:, 1, :12]
        inside = np.arange(20) < group[:, 0, 8][:, None]
        table[:, _HEAD:] *= inside
        pieces.append(table)
        at = stop
    return np.concatenate(pieces)


def _run(counts: Ints, n_rows: int) -> int:
    """Return how many elements at the start have as many rows as the first."""
    same = (counts > _FIRST) if n_rows == 2 else (counts >= 1) & (counts <= _FIRST)
    return int(np.argmin(same)) if not same.all() else len(counts)


def _element_types(archive: Archive) -> tuple[dict[int, int], dict[int, tuple[int, ...]]]:
    """Return reference number -> element type number, and -> KEYOPT(1) to (18)."""
    routines: dict[int, int] = {}
    options: dict[int, list[int]] = {}
    for block in archive.blocks:
        if block.command.fields[0] == "ETBLOCK":
            for row in _integers(archive, block):
                routines[int(row[0])], options[int(row[0])] = int(row[1]), row[2:].tolist()
    for command in archive.of("ET", "KEYOP", "KEYOPT"):
        numbers = [_whole(archive, command, field) for field in command.fields[1:]]
        if len(numbers) < 2:
            raise archive.error(command.line, f"found {','.join(command.fields)!r}, expected two numbers or more")
        if command.fields[0] == "ET":
            routines[numbers[0]], options[numbers[0]] = numbers[1], numbers[2:]
        else:
            kept = options.setdefault(numbers[0], [])
            kept += [0] * (numbers[1] - len(kept))
            kept[numbers[1] - 1] = (*numbers, 0)[2]
    return routines, {key: tuple(values) for key, values in options.items()}


def _whole(archive: Archive, command: Command, text: str) -> int:
    """Return the number in a field, also of an element's name ("SOLID186"), 0 for an empty one."""
    digits = re.sub(r"^[A-Z]+", "", text)
    try:
        return int(float(digits)) if digits else 0
    except (ValueError, OverflowError) as error:
        raise archive.error(command.line, f"found {text!r}, expected a whole number") from error


LARGEST_ID = 10**8
"""Of a node or an element; above it a number is damage, which would fill the memory as the end of a range."""


def read_components(archive: Archive) -> tuple[dict[str, Ints], dict[str, Ints]]:
    """Return the node and the element components: name -> ids; a negative number ends a range. Raises ReaderError."""
    found: dict[str, dict[str, Ints]] = {"NODE": {}, "ELEM": {}}
    for block in archive.blocks:
        fields = block.command.fields
        if fields[0] != "CMBLOCK":
            continue
        count = _count(archive, block.command, 3)
        numbers = _integers(archive, block).ravel()[:count]
        if len(numbers) < count or (numbers == 0).any():
            raise archive.error(
                block.command.line, f"component {fields[1]} has fewer than the {count} numbers that it says"
            )
        if np.abs(numbers).max(initial=0) > LARGEST_ID:
            raise archive.error(block.command.line, f"component {fields[1]} has ids above {LARGEST_ID:g}")
        if fields[2][:4] in found:
            found[fields[2][:4]][fields[1]] = written_out(numbers)
    return found["NODE"], found["ELEM"]


def written_out(numbers: Ints) -> Ints:
    """Return ids with ranges (a, -b) written out."""
    ends = np.flatnonzero(numbers < 0)
    ranges = [np.arange(abs(numbers[i - 1]), -numbers[i] + 1) for i in ends if i > 0]
    return np.unique(np.concatenate([numbers[numbers > 0], *ranges]))
