"""Nonnegative least squares by an active set whose QR factorisation is updated, not recomputed.

`min ‖A_S x - b‖` over `x >= 0`; columns enter by Gram-Schmidt (twice) and leave by Givens rotations
(Lawson & Hanson 1974, chapter 23; Golub & Van Loan 2013, section 6.5.2).
"""

from collections.abc import Hashable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Floats = NDArray[np.float64]

DEPENDENT = 1e-11
"""A column whose part outside the span of the others is shorter than this, relatively, cannot enter."""


TRIALS = 16
"""Removals that are tried before pruning gives up."""


@dataclass(frozen=True)
class _Removal:
    """A column to remove and its row of `(AᵀA)⁻¹`."""

    place: int
    row: Floats


class ActiveSet:
    """Columns with positive weights, their orthogonal factorisation and the solution.

    Parameters
    ----------
    target: (n_rows,) float, the right-hand side b.

    Attributes
    ----------
    keys: of the active columns, in the order of the weights.
    columns: (n_rows,) float, the active columns.
    weights: (n_active,) float, positive.
    residual: (n_rows,) float, `b - A_S x`.
    """

    def __init__(self, target: Floats) -> None:
        self.target = target
        self.residual = target  # b - A_S x
        self.keys: list[Hashable] = []
        self.columns: list[Floats] = []
        self.weights: Floats = np.zeros(0)
        self._rows = np.zeros((64, len(target)))  # Qᵀ: one orthonormal vector per row
        self._triangle = np.zeros((64, 64))
        self._projection = np.zeros(64)  # Qᵀ b

    def __len__(self) -> int:
        return len(self.keys)

    def recomputed_residual(self) -> Floats:
        """Return `b - A_S x` from the columns themselves, (n_rows,)."""
        return self.target - (self.weights @ np.array(self.columns) if self.keys else 0.0)

    def add(self, key: Hashable, column: Floats) -> bool:
        """Append a column with weight zero and re-establish `x >= 0`; tell whether it stayed.

        Parameters
        ----------
        key: whatever identifies the column.
        column: (n_rows,) float.
        """
        if not self._append(key, column):
            return False
        self._settle()
        return key in self.keys

    def prune(self, allowed: float, n_most: int | None = None) -> None:
        """Remove columns whose loss the others compensate with positive weights.

        The increase of the squared residual is `x_p² / [(AᵀA)⁻¹]_pp`, exact as long as the weights stay positive.
        The cheapest goes first.

        Parameters
        ----------
        allowed: residual norm to stay within.
        n_most: go on beyond `allowed` until this many columns are left.
        """
        diagonal = self._inverse_diagonal()
        while len(self) > 1:
            beyond = n_most is not None and len(self) > n_most
            budget = np.inf if beyond else allowed**2 - float(np.sum(self.residual**2))
            found = self._cheapest(diagonal, budget)
            if found is None:
                return
            diagonal = np.delete(diagonal - found.row**2 / found.row[found.place], found.place)
            diagonal = np.maximum(diagonal, np.finfo(np.float64).tiny)  # round-off: such a column is not removed
            self._remove(found.place)
            self._settle()
            if len(diagonal) != len(self):
                diagonal = self._inverse_diagonal()

    def _append(self, key: Hashable, column: Floats) -> bool:
        n = len(self)
        if n == len(self.target):
            return False
        if n == len(self._rows):
            self._grow()
        span = self._rows[:n]
        coefficients = span @ column
        rest = column - coefficients @ span
        correction = span @ rest
        rest -= correction @ span
        norm = np.linalg.norm(rest)
        if not norm > DEPENDENT * np.linalg.norm(column):
            return False
        self._rows[n] = rest / norm
        self._triangle[:n, n] = coefficients + correction
        self._triangle[n, n] = norm
        self._projection[n] = self._rows[n] @ self.residual
        self.keys.append(key)
        self.columns.append(column.copy())
        self.weights = np.append(self.weights, 0.0)
        return True

    def _grow(self) -> None:
        n = len(self._rows)
        self._rows = np.concatenate((self._rows, np.zeros_like(self._rows)))
        self._triangle = np.pad(self._triangle, ((0, n), (0, n)))
        self._projection = np.pad(self._projection, (0, n))

    def _remove(self, place: int) -> None:
        _delete_column(self._rows, self._triangle, self._projection, len(self), place)
        del self.keys[place]
        del self.columns[place]
        self.weights = np.delete(self.weights, place)

    def _settle(self) -> None:
        """Move to the least-squares solution; whenever a weight reaches zero on the way, drop its column."""
        while self.keys:
            solution = _solve_upper(self._triangle, self._projection, len(self))
            negative = np.flatnonzero(solution <= 0.0)
            if not len(negative):
                self.weights = solution
                break
            steps = self.weights[negative] / np.maximum(self.weights[negative] - solution[negative], 1e-300)
            step = steps.min()
            self.weights = np.maximum(self.weights + step * (solution - self.weights), 0.0)
            for place in negative[steps <= step][::-1]:
                self._remove(int(place))
        n = len(self)
        self.residual = self.target - self._projection[:n] @ self._rows[:n]

    def _inverse_diagonal(self) -> Floats:
        """Return the diagonal of `(AᵀA)⁻¹ = R⁻¹ R⁻ᵀ`."""
        n = len(self)
        inverse = solve_triangular(self._triangle[:n, :n], np.eye(n))
        return np.asarray(np.square(inverse).sum(axis=1))

    def _cheapest(self, diagonal: Floats, budget: float) -> "_Removal | None":
        """Return the cheapest removal within the budget that leaves all other weights positive."""
        costs = self.weights**2 / diagonal
        for place in np.argsort(costs, kind="stable")[:TRIALS]:
            if costs[place] > budget:
                return None
            row = _solve_normal(self._triangle, len(self), int(place))
            changed = self.weights - row * (self.weights[place] / row[place])
            changed[place] = 1.0
            if changed.min() > 0.0 or budget == np.inf:
                return _Removal(int(place), row)
        return None


