"""A Slurm of one node for tests: its own munge, controller and node daemon, in a folder of its own, on free ports.

Everything is private: key, socket, configuration (SLURM_CONF), state and logs; nothing of the system is touched. Only
the processes that were started here are ended.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel", "setpriv")
PATIENCE = 20.0
"""Seconds for a daemon to start or end."""

CONFIGURATION = """ClusterName=romtool{control}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={control}
SlurmdPort={node}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
OverTimeLimit=0
KillWait=5
MinJobAge=600
ReturnToService=2
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=tests Nodes=node Default=YES MaxTime=60 DefaultTime=10 State=UP
"""


def lacks() -> str:
    """Return why Slurm cannot be brought up here; "" where it can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "Slurm's daemons need root on Linux"
    missing = [name for name in PROGRAMS if not _where(name)]
    return f"not installed: {', '.join(missing)} (Debian: slurmctld slurmd slurm-client munge)" if missing else ""


def _where(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Cluster:
    """A running Slurm; `environment` makes its commands find it."""

    folder: Path
    environment: dict[str, str]

    def call(self, *command: str, cwd: Path | None = None) -> str:
        """Return what a command prints."""
        done = subprocess.run(
            command, env=self.environment, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def state(self, job: str) -> dict[str, str]:
        """Return what Slurm says of a job, or of one task of an array."""
        return dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", self.call("scontrol", "show", "job", "--oneliner", job)))

    def wait(self, job: str, seconds: float, states: tuple[str, ...] = ("COMPLETED",)) -> dict[str, str]:
        """Wait until a job ends; fail where it ends in another state than expected."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        found = until(lambda: (s := self.state(job))["JobState"] in ended and s, seconds, f"job {job} to end")
        assert found["JobState"] in states, f"{found}\n{self.log(found)}"
        return found

    def start_again(self, job: str, restarts: int) -> None:
        """Wait until a job is queued again, and let it start at once instead of after the pause that Slurm makes."""
        until(lambda: self.state(job)["Restarts"] == str(restarts), PATIENCE, f"job {job} to be queued again")
        time.sleep(1.5)  # the credential of the last start is revoked by whole seconds
        self.call("scontrol", "update", f"JobId={job}", "StartTime=now")

    def processes(self, job: str, program: str) -> list[int]:
        """Return the processes of a job whose command line has a word."""
        lines = self.call("scontrol", "listpids", job).splitlines()[1:]
        words = {int(line.split()[0]): Path(f"/proc/{line.split()[0]}/cmdline") for line in lines}
        return [number for number, path in words.items() if path.is_file() and f"bin/{program}" in path.read_text()]

    def log(self, state: dict[str, str]) -> str:
        """Return what a job has written."""
        path = Path(state.get("StdOut", ""))
        return path.read_text(errors="replace") if path.is_file() else ""


def until(condition: Callable[[], object], seconds: float, what: str) -> object:
    """Wait for a condition; return its first true value."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.1)
    return found


@contextmanager
def slurm(folder: Path) -> Iterator[Cluster]:
    """Bring Slurm up in an empty folder whose path is short, and take it down again."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    (folder / "slurm.conf").write_text(_configuration(folder))
    (folder / "cgroup.conf").write_text(_cgroup())
    private = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMPI_COMM", "PMI"))
    }
    cluster = Cluster(folder, {**inherited, **private})
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        daemons.append(_start_munge(cluster))
        daemons.append(_start(cluster, "slurmctld", "-D", "-i"))
        until(lambda: "UP" in _said(cluster, "scontrol", "ping"), PATIENCE, "slurmctld")
        daemons.append(_start(cluster, "slurmd", "-D", "-N", "node"))
        until(lambda: _said(cluster, "sinfo", "-h", "-o", "%T").strip() == "idle", PATIENCE, f"slurmd {_logs(folder)}")
        yield cluster
    finally:
        if len(daemons) == 3:
            _said(cluster, "scancel", "--user=root")
            for _ in range(100):
                if not _said(cluster, "squeue", "-h"):
                    break
                time.sleep(0.1)
        for daemon in reversed(daemons):
            _end(daemon)


def _configuration(folder: Path) -> str:
    """Return slurm.conf."""
    control, node = _free_ports(2)
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    cpus = max(2, os.cpu_count() or 1)
    host = socket.gethostname().partition(".")[0]
    return CONFIGURATION.format(folder=folder, host=host, control=control, node=node, cpus=cpus, memory=megabytes)


def _cgroup() -> str:
    """Return cgroup.conf: from release 23.11 on, slurmd starts without control groups only if told to."""
    said = subprocess.run([str(_where("slurmd")), "-V"], capture_output=True, text=True, check=False).stdout
    release = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    return "CgroupPlugin=disabled\n" if release >= (23, 11) else ""


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with socket.socket() as first, socket.socket() as second:
        found = []
        for entry in (first, second)[:count]:
            entry.bind(("127.0.0.1", 0))
            found.append(int(entry.getsockname()[1]))
        return found


def _start_munge(cluster: Cluster) -> "subprocess.Popen[bytes]":
    """Start munge with a key of its own."""
    key = cluster.folder / "munge" / "key"
    key.parent.mkdir(mode=0o700)
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    options = {"key-file": key, "socket": cluster.folder / "munge.socket", "pid-file": key.parent / "pid"}
    options |= {"log-file": key.parent / "log", "seed-file": key.parent / "seed"}
    daemon = _start(
        cluster, "munged", "--foreground", "--force", *(f"--{name}={value}" for name, value in options.items())
    )
    until((cluster.folder / "munge.socket").exists, PATIENCE, "munged")
    return daemon


def _start(cluster: Cluster, name: str, *options: str) -> "subprocess.Popen[bytes]":
    """Start a daemon as a child of this process, in a session of its own; it ends with this process at the latest."""
    with (cluster.folder / f"{name}.out").open("wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", str(_where(name)), *options],
            env=cluster.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _said(cluster: Cluster, *command: str) -> str:
    """Return what a command prints, whether it fails or not."""
    try:
        done = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def _end(daemon: "subprocess.Popen[bytes]") -> None:
    """End a daemon, by force where it does not listen."""
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _logs(folder: Path) -> str:
    """Return the ends of the daemons' logs."""
    return "\n".join(path.read_text(errors="replace")[-500:] for path in sorted(folder.glob("*.[lo][ou][gt]")))
