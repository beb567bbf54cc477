"""What a job is: its command, its resources, and what it waits for."""

from dataclasses import dataclass, field

from romtool.batch.site import EnvironmentTable, SlurmTable

ITEM = "\0item"
"""Stands in a command for what differs between the tasks of an array."""


@dataclass(frozen=True)
class Resources:
    """What a job asks for.

    Parameters
    ----------
    tasks: ranks, one thread each.
    nodes: over which they are spread.
    memory: [MB] on each node; None: what the cluster gives.
    time: [s] limit; None: the cluster's.
    """

    tasks: int = 1
    nodes: int = 1
    memory: int | None = None
    time: int | None = None


@dataclass(frozen=True)
class Job:
    """One batch job, or an array of them.

    Parameters
    ----------
    name: of the job and its log.
    command: the words after `romtool`; `ITEM` stands for the item of an array's task.
    resources: of each task.
    items: one task of an array for each; () for a single job.
    at_once: how many tasks of an array may run at a time; 0: all.
    remarks: lines of comment: how the memory was estimated.
    outputs: paths whose change is progress.
    """

    name: str
    command: tuple[str, ...]
    resources: Resources = field(default_factory=Resources)
    items: tuple[str, ...] = ()
    at_once: int = 0
    remarks: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What all jobs of one call have in common.

    Parameters
    ----------
    slurm, environment: of the site file, changed by options of the command line.
    folder: working folder of the jobs; "": where they are submitted.
    logs: folder of the logs; "": the working folder.
    """

    slurm: SlurmTable
    environment: EnvironmentTable
    folder: str = ""
    logs: str = ""
