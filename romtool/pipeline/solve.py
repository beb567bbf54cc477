"""`romtool solve`: run the built-in high-fidelity solver on load cases of a case.

Each rank computes with the elements of the subdomains that it owns and writes their files.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from romtool.errors import CaseError, ModelError
from romtool.fem.operators import strain
from romtool.fem.partition import partition_elements
from romtool.fem.sets import check_regions
from romtool.hifi.linear import linear_solver, petsc_missing
from romtool.hifi.march import HifiState, StepStatistics, solve
from romtool.hifi.problem import HifiProblem
from romtool.hifi.share import Share, build_share, share_problem
from romtool.io.atomic import digest_text
from romtool.io.case import Simulation
from romtool.io.load import LoadFile, apply_load
from romtool.laws import build_tables, named_by, open_plugins, state_fields
from romtool.linalg.reduction import Comm
from romtool.loading import Before, Loading
from romtool.offline.functionals import check_quantities
from romtool.pipeline.folders import Provenance, now, part_writer, value_digest, versions, write_head, write_record
from romtool.pipeline.missions import check_jump, inherit
from romtool.pipeline.model_fields import changes_nothing
from romtool.pipeline.online import read_new_loads
from romtool.pipeline.quantities import quantity_summary, write_histories
from romtool.pipeline.ranks import on_root, owned, shared_output_folder, together
from romtool.pipeline.solution_quantities import Solution, solution_quantities
from romtool.pipeline.sources import (
    CaseSources,
    field_reader,
    loading_of,
    open_case,
    open_simulation,
    own_loading,
    times_from_results,
)
from romtool.pipeline.states import SolutionEnd, read_solution_end, write_end
from romtool.reduced.quantities import QuantityHistory
from romtool.types import SolverResults

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
    quantities: of the case, by name.
    """

    name: str
    n_steps: int
    iterations: int
    cuts: int
    seconds: float
    largest: dict[str, float]
    quantities: dict[str, QuantityHistory]


@dataclass(frozen=True)
class Options:
    """How `solve` works.

    Parameters
    ----------
    overwrite: replace existing solutions.
    petsc: options of PETSc.
    start: folder of a solution, whose end is where each load begins; the undeformed body where None.
    """

    overwrite: bool = False
    petsc: str = ""
    start: Path | None = None


def solve_loads(
    case_path: Path, load_paths: Sequence[Path], out: Path, comm: Comm, say: Say, options: Options | None = None
) -> list[SolveSummary]:
    """Solve load cases with the high-fidelity model; each solution is written to `out/<load name>`.

    Parameters
    ----------
    case_path: the case file.
    load_paths: load files.
    out: folder of the solutions.
    comm: the ranks, at most as many as subdomains; all call this together.
    say: takes a sentence per increment.
    options: of the solver and the output.

    Raises
    ------
    CaseError, ReaderError, MeshError: wrong input; nothing is written.
    ConvergenceError: a load case that could not be solved.
    MissingPartError: several ranks without petsc4py.
    """
    options = options or Options()
    sources, loadings, start = together(comm, lambda: _read(case_path, load_paths, out, options))
    mesh, count = sources.mesh, sources.case.settings.partition.subdomains
    mine = owned(comm, count)
    tables = build_tables(sources.materials)
    together(comm, lambda: check_quantities(sources.case.quantities, mesh, tables, tuple(state_fields(tables))))
    share = build_share(mesh, on_root(comm, lambda: partition_elements(mesh, count)), mine, comm)
    if missing := petsc_missing(sources.case.settings.hifi):
        say(missing)
    for loading in loadings:
        if loading.stop is not None or loading.adaptive is not None:
            say(f"{loading.name}: [time] stop and adaptive are for `romtool online`; all increments are computed")
        if start is not None:
            check_jump(loading, start.loading, mesh.points, say)
    return [_solve(sources, loading, share, out, say, options, start) for loading in loadings]


def _read(
    case_path: Path, load_paths: Sequence[Path], out: Path, options: Options
) -> tuple[CaseSources, list[Loading], SolutionEnd | None]:
    """Return the case, the loadings to solve, and where they begin if not with the undeformed body."""
    loads = read_new_loads(load_paths, out, overwrite=options.overwrite)
    sources = open_case(case_path)
    open_plugins(named_by(sources.case.overrides.materials))
    loadings = [_loading(sources, load) for load in loads]
    if options.start is None:
        return sources, loadings, None
    start = read_solution_end(options.start)
    _check_start(sources, start)
    return sources, [inherit(loading, start.loading) for loading in loadings], start


def _check_start(sources: CaseSources, start: SolutionEnd) -> None:
    """Raise ModelError where a solution to go on from is of another case."""
    count = sources.case.settings.partition.subdomains
    if start.materials != value_digest(sources.materials):
        raise ModelError(f"{start.folder}: was solved with other materials than {sources.case.path} has now")
    if start.n_subdomains != count:
        raise ModelError(f"{start.folder}: has {start.n_subdomains} subdomains, the case has {count}; keep [partition]")


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


