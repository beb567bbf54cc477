"""`romtool report PATH… -o report.html`."""

from pathlib import Path

import click

from romtool.cli.options import PATH, format_option, output_option, overwrite_option, quiet_option, speaker


class PointType(click.ParamType[tuple[int, int]]):
    """An integration point: ELEMENT,POINT."""

    name = "ELEMENT,POINT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return element id and local point."""
        if isinstance(value, tuple):
            return value
        element, _, point = str(value).partition(",")
        try:
            return int(element), int(point)
        except ValueError:
            self.fail(
                f"{value!r} is no integration point; give an element id and a local point, e.g. 120,0", param, ctx
            )


@click.command("report")
@click.argument("paths", type=PATH, nargs=-1, required=True)
@output_option("the report (.html, .md or .json)")
@overwrite_option
@format_option
@click.option("--no-pictures", is_flag=True, help="Leave out the pictures of the fields and of the reduced points.")
@click.option("--node", "nodes", type=int, multiple=True, help="Follow the displacement of a node (its id).")
@click.option("--point", "points", type=PointType(), multiple=True, help="Show stress over strain at a point.")
@quiet_option
def command(
    paths: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    form: str,
    no_pictures: bool,
    nodes: tuple[int, ...],
    points: tuple[tuple[int, int], ...],
    quiet: bool,
) -> None:
    """Report on PATHS: models, online results, solutions, solver files, studies, in any mix.

    With online results and one solution or solver file on the same mesh, that is their reference. Two models, or two
    results, are also shown side by side. The page is one self-contained file; --format md is for pull requests and
    --format json for machines, with the same content.
    """
    from romtool.pipeline.report import Options, write_report

    options = Options(not no_pictures, nodes, points)
    write_report(paths, output, speaker(quiet), overwrite=overwrite, form=form, options=options)
