"""From what a report shows to its document: the one place that says which sections there are, and in which order."""

from collections.abc import Iterator, Mapping
from typing import Any

from romtool.report.comparison import compare_histories, compare_models
from romtool.report.content import HistoryFacts, Report
from romtool.report.document import Block, Column, Document, Section, Table, Text, facts
from romtool.report.judgement import indicator_rows, speed_up, verdict
from romtool.report.model_section import dictionary_section, model_section
from romtool.report.result_section import history_section
from romtool.report.summary import sentences, tiles
from romtool.report.words import count, duration, factor, plural


def build(report: Report) -> Document:
    """Return the document of a report.

    Parameters
    ----------
    report: what to show.
    """
    return Document(
        title=report.title,
        made=_made(report),
        verdict=verdict(report),
        tiles=tuple(tiles(report)),
        summary=tuple(sentences(report)),
        sections=tuple(_sections(report)),
        created=report.created,
        version=report.version,
    )


def _made(report: Report) -> str:
    """Say when, by which version and from what a report was made."""
    n_histories = len(report.histories)
    given = [plural(len(report.models), "model")] if report.models else []
    given += [f"{count(n_histories)} {'history' if n_histories == 1 else 'histories'}"] if n_histories else []
    given += [f"a {extra.section.kind}" for extra in report.extras]
    labels = [model.label for model in report.models] + [history.label for history in report.histories]
    labels += [extra.label for extra in report.extras]
    text = f"Made {report.created} by romtool {report.version} from {' and '.join(given)}: {', '.join(labels)}."
    return text + ("" if report.units.known else " No unit labels are recorded in them.")


def _sections(report: Report) -> Iterator[Section]:
    """Yield all sections in order; folders of other stages bring theirs after the histories."""
    if report.warnings:
        rows = tuple(report.warnings)
        yield Section("warnings", "Warnings", (Table("", (Column("of"), Column("warning")), rows),))
    if len(report.histories) > 1:
        yield Section("glance", "At a glance", (_glance(report),))
    found = (compare_models(report.models), compare_histories(report))
    yield from (section for section in found if section is not None)
    for number, model in enumerate(report.models, start=1):
        yield model_section(model, report.units, number)
    for number, entry in enumerate(report.dictionaries, start=1):
        yield dictionary_section(entry, number)
    for number, history in enumerate(report.histories, start=1):
        yield history_section(history, report, number)
    yield from (extra.section for extra in report.extras)
    if costs := tuple(_costs(report)):
        yield Section("cost", "Cost", (_cost_table(costs), *_ratios(report)))
    if origins := tuple(_provenance(report)):
        yield Section("provenance", "Provenance", origins)


def _glance(report: Report) -> Table:
    """Return all histories in a table."""
    stress, length = report.units.stress, report.units.length
    names = {
        "max p": "max p",
        "max von Mises": f"max von Mises [{stress}]" if stress else "max von Mises",
        "max |u|": f"max |u| [{length}]" if length else "max |u|",
    }
    columns = (
        *(Column("history"), Column("kind"), Column("steps", "count"), Column("iterations", "count")),
        Column("march or solve", "duration"),
        *(Column(name, "number") for name in names.values()),
        *(Column("repairs", "count"), Column("error bound", "percent")),
        *(Column("reference"), Column("largest error", "percent")),
    )
    return Table("", columns, tuple(_glance_row(history, tuple(names)) for history in report.histories))


def _glance_row(history: HistoryFacts, symbols: tuple[str, ...]) -> tuple[Any, ...]:
    """Return one history."""
    reduced, errors = history.reduced, history.errors.rows if history.errors is not None else ()
    largest = {entry.symbol: entry.largest for entry in history.quantities}
    return (
        *(history.label, history.kind, len(history.times) - 1),
        None if reduced is None else int(reduced.iterations.sum()),
        history.seconds.get("march", history.seconds.get("solve")),
        *(largest.get(symbol) for symbol in symbols),
        None if reduced is None else len(reduced.indicator.repaired),
        max((row.bound for row in indicator_rows(history) if row.bound is not None), default=None),
        history.reference or None,
        max((error for _, error, _, _ in errors if error is not None), default=None),
    )


Cost = tuple[str, str, float, float, float | None]
"""Stage, phase, seconds, part of the stage, and the largest bytes up to its end."""


def _costs(report: Report) -> Iterator[Cost]:
    """Yield the recorded seconds of all phases of all stages; an enriched model has those of its parent."""
    stages: list[tuple[str, Mapping[str, float], Mapping[str, float]]] = [
        (f"offline, {model.label}", model.seconds, model.memory) for model in report.models if not model.parent
    ]
    stages += [(f"{entry.label}, {entry.kind}", entry.seconds, entry.memory) for entry in report.histories]
    stages += [(f"{extra.section.kind} {extra.label}", extra.seconds, {}) for extra in report.extras]
    for stage, seconds, memory in stages:
        total = sum(seconds.values())
        for phase, value in seconds.items():
            yield stage, phase, value, value / total if total else 0.0, memory.get(phase)


def _cost_table(costs: tuple[Cost, ...]) -> Table:
    """Return seconds and memory by phase."""
    return Table(
        "",
        (
            *(Column("stage"), Column("phase"), Column("time", "duration")),
            *(Column("part of the stage", "share"), Column("memory up to its end", "size")),
        ),
        costs,
        "Wall-clock seconds, and the largest resident memory of the process (of the first rank) so far, as each stage "
        "recorded them on the machine that ran it.",
    )


def _ratios(report: Report) -> Iterator[Block]:
    """Yield a sentence per result whose reference has its seconds."""
    for history in report.histories:
        ratio, reference = speed_up(history, report), report.history(history.reference)
        if ratio is not None and reference is not None:
            solve, march = reference.seconds["solve"], history.seconds["march"]
            yield Text(
                f"{history.label}: {reference.solver} {duration(solve)}, march {duration(march)}, "
                f"ratio {factor(ratio)}."
            )


def _provenance(report: Report) -> Iterator[Block]:
    """Yield where everything comes from, and the settings of the training."""
    for label, rows in (*report.provenance, *((extra.label, extra.provenance) for extra in report.extras)):
        if rows:
            yield facts(label, rows)
    for model in report.models:
        if model.training.settings:
            yield facts(f"Settings of {model.label}", model.training.settings)
