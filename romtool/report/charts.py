"""Which charts a report has: from facts to lines with labels and units."""

import numpy as np

from romtool.report.content import (
    ErrorFacts,
    HistoryFacts,
    LoadFacts,
    LoadingFacts,
    Quantity,
    ReducedFacts,
    TrainingFacts,
    Units,
)
from romtool.report.figures import N_COLOURS, Chart, Line, series
from romtool.types import Floats

N_SHOWN_MODES = 5
"""Reduced coordinates in colour; the others are drawn in the background."""


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
    """Return the charts of singular values and of the unbalance of the imported displacements."""
    charts = []
    if training.spectra:
        charts.append(_spectra(training))
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
    """Return reduced coordinates, misfit of the gappy fit, and iterations."""
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
    if reduced.residuals:
        fits = series(list(reduced.residuals), times, list(reduced.residuals.values()))
        note = "Misfit at the reduced points, relative to the largest sample so far; it grows away from the training."
        charts.append(Chart("Residual of the gappy fit", time, "relative misfit", fits, log=True, note=note))
    iterations = Line("iterations", times[1:], reduced.iterations[1:].astype(np.float64))
    charts.append(Chart("Newton iterations per step", time, "iterations", (iterations,), bars=True))
    return charts


def error_chart(errors: ErrorFacts, units: Units) -> Chart:
    """Return the errors against the reference over time."""
    absolute = [name for name, relative, _, _ in errors.rows if relative is None]
    names = [f"{name} (absolute)" if name in absolute else name for name in errors.per_time]
    return Chart(
        "Errors over time",
        axis("time", units.time),
        "error",
        series(names, errors.times, list(errors.per_time.values())),
        log=True,
        note="L2 norm of the difference over the body, relative to the largest norm of the reference over time.",
    )
