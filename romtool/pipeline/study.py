"""`romtool study`: answer many draws of loads, spread over ranks or jobs, and describe what comes out.

The folder of a study grows: each block of draws appears as a file when it is complete, and is not computed again. When
all are there, quantiles are taken of quantities and fields.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError, ModelError
from romtool.interruption import deferred, stop_if_asked
from romtool.io.atomic import atomic_file
from romtool.io.lock import Lock, drop_stale
from romtool.io.study import RandomNumber, read_study
from romtool.linalg.reduction import Comm
from romtool.loading import Loading
from romtool.offline.clock import Clock
from romtool.online.draws import Draws
from romtool.online.quantiles import Spread, spread
from romtool.online.study import DrawBlock, Further, StudyResult, join_blocks, march_draws, nothing, take_draws
from romtool.pipeline.folders import model_file, now, read_dictionary, read_head, versions, write_head
from romtool.pipeline.interface import load_plugins
from romtool.pipeline.life_reduced import ENDLESS, REDUCED, ReducedLives
from romtool.pipeline.ranks import on_root, together
from romtool.pipeline.study_fields import Answers, mesh_values, write_field_quantiles
from romtool.pipeline.study_inputs import LIFE, Inputs, Kept, open_inputs
from romtool.progress import Track, untracked
from romtool.reduced.dictionary import Dictionary
from romtool.reduced.march import ReducedHistory, load_kernels
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import MESH, source_of
from romtool.types import Floats

KIND = "study-draws"
BLOCK = 50
"""Draws in a file."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class StudyRequest:
    """How a study is run.

    Parameters
    ----------
    overwrite: replace the draws of another study.
    part: (i, n): answer the i-th of n shares of the draws, from 1; None for all.
    allow_plugin: load the library of a law that the model names.
    track: begins to show how far the draws are.
    """

    overwrite: bool = False
    part: tuple[int, int] | None = None
    allow_plugin: bool = False
    track: Track = untracked


def study(model_path: Path, study_path: Path, out: Path, comm: Comm, say: Say, request: StudyRequest) -> StudyResult:
    """Answer the draws of a study that are not answered yet; when all are, describe them.

    Parameters
    ----------
    model_path: model folder, or its model.h5 alone: then fields and quantities that need the mesh are not known.
    study_path: the study file.
    out: folder of the study; what is there of the same study is kept.
    comm: the ranks; all call this together.
    say: takes sentences about what is done.
    request: how it is run.

    Raises
    ------
    CaseError, ReaderError, ModelError: wrong input, a folder with draws of other inputs, or another run at work there.
    StoppedError: a signal came; the blocks that are answered are kept.
    """
    i, n = request.part or (1, 1)
    lock = Lock(out if n == 1 else out.with_name(f"{out.name}.{i}-of-{n}"))
    on_root(comm, lambda: _take(lock))
    try:
        return _study(model_path, study_path, out, comm, say, request)
    finally:
        lock.release()


def _take(lock: Lock) -> None:
    """Take the lock of a study; its folder is made where it is missing."""
    try:
        lock.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaseError(f"{lock.path.parent} cannot be made: {error.strerror}; give another -o") from error
    lock.acquire()


def _study(model_path: Path, study_path: Path, out: Path, comm: Comm, say: Say, request: StudyRequest) -> StudyResult:
    """See `study`."""
    clock = Clock(lambda text: None)
    with clock.phase("load", ""):
        further = together(comm, lambda: _lives(model_path, read_study(study_path).output.life))
        dictionary, inputs = _open(model_path, study_path, out, comm, say, request)
        model, draws = dictionary.face, on_root(comm, inputs.draws)
    with clock.phase("draws", ""):
        n_marched = _march(dictionary, inputs, draws, out, comm, request, further)
    rate = n_marched / max(clock.seconds["draws"], 1e-9)
    if n_marched:
        say(f"{n_marched} draws in {clock.seconds['draws']:.1f} s, {rate:.1f} per second")
    facts = _facts(inputs, model, model_path, rate)
    lacking = on_root(comm, lambda: _lacking(out, inputs))
    on_root(comm, lambda: drop_stale(out / "draws"))
    if lacking:
        done = inputs.study.draws - sum(len(numbers) for numbers in lacking.values())
        say(f"{done} of {inputs.study.draws} draws are there; quantiles are taken when all are")
        return StudyResult(**facts, done=done, seconds=clock.seconds)
    block = on_root(comm, lambda: _read_all(out, inputs))
    answers = Answers(model_file(model_path).parent, dictionary.members, block, inputs.at)
    with clock.phase("quantities", ""):
        values, missing = _quantity_values(answers, inputs, comm)
    with clock.phase("fields", ""):
        lost = _write_fields(out, answers, inputs, comm)
    facts |= _spreads(inputs, model, answers.block, values)
    written = () if lost else inputs.study.output.fields
    result = StudyResult(**facts, fields=written, missing=missing | lost, seconds=clock.seconds)
    on_root(comm, lambda: _write(out, result, draws, values))
    if result.outside:
        respects = ", ".join(f"{what} ({count})" for what, count in result.outside.items())
        say(f"warning: {result.n_outside} of {result.done} draws are outside the training: {respects}")
    say(f"{result.done} draws, {result.stopped} not converged -> {out}")
    return result


