"""Train local models of the phases of a run: its increments are clustered, not whole computations (theory, eq. (9.5)).

The modes of a phase are those of the change of displacement since the phase began, its dual bases those of its
increments; all phases share their reduced points.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import InputError
from romtool.linalg.agreement import on_root
from romtool.linalg.pod import Pod
from romtool.linalg.reduction import Comm
from romtool.offline.assemble import assemble_model, mode_shapes
from romtool.offline.calibrate import FLOOR, TRUNCATIONS, fit
from romtool.offline.clock import Clock
from romtool.offline.selection import Selection
from romtool.offline.snapshots import CollectedDuals, DualSnapshots, Step, collect_duals
from romtool.offline.train import ReducedPoints, Trained, dual_names, remember, select_points, training_modes
from romtool.offline.training import TrainingRecord, TrainingSet
from romtool.offline.verify import displacement_norms, relative
from romtool.progress import Tick, untold
from romtool.reduced.indicator import SMALLEST
from romtool.reduced.march import MarchStoppedError, ReducedHistory, restrict_to_thermal
from romtool.reduced.model import Calibration, ModeShapes, ReducedModel
from romtool.reduced.phases import dual_fields, march_phases, segments, spans
from romtool.reduced.subspace import restrict_modes
from romtool.settings import Settings
from romtool.types import Floats, Ints


def train_phases(
    training: TrainingSet, settings: Settings, model_id: str, labels: Sequence[Ints], comm: Comm, clock: Clock
) -> tuple[Trained, ...]:
    """Train one model per phase, all on the same points.

    Parameters
    ----------
    training: subdomains and training computations.
    settings: of the case.
    model_id: of all phases together.
    labels: per computation the (n_increments,) phase of each increment, 0 … n_phases - 1.
    comm: the ranks.
    clock: times the phases and tells them.

    Raises
    ------
    InputError, ConvergenceError, AccuracyError: as `train`; a phase in which nothing moves.
    """
    tolerance = min(settings.duals.tolerance, settings.pod.tolerance, settings.quadrature.tolerance)
    with clock.phase("recompute", "stresses and internal variables at all integration points"):
        collected = collect_duals(training, dual_names(settings), tolerance, settings.pod.memory, comm, clock, labels)
    drafts = []
    for number, entry in enumerate(collected):
        clock.say(f"phase {number}: {int(entry.starts[-1])} increments")
        with clock.within(f"phase-{number}"):
            drafts.append(_draft(training, settings, labels, number, entry, comm, clock))
    together = shared_points([draft.points.selection for draft in drafts])
    models, modes = [], []
    for number, draft in enumerate(drafts):
        with clock.phase("shapes", "generalised forces"):
            points = own_first(draft.points, together)
            own_id = f"{model_id}-{number}"
            models.append(
                assemble_model(
                    training, draft.bases, draft.record, points.strains, points.cubature, points.selection, own_id, comm
                )
            )
            modes.append(tuple(mode_shapes(training, draft.bases, s) for s in range(len(training.parts))))
    with clock.phase("calibrate", "error indicator"):
        records = [draft.record for draft in drafts]
        calibrations = on_root(comm, calibrate_phases, models, records, labels, clock.tick)
    return tuple(
        Trained(replace(model, calibrations=calibrations), shapes, record)
        for model, shapes, record in zip(models, modes, records, strict=True)
    )


@dataclass(frozen=True)
class _Draft:
    """A phase before its points are those of all."""

    bases: Mapping[str, Pod]
    record: TrainingRecord
    points: ReducedPoints


def _draft(
    training: TrainingSet,
    settings: Settings,
    labels: Sequence[Ints],
    number: int,
    collected: CollectedDuals,
    comm: Comm,
    clock: Clock,
) -> _Draft:
    """Return modes and points of one phase."""
    steps = [list(_changes(run.loading.times, run.times, own, number)) for run, own in _pairs(training, labels)]

    def modes() -> tuple[DualSnapshots, Pod]:
        with clock.phase("dual modes", "modes of the dual fields"):
            snapshots = collected.decompose(clock.tick)
        with clock.phase("pod", "displacement modes"):
            if not any(steps):
                raise InputError(
                    f"phase {number} has no output time; train by simulation, or on results with more outputs"
                )
            return snapshots, training_modes(training, settings, comm, steps, clock.tick)

    snapshots, displacement = clock.step("modes", modes)
    bases = {"u": displacement, **snapshots.bases}
    outputs = np.cumsum([0, *map(len, steps)])
    record = remember(training, settings, bases, snapshots, outputs)
    return _Draft(bases, record, select_points(training, bases, record, comm, clock))


def _pairs(training: TrainingSet, labels: Sequence[Ints]):  # type: ignore[no-untyped-def]
    """Return computations with the phases of their increments."""
    return zip(training.runs, labels, strict=True)


def _changes(times: Floats, outputs: Floats, labels: Ints, number: int) -> Iterator[Step]:
    """Yield the output times of a phase, each with the one before its segment.

    Parameters
    ----------
    times: (n_increments + 1,) of the increments.
    outputs: (n_outputs,) output times.
    labels: (n_increments,) phases.
    number: of the phase.
    """
    phases = output_phases(times, outputs, labels)
    for segment in segments(phases):
        if segment.phase == number:
            yield from ((i, segment.start) for i in range(segment.start + 1, segment.end + 1))


def output_phases(times: Floats, outputs: Floats, labels: Ints) -> Ints:
    """Return the (n_outputs,) phases of the steps that end at the output times.

    Parameters
    ----------
    times: (n_increments + 1,) float [time] of the increments.
    outputs: (n_outputs,) float [time], some of `times`.
    labels: (n_increments,) phases.
    """
    slack = 1e-9 * (times[-1] - times[0])
    return np.asarray(labels[np.maximum(np.searchsorted(times, outputs - slack) - 1, 0)])


def increment_phases(times: Floats, outputs: Floats, labels: Ints) -> Ints:
    """Return the (n_increments,) phases of increments: each that of the output that it ends at, or before.

    Parameters
    ----------
    times, outputs: as for `output_phases`.
    labels: (n_outputs - 1,) phases of the steps between outputs.
    """
    slack = 1e-9 * (times[-1] - times[0])
    return np.asarray(labels[np.clip(np.searchsorted(outputs, times[1:] - slack) - 1, 0, len(labels) - 1)])


def shared_points(selections: Sequence[Selection]) -> Selection:
    """Return the points of all phases, each once, by subdomain and row."""
    pairs = np.unique(np.vstack([np.column_stack([s.subdomain, s.row]) for s in selections]), axis=0)
    return Selection(pairs[:, 0].copy(), pairs[:, 1].copy())


def own_first(points: ReducedPoints, together: Selection) -> ReducedPoints:
    """Return the points of a phase with those of the others behind its own quadrature points."""
    n = len(points.cubature.weights)
    own = {(int(s), int(r)) for s, r in zip(points.selection.subdomain[:n], points.selection.row[:n], strict=True)}
    pairs = zip(together.subdomain.tolist(), together.row.tolist(), strict=True)
    rest = [i for i, pair in enumerate(pairs) if pair not in own]
    selection = Selection(
        np.append(points.selection.subdomain[:n], together.subdomain[rest]),
        np.append(points.selection.row[:n], together.row[rest]),
    )
    return replace(points, selection=selection)


def calibrate_phases(
    models: Sequence[ReducedModel],
    records: Sequence[TrainingRecord],
    labels: Sequence[Ints],
    tick: Tick = untold,
) -> dict[str, Calibration]:
    """Return field -> relation of misfit and error, learnt by running poorer phases (theory, eq. (7.3)).

    Parameters
    ----------
    models, records: per phase.
    labels: per computation the (n_increments,) phases.
    tick: told of every run of poorer phases.
    """
    found: dict[str, list[Floats]] = {field: [] for field in dual_fields(models)}
    n_runs = len(records[0].loadings)
    for n_done, part in enumerate((1.0, *TRUNCATIONS)):
        poorer = [_truncated(model, part) for model in models]
        for number, loading in enumerate(records[0].loadings):
            tick(n_done * n_runs + number, (1 + len(TRUNCATIONS)) * n_runs, loading.name)
            phases = np.concatenate([labels[number][:1], labels[number]])
            local = restrict_to_thermal(loading, models[0].thermal)
            try:
                history = march_phases(poorer, phases, local, records[0].settings.newton)
            except MarchStoppedError as stopped:
                history = stopped.history
            for field, pairs in found.items():
                pairs.append(phase_pairs(records, history, field, number, phases))
    return {field: fit(np.vstack(pairs)) for field, pairs in found.items()}


def _truncated(model: ReducedModel, part: float) -> ReducedModel:
    """Return a phase with a part of its displacement modes, two at least."""
    kept = min(max(int(part * model.n_modes), 2), model.n_modes)
    duals = {field: np.eye(basis.operator.basis_at_points.shape[1]) for field, basis in model.duals.items()}
    return restrict_modes(model, np.eye(model.n_modes)[:, :kept], duals)


def phase_norms(
    records: Sequence[TrainingRecord], history: ReducedHistory, field: str, number: int, phases: Ints
) -> tuple[Floats, Floats]:
    """Return the (n_increments,) weighted norms of the error of a dual field and of the field, from coefficients.

    Parameters
    ----------
    records: per phase.
    history: of the phases, through a training computation, as far as it went.
    field: its name.
    number: of the computation.
    phases: (n_times,) phase of the step that ends at each time.
    """
    columns = spans([len(record.bases[field].coefficients) if field in record.bases else 0 for record in records])
    errors, norms = np.zeros(len(history.times)), np.zeros(len(history.times))
    for k, record in enumerate(records):
        rows = 1 + np.flatnonzero(phases[1 : len(history.times)] == k)
        if field in record.bases:
            basis, span = record.bases[field], record.span(field, number)
            exact, lost = basis.coefficients[:, span].T[: len(rows)], basis.remainders[span][: len(rows)]
            errors[rows] = np.sqrt(np.sum((history.duals[field][rows, columns[k]] - exact) ** 2, axis=1) + lost**2)
            norms[rows] = np.sqrt(np.sum(exact**2, axis=1) + lost**2)
    return errors[1:], norms[1:]


def phase_pairs(
    records: Sequence[TrainingRecord], history: ReducedHistory, field: str, number: int, phases: Ints
) -> Floats:
    """Return (n, 2) misfits and relative errors of the increments at which a field is not negligible.

    Parameters
    ----------
    records, history, field, number, phases: as for `phase_norms`.
    """
    errors, norms = phase_norms(records, history, field, number, phases)
    floor = FLOOR * max(record.bases[field].largest_norm for record in records if field in record.bases)
    reference = np.maximum(np.maximum.accumulate(norms), floor)
    pairs = np.column_stack([history.residuals[field][1:], errors / reference])
    return np.maximum(pairs[~history.elastic[field][1:] & (norms >= floor)], SMALLEST)


def join_modes(trained: Sequence[Trained]) -> tuple[ModeShapes, ...]:
    """Return the modes of all phases side by side, per subdomain of this rank."""
    fields = dual_fields([entry.model for entry in trained])
    joined = []
    for pieces in zip(*(entry.modes for entry in trained), strict=True):
        duals = {field: np.concatenate([p.duals[field] for p in pieces if field in p.duals]) for field in fields}
        joined.append(replace(pieces[0], displacement=np.concatenate([p.displacement for p in pieces]), duals=duals))
    return tuple(joined)


def phase_errors(
    trained: Sequence[Trained], training: TrainingSet, labels: Sequence[Ints], comm: Comm, tick: Tick = untold
) -> dict[str, dict[str, float]]:
    """Return the errors of phases on each of their training computations, as `training_errors` does.

    Parameters
    ----------
    trained: per phase.
    training: what they were trained on.
    labels: per computation the (n_increments,) phases.
    comm: the ranks.
    tick: told of every training computation.

    Raises
    ------
    ConvergenceError: the phases do not follow their own training.
    """
    models, records, modes = [e.model for e in trained], [e.record for e in trained], join_modes(trained)
    errors = {}
    for number, (run, own) in enumerate(_pairs(training, labels)):
        tick(number, len(training.runs), run.name)
        phases = np.concatenate([own[:1], own])
        local = restrict_to_thermal(run.loading, models[0].thermal)
        history = on_root(comm, march_phases, models, phases, local, records[0].settings.newton)
        norms = {"u": displacement_norms(modes, training, run, history, comm)}
        norms |= {field: phase_norms(records, history, field, number, phases) for field in dual_fields(models)}
        errors[run.name] = {field: relative(*pair) for field, pair in norms.items()}
    return errors
