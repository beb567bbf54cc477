"""Constraints in the built-in solver: exact motions, forces that balance, the same answer on every number of ranks."""

import numpy as np
import pytest

from romtool.constraints import Equations, LocalSupport, MeanMotion, RigidBody, Tie
from romtool.errors import CaseError
from romtool.fem.couplings import build_equations
from romtool.fem.operators import build_operators
from romtool.fem.partition import restrict_loading, take_elements
from romtool.fem.sharing import build_sharing
from romtool.hifi.linear import has_petsc, linear_solver
from romtool.hifi.march import linear_lifting, reactions, solve, thermoelastic, unbalance
from romtool.hifi.problem import build_problem, external_force
from romtool.hifi.scipy_solver import SciPySolver
from romtool.loading import Dirichlet, Load, Loading, Material, Table
from romtool.settings import HifiSettings, NewtonSettings
from romtool.types import CellBlock, Mesh
from tests.structures import box

RAMP = Table("ramp", np.array([[0.0, 0.0], [1.0, 1.0]]))
PLASTIC = {"young": 200.0, "poisson": 0.3, "R0": 1.0, "H": 10.0}
CLAMPED = Dirichlet("root", "x0", (0, 1, 2))
PULL = Load("x1", "pressure", "x1", -1.4, table="ramp")
TIGHT = NewtonSettings(tolerance=1e-11)


def given(reference, values, table="ramp"):
    """Return prescribed components of a reference node: component -> value."""
    count = len(values)
    nodes, components = np.full(count, reference), np.array(list(values))
    numbers = np.array(list(values.values()))
    return Equations(
        f"given {reference}", "test", np.arange(count + 1), nodes, components, np.ones(count), numbers, table
    )


def equation(*terms, value=0.0, table=None, name="equation"):
    """Return one equation from (node, component, coefficient)."""
    nodes, components, coefficients = (np.array(column) for column in zip(*terms, strict=True))
    return Equations(
        name,
        "test.inp",
        np.array([0, len(terms)]),
        nodes,
        components,
        coefficients.astype(np.float64),
        np.array([value]),
        table,
        np.array([7]),
    )


class One:
    rank, size = 0, 1

    def allgather(self, sendobj):
        return [sendobj]


