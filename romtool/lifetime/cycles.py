"""What of a cycle the models of damage need, at many points at once, and whether cycles have become the same."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.integrate import trapezoid

from romtool.components import mises
from romtool.io.life import MeasureSettings
from romtool.lifetime.measures import (
    STRAIN_RANGES,
    dominant,
    dwell_time,
    reversals,
    scalar_strain,
    scalar_stress,
)
from romtool.types import Bools, Floats

ELASTIC = 1e-3
"""Growth of p, relative to the strain range, below which a cycle counts as elastic."""


@dataclass(frozen=True)
class PointHistory:
    """What happens at points during one cycle.

    Parameters
    ----------
    times: (n_times,) float increasing [time].
    stress: (n_times, n, 6) float [stress].
    strain: (n_times, n, 6) float, mechanical: total without thermal strain.
    temperature: (n_times, n) float [temperature].
    p: (n_times, n) float, cumulated inelastic strain.
    """

    times: Floats
    stress: Floats
    strain: Floats
    temperature: Floats
    p: Floats


@dataclass(frozen=True)
class Cycle:
    """Measures of one cycle at n points.

    Parameters
    ----------
    times: (n_times,) float [time].
    stress: (n_times, n) float [stress], not negative: what creeps (von Mises or largest principal stress).
    temperature: (n_times, n) float [temperature].
    reference: (n,) float [temperature] at which parameters of fatigue are taken.
    strain_range: (n,) float, of the mechanical strain.
    mean_stress, max_stress: (n,) float [stress], of the signed scalar stress.
    stress_range: (n,) float [stress], likewise.
    delta_p: (n,) float, growth of the cumulated inelastic strain.
    dwell: (n,) float [time] of hold.
    max_temperature: (n,) float [temperature].
    inner: (n,) float, part of the way in inner reversals, see `reversals`.
    """

    times: Floats
    stress: Floats
    temperature: Floats
    reference: Floats
    strain_range: Floats
    mean_stress: Floats
    max_stress: Floats
    stress_range: Floats
    delta_p: Floats
    dwell: Floats
    max_temperature: Floats
    inner: Floats

    @property
    def n_points(self) -> int:
        """Return the number of points."""
        return len(self.strain_range)

    def take(self, points: Bools) -> "Cycle":
        """Return the measures of some points, (n,) bool."""
        kept = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return Cycle(**{name: value if name == "times" else value[..., points] for name, value in kept.items()})


def measure_cycle(history: PointHistory, settings: MeasureSettings) -> Cycle:
    """Return the measures of one cycle.

    Parameters
    ----------
    history: of the points.
    settings: which measures.
    """
    stress = scalar_stress(history.stress, settings.strain, settings.sign)
    strain = scalar_strain(history.strain, settings.strain, settings.poisson)
    highest, lowest = stress.max(axis=0), stress.min(axis=0)
    creep = mises(history.stress) if settings.creep == "mises" else np.maximum(dominant(history.stress), 0.0)
    return Cycle(
        history.times,
        creep,
        history.temperature,
        _reference(history, settings.temperature),
        STRAIN_RANGES[settings.strain](history.strain, settings.poisson),
        0.5 * (highest + lowest),
        highest,
        highest - lowest,
        history.p[-1] - history.p[0],
        dwell_time(history.times, strain, settings.hold),
        history.temperature.max(axis=0),
        reversals(strain),
    )


def _reference(history: PointHistory, which: str | float) -> Floats:
    """Return the (n,) temperature at which parameters are taken: the highest, the mean over time, or a number."""
    if which == "maximum":
        return np.asarray(history.temperature.max(axis=0))
    if which == "mean":
        period = history.times[-1] - history.times[0]
        return np.asarray(trapezoid(history.temperature, history.times, axis=0) / period)
    return np.full(history.temperature.shape[1], float(which))


@dataclass(frozen=True)
class Change:
    """How much a cycle differs from the one before, at its worst point.

    Parameters
    ----------
    strain_range: largest |difference| over the points, relative to the largest range.
    delta_p: likewise, of the growth of p; relative to the largest growth, or to a thousandth of the largest strain
        range where that is more (less growth is that of an elastic cycle).
    """

    strain_range: float
    delta_p: float

    def within(self, tolerance: float) -> bool:
        """Tell whether both are within a tolerance: the cycle is stabilised."""
        return max(self.strain_range, self.delta_p) <= tolerance


def change_between(before: tuple[Floats, Floats], after: tuple[Floats, Floats]) -> Change:
    """Compare cycles.

    Parameters
    ----------
    before, after: (n,) strain range and (n,) growth of p of two cycles that follow each other.
    """
    (range_before, p_before), (range_after, p_after) = before, after
    scale = float(range_after.max(initial=0.0)) or 1.0
    largest = float(np.abs(p_after).max(initial=0.0))
    return Change(
        float(np.abs(range_after - range_before).max(initial=0.0)) / scale,
        float(np.abs(p_after - p_before).max(initial=0.0)) / max(largest, ELASTIC * scale),
    )
