"""What `romtool operators` reads: a case with its exported matrices and vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.errors import ReaderError
from romtool.linalg.eim import Numbers
from romtool.linalg.reduction import Comm
from romtool.operators.algebra import check_definite, check_regular
from romtool.operators.case import OperatorCase, Selection, read_operator_case
from romtool.operators.coefficients import Coefficients
from romtool.operators.matrices import Matrix, MatrixFiles, asymmetry, read_columns, read_matrix, read_rows, read_vector
from romtool.pipeline.operator_lists import check_list, exported_paths, list_path
from romtool.pipeline.ranks import together

IN_MEMORY = 2e9
"""Bytes of exported files up to which all matrices of a representation are kept in memory."""
HERMITIAN = 1e-10
"""Relative asymmetry up to which a matrix is Hermitian."""


@dataclass(frozen=True)
class Inputs:
    """All that is read of a case before anything is computed.

    Parameters
    ----------
    case: the case.
    coefficients: β.
    terms: matrices, in memory or read when they are asked for.
    rhs_coefficients: γ, or None.
    rhs: (n, d_b) vectors; no column where the case has none.
    term_files: of the terms.
    files: all files that were read, for the digest.
    """

    case: OperatorCase
    coefficients: Coefficients
    terms: Sequence[Matrix]
    rhs_coefficients: Coefficients | None
    rhs: Numbers
    term_files: tuple[Path, ...]
    files: tuple[Path, ...]


def read_inputs(path: Path) -> Inputs:
    """Read a case and its exported matrices and vectors.

    Raises
    ------
    CaseError, InputError, ReaderError: wrong case, missing or misfitting files.
    """
    case = read_operator_case(path)
    coefficients, paths = _exported(case, case.operator)
    terms = _terms(paths, hermitian=_definite(case))
    rhs_coefficients, rhs, rhs_files = _rhs(case, terms[0].shape[0])
    return Inputs(case, coefficients, terms, rhs_coefficients, rhs, tuple(paths), (path, *paths, *rhs_files))


def _definite(case: OperatorCase) -> bool:
    """Tell whether the case needs Hermitian positive definite matrices."""
    return case.logdet is not None or (case.basis is not None and case.basis.problem == "coercive")


def check_terms(inputs: Inputs, comm: Comm) -> None:
    """Check by a factorisation of each exported matrix that it is what the case needs; ranks share the matrices.

    Raises
    ------
    InputError: one is singular, or not positive definite.
    """
    case, check = inputs.case, check_definite if _definite(inputs.case) else check_regular
    if case.basis is None and case.inverse is None and case.logdet is None:
        return

    def check_own() -> None:
        for m in range(comm.rank, len(inputs.terms), comm.size):
            label = case.domain.label(inputs.coefficients.parameters[m])
            check(inputs.terms[m], f"{inputs.term_files[m]}: A at {label}")

    together(comm, check_own)


def _exported(case: OperatorCase, selection: Selection) -> tuple[Coefficients, list[Path]]:
    """Return the coefficients of a selection and the files that were exported for it."""
    found = selection.coefficients()
    check_list(selection.files, case.domain.names, found.parameters)
    return found, exported_paths(selection.files, len(found.parameters))


def _terms(paths: Sequence[Path], *, hermitian: bool) -> Sequence[Matrix]:
    """Return the matrices of files, each looked at once."""
    files = MatrixFiles(paths)
    keep = sum(path.stat().st_size for path in paths if path.is_file()) <= IN_MEMORY
    kept = []
    for m in range(len(files)):
        matrix = files[m]
        if hermitian and asymmetry(matrix) > HERMITIAN:
            raise ReaderError(
                f"{paths[m]}: the matrix is not Hermitian (relative asymmetry {asymmetry(matrix):.1e}); expected one "
                'for a coercive problem or a log-determinant: export it again, or set problem = "general"'
            )
        kept += [matrix] if keep else []
    return kept or files


def _rhs(case: OperatorCase, n: int) -> tuple[Coefficients | None, Numbers, list[Path]]:
    """Return γ, the vectors and their files."""
    if case.rhs is None:
        return None, np.zeros((n, 0)), []
    if isinstance(case.rhs, Path):
        return None, _nonzero(case.rhs, read_vector(case.rhs, n)[:, None]), [case.rhs]
    found, paths = _exported(case, case.rhs)
    return found, _nonzero(list_path(case.rhs.files), np.stack([read_vector(path, n) for path in paths], axis=1)), paths


def _nonzero(path: Path, vectors: Numbers) -> Numbers:
    if not vectors.any():
        raise ReaderError(f"{path}: the right-hand side is zero throughout; export it again")
    return vectors


def inverse_columns(inputs: Inputs) -> Numbers:
    """Return the (n, k) columns that [inverse] applies A⁻¹ to. Raises ReaderError."""
    n = inputs.terms[0].shape[0]
    vectors = inputs.case.inverse.vectors if inputs.case.inverse is not None else "rhs"
    if vectors == "rhs":
        return inputs.rhs
    return np.eye(n) if vectors == "identity" else read_columns(inputs.case.beside(vectors), n)


def output_rows(inputs: Inputs) -> Numbers | None:
    """Return the (n_outputs, n) matrix L of [basis]; None where the case has none. Raises ReaderError."""
    basis = inputs.case.basis
    if basis is None or basis.outputs is None:
        return None
    return read_rows(inputs.case.beside(basis.outputs), inputs.terms[0].shape[0])


def norm_matrix(inputs: Inputs, reference: int) -> Matrix | None:
    """Return X of the norm of [basis], None for the Euclidean one. Raises ReaderError, InputError.

    Parameters
    ----------
    inputs: of a case with a basis.
    reference: number of the term nearest to the case's reference.
    """
    basis = inputs.case.basis
    kind = norm_kind(inputs.case)
    if basis is None or kind == "euclidean":
        return None
    if kind == "reference":
        return inputs.terms[reference]
    path = inputs.case.beside(kind)
    matrix = read_matrix(path)
    if matrix.shape != inputs.terms[0].shape or asymmetry(matrix) > HERMITIAN:
        raise ReaderError(
            f"{path}: a matrix of shape {matrix.shape} and asymmetry {asymmetry(matrix):.1e} for a norm; expected a "
            f"Hermitian one of shape {inputs.terms[0].shape}"
        )
    check_definite(matrix, f"{path}: the norm")
    return matrix


def norm_kind(case: OperatorCase) -> str:
    """Return "reference", "euclidean" or the path of a matrix."""
    if case.basis is None:
        return "reference"
    return case.basis.norm or ("reference" if case.basis.problem == "coercive" else "euclidean")
