"""What is learnt from pairs of misfit and error, where the pairs come from, and how good the bound is on new loads."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.linalg.pod import Pod
from romtool.offline import calibrate as module
from romtool.offline.calibrate import FLOOR, MOST_PAIRS, calibrate, fit, run_pairs, variants
from romtool.reduced.indicator import CALIBRATED, ELASTIC, OUTSIDE, SMALLEST, indicate, indications_of
from romtool.reduced.march import MarchStoppedError, march_loading, restrict_to_thermal
from romtool.reduced.model import Calibration
from romtool.settings import NewtonSettings
from romtool.types import Floats
from tests.online.runs import MESH, Start, start, true_errors
from tests.structures import thermal_cycle, viscoplastic


def noisy(count: int, slope: float = 0.8, noise: float = 0.3, seed: int = 0) -> Floats:
    """Draw pairs of `log E = 0.5 + slope log 𝓔 + noise`."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-12.0, -1.0, count)
    return np.exp(np.column_stack([x, 0.5 + slope * x + noise * rng.standard_normal(count)]))


def bounds(found: Calibration, misfit: Floats) -> Floats:
    return indicate(found, misfit, np.zeros(len(misfit), dtype=np.bool_)).bound


@pytest.mark.parametrize("count", [40, MOST_PAIRS, 1000])
def test_a_power_law_is_found_and_its_bound_holds_for_95_in_100(count):
    found, fresh = fit(noisy(count)), noisy(20000, seed=1)
    middle = np.exp(-6.0)
    expected = np.interp(np.log(middle), np.log(found.misfit), np.log(found.expected))
    assert expected == pytest.approx(0.5 - 0.8 * 6.0, abs=0.2)
    assert 0.89 < np.mean(bounds(found, fresh[:, 0]) >= fresh[:, 1]) < 0.99
    assert np.median(bounds(found, fresh[:, 0]) / fresh[:, 1]) < 2.0
    np.testing.assert_array_equal(found.pairs, noisy(count))
    np.testing.assert_allclose([found.misfit[0], found.misfit[-1]], [found.pairs[:, 0].min(), found.pairs[:, 0].max()])


@pytest.mark.parametrize("slope", [1.0, 0.3, 0.0, -0.5])
def test_the_bound_never_decreases(slope):
    found = fit(noisy(120, slope))
    assert (np.diff(found.bound) >= 0.0).all()
    assert (found.bound >= found.expected).all()
    assert (np.diff(found.misfit) > 0.0).all()


def test_less_noise_is_a_closer_bound():
    ratios = [np.median(found.bound / found.expected) for found in (fit(noisy(150, noise=s)) for s in (0.1, 0.3, 0.9))]
    assert ratios[0] < ratios[1] < ratios[2]
    assert np.log(ratios) == pytest.approx(1.645 * np.array([0.1, 0.3, 0.9]), rel=0.25)


def test_a_curved_relation_is_followed():
    x = np.linspace(-12.0, -1.0, 100)
    curved = np.exp(np.column_stack([x, -3.0 + x + np.sin(x)]))
    found = fit(curved)
    straight = np.interp(x, np.log(found.misfit), np.log(found.expected))
    assert np.abs(straight - np.log(curved[:, 1])).max() < 0.3


def test_the_same_pairs_give_the_same_bits():
    a, b = fit(noisy(400)), fit(noisy(400))
    np.testing.assert_array_equal(a.bound, b.bound)
    np.testing.assert_array_equal(a.expected, b.expected)


def test_without_pairs_every_misfit_is_outside():
    found = fit(np.zeros((0, 2)))
    status = indicate(found, np.array([1e-9, 1e-3, 10.0]), np.zeros(3, dtype=np.bool_)).status
    assert status.tolist() == [OUTSIDE] * 3
    none_at_all = indicate(found, np.zeros(1), np.zeros(1, dtype=np.bool_))
    assert none_at_all.exceeds(0.1).tolist() == [True]


