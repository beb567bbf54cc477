"""`romtool life RESULT LIFE.toml`."""

from pathlib import Path
from typing import Any

import click

from romtool.cli.options import PATH, json_option, overwrite_option, print_json, print_table, quiet_option, speaker


@click.command("life")
@click.argument("result", type=PATH)
@click.argument("file", metavar="LIFE", type=PATH)
@click.option("-o", "--output", type=PATH, help="Where to write; life/<name> in the folder of the result by default.")
@click.option("--load", type=PATH, help="Load file of an online result, where its temperature is new to the model.")
@overwrite_option
@json_option
@quiet_option
def command(
    result: Path, file: Path, output: Path | None, load: Path | None, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    """Evaluate the cycles to failure of RESULT (online result, solution or solver file) by the models of LIFE."""
    from romtool.pipeline.life import LifeRequest, life
    from romtool.pipeline.life_output import life_summary
    from romtool.pipeline.ranks import world

    comm = world()
    found, folder = life(result, file, comm, speaker(quiet, comm.rank), LifeRequest(output, load, overwrite))
    document = life_summary(found, folder)
    if as_json:
        print_json(document)
    else:
        _print(document)


def _print(found: dict[str, Any]) -> None:
    """Print the critical spots, and whether the cycle is stabilised."""
    spots = found["critical"]
    shown = ("cycles_to_failure", "strain_range", "mean_stress", "delta_p", "max_temperature")
    places = [name for name in ("node", "element", "point") if spots and name in spots[0]]
    rows = [tuple(str(spot[name]) for name in places) + tuple(spot[name] for name in shown) for spot in spots]
    print_table(f"{found['name']}: critical spots of {found['source']}", (*places, *shown), rows)
    words = {True: "stabilised", False: "not stabilised", None: "the only one"}[found["stabilised"]]
    start, end = found["cycles"][-1]
    click.echo(f"cycle from {start:g} to {end:g}: {words}")
