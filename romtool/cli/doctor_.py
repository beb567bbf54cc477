"""`romtool doctor [FOLDER]`."""

from pathlib import Path

import click

from romtool.cli.options import PATH, json_option, print_json, print_table


@click.command("doctor")
@click.argument("folder", type=PATH, default=Path())
@click.option("--ranks", type=click.IntRange(1), help="Say only whether that many ranks are in one communicator here.")
@json_option
def command(folder: Path, ranks: int | None, as_json: bool) -> None:
    """Say what is installed and works on this machine, and in FOLDER, with a remedy for each problem.

    The exit code is 0 where all is there, 3 where an optional part is missing, 1 where something does not work.
    """
    from romtool.pipeline.doctor import check_ranks, doctor_summary, examine, exit_code
    from romtool.pipeline.ranks import world

    if ranks is not None:
        words = check_ranks(world(), ranks)
        print_json({"ranks": ranks, "found": words}) if as_json else click.echo(words)
        return
    findings = examine(folder)
    if as_json:
        print_json(doctor_summary(findings))
    else:
        print_table("doctor", ("", "", ""), [(entry.check, entry.status, entry.found) for entry in findings])
        for entry in findings:
            if entry.remedy:
                click.echo(f"{entry.check}: {entry.remedy}")
    raise click.exceptions.Exit(exit_code(findings))
