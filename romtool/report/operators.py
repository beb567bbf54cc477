"""The document of models of parameter-dependent operators."""

from dataclasses import dataclass

from romtool.report import document
from romtool.report.document import Document, Section, Table, Tile, warning
from romtool.report.figures import Chart
from romtool.report.words import plural


@dataclass(frozen=True)
class OperatorFacts:
    """What a report says of a model.

    Parameters
    ----------
    label: its name.
    tiles, tables, charts: in the order of the report.
    warnings: what a user should know.
    """

    label: str
    tiles: tuple[Tile, ...]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    warnings: tuple[str, ...] = ()


def operator_document(models: tuple[OperatorFacts, ...], created: str, version: str) -> Document:
    """Return the document of a report; of several models the numbers stand in a table of their section."""
    title = ", ".join(facts.label for facts in models)
    return Document(
        title=title,
        made=f"Made {created} by romtool {version} from {plural(len(models), 'model')} of operators with parameters.",
        verdict=None,
        tiles=tuple(tile for facts in models for tile in facts.tiles) if len(models) == 1 else (),
        summary=tuple(f"{facts.label}: {text}" for facts in models for text in facts.warnings),
        sections=tuple(_section(facts, number, len(models)) for number, facts in enumerate(models, start=1)),
        created=created,
        version=version,
    )


def _section(facts: OperatorFacts, number: int, n_models: int) -> Section:
    """Return all that is known of a model."""
    numbers = [_numbers(facts.tiles)] if n_models > 1 else []
    blocks: tuple[document.Block, ...] = (*map(warning, facts.warnings), *numbers, *facts.charts, *facts.tables)
    return Section(f"model-{number}", facts.label, blocks, "parameter-dependent operators")


def _numbers(tiles: tuple[Tile, ...]) -> Table:
    """Return the numbers of a model as a table."""
    return document.facts("Numbers", tuple((f"{t.name}, {t.remark}" if t.remark else t.name, t.value) for t in tiles))
