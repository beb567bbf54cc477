"""Kill commands at random moments, run them again, and see that the results are those of undisturbed runs.

    python -m tests.kills --count 100              100 kills over all stages of a small case
    python -m tests.kills --count 20 --signal TERM

What differs from the undisturbed result, is left behind, or needs a hand to go on is a fault: it is printed with the
seed that repeats it (`--seed`), and the exit code is 1.
"""

import argparse
import contextlib
import importlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from romtool.cli.main import main as romtool_main
from tests.cli.small_case import write_case

COMPLETE = "exists; give --overwrite"
PRELOADED = [f"romtool.pipeline.{name}" for name in ("offline", "adapt", "study", "solve", "cluster")]
"""What the server of processes imports once."""

PATIENCE = 120.0
"""Seconds that a command may take."""

COMPILING = 600.0
"""Seconds that the first run of a command may take."""

DIFFERENT = {"seconds", "memory", "created", "rate", "versions"}
"""What of a file differs between two undisturbed runs: what the clock says, and the words of the command."""

TIMES = "times-"
"""What the folders with the fields of a solution are called."""

STUDY = """name = "draws"
draws = 200
sampler = "sobol"
seed = 7
base = "loads/new.toml"
[[random]]
target = "loads.END.scale"
distribution = { name = "norm", loc = 1.0, scale = 0.05 }
"""

HOT = """name = "hot"
[[loads]]
name = "END"
scale = 1.4
[temperature]
initial = 20.0
entries = [{ time = 0.0, value = 20.0 }, { time = 1.0, expression = "20 + 250*exp(-4*(z-0.5)**2)" }]
"""

STAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "solve": (("solve", "case.toml", "loads/new.toml", "loads/hot.toml", "-o", "solved"), "solved"),
    "import": (("import", "case.toml"), "dataset"),
    "offline": (("offline", "case.toml", "-o", "model"), "model"),
    "online": (("online", "model", "loads/new.toml", "loads/hot.toml", "-o", "out"), "out"),
    "adapt": (
        (
            *("online", "model", "loads/new.toml", "loads/hot.toml", "-o", "adapted"),
            *("--adapt", "--tolerance", "1e-3", "--save-model", "better"),
        ),
        "adapted",
    ),
    "study": (("study", "model", "study.toml", "-o", "draws"), "draws"),
}
"""Commands in the order in which they need each other, and what each writes."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code (minus the signal's number), and what it wrote."""

    code: int
    text: str


class Running:
    """A command in a process of its own, started by a server that has the package imported.

    Parameters
    ----------
    folder: where it runs.
    arguments: of the command.
    limit: bytes up to which it may write files; None for no limit.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], limit: int | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        handle, name = tempfile.mkstemp(suffix=".err")
        os.close(handle)
        self.file = Path(name)
        self.process = context.Process(target=_run, args=(str(folder), tuple(arguments), name, limit))
        self.process.start()

    def wait_for(self, words: str) -> None:
        """Wait until the command has written some words, or has ended."""
        end = time.monotonic() + PATIENCE
        while words not in self.file.read_text() and self.process.is_alive() and time.monotonic() < end:
            time.sleep(0.002)

    def send(self, number: int) -> None:
        """Send a signal to a command that has not ended."""
        if self.process.pid is not None and self.process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def end(self, seconds: float = PATIENCE) -> Ended:
        """Wait for the end, some seconds at most."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            raise TimeoutError(f"no end after {seconds:g} s: {self.file.read_text()[-500:]}")
        text = self.file.read_text()
        self.file.unlink()
        return Ended(int(self.process.exitcode or 0), text)


def _run(folder: str, arguments: tuple[str, ...], file: str, limit: int | None) -> None:
    """Run a command in this process."""
    os.chdir(folder)
    sys.argv = ["romtool", *arguments]
    if limit is not None:
        import resource

        with contextlib.suppress(ImportError):
            importlib.import_module("mpi4py.MPI")  # which writes files of its own
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with open(file, "w", buffering=1) as out, redirect_stdout(out), redirect_stderr(out):  # noqa: PTH123
        romtool_main(arguments)


def prepare(folder: Path) -> None:
    """Write the small case with two loads and a study."""
    write_case(folder)
    (folder / "loads" / "hot.toml").write_text(HOT)
    (folder / "study.toml").write_text(STUDY)


