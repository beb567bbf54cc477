"""Many cycles by a model trained on the first few, against the built-in solver; prints JSON.

    python benchmarks/cycles.py cube [--zset FOLDER] [--cycles 50 --training 3]
    python benchmarks/cycles.py blade [--cycles 50 --training 3]

With --adapt a second run repairs the model where its error bound is above that tolerance.

"cube" is Z-set's cube (the folder with cube.inp), heated, pressed and rotating; "blade" the flight "nominal" of
cases/blade. A model is trained on the first cycles that the built-in solver computes. Both then march through all
cycles: the increment of p in each cycle and the strain range of the last one, at every integration point.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from romtool.convert.registry import read_deck  # noqa: E402
from romtool.fem.operators import build_operators, strain  # noqa: E402
from romtool.pipeline.results import open_history  # noqa: E402
from tests.cli.small_case import romtool  # noqa: E402

SHEAR_TWICE = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


def run(*arguments):
    """Run a command that must succeed; return its JSON."""
    done = romtool(*arguments, "--json")
    if done.code:
        raise SystemExit(done.err)
    return done.json


def write_load(path, deck, count, temperature=""):
    """Write a load file: the tables of a deck in cycles."""
    tables = "".join(
        f'[[tables]]\nname = "{table.name}"\npoints = {table.points.tolist()}\ncycles = {count}\n'
        for table in read_deck(deck).loading.tables
    )
    path.write_text(f'name = "{path.stem}"\n{tables}{temperature}')
    return path


def cube(folder, options):
    """Make Z-set's cube; return the case file, the deck and the temperature of a load file."""
    run("init", options.zset / "cube.inp", "-o", folder)
    return folder / "case.toml", options.zset / "cube.inp", ""


def blade(folder, options):
    """Make the blade; return the case file, the deck and the temperature of a load file."""
    sys.path.insert(0, str(ROOT / "cases" / "blade"))
    import make

    make.write_case(make.make_mesh(3.4), folder, without_ccx=True)
    _, table, rest = (folder / "loads" / "nominal.toml").read_text().partition("[temperature]")
    return folder / "case.toml", folder / "solver" / "nominal.inp", (table + rest).replace("../fields", "fields")


def train_on(case, load):
    """Let a case have one simulation: the result of a load by the built-in solver."""
    text = case.read_text()
    head, last = text.split("[[simulations]]\n")[0], text.split("[[simulations]]\n")[-1]
    deck = next(line for line in text.splitlines() if line.startswith("deck"))
    rest = last[last.index("\n[") :]
    case.write_text(
        f'{head}[[simulations]]\nname = "first"\n{deck}\nresults = "ref/{load}"\nload = "{load}.toml"\n{rest}'
    )


def ranges(results, rows):
    """Return the (n_points,) equivalent strain range over some times: the largest between any two of them."""
    operators = build_operators(results.mesh)
    strains = np.array([strain(operators, results.read("u", row)) for row in rows])
    strains[:, :, :3] -= strains[:, :, :3].mean(axis=2, keepdims=True)
    largest = np.zeros(strains.shape[1])
    for first in strains:
        gap = strains - first
        largest = np.maximum(largest, np.sqrt(2.0 / 3.0 * (gap * gap) @ SHEAR_TWICE).max(axis=0))
    return largest


def errors(found, exact):
    """Return the errors of values at all points: of the largest, and of all in the mean square."""
    return {
        "largest": float(abs(found.max() - exact.max()) / exact.max()),
        "l2": float(np.linalg.norm(found - exact) / np.linalg.norm(exact)),
    }


def compare(out, ref, count):
    """Return the errors of each cycle's increment of p and of the last strain range."""
    a, b = open_history(out), open_history(ref)
    per_cycle = (len(b.times) - 1) // count
    ends = np.arange(0, len(b.times), per_cycle)
    steps = [np.diff([entry.read("p", row)[:, 0] for row in ends], axis=0) for entry in (a, b)]
    increments = [errors(found, exact) for found, exact in zip(*steps, strict=True)]
    last = np.arange(ends[-2], ends[-1] + 1)
    found, exact = ranges(a, last), ranges(b, last)
    return {
        "increment_of_p": {
            "largest_per_cycle": [float(step.max()) for step in steps[1]],
            **{kind: [entry[kind] for entry in increments] for kind in ("largest", "l2")},
        },
        "worst_increment": {kind: max(entry[kind] for entry in increments) for kind in ("largest", "l2")},
        "strain_range": {"value": float(exact.max()), **errors(found, exact)},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=["cube", "blade"])
    parser.add_argument("--zset", type=Path, help="Folder of Z-set's cube.")
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--training", type=int, default=3)
    parser.add_argument("--adapt", type=float, help="Repair the model too, to this error bound.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "case"
        case, deck, temperature = {"cube": cube, "blade": blade}[options.case](folder, options)
        first = write_load(folder / "first.toml", deck, options.training, temperature)
        all_cycles = write_load(folder / "all.toml", deck, options.cycles, temperature)
        solved = run("solve", case, first, all_cycles, "-o", folder / "ref")["loads"]
        train_on(case, "first")
        model = run("offline", case, "-o", folder / "model")
        runs = {"online": run("online", folder / "model", all_cycles, "-o", folder / "out")["loads"][0]}
        if options.adapt is not None:
            adapted = ("online", folder / "model", all_cycles, "-o", folder / "adapted", "--adapt")
            runs["adapted"] = run(*adapted, "--tolerance", options.adapt)["loads"][0]
        figures = {
            "case": options.case,
            "cycles": options.cycles,
            "training_cycles": options.training,
            "n_modes": model["n_modes"],
            "n_points": model["n_points"],
            "seconds_of_solve": solved[1]["seconds"],
        }
        for (kind, answered), out in zip(runs.items(), ("out", "adapted"), strict=False):
            figures[kind] = {
                "seconds": answered["seconds"],
                "speed_up": solved[1]["seconds"] / sum(answered["seconds"].values()),
                "enrichments": answered["enrichments"],
                "largest_bound": {field: max(filter(None, values)) for field, values in answered["bound"].items()},
                **compare(folder / out / "all", folder / "ref" / "all", options.cycles),
            }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
