"""Whether several local bases beat one global basis, and how many, before any model is trained (theory, eq. (9.4)).

Two views of the same simulations: the gain γ_K of K medoids over one, and the error of projecting simulations that were
held out on the basis of their cluster and on the global basis, at the same online cost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.linalg.kmedoids import Medoids, k_medoids, nearest
from romtool.linalg.pod import Pod
from romtool.offline.clusters import dissimilarities, leading, members, snapshot_energies
from romtool.settings import ClusterSettings, PodSettings
from romtool.types import Bools, Floats, Ints

FOLDS = 5
RESAMPLES = 1000
PILOTS = 20
"""Random thirds of the simulations that the gains are compared on."""

POINTS = 0.85
"""Points of a reduced quadrature per displacement mode and mode of the stress: see `online_cost`."""

LAW = 300.0
"""Cost of a law at a point, in multiplications of its contribution to the reduced tangent: see `online_cost`."""


@dataclass(frozen=True)
class Gains:
    """What K medoids gain over one.

    Parameters
    ----------
    spreads: (n_counts,) S_K, mean dissimilarity to the nearest of K medoids.
    gains: (n_counts,) γ_K = (S_1 - S_K) / S_1.
    intervals: (n_counts, 2) 95 % intervals of the gains, by resampling the simulations at fixed medoids.
    n_pilot: size of a third of what is resampled.
    pilots: (PILOTS, n_counts) gains of random thirds; nan where K is as large as the third.
    """

    spreads: Floats
    gains: Floats
    intervals: Floats
    n_pilot: int
    pilots: Floats


@dataclass(frozen=True)
class HeldOut:
    """Relative projection errors of simulations that the bases have not seen.

    Parameters
    ----------
    curves: (n_counts, n_held, n_max + 1) with 0, 1, … modes, as far as the tolerance of the modes asks for more.
    at_cost: (n_counts, n_held) at the same online cost.
    modes: (n_counts, n_held) number of modes at that cost.
    """

    curves: Floats
    at_cost: Floats
    modes: Floats


@dataclass(frozen=True)
class Efficiency:
    """The criterion for K = 1 … n_counts.

    Parameters
    ----------
    dissimilarity: (n_items, n_items) between the items.
    partitions: one per K, of all items.
    gains: γ_K.
    held_out: errors of simulations left out.
    n_modes: modes of the global basis at the common online cost, rounded mean.
    errors: (n_counts,) mean error at equal cost.
    intervals: (n_counts, 2) its 95 % interval by resampling the simulations.
    equal_modes: (n_counts,) mean error with `n_modes` modes each.
    advantage: (n_counts, 2) mean of how much smaller the error is than with one basis, and its standard error.
    recommended: the number of clusters; 1 where one basis is enough.
    """

    dissimilarity: Floats
    partitions: tuple[Medoids, ...]
    gains: Gains
    held_out: HeldOut
    n_modes: int
    errors: Floats
    intervals: Floats
    equal_modes: Floats
    advantage: Floats
    recommended: int


def recommended(basis: Pod, starts: Ints, settings: ClusterSettings, pod: PodSettings) -> int:
    """Return how many clusters are worth it: 1 where one basis is enough.

    Parameters
    ----------
    basis, starts, settings, pod: as for `efficiency`.
    """
    return efficiency(basis, starts, settings, pod).recommended if largest_count(starts, settings) > 1 else 1


def largest_count(starts: Ints, settings: ClusterSettings) -> int:
    """Return the largest number of clusters that can be judged: two items for each, some simulations left out."""
    if len(starts) < 3 and settings.by == "simulation":
        return 1
    n_items = len(starts) - 1 if settings.by == "simulation" else int(starts[-1])
    return max(min(settings.max_count, n_items // 2), 1)


def efficiency(basis: Pod, starts: Ints, settings: ClusterSettings, pod: PodSettings) -> Efficiency:
    """Judge K = 1 … local bases on a set of simulations; nothing here depends on the mesh.

    The simulations are left out in five parts. With those that remain: K medoids, one POD per cluster as `offline`
    would make it; each that was left out goes to the nearest medoid. The common online cost is that of the cheapest K
    whose bases all keep the tolerance of the modes on their training; the bases of the others end before. Recommended
    is the smallest K whose mean error is within one standard error of the best, if it is better than one basis by more
    than two; standard errors are those of differences between the same simulations, by resampling these. What is less
    than the tolerance of the modes does not count.

    Parameters
    ----------
    basis: modes of all snapshots, of which only coefficients and remainders are used.
    starts: (n_simulations + 1,) where each simulation's snapshots begin.
    settings: what is clustered and how.
    pod: tolerance and largest number of the modes.
    """
    problem = _Problem(basis, starts, settings, pod)
    counts = range(1, largest_count(starts, settings) + 1)
    partitions = tuple(k_medoids(problem.dissimilarity, count, settings.seed) for count in counts)
    held_out = _held_out(problem, counts)
    draws = _draws(problem.n_units, settings.seed)
    errors, gained = held_out.at_cost, held_out.at_cost[0] - held_out.at_cost
    advantage = np.column_stack([gained.mean(axis=1), _standard_errors(gained, draws)])
    n_modes = max(round(float(held_out.modes[0].mean())), 1)
    return Efficiency(
        dissimilarity=problem.dissimilarity,
        partitions=partitions,
        gains=_gains(problem, partitions, draws),
        held_out=held_out,
        n_modes=n_modes,
        errors=errors.mean(axis=1),
        intervals=_intervals(errors[:, draws].mean(axis=2)),
        equal_modes=held_out.curves[:, :, n_modes].mean(axis=1),
        advantage=advantage,
        recommended=_choose(errors, advantage, draws, pod.tolerance),
    )


def difference(found: Efficiency, other: Efficiency, count: int, seed: int) -> tuple[float, float]:
    """Return how much larger the mean held-out error of another criterion is, and the standard error of that.

    Parameters
    ----------
    found: says with how many modes; `other`: of the same simulations, with another dissimilarity.
    count: of clusters of both.
    seed: of the resampling.
    """
    first, second = (entry.held_out.curves[count - 1, :, found.n_modes] for entry in (found, other))
    larger = (second - first)[None]
    return float(larger.mean()), float(_standard_errors(larger, _draws(larger.shape[1], seed))[0])


def online_cost(n_modes: Floats | Ints, needed: float) -> Floats:
    """Return what a reduced Newton iteration costs, in multiplications.

    `n (300 + N²) + N³` with `n = 0.85 N M` points: the reduced quadrature integrates products of N strain modes and M
    stress modes, and where the displacements need M modes the stresses are taken to need as many. Both factors are
    those of the models of docs/accuracy.md (3 to 16 modes, 10 to 272 points; law and march of the online loop).

    Parameters
    ----------
    n_modes: modes that are kept.
    needed: modes that the training needs at the tolerance.
    """
    kept = np.asarray(n_modes, dtype=np.float64)
    return POINTS * kept * needed * (LAW + kept**2) + kept**3


class _Problem:
    """What is clustered (items), what is held out (units), and their snapshots."""

    def __init__(self, basis: Pod, starts: Ints, settings: ClusterSettings, pod: PodSettings) -> None:
        end = int(starts[-1])
        self.settings, self.pod = settings, pod
        self.coefficients, self.lost = basis.coefficients[:, :end], basis.remainders[:end] ** 2
        n_simulations, single = len(starts) - 1, np.arange(end + 1)
        self.starts = starts if settings.by == "simulation" else single
        simulation = np.repeat(np.arange(n_simulations), np.diff(starts))[self.starts[:-1]]
        self.unit = simulation if n_simulations > 1 else single[:-1]
        self.n_units = int(self.unit.max()) + 1
        energies = snapshot_energies(basis, self.starts)
        self.energies = np.bincount(self.unit, energies, self.n_units)
        self.dissimilarity = dissimilarities(basis, self.starts, settings.dissimilarity, pod.tolerance)
        self.n_max = min(pod.max_modes, len(self.coefficients))

    def columns(self, items: Ints) -> Ints:
        """Return the snapshots of items, one item after the other."""
        return np.concatenate([np.arange(self.starts[i], self.starts[i + 1]) for i in items])

    def basis(self, items: Ints) -> Floats:
        """Return the combinations of modes that a model of some items has."""
        columns = self.columns(items)
        found = leading(self.coefficients[:, columns], self.pod.tolerance, float(self.lost[columns].sum()))
        return found[:, : self.n_max]

    def left(self, items: Ints, basis: Floats) -> Floats:
        """Return the (n_items, n_max + 1) energies that 0, 1, … modes of a basis leave of items."""
        columns = self.columns(items)
        fields = self.coefficients[:, columns]
        inside = basis.T @ fields
        beyond = np.sum((fields - basis @ inside) ** 2, axis=0) + self.lost[columns]
        tails = np.cumsum(inside[::-1] ** 2, axis=0)[::-1]
        energies = np.vstack([tails, np.zeros((self.n_max + 1 - len(tails), len(columns)))]) + beyond
        first = np.cumsum(np.append(0, np.diff(self.starts)[items]))[:-1]
        return np.asarray(np.add.reduceat(energies, first, axis=1).T)

    def errors(self, left: Floats) -> Floats:
        """Return relative errors of all units from what is left of the items; of zero ones 0."""
        sums = np.zeros((self.n_units, *left.shape[1:]))
        np.add.at(sums, self.unit, left)
        energies = np.where(self.energies > 0.0, self.energies, 1.0)
        return np.sqrt(sums / energies.reshape(-1, *np.ones(left.ndim - 1, dtype=np.int64)))


@dataclass(frozen=True)
class _Trial:
    """Some items left out of K clusters of the others.

    Parameters
    ----------
    left: (n_out, n_max + 1) energies that the modes of its cluster leave of each.
    needed: (n_out,) modes that its cluster needs at the tolerance.
    cost: mean online cost of those that the clusters are trained on.
    """

    left: Floats
    needed: Ints
    cost: float


def _held_out(problem: _Problem, counts: Sequence[int]) -> HeldOut:
    """Return the errors of all units, each left out once."""
    n_items = len(problem.unit)
    left = np.zeros((len(counts), n_items, problem.n_max + 1))
    at_cost, modes = np.zeros((len(counts), n_items)), np.zeros((len(counts), n_items))
    for out in _folds(problem):
        trials = [_trial(problem, out, count) for count in counts]
        budget = min(trial.cost for trial in trials)
        for row, trial in enumerate(trials):
            affordable = _affordable(trial.needed, budget, problem.n_max)
            left[row, out], modes[row, out] = trial.left, affordable
            at_cost[row, out] = trial.left[np.arange(len(affordable)), affordable]
    weights = np.bincount(problem.unit, minlength=problem.n_units)
    return HeldOut(
        curves=np.array([problem.errors(entry) for entry in left]),
        at_cost=np.array([problem.errors(entry) for entry in at_cost]),
        modes=np.array([np.bincount(problem.unit, entry) / weights for entry in modes]),
    )


def _folds(problem: _Problem) -> Iterator[Bools]:
    """Yield which items are left out."""
    order = np.random.default_rng(problem.settings.seed).permutation(problem.n_units)
    for part in np.array_split(order, min(FOLDS, problem.n_units)):
        yield np.isin(problem.unit, part)


def _trial(problem: _Problem, out: Bools, count: int) -> _Trial:
    """Cluster the items that are not left out, and project the others."""
    rows, kept = np.flatnonzero(out), np.flatnonzero(~out)
    inside = problem.dissimilarity[np.ix_(kept, kept)]
    found = k_medoids(inside, count, problem.settings.seed)
    bases = [problem.basis(kept[group]) for group in members(found.labels, inside, problem.settings.overlap)]
    needed = np.array([basis.shape[1] for basis in bases])
    goes_to = nearest(problem.dissimilarity[np.ix_(rows, kept)], found.medoids).labels
    left = np.zeros((len(rows), problem.n_max + 1))
    for number in np.unique(goes_to):
        left[goes_to == number] = problem.left(rows[goes_to == number], bases[number])
    costs = np.array([float(online_cost(n, n)) for n in needed])
    return _Trial(left, needed[goes_to], float(costs[found.labels].mean()))


def _affordable(needed: Ints, budget: float, n_max: int) -> Ints:
    """Return how many of the modes of each item's cluster a budget allows, at least one where there is one."""
    costs = np.array([online_cost(np.arange(n_max + 1), float(count)) for count in needed])
    within = np.count_nonzero(costs <= budget * (1.0 + 1e-9), axis=1) - 1
    return np.minimum(np.maximum(within, 1), needed)


