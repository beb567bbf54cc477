"""What is kept of an unfinished run: the values of its finished steps, one file per rank and step."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from romtool.errors import ModelError
from romtool.hifi.march import StepStatistics
from romtool.interruption import is_asked, stop_if_asked
from romtool.io.records import create_file, open_file, read_value, told_as_damage, write_value
from romtool.linalg.ecm import Cubature
from romtool.linalg.reduction import Comm
from romtool.offline.cluster_fields import Snapshots
from romtool.offline.selection import Selection
from romtool.offline.snapshots import DualSnapshots
from romtool.offline.train import Trained
from romtool.online.adapt import Progress
from romtool.pipeline.folders import CLASSES
from romtool.pipeline.ranks import on_root, together

Value = TypeVar("Value")

KIND = "checkpoint"

_OWN = (Cubature, DualSnapshots, Progress, Selection, Snapshots, StepStatistics, Trained)
_KEPT: dict[str, type] = {**CLASSES, **{entry.__name__: entry for entry in _OWN}}
"""Classes of the values that are kept: those of romtool's files, and some that are in no other file."""

INTERVAL = 5.0
"""Seconds between two checkpoints of a march, at least."""

SHARE = 20.0
"""Time between two checkpoints over that for writing one, at least."""


class Kept:
    """Steps of a run in a folder beside its output; see `romtool.offline.clock.Keep`.

    A step is a folder with one file per rank, which has its name only when all are complete; one that is damaged is
    computed again.

    Parameters
    ----------
    folder: where they are kept; that of a run with the same inputs and number of ranks.
    comm: the ranks.
    """

    def __init__(self, folder: Path, comm: Comm) -> None:
        self.folder, self.comm = folder, comm
        self._next = time.monotonic() + INTERVAL

    def step(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what a step computes, or what is kept of it. Raises StoppedError after it where that is asked for."""
        found: Value | None = self.latest(name)
        return self.exchange(name, name, compute) if found is None else found

    def latest(self, name: str) -> Any:
        """Return the value that is kept under a name, on every rank; None where there is none."""
        for place in (name, f"{name}.old"):
            found = self._read(self.folder / place / f"rank-{self.comm.rank}.h5")
            if all(self.comm.allgather(found is not None)):
                return found
        return None

    def renew(self, name: str, place: str, value: Callable[[], Any]) -> None:
        """Keep a value in the place of an earlier one, unless that is recent. Raises StoppedError where asked for."""
        asked = is_asked(self.comm)
        if asked or self.comm.bcast(time.monotonic() >= self._next):
            start = time.monotonic()
            self._write(name, value())
            now = time.monotonic()
            self._next = now + max(INTERVAL, SHARE * (now - start))
        stop_if_asked(self.comm, place)

    def exchange(self, name: str, place: str, value: Callable[[], Value]) -> Value:
        """Keep a value and return what was read back, so that a run that was stopped goes on with the same bits.

        Raises
        ------
        StoppedError: a signal came; the value is kept.
        ModelError: what was written cannot be read.
        """
        self._write(name, value())
        stop_if_asked(self.comm, place)
        found: Value | None = self.latest(name)
        if found is None:
            raise ModelError(f"{self.folder / name}: cannot be read back; run the same command again")
        return found

    def _read(self, path: Path) -> Any:
        """Return a value; None where it is absent or damaged."""
        try:
            with open_file(path, KIND) as file, told_as_damage(path):
                return read_value(file, "value", _KEPT)
        except ModelError:
            return None

    def _write(self, name: str, value: Any) -> None:
        """Write the value of this rank; the step has its name when all have written."""
        new = self.folder / f"{name}.new"
        on_root(self.comm, lambda: _empty(new))
        together(self.comm, lambda: _write_value(new / f"rank-{self.comm.rank}.h5", value))
        on_root(self.comm, lambda: _replace(new, self.folder / name, self.folder / f"{name}.old"))


def _write_value(path: Path, value: Any) -> None:
    """Write a value to a file of its own."""
    with create_file(path, KIND) as file:
        write_value(file, "value", value, _KEPT)


def _empty(folder: Path) -> None:
    """Make a folder, without what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _replace(new: Path, path: Path, old: Path) -> None:
    """Put a folder in the place of another; one of the two is there at any moment."""
    if path.is_dir():
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)
