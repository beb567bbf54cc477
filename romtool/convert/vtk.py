"""Reader of VTK files: VTU and legacy VTK (one file, or a numbered series), PVTU, PVD collections.

Arrays come through meshio; those of a VTU through VTK where meshio gives up and VTK is installed. VTK is not
asked for legacy files: of one cut short it silently returns whatever is in memory.
"""

import binascii
import contextlib
import io
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from romtool.convert.array_names import describe_fields, field_values
from romtool.convert.grid import Grid, build_mesh
from romtool.convert.pvtu import join_grids, piece_paths
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import FieldInfo, Floats, Ints, SolverResults

_VTK_CELLS = {
    1: "vertex",
    3: "line",
    5: "triangle",
    9: "quad",
    10: "tetra",
    12: "hexahedron",
    13: "wedge",
    14: "pyramid",
    21: "line3",
    22: "triangle6",
    23: "quad8",
    24: "tetra10",
    25: "hexahedron20",
    26: "wedge15",
    27: "pyramid13",
}
_LEGACY_NUMBERS = {
    "char": "int8",
    "unsigned_char": "uint8",
    "short": "int16",
    "unsigned_short": "uint16",
    "int": "int32",
    "unsigned_int": "uint32",
    "long": "int64",
    "unsigned_long": "uint64",
    "vtkidtype": "int32",
}
_NUMBERED = re.compile(r"^(?P<name>.*[_.\-])(?P<number>\d+)$")
_CELL_COUNTS = re.compile(rb'NumberOfCells="\s*(\d+)\s*"|^CELL_TYPES\s+(\d+)', re.MULTILINE)


@dataclass(frozen=True)
class VtkReader:
    """Reads .vtu, .vtk, .pvd and .pvtu."""

    name: str = "vtk"
    description: str = "VTK: VTU and legacy VTK, single or numbered series, PVTU, PVD collections"
    extensions: tuple[str, ...] = (".vtu", ".vtk", ".pvd", ".pvtu")
    deck_extensions: tuple[str, ...] = ()
    requires: tuple[str, ...] = ("meshio",)

    def read(self, path: Path) -> SolverResults:
        """Open a file or series; the lowest number of `name_0001.vtu`, … stands for the whole series.

        Parameters
        ----------
        path: .vtu, .vtk, .pvd or .pvtu file.

        Returns
        -------
        Mesh and fields; one file is read at a time. Times are those of the PVD, else `TimeValue` of the
        files, else their numbers.

        Raises
        ------
        ReaderError: a file that cannot be read, with its name.
        """
        return open_series(Path(path))[0]

    def read_deck(self, path: Path) -> Deck:
        """Refuse: VTK files are results. Raises ReaderError."""
        raise ReaderError(f"{path} is a VTK file, not an input deck; give it as results or as mesh")


READER = VtkReader()


def open_series(path: Path, alone: bool = False) -> tuple[SolverResults, bool]:
    """Open a VTK file or series and tell whether its nodes are numbered.

    Parameters
    ----------
    path: .vtu, .vtk, .pvd or .pvtu file.
    alone: read a numbered file by itself, not as the first of its series.

    Returns
    -------
    The results, and whether the file holds node ids. Raises ReaderError.
    """
    times: Floats | None = None
    if path.suffix.lower() == ".pvd":
        files, times = _collection(path)
    else:
        files = [path] if alone else _numbered_files(path)
    load = lru_cache(maxsize=1)(read_grid)
    first = load(files[0])
    built = build_mesh(first, files[0])
    nodes = describe_fields(first.node_arrays, "node")
    cells = describe_fields(first.cell_arrays, "element")
    fields = {name: info for name, (_, info) in (cells | nodes).items()}
    said: tuple[str, ...] = built.warnings
    if times is None:
        times, note = _times(files, first, bool(fields), load)
        said += note
    read = _FieldReader(tuple(files), load, fields, built.node_rows, built.cell_rows, len(first.points))
    paths = (path, *files) if path.suffix.lower() == ".pvd" else tuple(files)
    return SolverResults("vtk", paths, built.mesh, times, fields, read, said), built.numbered


