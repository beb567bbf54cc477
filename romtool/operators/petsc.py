"""Full-order linear algebra through PETSc: matrices by rows over the ranks, MUMPS; real numbers."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from scipy import sparse

from romtool.errors import InputError, MissingPartError
from romtool.linalg.eim import Numbers
from romtool.linalg.reduction import Comm
from romtool.operators.algebra import singular
from romtool.operators.matrices import Matrix


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
            from petsc4py import PETSc
        except ImportError as error:
            raise MissingPartError(
                "several ranks need PETSc for the matrices of operators; install petsc4py, or use one rank"
            ) from error
        self._petsc, self._comm, self.n_unknowns = PETSc, comm, n_unknowns
        bounds = [n_unknowns * rank // comm.size for rank in range(comm.size + 1)]
        self._rows = slice(bounds[comm.rank], bounds[comm.rank + 1])

    def matrix(self, matrix: Matrix) -> Any:
        """Return the PETSc matrix of a matrix that every rank has. Raises InputError for complex numbers."""
        if np.iscomplexobj(matrix) and not np.issubdtype(self._petsc.ScalarType, np.complexfloating):
            raise InputError("complex matrices on several ranks need a PETSc of complex numbers; use one rank")
        own = sparse.csr_matrix(matrix[self._rows])
        rows = self._rows.stop - self._rows.start
        sizes = ((rows, self.n_unknowns), (rows, self.n_unknowns))
        parts = (own.indptr.astype(self._petsc.IntType), own.indices.astype(self._petsc.IntType), own.data)
        return self._petsc.Mat().createAIJ(sizes, csr=parts, comm=self._comm)

    def vectors(self, values: Numbers) -> Numbers:
        """Return the rows of this rank."""
        return values[self._rows]

    def whole(self, vectors: Numbers) -> Numbers:
        """Return all rows, on every rank."""
        return np.concatenate(self._comm.allgather(vectors))

    def combine(self, terms: Sequence[Any], weights: Numbers) -> Any:
        """Return `Σ_m weights_m terms_m` for terms of one pattern."""
        total = terms[0].copy()
        total.scale(weights[0])
        for weight, term in zip(weights[1:], terms[1:], strict=True):
            total.axpy(weight, term, structure=self._petsc.Mat.Structure.SAME_NONZERO_PATTERN)
        return total

    def multiply(self, matrix: Any, vectors: Numbers) -> Numbers:
        """Return `A v`."""
        return self._columns(matrix.mult, matrix, vectors)

    def multiply_adjoint(self, matrix: Any, vectors: Numbers) -> Numbers:
        """Return `Aᴴ v`."""
        return self._columns(matrix.multHermitian, matrix, vectors)

    def inner(self, left: Numbers, right: Numbers) -> Numbers:
        """Return `leftᴴ right`, added in the order of the ranks."""
        parts = self._comm.allgather(left.conj().T @ right)
        return cast(Numbers, sum(parts[1:], parts[0]))

    def factorise(self, matrix: Any, what: str) -> "MumpsFactor":
        """Return an LU factorisation by MUMPS. Raises InputError where the matrix is singular."""
        return MumpsFactor(self, matrix, what)

    def _columns(self, apply: Any, matrix: Any, vectors: Numbers) -> Numbers:
        """Apply an operation of PETSc to each column."""
        given, found = matrix.createVecs()
        columns = []
        for column in vectors.T:
            given.setArray(column)
            apply(given, found)
            columns.append(found.getArray().copy())
        given.destroy()
        found.destroy()
        return np.stack(columns, axis=1) if columns else np.zeros((len(vectors), 0))


class MumpsFactor:
    """LU factors on all ranks.

    Parameters
    ----------
    algebra: of the matrix.
    matrix: PETSc matrix.
    what: names it in errors.

    Raises
    ------
    InputError: it is singular.
    """

    def __init__(self, algebra: PetscAlgebra, matrix: Any, what: str) -> None:
        petsc = algebra._petsc
        self._algebra, self._matrix = algebra, matrix
        self._solver = petsc.KSP().create(comm=matrix.comm)
        self._solver.setOperators(matrix)
        self._solver.setType(petsc.KSP.Type.PREONLY)
        preconditioner = self._solver.getPC()
        preconditioner.setType(petsc.PC.Type.LU)
        preconditioner.setFactorSolverType("mumps")
        try:
            self._solver.setUp()
        except petsc.Error as error:
            raise singular(what, f"MUMPS: error {error.ierr}") from error
        factor = preconditioner.getFactorMatrix()
        if factor.getMumpsInfog(1) < 0:
            raise singular(what, f"MUMPS: error {factor.getMumpsInfog(1)}")

    def solve(self, vectors: Numbers) -> Numbers:
        """Return `A⁻¹ v`."""
        return self._algebra._columns(self._solver.solve, self._matrix, vectors)

    def solve_adjoint(self, vectors: Numbers) -> Numbers:
        """Return `A⁻ᴴ v`, of real matrices."""
        return self._algebra._columns(self._solver.solveTranspose, self._matrix, vectors)

    def __del__(self) -> None:
        """Free the factors."""
        if hasattr(self, "_solver"):
            self._solver.destroy()
