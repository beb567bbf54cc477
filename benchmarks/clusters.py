"""A dictionary of local models against one model, on simulations with random hot spots; prints JSON.

A box of hexahedra, elastoviscoplastic, pulled and heated; each simulation has a hot spot of its own place, width
and height (a factor of five). Models of the same number of modes are trained on some simulations and answer the
others: errors of p and of the displacement against the solver, by the cluster that the selector chose and by the best.

    python benchmarks/clusters.py [--training 54 --unseen 18 --modes 12 --counts 2 4 6 --cells 12 6 4]
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from romtool.fem.operators import build_operators  # noqa: E402
from romtool.hifi.march import solve  # noqa: E402
from romtool.hifi.problem import build_problem  # noqa: E402
from romtool.linalg.reduction import SerialComm  # noqa: E402
from romtool.loading import Temperature, TemperatureEntry  # noqa: E402
from romtool.offline.clock import Clock  # noqa: E402
from romtool.offline.cluster_fields import collect  # noqa: E402
from romtool.offline.dictionary import train_dictionary  # noqa: E402
from romtool.offline.efficiency import efficiency  # noqa: E402
from romtool.reduced.dictionary import choose, run_loading  # noqa: E402
from romtool.reduced.march import restrict_to_thermal  # noqa: E402
from romtool.reduced.reconstruct import displacement, dual  # noqa: E402
from romtool.settings import ClusterSettings, NewtonSettings, PodSettings, QuadratureSettings, Settings  # noqa: E402
from tests.structures import box, thermal_cycle, training_set, viscoplastic  # noqa: E402

COMM = SerialComm()
PULL = 310.0
"""Tension at the end of the box, at which it begins to flow everywhere."""


PLACES = np.array([[0.6, 0.2], [2.4, 0.2], [1.5, 0.9], [0.6, 0.9], [2.4, 0.9], [1.5, 0.2]])
"""Where hot spots are in families (x, y), on the upper side."""


def hot_spot(mesh, rng, number, n_places):
    """Return the loading of one simulation: its hot spot anywhere on the upper side, or near one of some places."""
    place = rng.uniform([0.5, 0.0], [2.5, 1.0])
    if n_places:
        place = PLACES[number % n_places] + 0.1 * rng.standard_normal(2)
    centre = np.array([*place, 1.0])
    width, height = rng.uniform(0.5, 0.8), 60.0 * 5.0 ** rng.uniform()
    cycle = thermal_cycle(0.0, -PULL, 500.0, mesh)
    field = 20.0 + height * np.exp(-np.sum((mesh.points - centre) ** 2, axis=1) / width**2)
    entries = (TemperatureEntry(0.0, 20.0), TemperatureEntry(1.0, field), TemperatureEntry(2.0, 20.0))
    return replace(cycle, name=f"spot-{number}", temperature=Temperature(20.0, entries))


def reference(mesh, operators, loading):
    """Return the (n_times, …) p and displacement of the built-in solver."""
    states = []
    solve(build_problem(operators, (viscoplastic(),), loading), lambda state, _: states.append(state))
    return np.array([s.state[:, 0] for s in states]), np.array([s.displacement for s in states])


def relative(weights, found, exact):
    """Return `sup_t ‖a - b‖ / sup_t ‖b‖` in a weighted L2 norm of scalars."""

    def norms(values):
        return np.sqrt(np.sum(weights * values**2, axis=1)).max()

    return float(norms(found - exact) / norms(exact))


def errors_of(trained, number, history, truth, operators):
    """Return the errors of p and u of one run of a member."""
    (modes,) = trained.members[number].modes
    p, u = truth
    found = dual(modes, history, "p", slice(None))[:, :, 0]
    moved = displacement(modes, history, slice(None))
    ones = np.ones(u[0].size)
    flat = (len(u), -1)
    return relative(operators.weights, found, p), relative(ones, moved.reshape(flat), u.reshape(flat))


def measure(training, unseen, truths, settings, operators):
    """Train, answer and compare; return what is printed."""
    start = time.perf_counter()
    trained = train_dictionary(training, settings, "clusters", COMM, Clock(lambda text: None))
    seconds, dictionary = time.perf_counter() - start, trained.dictionary
    chosen, best, agreed = [], [], 0
    for loading, truth in zip(unseen, truths, strict=True):
        local = restrict_to_thermal(loading, dictionary.models[0].thermal)
        choice = choose(dictionary, local)
        run = run_loading(dictionary, choice, local, NewtonSettings())
        chosen.append(errors_of(trained, run.choice.number, run.history, truth, operators))
        every = []
        for number in range(len(dictionary.models)):
            alone = replace(choice, tried=(number,), number=number)
            other = run_loading(dictionary, alone, local, NewtonSettings())
            every.append(errors_of(trained, number, other.history, truth, operators))
        best.append(every[int(np.argmin([p for p, _ in every]))])
        agreed += run.choice.number == int(np.argmin([p for p, _ in every]))
    found, ideal = np.array(chosen), np.array(best)
    return {
        "models": len(dictionary.models),
        "modes": [model.n_modes for model in dictionary.models],
        "points": [model.n_active for model in dictionary.models],
        "simulations": [len(part.runs) for part in trained.training],
        "p": {"mean": found[:, 0].mean(), "median": float(np.median(found[:, 0])), "largest": found[:, 0].max()},
        "u": {"mean": found[:, 1].mean(), "largest": found[:, 1].max()},
        "p_with_the_best_cluster": ideal[:, 0].mean(),
        "selector_accuracy_left_out": None if trained.selector is None else trained.selector.accuracy,
        "selector_is_the_best": agreed / len(unseen),
        "seconds_training": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training", type=int, default=54)
    parser.add_argument("--unseen", type=int, default=18)
    parser.add_argument("--modes", type=int, default=12)
    parser.add_argument("--counts", type=int, nargs="+", default=[2, 4, 6])
    parser.add_argument("--places", type=int, default=0, help="families of hot spots; 0: anywhere")
    parser.add_argument("--overlap", type=float, default=0.0)
    parser.add_argument("--cells", type=int, nargs=3, default=[12, 6, 4])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    mesh, rng = box(tuple(arguments.cells)), np.random.default_rng(arguments.seed)
    operators = build_operators(mesh)
    loadings = [hot_spot(mesh, rng, i, arguments.places) for i in range(arguments.training + arguments.unseen)]
    unseen = loadings[arguments.training :]
    training = training_set(mesh, (viscoplastic(),), tuple(loadings[: arguments.training]))
    truths = [reference(mesh, operators, loading) for loading in unseen]
    settings = Settings(
        pod=PodSettings(tolerance=1e-9, max_modes=arguments.modes), quadrature=QuadratureSettings(tolerance=1e-4)
    )
    found = collect(training, settings, COMM)
    criterion = efficiency(found.basis, found.starts, ClusterSettings(max_count=max(arguments.counts)), PodSettings())
    rows = {}
    for count in (1, *arguments.counts):
        clusters = ClusterSettings(count=count, overlap=arguments.overlap)
        rows[count] = measure(training, unseen, truths, replace(settings, clusters=clusters), operators)
        rows[count]["p_ratio_to_one_model"] = rows[count]["p"]["mean"] / rows[1]["p"]["mean"]
        print(json.dumps({count: rows[count]}), file=sys.stderr, flush=True)
    document = {
        **{key: value for key, value in vars(arguments).items() if key != "output"},
        "unknowns": 3 * mesh.n_nodes,
        "recommended": criterion.recommended,
        "gamma": criterion.gains.gains.tolist(),
        "held_out_at_equal_cost": criterion.errors.tolist(),
        "held_out_at_equal_modes": criterion.equal_modes.tolist(),
        "by_count": rows,
    }
    text = json.dumps(document, indent=1)
    if arguments.output:
        arguments.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
