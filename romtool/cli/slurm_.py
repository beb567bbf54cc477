"""`romtool slurm [OPTIONS] -- COMMAND…`."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from romtool.cli.options import PATH, json_option, print_json

if TYPE_CHECKING:
    from romtool.batch.plan import Call
    from romtool.pipeline.slurm import JobRequest, Script

SLURM_KEYS = ("partition", "account", "qos", "launcher", "signal", "requeues")
"""Options that stand in the place of the site file's."""


@click.command("slurm", context_settings={"ignore_unknown_options": False})
@click.argument("words", metavar="COMMAND… | CASE LOAD…", nargs=-1, type=click.UNPROCESSED, required=True)
@click.option("--pipeline", is_flag=True, help="From CASE and LOADs: import, offline, online, report, each a job.")
@click.option(
    "-o", "--output", type=PATH, help="Where to write the script; with --pipeline the folder of all. Or stdout."
)
@click.option("--submit", is_flag=True, help="Submit instead of writing only.")
@click.option("--nodes", type=click.IntRange(1), help="Nodes.")
@click.option("-n", "--tasks", type=click.IntRange(1), help="Ranks, one thread each; else one per subdomain.")
@click.option("--memory", help="Memory of each node, e.g. 16G; else what is estimated.")
@click.option("--time", help="Time limit: HH:MM:SS, D-HH:MM:SS or minutes.")
@click.option("--partition", help="Partition.")
@click.option("--account", help="Account.")
@click.option("--qos", help="Quality of service.")
@click.option(
    "--option", "options", multiple=True, help="A further option of sbatch, e.g. --option=--constraint=icelake."
)
@click.option("--module", "modules", multiple=True, help="A module to load.")
@click.option("--container", help="An image that has romtool.")
@click.option(
    "--launcher", help='What starts ranks, e.g. "srun --mpi=pmix"; else the first that works, tried in the job.'
)
@click.option("--signal", type=click.IntRange(10), help="Seconds before the limit at which the job stops.")
@click.option("--requeues", type=click.IntRange(0), help="How often it is queued again at most.")
@click.option("--shares", type=click.IntRange(1), default=1, help="Tasks of an array that share the draws of a study.")
@click.option("--at-once", type=click.IntRange(1), help="Tasks of an array at a time.")
@click.option("--no-array", is_flag=True, help="One job for all loads of `online`.")
@click.option("--site", type=PATH, help="Site file; else ROMTOOL_SITE, ~/.config/romtool, /etc/romtool.")
@click.option("--overwrite", is_flag=True, help="Replace scripts that exist.")
@json_option
def command(words: tuple[str, ...], pipeline: bool, as_json: bool, **given: Any) -> None:
    """Write, or submit, the Slurm job of a romtool COMMAND, or with --pipeline those of a whole CASE.

    Nodes, ranks and memory are estimated where they are not given. A job that meets its time limit, is preempted or
    loses its node goes on where it was.
    """
    answer = _chain(words, _request(given), given) if pipeline else _single(words, _request(given), given)
    text = answer.pop("text", None)
    if as_json:
        print_json({**answer, **({"script": text} if text else {})})
    elif text and not given["submit"]:
        click.echo(text, nl=False)
    else:
        click.echo("\n".join(answer["files"] + [f"{name} {number}" for name, number in answer["jobs"].items()]))


def _request(given: dict[str, Any]) -> "JobRequest":
    """Return what the options say of jobs."""
    from romtool.batch.plan import Spreading
    from romtool.pipeline.slurm import JobRequest

    changes = {name: given[name] for name in SLURM_KEYS} | {"options": list(given["options"])}
    return JobRequest(
        **{name: given[name] for name in ("site", "nodes", "tasks", "memory", "time", "modules", "container")},
        changes={name: value for name, value in changes.items() if value not in (None, [])},
        spreading=Spreading(given["shares"], given["at_once"] or 0, given["no_array"]),
    )


def _single(words: tuple[str, ...], request: "JobRequest", given: dict[str, Any]) -> dict[str, Any]:
    """Write or submit one job; return what is told of it."""
    from romtool.pipeline.slurm import submit, write_files, write_scripts

    call = take_apart(words)
    script: Script = write_scripts({call.name: call}, request)[call.name]
    path: Path | None = given["output"]
    if path is not None:
        write_files({path.name: script.text}, path.parent, overwrite=given["overwrite"])
    jobs = {script.job.name: submit(script.text)} if given["submit"] else {}
    files = [str(path)] if path else []
    return {**script.summary, "files": files, "jobs": jobs, **({} if path else {"text": script.text})}


def _chain(words: tuple[str, ...], request: "JobRequest", given: dict[str, Any]) -> dict[str, Any]:
    """Write the jobs of a pipeline, and submit them where asked to; return what is told of them."""
    from romtool.pipeline.slurm import plan_pipeline, submit_pipeline, write_files

    if given["output"] is None or len(words) < 2:
        raise click.UsageError("--pipeline takes a case file, load files, and the folder -o")
    case, *loads = map(Path, words)
    folder: Path = given["output"]
    files = plan_pipeline(case, loads, folder, request)
    write_files(files, folder / "jobs", overwrite=given["overwrite"])
    jobs = submit_pipeline(folder) if given["submit"] else {}
    return {"files": [str(folder / "jobs" / name) for name in files], "jobs": jobs}


def take_apart(words: tuple[str, ...]) -> "Call":
    """Return a command line of romtool by its arguments and options, checked as the command itself would.

    Raises
    ------
    click.UsageError: no such command, or one that would refuse its options.
    """
    from romtool.batch.plan import Call
    from romtool.cli.main import COMMANDS

    name, *rest = words
    known = [entry for entry in COMMANDS if entry != "slurm"]
    if name not in known:
        raise click.UsageError(f"{name!r} is no command of romtool that a job could run; pick from {', '.join(known)}")
    command: click.Command = importlib.import_module(f"romtool.cli.{name}_").command
    if isinstance(command, click.Group):
        return Call(name, {"words": tuple(rest)})
    command.make_context(name, list(rest))
    context = click.Context(command, info_name=name)
    found, _, _ = command.make_parser(context).parse_args(list(rest))
    operands: dict[str, tuple[str, ...]] = {}
    options: list[tuple[str, ...]] = []
    for parameter in command.params:
        value = found.get(str(parameter.name))
        given = (value,) if isinstance(value, str | bool) else tuple(value or ())
        if isinstance(parameter, click.Argument):
            operands[str(parameter.name)] = tuple(map(str, given))
        elif given and isinstance(value, bool):
            options.append((parameter.opts[-1] if value else parameter.secondary_opts[-1],))
        else:
            options += [(parameter.opts[-1], str(entry)) for entry in given]
    return Call(name, operands, tuple(options))
