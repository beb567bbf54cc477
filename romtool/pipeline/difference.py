"""`romtool info --diff A B`: in what two models, datasets, results, cases … differ."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from romtool.errors import InputError
from romtool.io.atomic import digest_file
from romtool.pipeline.describe import Description, describe

VARYING = ("kind", "seconds", "memory", "size", "rate", "command", "verdict")
"""What differs between any two runs, or follows from the rest, and is not compared."""

WRITTEN = ("case", "load")
"""Kinds that are compared by what their file says."""


def difference(a: Path, b: Path) -> Description:
    """Return in what two paths of one kind differ.

    Parameters
    ----------
    a, b: two models, datasets, results, solutions, studies, cases, load files or solver files.

    Returns
    -------
    "differences": dotted key -> the values of a and b, None where one has none; "equal": number of equal entries.
    Seconds, memory and sizes of files are not compared; cases also by the contents of the files that they name.

    Raises
    ------
    InputError: paths of different kinds. ReaderError, ModelError, CaseError: one that cannot be described.
    """
    found = [describe(path) for path in (a, b)]
    kinds = [entry["kind"] for entry in found]
    if kinds[0] != kinds[1]:
        raise InputError(f"{a} is a {kinds[0]}, {b} a {kinds[1]}; give two of one kind")
    ours, theirs = (_entries(path, entry) for path, entry in zip((a, b), found, strict=True))
    keys = dict.fromkeys((*ours, *theirs))
    differ = {key: [ours.get(key), theirs.get(key)] for key in keys if not _same(ours.get(key), theirs.get(key))}
    return {
        "kind": "difference",
        "of": kinds[0],
        "a": str(a),
        "b": str(b),
        "differences": differ,
        "equal": len(keys) - len(differ),
    }


def _entries(path: Path, found: Description) -> dict[str, Any]:
    """Return dotted key -> value of all that is compared."""
    if found["kind"] in WRITTEN:
        with path.open("rb") as file:
            return dict(_flat(tomllib.load(file))) | {f"file {name}": text for name, text in _named_files(path, found)}
    return {key: value for key, value in _flat(found) if not set(key.split(".")) & set(VARYING)}


def _named_files(path: Path, found: Description) -> Iterator[tuple[str, str]]:
    """Yield the files that a case names, with the beginning of the SHA-256 of their contents."""
    for source in found.get("sources", ()):
        for name in (source["deck"], *source["results"], source["load"]):
            if name is not None and (path.parent / name).is_file():
                yield name, digest_file(path.parent / name)[:16]


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the entries of nested mappings and of lists of mappings, which are keyed by their name or number."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping) and value:
        entries = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
        entries = [(str(item.get("name", number)), item) for number, item in enumerate(value)]
    else:
        yield prefix, value
        return
    for key, item in entries:
        yield from _flat(item, f"{prefix}.{key}" if prefix else key)


def _same(a: Any, b: Any) -> bool:
    """Tell whether two values are equal; what is no number equals itself."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b or (a != a and b != b))
