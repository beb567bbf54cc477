"""Which charts a report has: from facts to lines with labels and units."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from romtool.report.content import (
    DictionaryFacts,
    ErrorFacts,
    HistoryFacts,
    LoadFacts,
    LoadingFacts,
    Loop,
    Quantity,
    ReducedFacts,
    TrainingFacts,
)
from romtool.report.figures import N_COLOURS, Chart, Line, series
from romtool.report.indication import CalibrationFacts, FieldIndication, IndicatorFacts, RepairFacts
from romtool.report.units import Units
from romtool.types import Floats

N_SHOWN_MODES = 5
"""Reduced coordinates in colour; the others are drawn in the background."""
MOST_PAIRS = 500
"""Pairs of misfit and error that a chart shows at most."""


def axis(words: str, unit: str) -> str:
    """Return the label of an axis.

    >>> axis("time", "s")
    'time [s]'
    """
    return f"{words} [{unit}]" if unit else words


def loading_charts(loading: LoadingFacts, units: Units) -> tuple[Chart, ...]:
    """Return one chart per load at the increments, and one of the temperature."""
    time = axis("time", units.time)
    charts = [_load_chart(load, loading.times, time) for load in loading.loads]
    low, high = loading.temperature
    label = "smallest to largest" if np.any(low != high) else "temperature"
    band = Line(label, loading.times, low, upper=high, colour=N_COLOURS - 1)
    note = f"Over {loading.temperature_where}."
    charts.append(Chart("Temperature", time, axis("temperature", units.degrees), (band,), note=note))
    return tuple(charts)


def _load_chart(load: LoadFacts, times: Floats, time: str) -> Chart:
    """Return the chart of one load; a field over its region as a band."""
    varies = bool(np.any(load.low != load.high))
    label = "smallest to largest over the region" if varies else load.name
    line = Line(label, times, load.low, upper=load.high if varies else None)
    title = f"{load.name}: {load.kind} on {load.region}"
    return Chart(title, time, axis(load.quantity, load.unit), (line,))


def training_charts(training: TrainingFacts) -> tuple[Chart, ...]:
    """Return the charts of singular values, of the quadrature and of the unbalance of the imported displacements."""
    charts = []
    if training.spectra:
        charts.append(_spectra(training))
    if len(training.convergence):
        charts.append(_convergence(training))
    if training.unbalance:
        names = list(training.unbalance)
        longest = max((len(values) for values in training.unbalance.values()), default=0)
        columns = [np.pad(v, (0, longest - len(v)), constant_values=np.nan) for v in training.unbalance.values()]
        note = (
            "Residual of the imported displacements with romtool's law and loads, relative to the largest of external "
            "forces, reactions and internal forces. Small values say that case and solver agree."
        )
        lines = series(names, np.arange(1.0, longest + 1.0), columns)
        charts.append(Chart("Unbalance of the training", "increment", "relative unbalance", lines, log=True, note=note))
    return tuple(charts)


def _spectra(training: TrainingFacts) -> Chart:
    """Return the decay of the singular values, kept ones as filled markers."""
    lines = tuple(
        Line(
            f"{spectrum.field}, {spectrum.kept} kept",
            np.arange(1.0, len(spectrum.values) + 1.0),
            spectrum.values / spectrum.values[0],
            colour=i % N_COLOURS,
            solid_markers=spectrum.kept,
        )
        for i, spectrum in enumerate(training.spectra)
    )
    marks = tuple(float(spectrum.kept) + 0.5 for spectrum in training.spectra if spectrum.field == "u")
    return Chart(
        "Singular values of the snapshots",
        "mode",
        "singular value / largest",
        lines,
        log=True,
        marks=marks,
        note="Filled markers are kept, hollow ones discarded; the dashed line ends the displacement modes.",
    )


def _convergence(training: TrainingFacts) -> Chart:
    """Return the error of the quadrature over its points, and what was chosen in the end."""
    points, errors = training.convergence.T
    chosen = Line("chosen", np.array([float(training.n_points)]), np.array([training.quadrature_error]), colour=1)
    lines = (Line("while points are added", points, errors), replace(chosen, scatter=True))
    note = "Points are added below the tolerance, then those that it does not need are removed."
    return Chart("Convergence of the quadrature", "points", "relative error", lines, log=True, note=note)


def cluster_chart(facts: DictionaryFacts) -> Chart:
    """Return the map of the clusters, rings around the medoids."""
    groups = [facts.positions[facts.labels == k] for k in range(len(facts.medoids))]
    names = [f"{member} ({len(group)})" for member, group in zip(facts.members, groups, strict=True)]
    lines = [
        Line(name, group[:, 0], group[:, 1], colour=k % N_COLOURS, scatter=True)
        for k, (name, group) in enumerate(zip(names, groups, strict=True))
    ]
    x, y = facts.positions[facts.medoids].T
    lines.insert(0, Line("medoids", x, y, colour=-1, scatter=True, dashed=True))  # rings, behind the items
    return Chart(
        "Map of the clusters",
        "first coordinate of the scaling",
        "second",
        tuple(lines),
        note="Distances are like the dissimilarities between the items; each axis has a scale of its own.",
    )


def loop_charts(history: HistoryFacts, reference: HistoryFacts | None, units: Units) -> tuple[Chart, ...]:
    """Return stress over strain at the chosen points, with the reference's where it has the same."""
    theirs = reference.loops if reference is not None else ()
    return tuple(_loop(loop, history, _same(loop, theirs), reference, units) for loop in history.loops)


