"""VTU, legacy VTK, PVD and numbered series: what was written is what is read, faults are said."""

import io
import warnings
from contextlib import redirect_stderr, redirect_stdout

import meshio
import numpy as np
import pytest

from romtool.cells import CELLS
from romtool.convert.array_names import marked_rows
from romtool.convert.grid import Grid, build_mesh
from romtool.convert.vtk import READER, from_meshio, read_grid
from romtool.convert.xdmf import READER as XDMF
from romtool.errors import ReaderError
from romtool.fem.checks import check_mesh
from romtool.io.fields import write_series
from tests.sample_grids import HEXA, LINEAR, QUADRATIC, TETRA, WEDGE, mixed_mesh, random_fields, with_middles

TIMES = np.array([0.0, 0.25, 2.0])


def boxes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return n cubes in a row that share faces."""
    points = np.array([[x, y, z] for x in range(n + 1) for y in range(2) for z in range(2)], dtype=float)
    first = np.array([0, 4, 6, 2, 1, 5, 7, 3])
    return points, first + 4 * np.arange(n)[:, None]


def write_vtu(path, points, cells, **data):
    meshio.vtu.write(str(path), meshio.Mesh(points, cells, **data))
    return path


def same_mesh(a, b):
    np.testing.assert_array_equal(a.points, b.points)
    np.testing.assert_array_equal(a.node_ids, b.node_ids)
    np.testing.assert_array_equal(a.element_ids, b.element_ids)
    for block, other in zip(a.blocks, b.blocks, strict=True):
        assert (block.cell_type, block.formulation) == (other.cell_type, other.formulation)
        np.testing.assert_array_equal(block.connectivity, other.connectivity)


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC])
def test_pvd_round_trip(tmp_path, kinds):
    mesh = mixed_mesh(kinds)
    fields, read = random_fields(mesh, 3)
    write_series(tmp_path / "f.pvd", mesh, TIMES, fields, read)
    results = READER.read(tmp_path / "f.pvd")
    same_mesh(results.mesh, mesh)
    np.testing.assert_array_equal(results.times, TIMES)
    assert results.fields["u"].components == ("x", "y", "z")
    assert results.fields["stress"].location == "element"
    assert {"node_ids", "element_ids"}.isdisjoint(results.fields)
    for i in range(3):
        for name in ("u", "T", "energy"):
            np.testing.assert_array_equal(results.read(name, i), read(name, i))


def test_values_are_read_when_asked_for(tmp_path):
    mesh = mixed_mesh(QUADRATIC[:1])
    fields, read = random_fields(mesh, 3)
    write_series(tmp_path / "f.pvd", mesh, TIMES, fields, read)
    results = READER.read(tmp_path / "f.pvd")
    (tmp_path / "f_0002.vtu").unlink()
    np.testing.assert_array_equal(results.read("u", 1), read("u", 1))
    first = results.read("u", 1)
    first[:] = 0.0
    np.testing.assert_array_equal(results.read("u", 1), read("u", 1))
    with pytest.raises(ReaderError, match=r"f_0002\.vtu does not exist"):
        results.read("u", 2)


def test_lowest_number_stands_for_the_series(tmp_path):
    points, cells = boxes(2)
    for number in (9, 10, 11):
        write_vtu(
            tmp_path / f"run_{number}.vtu", points, [("hexahedron", cells)], point_data={"T": points[:, 0] * number}
        )
    results = READER.read(tmp_path / "run_9.vtu")
    np.testing.assert_array_equal(results.times, [9.0, 10.0, 11.0])
    assert any("numbers are taken as times" in said for said in results.warnings)
    np.testing.assert_array_equal(results.read("T", 1)[:, 0], 10 * points[:, 0])
    assert len(READER.read(tmp_path / "run_10.vtu").times) == 1


def test_series_must_share_one_mesh(tmp_path):
    for number in (1, 2):
        points, cells = boxes(number)
        write_vtu(tmp_path / f"run_{number}.vtu", points, [("hexahedron", cells)], point_data={"T": points[:, 0]})
    with pytest.raises(ReaderError, match=r"run_2\.vtu has 12 nodes, run_1\.vtu has 8"):
        READER.read(tmp_path / "run_1.vtu").read("T", 1)


def test_mesh_without_fields_has_no_times(tmp_path):
    points, cells = boxes(2)
    results = READER.read(write_vtu(tmp_path / "mesh.vtu", points, [("hexahedron", cells)]))
    assert len(results.times) == 0
    np.testing.assert_array_equal(results.mesh.node_ids, np.arange(12) + 1)


@pytest.mark.parametrize("name", ["u", "U", "displacement", "Displacement", "DISP"])
def test_displacement_is_recognised(tmp_path, name):
    points, cells = boxes(1)
    file = write_vtu(tmp_path / "a.vtu", points, [("hexahedron", cells)], point_data={name: points.astype(np.float32)})
    results = READER.read(file)
    assert results.fields["u"].source == name
    assert results.fields["u"].precision == 6e-8
    np.testing.assert_array_equal(results.read("u", 0), points)


@pytest.mark.parametrize("name", ["T", "temperature", "Temperature", "NT", "NDTEMP"])
def test_temperature_is_recognised(tmp_path, name):
    points, cells = boxes(1)
    data = {name: points[:, 0], "U": points[:, 0]}
    results = READER.read(write_vtu(tmp_path / "a.vtu", points, [("hexahedron", cells)], point_data=data))
    assert set(results.fields) == {"T", "U"}


def test_ids_order_nodes_and_fields(tmp_path):
    points, cells = boxes(2)
    ids = np.arange(12)[::-1] * 10 + 3
    file = write_vtu(
        tmp_path / "a.vtu",
        points,
        [("hexahedron", cells)],
        point_data={"GlobalNodeId": ids, "T": points[:, 0]},
        cell_data={"GlobalElementId": [np.array([7, 4])], "e": [np.array([0.7, 0.4])]},
    )
    mesh = READER.read(file).mesh
    np.testing.assert_array_equal(mesh.node_ids, np.sort(ids))
    np.testing.assert_array_equal(mesh.points, points[::-1])
    np.testing.assert_array_equal(mesh.points[mesh.blocks[0].connectivity], points[cells])
    np.testing.assert_array_equal(mesh.element_ids, [7, 4])
    np.testing.assert_array_equal(READER.read(file).read("T", 0)[:, 0], mesh.points[:, 0])
    np.testing.assert_array_equal(READER.read(file).read("e", 0)[:, 0], [0.7, 0.4])


def test_unused_nodes_are_dropped():
    points, cells = boxes(1)
    grid = Grid(np.vstack([[9.0, 9, 9], points]), (("hexahedron", cells + 1),))
    built = build_mesh(grid, "a.vtu")
    np.testing.assert_array_equal(built.mesh.points, points)
    np.testing.assert_array_equal(built.mesh.node_ids, np.arange(2, 10))


@pytest.mark.parametrize("cell_type", list(CELLS))
def test_tagged_faces_of_every_cell_become_side_sets(cell_type):
    cell = CELLS[cell_type]
    corners = {4: TETRA, 6: WEDGE, 8: HEXA}[cell.n_corners]
    middles = corners[np.array(cell.edges)].mean(axis=1)[: cell.n_nodes - cell.n_corners]
    names = {3: "triangle", 4: "quad", 6: "triangle6", 8: "quad8"}
    faces = [(names[len(face)], np.roll(face[: len(face) // 1], 0)[None]) for face in cell.faces]
    cells = (*faces, (cell_type, np.arange(cell.n_nodes)[None]))
    tags = np.append(np.arange(len(faces)) + 10, 1)
    built = build_mesh(Grid(np.concatenate([corners, middles]), cells, cell_arrays={"gmsh:physical": tags}), "a")
    mesh = built.mesh
    assert [block.cell_type for block in mesh.blocks] == [cell_type]
    assert {name: list(rows) for name, rows in mesh.element_sets.items()} == {"gmsh:physical-1": [0]}
    for k, face in enumerate(cell.faces):
        np.testing.assert_array_equal(mesh.side_sets[f"gmsh:physical-{k + 10}"], [[0, k]])
        np.testing.assert_array_equal(mesh.node_sets[f"gmsh:physical-{k + 10}"], np.sort(face))


def test_side_sets_keep_file_order_and_turned_faces_match():
    points, cells = boxes(3)
    tops = cells[::-1][:, [4, 5, 6, 7]]
    grid = Grid(
        points,
        (("hexahedron", cells), ("quad", np.roll(tops, 1, axis=1)), ("line", cells[:1, :2]), ("vertex", cells[:1, :1])),
        cell_arrays={"medit:ref": np.array([1, 1, 2, 5, 5, 6, 7, 8]), "e": np.arange(8.0)},
    )
    built = build_mesh(grid, "a.mesh")
    assert built.mesh.n_elements == 3
    np.testing.assert_array_equal(built.mesh.side_sets["medit:ref-5"], [[2, 1], [1, 1]])
    np.testing.assert_array_equal(built.mesh.side_sets["medit:ref-6"], [[0, 1]])
    np.testing.assert_array_equal(built.mesh.node_sets["medit:ref-7"], np.sort(cells[0, :2]))
    np.testing.assert_array_equal(built.mesh.node_sets["medit:ref-8"], cells[0, :1])
    np.testing.assert_array_equal(built.mesh.element_sets["medit:ref-1"], [0, 1])
    np.testing.assert_array_equal(built.cell_rows, [0, 1, 2])


def test_shells_away_from_solids_stay_elements_without_formulation():
    points, cells = boxes(1)
    grid = Grid(np.vstack([points, points + 5.0]), (("quad", cells[:, :4] + 8), ("hexahedron", cells)))
    mesh = build_mesh(grid, "a.vtu").mesh
    assert [(b.cell_type, b.formulation) for b in mesh.blocks] == [("quad", ""), ("hexahedron", "hex8")]


def test_meshio_sets_become_sets():
    points, cells = boxes(2)
    mesh = meshio.Mesh(
        points,
        [("hexahedron", cells), ("quad", cells[:, :4])],
        point_sets={"ROOT": [0, 1, 2, 3]},
        cell_sets={"LEFT": [[0], []], "BOTTOM": [[], [0, 1]]},
    )
    built = build_mesh(from_meshio(mesh), "a").mesh
    np.testing.assert_array_equal(built.node_sets["ROOT"], [0, 1, 2, 3])
    np.testing.assert_array_equal(built.element_sets["LEFT"], [0])
    np.testing.assert_array_equal(built.side_sets["BOTTOM"], [[0, 0], [1, 0]])


def test_cells_of_one_type_form_one_block(tmp_path):
    points, cells = boxes(3)
    apart = np.vstack([points, TETRA + 9.0])
    parts = [("hexahedron", cells[:1]), ("tetra", np.arange(16, 20)[None]), ("hexahedron", cells[1:])]
    values = [np.array([0.0]), np.array([1.0]), np.array([2.0, 3.0])]
    results = READER.read(write_vtu(tmp_path / "a.vtu", apart, parts, cell_data={"e": values}))
    assert [b.cell_type for b in results.mesh.blocks] == ["hexahedron", "tetra"]
    np.testing.assert_array_equal(results.mesh.element_ids, [1, 3, 4, 2])
    np.testing.assert_array_equal(results.read("e", 0)[:, 0], [0.0, 2.0, 3.0, 1.0])


def test_inverted_wedges_are_turned():
    flipped = Grid(WEDGE, (("wedge", np.array([[0, 2, 1, 3, 5, 4]])),))
    np.testing.assert_array_equal(build_mesh(flipped, "a").mesh.blocks[0].connectivity, [[0, 1, 2, 3, 4, 5]])


def test_duplicate_ids_and_empty_meshes_are_said():
    points, cells = boxes(1)
    with pytest.raises(ReaderError, match="node_ids holds the id 5 more than once"):
        build_mesh(Grid(points, (("hexahedron", cells),), {"node_ids": np.full(8, 5)}), "a.vtu")
    with pytest.raises(ReaderError, match="has no cells"):
        build_mesh(Grid(points, ()), "a.vtu")
    with pytest.raises(ReaderError, match="beyond its 8"):
        build_mesh(Grid(points, (("hexahedron", cells + 1),)), "a.vtu")


@pytest.mark.parametrize("binary", [True, False])
def test_what_vtk_writes_is_read(tmp_path, binary):
    pyvista = pytest.importorskip("pyvista", reason="VTK writes the files")
    mesh = mixed_mesh(LINEAR)
    cells = [np.insert(b.connectivity, 0, b.connectivity.shape[1], axis=1).ravel() for b in mesh.blocks]
    kinds = np.repeat([10, 12, 13], 2)
    grid = pyvista.UnstructuredGrid(np.concatenate(cells), kinds, mesh.points)
    grid.point_data["T"] = np.arange(float(mesh.n_nodes))
    grid.cell_data["material"] = np.array([1, 1, 2, 2, 2, 3])
    for suffix in (".vtu", ".vtk"):
        grid.save(tmp_path / f"a{suffix}", binary=binary)
        results = READER.read(tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(results.mesh.points, mesh.points)
        for block, other in zip(results.mesh.blocks, mesh.blocks, strict=True):
            np.testing.assert_array_equal(block.connectivity, other.connectivity)
        np.testing.assert_array_equal(results.read("T", 0)[:, 0], np.arange(mesh.n_nodes))
        assert {name: list(rows) for name, rows in results.mesh.element_sets.items()} == {
            "material-1": [0, 1],
            "material-2": [2, 3, 4],
            "material-3": [5],
        }


def test_all_pieces_of_a_vtu_are_read(tmp_path):
    pytest.importorskip("pyvista", reason="meshio reads the last piece only, VTK all of them")
    points, cells = boxes(1)
    text = "".join(
        f'<Piece NumberOfPoints="8" NumberOfCells="1"><Points><DataArray type="Float64" NumberOfComponents="3" '
        f'format="ascii">{" ".join(map(str, (points + shift).ravel()))}</DataArray></Points><Cells>'
        f'<DataArray type="Int64" Name="connectivity" format="ascii">{" ".join(map(str, cells.ravel()))}</DataArray>'
        '<DataArray type="Int64" Name="offsets" format="ascii">8</DataArray>'
        '<DataArray type="UInt8" Name="types" format="ascii">12</DataArray></Cells></Piece>'
        for shift in (0.0, 5.0)
    )
    (tmp_path / "a.vtu").write_text(
        f'<VTKFile type="UnstructuredGrid" version="0.1"><UnstructuredGrid>{text}</UnstructuredGrid></VTKFile>'
    )
    mesh = READER.read(tmp_path / "a.vtu").mesh
    np.testing.assert_array_equal(mesh.points[mesh.blocks[0].connectivity][:, 0, 0], [0.0, 5.0])


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".pvd"])
@pytest.mark.parametrize("content", [b"", b"not a mesh", b"<VTKFile type='UnstructuredGrid'><Unstr", b"\x00\xff" * 50])
def test_damaged_files_raise_in_words_and_print_nothing(tmp_path, suffix, content):
    file = tmp_path / f"bad{suffix}"
    file.write_bytes(content)
    out, err = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(),
        pytest.raises(ReaderError, match="bad"),
    ):
        READER.read(file)
    assert out.getvalue() + err.getvalue() == ""


@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
def test_truncated_files_raise(tmp_path, suffix, fraction):
    points, cells = boxes(30)
    write = meshio.vtu.write if suffix == ".vtu" else meshio.vtk.write
    file = tmp_path / f"cut{suffix}"
    write(
        str(file), meshio.Mesh(points, [("hexahedron", cells)], point_data={"T": points[:, 0]}), binary=suffix == ".vtu"
    )
    content = file.read_bytes()
    file.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(ReaderError, match="cut"):
        read_grid(file)


def test_pvd_faults_are_said(tmp_path):
    entry = '<DataSet timestep="1" file="a.vtu"/>'
    cases = {
        "": "lists no DataSet",
        entry * 2: "several files for one time",
        '<DataSet timestep="1"/>': "not a readable",
    }
    for text, words in cases.items():
        (tmp_path / "a.pvd").write_text(f'<VTKFile type="Collection"><Collection>{text}</Collection></VTKFile>')
        with pytest.raises(ReaderError, match=words):
            READER.read(tmp_path / "a.pvd")


def test_vtk_is_no_deck(tmp_path):
    with pytest.raises(ReaderError, match="not an input deck"):
        READER.read_deck(tmp_path / "a.vtu")


@pytest.mark.parametrize("suffix", ["vtu", "xdmf"])
def test_zeros_and_ones_mark_sets(tmp_path, suffix):
    points, cells = boxes(3)
    quads = cells[:, [4, 5, 6, 7]]
    at_root = (points[:, 0] == 0.0).astype(np.int32)
    tagged = [np.array([1, 0, 0]), np.array([0, 0, 0])]
    top = [np.array([0, 0, 0]), np.array([0, 1, 1])]
    mesh = meshio.Mesh(
        points,
        [("hexahedron", cells), ("quad", quads)],
        point_data={"ROOT": at_root, "T": points[:, 0]},
        cell_data={"foot": tagged, "TOP": top},
    )
    mesh.write(tmp_path / f"m.{suffix}")
    results = (READER if suffix == "vtu" else XDMF).read(tmp_path / f"m.{suffix}")
    assert set(results.fields) == {"T"}
    np.testing.assert_array_equal(np.sort(results.mesh.node_sets["ROOT"]), np.flatnonzero(at_root))
    np.testing.assert_array_equal(results.mesh.element_sets["foot"], [0])
    np.testing.assert_array_equal(results.mesh.side_sets["TOP"][:, 0], [1, 2])


def test_sets_of_meshio_in_a_vtu(tmp_path):
    points, cells = boxes(3)
    root = np.flatnonzero(points[:, 0] == 0.0)
    cell_sets = {"foot": [np.array([0])], "tip": [np.array([2])]}
    mesh = meshio.Mesh(points, [("hexahedron", cells)], point_sets={"ROOT": root}, cell_sets=cell_sets)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        mesh.write(tmp_path / "m.vtu")
    found = READER.read(tmp_path / "m.vtu").mesh
    np.testing.assert_array_equal(found.node_sets["ROOT"], root)
    assert {name: list(rows) for name, rows in found.element_sets.items()} == {"foot": [0], "tip": [2]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 0, 0], {}), ([3, 1, 2], {}), ([-1, -1, 0], {"a-b": [2]}), ([-1, 0, 1], {"a": [1], "b": [2]})],
)
def test_marks(values, expected):
    found = marked_rows("a-b", np.array(values))
    assert {name: list(rows) for name, rows in found.items()} == expected
    assert marked_rows("a-b", np.array(values, dtype=float)) == {}


@pytest.mark.parametrize("size", [0, 300, -20])
def test_a_vtu_cut_short_is_one_sentence(tmp_path, size, capfd):
    points, cells = boxes(2)
    file = write_vtu(tmp_path / "m.vtu", points, [("hexahedron", cells)])
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(ReaderError, match=r"m\.vtu cannot be read as \.vtu \(not well-formed XML: .*line"):
        READER.read(file)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("cell_type", ["tetra", "tetra10"])
def test_left_handed_tetrahedra_are_turned(cell_type):
    points = with_middles(cell_type, TETRA)
    left = [0, 2, 1, 3, 6, 5, 4, 7, 9, 8][: len(points)]
    built = build_mesh(Grid(points, ((cell_type, np.array([np.arange(len(points)), left])),)), "a")
    check_mesh(built.mesh)
    np.testing.assert_array_equal(built.mesh.blocks[0].connectivity[0], np.arange(len(points)))
    assert f"left-handed cells of type {cell_type} are turned" in built.warnings
    kept = build_mesh(Grid(points, ((cell_type, np.array([left])),), own_order=True), "a").mesh
    np.testing.assert_array_equal(kept.blocks[0].connectivity, [left])
