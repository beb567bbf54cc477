"""Choose one of several local models from the input of a load case alone (theory, section 9).

The input is the temperature of the thermal nodes, as coordinates on the modes of the training's temperatures, and the
sizes of the scalar loads, over time; the choice is a logistic regression on it, or on Gaussian bumps around the
training's inputs.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from romtool.loading import Loading
from romtool.reduced.model import ThermalPoints
from romtool.reduced.validity import initial_temperature, load_amplitudes, temperatures
from romtool.types import Floats


@dataclass(frozen=True)
class Inputs:
    """How a loading becomes numbers.

    Parameters
    ----------
    modes: (n_nodes, n_thermal) orthonormal modes of the temperature's change at the thermal nodes.
    loads: names of scalar loads, "kind on set".
    center, scale: (n_features,) what is subtracted, and divided by.
    """

    modes: Floats
    loads: tuple[str, ...]
    center: Floats
    scale: Floats


@dataclass(frozen=True)
class Selector:
    """Which local model a loading belongs to.

    Parameters
    ----------
    by: whether a "simulation" is chosen for, or each increment ("time").
    inputs: how a loading becomes numbers.
    anchors: (n_anchors, n_features) centres of the Gaussian bumps, or (0, n_features) for a linear choice.
    width: of the bumps.
    weights: (n_columns, n_models), logits per feature or bump.
    offset: (n_models,)
    certainty: probability below which the two most probable models are run, and the indicator decides.
    accuracy: part of the training that is chosen rightly when it is left out.
    """

    by: Literal["simulation", "time"]
    inputs: Inputs
    anchors: Floats
    width: float
    weights: Floats
    offset: Floats
    certainty: float
    accuracy: float


def input_history(inputs: Inputs, thermal: ThermalPoints, loading: Loading) -> Floats:
    """Return the (n_times, n_thermal + n_loads) coordinates of the temperature and sizes of the loads.

    Parameters
    ----------
    inputs: how a loading becomes numbers.
    thermal: the nodes that its temperature runs over.
    loading: the loading.
    """
    change = temperatures(thermal, loading, loading.times) - initial_temperature(thermal, loading)
    acting = load_amplitudes(loading)
    none = np.zeros(len(loading.times))
    return np.column_stack([change @ inputs.modes, *(acting.get(name, none) for name in inputs.loads)])


def summarise(history: Floats, times: Floats) -> Floats:
    """Return the (2 n,) extreme, with its sign, and mean over time of n inputs.

    Parameters
    ----------
    history: (n_times, n) inputs.
    times: (n_times,) float [time].
    """
    extreme = np.take_along_axis(history, np.argmax(np.abs(history), axis=0)[None], axis=0)[0]
    mean = np.diff(times) @ (0.5 * (history[1:] + history[:-1])) / (times[-1] - times[0])
    return np.concatenate([extreme, mean])


def increments(history: Floats) -> Floats:
    """Return the (n_times - 1, 2 n) values at the end of each increment, and changes over it, of n inputs.

    Parameters
    ----------
    history: (n_times, n) inputs.
    """
    return np.column_stack([history[1:], np.diff(history, axis=0)])


def columns(features: Floats, anchors: Floats, width: float) -> Floats:
    """Return what the logits are linear in: the (n, n_features) features, or (n, n_anchors) Gaussian bumps."""
    if not len(anchors):
        return features
    squares = np.sum((features[:, None, :] - anchors[None]) ** 2, axis=2)
    return np.asarray(np.exp(-0.5 * squares / width**2))


def probabilities(selector: Selector, features: Floats) -> Floats:
    """Return the (n, n_models) probabilities of (n, n_features) scaled features."""
    logits = columns(features, selector.anchors, selector.width) @ selector.weights + selector.offset
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def loading_probabilities(selector: Selector, thermal: ThermalPoints, loading: Loading) -> Floats:
    """Return the (1, n_models) probabilities of a loading, or the (n_increments, n_models) ones of its increments.

    Parameters
    ----------
    selector: the selector; it knows which of the two.
    thermal: the nodes that the loading's temperature runs over, those of the training of the selector.
    loading: the loading.
    """
    history = input_history(selector.inputs, thermal, loading)
    found = increments(history) if selector.by == "time" else summarise(history, loading.times)[None]
    return probabilities(selector, (found - selector.inputs.center) / selector.inputs.scale)


def candidates(selector: Selector, found: Floats) -> tuple[int, ...]:
    """Return the models to run: the most probable one, and the next where that is uncertain.

    Parameters
    ----------
    selector: the selector.
    found: (n_models,) probabilities.
    """
    order = np.argsort(-found, kind="stable")
    return tuple(int(i) for i in order[: 1 if found[order[0]] >= selector.certainty else 2])
