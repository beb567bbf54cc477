"""Values as plain texts of one line, and small tables of them, for terminals and pipes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 60
"""Characters of a value in a table of differences."""

MOST = 8
"""Names of a list that are shown; of longer ones the first, and how many there are."""


@dataclass(frozen=True)
class Brief:
    """A table, or a list of facts where it has no columns.

    Parameters
    ----------
    title: above it, "" for none.
    rows: texts; of facts (what, text).
    columns: their names.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...] = ()


def text(value: Any) -> str:
    """Return a value in one line: three digits of numbers, the first of many entries and their count.

    >>> text(0.12345), text(None), text(["a", "b"]), text({"x0": 4})
    ('0.123', '-', 'a, b', 'x0 4')
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return listed(f"{key} {text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return listed(text(item) for item in value)
    return str(value)


def listed(texts: Iterable[str], most: int = MOST) -> str:
    """Return texts one after the other, of many the first and how many there are; "none" without any.

    >>> listed(["a", "b", "c"], 2)
    'a, b, … (3)'
    """
    found = list(texts)
    return ", ".join(found[:most]) + (f", … ({len(found)})" if len(found) > most else "") or "none"


def times_of(times: Sequence[float]) -> str:
    """Return how many times there are, and from when to when.

    >>> times_of([0.0, 0.5, 2.0]), times_of([])
    ('3, from 0 to 2', 'none')
    """
    if not len(times):
        return "none"
    return f"{len(times)}, from {times[0]:.6g} to {times[-1]:.6g}" if len(times) > 1 else f"1, at {times[0]:.6g}"


def span(ends: Sequence[float]) -> str:
    """Return a range."""
    return f"{ends[0]:.4g} to {ends[1]:.4g}"


def bytes_of(value: float) -> str:
    """Return an amount of memory in a fitting unit.

    >>> bytes_of(812.0), bytes_of(3.2e9)
    ('812 B', '3.2 GB')
    """
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if value >= 10.0**power:
            return f"{value / 10.0**power:.3g} {unit}"
    return f"{value:.0f} B"


def facts(title: str, *rows: tuple[str, Any]) -> Brief:
    """Return a list of facts; those without a value are left out."""
    return Brief(title, tuple((what, text(value)) for what, value in rows if value not in (None, "", [], {}, ())))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Brief:
    """Return a table."""
    return Brief(title, tuple(tuple(text(cell) for cell in row) for row in rows), tuple(columns))


def sentences(title: str, texts: Iterable[str]) -> Brief:
    """Return sentences, one below the other."""
    return Brief(title, tuple((entry,) for entry in texts))


def difference_briefs(found: Mapping[str, Any]) -> list[Brief]:
    """Return what `romtool info --diff` prints: what differs, and how much does not."""
    rows = [(key, _cut(a), _cut(b)) for key, (a, b) in found["differences"].items()]
    equal = f"{found['equal']} entries are equal" if rows else f"all {found['equal']} entries are equal"
    return [*([Brief("", tuple(rows), ("", found["a"], found["b"]))] if rows else []), sentences("", [equal])]


def _cut(value: Any) -> str:
    """Return a value in a cell of at most LONGEST characters; numbers with all digits that tell them apart."""
    shown = f"{value:.9g}" if isinstance(value, float) else text(value)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 2]} …"