def _gains(problem: _Problem, partitions: Sequence[Medoids], draws: Ints) -> Gains:
    """Return γ_K of all items, its intervals, and that of random thirds."""
    sums = np.array([np.bincount(problem.unit, entry.distances, problem.n_units) for entry in partitions])
    sizes = np.bincount(problem.unit, minlength=problem.n_units)
    resampled = sums[:, draws].sum(axis=2) / sizes[draws].sum(axis=1)
    spreads = np.array([entry.distances.mean() for entry in partitions])
    n_pilot = max(-(-problem.n_units // 3), min(2, problem.n_units))
    rng = np.random.default_rng(problem.settings.seed)
    thirds = [rng.permutation(problem.n_units)[:n_pilot] for _ in range(PILOTS)]
    pilots = [_third(problem, np.flatnonzero(np.isin(problem.unit, third)), len(partitions)) for third in thirds]
    return Gains(spreads, gain(spreads), _intervals(gain(resampled)), n_pilot, np.array(pilots))


def _third(problem: _Problem, items: Ints, n_counts: int) -> Floats:
    """Return the gains of some of the items, nan where there are no more of them than medoids."""
    inside = problem.dissimilarity[np.ix_(items, items)]
    counts = range(1, min(n_counts, len(items) - 1) + 1)
    spreads = [k_medoids(inside, count, problem.settings.seed).distances.mean() for count in counts]
    return np.append(gain(np.array(spreads)), np.full(n_counts - len(spreads), np.nan))


def gain(spreads: Floats) -> Floats:
    """Return γ_K = (S_1 - S_K) / S_1 along the first axis, 0 where all is alike."""
    first = spreads[0]
    return np.asarray((first - spreads) / np.where(first > 0.0, first, 1.0))


def _choose(errors: Floats, advantage: Floats, draws: Ints, least: float) -> int:
    """Return the smallest K within one standard error of the best, if it beats one basis by more than two.

    Differences below `least` count for nothing.
    """
    best = int(np.argmin(errors.mean(axis=1)))
    behind = errors - errors[best]
    chosen = int(np.argmax(behind.mean(axis=1) <= np.maximum(_standard_errors(behind, draws), least)))
    mean, deviation = advantage[chosen]
    return chosen + 1 if mean > max(2.0 * deviation, least) else 1


def _draws(n_units: int, seed: int) -> Ints:
    """Return (RESAMPLES, n_units) drawn with replacement."""
    return np.random.default_rng(seed).integers(n_units, size=(RESAMPLES, n_units))


def _standard_errors(values: Floats, draws: Ints) -> Floats:
    """Return the standard errors of the means of each row's values."""
    return np.asarray(values[:, draws].mean(axis=2).std(axis=1))


def _intervals(resampled: Floats) -> Floats:
    """Return the (n, 2) central 95 % of each row."""
    return np.percentile(resampled, [2.5, 97.5], axis=1).T
