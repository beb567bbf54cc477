"""The linear solver of a serial computation: SciPy's SuperLU for matrices with a symmetric pattern.

METIS orders the unknowns where pymetis is installed (less than half the time of SuperLU's own minimum
degree at 15,000 unknowns); the ordering is kept as long as the pattern is.
"""

from typing import Any

import numpy as np
from scipy import sparse

from romtool.errors import ConvergenceError
from romtool.types import Floats, Ints

_OPTIONS = {"SymmetricMode": True, "Equil": False}


class SciPySolver:
    """A direct solver (see `romtool.protocols.LinearSolver`); scales the matrix to a unit diagonal."""

    def __init__(self) -> None:
        self._matrix: sparse.csr_matrix | None = None
        self._order: Ints | None = None
        self._scale: Floats = np.zeros(0)
        self._factors: Any = None

    def factorise(self, matrix: Any) -> None:
        """Take a new (n_dofs, n_dofs) CSR matrix; keep the factors where it equals the last one.

        Raises
        ------
        ConvergenceError: the matrix is singular.
        """
        same_pattern = self._matrix is not None and _same_pattern(self._matrix, matrix)
        if same_pattern and self._matrix is not None and np.array_equal(self._matrix.data, matrix.data):
            return
        if not same_pattern:
            self._order = _nested_dissection(matrix)
        self._matrix = None
        self._scale = _diagonal_scale(matrix)
        self._factors = _factorise(_scaled_transpose(matrix, self._scale, self._order), self._order is None)
        self._matrix = matrix

    def solve(self, right_hand_side: Floats) -> Floats:
        """Return the (n_dofs,) solution for the matrix of the last `factorise`."""
        scaled = self._scale * right_hand_side
        if self._order is None:
            return np.asarray(self._scale * self._factors.solve(scaled, trans="T"))
        result = np.empty_like(scaled)
        result[self._order] = self._factors.solve(scaled[self._order], trans="T")
        return self._scale * result


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
        return splu(matrix, permc_spec=order, diag_pivot_thresh=0.0, relax=60, panel_size=20, options=_OPTIONS)
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
    if hasattr(pymetis, "CSRAdjacency"):
        order, _ = pymetis.nested_dissection(pymetis.CSRAdjacency(starts, neighbours))
    else:
        order, _ = pymetis.nested_dissection(xadj=starts, adjncy=neighbours)
    return np.array(order, dtype=np.int64)
