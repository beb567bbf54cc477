"""Pictures of fields on the surface of a mesh, off-screen through pyvista."""

import ctypes.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from romtool.cells import CELLS, Cell
from romtool.errors import InputError, MissingPartError
from romtool.types import Bools, CellBlock, Floats, Ints, Mesh

View = Literal["iso", "back"]

VTK_NUMBERS = MappingProxyType(
    {
        "vertex": 1,
        "line": 3,
        "triangle": 5,
        "quad": 9,
        "tetra": 10,
        "hexahedron": 12,
        "wedge": 13,
        "pyramid": 14,
        "line3": 21,
        "triangle6": 22,
        "quad8": 23,
        "tetra10": 24,
        "hexahedron20": 25,
        "wedge15": 26,
        "pyramid13": 27,
    }
)
"""VTK's number of a cell type by meshio's name."""

_REMEDY = (
    "pictures need pyvista and an off-screen OpenGL: pip install 'romtool[pictures]', "
    "and on a machine without a display the system packages libegl1 libegl-mesa0 or libosmesa6"
)
_DIRECTIONS = {"iso": (1.0, -1.4, 0.9), "back": (-1.0, 1.4, 0.9)}
_N_BANDS = 12
_COLOURS = "viridis"
_MAX_EDGES = 60_000
"""Beyond so many surface edges they would hide the colours and are left out."""


@dataclass(frozen=True)
class Marks:
    """Places that are marked inside the mesh, which is drawn translucent then: (n, 3) float [length], and a colour."""

    points: Floats
    colour: str


@dataclass(frozen=True)
class _Frame:
    """The file, its size in pixels, and the part of it that VTK draws."""

    path: Path
    size: tuple[int, int]
    has_bar: bool

    @property
    def window(self) -> tuple[int, int]:
        """Return the pixels left of the colour bar and below the title."""
        return max(64, self.size[0] - (170 if self.has_bar else 16)), max(64, self.size[1] - 48)


def render(
    mesh: Mesh,
    values: Floats | None,
    *,
    title: str,
    unit: str,
    displacement: Floats | None = None,
    scale: float = 0.0,
    view: View = "iso",
    size: tuple[int, int] = (900, 700),
    marks: Sequence[Marks] = (),
    path: Path,
) -> None:
    """Draw a scalar field on the surface of the deformed mesh and write it as PNG.

    Parameters
    ----------
    mesh: the mesh.
    values: (n_nodes,) or (n_elements,) float, NaN in grey; None: the mesh alone.
    title: name of the field, above the colour bar.
    unit: its unit, behind the title; may be "".
    displacement: (n_nodes, 3) float [length], or None for the undeformed mesh.
    scale: factor on the displacement.
    view: "iso" from the front, "back" from the opposite side.
    size: width and height in pixels.
    marks: places inside the mesh.
    path: the .png file.

    Raises
    ------
    MissingPartError: pyvista is not installed, or VTK cannot draw on this machine.
    InputError: values or displacement that do not fit the mesh.
    """
    pyvista = load_pyvista()
    grid = unstructured_grid(_deformed(mesh, displacement, scale))
    name = _set_values(grid, mesh, values)
    surface = grid.extract_surface(nonlinear_subdivision=1, algorithm="dataset_surface")
    frame = _Frame(Path(path), size, values is not None)
    try:
        plotter = pyvista.Plotter(off_screen=True, window_size=list(frame.window), lighting="light kit")
    except Exception as error:
        raise MissingPartError(f"VTK cannot open an off-screen window ({error}); {_REMEDY}") from error
    try:
        edges = _edges(mesh, np.asarray(grid.points)) if not marks else np.zeros((0, 2, 3))
        _draw(pyvista, plotter, surface, edges, name, 0.25 if marks else 1.0)
        _mark(plotter, marks)
        _look(plotter, np.asarray(surface.points), view)
        image = _shot(plotter)
    finally:
        plotter.close()
    limits = None if name is None else _limits(surface[name])
    _compose(image, limits, f"{title} [{unit}]" if unit else title, frame)


def load_pyvista() -> Any:
    """Import pyvista ready for off-screen pictures.

    Without a display VTK is told to draw through EGL, or OSMesa where that is all there is
    (`VTK_DEFAULT_OPENGL_WINDOW`, unless it is set already).

    Raises
    ------
    MissingPartError: pyvista is not installed, or there is no off-screen OpenGL.
    """
    headless = sys.platform.startswith("linux") and not os.environ.get("DISPLAY")
    if headless and "VTK_DEFAULT_OPENGL_WINDOW" not in os.environ:
        windows = {"EGL": "vtkEGLRenderWindow", "OSMesa": "vtkOSOpenGLRenderWindow"}
        library = next((name for name in windows if ctypes.util.find_library(name)), None)
        if library is None:
            raise MissingPartError(f"no display and neither EGL nor OSMesa: {_REMEDY}")
        os.environ["VTK_DEFAULT_OPENGL_WINDOW"] = windows[library]
    try:
        import pyvista
    except ImportError as error:
        raise MissingPartError(f"pyvista cannot be imported ({error}); {_REMEDY}") from error
    return pyvista


