"""Weak greedy training of the reduced basis (theory, eq. (10.2))."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from romtool.linalg.eim import Numbers
from romtool.operators.algebra import Factor
from romtool.operators.constants import with_constant
from romtool.operators.norms import Family, Norm
from romtool.operators.problem import FullProblem
from romtool.operators.reduced import ReducedSystem, all_weights, answer, certificate
from romtool.operators.stability import (
    InterpolatedConstant,
    MeasuredRemainder,
    PositiveForms,
    SuccessiveConstraints,
)
from romtool.types import Floats

NEGLIGIBLE = 1e-15
"""Directions of the residual family below this part of the largest are left out of the reduced system."""
ROUND_OFF_SAFETY = 5.0
"""On the measured differences between direct and reduced solutions at the parameters of the basis."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Certified:
    """What certifies the answers of a reduced system, see `ReducedSystem`."""

    constant: SuccessiveConstraints | PositiveForms | InterpolatedConstant
    remainder: PositiveForms | MeasuredRemainder
    rhs_remainder: MeasuredRemainder | None


@dataclass(frozen=True)
class Trained:
    """A reduced system, its (n_rows, N) basis on this rank, and whether it reached the tolerance."""

    system: ReducedSystem
    basis: Numbers
    converged: bool


def train(
    problem: FullProblem,
    norm: Norm,
    certified: Certified,
    training: Floats,
    *,
    coercive: bool,
    tolerance: float,
    max_modes: int,
    outputs: Numbers | None = None,
    say: Say = lambda text: None,
) -> Trained:
    """Add, one by one, the solution at the training parameter with the largest relative bound.

    Ends where that bound is `<= tolerance`, at `max_modes` vectors, or where the worst parameter is in the basis
    already: then the remainder of the representation, not the basis, limits the bound.

    Parameters
    ----------
    problem, norm: of full order.
    certified: constant and remainders.
    training: (n, p) float parameters.
    coercive: see `ReducedSystem`.
    tolerance: of the bound, relative to the norm of the solution.
    max_modes: the most vectors.
    outputs: (n_outputs, n_rows) L on this rank; none by default.
    say: takes sentences about what is done.
    """
    start = time.perf_counter()
    growing = _Growing(problem, norm)
    chosen = [int(np.argmin(np.linalg.norm(problem.domain.scaled(training) - 0.5, axis=1)))]
    history = [1.0]
    empty = growing.system(certified, coercive, outputs)
    weights, rhs = all_weights(empty, training)
    given = certificate(empty, training, weights, rhs)
    while True:
        factor = growing.add(training[chosen[-1]])
        if isinstance(certified.constant, InterpolatedConstant):
            constant = with_constant(problem, norm, certified.constant, training[chosen[-1]], factor, coercive=coercive)
            certified = replace(certified, constant=constant)
            given = certificate(replace(empty, constant=constant), training, weights, rhs)
        system = growing.system(certified, coercive, outputs)
        relative = answer(system, training, weights, rhs, given).relative_bound
        worst, largest = problem.algebra.agreed((int(np.argmax(relative)), float(relative.max())))
        history.append(largest)
        place = problem.domain.label(training[worst])
        say(f"{len(chosen)} vectors: largest relative bound {history[-1]:.2e} at {place}")
        converged = history[-1] <= tolerance
        if converged or len(chosen) == max_modes or worst in chosen:
            break
        chosen.append(worst)
    statistics = {"training": len(training), "converged": converged, "seconds": time.perf_counter() - start}
    own = answer(system, training[chosen], weights[chosen], rhs[chosen], given.at(chosen))
    system = replace(
        _compressed(system),
        history=np.array(history),
        snapshots=training[chosen],
        round_off=ROUND_OFF_SAFETY * growing.largest_difference(own.coordinates),
        statistics=statistics,
    )
    return Trained(system, growing.vectors.members, converged)


class _Growing:
    """Basis, residual family and coordinates while vectors are added."""

    def __init__(self, problem: FullProblem, norm: Norm) -> None:
        self._problem = problem
        n_rows = len(problem.rhs_terms)
        self.vectors, self.residuals = Family(norm, n_rows), Family(norm, n_rows, dual=True)
        self._rhs = self.residuals.extend(problem.rhs_terms)
        self._images: list[Numbers] = []
        self._solutions: list[Numbers] = []

    def add(self, parameter: Floats) -> Factor:
        """Solve at a parameter; add the solution and the residual components; return the factorisation."""
        matrix, factor = self._problem.factorise(parameter)
        self._solutions.append(self.vectors.extend(self._problem.solve(parameter, matrix, factor))[:, 0])
        vector = self.vectors.members[:, len(self._images) : len(self._images) + 1]
        images = [self._problem.algebra.multiply(term, vector) for term in self._problem.terms]
        self._images.append(self.residuals.extend(np.hstack(images)))
        return factor

    def largest_difference(self, coordinates: Numbers) -> float:
        """Return how far (N, N) coordinates at the parameters of the basis are from its solutions, relative."""
        exact = np.zeros_like(coordinates)
        for row, solution in zip(exact, self._solutions, strict=True):
            row[: len(solution)] = solution
        differences = np.linalg.norm(coordinates - exact, axis=1) / np.linalg.norm(exact, axis=1)
        return float(differences.max())

    def system(self, certified: Certified, coercive: bool, outputs: Numbers | None) -> ReducedSystem:
        """Return the reduced system of the vectors so far."""
        rank, problem, inner = self.residuals.size, self._problem, self._problem.algebra.inner
        padded = [np.pad(part, ((0, rank - len(part)), (0, 0))) for part in self._images]
        shape = (len(problem.terms), 0, rank)
        images = np.stack([part.T for part in padded], axis=1) if padded else np.zeros(shape)
        tests = inner(self.vectors.members[:, : self.vectors.size if coercive else 0], self.residuals.members)
        lengths = np.zeros((0, len(problem.rhs_terms))) if outputs is None else outputs
        rhs = np.pad(self._rhs, ((0, rank - len(self._rhs)), (0, 0)))
        return ReducedSystem(
            coercive=coercive,
            domain=problem.domain,
            coefficients=problem.coefficients,
            rhs_coefficients=problem.rhs_coefficients,
            matrices=tests @ images.transpose(0, 2, 1),
            rhs=tests @ rhs,
            matrix_residuals=images,
            rhs_residuals=rhs,
            constant=certified.constant,
            remainder=certified.remainder,
            rhs_remainder=certified.rhs_remainder,
            outputs=inner(lengths.conj().T, self.vectors.members),
            round_off=0.0,
            history=np.zeros(0),
            snapshots=np.zeros((0, len(problem.domain.names))),
        )


def _compressed(system: ReducedSystem) -> ReducedSystem:
    """Leave out directions of the residual family that no component reaches into beyond round-off."""
    n_terms, n_modes, rank = system.matrix_residuals.shape
    components = np.vstack((system.rhs_residuals.T, system.matrix_residuals.reshape(n_terms * n_modes, rank)))
    _, values, right = linalg.svd(components, full_matrices=False)
    kept = right[values > NEGLIGIBLE * values[0]].conj().T
    images = (system.matrix_residuals.reshape(n_terms * n_modes, rank) @ kept).reshape(n_terms, n_modes, -1)
    return replace(system, matrix_residuals=images, rhs_residuals=(system.rhs_residuals.T @ kept).T)
