"""Matrices shared over ranks through PETSc: the same answers as on one process."""

import numpy as np
import pytest
from scipy import sparse

from romtool.errors import InputError
from romtool.operators.algebra import ScipyAlgebra
from romtool.operators.constants import (
    interpolated_constant,
    measured_remainder,
    positive_forms,
    successive_constraints,
)
from romtool.operators.greedy import Certified, train
from romtool.operators.norms import Norm
from romtool.operators.petsc import PetscAlgebra
from romtool.operators.problem import FullProblem
from romtool.operators.reduced import solve
from tests.operators.problems import cavity, rod

pytest.importorskip("petsc4py")


GENERATOR = np.random.default_rng(4)
DENSE = GENERATOR.standard_normal((2, 29, 29)) + 1j * GENERATOR.standard_normal((2, 29, 29))
DENSE[:, 3, 5:] = 0.0
"""Two dense complex matrices, with zeros that belong to them."""


def pair(kind: str) -> list:
    """Return two matrices of one pattern: real; complex symmetric and indefinite; dense and complex."""
    if kind == "real":
        return [rod(30).matrix(np.array(mu)) for mu in ((1.0, 0.4), (5.0, 0.6))]
    return [cavity(29).matrix([k]) for k in (2.0, 9.0)] if kind == "symmetric" else list(DENSE)


@pytest.mark.mpi(1, 2, 3)
@pytest.mark.parametrize("kind", ["real", "symmetric", "dense"])
@pytest.mark.parametrize("weights", [(2.0, -0.5), (2.0 - 1.0j, 0.5j)])
def test_algebra_on_any_number_of_ranks(comm, kind, weights):
    matrices, weights = pair(kind), np.array(weights)
    shared, alone = PetscAlgebra(comm, 29), ScipyAlgebra()
    vectors = np.random.default_rng(1).standard_normal((29, 3))
    for given in (vectors, vectors + 1j * vectors[::-1]):
        mine = shared.vectors(given)
        np.testing.assert_array_equal(shared.whole(mine), given)
        terms = [shared.matrix(matrix) for matrix in matrices]
        found, expected = shared.combine(terms, weights), alone.combine(matrices, weights)
        np.testing.assert_allclose(shared.whole(shared.multiply(found, mine)), expected @ given, rtol=1e-12, atol=1e-11)
        adjoint = shared.whole(shared.multiply_adjoint(found, mine))
        np.testing.assert_allclose(adjoint, expected.conj().T @ given, rtol=1e-12, atol=1e-11)
        np.testing.assert_allclose(shared.inner(mine, mine), given.conj().T @ given, rtol=1e-12)
        stacked = np.stack((mine, 2.0 * mine))
        np.testing.assert_allclose(shared.inner(stacked, stacked)[1], 4.0 * given.conj().T @ given, rtol=1e-12)
        factor = shared.factorise(found, "A")
        np.testing.assert_allclose(expected @ shared.whole(factor.solve(mine)), given, atol=1e-10)
        np.testing.assert_allclose(expected.conj().T @ shared.whole(factor.solve_adjoint(mine)), given, atol=1e-10)
        assert shared.whole(factor.solve(mine[:, :0])).shape == (29, 0)
    assert shared.agreed(comm.rank) == 0


@pytest.mark.mpi(2)
def test_singular_matrices_are_named(comm):
    algebra = PetscAlgebra(comm, 4)
    for matrix in (np.diag([1.0, 2.0, 0.0, 3.0]), sparse.csr_matrix(np.diag([1j, 2.0, 0.0, 3.0]))):
        with pytest.raises(InputError, match="A at k = 1 is singular"):
            algebra.factorise(algebra.matrix(matrix), "A at k = 1")


@pytest.mark.mpi(1, 2, timeout=120)
def test_training_of_an_indefinite_problem_on_any_number_of_ranks(comm):
    exported = cavity(60)
    serial = exported.full()

    def trained(algebra):
        terms = [algebra.matrix(term) for term in serial.terms]
        problem = FullProblem(
            algebra, serial.domain, serial.coefficients, terms, None, algebra.vectors(serial.rhs_terms)
        )
        norm = Norm(algebra)
        certified = Certified(
            interpolated_constant(problem, norm, coercive=False), measured_remainder(problem, norm), None
        )
        found = train(
            problem, norm, certified, exported.domain.training(), coercive=False, tolerance=1e-4, max_modes=15
        )
        assert found.converged
        return found.system, algebra.whole(found.basis)

    (alone, basis), (shared, shared_basis) = trained(ScipyAlgebra()), trained(PetscAlgebra(comm, 60))
    np.testing.assert_array_equal(shared.snapshots, alone.snapshots)
    unseen = exported.domain.draw(10, seed=2)
    one, other = solve(alone, unseen), solve(shared, unseen)
    expected = one.coordinates @ basis.T
    np.testing.assert_allclose(other.coordinates @ shared_basis.T, expected, atol=1e-8 * abs(expected).max())
    np.testing.assert_allclose(other.bound, one.bound, rtol=1e-3)


@pytest.mark.mpi(1, 2, timeout=120)
def test_training_on_any_number_of_ranks(comm):
    exported = rod(40)
    training = exported.domain.draw(40, seed=1)

    def trained(algebra):
        serial = exported.full(tolerance=1e-8)
        terms = [algebra.matrix(term) for term in serial.terms]
        problem = FullProblem(
            algebra, serial.domain, serial.coefficients, terms, None, algebra.vectors(serial.rhs_terms)
        )
        norm = Norm(algebra, terms[2])
        forms = positive_forms(problem, norm, 2)
        assert problem.n_unknowns == 39
        constant = successive_constraints(problem, norm, training[:10])
        found = train(
            problem, norm, Certified(forms, forms, None), training, coercive=True, tolerance=1e-4, max_modes=12
        )
        return found.system, algebra.whole(found.basis), constant.lower(training, problem.weights(training))

    alone, basis, lower = trained(ScipyAlgebra())
    shared, shared_basis, shared_lower = trained(PetscAlgebra(comm, 39))
    np.testing.assert_array_equal(shared.snapshots, alone.snapshots)
    np.testing.assert_allclose(shared.history, alone.history, rtol=1e-6)
    np.testing.assert_allclose(shared_lower, lower, rtol=1e-2, atol=1e-2)
    unseen = exported.domain.draw(10, seed=2)
    one, other = solve(alone, unseen), solve(shared, unseen)
    expected = one.coordinates @ basis.T
    np.testing.assert_allclose(other.coordinates @ shared_basis.T, expected, atol=1e-8 * abs(expected).max())
    np.testing.assert_allclose(other.bound, one.bound, rtol=1e-4)
