"""Snapshots that come one after the other, kept within a given memory (theory, eq. (3.4)).

They are collected as they are while they fit. When the memory is full, they are replaced by their weighted modes,
and the next ones are collected behind these: a hierarchical POD (Himpe, Leibner & Rave 2018), whose discarded parts
add up to less than the tolerance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.linalg.agreement import on_root
from romtool.linalg.pod import Pod, pod
from romtool.linalg.products import as_product
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORKSPACE = 4
"""Arrays of the size of the held snapshots that their decomposition needs at once, these included."""

SMALLEST_BLOCK = 16
"""Snapshots that are held at least, besides modes."""

SHARE = 0.5
"""Part of the tolerance that the compressions on the way may use up; what they leave is for the last one."""


class Compression:
    """The span of a series of snapshots.

    Parameters
    ----------
    inner: per subdomain of this rank the product or matrix of the inner product (see `pod`).
    sizes: number of unknowns per subdomain of this rank.
    comm: the ranks.
    tolerance: of the POD of all snapshots.
    n_snapshots: how many will come.
    memory: float [bytes] that the snapshots of one subdomain and their decomposition may take.
    """

    def __init__(
        self,
        inner: Sequence[Any],
        sizes: Sequence[int],
        comm: Comm,
        *,
        tolerance: float,
        n_snapshots: int,
        memory: float,
    ) -> None:
        largest = max(gather_subdomains(comm, [int(size) for size in sizes]))
        capacity = min(max(int(memory / (8 * WORKSPACE * max(largest, 1))), SMALLEST_BLOCK), n_snapshots)
        self._products = [as_product(matrix) for matrix in inner]
        self._comm, self._tolerance = comm, tolerance
        self._share = SHARE * tolerance / max(-(-n_snapshots // SMALLEST_BLOCK), 1)
        self._expected = n_snapshots
        self._held = [np.empty((capacity, size)) for size in sizes]
        self._count = 0
        self._coefficients = np.zeros((0, 0))
        self._remainders = np.zeros(0)
        self._energy = self._discarded = 0.0
        self.n_compressions = 0

    def add(self, fields: Sequence[Floats]) -> None:
        """Take the next snapshot: one array of the subdomain's unknowns per subdomain of this rank."""
        if self._count == len(self._held[0]):
            self._compress()
        for held, field in zip(self._held, fields, strict=True):
            held[self._count] = field.ravel()
        self._count += 1

    def finish(self, *, max_modes: int | None = None, dof_ids: Sequence[Ints] | None = None) -> Pod | None:
        """Return the modes of all snapshots, None where these are all zero; the snapshots are dropped.

        The truncation error and the remainders are upper bounds where there was more than one compression.

        Parameters
        ----------
        max_modes, dof_ids: as in `pod`.

        Raises
        ------
        InputError, AccuracyError: as `pod`.
        """
        added = self._added_energy()
        total = np.sqrt(self._energy + added)
        if total == 0.0:
            return None
        held = float(np.sqrt(np.sum(self._weights**2) + added))
        allowed = (self._tolerance * total - self._discarded) / held if np.isfinite(held) else self._tolerance
        found = pod(
            self._columns(), self._products, self._comm, tolerance=allowed, max_modes=max_modes, dof_ids=dof_ids
        )
        self._held = []
        coefficients, remainders = self._carried(found)
        error = float((self._discarded + found.truncation_error * held) / total)
        return replace(found, coefficients=coefficients, remainders=remainders, truncation_error=error)

    def state(self) -> dict[str, Any]:
        """Return all that the snapshots so far have left, to go on from with `resume`; arrays are not copied."""
        return {
            "held": tuple(held[: self._count] for held in self._held),
            "capacity": len(self._held[0]),
            "coefficients": self._coefficients,
            "remainders": self._remainders,
            "energy": self._energy,
            "discarded": self._discarded,
            "n_compressions": self.n_compressions,
        }

    def resume(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a `state` of the same series; None changes nothing."""
        if state is None:
            return
        self._count = len(state["held"][0])
        self._held = [np.empty((state["capacity"], part.shape[1])) for part in state["held"]]
        for held, part in zip(self._held, state["held"], strict=True):
            held[: self._count] = part
        self._coefficients, self._remainders = state["coefficients"], state["remainders"]
        self._energy, self._discarded = state["energy"], state["discarded"]
        self.n_compressions = state["n_compressions"]

    @property
    def _weights(self) -> Floats:
        """Return the (n_kept,) singular values of the modes that the earlier snapshots were replaced by."""
        return np.linalg.norm(self._coefficients, axis=1)

    def _columns(self) -> list[Floats]:
        """Return the weighted modes and the snapshots behind them, (n_dofs_s, n) per subdomain."""
        return [held[: self._count].T for held in self._held]

    def _added_energy(self) -> float:
        """Return the sum of squares of the snapshots since the last compression."""
        fresh = [part[:, len(self._coefficients) :] for part in self._columns()]
        with np.errstate(over="ignore", invalid="ignore"):  # found by `pod`
            squares = [
                np.array([float(part[:, i] @ product(part[:, i : i + 1])[:, 0]) for i in range(part.shape[1])])
                for part, product in zip(fresh, self._products, strict=True)
            ]
            return float(ordered_sum(self._comm, squares).sum())

    def _compress(self) -> None:
        """Replace what is held by its weighted modes."""
        added = self._added_energy()
        held = float(np.sqrt(np.sum(self._weights**2) + added))
        self._energy += added
        self.n_compressions += 1
        if held == 0.0:
            self._remainders = np.append(self._remainders, np.zeros(self._count))
            self._coefficients = np.zeros((0, len(self._remainders)))
            self._count = 0
            return
        share = self._share * float(np.sqrt(self._energy)) / held if np.isfinite(held) else self._share
        found = pod(self._columns(), self._products, self._comm, tolerance=share)
        self._discarded += found.truncation_error * held
        self._coefficients, self._remainders = self._carried(found)
        self._keep(found.modes)

    def _keep(self, modes: Sequence[Floats]) -> None:
        """Put the weighted modes in the place of the snapshots; more memory where they leave too little of it."""
        weights = self._weights
        block = min(SMALLEST_BLOCK, self._expected - len(self._remainders))
        capacity = max(len(self._held[0]), len(weights) + block)
        if capacity > len(self._held[0]):
            self._held = [np.empty((capacity, part.shape[1])) for part in self._held]
        for held, psi in zip(self._held, modes, strict=True):
            np.multiply(psi.T, weights[:, None], out=held[: len(weights)])
        self._count = len(weights)

    def _carried(self, found: Pod) -> tuple[Floats, Floats]:
        """Return the coefficients of all snapshots so far in the new modes, and bounds of their remainders."""
        n_kept = len(self._coefficients)
        coefficients, remainders = on_root(
            self._comm, _carry, self._coefficients, self._remainders, found.coefficients[:, :n_kept], self._weights
        )
        fresh = found.coefficients[:, n_kept:], found.remainders[n_kept:]
        return np.ascontiguousarray(np.hstack([coefficients, fresh[0]])), np.append(remainders, fresh[1])


def _carry(coefficients: Floats, remainders: Floats, weighted: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Express earlier snapshots in new modes.

    Parameters
    ----------
    coefficients: (n_kept, n_snapshots) of the earlier snapshots in the earlier modes.
    remainders: (n_snapshots,) what these lack at most.
    weighted: (n_modes, n_kept) coefficients of the earlier modes, times their weights, in the new ones.
    weights: (n_kept,) float.
    """
    carried = (weighted / weights) @ coefficients
    lost = np.sum(coefficients**2, axis=0) - np.sum(carried**2, axis=0)
    return carried, remainders + np.sqrt(np.maximum(lost, 0.0))
