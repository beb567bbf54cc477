"""Time the material laws: nanoseconds per integration point and law, as JSON on standard output.

Each law is brought into flow by strain increments of about 1e-3 on random directions, and the next increment
is then evaluated again and again from the same state; the case "elastic points" stays below the yield stress.
"""

import argparse
import json
import platform
import statistics
import sys
import time

import numba
import numpy as np

from romtool.laws import build_sites, build_tables, evaluate, state_size
from romtool.loading import Material

MODULI = {"young": 2e5, "poisson": 0.3}
NORTON_AF = {**MODULI, "K": 300.0, "n": 30.0, "R0": 10.0, "C": [1e5], "D": [1000.0]}
CURVE = [[0.0, 200.0], [0.001, 240.0], [0.005, 280.0], [0.02, 320.0], [0.1, 350.0]]
HOT = {
    "young": [[20.0, 2.1e5], [400.0, 1.8e5], [800.0, 1.4e5]],
    "expansion": [[20.0, 1.1e-5], [800.0, 1.5e-5]],
    "K": [[20.0, 300.0], [500.0, 350.0], [800.0, 400.0]],
    "n": [[20.0, 30.0], [800.0, 8.0]],
    "C": [[[20.0, 1e5], [800.0, 4e4]]],
}
CASES = {
    "elastic": ("elastic", MODULI, 1e-3),
    "elastic points": ("viscoplastic_norton_af", NORTON_AF, 1e-6),
    "plastic, linear": ("plastic", {**MODULI, "R0": 100.0, "H": 1000.0}, 1e-3),
    "plastic, curve": ("plastic", {**MODULI, "hardening": CURVE}, 1e-3),
    "plastic, two kinematic terms": (
        "plastic",
        {**MODULI, "R0": 100.0, "C": [1e5, 5e3], "D": [1e3, 50.0]},
        1e-3,
    ),
    "viscoplastic_norton_af": ("viscoplastic_norton_af", NORTON_AF, 1e-3),
    "viscoplastic_norton_af, temperature tables": ("viscoplastic_norton_af", {**NORTON_AF, **HOT}, 1e-3),
    "creep_norton": ("creep_norton", {**MODULI, "A": 1e-14, "n": 5.0}, 1e-3),
    "creep_time_hardening": ("creep_time_hardening", {**MODULI, "A": 1e-14, "n": 5.0, "m": -0.3}, 1e-3),
    "plastic_creep": ("plastic_creep", {**MODULI, "hardening": CURVE, "A": 1e-10, "n": 5.0}, 1e-3),
}
DURATION, LEAD = 0.2, 4


def prepared(law, parameters, size, n_points, with_tangent):
    """Return the arguments of the measured increment, and the share of its points that flow."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(n_points, 6))
    directions *= size / np.linalg.norm(directions, axis=1)[:, None]
    tables = build_tables([Material("all", law, parameters)])
    temperature = random.uniform(20.0, 800.0, n_points)
    sites = build_sites(tables, np.zeros(n_points, dtype=np.int64), temperature)
    state = np.zeros((n_points, state_size(tables)))
    stress, tangent = np.zeros((n_points, 6)), np.zeros((n_points if with_tangent else 0, 6, 6))
    for step in range(1, LEAD + 2):
        old, state, times = state, np.zeros_like(state), ((step - 1) * DURATION, step * DURATION)
        fields = (step * directions, old, state, stress, tangent)
        arguments = (tables, sites, temperature, *times, True, *fields)
        if evaluate(*arguments) != 0:
            raise SystemExit(f"{law} failed")
    return arguments, float(np.mean(state[:, 0] > old[:, 0]))


def nanoseconds(arguments, repeats):
    """Return the time per point of each of `repeats` calls [ns]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter_ns()
        evaluate(*arguments)
        times.append((time.perf_counter_ns() - start) / len(arguments[2]))
    return times


def measured(case, options):
    """Return one line of the result."""
    arguments, share = prepared(*case, options.points, not options.no_tangent)
    times = nanoseconds(arguments, options.repeats)
    line = {"law": case[0], "median_ns": statistics.median(times), "least_ns": min(times), "flowing": share}
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in line.items()}


def machine():
    """Return what the figures depend on."""
    cpu = platform.processor()
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), cpu)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__}
    return {"cpu": cpu, "system": platform.platform(), **versions}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=500, help="integration points per call")
    parser.add_argument("--repeats", type=int, default=400, help="calls per law, of which the median is given")
    parser.add_argument("--no-tangent", action="store_true", help="stress and state only")
    options = parser.parse_args()
    results = {name: measured(case, options) for name, case in CASES.items()}
    settings = {"points": options.points, "repeats": options.repeats, "tangent": not options.no_tangent}
    print(json.dumps({"machine": machine(), "settings": settings, "cases": results}, indent=2))


if __name__ == "__main__":
    main()
