"""`romtool solve`: run the built-in high-fidelity solver on load cases of a case.

Each rank computes with the elements of the subdomains that it owns and writes their files.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from romtool.errors import CaseError, ModelError
from romtool.fem.partition import partition_elements
from romtool.fem.sets import check_regions
from romtool.hifi.linear import linear_solver, petsc_missing
from romtool.hifi.march import HifiState, StepStatistics, solve
from romtool.hifi.share import Share, build_share, share_problem
from romtool.interruption import deferred
from romtool.io.atomic import digest_text
from romtool.io.case import Simulation
from romtool.io.load import LoadFile, apply_load
from romtool.laws import build_tables, named_by, open_plugins, state_fields
from romtool.linalg.reduction import Comm
from romtool.loading import Before, Loading
from romtool.offline.clock import peak_memory
from romtool.offline.functionals import check_quantities
from romtool.pipeline.folders import Provenance, now, programs, value_digest, versions, write_head
from romtool.pipeline.initial import read_initial
from romtool.pipeline.kept import Kept
from romtool.pipeline.missions import check_jump, inherit
from romtool.pipeline.model_fields import changes_nothing
from romtool.pipeline.online import read_new_loads
from romtool.pipeline.quantities import quantity_summary, write_histories
from romtool.pipeline.ranks import SharedWork, on_root, owned, shared_works, together
from romtool.pipeline.solution_files import SolutionWriter
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
from romtool.pipeline.states import SolutionEnd, read_solution_end
from romtool.progress import Track, untracked
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
    track: begins to show how far each load is.
    start: folder of a solution, whose end is where each load begins; the undeformed body where None.
    """

    overwrite: bool = False
    petsc: str = ""
    track: Track = untracked
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
    StoppedError: a signal came; what is finished is kept, and the same command goes on.
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
    keys = {out / loading.name: _key(sources, loading, options, share, start) for loading in loadings}
    with deferred(), shared_works(keys, comm, overwrite=options.overwrite) as works:
        pairs = zip(loadings, works, strict=True)
        return [_solve(sources, loading, share, work, say, options, start) for loading, work in pairs]


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
    initial = read_initial(load, lambda: sources.mesh)
    found = apply_load(own, load, field_reader(sources.mesh), initial)
    if len(found.times) < 2:
        raise CaseError(f"{load.path}: no increments; give [time] points in the load file or the case")
    check_regions(sources.mesh, sources.materials, found)
    return found


def _results_with_times(sources: CaseSources, first: Simulation) -> SolverResults | None:
    """Return the results of the first simulation where only they know the increments, and where they are there."""
    if not times_from_results(sources, first) or not first.results or not first.results[0].exists():
        return None
    return open_simulation(sources, first)


def _key(sources: CaseSources, loading: Loading, options: Options, share: Share, start: SolutionEnd | None) -> str:
    """Return the digest of all that a solution depends on; ranks and versions, since bits depend on them."""
    settings = sources.case.settings
    given = [_source_id(sources, loading, start), value_digest(share.mesh), value_digest(sources.case.quantities)]
    given += [str((settings.newton, settings.hifi, options.petsc, share.n_subdomains, share.comm.size, programs()))]
    return digest_text(" ".join(given))


def _source_id(sources: CaseSources, loading: Loading, start: SolutionEnd | None) -> str:
    """Return the id of a solution."""
    before = "" if start is None else start.source_id
    return digest_text(value_digest(loading) + value_digest(sources.materials) + before)[:12]


def _solve(
    sources: CaseSources,
    loading: Loading,
    share: Share,
    work: SharedWork,
    say: Say,
    options: Options,
    start: SolutionEnd | None,
) -> SolveSummary:
    """March one loading and write its folder, unless an unfinished command has done so."""
    kept = Kept(work.kept, share.comm)
    if work.done and (known := kept.latest("summary")) is not None:
        say(f"{loading.name}: kept from the run before -> {work.path}")
        return SolveSummary(**known)
    clock, comm = time.perf_counter(), share.comm
    problem = share_problem(share, sources.materials, loading, sources.case.settings.newton)
    begun = None if start is None else together(comm, lambda: start.state(share))
    begun = None if begun is None else replace(begun, time=float(loading.times[0]))
    source_id = _source_id(sources, loading, start)
    solver = linear_solver(problem, sources.case.settings.hifi, options.petsc)
    try:
        writer = SolutionWriter(work.new, kept, problem, share, solver, source_id)
        reached, n_steps, tick = writer.resume(), len(loading.times) - 1, options.track(loading.name)
        if reached is None and start is not None:
            start.remind(solver, share)
        if reached is not None:
            say(f"{loading.name}: {writer.row - 1}/{n_steps} increments kept from the run before")

        def on_step(state: HifiState, step: StepStatistics) -> None:
            if writer.has(state):
                return
            done = f"{writer.row}/{n_steps}"
            words = f"t = {step.time:.6g} of {loading.times[-1]:.6g}, {step.iterations} iterations"
            tick(writer.row, n_steps, words)
            say(f"{loading.name}: {done}, t = {step.time:.6g}, {step.iterations} iterations, {step.cuts} cuts")
            writer.add(state, step)

        end, _ = solve(problem, on_step, solver, begun if reached is None else reached)
        writer.finish(end)
    finally:
        solver.close()
    seconds = time.perf_counter() - clock
    solution = Solution(work.new, source_id, share.parts, loading, sources.materials)
    quantities = solution_quantities(sources.case.quantities, solution, comm)
    head = {
        "provenance": Provenance(
            *(sources.case.path.name, source_id, versions(), now()),
            seconds={"solve": seconds},
            memory={"solve": peak_memory()},
        ),
        "times": loading.times,
        "fields": writer.widths,
        "n_subdomains": share.n_subdomains,
        "loading": loading,
        "quantities": quantities,
        "materials": sources.materials,
        "before": Before() if start is None else start.before,
    }
    on_root(comm, lambda: write_head(work.new / "solution.h5", "solution", **head))
    on_root(comm, lambda: write_histories(work.new / "quantities.csv", loading.times, quantities))
    iterations, cuts = (sum(getattr(step, name) for step in writer.statistics) for name in ("iterations", "cuts"))
    count = len(writer.statistics)
    found = SolveSummary(loading.name, count, iterations, cuts, seconds, writer.largest_of_all(), quantities)
    kept.step("summary", lambda: vars(found))
    work.publish()
    say(f"{loading.name}: {iterations} iterations in {seconds:.1f} s -> {work.path}")
    return found


def solve_summary(solved: Sequence[SolveSummary]) -> dict[str, list[dict[str, Any]]]:
    """Return what `solve --json` prints."""
    return {"loads": [{**vars(entry), "quantities": quantity_summary(entry.quantities)} for entry in solved]}
