"""Draws of loads and quantiles: the same for the same seed, and those of the distributions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from romtool.errors import CaseError
from romtool.io.study import Output, RandomField, RandomNumber, Study
from romtool.loading import Dirichlet, Load, Loading, Table, Temperature, TemperatureEntry
from romtool.online.draws import FieldModes, check_targets, draw_all, draw_loading, field_entries
from romtool.online.quantiles import quantiles, spread
from romtool.online.study import time_weights

FIELD = RandomField("temperature", None, None, (), 0.95)
NODES = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
HOT = np.array([20.0, 50.0, 90.0])


def number(target: str, kind: str, name: str, distribution: str = "norm", **arguments: float) -> RandomNumber:
    return RandomNumber(target, kind, name, distribution, arguments)


SCALE = number("loads.gas.scale", "loads", "gas", loc=1.0, scale=0.05)


def study_of(*random: RandomField | RandomNumber, draws: int = 64, sampler: str = "sobol", seed: int = 7) -> Study:
    output = Output(None, (0.05, 0.5, 0.95), (), {}, None)
    return Study(Path("study.toml"), "study", draws, sampler, seed, None, random, output)


@pytest.mark.parametrize("sampler", ["sobol", "lhs", "random"])
def test_draws_are_those_of_the_distribution_and_of_the_seed(sampler):
    study = study_of(SCALE, FIELD, draws=1024, sampler=sampler)
    draws, again = draw_all(study, {"temperature": 3}), draw_all(study, {"temperature": 3})
    other = draw_all(replace(study, seed=8), {"temperature": 3})
    np.testing.assert_array_equal(draws.normal["temperature"], again.normal["temperature"])
    assert not np.array_equal(draws.normal["temperature"], other.normal["temperature"])
    values = draws.numbers["loads.gas.scale"]
    assert stats.kstest(values, stats.norm(1.0, 0.05).cdf).pvalue > 0.01
    np.testing.assert_allclose(np.cov(draws.normal["temperature"].T), np.eye(3), atol=0.15)


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_more_draws_begin_with_the_same(sampler):
    few = draw_all(study_of(SCALE, FIELD, draws=50, sampler=sampler), {"temperature": 2})
    many = draw_all(study_of(SCALE, FIELD, draws=300, sampler=sampler), {"temperature": 2})
    np.testing.assert_array_equal(few.normal["temperature"], many.normal["temperature"][:50])
    np.testing.assert_array_equal(few.numbers["loads.gas.scale"], many.numbers["loads.gas.scale"][:50])


def test_any_distribution_of_scipy():
    gamma = number("loads.gas.scale", "loads", "gas", "gamma", a=2.0, scale=3.0)
    values = draw_all(study_of(gamma, draws=4096), {}).numbers["loads.gas.scale"]
    np.testing.assert_allclose(
        np.quantile(values, [0.05, 0.5, 0.95]), stats.gamma(2.0, scale=3.0).ppf([0.05, 0.5, 0.95]), rtol=0.01
    )


def base() -> Loading:
    entries = (
        TemperatureEntry(0.0, 20.0),
        TemperatureEntry(1.0, HOT, scale=2.0, offset=1.0),
        TemperatureEntry(2.0, "x"),
    )
    return Loading(
        "base",
        np.array([0.0, 1.0, 2.0]),
        (Dirichlet("root", "ROOT", (0,), 0.5),),
        (Load("gas", "pressure", "END", 3.0, table="cycle"),),
        (Table("cycle", np.array([[0.0, 0.0], [1.0, 1.0]])),),
        Temperature(20.0, entries),
    )


def test_a_random_field_acts_on_the_entries_that_are_fields():
    temperature, varying = field_entries(base().temperature, NODES)
    assert varying.tolist() == [False, True, True]
    draws = draw_all(study_of(FIELD, draws=4), {"temperature": 2})
    modes = FieldModes(None, np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]))
    loading = draw_loading(replace(base(), temperature=temperature), varying, draws, {"temperature": modes}, 3)
    change = modes.modes @ draws.normal["temperature"][3]
    first, hot, last = loading.temperature.entries
    assert (first.value, loading.name) == (20.0, "draw-3")
    np.testing.assert_allclose(hot.value, HOT + change)
    assert (hot.scale, hot.offset) == (2.0, 1.0)
    np.testing.assert_allclose(last.value, NODES[:, 0] + change)


def test_a_mean_takes_the_place_of_the_fields():
    temperature, varying = field_entries(base().temperature, NODES)
    draws = draw_all(study_of(FIELD, draws=1), {"temperature": 1})
    modes = FieldModes(np.array([1.0, 2.0, 3.0]), np.zeros((3, 1)))
    loading = draw_loading(replace(base(), temperature=temperature), varying, draws, {"temperature": modes}, 0)
    _, hot, last = loading.temperature.entries
    np.testing.assert_array_equal(hot.value, [1.0, 2.0, 3.0])
    assert last.value is hot.value


def test_random_numbers_scale_what_they_name():
    targets = (
        SCALE,
        number("tables.cycle.scale", "tables", "cycle"),
        number("dirichlet.root.scale", "dirichlet", "root"),
        number("temperature.scale", "temperature", "scale"),
        number("temperature.offset", "temperature", "offset"),
    )
    draws = draw_all(study_of(*targets), {})
    factor = {name: float(values[5]) for name, values in draws.numbers.items()}
    temperature, varying = field_entries(base().temperature, NODES)
    loading = draw_loading(replace(base(), temperature=temperature), varying, draws, {}, 5)
    assert loading.loads[0].value == 3.0 * factor["loads.gas.scale"]
    assert loading.tables[0].points[1, 1] == factor["tables.cycle.scale"]
    assert loading.dirichlet[0].value == 0.5 * factor["dirichlet.root.scale"]
    hot = loading.temperature.entries[1]
    assert hot.scale == 2.0 * factor["temperature.scale"]
    assert hot.offset == factor["temperature.scale"] + factor["temperature.offset"]
    assert loading.temperature.initial == 20.0


def test_unknown_names_are_told():
    wrong = number("loads.gaz.scale", "loads", "gaz")
    with pytest.raises(CaseError, match=r'"loads.gaz.scale" is not in the base load; did you mean "gas"\?'):
        check_targets(study_of(wrong), base())
    with pytest.raises(CaseError, match="temperature has no entries that could vary"):
        check_targets(study_of(FIELD), replace(base(), temperature=Temperature(20.0)))


def test_quantiles_are_numpys():
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 1000):
        values = rng.standard_normal((13, count))
        wanted = [0.01, 0.05, 0.5, 0.95, 0.999]
        np.testing.assert_allclose(quantiles(values.copy(), wanted), np.quantile(values, wanted, axis=1), rtol=1e-13)


def test_spread_tells_how_far_quantiles_have_converged():
    values = np.random.default_rng(0).standard_normal((2000, 1))
    found = spread(values, (0.5, 0.95), 1.0, seed=0)
    np.testing.assert_allclose(found.quantiles[:, 0], np.quantile(values, [0.5, 0.95]))
    assert found.errors[0, 0] == pytest.approx(np.sqrt(np.pi / 2.0 / 2000), rel=0.25)  # of the median of a normal law
    assert found.sizes == (250, 500, 1000, 2000)
    np.testing.assert_allclose(found.converging[2, :, 0], np.quantile(values[:1000], [0.5, 0.95]))
    np.testing.assert_allclose(found.second_half[:, 0], np.quantile(values[1000:], [0.5, 0.95]))
    assert found.exceedance[0] == (values > 1.0).mean()


def test_times_are_stored_or_between():
    times = np.array([0.0, 1.0, 3.0])
    at, weights = time_weights(times, None)
    assert (at.tolist(), weights.tolist()) == ([3.0], [[0.0, 0.0, 1.0]])
    np.testing.assert_allclose(time_weights(times, (1.0, 2.5))[1], [[0.0, 1.0, 0.0], [0.0, 0.25, 0.75]])
    with pytest.raises(CaseError, match="at = 4 is outside the run from 0 to 3"):
        time_weights(times, (4.0,))
