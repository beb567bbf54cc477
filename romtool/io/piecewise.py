"""Fields of a mesh in subdomains, each written for itself: `.vtu` pieces and the `.pvtu` that ParaView opens as one.

A piece is written by whoever has the subdomain; the index file names all pieces and is written last. Several times
give one `.pvtu` each, and a `.pvd` over them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from romtool.errors import CaseError
from romtool.io.fields import FieldSource, stress_invariant_name, write_step
from romtool.types import FieldInfo, Floats, Mesh


@dataclass(frozen=True)
class PieceFiles:
    """Names of the files of one output.

    Parameters
    ----------
    path: `.pvtu` (one time) or `.pvd`.
    n_times: number of times.
    n_pieces: number of subdomains.
    """

    path: Path
    n_times: int
    n_pieces: int

    def index(self, time: int) -> str:
        """Return the name of the `.pvtu` of a time."""
        return self.path.name if self.path.suffix.lower() == ".pvtu" else f"{self.path.stem}_{time:04d}.pvtu"

    def piece(self, time: int, subdomain: int) -> str:
        """Return the name of the `.vtu` of a time and a subdomain."""
        return f"{Path(self.index(time)).stem}_piece{subdomain:04d}.vtu"

    def all_names(self) -> list[str]:
        """Return the names of all files, the one to open last."""
        times = range(self.n_times)
        pieces = [self.piece(time, subdomain) for time in times for subdomain in range(self.n_pieces)]
        return list(dict.fromkeys([*pieces, *map(self.index, times), self.path.name]))


def piece_files(path: Path, n_times: int, n_pieces: int) -> PieceFiles:
    """Return the names of the files of one output.

    Raises
    ------
    CaseError: several times for a `.pvtu`.
    """
    if path.suffix.lower() == ".pvtu" and n_times != 1:
        raise CaseError(f"{path}: a .pvtu holds one time, {n_times} are to be written; use .pvd")
    return PieceFiles(path, n_times, n_pieces)


def write_piece(folder: Path, files: PieceFiles, subdomain: int, mesh: Mesh, source: FieldSource) -> None:
    """Write the `.vtu` files of one subdomain, one per time.

    Parameters
    ----------
    folder: where the files are written.
    files: their names.
    subdomain: its number.
    mesh: of the subdomain.
    source: its fields.
    """
    for time in range(files.n_times):
        write_step(folder / files.piece(time, subdomain), mesh, source, time)


def write_indices(folder: Path, files: PieceFiles, times: Floats, fields: dict[str, FieldInfo]) -> None:
    """Write the `.pvtu` of each time, and the `.pvd` over them.

    Parameters
    ----------
    folder: where the files are written.
    files: their names.
    times: (n_times,) float [time].
    fields: what the pieces hold.
    """
    for time in range(files.n_times):
        names = [files.piece(time, subdomain) for subdomain in range(files.n_pieces)]
        _write(folder / files.index(time), _parallel_grid(names, fields))
    if files.path.suffix.lower() == ".pvd":
        root = ElementTree.Element("VTKFile", type="Collection", version="0.1")
        collection = ElementTree.SubElement(root, "Collection")
        for number, time in enumerate(np.asarray(times, dtype=np.float64).tolist()):
            entry = {"timestep": repr(time), "part": "0", "file": files.index(number)}
            ElementTree.SubElement(collection, "DataSet", entry)
        _write(folder / files.path.name, root)


def _parallel_grid(names: Sequence[str], fields: dict[str, FieldInfo]) -> ElementTree.Element:
    """Return the content of a `.pvtu`: which arrays the pieces have, and where they are."""
    root = ElementTree.Element("VTKFile", type="PUnstructuredGrid", version="0.1", byte_order="LittleEndian")
    grid = ElementTree.SubElement(root, "PUnstructuredGrid", GhostLevel="0")
    points = ElementTree.SubElement(grid, "PPoints")
    _array(points, "Points", 3)
    at_nodes, at_cells = ElementTree.SubElement(grid, "PPointData"), ElementTree.SubElement(grid, "PCellData")
    _array(at_nodes, "node_ids", 1, "Int64")
    _array(at_cells, "element_ids", 1, "Int64")
    for name, info in fields.items():
        section = at_nodes if info.location == "node" else at_cells
        _array(section, name, len(info.components))
        if (scalar := stress_invariant_name(name, len(info.components))) is not None:
            _array(section, scalar, 1)
    for name in names:
        ElementTree.SubElement(grid, "Piece", Source=name)
    return root


def _array(parent: ElementTree.Element, name: str, n_components: int, kind: str = "Float64") -> None:
    """Add the description of one array."""
    ElementTree.SubElement(parent, "PDataArray", {"type": kind, "Name": name, "NumberOfComponents": str(n_components)})


def _write(path: Path, root: ElementTree.Element) -> None:
    """Write an indented XML file."""
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