@numba.njit(cache=True)
def _solve_upper(triangle: Floats, right: Floats, n: int) -> Floats:
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (right[i] - np.dot(triangle[i, i + 1 : n], x[i + 1 : n])) / triangle[i, i]
    return x


@numba.njit(cache=True)
def _solve_normal(triangle: Floats, n: int, place: int) -> Floats:
    """Return the row `place` of `(RᵀR)⁻¹`: a forward and a backward substitution."""
    y = np.zeros(n)
    y[place] = 1.0
    for i in range(place, n):
        y[i] /= triangle[i, i]
        for j in range(i + 1, n):
            y[j] -= triangle[i, j] * y[i]
    row: Floats = _solve_upper(triangle, y, n)
    return row


@numba.njit(cache=True)
def _rotate(first: Floats, second: Floats, c: float, s: float) -> None:
    for k in range(first.shape[0]):
        value = c * first[k] + s * second[k]
        second[k] = c * second[k] - s * first[k]
        first[k] = value


@numba.njit(cache=True)
def _delete_column(rows: Floats, triangle: Floats, projection: Floats, n: int, place: int) -> None:
    """Delete a column of the factorisation in place; Givens rotations restore the triangle."""
    for i in range(n):
        for j in range(max(place, i - 1), n - 1):
            triangle[i, j] = triangle[i, j + 1]
    for i in range(place, n - 1):
        a, b = triangle[i, i], triangle[i + 1, i]
        norm = np.hypot(a, b)
        c, s = a / norm, b / norm
        _rotate(triangle[i, i : n - 1], triangle[i + 1, i : n - 1], c, s)
        triangle[i + 1, i] = 0.0
        _rotate(rows[i], rows[i + 1], c, s)
        _rotate(projection[i : i + 1], projection[i + 1 : i + 2], c, s)
