"""A report as a document: sections of sentences, tables, charts and pictures, whatever they will be rendered as.

HTML, Markdown and JSON are three renderings of one `Document`; whoever has something to report builds a `Section`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from romtool.report.figures import Chart

Form = Literal[
    "text", "number", "number2", "number4", "count", "percent", "duration", "size", "factor", "share", "identity"
]
"""How a value is written; "share" is a part of one with a bar, "identity" a text that may break anywhere."""

Level = Literal["good", "care", "poor", "unknown"]
"""What a verdict comes to."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, and the form of its values; numbers are set to the right."""

    name: str
    form: Form = "text"


@dataclass(frozen=True)
class Value:
    """A value with a form of its own, and a unit behind it; `bold` where it stands out."""

    value: Any
    form: Form = "number"
    unit: str = ""
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under named columns; the first column names the row.

    Parameters
    ----------
    caption: above it, "" for none.
    columns: names and forms.
    rows: a value per column: None where there is none, a text as it is, a number in the form of its column, or `Value`.
    note: below it.
    facts: two columns, "what" and its value, without a head.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""
    facts: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph; a "note" is small, a "warning" stands out."""

    text: str
    kind: Literal["plain", "note", "warning"] = "plain"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A field on the mesh.

    Parameters
    ----------
    png: the file's bytes.
    alternative: what it shows, for those who can not see it.
    """

    png: bytes
    alternative: str


Block = Text | Heading | Table | Chart | Picture
"""What a section is made of; tables, charts and pictures that follow each other stand side by side."""


@dataclass(frozen=True)
class Section:
    """A part of a document.

    Parameters
    ----------
    key: what links and machines call it, unique in the document: letters, digits, "-".
    title: of the section. kind: what it is about, behind the title.
    blocks: in order.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]
    kind: str = ""


@dataclass(frozen=True)
class Tile:
    """One number at the top, with what it is and what it is compared with."""

    value: Value
    name: str
    remark: str = ""


@dataclass(frozen=True)
class Extra:
    """What a folder of another stage brings to a report.

    Parameters
    ----------
    label: its name.
    section: all that is shown of it.
    sentences: for the summary.
    seconds: by phase.
    tiles: numbers for the top.
    provenance: where it comes from, (what, text) rows.
    """

    label: str
    section: Section
    sentences: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    tiles: tuple[Tile, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """How good the model is, in words, the numbers behind it, and where it is not to be trusted.

    Parameters
    ----------
    level: what it comes to.
    text: in a sentence or two.
    limits: where not to trust it.
    """

    level: Level
    text: str
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """A report, ready to be rendered.

    Parameters
    ----------
    title: of it. made: from what, when and by which version, in a sentence.
    verdict: None where nothing is judged.
    tiles: numbers at the top.
    summary: sentences.
    sections: in order.
    created, version: of romtool.
    """

    title: str
    made: str
    verdict: Verdict | None
    tiles: tuple[Tile, ...]
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    created: str
    version: str


def facts(caption: str, rows: Mapping[str, Any] | tuple[tuple[str, Any], ...], note: str = "") -> Table:
    """Return a table of facts: what, and its value.

    Parameters
    ----------
    caption: above it.
    rows: what -> text or `Value`.
    note: below it.
    """
    entries = tuple(rows.items()) if isinstance(rows, Mapping) else rows
    return Table(caption, (Column("what"), Column("value")), entries, note, facts=True)


def note(text: str) -> Text:
    """Return a small paragraph."""
    return Text(text, "note")


def warning(text: str) -> Text:
    """Return a paragraph that stands out."""
    return Text(text, "warning")
