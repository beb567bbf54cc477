"""Shape functions and their gradients at any reference point, for cells and faces, in VTK node order.

Reference cells: tetrahedron x, y, z >= 0, x + y + z <= 1; hexahedron [-1, 1]^3; wedge triangle times [-1, 1];
triangle and quadrangle likewise. A cell is declared by its nodes and the monomials that it interpolates;
the coefficients follow from `N_i(x_j) = delta_ij`. Serendipity: Arnold & Awanou, Found. Comput. Math. 2011.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from romtool.cells import CELLS
from romtool.errors import MeshError
from romtool.types import Floats, Ints

_TRIANGLE = ((0, 0), (1, 0), (0, 1))
_QUAD = ((-1, -1), (1, -1), (1, 1), (-1, 1))
_CORNERS: dict[str, tuple[tuple[int, ...], ...]] = {
    "triangle": _TRIANGLE,
    "quad": _QUAD,
    "tetra": ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "wedge": tuple((x, y, z) for z in (-1, 1) for x, y in _TRIANGLE),
    "hexahedron": tuple((x, y, z) for z in (-1, 1) for x, y in _QUAD),
}
_QUADRATIC = {
    "triangle6": "triangle",
    "quad8": "quad",
    "tetra10": "tetra",
    "wedge15": "wedge",
    "hexahedron20": "hexahedron",
}


@dataclass(frozen=True)
class ReferenceCell:
    """A cell in its reference coordinates.

    Parameters
    ----------
    nodes: (n_cell_nodes, dim) float, reference coordinates of the nodes.
    exponents: (n_cell_nodes, dim) int, of the monomials.
    coefficients: (n_cell_nodes, n_cell_nodes) float, monomial m in shape function i.
    """

    nodes: Floats
    exponents: Ints
    coefficients: Floats


def _edges(linear: str) -> tuple[tuple[int, int], ...]:
    """Return the corner pairs of the edges, in the order of the mid-side nodes."""
    if linear in CELLS:
        return CELLS[linear].edges
    n = len(_CORNERS[linear])
    return tuple((i, (i + 1) % n) for i in range(n))


def _nodes(name: str) -> Floats:
    """Return the reference coordinates: corners, then edge midpoints where the cell is quadratic."""
    linear = _QUADRATIC.get(name, name)
    corners = np.array(_CORNERS[linear], dtype=np.float64)
    if name == linear:
        return corners
    middle = [0.5 * (corners[a] + corners[b]) for a, b in _edges(linear)]
    return np.concatenate([corners, middle])


def _superlinear(powers: tuple[int, ...]) -> int:
    """Return the degree of a monomial that leaves out the variables which enter linearly."""
    return sum(power for power in powers if power > 1)


def _spans(name: str, powers: tuple[int, ...]) -> bool:
    """Tell whether a monomial belongs to the space of cell `name`."""
    order = 2 if name in _QUADRATIC else 1
    linear = _QUADRATIC.get(name, name)
    if linear in ("triangle", "tetra"):
        return sum(powers) <= order
    if linear == "wedge":
        flat, height = powers[0] + powers[1], powers[2]
        return (flat <= order and height <= 1) or (order == 2 and flat <= 1 and height == 2)
    return max(powers) <= order and _superlinear(powers) <= order


@cache
def reference_cell(name: str) -> ReferenceCell:
    """Return the reference cell of a meshio name of a cell or face.

    Raises
    ------
    MeshError: no such cell.
    """
    if _QUADRATIC.get(name, name) not in _CORNERS:
        known = ", ".join((*_CORNERS, *_QUADRATIC))
        raise MeshError(f"cell type '{name}' has no shape functions here; expected one of {known}")
    nodes = _nodes(name)
    powers = [p for p in product(range(3), repeat=nodes.shape[1]) if _spans(name, p)]
    exponents = np.array(powers, dtype=np.int64)
    inverse = np.linalg.inv(_monomials(exponents, nodes))
    return ReferenceCell(nodes, exponents, np.round(8.0 * inverse) / 8.0)  # they are multiples of 1/8


def _monomials(exponents: Ints, points: Floats) -> Floats:
    """Return the (n, n_monomials) values of the monomials."""
    values: Floats = np.prod(points[:, None, :] ** exponents[None], axis=2)
    return values


def shape_functions(name: str, points: Floats) -> Floats:
    """Evaluate the shape functions of cell `name`.

    Parameters
    ----------
    name: meshio's name of a cell or face.
    points: (n, dim) float, reference coordinates.

    Returns
    -------
    (n, n_cell_nodes) float.

    Raises
    ------
    MeshError: no such cell.

    >>> shape_functions("triangle", np.array([[0.25, 0.25]])).tolist()
    [[0.5, 0.25, 0.25]]
    """
    cell = reference_cell(name)
    values: Floats = _monomials(cell.exponents, np.asarray(points, dtype=np.float64)) @ cell.coefficients
    return values


def shape_gradients(name: str, points: Floats) -> Floats:
    """Evaluate the gradients of the shape functions with respect to the reference coordinates.

    Parameters
    ----------
    name: meshio's name of a cell or face.
    points: (n, dim) float, reference coordinates.

    Returns
    -------
    (n, n_cell_nodes, dim) float.

    Raises
    ------
    MeshError: no such cell.
    """
    cell = reference_cell(name)
    x = np.asarray(points, dtype=np.float64)
    columns = []
    for axis in range(x.shape[1]):
        factor = cell.exponents[:, axis]
        lowered = cell.exponents.copy()
        lowered[:, axis] = np.maximum(factor - 1, 0)
        columns.append((_monomials(lowered, x) * factor) @ cell.coefficients)
    return np.stack(columns, axis=2)
