"""Progress bars: on a terminal with the remaining time, elsewhere nothing."""

import contextlib
import io
import os
import pty
import re
import threading
from pathlib import Path

import pytest

from romtool.cli.main import main
from romtool.cli.progress import progress
from romtool.progress import untracked
from tests.cli.small_case import romtool

ESCAPE = "\x1b"


def on_a_terminal(*arguments: object) -> tuple[str, str]:
    """Run a command with stderr on a pseudo-terminal of 80 columns; return stdout, and what the terminal took."""
    master, slave = pty.openpty()
    os.environ.update(TERM="xterm", COLUMNS="80", LINES="24")
    taken = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # Linux ends the reading of a closed terminal with an error
            while piece := os.read(master, 65536):
                taken.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    out = io.StringIO()
    with (
        os.fdopen(slave, "w", encoding="utf-8") as terminal,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(terminal),
        contextlib.suppress(SystemExit),
    ):
        main([str(argument) for argument in arguments])
    reader.join(10.0)
    os.close(master)
    return out.getvalue(), taken.decode()


@pytest.fixture
def terminal(monkeypatch):
    """Restore what `on_a_terminal` sets in the environment."""
    for name in ("TERM", "COLUMNS", "LINES"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    return on_a_terminal


def commands(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return command line -> a bar that it shows, for every long command."""
    case, new = folder / "case.toml", folder / "loads" / "new.toml"
    return {
        "import": ("import", case, "--overwrite"),
        "solve": ("solve", case, new, "-o", folder / "solved"),
        "offline": ("offline", case, "-o", folder / "trained"),
        "online": ("online", folder / "model", new, "-o", folder / "answered"),
    }


@pytest.mark.parametrize(
    ("command", "bars"),
    [
        ("import", ["import", "balance"]),
        ("solve", ["new"]),
        ("offline", ["pod", "recompute", "cubature", "calibrate", "verify"]),
        ("online", ["loads"]),
    ],
)
def test_a_terminal_shows_bars_with_the_remaining_time(case_folder, terminal, command, bars):
    out, taken = terminal(*commands(case_folder)[command], "--json")
    assert ESCAPE not in out
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", taken)
    for bar in bars:
        assert re.search(rf"{bar} +━+", plain), f"no bar {bar}"
    assert re.search(r"━ .*(\d+/\d+|\d+%) +(-:--:--|\d:\d\d:\d\d) left", plain)
    assert re.search(r"\d:\d\d:\d\d left", plain) or command == "online"  # one load: nothing to take the speed from


def test_nothing_but_log_lines_without_a_terminal(case_folder, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in commands(case_folder).values():
        done = romtool(*arguments, "--json")
        assert done.code == 0, done.err
        assert ESCAPE not in done.err + done.out
        assert "━" not in done.err
        assert done.json


def test_only_rank_0_shows_bars_and_none_when_quiet(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    for quiet, rank in ((False, 1), (True, 0)):
        with progress(quiet, rank) as track:
            assert track is untracked
    with progress(quiet=False, rank=0) as track:
        assert track is not untracked
