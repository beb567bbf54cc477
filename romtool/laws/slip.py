"""Slip systems of face-centred cubic crystals, in the crystal's axes: 12 octahedral, then 6 cubic ones."""

import numpy as np

from romtool.types import Floats, Ints

_PLACES = ((0, 1, 2, 0, 1, 2), (0, 1, 2, 1, 2, 0))
SELF, COPLANAR, COLLINEAR, HIRTH, GLISSILE, LOMER = range(6)


def _octahedral() -> list[tuple[Floats, Floats]]:
    """Return plane normals {111} and directions <110> of the 12 octahedral systems."""
    normals = np.array([[1, 1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, -1]], dtype=np.float64)
    directions = np.array([[0, 1, 1], [0, 1, -1], [1, 0, 1], [1, 0, -1], [1, 1, 0], [1, -1, 0]], dtype=np.float64)
    return [(n / np.sqrt(3.0), d / np.sqrt(2.0)) for n in normals for d in directions if n @ d == 0.0]


def _cubic() -> list[tuple[Floats, Floats]]:
    """Return plane normals {100} and directions <011> of the 6 cubic systems."""
    pairs = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            direction = np.zeros(3)
            direction[(axis + 1) % 3], direction[(axis + 2) % 3] = 1.0, sign
            pairs.append((np.eye(3)[axis], direction / np.sqrt(2.0)))
    return pairs


SYSTEMS = (*_octahedral(), *_cubic())
"""Pairs of a plane's normal and a direction, unit vectors."""


def _orientation(normal: Floats, direction: Floats) -> Floats:
    """Return (l x n + n x l) / 2 as six components with tensor shear."""
    return 0.5 * (np.outer(direction, normal) + np.outer(normal, direction))[_PLACES]


def interaction_kind(first: int, second: int) -> int:
    """Return how two octahedral systems meet: by their planes and Burgers vectors.

    Two systems of different planes with Burgers vectors at 60 degrees make a glissile junction where one of these
    lies in the other's plane, else a Lomer lock.
    """
    (n, b), (m, c) = SYSTEMS[first], SYSTEMS[second]
    if first == second:
        return SELF
    if abs(n @ m) > 0.9:
        return COPLANAR
    if abs(b @ c) > 0.9:
        return COLLINEAR
    if abs(b @ c) < 0.1:
        return HIRTH
    return GLISSILE if abs(c @ n) < 0.1 or abs(b @ m) < 0.1 else LOMER


ORIENTATION: Floats = np.array([_orientation(*system) for system in SYSTEMS])
"""(18, 6) orientation tensors m_s."""
NORMAL_PRODUCTS: Floats = ORIENTATION[:, :3] @ ORIENTATION[:, :3].T
SHEAR_PRODUCTS: Floats = ORIENTATION[:, 3:] @ ORIENTATION[:, 3:].T
"""(18, 18): m_r : C : m_s = (c11 - c12) normal product + 4 c44 shear product in cubic elasticity."""
INTERACTION: Ints = np.array([[interaction_kind(r, s) for s in range(12)] for r in range(12)], dtype=np.int64)
"""(12, 12) kinds of interaction of the octahedral systems."""
