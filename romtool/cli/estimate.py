"""`romtool info --estimate`: what memory the stages of a case, or a model's, will take."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from romtool.cli.options import print_json, print_table


def with_estimate(describe: Callable[..., None]) -> Callable[..., None]:
    """Add the options --estimate and --ranks to a command that describes paths; they take its place."""

    @click.option("--estimate", is_flag=True, help="Say what memory the stages of a case or model take at most.")
    @click.option("--ranks", type=click.IntRange(1), default=1, help="Ranks that share them, with --estimate.")
    @functools.wraps(describe)
    def command(*, estimate: bool, ranks: int, **given: Any) -> None:
        if estimate:
            if len(given["paths"]) != 1:
                raise click.UsageError("--estimate takes one PATH")
            _print_estimate(given["paths"][0], ranks, as_json=given["as_json"])
        else:
            describe(**given)

    return command


def _print_estimate(path: Path, ranks: int, *, as_json: bool) -> None:
    """Print the memory of each stage, in all and by its terms."""
    from romtool.batch.memory import amount
    from romtool.pipeline.estimate import estimate_summary, estimates

    found = estimates(path, ranks)
    if as_json:
        print_json({"kind": "estimate", "path": str(path), "stages": estimate_summary(found)})
        return
    rows = [(entry.stage, entry.ranks, amount(entry.per_rank), amount(entry.total)) for entry in found]
    print_table(f"{path}: memory at most", ("stage", "ranks", "per rank", "in all"), rows)
    for entry in found:
        click.echo("\n".join(entry.sentences))
