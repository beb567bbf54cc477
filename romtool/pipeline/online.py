"""`romtool online`: answer new load cases with a model alone."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from romtool.convert.nodal_fields import order_field, read_nodal_field
from romtool.errors import CaseError, ConvergenceError, ReaderError
from romtool.interruption import deferred, stop_if_asked
from romtool.io.atomic import check_free, digest_files, digest_text
from romtool.io.load import LoadFile, apply_load, check_unique, read_load
from romtool.laws import held_by, open_plugins
from romtool.linalg.reduction import SerialComm
from romtool.loading import Loading
from romtool.online.adapt import Enrichment
from romtool.pipeline.folders import (
    Provenance,
    model_file,
    now,
    read_dictionary,
    read_head,
    value_digest,
    versions,
    write_head,
)
from romtool.pipeline.mapping import map_field
from romtool.pipeline.quantities import all_quantities, pieces_of_model, quantity_summary, write_histories
from romtool.pipeline.ranks import SharedWork, shared_works
from romtool.reduced.dictionary import Choice, Dictionary, choose, run_loading
from romtool.reduced.forces import check_loading
from romtool.reduced.indicator import ELASTIC, OUTSIDE, STATUS_WORDS, Indication
from romtool.reduced.march import ReducedHistory, load_kernels
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import QuantityHistory
from romtool.reduced.validity import outside_validity
from romtool.settings import NewtonSettings
from romtool.types import Floats

Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """One load case, answered.

    Parameters
    ----------
    choice: which local model answered.
    history: what was computed.
    indications: field -> error indication of every time.
    outside: sentences on what the training does not cover.
    seconds: by phase (load, march, write).
    tolerance: largest error bound that a step may have.
    enrichments: repairs of the model on the way.
    stopped: why the run ended before its last time; "" where it did not.
    quantities: of the case, by name.
    """

    choice: Choice
    history: ReducedHistory
    indications: Mapping[str, Indication]
    outside: tuple[str, ...]
    seconds: dict[str, float]
    tolerance: float
    enrichments: tuple[Enrichment, ...] = ()
    stopped: str = ""
    quantities: Mapping[str, QuantityHistory] = field(default_factory=dict)


def online(
    model_path: Path,
    load_paths: Sequence[Path],
    out: Path,
    say: Say,
    *,
    overwrite: bool = False,
    allow_plugin: bool = False,
) -> list[Answer]:
    """March a model through load cases; each result is written to `out/<load name>`.

    Parameters
    ----------
    model_path: model folder, or its model.h5 alone.
    load_paths: load files.
    out: folder of the results.
    say: takes sentences about what is done.
    overwrite: replace existing results.
    allow_plugin: load the library of a law that the model names.

    Raises
    ------
    CaseError, ReaderError, ModelError: wrong input; nothing is written.
    LawError: a library that is not allowed, or cannot be loaded.
    StoppedError: a signal came; results that are written are kept, and the same command goes on.
    ConvergenceError: a load case that the model can not follow; its steps and the results before it are kept.
    """
    dictionary = read_dictionary(model_path)
    model = dictionary.models[0]  # the others read the same temperatures and know the same sets
    if allow_plugin:
        load_plugins(model, model_path, say)
    loads = read_new_loads(load_paths, out, overwrite=overwrite)
    read_field = ModelFields(model)
    load_kernels(model)
    prepared = []
    for load in loads:
        start = time.perf_counter()
        loading = loading_for(model, load, read_field)
        check_loading(model, loading)
        prepared.append((loading, time.perf_counter() - start))
    comm = SerialComm()
    given = f"{digest_files([model_file(model_path)])} {versions()}"
    keys = {out / loading.name: digest_text(f"{given} {value_digest(loading)}") for loading, _ in prepared}
    answers = []
    with deferred(), shared_works(keys, comm, overwrite=overwrite) as works:
        for entry, work in zip(prepared, works, strict=True):
            answers.append(_answer(dictionary, model_path, *entry, work, say))
            if len(answers) < len(works):
                stop_if_asked(comm, f"load {entry[0].name}")
    return answers


def load_plugins(model: ReducedModel, model_path: Path, say: Say) -> None:
    """Load the libraries of the laws that a model names. Raises LawError, MissingPartError."""
    for text in open_plugins(held_by(model.tables), model_file(model_path).parent):
        say(f"warning: {text}")


def read_new_loads(paths: Sequence[Path], out: Path, *, overwrite: bool) -> list[LoadFile]:
    """Read load files whose results will be `out/<load name>`.

    Raises
    ------
    CaseError: a load file that is wrong, a name given twice, a result that exists.
    """
    loads = [read_load(path) for path in paths]
    check_unique(loads)
    for load in loads:
        check_free(out / load.name, overwrite)
    return loads


def loading_for(model: ReducedModel, load: LoadFile, read_field: "ModelFields") -> Loading:
    """Return the loading of a load file on a model; one with a name alone is the first simulation's.

    Raises
    ------
    CaseError, ReaderError: the load file does not fit the model.
    """
    return apply_load(model.first if changes_nothing(load) else model.loading, load, read_field)


def changes_nothing(load: LoadFile) -> bool:
    """Tell whether a load file holds only a name."""
    return not any((load.loads, load.tables, load.dirichlet, load.temperature, load.time))


class ModelFields:
    """Reads field files and keeps what the model needs: its thermal nodes, or the faces or nodes of a side set."""

    def __init__(self, model: ReducedModel) -> None:
        self.model = model

    def __call__(
        self,
        path: Path,
        name: str | None,
        region: str | None = None,
        on: Literal["face", "node"] = "node",
        mesh: Path | None = None,
    ) -> Floats:
        """Return the values. Raises ReaderError, MeshError, CaseError."""
        if region is None:
            points = self.model.thermal.points
            return self._temperature(path, name) if mesh is None else map_field(path, name, mesh, points)
        if mesh is not None:
            raise CaseError(
                f"{path}: the model does not know where the faces of {region!r} are; map the field to the case first "
                "with `romtool map`, and give that file without `mesh`"
            )
        if region not in self.model.surfaces:
            known = ", ".join(self.model.surfaces) or "none"
            raise CaseError(
                f"{path}: a field on the set {region!r}, which the model was not trained for; it knows {known}"
            )
        shape = self.model.surfaces[region]
        return read_nodal_field(path, None, count=len(shape.faces if on == "face" else shape.nodes))[0]

    def _temperature(self, path: Path, name: str | None) -> Floats:
        """Return the temperature of the model's thermal nodes from a field of the whole mesh."""
        thermal = self.model.thermal
        record = name is not None and path.suffix.lower() == ".node"
        values, ids = read_nodal_field(path, name, count=thermal.n_mesh_nodes if record else None)
        if len(values) != thermal.n_mesh_nodes:
            raise ReaderError(f"{path} has {len(values)} values, the mesh has {thermal.n_mesh_nodes} nodes")
        if ids is None:
            return np.array(values[thermal.rows])
        order = np.argsort(ids, kind="stable")
        if not np.array_equal(ids[order][thermal.rows], thermal.node_ids):
            raise ReaderError(f"{path}: its node ids are not those of the model's mesh; give a field on that mesh")
        return order_field(values, ids, ids[order], path)[thermal.rows]


