"""Flip bytes all over romtool's files and see that they are read as they were, or refused by name.

python -m tests.damage FOLDER --count 2000     the files of a case with its model, results and solutions
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import ModelError
from romtool.io.records import stamps
from romtool.pipeline.folders import open_file, read_head, value_digest

HEADS = {
    "model": ("dictionary",),
    "dataset": ("dataset",),
    "training": ("model_id", "record"),
    "result": ("choice", "history", "provenance", "loading", "indications", "tolerance", "quantities"),
    "solution": ("provenance", "times", "fields", "loading", "quantities"),
    "study-draws": ("digest", "block"),
    "modes": ("modes",),
    "subdomain": ("subdomain",),
    "solution-part": ("subdomain", "end"),
    "history": ("loading",),
}
"""Kind of file -> the values that commands read from it."""

ROWS = ("history", "solution-times")
"""Kinds with arrays that are read row by row."""


def read_all(path: Path, kind: str) -> str:
    """Return a digest of all that commands read from a file. Raises ModelError."""
    found: list[Any] = [read_head(path, kind, name) for name in HEADS.get(kind, ())]
    if kind in ROWS:
        found += list(_rows(path, kind))
    return value_digest(found)


def _rows(path: Path, kind: str) -> Iterator[Any]:
    """Yield the arrays of a file, row by row, as they are read lazily."""
    from romtool.io.records import told_as_damage

    with open_file(path, kind) as file, told_as_damage(path):
        arrays = [file["u"]] if kind == "history" else [file["fields"][name] for name in sorted(file["fields"])]
        for data in arrays:
            for i in range(len(data)):
                yield np.asarray(data[i])


FLIPS: tuple[Callable[[bytearray, int, np.random.Generator], None], ...]


def _one(data: bytearray, at: int, generator: np.random.Generator) -> None:
    """Flip one bit."""
    data[at] ^= 1 << int(generator.integers(8))


def _word(data: bytearray, at: int, generator: np.random.Generator) -> None:
    """Invert eight bytes."""
    for i in range(at, min(at + 8, len(data))):
        data[i] ^= 0xFF


def _noise(data: bytearray, at: int, generator: np.random.Generator) -> None:
    """Overwrite up to a block of a disk."""
    length = int(generator.integers(1, 512))
    data[at : at + length] = generator.bytes(length)[: len(data) - at]


def _zero(data: bytearray, at: int, generator: np.random.Generator) -> None:
    """Set a block of a disk to zero, as a crash of the machine leaves it."""
    end = min(at + 4096, len(data))
    data[at:end] = bytes(end - at)


def _cut(data: bytearray, at: int, generator: np.random.Generator) -> None:
    """Cut the end off."""
    del data[at:]


FLIPS = (_one, _one, _one, _word, _noise, _zero, _cut)


def wrong_answers(path: Path, count: int, seed: int = 0) -> Iterator[str]:
    """Yield what is read wrongly, or refused in other words, from spoilt copies of a file, which stays as it is."""
    (kind, _), sound = stamps(path), path.read_bytes()
    expected, generator = read_all(path, kind), np.random.default_rng(seed)
    try:
        for number in range(count):
            data, at = bytearray(sound), int(generator.integers(len(sound)))
            flip = FLIPS[number % len(FLIPS)]
            flip(data, at, generator)
            path.unlink()
            path.write_bytes(data)
            try:
                answer = read_all(path, kind)
            except ModelError as error:
                if path.name not in str(error):
                    yield f"{path.name}: {flip.__name__} at {at}: the file is not named: {error}"
                continue
            if answer != expected:
                yield f"{path.name} ({kind}): {flip.__name__} at {at}: a wrong value"
    finally:
        path.write_bytes(sound)


def main() -> int:
    """Spoil all files of a folder in turn; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1000, help="spoilt copies of each file")
    options = parser.parse_args()
    n_files = faults = 0
    for path in sorted(options.folder.rglob("*.h5")):
        if stamps(path)[0] in (*HEADS, *ROWS):
            n_files += 1
            for text in wrong_answers(path, options.count):
                faults += 1
                print(text, flush=True)
    print(f"{n_files} files, {options.count} spoilt copies of each, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
