"""Full-order linear algebra behind one small interface: SciPy on one process (PETSc: `romtool.operators.petsc`).

Vectors are (n_rows, k) arrays of the rows that a rank owns; products of vectors are sums over all ranks.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, onenormest, splu

from romtool.errors import InputError
from romtool.linalg.eim import Numbers
from romtool.operators.matrices import Matrix, combine

Value = TypeVar("Value")
SINGULAR = 4.0 * float(np.finfo(np.float64).eps)
"""Pivots of this relative size, and inverses of conditions, are round-off."""


class Factor(Protocol):
    """A factorised matrix."""

    def solve(self, vectors: Numbers) -> Numbers:
        """Return `A⁻¹ v` for (n_rows, k) vectors."""
        ...

    def solve_adjoint(self, vectors: Numbers) -> Numbers:
        """Return `A⁻ᴴ v` for (n_rows, k) vectors."""
        ...


class Algebra(Protocol):
    """What the algorithms need of matrices and vectors of full order."""

    def matrix(self, matrix: Matrix) -> Any:
        """Return a matrix as the other methods take it."""
        ...

    def vectors(self, values: Numbers) -> Numbers:
        """Return the rows of this rank of (n_unknowns, k) values."""
        ...

    def whole(self, vectors: Numbers) -> Numbers:
        """Return all (n_unknowns, k) rows, on every rank."""
        ...

    def combine(self, terms: Sequence[Any], weights: Numbers) -> Any:
        """Return `Σ_m weights_m terms_m`."""
        ...

    def multiply(self, matrix: Any, vectors: Numbers) -> Numbers:
        """Return `A v` for (n_rows, k) vectors."""
        ...

    def multiply_adjoint(self, matrix: Any, vectors: Numbers) -> Numbers:
        """Return `Aᴴ v` for (n_rows, k) vectors."""
        ...

    def inner(self, left: Numbers, right: Numbers) -> Numbers:
        """Return the (…, k, l) Euclidean products `leftᴴ right` of (…, n_rows, k) and (…, n_rows, l) vectors."""
        ...

    def agreed(self, value: Value) -> Value:
        """Return what the first rank found, on every rank: no rank decides on round-off of its own."""
        ...

    def factorise(self, matrix: Any, what: str) -> Factor:
        """Return a factorisation; `what` names the matrix in errors. Raises InputError where it is singular."""
        ...


class ScipyAlgebra:
    """Dense matrices by LAPACK, sparse ones by SuperLU, on one process."""

    def matrix(self, matrix: Matrix) -> Matrix:
        """Return the matrix itself."""
        return matrix

    def vectors(self, values: Numbers) -> Numbers:
        """Return the values themselves."""
        return values

    def whole(self, vectors: Numbers) -> Numbers:
        """Return the vectors themselves."""
        return vectors

    def combine(self, terms: Sequence[Matrix], weights: Numbers) -> Matrix:
        """Return `Σ_m weights_m terms_m`."""
        return combine(terms, weights)

    def multiply(self, matrix: Matrix, vectors: Numbers) -> Numbers:
        """Return `A v`."""
        return np.asarray(matrix @ vectors)

    def multiply_adjoint(self, matrix: Matrix, vectors: Numbers) -> Numbers:
        """Return `Aᴴ v`."""
        return np.asarray((matrix.T @ vectors.conj()).conj())

    def inner(self, left: Numbers, right: Numbers) -> Numbers:
        """Return `leftᴴ right`."""
        return products(left, right)

    def agreed(self, value: Value) -> Value:
        """Return the value itself."""
        return value

    def factorise(self, matrix: Matrix, what: str) -> "LuFactor":
        """Return an LU factorisation. Raises InputError where the matrix is singular."""
        return LuFactor(matrix, what)


def products(left: Numbers, right: Numbers) -> Numbers:
    """Return `leftᴴ right` of the rows that are there; the smaller of the two is conjugated."""
    if left.size <= right.size:
        return np.asarray(left.conj().swapaxes(-1, -2) @ right)
    return np.asarray((left.swapaxes(-1, -2) @ right.conj()).conj())


class LuFactor:
    """LU factors of a dense or sparse matrix.

    Parameters
    ----------
    matrix: (n, n) array or sparse matrix.
    what: names it in errors.

    Raises
    ------
    InputError: it is singular.
    """

    def __init__(self, matrix: Matrix, what: str) -> None:
        self._complex = np.iscomplexobj(matrix)
        if sparse.issparse(matrix):
            self._sparse = _sparse_lu(matrix, what)
            pivots = np.abs(self._sparse.U.diagonal())
        else:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", linalg.LinAlgWarning
                )  # of an exact zero pivot, which is looked at below
                self._dense = linalg.lu_factor(matrix, check_finite=False)
            pivots = np.abs(np.diag(self._dense[0]))
        self._is_sparse = sparse.issparse(matrix)
        self.log_det = float(np.log(pivots).sum()) if pivots.all() else -np.inf
        """Logarithm of the magnitude of the determinant."""
        if not pivots.min() > SINGULAR * pivots.max():
            raise singular(what, f"its pivots range from {pivots.min():.3g} to {pivots.max():.3g}")

    def solve(self, vectors: Numbers) -> Numbers:
        """Return `A⁻¹ v`."""
        return self._solve(vectors, "N")

    def solve_adjoint(self, vectors: Numbers) -> Numbers:
        """Return `A⁻ᴴ v`."""
        return self._solve(vectors, "H")

    def _solve(self, vectors: Numbers, form: str) -> Numbers:
        if not self._is_sparse:
            return np.asarray(linalg.lu_solve(self._dense, vectors, trans=2 if form == "H" else 0, check_finite=False))
        if self._complex or not np.iscomplexobj(vectors):
            kind = np.complex128 if self._complex else np.float64
            return np.asarray(self._sparse.solve(np.ascontiguousarray(vectors, dtype=kind), trans=form))
        return self._solve(vectors.real, form) + 1j * self._solve(vectors.imag, form)


def _sparse_lu(matrix: Matrix, what: str) -> Any:
    try:
        return splu(sparse.csc_matrix(matrix))
    except RuntimeError as error:
        raise singular(what, str(error)) from error


def check_regular(matrix: Matrix, what: str) -> None:
    """Check that a matrix has an inverse: that its condition, rows and columns scaled, is not one of round-off.

    Condition in the one-norm by Hager's estimator (Higham 2002, 15), at the cost of some solutions.

    Parameters
    ----------
    matrix: (n, n) array or sparse matrix.
    what: names it in errors.

    Raises
    ------
    InputError: it has none.
    """
    factor = LuFactor(matrix, what)
    rows = 1.0 / _largest(matrix, 1)
    scaled = sparse.diags(rows) @ matrix
    columns = 1.0 / _largest(scaled, 0)
    norm = float((np.ravel(abs(scaled).sum(axis=0)) * columns).max())
    inverse = LinearOperator(
        matrix.shape,
        matvec=lambda v: factor.solve(np.reshape(v, (-1, 1)) / rows[:, None]) / columns[:, None],
        rmatvec=lambda v: factor.solve_adjoint(np.reshape(v, (-1, 1)) / columns[:, None]) / rows[:, None],
        dtype=matrix.dtype,
    )
    condition = norm * float(onenormest(inverse, t=1))
    if not condition < 1.0 / SINGULAR:
        raise singular(what, f"its condition is {condition:.3g}")


def _largest(matrix: Matrix, axis: int) -> Numbers:
    """Return the largest magnitude of each row (axis 1) or column (axis 0)."""
    found = abs(matrix).max(axis=axis)
    return np.ravel(found.toarray() if sparse.issparse(found) else found)


def check_definite(matrix: Matrix, what: str) -> None:
    """Check that a Hermitian matrix is positive definite, by the pivots of its symmetric factorisation.

    Its diagonal is scaled to one.

    Parameters
    ----------
    matrix: (n, n) array or sparse matrix.
    what: names it in errors.

    Raises
    ------
    InputError: it is not.
    """
    pivots = np.real(matrix.diagonal())
    if pivots.min() > 0.0:
        scales = sparse.diags(pivots**-0.5)
        scaled = scales @ matrix @ scales
        pivots = _sparse_pivots(scaled) if sparse.issparse(matrix) else _dense_pivots(scaled)
    if not pivots.min() > len(pivots) * SINGULAR * pivots.max():
        raise InputError(
            f"{what} is not positive definite (pivots {pivots.min():.3g} to {pivots.max():.3g}); expected a positive "
            "definite matrix, as coercive problems and log-determinants have: check what was exported there"
        )


def _dense_pivots(matrix: Matrix) -> Numbers:
    """Return the squares of the diagonal of Cholesky's factor, with the first that is not positive last."""
    factor, failed = linalg.lapack.get_lapack_funcs("potrf", (matrix,))(matrix, lower=True)
    return np.asarray(np.real(np.diag(factor))[: failed or None] ** (1.0 if failed else 2.0))


def _sparse_pivots(matrix: Matrix) -> Numbers:
    """Return the pivots of an LU factorisation on the diagonal, or a zero where there is none."""
    try:
        factor = splu(
            sparse.csc_matrix(matrix),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError:
        return np.zeros(1)
    on_diagonal = np.array_equal(factor.perm_r, factor.perm_c)
    return np.real(factor.U.diagonal()) if on_diagonal else np.zeros(1)


def singular(what: str, why: str) -> InputError:
    """Return the error for a singular matrix."""
    return InputError(f"{what} is singular ({why}); expected a matrix with an inverse: check what was exported there")