@dataclass(frozen=True)
class _FieldReader:
    """`read(name, i)` of a series: one file per time."""

    files: tuple[Path, ...]
    load: Callable[[Path], Grid]
    fields: dict[str, FieldInfo]
    node_rows: Ints
    cell_rows: Ints
    n_points: int

    def __call__(self, name: str, index: int) -> Floats:
        info, path = self.fields[name], self.files[index]
        grid = self.load(path)
        if len(grid.points) != self.n_points:
            raise ReaderError(
                f"{path} has {len(grid.points)} nodes, {self.files[0].name} has {self.n_points}; "
                "the files of a series must share one mesh"
            )
        nodal = info.location == "node"
        arrays = grid.node_arrays if nodal else grid.cell_arrays
        if info.source not in arrays:
            raise ReaderError(f"{path} has no array {info.source}, which {self.files[0].name} has")
        return field_values(arrays[info.source], self.node_rows if nodal else self.cell_rows, info)


def _numbered_files(path: Path) -> list[Path]:
    """Return the series that starts with `path` (the lowest number stands for all), else `path` alone."""
    match = _NUMBERED.match(path.stem)
    if match is None:
        return [path]
    series = {}
    for other in path.parent.glob(f"*{path.suffix}"):
        found = _NUMBERED.match(other.stem)
        if found and found["name"] == match["name"]:
            series[int(found["number"])] = other
    files = [series[number] for number in sorted(series)]
    return files if files and files[0] == path else [path]


def _times(
    files: list[Path], first: Grid, has_fields: bool, load: Callable[[Path], Grid]
) -> tuple[Floats, tuple[str, ...]]:
    """Return the times of files without a collection, and what to say about them."""
    if len(files) == 1:
        known = first.time is not None or has_fields
        return np.array([first.time or 0.0] if known else []), ()
    if first.time is not None:
        stored = [load(file).time for file in files]
        if None not in stored and all(a < b for a, b in pairwise(stored)):  # type: ignore[operator]
            return np.array(stored, dtype=np.float64), ()
    numbers = [float(file.stem.removeprefix(_NUMBERED.match(file.stem)["name"])) for file in files]  # type: ignore[index]
    return np.array(numbers), ("the files hold no increasing times: their numbers are taken as times",)


def _collection(path: Path) -> tuple[list[Path], Floats]:
    """Return files and times of a PVD collection."""
    try:
        entries = list(ElementTree.parse(path).getroot().iter("DataSet"))
        steps = sorted((float(e.get("timestep", "0")), path.parent / e.attrib["file"]) for e in entries)
    except (OSError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise ReaderError(f"{path} is not a readable PVD collection: {error!r}") from error
    if not steps:
        raise ReaderError(f"{path} lists no DataSet; a PVD collection with one file per time was expected")
    times = np.array([time for time, _ in steps])
    if np.any(np.diff(times) <= 0.0):
        raise ReaderError(
            f"{path} lists several files for one time (parts); merge the parts into one file per time first"
        )
    return [file for _, file in steps], times


_DAMAGE = (binascii.Error, zlib.error, MemoryError, OverflowError)
"""What meshio raises for data that are spoilt, with which VTK would do no better (or work for minutes)."""


def read_grid(path: Path) -> Grid:
    """Read one .vtu or legacy .vtk file, or all pieces of a .pvtu.

    Returns
    -------
    Points, cells and arrays as they are in the file.

    Raises
    ------
    ReaderError: the file is missing, truncated, or holds what neither meshio nor VTK reads.
    """
    if not path.is_file():
        raise ReaderError(f"{path} does not exist")
    if path.suffix.lower() == ".pvtu":
        return join_grids(path, [read_grid(piece) for piece in piece_paths(path)])
    try:
        grid = _with_meshio(path)
    except (Exception, SystemExit) as error:
        grid = _with_vtk(path, error)
    expected = _count_cells(path)
    found = sum(len(nodes) for _, nodes in grid.cells)
    if expected is not None and found != expected:
        grid = _with_vtk(path, ValueError(f"meshio reads {found} of its {expected} cells"))
    return grid


def _with_meshio(path: Path) -> Grid:
    """Read a file through meshio, silently; text cut short is an error."""
    import meshio

    teach_meshio()
    read = meshio.vtu.read if path.suffix.lower() == ".vtu" else meshio.vtk.read
    with _silent():
        mesh = read(str(path))
    time = np.ravel(mesh.field_data.get("TimeValue", mesh.field_data.get("TIME", [])))
    grid = from_meshio(mesh)
    return replace(grid, time=float(time[0])) if len(time) else grid


def teach_meshio() -> None:
    """Complete meshio 5.3: dimensions of two cells, and number types of legacy VTK (it takes int as int64)."""
    from meshio._mesh import topological_dimension
    from meshio.vtk import _vtk_42, _vtk_51

    topological_dimension.update({"wedge15": 3, "pyramid13": 3})
    for module in (_vtk_42, _vtk_51):
        module.vtk_to_numpy_dtype_name.update(_LEGACY_NUMBERS)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what meshio prints to itself; NumPy's remark on text cut short becomes an error."""
    nowhere = io.StringIO()
    with (
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="string or file could not be read", category=DeprecationWarning)
        yield


@contextlib.contextmanager
def _without_log() -> Iterator[None]:
    """Keep VTK's own log of errors from the standard error stream."""
    from vtkmodules.vtkCommonCore import vtkLogger

    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_INFO)


