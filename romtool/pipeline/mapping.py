"""Fields that live on another mesh, brought to the nodes or faces of a case."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from romtool.convert.nodal_fields import holds_series, open_nodal_series, order_field, read_nodal_field
from romtool.convert.registry import read_results
from romtool.errors import MeshError, ReaderError
from romtool.fem.loads import side_set_nodes
from romtool.fem.transfer import Transfer, build_transfer, face_centres
from romtool.types import Floats, Ints, Mesh

TOLERANCE = 0.5
"""How far outside the mesh of a field a place may be, in sizes of its cells."""
SAME = 0.05
"""Relative difference up to which two sizes count as the same."""
UNITS = {
    1e3: "metres against millimetres",
    1e2: "metres against centimetres",
    1e1: "centimetres against millimetres",
    25.4: "inches against millimetres",
    1e3 / 25.4: "metres against inches",
}


@dataclass(frozen=True, eq=False)
class Places:
    """Points that values are wanted at; equal where all coordinates are.

    Parameters
    ----------
    points: (n, 3) float [length].
    """

    points: Floats
    digest: str = field(default="")

    @classmethod
    def of(cls, points: Floats) -> "Places":
        """Return places with their digest."""
        values = np.ascontiguousarray(points, dtype=np.float64)
        return cls(values, hashlib.sha256(values.tobytes()).hexdigest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Places) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True)
class Bridge:
    """A mesh that fields live on, and what brings them to some places.

    Parameters
    ----------
    path: the file of the mesh.
    node_ids: (n_nodes,) ids of its nodes.
    transfer: to the places.
    """

    path: Path
    node_ids: Ints
    transfer: Transfer

    def bring(self, values: Floats, ids: Ints | None, file: Path) -> Floats:
        """Return the values of a field of the mesh at the places. Raises ReaderError."""
        if ids is None and len(values) != len(self.node_ids):
            raise ReaderError(
                f"{file} has {len(values)} values, the mesh {self.path} has {len(self.node_ids)} nodes; give the mesh "
                "that the field lives on, and a field with one value per node"
            )
        return np.asarray(self.transfer.matrix @ order_field(values, ids, self.node_ids, file))


def places_of(mesh: Mesh, region: str | None, on: Literal["face", "node"]) -> Floats:
    """Return the (n, 3) points that a field of a case is wanted at: nodes, or nodes or centres of faces of a side set.

    Raises
    ------
    MeshError: no such set.
    """
    if region is None:
        return mesh.points
    return face_centres(mesh, region) if on == "face" else mesh.points[side_set_nodes(mesh, region)]


def bridge_to(mesh: Path, points: Floats, tolerance: float = TOLERANCE) -> Bridge:
    """Return what brings fields of a mesh to some points; a mesh is searched once for the same points.

    Parameters
    ----------
    mesh: file of the mesh.
    points: (n, 3) float [length].
    tolerance: how far outside a point may be, in sizes of cells of the mesh.

    Raises
    ------
    ReaderError: a mesh that cannot be read.
    MeshError: points farther outside; the message says what the two have to do with each other.
    """
    stamp = mesh.stat().st_mtime_ns if mesh.exists() else 0
    found, source = _search(mesh, stamp, Places.of(points))
    transfer = found.transfer
    relative = transfer.distances / transfer.sizes
    far, count = int(np.argmax(relative)), int((relative > tolerance).sum())
    if count:
        raise MeshError(
            f"{mesh}: {count} of {len(points)} points lie farther outside it than {tolerance:g} sizes of its elements, "
            f"the farthest {transfer.distances[far]:.4g} = {relative[far]:.3g} sizes; "
            f"{_relation(source, points) or 'check that both are in the same place, or give a larger tolerance'}"
        )
    if tolerance < np.inf and (words := _other_units(source, points)):
        raise MeshError(f"{mesh}: {words}, or give the tolerance inf")
    return found


@lru_cache(maxsize=4)
def _search(path: Path, stamp: int, places: Places) -> tuple[Bridge, Floats]:
    """Read a mesh and search it for places; `stamp` tells one state of the file from another."""
    mesh = read_results(path).mesh
    return Bridge(path, mesh.node_ids, build_transfer(mesh, places.points)), mesh.points


def _other_units(source: Floats, target: Floats) -> str:
    """Say that a mesh is in other units than points, where it has their proportions and the size tells; else ""."""
    ours, theirs = np.sort(np.ptp(target, axis=0)), np.sort(np.ptp(source, axis=0))
    if not ours.all() or not theirs.all():
        return ""
    for factor, words in UNITS.items():
        for ratio in (factor, 1.0 / factor):
            if np.all(np.abs(theirs / ours / ratio - 1.0) < SAME):
                size = f"{ratio:.4g} times as large" if ratio > 1.0 else f"{1.0 / ratio:.4g} times smaller"
                return f"it is {size} in all directions: {words}; bring both to the same unit of length"
    return ""


def _relation(source: Floats, target: Floats) -> str:
    """Say what a mesh has to do with points outside it: other units, turned, moved; "" where that is not clear."""
    ours, theirs = np.ptp(target, axis=0), np.ptp(source, axis=0)
    if words := _other_units(source, target):
        return words
    ratios = np.sort(theirs) / np.maximum(np.sort(ours), 1e-300)
    if np.all(np.abs(ratios - 1.0) < SAME):
        if np.any(np.abs(theirs - ours) > 2.0 * SAME * ours):
            return "it has the same size along other axes: it is turned; bring both to the same axes"
        gap = 0.5 * (source.min(axis=0) + source.max(axis=0) - target.min(axis=0) - target.max(axis=0))
        if np.linalg.norm(gap) > SAME * ours.max():
            shift = ", ".join(f"{value:.4g}" for value in gap)
            return f"it has the same size but lies elsewhere, by ({shift}); bring both to the same place"
    return ""


def map_field(path: Path, name: str | None, mesh: Path, points: Floats) -> Floats:
    """Return a field that lives on another mesh at some points.

    Parameters
    ----------
    path: the field file; of a history the last time is taken.
    name: the array in the file.
    mesh: the mesh that it lives on; may be the same file.
    points: (n, 3) float [length].

    Raises
    ------
    ReaderError: a field or mesh that cannot be read, or do not belong together.
    MeshError: points outside the mesh.
    """
    bridge = bridge_to(mesh, points)
    if holds_series(path):
        series = open_nodal_series(path, name)
        return bridge.bring(series.read(len(series.times) - 1), series.ids, path)
    record = name if path.suffix.lower() == ".node" else None
    values, ids = read_nodal_field(path, name, count=None if record is None else len(bridge.node_ids))
    return bridge.bring(values, ids, path)
