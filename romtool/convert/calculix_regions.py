"""Loads on members (faces, nodes) that decks set, overwrite and add by set, kept apart by their courses.

A deck may load a set in one step and a part of it in the next. `Members` keeps groups of members that have
had the same events so far; groups are split only where a card names a part of one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from romtool.convert.calculix_history import Course, Event
from romtool.convert.calculix_keywords import Card
from romtool.types import Floats, Ints


@dataclass
class Group:
    """Members with one course; `tag` is the name that the deck gave them, `whole` all members of that name."""

    members: Ints
    course: Course
    tag: str
    whole: Ints


@dataclass
class Members:
    """Groups of members, disjoint."""

    groups: list[Group] = field(default_factory=list)

    def apply(self, step: int, members: Ints, event: Event, tag: str, adding: Card | None = None) -> None:
        """Give members an event in a step.

        Parameters
        ----------
        step: step index, -1 before the first step.
        members: (n,) codes.
        event: what the deck says.
        tag: the name that it uses.
        adding: the card, where two events of one step add up (loads); None where the last one counts (supports).

        Raises
        ------
        ReaderError: loads of one step on one face with different amplitudes, which ccx refuses too.
        """
        rest = whole = np.unique(members)
        for group in list(self.groups):
            common = np.intersect1d(group.members, rest, assume_unique=True)
            if len(common):
                self._change(self._part(group, common), step, event, tag, whole, adding)
                rest = np.setdiff1d(rest, common, assume_unique=True)
        if len(rest):
            self.groups.append(Group(rest, Course({step: event}), tag, whole))

    def _part(self, group: Group, common: Ints) -> Group:
        """Return the group of `common` members, split off where it is not all of `group`."""
        if len(common) == len(group.members):
            return group
        group.members = np.setdiff1d(group.members, common, assume_unique=True)
        self.groups.append(Group(common, group.course.copy(), group.tag, group.whole))
        return self.groups[-1]

    def _change(self, group: Group, step: int, event: Event, tag: str, whole: Ints, adding: Card | None) -> None:
        """Put an event into the course of a group; its tag changes where its load does."""
        before, now = group.course.last(), group.course.events.get(step)
        if adding is not None and now is not None and not now.removed:
            if now.amplitude != event.amplitude:
                raise adding.error(f"loads of one step on {tag} have different amplitudes; use one amplitude")
            event = Event(now.target + event.target, event.amplitude)
        if before is None or (before.target, before.amplitude) != (event.target, event.amplitude):
            group.tag, group.whole = tag, whole
        group.course.events[step] = event

    def remove(self, step: int) -> None:
        """Apply OP=NEW at a step: what it does not name goes to zero, with the amplitude it had."""
        for group in self.groups:
            last = group.course.last()
            if last is not None and step not in group.course.events:
                group.course.events[step] = Event(0.0, last.amplitude, removed=True)


@dataclass(frozen=True)
class Region:
    """Members that have one course in the end: the deck's name, the codes, whether these are all of the name."""

    tag: str
    members: Ints
    points: Floats
    is_whole: bool


def merge(traced: Iterable[tuple[Group, Floats]]) -> list[Region]:
    """Return regions: groups of one name and one course together, completed where an overlap is harmless.

    Parameters
    ----------
    traced: groups with their (n, 2) points in time.
    """
    pairs = list(traced)
    found: dict[tuple[str, bytes], list[tuple[Group, Floats]]] = {}
    for group, points in pairs:
        found.setdefault((group.tag, points.tobytes()), []).append((group, points))
    regions = []
    for (tag, key), same in found.items():
        members = np.unique(np.concatenate([group.members for group, _ in same]))
        twin = [group.members for group, points in pairs if points.tobytes() == key]
        whole = same[-1][0].whole
        complete = len(np.setdiff1d(whole, np.concatenate(twin))) == 0 and len(np.setdiff1d(members, whole)) == 0
        regions.append(Region(tag, whole if complete else members, same[0][1], complete))
    return regions


def unique_name(name: str, taken: Sequence[str] | set[str]) -> str:
    """Return the name, with "-2", "-3" … where it is taken."""
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}-{count}"
    return candidate
