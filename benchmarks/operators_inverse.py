"""log det and inverse of a Gaussian process' covariance over a decade of length scales: one table of methods; JSON.

The package against polynomial interpolation between Chebyshev nodes (nonintrusive too), Chebyshev expansions of the
matrix, Neumann series about the nearest factorised matrix, and stochastic trace estimators. The inverse is judged on a
block of random vectors. Seconds are of one processor; run with one BLAS thread.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BarycentricInterpolator
from scipy.linalg import cho_factor, cho_solve

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "cases" / "operators" / "covariance"))

from covariance import NUGGET, covariance, distances, log_determinant

from romtool.operators.case import read_operator_case
from romtool.operators.inverses import inverse_model, logdet_model
from romtool.operators.powers import select_powers

CASE = Path(__file__).parents[1] / "cases" / "operators" / "covariance" / "case.toml"
Floats = NDArray[np.float64]

RANGE = (0.1, 1.0)
PROBES = 30
COLUMNS = 16


@dataclass(frozen=True)
class Method:
    """A method's two programs.

    Parameters
    ----------
    train: () -> whatever `answer` needs.
    answer: (trained, length scale) -> log det, or the inverse times a block.
    intrusive: whether an answer needs the matrix itself at the new parameter.
    cost: what it takes, in words.
    """

    train: Callable[[], Any]
    answer: Callable[[Any, float], Any]
    intrusive: bool
    cost: str


def position(length: float | Floats) -> Floats:
    """Return where length scales lie between -1 and 1, logarithmically."""
    low, high = np.log(RANGE)
    return (2 * np.log(length) - low - high) / (high - low)


def chebyshev_nodes(n: int) -> Floats:
    """Return n length scales that are Chebyshev nodes in the logarithm."""
    low, high = np.log(RANGE)
    return np.exp((low + high + (high - low) * np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2)


def interpolate(nodes: Floats, values: Sequence[Any]) -> BarycentricInterpolator:
    return BarycentricInterpolator(position(nodes), np.array(values))


def bounds(matrix: Floats) -> tuple[float, float]:
    """Return bounds of the spectrum: the nugget below, Gershgorin's above."""
    return NUGGET, float(np.abs(matrix).sum(axis=1).max())


def chebyshev_apply(matrix: Floats, block: Floats, function: Callable[[Floats], Floats], degree: int) -> Floats:
    """Return the Chebyshev expansion of `function` of the matrix, times a block."""
    low, high = bounds(matrix)
    series = np.polynomial.Chebyshev.interpolate(function, degree, domain=[low, high]).coef

    def scaled(vectors: Floats) -> Floats:
        return (2 * (matrix @ vectors) - (low + high) * vectors) / (high - low)

    before, now = block, scaled(block)
    total = series[0] * before + series[1] * now
    for coefficient in series[2:]:
        before, now = now, 2 * scaled(now) - before
        total += coefficient * now
    return total


def signs(n: int, seed: int = 7) -> Floats:
    """Return (n, PROBES) random signs."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], (n, PROBES))


def chebyshev_log_determinant(matrix: Floats, degree: int) -> float:
    """Hutchinson's trace of the expansion of the logarithm (Han, Malioutov, Shin 2015)."""
    probes = signs(len(matrix))
    return float((probes * chebyshev_apply(matrix, probes, np.log, degree)).sum() / PROBES)


def lanczos_log_determinant(matrix: Floats, steps: int) -> float:
    """Stochastic Lanczos quadrature (Ubaru, Chen, Saad 2017), all vectors kept orthogonal."""
    n = len(matrix)
    bases = np.empty((steps, n, PROBES))
    diagonal, below = np.empty((steps, PROBES)), np.empty((steps, PROBES))
    vectors = signs(n) / np.sqrt(n)
    for j in range(steps):
        bases[j] = vectors
        vectors = matrix @ vectors
        diagonal[j] = (vectors * bases[j]).sum(axis=0)
        for _ in range(2):
            vectors = vectors - np.einsum(
                "jnp,jp->np", bases[: j + 1], np.einsum("jnp,np->jp", bases[: j + 1], vectors)
            )
        below[j] = np.linalg.norm(vectors, axis=0)
        vectors = vectors / below[j]
    total = 0.0
    for p in range(PROBES):
        values, modes = np.linalg.eigh(np.diag(diagonal[:, p]) + np.diag(below[:-1, p], -1) + np.diag(below[:-1, p], 1))
        total += float(modes[0] ** 2 @ np.log(values))
    return n * total / PROBES


