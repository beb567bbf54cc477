"""A document for machines: JSON of the same sections, values as they are and not as they are written."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from romtool.report.document import Block, Document, Heading, Picture, Section, Table, Value
from romtool.report.figures import Chart, Line, describe


def to_json(document: Document) -> str:
    """Return a document as one JSON object; what is not finite becomes null, pictures are left out but for their words.

    Parameters
    ----------
    document: what to write.
    """
    return json.dumps(_plain(_document(document)), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _document(document: Document) -> dict[str, Any]:
    """Return all of a document."""
    verdict = document.verdict
    return {
        "title": document.title,
        "made": document.made,
        "created": document.created,
        "version": document.version,
        "verdict": None if verdict is None else vars(verdict),
        "numbers": [
            {"name": tile.name, "value": tile.value.value, "form": tile.value.form, "remark": tile.remark}
            for tile in document.tiles
        ],
        "summary": list(document.summary),
        "sections": list(map(_section, document.sections)),
    }


def _section(section: Section) -> dict[str, Any]:
    """Return a section."""
    blocks = list(map(_block, section.blocks))
    return {"key": section.key, "title": section.title, "kind": section.kind, "blocks": blocks}


def _block(block: Block) -> dict[str, Any]:
    """Return one block with its type."""
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Chart):
        return _chart(block)
    if isinstance(block, Picture):
        return {"type": "picture", "alternative": block.alternative, "bytes": len(block.png)}
    if isinstance(block, Heading):
        return {"type": "heading", "text": block.text}
    return {"type": "text", "kind": block.kind, "text": block.text}


def _table(table: Table) -> dict[str, Any]:
    """Return a table; facts as a mapping."""
    head = {"type": "facts" if table.facts else "table", "caption": table.caption, "note": table.note}
    if table.facts:
        return {**head, "facts": [{"what": what, **_value(value)} for what, value in table.rows]}
    columns = [{"name": column.name, "form": column.form} for column in table.columns]
    return {**head, "columns": columns, "rows": [[_value(cell)["value"] for cell in row] for row in table.rows]}


def _value(cell: Any) -> dict[str, Any]:
    """Return a value with its unit."""
    if isinstance(cell, Value):
        return {"value": cell.value, "unit": cell.unit} if cell.unit else {"value": cell.value}
    return {"value": cell}


def _chart(chart: Chart) -> dict[str, Any]:
    """Return the numbers of a chart."""
    return {
        "type": "chart",
        "title": chart.title,
        "alternative": describe(chart),
        "x": chart.x_label,
        "y": chart.y_label,
        "lines": list(map(_line, chart.lines)),
        "note": chart.note,
    }


def _line(line: Line) -> dict[str, Any]:
    """Return one line."""
    found = {"label": line.label, "x": line.x, "y": line.y}
    return found if line.upper is None else {**found, "upper": line.upper}


def _plain(value: Any) -> Any:
    """Return a value in the types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
