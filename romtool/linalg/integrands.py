"""Integrands of the reduced internal forces, `g_ij(k) = sig_i(k) : eps_j(k)`, without forming them for all points.

`G` is a Khatri-Rao product: the column of point k is `sig(k)ᵀ D eps(k)`, D the metric that counts shear twice.
Strain modes are (n_points, 6, n_modes), stress modes (n_points, 6, n_stress); rows of G are ordered (i, j).
All passes run over blocks of points of fixed memory.
"""

from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray

from romtool.linalg.products import TENSOR_METRIC

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METRIC = np.array(TENSOR_METRIC)

BLOCK_VALUES = 1 << 18
"""Numbers in the work array of a block (2 MB), small enough for a processor's cache."""


def _blocks(n_points: int, values_per_point: int) -> Iterator[slice]:
    step = max(BLOCK_VALUES // max(values_per_point, 1), 1)
    return (slice(start, min(start + step, n_points)) for start in range(0, n_points, step))


def price(strain: Floats, stress: Floats, rows: Ints, direction: Floats) -> Floats:
    """Return `Gᵀ r` of the stress rows at some points: two dense products per block of points.

    Parameters
    ----------
    strain: (n_points, 6, n_modes) float.
    stress: (n_points, 6, n_stress) float [stress].
    rows: (n,) int the points; runs of successive ones are read without a copy.
    direction: (n_stress, n_modes) float `r`.

    Returns
    -------
    (n,) float.
    """
    n_modes, n_stress = strain.shape[2], stress.shape[2]
    result = np.empty(len(rows))
    metric = np.repeat(METRIC, n_modes)
    for block in _blocks(len(rows), 6 * n_modes):
        picked = _as_slice(rows[block])
        seen = stress[picked].reshape(-1, n_stress) @ direction
        seen *= strain[picked].reshape(-1, n_modes)
        result[block] = seen.reshape(-1, 6 * n_modes) @ metric
    return result


def _as_slice(rows: Ints) -> Ints | slice:
    """Return successive rows as a slice, which picks without a copy, others as they are."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if np.array_equal(rows, np.arange(first, last + 1)) else rows


def integrate(strain: Floats, stress: Floats, weights: Floats) -> Floats:
    """Return the (n_stress, n_modes) integrals `Σ_k w_k g_ij(k)`.

    Parameters
    ----------
    strain: (n_points, 6, n_modes) float.
    stress: (n_points, 6, n_stress) float [stress].
    weights: (n_points,) float [volume].
    """
    n_points, _, n_modes = strain.shape
    result = np.zeros((stress.shape[2], n_modes))
    for block in _blocks(n_points, 6 * n_modes):
        scaled = strain[block] * np.multiply.outer(weights[block], METRIC)[:, :, None]
        result += stress[block].reshape(-1, stress.shape[2]).T @ scaled.reshape(-1, n_modes)
    return result


def columns(strain: Floats, stress: Floats) -> Floats:
    """Return the columns of G as rows of an array, (n_points, n_stress * n_modes); for few points."""
    result: Floats = np.matmul(stress.transpose(0, 2, 1) * METRIC, strain).reshape(len(strain), -1)
    return result


def norm_bounds(strain: Floats, stress: Floats) -> Floats:
    """Return (n_points,) upper bounds `‖sig(k)‖ ‖eps(k)‖` of the norms of the columns of G."""
    result = np.empty(len(strain))
    for block in _blocks(len(strain), 6 * (strain.shape[2] + stress.shape[2])):
        squares = [np.einsum("kcn,kcn->kc", part[block], part[block]) @ METRIC for part in (strain, stress)]
        result[block] = np.sqrt(squares[0] * squares[1])
    return result


@numba.njit(cache=True)
def integrate_absolute(strain: Floats, stress: Floats, weights: Floats, metric: Floats) -> Floats:
    """Return the (n_modes, n_stress) integrals `Σ_k w_k |g_ij(k)|`.

    Parameters
    ----------
    strain: (n_points, 6, n_modes) float.
    stress: (n_points, 6, n_stress) float [stress].
    weights: (n_points,) float [volume].
    metric: (6,) factor of each component.
    """
    n_points, n_components, n_modes = strain.shape
    n_stress = stress.shape[2]
    total = np.zeros((n_modes, n_stress))
    values = np.empty(n_stress)
    for k in range(n_points):
        for j in range(n_modes):
            values[:] = 0.0
            for c in range(n_components):
                factor = metric[c] * strain[k, c, j]
                for i in range(n_stress):
                    values[i] += factor * stress[k, c, i]
            for i in range(n_stress):
                total[j, i] += abs(weights[k] * values[i])
    return total
