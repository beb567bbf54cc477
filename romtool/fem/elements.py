"""Element formulations of the source solvers: integration points, temperature rule and face rules.

`ELEMENTS` is the whole table. Facts: CalculiX 2.20 and Z-set, recomputed from their own results.
"""

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import numpy as np

from romtool.errors import MeshError
from romtool.fem.rules import (
    TETRA_1,
    TETRA_4,
    TETRA_5,
    TRIANGLE_1,
    TRIANGLE_3,
    WEDGE_2,
    WEDGE_6,
    WEDGE_9,
    WEDGE_21,
    Rule,
    gauss,
)
from romtool.fem.shapes import shape_functions, shape_gradients
from romtool.types import CellBlock, Floats

TemperatureRule = Literal["shape", "mean", "corner"]

_QUAD_1 = gauss(1, 2)
_QUAD_4 = gauss(2, 2)
_QUAD_9 = gauss(3, 2)
_HEXA_8 = gauss(2, 3)
_HEXA_27 = gauss(3, 3)


@dataclass(frozen=True)
class Element:
    """One formulation: how a solver integrates a cell.

    Parameters
    ----------
    name: key of `ELEMENTS`.
    cell_type: meshio's name of the cell.
    points: (n_ip, 3) float, reference coordinates in the solver's order.
    weights: (n_ip,) float.
    temperature: how the solver brings nodal temperatures to its points: "shape" functions, the "mean" of
        the nodes, or sampled at the 2x2x2 points and extrapolated trilinearly ("corner").
    face_rules: rule by number of face nodes, for pressures.
    """

    name: str
    cell_type: str
    points: Floats
    weights: Floats
    temperature: TemperatureRule
    face_rules: MappingProxyType[int, Rule]

    @property
    def n_points(self) -> int:
        """Return the number of integration points."""
        return len(self.weights)

    def shape_functions(self, points: Floats) -> Floats:
        """Return the (n, n_cell_nodes) shape functions at (n, 3) reference points."""
        return shape_functions(self.cell_type, points)

    def shape_gradients(self, points: Floats) -> Floats:
        """Return the (n, n_cell_nodes, 3) reference gradients at (n, 3) reference points."""
        return shape_gradients(self.cell_type, points)

    def temperature_matrix(self) -> Floats:
        """Return the (n_ip, n_cell_nodes) matrix from nodal to integration-point temperatures."""
        return _temperature_matrix(self.name)


def _element(name: str, cell_type: str, rule: Rule, temperature: TemperatureRule, faces: dict[int, Rule]) -> Element:
    return Element(name, cell_type, rule.points, rule.weights, temperature, MappingProxyType(faces))


ELEMENTS = MappingProxyType(
    {
        element.name: element
        for element in (
            _element("tet4", "tetra", TETRA_1, "shape", {3: TRIANGLE_1}),
            _element("tet10", "tetra10", TETRA_4, "shape", {6: TRIANGLE_3}),
            _element("tet10_5", "tetra10", TETRA_5, "shape", {6: TRIANGLE_3}),
            _element("hex8", "hexahedron", _HEXA_8, "shape", {4: _QUAD_4}),
            _element("hex8_mean", "hexahedron", _HEXA_8, "mean", {4: _QUAD_4}),
            _element("hex20", "hexahedron20", _HEXA_27, "shape", {8: _QUAD_9}),
            _element("hex20_corner", "hexahedron20", _HEXA_27, "corner", {8: _QUAD_9}),
            _element("hex20r", "hexahedron20", _HEXA_8, "shape", {8: _QUAD_4}),
            _element("wedge6", "wedge", WEDGE_2, "shape", {3: TRIANGLE_1, 4: _QUAD_1}),
            _element("wedge6_6", "wedge", WEDGE_6, "shape", {3: TRIANGLE_1, 4: _QUAD_4}),
            _element("wedge15", "wedge15", WEDGE_9, "shape", {6: TRIANGLE_3, 8: _QUAD_4}),
            _element("wedge15_21", "wedge15", WEDGE_21, "shape", {6: TRIANGLE_3, 8: _QUAD_9}),
        )
    }
)
"""Every formulation by name."""


def element_of(block: CellBlock) -> Element:
    """Return the formulation of a block.

    Raises
    ------
    MeshError: the block cannot be computed with, or its formulation does not fit its cells.
    """
    solver_type = block.solver_type or block.cell_type
    if block.formulation not in ELEMENTS:
        found = f"formulation '{block.formulation}' of " if block.formulation else ""
        raise MeshError(
            f"{found}{len(block.element_ids)} elements of type {solver_type} cannot be computed with here; "
            f"expected solid elements with one of the formulations {', '.join(ELEMENTS)}; "
            "change the element type in the solver, or leave these elements out of the mesh"
        )
    element = ELEMENTS[block.formulation]
    if element.cell_type != block.cell_type:
        raise MeshError(
            f"formulation '{element.name}' belongs to {element.cell_type} cells, but block {solver_type} "
            f"holds {block.cell_type}; correct the reader's table of element types"
        )
    return element


@cache
def _temperature_matrix(name: str) -> Floats:
    """Evaluate the temperature rule of formulation `name`."""
    element = ELEMENTS[name]
    at_points = element.shape_functions(element.points)
    if element.temperature == "mean":
        return np.full_like(at_points, 1.0 / at_points.shape[1])
    if element.temperature == "corner":
        samples = element.shape_functions(_HEXA_8.points)
        return _trilinear_extrapolation(element.points) @ samples
    return at_points


def _trilinear_extrapolation(points: Floats) -> Floats:
    """Return the (n, 8) matrix from values at the 2x2x2 Gauss points to `points`."""
    at_gauss = shape_functions("hexahedron", _HEXA_8.points)
    result: Floats = shape_functions("hexahedron", points) @ np.linalg.inv(at_gauss)
    return result
