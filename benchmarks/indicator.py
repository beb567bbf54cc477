"""Error indicator and repair of a model on new loads, against `romtool solve`; prints JSON.

For each load the true errors of p and stress at every step (theory, eq. (7.2): L2 over the body, relative to the
largest norm so far), the indicator and its bound; then the same with `--adapt`: high-fidelity steps and final errors.

    python benchmarks/indicator.py CASE/case.toml LOAD.toml… --tolerance 1e-2
    python benchmarks/indicator.py --cube FOLDER       Z-set's cube (cube.inp with its files): nine loads written here
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from romtool.fem.operators import build_operators  # noqa: E402
from romtool.io.load import read_load  # noqa: E402
from romtool.linalg.reduction import SerialComm  # noqa: E402
from romtool.offline.calibrate import FLOOR  # noqa: E402
from romtool.pipeline.adapt import AdaptRequest, online_adaptive  # noqa: E402
from romtool.pipeline.init import init_case  # noqa: E402
from romtool.pipeline.offline import offline  # noqa: E402
from romtool.pipeline.online import online  # noqa: E402
from romtool.pipeline.results import open_history  # noqa: E402
from romtool.pipeline.solve import solve_loads  # noqa: E402

FIELDS = ("p", "stress")
METRIC = {"p": np.ones(1), "stress": np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])}


def quiet(text):
    """Say nothing."""


def cube_case(source, folder):
    """Copy Z-set's cube, write its case and the loads; return the case file and the load files."""
    shutil.copytree(source, folder / "z")
    case, _ = init_case([folder / "z" / "cube.inp"], folder / "case")
    loading = online_inputs(case)
    return case, write_loads(folder / "loads", *loading)


def online_inputs(case):
    """Return the node coordinates and temperature entries of the cube's loading."""
    from romtool.pipeline.sources import loading_of, open_case, open_simulation

    sources = open_case(case)
    simulation = sources.case.simulations[0]
    return sources.mesh.points, loading_of(sources, simulation, open_simulation(sources, simulation))


def write_loads(folder, points, loading):
    """Write the variants of the cube's loading, its hot spot moved along y by interpolation of its own field."""

    folder.mkdir()
    files = []

    def write(name, text):
        files.append(folder / f"{name}.toml")
        files[-1].write_text(f'name = "{name}"\n{text}')

    for factor in (1.05, 1.2, 0.7):
        write(f"temperature-{factor}", f"[temperature]\nscale = {factor}\n")
    for shift in (0.05, 0.2):
        write(f"moved-{shift}", moved(folder, loading, points, shift))
    write("pressure-1.2", '[[loads]]\nname = "x1"\nscale = 1.2\n')
    write("omega-1.05", '[[loads]]\nname = "ALL_ELEMENT"\nscale = 1.05\n')
    for cycles in (2, 3):
        tables = "".join(
            f'[[tables]]\nname = "{table.name}"\npoints = {table.points.tolist()}\ncycles = {cycles}\n'
            for table in loading.tables
        )
        write(f"cycles-{cycles}", f"{tables}[time]\npoints = {loading.times.tolist()}\n")
    return files


def moved(folder, loading, points, shift):
    """Return [temperature] with the fields moved along y; what comes in at the end is constant."""
    grid = points[:, 1]

    def move(field):
        result = np.empty_like(field)
        keys = np.round(points[:, [0, 2]], 9)
        for key in np.unique(keys, axis=0):
            line = np.flatnonzero((keys == key).all(axis=1))
            line = line[np.argsort(grid[line])]
            result[line] = np.interp(grid[line] - shift, grid[line], field[line])
        return result

    entries = temperature_entries(folder, loading, f"moved-{shift}", move)
    return f"[temperature]\ninitial = 20.0\nentries = [{entries}]\n"


def temperature_entries(folder, loading, name, change):
    """Write the changed temperature fields; return the entries of a load file."""
    entries = []
    for i, entry in enumerate(loading.temperature.entries):
        field = change(np.broadcast_to(entry.value, (len_of(loading),)) * entry.scale + entry.offset)
        np.save(folder / f"{name}-{i}.npy", field)
        entries.append(f'{{ time = {entry.time}, field = "{name}-{i}.npy" }}')
    return ", ".join(entries)


def len_of(loading):
    """Return the number of nodes that the temperature runs over."""
    return max(np.size(entry.value) for entry in loading.temperature.entries)


