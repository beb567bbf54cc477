"""Values of a Z-set mesh file, whichever way it was written: ids and names untouched."""

import re
from dataclasses import dataclass, field

import numpy as np

from romtool.errors import ReaderError
from romtool.types import Floats, Ints

FACE_NODES = {"t3": 3, "t6": 6, "q4": 4, "q8": 8, "line": 2, "quad": 3}
"""Number of nodes of the faces and lines of a set."""

_FACE_CORNERS: dict[str, tuple[int, ...]] = {
    "t3": (0, 1, 2),
    "t6": (0, 2, 4),
    "q4": (0, 1, 2, 3),
    "q8": (0, 2, 4, 6),
    "line": (),
    "quad": (),
}

_ELEMENT_TYPE = re.compile(r"([a-z]+(?:[123]d)?)(\d+)(\S*)")


@dataclass(frozen=True)
class ElementGroup:
    """Elements of one type: their ids, positions in the file, and node ids in Z-set's order.

    Parameters
    ----------
    solver_type: e.g. "c3d10".
    ids, ranks: (n,) ids, and positions counted from zero.
    nodes: (n, n_element_nodes) node ids.
    """

    solver_type: str
    ids: Ints
    ranks: Ints
    nodes: Ints


@dataclass(frozen=True)
class Faces:
    """The faces of a faset in its order.

    Parameters
    ----------
    corners: (n, 4) node ids of the corners, -1 beyond the last.
    nodes: (m,) all node ids, corners and mid-side.
    """

    corners: Ints
    nodes: Ints


@dataclass
class Geometry:
    """What a mesh file holds, as it is gathered section by section.

    Parameters
    ----------
    node_ids, points: (n,) ids and (n, 3) coordinates, in the file's order.
    groups: the elements by type, in order of first appearance.
    node_sets, element_sets: name -> ids.
    face_sets: name -> faces.
    warnings: sentences that a user should read.
    """

    node_ids: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    points: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    groups: tuple[ElementGroup, ...] = ()
    node_sets: dict[str, Ints] = field(default_factory=dict)
    element_sets: dict[str, Ints] = field(default_factory=dict)
    face_sets: dict[str, Faces] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def element_nodes(solver_type: str, place: str) -> int:
    """Return how many nodes a Z-set element type has: `c3d20r` 20.

    Raises
    ------
    ReaderError: no such form of name; `place` says where it stands.
    """
    match = _ELEMENT_TYPE.fullmatch(solver_type)
    if match is None:
        raise ReaderError(f"{place}: element type {solver_type!r} is not like c3d8 or c3d10r; correct the file")
    return int(match[2])


def element_family(solver_type: str) -> str:
    """Return the letters before the number of nodes, e.g. "c3d"; "" where the name has another form."""
    match = _ELEMENT_TYPE.fullmatch(solver_type)
    return match[1] if match else ""


def face_nodes(kind: str, place: str) -> int:
    """Return how many nodes a face or line of a set has: t6 6. Raises ReaderError for an unknown one."""
    if kind not in FACE_NODES:
        raise ReaderError(f"{place}: face type {kind!r} is unknown; expected one of {', '.join(FACE_NODES)}")
    return FACE_NODES[kind]


def gather_faces(parts: list[tuple[str, Ints, Ints]]) -> Faces:
    """Put the faces of a set together.

    The nodes of quadratic faces go round: corner, middle, corner, …; lines have no corners here.

    Parameters
    ----------
    parts: (type, (n,) positions in the set, (n, n_face_nodes) node ids) for each type.
    """
    n_faces = sum(len(rows) for _, rows, _ in parts)
    corners = np.full((n_faces, 4), -1, dtype=np.int64)
    for kind, rows, nodes in parts:
        local = _FACE_CORNERS[kind]
        corners[rows[:, None], np.arange(len(local))] = nodes[:, local]
    flat = [nodes.reshape(-1) for _, _, nodes in parts]
    return Faces(corners, np.concatenate(flat) if flat else np.zeros(0, dtype=np.int64))
