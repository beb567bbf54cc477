"""Sound in a room with a lined wall: bilinear finite elements for the Helmholtz equation, matrices complex symmetric.

A rectangle of 2 m by 1.5 m; a piston of unit normal derivative in the lower part of the left wall, a porous layer in
front of the rigid right wall. The layer's thickness t grows along the wall; its admittance follows from the waves in
it, `- i tan(q k t)` with the complex ratio of wavenumbers q, so that k and the position do not separate. The time goes
as exp(-i omega t). With v any test function,

    ∫ grad p . grad v - k² p v - i k ∮_lined admittance(k, t) p v = ∮_piston v
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, kron

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

SIZE = (2.0, 1.5)
PISTON = 0.4
RATIO = 1 + 0.2j
"""Wavenumber in the layer over that in air."""


def thickness(y: Floats) -> Floats:
    """Return the thickness of the layer at the height y of the wall."""
    return 0.05 + 0.1 * y / SIZE[1]


def admittance(k: float, t: Floats) -> Complexes:
    """Return the admittance of a layer of thickness t on a rigid wall, relative to that of air."""
    return -1j * np.tan(RATIO * k * t)


def assemble(divisions: tuple[int, int], k: float, layer: Callable[[Floats], Floats] = thickness) -> csr_matrix:
    """Return the complex symmetric matrix at the wavenumber `k`; unknown `i * (n_y + 1) + j` is node (i, j)."""
    n_x, n_y = divisions
    (stiff_x, mass_x), (stiff_y, mass_y) = _along(n_x, SIZE[0]), _along(n_y, SIZE[1])
    inside = kron(stiff_x, mass_y) + kron(mass_x, stiff_y) - k**2 * kron(mass_x, mass_y)
    last = csr_matrix(([1.0], ([n_x], [n_x])), shape=(n_x + 1, n_x + 1))
    return (inside - 1j * k * kron(last, _lining(n_y, k, layer))).tocsr()


def piston(divisions: tuple[int, int], top: float = PISTON) -> Floats:
    """Return the right-hand side of the piston between y = 0 and `top`, a multiple of the element's height."""
    n_x, n_y = divisions
    loads = np.zeros((n_x + 1, n_y + 1))
    n_moving = round(top / SIZE[1] * n_y)
    loads[0, :n_moving] += SIZE[1] / n_y / 2
    loads[0, 1 : n_moving + 1] += SIZE[1] / n_y / 2
    return loads.reshape(-1)


def microphone(divisions: tuple[int, int]) -> Floats:
    """Return the (1, n) row that takes the pressure at the node in the middle of the room."""
    row = np.zeros((divisions[0] + 1, divisions[1] + 1))
    row[divisions[0] // 2, divisions[1] // 2] = 1.0
    return row.reshape(1, -1)


def _along(n: int, length: float) -> tuple[csr_matrix, csr_matrix]:
    """Return stiffness and mass of `n` linear elements on a line."""
    h = length / n
    ends = np.r_[1.0, np.full(n - 1, 2.0), 1.0]
    stiffness = diags([-np.ones(n), ends, -np.ones(n)], [-1, 0, 1]) / h
    return stiffness, diags([np.ones(n), 2 * ends, np.ones(n)], [-1, 0, 1]) * (h / 6)


def _lining(n: int, k: float, layer: Callable[[Floats], Floats]) -> csr_matrix:
    """Return the matrix of the lined wall by two Gauss points per element."""
    right = np.array([0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3)])
    y = (np.arange(n)[:, None] + right) * SIZE[1] / n
    weights = admittance(k, layer(y)) * SIZE[1] / (2 * n)
    below, above = (weights * (1 - right) ** 2).sum(axis=1), (weights * right**2).sum(axis=1)
    between = (weights * right * (1 - right)).sum(axis=1)
    return diags([between, np.append(below, 0) + np.append(0, above), between], [-1, 0, 1])
