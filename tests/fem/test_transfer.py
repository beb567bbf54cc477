"""Fields from one mesh to the points of another: exact where the shape functions are, of their order elsewhere."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from romtool.cells import CELLS, FACE_CELLS
from romtool.errors import MeshError
from romtool.fem.box_tree import build_tree
from romtool.fem.loads import side_set_nodes
from romtool.fem.shapes import shape_functions
from romtool.fem.transfer import build_transfer, face_centres
from romtool.types import CellBlock, Floats, Mesh
from tests.fem.meshes import bend_inside, cube, distort, shear_map

LINEAR = ("tet4", "wedge6", "hex8")
QUADRATIC = ("tet10", "wedge15", "hex20")


def inner_points(n: int = 400) -> Floats:
    return np.random.default_rng(3).uniform(0.01, 0.99, (n, 3))


def linear(x: Floats) -> Floats:
    return 1.0 + x @ np.array([2.0, -3.0, 0.5])


def quadratic(x: Floats) -> Floats:
    a, b, c = x.T
    return 1.0 + a - 2.0 * c + a * a - a * b + 3.0 * b * c - 0.5 * c * c


def smooth(x: Floats) -> Floats:
    return np.asarray(np.sin(2.0 * x[:, 0] + x[:, 1]) * np.exp(x[:, 2]))


@pytest.mark.parametrize("formulation", [*LINEAR, *QUADRATIC])
@pytest.mark.parametrize("move", [None, shear_map, bend_inside])
def test_linear_fields_are_exact_in_any_cell(formulation, move):
    mesh = cube(formulation, 3, move)
    points = inner_points() if move is not shear_map else shear_map(inner_points())
    found = build_transfer(mesh, points)
    np.testing.assert_allclose(found.matrix @ linear(mesh.points), linear(points), atol=1e-11)
    np.testing.assert_allclose(found.matrix.sum(axis=1), 1.0, atol=1e-12)
    assert not found.distances.any()


@pytest.mark.parametrize("formulation", QUADRATIC)
@pytest.mark.parametrize("move", [None, shear_map])
def test_quadratic_fields_are_exact_in_straight_quadratic_cells(formulation, move):
    mesh = cube(formulation, 3, move)
    points = inner_points() if move is None else shear_map(inner_points())
    found = build_transfer(mesh, points).matrix @ quadratic(mesh.points)
    np.testing.assert_allclose(found, quadratic(points), atol=1e-11)


@pytest.mark.parametrize("formulation", [*LINEAR, *QUADRATIC])
def test_the_error_falls_with_the_order_of_the_cells(formulation):
    points = inner_points(2000)
    errors = []
    for n in (2, 4, 8):
        mesh = cube(formulation, n)
        errors.append(
            np.sqrt(np.mean((build_transfer(mesh, points).matrix @ smooth(mesh.points) - smooth(points)) ** 2))
        )
    orders = [np.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert orders[-1] > (2.8 if formulation in QUADRATIC else 1.8)


@pytest.mark.parametrize("formulation", QUADRATIC)
def test_points_of_curved_cells_are_found_where_they_are(formulation):
    """The map of reference points is inverted: the shape functions come back."""
    mesh = cube(formulation, 2, distort)
    (block,) = mesh.blocks
    middle = np.full((1, 3), {"tetra10": 0.25, "wedge15": 0.2, "hexahedron20": 0.3}[block.cell_type])
    points = np.einsum("a,nai->ni", shape_functions(block.cell_type, middle)[0], mesh.points[block.connectivity])
    found = build_transfer(mesh, points)
    np.testing.assert_allclose(found.matrix @ mesh.points, points, atol=1e-11)
    expected = np.zeros((len(points), mesh.n_nodes))
    np.put_along_axis(expected, block.connectivity, shape_functions(block.cell_type, middle), axis=1)
    np.testing.assert_allclose(found.matrix.toarray(), expected, atol=1e-9)


def test_nodes_of_a_mesh_take_their_own_values():
    mesh = cube("hex20", 3, distort)
    found = build_transfer(mesh, mesh.points)
    values = np.random.default_rng(0).normal(size=mesh.n_nodes)
    np.testing.assert_allclose(found.matrix @ values, values, atol=1e-6)
    assert found.outside == 0.0


@pytest.mark.parametrize("formulation", [*LINEAR, *QUADRATIC])
def test_outside_the_nearest_point_of_the_boundary_counts(formulation):
    mesh = cube(formulation, 3)
    points = np.random.default_rng(1).uniform(-0.4, 1.4, (500, 3))
    nearest = np.clip(points, 0.0, 1.0)
    found = build_transfer(mesh, points)
    np.testing.assert_allclose(found.distances, np.linalg.norm(points - nearest, axis=1), atol=1e-7)
    np.testing.assert_allclose(found.matrix @ mesh.points, nearest, atol=1e-6)
    np.testing.assert_allclose(found.sizes, 1.0 / 3.0)
    assert found.outside == pytest.approx(3.0 * found.distances.max())


def shell(formulation: str, n: int, move=None) -> Mesh:
    """Return the skin of the cube as a mesh of surfaces alone."""
    solid = cube(formulation, n, move)
    (block,) = solid.blocks
    sides, faces = solid.side_sets["skin"], CELLS[block.cell_type].faces
    groups: dict[int, list[np.ndarray]] = {}
    for cell, face in sides:
        groups.setdefault(len(faces[face]), []).append(block.connectivity[cell, list(faces[face])])
    blocks = [CellBlock(FACE_CELLS[k], "", np.arange(1, len(v) + 1), np.array(v)) for k, v in groups.items()]
    return replace(solid, blocks=tuple(blocks), side_sets={}, element_sets={})


@pytest.mark.parametrize("formulation", [*LINEAR, *QUADRATIC])
def test_a_surface_gives_its_values_to_points_on_it(formulation):
    surface = shell(formulation, 4, shear_map)
    target = cube("hex20", 3, shear_map)
    points = face_centres(target, "skin")
    field = quadratic if formulation in QUADRATIC else linear
    found = build_transfer(surface, points)
    np.testing.assert_allclose(found.matrix @ field(surface.points), field(points), atol=1e-9)
    assert found.distances.max() < 1e-7


def test_curved_surfaces_are_projected_on_as_they_are():
    surface = shell("hex20", 4, distort)
    (block,) = surface.blocks
    middle = np.array([[0.3, -0.4]])
    points = np.einsum("a,nai->ni", shape_functions("quad8", middle)[0], surface.points[block.connectivity])
    found = build_transfer(surface, points)
    assert found.distances.max() < 1e-7
    np.testing.assert_allclose(found.matrix @ surface.points, points, atol=1e-7)


def test_a_mesh_of_several_cell_types():
    left, right = cube("hex8", 2), cube("tet4", 3, lambda x: x + np.array([1.0, 0.0, 0.0]))
    blocks = (*left.blocks, replace(right.blocks[0], connectivity=right.blocks[0].connectivity + left.n_nodes))
    points = np.concatenate([left.points, right.points])
    mesh = Mesh(points, np.arange(1, len(points) + 1), blocks)
    wanted = np.random.default_rng(5).uniform(0.0, 1.0, (500, 3)) * [2.0, 1.0, 1.0]
    found = build_transfer(mesh, wanted)
    np.testing.assert_allclose(found.matrix @ linear(points), linear(wanted), atol=1e-11)


def test_thin_cells_and_cells_of_very_different_sizes():
    mesh = cube("hex8", 6, lambda x: np.column_stack([x[:, 0] ** 6 * 50.0, x[:, 1], 1e-3 * x[:, 2]]))
    points = np.random.default_rng(6).uniform(0.0, 1.0, (1000, 3)) * [50.0, 1.0, 1e-3]
    found = build_transfer(mesh, points)
    np.testing.assert_allclose(found.matrix @ linear(mesh.points), linear(points), atol=1e-9)
    assert not found.distances.any()


def test_the_tree_holds_every_box():
    lower = np.random.default_rng(7).uniform(size=(37, 3))
    tree = build_tree(lower, lower + 0.1)
    assert sorted(tree.order) == list(range(37))
    np.testing.assert_array_equal(tree.node_lower[1], lower.min(axis=0))
    np.testing.assert_array_equal(tree.node_upper[1], lower.max(axis=0) + 0.1)


def test_centres_of_faces_are_on_them():
    mesh = cube("wedge15", 2)
    centres = face_centres(mesh, "z1")
    assert centres.shape == (8, 3)
    np.testing.assert_allclose(centres[:, 2], 1.0)
    assert set(mesh.points[side_set_nodes(mesh, "z1")][:, 2]) == {1.0}


def test_a_mesh_without_cells_of_a_known_kind():
    mesh = Mesh(np.zeros((2, 3)), np.array([1, 2]), (CellBlock("line", "", np.array([1]), np.array([[0, 1]])),))
    with pytest.raises(MeshError, match="has cells of type line; expected one of tetra"):
        build_transfer(mesh, np.zeros((1, 3)))
