"""Lists of the parameters at which complete matrices are to be exported, beside the exported files."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.io.atomic import atomic_file
from romtool.types import Floats

SAME = 1e-9
"""Relative difference up to which two parameters are the same."""


def list_path(pattern: Path) -> Path:
    """Return the list that belongs to a pattern: `A-{}.npz` -> `A-parameters.csv`."""
    return pattern.with_name(pattern.name.partition("{}")[0] + "parameters.csv")


def exported_path(pattern: Path, number: int) -> Path:
    """Return the file of a number, from 1: `A-{}.npz` -> `A-0001.npz`."""
    return pattern.with_name(pattern.name.replace("{}", f"{number:04d}"))


def exported_paths(pattern: Path, count: int) -> list[Path]:
    """Return the files of the first numbers."""
    return [exported_path(pattern, number) for number in range(1, count + 1)]


def write_list(pattern: Path, names: Sequence[str], parameters: Floats, *, overwrite: bool) -> Path:
    """Write the list of a pattern, or keep one that starts with the same parameters.

    Raises
    ------
    CaseError: a list of other parameters is there and `overwrite` is not set.
    """
    path = list_path(pattern)
    if path.exists() and not overwrite:
        old = read_list(pattern, names)
        count = min(len(old), len(parameters))
        if not same(old[:count], parameters[:count]):
            raise CaseError(
                f"{path}: lists other parameters than the case selects now, and files beside it may be of those; give "
                "--overwrite and export anew, or other patterns"
            )
        if len(old) >= len(parameters):
            return path
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["number", *names, "file"])
        for number, row in enumerate(parameters, start=1):
            writer.writerow([number, *(repr(float(value)) for value in row), exported_path(pattern, number).name])
    return path


def read_list(pattern: Path, names: Sequence[str]) -> Floats:
    """Return the (n, p) parameters of the list of a pattern.

    Raises
    ------
    CaseError: no list, or a line that can not be read.
    """
    path = list_path(pattern)
    if not path.is_file():
        raise CaseError(f"{path}: no such file; `romtool operators select` writes it")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        found = np.array([[float(row[name]) for name in names] for row in rows]).reshape(-1, len(names))
        numbers = [int(row["number"]) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(f"{path}: can not be read ({error}); expected columns number, {', '.join(names)}") from error
    if numbers != list(range(1, len(rows) + 1)):
        raise CaseError(f"{path}: the numbers are not 1, 2, 3, …; select anew")
    return found


def check_list(pattern: Path, names: Sequence[str], parameters: Floats) -> None:
    """Check that the files of a pattern were exported for these (n, p) parameters.

    Raises
    ------
    CaseError: they were not.
    """
    listed = read_list(pattern, names)
    if len(listed) < len(parameters) or not same(listed[: len(parameters)], parameters):
        raise CaseError(
            f"{list_path(pattern)}: does not list the {len(parameters)} parameters that the case selects; run `romtool "
            "operators select`, and export what it lists"
        )


def same(one: Floats, other: Floats) -> bool:
    """Tell whether (n, p) parameters agree but for round-off."""
    return bool(np.allclose(one, other, rtol=SAME, atol=0.0))
