"""The law driver: given strains and stresses are met, and closed forms of one-dimensional tests."""

from itertools import pairwise

import numpy as np
import pytest

from romtool.errors import ConvergenceError
from romtool.laws.driver import DriverSettings, LawPath, drive
from romtool.loading import Material, Orientation
from tests.laws.materials import DIRECTIONAL, MATERIALS

ALL = MATERIALS | DIRECTIONAL
YOUNG, POISSON = 2e5, 0.3
MODULI = {"young": YOUNG, "poisson": POISSON}


def uniaxial(times, values, by="stress", temperature=20.0):
    """Prescribe strain or stress along x; the other stresses vanish."""
    given = np.zeros((len(times), 6))
    given[:, 0] = values
    heat = np.broadcast_to(np.asarray(temperature, dtype=float), (len(times),)).copy()
    return LawPath(np.asarray(times, dtype=float), heat, np.array([by == "strain", *[False] * 5]), given)


@pytest.mark.parametrize("name", ALL)
def test_mixed_control_is_met(name):
    times = np.linspace(1.0, 5.0, 9)
    by_strain = np.array([True, False, False, True, False, True])
    values = np.outer(times - 1.0, [2e-3, 20.0, -15.0, 5e-4, 10.0, -1e-3])
    path = LawPath(times, np.linspace(20.0, 500.0, 9), by_strain, values)
    history = drive(ALL[name], path)
    np.testing.assert_allclose(history.strain[:, by_strain], values[:, by_strain], rtol=1e-14)
    scale = np.abs(history.stress).max()
    np.testing.assert_allclose(history.stress[:, ~by_strain], values[:, ~by_strain], rtol=0, atol=1e-10 * scale)


def test_uniaxial_creep_to_1e_6():
    """Constant stress: eps_in = A sigma^n t, exactly also with backward Euler; with t^m only in the limit."""
    rate, n, stress = 1e-13, 4.0, 150.0
    times = np.linspace(0.0, 100.0, 41)
    material = Material("all", "creep_norton", {**MODULI, "A": rate, "n": n})
    history = drive(material, uniaxial(times, np.full(41, stress)))
    expected = stress / YOUNG + rate * stress**n * times
    assert np.abs(history.strain[1:, 0] - expected[1:]).max() < 1e-9 * expected[-1]


def test_time_hardening_creep_converges_at_first_order():
    rate, n, m, stress, start = 1e-13, 4.0, -0.5, 150.0, 1.0
    exact = rate * stress**n * (100.0 ** (1 + m) - start ** (1 + m)) / (1 + m)
    material = Material("all", "creep_time_hardening", {**MODULI, "A": rate, "n": n, "m": m})
    errors = []
    for n_steps in (500, 1000, 2000):
        times = np.geomspace(start, 100.0, n_steps + 1)
        history = drive(material, uniaxial(times, np.full(len(times), stress)))
        errors.append(history.column("p")[-1, 0] / exact - 1.0)
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.02)
    assert errors[1] / errors[2] == pytest.approx(2.0, abs=0.02)
    # Richardson: what is left of the extrapolated value
    assert 2 * errors[2] - errors[1] == pytest.approx(0.0, abs=1e-6)


def relaxation(n_steps, n=3.0, rate=1e-11, start=150.0, duration=100.0):
    """Return the uniaxial stress after `duration` at constant strain, and the closed form."""
    material = Material("all", "creep_norton", {**MODULI, "A": rate, "n": n})
    times = np.concatenate([[0.0], 1e-12 + np.linspace(0.0, duration, n_steps + 1)])
    history = drive(material, uniaxial(times, np.append(0.0, np.full(n_steps + 1, start / YOUNG)), "strain"))
    exact = (start ** (1 - n) + (n - 1) * YOUNG * rate * duration) ** (1 / (1 - n))
    return history.stress[-1, 0] / exact - 1.0


def test_uniaxial_relaxation_to_1e_6():
    errors = [relaxation(n_steps) for n_steps in (500, 1000, 2000, 4000)]
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    np.testing.assert_allclose(ratios, 2.0, atol=0.01)
    assert abs(2 * errors[3] - errors[2]) < 1e-6


def ratchetting(modulus, recall, radius, low, high):
    """Return the strain that an Armstrong-Frederick material gains per cycle between two stresses.

    Along tension X' = C - D X, along compression X' = -C - D X over |deps_p|; the cycle starts and ends at X = low +
    radius. Closed form after Lemaitre and Chaboche, Mechanics of Solid Materials, chapter 5.
    """
    bound = modulus / recall
    first, last = low + radius, high - radius
    gained = np.log((bound - first) / (bound - last)) / recall
    lost = np.log((bound + last) / (bound + first)) / recall
    return gained - lost


