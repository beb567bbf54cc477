"""Materials and sections of a CalculiX deck as romtool's laws.

`*PLASTIC` and `*CREEP` give `plastic`, `creep_norton`, `creep_time_hardening` or `plastic_creep`. Creep data at
other temperatures than the `*ELASTIC` rows are first interpolated to those, as ccx does (checked by running
it: 0 stands for the temperature of an `*ELASTIC` without one), and linearly between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from romtool.convert.calculix_axes import read_orientations
from romtool.convert.calculix_keywords import Card, read_table
from romtool.convert.deck_dialect import Dialect
from romtool.errors import ReaderError
from romtool.loading import Material, Orientation
from romtool.types import Floats

PROPERTIES = frozenset(
    {"ELASTIC", "PLASTIC", "CREEP", "EXPANSION", "DENSITY", "CYCLICHARDENING"}
    | {"CONDUCTIVITY", "SPECIFICHEAT", "DEPVAR", "DAMPING"}
)
"""Property cards that are read or that have no part in a quasi-static structural computation."""

_FLOOR = 1e-20


@dataclass(frozen=True)
class _Definition:
    """A material: its name, the card, and the cards of its properties by keyword."""

    name: str
    card: Card
    properties: dict[str, Card] = field(default_factory=dict)


def read_materials(
    cards: Sequence[Card], span: tuple[float, float], warnings: list[str], dialect: Dialect
) -> tuple[tuple[Material, ...], list[ReaderError]]:
    """Return one material per `*SOLID SECTION`, in deck order, and why others are not read.

    Parameters
    ----------
    cards: the cards before the first step.
    span: float [time] first increment's end and last time, for the warning about the floor of creep.
    warnings: sentences for the user are appended.
    dialect: whose deck it is.

    Returns
    -------
    The materials; and one error for each section whose law or parameters romtool does not have.

    Raises
    ------
    ReaderError: a section of an unknown material, properties outside materials; the message names card and line.
    """
    definitions, axes = _definitions(cards), read_orientations(cards)
    found: list[Material] = []
    refusals: list[ReaderError] = []
    for card in cards:
        if card.keyword == "SOLIDSECTION":
            name = card.name("MATERIAL")
            if name not in definitions:
                raise card.error(f"unknown material {name}; the deck has {', '.join(definitions) or 'none'}")
            try:
                made = _material(definitions[name], card.name("ELSET"), span, warnings, dialect)
                found.append(replace(made, orientation=_orientation(card, axes, made.law)))
            except ReaderError as error:
                refusals.append(error)
    return tuple(found), refusals


def _orientation(card: Card, axes: Mapping[str, Orientation], law: str) -> Orientation | None:
    """Return the local axes of a section, none for a law without directions. Raises ReaderError."""
    name = card.parameters.get("ORIENTATION")
    if name is not None and name not in axes:
        raise card.error(f"unknown orientation {name}; the deck has {', '.join(axes) or 'none'}")
    return axes[name] if name is not None and law == "elastic_orthotropic" else None


def _definitions(cards: Sequence[Card]) -> dict[str, _Definition]:
    """Return the materials of a deck by name."""
    found: dict[str, _Definition] = {}
    current: _Definition | None = None
    for card in cards:
        if card.keyword == "MATERIAL":
            current = _Definition(card.name("NAME"), card)
            found[current.name] = current
        elif card.keyword in PROPERTIES:
            if current is None:
                raise card.error("stands before any *MATERIAL; expected *MATERIAL, NAME=… first")
            if card.keyword in current.properties:
                raise card.error(f"is given twice for material {current.name}; remove one", None)
            current.properties[card.keyword] = card
    return found


def _material(
    definition: _Definition, elements: str, span: tuple[float, float], warnings: list[str], dialect: Dialect
) -> Material:
    """Return the material of one section."""
    cards = definition.properties
    for card in cards.values():
        dialect.check_property(card)
    if "ELASTIC" not in cards:
        raise definition.card.error(
            f"material {definition.name} has no *ELASTIC; romtool reads elastic laws and beyond"
        )
    law, parameters, points = _elastic(cards["ELASTIC"])
    further = sorted({"PLASTIC", "CREEP"} & cards.keys())
    if law != "elastic" and further:
        raise cards[further[0]].error("with directions of elasticity is not supported; name the law in the case file")
    if "PLASTIC" in cards:
        law = "plastic"
        parameters |= dialect.plastic(cards, warnings)
    if "CREEP" in cards:
        creep_law, creep = dialect.creep(cards["CREEP"], points, span, warnings)
        law = "plastic_creep" if law == "plastic" else creep_law
        if "C" in parameters:
            raise cards["CREEP"].error("creep with kinematic hardening is not supported")
        parameters |= creep
    reference = 0.0
    if "EXPANSION" in cards:
        expansion, reference = _expansion(cards["EXPANSION"], 3 if law == "elastic_orthotropic" else 1)
        parameters |= expansion
    density = _density(cards["DENSITY"]) if "DENSITY" in cards else None
    return Material(elements, law, parameters, density, reference, from_initial=True)


def complete_table(card: Card, width: int, needed: int) -> Floats:
    """Return the table of a card whose first `needed` columns must be there in every row."""
    table = read_table(card, width)
    if not len(table):
        raise card.error(f"has no data; expected {needed} numbers in a line")
    missing = np.isnan(table[:, :needed]).any(axis=1)
    if missing.any():
        raise card.error(f"expected {needed} numbers in a line", int(np.argmax(missing)))
    return table


def by_temperature(card: Card, values: Floats, temperature: Floats) -> object:
    """Return a number, or [[T, value], …] where rows have temperatures."""
    if len(values) == 1:
        return float(values[0])
    if np.isnan(temperature).any() or (np.diff(temperature) <= 0).any():
        raise card.error("has several rows whose temperatures do not increase")
    return [[float(t), float(v)] for t, v in zip(temperature, values, strict=True)]


def _elastic(card: Card) -> tuple[str, dict[str, object], Floats]:
    """Return the elastic law, its parameters, and the temperatures of the rows (0 where none is given)."""
    kind = card.parameters.get("TYPE", "ISO")
    if kind in ("ORTHO", "ORTHOTROPIC", "ENGINEERINGCONSTANTS"):
        return _orthotropic(card, kind)
    if kind not in ("ISO", "ISOTROPIC"):
        raise card.error(f"TYPE={kind} is not supported; romtool reads ISO, ORTHO and ENGINEERING CONSTANTS")
    table = complete_table(card, 3, 2)
    parameters = {
        "young": by_temperature(card, table[:, 0], table[:, 2]),
        "poisson": by_temperature(card, table[:, 1], table[:, 2]),
    }
    return "elastic", parameters, np.nan_to_num(table[:, 2], nan=0.0)


_CONSTANTS = ("E1", "E2", "E3", "nu12", "nu13", "nu23", "G12", "G13", "G23")


def _orthotropic(card: Card, kind: str) -> tuple[str, dict[str, object], Floats]:
    """Return the orthotropic law of nine constants, eight in a line, and of a temperature behind them."""
    table = complete_table(card, 8, 1)
    if len(table) % 2 or np.isnan(table[0::2]).any() or not np.isnan(table[1::2, 2:]).all():
        raise card.error("expected lines of eight constants, below each a line of the ninth and the temperature")
    values, temperature = np.column_stack([table[0::2], table[1::2, 0]]), table[1::2, 1]
    if kind != "ENGINEERINGCONSTANTS":
        values = _constants_of(values)
    names = zip(_CONSTANTS, values.T, strict=True)
    parameters: dict[str, object] = {name: by_temperature(card, column, temperature) for name, column in names}
    return "elastic_orthotropic", parameters, np.nan_to_num(temperature, nan=0.0)


def _constants_of(moduli: Floats) -> Floats:
    """Return the constants of (n, 9) moduli D1111, D1122, D2222, D1133, D2233, D3333, D1212, D1313, D2323."""
    order = np.array([[0, 1, 3], [1, 2, 4], [3, 4, 5]])
    compliance = np.linalg.inv(moduli[:, order])
    young = 1.0 / np.einsum("nii->ni", compliance)
    ratios = [-compliance[:, i, j] * young[:, i] for i, j in ((0, 1), (0, 2), (1, 2))]
    return np.column_stack([young, *ratios, moduli[:, 6:]])


def read_curves(card: Card) -> list[tuple[float, Floats]]:
    """Return (temperature, (n, 2) of p and stress) of each yield curve; rows of one temperature together."""
    table = complete_table(card, 3, 2)
    temperature = np.nan_to_num(table[:, 2], nan=0.0)
    starts = np.flatnonzero(np.r_[True, np.diff(temperature) != 0])
    if (np.diff(temperature[starts]) <= 0).any():
        raise card.error("the temperatures of its curves do not increase", int(starts[1]))
    curves = [(float(rows[0, 2]), rows[:, [1, 0]]) for rows in np.split(np.c_[table[:, :2], temperature], starts[1:])]
    for (_, curve), start in zip(curves, starts, strict=True):
        if curve[0, 0] != 0.0 or (np.diff(curve[:, 0]) <= 0).any():
            raise card.error("a yield curve must begin at plastic strain 0 and go on with increasing ones", int(start))
    return curves


def hardening_of(curves: Sequence[tuple[float, Floats]]) -> object:
    """Return romtool's `hardening` of yield curves."""
    if len(curves) == 1:
        return curves[0][1].tolist()
    return [[temperature, curve.tolist()] for temperature, curve in curves]


