"""Scattering of a plane wave by a rigid closed body: Burton-Miller boundary elements, and the sphere's series.

Time goes as exp(-i k t), G = exp(i k r) / (4 pi r), normals point outwards. With p the total pressure on the surface,
D the double-layer operator and N its normal derivative,

    (1/2 - D - i/k N) p = p_inc + i/k dp_inc/dn

has one solution for every k (Burton, Miller 1971). Flat triangles, constant pressure on each, collocation at the
centroids. On its own triangle D is zero and N is an integral over the angle,
i k / 2 - (1 / 4 pi) ∮ exp(i k R(a)) / R(a) da, with R(a) the distance from the centroid to the edge.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.special import eval_legendre, spherical_jn, spherical_yn

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

NEAR = 2.0
"""Triangles whose centroids are closer than this many times the source's longest edge are integrated finely."""
FINE = 4
"""For these each edge is divided into so many."""
ANGLES = 16
"""Gauss points per edge of the integral over the angle."""


@dataclass(frozen=True)
class Surface:
    """Flat triangles of a closed surface.

    Parameters
    ----------
    corners: (n, 3, 3) float, triangle, corner, coordinate.
    centres, normals: (n, 3) float, normals outwards and of unit length.
    areas: (n,) float.
    """

    corners: Floats
    centres: Floats
    normals: Floats
    areas: Floats


