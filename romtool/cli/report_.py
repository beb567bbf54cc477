"""`romtool report PATH… -o report.html`."""

from pathlib import Path

import click

from romtool.cli.options import PATH, output_option, overwrite_option, quiet_option, speaker


@click.command("report")
@click.argument("paths", type=PATH, nargs=-1, required=True)
@output_option("the page (.html)")
@overwrite_option
@click.option("--no-pictures", is_flag=True, help="Leave out the pictures of the fields.")
@quiet_option
def command(paths: tuple[Path, ...], output: Path, overwrite: bool, no_pictures: bool, quiet: bool) -> None:
    """Make one self-contained HTML page of PATHS: models, online results, solutions, solver files, in any mix.

    With online results and one solution or solver file on the same mesh, that is their reference.
    """
    from romtool.pipeline.report import write_report

    write_report(paths, output, speaker(quiet), overwrite=overwrite, pictures=not no_pictures)
