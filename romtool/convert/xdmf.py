"""Reader of XDMF: a mesh, or temporal collections with HDF5, XML or binary data, one time at a time.

The XML is read here, since meshio 5.3 fails on mixed quadratic cells; cell names are meshio's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from romtool.convert.array_names import describe_fields, field_values
from romtool.convert.grid import Grid, build_mesh
from romtool.convert.xdmf_data import Document, read_topology
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import FieldInfo, Floats, Ints, SolverResults

Element = ElementTree.Element

_CENTERS = {"node": "node", "cell": "element", "": "node"}
_TENSOR6 = [0, 3, 5, 1, 4, 2]
"""XDMF's Tensor6 is xx xy xz yy yz zz; romtool's rows are xx yy zz xy yz zx."""


@dataclass(frozen=True)
class XdmfReader:
    """Reads .xdmf and .xmf."""

    name: str = "xdmf"
    description: str = "XDMF: mesh or temporal series (meshio, FEniCS, ParaView, romtool)"
    extensions: tuple[str, ...] = (".xdmf", ".xmf")
    deck_extensions: tuple[str, ...] = ()
    requires: tuple[str, ...] = ("meshio", "h5py")

    def read(self, path: Path) -> SolverResults:
        """Open a mesh or a temporal series; values are read when asked for.

        Parameters
        ----------
        path: .xdmf file; the files it refers to are looked for beside it.

        Returns
        -------
        Mesh, times and the fields that every time has.

        Raises
        ------
        ReaderError: damaged XML (with line), missing data files, grids that are not one unstructured mesh.
        """
        return open_series(Path(path))[0]

    def read_deck(self, path: Path) -> Deck:
        """Refuse: XDMF files are results. Raises ReaderError."""
        raise ReaderError(f"{path} is an XDMF file, not an input deck; give it as results or as mesh")


READER = XdmfReader()


def open_series(path: Path) -> tuple[SolverResults, bool]:
    """Open an XDMF file and tell whether its nodes are numbered.

    Returns
    -------
    The results, and whether the file holds node ids. Raises ReaderError.
    """
    document = Document.parse(path)
    steps, note = _steps(document)
    mesh_grid = _mesh_grid(document, steps)
    constant = steps[0].attributes if steps else _attributes(mesh_grid)
    marks = {**_attributes(mesh_grid), **constant}
    grid = _grid(document, mesh_grid, marks)
    built = build_mesh(grid, path)
    if not steps and constant:
        steps = [_Step(0.0, constant)]
    common = set.intersection(*(set(step.attributes) for step in steps)) if steps else set()
    nodes = describe_fields({k: v for k, v in grid.node_arrays.items() if k in common}, "node")
    cells = describe_fields({k: v for k, v in grid.cell_arrays.items() if k in common}, "element")
    fields = {name: info for name, (_, info) in (cells | nodes).items()}
    left = sorted(set().union(*(step.attributes for step in steps)) - common) if steps else []
    said = built.warnings + note
    if left:
        said += (f"fields that some times lack are left out: {', '.join(left)}",)
    read = _FieldReader(document, tuple(steps), fields, built.node_rows, built.cell_rows)
    times = np.array([step.time for step in steps], dtype=np.float64)
    return SolverResults("xdmf", (path,), built.mesh, times, fields, read, said), built.numbered


@dataclass(frozen=True)
class _Step:
    """One time and its attributes by name."""

    time: float
    attributes: dict[str, Element]


@dataclass(frozen=True)
class _FieldReader:
    """`read(name, i)` of a series."""

    document: Document
    steps: tuple[_Step, ...]
    fields: dict[str, FieldInfo]
    node_rows: Ints
    cell_rows: Ints

    def __call__(self, name: str, index: int) -> Floats:
        info = self.fields[name]
        values = _values(self.document, self.steps[index].attributes[info.source])
        rows = self.node_rows if info.location == "node" else self.cell_rows
        if len(rows) and len(values) <= rows.max():
            raise ReaderError(
                f"{self.document.path}: {info.source} at time {self.steps[index].time:g} has {len(values)} rows, "
                f"the mesh needs {int(rows.max()) + 1}; all times must share one mesh"
            )
        return field_values(values, rows, info)


def _steps(document: Document) -> tuple[list[_Step], tuple[str, ...]]:
    """Return the steps of all temporal collections, those of equal time merged, in increasing time."""
    merged: dict[float, dict[str, Element]] = {}
    note: tuple[str, ...] = ()
    for collection in document.root.iterfind("./Domain/Grid[@GridType='Collection']"):
        if collection.get("CollectionType", "Spatial") != "Temporal":
            raise ReaderError(
                f"{document.path} holds a spatial collection (several meshes); merge it into one mesh first"
            )
        grids = collection.findall("Grid")
        times = _times(document, collection, grids)
        if times is None:
            times, note = list(range(len(grids))), ("no times in the file: steps are numbered 0, 1, …",)
        for time, grid in zip(times, grids, strict=True):
            if grid.get("GridType", "Uniform") != "Uniform":
                raise ReaderError(f"{document.path}: a grid of collections at time {time:g}; merge it first")
            merged.setdefault(float(time), {}).update(_attributes(grid))
    return [_Step(time, merged[time]) for time in sorted(merged)], note


def _times(document: Document, collection: Element, grids: list[Element]) -> list[float] | None:
    """Return one time per grid: from each grid, or from the list or hyperslab of the collection."""
    stated = [grid.find("Time") for grid in grids]
    own = [float(time.attrib["Value"]) for time in stated if time is not None and "Value" in time.attrib]
    if len(own) == len(grids):
        return own
    item = collection.find("Time/DataItem")
    if item is None:
        return None
    numbers = document.read(item).ravel().astype(np.float64)
    if collection.find("Time[@TimeType='HyperSlab']") is not None and len(numbers) == 3:
        numbers = numbers[0] + numbers[1] * np.arange(int(numbers[2]))
    if len(numbers) != len(grids):
        raise ReaderError(f"{document.path} lists {len(numbers)} times for {len(grids)} grids")
    return [float(number) for number in numbers]


def _mesh_grid(document: Document, steps: list[_Step]) -> Element:
    """Return the grid that holds topology and geometry: of the first step, the one it includes, or the only one."""
    grids = [grid for grid in document.root.iter("Grid") if grid.find("Topology") is not None]
    if not grids:
        raise ReaderError(f"{document.path} has no grid with a Topology; an unstructured mesh was expected")
    domain = [grid for grid in document.root.iterfind("./Domain/Grid") if grid in grids]
    if not steps and len(domain) > 1:
        raise ReaderError(f"{document.path} holds {len(domain)} meshes; keep the one that is meant")
    included = [i for i in document.root.iter() if i.tag.endswith("include") and "xpointer" in i.attrib]
    if included:
        target = document.included(included[0])
        return target if target in grids else grids[0]
    return grids[0]


def _grid(document: Document, mesh_grid: Element, attributes: dict[str, Element]) -> Grid:
    """Read points, cells and the given attributes."""
    topology, geometry = mesh_grid.find("Topology"), mesh_grid.find("Geometry")
    if topology is None or geometry is None:
        raise ReaderError(f"{document.path}: the mesh has no Geometry; expected one of type XYZ or XY")
    read = {name: _values(document, attribute) for name, attribute in attributes.items()}
    at = {name: _location(attribute) for name, attribute in attributes.items()}
    return Grid(
        cells=tuple(read_topology(document, topology)),
        points=_points(document, geometry),
        node_arrays={name: array for name, array in read.items() if at[name] == "node"},
        cell_arrays={name: array for name, array in read.items() if at[name] == "element"},
    )


def _points(document: Document, geometry: Element) -> NDArray[Any]:
    """Return the (n, 2 or 3) coordinates."""
    kind = geometry.get("GeometryType", geometry.get("Type", "XYZ")).upper()
    items = [document.read(item) for item in document.resolve(geometry).iterfind("DataItem")]
    if kind in ("XYZ", "XY") and len(items) == 1:
        return items[0].reshape(-1, len(kind))
    if kind == "X_Y_Z" and len(items) == 3:
        return np.column_stack([item.ravel() for item in items])
    raise ReaderError(f"{document.path}: geometry {kind} with {len(items)} items; XYZ, XY or X_Y_Z is read")


def _attributes(grid: Element) -> dict[str, Element]:
    """Return name -> attribute of a grid, those at nodes or cells."""
    found = {a.get("Name", "unnamed"): a for a in grid.iterfind("Attribute")}
    return {name: attribute for name, attribute in found.items() if _location(attribute)}


def _location(attribute: Element) -> str | None:
    """Return "node", "element", or None for what belongs to neither."""
    return _CENTERS.get(attribute.get("Center", "").lower())


def _values(document: Document, attribute: Element) -> NDArray[Any]:
    """Return the (n_rows, …) values of an attribute, tensors in romtool's order."""
    item = document.resolve(attribute).find("DataItem")
    if item is None:
        raise ReaderError(f"{document.path}: attribute {attribute.get('Name')} has no DataItem")
    values = document.read(item)
    if attribute.get("AttributeType", "").lower() == "tensor6":
        return values.reshape(-1, 6)[:, _TENSOR6]
    return values
