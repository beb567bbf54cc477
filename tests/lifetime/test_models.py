"""Models of damage against closed forms on uniaxial cycles, each to 1e-10."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from romtool.errors import CaseError, LawError, MissingPartError
from romtool.io.life import MeasureSettings
from romtool.lifetime import models
from romtool.lifetime.cycles import PointHistory, measure_cycle
from romtool.lifetime.models import build_model
from romtool.lifetime.sums import cycles_to_failure, life_of
from romtool.lifetime.tables import Key

TOLERANCE = 1e-10
YOUNG, SIGMA_F, B, EPSILON_F, C = 1.7e5, 950.0, -0.08, 0.45, -0.62
STRAIN_LIFE = {"young": YOUNG, "sigma_f": SIGMA_F, "b": B, "epsilon_f": EPSILON_F, "c": C}
CYCLES = np.array([1.0, 30.0, 1.0e3, 4.7e4, 2.0e6, 1.0e9])


def bar(strain_range, stress, times=(0.0, 1.0, 3.0, 4.0), temperature=20.0):
    """A bar stretched and released with a hold, from -Δε/2 to Δε/2 and back, its volume kept; stress (n_times, n)."""
    strain_range, shape = np.atleast_1d(strain_range), np.interp(times, (0.0, 1.0, 3.0, 4.0), (-0.5, 0.5, 0.5, -0.5))
    strain, sig = np.zeros((len(times), len(strain_range), 6)), np.zeros((len(times), len(strain_range), 6))
    strain[..., 0] = shape[:, None] * strain_range
    strain[..., 1] = strain[..., 2] = -0.5 * strain[..., 0]
    sig[..., 0] = stress
    heat = np.broadcast_to(np.asarray(temperature, dtype=float), sig.shape[:2])
    return PointHistory(np.array(times), sig, strain, heat, np.zeros(sig.shape[:2]))


def damage_of(name, parameters, history, **measure):
    return build_model(name, parameters, "test").damage(measure_cycle(history, MeasureSettings(**measure)))


def relative(found, exact):
    return float(np.abs(np.asarray(found) / exact - 1.0).max())


@pytest.mark.parametrize("measure", ["difference", "mises", "principal", "principal_difference"])
def test_coffin_manson_basquin(measure):
    half = SIGMA_F / YOUNG * (2 * CYCLES) ** B + EPSILON_F * (2 * CYCLES) ** C
    history = bar(2.0 * half, np.linspace(-100.0, 100.0, 4)[:, None])
    found = damage_of("coffin_manson_basquin", STRAIN_LIFE, history, strain=measure)
    assert relative(1.0 / found, CYCLES) < TOLERANCE


@pytest.mark.parametrize("mean", [-150.0, 0.0, 220.0])
def test_morrow(mean):
    half = (SIGMA_F - mean) / YOUNG * (2 * CYCLES) ** B + EPSILON_F * (2 * CYCLES) ** C
    stress = mean + np.array([-200.0, 200.0, 150.0, -200.0])[:, None]
    assert relative(1.0 / damage_of("morrow", STRAIN_LIFE, bar(2.0 * half, stress)), CYCLES) < TOLERANCE


def test_a_mean_stress_of_the_strength_fails_at_the_first_reversal():
    assert damage_of("morrow", STRAIN_LIFE, bar(1e-3, SIGMA_F))[0] == 2.0


def test_smith_watson_topper():
    highest = 310.0
    product = SIGMA_F**2 / YOUNG * (2 * CYCLES) ** (2 * B) + SIGMA_F * EPSILON_F * (2 * CYCLES) ** (B + C)
    stress = np.array([-250.0, highest, 180.0, -250.0])[:, None]
    history = bar(2.0 * product / highest, stress)
    assert relative(1.0 / damage_of("smith_watson_topper", STRAIN_LIFE, history), CYCLES) < TOLERANCE


def test_compression_alone_does_no_damage_by_smith_watson_topper():
    assert damage_of("smith_watson_topper", STRAIN_LIFE, bar(1e-2, -100.0))[0] == 0.0


def test_no_strain_range_does_no_damage():
    assert damage_of("coffin_manson_basquin", STRAIN_LIFE, bar(0.0, 50.0))[0] == 0.0


def test_parameters_are_linear_in_temperature():
    tables = {**STRAIN_LIFE, "sigma_f": [[0.0, 1000.0], [800.0, 600.0]]}
    warm = {**STRAIN_LIFE, "sigma_f": 800.0}
    history = bar(8e-3, 0.0, temperature=np.array([100.0, 400.0, 250.0, 100.0])[:, None])
    found = damage_of("coffin_manson_basquin", tables, history)
    assert relative(found, damage_of("coffin_manson_basquin", warm, history)) < TOLERANCE
    mean = damage_of("coffin_manson_basquin", tables, history, temperature="mean")
    at_mean = {**STRAIN_LIFE, "sigma_f": 1000.0 - 0.5 * (250.0 + 2 * 325.0 + 175.0) / 4.0}
    assert relative(mean, damage_of("coffin_manson_basquin", at_mean, history)) < TOLERANCE


def test_robinson_with_larson_millers_parameter_on_a_hold():
    stress, temperature, constant, coefficients = 180.0, 650.0, 20.0, [3.6e4, -4.0e3, -3.0e2]
    parameter = sum(a * np.log10(stress) ** k for k, a in enumerate(coefficients))
    rupture = 3600.0 * 10.0 ** (parameter / (temperature + 273.15) - constant)
    history = bar(0.0, stress, temperature=temperature)
    found = damage_of("robinson_larson_miller", {"C": constant, "coefficients": coefficients}, history)
    assert relative(found, 4.0 / rupture) < TOLERANCE


def test_robinson_on_a_ramp_of_stress():
    strength, exponent, last = 400.0, 7.0, 300.0
    history = bar(0.0, np.array([[0.0], [last]]), times=(0.0, 5.0))
    found = damage_of("robinson_power", {"A": strength, "n": exponent}, history)
    assert relative(found, 5.0 * (last / strength) ** exponent / (exponent + 1.0)) < TOLERANCE


def test_robinson_with_curves_of_rupture():
    at = {600.0: (500.0, 6.0), 700.0: (350.0, 5.0)}  # t_r = (σ/A)^-n is a straight curve
    curves = [[T, [[s, (s / a) ** -n] for s in (50.0, 100.0, 200.0)]] for T, (a, n) in at.items()]
    stress = np.array([120.0, 400.0])  # the second beyond the curves
    for temperature, (a, n) in at.items():
        found = damage_of("robinson_table", {"rupture": curves}, bar([0.0, 0.0], stress, temperature=temperature))
        assert relative(found, 4.0 * (stress / a) ** n) < TOLERANCE
    between = damage_of("robinson_table", {"rupture": curves}, bar([0.0, 0.0], stress, temperature=625.0))
    logs = [0.75 * -6.0 * np.log(s / 500.0) + 0.25 * -5.0 * np.log(s / 350.0) for s in stress]
    assert relative(between, 4.0 / np.exp(logs)) < TOLERANCE


def test_linear_sum_of_fatigue_and_creep():
    history = bar(9e-3, 150.0, temperature=600.0)
    cycle = measure_cycle(history, MeasureSettings())
    fatigue = build_model("coffin_manson_basquin", STRAIN_LIFE, "test")
    creep = build_model("robinson_power", {"A": 300.0, "n": 12.0}, "test")
    everywhere = np.ones(1, dtype=bool)
    lives = life_of(cycle, [(fatigue, everywhere), (creep, everywhere)])
    assert relative(lives.creep, 4.0 * 0.5**12) < TOLERANCE
    assert relative(lives.cycles, 1.0 / (fatigue.damage(cycle) + 4.0 * 0.5**12)) < TOLERANCE
    with pytest.raises(CaseError, match="two models of fatigue act on the same elements"):
        life_of(cycle, [(fatigue, everywhere), (fatigue, everywhere)])
    assert np.isnan(life_of(cycle, [(fatigue, ~everywhere)]).cycles).all()


def test_interaction_goes_through_its_kink_and_the_ends():
    fatigue, creep = np.array([1e-3, 0.0, 3e-3, 1e-3]), np.array([0.0, 2e-3, 1e-3, 3e-4])
    found = cycles_to_failure(fatigue, creep, (0.3, 0.1))
    assert relative(found[:3], [1e3, 5e2, 1e2]) < TOLERANCE
    # creep / fatigue = 0.3 is below the kink's 1/3: D_f + D_c (1 - 0.3) / 0.1 = 1
    assert relative(found[3], 1.0 / (1e-3 + 3e-4 * 7.0)) < TOLERANCE
    assert np.isinf(cycles_to_failure(np.zeros(1), np.zeros(1), (0.3, 0.3)))


class Own:
    """A model of a package: one cycle in a thousand per stress range."""

    name, kind, description = "own", "fatigue", "own"
    parameters = {"factor": Key("damage per stress")}  # noqa: RUF012

    def damage(self, cycle, parameters):
        return parameters["factor"].at(cycle.reference) * cycle.stress_range


def test_a_model_of_an_installed_package(monkeypatch):
    monkeypatch.setattr(EntryPoint, "load", lambda point: Own() if point.name == "own" else 1 / 0)
    entries = [EntryPoint(name, "x:y", models.PLUGINS) for name in ("own", "broken")]
    monkeypatch.setattr(models, "entry_points", lambda group: [e for e in entries if e.group == group])
    history = bar(1e-3, np.array([0.0, 80.0, 80.0, 0.0])[:, None])
    assert relative(damage_of("own", {"factor": 1e-5}, history), 8e-4) < TOLERANCE
    with pytest.raises(MissingPartError, match='"broken" can not be loaded: division by zero; repair its package'):
        build_model("broken", {}, "test")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("morow", STRAIN_LIFE, 'no lifetime model "morow"; did you mean "morrow"'),
        ("morrow", {**STRAIN_LIFE, "yung": 1.0}, 'no parameter "yung"; did you mean "young"'),
        ("morrow", {"young": 1.0}, 'lacks the parameter "sigma_f": fatigue strength'),
        ("morrow", {**STRAIN_LIFE, "b": 0.1}, '"b" is 0.1; expected a negative number'),
        ("morrow", {**STRAIN_LIFE, "young": [[20.0, 1.0], [20.0, 2.0]]}, "temperatures 20, 20; expected increasing"),
        ("morrow", {**STRAIN_LIFE, "young": "stiff"}, "'stiff'; expected a positive number or"),
        ("robinson_larson_miller", {"C": 20.0, "coefficients": 3.0}, "expected a list of numbers"),
        ("robinson_table", {"rupture": [[600.0, [[1.0, 2.0]]]]}, "expected curves"),
        ("robinson_table", {"rupture": [[600.0, [[2.0, 2.0], [1.0, 3.0]]]]}, "increasing ones"),
    ],
)
def test_wrong_parameters_are_told(name, parameters, message):
    with pytest.raises(LawError, match=message.replace("[", r"\[")):
        build_model(name, parameters, "life.toml: [[models]]")
