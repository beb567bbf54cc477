"""The command lines of a page, and how a test runs them."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from romtool.cli.main import cli
from tests.cli.small_case import romtool
from tests.conftest import LAUNCH_ENVIRONMENT, SINGLE_THREAD, find_mpiexec

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?P<mark><!-- not run: [^\n]+ -->\n)?```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
SHELL = re.compile(r"[|<>;&*$]")

StandIn = Callable[[Path, list[str]], None]


@dataclass(frozen=True)
class Line:
    """A command line of a page; `marked` where the page says that it is not run here."""

    text: str
    marked: bool


def lines_of(page: Path) -> Iterator[Line]:
    """Yield the command lines: all of ```bash blocks, those after "$ " of ```console blocks."""
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        text = found["text"].replace("\\\n", " ")
        if found["language"] == "console":
            commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
        elif found["language"] == "bash":
            commands = [line for line in text.splitlines() if line and not line.startswith("#")]
        else:
            continue
        for command in commands:
            for part in command.split(" && "):
                if shlex.split(part, comments=True):
                    yield Line(part, bool(found["mark"]))


def hidden_lines(page: Path) -> list[str]:
    """Return command lines in blocks of no language, where no test finds them."""
    blocks = (found["text"] for found in FENCE.finditer(page.read_text(encoding="utf-8")) if not found["language"])
    return [
        line for text in blocks for line in text.splitlines() if re.match(r"\$ |(romtool|mpiexec|bash|python) ", line)
    ]


def parse(text: str) -> None:
    """Let click look at a `romtool` line without running it; other programs have nobody to ask."""
    words = shlex.split(re.split(r"\s[|>;]", text)[0], comments=True)
    if "romtool" not in words:
        return
    command: click.Command = cli
    context = click.Context(cli, info_name="romtool")
    words = words[words.index("romtool") + 1 :]
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"no command {words[0]!r} in {text!r}"
        command, words = found, words[1:]
    command.make_context(command.name, words, parent=context)


def run(text: str, folder: Path, stand_ins: Mapping[str, StandIn]) -> Path:
    """Run a line in a folder, as a user's shell would; return the folder that the next one runs in."""
    words = shlex.split(text, comments=True)
    if words[0] == "cd" and len(words) == 2:
        return folder / words[1]
    script = words[1] if words[0] == "python" else words[0]
    if script in stand_ins:
        stand_ins[script](folder, words)
    elif words[0] == "romtool" and not SHELL.search(" ".join(words)):
        done = romtool(*words[1:], *(["--no-pictures"] if words[1] == "report" else []))
        assert done.code == 0, f"{text}\n{done.err}"
    else:
        _run_in_shell(text, folder)
    return folder


def _run_in_shell(text: str, folder: Path) -> None:
    """Run a line that needs a shell, another program or several ranks."""
    if text.startswith("mpiexec"):
        text = text.replace("mpiexec", shlex.quote(find_mpiexec()), 1)
    call = f"{shlex.quote(sys.executable)} -c 'from romtool.cli.main import main; main()'"
    functions = f'python() {{ {shlex.quote(sys.executable)} "$@"; }}\nromtool() {{ {call} "$@"; }}\n'
    text = re.sub(r"(mpiexec\S* -n \d+) romtool", rf"\1 {call}", text)
    environment = {**os.environ, **SINGLE_THREAD, **LAUNCH_ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euc", functions + text],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
