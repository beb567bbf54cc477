"""Fields over time in files that ParaView opens: XDMF with HDF5, VTU for one time, PVD with VTU files.

Integration-point fields are written as element means (plain means over the points, without weights) under
their own name, on request also point by point as `<name>_point<k>`. Tensors keep six components in romtool's
order xx yy zz xy yz zx with tensor shear, the order of VTK's symmetric tensors; for a stress `<name>_mises`
is added, for points the mean of the points' von Mises stress. Node and element ids go along.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from romtool.components import mises
from romtool.errors import CaseError, InputError
from romtool.io.atomic import atomic_file
from romtool.types import FieldInfo, Floats, Mesh

POINTS_PER_CELL = {
    "tet4": 1,
    "tet10": 4,
    "tet10_5": 5,
    "hex8": 8,
    "hex8_mean": 8,
    "hex20": 27,
    "hex20_corner": 27,
    "hex20r": 8,
    "wedge6": 2,
    "wedge6_6": 6,
    "wedge15": 9,
    "wedge15_21": 21,
    "": 0,
}
"""Number of integration points by formulation; cells without one have none."""

_MARK = "romtool_fields"
_FIXED_SIZE = {"vertex": 1, "line": 2}
"""XDMF's polyvertex and polyline: their number of nodes is written out."""

_WEDGE = [0, 2, 1, 3, 5, 4]
"""Undoes meshio's turning of linear wedges, which gives them negative volumes in VTK 9.7."""
_ATTRIBUTES: dict[int, tuple[str, tuple[int, ...]]] = {1: ("Scalar", ()), 3: ("Vector", (3,))}
"""XDMF's type and the shape of a row by the number of components; others are matrices of one row, which
VTK's readers take as that many components (of an (n, 6) matrix they make one row)."""


@dataclass(frozen=True)
class FieldSource:
    """What is written: the fields and how one is read at one time.

    Parameters
    ----------
    times: (n_times,) float [time].
    fields: name -> location and components.
    read: `read(name, i)` returns the (n_rows, n_components) values at `times[i]`.
    all_points: whether integration-point fields are also written point by point.
    """

    times: Floats
    fields: Mapping[str, FieldInfo]
    read: Callable[[str, int], Floats]
    all_points: bool = False


def write_series(
    path: Path,
    mesh: Mesh,
    times: Floats,
    fields: Mapping[str, FieldInfo],
    read: Callable[[str, int], Floats],
    *,
    all_points: bool = False,
) -> None:
    """Write fields over time; the files appear only when complete and replace what has their name.

    Parameters
    ----------
    path: `.xdmf` (with `<stem>.h5` beside it), `.pvd` (with `<stem>_0000.vtu`, …) or `.vtu` (one time).
    mesh: the mesh.
    times: (n_times,) float increasing [time].
    fields: name -> location and components.
    read: `read(name, i)` returns the (n_nodes | n_elements | n_points, n_components) values at `times[i]`.
    all_points: whether integration-point fields are also written point by point.

    Raises
    ------
    CaseError: a suffix that is not written, several times for a `.vtu`, another program's `.h5` in the way.
    InputError: values whose number of rows does not fit the mesh.
    """
    path = Path(path)
    if path.is_dir():
        raise CaseError(f"{path} is a folder, a file is to be written; give another name")
    writer = {".xdmf": _write_xdmf, ".pvd": _write_pvd, ".vtu": _write_vtu}.get(path.suffix.lower())
    if writer is None:
        raise CaseError(f"{path}: fields are written as .xdmf, .pvd, .vtu or .frd, not as {path.suffix or 'that'}")
    writer(path, mesh, FieldSource(np.asarray(times, dtype=np.float64), fields, read, all_points))


def element_means(values: Floats, mesh: Mesh) -> Floats:
    """Return the plain mean over each element's integration points; NaN where it has none.

    Parameters
    ----------
    values: (n_points, n_components) float.
    mesh: the mesh.

    Returns
    -------
    (n_elements, n_components) float.
    """
    parts = [
        part.mean(axis=1) if part.shape[1] else np.full((len(part), values.shape[1]), np.nan)
        for part in _by_element(values, mesh)
    ]
    return np.concatenate(parts)


def _by_element(values: Floats, mesh: Mesh) -> Iterator[Floats]:
    """Yield the (n_cells, n_cell_points, n_components) values of each block."""
    start = 0
    for block in mesh.blocks:
        shape = (len(block.element_ids), POINTS_PER_CELL[block.formulation], values.shape[1])
        end = start + shape[0] * shape[1]
        yield values[start:end].reshape(shape)
        start = end


def _n_rows(mesh: Mesh, info: FieldInfo) -> int:
    """Return how many rows a field has on a mesh."""
    n_points = sum(len(b.element_ids) * POINTS_PER_CELL[b.formulation] for b in mesh.blocks)
    return {"node": mesh.n_nodes, "element": mesh.n_elements, "point": n_points}[info.location]


