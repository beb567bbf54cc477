"""The reduced Newton march: one compiled loop over time steps, iterations and reduced points.

Residual and tangent of METHODS 4: `R_j = Σ_k w_k eps(psi_j)(k):sig(k) - F_j`,
`K_ij = Σ_k w_k eps(psi_i)(k):D(k):eps(psi_j)(k)`. All workspace is made once per call; a time step
allocates nothing, and its cost does not depend on the mesh.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from romtool.laws import LawTables, evaluate
from romtool.types import Bools, Floats, Ints

LINE_SEARCH_HALVINGS = 4


class Points(NamedTuple):
    """What the march knows of the reduced points (shapes as in `ReducedModel`).

    `modes` is (n_points * 6, n_modes); `weighted` is (n_active, 6, n_modes), modes times weight and
    multiplicity of the component (shear counts twice); `lifting` is (n_liftings, n_points * 6).
    """

    tables: LawTables
    material: Ints
    offset: Floats
    modes: Floats
    weighted: Floats
    lifting: Floats


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
    history (max_iterations + 1,) relative residuals of the last step.
    """

    coordinates: Floats
    state: Floats
    stress: Floats
    iterations: Ints
    residual: Floats
    evaluations: Ints
    history: Floats


@njit(cache=True, error_model="numpy")
def march(points: Points, schedule: Schedule, criteria: Criteria, scale: Floats, out: Trajectory) -> int:
    """March through all times.

    Parameters
    ----------
    points, schedule, criteria: see there.
    scale: (1,) running maximum of the norm of the absolute internal force contributions, updated.
    out: written; row 0 of coordinates, state and stress is the initial state.

    Returns
    -------
    0, or the index of the time that could not be reached.
    """
    n_active, n_modes = points.weighted.shape[0], points.modes.shape[1]
    n_points = points.material.shape[0]
    base, strain = np.zeros(n_points * 6), np.zeros(n_points * 6)
    tangent, moved = np.zeros((n_active, 6, 6)), np.zeros((n_active * 6, n_modes))
    matrix, residual = np.zeros((n_modes, n_modes)), np.zeros(n_modes)
    step, start, absolute = np.zeros(n_modes), np.zeros(n_modes), np.zeros(n_modes)
    no_tangent = np.zeros((0, 6, 6))
    work = (base, strain, tangent, moved, matrix, residual, step, start, absolute)
    for i in range(1, schedule.times.shape[0]):
        _lift(points, schedule.lifting[i], base)
        _extrapolate(schedule.times, out.coordinates, i)
        if not _newton(points, schedule, criteria, scale, out, work, i):
            return i
        if n_active < n_points and _sample_rest(points, schedule, out, base, strain, no_tangent, i) != 0:
            return i
    return 0


@njit(cache=True, error_model="numpy")
def _lift(points, amplitudes, base):  # type: ignore[no-untyped-def]
    """Set `base` to the strain of the prescribed displacements."""
    base[:] = 0.0
    for j in range(amplitudes.shape[0]):
        for r in range(base.shape[0]):
            base[r] += amplitudes[j] * points.lifting[j, r]


@njit(cache=True, error_model="numpy")
def _extrapolate(times, coordinates, i):  # type: ignore[no-untyped-def]
    """Guess the coordinates of time i by linear extrapolation."""
    ratio = 0.0
    if i > 1:
        ratio = (times[i] - times[i - 1]) / (times[i - 1] - times[i - 2])
    for j in range(coordinates.shape[1]):
        coordinates[i, j] = coordinates[i - 1, j]
        if i > 1:
            coordinates[i, j] += ratio * (coordinates[i - 1, j] - coordinates[i - 2, j])


@njit(cache=True, error_model="numpy")
def _newton(points, schedule, criteria, scale, out, work, i):  # type: ignore[no-untyped-def]
    """Solve time i by Newton's method with a line search; tell whether it converged."""
    _, _, tangent, moved, matrix, residual, step, start, _ = work
    gamma, force_norm = out.coordinates[i], _norm(schedule.force[i])
    norm, largest = _residual(points, schedule, out, work, i)
    for iteration in range(criteria.max_iterations + 1):
        reference = max(force_norm, scale[0], largest)
        out.residual[i] = norm / reference if reference > 0.0 else norm
        out.history[iteration] = out.residual[i]
        out.iterations[i] = iteration
        if norm <= criteria.tolerance * reference:
            scale[0] = max(scale[0], largest)
            return True
        if iteration == criteria.max_iterations or not np.isfinite(norm):
            return False
        _stiffness(points, tangent, moved, matrix)
        step[:] = residual
        if not _eliminate(matrix, step):
            return False
        start[:] = gamma
        before, part = norm, 1.0
        for _ in range(LINE_SEARCH_HALVINGS + 1):
            for j in range(gamma.shape[0]):
                gamma[j] = start[j] - part * step[j]
            norm, largest = _residual(points, schedule, out, work, i)
            if norm < before or norm <= criteria.tolerance * max(reference, largest):
                break
            part *= 0.5
    return False


