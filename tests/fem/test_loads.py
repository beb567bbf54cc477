"""Loads against closed forms: closed surfaces, resultants, moments, rotation."""

import numpy as np
import pytest

from romtool.errors import CaseError, MeshError
from romtool.fem.loads import (
    element_densities,
    load_factors,
    load_shape,
    load_shapes,
    load_vector,
    load_vectors,
    pressure_matrices,
    side_set_nodes,
    traction_vector,
    volume_moments,
)
from romtool.fem.operators import build_operators
from romtool.loading import Load, Loading, Material, Table
from tests.fem.meshes import FORMULATIONS, cube, distort, shear_map


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_pressure_on_a_closed_surface_balances_and_measures_the_volume(formulation):
    mesh = cube(formulation, 2, shear_map)
    for matrix in pressure_matrices(mesh, "skin"):
        force = (matrix @ np.ones(matrix.shape[1])).reshape(-1, 3)
        np.testing.assert_allclose(force.sum(axis=0), 0.0, atol=1e-15)
        np.testing.assert_allclose(np.cross(mesh.points, force).sum(axis=0), 0.0, atol=1e-14)
        assert -np.vdot(force, mesh.points) == pytest.approx(3 * 1.026, rel=1e-13)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_pressure_balances_on_curved_surfaces(formulation):
    matrix, _ = pressure_matrices(cube(formulation, 2, distort), "skin")
    force = (matrix @ np.ones(matrix.shape[1])).reshape(-1, 3)
    np.testing.assert_allclose(force.sum(axis=0), 0.0, atol=1e-14)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_pressure_pushes_inwards_face_by_face(formulation):
    mesh = cube(formulation, 2)
    matrix, _ = pressure_matrices(mesh, "x1")
    values = np.arange(1.0, matrix.shape[1] + 1)
    force = (matrix @ values).reshape(-1, 3)
    area = 1.0 / matrix.shape[1]
    np.testing.assert_allclose(force.sum(axis=0), [-area * values.sum(), 0, 0], atol=1e-14)
    one = matrix[:, [1]].toarray().reshape(-1, 3)
    assert set(np.flatnonzero(one[:, 0])) <= set(side_set_nodes(mesh, "x1"))


@pytest.mark.parametrize("formulation", ["tet10", "hex20", "hex20r", "wedge15", "hex8"])
def test_nodal_pressure_that_varies_linearly(formulation):
    mesh = cube(formulation, 2)
    _, matrix = pressure_matrices(mesh, "x1")
    nodes = side_set_nodes(mesh, "x1")
    assert (np.diff(nodes) > 0).all()
    force = (matrix @ (1.0 + 2.0 * mesh.points[nodes, 1])).reshape(-1, 3)
    np.testing.assert_allclose(force.sum(axis=0), [-2.0, 0.0, 0.0], atol=1e-13)
    assert force[:, 0] @ mesh.points[:, 1] == pytest.approx(-(1 / 2 + 2 / 3), rel=1e-12)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_traction_resultant(formulation):
    mesh = cube(formulation, 2)
    force = traction_vector(mesh, "z0", np.array([1.0, -2.0, 3.0]))
    np.testing.assert_allclose(force.sum(axis=0), [1.0, -2.0, 3.0], rtol=1e-13)
    assert force[:, 1] @ mesh.points[:, 0] == pytest.approx(-1.0, rel=1e-12)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_volume_moments_are_mass_and_first_moment(formulation):
    operators = build_operators(cube(formulation, 2, shear_map))
    everything = np.ones(operators.mesh.n_elements, dtype=bool)
    zeroth, first = volume_moments(operators, everything, 3.0)
    centre = shear_map(np.full((1, 3), 0.5))[0]
    assert zeroth.sum() == pytest.approx(3 * 1.026, rel=1e-13)
    np.testing.assert_allclose(first.sum(axis=0), 3 * 1.026 * centre, rtol=1e-12)


