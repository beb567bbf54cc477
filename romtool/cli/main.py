"""Entry point `romtool`: finds the command, translates errors to one line and an exit code."""

import importlib
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
for _variable in THREAD_VARIABLES:  # one thread per process, unless the user says otherwise; before numpy is imported
    os.environ.setdefault(_variable, "1")

import click  # noqa: E402

from romtool import __version__  # noqa: E402
from romtool.errors import RomtoolError  # noqa: E402

COMMANDS = {
    "init": "Look at a solver deck or results and write a commented case file.",
    "import": "Convert the results of a case to its dataset (offline does it when needed).",
    "offline": "Train a reduced model.",
    "online": "Answer new load cases with a model.",
    "fields": "Write full fields of a result for ParaView.",
    "solve": "Run the built-in high-fidelity solver.",
    "compare": "Measure the errors between two results.",
    "report": "Make one self-contained HTML page of models and results.",
    "info": "Describe a solver file, dataset, model or result.",
    "readers": "List the file formats and what they need.",
}
INTERRUPTED = 130


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
    """Run the command line and leave with its exit code.

    Parameters
    ----------
    arguments: instead of those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    """Return the exit code of a command line; errors are told in one line (JSON where asked for)."""
    try:
        cli.main(arguments, prog_name="romtool", standalone_mode=False)
    except RomtoolError as error:
        return _fail(arguments, error.code, type(error).__name__, str(error))
    except click.exceptions.Abort:
        return _fail(arguments, INTERRUPTED, "Interrupted", "interrupted")
    except KeyboardInterrupt:
        return _fail(arguments, INTERRUPTED, "Interrupted", "interrupted")
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        return _fail(arguments, 2, type(error).__name__, error.format_message())
    except MemoryError:
        return _fail(arguments, 1, "MemoryError", "out of memory; use fewer modes, a coarser mesh, or a larger machine")
    except Exception as error:
        if reason := _system_error(error):
            return _fail(arguments, 1, "OSError", f"{reason}; make room, or give a path that can be read and written")
        text = f"unexpected {type(error).__name__}: {error}; this is a fault of romtool: please report it with --debug"
        return _fail(arguments, 1, type(error).__name__, text)
    return 0


def _system_error(error: Exception) -> str:
    """Return what the operating system says, also where HDF5 wraps it in a text of its own; else nothing."""
    wrapped = re.search(r"name = '([^']*)'.*error message = '([^']*)'", str(error), re.DOTALL)
    if wrapped:
        return f"{wrapped[1]}: {wrapped[2]}"
    return str(error) if isinstance(error, OSError) else ""


def _fail(arguments: list[str], code: int, kind: str, text: str) -> int:
    """Tell an error on stderr, and on stdout as JSON where asked for; return its exit code."""
    if "--debug" in arguments:
        traceback.print_exc()
    line = " ".join(text.split())
    message, _, remedy = line.rpartition("; ")
    if "--json" in arguments:
        document = {"code": kind, "message": message or line, "remedy": remedy if message else ""}
        click.echo(json.dumps({"error": document}))
    click.echo(f"romtool: error: {line}", err=True)
    return code