def unstructured_grid(mesh: Mesh) -> Any:
    """Build the `pyvista.UnstructuredGrid` of a mesh, cells in element order.

    Parameters
    ----------
    mesh: the mesh; linear and quadratic solids, shells and bars.

    Returns
    -------
    The grid; its points and cells are the nodes and elements of the mesh.

    Raises
    ------
    InputError: a cell type that VTK does not know by this name.
    MissingPartError: pyvista is not installed.
    """
    unknown = sorted({b.cell_type for b in mesh.blocks} - set(VTK_NUMBERS))
    if unknown:
        raise InputError(f"cells of type {', '.join(unknown)} cannot be drawn")
    pyvista = load_pyvista()
    cells = np.concatenate([_counted(block).reshape(-1) for block in mesh.blocks])
    kinds = [np.full(len(b.connectivity), VTK_NUMBERS[b.cell_type], dtype=np.uint8) for b in mesh.blocks]
    return pyvista.UnstructuredGrid(cells, np.concatenate(kinds), np.array(mesh.points))


def _counted(block: CellBlock) -> Ints:
    """Return rows `n_nodes nodes…`."""
    nodes = block.connectivity
    return np.hstack([np.full((len(nodes), 1), nodes.shape[1], dtype=np.int64), nodes])


def _deformed(mesh: Mesh, displacement: Floats | None, scale: float) -> Mesh:
    """Return the mesh moved by `scale` times the displacement."""
    if displacement is None or scale == 0.0:
        return mesh
    if displacement.shape != mesh.points.shape:
        raise InputError(f"displacement of shape {displacement.shape}; {mesh.points.shape} is expected")
    return Mesh(mesh.points + scale * displacement, mesh.node_ids, mesh.blocks)


def _set_values(grid: Any, mesh: Mesh, values: Floats | None) -> str | None:
    """Put the values on the nodes or elements of the grid; return the array's name."""
    if values is None:
        return None
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(flat) == mesh.n_nodes:
        grid.point_data["value"] = flat
    elif len(flat) == mesh.n_elements:
        grid.cell_data["value"] = flat
    else:
        raise InputError(
            f"{len(flat)} values; one per node ({mesh.n_nodes}) or element ({mesh.n_elements}) is expected"
        )
    return "value"


def _edges(mesh: Mesh, points: Floats) -> Floats:
    """Return the element edges of the surface as (n, 2, 3) segments; none where there are too many."""
    faces = [
        (corners, middle)
        for block in mesh.blocks
        if block.cell_type in CELLS
        for corners, middle in _face_edges(block.connectivity, CELLS[block.cell_type])
    ]
    if not faces:
        return np.zeros((0, 2, 3))
    keys = np.concatenate([np.sort(corners, axis=1)[:, :3] for corners, _ in faces])
    outer = np.split(_single(keys), np.cumsum([len(corners) for corners, _ in faces])[:-1])
    pieces = [_segments(c[mask], m[mask]) for (c, m), mask in zip(faces, outer, strict=True)]
    segments = np.unique(np.sort(np.concatenate(pieces), axis=1), axis=0)
    return points[segments] if len(segments) <= _MAX_EDGES else np.zeros((0, 2, 3))


def _face_edges(connectivity: Ints, cell: Cell) -> list[tuple[Ints, Ints]]:
    """Return, for each local face, the nodes of its corners and its mid-side nodes (none if linear)."""
    linear = cell.n_nodes == cell.n_corners
    found = []
    for face in cell.faces:
        n_corners = len(face) if linear else len(face) // 2
        found.append((connectivity[:, face[:n_corners]], connectivity[:, face[n_corners:]]))
    return found


def _single(keys: Ints) -> Bools:
    """Return which of the (n, 3) rows, the lowest corners of faces, are there once: those of the surface."""
    order = np.lexsort(keys.T)
    same = np.all(np.diff(keys[order], axis=0) == 0, axis=1)
    found = np.ones(len(keys), dtype=np.bool_)
    found[order[1:][same]] = found[order[:-1][same]] = False
    return found


