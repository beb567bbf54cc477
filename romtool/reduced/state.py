"""The complete state of a reduced march at one time: what another march goes on from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from romtool.errors import ModelError
from romtool.reduced.layout import Schedule, Trajectory
from romtool.types import Floats


@dataclass(frozen=True)
class ReducedState:
    """All that a march needs of what was before.

    Parameters
    ----------
    time: [time] of the loading that is marched through.
    coordinates: (n_modes,) generalised displacements.
    rate: (n_modes,) float [1/time] of the last step, to extrapolate from; zero where it was cut.
    state: (n_points, n_state) internal variables at the reduced points.
    stress: (n_points, 6) float [stress] there.
    scale: largest norm of the absolute internal force contributions so far.
    largest: dual field -> largest norm of its samples so far.
    """

    time: float
    coordinates: Floats
    rate: Floats
    state: Floats
    stress: Floats
    scale: float
    largest: Mapping[str, float]


@dataclass(frozen=True)
class CycleHistory:
    """What the cycles of a march did, at the reduced points.

    Parameters
    ----------
    ends: (n_cycles,) float [time].
    increment: (n_cycles,) largest increment of p.
    strain_range: (n_cycles,) largest equivalent (deviatoric) strain between two times of the cycle.
    change: (n_cycles,) largest change of increment or range from the cycle before, relative; NaN of the first.
    stabilised: number of cycles after which the march stopped since nothing changed any more; 0 where it did not.
    """

    ends: Floats
    increment: Floats
    strain_range: Floats
    change: Floats
    stabilised: int = 0


def write_state(state: ReducedState, out: Trajectory) -> None:
    """Write a state to the first row of a trajectory.

    Raises
    ------
    ModelError: it is of another model.
    """
    shapes = (state.coordinates.shape, state.state.shape, state.stress.shape)
    if shapes != (out.coordinates.shape[1:], out.state.shape[1:], out.stress.shape[1:]):
        raise ModelError(
            f"the state to go on from has {len(state.coordinates)} modes and {len(state.stress)} points, the model has "
            f"{out.coordinates.shape[1]} and {out.stress.shape[1]}; go on with the model of the earlier result"
        )
    out.coordinates[0], out.state[0], out.stress[0] = state.coordinates, state.state, state.stress
    out.rate[:] = state.rate


def times_from(times: Floats, start: float | None, until: float | None) -> Floats:
    """Return the start and the times behind it.

    Parameters
    ----------
    times: (n_times,) increasing float [time].
    start: where a march begins; the first time where None.
    until: where it ends; the last time where None.
    """
    first, last = (times[0] if start is None else start), (times[-1] if until is None else until)
    return np.concatenate([[first], times[(times > first) & (times <= last)]])


def join_rows(rows: Sequence[Trajectory], schedules: Sequence[Schedule]) -> tuple[Trajectory, Schedule]:
    """Return marches of which each went on from the end of the one before as one; the counter is the first one's."""

    def joined(parts: Sequence[Any]) -> Any:
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])

    fields = ("coordinates", "state", "stress", "iterations", "residual")
    arrays = {name: joined([getattr(part, name) for part in rows]) for name in fields}
    names = [name for name in Schedule._fields if name != "viscous"]
    acting = {name: joined([getattr(part, name) for part in schedules]) for name in names}
    viscous = np.concatenate([part.viscous for part in schedules])
    out = Trajectory(**arrays, evaluations=rows[0].evaluations, history=rows[-1].history, rate=rows[-1].rate)
    return out, Schedule(viscous=viscous, **acting)
