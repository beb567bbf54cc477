"""Checks of a mesh that catch every fault of node order, numbering and sets that readers were seen to make."""

from collections.abc import Mapping

import numpy as np

from romtool.cells import CELLS
from romtool.errors import MeshError
from romtool.fem import kernels
from romtool.fem.elements import ELEMENTS, element_of
from romtool.fem.operators import inverted_message
from romtool.types import CellBlock, Floats, Ints, Mesh

MIDSIDE_TOLERANCE = 0.35
"""Largest distance of a mid-side node from the middle of its edge, in lengths of the edge."""


def check_mesh(mesh: Mesh) -> None:
    """Check numbering, sets, node order and Jacobians of a mesh.

    Blocks without a formulation are checked for numbering only.

    Parameters
    ----------
    mesh: as a reader made it.

    Raises
    ------
    MeshError: the first fault found, with what to do.
    """
    _check_numbering(mesh)
    for block in mesh.blocks:
        _check_connectivity(block, mesh.n_nodes)
    _check_unused(mesh)
    _check_sets(mesh)
    for block in mesh.blocks:
        if block.formulation in ELEMENTS:
            _check_midside(block, mesh.points)
            _check_jacobians(block, mesh.points)


def _check_numbering(mesh: Mesh) -> None:
    """Raise where ids are not unique and ascending, or coordinates not finite."""
    if mesh.points.shape != (len(mesh.node_ids), 3):
        raise MeshError(f"points have shape {mesh.points.shape}; expected ({len(mesh.node_ids)}, 3); check the reader")
    if not np.isfinite(mesh.points).all():
        first = mesh.node_ids[~np.isfinite(mesh.points).all(axis=1)][0]
        raise MeshError(f"node {first} has a coordinate that is not a number; repair the mesh file")
    steps = np.diff(mesh.node_ids)
    if (steps <= 0).any():
        first = mesh.node_ids[1:][steps <= 0][0]
        raise MeshError(f"node ids are not strictly ascending at {first}; sort the nodes, each id once")
    ids, counts = np.unique(mesh.element_ids, return_counts=True)
    if (counts > 1).any():
        raise MeshError(f"element id {ids[counts > 1][0]} is used more than once; expected unique ids")


def _check_connectivity(block: CellBlock, n_nodes: int) -> None:
    """Raise where a block refers to nodes that are not there or has the wrong number of them."""
    name = block.solver_type or block.cell_type
    rows = block.connectivity
    if len(rows) != len(block.element_ids):
        raise MeshError(f"{name}: {len(rows)} rows of nodes for {len(block.element_ids)} element ids")
    if block.cell_type in CELLS and rows.shape[1] != CELLS[block.cell_type].n_nodes:
        raise MeshError(
            f"{name}: {rows.shape[1]} nodes per {block.cell_type}; expected {CELLS[block.cell_type].n_nodes}"
        )
    if rows.size and (rows.min() < 0 or rows.max() >= n_nodes):
        bad = ((rows < 0) | (rows >= n_nodes)).any(axis=1)
        raise MeshError(f"element {block.element_ids[bad][0]} refers to a node that is not in the mesh")


def _check_unused(mesh: Mesh) -> None:
    """Raise where nodes belong to no element."""
    used = np.zeros(mesh.n_nodes, dtype=bool)
    for block in mesh.blocks:
        used[block.connectivity] = True
    if not used.all():
        raise MeshError(
            f"{int((~used).sum())} nodes belong to no element (first id: {mesh.node_ids[~used][0]}); "
            "leave them out of the mesh"
        )


def _check_range(kind: str, sets: Mapping[str, Ints], limit: int) -> None:
    """Raise where a set holds an index outside [0, limit)."""
    for name, members in sets.items():
        if members.size and (members.min() < 0 or members.max() >= limit):
            raise MeshError(f"{kind} set '{name}' refers to entries outside the mesh ({limit} of them exist)")


def _check_sets(mesh: Mesh) -> None:
    """Raise where a set refers to nodes, elements or faces that do not exist."""
    _check_range("node", mesh.node_sets, mesh.n_nodes)
    _check_range("element", mesh.element_sets, mesh.n_elements)
    _check_range("side", {name: sides[:, 0] for name, sides in mesh.side_sets.items()}, mesh.n_elements)
    known = [len(CELLS[b.cell_type].faces) if b.cell_type in CELLS else 0 for b in mesh.blocks]
    n_faces = np.repeat(known, [len(b.element_ids) for b in mesh.blocks])
    for name, sides in mesh.side_sets.items():
        bad = (sides[:, 1] < 0) | (sides[:, 1] >= n_faces[sides[:, 0]])
        if bad.any():
            element, face = sides[bad][0]
            raise MeshError(
                f"side set '{name}' refers to face {face} of element {mesh.element_ids[element]}, "
                f"which has {n_faces[element]}; expected local faces counted from 0"
            )


def _check_midside(block: CellBlock, points: Floats) -> None:
    """Raise where a mid-side node is far from the middle of its edge."""
    cell = CELLS[block.cell_type]
    if cell.n_nodes == cell.n_corners:
        return
    for k, (a, b) in enumerate(cell.edges):
        ends, other = points[block.connectivity[:, a]], points[block.connectivity[:, b]]
        middle = points[block.connectivity[:, cell.n_corners + k]]
        offset = np.linalg.norm(middle - 0.5 * (ends + other), axis=1)
        bad = ~(offset <= MIDSIDE_TOLERANCE * np.linalg.norm(other - ends, axis=1))
        if bad.any():
            ids = ", ".join(str(i) for i in block.element_ids[bad][:5])
            raise MeshError(
                f"{int(bad.sum())} {block.solver_type or block.cell_type} elements have a mid-side node far "
                f"from edge {k} (first ids: {ids}); expected VTK node order; check the node order of the file"
            )


def _check_jacobians(block: CellBlock, points: Floats) -> None:
    """Raise where a Jacobian is not positive at an integration point."""
    element = element_of(block)
    connectivity = np.ascontiguousarray(block.connectivity, dtype=np.int64)
    reference = np.ascontiguousarray(element.shape_gradients(element.points))
    bad = kernels.inverted_cells(np.ascontiguousarray(points, dtype=np.float64), connectivity, reference)
    if bad.any():
        raise MeshError(inverted_message(block, bad))
