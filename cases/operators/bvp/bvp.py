"""The boundary-value problem - (a u')' + s u = 1 on (0, 1), u(0) = u(1) = 0, in linear finite elements.

Diffusivity `a = 1 + 4 exp(-8 (x - c)²)`, reaction `s = 20 (1 + x)**p`: neither is a finite sum of products of a
function of the parameters `c`, `p` and one of x. Integrals are by two Gauss points per element.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

Floats = NDArray[np.float64]


def diffusivity(c: float, x: Floats) -> Floats:
    """Return a(c, x)."""
    return 1 + 4 * np.exp(-8 * (x - c) ** 2)


def reaction(p: float, x: Floats) -> Floats:
    """Return s(p, x)."""
    return 20 * (1 + x) ** p


def gauss_points(n_elements: int) -> Floats:
    """Return the (n_elements, 2) Gauss points."""
    return (np.arange(n_elements)[:, None] + 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)) / n_elements


def assemble(n_elements: int, a: Callable[[Floats], Floats], s: Callable[[Floats], Floats]) -> csr_matrix:
    """Return the (n_elements - 1)² matrix of the inner nodes for coefficients `a(x)` and `s(x)`."""
    x = gauss_points(n_elements)
    right = x * n_elements - np.arange(n_elements)[:, None]
    left = 1 - right
    stiffness = n_elements * a(x).mean(axis=1)
    weights = s(x) / (2 * n_elements)
    at_left = stiffness + (weights * left**2).sum(axis=1)
    at_right = stiffness + (weights * right**2).sum(axis=1)
    between = ((weights * left * right).sum(axis=1) - stiffness)[1:-1]
    return diags([between, at_right[:-1] + at_left[1:], between], [-1, 0, 1], format="csr")


def load(n_elements: int) -> Floats:
    """Return the (n_elements - 1,) right-hand side of f = 1."""
    return np.full(n_elements - 1, 1 / n_elements)
