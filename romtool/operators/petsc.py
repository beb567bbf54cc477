"""Full-order linear algebra through PETSc: matrices by rows over the ranks, MUMPS.

PETSc works with real numbers here. A complex matrix is the real one of twice the size in which each entry a + ib is the
block [[a, -b], [b, a]], so that a complex vector in memory is the real vector it is multiplied with; complex symmetric
and indefinite matrices need nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy import sparse

from romtool.errors import MissingPartError
from romtool.hifi.petsc_solver import load_petsc
from romtool.linalg.eim import Numbers
from romtool.linalg.reduction import Comm
from romtool.operators.algebra import Value, products, singular
from romtool.operators.matrices import Matrix, combine
from romtool.types import Floats


@dataclass(frozen=True)
class SharedMatrix:
    """The rows of a rank, and PETSc's matrix of the rows of all ranks.

    Parameters
    ----------
    own: (n_rows, n_unknowns) csr matrix, real or complex.
    shared: PETSc's matrix, real.
    given, found: PETSc's vectors for operations on one vector.
    """

    own: Matrix
    shared: Any
    given: Any
    found: Any

    def __del__(self) -> None:
        """Free what PETSc holds."""
        for part in (self.given, self.found, self.shared):
            part.destroy()

    def apply(self, operation: Callable[[Floats], Floats], vectors: Numbers) -> Numbers:
        """Apply an operation on (rows of `shared`, k) real vectors to (n_rows, k) vectors."""
        if np.iscomplexobj(self.own):
            doubled = np.ascontiguousarray(vectors.T, dtype=np.complex128).view(np.float64)
            return np.asarray(np.ascontiguousarray(operation(doubled.T).T).view(np.complex128).T)
        if np.iscomplexobj(vectors):
            found = operation(np.hstack((vectors.real, vectors.imag)))
            return np.asarray(found[:, : vectors.shape[1]] + 1j * found[:, vectors.shape[1] :])
        return operation(vectors)

    def by_column(self, operation: Callable[[Any, Any], None], vectors: Floats) -> Floats:
        """Apply an operation of PETSc on vectors to each column."""
        columns = []
        for column in vectors.T:
            self.given.setArray(column)
            operation(self.given, self.found)
            columns.append(np.real(self.found.getArray()).copy())
        return np.stack(columns, axis=1) if columns else np.zeros((len(vectors), 0))


class PetscAlgebra:
    """Rows are shared evenly, in order; products of vectors are sums over the ranks.

    Parameters
    ----------
    comm: the ranks, of mpi4py.
    n_unknowns: size of the matrices.

    Raises
    ------
    MissingPartError: no petsc4py.
    """

    def __init__(self, comm: Comm, n_unknowns: int) -> None:
        try:
            self._petsc = load_petsc()
        except ImportError as error:
            raise MissingPartError(
                "several ranks need PETSc for the matrices of operators; install petsc4py, or use one rank"
            ) from error
        self._comm, self.n_unknowns = cast(Any, comm), n_unknowns
        bounds = [n_unknowns * rank // comm.size for rank in range(comm.size + 1)]
        self._rows = slice(bounds[comm.rank], bounds[comm.rank + 1])

    def matrix(self, matrix: Matrix) -> SharedMatrix:
        """Return the shared matrix of a matrix that every rank has."""
        return self._share(_sparse_rows(matrix[self._rows]))

    def vectors(self, values: Numbers) -> Numbers:
        """Return the rows of this rank."""
        return values[self._rows]

    def whole(self, vectors: Numbers) -> Numbers:
        """Return all rows, on every rank."""
        return np.concatenate(self._comm.allgather(vectors))

    def combine(self, terms: Sequence[SharedMatrix], weights: Numbers) -> SharedMatrix:
        """Return `Σ_m weights_m terms_m` for terms of one pattern."""
        return self._share(combine([term.own for term in terms], weights))

    def multiply(self, matrix: SharedMatrix, vectors: Numbers) -> Numbers:
        """Return `A v`."""
        return matrix.apply(lambda given: matrix.by_column(matrix.shared.mult, given), vectors)

    def multiply_adjoint(self, matrix: SharedMatrix, vectors: Numbers) -> Numbers:
        """Return `Aᴴ v`."""
        return matrix.apply(lambda given: matrix.by_column(matrix.shared.multTranspose, given), vectors)

    def inner(self, left: Numbers, right: Numbers) -> Numbers:
        """Return `leftᴴ right`, added in the order of the ranks."""
        own = np.ascontiguousarray(products(left, right))
        parts = np.empty((self._comm.size, *own.shape), dtype=own.dtype)
        self._comm.Allgather(own, parts)
        return np.asarray(sum(parts[1:], parts[0]))

    def agreed(self, value: Value) -> Value:
        """Return what the first rank found."""
        return cast(Value, self._comm.bcast(value))

    def factorise(self, matrix: SharedMatrix, what: str) -> "MumpsFactor":
        """Return an LU factorisation by MUMPS. Raises InputError where the matrix is singular."""
        return MumpsFactor(self._petsc, matrix, what)

    def _share(self, own: Matrix) -> SharedMatrix:
        doubled = _doubled(own) if np.iscomplexobj(own) else own
        index = self._petsc.IntType
        parts = (doubled.indptr.astype(index), doubled.indices.astype(index), doubled.data)
        rows, size = doubled.shape
        shared = self._petsc.Mat().createAIJ(((rows, size), (rows, size)), csr=parts, comm=self._comm)
        return SharedMatrix(own, shared, *shared.createVecs())


def _sparse_rows(rows: Matrix) -> Matrix:
    """Return rows as a csr matrix; of a dense matrix with all entries, zeros too."""
    if sparse.issparse(rows):
        return rows
    count, size = rows.shape
    parts = (np.ravel(rows), np.tile(np.arange(size), count), size * np.arange(count + 1))
    return sparse.csr_matrix(parts, shape=rows.shape)


def _doubled(rows: Matrix) -> Matrix:
    """Return complex rows as real ones of blocks [[a, -b], [b, a]]."""
    real, imaginary = rows.data.real, rows.data.imag
    blocks = np.stack((real, -imaginary, imaginary, real), axis=1).reshape(-1, 2, 2)
    shape = (2 * rows.shape[0], 2 * rows.shape[1])
    return sparse.bsr_matrix((blocks, rows.indices, rows.indptr), shape=shape).tocsr()


class MumpsFactor:
    """LU factors on all ranks.

    Parameters
    ----------
    petsc: the module.
    matrix: of the algebra.
    what: names it in errors.

    Raises
    ------
    InputError: it is singular.
    """

    def __init__(self, petsc: Any, matrix: SharedMatrix, what: str) -> None:
        self._petsc, self._matrix = petsc, matrix
        self._solver = petsc.KSP().create(comm=matrix.shared.comm)
        self._solver.setOperators(matrix.shared)
        self._solver.setType(petsc.KSP.Type.PREONLY)
        preconditioner = self._solver.getPC()
        preconditioner.setType(petsc.PC.Type.LU)
        preconditioner.setFactorSolverType("mumps")
        try:
            self._solver.setUp()
        except petsc.Error as error:
            raise singular(what, f"MUMPS: error {error.ierr}") from error
        self._factor = preconditioner.getFactorMatrix()
        if self._factor.getMumpsInfog(1) < 0:
            raise singular(what, f"MUMPS: error {self._factor.getMumpsInfog(1)}")

    def solve(self, vectors: Numbers) -> Numbers:
        """Return `A⁻¹ v`, of all vectors at once."""
        return self._matrix.apply(self._solve_block, vectors)

    def solve_adjoint(self, vectors: Numbers) -> Numbers:
        """Return `A⁻ᴴ v`."""
        matrix = self._matrix
        return matrix.apply(lambda given: matrix.by_column(self._solver.solveTranspose, given), vectors)

    def _solve_block(self, vectors: Floats) -> Floats:
        rows, size = self._matrix.shared.getLocalSize()[0], self._matrix.shared.getSize()[0]
        count = vectors.shape[1]
        if not count:
            return np.zeros((rows, 0))
        sizes = ((rows, size), (None, count))
        given = self._petsc.Mat().createDense(sizes, array=np.asfortranarray(vectors), comm=self._matrix.shared.comm)
        found = self._petsc.Mat().createDense(sizes, comm=self._matrix.shared.comm)
        found.setUp()
        self._factor.matSolve(given, found)
        values = np.real(found.getDenseArray()).copy()
        given.destroy()
        found.destroy()
        return np.asarray(values)

    def __del__(self) -> None:
        """Free the factors."""
        if hasattr(self, "_solver"):
            self._solver.destroy()