def true_errors(found, exact, floors):
    """Return field -> (n_times,) relative errors of theory, eq. (7.2)."""
    weights = np.abs(build_operators(exact.mesh).weights)
    errors = {}
    for field in FIELDS:
        gaps, norms = [], []
        for i in range(len(found.times)):
            a, b = found.read(field, i), exact.read(field, i)
            gaps.append(np.sqrt(np.sum(weights[:, None] * METRIC[field] * (a - b) ** 2)))
            norms.append(np.sqrt(np.sum(weights[:, None] * METRIC[field] * b**2)))
        errors[field] = np.array(gaps) / np.maximum(np.maximum.accumulate(norms), floors[field])
    return errors


def correlation(a, b):
    """Return the correlation of the logarithms."""
    return float(np.corrcoef(np.log(a), np.log(b))[0, 1]) if len(a) > 2 else None


def judge(rows):
    """Return correlation, coverage and effectivity of (n, 3) indicators, bounds and errors."""
    indicator, bound, error = np.array(rows).T
    return {
        "steps": len(rows),
        "correlation": correlation(indicator, error),
        "error_ratio": float(error.max() / error.min()),
        "coverage": float(np.mean(bound >= error)),
        "median_effectivity": float(np.median(bound / error)),
    }


def measure(case, loads, folder, tolerance, adaptive):
    """Train, solve, run without and with repair; return the figures."""
    comm = SerialComm()
    model = offline(case, folder / "model", comm, quiet).models[0]
    names = [read_load(path).name for path in loads]
    start = time.perf_counter()
    solve_loads(case, loads, folder / "ref", comm, quiet)
    solved = time.perf_counter() - start
    answers = online(folder / "model", loads, folder / "out", quiet)
    floors = {field: FLOOR * model.statistics["largest_norms"][field] for field in FIELDS}
    table, pooled = {}, {field: [] for field in FIELDS}
    for name, answer in zip(names, answers, strict=True):
        exact = open_history(folder / "ref" / name)
        errors = true_errors(open_history(folder / "out" / name), exact, floors)
        entry = {"outside": list(answer.outside)}
        for field in FIELDS:
            found = answer.indications[field]
            rows = [
                (found.indicator[i], found.bound[i], errors[field][i])
                for i in range(1, len(found.status))
                if found.status[i] != 0
            ]
            pooled[field] += rows
            entry[field] = {
                **judge(rows),
                "error": errors[field].tolist(),
                "indicator": found.indicator.tolist(),
                "bound": found.bound.tolist(),
                "status": found.status.tolist(),
            }
        table[name] = entry
    result = {
        "n_modes": model.n_modes,
        "n_points": model.n_active,
        "solve_seconds": solved,
        "pooled": {field: judge(rows) for field, rows in pooled.items()},
        "pooled all": judge([row for rows in pooled.values() for row in rows]),
        "loads": table,
    }
    for name, path in zip(names, loads, strict=True):
        if adaptive:
            table[name]["adapted"] = repair(path, name, folder, tolerance, floors)
    return result


def repair(path, name, folder, tolerance, floors):
    """Answer a load with repairs; return the figures."""
    start = time.perf_counter()
    request = AdaptRequest(tolerance=tolerance)
    (answer,) = online_adaptive(folder / "model", [path], folder / "adapted", SerialComm(), quiet, request)
    seconds = time.perf_counter() - start
    errors = true_errors(open_history(folder / "adapted" / name), open_history(folder / "ref" / name), floors)
    return {
        "high_fidelity_steps": [entry.step for entry in answer.enrichments if entry.step],
        "n_steps": len(answer.history.times) - 1,
        "largest_error": {field: float(errors[field].max()) for field in FIELDS},
        "n_modes": answer.history.coordinates.shape[1],
        "growth": max((entry.growth for entry in answer.enrichments), default=1.0),
        "seconds": seconds,
    }


def show(result):
    """Print the table in brief on stderr."""
    print(json.dumps(result["pooled"] | {"all": result["pooled all"]}), file=sys.stderr)
    for name, entry in result["loads"].items():
        words = [
            f"{field}: E<={max(entry[field]['error']):.1e} corr {entry[field]['correlation']} "
            f"ratio {entry[field]['error_ratio']:.1f} cover {entry[field]['coverage']:.2f} "
            f"eff {entry[field]['median_effectivity']:.1f}"
            for field in FIELDS
        ]
        print(f"{name:18s} {' | '.join(words)} {entry.get('adapted', '')}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path, nargs="?")
    parser.add_argument("loads", type=Path, nargs="*")
    parser.add_argument("--cube", type=Path, help="folder with cube.inp of Z-set")
    parser.add_argument("--tolerance", type=float, default=1e-2)
    parser.add_argument("--no-adapt", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case, loads = cube_case(given.cube, folder) if given.cube else (given.case, given.loads)
        result = measure(case, loads, folder, given.tolerance, not given.no_adapt)
    show(result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