def values(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield names and values of all that is in an HDF5 file and does not depend on the clock."""
    with h5py.File(path, "r") as file:
        found: list[tuple[str, Any]] = [("", dict(file.attrs))]
        file.visititems(lambda name, node: found.append((name, _value(node))))
    clocked = [name for name, _ in found if name.rsplit("/", 1)[-1] in DIFFERENT]
    clocked += list(_clocked_items(path))
    for name, value in found:
        if not any(name == other or name.startswith(f"{other}/") for other in clocked):
            yield name, value


def _clocked_items(path: Path) -> Iterator[str]:
    """Yield the names of the values of mappings whose keys depend on the clock."""
    with h5py.File(path, "r") as file:
        found: list[str] = []

        def look(name: str, node: Any) -> None:
            for i, key in enumerate(node.attrs.get("keys", ())):
                if key.decode() in DIFFERENT:
                    found.append(f"{name}/{i}")

        file.visititems(look)
    yield from found


def _value(node: Any) -> Any:
    """Return attributes and array of a node."""
    attributes = {key: np.asarray(value).tolist() for key, value in node.attrs.items()}
    return attributes, node[()].tobytes() if isinstance(node, h5py.Dataset) else None


def difference(one: Path, other: Path) -> str:
    """Return in words where two folders differ, apart from what depends on the clock; nothing where they are alike."""
    names = [{str(path.relative_to(folder)) for path in folder.rglob("*")} for folder in (one, other)]
    names = [{name for name in entry if TIMES not in name} for entry in names]
    if names[0] != names[1]:
        return f"files differ: {sorted(names[0] ^ names[1])}"
    for name in sorted(names[0]):
        if (one / name).is_file() and (text := _file_difference(one / name, other / name)):
            return f"{name}: {text}"
    first, second = histories(one), histories(other)
    if first.keys() != second.keys():
        return f"fields differ: {sorted(first.keys() ^ second.keys())}"
    return ", ".join([name for name in first if first[name].tobytes() != second[name].tobytes()][:5])


def histories(folder: Path) -> dict[str, Any]:
    """Return the fields of all solutions in a folder, all times together: which of them share a file is chance."""
    found: dict[str, list[Any]] = {}
    for path in sorted(folder.rglob(f"{TIMES}*/*.h5")):
        with h5py.File(path, "r") as file:
            for name in file["fields"]:
                found.setdefault(f"{path.parent.parent}/{path.name}/{name}", []).append(file["fields"][name][()])
    return {name.removeprefix(str(folder)): np.concatenate(entry) for name, entry in found.items()}


def _file_difference(one: Path, other: Path) -> str:
    """Return where two files differ."""
    if one.suffix != ".h5":
        return "" if one.read_bytes() == other.read_bytes() else "bytes differ"
    first, second = dict(values(one)), dict(values(other))
    if first.keys() != second.keys():
        return f"groups differ: {sorted(first.keys() ^ second.keys())[:5]}"
    return ", ".join([name for name in first if repr(first[name]) != repr(second[name])][:5])


def leftovers(folder: Path) -> list[str]:
    """Return what unfinished work is in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*") if path.name != ".")


def disturb(
    folder: Path, arguments: Sequence[str], moments: Sequence[float], number: int
) -> tuple[int, list[Ended], Ended]:
    """Run a command, kill it after some seconds, and run it again, until it is left alone.

    A kill behind the last word of a command finds it complete: it then refuses to do its work again.

    Returns
    -------
    How many of the kills came before its end, the disturbed ends, and the last one.
    """
    hits, ends = 0, list[Ended]()
    for seconds in moments:
        running = Running(folder, arguments)
        time.sleep(seconds)
        running.send(number)
        ended = running.end()
        hits += ended.code in (-signal.SIGKILL, 75)
        if ended.code == 0 or (ends and COMPLETE in ended.text):
            return hits, ends, Ended(0, ended.text)
        ends.append(ended)
    last = Running(folder, arguments).end()
    return hits, ends, Ended(0, last.text) if COMPLETE in last.text else last


@dataclass
class Campaign:
    """Kills over all stages, on one copy of the case after the other."""

    folder: Path
    number: int
    generator: random.Random

    def __post_init__(self) -> None:
        """Run all stages undisturbed, twice: the first time compiles and warms up."""
        prepare(self.folder / "start")
        self.seconds: dict[str, float] = {}
        self.before: dict[str, Path] = {}
        for place in ("compiling", "whole"):
            case = Path(shutil.copytree(self.folder / "start", self.folder / place / "case"))
            for name, (arguments, _) in STAGES.items():
                self.before[name] = Path(shutil.copytree(case, self.folder / "before" / place / name))
                began = time.monotonic()
                ended = Running(case, arguments).end(COMPILING)
                self.seconds[name] = time.monotonic() - began
                assert ended.code == 0, ended.text
        self.whole = case
        assert not (text := difference(self.folder / "compiling" / "case", case)), text

    def run(self, name: str) -> tuple[int, str]:
        """Disturb one stage a few times; return how many kills came before its end, and what is wrong then."""
        arguments, output = STAGES[name]
        case = self.folder / "disturbed" / "case"
        shutil.rmtree(case.parent, ignore_errors=True)
        shutil.copytree(self.before[name], case)
        moments = [self.generator.uniform(0.0, 1.05 * self.seconds[name]) for _ in range(3)]
        try:
            hits, ends, last = disturb(case, arguments, moments, self.number)
        except TimeoutError as error:
            return 0, str(error)
        for ended in ends:
            if ended.code not in (-signal.SIGKILL, -signal.SIGTERM, 75):
                return hits, f"exit code {ended.code} after a kill: {ended.text[-300:]}"
        if last.code:
            return hits, f"the last run ends with {last.code}: {last.text[-500:]}"
        outputs = (output, "better") if name == "adapt" else (output,)
        for entry in outputs:
            if text := difference(self.whole / entry, case / entry):
                return hits, text
        if left := leftovers(case):
            return hits, f"left behind: {left}"
        return hits, ""


def main() -> int:
    """Run a campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="kills before the end of a command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=("KILL", "TERM", "USR1"), default="KILL")
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=list(STAGES))
    options = parser.parse_args()
    number = getattr(signal, f"SIG{options.signal}")
    say: Callable[[str], None] = lambda text: print(text, flush=True)  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), number, random.Random(options.seed))
        say(", ".join(f"{name} {seconds:.2f} s" for name, seconds in campaign.seconds.items()))
        hits, faults, seed = dict.fromkeys(options.stages, 0), 0, options.seed
        while sum(hits.values()) < options.count:
            for name in options.stages:
                campaign.generator = random.Random(seed)
                count, text = campaign.run(name)
                hits[name] += count
                if text:
                    faults += 1
                    say(f"{name}, seed {seed}: {text}")
            seed += 1
    say(f"{sum(hits.values())} kills ({', '.join(f'{k} {n}' for k, n in hits.items())}), {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
