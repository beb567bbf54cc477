"""`romtool online --adapt`: answer new load cases with a model that repairs itself by single high-fidelity steps."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from romtool.errors import CaseError, ModelError
from romtool.fem.partition import Subdomain, merge
from romtool.hifi.linear import linear_solver, petsc_missing
from romtool.hifi.share import build_share, share_problem
from romtool.io.load import LoadFile, apply_load
from romtool.laws import build_tables
from romtool.linalg.reduction import Comm
from romtool.loading import Loading
from romtool.offline.parts import build_part
from romtool.offline.train import Trained
from romtool.offline.training import TrainingRecord, TrainingSet
from romtool.offline.verify import remembered_errors, worst
from romtool.online.adapt import AdaptOptions, NewLoad, adapt
from romtool.online.enrich import Ground, build_ground
from romtool.pipeline.folders import part_reader, read_head, read_model, read_modes, read_record, value_digest
from romtool.pipeline.offline import write_model
from romtool.pipeline.online import (
    Answer,
    Say,
    changes_nothing,
    load_plugins,
    read_new_loads,
    tell_answer,
    tell_outside,
    write_answer,
)
from romtool.pipeline.quantities import Piece, all_quantities, reduced_piece
from romtool.pipeline.ranks import on_root, owned, shared_output_folder, together
from romtool.pipeline.sources import field_reader
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
    """

    overwrite: bool = False
    tolerance: float | None = None
    max_enrichments: int = 50
    predictor: bool = True
    save_model: Path | None = None
    petsc: str = ""
    allow_plugin: bool = False


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
    ConvergenceError: a load case that could not be followed; its steps and the results before it are kept.
    """
    loads = together(comm, lambda: _read_loads(load_paths, out, request))
    trained, ground = _open_trained(model_path, comm, say if request.allow_plugin else None)
    parent = trained.model.model_id
    load_kernels(trained.model)
    if missing := petsc_missing(trained.record.settings.hifi):
        say(missing)
    loadings = together(comm, lambda: [_loading_on_mesh(trained, load, ground.share.mesh) for load in loads])
    answers = []
    for loading in loadings:
        trained, answer = _answer(trained, ground, loading, model_path, out, say, request)
        answers.append(answer)
    if request.save_model is not None:
        with shared_output_folder(request.save_model, comm, overwrite=request.overwrite) as temporary:
            _write_enriched(temporary, trained, parent, comm)
        say(f"model {trained.model.model_id} -> {request.save_model}")
    return answers


def _read_loads(load_paths: Sequence[Path], out: Path, request: AdaptRequest) -> list[LoadFile]:
    """Read load files; check that what is to be written is not there."""
    kept = request.save_model
    if kept is not None and kept.exists() and not request.overwrite:
        raise CaseError(f"{kept} exists; give --overwrite or another --save-model")
    loads = read_new_loads(load_paths, out, overwrite=request.overwrite)
    if kept is not None and kept.resolve() in {(out / load.name).resolve() for load in loads}:
        raise CaseError(f"{kept} is where a result goes; give another --save-model")
    return loads


def _open_trained(path: Path, comm: Comm, allow: Say | None) -> tuple[Trained, Ground]:
    """Read a model with its memory, and what of it this rank needs to enrich it.

    `allow` takes remarks on the libraries of laws; where None no library is loaded.
    """
    model, record = together(comm, lambda: _read_head(path))
    if allow is not None:
        load_plugins(model, path, allow)
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
    return Trained(model, tuple(modes), record), build_ground(share, training, record)


def _read_head(path: Path) -> tuple[ReducedModel, TrainingRecord]:
    """Read model.h5 and training.h5."""
    if not path.is_dir() or not (path / "training.h5").is_file():
        raise ModelError(f"{path}: --adapt needs the whole model folder with training.h5, made by `romtool offline`")
    model = read_model(path)
    if read_head(path / "training.h5", "training", "model_id") != model.model_id:
        raise ModelError(f"{path / 'training.h5'}: belongs to another model than model.h5; make the folder anew")
    record: TrainingRecord = read_head(path / "training.h5", "training", "record")
    return model, record


def _read_mesh(path: Path, model: ReducedModel) -> tuple[Mesh, np.ndarray]:  # type: ignore[type-arg]
    """Read the whole mesh, and the subdomain of each element."""
    parts = []
    for index in range(int(model.statistics["n_subdomains"])):  # type: ignore[call-overload]
        with part_reader(path, "modes", index, model.model_id) as file:
            part: Subdomain = read_record(file, "modes/subdomain")
            parts.append(part)
    mesh = merge(parts).mesh
    part_of_element = np.empty(mesh.n_elements, dtype=np.int64)
    for part in parts:
        part_of_element[part.element_rows] = part.index
    return mesh, part_of_element


def _loading_on_mesh(trained: Trained, load: LoadFile, mesh: Mesh) -> Loading:
    """Return the loading of a load file on the whole mesh; one with a name alone is the first simulation's.

    Raises
    ------
    CaseError, ReaderError: the load file does not fit the mesh or the model.
    """
    record = trained.record
    loading = apply_load(record.loadings[0] if changes_nothing(load) else record.loading, load, field_reader(mesh))
    check_loading(trained.model, loading)
    return loading


def _answer(
    trained: Trained, ground: Ground, loading: Loading, model_path: Path, out: Path, say: Say, request: AdaptRequest
) -> tuple[Trained, Answer]:
    """Answer one loading and write its folder, with the enriched model if there is one."""
    comm, folder, settings = ground.comm, out / loading.name, trained.record.settings
    outside = on_root(
        comm, lambda: tell_outside(trained.model, restrict_to_thermal(loading, trained.model.thermal), say)
    )
    start = time.perf_counter()
    problem = share_problem(ground.share, trained.record.materials, loading, settings.newton)
    solver = linear_solver(problem, settings.hifi, request.petsc)
    loaded = time.perf_counter()
    options = AdaptOptions(
        request.tolerance or settings.indicator.tolerance, request.max_enrichments, request.predictor
    )
    try:
        adapted = adapt(trained, NewLoad(loading, value_digest(loading), problem, solver), ground, options, say)
    finally:
        solver.close()
    seconds = {"load": loaded - start, "march": time.perf_counter() - loaded}
    model = adapted.trained.model
    found = indications_of(model, adapted.history)
    local, enriched = restrict_to_thermal(loading, model.thermal), model.model_id != trained.model.model_id
    source = ENRICHED if enriched else os.path.relpath(model_path, folder)
    shapes = adapted.trained.modes

    def pieces(rows: Coordinates) -> list[Piece]:
        return [_piece(modes, rows) for modes in shapes]

    answer = Answer(
        adapted.history,
        found,
        outside,
        seconds,
        options.tolerance,
        adapted.enrichments,
        adapted.stopped,
        all_quantities(model, local, adapted.history, pieces, comm),
    )
    with shared_output_folder(folder, comm, overwrite=request.overwrite) as temporary:
        if enriched:
            on_root(comm, (temporary / ENRICHED).mkdir)
            _write_enriched(temporary / ENRICHED, adapted.trained, trained.model.model_id, comm)
        answer = on_root(comm, lambda: write_answer(temporary, answer, local, model.model_id, source))
    tell_answer(answer, folder, say)
    return adapted.trained, answer


def _piece(modes: ModeShapes, rows: Coordinates) -> Piece:
    """Return a subdomain whose modes are at hand."""
    return reduced_piece(modes.subdomain, lambda field: modes, rows)


def _write_enriched(folder: Path, trained: Trained, parent: str, comm: Comm) -> None:
    """Write a model that was enriched; its training errors are those that it remembers.

    Its parent is the last model before it that was written, not one in between.
    """
    errors = on_root(comm, lambda: remembered_errors(trained))
    statistics = {
        **trained.model.statistics,
        "training_errors": worst(errors),
        "training_errors_by_simulation": errors,
        **({"parent": parent} if parent != trained.model.model_id else {}),
    }
    write_model(folder, replace(trained.model, statistics=statistics), trained, comm)