def problem(constraints, comm=None, dirichlet=(CLAMPED,), loads=(PULL,), mesh=None, law="plastic", parameters=PLASTIC):
    """Return the problem of this rank's slice of a bar, and the rows of its nodes."""
    mesh, comm = mesh or box((6, 2, 2)), comm or One()
    equations, _ = build_equations(mesh, constraints)
    loading = Loading("bar", np.linspace(0.0, 1.0, 4), dirichlet, loads, (RAMP,), constraints=equations)
    place = mesh.points[mesh.blocks[0].connectivity].mean(axis=1)[:, 0]
    rank = (place * comm.size // (1.000001 * mesh.points[:, 0].max())).astype(int)
    part = take_elements(mesh, comm.rank, rank == comm.rank)
    local = restrict_loading(loading, mesh, part)
    sharing = build_sharing(comm, part.node_rows)
    material = [Material("all", law, parameters)]
    return build_problem(build_operators(part.mesh), material, local, TIGHT, sharing), part.node_rows


def last_state(case, solver=None):
    return solve(case, solver=solver)[0]


def test_an_equation_holds_and_forces_balance():
    """u_y at one node is minus half of u_x at another, at all times; the constraint's forces do no work."""
    case, _ = problem([equation((60, 1, 1.0), (63, 0, 0.5))])
    state = last_state(case)
    u = state.displacement
    assert abs(u[59, 1] + 0.5 * u[62, 0]) < 1e-15
    assert abs(u[59, 1]) > 1e-3
    assert unbalance(case, state.stress, 1.0) < 1e-10
    forces = reactions(case, state.stress, 1.0)
    np.testing.assert_allclose(forces.sum(axis=0), -external_force(case, 1.0).sum(axis=0), atol=1e-9)
    assert forces[62, 0] == pytest.approx(0.5 * forces[59, 1], rel=1e-8)


def test_right_hand_sides_follow_their_tables():
    case, _ = problem([equation((60, 1, 2.0), (63, 1, 1.0), value=0.03, table="ramp")])
    found = []
    solve(case, lambda state, _: found.append(2.0 * state.displacement[59, 1] + state.displacement[62, 1]))
    np.testing.assert_allclose(found, [0.0, 0.01, 0.02, 0.03], atol=1e-14)


def test_a_dependent_node_of_a_prescribed_one():
    """A node follows a support that moves: the displacement reaches it, and the lifting does too."""
    moved = Dirichlet("moved", "x1", (1,), 0.02, "ramp")
    case, _ = problem([equation((5, 2, 1.0), (60, 1, -3.0)), equation((40, 2, 1.0), (60, 1, 2.0))],
                      dirichlet=(Dirichlet("root", "x0", (0, 1)), Dirichlet("edge", "y0", (2,)), moved))  # fmt: skip
    u = last_state(case).displacement
    assert u[4, 2] == pytest.approx(0.06, rel=1e-12)
    lifting = linear_lifting(case, Dirichlet("moved", "x1", (1,), 1.0))
    np.testing.assert_allclose(lifting[[4, 39], 2], [3.0, -2.0], rtol=1e-12)


def test_a_rigid_side_keeps_its_shape():
    """Its reference node is prescribed in part: the rest, with its rotation, is free."""
    body = RigidBody("end", "test", "x1", 900, np.array([3.5, 0.2, 0.9]))
    case, _ = problem([body, given(900, {0: 0.05})], loads=())
    mesh, u = case.operators.mesh, last_state(case).displacement
    side = mesh.node_sets["x1"]
    arms = mesh.points[side] - [3.5, 0.2, 0.9]
    columns = [np.tile(np.eye(3), (len(side), 1))] + [
        np.stack([np.cross(axis, arm) for arm in arms]).reshape(-1, 1) for axis in np.eye(3)
    ]
    matrix = np.column_stack([columns[0], *columns[1:]])
    motion, *_ = np.linalg.lstsq(matrix, u[side].ravel(), rcond=None)
    np.testing.assert_allclose(matrix @ motion, u[side].ravel(), atol=1e-14)
    assert motion[0] == pytest.approx(0.05, rel=1e-10)
    assert np.abs(motion[3:]).max() > 1e-4


def test_mean_motion():
    """The mean displacement and rotation of a side are prescribed; its nodes stay free otherwise."""
    point = np.array([3.0, 0.5, 0.5])
    mean = MeanMotion("mean", "test", "x1", 900, point)
    case, _ = problem([mean, given(900, {0: 0.05, 3: 0.02, 4: 0.0})], loads=())
    mesh, u = case.operators.mesh, last_state(case).displacement
    side = mesh.node_sets["x1"]
    arms = mesh.points[side] - point
    assert u[side, 0].mean() == pytest.approx(0.05, rel=1e-10)
    inertia = np.einsum("nij->ij", (arms**2).sum(1)[:, None, None] * np.eye(3) - arms[:, :, None] * arms[:, None])
    turn = np.linalg.solve(inertia, np.cross(arms, u[side]).sum(axis=0))
    np.testing.assert_allclose(turn[:2], [0.02, 0.0], atol=1e-12)
    assert np.ptp(u[side, 0]) > 1e-6
    forces = reactions(case, last_state(case).stress, 1.0)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-9)
    assert forces[side, 0].sum() > 0.1


def two_boxes(gap=0.0):
    """Return two boxes of other meshes, side by side along x, with side sets that face each other."""
    a, b = box((3, 2, 2)), box((3, 4, 4))
    points = np.concatenate([a.points, b.points + np.array([3.0 + gap, 0.0, 0.0])])
    cells = np.concatenate([a.blocks[0].connectivity, b.blocks[0].connectivity + a.n_nodes])
    n = a.n_nodes
    first = np.flatnonzero(b.points[b.blocks[0].connectivity].mean(axis=1)[:, 0] < 1.0)
    return Mesh(
        points,
        np.arange(1, len(points) + 1),
        (CellBlock("hexahedron", "hex8", np.arange(1, len(cells) + 1), cells, "c3d8"),),
        {"x0": a.node_sets["x0"], "x1": b.node_sets["x1"] + n, "slave": b.node_sets["x0"] + n},
        {},
        {
            "master": a.side_sets["x1"],
            "slave": np.column_stack([first + a.n_elements, np.full(len(first), 5)]),
            "x1": b.side_sets["x1"] + [a.n_elements, 0],
        },
    )


