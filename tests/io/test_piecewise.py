"""A .pvtu and its pieces hold what the whole mesh holds, for romtool's own reader and for VTK."""

import numpy as np
import pytest

from romtool.convert.pvtu import piece_paths
from romtool.convert.registry import read_results
from romtool.errors import CaseError, ReaderError
from romtool.fem.partition import split_mesh
from romtool.io.fields import FieldSource, element_means, write_series
from romtool.io.piecewise import piece_files, write_indices, write_piece
from romtool.types import FieldInfo
from tests.sample_grids import LINEAR, QUADRATIC, mixed_mesh
from tests.structures import box

TIMES = np.array([0.0, 0.5])
FIELDS = {"u": FieldInfo("node", ("x", "y", "z")), "stress": FieldInfo("point", ("xx", "yy", "zz", "xy", "yz", "zx"))}


def values_of(mesh, name, i):
    """Return a field of the whole mesh that depends on node and element ids."""
    if name == "u":
        return np.sin(mesh.node_ids[:, None] * (1.0 + i) + np.arange(3))
    ids = np.concatenate([np.repeat(block.element_ids, 8) for block in mesh.blocks])
    return np.cos(ids[:, None] * (1.0 + i) + np.arange(6))


@pytest.fixture
def mesh():
    return box((3, 2, 2))


@pytest.fixture
def written(mesh, tmp_path):
    """A .pvd of three pieces."""
    files = piece_files(tmp_path / "f.pvd", 2, 3)
    for part in split_mesh(mesh, np.arange(mesh.n_elements) % 3):
        source = FieldSource(TIMES, FIELDS, lambda name, i, part=part: values_of(part.mesh, name, i))
        write_piece(tmp_path, files, part.index, part.mesh, source)
    write_indices(tmp_path, files, TIMES, FIELDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files.all_names())
    return tmp_path / "f.pvd"


def test_the_pieces_are_read_as_the_whole_mesh(written, mesh, tmp_path):
    found = read_results(written)
    write_series(tmp_path / "whole.pvd", mesh, TIMES, FIELDS, lambda name, i: values_of(mesh, name, i))
    expected = read_results(tmp_path / "whole.pvd")
    np.testing.assert_array_equal(found.times, TIMES)
    np.testing.assert_array_equal(found.mesh.node_ids, expected.mesh.node_ids)
    np.testing.assert_array_equal(found.mesh.element_ids, expected.mesh.element_ids)
    np.testing.assert_array_equal(found.mesh.blocks[0].connectivity, expected.mesh.blocks[0].connectivity)
    assert found.fields.keys() == expected.fields.keys()
    for name in found.fields:
        for i in range(2):
            np.testing.assert_array_equal(found.read(name, i), expected.read(name, i))


def test_vtk_opens_the_pieces_as_one(written, mesh):
    pyvista = pytest.importorskip("pyvista", reason="VTK reads the file back")
    grid = pyvista.read(written.with_name("f_0001.pvtu"))
    assert grid.n_cells == mesh.n_elements
    np.testing.assert_allclose(grid.compute_cell_sizes()["Volume"].sum(), 3.0, rtol=1e-12)
    order = np.argsort(grid.cell_data["element_ids"])
    means = element_means(values_of(mesh, "stress", 1), mesh)
    np.testing.assert_array_equal(grid.cell_data["stress"][order], means)
    rows = np.searchsorted(mesh.node_ids, grid.point_data["node_ids"])
    np.testing.assert_array_equal(grid.point_data["u"], values_of(mesh, "u", 1)[rows])
    assert "stress_mises" in grid.cell_data
    reader = pyvista.get_reader(written)
    assert reader.time_values == TIMES.tolist()
    reader.set_active_time_value(0.5)
    assert reader.read()[0].n_cells == mesh.n_elements


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC])
def test_pieces_without_one_of_the_cell_types(tmp_path, kinds):
    mesh = mixed_mesh(kinds)
    owner = np.repeat(np.arange(len(mesh.blocks)), [len(block.element_ids) for block in mesh.blocks])
    fields = {"u": FIELDS["u"]}
    files = piece_files(tmp_path / "f.pvtu", 1, len(mesh.blocks))
    for part in split_mesh(mesh, owner):
        source = FieldSource(TIMES[:1], fields, lambda name, i, part=part: values_of(part.mesh, name, i))
        write_piece(tmp_path, files, part.index, part.mesh, source)
    write_indices(tmp_path, files, TIMES[:1], fields)
    found = read_results(tmp_path / "f.pvtu")
    assert {block.cell_type: len(block.element_ids) for block in found.mesh.blocks} == {
        block.cell_type: len(block.element_ids) for block in mesh.blocks
    }
    np.testing.assert_array_equal(found.read("u", 0), values_of(found.mesh, "u", 0))


def test_several_times_in_a_pvtu_are_refused(tmp_path):
    with pytest.raises(CaseError, match=r"one time, 2 are to be written; use .pvd"):
        piece_files(tmp_path / "f.pvtu", 2, 3)


def test_damaged_indices_are_refused(written, tmp_path):
    index = written.with_name("f_0000.pvtu")
    text = index.read_text()
    index.write_text(text[:200])
    with pytest.raises(ReaderError, match=r"f_0000.pvtu is not a readable"):
        piece_paths(index)
    index.write_text('<VTKFile type="PUnstructuredGrid"/>')
    with pytest.raises(ReaderError, match="names no piece"):
        piece_paths(index)
    index.write_text(text)
    written.with_name("f_0000_piece0001.vtu").unlink()
    with pytest.raises(ReaderError, match=r"f_0000_piece0001.vtu does not exist"):
        read_results(index)
