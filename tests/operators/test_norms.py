"""Norms, orthonormal families, extreme eigenvalues and stability constants against dense linear algebra."""

import numpy as np
import pytest
from scipy import linalg, sparse

from romtool.errors import AccuracyError, InputError
from romtool.operators.algebra import LuFactor, ScipyAlgebra, check_definite, check_regular
from romtool.operators.eigen import coercivity, extremes, inf_sup
from romtool.operators.norms import Family, Norm

N = 40
GENERATOR = np.random.default_rng(8)
ROOT = GENERATOR.standard_normal((N, N)) + 1j * GENERATOR.standard_normal((N, N))
X = ROOT @ ROOT.conj().T + N * np.eye(N)
ALGEBRA = ScipyAlgebra()
START = GENERATOR.standard_normal((N, 1))


@pytest.mark.parametrize("dual", [False, True])
def test_families_are_orthonormal_and_reproduce_their_vectors(dual):
    norm = Norm(ALGEBRA, X)
    family = Family(norm, N, dual=dual)
    vectors = GENERATOR.standard_normal((N, 9)) + 1j * GENERATOR.standard_normal((N, 9))
    first, second = family.extend(vectors[:, :4]), family.extend(vectors[:, 4:])
    product = family.members.conj().T @ (np.linalg.solve(X, family.members) if dual else X @ family.members)
    np.testing.assert_allclose(product, np.eye(9), atol=1e-13)
    np.testing.assert_allclose(family.members[:, :4] @ first, vectors[:, :4], atol=1e-12)
    np.testing.assert_allclose(family.members @ second, vectors[:, 4:], atol=1e-12)


def test_a_norm_of_round_off_is_told():
    """Vectors in directions in which the matrix of the norm is round-off."""
    generator = np.random.default_rng(0)
    rotation = np.linalg.qr(generator.standard_normal((N, N)))[0]
    norm = Norm(ALGEBRA, np.eye(N))
    norm._matrix = (rotation * np.append(np.ones(30), np.full(10, 1e-18))) @ rotation.T
    vectors = rotation[:, 30:] @ generator.standard_normal((20, 10, 6))

    def orthonormalise_all():
        for block in vectors:
            Family(norm, N).extend(block)

    with pytest.raises(AccuracyError, match="positive definite only but for round-off"):
        orthonormalise_all()


def test_vectors_of_all_sizes_and_nearly_dependent_ones_in_one_block():
    """Columns that span fourteen orders of magnitude keep their coordinates to round-off of the longest."""
    family = Family(Norm(ALGEBRA, X), N)
    vectors = GENERATOR.standard_normal((N, 3)) @ GENERATOR.standard_normal((3, 12))
    vectors += np.geomspace(1.0, 1e-14, 12) * GENERATOR.standard_normal((N, 12))
    coordinates = family.extend(vectors)
    product = family.members.conj().T @ X @ family.members
    np.testing.assert_allclose(product, np.eye(family.size), atol=1e-13)
    largest = Norm(ALGEBRA, X).length(vectors).max()
    assert Norm(ALGEBRA, X).length(family.members @ coordinates - vectors).max() <= 1e-13 * largest


def test_dependent_vectors_add_no_member():
    family = Family(Norm(ALGEBRA), N)
    vectors = GENERATOR.standard_normal((N, 3))
    family.extend(vectors)
    coordinates = family.extend(vectors @ GENERATOR.standard_normal((3, 5)))
    assert family.size == 3
    assert coordinates.shape == (3, 5)


def test_nearly_dependent_vectors_keep_their_small_difference():
    """What an expansion in products of vectors loses below the root of machine precision stays in coordinates."""
    vector, step = GENERATOR.standard_normal((2, N, 1))
    family = Family(Norm(ALGEBRA), N)
    one, other = family.extend(vector), family.extend(vector + 1e-11 * step)
    found = np.linalg.norm(other - np.vstack((one, [[0.0]])))
    np.testing.assert_allclose(found, 1e-11 * np.linalg.norm(step), rtol=1e-3)


def test_norms():
    norm, vectors = Norm(ALGEBRA, X), ROOT[:, :3]
    np.testing.assert_allclose(norm.length(vectors) ** 2, np.real(np.diag(vectors.conj().T @ X @ vectors)))
    np.testing.assert_allclose(norm.dual_length(norm.multiply(vectors)), norm.length(vectors))
    np.testing.assert_allclose(norm.riesz(norm.multiply(vectors)), vectors, atol=1e-12)


