"""`romtool operators validate`: a model against complete matrices that its training has not seen."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from romtool.errors import CaseError, ModelError, ReaderError
from romtool.io.atomic import atomic_file
from romtool.linalg.eim import Numbers
from romtool.operators.algebra import LuFactor
from romtool.operators.matrices import Matrix, combine, misfit, read_matrix, read_vector
from romtool.operators.model import Evaluation, OperatorModel, evaluate
from romtool.pipeline.operator_answers import seconds_of_one
from romtool.pipeline.operator_inputs import Inputs, inverse_columns, read_inputs
from romtool.pipeline.operator_lists import exported_path, read_list
from romtool.pipeline.operator_models import read_basis, read_operator_model
from romtool.types import Floats

VALIDATION_FILE = "validation.json"
Row = dict[str, Any]


def validate(path: Path, case_path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Compare a model with exported matrices; write `validation.json` into its folder, for the report.

    Parameters
    ----------
    path: model folder.
    case_path: the case file; its [validation] names the files.
    say: takes sentences about what is done.

    Returns
    -------
    What `--json` prints: statistics of errors, bounds and seconds, and the values at each parameter.

    Raises
    ------
    CaseError, ReaderError: no [validation], or files that are missing or do not fit. ModelError: of another case.
    InputError: a singular matrix.
    """
    if not path.is_dir():
        raise ModelError(f"{path}: is no folder; a validation needs the whole folder of the model")
    comparison = _Comparison(path, read_operator_model(path), read_inputs(case_path))
    parameters = comparison.parameters()
    rows = []
    for number, parameter in enumerate(parameters, start=1):
        rows.append(comparison.row(number, parameter))
        say(f"{number} of {len(parameters)}: " + ", ".join(f"{key} {rows[-1][key]:.2e}" for key in _told(rows[-1])))
    seconds = {"one": seconds_of_one(comparison.model, parameters)}
    if "seconds" in rows[0]:
        seconds["direct"] = float(np.median([row["seconds"] for row in rows]))
    summary = {"n": len(rows), "errors": statistics(rows), "seconds": seconds, "rows": rows}
    with atomic_file(path / VALIDATION_FILE) as temporary:
        temporary.write_text(json.dumps(_storable(summary), indent=1, allow_nan=False), encoding="utf-8")
    return summary


def _storable(value: Any) -> Any:
    """Return a value of JSON: infinite numbers become null."""
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _told(row: Row) -> list[str]:
    return [key for key in ("representation", "solution", "bound", "logdet", "inverse") if key in row]


def statistics(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the largest and median errors, and how bounds compare with errors, of all rows."""
    found: dict[str, Any] = {}
    for key in ("representation", "solution", "outputs", "logdet", "inverse"):
        values = np.array([row[key] for row in rows if key in row])
        if len(values):
            found[key] = {"median": float(np.median(values)), "max": float(values.max())}
            found[key] |= _coverage(rows, key, values)
    return found


def _coverage(rows: Sequence[Row], key: str, errors: Floats) -> dict[str, Any]:
    """Return how often the bound is not below the error, and the effectivities."""
    name = {"solution": "bound", "logdet": "logdet_bound"}.get(key)
    if name is None or any(name not in row for row in rows):
        return {}
    bounds = np.array([row[name] for row in rows])
    ratios = bounds / np.maximum(errors, np.finfo(np.float64).tiny)
    return {
        "covered": float(np.mean(bounds >= errors)),
        "effectivity": {
            "min": float(ratios.min()),
            "median": float(np.median(ratios)),
            "max": float(ratios.max()),
        },
    }


class _Comparison:
    """A model beside the exported files that it is compared with."""

    def __init__(self, path: Path, model: OperatorModel, inputs: Inputs) -> None:
        if not np.array_equal(model.coefficients.parameters, inputs.coefficients.parameters):
            raise ModelError(f"{path}: was built with other parameters than {inputs.case.path} selects; build it anew")
        if inputs.case.validation is None:
            raise CaseError(f"{inputs.case.path}: has no [validation]; add it, it names the files to compare with")
        self.model, self.inputs, self.table = model, inputs, inputs.case.validation
        self._pattern = inputs.case.beside(self.table.files)
        self._basis: Numbers | None = None
        self._norm: Matrix | None = None
        if model.system is not None:
            self._basis, self._norm = read_basis(path, model)

    def parameters(self) -> Floats:
        """Return the (n, p) parameters of the exported files."""
        found = read_list(self._pattern, self.model.domain.names)[: self.table.samples]
        self.model.domain.check(found)
        return found

    def row(self, number: int, parameter: Floats) -> Row:
        """Return the errors at one parameter."""
        path = exported_path(self._pattern, number)
        matrix = read_matrix(path)
        if problem := misfit(self.inputs.terms[0], matrix):
            raise ReaderError(f"{path}: {problem} that of the matrices of the case; export all alike")
        approximation = combine(self.inputs.terms, self.model.coefficients.weights(parameter[None])[0])
        found = evaluate(self.model, parameter[None])
        row: Row = {
            "parameters": dict(zip(self.model.domain.names, parameter.tolist(), strict=True)),
            "representation": _length(matrix - approximation) / _length(matrix),
        }
        if self.model.system is None and self.model.logdet is None and self.model.inverse is None:
            return row
        start = time.perf_counter()
        factor = LuFactor(matrix, str(path))
        if self._basis is not None:
            solution = factor.solve(self._rhs(number))
            row |= {"seconds": time.perf_counter() - start} | self._solution(found, solution)
        return row | self._functions(found, factor, number)

    def _rhs(self, number: int) -> Numbers:
        if self.table.rhs_files is None:
            return self.inputs.rhs[:, 0]
        return read_vector(exported_path(self.inputs.case.beside(self.table.rhs_files), number), self.model.n_unknowns)

    def _solution(self, found: Evaluation, solution: Numbers) -> Row:
        """Return the relative error of the reduced solution, and its bound relative to the same norm."""
        answers = found.answers
        if answers is None or self._basis is None:
            return {}
        exact = self._size(solution)
        error = self._size(solution - self._basis @ answers.coordinates[0]) / exact
        return {"solution": error, "bound": float(answers.bound[0]) / exact}

    def _size(self, vector: Numbers) -> float:
        image = vector if self._norm is None else self._norm @ vector
        return float(np.sqrt(abs(np.vdot(vector, image))))

    def _functions(self, found: Evaluation, factor: LuFactor, number: int) -> Row:
        """Return the errors of log-determinant and inverse, with their bounds."""
        row: Row = {}
        if found.logdet is not None:
            row["logdet"] = abs(found.logdet.values[0] - factor.log_det) / abs(factor.log_det)
            if found.logdet.bound is not None:
                row["logdet_bound"] = float(found.logdet.bound[0] / abs(factor.log_det))
        if found.inverse is not None:
            of_rhs = self.model.inverse is not None and self.model.inverse.of_rhs
            exact = factor.solve(self._rhs(number)[:, None] if of_rhs else inverse_columns(self.inputs))
            row["inverse"] = _length(found.inverse.values[0] - exact) / _length(exact)
        return row


def _length(matrix: Matrix) -> float:
    """Return the Frobenius norm."""
    return float(np.linalg.norm(matrix.data if sparse.issparse(matrix) else matrix))


def read_validation(path: Path) -> Mapping[str, Any] | None:
    """Return what `validate` wrote into the folder of a model; None where it has not run."""
    found = path / VALIDATION_FILE
    return json.loads(found.read_text(encoding="utf-8")) if found.is_file() else None
