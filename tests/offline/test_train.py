"""Training on solutions of the built-in solver: accuracy, invariance, and the limits in which nothing is lost."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.errors import CaseError, InputError
from romtool.linalg.reduction import SerialComm
from romtool.loading import Dirichlet, Load, Material
from romtool.offline.clock import Clock
from romtool.offline.train import Trained, train
from romtool.offline.training import TrainingSet
from romtool.offline.verify import training_errors
from romtool.reduced.march import march_loading
from romtool.reduced.reconstruct import displacement
from romtool.settings import DualSettings, NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import box, solved, thermal_cycle, training_set, viscoplastic

TIGHT = Settings(pod=PodSettings(tolerance=1e-7), quadrature=QuadratureSettings(tolerance=1e-7))
MESH = box((4, 2, 2))


def trained(training: TrainingSet, settings: Settings = TIGHT) -> Trained:
    return train(training, settings, "test", SerialComm(), Clock(lambda text: None))


@pytest.fixture(scope="module")
def training() -> TrainingSet:
    return training_set(MESH, (viscoplastic(),), (thermal_cycle(400.0, 50.0, 3e3, MESH),))


def test_training_errors_follow_the_tolerances(training):
    errors = training_errors(trained(training), training, NewtonSettings(), SerialComm())
    assert max(errors["run 0"].values()) < 1e-5
    loose = Settings(pod=PodSettings(tolerance=1e-2), quadrature=QuadratureSettings(tolerance=1e-2))
    coarse = training_errors(trained(training, loose), training, NewtonSettings(), SerialComm())
    assert 1e-5 < coarse["run 0"]["u"] < 5e-2


@pytest.mark.parametrize("n_subdomains", [2, 4])
def test_subdomains_do_not_change_the_answer(training, n_subdomains):
    split = training_set(MESH, (viscoplastic(),), (thermal_cycle(400.0, 50.0, 3e3, MESH),), n_subdomains)
    one, several = trained(training), trained(split)
    assert abs(len(one.model.weights) - len(several.model.weights)) <= 0.02 * len(one.model.weights) + 1
    a = march_loading(one.model, one.model.loading, NewtonSettings())
    b = march_loading(several.model, several.model.loading, NewtonSettings())
    whole = displacement(one.modes[0], a, slice(None))
    for modes in several.modes:
        part = displacement(modes, b, slice(None))
        np.testing.assert_allclose(part, whole[:, modes.subdomain.node_rows], atol=1e-6 * np.abs(whole).max())


def test_a_new_amplitude_is_answered_between_the_training_ones():
    loadings = tuple(thermal_cycle(hot, 50.0, 3e3, MESH) for hot in (350.0, 450.0))
    model = trained(training_set(MESH, (viscoplastic(),), loadings))
    new = thermal_cycle(400.0, 50.0, 3e3, MESH)
    exact = solved(MESH, (viscoplastic(),), new)
    thermal = model.model.thermal
    entries = tuple(
        replace(entry, value=entry.value[thermal.rows]) if isinstance(entry.value, np.ndarray) else entry
        for entry in new.temperature.entries
    )
    history = march_loading(
        model.model, replace(new, temperature=replace(new.temperature, entries=entries)), NewtonSettings()
    )
    found = displacement(model.modes[0], history, slice(None))
    assert np.abs(found - exact).max() < 5e-3 * np.abs(exact).max()


def test_prescribed_displacements_are_lifted():
    base = thermal_cycle(0.0, 0.0, 0.0, MESH)
    loading = replace(base, dirichlet=(*base.dirichlet, Dirichlet("x1", "x1", (0,), 0.01, table="cycle")))
    lifted = training_set(MESH, (viscoplastic(),), (loading,))
    assert np.abs(lifted.runs[0].lifting).max() == 0.01
    errors = training_errors(trained(lifted), lifted, NewtonSettings(), SerialComm())
    assert max(errors["run 0"].values()) < 1e-5


def test_an_elastic_structure_has_no_modes_of_p(training):
    material = Material("all", "elastic", {"young": 2e5, "poisson": 0.3}, density=1e-8)
    elastic = training_set(MESH, (material,), (thermal_cycle(0.0, 50.0, 3e3, MESH),))
    model = trained(elastic).model
    assert model.statistics["zero_fields"] == ["p"]
    assert list(model.duals) == ["stress"]


def test_unknown_dual_field(training):
    settings = replace(TIGHT, duals=DualSettings(fields=("damage",)))
    with pytest.raises(CaseError, match="'damage' is no field of the material laws; pick from stress"):
        trained(training, settings)


def test_snapshots_that_are_not_finite(training):
    run = training.runs[0]
    broken = run.displacement[0].copy()
    broken[3, 5, 1] = np.nan
    with pytest.raises(InputError, match=r"'run 0': the displacement at time 0\.6 holds NaN"):
        trained(replace(training, runs=(replace(run, displacement=(broken,)),)))


def test_a_load_on_a_set_that_was_not_trained(training):
    model = trained(training).model
    strange = replace(model.loading, loads=(Load("side", "pressure", "y1", 1.0),))
    with pytest.raises(CaseError, match=r"load 'side' .* set 'y1', which the model was not trained for; it knows x1"):
        march_loading(model, strange, NewtonSettings())
