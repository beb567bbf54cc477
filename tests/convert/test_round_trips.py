"""Every solid cell through every format that can be written here: geometry exact, node order right.

What would show a wrong order of nodes: the volume, and a quadratic field (on linear cells a linear one) that is
interpolated from the nodes to the integration points.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import meshio
import numpy as np
import pytest

from romtool.cells import CELLS
from romtool.convert.registry import read_results
from romtool.convert.vtk import teach_meshio
from romtool.fem.checks import check_mesh
from romtool.fem.elements import ELEMENTS
from romtool.io.fields import write_series
from romtool.types import CellBlock, FieldInfo, Floats, Mesh
from tests import solver_files
from tests.mesh_files import add_med_field, file_order, write_exodus, write_med
from tests.sample_grids import HEXA, TETRA, WEDGE, with_middles

AFFINE = np.array([[1.25, 0.25, -0.125], [0.25, 0.875, 0.25], [-0.25, 0.125, 1.125]])
"""Of the sample; with it all coordinates are whole numbers of sixteenths, which text holds exactly."""

CORNERS = {"tetra": TETRA, "wedge": WEDGE, "hexahedron": HEXA}
VOLUMES = {"tetra": 1 / 6, "wedge": 1 / 2, "hexahedron": 1.0}
TIMES = [0.0, 0.5, 2.0]


def sample(cell_type: str) -> Mesh:
    """Return three sheared cells apart from each other; nodes and elements in no particular order, ids with gaps."""
    corners = with_middles(cell_type, CORNERS[cell_type.rstrip("0123456789")])
    apart = np.concatenate([corners + np.array([3.0, 0.5, 0.0]) * k for k in range(3)])
    place = np.random.default_rng(len(corners)).permutation(len(apart))
    points = np.empty_like(apart)
    points[place] = apart @ AFFINE.T
    block = CellBlock(cell_type, FORMULATIONS[cell_type], np.array([7, 3, 12]), place.reshape(3, -1), cell_type)
    return Mesh(
        points,
        3 * np.arange(len(points)) + 2,
        (block,),
        node_sets={"FIX": np.sort(block.connectivity[0, :3])},
        element_sets={"TWO": np.array([0, 2])},
        side_sets={"END": np.array([[0, k] for k in range(len(CELLS[cell_type].faces))] + [[2, 1]])},
    )


FORMULATIONS = {
    "tetra": "tet4",
    "tetra10": "tet10",
    "hexahedron": "hex8",
    "hexahedron20": "hex20",
    "wedge": "wedge6",
    "wedge15": "wedge15",
}


def linear(points: Floats) -> Floats:
    return 2.0 + points @ [0.7, -1.1, 0.4]


def quadratic(points: Floats) -> Floats:
    return linear(points) + np.einsum(
        "ni,ij,nj->n", points, [[1.0, 0.5, 0.0], [0.0, -2.0, 0.3], [0.7, 0.0, 0.9]], points
    )


def values(mesh: Mesh) -> tuple[Floats, Floats]:
    """Return displacement and temperature of the last time: linear, and quadratic on quadratic cells."""
    cell = CELLS[mesh.blocks[0].cell_type]
    field = linear if cell.n_nodes == cell.n_corners else quadratic
    return mesh.points @ AFFINE, field(mesh.points)


def write_own(path: Path, mesh: Mesh) -> Path:
    u, field = values(mesh)
    fields = {"u": FieldInfo("node", ("x", "y", "z")), "T": FieldInfo("node", ("",))}
    times = TIMES[-1:] if path.suffix == ".vtu" else TIMES
    write_series(path, mesh, times, fields, lambda name, i: (u if name == "u" else field[:, None]) * times[i] / 2.0)
    return path


def write_meshio(path: Path, mesh: Mesh) -> Path:
    teach_meshio()
    u, field = values(mesh)
    block = mesh.blocks[0]
    data = meshio.Mesh(
        mesh.points,
        [(block.cell_type, block.connectivity)],
        point_data={"u": u, "T": field, "node_ids": mesh.node_ids},
        cell_data={"element_ids": [block.element_ids]},
    )
    with contextlib.redirect_stdout(io.StringIO()):
        {".vtu": meshio.vtu.write, ".vtk": meshio.vtk.write, ".xdmf": meshio.xdmf.write}[path.suffix](str(path), data)
    return path


def write_exodus_history(path: Path, mesh: Mesh) -> Path:
    u, field = values(mesh)
    scale = np.array(TIMES)[:, None] / 2.0
    nodal = {f"disp_{axis}": scale * u[:, k] for k, axis in enumerate("xyz")} | {"temp": scale * field}
    kind = "NETCDF4" if path.suffix == ".exo" else "NETCDF3_64BIT_OFFSET"
    return write_exodus(path, mesh, TIMES, nodal, kind=kind)


def write_med_history(path: Path, mesh: Mesh) -> Path:
    u, field = values(mesh)
    write_med(path, mesh)
    add_med_field(path, "resu____DEPL", ["DX", "DY", "DZ"], TIMES, {"NOE": [u[:, None] * t / 2.0 for t in TIMES]})
    temperatures = {"NOE": [field[:, None, None] * t / 2.0 for t in TIMES]}
    add_med_field(path, "resu____TEMP", ["TEMP"], TIMES, temperatures)
    return path


GMSH_TYPES = {"tetra": 4, "hexahedron": 5, "wedge": 6, "tetra10": 11, "hexahedron20": 17, "wedge15": 18}
GMSH_EDGES = {
    "tetra10": ((0, 1), (1, 2), (2, 0), (3, 0), (3, 2), (3, 1)),
    "hexahedron20": (
        *((0, 1), (0, 3), (0, 4), (1, 2), (1, 5), (2, 3)),
        *((2, 6), (3, 7), (4, 5), (4, 7), (5, 6), (6, 7)),
    ),
    "wedge15": ((0, 1), (0, 2), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (3, 5), (4, 5)),
}


def write_gmsh(path: Path, mesh: Mesh) -> Path:
    """Have gmsh write the file."""
    gmsh = pytest.importorskip("gmsh", reason="gmsh writes the file", exc_type=ImportError)
    block = mesh.blocks[0]
    order = file_order(block.cell_type, range(CELLS[block.cell_type].n_corners), GMSH_EDGES.get(block.cell_type, ()))
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.model.addDiscreteEntity(3, 1)
        gmsh.model.mesh.addNodes(3, 1, mesh.node_ids.tolist(), mesh.points.ravel().tolist())
        nodes = mesh.node_ids[block.connectivity[:, order]]
        kind = GMSH_TYPES[block.cell_type]
        gmsh.model.mesh.addElementsByType(1, kind, block.element_ids.tolist(), nodes.ravel().tolist())
        gmsh.option.setNumber("Mesh.SaveAll", 1)
        gmsh.write(str(path))
    finally:
        gmsh.finalize()
    return path


def history(mesh: Mesh) -> tuple[list[float], Floats, Floats]:
    """Return times, displacements and temperatures."""
    u, field = values(mesh)
    scale = np.array(TIMES) / 2.0
    return TIMES, scale[:, None, None] * u, scale[:, None] * field


def write_frd(flag: int) -> Callable[[Path, Mesh], Path]:
    """Return a writer of CalculiX' results."""
    return lambda path, mesh: solver_files.write_frd(path, mesh, *history(mesh), flag)


