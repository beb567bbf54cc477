"""`romtool law LAW.toml --path PATH.toml`."""

from pathlib import Path
from typing import Any

import click

from romtool.cli.options import PATH, json_option, overwrite_option, print_json, print_table, speaker


@click.command("law")
@click.argument("law", type=PATH, required=False)
@click.option("--path", "path", type=PATH, help="Path file: what is prescribed at a point.")
@click.option("--elements", help="Element set of the material, where LAW is a case file with several.")
@click.option("--check", "checks", is_flag=True, help="Run the checks that every law must pass.")
@click.option("--list", "listed", is_flag=True, help="List the laws with their parameters.")
@click.option("-o", "--output", type=PATH, help="Write all increments to this table (.csv).")
@click.option("--plot", type=PATH, help="Draw stress, strain and internal variables (.png, .svg, .pdf).")
@overwrite_option
@json_option
def command(law: Path | None, listed: bool, as_json: bool, **options: Any) -> None:
    """Run the law of LAW (a law file, or a case file) along a path, and check it."""
    if listed:
        _list(as_json)
        return
    if law is None or not (options["path"] or options["checks"]):
        raise click.UsageError("give LAW.toml with --path PATH.toml or --check, or --list alone")
    document = _run(law, as_json, **options)
    if as_json:
        print_json(document)


def _list(as_json: bool) -> None:
    """Print the laws."""
    from romtool.pipeline.law import laws

    found = laws()
    if as_json:
        print_json({"laws": found})
        return
    for name, law in found.items():
        rows = [*law["parameters"].items(), *((f"state {key}", info["meaning"]) for key, info in law["states"].items())]
        print_table(f"{name}: {law['description']}", ("parameter", "unit"), rows)


def _run(
    law: Path,
    as_json: bool,
    path: Path | None,
    elements: str | None,
    checks: bool,
    output: Path | None,
    plot: Path | None,
    overwrite: bool,
) -> dict[str, Any]:
    """Run what is asked for; return the JSON document."""
    from romtool.errors import AccuracyError
    from romtool.pipeline import law as runs

    material, document, given = runs.open_law(law, elements), {}, None
    if path is not None:
        given, history = runs.run_law(material, path)
        document = runs.law_document(material, given, history)
        if not as_json:
            print_table(f"{material.law}, {given.name}", *runs.law_table(given, history))
        if output is not None:
            runs.write_table(history, output, overwrite=overwrite)
        if plot is not None:
            runs.plot_law(material, given, history, plot, overwrite=overwrite)
            speaker(False)(f"wrote {plot}")
    if checks:
        findings = runs.check(material, given)
        document["checks"] = {f.name: {"value": f.value, "limit": f.limit, "passed": f.passed} for f in findings}
        if not as_json:
            rows = [(f.meaning, f.value, f.limit, "passed" if f.passed else "FAILED") for f in findings]
            print_table(f"checks of {material.law}", ("check", "found", "allowed", ""), rows)
        if failed := [finding.name for finding in findings if not finding.passed]:
            raise AccuracyError(
                f"{law}: the law fails the checks {', '.join(failed)}; see docs/laws.md for what they mean"
            )
    return document
