"""Arrays of the compiled march: what is given, what is written, and its workspace.

Arrays of the hot loops have the points last, so that the processor works on several points at a time; the
laws see them through transposed views.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from romtool.laws import LawTables, Sites, Workspace, scratch
from romtool.types import Bools, Floats, Ints


class PointSet(NamedTuple):
    """Reduced points that are evaluated together.

    sites (n) what the laws know of them, modes (n_modes, 6, n) strains of the modes, lifting (n_liftings, 6, n)
    strains of the prescribed displacements, fixed (6, n) strain that does not change during the march.
    """

    sites: Sites
    modes: Floats
    lifting: Floats
    fixed: Floats


class Points(NamedTuple):
    """What the march knows of the reduced points.

    `active` carry quadrature weight; `weighted` (n_modes, 6, n_active) are their modes times weight and
    multiplicity of the component (shear counts twice). `sampled` are evaluated once per converged step.
    """

    tables: LawTables
    active: PointSet
    weighted: Floats
    sampled: PointSet


class Schedule(NamedTuple):
    """What acts at each time.

    times (n_times,), viscous (n_times - 1,), temperature (n_times, n_points), force (n_times, n_modes),
    lifting (n_times, n_liftings).
    """

    times: Floats
    viscous: Bools
    temperature: Floats
    force: Floats
    lifting: Floats


class Criteria(NamedTuple):
    """When a step has converged: relative tolerance and iterations at most."""

    tolerance: float
    max_iterations: int


class Trajectory(NamedTuple):
    """What the march writes; row i belongs to time i, row 0 is given.

    coordinates (n_times, n_modes), state (n_times, n_points, n_state), stress (n_times, n_points, 6),
    iterations (n_times,), residual (n_times,) relative, evaluations (1,) of the law on the active points,
    history (max_iterations + 1,) relative residuals of the last step, rate (n_modes,) [1/time] of the coordinates
    before the first time, given, and later of the last step but one.
    """

    coordinates: Floats
    state: Floats
    stress: Floats
    iterations: Ints
    residual: Floats
    evaluations: Ints
    history: Floats
    rate: Floats


class PointWork(NamedTuple):
    """Strain (6, n), stress (6, n) and tangent (6, 6, n) of a set of points, and views with the points first.

    The tangent is transposed: `tangent[b, a, k]` is d stress_a / d strain_b, so that `tangent_rows` is its `.T`.
    """

    strain: Floats
    stress: Floats
    tangent: Floats
    strain_rows: Floats
    stress_rows: Floats
    tangent_rows: Floats


class Work(NamedTuple):
    """Workspace of the march.

    `base` is the strain of the prescribed displacements, `moved` (2, 6, n) the stress of two modes, `matrix`,
    `residual`, `absolute`, `step` and `start` belong to Newton's system; `flat_moved` and `flat_weighted` are views
    with components and points in one row; `size` (1,) is the norm of the weighted strain modes.
    """

    active: PointWork
    sampled: PointWork
    base: Floats
    moved: Floats
    flat_moved: Floats
    flat_weighted: Floats
    matrix: Floats
    residual: Floats
    absolute: Floats
    step: Floats
    start: Floats
    size: Floats
    scratch: Workspace


@njit(cache=True, error_model="numpy")
def make_workspace(points):  # type: ignore[no-untyped-def]
    """Make all arrays that the march needs, from the `Points`."""
    n_modes, _, n = points.weighted.shape
    moved = np.zeros((2, 6, n))
    return Work(
        _point_work(n, n),
        _point_work(points.sampled.sites.material.shape[0], 0),
        np.zeros((6, n)),
        moved,
        moved.reshape((2, 6 * n)),
        points.weighted.reshape((n_modes, 6 * n)),
        np.zeros((n_modes, n_modes)),
        np.zeros(n_modes),
        np.zeros(n_modes),
        np.zeros(n_modes),
        np.zeros(n_modes),
        np.array([_size(points.weighted)]),
        scratch(points.tables),
    )


@njit(cache=True, error_model="numpy")
def _size(fields):  # type: ignore[no-untyped-def]
    """Return the norm of (n_modes, 6, n) values."""
    total = 0.0
    for j in range(fields.shape[0]):
        for a in range(6):
            for value in fields[j, a]:
                total += value * value
    return np.sqrt(total)


@njit(cache=True, error_model="numpy")
def _point_work(n, n_tangents):  # type: ignore[no-untyped-def]
    """Make the arrays of `n` points, `n_tangents` (all or none) with tangents."""
    strain, stress, tangent = np.zeros((6, n)), np.zeros((6, n)), np.zeros((6, 6, n_tangents))
    return PointWork(strain, stress, tangent, strain.T, stress.T, tangent.T)
