"""Exact quantiles and exceedance probabilities of many draws, and how far they have converged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.types import Floats

RESAMPLES = 200


def quantiles(values: Floats, probabilities: Sequence[float]) -> Floats:
    """Return quantiles over the last axis, linear between order statistics.

    Parameters
    ----------
    values: (n_rows, n_draws) float; overwritten.
    probabilities: (n_quantiles,) between 0 and 1.

    Returns
    -------
    (n_quantiles, n_rows) float.
    """
    places = np.asarray(probabilities) * (values.shape[1] - 1)
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, values.shape[1] - 1)
    values.partition(np.unique([low, high]), axis=1)
    part = (places - low)[:, None]
    return np.asarray((1.0 - part) * values[:, low].T + part * values[:, high].T)


@dataclass(frozen=True)
class Spread:
    """The distribution of a number over the draws, at several times.

    Parameters
    ----------
    values: (n_draws, n_times) float; draws that did not converge are left out.
    probabilities: (n_quantiles,).
    quantiles: (n_quantiles, n_times).
    errors: (n_quantiles, n_times) standard deviation over bootstrap resamples.
    sizes: (n_sizes,) numbers of draws.
    converging: (n_sizes, n_quantiles, n_times) quantiles of the first draws, as many as `sizes`.
    second_half: (n_quantiles, n_times) of the other half of the draws than the last but one of `sizes`.
    threshold: or None.
    exceedance: (n_times,) share of draws above the threshold; empty without.
    """

    values: Floats
    probabilities: tuple[float, ...]
    quantiles: Floats
    errors: Floats
    sizes: tuple[int, ...]
    converging: Floats
    second_half: Floats
    threshold: float | None
    exceedance: Floats


def spread(values: Floats, probabilities: Sequence[float], threshold: float | None, seed: int) -> Spread:
    """Describe the distribution of a number over the draws.

    Parameters
    ----------
    values: (n_draws, n_times) float.
    probabilities: of the quantiles.
    threshold: whose exceedance is counted, or None.
    seed: of the bootstrap.
    """
    count = len(values)
    sizes = tuple(sorted({max(1, count // 8), max(1, count // 4), max(1, count // 2), count}))
    wanted = tuple(probabilities)
    found = [quantiles(np.array(values[:size].T), wanted) for size in sizes]
    rest = values[count // 2 :] if count > 1 else values
    rng = np.random.default_rng(seed)
    resampled = [quantiles(np.array(values[rng.integers(count, size=count)].T), wanted) for _ in range(RESAMPLES)]
    return Spread(
        values,
        wanted,
        found[-1],
        np.std(resampled, axis=0),
        sizes,
        np.array(found),
        quantiles(np.array(rest.T), wanted),
        threshold,
        np.zeros(0) if threshold is None else (values > threshold).mean(axis=0),
    )
