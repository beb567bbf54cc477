"""The one place that knows MPI: which ranks there are, which subdomains each owns, and how they fail together.

Two rules keep ranks from waiting for each other for ever. What one rank does for all (reading, writing) goes
through `on_root`, what each does for itself through `together`: an error of one is raised on every rank. Whatever
else goes wrong on one rank alone is told by `meet`, and ends the whole job.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from romtool.errors import InputError, MissingPartError, RomtoolError

if TYPE_CHECKING:
    from romtool.linalg.reduction import Comm

Result = TypeVar("Result")

_LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")
ALLOW_SINGLETON = "ROMTOOL_ALLOW_SINGLETON"
INTERVAL = 0.01
"""Seconds between two looks at the other ranks while waiting, so that a waiting rank leaves its core free."""


def is_launched() -> bool:
    """Tell whether a launcher of parallel programs started this process."""
    return any(name in os.environ for name in (*_LAUNCHED, "SLURM_STEP_ID"))


def launched_rank() -> int:
    """Return the number that the launcher gave this process; 0 without one."""
    return next((int(os.environ[name]) for name in _RANKS if os.environ.get(name, "").isdigit()), 0)


def launched_size() -> int:
    """Return how many processes the launcher started; 1 where that is not known.

    `srun` sets a step id and the step's number of tasks. In a batch script or inside `salloc` there is none, or one
    of Slurm's own step ids, and the processes are as many as the user starts there. `mpiexec` inside a job starts
    its daemons by `srun`, hence its own variables come first.
    """
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    step = os.environ.get("SLURM_STEP_ID", "")
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS") or os.environ.get("SLURM_NTASKS", "")
    by_srun = step.isdigit() and int(step) < _SLURM_OWN_STEPS and "SLURM_PROCID" in os.environ
    return int(tasks) if by_srun and tasks.isdigit() else 1


_SLURM_OWN_STEPS = 2**32 - 16
"""Step ids from here on are Slurm's: batch script, interactive step, external processes."""


@cache
def world() -> "Comm":
    """Return the communicator of all ranks; one rank without MPI where no launcher started this process.

    Raises
    ------
    InputError: processes that were started together and do not see each other (set ROMTOOL_ALLOW_SINGLETON=1 to
        have each work on its own).
    MissingPartError: several ranks without mpi4py.
    """
    comm, count = _communicator(), launched_size()
    if comm.size == 1 and count > 1 and os.environ.get(ALLOW_SINGLETON) != "1":
        raise InputError(
            f"the launcher started {count} processes, but each finds itself alone: MPI does not fit the launcher; use "
            f"the mpiexec of the MPI that mpi4py was built with, or `srun --mpi=pmix`; {ALLOW_SINGLETON}=1 lets each "
            "process work alone"
        )
    return comm


def _communicator() -> "Comm":
    """Return MPI's communicator, or a serial one."""
    from romtool.linalg.reduction import SerialComm

    if not any(name in os.environ for name in _LAUNCHED):
        return SerialComm()
    try:
        from mpi4py import MPI
    except ImportError as error:
        if launched_size() == 1:
            return SerialComm()
        raise MissingPartError("several ranks need the package mpi4py; install romtool[mpi]") from error
    return cast("Comm", MPI.COMM_WORLD)


