"""`romtool import` of a long series against reading its bytes and parsing its numbers alone; prints JSON.

A stretched cube under a cyclic load is written as the solver would: CalculiX' `.frd` as text, float32 or float64, or
Exodus. Each side is a process of its own; the file is in the system's cache for both, or with `--cold` for neither.
Both are also run on the first times alone: what they take for these, start-up and mesh, is left out of
`ratio_of_growth`, and `growth_mb` is what the further times add to the memory.

    python benchmarks/import_series.py                                  30 MB
    python benchmarks/import_series.py --megabytes 1000 --formats frd exodus
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

YOUNG, POISSON, CYCLE, FEW = 2e5, 0.3, 8, 3
FLAGS = {"frd": 1, "frd-float32": 2, "frd-float64": 3}
NUMBERS = {"frd-float32": "<f4", "frd-float64": "<f8"}
CHILD = """
import json, sys
target = sys.argv.pop()
try:
    %s
finally:
    with open(target, "w") as file:
        peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        json.dump(int(peak.split()[1]) / 1024, file)
"""
IMPORT = "from romtool.cli.main import main; main(sys.argv[1:])"
PARSE = "sys.path.insert(0, {folder!r}); from import_series import parse; parse(*sys.argv[1:])"


def cube(n):
    """Return points and hexahedra of a cube of n cells along each edge, VTK node order."""
    index = np.stack(np.meshgrid(*[np.arange(n + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
    cells = (index[(index < n).all(axis=1)][:, None] + corners) @ [(n + 1) ** 2, n + 1, 1]
    return index / n, cells


def sets_of(points):
    """Return the node sets of the supports and of the pulled side."""
    return {"X0": points[:, 0] == 0, "Y0": points[:, 1] == 0, "Z0": points[:, 2] == 0, "X1": points[:, 0] == 1}


def stretch(i):
    """Return the elongation of the cube at time i."""
    return 1e-3 * np.sin(2.0 * np.pi * i / CYCLE + 0.1)


def displacements(points):
    """Return those of one cycle: uniaxial tension and compression."""
    field = points * [1.0, -POISSON, -POISSON]
    return [stretch(i + 1) * field for i in range(CYCLE)]


def write_deck(path, points, cells):
    """Write mesh and sets as CalculiX' deck, which the reader takes from beside the results."""
    lines = ["*NODE"] + [f"{i},{x:.12g},{y:.12g},{z:.12g}" for i, (x, y, z) in enumerate(points.tolist(), 1)]
    lines += ["*ELEMENT, TYPE=C3D8, ELSET=ALL"]
    lines += [f"{i}," + ",".join(map(str, row)) for i, row in enumerate((cells + 1).tolist(), 1)]
    for name, mask in sets_of(points).items():
        lines += [f"*NSET, NSET={name}", *map(str, (np.flatnonzero(mask) + 1).tolist())]
    path.write_text("\n".join(lines) + "\n")


def frd_rows(values, flag):
    """Return rows of id and values as CalculiX writes them."""
    if flag == FLAGS["frd"]:
        line = " -1%10d" + "%12.5E" * values.shape[1] + "\n"
        table = np.column_stack([np.arange(1, len(values) + 1), values]).tolist()
        return "".join([line % (int(row[0]), *row[1:]) for row in table]).encode() + b" -3\n"
    rows = np.zeros(len(values), [("id", "<i4"), ("v", "<f4" if flag == 2 else "<f8", values.shape[1:])])
    rows["id"], rows["v"] = np.arange(1, len(values) + 1), values
    return rows.tobytes()


def write_frd(path, points, cells, n_times, form):
    """Write results of CalculiX; return the first byte of each block of displacements and its rows' length."""
    flag, starts = FLAGS[form], []
    shown = [frd_rows(values, flag) for values in displacements(points)]
    write_deck(path.with_suffix(".inp"), points, cells)
    with path.open("wb") as file:
        file.write(f"    1C\n    2C{'':18}{len(points):12d}{'':37}{1 if flag == 1 else 3}\n".encode())
        file.write(frd_rows(points, 1 if flag == 1 else 3))
        file.write(f"    3C{'':18}{len(cells):12d}{'':37}1\n".encode())
        head, nodes = " -1%10d    1    0    1\n -2" + "%10d" * 8 + "\n", (cells + 1).tolist()
        file.write("".join([head % (i, *row) for i, row in enumerate(nodes, 1)]).encode() + b" -3\n")
        for i in range(n_times):
            file.write(f"    1PSTEP{'':14}{i + 1:12d}{i + 1:12d}{1:12d}\n".encode())
            file.write(f"  100CL  101{i + 1:12.5f}{len(points):12d}{'':20} 0{i + 1:5d}{'':10}{flag:2d}\n".encode())
            file.write(f" -4  DISP    {4:5d}{1:5d}\n".encode())
            for k, name in enumerate(("D1", "D2", "D3", "ALL")):
                file.write(f" -5  {name:8s}{1:5d}{2:5d}{k + 1:5d}{0:5d}{int(k == 3):5d}\n".encode())
            starts.append(file.tell())
            file.write(shown[i % CYCLE])
        file.write(b" 9999\n")
    return starts


