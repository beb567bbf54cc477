"""A document as one self-contained HTML page: template, style sheet, script, charts and pictures in a single text."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count, groupby
from pathlib import Path
from typing import Any

from romtool.report.document import Block, Document, Heading, Picture, Section, Table, Text
from romtool.report.figures import Chart, draw
from romtool.report.words import written

_HERE = Path(__file__).parent
WIDE = 5
"""Columns from which a table has the width of the page to itself."""


@dataclass(frozen=True)
class LegendEntry:
    """One line of a legend; `colour` counts from 1, 0 is the background; `scatter` for markers alone."""

    label: str
    colour: int
    dashed: bool
    scatter: bool


@dataclass(frozen=True)
class Figure:
    """A chart as the template shows it: the SVG is markup, all else is text."""

    title: str
    svg: Any
    legend: tuple[LegendEntry, ...]
    note: str


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    text: as written. key: what it is sorted by, None for the text.
    right: it is set to the right. bold: it stands out. bar: length of its bar, None for none. anywhere: it may break.
    """

    text: str
    key: float | None
    right: bool
    bold: bool
    bar: float | None
    anywhere: bool


@dataclass(frozen=True)
class Grid:
    """A table as the template shows it; `key` is the id of its caption."""

    key: str
    table: Table
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Group:
    """Blocks that stand side by side; `kind` is "heading", "text", "wide", "tables", "charts" or "pictures"."""

    kind: str
    blocks: tuple[Any, ...]


class Artist:
    """Draws charts with ids that are unique on the page."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def key(self, kind: str) -> str:
        """Return a new id."""
        return f"{kind}-{next(self._numbers)}"

    def figure(self, chart: Chart) -> Figure:
        """Return the figure of a chart."""
        from markupsafe import Markup

        svg = Markup(draw(chart, self.key("figure")))
        entries = [LegendEntry(line.label, line.colour + 1, line.dashed, line.scatter) for line in chart.lines]
        shown = list(dict.fromkeys(entries))
        bare = len(shown) == 1 and not shown[0].dashed and chart.lines[0].upper is None
        return Figure(chart.title, svg, () if bare else tuple(_in_order(shown)), chart.note)


def _in_order(entries: list[LegendEntry]) -> list[LegendEntry]:
    """Return the entries by colour, the background last."""
    return sorted(entries, key=lambda entry: entry.colour or 1000)


def to_html(document: Document) -> str:
    """Return the HTML of a document.

    The page needs no network, and no script but for sorting its tables; all texts are escaped; light or dark follows
    the reader's settings.

    Parameters
    ----------
    document: what to show.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["written"] = written
    environment.filters["picture"] = _data_url
    artist, script = Artist(), (_HERE / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        document=document,
        sections=[(section, list(_groups(section, artist))) for section in document.sections],
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )


def _data_url(picture: Picture) -> str:
    return "data:image/png;base64," + b64encode(picture.png).decode("ascii")


def _groups(section: Section, artist: Artist) -> Iterator[Group]:
    """Yield the blocks of a section, those of a kind that follow each other together."""
    for kind, blocks in groupby(section.blocks, _kind):
        yield Group(kind, tuple(_shown(blocks, artist)))


def _kind(block: Block) -> str:
    """Return which blocks a block stands beside."""
    if isinstance(block, Table):
        return "wide" if len(block.columns) >= WIDE else "tables"
    return {Heading: "heading", Text: "text", Chart: "charts", Picture: "pictures"}[type(block)]


def _shown(blocks: Iterable[Block], artist: Artist) -> Iterator[Any]:
    """Yield blocks as the template shows them."""
    for block in blocks:
        if isinstance(block, Chart):
            yield artist.figure(block)
        elif isinstance(block, Table):
            yield Grid(artist.key("table"), block, tuple(_cells(block, row) for row in block.rows))
        else:
            yield block


def _cells(table: Table, row: tuple[Any, ...]) -> tuple[Cell, ...]:
    """Return the cells of a row."""
    return tuple(_cell(cell, column.form, table.facts) for cell, column in zip(row, table.columns, strict=True))


def _cell(cell: Any, form: Any, facts: bool) -> Cell:
    """Return one cell; numbers stand to the right but in tables of facts."""
    value = getattr(cell, "value", cell)
    key = float(value) if isinstance(value, int | float) else None
    right = not facts and form not in ("text", "identity", "share")
    bar = key if form == "share" else None
    return Cell(written(cell, form), key, right, getattr(cell, "bold", False), bar, facts or form == "identity")
