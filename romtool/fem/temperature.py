"""Nodal temperature over time: numbers, arrays and expressions become one array per entry, once."""

from dataclasses import dataclass

import numpy as np

from romtool.errors import CaseError
from romtool.fem.expressions import evaluate_expression
from romtool.loading import Temperature, cycle_time
from romtool.types import Floats, Mesh


@dataclass(frozen=True)
class TemperatureHistory:
    """Nodal temperature, linear in time between entries, constant outside, repeated in cycles.

    Parameters
    ----------
    initial: (n_nodes,) float [temperature], at which expansion starts.
    times: (n_entries,) float [time]. fields: (n_entries, n_nodes) float [temperature].
    cycles: how often the entries are run through.
    """

    initial: Floats
    times: Floats
    fields: Floats
    cycles: int = 1

    def at(self, time: float) -> Floats:
        """Return the (n_nodes,) temperature at `time` [time]; a fresh array."""
        if len(self.times) == 0:
            return self.initial.copy()
        local = cycle_time(time, float(self.times[0]), float(self.times[-1]), self.cycles)
        k = int(np.searchsorted(self.times, local, side="left"))
        if k == 0 or k == len(self.times):
            k = min(k, len(self.times) - 1)
            return np.array(self.fields[k])
        part = (local - self.times[k - 1]) / (self.times[k] - self.times[k - 1])
        result: Floats = self.fields[k - 1] + part * (self.fields[k] - self.fields[k - 1])
        return result


def build_temperature(temperature: Temperature, mesh: Mesh) -> TemperatureHistory:
    """Evaluate the entries of a temperature on the nodes of a mesh.

    Parameters
    ----------
    temperature: of a loading.
    mesh: its arrays run over these nodes.

    Returns
    -------
    TemperatureHistory.

    Raises
    ------
    CaseError: an array of another length, or an expression that cannot be evaluated.
    """
    entries = temperature.entries
    fields = [entry.scale * _field(entry.value, mesh) + entry.offset for entry in entries]
    return TemperatureHistory(
        initial=_field(temperature.initial, mesh),
        times=np.array([entry.time for entry in entries], dtype=np.float64),
        fields=np.array(fields).reshape(len(entries), mesh.n_nodes),
        cycles=temperature.cycles,
    )


def _field(value: float | Floats | str, mesh: Mesh) -> Floats:
    """Return the (n_nodes,) field that a number, an array or an expression of x, y, z stands for."""
    if isinstance(value, str):
        return evaluate_expression(value, dict(zip("xyz", mesh.points.T, strict=True)))
    if np.ndim(value) == 0:
        return np.full(mesh.n_nodes, value, dtype=np.float64)
    field = np.array(value, dtype=np.float64)
    if field.shape != (mesh.n_nodes,):
        raise CaseError(
            f"a temperature field has shape {field.shape}; expected one value for each of the "
            f"{mesh.n_nodes} nodes; check which mesh the file belongs to"
        )
    return field
