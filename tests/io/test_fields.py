"""Fields written are the fields that meshio and VTK read back."""

import itertools
from pathlib import Path

import h5py
import meshio
import numpy as np
import pytest

from romtool.components import mises
from romtool.errors import CaseError, InputError
from romtool.fem.elements import ELEMENTS
from romtool.io.fields import POINTS_PER_CELL, element_means, write_series
from romtool.types import CellBlock, FieldInfo, Mesh
from tests.sample_grids import LINEAR, N_POINTS, QUADRATIC, TETRA, mixed_mesh, random_fields, with_middles

TIMES = np.array([0.0, 0.25, 2.0])
VOLUMES = np.repeat([1 / 6, 1.0, 1 / 2], 2)


def test_point_counts_are_those_of_the_elements():
    counts = {name: element.n_points for name, element in ELEMENTS.items()}
    assert {**counts, "": 0} == POINTS_PER_CELL


def test_mises_of_uniaxial_shear_and_hydrostatic_stress():
    stress = np.array([[-3.0, 0, 0, 0, 0, 0], [0, 0, 0, 2.0, 0, 0], [5.0, 5, 5, 0, 0, 0]])
    np.testing.assert_allclose(mises(stress), [3.0, 2.0 * np.sqrt(3.0), 0.0], atol=1e-15)


def test_means_are_over_the_points_of_each_element():
    mesh = mixed_mesh(QUADRATIC)
    counts = np.repeat([N_POINTS[b.formulation] for b in mesh.blocks], 2)
    values = np.concatenate([np.arange(n) + 100.0 * e for e, n in enumerate(counts)])[:, None]
    expected = 100.0 * np.arange(6) + (counts - 1) / 2
    np.testing.assert_allclose(element_means(values, mesh)[:, 0], expected, rtol=1e-15)


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC])
def test_vtk_reads_the_xdmf_of_mixed_cells(tmp_path, kinds):
    pyvista = pytest.importorskip("pyvista", reason="VTK reads the file back")
    mesh = mixed_mesh(kinds)
    fields, read = random_fields(mesh, 3)
    write_series(tmp_path / "f.xdmf", mesh, TIMES, fields, read)
    reader = pyvista.get_reader(tmp_path / "f.xdmf")
    assert reader.time_values == TIMES.tolist()
    for i, time in enumerate(TIMES):
        reader.set_active_time_value(time)
        grid = reader.read()
        np.testing.assert_array_equal(grid.points, mesh.points)
        np.testing.assert_array_equal(grid.point_data["u"], read("u", i))
        np.testing.assert_array_equal(grid.cell_data["energy"], read("energy", i)[:, 0])
        np.testing.assert_array_equal(grid.cell_data["stress"], element_means(read("stress", i), mesh))
    np.testing.assert_allclose(grid.compute_cell_sizes()["Volume"], VOLUMES, rtol=1e-12)
    np.testing.assert_array_equal(grid.cell_data["element_ids"], mesh.element_ids)
    np.testing.assert_array_equal(grid.point_data["node_ids"], mesh.node_ids)


def test_meshio_reads_the_xdmf_of_one_cell_type(tmp_path):
    mesh = mixed_mesh(QUADRATIC[1:2])
    fields, read = random_fields(mesh, 3)
    write_series(tmp_path / "f.xdmf", mesh, TIMES, fields, read)
    with meshio.xdmf.TimeSeriesReader(tmp_path / "f.xdmf") as reader:
        points, cells = reader.read_points_cells()
        steps = [reader.read_data(k) for k in range(reader.num_steps)]
    np.testing.assert_array_equal(points, mesh.points)
    np.testing.assert_array_equal(cells[0].data, mesh.blocks[0].connectivity)
    assert [step[0] for step in steps] == TIMES.tolist()
    for i, (_, nodal, element) in enumerate(steps):
        np.testing.assert_array_equal(nodal["u"], read("u", i))
        np.testing.assert_array_equal(element["p"][0], element_means(read("p", i), mesh)[:, 0])


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC[:2]])
def test_meshio_reads_vtu_and_every_file_of_a_pvd(tmp_path, kinds):
    mesh = mixed_mesh(kinds)
    fields, read = random_fields(mesh, 3)
    write_series(tmp_path / "f.pvd", mesh, TIMES, fields, read, all_points=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.pvd", *(f"f_{i:04d}.vtu" for i in range(3))]
    for i in range(3):
        grid = meshio.vtu.read(tmp_path / f"f_{i:04d}.vtu")
        for block, ours in zip(grid.cells, mesh.blocks, strict=True):
            turned = [0, 2, 1, 3, 5, 4] if block.type == "wedge" else slice(None)
            np.testing.assert_array_equal(block.data[:, turned], ours.connectivity)
        np.testing.assert_array_equal(grid.point_data["u"], read("u", i))
        stress, energy = np.concatenate(grid.cell_data["stress"]), np.concatenate(grid.cell_data["energy"])
        np.testing.assert_array_equal(stress, element_means(read("stress", i), mesh))
        np.testing.assert_array_equal(energy, read("energy", i)[:, 0])


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC])
def test_vtk_sees_positive_volumes_in_a_vtu(tmp_path, kinds):
    pyvista = pytest.importorskip("pyvista", reason="VTK reads the file back")
    mesh = mixed_mesh(kinds)
    fields, read = random_fields(mesh, 1)
    write_series(tmp_path / "f.vtu", mesh, TIMES[:1], fields, read)
    grid = pyvista.read(tmp_path / "f.vtu")
    np.testing.assert_allclose(grid.compute_cell_sizes()["Volume"], VOLUMES, rtol=1e-12)
    np.testing.assert_array_equal(grid.point_data["u"], read("u", 0))


