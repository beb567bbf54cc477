"""Inverses and log-determinants from factorisations at few parameters."""

from functools import cache

import numpy as np
import pytest
from scipy import sparse

from romtool.errors import InputError
from romtool.operators.coefficients import select
from romtool.operators.constants import positive_forms
from romtool.operators.domain import Domain
from romtool.operators.functions import Functions
from romtool.operators.inverses import certify, inverse_model, logdet_model
from romtool.operators.norms import Norm
from romtool.operators.power_bounds import logarithm_series, reciprocal_series
from romtool.operators.powers import select_powers
from tests.operators.problems import Exported, rod

N = 40


def halves() -> Exported:
    """Return an affine operator: a rod with one conductivity in each half."""
    exported = rod(N)
    middles = exported.functions.points[:, 0]
    differences = sparse.diags([np.ones(N), -np.ones(N)], [0, -1], shape=(N, N - 1)) * N

    def matrix(mu):
        return sparse.csr_matrix(differences.T @ sparse.diags(np.where(middles < 0.5, *mu) / N) @ differences)

    domain = Domain(("a", "b"), np.array([1.0, 1.0]), np.array([2.0, 2.0]), (12, 12), ("linear", "linear"))
    functions = Functions(("a", "b"), ("where(x < 0.5, a, b)",), exported.functions.points)
    return Exported(domain, functions, matrix, exported.rhs)


UNSEEN = halves().domain.draw(25, seed=2)


@cache
def models(degree: int):
    """Return problem, inverse, log-determinant and square root of the reference matrix."""
    exported = halves()
    problem = exported.full()
    norm = Norm(problem.algebra, problem.terms[0])
    forms = positive_forms(problem, norm, 0)
    powers = select_powers(
        problem.coefficients,
        exported.domain.training(),
        problem.coefficients.parameters[0],
        degree=degree,
        tolerance=1e-13,
        max_terms=100,
    )
    bound = certify(problem, norm, powers, forms)
    inverse = inverse_model(
        problem.terms, powers, exported.domain, np.eye(N - 1), None, of_rhs=False, error_bound=bound
    )
    logdet = logdet_model(problem.terms, powers, exported.domain, error_bound=bound)
    return exported, inverse, logdet, np.linalg.cholesky(problem.terms[0].toarray())


@pytest.mark.parametrize("degree", [1, 2, 4])
def test_polynomials_up_to_the_degree_are_exact(degree):
    exported, inverse, _, _ = models(degree)
    powers = inverse.powers
    assert len(powers.parameters) == (degree + 1) * (degree + 2) // 2
    at_selected = np.array([exported.matrix(mu).toarray() / N for mu in powers.parameters])
    for mu, weights in zip(UNSEEN[:5], powers.at(UNSEEN[:5]).weights, strict=True):
        for k in range(degree + 1):
            exact = np.linalg.matrix_power(exported.matrix(mu).toarray() / N, k)
            found = np.tensordot(weights, np.linalg.matrix_power(at_selected, k), axes=1)
            np.testing.assert_allclose(found, exact, atol=1e-8 * abs(exact).max())


def test_errors_fall_with_the_degree_and_stay_below_the_bounds():
    largest = []
    for degree in (1, 2, 4, 6):
        exported, inverse, logdet, root = models(degree)
        found, determinants = inverse.evaluate(UNSEEN), logdet.evaluate(UNSEEN)
        inverses = [np.linalg.inv(exported.matrix(mu).toarray()) for mu in UNSEEN]
        exact = np.array([np.linalg.slogdet(exported.matrix(mu).toarray())[1] for mu in UNSEEN])
        errors = np.array([np.linalg.norm(root.T @ e @ root, 2) for e in found.values - inverses])
        assert found.bound is not None
        assert determinants.bound is not None
        assert (found.bound >= errors).all()
        assert (determinants.bound >= np.abs(determinants.values - exact)).all()
        largest.append((errors.max(), np.abs(determinants.values - exact).max(), found.bound.max()))
    assert (np.diff(np.log10(largest), axis=0) < -0.3).all()
    assert largest[-1][0] < 1e-4
    assert largest[-1][1] < 1e-3


def test_selected_parameters_are_reproduced():
    exported, inverse, logdet, _ = models(2)
    parameters = inverse.powers.parameters
    for mu, found in zip(parameters, inverse.evaluate(parameters).values, strict=True):
        np.testing.assert_allclose(found @ exported.matrix(mu).toarray(), np.eye(N - 1), atol=1e-8)
    exact = [np.linalg.slogdet(exported.matrix(mu).toarray())[1] for mu in parameters]
    np.testing.assert_allclose(logdet.evaluate(parameters).values, exact, rtol=1e-9)


