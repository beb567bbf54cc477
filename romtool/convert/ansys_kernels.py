"""Compiled loops over the records of an Ansys result file.

A record is a word (4 bytes) with its length in words, a word with flags in its first byte, the words, and the length
again. Flags: 128 integers, 64 short ones (float32; int16), 32 zlib, 16 sparse by windows, 8 sparse by a bit for each
of up to 32 values. A window begins with the place of its first value: positive for a single value, else minus the
place, then a length (minus it where one value is repeated) and the values.
"""

import numpy as np
from numba import njit

from romtool.types import Floats, Ints

_Scratch = tuple[Ints, Ints, Floats]
INTEGER, SHORT, ZLIB, WINDOWS, BITS = 128, 64, 32, 16, 8
DAMAGED, COMPRESSED, TOO_LONG = -1, -2, -3
"""What `expand` returns instead of a count."""


@njit(cache=True)
def expand(words: Ints, at: int, out: Ints) -> tuple[int, int]:
    """Write the values of the record at word `at` into `out`, sparse ones in full.

    Parameters
    ----------
    words: (n,) int32, the file.
    at: where the record begins.
    out: int32, to be filled; must be zero where a sparse record may be.

    Returns
    -------
    The number of values, or DAMAGED, COMPRESSED, TOO_LONG; the words per value (an int16 becomes one word).
    """
    if at < 0 or at + 3 > len(words):
        return DAMAGED, 1
    size, flags, start = int(words[at]), (words[at + 1] >> 24) & 255, at + 2
    if size < 0 or start + size >= len(words) or words[start + size] != size:
        return DAMAGED, 1
    halves = flags & INTEGER != 0 and flags & SHORT != 0
    width = 1 if flags & (INTEGER | SHORT) else 2
    if flags & ZLIB or (halves and flags & WINDOWS):
        return COMPRESSED, width
    if flags & WINDOWS:
        return _windows(words, start, start + size, width, out), width
    if flags & BITS:
        return _bits(words, start, start + size, width, halves, out), width
    count = 2 * size if halves else size // width
    if count * width > len(out):
        return TOO_LONG, width
    for i in range(count):
        if halves:
            out[i] = _half(words, start, i)
        else:
            for k in range(width):
                out[i * width + k] = words[start + i * width + k]
    return count, width