def _answer(
    dictionary: Dictionary,
    model_path: Path,
    loading: Loading,
    load_seconds: float,
    work: SharedWork,
    say: Say,
) -> Answer:
    """March one loading and write its folder; a march that stops is written up to there, and then told."""
    if work.done:
        say(f"{loading.name}: kept from the run before -> {work.path}")
        return read_answer(work.path)
    statistics, choice = dictionary.models[0].statistics, choose(dictionary, loading)
    outside = tell_outside(dictionary.models[choice.number], loading, say)
    start = time.perf_counter()
    run = run_loading(dictionary, choice, loading, NewtonSettings(**statistics["newton"]))  # type: ignore[arg-type]
    seconds = {"load": load_seconds, "march": time.perf_counter() - start}
    if run.choice.number != choice.number:
        outside = tell_outside(run.model, loading, say)
    tolerance = statistics["settings"]["indicator"]["tolerance"]  # type: ignore[index]
    quantities = all_quantities(run.model, loading, run.history, pieces_of_model(model_path, run.model))
    answer = Answer(run.choice, run.history, run.indications, outside, seconds, tolerance, (), run.stopped, quantities)
    source = os.path.relpath(model_file(model_path) if model_path.is_file() else model_path, work.path)
    answer = write_answer(work.new, answer, loading, run.model.model_id, source)
    work.publish()
    tell_answer(answer, work.path, say)
    return answer


