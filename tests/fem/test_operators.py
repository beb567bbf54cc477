"""Operators: patch tests, rigid bodies, volumes, transposition, mass and temperature, for every formulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from romtool.errors import MeshError
from romtool.fem.assembly import assemble_tangent, build_pattern
from romtool.fem.operators import (
    absolute_internal_force,
    build_operators,
    gradient_matrix,
    internal_force,
    internal_force_scale,
    mass_matrix,
    strain,
    strain_at,
    temperature_operator,
)
from romtool.fem.partition import split_mesh
from romtool.types import CellBlock, Mesh
from tests.fem.meshes import FORMULATIONS, bend_inside, cube, distort, shear_map
from tests.sample_grids import LINEAR, QUADRATIC, mixed_mesh

RNG_SEED = 3
CONTRACTION = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


def isotropic(young: float = 200.0, poisson: float = 0.3) -> np.ndarray:
    """Return the (6, 6) elasticity with sig = D eps in tensor shear."""
    lame = young * poisson / ((1 + poisson) * (1 - 2 * poisson))
    moduli = np.diag(np.full(6, young / (1 + poisson)))
    moduli[:3, :3] += lame
    return moduli


def rows(tensor: np.ndarray) -> np.ndarray:
    return tensor[[0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0]]


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_linear_field_has_constant_strain_on_distorted_elements(formulation):
    gradient = np.random.default_rng(RNG_SEED).normal(size=(3, 3))
    operators = build_operators(cube(formulation, 2, distort))
    values = strain(operators, operators.mesh.points @ gradient.T + [1.0, 2.0, 3.0])
    expected = np.broadcast_to(rows(0.5 * (gradient + gradient.T)), values.shape)
    np.testing.assert_allclose(values, expected, atol=2e-14)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_patch_of_distorted_elements_solves_a_linear_field_exactly(formulation):
    mesh = cube(formulation, 2, bend_inside if formulation in ("tet4", "hex8", "hex8_mean", "wedge6") else None)
    operators = build_operators(mesh)
    exact = mesh.points @ np.random.default_rng(RNG_SEED).normal(size=(3, 3))
    inside = ((mesh.points > 1e-9) & (mesh.points < 1 - 1e-9)).all(axis=1)
    pattern = build_pattern(operators)
    moduli = np.broadcast_to(isotropic(), (operators.n_points, 6, 6))
    matrix = assemble_tangent(pattern, moduli)
    prescribed = np.where(inside[:, None], 0.0, exact).ravel()
    free = np.repeat(inside, 3)
    right = -(matrix @ prescribed)[free]
    found = prescribed.copy()
    found[free] = spsolve(matrix[free][:, free].tocsc(), right)
    np.testing.assert_allclose(found.reshape(-1, 3), exact, atol=1e-12)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_rigid_motion_has_no_strain(formulation):
    operators = build_operators(cube(formulation, 2, distort))
    spin = np.array([[0.0, -0.3, 0.2], [0.3, 0.0, -0.7], [-0.2, 0.7, 0.0]])
    np.testing.assert_allclose(strain(operators, operators.mesh.points @ spin.T + 5.0), 0.0, atol=1e-13)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_volume_of_an_affine_map(formulation):
    operators = build_operators(cube(formulation, 2, shear_map))
    assert operators.volume == pytest.approx(1.026, rel=1e-13)
    assert mass_matrix(operators).sum() == pytest.approx(1.026, rel=1e-13)
    centre = operators.weights @ operators.coordinates / operators.volume
    np.testing.assert_allclose(centre, shear_map(np.full((1, 3), 0.5))[0], rtol=1e-12)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_internal_force_is_the_transpose_of_strain(formulation):
    rng = np.random.default_rng(RNG_SEED)
    operators = build_operators(cube(formulation, 2, distort))
    stress, field = rng.normal(size=(operators.n_points, 6)), rng.normal(size=(operators.n_nodes, 3))
    work = np.einsum("k,kc,c,kc->", operators.weights, stress, CONTRACTION, strain(operators, field))
    assert np.vdot(internal_force(operators, stress), field) == pytest.approx(work, rel=1e-11)


def test_absolute_contributions_bound_the_force():
    rng = np.random.default_rng(RNG_SEED)
    operators = build_operators(cube("tet10", 2))
    stress = rng.normal(size=(operators.n_points, 6))
    assert (absolute_internal_force(operators, stress) >= np.abs(internal_force(operators, stress)) - 1e-14).all()
    assert internal_force_scale(operators, 2 * stress) == pytest.approx(2 * internal_force_scale(operators, stress))


def test_absolute_contributions_of_one_point():
    operators = build_operators(cube("tet4", 1))
    stress = np.zeros((operators.n_points, 6))
    stress[2] = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0
    np.testing.assert_allclose(
        absolute_internal_force(operators, stress), np.abs(internal_force(operators, stress)), atol=1e-15
    )


def two_blocks() -> Mesh:
    """Return hexahedra and, beside them, wedges in one mesh."""
    left, right = cube("hex8", 2), cube("wedge6", 2)
    n = left.n_nodes
    block = right.blocks[0]
    moved = CellBlock("wedge", "wedge6", block.element_ids + 100, block.connectivity + n)
    points = np.concatenate([left.points, right.points + np.array([5.0, 0.0, 0.0])])
    return Mesh(points, np.arange(1, len(points) + 1), (*left.blocks, moved))


def test_points_are_numbered_through_the_blocks():
    operators = build_operators(two_blocks())
    assert operators.n_points == 8 * 8 + 16 * 2
    np.testing.assert_array_equal(operators.elements[[0, 7, 8, 63, 64, 65, 66]], [0, 0, 1, 7, 8, 8, 9])
    np.testing.assert_array_equal(operators.local_points[[7, 8, 65, 66]], [7, 0, 1, 0])
    np.testing.assert_array_equal(operators.element_ids[[0, 64, 95]], [1, 101, 116])
    assert operators.volume == pytest.approx(2.0)


def test_strain_of_stacks_and_of_selected_points():
    rng = np.random.default_rng(RNG_SEED)
    operators = build_operators(two_blocks())
    fields = rng.normal(size=(3, operators.n_nodes, 3))
    stack = strain(operators, fields)
    assert stack.shape == (3, operators.n_points, 6)
    np.testing.assert_array_equal(stack[1], strain(operators, fields[1]))
    chosen = np.array([90, 3, 64, 17, 3])
    np.testing.assert_array_equal(strain_at(operators, fields, chosen), stack[:, chosen])
    np.testing.assert_array_equal(strain_at(operators, fields[2], chosen), stack[2, chosen])


@pytest.mark.parametrize("formulation", ["tet4", "tet10", "hex8", "hex20", "hex20r", "wedge6", "wedge15"])
def test_mass_and_gradient_matrices_integrate_polynomials(formulation):
    operators = build_operators(cube(formulation, 2))
    x, y, _ = operators.mesh.points.T
    mass, gradient = mass_matrix(operators), gradient_matrix(operators)
    assert x @ mass @ y == pytest.approx(1 / 4, rel=1e-12)
    assert (x + 2 * y) @ gradient @ (x + 2 * y) == pytest.approx(5.0, rel=1e-12)
    if formulation not in ("tet4", "hex8", "wedge6"):
        assert x**2 @ mass @ (x * y) == pytest.approx(1 / 8, rel=1e-12)
        assert x**2 @ gradient @ x**2 == pytest.approx(4 / 3, rel=1e-12)
    assert abs(mass - mass.T).max() < 1e-16
    assert abs(gradient @ np.ones(operators.n_nodes)).max() < 1e-13


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_temperature_operator_is_the_elements_rule(formulation):
    operators = build_operators(cube(formulation, 2, shear_map))
    matrix = temperature_operator(operators)
    assert matrix.shape == (operators.n_points, operators.n_nodes)
    np.testing.assert_allclose(matrix @ np.ones(operators.n_nodes), 1.0, rtol=1e-14)
    linear = operators.mesh.points @ [1.0, 2.0, 3.0]
    expected = operators.coordinates @ [1.0, 2.0, 3.0]
    if formulation == "hex8_mean":
        expected = np.repeat(expected.reshape(-1, 8).mean(axis=1), 8)
    np.testing.assert_allclose(matrix @ linear, expected, rtol=1e-12)


def test_inverted_elements_are_named():
    mesh = cube("hex8", 2)
    connectivity = mesh.blocks[0].connectivity.copy()
    connectivity[[2, 5]] = connectivity[[2, 5]][:, [4, 5, 6, 7, 0, 1, 2, 3]]
    block = CellBlock("hexahedron", "hex8", mesh.blocks[0].element_ids, connectivity, "C3D8")
    with pytest.raises(MeshError, match=r"2 of 8 C3D8 .*first ids: 3, 6"):
        build_operators(Mesh(mesh.points, mesh.node_ids, (block,)))


def test_elements_that_cannot_be_computed_with_are_named():
    mesh = cube("hex8", 1)
    block = CellBlock("hexahedron", "", mesh.blocks[0].element_ids, mesh.blocks[0].connectivity, "C3D8I")
    with pytest.raises(MeshError, match="C3D8I"):
        build_operators(Mesh(mesh.points, mesh.node_ids, (block,)))


def test_formulation_of_another_cell_is_refused():
    mesh = cube("hex8", 1)
    block = CellBlock("hexahedron", "tet4", mesh.blocks[0].element_ids, mesh.blocks[0].connectivity)
    with pytest.raises(MeshError, match="tetra cells"):
        build_operators(Mesh(mesh.points, mesh.node_ids, (block,)))


def test_temperature_operator_skips_an_empty_block():
    mesh = cube("hex8")
    (block,) = mesh.blocks
    empty = CellBlock("wedge", "wedge6", block.element_ids[:0], np.zeros((0, 6), dtype=np.int64))
    expected = temperature_operator(build_operators(mesh)).toarray()
    for blocks in ((empty, block), (block, empty), (empty, block, empty)):
        found = temperature_operator(build_operators(replace(mesh, blocks=blocks)))
        np.testing.assert_array_equal(found.toarray(), expected)


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC])
def test_subdomains_without_one_of_the_cell_types(kinds):
    mesh = mixed_mesh(kinds)
    owner = np.repeat(np.arange(len(mesh.blocks)), [len(block.element_ids) for block in mesh.blocks])
    whole, volume = build_operators(mesh), 0.0
    for part in split_mesh(mesh, owner):
        operators = build_operators(part.mesh)
        volume += operators.volume
        np.testing.assert_allclose(temperature_operator(operators).sum(axis=1), 1.0, rtol=1e-12)
        stiffness = assemble_tangent(build_pattern(operators), np.tile(isotropic(), (operators.n_points, 1, 1)))
        assert np.abs(stiffness @ np.ones(stiffness.shape[1])).max() < 1e-10
    assert volume == pytest.approx(whole.volume, rel=1e-12)
