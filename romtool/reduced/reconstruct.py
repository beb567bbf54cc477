"""Full fields of one subdomain from the coordinates of a reduced history."""

import numpy as np

from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ModeShapes
from romtool.types import Floats


def displacement(modes: ModeShapes, history: ReducedHistory, rows: slice | int) -> Floats:
    """Return the displacement at the chosen times.

    Parameters
    ----------
    modes: of the subdomain.
    history: coordinates and lifting amplitudes.
    rows: times, an index or a slice.

    Returns
    -------
    (n_nodes, 3) or (n_rows, n_nodes, 3) float [length].
    """
    reduced: Floats = np.tensordot(history.coordinates[rows], modes.displacement, axes=1)
    lifted: Floats = np.tensordot(history.lifting[rows], modes.lifting, axes=1)
    return reduced + lifted


def dual(modes: ModeShapes, history: ReducedHistory, field: str, rows: slice | int) -> Floats:
    """Return a dual field at all integration points; what can not be negative is clipped at zero.

    Parameters
    ----------
    modes: of the subdomain.
    history: gappy coefficients.
    field: name of a dual field.
    rows: times, an index or a slice.

    Returns
    -------
    (n_points, n_components) or (n_rows, n_points, n_components) float.
    """
    values: Floats = np.tensordot(history.duals[field][rows], modes.duals[field], axes=1)
    return np.maximum(values, 0.0) if field == "p" else values
