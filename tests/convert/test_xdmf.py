"""XDMF: meshes and series of meshio, FEniCS and romtool; references, mixed cells, faults."""

import h5py
import meshio
import numpy as np
import pytest

from romtool.convert.xdmf import READER
from romtool.errors import ReaderError
from romtool.io.fields import element_means, write_series
from tests.sample_grids import LINEAR, QUADRATIC, mixed_mesh, random_fields
from tests.shared_data import shared

TIMES = np.array([0.0, 0.25, 2.0])
TETRA_GRID = """
  <Topology TopologyType="Tetrahedron" NumberOfElements="1"><DataItem DataType="Int" Dimensions="1 4">0 1 2 3</DataItem></Topology>
  <Geometry GeometryType="XYZ"><DataItem Dimensions="4 3" Precision="8">0 0 0 1 0 0 0 1 0 0 0 1</DataItem></Geometry>
"""  # noqa: E501


def attribute(name, values, kind="Scalar", center="Node", dimensions="4"):
    return (
        f'<Attribute Name="{name}" AttributeType="{kind}" Center="{center}">'
        f'<DataItem Dimensions="{dimensions}" Precision="8">{values}</DataItem></Attribute>'
    )


def document(tmp_path, domain):
    file = tmp_path / "a.xdmf"
    file.write_text(f'<Xdmf Version="3.0" xmlns:xi="http://www.w3.org/2001/XInclude"><Domain>{domain}</Domain></Xdmf>')
    return file


def series(*grids, name="f"):
    body = "".join(f'<Grid Name="{name}" GridType="Uniform">{grid}</Grid>' for grid in grids)
    return f'<Grid Name="{name}" GridType="Collection" CollectionType="Temporal">{body}</Grid>'


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC, QUADRATIC[1:2], LINEAR[2:]])
def test_round_trip_of_a_series(tmp_path, kinds):
    mesh = mixed_mesh(kinds)
    fields, read = random_fields(mesh, 3)
    write_series(tmp_path / "f.xdmf", mesh, TIMES, fields, read)
    results = READER.read(tmp_path / "f.xdmf")
    np.testing.assert_array_equal(results.times, TIMES)
    np.testing.assert_array_equal(results.mesh.points, mesh.points)
    np.testing.assert_array_equal(results.mesh.node_ids, mesh.node_ids)
    np.testing.assert_array_equal(results.mesh.element_ids, mesh.element_ids)
    for block, other in zip(results.mesh.blocks, mesh.blocks, strict=True):
        assert (block.cell_type, block.formulation) == (other.cell_type, other.formulation)
        np.testing.assert_array_equal(block.connectivity, other.connectivity)
    for i in range(3):
        for name in ("u", "T", "energy"):
            np.testing.assert_array_equal(results.read(name, i), read(name, i))
        np.testing.assert_array_equal(results.read("stress", i), element_means(read("stress", i), mesh))
    assert results.fields["stress"].components == ("xx", "yy", "zz", "xy", "yz", "zx")


