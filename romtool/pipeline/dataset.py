"""`romtool import`: convert the results of a case's simulations, cut into subdomains, to a dataset folder."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from romtool.constraints import Equations
from romtool.errors import CaseError, InputError, ModelError
from romtool.fem.partition import Subdomain, restrict_loading, split_mesh
from romtool.interruption import deferred, stop_if_asked
from romtool.io.atomic import drop_leftover
from romtool.io.records import create_rows
from romtool.linalg.reduction import Comm
from romtool.loading import Dirichlet, Loading
from romtool.pipeline.balance import Source, check_dataset, source_of, verdicts
from romtool.pipeline.dataset_files import check_history, check_part, read_dataset, simulation_folder
from romtool.pipeline.folders import Dataset, SimulationRecord, now, part_writer, versions, write_head, write_record
from romtool.pipeline.kept import Kept
from romtool.pipeline.ranks import on_root, owned, shared_work, together
from romtool.pipeline.sources import (
    CaseSources,
    input_digest,
    input_digests,
    loading_of,
    n_subdomains_of,
    open_case,
    open_simulation,
    own_loading,
    subdomains_of,
)
from romtool.progress import Tick, Track, part_of, untracked
from romtool.settings import BalanceSettings
from romtool.types import SolverResults

Say = Callable[[str], None]


def dataset_folder(case_path: Path) -> Path:
    """Return where the dataset of a case is."""
    return case_path.parent / "dataset"


def import_case(case_path: Path, comm: Comm, say: Say, *, anew: bool = False, track: Track = untracked) -> Dataset:
    """Convert a case to its dataset folder, unless that is there and up to date.

    Parameters
    ----------
    case_path: the case file.
    comm: the ranks; rank 0 reads and writes, time by time, the others wait.
    say: takes sentences about what is done.
    anew: convert also when up to date.
    track: begins to show how far the conversion and the check are.

    Returns
    -------
    The head of the dataset, on every rank.

    Raises
    ------
    CaseError, ReaderError, MeshError: wrong input; nothing is written.
    ModelError: a dataset that is up to date but damaged.
    StoppedError: a signal came; simulations that are converted, and checks that are done, are kept.
    """
    folder, prepared = dataset_folder(case_path), list[_Prepared]()
    dataset, complete, settings = on_root(comm, lambda: _prepare(case_path, folder, comm, anew, prepared))
    if complete:
        say(f"{folder} is up to date")
    else:
        key = f"{dataset.digest} {comm.size}"
        with deferred(), shared_work(folder, comm, overwrite=True, key=key) as work:
            if work.done:
                return together(comm, lambda: read_dataset(folder))
            keep, tick = Kept(work.kept, comm), track("import")
            for number in range(len(dataset.simulations)):
                on_root(comm, lambda n=number: _write(prepared[0], dataset, n, work.new, say, tick))  # type: ignore[misc]
                stop_if_asked(comm, f"simulation {dataset.simulations[number].name}")
            on_root(comm, lambda: _write_meshes(prepared[0], dataset, work.new))
            sources = [source for entry in prepared for source in entry.check_sources()]
            checked = check_dataset(work.new, dataset, sources, comm, settings, keep, track("balance"))
            dataset = replace(dataset, balance=checked)
            on_root(comm, lambda: write_head(work.new / "dataset.h5", "dataset", dataset=dataset))
            work.publish()
        for text in dataset.warnings:
            say(f"warning: {text}")
    for text in verdicts(dataset.balance, settings):
        say(f"warning: {text}")
    return dataset


@dataclass(frozen=True)
class _Prepared:
    """What rank 0 converts: a case, and per simulation the solver's results."""

    sources: CaseSources
    opened: tuple[SolverResults, ...]
    parts: tuple[Subdomain, ...]

    def check_sources(self) -> list[Source]:
        """Return what the check needs of the results."""
        return [source_of(results, self.sources.mesh, self.parts) for results in self.opened]


def _prepare(
    case_path: Path, folder: Path, comm: Comm, anew: bool, prepared: list[_Prepared]
) -> tuple[Dataset, bool, BalanceSettings]:
    """Return the head of the dataset, whether the folder holds it, and the settings; else fill `prepared`."""
    sources = open_case(case_path)
    owned(comm, n_subdomains_of(sources))
    inputs = input_digests(sources)
    digest = input_digest(sources, inputs)
    if not anew and (found := _up_to_date(folder, digest)) is not None:
        drop_leftover(folder)
        return found, True, sources.case.settings.balance
    dataset, entry = _plan(sources, digest)
    dataset = replace(dataset, inputs=inputs, versions=versions(), created=now())
    prepared.append(entry)
    return dataset, False, sources.case.settings.balance


def _up_to_date(folder: Path, digest: str) -> Dataset | None:
    """Return the dataset in a folder if it was made from the same inputs.

    Raises
    ------
    ModelError: it was, but a file of a subdomain is missing, damaged or of another import.
    """
    try:
        found = read_dataset(folder)
    except ModelError:
        return None
    if found.digest != digest:
        return None
    try:
        for index in range(found.n_subdomains):
            check_part(folder, found, index)
    except ModelError as error:
        text = str(error).rpartition("; ")[0]
        raise ModelError(f"{text}; make the dataset anew with `romtool import CASE --overwrite`") from error
    return found


