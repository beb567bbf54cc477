"""`romtool study MODEL STUDY.toml -o OUT`."""

import re
from pathlib import Path
from typing import Any

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
from romtool.cli.progress import progress


def _part(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Return (i, n) of "i/n"."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", value)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{value} is no share of the draws; give i/n with i from 1 to n")
    return int(found[1]), int(found[2])


@click.command("study")
@model_argument
@click.argument("file", metavar="STUDY", type=PATH)
@output_option("the study; what is there of the same study is kept")
@overwrite_option
@click.option("--part", metavar="i/n", callback=_part, help="Answer the i-th of n shares of the draws (job arrays).")
@click.option("--draw", type=click.IntRange(0), help="Write the load file of one draw to -o, for `solve`, and stop.")
@allow_plugin_option
@json_option
@quiet_option
def command(model: Path, file: Path, output: Path, draw: int | None, as_json: bool, quiet: bool, **how: Any) -> None:
    """Answer the random draws of a STUDY file with MODEL, and describe the distribution of what comes out.

    A study that was broken off goes on where it was, with the same numbers.
    """
    from romtool.pipeline.ranks import on_root, world
    from romtool.pipeline.study import StudyRequest, study, study_summary
    from romtool.pipeline.study_draw import write_draw

    if how["part"] and how["overwrite"]:
        raise click.UsageError(
            "--overwrite would remove what other shares have done; remove the folder, then use --part"
        )
    comm = world()
    say = speaker(quiet, comm.rank)
    if draw is not None:
        path = on_root(comm, lambda: write_draw(model, file, draw, output, say, overwrite=how["overwrite"]))
        if as_json:
            print_json({"load": str(path)})
        return
    with progress(quiet, comm.rank) as track:
        result = study(model, file, output, comm, say, StudyRequest(track=track, **how))
    if as_json:
        print_json(study_summary(result))
    elif result.complete:
        _print(study_summary(result))


def _print(found: dict[str, Any]) -> None:
    """Print the quantities at the last of their times, and what the indicator says."""
    rows, names = [], []
    for name, entry in found["quantities"].items():
        names = list(entry["quantiles"])
        error = max(values[-1] for values in entry["bootstrap"].values())
        above = None if entry["threshold"] is None else entry["exceedance"][-1]
        last = [values[-1] for values in entry["quantiles"].values()]
        rows.append((name, *last, error, entry["threshold"], above))
    columns = ("quantity", *(f"quantile {name}" for name in names), "bootstrap error", "threshold", "exceeded")
    title = f"study {found['name']}: {found['done']} draws, at time {found['at'][-1]:g}"
    if rows:
        print_table(title, columns, rows)
    else:
        click.echo(f"{title}; the model has no [[quantities]]")
    indicator = found["indicator"]
    share = f"{indicator['share_above']:.1%} of the draws may have an error above {indicator['tolerance']:g}"
    click.echo(f"{share}; {found['stopped']} did not converge")
    if found["outside"]["draws"]:
        respects = ", ".join(f"{what} ({count})" for what, count in found["outside"]["by"].items())
        click.echo(f"{found['outside']['draws']} draws are outside the training: {respects}")
    for name, reason in found["missing"].items():
        click.echo(f"{name} is not known: {reason}")
