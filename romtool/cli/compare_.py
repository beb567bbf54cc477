"""`romtool compare A B`."""

from pathlib import Path

import click

from romtool.cli.options import PATH, json_option, print_json, print_table


@click.command("compare")
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@json_option
def command(a: Path, b: Path, as_json: bool) -> None:
    """Measure the errors of A against the reference B: model results, solutions, or solver files."""
    from romtool.pipeline.compare import compare, comparison_summary
    from romtool.pipeline.results import open_history

    histories = (open_history(a), open_history(b))
    for text in dict.fromkeys(text for history in histories for text in history.warnings):
        click.echo(f"warning: {text}", err=True)
    found = compare(*histories)
    if as_json:
        print_json(comparison_summary(found))
        return
    columns = ("field", "relative_l2", "relative_max", "absolute_l2")
    rows = [(name, *(getattr(errors, column) for column in columns[1:])) for name, errors in found.fields.items()]
    print_table(f"{a} against {b}, {len(found.times)} times", columns, rows)
    for name, reason in found.skipped.items():
        click.echo(f"not compared: {name}, {reason}", err=True)
    for name, errors in found.fields.items():
        if errors.relative_l2 is None:
            click.echo(f"{name} is zero throughout in {b}: no relative error", err=True)