def owned(comm: "Comm", n_subdomains: int) -> range:
    """Return the contiguous range of subdomains that this rank owns.

    Raises
    ------
    InputError: more ranks than subdomains.
    """
    if comm.size > n_subdomains:
        raise InputError(
            f"{comm.size} ranks for {n_subdomains} subdomain{'s' if n_subdomains > 1 else ''}: each rank needs one or "
            f"more; start at most {n_subdomains}, or set [partition] subdomains = {comm.size} and import again"
        )
    return range(n_subdomains * comm.rank // comm.size, n_subdomains * (comm.rank + 1) // comm.size)


def on_root(comm: "Comm", action: Callable[[], Result]) -> Result:
    """Return what an action returns on rank 0, on every rank; an error that it raises is raised everywhere.

    Parameters
    ----------
    comm: the ranks.
    action: what only rank 0 does; the others wait.

    Raises
    ------
    RomtoolError: as the action.
    """
    outcome: tuple[Any, RomtoolError | None] = (None, None)
    if comm.rank == 0:
        try:
            outcome = (action(), None)
        except RomtoolError as error:
            if comm.size == 1:
                raise
            outcome = (None, error)
    await_root(comm)
    result, failure = comm.bcast(outcome)
    if failure is not None:
        raise failure
    return cast(Result, result)


def together(comm: "Comm", action: Callable[[], Result]) -> Result:
    """Return what an action returns on this rank; the first error among all ranks is raised on every rank.

    Parameters
    ----------
    comm: the ranks.
    action: what each rank does for itself, without communication.

    Raises
    ------
    RomtoolError: as the action on the lowest rank where it fails.
    """
    result, failure = None, None
    try:
        result = action()
    except RomtoolError as error:
        if comm.size == 1:
            raise
        failure = error
    for found in comm.allgather(failure):
        if found is not None:
            raise found
    return cast(Result, result)


def await_root(comm: "Comm") -> None:
    """Wait until rank 0 comes here too, without keeping a core busy meanwhile."""
    if comm.size > 1:
        _arrived(comm, None)


def _arrived(comm: Any, seconds: float | None) -> bool:
    """Tell whether all ranks come here within some seconds."""
    request, start = comm.Ibarrier(), time.monotonic()
    while not request.Test():
        if seconds is not None and time.monotonic() - start > seconds:
            return False
        time.sleep(INTERVAL)
    return True


@dataclass(frozen=True)
class SharedWork:
    """An output folder in the making, for all ranks.

    Parameters
    ----------
    path: its final name.
    new: becomes the output.
    kept: holds what is finished and not part of it.
    done: whether an unfinished command with the same inputs has finished this output already.
    publish: gives `new` its final name; all ranks call it together.
    """

    path: Path
    new: Path
    kept: Path
    done: bool
    publish: Callable[[], None]


@contextmanager
def shared_work(path: Path, comm: "Comm", *, overwrite: bool = False, key: str = "") -> Iterator[SharedWork]:
    """Give all ranks an output folder in the making, in which an unfinished run goes on.

    Parameters
    ----------
    path: the final name.
    comm: the ranks; rank 0 holds the lock.
    overwrite: whether an existing `path` is replaced; it stays as it was until the new one is complete.
    key: digest of all that the output depends on.

    Returns
    -------
    A context manager; what is finished stays after an interruption, as `romtool.io.atomic.Work` says.

    Raises
    ------
    CaseError: as `romtool.io.atomic.Work`, on every rank.
    """
    from romtool.io.atomic import Work, is_resumable

    work = Work(path, overwrite, key)

    def open_work() -> bool:
        return work.open().done

    def publish() -> None:
        together(comm, lambda: None)  # all have written
        on_root(comm, work.publish)

    done = on_root(comm, open_work)
    try:
        yield SharedWork(path, work.new, work.kept, done, publish)
        together(comm, lambda: None)
    except BaseException as error:
        if comm.rank == 0:
            work.close(error)
        elif not is_resumable(error):
            shutil.rmtree(work.folder, ignore_errors=True)
        raise
    on_root(comm, work.close)


@contextmanager
def shared_works(keys: Mapping[Path, str], comm: "Comm", *, overwrite: bool = False) -> Iterator[list[SharedWork]]:
    """Give all ranks several output folders in the making; all are locked until the command ends.

    Parameters
    ----------
    keys: final name -> digest of all that the output depends on; together they name the command.
    comm, overwrite: as for `shared_work`.

    Raises
    ------
    CaseError: as `shared_work`; nothing is written then.
    """
    from romtool.io.atomic import digest_text

    whole = digest_text(" ".join(f"{path.name} {key}" for path, key in keys.items()))
    with ExitStack() as stack:
        yield [
            stack.enter_context(shared_work(path, comm, overwrite=overwrite, key=f"{key} {whole}"))
            for path, key in keys.items()
        ]


@contextmanager
def shared_output_folder(path: Path, comm: "Comm", *, overwrite: bool = False) -> Iterator[Path]:
    """Give all ranks one temporary folder beside `path`, renamed to `path` when all are done.

    Parameters
    ----------
    path, comm, overwrite: as for `shared_work`.

    Returns
    -------
    A context manager that gives the folder to write into; it is gone after an error on any rank.

    Raises
    ------
    CaseError: as `romtool.io.atomic.output_folder`, on every rank.
    """
    with shared_work(path, comm, overwrite=overwrite) as work:
        yield work.new
        work.publish()


@contextmanager
def scratch_folder(parent: Path, comm: "Comm") -> Iterator[Path]:
    """Give all ranks one temporary folder in `parent`, removed at the end.

    Parameters
    ----------
    parent: where the folder is; made where it is missing.
    comm: the ranks; rank 0 makes and removes the folder.

    Raises
    ------
    InputError: `parent` cannot be written to.
    """
    folder = on_root(comm, lambda: _make_scratch(parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_scratch(parent: Path) -> Path:
    """Make an unused hidden folder."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".romtool-", dir=parent))
    except OSError as error:
        raise InputError(f"{parent} cannot be written to: {error.strerror}; give another -o") from error


def watch(comm: "Comm") -> Any:
    """Return a communicator of the same ranks for `meet`, on which nothing else is said."""
    return cast(Any, comm).Dup() if comm.size > 1 else None


def meet(watched: Any, message: str, seconds: float) -> tuple[int, str] | None:
    """Bring the failures of all ranks together.

    Parameters
    ----------
    watched: of `watch`.
    message: what failed on this rank.
    seconds: how long to wait for the others.

    Returns
    -------
    The rank that failed first and its message, -1 for the rank where all failed alike; None where some rank has not
    failed in that time.
    """
    failed_at = time.time()
    if not _arrived(watched, seconds):
        return None
    found: list[tuple[float, int, str]] = watched.allgather((failed_at, watched.rank, message))
    if len({text for _, _, text in found}) == 1:
        return -1, message
    return min(found)[1:]


def end_all(code: int) -> None:
    """End all ranks at once with an exit code; those that wait for this one would wait for ever."""
    from mpi4py import MPI

    MPI.COMM_WORLD.Abort(code)
