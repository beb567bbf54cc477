"""The returned stress and state satisfy the backward Euler equations, and the tangent is their derivative."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from romtool.laws import build_sites, elastic_tangent
from romtool.loading import Material
from tests.laws.materials import MATERIALS
from tests.laws.reference import Run, equivalent, residual

N_POINTS = 40


def path(seed: int, n_steps: int, size: float):
    """Random strain increments (n_steps, N_POINTS, 6), of different sizes from point to point."""
    random = np.random.default_rng(seed)
    increments = random.normal(size=(n_steps, N_POINTS, 6))
    return np.cumsum(increments, axis=0) * size * np.linspace(0.02, 1.0, N_POINTS)[:, None]


def temperatures(step: int):
    return np.linspace(0.0, 650.0, N_POINTS) + 10.0 * step


@pytest.mark.parametrize("viscous", [True, False])
@pytest.mark.parametrize("name", MATERIALS)
def test_residual_of_the_equations(name, viscous):
    run = Run(MATERIALS[name], N_POINTS)
    for step, strain in enumerate(path(1, 6, 2e-3)):
        t = (2.0 * step, 2.0 * step + 2.0)
        old = run.step(strain, temperatures(step), t, viscous)
        assert residual(run, old, strain, temperatures(step), t, viscous).max() < 1e-11
    flows = name != "elastic" and (viscous or not name.startswith(("norton", "time")))
    assert (run.p.max() > 1e-3) == flows


@pytest.mark.parametrize("viscous", [True, False])
@pytest.mark.parametrize("name", MATERIALS)
def test_tangent_is_the_derivative_of_the_stress(name, viscous):
    run = Run(MATERIALS[name], N_POINTS)
    strains = path(2, 3, 1.5e-3)
    for step, strain in enumerate(strains[:2]):
        run.step(strain, temperatures(step), (step, step + 1.0), viscous)
    arguments = (temperatures(2), (2.0, 3.0), viscous)
    end = run.call(strains[2], *arguments)
    tangent, numeric = run.tangent.copy(), np.zeros((N_POINTS, 6, 6))
    kink, width = np.zeros(N_POINTS, dtype=bool), 1e-7
    for column in range(6):
        sides = []
        for sign in (1.0, -1.0):
            states = run.call(strains[2] + sign * width * np.eye(6)[column], *arguments)
            kink |= (states[:, 0] > run.p) != (end[:, 0] > run.p)
            kink |= segment(run, states) != segment(run, end)
            sides.append(run.stress.copy())
        numeric[:, :, column] = (sides[0] - sides[1]) / (2 * width)
    scale = np.abs(numeric).max(axis=(1, 2))
    errors = np.abs(tangent - numeric).max(axis=(1, 2)) / scale
    assert errors[~kink].max() < 2e-6
    assert kink.sum() < N_POINTS / 5


def segment(run, states):
    return np.searchsorted(run.tables.curve_p, states[:, 0])


def test_tangent_is_not_symmetric_with_recovery():
    run = Run(MATERIALS["viscoplastic"], N_POINTS)
    for step, strain in enumerate(path(3, 2, 2e-3)):
        run.step(strain, 20.0, (step, step + 1.0))
    symmetric = run.tangent * np.array([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])
    skew = np.abs(symmetric - symmetric.transpose(0, 2, 1)).max(axis=(1, 2))
    assert skew.max() > 1e-3 * np.abs(run.tangent).max()


@pytest.mark.parametrize("name", MATERIALS)
def test_tangent_of_small_strain_is_the_elastic_one(name):
    run = Run(MATERIALS[name], N_POINTS)
    run.call(path(4, 1, 1e-8)[0], temperatures(0), (0.0, 1e-3))
    sites = build_sites(run.tables, run.rows, temperatures(0))
    expected = elastic_tangent(run.tables, sites, temperatures(0))
    np.testing.assert_allclose(run.tangent, expected, rtol=0, atol=1e-9 * expected.max())


@pytest.mark.parametrize("name", MATERIALS)
def test_rotation_of_the_strain_rotates_the_stress(name):
    strains = path(5, 4, 2e-3)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    plain, turned = Run(MATERIALS[name], N_POINTS), Run(MATERIALS[name], N_POINTS)
    for step, strain in enumerate(strains):
        plain.step(strain, temperatures(step), (step, step + 1.0))
        turned.step(rotated(strain, rotation), temperatures(step), (step, step + 1.0))
    scale = np.abs(plain.stress).max()
    np.testing.assert_allclose(turned.stress, rotated(plain.stress, rotation), rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(turned.p, plain.p, rtol=1e-9, atol=1e-16)


def rotated(rows, rotation):
    places = ([0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0])
    full = np.zeros((len(rows), 3, 3))
    full[:, places[0], places[1]] = rows
    full[:, places[1], places[0]] = rows
    return np.einsum("ai,nij,bj->nab", rotation, full, rotation)[:, places[0], places[1]]


exponents = st.floats(-1.0, 1.0)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    law=st.sampled_from(["plastic", "viscoplastic_norton_af", "creep_norton", "creep_time_hardening", "plastic_creep"]),
    n=st.floats(1.0, 100.0),
    size=st.floats(-9.0, 0.0),
    duration=st.floats(-10.0, 10.0),
    factor=st.floats(-3.0, 4.0),
    radius=st.floats(-2.0, 3.0),
    modulus=st.floats(0.0, 8.0),
    recall=st.floats(-1.0, 6.0),
    alpha=st.floats(-1.5, 1.0),
    kind=st.sampled_from(["linear", "curve", "voce", "power", "both"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_input_breaks_the_return_map(law, n, size, duration, factor, radius, modulus, recall, alpha, kind, seed):
    random = np.random.default_rng(seed)
    parameters = {"young": 2e5, "poisson": 0.3}
    start = 10.0**radius
    widths = np.cumsum(10.0 ** random.uniform(-12.0, 0.0, 4))
    steps = start * np.array([1.0, *(1.0 + random.uniform(0.0, 2.0, 4))])
    hardening = {"hardening": np.column_stack([[0.0, *widths], steps]).tolist()}
    rising = all(np.diff(steps) / np.diff([0.0, *widths]) > -2e5)
    smooth = {"Q": [start, 0.5 * start], "b": (10.0 ** random.uniform(-2.0, 8.0, 2)).tolist()}
    power = {"B": start, "N": float(random.uniform(0.05, 1.0)), "e0": float(random.choice([0.0, 1e-6, 0.1]))}
    shapes = {"curve": hardening if rising else {"R0": start}, "voce": {"R0": start, **smooth}}
    shapes |= {"power": {"R0": start, **power}, "both": {"R0": start, **smooth, **power}}
    if law[:5] in ("plast", "visco"):
        parameters |= shapes.get(kind, {"R0": start})
    if law != "plastic":
        parameters["n"] = n
    if law == "viscoplastic_norton_af":
        parameters["K"] = 10.0**factor
    elif law != "plastic":
        parameters["A"] = (10.0 ** (-min(n * factor, 200.0))) + 1e-290
    if law == "creep_time_hardening":
        parameters["m"] = float(random.uniform(-0.9, 2.0))
    n_terms = 2 if law in ("plastic", "viscoplastic_norton_af") else 0
    if n_terms:
        parameters |= {"C": [10.0**modulus, 100.0], "D": [10.0**recall, 0.0]}
    run = Run(Material("all", law, parameters), 5)
    run.state[:, 7:] = random.normal(size=(5, 6 * n_terms)) * 10.0 ** (alpha - max(recall, 0.0))
    for i in range(n_terms):
        back = run.state[:, 7 + 6 * i : 13 + 6 * i]
        back[:, :3] -= back[:, :3].mean(axis=1, keepdims=True)
    strain = random.normal(size=(5, 6)) * 10.0**size
    t = (0.0, 10.0**duration)
    old = run.step(strain, 20.0, t)
    assert np.all(np.isfinite(run.stress))
    assert np.all(np.isfinite(run.tangent))
    assert np.all(np.isfinite(run.state))
    assert residual(run, old, strain, np.full(5, 20.0), t, True).max() < 1e-11


@pytest.mark.parametrize("n", [1.0, 5.0, 30.0, 100.0])
def test_dp_over_thirty_decades(n):
    """Norton creep under small strain is explicit: dp = dt A q^n, as long as it relaxes no stress."""
    run = Run(Material("all", "creep_norton", {"young": 1.0, "poisson": 0.0, "A": 1.0, "n": n}), 1)
    strain = np.array([[1.0, -0.5, -0.5, 0.0, 0.0, 0.0]]) / 1.5
    for exponent in range(-300, -16, 20):
        duration = 10.0**exponent
        new = run.call(strain, 0.0, (0.0, duration))
        assert new[0, 0] == pytest.approx(duration * equivalent(strain)[0] ** n, rel=1e-12)
