"""Z-set meshes as romtool's `Mesh`: VTK node order, ascending node ids, fasets matched to element faces."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from romtool.cells import CELLS
from romtool.convert.damage import check_coordinates
from romtool.convert.zset_geo import MAGIC, parse_geo
from romtool.convert.zset_geof import parse_geof
from romtool.convert.zset_geometry import ElementGroup, Faces, Geometry, element_family
from romtool.errors import MeshError, ReaderError
from romtool.types import CellBlock, Ints, Mesh

_SOLIDS = {
    4: "tetra",
    5: "pyramid",
    6: "wedge",
    8: "hexahedron",
    10: "tetra10",
    13: "pyramid13",
    15: "wedge15",
    20: "hexahedron20",
}
_SURFACES = {3: "triangle", 4: "quad", 6: "triangle6", 8: "quad8"}
_LINES = {1: "vertex", 2: "line", 3: "line3"}
_FAMILIES = {
    **dict.fromkeys(("c3d", "x3d"), _SOLIDS),
    **dict.fromkeys(("c2d", "x2d", "cax", "xax", "m3d", "s3d", "skin3d"), _SURFACES),
    **dict.fromkeys(("l2d", "l3d", "b2d", "b3d", "r2d", "r3d"), _LINES),
}

_VTK_ORDER = {
    "tetra10": (0, 1, 2, 9, 3, 4, 5, 6, 7, 8),
    "wedge15": (0, 2, 4, 9, 11, 13, 1, 3, 5, 10, 12, 14, 6, 7, 8),
    "hexahedron20": (0, 2, 4, 6, 12, 14, 16, 18, 1, 3, 5, 7, 13, 15, 17, 19, 8, 9, 10, 11),
    "triangle6": (0, 2, 4, 1, 3, 5),
    "quad8": (0, 2, 4, 6, 1, 3, 5, 7),
    "line3": (0, 2, 1),
}
"""Where each VTK node stands in Z-set's list (others: as it is). c3d10: its first face with the mid-side
nodes of that face, those of the edges to the apex, the apex; c3d20: the bottom going round with its
mid-side nodes, the vertical ones, the top."""

FORMULATIONS = {
    "c3d4": "tet4",
    "c3d4r": "tet4",
    "c3d8": "hex8",
    "c3d10": "tet10_5",
    "c3d20": "hex20",
    "c3d20r": "hex20r",
}
"""romtool's formulation of the Z-set elements that it computes with."""


@dataclass(frozen=True)
class ZsetMesh:
    """A mesh and how the files beside it are ordered.

    Parameters
    ----------
    mesh: the mesh.
    n_file_nodes: number of nodes in the mesh file, used or not: the length of Z-set's nodal fields.
    node_ranks: (n_nodes,) position in the file of each node of `mesh`.
    element_ranks: (n_elements,) position in the file of each element of `mesh`.
    orientations: side set -> (n_faces,) 1 where the faset's own normal (right-hand rule) points out of the
        element of the side set, -1 where it points in.
    warnings: sentences that a user should read.
    """

    mesh: Mesh
    n_file_nodes: int
    node_ranks: Ints
    element_ranks: Ints
    orientations: Mapping[str, Ints]
    warnings: tuple[str, ...] = ()


