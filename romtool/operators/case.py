"""Case files of `romtool operators`: what to build, from which files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.io.schema_operators import (
    COORDINATES,
    BasisTable,
    GridPoints,
    InverseTable,
    OperatorCaseFile,
    PowersTable,
    SourceTable,
    ValidationTable,
)
from romtool.io.validation import read_toml
from romtool.linalg.eim import Method, Numbers
from romtool.operators.coefficients import Coefficients, select
from romtool.operators.domain import Domain
from romtool.operators.functions import Entries, Functions, PluginFunctions, Source, load_plugin
from romtool.types import Floats


@dataclass(frozen=True)
class Selection:
    """How the parameters of one family of exported files are selected.

    Parameters
    ----------
    source: the functions, or sampled entries.
    training: (n, p) float parameters to select from.
    method, tolerance, max_terms: as for `interpolate`.
    files: pattern of the exported files.
    """

    source: Source
    training: Floats
    method: Method
    tolerance: float
    max_terms: int
    files: Path

    def coefficients(self) -> Coefficients:
        """Select the parameters. Raises InputError where the functions can not be used."""
        return select(
            self.source, self.training, tolerance=self.tolerance, max_terms=self.max_terms, method=self.method
        )


@dataclass(frozen=True)
class OperatorCase:
    """A case of parameter-dependent operators.

    Parameters
    ----------
    path: the file.
    name: of the case.
    domain: of the parameters.
    operator: the matrix.
    positive: whether the operator is a sum of positive semidefinite forms, each times one value of the functions.
    rhs: the right-hand side, or its file where it does not depend on the parameters, or None.
    basis, inverse, logdet, validation: tables of the file; None where it has none.
    """

    path: Path
    name: str
    domain: Domain
    operator: Selection
    positive: bool
    rhs: Selection | Path | None
    basis: BasisTable | None
    inverse: InverseTable | None
    logdet: PowersTable | None
    validation: ValidationTable | None

    def beside(self, path: str) -> Path:
        """Return a path of the case file, which is relative to it."""
        return self.path.parent / path

    def reference(self) -> Floats:
        """Return the (p,) reference of the basis: as given, else the middle of the ranges."""
        given = self.basis.reference if self.basis is not None else None
        if given is None:
            return self.domain.middle()
        found = np.array([given[name] for name in self.domain.names])
        self.domain.check(found[None])
        return found


def read_operator_case(path: Path) -> OperatorCase:
    """Read a case file and the tables of points and entries that it names.

    Raises
    ------
    CaseError: a file that can not be read, or a key that is wrong. MissingPartError: a plug-in that is not there.
    """
    file = read_toml(path, OperatorCaseFile, what="case file of operators")
    domain = Domain(
        names=tuple(entry.name for entry in file.parameters),
        lower=np.array([entry.range[0] for entry in file.parameters], dtype=np.float64),
        upper=np.array([entry.range[1] for entry in file.parameters], dtype=np.float64),
        samples=tuple(entry.samples for entry in file.parameters),
        spacing=tuple(entry.spacing for entry in file.parameters),
    )
    rhs: Selection | Path | None = None
    if file.rhs is not None:
        rhs = path.parent / file.rhs.file if file.rhs.file else _selection(path, file.rhs, file.rhs.files or "", domain)
    return OperatorCase(
        path=path,
        name=file.case.name,
        domain=domain,
        operator=_selection(path, file.operator, file.operator.files, domain),
        positive=file.operator.forms == "positive",
        rhs=rhs,
        basis=file.basis,
        inverse=file.inverse,
        logdet=file.logdet,
        validation=file.validation,
    )


def _selection(path: Path, table: SourceTable, files: str, domain: Domain) -> Selection:
    source, training = _source(path, table, domain)
    return Selection(source, training, table.method, table.tolerance, table.max_terms, path.parent / files)


def _source(path: Path, table: SourceTable, domain: Domain) -> tuple[Source, Floats]:
    """Return the source of the coefficients and the parameters to select from."""
    if table.entries is not None:
        entries = _read_entries(path.parent / table.entries, len(domain.names))
        domain.check(entries.parameters)
        return entries, entries.parameters
    points = _points(path, table)
    training = domain.training()
    if table.plugin is not None:
        n_functions = len(np.asarray(load_plugin(table.plugin)(training[:1], points[:1])))
        return PluginFunctions(table.plugin, points, n_functions), training
    return Functions(domain.names, tuple(table.functions or ()), points), training


def _points(path: Path, table: SourceTable) -> Floats:
    """Return the (n_points, dim) coordinates; one point at zero where there are none."""
    if table.points is None:
        return np.zeros((1, 1))
    if isinstance(table.points, GridPoints):
        axes = [getattr(table.points, name) for name in COORDINATES]
        lines = [np.linspace(axis[0], axis[1], int(axis[2])) for axis in axes if axis is not None]
        return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))
    return read_points(path.parent / table.points)


def read_points(path: Path) -> Floats:
    """Read a table of coordinates: text with one point per line (comma or space, one header line at most), or .npy.

    Raises
    ------
    CaseError: no such file, or not one to three columns of finite numbers.
    """
    try:
        points = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _read_text(path)
        points = np.asarray(points, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise CaseError(f"{path}: can not be read as points ({error}); expected columns x, y, z of numbers") from error
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or not 1 <= points.shape[1] <= 3 or not len(points) or not np.isfinite(points).all():
        raise CaseError(
            f"{path}: holds an array of shape {points.shape}; expected one to three columns of finite numbers"
        )
    return points


def _read_text(path: Path) -> Floats:
    lines = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
    header = 1 if lines and not _is_number(lines[0].split()[:1]) else 0
    return np.loadtxt(lines[header:], ndmin=2)


def _is_number(words: list[str]) -> bool:
    try:
        return bool(words) and float(words[0]) is not None
    except ValueError:
        return False


def _read_entries(path: Path, n_parameters: int) -> Entries:
    """Read sampled entries from an .npz file. Raises CaseError."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            found: Mapping[str, Any] = {key: archive[key] for key in ("parameters", "values")}
    except (OSError, ValueError, KeyError) as error:
        raise CaseError(f"{path}: can not be read ({error}); expected .npz with parameters and values") from error
    parameters, values = np.asarray(found["parameters"], dtype=np.float64), np.asarray(found["values"])
    parameters = parameters[:, None] if parameters.ndim == 1 else parameters
    if parameters.shape[1:] != (n_parameters,) or values.ndim != 2 or values.shape[1] != len(parameters):
        raise CaseError(
            f"{path}: parameters of shape {parameters.shape} and values of shape {values.shape}; expected "
            f"(n, {n_parameters}) and (n_entries, n)"
        )
    numbers: Numbers = values.astype(np.complex128 if np.iscomplexobj(values) else np.float64)
    return Entries(parameters, numbers)