def tell_outside(model: ReducedModel, loading: Loading, say: Say) -> tuple[str, ...]:
    """Say before a run what in its loading the training does not cover; return the sentences."""
    outside = tuple(outside_validity(model, loading))
    for text in outside:
        say(f"{loading.name}: outside the training: {text}")
    return outside


def write_answer(folder: Path, answer: Answer, loading: Loading, model_id: str, source: str) -> Answer:
    """Write the result.h5 of an answer; return the answer with the seconds that took.

    Parameters
    ----------
    folder: an empty folder.
    answer: what was computed.
    loading: its temperature restricted to the model's thermal nodes.
    model_id, source: of the model that the answer is in terms of, `source` relative to the final folder.
    """
    start = time.perf_counter()
    provenance = Provenance(source, model_id, versions(), now(), answer.seconds, answer.stopped)
    write_head(
        folder / "result.h5",
        "result",
        choice=answer.choice,
        history=answer.history,
        provenance=provenance,
        loading=loading,
        indications=answer.indications,
        outside=answer.outside,
        tolerance=answer.tolerance,
        enrichments=answer.enrichments,
        quantities=answer.quantities,
    )
    write_histories(folder / "quantities.csv", answer.history.times, answer.quantities)
    return replace(answer, seconds={**answer.seconds, "write": time.perf_counter() - start})


def read_answer(folder: Path) -> Answer:
    """Return the answer that `write_answer` wrote. Raises ModelError."""
    names = ("choice", "history", "indications", "outside", "tolerance", "enrichments", "quantities", "provenance")
    found = {name: read_head(folder / "result.h5", "result", name) for name in names}
    provenance: Provenance = found.pop("provenance")
    return Answer(**found, seconds={**provenance.seconds, "write": 0.0}, stopped=provenance.stopped)


def tell_answer(answer: Answer, folder: Path, say: Say) -> None:
    """Say how a run went.

    Raises
    ------
    ConvergenceError: it ended before its last time.
    """
    history = answer.history
    by, steps = answer.choice.in_words(), len(history.times) - 1
    say(f"{history.name}: {by}{', ' * bool(by)}{steps} steps in {1e3 * answer.seconds['march']:.1f} ms -> {folder}")
    far = [name for name, found in answer.indications.items() if (found.status == OUTSIDE).any()]
    if far:
        say(
            f"warning: {history.name}: the error of {' and '.join(far)} is beyond what the model was calibrated for; "
            "run with --adapt, compare with `romtool solve`, or train on this load"
        )
    if answer.stopped:
        raise ConvergenceError(f"{history.name}: {answer.stopped}; the steps before are kept in {folder}")


def online_summary(answers: Sequence[Answer]) -> dict[str, list[dict[str, Any]]]:
    """Return what `online --json` prints."""
    return {"loads": [_load_summary(answer) for answer in answers]}


def _load_summary(answer: Answer) -> dict[str, Any]:
    """Return what is said of one load."""
    history, found = answer.history, answer.indications
    largest = {field: float(np.abs(values).max(initial=0.0)) for field, values in history.samples.items()}
    repairs = sum(entry.step > 0 for entry in answer.enrichments)
    known = {field: np.where(entry.status == ELASTIC, np.nan, entry.indicator) for field, entry in found.items()}
    return {
        "name": history.name,
        "n_steps": len(history.times) - 1,
        "times": history.times.tolist(),
        "iterations": int(history.iterations.sum()),
        "cuts": int(history.cuts.sum()),
        "cluster": answer.choice.number,
        "probabilities": answer.choice.probabilities.tolist(),
        "enrichments": repairs,
        "indicator": {field: values.tolist() for field, values in known.items()},
        "expected": {field: entry.expected.tolist() for field, entry in found.items()},
        "bound": {field: entry.bound.tolist() for field, entry in found.items()},
        "status": {field: [STATUS_WORDS[i] for i in entry.status.tolist()] for field, entry in found.items()},
        "tolerance": answer.tolerance,
        "outside": list(answer.outside),
        "repairs": [vars(entry) for entry in answer.enrichments],
        "largest": largest,
        "quantities": quantity_summary(answer.quantities),
        "seconds": answer.seconds,
    }
