"""Commands that are stopped or killed: the next run goes on, and the results are those of an undisturbed one."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from romtool.interruption import listening
from romtool.linalg.reduction import SerialComm
from romtool.pipeline import kept
from romtool.pipeline.online import online
from romtool.pipeline.solve import solve_loads
from tests.cli.small_case import romtool
from tests.kills import STAGES, Running, difference, leftovers

KILL, TERM, USR1 = signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1


@pytest.fixture
def case(whole, tmp_path) -> Path:
    """A copy at a path of the same depth."""
    return Path(shutil.copytree(whole, tmp_path / "case"))


def remove(case: Path, *names: str) -> None:
    """Remove outputs."""
    for name in names:
        shutil.rmtree(case / name)


def disturb(case: Path, stage: str, words: str, number: int) -> str:
    """Send a signal to a command as soon as it says some words; return all it said."""
    running = Running(case, STAGES[stage][0])
    running.wait_for(words)
    running.send(number)
    ended = running.end()
    assert words in ended.text
    assert ended.code == (-KILL if number == KILL else 75), ended.text
    return ended.text


def finish(case: Path, whole: Path, stage: str, *others: str) -> str:
    """Run a command to its end, and see that its output is that of an undisturbed run; return what it said."""
    arguments, output = STAGES[stage]
    ended = Running(case, arguments).end()
    assert ended.code == 0, ended.text
    for name in (output, *others):
        assert not difference(whole / name, case / name)
    assert leftovers(case) == []
    return ended.text


def test_import(case, whole):
    remove(case, "dataset")
    disturb(case, "import", "simulation pulled", KILL)
    said = disturb(case, "import", "simulation base: kept", TERM)
    assert "stopped at a checkpoint, after " in said
    assert "run the same command again" in said
    assert "simulation base: kept from the run before" in finish(case, whole, "import")


def test_offline_in_every_phase(case, whole):
    """Each run is killed in a phase behind the one before: what was finished is not computed again."""
    remove(case, "dataset", "model")
    phases = ("displacement modes", "stresses and internal", "reduced quadrature", "error indicator", "the model on")
    for number, words in enumerate(phases):
        text = disturb(case, "offline", words, KILL)
        assert not any(earlier in text for earlier in phases[: max(0, number - 1)])
    finish(case, whole, "offline")


def test_offline_stops_at_its_next_checkpoint(case, whole):
    remove(case, "model")
    assert "after reduced quadrature; run" in disturb(case, "offline", "reduced quadrature", USR1)
    text = finish(case, whole, "offline")
    assert "reduced quadrature" not in text
    assert "sampling points" in text


def test_solve(case, whole):
    remove(case, "solved")
    disturb(case, "solve", "new: 2/4", TERM)
    disturb(case, "solve", "hot: 1/4", KILL)
    text = disturb(case, "solve", "hot: 2/4", TERM)
    assert "new: kept from the run before" in text
    finish(case, whole, "solve")


def test_online_with_repairs(case, whole):
    remove(case, "adapted", "better")
    disturb(case, "adapt", "hot: thermo-elastic modes", TERM)
    disturb(case, "adapt", "hot: 1 repairs kept", KILL)
    text = disturb(case, "adapt", "repaired", KILL)
    assert "new: kept from the run before" in text
    finish(case, whole, "adapt", "better")


def test_study(case, whole):
    remove(case, "draws")
    running = Running(case, STAGES["study"][0])
    while running.process.is_alive() and not (case / "draws" / "draws" / "draws-000001.h5").exists():
        time.sleep(0.001)
    running.send(KILL)
    assert running.end().code == -KILL
    finish(case, whole, "study")


def test_online_goes_on_with_the_loads_that_are_left(case, whole):
    remove(case, "out")
    said: list[str] = []

    def stop_after_the_first(text: str) -> None:
        said.append(text)
        if text.startswith("new: ") and "steps" in text:
            os.kill(os.getpid(), TERM)

    paths = [Path("loads/new.toml"), Path("loads/hot.toml")]
    with pytest.MonkeyPatch.context() as patch, listening():
        patch.chdir(case)
        with pytest.raises(Exception, match="stopped at a checkpoint, after load new; run the same command again"):
            online(Path("model"), paths, Path("out"), stop_after_the_first)
    assert "new: kept from the run before" in finish(case, whole, "online")
    refused = romtool(*STAGES["online"][0][:1], case / "model", case / "loads/new.toml", "-o", case / "out")
    assert refused.code == 2
    assert "exists; give --overwrite" in refused.error


def test_other_inputs_start_anew(case, whole):
    """What another command has finished is not taken for one's own."""
    remove(case, "solved")
    disturb(case, "solve", "new: 2/4", TERM)
    load = case / "loads" / "new.toml"
    text = load.read_text()
    load.write_text(text.replace("1.1", "1.15"))
    said = disturb(case, "solve", "new: 1/4", KILL)
    assert "kept" not in said
    load.write_text(text)
    finish(case, whole, "solve")


