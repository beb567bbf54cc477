"""How good a reduced model is: what is known of its errors and its speed, and the verdict on both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.report.content import ErrorFacts, HistoryFacts, ModelFacts, Report
from romtool.report.document import Level, Verdict
from romtool.report.indication import FieldIndication
from romtool.report.words import count, factor, number, percent, plural
from romtool.types import Bools, Floats

CARE = 10.0
"""Times the tolerance up to which a result may be used with care."""


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


def n_repaired(history: HistoryFacts) -> int:
    """Return the number of steps that the high-fidelity model repaired."""
    return 0 if history.reduced is None else len(history.reduced.indicator.repaired)


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


def worst_error(report: Report) -> tuple[float, str, HistoryFacts] | None:
    """Return the largest relative error against a reference, with its field and history."""
    found = [
        (relative, field, history)
        for history in report.histories
        if history.errors is not None
        for field, relative, _, _ in history.errors.rows
        if relative is not None
    ]
    return max(found, key=lambda entry: entry[0], default=None)


def worst_bound(report: Report) -> tuple[float, str, HistoryFacts] | None:
    """Return the largest error bound of all results, with its field and history."""
    rows = [(row, history) for history in report.histories for row in indicator_rows(history)]
    known = [(row.bound, row.field, history) for row, history in rows if row.bound is not None]
    return max(known, key=lambda entry: entry[0], default=None)


@dataclass(frozen=True)
class Accuracy:
    """The largest relative error that is known, how it is known, and of what.

    Parameters
    ----------
    error: relative; None where nothing is known.
    basis: "error against a reference", "95 % error bound" or "error on the training".
    where: field, and result or simulation.
    """

    error: float | None
    basis: str
    where: str


def accuracy(report: Report) -> Accuracy:
    """Return the best knowledge of the largest error: against a reference, else the bound, else on the training."""
    if (found := worst_error(report)) is not None:
        return Accuracy(found[0], "error against a reference", f"{found[1]}, {found[2].label}")
    if any(history.reduced is not None for history in report.histories):
        if any(row.counts[2] for history in report.histories for row in indicator_rows(history)):
            return Accuracy(None, "95 % error bound", "steps outside the calibration")
        if (bound := worst_bound(report)) is not None:
            return Accuracy(bound[0], "95 % error bound", f"{bound[1]}, {bound[2].label}")
        return Accuracy(None, "95 % error bound", "elastic throughout")
    found_training = [entry for model in report.models if (entry := worst_training(model)) is not None]
    if not found_training:
        return Accuracy(None, "error", "not recorded")
    error, field, name = max(found_training)
    return Accuracy(error, "error on the training", f"{field}, simulation {name}")


def verdict(report: Report) -> Verdict | None:
    """Return how good the models or results of a report are, None where it has neither."""
    results = [history for history in report.histories if history.reduced is not None]
    if not results and not report.models:
        return None
    known = accuracy(report)
    tolerance = _tolerance(report, results)
    level = _level(known.error, tolerance)
    of_all = f"Judged by the worst of {len(results)} results. " if len(results) > 1 else ""
    words = (_error_words(level, known, tolerance), _speed_words(report, results), _size_words(report))
    text = of_all + " ".join(filter(None, words))
    limits = [text for history in results for text in _limits(history, report)]
    limits += [text for model in report.models for text in _model_limits(model)]
    return Verdict(level, text.strip(), tuple(dict.fromkeys(limits)))


def _tolerance(report: Report, results: Sequence[HistoryFacts]) -> float:
    """Return the error that a step may have: of the results, else of the models."""
    given = [history.reduced.indicator.tolerance for history in results if history.reduced is not None]
    return min(given or [model.training.tolerance for model in report.models])


def _level(error: float | None, tolerance: float) -> Level:
    """Return what an error comes to."""
    if error is None:
        return "unknown"
    if error <= tolerance:
        return "good"
    return "care" if error <= CARE * tolerance else "poor"


_OPENINGS: dict[Level, str] = {
    "good": "Good",
    "care": "Use with care",
    "poor": "Not to be trusted as it is",
    "unknown": "Not known how good it is",
}


def _error_words(level: Level, known: Accuracy, tolerance: float) -> str:
    """Say what the level is and the error behind it."""
    if known.error is None:
        return f"{_OPENINGS[level]}: no {known.basis} ({known.where})."
    side = "within" if known.error <= tolerance else "above"
    return f"{_OPENINGS[level]}: the largest {known.basis} is {percent(known.error)} ({known.where}), {side} the " + (
        f"tolerance of {percent(tolerance)}."
    )


def _speed_words(report: Report, results: Sequence[HistoryFacts]) -> str:
    """Say how much faster the results came than their references."""
    ratios = [ratio for history in results if (ratio := speed_up(history, report)) is not None]
    if ratios:
        words = " to ".join(dict.fromkeys(factor(ratio) for ratio in (min(ratios), max(ratios))))
        return f"The march is {words} as fast as the full computation."
    return "No time of a full computation is recorded, so the speed-up is not known." if results else ""


def _size_words(report: Report) -> str:
    """Say how small the models are."""
    if not report.models:
        return ""
    model, of_all = largest_model(report), ", at most" if len(report.models) > 1 else ""
    return (
        f"1 in {number(model.training.n_points_full / model.training.n_points)} integration points is evaluated, with "
        f"{plural(model.training.n_modes, 'mode')}{of_all}."
    )


def largest_model(report: Report) -> ModelFacts:
    """Return the model with the largest part of the points of its mesh."""
    return max(report.models, key=lambda model: model.training.n_points / model.training.n_points_full)


def _limits(history: HistoryFacts, report: Report) -> Iterator[str]:
    """Yield where an online result is not to be trusted."""
    if history.reduced is None:
        return
    facts, times = history.reduced.indicator, history.times
    for text in facts.outside:
        yield f"{history.label}: outside the training: {text}"
    if history.stopped:
        yield f"{history.label}: it ended early: {history.stopped}"
    for entry in facts.fields:
        beyond = entry.outside | (entry.bound > facts.tolerance)
        if beyond[1:].any():
            yield (
                f"{history.label}: {entry.field} may be off by more than {percent(facts.tolerance)} at "
                f"{count(int(beyond[1:].sum()))} of {plural(len(times) - 1, 'step')}, {_span(times, beyond, report)}"
            )
    yield from _error_limits(history, facts.tolerance)


def _span(times: Floats, beyond: Bools, report: Report) -> str:
    """Say from when to when something lasts."""
    first, last = times[np.flatnonzero(beyond)[[0, -1]]]
    if first == last:
        return f"at time {number(first)} {report.units.time}".rstrip()
    return f"between time {number(first)} and {number(last)} {report.units.time}".rstrip()


def _error_limits(history: HistoryFacts, tolerance: float) -> Iterator[str]:
    """Yield the fields that are farther from the reference than the tolerance."""
    rows = history.errors.rows if history.errors is not None else ()
    far = [f"{name} by {percent(error)}" for name, error, _, _ in rows if error is not None and error > tolerance]
    if far:
        yield f"{history.label}: it differs from {history.reference} in {', '.join(far)}"


def _model_limits(model: ModelFacts) -> Iterator[str]:
    """Yield what a model can not give."""
    if model.training.zero_fields:
        names = ", ".join(model.training.zero_fields)
        yield f"{model.label}: it does not give {names}, zero in all its training"
    for entry in model.calibrations:
        yield (
            f"{model.label}: the error of {entry.field} is known while the indicator is below "
            f"{number(float(entry.misfit.max()), 2)}; beyond, and outside the validity domain, it is not"
        )
