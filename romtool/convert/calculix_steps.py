"""Steps of a CalculiX deck: procedure, period, increments, and how loads without amplitude start.

Facts checked by running ccx 2.20: with DIRECT the increments are equal and the last one is cut at the end of
the step (a remainder below 1e-6 of the period joins the one before); a deck in which nothing is nonlinear
is solved once per step, whatever increments it asks for; *VISCO and `*STEP, AMPLITUDE=STEP` apply loads at
once, *STATIC and `AMPLITUDE=RAMP` ramp them, and the choice holds for that step only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.convert.calculix_keywords import Card, number
from romtool.types import Floats

_MERGE = 1e-6
_PROCEDURES = (
    "STATIC", "VISCO", "DYNAMIC", "FREQUENCY", "BUCKLE", "HEATTRANSFER", "COUPLEDTEMPERATURE-DISPLACEMENT",
    "UNCOUPLEDTEMPERATURE-DISPLACEMENT", "MODALDYNAMIC", "STEADYSTATEDYNAMICS", "COMPLEXFREQUENCY", "GREEN",
    "ELECTROMAGNETICS", "CFD", "SENSITIVITY", "SUBSTRUCTUREGENERATE", "CRACKPROPAGATION", "NOANALYSIS",
    "ROBUSTDESIGN", "FEASIBLEDIRECTION",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One step.

    Parameters
    ----------
    cards: its cards, from *STEP to the one before *END STEP.
    procedure: the card of the procedure, or None.
    start, period, increment: float [time] total time at its start, duration, (first) increment.
    direct: fixed increments.
    at_once: loads without amplitude act in full from the first increment on.
    nlgeom: geometrically nonlinear.
    """

    cards: tuple[Card, ...]
    procedure: Card | None
    start: float
    period: float
    increment: float
    direct: bool
    at_once: bool
    nlgeom: bool

    @property
    def end(self) -> float:
        """Return the total time at the end."""
        return self.start + self.period

    @property
    def kind(self) -> str:
        """Return the keyword of the procedure, "" where there is none."""
        return self.procedure.keyword if self.procedure else ""

    def times(self, linear: bool) -> Floats:
        """Return the total times at the ends of the (nominal) increments; one where `linear`."""
        if linear or not 0.0 < self.increment < self.period:
            return np.array([self.end])
        count = int(np.ceil(self.period / self.increment - _MERGE * self.period / self.increment))
        return np.append(self.start + self.increment * np.arange(1, count), self.end)


def split_steps(cards: Sequence[Card]) -> tuple[list[Card], list[Step]]:
    """Return the cards before the first step, and the steps.

    Raises
    ------
    ReaderError: a step inside a step, one that does not end, or numbers of a procedure that cannot be read.
    """
    model: list[Card] = []
    steps: list[Step] = []
    inside: list[Card] | None = None
    for card in cards:
        if card.keyword == "STEP":
            if inside is not None:
                raise card.error("begins inside a step; expected *END STEP first")
            inside = [card]
        elif card.keyword == "ENDSTEP":
            if inside is None:
                raise card.error("ends a step that did not begin; expected *STEP first")
            steps.append(_step(inside, steps))
            inside = None
        else:
            (model if inside is None else inside).append(card)
    if inside:
        raise inside[-1].error("the deck ends before *END STEP; it is truncated, or the line is missing")
    return model, steps


def _step(cards: Sequence[Card], before: Sequence[Step]) -> Step:
    """Return one step from its cards."""
    procedure = next((card for card in cards if card.keyword in _PROCEDURES), None)
    increment, period = _step_times(procedure)
    start = before[-1].end if before else 0.0
    head = cards[0].parameters
    default = "STEP" if procedure is not None and procedure.keyword == "VISCO" else "RAMP"
    nlgeom = "NLGEOM" in head and head["NLGEOM"] != "NO"
    nlgeom = nlgeom or ("NLGEOM" not in head and bool(before) and before[-1].nlgeom)
    return Step(
        cards=tuple(cards),
        procedure=procedure,
        start=start,
        period=period,
        increment=increment,
        direct=procedure is not None and "DIRECT" in procedure.parameters,
        at_once=head.get("AMPLITUDE", default) == "STEP",
        nlgeom=nlgeom,
    )


def _step_times(procedure: Card | None) -> tuple[float, float]:
    """Return (increment, period) of a *STATIC or *VISCO; both 1 by default, (0, 0) for other procedures."""
    if procedure is None or procedure.keyword not in ("STATIC", "VISCO"):
        return 0.0, 0.0
    fields = next((fields for _, fields in procedure.rows()), [])
    try:
        values = [number(text) if text else 0.0 for text in fields[:2]]
    except ValueError as error:
        raise procedure.error(f"found {', '.join(fields)!r}, expected increment and period", 0) from error
    increment, period = [*values, 0.0, 0.0][:2]
    period = period or 1.0
    return increment or period, period


def exact_times(steps: Sequence[Step]) -> Floats:
    """Return the times of a deck that are known to all digits: ends of steps, increments with DIRECT."""
    parts = [step.times(linear=not step.direct) for step in steps if step.period > 0.0]
    times: Floats = np.unique(np.concatenate([np.zeros(0), *parts]))
    return times
