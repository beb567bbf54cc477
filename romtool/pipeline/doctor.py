"""`romtool doctor`: what is installed and works on this machine, and how to put right what does not."""

import fcntl
import importlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from romtool import __version__
from romtool.errors import InputError
from romtool.hifi.linear import has_petsc
from romtool.hifi.petsc_solver import load_petsc
from romtool.kernel_cache import kernel_folder
from romtool.linalg.reduction import Comm

FINE, NOTE, MISSING, PROBLEM = "fine", "note", "missing", "problem"

LAUNCH_SECONDS = 90.0
"""How long two ranks may take to find each other."""

LITTLE_MEMORY, LITTLE_DISK = 2e9, 5e9

EXTRAS = {
    "mpi4py": ("several ranks", "mpi"),
    "pymetis": ("several subdomains", "partition"),
    "pyvista": ("pictures in reports", "pictures"),
    "netCDF4": ("Exodus files", "exodus"),
}
"""Package -> what it is for, and the extra that brings it."""

PETSC_PACKAGES = ("mumps", "hypre", "ptscotch", "superlu_dist")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    check: what was looked at.
    status: "fine", "note" (worth knowing), "missing" (an optional part), "problem".
    found: in words.
    remedy: what to do; "" where all is fine.
    """

    check: str
    status: str
    found: str
    remedy: str = ""


def examine(folder: Path) -> list[Finding]:
    """Return what all checks find.

    Parameters
    ----------
    folder: where datasets, models and results will be.
    """
    checks: Sequence[Callable[[], Iterator[Finding]]] = (
        _program,
        _packages,
        _mpi,
        _petsc,
        _programs,
        _threads,
        _resources,
        lambda: _disk(folder),
        lambda: _locking(folder),
        _slurm,
    )
    return [finding for check in checks for finding in check()]


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 where something does not work, 3 where an optional part is missing, else 0."""
    statuses = {finding.status for finding in findings}
    return 1 if PROBLEM in statuses else 3 if MISSING in statuses else 0


def doctor_summary(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what `doctor --json` prints."""
    counts = {status: sum(entry.status == status for entry in findings) for status in (PROBLEM, MISSING, NOTE)}
    return {"checks": [asdict(finding) for finding in findings], **counts, "exit_code": exit_code(findings)}


def check_ranks(comm: Comm, count: int) -> str:
    """Return in words where the ranks of a run are; they all call this.

    Raises
    ------
    InputError: they are not `count` that see each other.
    """
    if comm.size != count:
        raise InputError(
            f"{count} ranks are asked for, {comm.size} found each other: MPI does not fit the launcher; use the "
            "mpiexec of the MPI that mpi4py was built with, or `srun --mpi=pmix`"
        )
    hosts = dict.fromkeys(comm.allgather(socket.gethostname()))
    return f"{count} rank{'s' * (count > 1)} in one communicator on {len(hosts)} node{'s' * (len(hosts) > 1)}"


def _program() -> Iterator[Finding]:
    """Say which romtool, Python and machine this is, and whether compiled code can be kept."""
    yield Finding("romtool", FINE, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    cache = Path(os.environ.get("NUMBA_CACHE_DIR") or kernel_folder())
    if _is_writable(cache):
        yield Finding("compiled code", FINE, f"kept in {cache}")
    else:
        yield Finding(
            "compiled code",
            PROBLEM,
            f"{cache} cannot be written to: every run compiles for a minute",
            "set NUMBA_CACHE_DIR to a folder that can",
        )


def _is_writable(folder: Path) -> bool:
    """Tell whether files can be made in a folder, which may still have to be made."""
    place = next((entry for entry in (folder, *folder.parents) if entry.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _packages() -> Iterator[Finding]:
    """Look for the packages of the extras."""
    for name, (purpose, extra) in EXTRAS.items():
        try:
            importlib.import_module(name)
            yield Finding(name, FINE, _version(name))
        except ImportError as error:
            how = f"pip install romtool[{extra}]"
            yield Finding(name, MISSING, f"needed for {purpose}: {' '.join(str(error).split())}", how)


def _version(name: str) -> str:
    """Return the version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "of unknown version"


def _mpi() -> Iterator[Finding]:
    """Say which MPI there is, and whether the ranks that its launcher starts find each other."""
    try:
        from mpi4py import MPI
    except ImportError:
        return
    yield Finding("MPI", FINE, MPI.Get_library_version().splitlines()[0].strip("\0 "))
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if mpiexec is None:
        how = "install openmpi-bin, or `pip install romtool[mpiexec]`; or load the module of MPI"
        yield Finding("mpiexec", MISSING, "not on the path: one rank only", how)
        return
    yield _launched("mpiexec", [mpiexec, "-n", "2"])


def _launched(name: str, launcher: Sequence[str]) -> Finding:
    """Start two ranks and say whether they find each other."""
    program = "from romtool.cli.main import main; main()"
    command = [*launcher, sys.executable, "-c", program, "doctor", "--ranks", "2"]
    inherited = ("OMPI_", "PMI", "PRTE_") if "OMPI_COMM_WORLD_SIZE" in os.environ or "PMI_RANK" in os.environ else ()
    environment = {key: value for key, value in os.environ.items() if not (inherited and key.startswith(inherited))}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LAUNCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        said = f"no end after {LAUNCH_SECONDS:g} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        return Finding(name, PROBLEM, f"{' '.join(launcher)}: {said}", "start ranks with another launcher")
    words = " ".join(launcher)
    if done.returncode == 0:
        return Finding(name, FINE, f"{words}: {done.stdout.strip()}")
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip(" -\t")]
    told = next((line for line in lines if line.startswith("romtool:")), next(iter(lines), f"code {done.returncode}"))
    return Finding(name, PROBLEM, f"{words}: {told}", _launch_remedy(done.stderr))


