"""`romtool life`: cycles to failure of the points of a result, from its last cycle."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.io.cycles import Cycle as LoadCycle
from romtool.io.cycles import cycle_of
from romtool.io.life import CycleSettings, LifeFile, read_life
from romtool.lifetime.cycles import change_between, measure_cycle
from romtool.lifetime.measures import STRAIN_RANGES
from romtool.lifetime.models import BuiltModel, build_model
from romtool.lifetime.result import MEASURES, LifeResult, PointLives, join, point_values, worst_of_owners
from romtool.lifetime.sums import life_of
from romtool.linalg.reduction import Comm, SerialComm, gather_subdomains
from romtool.loading import Loading
from romtool.pipeline.folders import now, versions
from romtool.pipeline.life_files import LifeSource, PointFields
from romtool.pipeline.life_output import write_life
from romtool.pipeline.life_points import open_life_source
from romtool.pipeline.ranks import on_root, owned, together
from romtool.types import Bools, Floats

BLOCK = 2**23
"""Numbers that are in memory at a time, on each rank."""
NUMBERS = 30
"""Of one point at one time, with what is computed of them."""
TIME_TOLERANCE = 1e-9
INNER = 0.1
"""Inner reversals, relative to the range, that are told of."""

ALONE = SerialComm()

Say = Callable[[str], None]
Models = Sequence[tuple[str, BuiltModel]]
"""Element sets and the models of damage on them."""


@dataclass(frozen=True)
class LifeRequest:
    """How lives are evaluated.

    Parameters
    ----------
    out: folder to write; None for `life/<name>` in the folder of the result, or beside its file.
    load: load file of an online result whose temperature is no combination of the training's.
    overwrite: replace an existing folder.
    """

    out: Path | None = None
    load: Path | None = None
    overwrite: bool = False


def life(path: Path, life_path: Path, comm: Comm, say: Say, request: LifeRequest) -> tuple[LifeResult, Path]:
    """Evaluate and write cycles to failure.

    Parameters
    ----------
    path: online result, built-in solution, a folder that holds one of them, or solver files.
    life_path: the life file.
    comm: the ranks, at most as many as subdomains; all call this together.
    say: takes sentences about what is done.
    request: how.

    Returns
    -------
    What is found, and the folder that holds it.

    Raises
    ------
    CaseError, ReaderError, ModelError: wrong input.
    LawError: a model of damage that does not exist, wrong parameters.
    """
    file = together(comm, lambda: read_life(life_path))
    models = together(comm, lambda: build_models(file))
    source = together(comm, lambda: open_life_source(path, request.load, file.expansion))
    mine = owned(comm, source.n_subdomains)
    fields = together(comm, lambda: [source.open(index) for index in mine])
    result = lives_of(source, fields, file, models, comm)
    for text in result.warnings:
        say(f"warning: {text}")
    subdomains = gather_subdomains(comm, [entry.subdomain for entry in fields if entry.subdomain is not None])
    out = request.out or default_folder(path, file.name)
    on_root(comm, lambda: write_life(out, result, subdomains, say, overwrite=request.overwrite))
    say(f"{file.name}: at least {result.minimum:.4g} cycles to failure -> {out}")
    return result, out


def lives_of(
    source: LifeSource, fields: Sequence[PointFields], file: LifeFile, models: Models, comm: Comm = ALONE
) -> LifeResult:
    """Return the cycles to failure of the points of all subdomains.

    Parameters
    ----------
    source: the history.
    fields: points of the subdomains of this rank.
    file: which cycle and measures.
    models: of damage, see `build_models`.
    comm: the ranks; all call this together.

    Raises
    ------
    CaseError: a cycle that is not in the run, two models of one kind on the same elements.
    MeshError: an element set that is not in the mesh.
    """
    spans = cycle_rows(source, file.cycle)
    parts = together(comm, lambda: [evaluate(entry, spans, models, file) for entry in fields])
    lives = join(gather_subdomains(comm, parts))
    members = gather_subdomains(comm, [[entry.members(name) for name, _ in models] for entry in fields])
    sets = {name: _largest(lives, np.concatenate([part[k] for part in members])) for k, (name, _) in enumerate(models)}
    return _result(file, source, spans, lives, sets)


def default_folder(path: Path, name: str) -> Path:
    """Return where lives are written if nobody says: in the folder of the result, or beside its file."""
    return (path if path.is_dir() else path.parent) / "life" / name


def build_models(file: LifeFile) -> list[tuple[str, BuiltModel]]:
    """Return the models of damage of a life file with their element sets. Raises LawError."""
    return [
        (entry.elements, build_model(entry.law, entry.parameters, f"{file.path}: [[models]]")) for entry in file.models
    ]


def cycle_rows(source: LifeSource, settings: CycleSettings) -> list[slice]:
    """Return the times of each cycle of a run, start and end included.

    Parameters
    ----------
    source: of the times and the loading.
    settings: the first cycle; without one, that of the loading's tables or temperature; else the whole run is one.

    Raises
    ------
    CaseError: a cycle that begins or ends between two times, or is not in the run.
    """
    times = source.times
    if settings.start is not None and settings.end is not None:
        count = int((times[-1] - settings.start) / (settings.end - settings.start) + 1e-6) if settings.repeats else 1
        cycle = LoadCycle(settings.start, settings.end, max(1, count))
    else:
        cycle = _loaded_cycle(source.loading) or LoadCycle(float(times[0]), float(times[-1]), 1)
    edges = cycle.start + cycle.period * np.arange(cycle.count + 1)
    edges = edges[edges <= times[-1] + TIME_TOLERANCE * cycle.period]
    if len(edges) < 2:
        raise CaseError(
            f"{source.path}: ends at {times[-1]:g}, before the first cycle does; give [cycle] start and end"
        )
    rows = [_row(times, float(edge), cycle.period, source) for edge in edges]
    return [slice(a, b + 1) for a, b in pairwise(rows)]


def _loaded_cycle(loading: Loading | None) -> LoadCycle | None:
    """Return the cycle that the tables or the temperature of a loading repeat, None where nothing does."""
    if loading is None:
        return None
    heat = loading.temperature
    if (cycle := cycle_of(loading.tables)) is not None or heat.cycles == 1 or not heat.entries:
        return cycle
    return LoadCycle(heat.entries[0].time, heat.entries[-1].time, heat.cycles)


def _row(times: Floats, edge: float, period: float, source: LifeSource) -> int:
    """Return the row of a time. Raises CaseError where it is not stored."""
    row = int(np.abs(times - edge).argmin())
    if abs(float(times[row]) - edge) > max(TIME_TOLERANCE * period, 1e-12 * abs(edge)):
        raise CaseError(
            f"{source.path}: a cycle begins or ends at {edge:g}, which is no time of the run (the nearest is "
            f"{times[row]:g}); give [cycle] start and end that are"
        )
    return row


def evaluate(points: PointFields, spans: Sequence[slice], models: Models, file: LifeFile) -> PointLives:
    """Return the lives of the points of a subdomain, block after block.

    Parameters
    ----------
    points: of the subdomain.
    spans: rows of the times of each cycle; the last one counts.
    models: of damage.
    file: which measures are taken.
    """
    longest = max(span.stop - span.start for span in spans)
    masks = [(model, points.members(name)) for name, model in models]
    found = [
        _evaluate_block(points, spans, [(model, mask[block]) for model, mask in masks], file, block)
        for block in _blocks(len(points.ids), longest)
    ]
    return join(found)


def _blocks(count: int, n_times: int) -> Iterator[slice]:
    """Yield parts of the points whose histories fit into a block."""
    size = max(1, BLOCK // (NUMBERS * n_times))
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def _evaluate_block(
    points: PointFields,
    spans: Sequence[slice],
    models: Sequence[tuple[BuiltModel, Bools]],
    file: LifeFile,
    block: slice,
) -> PointLives:
    """Return the lives of some points."""
    ranges, growths = [], []
    for span in spans:
        history = points.read(span, block)
        ranges.append(STRAIN_RANGES[file.measure.strain](history.strain, file.measure.poisson))
        growths.append(history.p[-1] - history.p[0])
    cycle = measure_cycle(history, file.measure)
    lives = life_of(cycle, models, file.interaction)
    where = (points.ids[block], points.coordinates[block], points.owners[block])
    return PointLives(*where, point_values(cycle, lives), np.array(ranges), np.array(growths))


def _largest(lives: PointLives, members: Bools) -> dict[str, float]:
    """Return the shortest life and the largest measures of some points."""
    shortest = np.nanmin(lives.values["cycles_to_failure"][members], initial=np.inf)
    found = {name: float(lives.values[name][members].max(initial=-np.inf)) for name in MEASURES}
    return {"n_points": float(members.sum()), "cycles_to_failure": float(shortest), **found}


def _result(
    file: LifeFile,
    source: LifeSource,
    spans: Sequence[slice],
    lives: PointLives,
    sets: dict[str, dict[str, float]],
) -> LifeResult:
    """Put together what is found, and what a user should know of it."""
    pairs = list(zip(lives.ranges, lives.growths, strict=True))
    changes = tuple(change_between(before, after) for before, after in pairwise(pairs))
    result = LifeResult(
        name=file.name,
        source=str(source.path),
        points=source.points,
        cycles=np.array([[source.times[span.start], source.times[span.stop - 1]] for span in spans]),
        changes=changes,
        tolerance=file.cycle.tolerance,
        lives=lives,
        worst=worst_of_owners(lives)[: file.critical],
        sets=sets,
        warnings=(),
        versions=versions(),
        created=now(),
    )
    return replace(result, warnings=(*source.warnings, *_warnings(result)))


def _warnings(result: LifeResult) -> list[str]:
    """Say what a user should know of the cycle that counts."""
    told = []
    if result.stabilised is None:
        told.append(
            "the run is one cycle: whether it is stabilised is not known; answer a load of several cycles to see it"
        )
    elif not result.stabilised:
        last = result.changes[-1]
        told.append(
            f"the last of {len(result.cycles)} cycles is not stabilised (strain range changes by "
            f"{last.strain_range:.2g}, growth of p by {last.delta_p:.2g}; tolerance {result.tolerance:g}); it is used "
            "all the same: answer a load of more cycles"
        )
    inner = float(result.lives.values["inner"][result.worst].max(initial=0.0))
    if inner > INNER:
        told.append(
            f"at critical spots the strain goes to and fro within the cycle, {inner:.0%} of its way; only the largest "
            "range counts (no rainflow counting)"
        )
    return told
