"""Which linear solver a problem gets, with PETSc and without; options of PETSc as text."""

import numpy as np
import pytest

from romtool.errors import CaseError, MissingPartError
from romtool.fem.assembly import build_pattern as pattern_of
from romtool.fem.assembly import fix_blocks, is_symmetric, stiffness_blocks, tangent_data
from romtool.fem.operators import absolute_stiffness_times, build_operators, stiffness_times
from romtool.hifi import linear
from romtool.hifi.march import solve
from romtool.hifi.petsc_solver import PetscSolver, parse_options
from romtool.hifi.scipy_solver import SciPySolver
from romtool.settings import HifiSettings
from tests.fem.meshes import cube
from tests.hifi.test_march import PLASTIC, problem, pull


def test_without_petsc_scipy_solves_and_it_is_said(monkeypatch):
    monkeypatch.setattr(linear, "has_petsc", lambda: False)
    case = problem("plastic", PLASTIC, "tet10", loads=(pull(3.0),))
    assert isinstance(linear.linear_solver(case), SciPySolver)
    assert "petsc4py is not installed" in linear.petsc_missing(HifiSettings())
    assert "instead of an iterative one" in linear.petsc_missing(HifiSettings("iterative"))
    with pytest.raises(MissingPartError, match="PETSc options need petsc4py"):
        linear.linear_solver(case, petsc="-ksp_view")
    state, _ = solve(case)
    np.testing.assert_allclose(state.state[:, 0], 2.0 / 20.0, atol=1e-8)


@pytest.mark.parametrize("solver", ["direct", "iterative"])
def test_petsc_and_scipy_find_the_same(solver):
    pytest.importorskip("petsc4py")
    case = problem("plastic", PLASTIC, "tet10", loads=(pull(3.0),))
    assert linear.petsc_missing(HifiSettings()) == ""
    found = []
    for tool in (SciPySolver(case), linear.linear_solver(case, HifiSettings(solver))):
        found.append(solve(case, solver=tool)[0].displacement)
        tool.close()
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-7)


def test_factors_are_kept_over_iterations():
    pytest.importorskip("petsc4py")
    case = problem("plastic", PLASTIC, "tet10", loads=(pull(3.0),))
    tool = linear.linear_solver(case)
    assert isinstance(tool, PetscSolver)
    _, statistics = solve(case, solver=tool)
    tool.close()
    assert tool.n_setups < sum(step.iterations for step in statistics)


def test_options_as_text():
    text = "-ksp_view -ksp_rtol 1e-3 -pc_type hypre -ksp_richardson_scale -0.5"
    expected = [("ksp_view", None), ("ksp_rtol", "1e-3"), ("pc_type", "hypre"), ("ksp_richardson_scale", "-0.5")]
    assert list(parse_options(text)) == expected
    with pytest.raises(CaseError, match="'b' belongs to no option"):
        list(parse_options("-name a b"))


def test_blocks_are_the_rows_in_another_order():
    operators = build_operators(cube("tet10", 2))
    rng = np.random.default_rng(0)
    moduli = rng.normal(size=(operators.n_points, 6, 6))
    pattern = pattern_of(operators)
    blocks = stiffness_blocks(operators, moduli)
    assert blocks.sum() == pytest.approx(tangent_data(pattern, moduli).sum())
    nodes = operators.node_pattern
    field = rng.normal(size=(operators.n_nodes, 3))
    rows = np.repeat(np.arange(operators.n_nodes), np.diff(nodes.indptr))
    product = np.zeros_like(field)
    np.add.at(product, rows, np.einsum("kij,kj->ki", blocks, field[nodes.indices]))
    np.testing.assert_allclose(stiffness_times(operators, moduli, field), product, atol=1e-10)
    assert (absolute_stiffness_times(operators, moduli, field) >= np.abs(product) - 1e-10).all()


def test_fixed_rows_become_diagonal():
    operators = build_operators(cube("hex8", 1))
    blocks = stiffness_blocks(operators, np.tile(np.eye(6), (operators.n_points, 1, 1)))
    fixed = np.zeros(3 * operators.n_nodes, dtype=bool)
    fixed[4] = True
    fix_blocks(operators, blocks, fixed, np.full(operators.n_nodes, 7.0))
    rows = np.repeat(np.arange(operators.n_nodes), np.diff(operators.node_pattern.indptr))
    mine = rows == 1
    assert np.count_nonzero(blocks[mine, 1]) == 1
    assert blocks[mine, 1].sum() == 7.0
    assert np.count_nonzero(blocks[operators.node_pattern.indices == 1, :, 1]) == 1


def test_symmetry_counts_shear_twice():
    rng = np.random.default_rng(1)
    half = rng.normal(size=(4, 6, 6))
    symmetric = half + half.transpose(0, 2, 1)
    assert not is_symmetric(symmetric)
    assert is_symmetric(symmetric * [1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
