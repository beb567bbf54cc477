"""Facts of studies for reports."""

from pathlib import Path

from romtool.errors import ModelError
from romtool.online.study import StudyResult
from romtool.pipeline.folders import read_head
from romtool.pipeline.report_provenance import made_with
from romtool.pipeline.study_inputs import INPUTS
from romtool.report.document import Extra
from romtool.report.study import StudyFacts, StudyQuantity, study_extra


def is_study(path: Path) -> bool:
    """Tell whether a path is the folder of a study, or its study.h5."""
    return path.name == "study.h5" or (path / "study.h5").is_file() or (path / INPUTS).is_file()


def study_section(path: Path, time: str) -> Extra:
    """Return what a study brings to a report; `time` is the label of the time axis. Raises ModelError."""
    return study_extra(study_facts(path), time)


def study_facts(path: Path) -> StudyFacts:
    """Return what a study says.

    Raises
    ------
    ModelError: it is not complete, or damaged.
    """
    head = path if path.name == "study.h5" else path / "study.h5"
    if not head.is_file():
        raise ModelError(f"{path}: the study is not complete; run `romtool study` again")
    result: StudyResult = read_head(head, "study", "result")
    return StudyFacts(
        label=result.name,
        model_id=result.model_id,
        n_draws=result.done,
        n_stopped=result.stopped,
        times=result.at,
        random=tuple(result.random.items()),
        quantities=tuple(_quantity(name, result) for name in result.spreads),
        fields=tuple(result.fields),
        missing=result.missing,
        bounds={field: float(values.max(initial=0.0)) for field, values in result.bounds.items()},
        share_above=result.share_above,
        tolerance=result.tolerance,
        seconds=result.seconds,
        provenance=(
            *(("kind", "study"), ("path", str(path)), ("model", result.source), ("model id", result.model_id)),
            *(("created", result.created), *made_with(result.versions)),
        ),
    )


def _quantity(name: str, result: StudyResult) -> StudyQuantity:
    """Return the distribution of one quantity."""
    entry = result.spreads[name]
    return StudyQuantity(
        name=name,
        source=result.sources[name],
        values=entry.values[:, -1],
        probabilities=tuple(entry.probabilities),
        quantiles=entry.quantiles,
        errors=entry.errors,
        sizes=tuple(entry.sizes),
        converging=entry.converging[:, :, -1],
        threshold=entry.threshold,
        exceedance=None if entry.threshold is None else float(entry.exceedance[-1]),
    )
