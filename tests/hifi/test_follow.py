"""Following known displacements with the laws, and the linear answer to a temperature alone."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.errors import ConvergenceError
from romtool.fem.operators import build_operators
from romtool.hifi.march import HifiState, follow, initial_state, solve, thermoelastic
from romtool.hifi.problem import HifiProblem, build_problem
from romtool.loading import Dirichlet, Loading, Material, Temperature, TemperatureEntry
from romtool.types import Floats
from tests.structures import box, symmetric_supports, thermal_cycle, viscoplastic

MESH = box((3, 2, 2))
YOUNG, ALPHA = 200.0, 1e-4
ELASTIC = Material("all", "elastic", {"young": YOUNG, "poisson": 0.3, "expansion": ALPHA}, reference_temperature=20.0)
STIFF = replace(ELASTIC, elements="right", parameters={"young": 5 * YOUNG, "poisson": 0.1, "expansion": 0.2 * ALPHA})


def problem(loading: Loading, *materials: Material) -> HifiProblem:
    return build_problem(build_operators(MESH), materials, loading)


def states_of(case: HifiProblem) -> list[HifiState]:
    states: list[HifiState] = []
    solve(case, lambda state, _: states.append(state))
    return states


def heated(value: float | Floats | str, *held: Dirichlet) -> Loading:
    entries = (TemperatureEntry(0.0, 20.0), TemperatureEntry(1.0, value))
    return Loading(
        "heat", np.array([0.0, 0.5, 1.0]), (*symmetric_supports(), *held), temperature=Temperature(20.0, entries)
    )


def test_following_the_solution_gives_its_states():
    loading = replace(thermal_cycle(400.0, 50.0, 3e3, MESH), rate_independent=((0.4, 0.8),))
    case = problem(
        loading, viscoplastic("left"), replace(viscoplastic("right"), law="elastic", parameters=ELASTIC.parameters)
    )
    exact = states_of(case)
    assert exact[-1].state[:, 0].max() > 1e-4
    found = initial_state(case)
    for target in exact[1:]:
        found = follow(case, found, target.displacement, target.time)
        assert found.time == target.time
        np.testing.assert_allclose(found.stress, target.stress, rtol=0, atol=1e-11 * np.abs(target.stress).max())
        np.testing.assert_allclose(found.state, target.state, rtol=0, atol=1e-14)
        assert found.scale == pytest.approx(target.scale)


def test_what_is_followed_need_not_be_in_balance():
    case = problem(heated(120.0), ELASTIC)
    stretched = MESH.points * [0.02, 0.0, 0.0]
    found = follow(case, initial_state(case), stretched, 0.5)
    lame = YOUNG * 0.3 / (1.3 * 0.4)
    thermal = YOUNG / 0.4 * ALPHA * 50.0
    expected = [(lame + YOUNG / 1.3) * 0.02 - thermal, lame * 0.02 - thermal, lame * 0.02 - thermal, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(found.stress, np.tile(expected, (len(found.stress), 1)), atol=1e-12)


def test_a_displacement_that_no_law_follows_is_told_with_its_time():
    case = problem(thermal_cycle(400.0, 50.0, 3e3, MESH), viscoplastic())
    with pytest.raises(ConvergenceError, match=r"from t = 0 to 0\.2: "):
        follow(case, initial_state(case), np.full((MESH.n_nodes, 3), np.nan), 0.2)


@pytest.mark.parametrize("time", [0.5, 1.0])
def test_free_expansion_has_no_stress(time):
    displacement, stress = thermoelastic(problem(heated(120.0), ELASTIC), time)
    np.testing.assert_allclose(displacement, ALPHA * 100.0 * time * MESH.points, atol=1e-12)
    np.testing.assert_allclose(stress, 0.0, atol=1e-11)


def test_a_clamped_bar_carries_minus_young_alpha_delta():
    _, stress = thermoelastic(problem(heated(120.0, Dirichlet("far", "x1", (0,))), ELASTIC), 1.0)
    np.testing.assert_allclose(stress[:, 0], -YOUNG * ALPHA * 100.0, rtol=1e-10)
    np.testing.assert_allclose(stress[:, 1:], 0.0, atol=1e-11)


def test_it_is_the_solution_of_an_elastic_structure_under_that_temperature():
    hot = 20.0 + 300.0 * np.exp(-4.0 * MESH.points[:, 1] ** 2 - MESH.points[:, 0])
    case = problem(heated(hot), ELASTIC, STIFF)
    last = states_of(case)[-1]
    displacement, stress = thermoelastic(case, 1.0)
    np.testing.assert_allclose(displacement, last.displacement, atol=1e-8 * np.abs(last.displacement).max())
    np.testing.assert_allclose(stress, last.stress, atol=1e-7 * np.abs(last.stress).max())


def test_moduli_are_those_at_that_temperature():
    soft = {"young": [[20.0, YOUNG], [120.0, 0.5 * YOUNG]], "poisson": 0.3, "expansion": ALPHA}
    case = problem(heated(120.0, Dirichlet("far", "x1", (0,))), replace(ELASTIC, parameters=soft))
    for time, modulus in ((0.5, 0.75), (1.0, 0.5)):
        _, stress = thermoelastic(case, time)
        np.testing.assert_allclose(stress[:, 0], -modulus * YOUNG * ALPHA * 100.0 * time, rtol=1e-10)


def test_loads_and_moved_supports_do_not_enter():
    hot = thermal_cycle(400.0, 50.0, 3e3, MESH)
    moved = replace(hot, dirichlet=(*hot.dirichlet, Dirichlet("far", "x1", (0,), 0.1, table="cycle")))
    held = replace(hot, loads=(), dirichlet=(*hot.dirichlet, Dirichlet("far", "x1", (0,))))
    for a, b in zip(
        thermoelastic(problem(moved, viscoplastic()), 1.0),
        thermoelastic(problem(held, viscoplastic()), 1.0),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-10 * np.abs(b).max())
