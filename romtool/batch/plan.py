"""From a command line of romtool to a job or an array of jobs, and from a case to a chain of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from romtool.batch.job import ITEM, Job
from romtool.errors import InputError


@dataclass(frozen=True)
class Call:
    """A command line of romtool, taken apart.

    Parameters
    ----------
    name: of the command.
    operands: name of an argument -> its words, in the order of the command line.
    options: each as its words: ("--adapt",), ("--output", "model").
    """

    name: str
    operands: Mapping[str, tuple[str, ...]]
    options: tuple[tuple[str, ...], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Return the command line again, options first."""
        operands = tuple(word for words in self.operands.values() for word in words)
        separated = ("--", *operands) if any(word.startswith("-") for word in operands) else operands
        return (self.name, *(word for option in self.options for word in option), *separated)

    def has(self, option: str) -> bool:
        """Tell whether an option is given."""
        return any(words[0] == option for words in self.options)

    def value(self, option: str) -> str:
        """Return what an option is given, "" where it is not."""
        return next((words[-1] for words in self.options if words[0] == option), "")

    def operand(self, name: str) -> str:
        """Return the first word of an argument, "" where there is none."""
        return next(iter(self.operands.get(name, ())), "")


@dataclass(frozen=True)
class Spreading:
    """How a call becomes an array.

    Parameters
    ----------
    shares: of the draws of a study; 1: one job.
    at_once: tasks at a time; 0: all.
    alone: one job also for many loads.
    """

    shares: int = 1
    at_once: int = 0
    alone: bool = False


def job_of(call: Call, spreading: Spreading) -> Job:
    """Return the job of a call: an array for several loads of `online`, and for the shares of a `study`.

    With --adapt a load starts with what the loads before it taught the model, so these stay together.

    Raises
    ------
    InputError: shares of a command that has none.
    """
    loads = call.operands.get("loads", ())
    job = Job(call.name, call.words, outputs=outputs_of(call))
    if spreading.shares > 1:
        if call.name != "study" or call.has("--part") or call.has("--draw"):
            raise InputError("--shares is for a study without --part and --draw; leave it out")
        count = spreading.shares
        shared = replace(call, options=(*call.options, ("--part", ITEM)))
        items = tuple(f"{i}/{count}" for i in range(1, count + 1))
        return replace(job, command=shared.words, items=items, at_once=spreading.at_once)
    if call.name == "online" and len(loads) > 1 and not call.has("--adapt") and not spreading.alone:
        single = replace(call, operands={**call.operands, "loads": (ITEM,)})
        return replace(job, command=single.words, items=loads, at_once=spreading.at_once)
    return job


def outputs_of(call: Call) -> tuple[str, ...]:
    """Return the paths that a command writes, unfinished work included."""
    found: list[PurePath] = []
    if call.name in ("import", "offline", "cluster"):
        found.append(PurePath(call.operand("case")).parent / "dataset")
    if output := call.value("--output"):
        found.append(PurePath(output))
    return tuple(str(path) for output in found for path in (output, _work(output))) or (".",)


def _work(path: PurePath) -> PurePath:
    """Return where an output is while it is not complete."""
    return path.with_name(f".{path.name}.work")


def pipeline_calls(case: str, loads: Sequence[str], names: Sequence[str], folder: str) -> dict[str, Call]:
    """Return the calls from a case to its report.

    Parameters
    ----------
    case: the case file.
    loads: load files; names: of the loads, which are those of the results' folders.
    folder: for model, results and report.

    Returns
    -------
    Name of a job -> its call; each waits for the one before it.
    """
    model, out, page = (str(PurePath(folder) / name) for name in ("model", "out", "report.html"))
    results = tuple(str(PurePath(out) / name) for name in names)
    return {
        "import": Call("import", {"case": (case,)}),
        "offline": Call("offline", {"case": (case,)}, (("--output", model),)),
        "online": Call("online", {"model": (model,), "loads": tuple(loads)}, (("--output", out),)),
        "report": Call("report", {"paths": (model, *results)}, (("--output", page),)),
    }
