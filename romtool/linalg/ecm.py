"""Empirical cubature: few points and weights that integrate the reduced internal forces (theory, eq. (4.2))."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from romtool.errors import AccuracyError, InputError
from romtool.linalg.agreement import TIE, all_finite, first_subdomain, on_root, raise_together
from romtool.linalg.candidates import Candidates, build_sampler
from romtool.linalg.integrands import METRIC, integrate, integrate_absolute, norm_bounds
from romtool.linalg.nnls import ActiveSet
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.progress import Tick, untold

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SELF_EQUILIBRATED = 1e-3
"""Below this ratio of ‖b‖ to the absolute integrals, these take the place of ‖b‖ (theory, eq. (4.3))."""

EXHAUSTED = 0.03
"""Candidates are replaced when the best score has fallen to this fraction of its value after pricing."""

OVERSHOOT = 0.5
"""Points are added down to this fraction of the tolerance, then pruned up to it: fewer points remain."""

STALLED = 0.99
"""A pricing that leaves more than this fraction of the residual is a stalled one."""

MAX_STALLED = 3


@dataclass(frozen=True)
class Cubature:
    """A reduced quadrature, points in ascending order of their ids.

    Parameters
    ----------
    ids: (n_selected, 2) int global element id and local point.
    subdomains: (n_selected,) int index of the owning subdomain, over all ranks.
    rows: (n_selected,) int row of the point in its subdomain.
    weights: (n_selected,) float [volume], positive.
    error: `‖G_S ω - b‖ / scale` on all rows, the volume row included; scale is ‖b‖ (theory, eq. (4.2)).
    volume_error: `|Σ ω - V| / V`.
    n_pricings: passes over all points (of a large mesh, over a part that changes).
    history: (n_points, error) after each pass.
    """

    ids: Ints
    subdomains: Ints
    rows: Ints
    weights: Floats
    error: float
    volume_error: float
    n_pricings: int
    history: tuple[tuple[int, float], ...]


def ecm(
    strain: Sequence[Floats],
    stress: Sequence[Floats],
    weights: Sequence[Floats],
    ids: Sequence[Ints],
    comm: Comm,
    *,
    tolerance: float,
    max_points: int | None = None,
    seed: int = 0,
    tick: Tick = untold,
) -> Cubature:
    """Return few points S and weights ω >= 0 with `‖G_S ω - b‖ <= tolerance * ‖b‖`.

    Rows of G are the integrands `g_ij(k) = sig_i(k) : eps_j(k)` and the volume. Greedy nonnegative orthogonal matching
    pursuit (Hernández, Caicedo & Ferrer 2017) on candidates that are replaced by pricing all points.

    Parameters
    ----------
    strain: (n_points_s, 6, n_modes) float per subdomain, strains of the displacement modes; shear is tensor shear.
    stress: (n_points_s, 6, n_stress) float [stress] per subdomain, stress modes times singular values.
    weights: (n_points_s,) float [volume] per subdomain; a source rule may have negative ones (5-point tetrahedra).
    ids: (n_points_s, 2) int per subdomain, global element id and local point, unique.
    comm: the ranks.
    tolerance: of the residual relative to ‖b‖.
    max_points: largest number of points.
    seed: of the random candidates.
    tick: told on rank 0 which part of the way to the tolerance the residual has gone, on a logarithmic scale.

    Raises
    ------
    InputError: arrays that do not fit each other, are not finite, or are all zero.
    AccuracyError: a tolerance that is not reached (with max_points); says what was.
    """
    _check(strain, stress, weights, ids, comm)
    _check_limits(tolerance, max_points)
    target = _build_target(strain, stress, weights, comm)
    sampler = build_sampler(strain, stress, ids, comm, seed)
    search = _Search(target, tolerance, max_points, MAX_STALLED + sampler.n_shifts - 1, tick)
    residual: Floats | None = target.vector
    n_pricings = 0
    while residual is not None:
        direction = residual[:-1].reshape(target.integrals.shape)
        candidates = sampler.draw(direction, float(residual[-1]) * target.volume_entry, n_pricings)
        residual = on_root(comm, search.improve, candidates)
        n_pricings += 1
    return on_root(comm, search.result)


@dataclass(frozen=True)
class _Target:
    """Right-hand side of the cubature.

    Parameters
    ----------
    integrals: (n_stress, n_modes) float, `b` of the stress rows.
    scale: what the tolerance refers to, and the target of the volume row.
    volume: sum of the weights.
    """

    integrals: Floats
    scale: float
    volume: float

    @property
    def vector(self) -> Floats:
        return np.append(self.integrals.ravel(), self.scale)

    @property
    def volume_entry(self) -> float:
        """Return the entry of the volume row, the same at all points."""
        return self.scale / self.volume


class _Search:
    """The small problem, which rank 0 solves: an active set that grows from the candidates of each pricing."""

    def __init__(self, target: _Target, tolerance: float, max_points: int | None, max_stalled: int, tick: Tick) -> None:
        self._target = target
        self._tolerance = tolerance
        self._max_points = max_points
        self._max_stalled = max_stalled
        self._tick = tick
        self._active = ActiveSet(target.vector)
        self._history: list[tuple[int, float]] = []
        self._n_stalled = 0

    def improve(self, candidates: Candidates) -> Floats | None:
        """Add candidates to the active set; return the residual to price next, None when there is no need."""
        volume_row = np.full((len(candidates.points), 1), self._target.volume_entry)
        before = self._error()
        self._exhaust(
            [tuple(point) for point in candidates.points.tolist()], np.hstack((candidates.columns, volume_row))
        )
        self._history.append((len(self._active), self._error()))
        self._n_stalled = self._n_stalled + 1 if self._error() > STALLED * before else 0
        done = self._reached() or self._n_stalled == self._max_stalled
        return None if done else self._active.residual

    def _exhaust(self, points: list[tuple[int, ...]], columns: Floats) -> None:
        """Add one candidate after the other, until their best score is small compared with the first."""
        norms = np.linalg.norm(columns, axis=1)
        places = {point: place for place, point in enumerate(points)}
        rejected = norms == 0.0
        first = 0.0
        while points and not self._reached():
            before = self._error()
            scores = np.divide(columns @ self._active.residual, norms, out=np.zeros(len(points)), where=~rejected)
            scores[[places[key] for key in self._active.keys if key in places]] = 0.0
            best = scores.max()
            first = first or best
            if best <= EXHAUSTED * first:
                return
            place = int(np.argmax(scores >= best * (1.0 - TIE)))
            stayed = self._active.add(points[place], columns[place])
            rejected[place] = not stayed or self._error() >= before
            self._tell()

    def _tell(self) -> None:
        """Tell how many points there are, and how far the residual is above the tolerance."""
        error, target = max(self._error(), 1e-300), OVERSHOOT * self._tolerance
        part = min(max(np.log(error) / np.log(target), 0.0), 1.0)
        self._tick(float(part), 1.0, f"{len(self._active)} points, residual {error / self._tolerance:.3g} x tolerance")

    def _error(self) -> float:
        return float(np.linalg.norm(self._active.residual)) / self._target.scale

    def _reached(self) -> bool:
        full = self._max_points is not None and len(self._active) >= 2 * self._max_points
        return full or self._error() <= OVERSHOOT * self._tolerance

    def result(self) -> Cubature:
        """Prune the active set and return the quadrature, checked."""
        self._active.prune(self._tolerance * self._target.scale * (1.0 - TIE), self._max_points)
        error = float(np.linalg.norm(self._active.recomputed_residual())) / self._target.scale
        if error > self._tolerance:
            raise AccuracyError(self._failure(error))
        points = np.array(self._active.keys, dtype=np.int64)
        order = np.lexsort((points[:, 1], points[:, 0]))
        points, weights = points[order], self._active.weights[order]
        volume_error = abs(float(weights.sum()) / self._target.volume - 1.0)
        history = tuple(self._history)
        return Cubature(points[:, :2], points[:, 2], points[:, 3], weights, error, volume_error, len(history), history)

    def _failure(self, error: float) -> str:
        limit = "" if self._max_points is None else f" (max_points {self._max_points})"
        return (
            f"The empirical cubature reached a relative error of {error:.2e} with {len(self._active)} points{limit}; "
            f"expected {self._tolerance:.2e}. Allow more points or a larger tolerance."
        )


def _build_target(strain: Sequence[Floats], stress: Sequence[Floats], weights: Sequence[Floats], comm: Comm) -> _Target:
    """Integrate the rows; a nearly self-equilibrated stress takes the absolute integrals as its scale."""
    parts = list(zip(strain, stress, weights, strict=True))
    integrals = ordered_sum(comm, [integrate(*part) for part in parts])
    sums = [np.array([w.sum(), np.abs(w).sum(), np.sum(np.abs(w) * norm_bounds(e, s) ** 2)]) for e, s, w in parts]
    volume, measure, energy = ordered_sum(comm, sums)
    scale = float(np.linalg.norm(integrals))
    if not np.isfinite(energy) or energy <= 0.0 or volume <= 0.0:
        raise InputError(
            f"The integrands of the cubature have volume {volume:g} and mean square {energy:g}: expected positive "
            "finite numbers. Check the strain modes, the stress modes and the weights."
        )
    if scale < SELF_EQUILIBRATED * np.sqrt(measure * energy):  # Cauchy-Schwarz: an upper bound of the next norm
        absolute = ordered_sum(comm, [integrate_absolute(*part, METRIC) for part in parts])
        bound = float(np.linalg.norm(absolute))
        scale = bound if scale < SELF_EQUILIBRATED * bound else scale
    return _Target(integrals, scale, float(volume))


def _check_limits(tolerance: float, max_points: int | None) -> None:
    if not 0.0 < tolerance < 1.0:
        raise InputError(f"The cubature tolerance is {tolerance}: expected 0 < tolerance < 1.")
    if max_points is not None and max_points < 1:
        raise InputError(f"max_points is {max_points}: expected at least 1.")


def _check(
    strain: Sequence[Floats], stress: Sequence[Floats], weights: Sequence[Floats], ids: Sequence[Ints], comm: Comm
) -> None:
    first = first_subdomain(comm, len(strain))
    parts = enumerate(zip(strain, stress, weights, ids, strict=True), start=first)
    raise_together(comm, [text for s, part in parts if (text := _wrong_part(*part, s))])
    shapes = set(gather_subdomains(comm, [(e.shape[2], s.shape[2]) for e, s in zip(strain, stress, strict=True)]))
    if len(shapes) > 1 or 0 in min(shapes):
        raise InputError(f"Subdomains have (strain, stress) modes {sorted(shapes)}: expected one pair, both positive.")


def _wrong_part(strain: Floats, stress: Floats, weights: Floats, ids: Ints, subdomain: int) -> str:
    n = len(weights)
    if strain.shape[:2] != (n, 6) or stress.shape[:2] != (n, 6) or ids.shape != (n, 2):
        return (
            f"Subdomain {subdomain}: strain {strain.shape}, stress {stress.shape}, ids {ids.shape} for {n} weights: "
            "expected (n, 6, n_modes), (n, 6, n_stress), (n, 2)."
        )
    if not np.isfinite(weights).all():
        return f"Subdomain {subdomain}: {np.sum(~np.isfinite(weights))} weights are not finite: expected numbers."
    for name, part in (("strain", strain), ("stress", stress)):
        if not all_finite(part):
            row = np.flatnonzero(~np.isfinite(part).all(axis=(1, 2)))[0]
            return f"Subdomain {subdomain}: {name} modes are not finite at row {row}: expected numbers everywhere."
    return ""
