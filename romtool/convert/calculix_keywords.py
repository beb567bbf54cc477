"""Line reader of CalculiX (Abaqus style) input decks: text -> cards with their data lines.

A card is a keyword line and the data below it. Comments (`**`) and blank lines vanish, also inside data;
a keyword line that ends in a comma goes on in the next line; `*INCLUDE, INPUT=file` is replaced by the
file, in the middle of data too, and `INPUT=file` of another card gives its data. Keywords and unquoted names are upper
case without blanks, as in CalculiX.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path

import numpy as np

from romtool.errors import ReaderError
from romtool.types import Floats, Ints

_KEYWORD = re.compile(r"^[ \t]*\*[ \t]*(?=[A-Za-z]).*$", re.MULTILINE)
_DATA = re.compile(r"^[ \t]*(?!\*\*)\S", re.MULTILINE)
_OUTSIDE_QUOTES = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_MAX_DEPTH = 20
_MAX_NUMBER = 20
_KNOWN_START = (
    "HEADING|NODE|ELEMENT|INCLUDE|MATERIAL|STEP|NSET|ELSET|RESTART|PREPRINT|PART|PARAMETER|SURFACE|AMPLITUDE"
    "|BOUNDARY|ORIENTATION|SYSTEM|PHYSICALCONSTANTS|USERELEMENT|ASSEMBLY|INITIALCONDITIONS|SUBMODEL|CONTROLS"
)


@dataclass(frozen=True)
class Chunk:
    """Data text of one file below a keyword line; `line` is the number of its first line."""

    text: str
    path: Path
    line: int


@dataclass(frozen=True)
class Card:
    """A keyword line and its data.

    Parameters
    ----------
    keyword: upper case, without the star and blanks: "SOLIDSECTION".
    title: the keyword as a person writes it: "*SOLID SECTION".
    parameters: name -> value, upper case except for quoted values and file names; "" for a flag.
    chunks: the data text, more than one where it comes from several files.
    path, line: where the keyword line stands.
    """

    keyword: str
    title: str
    parameters: dict[str, str]
    chunks: tuple[Chunk, ...]
    path: Path
    line: int

    @cached_property
    def lines(self) -> list[str]:
        """Return the data lines without comments and blank lines."""
        return list(chain.from_iterable(_data_lines(chunk.text) for chunk in self.chunks))

    @property
    def where(self) -> str:
        """Return "file:line" of the keyword line."""
        return f"{self.path.name}:{self.line}"

    def line_of(self, index: int) -> str:
        """Return "file:line" of data line `index`, for messages."""
        for chunk in self.chunks:
            raw = chunk.text.split("\n")
            kept = [i for i, line in enumerate(raw) if _is_data(line)]
            if index < len(kept):
                return f"{chunk.path.name}:{chunk.line + kept[index]}"
            index -= len(kept)
        return self.where

    def error(self, message: str, index: int | None = None) -> ReaderError:
        """Return a ReaderError that starts with the place (of data line `index`) and the keyword."""
        place = self.where if index is None else self.line_of(index)
        return ReaderError(f"{place}: {self.title}: {message}")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (index, fields) of each data line; for short cards (node and element data: `table`)."""
        for i, line in enumerate(self.lines):
            yield i, [clean_name(field) for field in _split(line)]

    def name(self, parameter: str) -> str:
        """Return the value of a parameter that must be there. Raises ReaderError."""
        value = self.parameters.get(parameter, "")
        if not value:
            raise self.error(f"the parameter {parameter}= is missing; write {self.title}, {parameter}=…")
        return value


def _is_data(line: str) -> bool:
    """Tell whether a line below a keyword holds data."""
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("**")


def _data_lines(text: str) -> list[str]:
    """Return the data lines of a text; the filter runs only where there is something to drop."""
    lines = text.split("\n")
    if "**" not in text and all(map(str.strip, lines[:-1])):
        return lines if lines[-1].strip() else lines[:-1]
    return list(filter(_is_data, lines))