def nearest(nodes: Floats, length: float) -> int:
    return int(np.argmin(np.abs(np.log(nodes / length))))


def neumann_log_determinant(trained: Any, distance: Floats, length: float) -> float:
    """log det A_m + tr(X - X²/2 + X³/3 - X⁴/4) with X = A_m⁻¹ A - I."""
    nodes, factors, values = trained
    m = nearest(nodes, length)
    x = cho_solve(factors[m], covariance(distance, length)) - np.eye(len(distance))
    square = x @ x
    traces = [np.trace(x), np.trace(square), np.sum(square * x.T), np.sum(square * square.T)]
    return values[m] + sum((-1) ** j * trace / (j + 1) for j, trace in enumerate(traces))


def neumann_solve(trained: Any, distance: Floats, block: Floats, terms: int, length: float) -> Floats:
    """Sum_j (I - A_m⁻¹ A)^j A_m⁻¹ block, `terms` of them."""
    nodes, factors = trained[:2]
    factor = factors[nearest(nodes, length)]
    matrix = covariance(distance, length)
    total = term = cho_solve(factor, block)
    for _ in range(terms - 1):
        term = term - cho_solve(factor, matrix @ term)
        total = total + term
    return total


def factorise(distance: Floats, nodes: Floats) -> tuple[Floats, list[Any], list[float]]:
    factors = [cho_factor(covariance(distance, length), lower=True) for length in nodes]
    return nodes, factors, [2 * float(np.log(np.diag(factor)).sum()) for factor, _ in factors]


def package_weights(degree: int, n_factorisations: int) -> tuple[Any, Any]:
    """Return the coefficients of the separated representation, and the weights of the powers."""
    case = read_operator_case(CASE)
    theta, training = case.operator.coefficients(), case.domain.training()
    middle = case.domain.middle()
    return theta, select_powers(theta, training, middle, degree=degree, tolerance=1e-12, max_terms=n_factorisations)


def package_log_determinant(distance: Floats, degree: int, n_factorisations: int) -> Any:
    theta, powers = package_weights(degree, n_factorisations)
    terms = [covariance(distance, length) for (length,) in theta.parameters]
    return logdet_model(terms, powers, read_operator_case(CASE).domain)


def package_inverse(distance: Floats, block: Floats, degree: int, n_factorisations: int) -> Any:
    theta, powers = package_weights(degree, n_factorisations)
    terms = [covariance(distance, length) for (length,) in theta.parameters]
    return inverse_model(terms, powers, read_operator_case(CASE).domain, block, None, of_rhs=False)


def log_determinant_methods(distance: Floats, degree: int, counts: Sequence[int]) -> dict[str, Method]:
    """Return the methods by name."""

    def nodes_and_values(n: int) -> BarycentricInterpolator:
        nodes = chebyshev_nodes(n)
        return interpolate(nodes, [log_determinant(covariance(distance, length)) for length in nodes])

    def of_matrix(function: Callable[..., float], **options: int) -> Callable[[Any, float], float]:
        return lambda _, length: function(covariance(distance, length), **options)

    table: dict[str, Method] = {}
    for n in counts:
        name = f"romtool, degree {degree}, {n} factorisations"
        train = partial(package_log_determinant, distance, degree, n)
        table[name] = Method(
            train, lambda model, length: model.evaluate(np.array([[length]])).values[0], False, f"{n} log det"
        )
    for n in counts:
        name = f"polynomial through {n} Chebyshev nodes"
        train = partial(nodes_and_values, n)
        table[name] = Method(train, lambda model, length: float(model(position(length))), False, f"{n} log det")
    train = partial(factorise, distance, np.geomspace(*RANGE, 12))
    answer = partial(_swapped, neumann_log_determinant, distance)
    cost = "12 factorisations; then A_m⁻¹ A and its square"
    table["Neumann series, 4 terms, nearest of 12"] = Method(train, answer, True, cost)
    for terms in (50, 400):
        cost = f"{terms * PROBES} products of A and a vector"
        answer = of_matrix(chebyshev_log_determinant, degree=terms)
        table[f"Chebyshev expansion, degree {terms}, {PROBES} probes"] = Method(lambda: None, answer, True, cost)
    for steps in (20, 60):
        cost = f"{steps * PROBES} products of A and a vector"
        answer = of_matrix(lanczos_log_determinant, steps=steps)
        table[f"stochastic Lanczos, {steps} steps, {PROBES} probes"] = Method(lambda: None, answer, True, cost)
    table["Cholesky factorisation"] = Method(lambda: None, of_matrix(log_determinant), True, "1 factorisation")
    return table


