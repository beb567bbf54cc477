"""A tree of boxes around cells or faces: which of them may hold a point, and which may be nearest to it.

Boxes are sorted along a space-filling curve (Morton, 1966) and joined in pairs, level by level; node i has the children
2i and 2i + 1, and node `n_leaves + j` the j-th group of `LEAF` boxes.
"""

from typing import NamedTuple

import numpy as np

from romtool.types import Floats, Ints

LEAF = 8
_BITS = 20


class BoxTree(NamedTuple):
    """Boxes in a tree.

    Parameters
    ----------
    lower, upper: (n, 3) float [length], corners of the boxes.
    node_lower, node_upper: (2 n_leaves, 3) float [length], box of each node from 1 on; inverted where it is empty.
    order: (n,) int, the boxes in the order of the leaves.
    n_leaves: a power of two.
    """

    lower: Floats
    upper: Floats
    node_lower: Floats
    node_upper: Floats
    order: Ints
    n_leaves: int


def build_tree(lower: Floats, upper: Floats) -> BoxTree:
    """Build the tree of n boxes.

    Parameters
    ----------
    lower, upper: (n, 3) float [length], corners of the boxes; n is at least 1.
    """
    order = np.argsort(_morton(0.5 * (lower + upper)), kind="stable")
    n_groups = -(-len(order) // LEAF)
    n_leaves = 1 << (n_groups - 1).bit_length()
    low, high = np.full((2 * n_leaves, 3), np.inf), np.full((2 * n_leaves, 3), -np.inf)
    starts = LEAF * np.arange(n_groups)
    low[n_leaves : n_leaves + n_groups] = np.minimum.reduceat(lower[order], starts)
    high[n_leaves : n_leaves + n_groups] = np.maximum.reduceat(upper[order], starts)
    first = n_leaves
    while first > 1:
        half, level = first // 2, slice(first, 2 * first)
        low[half:first] = low[level].reshape(half, 2, 3).min(axis=1)
        high[half:first] = high[level].reshape(half, 2, 3).max(axis=1)
        first = half
    return BoxTree(lower, upper, low, high, order, n_leaves)


def _morton(points: Floats) -> Ints:
    """Return the (n,) places of (n, 3) points on the curve."""
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    grid = ((points - low) / np.where(size > 0.0, size, 1.0) * (2**_BITS - 1)).astype(np.int64)
    code = np.zeros(len(points), dtype=np.int64)
    for bit in range(_BITS):
        for axis in range(3):
            code |= ((grid[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code
