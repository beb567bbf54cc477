"""A reduced model that another program drives step by step: amplitudes in, quantities out.

Each step goes from the complete state at its beginning to its end; amplitudes are linear in between. Steps at the times
of a loading with its amplitudes give the very answer of a march through that loading.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from romtool.loading import Loading, Table, Temperature, TemperatureEntry
from romtool.reduced.march import ReducedHistory, march_loading
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import QuantityHistory, reduced_quantities
from romtool.reduced.state import ReducedState
from romtool.settings import NewtonSettings
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats

TEMPERATURE = "temperature"
"""Name of the factor on the rise of the temperature over that of the undeformed body."""


class CoSimulation:
    """A march that is driven from outside.

    Parameters
    ----------
    model: the reduced model.
    loading: what acts besides the amplitudes of its tables; its temperature restricted to the model's thermal nodes.
    criteria: of the reduced Newton march.
    """

    def __init__(self, model: ReducedModel, loading: Loading, criteria: NewtonSettings) -> None:
        self._model, self._loading, self._criteria = model, loading, criteria
        evaluate, self.time = evaluate_at(model.thermal.points), float(loading.times[0])
        self._heat = build_temperature(loading.temperature, evaluate, self.time)
        self._undeformed = evaluate(loading.temperature.undeformed)
        self._dissipated = 0.0
        self._state: ReducedState | None = None
        self.inputs = {table.name: table.at(self.time) for table in loading.tables} | {TEMPERATURE: 1.0}
        self._take(self._march({}, self.time))

    def step(self, duration: float, inputs: Mapping[str, float]) -> None:
        """Go on by a time.

        Parameters
        ----------
        duration: float [time], positive.
        inputs: some of `inputs`: amplitudes of tables, factor of the temperature, at the end of the step.

        Raises
        ------
        ConvergenceError: the step did not converge at the smallest size; the state stays as it was.
        """
        self._take(self._march(inputs, self.time + duration))

    def _march(self, inputs: Mapping[str, float], end: float) -> tuple[ReducedHistory, Loading, dict[str, float]]:
        """Return the answer from here to a time."""
        reached = {**self.inputs, **inputs}
        loading = self._between(end, reached)
        return march_loading(self._model, loading, self._criteria, start=self._state), loading, reached

    def _take(self, marched: tuple[ReducedHistory, Loading, dict[str, float]]) -> None:
        """Make the end of a march the present."""
        history, loading, self.inputs = marched
        self._state, self.time = history.end, float(loading.times[-1])
        found = reduced_quantities(self._model, loading, history)
        kinds = {entry.quantity.name: entry.quantity.kind for entry in self._model.quantities}
        known = {name: entry for name, entry in found.items() if not entry.missing}
        self.outputs = {name: self._present(kinds[name], entry) for name, entry in known.items()}

    def _present(self, kind: str, entry: QuantityHistory) -> float:
        """Return the present value of a quantity: what is dissipated adds up."""
        last = float(entry.values[-1])
        if kind != "dissipation":
            return last
        self._dissipated += last
        return self._dissipated

    def _between(self, end: float, reached: Mapping[str, float]) -> Loading:
        """Return the loading from now to a time, from the present inputs to those reached."""
        span = [self.time] if end == self.time else [self.time, end]
        inputs = (self.inputs, reached)[: len(span)]
        tables = tuple(
            Table(table.name, np.array([[t, at[table.name]] for t, at in zip(span, inputs, strict=True)]))
            for table in self._loading.tables
        )
        fields = [self._temperature(t, at[TEMPERATURE]) for t, at in zip(span, inputs, strict=True)]
        entries = tuple(TemperatureEntry(t, field) for t, field in zip(span, fields, strict=True))
        temperature = Temperature(fields[0], entries, reference=self._loading.temperature.undeformed)
        return replace(self._loading, times=np.array(span), tables=tables, temperature=temperature)

    def _temperature(self, time: float, factor: float) -> Floats:
        """Return the (n_nodes,) temperature of the thermal nodes."""
        field = self._heat.at(time)
        return field if factor == 1.0 else self._undeformed + factor * (field - self._undeformed)