def _arrays(mesh: Mesh, source: FieldSource, index: int) -> Iterator[tuple[str, bool, Floats]]:
    """Yield (name, at the nodes, values) of all that is written for one time, field by field."""
    for name, info in source.fields.items():
        values = np.asarray(source.read(name, index), dtype=np.float64)
        values = values.reshape(len(values), -1)
        if len(values) != _n_rows(mesh, info):
            raise InputError(
                f"field {name} has {len(values)} rows, the mesh has {_n_rows(mesh, info)} {info.location}s"
            )
        if info.location == "point":
            yield from _point_arrays(name, values, mesh, source.all_points)
        else:
            yield name, info.location == "node", values
        if (scalar_name := stress_invariant_name(name, values.shape[1])) is not None:
            scalar = mises(values)[:, None]
            at_points = info.location == "point"
            yield scalar_name, info.location == "node", element_means(scalar, mesh) if at_points else scalar


def stress_invariant_name(name: str, n_components: int) -> str | None:
    """Return the name of the von Mises stress that is written beside a field, None where it is no stress tensor."""
    return f"{name}_mises" if "stress" in name.lower() and n_components == 6 else None


def _point_arrays(name: str, values: Floats, mesh: Mesh, all_points: bool) -> Iterator[tuple[str, bool, Floats]]:
    """Yield the element means of a point field and, if asked for, one array per local point."""
    yield name, False, element_means(values, mesh)
    n_most = max(POINTS_PER_CELL[block.formulation] for block in mesh.blocks) if all_points else 0
    for k in range(n_most):
        parts = [
            part[:, k] if part.shape[1] > k else np.full((len(part), values.shape[1]), np.nan)
            for part in _by_element(values, mesh)
        ]
        yield f"{name}_point{k}", False, np.concatenate(parts)


def _write_vtu(path: Path, mesh: Mesh, source: FieldSource) -> None:
    """Write one time as VTU."""
    if len(source.times) > 1:
        raise CaseError(f"{path}: a .vtu holds one time, {len(source.times)} are to be written; use .xdmf or .pvd")
    with atomic_file(path) as temporary:
        write_step(temporary, mesh, source, 0)


def write_step(path: Path, mesh: Mesh, source: FieldSource, index: int) -> None:
    """Write the mesh and the fields of one time as VTU, through meshio.

    Parameters
    ----------
    path: the `.vtu` to write.
    mesh: the mesh.
    source: the fields.
    index: row of `source.times`.

    Raises
    ------
    InputError: values whose number of rows does not fit the mesh.
    """
    import meshio

    _teach_meshio()
    blocks = [block for block in mesh.blocks if len(block.element_ids)]  # a subdomain may lack a type of cells
    cuts = np.cumsum([len(block.element_ids) for block in blocks])[:-1]
    node_data: dict[str, NDArray[Any]] = {"node_ids": mesh.node_ids}
    cell_data: dict[str, list[NDArray[Any]]] = {"element_ids": np.split(mesh.element_ids, cuts)}
    for name, nodal, values in _arrays(mesh, source, index) if len(source.times) else ():
        flat = values[:, 0] if values.shape[1] == 1 else values
        if nodal:
            node_data[name] = flat
        else:
            cell_data[name] = np.split(flat, cuts)
    cells = [(b.cell_type, b.connectivity[:, _WEDGE] if b.cell_type == "wedge" else b.connectivity) for b in blocks]
    grid = meshio.Mesh(np.array(mesh.points), cells, point_data=node_data, cell_data=cell_data)
    meshio.vtu.write(str(path), grid)


def _teach_meshio() -> None:
    """Add the cells that meshio 5.3's table of dimensions lacks; without them it raises KeyError."""
    from meshio._mesh import topological_dimension

    for cell_type in ("wedge15", "pyramid13"):
        topological_dimension.setdefault(cell_type, 3)


def _write_pvd(path: Path, mesh: Mesh, source: FieldSource) -> None:
    """Write one VTU per time and the collection; all get their names when all are complete."""
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1")
    collection = ElementTree.SubElement(root, "Collection")
    with ExitStack() as files:
        for index, time in enumerate(source.times):
            name = f"{path.stem}_{index:04d}.vtu"
            temporary = files.enter_context(atomic_file(path.with_name(name)))
            write_step(temporary, mesh, source, index)
            ElementTree.SubElement(collection, "DataSet", timestep=repr(float(time)), part="0", file=name)
    _write_xml(path, root)


def _write_xml(path: Path, root: ElementTree.Element) -> None:
    """Write an indented XML file."""
    ElementTree.indent(root)
    with atomic_file(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)


