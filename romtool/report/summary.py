"""The summary of a report: numbers at the top, and sentences that say only what was computed or recorded."""

from collections.abc import Sequence

from romtool.report.charts import matching
from romtool.report.content import HistoryFacts, ModelFacts, Quantity, Report
from romtool.report.document import Tile, Value
from romtool.report.judgement import (
    Accuracy,
    accuracy,
    indicator_rows,
    largest_model,
    n_repaired,
    speed_up,
    worst_bound,
    worst_error,
    worst_training,
)
from romtool.report.words import count, duration, factor, number, percent, plural, with_unit

MAX_RESULTS = 3
"""Online results up to which the summary tells of each."""


def tiles(report: Report) -> list[Tile]:
    """Return the numbers at the top: error, speed-up and size first, where there is a model or a result."""
    results = [history for history in report.histories if history.reduced is not None]
    brought = [tile for extra in report.extras for tile in extra.tiles]
    if not results and not report.models:
        return brought
    known = accuracy(report)
    found = [Tile(Value(known.error, "percent"), f"largest {known.basis}", known.where), _speed_tile(report, results)]
    if report.models:
        found += _size_tiles(largest_model(report), len(report.models) > 1)
    found += _bound_tile(report, known)
    marches = [(history, history.seconds["march"]) for history in results if "march" in history.seconds]
    if marches:
        slowest, seconds = max(marches, key=lambda pair: pair[1])
        name = "online march" if len(marches) == 1 else "slowest online march"
        found.append(Tile(Value(seconds, "duration"), name, plural(len(slowest.times) - 1, "step")))
    return found + brought


def _speed_tile(report: Report, results: Sequence[HistoryFacts]) -> Tile:
    """Return the smallest speed-up, or that it is not known."""
    ratios = [ratio for history in results if (ratio := speed_up(history, report)) is not None]
    if not ratios:
        return Tile(Value(None, "factor"), "speed-up", "no time of a full computation is recorded")
    remark = "full computation / march, as recorded"
    if len(ratios) > 1:
        remark += f"; up to {factor(max(ratios))}"
    return Tile(Value(min(ratios), "factor"), "speed-up", remark)


def _size_tiles(model: ModelFacts, several: bool) -> list[Tile]:
    """Return the sizes of the largest model, and of a single one its error on the training."""
    training, named = model.training, f", {model.label}" if several else ""
    points = f"of {count(training.n_points_full)}{named}"
    modes = f"of {count(3 * training.n_nodes)} components{named}"
    found = [
        Tile(Value(training.n_points, "count"), "reduced integration points", points),
        Tile(Value(training.n_modes, "count"), "displacement modes", modes),
    ]
    worst = None if several else worst_training(model)
    if worst is not None:
        error, field, simulation = worst
        found.append(Tile(Value(error, "percent"), "training error", f"{field}, simulation {simulation}"))
    return found


def _bound_tile(report: Report, known: Accuracy) -> list[Tile]:
    """Return the largest error bound of all results, where it is not the first tile already."""
    found = worst_bound(report)
    if found is None or (known.basis == "95 % error bound" and known.error is not None):
        return []
    bound, field, history = found
    outside = any(row.counts[2] for row in indicator_rows(history) if row.field == field)
    remark = f"{field}, {history.label}" + (", outside the calibration" if outside else "")
    return [Tile(Value(bound, "percent"), "largest 95 % error bound", remark)]


def sentences(report: Report) -> list[str]:
    """Return the summary in words."""
    found = [text for model in report.models for text in _model_sentences(model)]
    results = [history for history in report.histories if history.reduced is not None]
    if len(results) > MAX_RESULTS:
        found += _overview(results, report)
    else:
        found += [text for history in results for text in _result_sentences(history, report)]
    found += [text for extra in report.extras for text in extra.sentences]
    if not report.models and not results and not report.extras:
        labels = ", ".join(f"{history.label} ({history.kind})" for history in report.histories)
        found.append(f"No reduced model and no online result: {labels}.")
    if report.warnings:
        found.append(f"{plural(len(report.warnings), 'warning')} below: read before use.")
    return found


def _overview(results: Sequence[HistoryFacts], report: Report) -> list[str]:
    """Return what many results say together."""
    worst = worst_error(report)
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
            f"{' and its repairs' if n_repaired(history) else ''} took {duration(march)}"
            + _speed_words(history, report)
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
    recorded = f"{duration(reference.seconds['solve'])} of {reference.solver}"
    if ratio >= 1.0:
        return f", {factor(ratio).rstrip('×')} times faster than the recorded {recorded}."
    return f"; the recorded {recorded} were less ({factor(ratio)})."


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
    if n_repaired(history):
        text = f"{count(n_repaired(history))} of {plural(n_steps, 'step')} were solved by the high-fidelity model"
        found.append(f"{history.label}: {text}, which the reduced model learnt from.")
    return found
