"""The temperature of an online result on the whole mesh; the result itself knows it at the model's thermal nodes alone.

Fields of the training that the model remembers, and their linear combinations, are recognised at the thermal nodes.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.fem.partition import merge
from romtool.io.load import apply_load, read_load
from romtool.loading import Temperature
from romtool.offline.training import TrainingRecord
from romtool.pipeline.folders import read_subdomain
from romtool.pipeline.model_fields import changes_nothing
from romtool.pipeline.sources import field_reader
from romtool.pipeline.study_inputs import mesh_nodes, n_subdomains
from romtool.reduced.march import restrict_to_thermal
from romtool.reduced.model import ReducedModel
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats

TOLERANCE = 1e-6
"""Largest difference at the thermal nodes from a combination of known fields, relative to the largest temperature."""


class MeshTemperature:
    """Brings temperatures at the thermal nodes of a model to the whole mesh.

    Parameters
    ----------
    model, record: the model and what it remembers of its training.
    source: its folder.
    """

    def __init__(self, model: ReducedModel, record: TrainingRecord, source: Path) -> None:
        self._model, self._record, self._source = model, record, source

    @cached_property
    def _extension(self) -> Callable[[Any], Any]:
        """Return what extends a value at the thermal nodes."""
        points, _ = mesh_nodes(self._source, self._model)
        return _extension(self._model, _known_fields(self._record, points))

    def extend(self, temperature: Temperature) -> Temperature:
        """Return the history on the whole mesh where its fields are combinations of those of the training.

        Raises
        ------
        CaseError: they are not.
        """
        known = {name: getattr(temperature, name) for name in ("initial", "reference")}
        return replace(
            temperature,
            entries=tuple(replace(entry, value=self._extension(entry.value)) for entry in temperature.entries),
            **{name: self._extension(value) for name, value in known.items() if np.ndim(value)},
        )

    def of_load(self, temperature: Temperature, load: Path) -> Temperature:
        """Return the history of a load file on the whole mesh, which has to be `temperature` at the thermal nodes.

        Raises
        ------
        CaseError: it is another one.
        """
        model, record = self._model, self._record
        parts = [read_subdomain(self._source, model.model_id, index) for index in range(n_subdomains(model))]
        file, fields = read_load(load), field_reader(merge(parts).mesh)
        loading = apply_load(record.loadings[0] if changes_nothing(file) else record.loading, file, fields)
        if not _agree(restrict_to_thermal(loading, model.thermal).temperature, temperature, model.thermal.points):
            raise CaseError(
                f"{load} has another temperature than the result; give the load file that it was answered for"
            )
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
