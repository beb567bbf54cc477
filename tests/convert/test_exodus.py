"""Exodus: names of variables, blocks and sets, decomposed runs, old layouts, and damaged files in words."""

import contextlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from romtool.convert.exodus import READER
from romtool.convert.exodus_cells import cell_of
from romtool.convert.exodus_fields import group_variables
from romtool.convert.netcdf_header import expected_size
from romtool.convert.nodal_fields import read_nodal_field
from romtool.convert.registry import find_reader, read_results
from romtool.errors import ReaderError
from romtool.types import CellBlock, Floats, Mesh
from tests.mesh_files import put, put_names, write_exodus
from tests.sample_grids import LINEAR, QUADRATIC, mixed_mesh
from tests.structures import box

netcdf = pytest.importorskip("netCDF4", reason="Exodus files are NetCDF: pip install 'romtool[exodus]'")

TIMES = [0.0, 0.25, 1.0]


def history(mesh: Mesh, names: tuple[str, ...] = ("disp_x", "disp_y", "disp_z")) -> dict[str, Floats]:
    """Return a displacement that grows with time."""
    return {name: np.outer(TIMES, mesh.points[:, k] + k) for k, name in enumerate(names)}


@pytest.mark.parametrize(
    "names",
    [
        ("disp_x", "disp_y", "disp_z"),
        ("DisplX", "DisplY", "DisplZ"),
        ("DISPLX", "DISPLY", "DISPLZ"),
        ("displacement_X", "displacement_Y", "displacement_Z"),
        ("u_x", "u_y", "u_z"),
        ("ux", "uy", "uz"),
    ],
)
def test_displacement_has_many_names(tmp_path, names):
    mesh = box((2, 1, 1))
    found = READER.read(write_exodus(tmp_path / "a.e", mesh, TIMES, history(mesh, names)))
    assert set(found.fields) == {"u"}
    assert found.fields["u"].components == ("x", "y", "z")
    np.testing.assert_array_equal(found.read("u", 1), 0.25 * (mesh.points + np.arange(3)))
    np.testing.assert_array_equal(found.read("u", -1), mesh.points + np.arange(3))


def test_endings_are_gathered_only_where_all_are_there():
    assert group_variables(["flux", "vx", "vy", "T"]) == {"flux": (0,), "v": (1, 2), "T": (3,)}
    tensor = ["stress_xx", "stress_xy", "stress_xz", "stress_yy", "stress_yz", "stress_zz"]
    assert group_variables(tensor) == {"stress": (0, 3, 5, 1, 4, 2)}
    assert group_variables(tensor[:5]) == {name: (k,) for k, name in enumerate(tensor[:5])}
    assert group_variables(["a_x", "a_y", "a_z", "a"]) == {"a_x": (0, 1, 2), "a": (3,)}
    assert group_variables(["x", "y", "z"]) == {"x": (0,), "y": (1,), "z": (2,)}


def test_blocks_sets_and_element_fields(tmp_path):
    mesh = mixed_mesh(QUADRATIC)
    tensor = {f"stress_{ij}": np.outer(TIMES, np.arange(6.0) + 10 * k) for k, ij in enumerate(("xx", "yy", "zz", "xy"))}
    tensor |= {f"stress_{ij}": np.outer(TIMES, np.arange(6.0) + 10 * k) for k, ij in enumerate(("yz", "xz"), 4)}
    sides = {"END": np.array([[4, 0], [2, 1], [0, 3]])}
    mesh = replace(mesh, node_sets={"FIX": np.array([3, 1])}, side_sets=sides)
    found = READER.read(write_exodus(tmp_path / "a.exo", mesh, TIMES, element=tensor, kind="NETCDF4"))
    assert [(b.cell_type, b.formulation) for b in found.mesh.blocks] == [(k, f) for k, f, _ in QUADRATIC]
    np.testing.assert_array_equal(found.mesh.node_sets["FIX"], [3, 1])
    np.testing.assert_array_equal(found.mesh.side_sets["END"], sides["END"])
    assert {name: rows.tolist() for name, rows in found.mesh.element_sets.items()} == {
        "part 1": [0, 1],
        "part 2": [2, 3],
        "part 3": [4, 5],
    }
    assert found.fields["stress"].components == ("xx", "yy", "zz", "xy", "yz", "zx")
    np.testing.assert_array_equal(found.read("stress", 2), np.arange(6.0)[:, None] + 10 * np.arange(6.0))