def read_mesh(path: Path) -> ZsetMesh:
    """Read a Z-set mesh; the first bytes decide between `.geof` text and `.geo` binary.

    A face of a faset becomes the (element, local face) with the same corners, in the faset's order; a face
    between two elements becomes that of the element with the lower index (the block order), so that it
    points out of that one. A faset with a face that no solid has becomes a node set, with a warning.

    Parameters
    ----------
    path: the mesh file.

    Returns
    -------
    The mesh with the order of the file.

    Raises
    ------
    ReaderError: file missing, truncated, garbled, or with elements of an unknown type.
    MeshError: sets or elements that name absent ids, ids given twice.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReaderError(f"{path}: the mesh file cannot be read ({error.strerror}); put it there") from error
    binary = data.startswith(MAGIC)
    geometry = parse_geo(path, data) if binary else parse_geof(path, data.decode("latin-1"))
    return build_mesh(path, geometry)


def build_mesh(path: Path, geometry: Geometry) -> ZsetMesh:
    """Turn the content of a mesh file into rows and indices; see `read_mesh`.

    Parameters
    ----------
    path: the file, for messages. geometry: its content.

    Raises
    ------
    ReaderError, MeshError: as `read_mesh`.
    """
    _check_unique(path, geometry)
    used = np.unique(np.concatenate([group.nodes.reshape(-1) for group in geometry.groups]))
    node_ranks = _find(used, geometry.node_ids, f"{path}: an element names node")
    groups = [_ordered(group) for group in geometry.groups]
    check_coordinates(geometry.points[node_ranks], used, path)
    blocks = tuple(_block(path, group, used) for group in groups)
    bare = Mesh(geometry.points[node_ranks], used, blocks)
    warnings = list(geometry.warnings)
    side_sets, orientations, loose = _side_sets(bare, geometry.face_sets)
    node_sets = _node_sets(path, geometry, used, loose, warnings)
    element_sets = {
        name: _find(ids, bare.element_ids, f"{path}: element set {name!r} names element")
        for name, ids in geometry.element_sets.items()
    }
    mesh = Mesh(bare.points, used, blocks, node_sets, element_sets, side_sets)
    ranks = np.concatenate([group.ranks for group in groups])
    return ZsetMesh(mesh, len(geometry.node_ids), node_ranks, ranks, orientations, tuple(warnings))


def _check_unique(path: Path, geometry: Geometry) -> None:
    if not geometry.groups:
        raise ReaderError(f"{path}: holds no elements; expected **element with one or more: give a mesh of bodies")
    elements = np.concatenate([group.ids for group in geometry.groups])
    for what, ids in (("node", geometry.node_ids), ("element", elements)):
        values, counts = np.unique(ids, return_counts=True)
        if np.any(counts > 1):
            raise MeshError(f"{path}: {what} id {values[counts > 1][0]} is given twice; ids must be unique")


def _find(ids: Ints, table: Ints, what: str) -> Ints:
    """Return the positions of `ids` in `table`. Raises MeshError for an absent one, `what` says whose."""
    order = np.argsort(table, kind="stable")
    places = np.searchsorted(table, ids, sorter=order)
    rows = order[np.minimum(places, len(table) - 1)]
    absent = ids[table[rows] != ids]
    if len(absent):
        raise MeshError(f"{what} {absent[0]}, which the mesh does not have ({len(absent)} such); correct it")
    return np.asarray(rows, dtype=np.int64)


def _ordered(group: ElementGroup) -> ElementGroup:
    """Return the group in the file's order of elements."""
    order = np.argsort(group.ranks, kind="stable")
    return ElementGroup(group.solver_type, group.ids[order], group.ranks[order], group.nodes[order])


def _block(path: Path, group: ElementGroup, node_ids: Ints) -> CellBlock:
    cells = _FAMILIES.get(element_family(group.solver_type), {})
    cell_type = cells.get(group.nodes.shape[1])
    if cell_type is None:
        raise ReaderError(
            f"{path}: {len(group.ids)} elements of type {group.solver_type!r} (the first has id {group.ids[0]}) "
            "are unknown; romtool reads solids (c3d4 … c3d20r), surfaces and lines: take these out of the mesh"
        )
    order = _VTK_ORDER.get(cell_type, tuple(range(group.nodes.shape[1])))
    connectivity = np.searchsorted(node_ids, group.nodes[:, order])
    formulation = FORMULATIONS.get(group.solver_type, "")
    return CellBlock(cell_type, formulation, group.ids, connectivity.astype(np.int64), group.solver_type)


