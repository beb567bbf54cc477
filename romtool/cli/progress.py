"""Progress bars with remaining time, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from romtool.progress import Tick, Track, untracked

if TYPE_CHECKING:
    from rich.progress import Progress

REMEMBERED = 3600.0
"""Seconds over which the speed is taken: increments of a large mesh may take minutes each."""


@contextmanager
def progress(quiet: bool, rank: int = 0) -> Iterator[Track]:
    """Give what shows a piece of work as a bar with the remaining time, on stderr of rank 0 where that is a terminal.

    Elsewhere nothing is shown. Log lines come above the bar, which is gone in the end.
    """
    if quiet or rank != 0 or not sys.stderr.isatty():
        yield untracked
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[part]}"),
        TimeRemainingColumn(table_column=Column(min_width=7, no_wrap=True)),
        TextColumn("left"),
        TextColumn("{task.fields[words]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
    )
    how = {"redirect_stdout": False, "transient": True, "expand": True, "speed_estimate_period": REMEMBERED}
    with Progress(*columns, console=Console(stderr=True), **how) as bars:  # type: ignore[arg-type]
        yield lambda name: _begin(bars, name)


def _begin(bars: "Progress", name: str) -> Tick:
    """Put the bar of a new piece of work in the place of the one before, as soon as something is told of it."""
    task = None

    def tick(done: float, total: float, words: str) -> None:
        nonlocal task
        if task is None:
            for earlier in bars.task_ids:
                bars.remove_task(earlier)
            task = bars.add_task(name, part="", words="")
        part = f"{done}/{total}" if isinstance(total, int) else f"{done / total:.0%}"
        bars.update(task, completed=done, total=total, part=part, words=words)

    return tick
