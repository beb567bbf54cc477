"""How far a long computation is: what it tells, for whoever shows it. Nothing here draws."""

from collections.abc import Callable

Tick = Callable[[float, float, str], None]
"""Takes how much of a piece of work is done, of how much, and what else there is to say."""

Track = Callable[[str], Tick]
"""Begins a piece of work of a name, which ends the one before; returns what takes how far it is."""


def untold(done: float, total: float, words: str) -> None:
    """Take how far a computation is that nobody follows."""


def untracked(name: str) -> Tick:
    """Begin a piece of work that nobody follows."""
    return untold


def part_of(tick: Tick, before: float, total: float) -> Tick:
    """Return what takes how far a part of a piece of work is.

    Parameters
    ----------
    tick: of the whole.
    before: done when the part begins.
    total: of the whole.
    """
    return lambda done, _, words: tick(before + done, total, words)