def from_meshio(mesh: Any) -> Grid:
    """Return the grid of a `meshio.Mesh`: cell data of all blocks joined, sets as rows."""
    starts = np.cumsum([0] + [len(block.data) for block in mesh.cells])
    cell_sets = {
        name: np.concatenate(
            [np.asarray(rows, dtype=np.int64) + start for rows, start in zip(parts, starts, strict=False)
             if rows is not None]
        )
        for name, parts in mesh.cell_sets.items()
    }  # fmt: skip
    return Grid(
        points=mesh.points,
        cells=tuple((block.type, block.data) for block in mesh.cells),
        node_arrays=dict(mesh.point_data),
        cell_arrays={name: np.concatenate(parts) for name, parts in mesh.cell_data.items()},
        node_sets={name: np.asarray(rows, dtype=np.int64) for name, rows in mesh.point_sets.items()},
        cell_sets=cell_sets,
    )


def _count_cells(path: Path) -> int | None:
    """Return the number of cells that the headers of a file announce; None where they say nothing."""
    counts = [int(xml or legacy) for xml, legacy in _CELL_COUNTS.findall(path.read_bytes())]
    return sum(counts) if counts else None


def _with_vtk(path: Path, cause: BaseException) -> Grid:
    """Read a VTU through VTK after meshio failed for `cause`. Raises ReaderError with that cause."""
    reason = _parse_error(path) or str(cause) or "the format is not understood"
    words = f"{path} cannot be read as {path.suffix} ({reason}); is it complete?"
    if path.suffix.lower() != ".vtu":
        raise ReaderError(words) from cause
    try:
        import pyvista
    except ImportError:
        raise ReaderError(f"{words} VTK may read it: pip install 'romtool[pictures]'") from cause
    if _parse_error(path) or isinstance(cause, _DAMAGE):
        raise ReaderError(words) from cause
    try:
        with _silent(), _without_log(), pyvista.VtkErrorCatcher() as caught:
            data = pyvista.read(path)
    except Exception:
        raise ReaderError(words) from cause
    if caught.error_events or not isinstance(data, pyvista.UnstructuredGrid) or not data.n_cells:
        raise ReaderError(words) from cause
    time = data.field_data.get("TimeValue", [])
    return Grid(
        points=np.array(data.points),
        cells=tuple(_cell_runs(data)),
        node_arrays={name: np.array(data.point_data[name]) for name in data.point_data},
        cell_arrays={name: np.array(data.cell_data[name]) for name in data.cell_data},
        time=float(time[0]) if len(time) else None,
    )


def _parse_error(path: Path) -> str:
    """Return what is wrong with the XML of a VTU; nothing where it is sound, or goes on as raw binary data."""
    try:
        data = path.read_bytes()
        if path.suffix.lower() == ".vtu" and b'encoding="raw"' not in data:
            ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        return f"not well-formed XML: {error}"
    return ""


def _cell_runs(data: Any) -> Iterator[tuple[str, Ints]]:
    """Yield the cells of an unstructured grid in file order, one entry per run of one type."""
    kinds = np.asarray(data.celltypes)
    offsets = np.asarray(data.cell_offsets if hasattr(data, "cell_offsets") else data.offset)
    sizes = np.diff(offsets)
    breaks = np.flatnonzero((np.diff(kinds) != 0) | (np.diff(sizes) != 0)) + 1
    for start, end in pairwise([0, *breaks.tolist(), len(kinds)]):
        kind = _VTK_CELLS.get(int(kinds[start]), f"vtk{kinds[start]}")
        nodes = np.asarray(data.cell_connectivity)[offsets[start] : offsets[end]]
        yield kind, nodes.reshape(end - start, -1).astype(np.int64)