def test_volume_moments_of_some_elements():
    operators = build_operators(cube("hex8", 2))
    assert volume_moments(operators, np.array([0, 3]))[0].sum() == pytest.approx(0.25)


SPIN = Load(
    "spin", "centrifugal", "all", 2.0, point=np.array([0.0, -3.0, 5.0]), axis=np.array([0.0, 0.0, 4.0]), table="t"
)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_centrifugal_force_against_closed_form(formulation):
    operators = build_operators(cube(formulation, 2))
    force = load_shape(operators, SPIN, np.full(operators.mesh.n_elements, 7.0))
    np.testing.assert_allclose(force.sum(axis=0), 7.0 * 4.0 * np.array([0.5, 3.5, 0.0]), rtol=1e-12, atol=1e-13)
    if formulation not in ("tet4", "wedge6"):  # one-point rules do not integrate x² N
        points = operators.mesh.points
        assert force[:, 0] @ points[:, 0] == pytest.approx(28.0 / 3.0, rel=1e-12)


def test_body_force_is_per_volume():
    operators = build_operators(cube("tet10", 2, shear_map))
    load = Load("weight", "body", "all", np.array([0.0, 0.0, -2.0]))
    force = load_shape(operators, load, np.full(operators.mesh.n_elements, np.nan))
    np.testing.assert_allclose(force.sum(axis=0), [0.0, 0.0, -2.052], rtol=1e-12, atol=1e-14)


def loading(*loads: Load) -> Loading:
    table = Table("t", np.array([[0.0, 0.0], [2.0, 4.0]]))
    return Loading("case", np.array([0.0, 1.0, 2.0]), loads=loads, tables=(table,))


def test_tables_multiply_omega_and_pressure():
    push = Load("push", "pressure", "x1", 3.0, table="t")
    case = loading(SPIN, push, Load("hold", "pressure", "x1", 1.0))
    np.testing.assert_allclose(load_factors(case, 1.0), [4.0, 2.0, 1.0])
    operators = build_operators(cube("hex8", 2))
    material = Material("all", "elastic", {}, density=7.0)
    shapes = load_shapes(operators, case, [material])
    at_times = list(load_vectors(shapes, case, np.array([0.0, 1.0])))
    np.testing.assert_allclose(at_times[0].sum(axis=0), [-1.0, 0.0, 0.0], atol=1e-14)
    np.testing.assert_allclose(at_times[1].sum(axis=0), [-7.0 + 4 * 14.0, 4 * 98.0, 0.0], atol=1e-12)
    densities = element_densities(operators.mesh, [material])
    np.testing.assert_allclose(load_vector(operators, SPIN, densities, 3.0), 9.0 * shapes[0], rtol=1e-14)


def test_faults_are_named():
    operators = build_operators(cube("hex8", 2))
    none = np.full(operators.mesh.n_elements, np.nan)
    with pytest.raises(MeshError, match=r"'X1'.*nearest.*'x1'"):
        pressure_matrices(operators.mesh, "X1")
    with pytest.raises(MeshError, match=r"'skim'.*'skin'"):
        traction_vector(operators.mesh, "skim", np.ones(3))
    with pytest.raises(MeshError, match="element set 'BLADE'"):
        load_shape(operators, Load("b", "body", "BLADE", np.ones(3)), none)
    with pytest.raises(CaseError, match="density"):
        load_shape(operators, SPIN, none)
    with pytest.raises(CaseError, match="each of the 4 faces"):
        load_shape(operators, Load("p", "pressure", "x1", np.ones(3)), none)
    with pytest.raises(CaseError, match="3 numbers"):
        load_shape(operators, Load("p", "traction", "x1", 1.0), none)
    with pytest.raises(CaseError, match="axis"):
        load_shape(operators, Load("s", "centrifugal", "all", 1.0), np.ones(8))
    with pytest.raises(CaseError, match=r"table 'no'.*known tables: t"):
        load_factors(loading(Load("p", "pressure", "x1", 1.0, table="no")), 0.0)
