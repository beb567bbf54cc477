"""Entry point `romtool`: finds the command, translates errors to one line and an exit code."""

import contextlib
import importlib
import io
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
for _variable in THREAD_VARIABLES:  # one thread per process, unless the user says otherwise; before numpy is imported
    os.environ.setdefault(_variable, "1")

import click  # noqa: E402

from romtool import __version__  # noqa: E402
from romtool.errors import RomtoolError  # noqa: E402
from romtool.interruption import listening  # noqa: E402
from romtool.pipeline import ranks  # noqa: E402

COMMANDS = {
    "init": "Look at a solver deck or results and write a commented case file.",
    "import": "Convert the results of a case to its dataset (offline does it when needed).",
    "cluster": "Say before the training how many local models are worth it.",
    "offline": "Train a reduced model.",
    "online": "Answer new load cases with a model.",
    "fields": "Write full fields of a result for ParaView or CalculiX.",
    "solve": "Run the built-in high-fidelity solver.",
    "map": "Map a field from another mesh to a case.",
    "compare": "Measure the errors between two results.",
    "fmu": "Write a model as an FMU for co-simulation.",
    "life": "Evaluate cycles to failure of a result.",
    "study": "Answer many random draws of loads: quantiles of quantities and fields.",
    "operators": "Models of parameter-dependent matrices that any code exported.",
    "law": "Run a material law along a path of strain and stress, and check it.",
    "report": "Make one self-contained HTML page of models and results.",
    "slurm": "Write or submit the batch job of a command, or of a whole case.",
    "info": "Describe a solver file, dataset, model or result.",
    "doctor": "Say what is installed and works here, and how to put right what does not.",
    "readers": "List the file formats and what they need.",
}
ON_ALL_RANKS = {
    "import": "",
    "cluster": "",
    "offline": "",
    "fields": "",
    "solve": "",
    "online": "--adapt",
    "study": "",
    "life": "",
    "operators": "build",
    "doctor": "--ranks",
}
"""Commands that share their work (where a word is named: with it); of the others rank 0 does all, the rest wait."""

INTERRUPTED = 130
PATIENCE = 3.0
"""Seconds that a rank that failed waits for the others to fail too, before it ends them."""


class Commands(click.Group):
    """Imports a command only when it is called, so that `romtool --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported, or None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"romtool.cli.{cmd_name}_")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="romtool")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Reduced-order modelling of nonlinear structural mechanics from the outputs of any solver."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, on one rank or several, and leave with its exit code.

    Parameters
    ----------
    arguments: instead of those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with listening():
        code = _run_on_ranks(given) if ranks.is_launched() else _tell(given, _run(given))
    sys.exit(code)


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code, and what is told of an error (its class, text and traceback)."""

    code: int = 0
    kind: str = ""
    text: str = ""
    trace: str = ""


def _run(arguments: list[str]) -> Outcome:
    """Run a command line; errors on purpose are returned."""
    try:
        left = cli.main(arguments, prog_name="romtool", standalone_mode=False)
    except RomtoolError as error:
        return _failure(error.code, type(error).__name__, str(error))
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _failure(INTERRUPTED, "Interrupted", "interrupted")
    except click.ClickException as error:
        return _failure(2, type(error).__name__, error.format_message())
    except MemoryError:
        return _failure(1, "MemoryError", "out of memory; use fewer modes, a coarser mesh, or a larger machine")
    except Exception as error:
        if reason := _system_error(error):
            return _failure(1, "OSError", f"{reason}; make room, or give a path that can be read and written")
        text = f"unexpected {type(error).__name__}: {error}; this is a fault of romtool: please report it with --debug"
        return _failure(1, type(error).__name__, text)
    return Outcome(left if isinstance(left, int) else 0)  # click returns the code of an Exit


def _system_error(error: Exception) -> str:
    """Return what the operating system says, also where HDF5 wraps it in a text of its own; else nothing."""
    wrapped = re.search(r"name = '([^']*)'.*error message = '([^']*)'", str(error), re.DOTALL)
    if wrapped:
        return f"{wrapped[1]}: {wrapped[2]}"
    return str(error) if isinstance(error, OSError) else ""


def _failure(code: int, kind: str, text: str) -> Outcome:
    """Return the outcome of the exception that is being handled."""
    return Outcome(code, kind, " ".join(text.split()), traceback.format_exc())


def _tell(arguments: list[str], outcome: Outcome) -> int:
    """Tell an error on stderr in one line, and on stdout as JSON where asked for; return the exit code."""
    if not outcome.text:
        return outcome.code
    if "--debug" in arguments:
        click.echo(outcome.trace, err=True)
    message, _, remedy = outcome.text.rpartition("; ")
    if "--json" in arguments:
        document = {"code": outcome.kind, "message": message or outcome.text, "remedy": remedy if message else ""}
        click.echo(json.dumps({"error": document}))
    click.echo(f"romtool: error: {outcome.text}", err=True)
    return outcome.code


def _run_on_ranks(arguments: list[str]) -> int:
    """Run a command line on all ranks, or on rank 0 while the others wait; rank 0 alone prints."""
    try:
        comm = ranks.world()
    except RomtoolError as error:
        outcome = _failure(error.code, type(error).__name__, str(error))
        return _tell(arguments, outcome) if ranks.launched_rank() == 0 else outcome.code
    if comm.size == 1:
        return _tell(arguments, _run(arguments))
    watched = ranks.watch(comm)
    command = next((word for word in arguments if not word.startswith("-")), "")
    shared = command in ON_ALL_RANKS and ON_ALL_RANKS[command] in ("", *arguments)
    outcome = _run_on_one(arguments, silent=comm.rank > 0) if shared or comm.rank == 0 else Outcome()
    if not shared:
        return ranks.on_root(comm, lambda: _tell(arguments, outcome))
    return _end_together(arguments, outcome, comm.rank, watched) if outcome.text else outcome.code


def _run_on_one(arguments: list[str], *, silent: bool) -> Outcome:
    """Run a command line on this rank, without its output where `silent`."""
    with contextlib.redirect_stdout(io.StringIO()) if silent else contextlib.nullcontext():
        return _run(arguments)


def _end_together(arguments: list[str], outcome: Outcome, rank: int, watched: Any) -> int:
    """Tell an error of all ranks once; one of some ranks only with the rank's number, and end the others."""
    first = ranks.meet(watched, outcome.text, PATIENCE)
    if first is None:
        _tell(arguments, replace(outcome, text=f"rank {rank}: {outcome.text}"))
        sys.stderr.flush()
        sys.stdout.flush()
        ranks.end_all(outcome.code)
    elif rank == 0:
        number, text = first
        _tell(arguments, replace(outcome, text=text if number < 0 else f"rank {number}: {text}"))
    ranks.await_root(watched)
    return outcome.code
