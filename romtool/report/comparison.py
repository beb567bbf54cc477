"""Sections that put models, or histories, side by side: numbers, differences, overlaid curves."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from romtool.report.charts import axis
from romtool.report.content import HistoryFacts, ModelFacts, Quantity, Report
from romtool.report.document import Block, Column, Form, Heading, Section, Table, Text, Value, note
from romtool.report.figures import N_COLOURS, Chart, Line
from romtool.report.judgement import indicator_rows, worst_training
from romtool.report.result_section import difference_blocks

MOST_BESIDE = 6
"""Models or histories that fit side by side; of more only the table of all histories is shown."""


def compare_models(models: Sequence[ModelFacts]) -> Section | None:
    """Return models side by side, None of a single one or of too many."""
    if not 2 <= len(models) <= MOST_BESIDE:
        return None
    labels = [model.label for model in models]
    rows = [_row(name, form, [read(model) for model in models]) for name, form, read in _MODEL_NUMBERS]
    rows += _field_rows(models)
    return Section("models", "Models side by side", (_side_by_side(labels, rows), *_model_charts(models)))


def _training_error(model: ModelFacts) -> float | None:
    worst = worst_training(model)
    return None if worst is None else worst[0]


_MODEL_NUMBERS: tuple[tuple[str, Form, Callable[[ModelFacts], Any]], ...] = (
    ("nodes", "count", lambda model: model.training.n_nodes),
    ("displacement modes", "count", lambda model: model.training.n_modes),
    ("reduced points with weight", "count", lambda model: model.training.n_points),
    ("reduced points in all", "count", lambda model: model.training.n_sampled),
    ("discarded part of the snapshots", "number", lambda model: model.training.pod_error),
    ("quadrature error", "number", lambda model: model.training.quadrature_error),
    ("volume error", "number", lambda model: model.training.volume_error),
    ("training computations", "count", lambda model: len(model.training.errors)),
    ("largest training error", "percent", _training_error),
    ("seconds of the training", "duration", lambda model: sum(model.seconds.values()) or None),
)


def _field_rows(models: Sequence[ModelFacts]) -> list[tuple[Any, ...]]:
    """Return modes, largest training error and bound of each field."""
    fields = dict.fromkeys(name for model in models for name in _kept(model))
    rows = [_row(f"modes of {name}", "count", [_kept(model).get(name) for model in models]) for name in fields]
    errors = [_worst_by_field(model) for model in models]
    names = dict.fromkeys(name for found in errors for name in found)
    rows += [_row(f"largest training error of {n}", "percent", [found.get(n) for found in errors]) for n in names]
    bounds = [{entry.field: float(entry.bound.max()) for entry in model.calibrations} for model in models]
    names = dict.fromkeys(name for found in bounds for name in found)
    return rows + [_row(f"largest calibrated bound of {n}", "percent", [b.get(n) for b in bounds]) for n in names]


def _kept(model: ModelFacts) -> dict[str, int]:
    """Return the kept modes of the dual fields."""
    return {spectrum.field: spectrum.kept for spectrum in model.training.spectra if spectrum.field != "u"}


def _worst_by_field(model: ModelFacts) -> dict[str, float]:
    """Return the largest training error of each field."""
    found: dict[str, float] = {}
    for errors in model.training.errors.values():
        for field, error in errors.items():
            found[field] = max(error, found.get(field, 0.0))
    return found


def _row(name: str, form: Form, values: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row of values, and of two their difference relative to the first."""
    cells = tuple(Value(value, form) for value in values)
    if len(values) != 2:
        return name, *cells
    one, other = values
    known = one is not None and other is not None and one != 0
    return name, *cells, (other - one) / abs(one) if known else None


def _side_by_side(labels: Sequence[str], rows: Sequence[tuple[Any, ...]], text: str = "") -> Table:
    """Return a table with a column per label, of two with their difference."""
    extra = (Column("difference", "percent"),) if len(labels) == 2 else ()
    told = ("Difference: of the second from the first, relative to the first." if extra else "") + text
    return Table("", (Column("what"), *(Column(label, "number") for label in labels), *extra), tuple(rows), told)