def _segments(corners: Ints, middle: Ints) -> Ints:
    """Return the (n, 2) straight pieces of the edges of faces, halves where there are mid-side nodes."""
    following = np.roll(corners, -1, axis=1)
    if middle.shape[1] == 0:
        return np.vstack([np.stack([corners, following], axis=-1).reshape(-1, 2)])
    halves = (np.stack([corners, middle], axis=-1), np.stack([middle, following], axis=-1))
    return np.vstack([half.reshape(-1, 2) for half in halves])


def _draw(pyvista: Any, plotter: Any, surface: Any, edges: Floats, name: str | None, opacity: float) -> None:
    """Add the surface, coloured in bands, and the element edges a little in front of it."""
    plotter.set_background("white")
    shading = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.0, "smooth_shading": False}
    if name is None:
        plotter.add_mesh(surface, color="#b9c6d3", opacity=opacity, **shading)
    else:
        bands = {"cmap": _COLOURS, "n_colors": _N_BANDS, "clim": _limits(surface[name]), "nan_color": "#c8c8c8"}
        plotter.add_mesh(surface, scalars=name, show_scalar_bar=False, **bands, **shading)
    if len(edges):
        lines = pyvista.line_segments_from_points(edges.reshape(-1, 3))
        actor = plotter.add_mesh(lines, color="white", line_width=1.2, opacity=0.5, lighting=False)
        actor.mapper.SetResolveCoincidentTopologyToPolygonOffset()
        actor.mapper.SetRelativeCoincidentTopologyLineOffsetParameters(-2.0, -8.0)


def _mark(plotter: Any, marks: Sequence[Marks]) -> None:
    """Add places as round dots."""
    for entry in marks:
        if len(entry.points):
            dots = {"point_size": 13.0, "render_points_as_spheres": True, "lighting": False}
            plotter.add_points(np.array(entry.points), color=entry.colour, **dots)


def _limits(values: Floats) -> tuple[float, float]:
    """Return the range of the colours, never empty: wider than a uniform field by a twentieth, or by one about zero."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high - low > max(abs(low), 1e-30) * 1e-6:
        return low, high
    margin = 0.05 * abs(low) or 1.0
    return low - margin, low + margin


def _look(plotter: Any, points: Floats, view: View) -> None:
    """Look at the points from a view, in parallel projection, as near as the window allows."""
    towards = np.array(_DIRECTIONS[view]) / np.linalg.norm(_DIRECTIONS[view])
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(towards, right), towards])
    seen = points @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    half, size = 0.5 * (high - low), float(np.linalg.norm(high - low)) or 1.0
    focus = 0.5 * (low + high) @ axes
    width, height = plotter.window_size
    plotter.enable_parallel_projection()
    plotter.camera_position = [focus + 2.0 * size * towards, focus, axes[1]]
    plotter.camera.parallel_scale = 1.06 * max(half[1], half[0] * height / width, 1e-3 * size)
    plotter.reset_camera_clipping_range()


def _shot(plotter: Any) -> NDArray[np.uint8]:
    """Return the (height, width, 3) pixels; a picture without content is an error."""
    plotter.add_axes(color="#444444", line_width=3, viewport=(0.0, 0.0, 0.18, 0.22))
    plotter.enable_anti_aliasing("ssaa")
    try:
        image = plotter.screenshot(return_img=True)
    except Exception as error:
        raise MissingPartError(f"VTK cannot draw here ({error}); {_REMEDY}") from error
    if image is None or image.size == 0 or image.min() == image.max():
        raise MissingPartError(f"VTK drew an empty picture; {_REMEDY}")
    return np.asarray(image, dtype=np.uint8)


def _compose(image: NDArray[np.uint8], limits: tuple[float, float] | None, label: str, frame: _Frame) -> None:
    """Put title and colour bar around the pixels and write the PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm
    from matplotlib.figure import Figure

    width, height = frame.size
    figure = Figure(figsize=(width / 100.0, height / 100.0), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    figure.figimage(image, 0, 0)
    figure.text(16 / width, 1.0 - 12 / height, label, fontsize=17, va="top", color="#222222")
    if limits is not None:
        bounds = np.linspace(*limits, _N_BANDS + 1)
        bar = figure.add_axes((1.0 - 150 / width, 0.14, 24 / width, 0.72))
        colours = ScalarMappable(BoundaryNorm(bounds, 256), _COLOURS)
        figure.colorbar(colours, cax=bar, ticks=bounds[::2], format="%.3g")
        bar.tick_params(labelsize=15, length=0, colors="#222222")
        bar.minorticks_off()
        bar.set_frame_on(False)
    figure.savefig(frame.path, format="png")
