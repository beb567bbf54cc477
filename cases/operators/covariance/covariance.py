"""Covariance of a Gaussian process: Matérn 3/2 over points of the unit square, with a nugget."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

Floats = NDArray[np.float64]

NUGGET = 1e-2


def positions(n: int, seed: int = 0) -> Floats:
    """Return (n, 2) uniformly drawn points of the unit square."""
    return np.random.default_rng(seed).random((n, 2))


def distances(n: int) -> Floats:
    """Return the (n, n) distances of the points."""
    return squareform(pdist(positions(n)))


def observations(n: int, seed: int = 1) -> Floats:
    """Return (n,) values at the points: a wave, and noise of the nugget's variance."""
    x, y = positions(n).T
    noise = np.sqrt(NUGGET) * np.random.default_rng(seed).standard_normal(n)
    return np.sin(4 * x) * np.cos(3 * y) + noise


def covariance(distance: Floats, length: float) -> Floats:
    """Return the (n, n) matrix (1 + s) exp(-s) + nugget I with s = sqrt(3) distance / length."""
    scaled = np.sqrt(3) * distance / length
    return (1 + scaled) * np.exp(-scaled) + NUGGET * np.eye(len(distance))


def log_determinant(matrix: Floats) -> float:
    """Return log det of a positive definite matrix from its Cholesky factor."""
    return 2 * float(np.log(np.diag(np.linalg.cholesky(matrix))).sum())
