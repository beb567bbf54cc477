"""A document for pull requests: Markdown with its tables; charts and pictures by their words."""

import re
from collections.abc import Iterator

from romtool.report.document import Block, Document, Heading, Picture, Section, Table, Text, Verdict
from romtool.report.figures import Chart, describe
from romtool.report.words import written

MOST_ROWS = 40
"""Rows of a table that are shown; a comment in a pull request has an end."""


def to_markdown(document: Document) -> str:
    """Return a document as Markdown of the GitHub kind; every text is escaped.

    Parameters
    ----------
    document: what to write.
    """
    return "\n".join(_lines(document)).rstrip() + "\n"


def _lines(document: Document) -> Iterator[str]:
    """Yield all lines."""
    yield from (f"# {_escape(document.title)}", "", _escape(document.made), "")
    if document.verdict is not None:
        yield from _verdict(document.verdict)
    if document.tiles:
        rows: list[tuple[str, ...]] = [(tile.name, written(tile.value), tile.remark) for tile in document.tiles]
        yield from (*_grid(("", "", ""), rows, (False, True, False)), "")
    yield from (*(f"- {_escape(text)}" for text in document.summary), "")
    for section in document.sections:
        yield from _section(section)


def _verdict(verdict: Verdict) -> Iterator[str]:
    """Yield the verdict and its limits."""
    yield from (f"**{_escape(verdict.text)}**", "")
    if verdict.limits:
        yield from ("Where not to trust it:", "", *(f"- {_escape(text)}" for text in verdict.limits), "")


def _section(section: Section) -> Iterator[str]:
    """Yield a section; charts and pictures in a row become a list that can be opened."""
    kind = f" ({_escape(section.kind)})" if section.kind else ""
    yield from (f"## {_escape(section.title)}{kind}", "")
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    """Yield one block, and an empty line."""
    if isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Heading):
        yield from (f"### {_escape(block.text)}", "")
    elif isinstance(block, Text):
        words = _escape(block.text)
        yield from (f"> {words}" if block.kind == "warning" else words, "")
    else:
        yield from (f"*{_escape(_told(block))}*", "")
        if isinstance(block, Chart) and block.note:
            yield from (f"<sub>{_escape(block.note)}</sub>", "")


def _told(block: Chart | Picture) -> str:
    """Return what is seen, in words."""
    return f"Chart: {describe(block)}" if isinstance(block, Chart) else f"Picture: {block.alternative}"


def _table(table: Table) -> Iterator[str]:
    """Yield a table with caption and note; of a long one the first rows."""
    if table.caption:
        yield from (f"**{_escape(table.caption)}**", "")
    forms = [column.form for column in table.columns]
    rows = [tuple(written(cell, form) for cell, form in zip(row, forms, strict=True)) for row in table.rows[:MOST_ROWS]]
    numeric = tuple(form not in ("text", "identity") for form in forms)
    yield from _grid([column.name for column in table.columns], rows, numeric)
    more = len(table.rows) - MOST_ROWS
    yield from ("", *([f"… and {more} more rows", ""] if more > 0 else []))
    if table.note:
        yield from (f"<sub>{_escape(table.note)}</sub>", "")


def _grid(names: list[str] | tuple[str, ...], rows: list[tuple[str, ...]], numeric: tuple[bool, ...]) -> Iterator[str]:
    """Yield the lines of a table; numbers are set to the right."""
    yield _row(names)
    yield "|" + "|".join(" ---: " if right else " --- " for right in numeric) + "|"
    yield from map(_row, rows)


def _row(cells: list[str] | tuple[str, ...]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(map(_escape, cells)) + " |"


def _escape(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line.

    >>> _escape("<b>a_b|c</b>")
    '&lt;b&gt;a\\\\_b\\\\|c&lt;/b&gt;'
    """
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~@])", r"\\\1", flat)
