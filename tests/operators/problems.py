"""Small parameter-dependent problems, assembled here and given to the package as complete matrices only."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def sine_rod(n: int = 60) -> Exported:
    """Return a rod with one parameter, in which both the conductivity and a reaction depend on it."""
    exported = rod(n)
    middles = exported.functions.points[:, 0]
    differences = sparse.diags([np.ones(n), -np.ones(n)], [0, -1], shape=(n, n - 1)) * n
    means = sparse.diags([np.full(n, 0.5), np.full(n, 0.5)], [0, -1], shape=(n, n - 1))

    def matrix(mu):
        g, s = np.exp(mu[0] * np.sin(3.0 * middles)), 10.0 * (1.0 + middles) ** mu[0]
        return sparse.csr_matrix(
            differences.T @ sparse.diags(g / n) @ differences + means.T @ sparse.diags(s / n) @ means
        )

    domain = Domain(("a",), np.array([0.0]), np.array([2.0]), (120,), ("linear",))
    functions = Functions(("a",), ("exp(a*sin(3*x))", "10*(1 + x)**a"), middles[:, None])
    return Exported(domain, functions, matrix, exported.rhs)


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


def export(case: Path, exported: Exported, write: Callable[[Path, object], None] | None = None):
    """Write the matrices that the lists beside a case file ask for, as a user's code would."""
    for table in sorted(case.parent.rglob("*-parameters.csv")):
        with table.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                mu = np.array([float(row[name]) for name in exported.domain.names])
                path = table.parent / row["file"]
                if path.suffix == ".npy":
                    np.save(path, exported.rhs)
                else:
                    (write or save)(path, exported.matrix(mu))


def save(path: Path, matrix: object) -> None:
    """Write one matrix in SciPy's format."""
    sparse.save_npz(path, sparse.csr_matrix(matrix))


ROD_CASE = """
[case]
name = "rod"

[[parameters]]
name = "a"
range = [0.0, 8.0]
samples = 9

[[parameters]]
name = "c"
range = [0.3, 0.7]
samples = 17

[operator]
functions = ["1 + a*exp(-(x - c)**2/0.02)"]
points = { x = [0.01, 0.99, 50] }
files = "matrices/A-{}.npz"
forms = "positive"
tolerance = 1e-9

[rhs]
file = "b.npy"

[basis]
problem = "coercive"
tolerance = 1e-4

[validation]
samples = 5
files = "validation/A-{}.npz"
"""


def rod_case(folder: Path, text: str = ROD_CASE) -> tuple[Path, Exported]:
    """Write the case file and the right-hand side of a small rod."""
    exported = rod(50)
    case = folder / "case.toml"
    case.write_text(text, encoding="utf-8")
    np.save(folder / "b.npy", exported.rhs)
    return case, exported
