"""`romtool info PATH`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from romtool.cli.estimate import with_estimate
from romtool.cli.options import PATH, UNBROKEN, json_option, print_json

if TYPE_CHECKING:
    from romtool.pipeline.describe import Brief, Description

    Printed = tuple[str, Description, list[Brief]]


@click.command("info")
@click.argument("paths", metavar="PATH", type=PATH, nargs=-1, required=True)
@click.option("--diff", is_flag=True, help="Say in what two PATHs of one kind differ.")
@json_option
@with_estimate
def command(paths: tuple[Path, ...], diff: bool, as_json: bool) -> None:
    """Describe PATH: a solver file, deck, case, load file, dataset, model, result, solution or study.

    Of a model: id, parent and ancestors, romtool's version, layout of the file (an older one is read or refused in
    words, a newer one asks for a newer romtool), and the SHA-256 of the files that it was made from, shortened to 16
    digits.

    `info --diff A B` lists what differs between two models, datasets, results, solutions, studies, cases or load
    files, but for seconds, memory and sizes: ids and parents, inputs by digest, settings, modes, points, errors,
    versions, loads.
    """
    if len(paths) != 1 + diff:
        raise click.UsageError("--diff compares two paths; give A B" if diff else "give one PATH, or --diff A B")
    head, found, tables = _difference(*paths) if diff else _description(*paths)
    if as_json:
        print_json(found)
    else:
        print_briefs(head, tables)


def _description(path: Path) -> "Printed":
    """Return what is said of a path: a line above, the document, its tables."""
    from romtool.pipeline.describe import briefs, describe

    found = describe(path)
    return f"{path}: {found['kind'].replace('-', ' ')}", found, briefs(found)


def _difference(a: Path, b: Path) -> "Printed":
    """Return what is said of two paths."""
    from romtool.pipeline.describe import difference_briefs
    from romtool.pipeline.difference import difference

    found = difference(a, b)
    return f"{found['of']}s {a} and {b}", found, difference_briefs(found)


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
