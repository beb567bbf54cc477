"""The consistency check at import: is what the case says what the solver computed?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.fem.elements import element_of
from romtool.fem.partition import Subdomain
from romtool.laws import build_tables, named_by, open_plugins
from romtool.linalg.reduction import Comm
from romtool.offline.causes import with_causes
from romtool.offline.clock import Keep
from romtool.offline.consistency import Consistency, StressReader, check_run
from romtool.offline.parts import Part, build_part
from romtool.offline.training import TrainingRun
from romtool.pipeline.dataset_files import read_displacements, read_loading, read_part
from romtool.pipeline.folders import Dataset
from romtool.pipeline.ranks import on_root, owned, together
from romtool.progress import Tick, part_of, untold
from romtool.settings import BalanceSettings
from romtool.types import Floats, Ints, Mesh, SolverResults


@dataclass(frozen=True)
class Source:
    """What a solver wrote of one training computation, on rank 0.

    Parameters
    ----------
    results: read lazily.
    rows: per subdomain, its integration points among those of the whole mesh; None: no stresses to compare with.
    """

    results: SolverResults
    rows: tuple[Ints, ...] | None

    def stresses(self, time: int) -> list[Floats]:
        """Return the (n_points_s, 6) stress at an output time on every subdomain."""
        field = self.results.read("stress", time)
        return [field[rows] for rows in self.rows or ()]


def source_of(results: SolverResults, mesh: Mesh, parts: Sequence[Subdomain]) -> Source:
    """Return what a check needs of results; their stresses where these are at the mesh's own integration points.

    Parameters
    ----------
    results: of one training computation.
    mesh: of the case.
    parts: its subdomains, all of them.
    """
    info = results.fields.get("stress")
    same = info is not None and info.location == "point" and len(info.components) == 6
    if not same or not np.array_equal(results.mesh.element_ids, mesh.element_ids):
        return Source(results, None)
    counts = [np.full(len(block.element_ids), element_of(block).n_points) for block in mesh.blocks]
    theirs = [block.formulation for block in results.mesh.blocks]
    if theirs != [block.formulation for block in mesh.blocks]:
        return Source(results, None)
    first = np.cumsum([0, *np.concatenate(counts)])
    return Source(results, tuple(_points(part, first) for part in parts))


def _points(part: Subdomain, first: Ints) -> Ints:
    """Return the rows of a subdomain's integration points; `first` (n_elements + 1,) has those of each element."""
    starts, counts = first[part.element_rows], np.diff(first)[part.element_rows]
    before = np.cumsum(counts) - counts
    return np.asarray(np.repeat(starts - before, counts) + np.arange(counts.sum()))


def check_dataset(
    folder: Path,
    dataset: Dataset,
    sources: Sequence[Source],
    comm: Comm,
    settings: BalanceSettings,
    keep: Keep,
    tick: Tick = untold,
) -> tuple[Consistency, ...]:
    """Check every simulation of a dataset, subdomain by subdomain and increment after increment.

    Parameters
    ----------
    folder: where its subdomains are.
    dataset: its head.
    sources: one per simulation on rank 0; empty on the others.
    comm: the ranks, all of which call this.
    settings: the tolerance.
    keep: keeps the checks that are done.
    tick: told of every increment.

    Raises
    ------
    LawError, MeshError: materials or elements that cannot be computed with.
    """
    mine = owned(comm, dataset.n_subdomains)
    parts, runs = together(comm, lambda: load_runs(folder, dataset, mine))
    starts = np.cumsum([0, *(len(run.loading.times) - 1 for run in runs)]).tolist()

    def check(number: int, run: TrainingRun) -> Consistency:
        facts = on_root(comm, lambda: _facts(sources[number]))
        stress = _reader(sources, number, mine, comm) if facts[1] else None
        here = part_of(tick, starts[number], starts[-1])
        checked = check_run(parts, run, comm, precision=facts[0], solver_stress=stress, tick=here)
        return with_causes(parts, run, comm, checked, settings.tolerance)

    return tuple(keep.step(f"check {number}", partial(check, number, run)) for number, run in enumerate(runs))


def _facts(source: Source) -> tuple[float, bool]:
    """Return the precision of the displacements, and whether there are stresses."""
    return source.results.fields["u"].precision, source.rows is not None


def _reader(sources: Sequence[Source], number: int, mine: range, comm: Comm) -> StressReader:
    """Return what reads the stresses of a simulation on rank 0 and gives each rank those of its subdomains."""

    def read(time: int) -> list[Floats]:
        return on_root(comm, lambda: sources[number].stresses(time))[mine.start : mine.stop]

    return read


