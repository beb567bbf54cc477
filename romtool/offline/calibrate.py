"""Learn how the gappy misfit of a model relates to its error (theory, eq. (7.3)).

The errors come from running poorer models through the training: models of fewer modes, and models that have not seen
one of the simulations or a part of it. Their modes are combinations of the model's own and the training is known by
its coefficients, so that nothing here depends on the size of the mesh.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.linalg.pod import Pod
from romtool.loading import Loading
from romtool.offline.training import TrainingRecord
from romtool.progress import Tick, untold
from romtool.reduced.indicator import SMALLEST
from romtool.reduced.march import MarchStoppedError, ReducedHistory, march_loading, restrict_to_thermal
from romtool.reduced.model import Calibration, ReducedModel
from romtool.reduced.subspace import restrict_modes
from romtool.settings import NewtonSettings
from romtool.types import Bools, Floats

FLOOR = 1e-3
"""Part of the largest training norm below which a field is negligible."""

QUANTILE = 1.6448536269514722
"""Standard deviations of a one-sided 95 % bound."""

TRUNCATIONS = (0.25, 0.35, 0.5, 0.65, 0.8)
"""Parts of the displacement modes that the poorer models keep, two at least: one alone errs in ways of its own."""

GRID = 129
MOST_PAIRS = 150
"""Pairs that the Gaussian process is fitted to at most; more are thinned out evenly over the misfit."""

LEAST_SPREAD = 1e-2
"""Range of log 𝓔 below which the pairs have no slope."""


def calibrate(model: ReducedModel, record: TrainingRecord, tick: Tick = untold) -> dict[str, Calibration]:
    """Return field -> relation of misfit and error, learnt on the training.

    Parameters
    ----------
    model: the reduced model.
    record: of its training.
    tick: told of every run of a poorer model.
    """
    loadings = [restrict_to_thermal(loading, model.thermal) for loading in record.loadings]
    found: dict[str, list[Floats]] = {field: [values] for field, values in record.pairs.items()}
    poorer_ones, done = list(variants(model, record)), 0
    total = sum(len(variant.runs) for variant in poorer_ones)
    for variant in poorer_ones:
        poorer = restrict_modes(model, variant.displacement, variant.duals)
        for number in variant.runs:
            tick(done, total, f"{loadings[number].name} with {poorer.n_modes} modes")
            done += 1
            history = _march(poorer, loadings[number], record.settings.newton)
            for field in model.duals:
                span = record.span(field, number)
                pairs = run_pairs(record.bases[field], variant.duals[field], history, field, span)
                found.setdefault(field, []).append(pairs)
    return {field: fit(np.vstack(found[field])) for field in model.duals}


@dataclass(frozen=True)
class Variant:
    """A poorer model and the runs that it is tried on.

    Parameters
    ----------
    displacement: (n_modes, n_kept) combinations of the displacement modes.
    duals: field -> (n_dual_modes, n_kept) combinations of its modes.
    runs: numbers of the training computations.
    """

    displacement: Floats
    duals: Mapping[str, Floats]
    runs: tuple[int, ...]


def variants(model: ReducedModel, record: TrainingRecord) -> Iterator[Variant]:
    """Yield the model itself, models of fewer modes, and models that have not seen a part of the training."""
    runs = tuple(range(record.n_runs))
    everything = {name: np.ones(basis.coefficients.shape[1], dtype=np.bool_) for name, basis in record.bases.items()}
    yield _variant(model, record, everything, runs, model.n_modes)
    counts = {min(max(int(part * model.n_modes), 2), model.n_modes) for part in TRUNCATIONS} - {model.n_modes}
    for count in sorted(counts):
        yield _variant(model, record, everything, runs, count)
    for number in runs:
        for first in _left_out(record, number):
            seen = {name: record.seen(name, number, first) for name in record.bases}
            if all(mask.any() for mask in seen.values()):
                yield _variant(model, record, seen, (number,), model.n_modes)


def _left_out(record: TrainingRecord, number: int) -> Sequence[float]:
    """Return from which part of a simulation on it is left out: 0 all of it, where there are others."""
    return (0.0,) if record.n_runs > 1 else (0.25, 0.5, 0.75)


def _variant(
    model: ReducedModel, record: TrainingRecord, seen: Mapping[str, Bools], runs: tuple[int, ...], count: int
) -> Variant:
    """Return the combinations that some snapshots span, as many displacement modes as asked for.

    Without all snapshots they are cut at the tolerance of the training, else what was left out would still be in what
    hardly matters to the others. The dual modes are cut at the same discarded part as the displacement's.
    """
    tolerance = 0.0 if seen["u"].all() else record.settings.pod.tolerance
    displacement, discarded = _span(record.bases["u"], seen["u"], count, tolerance)
    duals = {
        field: _span(record.bases[field], seen[field], record.bases[field].n_modes, discarded)[0]
        for field in model.duals
    }
    return Variant(displacement, duals, runs)


def _span(basis: Pod, seen: Bools, count: int, tolerance: float) -> tuple[Floats, float]:
    """Return the leading combinations of the modes for some snapshots, and the discarded part of these."""
    rotation, values, _ = np.linalg.svd(basis.coefficients[:, seen], full_matrices=False)
    energy = np.cumsum(values[::-1] ** 2)[::-1]
    parts = np.sqrt(np.append(energy, 0.0) / max(energy[0], np.finfo(np.float64).tiny))
    useful = int(np.count_nonzero(values > 1e-10 * values[0]))
    kept = max(min(count, useful, int(np.argmax(parts <= tolerance))), 1)
    return rotation[:, :kept], float(parts[kept])


def _march(model: ReducedModel, loading: Loading, criteria: NewtonSettings) -> ReducedHistory:
    """Run a model through a training loading, as far as it goes."""
    try:
        return march_loading(model, loading, criteria)
    except MarchStoppedError as stopped:
        return stopped.history


def run_pairs(basis: Pod, kept: Floats, history: ReducedHistory, field: str, span: slice) -> Floats:
    """Return (n, 2) misfits and relative errors of the increments at which the field is not negligible.

    Parameters
    ----------
    basis: modes of the field, with coefficients and remainders of the training.
    kept: (n_dual_modes, n_kept) combinations that the history's coefficients belong to.
    history: of a run of the poorer model.
    field: its name.
    span: which snapshots of the field are those of the run.
    """
    found = history.duals[field][1:] @ kept.T
    exact = basis.coefficients[:, span].T[: len(found)]
    lost = basis.remainders[span][: len(found)]
    norms = np.sqrt(np.sum(exact**2, axis=1) + lost**2)
    floor = FLOOR * basis.largest_norm
    reference = np.maximum(np.maximum.accumulate(norms), floor)
    errors = np.sqrt(np.sum((found - exact) ** 2, axis=1) + lost**2) / reference
    pairs = np.column_stack([history.residuals[field][1:], errors])
    return np.maximum(pairs[~history.elastic[field][1:] & (norms >= floor)], SMALLEST)


def fit(pairs: Floats) -> Calibration:
    """Fit `log E = a + b log 𝓔`, b >= 0, and a Gaussian process to what that leaves.

    The bound is the one-sided 95 % quantile with the noise, made non-decreasing in the misfit. Without any pair every
    misfit is beyond the calibrated range.

    Parameters
    ----------
    pairs: (n_pairs, 2) float, misfits and errors.
    """
    if not len(pairs):
        return Calibration(np.array([SMALLEST]), np.ones(1), np.ones(1), pairs)
    x, y = np.log(np.maximum(pairs, SMALLEST)).T
    slope = max(float(np.polyfit(x, y, 1)[0]), 0.0) if np.ptp(x) > LEAST_SPREAD else 0.0
    level = float(np.mean(y - slope * x))
    grid = np.linspace(x.min(), max(x.max(), x.min() + 1e-6), GRID)
    mean, deviation = _process(x, y - level - slope * x, grid)
    expected = np.exp(level + slope * grid + mean)
    bound = np.exp(np.maximum.accumulate(np.log(expected) + QUANTILE * deviation))
    return Calibration(np.exp(grid), expected, bound, pairs)


def _process(x: Floats, y: Floats, grid: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation, noise included, of a Gaussian process at (n_grid,) places."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    order = np.argsort(x, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, MOST_PAIRS).astype(np.int64))]
    width, spread = max(float(np.ptp(x)), 1e-3), max(float(np.std(y)), 1e-3)
    kernel = ConstantKernel(spread**2, (1e-4 * spread**2, 1e2 * spread**2)) * Matern(
        0.5 * width, (0.1 * width, 10.0 * width), nu=1.5
    ) + WhiteKernel(spread**2, (1e-3 * spread**2, 1e1 * spread**2))
    process = GaussianProcessRegressor(kernel, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(x[chosen, None], y[chosen])
    mean, deviation = process.predict(grid[:, None], return_std=True)
    return mean, deviation
