"""`romtool offline CASE/case.toml -o MODEL`."""

from pathlib import Path

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
    model = offline(case, output, comm, speaker(quiet, comm.rank), overwrite=overwrite)
    summary = offline_summary(model)
    if as_json:
        print_json(summary)
        return
    rows = [
        ("displacement modes", summary["n_modes"]),
        ("left out by the modes", summary["pod_error"]),
        ("quadrature points", f"{summary['n_points']} of {summary['n_points_full']}"),
        ("sampled points", summary["n_sampled"]),
        ("quadrature error", summary["quadrature_error"]),
        *((f"training error of {field}", error) for field, error in summary["training_errors"].items()),  # type: ignore[attr-defined]
    ]
    print_table(f"model {output}", ("", ""), rows)
