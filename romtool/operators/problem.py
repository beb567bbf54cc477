"""The parameter-dependent system of full order, from separated representations of its matrix and right-hand side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from romtool.errors import AccuracyError
from romtool.linalg.eim import Numbers
from romtool.operators.algebra import Algebra, Factor
from romtool.operators.coefficients import Coefficients
from romtool.operators.domain import Domain
from romtool.types import Floats

RESIDUAL = 1e-6
"""A direct solution with a larger relative residual is not one."""


@dataclass(frozen=True)
class FullProblem:
    """`Σ_m β_m(mu) A_m x = Σ_j γ_j(mu) b_j`.

    Parameters
    ----------
    algebra: of matrices and vectors.
    domain: of the parameters.
    coefficients: β and `mu_m`.
    terms: (d) matrices `A_m = A(mu_m)` as the algebra takes them; visited one at a time.
    rhs_coefficients: γ; None where the right-hand side does not depend on mu.
    rhs_terms: (n_rows, d_b) vectors `b_j`.
    """

    algebra: Algebra
    domain: Domain
    coefficients: Coefficients
    terms: Sequence[Any]
    rhs_coefficients: Coefficients | None
    rhs_terms: Numbers

    def weights(self, parameters: Floats) -> Numbers:
        """Return the (n, d) coefficients β. Raises InputError for parameters outside the range."""
        self.domain.check(parameters)
        return self.coefficients.weights(parameters)

    def rhs_weights(self, parameters: Floats) -> Numbers:
        """Return the (n, d_b) coefficients γ."""
        if self.rhs_coefficients is None:
            return np.ones((len(parameters), 1))
        return self.rhs_coefficients.weights(parameters)

    def assemble(self, parameter: Floats) -> Any:
        """Return `Σ_m β_m A_m` for one (p,) parameter."""
        return self.algebra.combine(self.terms, self.weights(parameter[None])[0])

    def factorise(self, parameter: Floats) -> tuple[Any, Factor]:
        """Return matrix and factorisation for one (p,) parameter. Raises InputError where it is singular."""
        matrix = self.assemble(parameter)
        return matrix, self.algebra.factorise(matrix, f"A at {self.domain.label(parameter)}")

    def solve(self, parameter: Floats, matrix: Any, factor: Factor) -> Numbers:
        """Return the (n_rows, 1) solution for one parameter, refined once.

        Raises
        ------
        AccuracyError: a residual that says that the matrix is nearly singular.
        """
        algebra = self.algebra
        rhs = self.rhs_terms @ self.rhs_weights(parameter[None]).T
        solution = factor.solve(rhs)
        solution = solution + factor.solve(rhs - algebra.multiply(matrix, solution))
        residual: Numbers = rhs - algebra.multiply(matrix, solution)
        relative = np.sqrt(abs(algebra.inner(residual, residual)[0, 0]) / abs(algebra.inner(rhs, rhs)[0, 0]))
        if not relative <= RESIDUAL:
            raise AccuracyError(
                f"A at {self.domain.label(parameter)} is nearly singular: its solution leaves a residual of "
                f"{relative:.1e}; leave that parameter out of the range"
            )
        return np.asarray(solution)

    def random(self, seed: int) -> Numbers:
        """Return a (n_rows, 1) vector with parts in all directions, the same for every number of ranks."""
        return self.algebra.vectors(np.random.default_rng(seed).standard_normal((self.n_unknowns, 1)))

    @cached_property
    def n_unknowns(self) -> int:
        """Return the size of the matrices."""
        return len(self.algebra.whole(np.zeros((len(self.rhs_terms), 1))))
