"""Batch jobs on a real Slurm of one node: scripts as `romtool slurm` writes them, from the queue to the end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.batch.cluster import Cluster, lacks, slurm, until
from tests.cli.small_case import romtool, write_case
from tests.conftest import LAUNCH_ENVIRONMENT, SINGLE_THREAD

LOADS = [f"loads/{name}.toml" for name in ("base", "pulled", "new")]
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(bool(lacks()), reason=lacks())

COUNTER = r"""#!/bin/bash
# Stands in for romtool: makes one step per start, stops when asked to, is done after three.
echo start >>"$folder/starts"
steps=$(cat "$folder/out/steps" 2>/dev/null || echo 0)
trap '[ -e "$folder/stuck" ] || echo $((steps + 1)) >"$folder/out/steps"; exit 75' USR1
mkdir -p "$folder/out"
if [ "$steps" -ge 2 ]; then echo done >"$folder/out/result"; exit 0; fi
touch "$folder/ready"
while :; do sleep 0.05; done
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture
def program(tmp_path) -> Path:
    """A folder with a program `romtool` that counts its starts."""
    (tmp_path / "romtool").write_text(COUNTER)
    (tmp_path / "romtool").chmod(0o755)
    (tmp_path / "case.toml").write_text('[case]\nname = "x"\n')
    lines = [f"export folder={tmp_path}", f"export PATH={tmp_path}:$PATH"]
    (tmp_path / "site.toml").write_text(f"[slurm]\nrequeues = 5\n[environment]\ncommands = {json.dumps(lines)}\n")
    return tmp_path


def command_line(cluster: Cluster, folder: Path, *words: str) -> dict[str, object]:
    """Run `romtool slurm --json` in a folder, as a process of its own; return what it prints."""
    program = [sys.executable, "-c", "from romtool.cli.main import main; main()", "slurm", "--json", *words]
    environment = {**cluster.environment, **SINGLE_THREAD, **LAUNCH_ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def submitted(cluster: Cluster, folder: Path) -> str:
    """Submit the job of the program that counts; return its number."""
    words = ("--site", "site.toml", "--memory", "100M", "--submit", "--", "offline", "case.toml", "-o", "out")
    jobs = command_line(cluster, folder, *words)["jobs"]
    return str(jobs["romtool-offline"])


def ask_to_stop(cluster: Cluster, folder: Path, job: str) -> None:
    """Send a running job the signal that Slurm sends before its time limit."""
    until((folder / "ready").exists, 30, "the program to start")
    (folder / "ready").unlink()
    cluster.call("scancel", "--batch", "--signal=USR1", job)


def test_a_job_at_its_time_limit_is_queued_again_and_goes_on(cluster, program):
    job = submitted(cluster, program)
    for restarts in (1, 2):
        ask_to_stop(cluster, program, job)
        cluster.start_again(job, restarts)
    state = cluster.wait(job, 60)
    assert state["Restarts"] == "2"
    assert (program / "starts").read_text().split() == ["start"] * 3
    assert (program / "out" / "result").exists()
    assert cluster.log(state).count("queued again: its time was over") == 2


def test_a_job_that_does_not_get_on_is_not_queued_again(cluster, program):
    (program / "stuck").touch()
    job = submitted(cluster, program)
    ask_to_stop(cluster, program, job)
    state = cluster.wait(job, 30, ("FAILED",))
    assert (state["Restarts"], state["ExitCode"]) == ("0", "75:0")
    assert "did not get on" in cluster.log(state)


def test_a_job_that_is_taken_away_stops_at_its_checkpoint(cluster, program):
    job = submitted(cluster, program)
    until((program / "ready").exists, 30, "the program to start")
    cluster.call("scancel", "--batch", "--signal=TERM", job)
    state = cluster.wait(job, 30, ("FAILED",))
    assert (state["Restarts"], state["ExitCode"]) == ("0", "75:0")
    assert (program / "out" / "steps").read_text().strip() == "1"


def test_ranks_that_do_not_find_each_other_are_refused(cluster, tmp_path):
    program = [sys.executable, "-c", "from romtool.cli.main import main; main()", "doctor", "--ranks", "2"]
    environment = {**cluster.environment, "PYTHONPATH": str(ROOT)}
    command = ["srun", "--mpi=none", "--ntasks=2", *program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the launcher started 2 processes, but each finds itself alone" in done.stderr


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    """A case in two subdomains, in a folder with an odd name, and what its commands give without Slurm."""
    found = write_case(tmp_path_factory.mktemp("jobs") / "a \"case\" of 'mine' $HOME #%j")
    with found.open("a") as file:
        file.write("[partition]\nsubdomains = 2\n")
    folder, loads = found.parent, [found.parent / entry for entry in LOADS]
    for words in (
        ("offline", found, "-o", folder / "model"),
        ("online", folder / "model", *loads, "-o", folder / "out"),
    ):
        done = romtool(*words, "-q")
        assert done.code == 0, done.err
    return found


def test_a_case_as_dependent_jobs_gives_what_its_commands_give(cluster, case):
    pytest.importorskip("mpi4py")
    folder = case.parent
    words = ("--pipeline", "case.toml", *LOADS, "-o", "by jobs", "--submit", "--time", "10", "--memory", "900M")
    jobs = command_line(cluster, folder, *words)["jobs"]
    assert list(jobs) == ["import", "offline", "online", "report"]
    until(lambda: not cluster.call("squeue", "--noheader"), 200, "the jobs to end")
    logs = "\n".join(path.read_text() for path in sorted((folder / "by jobs" / "jobs").glob("*.log")))
    assert (folder / "by jobs" / "report.html").exists(), logs
    assert len(list((folder / "by jobs" / "jobs").glob("romtool-online-*_*.log"))) == 3
    for name in ("base", "pulled", "new"):
        assert coordinates(folder / "by jobs" / "out" / name) == coordinates(folder / "out" / name)


def test_a_job_that_is_killed_goes_on_and_gives_the_same(cluster, case):
    words = ("--submit", "--memory", "900M", "--tasks", "1", "--", "offline", "case.toml", "-o", "killed")
    job = str(command_line(cluster, case.parent, *words)["jobs"]["romtool-offline"])
    log = case.parent / f"romtool-offline-{job}.log"  # Slurm shows the folder's %j as a number
    until(lambda: log.is_file() and "modes of the dual fields" in log.read_text(), 100, "the training to begin")
    for number in cluster.processes(job, "romtool"):
        os.kill(number, signal.SIGKILL)
    assert cluster.wait(job, 30, ("FAILED",))["ExitCode"] == "137:0"
    assert not (case.parent / "killed").exists()
    cluster.call("scontrol", "requeue", job)
    cluster.start_again(job, 1)
    cluster.wait(job, 100)
    assert not list(case.parent.glob(".killed.*"))
    assert modes(case.parent / "killed") == modes(case.parent / "model")


def coordinates(result: Path) -> bytes:
    """Return the bytes of a result's coordinates."""
    import h5py

    with h5py.File(result / "result.h5") as file:
        return file["history/coordinates"][()].tobytes()


def modes(model: Path) -> list[bytes]:
    """Return the bytes of a model's displacement modes and of its points' weights."""
    import h5py

    found = []
    for path, name in (("subdomain-0001.h5", "modes/displacement"), ("model.h5", "dictionary/models/0/weights")):
        with h5py.File(model / path) as file:
            found.append(file[name][()].tobytes())
    return found
