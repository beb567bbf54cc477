"""`romtool info PATH`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from romtool.cli.options import PATH, UNBROKEN, json_option, print_json

if TYPE_CHECKING:
    from romtool.pipeline.describe import Brief


@click.command("info")
@click.argument("path", type=PATH)
@json_option
def command(path: Path, as_json: bool) -> None:
    """Describe PATH: a solver file, deck, case, load file, dataset, model, result, solution or study."""
    from romtool.pipeline.describe import briefs, describe

    found = describe(path)
    if as_json:
        print_json(found)
    else:
        print_briefs(f"{path}: {found['kind'].replace('-', ' ')}", briefs(found))


def print_briefs(head: str, tables: "list[Brief]") -> None:
    """Print tables without frames, one below the other: within the width of a terminal, else unbroken and plain."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = sys.stdout.isatty()
    console = Console(
        markup=False, emoji=False, highlight=False, force_terminal=shown, width=None if shown else UNBROKEN
    )
    with console.capture() as captured:
        console.print(Text(head, "bold"))
        for found in tables:
            if found.title:
                console.print("", Text(found.title, "bold cyan"), sep="\n")
            grid = Table(box=None, show_header=bool(found.columns), pad_edge=False, padding=(0, 2, 0, 0))
            for name in found.columns or ("",) * len(found.rows[0]):
                grid.add_column(name, overflow="fold", header_style="dim")
            for row in found.rows:
                grid.add_row(*map(Text, row))
            console.print(grid)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
