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
    from romtool.pipeline.init import NO_RESULTS, init_case

    written, missing = init_case(sources, output, overwrite=overwrite)
    if as_json:
        print_json({"case": str(written), "lacks": list(missing)})
        return
    following = f"next: romtool offline {written} -o model"
    if missing == (NO_RESULTS,):
        following = f"next: {NO_RESULTS}; complete the case, then romtool solve {written} LOAD.toml -o REF"
    elif missing:
        following = f"it cannot be trained on: {'; '.join(missing)}"
    click.echo(f"wrote {written}; {following}", err=True)
