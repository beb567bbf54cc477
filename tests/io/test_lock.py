"""Two runs that write to the same place exclude each other, and no lock outlives its run."""

import errno
import fcntl
import json
import multiprocessing
import os
import socket
import time
from pathlib import Path

import pytest

from romtool.errors import CaseError
from romtool.io.atomic import Work, atomic_file
from romtool.io.lock import STALE, Lock


def hold(path, connection):
    """Take a lock in another process and wait to be killed."""
    Lock(path).acquire()
    connection.send("held")
    time.sleep(60)


def test_the_holder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["romtool", "offline", "case.toml", "-o", "model"])
    with Lock(tmp_path / "model"):
        words = rf"model is being written by another run \(`romtool offline case.toml -o model`, pid {os.getpid()} on "
        with pytest.raises(CaseError, match=words + rf"{socket.gethostname()} since 20\d\d-.*\); wait for it"):
            Lock(tmp_path / "model").acquire()
        with pytest.raises(CaseError, match="being written"), atomic_file(tmp_path / "model"):
            raise AssertionError("the body must not run")
        with pytest.raises(CaseError, match="being written"):
            Work(tmp_path / "model", key="x").open()
    assert list(tmp_path.iterdir()) == []
    with Lock(tmp_path / "model"):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path / "model", there))
    process.start()
    assert here.recv() == "held"
    with pytest.raises(CaseError, match=f"pid {process.pid} on"):
        Lock(tmp_path / "model").acquire()
    process.kill()
    process.join()
    assert (tmp_path / ".model.lock").exists()
    with Lock(tmp_path / "model"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_flock(monkeypatch):
    """A file system that does not know `flock`."""

    def refuse(descriptor, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)


def sign(path, host, pid, age):
    """Leave the lock of a run behind."""
    file = path.with_name(f".{path.name}.held")
    file.write_text(json.dumps({"pid": pid, "host": host, "since": "then", "command": "romtool study"}))
    os.utime(file, (time.time() - age, time.time() - age))


def test_without_flock_the_file_is_the_lock(tmp_path, no_flock):
    path = tmp_path / "model"
    with Lock(path), pytest.raises(CaseError, match=f"pid {os.getpid()} on"):
        Lock(path).acquire()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "pid", "age"),
    [("elsewhere", 1, STALE + 1), (socket.gethostname(), 2**22 + 1, 0)],
    ids=["silent elsewhere", "dead here"],
)
def test_without_flock_what_a_dead_run_left_is_taken_over(tmp_path, no_flock, host, pid, age):
    sign(tmp_path / "model", host, pid, age)
    with Lock(tmp_path / "model"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "pid", "age"),
    [("elsewhere", 1, 0), (socket.gethostname(), os.getpid(), 1e6)],
    ids=["fresh elsewhere", "alive here"],
)
def test_without_flock_a_run_that_may_live_keeps_its_lock(tmp_path, no_flock, host, pid, age):
    sign(tmp_path / "model", host, pid, age)
    with pytest.raises(CaseError, match=f"`romtool study`, pid {pid} on {host} since then"):
        Lock(tmp_path / "model").acquire()


def test_a_folder_that_cannot_be_written_to_is_said():
    with pytest.raises(CaseError, match="cannot be written to"):
        Lock(Path("/proc/model")).acquire()
