"""`romtool report`: open models, results and solver files, collect what they say, and write one document."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from romtool import __version__
from romtool.errors import CaseError, InputError
from romtool.io.atomic import atomic_file
from romtool.offline.calibrate import FLOOR
from romtool.pipeline.compare import compare
from romtool.pipeline.folders import Provenance
from romtool.pipeline.report_facts import (
    coordinate_unit,
    dictionary_facts,
    loading_facts,
    mesh_facts,
    model_facts,
    reduced_facts,
    reduced_loading_facts,
)
from romtool.pipeline.report_history import chosen_points, field_quantities, hysteresis_loops
from romtool.pipeline.report_pictures import field_pictures
from romtool.pipeline.report_provenance import (
    history_provenance,
    history_warnings,
    model_provenance,
    model_warnings,
    recorded_seconds,
)
from romtool.pipeline.report_references import References, find_references, same_nodes
from romtool.pipeline.report_sources import ONLINE, SOLUTION, OpenedHistory, OpenedModel, open_all
from romtool.pipeline.report_study import is_study, study_section
from romtool.report.build import build
from romtool.report.charts import axis
from romtool.report.content import (
    ErrorFacts,
    HistoryFacts,
    LoadingFacts,
    Loop,
    PictureSet,
    Quantity,
    ReducedFacts,
    Report,
)
from romtool.report.document import Document, Extra
from romtool.report.machine import to_json
from romtool.report.markdown import to_markdown
from romtool.report.page import to_html
from romtool.report.units import Units
from romtool.types import Floats

Say = Callable[[str], None]
Warnings = list[tuple[str, str]]


@dataclass(frozen=True)
class Options:
    """What a report shows beyond what every report shows.

    Parameters
    ----------
    pictures: draw the fields of the last time, and the reduced points.
    nodes: ids of nodes whose displacement is followed.
    points: (element id, local point) pairs whose stress over strain is shown; by default where p and the von Mises
        stress are largest.
    """

    pictures: bool = True
    nodes: tuple[int, ...] = ()
    points: tuple[tuple[int, int], ...] = ()


FORMATS: Mapping[str, Callable[[Document], str]] = {"html": to_html, "md": to_markdown, "json": to_json}
"""Name of a format -> how a document is rendered."""


def write_report(
    paths: Sequence[Path],
    out: Path,
    say: Say,
    *,
    overwrite: bool = False,
    form: str = "html",
    options: Options | None = None,
) -> Report:
    """Write a report on models and results: one self-contained HTML page, Markdown or JSON.

    Parameters
    ----------
    paths: model folders, online results, built-in solutions (or folders of them), solver files, in any mix.
    out: the file.
    say: takes sentences about what is done.
    overwrite: replace an existing file when the new one is complete.
    form: one of `FORMATS`.
    options: what to show.

    Returns
    -------
    What it shows.

    Raises
    ------
    CaseError: the file exists. ModelError, ReaderError: something that can not be opened.
    """
    check_free(out, overwrite)
    report = collect(paths, say, options)
    write_document(build(report), out, form)
    say(f"wrote {out}")
    return report


def check_free(out: Path, overwrite: bool) -> None:
    """Raise CaseError where a report can not be written."""
    if out.is_dir() or (out.exists() and not overwrite):
        remedy = "give a file name to -o" if out.is_dir() else "give --overwrite or another -o"
        raise CaseError(f"{out} exists; {remedy}")


def write_document(document: Document, out: Path, form: str) -> None:
    """Write a document in one of `FORMATS`; the file appears when it is complete."""
    with atomic_file(out) as temporary:
        temporary.write_text(FORMATS[form](document), encoding="utf-8")


OTHERS: tuple[tuple[Callable[[Path], bool], Callable[[Path, str], Extra]], ...] = ((is_study, study_section),)
"""Folders of other stages: how they are recognised, and what they bring; the text is the label of the time axis."""


def collect(paths: Sequence[Path], say: Say, options: Options | None = None) -> Report:
    """Open the paths and return what a report shows of them.

    Parameters
    ----------
    paths, say, options: as for `write_report`.

    Raises
    ------
    ModelError, ReaderError: something that can not be opened.
    """
    options = options or Options()
    theirs = {path: bring for path in paths for knows, bring in OTHERS if knows(path)}
    opened = open_all([path for path in paths if path not in theirs])
    models, histories = opened.models, opened.histories
    units, warnings = _units(models)
    references, remarks = find_references(histories)
    found = [_history_facts(entry, references, units, say, options) for entry in histories]
    shown = [facts for facts, _ in found]
    loops = _loops(histories, shown, options)
    pictures = _all_pictures(histories, shown, references, units) if options.pictures else {}
    extras = tuple(bring(path, axis("time", units.time)) for path, bring in theirs.items())
    warnings += [text for entry in models for text in model_warnings(entry)] + remarks
    warnings += [text for entry in histories for text in history_warnings(entry)]
    warnings += [text for _, texts in found for text in texts]
    return Report(
        title=", ".join(_titles(models, histories) or [extra.label for extra in extras]),
        units=units,
        models=tuple(
            model_facts(entry.path, entry.model, entry.label, units, pictures=options.pictures) for entry in models
        ),
        histories=tuple(
            replace(facts, loops=loops[facts.label], pictures=pictures.get(facts.label, PictureSet()))
            for facts in shown
        ),
        provenance=(*map(model_provenance, models), *map(history_provenance, histories)),
        warnings=tuple(dict.fromkeys(warnings)),
        created=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z"),
        version=__version__,
        extras=extras,
        dictionaries=tuple(dictionary_facts(entry, models) for entry in opened.dictionaries),
        differences=_between_results(histories),
    )


def _titles(models: Sequence[OpenedModel], histories: Sequence[OpenedHistory]) -> list[str]:
    """Return the names of the cases, else of the histories."""
    cases = [str(entry.model.statistics.get("case", entry.label)) for entry in models]
    return list(dict.fromkeys(cases or [entry.label for entry in histories]))


def _between_results(histories: Sequence[OpenedHistory]) -> ErrorFacts | None:
    """Return how far the fields of two online results are from each other, where they are comparable."""
    results = [entry for entry in histories if entry.kind == ONLINE and entry.results is not None]
    if len(results) != 2 or not same_nodes(*results):
        return None
    return _errors(results[1], results[0])[0]


def _units(models: Sequence[OpenedModel]) -> tuple[Units, Warnings]:
    """Return the labels of the first model that has any, and a warning where another differs."""
    found = [Units(**dict(entry.model.statistics.get("units", {}))) for entry in models]  # type: ignore[call-overload]
    known = [units for units in found if units.known]
    if not known:
        return Units(), []
    differ = [entry.label for entry, units in zip(models, found, strict=True) if units.known and units != known[0]]
    text = "its unit labels differ from those of the first model, which this page uses for all"
    return known[0], [(label, text) for label in differ]


def _history_facts(
    entry: OpenedHistory, references: References, units: Units, say: Say, options: Options
) -> tuple[HistoryFacts, Warnings]:
    """Return what a history says, and why its errors can not be told; its fields are read here."""
    say(f"{entry.label}: {entry.path}")
    reference = references.get(entry.label)
    errors, reason = _errors(entry, reference)
    loading, same = _loading(entry, units)
    quantities = field_quantities(entry.results, units, options.nodes)
    provenance = entry.provenance or Provenance("", "", seconds=recorded_seconds(entry.path))
    facts = HistoryFacts(
        label=entry.label,
        kind=entry.kind,
        mesh=None if entry.results is None else mesh_facts(entry.results.mesh),
        times=_times(entry),
        quantities=(*quantities, *case_quantities(entry)),
        loading=loading,
        same_loading=same,
        reduced=_reduced(entry, units),
        seconds=dict(provenance.seconds),
        reference="" if errors is None or reference is None else reference.label,
        errors=errors,
        memory=dict(provenance.memory),
        stopped=provenance.stopped,
    )
    return facts, [(entry.label, f"no errors: {reason}")] if reason else []


def _loops(
    histories: Sequence[OpenedHistory], facts: Sequence[HistoryFacts], options: Options
) -> dict[str, tuple[Loop, ...]]:
    """Return stress over strain: of a result at its own points, of a reference at those of its results."""
    points: dict[str, dict[tuple[int, int], None]] = {}
    references = {entry.reference for entry in facts}
    for entry in facts:
        chosen = chosen_points(entry.quantities, options.points) if entry.label not in references else ()
        for label in filter(None, (entry.label, entry.reference)):
            points.setdefault(label, {}).update(dict.fromkeys(chosen))
    return {entry.label: tuple(hysteresis_loops(entry.results, tuple(points[entry.label]))) for entry in histories}


def case_quantities(entry: OpenedHistory) -> Iterator[Quantity]:
    """Yield the case's own quantities of a history."""
    times = _times(entry)
    for name, found in entry.quantities.items():
        if len(found.values) == len(times) and len(times):
            largest = int(np.abs(found.values).argmax())
            yield Quantity(name, name, "", "case", times, found.values, float(times[largest]), f"from {found.source}")