def _plan(sources: CaseSources, digest: str) -> tuple[Dataset, _Prepared]:
    """Return the head of a dataset, and what it is made from."""
    case = sources.case
    if not case.simulations:
        raise CaseError(f"{case.path}: no [[simulations]]; a model is trained on one or more")
    opened = [(entry, open_simulation(sources, entry)) for entry in case.simulations]
    loadings = [loading_of(sources, entry, results) for entry, results in opened]
    records, warnings = [], list(sources.warnings)
    for (entry, results), loading in zip(opened, loadings, strict=True):
        fitted, remarks = fit_increments(loading, results)
        warnings += [f"simulation {entry.name}: {text}" for text in (*results.warnings, *remarks)]
        records.append(SimulationRecord(entry.name, fitted, results.times, str(entry.results[0].name)))
    parts = split_mesh(sources.mesh, subdomains_of(sources))
    dataset = Dataset(
        digest=digest,
        case=case.name,
        units=case.units,
        n_subdomains=len(parts),
        n_nodes=sources.mesh.n_nodes,
        n_elements=sources.mesh.n_elements,
        node_ids=sources.mesh.node_ids,
        materials=sources.materials,
        loading=own_loading(sources, records[0].loading.times),
        simulations=tuple(records),
        warnings=tuple(dict.fromkeys(warnings)),
    )
    return dataset, _Prepared(sources, tuple(results for _, results in opened), parts)


def _write(prepared: _Prepared, dataset: Dataset, number: int, folder: Path, say: Say, tick: Tick) -> None:
    """Write one simulation on all subdomains, unless that is done."""
    record, results, final = dataset.simulations[number], prepared.opened[number], simulation_folder(folder, number)
    if _is_written(prepared, dataset, number, folder):
        say(f"simulation {record.name}: kept from the run before")
        return
    say(f"simulation {record.name}: {len(record.times)} times of {record.source}")
    part = final.with_name(f"{final.name}.part")
    for old in (final, part):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir()
    with ExitStack() as stack:
        files = [stack.enter_context(part_writer(part, "history", p.index, dataset.digest)) for p in prepared.parts]
        for subdomain, file in zip(prepared.parts, files, strict=True):
            write_record(file, "loading", restrict_loading(record.loading, prepared.sources.mesh, subdomain))
        starts = np.cumsum([0, *(len(entry.times) for entry in dataset.simulations)]).tolist()
        _write_history(record, results, prepared.parts, files, part_of(tick, starts[number], starts[-1]))
    part.rename(final)


def _is_written(prepared: _Prepared, dataset: Dataset, number: int, folder: Path) -> bool:
    """Tell whether a simulation is there, complete and of these inputs."""
    try:
        for part in prepared.parts:
            check_history(folder, dataset.digest, part.index, number)
    except ModelError:
        return False
    return True


def _write_meshes(prepared: _Prepared, dataset: Dataset, folder: Path) -> None:
    """Write the meshes of the subdomains."""
    for part in prepared.parts:
        with part_writer(folder, "subdomain", part.index, dataset.digest) as file:
            write_record(file, "subdomain", part)


def _write_history(
    record: SimulationRecord,
    results: SolverResults,
    parts: Sequence[Subdomain],
    files: Sequence[h5py.File],
    tick: Tick,
) -> None:
    """Write the displacements of one simulation, time by time, to all subdomains."""
    for part, file in zip(parts, files, strict=True):
        create_rows(file, "u", len(record.times), (part.mesh.n_nodes, 3))
    for i, time in enumerate(record.times):
        tick(i, len(record.times), f"{record.name}, time {time:g}")
        field = results.read("u", i)
        if not np.isfinite(field).all():
            raise InputError(
                f"simulation {record.name!r}: the displacement at time {time:g} in {results.paths[0]} holds NaN or "
                "infinity; expected finite values; check the solver's results"
            )
        for part, file in zip(parts, files, strict=True):
            file["u"][i] = field[part.node_rows]


def fit_increments(loading: Loading, results: SolverResults) -> tuple[Loading, list[str]]:
    """Bring the increments of a loading and the output times of the results together.

    Outputs that are sparser than the increments are interpolated later, with a warning; increments that the results do
    not confirm are replaced by the output times.

    Raises
    ------
    CaseError: results that do not start at the loading's first time, or hold fewer than two times.
    """
    times, increments = results.times, loading.times
    if len(times) < 2:
        raise CaseError(f"{results.paths[0]}: {len(times)} output times; a history needs two or more")
    tolerance = 1e-6 * float(times[-1] - times[0])
    nearest = np.abs(increments[:, None] - times[None, :]).min(axis=0)
    if float(nearest.max()) > tolerance:
        text = "the output times are not increments of the loading; the output times are taken as increments"
        return replace(loading, times=times), [text]
    inside = increments[(increments >= times[0] - tolerance) & (increments <= times[-1] + tolerance)]
    if len(inside) == len(times):
        return replace(loading, times=times), []
    text = (
        f"{len(times)} outputs for {len(inside)} increments: displacements between outputs are interpolated "
        "linearly; have the solver write every increment for an exact recomputation"
    )
    return replace(loading, times=inside), [text]


def moved_constraints(dataset: Dataset) -> list[Equations]:
    """Return the constraints whose right-hand sides are not zero in some simulation, one per name."""
    every = [entry for record in dataset.simulations for entry in record.loading.constraints]
    moved = [entry for entry in every if isinstance(entry, Equations) and entry.values.any()]
    return list({entry.name: entry for entry in reversed(moved)}.values())[::-1]


def moved_supports(dataset: Dataset) -> list[Dirichlet]:
    """Return the prescribed displacements that are not zero in some simulation, one per support."""
    found: dict[tuple[str, tuple[int, ...]], Dirichlet] = {}
    for record in dataset.simulations:
        for entry in record.loading.dirichlet:
            if np.any(entry.value):
                found.setdefault((entry.nodes, entry.components), entry)
    return list(found.values())
