"""Initial stress and plastic strain in the built-in solver, against what mathematics says."""

import numpy as np
import pytest

from romtool.errors import LawError
from romtool.hifi.march import solve
from romtool.loading import Dirichlet, InitialField, Load, Temperature, TemperatureEntry
from tests.hifi.test_march import ELASTIC, EXPANDING, SLIDING, march, problem, pull

PLASTIC = {**ELASTIC, "R0": 1.0, "H": 20.0}
UNIAXIAL = np.array([[2.0, 0.0, 0.0, 0.0, 0.0, 0.0]])


def ids(case):
    return np.column_stack([case.operators.element_ids, case.operators.local_points])


def test_a_stressed_bar_between_walls_stays_undeformed():
    walls = (*SLIDING, Dirichlet("end", "x1", (0,)))
    states, statistics = march(problem(dirichlet=walls, initial=(InitialField("stress", UNIAXIAL),)))
    for state in states:
        np.testing.assert_allclose(state.stress, np.broadcast_to(UNIAXIAL, state.stress.shape), atol=1e-12)
        np.testing.assert_allclose(state.displacement, 0.0, atol=1e-12)
    assert sum(step.iterations for step in statistics) == 0


def test_a_stressed_bar_with_a_free_end_relaxes():
    case = problem(initial=(InitialField("stress", UNIAXIAL),))
    states, _ = march(case)
    np.testing.assert_array_equal(states[0].stress[:, 0], 2.0)
    expected = case.operators.mesh.points * [-2.0 / 200.0, 0.3 * 2.0 / 200.0, 0.3 * 2.0 / 200.0]
    for state in states[1:]:
        np.testing.assert_allclose(state.displacement, expected, atol=1e-12)
        np.testing.assert_allclose(state.stress, 0.0, atol=1e-10)


def test_part_of_the_stress_that_yields_is_lost():
    """The walls hold the strain eps_0 = s / E of the law; beyond R0 it flows: sig = R0 + E_t (eps_0 - R0 / E)."""
    walls = (*SLIDING, Dirichlet("end", "x1", (0,)))
    states, _ = march(problem("plastic", PLASTIC, dirichlet=walls, initial=(InitialField("stress", UNIAXIAL),)))
    tangent = 200.0 * 20.0 / 220.0
    np.testing.assert_allclose(states[-1].stress[:, 0], 1.0 + tangent * (0.01 - 1.0 / 200.0), rtol=1e-8)


def test_self_equilibrated_stress_deforms_nothing():
    hot = np.array([1.0, 3.0])[np.arange(20) % 2]
    heat = Temperature(0.0, (TemperatureEntry(0.0, 0.0), TemperatureEntry(1.0, hot)))
    first = problem("elastic", EXPANDING, temperature=heat)
    end, _ = solve(first)
    size = np.abs(end.stress).max()
    assert size > 1e-4
    again = problem("elastic", EXPANDING, initial=(InitialField("stress", end.stress, ids(first)),))
    for state in march(again)[0]:
        np.testing.assert_allclose(state.stress, end.stress, atol=1e-6 * size)
        assert np.abs(state.displacement).max() <= 1e-6 * np.abs(end.displacement).max()


@pytest.mark.parametrize("with_stress", [False, True])
def test_the_plastic_state_of_another_computation(with_stress):
    first = problem("plastic", PLASTIC, loads=(pull(3.0),))
    end, _ = solve(first)
    fields = {"p": end.state[:, :1], "inelastic_strain": end.state[:, 1:7]}
    fields |= {"stress": end.stress} if with_stress else {}
    order = np.random.default_rng(0).permutation(len(end.stress))
    initial = tuple(InitialField(name, values[order], ids(first)[order]) for name, values in fields.items())
    held = Load("pull", "traction", "x1", np.array([3.0, 0.0, 0.0]))
    states, _ = march(problem("plastic", PLASTIC, loads=(held,), initial=initial))
    moved = 0.0 if with_stress else end.displacement
    np.testing.assert_allclose(states[-1].displacement, np.broadcast_to(moved, end.displacement.shape), atol=1e-7)
    np.testing.assert_allclose(states[-1].stress, end.stress, atol=1e-6)
    np.testing.assert_allclose(states[-1].state, end.state, atol=1e-7)


def test_what_a_law_does_not_have_is_refused():
    with pytest.raises(LawError, match=r"\[initial\] p on a material of law 'elastic', which has none"):
        problem(initial=(InitialField("p", np.array([[0.1]])),))
