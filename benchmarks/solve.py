"""`romtool solve` on MPI ranks against CalculiX: an elastoplastic C3D10 bar in ten increments; prints JSON.

The bar is clamped at one end and pulled and bent at the other. Both programs are run as their users run them, one
after the other, with their own default tolerances (CalculiX stops its iterations at 5e-3 of the mean force, romtool at
1e-8 of the forces' norm); memory is the largest resident set of each process.

    python benchmarks/solve.py --cells 14 5 5                              about 10,000 unknowns
    python benchmarks/solve.py --cells 40 12 12 --solvers iterative        150,000 unknowns, half an hour
    python benchmarks/solve.py --cells 20 8 8 --ranks 1 2 --calculix       strong scaling
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
from itertools import permutations
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

EDGES = ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))
FACES = ((0, 1, 2), (0, 3, 1), (1, 3, 2), (2, 3, 0))  # S1 … S4
CURVE = ((250.0, 0.0), (310.0, 0.01), (400.0, 0.05), (500.0, 0.2))
CALCULIX = {"spooles": "spooles", "iterative": "iterative scaling"}
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
CHILD = """
import atexit, json, os, resource, sys
from romtool.cli.main import main
rank = os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", "0"))
def tell():
    with open(sys.argv.pop(), "w") as file:
        json.dump(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file)
