"""Local axes of integration points."""

from collections.abc import Callable, Sequence

import numpy as np

from romtool.errors import LawError
from romtool.loading import Material
from romtool.types import Floats, Ints

_PARALLEL = 1e-9
"""Relative length of a cross product below which two directions are one."""


def local_frames(materials: Sequence[Material], rows: Ints, element_ids: Ints, coordinates: Floats) -> Floats:
    """Return the local axes of points as rows of matrices, or none where no material has an orientation.

    Parameters
    ----------
    materials: of all element sets.
    rows: (n_points,) int, row of `materials` of each point.
    element_ids: (n_points,) int, the solver's.
    coordinates: (n_points, 3) float [length].

    Returns
    -------
    (n_points, 3, 3) float, or (0, 3, 3).

    Raises
    ------
    LawError: directions that do not make a frame, an element without one.
    """
    if all(material.orientation is None for material in materials):
        return np.zeros((0, 3, 3))
    frames = np.tile(np.eye(3), (len(rows), 1, 1))
    for row, material in enumerate(materials):
        if material.orientation is not None:
            here = rows == row
            make = _FRAMES[material.orientation.kind]
            frames[here] = make(material, material.orientation.values, element_ids[here], coordinates[here])
    return frames


def bunge(angles: Floats) -> Floats:
    """Return the (n, 3, 3) local axes of (n, 3) Bunge angles phi1, Phi, phi2 [degree], rows in global coordinates."""
    (c1, c, c2), (s1, s, s2) = np.cos(np.radians(angles)).T, np.sin(np.radians(angles)).T
    rows = [
        [c1 * c2 - s1 * s2 * c, s1 * c2 + c1 * s2 * c, s2 * s],
        [-c1 * s2 - s1 * c2 * c, -s1 * s2 + c1 * c2 * c, c2 * s],
        [s1 * s, -c1 * s, c],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _axes(material: Material, values: Floats, ids: Ints, points: Floats) -> Floats:
    """Return the frame of a local x and a vector in the local xy plane."""
    return np.broadcast_to(_frame(material, values[0], values[1]), (len(ids), 3, 3))


def _frame(material: Material, x: Floats, near_y: Floats) -> Floats:
    """Return the (3, 3) frame with the axis x whose y is nearest to `near_y`. Raises LawError."""
    z = np.cross(x, near_y)
    if not np.linalg.norm(z) > _PARALLEL * np.linalg.norm(x) * np.linalg.norm(near_y):
        raise _wrong(material, f"axes {x.tolist()}, {near_y.tolist()} are parallel or zero; give two directions")
    return np.array([row / np.linalg.norm(row) for row in (x, np.cross(z, x), z)])


def _euler(material: Material, values: Floats, ids: Ints, points: Floats) -> Floats:
    return np.broadcast_to(bunge(values[None])[0], (len(ids), 3, 3))


def _cylindrical(material: Material, values: Floats, ids: Ints, points: Floats) -> Floats:
    """Return radial, circumferential and axial directions."""
    axis = values[1] / np.linalg.norm(values[1])
    arms = points - values[0]
    radial = arms - np.outer(arms @ axis, axis)
    sizes = np.linalg.norm(radial, axis=1)
    if len(ids) and not np.all(sizes > _PARALLEL * np.linalg.norm(arms, axis=1)):
        raise _wrong(material, f"element {ids[np.argmin(sizes)]} has a point on the axis; it has no radial direction")
    radial /= sizes[:, None]
    return np.stack([radial, np.cross(axis, radial), np.broadcast_to(axis, radial.shape)], axis=1)


def _elements(material: Material, values: Floats, ids: Ints, points: Floats) -> Floats:
    """Return the frames of single elements."""
    order = np.argsort(values[:, 0], kind="stable")
    known = values[order, 0].astype(np.int64)
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    missing = np.flatnonzero(known[places] != ids)
    if len(missing):
        raise _wrong(material, f"element {ids[missing[0]]} has no orientation; give one for every element")
    return bunge(values[order, 1:])[places]


def _wrong(material: Material, problem: str) -> LawError:
    return LawError(f"material of element set '{material.elements}': orientation: {problem}")


_FRAMES: dict[str, Callable[[Material, Floats, Ints, Floats], Floats]] = {
    "axes": _axes,
    "euler": _euler,
    "cylindrical": _cylindrical,
    "elements": _elements,
}
