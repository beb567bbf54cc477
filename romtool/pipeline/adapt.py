"""`romtool online --adapt`: answer new load cases with a model that repairs itself by single high-fidelity steps."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError, ModelError
from romtool.fem.partition import Subdomain, merge
from romtool.hifi.linear import has_petsc, linear_solver, petsc_missing
from romtool.hifi.share import build_share, share_problem
from romtool.interruption import deferred, stop_if_asked
from romtool.io.atomic import digest_files, digest_text
from romtool.io.load import LoadFile, apply_load
from romtool.laws import build_tables
from romtool.linalg.reduction import Comm
from romtool.loading import Loading
from romtool.offline.dictionary import with_members
from romtool.offline.parts import build_part
from romtool.offline.train import Trained
from romtool.offline.training import TrainingRecord, TrainingSet
from romtool.offline.verify import remembered_errors, worst
from romtool.online.adapt import PROGRESS, AdaptOptions, NewLoad, Progress, adapt
from romtool.online.enrich import Ground, build_ground
from romtool.pipeline.folders import (
    find_member,
    now,
    part_reader,
    read_dictionary,
    read_modes,
    read_record,
    read_training,
    value_digest,
    versions,
)
from romtool.pipeline.interface import load_plugins
from romtool.pipeline.kept import Kept
from romtool.pipeline.missions import check_increments
from romtool.pipeline.model_fields import changes_nothing
from romtool.pipeline.offline import write_dictionary
from romtool.pipeline.online import (
    Answer,
    Say,
    read_answer,
    read_new_loads,
    tell_answer,
    tell_outside,
    write_answer,
)
from romtool.pipeline.quantities import Piece, all_quantities, reduced_piece
from romtool.pipeline.ranks import SharedWork, on_root, owned, shared_output_folder, shared_works, together
from romtool.pipeline.sources import field_reader
from romtool.progress import Track, untracked
from romtool.reduced.dictionary import Choice, Dictionary, choose
from romtool.reduced.forces import check_loading
from romtool.reduced.indicator import indications_of
from romtool.reduced.march import load_kernels, restrict_to_thermal
from romtool.reduced.model import ModeShapes, ReducedModel
from romtool.reduced.reconstruct import Coordinates
from romtool.types import Mesh

ENRICHED = "model"
"""Name of the enriched model in the folder of the result that is in terms of it."""


@dataclass(frozen=True)
class AdaptRequest:
    """What a user asks of `--adapt`.

    Parameters
    ----------
    overwrite: replace existing results, and an existing `save_model`.
    tolerance: largest error bound of a step; the case's [indicator] where None.
    max_enrichments: high-fidelity steps per load at most.
    predictor: whether thermo-elastic modes of new temperature fields are added before a run.
    save_model: folder for the model as it is in the end, or None.
    petsc: options of PETSc.
    allow_plugin: load the library of a law that the model names.
    track: begins to show how far each load is.
    """

    overwrite: bool = False
    tolerance: float | None = None
    max_enrichments: int = 50
    predictor: bool = True
    save_model: Path | None = None
    petsc: str = ""
    allow_plugin: bool = False
    track: Track = untracked


def online_adaptive(
    model_path: Path, load_paths: Sequence[Path], out: Path, comm: Comm, say: Say, request: AdaptRequest
) -> list[Answer]:
    """March a model through load cases and repair it on the way; a load starts with what the ones before taught.

    Parameters
    ----------
    model_path: model folder, with the modes of all subdomains and the memory of the training.
    load_paths: load files.
    out: folder of the results.
    comm: the ranks, at most as many as subdomains; all call this together.
    say: takes sentences about what is done.
    request: when to repair, and what to do with the model.

    Raises
    ------
    CaseError, ReaderError, ModelError: wrong input; nothing is written.
    StoppedError: a signal came; results and repairs so far are kept, and the same command goes on.
    ConvergenceError: a load case that could not be followed; its steps and the results before it are kept.
    """
    loads = together(comm, lambda: _read_loads(load_paths, out, request))
    dictionary = together(comm, lambda: read_dictionary(model_path))
    first = dictionary.models[0]
    if dictionary.has_phases:
        raise ModelError(
            f"{model_path}: its bases are those of phases of a run, and are not repaired; leave --adapt, or train with "
            '[clusters] by = "simulation"'
        )
    if request.allow_plugin:
        together(comm, lambda: load_plugins(first, model_path, say))
    members = [_open_member(model_path, model, comm) for model in dictionary.models]
    load_kernels(first)
    record, mesh = members[0].trained.record, members[0].ground.share.mesh
    if missing := petsc_missing(record.settings.hifi):
        say(missing)
    loadings = together(comm, lambda: [_loading_on_mesh(first, record, load, mesh) for load in loads])
    answers = []
    keys = together(comm, lambda: _keys(model_path, loadings, out, request, comm))
    with deferred(), shared_works(keys, comm, overwrite=request.overwrite) as works:
        for loading, work in zip(loadings, works, strict=True):
            choice = choose(dictionary, restrict_to_thermal(loading, first.thermal))
            members[choice.number], answer = _answer(members[choice.number], choice, loading, work, say, request)
            answers.append(answer)
            stop_if_asked(comm, f"load {loading.name}")
        _save_model(dictionary, members, comm, say, request)
    return answers


def _keys(
    model_path: Path, loadings: Sequence[Loading], out: Path, request: AdaptRequest, comm: Comm
) -> dict[Path, str]:
    """Return per result the digest of all that it depends on, the loads before it included."""
    files = [entry for entry in sorted(model_path.rglob("*.h5")) if entry.name in ("model.h5", "training.h5")]
    given = (request.tolerance, request.max_enrichments, request.predictor, request.petsc, comm.size, has_petsc())
    digest, keys = digest_text(f"{digest_files(files)} {given} {versions()}"), {}
    for loading in loadings:
        digest = digest_text(f"{digest} {value_digest(loading)}")
        keys[out / loading.name] = digest
    return keys


def _save_model(
    dictionary: Dictionary, members: Sequence["Member"], comm: Comm, say: Say, request: AdaptRequest
) -> None:
    """Write the model as it is in the end, where that is asked for."""
    if request.save_model is not None:
        with shared_output_folder(request.save_model, comm, overwrite=request.overwrite) as temporary:
            trained = [_remembered(member.trained, member.origin, comm) for member in members]
            write_dictionary(temporary, on_root(comm, lambda: with_members(dictionary, trained)), trained, comm)
        say(f"model {' and '.join(entry.model.model_id for entry in trained)} -> {request.save_model}")


@dataclass(frozen=True)
class Member:
    """A local model that may be enriched.

    Parameters
    ----------
    trained: the model as it is.
    ground: what it stands on.
    source: the folder that it is in.
    origin: the model that was read at first.
    """

    trained: Trained
    ground: Ground
    source: Path
    origin: ReducedModel


def _read_loads(load_paths: Sequence[Path], out: Path, request: AdaptRequest) -> list[LoadFile]:
    """Read load files; check that what is to be written is not there."""
    kept = request.save_model
    if kept is not None and kept.exists() and not request.overwrite:
        raise CaseError(f"{kept} exists; give --overwrite or another --save-model")
    loads = read_new_loads(load_paths, out, overwrite=request.overwrite)
    if kept is not None and kept.resolve() in {(out / load.name).resolve() for load in loads}:
        raise CaseError(f"{kept} is where a result goes; give another --save-model")
    return loads


def _open_member(path: Path, model: ReducedModel, comm: Comm) -> Member:
    """Read the memory of a model, and what of it this rank needs to enrich it."""
    record = together(comm, lambda: read_training(path, model.model_id))
    mine = owned(comm, int(model.statistics["n_subdomains"]))  # type: ignore[call-overload]
    modes = together(comm, lambda: [read_modes(path, model.model_id, index) for index in mine])
    mesh, part_of_element = together(comm, lambda: _read_mesh(path, model))
    share = build_share(mesh, part_of_element, mine, comm)
    tables = build_tables(record.materials)
    training = TrainingSet(
        parts=tuple(build_part(entry.subdomain, record.materials, tables) for entry in modes),
        loading=record.loading,
        runs=(),
        lifted=model.liftings,
        liftings=tuple(entry.lifting for entry in modes),
        n_nodes=mesh.n_nodes,
        digest=str(model.statistics["digest"]),
    )
    trained = Trained(model, tuple(modes), record)
    return Member(trained, build_ground(share, training, record), path, model)


def _read_mesh(path: Path, model: ReducedModel) -> tuple[Mesh, np.ndarray]:  # type: ignore[type-arg]
    """Read the whole mesh, and the subdomain of each element."""
    parts, folder = [], find_member(path, model.model_id)
    for index in range(int(model.statistics["n_subdomains"])):  # type: ignore[call-overload]
        with part_reader(folder, "modes", index, model.model_id) as file:
            part: Subdomain = read_record(file, "modes/subdomain")
            parts.append(part)
    mesh = merge(parts).mesh
    part_of_element = np.empty(mesh.n_elements, dtype=np.int64)
    for part in parts:
        part_of_element[part.element_rows] = part.index
    return mesh, part_of_element


def _loading_on_mesh(model: ReducedModel, record: TrainingRecord, load: LoadFile, mesh: Mesh) -> Loading:
    """Return the loading of a load file on the whole mesh; one with a name alone is the first simulation's.

    Raises
    ------
    CaseError, ReaderError: the load file does not fit the mesh or the model.
    """
    loading = apply_load(record.loadings[0] if changes_nothing(load) else record.loading, load, field_reader(mesh))
    check_loading(model, loading)
    check_increments(loading, "--adapt")
    return loading


def _answer(
    member: Member, choice: Choice, loading: Loading, work: SharedWork, say: Say, request: AdaptRequest
) -> tuple[Member, Answer]:
    """Answer one loading and write its folder, with the enriched model if there is one."""
    trained, ground = member.trained, member.ground
    comm, folder, settings = ground.comm, work.path, trained.record.settings
    kept = Kept(work.kept, comm)
    if work.done:
        say(f"{loading.name}: kept from the run before -> {folder}")
        last: Progress | None = kept.latest(PROGRESS)
        if last is not None and last.trained.model.model_id != trained.model.model_id:
            model = together(comm, lambda: read_dictionary(folder / ENRICHED)).models[0]
            member = replace(member, trained=replace(last.trained, model=model), source=folder / ENRICHED)
        return member, on_root(comm, lambda: read_answer(folder))
    outside = on_root(
        comm, lambda: tell_outside(trained.model, restrict_to_thermal(loading, trained.model.thermal), say)
    )
    start = time.perf_counter()
    problem = share_problem(ground.share, trained.record.materials, loading, settings.newton)
    solver = linear_solver(problem, settings.hifi, request.petsc)
    loaded = time.perf_counter()
    options = AdaptOptions(
        request.tolerance or settings.indicator.tolerance,
        request.max_enrichments,
        request.predictor,
        request.track(loading.name),
    )
    try:
        load = NewLoad(loading, value_digest(loading), problem, solver)
        adapted = adapt(trained, load, ground, options, say, kept)
    finally:
        solver.close()
    seconds = {"load": loaded - start, "march": time.perf_counter() - loaded}
    member = replace(member, trained=adapted.trained)
    model = adapted.trained.model
    local, enriched = restrict_to_thermal(loading, model.thermal), model.model_id != trained.model.model_id
    source = ENRICHED if enriched else os.path.relpath(member.source, folder)
    shapes = adapted.trained.modes

    def pieces(rows: Coordinates) -> list[Piece]:
        return [_piece(modes, rows) for modes in shapes]

    answer = Answer(
        choice,
        adapted.history,
        indications_of(model, adapted.history),
        outside,
        seconds,
        options.tolerance,
        adapted.enrichments,
        adapted.stopped,
        all_quantities(model, local, adapted.history, pieces, comm),
    )
    if enriched:
        on_root(comm, lambda: (work.new / ENRICHED).mkdir(exist_ok=True))
        new = _remembered(adapted.trained, trained.model, comm)
        member = replace(member, trained=new, source=folder / ENRICHED)
        write_dictionary(work.new / ENRICHED, Dictionary((new.model,)), (new,), comm)
    answer = on_root(comm, lambda: write_answer(work.new, answer, local, model.model_id, source))
    work.publish()
    tell_answer(answer, folder, say)
    return member, answer


def _piece(modes: ModeShapes, rows: Coordinates) -> Piece:
    """Return a subdomain whose modes are at hand."""
    return reduced_piece(modes.subdomain, lambda field: modes, rows)


def _remembered(trained: Trained, before: ReducedModel, comm: Comm) -> Trained:
    """Return an enriched model with the training errors that it remembers, and where it comes from.

    Parameters
    ----------
    trained: the model.
    before: the last model before it that was written, not one in between: its parent.
    comm: the ranks.
    """
    if trained.model.model_id == before.model_id:
        return trained
    errors = on_root(comm, lambda: remembered_errors(trained))
    statistics = {
        **trained.model.statistics,
        "training_errors": worst(errors),
        "training_errors_by_simulation": errors,
        "parent": before.model_id,
        "lineage": (*before.statistics.get("lineage", ()), _ancestor(before)),  # type: ignore[misc]
        "versions": versions(),
        "created": now(),
    }
    return replace(trained, model=replace(trained.model, statistics=statistics))


def _ancestor(model: ReducedModel) -> dict[str, str]:
    """Return id, date and version of romtool of a model that another comes from."""
    known: dict[str, Any] = dict(model.statistics)
    version = dict(known.get("versions", {})).get("romtool", "")
    return {"id": model.model_id, "created": str(known.get("created", "")), "romtool": str(version)}
