"""The page of models of parameter-dependent operators."""

from dataclasses import dataclass
from typing import Any

from romtool.report.figures import Chart
from romtool.report.page import Artist, render


@dataclass(frozen=True)
class Tile:
    """A number that comes first; `value` is text."""

    value: str
    name: str
    remark: str = ""


@dataclass(frozen=True)
class FactTable:
    """A table; the first column heads the rows, floats are rounded; a wide one has the card to itself."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    wide: bool = False


@dataclass(frozen=True)
class OperatorFacts:
    """What the page says of a model.

    Parameters
    ----------
    label: its name.
    tiles, tables, charts: in the order of the page.
    warnings: what a user should know.
    """

    label: str
    tiles: tuple[Tile, ...]
    tables: tuple[FactTable, ...]
    charts: tuple[Chart, ...]
    warnings: tuple[str, ...] = ()


def operator_page(models: tuple[OperatorFacts, ...], created: str, version: str) -> str:
    """Return the HTML of a report; it needs no network and no script."""
    artist = Artist()
    views = [{"facts": facts, "figures": artist.figures(facts.charts)} for facts in models]
    title = ", ".join(facts.label for facts in models)
    return render("operators.html", title=title, views=views, created=created, version=version)