def write_exodus(path, points, cells, n_times, form):
    """Write an Exodus file; return the first byte of each record of its history."""
    from romtool.types import CellBlock, Mesh
    from tests.mesh_files import write_exodus as write

    block = CellBlock("hexahedron", "hex8", np.arange(1, len(cells) + 1), cells)
    sets = {name: np.flatnonzero(mask) for name, mask in sets_of(points).items()}
    write(path, Mesh(points, np.arange(1, len(points) + 1), (block,), sets), [], {f"disp_{a}": [] for a in "xyz"})
    import netCDF4

    first = path.stat().st_size
    with netCDF4.Dataset(path, "a") as file:
        for i in range(n_times):
            file["time_whole"][i] = i + 1.0
            for k, values in enumerate(displacements(points)[i % CYCLE].T):
                file[f"vals_nod_var{k + 1}"][i] = values
    size = (path.stat().st_size - first) // n_times
    return [first + i * size for i in range(n_times)]


def write_case(folder, results, n_times):
    """Write the case file: material, supports, and the cyclic elongation."""
    points = ", ".join(f"[{i}.0, {stretch(i) if i else 0.0:.12g}]" for i in range(n_times + 1))
    supports = [(f"{axis.upper()}0", axis, 0.0, "") for axis in "xyz"] + [("X1", "x", 1.0, 'table = "pull"\n')]
    text = f'[case]\nname = "series"\n[[simulations]]\nname = "series"\nresults = "{results.name}"\n'
    text += (
        f'[[materials]]\nelements = "all"\nlaw = "elastic"\nparameters = {{ young = {YOUNG}, poisson = {POISSON} }}\n'
    )
    for name, axis, value, table in supports:
        text += f'[[dirichlet]]\nname = "{name}"\nnodes = "{name}"\ncomponents = ["{axis}"]\nvalue = {value}\n{table}'
    (folder / "case.toml").write_text(text + f'[[tables]]\nname = "pull"\npoints = [{points}]\n')


def parse(path, form, starts, count):
    """Read all bytes and turn the numbers of the history into float64, knowing beforehand where they are."""
    starts, count = json.loads(starts), int(count)
    with Path(path).open("rb") as file:
        for start, stop in zip([0, *starts], [*starts, None], strict=True):
            data = file.read(-1 if stop is None else stop - start)
            if start:
                numbers(data, form, count)


def numbers(data, form, count):
    """Return the displacements in the bytes of one time."""
    if form == "frd":
        rows = np.frombuffer(data, "S1", 50 * count).reshape(count, 50)
        return np.ascontiguousarray(rows[:, 13:49]).view("S12").astype(np.float64)
    if form == "exodus":
        return np.frombuffer(data, ">f8", 3 * count).astype(np.float64)
    rows = np.frombuffer(data, [("id", "<i4"), ("v", NUMBERS[form], (3,))], count)
    return rows["v"].astype(np.float64)


def cache(path, cold):
    """Have the system keep a file in its cache, or forget it."""
    with path.open("rb") as file:
        if cold:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while not cold and file.read(1 << 20):
            pass


def run(code, arguments, folder):
    """Run a process; return its seconds and its largest memory."""
    peak = folder / "peak.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    command = [sys.executable, "-c", CHILD % code, *map(str, arguments), str(peak)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    return {"seconds": seconds, "peak_mb": json.loads(peak.read_text())}


def sides(folder, form, mesh, n_times, cold):
    """Write a series and run both sides on it."""
    write, name = (write_exodus, "series.e") if form == "exodus" else (write_frd, "series.frd")
    path = folder / name
    starts = write(path, *mesh, n_times, form)
    write_case(folder, path, n_times)
    cache(path, cold)
    arguments = [path, form, json.dumps(starts), len(mesh[0])]
    parsed = run(PARSE.format(folder=str(Path(__file__).parent)), arguments, folder)
    cache(path, cold)
    imported = run(IMPORT, ["import", folder / "case.toml"], folder)
    stored = sum(file.stat().st_size for file in (folder / "dataset").iterdir())
    return {
        "megabytes": path.stat().st_size / 1e6,
        "dataset_megabytes": stored / 1e6,
        "parse": parsed,
        "import": imported,
    }


def compare(form, megabytes, cells, folder, cold):
    """Return the figures of one format."""
    mesh = cube(cells)
    row = {"frd": 50, "frd-float32": 16, "frd-float64": 28, "exodus": 24}[form]
    n_times = max(round(1e6 * megabytes / (row * len(mesh[0]))), 2 * FEW)
    both = []
    for times in (FEW, n_times):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            both.append(sides(Path(place), form, mesh, times, cold))
    few, all_times = both
    growth = {side: all_times[side]["seconds"] - few[side]["seconds"] for side in ("parse", "import")}
    return {
        **all_times,
        "n_nodes": len(mesh[0]),
        "n_times": n_times,
        "megabytes_per_time": row * len(mesh[0]) / 1e6,
        "ratio": all_times["parse"]["seconds"] / all_times["import"]["seconds"],
        "ratio_of_growth": growth["parse"] / growth["import"],
        "growth_mb": {side: all_times[side]["peak_mb"] - few[side]["peak_mb"] for side in ("parse", "import")},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=30.0, help="size of the series")
    parser.add_argument("--cells", type=int, default=30, help="cells along an edge of the cube")
    parser.add_argument("--formats", nargs="+", default=[*FLAGS, "exodus"], choices=[*FLAGS, "exodus"])
    parser.add_argument("--cold", action="store_true", help="read from the disk")
    parser.add_argument("--folder", type=Path, help="where the files are written for the time of the run")
    given = parser.parse_args()
    options = (given.megabytes, given.cells, given.folder, given.cold)
    print(json.dumps({form: compare(form, *options) for form in given.formats}, indent=1))


if __name__ == "__main__":
    main()
