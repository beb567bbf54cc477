"""Run a new model through its own training and measure what it lost."""

from collections.abc import Mapping, Sequence

import numpy as np

from romtool.fem.operators import mass_matrix
from romtool.linalg.agreement import on_root
from romtool.linalg.products import TENSOR_METRIC
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.offline.snapshots import TrainingRun
from romtool.offline.train import Trained, TrainingSet, restrict_to_thermal
from romtool.reduced.march import ReducedHistory, march_loading
from romtool.reduced.reconstruct import displacement, dual
from romtool.settings import NewtonSettings
from romtool.types import Floats


def training_errors(
    trained: Trained, training: TrainingSet, criteria: NewtonSettings, comm: Comm
) -> dict[str, dict[str, float]]:
    """Return the errors of the model on each of its training computations.

    Parameters
    ----------
    trained: the model.
    training: what it was trained on.
    criteria: of the reduced Newton march.
    comm: the ranks.

    Returns
    -------
    simulation -> field -> `sup_t ‖a - b‖_t / sup_t ‖b‖_t`; 0 where both vanish.

    Raises
    ------
    ConvergenceError: the model does not follow its own training.
    """
    thermal = trained.model.thermal
    errors = {}
    for number, run in enumerate(training.runs):
        loading = restrict_to_thermal(run.loading, thermal.rows, thermal.points)
        history = on_root(comm, march_loading, trained.model, loading, criteria)
        norms = {"u": _displacement_norms(trained, training, run, history, comm)}
        span = slice(int(trained.snapshots.starts[number]), int(trained.snapshots.starts[number + 1]))
        for field in trained.model.duals:
            norms[field] = _dual_norms(trained, training, field, span, history, comm)
        errors[run.name] = {field: relative(*pair) for field, pair in norms.items()}
    return errors


def relative(difference: Floats, reference: Floats) -> float:
    """Return the largest of (n_times,) differences over the largest of (n_times,) references."""
    largest = float(reference.max(initial=0.0))
    return float(difference.max(initial=0.0)) / largest if largest > 0.0 else 0.0


def worst(errors: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return field -> the largest error of all simulations."""
    fields = dict.fromkeys(field for entry in errors.values() for field in entry)
    return {field: max(entry.get(field, 0.0) for entry in errors.values()) for field in fields}


Norms = tuple[Floats, Floats]


def _displacement_norms(
    trained: Trained, training: TrainingSet, run: TrainingRun, history: ReducedHistory, comm: Comm
) -> Norms:
    """Return (n_times,) mass norms of the displacement error and of the displacement at the output times."""
    at = np.searchsorted(history.times, run.times - 1e-9 * (run.times[-1] - run.times[0]))
    sums = []
    for part, modes, exact in zip(training.parts, trained.modes, run.displacement, strict=True):
        mass = mass_matrix(part.operators)
        found = displacement(modes, history, slice(None))[at]
        sums.append(np.stack([_mass_squares(mass, found - exact), _mass_squares(mass, exact)]))
    return _roots(sums, comm)


def _mass_squares(mass, fields: Floats) -> Floats:  # type: ignore[no-untyped-def]
    """Return the (n_times,) squared mass norms of (n_times, n_nodes, 3) fields."""
    return np.array([float(np.sum(field * (mass @ field))) for field in fields])


def _dual_norms(
    trained: Trained, training: TrainingSet, field: str, span: slice, history: ReducedHistory, comm: Comm
) -> Norms:
    """Return (n_increments,) weighted norms of the error of a dual field and of the field."""
    sums = []
    for s, part in enumerate(training.parts):
        exact = trained.snapshots.fields[field][s][span]
        found = dual(trained.modes[s], history, field, slice(1, None))
        metric = np.array(TENSOR_METRIC if exact.shape[2] == 6 else (1.0,) * exact.shape[2])
        weights = np.abs(part.operators.weights)
        squares = [np.einsum("tkc,k,c->t", values**2, weights, metric) for values in (found - exact, exact)]
        sums.append(np.stack(squares))
    return _roots(sums, comm)


def _roots(sums: Sequence[Floats], comm: Comm) -> Norms:
    difference, reference = np.sqrt(ordered_sum(comm, sums))
    return difference, reference
