"""`romtool operators solve`: answers of a model for new parameters."""

import csv
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.io.atomic import atomic_file
from romtool.io.records import create_file
from romtool.linalg.eim import Numbers
from romtool.operators.domain import Domain
from romtool.operators.inverses import Estimate
from romtool.operators.model import Evaluation, OperatorModel, evaluate
from romtool.pipeline.folders import write_record
from romtool.pipeline.operator_models import read_basis, read_operator_model
from romtool.types import Floats

TIMED = 20
"""Single answers that are timed."""


def parse_parameters(domain: Domain, given: Sequence[str], table: Path | None) -> Floats:
    """Return (n, p) parameters from texts like "k=3.5,eta=1" and a table with one column per parameter.

    Raises
    ------
    CaseError: none, or one that can not be read. InputError: outside the range.
    """
    rows = [_parse(text, domain.names) for text in given]
    rows += [] if table is None else _read_table(table, domain.names)
    if not rows:
        raise CaseError(f"no parameters; give --at {','.join(f'{name}=…' for name in domain.names)} or --table")
    parameters = np.array(rows)
    domain.check(parameters)
    return parameters


def _parse(text: str, names: Sequence[str]) -> list[float]:
    """Return the values of "k=3.5,eta=1" in the order of the names."""
    pairs = dict(part.split("=", 1) for part in text.replace(" ", "").split(",") if "=" in part)
    try:
        if set(pairs) != set(names) or text.count("=") != len(names):
            raise ValueError(f"names {', '.join(pairs) or 'none'}")
        return [float(pairs[name]) for name in names]
    except ValueError as error:
        expected = ",".join(f"{name}=…" for name in names)
        raise CaseError(f'--at "{text}" can not be read ({error}); expected {expected} with numbers') from error


def _read_table(path: Path, names: Sequence[str]) -> list[list[float]]:
    """Return the rows of a table of parameters with a header line."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [[float(row[name]) for name in names] for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CaseError(f"{path}: can not be read ({error}); expected a line of names, {', '.join(names)}") from error


def solve(
    path: Path,
    given: Sequence[str],
    table: Path | None,
    out: Path | None = None,
    *,
    solutions: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Answer for parameters.

    Parameters
    ----------
    path: model folder, or its model.h5 alone.
    given, table: see `parse_parameters`.
    out: HDF5 file of the answers, or None.
    solutions: write the solutions of full order too.
    overwrite: replace an existing file.

    Returns
    -------
    What `--json` prints.

    Raises
    ------
    ModelError, CaseError, InputError.
    """
    if out is not None and out.exists() and not overwrite:
        raise CaseError(f"{out} exists; give --overwrite or another -o")
    start = time.perf_counter()
    model = read_operator_model(path)
    load = time.perf_counter() - start
    parameters = parse_parameters(model.domain, given, table)
    start = time.perf_counter()
    found = evaluate(model, parameters)
    seconds = {"load": load, "all": time.perf_counter() - start, "one": seconds_of_one(model, parameters)}
    if out is not None:
        basis = read_basis(path, model)[0] if solutions and model.system is not None else None
        write_answers(found, basis, out)
    return {"model": model.name, "answers": summaries(model, found), "seconds": seconds}


def seconds_of_one(model: OperatorModel, parameters: Floats) -> float:
    """Return the median time of a single answer, the first not counted."""
    times = []
    for row in np.resize(parameters, (TIMED + 1, parameters.shape[1])):
        start = time.perf_counter()
        evaluate(model, row[None])
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def write_answers(found: Evaluation, basis: Numbers | None, out: Path) -> None:
    """Write answers to an HDF5 file; with a basis, also the (n, n_unknowns) solutions `x`."""
    with atomic_file(out) as temporary, create_file(temporary, "operators-answers") as file:
        write_record(file, "parameters", found.parameters)
        for name, estimate in _estimates(found).items():
            for entry in fields(estimate):
                write_record(file, f"{name}_{entry.name}", getattr(estimate, entry.name))
        if found.answers is not None:
            for name in ("coordinates", "outputs", "norm", "residual", "constant", "bound"):
                write_record(file, name, getattr(found.answers, name))
            if basis is not None:
                write_record(file, "x", found.answers.coordinates @ basis.T)


def summaries(model: OperatorModel, found: Evaluation) -> list[dict[str, Any]]:
    """Return what `--json` prints for each parameter."""
    rows = []
    for i, parameter in enumerate(found.parameters):
        row: dict[str, Any] = {"parameters": dict(zip(model.domain.names, parameter, strict=True))}
        if found.answers is not None:
            row |= {
                "norm": found.answers.norm[i],
                "bound": found.answers.bound[i],
                "relative_bound": found.answers.relative_bound[i],
                "outputs": [_plain(value) for value in found.answers.outputs[i]],
            }
        if found.logdet is not None:
            row["logdet"] = found.logdet.values[i]
        for name, estimate in _estimates(found).items():
            row[f"{name}_indicator"] = estimate.indicator[i]
            row |= {} if estimate.bound is None else {f"{name}_bound": estimate.bound[i]}
        rows.append(row)
    return rows


def _estimates(found: Evaluation) -> dict[str, Estimate]:
    """Return the estimates that there are, by name."""
    given = {"logdet": found.logdet, "inverse": found.inverse}
    return {name: estimate for name, estimate in given.items() if estimate is not None}


def _plain(value: Any) -> Any:
    """Return a number for JSON; a complex one as [real part, imaginary part]."""
    return [value.real, value.imag] if np.iscomplexobj(value) else value
