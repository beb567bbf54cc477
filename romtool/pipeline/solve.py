"""`romtool solve`: run the built-in high-fidelity solver on load cases of a case."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from romtool.errors import CaseError
from romtool.fem.operators import build_operators, strain
from romtool.fem.partition import Subdomain, partition_elements, split_mesh
from romtool.fem.sets import check_regions
from romtool.hifi.march import HifiState, StepStatistics, solve
from romtool.hifi.problem import HifiProblem, build_problem
from romtool.io.atomic import digest_text, output_folder
from romtool.io.case import Simulation
from romtool.io.load import LoadFile, apply_load, check_unique, read_load
from romtool.laws import state_fields
from romtool.loading import Loading
from romtool.pipeline.folders import Provenance, now, part_writer, value_digest, versions, write_head, write_record
from romtool.pipeline.online import changes_nothing
from romtool.pipeline.sources import (
    CaseSources,
    field_reader,
    loading_of,
    open_case,
    open_simulation,
    own_loading,
    times_from_results,
)
from romtool.types import Ints, SolverResults

Say = Callable[[str], None]


@dataclass(frozen=True)
class SolveSummary:
    """How one computation went.

    Parameters
    ----------
    name: of the load.
    n_steps, iterations, cuts: counts.
    seconds: of the march.
    largest: field -> its largest magnitude.
    """

    name: str
    n_steps: int
    iterations: int
    cuts: int
    seconds: float
    largest: dict[str, float]


def solve_loads(
    case_path: Path, load_paths: Sequence[Path], out: Path, say: Say, *, overwrite: bool = False
) -> list[SolveSummary]:
    """Solve load cases with the high-fidelity model; each solution is written to `out/<load name>`.

    Parameters
    ----------
    case_path: the case file.
    load_paths: load files.
    out: folder of the solutions.
    say: takes a sentence per increment.
    overwrite: replace existing solutions.

    Raises
    ------
    CaseError, ReaderError, MeshError: wrong input; nothing is written.
    ConvergenceError: a load case that could not be solved.
    """
    loads = [read_load(path) for path in load_paths]
    check_unique(loads)
    for load in loads:
        if (out / load.name).exists() and not overwrite:
            raise CaseError(f"{out / load.name} exists; give --overwrite or another -o")
    sources = open_case(case_path)
    loadings = [_loading(sources, load) for load in loads]
    return [_solve(sources, loading, out, say, overwrite) for loading in loadings]


def _loading(sources: CaseSources, load: LoadFile) -> Loading:
    """Return the loading of a load file on the case; one with a name alone is the first simulation's."""
    first = sources.case.simulations[0] if sources.case.simulations else None
    results = None if first is None else _results_with_times(sources, first)
    if first is not None and changes_nothing(load):
        return replace(loading_of(sources, first, results), name=load.name)
    own = own_loading(sources, None if results is None else results.times)
    found = apply_load(own, load, field_reader(sources.mesh))
    if len(found.times) < 2:
        raise CaseError(f"{load.path}: no increments; give [time] points in the load file or the case")
    check_regions(sources.mesh, sources.materials, found)
    return found


def _results_with_times(sources: CaseSources, first: Simulation) -> SolverResults | None:
    """Return the results of the first simulation where only they know the increments, and where they are there."""
    if not times_from_results(sources, first) or not first.results or not first.results[0].exists():
        return None
    return open_simulation(sources, first)


def _solve(sources: CaseSources, loading: Loading, out: Path, say: Say, overwrite: bool) -> SolveSummary:
    """March one loading and write its folder."""
    settings = sources.case.settings
    problem = build_problem(build_operators(sources.mesh), sources.materials, loading, settings.newton)
    parts = split_mesh(sources.mesh, partition_elements(sources.mesh, settings.partition.subdomains))
    start, folder = time.perf_counter(), out / loading.name
    source_id = digest_text(value_digest(loading) + value_digest(sources.materials))[:12]
    with (
        output_folder(folder, overwrite=overwrite) as temporary,
        _Writer(temporary, problem, parts, source_id) as writer,
    ):

        def on_step(state: HifiState, step: StepStatistics) -> None:
            writer.add(state)
            done = f"{writer.row - 1}/{len(loading.times) - 1}"
            say(f"{loading.name}: {done}, t = {step.time:.6g}, {step.iterations} iterations, {step.cuts} cuts")

        _, statistics = solve(problem, on_step)
        seconds = time.perf_counter() - start
        provenance = Provenance(sources.case.path.name, source_id, versions(), now(), {"solve": seconds})
        write_head(
            temporary / "solution.h5",
            "solution",
            provenance=provenance,
            times=loading.times,
            fields=writer.widths,
            n_subdomains=len(parts),
            loading=loading,
        )
    iterations, cuts = sum(step.iterations for step in statistics), sum(step.cuts for step in statistics)
    say(f"{loading.name}: {iterations} iterations in {seconds:.1f} s -> {folder}")
    return SolveSummary(loading.name, len(statistics), iterations, cuts, seconds, writer.largest)


class _Writer:
    """Writes the state of each time to one file per subdomain, as it comes."""

    def __init__(self, folder: Path, problem: HifiProblem, parts: Sequence[Subdomain], source_id: str) -> None:
        self.problem, self.parts, self.row = problem, parts, 0
        self.columns = state_fields(problem.tables)
        self.widths = {"u": 3, "T": 1, "stress": 6, "strain": 6}
        self.widths |= {name: int(columns.stop - columns.start) for name, columns in self.columns.items()}
        self.largest = dict.fromkeys(self.widths, 0.0)
        self.openers = [part_writer(folder, "solution-part", part.index, source_id) for part in parts]
        self.files: list[h5py.File] = []

    def __enter__(self) -> "_Writer":
        """Open the files and lay out the fields."""
        n_times = len(self.problem.loading.times)
        for part, opener in zip(self.parts, self.openers, strict=True):
            file = opener.__enter__()
            self.files.append(file)
            write_record(file, "subdomain", part)
            for name, width in self.widths.items():
                rows = part.mesh.n_nodes if name in ("u", "T") else len(self._points(part))
                file.create_dataset(f"fields/{name}", (n_times, rows, width), np.float64, chunks=(1, rows, width))
        return self

    def __exit__(self, *error: object) -> None:
        """Close the files."""
        for opener in self.openers[: len(self.files)]:
            opener.__exit__(None, None, None)

    def _points(self, part: Subdomain) -> Ints:
        """Return the rows of the integration points of a subdomain among all."""
        return np.flatnonzero(np.isin(self.problem.operators.elements, part.element_rows))

    def add(self, state: HifiState) -> None:
        """Write one time."""
        values = {
            "u": state.displacement,
            "T": self.problem.temperature.at(state.time)[:, None],
            "stress": state.stress,
            "strain": strain(self.problem.operators, state.displacement),
            **{name: state.state[:, columns] for name, columns in self.columns.items()},
        }
        for part, file in zip(self.parts, self.files, strict=True):
            points = self._points(part)
            for name, field in values.items():
                file[f"fields/{name}"][self.row] = field[part.node_rows if name in ("u", "T") else points]
        for name, field in values.items():
            self.largest[name] = max(self.largest[name], float(np.abs(field).max(initial=0.0)))
        self.row += 1