def test_march_keeps_checkpoints_of_its_own(case, whole, monkeypatch):
    """With a checkpoint after every increment, an end without a word loses one increment."""
    remove(case, "solved")
    monkeypatch.setattr(kept, "INTERVAL", 0.0)
    monkeypatch.setattr(kept, "SHARE", 0.0)
    monkeypatch.chdir(case)

    def end(text: str) -> None:
        if "new: 3/4" in text:
            raise KeyboardInterrupt

    arguments = (Path("case.toml"), [Path("loads/new.toml"), Path("loads/hot.toml")], Path("solved"), SerialComm())
    with pytest.raises(KeyboardInterrupt):
        solve_loads(*arguments, end)
    monkeypatch.undo()
    assert "new: 2/4 increments kept from the run before" in finish(case, whole, "solve")


def test_two_runs_exclude_each_other(case, whole):
    remove(case, "model")
    running = Running(case, STAGES["offline"][0])
    running.wait_for("displacement modes")
    running.send(signal.SIGSTOP)
    refused = romtool("offline", case / "case.toml", "-o", case / "model")
    running.send(signal.SIGCONT)
    assert refused.code == 2
    assert f"is being written by another run (`romtool offline case.toml -o model`, pid {running.process.pid} on" in (
        refused.error
    )
    assert running.end().code == 0
    assert not difference(whole / "model", case / "model")


def test_files_that_cannot_grow(case, whole):
    """A limit of size, as of a quota: the error says so, and what was there stays."""
    arguments = (*STAGES["online"][0], "--overwrite")
    ended = Running(case, arguments, limit=20_000).end()
    assert ended.code == 1, ended.text
    assert "File too large" in ended.text
    assert len([line for line in ended.text.splitlines() if "error:" in line]) == 1
    assert not any(difference(whole / "out" / name, case / "out" / name) for name in ("new", "hot"))
    assert Running(case, arguments).end().code == 0
    assert leftovers(case) == []


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of a few hundred kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], check=False).returncode
    if mounted:
        pytest.skip("mounting a small file system needs the rights of root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk(case, whole, small_disk):
    """The error says so, an earlier model stays, and with room the run goes on."""
    shutil.copytree(case / "model", small_disk / "model")
    arguments = ("offline", "case.toml", "-o", str(small_disk / "model"), "--overwrite")
    ended = Running(case, arguments).end()
    assert ended.code == 1, ended.text
    assert "No space left on device" in ended.text
    assert len([line for line in ended.text.splitlines() if "error:" in line]) == 1
    assert not difference(whole / "model", small_disk / "model")
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    first = ended.text
    ended = Running(case, arguments).end()
    assert ended.code == 0, ended.text
    assert "reduced quadrature" in first
    assert not any(line.endswith("displacement modes") for line in ended.text.splitlines())
    assert not difference(whole / "model", small_disk / "model")
    assert leftovers(small_disk) == []


def test_missing_input_after_a_requeue(case, whole):
    remove(case, "dataset")
    disturb(case, "import", "simulation pulled", KILL)
    (case / "box.inp").rename(case / "away")
    ended = Running(case, STAGES["import"][0]).end()
    assert ended.code == 2
    assert "box.inp" in ended.text
    (case / "away").rename(case / "box.inp")
    assert "simulation base: kept" in finish(case, whole, "import")


def test_folder_that_cannot_be_written_to(case):
    done = romtool("offline", case / "case.toml", "-o", "/proc/model")
    assert done.code == 2
    assert "/proc cannot be " in done.error
    assert leftovers(case) == []
