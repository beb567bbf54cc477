"""March a reduced model through a loading: step cutting around the compiled loop, and its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from romtool.constraints import Equations
from romtool.errors import ConvergenceError
from romtool.laws import evaluate, initial_fields, state_fields
from romtool.loading import InitialField, Loading
from romtool.reduced.forces import build_schedule
from romtool.reduced.layout import Criteria, Points, Schedule, Trajectory
from romtool.reduced.model import DualBasis, ReducedModel, ThermalPoints
from romtool.reduced.newton import NEGLIGIBLE, march
from romtool.reduced.setup import Setup, cut_schedule, set_up, slice_schedule
from romtool.reduced.state import CycleHistory, ReducedState, times_from, write_state
from romtool.reduced.stepping import Crossing, cross, empty_trajectory
from romtool.settings import NewtonSettings
from romtool.temperature import restrict
from romtool.types import Bools, Floats, Ints

Array = TypeVar("Array", Floats, Ints, Bools)

_ROWS = ("times", "coordinates", "lifting", "duals", "residuals", "elastic", "samples", "iterations", "cuts")
"""What a history has at each time."""

NO_TANGENT = np.zeros((0, 6, 6))
"""Asks `romtool.laws.evaluate` for no tangents."""


@dataclass(frozen=True)
class ReducedHistory:
    """The answer of a reduced model to one loading.

    Parameters
    ----------
    name: of the loading.
    times: (n_times,) float [time].
    coordinates: (n_times, n_modes) generalised displacements.
    lifting: (n_times, n_liftings) amplitudes of the prescribed displacements.
    duals: field -> (n_times, n_dual_modes) coefficients.
    residuals: field -> (n_times,) norm of the gappy misfit over the largest sample norm so far (theory, eq. (7.1)).
    elastic: field -> (n_times,) bool, whether the field has been negligible so far.
    samples: field -> (n_times, n_points, n_components) at the reduced points.
    iterations, cuts: (n_times,) Newton iterations and halvings behind each time.
    evaluations: number of calls of the law on the active points.
    end: the complete state at the last time; None of a history that was shortened.
    cycles: what each cycle did; None without cycles.
    """

    name: str
    times: Floats
    coordinates: Floats
    lifting: Floats
    duals: dict[str, Floats]
    residuals: dict[str, Floats]
    elastic: dict[str, Bools]
    samples: dict[str, Floats]
    iterations: Ints
    cuts: Ints
    evaluations: int
    end: ReducedState | None = None
    cycles: CycleHistory | None = None

    def until(self, count: int) -> "ReducedHistory":
        """Return the first `count` times; the state at the end is not known there."""
        if count >= len(self.times):
            return self
        return replace(
            self,
            times=self.times[:count],
            coordinates=self.coordinates[:count],
            lifting=self.lifting[:count],
            duals={field: values[:count] for field, values in self.duals.items()},
            residuals={field: values[:count] for field, values in self.residuals.items()},
            elastic={field: values[:count] for field, values in self.elastic.items()},
            samples={field: values[:count] for field, values in self.samples.items()},
            iterations=self.iterations[:count],
            cuts=self.cuts[:count],
            end=None,
            cycles=None,
        )


def restrict_to_thermal(loading: Loading, thermal: ThermalPoints) -> Loading:
    """Return a loading of the whole mesh whose temperature runs over a model's thermal nodes only.

    Constraints whose right-hand sides are zero hold for every mode, so that they are left out.
    """
    moved = tuple(entry for entry in loading.constraints if isinstance(entry, Equations) and entry.values.any())
    temperature = restrict(loading.temperature, thermal.rows, thermal.points)
    return replace(loading, temperature=temperature, constraints=moved)


def start_undeformed(points: Points, out: Trajectory, initial: Sequence[InitialField]) -> None:
    """Write what a computation begins with to the first row of a trajectory."""
    n = len(points.active.sites.material)
    for rows, part in ((slice(0, n), points.active), (slice(n, None), points.sampled)):
        out.state[0, rows], out.stress[0, rows], _ = initial_fields(points.tables, part.sites, initial)


class MarchStoppedError(ConvergenceError):
    """A march that could not go on; `history` holds the times that were reached."""

    def __init__(self, message: str, history: ReducedHistory) -> None:
        super().__init__(message)
        self.history = history


def march_loading(
    model: ReducedModel,
    loading: Loading,
    criteria: NewtonSettings,
    reached: Floats | None = None,
    *,
    start: ReducedState | None = None,
    until: float | None = None,
    setup: Setup | None = None,
) -> ReducedHistory:
    """March a reduced model through a loading: from the undeformed state, from another, or behind known steps.

    A step that fails is halved up to `max_cuts` times, with the loads evaluated at the new times.

    Parameters
    ----------
    model: the reduced model.
    loading: its temperature restricted to the model's thermal nodes.
    criteria: tolerance of Newton's method and step cutting.
    reached: (n_reached, n_modes) coordinates at the first times, one or more; the laws follow them at the reduced
        points, and the march goes on behind them.
    start: the state to start from, at its time of the loading; the undeformed one at the first time where None.
    until: last time to march to [time]; that of the loading where None.
    setup: of the model and the loading, made by `set_up`; made here where None.

    Returns
    -------
    The history from the start on.

    Raises
    ------
    CaseError: the loading asks for what the model was not trained for.
    ModelError: a start of another model.
    MarchStoppedError: a step did not converge at the smallest size; it holds the steps before.
    """
    points, whole = setup or set_up(model, loading)
    begun = None if start is None else start.time
    schedule = cut_schedule(whole, begun, until)
    if schedule is None:
        schedule = build_schedule(model, loading, times_from(loading.times, begun, until))
    out, scale = empty_trajectory(model, len(schedule.times), criteria), np.zeros(1)
    begin(points, out, scale, start, loading.initial)
    cuts, first = np.zeros(len(schedule.times), dtype=np.int64), 0
    if reached is not None:
        scale[0] = max(scale[0], follow(model, points, schedule, out, reached))
        first = len(reached) - 1
    count, stopped = cross(Crossing(model, loading, criteria, points, scale), schedule, out, cuts, first)
    largest = {} if start is None else start.largest
    found = history_of(
        model, loading.name, slice_schedule(schedule, 0, count), head_rows(out, count), (cuts[:count], scale, largest)
    )
    if stopped is not None:
        raise MarchStoppedError(str(stopped), found) from stopped
    return found


def begin(
    points: Points, out: Trajectory, scale: Floats, start: ReducedState | None, initial: Sequence[InitialField]
) -> None:
    """Write the state that a march starts from, that of the undeformed body where None, to the first row.

    Raises
    ------
    ModelError: a start of another model.
    """
    if start is None:
        start_undeformed(points, out, initial)
        return
    write_state(start, out)
    scale[0] = start.scale


def follow(model: ReducedModel, points: Points, schedule: Schedule, out: Trajectory, reached: Floats) -> float:
    """Fill the first rows of a trajectory: states and stresses at the reduced points along known coordinates.

    Parameters
    ----------
    model: the reduced model.
    points, schedule: of the loading.
    out: written.
    reached: (n_reached, n_modes) the coordinates.

    Returns
    -------
    The largest norm of the absolute internal force contributions.

    Raises
    ------
    ConvergenceError: a law that could not be integrated.
    """
    out.coordinates[: len(reached)] = reached
    out.rate[:] = 0.0
    lifting = np.array([entry.strain for entry in model.liftings]).reshape(len(model.liftings), len(model.material), 6)
    strains = np.tensordot(reached, model.strain_modes, axes=(1, 2))
    strains += np.tensordot(schedule.lifting[: len(reached)], lifting, axes=1)
    n, largest = model.n_active, 0.0
    for i in range(1, len(reached)):
        for part, rows in ((points.active, slice(0, n)), (points.sampled, slice(n, None))):
            failed = evaluate(
                model.tables,
                part.sites,
                schedule.temperature[i, rows],
                schedule.times[i - 1],
                schedule.times[i],
                schedule.viscous[i - 1],
                strains[i, rows] + part.fixed.T,
                out.state[i - 1, rows],
                out.state[i, rows],
                out.stress[i, rows],
                NO_TANGENT,
            )
            if failed:
                element, point = model.point_ids[rows][failed - 1]
                raise ConvergenceError(
                    f"the material law of element {element}, point {point} could not follow the computation to time "
                    f"{schedule.times[i]:g}; try smaller steps in [time]"
                )
        largest = max(largest, _absolute_norm(points.weighted, out.stress[i, : model.n_active]))
    return largest


def _absolute_norm(weighted: Floats, stress: Floats) -> float:
    """Return the norm over the modes of `Σ_k |w_k eps(psi_j)(k):sig(k)|`, as the compiled march has it."""
    absolute = np.abs(np.einsum("jak,ka->jk", weighted, stress)).sum(axis=1)
    size = np.linalg.norm(stress, axis=0).sum()
    return float(max(np.linalg.norm(absolute), NEGLIGIBLE * np.linalg.norm(weighted) * size))


def load_kernels(model: ReducedModel) -> None:
    """Bring the compiled march into memory, so that the first load is as quick as the next ones."""
    times = model.first.times[:1]
    points, schedule = set_up(model, model.first, times)
    march(points, schedule, Criteria(1.0, 0), np.zeros(1), empty_trajectory(model, 1, NewtonSettings()))


def head_rows(out: Trajectory, count: int) -> Trajectory:
    """Return views of the rows of the first `count` times."""
    rows = (out.coordinates[:count], out.state[:count], out.stress[:count], out.iterations[:count])
    return Trajectory(*rows, out.residual[:count], out.evaluations, out.history, out.rate)


def history_of(
    model: ReducedModel,
    name: str,
    schedule: Schedule,
    out: Trajectory,
    known: tuple[Ints, Floats, Mapping[str, float]],
) -> ReducedHistory:
    """Bring the trajectory into field terms; `known` are cuts, scale, and the largest samples before it."""
    cuts, scale, before = known
    samples = {field: sampled(model, out, field) for field in model.duals}
    solved = {field: gappy_history(model.duals[field], samples[field], before.get(field, 0.0)) for field in model.duals}
    return ReducedHistory(
        name=name,
        times=schedule.times,
        coordinates=out.coordinates,
        lifting=schedule.lifting,
        duals={field: found.coefficients for field, found in solved.items()},
        residuals={field: found.misfit for field, found in solved.items()},
        elastic={field: found.elastic for field, found in solved.items()},
        samples=samples,
        iterations=out.iterations,
        cuts=cuts,
        evaluations=int(out.evaluations[0]),
        end=end_state(schedule, out, scale, {field: found.largest for field, found in solved.items()}),
    )


def end_state(schedule: Schedule, out: Trajectory, scale: Floats, largest: Mapping[str, float]) -> ReducedState:
    """Return the complete state in the last row of a trajectory.

    Parameters
    ----------
    schedule, out: the march.
    scale: (1,) largest norm of the absolute internal force contributions.
    largest: dual field -> largest norm of its samples.
    """
    return ReducedState(
        time=float(schedule.times[-1]),
        coordinates=out.coordinates[-1].copy(),
        rate=out.rate.copy(),
        state=out.state[-1].copy(),
        stress=out.stress[-1].copy(),
        scale=float(scale[0]),
        largest=largest,
    )


def join_histories(parts: Sequence[ReducedHistory]) -> ReducedHistory:
    """Return the history of marches of which each went on from the end of the one before."""
    if len(parts) == 1:
        return parts[0]

    def joined(values: Sequence[Array]) -> Array:
        return np.concatenate([values[0], *(entry[1:] for entry in values[1:])])

    def rows(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        if isinstance(values[0], Mapping):
            return {field: joined([entry[field] for entry in values]) for field in values[0]}
        return joined(values)

    evaluations = sum(part.evaluations for part in parts)
    return ReducedHistory(
        name=parts[0].name, evaluations=evaluations, end=parts[-1].end, **{name: rows(name) for name in _ROWS}
    )


def sampled(model: ReducedModel, out: Trajectory, field: str) -> Floats:
    """Return the (n_times, n_points, n_components) values of a dual field at the reduced points."""
    if field == "stress":
        return out.stress
    return out.state[:, :, state_fields(model.tables)[field]]


class Fit(NamedTuple):
    """Samples of a dual field on its gappy basis.

    coefficients (n_times, n_dual_modes); misfit (n_times,) relative to the largest sample norm so far, or to the floor;
    elastic (n_times,) whether the samples have been below the floor so far; largest sample norm at the end.
    """

    coefficients: Floats
    misfit: Floats
    elastic: Bools
    largest: float


def gappy_history(basis: DualBasis, samples: Floats, before: float = 0.0) -> Fit:
    """Fit the dual basis to the samples of all times (theory, eqs. (6.1) and (7.1)).

    Parameters
    ----------
    basis: gappy basis of the field.
    samples: (n_times, n_points, n_components).
    before: largest norm of the samples of earlier times.
    """
    values = samples.reshape(len(samples), -1)
    coefficients = values @ basis.operator.pseudo_inverse.T
    misfit = np.linalg.norm(values - coefficients @ basis.operator.basis_at_points.T, axis=1)
    largest = np.maximum(np.maximum.accumulate(np.linalg.norm(values, axis=1)), before)
    return Fit(coefficients, misfit / np.maximum(largest, basis.floor), largest < basis.floor, float(largest[-1]))
