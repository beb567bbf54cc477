"""The norm of solutions, its dual norm of residuals, and orthonormal families in both."""

from typing import Any

import numpy as np
from scipy import linalg

from romtool.errors import AccuracyError
from romtool.linalg.eim import Ints, Numbers
from romtool.operators.algebra import Algebra

DEPENDENT = 1e-14
"""Parts of vectors outside the others that are shorter than this part of the longest add no direction but round-off."""
SPAN = 1e-5
"""Vectors of one pass differ in length by no more: their products resolve the root of machine precision."""


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

    Vectors are orthonormalised a block at a time: Gram-Schmidt against the members, and Cholesky's factors of products
    within the block (twice each, "twice is enough": Giraud et al. 2005; Yamamoto et al. 2015), by pivots so that what
    is small beside the rest of its block waits for the next pass. Sums of the vectors that were given have their norms
    from coordinates in this family, without the cancellation of an expansion in products of those vectors (Casenave
    2012; Buhr, Engwer, Ohlberger, Rave 2014).

    Parameters
    ----------
    norm: the norm.
    n_rows: of the vectors on this rank.
    dual: whether the family is of residuals.
    """

    def __init__(self, norm: Norm, n_rows: int, *, dual: bool = False) -> None:
        self._algebra = norm.algebra
        self._image = norm.riesz if dual else norm.multiply
        self.members: Numbers = np.zeros((n_rows, 0))
        self.images: Numbers = np.zeros((n_rows, 0))

    @property
    def size(self) -> int:
        """Return the number of members."""
        return int(self.members.shape[1])

    def extend(self, vectors: Numbers) -> Numbers:
        """Add (n_rows, k) vectors; return their (size, k) coordinates in the family as it is then.

        What is left out of a vector is at most the part `DEPENDENT` of the longest.
        """
        products = np.real(np.diag(self._algebra.inner(vectors, self._image(vectors))))
        least = DEPENDENT**2 * float(products.max(initial=0.0))
        rest, coordinates = self._without(vectors, np.zeros((self.size, vectors.shape[1])))
        others = np.arange(vectors.shape[1])
        while others.size and (chosen := self._add(rest[:, others], least)).size:
            rest, coordinates = self._without(rest, coordinates)
            others = np.delete(others, chosen)  # a vector adds one direction, no second one of its round-off
        return coordinates

    def _without(self, vectors: Numbers, coordinates: Numbers) -> tuple[Numbers, Numbers]:
        """Subtract from vectors their projection on the members; add its coordinates to those given."""
        step = self._algebra.inner(self.images, vectors)
        grown = np.pad(coordinates, ((0, self.size - len(coordinates)), (0, 0)))
        return vectors - self.members @ step, grown + step

    def _add(self, rest: Numbers, least: float) -> Ints:
        """Append members from some of the vectors, which are orthogonal to those that are there; return which."""
        chosen, upper = self._independent(self._algebra.inner(rest, self._image(rest)), least)
        if chosen.size:
            found, _ = self._without(_divided(rest[:, chosen], upper), np.zeros((self.size, len(chosen))))
            image = self._image(found)
            upper = _cholesky(self._algebra.inner(found, image))
            self.members = np.hstack((self.members, _divided(found, upper)))
            self.images = np.hstack((self.images, _divided(image, upper)))
        return chosen

    def _independent(self, products: Numbers, least: float) -> tuple[Ints, Numbers]:
        """Return the columns that (k, k) products show to be well independent, and Cholesky's factor of theirs."""
        largest = float(np.real(np.diag(products)).max(initial=0.0))
        factorise = linalg.lapack.get_lapack_funcs("pstrf", (products,))
        upper, order, rank, _ = factorise(products, tol=max(least, SPAN**2 * largest))
        rank = rank if largest > least else 0  # LAPACK takes the first pivot as it is
        return self._algebra.agreed((order[:rank] - 1, np.triu(upper[:rank, :rank])))


def _cholesky(products: Numbers) -> Numbers:
    """Return `R` of `RᴴR`, products of vectors that are nearly orthonormal. Raises AccuracyError where they are not."""
    try:
        return np.asarray(linalg.cholesky(products))
    except linalg.LinAlgError as error:
        raise AccuracyError(
            "vectors can not be made orthonormal: the matrix of the norm is positive definite only but for round-off; "
            "give another norm or reference"
        ) from error


def _divided(vectors: Numbers, upper: Numbers) -> Numbers:
    """Return `V R⁻¹`."""
    return np.asarray(linalg.solve_triangular(upper, vectors.T, trans="T", check_finite=False).T)
