"""Initial conditions of a CalculiX deck."""

from collections.abc import Sequence

import numpy as np

from romtool.convert.calculix_keywords import Card, number
from romtool.convert.calculix_mesh import DeckMesh, node_ids_of, rows_of
from romtool.types import Floats

_OVERFLOW = 2147.0


def initial_temperature(cards: Sequence[Card], found: DeckMesh) -> Floats | None:
    """Return the (n_nodes,) initial temperature, None where the deck gives none.

    CalculiX rounds initial temperatures to 1e-6; so does this function.

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
        if np.abs(values).max() > _OVERFLOW:
            raise card.error(f"holds {np.abs(values).max():g}; CalculiX overflows above {_OVERFLOW:g}: change the unit")
    return np.round(values, 6)


def assign_nodal(card: Card, found: DeckMesh, values: Floats) -> None:
    """Write the `node or set, value` lines of a card into (n_nodes,) values; later lines win.

    Raises
    ------
    ReaderError: unknown sets or lines that do not hold a node and a number.
    """
    plain = [line.replace(" ", "") for line in card.lines]
    heads = [line.split(",", 2) for line in plain]
    short = next((i for i, fields in enumerate(heads) if len(fields) < 2), None)
    if short is not None:
        raise card.error(f"found {card.lines[short].strip()!r}, expected a node or node set and a number", short)
    numbers = _second_fields(card, [fields[1] for fields in heads])
    names = np.array([not fields[0].isdigit() for fields in heads])
    start = 0
    for i in [*np.flatnonzero(names), len(heads)]:
        _assign_ids(card, found, values, [fields[0] for fields in heads[start:i]], numbers[start:i])
        if i < len(heads):
            rows = rows_of(found.mesh.node_ids, node_ids_of(card, found.sets, heads[i][0], int(i)))
            values[rows[rows >= 0]] = numbers[i]
        start = i + 1


def _second_fields(card: Card, texts: list[str]) -> Floats:
    """Return the numbers of the second fields."""
    try:
        return np.array([number(text) for text in texts])
    except ValueError as error:
        bad = next(i for i, text in enumerate(texts) if not _readable(text))
        raise card.error(f"found {texts[bad]!r}, expected a number", bad) from error


def _readable(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        number(text)
    except ValueError:
        return False
    return True


def _assign_ids(card: Card, found: DeckMesh, values: Floats, ids: list[str], numbers: Floats) -> None:
    """Write numbers at node ids; nodes that no element uses are left out."""
    rows = rows_of(found.mesh.node_ids, np.array(ids, dtype=np.int64))
    values[rows[rows >= 0]] = numbers[rows >= 0]
