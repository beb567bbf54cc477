"""`romtool cluster CASE/case.toml`."""

from pathlib import Path
from typing import Any

import click

from romtool.cli.options import (
    PATH,
    case_argument,
    json_option,
    overwrite_option,
    print_json,
    print_table,
    quiet_option,
    speaker,
)
from romtool.cli.progress import progress

COLUMNS = ("clusters", "gain", "95 % interval", "of a third", "error", "95 % interval", "modes", "at equal modes")


@click.command("cluster")
@case_argument
@click.option("-o", "--output", type=PATH, help="Where to write the findings; `clusters` beside CASE by default.")
@overwrite_option
@json_option
@quiet_option
def command(case: Path, output: Path | None, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Say before any training whether several local models of the simulations of CASE beat one, and how many."""
    from romtool.pipeline.cluster import cluster
    from romtool.pipeline.ranks import world

    comm = world()
    with progress(quiet, comm.rank) as track:
        folder, found = cluster(case, output, comm, speaker(quiet, comm.rank), overwrite=overwrite, track=track)
    if as_json:
        print_json(found)
        return
    title = f"{found['n_simulations']} simulations of {found['case']}, {found['dissimilarity']} of {found['field']}"
    print_table(title, COLUMNS, [_row(entry) for entry in found["counts"]])
    for sentence in _sentences(found, folder):
        click.echo(sentence)


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    """Return a row of the table."""
    third = entry["gain_third"]
    of_third = None if third is None else f"{third:.2f} ± {entry['gain_third_deviation']:.2f}"
    return (
        entry["count"],
        f"{entry['gain']:.2f}",
        "{:.2f} to {:.2f}".format(*entry["gain_interval"]),
        of_third,
        entry["error"],
        "{:.2e} to {:.2e}".format(*entry["error_interval"]),
        f"{entry['modes']:.1f}",
        entry["error_equal_modes"],
    )


def _sentences(found: dict[str, Any], folder: Path) -> list[str]:
    """Return the verdict in words."""
    count = found["recommended"]
    verdict = "one basis is enough" if count == 1 else f"recommended: {count} clusters, around "
    sentences = [verdict + ("" if count == 1 else ", ".join(entry["medoid"] for entry in found["clusters"]))]
    if count > 1:
        other = found["other"]
        sentences.append(
            f"by the {other['dissimilarity']} dissimilarity the error at equal modes would be "
            f"{other['error_equal_modes']:.3g}, larger by {other['larger_by']:.2g} ± {other['larger_by_error']:.1g}"
        )
    if (budget := found["budget"]) is not None:
        sentences.append(
            f"the budget of {budget['hours']:g} h buys {budget['simulations']} training simulations of "
            f"{budget['simulation_hours']:.3g} h each"
            if budget["simulations"] is not None
            else "how long a simulation takes is not known: give [clusters] simulation_hours"
        )
    return [*sentences, f"wrote {folder}"]