def test_variables_that_a_block_lacks_are_nan(tmp_path):
    mesh = mixed_mesh(LINEAR)
    path = write_exodus(tmp_path / "a.exo", mesh, TIMES, element={"e": np.ones((3, 6))}, kind="NETCDF4")
    with netcdf.Dataset(path, "r+") as file:
        file.renameVariable("vals_elem_var1eb2", "unused")
    np.testing.assert_array_equal(READER.read(path).read("e", 0)[:, 0], [1, 1, np.nan, np.nan, 1, 1])


def test_shells_on_solids_stay_elements_and_their_sides_are_told(tmp_path):
    solid = box((1, 1, 1))
    shell = CellBlock("quad", "", np.array([9]), solid.blocks[0].connectivity[:, [4, 5, 6, 7]])
    mesh = replace(solid, blocks=(*solid.blocks, shell), side_sets={"MIX": np.array([[0, 1]])})
    path = write_exodus(tmp_path / "a.exo", mesh, kind="NETCDF4")
    with netcdf.Dataset(path, "r+") as file:
        file["elem_ss1"][:] = 2
    found = READER.read(path)
    assert [b.cell_type for b in found.mesh.blocks] == ["hexahedron", "quad"]
    assert "MIX" not in found.mesh.side_sets
    assert "side set MIX: 1 sides are not faces of solids and are left out" in found.warnings


def test_a_mesh_alone_has_no_times(tmp_path):
    found = READER.read(write_exodus(tmp_path / "a.g", box((1, 1, 1))))
    assert (len(found.times), dict(found.fields)) == (0, {})


def test_old_files_keep_all_in_one_array(tmp_path):
    mesh = box((1, 1, 1))
    path = write_exodus(tmp_path / "a.exo", mesh, TIMES, history(mesh), kind="NETCDF4")
    with netcdf.Dataset(path, "r+") as file:
        values = np.stack([file[f"vals_nod_var{k}"][:] for k in (1, 2, 3)], axis=1)
        put(file, "vals_nod_var", ("time_step", "num_nod_var", "num_nodes"), values)
        put(file, "coord", ("num_dim", "num_nodes"), mesh.points.T)
        for name in ("coordx", "coordy", "coordz", "vals_nod_var1", "vals_nod_var2", "vals_nod_var3"):
            file.renameVariable(name, f"no_{name}")
    found = READER.read(path)
    np.testing.assert_array_equal(found.mesh.points, mesh.points)
    np.testing.assert_array_equal(found.read("u", 2), mesh.points + np.arange(3))


def test_polyhedra_and_empty_blocks_are_told(tmp_path):
    path = write_exodus(tmp_path / "a.exo", mixed_mesh(LINEAR), TIMES, element={"e": np.ones((3, 6))}, kind="NETCDF4")
    with netcdf.Dataset(path, "r+") as file:
        file["connect2"].elem_type = "NFACED"
    found = READER.read(path)
    assert [b.cell_type for b in found.mesh.blocks] == ["tetra", "wedge"]
    assert "block part 2: elements of type NFACED are left out" in found.warnings
    assert found.read("e", 0).shape == (4, 1)


@pytest.mark.parametrize(
    ("kind", "n_nodes", "cell_type"),
    [
        ("hex", 8, "hexahedron"),
        ("HEX27", 27, "hexahedron27"),
        ("tet10", 10, "tetra10"),
        ("SHELL", 4, "quad"),
        ("SHELL9", 9, "quad9"),
        ("TRI3", 3, "triangle"),
        ("TRISHELL6", 6, "triangle6"),
        ("BEAM", 2, "line"),
        ("TRUSS3", 3, "line3"),
        ("SPHERE", 1, "vertex"),
        ("PYRAMID", 5, "pyramid"),
    ],
)
def test_types_of_elements(kind, n_nodes, cell_type):
    cell = cell_of(kind, n_nodes)
    assert cell is not None
    assert cell.cell_type == cell_type
    assert sorted(cell.to_vtk) == list(range(n_nodes))


def test_unknown_types_have_no_cell():
    assert cell_of("NSIDED", 5) is None
    assert cell_of("HEX", 9) is None


# One file per processor


