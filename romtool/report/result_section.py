"""The section of a history: what came out, what is known of its error, and pictures of the last time."""

from collections.abc import Iterator

from romtool.report.case_blocks import loading_blocks, mesh_table, times_text
from romtool.report.charts import error_chart, history_charts, indicator_charts, loop_charts, matching
from romtool.report.content import ErrorFacts, HistoryFacts, Quantity, ReducedFacts, Report
from romtool.report.document import Block, Column, Heading, Section, Table, Text, Value, note, warning
from romtool.report.indication import IndicatorFacts, RepairFacts
from romtool.report.judgement import IndicatorRow, indicator_rows
from romtool.report.units import Units
from romtool.report.words import number, percent, plural


def history_section(history: HistoryFacts, report: Report, number_: int) -> Section:
    """Return all that is known of a history; `number_` counts them from 1."""
    blocks = (*_opening(history, report), *_errors(history, report.units), *_outcome(history, report))
    return Section(f"history-{number_}", history.label, blocks, history.kind)


def drawn_with(history: HistoryFacts, report: Report) -> list[str]:
    """Return the results whose charts hold the curves of a history."""
    return [other.label for other in report.histories if other.reference == history.label]


def _opening(history: HistoryFacts, report: Report) -> Iterator[Block]:
    """Yield what it is and what the indicator says."""
    if results := drawn_with(history, report):
        yield Text(f"The reference of {', '.join(results)}; its curves and largest values are shown there.")
    if history.reduced is None:
        ends = (float(history.times[0]), float(history.times[-1]))
        yield times_text(len(history.times), *ends, history.mesh, report.units)
        return
    if history.stopped:
        yield warning(f"Incomplete: {history.stopped}")
    yield Text(_march_words(history.reduced, len(history.times) - 1))
    yield from _indicator(history, history.reduced.indicator, report.units)


def _march_words(reduced: ReducedFacts, n_steps: int) -> str:
    """Say what the march did."""
    choice = f" answered by {reduced.choice}" if reduced.choice else ""
    cuts = f", steps halved up to {plural(int(reduced.cuts.max()), 'time')}" if reduced.cuts.max(initial=0) > 0 else ""
    return (
        f"{plural(n_steps, 'step')}{choice} with {plural(reduced.coordinates.shape[1], 'mode')}, "
        f"{plural(int(reduced.iterations.sum()), 'Newton iteration')}, {plural(reduced.evaluations, 'call')} of the "
        f"laws on the weighted points{cuts}."
    )


def _indicator(history: HistoryFacts, facts: IndicatorFacts, units: Units) -> Iterator[Block]:
    """Yield what is known of the error of an online result."""
    yield Heading("Error indicator")
    for text in facts.outside:
        yield warning(f"Outside the training: {text}.")
    rows = indicator_rows(history)
    measured = any(row.error is not None for row in rows)
    yield _indicator_table(rows, facts.tolerance, measured)
    yield from indicator_charts(history, units)
    if facts.repairs:
        yield _repairs_table(facts)


def _indicator_table(rows: list[IndicatorRow], tolerance: float, measured: bool) -> Table:
    """Return the status and the largest errors per field."""
    counts = ("elastic", "calibrated", "outside the calibration", "above the tolerance")
    columns = [
        Column("field"),
        *(Column(name, "count") for name in counts),
        Column("expected error", "percent"),
        Column("95 % bound", "percent"),
        Column("at time", "number"),
    ]
    if measured:
        columns += [Column("true error", "percent"), Column("true errors below their bound")]
    text = (
        f"Elastic: the field is negligible so far. Above the tolerance of {percent(tolerance)}: by the bound, or "
        "outside the calibration."
    )
    if measured:
        text += (
            " True error: L2 norm of the difference over the body, relative to the largest norm of the reference so "
            "far."
        )
    found = tuple(_indicator_row(row, measured) for row in rows)
    return Table("Number of steps by status, and largest errors over time", tuple(columns), found, text)


def _indicator_row(row: IndicatorRow, measured: bool) -> tuple[object, ...]:
    """Return what is known of one field."""
    known = (row.field, *row.counts, row.n_above, row.expected, row.bound, row.time)
    if not measured:
        return known
    return *known, row.error, f"{row.n_held} of {row.n_known}" if row.n_known else None