def _same(loop: Loop, others: Sequence[Loop]) -> Loop | None:
    """Return the loop at the same place, or None."""
    return next((o for o in others if (o.place, o.component) == (loop.place, loop.component)), None)


def _loop(loop: Loop, history: HistoryFacts, other: Loop | None, reference: HistoryFacts | None, units: Units) -> Chart:
    """Return the chart of one loop."""
    lines = [Line(history.label, loop.strain, loop.stress)]
    if other is not None and reference is not None:
        label = f"{reference.label}, reference"
        lines.insert(0, Line(label, other.strain, other.stress, colour=1, dashed=True))
    names = (f"total strain {loop.component}", axis(f"stress {loop.component}", units.stress))
    return Chart(f"Stress and strain at {loop.place}", *names, tuple(lines))


def history_charts(history: HistoryFacts, reference: HistoryFacts | None, units: Units) -> tuple[Chart, ...]:
    """Return the charts of a result: quantities with those of the reference, and what the reduced march did."""
    time = axis("time", units.time)
    charts = [_quantity(entry, history.label, reference, time) for entry in history.quantities]
    if history.reduced is not None:
        charts += _reduced(history.reduced, history.times, time)
    return tuple(charts)


def _quantity(entry: Quantity, label: str, reference: HistoryFacts | None, time: str) -> Chart:
    """Return a quantity over time, with the reference's where it has the same."""
    lines = [Line(label, entry.times, entry.values)]
    other = matching(entry, reference)
    if other is not None and reference is not None:
        lines.insert(0, Line(f"{reference.label}, reference", other.times, other.values, colour=1, dashed=True))
    title = entry.name[0].upper() + entry.name[1:]
    return Chart(title, time, axis(entry.symbol, entry.unit), tuple(lines))


def matching(entry: Quantity, reference: HistoryFacts | None) -> Quantity | None:
    """Return the same quantity of a reference, taken at the same kind of location, or None."""
    found = reference.quantities if reference is not None else ()
    return next((q for q in found if (q.symbol, q.location) == (entry.symbol, entry.location)), None)


def _reduced(reduced: ReducedFacts, times: Floats, time: str) -> list[Chart]:
    """Return reduced coordinates and iterations."""
    n_modes = reduced.coordinates.shape[1]
    shown = min(n_modes, N_SHOWN_MODES)
    names = [f"mode {i + 1}" if i < shown else "others" for i in range(n_modes)]
    lines = [
        Line(name, times, reduced.coordinates[:, i], colour=i if i < shown else -1) for i, name in enumerate(names)
    ]
    charts = [
        Chart(
            "Reduced coordinates",
            time,
            axis("coordinate of the mode", reduced.coordinate_unit),
            tuple(reversed(lines)),
        )
    ]
    counted = reduced.iterations[1:].astype(np.float64)
    iterations = Line("iterations", np.arange(1.0, len(counted) + 1.0), counted)
    charts.append(Chart("Newton iterations per step", "step", "iterations", (iterations,), bars=True))
    return charts


