"""`romtool offline`: train a model on a dataset and write its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool import __version__
from romtool.constraints import Equations
from romtool.fem.operators import build_operators
from romtool.fem.partition import merge
from romtool.hifi.elimination import equations_of
from romtool.hifi.linear import has_petsc
from romtool.hifi.march import linear_answer, linear_lifting
from romtool.hifi.petsc_solver import load_petsc
from romtool.hifi.problem import build_problem
from romtool.interruption import deferred
from romtool.io.atomic import check_free, digest_file, digest_text
from romtool.io.case import read_case
from romtool.linalg.reduction import Comm
from romtool.loading import Dirichlet, Loading
from romtool.offline.clock import Clock, Say
from romtool.offline.dictionary import train_dictionary
from romtool.offline.functionals import check_quantities
from romtool.offline.phases import join_modes
from romtool.offline.train import Trained
from romtool.offline.training import TrainingSet
from romtool.offline.verify import worst
from romtool.pipeline.balance import load_runs, refuse, verdicts
from romtool.pipeline.dataset import dataset_folder, import_case, moved_constraints, moved_supports
from romtool.pipeline.dataset_files import read_part
from romtool.pipeline.folders import (
    Dataset,
    member_folder,
    now,
    part_writer,
    read_dictionary,
    versions,
    write_head,
    write_record,
)
from romtool.pipeline.kept import Kept
from romtool.pipeline.ranks import on_root, owned, shared_work, together
from romtool.progress import Track, untracked
from romtool.reduced.dictionary import Dictionary
from romtool.reduced.forces import amplitude_of
from romtool.reduced.model import Lifting, ModeShapes, ReducedModel
from romtool.settings import Quantity
from romtool.types import Floats

Errors = Mapping[str, Mapping[str, float]]


def offline(
    case_path: Path,
    out: Path,
    comm: Comm,
    say: Say,
    *,
    overwrite: bool = False,
    clock: Clock | None = None,
    track: Track = untracked,
) -> Dictionary:
    """Import a case where needed, train a model, or one per cluster of the training, and write it.

    Parameters
    ----------
    case_path: the case file.
    out: the model folder to write.
    comm: the ranks.
    say: takes sentences about what is done.
    overwrite: replace an existing model when the new one is complete.
    clock: times the phases; a new one where None.
    track: begins to show how far a phase is, where `clock` is None.

    Raises
    ------
    RomtoolError: wrong input, or a training that fails; nothing is written then.
    StoppedError: a signal came; the phases that are finished are kept.
    """
    case = on_root(comm, lambda: read_case(case_path))
    settings = case.settings
    clock = clock or Clock(say, track=track)
    on_root(comm, lambda: check_free(out, overwrite))
    with clock.phase("import", f"dataset of {case_path}"):
        dataset = import_case(case_path, comm, say, track=clock.track)
        refuse(dataset.balance, settings.balance)
    model_id = _model_id(dataset, settings, case.quantities)
    key = digest_text(f"{model_id} {comm.size} {versions()} {has_petsc()}")
    with deferred(), shared_work(out, comm, overwrite=overwrite, key=key) as work:
        if work.done:
            return together(comm, lambda: read_dictionary(out))
        clock.keep = Kept(work.kept, comm)
        with clock.phase("load", "operators and displacement histories"):
            training = replace(load_training(dataset_folder(case_path), dataset, comm), quantities=case.quantities)
            part, fields = training.parts[0], settings.duals.fields
            together(comm, lambda: check_quantities(case.quantities, part.subdomain.mesh, part.tables, fields))
        inputs = {case_path.name: on_root(comm, lambda: digest_file(case_path))[:16], **dataset.inputs}
        found = train_dictionary(training, settings, model_id, comm, clock)
        members = tuple(
            _complete(*entry, dataset, clock, inputs)
            for entry in zip(found.members, found.training, found.errors, strict=True)
        )
        known = {*dataset.warnings, *verdicts(dataset.balance, settings.balance)}
        for text in dict.fromkeys(text for entry in members for text in entry.model.statistics["warnings"]):  # type: ignore[attr-defined]
            if text not in known:
                say(f"warning: {text}")
        found = replace(found, members=members)
        write_dictionary(work.new, found.dictionary, found.members, comm)
        work.publish()
    return found.dictionary


def _complete(
    trained: Trained,
    training: TrainingSet,
    errors: Errors,
    dataset: Dataset,
    clock: Clock,
    inputs: Mapping[str, str],
) -> Trained:
    """Return a new model with all that reports say about it."""
    settings, names = trained.record.settings, {run.name for run in training.runs}
    checks = [check for check in dataset.balance if check.simulation in names]
    statistics = {
        **trained.model.statistics,
        "case": dataset.case,
        "units": dict(dataset.units),
        "n_subdomains": dataset.n_subdomains,
        "training_errors": worst(errors),
        "training_errors_by_simulation": errors,
        "unbalance": {check.simulation: check.unbalance for check in checks},
        "seconds": dict(clock.seconds),
        "memory": dict(clock.memory),
        "sources": {run.name: run.source for run in dataset.simulations if run.name in names},
        "settings": asdict(settings),
        "newton": vars(settings.newton),
        "warnings": [*dataset.warnings, *verdicts(checks, settings.balance), *_unseen(trained.model, dataset)],
        "node_ids": digest_text(str(dataset.node_ids.tolist()))[:16],
        "versions": versions(),
        "created": now(),
        "digest": dataset.digest,
        "inputs": dict(inputs),
        "materials": {entry.elements: entry.law for entry in dataset.materials},
    }
    return replace(trained, model=replace(trained.model, statistics=statistics))


def _unseen(model: ReducedModel, dataset: Dataset) -> list[str]:
    """Say which internal variables the model can not give, since they stayed zero in the training."""
    if all(material.law == "elastic" for material in dataset.materials):
        return []
    return [
        f"{name} is zero in all training simulations: the model will not give it, also where a new load makes it grow; "
        "train on a load that does"
        for name in model.statistics["zero_fields"]  # type: ignore[attr-defined]
    ]


def load_training(folder: Path, dataset: Dataset, comm: Comm) -> TrainingSet:
    """Read what this rank trains on: its subdomains only.

    Raises
    ------
    InputError: more ranks than subdomains.
    ModelError: a file of a subdomain that is missing, damaged or of another import.
    """
    mine = owned(comm, dataset.n_subdomains)
    parts, read = together(comm, lambda: load_runs(folder, dataset, mine))
    subdomains = [part.subdomain for part in parts]
    supports = moved_supports(dataset)
    lifted = (*map(_lifting, supports), *map(_lifting_of_constraint, moved_constraints(dataset)))
    liftings = _lifting_fields(folder, dataset, lifted, comm)
    runs = [
        replace(
            run,
            lifting=np.array([amplitude_of(run.loading, entry, run.times) for entry in lifted])
            .reshape(len(lifted), len(run.times))
            .T,
        )
        for run in read
    ]
    fields = tuple(liftings[:, subdomain.node_rows] for subdomain in subdomains)
    return TrainingSet(parts, dataset.loading, tuple(runs), lifted, fields, dataset.n_nodes, dataset.digest)


def _lifting(entry: Dirichlet) -> Lifting:
    """Return the unit of a prescribed displacement; a field of values counts as one unit of itself."""
    profile = entry.value if isinstance(entry.value, np.ndarray) else None
    return Lifting(entry.name, entry.nodes, entry.components, profile, np.zeros((0, 6)))


def _lifting_of_constraint(entry: Equations) -> Lifting:
    """Return the unit of a constraint: its right-hand sides."""
    return Lifting(entry.name, "", (), None, np.zeros((0, 6)))


def _lifting_fields(folder: Path, dataset: Dataset, lifted: tuple[Lifting, ...], comm: Comm) -> Floats:
    """Return the (n_liftings, n_nodes, 3) linear-elastic answers on the whole mesh, which rank 0 computes.

    A factorisation on several ranks would give other bits for each number of ranks. PETSc is initialised by all.
    """
    if not lifted:
        return np.zeros((0, dataset.n_nodes, 3))
    if has_petsc():
        load_petsc()
    return on_root(comm, lambda: _solve_liftings(folder, dataset, lifted))


def _solve_liftings(folder: Path, dataset: Dataset, lifted: tuple[Lifting, ...]) -> Floats:
    """Solve for the unit displacements on the whole mesh."""
    whole = merge([read_part(folder, dataset, index) for index in range(dataset.n_subdomains)])
    operators, loading = build_operators(whole.mesh), dataset.simulations[0].loading
    problem = build_problem(operators, dataset.materials, loading)
    entries = [
        Dirichlet(e.name, e.nodes, e.components, 1.0 if e.profile is None else e.profile) for e in lifted if e.nodes
    ]
    found = [linear_lifting(problem, entry) for entry in entries]
    for entry in lifted[len(entries) :]:
        alone = build_problem(operators, dataset.materials, replace(loading, constraints=_alone(loading, entry.name)))
        rest = np.zeros((whole.mesh.n_nodes, 3))
        given = alone.elimination.prescribe(rest, alone.loading, float(loading.times[0]))
        found.append(linear_answer(alone, given))
    return np.array(found)


def _alone(loading: Loading, name: str) -> tuple[Equations, ...]:
    """Return the equations of a loading, right-hand sides zero but for those of one constraint, whose table is one."""
    return tuple(
        replace(entry, table=None, values=entry.values if entry.name == name else np.zeros_like(entry.values))
        for entry in equations_of(loading)
    )


def _model_id(dataset: Dataset, settings: object, quantities: tuple[Quantity, ...]) -> str:
    return digest_text(f"{dataset.digest} {settings} {quantities} {__version__}")[:12]


def write_dictionary(folder: Path, dictionary: Dictionary, members: Sequence[Trained], comm: Comm) -> None:
    """Write model.h5 (rank 0), and per member training.h5 (rank 0) and the modes of the subdomains of this rank."""
    if comm.rank == 0:
        write_head(folder / "model.h5", "model", dictionary=dictionary)
    if dictionary.has_phases:
        _write_modes(folder, join_modes(members), dictionary.face.model_id)
        return
    for number, trained in enumerate(members):
        place, model_id = member_folder(folder, number, len(members)), trained.model.model_id
        on_root(comm, lambda place=place: place.mkdir(exist_ok=True))  # type: ignore[misc]
        if comm.rank == 0:
            write_head(place / "training.h5", "training", record=trained.record, model_id=model_id)
        _write_modes(place, trained.modes, model_id)


def _write_modes(folder: Path, shapes: Sequence[ModeShapes], model_id: str) -> None:
    """Write the modes of the subdomains of this rank, one file each."""
    for modes in shapes:
        with part_writer(folder, "modes", modes.subdomain.index, model_id) as file:
            write_record(file, "modes", modes)


def offline_summary(found: Dictionary) -> dict[str, Any]:
    """Return what `offline --json` prints: of a single model its own, else of each cluster and of the selector."""
    if found.selector is None or found.clusters is None:
        return _summary(found.models[0])
    clusters = found.clusters
    return {
        "clusters": [
            {
                "medoid": clusters.names[clusters.medoids[k]],
                f"{_ITEMS[found.selector.by]}s": [clusters.names[i] for i in np.flatnonzero(clusters.labels == k)],
                **_summary(model),
            }
            for k, model in enumerate(found.models)
        ],
        "selector": {"accuracy": found.selector.accuracy, "certainty": found.selector.certainty},
    }


_ITEMS = {"simulation": "simulation", "time": "increment"}
"""What is clustered."""


def _summary(model: ReducedModel) -> dict[str, Any]:
    """Return what is said of one model."""
    statistics = model.statistics
    keys = ("n_modes", "n_points", "n_points_full", "pod_error", "quadrature_error", "training_errors", "seconds")
    points = model.point_ids[: model.n_active].tolist()
    return {**{key: statistics[key] for key in keys}, "points": points, "n_sampled": statistics["n_sampled"]}
