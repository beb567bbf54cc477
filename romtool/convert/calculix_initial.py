"""Initial conditions of a CalculiX deck."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from romtool.convert.calculix_keywords import Card, Chunk, clean_name, number, read_numbers
from romtool.convert.calculix_mesh import DeckMesh, node_ids_of
from romtool.convert.parts import rows_of
from romtool.types import Floats

_OVERFLOW = 2147.0
_NODE = re.compile(r"\s*\d+\s*(,|$)")
_EXPECTED = "expected a node or node set and a number"


def initial_temperature(cards: Sequence[Card], found: DeckMesh, *, faulty: bool = True) -> Floats | None:
    """Return the (n_nodes,) initial temperature, None where the deck gives none.

    CalculiX rounds initial temperatures to 1e-6; so does this function where `faulty`.

    Raises
    ------
    ReaderError: unknown sets, bad numbers, or temperatures above 2147, where CalculiX 2.20 overflows.
    """
    chosen = [c for c in cards if c.keyword == "INITIALCONDITIONS" and c.parameters.get("TYPE") == "TEMPERATURE"]
    if not chosen:
        return None
    values = np.zeros(found.mesh.n_nodes)
    for card in chosen:
        assign_nodal(card, found, values)
        if faulty and np.abs(values).max() > _OVERFLOW:
            raise card.error(f"holds {np.abs(values).max():g}; CalculiX overflows above {_OVERFLOW:g}: change the unit")
    return np.round(values, 6) if faulty else values


def assign_nodal(card: Card, found: DeckMesh, values: Floats) -> None:
    """Write the `node or set, value` lines of a card into (n_nodes,) values; later lines win.

    Raises
    ------
    ReaderError: unknown sets or lines that do not hold a node and a number.
    """
    named = [i for i, line in enumerate(card.lines) if not _NODE.match(line)]
    start = 0
    for i in [*named, len(card.lines)]:
        if i > start:
            whole = i - start == len(card.lines)
            _assign_ids(card if whole else replace(card, chunks=(_piece(card, start, i),)), found, values)
        if i < len(card.lines):
            _assign_set(card, i, found, values)
        start = i + 1


def _piece(card: Card, start: int, stop: int) -> Chunk:
    """Return data lines of a card as a chunk that knows its place."""
    line = card.line_of(start).rpartition(":")[2]
    return Chunk("\n".join(card.lines[start:stop]), card.path, int(line))


def _assign_ids(card: Card, found: DeckMesh, values: Floats) -> None:
    """Write the values of a card of `node, value` lines; nodes that no element uses are left out."""
    numbers = read_numbers(card)
    ids, second = (numbers.values[numbers.column == k] for k in (0, 1))
    if len(second) < len(ids) or np.isnan(second).any():
        has = np.isin(np.arange(len(ids)), numbers.line[(numbers.column == 1) & ~np.isnan(numbers.values)])
        raise card.error(_EXPECTED, int(np.argmin(has)))
    rows = rows_of(found.mesh.node_ids, ids.astype(np.int64))
    values[rows[rows >= 0]] = second[rows >= 0]


def _assign_set(card: Card, line: int, found: DeckMesh, values: Floats) -> None:
    """Write the value of a `set, value` line."""
    name, _, rest = card.lines[line].partition(",")
    text = rest.partition(",")[0].strip()
    if not text:
        raise card.error(_EXPECTED, line)
    try:
        value = number(text)
    except ValueError as error:
        raise card.error(f"found {text!r}, expected a number", line) from error
    rows = rows_of(found.mesh.node_ids, node_ids_of(card, found.sets, clean_name(name), line))
    values[rows[rows >= 0]] = value
