"""The files of a built-in solution: per subdomain its mesh, and its fields at some times together.

A march writes the times since its last checkpoint as a folder `times-NNNNNN` of their own, named after the first of
them, and never touches it again, so that an end at any moment spoils nothing that was written before.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from romtool.errors import ModelError
from romtool.fem.operators import strain
from romtool.fem.partition import Subdomain
from romtool.hifi.march import HifiState, StepStatistics
from romtool.hifi.problem import HifiProblem
from romtool.hifi.share import Share
from romtool.io.records import create_rows
from romtool.laws import state_fields
from romtool.pipeline.folders import part_name, part_reader, part_writer, read_record, write_record
from romtool.pipeline.kept import Kept
from romtool.pipeline.ranks import on_root, together
from romtool.pipeline.states import write_end
from romtool.protocols import LinearSolver
from romtool.types import Floats, Ints

KIND = "solution-part"
ROWS = "solution-times"
NODAL = ("u", "T")
PROGRESS = "progress"
HELD = 64_000_000
"""Bytes of fields of a rank that are held until a checkpoint; more are written at once."""


class SolutionWriter:
    """Writes the state of each time, and keeps what a march needs to go on; all ranks call its methods together.

    Parameters
    ----------
    folder: of the solution.
    kept: of the run.
    problem, share, solver: what is marched.
    source_id: of the solution.
    """

    def __init__(
        self, folder: Path, kept: Kept, problem: HifiProblem, share: Share, solver: LinearSolver, source_id: str
    ) -> None:
        self.folder, self.kept, self.problem, self.share = folder, kept, problem, share
        self.solver, self.source_id, self.row = solver, source_id, 0
        self.columns = state_fields(problem.tables)
        self.widths = {"u": 3, "T": 1, "stress": 6, "strain": 6}
        self.widths |= {name: int(columns.stop - columns.start) for name, columns in self.columns.items()}
        self.largest = dict.fromkeys(self.widths, 0.0)
        self.statistics: list[StepStatistics] = []
        self._pending: list[dict[str, Floats]] = []
        self._state: HifiState | None = None
        self._n_held = self._rows_to_hold()

    def resume(self) -> HifiState | None:
        """Return the state that an unfinished run has reached, None for none; what is beyond it is removed."""
        found = self.kept.latest(PROGRESS)
        self.row = 0 if found is None else int(found["row"])
        on_root(self.share.comm, self._drop_later)
        if found is None:
            return None
        self.largest, self.statistics = dict(found["largest"]), list(found["statistics"])
        if found["memory"] is not None:
            self.solver.remember(found["memory"])
        state: HifiState = found["state"]
        return state

    def has(self, state: HifiState) -> bool:
        """Tell whether a state was taken before: the one that a march starts from again."""
        return self.row > 0 and state.time <= self.problem.loading.times[self.row - 1]

    def add(self, state: HifiState, step: StepStatistics) -> None:
        """Take the next time.

        Raises
        ------
        StoppedError: a signal came; all times so far are kept.
        """
        if self.row:
            self.statistics.append(step)
        values = self._fields(state)
        for name, field in values.items():
            self.largest[name] = max(self.largest[name], float(np.abs(field).max(initial=0.0)))
        self._pending.append(values)
        self._state, self.row = state, self.row + 1
        if len(self._pending) >= self._n_held:
            self.flush()
        if self.row < len(self.problem.loading.times):
            self.kept.renew(PROGRESS, f"{self.row - 1} increments of {self.problem.loading.name}", self._progress)

    def flush(self) -> None:
        """Write the times that are held."""
        if not self._pending:
            return
        final = times_folder(self.folder, self.row - len(self._pending))
        part = final.with_name(f"{final.name}.part")
        on_root(self.share.comm, lambda: _empty(part))
        together(self.share.comm, lambda: self._write_rows(part))
        on_root(self.share.comm, lambda: part.rename(final))
        self._pending.clear()

    def finish(self, end: HifiState) -> None:
        """Write what is left, and the last state."""
        self.flush()
        together(self.share.comm, lambda: self._write_parts(end))

    def largest_of_all(self) -> dict[str, float]:
        """Return field -> its largest magnitude on all ranks."""
        found = self.share.comm.allgather(self.largest)
        return {name: max(entry[name] for entry in found) for name in self.largest}

    def _progress(self) -> Mapping[str, Any]:
        """Write the times that are held; return what the march needs to go on."""
        self.flush()
        return {
            "state": self._state,
            "memory": self.solver.memory(),
            "statistics": tuple(self.statistics),
            "largest": self.largest,
            "row": self.row,
        }

    def _rows_to_hold(self) -> int:
        """Return how many times are held at most, the same number on all ranks."""
        nodes = self.share.own.mesh.n_nodes
        points = self.problem.operators.n_points
        size = 8 * sum(width * (nodes if name in NODAL else points) for name, width in self.widths.items())
        return max(1, HELD // max(self.share.comm.allgather(size)))

    def _fields(self, state: HifiState) -> dict[str, Floats]:
        """Return all fields of this rank."""
        return {
            "u": state.displacement,
            "T": self.problem.temperature.at(state.time)[:, None],
            "stress": state.stress,
            "strain": strain(self.problem.operators, state.displacement),
            **{name: state.state[:, columns].copy() for name, columns in self.columns.items()},
        }

    def _write_parts(self, end: HifiState) -> None:
        """Write the meshes of the subdomains of this rank, with the last state."""
        for part in self.share.parts:
            with part_writer(self.folder, KIND, part.index, self.source_id) as file:
                write_record(file, "subdomain", part)
                write_end(file, end, self.solver.memory(), self.share, part)

    def _write_rows(self, folder: Path) -> None:
        """Write the times that are held, on the subdomains of this rank."""
        for part in self.share.parts:
            rows = {True: self.share.rows(part), False: self.share.points(part)}
            with part_writer(folder, ROWS, part.index, self.source_id) as file:
                for name, width in self.widths.items():
                    chosen = rows[name in NODAL]
                    data = create_rows(file, f"fields/{name}", len(self._pending), (len(chosen), width))
                    for i, values in enumerate(self._pending):
                        data[i] = values[name][chosen]

    def _drop_later(self) -> None:
        """Remove the times that a run has written behind its last checkpoint."""
        for folder in self.folder.glob("times-*"):
            if folder.suffix == ".part" or _first_of(folder) >= self.row:
                shutil.rmtree(folder)


def times_folder(folder: Path, first: int) -> Path:
    """Return the folder of the fields from a time on."""
    return folder / f"times-{first:06d}"


def _first_of(folder: Path) -> int:
    """Return the number of the first time of a folder."""
    return int(folder.name.partition("-")[2])


def _empty(folder: Path) -> None:
    """Make a folder, without what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def read_solution_mesh(folder: Path, index: int, source_id: str) -> Subdomain:
    """Read the mesh of one subdomain of a solution. Raises ModelError."""
    with part_reader(folder, KIND, index, source_id) as file:
        part: Subdomain = read_record(file, "subdomain")
        return part


