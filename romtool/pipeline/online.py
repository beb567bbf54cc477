"""`romtool online`: answer new load cases with a model alone."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import ConvergenceError
from romtool.interruption import deferred, stop_if_asked
from romtool.io.atomic import check_free, digest_files, digest_text
from romtool.io.built_load import Load
from romtool.io.load import LoadFile, check_unique, read_load
from romtool.linalg.reduction import SerialComm
from romtool.loading import Before, Loading
from romtool.offline.clock import peak_memory
from romtool.online.adapt import Enrichment
from romtool.pipeline.folders import Provenance, model_file, now, read_head, value_digest, versions, write_head
from romtool.pipeline.interface import Result
from romtool.pipeline.interface import load as load_model
from romtool.pipeline.missions import check_jump, read_start
from romtool.pipeline.quantities import quantity_summary, write_histories
from romtool.pipeline.ranks import SharedWork, shared_works
from romtool.progress import Track, untracked
from romtool.reduced.adaptive import step_words
from romtool.reduced.cycles import cycle_summary, in_words
from romtool.reduced.dictionary import Choice
from romtool.reduced.indicator import ELASTIC, OUTSIDE, STATUS_WORDS, Indication
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import QuantityHistory
from romtool.reduced.validity import outside_validity

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
    before: what it went on from.
    steps: which steps it took, and those of the training.
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
    before: Before = field(default_factory=Before)
    steps: str = ""


def online(
    model_path: Path,
    load_paths: Sequence[Path],
    out: Path,
    say: Say,
    *,
    overwrite: bool = False,
    allow_plugin: bool = False,
    start: Path | None = None,
    track: Track = untracked,
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
    start: folder of a result, whose end is where each load begins; the undeformed body where None.
    track: begins to show how many loads are answered.

    Raises
    ------
    CaseError, ReaderError, ModelError: wrong input; nothing is written.
    LawError: a library that is not allowed, or cannot be loaded.
    StoppedError: a signal came; results that are written are kept, and the same command goes on.
    ConvergenceError: a load case that the model can not follow; its steps and the results before it are kept.
    """
    model = load_model(model_path, allow_plugin=allow_plugin, say=say)
    loads = read_new_loads(load_paths, out, overwrite=overwrite)
    begun = None if start is None else read_start(start)
    prepared = []
    for load in loads:
        clock = time.perf_counter()
        ready = model.prepare(Load.of(load), begun)
        prepared.append((ready, time.perf_counter() - clock))
    if begun is not None:
        points = model.dictionary.models[0].thermal.points
        for ready, _ in prepared:
            check_jump(ready.loading, begun.loading, points, say)
    comm = SerialComm()
    given = f"{digest_files([model_file(model_path)])} {value_digest(begun and begun.state)} {versions()}"
    keys = {out / ready.loading.name: digest_text(f"{given} {value_digest(ready.loading)}") for ready, _ in prepared}
    answers, tick = list[Answer](), track("loads")
    with deferred(), shared_works(keys, comm, overwrite=overwrite) as works:
        for (ready, seconds), work in zip(prepared, works, strict=True):
            tick(len(answers), len(works), ready.loading.name)
            if work.done:
                say(f"{ready.loading.name}: kept from the run before -> {work.path}")
                answers.append(read_answer(work.path))
                continue
            answers.append(_answer(model.answer(ready, begun, seconds), work, say))
            if len(answers) < len(works):
                stop_if_asked(comm, f"load {ready.loading.name}")
    return answers


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


def _answer(result: Result, work: SharedWork, say: Say) -> Answer:
    """Write the folder of an answer; a march that stopped is written up to there, and then told."""
    for text in result.outside:
        say(f"{result.name}: outside the training: {text}")
    run, path = result.run, result.model.path
    answer = Answer(
        run.choice,
        run.history,
        run.indications,
        result.outside,
        dict(result.seconds),
        result.tolerance,
        stopped=run.stopped,
        quantities=result.quantities,
        before=result.before,
        steps=step_words(run.model, run.history.times),
    )
    source = os.path.relpath(model_file(path) if path.is_file() else path, work.path)
    answer = write_answer(work.new, answer, result.loading, run.model.model_id, source)
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
    memory = dict.fromkeys(list(answer.seconds)[-1:], peak_memory())
    provenance = Provenance(source, model_id, versions(), now(), answer.seconds, answer.stopped, memory)
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
        before=answer.before,
    )
    write_histories(folder / "quantities.csv", answer.history.times, answer.quantities)
    return replace(answer, seconds={**answer.seconds, "write": time.perf_counter() - start})


def read_answer(folder: Path) -> Answer:
    """Return the answer that `write_answer` wrote. Raises ModelError."""
    names = ("choice", "history", "indications", "outside", "tolerance", "enrichments", "quantities", "before")
    found = {name: read_head(folder / "result.h5", "result", name) for name in names}
    provenance: Provenance = read_head(folder / "result.h5", "result", "provenance")
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
    words = [answer.before.in_words(), answer.steps, "" if history.cycles is None else in_words(history.cycles)]
    for text in filter(None, words):
        say(f"{history.name}: {text}")
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
        "before": {"names": list(answer.before.names), "elapsed": answer.before.elapsed},
        "cycles": None if history.cycles is None else cycle_summary(history.cycles),
    }