@pytest.mark.parametrize(
    "pairs",
    [
        [[1e-3, 1e-2]],
        [[1e-3, 1e-2]] * 30,
        [[1e-3, 1e-2], [1e-3 * (1 + 1e-13), 1e2]],
        [[0.0, 0.0], [0.0, 1e-3]],
        [[1e-3, 1e-2], [2e-3, 1e-1]],
        [[1e-12, 1e-12], [1e3, 1e3]],
    ],
)
def test_few_or_degenerate_pairs_give_finite_bounds_without_a_warning(pairs):
    found = fit(np.array(pairs))
    for values in (found.misfit, found.expected, found.bound):
        assert np.isfinite(values).all()
        assert (values > 0.0).all()
    assert found.bound[-1] >= 0.1 * max(error for _, error in pairs)
    indicated = indicate(found, np.array([0.0, pairs[-1][0], 1e6]), np.zeros(3, dtype=np.bool_))
    assert indicated.status.tolist() == [CALIBRATED, CALIBRATED, OUTSIDE]


def test_pairs_of_a_run_are_relative_to_the_largest_norm_so_far():
    coefficients = np.array([[0.0, 3.0, 30.0, 3.0], [0.0, 4.0, 0.0, 0.0]])
    basis = Pod((), np.ones(2), 0.0, 0.0, coefficients, np.array([0.0, 0.0, 0.0, 4.0]))
    kept = np.array([[1.0], [0.0]])  # a model that knows the first mode alone
    duals = {"p": np.array([[0.0], [0.0], [3.0], [30.0], [3.3]])}
    residuals, elastic = {"p": np.linspace(0.0, 0.4, 5)}, {"p": np.array([True, True, False, False, False])}
    history = type("History", (), {"duals": duals, "residuals": residuals, "elastic": elastic})
    found = run_pairs(basis, kept, history, "p", slice(0, 4))
    np.testing.assert_allclose(found, [[0.2, 4.0 / 5.0], [0.3, SMALLEST], [0.4, np.hypot(0.3, 4.0) / 30.0]])


def cycle(hot: float = 400.0, pressure: float = 50.0, centre: float = 0.5, name: str = "new"):
    return replace(thermal_cycle(hot, pressure, 3e3, MESH, centre), name=name)


TRAINING = (
    cycle(300.0, name="cold"),
    cycle(450.0, name="hot"),
    cycle(pressure=80.0, centre=0.4, name="pressed"),
    cycle(pressure=20.0, centre=0.6, name="eased"),
)


@pytest.fixture(scope="module")
def several() -> Start:
    """Trained on four loads."""
    return start(TRAINING, (viscoplastic(),), 2)


@pytest.fixture(scope="module")
def one() -> Start:
    """Trained on one load."""
    return start((cycle(),), (viscoplastic(),))


def test_poorer_models_have_fewer_modes_or_have_not_seen_a_simulation(several, one):
    for given, n_left_out in ((several, 4), (one, 3)):
        model, record = given.trained.model, given.trained.record
        found = list(variants(model, record))
        everything = [variant for variant in found if variant.runs == tuple(range(record.n_runs))]
        sizes = [variant.displacement.shape[1] for variant in found]
        assert sizes[0] == model.n_modes
        assert len(found) >= 4 + n_left_out
        if record.n_runs > 1:
            assert [variant.runs for variant in found[-4:]] == [(0,), (1,), (2,), (3,)]
            assert all(2 <= size < model.n_modes for size in sizes[1 : len(everything)])
        for variant in found:
            for matrix in (variant.displacement, *variant.duals.values()):
                np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-12)


def test_a_model_that_has_not_seen_a_simulation_spans_the_others(several):
    model, record = several.trained.model, several.trained.record
    without = [variant for variant in variants(model, record) if variant.runs == (1,)]
    assert len(without) == 1
    coefficients, span = record.bases["u"].coefficients, record.span("u", 1)
    others = np.delete(coefficients, np.r_[span], axis=1)
    modes = without[0].displacement
    lost = np.linalg.norm(others - modes @ (modes.T @ others)) / np.linalg.norm(others)
    unseen = coefficients[:, span]
    assert lost <= record.settings.pod.tolerance
    assert np.linalg.norm(unseen - modes @ (modes.T @ unseen)) > 10 * lost * np.linalg.norm(unseen)


