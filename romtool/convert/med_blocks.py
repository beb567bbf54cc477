"""Blocks of a MED mesh by integration rule, and where the rows of its fields are in the mesh."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.convert.grid import GridMesh
from romtool.convert.med_file import CellType
from romtool.convert.med_rules import PointRule
from romtool.types import CellBlock, Floats, Ints, Mesh


@dataclass(frozen=True)
class Layout:
    """Where the values of a file are in the mesh.

    Parameters
    ----------
    mesh: the mesh; a block has one cell type and one rule.
    cell_types: the file's cells.
    node_rows, cell_rows: (n_nodes,), (n_elements,) rows in the file.
    element_of: (n_cells,) element of each of the file's cells, -1 for those that are none.
    rules: of each block, None where the file gives none.
    starts: (n_elements,) first point of each element.
    block_of: (n_elements,) block of each element.
    n_file_nodes, n_points: counts.
    """

    mesh: Mesh
    cell_types: tuple[CellType, ...]
    node_rows: Ints
    cell_rows: Ints
    element_of: Ints
    rules: tuple[PointRule | None, ...]
    starts: Ints
    block_of: Ints
    n_file_nodes: int
    n_points: int

    @property
    def n_cells(self) -> int:
        """Return the number of cells in the file."""
        return len(self.element_of)

    def fill_points(self, out: Floats, cells: Ints, rule: str, values: Floats) -> None:
        """Put the values at the points of some cells in their rows, in the order of the formulation's points.

        Parameters
        ----------
        out: (n_points, n_components) float, changed.
        cells: (n,) rows of the file's cells.
        rule: name of the localisation; elements with another rule are passed over.
        values: (n * n_rule_points, n_components) float.
        """
        elements = self.element_of[cells]
        per_cell = values.reshape(len(cells), -1, values.shape[1])
        for k, own in enumerate(self.rules):
            if own is not None and own.name == rule:
                chosen = np.flatnonzero((elements >= 0) & (self.block_of[elements] == k))
                rows = self.starts[elements[chosen]][:, None] + np.arange(own.n_points)
                out[rows] = per_cell[chosen][:, own.order]


def lay_out(
    built: GridMesh, cell_types: Sequence[CellType], rule_of: Ints, rules: Sequence[PointRule], n_file_nodes: int
) -> Layout:
    """Divide the blocks of a mesh by rule and number the points.

    Parameters
    ----------
    built: the mesh, one block per cell type.
    cell_types: the file's cells.
    rule_of: (n_cells,) position of each cell's rule in `rules`, -1 where it has none.
    rules: all rules.
    n_file_nodes: number of nodes in the file.
    """
    own = rule_of[built.cell_rows]
    sizes = [len(block.element_ids) for block in built.mesh.blocks]
    parts = np.split(np.arange(len(own)), np.cumsum(sizes)[:-1])
    pieces = [
        (block, part[0], part[own[part] == number], int(number))
        for block, part in zip(built.mesh.blocks, parts, strict=True)
        for number in np.unique(own[part])
    ]
    chosen = [None if number < 0 else rules[number] for *_, number in pieces]
    blocks = tuple(
        _with_rule(block, members - start, rule)
        for (block, start, members, _), rule in zip(pieces, chosen, strict=True)
    )
    order = np.concatenate([members for _, _, members, _ in pieces])
    n_points = np.repeat([0 if rule is None else rule.n_points for rule in chosen], [len(p[2]) for p in pieces])
    cell_rows = built.cell_rows[order]
    element_of = np.full(len(rule_of), -1, dtype=np.int64)
    element_of[cell_rows] = np.arange(len(cell_rows))
    return Layout(
        mesh=_reordered(built.mesh, blocks, order),
        cell_types=tuple(cell_types),
        node_rows=built.node_rows,
        cell_rows=cell_rows,
        element_of=element_of,
        rules=tuple(chosen),
        starts=np.cumsum(n_points) - n_points,
        block_of=np.repeat(np.arange(len(pieces)), [len(p[2]) for p in pieces]),
        n_file_nodes=n_file_nodes,
        n_points=int(n_points.sum()),
    )


def _with_rule(block: CellBlock, members: Ints, rule: PointRule | None) -> CellBlock:
    """Return some elements of a block with the formulation of their rule."""
    formulation = block.formulation if rule is None else rule.formulation
    kind = block.solver_type if rule is None else f"{block.solver_type} with {rule.n_points} points ({rule.name})"
    return replace(
        block,
        formulation=formulation,
        solver_type=kind,
        element_ids=block.element_ids[members],
        connectivity=block.connectivity[members],
    )


def _reordered(mesh: Mesh, blocks: tuple[CellBlock, ...], order: Ints) -> Mesh:
    """Return a mesh with other blocks; element k of it was element `order[k]`."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    moved: Mapping[str, Ints] = {
        name: np.stack([place[sides[:, 0]], sides[:, 1]], axis=1) for name, sides in mesh.side_sets.items()
    }
    return replace(
        mesh,
        blocks=blocks,
        element_sets={name: np.sort(place[rows]) for name, rows in mesh.element_sets.items()},
        side_sets=moved,
    )
