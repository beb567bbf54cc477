"""`check_mesh` catches the faults that readers were seen to make, and passes sound meshes."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.errors import MeshError
from romtool.fem.checks import check_mesh
from tests.fem.meshes import FORMULATIONS, cube, distort


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_sound_meshes_pass(formulation):
    check_mesh(cube(formulation, 2, distort))


def reordered(formulation: str, order: list[int]):
    mesh = cube(formulation, 2)
    return replace(mesh, blocks=(replace(mesh.blocks[0], connectivity=mesh.blocks[0].connectivity[:, order]),))


def test_midside_nodes_in_another_programs_order():
    exodus = [*range(12), 16, 17, 18, 19, 12, 13, 14, 15]
    with pytest.raises(MeshError, match="mid-side"):
        check_mesh(reordered("hex20", exodus))


def test_inverted_cells_in_another_programs_order():
    with pytest.raises(MeshError, match="Jacobian"):
        check_mesh(reordered("hex8", [0, 3, 2, 1, 4, 7, 6, 5]))


def test_blocks_without_formulation_are_not_computed_with():
    mesh = cube("hex8", 2)
    check_mesh(replace(mesh, blocks=(replace(mesh.blocks[0], formulation=""),)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {"node_ids": m.node_ids[::-1]}, "ascending"),
        (lambda m: {"node_ids": m.node_ids[1:]}, "shape"),
        (lambda m: {"points": np.where(m.points == 0.5, np.nan, m.points)}, "not a number"),
        (lambda m: {"node_sets": {"A": np.array([0, m.n_nodes])}}, "node set 'A'"),
        (lambda m: {"element_sets": {"E": np.array([-1])}}, "element set 'E'"),
        (lambda m: {"side_sets": {"S": np.array([[0, 6]])}}, "face 6 of element 1"),
        (lambda m: {"side_sets": {"S": np.array([[99, 0]])}}, "side set 'S'"),
        (lambda m: {"blocks": (replace(m.blocks[0], element_ids=np.zeros(8, dtype=np.int64)),)}, "more than once"),
        (lambda m: {"blocks": (replace(m.blocks[0], connectivity=m.blocks[0].connectivity + 1),)}, "not in the"),
        (lambda m: {"blocks": (replace(m.blocks[0], connectivity=m.blocks[0].connectivity[:, :6]),)}, "6 nodes"),
        (lambda m: {"blocks": (replace(m.blocks[0], connectivity=m.blocks[0].connectivity[:3]),)}, "3 rows"),
        (
            lambda m: {
                "points": np.vstack([m.points, [9.0, 9.0, 9.0]]),
                "node_ids": np.append(m.node_ids, 1000),
            },
            "no element.*1000",
        ),
    ],
)
def test_faults_are_named(change, words):
    mesh = cube("hex8", 2)
    with pytest.raises(MeshError, match=words):
        check_mesh(replace(mesh, **change(mesh)))
