"""Inner products of discrete fields: each subdomain has one, the product of the body is their sum.

A field of a subdomain is a column of `(n_dofs, n_fields)`; the components of one node or point are
neighbours (`dof = n_components * node + component`). A product is a function that returns `M @ fields`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.errors import InputError
from romtool.linalg.reduction import Comm, ordered_sum

Floats = NDArray[np.float64]
Product = Callable[[Floats], Floats]

TENSOR_METRIC = (1.0, 1.0, 1.0, 2.0, 2.0, 2.0)
"""Full contraction of symmetric tensors (xx, yy, zz, xy, yz, zx): shear counts twice."""

BLOCK_COLUMNS = 16
"""Fields that a product is applied to at a time; bounds the memory of a Gram matrix."""


def nodal_product(matrix: Any) -> Product:
    """Return the product of a mass-like matrix, applied to each component of a field.

    Parameters
    ----------
    matrix: (n, n) symmetric array or scipy sparse matrix. With n = n_dofs it is used as it is; with n = n_nodes
        each of the n_dofs / n_nodes components is multiplied by it.

    Returns
    -------
    (n_dofs, n_fields) -> (n_dofs, n_fields).
    """
    n = matrix.shape[0]

    def apply(fields: Floats) -> Floats:
        if fields.shape[0] % max(n, 1):
            raise InputError(
                f"The inner product has {n} rows and the fields {fields.shape[0]}: expected a multiple. "
                "Give the matrix of the same nodes."
            )
        result: Floats = (matrix @ fields.reshape(n, -1)).reshape(fields.shape) if n else fields.copy()
        return result

    return apply


def point_product(weights: Floats, metric: Sequence[float] = (1.0,)) -> Product:
    """Return the weighted L2 product of fields at integration points, `Σ_k |w_k| Σ_c m_c a_c(k) b_c(k)`.

    The magnitude of the weights keeps it positive where a rule has negative ones (5-point tetrahedra).

    Parameters
    ----------
    weights: (n_points,) float [volume] integration weights.
    metric: (n_components,) factor of each component: `(1.0,)` for scalars, `TENSOR_METRIC` for tensors.

    Returns
    -------
    (n_points * n_components, n_fields) -> the same shape.
    """
    diagonal = np.outer(np.abs(weights), np.asarray(metric, dtype=np.float64)).reshape(-1, 1)
    return lambda fields: diagonal * fields


def as_product(inner: Any) -> Product:
    """Return `inner` itself if it is a function, else the `nodal_product` of that matrix."""
    return inner if callable(inner) else nodal_product(inner)


def gram(left: Sequence[Floats], right: Sequence[Floats], products: Sequence[Product], comm: Comm) -> Floats:
    """Return all inner products of two families of fields, `Σ_s left_sᵀ M_s right_s`.

    Parameters
    ----------
    left: (n_dofs_s, n_left) float per subdomain.
    right: (n_dofs_s, n_right) float per subdomain.
    products: one product per subdomain.
    comm: the ranks.

    Returns
    -------
    (n_left, n_right) float, the same bits for any number of ranks.
    """
    return ordered_sum(comm, [_cross_gram(*parts) for parts in zip(left, right, products, strict=True)])


def self_gram(fields: Sequence[Floats], products: Sequence[Product], comm: Comm) -> Floats:
    """Return the symmetric Gram matrix `Σ_s fields_sᵀ M_s fields_s` at half the cost of `gram`.

    Parameters
    ----------
    fields: (n_dofs_s, n_fields) float per subdomain.
    products: one symmetric product per subdomain.
    comm: the ranks.

    Returns
    -------
    (n_fields, n_fields) float.
    """
    upper = ordered_sum(comm, [_upper_gram(*parts) for parts in zip(fields, products, strict=True)])
    return np.triu(upper) + np.triu(upper, 1).T


def _cross_gram(left: Floats, right: Floats, product: Product) -> Floats:
    result = np.zeros((left.shape[1], right.shape[1]))
    for start in range(0, right.shape[1], BLOCK_COLUMNS):
        block = slice(start, start + BLOCK_COLUMNS)
        result[:, block] = left.T @ product(right[:, block])
    return result


def _upper_gram(fields: Floats, product: Product) -> Floats:
    n_fields = fields.shape[1]
    result = np.zeros((n_fields, n_fields))
    for start in range(0, n_fields, BLOCK_COLUMNS):
        stop = min(start + BLOCK_COLUMNS, n_fields)
        result[:stop, start:stop] = fields[:, :stop].T @ product(fields[:, start:stop])
    return result