def test_a_tie_of_other_meshes_passes_the_patch_test():
    """Uniform tension goes through faces of other sizes: exactly, where the finer side depends and is nested."""
    mesh = two_boxes()
    tie = Tie("glue", "test", "slave", "master")
    held = (Dirichlet("x", "x0", (0,)),)
    corner = {"y": mesh.node_sets["x0"][[0]], "z": mesh.node_sets["x0"][[0, 2]], "yz": mesh.node_sets["x0"][[0]]}
    mesh = Mesh(mesh.points, mesh.node_ids, mesh.blocks, {**mesh.node_sets, **corner}, {}, mesh.side_sets)
    held = (*held, Dirichlet("y", "y", (1,)), Dirichlet("z", "yz", (2,)), Dirichlet("turn", "z", (1,)))
    case, _ = problem([tie], dirichlet=held, mesh=mesh, law="elastic", parameters={"young": 200.0, "poisson": 0.0})
    state = last_state(case)
    np.testing.assert_allclose(state.stress[:, 0], 1.4, rtol=1e-9)
    np.testing.assert_allclose(state.displacement[:, 0], 1.4 / 200.0 * mesh.points[:, 0], atol=1e-10)


def test_words_on_ties():
    mesh = two_boxes(gap=0.02)
    _, notes = build_equations(mesh, [Tie("glue", "test", "slave", "master")])
    assert notes == ("glue: 25 nodes of slave follow master, at distances up to 0.02",)
    with pytest.raises(CaseError, match=r"no node of 'slave' is near 'master'; the nearest is 0.02 away"):
        build_equations(mesh, [Tie("glue", "test", "slave", "master", 0.01)])


def test_local_supports():
    """A side slides along a plane at 30 degrees."""
    axes = np.array([[np.cos(0.5), np.sin(0.5), 0.0], [0.0, 1.0, 0.0]])
    case, _ = problem([LocalSupport("plane", "test", "x1", "axes", axes, (0, 2), 0.01, "ramp")], loads=())
    u = last_state(case).displacement[case.operators.mesh.node_sets["x1"]]
    np.testing.assert_allclose(u @ axes[0], 0.01, atol=1e-14)
    np.testing.assert_allclose(u[:, 2], 0.01, atol=1e-14)
    assert np.ptp(u[:, 1]) > 1e-5


def test_free_parts_are_found():
    """A part that only a tie holds is held; one that a single equation holds is not."""
    mesh = two_boxes()
    problem([Tie("glue", "test", "slave", "master")], mesh=mesh)
    first = int(mesh.node_ids[mesh.node_sets["slave"][0]])
    with pytest.raises(CaseError, match=r"the part with node 37 is free to move in 5 of 6 .* supports and constraints"):
        problem([equation((first, 0, 1.0), (30, 0, -1.0))], mesh=mesh)
    line = np.array([55, 63])
    with pytest.raises(CaseError, match="a reference node of a constraint can move or turn without any node"):
        problem([RigidBody("line", "test", line, 900, np.array([3.0, 0.0, 0.0]))])


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ([equation((60, 1, 1.0), (63, 0, 0.5)), equation((60, 1, 1.0), (61, 0, 0.5))],
         r"test.inp:7: y of node 60 depends on other unknowns already, by test.inp:7"),
        ([equation((5, 1, 1.0), (63, 0, 0.5))], r"test.inp:7: y of node 5 .* is prescribed by support 'root' too"),
        ([equation((60, 1, 1.0), (61, 1, 1.0)), equation((61, 1, 1.0), (60, 1, 1.0))],
         r"test.inp:7: the equation of y of node 61 follows from others"),
        ([equation((5, 1, 1.0), (6, 0, 0.5), value=1.0)], r"equation of y of node 5 contradicts the displacements"),
        ([equation((60, 1, 0.0), (61, 1, 1.0))], r"the coefficient of y of node 60 is 0"),
        ([equation((60, 1, 1.0), (999, 1, 1.0))], r"test.inp:7: node 999 belongs to no element"),
    ],
)  # fmt: skip
def test_equations_that_cannot_be(constraints, words):
    with pytest.raises(CaseError, match=words):
        problem(constraints)


