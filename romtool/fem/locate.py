"""Compiled search for the cell around a point, and for the nearest point of a face, with their shape functions.

The isoparametric map is inverted by Newton's method; on a face the distance is minimised by Gauss and Newton's method
from the nearest point of its triangles (Ericson, Real-Time Collision Detection, 2005, section 5.1.5).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from romtool.fem.box_tree import LEAF, BoxTree
from romtool.fem.kernels import jacobian
from romtool.types import Floats, Ints

INSIDE = 1e-6
"""How far outside the reference cell a point may be and count as inside."""
MAX_ITERATIONS = 30
FAR = 10.0
"""Reference coordinates beyond which a point is in another cell."""
CONVERGED = 1e-12
"""Length of a step in reference coordinates."""
BOX, SIMPLEX, PRISM = 0, 1, 2
"""Shapes of reference cells: [-1, 1]^d, unit simplex, triangle times [-1, 1]."""
STACK = 64


class Family(NamedTuple):
    """Cells or faces of one type, for compiled code.

    Parameters
    ----------
    shape: BOX, SIMPLEX or PRISM.
    exponents, coefficients, corners: of the reference cell; `corners` are its nodes.
    triangles: (n_triangles, 3) int, the nodes of a face in triangles.
    points: (n_nodes, 3) float [length] of the mesh.
    connectivity: (n_cells, n_cell_nodes) int.
    """

    shape: int
    exponents: Ints
    coefficients: Floats
    corners: Floats
    triangles: Ints
    points: Floats
    connectivity: Ints


@njit(cache=True)
def evaluate_shapes(exponents: Ints, coefficients: Floats, at: Floats, shapes: Floats, gradients: Floats) -> None:
    """Write the (n,) shape functions and their (n, dim) gradients at one reference point."""
    n, dim = exponents.shape
    shapes[:] = 0.0
    gradients[:, :] = 0.0
    for m in range(n):
        value = 1.0
        for d in range(dim):
            for _ in range(exponents[m, d]):
                value *= at[d]
        for a in range(n):
            shapes[a] += value * coefficients[m, a]
        for axis in range(dim):
            slope = float(exponents[m, axis])
            if slope == 0.0:
                continue
            for d in range(dim):
                for _ in range(exponents[m, d] - (1 if d == axis else 0)):
                    slope *= at[d]
            for a in range(n):
                gradients[a, axis] += slope * coefficients[m, a]


@njit(cache=True)
def violation(shape: int, at: Floats) -> float:
    """Return how far outside its reference cell a point is; negative inside."""
    if shape == BOX:
        return float(np.max(np.abs(at)) - 1.0)
    if shape == SIMPLEX:
        return float(max(-np.min(at), np.sum(at) - 1.0))
    flat = max(-min(at[0], at[1]), at[0] + at[1] - 1.0)
    return float(max(flat, abs(at[2]) - 1.0))


@njit(cache=True)
def residual(shapes: Floats, nodes: Floats, point: Floats, gap: Floats) -> float:
    """Write what is missing to a point, (3,) `point - shapes @ nodes`; return its square."""
    total = 0.0
    for d in range(3):
        gap[d] = point[d]
        for a in range(len(nodes)):
            gap[d] -= shapes[a] * nodes[a, d]
        total += gap[d] * gap[d]
    return total


@njit(cache=True)
def invert(family: Family, nodes: Floats, point: Floats, at: Floats) -> float:
    """Write the reference coordinates (3,) of a point of a cell; return the violation, infinite where none is found."""
    n = len(nodes)
    shapes, gradients, inverse, gap = np.empty(n), np.empty((n, 3)), np.empty((3, 3)), np.empty(3)
    at[:] = 0.0 if family.shape == BOX else 0.25
    size = 1.0
    for _ in range(MAX_ITERATIONS):
        evaluate_shapes(family.exponents, family.coefficients, at, shapes, gradients)
        if jacobian(nodes, gradients, inverse) == 0.0:
            return np.inf
        residual(shapes, nodes, point, gap)
        size = 0.0
        for i in range(3):
            step = inverse[i, 0] * gap[0] + inverse[i, 1] * gap[1] + inverse[i, 2] * gap[2]
            at[i] += min(max(step, -2.0), 2.0)
            size = max(size, abs(step))
        if max(abs(at[0]), abs(at[1]), abs(at[2])) > FAR:
            return np.inf
        if size < CONVERGED:
            break
    return violation(family.shape, at) if size < 1e-8 else np.inf


@njit(cache=True)
def beyond(point: Floats, lower: Floats, upper: Floats) -> bool:
    """Tell whether a point is outside a box."""
    below = point[0] < lower[0] or point[1] < lower[1] or point[2] < lower[2]
    return bool(below or point[0] > upper[0] or point[1] > upper[1] or point[2] > upper[2])


@njit(cache=True)
def find_cells(points: Floats, tree: BoxTree, family: Family, worst: Floats, cells: Ints, reference: Floats) -> None:
    """Find for each point the cell of one type that it is in, or least outside of.

    Parameters
    ----------
    points: (n, 3) float [length].
    tree: of the boxes of the cells.
    family: the cells.
    worst: (n,) violation so far, written where a cell is better.
    cells: (n,) output, that cell; -1 where none is better.
    reference: (n, 3) output, the point in it.
    """
    stack, at = np.empty(STACK, dtype=np.int64), np.empty(3)
    nodes = np.empty((family.connectivity.shape[1], 3))
    for p in range(len(points)):
        point = points[p]
        cells[p] = -1
        if worst[p] <= 0.0:
            continue
        top, stack[0] = 1, 1
        while top > 0 and worst[p] > 0.0:
            top -= 1
            node = stack[top]
            if beyond(point, tree.node_lower[node], tree.node_upper[node]):
                continue
            if node < tree.n_leaves:
                stack[top], stack[top + 1] = 2 * node + 1, 2 * node
                top += 2
                continue
            first = LEAF * (node - tree.n_leaves)
            for k in range(first, min(first + LEAF, len(tree.order))):
                cell = tree.order[k]
                if beyond(point, tree.lower[cell], tree.upper[cell]):
                    continue
                for a in range(len(nodes)):
                    nodes[a] = family.points[family.connectivity[cell, a]]
                found = invert(family, nodes, point, at)
                if found < worst[p]:
                    worst[p], cells[p] = found, cell
                    reference[p] = at


@njit(cache=True)
def box_distance(point: Floats, lower: Floats, upper: Floats) -> float:
    """Return the square of the distance of a point from a box; infinite from an empty one."""
    total = 0.0
    for d in range(3):
        gap = max(lower[d] - point[d], 0.0, point[d] - upper[d])
        total += gap * gap
    return total


@njit(cache=True)
def nearest_of_triangle(point: Floats, a: Floats, b: Floats, c: Floats) -> tuple[float, float]:
    """Return the weights of b and c in the point of a triangle that is nearest."""
    ab, ac, ap = b - a, c - a, point - a
    d1, d2 = np.dot(ab, ap), np.dot(ac, ap)
    if d1 <= 0.0 and d2 <= 0.0:
        return 0.0, 0.0
    bp = point - b
    d3, d4 = np.dot(ab, bp), np.dot(ac, bp)
    if d3 >= 0.0 and d4 <= d3:
        return 1.0, 0.0
    cp = point - c
    d5, d6 = np.dot(ab, cp), np.dot(ac, cp)
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 1.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        return d1 / (d1 - d3), 0.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        return 0.0, d2 / (d2 - d6)
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 >= d3 and d5 >= d6:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return 1.0 - w, w
    total = va + vb + vc
    return vb / total, vc / total


@njit(cache=True)
def clamp(shape: int, at: Floats) -> None:
    """Move (2,) reference coordinates of a face into it."""
    if shape == BOX:
        at[0], at[1] = min(max(at[0], -1.0), 1.0), min(max(at[1], -1.0), 1.0)
        return
    at[0], at[1] = max(at[0], 0.0), max(at[1], 0.0)
    total = at[0] + at[1]
    if total > 1.0:
        excess = 0.5 * (total - 1.0)
        at[0], at[1] = min(max(at[0] - excess, 0.0), 1.0), min(max(at[1] - excess, 0.0), 1.0)


@njit(cache=True)
def project(family: Family, nodes: Floats, point: Floats, at: Floats) -> float:
    """Write the reference coordinates (2,) of the point of a face that is nearest; return the squared distance."""
    corners, triangles = family.corners, family.triangles
    best = np.inf
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        v, w = nearest_of_triangle(point, nodes[i], nodes[j], nodes[k])
        flat = nodes[i] + v * (nodes[j] - nodes[i]) + w * (nodes[k] - nodes[i])
        away = point - flat
        if np.dot(away, away) < best:
            best = np.dot(away, away)
            at[:] = corners[i] + v * (corners[j] - corners[i]) + w * (corners[k] - corners[i])
    n = len(nodes)
    shapes, gradients, gap = np.empty(n), np.empty((n, 2)), np.empty(3)
    trial, best = at.copy(), np.inf
    for _ in range(MAX_ITERATIONS):
        evaluate_shapes(family.exponents, family.coefficients, trial, shapes, gradients)
        square = residual(shapes, nodes, point, gap)
        if square >= best:
            break
        best = square
        at[:] = trial
        tangents = gradients.T @ nodes
        m00, m11 = np.dot(tangents[0], tangents[0]), np.dot(tangents[1], tangents[1])
        m01, r0, r1 = np.dot(tangents[0], tangents[1]), np.dot(tangents[0], gap), np.dot(tangents[1], gap)
        det = m00 * m11 - m01 * m01
        if det <= 0.0:
            break
        trial[0] += (m11 * r0 - m01 * r1) / det
        trial[1] += (m00 * r1 - m01 * r0) / det
        clamp(family.shape, trial)
    return best


@njit(cache=True)
def find_faces(points: Floats, tree: BoxTree, family: Family, squares: Floats, faces: Ints, reference: Floats) -> None:
    """Find for each point the nearest point of the faces of one type.

    Parameters
    ----------
    points: (n, 3) float [length].
    tree: of the boxes of the faces.
    family: the faces.
    squares: (n,) squared distance so far [length²], written where a face is nearer.
    faces: (n,) output, that face; -1 where none is nearer.
    reference: (n, 2) output, the point of it.
    """
    stack, at = np.empty(STACK, dtype=np.int64), np.empty(2)
    nodes = np.empty((family.connectivity.shape[1], 3))
    for p in range(len(points)):
        point = points[p]
        faces[p] = -1
        top, stack[0] = 1, 1
        while top > 0:
            top -= 1
            node = stack[top]
            if box_distance(point, tree.node_lower[node], tree.node_upper[node]) >= squares[p]:
                continue
            if node < tree.n_leaves:
                left, right = 2 * node, 2 * node + 1
                near = box_distance(point, tree.node_lower[left], tree.node_upper[left])
                far = box_distance(point, tree.node_lower[right], tree.node_upper[right])
                if far < near:
                    left, right = right, left
                stack[top], stack[top + 1] = right, left
                top += 2
                continue
            first = LEAF * (node - tree.n_leaves)
            for k in range(first, min(first + LEAF, len(tree.order))):
                face = tree.order[k]
                for a in range(len(nodes)):
                    nodes[a] = family.points[family.connectivity[face, a]]
                found = project(family, nodes, point, at)
                if found < squares[p]:
                    squares[p], faces[p] = found, face
                    reference[p] = at
