"""Numbers of fixed width in text (E12.5 of `.frd` files), compiled: several times as fast as NumPy's conversion.

A decimal number of at most 15 digits and a power of ten up to 22 in size are both exact in float64, so one product or
quotient of them is the float64 nearest to the text (W. D. Clinger, "How to read floating point numbers accurately",
PLDI 1990). Whatever else stands in a field is left to NumPy.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from romtool.types import Bools, Floats

_DIGITS, _POWER = 15, 22
_TEN = 10.0 ** np.arange(_POWER + 1)


def parse_fields(table: NDArray[np.uint8], start: int, width: int, count: int) -> Floats:
    """Return the numbers that stand side by side in each row of a table of characters.

    Parameters
    ----------
    table: (n_rows, n_characters) uint8.
    start: column of the first number.
    width: characters of a number.
    count: numbers in a row.

    Returns
    -------
    (n_rows, count) float, each the one nearest to its text.

    Raises
    ------
    ValueError: a field that is no number, with its text.
    """
    if start + width * count > table.shape[1]:
        raise ValueError(f"a row of {table.shape[1]} characters, expected {start + width * count} or more")
    out = np.empty((len(table), count))
    left = np.zeros((len(table), count), dtype=np.bool_)
    if _parse(table.view(np.int8), start, width, out, left):
        row, column = np.nonzero(left)
        places = (start + width * column)[:, None] + np.arange(width)
        fields = np.ascontiguousarray(table[row[:, None], places])
        out[row, column] = fields.view(f"S{width}")[:, 0].astype(np.float64)
    return out


@njit(cache=True)
def _parse(table: NDArray[np.int8], start: int, width: int, out: Floats, left: Bools) -> int:
    """Fill in the numbers that can be had exactly; mark the others in `left` and return how many they are."""
    n_left = 0
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            exact, out[i, k] = _number(table[i], start + width * k, start + width * (k + 1))
            if not exact:
                left[i, k] = True
                n_left += 1
    return n_left


@njit(cache=True)
def _number(row: NDArray[np.int8], at: int, stop: int) -> tuple[bool, float]:
    """Return whether the characters from `at` to `stop` are blanks, sign, digits with a point, exponent; the number."""
    while at < stop and row[at] == 32:
        at += 1
    negative = at < stop and row[at] == 45
    if negative:
        at += 1
    mantissa, n_digits, behind, point = 0, 0, 0, False
    while at < stop and (48 <= row[at] <= 57 or (row[at] == 46 and not point)):
        if row[at] == 46:
            point = True
        else:
            mantissa = 10 * mantissa + (int(row[at]) - 48)
            n_digits += 1
            behind += point
        at += 1
    if n_digits == 0 or n_digits > _DIGITS:
        return False, 0.0
    whole, exponent = _exponent(row, at, stop)
    power = exponent - behind
    if not whole or not -_POWER <= power <= _POWER:
        return False, 0.0
    size = mantissa * _TEN[power] if power >= 0 else mantissa / _TEN[-power]
    return True, -size if negative else size


@njit(cache=True)
def _exponent(row: NDArray[np.int8], at: int, stop: int) -> tuple[bool, int]:
    """Return whether the rest is nothing or `E`, a sign and one to three digits; the exponent."""
    if at == stop:
        return True, 0
    if row[at] != 69 or at + 2 >= stop or (row[at + 1] != 43 and row[at + 1] != 45) or stop - at > 5:
        return False, 0
    value = 0
    for i in range(at + 2, stop):
        if not 48 <= row[i] <= 57:
            return False, 0
        value = 10 * value + (int(row[i]) - 48)
    return True, -value if row[at + 1] == 45 else value