def _solve(
    sources: CaseSources,
    loading: Loading,
    share: Share,
    out: Path,
    say: Say,
    options: Options,
    start: SolutionEnd | None,
) -> SolveSummary:
    """March one loading and write its folder."""
    clock, folder, comm = time.perf_counter(), out / loading.name, share.comm
    problem = share_problem(share, sources.materials, loading, sources.case.settings.newton)
    begun = None if start is None else together(comm, lambda: start.state(share))
    source_id = digest_text(value_digest(loading) + value_digest(sources.materials) + _id_of(start))[:12]
    solver = linear_solver(problem, sources.case.settings.hifi, options.petsc)
    try:
        with shared_output_folder(folder, comm, overwrite=options.overwrite) as temporary:
            with _Writer(temporary, problem, share, source_id) as writer:
                n_steps = len(loading.times) - 1

                def on_step(state: HifiState, step: StepStatistics) -> None:
                    together(comm, lambda: writer.add(state))
                    done = f"{writer.row - 1}/{n_steps}"
                    say(f"{loading.name}: {done}, t = {step.time:.6g}, {step.iterations} iterations, {step.cuts} cuts")

                begun = None if begun is None else replace(begun, time=float(loading.times[0]))
                end, statistics = solve(problem, on_step, solver, begun)
                together(comm, lambda: write_end(writer.files, share, end))
            seconds = time.perf_counter() - clock
            solution = Solution(temporary, share.parts, loading, sources.materials)
            quantities = solution_quantities(sources.case.quantities, solution, comm)
            head = {
                "provenance": Provenance(sources.case.path.name, source_id, versions(), now(), {"solve": seconds}),
                "times": loading.times,
                "fields": writer.widths,
                "n_subdomains": share.n_subdomains,
                "loading": loading,
                "quantities": quantities,
                "materials": value_digest(sources.materials),
                "before": Before() if start is None else start.before,
            }
            on_root(comm, lambda: write_head(temporary / "solution.h5", "solution", **head))
            on_root(comm, lambda: write_histories(temporary / "quantities.csv", loading.times, quantities))
    finally:
        solver.close()
    iterations, cuts = sum(step.iterations for step in statistics), sum(step.cuts for step in statistics)
    say(f"{loading.name}: {iterations} iterations in {seconds:.1f} s -> {folder}")
    largest = writer.largest_of_all(comm)
    return SolveSummary(loading.name, len(statistics), iterations, cuts, seconds, largest, quantities)


def _id_of(start: SolutionEnd | None) -> str:
    """Return the id of the solution that one goes on from."""
    return "" if start is None else start.source_id


def solve_summary(solved: Sequence[SolveSummary]) -> dict[str, list[dict[str, Any]]]:
    """Return what `solve --json` prints."""
    return {"loads": [{**vars(entry), "quantities": quantity_summary(entry.quantities)} for entry in solved]}


class _Writer:
    """Writes the state of each time to one file per subdomain, as it comes."""

    def __init__(self, folder: Path, problem: HifiProblem, share: Share, source_id: str) -> None:
        self.problem, self.share, self.row = problem, share, 0
        self.columns = state_fields(problem.tables)
        self.widths = {"u": 3, "T": 1, "stress": 6, "strain": 6}
        self.widths |= {name: int(columns.stop - columns.start) for name, columns in self.columns.items()}
        self.largest = dict.fromkeys(self.widths, 0.0)
        self.openers = [part_writer(folder, "solution-part", part.index, source_id) for part in share.parts]
        self.files: list[h5py.File] = []

    def __enter__(self) -> "_Writer":
        """Open the files and lay out the fields."""
        n_times = len(self.problem.loading.times)
        for part, opener in zip(self.share.parts, self.openers, strict=True):
            file = opener.__enter__()
            self.files.append(file)
            write_record(file, "subdomain", part)
            for name, width in self.widths.items():
                rows = part.mesh.n_nodes if name in ("u", "T") else len(self.share.points(part))
                file.create_dataset(f"fields/{name}", (n_times, rows, width), np.float64, chunks=(1, rows, width))
        return self

    def __exit__(self, *error: object) -> None:
        """Close the files."""
        for opener in self.openers[: len(self.files)]:
            opener.__exit__(None, None, None)

    def add(self, state: HifiState) -> None:
        """Write one time."""
        values = {
            "u": state.displacement,
            "T": self.problem.temperature.at(state.time)[:, None],
            "stress": state.stress,
            "strain": strain(self.problem.operators, state.displacement),
            **{name: state.state[:, columns] for name, columns in self.columns.items()},
        }
        for part, file in zip(self.share.parts, self.files, strict=True):
            nodes, points = self.share.rows(part), self.share.points(part)
            for name, field in values.items():
                file[f"fields/{name}"][self.row] = field[nodes if name in ("u", "T") else points]
        for name, field in values.items():
            self.largest[name] = max(self.largest[name], float(np.abs(field).max(initial=0.0)))
        self.row += 1

    def largest_of_all(self, comm: Comm) -> dict[str, float]:
        """Return field -> its largest magnitude on all ranks."""
        found = comm.allgather(self.largest)
        return {name: max(entry[name] for entry in found) for name in self.largest}