def write_pieces(folder: Path, mesh: Mesh, parts: list[list[int]], n_times: int = 3) -> list[Path]:
    """Write the elements of each part with the nodes they use, as a parallel run does; the last has `n_times`."""
    files = []
    for k, elements in enumerate(parts):
        block = mesh.blocks[0]
        nodes = np.unique(block.connectivity[elements])
        local = np.searchsorted(nodes, block.connectivity[elements])
        own = replace(block, element_ids=block.element_ids[elements], connectivity=local)
        sides = [[elements.index(e), f] for e, f in mesh.side_sets["x1"].tolist() if e in elements]
        piece = Mesh(
            mesh.points[nodes],
            mesh.node_ids[nodes],
            (own,),
            node_sets={"x0": np.flatnonzero(np.isin(nodes, mesh.node_sets["x0"]))},
            side_sets={"x1": np.array(sides, dtype=np.int64).reshape(-1, 2)},
        )
        count = n_times if k == len(parts) - 1 else 3
        element = {"e": np.outer(TIMES, own.element_ids)[:count]}
        nodal = {name: values[:count] for name, values in history(piece).items()}
        path = folder / f"run.e.{len(parts)}.{k}"
        files.append(write_exodus(path, piece, TIMES[:count], nodal, element))
    return files


def test_files_of_a_decomposed_run_are_one(tmp_path):
    mesh = box((4, 2, 1))
    files = write_pieces(tmp_path, mesh, [[3, 1, 5], [0, 2], [7, 6, 4]])
    found = read_results(files[1])
    assert found.paths == tuple(files)
    np.testing.assert_array_equal(found.mesh.node_ids, mesh.node_ids)
    np.testing.assert_array_equal(found.mesh.points, mesh.points)
    order = np.argsort(found.mesh.element_ids)
    np.testing.assert_array_equal(found.mesh.element_ids[order], mesh.element_ids)
    np.testing.assert_array_equal(found.mesh.blocks[0].connectivity[order], mesh.blocks[0].connectivity)
    np.testing.assert_array_equal(found.read("u", 2), mesh.points + np.arange(3))
    np.testing.assert_array_equal(found.read("e", 1)[:, 0], 0.25 * found.mesh.element_ids)
    np.testing.assert_array_equal(np.sort(found.mesh.node_sets["x0"]), mesh.node_sets["x0"])
    sides = {(int(found.mesh.element_ids[e]), int(f)) for e, f in found.mesh.side_sets["x1"]}
    assert sides == {(int(mesh.element_ids[e]), int(f)) for e, f in mesh.side_sets["x1"]}


def test_a_missing_or_foreign_piece_is_told(tmp_path):
    mesh = box((2, 1, 1))
    files = write_pieces(tmp_path, mesh, [[0], [1]], n_times=2)
    with pytest.raises(ReaderError, match=r"run\.e\.2\.1: 2 times, the first file of its run has 3"):
        read_results(files[0])
    files[1].unlink()
    with pytest.raises(ReaderError, match=r"is one of 2 files of a run; run\.e\.2\.1 is missing"):
        read_results(files[0])


def test_the_number_of_a_piece_is_no_extension(tmp_path):
    (tmp_path / "a.v1.2.3.vtu").touch()
    (tmp_path / "b.exo.16.03").touch()
    assert find_reader(tmp_path / "a.v1.2.3.vtu").name == "vtk"
    assert find_reader(tmp_path / "b.exo.16.03").name == "exodus"


# Wrong files


def test_contents_that_do_not_fit_are_told(tmp_path):
    mesh = box((1, 1, 1))

    def broken(change):
        (tmp_path / change.__name__).mkdir()
        path = write_exodus(tmp_path / change.__name__ / "a.exo", mesh, TIMES, history(mesh), kind="NETCDF4")
        with netcdf.Dataset(path, "r+") as file:
            change(file)
        return path

    def times(file):
        file["time_whole"][:] = [0.0, 2.0, 1.0]

    def nodes(file):
        file["connect1"][0, 3] = 9

    def ids(file):
        file["node_num_map"][:] = 5

    def sets(file):
        file["node_ns1"][:] = 0

    def lost(file):
        file.renameVariable("coordy", "gone")

    for change, words in {
        times: r"time 3 is 1 after 2; expected increasing times",
        nodes: "connect1 refers to 9; expected 1 to 8",
        ids: "node_num_map holds an id twice",
        sets: "node_ns1 refers to 0; expected 1 to 8",
        lost: "coordy",
    }.items():
        with pytest.raises(ReaderError, match=rf"a\.exo.*{words}"):
            READER.read(broken(change))
    with pytest.raises(ReaderError, match="not an input deck"):
        READER.read_deck(tmp_path / "a.exo")


