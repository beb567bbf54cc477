"""Seconds by phase, and how far each is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from romtool.progress import Tick, Track, untracked

Say = Callable[[str], None]


class Clock:
    """Seconds spent in named phases; tells each phase as it begins, `current` is the one that runs.

    Parameters
    ----------
    say: takes a sentence per phase.
    track: begins to show how far a phase is.
    """

    def __init__(self, say: Say, track: Track = untracked) -> None:
        self.say, self.track = say, track
        self.seconds: dict[str, float] = {}
        self.current = ""

    @contextmanager
    def phase(self, name: str, text: str) -> Iterator[Tick]:
        """Time a phase; give what takes how far it is."""
        self.say(text)
        self.current = name
        start = time.perf_counter()
        yield self.track(name)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
