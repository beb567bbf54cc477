"""Full fields of one subdomain from the coordinates of a reduced history."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from romtool.reduced.model import ModeShapes
from romtool.types import Floats, Ints


class Coordinates(Protocol):
    """Rows of coordinates: the times of a history, or draws at one time."""

    @property
    def coordinates(self) -> Floats:
        """Return the (n_rows, n_modes) generalised displacements."""
        ...

    @property
    def lifting(self) -> Floats:
        """Return the (n_rows, n_liftings) amplitudes of the prescribed displacements."""
        ...

    @property
    def duals(self) -> Mapping[str, Floats]:
        """Return the (n_rows, n_dual_modes) coefficients by field."""
        ...


def displacement(modes: ModeShapes, history: Coordinates, rows: slice | int) -> Floats:
    """Return the displacement at the chosen times.

    Parameters
    ----------
    modes: of the subdomain.
    history: coordinates and lifting amplitudes.
    rows: of the history, an index or a slice.

    Returns
    -------
    (n_nodes, 3) or (n_rows, n_nodes, 3) float [length].
    """
    reduced: Floats = np.tensordot(history.coordinates[rows], modes.displacement, axes=1)
    lifted: Floats = np.tensordot(history.lifting[rows], modes.lifting, axes=1)
    return reduced + lifted


def dual(modes: ModeShapes, history: Coordinates, field: str, rows: slice | int) -> Floats:
    """Return a dual field at all integration points; what can not be negative is clipped at zero.

    Parameters
    ----------
    modes: of the subdomain.
    history: gappy coefficients.
    field: name of a dual field.
    rows: of the history, an index or a slice.

    Returns
    -------
    (n_points, n_components) or (n_rows, n_points, n_components) float.
    """
    values: Floats = np.tensordot(history.duals[field][rows], modes.duals[field], axes=1)
    return np.maximum(values, 0.0) if field == "p" else values


def reconstruct(modes: ModeShapes, history: Coordinates, field: str, rows: slice) -> Floats:
    """Return (n_rows, n_entities, n_components) of u at the nodes or of a dual field at the points."""
    return displacement(modes, history, rows) if field == "u" else dual(modes, history, field, rows)


def take_entities(modes: ModeShapes, field: str, members: Ints | slice) -> ModeShapes:
    """Return modes cut to some of the nodes ("u") or integration points of one field.

    Parameters
    ----------
    modes: of the subdomain.
    field: "u" or a dual field; others are left out.
    members: of its nodes or points.
    """
    if field == "u":
        return replace(modes, displacement=modes.displacement[:, members], lifting=modes.lifting[:, members], duals={})
    return replace(modes, duals={field: modes.duals[field][:, members]})