def write_fil(path: Path, mesh: Mesh) -> Path:
    return solver_files.write_fil(path, mesh, *history(mesh))


def write_abaqus(path: Path, mesh: Mesh) -> Path:
    return solver_files.write_deck(path, mesh, "*PREPRINT, ECHO=NO")


def write_bulk(path: Path, mesh: Mesh) -> Path:
    pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")
    return solver_files.write_bulk(path, mesh)


WRITERS: dict[str, tuple[str, Callable[[Path, Mesh], Path]]] = {
    "exodus": ("a.e", write_exodus_history),
    "exodus of HDF5": ("a.exo", write_exodus_history),
    "med": ("a.rmed", write_med_history),
    "med of gmsh": ("a.med", write_gmsh),
    "vtu": ("a.vtu", write_own),
    "vtu of meshio": ("m.vtu", write_meshio),
    "vtk of meshio": ("m.vtk", write_meshio),
    "pvd": ("a.pvd", write_own),
    "xdmf": ("a.xdmf", write_own),
    "xdmf of meshio": ("m.xdmf", write_meshio),
    "calculix deck": ("a.inp", solver_files.write_deck),
    "calculix text": ("a.frd", write_frd(1)),
    "calculix float32": ("a.frd", write_frd(2)),
    "calculix float64": ("a.frd", write_frd(3)),
    "abaqus deck": ("a.inp", write_abaqus),
    "abaqus results": ("a.fil", write_fil),
    "ansys archive": ("a.cdb", solver_files.write_archive),
    "nastran deck": ("a.bdf", write_bulk),
    "zset mesh": ("a.geof", solver_files.write_geof),
    "zset binary mesh": ("a.geo", solver_files.write_geo),
}
DIGITS = {"calculix text": 6e-6, "calculix float32": 6e-8, "abaqus results": 1e-15}
"""Relative precision of the fields of formats that round numbers."""


