"""What differs between the decks of CalculiX and Abaqus, which share their keywords."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from romtool.convert.calculix_keywords import Card
from romtool.types import Floats

Parameters = dict[str, object]


@dataclass(frozen=True)
class Dialect:
    """How one solver understands a deck.

    Parameters
    ----------
    name: the solver.
    read, ignored: keywords that are read, and that have no part in a quasi-static computation of solids.
    reasons: keywords that matter and are not supported -> why.
    check_property: raises a ReaderError for a property card of a material that means more than romtool reads.
    plastic: `plastic(cards, warnings)` returns the parameters of *PLASTIC from the cards of a material.
    creep: `creep(card, points, span, warnings)` returns law and parameters of *CREEP; `points` are the temperatures
        of *ELASTIC, `span` the first and last time.
    results: suffixes of result files beside the deck, the best first.
    supports: names of supports in *BOUNDARY -> components.
    faulty: whether CalculiX 2.20's own behaviour is followed and told (rounding, ramps of late body loads, decks
        without nonlinearity solved once per step).
    """

    name: str
    read: frozenset[str]
    ignored: frozenset[str]
    reasons: Mapping[str, str]
    check_property: Callable[[Card], None]
    plastic: Callable[[Mapping[str, Card], list[str]], Parameters]
    creep: Callable[[Card, Floats, tuple[float, float], list[str]], tuple[str, Parameters]]
    results: tuple[str, ...]
    supports: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    faulty: bool = False