def _times(entry: OpenedHistory) -> Floats:
    """Return the times of a history."""
    if entry.history is not None:
        return entry.history.times
    return entry.results.times if entry.results is not None else np.zeros(0)


def _reduced(entry: OpenedHistory, units: Units) -> ReducedFacts | None:
    """Return what only an online result has."""
    if entry.history is None or entry.provenance is None or entry.indicator is None:
        return None
    unit = coordinate_unit(entry.model.model, units) if entry.model is not None else ""
    found = reduced_facts(entry.history, entry.provenance.source_id, unit, entry.indicator)
    return replace(found, choice=entry.choice)


def _loading(entry: OpenedHistory, units: Units) -> tuple[LoadingFacts | None, bool]:
    """Return the loading of a history, and whether it is the model's first training loading."""
    if entry.loading is None:
        return None, False
    if entry.kind == SOLUTION and entry.results is not None:
        return loading_facts(entry.loading, entry.results.mesh.points, "all nodes", units), False
    if entry.model is None:
        return None, False
    ours = reduced_loading_facts(entry.model.model, entry.loading, units)
    first = reduced_loading_facts(entry.model.model, entry.model.model.first, units)
    return ours, _shown(ours) == _shown(first)


def _shown(loading: LoadingFacts) -> list[object]:
    """Return all that a page shows of a loading but its name."""
    loads = [(load.name, load.kind, load.region, load.low.tolist(), load.high.tolist()) for load in loading.loads]
    return [loading.times.tolist(), loads, loading.supports, loading.temperature.tolist()]


