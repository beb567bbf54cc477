"""Covariance of a Gaussian process: Matérn 3/2 over points of the unit square, with a nugget."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

Floats = NDArray[np.float64]

NUGGET = 1e-2


def distances(n: int, seed: int = 0) -> Floats:
    """Return the (n, n) distances of uniformly drawn points."""
    return squareform(pdist(np.random.default_rng(seed).random((n, 2))))


def covariance(distance: Floats, length: float) -> Floats:
    """Return the (n, n) matrix (1 + s) exp(-s) + nugget I with s = sqrt(3) distance / length."""
    scaled = np.sqrt(3) * distance / length
    return (1 + scaled) * np.exp(-scaled) + NUGGET * np.eye(len(distance))


def log_determinant(matrix: Floats) -> float:
    """Return log det of a positive definite matrix from its Cholesky factor."""
    return 2 * float(np.log(np.diag(np.linalg.cholesky(matrix))).sum())
