"""`romtool operators report`: what models of operators and their validation say, on one page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from romtool import __version__
from romtool.operators.model import OperatorModel
from romtool.pipeline.operator_models import read_operator_model
from romtool.pipeline.operator_validation import STATED, read_validation
from romtool.pipeline.report import check_free, write_document
from romtool.report.document import Column, Form, Table, Tile, Value
from romtool.report.figures import Chart, Line
from romtool.report.operators import OperatorFacts, operator_document
from romtool.types import Floats

MAX_ROWS = 40
"""Parameters in a table; more are left out, with their number."""


def write_operator_report(
    paths: Sequence[Path], out: Path, say: Callable[[str], None], *, overwrite: bool = False, form: str = "html"
) -> None:
    """Write a report on models of operators.

    Parameters
    ----------
    paths: model folders, or their model.h5.
    out: the file.
    say: takes sentences about what is done.
    overwrite: replace an existing file.
    form: "html", "md" or "json".

    Raises
    ------
    CaseError: the file exists. ModelError: a model that can not be opened.
    """
    check_free(out, overwrite)
    facts = tuple(_facts(read_operator_model(path), read_validation(path)) for path in paths)
    created = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    write_document(operator_document(facts, created, __version__), out, form)
    say(f"wrote {out}")


def _facts(model: OperatorModel, validation: Mapping[str, Any] | None) -> OperatorFacts:
    """Return what the page says of one model."""
    return OperatorFacts(
        label=model.name,
        tiles=(*_tiles(model), *(_validation_tiles(validation) if validation else ())),
        tables=(*_tables(model), *((_error_table(validation),) if validation else ())),
        charts=(*_charts(model), *(_validation_charts(model, validation) if validation else ())),
        warnings=_warnings(model, validation),
    )


def _tiles(model: OperatorModel) -> list[Tile]:
    found = [
        Tile(Value(model.n_unknowns, "count"), "unknowns", str(model.facts["matrices"])),
        _counted(len(model.coefficients.parameters), "exported matrices", "terms of the separated representation"),
    ]
    if model.system is not None:
        remark = "Galerkin, error bound" if model.system.coercive else "least residuals, error indicator"
        found.append(_counted(len(model.system.snapshots), "vectors of the reduced basis", remark))
    for name, part in (("inverse", model.inverse), ("log-determinant", model.logdet)):
        if part is not None:
            remark = f"monomials up to degree {part.powers.degree}"
            found.append(_counted(len(part.powers.parameters), f"factorisations for the {name}", remark))
    return found


def _counted(number: int, name: str, remark: str) -> Tile:
    return Tile(Value(number, "count"), name, remark)


def _validation_tiles(validation: Mapping[str, Any]) -> list[Tile]:
    errors, seconds = validation["errors"], validation["seconds"]
    found = [
        Tile(
            Value(errors[key]["max"], "number2"), f"largest error of the {name}", f"{validation['n']} unseen parameters"
        )
        for key, name in _ERRORS.items()
        if key in errors
    ]
    if "direct" in seconds:
        remark = f"{1e3 * seconds['one']:.3g} ms against {1e3 * seconds['direct']:.3g} ms of one direct solution"
        ratio = seconds["direct"] / seconds["one"]
        found.append(Tile(Value(max(ratio, 1.0 / ratio), "factor"), "faster" if ratio >= 1.0 else "slower", remark))
    return found


_ERRORS = {
    "representation": "separated representation",
    "solution": "reduced solution",
    "outputs": "outputs",
    "logdet": "log-determinant",
    "inverse": "inverse",
    "inverse_energy": "inverse, energy norm",
}
_STATEMENTS = ("bound", "indicator")


def _tables(model: OperatorModel) -> list[Table]:
    """Return the tables of the parameters that were selected."""
    found = [_parameter_table("Exported matrices", model, model.coefficients.parameters)]
    if model.rhs_coefficients is not None:
        found.append(_parameter_table("Exported right-hand sides", model, model.rhs_coefficients.parameters))
    if model.system is not None:
        found.append(_parameter_table("Solutions in the basis", model, model.system.snapshots))
    for name, part in (("Inverses", model.inverse), ("Determinants", model.logdet)):
        if part is not None:
            found.append(_parameter_table(name, model, part.powers.parameters))
    return found


def _parameter_table(caption: str, model: OperatorModel, parameters: Floats) -> Table:
    more = f" (the first {MAX_ROWS} of {len(parameters)})" if len(parameters) > MAX_ROWS else ""
    rows = tuple((number, *map(float, row)) for number, row in enumerate(parameters[:MAX_ROWS], start=1))
    return Table(caption + more, (Column("number", "count"), *(Column(n, "number") for n in model.domain.names)), rows)


def _error_table(validation: Mapping[str, Any]) -> Table:
    rows = tuple(
        (_ERRORS[key], float(entry["median"]), float(entry["max"]), *cells)
        for key, entry in validation["errors"].items()
        for cells in _stated(entry)
    )
    columns: tuple[tuple[str, Form], ...] = (
        *(("relative error", "text"), ("median", "number"), ("largest", "number"), ("stated", "text")),
        *(("part covered", "percent"), ("median stated / error", "number")),
    )
    caption = f"{validation['n']} parameters that training has not seen"
    return Table(caption, tuple(Column(name, form) for name, form in columns), rows)


def _stated(entry: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return what was stated of an error, how often it covers the error, and by how much."""
    found = [(name, entry[name]) for name in _STATEMENTS if name in entry]
    rows = [(name, given["covered"], _number(given["effectivity"]["median"])) for name, given in found]
    return [*rows] or [(None, None, None)]


