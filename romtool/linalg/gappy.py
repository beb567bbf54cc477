"""Gappy POD: sampling points of a vector-valued basis, and the reconstruction from samples (theory, eq. (6.1))."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from romtool.errors import AccuracyError, InputError
from romtool.linalg.agreement import all_finite, best_tied, first_subdomain, on_root, raise_together
from romtool.linalg.orthonormal import largest_components
from romtool.linalg.reduction import Comm, gather_subdomains

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROWS_PER_MODE = 2
MAX_ADDED_PER_MODE = 10
BLOCK_POINTS = 8192


@dataclass(frozen=True)
class SamplingPoints:
    """Points at which a basis is sampled, in the order of selection, the given ones first.

    Parameters
    ----------
    ids: (n_selected, 2) int global element id and local point.
    subdomains: (n_selected,) int index of the owning subdomain, over all ranks.
    rows: (n_selected,) int row of the point in its subdomain.
    n_given: how many of them were given by the caller.
    basis: (n_selected * n_components, n_modes) float, the rows of the basis at the points.
    condition: ratio of extreme singular values of `basis` with each mode divided by its largest component.
    """

    ids: Ints
    subdomains: Ints
    rows: Ints
    n_given: int
    basis: Floats
    condition: float


@dataclass(frozen=True)
class GappyOperator:
    """Least-squares reconstruction of the coefficients of a basis from samples, `z = argmin ‖B_S z - q‖`.

    Parameters
    ----------
    pseudo_inverse: (n_modes, n_rows) float.
    basis_at_points: (n_rows, n_modes) float `B_S`.
    condition: ratio of the extreme singular values of `B_S`.
    amplification: `1 / σ_min(B_S)`, the largest `‖z‖ / ‖q‖`.
    """

    pseudo_inverse: Floats
    basis_at_points: Floats
    condition: float
    amplification: float

    def coefficients(self, samples: Floats) -> Floats:
        """Return `z`, (n_modes,) or (n_modes, n), of (n_rows,) or (n_rows, n) samples."""
        return self.pseudo_inverse @ samples

    def residual(self, samples: Floats) -> Floats:
        """Return the norm `‖B_S z - q‖` of (n_rows,) samples, or (n,) norms of (n_rows, n)."""
        misfit = self.basis_at_points @ self.coefficients(samples) - samples
        return np.asarray(np.linalg.norm(misfit, axis=0))


@dataclass(frozen=True)
class _Selection:
    """Points chosen so far and their rows of the scaled basis, the same on every rank."""

    places: list[tuple[int, int]]
    ids: Ints
    blocks: Floats

    def extended(self, place: tuple[int, int], ids: Ints, block: Floats) -> "_Selection":
        return _Selection([*self.places, place], np.vstack((self.ids, ids)), np.concatenate((self.blocks, block[None])))


def gappy_operator(basis_at_points: Floats) -> GappyOperator:
    """Return the least-squares operator of a sampled basis.

    Everson & Sirovich 1995, by the singular value decomposition.

    Parameters
    ----------
    basis_at_points: (n_rows, n_modes) float `B_S`.

    Raises
    ------
    AccuracyError: a sampled basis without full column rank.
    """
    n_rows, n_modes = basis_at_points.shape
    left, values, right = np.linalg.svd(basis_at_points, full_matrices=False)
    threshold = max(n_rows, n_modes) * np.finfo(np.float64).eps * values.max(initial=0.0)
    if n_rows < n_modes or not n_modes or not values[-1] > threshold:
        raise AccuracyError(
            f"{n_rows} sampled rows have rank {np.count_nonzero(values > threshold)} for {n_modes} modes: expected "
            "full column rank. Add sampling points (`qdeim`)."
        )
    inverse = (right.T / values) @ left.T
    return GappyOperator(inverse, basis_at_points, float(values[0] / values[-1]), float(1.0 / values[-1]))


def qdeim(
    basis: Sequence[Floats],
    ids: Sequence[Ints],
    comm: Comm,
    *,
    given: Sequence[Ints] | None = None,
    max_condition: float = 100.0,
) -> SamplingPoints:
    """Choose few points at which a basis is determined by its samples.

    Q-DEIM (Drmač & Gugercin 2016) on blocks of rows: the next point is the one whose rows reach furthest into the
    directions that the selected rows do not determine (singular values below `σ_1 / max_condition`). Then
    points are added that lower `trace((B_Sᵀ B_S)⁻¹)` most to first order (cf. Peherstorfer, Drmač & Gugercin 2020)
    until there are twice as many rows as modes (or all points are selected). Modes are divided by their largest
    component beforehand, so that a mode of a small region counts like one of the whole body.

    Parameters
    ----------
    basis: (n_points_s, n_components, n_modes) float per subdomain.
    ids: (n_points_s, 2) int per subdomain, global element id and local point; break ties.
    comm: the ranks.
    given: per subdomain the rows of points that are selected already (ECM points); only what they lack is added.
    max_condition: bound of the condition number of the scaled sampled basis.

    Raises
    ------
    InputError: arrays that do not fit each other, or a basis that is not finite.
    AccuracyError: a basis whose modes are dependent, or a bound that 10 points per mode do not reach.
    """
    _check(basis, ids, comm)
    n_modes = basis[0].shape[2]
    scale = _largest_components(basis, comm)
    none = [np.zeros(0, dtype=np.int64) for _ in basis]
    taken = [np.array(rows, dtype=np.int64) for rows in given or none]
    selection = _gather_given(basis, ids, taken, scale, comm)
    n_given, n_points = len(selection.ids), sum(gather_subdomains(comm, [len(part) for part in basis]))
    while True:
        directions, missing = on_root(comm, _wanted, selection.blocks, max_condition)
        enough = selection.blocks.shape[0] * selection.blocks.shape[1] >= ROWS_PER_MODE * n_modes
        full = len(selection.ids) == n_points
        if not missing and (enough or full):
            break
        if full or len(selection.ids) - n_given >= MAX_ADDED_PER_MODE * n_modes:
            raise AccuracyError(_failure(len(selection.ids), n_modes, missing, max_condition))
        selection = _add_best(basis, ids, taken, scale, directions, selection, comm)
    return _sampling(selection, n_given, scale, comm)


def _wanted(blocks: Floats, max_condition: float) -> tuple[Floats, int]:
    """Return the weighted directions that the next point should see, and how many are undetermined."""
    n_modes = blocks.shape[2]
    rows = np.vstack((blocks.reshape(-1, n_modes), np.zeros((n_modes, n_modes))))
    _, values, right = np.linalg.svd(rows, full_matrices=False)
    missing = values * max_condition < values[0] if values[0] > 0 else np.ones(n_modes, dtype=np.bool_)
    if missing.any():
        return right[missing].T, int(missing.sum())
    return right.T * (values[-1] / values) ** 2, 0


def _add_best(
    basis: Sequence[Floats],
    ids: Sequence[Ints],
    taken: list[Ints],
    scale: Floats,
    directions: Floats,
    selection: _Selection,
    comm: Comm,
) -> _Selection:
    """Append the point whose rows have the largest norm along the directions; one reduction."""
    weighted = directions / scale[:, None]
    candidates = [_best_local(*parts, weighted) for parts in zip(basis, ids, taken, strict=True)]
    found = gather_subdomains(comm, candidates)
    scores = np.array([score for score, _, _, _ in found])
    s = best_tied(scores, np.array([key for _, _, key, _ in found]))
    _, row, key, block = found[s]
    local = s - first_subdomain(comm, len(basis))
    if 0 <= local < len(basis):
        taken[local] = np.append(taken[local], row)
    return selection.extended((s, row), key, block / scale)


def _best_local(basis: Floats, ids: Ints, taken: Ints, directions: Floats) -> tuple[float, int, Ints, Floats]:
    """Return score, row, ids and basis rows of the best point of one subdomain (-inf where there is none)."""
    scores = np.empty(len(basis))
    for start in range(0, len(basis), BLOCK_POINTS):
        seen = basis[start : start + BLOCK_POINTS] @ directions
        scores[start : start + BLOCK_POINTS] = np.sqrt(np.einsum("kcn,kcn->k", seen, seen))
    scores[taken] = -np.inf
    if not len(scores) or not np.isfinite(scores.max()):
        return -np.inf, 0, np.zeros(2, dtype=np.int64), np.zeros(basis.shape[1:])
    row = best_tied(scores, ids)
    return float(scores[row]), row, ids[row], basis[row]


def _gather_given(
    basis: Sequence[Floats], ids: Sequence[Ints], taken: Sequence[Ints], scale: Floats, comm: Comm
) -> _Selection:
    parts = [(rows, keys[rows], part[rows]) for rows, keys, part in zip(taken, ids, basis, strict=True)]
    found = gather_subdomains(comm, parts)
    places = [(s, int(row)) for s, (rows, _, _) in enumerate(found) for row in rows]
    blocks = np.concatenate([block for _, _, block in found]) / scale
    return _Selection(places, np.concatenate([keys for _, keys, _ in found]), blocks)


def _sampling(selection: _Selection, n_given: int, scale: Floats, comm: Comm) -> SamplingPoints:
    n_modes = selection.blocks.shape[2]
    scaled = selection.blocks.reshape(-1, n_modes)
    values = on_root(comm, _singular_values, scaled)
    places = np.array(selection.places, dtype=np.int64).reshape(-1, 2)
    condition = float(values[0] / values[-1])
    return SamplingPoints(selection.ids, places[:, 0], places[:, 1], n_given, scaled * scale, condition)


def _singular_values(matrix: Floats) -> Floats:
    return np.linalg.svd(matrix, compute_uv=False)


def _largest_components(basis: Sequence[Floats], comm: Comm) -> Floats:
    local = [largest_components(part.reshape(-1, part.shape[2])) for part in basis]
    scale: Floats = np.max(gather_subdomains(comm, local), axis=0)
    if not scale.all():
        raise AccuracyError(
            f"Mode {np.flatnonzero(scale == 0)[0]} of the gappy basis is zero everywhere: expected independent modes. "
            "Leave it out."
        )
    return scale


def _failure(n_selected: int, n_modes: int, missing: int, max_condition: float) -> str:
    return (
        f"{n_selected} sampling points leave {missing} of {n_modes} gappy modes undetermined within a condition number "
        f"of {max_condition:g}: expected a better conditioned basis. Use fewer modes or raise max_condition."
    )


def _check(basis: Sequence[Floats], ids: Sequence[Ints], comm: Comm) -> None:
    first = first_subdomain(comm, len(basis))
    pairs = enumerate(zip(basis, ids, strict=False), start=first)
    raise_together(comm, [text for s, (part, keys) in pairs if (text := _wrong_part(part, keys, s))])
    shapes = gather_subdomains(comm, [part.shape[1:] for part in basis])
    if any(one != other for one, other in pairwise(shapes)) or not shapes[0][1]:
        raise InputError(
            f"Gappy bases have components and modes {sorted(set(shapes))}: expected one shape, one mode at least."
        )


def _wrong_part(basis: Floats, ids: Ints, subdomain: int) -> str:
    if basis.ndim != 3 or ids.shape != (len(basis), 2):
        return (
            f"Subdomain {subdomain}: basis of shape {basis.shape} with ids of shape {ids.shape}: expected "
            "(n_points, n_components, n_modes) and (n_points, 2)."
        )
    if not all_finite(basis):
        return f"Subdomain {subdomain}: the gappy basis holds NaN or infinity: expected finite values."
    return ""
