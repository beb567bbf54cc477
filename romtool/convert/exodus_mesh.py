"""The mesh of an Exodus result: all its files taken as one, nodes joined by id, sides as romtool's faces."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from romtool.convert.exodus_cells import SIDES
from romtool.convert.exodus_file import Piece
from romtool.convert.grid import Grid, build_mesh
from romtool.errors import ReaderError
from romtool.types import Ints, Mesh


@dataclass(frozen=True)
class ExodusMesh:
    """The mesh, and where its rows are in the values of all files, one file after the other.

    Parameters
    ----------
    mesh: the mesh.
    node_rows: (n_nodes,) rows of the nodal values.
    cell_rows: (n_elements,) rows of the values of all blocks that are shown, in file order.
    warnings: sentences for the user.
    """

    mesh: Mesh
    node_rows: Ints
    cell_rows: Ints
    warnings: tuple[str, ...]


def join_pieces(pieces: Sequence[Piece]) -> ExodusMesh:
    """Return the mesh of all files of a run.

    Parameters
    ----------
    pieces: its files; a node that several have has the same id in each.

    Raises
    ------
    ReaderError: no elements that can be shown; an element id in two files.
    """
    first, place = _distinct(pieces)
    at = _parts(place, [len(piece.points) for piece in pieces])
    blocks = [(rows, block) for piece, rows in zip(pieces, at, strict=True) for block in piece.blocks]
    shown = np.concatenate([np.full(block.count, block.cell_type is not None) for _, block in blocks])
    grid = Grid(
        points=np.concatenate([piece.points for piece in pieces])[first],
        cells=tuple((block.cell_type, rows[block.nodes]) for rows, block in blocks if block.cell_type is not None),
        node_arrays={"node_ids": np.concatenate([piece.node_ids for piece in pieces])[first]},
        cell_arrays={"element_ids": np.concatenate([piece.element_ids for piece in pieces])[shown]},
        node_sets=_gathered(
            (name, rows[members])
            for piece, rows in zip(pieces, at, strict=True)
            for name, members in piece.node_sets.items()
        ),
        cell_sets=_block_sets(pieces),
        own_order=True,
    )
    if not grid.cells:
        raise ReaderError(f"{pieces[0].path} holds no elements that can be shown; expected solids, shells or bars")
    built = build_mesh(grid, pieces[0].path, boundaries=False)
    sides, lost = _side_sets(pieces, np.where(shown, np.cumsum(shown) - 1, -1), built.cell_rows, built.mesh)
    return ExodusMesh(
        replace(built.mesh, side_sets=sides),
        first[built.node_rows],
        built.cell_rows,
        (*built.warnings, *_left_out(pieces), *lost),
    )


def _distinct(pieces: Sequence[Piece]) -> tuple[Ints, Ints]:
    """Return the rows of the nodes that are kept, and the place of every node of every file among these."""
    ids = np.concatenate([piece.node_ids for piece in pieces])
    if len(pieces) == 1:
        return np.arange(len(ids)), np.arange(len(ids))
    _, first, place = np.unique(ids, return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def _parts(rows: Ints, sizes: Iterable[int]) -> list[Ints]:
    """Return consecutive parts of the given sizes."""
    ends = list(accumulate(sizes))
    return np.split(rows, ends[:-1])


def _gathered(parts: Iterable[tuple[str, Ints]]) -> dict[str, Ints]:
    """Return name -> all its rows, each once, in the order of the files."""
    found: dict[str, list[Ints]] = {}
    for name, rows in parts:
        found.setdefault(name, []).append(rows)
    joined = {name: np.concatenate(several) for name, several in found.items()}
    return {name: rows[np.sort(np.unique(rows, return_index=True)[1])] for name, rows in joined.items()}


def _block_sets(pieces: Sequence[Piece]) -> dict[str, Ints]:
    """Return block name -> rows of the shown elements."""
    blocks = [block for piece in pieces for block in piece.blocks if block.cell_type is not None]
    rows = _parts(np.arange(sum(block.count for block in blocks)), [block.count for block in blocks])
    return _gathered((block.name, part) for block, part in zip(blocks, rows, strict=False))


def _side_sets(pieces: Sequence[Piece], row_of: Ints, cell_rows: Ints, mesh: Mesh) -> tuple[dict[str, Ints], list[str]]:
    """Return the side sets on solids, and what is said about sides of other elements.

    `row_of` is the shown row of every element of every file, -1 where it is not shown.
    """
    element_of = np.full(len(cell_rows) + 1, -1, dtype=np.int64)
    element_of[cell_rows] = np.arange(len(cell_rows))
    faces = np.full((len(mesh.blocks), 7), -1, dtype=np.int64)
    for k, block in enumerate(mesh.blocks):
        local = SIDES.get(block.cell_type, ())
        faces[k, : len(local)] = local
    block_of = np.repeat(np.arange(len(mesh.blocks)), [len(block.element_ids) for block in mesh.blocks])
    found: dict[str, list[Ints]] = {}
    lost: dict[str, int] = {}
    for piece, rows in zip(pieces, _parts(row_of, [len(piece.element_ids) for piece in pieces]), strict=True):
        for name, pairs in piece.side_sets.items():
            element = element_of[rows[pairs[:, 0]]]
            side = np.where((pairs[:, 1] >= 0) & (pairs[:, 1] < 6), pairs[:, 1], 6)
            face = np.where(element >= 0, faces[block_of[element], side], -1)
            found.setdefault(name, []).append(np.stack([element, face], axis=1)[face >= 0])
            lost[name] = lost.get(name, 0) + int((face < 0).sum())
    sets = {name: np.concatenate(parts) for name, parts in found.items()}
    words = [
        f"side set {name}: {count} sides are not faces of solids and are left out"
        for name, count in lost.items()
        if count
    ]
    return {name: sides for name, sides in sets.items() if len(sides)}, words


def _left_out(pieces: Sequence[Piece]) -> list[str]:
    """Return what is said about blocks that are not shown."""
    blocks = [block for piece in pieces for block in piece.blocks if block.cell_type is None and block.count]
    kinds = {block.name: block.kind or "no type" for block in blocks}
    return [f"block {name}: elements of type {kind} are left out" for name, kind in kinds.items()]
