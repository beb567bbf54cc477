"""The data items of an XDMF document: references, HDF5, XML and binary arrays, topologies."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from romtool.errors import ReaderError
from romtool.types import Ints

Element = ElementTree.Element

_XPOINTER = re.compile(r"xpointer\((?P<path>.*?)(/\*\[.*|/(Topology|Geometry))?\)$")
_KINDS = {"float": "f", "int": "i", "uint": "u", "char": "i", "uchar": "u", "short": "i", "ushort": "u"}
_COUNTED = (1, 2, 3)
"""Mixed topologies state the number of nodes of vertices, lines and polygons."""
_NODES = {
    **{0x1: 1, 0x2: 2, 0x4: 3, 0x5: 4, 0x6: 4, 0x7: 5, 0x8: 6, 0x9: 8},
    **{0x22: 3, 0x23: 9, 0x24: 6, 0x25: 8, 0x26: 10, 0x27: 13, 0x28: 15, 0x29: 18, 0x30: 20, 0x31: 24, 0x32: 27},
}
"""Number of nodes by XDMF's number of a cell type."""


@dataclass(frozen=True)
class Document:
    """An XDMF file: its XML and where it is.

    Parameters
    ----------
    path: the .xdmf file; data files are looked for relative to its folder.
    root: the Xdmf element.
    """

    path: Path
    root: Element

    @classmethod
    def parse(cls, path: Path) -> "Document":
        """Read the XML. Raises ReaderError with the line of the fault."""
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, UnicodeError, LookupError) as error:
            raise ReaderError(f"{path} cannot be read: {error}") from error
        except ElementTree.ParseError as error:
            raise ReaderError(f"{path}:{error.position[0]}: not well-formed XML: {error}") from error
        if root.tag != "Xdmf":
            raise ReaderError(f"{path} starts with <{root.tag}>, not <Xdmf>; is it an XDMF file?")
        return cls(path, root)

    @cached_property
    def folder(self) -> Path:
        """Return the folder of the file."""
        return self.path.resolve().parent

    def resolve(self, element: Element) -> Element:
        """Follow `Reference` attributes (and XPaths as text) to the element that holds data."""
        reference = element.get("Reference")
        if reference is None:
            return element
        path = (element.text or "") if reference.upper() == "XML" else reference
        return self.resolve(self._find(path.strip()))

    def included(self, include: Element) -> Element:
        """Return the grid that an xi:include takes topology and geometry from."""
        match = _XPOINTER.match(include.attrib["xpointer"].strip())
        if match is None:
            raise ReaderError(f"{self.path}: cannot follow xpointer {include.attrib['xpointer']}")
        return self._find(match["path"])

    def _find(self, path: str) -> Element:
        """Return the first element at an absolute XPath."""
        relative = "." + path if path.startswith("//") else re.sub(r"^/Xdmf(\[\d+\])?", ".", path)
        try:
            found = self.root.find(relative)
        except SyntaxError as error:
            raise ReaderError(f"{self.path}: cannot follow the reference {path}") from error
        if found is None:
            raise ReaderError(f"{self.path}: the reference {path} leads nowhere")
        return found

    def read(self, item: Element) -> NDArray[Any]:
        """Read a DataItem.

        Returns
        -------
        The array in the dimensions that the item states.

        Raises
        ------
        ReaderError: missing files or datasets, sizes that differ, formats that are not read.
        """
        item = self.resolve(item)
        if item.get("ItemType", "Uniform") != "Uniform":
            raise ReaderError(
                f"{self.path}: data item of type {item.get('ItemType')}; only plain (Uniform) items are read"
            )
        shape = self._whole_numbers(item, "Dimensions", "")
        readers = {"HDF": self._hdf, "XML": self._xml, "BINARY": self._binary}
        form = item.get("Format", "XML").upper()
        if form not in readers:
            raise ReaderError(f"{self.path}: data format {form}; one of {', '.join(readers)} is read")
        values = readers[form](item)
        if shape and values.size != np.prod(shape):
            raise ReaderError(
                f"{self.path}: {(item.text or '').strip()[:60]} has {values.size} values, "
                f"its Dimensions {' '.join(map(str, shape))} say {int(np.prod(shape))}"
            )
        return values.reshape(shape) if shape else values

    def _whole_numbers(self, item: Element, key: str, default: str) -> tuple[int, ...]:
        """Return the whole numbers of an attribute. Raises ReaderError."""
        text = item.get(key, default)
        if not re.fullmatch(r"\s*(\d+\s*)*", text):
            raise ReaderError(f"{self.path}: {key} {text!r}; expected whole numbers: the file is damaged")
        return tuple(map(int, text.split()))

    def _hdf(self, item: Element) -> NDArray[Any]:
        """Read `file.h5:/dataset`."""
        import h5py

        name, _, dataset = (item.text or "").strip().rpartition(":")
        try:
            with h5py.File(self.folder / name, "r") as file:
                return np.asarray(file[dataset][()])
        except OSError as error:
            reason = " ".join(str(error).split())[:200]
            raise ReaderError(f"{self.path}: its data file {self.folder / name} cannot be read: {reason}") from error
        except KeyError as error:
            raise ReaderError(f"{self.path}: {name} has no dataset {dataset}") from error

    def _xml(self, item: Element) -> NDArray[Any]:
        """Read numbers in the text of the item."""
        try:
            return np.array((item.text or "").split(), dtype=_dtype(item))
        except ValueError as error:
            raise ReaderError(f"{self.path}: a data item holds what is not a number: {error}") from error

    def _binary(self, item: Element) -> NDArray[Any]:
        """Read numbers from their place in a file of plain numbers, which may hold others too."""
        order: Literal["<", ">"] = ">" if item.get("Endian", "").lower() == "big" else "<"
        file = self.folder / (item.text or "").strip()
        shape = self._whole_numbers(item, "Dimensions", "")
        count = int(np.prod(shape)) if shape else -1
        (offset,) = self._whole_numbers(item, "Seek", "0")
        try:
            return np.fromfile(file, _dtype(item).newbyteorder(order), count, offset=offset)
        except OSError as error:
            raise ReaderError(f"{self.path}: its data file {file} cannot be read: {error}") from error


