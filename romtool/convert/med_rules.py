"""Integration rules of MED files: reference points of a localisation, and romtool's formulation with the same points.

The reference element of a localisation may be any (Code_Aster's wedges lie along x): its nodes are mapped to those
of romtool's reference cell, and the points with them.
"""

from dataclasses import dataclass

import h5py
import numpy as np

from romtool.convert.med_cells import MED_CELLS
from romtool.fem.elements import ELEMENTS
from romtool.fem.shapes import reference_cell
from romtool.types import Floats, Ints

_NEAR = 1e-5
"""Largest distance of two points, in reference coordinates, that are the same; also of relative weights."""


@dataclass(frozen=True)
class PointRule:
    """How a file integrates cells of one type.

    Parameters
    ----------
    name: of the localisation.
    n_points: its points.
    formulation: romtool's with the same points and weights, "" where there is none.
    order: (n_points,) the file's point for each of the formulation's; the file's own order where there is none.
    """

    name: str
    n_points: int
    formulation: str
    order: Ints


def read_rule(file: h5py.File, name: str, kind: str) -> PointRule:
    """Read a localisation and find the formulation that it belongs to.

    Parameters
    ----------
    file: opened by `open_med`.
    name: of the localisation.
    kind: MED's cell type.
    """
    group = file["GAUSS"][name]
    count = int(group.attrs["NBR"])
    nodes = np.asarray(group["COO"][()], dtype=np.float64)
    points = np.asarray(group["GAU"][()], dtype=np.float64).reshape(-1, count).T
    weights = np.asarray(group["VAL"][()], dtype=np.float64)
    cell_type, to_vtk = MED_CELLS[kind]
    corners = nodes.reshape(-1, len(to_vtk)).T[list(to_vtk)]
    local = _in_our_cell(cell_type, corners, points)
    found = None if local is None else match_rule(cell_type, local, weights)
    formulation, order = found or ("", np.arange(count))
    return PointRule(name, count, formulation, order)


def match_rule(cell_type: str, points: Floats, weights: Floats) -> tuple[str, Ints] | None:
    """Return the formulation that has these points and weights, and the given point for each of its own.

    Parameters
    ----------
    cell_type: meshio's name.
    points: (n_points, 3) float, coordinates in romtool's reference cell.
    weights: (n_points,) float, of any common scale.
    """
    for element in ELEMENTS.values():
        if element.cell_type != cell_type or element.temperature != "shape" or element.n_points != len(points):
            continue
        distance = np.linalg.norm(element.points[:, None] - points[None], axis=2)
        order = np.argmin(distance, axis=1)
        same_points = distance.min(axis=1).max() < _NEAR and len(set(order.tolist())) == len(order)
        if same_points and np.allclose(
            weights[order] / weights.sum(), element.weights / element.weights.sum(), atol=_NEAR
        ):
            return element.name, order
    return None


def _in_our_cell(cell_type: str, nodes: Floats, points: Floats) -> Floats | None:
    """Map points from a reference element, given by its nodes in VTK order, to romtool's; None where it is no copy."""
    try:
        ours = reference_cell(cell_type).nodes
    except ValueError:
        return None
    if nodes.shape != ours.shape:
        return None
    extended = np.column_stack([nodes, np.ones(len(nodes))])
    affine = np.linalg.lstsq(extended, ours, rcond=None)[0]
    if np.abs(extended @ affine - ours).max() > _NEAR:
        return None
    mapped: Floats = np.column_stack([points, np.ones(len(points))]) @ affine
    return mapped
