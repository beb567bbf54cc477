"""The complete state of a reduced march at one time: what another march goes on from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from romtool.errors import ModelError
from romtool.reduced.layout import Trajectory
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