def _write_xdmf(path: Path, mesh: Mesh, source: FieldSource) -> None:
    """Write a temporal collection; the HDF5 file gets its name before the XML that refers to it."""
    import h5py

    data = path.with_suffix(".h5")
    _check_ours(data)
    root = ElementTree.Element("Xdmf", Version="3.0")
    domain = ElementTree.SubElement(root, "Domain")
    series = ElementTree.SubElement(domain, "Grid", Name="fields", GridType="Collection", CollectionType="Temporal")
    with atomic_file(data) as temporary, h5py.File(temporary, "w") as file:
        file.attrs[_MARK] = 1
        store = _Store(file, data.name)
        common = _mesh_elements(mesh, store)
        for index, time in enumerate(source.times):
            grid = ElementTree.SubElement(series, "Grid", Name="mesh", GridType="Uniform")
            grid.extend(common)
            ElementTree.SubElement(grid, "Time", Value=repr(float(time)))
            grid.extend([_attribute(*array, store) for array in _arrays(mesh, source, index)])
        if not len(source.times):
            domain.remove(series)
            ElementTree.SubElement(domain, "Grid", Name="mesh", GridType="Uniform").extend(common)
    _write_xml(path, root)


def _check_ours(data: Path) -> None:
    """Refuse to replace an HDF5 file that was not written here."""
    import h5py

    if not data.exists():
        return
    try:
        with h5py.File(data, "r") as file:
            ours = _MARK in file.attrs
    except OSError:
        ours = False
    if not ours:
        raise CaseError(f"{data}, where the numbers would go, exists and holds something else; give another name")


@dataclass
class _Store:
    """The HDF5 file behind an XDMF file: numbers its datasets and makes the items that point there."""

    file: Any
    name: str
    n_items: int = 0

    def item(self, array: NDArray[Any]) -> ElementTree.Element:
        """Store an array and return its DataItem."""
        dataset = f"/data{self.n_items}"
        self.n_items += 1
        self.file.create_dataset(dataset, data=array)
        item = ElementTree.Element(
            "DataItem",
            DataType="Int" if array.dtype.kind == "i" else "Float",
            Precision=str(array.dtype.itemsize),
            Dimensions=" ".join(map(str, array.shape)),
            Format="HDF",
        )
        item.text = f"{self.name}:{dataset}"
        return item


def _mesh_elements(mesh: Mesh, store: _Store) -> list[ElementTree.Element]:
    """Return topology, geometry and id attributes; their data are stored once for all times."""
    geometry = ElementTree.Element("Geometry", GeometryType="XYZ")
    geometry.append(store.item(mesh.points))
    ids = [
        _attribute("node_ids", True, mesh.node_ids, store),
        _attribute("element_ids", False, mesh.element_ids, store),
    ]
    return [_topology(mesh, store), geometry, *ids]


def _topology(mesh: Mesh, store: _Store) -> ElementTree.Element:
    """Return the topology: one type, or mixed with the type's number before each cell's nodes."""
    from meshio.xdmf.common import meshio_to_xdmf_type, meshio_type_to_xdmf_index

    kinds = {block.cell_type for block in mesh.blocks}
    unknown = sorted(kind for kind in kinds if kind not in meshio_type_to_xdmf_index)
    if unknown:
        raise InputError(f"XDMF has no cells of type {', '.join(unknown)}; write .vtu or .pvd")
    topology = ElementTree.Element("Topology", NumberOfElements=str(mesh.n_elements))
    if len(kinds) == 1:
        kind = mesh.blocks[0].cell_type
        cells = np.concatenate([block.connectivity for block in mesh.blocks])
        topology.attrib |= {"TopologyType": meshio_to_xdmf_type[kind][0], "NodesPerElement": str(cells.shape[1])}
    else:
        topology.set("TopologyType", "Mixed")
        cells = np.concatenate(
            [
                _with_head(block.connectivity, meshio_type_to_xdmf_index[block.cell_type], block.cell_type)
                for block in mesh.blocks
            ]
        )
    topology.append(store.item(cells))
    return topology


def _with_head(connectivity: NDArray[np.int64], number: int, cell_type: str) -> NDArray[np.int64]:
    """Return flat rows `type [number of nodes] nodes…`."""
    head = [number, _FIXED_SIZE[cell_type]] if cell_type in _FIXED_SIZE else [number]
    heads = np.broadcast_to(np.array(head, dtype=np.int64), (len(connectivity), len(head)))
    return np.hstack([heads, connectivity]).reshape(-1)


def _attribute(name: str, nodal: bool, values: NDArray[Any], store: _Store) -> ElementTree.Element:
    """Return the attribute of one array."""
    n_columns = values.shape[1] if values.ndim == 2 else 1
    kind, shape = _ATTRIBUTES.get(n_columns, ("Matrix", (1, n_columns)))
    center = "Node" if nodal else "Cell"
    attribute = ElementTree.Element("Attribute", Name=name, AttributeType=kind, Center=center)
    attribute.append(store.item(values.reshape(len(values), *shape)))
    return attribute
