"""Open Exodus files (NetCDF), whole or one per processor, and read their names, blocks and sets."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.convert.damage import told_as_damage
from romtool.convert.exodus_cells import cell_of
from romtool.convert.netcdf_header import expected_size
from romtool.errors import ReaderError
from romtool.types import Floats, Ints

Dataset = Any
"""A `netCDF4.Dataset`."""

_PIECE = re.compile(r"^(?P<name>.+)\.(?P<count>\d+)\.(?P<number>\d+)$")
_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Block:
    """An element block of one file.

    Parameters
    ----------
    name: of the block, or `block_<id>`.
    number: in the names of variables, from 1.
    kind: the file's element type.
    count: number of elements.
    cell_type: meshio's name; None where the elements cannot be shown (polyhedra).
    nodes: (count, n_cell_nodes) rows of the file's nodes, VTK order.
    """

    name: str
    number: int
    kind: str
    count: int
    cell_type: str | None
    nodes: Ints


@dataclass(frozen=True)
class Piece:
    """What one file says of the mesh.

    Parameters
    ----------
    path: the file.
    points: (n_file_nodes, n_dim) float [length].
    node_ids, element_ids: ids of its nodes and elements, in file order.
    blocks: its element blocks.
    node_sets: name -> rows of its nodes.
    side_sets: name -> (n, 2) row of its elements and side, from 0.
    """

    path: Path
    points: Floats
    node_ids: Ints
    element_ids: Ints
    blocks: tuple[Block, ...]
    node_sets: dict[str, Ints]
    side_sets: dict[str, Ints]


def piece_paths(path: Path) -> list[Path]:
    """Return all files of a decomposed run (`name.e.4.0` … `name.e.4.3`), or the one file.

    Raises
    ------
    ReaderError: a file of the run is missing.
    """
    match = _PIECE.match(path.name)
    if match is None:
        return [path]
    width = len(match["number"])
    names = [f"{match['name']}.{match['count']}.{i:0{width}d}" for i in range(int(match["count"]))]
    files = [path.with_name(name) for name in names]
    missing = [file.name for file in files if not file.is_file()]
    if missing or path not in files:
        raise ReaderError(
            f"{path} is one of {match['count']} files of a run; {', '.join(missing[:3]) or 'its own number'} is "
            "missing: put all of them in one folder"
        )
    return files


def open_dataset(path: Path) -> Dataset:
    """Open a NetCDF file after a look at its size.

    Raises
    ------
    ReaderError: another kind of file, or one that is cut short (of which the library would read zeros).
    """
    import netCDF4

    _check_complete(path)
    with told_as_damage(path, "an Exodus file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about variables of other programs' files
        dataset = netCDF4.Dataset(path)
    dataset.set_auto_maskandscale(False)
    dataset.set_auto_chartostring(False)
    if "num_nodes" not in dataset.dimensions:
        raise ReaderError(f"{path} is no Exodus file: NetCDF without the dimension num_nodes; is its extension right?")
    return dataset


def _check_complete(path: Path) -> None:
    """Refuse what is not NetCDF, and files shorter than their header says."""
    with path.open("rb") as file:
        head = file.read(8)
    if head == _HDF5:
        import h5py

        with told_as_damage(path, "an Exodus file"), h5py.File(path, "r"):
            return
    if head[:3] != b"CDF":
        raise ReaderError(
            f"{path} begins with {head!r} at byte 0; expected an Exodus file (NetCDF: CDF, or HDF5); is its "
            "extension right?"
        )
    found, expected = path.stat().st_size, expected_size(path)
    if expected is not None and found < expected:
        raise ReaderError(
            f"{path}: ends at byte {found}, its header announces {expected}; it is cut short, or the run has not "
            "ended: write it anew"
        )


def size_of(dataset: Dataset, dimension: str) -> int:
    """Return the length of a dimension, 0 where there is none."""
    return len(dataset.dimensions[dimension]) if dimension in dataset.dimensions else 0


def texts(dataset: Dataset, name: str, count: int) -> list[str]:
    """Return the strings of a character variable, empty ones where it is absent."""
    if name not in dataset.variables or not count:
        return [""] * count
    rows = np.asarray(dataset[name][:]).reshape(count, -1)
    return [row.tobytes().split(b"\0")[0].decode("latin-1").strip() for row in rows]


def read_piece(dataset: Dataset, path: Path) -> Piece:
    """Read mesh, ids and sets of one file.

    Raises
    ------
    ReaderError: variables that are missing or do not fit each other.
    """
    with told_as_damage(path, "an Exodus file"):
        n_nodes, n_elements = size_of(dataset, "num_nodes"), size_of(dataset, "num_elem")
        blocks = tuple(_block(dataset, path, k, name) for k, name in _named(dataset, "eb", "num_el_blk", "block"))
        if sum(block.count for block in blocks) != n_elements:
            raise ReaderError(
                f"{path}: its blocks hold {sum(b.count for b in blocks)} elements, num_elem is {n_elements}"
            )
        return Piece(
            path=path,
            points=_points(dataset),
            node_ids=_ids(dataset, "node_num_map", n_nodes, path),
            element_ids=_ids(dataset, "elem_num_map", n_elements, path),
            blocks=blocks,
            node_sets=_node_sets(dataset, path, n_nodes),
            side_sets=_side_sets(dataset, path, n_elements),
        )


def _named(dataset: Dataset, prefix: str, dimension: str, word: str) -> list[tuple[int, str]]:
    """Return number (from 1) and name of the blocks or sets; one without a name is called by its id."""
    count = size_of(dataset, dimension)
    ids = dataset[f"{prefix}_prop1"][:] if f"{prefix}_prop1" in dataset.variables else np.arange(1, count + 1)
    names = texts(dataset, f"{prefix}_names", count)
    return [(k + 1, name or f"{word}_{ids[k]}") for k, name in enumerate(names)]


def _points(dataset: Dataset) -> Floats:
    """Return the (n_nodes, n_dim) coordinates; old files keep them in one variable."""
    if "coord" in dataset.variables:
        return np.asarray(dataset["coord"][:], dtype=np.float64).T
    axes = [f"coord{axis}" for axis in "xyz"[: size_of(dataset, "num_dim")]]
    return np.stack([np.asarray(dataset[axis][:], dtype=np.float64) for axis in axes], axis=1)


def _ids(dataset: Dataset, name: str, count: int, path: Path) -> Ints:
    """Return a map of ids, 1, 2, … where there is none."""
    if name not in dataset.variables:
        return np.arange(1, count + 1)
    ids = np.asarray(dataset[name][:], dtype=np.int64)
    if len(np.unique(ids)) != len(ids):
        raise ReaderError(f"{path}: {name} holds an id twice; expected unique ids: correct or remove the map")
    return ids


def _block(dataset: Dataset, path: Path, number: int, name: str) -> Block:
    """Read one block; one without elements has no connectivity."""
    count, variable = size_of(dataset, f"num_el_in_blk{number}"), f"connect{number}"
    empty = np.zeros((0, 0), dtype=np.int64)
    if variable not in dataset.variables:
        return Block(name, number, "", count, None, empty)
    kind = str(getattr(dataset[variable], "elem_type", ""))
    cell = cell_of(kind, size_of(dataset, f"num_nod_per_el{number}"))
    if cell is None:
        return Block(name, number, kind, count, None, empty)
    nodes = _rows(dataset, variable, size_of(dataset, "num_nodes"), path)
    return Block(name, number, kind, count, cell.cell_type, nodes[:, list(cell.to_vtk)])


def _rows(dataset: Dataset, variable: str, limit: int, path: Path) -> Ints:
    """Return rows, counted from 0, that a variable counts from 1. Raises ReaderError for one out of range."""
    rows: NDArray[np.int64] = np.asarray(dataset[variable][:], dtype=np.int64) - 1
    bad = (rows < 0) | (rows >= limit)
    if bad.any():
        raise ReaderError(
            f"{path}: {variable} refers to {int(rows[bad][0]) + 1}; expected 1 to {limit}: the file is damaged"
        )
    return rows


def _node_sets(dataset: Dataset, path: Path, n_nodes: int) -> dict[str, Ints]:
    """Return the node sets; those of one name are one."""
    sets: dict[str, Ints] = {}
    for k, name in _named(dataset, "ns", "num_node_sets", "nodeset"):
        known = [_rows(dataset, f"node_ns{k}", n_nodes, path)] if f"node_ns{k}" in dataset.variables else []
        sets[name] = np.concatenate([sets.get(name, np.zeros(0, np.int64)), *known])
    return sets


def _side_sets(dataset: Dataset, path: Path, n_elements: int) -> dict[str, Ints]:
    """Return the side sets; those of one name are one."""
    sets: dict[str, Ints] = {}
    for k, name in _named(dataset, "ss", "num_side_sets", "sideset"):
        pairs = np.zeros((0, 2), dtype=np.int64)
        if f"elem_ss{k}" in dataset.variables:
            sides = np.asarray(dataset[f"side_ss{k}"][:], dtype=np.int64) - 1
            pairs = np.stack([_rows(dataset, f"elem_ss{k}", n_elements, path), sides], axis=1)
        sets[name] = np.concatenate([sets.get(name, np.zeros((0, 2), np.int64)), pairs])
    return sets
