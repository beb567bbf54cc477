"""Validity domain: what a model was trained on, and how far a new load is from it (theory, eq. (7.5))."""

from collections.abc import Sequence

import numpy as np

from romtool.loading import Dirichlet, Load, Loading
from romtool.reduced.model import ReducedModel, ThermalPoints, Validity
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats

NEW_TEMPERATURE = 1e-3
"""Relative distance from the span of the training beyond which a temperature field counts as new."""

UNKNOWN = "not in the training"
"""What is said of a load that did not act in the training."""

SLACK = 1e-6
"""Relative excess over a training range that is not worth a word."""


def training_domain(thermal: ThermalPoints, loadings: Sequence[Loading]) -> Validity:
    """Return what a training covers.

    Parameters
    ----------
    thermal: the nodes whose temperature the model needs.
    loadings: of the training, their temperature restricted to these nodes.
    """
    fields = [temperatures(thermal, loading, loading.times) for loading in loadings]
    steps = np.concatenate([np.diff(loading.times) for loading in loadings])
    amplitudes: dict[str, Floats] = {}
    for loading in loadings:
        for entry in _acting(loading):
            values = _amplitudes(loading, entry)
            known = amplitudes.get(_key(entry), values)
            amplitudes[_key(entry)] = np.array([min(known.min(), values.min()), max(known.max(), values.max())])
    changes = np.vstack(
        [found - initial_temperature(thermal, loading) for loading, found in zip(loadings, fields, strict=True)]
    )
    _, values, modes = np.linalg.svd(changes, full_matrices=False)
    return Validity(
        temperature=np.array([min(f.min() for f in fields), max(f.max() for f in fields)]),
        temperature_rate=max(_rate(loading, found) for loading, found in zip(loadings, fields, strict=True)),
        step=np.array([steps.min(), steps.max()]),
        amplitudes=amplitudes,
        temperature_span=modes[values > 1e-8 * max(values[0], np.finfo(np.float64).tiny)].T.copy(),
        always=tuple(key for key in amplitudes if all(key in _not_zero(loading) for loading in loadings)),
    )


def outside_validity(model: ReducedModel, loading: Loading) -> list[str]:
    """Return sentences on what in a loading the training does not cover; none where it covers all.

    Parameters
    ----------
    model: the reduced model.
    loading: its temperature restricted to the model's thermal nodes.
    """
    return [f"{what}: {how}" for what, how in departures(model, loading).items()]


def departures(model: ReducedModel, loading: Loading) -> dict[str, str]:
    """Return in which respects a loading leaves the training ("temperature", "pressure on END" …), and how far.

    Parameters
    ----------
    model, loading: as for `outside_validity`.
    """
    known, fields = model.validity, temperatures(model.thermal, loading, loading.times)
    found = {
        "temperature": _beyond(fields, known.temperature),
        "rate of temperature": _beyond(np.array([_rate(loading, fields)]), np.array([0.0, known.temperature_rate])),
        "time step": _beyond(np.diff(loading.times), known.step),
    }
    if loading.initial:
        found["initial stress and strain"] = "the training has none"
    for entry in _acting(loading):
        key = _key(entry)
        beyond = _beyond(_amplitudes(loading, entry), known.amplitudes[key]) if key in known.amplitudes else UNKNOWN
        found[key] = found.get(key) or beyond
    absent = [key for key in known.always if key not in _not_zero(loading)]
    found |= {key: found.get(key) or "does not act, and does in all of the training" for key in absent}
    distance = float(temperature_distances(model, loading, loading.times).max())
    if distance > NEW_TEMPERATURE:
        found["temperature field"] = f"{distance:.1%} of its change is outside the span of the training's fields"
    return {what: how for what, how in found.items() if how}


def temperature_distances(model: ReducedModel, loading: Loading, times: Floats) -> Floats:
    """Return what of the temperature's change from its initial value is outside the span of the training's.

    Parameters
    ----------
    model: the reduced model.
    loading: its temperature restricted to the model's thermal nodes.
    times: (n_times,) float [time].

    Returns
    -------
    (n_times,) norms, relative to the largest change.
    """
    span = model.validity.temperature_span
    changes = temperatures(model.thermal, loading, times) - initial_temperature(model.thermal, loading)
    outside = np.linalg.norm(changes - (changes @ span) @ span.T, axis=1)
    largest = float(np.linalg.norm(changes, axis=1).max(initial=0.0))
    return outside / largest if largest > 0.0 else outside


def temperatures(thermal: ThermalPoints, loading: Loading, times: Floats) -> Floats:
    """Return the (n_times, n_nodes) temperatures of the thermal nodes."""
    history = build_temperature(loading.temperature, evaluate_at(thermal.points), float(loading.times[0]))
    return history.over(times)


def initial_temperature(thermal: ThermalPoints, loading: Loading) -> Floats:
    """Return the (n_nodes,) temperatures of the undeformed body."""
    return evaluate_at(thermal.points)(loading.temperature.undeformed)


def _rate(loading: Loading, fields: Floats) -> float:
    """Return the largest change of temperature per time."""
    return float((np.abs(np.diff(fields, axis=0)).max(axis=1, initial=0.0) / np.diff(loading.times)).max())


def _acting(loading: Loading) -> tuple[Load | Dirichlet, ...]:
    """Return the loads and the prescribed displacements that are not zero."""
    return (*loading.loads, *(entry for entry in loading.dirichlet if np.any(entry.value)))


def _key(entry: Load | Dirichlet) -> str:
    """Return how a load or a prescribed displacement is named in sentences and in the model."""
    if isinstance(entry, Load):
        return f"{entry.kind} on {entry.region}"
    return f"displacement {''.join('xyz'[c] for c in entry.components)} of {entry.nodes}"


def _amplitudes(loading: Loading, entry: Load | Dirichlet) -> Floats:
    """Return the (n_times,) size of what acts: its table times its value, the norm of a field or vector."""
    value = np.asarray(entry.value, dtype=np.float64)
    size = float(value) if value.ndim == 0 else float(np.linalg.norm(value))
    return size * loading.amplitudes(entry.table, loading.times)


def load_amplitudes(loading: Loading) -> dict[str, Floats]:
    """Return "kind on set" -> (n_times,) size of each load and prescribed displacement; the sum where several act."""
    found: dict[str, Floats] = {}
    for entry in _acting(loading):
        found[_key(entry)] = found.get(_key(entry), 0.0) + _amplitudes(loading, entry)
    return found


def _not_zero(loading: Loading) -> set[str]:
    """Return the names of what acts at some time."""
    return {_key(entry) for entry in _acting(loading) if np.any(_amplitudes(loading, entry))}


def _beyond(values: Floats, known: Floats) -> str:
    """Say where values leave a range, "" where they do not."""
    slack = SLACK * float(np.abs(known).max())
    low, high = float(values.min()) + 0.0, float(values.max()) + 0.0  # no -0
    if low >= known[0] - slack and high <= known[1] + slack:
        return ""
    return f"{low:.6g} to {high:.6g}, trained on {known[0]:.6g} to {known[1]:.6g}"
