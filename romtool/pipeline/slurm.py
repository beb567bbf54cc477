"""`romtool slurm`: batch scripts from a command line or a whole case, written or submitted."""

import itertools
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from romtool.batch.job import Job, Resources, Surroundings
from romtool.batch.plan import Call, Spreading, job_of, pipeline_calls
from romtool.batch.quantities import MEGABYTE, clock, megabytes, seconds
from romtool.batch.script import batch_script, submit_script
from romtool.batch.site import Site, SlurmTable, find_site, read_site
from romtool.errors import CaseError, InputError, MissingPartError, RomtoolError
from romtool.io.atomic import atomic_file
from romtool.io.load import check_unique, read_load
from romtool.pipeline.estimate import estimate_call, most_ranks

SUBMIT = "submit.sh"
"""The script that submits a chain of jobs."""


@dataclass(frozen=True)
class JobRequest:
    """What the command line says of jobs; None and () where it says nothing.

    Parameters
    ----------
    site: the site file; the first that is found where None.
    nodes, tasks: of each job.
    memory, time: of each node, of each job, as Slurm writes them.
    changes: of keys of [slurm].
    modules, container: in the place of those of [environment].
    spreading: of arrays.
    case: the case file that all jobs come from; None outside a pipeline.
    """

    site: Path | None = None
    nodes: int | None = None
    tasks: int | None = None
    memory: str | None = None
    time: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    container: str | None = None
    spreading: Spreading = field(default_factory=Spreading)
    case: Path | None = None


@dataclass(frozen=True)
class Script:
    """A batch script with the job behind it."""

    job: Job
    text: str

    @property
    def summary(self) -> dict[str, Any]:
        """Return what `slurm --json` says of it."""
        asked = self.job.resources
        return {
            "name": self.job.name,
            "nodes": asked.nodes,
            "tasks": asked.tasks,
            "memory_megabytes": asked.memory,
            "time": None if asked.time is None else clock(asked.time),
            "array": list(self.job.items),
            "remarks": list(self.job.remarks),
        }


def write_scripts(calls: Mapping[str, Call], request: JobRequest, logs: str = "") -> dict[str, Script]:
    """Return the scripts of some calls, by their names.

    Parameters
    ----------
    calls: name of a job -> its call.
    request: what the command line says.
    logs: folder of the logs.

    Raises
    ------
    InputError, CaseError: a site file, amount, time or path that is wrong; more ranks than subdomains.
    """
    site = _site(request)
    surroundings = Surroundings(site.slurm, site.environment, str(Path.cwd()), logs)
    found = {}
    for name, call in calls.items():
        job = job_of(call, request.spreading if call.name in ("online", "study") else Spreading())
        job = replace(job, name=f"romtool-{name}")
        job = _with_resources(job, call, request, site)
        found[name] = Script(job, batch_script(job, surroundings))
    return found


def _site(request: JobRequest) -> Site:
    """Return the site's settings, changed by those of the command line."""
    site = read_site(request.site or find_site(os.environ, Path.home()))
    slurm = site.slurm.model_copy(update={name: value for name, value in request.changes.items() if value})
    environment = site.environment
    if request.modules:
        environment = environment.model_copy(update={"modules": list(request.modules)})
    if request.container:
        environment = environment.model_copy(update={"container": request.container})
    beside = Path(sys.executable).with_name("romtool")
    if not (environment.modules or environment.commands or environment.container) and beside.is_file():
        path = f'export PATH="{_escaped(str(beside.parent))}:$PATH"'
        environment = environment.model_copy(update={"commands": [path]})
    return Site(slurm=slurm, environment=environment)


def _escaped(text: str) -> str:
    """Return a text as it stands between double quotes of bash."""
    return "".join(f"\\{character}" if character in '\\"$`' else character for character in text)


