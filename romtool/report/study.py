"""Studies in a report: facts of many draws, and the section with their tables and charts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from romtool.report.document import Block, Column, Extra, Section, Table, Text, Tile, Value, warning
from romtool.report.figures import N_COLOURS, Chart, Line
from romtool.report.words import number, percent, plural
from romtool.types import Floats

MOST_POINTS = 400
"""Points of a distribution that a chart shows at most."""


@dataclass(frozen=True)
class StudyQuantity:
    """The distribution of a quantity over the draws; arrays as in `romtool.online.quantiles.Spread`.

    Parameters
    ----------
    name: its name. source: what it is computed from.
    values: (n_draws,) at the last time.
    probabilities: (n_quantiles,). quantiles, errors: (n_quantiles, n_times), errors by bootstrap.
    sizes: numbers of draws. converging: (n_sizes, n_quantiles) at the last time.
    threshold: or None. exceedance: at the last time, or None.
    """

    name: str
    source: str
    values: Floats
    probabilities: tuple[float, ...]
    quantiles: Floats
    errors: Floats
    sizes: tuple[int, ...]
    converging: Floats
    threshold: float | None
    exceedance: float | None


@dataclass(frozen=True)
class StudyFacts:
    """Many draws of loads.

    Parameters
    ----------
    label: name of the study. model_id: of the model that answered.
    n_draws, n_stopped: answered; not converged.
    times: (n_times,) that are kept.
    random: (target, number of variables).
    quantities: distributions.
    fields: whose quantiles are in quantiles.xdmf. missing: what is not known -> why.
    bounds: dual field -> largest error bound of all draws.
    share_above, tolerance: part of the draws whose error may be above the tolerance.
    seconds: by phase.
    provenance: where it comes from, (what, text) rows.
    """

    label: str
    model_id: str
    n_draws: int
    n_stopped: int
    times: Floats
    random: tuple[tuple[str, int], ...]
    quantities: tuple[StudyQuantity, ...]
    fields: tuple[str, ...]
    missing: Mapping[str, str]
    bounds: Mapping[str, float]
    share_above: float
    tolerance: float
    seconds: Mapping[str, float]
    provenance: tuple[tuple[str, str], ...] = ()


def study_extra(study: StudyFacts, time: str) -> Extra:
    """Return what a study brings to a report; `time` is the label of the time axis."""
    key = "study-" + "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in study.label)
    section = Section(key, study.label, tuple(_blocks(study, time)), "study")
    tiles = (
        Tile(Value(study.n_draws, "count"), "draws", f"{study.n_stopped} did not converge"),
        Tile(Value(study.share_above, "percent"), "draws above the tolerance", f"of {percent(study.tolerance)}"),
        *(
            Tile(Value(entry.exceedance, "percent"), f"{entry.name} above {number(entry.threshold)}", "of the draws")
            for entry in study.quantities
            if entry.threshold is not None
        ),
    )
    return Extra(study.label, section, (_sentence(study),), study.seconds, tiles, study.provenance)


def _sentence(study: StudyFacts) -> str:
    """Return what a study says in a sentence."""
    counted = [
        f"{entry.name} exceeds {number(entry.threshold)} in {percent(entry.exceedance)}"
        for entry in study.quantities
        if entry.threshold is not None
    ]
    found = f"; {'; '.join(counted)} of the draws" if counted else ""
    return f"Study {study.label}: {plural(study.n_draws, 'draw')}{found}."


def _blocks(study: StudyFacts, time: str) -> Iterator[Block]:
    """Yield all that is shown of a study."""
    random = ", ".join(f"{target} ({plural(size, 'variable')})" for target, size in study.random)
    bounds = ", ".join(f"{field} {percent(bound)}" for field, bound in study.bounds.items())
    yield Text(
        f"{plural(study.n_draws, 'draw')} of {random}, answered by model {study.model_id}; {study.n_stopped} did not "
        f"converge. {percent(study.share_above)} of the draws may have an error above {percent(study.tolerance)} at "
        f"some time{f' (largest 95 % bounds: {bounds})' if bounds else ''}."
    )
    if study.quantities:
        yield _quantity_table(study)
    for name, reason in study.missing.items():
        yield warning(f"{name} is not known: {reason}")
    if study.fields:
        yield Text(f"Quantiles of {', '.join(study.fields)} on the whole mesh are in quantiles.xdmf beside the study.")
    yield from study_charts(study, time)


def _quantity_table(study: StudyFacts) -> Table:
    """Return the quantiles of all quantities at the last time."""
    shares = study.quantities[0].probabilities
    quantiles = [column for p in shares for column in (Column(f"{100.0 * p:g} %", "number4"), Column("±", "number2"))]
    return Table(
        f"Quantities at time {number(float(study.times[-1]))}",
        (Column("quantity"), Column("from"), *quantiles, Column("threshold", "number"), Column("exceeded", "percent")),
        tuple(_quantity_row(entry) for entry in study.quantities),
        "±: standard deviation of the quantile over resamples of the draws (bootstrap). Modes: exact for the reduced "
        "answers; mesh: over all reconstructed points; reduced quadrature: an integral with its weights.",
    )


def _quantity_row(entry: StudyQuantity) -> tuple[object, ...]:
    """Return one quantity at the last time."""
    pairs = zip(entry.quantiles[:, -1], entry.errors[:, -1], strict=True)
    cells = [float(cell) for pair in pairs for cell in pair]
    return entry.name, entry.source, *cells, Value(entry.threshold), entry.exceedance


def study_charts(study: StudyFacts, time: str) -> tuple[Chart, ...]:
    """Return the charts of a study; `time` is the label of the time axis."""
    charts = []
    for entry in study.quantities:
        charts += [_distribution(entry), _convergence(entry)]
        if len(study.times) > 1:
            charts.append(_over_time(entry, study.times, time))
    return tuple(charts)


def _distribution(entry: StudyQuantity) -> Chart:
    """Return the part of the draws below each value, at the last time."""
    ordered = np.sort(entry.values)
    ranks = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), MOST_POINTS)).round().astype(np.int64))
    line = Line("draws", ordered[ranks], (ranks + 1.0) / len(ordered))
    marks = () if entry.threshold is None else (entry.threshold,)
    note = "" if entry.threshold is None else "The dashed line is the threshold."
    return Chart(
        f"{entry.name}: part of the draws below", entry.name, "part of the draws", (line,), marks=marks, note=note
    )


def _convergence(entry: StudyQuantity) -> Chart:
    """Return the quantiles over the number of draws that they are taken of."""
    sizes = np.array(entry.sizes, dtype=np.float64)
    lines = tuple(
        Line(f"{100.0 * probability:g} %", sizes, entry.converging[:, k], colour=k % N_COLOURS)
        for k, probability in enumerate(entry.probabilities)
    )
    return Chart(f"{entry.name}: convergence of the quantiles", "draws", entry.name, lines, log_x=True)


def _over_time(entry: StudyQuantity, times: Floats, time: str) -> Chart:
    """Return the band from the lowest to the highest quantile over time."""
    low, high = entry.probabilities[0], entry.probabilities[-1]
    label = f"{100.0 * low:g} % to {100.0 * high:g} %"
    band = Line(label, times, entry.quantiles[0], upper=entry.quantiles[-1])
    return Chart(f"{entry.name}: quantiles over time", time, entry.name, (band,))