def cycles(n_steps, modulus=2e4, recall=100.0, radius=100.0, low=-150.0, high=250.0):
    """Return the ratchetting strain of the third cycle against the closed form."""
    material = Material("all", "plastic", {**MODULI, "R0": radius, "C": [modulus], "D": [recall]})
    corners = [0.0, high, low, high, low, high, low]
    times = np.linspace(0.0, 6.0, 6 * n_steps + 1)
    history = drive(material, uniaxial(times, np.interp(times, np.arange(7.0), corners)))
    gained = history.strain[-1, 0] - history.strain[-1 - 2 * n_steps, 0]
    return gained / ratchetting(modulus, recall, radius, low, high) - 1.0


def test_ratchetting_strain_per_cycle_to_1e_6():
    errors = [cycles(n_steps) for n_steps in (200, 400, 800, 1600)]
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    np.testing.assert_allclose(ratios, 2.0, atol=0.05)
    extrapolated = [2 * b - a for a, b in pairwise(errors)]
    # a second extrapolation removes the next order
    assert abs((4 * extrapolated[2] - extrapolated[1]) / 3) < 1e-6


SLIP = {"c11": 2.5e5, "c12": 1.6e5, "c44": 1.2e5, "K": 200.0, "n": 5.0, "r0": 50.0}


def single_slip(n_steps, **more):
    """Shear a crystal so that one cubic system, plane y and direction x, feels nearly all; return its history.

    The global x is the cubic system's direction [011]/sqrt(2), the global y its plane's normal [100].
    """
    axes = np.array([[0.0, 1.0, 0.0], [1.0 / np.sqrt(2.0), 0.0, 1.0 / np.sqrt(2.0)]])
    orientation = Orientation("axes", axes)
    parameters = {**SLIP, "r0": 1e6, "cubic_K": 200.0, "cubic_n": 5.0, "cubic_r0": 50.0, **more}
    times = np.linspace(0.0, 10.0, n_steps + 1)
    values = np.zeros((n_steps + 1, 6))
    values[:, 3] = 120.0
    values[0] = 0.0
    path = LawPath(times, np.full(n_steps + 1, 20.0), np.zeros(6, dtype=bool), values)
    return drive(Material("all", "single_crystal", parameters, orientation=orientation), path)


def test_single_slip_under_constant_shear_stress():
    """dgamma = ((tau - r0) / K)^n dt, on the one system with the whole Schmid factor."""
    history = single_slip(10, cubic_r0=70.0)
    slip = history.column("cumulated_slip")[-1]
    expected = ((120.0 - 70.0) / 200.0) ** 5 * 10.0
    assert np.sort(slip)[-2] < 1e-12 * expected
    assert slip.max() == pytest.approx(expected, rel=1e-9)
    assert history.column("inelastic_strain")[-1, 3] == pytest.approx(0.5 * expected, rel=1e-9)
    assert history.column("p")[-1, 0] == pytest.approx(expected / np.sqrt(3.0), rel=1e-9)


def test_single_slip_with_kinematic_hardening_to_1e_6():
    """x = c/d (1 - exp(-d v)) and dv/dt = ((tau - r0 - x) / K)^n; for n = 1 and d = 0 it is exponential."""
    modulus, drag = 300.0, 200.0
    errors = []
    for n_steps in (250, 500, 1000, 2000):
        history = single_slip(n_steps, cubic_n=1.0, cubic_c=modulus, cubic_r0=70.0)
        slip = history.column("cumulated_slip")[-1].max()
        errors.append(slip / ((120.0 - 70.0) / modulus * (1.0 - np.exp(-modulus / drag * 10.0))) - 1.0)
    exact = 1.0 - np.exp(-modulus / drag * 10.0)
    assert exact > 0.99
    assert abs(errors[-1]) < 1e-6
    early = []
    for n_steps in (250, 500, 1000, 2000):
        history = single_slip(n_steps, cubic_n=1.0, cubic_c=30.0, cubic_r0=70.0)
        slip = history.column("cumulated_slip")[-1].max()
        early.append(slip / ((120.0 - 70.0) / 30.0 * (1.0 - np.exp(-30.0 / drag * 10.0))) - 1.0)
    ratios = np.array(early[:-1]) / np.array(early[1:])
    np.testing.assert_allclose(ratios, 2.0, atol=0.02)
    assert abs(2 * early[3] - early[2]) < 1e-6


def test_what_the_material_cannot_carry_is_told():
    material = Material("all", "plastic", {**MODULI, "R0": 100.0})
    with pytest.raises(ConvergenceError, match=r"finds no balance from time .* give smaller increments"):
        drive(material, uniaxial([0.0, 1.0], [0.0, 150.0]), DriverSettings(max_cuts=2))


def test_a_step_that_is_too_large_is_halved():
    material = Material("all", "plastic", {**MODULI, "R0": 100.0, "C": [2e5], "D": [2e3]})
    times = np.array([0.0, 1.0, 2.0])
    history = drive(material, uniaxial(times, [0.0, 199.0, -199.0]))
    fine = drive(
        material, uniaxial(np.linspace(0.0, 2.0, 401), np.interp(np.linspace(0, 2, 401), times, [0, 199, -199]))
    )
    assert history.stress[1, 0] == pytest.approx(199.0, rel=1e-9)
    assert fine.stress[-1, 0] == pytest.approx(-199.0, rel=1e-9)
