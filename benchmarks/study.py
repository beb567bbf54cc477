"""A study of random loads on a mesh of our own making: seconds by phase, and random draws against `solve`; prints JSON.

A clamped elastoplastic box of hexahedra (hex8) with a hot spot that comes and goes, pressure on its end. Training: the
built-in solver on a few loads; study: a random temperature field about the hot spot and a random pressure, quantile
fields of p and stress on the whole mesh. Every stage is a run of the command line.

    python benchmarks/study.py --size 12 --draws 200                     small: minutes
    python benchmarks/study.py --size 60 22 22 --draws 1000 --ranks 2    100,000 unknowns and more
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

LAUNCH = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
RUN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from romtool.cli.main import main; main()"

CASE = """[case]
name = "study"
{simulations}
[[materials]]
elements = "all"
law = "plastic"
reference_temperature = 20.0
[materials.parameters]
young = [[20.0, 2.0e5], [600.0, 1.6e5]]
poisson = 0.3
expansion = 1.5e-5
R0 = [[20.0, 250.0], [600.0, 150.0]]
H = 4000.0
[[dirichlet]]
name = "root"
nodes = "X0"
components = ["x", "y", "z"]
[[loads]]
name = "gas"
kind = "pressure"
faces = "END"
value = -60.0
table = "cycle"
[[tables]]
name = "cycle"
points = [[0.0, 0.0], [1.0, 1.0]]
[temperature]
initial = 20.0
entries = [{{ time = 0.0, value = 20.0 }}, {{ time = 1.0, expression = "{hot}" }}]
[time]
points = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
[partition]
subdomains = 4
[pod]
tolerance = 1e-4
[quadrature]
tolerance = 1e-4
[indicator]
tolerance = 2e-2
[hifi]
solver = "iterative"
[[quantities]]
name = "p max"
kind = "maximum"
field = "p"
[[quantities]]
name = "tip"
kind = "displacement"
nodes = "X1"
"""
STUDY = """name = "hot spot"
draws = {draws}
seed = 7
base = "loads/base.toml"
[[random]]
target = "temperature"
kernel = {{ kind = "gaussian", length = {length}, standard_deviation = {deviation} }}
energy = 0.95
[[random]]
target = "loads.gas.scale"
distribution = {{ name = "norm", loc = 1.0, scale = 0.05 }}
[output]
fields = ["p", "stress"]
thresholds = {{ "p max" = 0.003 }}
"""
HOT = "20 + {height}*exp(-((x-{centre})**2 + (y-0.5)**2 + (z-1)**2)/0.4)"


def run(*arguments: object, ranks: int = 1) -> dict[str, Any]:
    """Run a command line, under mpiexec on several ranks; return its JSON and the seconds that it took."""
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    if ranks > 1:
        command = [shutil.which("mpiexec") or "mpiexec", "-n", str(ranks), *command]
    start = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, **LAUNCH}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))} failed:\n{done.stdout}\n{done.stderr}")
    found = json.loads(done.stdout) if "--json" in arguments else {}
    return {**found, "wall": time.perf_counter() - start}


def write_mesh(path: Path, mesh: Any) -> None:
    """Write nodes, elements, node sets and the side set of a box as a CalculiX deck."""
    with path.open("w", encoding="utf-8") as file:
        file.write("*NODE, NSET=NALL\n")
        np.savetxt(file, np.column_stack([mesh.node_ids, mesh.points]), fmt="%d, %.12g, %.12g, %.12g")
        file.write("*ELEMENT, TYPE=C3D8, ELSET=EALL\n")
        (block,) = mesh.blocks
        cells = np.column_stack([block.element_ids, mesh.node_ids[block.connectivity]])
        np.savetxt(file, cells, fmt="%d", delimiter=", ")
        for name in ("x0", "x1"):
            file.write(f"*NSET, NSET={name.upper()}\n")
            np.savetxt(file, mesh.node_ids[mesh.node_sets[name]][:, None], fmt="%d,")
        file.write("*SURFACE, NAME=END\n")
        for element, face in mesh.side_sets["x1"]:
            file.write(f"{element + 1}, S{face + 1}\n")


def write_case(folder: Path, size: list[int], given: argparse.Namespace) -> list[Path]:
    """Write mesh, case, study and the training loads: hot spots of the mean, and with draws of the random field."""
    from romtool.linalg.covariance import gaussian_modes
    from tests.structures import box

    mesh = box((size[0], size[1], size[2]), (3.0, 1.0, 1.0))
    write_mesh(folder / "mesh.inp", mesh)
    (folder / "loads").mkdir()
    hot = HOT.format(height=400, centre=1.0)
    names = [f"training-{number}" for number in range(given.training)]
    tables = [f'[[simulations]]\nname = "{n}"\nresults = "ref/{n}"\nload = "loads/{n}.toml"\n' for n in names]
    tables[0] = tables[0].replace("results", 'deck = "mesh.inp"\nresults')
    (folder / "case.toml").write_text(CASE.format(simulations="".join(tables), hot=hot), encoding="utf-8")
    (folder / "study.toml").write_text(
        STUDY.format(draws=given.draws, length=given.length, deviation=given.deviation), encoding="utf-8"
    )
    (folder / "loads" / "base.toml").write_text('name = "base"\n[[loads]]\nname = "gas"\nscale = 1.0\n')
    x, y, z = mesh.points.T
    mean = 20.0 + 400.0 * np.exp(-((x - 1.0) ** 2 + (y - 0.5) ** 2 + (z - 1.0) ** 2) / 0.4)
    modes = gaussian_modes(mesh.points, given.length, given.deviation, 0.95)
    points = np.random.default_rng(1).standard_normal((given.training, modes.shape[1] + 1))
    files = []
    for number, point in enumerate(points):
        np.save(folder / "loads" / f"{number}.npy", mean + modes @ (1.3 * point[:-1]))
        files.append(folder / "loads" / f"training-{number}.toml")
        files[-1].write_text(
            f'name = "training-{number}"\n[[loads]]\nname = "gas"\nscale = {1.0 + 0.08 * point[-1]}\n'
            "[temperature]\ninitial = 20.0\nentries = [{ time = 0.0, value = 20.0 }, "
            f'{{ time = 1.0, field = "{number}.npy" }}]\n'
        )
    return files


def check(folder: Path, draws: list[int]) -> dict[str, Any]:
    """Return the errors of some draws against `solve`."""
    errors = {}
    for number in draws:
        study = (folder / "model", folder / "study.toml", "--draw", number)
        load = run("study", *study, "-o", folder / f"d{number}", "--json")
        run("solve", folder / "case.toml", load["load"], "-o", folder / "check", "-q")
        run("online", folder / "model", load["load"], "-o", folder / "answers", "-q")
        name = f"draw-{number}"
        found = run("compare", folder / "answers" / name, folder / "check" / name, "--json")["fields"]
        errors[str(number)] = {field: found[field]["relative_l2"] for field in ("u", "p", "stress")}
    return errors


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs="+", default=[12], help="elements along x, y, z, or along y alone")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--training", type=int, default=24, help="training computations")
    parser.add_argument("--deviation", type=float, default=15.0, help="of the random temperature")
    parser.add_argument("--length", type=float, default=2.0, help="of its correlation; the box is 3 long")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--check", type=int, default=3, help="draws that are compared with the built-in solver")
    given = parser.parse_args()
    size = given.size if len(given.size) == 3 else [3 * given.size[0], given.size[0], given.size[0]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_case(folder, size, given)
        solved = run("solve", folder / "case.toml", *files, "-o", folder / "ref", "-q", ranks=given.ranks)
        trained = run("offline", folder / "case.toml", "-o", folder / "model", "-q", "--json", ranks=given.ranks)
        warm = folder / "warm.toml"
        warm.write_text((folder / "study.toml").read_text().replace(f"draws = {given.draws}", "draws = 2"))
        run("study", folder / "model", warm, "-o", folder / "warm", "-q", "--json")
        study = run(
            "study", folder / "model", folder / "study.toml", "-o", folder / "out", "-q", "--json", ranks=given.ranks
        )
        chosen = np.random.default_rng(0).choice(given.draws, size=min(given.check, given.draws), replace=False)
        document = {
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "ranks": given.ranks,
            "unknowns": 3 * int(np.prod([n + 1 for n in size])),
            "integration_points": trained["n_points_full"],
            "n_modes": trained["n_modes"],
            "n_points": trained["n_points"],
            "training_errors": trained["training_errors"],
            "draws": study["draws"],
            "random": study["random"],
            "seconds": {"solve": solved["wall"], "offline": trained["wall"], "study": study["wall"]},
            "study_seconds": study["seconds"],
            "draws_per_second": study["rate"],
            "quantities": {name: entry["quantiles"] for name, entry in study["quantities"].items()},
            "indicator": study["indicator"],
            "errors_against_solve": check(folder, chosen.tolist()),
        }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