def read_solution(folder: Path, index: int, source_id: str, name: str, rows: Ints) -> Floats:
    """Return a field on one subdomain of a solution.

    Parameters
    ----------
    folder: of the solution.
    index: of the subdomain.
    source_id: of the solution.
    name: of the field.
    rows: (n,) int ascending numbers of times.

    Returns
    -------
    (n, n_entities, n_components).

    Raises
    ------
    ModelError: a file that is missing, damaged or of another solution.
    """
    starts = np.array(sorted(_first_of(path) for path in folder.glob("times-*")), dtype=np.int64)
    places = np.searchsorted(starts, rows, side="right") - 1
    if len(starts) == 0 or starts[0] > 0:
        raise ModelError(f"{times_folder(folder, 0)}: is missing; make the solution anew")
    found = []
    for place in np.unique(places):
        path = times_folder(folder, int(starts[place]))
        with part_reader(path, ROWS, index, source_id) as file:
            found.append(_take(file[f"fields/{name}"], rows[places == place] - starts[place], path / part_name(index)))
    return np.concatenate(found)


def _take(data: h5py.Dataset, rows: Ints, path: Path) -> Floats:
    """Return some times of a file."""
    if rows[-1] >= len(data):
        raise ModelError(f"{path}: has {len(data)} times, {rows[-1] + 1} were expected; make the solution anew")
    return np.asarray(data[int(rows[0]) : int(rows[-1]) + 1])[rows - rows[0]]
