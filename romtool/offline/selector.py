"""Learn from the training which local model a load belongs to, from the load's input alone (theory, section 9)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from romtool.loading import Loading
from romtool.reduced.model import ThermalPoints
from romtool.reduced.selector import Inputs, Selector, columns, increments, input_history, probabilities, summarise
from romtool.reduced.validity import initial_temperature, load_amplitudes, temperatures
from romtool.types import Floats, Ints

THERMAL_TOLERANCE = 1e-2
"""Part of the training's temperature changes that the modes of the selector may leave out."""

MAX_THERMAL = 20
"""Modes of the temperature at most."""

FOLDS = 5
MOST_ANCHORS = 300
"""Bumps at most; of more samples, evenly spaced ones."""

By = Literal["simulation", "time"]
WIDTHS = (0.25, 0.5, 1.0)
"""Widths of the bumps tried, in medians of the distances between the training's inputs."""

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
"""Inverse regularisations tried."""


def train_selector(
    thermal: ThermalPoints, loadings: Sequence[Loading], labels: Sequence[Ints], by: By, certainty: float, seed: int
) -> Selector:
    """Train a selector; linear or with bumps, as cross-validation finds better.

    Parameters
    ----------
    thermal: the nodes that the loadings' temperatures run over.
    loadings: of the training computations.
    labels: per computation its model (1,), or those of its increments (n_increments,); 0 … n_models - 1.
    by: whether computations ("simulation") or increments ("time") are told apart.
    certainty: probability below which two models are run.
    seed: of the folds.
    """
    inputs = _inputs(thermal, loadings)
    histories = [input_history(inputs, thermal, entry) for entry in loadings]
    features = [
        increments(history) if by == "time" else summarise(history, entry.times)[None]
        for history, entry in zip(histories, loadings, strict=True)
    ]
    raw = np.vstack(features)
    groups = np.repeat(np.arange(len(features)), [len(entry) for entry in features])
    inputs = replace(inputs, center=raw.mean(axis=0), scale=_scales(raw, inputs.modes.shape[1]))
    samples = _Samples(by, inputs, (raw - inputs.center) / inputs.scale, np.concatenate(labels), groups)
    tried = [_Form(bumps, width, strength) for bumps, width in _shapes(samples.features) for strength in STRENGTHS]
    scores = [_accuracy(form, samples, seed) for form in tried]
    best = int(np.argmax(scores))
    return replace(_fit(tried[best], samples, np.arange(len(raw))), certainty=certainty, accuracy=scores[best])


@dataclass(frozen=True)
class _Samples:
    """What is learnt from: (n, n_features) scaled features, their (n,) models and computations."""

    by: By
    inputs: Inputs
    features: Floats
    labels: Ints
    groups: Ints


def _inputs(thermal: ThermalPoints, loadings: Sequence[Loading]) -> Inputs:
    """Return the modes of the temperature changes and the names of the loads, not scaled yet."""
    changes = np.vstack(
        [temperatures(thermal, entry, entry.times) - initial_temperature(thermal, entry) for entry in loadings]
    )
    _, values, modes = np.linalg.svd(changes, full_matrices=False)
    energy = np.cumsum(values[::-1] ** 2)[::-1]
    kept = int(np.count_nonzero(energy > THERMAL_TOLERANCE**2 * energy[0]))
    names = sorted({name for entry in loadings for name in load_amplitudes(entry)})
    return Inputs(modes[: min(kept, MAX_THERMAL)].T.copy(), tuple(names), np.zeros(0), np.zeros(0))


def _scales(raw: Floats, n_thermal: int) -> Floats:
    """Return the (n_features,) scales: one for all temperatures, so that small modes stay small; one per load."""
    spread = raw.std(axis=0)
    n = raw.shape[1] // 2
    thermal = np.arange(raw.shape[1]) % n < n_thermal
    spread[thermal] = spread[thermal].max(initial=0.0)
    return np.where(spread > 1e-12 * np.abs(raw).max(axis=0, initial=0.0), spread, 1.0)


@dataclass(frozen=True)
class _Form:
    """A form of the selector: bumps around the training's inputs or none, and how strongly it is fitted."""

    bumps: bool
    width: float
    strength: float


def _shapes(features: Floats) -> list[tuple[bool, float]]:
    """Return the forms to try: linear, then bumps of several widths."""
    some = features[np.unique(np.linspace(0, len(features) - 1, MOST_ANCHORS).astype(np.int64))]
    distances = np.linalg.norm(some[:, None] - some[None], axis=2)[np.triu_indices(len(some), 1)]
    middle = float(np.median(distances)) if len(distances) else 0.0
    return [(False, 1.0), *((True, part * middle) for part in WIDTHS if middle > 0.0)]


def _accuracy(form: _Form, samples: _Samples, seed: int) -> float:
    """Return the part of the training that is chosen rightly when its computation is left out."""
    right, labels = 0, samples.labels
    first = labels[np.searchsorted(samples.groups, np.arange(samples.groups[-1] + 1))]
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(first[order], kind="stable")]  # each fold has its share of each model
    folds = min(FOLDS, len(first))
    for fold in range(folds):
        out = np.isin(samples.groups, order[fold::folds])
        if out.all():
            return 1.0
        selector = _fit(form, samples, np.flatnonzero(~out))
        found = probabilities(selector, samples.features[out]).argmax(axis=1)
        right += int(np.count_nonzero(found == labels[out]))
    return right / len(labels)


def _fit(form: _Form, samples: _Samples, rows: Ints) -> Selector:
    """Fit the logits to some of the samples; models without a sample get none."""
    features, labels = samples.features[rows], samples.labels[rows]
    n_models = int(samples.labels.max()) + 1
    some = np.unique(np.linspace(0, len(features) - 1, MOST_ANCHORS).astype(np.int64))
    anchors = features[some] if form.bumps else features[:0]
    here = np.unique(labels)
    weights, offset = np.zeros((len(anchors) or features.shape[1], n_models)), np.full(n_models, -np.inf)
    if len(here) == 1:
        offset[here[0]] = 0.0
    else:
        weights[:, here], offset[here] = _logistic(columns(features, anchors, form.width), labels, form.strength)
    return Selector(samples.by, samples.inputs, anchors.copy(), form.width, weights, offset, 0.0, 0.0)


def _logistic(values: Floats, labels: Ints, strength: float) -> tuple[Floats, Floats]:
    """Return the (n_columns, n) weights and (n,) offsets of a logistic regression on the n labels that occur."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = LogisticRegression(C=strength, max_iter=1000).fit(values, labels)
    if len(found.intercept_) == 1:  # two labels have one row of logits
        return 0.5 * np.outer(found.coef_[0], [-1.0, 1.0]), 0.5 * found.intercept_ * np.array([-1.0, 1.0])
    return found.coef_.T.copy(), found.intercept_.copy()