def _with_resources(job: Job, call: Call, request: JobRequest, site: Site) -> Job:
    """Return a job with its ranks, nodes, memory and time, and how the memory came about."""
    slurm = site.slurm
    limit = request.time or slurm.time
    tasks = _tasks(call, request, slurm.tasks_per_node)
    nodes = request.nodes or (-(-tasks // slurm.tasks_per_node) if slurm.tasks_per_node else 1)
    if nodes > tasks:
        raise InputError(f"{nodes} nodes for {tasks} rank{'s' * (tasks > 1)}; give at most one node per rank")
    memory, nodes, remarks = _memory(call, tasks, nodes, request, slurm)
    resources = Resources(tasks, nodes, memory, seconds(limit) if limit else None)
    return replace(job, resources=resources, remarks=remarks)


def _tasks(call: Call, request: JobRequest, most: int) -> int:
    """Return the ranks of a call: as asked for, else one per subdomain, as many as a node takes at most.

    In a pipeline no job has more ranks than share its work.
    """
    if request.tasks and request.case is None:
        return request.tasks
    count = most_ranks(call)
    return min(count, request.tasks or most or count)


def _memory(
    call: Call, tasks: int, nodes: int, request: JobRequest, slurm: SlurmTable
) -> tuple[int | None, int, tuple[str, ...]]:
    """Return the memory per node [MB], the nodes, and the estimate in words; more nodes where one has too little."""
    if request.memory:
        return megabytes(request.memory), nodes, ("Memory as asked for.",)
    found = estimate_call(call, tasks, request.case)
    if found is None:
        return None, nodes, (f"{call.name}: no estimate of its memory; --memory asks for some.",)
    room = megabytes(slurm.memory_per_node) if slurm.memory_per_node else None
    needed = found.per_rank / MEGABYTE
    while room is not None and request.nodes is None and nodes < tasks and -(-tasks // nodes) * needed > room:
        nodes += 1
    memory = math.ceil(-(-tasks // nodes) * needed)
    if room is not None and memory > room:
        raise InputError(
            f"{call.name} on {tasks} ranks and {nodes} nodes takes up to {memory} MB on a node, which has {room}; ask "
            "for more ranks (with more subdomains), or for less by [pod] memory or [hifi] solver"
        )
    return memory, nodes, (*found.sentences, f"On each of {nodes} node{'s' * (nodes > 1)}: {memory} MB.")


def plan_pipeline(case: Path, loads: Sequence[Path], folder: Path, request: JobRequest) -> dict[str, str]:
    """Return the files of a chain of jobs from a case to its report, by their names in `folder`/jobs.

    Parameters
    ----------
    case: the case file.
    loads: load files.
    folder: for model, results, report, scripts and logs.
    request: what the command line says.

    Raises
    ------
    RomtoolError: a case, load or site file that is wrong.
    """
    found = [read_load(path) for path in loads]
    check_unique(found)
    calls = pipeline_calls(str(case), [str(path) for path in loads], [load.name for load in found], str(folder))
    jobs = folder / "jobs"
    scripts = write_scripts(calls, replace(request, case=case), str(jobs))
    files = {f"{name}.sbatch": script.text for name, script in scripts.items()}
    places = {name: str(jobs / f"{name}.sbatch") for name in scripts}
    after = {name: [before] for before, name in itertools.pairwise(scripts)}
    return {**files, SUBMIT: submit_script(places, after, str(Path.cwd()))}


def submit(script: str) -> str:
    """Submit a batch script; return the number of its job.

    Raises
    ------
    MissingPartError: there is no sbatch. RomtoolError: it refuses.
    """
    return _call(["sbatch", "--parsable"], script).strip().partition(";")[0]


def submit_pipeline(folder: Path) -> dict[str, str]:
    """Submit the jobs that were written to a folder; return the number of each. Raises as `submit`."""
    lines = _call(["bash", str(folder / "jobs" / SUBMIT)], "").splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def _call(command: list[str], text: str) -> str:
    """Return what a program prints. Raises MissingPartError, RomtoolError."""
    if shutil.which("sbatch") is None:
        raise MissingPartError("sbatch is not installed here; write the script with -o and submit it on the cluster")
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RomtoolError(f"sbatch refused the job: {lines[-1]}; see [slurm] of the site file and the options")
    return done.stdout


def write_files(files: Mapping[str, str], folder: Path, *, overwrite: bool) -> None:
    """Write scripts to a folder. Raises CaseError where one exists and is not to be replaced."""
    for name in files:
        check_new(folder / name, overwrite=overwrite)
    for name, text in files.items():
        with atomic_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")


def check_new(path: Path, *, overwrite: bool) -> None:
    """Refuse a path that exists, unless it is to be replaced. Raises CaseError."""
    if path.exists() and not overwrite:
        raise CaseError(f"{path} exists; give --overwrite or another -o")