def _launch_remedy(text: str) -> str:
    """Return what helps against a launcher's complaint."""
    if "as root" in text:
        return "run as another user, or set OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
    if "slots" in text:
        return "ask for more tasks, or set OMPI_MCA_rmaps_base_oversubscribe=1"
    return (
        "use the mpiexec of the MPI that mpi4py was built with (`pip install --no-binary :all: mpi4py` builds it anew)"
    )


def _petsc() -> Iterator[Finding]:
    """Say which PETSc there is, and which solvers it has."""
    how = "install Debian's python3-petsc4py-real, load the module of PETSc, or `pip install petsc petsc4py`"
    if not has_petsc():
        yield Finding("PETSc", MISSING, "SciPy solves, on one rank", how)
        return
    try:
        petsc = load_petsc()
    except Exception as error:  # a library that does not fit: whatever it raises
        yield Finding("PETSc", PROBLEM, f"petsc4py cannot be loaded: {' '.join(str(error).split())}", how)
        return
    has = {name: bool(petsc.Sys.hasExternalPackage(name)) for name in PETSC_PACKAGES}
    there = ", ".join(name for name in PETSC_PACKAGES if has[name]) or "none"
    number = ".".join(map(str, petsc.Sys.getVersion()))
    if has["mumps"]:
        yield Finding("PETSc", FINE, f"{number} with {there}")
    else:
        build = 'use a PETSc configured with --download-mumps --download-scalapack, or [hifi] solver = "iterative"'
        yield Finding("PETSc", PROBLEM, f"{number} with {there}: no direct solver on several ranks", build)


def _programs() -> Iterator[Finding]:
    """Look for programs that romtool may call or that its examples do."""
    for name, purpose, how in (
        ("ccx", "CalculiX, for the demo and for decks of one's own", "install calculix-ccx"),
        ("gfortran", "user subroutines (UMAT)", "install gfortran"),
    ):
        place = shutil.which(name)
        yield Finding(name, FINE, place) if place else Finding(name, NOTE, f"not on the path: {purpose}", how)


