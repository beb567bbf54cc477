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
from romtool.operators.inverses import Estimate
from romtool.operators.matrices import Matrix, combine, misfit, read_matrix, read_vector
from romtool.operators.model import Evaluation, OperatorModel, evaluate
from romtool.pipeline.operator_answers import seconds_of_one
from romtool.pipeline.operator_inputs import Inputs, inverse_columns, output_rows, read_inputs
from romtool.pipeline.operator_lists import exported_path, read_list
from romtool.pipeline.operator_models import read_basis, read_operator_model
from romtool.progress import Track, untracked
from romtool.types import Floats

VALIDATION_FILE = "validation.json"
STATED = {
    "solution": {"bound": "bound", "indicator": "indicator"},
    "logdet": {"bound": "logdet_bound", "indicator": "logdet_indicator"},
    "inverse": {"indicator": "inverse_indicator"},
    "inverse_energy": {"bound": "inverse_energy_bound"},
}
"""What answers state of their errors: error -> statement -> key of a row."""
Row = dict[str, Any]
Say = Callable[[str], None]


def validate(path: Path, case_path: Path, say: Say, track: Track = untracked) -> dict[str, Any]:
    """Compare a model with exported matrices; write `validation.json` into its folder, for the report.

    Parameters
    ----------
    path: model folder.
    case_path: the case file; its [validation] names the files.
    say: takes the errors at the 1st, 10th, 100th … and last parameter in words.
    track: begins to show how many parameters are done.

    Returns
    -------
    What `--json` prints: statistics of errors, bounds and seconds, and the values at each parameter.

    Raises
    ------
    CaseError, ReaderError: no [validation], or files that are missing or do not fit. ModelError: of another case.
    InputError: a singular matrix.
    """
    model = read_operator_model(path)
    if not path.is_dir():
        raise ModelError(f"{path}: is no folder; a validation needs the whole folder of the model")
    comparison = _Comparison(path, model, read_inputs(case_path))
    parameters = comparison.parameters()
    rows, total, tick = [], len(parameters), track("parameters")
    for number, parameter in enumerate(parameters, start=1):
        rows.append(comparison.row(number, parameter))
        words = ", ".join(f"{key} {rows[-1][key]:.2e}" for key in _told(rows[-1]))
        tick(number, total, words)
        if number == total or str(number).rstrip("0") == "1":
            say(f"{number} of {total}: {words}")
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
    return [key for key in ("representation", "solution", "outputs", "logdet", "inverse") if key in row]


def statistics(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the largest and median errors of all rows, and how what was stated of them compares with them."""
    found: dict[str, Any] = {}
    for key in ("representation", "solution", "outputs", "logdet", "inverse", "inverse_energy"):
        values = np.array([row[key] for row in rows if key in row])
        if len(values):
            found[key] = {"median": float(np.median(values)), "max": float(values.max())}
            for name, column in STATED.get(key, {}).items():
                if column in rows[0]:
                    found[key][name] = _coverage(np.array([row[column] for row in rows]), values)
    return found


def _coverage(stated: Floats, errors: Floats) -> dict[str, Any]:
    """Return how often what was stated is not below the error, and the effectivities."""
    ratios = stated / np.maximum(errors, np.finfo(np.float64).tiny)
    effectivity = {"min": float(ratios.min()), "median": float(np.median(ratios)), "max": float(ratios.max())}
    return {"covered": float(np.mean(stated >= errors)), "effectivity": effectivity}


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
        self._outputs: Numbers | None = None
        self._energy: tuple[Matrix, LuFactor] | None = None
        if model.system is not None:
            self._basis, self._norm = read_basis(path, model)
            self._outputs = output_rows(inputs)

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
        """Return the relative errors of solution and outputs; the bound is relative to the same norm."""
        answers, system = found.answers, self.model.system
        if answers is None or system is None or self._basis is None:
            return {}
        exact = self._size(solution)
        error = self._size(solution - self._basis @ answers.coordinates[0]) / exact
        row = {"solution": error, "bound" if system.coercive else "indicator": float(answers.bound[0]) / exact}
        if self._outputs is not None:
            row["outputs"] = _relative(self._outputs @ solution, answers.outputs[0])
        return row

    def _size(self, vector: Numbers) -> float:
        image = vector if self._norm is None else self._norm @ vector
        return float(np.sqrt(abs(np.vdot(vector, image))))

    def _functions(self, found: Evaluation, factor: LuFactor, number: int) -> Row:
        """Return the errors of log-determinant and inverse, with what the answers state of them."""
        row: Row = {}
        if found.logdet is not None:
            size = abs(factor.log_det)
            row["logdet"] = abs(found.logdet.values[0] - factor.log_det) / size
            row["logdet_indicator"] = float(found.logdet.indicator[0]) / size
            if found.logdet.bound is not None:
                row["logdet_bound"] = float(found.logdet.bound[0]) / size
        if found.inverse is not None and self.model.inverse is not None:
            columns = self._rhs(number)[:, None] if self.model.inverse.of_rhs else inverse_columns(self.inputs)
            exact = factor.solve(columns)
            row["inverse"] = _relative(exact, found.inverse.values[0])
            row["inverse_indicator"] = float(found.inverse.indicator[0])
            if found.inverse.bound is not None and self.model.inverse.rhs_coefficients is None:
                row |= self._inverse_energy(exact, found.inverse, columns)
        return row

    def _inverse_energy(self, exact: Numbers, found: Estimate, columns: Numbers) -> Row:
        """Return error and bound of the inverse in the norm of the bound: the energy norm of A at the reference."""
        if self._energy is None:
            place = np.all(self.model.coefficients.parameters == self.model.facts["reference"], axis=1)
            reference = self.inputs.terms[int(np.argmax(place))]
            self._energy = reference, LuFactor(reference, "A at the reference")
        matrix, factor = self._energy
        error = exact - found.values[0]
        size = np.sqrt(np.vdot(exact, matrix @ exact).real)
        given = np.sqrt(np.vdot(columns, factor.solve(columns)).real)
        bound = 0.0 if found.bound is None else float(found.bound[0])
        return {
            "inverse_energy": float(np.sqrt(abs(np.vdot(error, matrix @ error))) / size),
            "inverse_energy_bound": float(bound * given / size),
        }


def _relative(exact: Numbers, found: Numbers) -> float:
    """Return the distance relative to the exact values, in the Euclidean norm."""
    return float(np.linalg.norm(exact - found) / np.linalg.norm(exact))


def _length(matrix: Matrix) -> float:
    """Return the Frobenius norm."""
    return float(np.linalg.norm(matrix.data if sparse.issparse(matrix) else matrix))


def read_validation(path: Path) -> Mapping[str, Any] | None:
    """Return what `validate` wrote into the folder of a model; None where it has not run."""
    found = path / VALIDATION_FILE
    return json.loads(found.read_text(encoding="utf-8")) if found.is_file() else None
