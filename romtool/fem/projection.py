"""Points projected on the faces of a side set: nearest face, shape functions there, distance."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from romtool.cells import FACE_CELLS
from romtool.fem.loads import face_groups
from romtool.fem.shapes import reference_cell, shape_functions, shape_gradients
from romtool.types import Floats, Ints, Mesh

_CANDIDATES = 12
_ITERATIONS = 12
_WEIGHT = 1e-9
"""Values of shape functions below which a node has no part."""


@dataclass(frozen=True)
class Projection:
    """Where points are on faces.

    Parameters
    ----------
    nodes: (n, 8) int, rows of the mesh's nodes of the nearest face; -1 behind its last.
    weights: (n, 8) float, its shape functions at the nearest point; 0 behind its last.
    distances: (n,) float [length]. sizes: (n,) float [length], of that face.
    """

    nodes: Ints
    weights: Floats
    distances: Floats
    sizes: Floats


def project(mesh: Mesh, name: str, points: Floats) -> Projection:
    """Project points on the faces of a side set.

    Parameters
    ----------
    mesh: the mesh.
    name: of the side set.
    points: (n, 3) float [length].

    Raises
    ------
    MeshError: no such set, or faces of elements that cannot be computed with.
    """
    count = len(points)
    found = Projection(
        np.full((count, 8), -1), np.zeros((count, 8)), np.full(count, np.inf), np.ones(count)
    )  # fmt: skip
    for faces in _by_shape(mesh, name):
        _improve(found, mesh.points, faces, points)
    return found


def _by_shape(mesh: Mesh, name: str) -> Iterator[Ints]:
    """Yield the (n, n_face_nodes) nodes of all faces of one shape."""
    groups = [group.nodes for group in face_groups(mesh, name)]
    for width in sorted({nodes.shape[1] for nodes in groups}):
        yield np.concatenate([nodes for nodes in groups if nodes.shape[1] == width])


def _improve(found: Projection, coordinates: Floats, faces: Ints, points: Floats) -> None:
    """Take the faces of one shape into account."""
    from scipy.spatial import cKDTree

    width = faces.shape[1]
    corners = coordinates[faces]
    centres = corners.mean(axis=1)
    sizes = np.linalg.norm(np.ptp(corners, axis=1), axis=1)
    _, near = cKDTree(centres).query(points, k=min(_CANDIDATES, len(faces)))
    for candidate in near.reshape(len(points), -1).T:
        local = _nearest(FACE_CELLS[width], corners[candidate], points)
        weights = shape_functions(FACE_CELLS[width], local)
        distances = np.linalg.norm(np.einsum("na,nai->ni", weights, corners[candidate]) - points, axis=1)
        better = distances < found.distances - 1e-12 * sizes[candidate]
        found.nodes[better] = -1
        found.nodes[better, :width] = faces[candidate[better]]
        found.weights[better] = 0.0
        found.weights[better, :width] = np.where(np.abs(weights) < _WEIGHT, 0.0, weights)[better]
        found.distances[better], found.sizes[better] = distances[better], sizes[candidate[better]]


def _nearest(shape: str, corners: Floats, points: Floats) -> Floats:
    """Return the (n, 2) reference coordinates, within the face, nearest to each point (Gauss-Newton's method)."""
    local = np.tile(reference_cell(shape).nodes[: 3 if "triangle" in shape else 4].mean(axis=0), (len(points), 1))
    for _ in range(_ITERATIONS):
        gap = points - np.einsum("na,nai->ni", shape_functions(shape, local), corners)
        tangents = np.einsum("naj,nai->nij", shape_gradients(shape, local), corners)
        normal = np.einsum("nij,nik->njk", tangents, tangents)
        step = np.linalg.solve(normal, np.einsum("nij,ni->nj", tangents, gap)[..., None])[..., 0]
        local = _inside(shape, local + step)
    return local


def _inside(shape: str, local: Floats) -> Floats:
    """Move reference coordinates into the face."""
    if "triangle" not in shape:
        return np.clip(local, -1.0, 1.0)
    within = np.clip(local, 0.0, None)
    beyond = np.clip(within.sum(axis=1, keepdims=True) - 1.0, 0.0, None)
    within = np.clip(within - 0.5 * beyond, 0.0, 1.0)
    return np.asarray(within / np.maximum(within.sum(axis=1, keepdims=True), 1.0))