def test_extreme_eigenvalues_enclose_the_spectrum():
    matrix = ROOT + ROOT.conj().T
    values = linalg.eigh(matrix, X, eigvals_only=True)
    norm = Norm(ALGEBRA, X)
    factors = np.array([1.0, -2.0, 0.0, 0.5])

    def apply(v, operators):
        return norm.riesz(matrix @ v) * factors[operators]

    starts = GENERATOR.standard_normal((N, 4))
    for factor, found in zip(factors, extremes(apply, norm, starts, tolerance=1e-8), strict=True):
        low, high = sorted(factor * values[[0, -1]])
        assert found.low <= low + 1e-12
        assert found.high >= high - 1e-12
        np.testing.assert_allclose([found.low, found.high], [low, high], rtol=1e-6)


def test_extremes_of_a_multiple_of_the_identity():
    (found,) = extremes(lambda v, _: 3.0 * v, Norm(ALGEBRA), START)
    np.testing.assert_allclose([found.low, found.high], 3.0)


def test_a_spectrum_that_does_not_converge_is_told(monkeypatch):
    monkeypatch.setattr("romtool.operators.eigen.MAX_STEPS", 5)
    values = np.linspace(0.0, 1.0, N)[:, None]
    with pytest.raises(AccuracyError, match="have not converged to 1e-06 in 5 Lanczos steps"):
        extremes(lambda v, _: values * v, Norm(ALGEBRA), START)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_stability_constants(kind):
    hermitian = X + 5.0 * np.diag(np.arange(N))
    norm = Norm(ALGEBRA, kind(X))
    exact = linalg.eigh(hermitian, X, eigvals_only=True)[0]
    found, vector = coercivity(LuFactor(kind(hermitian), "A"), norm, START, tolerance=1e-8)
    assert found <= exact * (1.0 + 1e-12)
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    quotient = np.vdot(vector, hermitian @ vector) / np.vdot(vector, X @ vector)
    np.testing.assert_allclose(quotient.real, exact, rtol=1e-6)
    root = np.linalg.cholesky(X)
    whitened = np.linalg.solve(root, np.linalg.solve(root, ROOT.conj().T).conj().T)
    exact = np.linalg.svd(whitened, compute_uv=False)[-1]
    np.testing.assert_allclose(inf_sup(LuFactor(kind(ROOT), "A"), norm, START, tolerance=1e-8), exact, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_factors(kind):
    for matrix in (ROOT, ROOT.real.copy()):
        factor = LuFactor(kind(matrix), "A")
        for vectors in (ROOT[:, :2], ROOT.real[:, :2].copy()):
            np.testing.assert_allclose(matrix @ factor.solve(vectors), vectors, atol=1e-9)
            np.testing.assert_allclose(matrix.conj().T @ factor.solve_adjoint(vectors), vectors, atol=1e-9)
        np.testing.assert_allclose(factor.log_det, np.linalg.slogdet(matrix)[1], rtol=1e-10)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_singular_matrices_are_named(kind):
    matrix = DENSE_SINGULAR
    with pytest.raises(InputError, match="A at k = 3 is singular"):
        LuFactor(kind(matrix), "A at k = 3")


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_dependent_rows_are_found_and_scales_are_not_mistaken_for_them(kind):
    for matrix in (ROOT, ROOT.real):
        scales = np.geomspace(1e-12, 1e12, N)
        check_regular(kind(scales[:, None] * matrix * scales), "A")
        dependent = matrix.copy()
        dependent[7] = dependent[8] + dependent[9] - 2.0 * dependent[20]
        with pytest.raises(InputError, match="A at k = 3 is singular"):
            check_regular(kind(dependent), "A at k = 3")


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_positive_definite_matrices_are_told_from_others(kind):
    check_definite(kind(X), "A")
    check_definite(kind(X.real), "A")
    lowest = np.linalg.eigvalsh(X)[0]
    for shift in (1.01 * lowest, lowest, 1e3):
        with pytest.raises(InputError, match="A at k = 3 is not positive definite"):
            check_definite(kind(X - shift * np.eye(N)), "A at k = 3")
    with pytest.raises(InputError, match="A at k = 3 is not positive definite"):
        check_definite(kind(np.array([[0.0, 1.0], [1.0, 0.0]])), "A at k = 3")


DENSE_SINGULAR = np.diag(np.append(np.arange(1.0, 6.0), 0.0)) + np.eye(6, k=1)
