"""Matrices shared over ranks through PETSc: the same answers as on one process."""

import numpy as np
import pytest
from scipy import sparse

from romtool.errors import InputError
from romtool.operators.algebra import ScipyAlgebra
from romtool.operators.constants import positive_forms, successive_constraints
from romtool.operators.greedy import Certified, train
from romtool.operators.norms import Norm
from romtool.operators.petsc import PetscAlgebra
from romtool.operators.problem import FullProblem
from romtool.operators.reduced import solve
from tests.operators.problems import rod

pytest.importorskip("petsc4py")


@pytest.mark.mpi(1, 2, 3)
def test_algebra_on_any_number_of_ranks(comm):
    exported = rod(30)
    one, other = (exported.matrix(np.array(mu)) for mu in ((1.0, 0.4), (5.0, 0.6)))
    shared, alone = PetscAlgebra(comm, 29), ScipyAlgebra()
    vectors = np.random.default_rng(1).standard_normal((29, 3))
    mine = shared.vectors(vectors)
    np.testing.assert_array_equal(shared.whole(mine), vectors)
    terms = [shared.matrix(one), shared.matrix(other)]
    found = shared.combine(terms, np.array([2.0, -0.5]))
    expected = alone.combine([one, other], np.array([2.0, -0.5]))
    np.testing.assert_allclose(shared.whole(shared.multiply(found, mine)), expected @ vectors, rtol=1e-12)
    np.testing.assert_allclose(shared.whole(shared.multiply_adjoint(found, mine)), expected.T @ vectors, rtol=1e-12)
    np.testing.assert_allclose(shared.inner(mine, mine), vectors.T @ vectors, rtol=1e-12)
    factor = shared.factorise(terms[0], "A")
    np.testing.assert_allclose(one @ shared.whole(factor.solve(mine)), vectors, atol=1e-11)
    np.testing.assert_allclose(one.T @ shared.whole(factor.solve_adjoint(mine)), vectors, atol=1e-11)


@pytest.mark.mpi(2)
def test_what_petsc_can_not_do_is_named(comm):
    algebra = PetscAlgebra(comm, 4)
    singular = np.diag([1.0, 2.0, 0.0, 3.0])
    with pytest.raises(InputError, match="A at k = 1 is singular"):
        algebra.factorise(algebra.matrix(singular), "A at k = 1")
    with pytest.raises(InputError, match="complex matrices on several ranks"):
        algebra.matrix(sparse.csr_matrix(1j * singular))


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
