"""Open what a report is given: models, online results, built-in solutions and solver files."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from romtool.errors import ModelError
from romtool.loading import Loading
from romtool.pipeline.folders import Provenance, read_dictionary, read_head, read_model
from romtool.pipeline.report_indicator import indicator_facts
from romtool.pipeline.results import is_history, open_history, source_model
from romtool.reduced.dictionary import Dictionary
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import QuantityHistory
from romtool.report.indication import IndicatorFacts
from romtool.types import SolverResults

ONLINE, SOLUTION, SOLVER = "online result", "built-in solution", "solver files"


@dataclass(frozen=True)
class OpenedModel:
    """A model and where it is."""

    label: str
    path: Path
    model: ReducedModel


@dataclass(frozen=True)
class OpenedDictionary:
    """Several local models and where they are."""

    path: Path
    dictionary: Dictionary


@dataclass(frozen=True)
class OpenedHistory:
    """A history and where it is.

    Parameters
    ----------
    label: unique in the report. kind: ONLINE, SOLUTION or SOLVER. path: as given.
    results: its fields; None where they can not be reconstructed; `reason` says why.
    history, model: of an online result; the model is None where it is not found.
    indicator: what was known of the error of an online result.
    provenance, loading: None of solver files.
    quantities: of the case, by name.
    choice: which local models answered, in words.
    """

    label: str
    kind: str
    path: Path
    results: SolverResults | None
    reason: str = ""
    history: ReducedHistory | None = None
    model: OpenedModel | None = None
    indicator: IndicatorFacts | None = None
    provenance: Provenance | None = None
    loading: Loading | None = None
    quantities: Mapping[str, QuantityHistory] = field(default_factory=dict)
    choice: str = ""


@dataclass(frozen=True)
class Opened:
    """All that was given, and the models and dictionaries behind it."""

    models: list[OpenedModel]
    histories: list[OpenedHistory]
    dictionaries: list[OpenedDictionary]


def open_all(paths: Sequence[Path]) -> Opened:
    """Open what was given; the models behind online results come along.

    Parameters
    ----------
    paths: model folders, online results, built-in solutions, folders of these, or solver files.

    Raises
    ------
    ModelError, ReaderError: a path that holds nothing of that kind, or damaged.
    """
    found = list(dict.fromkeys(entry for path in paths for entry in _expand(path)))
    models = [entry for path in found if _is_model(path) for entry in _open_models(path)]
    histories = _named([_open(path, models) for path in found if not _is_model(path)])
    behind = [entry.model for entry in histories if entry.model is not None]
    different = {entry.model.model_id: entry for entry in (*models, *behind)}
    places = dict.fromkeys(entry.path for entry in different.values())
    several = [OpenedDictionary(path, read_dictionary(path)) for path in places]
    clustered = [entry for entry in several if entry.dictionary.clusters is not None]
    return Opened(_named_models(list(different.values())), histories, clustered)


def _is_model(path: Path) -> bool:
    return path.name == "model.h5" or (path / "model.h5").is_file()


def _expand(path: Path) -> list[Path]:
    """Return a path, or the results in a folder of results; head files stand for their folder."""
    if path.name in ("result.h5", "solution.h5"):
        return [path.parent]
    if not path.is_dir() or _is_model(path) or is_history(path):
        return [path]
    if (path / "dataset.h5").is_file():
        raise ModelError(f"{path}: is a dataset; give models, results, solutions or solver files")
    children = [child for child in sorted(path.iterdir()) if is_history(child)]
    if not children:
        raise ModelError(f"{path}: no model, result or solution here; give folders that romtool wrote, or solver files")
    return children


def _open_models(path: Path) -> list[OpenedModel]:
    """Open a model, or all of a dictionary."""
    models = read_dictionary(path).models
    several = len(models) > 1
    labels = [f"{model.statistics.get('case', path)}{f', cluster {n}' * several}" for n, model in enumerate(models)]
    return [OpenedModel(label, path, model) for label, model in zip(labels, models, strict=True)]


def _open_member(path: Path, model_id: str) -> OpenedModel:
    """Open the model that a result is in terms of."""
    found = next((entry for entry in _open_models(path) if entry.model.model_id == model_id), None)
    if found is not None:
        return found
    face = read_model(path, model_id)
    return OpenedModel(f"{face.statistics.get('case', path)}, phases", path, face)


def _open(path: Path, models: Sequence[OpenedModel]) -> OpenedHistory:
    """Open one history."""
    if (path / "result.h5").is_file():
        return _open_online(path, models)
    if (path / "solution.h5").is_file():
        loading: Loading = read_head(path / "solution.h5", "solution", "loading")
        provenance: Provenance = read_head(path / "solution.h5", "solution", "provenance")
        found = _quantities(path / "solution.h5", "solution")
        return OpenedHistory(
            loading.name,
            SOLUTION,
            path,
            open_history(path),
            provenance=provenance,
            loading=loading,
            quantities=found,
        )
    results = open_history(path)
    if not len(results.times):
        raise ModelError(f"{path}: holds no times; give results with a history")
    return OpenedHistory(path.name, SOLVER, path, results)


def _open_online(path: Path, models: Sequence[OpenedModel]) -> OpenedHistory:
    """Open an online result; without its whole model there are coordinates but no fields."""
    head = path / "result.h5"
    history: ReducedHistory = read_head(head, "result", "history")
    provenance: Provenance = read_head(head, "result", "provenance")
    loading: Loading = read_head(head, "result", "loading")
    model = next((entry for entry in models if entry.model.model_id == provenance.source_id), None)
    results, reason = None, ""
    try:
        source = _tidy(source_model(path, provenance))
        model = model or _open_member(source, provenance.source_id)
        results = open_history(path)
    except ModelError as error:
        reason = str(error)
    indicator = indicator_facts(
        *(read_head(head, "result", name) for name in ("indications", "outside", "enrichments", "tolerance"))
    )
    found, choice = _quantities(head, "result"), read_head(head, "result", "choice").in_words()
    return OpenedHistory(
        history.name, ONLINE, path, results, reason, history, model, indicator, provenance, loading, found, choice
    )


def _quantities(head: Path, kind: str) -> Mapping[str, QuantityHistory]:
    """Return the case's quantities; none where the file has none."""
    try:
        found: Mapping[str, QuantityHistory] = read_head(head, kind, "quantities")
    except ModelError:
        return {}
    return found


def _tidy(path: Path) -> Path:
    """Return a path without detours (`out/same/../../model`), relative to here where it is below."""
    plain = Path(os.path.normpath(path))
    return plain if plain.exists() else path


def _named_models(models: Sequence[OpenedModel]) -> list[OpenedModel]:
    """Make the labels unique: by the case, else with the path."""
    counts = Counter(entry.label for entry in models)
    return [replace(m, label=f"{m.label} ({m.path})") if counts[m.label] > 1 else m for m in models]


def _named(histories: Sequence[OpenedHistory]) -> list[OpenedHistory]:
    """Make the labels unique: results keep the name of their load, others get their kind or path where it is taken."""
    same_kind = Counter((entry.label, entry.kind) for entry in histories)
    taken = {entry.label for entry in histories if entry.kind == ONLINE}

    def name(entry: OpenedHistory) -> str:
        if same_kind[entry.label, entry.kind] > 1:
            return str(entry.path)
        return entry.label if entry.kind == ONLINE or entry.label not in taken else f"{entry.label} ({entry.kind})"

    return [replace(entry, label=name(entry)) for entry in histories]
