"""Z-set's text mesh `.geof`.

`**node` (count, dimension, then id x y z), `**element` (count, then id type nodes…), and in `***group` the
sets `**nset`, `**elset` (ids), `**faset`, `**liset` (type and node ids of each face or line); % and # start
a comment.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.convert.zset_geometry import ElementGroup, Geometry, element_nodes, face_nodes, gather_faces
from romtool.errors import ReaderError
from romtool.types import Ints

_SECTION = re.compile(r"^[ \t]*(\*{2,4})([^\s*]+)[ \t]*(.*)$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z]\S*")
_COMMENT = re.compile(r"[%#].*")


@dataclass(frozen=True)
class _Section:
    """One `**name argument` of a text mesh with the text below it; `line` is that of its header."""

    name: str
    argument: str
    body: str
    line: int
    file: str

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}"


def _sections(path: Path, text: str) -> Iterator[_Section]:
    headers = list(_SECTION.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    line, done = 1, 0
    for header, end in zip(headers, ends, strict=False):  # one end too many where there is no header
        line, done = line + text.count("\n", done, header.start(2)), header.start(2)
        if len(header[1]) == 2:
            yield _Section(header[2], header[3].strip(), text[header.end() : end], line, path.name)


def parse_geof(path: Path, text: str) -> Geometry:
    """Take a text mesh apart.

    Parameters
    ----------
    path: the file, for messages. text: all of it.

    Raises
    ------
    ReaderError: a section missing, cut short or with words that are no numbers (with the line).
    """
    if "%" in text or "#" in text:
        text = _COMMENT.sub("", text)
    geometry = Geometry()
    for section in _sections(path, text):
        read = _SECTIONS.get(section.name)
        if read is None:
            geometry.warnings.append(f"{section.place}: section **{section.name} is not read")
        else:
            read(geometry, section)
    if not len(geometry.node_ids) or not geometry.groups:
        missing = "**element" if len(geometry.node_ids) else "**node"
        raise ReaderError(f"{path}: no {missing} section in {len(text)} characters; give a Z-set .geof or .geo")
    return geometry


def _numbers(text: str, dtype: type, section: _Section) -> Any:
    """Return all numbers of `text`; on a word that is none, say on which line it stands."""
    try:
        return np.array(text.split(), dtype=dtype)
    except (ValueError, OverflowError) as error:
        word, line = _bad_word(section, dtype)
        kind = "a number" if dtype is float else "a whole number"
        raise ReaderError(
            f"{section.file}, line {line}: {word!r} in **{section.name} is not {kind}; the file is damaged"
        ) from error


def _bad_word(section: _Section, dtype: type) -> tuple[str, int]:
    for i, row in enumerate(section.body.split("\n")):
        for word in row.split():
            try:
                dtype(word)
            except ValueError:
                if dtype is float or not _WORD.fullmatch(word):
                    return word, section.line + i
    return section.body[:20], section.line


def _read_nodes(geometry: Geometry, section: _Section) -> None:
    values = _numbers(section.body, float, section)
    count, dimension = (int(v) for v in values[:2]) if len(values) > 1 else (0, 0)
    if dimension not in (1, 2, 3) or len(values) != 2 + count * (1 + dimension):
        raise ReaderError(
            f"{section.place}: **node with {count} nodes in {dimension} dimensions needs "
            f"{2 + count * (1 + dimension)} numbers, found {len(values)}; the file is truncated or damaged"
        )
    rows = values[2:].reshape(count, 1 + dimension)
    geometry.node_ids = rows[:, 0].astype(np.int64)
    geometry.points = np.zeros((count, 3))
    geometry.points[:, :dimension] = rows[:, 1:]


def _typed_rows(
    body: str, size: Callable[[str, str], int], lead: int, section: _Section
) -> Iterator[tuple[str, Ints, Ints]]:
    """Yield for each type word of `body` the positions of its rows and their whole numbers.

    A row is a word with `lead` numbers before it and `size(word)` behind it. Raises ReaderError.
    """
    words = np.array(_WORD.findall(body), dtype=str)
    values = _numbers(_WORD.sub(" ", body), np.int64, section)
    kinds, first, kind_of = np.unique(words, return_index=True, return_inverse=True)
    sizes = np.array([lead + size(str(kind), section.place) for kind in kinds], dtype=np.int64)
    widths = sizes[kind_of]
    if widths.sum() != len(values):
        raise ReaderError(
            f"{section.place}: the {len(words)} rows of **{section.name} {section.argument} need "
            f"{int(widths.sum())} numbers, found {len(values)}; the file is truncated or damaged"
        )
    starts = np.cumsum(widths) - widths
    for i in np.argsort(first):
        rows = np.flatnonzero(kind_of == i)
        yield str(kinds[i]), rows, values[starts[rows, None] + np.arange(sizes[i])]


def _read_elements(geometry: Geometry, section: _Section) -> None:
    head, _, body = section.body.lstrip().partition("\n")
    count = _numbers(head, np.int64, section)
    groups = [
        ElementGroup(kind, values[:, 0], rows, values[:, 1:])
        for kind, rows, values in _typed_rows(body, element_nodes, 1, section)
    ]
    found = sum(len(group.ids) for group in groups)
    if count.tolist() != [found]:
        raise ReaderError(
            f"{section.place}: **element says {head.strip()!r} elements, found {found}; the file is truncated"
        )
    geometry.groups = tuple(groups)


def _read_set(target: str) -> Callable[[Geometry, _Section], None]:
    def read(geometry: Geometry, section: _Section) -> None:
        getattr(geometry, target)[section.argument] = _numbers(section.body, np.int64, section)

    return read


def _read_faces(geometry: Geometry, section: _Section) -> None:
    parts = list(_typed_rows(section.body, face_nodes, 0, section))
    geometry.face_sets[section.argument] = gather_faces(parts)


_SECTIONS: dict[str, Callable[[Geometry, _Section], None]] = {
    "node": _read_nodes,
    "element": _read_elements,
    "nset": _read_set("node_sets"),
    "elset": _read_set("element_sets"),
    "faset": _read_faces,
    "liset": _read_faces,
}