@njit(cache=True, error_model="numpy")
def _residual(points, schedule, out, work, i):  # type: ignore[no-untyped-def]
    """Evaluate the law at the active points; return the norms of the residual and of its absolute parts."""
    base, strain, tangent, _, _, residual, _, _, absolute = work
    n_active = points.weighted.shape[0]
    rows = n_active * 6
    np.dot(points.modes[:rows], out.coordinates[i], strain[:rows])
    for r in range(rows):
        strain[r] += base[r]
    status = evaluate(
        points.tables,
        points.material[:n_active],
        schedule.temperature[i, :n_active],
        points.offset[:n_active],
        schedule.times[i - 1],
        schedule.times[i],
        schedule.viscous[i - 1],
        strain[:rows].reshape((n_active, 6)),
        out.state[i - 1, :n_active],
        out.state[i, :n_active],
        out.stress[i, :n_active],
        tangent,
    )
    out.evaluations[0] += 1
    if status != 0:
        return np.inf, 0.0
    absolute[:] = 0.0
    for j in range(residual.shape[0]):
        residual[j] = -schedule.force[i, j]
    for k in range(n_active):
        w, s = points.weighted[k], out.stress[i, k]
        for j in range(residual.shape[0]):
            part = w[0, j] * s[0] + w[1, j] * s[1] + w[2, j] * s[2]
            part += w[3, j] * s[3] + w[4, j] * s[4] + w[5, j] * s[5]
            residual[j] += part
            absolute[j] += abs(part)
    return _norm(residual), _norm(absolute)


@njit(cache=True, error_model="numpy")
def _stiffness(points, tangent, moved, matrix):  # type: ignore[no-untyped-def]
    """Assemble the reduced tangent in `matrix`."""
    n_active, n_modes = points.weighted.shape[0], points.modes.shape[1]
    for k in range(n_active):
        b = points.modes[6 * k : 6 * k + 6]
        for a in range(6):
            d = tangent[k, a]
            row = moved[6 * k + a]
            for j in range(n_modes):
                part = d[0] * b[0, j] + d[1] * b[1, j] + d[2] * b[2, j]
                row[j] = part + d[3] * b[3, j] + d[4] * b[4, j] + d[5] * b[5, j]
    np.dot(points.weighted.reshape((n_active * 6, n_modes)).T, moved, matrix)


@njit(cache=True, error_model="numpy")
def _eliminate(matrix, right):  # type: ignore[no-untyped-def]
    """Solve in place by Gaussian elimination with row pivoting; tell whether the matrix was regular."""
    n = right.shape[0]
    for c in range(n):
        pivot = c
        for r in range(c + 1, n):
            if abs(matrix[r, c]) > abs(matrix[pivot, c]):
                pivot = r
        if not abs(matrix[pivot, c]) > 0.0:
            return False
        if pivot != c:
            for j in range(c, n):
                matrix[c, j], matrix[pivot, j] = matrix[pivot, j], matrix[c, j]
            right[c], right[pivot] = right[pivot], right[c]
        for r in range(c + 1, n):
            part = matrix[r, c] / matrix[c, c]
            for j in range(c + 1, n):
                matrix[r, j] -= part * matrix[c, j]
            right[r] -= part * right[c]
    for c in range(n - 1, -1, -1):
        for j in range(c + 1, n):
            right[c] -= matrix[c, j] * right[j]
        right[c] /= matrix[c, c]
    return True


@njit(cache=True, error_model="numpy")
def _sample_rest(points, schedule, out, base, strain, no_tangent, i):  # type: ignore[no-untyped-def]
    """Evaluate the law once at the points that carry no weight."""
    n_active, n_points = points.weighted.shape[0], points.material.shape[0]
    first = n_active * 6
    np.dot(points.modes[first:], out.coordinates[i], strain[first:])
    for r in range(first, n_points * 6):
        strain[r] += base[r]
    return evaluate(
        points.tables,
        points.material[n_active:],
        schedule.temperature[i, n_active:],
        points.offset[n_active:],
        schedule.times[i - 1],
        schedule.times[i],
        schedule.viscous[i - 1],
        strain[first:].reshape((n_points - n_active, 6)),
        out.state[i - 1, n_active:],
        out.state[i, n_active:],
        out.stress[i, n_active:],
        no_tangent,
    )


@njit(cache=True, error_model="numpy")
def _norm(vector):  # type: ignore[no-untyped-def]
    total = 0.0
    for value in vector:
        total += value * value
    return np.sqrt(total)