def test_solutions_of_a_right_hand_side():
    exported, inverse, _, _ = models(4)
    problem = exported.full()
    found = inverse_model(
        problem.terms, inverse.powers, exported.domain, exported.rhs[:, None], None, of_rhs=True
    ).evaluate(UNSEEN)
    exact = np.array([np.linalg.solve(exported.matrix(mu).toarray(), exported.rhs) for mu in UNSEEN])
    np.testing.assert_allclose(found.values[:, :, 0], exact, rtol=3e-3)
    assert found.bound is None
    assert (found.indicator > 0.0).all()


def test_errors_of_the_degree_are_measured():
    """Where all monomials are interpolated, fewer parameters change nothing: other parameters show the error."""
    exported, inverse, _, _ = models(2)
    domain, selected = exported.domain, inverse.powers.parameters
    checks = domain.farthest(domain.training(), selected, 3)
    assert np.linalg.norm(domain.scaled(checks)[:, None] - domain.scaled(selected), axis=-1).min() > 0.1
    terms = exported.full().terms
    determinants = logdet_model(terms, inverse.powers, domain, checks=checks).evaluate(UNSEEN)
    inverses = inverse_model(terms, inverse.powers, domain, np.eye(N - 1), None, of_rhs=False, checks=checks).evaluate(
        UNSEEN
    )
    exact = np.array([np.linalg.slogdet(exported.matrix(mu).toarray())[1] for mu in UNSEEN])
    assert (determinants.indicator >= np.abs(determinants.values - exact)).mean() >= 0.8
    exact = np.array([np.linalg.inv(exported.matrix(mu).toarray()) for mu in UNSEEN])
    errors = np.linalg.norm(inverses.values - exact, axis=(1, 2)) / np.linalg.norm(exact, axis=(1, 2))
    assert (inverses.indicator >= errors).mean() >= 0.8


@pytest.mark.parametrize("ends", [(0.5, 2.0), (0.1, 3.0), (1.0, 1.0)])
@pytest.mark.parametrize(("series", "function"), [(reciprocal_series, lambda x: 1 / x), (logarithm_series, np.log)])
def test_chebyshev_series_are_within_their_errors(series, function, ends):
    x = np.linspace(*ends, 500)
    coefficients, errors = series(np.array([ends[0]]), np.array([ends[1]]), 6)
    for k in range(7):
        difference = np.polynomial.polynomial.polyval(x - 1.0, coefficients[k, :, 0]) - function(x)
        assert np.abs(difference).max() <= errors[k, 0] * (1.0 + 1e-9) + 1e-12
    assert (np.diff(errors[:, 0]) < 0.0).all()


def test_log_determinants_of_a_covariance_over_a_decade_of_length_scales():
    """Matérn 3/2 with a nugget: separated first, then twelve factorisations."""
    places = np.random.default_rng(0).random((120, 2))
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)

    def matrix(length):
        s = np.sqrt(3.0) * distances / length
        return (1.0 + s) * np.exp(-s) + 1e-2 * np.eye(120)

    domain = Domain(("l",), np.array([0.1]), np.array([1.0]), (150,), ("log",))
    points = np.linspace(0.0, np.sqrt(2.0), 300)[:, None]
    functions = Functions(("l",), ("(1 + sqrt(3)*x/l)*exp(-sqrt(3)*x/l)", "1"), points)
    theta = select(functions, domain.training(), tolerance=1e-10, max_terms=30)
    terms = [matrix(length) for length in theta.parameters[:, 0]]
    powers = select_powers(theta, domain.training(), domain.middle(), degree=2, tolerance=1e-12, max_terms=12)
    model = logdet_model(terms, powers, domain)
    unseen = domain.draw(40, seed=4)
    exact = np.array([np.linalg.slogdet(matrix(mu[0]))[1] for mu in unseen])
    found = model.evaluate(unseen)
    assert len(powers.parameters) == 12
    assert np.abs(found.values - exact).max() <= 3e-6 * np.abs(exact).max()
    assert (found.indicator >= np.abs(found.values - exact)).mean() >= 0.9


def test_an_operator_that_does_not_depend_on_the_parameters_is_refused():
    domain = halves().domain
    theta = select(Functions(("a", "b"), ("1",), np.zeros((1, 1))), domain.training(), tolerance=1e-3, max_terms=3)
    with pytest.raises(InputError, match="does not depend"):
        select_powers(theta, domain.training(), domain.middle(), degree=2, tolerance=0.0, max_terms=5)
