"""Reduced bases: bounds of coercive problems, indicators of indefinite ones, and the round-off of residuals."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from romtool.errors import InputError
from romtool.operators.algebra import ScipyAlgebra
from romtool.operators.coefficients import select
from romtool.operators.constants import (
    interpolated_constant,
    measured_remainder,
    measured_rhs_remainder,
    positive_forms,
    successive_constraints,
)
from romtool.operators.domain import Domain
from romtool.operators.functions import Functions
from romtool.operators.greedy import Certified, Trained, train
from romtool.operators.norms import Norm
from romtool.operators.problem import FullProblem
from romtool.operators.reduced import residuals, solve
from tests.operators.problems import Exported, cavity, rod, sine_rod


def coercive(exported: Exported, kind: str, tolerance: float) -> tuple[FullProblem, Norm, Trained]:
    """Return problem, energy norm and trained basis."""
    problem = exported.full()
    middle = len(problem.terms) // 2
    norm = Norm(problem.algebra, problem.terms[middle])
    forms = positive_forms(problem, norm, middle)
    training = exported.domain.training()
    constant = forms if kind == "ratio" else successive_constraints(problem, norm, training)
    certified = Certified(constant, forms, None)
    return problem, norm, train(problem, norm, certified, training, coercive=True, tolerance=tolerance, max_modes=30)


@pytest.mark.parametrize("kind", ["ratio", "scm"])
def test_the_bound_is_never_below_the_error_and_meaningful_down_to_1e_10(kind):
    exported = sine_rod()
    _, norm, trained = coercive(exported, kind, tolerance=1e-10)
    assert trained.converged
    unseen = exported.domain.draw(1000, seed=5)
    answers = solve(trained.system, unseen)
    exact = np.stack([spsolve(exported.matrix(mu).tocsc(), exported.rhs) for mu in unseen], axis=1)
    errors = norm.length(exact - trained.basis @ answers.coordinates.T)
    assert (answers.bound >= errors).all()
    assert answers.relative_bound.max() <= 1e-9
    assert np.median(answers.bound / errors) <= 50.0


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_the_bound_holds_with_few_vectors_too(tolerance):
    exported = sine_rod()
    _, norm, trained = coercive(exported, "ratio", tolerance)
    unseen = exported.domain.draw(100, seed=6)
    answers = solve(trained.system, unseen)
    exact = np.stack([spsolve(exported.matrix(mu).tocsc(), exported.rhs) for mu in unseen], axis=1)
    errors = norm.length(exact - trained.basis @ answers.coordinates.T)
    assert (answers.bound >= errors).all()
    assert np.median(answers.bound / errors) <= 10.0
    assert answers.relative_bound.max() <= 3.0 * tolerance


def test_the_remainder_of_a_short_representation_is_in_the_bound():
    """With few terms the residual of the representation is tiny, the error is not, and the bound says so."""
    exported = sine_rod()
    problem = exported.full(max_terms=5)
    norm = Norm(problem.algebra, problem.terms[2])
    for forms in (positive_forms(problem, norm, 2), measured_remainder(problem, norm)):
        constant = positive_forms(problem, norm, 2)
        trained = train(
            problem,
            norm,
            Certified(constant, forms, None),
            exported.domain.training(),
            coercive=True,
            tolerance=1e-10,
            max_modes=20,
        )
        assert not trained.converged
        unseen = exported.domain.draw(50, seed=7)
        answers = solve(trained.system, unseen)
        exact = np.stack([spsolve(exported.matrix(mu).tocsc(), exported.rhs) for mu in unseen], axis=1)
        errors = norm.length(exact - trained.basis @ answers.coordinates.T)
        assert errors.max() > 10.0 * (answers.residual / answers.constant).max()
        assert (answers.bound >= errors).all()


def test_residuals_do_not_stall_where_the_expansion_in_products_does():
    """`‖r‖²` expanded in products of components is lost below the root of machine precision; coordinates are not."""
    exported = sine_rod()
    problem, norm, trained = coercive(exported, "ratio", tolerance=1e-12)
    unseen = exported.domain.draw(40, seed=8)
    system, answers = trained.system, solve(trained.system, unseen)
    weights = problem.weights(unseen)
    components = np.hstack([problem.rhs_terms, *(term @ trained.basis for term in problem.terms)])
    products = components.T @ norm.riesz(components)
    expanded = -(weights[:, :, None] * answers.coordinates[:, None, :]).reshape(len(unseen), -1)
    factors = np.hstack([np.ones((len(unseen), 1)), expanded])
    naive = np.sqrt(np.abs(np.einsum("ni,ij,nj->n", factors, products, factors)))
    direct = norm.dual_length(components @ factors.T)
    scale = norm.dual_length(problem.rhs_terms)[0]
    assert np.median(naive) > 1e-9 * scale
    assert answers.residual.max() < 1e-11 * scale
    np.testing.assert_allclose(answers.residual, direct, atol=3e-13 * scale)
    np.testing.assert_allclose(
        np.linalg.norm(residuals(system, weights, np.ones((40, 1)), answers.coordinates), axis=1), answers.residual
    )


def test_the_indicator_of_an_indefinite_problem_covers_the_error():
    exported = cavity()
    problem = exported.full()
    norm = Norm(problem.algebra)
    certified = Certified(
        interpolated_constant(problem, norm, coercive=False),
        measured_remainder(problem, norm),
        measured_rhs_remainder(problem, norm),
    )
    outputs = np.zeros((1, len(exported.rhs)))
    outputs[0, -1] = 1.0
    trained = train(
        problem,
        norm,
        certified,
        exported.domain.training(),
        coercive=False,
        tolerance=1e-8,
        max_modes=40,
        outputs=outputs,
    )
    assert trained.converged
    unseen = exported.domain.draw(200, seed=9)
    answers = solve(trained.system, unseen)
    exact = np.stack([spsolve(exported.matrix(mu).tocsc(), exported.rhs) for mu in unseen], axis=1)
    errors = norm.length(exact - trained.basis @ answers.coordinates.T)
    assert (answers.bound >= errors).mean() >= 0.99
    assert (errors / norm.length(exact)).max() <= 1e-7
    np.testing.assert_allclose(answers.outputs[:, 0], exact[-1], atol=1e-7)


def test_a_right_hand_side_that_depends_on_the_parameters():
    """`A(k) x = b(k)` whose solution is known: `b(k) = A(k) exp(ikx)`, with A constant."""
    n = 50
    x = np.linspace(0.0, 1.0, n)
    stiffness = sparse.csr_matrix(sparse.diags([np.full(n, 4.0), -np.ones(n - 1), -np.ones(n - 1)], [0, 1, -1]))
    domain = Domain(("k",), np.array([1.0]), np.array([9.0]), (100,), ("linear",))
    constant = select(Functions(("k",), ("1",), np.zeros((1, 1))), domain.training(), tolerance=0.0, max_terms=3)
    waves = select(Functions(("k",), ("exp(1j*k*x)",), x[:, None]), domain.training(), tolerance=1e-13, max_terms=40)
    rhs = np.stack([stiffness @ np.exp(1j * k * x) for k in waves.parameters[:, 0]], axis=1)
    problem = FullProblem(ScipyAlgebra(), domain, constant, [stiffness], waves, rhs)
    norm = Norm(problem.algebra)
    certified = Certified(
        interpolated_constant(problem, norm, coercive=True),
        measured_remainder(problem, norm),
        measured_rhs_remainder(problem, norm),
    )
    trained = train(problem, norm, certified, domain.training(), coercive=True, tolerance=1e-9, max_modes=30)
    unseen = domain.draw(30, seed=1)
    answers = solve(trained.system, unseen)
    exact = np.exp(1j * unseen[:, 0] * x[:, None])
    errors = np.linalg.norm(exact - trained.basis @ answers.coordinates.T, axis=0)
    assert trained.converged
    assert errors.max() <= 1e-7
    assert (answers.bound >= errors).all()


def test_matrices_that_are_not_what_the_functions_say_are_refused():
    exported = sine_rod()
    wrong = Functions(("a",), ("exp(-a*sin(3*x))", "10*(1 + x)**a"), exported.functions.points)
    found = select(wrong, exported.domain.training(), tolerance=1e-10, max_terms=30)
    terms = [exported.matrix(mu) for mu in found.parameters]
    problem = FullProblem(ScipyAlgebra(), exported.domain, found, terms, None, exported.rhs[:, None])
    with pytest.raises(InputError, match=r"has ratios .* to the reference, its functions"):
        positive_forms(problem, Norm(problem.algebra, terms[0]), 0)


def test_indefinite_matrices_of_a_coercive_problem_are_named():
    exported = rod(20)
    problem = exported.full(tolerance=1e-6)
    shifted = [term - 30.0 * sparse.eye(19, format="csr").multiply(abs(term).sign()) for term in problem.terms]
    broken = FullProblem(
        problem.algebra,
        problem.domain,
        problem.coefficients,
        [sparse.csr_matrix(term) for term in shifted],
        None,
        problem.rhs_terms,
    )
    norm = Norm(problem.algebra, problem.terms[0])
    with pytest.raises(InputError, match="is not positive definite"):
        positive_forms(broken, norm, 0)


def test_successive_constraints_enclose_the_constant():
    exported = sine_rod(40)
    problem = exported.full()
    norm = Norm(problem.algebra, problem.terms[0])
    found = successive_constraints(problem, norm, exported.domain.training())
    unseen = exported.domain.draw(50, seed=2)
    weights = problem.weights(unseen)
    lower, upper = found.lower(unseen, weights), found.upper(weights)
    reference = problem.terms[0].toarray()
    from scipy.linalg import eigh

    exact = np.array([eigh(exported.matrix(mu).toarray(), reference, eigvals_only=True)[0] for mu in unseen])
    assert (lower <= exact * (1.0 + 1e-6)).all()
    assert (upper >= exact * (1.0 - 1e-6)).all()
    assert (lower > 0.0).all()


def test_complex_functions_of_a_coercive_problem_are_refused():
    exported = cavity(20)
    problem = exported.full()
    with pytest.raises(InputError, match="complex"):
        successive_constraints(problem, Norm(problem.algebra), exported.domain.training())
