"""Error indicator of the dual fields: what the gappy misfit says about the error (theory, eq. (7.1)).

The misfit at the reduced points costs nothing that depends on the mesh. Its relation to the error was learnt from runs
whose error is known, and is kept as a table: expected error and upper bound over the misfit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import Calibration, ReducedModel
from romtool.types import Bools, Floats, Ints

ELASTIC, CALIBRATED, OUTSIDE = 0, 1, 2
"""Status of a step: the field is negligible, the misfit is within the calibrated range, or beyond it."""

STATUS_WORDS = ("elastic", "calibrated", "outside the calibration")

SMALLEST = 1e-12
"""Misfits and errors are not told apart below this."""


@dataclass(frozen=True)
class Indication:
    """What is known of the error of a dual field over time.

    Parameters
    ----------
    indicator: (n_times,) float, misfit relative to the largest sample norm so far.
    expected: (n_times,) float, expected relative error.
    bound: (n_times,) float, upper bound that 95 % of the errors keep; NaN like `expected` where elastic.
    status: (n_times,) int, ELASTIC, CALIBRATED or OUTSIDE.
    """

    indicator: Floats
    expected: Floats
    bound: Floats
    status: Ints

    def exceeds(self, tolerance: float) -> Bools:
        """Return (n_times,) whether the error may be above a tolerance: by its bound, or since it is not known."""
        above: Bools = (self.status == OUTSIDE) | ((self.status == CALIBRATED) & (self.bound > tolerance))
        return above


def indicate(calibration: Calibration, misfit: Floats, elastic: Bools) -> Indication:
    """Read the error off the calibration.

    Parameters
    ----------
    calibration: of the field.
    misfit: (n_times,) float.
    elastic: (n_times,) bool, whether the field is negligible so far.

    Returns
    -------
    The indication; beyond the calibrated range the last values grow in proportion to the misfit.
    """
    grid = np.log(calibration.misfit)
    at = np.log(np.maximum(misfit, SMALLEST))
    beyond = np.exp(np.maximum(at - grid[-1], 0.0))
    expected = np.exp(np.interp(at, grid, np.log(calibration.expected))) * beyond
    bound = np.exp(np.interp(at, grid, np.log(calibration.bound))) * beyond
    status = np.where(at > grid[-1], OUTSIDE, CALIBRATED)
    unknown = np.where(elastic, np.nan, 1.0)
    return Indication(misfit, expected * unknown, bound * unknown, np.where(elastic, ELASTIC, status))


def indications_of(model: ReducedModel, history: ReducedHistory) -> dict[str, Indication]:
    """Return field -> error indication of a history."""
    return {
        field: indicate(model.calibrations[field], history.residuals[field], history.elastic[field])
        for field in model.duals
    }


def first_above(indications: Mapping[str, Indication], tolerance: float, start: int) -> int | None:
    """Return the first time from `start` on at which some field's error may be above the tolerance, None without."""
    if not indications:
        return None
    above = np.any([found.exceeds(tolerance) for found in indications.values()], axis=0)
    rows = np.flatnonzero(above[start:])
    return start + int(rows[0]) if len(rows) else None
