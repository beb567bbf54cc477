"""`romtool operators select|build|solve|validate|report`."""

from pathlib import Path
from typing import Any

import click

from romtool.cli.options import (
    PATH,
    case_argument,
    format_option,
    json_option,
    model_argument,
    output_option,
    overwrite_option,
    print_json,
    print_table,
    quiet_option,
    speaker,
)
from romtool.cli.progress import progress

MAX_OUTPUTS = 8
"""Outputs in a table; all are in --json and -o."""


@click.group("operators")
def command() -> None:
    """Models of A(mu) x = b(mu) from complete matrices that any code exported."""


@command.command("select")
@case_argument
@overwrite_option
@json_option
def select_command(case: Path, overwrite: bool, as_json: bool) -> None:
    """Say at which parameters to export complete matrices; write the lists beside their places."""
    from romtool.pipeline.operators import select

    found = select(case, overwrite=overwrite)
    if as_json:
        print_json(found)
        return
    sampled = any("error_between_samples" in entry for entry in found.values())
    rows = []
    for title, entry in found.items():
        error = entry["errors"][-1] if "errors" in entry else None
        between = (entry.get("error_between_samples"),) if sampled else ()
        rows.append((title, len(entry["parameters"]), error, *between, len(entry["missing"]), entry["list"]))
    between_column = ("from every other sample",) if sampled else ()
    columns = ("", "parameters", "error of the functions", *between_column, "not yet exported", "list")
    print_table("select", columns, rows)


@command.command("build")
@case_argument
@output_option("the model")
@overwrite_option
@json_option
@quiet_option
def build_command(case: Path, output: Path, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Read the exported matrices and build a model; `mpiexec` shares the matrices through PETSc."""
    from romtool.pipeline import ranks
    from romtool.pipeline.operators import build, build_summary

    comm = ranks.world()
    summary = build_summary(build(case, output, speaker(quiet, comm.rank), comm, overwrite=overwrite))
    if as_json:
        print_json(summary)
        return
    print_table(str(output), ("", ""), list(_flat(summary)))


@command.command("solve")
@model_argument
@click.option("--at", "given", multiple=True, help='Parameters, as "k=3.5,eta=1"; may be repeated.')
@click.option("--table", type=PATH, help="A .csv file with one column per parameter.")
@click.option("-o", "--output", type=PATH, help="Where to write the answers (.h5).")
@click.option("--solutions", is_flag=True, help="Write the solutions of full order too.")
@overwrite_option
@json_option
def solve_command(
    model: Path,
    given: tuple[str, ...],
    table: Path | None,
    output: Path | None,
    solutions: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Answer for parameters with MODEL (its folder, or its model.h5 alone)."""
    from romtool.pipeline.operator_answers import solve

    found = solve(model, given, table, output, solutions=solutions, overwrite=overwrite)
    if as_json:
        print_json(found)
        return
    rows = [_shown(answer) for answer in found["answers"]]
    title = f"{found['model']}: {1e3 * found['seconds']['one']:.3g} ms for one answer"
    print_table(title, tuple(rows[0]), [tuple(row.values()) for row in rows])


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the cells of an answer; parameters, outputs and log-determinants with all digits that count."""
    row: dict[str, Any] = {name: _digits(value) for name, value in answer["parameters"].items()}
    for name, value in answer.items():
        if name == "outputs":
            row |= {f"output {i}": _digits(output) for i, output in enumerate(value[:MAX_OUTPUTS], start=1)}
        elif name != "parameters":
            row[name] = _digits(value) if name == "logdet" else value
    return row


def _digits(value: Any) -> str:
    """Return a number, or [real, imaginary], with twelve significant digits."""
    return f"{complex(*value):.12g}" if isinstance(value, list) else f"{value:.12g}"


@command.command("validate")
@model_argument
@case_argument
@json_option
@quiet_option
def validate_command(model: Path, case: Path, as_json: bool, quiet: bool) -> None:
    """Compare MODEL with the matrices of [validation] in CASE, which training has not seen."""
    from romtool.pipeline.operator_validation import validate

    with progress(quiet) as track:
        found = validate(model, case, speaker(quiet), track)
    if as_json:
        print_json(found)
        return
    columns = ("error", "median", "largest", "stated", "part covered", "median stated / error")
    rows = [(key.replace("_", ", "), *cells) for key, entry in found["errors"].items() for cells in _judged(entry)]
    print_table(f"{found['n']} unseen parameters", columns, rows)


def _judged(entry: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return one row per statement on an error, or one without."""
    error = (entry["median"], entry["max"])
    stated = [(name, entry[name]) for name in ("bound", "indicator") if name in entry]
    if not stated:
        return [(*error, None, None, None)]
    return [(*error, name, found["covered"], found["effectivity"]["median"]) for name, found in stated]


@command.command("report")
@click.argument("models", type=PATH, nargs=-1, required=True)
@output_option("the report (.html, .md or .json)")
@overwrite_option
@format_option
@quiet_option
def report_command(models: tuple[Path, ...], output: Path, overwrite: bool, form: str, quiet: bool) -> None:
    """Report on MODELS, with their validation where it has run: one self-contained page, Markdown or JSON."""
    from romtool.pipeline.operator_report import write_operator_report

    write_operator_report(models, output, speaker(quiet), overwrite=overwrite, form=form)


def _flat(document: dict[str, Any], prefix: str = "") -> Any:
    """Yield the numbers and texts of a nested document with their dotted names."""
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif not hasattr(value, "__len__") or isinstance(value, str):
            yield f"{prefix}{key}", value