def _threads() -> Iterator[Finding]:
    """Say how many threads a rank may take, and which BLAS does the linear algebra."""
    import numpy as np
    from threadpoolctl import threadpool_info

    many = [f"{name}={os.environ[name]}" for name in THREADS if os.environ.get(name, "1") != "1"]
    np.ones((2, 2)) @ np.ones((2, 2))  # loads the library
    pools = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    names = ", ".join(dict.fromkeys(f"{entry['internal_api']} {entry.get('version') or ''}".strip() for entry in pools))
    if many:
        remedy = "set them to 1: ranks share the work, and threads on top of them slow each other down"
        yield Finding("threads", PROBLEM, ", ".join(many), remedy)
    else:
        yield Finding("threads", FINE, "one per rank")
    if names:
        yield Finding("BLAS", FINE, names)
    else:
        yield Finding("BLAS", NOTE, "NumPy has a slow one", "install libopenblas0-pthread, or NumPy from PyPI")


def _resources() -> Iterator[Finding]:
    """Say how many processors and how much memory this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding("processors", FINE, f"{cores} for this process")
    memory = _memory()
    if memory is None:
        return
    text = f"{memory / 1e9:.1f} GB for this process and its ranks"
    little = Finding("memory", NOTE, text, "`romtool info --estimate CASE` says what the stages need")
    yield little if memory < LITTLE_MEMORY else Finding("memory", FINE, text)


def _memory() -> float | None:
    """Return the bytes that are available here, by the machine and the limit of its control group."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = [1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")]
    except OSError:
        return None
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found.append(float(Path(place).read_text()))
        except (OSError, ValueError):
            continue
    return min(found, default=None)


def _disk(folder: Path) -> Iterator[Finding]:
    """Say whether the working folder and the one for temporary files can be written to, and have room."""
    for name, place, how in (
        ("folder", folder, "give a folder of your own that can"),
        ("scratch", Path(tempfile.gettempdir()), "set TMPDIR to a folder that can"),
    ):
        if not _is_writable(place):
            yield Finding(name, PROBLEM, f"{place} cannot be written to", how)
            continue
        free = shutil.disk_usage(next(entry for entry in (place, *place.absolute().parents) if entry.exists())).free
        text = f"{place.absolute()}: {free / 1e9:.1f} GB free"
        enough = free >= LITTLE_DISK
        yield Finding(name, FINE, text) if enough else Finding(name, NOTE, text, "a dataset is as large as its results")


def _locking(folder: Path) -> Iterator[Finding]:
    """Say whether files can be locked in the working folder, which HDF5 and romtool's own locks need."""
    import h5py

    if not _is_writable(folder) or not folder.is_dir():
        return
    setting = os.environ.get("HDF5_USE_FILE_LOCKING", "")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".romtool-doctor-") as place:
        path = Path(place) / "locked.h5"
        try:
            with path.open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with h5py.File(path, "w", locking=True) as file:
                file["x"] = 1.0
            yield Finding(
                "file locking", FINE, f"flock and HDF5 {h5py.version.hdf5_version} lock files in {folder.absolute()}"
            )
        except OSError as error:
            found = f"{folder.absolute()}: files cannot be locked ({' '.join(str(error).split())})"
            if setting.upper() in ("FALSE", "0", "BEST_EFFORT"):
                yield Finding("file locking", NOTE, f"{found}; HDF5_USE_FILE_LOCKING={setting} leaves it out")
            else:
                how = "export HDF5_USE_FILE_LOCKING=FALSE, or work in another folder"
                yield Finding("file locking", PROBLEM, found, how)


def _slurm() -> Iterator[Finding]:
    """Say whether jobs can be submitted here; in a job, whether `srun` brings its ranks together."""
    if shutil.which("sbatch") is None:
        yield Finding("Slurm", NOTE, "no sbatch: `romtool slurm` writes scripts, others submit them")
        return
    done = subprocess.run(["sbatch", "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        how = "ask whoever runs the cluster, or call it on a login node"
        yield Finding("Slurm", NOTE, f"sbatch does not answer: {done.stderr.strip().splitlines()[-1]}", how)
        return
    yield Finding("Slurm", FINE, done.stdout.strip())
    tasks = os.environ.get("SLURM_NTASKS", "1")
    if "SLURM_JOB_ID" in os.environ and "SLURM_STEP_ID" not in os.environ and tasks.isdigit() and int(tasks) > 1:
        yield _launched("srun", ["srun", "--mpi=pmix", "-n", "2"])