def _split(line: str) -> list[str]:
    """Split a line at commas outside quotes; a comma at the end opens no field."""
    parts = line.split(",") if '"' not in line else _OUTSIDE_QUOTES.split(line)
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return [part.strip() for part in parts]


def clean_name(text: str) -> str:
    """Return a name as CalculiX stores it: a quoted one as it is, others upper case without blanks.

    >>> clean_name(' my set '), clean_name('"My set"')
    ('MYSET', 'My set')
    """
    text = text.strip()
    if len(text) >= 2 and text[0] == '"' == text[-1]:
        return text[1:-1]
    return "".join(text.split()).upper()


def _keyword_line(line: str) -> tuple[str, str, dict[str, str]]:
    """Return keyword, title and parameters of a complete keyword line."""
    head, *rest = _split(line.strip()[1:])
    parameters: dict[str, str] = {}
    for part in filter(None, rest):
        key, _, value = part.partition("=")
        name = clean_name(key)
        parameters[name] = value.strip().strip('"') if name in ("INPUT", "FILE") else clean_name(value)
    return clean_name(head), "*" + " ".join(head.split()).upper(), parameters


def read_text(path: Path) -> str:
    """Return the text of a deck with unix line ends. Raises ReaderError where it cannot be read."""
    try:
        return path.read_text(encoding="latin-1").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise ReaderError(
            f"{path}: cannot be read ({error.strerror}); give the path of a CalculiX deck (.inp)"
        ) from error


def read_cards(path: Path) -> list[Card]:
    """Return the cards of a deck and of the files it includes, in order.

    Raises
    ------
    ReaderError: a file that is missing or includes itself, data before the first keyword.
    """
    cards: list[Card] = []
    _append_cards(Path(path), cards, 0)
    if not cards:
        raise ReaderError(f"{path}: holds no keyword line (*NODE, *ELEMENT …); expected a CalculiX deck")
    return cards


def _append_cards(path: Path, cards: list[Card], depth: int) -> None:
    """Append the cards of one file; its data before any keyword belong to the last card."""
    if depth > _MAX_DEPTH:
        raise ReaderError(f"{path}: *INCLUDE goes {_MAX_DEPTH} files deep; remove the file that includes itself")
    text = read_text(path)
    start, line = 0, 1
    for match in _KEYWORD.finditer(text):
        if match.start() < start:
            continue
        line = _append_data(cards, text[start : match.start()], path, line)
        stop, full = _continued(text, match)
        _append_keyword(full, cards, path, line, depth)
        line += text.count("\n", match.start(), stop)
        start = stop
    _append_data(cards, text[start:], path, line)


def _continued(text: str, match: re.Match[str]) -> tuple[int, str]:
    """Return the end of a keyword line with its continuation lines, and the joined line."""
    stop, full = match.end(), match.group().rstrip()
    while full.endswith(",") and stop < len(text):
        end = text.find("\n", stop + 1)
        end = len(text) if end < 0 else end
        full, stop = full + text[stop + 1 : end].rstrip(), end
    return min(stop + 1, len(text)), full


def _append_keyword(line: str, cards: list[Card], path: Path, number: int, depth: int) -> None:
    """Append one card, with its data from another file (INPUT=), or what an *INCLUDE stands for."""
    keyword, title, parameters = _keyword_line(line)
    if keyword != "INCLUDE":
        cards.append(Card(keyword, title, parameters, (), path, number))
        if "INPUT" not in parameters:
            return
    elif not parameters.get("INPUT"):
        raise ReaderError(f"{path.name}:{number}: *INCLUDE: the parameter INPUT= is missing")
    target = path.parent / parameters["INPUT"]
    if not target.is_file():
        raise ReaderError(
            f"{path.name}:{number}: {title}: file {parameters['INPUT']} does not exist; expected it at {target}"
        )
    _append_cards(target, cards, depth + 1)