def error_chart(errors: ErrorFacts, units: Units, other: str = "reference") -> Chart:
    """Return the errors against the reference over time; `other` says what they are relative to."""
    absolute = [name for name, relative, _, _ in errors.rows if relative is None]
    names = [f"{name} (absolute)" if name in absolute else name for name in errors.per_time]
    return Chart(
        "Errors over time",
        axis("time", units.time),
        "error",
        series(names, errors.times, list(errors.per_time.values())),
        log=True,
        note=f"L2 norm of the difference over the body, relative to the largest norm of the {other} over time.",
    )


def calibration_charts(calibrations: Sequence[CalibrationFacts]) -> tuple[Chart, ...]:
    """Return per dual field the pairs of misfit and error, and what was learnt from them."""
    return tuple(map(_calibration, calibrations))


def _calibration(facts: CalibrationFacts) -> Chart:
    """Return one calibration; of many pairs, some evenly over the misfit."""
    pairs = facts.pairs[np.argsort(facts.pairs[:, 0], kind="stable")]
    shown = pairs[np.unique(np.linspace(0, len(pairs) - 1, min(MOST_PAIRS, len(pairs))).astype(np.int64))]
    lines = (
        Line("pairs of the calibration", shown[:, 0], shown[:, 1], colour=5, scatter=True),
        Line("expected error", facts.misfit, facts.expected),
        Line("95 % bound", facts.misfit, facts.bound, colour=4),
    )
    note = f"{len(shown)} of {len(pairs)} pairs are shown." if len(shown) < len(pairs) else f"{len(pairs)} pairs."
    title, x_label = f"Calibration of {facts.field}", "indicator: relative misfit at the reduced points"
    return Chart(title, x_label, "relative error", lines, log=True, log_x=True, note=note)


def indicator_charts(history: HistoryFacts, units: Units) -> tuple[Chart, ...]:
    """Return per dual field of an online result what is known of its error, with the true one where there is."""
    if history.reduced is None:
        return ()
    facts, errors = history.reduced.indicator, history.errors
    return tuple(_indication(facts, entry, history.times, errors, axis("time", units.time)) for entry in facts.fields)


def _indication(
    facts: IndicatorFacts, entry: FieldIndication, times: Floats, errors: ErrorFacts | None, time: str
) -> Chart:
    """Return indicator, expected error and bound of one field, repairs and tolerance."""
    lines = [
        Line("expected error to 95 % bound", times, entry.expected, upper=entry.bound),
        Line("indicator", times, entry.indicator, colour=3),
        Line(f"tolerance {facts.tolerance:g}", times[[0, -1]], np.full(2, facts.tolerance), colour=-1, dashed=True),
    ]
    if errors is not None and entry.field in errors.causal:
        lines.append(Line("true error", errors.times, errors.causal[entry.field], colour=1, dashed=True))
    if entry.outside.any():
        beyond = entry.outside
        lines.append(Line("outside the calibration", times[beyond], entry.bound[beyond], colour=4, scatter=True))
    before = np.array([[repair.time, _before(repair, entry.field)] for repair in facts.repaired])
    if len(before):
        lines.append(Line("bound before the repair", before[:, 0], before[:, 1], colour=5, scatter=True))
    marks = tuple(repair.time for repair in facts.repaired)
    note = "Dashed upright lines: steps that the high-fidelity model repaired." if marks else ""
    return Chart(f"Error of {entry.field}", time, "relative error", tuple(lines), log=True, marks=marks, note=note)


def _before(repair: RepairFacts, field: str) -> float:
    """Return the bound of a field before a repair, NaN where it was not known."""
    return float(repair.bound[field][0]) if field in repair.bound else float("nan")
