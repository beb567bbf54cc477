"""Cases for tests on several ranks, and a way to run commands under mpiexec."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from romtool.linalg.reduction import Comm
from romtool.pipeline.solve import solve_loads
from tests.cli.small_case import CASE, deck_text
from tests.conftest import LAUNCH_ENVIRONMENT, SINGLE_THREAD, find_mpiexec
from tests.shared_data import shared

ROOT = Path(__file__).parents[2]
COMMAND = "from romtool.cli.main import main; main()"

ZSET_CASE = """[case]
name = "cube"
[[simulations]]
name = "base"
deck = "{deck}"
results = {results}
[quadrature]
tolerance = 1e-4
"""


def say(text: str) -> None:
    """Take a sentence and keep silent."""


MOVED_SUPPORT = """[[dirichlet]]
name = "X0"
nodes = "X0"
components = ["x"]
value = -0.002
table = "pull"
[[tables]]
name = "pull"
points = [[0.0, 0.0], [1.0, 1.0]]
"""


def write_cube(folder: Path, subdomains: int, comm: Comm) -> Path:
    """Write the case of Z-set's cube, or of the small box where the shared data are absent; return its file."""
    try:
        source = shared("zset", "MecaSequential")
    except pytest.skip.Exception:
        return write_box(folder, subdomains, comm)
    if comm.rank == 0:
        copy(source, folder / "z")
        text = ZSET_CASE.format(deck="z/cube.inp", results='"z/cube.ut"')
        write(folder, text + f"[partition]\nsubdomains = {subdomains}\n")
    comm.allgather(None)
    return folder / "case.toml"


def write_box(folder: Path, subdomains: int, comm: Comm) -> Path:
    """Write the small box with a moved support, solve its training load; return its case file."""
    case = folder / "case.toml"
    if comm.rank == 0:
        first, _, rest = CASE.partition('[[simulations]]\nname = "pulled"')
        settings = rest[rest.index("[pod]") :]
        write(folder, f"{first}{MOVED_SUPPORT}{settings}[partition]\nsubdomains = {subdomains}\n")
        (folder / "box.inp").write_text(deck_text())
        (folder / "base.toml").write_text('name = "base"\n')
    comm.allgather(None)
    solve_loads(case, [folder / "base.toml"], folder / "ref", comm, say)
    return case


def write(folder: Path, text: str) -> Path:
    """Write a case file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.toml").write_text(text)
    return folder / "case.toml"


def copy(source: Path, target: Path) -> None:
    """Copy a folder of read-only files to where they can be removed."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


@dataclass(frozen=True)
class Run:
    """How a command under mpiexec ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def errors(self) -> list[str]:
        """The lines in which romtool told an error."""
        return [line for line in self.err.splitlines() if line.startswith("romtool: error:")]


def on_ranks(
    n_ranks: int,
    *arguments: object,
    script: str = COMMAND,
    environment: Mapping[str, str] = MappingProxyType({}),
    timeout: float = 60.0,
) -> Run:
    """Run a command line of romtool on several ranks.

    Parameters
    ----------
    n_ranks: how many; 0 for a plain process.
    arguments: of the command line.
    script: what each rank executes.
    environment: more variables.
    timeout: seconds after which the run counts as hung.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    variables = {**inherited, **SINGLE_THREAD, **LAUNCH_ENVIRONMENT, "PYTHONPATH": str(ROOT), **environment}
    launcher = [find_mpiexec(), "-n", str(n_ranks)] if n_ranks else []
    command = [*launcher, sys.executable, "-c", script, *map(str, arguments)]
    start = time.perf_counter()
    done = subprocess.run(
        command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
    )
    return Run(done.returncode, done.stdout, done.stderr, time.perf_counter() - start)
