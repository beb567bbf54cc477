"""Run a new model through its own training and measure what it lost."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse

from romtool.fem.operators import mass_matrix
from romtool.linalg.agreement import on_root
from romtool.linalg.pod import Pod
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.offline.train import Trained
from romtool.offline.training import TrainingRun, TrainingSet
from romtool.progress import Tick, untold
from romtool.reduced.march import MarchStoppedError, ReducedHistory, march_loading, restrict_to_thermal
from romtool.reduced.model import ModeShapes
from romtool.reduced.reconstruct import displacement
from romtool.settings import NewtonSettings
from romtool.types import Floats


def training_errors(
    trained: Trained, training: TrainingSet, criteria: NewtonSettings, comm: Comm, tick: Tick = untold
) -> dict[str, dict[str, float]]:
    """Return the errors of the model on each of its training computations.

    Parameters
    ----------
    trained: the model.
    training: what it was trained on.
    criteria: of the reduced Newton march.
    comm: the ranks.
    tick: told of every training computation.

    Returns
    -------
    simulation -> field -> `sup_t ‖a - b‖_t / sup_t ‖b‖_t`; 0 where both vanish.

    Raises
    ------
    ConvergenceError: the model does not follow its own training.
    """
    record, errors = trained.record, {}
    for number, run in enumerate(training.runs):
        tick(number, len(training.runs), run.name)
        loading = restrict_to_thermal(run.loading, trained.model.thermal)
        history = on_root(comm, march_loading, trained.model, loading, criteria)
        norms = {"u": displacement_norms(trained.modes, training, run, history, comm)}
        for field in trained.model.duals:
            norms[field] = dual_norms(record.bases[field], record.span(field, number), history.duals[field][1:])
        errors[run.name] = {field: relative(*pair) for field, pair in norms.items()}
    return errors


def remembered_errors(trained: Trained) -> dict[str, dict[str, float]]:
    """Return the errors of a model on its training from what it remembers of that, without its snapshots.

    Displacements are measured in the inner product of their modes. A training load that the model does not follow has
    an infinite error.
    """
    model, record, errors = trained.model, trained.record, {}
    for number, loading in enumerate(record.loadings):
        try:
            history = march_loading(model, restrict_to_thermal(loading, model.thermal), record.settings.newton)
        except MarchStoppedError:
            errors[loading.name] = {"u": np.inf, **dict.fromkeys(model.duals, np.inf)}
            continue
        found = {"u": history.coordinates, **history.duals}
        errors[loading.name] = {
            name: relative(*dual_norms(record.bases[name], record.span(name, number), found[name][1:]))
            for name in ("u", *model.duals)
            if record.span(name, number).stop - record.span(name, number).start == len(history.times) - 1
        }
    return errors


def growth(before: Mapping[str, Mapping[str, float]], trained: Trained) -> float:
    """Return the largest factor by which an error on the training has grown; below the tolerances none counts."""
    settings = trained.record.settings
    least = {"u": settings.pod.tolerance}
    pairs = [
        (fields[name], before[run][name], least.get(name, settings.duals.tolerance))
        for run, fields in remembered_errors(trained).items()
        for name in fields.keys() & before[run].keys()
        if np.isfinite(before[run][name])
    ]
    return max((max(after, floor) / max(earlier, floor) for after, earlier, floor in pairs), default=1.0)


def relative(difference: Floats, reference: Floats) -> float:
    """Return the largest of (n_times,) differences over the largest of (n_times,) references."""
    largest = float(reference.max(initial=0.0))
    return float(difference.max(initial=0.0)) / largest if largest > 0.0 else 0.0


def worst(errors: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return field -> the largest error of all simulations."""
    fields = dict.fromkeys(field for entry in errors.values() for field in entry)
    return {field: max(entry.get(field, 0.0) for entry in errors.values()) for field in fields}


Norms = tuple[Floats, Floats]


def displacement_norms(
    shapes: Sequence[ModeShapes], training: TrainingSet, run: TrainingRun, history: ReducedHistory, comm: Comm
) -> Norms:
    """Return (n_times,) mass norms of the displacement error and of the displacement at the output times.

    Parameters
    ----------
    shapes: modes per subdomain of this rank.
    training: the subdomains.
    run: the exact displacements.
    history: coordinates of the modes.
    comm: the ranks.
    """
    at = np.searchsorted(history.times, run.times - 1e-9 * (run.times[-1] - run.times[0]))
    sums = []
    for part, modes, exact in zip(training.parts, shapes, run.displacement, strict=True):
        mass = mass_matrix(part.operators)
        pairs = ((displacement(modes, history, int(row)), exact[i]) for i, row in enumerate(at))
        sums.append(np.array([[_mass_square(mass, a - b), _mass_square(mass, b)] for a, b in pairs]))
    difference, reference = np.sqrt(ordered_sum(comm, sums)).T
    return difference, reference


def _mass_square(mass: sparse.csr_matrix, field: Floats) -> float:
    """Return the squared mass norm of a (n_nodes, 3) field."""
    return float(np.sum(field * (mass @ field)))


def dual_norms(basis: Pod, span: slice, found: Floats) -> Norms:
    """Return (n_increments,) weighted norms of the error of a dual field and of the field, from coefficients alone.

    Parameters
    ----------
    basis: modes of the field, with coefficients and remainders of its snapshots.
    span: which snapshots.
    found: (n_increments, n_dual_modes) coefficients of the model.
    """
    exact, lost = basis.coefficients[:, span].T, basis.remainders[span]
    squares = [np.sum(values**2, axis=1) + lost**2 for values in (found - exact, exact)]
    return np.sqrt(squares[0]), np.sqrt(squares[1])
