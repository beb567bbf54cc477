"""The norm of solutions, its dual norm of residuals, and orthonormal families in both."""

from typing import Any

import numpy as np

from romtool.linalg.eim import Numbers
from romtool.operators.algebra import Algebra

DEPENDENT = 1e-14
"""A vector whose part outside the others is shorter than this part of its length adds no direction but round-off."""


class Norm:
    """`‖v‖² = vᴴ X v` for vectors, `‖f‖² = fᴴ X⁻¹ f` for residuals.

    Parameters
    ----------
    algebra: of the vectors.
    matrix: `X`, Hermitian positive definite; None for the Euclidean norm.
    what: names it in errors.

    Raises
    ------
    InputError: a singular matrix.
    """

    def __init__(self, algebra: Algebra, matrix: Any = None, what: str = "the matrix of the norm") -> None:
        self.algebra = algebra
        self._matrix = matrix
        self._factor = None if matrix is None else algebra.factorise(matrix, what)

    def multiply(self, vectors: Numbers) -> Numbers:
        """Return `X v`."""
        return vectors if self._factor is None else self.algebra.multiply(self._matrix, vectors)

    def riesz(self, residuals: Numbers) -> Numbers:
        """Return `X⁻¹ f`."""
        return residuals if self._factor is None else self._factor.solve(residuals)

    def length(self, vectors: Numbers) -> Numbers:
        """Return the (k,) norms of (n_rows, k) vectors."""
        products = np.real(np.diag(self.algebra.inner(vectors, self.multiply(vectors))))
        return np.asarray(np.sqrt(np.maximum(products, 0.0)))

    def dual_length(self, residuals: Numbers) -> Numbers:
        """Return the (k,) dual norms of (n_rows, k) residuals."""
        products = np.real(np.diag(self.algebra.inner(residuals, self.riesz(residuals))))
        return np.asarray(np.sqrt(np.maximum(products, 0.0)))


class Family:
    """A growing orthonormal family of vectors, or of residuals in the dual norm.

    Gram-Schmidt twice ("twice is enough", Giraud et al. 2005), in a block against the members that are there, then
    one by one. Sums of the vectors that were given have their norms from coordinates in this family, without the
    cancellation of an expansion in products of those vectors (Casenave 2012; Buhr, Engwer, Ohlberger, Rave 2014).

    Parameters
    ----------
    norm: the norm.
    n_rows: of the vectors on this rank.
    dual: whether the family is of residuals.
    """

    def __init__(self, norm: Norm, n_rows: int, *, dual: bool = False) -> None:
        self._inner = norm.algebra.inner
        self._image = norm.riesz if dual else norm.multiply
        self.members: Numbers = np.zeros((n_rows, 0))
        self.images: Numbers = np.zeros((n_rows, 0))

    @property
    def size(self) -> int:
        """Return the number of members."""
        return int(self.members.shape[1])

    def extend(self, vectors: Numbers) -> Numbers:
        """Add (n_rows, k) vectors; return their (size, k) coordinates in the family as it is then.

        Of a vector at most the part `DEPENDENT` of its length is left out.
        """
        rest, coordinates = self._without(vectors, np.zeros((self.size, vectors.shape[1])))
        rest, coordinates = self._without(rest, coordinates)
        lengths = self._lengths(vectors)
        columns = [
            self._add(rest[:, i : i + 1], coordinates[:, i : i + 1], lengths[i]) for i in range(vectors.shape[1])
        ]
        return np.hstack([np.pad(column, ((0, self.size - len(column)), (0, 0))) for column in columns])

    def _lengths(self, vectors: Numbers) -> Numbers:
        products = np.diag(self._inner(vectors, self._image(vectors)))
        return np.asarray(np.sqrt(np.maximum(np.real(products), 0.0)))

    def _without(self, vectors: Numbers, coordinates: Numbers) -> tuple[Numbers, Numbers]:
        """Subtract from vectors their projection on the members; add its coordinates to those given."""
        step = self._inner(self.images, vectors)
        grown = np.pad(coordinates, ((0, self.size - len(coordinates)), (0, 0)))
        return vectors - self.members @ step, grown + step

    def _add(self, vector: Numbers, coordinates: Numbers, scale: float) -> Numbers:
        """Append one vector that is orthogonal to the members of old; return its coordinates."""
        for _ in range(2):
            vector, coordinates = self._without(vector, coordinates)
        image = self._image(vector)
        length = float(np.sqrt(abs(self._inner(vector, image)[0, 0])))
        if length <= DEPENDENT * scale:
            return coordinates
        self.members = np.hstack((self.members, vector / length))
        self.images = np.hstack((self.images, image / length))
        return np.vstack((coordinates, [[length]]))
