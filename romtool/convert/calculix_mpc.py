"""Kinds of `*MPC`, linearised about the mesh: nodes in a plane, on a line, at one place.

A kind is `make(card, ids, points)`: the nodes in the order of the card, their coordinates; it returns equations of one
shape each, (n, n_terms) nodes, (n_terms,) components, (n, n_terms) or (n_terms,) coefficients.
"""

from collections.abc import Callable, Mapping

import numpy as np

from romtool.convert.calculix_keywords import Card
from romtool.types import Floats, Ints

Terms = tuple[Ints, Ints, Floats]


def _plane(card: Card, ids: Ints, points: Floats) -> list[Terms]:
    """Return that nodes stay in the plane of the first three."""
    if len(ids) < 4:
        raise card.error("PLANE needs four nodes or more")
    (a, b, c), rest = points[:3], points[3:]
    normal = np.cross(b - a, c - a)
    if not np.linalg.norm(normal) > 1e-9 * np.linalg.norm(b - a) * np.linalg.norm(c - a):
        raise card.error("the first three nodes of PLANE lie on a line")
    normal /= np.linalg.norm(normal)
    share = np.linalg.lstsq(np.stack([b - a, c - a], axis=1), (rest - a).T, rcond=None)[0].T
    weights = np.column_stack([np.ones(len(rest)), share.sum(axis=1) - 1.0, -share])
    nodes = np.column_stack([ids[3:], np.tile(ids[:3], (len(rest), 1))])
    return [_along(nodes, weights, normal)]


def _straight(card: Card, ids: Ints, points: Floats) -> list[Terms]:
    """Return that nodes stay on the line through the first two."""
    if len(ids) < 3:
        raise card.error("STRAIGHT needs three nodes or more")
    (a, b), rest = points[:2], points[2:]
    axis = b - a
    if not axis.any():
        raise card.error("the first two nodes of STRAIGHT are at one place")
    share = (rest - a) @ axis / (axis @ axis)
    weights = np.column_stack([np.ones(len(rest)), share - 1.0, -share])
    nodes = np.column_stack([ids[2:], np.tile(ids[:2], (len(rest), 1))])
    main = int(np.argmax(np.abs(axis)))
    found = []
    for c in (k for k in range(3) if k != main):  # c is the leading component of a direction across the axis
        direction = np.eye(3)[c] - np.eye(3)[main] * axis[c] / axis[main]
        found.append(_along(nodes, weights, direction, c))
    return found


def _along(nodes: Ints, weights: Floats, direction: Floats, first: int | None = None) -> Terms:
    """Return that a weighted sum of displacements vanishes along a direction; its component `first` depends."""
    lead = int(np.argmax(np.abs(direction))) if first is None else first
    order = (lead + np.arange(3)) % 3
    components = np.tile(order, nodes.shape[1])
    return np.repeat(nodes, 3, axis=1), components, np.repeat(weights, 3, axis=1) * direction[components]


def _same(card: Card, ids: Ints, points: Floats) -> list[Terms]:
    """Return that the first node moves like the second."""
    if len(ids) != 2:
        raise card.error("TIE and PIN need two nodes")
    return [(ids[None], np.array([c, c]), np.array([1.0, -1.0])) for c in range(3)]


KINDS: Mapping[str, Callable[[Card, Ints, Floats], list[Terms]]] = {
    "PLANE": _plane,
    "STRAIGHT": _straight,
    "TIE": _same,
    "PIN": _same,
}
