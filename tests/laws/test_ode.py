"""Convergence to the rate equations, integrated by SciPy on a multiaxial, non-isothermal path."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from romtool.loading import Material
from tests.laws.reference import IDENTITY, Run, at, deviator, equivalent

REFERENCE = 20.0
PARAMETERS = {
    "young": [[0.0, 210e3], [300.0, 190e3], [700.0, 140e3]],
    "poisson": [[0.0, 0.28], [700.0, 0.34]],
    "expansion": [[0.0, 1.0e-5], [700.0, 1.6e-5]],
    "R0": [[0.0, 90.0], [400.0, 60.0], [700.0, 20.0]],
    "H": [[0.0, 2000.0], [700.0, 500.0]],
    "K": [[0.0, 200.0], [300.0, 260.0], [700.0, 350.0]],
    "n": [[0.0, 12.0], [700.0, 5.0]],
    "C": [[[0.0, 9e4], [350.0, 7e4], [700.0, 2e4]], [[0.0, 5e3], [700.0, 2e3]]],
    "D": [[[0.0, 600.0], [350.0, 500.0], [700.0, 300.0]], 40.0],
}
END = 2.0


def temperature(t):
    return 50.0 + 550.0 * np.sin(0.4 * np.pi * t) ** 2


def strain(t):
    """A path that is neither proportional nor monotonic."""
    shape = [np.sin(2.5 * t), -0.4 * np.sin(2.5 * t), -0.3 * t, np.sin(4.0 * t), 0.5 * t * t, -0.6 * np.sin(3 * t)]
    thermal = at(PARAMETERS["expansion"], temperature(t)) * (temperature(t) - REFERENCE)
    return 5e-3 * np.array(shape) + thermal * IDENTITY


def effective_stress(t, y):
    """Return s - X and the stress of a state y = p, eps_in, alpha_1, alpha_2."""
    hot = temperature(t)
    young, poisson = at(PARAMETERS["young"], hot), at(PARAMETERS["poisson"], hot)
    thermal = at(PARAMETERS["expansion"], hot) * (hot - REFERENCE)
    elastic = strain(t) - thermal * IDENTITY - y[1:7]
    shear, bulk = young / (2 + 2 * poisson), young / (3 - 6 * poisson)
    stress = 2 * shear * deviator(elastic) + bulk * elastic[:3].sum() * IDENTITY
    back = sum(2 / 3 * at(c, hot) * y[7 + 6 * i : 13 + 6 * i] for i, c in enumerate(PARAMETERS["C"]))
    return deviator(stress) - back, stress


def rates(t, y):
    hot = temperature(t)
    effective, _ = effective_stress(t, y)
    size = equivalent(effective)
    excess = size - at(PARAMETERS["R0"], hot) - at(PARAMETERS["H"], hot) * y[0]
    p = (max(excess, 0.0) / at(PARAMETERS["K"], hot)) ** at(PARAMETERS["n"], hot)
    flow = 1.5 * p * effective / max(size, 1e-12)
    alphas = [flow - at(d, hot) * p * y[7 + 6 * i : 13 + 6 * i] for i, d in enumerate(PARAMETERS["D"])]
    return np.concatenate([[p], flow, *alphas])


@pytest.fixture(scope="module")
def exact():
    solution = solve_ivp(rates, (0.0, END), np.zeros(19), method="LSODA", rtol=1e-9, atol=1e-13, max_step=0.01)
    return solution.y[:, -1], effective_stress(END, solution.y[:, -1])[1]


def march(n_steps):
    material = Material("all", "viscoplastic_norton_af", PARAMETERS, reference_temperature=REFERENCE)
    run = Run(material, 1)
    times = np.linspace(0.0, END, n_steps + 1)
    for start, end in pairwise(times):
        run.step(strain(end)[None, :], temperature(end), (start, end))
    return run.state[0], run.stress[0]


def test_first_order_convergence_to_the_rate_equations(exact):
    errors = []
    for n_steps in (200, 400, 800):
        state, stress = march(n_steps)
        errors.append([relative(state[0], exact[0][0]), relative(state[7:], exact[0][7:]), relative(stress, exact[1])])
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    np.testing.assert_allclose(ratios, 2.0, atol=0.15)


def test_small_steps_agree_with_the_rate_equations(exact):
    state, stress = march(12000)
    assert state[0] > 0.02
    assert relative(state, exact[0]) < 1e-4
    assert relative(stress, exact[1]) < 1e-4


def relative(values, reference):
    return np.abs(values - reference).max() / np.abs(reference).max()


def test_back_stress_follows_its_modulus_when_only_the_temperature_changes():
    """Without flow alpha stays, and X = 2/3 C(T) alpha follows C(T): the elastic range moves with it."""
    parameters = {"young": 2e5, "poisson": 0.3, "R0": 50.0, "C": [[[0.0, 4e4], [100.0, 1e4]]], "D": [200.0]}
    run = Run(Material("all", "plastic", parameters), 1)
    axis = np.array([[1.0, -0.5, -0.5, 0.0, 0.0, 0.0]])
    run.step(0.01 * axis, 0.0, (0.0, 1.0))
    alpha = run.column("alpha_1").copy()
    back = 4e4 * alpha[0, 0]
    elastic_end = run.column("inelastic_strain") + (0.25 * back + 50.0) / (3 * 2e5 / 2.6) * axis
    run.call(elastic_end * (1 - 1e-12), 100.0, (1.0, 2.0))
    assert run.stress[0, 0] - run.stress[0, 1] == pytest.approx(0.25 * back + 50.0, rel=1e-10)
    assert run.call(elastic_end + 1e-6 * axis, 100.0, (1.0, 2.0))[0, 0] > run.p[0]
    assert run.call(elastic_end - 1e-6 * axis, 100.0, (1.0, 2.0))[0, 0] == run.p[0]