def test_every_point_is_written_on_request(tmp_path):
    mesh = mixed_mesh(QUADRATIC[:2])
    fields, read = random_fields(mesh, 1)
    write_series(tmp_path / "f.vtu", mesh, TIMES[:1], fields, read, all_points=True)
    arrays = {k: np.concatenate(v) for k, v in meshio.vtu.read(tmp_path / "f.vtu").cell_data.items()}
    p = read("p", 0)[:, 0]
    np.testing.assert_array_equal(arrays["p_point2"], [p[2], p[6], p[8 + 2], p[8 + 27 + 2]])
    assert np.isnan(arrays["p_point5"][:2]).all()
    assert "p_point26" in arrays
    assert "p_point27" not in arrays
    np.testing.assert_allclose(
        arrays["stress_mises"], element_means(mises(read("stress", 0))[:, None], mesh)[:, 0], rtol=1e-15
    )


def test_cells_without_points_get_nan(tmp_path):
    points = np.concatenate([with_middles("tetra10", TETRA), TETRA[:3] + 5.0])
    blocks = (
        CellBlock("tetra10", "tet10", np.array([1]), np.arange(10)[None]),
        CellBlock("triangle", "", np.array([2]), np.arange(10, 13)[None]),
        CellBlock("line", "", np.array([3]), np.arange(10, 12)[None]),
    )
    mesh = Mesh(points, np.arange(13) + 1, blocks)
    write_series(tmp_path / "f.xdmf", mesh, TIMES[:1], {"p": FieldInfo("point", ("",))}, lambda *_: np.ones((4, 1)))
    pyvista = pytest.importorskip("pyvista", reason="VTK reads the file back")
    grid = pyvista.get_reader(tmp_path / "f.xdmf").read()
    np.testing.assert_array_equal(grid.cell_data["p"], [1.0, np.nan, np.nan])
    assert grid.celltypes.tolist() == [24, 5, 4]


@pytest.mark.parametrize("suffix", [".xdmf", ".pvd", ".vtu"])
def test_failure_leaves_the_old_files(tmp_path, suffix):
    mesh = mixed_mesh(QUADRATIC[:1])
    fields, read = random_fields(mesh, 2)
    path = tmp_path / f"f{suffix}"
    times = TIMES[:1] if suffix == ".vtu" else TIMES[:2]
    write_series(path, mesh, times, fields, read)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    calls = itertools.count()

    def interrupted(name, i):
        if next(calls) == len(fields) * len(times) - 1:
            raise KeyboardInterrupt
        return read(name, i)

    with pytest.raises(KeyboardInterrupt):
        write_series(path, mesh, times, fields, interrupted)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_refusals_are_in_words(tmp_path):
    mesh = mixed_mesh(QUADRATIC[:1])
    fields, read = random_fields(mesh, 3)
    with pytest.raises(CaseError, match=r"as \.xdmf, \.pvd, \.vtu or \.frd, not as \.foo"):
        write_series(tmp_path / "f.foo", mesh, TIMES, fields, read)
    with pytest.raises(CaseError, match="holds one time, 3 are to be written"):
        write_series(tmp_path / "f.vtu", mesh, TIMES, fields, read)
    with pytest.raises(InputError, match="field p has 3 rows, the mesh has 8 points"):
        write_series(tmp_path / "f.xdmf", mesh, TIMES, fields, lambda n, i: read(n, i)[:3] if n == "p" else read(n, i))
    assert list(tmp_path.iterdir()) == []


def test_hdf5_files_of_others_are_not_replaced(tmp_path):
    mesh = mixed_mesh(QUADRATIC[:1])
    fields, read = random_fields(mesh, 3)
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file["modes"] = np.ones(3)
    with pytest.raises(CaseError, match=r"model\.h5, where the numbers would go, exists"):
        write_series(Path(tmp_path / "model.xdmf"), mesh, TIMES, fields, read)
    with h5py.File(tmp_path / "model.h5") as file:
        assert list(file) == ["modes"]