def _open(
    model_path: Path, study_path: Path, out: Path, comm: Comm, say: Say, request: StudyRequest
) -> tuple[Dictionary, Inputs]:
    """Read the model on every rank, and on rank 0 all else that the draws have in common."""
    dictionary = together(comm, lambda: read_dictionary(model_path))
    model = dictionary.face
    if request.allow_plugin:
        together(comm, lambda: load_plugins(model, model_path, say))
    kept = Kept(out, request.overwrite)
    inputs = on_root(comm, lambda: open_inputs(study_path, model_path, model, kept, say))
    load_kernels(model)
    return dictionary, inputs


def _name(index: int) -> str:
    """Return the file name of a block of draws."""
    return f"draws-{index:06d}.h5"


def _lacking(out: Path, inputs: Inputs) -> dict[int, range]:
    """Return block -> its draws, of the blocks that are not there or hold fewer draws than are asked for."""
    count, found = inputs.study.draws, {}
    for index in range(-(-count // BLOCK)):
        numbers, path = range(index * BLOCK, min((index + 1) * BLOCK, count)), out / "draws" / _name(index)
        if not path.is_file() or _count(path) < len(numbers):
            found[index] = numbers
    return found


def _count(path: Path) -> int:
    """Return the number of draws in a block; 0 where it is damaged, to answer them again."""
    try:
        return len(read_head(path, KIND, "numbers"))
    except ModelError:
        return 0


def _lives(model_path: Path, life: Path | None) -> Further:
    """Return what takes the shortest life of an answer, at the reduced points of the model; nothing without a file."""
    if life is None:
        return nothing
    evaluator = ReducedLives(model_path, life)

    def shortest(model: ReducedModel, loading: Loading, history: ReducedHistory) -> dict[str, float]:
        return {LIFE: min(evaluator.lives(model, loading, history).minimum, ENDLESS)}

    return shortest


def _march(
    dictionary: Dictionary,
    inputs: Inputs,
    draws: Draws,
    out: Path,
    comm: Comm,
    request: StudyRequest,
    further: Further,
) -> int:
    """Answer the draws that are lacking, block after block; return how many all ranks answered."""
    lacking = on_root(comm, lambda: _lacking(out, inputs))
    share, n_shares = request.part or (1, 1)
    mine = [index for index in lacking if index % n_shares == share - 1]
    count, loading_of = inputs.study.draws, inputs.loading_of(draws)
    tolerance = _tolerance(dictionary.face)
    tick = request.track("draws")
    tick(count - sum(map(len, lacking.values())), count, "")

    def march(indices: Sequence[int]) -> None:
        for index in indices:
            with atomic_file(out / "draws" / _name(index)) as path:
                block = march_draws(dictionary, loading_of, lacking[index], inputs.weights, tolerance, further)
                write_head(path, KIND, digest=inputs.digest, numbers=block.numbers, block=block)
            if comm.rank == 0:
                here = sum(1 for _ in (out / "draws").glob("draws-*.h5"))
                tick(min(here * BLOCK, count), count, "")

    with deferred():
        for first in range(0, len(mine), comm.size):
            together(comm, lambda start=first + comm.rank: march(mine[start : start + 1]))  # type: ignore[misc]
            if first + comm.size < len(mine):
                stop_if_asked(comm, f"{first + comm.size} blocks of draws")
    return sum(len(lacking[index]) for index in mine)


def _tolerance(model: ReducedModel) -> float:
    """Return the largest error bound that a step of a model may have."""
    return float(model.statistics["settings"]["indicator"]["tolerance"])  # type: ignore[index]


def _read_all(out: Path, inputs: Inputs) -> DrawBlock:
    """Return what is kept of all draws; what broken-off runs left behind is removed.

    Raises
    ------
    ModelError: a block of other inputs.
    """
    folder, blocks = out / "draws", []
    for index in range(-(-inputs.study.draws // BLOCK)):
        if read_head(folder / _name(index), KIND, "digest") != inputs.digest:
            raise ModelError(f"{folder / _name(index)}: belongs to another study; remove it and run again")
        blocks.append(read_head(folder / _name(index), KIND, "block"))
    return take_draws(join_blocks(blocks), inputs.study.draws)


def _quantity_values(answers: Answers, inputs: Inputs, comm: Comm) -> tuple[dict[str, Floats], dict[str, str]]:
    """Return quantity -> (n_draws, n_at) values, and why some are not known."""
    wanted = inputs.study.output.quantities
    values: dict[str, Floats] = {}
    missing: dict[str, str] = {}
    if inputs.study.output.life:
        values[LIFE] = answers.block.quantities.get(
            LIFE, np.full((len(answers.block.numbers), len(answers.at)), np.nan)
        )
    for functional in answers.models[0].quantities:
        quantity = functional.quantity
        if wanted is not None and quantity.name not in wanted:
            continue
        if source_of(functional) != MESH:
            if quantity.name in answers.block.quantities:
                values[quantity.name] = answers.block.quantities[quantity.name]
            else:
                missing[quantity.name] = "not known of any draw"
            continue
        try:
            values[quantity.name] = mesh_values(quantity, answers, comm)
        except ModelError as error:
            missing[quantity.name] = str(error)
    return values, missing


def _write_fields(out: Path, answers: Answers, inputs: Inputs, comm: Comm) -> dict[str, str]:
    """Write the fields that are asked for; return why some are not known."""
    output = inputs.study.output
    if not output.fields or answers.block.stopped.all():
        return dict.fromkeys(output.fields, "no draw converged") if output.fields else {}
    try:
        write_field_quantiles(out, answers, output, comm)
    except ModelError as error:
        return dict.fromkeys(output.fields, str(error))
    return {}


def _facts(inputs: Inputs, model: ReducedModel, model_path: Path, rate: float) -> dict[str, Any]:
    """Return what is known of a study whether it is complete or not."""
    given = inputs.study
    widths = {entry.target: 1 if isinstance(entry, RandomNumber) else 0 for entry in given.random}
    widths |= {target: modes.modes.shape[1] for target, modes in inputs.fields.items()}
    return {
        "name": given.name,
        "model_id": model.model_id,
        "source": str(model_path),
        "draws": given.draws,
        "at": inputs.at,
        "random": widths,
        "tolerance": _tolerance(model),
        "rate": rate,
        "versions": versions(),
        "created": now(),
    }


def _spreads(inputs: Inputs, model: ReducedModel, block: DrawBlock, values: Mapping[str, Floats]) -> dict[str, Any]:
    """Return the distributions of all quantities, and what the indicator says of the draws."""
    output, converged = inputs.study.output, ~block.stopped
    sources = {entry.quantity.name: source_of(entry) for entry in model.quantities} | {LIFE: REDUCED}
    return {
        "done": len(block.numbers),
        "stopped": int(block.stopped.sum()),
        "spreads": {
            name: spread(found[converged], output.quantiles, output.thresholds.get(name), inputs.study.seed)
            for name, found in values.items()
            if converged.any()
        },
        "sources": {name: sources[name] for name in values},
        "bounds": block.bounds,
        "share_above": float(block.above.mean()),
        "n_outside": int(np.any([np.zeros_like(block.stopped), *block.outside.values()], axis=0).sum()),
        "outside": {what: int(values.sum()) for what, values in block.outside.items()},
    }


def _write(out: Path, result: StudyResult, draws: Draws, values: Mapping[str, Floats]) -> None:
    """Write study.h5, and a table with a line per draw."""
    with atomic_file(out / "study.h5") as path:
        write_head(path, "study", result=result)
    columns = dict(draws.numbers)
    for name, found in values.items():
        columns |= {f"{name} at {time:g}": found[:, i] for i, time in enumerate(result.at)}
    with atomic_file(out / "draws.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["draw", *columns])
        writer.writerows([i, *row] for i, row in enumerate(zip(*(c.tolist() for c in columns.values()), strict=True)))


def study_summary(result: StudyResult) -> dict[str, Any]:
    """Return what `study --json` prints."""
    return {
        "name": result.name,
        "draws": result.draws,
        "done": result.done,
        "stopped": result.stopped,
        "complete": result.complete,
        "at": result.at.tolist(),
        "random": dict(result.random),
        "quantities": {name: _spread_summary(name, entry, result) for name, entry in result.spreads.items()},
        "fields": list(result.fields),
        "missing": dict(result.missing),
        "indicator": {
            "tolerance": result.tolerance,
            "share_above": result.share_above,
            "bound": {field: float(values.max(initial=0.0)) for field, values in result.bounds.items()},
        },
        "outside": {"draws": result.n_outside, "by": dict(result.outside)},
        "rate": result.rate,
        "seconds": dict(result.seconds),
    }


def _spread_summary(name: str, entry: Spread, result: StudyResult) -> dict[str, Any]:
    """Return what is said of one quantity; values are per time."""
    keys = [f"{probability:g}" for probability in entry.probabilities]
    half = entry.converging[max(0, len(entry.sizes) - 2)]
    return {
        "source": result.sources[name],
        "mean": entry.values.mean(axis=0).tolist(),
        "standard_deviation": entry.values.std(axis=0).tolist(),
        "quantiles": dict(zip(keys, entry.quantiles.tolist(), strict=True)),
        "bootstrap": dict(zip(keys, entry.errors.tolist(), strict=True)),
        "halves": {key: [half[k].tolist(), entry.second_half[k].tolist()] for k, key in enumerate(keys)},
        "convergence": {
            str(n): dict(zip(keys, q.tolist(), strict=True)) for n, q in zip(entry.sizes, entry.converging, strict=True)
        },
        "threshold": entry.threshold,
        "exceedance": None if entry.threshold is None else entry.exceedance.tolist(),
        "below": None if entry.threshold is None else (1.0 - entry.exceedance).tolist(),
    }