def check_geometry(found: Mesh, mesh: Mesh) -> None:
    """Compare node by node and element by element, by their ids."""
    check_mesh(found)
    np.testing.assert_array_equal(found.node_ids, mesh.node_ids)
    np.testing.assert_array_equal(found.points, mesh.points)
    (block,), (other,) = found.blocks, mesh.blocks
    assert block.cell_type == other.cell_type
    order = [block.element_ids.tolist().index(number) for number in other.element_ids]
    np.testing.assert_array_equal(block.connectivity[order], other.connectivity)


def check_points(found: Mesh, at_nodes: Floats, formulation: str, digits: float = 1e-12) -> None:
    """Compare volume and the field at the integration points with what they are."""
    element = ELEMENTS[formulation]
    nodes = found.points[found.blocks[0].connectivity]
    gradients = np.einsum("cni,pnj->cpij", nodes, element.shape_gradients(element.points))
    linear_type = found.blocks[0].cell_type.rstrip("0123456789")
    volume = (np.linalg.det(gradients) * element.weights).sum()
    assert volume == pytest.approx(3 * VOLUMES[linear_type] * np.linalg.det(AFFINE), rel=1e-13)
    shapes = element.shape_functions(element.points)
    positions = np.einsum("pn,cni->cpi", shapes, nodes).reshape(-1, 3)
    cell = CELLS[found.blocks[0].cell_type]
    exact = linear(positions) if cell.n_nodes == cell.n_corners else quadratic(positions)
    at_points = np.einsum("pn,cn->cp", shapes, at_nodes[found.blocks[0].connectivity]).ravel()
    np.testing.assert_allclose(at_points, exact, rtol=0, atol=digits * np.abs(exact).max())


@pytest.mark.parametrize("cell_type", FORMULATIONS)
@pytest.mark.parametrize("form", WRITERS)
def test_cells_and_fields_come_back(tmp_path, form, cell_type):
    mesh = sample(cell_type)
    name, write = WRITERS[form]
    results = read_results(write(tmp_path / name, mesh))
    check_geometry(results.mesh, mesh)
    u, field = values(mesh)
    digits = DIGITS.get(form, 0.0)
    if len(results.times):
        last = len(results.times) - 1
        np.testing.assert_allclose(results.read("u", last), u, rtol=digits, atol=0)
        np.testing.assert_allclose(results.read("T", last)[:, 0], field, rtol=digits, atol=0)
        field = results.read("T", last)[:, 0]
    check_points(results.mesh, field, FORMULATIONS[cell_type], max(1e-12, 3 * digits))


@pytest.mark.parametrize("cell_type", FORMULATIONS)
@pytest.mark.parametrize("form", ["calculix text", "calculix float32", "calculix float64", "abaqus results"])
def test_times_come_back_with_the_rest_at_the_start(tmp_path, form, cell_type):
    mesh = sample(cell_type)
    name, write = WRITERS[form]
    results = read_results(write(tmp_path / name, mesh))
    np.testing.assert_array_equal(results.times, TIMES)
    _, u, temperature = history(mesh)
    for i in range(len(TIMES)):
        np.testing.assert_allclose(results.read("u", i), u[i], rtol=DIGITS.get(form, 0.0), atol=0)
        if i:
            np.testing.assert_allclose(results.read("T", i)[:, 0], temperature[i], rtol=DIGITS.get(form, 0.0), atol=0)


@pytest.mark.parametrize("cell_type", FORMULATIONS)
@pytest.mark.parametrize("form", ["exodus", "exodus of HDF5", "med"])
def test_sets_and_times_come_back(tmp_path, form, cell_type):
    mesh = sample(cell_type)
    name, write = WRITERS[form]
    results = read_results(write(tmp_path / name, mesh))
    np.testing.assert_array_equal(results.times, TIMES)
    u, _ = values(mesh)
    for i, time in enumerate(TIMES):
        np.testing.assert_array_equal(results.read("u", i), u * time / 2.0)
    np.testing.assert_array_equal(results.mesh.node_sets["FIX"], mesh.node_sets["FIX"])
    if form == "med":
        np.testing.assert_array_equal(results.mesh.element_sets["TWO"], [0, 2])
    else:
        np.testing.assert_array_equal(results.mesh.element_sets["part 1"], [0, 1, 2])
        np.testing.assert_array_equal(results.mesh.side_sets["END"], mesh.side_sets["END"])


@pytest.mark.parametrize("cell_type", FORMULATIONS)
def test_a_wrong_order_would_be_seen(cell_type):
    mesh = sample(cell_type)
    order = [1, 0, *range(2, CELLS[cell_type].n_nodes)]
    turned = replace(mesh.blocks[0], connectivity=mesh.blocks[0].connectivity[:, order])
    _, field = values(mesh)
    with pytest.raises(AssertionError):
        check_points(replace(mesh, blocks=(turned,)), field, FORMULATIONS[cell_type])