def read_plastic(cards: Mapping[str, Card], warnings: list[str]) -> dict[str, object]:
    """Return the parameters of plasticity with isotropic, kinematic or combined hardening. Raises ReaderError."""
    card, cyclic = cards["PLASTIC"], cards.get("CYCLICHARDENING")
    kind = card.parameters.get("HARDENING", "ISOTROPIC")
    curves = read_curves(card)
    if kind == "ISOTROPIC":
        return {"hardening": hardening_of(curves)}
    if kind not in ("KINEMATIC", "COMBINED"):
        raise card.error(f"HARDENING={kind} is not supported; romtool reads ISOTROPIC, KINEMATIC and COMBINED")
    if kind == "COMBINED" and cyclic is None:
        raise card.error("HARDENING=COMBINED needs *CYCLIC HARDENING, which is missing")
    slopes = kinematic_slopes(card, curves, warnings)
    start = cyclic if kind == "COMBINED" and cyclic is not None else None
    isotropic = read_curves(start) if start else [(t, curve[:1]) for t, curve in curves]
    return {"hardening": hardening_of(isotropic), "C": [slopes], "D": [0.0]}


def kinematic_slopes(card: Card, curves: Sequence[tuple[float, Floats]], warnings: list[str]) -> object:
    """Return Prager's modulus C of curves that are straight lines."""
    if any(len(curve) != 2 for _, curve in curves):
        raise card.error(
            "kinematic hardening is read where each curve has two points (linear); romtool has no multilinear one"
        )
    end = min(float(curve[1, 0]) for _, curve in curves)
    warnings.append(
        f"{card.where}: linear kinematic hardening goes on beyond the last point (plastic strain {end:g}), where "
        "the solver's is constant"
    )
    modulus = [(t, float((c[1, 1] - c[0, 1]) / (c[1, 0] - c[0, 0]))) for t, c in curves]
    return modulus[0][1] if len(modulus) == 1 else [[t, value] for t, value in modulus]


