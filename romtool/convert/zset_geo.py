"""Z-set's binary mesh `.geo`.

It is big-endian. Every section starts with the magic word, then its name; a text is an int32 length
(its final NUL included) and the bytes. node: count, dimension, then (int32 id, float64 coordinates) each.
element: count, number of groups; a group is its count, element type, number of nodes, then (id, rank,
nodes) each. nset, elset: count, then (name, count, ranks) each. bset: count, then (name, "faset" or
"liset", count, faces) each, a face being its number of nodes, the nodes, and five bytes that hold its type.
All nodes and elements are ranks from zero. The layout was read off a file whose `.geof` is known.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import numpy as np

from romtool.convert.zset_geometry import FACE_NODES, ElementGroup, Geometry, face_nodes, gather_faces
from romtool.errors import MeshError, ReaderError
from romtool.types import Ints

MAGIC = b"Z7BINARYGEOF\x00"
"""How every section of a `.geo` file starts."""


@final
class _Cursor:
    """Reads big-endian values one after the other and says where a file ends too early."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.offset, self.section = path, data, 0, "header"

    def bytes(self, count: int) -> bytes:
        end = self.offset + count
        if count < 0 or end > len(self.data):
            raise ReaderError(
                f"{self.path}: truncated or damaged in section {self.section!r}: {len(self.data)} bytes found, "
                f"at least {max(end, 0)} expected; write the mesh again"
            )
        start, self.offset = self.offset, end
        return self.data[start:end]

    def integer(self) -> int:
        return int.from_bytes(self.bytes(4), "big", signed=True)

    def text(self) -> str:
        return self.bytes(self.integer()).split(b"\x00")[0].decode("latin-1")

    def integers(self, count: int) -> Ints:
        return np.frombuffer(self.bytes(4 * count), dtype=">i4").astype(np.int64)

    def records(self, dtype: np.dtype[Any], count: int) -> Any:
        return np.frombuffer(self.bytes(dtype.itemsize * count), dtype=dtype)


def parse_geo(path: Path, data: bytes) -> Geometry:
    """Take a binary mesh apart.

    Parameters
    ----------
    path: the file, for messages. data: all of it.

    Raises
    ------
    ReaderError: truncated or damaged. MeshError: ranks beyond the nodes or elements.
    """
    geometry, cursor = Geometry(), _Cursor(path, data)
    while True:
        if cursor.bytes(len(MAGIC)) != MAGIC:
            raise ReaderError(f"{path}: damaged behind section {cursor.section!r} (byte {cursor.offset})")
        cursor.section = cursor.text()
        if cursor.section == "return":
            return geometry
        read = _SECTIONS.get(cursor.section)
        if read is None:
            geometry.warnings.append(f"{path.name}: not read beyond section {cursor.section!r}, which is unknown")
            return geometry
        read(geometry, cursor)


def _read_nodes(geometry: Geometry, cursor: _Cursor) -> None:
    count, dimension = cursor.integer(), cursor.integer()
    if dimension not in (1, 2, 3):
        raise ReaderError(f"{cursor.path}: {dimension} dimensions, expected 1, 2 or 3; the file is damaged")
    table = cursor.records(np.dtype([("id", ">i4"), ("x", ">f8", (dimension,))]), count)
    geometry.node_ids = table["id"].astype(np.int64)
    geometry.points = np.zeros((count, 3))
    geometry.points[:, :dimension] = table["x"]


def _ids(ranks: Ints, ids: Ints, what: str, cursor: _Cursor) -> Ints:
    wrong = ranks[(ranks < 0) | (ranks >= len(ids))]
    if len(wrong):
        raise MeshError(f"{cursor.path}: {what} names rank {wrong[0]}, but there are {len(ids)}; write it again")
    return ids[ranks]


def _read_elements(geometry: Geometry, cursor: _Cursor) -> None:
    _, n_groups = cursor.integer(), cursor.integer()
    groups = []
    for _ in range(n_groups):
        count, kind, n_nodes = cursor.integer(), cursor.text(), cursor.integer()
        rows = cursor.integers(count * (2 + n_nodes)).reshape(count, 2 + n_nodes)
        nodes = _ids(rows[:, 2:], geometry.node_ids, f"an element {kind}", cursor)
        groups.append(ElementGroup(kind, rows[:, 0], rows[:, 1], nodes))
    geometry.groups = tuple(groups)


def _read_node_sets(geometry: Geometry, cursor: _Cursor) -> None:
    for _ in range(cursor.integer()):
        name = cursor.text()
        ranks = cursor.integers(cursor.integer())
        geometry.node_sets[name] = _ids(ranks, geometry.node_ids, f"node set {name!r}", cursor)


def _read_element_sets(geometry: Geometry, cursor: _Cursor) -> None:
    ids = np.zeros(sum(len(group.ids) for group in geometry.groups), dtype=np.int64)
    for group in geometry.groups:
        _ids(group.ranks, ids, "the element section", cursor)
        ids[group.ranks] = group.ids
    for _ in range(cursor.integer()):
        name = cursor.text()
        ranks = cursor.integers(cursor.integer())
        geometry.element_sets[name] = _ids(ranks, ids, f"element set {name!r}", cursor)


def _read_face_sets(geometry: Geometry, cursor: _Cursor) -> None:
    for _ in range(cursor.integer()):
        name, _, count = cursor.text(), cursor.text(), cursor.integer()
        parts, done = [], 0
        while done < count:
            kind, ranks = _read_run(cursor, count - done)
            nodes = _ids(ranks, geometry.node_ids, f"set {name!r}", cursor)
            parts.append((kind, np.arange(done, done + len(ranks)), nodes))
            done += len(ranks)
        geometry.face_sets[name] = gather_faces(parts)


def _read_run(cursor: _Cursor, most: int) -> tuple[str, Ints]:
    """Read the faces of one type that follow each other: at most `most`; return type and node ranks."""
    n_nodes = int.from_bytes(cursor.data[cursor.offset : cursor.offset + 4], "big", signed=True)
    if n_nodes not in FACE_NODES.values():
        raise ReaderError(f"{cursor.path}: a face of {n_nodes} nodes (byte {cursor.offset}); the file is damaged")
    record = np.dtype([("n", ">i4"), ("nodes", ">i4", (n_nodes,)), ("kind", "V5")])
    there = min(most, (len(cursor.data) - cursor.offset) // record.itemsize)
    same = np.frombuffer(cursor.data, record, there, cursor.offset)["n"] == n_nodes
    table = cursor.records(record, int(np.argmin(same)) if there and not same.all() else max(there, 1))
    kind = bytes(table["kind"][0]).split(b"\x00")[0].decode("latin-1")
    if face_nodes(kind, str(cursor.path)) != n_nodes:
        raise ReaderError(f"{cursor.path}: a face {kind!r} with {n_nodes} nodes; the file is damaged")
    return kind, table["nodes"].astype(np.int64)


def _read_point_sets(geometry: Geometry, cursor: _Cursor) -> None:
    if cursor.integer():
        raise ReaderError(f"{cursor.path}: sets of integration points are not read; write the mesh without them")


_SECTIONS: dict[str, Callable[[Geometry, _Cursor], None]] = {
    "node": _read_nodes,
    "element": _read_elements,
    "nset": _read_node_sets,
    "elset": _read_element_sets,
    "bset": _read_face_sets,
    "ipset": _read_point_sets,
}
