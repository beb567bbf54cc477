"""Time the material laws: nanoseconds per integration point and law, as JSON on standard output.

Each law is brought into flow by strain increments of about 1e-3 on random directions, and the next increment
is then evaluated again and again from the same state; the case "elastic points" stays below the yield stress.
"""

import argparse
import json
import platform
import shutil
import statistics
import sys
import time
from pathlib import Path

import numba
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from romtool.laws import build_sites, build_tables, evaluate, local_frames, virgin_state
from romtool.loading import Material, Orientation
from tests import umat_library

TURNED = Orientation("euler", np.array([20.0, 40.0, 70.0]))
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
VOCE = {**MODULI, "R0": 100.0, "Q": [80.0], "b": [20.0]}
CRYSTAL = {"c11": 2.5e5, "c12": 1.6e5, "c44": 1.2e5, "K": 300.0, "n": 10.0, "r0": 50.0}
CUBE = {"cubic_K": 400.0, "cubic_n": 8.0, "cubic_r0": 60.0}
HARDENING = {"q": 20.0, "beta": 10.0, "h": [1.0, 1.2, 1.3, 1.1, 1.4, 1.6], "c": 4e4, "d": 600.0}
ORTHOTROPIC = {"E1": 1.4e5, "E2": 1e4, "E3": 1.2e4, "nu12": 0.3, "nu23": 0.4, "nu13": 0.28}
ORTHOTROPIC |= {"G12": 5e3, "G23": 3.5e3, "G13": 4e3}
CASES |= {
    "plastic, Voce": ("plastic", VOCE, 1e-3),
    "plastic, power": ("plastic", {**MODULI, "R0": 100.0, "B": 500.0, "N": 0.3, "e0": 1e-3}, 1e-3),
    "viscoplastic_norton_af, Voce": ("viscoplastic_norton_af", {**NORTON_AF, "Q": [80.0], "b": [20.0]}, 1e-3),
    "elastic_cubic": ("elastic_cubic", {name: CRYSTAL[name] for name in ("c11", "c12", "c44")}, 1e-3),
    "elastic_orthotropic": ("elastic_orthotropic", ORTHOTROPIC, 1e-3),
    "elastic_orthotropic, local axes": ("elastic_orthotropic", ORTHOTROPIC, 1e-3, TURNED),
    "single_crystal, 12 systems": ("single_crystal", CRYSTAL, 1e-3),
    "single_crystal, 12 systems, hardening": ("single_crystal", {**CRYSTAL, **HARDENING}, 1e-3),
    "single_crystal, 18 systems, local axes": ("single_crystal", {**CRYSTAL, **CUBE}, 1e-3, TURNED),
}
DURATION, LEAD = 0.2, 4


def material_of(law, parameters, size, orientation=None):
    """Return the material of a case."""
    return Material("all", law, parameters, orientation=orientation)


def umat():
    """Return the material of the UMAT of cases/umat, of the same equations as "viscoplastic_norton_af"."""
    return umat_library.umat(**{name: value[0] if name in "CD" else value for name, value in NORTON_AF.items()})


def prepared(material, size, n_points, with_tangent):
    """Return the arguments of the measured increment, and the share of its points that flow."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(n_points, 6))
    directions *= size / np.linalg.norm(directions, axis=1)[:, None]
    tables, rows = build_tables([material]), np.zeros(n_points, dtype=np.int64)
    frames = local_frames([material], rows, rows, np.zeros((n_points, 3)))
    temperature = random.uniform(20.0, 800.0, n_points)
    sites = build_sites(tables, rows, temperature, frames=frames)
    state = virgin_state(tables, sites)
    stress, tangent = np.zeros((n_points, 6)), np.zeros((n_points if with_tangent else 0, 6, 6))
    for step in range(1, LEAD + 2):
        old, state, times = state, np.zeros_like(state), ((step - 1) * DURATION, step * DURATION)
        fields = (step * directions, old, state, stress, tangent)
        arguments = (tables, sites, temperature, *times, True, *fields)
        if evaluate(*arguments) != 0:
            raise SystemExit(f"{material.law} failed")
    return arguments, float(np.mean(state[:, 0] > old[:, 0]))


def nanoseconds(arguments, repeats):
    """Return the time per point of each of `repeats` calls [ns]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter_ns()
        evaluate(*arguments)
        times.append((time.perf_counter_ns() - start) / len(arguments[2]))
    return times


def measured(material, size, options):
    """Return one line of the result."""
    arguments, share = prepared(material, size, options.points, not options.no_tangent)
    repeats = options.repeats if material.law != "single_crystal" else max(options.repeats // 10, 3)
    times = nanoseconds(arguments, repeats)
    line = {"law": material.law, "median_ns": statistics.median(times), "least_ns": min(times), "flowing": share}
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
    results = {name: measured(material_of(*case), case[2], options) for name, case in CASES.items()}
    if shutil.which("gfortran"):
        results["umat, equations of viscoplastic_norton_af"] = measured(umat(), 1e-3, options)
    settings = {"points": options.points, "repeats": options.repeats, "tangent": not options.no_tangent}
    print(json.dumps({"machine": machine(), "settings": settings, "cases": results}, indent=2))


if __name__ == "__main__":
    main()