def sample_bytes(folder: Path, kind: str) -> bytes:
    mesh = mixed_mesh(LINEAR)
    mesh = replace(mesh, node_sets={"FIX": np.array([0, 1])}, side_sets={"END": np.array([[0, 1]])})
    element = {"e": np.ones((3, 6))}
    return write_exodus(folder / "whole.exo", mesh, TIMES, history(mesh), element, kind).read_bytes()


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4"])
def test_a_file_cut_anywhere_is_refused(tmp_path, kind):
    data = sample_bytes(tmp_path, kind)
    if kind != "NETCDF4":
        assert expected_size(tmp_path / "whole.exo") == len(data)
    for length in sorted({0, 3, 4, 7, 31, 100, *np.linspace(200, len(data) - 8, 25).astype(int).tolist()}):
        path = tmp_path / "cut.exo"
        path.write_bytes(data[:length])
        with pytest.raises(ReaderError, match=r"cut\.exo"):
            READER.read(path)


def test_one_record_variable_is_not_padded(tmp_path):
    with netcdf.Dataset(tmp_path / "a.nc", "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("t", None)
        file.createDimension("n", 3)
        file.createVariable("c", "i1", ("t", "n"))[:] = np.arange(15).reshape(5, 3)
        put(file, "fixed", ("n",), np.arange(3, dtype="i2"))
    size = (tmp_path / "a.nc").stat().st_size  # filled up at the end of the file only
    assert expected_size(tmp_path / "a.nc") == size - 1


WRONG = {
    "empty": (b"", "begins with b'' at byte 0"),
    "text": (b"*NODE\n1, 0., 0., 0.\n", r"begins with b'\*NODE\\n1,' at byte 0; expected an Exodus file"),
    "garbage": (bytes(range(256)) * 40, "begins with"),
    "CDF and no more": (b"CDF\x02", "header ends at byte 4"),
    "CDF of another version": (b"CDF\x07" + bytes(64), r"version b'\\x07' at byte 3"),
    "CDF and garbage": (b"CDF\x01" + b"\xff" * 200, "expected the list of dimensions"),
    "NetCDF without a mesh": (b"CDF\x01" + bytes(28), "without the dimension num_nodes"),
    "HDF5 and garbage": (b"\x89HDF\r\n\x1a\n" + b"\x5a" * 4000, "damaged or not an Exodus file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_files_are_refused_in_one_line(tmp_path, name, capfd):
    content, words = WRONG[name]
    path = tmp_path / "wrong.e"
    path.write_bytes(content)
    with pytest.raises(ReaderError, match=rf"wrong\.e.*{words}") as caught:
        READER.read(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_an_hdf5_file_of_another_kind_is_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.e", "w") as file:
        file["x"] = np.arange(3)
    with pytest.raises(ReaderError, match=r"a\.e is no Exodus file"):
        READER.read(tmp_path / "a.e")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_headers_give_words_or_a_mesh(tmp_path, data):
    path = tmp_path / "f.exo"
    whole = tmp_path / "whole.exo"
    good = whole.read_bytes() if whole.exists() else sample_bytes(tmp_path, "NETCDF3_64BIT_OFFSET")
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(bad))
    with contextlib.suppress(ReaderError):
        expected_size(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([1, 2, 5]))
def test_any_bytes_after_the_magic_give_words_or_a_size(tmp_path_factory, rest, version):
    path = tmp_path_factory.getbasetemp() / "any.nc"
    path.write_bytes(b"CDF" + struct.pack("B", version) + rest)
    with contextlib.suppress(ReaderError):
        assert expected_size(path) is None or expected_size(path) >= 0


def test_names_are_read_to_their_end(tmp_path):
    path = write_exodus(tmp_path / "a.exo", box((1, 1, 1)), kind="NETCDF4")
    with netcdf.Dataset(path, "r+") as file:
        file.createDimension("two", 2)
        file.renameVariable("eb_names", "no")
        put_names(file, "eb_names", "num_el_blk", ["a name\0rubbish"])
    assert list(READER.read(path).mesh.element_sets) == ["a name"]


def test_a_nodal_field_of_the_last_time_with_ids(tmp_path):
    mesh = mixed_mesh(LINEAR)
    path = write_exodus(tmp_path / "thermal.e", mesh, TIMES, {"temp": np.outer(TIMES, mesh.points[:, 0])})
    values, ids = read_nodal_field(path)
    np.testing.assert_array_equal(values, mesh.points[:, 0])
    np.testing.assert_array_equal(ids, mesh.node_ids)
