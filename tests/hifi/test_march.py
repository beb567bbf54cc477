"""The built-in solver against closed forms: elastic, thermal, plastic, creep; cuts, restarts, failures."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.errors import CaseError, ConvergenceError, MeshError
from romtool.fem.operators import build_operators, strain
from romtool.hifi.march import advance, initial_state, linear_lifting, reactions, solve, unbalance
from romtool.hifi.problem import build_problem, external_force
from romtool.loading import Dirichlet, Load, Loading, Material, Table, Temperature, TemperatureEntry
from romtool.settings import NewtonSettings
from tests.fem.meshes import cube

RAMP = Table("ramp", np.array([[0.0, 0.0], [1.0, 1.0]]))
SLIDING = (Dirichlet("x", "x0", (0,)), Dirichlet("y", "y0", (1,)), Dirichlet("z", "z0", (2,)))
ELASTIC = {"young": 200.0, "poisson": 0.3}


def pull(stress: float) -> Load:
    return Load("pull", "traction", "x1", np.array([stress, 0.0, 0.0]), table="ramp")


def problem(law="elastic", parameters=ELASTIC, formulation="hex20r", options=None, reference=0.0, **loading):
    operators = build_operators(cube(formulation, 1))
    material = Material("all", law, parameters, reference_temperature=reference)
    given = {"times": np.linspace(0.0, 1.0, 5), "dirichlet": SLIDING, "tables": (RAMP,), **loading}
    return build_problem(operators, [material], Loading("test", **given), options)


def march(case):
    states = []
    last, statistics = solve(case, lambda state, _: states.append(state))
    assert states[-1] is last
    return states, statistics


@pytest.mark.parametrize("formulation", ["tet10", "hex8", "hex20", "hex20r", "wedge15"])
def test_elastic_bar(formulation):
    case = problem(formulation=formulation, loads=(pull(3.0),))
    states, statistics = march(case)
    points = case.operators.mesh.points
    expected = points * [3.0 / 200.0, -0.3 * 3.0 / 200.0, -0.3 * 3.0 / 200.0]
    np.testing.assert_allclose(states[-1].displacement, expected, atol=1e-12)
    np.testing.assert_allclose(
        states[2].stress, np.outer(np.ones(case.operators.n_points), [1.5, 0, 0, 0, 0, 0]), atol=1e-11
    )
    assert [step.iterations for step in statistics] == [1, 0, 0, 0]  # extrapolation is exact


def test_reactions_balance_the_loads():
    case = problem(loads=(pull(3.0),))
    state, _ = solve(case)
    forces = reactions(case, state.stress, 1.0)
    np.testing.assert_allclose(forces.sum(axis=0), -external_force(case, 1.0).sum(axis=0), atol=1e-12)
    assert np.abs(forces[~case.elimination.held]).max() == 0.0
    assert unbalance(case, state.stress, 1.0) < 1e-12
    assert unbalance(case, 1.1 * state.stress, 1.0) == pytest.approx(0.1 / 1.1, rel=0.6)


HEAT = Temperature(20.0, (TemperatureEntry(0.0, 20.0), TemperatureEntry(1.0, 120.0)))
EXPANDING = {**ELASTIC, "expansion": 1e-4}


@pytest.mark.parametrize("k", [0, 2, 4])
def test_going_on_from_a_state_is_the_uninterrupted_march(k):
    plastic = {**ELASTIC, "R0": 1.0, "C": [10.0], "D": [2.0], "K": 1.0, "n": 5.0}
    case = problem("viscoplastic_norton_af", plastic, loads=(pull(3.0),))
    states, _ = march(case)
    later = []
    end, statistics = solve(case, lambda state, _: later.append(state), start=states[k])
    assert len(statistics) == 4 - k
    assert [state.time for state in later] == [state.time for state in states[k:]]
    for a, b in zip(later, states[k:], strict=True):
        limit = 1e-9 * np.abs(states[-1].displacement).max()  # the linear solver keeps a factor, which is not handed on
        np.testing.assert_allclose(a.displacement, b.displacement, atol=limit)
        np.testing.assert_allclose(a.state, b.state, atol=limit)
    assert end.scale == pytest.approx(states[-1].scale)


def test_free_expansion_has_no_stress_and_converges_without_any_force():
    case = problem(parameters=EXPANDING, reference=20.0, temperature=HEAT)
    state, _ = solve(case)
    np.testing.assert_allclose(state.displacement, 0.01 * case.operators.mesh.points, atol=1e-10)
    np.testing.assert_allclose(state.stress, 0.0, atol=1e-7)


def test_hindered_expansion():
    held = (*SLIDING, Dirichlet("far", "x1", (0,)))
    case = problem(parameters=EXPANDING, reference=20.0, temperature=HEAT, dirichlet=held)
    state, _ = solve(case)
    np.testing.assert_allclose(state.stress[:, 0], -200.0 * 0.01, rtol=1e-9)
    np.testing.assert_allclose(state.stress[:, 1:], 0.0, atol=1e-9)


def test_prescribed_displacement_over_time():
    moved = (*SLIDING, Dirichlet("far", "x1", (0,), value=0.04, table="wave"))
    wave = Table("wave", np.array([[0.0, 0.0], [0.5, 1.0], [1.0, -1.0]]))
    states, _ = march(problem(dirichlet=moved, tables=(wave,)))
    for state, factor in zip(states, [0.0, 0.5, 1.0, 0.0, -1.0], strict=True):
        np.testing.assert_allclose(state.stress[:, 0], 200.0 * 0.04 * factor, atol=1e-9)


PLASTIC = {**ELASTIC, "R0": 1.0, "H": 20.0}


def test_plastic_bar_hardens_linearly():
    states, statistics = march(problem("plastic", PLASTIC, loads=(pull(3.0),)))
    for state in states:
        expected = max(3.0 * state.time - 1.0, 0.0) / 20.0
        np.testing.assert_allclose(state.state[:, 0], expected, atol=1e-9)
    assert max(step.iterations for step in statistics) <= 6


def test_plastic_bar_driven_by_displacement():
    moved = (*SLIDING, Dirichlet("far", "x1", (0,), value=0.1, table="ramp"))
    state, _ = solve(problem("plastic", PLASTIC, "hex8", dirichlet=moved))
    tangent = 200.0 * 20.0 / 220.0
    np.testing.assert_allclose(state.stress[:, 0], 1.0 + tangent * (0.1 - 1.0 / 200.0), rtol=1e-8)


CREEP = {**ELASTIC, "A": 1e-3, "n": 3.0}


def test_creep_at_constant_stress_and_its_rate_independent_intervals():
    hold = Table("ramp", np.array([[0.0, 0.0], [0.25, 1.0]]))
    loading = {"loads": (pull(2.0),), "tables": (hold,), "rate_independent": ((0.0, 0.25),)}
    states, _ = march(problem("creep_norton", CREEP, **loading))
    for state in states[1:]:
        np.testing.assert_allclose(state.state[:, 0], 1e-3 * 8.0 * (state.time - 0.25), atol=1e-10)


def test_one_increment_from_a_complete_state_is_the_marching_one():
    case = problem("plastic", PLASTIC, "tet10", loads=(pull(3.0),))
    states, _ = march(case)
    again, step = advance(case, replace(states[2], rate=None), 0.5, 0.75)
    np.testing.assert_allclose(again.displacement, states[3].displacement, rtol=0, atol=1e-8)
    np.testing.assert_allclose(again.state, states[3].state, rtol=0, atol=1e-8)
    assert step.residuals[-1] <= 1e-8 < step.residuals[0]


def test_cut_increments_lead_to_the_same_end():
    curve = {**ELASTIC, "hardening": [[0.0, 1.0], [0.02, 1.5], [1.0, 21.1]]}
    case = problem("plastic", curve, "tet10", NewtonSettings(max_iterations=2), loads=(pull(3.0),))
    state, step = advance(case, initial_state(case), 0.0, 1.0)
    assert step.cuts > 0
    np.testing.assert_allclose(state.state[:, 0], 0.02 + 1.5 / 20.0, rtol=1e-7)


def test_supports_that_move_a_body_rigidly():
    shift = tuple(replace(entry, value=0.3, table="ramp") for entry in SLIDING)
    state, _ = solve(problem(dirichlet=shift, formulation="tet10"))
    np.testing.assert_allclose(state.displacement, 0.3, rtol=1e-12)


def test_beyond_the_limit_load_the_march_stops_in_words():
    case = problem("plastic", {**ELASTIC, "R0": 1.0}, loads=(pull(2.0),), options=NewtonSettings(max_cuts=2))
    seen = []
    with pytest.raises(ConvergenceError, match=r"from t = 0\.5.*2 cuts.*residuals.*smaller increments"):
        solve(case, lambda state, _: seen.append(state.time))
    assert seen == [0.0, 0.25, 0.5]


def test_times_go_forward():
    case = problem()
    with pytest.raises(CaseError, match="forward"):
        advance(case, initial_state(case), 1.0, 1.0)


def test_lifting_is_the_linear_elastic_displacement():
    far = Dirichlet("far", "x1", (0,), value=0.5, table="ramp")
    case = problem("plastic", PLASTIC, dirichlet=(*SLIDING, far))
    lifting = linear_lifting(case, far)
    np.testing.assert_allclose(lifting, case.operators.mesh.points * [0.5, -0.15, -0.15], atol=1e-10)
    other = linear_lifting(case, SLIDING[0])
    np.testing.assert_array_equal(other, 0.0)
    with pytest.raises(CaseError, match="not one of the problem's"):
        linear_lifting(case, Dirichlet("new", "y1", (1,), value=1.0))


def test_lifting_of_values_per_node():
    mesh = cube("hex20r", 1)
    heights = mesh.points[mesh.node_sets["x1"], 1]
    shear = Dirichlet("shear", "x1", (0,), value=heights)
    case = problem(dirichlet=(*SLIDING, shear))
    lifting = linear_lifting(case, shear)
    np.testing.assert_allclose(lifting[mesh.node_sets["x1"], 0], heights)
    stress = strain(case.operators, lifting) @ np.diag([1.0, 1, 1, 2, 2, 2])
    assert np.abs(stress).max() > 0.1


@pytest.mark.parametrize(
    ("dirichlet", "words"),
    [
        (SLIDING[:2], "free to move in 1 of 6"),
        ((), "6 of 6"),
        ((*SLIDING, Dirichlet("again", "x0", (0,), value=1.0)), "'x' and 'again' prescribe different"),
        ((*SLIDING, Dirichlet("far", "x1", (3,))), "components"),
        ((*SLIDING, Dirichlet("far", "x1", (0,), value=np.zeros(2))), "2 values"),
        ((*SLIDING, Dirichlet("far", "x1", (0,), value=1.0, table="no")), "table 'no'"),
    ],
)
def test_supports_that_cannot_be(dirichlet, words):
    with pytest.raises(CaseError, match=words):
        solve(problem(dirichlet=dirichlet))


def test_sets_that_are_not_there():
    with pytest.raises(MeshError, match=r"'X0'.*nearest.*'x0'"):
        problem(dirichlet=(Dirichlet("x", "X0", (0,)),))


def test_elements_without_material():
    operators = build_operators(replace(cube("hex8", 2), element_sets={"half": np.arange(4)}))
    with pytest.raises(MeshError, match=r"4 elements have no material \(first id: 5\)"):
        build_problem(operators, [Material("half", "elastic", ELASTIC)], Loading("t", np.array([0.0, 1.0])))


def test_two_materials_in_series():
    operators = build_operators(replace(cube("hex8", 2), element_sets={"soft": np.array([0, 2, 4, 6])}))
    soft = Material("soft", "elastic", {"young": 100.0, "poisson": 0.0})
    stiff = Material("all", "elastic", {"young": 300.0, "poisson": 0.0})
    loading = Loading("t", np.array([0.0, 1.0]), dirichlet=SLIDING, loads=(pull(3.0),), tables=(RAMP,))
    state, _ = solve(build_problem(operators, [stiff, soft], loading))
    end = state.displacement[operators.mesh.node_sets["x1"], 0]
    np.testing.assert_allclose(end, 3.0 * (0.5 / 100.0 + 0.5 / 300.0), rtol=1e-10)


def test_times_must_increase():
    with pytest.raises(CaseError, match="increasing"):
        problem(times=np.array([0.0, 1.0, 1.0]))
