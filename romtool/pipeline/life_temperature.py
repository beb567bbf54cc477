"""The temperature of an online result on the whole mesh; the result itself knows it at the model's thermal nodes alone.

Fields of the training that the model remembers, and their linear combinations, are recognised at the thermal nodes.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.fem.partition import merge
from romtool.io.load import apply_load, read_load
from romtool.loading import Temperature
from romtool.offline.training import TrainingRecord
from romtool.pipeline.folders import read_subdomain
from romtool.pipeline.online import changes_nothing
from romtool.pipeline.sources import field_reader
from romtool.pipeline.study_inputs import mesh_nodes, n_subdomains
from romtool.reduced.march import restrict_to_thermal
from romtool.reduced.model import ReducedModel
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats

TOLERANCE = 1e-6
"""Largest difference at the thermal nodes from a combination of known fields, relative to the largest temperature."""


def mesh_temperature(
    temperature: Temperature, model: ReducedModel, record: TrainingRecord, source: Path, load: Path | None
) -> Temperature:
    """Return a temperature history on the whole mesh from that at the thermal nodes.

    Parameters
    ----------
    temperature: of the result, at the model's thermal nodes.
    model, record: and what it remembers of its training.
    source: folder of the model.
    load: the load file of the result; None where the temperature is a combination of fields of the training.

    Raises
    ------
    CaseError: a field that is no combination of those of the training, or another load file than that of the result.
    """
    if load is not None:
        return _of_load(temperature, model, record, source, load)
    points, _ = mesh_nodes(source, model)
    extend = _extension(model, _known_fields(record, points))
    entries = tuple(replace(entry, value=extend(entry.value)) for entry in temperature.entries)
    initial = temperature.initial
    return replace(temperature, initial=initial if np.ndim(initial) == 0 else extend(initial), entries=entries)


def _of_load(
    temperature: Temperature, model: ReducedModel, record: TrainingRecord, source: Path, load: Path
) -> Temperature:
    """Return the temperature of a load file on the whole mesh, which has to be the result's at the thermal nodes."""
    count = n_subdomains(model)
    mesh = merge([read_subdomain(source, model.model_id, index) for index in range(count)]).mesh
    file = read_load(load)
    loading = apply_load(record.loadings[0] if changes_nothing(file) else record.loading, file, field_reader(mesh))
    here = restrict_to_thermal(loading, model.thermal).temperature
    if not _agree(here, temperature, model.thermal.points):
        raise CaseError(f"{load} has another temperature than the result; give the load file that it was answered for")
    return loading.temperature


def _agree(a: Temperature, b: Temperature, points: Floats) -> bool:
    """Tell whether two temperatures of the thermal nodes are the same."""
    if [entry.time for entry in a.entries] != [entry.time for entry in b.entries] or a.cycles != b.cycles:
        return False
    histories = [build_temperature(entry, evaluate_at(points), -np.inf) for entry in (a, b)]
    left, right = (np.array([h.initial, *(h.at(float(time)) for time in h.times)]) for h in histories)
    return bool(np.allclose(left, right, rtol=TOLERANCE, atol=0.0))


def _known_fields(record: TrainingRecord, points: Floats) -> Floats:
    """Return the (n_nodes, n) temperature fields of the training on the whole mesh, the first one uniform."""
    evaluate, known = evaluate_at(points), [np.ones(len(points))]
    for loading in (record.loading, *record.loadings):
        heat = loading.temperature
        for value in (heat.initial, *(entry.value for entry in heat.entries)):
            if not np.isscalar(value) or isinstance(value, str):
                known.append(evaluate(value))
    fields = np.array(known).T
    _, first = np.unique(fields, axis=1, return_index=True)
    return np.asarray(fields[:, np.sort(first)])


def _extension(model: ReducedModel, known: Floats) -> Callable[[Any], Any]:
    """Return what extends a value at the thermal nodes to the whole mesh."""
    here = known[model.thermal.rows]
    unique = np.linalg.matrix_rank(known) == np.linalg.matrix_rank(here) < len(here)

    def extend(value: Any) -> Any:
        if isinstance(value, str) or np.ndim(value) == 0:
            return value
        wanted = np.asarray(value)
        if np.ptp(wanted) == 0.0:
            return float(wanted[0])
        factors = np.linalg.lstsq(here, wanted, rcond=None)[0]
        gap = float(np.abs(here @ factors - wanted).max())
        if not unique or gap > TOLERANCE * float(np.abs(wanted).max()):
            raise CaseError(
                "the result knows its temperature at the model's thermal nodes only, and it is no combination of the "
                "training's fields; give the load file that was answered: --load LOAD.toml"
            )
        return np.asarray(known @ factors)

    return extend
