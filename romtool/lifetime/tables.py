"""Parameters of the models of damage: numbers, tables over temperature, lists and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from romtool.errors import LawError
from romtool.io.validation import did_you_mean
from romtool.types import Floats

Kind = Literal["positive", "negative", "number", "list", "curves"]


@dataclass(frozen=True)
class Key:
    """A parameter of a model.

    Parameters
    ----------
    meaning: in words, with the unit.
    kind: "positive", "negative", "number": a number of that sign, or a table [[T, value], …]; "list": of numbers;
        "curves": [[T, [[x, y], …]], …] of positive x and y.
    default: where it may be left out.
    """

    meaning: str
    kind: Kind = "positive"
    default: float | None = None


@dataclass(frozen=True)
class Table:
    """A parameter over temperature, linear between rows and constant outside.

    Parameters
    ----------
    temperatures: (n,) float increasing [temperature].
    values: (n,) float.
    """

    temperatures: Floats
    values: Floats

    def at(self, temperature: Floats) -> Floats:
        """Return the (…) values at (…) temperatures."""
        return np.asarray(np.interp(temperature, self.temperatures, self.values))


@dataclass(frozen=True)
class Curves:
    """Curves of y over x at some temperatures.

    log y is linear in log x on a curve, beyond its ends too, linear in the temperature between curves, and constant
    outside.

    Parameters
    ----------
    temperatures: (n,) float increasing [temperature].
    curves: per temperature (m,) log x increasing, and (m,) log y.
    """

    temperatures: Floats
    curves: tuple[tuple[Floats, Floats], ...]

    def log_at(self, temperature: Floats, log_x: Floats) -> Floats:
        """Return the (…) log y at (…) temperatures and log x."""
        rows = np.stack([_line(log_x, *curve) for curve in self.curves])
        place = np.interp(temperature, self.temperatures, np.arange(len(self.curves), dtype=np.float64))
        low = np.minimum(place.astype(np.int64), max(len(self.curves) - 2, 0))
        high, part = np.minimum(low + 1, len(self.curves) - 1), place - low
        take = np.take_along_axis
        below, above = take(rows, low[None], axis=0)[0], take(rows, high[None], axis=0)[0]
        return np.asarray((1.0 - part) * below + part * above)


def _line(x: Floats, known: Floats, values: Floats) -> Floats:
    """Return the piecewise linear interpolation, the first and last piece prolonged."""
    k = np.clip(np.searchsorted(known, x) - 1, 0, len(known) - 2)
    slope = (values[k + 1] - values[k]) / (known[k + 1] - known[k])
    return np.asarray(values[k] + slope * (x - known[k]))


Parameter = Table | Curves | Floats
Parameters = Mapping[str, Any]
"""Name -> Table, Curves, or (n,) array of a list."""


def build_parameters(keys: Mapping[str, Key], given: Mapping[str, Any], what: str) -> dict[str, Parameter]:
    """Check the parameters of a model and make them ready to be evaluated.

    Parameters
    ----------
    keys: name -> what is expected.
    given: as in a life file.
    what: whose they are, for messages.

    Raises
    ------
    LawError: an unknown or missing name, a value of the wrong kind or sign.
    """
    for name in given:
        if name not in keys:
            raise LawError(f'{what} has no parameter "{name}"; {did_you_mean(name, keys)}')
    found: dict[str, Parameter] = {}
    for name, key in keys.items():
        value = given.get(name, key.default)
        if value is None:
            raise LawError(f'{what} lacks the parameter "{name}": {key.meaning}; give it')
        found[name] = _build(key, value, f'{what}: the parameter "{name}"')
    return found


def _build(key: Key, value: Any, what: str) -> Parameter:
    """Return one parameter."""
    if key.kind == "list":
        return _array(value, 1, f"{what} is {value!r}; expected a list of numbers")
    if key.kind == "curves":
        return _curves(value, what)
    words = f"{what} is {value!r}; expected a {'' if key.kind == 'number' else key.kind + ' '}number or [[T, value], …]"
    table = _array([[0.0, value]] if np.isscalar(value) else value, 2, words)
    sign = {"positive": 1.0, "negative": -1.0}.get(key.kind)
    if table.shape[1] != 2 or (sign and not np.all(sign * table[:, 1] > 0.0)):
        raise LawError(words)
    return Table(_increasing(table[:, 0], f"{what} has temperatures"), table[:, 1])


def _curves(value: Any, what: str) -> Curves:
    """Return curves over temperature."""
    words = f"{what} is wrong; expected curves [[T, [[x, y], …]], …] of two or more positive points each"
    if not isinstance(value, Sequence) or not all(isinstance(row, Sequence) and len(row) == 2 for row in value):
        raise LawError(words)
    temperatures = _increasing(_array([row[0] for row in value], 1, words), f"{what} has temperatures")
    curves = []
    for _, points in value:
        table = _array(points, 2, words)
        if table.shape[1] != 2 or len(table) < 2 or not (table > 0.0).all():
            raise LawError(words)
        curves.append((np.log(_increasing(table[:, 0], f"{what} has a curve with x")), np.log(table[:, 1])))
    return Curves(temperatures, tuple(curves))


def _array(value: Any, n_axes: int, words: str) -> Floats:
    """Return finite numbers as an array of some axes. Raises LawError with the words given."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise LawError(words) from error
    if array.ndim != n_axes or not array.size or not np.isfinite(array).all():
        raise LawError(words)
    return array


def _increasing(values: Floats, what: str) -> Floats:
    """Return values that increase. Raises LawError for others."""
    for a, b in pairwise(values.tolist()):
        if not a < b:
            raise LawError(f"{what} {a:g}, {b:g}; expected increasing ones")
    return values
