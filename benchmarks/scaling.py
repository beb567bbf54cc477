"""`romtool import` and `offline` on one and several ranks: time and bytes sent by phase, memory by rank; prints JSON.

The case is a box of hexahedra (hex8) whose displacement history is a formula, so that it can be of any size without a
solver. Every stage is a run of its own under mpiexec; memory is the largest resident set of each process (about 200 MB
of it are Python and its packages), bytes are those of the pickled messages times their receivers. `solve` is measured
by `benchmarks/solve.py`.

    python benchmarks/scaling.py --size 20 --steps 10 --ranks 1 2               strong scaling: size³ elements
    python benchmarks/scaling.py --size 20 --steps 10 --ranks 1 2 --weak        weak: size³ elements per rank
    python benchmarks/scaling.py --size 69 --steps 40 --ranks 2                 a million unknowns
"""

import argparse
import json
import os
import pickle
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

LAUNCH = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

CASE = """[case]
name = "scaling"
[mesh]
file = "history.xdmf"
[[simulations]]
name = "bend"
results = "history.xdmf"
[[materials]]
elements = "all"
law = "plastic"
density = 7.8e-9
[materials.parameters]
young = 2.0e5
poisson = 0.3
R0 = 200.0
H = 2000.0
[[loads]]
name = "spin"
kind = "centrifugal"
elements = "all"
omega = 10.0
point = [0.0, 0.0, 0.0]
axis = [0.0, 1.0, 0.0]
[partition]
subdomains = {subdomains}
[balance]
limit = 1.0
"""


class CountingComm:
    """The ranks of another communicator; adds up what goes through it, by the phase of a clock."""

    def __init__(self, comm: Any) -> None:
        self._comm, self.rank, self.size = comm, comm.rank, comm.size
        self.clock: Any = None
        self.sent: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()

    def _count(self, message: Any) -> None:
        phase = (self.clock.current if self.clock else "") or "set-up"
        self.sent[phase] += len(pickle.dumps(message, protocol=-1)) * (self.size - 1)
        self.messages[phase] += self.size - 1

    def allgather(self, sendobj: Any) -> Any:
        self._count(sendobj)
        return self._comm.allgather(sendobj)

    def bcast(self, obj: Any, root: int = 0) -> Any:
        if self.rank == root:
            self._count(obj)
        return self._comm.bcast(obj, root)

    def Ibarrier(self) -> Any:  # noqa: N802 - mpi4py's name
        return self._comm.Ibarrier()


def write_case(folder: Path, cells: tuple[int, int, int], steps: int, subdomains: int) -> None:
    """Write the mesh with a displacement history that bends, twists and stretches the box beyond yield."""
    import numpy as np

    from romtool.io.fields import write_series
    from romtool.types import FieldInfo
    from tests.structures import box

    mesh, times = box(cells, (1.0, 1.0, 1.0)), np.linspace(0.0, 1.0, steps + 1)
    x, y, z = mesh.points.T

    def read(name: str, i: int) -> np.ndarray:
        t = times[i]
        stretch, bend, twist = 2e-3 * t, 4e-3 * np.sin(2.0 * t), 3e-3 * t * t
        u = [stretch * x - bend * x * z, twist * x * (z - 0.5), 0.5 * bend * x * x - twist * x * (y - 0.5)]
        return np.stack(u, axis=1)

    write_series(folder / "history.xdmf", mesh, times, {"u": FieldInfo("node", ("x", "y", "z"))}, read)
    (folder / "case.toml").write_text(CASE.format(subdomains=subdomains), encoding="utf-8")


def work(stage: str, folder: Path) -> None:
    """Run one stage on this rank; rank 0 prints the figures of all."""
    from mpi4py import MPI

    from romtool.offline.clock import Clock
    from romtool.pipeline.dataset import import_case
    from romtool.pipeline.offline import offline

    comm, clock = CountingComm(MPI.COMM_WORLD), Clock(lambda text: None)
    comm.clock = clock
    start, facts = time.perf_counter(), {}
    if stage == "import":
        with clock.phase("import", ""):
            import_case(folder / "case.toml", comm, lambda text: None, anew=True)
    else:
        out = folder / f"model-{comm.size}"
        model = offline(folder / "case.toml", out, comm, lambda text: None, clock=clock).models[0]
        facts = {"n_modes": model.statistics["n_modes"], "n_points": model.n_active}
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    ranks = MPI.COMM_WORLD.gather((peak, dict(comm.sent), dict(comm.messages)))
    if ranks is not None:
        document = {
            "seconds": round(seconds, 3),
            "seconds_by_phase": {name: round(value, 3) for name, value in clock.seconds.items()},
            "peak_megabytes_by_rank": [round(peak, 1) for peak, _, _ in ranks],
            "bytes_sent_by_phase": dict(sum((Counter(sent) for _, sent, _ in ranks), Counter())),
            "messages_by_phase": dict(sum((Counter(count) for _, _, count in ranks), Counter())),
            **facts,
        }
        print(json.dumps(document))


def launch(stage: str, folder: Path, n_ranks: int) -> dict[str, Any]:
    """Run one stage under mpiexec; return its figures."""
    mpiexec = shutil.which("mpiexec")
    if mpiexec is None:
        raise SystemExit("mpiexec is not installed")
    command = [mpiexec, "-n", str(n_ranks), sys.executable, __file__, "--stage", stage, "--folder", str(folder)]
    done = subprocess.run(
        command,
        env={**os.environ, **LAUNCH},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{stage} on {n_ranks} ranks failed:\n{done.stderr}")
    return dict(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{"))))


def main() -> None:
    """Measure, or (with --stage) be one of the ranks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=20, help="elements along each edge")
    parser.add_argument("--steps", type=int, default=10, help="time steps of the history")
    parser.add_argument("--subdomains", type=int, default=4)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--weak", action="store_true", help="as many elements and subdomains for each rank")
    parser.add_argument("--stage", choices=("import", "offline"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        work(given.stage, given.folder)
        return
    runs = {str(n): measure(given, n) for n in given.ranks}
    head = {"machine": platform.machine(), "cores": os.cpu_count(), "steps": given.steps, "weak": given.weak}
    print(json.dumps({**head, "ranks": runs}, indent=1))


def measure(given: argparse.Namespace, n_ranks: int) -> dict[str, Any]:
    """Run import and offline on some ranks; return their figures."""
    factor = n_ranks if given.weak else 1
    cells = (factor * given.size, given.size, given.size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_case(folder, (2, 2, 2), 2, given.subdomains)
        launch("offline", folder, 1)  # compiles kernels
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_case(folder, cells, given.steps, factor * given.subdomains)
        n_elements, n_nodes = factor * given.size**3, (factor * given.size + 1) * (given.size + 1) ** 2
        found: dict[str, Any] = {"n_elements": n_elements, "unknowns": 3 * n_nodes}
        return found | {stage: launch(stage, folder, n_ranks) for stage in ("import", "offline")}


if __name__ == "__main__":
    main()
