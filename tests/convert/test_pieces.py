"""Results per subdomain are the results of the whole mesh; pieces that do not fit are refused in words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from romtool.convert.pieces import join_results, part_of_element
from romtool.convert.zset import READER
from romtool.errors import MeshError, ReaderError
from romtool.fem.partition import split_mesh
from romtool.types import FieldInfo, SolverResults
from tests.shared_data import shared
from tests.structures import box

TIMES = np.array([0.0, 1.0, 2.0])


@pytest.fixture
def mesh():
    return box((3, 2, 2))


def whole_field(mesh, i):
    return np.random.default_rng(i).standard_normal((mesh.n_nodes, 3))


def piece_of(mesh, part, name):
    """Return the results of one subdomain."""
    return SolverResults(
        "test",
        (Path(name),),
        part.mesh,
        TIMES,
        {"u": FieldInfo("node", ("x", "y", "z")), "p": FieldInfo("point", ("",))},
        lambda field, i: whole_field(mesh, i)[part.node_rows],
        (f"warning of {name}",),
    )


@pytest.fixture
def pieces(mesh):
    cut = np.arange(mesh.n_elements) % 3
    return [piece_of(mesh, part, f"part-{part.index}") for part in split_mesh(mesh, cut)]


def test_nodal_fields_are_joined(mesh, pieces):
    joined = join_results(mesh, pieces)
    assert list(joined.fields) == ["u"]
    assert [path.name for path in joined.paths] == ["part-0", "part-1", "part-2"]
    assert joined.warnings == ("warning of part-0", "warning of part-1", "warning of part-2")
    for i in range(3):
        np.testing.assert_allclose(joined.read("u", i), whole_field(mesh, i), rtol=1e-15)
    np.testing.assert_array_equal(part_of_element(mesh, pieces), np.arange(mesh.n_elements) % 3)


def test_a_missing_piece_is_refused(mesh, pieces):
    with pytest.raises(MeshError, match=r"4 elements of the mesh are in no piece"):
        join_results(mesh, pieces[:2])


def test_a_piece_given_twice_is_refused(mesh, pieces):
    with pytest.raises(MeshError, match=r"part-1: element 2 is in another piece too"):
        join_results(mesh, [*pieces[:2], pieces[1]])


def test_a_piece_of_another_mesh_is_refused(mesh, pieces):
    with pytest.raises(MeshError, match=r"is not in the mesh"):
        join_results(box((2, 2, 2)), pieces)
    moved = replace(pieces[1], mesh=replace(pieces[1].mesh, points=pieces[1].mesh.points + 0.1))
    with pytest.raises(MeshError, match=r"part-1: results of another mesh"):
        join_results(mesh, [pieces[0], moved, pieces[2]])


def test_pieces_of_other_times_are_refused(mesh, pieces):
    with pytest.raises(ReaderError, match=r"part-2: 2 times, part-0 has 3"):
        join_results(mesh, [*pieces[:2], replace(pieces[2], times=TIMES[:2])])


def test_a_gap_between_pieces_is_refused(mesh, pieces):
    other = replace(pieces[2], read=lambda field, i: pieces[2].read(field, i) + 0.01)
    joined = join_results(mesh, [*pieces[:2], other])
    with pytest.raises(ReaderError, match=r"time 1.*u differs.*common nodes"):
        joined.read("u", 1)


def test_pieces_of_zset_are_its_whole_cube():
    folder = shared("zset", "MecaParallel")
    mesh = READER.read(folder / "cube.geof").mesh
    parts = [READER.read(folder / f"cube-00{i}.ut") for i in (1, 2)]
    joined = join_results(mesh, parts)
    for part in parts:
        rows = np.searchsorted(mesh.node_ids, part.mesh.node_ids)
        difference = joined.read("u", -1 + len(joined.times))[rows] - part.read("u", len(part.times) - 1)
        assert np.abs(difference).max() < 1e-6 * np.abs(part.read("u", len(part.times) - 1)).max()
