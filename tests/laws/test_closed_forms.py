"""Closed forms: uniaxial and shear loading where the answer is known."""

from itertools import pairwise

import numpy as np
import pytest

from romtool.laws import build_sites, elastic_tangent
from romtool.loading import Material
from tests.laws.reference import IDENTITY, Run, deviator, equivalent

YOUNG, POISSON = 2e5, 0.3
SHEAR = YOUNG / 2.6
MODULI = {"young": YOUNG, "poisson": POISSON}
AXIS = np.array([1.0, -0.5, -0.5, 0.0, 0.0, 0.0])  # unit equivalent strain rate, J = 1.5
PURE_SHEAR = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])


def uniaxial(run, axial, t, viscous=True):
    """Find the lateral strains of uniaxial stress by Newton on the tangent, and accept; return the stress."""
    strain = np.array([[axial, -POISSON * axial, -POISSON * axial, 0.0, 0.0, 0.0]])
    for _ in range(30):
        run.call(strain, 0.0, t, viscous)
        residual = run.stress[0, 1:3]
        if np.abs(residual).max() < 1e-10:
            break
        strain[0, 1:3] -= np.linalg.solve(run.tangent[0, 1:3, 1:3], residual)
    run.step(strain, 0.0, t, viscous)
    return run.stress[0, 0]


def test_elastic_moduli():
    run = Run(Material("all", "elastic", MODULI), 1)
    strain = np.array([[1e-3, 2e-4, -3e-4, 4e-4, -5e-4, 6e-4]])
    run.step(strain, 0.0, (0.0, 1.0))
    lame = YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
    expected = 2 * SHEAR * strain + lame * strain[:, :3].sum() * IDENTITY
    np.testing.assert_allclose(run.stress, expected, rtol=1e-14)
    np.testing.assert_allclose(run.tangent[0] @ strain[0], expected[0], rtol=1e-14)
    sites = build_sites(run.tables, run.rows, np.zeros(1))
    np.testing.assert_allclose(elastic_tangent(run.tables, sites, np.zeros(1)), run.tangent, rtol=1e-15)
    assert not run.state.any()


@pytest.mark.parametrize("from_initial", [True, False])
def test_free_thermal_expansion_is_stress_free(from_initial):
    expansion = [[0.0, 1e-5], [1000.0, 2e-5]]
    parameters = {**MODULI, "expansion": expansion}
    material = Material("all", "elastic", parameters, reference_temperature=50.0, from_initial=from_initial)
    run = Run(material, 1)
    initial = 1.2e-5 * 150.0 if from_initial else 0.0
    strain = (1.6e-5 * 550.0 - initial) * IDENTITY[None, :]
    run.step(strain, 600.0, (0.0, 1.0), initial=200.0)
    np.testing.assert_allclose(run.stress, 0.0, atol=1e-9)
    offset = build_sites(run.tables, run.rows, np.array([200.0])).offset
    np.testing.assert_allclose(offset, initial, rtol=1e-14)


def test_linear_hardening_in_tension():
    radius, slope = 250.0, 1000.0
    run = Run(Material("all", "plastic", {**MODULI, "R0": radius, "H": slope}), 1)
    for step, axial in enumerate(np.linspace(0.0, 0.02, 6)[1:]):
        stress = uniaxial(run, axial, (step, step + 1.0))
        p = (YOUNG * axial - radius) / (YOUNG + slope)
        assert stress == pytest.approx(radius + slope * p, rel=1e-12)
        assert run.p[0] == pytest.approx(p, rel=1e-12)


def test_hardening_curve_is_followed_and_constant_beyond_its_end():
    curve = [[0.0, 200.0], [0.001, 260.0], [0.01, 300.0]]
    run = Run(Material("all", "plastic", {**MODULI, "hardening": curve}), 1)
    for step, axial in enumerate([0.0015, 0.0023, 0.006, 0.03, 0.05]):
        stress = uniaxial(run, axial, (step, step + 1.0))
        assert stress == pytest.approx(np.interp(run.p[0], *np.transpose(curve)), rel=1e-12)
        assert run.p[0] == pytest.approx(axial - stress / YOUNG, rel=1e-12)
    assert run.p[0] > 0.04


