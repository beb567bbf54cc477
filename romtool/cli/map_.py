"""`romtool map FIELD --from MESH --to CASE -o FILE`."""

from pathlib import Path
from typing import Any

import click

from romtool.cli.options import PATH, json_option, numbers, output_option, overwrite_option, print_json, print_table


@click.command("map")
@click.argument("field", type=PATH)
@click.option("--from", "mesh", type=PATH, help="The mesh that FIELD lives on; FIELD itself by default.")
@click.option("--to", "case", type=PATH, required=True, help="A case file, or a file with its mesh.")
@output_option("the field (.csv, .txt or .dat)")
@click.option("--name", help="The array in FIELD; the temperature, or its only one, by default.")
@click.option("--times", default="", help='Times of a history, separated by commas, or "all"; the last by default.')
@click.option("--faces", help="A side set of the case, for a pressure; all nodes by default.")
@click.option("--on", type=click.Choice(["node", "face"]), default="node", help="What a value on --faces belongs to.")
@click.option("--tolerance", type=float, default=0.5, show_default=True, help="Distance outside, in element sizes.")
@overwrite_option
@json_option
def command(
    field: Path, mesh: Path | None, case: Path, output: Path, times: str, as_json: bool, **options: Any
) -> None:
    """Map FIELD from the mesh it lives on to the nodes (or faces) of a case, by shape functions."""
    from romtool.pipeline.map import Target, map_summary, map_to_case

    mapped = map_to_case(
        field,
        mesh or field,
        Target(case, options["faces"], options["on"]),
        output,
        name=options["name"],
        times=None if times == "all" else numbers(times, "--times"),
        tolerance=options["tolerance"],
        overwrite=options["overwrite"],
    )
    summary = map_summary(mapped, options["tolerance"])
    if as_json:
        print_json(summary)
        return
    title = f"{output}: {summary['n_points']} points, {summary['n_outside']} of them outside the mesh"
    labels = {"distance": "distance of these", "relative_distance": "in element sizes"}
    rows = [(label, *summary[key].values()) for key, label in labels.items()]  # type: ignore[attr-defined]
    print_table(title, ("", "median", "99%", "largest"), rows)