def _number(value: float | None) -> Any:
    return "∞" if value is None else float(value)


def _charts(model: OperatorModel) -> list[Chart]:
    """Return the histories of the greedy searches."""
    histories = [("matrix", model.coefficients.interpolation.errors)]
    if model.rhs_coefficients is not None:
        histories.append(("right-hand side", model.rhs_coefficients.interpolation.errors))
    found = [_history("Functions of the separated representation", "terms", "relative error", histories)]
    if model.system is not None:
        kind = "bound" if model.system.coercive else "indicator"
        given = [(kind, model.system.history)]
        found.append(_history("Reduced basis on the training", "vectors", f"largest relative {kind}", given))
    powers = [(name, part.powers) for name, part in (("inverse", model.inverse), ("log-det", model.logdet)) if part]
    if powers:
        given = [(name, part.interpolation.errors) for name, part in powers]
        found.append(_history("Monomials of the coefficients", "factorisations", "relative error", given))
    return found


def _history(title: str, x: str, y: str, given: Sequence[tuple[str, Floats]]) -> Chart:
    lines = tuple(
        Line(name, np.arange(len(errors), dtype=np.float64), errors / errors[0], colour=i)
        for i, (name, errors) in enumerate(given)
    )
    return Chart(title, x, y, lines, log=True)


def _validation_charts(model: OperatorModel, validation: Mapping[str, Any]) -> list[Chart]:
    """Return errors and what was stated of them over the first parameter; points where there are several."""
    first, *others = model.domain.names
    rows = sorted(validation["rows"], key=lambda row: row["parameters"][first])
    x = np.array([row["parameters"][first] for row in rows])
    note = f"{', '.join(others)} var{'y' if len(others) > 1 else 'ies'} too." if others else ""
    found = []
    for key in ("solution", "logdet", "inverse", "representation"):
        if key not in rows[0]:
            continue
        columns = {"error": key} | {name: column for name, column in STATED.get(key, {}).items() if column in rows[0]}
        lines = tuple(
            Line(name, x, _finite(rows, column), colour=i, scatter=bool(others))
            for i, (name, column) in enumerate(columns.items())
        )
        found.append(Chart(f"Unseen parameters: {_ERRORS[key]}", first, "relative error", lines, log=True, note=note))
    return found


def _finite(rows: Sequence[Mapping[str, Any]], key: str) -> Floats:
    values = np.array([row[key] for row in rows], dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _warnings(model: OperatorModel, validation: Mapping[str, Any] | None) -> tuple[str, ...]:
    found = []
    if not model.coefficients.interpolation.converged:
        found.append("The functions have not reached their tolerance: raise [operator] max_terms.")
    if model.system is not None and not model.system.statistics["converged"]:
        found.append(
            f"The reduced basis has not reached its tolerance: the largest bound is {model.system.history[-1]:.1e}. "
            "Raise [basis] max_modes, or lower [operator] tolerance."
        )
    if validation is None:
        found.append(
            "Not validated: run `romtool operators validate` with complete matrices that training has not seen."
        )
    return tuple(found)
