"""Bases of phases within one run: what stays when the basis changes, and phases of different sizes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from romtool.linalg.reduction import SerialComm
from romtool.loading import Loading, Table, Temperature, TemperatureEntry
from romtool.offline.clock import Clock
from romtool.offline.dictionary import train_dictionary
from romtool.offline.phases import increment_phases, join_modes, output_phases
from romtool.offline.train import train
from romtool.reduced.dictionary import choose, run_loading
from romtool.reduced.march import join_histories, march_loading, restrict_to_thermal
from romtool.reduced.phases import Segment, march_phases, segments
from romtool.reduced.reconstruct import displacement
from romtool.settings import ClusterSettings, NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import box, solved, thermal_cycle, training_set, viscoplastic

MESH = box((4, 3, 2))
SETTINGS = Settings(
    pod=PodSettings(tolerance=1e-6),
    quadrature=QuadratureSettings(tolerance=1e-6),
    clusters=ClusterSettings(count=3, by="time"),
)
SILENT = Clock(lambda text: None)


def heated_then_pulled(hot: float, pull: float) -> Loading:
    """Return a run of two phases: a hot spot that comes and stays, then a pull that comes and goes."""
    cycle = thermal_cycle(hot, -pull, 500.0, MESH, centre=0.0)
    field = cycle.temperature.entries[1].value
    entries = (TemperatureEntry(0.0, 20.0), TemperatureEntry(0.8, field), TemperatureEntry(2.0, field))
    table = Table("cycle", np.array([[0.0, 0.0], [0.8, 0.0], [1.6, 1.0], [2.0, 0.2]]))
    return replace(cycle, name=f"{hot:g}, {pull:g}", tables=(table,), temperature=Temperature(20.0, entries))


LOADINGS = (heated_then_pulled(250.0, 60.0), heated_then_pulled(350.0, 110.0))
NEW = heated_then_pulled(300.0, 90.0)


@pytest.fixture(scope="module")
def training():
    return training_set(MESH, (viscoplastic(),), LOADINGS, 2)


@pytest.fixture(scope="module")
def trained(training):
    return train_dictionary(training, SETTINGS, "run", SerialComm(), SILENT)


def test_segments():
    assert list(segments(np.array([2, 2, 2, 0, 0, 2]))) == [Segment(2, 0, 2), Segment(0, 2, 4), Segment(2, 4, 5)]
    assert list(segments(np.array([1, 1]))) == [Segment(1, 0, 1)]


def test_phases_of_increments_and_outputs():
    times, outputs = np.linspace(0.0, 1.0, 7), np.array([0.0, 0.5, 1.0])
    of_increments = increment_phases(times, outputs, np.array([4, 7]))
    np.testing.assert_array_equal(of_increments, [4, 4, 4, 7, 7, 7])
    np.testing.assert_array_equal(output_phases(times, outputs, of_increments), [4, 4, 7])


def test_one_phase_is_a_plain_march(training):
    settings = replace(SETTINGS, clusters=ClusterSettings())
    model = train(training, settings, "plain", SerialComm(), SILENT).model
    local = restrict_to_thermal(NEW, model.thermal)
    plain = march_loading(model, local, NewtonSettings())
    phased = march_phases([model], np.zeros(len(NEW.times), dtype=np.int64), local, NewtonSettings())
    np.testing.assert_array_equal(phased.coordinates, plain.coordinates)
    for field, values in plain.duals.items():
        np.testing.assert_allclose(phased.duals[field], values, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(phased.residuals[field], plain.residuals[field], rtol=1e-6)


def test_a_switch_to_the_same_basis_changes_nothing(training):
    """Two phases with one and the same model: coordinates add up to those of the plain march."""
    settings = replace(SETTINGS, clusters=ClusterSettings())
    model = train(training, settings, "plain", SerialComm(), SILENT).model
    local = restrict_to_thermal(NEW, model.thermal)
    plain = march_loading(model, local, NewtonSettings(tolerance=1e-12))
    phases = np.array([0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0])
    phased = march_phases([model, model], phases, local, NewtonSettings(tolerance=1e-12))
    total = phased.coordinates[:, : model.n_modes] + phased.coordinates[:, model.n_modes :]
    np.testing.assert_allclose(total, plain.coordinates, atol=1e-9 * np.abs(plain.coordinates).max())
    np.testing.assert_allclose(phased.samples["p"], plain.samples["p"], atol=1e-9 * plain.samples["p"].max())
    np.testing.assert_allclose(phased.residuals["stress"], plain.residuals["stress"], atol=1e-8)


@pytest.mark.parametrize("n_before", [1, 3, 4, 6, 11])
def test_phases_go_on_from_a_state_as_without_a_stop(trained, n_before):
    dictionary = trained.dictionary
    local = restrict_to_thermal(NEW, dictionary.face.thermal)
    march = partial(march_phases, dictionary.models, choose(dictionary, local).phases, local, NewtonSettings())
    whole, first = march(), march(until=local.times[n_before - 1])
    joined = join_histories([first, march(start=first.end)])
    np.testing.assert_allclose(joined.coordinates, whole.coordinates, atol=1e-12 * np.abs(whole.coordinates).max())
    for field, values in whole.samples.items():
        np.testing.assert_allclose(joined.samples[field], values, atol=1e-12 * np.abs(values).max())
        np.testing.assert_allclose(joined.residuals[field], whole.residuals[field], rtol=1e-6)
        np.testing.assert_allclose(
            joined.duals[field], whole.duals[field], atol=1e-11 * np.abs(whole.duals[field]).max()
        )


def test_phases_have_their_own_sizes_and_share_their_points(trained):
    models = trained.dictionary.models
    assert len(models) == 3
    assert len({model.n_modes for model in models}) > 1
    assert len({model.n_active for model in models}) > 1
    first = set(map(tuple, models[0].point_ids.tolist()))
    for model in models[1:]:
        assert set(map(tuple, model.point_ids.tolist())) == first
        assert not np.array_equal(model.point_ids, models[0].point_ids)
        assert not model.weights[model.n_active :].any()


def relative_errors(trained, run, exact):
    """Return the largest relative error of the displacement over time."""
    found = np.zeros_like(exact)
    for modes in join_modes(trained.members):
        found[:, modes.subdomain.node_rows] = displacement(modes, run.history, slice(None))
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def test_a_new_run_through_the_phases(trained):
    dictionary = trained.dictionary
    local = restrict_to_thermal(NEW, dictionary.models[0].thermal)
    choice = choose(dictionary, local)
    assert set(choice.tried) == {0, 1, 2}
    assert len(list(segments(choice.phases))) >= 3
    run = run_loading(dictionary, choice, local, NewtonSettings())
    assert run.model.model_id == "run"
    assert relative_errors(trained, run, solved(MESH, (viscoplastic(),), NEW)) < 5e-3


def test_the_training_is_followed(trained):
    for errors in trained.errors[0].values():
        assert max(errors.values()) < 1e-3
    assert trained.selector.by == "time"
