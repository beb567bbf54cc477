"""The reduced Newton march: one compiled loop over time steps, iterations and reduced points.

Residual and tangent of theory, eqs. (5.3) and (5.4): `R_j = Σ_k w_k eps(psi_j)(k):sig(k) - F_j`,
`K_ij = Σ_k w_k eps(psi_i)(k):D(k):eps(psi_j)(k)`. All workspace is made once per call; a time step
allocates nothing, and its cost does not depend on the mesh.
"""

import numpy as np
from numba import njit

from romtool.laws import Fields, evaluate_fields
from romtool.reduced.layout import Criteria, Points, Schedule, Trajectory, make_workspace
from romtool.types import Floats

LINE_SEARCH_HALVINGS = 4
NEGLIGIBLE = 1e-6
"""Part of `‖w eps(psi)‖ ‖sig‖` below which the absolute contributions are round-off."""
# Called by compiled code only, and inlined there: a call would pass every array field by field.
# "_nrt": no reference counts of arrays that the callers hold anyway.
_INLINED = {
    "error_model": "numpy",
    "forceinline": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
_inlined = njit(**_INLINED)
_called = njit(**(_INLINED | {"forceinline": False}))
_vectorised = njit(fastmath={"reassoc", "contract", "nsz"}, **_INLINED)


@njit(cache=True, error_model="numpy")
def march(points: Points, schedule: Schedule, criteria: Criteria, scale: Floats, out: Trajectory) -> int:
    """March through all times.

    Parameters
    ----------
    points, schedule, criteria: see there.
    scale: (1,) running maximum of the norm of the absolute internal force contributions, updated.
    out: written; row 0 of coordinates, state and stress is the initial state, `rate` that of the step before.

    Returns
    -------
    0, or the index of the time that could not be reached.
    """
    work = make_workspace(points)
    for i in range(1, schedule.times.shape[0]):
        _copy_all(points.active.fixed, work.base)
        _combine(schedule.lifting[i], points.active.lifting, work.base)
        _extrapolate(schedule.times, out.coordinates, out.rate, i)
        if not _newton(points, schedule, criteria, scale, out, work, i):
            return i
        if points.sampled.sites.material.shape[0] > 0 and _sample(points, schedule, out, work, i) != 0:
            return i
    return 0


@_inlined
def _extrapolate(times, coordinates, rate, i):  # type: ignore[no-untyped-def]
    """Guess the coordinates of time i by their rate over the step before."""
    step = times[i] - times[i - 1]
    for j in range(coordinates.shape[1]):
        if i > 1:
            rate[j] = (coordinates[i - 1, j] - coordinates[i - 2, j]) / (times[i - 1] - times[i - 2])
        coordinates[i, j] = coordinates[i - 1, j] + step * rate[j]


@_inlined
def _newton(points, schedule, criteria, scale, out, work, i):  # type: ignore[no-untyped-def]
    """Solve time i by Newton's method with a line search; tell whether it converged."""
    force_norm = _norm(schedule.force[i])
    norm, largest = _residual(points, schedule, out, work, i)
    for iteration in range(criteria.max_iterations + 1):
        reference = max(force_norm, scale[0], largest)
        out.residual[i] = norm / reference if reference > 0.0 else norm
        out.history[iteration] = out.residual[i]
        out.iterations[i] = iteration
        if norm <= criteria.tolerance * reference:
            scale[0] = max(scale[0], largest)
            _write_rows(work.active.stress, out.stress[i])
            return True
        if iteration == criteria.max_iterations or not np.isfinite(norm):
            return False
        _stiffness(points, work)
        _copy(work.residual, work.step)
        if not _eliminate(work.matrix, work.step):
            return False
        norm, largest = _search(points, schedule, out, work, i, norm, criteria.tolerance * reference)
    return False


@_inlined
def _search(points, schedule, out, work, i, before, enough):  # type: ignore[no-untyped-def]
    """Subtract the Newton step, halved until the residual decreases or is small enough; return the norms."""
    gamma, part = out.coordinates[i], 1.0
    _copy(gamma, work.start)
    norm, largest = np.inf, 0.0
    for _ in range(LINE_SEARCH_HALVINGS + 1):
        for j in range(gamma.shape[0]):
            gamma[j] = work.start[j] - part * work.step[j]
        norm, largest = _residual(points, schedule, out, work, i)
        if norm < before or norm <= enough:
            break
        part *= 0.5
    return norm, largest


@_inlined
def _residual(points, schedule, out, work, i):  # type: ignore[no-untyped-def]
    """Evaluate the law at the active points; return the norms of the residual and of its absolute parts."""
    active, n = work.active, points.weighted.shape[2]
    _copy_all(work.base, active.strain)
    _combine(out.coordinates[i], points.active.modes, active.strain)
    status = _evaluate(points.tables, points.active, schedule, out, active, work.scratch, i, 0, n)
    out.evaluations[0] += 1
    if status != 0:
        return np.inf, 0.0
    _balance(points.weighted, active.stress, schedule.force[i], work.residual, work.absolute)
    size = 0.0
    for a in range(6):
        size += _norm(active.stress[a])
    floor = NEGLIGIBLE * work.size[0] * size
    return _norm(work.residual), max(_norm(work.absolute), floor)


@_called
def _evaluate(tables, points, schedule, out, work, terms, i, first, last):  # type: ignore[no-untyped-def]
    """Evaluate the laws of a set of points, rows first:last of all, at time i; return their status."""
    start = out.state[i - 1, first:last]
    fields = Fields(work.strain_rows, start, out.state[i, first:last], work.stress_rows, work.tangent_rows, terms)
    return evaluate_fields(
        tables,
        points.sites,
        schedule.temperature[i, first:last],
        schedule.times[i - 1],
        schedule.times[i],
        schedule.viscous[i - 1],
        fields,
    )


@_vectorised
def _combine(factors, fields, total):  # type: ignore[no-untyped-def]
    """Add Σ_j factors_j fields_j to `total`."""
    for j in range(factors.shape[0]):
        factor = factors[j]
        for a in range(6):
            for k in range(total.shape[1]):
                total[a, k] += factor * fields[j, a, k]


@_vectorised
def _balance(weighted, stress, force, residual, absolute):  # type: ignore[no-untyped-def]
    """Set the residual and the sums of the magnitudes of the points' contributions."""
    for j in range(residual.shape[0]):
        total = largest = 0.0
        w = weighted[j]
        for k in range(stress.shape[1]):
            part = w[0, k] * stress[0, k] + w[1, k] * stress[1, k] + w[2, k] * stress[2, k]
            part += w[3, k] * stress[3, k] + w[4, k] * stress[4, k] + w[5, k] * stress[5, k]
            total += part
            largest += abs(part)
        residual[j] = total - force[j]
        absolute[j] = largest


@_vectorised
def _stiffness(points, work):  # type: ignore[no-untyped-def]
    """Assemble the reduced tangent in `work.matrix`, two columns at a time."""
    n_modes = work.matrix.shape[0]
    first, second = work.moved[0], work.moved[1]
    for j in range(0, n_modes, 2):
        other = min(j + 1, n_modes - 1)
        _move(work.active.tangent, points.active.modes[j], first)
        _move(work.active.tangent, points.active.modes[other], second)
        _project(work.flat_weighted, work.flat_moved, work.matrix, j, other)


@_vectorised
def _move(tangent, mode, moved):  # type: ignore[no-untyped-def]
    """Set `moved` to the stress that the tangent gives to the strain of a mode."""
    b, d = mode, tangent
    for a in range(6):
        for k in range(moved.shape[1]):
            part = d[0, a, k] * b[0, k] + d[1, a, k] * b[1, k] + d[2, a, k] * b[2, k]
            moved[a, k] = part + d[3, a, k] * b[3, k] + d[4, a, k] * b[4, k] + d[5, a, k] * b[5, k]


@_vectorised
def _project(weighted, moved, matrix, j, other):  # type: ignore[no-untyped-def]
    """Set columns j and `other` of the tangent; blocks of 2 × 2 read each number half as often."""
    n_modes = weighted.shape[0]
    for i in range(0, n_modes, 2):
        next_i = min(i + 1, n_modes - 1)
        a = b = c = d = 0.0
        for r in range(moved.shape[1]):
            x, y, u, v = weighted[i, r], weighted[next_i, r], moved[0, r], moved[1, r]
            a += x * u
            b += x * v
            c += y * u
            d += y * v
        matrix[i, j], matrix[i, other] = a, b
        matrix[next_i, j], matrix[next_i, other] = c, d


@_inlined
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


@_inlined
def _sample(points, schedule, out, work, i):  # type: ignore[no-untyped-def]
    """Evaluate the law once at the points that carry no weight; return its status."""
    n, n_points = points.weighted.shape[2], out.state.shape[1]
    sampled = work.sampled
    _copy_all(points.sampled.fixed, sampled.strain)
    _combine(schedule.lifting[i], points.sampled.lifting, sampled.strain)
    _combine(out.coordinates[i], points.sampled.modes, sampled.strain)
    status = _evaluate(points.tables, points.sampled, schedule, out, sampled, work.scratch, i, n, n_points)
    _write_rows(sampled.stress, out.stress[i, n:])
    return status


@_inlined
def _copy(source, target):  # type: ignore[no-untyped-def]
    for j in range(source.shape[0]):
        target[j] = source[j]


@_inlined
def _copy_all(source, target):  # type: ignore[no-untyped-def]
    for a in range(source.shape[0]):
        _copy(source[a], target[a])


@_inlined
def _write_rows(columns, rows):  # type: ignore[no-untyped-def]
    """Write (6, n) values, points last, to the first n rows of (…, 6) ones."""
    for k in range(columns.shape[1]):
        for a in range(6):
            rows[k, a] = columns[a, k]


@_inlined
def _norm(vector):  # type: ignore[no-untyped-def]
    total = 0.0
    for value in vector:
        total += value * value
    return np.sqrt(total)
