"""The serial linear solver: solutions, kept factors, ordering with and without METIS, singular matrices."""

import sys

import numpy as np
import pytest
from scipy import sparse

from romtool.errors import ConvergenceError
from romtool.hifi.scipy_solver import KeptFactors


def laplacian(n: int, shift: float = 0.01) -> sparse.csr_matrix:
    line = sparse.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(n, n))
    eye = sparse.identity(n)
    return (sparse.kron(line, eye) + sparse.kron(eye, line) + shift * sparse.identity(n * n)).tocsr()


@pytest.mark.parametrize("metis", [True, False])
def test_solves_unsymmetric_values_on_a_symmetric_pattern(metis, monkeypatch):
    if metis:
        pytest.importorskip("pymetis")
    else:
        monkeypatch.setitem(sys.modules, "pymetis", None)
    rng = np.random.default_rng(0)
    matrix = laplacian(15)
    matrix.data *= rng.uniform(0.8, 1.2, matrix.nnz)
    matrix = (sparse.diags(10.0 ** rng.uniform(-4, 4, 225)) @ matrix).tocsr()
    right = rng.normal(size=225)
    solver = KeptFactors()
    solver.factorise(matrix)
    solution = solver.solve(right)
    scale = abs(matrix) @ np.abs(solution) + np.abs(right)
    assert (np.abs(matrix @ solution - right) / scale).max() < 1e-13


def test_factors_of_an_earlier_matrix_serve_near_it():
    rng = np.random.default_rng(1)
    solver, right = KeptFactors(), rng.normal(size=400)
    first = laplacian(20)
    solver.factorise(first)
    for _ in range(3):
        near = first.copy()
        near.data *= rng.uniform(0.95, 1.05, near.nnz)
        solver.factorise(near)
        assert np.linalg.norm(near @ solver.solve(right) - right) <= 2e-8 * np.linalg.norm(right)
    assert solver.n_factorisations == 1


def test_factors_are_renewed_far_from_it():
    rng = np.random.default_rng(2)
    solver, right = KeptFactors(), rng.normal(size=400)
    solver.factorise(laplacian(20))
    far = laplacian(20)
    far = (sparse.diags(10.0 ** rng.uniform(-3, 3, 400)) @ far).tocsr()
    solver.factorise(far)
    np.testing.assert_allclose(far @ solver.solve(right), right, atol=1e-10)
    assert solver.n_factorisations == 2


def test_another_pattern_is_ordered_anew():
    solver = KeptFactors()
    for n in (5, 8):
        matrix = laplacian(n)
        solver.factorise(matrix)
        np.testing.assert_allclose(matrix @ solver.solve(np.ones(n * n)), 1.0, rtol=1e-12)


def test_zero_right_hand_side():
    solver = KeptFactors()
    solver.factorise(laplacian(5))
    solver.factorise(1.01 * laplacian(5))
    np.testing.assert_array_equal(solver.solve(np.zeros(25)), 0.0)


def test_singular_matrix_is_told():
    solver = KeptFactors()
    with pytest.raises(ConvergenceError, match=r"singular.*supports"):
        solver.factorise(sparse.csr_matrix(np.array([[1.0, 1.0], [1.0, 1.0]])))
