"""Independent readers: ansys-mapdl-reader for Ansys, a tokenizer for Abaqus' `.fil`."""

import warnings
from pathlib import Path
from typing import Any

import pytest

Record = tuple[int, list[int | float | str]]


def ansys_by_package(path: Path) -> Any:
    """Open an Ansys file with ansys-mapdl-reader. Skip without it."""
    package = pytest.importorskip("ansys.mapdl.reader", reason="ansys-mapdl-reader reads the file independently")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return package.Archive(str(path)) if path.suffix == ".cdb" else package.read_binary(str(path))


def quietly(function: Any, *arguments: Any) -> Any:
    """Call a function of a package whose warnings are its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


def fil_records(path: Path) -> list[Record]:
    """Return all records of an ASCII `.fil` file, word by word: key and attributes."""
    text = "".join(line.ljust(80) for line in path.read_text(encoding="latin-1").splitlines())
    found, at = [], text.find("*")
    while at >= 0:
        length, at = _word(text, at + 1)
        key, at = _word(text, at)
        words = []
        for _ in range(int(length) - 2):
            word, at = _word(text, at)
            words.append(word)
        found.append((int(key), words))
        at = text.find("*", at)
    return found


def _word(text: str, at: int) -> tuple[Any, int]:
    """Return the word at a place and the place behind it."""
    if text[at] == "I":
        width = int(text[at + 1 : at + 3])
        return int(text[at + 3 : at + 3 + width]), at + 3 + width
    if text[at] == "A":
        return text[at + 1 : at + 9], at + 9
    assert text[at] == "D", text[at : at + 9]
    return float(text[at + 1 : at + 23].replace("D", "E")), at + 23
