"""`romtool online MODEL LOAD.toml… -o OUT`."""

from pathlib import Path
from typing import Any

import click

from romtool.cli.options import (
    PATH,
    allow_plugin_option,
    from_option,
    json_option,
    model_argument,
    output_option,
    overwrite_option,
    petsc_option,
    print_json,
    print_table,
    quiet_option,
    speaker,
)
from romtool.cli.progress import progress


@click.command("online")
@model_argument
@click.argument("loads", type=PATH, nargs=-1, required=True)
@output_option("the results, one folder per load")
@overwrite_option
@click.option(
    "--adapt", is_flag=True, help="Repair the model by high-fidelity steps where its error bound is too large."
)
@click.option("--tolerance", type=click.FloatRange(0.0, 1.0, min_open=True), help="Largest error bound of a step.")
@click.option("--max-enrichments", type=click.IntRange(0), default=50, help="High-fidelity steps per load at most.")
@click.option("--predictor/--no-predictor", default=True, help="Add thermo-elastic modes of new temperature fields.")
@click.option("--save-model", type=PATH, help="Where to write the model as it is in the end.")
@from_option
@petsc_option
@allow_plugin_option
@json_option
@quiet_option
def command(
    model: Path,
    loads: tuple[Path, ...],
    output: Path,
    start: Path | None,
    allow_plugin: bool,
    as_json: bool,
    quiet: bool,
    **repair: Any,
) -> None:
    """Answer the load cases LOADS with MODEL (a model folder, or its model.h5 alone).

    With --adapt the model folder is needed; a load starts with what the loads before it taught the model.
    """
    from romtool.pipeline.adapt import AdaptRequest, online_adaptive
    from romtool.pipeline.online import online, online_summary
    from romtool.pipeline.ranks import world

    if not repair.pop("adapt"):
        given = [name for name in ("tolerance", "save_model") if repair[name] is not None]
        if given or repair["petsc"]:
            raise click.UsageError(f"--{(given or ['petsc'])[0].replace('_', '-')} goes with --adapt; add --adapt")
        with progress(quiet) as track:
            how = {"overwrite": repair["overwrite"], "allow_plugin": allow_plugin, "start": start, "track": track}
            answers = online(model, loads, output, speaker(quiet), **how)
    elif start is not None:
        raise click.UsageError("--from does not go with --adapt, which repairs runs from the undeformed body")
    else:
        comm = world()
        with progress(quiet, comm.rank) as track:
            request = AdaptRequest(allow_plugin=allow_plugin, track=track, **repair)
            answers = online_adaptive(model, loads, output, comm, speaker(quiet, comm.rank), request)
    summary = online_summary(answers)
    if as_json:
        print_json(summary)
        return
    rows = [
        (
            entry["name"],
            entry["n_steps"],
            entry["iterations"],
            entry["enrichments"],
            1e3 * entry["seconds"]["march"],
            *entry["largest"].values(),
            *(_largest(values) for values in entry["bound"].values()),
        )
        for entry in summary["loads"]
    ]
    first = summary["loads"][0]
    fields = [f"max {name} (sampled)" for name in first["largest"]] + [
        f"error of {name} below" for name in first["bound"]
    ]
    print_table("online", ("load", "steps", "iterations", "repairs", "march [ms]", *fields), rows)


def _largest(values: list[float]) -> float | None:
    """Return the largest number, None where there is none."""
    return max((value for value in values if value == value), default=None)
