"""`romtool report` of a large model: seconds, largest memory, bytes read; prints JSON.

A small bar is solved and trained; then the modes on its mesh give way to smooth ones on a box of size³ hexahedra, as
`romtool offline` would have written them, in one file. What is measured is a process of its own: the report of the
model alone, and of the model with a result of it, each with pictures.

    OMP_NUM_THREADS=1 python benchmarks/report.py --size 69       a million unknowns, 2.6 million integration points
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from romtool.fem.partition import split_mesh  # noqa: E402
from romtool.linalg.reduction import SerialComm  # noqa: E402
from romtool.pipeline.folders import part_name, part_writer, read_model, write_record  # noqa: E402
from romtool.pipeline.offline import offline  # noqa: E402
from romtool.pipeline.online import online  # noqa: E402
from romtool.pipeline.solve import solve_loads  # noqa: E402
from romtool.reduced.model import ModeShapes, ReducedModel  # noqa: E402
from tests.pipeline.test_report import CASE, write_mesh  # noqa: E402
from tests.structures import box  # noqa: E402

RUN = """
import sys
from pathlib import Path
from romtool.offline.clock import peak_memory
from romtool.pipeline.report import write_report
write_report([Path(path) for path in sys.argv[2:]], Path(sys.argv[1]), lambda text: None)
print(peak_memory(), Path("/proc/self/io").read_text().split()[1])
"""


def quiet(_: str) -> None:
    """Take a sentence."""


def train(folder: Path) -> ReducedModel:
    """Solve, train and answer the bar; three dual fields, of which a report shows two."""
    (folder / "case.toml").write_text(CASE + '[duals]\nfields = ["p", "stress", "inelastic_strain"]\n')
    write_mesh(folder / "bar.inp")
    (folder / "train.toml").write_text('name = "train"\n[[dirichlet]]\nname = "pull"\nscale = 1.0\n')
    solve_loads(folder / "case.toml", [folder / "train.toml"], folder / "ref", SerialComm(), quiet)
    offline(folder / "case.toml", folder / "model", SerialComm(), quiet)
    online(folder / "model", [folder / "train.toml"], folder / "out", quiet)
    return read_model(folder / "model")


def enlarge(folder: Path, model: ReducedModel, size: int) -> dict[str, int]:
    """Write smooth modes on a large box in place of those of the bar; return its counts."""
    mesh = box((size,) * 3, (3.0, 1.0, 1.0))
    (part,) = split_mesh(mesh, np.zeros(mesh.n_elements, dtype=np.int64))
    n_points = 8 * mesh.n_elements
    waves = np.sin(np.outer(np.arange(1.0, model.n_modes + 1.0), mesh.points[:, 0]))
    displacement = np.repeat(waves[:, :, None], 3, axis=2)
    along = np.linspace(0.0, 1.0, n_points)
    duals = {
        name: np.stack([np.outer(np.cos(k * along), np.ones(basis.components)) for k in range(_n_modes(basis))])
        for name, basis in model.duals.items()
    }
    lifting = np.zeros((len(model.liftings), mesh.n_nodes, 3))
    with part_writer(folder / "model", "modes", 0, model.model_id) as file:
        write_record(file, "modes", ModeShapes(part, displacement, lifting, duals))
    sizes = {f"bytes of modes of {name}": values.nbytes for name, values in duals.items()}
    whole = {"bytes of the subdomain's file": (folder / "model" / part_name(0)).stat().st_size}
    counts = {"unknowns": 3 * mesh.n_nodes, "points": n_points}
    return {**counts, "bytes of modes of u": displacement.nbytes, **sizes, **whole}


def _n_modes(basis: Any) -> int:
    """Return the number of modes of a dual field."""
    return int(basis.operator.basis_at_points.shape[1])


def measure(folder: Path, *names: str) -> dict[str, Any]:
    """Make a report in a process of its own."""
    out, start = folder / "report.html", time.perf_counter()
    out.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, str(out), *(str(folder / name) for name in names)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    return {
        "of": list(names),
        "seconds": round(time.perf_counter() - start, 1),
        "largest memory": float(told[0]),
        "bytes read, programs included": int(told[1]),
        "bytes of the page": out.stat().st_size,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=69)
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = enlarge(folder, train(folder), size)
        found = [measure(folder, "model"), measure(folder, "model", "out/train")]
    print(json.dumps({**counts, "reports": found}, indent=1))


if __name__ == "__main__":
    main()