def inverse_methods(distance: Floats, block: Floats, degree: int, counts: Sequence[int]) -> dict[str, Method]:
    """Return the methods by name; each answers with the inverse times the block."""

    def nodes_and_values(n: int) -> BarycentricInterpolator:
        nodes = chebyshev_nodes(n)
        return interpolate(nodes, [np.linalg.solve(covariance(distance, length), block) for length in nodes])

    def expansion(_: Any, length: float, terms: int) -> Floats:
        return chebyshev_apply(covariance(distance, length), block, np.reciprocal, terms)

    def direct(_: Any, length: float) -> Floats:
        return cho_solve(cho_factor(covariance(distance, length)), block)

    table: dict[str, Method] = {}
    for n in counts:
        name = f"romtool, degree {degree}, {n} factorisations"
        train = partial(package_inverse, distance, block, degree, n)
        table[name] = Method(
            train, lambda model, length: model.evaluate(np.array([[length]])).values[0], False, f"{n} inverses"
        )
    for n in counts:
        name = f"polynomial through {n} Chebyshev nodes"
        train = partial(nodes_and_values, n)
        table[name] = Method(train, lambda model, length: model(position(length)), False, f"{n} inverses")
    train = partial(factorise, distance, np.geomspace(*RANGE, 12))
    for terms in (2, 4, 8):
        answer = partial(_with_terms, distance, block, terms)
        cost = f"12 factorisations; then {terms} solves"
        table[f"Neumann series, {terms} terms, nearest of 12"] = Method(train, answer, True, cost)
    for terms in (50, 400):
        cost = f"{terms} products of A and a vector per column"
        table[f"Chebyshev expansion, degree {terms}"] = Method(
            lambda: None, partial(expansion, terms=terms), True, cost
        )
    table["Cholesky factorisation"] = Method(lambda: None, direct, True, "1 factorisation")
    return table


def _swapped(function: Callable[..., float], distance: Floats, trained: Any, length: float) -> float:
    return function(trained, distance, length)


def _with_terms(distance: Floats, block: Floats, terms: int, trained: Any, length: float) -> Floats:
    return neumann_solve(trained, distance, block, terms, length)


def measure(method: Method, lengths: Floats, exact: Sequence[Any]) -> dict[str, Any]:
    """Return errors and seconds of one method."""
    start = time.process_time()
    trained = method.train()
    offline = time.process_time() - start
    errors, seconds = [], []
    for length, wanted in zip(lengths, exact, strict=True):
        start = time.process_time()
        found = method.answer(trained, float(length))
        seconds.append(time.process_time() - start)
        errors.append(float(np.linalg.norm(np.subtract(found, wanted)) / np.linalg.norm(wanted)))
    return {
        "largest_error": max(errors),
        "median_error": float(np.median(errors)),
        "intrusive": method.intrusive,
        "cost": method.cost,
        "offline_seconds": offline,
        "online_seconds": float(np.median(seconds)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1000, help="order of the matrices")
    parser.add_argument("--unseen", type=int, default=40, help="length scales that the methods are judged at")
    parser.add_argument("--degree", type=int, default=2, help="of the package's monomials")
    parser.add_argument("--factorisations", type=int, nargs="+", default=[6, 8, 10, 12, 16])
    options = parser.parse_args()
    distance = distances(options.points)
    random = np.random.default_rng(1)
    lengths = RANGE[0] * (RANGE[1] / RANGE[0]) ** random.random(options.unseen)
    block = random.standard_normal((options.points, COLUMNS))
    matrices = (covariance(distance, float(length)) for length in lengths)
    exact = [(log_determinant(matrix), np.linalg.solve(matrix, block)) for matrix in matrices]
    tables = {
        "log_determinant": log_determinant_methods(distance, options.degree, options.factorisations),
        "inverse": inverse_methods(distance, block, options.degree, options.factorisations),
    }
    results = {
        quantity: {name: measure(method, lengths, [pair[i] for pair in exact]) for name, method in table.items()}
        for i, (quantity, table) in enumerate(tables.items())
    }
    print(json.dumps({"n": options.points, "unseen": options.unseen, **results}, indent=1))


if __name__ == "__main__":
    main()
