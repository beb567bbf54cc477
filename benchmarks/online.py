"""Cost of the online loop against the bare law kernel on the same points and evaluations; prints JSON.

Both sides run in one compiled call each, interleaved, medians over repeats. The models are trained on solutions of
the built-in solver on a box: `python benchmarks/online.py`.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np
from numba import njit

sys.path.insert(0, str(Path(__file__).parents[1]))

from romtool.laws import evaluate
from romtool.linalg.reduction import SerialComm
from romtool.offline.clock import Clock
from romtool.offline.train import train
from romtool.reduced.forces import build_schedule
from romtool.reduced.layout import Criteria
from romtool.reduced.newton import march
from romtool.reduced.setup import build_points
from romtool.reduced.stepping import empty_trajectory
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import box, thermal_cycle, training_set, viscoplastic


def trained_model(variants, settings):
    """Return a model trained on the box under several loadings."""
    mesh = box((6, 3, 3))
    loadings = tuple(thermal_cycle(hot, pressure, omega, mesh, centre) for hot, pressure, omega, centre in variants)
    training = training_set(mesh, (viscoplastic(),), loadings)
    return train(training, settings, "benchmark", SerialComm(), Clock(lambda text: None)).model


@njit(cache=False)
def replay(tables, sites, temperature, times, viscous, strain, state, spare, stress, tangent, counts):
    """Call the law as often as the march did, on the same points with the converged strains."""
    for i in range(1, times.shape[0]):
        for _ in range(counts[i]):
            evaluate(
                tables,
                sites,
                temperature[i],
                times[i - 1],
                times[i],
                viscous[i - 1],
                strain[i],
                state[i - 1],
                spare,
                stress,
                tangent,
            )


def measure(model, repeats):
    """Return the figures of one model."""
    loading = model.first
    points, schedule = build_points(model, loading), build_schedule(model, loading, loading.times)
    criteria = NewtonSettings()
    limits = Criteria(criteria.tolerance, criteria.max_iterations)
    out = empty_trajectory(model, len(loading.times), criteria)
    march(points, schedule, limits, np.zeros(1), out)
    n_active = model.n_active
    counts = out.iterations + 1
    spare_steps = int(out.evaluations[0]) - int(counts[1:].sum())
    counts[1] += max(spare_steps, 0)
    strain = np.einsum("tj,jak->tka", out.coordinates, points.active.modes)
    temperature = schedule.temperature[:, :n_active].copy()
    state = out.state[:, :n_active].copy()
    spare, stress, tangent = np.zeros_like(state[0]), np.zeros((n_active, 6)), np.zeros((n_active, 6, 6))
    arguments = (
        points.tables,
        points.active.sites,
        temperature,
        schedule.times,
        schedule.viscous,
        strain,
        state,
        spare,
        stress,
        tangent,
        counts,
    )
    replay(*arguments)
    loop, kernel = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        march(points, schedule, limits, np.zeros(1), out)
        middle = time.perf_counter()
        replay(*arguments)
        loop.append(middle - start)
        kernel.append(time.perf_counter() - middle)
    evaluations = int(counts[1:].sum())
    return {
        "n_modes": model.n_modes,
        "n_points": n_active,
        "n_sampled": len(model.weights),
        "n_steps": len(loading.times) - 1,
        "evaluations": evaluations,
        "march_seconds": float(np.median(loop)),
        "law_seconds": float(np.median(kernel)),
        "ratio": float(np.median(np.array(loop) / np.array(kernel))),
        "law_nanoseconds_per_point": float(1e9 * np.median(kernel) / evaluations / n_active),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=301)
    repeats = parser.parse_args().repeats
    one = ((400.0, 50.0, 3e3, 0.5),)
    many = tuple(
        (hot, p, w, c)
        for hot, p, w, c in ((400, 50, 3e3, 0.5), (500, 60, 3e3, 0.4), (350, 70, 3.2e3, 0.6), (450, 40, 2.8e3, 0.3))
    )
    sizes = {
        "10 modes": (one, Settings(pod=PodSettings(tolerance=1e-6, max_modes=10), quadrature=QuadratureSettings(1e-4))),
        "16 modes": (
            many,
            Settings(pod=PodSettings(tolerance=1e-9, max_modes=16), quadrature=QuadratureSettings(1e-4)),
        ),
    }
    figures = {
        name: measure(trained_model(variants, settings), repeats) for name, (variants, settings) in sizes.items()
    }
    print(json.dumps({"machine": platform.processor() or platform.machine(), "repeats": repeats, **figures}, indent=1))


if __name__ == "__main__":
    main()
