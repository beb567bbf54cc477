"""Where Abaqus' materials differ from CalculiX': kinds of creep, kinematic hardening from parameters.

`*CREEP, LAW=TIME` is `A q^n t^m`; `LAW=STRAIN` (the default) is the same where m = 0, else not in romtool.
`*PLASTIC, HARDENING=COMBINED, DATA TYPE=PARAMETERS` gives the yield stress and (C, gamma) of each back stress:
`dX = 2/3 C dep - gamma X dp`, so gamma is romtool's D (Abaqus Materials Guide, "Models for metals subjected to cyclic
loading").
"""

from collections.abc import Mapping

import numpy as np

from romtool.convert.calculix_keywords import Card
from romtool.convert.calculix_materials import (
    by_temperature,
    complete_table,
    hardening_of,
    norton_law,
    read_curves,
    read_plastic,
)
from romtool.types import Floats

_KNOWN = {
    "ELASTIC": {"TYPE", "MODULI"},
    "PLASTIC": {"HARDENING", "DATATYPE", "NUMBERBACKSTRESSES"},
    "CREEP": {"LAW"},
    "EXPANSION": {"TYPE", "ZERO"},
    "CYCLICHARDENING": set[str](),
}
"""Parameters of property cards that are understood."""


def check_parameters(card: Card) -> None:
    """Raise a ReaderError for a parameter of a property card that changes the law (RATE, DEPENDENCIES …)."""
    unknown = sorted(set(card.parameters) - _KNOWN.get(card.keyword, set(card.parameters)))
    if unknown:
        raise card.error(f"the parameter {unknown[0]} is not supported; name the law in the case file")


def plastic(cards: Mapping[str, Card], warnings: list[str]) -> dict[str, object]:
    """Return the parameters of *PLASTIC. Raises ReaderError."""
    card = cards["PLASTIC"]
    if card.parameters.get("HARDENING") == "COMBINED":
        return _combined(card, cards.get("CYCLICHARDENING"))
    return read_plastic(cards, warnings)


def _combined(card: Card, cyclic: Card | None) -> dict[str, object]:
    """Return the parameters of combined hardening that is given by parameters."""
    if card.parameters.get("DATATYPE") != "PARAMETERS":
        raise card.error(
            "HARDENING=COMBINED is read with DATA TYPE=PARAMETERS; calibrate it, or name the law in the case"
        )
    count = int(card.parameters.get("NUMBERBACKSTRESSES", "1"))
    width = 1 + 2 * count
    table = complete_table(card, width + 1, width)
    temperature = table[:, width]
    terms = [by_temperature(card, table[:, 1 + k], temperature) for k in range(2 * count)]
    if cyclic is not None:
        curves = read_curves(cyclic)
    else:
        curves = [(float(t), np.array([[0.0, value]])) for t, value in zip(temperature, table[:, 0], strict=True)]
    return {"hardening": hardening_of(curves), "C": terms[0::2], "D": terms[1::2]}


def creep(card: Card, points: Floats, span: tuple[float, float], warnings: list[str]) -> tuple[str, dict[str, object]]:
    """Return law and parameters of *CREEP, linear in temperature between its rows. Raises ReaderError."""
    law = card.parameters.get("LAW", "STRAIN")
    if law not in ("STRAIN", "TIME"):
        raise card.error(f"LAW={law} is not supported; romtool reads LAW=TIME, and LAW=STRAIN with m = 0")
    table = complete_table(card, 4, 3)
    hardening = bool((table[:, 2] != 0.0).any())
    if law == "STRAIN" and hardening:
        raise card.error("LAW=STRAIN with m other than 0 (strain hardening) is not supported; use LAW=TIME")
    return norton_law(card, table[:, :3], table[:, 3], hardening)
