"""Proper orthogonal decomposition of distributed snapshots (theory, section 3).

The method of snapshots loses everything below 1e-8 of the largest singular value, since the Gram matrix
squares it. Here each pass keeps only what its Gram matrix resolves, subtracts that from the snapshots and
decomposes the remainder; a last rotation by the SVD of the coefficients makes the modes optimal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.errors import AccuracyError, InputError
from romtool.linalg.agreement import all_finite, first_subdomain, on_root, raise_together
from romtool.linalg.orthonormal import combine, mode_signs, orthonormalise, subtract_span
from romtool.linalg.products import Product, as_product, gram, self_gram
from romtool.linalg.reduction import Comm, gather_subdomains

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESOLVED = 1e-6
"""Singular values that a pass keeps, relative to its largest."""

ROUND_OFF = 16 * np.finfo(np.float64).eps
"""Relative norm of a remainder that is only round-off of the snapshots."""

MAX_PASSES = 4
ORTHONORMALITY = 1e-12


@dataclass(frozen=True)
class Pod:
    """Orthonormal modes of a set of snapshots.

    Parameters
    ----------
    modes: (n_dofs_s, n_modes) float per subdomain of this rank.
    singular_values: (n_computed,) float, descending; the first n_modes belong to the modes.
    truncation_error: `sqrt(Σ_{n > n_modes} λ_n / Σ_n λ_n)`.
    orthonormality: `max |Ψᵀ M Ψ - I|`.
    coefficients: (n_modes, n_snapshots) float `Ψᵀ M snapshots`.
    remainders: (n_snapshots,) float, the norm of each snapshot minus its projection on the modes.
    """

    modes: tuple[Floats, ...]
    singular_values: Floats
    truncation_error: float
    orthonormality: float
    coefficients: Floats
    remainders: Floats

    @property
    def n_modes(self) -> int:
        """Return the number of modes."""
        return len(self.coefficients)

    @property
    def largest_norm(self) -> float:
        """Return the largest norm of the snapshots."""
        return float(np.sqrt(np.sum(self.coefficients**2, axis=0) + self.remainders**2).max(initial=0.0))


@dataclass(frozen=True)
class _Span:
    """An orthonormal family that contains the snapshots up to remainders of known energies, (n_snapshots,)."""

    modes: list[Floats]
    total: float
    remainders: Floats


def pod(
    snapshots: Sequence[Floats],
    inner: Sequence[Any],
    comm: Comm,
    *,
    tolerance: float,
    max_modes: int | None = None,
    dof_ids: Sequence[Ints] | None = None,
) -> Pod:
    """Return the fewest modes whose truncation error is at most the tolerance.

    Deflated method of snapshots (Sirovich 1987; theory, eq. (3.2)), accurate down to round-off of the snapshots. The
    sign of a mode makes its component of largest magnitude positive.

    Parameters
    ----------
    snapshots: (n_dofs_s, n_snapshots) float per subdomain of this rank; not changed. A copy is made only where
        the tolerance asks for more than one pass.
    inner: per subdomain a function `fields -> M_s fields` (`point_product`) or a matrix (`nodal_product`), the
        subdomain's share of the inner product.
    comm: the ranks.
    tolerance: largest allowed `sqrt(Σ_{n>N} λ_n / Σ λ_n)`; 0 keeps all above round-off.
    max_modes: largest number of modes; may stop above the tolerance (see `truncation_error`).
    dof_ids: (n_dofs_s,) int per subdomain, the id that breaks ties of the sign rule.

    Raises
    ------
    InputError: snapshots that are not finite, all zero, or of different shapes.
    AccuracyError: modes that are not orthonormal to 1e-12.
    """
    _check(snapshots, inner, comm, tolerance, max_modes)
    products = [as_product(matrix) for matrix in inner]
    span = _resolve(snapshots, products, comm, tolerance)
    coefficients = gram(span.modes, snapshots, products, comm)
    rotation, values = on_root(comm, _left_singular, coefficients)
    beyond = float(span.remainders.sum())
    n_modes = min(_count(values**2, beyond, tolerance**2 * span.total), max_modes or len(values))
    modes = [combine(part, rotation[:, :n_modes]) for part in span.modes]
    signs = mode_signs(modes, dof_ids, comm)
    for part in modes:
        part *= signs
    error = float(np.sqrt((np.sum(values[n_modes:] ** 2) + beyond) / span.total))
    rotated = rotation.T @ coefficients
    remainders = np.sqrt(span.remainders + np.sum(rotated[n_modes:] ** 2, axis=0))
    orthonormality = _orthonormality(modes, products, comm)
    return Pod(tuple(modes), values, error, orthonormality, signs[:, None] * rotated[:n_modes], remainders)


def extend(basis: Pod, fields: Sequence[Floats], inner: Sequence[Any], comm: Comm, *, tolerance: float) -> Pod:
    """Return a basis with one more snapshot, and one more mode if that is not in the span of the others.

    The modes that are there stay as they are, so that earlier coefficients remain true, with a zero behind.

    Parameters
    ----------
    basis: modes, coefficients and remainders of the earlier snapshots.
    fields: (n_dofs_s,) float per subdomain, the new snapshot.
    inner: one product or matrix per subdomain, the one of the modes.
    comm: the ranks.
    tolerance: remainder of the snapshot, relative to the largest norm of all snapshots, below which no mode is added.

    Raises
    ------
    InputError: a snapshot that is not finite.
    """
    products = [as_product(matrix) for matrix in inner]
    rest = [np.array(field, dtype=np.float64).reshape(-1, 1) for field in fields]
    with np.errstate(over="ignore", invalid="ignore"):  # found by the check of the total
        energy = _checked_total(float(self_gram(rest, products, comm)[0, 0]), least=basis.largest_norm**2)
    inside = gram(basis.modes, rest, products, comm)[:, 0]
    rest = _deflate(rest, list(basis.modes), products, comm, in_place=True)
    length = float(np.sqrt(max(float(self_gram(rest, products, comm)[0, 0]), 0.0)))
    modes, column, remainder = basis.modes, inside, length
    coefficients = basis.coefficients
    if length > tolerance * np.sqrt(energy):
        modes = tuple(np.hstack([psi, part / length]) for psi, part in zip(modes, rest, strict=True))
        column, remainder = np.append(inside, length), 0.0
        coefficients = np.vstack([coefficients, np.zeros((1, coefficients.shape[1]))])
    coefficients = np.column_stack([coefficients, column])
    return Pod(
        modes=modes,
        singular_values=on_root(comm, _singular_values, coefficients),
        truncation_error=basis.truncation_error,
        orthonormality=_orthonormality(modes, products, comm),
        coefficients=coefficients,
        remainders=np.append(basis.remainders, remainder),
    )


def _singular_values(matrix: Floats) -> Floats:
    return np.linalg.svd(matrix, compute_uv=False)


def project(modes: Sequence[Floats], fields: Sequence[Floats], inner: Sequence[Any], comm: Comm) -> Floats:
    """Return the coefficients `Ψᵀ M fields` of the best approximation in the span of orthonormal modes.

    Parameters
    ----------
    modes: (n_dofs_s, n_modes) float per subdomain.
    fields: (n_dofs_s, n_fields) float per subdomain.
    inner: one product or matrix per subdomain, the one of the modes.
    comm: the ranks.

    Returns
    -------
    (n_modes, n_fields) float.
    """
    return gram(modes, fields, [as_product(matrix) for matrix in inner], comm)


def _resolve(snapshots: Sequence[Floats], products: Sequence[Product], comm: Comm, tolerance: float) -> _Span:
    """Collect modes pass by pass until the rest of the snapshots is within the tolerance, or round-off."""
    modes = [np.zeros((len(part), 0)) for part in snapshots]
    rest, total = list(snapshots), 0.0
    for n_pass in range(MAX_PASSES):
        with np.errstate(over="ignore", invalid="ignore"):  # found by the check of the total
            correlation = self_gram(rest, products, comm)
        energy = float(np.trace(correlation))
        total = total or _checked_total(energy)
        if energy <= ROUND_OFF**2 * total:
            return _Span(modes, total, np.maximum(np.diag(correlation), 0.0))
        values, vectors = on_root(comm, _descending, correlation)
        needed = _count(values, 0.0, tolerance**2 * total)
        n_kept = min(needed, int(np.count_nonzero(values >= RESOLVED**2 * values[0])))
        scaled = vectors[:, :n_kept] / np.sqrt(values[:n_kept])
        fresh = orthonormalise([part @ scaled for part in rest], modes, products, comm)
        modes = [np.hstack(parts) for parts in zip(modes, fresh, strict=True)] if n_pass else fresh
        if n_kept == needed:
            return _Span(modes, total, vectors[:, n_kept:] ** 2 @ values[n_kept:])
        rest = _deflate(rest, modes, products, comm, in_place=n_pass > 0)
    return _Span(modes, total, np.maximum(np.diag(self_gram(rest, products, comm)), 0.0))


def _deflate(
    rest: list[Floats], modes: list[Floats], products: Sequence[Product], comm: Comm, *, in_place: bool
) -> list[Floats]:
    """Subtract the projection on the modes, twice, since the first leaves round-off of the first singular value."""
    for _ in range(2):
        coefficients = gram(modes, rest, products, comm)
        rest = [
            subtract_span(part, span, coefficients, part if in_place else None)
            for part, span in zip(rest, modes, strict=True)
        ]
        in_place = True
    return rest


def _descending(correlation: Floats) -> tuple[Floats, Floats]:
    values, vectors = np.linalg.eigh(correlation)
    return np.maximum(values[::-1], 0.0), np.ascontiguousarray(vectors[:, ::-1])


def _left_singular(coefficients: Floats) -> tuple[Floats, Floats]:
    rotation, values, _ = np.linalg.svd(coefficients, full_matrices=False)
    return rotation, values


def _count(energies: Floats, beyond: float, allowed: float) -> int:
    """Return the smallest N with `Σ_{n>N} energies + beyond <= allowed`, at least one."""
    tails = np.append(np.cumsum(energies[::-1])[::-1], 0.0) + beyond
    within = np.flatnonzero(tails <= allowed)
    return max(int(within[0]) if len(within) else len(energies), 1)


def _orthonormality(modes: Sequence[Floats], products: Sequence[Product], comm: Comm) -> float:
    family = self_gram(modes, products, comm)
    error = float(np.abs(family - np.eye(len(family))).max())
    if not error <= ORTHONORMALITY:
        raise AccuracyError(
            f"The modes are orthonormal to {error:.1e} only; expected {ORTHONORMALITY:.0e}. Check that the inner "
            "product is symmetric and positive definite, or ask for a larger tolerance."
        )
    return error


def _checked_total(energy: float, least: float = 0.0) -> float:
    """Return the sum of squares of snapshots, or `least` where that is larger; both may not be zero."""
    if not np.isfinite(energy):
        raise InputError(
            "The norms of the snapshots overflow: expected values whose squares are finite. Check the units."
        )
    if max(energy, least) <= 0.0:
        raise InputError("All snapshots are zero: there is nothing to decompose. Check the field, or leave it out.")
    return max(energy, least)


def _check(
    snapshots: Sequence[Floats], inner: Sequence[Any], comm: Comm, tolerance: float, max_modes: int | None
) -> None:
    if not 0.0 <= tolerance < 1.0:
        raise InputError(f"The POD tolerance is {tolerance}: expected 0 <= tolerance < 1.")
    if max_modes is not None and max_modes < 1:
        raise InputError(f"max_modes is {max_modes}: expected at least 1.")
    first = first_subdomain(comm, len(snapshots))
    raise_together(comm, [text for s, part in enumerate(snapshots) if (text := _not_finite(part, first + s))])
    counts = set(gather_subdomains(comm, [part.shape[1] for part in snapshots]))
    raise_together(comm, _wrong_counts(snapshots, inner, counts))


def _not_finite(part: Floats, subdomain: int) -> str:
    if all_finite(part):
        return ""
    columns = np.flatnonzero(~np.isfinite(part).all(axis=0))
    return (
        f"Subdomain {subdomain}: snapshot {columns[0]} is not finite: expected numbers everywhere. Check that output."
    )


def _wrong_counts(snapshots: Sequence[Floats], inner: Sequence[Any], counts: set[int]) -> list[str]:
    if len(inner) != len(snapshots):
        return [f"{len(snapshots)} subdomains have {len(inner)} inner products: expected one each."]
    if len(counts) > 1 or 0 in counts:
        return [f"Subdomains have {sorted(counts)} snapshots: expected the same number, at least one, in all."]
    return []
