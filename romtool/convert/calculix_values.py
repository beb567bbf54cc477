"""Values of the blocks of a `.frd` file, and the ids that their rows begin with."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.convert.calculix_frd import FLOAT32, FLOAT64, SHORT, DataBlock, text_fields
from romtool.convert.calculix_numbers import parse_fields
from romtool.convert.parts import rows_of
from romtool.errors import ReaderError
from romtool.types import Floats, Ints


def read_values(path: Path, block: DataBlock) -> tuple[Ints, Floats]:
    """Return ids (count,) and values (count, columns) float64 of a block.

    Raises
    ------
    ReaderError: text that is not a number, or a row that is not where it should be.
    """
    marks, values = read_rows(path, block)
    return parse_ids(path, block, marks), values


def read_rows(path: Path, block: DataBlock) -> tuple[NDArray[Any], Floats]:
    """Return the ids of a block as the file writes them, one row each (see `parse_ids`), and its values.

    Raises
    ------
    ReaderError: text that is not a number.
    """
    if block.flag in (FLOAT32, FLOAT64):
        number = "<f4" if block.flag == FLOAT32 else "<f8"
        row = np.dtype([("id", "<i4"), ("values", number, (block.columns,))])
        rows = np.fromfile(path, dtype=row, count=block.count, offset=block.start)
        return rows["id"], rows["values"].astype(np.float64).reshape(block.count, block.columns)
    raw = np.fromfile(path, dtype=np.uint8, count=block.stop - block.start, offset=block.start)
    table = raw.reshape(block.count, -1) if block.count else np.zeros((0, 13), np.uint8)
    return table[:, : _text_start(block)], _text_values(path, block, table)


def parse_ids(path: Path, block: DataBlock, marks: NDArray[Any]) -> Ints:
    """Return the (count,) ids of the rows that `read_rows` gave. Raises ReaderError."""
    if block.flag in (FLOAT32, FLOAT64):
        return marks.astype(np.int64)
    table = marks.view("S1")
    try:
        if (text_fields(table, 0, 3, 1)[:, 0] != b" -1").any():
            raise ValueError("a row does not begin with ' -1'")
        return text_fields(table, 3, marks.shape[1] - 3, 1)[:, 0].astype(np.int64)
    except ValueError as error:
        raise ReaderError(f"{path}: block {block.name} at byte {block.start} is damaged: {error}") from error


def _text_start(block: DataBlock) -> int:
    """Return the column of the first number of a text row."""
    return 8 if block.flag == SHORT else 13


def _text_values(path: Path, block: DataBlock, table: NDArray[np.uint8]) -> Floats:
    """Return the numbers of text rows, six in a line."""
    at, parts = 0, [np.zeros((block.count, 0))]
    try:
        for i, length in enumerate(block.lines):
            count = min(6, block.columns - 6 * i)
            parts.append(parse_fields(table, at + _text_start(block), 12, count))
            at += length
    except ValueError as error:
        raise ReaderError(f"{path}: block {block.name} at byte {block.start} is damaged: {error}") from error
    return np.concatenate(parts, axis=1)


class NodeOrder:
    """Brings the rows of blocks to the order of the nodes; ids like those of the block before are not looked up again.

    Parameters
    ----------
    path: the `.frd` file.
    node_ids: (n_nodes,) ascending ids of the mesh.
    """

    def __init__(self, path: Path, node_ids: Ints) -> None:
        self.path, self.node_ids = path, node_ids
        self.marks: NDArray[Any] = np.zeros(0)
        self.rows: Ints = np.full(len(node_ids), -1)

    def sort(self, block: DataBlock, marks: NDArray[Any], values: Floats) -> Floats:
        """Return the (n_nodes, n_columns) values of the nodes, NaN where there is no row.

        Parameters
        ----------
        block: where they come from.
        marks, values: what `read_rows` returns.

        Raises
        ------
        ReaderError: ids that are none.
        """
        if marks.dtype != self.marks.dtype or not np.array_equal(marks, self.marks):
            ids = parse_ids(self.path, block, marks)
            order = np.argsort(ids, kind="stable")
            at = rows_of(ids[order], self.node_ids)
            self.rows = np.where(at >= 0, order[at], -1) if len(ids) else at
            self.marks = marks.copy()
        found = self.rows >= 0
        if found.all():
            return values[self.rows]
        out = np.full((len(self.rows), values.shape[1]), np.nan)
        out[found] = values[self.rows[found]]
        return out
