"""Runs that repair their model: true errors, how many steps that takes, and what is kept when it cannot go on."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.errors import AccuracyError, ConvergenceError
from romtool.loading import Dirichlet, Loading, Material, Temperature, TemperatureEntry
from romtool.offline.verify import remembered_errors
from romtool.online import adapt as module
from romtool.online.adapt import AdaptOptions
from romtool.reduced.indicator import CALIBRATED, ELASTIC, OUTSIDE, indications_of
from romtool.reduced.march import MarchStoppedError, march_loading, restrict_to_thermal
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.online.runs import MESH, Start, repaired, start, true_errors
from tests.structures import thermal_cycle, viscoplastic

TOLERANCE = 1e-2
OPTIONS = AdaptOptions(TOLERANCE)
ELASTIC_LAW = Material(
    "all", "elastic", {"young": 2e5, "poisson": 0.3, "expansion": 2e-5}, density=1e-8, reference_temperature=20.0
)
NEVER = NewtonSettings(max_iterations=1, max_cuts=0)
"""With these no plastic step converges."""


def cycle(hot: float = 400.0, pressure: float = 50.0, omega: float = 3e3, centre: float = 0.5, name: str = "new"):
    return replace(thermal_cycle(hot, pressure, omega, MESH, centre), name=name)


def pulled(length: float) -> Loading:
    base = cycle(name=f"pulled by {length}")
    return replace(base, dirichlet=(*base.dirichlet, Dirichlet("pull", "x1", (0,), length, table="cycle")))


@pytest.fixture(scope="module")
def plain() -> Start:
    """Trained on one cycle, on one subdomain."""
    return start((cycle(),), (viscoplastic(),))


@pytest.fixture(scope="module")
def sliced() -> Start:
    """Trained on the same, on three subdomains."""
    return start((cycle(),), (viscoplastic(),), 3)


@pytest.fixture(scope="module")
def moved(plain):
    """A moved hot spot, answered with repairs."""
    load = plain.load(cycle(centre=0.7))
    return load, plain.run(load, OPTIONS)


HOTTER, PRESSED, FASTER = cycle(hot=480.0), cycle(pressure=80.0), cycle(omega=2e4)


@pytest.mark.parametrize("loading", [HOTTER, PRESSED, FASTER, cycle(centre=0.3), cycle(hot=250.0, centre=0.8)])
def test_true_errors_fall_below_twice_the_tolerance(plain, loading):
    load, unrepaired = plain.load(loading), AdaptOptions(1.0, 0, predictor=False)
    before = true_errors(plain.run(load, unrepaired), load, plain.ground)
    found = plain.run(load, OPTIONS)
    after = true_errors(found, load, plain.ground)
    assert max(values.max() for values in before.values()) > TOLERANCE
    assert max(values.max() for values in after.values()) < 2 * TOLERANCE
    assert 0 < len(repaired(found)) <= 7
    assert found.stopped == ""
    assert len(found.history.times) == len(loading.times)


def test_each_repair_is_logged(moved):
    _, found = moved
    first, *steps = found.enrichments
    assert (first.step, first.time, first.iterations) == (0, 0.0, 0)
    assert np.isnan(first.indicator["p"]).all()
    assert [entry.time for entry in steps] == [found.history.times[entry.step] for entry in steps]
    assert [entry.n_modes for entry in steps] == list(range(first.n_modes + 1, first.n_modes + 1 + len(steps)))
    for entry in steps:
        assert entry.iterations > 0
        assert max(pair[0] for pair in entry.bound.values()) > TOLERANCE
        assert max(pair[1] for pair in entry.bound.values()) < TOLERANCE
        assert all(pair[0] > pair[1] for pair in entry.indicator.values())
        phases = {"complete state", "high-fidelity step", "bases", "cubature", "gappy", "shapes", "calibrate", "march"}
        assert entry.seconds.keys() == phases


def test_the_errors_that_repairs_find_are_the_true_ones(plain):
    load = plain.load(cycle(centre=0.7))
    found = plain.run(load, AdaptOptions(TOLERANCE, 1))
    (step,) = repaired(found)
    without = plain.run(load, AdaptOptions(TOLERANCE, 0))
    true = true_errors(without, load, plain.ground)
    for name, error in found.enrichments[-1].errors.items():
        assert error == pytest.approx(true[name][step], rel=1e-3)
        misfit, kept = found.trained.record.pairs[name][-1]
        assert (misfit, kept) == (without.history.residuals[name][step], error)


def test_what_the_model_could_do_before_it_still_can(plain, moved):
    _, found = moved
    before, after = remembered_errors(plain.trained)["new"], remembered_errors(found.trained)["new"]
    for name, error in after.items():
        assert error <= 1.1 * max(before[name], 1e-4)
    assert max(entry.growth for entry in found.enrichments) <= 1.1


def test_small_training_loads_stay_as_accurate_beside_large_new_ones():
    small = start((cycle(hot=40.0, pressure=5.0, omega=1e3),), (viscoplastic(),))
    found = small.run(small.load(cycle()), OPTIONS)
    assert len(repaired(found)) > 1
    (errors,) = remembered_errors(found.trained).values()
    assert max(errors.values()) < 2e-4


@pytest.mark.parametrize("loading", [cycle(), cycle(hot=0.0, pressure=0.0, omega=0.0), cycle(hot=400.5, pressure=49.9)])
def test_a_load_inside_the_training_needs_no_repair(plain, loading):
    found = plain.run(plain.load(loading), OPTIONS)
    assert found.enrichments == ()
    assert found.trained is plain.trained


def test_between_two_training_loads_no_repair_is_needed():
    between = start((cycle(name="a"), cycle(440.0, 60.0, name="b")), (viscoplastic(),))
    load = between.load(cycle(420.0, 55.0))
    found = between.run(load, OPTIONS)
    assert found.enrichments == ()
    assert max(values.max() for values in true_errors(found, load, between.ground).values()) < TOLERANCE


def test_the_enriched_model_replays_the_load_without_repairs(plain, moved):
    load, found = moved
    again = Start(found.trained, plain.ground).run(load, OPTIONS)
    assert again.enrichments == ()
    for name, values in true_errors(again, load, plain.ground).items():
        assert values.max() < 2 * TOLERANCE, name


def test_a_neighbouring_load_needs_few_repairs_afterwards(plain, moved):
    _, found = moved
    load = plain.load(cycle(centre=0.69))
    fresh = plain.run(load, OPTIONS)
    again = Start(found.trained, plain.ground).run(load, OPTIONS)
    assert len(repaired(again)) <= 2 < len(repaired(fresh))


def test_the_answer_is_that_of_the_last_model_on_the_steps_that_it_made(plain, moved):
    """Marched behind the last repair, the last model gives the same steps again."""
    load, found = moved
    last = repaired(found)[-1]
    local = restrict_to_thermal(load.loading, found.trained.model.thermal)
    again = march_loading(found.trained.model, local, NewtonSettings(), found.history.coordinates[:last])
    np.testing.assert_array_equal(again.coordinates, found.history.coordinates)
    for name in again.duals:
        np.testing.assert_array_equal(again.duals[name], found.history.duals[name])


def test_subdomains_do_not_change_what_is_repaired(plain, sliced, moved):
    load, one = moved
    split = sliced.load(load.loading)
    several = sliced.run(split, OPTIONS)
    assert repaired(several) == repaired(one)
    assert max(values.max() for values in true_errors(several, split, sliced.ground).values()) < 2 * TOLERANCE
    assert abs(several.trained.model.n_active - one.trained.model.n_active) <= 5
    for part, modes in zip(sliced.ground.share.parts, several.trained.modes, strict=True):
        assert modes.displacement.shape == (several.trained.model.n_modes, part.mesh.n_nodes, 3)


@pytest.mark.parametrize(
    ("materials", "settings"),
    [
        ((replace(ELASTIC_LAW, elements="left"), viscoplastic("right")), Settings()),
        ((viscoplastic(),), Settings(pod=PodSettings(inner_product="energy"))),
        ((viscoplastic(),), Settings(pod=PodSettings(1e-2), quadrature=QuadratureSettings(1e-2))),
    ],
)
def test_materials_inner_products_and_coarse_models(materials, settings):
    given = start((cycle(),), materials, 2, settings)
    load = given.load(cycle(hot=480.0, pressure=70.0, centre=0.6))
    found = given.run(load, OPTIONS)
    assert repaired(found)
    assert max(values.max() for values in true_errors(found, load, given.ground).values()) < 2 * TOLERANCE


def test_thermoelastic_modes_alone_repair_an_elastic_structure():
    elastic = start((cycle(),), (ELASTIC_LAW,), 2)
    load = elastic.load(cycle(hot=480.0, centre=0.7))
    assert list(elastic.trained.model.duals) == ["stress"]
    found = elastic.run(load, OPTIONS)
    assert [entry.step for entry in found.enrichments] == [0]
    assert true_errors(found, load, elastic.ground)["stress"].max() < 1e-3
    without = elastic.run(load, replace(OPTIONS, predictor=False))
    assert len(repaired(without)) == 1  # after one step the structure is known
    assert true_errors(without, load, elastic.ground)["stress"][repaired(without)[0] :].max() < 1e-3


@pytest.mark.parametrize("times", [(0.0,), (0.0, 4.0), (-1.0, 0.0), (2.0,), (0.0, 1.0, 2.0)])
def test_new_temperature_fields_are_found_wherever_their_entries_lie(plain, times):
    field = cycle(centre=0.7).temperature.entries[1].value
    entries = tuple(TemperatureEntry(time, field) for time in times)
    loading = replace(cycle(), temperature=Temperature(20.0, entries))
    found = plain.run(plain.load(loading), AdaptOptions(1.0, 0))
    assert [entry.step for entry in found.enrichments] == [0]


def test_a_uniform_temperature_on_a_free_body_adds_no_mode_of_stress():
    """Its stress is round-off; no mode of it may come into the model."""
    heated = replace(
        cycle(hot=0.0), temperature=Temperature(20.0, (TemperatureEntry(0.0, 20.0), TemperatureEntry(2.0, 90.0)))
    )
    given = start((cycle(hot=0.0),), (viscoplastic(),))
    found = given.run(given.load(heated), AdaptOptions(TOLERANCE, 0))
    bases = found.trained.record.bases
    assert [entry.step for entry in found.enrichments] == [0]
    assert bases["u"].n_modes == given.trained.record.bases["u"].n_modes + 1
    assert bases["stress"].n_modes == given.trained.record.bases["stress"].n_modes


def test_prescribed_displacements():
    given = start((pulled(0.01),), (viscoplastic(),), 2)
    load = given.load(pulled(0.02))
    found = given.run(load, OPTIONS)
    assert repaired(found)
    assert max(values.max() for values in true_errors(found, load, given.ground).values()) < 2 * TOLERANCE
    last = found.trained.record.bases["u"]
    share, modes = given.ground.share, found.trained.modes
    for part, shapes in zip(share.parts, modes, strict=True):
        assert np.abs(shapes.displacement[:, part.mesh.node_sets["x1"], 0]).max(initial=0.0) < 1e-12
    assert last.remainders[-1] <= 1e-8 * last.largest_norm


def test_plastic_strain_that_the_training_did_not_know():
    given = start((cycle(hot=0.0, pressure=12.0, omega=1e3),), (viscoplastic(),), 2)  # 1e-60 of p
    assert given.trained.record.zero == ("p",)
    assert list(given.trained.model.duals) == ["stress"]
    load = given.load(cycle())
    found = given.run(load, OPTIONS)
    assert found.trained.record.zero == ()
    assert list(found.trained.model.duals) == ["stress", "p"]
    errors = true_errors(found, load, given.ground)
    assert max(values.max() for values in errors.values()) < 2 * TOLERANCE
    first = next(entry for entry in found.enrichments if "p" in entry.bound)
    assert np.isnan(first.bound["p"][0])
    assert "p" not in found.enrichments[0].errors


def test_steps_without_any_plastic_strain_can_be_repaired(plain):
    """The repaired step is elastic: p is known to the model, and next to nothing in the new snapshot."""
    gentle = cycle(hot=30.0, pressure=-8.0, omega=0.0, centre=0.9)
    found = plain.run(plain.load(gentle), AdaptOptions(1e-6, 1, predictor=False))
    (step,) = repaired(found)
    assert indications_of(found.trained.model, found.history)["p"].status[step] == ELASTIC
    p = found.trained.record.bases["p"]
    np.testing.assert_allclose(p.coefficients[:, -1], 0.0, atol=1e-50)
    assert p.n_modes == plain.trained.record.bases["p"].n_modes


def test_no_more_repairs_than_allowed(plain):
    told: list[str] = []
    found = plain.run(plain.load(cycle(centre=0.7)), AdaptOptions(TOLERANCE, 2), told)
    assert len(repaired(found)) == 2
    assert len(found.history.times) == 11
    assert "warning: new: 2 repairs are done, and the error may be above 0.01 from step" in told[-1]
    assert "--max-enrichments" in told[-1]
    late = indications_of(found.trained.model, found.history)
    assert any(entry.exceeds(TOLERANCE).any() for entry in late.values())
    told.clear()
    plain.run(plain.load(cycle()), AdaptOptions(TOLERANCE, 0), told)
    assert told == []


def test_a_high_fidelity_step_that_fails_keeps_the_accepted_steps(plain):
    load = plain.load(cycle(centre=0.7), NEVER)
    found = plain.run(load, OPTIONS)
    assert [entry.step for entry in found.enrichments] == [0]
    assert found.stopped.startswith("no convergence from t = 0.2 to 0.4 after 0 cuts: ")
    assert "try smaller increments in [time]" in found.stopped
    assert found.history.times.tolist() == [0.0, 0.2]
    assert found.history.coordinates.shape == (2, found.trained.model.n_modes)
    whole = plain.run(load, AdaptOptions(1.0, 0)).history
    np.testing.assert_array_equal(found.history.coordinates, whole.coordinates[:2])


def test_steps_that_neither_model_can_do_end_the_run():
    stuck = start((cycle(),), (viscoplastic(),))
    record = replace(stuck.trained.record, settings=replace(stuck.trained.record.settings, newton=NEVER))
    stuck = Start(replace(stuck.trained, record=record), stuck.ground)
    found = stuck.run(stuck.load(cycle(centre=0.7), NEVER), replace(OPTIONS, predictor=False))
    assert found.stopped.startswith("no convergence from t = ")
    assert len(found.history.times) < 11
    assert found.history.coordinates.shape == (len(found.history.times), found.trained.model.n_modes)


def test_a_repair_that_fails_behind_the_high_fidelity_step_leaves_the_model_as_it_was(plain, monkeypatch):
    def fail(*arguments):
        raise AccuracyError("the modes are orthonormal to 1e-3 only")

    monkeypatch.setattr(module, "enrich", fail)
    found = plain.run(plain.load(cycle(pressure=80.0)), OPTIONS)
    assert found.trained is plain.trained
    assert found.stopped == "the modes are orthonormal to 1e-3 only"
    assert len(found.history.times) == 2
    monkeypatch.undo()

    def lose(trained, loading, reached):
        if reached is not None:
            raise ConvergenceError("the law could not follow")
        return march(trained, loading, reached)

    march = module._march_on
    monkeypatch.setattr(module, "_march_on", lose)
    found = plain.run(plain.load(cycle(pressure=80.0)), OPTIONS)
    assert found.stopped == "the law could not follow"
    assert found.history.coordinates.shape[1] == found.trained.model.n_modes == plain.trained.model.n_modes


def test_a_reduced_march_that_stops_at_once_is_repaired_there(plain, monkeypatch):
    load = plain.load(cycle(pressure=80.0))

    def stop_at_once(model, loading, criteria, reached=None):
        if reached is None:
            whole = march_loading(model, loading, criteria)
            raise MarchStoppedError("no convergence", whole.until(1))
        return march_loading(model, loading, criteria, reached)

    monkeypatch.setattr(module, "march_loading", stop_at_once)
    found = plain.run(load, OPTIONS)
    assert repaired(found)[0] == 1
    assert found.enrichments[0].errors == {}
    assert np.isnan(found.enrichments[0].bound["stress"][0])
    assert found.stopped == ""
    assert max(values.max() for values in true_errors(found, load, plain.ground).values()) < 2 * TOLERANCE


def test_a_reduced_march_that_stops_again_ends_the_run_in_words(plain, monkeypatch):
    def stop_at_three(model, loading, criteria, reached=None):
        whole = march_loading(model, loading, criteria, reached)
        raise MarchStoppedError("no convergence at 3", whole.until(3))

    monkeypatch.setattr(module, "march_loading", stop_at_three)
    found = plain.run(plain.load(cycle()), OPTIONS)
    assert repaired(found) == [3]
    assert found.stopped == "no convergence at 3"
    assert len(found.history.times) == 3


def test_misfits_beyond_the_calibration_count_as_above_any_tolerance(plain):
    load = plain.load(cycle(hot=1200.0, pressure=300.0, centre=0.9))
    without = plain.run(load, AdaptOptions(1.0, 0, predictor=False))
    status = {name: found.status for name, found in indications_of(plain.trained.model, without.history).items()}
    assert any((entry == OUTSIDE).any() for entry in status.values())
    found = plain.run(load, AdaptOptions(1.0, predictor=False))
    assert repaired(found)
    after = indications_of(found.trained.model, found.history)
    assert all(set(entry.status.tolist()) <= {ELASTIC, CALIBRATED} for entry in after.values())


def test_models_are_named_after_what_they_learnt(plain):
    def names(loading: Loading, digest: str) -> str:
        load = replace(plain.load(loading), digest=digest)
        found = plain.run(load, AdaptOptions(TOLERANCE, 1, predictor=False))
        assert found.trained.model.statistics["parent"] == "first"
        return found.trained.model.model_id

    one, again, other = names(HOTTER, "a"), names(HOTTER, "a"), names(HOTTER, "b")
    assert one == again != other
    assert "first" not in (one, other)