def test_series_of_meshio(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # meshio's writer puts the .h5 into the current folder
    mesh = mixed_mesh(LINEAR[:1])
    with meshio.xdmf.TimeSeriesWriter("f.xdmf") as writer:
        writer.write_points_cells(mesh.points, [("tetra", mesh.blocks[0].connectivity)])
        for i, time in enumerate(TIMES):
            writer.write_data(time, point_data={"U": (i + 1) * mesh.points}, cell_data={"e": [np.array([i, 2.0 * i])]})
    results = READER.read(tmp_path / "f.xdmf")
    np.testing.assert_array_equal(results.times, TIMES)
    np.testing.assert_array_equal(results.read("u", 1), 2 * mesh.points)
    np.testing.assert_array_equal(results.read("e", 2)[:, 0], [2.0, 4.0])


def test_static_mesh_of_meshio(tmp_path):
    mesh = mixed_mesh(LINEAR[1:2])
    meshio.xdmf.write(
        str(tmp_path / "m.xdmf"),
        meshio.Mesh(
            mesh.points,
            [("hexahedron", mesh.blocks[0].connectivity)],
            cell_data={"material": [np.array([4, 9])]},
        ),
    )
    results = READER.read(tmp_path / "m.xdmf")
    assert set(results.mesh.element_sets) == {"material-4", "material-9"}
    assert results.fields == {}


def test_series_of_fenics():
    results = READER.read(shared("solver-files", "xdmf", "no_checkpoint.xdmf"))
    np.testing.assert_array_equal(results.times, np.arange(5.0))
    assert (results.mesh.n_nodes, results.mesh.n_elements) == (729, 3072)
    assert results.mesh.blocks[0].formulation == "tet4"
    with h5py.File(shared("solver-files", "xdmf", "no_checkpoint.h5")) as file:
        for i in range(5):
            np.testing.assert_array_equal(results.read("f_5", i), file[f"VisualisationVector/{i}"])


def test_series_of_meshio_from_elsewhere():
    results = READER.read(shared("solver-files", "xdmf", "out.xdmf"))
    np.testing.assert_array_equal(results.times, [0.0, 0.25, 0.5, 0.75, 1.0])
    assert results.mesh.blocks[0].formulation == ""
    with h5py.File(shared("solver-files", "xdmf", "out.h5")) as file:
        for i in range(5):
            u = results.read("u", i)
            np.testing.assert_array_equal(u[:, :2], file[f"data{3 + 3 * i}"])
            assert not u[:, 2].any()


def test_functions_in_several_collections_are_joined_by_time(tmp_path):
    pointer = "/Xdmf/Domain/Grid[@GridType='Uniform'][1]/*[self::Topology or self::Geometry]"
    include = f'<xi:include xpointer="xpointer({pointer})"/>'
    steps = {
        name: series(
            *(f'{include}<Time Value="{t}"/>{attribute(name, " ".join([str(t)] * 4))}' for t in (1.5, 0.5)), name=name
        )
        for name in ("a", "temperature")
    }
    mesh = f'<Grid Name="mesh" GridType="Uniform">{TETRA_GRID}</Grid>'
    results = READER.read(document(tmp_path, mesh + steps["a"] + steps["temperature"]))
    np.testing.assert_array_equal(results.times, [0.5, 1.5])
    np.testing.assert_array_equal(results.read("T", 0)[:, 0], [0.5] * 4)
    np.testing.assert_array_equal(results.read("a", 1)[:, 0], [1.5] * 4)


def test_list_of_times_and_references_are_followed(tmp_path):
    first = TETRA_GRID + attribute("T", "1 2 3 4")
    second = (
        '<Topology Reference="XML">/Xdmf/Domain/Grid/Grid[1]/Topology</Topology>'
        '<Geometry Reference="XML">/Xdmf/Domain/Grid/Grid[1]/Geometry</Geometry>' + attribute("T", "5 6 7 8")
    )
    times = '<Time TimeType="List"><DataItem Dimensions="2" Precision="8">0.5 3</DataItem></Time>'
    body = series(first, second).replace('"Temporal">', f'"Temporal">{times}')
    results = READER.read(document(tmp_path, body))
    np.testing.assert_array_equal(results.times, [0.5, 3.0])
    np.testing.assert_array_equal(results.read("T", 1)[:, 0], [5.0, 6.0, 7.0, 8.0])


def test_tensor6_comes_in_our_order(tmp_path):
    tensor = attribute("s", "11 12 13 22 23 33", "Tensor6", "Cell", "1 6")
    results = READER.read(document(tmp_path, f'<Grid GridType="Uniform">{TETRA_GRID}{tensor}</Grid>'))
    np.testing.assert_array_equal(results.read("s", 0), [[11, 22, 33, 12, 23, 13]])


def test_binary_items_are_read(tmp_path):
    np.arange(4.0).astype(">f4").tofile(tmp_path / "t.bin")
    item = '<DataItem Format="Binary" Endian="Big" Precision="4" Dimensions="4">t.bin</DataItem>'
    grid = f'<Grid GridType="Uniform">{TETRA_GRID}<Attribute Name="T" Center="Node">{item}</Attribute></Grid>'
    results = READER.read(document(tmp_path, grid))
    np.testing.assert_array_equal(results.read("T", 0)[:, 0], np.arange(4.0))
    assert results.fields["T"].precision == 6e-8


def test_mixed_cells_interleaved(tmp_path):
    # tetra, polyline of 2, tetra, tetra, vertex
    data = "6 0 1 2 3  2 2 4 5  6 1 2 3 4  6 2 3 4 5  1 1 5"
    points = " ".join(f"{t} {t**2} {t**3}" for t in range(6))  # on this curve ascending nodes are right-handed
    body = (
        '<Topology TopologyType="Mixed" NumberOfElements="5">'
        f'<DataItem DataType="Int" Dimensions="{len(data.split())}">{data}</DataItem></Topology>'
        f'<Geometry GeometryType="XYZ"><DataItem Dimensions="6 3" Precision="8">{points}</DataItem></Geometry>'
    )
    mesh = READER.read(document(tmp_path, f'<Grid GridType="Uniform">{body}</Grid>')).mesh
    np.testing.assert_array_equal(mesh.blocks[0].connectivity, [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]])
    np.testing.assert_array_equal(mesh.element_ids, [1, 3, 4])


