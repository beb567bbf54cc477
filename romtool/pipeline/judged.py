"""The verdict of a report on one model or result, from what its head files hold: no field is read."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from romtool import __version__
from romtool.errors import ModelError
from romtool.pipeline.folders import Provenance, read_dictionary, read_head
from romtool.pipeline.report_facts import light_facts, reduced_facts
from romtool.pipeline.report_indicator import indicator_facts
from romtool.pipeline.results import source_model
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ReducedModel
from romtool.report.content import HistoryFacts, Report
from romtool.report.judgement import accuracy, verdict
from romtool.report.units import Units


def judge_models(models: Sequence[ReducedModel]) -> dict[str, Any] | None:
    """Return how good models are: "level", "text", "limits", and the largest "error" that is known, with its "basis".

    Parameters
    ----------
    models: one, or the local models of a dictionary.
    """
    return _judge(models, ())


def judge_result(path: Path) -> dict[str, Any] | None:
    """Return how good an online result is, as `judge_models` does, by its error indicator.

    Parameters
    ----------
    path: of its result.h5; the model is looked up where it should be, and left out where it is not.

    Raises
    ------
    ModelError: damaged.
    """
    history: ReducedHistory = read_head(path, "result", "history")
    provenance: Provenance = read_head(path, "result", "provenance")
    indicator = indicator_facts(
        *(read_head(path, "result", name) for name in ("indications", "outside", "enrichments", "tolerance"))
    )
    facts = HistoryFacts(
        label=history.name,
        kind="online result",
        mesh=None,
        times=history.times,
        quantities=(),
        loading=None,
        same_loading=False,
        reduced=reduced_facts(history, provenance.source_id, "", indicator),
        seconds=dict(provenance.seconds),
        stopped=provenance.stopped,
    )
    try:
        models = read_dictionary(source_model(path.parent, provenance)).models
    except ModelError:
        models = ()
    return _judge([model for model in models if model.model_id == provenance.source_id], (facts,))


def _judge(models: Sequence[ReducedModel], histories: tuple[HistoryFacts, ...]) -> dict[str, Any] | None:
    """Return the verdict of a report on these models and results."""
    labels = [f"model {model.model_id}" for model in models]
    units = next((Units(**dict(model.statistics.get("units", {}))) for model in models), Units())  # type: ignore[call-overload]
    report = Report(
        title="",
        units=units,
        models=tuple(light_facts(model, label, units) for model, label in zip(models, labels, strict=True)),
        histories=histories,
        provenance=(),
        warnings=(),
        created="",
        version=__version__,
    )
    found, known = verdict(report), accuracy(report)
    return None if found is None else {**asdict(found), "error": known.error, "basis": known.basis}
