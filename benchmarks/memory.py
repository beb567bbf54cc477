"""The memory that stages take, against the bound that `romtool info --estimate` prints beforehand; prints JSON.

Memory is the largest resident set of each rank. Exit code 1 where a rank took more than its bound.

    python benchmarks/memory.py --cells 20 8 8              a bar of C3D10: solve, import, offline, online --adapt
    python benchmarks/memory.py --cells 20 8 8 --solver iterative
    python benchmarks/memory.py --size 36 --steps 30        size³ hexahedra with a given history: import, offline
    python benchmarks/memory.py --size 69 --steps 40        a million unknowns
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.scaling import LAUNCH, write_case  # noqa: E402
from benchmarks.solve import CHILD, deck  # noqa: E402
from romtool.batch.memory import Estimate  # noqa: E402
from romtool.batch.plan import Call  # noqa: E402
from romtool.pipeline.estimate import estimate_call  # noqa: E402

CASE = """[case]
name = "bar"
[[simulations]]
name = "bar"
deck = "bar.inp"
{results}
[partition]
subdomains = {subdomains}
[hifi]
solver = "{solver}"
[balance]
limit = 1.0
"""


def run(folder: Path, ranks: int, words: list[str]) -> list[float]:
    """Run romtool on some ranks in a folder; return the largest resident set [MB] of each."""
    mpiexec = shutil.which("mpiexec")
    if mpiexec is None:
        raise SystemExit("mpiexec is not installed")
    command = [mpiexec, "-n", str(ranks), sys.executable, "-c", CHILD, *words, "-q", str(folder / "peak-")]
    environment = {**os.environ, **LAUNCH, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"romtool {' '.join(words)} failed:\n{done.stderr}")
    return [json.loads((folder / f"peak-{rank}").read_text()) / 1024 for rank in range(ranks)]


def compare(folder: Path, ranks: int, call: Call, case: Path | None = None) -> dict[str, Any]:
    """Estimate a command, run it, and return both."""
    os.chdir(folder)
    found: Estimate | None = estimate_call(call, ranks, case)
    if found is None:
        raise SystemExit(f"no estimate of {call.words}")
    peaks = run(folder, ranks, list(call.words))
    bound = found.per_rank / 1e6
    terms = {name: round(value / 1e6) for name, value in found.terms.items()}
    return {"peak_mb": [round(peak) for peak in peaks], "bound_mb": round(bound), "terms_mb": terms}


def bar(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Solve a bar, train on it, and repair the model for another load."""
    (folder / "bar.inp").write_text(deck(given.cells, 120.0, 2.0, given.steps, "spooles"))
    case, facts = folder / "case.toml", {"subdomains": given.subdomains, "solver": given.solver}
    case.write_text(CASE.format(results="", **facts))
    for name, scale in (("base", 1.0), ("more", 1.3)):
        change = f'[[loads]]\nname = "TIP"\nscale = {scale}\n'
        (folder / f"{name}.toml").write_text(f'name = "{name}"\n' + (change if scale != 1.0 else ""))
    solve = Call("solve", {"case": ("case.toml",), "loads": ("base.toml",)}, (("--output", "ref"),))
    found = {"solve": compare(folder, given.ranks, solve)}
    case.write_text(CASE.format(results='results = "ref/base"', **facts))
    found |= trained(folder, given.ranks)
    options = (("--output", "out"), ("--adapt",), ("--tolerance", "1e-6"), ("--max-enrichments", "2"))
    adapt = Call("online", {"model": ("model",), "loads": ("more.toml",)}, options)
    return found | {"online --adapt": compare(folder, given.ranks, adapt)}


def trained(folder: Path, ranks: int) -> dict[str, Any]:
    """Import a case and train on it."""
    first = Call("import", {"case": ("case.toml",)})
    second = Call("offline", {"case": ("case.toml",)}, (("--output", "model"),))
    return {"import": compare(folder, ranks, first), "offline": compare(folder, ranks, second)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs=3, help="boxes of six C3D10 along each edge of a bar")
    parser.add_argument("--size", type=int, help="hexahedra along each edge of a box")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--subdomains", type=int, default=4)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--solver", choices=("direct", "iterative"), default="direct")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.size:
            write_case(folder, (given.size,) * 3, given.steps, given.subdomains)
            found = trained(folder, given.ranks)
        else:
            found = bar(folder, given)
        os.chdir(ROOT)
    print(json.dumps({**vars(given), "stages": found}, indent=1))
    raise SystemExit(any(max(entry["peak_mb"]) > entry["bound_mb"] for entry in found.values()))


if __name__ == "__main__":
    main()