def load_runs(
    folder: Path, dataset: Dataset, indices: Sequence[int]
) -> tuple[tuple[Part, ...], tuple[TrainingRun, ...]]:
    """Read some subdomains and the training computations on them; lifting amplitudes are still empty.

    Parameters
    ----------
    folder: of the dataset.
    dataset: its head.
    indices: the subdomains of this rank.

    Raises
    ------
    ModelError: a file of a subdomain that is missing, damaged or of another import.
    MissingPartError: the shared library of a law that is not there.
    """
    open_plugins(named_by(dataset.materials))
    subdomains = [read_part(folder, dataset, index) for index in indices]
    tables = build_tables(dataset.materials)
    parts = tuple(build_part(subdomain, dataset.materials, tables) for subdomain in subdomains)
    histories = [read_displacements(folder, dataset, part.index) for part in subdomains]
    runs = []
    for number, record in enumerate(dataset.simulations):
        displacement = tuple(stored[number] for stored in histories)
        local = tuple(read_loading(folder, dataset, part.index, number) for part in subdomains)
        empty: Floats = np.zeros((len(record.times), 0))
        runs.append(TrainingRun(record.name, record.loading, local, record.times, displacement, empty))
    return parts, tuple(runs)


def verdicts(checks: Sequence[Consistency], settings: BalanceSettings) -> list[str]:
    """Return a sentence for each simulation whose check fails: how much, and the most likely cause."""
    return [_verdict(check) for check in checks if not check.holds(settings.tolerance)]


def _verdict(check: Consistency) -> str:
    """Say in one line what is wrong with a simulation."""
    words = f"simulation {check.simulation}: "
    if check.problem:
        words += f"the check ends after {len(check.times)} increments, {check.problem}; until then "
    words += "the stresses recomputed from its displacements are out of balance with its loads "
    words += f"by {check.worst_unbalance:.2g}"
    if check.causes:
        return f"{words}; most likely {', or '.join(check.causes)}"
    return f"{words}; check that materials, loads, temperature, increments and units are those of the solver's run"


def refuse(checks: Sequence[Consistency], settings: BalanceSettings) -> None:
    """Refuse to train on simulations that are not what the case says.

    Raises
    ------
    CaseError: an unbalance above the limit, which names the most likely cause.
    """
    for check in checks:
        if not check.holds(settings.tolerance) and check.worst_unbalance > settings.limit:
            limit = f"{2.0 * check.worst_unbalance:.1g}"
            raise CaseError(
                f"{_verdict(check)}; correct the case, or train all the same with [balance] limit = {limit}"
            )


def summary(check: Consistency) -> dict[str, object]:
    """Return what `import --json` prints of one simulation."""
    return {
        "times": check.times,
        "unbalance": check.unbalance,
        "digits": check.digits,
        "stress_difference": check.stress,
        "solver_unbalance": check.own,
        "worst_point": {
            "element": int(check.worst[0]),
            "point": int(check.worst[1]),
            "time": check.worst[2],
            "relative": check.largest,
        }
        if check.worst
        else None,
        "causes": list(check.causes),
        "problem": check.problem,
    }


Table = tuple[str, tuple[str, ...], list[tuple[object, ...]]]


def balance_tables(checks: Sequence[Consistency]) -> list[Table]:
    """Return title, columns and rows of the unbalance of each simulation, increment after increment."""
    return [_table(check) for check in checks]


def _table(check: Consistency) -> Table:
    """Return the table of one simulation; the solver's stresses are in it where there are any."""
    title = f"{check.simulation}: unbalance of the recomputed stresses with the loads, on the free unknowns"
    if check.digits:
        title += f"; the digits of the displacements alone leave about {check.digits:.2g}"
    times, unbalance = check.times.tolist(), check.unbalance.tolist()
    if not check.worst:
        return title, ("time", "unbalance"), list(zip(times, unbalance, strict=True))
    element, point, time = check.worst
    title += f"; largest difference from the solver's stresses {check.largest:.2g}"
    title += f" (element {element:.0f}, point {point:.0f}, time {time:g})"
    columns = ("time", "unbalance", "of the solver's stresses", "difference of the stresses")
    others = [[value if np.isfinite(value) else None for value in column] for column in (check.own, check.stress)]
    return title, columns, list(zip(times, unbalance, *others, strict=True))
