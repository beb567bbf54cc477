"""`romtool init SOURCE… -o CASE`."""

from pathlib import Path

import click

from romtool.cli.options import PATH, json_option, output_option, overwrite_option, print_json


@click.command("init")
@click.argument("sources", type=PATH, nargs=-1, required=True)
@output_option("the case folder")
@overwrite_option
@json_option
def command(sources: tuple[Path, ...], output: Path, overwrite: bool, as_json: bool) -> None:
    """Look at solver decks or results SOURCES and write a commented case file."""
    from romtool.pipeline.init import init_case

    written, has_results = init_case(sources, output, overwrite=overwrite)
    if as_json:
        print_json({"case": str(written)})
        return
    following = f"romtool offline {written} -o model" if has_results else f"romtool solve {written} LOAD.toml -o REF"
    reason = "" if has_results else "no results to train on were found; complete the case, then "
    click.echo(f"wrote {written}; next: {reason}{following}", err=True)
