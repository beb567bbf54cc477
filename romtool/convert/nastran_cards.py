"""Lines of a Nastran deck -> bulk data cards: comments, continuations, INCLUDE files, BEGIN BULK to ENDDATA."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from romtool.errors import ReaderError

_INCLUDE = re.compile(r"^\s*INCLUDE\s+['\"]?([^'\"\n]*)['\"]?\s*(?:\$.*)?$", re.IGNORECASE)
_CARD = re.compile(r"^[A-Za-z][A-Za-z0-9]*\*?(?=[\s,]|$)")
_BULK = re.compile(r"^\s*BEGIN\s+BULK|^\s*BEGIN\s*=?\s*BULK", re.IGNORECASE)
_SNIFF = re.compile(
    r"^\s*(BEGIN\s+BULK|CEND|SOL\s+\w+|(GRID|CORD2R|CTETRA|CHEXA|CPENTA|CQUAD4)\*?[ ,\t])", re.MULTILINE
)
_TYPICAL = {"GRID", "CORD2R", "CTETRA", "CHEXA", "CPENTA", "CQUAD4", "CTRIA3", "MAT1", "PSOLID", "PSHELL", "SPC1"}
_MAX_DEPTH = 20


@dataclass(frozen=True)
class BulkCard:
    """A card: its name, upper case without the star, its lines without comments, and where it stands."""

    name: str
    lines: tuple[str, ...]
    path: Path
    line: int

    @property
    def where(self) -> str:
        """Return "file:line"."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class _Line:
    """A line and where it stands."""

    text: str
    path: Path
    number: int


def is_deck(path: Path) -> bool:
    """Tell whether a file is a Nastran deck or binary results, by its first 256 KB."""
    if path.suffix.lower() == ".op2":
        return True
    try:
        with path.open(encoding="latin-1") as stream:
            return _SNIFF.search(stream.read(1 << 18)) is not None
    except OSError:
        return False


@dataclass(frozen=True)
class Bulk:
    """The bulk data cards of a deck, the lines of its case control, and sentences."""

    cards: tuple[BulkCard, ...]
    control: tuple[str, ...]
    warnings: tuple[str, ...]


def read_cards(path: Path) -> Bulk:
    """Return the bulk data cards of a deck and of the files that it includes.

    An INCLUDE of a file that is not there is said, not refused: what there is can still be shown.

    Raises
    ------
    ReaderError: the file cannot be read, is no deck, or ends before ENDDATA.
    """
    warnings: list[str] = []
    lines = list(_expanded(path, warnings, 0))
    starts = [i for i, line in enumerate(lines) if _BULK.match(line.text)]
    body = lines[starts[0] + 1 :] if starts else lines
    ends = [i for i, line in enumerate(body) if line.text[:7].upper() == "ENDDATA"]
    if starts and not ends:
        raise ReaderError(f"{path}:{len(lines)}: ends without ENDDATA; it is truncated, or the last line is missing")
    cards = list(_cards(body[: ends[0]] if ends else body))
    if not any(card.name in _TYPICAL for card in cards):
        raise ReaderError(
            f"{path}:1: holds no bulk data in {len(lines)} lines; expected a Nastran deck (BEGIN BULK, GRID …)"
        )
    control = tuple(line.text for line in lines[: starts[0]]) if starts else ()
    return Bulk(tuple(cards), control, tuple(warnings))


def _expanded(path: Path, warnings: list[str], depth: int) -> Iterator[_Line]:
    """Yield the lines of a file without comments, those of included files in their place."""
    if depth > _MAX_DEPTH:
        raise ReaderError(f"{path}: INCLUDE goes {_MAX_DEPTH} files deep; remove the file that includes itself")
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); give a Nastran deck") from error
    for number, line in enumerate(text.splitlines(), 1):
        match = _INCLUDE.match(line)
        if match is None:
            code = line.partition("$")[0].rstrip()
            if code:
                yield _Line(code, path, number)
            continue
        target = path.parent / match[1].strip()
        if target.is_file():
            yield from _expanded(target, warnings, depth + 1)
        else:
            warnings.append(
                f"{path.name}:{number}: INCLUDE {match[1].strip()}: no such file; what it holds is missing here"
            )


def _cards(lines: list[_Line]) -> Iterator[BulkCard]:
    """Yield the cards of bulk data lines: a line that begins with a name, and those below that do not."""
    starts = [i for i, line in enumerate(lines) if _CARD.match(line.text)]
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=False):
        head = lines[start]
        match = _CARD.match(head.text)
        name = match[0].rstrip("*").upper() if match else ""
        yield BulkCard(name, tuple(chain(line.text for line in lines[start:stop])), head.path, head.number)