def _errors(entry: OpenedHistory, reference: OpenedHistory | None) -> tuple[ErrorFacts | None, str]:
    """Return the errors against a reference, or why there are none."""
    if entry.results is None or reference is None or reference.results is None:
        return None, ""
    try:
        found = compare(entry.results, reference.results)
    except InputError as error:
        return None, str(error)
    rows = tuple((name, e.relative_l2, e.relative_max, e.absolute_l2) for name, e in found.fields.items())
    per_time = {name: np.array(e.per_time) for name, e in found.fields.items()}
    causal = {name: e.causal(floor) for name, e in found.fields.items() if (floor := _floor(entry, name))}
    skipped = {name: _skipped(name, reason, entry, reference) for name, reason in found.skipped.items()}
    return ErrorFacts(found.times, rows, per_time, causal, skipped), ""


def _floor(entry: OpenedHistory, field: str) -> float:
    """Return the norm below which a dual field of an online result is negligible, 0 where that is not known."""
    if entry.model is None or field not in entry.model.model.duals:
        return 0.0
    norms: Mapping[str, float] = entry.model.model.statistics["largest_norms"]  # type: ignore[assignment]
    return FLOOR * norms[field]


def _skipped(name: str, reason: str, entry: OpenedHistory, reference: OpenedHistory) -> str:
    """Return why a field was not compared, with the labels of the page."""
    for one, other in ((entry, reference), (reference, entry)):
        if one.results is not None and name not in one.results.fields:
            return f"only in {other.label}"
    return reason


MOST_PICTURED = 4
"""Histories whose pictures are drawn; with more a page would be large."""


def _all_pictures(
    histories: Sequence[OpenedHistory], facts: Sequence[HistoryFacts], references: References, units: Units
) -> dict[str, PictureSet]:
    """Return the pictures of the first histories that are no reference, and of the others why there are none."""
    theirs = {other.label for other in references.values()}
    own = [pair for pair in zip(histories, facts, strict=True) if pair[0].label not in theirs]
    reason = f"a report draws those of {MOST_PICTURED} histories; make one of this history alone"
    found = {entry.label: PictureSet(missing={"the fields": reason}) for entry, _ in own}
    for entry, known in own[:MOST_PICTURED]:
        found[entry.label] = _pictures(entry, references.get(entry.label), units, known.quantities)
    return found


def _pictures(
    entry: OpenedHistory, reference: OpenedHistory | None, units: Units, quantities: Sequence[Quantity]
) -> PictureSet:
    """Return the pictures of a history: of p at its last time, of the others when the stress is largest."""
    if entry.results is None:
        return PictureSet(missing={"p, von Mises stress": entry.reason})
    stress = next((found for found in quantities if found.symbol == "max von Mises"), None)
    top = len(entry.results.times) - 1 if stress is None else int(np.searchsorted(stress.times, stress.time))
    rows = {"stress": top, "T": top}
    return field_pictures(entry.results, None if reference is None else reference.results, units, rows)
