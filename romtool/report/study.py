"""Studies in a report: facts of many draws, and their charts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from romtool.report.figures import N_COLOURS, Chart, Line
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
