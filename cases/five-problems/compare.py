"""Compare ways to divide training simulations among local bases, by the projection error of others, on five problems.

python cases/five-problems/compare.py [-o FILE.json] [--simulations 90] [--splits 10]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parent))

from problems import PROBLEMS, Family

from romtool.linalg.kmedoids import k_medoids, nearest
from romtool.linalg.pod import Pod, pod
from romtool.linalg.reduction import SerialComm
from romtool.offline.clusters import dissimilarities, leading, snapshot_energies
from romtool.offline.efficiency import Efficiency, efficiency
from romtool.settings import ClusterSettings, PodSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POD = PodSettings()
CLUSTERS = ClusterSettings()
RESOLUTION = 1e-3 * POD.tolerance
TRAINING = 2 / 3
METHODS = ("sine k-medoids", "Euclidean k-means", "k-means, normalised", "one basis")


@dataclass(frozen=True)
class Simulations:
    """Simulations of a problem by the coefficients of their snapshots.

    Parameters
    ----------
    basis: modes of all snapshots.
    starts: (n + 1,) where each simulation's snapshots begin.
    """

    basis: Pod
    starts: Ints

    def chosen(self, numbers: Ints) -> "Simulations":
        """Return some of the simulations."""
        columns = self.columns(numbers)
        basis = replace(
            self.basis, coefficients=self.basis.coefficients[:, columns], remainders=self.basis.remainders[columns]
        )
        return Simulations(basis, np.cumsum([0, *np.diff(self.starts)[numbers]]))

    def columns(self, numbers: Ints) -> Ints:
        """Return the snapshots of some of the simulations."""
        return np.concatenate([np.arange(self.starts[i], self.starts[i + 1]) for i in numbers])

    @property
    def rows(self) -> Floats:
        """Return one row per simulation: all its snapshots, one after the other."""
        return np.array([self.basis.coefficients[:, a:b].ravel() for a, b in zip(self.starts, self.starts[1:])])  # noqa: B905

    def criterion(self) -> Efficiency:
        """Return what `romtool cluster` says of the simulations."""
        return efficiency(self.basis, self.starts, CLUSTERS, POD)


def simulations_of(family: Family) -> Simulations:
    """Return the coefficients of the snapshots in modes that keep all of them."""
    histories, inner = family
    basis = pod([np.hstack(histories)], [inner], SerialComm(), tolerance=RESOLUTION)
    return Simulations(basis, np.cumsum([0, *(history.shape[1] for history in histories)]))


def errors(training: Simulations, labels: Ints, others: Simulations, goes_to: Ints, n_modes: int, unit: bool) -> Floats:
    """Return the relative projection errors of other simulations on the basis of the cluster that each goes to.

    Parameters
    ----------
    training: simulations that bases are made of, `labels` their clusters.
    others: simulations that are projected, `goes_to` their clusters.
    n_modes: of each basis, at most.
    unit: whether each simulation is scaled to norm one before the bases are made.
    """
    found = np.zeros(len(goes_to))
    scale = 1.0 / np.sqrt(snapshot_energies(training.basis, training.starts)) if unit else np.ones(len(labels))
    weights = np.repeat(scale, np.diff(training.starts))
    energies = snapshot_energies(others.basis, others.starts)
    for number in np.unique(goes_to):
        columns = training.columns(np.flatnonzero(labels == number))
        modes = leading(training.basis.coefficients[:, columns] * weights[columns], POD.tolerance)[:, :n_modes]
        rest = others.basis.coefficients - modes @ (modes.T @ others.basis.coefficients)
        left = np.sum(rest**2, axis=0) + others.basis.remainders**2
        relative = np.sqrt(np.add.reduceat(left, others.starts[:-1]) / energies)
        found[goes_to == number] = relative[goes_to == number]
    return found


Division = tuple[Ints, Ints]


def sine(everything: Simulations, training: Ints, others: Ints, count: int, dissimilarity: Floats) -> Division:
    """Divide by the medoids with the nearest angle."""
    inside = dissimilarity[np.ix_(training, training)]
    found = k_medoids(inside, count, CLUSTERS.seed)
    return found.labels, nearest(dissimilarity[np.ix_(others, training)], found.medoids).labels


def euclidean(everything: Simulations, training: Ints, others: Ints, count: int, dissimilarity: Floats) -> Division:
    """Divide by the nearest mean."""
    return _k_means(everything.rows, training, others, count)


def normalised(everything: Simulations, training: Ints, others: Ints, count: int, dissimilarity: Floats) -> Division:
    """Divide by the nearest mean of histories of norm one."""
    rows = everything.rows
    return _k_means(rows / np.linalg.norm(rows, axis=1, keepdims=True), training, others, count)


def one(everything: Simulations, training: Ints, others: Ints, count: int, dissimilarity: Floats) -> Division:
    """Do not divide."""
    return np.zeros(len(training), dtype=np.int64), np.zeros(len(others), dtype=np.int64)


DIVIDE: dict[str, Callable[..., Division]] = dict(zip(METHODS, (sine, euclidean, normalised, one), strict=True))


def _k_means(rows: Floats, training: Ints, others: Ints, count: int) -> Division:
    """Divide rows by the nearest mean."""
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=10, random_state=CLUSTERS.seed).fit(rows[training])
    return found.labels_.astype(np.int64), found.predict(rows[others]).astype(np.int64)


def compare(simulations: Simulations, n_splits: int) -> dict[str, Any]:
    """Return what the criterion says of the training simulations of the first split, and all errors of all splits.

    Where the criterion says that one basis is enough, the others have two clusters.
    """
    n = len(simulations.starts) - 1
    n_training = round(TRAINING * n)
    dissimilarity = dissimilarities(simulations.basis, simulations.starts, "sine", POD.tolerance)
    orders = [np.random.default_rng(split).permutation(n) for split in range(n_splits)]
    criterion = simulations.chosen(np.sort(orders[0][:n_training])).criterion()
    count, n_modes = max(criterion.recommended, 2), criterion.n_modes
    found: dict[str, dict[str, list[float]]] = {"as they are": {}, "norm one": {}}
    for order in orders:
        training, others = np.sort(order[:n_training]), np.sort(order[n_training:])
        for method, divide in DIVIDE.items():
            labels, goes_to = divide(simulations, training, others, count, dissimilarity)
            given = (simulations.chosen(training), labels, simulations.chosen(others), goes_to, n_modes)
            for unit, kind in enumerate(found):
                found[kind].setdefault(method, []).append(float(errors(*given, bool(unit)).mean()))
    return {
        "recommended": criterion.recommended,
        "clusters": count,
        "n_modes": n_modes,
        "advantage": criterion.advantage[criterion.recommended - 1].tolist(),
        "errors": found,
        "third": pilot(simulations),
    }


def pilot(simulations: Simulations) -> dict[str, Any]:
    """Compare the gains of a random third of the simulations with those of all.

    γ grows with K by definition, so that its order is always kept; what is gained by each further cluster has an order
    that may change.
    """
    n = len(simulations.starts) - 1
    third = np.sort(np.random.default_rng(0).permutation(n)[: -(-n // 3)])
    everything, part = simulations.criterion(), simulations.chosen(third).criterion()
    gains = [found.gains.gains[: len(part.gains.gains)] for found in (everything, part)]
    steps = [np.diff(entry) for entry in gains]
    return {
        "gains": [entry.tolist() for entry in gains],
        "same_order": bool(np.array_equal(*(np.argsort(entry, kind="stable") for entry in gains))),
        "rank_correlation_of_gains": float(spearmanr(*gains).statistic),
        "rank_correlation_of_steps": float(spearmanr(*steps).statistic),
        "recommended": [everything.recommended, part.recommended],
    }


def print_tables(found: dict[str, dict[str, Any]]) -> None:
    """Print mean and standard deviation over the splits, and how often the sine beats the distance."""
    for kind, title in (("as they are", "as `offline` does"), ("norm one", "each simulation scaled to norm one")):
        print(f"\nbases of snapshots {kind} ({title})")
        print(f"{'problem':24}{'K':>3}{'N':>4}" + "".join(f"{method:>24}" for method in METHODS) + f"{'sine wins':>12}")
        for name, entry in found.items():
            rows = entry["errors"][kind]
            cells = [f"{np.mean(rows[method]):.3g} ± {np.std(rows[method]):.2g}" for method in METHODS]
            wins = np.sum(np.array(rows[METHODS[0]]) < np.array(rows[METHODS[1]]))
            print(
                f"{name:24}{entry['recommended']:>3}{entry['n_modes']:>4}"
                + "".join(f"{cell:>24}" for cell in cells)
                + f"{wins:>9}/{len(rows[METHODS[0]])}"
            )
    print("\na third of the simulations against all")
    print(f"{'problem':24}{'same order':>12}{'ranks of γ':>12}{'of steps':>12}{'K of all':>10}{'of a third':>12}")
    for name, entry in found.items():
        third = entry["third"]
        ranks = f"{third['rank_correlation_of_gains']:>12.2f}{third['rank_correlation_of_steps']:>12.2f}"
        print(f"{name:24}{third['same_order']!s:>12}{ranks}{third['recommended'][0]:>10}{third['recommended'][1]:>12}")


def run(n_simulations: int, n_splits: int, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Return the comparison of all problems."""
    found = {}
    for name, family in PROBLEMS.items():
        start = time.perf_counter()
        simulations = simulations_of(family(n_simulations, 0))
        made = time.perf_counter()
        found[name] = compare(simulations, n_splits)
        say(f"{name}: simulations in {made - start:.0f} s, comparison in {time.perf_counter() - made:.0f} s")
    return found


def main() -> None:
    """Read the command line, print the tables, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="where to write all numbers as JSON")
    parser.add_argument("--simulations", type=int, default=90)
    parser.add_argument("--splits", type=int, default=10)
    options = parser.parse_args()
    found = run(options.simulations, options.splits, lambda text: print(text, file=sys.stderr))
    print_tables(found)
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
