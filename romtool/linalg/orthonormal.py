"""Orthonormal families of distributed fields: extend, subtract projections, fix signs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from romtool.linalg.agreement import TIE, first_subdomain, on_root
from romtool.linalg.products import Product, gram, self_gram
from romtool.linalg.reduction import Comm, gather_subdomains

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK_ROWS = 8192
"""Rows that are updated at a time; bounds the memory of a subtraction."""

DEPENDENT = 0.1
"""A normalised field whose part outside the span of the others is shorter than this is dropped."""


def orthonormalise(
    fields: Sequence[Floats], against: Sequence[Floats], products: Sequence[Product], comm: Comm
) -> list[Floats]:
    """Return an orthonormal basis of normalised fields, orthogonal to a given orthonormal family.

    Block Gram-Schmidt twice ("twice is enough", Giraud et al. 2005), within the family by the eigenvectors of the
    small Gram matrix. Directions that lie in the span of the others up to round-off are dropped.

    Parameters
    ----------
    fields: (n_dofs_s, n_fields) float per subdomain, of norm near one; written over.
    against: (n_dofs_s, n_given) float per subdomain, orthonormal.
    products: one product per subdomain.
    comm: the ranks.

    Returns
    -------
    (n_dofs_s, n_kept) float per subdomain.
    """
    basis = list(fields)
    for _ in range(2):
        if against[0].shape[1]:
            coefficients = gram(against, basis, products, comm)
            basis = [subtract_span(part, span, coefficients, part) for part, span in zip(basis, against, strict=True)]
        transform = on_root(comm, _inverse_root, self_gram(basis, products, comm))
        basis = [combine(part, transform) for part in basis]
    return basis


def _inverse_root(family: Floats) -> Floats:
    values, vectors = np.linalg.eigh(family)
    kept = values >= DEPENDENT**2
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))


def combine(fields: Floats, transform: Floats) -> Floats:
    """Return `fields @ transform` in the place of the fields, without a second array of their size.

    Parameters
    ----------
    fields: (n_dofs, n_fields) float; written over.
    transform: (n_fields, n_kept) float, n_kept <= n_fields.
    """
    n_kept = transform.shape[1]
    for start in range(0, len(fields), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        fields[rows, :n_kept] = fields[rows] @ transform
    return fields[:, :n_kept]


def subtract_span(fields: Floats, modes: Floats, coefficients: Floats, out: Floats | None = None) -> Floats:
    """Return `fields - modes @ coefficients` without a second array of the size of the fields.

    Parameters
    ----------
    fields: (n_dofs, n_fields) float.
    modes: (n_dofs, n_modes) float.
    coefficients: (n_modes, n_fields) float.
    out: array that receives the result (may be `fields`); a new one by default.
    """
    result = np.empty_like(fields) if out is None else out
    for start in range(0, len(fields), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        np.subtract(fields[rows], modes[rows] @ coefficients, out=result[rows])
    return result


def mode_signs(modes: Sequence[Floats], dof_ids: Sequence[Ints] | None, comm: Comm) -> Floats:
    """Return the factors (+1 or -1) that make the largest component of each mode positive.

    Components within 1e-9 relative of the largest count as tied: the lowest id decides (theory, section 1).

    Parameters
    ----------
    modes: (n_dofs_s, n_modes) float per subdomain.
    dof_ids: (n_dofs_s,) int per subdomain, the same for copies of an unknown in several subdomains; by
        default the unknowns are counted through the subdomains.
    comm: the ranks.

    Returns
    -------
    (n_modes,) float.
    """
    ids = _running_ids(modes, comm) if dof_ids is None else dof_ids
    peaks = np.max(gather_subdomains(comm, [largest_components(part) for part in modes]), axis=0)
    found = gather_subdomains(comm, [_lowest_peaks(*parts, peaks) for parts in zip(modes, ids, strict=True)])
    lowest = np.argmin([candidate_ids for candidate_ids, _ in found], axis=0)
    signs = np.array([candidate_signs for _, candidate_signs in found])
    return np.asarray(signs[lowest, np.arange(signs.shape[1])])


def largest_components(fields: Floats) -> Floats:
    """Return the largest magnitude of each column of (n, n_fields), without a copy of the fields."""
    return np.maximum(fields.max(axis=0, initial=0.0), -fields.min(axis=0, initial=0.0))


def _running_ids(modes: Sequence[Floats], comm: Comm) -> list[Ints]:
    sizes = gather_subdomains(comm, [len(part) for part in modes])
    starts = np.concatenate(([0], np.cumsum(sizes)))
    first = first_subdomain(comm, len(modes))
    return [np.arange(len(part), dtype=np.int64) + starts[first + s] for s, part in enumerate(modes)]


def _lowest_peaks(modes: Floats, ids: Ints, peaks: Floats) -> tuple[Ints, Floats]:
    """Return, for each mode, the lowest id among the tied largest components and its sign."""
    limits = peaks * (1.0 - TIE)
    starts = range(0, len(modes), BLOCK_ROWS)
    found = [
        np.argwhere(np.abs(modes[start : start + BLOCK_ROWS]) >= limits) + np.array([start, 0]) for start in starts
    ]
    rows, columns = np.concatenate([np.zeros((0, 2), dtype=np.int64), *found]).T
    order = np.lexsort((ids[rows], columns))
    held, first = np.unique(columns[order], return_index=True)
    rows = rows[order][first]
    lowest, signs = np.full(modes.shape[1], np.iinfo(np.int64).max), np.ones(modes.shape[1])
    lowest[held], signs[held] = ids[rows], np.where(modes[rows, held] < 0.0, -1.0, 1.0)
    return lowest, signs
