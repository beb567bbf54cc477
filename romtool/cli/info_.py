"""`romtool info PATH`."""

from pathlib import Path

import click

from romtool.cli.estimate import with_estimate
from romtool.cli.options import PATH, json_option, print_json, print_table


@click.command("info")
@click.argument("path", type=PATH)
@json_option
@with_estimate
def command(path: Path, as_json: bool) -> None:
    """Describe PATH: a solver file or deck, a case, a dataset, a model, a result or a solution."""
    from romtool.pipeline.describe import describe

    found = describe(path)
    if as_json:
        print_json(found)
        return
    print_table(str(path), ("", ""), [(key, _short(value)) for key, value in found.items()])


def _short(value: object) -> object:
    """Return a value as one line of a table."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_short(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        shown = ", ".join(str(_short(item)) for item in value[:6])
        return f"{shown}, … ({len(value)})" if len(value) > 6 else shown or "none"
    return f"{value:.6g}" if isinstance(value, float) else value