def test_the_bound_holds_on_loads_that_were_not_trained(several):
    model, pooled = several.trained.model, {"p": [], "stress": []}
    for loading in (
        cycle(380.0),
        cycle(480.0),
        cycle(pressure=65.0, centre=0.45),
        cycle(420.0, 90.0, 0.55),
        cycle(centre=0.3),
    ):
        load = several.load(loading)
        history = march_loading(model, restrict_to_thermal(loading, model.thermal), NewtonSettings())
        answer = type("Answer", (), {"trained": several.trained, "history": history})
        errors = true_errors(answer, load, several.ground)
        for name, found in indications_of(model, history).items():
            known = found.status != ELASTIC
            pooled[name].append(np.column_stack([found.indicator, found.bound, errors[name]])[known])
    for name, parts in pooled.items():
        indicator, bound, error = np.vstack(parts).T
        assert error.max() > 10 * error.min()
        assert np.corrcoef(np.log(indicator), np.log(error))[0, 1] > 0.95, name
        assert np.mean(bound >= error) >= 0.9, name
        assert np.median(bound / error) <= 5.0, name


def test_the_training_itself_is_within_its_bounds(several):
    model, kept = several.trained.model, []
    for loading in TRAINING:
        history = march_loading(model, restrict_to_thermal(loading, model.thermal), NewtonSettings())
        answer = type("Answer", (), {"trained": several.trained, "history": history})
        errors = true_errors(answer, several.load(loading), several.ground)
        for name, found in indications_of(model, history).items():
            known = found.status != ELASTIC
            kept += (found.bound[known] / errors[name][known]).tolist()
            assert OUTSIDE not in found.status
    assert np.mean(np.array(kept) >= 1.0) > 0.85
    assert min(kept) > 0.5


def test_pairs_of_enrichments_are_learnt_from_too(one):
    far = np.array([[0.5, 0.3], [0.7, 0.4]])
    record = replace(one.trained.record, pairs={"p": far})
    before, after = calibrate(one.trained.model, one.trained.record), calibrate(one.trained.model, record)
    np.testing.assert_array_equal(after["p"].pairs, np.vstack([far, before["p"].pairs]))
    assert after["p"].misfit[-1] == max(0.7, before["p"].misfit[-1])
    np.testing.assert_array_equal(after["stress"].bound, before["stress"].bound)


def test_poorer_models_that_stop_are_learnt_from_as_far_as_they_go(one, monkeypatch):
    whole = calibrate(one.trained.model, one.trained.record)

    def stop(model, loading, criteria):
        history = march_loading(model, loading, criteria)
        if model.n_modes < one.trained.model.n_modes:
            raise MarchStoppedError("no convergence", history.until(4))
        return history

    monkeypatch.setattr(module, "march_loading", stop)
    found = calibrate(one.trained.model, one.trained.record)
    assert 0 < len(found["stress"].pairs) < len(whole["stress"].pairs)

    def never(model, loading, criteria):
        raise MarchStoppedError("no convergence", march_loading(model, loading, criteria).until(1))

    monkeypatch.setattr(module, "march_loading", never)
    nothing = calibrate(one.trained.model, one.trained.record)
    assert [len(entry.pairs) for entry in nothing.values()] == [0, 0]


def test_fields_below_the_floor_give_no_pairs(one):
    """The first increment of the cycle is elastic: it is no pair of p."""
    model, record = one.trained.model, one.trained.record
    history = march_loading(model, restrict_to_thermal(record.loadings[0], model.thermal), NewtonSettings())
    p = record.bases["p"]
    norms = np.linalg.norm(p.coefficients, axis=0)
    assert norms[0] < FLOOR * p.largest_norm
    found = run_pairs(p, np.eye(p.n_modes), history, "p", record.span("p", 0))
    assert len(found) == np.count_nonzero(norms >= FLOOR * p.largest_norm)