def ellipsoid(n_edge: int, axes: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Surface:
    """Divide an icosahedron's faces into `20 n_edge**2` triangles in all and map them to an ellipsoid.

    The polyhedron in the unit sphere is blown up to the sphere's area before its axes are scaled to `axes`.
    """
    corners = np.einsum("scb,fbx->fscx", divide(n_edge), _icosahedron()).reshape(-1, 3, 3)
    corners /= np.linalg.norm(corners, axis=2, keepdims=True)
    corners *= np.sqrt(4 * np.pi / np.linalg.norm(_area_vectors(corners), axis=1).sum()) * np.asarray(axes)
    vectors = _area_vectors(corners)
    areas = np.linalg.norm(vectors, axis=1)
    return Surface(corners, corners.mean(axis=1), vectors / areas[:, None], areas)


def divide(n: int) -> Floats:
    """Return the (n**2, 3, 3) barycentric corners of the equal parts of a triangle, each edge divided into `n`."""
    i, j = np.nonzero(np.add.outer(np.arange(n), np.arange(n)) < n)
    upward = np.stack([np.column_stack((i + a, j + b)) for a, b in ((0, 0), (1, 0), (0, 1))], axis=1)
    i, j = np.nonzero(np.add.outer(np.arange(n), np.arange(n)) < n - 1)
    downward = np.stack([np.column_stack((i + a, j + b)) for a, b in ((1, 0), (1, 1), (0, 1))], axis=1)
    first = np.concatenate((upward, downward)) / n
    return np.concatenate((first, 1 - first.sum(axis=2, keepdims=True)), axis=2)


def assemble(surface: Surface, k: float) -> Complexes:
    """Return the (n, n) matrix of 1/2 - D - i/k N at the wavenumber `k`."""
    fine = _composite_rule(FINE)
    sizes = np.linalg.norm(surface.corners - np.roll(surface.corners, 1, axis=1), axis=2).max(axis=1)
    geometry = surface.centres, surface.normals, surface.corners, surface.areas, NEAR * sizes
    matrix = _off_diagonal(k, *geometry, *_composite_rule(1), *fine)
    np.fill_diagonal(matrix, 0.5 - 1j / k * _own_triangles(surface, k))
    return matrix


def plane_wave(surface: Surface, k: float, direction: Floats) -> Complexes:
    """Return the (n,) right-hand side of the plane wave exp(i k direction . x)."""
    return np.exp(1j * k * surface.centres @ direction) * (1 - surface.normals @ direction)


def sphere_pressure(k: float, cosines: Floats) -> Complexes:
    """Return the total pressure on the rigid unit sphere, (n,), at `cosines` of the angle with the wave's direction.

    p = sum over n of i^(n+1) (2n+1) P_n(cosine) / (k² h_n'(k)): Mie's series with the Wronskian of j_n and h_n.
    """
    n = np.arange(int(k + 4 * np.cbrt(k) + 25))
    slopes = spherical_jn(n, k, derivative=True) + 1j * spherical_yn(n, k, derivative=True)
    return (1j ** (n + 1) * (2 * n + 1) / (k**2 * slopes)) @ eval_legendre(n[:, None], cosines[None, :])


def sphere_error(n_edge: int, k: float) -> float:
    """Return the relative error of the pressure at the centroids of a sphere, against the series."""
    surface, direction = ellipsoid(n_edge), np.array([2.0, -1.0, 2.0]) / 3
    pressure = np.linalg.solve(assemble(surface, k), plane_wave(surface, k, direction))
    exact = sphere_pressure(k, surface.centres @ direction / np.linalg.norm(surface.centres, axis=1))
    return float(np.linalg.norm(pressure - exact) / np.linalg.norm(exact))


def _icosahedron() -> Floats:
    """Return the (20, 3, 3) corners of the faces, anticlockwise as seen from outside."""
    golden = (1 + np.sqrt(5)) / 2
    points = np.array([np.roll((0, s, t * golden), shift) for s in (1, -1) for t in (1, -1) for shift in range(3)])
    faces = points[ConvexHull(points).simplices]
    inwards = np.einsum("fx,fx->f", _area_vectors(faces), faces[:, 0]) < 0
    faces[inwards] = faces[inwards, ::-1]
    return faces


def _area_vectors(corners: Floats) -> Floats:
    """Return the (n, 3) normals of triangles, as long as their areas."""
    return 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _composite_rule(n: int) -> tuple[Floats, Floats]:
    """Return barycentric points (m, 3) and weights (m,) of the rule of degree 5 on each of `n`² parts of a triangle."""
    root = np.sqrt(15)
    near = [(6 - root) / 21, (6 + root) / 21]
    points = np.vstack([np.full((1, 3), 1 / 3), *(s + (1 - 3 * s) * np.eye(3) for s in near)])
    weights = np.repeat([0.225, (155 - root) / 1200, (155 + root) / 1200], [1, 3, 3])
    return np.einsum("qc,scb->sqb", points, divide(n)).reshape(-1, 3), np.tile(weights / n**2, n**2)


@njit(fastmath=True)
def _off_diagonal(k, centres, normals, corners, areas, reach, coarse, coarse_weights, fine, fine_weights):
    """Integrate - dG/dn_y - i/k d²G/dn_x dn_y over every triangle but the target's own."""
    n = len(areas)
    matrix = np.zeros((n, n), dtype=np.complex128)
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            gap = np.sqrt(np.sum((centres[i] - centres[j]) ** 2))
            points, weights = (fine, fine_weights) if gap < reach[j] else (coarse, coarse_weights)
            cosine = np.sum(normals[i] * normals[j])
            entry = 0j
            for q in range(len(weights)):
                squared, along_x, along_y = 0.0, 0.0, 0.0
                for a in range(3):
                    y = (
                        points[q, 0] * corners[j, 0, a]
                        + points[q, 1] * corners[j, 1, a]
                        + points[q, 2] * corners[j, 2, a]
                    )
                    step = centres[i, a] - y
                    squared += step * step
                    along_x += step * normals[i, a]
                    along_y -= step * normals[j, a]
                r = np.sqrt(squared)
                slopes = along_x * along_y / squared
                kr = k * r
                wave = complex(np.cos(kr), np.sin(kr)) * weights[q] / (squared * r)
                double = complex(-1.0, kr) * along_y
                normal = complex(3.0 - kr * kr, -3.0 * kr) * slopes + complex(1.0, -kr) * cosine
                entry -= wave * (double + 1j / k * normal)
            matrix[i, j] = entry * areas[j] / (4 * np.pi)
    return matrix


def _own_triangles(surface: Surface, k: float) -> Complexes:
    """Return N of each triangle at its own centroid, (n,): integral over the angle, edge by edge."""
    nodes, weights = np.polynomial.legendre.leggauss(ANGLES)
    start = surface.corners - surface.centres[:, None]
    end = np.roll(start, -1, axis=1)
    edge = end - start
    along = edge / np.linalg.norm(edge, axis=2, keepdims=True)
    foot = np.einsum("tex,tex->te", start, along)
    height = np.sqrt(np.einsum("tex,tex->te", start, start) - foot**2)
    first, last = np.arctan2(foot, height), np.arctan2(np.einsum("tex,tex->te", end, along), height)
    angles = 0.5 * (first + last)[..., None] + 0.5 * (last - first)[..., None] * nodes
    distance = height[..., None] / np.cos(angles)
    integral = np.einsum("teq,q,te->t", np.exp(1j * k * distance) / distance, weights, 0.5 * (last - first))
    return 0.5j * k - integral / (4 * np.pi)


if __name__ == "__main__":
    print("unknowns " + "".join(f"  k = {k:<6}" for k in (1, 3.14159, 5, 10)))
    for n_edge in (4, 6, 8, 10):
        print(f"{20 * n_edge**2:8} " + "".join(f"  {sphere_error(n_edge, k):<10.2%}" for k in (1, 3.14159, 5, 10)))
