"""`romtool online MODEL LOAD.toml… -o OUT`."""

from pathlib import Path

import click

from romtool.cli.options import (
    PATH,
    allow_plugin_option,
    json_option,
    model_argument,
    output_option,
    overwrite_option,
    print_json,
    print_table,
    quiet_option,
    speaker,
)


@click.command("online")
@model_argument
@click.argument("loads", type=PATH, nargs=-1, required=True)
@output_option("the results, one folder per load")
@overwrite_option
@allow_plugin_option
@json_option
@quiet_option
def command(
    model: Path,
    loads: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    allow_plugin: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Answer the load cases LOADS with MODEL (a model folder, or its model.h5 alone)."""
    from romtool.pipeline.online import online, online_summary

    answers = online(model, loads, output, speaker(quiet), overwrite=overwrite, allow_plugin=allow_plugin)
    summary = online_summary(answers)
    if as_json:
        print_json(summary)
        return
    rows = [
        (
            entry["name"],
            entry["n_steps"],
            entry["iterations"],
            1e3 * entry["seconds"]["march"],
            *entry["largest"].values(),
            max((max(values) for values in entry["residual"].values()), default=None),
        )
        for entry in summary["loads"]
    ]
    fields = [f"max {name} (sampled)" for name in summary["loads"][0]["largest"]]
    print_table("online", ("load", "steps", "iterations", "march [ms]", *fields, "max gappy residual"), rows)
