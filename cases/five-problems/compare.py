"""Compare ways to divide training simulations among local bases, by the projection error of others, on five problems.

python cases/five-problems/compare.py [-o FILE.json] [--simulations 90] [--splits 10] [--seed 0]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parent))

from problems import PROBLEMS, Family

from romtool.linalg.kmedoids import k_medoids, nearest
from romtool.linalg.pod import Pod, pod
from romtool.linalg.reduction import SerialComm
from romtool.offline.clusters import dissimilarities, leading, snapshot_energies
from romtool.offline.efficiency import Efficiency, difference, efficiency
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

    def criterion(self, kind: Literal["sine", "euclidean"] = "sine") -> Efficiency:
        """Return what `romtool cluster` says of the simulations."""
        return efficiency(self.basis, self.starts, replace(CLUSTERS, dissimilarity=kind), POD)


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

    `foreseen` is by how much the error of the Euclidean dissimilarity is larger there, and the standard error of that.
    Where the criterion says that one basis is enough, the others have two clusters.
    """
    n = len(simulations.starts) - 1
    n_training = round(TRAINING * n)
    dissimilarity = dissimilarities(simulations.basis, simulations.starts, "sine", POD.tolerance)
    orders = [np.random.default_rng(split).permutation(n) for split in range(n_splits)]
    known = simulations.chosen(np.sort(orders[0][:n_training]))
    criterion = known.criterion()
    count, n_modes = max(criterion.recommended, 2), criterion.n_modes
    foreseen = difference(criterion, known.criterion("euclidean"), count, CLUSTERS.seed)
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
        "foreseen": foreseen,
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
    held_out = [found.errors[: len(part.errors)] for found in (everything, part)]
    return {
        "gains": [entry.tolist() for entry in gains],
        "same_order": bool(np.array_equal(*(np.argsort(entry, kind="stable") for entry in gains))),
        "rank_correlation_of_gains": float(spearmanr(*gains).statistic),
        "rank_correlation_of_steps": float(spearmanr(*steps).statistic),
        "rank_correlation_of_errors": float(spearmanr(*held_out).statistic),
        "largest_difference": float(np.abs(gains[1] - gains[0]).max()),
        "recommended": [everything.recommended, part.recommended],
    }


def print_tables(found: dict[str, dict[str, Any]]) -> None:
    """Print mean and standard deviation over the splits, and how often the sine beats the distance."""
    _print_errors(found, "as they are", "bases of snapshots as they are, as `offline` makes them")
    _print_errors(found, "norm one", "bases of simulations scaled to norm one")
    print("\nerror by the Euclidean minus by the sine dissimilarity, foreseen on the training simulations of one split")
    for name, entry in found.items():
        mean, deviation = entry["foreseen"]
        print(f"{name:24}{mean:>9.2g} ± {deviation:.1g}")
    print(
        "\na third of the simulations against all: order of K by γ, rank correlations over K, recommended K, max |Δγ|"
    )
    print(f"{'':24}{'order':>8}{'γ':>8}{'its steps':>11}{'errors':>9}{'K of all':>10}{'of a third':>12}{'|Δγ|':>8}")
    for name, entry in found.items():
        third = entry["third"]
        order = "same" if third["same_order"] else "other"
        of_gains, steps, held_out = (third[f"rank_correlation_of_{what}"] for what in ("gains", "steps", "errors"))
        everything, part = third["recommended"]
        ranks = f"{of_gains:>8.2f}{steps:>11.2f}{held_out:>9.2f}"
        print(f"{name:24}{order:>8}{ranks}{everything:>10}{part:>12}{third['largest_difference']:>8.2f}")


def _print_errors(found: dict[str, dict[str, Any]], kind: str, title: str) -> None:
    """Print the errors with one kind of bases."""
    print(f"\n{title}")
    print(f"{'':24}{'K':>3}{'N':>4}" + "".join(f"{method:>20}" for method in METHODS) + f"{'sine wins':>11}")
    for name, entry in found.items():
        rows = entry["errors"][kind]
        cells = [f"{np.mean(rows[method]):.3g} ± {np.std(rows[method]):.2g}" for method in METHODS]
        wins = int(np.sum(np.array(rows[METHODS[0]]) < np.array(rows[METHODS[1]])))
        numbers = f"{entry['recommended']:>3}{entry['n_modes']:>4}"
        print(f"{name:24}{numbers}" + "".join(f"{cell:>20}" for cell in cells) + f"{wins:>8}/{len(rows[METHODS[0]])}")


def run(n_simulations: int, n_splits: int, seed: int, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Return the comparison of all problems."""
    found = {}
    for name, family in PROBLEMS.items():
        start = time.perf_counter()
        simulations = simulations_of(family(n_simulations, seed))
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
    parser.add_argument("--seed", type=int, default=0, help="of the simulations")
    options = parser.parse_args()
    found = run(options.simulations, options.splits, options.seed, lambda text: print(text, file=sys.stderr))
    print_tables(found)
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