def _append_data(cards: list[Card], text: str, path: Path, line: int) -> int:
    """Give data text to the last card; return the number of the line behind it."""
    if _DATA.search(text):
        if not cards:
            raise ReaderError(f"{path.name}:{line}: data before the first keyword line; expected *NODE, *HEADING …")
        last = cards[-1]
        cards[-1] = Card(
            last.keyword, last.title, last.parameters, (*last.chunks, Chunk(text, path, line)), last.path, last.line
        )
    return line + text.count("\n")


def is_deck(path: Path) -> bool:
    """Tell whether a `.inp` file is an Abaqus or CalculiX style deck, not one of Z-set (`****calcul`)."""
    try:
        with Path(path).open(encoding="latin-1") as stream:
            head = stream.read(1 << 18)
    except OSError:
        return False
    if re.search(r"^\s*\*\*\*\*(calcul|mesher|post_processing|simulate|optimize|return)\b", head, re.MULTILINE):
        return False
    first = _KEYWORD.search(head)
    if first is None:
        return False
    return re.match(rf"({_KNOWN_START})\w*$", _keyword_line(first.group())[0]) is not None


@dataclass(frozen=True)
class Numbers:
    """The numbers of a card.

    Parameters
    ----------
    values: (n,) float, NaN for an empty field.
    line: (n,) index of the data line each comes from.
    column: (n,) position in that line.
    cut: how many had more than 20 characters, which CalculiX cuts.
    """

    values: Floats
    line: Ints
    column: Ints
    cut: int


def read_numbers(card: Card) -> Numbers:
    """Return all numbers of a card, cut to 20 characters as CalculiX does. Raises ReaderError (infinity is none)."""
    lines = list(map(str.rstrip, card.lines, repeat(", \t")))
    counts = np.fromiter(map(str.count, lines, repeat(",")), dtype=np.int64, count=len(lines)) + 1
    fields = list(map(str.strip, ",".join(lines).split(","))) if lines else []
    line = np.repeat(np.arange(len(lines)), counts)
    column = np.arange(len(fields)) - np.repeat(np.cumsum(counts) - counts, counts)
    values, cut = _convert(card, fields, line)
    if np.isinf(values).any():
        bad = int(np.argmax(np.isinf(values)))
        raise card.error(f"found {fields[bad]!r}, expected a finite number", int(line[bad]))
    return Numbers(values, line, column, cut)


def _convert(card: Card, fields: list[str], line: Ints) -> tuple[Floats, int]:
    """Return the numbers of text fields and how many of them were cut."""
    cut = sum(map(_MAX_NUMBER.__lt__, map(len, fields)))
    if cut:
        fields = [field[:_MAX_NUMBER] for field in fields]
    if "" in fields:
        fields = [field or "nan" for field in fields]
    try:
        return np.array(fields, dtype=np.float64), cut
    except ValueError:
        try:
            return np.array([number(field) for field in fields]), cut
        except ValueError as error:
            bad = next(i for i, field in enumerate(fields) if not _is_number(field))
            raise card.error(f"found {fields[bad]!r}, expected a number", int(line[bad])) from error


def number(text: str) -> float:
    """Return a number in C or Fortran notation (1.5D-3 too), cut to 20 characters. Raises ValueError."""
    return float(text.strip()[:_MAX_NUMBER].upper().replace("D", "E"))


def _is_number(text: str) -> bool:
    """Tell whether `number` accepts a text."""
    try:
        number(text)
    except ValueError:
        return False
    return True


def read_table(card: Card, width: int) -> Floats:
    """Return the (n_lines, width) float numbers of a card, NaN where a field is missing or empty.

    Raises
    ------
    ReaderError: a field that is no number, or a line with more than `width` fields.
    """
    return fill_table(card, read_numbers(card), width)


def fill_table(card: Card, found: Numbers, width: int) -> Floats:
    """Return the numbers of a card as the table of `read_table`."""
    table = np.full((len(card.lines), width), np.nan)
    if len(found.column) and int(found.column.max()) >= width:
        bad = int(found.line[int(np.argmax(found.column >= width))])
        raise card.error(f"more than {width} numbers in a line", bad)
    table[found.line, found.column] = found.values
    return table
