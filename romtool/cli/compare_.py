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

    found = compare(open_history(a), open_history(b))
    if as_json:
        print_json(comparison_summary(found))
        return
    rows = [(name, errors.relative_l2, errors.relative_max) for name, errors in found.fields.items()]
    print_table(f"{a} against {b}, {len(found.times)} times", ("field", "relative_l2", "relative_max"), rows)
    for name, reason in found.skipped.items():
        click.echo(f"not compared: {name}, {reason}", err=True)
