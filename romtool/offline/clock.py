"""Seconds and memory by phase, how far each is, and what is kept of finished phases."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from romtool.progress import Tick, Track, untold, untracked

Say = Callable[[str], None]
Value = TypeVar("Value")


class Keep(Protocol):
    """Keeps what is finished, so that a run that was stopped can go on; all ranks call its methods together."""

    def step(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what a step computes, or what is kept of it; it is what was read back in either case."""
        ...

    def latest(self, name: str) -> Any:
        """Return the value that `renew` kept last under a name; None where there is none."""
        ...

    def renew(self, name: str, place: str, value: Callable[[], Any]) -> None:
        """Keep a value in the place of an earlier one, unless that is recent; stop the run where it is asked to."""
        ...

    def exchange(self, name: str, place: str, value: Callable[[], Value]) -> Value:
        """Keep a value in the place of an earlier one and return what was read back; stop where it is asked to."""
        ...


class KeepNothing:
    """Keeps nothing."""

    def step(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what the step computes."""
        return compute()

    def latest(self, name: str) -> Any:
        """Return None."""
        return None

    def renew(self, name: str, place: str, value: Callable[[], Any]) -> None:
        """Do nothing."""

    def exchange(self, name: str, place: str, value: Callable[[], Value]) -> Value:
        """Return the value."""
        return value()


def peak_memory() -> float:
    """Return the largest resident memory of this process so far [bytes]; 0 where the system does not tell it."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.partition(":")[::2] for line in status.read_text(encoding="utf-8").splitlines())
        return 1024.0 * float(lines.get("VmHWM", "0").split()[0])  # ru_maxrss also counts what started the process
    try:
        import resource
    except ImportError:
        return 0.0
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1.0 if sys.platform == "darwin" else 1024.0)


class Clock:
    """Seconds spent in named phases, and the largest memory so far at their ends.

    It tells each phase as it begins; `current` is the one that runs.

    Parameters
    ----------
    say: takes sentences.
    keep: keeps finished steps.
    track: begins to show how far a phase is, which `tick` is told.
    """

    def __init__(self, say: Say, keep: Keep | None = None, track: Track = untracked) -> None:
        self.say, self.track = say, track
        self.tick: Tick = untold
        self.keep: Keep = keep or KeepNothing()
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float] = {}
        self.current = ""
        self._scope = ""

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        """Let the names of steps inside begin with a word of their own."""
        before, self._scope = self._scope, f"{self._scope}{scope} "
        try:
            yield
        finally:
            self._scope = before

    @contextmanager
    def phase(self, name: str, text: str) -> Iterator[None]:
        """Time a phase."""
        self.say(text)
        self.current, self.tick = name, self.track(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        self.memory[name] = peak_memory()

    def step(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what some phases compute, or what is kept of them, with seconds and memory of their first run.

        Parameters
        ----------
        name: of the step, unique in its scope.
        compute: the phases.
        """
        before, self.seconds, self.memory = (self.seconds, self.memory), {}, {}

        def timed() -> tuple[Value, Mapping[str, float], Mapping[str, float]]:
            return compute(), self.seconds, self.memory

        try:
            value, seconds, memory = self.keep.step(self._scope + name, timed)
        finally:
            self.seconds, self.memory = before
        for phase, passed in seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + passed
        self.memory |= memory
        return value

    def latest(self, name: str) -> Any:
        """Return the value that `renew` kept last under a name in this scope; None where there is none."""
        return self.keep.latest(self._scope + name)

    def renew(self, name: str, place: str, value: Callable[[], Any]) -> None:
        """Keep a value in the place of an earlier one, unless that is recent; stop the run where it is asked to."""
        self.keep.renew(self._scope + name, place, value)
