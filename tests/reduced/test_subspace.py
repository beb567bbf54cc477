"""A model on a subspace of its modes is the model trained on that subspace."""

import numpy as np
import pytest

from romtool.linalg.reduction import SerialComm
from romtool.loading import Load
from romtool.offline.clock import Clock
from romtool.offline.train import Trained, train
from romtool.reduced.forces import force_history, unit_force
from romtool.reduced.march import march_loading
from romtool.reduced.subspace import restrict_modes
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import box, thermal_cycle, training_set, viscoplastic

MESH = box((3, 2, 2))


@pytest.fixture(scope="module")
def trained() -> Trained:
    training = training_set(MESH, (viscoplastic(),), (thermal_cycle(400.0, 50.0, 3e3, MESH),))
    settings = Settings(pod=PodSettings(tolerance=1e-6), quadrature=QuadratureSettings(tolerance=1e-6))
    return train(training, settings, "test", SerialComm(), Clock(lambda text: None))


def rotations(trained: Trained, **kept: int) -> dict[str, np.ndarray]:
    """Return random orthonormal combinations of the modes of each field, as many as asked for or all."""
    rng = np.random.default_rng(5)
    counts = {name: basis.n_modes for name, basis in trained.record.bases.items()}
    return {
        name: np.linalg.qr(rng.standard_normal((count, kept.get(name, count))))[0] for name, count in counts.items()
    }


def test_a_rotation_of_all_modes_changes_the_names_of_the_coordinates_only(trained):
    model, turn = trained.model, rotations(trained)
    turned = restrict_modes(model, turn["u"], turn)
    a = march_loading(model, model.first, NewtonSettings(tolerance=1e-11))
    b = march_loading(turned, model.first, NewtonSettings(tolerance=1e-11))
    np.testing.assert_allclose(b.coordinates @ turn["u"].T, a.coordinates, atol=1e-7 * np.abs(a.coordinates).max())
    for name in model.duals:
        back = b.duals[name] @ turn[name].T
        np.testing.assert_allclose(back, a.duals[name], atol=1e-6 * np.abs(a.duals[name]).max())
        np.testing.assert_allclose(b.residuals[name], a.residuals[name], atol=1e-7)


def test_forces_of_all_kinds_are_those_on_the_combinations(trained):
    model, turn = trained.model, rotations(trained, u=3)
    poorer = restrict_modes(model, turn["u"], turn)
    assert poorer.n_modes == 3
    loading = model.first
    np.testing.assert_allclose(
        force_history(poorer, loading, loading.times), force_history(model, loading, loading.times) @ turn["u"]
    )
    for load in (
        Load("pull", "traction", "x1", np.array([1.0, 2.0, 3.0])),
        Load("push", "pressure", "x1", np.arange(4.0), on="face"),
        Load("push", "pressure", "x1", np.arange(9.0), on="node"),
        Load("weight", "body", "all", np.array([1.0, -1.0, 0.5])),
    ):
        np.testing.assert_allclose(unit_force(poorer, load), unit_force(model, load) @ turn["u"], atol=1e-12)


def test_points_weights_and_what_belongs_to_them_stay(trained):
    model, turn = trained.model, rotations(trained, u=2, p=1, stress=2)
    poorer = restrict_modes(model, turn["u"], turn)
    assert poorer.weights is model.weights
    assert poorer.material is model.material
    for name, basis in poorer.duals.items():
        assert basis.floor == model.duals[name].floor
        found, whole = basis.operator, model.duals[name].operator
        np.testing.assert_allclose(found.basis_at_points, whole.basis_at_points @ turn[name])
        np.testing.assert_allclose(
            found.pseudo_inverse @ found.basis_at_points, np.eye(turn[name].shape[1]), atol=1e-10
        )


def test_fewer_modes_fit_worse(trained):
    model = trained.model
    leading = {name: np.eye(basis.n_modes)[:, :2] for name, basis in trained.record.bases.items()}
    poorer = restrict_modes(model, leading["u"], leading)
    a, b = (march_loading(found, model.first, NewtonSettings()) for found in (model, poorer))
    for name in model.duals:
        assert b.residuals[name].max() > 10 * a.residuals[name].max()