def _node_sets(
    path: Path, geometry: Geometry, used: Ints, loose: Iterable[str], warnings: list[str]
) -> dict[str, Ints]:
    """Return rows of the used nodes; fasets of `loose` join where no node set has their name."""
    sets: dict[str, Ints] = {}
    for name, ids in geometry.node_sets.items():
        _find(ids, geometry.node_ids, f"{path}: node set {name!r} names node")
        sets[name] = np.searchsorted(used, ids[np.isin(ids, used)]).astype(np.int64)
        if len(sets[name]) < len(ids):
            left_out = len(ids) - len(sets[name])
            warnings.append(f"{path.name}: {left_out} nodes of node set {name!r} belong to no element: left out")
    for name in loose:
        ids = np.unique(geometry.face_sets[name].nodes)
        _find(ids, geometry.node_ids, f"{path}: faset {name!r} names node")
        sets.setdefault(name, np.searchsorted(used, ids[np.isin(ids, used)]).astype(np.int64))
        warnings.append(
            f"{path.name}: faset {name!r} has faces that no solid element has: it is no side set, only a node set"
        )
    return sets


def _side_sets(mesh: Mesh, face_sets: Mapping[str, Faces]) -> tuple[dict[str, Ints], dict[str, Ints], list[str]]:
    """Return side sets, their orientations, and the names of the fasets that match no element faces."""
    if not face_sets:
        return {}, {}, []
    corners = np.concatenate([faces.corners for faces in face_sets.values()])
    matched, orientation = match_faces(mesh, corners)
    ends = np.cumsum([0] + [len(faces.corners) for faces in face_sets.values()])
    side_sets, orientations, loose = {}, {}, []
    for name, (start, end) in zip(face_sets, pairwise(ends), strict=True):
        if np.any(matched[start:end] < 0):
            loose.append(name)
        else:
            side_sets[name], orientations[name] = matched[start:end], orientation[start:end]
    return side_sets, orientations, loose


def match_faces(mesh: Mesh, corners: Ints) -> tuple[Ints, Ints]:
    """Find the element faces with the given corners.

    Parameters
    ----------
    mesh: the mesh; only its solid blocks have faces.
    corners: (n_faces, 4) node ids of the corners, -1 beyond the last.

    Returns
    -------
    (n_faces, 2) element index and local face of the first element that has it, -1 where none has; and
    (n_faces,) 1 where the corners go round as seen from outside that element, -1 where they do not.
    """
    table, owners = _element_faces(mesh, np.unique(corners))
    keys = np.sort(np.concatenate([table, corners]), axis=1)
    labels = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((owners[:, 1], owners[:, 0], labels[: len(table)]))
    wanted = labels[len(table) :]
    places = np.searchsorted(labels[order], wanted)
    rows = np.append(order, -1)[places]
    found = (rows >= 0) & (np.append(labels[: len(table)], -1)[rows] == wanted)
    rows = np.where(found, rows, -1)
    matched = np.where(found[:, None], np.append(owners, [[-1, -1]], axis=0)[rows], -1)
    padded = np.append(table, np.full((1, 4), -1), axis=0)
    return matched, _turn(padded[rows], corners)


def _element_faces(mesh: Mesh, node_ids: Ints) -> tuple[Ints, Ints]:
    """Return the corner ids (n, 4) and owners (n, 2) of all element faces that could have these corners."""
    flags = np.isin(mesh.node_ids, node_ids)
    tables, owners, first = [np.zeros((0, 4), np.int64)], [np.zeros((0, 2), np.int64)], 0
    for block in mesh.blocks:
        cell = CELLS.get(block.cell_type)
        touched = np.flatnonzero(flags[block.connectivity].sum(axis=1) >= 3)
        for local, face in enumerate(cell.faces if cell else ()):
            n_corners = 3 if len(face) in (3, 6) else 4
            corners = np.full((len(touched), 4), -1, dtype=np.int64)
            corners[:, :n_corners] = mesh.node_ids[block.connectivity[touched][:, list(face[:n_corners])]]
            tables.append(corners)
            owners.append(np.column_stack([first + touched, np.full(len(touched), local)]))
        first += len(block.element_ids)
    return np.concatenate(tables), np.concatenate(owners)


def _turn(outward: Ints, given: Ints) -> Ints:
    """Return 1 where both (n, 4) corner lists go round the same way, -1 elsewhere."""
    rows = np.arange(len(given))
    start = np.argmax(outward == given[:, :1], axis=1)
    n_corners = np.maximum((outward >= 0).sum(axis=1), 1)
    same = outward[rows, (start + 1) % n_corners] == given[:, 1]
    return np.where(same, 1, -1)
