"""romtool's readers serve meshio: mesh, sets and one time."""

import meshio
import numpy as np
import pytest

from romtool.convert.meshio_formats import register_formats, to_meshio
from romtool.convert.registry import list_readers, read_results
from romtool.errors import ReaderError
from tests.mesh_files import add_med_field, write_med
from tests.sample_grids import LINEAR, QUADRATIC, mixed_mesh
from tests.structures import box

TIMES = [0.0, 0.5, 2.0]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """Undo the registration after each test."""
    from meshio import _helpers

    monkeypatch.setattr(_helpers, "reader_map", dict(_helpers.reader_map))
    known = {key: list(names) for key, names in _helpers.extension_to_filetypes.items()}
    monkeypatch.setattr(_helpers, "extension_to_filetypes", known)


def write_history(path, mesh):
    write_med(path, mesh)
    add_med_field(path, "DEPL", ["DX", "DY", "DZ"], TIMES, {"NOE": [mesh.points[:, None] * t for t in TIMES]})
    add_med_field(path, "TEMP", ["TEMP"], TIMES, {"NOE": [mesh.points[:, None, :1] + t for t in TIMES]})
    add_med_field(path, "e", [""], TIMES, {"MAI.TE4": [np.array([[[t]], [[2 * t]]]) for t in TIMES]})
    return path


def test_every_available_reader_is_offered():
    names = register_formats()
    assert set(names) == {f"romtool-{entry.name}" for entry in list_readers() if entry.available}


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC])
def test_meshio_reads_mesh_and_last_time(tmp_path, kinds):
    register_formats()
    mesh = mixed_mesh(kinds)
    path = write_med(tmp_path / "a.rmed", mesh)
    found = meshio.read(path, file_format="romtool-med")
    np.testing.assert_array_equal(found.points, mesh.points)
    np.testing.assert_array_equal(found.point_data["node_ids"], mesh.node_ids)
    cells = {block.type: block.data for block in found.cells}
    for block in mesh.blocks:
        np.testing.assert_array_equal(cells[block.cell_type], block.connectivity)


def test_fields_and_sets_of_any_time(tmp_path):
    from dataclasses import replace

    mesh = replace(mixed_mesh(LINEAR), node_sets={"FIX": np.array([1, 3])}, element_sets={"SOME": np.array([0, 5])})
    path = write_history(tmp_path / "a.rmed", mesh)
    register_formats()
    last = meshio.read(path)  # meshio knows no .rmed of its own
    np.testing.assert_array_equal(last.point_data["u"], 2 * mesh.points)
    first = to_meshio(read_results(path), 1)
    np.testing.assert_array_equal(first.point_data["T"], mesh.points[:, 0] + 0.5)
    of_type = {block.type: k for k, block in enumerate(first.cells)}
    np.testing.assert_array_equal(first.cell_data["e"][of_type["tetra"]], [0.5, 1.0])
    assert np.isnan(first.cell_data["e"][of_type["wedge"]]).all()
    np.testing.assert_array_equal(first.point_sets["FIX"], [1, 3])
    chosen = {block.type: rows.tolist() for block, rows in zip(first.cells, first.cell_sets["SOME"], strict=True)}
    assert chosen == {"tetra": [0], "hexahedron": [], "wedge": [1]}


def test_what_meshio_writes_of_it_reads_back_with_ids(tmp_path):
    mesh = box((2, 1, 1))
    found = to_meshio(read_results(write_med(tmp_path / "a.med", mesh)))
    found.point_sets, found.cell_sets = {}, {}
    found.write(tmp_path / "a.vtu")
    np.testing.assert_array_equal(read_results(tmp_path / "a.vtu").mesh.node_ids, mesh.node_ids)


def test_a_fault_is_an_error_and_no_exit(tmp_path):
    register_formats()
    (tmp_path / "a.rmed").write_text("nothing")
    with pytest.raises(ReaderError, match=r"a\.rmed begins with"):
        meshio.read(tmp_path / "a.rmed")
