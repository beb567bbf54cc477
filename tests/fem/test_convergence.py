"""Convergence to a manufactured elastic solution at the rates of the elements' degrees."""

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from romtool.fem.assembly import assemble_tangent, build_pattern
from romtool.fem.operators import build_operators, mass_matrix, strain
from tests.fem.meshes import bend_inside, cube
from tests.fem.test_operators import CONTRACTION, isotropic

YOUNG, POISSON = 1.0, 0.25
LAME = YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
SHEAR = YOUNG / (2 * (1 + POISSON))
WAVES = np.array([[1.0, 2.0, 1.5], [2.0, -1.0, 1.0], [1.5, 1.0, -2.0]])  # u_i = sin(k_i . x + i)


def exact(points):
    return np.sin(points @ WAVES.T + np.arange(3.0))


def exact_strain(points):
    gradient = np.cos(points @ WAVES.T + np.arange(3.0))[:, :, None] * WAVES
    return 0.5 * (gradient + gradient.transpose(0, 2, 1))[:, [0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0]]


def body_force(points):
    """Return -div sigma = -(lambda + mu) grad div u - mu laplace u."""
    values = exact(points)
    laplace = -values * (WAVES**2).sum(axis=1)
    grad_div = -np.einsum("ni,ii,ij->nj", values, WAVES, WAVES)
    return -(LAME + SHEAR) * grad_div - SHEAR * laplace


def errors(formulation, n):
    """Return the L2 error of displacement and the energy-like error of strain."""
    operators = build_operators(cube(formulation, n, bend_inside))
    points = operators.mesh.points
    mass = mass_matrix(operators)
    inside = ((points > 1e-9) & (points < 1 - 1e-9)).all(axis=1)
    pattern = build_pattern(operators)
    matrix = assemble_tangent(pattern, np.broadcast_to(isotropic(YOUNG, POISSON), (operators.n_points, 6, 6)))
    force = (mass @ body_force(points)).ravel()
    found = np.where(inside[:, None], 0.0, exact(points)).ravel()
    free = np.repeat(inside, 3)
    found[free] = spsolve(matrix[free][:, free].tocsc(), (force - matrix @ found)[free])
    field = found.reshape(-1, 3)
    shapes = np.concatenate(
        [b.element.shape_functions(b.element.points) @ field[b.connectivity] for b in operators.blocks]
    ).reshape(-1, 3)
    weights = np.abs(operators.weights)
    offset = strain(operators, field) - exact_strain(operators.coordinates)
    at_points = np.sqrt(weights @ ((shapes - exact(operators.coordinates)) ** 2).sum(axis=1))
    return at_points, np.sqrt(weights @ (offset**2 @ CONTRACTION))


@pytest.mark.parametrize(
    ("formulation", "sizes", "degree"),
    [
        ("tet4", (4, 8), 1),
        ("hex8", (4, 8), 1),
        ("wedge6", (4, 8), 1),
        ("tet10", (2, 4), 2),
        ("tet10_5", (2, 4), 2),
        ("hex20", (2, 4), 2),
        ("hex20r", (2, 4), 2),
        ("wedge6_6", (4, 8), 1),
        ("wedge15", (2, 4), 2),
        ("wedge15_21", (2, 4), 2),
    ],
)
def test_rates(formulation, sizes, degree):
    coarse, fine = errors(formulation, sizes[0]), errors(formulation, sizes[1])
    rates = np.log2(np.array(coarse) / np.array(fine))
    assert rates[0] > degree + 1 - 0.4, rates
    assert rates[1] > degree - 0.3, rates