def read_creep(
    card: Card, points: Floats, span: tuple[float, float], warnings: list[str]
) -> tuple[str, dict[str, object]]:
    """Return law (without plasticity) and parameters of Norton creep `A q^n t^m`; span: first and last time."""
    law = card.parameters.get("LAW", "NORTON")
    if law != "NORTON":
        raise card.error(f"LAW={law} is not supported; romtool reads LAW=NORTON")
    table = complete_table(card, 4, 3)
    values = _at_elastic_points(card, table, points, warnings)
    temperature = points if len(points) > 1 else np.array([np.nan])
    hardening = bool(np.any(values[:, 2] != 0.0))
    values = _with_floor(card, values, span, warnings)
    return norton_law(card, values, temperature, hardening)


def norton_law(card: Card, values: Floats, temperature: Floats, hardening: bool) -> tuple[str, dict[str, object]]:
    """Return law and parameters of (n, 3) A, n, m at (n,) temperatures; m is left out without time hardening."""
    names = ("A", "n", "m") if hardening else ("A", "n")
    constant = (values == values[0]).all(axis=0)
    parameters = {
        name: float(values[0, i]) if constant[i] else by_temperature(card, values[:, i], temperature)
        for i, name in enumerate(names)
    }
    return ("creep_time_hardening" if hardening else "creep_norton"), parameters