sys.argv[-1] += rank
atexit.register(tell)
main(sys.argv[1:-1])
"""


def bar(cells):
    """Return points of the fine grid and (n, 10) tetrahedra: six per box, all edges' middles on the fine grid."""
    size = 2 * np.array(cells) + 1
    index = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), axis=-1).reshape(-1, 3)
    points = index * (np.array(cells) / min(cells)) / (size - 1)
    origins = 2 * np.stack(np.meshgrid(*(np.arange(n) for n in cells), indexing="ij"), axis=-1).reshape(-1, 3)
    tetrahedra = []
    for order in permutations(range(3)):
        corners = np.zeros((4, 3), dtype=int)
        for step, axis in enumerate(order):
            corners[step + 1 :, axis] = 2
        if np.linalg.det(corners[1:] - corners[0]) < 0:
            corners[[1, 2]] = corners[[2, 1]]
        middles = np.array([(corners[a] + corners[b]) // 2 for a, b in EDGES])
        tetrahedra.append(origins[:, None] + np.concatenate([corners, middles]))
    places = np.concatenate(tetrahedra)
    return points, (places * [size[1] * size[2], size[2], 1]).sum(axis=2)


def rows(values, width=10):
    """Return numbers as lines of a deck."""
    return ",\n".join(", ".join(map(str, values[i : i + width])) for i in range(0, len(values), width))


def deck(cells, pull, bend, increments, solver):
    """Return the deck of the bar."""
    points, tetrahedra = bar(cells)
    ids = np.arange(1, len(points) + 1)
    nodes = "\n".join(f"{i}, {x:.12g}, {y:.12g}, {z:.12g}" for i, (x, y, z) in zip(ids, points, strict=True))
    elements = "\n".join(f"{i}, " + ", ".join(map(str, cell + 1)) for i, cell in enumerate(tetrahedra, 1))
    end = np.isclose(points[:, 0], points[:, 0].max())
    faces = [
        f"{i + 1}, S{number}"
        for number, face in enumerate(FACES, 1)
        for i in np.flatnonzero(end[tetrahedra[:, face]].all(axis=1))
    ]
    curve = "\n".join(f"{stress}, {p}" for stress, p in CURVE)
    return f"""** a clamped bar, pulled and bent
*NODE, NSET=NALL
{nodes}
*ELEMENT, TYPE=C3D10, ELSET=EALL
{elements}
*NSET, NSET=ROOT
{rows(ids[points[:, 0] == 0.0])}
*SURFACE, NAME=TIP
{chr(10).join(faces)}
*BOUNDARY
ROOT, 1, 3, 0.
*MATERIAL, NAME=STEEL
*ELASTIC
200000., 0.3
*PLASTIC
{curve}
*DENSITY
1.
*SOLID SECTION, ELSET=EALL, MATERIAL=STEEL
*STEP, INC=1000
*STATIC, DIRECT, SOLVER={solver.upper()}
{1.0 / increments:.12g}, 1.
*DSLOAD
TIP, P, {-pull}
*DLOAD
EALL, GRAV, {bend}, 0., 0., -1.
*NODE OUTPUT, DOUBLE
U
*END STEP
"""


def calculix(folder, threads, job):
    """Run CalculiX on a deck of the folder; return seconds, memory and iterations."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "CCX_NPROC_EQUATION_SOLVER": str(threads)}
    start = time.perf_counter()
    process = subprocess.Popen(["ccx", job], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    lines = [line.split() for line in (folder / f"{job}.sta").read_text().splitlines()[2:]]
    iterations = sum(int(line[3]) for line in lines if len(line) > 3 and line[0].isdigit())
    return {"seconds": seconds, "peak_mb": usage.ru_maxrss / 1024, "iterations": iterations}


def romtool(folder, ranks, solver, petsc):
    """Run `romtool solve`; return seconds, memory of each rank, iterations."""
    (folder / "case.toml").write_text(
        f'[case]\nname = "bar"\n[[simulations]]\nname = "bar"\ndeck = "spooles.inp"\n'
        f'[partition]\nsubdomains = {ranks}\n[hifi]\nsolver = "{solver}"\n'
    )
    (folder / "load.toml").write_text('name = "reference"\n')
    arguments = ["solve", "case.toml", "load.toml", "-o", f"out-{solver}", "--overwrite", "--json"]
    arguments += ["--petsc", petsc] if petsc else []
    launcher = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
    environment = {**os.environ, **MPI, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    start = time.perf_counter()
    done = subprocess.run(
        [*launcher, sys.executable, "-c", CHILD, *arguments, f"peak-{solver}-"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    seconds = time.perf_counter() - start
    (summary,) = json.loads(done.stdout)["loads"]
    peaks = [json.loads((folder / f"peak-{solver}-{rank}").read_text()) / 1024 for rank in range(ranks)]
    return {
        "seconds": seconds,
        "march_seconds": summary["seconds"],
        "peak_mb": peaks,
        "iterations": summary["iterations"],
        "largest_p": summary["largest"]["p"],
    }


def deviation(folder, solver):
    """Return the relative L2 and maximum differences of the displacements from CalculiX's (SPOOLES)."""
    command = [sys.executable, "-c", "from romtool.cli.main import main; main()", "compare", f"out-{solver}/reference"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [*command, "spooles.frd", "--json"], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)["fields"]["u"]
    return {name: found[name] for name in ("relative_l2", "relative_max")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs=3, default=[15, 5, 5], help="boxes along x, y, z (six C3D10 each)")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2])
    parser.add_argument("--threads", type=int, default=2, help="of CalculiX")
    parser.add_argument("--increments", type=int, default=10)
    parser.add_argument("--solvers", nargs="+", default=["direct", "iterative"], choices=["direct", "iterative"])
    parser.add_argument("--petsc", default="")
    parser.add_argument("--pull", type=float, default=240.0)
    parser.add_argument("--bend", type=float, default=10.0)
    parser.add_argument("--calculix", nargs="*", default=list(CALCULIX), choices=CALCULIX, help="its solvers to run")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        for job, solver in CALCULIX.items():
            text = deck(given.cells, given.pull, given.bend, given.increments, solver)
            (folder / f"{job}.inp").write_text(text)
        unknowns = 3 * int(np.prod(2 * np.array(given.cells) + 1) - np.prod(2 * np.array(given.cells[1:]) + 1))
        result = {"machine": platform.platform(), "cores": os.cpu_count(), "unknowns": unknowns}
        runs = {
            f"{solver}, {ranks} ranks": romtool(folder, ranks, solver, given.petsc)
            for solver in given.solvers
            for ranks in given.ranks
        }
        for job in given.calculix:
            result[f"calculix {job}"] = ccx = calculix(folder, given.threads, job)
            for run in runs.values():
                run[f"times faster than {job}"] = ccx["seconds"] / run["seconds"]
        if "spooles" in given.calculix:
            for solver in given.solvers:
                runs[f"{solver}, {given.ranks[-1]} ranks"].update(deviation(folder, solver))
        result.update(runs)
        print(json.dumps(result, indent=1))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
