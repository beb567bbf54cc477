"""Adaptive runs on small boxes, and their true errors against the built-in solver."""

from dataclasses import dataclass

import numpy as np

from romtool.hifi.march import HifiState, solve
from romtool.laws import state_fields
from romtool.linalg.reduction import SerialComm
from romtool.loading import Loading, Material
from romtool.offline.calibrate import FLOOR
from romtool.offline.clock import Clock
from romtool.offline.train import Trained, train
from romtool.online.adapt import Adapted, AdaptOptions, NewLoad, adapt
from romtool.online.enrich import Ground
from romtool.reduced.model import POINT_METRIC
from romtool.settings import NewtonSettings, Settings
from romtool.types import Floats, Mesh
from tests.structures import box, ground_of, new_load, training_set

MESH = box((3, 2, 2))
COMM = SerialComm()


@dataclass(frozen=True)
class Start:
    """A model and what it stands on."""

    trained: Trained
    ground: Ground

    def load(self, loading: Loading, options: NewtonSettings | None = None) -> NewLoad:
        return new_load(self.ground, self.trained, loading, options)

    def run(self, load: NewLoad, options: AdaptOptions, told: list[str] | None = None) -> Adapted:
        return adapt(self.trained, load, self.ground, options, (told if told is not None else []).append)


def start(
    loadings: tuple[Loading, ...],
    materials: tuple[Material, ...],
    n_subdomains: int = 1,
    settings: Settings | None = None,
    mesh: Mesh = MESH,
) -> Start:
    """Train a model."""
    training = training_set(mesh, materials, loadings, n_subdomains)
    trained = train(training, settings or Settings(), "first", COMM, Clock(lambda text: None))
    return Start(trained, ground_of(mesh, trained, training))


def exact_states(load: NewLoad) -> list[HifiState]:
    """Return the states of the built-in solver at all times."""
    states: list[HifiState] = []
    solve(load.problem, lambda state, _: states.append(state), load.solver)
    return states


def field_of(state: HifiState, load: NewLoad, name: str) -> Floats:
    """Return a dual field of a complete state."""
    return state.stress if name == "stress" else state.state[:, state_fields(load.problem.tables)[name]]


def norms(ground: Ground, pieces: list[Floats]) -> float:
    """Return the L2 norm of a field at integration points, given per subdomain."""
    metric = POINT_METRIC if pieces[0].shape[1] == 6 else np.ones(1)
    weights = [np.abs(part.operators.weights)[:, None] * metric for part in ground.training.parts]
    return float(np.sqrt(sum(np.sum(w * piece**2) for w, piece in zip(weights, pieces, strict=True))))


def true_errors(found: Adapted, load: NewLoad, ground: Ground) -> dict[str, Floats]:
    """Return field -> (n_times,) relative errors of theory, eq. (7.2)."""
    trained, history = found.trained, found.history
    states, errors = exact_states(load)[: len(history.times)], {}
    for name in trained.model.duals:
        gaps, sizes = [], []
        for i, state in enumerate(states):
            exact = ground.split_points(field_of(state, load, name))
            fields = [np.tensordot(history.duals[name][i], modes.duals[name], axes=1) for modes in trained.modes]
            gaps.append(norms(ground, [a - b for a, b in zip(fields, exact, strict=True)]))
            sizes.append(norms(ground, exact))
        floor = FLOOR * trained.record.bases[name].largest_norm
        errors[name] = np.array(gaps) / np.maximum(np.maximum.accumulate(sizes), floor)
    return errors


def repaired(found: Adapted) -> list[int]:
    """Return the steps that the high-fidelity model solved."""
    return [entry.step for entry in found.enrichments if entry.step > 0]