def test_equations_that_supports_satisfy_are_left_out():
    case, _ = problem([equation((5, 1, 1.0), (6, 0, 0.5))])
    assert not case.elimination.dependent.any()


TOP = np.array([node for node in range(10, 64) if (node - 1) // 3 % 3 == 2])
COUPLED = [
    RigidBody("top", "test", TOP, 900, np.array([1.0, 2.0, 0.5]), components=(1,)),
    given(900, {4: 0.0, 1: 0.01}),
    equation((61, 0, 1.0), (20, 2, 0.7), (30, 0, -0.4)),
    equation((20, 2, 1.0), (55, 2, 0.2), value=0.005, table="ramp"),
    MeanMotion("mean", "test", "x1", 901, np.array([3.0, 0.0, 0.0])),
    given(901, {2: 0.03}),
]


def test_linear_solvers_agree():
    """SciPy's matrix of the free unknowns and PETSc's of all are one elimination."""
    held = (Dirichlet("root", "x0", (0, 2)), Dirichlet("line", "x0", (1,)))
    case, _ = problem(COUPLED, dirichlet=held)
    expected = last_state(case, SciPySolver(case)).displacement
    assert np.abs(expected).max() > 0.01
    assert np.isfinite(thermoelastic(case, 0.0)[0]).all()
    if not has_petsc():
        pytest.skip("petsc4py is not installed")
    for kind in ("direct", "iterative"):
        linear = linear_solver(case, HifiSettings(kind))
        np.testing.assert_allclose(last_state(case, linear).displacement, expected, atol=1e-10)
        linear.close()


@pytest.mark.mpi(2, 3, 4, timeout=300)
def test_ranks_agree(comm):
    """Equations whose unknowns lie on several ranks."""
    case, rows = problem(COUPLED, comm)
    expected = last_state(problem(COUPLED)[0]).displacement
    for kind in ("direct", "iterative"):
        linear = linear_solver(case, HifiSettings(kind))
        state = last_state(case, linear)
        linear.close()
        np.testing.assert_allclose(state.displacement, expected[rows], rtol=0, atol=1e-10)
        assert unbalance(case, state.stress, 1.0) < 1e-9
    pieces = comm.allgather((rows, state.displacement))
    joined = np.full((expected.shape), np.nan)
    for nodes, values in pieces:  # shared nodes hold the same bits
        known = ~np.isnan(joined[nodes, 0])
        np.testing.assert_array_equal(joined[nodes][known], values[known])
        joined[nodes] = values
    total = sum(comm.allgather(external_force(case, 1.0)[case.sharing.owned].sum()))
    assert np.isfinite(total)
    with pytest.raises(CaseError, match="depends on other unknowns already"):
        problem([*COUPLED, equation((61, 0, 1.0), (1, 1, 1.0), name="twice")], comm)


@pytest.mark.mpi(4, timeout=120)
def test_a_rank_without_free_displacements(comm):
    """A rigid end that is all of the last rank's own nodes."""
    body = RigidBody("end", "test", np.arange(46, 64), 900, np.array([3.5, 0.2, 0.9]))
    constraints = [body, given(900, {0: 0.05})]
    case, rows = problem(constraints, comm, loads=())
    expected = last_state(problem(constraints, loads=())[0]).displacement
    np.testing.assert_allclose(last_state(case).displacement, expected[rows], rtol=0, atol=1e-10)
