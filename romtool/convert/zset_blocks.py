"""Z-set's input syntax: commands with one to four stars, arguments behind them, rows below them.

A command with fewer stars belongs to the last one with more; `*` commands may follow on one line; % and #
start a comment.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from romtool.errors import ReaderError

_COMMENT = re.compile(r"[%#].*")
_COMMAND = re.compile(r"(?:^|(?<=\s))(\*{1,4})([A-Za-z_]\S*)")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Row:
    """A line of data: its number in the file, its text and its words."""

    line: int
    text: str

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the row; commas count as blanks, a vector (1 2 3) as one word each."""
        return tuple(self.text.replace(",", " ").replace("(", " ( ").replace(")", " ) ").split())


@dataclass(frozen=True)
class Command:
    """A command with what belongs to it.

    Parameters
    ----------
    stars: 1 to 4. name: the word behind the stars.
    file, line: where it stands.
    arguments: the rest of its line.
    rows: the data below it, up to the next command.
    children: commands with fewer stars.
    """

    stars: int
    name: str
    file: str
    line: int
    arguments: Row
    rows: tuple[Row, ...] = ()
    children: tuple["Command", ...] = ()

    @property
    def place(self) -> str:
        """Return file and line, for messages."""
        return f"{self.file}, line {self.line}"

    @property
    def title(self) -> str:
        """Return the command as written: stars and name."""
        return "*" * self.stars + self.name

    def named(self, name: str) -> tuple["Command", ...]:
        """Return the children of that name."""
        return tuple(child for child in self.children if child.name == name)

    def all_rows(self) -> tuple[Row, ...]:
        """Return the arguments, if any, as the first row, and the rows."""
        return ((self.arguments,) if self.arguments.words else ()) + self.rows

    def words(self) -> tuple[str, ...]:
        """Return the words of arguments and rows."""
        return tuple(word for row in self.all_rows() for word in row.words)

    def numbers(self) -> tuple[float, ...]:
        """Return arguments and rows as numbers. Raises ReaderError for a word that is none."""
        return tuple(number(word, self.place) for word in self.words())

    def check(self, known: Collection[str]) -> None:
        """Raise ReaderError for the first child that is not `known`: leaving it out may change the physics."""
        for child in self.children:
            if child.name not in known:
                raise ReaderError(
                    f"{child.place}: {child.title} in {self.title} is not understood (romtool reads "
                    f"{', '.join(sorted(known))}); take it out, or describe the case in a case.toml by hand"
                )


def number(word: str, place: str) -> float:
    """Return a number of the deck. Raises ReaderError for another word; `place` says where."""
    if _NUMBER.fullmatch(word) is None:
        raise ReaderError(f"{place}: {word!r} found where a number is expected; correct it")
    return float(word)


def is_number(word: str) -> bool:
    """Return whether a word of the deck is a number."""
    return _NUMBER.fullmatch(word) is not None


def read_commands(path: Path) -> tuple[Command, ...]:
    """Read an input or material file into its outermost commands.

    Raises
    ------
    ReaderError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise ReaderError(f"{path}: the file cannot be read ({error.strerror}); put it there") from error
    return parse_commands(path.name, text)


def parse_commands(file: str, text: str) -> tuple[Command, ...]:
    """Take input text apart.

    >>> command, = parse_commands("mat", "**elasticity isotropic % steel\\n young 2.e5\\n")
    >>> command.name, command.arguments.words, command.rows[0].words
    ('elasticity', ('isotropic',), ('young', '2.e5'))
    """
    flat: list[Command] = []
    rows: list[list[Row]] = []
    for item in _items(file, text):
        if isinstance(item, Command):
            flat.append(item)
            rows.append([])
        elif rows:
            rows[-1].append(item)
    complete = [_with(command, tuple(below), ()) for command, below in zip(flat, rows, strict=True)]
    return _nest(complete)


def _items(file: str, text: str) -> Iterator[Command | Row]:
    """Yield commands and rows in their order."""
    for line, raw in enumerate(text.splitlines(), start=1):
        content = _COMMENT.sub("", raw).strip()
        found = list(_COMMAND.finditer(content)) if content.startswith("*") else []
        ends = [*(match.start() for match in found), len(content)][1:]
        for match, end in zip(found, ends, strict=True):
            arguments = Row(line, content[match.end() : end].strip())
            yield Command(len(match[1]), match[2], file, line, arguments)
        if content and not found:
            yield Row(line, content)


def _with(command: Command, rows: tuple[Row, ...], children: tuple[Command, ...]) -> Command:
    return Command(command.stars, command.name, command.file, command.line, command.arguments, rows, children)


def _nest(flat: list[Command]) -> tuple[Command, ...]:
    """Give each command those behind it that have fewer stars."""
    nested: list[Command] = []
    i = 0
    while i < len(flat):
        end = i + 1
        while end < len(flat) and flat[end].stars < flat[i].stars:
            end += 1
        nested.append(_with(flat[i], flat[i].rows, _nest(flat[i + 1 : end])))
        i = end
    return tuple(nested)