FAULTS = {
    "<Grid><Topology></Grid>": r"a\.xdmf:1: not well-formed",
    "": "no grid with a Topology",
    '<Grid GridType="Uniform"><Topology TopologyType="3DCoRectMesh" Dimensions="2 2 2"/><Geometry/></Grid>': "not an",
    f'<Grid GridType="Uniform">{TETRA_GRID.replace("0 1 2 3<", "0 1 2<")}</Grid>': "has 3 values",
    f'<Grid GridType="Uniform">{TETRA_GRID.replace("0 1 2 3<", "0 1 2 x<")}</Grid>': "not a number",
    f'<Grid GridType="Uniform">{TETRA_GRID.replace("0 1 2 3<", "0 1 2 4<")}</Grid>': "beyond its 4",
    f'<Grid GridType="Uniform">{TETRA_GRID.replace("XYZ", "ORIGIN_DXDYDZ")}</Grid>': "geometry ORIGIN_DXDYDZ",
    f'<Grid GridType="Uniform">{TETRA_GRID}</Grid>' * 2: "holds 2 meshes",
    '<Grid GridType="Collection" CollectionType="Spatial"/>': "spatial collection",
    series(TETRA_GRID + attribute("T", "1 2 3 4").replace("Precision", 'ItemType="HyperSlab" Precision')): "HyperSlab",
    series(
        TETRA_GRID + attribute("T", "no.h5:/d").replace("Precision", 'Format="HDF" Precision')
    ): "no.h5 cannot be read",
    f'<Grid GridType="Uniform">{TETRA_GRID.replace("Tetrahedron", "Mixed")}</Grid>': "cell type number 0",
}


@pytest.mark.parametrize("domain", FAULTS)
def test_faults_are_said(tmp_path, domain):
    with pytest.raises(ReaderError, match=FAULTS[domain]):
        READER.read(document(tmp_path, domain))


def test_missing_datasets_and_other_xml_are_said(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["x"] = np.ones(3)
    item = attribute("T", "d.h5:/y").replace("Precision", 'Format="HDF" Precision')
    with pytest.raises(ReaderError, match=r"d\.h5 has no dataset /y"):
        READER.read(document(tmp_path, series(TETRA_GRID + item)))
    (tmp_path / "b.xdmf").write_text("<VTKFile/>")
    with pytest.raises(ReaderError, match="<VTKFile>, not <Xdmf>"):
        READER.read(tmp_path / "b.xdmf")
    with pytest.raises(ReaderError, match="not an input deck"):
        READER.read_deck(tmp_path / "b.xdmf")


def test_later_times_must_fit_the_mesh(tmp_path):
    short = '<Time Value="1"/>' + attribute("T", "1 2 3", dimensions="3")
    steps = series('<Time Value="0"/>' + TETRA_GRID + attribute("T", "1 2 3 4"), short)
    with pytest.raises(ReaderError, match="T at time 1 has 3 rows, the mesh needs 4"):
        READER.read(document(tmp_path, steps)).read("T", 1)
