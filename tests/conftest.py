"""MPI tests from plain `pytest`.

A test marked `@pytest.mark.mpi(1, 2, 4)` becomes one test per number of ranks. The pytest that the user started only
launches `mpiexec -n N python -m pytest <this one test>`, with a time limit; the ranks run its body and receive the
communicator as the fixture `comm`. The first rank that fails prints its traceback and aborts the others, so that a
failure on one rank is a failed test and never a hang.

    @pytest.mark.mpi(2, timeout=30)
    def test_sum(comm):
        assert comm.allreduce(1) == comm.size
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

RANKS_VARIABLE = "ROMTOOL_TEST_RANKS"
INNER_RANKS = int(os.environ.get(RANKS_VARIABLE, "0"))  # 0 in the process that the user started
TIMEOUT = 60.0
SINGLE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
LAUNCH_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    # Open MPI 4: containers run as root, test machines have fewer cores than ranks.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    # The same for Open MPI 5.
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
for _variable, _value in {**SINGLE_THREAD, "MPLBACKEND": "Agg"}.items():  # before numpy is imported
    os.environ.setdefault(_variable, _value)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", f"mpi(*ranks, timeout={TIMEOUT:g}): run under mpiexec, once per number of ranks")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per number of ranks; on the ranks only the one with their number, under the same id."""
    marker = metafunc.definition.get_closest_marker("mpi")
    if marker is not None:
        ranks = (INNER_RANKS,) if INNER_RANKS else marker.args or (2,)
        metafunc.fixturenames.append("_ranks")
        metafunc.parametrize("_ranks", ranks, ids=[f"np{n}" for n in ranks])


@pytest.fixture
def comm() -> Any:
    """Return MPI's world communicator on the ranks; None in the launching process, which runs no body."""
    if not INNER_RANKS:
        return None
    from mpi4py import MPI

    return MPI.COMM_WORLD


@pytest.fixture
def shared_tmp_path(comm: Any) -> Iterator[Path | None]:
    """Return one empty folder that all ranks see (`tmp_path` differs from rank to rank)."""
    if comm is None:
        yield None
        return
    folder = comm.bcast(tempfile.mkdtemp() if comm.rank == 0 else None)
    yield Path(folder)
    comm.Barrier()
    if comm.rank == 0:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Launch the ranks in place of the body of a marked test."""
    marker = pyfuncitem.get_closest_marker("mpi")
    if marker is None or INNER_RANKS:
        return None
    launch(pyfuncitem, pyfuncitem.callspec.params["_ranks"], marker.kwargs.get("timeout", TIMEOUT))
    return True


def launch(item: pytest.Item, ranks: int, timeout: float) -> None:
    """Run one test on `ranks` ranks; fail it on a nonzero exit code or after `timeout` seconds."""
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "pytest", "-q", "-x", "--no-header"]
    command += ["-p", "no:cacheprovider", "--rootdir", str(item.config.rootpath), item.nodeid]
    # A copy of os.environ: what an MPI library of this process has set for itself must not reach mpiexec. Inside a
    # batch job, mpiexec would otherwise ask the scheduler for slots.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    environment = {**inherited, **SINGLE_THREAD, **LAUNCH_ENVIRONMENT, RANKS_VARIABLE: str(ranks)}
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=item.config.rootpath,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end after {timeout:g} s on {ranks} ranks (deadlock?)\n{stop(process)[-4000:]}", pytrace=False)
    except BaseException:  # an interrupt must not leave ranks behind
        stop(process)
        raise
    if process.returncode:
        pytest.fail(f"{ranks} ranks left with exit code {process.returncode}\n{output[-6000:]}", pytrace=False)
    if output.count("1 passed") < ranks:
        pytest.skip(f"skipped on the ranks: {output.strip().splitlines()[-1]}")


def find_mpiexec() -> str:
    """Return the launcher that fits this Python: beside it, else on the path; skip the test where there is none."""
    beside = Path(sys.executable).parent / "mpiexec"
    found = os.environ.get("ROMTOOL_MPIEXEC") or (str(beside) if beside.exists() else shutil.which("mpiexec"))
    if not found:
        pytest.skip("mpiexec is not installed (scripts/setup.sh says how to get it)")
    return found


def stop(process: "subprocess.Popen[str]") -> str:
    """End a launcher and all its ranks: politely, then by force. Return what they wrote."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """On the ranks: print a failure at once, and end all ranks."""
    report = yield
    if INNER_RANKS > 1 and report.failed and "mpi4py.MPI" in sys.modules:
        from mpi4py import MPI

        print(f"--- rank {MPI.COMM_WORLD.rank}: {item.nodeid} ({report.when})", file=sys.__stderr__)
        print(report.longreprtext, file=sys.__stderr__, flush=True)
        MPI.COMM_WORLD.Abort(1)
    return report
