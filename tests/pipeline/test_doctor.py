"""What `romtool doctor` finds, each problem with its remedy, and its exit code."""

import json
import os
import subprocess
import sys

import pytest

from romtool.errors import InputError
from romtool.linalg.reduction import SerialComm
from romtool.pipeline import doctor
from romtool.pipeline.doctor import Finding, check_ranks, doctor_summary, exit_code
from tests.conftest import find_mpiexec


def test_the_exit_code_is_the_worst_of_the_findings():
    fine, note = Finding("a", "fine", ""), Finding("b", "note", "")
    missing, problem = Finding("c", "missing", ""), Finding("d", "problem", "")
    assert exit_code([fine, note]) == 0
    assert exit_code([fine, missing]) == 3
    assert exit_code([missing, problem]) == 1
    assert doctor_summary([missing, problem, problem])["problem"] == 2


def test_threads_and_folders_that_do_not_fit_are_told_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    threads, *_ = doctor._threads()
    assert (threads.status, threads.found) == ("problem", "OMP_NUM_THREADS=4")
    assert "set them to 1" in threads.remedy
    monkeypatch.setattr(doctor, "_is_writable", lambda folder: False)
    assert [entry.status for entry in doctor._disk(tmp_path)] == ["problem", "problem"]


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(38, "Function not implemented")

    (found,) = doctor._locking(tmp_path)
    assert found.status == "fine"
    monkeypatch.setattr(doctor.fcntl, "flock", refuse)
    (found,) = doctor._locking(tmp_path)
    assert found.status == "problem"
    assert "HDF5_USE_FILE_LOCKING=FALSE" in found.remedy
    assert list(tmp_path.iterdir()) == []


def test_packages_that_are_not_there_are_missing(monkeypatch):
    def absent(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(doctor.importlib, "import_module", absent)
    found = list(doctor._packages())
    assert {entry.status for entry in found} == {"missing"}
    assert found[0].remedy == "pip install romtool[mpi]"


def test_a_launcher_that_brings_nobody_together_is_a_problem(tmp_path):
    launcher = tmp_path / "alone"
    launcher.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    launcher.chmod(0o755)
    found = doctor._launched("alone", [str(launcher), "-n", "2"])
    assert found.status == "problem"
    assert "2 ranks are asked for, 1 found each other" in found.found


def test_one_rank_is_one_communicator():
    assert check_ranks(SerialComm(), 1) == "1 rank in one communicator on 1 node"
    with pytest.raises(InputError, match="3 ranks are asked for, 1 found"):
        check_ranks(SerialComm(), 3)


def test_the_command_says_all_of_it(tmp_path):
    find_mpiexec()
    program = [sys.executable, "-c", "from romtool.cli.main import main; main()", "doctor", "--json", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == found["exit_code"]
    assert {"romtool", "MPI", "mpiexec", "threads", "memory", "scratch", "file locking"} <= {
        entry["check"] for entry in found["checks"]
    }
    assert all(entry["remedy"] for entry in found["checks"] if entry["status"] in ("problem", "missing"))
