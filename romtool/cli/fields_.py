"""`romtool fields RESULT --at 1.0,2.0 --names u,p -o fields.xdmf`."""

from pathlib import Path

import click

from romtool.cli.options import PATH, numbers, output_option, overwrite_option, speaker


@click.command("fields")
@click.argument("result", type=PATH)
@click.option("--at", "times", default="", help="Times, separated by commas; all stored ones by default.")
@click.option("--names", default="", help="Fields, separated by commas; all by default.")
@output_option("the fields (.xdmf, .vtu, .pvd, .pvtu or .frd)")
@overwrite_option
def command(result: Path, times: str, names: str, output: Path, overwrite: bool) -> None:
    """Write full fields of RESULT (online result, solution or solver file) for ParaView or CalculiX' cgx."""
    from romtool.pipeline.fields import write_fields
    from romtool.pipeline.ranks import world

    comm = world()
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    written = write_fields(result, output, numbers(times, "--at"), chosen, comm, overwrite=overwrite)
    speaker(False, comm.rank)(f"wrote {', '.join(written)} to {output}")
