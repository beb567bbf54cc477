"""March a model through a load and repair it where its error bound is too large (theory, section 8).

The reduced march runs ahead; at the first step whose bound exceeds the tolerance the complete state before it is
rebuilt by following the reduced trajectory with the laws at all points, one high-fidelity step is solved, the model
learns from it, and the step is done again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from romtool.errors import AccuracyError, ConvergenceError
from romtool.hifi.march import HifiState, advance, follow, initial_state, thermoelastic
from romtool.hifi.problem import HifiProblem
from romtool.io.atomic import digest_text
from romtool.laws import state_fields
from romtool.linalg.agreement import on_root
from romtool.linalg.reduction import ordered_sum
from romtool.loading import Loading
from romtool.offline.calibrate import FLOOR
from romtool.offline.clock import Clock, Keep, KeepNothing
from romtool.offline.train import Trained
from romtool.offline.verify import growth, remembered_errors
from romtool.online.enrich import Ground, enrich
from romtool.progress import Tick, untold
from romtool.protocols import LinearSolver, SolverMemory
from romtool.reduced.forces import amplitude_of
from romtool.reduced.indicator import SMALLEST, Indication, first_above, indications_of
from romtool.reduced.march import MarchStoppedError, ReducedHistory, march_loading, restrict_to_thermal
from romtool.reduced.model import ReducedModel
from romtool.reduced.reconstruct import displacement
from romtool.reduced.validity import NEW_TEMPERATURE, temperature_distances
from romtool.types import Floats

Say = Callable[[str], None]

LARGEST_GROWTH = 1.1
"""Factor by which an enrichment may raise an error on the training without a word."""


@dataclass(frozen=True)
class Enrichment:
    """One repair of a model.

    Parameters
    ----------
    step: number of the step that was repaired; 0 for the thermo-elastic modes added before the run.
    time: at its end [time].
    indicator, bound: field -> before and after, (2,) float; NaN where not known.
    errors: field -> relative error of the step before the repair, against the high-fidelity one.
    iterations: of the high-fidelity step.
    n_modes, n_points: of the model afterwards.
    growth: largest factor by which the error on a training load has grown.
    seconds: by phase.
    """

    step: int
    time: float
    indicator: Mapping[str, Floats]
    bound: Mapping[str, Floats]
    errors: Mapping[str, float]
    iterations: int
    n_modes: int
    n_points: int
    growth: float
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Adapted:
    """The answer of a model that was repaired on the way.

    Parameters
    ----------
    trained: the model at the end.
    history: of the run, in the modes of that model.
    enrichments: in the order in which they were made.
    stopped: why the run ended before its last time; "" where it did not.
    """

    trained: Trained
    history: ReducedHistory
    enrichments: tuple[Enrichment, ...]
    stopped: str = ""


@dataclass(frozen=True)
class AdaptOptions:
    """When and how a model is repaired.

    Parameters
    ----------
    tolerance: largest error bound of a step.
    max_enrichments: high-fidelity steps at most.
    predictor: whether thermo-elastic modes of new temperature fields are added before the run.
    tick: told of the step that is repaired.
    """

    tolerance: float = 1e-2
    max_enrichments: int = 50
    predictor: bool = True
    tick: Tick = untold


@dataclass(frozen=True)
class NewLoad:
    """A load to answer, with the high-fidelity model of it.

    Parameters
    ----------
    loading: on the whole mesh.
    digest: of the loading; enriched models are named after it.
    problem: high-fidelity problem of the loading, on this rank.
    solver: of its linear systems.
    """

    loading: Loading
    digest: str
    problem: HifiProblem
    solver: LinearSolver


PROGRESS = "repairs"
"""Name under which the state of a run is kept after each repair."""


@dataclass(frozen=True)
class Progress:
    """A run between two repairs.

    Parameters
    ----------
    trained: the model as it is.
    enrichments: so far.
    complete: complete state up to which the run has been followed.
    row: number of its time.
    memory: of the linear solver.
    history: of the run; None before its first march.
    stopped: why that ended before its last time; "" where it did not.
    """

    trained: Trained
    enrichments: tuple[Enrichment, ...]
    complete: HifiState
    row: int
    memory: SolverMemory | None
    history: ReducedHistory | None = None
    stopped: str = ""


def adapt(
    trained: Trained, load: NewLoad, ground: Ground, options: AdaptOptions, say: Say, keep: Keep | None = None
) -> Adapted:
    """March a model through a load and repair it where needed; all ranks call this together.

    Parameters
    ----------
    trained: the model.
    load: what to answer.
    ground: what the model stands on.
    options: when to repair.
    say: takes a sentence per repair.
    keep: keeps each repair; a run goes on behind those that are kept. Nothing is kept where None.

    Raises
    ------
    StoppedError: a signal came; the repairs so far are kept.
    CaseError: the load asks for what the model was not trained for.
    AccuracyError: thermo-elastic modes that the model could not be enriched with.
    """
    run = _AdaptiveRun(trained, load, ground, say, keep or KeepNothing())
    reached = run.resume()
    if reached is None and options.predictor:
        run.predict()
    return run.march_through(options, reached)


class _AdaptiveRun:
    """A run in progress: the model as it is now, and the complete state up to which the run has been followed."""

    def __init__(self, trained: Trained, load: NewLoad, ground: Ground, say: Say, keep: Keep) -> None:
        self.trained, self.load, self.ground, self.say, self.keep = trained, load, ground, say, keep
        self.times = load.loading.times
        self.enrichments: list[Enrichment] = []
        self.complete, self.row = initial_state(load.problem), 0

    def resume(self) -> Progress | None:
        """Go on behind the repairs that are kept; None where there are none."""
        found: Progress | None = self.keep.latest(PROGRESS)
        if found is None:
            return None
        self.say(f"{self.load.loading.name}: {len(found.enrichments)} repairs kept from the run before")
        self._take(found)
        if found.memory is not None:
            self.load.solver.remember(found.memory)
        return found

    def march_through(self, options: AdaptOptions, reached: Progress | None = None) -> Adapted:
        """Go through all times, repairing steps, or through those behind the repairs that are known."""
        if reached is None or reached.history is None:
            history, stopped = self._march(self.trained, None)
        else:
            history, stopped = reached.history, reached.stopped
        done = [entry.step for entry in self.enrichments if entry.step > 0]
        left, first = options.max_enrichments - len(done), max(done, default=0) + 1
        step = self._step_to_repair(history, stopped, options.tolerance, first)
        while step is not None and left > 0:
            options.tick(step - 1, len(self.times) - 1, f"repair {options.max_enrichments - left + 1}")
            try:
                history, stopped = self._repair(step, history)
            except (ConvergenceError, AccuracyError) as error:
                return Adapted(self.trained, history.until(step), tuple(self.enrichments), str(error))
            left, step = left - 1, self._step_to_repair(history, stopped, options.tolerance, step + 1)
        if step is not None:
            self.say(
                f"warning: {self.load.loading.name}: {options.max_enrichments} repairs are done, and the error may be "
                f"above {options.tolerance:g} from step {step} on; allow more with --max-enrichments"
            )
        return Adapted(self.trained, history, tuple(self.enrichments), stopped)

    def _step_to_repair(self, history: ReducedHistory, stopped: str, tolerance: float, first: int) -> int | None:
        """Return the first step that is not known well enough, or at which the reduced march failed."""
        found = indications_of(self.trained.model, history)
        step = first_above(found, tolerance, first)
        reached = len(history.times)
        return reached if step is None and stopped and reached >= first else step

    def _march(self, trained: Trained, reached: Floats | None) -> tuple[ReducedHistory, str]:
        """March behind the steps that are known; return what was reached, and why it stopped there."""
        return on_root(self.ground.comm, _march_on, trained, self.load.loading, reached)

    def _march_behind(self, step: int, history: ReducedHistory, new: Trained) -> tuple[ReducedHistory, str]:
        """March an enriched model on from the step before; the earlier steps stay as they are."""
        reached = np.zeros((step, new.model.n_modes))
        reached[:, : self.trained.model.n_modes] = history.coordinates[:step]
        redone, stopped = self._march(new, reached)
        iterations = np.concatenate([history.iterations[:step], redone.iterations[step:]])
        cuts = np.concatenate([history.cuts[:step], redone.cuts[step:]])
        evaluations = history.evaluations + redone.evaluations
        return replace(redone, iterations=iterations, cuts=cuts, evaluations=evaluations), stopped

    def _repair(self, step: int, history: ReducedHistory) -> tuple[ReducedHistory, str]:
        """Solve one step with the high-fidelity model, learn from it, and march on from the step before."""
        old, clock = self.trained, Clock(lambda text: None)
        before, known = remembered_errors(old), indications_of(old.model, history)
        with clock.phase("complete state", ""):
            self._follow_to(step - 1, history)
        with clock.phase("high-fidelity step", ""):
            start, end = float(self.times[step - 1]), float(self.times[step])
            state, statistics = advance(
                self.load.problem, self._with_guess(step, history), start, end, self.load.solver
            )
        fields = self._fields(state)
        errors = self._errors(step, history, fields)
        pairs = {name: np.array([[history.residuals[name][step], error]]) for name, error in errors.items()}
        lifted = self._lifting(state.time)
        snapshot = {"u": state.displacement - lifted, **fields}
        new = enrich(old, (snapshot,), pairs, self._model_id(step), self.ground, clock)
        with clock.phase("march", ""):
            redone, stopped = self._march_behind(step, history, new)
        self.trained = new
        after = indications_of(self.trained.model, redone)
        self._log(step, (known, after), errors, statistics.iterations, growth(before, self.trained), clock)
        return self._kept(redone, stopped)

    def _kept(self, history: ReducedHistory | None, stopped: str) -> tuple[Any, str]:
        """Keep the run as it is now, and go on with what was read back."""
        place = f"{len(self.enrichments)} repairs of {self.load.loading.name}"
        known = (self.trained, tuple(self.enrichments), self.complete, self.row, self.load.solver.memory())
        found: Progress = self.keep.exchange(PROGRESS, place, lambda: Progress(*known, history, stopped))
        self._take(found)
        return found.history, found.stopped

    def _take(self, progress: Progress) -> None:
        """Go on from a state of the run."""
        self.trained, self.enrichments = progress.trained, list(progress.enrichments)
        self.complete, self.row = progress.complete, progress.row

    def _follow_to(self, row: int, history: ReducedHistory) -> None:
        """Bring the complete state to a time of the reduced trajectory."""
        for i in range(self.row + 1, row + 1):
            self.complete = follow(
                self.load.problem, self.complete, self._displacement(i, history), float(self.times[i])
            )
        self.row = max(row, self.row)

    def _displacement(self, i: int, history: ReducedHistory) -> Floats:
        """Return the (n_nodes, 3) reduced displacement of this rank at time i."""
        share = self.ground.share
        field = np.zeros((share.own.mesh.n_nodes, 3))
        for part, modes in zip(share.parts, self.trained.modes, strict=True):
            field[share.rows(part)] = displacement(modes, history, i)
        return field

    def _with_guess(self, step: int, history: ReducedHistory) -> HifiState:
        """Return the complete state before a step, with the reduced answer as the first guess of its end."""
        if step >= len(history.times):
            return self.complete
        span = float(self.times[step] - self.times[step - 1])
        return replace(self.complete, rate=(self._displacement(step, history) - self.complete.displacement) / span)

    def _fields(self, state: HifiState) -> dict[str, Floats]:
        """Return the dual fields of a complete state that the model knows, or knew as zero."""
        columns = state_fields(self.load.problem.tables)
        names = [name for name in (*self.trained.record.bases, *self.trained.record.zero) if name != "u"]
        return {name: state.stress if name == "stress" else state.state[:, columns[name]] for name in names}

    def _lifting(self, time: float) -> Floats:
        """Return the (n_nodes, 3) lifting of this rank at a time."""
        share = self.ground.share
        liftings = self.trained.model.liftings
        amplitudes = np.array([amplitude_of(self.load.loading, entry, np.array([time]))[0] for entry in liftings])
        field = np.zeros((share.own.mesh.n_nodes, 3))
        for part, modes in zip(share.parts, self.trained.modes, strict=True):
            field[share.rows(part)] = np.tensordot(amplitudes, modes.lifting, axes=1)
        return field

    def _errors(self, step: int, history: ReducedHistory, fields: Mapping[str, Floats]) -> dict[str, float]:
        """Return field -> relative error of the reduced step (theory, eq. (7.2)), where reached and not negligible."""
        if step >= len(history.times):
            return {}
        names = [name for name in self.trained.model.duals if not history.elastic[name][step]]
        return {name: self._error(name, step, history, fields[name]) for name in names}

    def _error(self, name: str, step: int, history: ReducedHistory, field: Floats) -> float:
        """Return the relative error of one field."""
        squares = []
        products = self.ground.products(field.shape[1], name)
        for exact, modes, product in zip(self.ground.split_points(field), self.trained.modes, products, strict=True):
            found = np.tensordot(history.duals[name][step], modes.duals[name], axes=1)
            pair = np.stack([(found - exact).ravel(), exact.ravel()], axis=1)
            squares.append(np.sum(pair * product(pair), axis=0))
        error, norm = np.sqrt(ordered_sum(self.ground.comm, squares)).tolist()
        earlier = np.linalg.norm(history.duals[name][:step], axis=1).max(initial=0.0)
        return float(max(error / max(norm, earlier, FLOOR * self.trained.record.bases[name].largest_norm), SMALLEST))

    def predict(self) -> None:
        """Add the thermo-elastic answers to temperature fields that are not in the span of the training."""
        clock, model = Clock(lambda text: None), self.trained.model
        local = restrict_to_thermal(self.load.loading, model.thermal)
        times = on_root(self.ground.comm, _new_temperatures, model, local)
        if not times:
            return
        before, snapshots = remembered_errors(self.trained), []
        with clock.phase("predictor", ""):
            for time in times:
                u, stress = thermoelastic(self.load.problem, float(time), self.load.solver)
                snapshots.append({"u": u, "stress": stress})
        new = enrich(self.trained, snapshots, {}, self._model_id(0), self.ground, clock)
        if new is self.trained:
            return
        self.trained = new
        self._log(0, ({}, {}), {}, 0, growth(before, self.trained), clock)
        self._kept(None, "")

    def _model_id(self, step: int) -> str:
        return digest_text(f"{self.trained.model.model_id} {self.load.digest} {step}")[:12]

    def _log(
        self,
        step: int,
        known: tuple[Mapping[str, Indication], Mapping[str, Indication]],
        errors: Mapping[str, float],
        iterations: int,
        growth: float,
        clock: Clock,
    ) -> None:
        """Keep what was done, and tell it."""
        model = self.trained.model
        entry = Enrichment(
            step=step,
            time=float(self.times[step]),
            indicator={name: _pair(known, name, step, "indicator") for name in model.duals},
            bound={name: _pair(known, name, step, "bound") for name in model.duals},
            errors=errors,
            iterations=iterations,
            n_modes=model.n_modes,
            n_points=model.n_active,
            growth=growth,
            seconds=clock.seconds,
        )
        self.enrichments.append(entry)
        self.say(_sentence(self.load.loading.name, entry))
        if growth > LARGEST_GROWTH:
            self.say(f"warning: {self.load.loading.name}: an error on the training grew by a factor of {growth:.2g}")


def _new_temperatures(model: ReducedModel, loading: Loading) -> list[float]:
    """Return the times of the temperature's entries at which it is outside the span of the training."""
    entries = np.array([entry.time for entry in loading.temperature.entries])
    times = np.unique(np.clip(entries, loading.times[1], loading.times[-1]))
    distances = temperature_distances(model, loading, times) if len(times) else times
    found: list[float] = times[distances > NEW_TEMPERATURE].tolist()
    return found


def _march_on(trained: Trained, loading: Loading, reached: Floats | None) -> tuple[ReducedHistory, str]:
    """March; return what was reached and why it stopped."""
    local = restrict_to_thermal(loading, trained.model.thermal)
    try:
        return march_loading(trained.model, local, trained.record.settings.newton, reached), ""
    except MarchStoppedError as stopped:
        return stopped.history, str(stopped)


def _pair(known: tuple[Mapping[str, Indication], Mapping[str, Indication]], name: str, step: int, what: str) -> Floats:
    """Return a value of a step before and after, NaN where there is none."""
    found = [getattr(side[name], what) if name in side else np.zeros(0) for side in known]
    return np.array([values[step] if step < len(values) else np.nan for values in found])


def _sentence(name: str, entry: Enrichment) -> str:
    """Say what was repaired."""
    size = f"{entry.n_modes} modes, {entry.n_points} points"
    if entry.step == 0:
        return f"{name}: thermo-elastic modes of a new temperature field: {size}"
    bounds = ", ".join(f"{field} {pair[0]:.1e} -> {pair[1]:.1e}" for field, pair in entry.bound.items())
    return f"{name}: step {entry.step} (t = {entry.time:.6g}) repaired, bounds {bounds}; {size}"
