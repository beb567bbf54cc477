"""Runs on several ranks that are stopped or killed go on with the same result."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from romtool.linalg.reduction import SerialComm
from tests.conftest import LAUNCH_ENVIRONMENT, SINGLE_THREAD, find_mpiexec
from tests.kills import difference, leftovers
from tests.mpi.cases import ROOT, on_ranks, write_box

PATIENCE = 240.0
"""Seconds that a run may take, compiling included."""

COMMAND = """
import os, sys
from pathlib import Path
from romtool.cli.main import main
Path("rank-%s" % os.environ["OMPI_COMM_WORLD_RANK"]).write_text(str(os.getpid()))
main()
"""


def launch(case: Path, words: str, number: int, who: str) -> tuple[int, str]:
    """Start a training on two ranks and send a signal to some of them at some words; return exit code and text."""
    command = [find_mpiexec(), "--allow-run-as-root", "--oversubscribe", "-n", "2", sys.executable, "-c", COMMAND]
    environment = {**os.environ, **LAUNCH_ENVIRONMENT, **SINGLE_THREAD, "PYTHONPATH": str(ROOT)}
    text = ""
    with subprocess.Popen(
        [*command, "offline", "case.toml", "-o", "model"],
        cwd=case,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            text += line
            if words in line:
                for file in case.glob(who):
                    os.kill(int(file.read_text()), number)
        process.wait(PATIENCE)
    for file in case.glob("rank-*"):
        file.unlink()
    return process.returncode, text


def test_two_ranks_go_on(tmp_path):
    """A signal to one rank stops both at a checkpoint; killed ranks lose one phase; the bits are those of one run."""
    case = write_box(tmp_path / "one" / "case", 2, SerialComm()).parent
    whole = Path(shutil.copytree(case, tmp_path / "two" / "case"))
    done = on_ranks(2, "offline", whole / "case.toml", "-o", whole / "model", timeout=PATIENCE)
    assert done.code == 0, done.err
    code, text = launch(case, "reduced quadrature", signal.SIGUSR1, "rank-1")
    assert code == 75, text
    assert "stopped at a checkpoint, after reduced quadrature" in text
    code, text = launch(case, "error indicator", signal.SIGKILL, "rank-*")
    assert code not in (0, 75), text
    assert "reduced quadrature" not in text
    time.sleep(0.5)
    done = on_ranks(2, "offline", case / "case.toml", "-o", case / "model", timeout=PATIENCE)
    assert done.code == 0, done.err
    assert "generalised forces" in done.err
    assert not difference(whole / "model", case / "model")
    assert leftovers(case) == []
