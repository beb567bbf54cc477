"""A UMAT against the built-in law of the same equations in online runs of the same model; prints JSON.

The two marches run in turn, medians over repeats: `python benchmarks/umat.py`.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from romtool.linalg.reduction import SerialComm
from romtool.offline.train import Clock, train
from romtool.reduced.march import load_kernels, march_loading
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import box, thermal_cycle, training_set
from tests.umat_library import built_in, umat


def trained(material):
    """Return a model trained on a box of 54 elements."""
    mesh = box((6, 3, 3))
    material = replace(material, density=1e-8)
    training = training_set(mesh, (material,), (thermal_cycle(400.0, -60.0, 3e3, mesh),))
    settings = Settings(pod=PodSettings(tolerance=1e-6), quadrature=QuadratureSettings(1e-5))
    return train(training, settings, "benchmark", SerialComm(), Clock(lambda text: None)).model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=101)
    repeats = parser.parse_args().repeats
    models = {"built_in": trained(built_in()), "umat": trained(umat())}
    seconds, ends = {name: [] for name in models}, {}
    for model in models.values():
        load_kernels(model)
    for _ in range(repeats):
        for name, model in models.items():
            start = time.perf_counter()
            ends[name] = march_loading(model, model.first, NewtonSettings())
            seconds[name].append(time.perf_counter() - start)
    gap = np.abs(ends["umat"].samples["stress"] - ends["built_in"].samples["stress"]).max()
    figures = {
        "n_modes": models["umat"].n_modes,
        "n_points": models["umat"].n_active,
        "evaluations": {name: end.evaluations for name, end in ends.items()},
        "march_seconds": {name: float(np.median(values)) for name, values in seconds.items()},
        "ratio": float(np.median(np.array(seconds["umat"]) / np.array(seconds["built_in"]))),
        "stress_difference": float(gap / np.abs(ends["built_in"].samples["stress"]).max()),
    }
    print(json.dumps({"repeats": repeats, **figures}, indent=1))


if __name__ == "__main__":
    main()