def read_topology(document: Document, topology: Element) -> Iterator[tuple[str, Ints]]:
    """Yield the cells of a topology, one (meshio cell type, (n, n_nodes) rows) per run of one type.

    Raises
    ------
    ReaderError: structured or unknown topologies, counts that do not fit.
    """
    from meshio.xdmf.common import xdmf_to_meshio_type

    topology = document.resolve(topology)
    kind = topology.get("TopologyType", topology.get("Type", ""))
    item = topology.find("DataItem")
    names = {name.lower(): cell for name, cell in xdmf_to_meshio_type.items()}
    if item is None or (kind.lower() not in names and kind.lower() != "mixed"):
        raise ReaderError(f"{document.path}: topology {kind or 'without a type'} is not an unstructured mesh")
    nodes = document.read(item).astype(np.int64) - int(topology.get("BaseOffset", "0"))
    if "Order" in topology.attrib:
        raise ReaderError(f"{document.path}: topology with its own node Order, which is not read")
    if kind.lower() == "mixed":
        yield from _mixed(document, nodes.ravel())
        return
    cell_type = names[kind.lower()]
    width = nodes.shape[1] if nodes.ndim == 2 else int(topology.get("NodesPerElement", _width(cell_type)))
    yield cell_type, nodes.reshape(-1, width)


def _width(cell_type: str) -> int:
    """Return the number of nodes of a cell type."""
    from meshio.xdmf.common import meshio_type_to_xdmf_index

    return _NODES[meshio_type_to_xdmf_index[cell_type]]


def _mixed(document: Document, data: Ints) -> Iterator[tuple[str, Ints]]:
    """Yield the runs of a mixed topology: `type [count] nodes…` per cell; the loop is over runs."""
    from meshio.xdmf.common import xdmf_idx_to_meshio_type

    start = 0
    while start < len(data):
        number = int(data[start])
        if number not in _NODES:
            raise ReaderError(f"{document.path}: cell type number {number} in the mixed topology is not read")
        head = 2 if number in _COUNTED else 1
        width = head + _NODES[number]
        n_cells = _run_length(data[start:], width)
        rows = data[start : start + n_cells * width].reshape(n_cells, width)
        if n_cells == 0 or (head == 2 and np.any(rows[:, 1] != _NODES[number])):
            raise ReaderError(f"{document.path}: the mixed topology breaks off at entry {start} of {len(data)}")
        yield xdmf_idx_to_meshio_type[number], rows[:, head:]
        start += n_cells * width


def _run_length(data: Ints, width: int) -> int:
    """Return how many cells of `width` entries at the start of `data` have the type of the first."""
    window, available = 1, len(data) // width
    while window < available and np.all(data[: window * width : width] == data[0]):
        window = min(2 * window, available)
    other = np.flatnonzero(data[: min(window, available) * width : width] != data[0])
    return int(other[0]) if len(other) else min(window, available)


def _dtype(item: Element) -> np.dtype[Any]:
    """Return the number type of an item: XDMF's default is 4-byte floats."""
    kind = item.get("DataType", item.get("NumberType", "Float")).lower()
    size = {"char": 1, "uchar": 1, "short": 2, "ushort": 2}.get(kind, int(item.get("Precision", "4")))
    return np.dtype(f"{_KINDS.get(kind, 'f')}{size}")