def _repairs_table(facts: IndicatorFacts) -> Table:
    """Return what each repair of the model did."""
    fields = [entry.field for entry in facts.fields]
    per_field = [
        Column(f"{what} of {field}{' before' if what == 'true error' else ''}", "text")
        for field in fields
        for what in ("indicator", "bound", "true error")
    ]
    counts = tuple(Column(name, "count") for name in ("modes", "points", "iterations"))
    text = (
        "Each step was solved once with the high-fidelity model, which the model learnt from; modes and points are "
        "those of the model afterwards, iterations those of the high-fidelity step."
    )
    if facts.repairs[0].step == 0:
        text += " Before the run: thermo-elastic modes of the new temperature field."
    return Table(
        "Repairs of the model, before → after",
        (Column("step"), Column("time", "number"), *per_field, *counts, Column("took", "duration")),
        tuple(_repair_row(entry, fields) for entry in facts.repairs),
        text,
    )


def _repair_row(entry: RepairFacts, fields: list[str]) -> tuple[object, ...]:
    """Return one repair."""
    cells: list[object] = []
    for field in fields:
        if entry.step and field in entry.bound:
            cells += [_pair(entry.indicator[field]), _pair(entry.bound[field])]
            cells.append(Value(entry.errors.get(field), "number2"))
        else:
            cells += [None, None, None]
    step: object = Value(entry.step, "count") if entry.step else "before the run"
    iterations = entry.iterations if entry.step else None
    time = entry.time if entry.step else None
    return step, time, *cells, entry.n_modes, entry.n_points, iterations, entry.seconds


def _pair(values: object) -> str | None:
    """Return a value before and after, None where neither is known."""
    before, after = (float(value) for value in values)  # type: ignore[attr-defined]
    if before != before and after != after:
        return None
    return f"{number(before, 2)} → {number(after, 2)}"


def _errors(history: HistoryFacts, units: Units) -> Iterator[Block]:
    """Yield the errors against a reference."""
    if history.errors is None:
        return
    yield Heading(f"Errors against {history.reference}")
    yield from difference_blocks(history.errors, units, "reference")


def difference_blocks(errors: ErrorFacts, units: Units, other: str) -> Iterator[Block]:
    """Yield a table and a chart of differences; `other` says what they are relative to."""
    columns = (
        Column("field"),
        Column("L2, relative", "percent"),
        Column("maximum, relative", "percent"),
        Column("L2, absolute", "number"),
    )
    text = (
        f"{plural(len(errors.times), 'common time')}. L2: largest norm of the difference over time, relative to the "
        f"largest norm of the {other}; maximum: largest difference over times, places and components, relative to the "
        f"largest magnitude of the {other}."
    )
    yield Table("", columns, errors.rows, text)
    reasons: dict[str, list[str]] = {}
    for name, reason in errors.skipped.items():
        reasons.setdefault(reason, []).append(name)
    if reasons:
        left_out = [f"{', '.join(names)} ({why})" for why, names in reasons.items()]
        yield note(f"Not compared: {'; '.join(left_out)}.")
    yield error_chart(errors, units, other)


def _outcome(history: HistoryFacts, report: Report) -> Iterator[Block]:
    """Yield quantities, loops, loading, pictures."""
    reference, units = report.history(history.reference), report.units
    own = not drawn_with(history, report)
    if history.quantities and own:
        yield Heading("Quantities of interest")
        yield _quantity_table(history, reference)
    if own:
        yield from history_charts(history, reference, units)
    if history.loops and own:
        yield Heading("Hysteresis loops")
        yield from loop_charts(history, reference, units)
    if history.same_loading:
        yield note("Its loading is that of the first training simulation, unchanged.")
    elif history.loading is not None and own:
        yield Heading("Loading")
        yield from loading_blocks(history.loading, units)
    if history.pictures.pictures or history.pictures.missing:
        yield Heading("Pictures")
        yield from history.pictures.blocks()
    if not report.models and history.mesh is not None and own:
        yield Heading("Mesh")
        yield mesh_table(history.mesh, units)


def _quantity_table(history: HistoryFacts, reference: HistoryFacts | None) -> Table:
    """Return the largest values, with those of the reference."""
    columns = [
        Column("quantity"),
        Column("value", "number4"),
        Column("unit"),
        Column("time", "number"),
        Column("where"),
    ]
    if reference is not None:
        columns += [
            Column("reference", "number4"),
            Column("at time", "number"),
            Column("at"),
            Column("difference", "percent"),
        ]
    return Table(
        "Largest values",
        tuple(columns),
        tuple(_quantity_row(entry, reference) for entry in history.quantities),
        "Of the fields over all nodes or integration points and all stored times; local points count from 0.",
    )


def _quantity_row(entry: Quantity, reference: HistoryFacts | None) -> tuple[object, ...]:
    """Return one quantity."""
    row = (entry.name, entry.largest, entry.unit, entry.time, entry.place)
    if reference is None:
        return row
    other = matching(entry, reference)
    if other is None:
        return *row, None, None, None, None
    difference = (entry.largest - other.largest) / abs(other.largest) if other.largest else None
    return *row, other.largest, other.time, other.place, difference
