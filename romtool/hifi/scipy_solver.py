"""The linear solver where PETSc is absent, on one rank: SciPy's SuperLU for matrices with a symmetric pattern.

METIS orders the unknowns where pymetis is installed (less than half the time of SuperLU's own minimum
degree at 15,000 unknowns); the ordering is kept as long as the pattern is. The factors of an earlier matrix
precondition GMRES for the next ones, and are renewed when that takes too many iterations: at 15,000 unknowns
a factorisation costs as much as 80 solutions.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from romtool.errors import ConvergenceError
from romtool.fem.assembly import assemble_tangent, build_pattern
from romtool.hifi.problem import HifiProblem
from romtool.protocols import SolverMemory
from romtool.types import Floats, Ints

_OPTIONS = {"SymmetricMode": True, "Equil": False}
_MAX_ITERATIONS = 25

Result = TypeVar("Result")


class SciPySolver:
    """See `romtool.protocols.LinearSolver`."""

    def __init__(self, problem: HifiProblem) -> None:
        elimination = problem.elimination
        self._pattern = build_pattern(problem.operators)
        self._columns = elimination.matrix[:, elimination.free.ravel()]
        self._rows = self._columns.T.tocsr()
        self._factors = KeptFactors()
        self._last: Floats = np.zeros(0)
        self._behind: Floats | None = None

    def assemble(self, tangent: Floats) -> None:
        """Take new (n_points, 6, 6) moduli. Raises ConvergenceError where the matrix is singular."""
        matrix = (self._rows @ assemble_tangent(self._pattern, tangent) @ self._columns).tocsr()
        matrix.sort_indices()
        self._last = tangent
        self._noted(lambda: self._factors.factorise(matrix))

    def solve(self, force: Floats, accuracy: float) -> Floats:
        """Return the (n_nodes, 3) displacement. Raises ConvergenceError where the matrix is singular."""
        unknown = self._noted(lambda: self._factors.solve(self._rows @ force.ravel(), accuracy))
        return np.asarray(self._columns @ unknown).reshape(-1, 3)

    def _noted(self, work: Callable[[], Result]) -> Result:
        """Return what some work gives; keep the moduli where the factors are renewed."""
        count = self._factors.n_factorisations
        result = work()
        if self._factors.n_factorisations > count:
            self._behind = self._last.copy()
        return result

    def memory(self) -> SolverMemory | None:
        """Return the moduli behind the factors; None where there are no factors."""
        return None if self._behind is None else SolverMemory(self._behind, self._factors.fresh)

    def remember(self, memory: SolverMemory) -> None:
        """Factorise the matrix of a memory. Raises ConvergenceError."""
        self.assemble(memory.tangent)
        self._factors.fresh = memory.fresh

    def close(self) -> None:
        """Drop the factors."""
        self._factors = KeptFactors()


class KeptFactors:
    """Solves with a matrix by its own factors or those of an earlier one; scales it to a unit diagonal.

    Solutions with fresh factors have a relative residual of round-off.
    """

    def __init__(self) -> None:
        self.n_factorisations = 0
        self._matrix: sparse.csr_matrix | None = None
        self.fresh = False
        self._order: Ints | None = None
        self._scale: Floats = np.zeros(0)
        self._factors: Any = None

    def factorise(self, matrix: Any) -> None:
        """Take a new (n_dofs, n_dofs) CSR matrix; factors that still serve are kept.

        Raises
        ------
        ConvergenceError: the matrix is singular.
        """
        last, self._matrix = self._matrix, matrix
        if last is None or not _same_pattern(last, matrix):
            self._order = _nested_dissection(matrix)
            self._renew()
        else:
            self.fresh = self.fresh and np.array_equal(last.data, matrix.data)

    def solve(self, right_hand_side: Floats, accuracy: float = 1e-8) -> Floats:
        """Return the (n_dofs,) solution for the matrix of the last `factorise`, its relative residual <= `accuracy`.

        Raises
        ------
        ConvergenceError: the matrix is singular.
        """
        if not self.fresh:
            solution = _gmres(self._matrix, self._apply, right_hand_side, accuracy)
            if solution is not None:
                return solution
            self._renew()
        return self._apply(right_hand_side)

    def _renew(self) -> None:
        """Factorise the present matrix."""
        matrix, self._factors, self.fresh = self._matrix, None, False
        self._scale = _diagonal_scale(matrix)
        try:
            self._factors = _factorise(_scaled_transpose(matrix, self._scale, self._order), self._order is None)
        except ConvergenceError:
            self._matrix = None
            raise
        self.fresh = True
        self.n_factorisations += 1

    def _apply(self, right_hand_side: Floats) -> Floats:
        """Solve with the factors, whatever matrix they are of."""
        scaled = self._scale * right_hand_side
        if self._order is None:
            return np.asarray(self._scale * self._factors.solve(scaled, trans="T"))
        result = np.empty_like(scaled)
        result[self._order] = self._factors.solve(scaled[self._order], trans="T")
        return self._scale * result


def _gmres(matrix: Any, precondition: Callable[[Floats], Floats], right: Floats, accuracy: float) -> Floats | None:
    """Solve by right-preconditioned GMRES; return None where it takes too many iterations.

    Parameters
    ----------
    matrix: (n, n) CSR.
    precondition: an approximate inverse.
    right: (n,) float.
    accuracy: largest relative residual.

    Returns
    -------
    (n,) float or None (Saad & Schultz, SIAM J. Sci. Stat. Comput. 1986).
    """
    norm = float(np.linalg.norm(right))
    if norm == 0.0:
        return np.zeros_like(right)
    basis, directions = [right / norm], []
    hessenberg = np.zeros((_MAX_ITERATIONS + 1, _MAX_ITERATIONS))
    first = np.zeros(_MAX_ITERATIONS + 1)
    first[0] = norm
    for k in range(_MAX_ITERATIONS):
        directions.append(precondition(basis[k]))
        image = matrix @ directions[k]
        for i, vector in enumerate(basis):
            hessenberg[i, k] = image @ vector
            image -= hessenberg[i, k] * vector
        hessenberg[k + 1, k] = np.linalg.norm(image)
        part = hessenberg[: k + 2, : k + 1]
        if not np.isfinite(part).all():
            return None
        weights = np.linalg.lstsq(part, first[: k + 2], rcond=None)[0]
        if np.linalg.norm(part @ weights - first[: k + 2]) <= accuracy * norm:
            return np.asarray(sum(w * d for w, d in zip(weights, directions, strict=True)))
        basis.append(image / hessenberg[k + 1, k])
    return None


def _same_pattern(first: sparse.csr_matrix, second: sparse.csr_matrix) -> bool:
    """Tell whether two CSR matrices have their entries at the same places."""
    return np.array_equal(first.indptr, second.indptr) and np.array_equal(first.indices, second.indices)


def _diagonal_scale(matrix: sparse.csr_matrix) -> Floats:
    """Return 1 / sqrt|diagonal|, 1 where the diagonal is zero."""
    diagonal = np.abs(matrix.diagonal())
    return np.asarray(1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)))


def _scaled_transpose(matrix: sparse.csr_matrix, scale: Floats, order: Ints | None) -> sparse.csc_matrix:
    """Return the transpose of the scaled, reordered matrix: the CSR arrays read as CSC."""
    rows = np.repeat(scale, np.diff(matrix.indptr))
    data = matrix.data * rows * scale[matrix.indices]
    scaled = sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    if order is not None:
        scaled = scaled[order][:, order]
        scaled.sort_indices()
    indices, indptr = scaled.indices.astype(np.int32), scaled.indptr.astype(np.int32)
    return sparse.csc_matrix((scaled.data, indices, indptr), shape=scaled.shape)


def _factorise(matrix: sparse.csc_matrix, choose_order: bool) -> Any:
    """Return SuperLU's factors without pivoting away from the diagonal."""
    from scipy.sparse.linalg import splu

    order = "MMD_AT_PLUS_A" if choose_order else "NATURAL"
    try:
        return splu(matrix, permc_spec=order, diag_pivot_thresh=0.0, options=_OPTIONS)
    except RuntimeError as error:
        raise ConvergenceError(
            f"the tangent matrix of {matrix.shape[0]} unknowns is singular; check that the supports hold every "
            "part of the structure and that no material has lost its stiffness"
        ) from error


def _nested_dissection(matrix: sparse.csr_matrix) -> Ints | None:
    """Return METIS' fill-reducing order of the unknowns, or None where pymetis is absent."""
    try:
        import pymetis
    except ImportError:
        return None
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    off_diagonal = rows != matrix.indices
    starts = np.concatenate([[0], np.cumsum(off_diagonal)])[matrix.indptr]
    neighbours = matrix.indices[off_diagonal]
    order, _ = pymetis.nested_dissection(pymetis.CSRAdjacency(starts, neighbours))
    return np.array(order, dtype=np.int64)
