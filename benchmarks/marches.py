"""A thousand marches from Python against the bare compiled loop: time of a call, and memory; prints JSON.

    python benchmarks/marches.py MODEL LOAD.toml [--calls 1000]

Calls and bare loops alternate, so that both see the same machine; "same" gives one `Load` again and again, "new" builds
another one for each call (a load scaled by another factor).
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import romtool
from romtool.reduced.layout import Criteria
from romtool.reduced.march import begin
from romtool.reduced.newton import march
from romtool.reduced.stepping import empty_trajectory
from romtool.settings import NewtonSettings

UNDISTURBED = 0.1
"""Quantile of the times that is compared: what else the machine does only adds to them."""


def bare_loop(model, load):
    """Return a function that runs the compiled loop alone, on what a call would lay out."""
    ready, reduced = model.prepare(load), model.dictionary.models[0]
    points, schedule = ready.setups[0]
    settings = NewtonSettings(**reduced.statistics["newton"])
    criteria, out = (
        Criteria(settings.tolerance, settings.max_iterations),
        empty_trajectory(reduced, len(schedule.times), settings),
    )
    begin(points, out, np.zeros(1), None, ())

    def run():
        out.rate[:] = 0.0
        if march(points, schedule, criteria, np.zeros(1), out):
            raise SystemExit("the march did not converge without cuts")

    return run


def measure(model, load_of, calls):
    """Return the times of calls and of bare loops, and how the memory grew over the second half."""
    bare, called, resident = [], [], []
    for number in range(calls):
        loop, load = bare_loop(model, load_of(number)), load_of(number)
        begun = time.perf_counter()
        loop()
        middle = time.perf_counter()
        model.march(load)
        called.append(time.perf_counter() - middle)
        bare.append(middle - begun)
        resident.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    loop_seconds, call_seconds = (float(np.quantile(values, UNDISTURBED)) for values in (bare, called))
    return {
        "calls": calls,
        "milliseconds_of_the_loop": 1e3 * loop_seconds,
        "milliseconds_of_a_call": 1e3 * call_seconds,
        "ratio": call_seconds / loop_seconds,
        "ratio_of_medians": float(np.median(called) / np.median(bare)),
        "kilobytes_grown_in_the_second_half": resident[-1] - resident[calls // 2],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("load", type=Path)
    parser.add_argument("--calls", type=int, default=1000)
    options = parser.parse_args()
    model, load = romtool.load(options.model), romtool.Load.read(options.load)
    factors = np.random.default_rng(0).uniform(0.9, 1.1, options.calls)
    name = model.loads[0]
    model.march(load)
    figures = {
        "same": measure(model, lambda number: load, options.calls),
        "new": measure(model, lambda number: romtool.Load("new", scale={name: float(factors[number])}), options.calls),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
