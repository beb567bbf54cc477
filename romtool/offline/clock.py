"""Seconds and memory by phase."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


def peak_memory() -> float:
    """Return the largest resident memory of this process so far [bytes]; 0 where the system does not tell it."""
    try:
        import resource
    except ImportError:
        return 0.0
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1.0 if sys.platform == "darwin" else 1024.0)


class Clock:
    """Seconds spent in named phases, and the largest memory so far at their ends.

    It tells each phase as it begins; `current` is the one that runs.
    """

    def __init__(self, say: Say) -> None:
        self.say = say
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float] = {}
        self.current = ""

    @contextmanager
    def phase(self, name: str, text: str) -> Iterator[None]:
        """Time a phase."""
        self.say(text)
        self.current = name
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        self.memory[name] = peak_memory()
