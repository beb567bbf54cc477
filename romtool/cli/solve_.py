"""`romtool solve CASE/case.toml LOAD.toml… -o REF`."""

from pathlib import Path

import click

from romtool.cli.options import (
    PATH,
    case_argument,
    from_option,
    json_option,
    output_option,
    overwrite_option,
    petsc_option,
    print_json,
    print_table,
    quiet_option,
    speaker,
)
from romtool.cli.progress import progress


@click.command("solve")
@case_argument
@click.argument("loads", type=PATH, nargs=-1, required=True)
@output_option("the solutions, one folder per load")
@overwrite_option
@from_option
@petsc_option
@json_option
@quiet_option
def command(
    case: Path,
    loads: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    start: Path | None,
    petsc: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Solve the load cases LOADS of CASE with the built-in high-fidelity solver."""
    from romtool.pipeline.ranks import world
    from romtool.pipeline.solve import Options, solve_loads, solve_summary

    comm = world()
    with progress(quiet, comm.rank) as track:
        options = Options(overwrite, petsc, track, start)
        solved = solve_loads(case, loads, output, comm, speaker(quiet, comm.rank), options)
    if as_json:
        print_json(solve_summary(solved))
        return
    rows = [(entry.name, entry.n_steps, entry.iterations, entry.cuts, entry.seconds) for entry in solved]
    print_table("solve", ("load", "steps", "iterations", "cuts", "seconds"), rows)