def _at_elastic_points(card: Card, table: Floats, points: Floats, warnings: list[str]) -> Floats:
    """Return (n_points, 3) A, n, m at the temperatures of the elastic rows."""
    if len(table) == 1:
        return np.repeat(table[:, :3], len(points), axis=0)
    temperature = table[:, 3]
    if np.isnan(temperature).any() or (np.diff(temperature) <= 0).any():
        raise card.error("has several rows whose temperatures do not increase")
    if not np.array_equal(temperature, points):
        warnings.append(
            f"{card.where}: *CREEP has other temperatures than *ELASTIC; CalculiX interpolates it to those of *ELASTIC "
            f"({', '.join(f'{t:g}' for t in points)}) first, and so does romtool: give both the same temperatures"
        )
    return np.column_stack([np.interp(points, temperature, table[:, i]) for i in range(3)])


def _with_floor(card: Card, values: Floats, span: tuple[float, float], warnings: list[str]) -> Floats:
    """Return the values with A raised to 1e-20 as CalculiX does (for m = 0 only), with a warning."""
    factor, m = values[:, 0], values[:, 2]
    smallest = min(float((factor * np.power(time, m)).min()) for time in span)
    if smallest >= _FLOOR:
        return values
    constant = bool((m == 0.0).all())
    warnings.append(
        f"{card.where}: *CREEP: A t^m goes down to {smallest:.3g}; CalculiX raises it to 1e-20"
        + (", and so does romtool" if constant else ", romtool does not")
        + ": change the units"
    )
    return np.column_stack([np.maximum(factor, _FLOOR), values[:, 1:]]) if constant else values


def _expansion(card: Card, n_directions: int) -> tuple[dict[str, object], float]:
    """Return the parameters of the secant expansion and its reference temperature.

    `n_directions`: 1 for an isotropic law, 3 for one with directions.
    """
    kind = card.parameters.get("TYPE", "ISO")
    width = {"ISO": 1, "ISOTROPIC": 1, "ORTHO": 3, "ORTHOTROPIC": 3}.get(kind, 0)
    if not 0 < width <= n_directions:
        raise card.error(f"TYPE={kind} is not supported; romtool reads ISO, and ORTHO with orthotropic elasticity")
    table = complete_table(card, width + 1, width)
    try:
        reference = float(card.parameters.get("ZERO", "0") or 0.0)
    except ValueError as error:
        raise card.error(f"found ZERO={card.parameters['ZERO']}, expected a temperature") from error
    columns = [by_temperature(card, table[:, i % width], table[:, width]) for i in range(n_directions)]
    names = ["expansion"] if n_directions == 1 else ["alpha1", "alpha2", "alpha3"]
    return dict(zip(names, columns, strict=True)), reference


def _density(card: Card) -> float:
    """Return the density, which must not depend on temperature."""
    table = complete_table(card, 2, 1)
    if (table[:, 0] != table[0, 0]).any():
        raise card.error("a density that depends on temperature is not supported; give one value")
    return float(table[0, 0])
