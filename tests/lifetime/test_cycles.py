"""Measures of cycles against an evaluation point by point with full matrices, and what they are by definition."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from romtool.io.life import MeasureSettings
from romtool.lifetime.cycles import PointHistory, change_between, measure_cycle
from romtool.lifetime.measures import dominant, reversals
from romtool.lifetime.models import build_model
from romtool.lifetime.sums import life_of

RNG = np.random.default_rng(5)


def random_history(n_times=7, n=11) -> PointHistory:
    """Tensors at random: turning principal axes, multiaxial."""
    times = np.cumsum(RNG.uniform(0.5, 2.0, n_times))
    heat = RNG.uniform(20.0, 700.0, (n_times, n))
    p = np.cumsum(RNG.uniform(0.0, 1e-3, (n_times, n)), axis=0)
    stress, strain = RNG.normal(0.0, 150.0, (n_times, n, 6)), RNG.normal(0.0, 2e-3, (n_times, n, 6))
    return PointHistory(times, stress, strain, heat, p)


def matrix(row):
    xx, yy, zz, xy, yz, zx = row
    return np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])


def von_mises(tensor):
    deviator = tensor - np.trace(tensor) / 3.0 * np.eye(3)
    return np.sqrt(1.5 * np.sum(deviator * deviator))


def strongest(tensor):
    values = np.linalg.eigvals(tensor).real
    return values[np.argmax(np.abs(values))]


def independent_life(history: PointHistory, k: int, tables: dict) -> float:
    """Cycles to failure of one point, with scalar tools alone."""
    stress, strain = [matrix(row) for row in history.stress[:, k]], [matrix(row) for row in history.strain[:, k]]
    pairs = itertools.combinations(strain, 2)
    half = 0.5 * max(2.0 / 3.0 * von_mises(b - a) for a, b in pairs)
    signed = [np.sign(np.trace(s)) * von_mises(s) for s in stress]
    hottest = history.temperature[:, k].max()
    at = {key: np.interp(hottest, *np.array(value).T) for key, value in tables.items()}
    mean = 0.5 * (max(signed) + min(signed))

    def gap(log_cycles):
        reversals_ = 2.0 * np.exp(log_cycles)
        elastic = (at["sigma_f"] - mean) / at["young"] * reversals_ ** at["b"]
        return elastic + at["epsilon_f"] * reversals_ ** at["c"] - half

    fatigue = 1.0 / np.exp(brentq(gap, -20.0, 60.0, xtol=1e-14, rtol=1e-14))
    creep, equivalent = 0.0, [von_mises(s) for s in stress]
    for i in range(len(history.times) - 1):
        a, b = history.times[i : i + 2]
        creep += quad(lambda t, i=i, a=a, b=b: (np.interp(t, (a, b), equivalent[i : i + 2]) / 900.0) ** 5.0, a, b)[0]
    return 1.0 / (fatigue + creep)


def test_lives_agree_with_an_independent_evaluation_of_the_same_histories():
    history = random_history()
    tables = {
        "young": [[20.0, 2.0e5], [800.0, 1.5e5]],
        "sigma_f": [[20.0, 1200.0], [800.0, 900.0]],
        "b": [[20.0, -0.09], [800.0, -0.11]],
        "epsilon_f": [[20.0, 0.5], [800.0, 0.8]],
        "c": [[20.0, -0.6], [800.0, -0.55]],
    }
    everywhere = np.ones(history.p.shape[1], dtype=bool)
    models = [build_model("morrow", tables, ""), build_model("robinson_power", {"A": 900.0, "n": 5.0}, "")]
    lives = life_of(measure_cycle(history, MeasureSettings()), [(model, everywhere) for model in models])
    exact = np.array([independent_life(history, k, tables) for k in range(len(everywhere))])
    assert np.abs(lives.cycles / exact - 1.0).max() < 1e-10


def test_ranges_and_stresses_by_definition():
    history = random_history()
    n = history.p.shape[1]
    strain = [[matrix(row) for row in history.strain[:, k]] for k in range(n)]
    stress = [[matrix(row) for row in history.stress[:, k]] for k in range(n)]
    principal = measure_cycle(history, MeasureSettings(strain="principal", creep="principal"))
    assert np.allclose(principal.strain_range, [np.ptp([strongest(e) for e in point]) for point in strain], rtol=1e-12)
    assert np.allclose(principal.max_stress, [max(strongest(s) for s in point) for point in stress], rtol=1e-12)
    assert np.allclose(principal.stress[2], [max(strongest(point[2]), 0.0) for point in stress], rtol=1e-12)
    difference = measure_cycle(history, MeasureSettings(strain="principal_difference"))
    largest = [max(abs(strongest(b - a)) for a, b in itertools.combinations(point, 2)) for point in strain]
    assert np.allclose(difference.strain_range, largest, rtol=1e-12)
    signed = measure_cycle(history, MeasureSettings(strain="mises", poisson=0.3))
    by_sign = [[np.sign(strongest(e)) * von_mises(e) / 1.3 for e in point] for point in strain]
    assert np.allclose(signed.strain_range, [np.ptp(point) for point in by_sign], rtol=1e-12)
    assert np.allclose(signed.delta_p, history.p[-1] - history.p[0])
    assert np.allclose(signed.max_temperature, history.temperature.max(axis=0))


def test_the_difference_is_free_of_the_sign_of_shear():
    shear = np.zeros((3, 1, 6))
    shear[:, 0, 3] = [0.0, 1e-3, -1e-3]
    flat = PointHistory(np.arange(3.0), 1e5 * shear, shear, np.zeros((3, 1)), np.zeros((3, 1)))
    assert measure_cycle(flat, MeasureSettings()).strain_range[0] == pytest.approx(2.0 * 2e-3 / np.sqrt(3.0))
    assert (dominant(shear) >= 0.0).all()


def test_dwell_is_the_time_of_hold():
    times = np.array([0.0, 10.0, 30.0, 60.0, 70.0])
    strain = np.zeros((5, 1, 6))
    strain[:, 0, 0] = [0.0, 1e-2, 1e-2, 1.0001e-2, 0.0]
    history = PointHistory(times, strain, strain, np.zeros((5, 1)), np.zeros((5, 1)))
    assert measure_cycle(history, MeasureSettings()).dwell[0] == pytest.approx(50.0)


def test_inner_reversals_are_the_way_beside_the_range():
    path = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.8], [0.0, 1.0], [0.0, 0.0]])
    assert reversals(path) == pytest.approx([0.0, 0.2])


def test_a_cycle_is_stabilised_where_range_and_growth_of_p_stay():
    before = (np.array([1.0e-2, 8e-3]), np.array([1e-3, 0.0]))
    after = (np.array([1.01e-2, 8e-3]), np.array([9e-4, 0.0]))
    change = change_between(before, after)
    assert change.strain_range == pytest.approx(1e-4 / 1.01e-2)
    assert change.delta_p == pytest.approx(1e-4 / 9e-4)
    assert not change.within(0.05)
    assert change.within(0.12)
    assert change_between(after, after).within(0.0)
