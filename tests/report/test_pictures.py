"""Pictures show the mesh and its field; grids hold the cells right way up."""

import ctypes.util
import sys

import numpy as np
import pytest

from romtool.errors import InputError, MissingPartError
from romtool.report import pictures
from romtool.report.pictures import load_pyvista, render, unstructured_grid
from romtool.types import CellBlock, Mesh
from tests.sample_grids import LINEAR, QUADRATIC, mixed_mesh


@pytest.fixture(scope="module", autouse=True)
def _can_draw():
    pytest.importorskip("pyvista", reason="pictures need pyvista (romtool[pictures])")
    try:
        load_pyvista()
    except MissingPartError as error:
        pytest.skip(str(error))


def pixels(path):
    from matplotlib.image import imread

    return imread(path)[:, :, :3]


@pytest.mark.parametrize("kinds", [LINEAR, QUADRATIC])
def test_cells_have_their_volume(kinds):
    mesh = mixed_mesh(kinds)
    grid = unstructured_grid(mesh)
    np.testing.assert_allclose(grid.compute_cell_sizes()["Volume"], np.repeat([1 / 6, 1.0, 0.5], 2), rtol=1e-12)
    np.testing.assert_array_equal(grid.points, mesh.points)
    assert (grid.n_cells, grid.n_points) == (mesh.n_elements, mesh.n_nodes)


@pytest.mark.parametrize("view", ["iso", "back"])
def test_field_is_drawn_in_the_size_asked_for(tmp_path, view):
    mesh = mixed_mesh(QUADRATIC)
    path = tmp_path / "T.png"
    render(mesh, mesh.points[:, 0], title="T", unit="degC", view=view, size=(450, 350), path=path)
    image = pixels(path)
    assert image.shape == (350, 450, 3)
    np.testing.assert_array_equal(image[1, [1, -2]], 1.0)
    inside = image[48:, :330].reshape(-1, 3)
    coloured = inside[np.ptp(inside, axis=1) > 0.15]
    assert len(coloured) > 0.02 * len(inside)
    assert len(np.unique(np.round(coloured, 1), axis=0)) > 10


def test_uniform_and_missing_values_are_drawn(tmp_path):
    mesh = mixed_mesh(LINEAR)
    values = np.full(mesh.n_elements, 3.0)
    render(mesh, values, title="p", unit="", size=(300, 250), path=tmp_path / "a.png")
    render(mesh, values * np.nan, title="p", unit="", size=(300, 250), path=tmp_path / "b.png")
    render(mesh, None, title="mesh", unit="", size=(300, 250), path=tmp_path / "c.png")
    shown = [pixels(tmp_path / f"{name}.png") for name in "abc"]
    assert all(image.shape == (250, 300, 3) and image.std() > 0.01 for image in shown)
    grey = shown[1][60:, :150].reshape(-1, 3)
    assert np.ptp(grey[grey.max(axis=1) < 0.9], axis=1).max(initial=0.0) < 0.6


def test_displacement_changes_the_shape_with_its_scale(tmp_path):
    mesh = mixed_mesh(LINEAR[1:2])
    u = np.zeros_like(mesh.points)
    u[:, 0] = mesh.points[:, 2]
    images = []
    for name, scale in (("a", 0.0), ("b", 1.0), ("c", 0.0)):
        render(mesh, None, title="m", unit="", displacement=u, scale=scale, size=(300, 250), path=tmp_path / name)
        images.append(pixels(tmp_path / name))
    np.testing.assert_array_equal(images[0], images[2])
    assert np.abs(images[0] - images[1]).max() > 0.2


def test_edges_are_those_of_the_surface():
    points, cells = np.mgrid[0:3, 0:2, 0:2].reshape(3, -1).T.astype(float), np.array([0, 4, 6, 2, 1, 5, 7, 3])
    block = CellBlock("hexahedron", "hex8", np.array([1, 2]), np.array([cells, cells + 4]))
    mesh = Mesh(points, np.arange(12) + 1, (block,))
    assert pictures._edges(mesh, points).shape == (20, 2, 3)
    assert len(pictures._edges(mixed_mesh(QUADRATIC[1:2]), np.zeros((40, 3)))) == 2 * 24


def test_values_must_fit(tmp_path):
    mesh = mixed_mesh(LINEAR)
    with pytest.raises(InputError, match=r"3 values; one per node \(36\) or element \(6\)"):
        render(mesh, np.ones(3), title="T", unit="", path=tmp_path / "a.png")
    with pytest.raises(InputError, match="displacement of shape"):
        render(mesh, None, title="T", unit="", displacement=np.ones((2, 3)), scale=1.0, path=tmp_path / "a.png")
    odd = Mesh(mesh.points, mesh.node_ids, (CellBlock("polygon", "", np.array([1]), np.array([[0, 1, 2]])),))
    with pytest.raises(InputError, match="cells of type polygon cannot be drawn"):
        render(odd, None, title="T", unit="", path=tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_missing_parts_are_said(tmp_path, monkeypatch):
    mesh = mixed_mesh(LINEAR)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyvista", None)
        with pytest.raises(MissingPartError, match=r"pyvista cannot be imported .*romtool\[pictures\]"):
            render(mesh, None, title="T", unit="", path=tmp_path / "a.png")
    with monkeypatch.context() as patch:
        patch.delenv("DISPLAY", raising=False)
        patch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
        patch.setattr(sys, "platform", "linux")
        patch.setattr(ctypes.util, "find_library", lambda name: None)
        with pytest.raises(MissingPartError, match=r"neither EGL nor OSMesa.*libosmesa6"):
            render(mesh, None, title="T", unit="", path=tmp_path / "a.png")
    with monkeypatch.context() as patch:
        import pyvista

        patch.setattr(pyvista.Plotter, "screenshot", lambda *_, **__: np.zeros((9, 9, 3), np.uint8))
        with pytest.raises(MissingPartError, match="empty picture"):
            render(mesh, None, title="T", unit="", path=tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