def _model_charts(models: Sequence[ModelFacts]) -> Iterator[Chart]:
    """Yield the singular values of each field and the convergence of the quadratures, overlaid."""
    fields = dict.fromkeys(spectrum.field for model in models for spectrum in model.training.spectra)
    for field in fields:
        lines = tuple(
            Line(
                f"{model.label}, {spectrum.kept} kept",
                np.arange(1.0, len(spectrum.values) + 1.0),
                spectrum.values / spectrum.values[0],
                colour=i % N_COLOURS,
                solid_markers=spectrum.kept,
            )
            for i, model in enumerate(models)
            for spectrum in model.training.spectra
            if spectrum.field == field
        )
        yield Chart(f"Singular values of {field}", "mode", "singular value / largest", lines, log=True)
    converging = tuple(
        Line(model.label, model.training.convergence[:, 0], model.training.convergence[:, 1], colour=i % N_COLOURS)
        for i, model in enumerate(models)
        if len(model.training.convergence)
    )
    if converging:
        yield Chart("Convergence of the quadratures", "points", "relative error", converging, log=True)


def compare_histories(report: Report) -> Section | None:
    """Return histories side by side, None of a single one, of too many, or of a result with its reference alone."""
    results = [history for history in report.histories if history.reduced is not None]
    shown = results if len(results) > 1 else list(report.histories)
    if not 2 <= len(shown) <= MOST_BESIDE or any(history.errors is not None for history in shown if len(results) < 2):
        return None
    labels = [history.label for history in shown]
    rows = [_row(name, form, [read(history) for history in shown]) for name, form, read in _HISTORY_NUMBERS]
    names = dict.fromkeys((q.name, q.unit) for history in shown for q in history.quantities)
    rows += [
        _row(f"{name} [{unit}]" if unit else name, "number4", [_largest(history, name) for history in shown])
        for name, unit in names
    ]
    blocks = (_side_by_side(labels, rows), *_differences(report), *_overlaid(shown, report))
    return Section("histories", "Results side by side", blocks)


def _bound(history: HistoryFacts) -> float | None:
    return max((row.bound for row in indicator_rows(history) if row.bound is not None), default=None)


def _error(history: HistoryFacts) -> float | None:
    rows = history.errors.rows if history.errors is not None else ()
    return max((error for _, error, _, _ in rows if error is not None), default=None)


_HISTORY_NUMBERS: tuple[tuple[str, Form, Callable[[HistoryFacts], Any]], ...] = (
    ("steps", "count", lambda history: len(history.times) - 1),
    ("modes", "count", lambda history: history.reduced.coordinates.shape[1] if history.reduced else None),
    ("Newton iterations", "count", lambda history: int(history.reduced.iterations.sum()) if history.reduced else None),
    ("march or solve", "duration", lambda history: history.seconds.get("march", history.seconds.get("solve"))),
    ("largest 95 % error bound", "percent", _bound),
    ("largest error against its reference", "percent", _error),
)


def _largest(history: HistoryFacts, name: str) -> float | None:
    """Return the largest value of a quantity, None where the history has none of that name."""
    return next((entry.largest for entry in history.quantities if entry.name == name), None)


def _differences(report: Report) -> Iterator[Block]:
    """Yield the differences of the fields of two results."""
    if report.differences is None:
        return
    first, second = [history.label for history in report.histories if history.reduced is not None][:2]
    yield Heading("Differences of the fields")
    yield Text(f"{second} against {first}.")
    yield from difference_blocks(report.differences, report.units, f"field of {first}")


def _overlaid(shown: Sequence[HistoryFacts], report: Report) -> Iterator[Block]:
    """Yield each quantity of several histories in one chart."""
    time = axis("time", report.units.time)
    yield Heading("Quantities of interest, overlaid")
    symbols = dict.fromkeys((entry.symbol, entry.name) for history in shown for entry in history.quantities)
    for symbol, name in symbols:
        found = [
            (history.label, entry)
            for history in shown
            for entry in history.quantities
            if (entry.symbol, entry.name) == (symbol, name)
        ]
        yield Chart(name[0].upper() + name[1:], time, axis(symbol, found[0][1].unit), _lines(found))
    if not symbols:
        yield note("No quantity is known of them.")


def _lines(found: Sequence[tuple[str, Quantity]]) -> tuple[Line, ...]:
    """Return a line per history."""
    return tuple(
        Line(label, entry.times, entry.values, colour=i % N_COLOURS, dashed=i % 2 == 1)
        for i, (label, entry) in enumerate(found)
    )