def test_one_step_over_all_kinks_of_a_curve():
    p = np.linspace(0.0, 1.0, 400)
    curve = np.column_stack([p, 100.0 + 300.0 * np.sqrt(p)])
    run = Run(Material("all", "plastic", {**MODULI, "hardening": curve.tolist()}), 1)
    run.step(0.5 * AXIS[None, :], 0.0, (0.0, 1.0))
    assert equivalent(deviator(run.stress))[0] == pytest.approx(np.interp(run.p[0], *curve.T), rel=1e-12)


def test_linear_kinematic_hardening_in_cyclic_tension():
    """With X = 2/3 C eps_in the uniaxial back stress is C times the plastic strain: slope E C / (E + C)."""
    radius, modulus = 200.0, 5000.0
    run = Run(Material("all", "plastic", {**MODULI, "R0": radius, "C": modulus}), 1)
    stress = uniaxial(run, 0.01, (0.0, 1.0))
    plastic = 0.01 - stress / YOUNG
    assert stress == pytest.approx(radius + modulus * plastic, rel=1e-12)
    stress = uniaxial(run, -0.01, (1.0, 2.0))
    assert stress == pytest.approx(-radius + modulus * (-0.01 - stress / YOUNG), rel=1e-12)


def test_armstrong_frederick_saturates_at_c_over_d():
    radius, modulus, recall = 100.0, 5e4, 500.0
    parameters = {**MODULI, "R0": radius, "C": [modulus, 2e4], "D": [recall, 100.0]}
    run = Run(Material("all", "plastic", parameters), 1)
    for step in range(60):
        stress = uniaxial(run, 0.005 * (step + 1), (step, step + 1.0))
    assert stress == pytest.approx(radius + modulus / recall + 2e4 / 100.0, rel=1e-10)


def test_armstrong_frederick_curve_converges_with_the_step():
    """X = C/D (1 - exp(-D eps_in)) in tension; backward Euler is of first order."""
    radius, modulus, recall = 100.0, 5e4, 500.0
    errors = []
    for n_steps in (50, 100, 200):
        run = Run(Material("all", "plastic", {**MODULI, "R0": radius, "C": [modulus], "D": [recall]}), 1)
        for step in range(n_steps):
            stress = uniaxial(run, 0.004 * (step + 1) / n_steps, (step, step + 1.0))
        errors.append(stress - radius - modulus / recall * (1.0 - np.exp(-recall * run.p[0])))
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.1)
    assert errors[1] / errors[2] == pytest.approx(2.0, abs=0.1)
    assert abs(errors[2]) < 0.2


@pytest.mark.parametrize("n", [1.0, 3.0, 5.0])
def test_norton_relaxation_in_shear(n):
    """dq/dt = -3 G A q^n under constant strain has a closed form; backward Euler is of first order."""
    rate, start, end = 1e-3 / 100.0**n, 100.0, 0.02
    exact = start * np.exp(-3 * SHEAR * rate * end)
    if n > 1.0:
        exact = (start ** (1 - n) + (n - 1) * 3 * SHEAR * rate * end) ** (1 / (1 - n))
    strain = start / (np.sqrt(3.0) * 2 * SHEAR) * PURE_SHEAR[None, :]
    errors = []
    for n_steps in (100, 200, 400):
        run = Run(Material("all", "creep_norton", {**MODULI, "A": rate, "n": n}), 1)
        for t in np.linspace(0.0, end, n_steps + 1)[:-1]:
            run.step(strain, 0.0, (t, t + end / n_steps))
        errors.append(equivalent(run.stress)[0] - exact)
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.05)
    assert errors[1] / errors[2] == pytest.approx(2.0, abs=0.05)
    assert abs(errors[2]) < 2e-3 * start


