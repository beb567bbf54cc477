"""Pieces of a parallel VTU (`.pvtu`) taken as one grid: common nodes are joined where the pieces number their nodes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from romtool.convert.array_names import ELEMENT_IDS, NODE_IDS
from romtool.convert.grid import Grid
from romtool.errors import ReaderError
from romtool.types import Ints

Arrays = Mapping[str, NDArray[Any]]


def piece_paths(path: Path) -> list[Path]:
    """Return the files that a `.pvtu` names.

    Raises
    ------
    ReaderError: it is no readable `.pvtu`, or names no piece.
    """
    try:
        pieces = [entry.attrib["Source"] for entry in ElementTree.parse(path).getroot().iter("Piece")]
    except (OSError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise ReaderError(f"{path} is not a readable .pvtu: {error!r}") from error
    if not pieces:
        raise ReaderError(f"{path} names no piece; a .pvtu with one or more was expected")
    return [path.parent / piece for piece in pieces]


def join_grids(path: Path, grids: Sequence[Grid]) -> Grid:
    """Return one grid of several.

    Parameters
    ----------
    path: of the `.pvtu`, for messages.
    grids: its pieces.

    Returns
    -------
    All nodes (those with one id once), cells of one type together (by their ids where they have some).

    Raises
    ------
    ReaderError: pieces with different arrays.
    """
    for what in ("node_arrays", "cell_arrays"):
        names = [sorted(getattr(grid, what)) for grid in grids]
        if any(found != names[0] for found in names):
            raise ReaderError(f"{path}: its pieces hold different arrays ({what.replace('_', ' ')}); write it anew")
    starts = np.cumsum([0, *(len(grid.points) for grid in grids)])
    nodes = _joined([grid.node_arrays for grid in grids])
    first, place = _distinct(nodes, int(starts[-1]))
    cells, order = _cells(grids, starts, place)
    return Grid(
        points=np.concatenate([grid.points for grid in grids])[first],
        cells=cells,
        node_arrays={name: values[first] for name, values in nodes.items()},
        cell_arrays={name: values[order] for name, values in _joined([grid.cell_arrays for grid in grids]).items()},
        time=grids[0].time,
    )


def _joined(parts: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """Return the arrays of all pieces, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ids(arrays: Arrays, names: Sequence[str]) -> NDArray[Any] | None:
    """Return the array with a name of ids."""
    return next((values for name, values in arrays.items() if name.lower() in names), None)


def _distinct(nodes: Arrays, count: int) -> tuple[Ints, Ints]:
    """Return the rows of the nodes that are kept, and the place of every node among these."""
    ids = _ids(nodes, NODE_IDS)
    if ids is None:
        return np.arange(count), np.arange(count)
    _, first, place = np.unique(np.ravel(ids), return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def _cells(grids: Sequence[Grid], starts: Ints, place: Ints) -> tuple[tuple[tuple[str, Ints], ...], Ints]:
    """Return the cells of all pieces by type, and the order of their arrays."""
    types = dict.fromkeys(cell_type for grid in grids for cell_type, _ in grid.cells)
    found: dict[str, list[Ints]] = {cell_type: [] for cell_type in types}
    rows: dict[str, list[Ints]] = {cell_type: [] for cell_type in types}
    row = 0
    for grid, start in zip(grids, starts, strict=False):
        for cell_type, nodes in grid.cells:
            found[cell_type].append(place[start + nodes])
            rows[cell_type].append(np.arange(row, row + len(nodes)))
            row += len(nodes)
    ids = _ids(_joined([grid.cell_arrays for grid in grids]), ELEMENT_IDS)
    keys = np.arange(row) if ids is None else np.ravel(ids)
    orders = {cell_type: np.argsort(keys[np.concatenate(part)], kind="stable") for cell_type, part in rows.items()}
    cells = tuple((cell_type, np.concatenate(found[cell_type])[orders[cell_type]]) for cell_type in types)
    return cells, np.concatenate([np.concatenate(rows[cell_type])[orders[cell_type]] for cell_type in types])
