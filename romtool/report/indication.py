"""What a report shows of the error indicator: of a model its calibration and domain, of a result what it said."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from romtool.types import Bools, Floats


@dataclass(frozen=True)
class CalibrationFacts:
    """What the misfit of one dual field says about its error.

    Parameters
    ----------
    field: its name.
    misfit, expected, bound: (n_grid,) float, misfit, expected relative error and 95 % bound.
    pairs: (n_pairs, 2) float, misfits and errors that it was learnt from.
    """

    field: str
    misfit: Floats
    expected: Floats
    bound: Floats
    pairs: Floats


@dataclass(frozen=True)
class DomainFacts:
    """What a training covers.

    Parameters
    ----------
    ranges: (what, smallest, largest, unit) rows.
    n_fields: independent changes of temperature.
    """

    ranges: tuple[tuple[str, float, float, str], ...]
    n_fields: int


@dataclass(frozen=True)
class FieldIndication:
    """What is known of the error of one dual field over time.

    Parameters
    ----------
    field: its name.
    indicator, expected, bound: (n_times,) float; NaN where elastic.
    elastic: (n_times,) bool, whether the field has been negligible so far.
    outside: (n_times,) bool, whether the misfit is beyond the calibrated range.
    """

    field: str
    indicator: Floats
    expected: Floats
    bound: Floats
    elastic: Bools
    outside: Bools

    @property
    def counts(self) -> tuple[int, int, int]:
        """Return the number of steps that are elastic, calibrated, outside the calibration."""
        elastic, outside = int(self.elastic[1:].sum()), int(self.outside[1:].sum())
        return elastic, len(self.elastic) - 1 - elastic - outside, outside

    def n_above(self, tolerance: float) -> int:
        """Return the number of steps whose error may be above a tolerance, or is not known."""
        return int(np.count_nonzero(self.outside[1:] | (self.bound[1:] > tolerance)))

    @property
    def top(self) -> int | None:
        """Return the time at which the bound is largest, None where the field is elastic throughout."""
        return None if np.isnan(self.bound).all() else int(np.nanargmax(self.bound))


@dataclass(frozen=True)
class RepairFacts:
    """One repair of a model.

    Parameters
    ----------
    step: number of the repaired step; 0 for thermo-elastic modes added before the run.
    time: at its end [time].
    indicator, bound: field -> before and after, (2,) float; NaN where not known.
    errors: field -> true error before, against the high-fidelity step.
    n_modes, n_points: of the model afterwards.
    iterations: of the high-fidelity step.
    seconds: in all.
    """

    step: int
    time: float
    indicator: Mapping[str, Floats]
    bound: Mapping[str, Floats]
    errors: Mapping[str, float]
    n_modes: int
    n_points: int
    iterations: int
    seconds: float


@dataclass(frozen=True)
class IndicatorFacts:
    """What is known of the error of an online result.

    Parameters
    ----------
    tolerance: largest error bound that a step may have.
    outside: sentences on what of the load the training does not cover.
    fields: per dual field.
    repairs: in the order in which they were made.
    """

    tolerance: float
    outside: tuple[str, ...]
    fields: tuple[FieldIndication, ...]
    repairs: tuple[RepairFacts, ...]

    @property
    def repaired(self) -> tuple[RepairFacts, ...]:
        """Return the repairs of steps."""
        return tuple(entry for entry in self.repairs if entry.step > 0)
