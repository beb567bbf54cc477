"""Being asked to stop: SIGTERM, and SIGUSR1 of batch systems that tell before a job's time is over.

Where a run keeps what is finished, it notes the signal and stops at its next checkpoint (`deferred`, `stop_if_asked`);
elsewhere it ends at once, and what is half written is removed on the way out.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from romtool.errors import StoppedError

AGAIN = "run the same command again, and it goes on from there"
PERSISTENCE = 5.0
"""Seconds until a command that a signal should have ended is ended once more: what is raised while compiled code calls
back is lost."""


class Ranks(Protocol):
    """What the ranks need to agree."""

    size: int

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return the objects of all ranks in rank order."""
        ...


class _Wish:
    """Which signal came first, and whether the running code looks for it itself."""

    asked = ""
    deferring = 0


def _take(number: int, frame: object) -> None:
    """Note a signal, or end what runs."""
    first, name = not _Wish.asked, signal.Signals(number).name
    _Wish.asked = _Wish.asked or name
    if not _Wish.deferring and (first or name == "SIGALRM"):
        _remind(PERSISTENCE)
        raise StoppedError(f"stopped by {_Wish.asked} before there was anything to keep; run the same command again")


def _remind(seconds: float) -> None:
    """Send this process a signal after some seconds, none for zero, where the system can."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


@contextmanager
def listening() -> Iterator[None]:
    """Take the signals while the command inside runs; in a thread that cannot have them, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Wish.asked = ""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGALRM") if hasattr(signal, name)]
    before = [signal.signal(number, _take) for number in numbers]
    try:
        yield
    finally:
        _remind(0.0)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Let what is inside go on after a signal, to its next `stop_if_asked`."""
    _Wish.deferring += 1
    try:
        yield
    finally:
        _Wish.deferring -= 1


def is_asked(comm: Ranks) -> bool:
    """Tell whether any rank got a signal; all ranks call this together."""
    return any(comm.allgather(bool(_Wish.asked)))


def stop_if_asked(comm: Ranks, place: str, keep: Callable[[], None] = lambda: None) -> None:
    """Stop all ranks where any of them got a signal; all call this together.

    Parameters
    ----------
    comm: the ranks.
    place: what is finished, in words.
    keep: writes the checkpoint, where that is not done yet.

    Raises
    ------
    StoppedError: on every rank.
    """
    if is_asked(comm):
        keep()
        raise StoppedError(f"stopped at a checkpoint, after {place}; {AGAIN}")
