"""The text of a batch script, and of the script that submits several with their dependencies."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import PurePath

from romtool.batch.job import ITEM, Job, Surroundings
from romtool.batch.quantities import clock
from romtool.batch.site import AUTOMATIC, LAUNCHERS, EnvironmentTable
from romtool.errors import InputError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
LEAST_SIGNAL = 10
"""Seconds before the limit at least; Slurm itself looks at its clock every 30 s or so."""


def batch_script(job: Job, surroundings: Surroundings) -> str:
    """Return the script of a job for sbatch.

    Parameters
    ----------
    job: what is run, with what.
    surroundings: the site's settings.

    Raises
    ------
    InputError: a path or name with a line break or a null byte, which no script can hold.
    """
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {_directive(option)}" for option in _options(job, surroundings)),
        *([""] if job.remarks else []),
        *(f"# {line}".rstrip() for line in job.remarks),
        "",
        "set -uo pipefail",
        f"export {' '.join(f'{name}=1' for name in THREADS)}",
        *_environment(surroundings.environment),
        "",
        *_variables(job, surroundings),
    ]
    return "\n".join(lines) + "\n\n" + files("romtool.batch").joinpath("run.sh").read_text(encoding="utf-8")


def _options(job: Job, surroundings: Surroundings) -> Iterator[str]:
    """Yield the options of sbatch."""
    slurm, asked = surroundings.slurm, job.resources
    yield f"--job-name={job.name}"
    named = {"account": slurm.account, "partition": slurm.partition, "qos": slurm.qos, "chdir": surroundings.folder}
    yield from (f"--{name}={value}" for name, value in named.items() if value)
    yield from (f"--nodes={asked.nodes}", f"--ntasks={asked.tasks}", "--cpus-per-task=1")
    if asked.memory is not None:
        yield f"--mem={asked.memory}M"
    if asked.time is not None:
        yield f"--time={clock(asked.time)}"
    yield f"--signal=B:USR1@{lead_time(slurm.signal, asked.time)}"
    yield from ("--requeue", "--open-mode=append")
    if job.items:
        yield f"--array=0-{len(job.items) - 1}" + (f"%{job.at_once}" if job.at_once else "")
    yield f"--output={_log(job, surroundings)}"
    yield from slurm.options


def _log(job: Job, surroundings: Surroundings) -> str:
    """Return the pattern of the log's name; Slurm expands it in the working folder's name too. Raises InputError."""
    folder = str(PurePath(surroundings.folder) / surroundings.logs)
    if "\\" in folder:
        raise InputError(f"{folder} has a backslash, which Slurm does not take in the name of a log; rename it")
    name = f"{job.name}-{'%A_%a' if job.items else '%j'}.log"
    return str(PurePath(folder.replace("%", "%%")) / name)


def lead_time(wanted: int, limit: int | None) -> int:
    """Return how many seconds before its limit a job is told: as wanted, a quarter of the limit at most.

    >>> lead_time(300, 600), lead_time(300, None)
    (150, 300)
    """
    return wanted if limit is None else max(LEAST_SIGNAL, min(wanted, limit // 4))


def _directive(option: str) -> str:
    """Return an option as a line of sbatch holds it."""
    _refuse_breaks(option)
    name, equals, value = option.partition("=")
    if not equals or re.fullmatch(r"[\w@%+=:,./-]+", value, re.ASCII):
        return option
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _refuse_breaks(text: str) -> None:
    if any(character in text for character in "\n\r\0"):
        raise InputError(f"{text!r} has a line break or null byte, which no batch script can hold; rename it")


def quoted(word: str) -> str:
    """Return a word as bash reads it back; that of an array's task is its variable.

    >>> quoted("a b.toml")
    "'a b.toml'"
    """
    if word == ITEM:
        return '"$item"'
    _refuse_breaks(word)
    return shlex.quote(word)


def _environment(table: EnvironmentTable) -> Iterator[str]:
    """Yield what is run before romtool."""
    if table.modules:
        yield "module load " + " ".join(map(quoted, table.modules))
    yield from table.commands


def _variables(job: Job, surroundings: Surroundings) -> Iterator[str]:
    """Yield what the common part of all scripts works with."""
    slurm, tasks = surroundings.slurm, job.resources.tasks
    if job.items:
        yield "items=(" + "".join(f"\n  {quoted(item)}" for item in job.items) + "\n)"
        yield "item=${items[$SLURM_ARRAY_TASK_ID]}"
    yield f"romtool=({' '.join(map(quoted, program(surroundings.environment)))})"
    yield f"command=({' '.join(map(quoted, job.command))})"
    yield f"tasks={tasks}"
    chosen = LAUNCHERS if slurm.launcher == AUTOMATIC else (slurm.launcher,)
    yield f"launchers=({' '.join(quoted(entry.replace('{tasks}', str(tasks))) for entry in chosen)})"
    yield f"outputs=({' '.join(map(quoted, job.outputs))})"
    yield f"requeues={slurm.requeues}"


def program(environment: EnvironmentTable) -> tuple[str, ...]:
    """Return the words that call romtool: its name, in a container where there is one."""
    if not environment.container:
        return ("romtool",)
    return (*environment.container_command, environment.container, "romtool")


def submit_script(scripts: Mapping[str, str], after: Mapping[str, Sequence[str]], folder: str) -> str:
    """Return the script that submits jobs, each after others have ended well, and prints their numbers.

    Parameters
    ----------
    scripts: name of a job -> its script, in an order in which each comes after those that it waits for.
    after: name -> names of the jobs that it waits for.
    folder: where it is submitted from; "": where the script is called.

    Raises
    ------
    InputError: as `batch_script`.
    """
    lines = ["#!/bin/bash", "# Submits the jobs; one whose predecessor fails is taken out of the queue."]
    lines += ["set -euo pipefail", *([f"cd {quoted(folder)}"] if folder else []), 'number() { echo "${1%%;*}"; }']
    for name, script in scripts.items():
        waits = ":".join(f"${{job_{other}}}" for other in after.get(name, ()))
        condition = f' "--dependency=afterok:{waits}" --kill-on-invalid-dep=yes' if waits else ""
        lines += [
            f'job_{name}=$(number "$(sbatch --parsable{condition} {quoted(script)})")',
            f'echo "{name} $job_{name}"',
        ]
    return "\n".join(lines) + "\n"
