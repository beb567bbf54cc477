"""Arguments and options, each declared once, and how commands print."""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)
UNBROKEN = 10_000
"""Characters in a line of a file or pipe."""

case_argument = click.argument("case", type=PATH)
model_argument = click.argument("model", type=PATH)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace an existing output (once the new one is there)."
)
petsc_option = click.option(
    "--petsc", default="", metavar="OPTIONS", help='Options of PETSc, e.g. "-ksp_view :view.txt".'
)
allow_plugin_option = click.option(
    "--allow-plugin",
    is_flag=True,
    help="Load the shared library of a law that the model names: it runs code of its own.",
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "json"]),
    default="html",
    show_default=True,
    help="A page, Markdown for pull requests, or JSON for machines.",
)
from_option = click.option(
    "--from", "start", type=PATH, metavar="OUT/NAME", help="Go on from the end of this earlier result."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No log on stderr.")


def output_option(what: str) -> Any:
    """Return the option `-o` for a required output."""
    return click.option("-o", "--output", type=PATH, required=True, help=f"Where to write {what}.")


def speaker(quiet: bool, rank: int = 0) -> Any:
    """Return what takes log sentences: stderr of rank 0, or nothing."""
    if quiet or rank != 0:
        return lambda text: None
    return lambda text: click.echo(text, err=True)


def numbers(text: str, option: str) -> list[float]:
    """Return the numbers of a comma-separated list. Raises BadParameter."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise click.BadParameter(f"expected numbers separated by commas, found {text!r}", param_hint=option) from error


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document; what is not finite becomes null, arrays become lists."""
    click.echo(json.dumps(plain(document), indent=1))


def plain(value: Any) -> Any:
    """Return a value in the types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Print a table: texts as they are, and not broken where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table

    shown = sys.stdout.isatty()
    console = Console(markup=False, emoji=False, highlight=False, force_terminal=shown)
    if not shown:
        console.width = UNBROKEN
    table = Table(title_justify="left", show_header=any(columns))
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*(number(cell) for cell in row))
    console.print(title, soft_wrap=True)
    console.print(table)


def number(cell: Any) -> str:
    """Return a cell as text: three significant digits for floats."""
    if cell is None:
        return "-"
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
