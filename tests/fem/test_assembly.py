"""The tangent: derivative of the internal force, symmetric pattern, selection of free unknowns."""

import numpy as np
import pytest

from romtool.fem.assembly import assemble_tangent, build_pattern, tangent_data
from romtool.fem.operators import build_operators, internal_force, strain
from tests.fem.meshes import FORMULATIONS, cube, distort


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_tangent_is_the_derivative_of_the_internal_force(formulation):
    rng = np.random.default_rng(5)
    operators = build_operators(cube(formulation, 2, distort))
    moduli = rng.normal(size=(operators.n_points, 6, 6))  # not symmetric
    field = rng.normal(size=(operators.n_nodes, 3))
    stress = np.einsum("kab,kb->ka", moduli, strain(operators, field))
    product = assemble_tangent(build_pattern(operators), moduli) @ field.ravel()
    expected = internal_force(operators, stress).ravel()
    np.testing.assert_allclose(product, expected, atol=1e-12 * abs(expected).max())


def test_tangent_of_a_nonlinear_law_against_finite_differences():
    operators = build_operators(cube("tet10", 1, distort))
    field = 0.1 * np.random.default_rng(6).normal(size=(operators.n_nodes, 3))

    def law(eps):
        return np.sin(eps @ np.arange(36.0).reshape(6, 6) / 20)

    eps = strain(operators, field)
    inner = eps @ np.arange(36.0).reshape(6, 6) / 20
    moduli = np.cos(inner)[:, :, None] * np.arange(36.0).reshape(6, 6).T / 20
    matrix = assemble_tangent(build_pattern(operators), moduli).toarray()
    for dof in (0, 7, 20):
        step = np.zeros(3 * operators.n_nodes)
        step[dof] = 1e-6
        plus = internal_force(operators, law(strain(operators, field + step.reshape(-1, 3))))
        minus = internal_force(operators, law(strain(operators, field - step.reshape(-1, 3))))
        np.testing.assert_allclose(matrix[:, dof], ((plus - minus) / 2e-6).ravel(), atol=1e-7)


def test_pattern_is_sorted_and_symmetric():
    pattern = build_pattern(build_operators(cube("hex20r", 2)))
    moduli = np.broadcast_to(np.eye(6), (pattern.operators.n_points, 6, 6))
    matrix = assemble_tangent(pattern, moduli)
    assert matrix.has_canonical_format
    ones = matrix.copy()
    ones.data[:] = 1.0
    assert (ones != ones.T).nnz == 0
    assert len(tangent_data(pattern, moduli)) == matrix.nnz