@njit(cache=True)
def _half(words: Ints, start: int, i: int) -> int:
    """Return int16 number `i` of the words from `start` on."""
    value = (words[start + i // 2] >> (16 * (i % 2))) & 0xFFFF
    return value - 0x10000 if value >= 0x8000 else value


@njit(cache=True)
def _bits(words: Ints, start: int, stop: int, width: int, halves: bool, out: Ints) -> int:
    """Expand a record with a bit for each value that is stored."""
    if start + 2 > stop or not 0 <= words[start] <= 32:
        return DAMAGED
    count, code, stored = int(words[start]), words[start + 1], 0
    if count * width > len(out):
        return TOO_LONG
    for i in range(count):
        if code >> i & 1:
            source = start + 2 + (stored // 2 if halves else stored * width)
            if source + width > stop:
                return DAMAGED
            if halves:
                out[i] = _half(words, start + 2, stored)
            else:
                for k in range(width):
                    out[i * width + k] = words[source + k]
            stored += 1
    return count


@njit(cache=True)
def _windows(words: Ints, start: int, stop: int, width: int, out: Ints) -> int:
    """Expand a record of windows."""
    if start + 2 > stop or words[start] < 0:
        return DAMAGED
    count, at = int(words[start]), start + 2
    if count * width > len(out):
        return TOO_LONG
    for _ in range(words[start + 1]):
        if at >= stop:
            return DAMAGED
        place, length, step = int(words[at]), 1, width
        at += 1
        if place <= 0:
            if at >= stop:
                return DAMAGED
            place, length = -place, int(words[at])
            at += 1
        if length < 0:
            length, step = -length, 0
        if place + length > count or at + max(step * length, width) > stop:
            return DAMAGED
        for i in range(length):
            for k in range(width):
                out[(place + i) * width + k] = words[at + i * step + k]
        at += max(step * length, width)
    return count


@njit(cache=True)
def read_rows(words: Ints, first: int, places: Ints, out: Ints, counts: Ints) -> int:
    """Expand records into the rows of `out` (n, width), their numbers of values into `counts`.

    Parameters
    ----------
    words: the file.
    first: where the first record is, if the records follow each other.
    places: (n,) where each record is, or empty where they follow each other.

    Returns
    -------
    The index of the first record that is damaged, n where none is.
    """
    at = first
    for i in range(len(out)):
        if len(places):
            at = places[i]
        counts[i] = expand(words, at, out[i])[0]
        if counts[i] < 0:
            return i
        at += words[at] + 3
    return len(out)


@njit(cache=True)
def rotation(angles: Floats, q: Floats) -> None:
    """Write the (3, 3) matrix from a system turned by THXY, THYZ, THZX [degree] to the global one into `q`.

    `q = R_z(THXY) R_x(THYZ) R_y(THZX)`: each turn is about an axis of the system that is turned already.
    """
    a, b, c = np.radians(angles[0]), np.radians(angles[1]), np.radians(angles[2])
    ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
    q[0, 0], q[0, 1], q[0, 2] = ca * cc - sa * sb * sc, -sa * cb, ca * sc + sa * sb * cc
    q[1, 0], q[1, 1], q[1, 2] = sa * cc + ca * sb * sc, ca * cb, sa * sc - ca * sb * cc
    q[2, 0], q[2, 1], q[2, 2] = -cb * sc, sb, cb * cc


@njit(cache=True)
def turn_vectors(vectors: Floats, angles: Floats) -> None:
    """Turn (n, 3) vectors out of systems with (n, 3) angles [degree], in place."""
    q = np.empty((3, 3))
    turned = np.empty(3)
    for i in range(len(vectors)):
        if angles[i, 0] or angles[i, 1] or angles[i, 2]:
            rotation(angles[i], q)
            for k in range(3):
                turned[k] = q[k, 0] * vectors[i, 0] + q[k, 1] * vectors[i, 1] + q[k, 2] * vectors[i, 2]
            vectors[i] = turned


@njit(cache=True)
def _reals(words: Ints, at: int, buffer: Ints, values: Floats) -> int:
    """Write the float32 or float64 values of a record into `values`; return their number, negative as `expand`."""
    buffer[:] = 0
    count, width = expand(words, at, buffer)
    if count > len(values):
        return TOO_LONG
    if width == 2:
        values[: max(count, 0)] = buffer.view(np.float64)[: max(count, 0)]
    else:
        values[: max(count, 0)] = buffer.view(np.float32)[: max(count, 0)]
    return count


@njit(cache=True)
def _turn_tensor(row: Floats, q: Floats) -> None:
    """Turn a tensor (xx yy zz xy yz zx) by `q t q^T`, in place."""
    t = np.empty((3, 3))
    t[0, 0], t[1, 1], t[2, 2] = row[0], row[1], row[2]
    t[0, 1] = t[1, 0] = row[3]
    t[1, 2] = t[2, 1] = row[4]
    t[2, 0] = t[0, 2] = row[5]
    turned = q @ t @ q.T
    row[0], row[1], row[2] = turned[0, 0], turned[1, 1], turned[2, 2]
    row[3], row[4], row[5] = turned[0, 1], turned[1, 2], turned[2, 0]


@njit(cache=True)
def _turn_rows(rows: Floats, angles: Floats, n_angles: int) -> None:
    """Turn the tensors of an element out of its system: (n, 6), three angles for all or for each."""
    q = np.empty((3, 3))
    for k in range(len(rows)):
        own = 3 * k if n_angles >= 3 * len(rows) else 0
        if n_angles >= 3 and (angles[own] or angles[own + 1] or angles[own + 2]):
            rotation(angles[own : own + 3], q)
            _turn_tensor(rows[k], q)


@njit(cache=True)
def _element_rows(
    words: Ints,
    place: int,
    column: int,
    angle_column: int,
    n_stored: int,
    rows: Floats,
    scratch: tuple[Ints, Ints, Floats],
) -> int:
    """Write the values of one element into `rows` (n_stored, n_items), turned to the global system.

    Returns
    -------
    1; 0 where the element has none; DAMAGED.
    """
    table, buffer, values = scratch
    table[:] = 0
    count, _ = expand(words, place, table)
    if count <= column:
        return DAMAGED
    if table[column] <= 0:  # minus the number of values: all of them are 0
        rows[:] = 0.0
        return 1 if table[column] < 0 else 0
    n_values = _reals(words, place + table[column], buffer, values)
    if n_values < 0:
        return DAMAGED
    per_node = n_values // n_stored
    if per_node < rows.shape[1]:
        return 0
    for k in range(n_stored):
        rows[k] = values[k * per_node : k * per_node + rows.shape[1]]
    if angle_column >= 0 and table[angle_column] > 0:
        n_angles = _reals(words, place + table[angle_column], buffer, values)
        if n_angles < 0:
            return DAMAGED
        _turn_rows(rows[:n_stored], values, n_angles)
    return 1


@njit(cache=True)
def add_at_nodes(
    words: Ints, places: Ints, column: int, angle_column: int, nodes: Ints, sums: Floats, hits: Ints
) -> int:
    """Add a result of the elements at their nodes to `sums` (n_nodes, n_items), and its number to `hits` (n_nodes,).

    Parameters
    ----------
    words: the file.
    places: (n_elements,) where each element's table of results is, 0 where it has none.
    column: place of the result in that table; a record may hold more items per node than `sums`.
    angle_column: place of the angles of the element's system, -1 where the result is not turned.
    nodes: (n_elements, n_stored) rows of nodes in the order of the record, -1: passed over, -2: not stored.

    Returns
    -------
    The index of the first element whose records are damaged, n_elements where none is.
    """
    scratch = (np.zeros(256, dtype=np.int32), np.zeros(8192, dtype=np.int32), np.zeros(4096))
    rows = np.zeros((nodes.shape[1], sums.shape[1]))
    for e in range(len(places)):
        n_stored = 0
        while n_stored < nodes.shape[1] and nodes[e, n_stored] > -2:
            n_stored += 1
        if places[e] == 0 or n_stored == 0:
            continue
        found = _element_rows(words, places[e], column, angle_column, n_stored, rows, scratch)
        if found < 0:
            return e
        for k in range(n_stored if found else 0):
            if nodes[e, k] >= 0:
                hits[nodes[e, k]] += 1
                sums[nodes[e, k]] += rows[k]
    return len(places)
