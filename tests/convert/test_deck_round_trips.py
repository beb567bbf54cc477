"""Meshes that meshio and ansys-mapdl-reader write as Abaqus and Ansys decks come back node for node.

Geometry, node order (Jacobians, mid-side nodes), volume, and a quadratic field at the integration points.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import meshio
import numpy as np
import pytest

from romtool.convert.registry import read_results
from romtool.fem.checks import check_mesh
from romtool.fem.operators import build_operators, strain
from romtool.types import Mesh
from tests.fem.meshes import cube

SOLIDS = ("tet4", "tet10", "wedge6", "wedge15", "hex8", "hex20")


def bent(points: np.ndarray) -> np.ndarray:
    return np.column_stack([points[:, 0] + 0.1 * points[:, 1], 2.0 * points[:, 1], points[:, 2] + 0.2 * points[:, 0]])


def as_meshio(mesh: Mesh) -> meshio.Mesh:
    (block,) = mesh.blocks
    return meshio.Mesh(mesh.points, [(block.cell_type, block.connectivity)])


def write_abaqus(mesh: Mesh, folder: Path) -> Path:
    path = folder / "mesh.inp"
    meshio.abaqus.write(path, as_meshio(mesh), float_fmt=".12e")
    path.write_text("*PREPRINT, ECHO=NO\n" + path.read_text())
    return path


def write_ansys(mesh: Mesh, folder: Path) -> Path:
    package = pytest.importorskip("ansys.mapdl.reader", reason="ansys-mapdl-reader writes archives")
    pyvista = pytest.importorskip("pyvista")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grid = pyvista.from_meshio(as_meshio(mesh))
        package.save_as_archive(str(folder / "mesh.cdb"), grid)
    return folder / "mesh.cdb"


WRITERS: dict[str, tuple[Callable[[Mesh, Path], Path], float]] = {
    "abaqus": (write_abaqus, 1e-12),
    "ansys": (write_ansys, 1e-11),
}
"""Writer and the digits of its coordinates."""


@pytest.mark.parametrize("solid", SOLIDS)
@pytest.mark.parametrize("solver", WRITERS)
def test_each_solid_comes_back(solver: str, solid: str, tmp_path: Path) -> None:
    write, digits = WRITERS[solver]
    if solver == "abaqus" and solid == "wedge15":
        pytest.skip("meshio writes no C3D15; see test_round_trip_of_each_solid")
    if solver == "ansys" and solid.startswith("wedge"):
        pytest.skip("pyvista's wedges have the other hand; see test_shapes_of_the_quadratic_brick")
    mesh = cube(solid, 2, bent)
    found = read_results(write(mesh, tmp_path)).mesh
    np.testing.assert_allclose(found.points, mesh.points, rtol=0, atol=digits)
    (theirs,) = mesh.blocks
    (ours,) = found.blocks
    assert ours.cell_type == theirs.cell_type
    np.testing.assert_array_equal(ours.connectivity, theirs.connectivity)
    check_mesh(found)
    operators = build_operators(replace(found, blocks=(replace(ours, formulation=solid),)))
    assert operators.weights.sum() == pytest.approx(2.0, rel=1e-8)
    field = np.column_stack([found.points[:, 0] ** 2, found.points[:, 1] * found.points[:, 2], found.points[:, 0]])
    reference = build_operators(mesh)
    np.testing.assert_allclose(strain(operators, field), strain(reference, field), rtol=0, atol=1e-7)
