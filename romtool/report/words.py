"""Numbers in words: how the values of a document are written."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from romtool.report.document import Form, Value

THIN = "\u202f"
"""Narrow space between thousands."""


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with three significant digits (thousands to the unit), a dash where there is none.

    >>> number(0.00012345), number(8.81e-05), number(None)
    ('0.000123', '8.81e−5', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}".replace(",", THIN).replace("-", "−")
    figure, _, power = f"{value + 0.0:.{digits}g}".partition("e")
    return (f"{figure}e{int(power)}" if power else figure).replace("-", "−")


def count(value: int) -> str:
    """Return a whole number with thin spaces between thousands.

    >>> count(1728).replace(chr(0x202F), " ")
    '1 728'
    """
    return f"{value:,}".replace(",", THIN)


def percent(value: float | None) -> str:
    """Return a relative number in per cent, with two digits.

    >>> percent(0.00123), percent(4.321)
    ('0.12 %', '432 %')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{number(100.0 * value, 2 if abs(value) < 0.995 else 3)} %"


def duration(seconds: float | None) -> str:
    """Return seconds in a fitting unit.

    >>> duration(0.0123), duration(75.0)
    ('12.3 ms', '75 s')
    """
    if seconds is None:
        return "–"
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} µs"
    if seconds < 1.0:
        return f"{1e3 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 600.0 else f"{seconds / 60.0:.3g} min"


def plural(value: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "step"), plural(2, "step")
    ('1 step', '2 steps')
    """
    return f"{count(value)} {noun}" + ("" if value == 1 else "s")


def with_unit(value: float, unit: str) -> str:
    """Return a number and its unit."""
    return f"{number(value)} {unit}".rstrip()


def factor(ratio: float | None) -> str:
    """Return a ratio of two durations."""
    return "–" if ratio is None else f"{number(ratio)}×"


def size(value: float | None) -> str:
    """Return bytes in a fitting unit.

    >>> size(2.5e6)
    '2.5 MB'
    """
    if value is None:
        return "–"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.0f} B"


def share(value: float | None) -> str:
    """Return a part of one in whole per cent.

    >>> share(0.001)
    '< 1 %'
    """
    if value is None:
        return "–"
    return f"{100.0 * value:.0f} %" if value >= 0.005 else "< 1 %"


FORMS: Mapping[Form, Callable[[Any], str]] = {
    "text": str,
    "identity": str,
    "number": number,
    "number2": lambda value: number(value, 2),
    "number4": lambda value: number(value, 4),
    "count": lambda value: count(int(value)),
    "percent": percent,
    "duration": duration,
    "size": size,
    "factor": factor,
    "share": share,
}
"""Form of a value -> how it is written."""


def written(cell: Any, form: Form = "number") -> str:
    """Return a cell of a table as text: a dash for nothing, a text as it is, a value in its form with its unit.

    >>> written(None), written("as it is"), written(Value(3.0, "number", "mm")), written(0.5, "percent")
    ('–', 'as it is', '3 mm', '50 %')
    """
    if isinstance(cell, Value):
        return f"{written(cell.value, cell.form)} {cell.unit}".rstrip()
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else FORMS[form](cell)
