"""The one-dimensional case with romtool and with pyMOR, side by side: interpolation, reduced basis, bound; JSON.

The same functions on the same training values, the same exported matrices, norm, coercivity constant and number of
vectors. pyMOR is needed by this program only: `pip install pymor`, then `python benchmarks/operators_pymor.py`. Seconds
are of one processor; run with one BLAS thread.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pymor
from numpy.typing import NDArray
from pymor.algorithms.ei import ei_greedy
from pymor.algorithms.greedy import rb_greedy
from pymor.core.logger import set_log_levels
from pymor.models.basic import StationaryModel
from pymor.operators.constructions import LincombOperator, VectorOperator
from pymor.operators.numpy import NumpyMatrixOperator
from pymor.parameters.functionals import GenericParameterFunctional
from pymor.reductors.coercive import CoerciveRBReductor
from pymor.vectorarrays.numpy import NumpyVectorSpace
from scipy.linalg import solve_triangular
from scipy.sparse.linalg import splu

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "cases" / "operators" / "bvp"))

from bvp import assemble, diffusivity, gauss_points, load, reaction

from romtool.operators.algebra import ScipyAlgebra
from romtool.operators.coefficients import select
from romtool.operators.constants import positive_forms
from romtool.operators.domain import Domain
from romtool.operators.functions import Functions
from romtool.operators.greedy import Certified, train
from romtool.operators.norms import Norm
from romtool.operators.problem import FullProblem
from romtool.operators.reduced import solve

Floats = NDArray[np.float64]

EXPRESSIONS = ("1 + 4*exp(-8*(x - c)**2)", "20*(1 + x)**p")
DOMAIN = Domain(("c", "p"), np.array([0.2, 0.0]), np.array([0.8, 4.0]), (40, 40), ("linear", "linear"))
TRAINING = 400
TERMS_TOLERANCE = 1e-11
MODES_TOLERANCE = 1e-10
TYPES = {"c": 1, "p": 1}


def matrix(n_elements: int, parameter: Sequence[float]) -> Any:
    c, p = parameter
    return assemble(n_elements, lambda x: diffusivity(c, x), lambda x: reaction(p, x))


def timed(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, float]:
    start = time.process_time()
    found = function(*arguments, **options)
    return found, time.process_time() - start


def training() -> Floats:
    """Return the parameters of both greedy searches."""
    grid = DOMAIN.training()
    return grid[np.random.default_rng(0).choice(len(grid), TRAINING, replace=False)]


def with_romtool(n_elements: int, unseen: Floats) -> tuple[dict[str, Any], Floats, Floats]:
    """Return figures, (n, n_unknowns) solutions and (n,) bounds."""
    source = Functions(DOMAIN.names, EXPRESSIONS, gauss_points(n_elements).reshape(-1, 1))
    coefficients, eim_seconds = timed(select, source, DOMAIN.training(), tolerance=TERMS_TOLERANCE, max_terms=50)
    terms = [matrix(n_elements, parameter) for parameter in coefficients.parameters]
    algebra = ScipyAlgebra()
    problem = FullProblem(algebra, DOMAIN, coefficients, terms, None, load(n_elements)[:, None])

    def reduce() -> Any:
        reference = int(np.argmin(np.linalg.norm(DOMAIN.scaled(coefficients.parameters) - 0.5, axis=1)))
        norm = Norm(algebra, terms[reference])
        forms = positive_forms(problem, norm, reference)
        certified = Certified(forms, forms, None)
        return train(problem, norm, certified, training(), coercive=True, tolerance=MODES_TOLERANCE, max_modes=50)

    trained, greedy_seconds = timed(reduce)
    answers, batch_seconds = timed(solve, trained.system, unseen)
    one = [timed(solve, trained.system, row[None])[1] for row in unseen[:100]]
    figures = {
        "eim_terms": len(terms),
        "eim_seconds": eim_seconds,
        "modes": len(trained.system.snapshots),
        "greedy_seconds": greedy_seconds,
        "solution_and_bound_seconds": median(one),
        "in_batch_seconds": batch_seconds / len(unseen),
        "representation_error": representation_error(n_elements, terms, coefficients.weights(unseen[:100]), unseen),
    }
    return figures, answers.coordinates @ trained.basis.T, answers.bound


def with_pymor(n_elements: int, unseen: Floats, n_modes: int) -> tuple[dict[str, Any], Floats, Floats]:
    """Return figures, (n, n_unknowns) solutions and (n,) estimates."""
    x = gauss_points(n_elements).reshape(-1)

    def functions(parameter: Sequence[float]) -> Floats:
        return np.concatenate((diffusivity(parameter[0], x) / 5, reaction(parameter[1], x) / 320))

    values = NumpyVectorSpace(2 * len(x)).from_numpy(np.stack([functions(row) for row in DOMAIN.training()], axis=1))
    (points, _, data), eim_seconds = timed(ei_greedy, values, error_norm="sup", rtol=TERMS_TOLERANCE)
    samples = np.flatnonzero(np.abs(data["coefficients"]).max(axis=1))
    terms = [matrix(n_elements, DOMAIN.training()[sample]) for sample in samples]

    @lru_cache(maxsize=8)
    def weights(c: float, p: float) -> Floats:
        in_basis = solve_triangular(data["interpolation_matrix"], functions((c, p))[points], lower=True)
        return data["coefficients"][samples] @ in_basis

    def of(mu: Any) -> tuple[float, float]:
        return float(mu["c"][0]), float(mu["p"][0])

    coefficients = [GenericParameterFunctional(lambda mu, m=m: weights(*of(mu))[m], TYPES) for m in range(len(terms))]
    operator = LincombOperator([NumpyMatrixOperator(term) for term in terms], coefficients)
    middle = DOMAIN.scaled(DOMAIN.training()[samples]) - 0.5
    reference = int(np.argmin(np.linalg.norm(middle, axis=1)))
    at_reference = functions(DOMAIN.training()[samples[reference]])
    ratio = GenericParameterFunctional(lambda mu: float((functions(of(mu)) / at_reference).min()), TYPES)
    rhs = VectorOperator(operator.range.from_numpy(load(n_elements)[:, None]))
    model = StationaryModel(operator, rhs, products={"energy": NumpyMatrixOperator(terms[reference])})
    reductor = CoerciveRBReductor(model, product=model.products["energy"], coercivity_estimator=ratio)
    parse = model.parameters.parse
    found, greedy_seconds = timed(
        rb_greedy,
        model,
        reductor,
        [parse(dict(zip("cp", row, strict=True))) for row in training()],
        max_extensions=n_modes,
    )
    reduced = found["rom"]
    answers, bounds, seconds = [], [], []
    for row in unseen:
        mu = parse(dict(zip("cp", row, strict=True)))
        answer, solve_seconds = timed(reduced.solve, mu)
        bound, bound_seconds = timed(reduced.estimate_error, mu)
        answers.append(reductor.reconstruct(answer).to_numpy()[:, 0])
        bounds.append(float(np.ravel(bound)[0]))
        seconds.append(solve_seconds + bound_seconds)
    figures = {
        "eim_terms": len(terms),
        "eim_seconds": eim_seconds,
        "modes": len(reductor.bases["RB"]),
        "greedy_seconds": greedy_seconds,
        "solution_and_bound_seconds": median(seconds),
        "representation_error": representation_error(
            n_elements, terms, np.array([weights(*row) for row in unseen[:100]]), unseen
        ),
    }
    return figures, np.array(answers), np.array(bounds)


def representation_error(n_elements: int, terms: Sequence[Any], weights: Floats, unseen: Floats) -> float:
    """Return the largest relative error of the separated representation, of the first unseen parameters."""
    errors = []
    for row, parameter in zip(weights, unseen, strict=False):
        exact = matrix(n_elements, parameter)
        found = sum(weight * term for weight, term in zip(row, terms, strict=True))
        errors.append(np.linalg.norm((found - exact).data) / np.linalg.norm(exact.data))
    return float(max(errors))


def judged(figures: dict[str, Any], exact: Floats, solutions: Floats, bounds: Floats, norm: Any) -> dict[str, Any]:
    """Return the figures with errors in the energy norm, and how the bounds compare with them."""
    difference = solutions - exact
    errors = np.sqrt(np.einsum("ij,ij->i", difference, difference @ norm))
    size = np.sqrt(np.einsum("ij,ij->i", exact, exact @ norm))
    return figures | {
        "largest_relative_error": float((errors / size).max()),
        "median_relative_error": float(np.median(errors / size)),
        "bound_below_error": int((bounds < errors).sum()),
        "median_effectivity": float(np.median(bounds / errors)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=int, default=500)
    parser.add_argument("--unseen", type=int, default=1000)
    options = parser.parse_args()
    set_log_levels({"pymor": "ERROR"})
    n, unseen = options.elements, DOMAIN.draw(options.unseen, seed=1)
    exact = np.array([splu(matrix(n, row).tocsc()).solve(load(n)) for row in unseen])
    ours, *ours_answers = with_romtool(n, unseen)
    theirs, *theirs_answers = with_pymor(n, unseen, ours["modes"])
    norm = matrix(n, (0.5, 2.0))
    results = {
        "romtool": judged(ours, exact, *ours_answers, norm),
        f"pymor {pymor.__version__}": judged(theirs, exact, *theirs_answers, norm),
    }
    print(json.dumps({"unknowns": n - 1, "unseen": options.unseen, **results}, indent=1))


if __name__ == "__main__":
    main()
