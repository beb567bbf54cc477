"""Shape functions: interpolation, completeness, gradients; rules: exactness and order of points."""

from math import factorial

import numpy as np
import pytest

from romtool.errors import MeshError
from romtool.fem.elements import ELEMENTS
from romtool.fem.rules import mass_rule, simplex_rule
from romtool.fem.shapes import reference_cell, shape_functions, shape_gradients

LINEAR = ("triangle", "quad", "tetra", "wedge", "hexahedron")
QUADRATIC = ("triangle6", "quad8", "tetra10", "wedge15", "hexahedron20")


@pytest.mark.parametrize("name", LINEAR + QUADRATIC)
def test_interpolates_at_its_nodes(name):
    nodes = reference_cell(name).nodes
    np.testing.assert_array_equal(shape_functions(name, nodes), np.eye(len(nodes)))


@pytest.mark.parametrize("name", LINEAR + QUADRATIC)
def test_reproduces_polynomials_of_its_degree_and_their_gradients(name):
    nodes = reference_cell(name).nodes
    rng = np.random.default_rng(1)
    dim = nodes.shape[1]
    points = rng.uniform(0.0, 0.3, (5, dim))
    linear, square = rng.normal(size=dim), rng.normal(size=(dim, dim)) * (name in QUADRATIC)
    values = 2.0 + nodes @ linear + np.einsum("ni,ij,nj->n", nodes, square, nodes)
    exact = 2.0 + points @ linear + np.einsum("ni,ij,nj->n", points, square, points)
    np.testing.assert_allclose(shape_functions(name, points) @ values, exact, rtol=1e-13)
    slopes = np.einsum("nad,a->nd", shape_gradients(name, points), values)
    np.testing.assert_allclose(slopes, linear + points @ (square + square.T), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", LINEAR + QUADRATIC)
def test_gradients_are_derivatives(name):
    point = np.full((1, reference_cell(name).nodes.shape[1]), 0.21)
    gradient = shape_gradients(name, point)[0]
    for axis in range(point.shape[1]):
        step = np.zeros_like(point)
        step[0, axis] = 1e-6
        difference = (shape_functions(name, point + step) - shape_functions(name, point - step))[0] / 2e-6
        np.testing.assert_allclose(gradient[:, axis], difference, atol=1e-9)


def test_unknown_cell_is_refused():
    with pytest.raises(MeshError, match="pyramid"):
        shape_functions("pyramid", np.zeros((1, 3)))


@pytest.mark.parametrize(("dim", "n"), [(1, 2), (2, 3), (3, 2), (3, 3)])
def test_simplex_rules_are_exact_to_their_degree(dim, n):
    rule = simplex_rule(dim, n)
    assert (rule.weights > 0).all()
    for powers in np.ndindex(*(2 * n,) * dim):
        if sum(powers) <= 2 * n - 1:
            exact = np.prod([factorial(p) for p in powers]) / factorial(sum(powers) + dim)
            value = rule.weights @ np.prod(rule.points ** np.array(powers), axis=1)
            assert value == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("name", ELEMENTS)
def test_rules_sum_to_the_reference_volume(name):
    element = ELEMENTS[name]
    volume = {"tet": 1 / 6, "hex": 8.0, "wed": 1.0}[name[:3]]
    assert element.weights.sum() == pytest.approx(volume, rel=1e-14)
    assert mass_rule(element.cell_type).weights.sum() == pytest.approx(volume, rel=1e-14)
    assert (mass_rule(element.cell_type).weights > 0).all()


@pytest.mark.parametrize("name", ELEMENTS)
def test_mass_rule_gives_positive_definite_matrices(name):
    rule = mass_rule(ELEMENTS[name].cell_type)
    shapes = shape_functions(ELEMENTS[name].cell_type, rule.points)
    assert np.linalg.eigvalsh(shapes.T @ (rule.weights[:, None] * shapes)).min() > 0


def test_orders_of_points():
    g = 1 / np.sqrt(3)
    np.testing.assert_allclose(ELEMENTS["hex8"].points[:3], [[-g, -g, -g], [g, -g, -g], [-g, g, -g]])
    np.testing.assert_allclose(ELEMENTS["hex20"].points[13], 0.0)
    np.testing.assert_allclose(ELEMENTS["hex20"].points[1], [0.0, -np.sqrt(0.6), -np.sqrt(0.6)])
    a, b = 0.138196601125, 0.585410196625
    np.testing.assert_allclose(ELEMENTS["tet10"].points, [[a, a, a], [b, a, a], [a, b, a], [a, a, b]])
    np.testing.assert_allclose(ELEMENTS["tet10_5"].points[1], [1 / 2, 1 / 6, 1 / 6])
    np.testing.assert_allclose(ELEMENTS["wedge15"].points[4], [2 / 3, 1 / 6, 0.0], atol=1e-15)
    np.testing.assert_allclose(ELEMENTS["wedge6"].points[:, 2], [-g, g])


@pytest.mark.parametrize("name", ELEMENTS)
def test_temperature_rule_keeps_constants(name):
    np.testing.assert_allclose(ELEMENTS[name].temperature_matrix().sum(axis=1), 1.0, rtol=1e-14)


@pytest.mark.parametrize("name", [n for n in ELEMENTS if n != "hex8_mean"])
def test_temperature_rule_keeps_linear_fields(name):
    element = ELEMENTS[name]
    nodes = reference_cell(element.cell_type).nodes
    np.testing.assert_allclose(element.temperature_matrix() @ nodes, element.points, atol=1e-14)


def test_corner_rule_differs_from_shape_functions_on_quadratic_fields():
    nodes = reference_cell("hexahedron20").nodes
    corner = ELEMENTS["hex20_corner"].temperature_matrix() @ nodes[:, 0] ** 2
    np.testing.assert_allclose(corner, 1 / 3, rtol=1e-13)  # x² is 1/3 at all eight Gauss points


def test_mean_rule_is_the_mean():
    np.testing.assert_allclose(ELEMENTS["hex8_mean"].temperature_matrix(), 1 / 8)
