"""The site file: what jobs are given on this cluster where the command line says nothing else.

Looked for in ROMTOOL_SITE, ~/.config/romtool/site.toml and /etc/romtool/site.toml; the first that exists counts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from romtool.batch.quantities import megabytes, seconds
from romtool.errors import CaseError, InputError
from romtool.io.validation import Table, read_toml, reject_value

VARIABLE = "ROMTOOL_SITE"
AUTOMATIC = "auto"
"""The launcher is the first of `LAUNCHERS` under which all ranks find each other, tried in the job itself."""

LAUNCHERS = ("srun --mpi=pmix", "srun --mpi=pmi2", "mpiexec -n {tasks}", "srun")
"""`{tasks}` is the number of ranks."""


class SlurmTable(Table):
    """[slurm]: options of sbatch, and how a job is ended and queued again."""

    account: str = Field(default="", description="a text: --account of sbatch")
    partition: str = Field(default="", description="a text: --partition of sbatch")
    qos: str = Field(default="", description="a text: --qos of sbatch")
    time: str = Field(default="", description='a time limit: "HH:MM:SS", "D-HH:MM:SS" or minutes, as text')
    options: list[str] = Field(
        default=[], description='a list of further options of sbatch, e.g. ["--constraint=icelake"]'
    )
    tasks_per_node: int = Field(default=0, ge=0, description="how many ranks a node takes, an integer")
    memory_per_node: str = Field(default="", description='the memory of a node that jobs may use, as text, e.g. "180G"')
    launcher: str = Field(
        default=AUTOMATIC, description=f'"{AUTOMATIC}", or the command that starts ranks, e.g. "srun --mpi=pmix"'
    )
    signal: int = Field(default=300, ge=10, description="seconds before the time limit, an integer from 10")
    requeues: int = Field(default=20, ge=0, description="how often a job is queued again at most, an integer")

    @field_validator("time")
    @classmethod
    def _check_time(cls, value: str) -> str:
        """Refuse what is no time limit."""
        return _checked(value, seconds)

    @field_validator("memory_per_node")
    @classmethod
    def _check_memory(cls, value: str) -> str:
        """Refuse what is no amount of memory."""
        return _checked(value, megabytes)


def _checked(value: str, parse: Any) -> str:
    """Return a value that can be parsed, or is empty."""
    if value:
        try:
            parse(value)
        except InputError as error:
            reject_value(f"has {str(error).partition(';')[0]}")
    return value


class EnvironmentTable(Table):
    """[environment]: what a job does before it calls romtool."""

    modules: list[str] = Field(default=[], description='a list of environment modules, e.g. ["openmpi/4.1"]')
    commands: list[str] = Field(
        default=[], description="a list of shell commands, run in their order after the modules"
    )
    container: str = Field(default="", description="the image of a container that has romtool, as text")
    container_command: list[str] = Field(
        default=["apptainer", "exec"], min_length=1, description="the words that run a command in the image"
    )


class Site(Table):
    """A site file."""

    noun = "table"

    slurm: SlurmTable = SlurmTable()
    environment: EnvironmentTable = EnvironmentTable()


def find_site(variables: Mapping[str, str], home: Path) -> Path | None:
    """Return the site file that counts; None where there is none.

    Parameters
    ----------
    variables: of the environment.
    home: the user's home folder.

    Raises
    ------
    CaseError: ROMTOOL_SITE names a file that does not exist.
    """
    if named := variables.get(VARIABLE):
        if not Path(named).is_file():
            raise CaseError(f"{named}: no such file, named by {VARIABLE}; correct the variable or unset it")
        return Path(named)
    places = (home / ".config" / "romtool" / "site.toml", Path("/etc/romtool/site.toml"))
    return next((place for place in places if place.is_file()), None)


def read_site(path: Path | None) -> Site:
    """Read a site file; the defaults where there is none.

    Raises
    ------
    CaseError: not readable, or a key or value that is wrong.
    """
    return Site() if path is None else read_toml(path, Site, what="site file")
