"""Quadrature rules: those of the source solvers (points and their order), and rules of full accuracy.

CalculiX counts its points with xi fastest, then eta, then zeta; Z-set likewise in hexahedra, and in its
five-point tetrahedra the corner nearest to node 0, 1, 2, 3 and then the centroid (measured on its results).
WEDGE_6 and WEDGE_21 are Code_Aster's (R3.01.01), whose files say where each point is.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from romtool.types import Floats

_G2 = 1.0 / np.sqrt(3.0)
_G3 = np.sqrt(0.6)
_GAUSS: dict[int, tuple[Floats, Floats]] = {
    1: (np.array([0.0]), np.array([2.0])),
    2: (np.array([-_G2, _G2]), np.array([1.0, 1.0])),
    3: (np.array([-_G3, 0.0, _G3]), np.array([5.0, 8.0, 5.0]) / 9.0),
}
_A4 = (5.0 - np.sqrt(5.0)) / 20.0
_B4 = (5.0 + 3.0 * np.sqrt(5.0)) / 20.0
_SIXTHS = np.array([[1.0, 1.0], [4.0, 1.0], [1.0, 4.0]]) / 6.0


@dataclass(frozen=True)
class Rule:
    """A quadrature rule on a reference cell.

    Parameters
    ----------
    points: (n, dim) float, reference coordinates.
    weights: (n,) float; their sum is the volume of the reference cell.
    """

    points: Floats
    weights: Floats


def gauss(n_per_axis: int, dim: int) -> Rule:
    """Return the Gauss-Legendre rule on [-1, 1]^dim with 1, 2 or 3 points per axis, xi fastest."""
    return product_rule(*(Rule(_GAUSS[n_per_axis][0][:, None], _GAUSS[n_per_axis][1]) for _ in range(dim)))


def product_rule(*rules: Rule) -> Rule:
    """Return the product of rules; the first one's points run fastest."""
    total = rules[0]
    for rule in rules[1:]:
        n, m = len(total.weights), len(rule.weights)
        points = np.concatenate([np.tile(total.points, (m, 1)), np.repeat(rule.points, n, axis=0)], axis=1)
        total = Rule(points, np.outer(rule.weights, total.weights).ravel())
    return total


def _line(n: int) -> Rule:
    return gauss(n, 1)


def _triangle_3() -> Rule:
    return Rule(_SIXTHS, np.full(3, 1.0 / 6.0))


def _triangle_edges() -> Rule:
    return Rule(np.array([[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]), np.full(3, 1.0 / 6.0))


def _triangle_7() -> Rule:
    """Return Radon's rule, exact to degree 5 (Radon, Monatsh. Math. 52, 1948)."""
    root = np.sqrt(15.0)
    points, weights = [np.full((1, 2), 1.0 / 3.0)], [np.array([9.0 / 80.0])]
    for sign in (1.0, -1.0):
        a = (6.0 + sign * root) / 21.0
        points.append(np.array([[a, a], [1.0 - 2.0 * a, a], [a, 1.0 - 2.0 * a]]))
        weights.append(np.full(3, (155.0 + sign * root) / 2400.0))
    return Rule(np.concatenate(points), np.concatenate(weights))


def _tetra_4() -> Rule:
    points = np.full((4, 3), _A4)
    points[[1, 2, 3], [0, 1, 2]] = _B4
    return Rule(points, np.full(4, 1.0 / 24.0))


def _tetra_5() -> Rule:
    points = np.full((5, 3), 1.0 / 6.0)
    points[[1, 2, 3], [0, 1, 2]] = 0.5
    points[4] = 0.25
    return Rule(points, np.array([3.0 / 40.0] * 4 + [-2.0 / 15.0]))


TETRA_1 = Rule(np.full((1, 3), 0.25), np.array([1.0 / 6.0]))
TETRA_4 = _tetra_4()
TETRA_5 = _tetra_5()
TRIANGLE_1 = Rule(np.full((1, 2), 1.0 / 3.0), np.array([0.5]))
TRIANGLE_3 = _triangle_3()
WEDGE_2 = product_rule(TRIANGLE_1, _line(2))
WEDGE_6 = product_rule(_triangle_edges(), _line(2))
WEDGE_9 = product_rule(TRIANGLE_3, _line(3))
WEDGE_21 = product_rule(_triangle_7(), _line(3))


@cache
def simplex_rule(dim: int, n_per_axis: int) -> Rule:
    """Return the conical Gauss-Jacobi rule on the unit simplex, exact to degree 2 n_per_axis - 1.

    Parameters
    ----------
    dim: 1, 2 or 3.
    n_per_axis: points per axis.

    Returns
    -------
    Rule with `n_per_axis ** dim` points and positive weights (Stroud, Approximate Calculation of Multiple
    Integrals, 1971, conical product formulas).
    """
    from scipy.special import roots_jacobi

    abscissae, raw = roots_jacobi(n_per_axis, dim - 1, 0)
    t, w = 0.5 * (1.0 + abscissae), raw / 2.0**dim
    if dim == 1:
        return Rule(t[:, None], w)
    base = simplex_rule(dim - 1, n_per_axis)
    shrunk = (1.0 - t)[:, None, None] * base.points[None]
    apex = np.broadcast_to(t[:, None, None], (*shrunk.shape[:2], 1))
    points = np.concatenate([shrunk, apex], axis=2).reshape(-1, dim)
    return Rule(points, np.outer(w, base.weights).ravel())


@cache
def mass_rule(cell_type: str) -> Rule:
    """Return the rule of full accuracy for mass and gradient matrices of a cell.

    Exact for products of two shape functions on affine cells, and for hexahedra on any cell with straight
    edges; never rank deficient, unlike the stiffness rule.

    Parameters
    ----------
    cell_type: meshio's name.

    Returns
    -------
    Rule with positive weights.
    """
    if cell_type.startswith("tetra"):
        return simplex_rule(3, 3 if cell_type == "tetra10" else 2)
    order = 3 if cell_type in ("hexahedron", "wedge") else 4
    line = simplex_rule(1, order)
    axis = Rule(2.0 * line.points - 1.0, 2.0 * line.weights)
    if cell_type.startswith("wedge"):
        return product_rule(simplex_rule(2, order), axis)
    return product_rule(axis, axis, axis)