def test_uniaxial_norton_creep_at_constant_stress():
    """Constant stress gives dp = A sigma^n dt exactly, also with backward Euler."""
    rate, n, stress = 1e-14, 5.0, 120.0
    run = Run(Material("all", "creep_norton", {**MODULI, "A": rate, "n": n}), 1)
    t = 0.0
    for duration in (1.0, 10.0, 1e3):
        p = run.p[0] + rate * stress**n * duration
        assert uniaxial(run, stress / YOUNG + p, (t, t + duration)) == pytest.approx(stress, rel=1e-9)
        assert run.p[0] == pytest.approx(p, rel=1e-9)
        t += duration


def test_time_hardening_takes_the_time_at_the_end_of_the_increment():
    rate, n, m, stress = 1e-12, 4.0, -0.5, 100.0
    run = Run(Material("all", "creep_time_hardening", {**MODULI, "A": rate, "n": n, "m": m}), 1)
    times = np.array([0.0, 1.0, 3.0, 10.0, 40.0])
    p = 0.0
    for start, end in pairwise(times):
        p += rate * stress**n * end**m * (end - start)
        assert uniaxial(run, stress / YOUNG + p, (start, end)) == pytest.approx(stress, rel=1e-9)
        assert run.p[0] == pytest.approx(p, rel=1e-9)


def test_creep_laws_are_elastic_where_viscous_flow_is_off():
    for law, more in (("creep_norton", {}), ("creep_time_hardening", {"m": -0.4})):
        run = Run(Material("all", law, {**MODULI, "A": 1e-8, "n": 5.0, **more}), 1)
        run.step(0.01 * AXIS[None, :], 0.0, (0.0, 1.0), False)
        assert equivalent(run.stress)[0] == pytest.approx(3 * SHEAR * 0.01, rel=1e-14)
        assert not run.state.any()


def test_plastic_creep_is_rate_independent_where_viscous_flow_is_off():
    radius, slope = 150.0, 2000.0
    parameters = {**MODULI, "R0": radius, "H": slope, "A": 1e-10, "n": 4.0}
    creep, plastic = Run(Material("all", "plastic_creep", parameters), 1), 3 * SHEAR * 0.004
    creep.step(0.004 * AXIS[None, :], 0.0, (0.0, 1.0), False)
    assert creep.p[0] == pytest.approx((plastic - radius) / (3 * SHEAR + slope), rel=1e-13)
    assert equivalent(deviator(creep.stress))[0] == pytest.approx(radius + slope * creep.p[0], rel=1e-13)


def test_plastic_creep_relaxes_to_the_yield_stress():
    radius, slope, rate, n = 150.0, 2000.0, 1e-10, 4.0
    parameters = {**MODULI, "R0": radius, "H": slope, "A": rate, "n": n}
    run = Run(Material("all", "plastic_creep", parameters), 1)
    strain = 0.004 * AXIS[None, :]
    for t in (0.0, 5.0):
        before = run.p[0]
        run.step(strain, 0.0, (t, t + 5.0))
        overstress = equivalent(deviator(run.stress))[0] - radius - slope * run.p[0]
        assert run.p[0] - before == pytest.approx(5.0 * rate * overstress**n, rel=1e-10)
    run.step(strain, 0.0, (10.0, 1e12))
    assert equivalent(deviator(run.stress))[0] == pytest.approx(radius + slope * run.p[0], abs=0.1)


def test_high_exponent_approaches_rate_independence_with_yield_stress_r0_plus_k():
    parameters = {**MODULI, "R0": 100.0, "H": 500.0, "K": 50.0, "n": 100.0}
    viscous = Run(Material("all", "viscoplastic_norton_af", parameters), 1)
    plastic = Run(Material("all", "plastic", {**MODULI, "R0": 150.0, "H": 500.0}), 1)
    strain = 0.01 * AXIS[None, :]
    for run in (viscous, plastic):
        run.step(strain, 0.0, (0.0, 0.01))
    np.testing.assert_allclose(viscous.stress, plastic.stress, rtol=2e-3)


def test_no_time_no_viscous_flow():
    run = Run(Material("all", "viscoplastic_norton_af", {**MODULI, "R0": 10.0, "K": 100.0, "n": 5.0}), 1)
    run.step(0.01 * AXIS[None, :], 0.0, (1.0, 1.0))
    assert run.p[0] == 0.0
