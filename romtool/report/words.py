"""Numbers in words, and the summary of a report: only what was computed or recorded is said."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.report.charts import matching
from romtool.report.content import ErrorFacts, HistoryFacts, ModelFacts, Quantity, Report
from romtool.report.indication import FieldIndication
from romtool.report.study import StudyFacts
from romtool.types import Floats

MAX_RESULTS = 3
"""Online results up to which the summary tells of each."""
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
    """Return a relative number in per cent.

    >>> percent(0.00123)
    '0.12 %'
    """
    return "–" if value is None or not math.isfinite(value) else f"{100.0 * value:.2g} %".replace("-", "−")


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


@dataclass(frozen=True)
class Tile:
    """One number at the top of the page, with what it is and what it is compared with."""

    value: str
    name: str
    remark: str = ""


def tiles(report: Report) -> list[Tile]:
    """Return the numbers at the top of the page."""
    found = _model_tiles(report.models[0]) if len(report.models) == 1 else []
    worst = _worst_error(report)
    if worst is not None:
        error, field, history = worst
        found.append(Tile(percent(error), "largest error against a reference", f"{field}, {history.label}"))
    found += _bound_tile(report)
    marches = [(history, history.seconds["march"]) for history in report.histories if "march" in history.seconds]
    if marches:
        slowest, seconds = max(marches, key=lambda pair: pair[1])
        name = "online march" if len(marches) == 1 else "slowest online march"
        found.append(Tile(duration(seconds), name, plural(len(slowest.times) - 1, "step")))
    ratios = [ratio for history in report.histories if (ratio := speed_up(history, report)) is not None]
    if ratios:
        span = dict.fromkeys(number(ratio) for ratio in (min(ratios), max(ratios)))
        found.append(Tile(" … ".join(span) + "×", "speed-up", "built-in solver / march, as recorded"))
    return found


def _bound_tile(report: Report) -> list[Tile]:
    """Return the largest error bound of all results, where there is one."""
    known = [(row.bound, row, history) for history in report.histories for row in indicator_rows(history) if row.bound]
    if not known:
        return []
    bound, row, history = max(known, key=lambda entry: entry[0])
    remark = f"{row.field}, {history.label}" + (", outside the calibration" if row.counts[2] else "")
    return [Tile(percent(bound), "largest 95 % error bound", remark)]


def _model_tiles(model: ModelFacts) -> list[Tile]:
    """Return the numbers of the only model."""
    training = model.training
    found = [
        Tile(count(training.n_modes), "displacement modes", f"of {count(3 * training.n_nodes)} components"),
        Tile(count(training.n_points), "reduced integration points", f"of {count(training.n_points_full)}"),
    ]
    worst = worst_training(model)
    if worst is not None:
        error, field, simulation = worst
        found.append(Tile(percent(error), "training error", f"{field}, simulation {simulation}"))
    return found


def factor(ratio: float) -> str:
    """Return a ratio of two durations."""
    return f"{number(ratio)}×"


def speed_up(history: HistoryFacts, report: Report) -> float | None:
    """Return the recorded seconds of the reference over those of the march, None where either was not recorded."""
    reference = report.history(history.reference)
    if reference is None or not history.seconds.get("march"):
        return None
    seconds = reference.seconds.get("solve")
    return None if seconds is None else seconds / history.seconds["march"]


def worst_training(model: ModelFacts) -> tuple[float, str, str] | None:
    """Return the largest error of a model on its own training, with field and simulation."""
    errors = model.training.errors
    found = [(error, field, name) for name, fields in errors.items() for field, error in fields.items()]
    return max(found, default=None)


def _worst_error(report: Report) -> tuple[float, str, HistoryFacts] | None:
    """Return the largest relative error against a reference, with its field and history."""
    found = [
        (relative, field, history)
        for history in report.histories
        if history.errors is not None
        for field, relative, _, _ in history.errors.rows
        if relative is not None
    ]
    return max(found, key=lambda entry: entry[0], default=None)


def sentences(report: Report) -> list[str]:
    """Return the summary in words."""
    found = [text for model in report.models for text in _model_sentences(model)]
    results = [history for history in report.histories if history.reduced is not None]
    if len(results) > MAX_RESULTS:
        found += _overview(results, report)
    else:
        found += [text for history in results for text in _result_sentences(history, report)]
    found += [_study_sentence(study) for study in report.studies]
    if not report.models and not results and not report.studies:
        labels = ", ".join(f"{history.label} ({history.kind})" for history in report.histories)
        found.append(f"No reduced model and no online result: {labels}.")
    if report.warnings:
        found.append(f"{plural(len(report.warnings), 'warning')} below: read before use.")
    return found


def _study_sentence(study: StudyFacts) -> str:
    """Return what a study says in a sentence."""
    counted = [
        f"{entry.name} exceeds {number(entry.threshold)} in {percent(entry.exceedance)}"
        for entry in study.quantities
        if entry.threshold is not None
    ]
    found = f"; {'; '.join(counted)} of the draws" if counted else ""
    return f"Study {study.label}: {plural(study.n_draws, 'draw')}{found}."


def _overview(results: Sequence[HistoryFacts], report: Report) -> list[str]:
    """Return what many results say together."""
    worst = _worst_error(report)
    found = [f"{count(len(results))} online results; each is in the table below."]
    if worst is not None:
        error, field, history = worst
        n_known = sum(history.errors is not None for history in results)
        found.append(
            f"Of the {count(n_known)} with a reference, {history.label} is farthest off: {percent(error)} in {field}."
        )
    return found


def _model_sentences(model: ModelFacts) -> list[str]:
    """Return what a model replaces and what it loses on its own training."""
    training = model.training
    extra = training.n_sampled - training.n_points
    sampled = f", and {plural(extra, 'point')} more for the reconstruction of fields" if extra else ""
    found = [
        f"Model {model.label}: {plural(training.n_modes, 'mode')} in place of {count(3 * training.n_nodes)} "
        f"displacement components, and {plural(training.n_points, 'integration point')} with weights in place of "
        f"{count(training.n_points_full)} (1 in {number(training.n_points_full / training.n_points)}){sampled}."
    ]
    worst = worst_training(model)
    if worst is not None:
        error, field, name = worst
        found.append(
            f"Run again on its {plural(len(training.errors), 'training computation')}, {model.label} is off by "
            f"{percent(error)} at most ({field}, simulation {name}; L2 over the body, largest over time)."
        )
    return found


def _result_sentences(history: HistoryFacts, report: Report) -> list[str]:
    """Return what a result says, against its reference where there is one."""
    found = []
    if history.errors is not None:
        fields = ", ".join(
            f"{percent(relative)} in {name}" for name, relative, _, _ in history.errors.rows if relative is not None
        )
        times = plural(len(history.errors.times), "common time")
        words = f"relative error {fields}" if fields else "the reference is zero throughout"
        found.append(f"{history.label} against {history.reference}, {times}: {words}.")
    found += _indicator_sentences(history)
    found += [_quantity_sentence(entry, history, report) for entry in history.quantities]
    march = history.seconds.get("march")
    if march is not None:
        found.append(
            f"{history.label}: the march of {plural(len(history.times) - 1, 'step')}"
            f"{' and its repairs' if _repaired(history) else ''} took {duration(march)}" + _speed_words(history, report)
        )
    return found


def _quantity_sentence(entry: Quantity, history: HistoryFacts, report: Report) -> str:
    """Return where and when a quantity is largest."""
    time = with_unit(entry.time, report.units.time)
    text = f"{history.label}: {entry.name} {with_unit(entry.largest, entry.unit)} at time {time} ({entry.place})"
    other = matching(entry, report.history(history.reference))
    if other is None:
        return f"{text}."
    return f"{text}; the reference has {with_unit(other.largest, other.unit)} ({other.place})."


def _speed_words(history: HistoryFacts, report: Report) -> str:
    """Return how the march compares with the recorded seconds of the reference."""
    ratio, reference = speed_up(history, report), report.history(history.reference)
    if ratio is None or reference is None:
        return "."
    recorded = f"{duration(reference.seconds['solve'])} of the built-in solver"
    if ratio >= 1.0:
        return f", {factor(ratio).rstrip('×')} times faster than the recorded {recorded}."
    return f"; the recorded {recorded} were less ({factor(ratio)})."


@dataclass(frozen=True)
class IndicatorRow:
    """What is known of the error of one field of an online result, in one row.

    Parameters
    ----------
    field: its name.
    counts: steps that are elastic, calibrated, outside the calibration.
    n_above: steps above the tolerance.
    expected, bound: largest ones; None where the field is elastic throughout. time: of the largest bound.
    error: largest true error, None without a reference.
    n_known, n_held: times with bound and true error, and those of them whose bound is not below the error.
    """

    field: str
    counts: tuple[int, int, int]
    n_above: int
    expected: float | None
    bound: float | None
    time: float | None
    error: float | None
    n_known: int
    n_held: int


def indicator_rows(history: HistoryFacts) -> list[IndicatorRow]:
    """Return what is known of the errors of an online result, field by field; none of other histories."""
    if history.reduced is None:
        return []
    facts = history.reduced.indicator
    return [_indicator_row(entry, facts.tolerance, history) for entry in facts.fields]


def _indicator_row(entry: FieldIndication, tolerance: float, history: HistoryFacts) -> IndicatorRow:
    """Return what is known of the error of one field."""
    top, errors = entry.top, _true_errors(entry.field, history.times, history.errors)
    known = np.isfinite(errors) & np.isfinite(entry.bound)
    return IndicatorRow(
        field=entry.field,
        counts=entry.counts,
        n_above=entry.n_above(tolerance),
        expected=None if top is None else float(np.nanmax(entry.expected)),
        bound=None if top is None else float(entry.bound[top]),
        time=None if top is None else float(history.times[top]),
        error=float(np.nanmax(errors)) if np.isfinite(errors).any() else None,
        n_known=int(known.sum()),
        n_held=int(np.count_nonzero(entry.bound[known] >= errors[known])),
    )


def _true_errors(field: str, times: Floats, errors: ErrorFacts | None) -> Floats:
    """Return the (n_times,) true errors at the times of a result, NaN where there is none."""
    found = np.full(len(times), np.nan)
    if errors is not None and field in errors.causal:
        found[np.abs(times[:, None] - errors.times).argmin(axis=0)] = errors.causal[field]
    return found


def _indicator_sentences(history: HistoryFacts) -> list[str]:
    """Return what the error indicator says of a result, and which steps were repaired."""
    rows, found = indicator_rows(history), []
    bounds = [f"{percent(row.bound)} in {row.field}" for row in rows if row.bound is not None and not row.counts[2]]
    if bounds:
        found.append(f"{history.label}: by its error indicator the error is at most {', '.join(bounds)} (95 % bounds).")
    n_steps = len(history.times) - 1
    found += [
        f"{history.label}: the error of {row.field} is not known at {row.counts[2]} of {plural(n_steps, 'step')}, "
        "which are outside the calibration."
        for row in rows
        if row.counts[2]
    ]
    if _repaired(history):
        text = f"{count(_repaired(history))} of {plural(n_steps, 'step')} were solved by the high-fidelity model"
        found.append(f"{history.label}: {text}, which the reduced model learnt from.")
    return found


def _repaired(history: HistoryFacts) -> int:
    """Return the number of repaired steps."""
    return 0 if history.reduced is None else len(history.reduced.indicator.repaired)
