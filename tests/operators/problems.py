"""Small parameter-dependent problems, assembled here and given to the package as complete matrices only."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from romtool.operators.algebra import ScipyAlgebra
from romtool.operators.coefficients import select
from romtool.operators.domain import Domain
from romtool.operators.functions import Functions
from romtool.operators.problem import FullProblem


@dataclass(frozen=True)
class Exported:
    """A problem as a user has it: functions in words, and a code that exports whole matrices."""

    domain: Domain
    functions: Functions
    matrix: Callable[[np.ndarray], object]
    rhs: np.ndarray

    def full(self, tolerance: float = 1e-13, max_terms: int = 40) -> FullProblem:
        """Return the problem from matrices at the selected parameters."""
        found = select(self.functions, self.domain.training(), tolerance=tolerance, max_terms=max_terms)
        terms = [self.matrix(mu) for mu in found.parameters]
        return FullProblem(ScipyAlgebra(), self.domain, found, terms, None, self.rhs[:, None])


def rod(n: int = 100) -> Exported:
    """Return `-(g u')' = 1` on (0, 1) with `u = 0` at the ends, `g = 1 + a exp(-(x - c)²/0.02) `, linear elements."""
    middles = (np.arange(n) + 0.5) / n
    differences = sparse.diags([np.ones(n), -np.ones(n)], [0, -1], shape=(n, n - 1)) * n

    def matrix(mu):
        g = 1.0 + mu[0] * np.exp(-((middles - mu[1]) ** 2) / 0.02)
        return sparse.csr_matrix(differences.T @ sparse.diags(g / n) @ differences)

    domain = Domain(("a", "c"), np.array([0.0, 0.3]), np.array([8.0, 0.7]), (9, 33), ("linear", "linear"))
    functions = Functions(("a", "c"), ("1 + a*exp(-(x - c)**2/0.02)",), middles[:, None])
    return Exported(domain, functions, matrix, np.full(n - 1, 1.0 / n))


def cavity(n: int = 120) -> Exported:
    """Return `-u'' - k² u = 1` on (0, 1) with `u(0) = 0` and the impedance condition `u' = i k u` at 1."""
    h = 1.0 / n
    stiffness = sparse.diags([np.full(n, 2.0), np.full(n - 1, -1.0), np.full(n - 1, -1.0)], [0, 1, -1]) / h
    mass = sparse.diags([np.full(n, 4.0), np.ones(n - 1), np.ones(n - 1)], [0, 1, -1]) * h / 6
    stiffness, mass = stiffness.tolil(), mass.tolil()
    stiffness[-1, -1], mass[-1, -1] = 1.0 / h, h / 3
    boundary = sparse.coo_matrix(([1.0], ([n - 1], [n - 1])), shape=(n, n))

    def matrix(mu):
        k = mu[0]
        return sparse.csr_matrix(stiffness - k**2 * mass - 1j * k * boundary)

    domain = Domain(("k",), np.array([1.0]), np.array([12.0]), (80,), ("linear",))
    functions = Functions(("k",), ("1", "k**2", "1j*k"), np.zeros((1, 1)))
    rhs = np.full(n, h, dtype=complex)
    return Exported(domain, functions, matrix, rhs)
