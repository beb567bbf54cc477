"""`romtool offline CASE/case.toml -o MODEL`."""

from pathlib import Path
from typing import Any

import click

from romtool.cli.options import (
    case_argument,
    json_option,
    output_option,
    overwrite_option,
    print_json,
    print_table,
    quiet_option,
    speaker,
)
from romtool.cli.progress import progress


@click.command("offline")
@case_argument
@output_option("the model folder")
@overwrite_option
@json_option
@quiet_option
def command(case: Path, output: Path, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Train a reduced model on the simulations of CASE and write its folder."""
    from romtool.pipeline.offline import offline, offline_summary
    from romtool.pipeline.ranks import world

    comm = world()
    with progress(quiet, comm.rank) as track:
        model = offline(case, output, comm, speaker(quiet, comm.rank), overwrite=overwrite, track=track)
    summary = offline_summary(model)
    if as_json:
        print_json(summary)
        return
    for entry in summary.get("clusters", [summary]):
        title = f", cluster around {entry['medoid']}" if "medoid" in entry else ""
        print_table(f"model {output}{title}", ("", ""), _rows(entry))
    if "selector" in summary:
        print_table("selector", ("", ""), [("chosen rightly when left out", summary["selector"]["accuracy"])])


def _rows(entry: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what is said of one model."""
    return [
        *((name, len(entry[name])) for name in ("simulations", "increments") if name in entry),
        ("displacement modes", entry["n_modes"]),
        ("left out by the modes", entry["pod_error"]),
        ("quadrature points", f"{entry['n_points']} of {entry['n_points_full']}"),
        ("sampled points", entry["n_sampled"]),
        ("quadrature error", entry["quadrature_error"]),
        *((f"training error of {field}", error) for field, error in entry["training_errors"].items()),
    ]
