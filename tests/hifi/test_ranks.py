"""`solve` on several ranks: the same answer for every number of ranks, by either linear solver, and shared errors."""

import h5py
import numpy as np
import pytest

from romtool.convert.zset import READER
from romtool.errors import CaseError, InputError
from romtool.fem.operators import build_operators
from romtool.fem.partition import restrict_loading, take_elements
from romtool.fem.sharing import build_sharing
from romtool.hifi.linear import linear_solver
from romtool.hifi.march import advance, initial_state, linear_lifting, reactions, solve, unbalance
from romtool.hifi.problem import build_problem
from romtool.loading import Dirichlet, Load, Loading, Material, Table
from romtool.pipeline.compare import compare
from romtool.pipeline.results import open_history
from romtool.pipeline.solve import solve_loads
from romtool.settings import HifiSettings, NewtonSettings
from tests.shared_data import shared
from tests.structures import box

pytest.importorskip("petsc4py")

RAMP = Table("ramp", np.array([[0.0, 0.0], [1.0, 1.0]]))
PLASTIC = {"young": 200.0, "poisson": 0.3, "R0": 1.0, "H": 10.0}
SLIDING = tuple(Dirichlet(axis, f"{axis}0", (c,)) for c, axis in enumerate("xyz"))
CLAMPED = (Dirichlet("root", "x0", (0, 1, 2)),)
DRAWN = (*CLAMPED, Dirichlet("far", "x1", (1,), value=0.02, table="ramp"))


def share(comm, dirichlet=DRAWN, parameters=PLASTIC, law="plastic", options=None):
    """Return the problem of this rank's slice of a bar, and the rows of its nodes."""
    mesh = box((6, 2, 2))
    loading = Loading(
        "bar", np.linspace(0.0, 1.0, 4), dirichlet, (Load("x1", "pressure", "x1", -1.4, table="ramp"),), (RAMP,)
    )
    place = mesh.points[mesh.blocks[0].connectivity].mean(axis=1)[:, 0]
    part = take_elements(mesh, comm.rank, (place * comm.size // 3.0).astype(int) == comm.rank)
    problem = build_problem(
        build_operators(part.mesh),
        [Material("all", law, parameters)],
        restrict_loading(loading, mesh, part),
        options,
        build_sharing(comm, part.node_rows),
    )
    return problem, part.node_rows


def whole(comm, rows, values):
    """Return nodal values on all nodes; those of shared nodes must be the same bits."""
    pieces = comm.allgather((rows, values))
    joined = np.full((1 + max(int(part.max()) for part, _ in pieces), 3), np.nan)
    for part, found in pieces:
        known = ~np.isnan(joined[part, 0])
        np.testing.assert_array_equal(joined[part][known], found[known])
        joined[part] = found
    return joined


def alone_problem(**given):
    class One:
        rank, size = 0, 1

        def allgather(self, sendobj):
            return [sendobj]

    return share(One(), **given)[0]


@pytest.mark.mpi(2, 3)
def test_ranks_and_solvers_agree(comm):
    for solver in ("direct", "iterative"):
        check_agreement(comm, solver)


def check_agreement(comm, solver):
    tight = NewtonSettings(tolerance=1e-12)
    problem, rows = share(comm, options=tight)
    linear = linear_solver(problem, HifiSettings(solver))
    state, statistics = solve(problem, solver=linear)
    linear.close()
    expected, _ = solve(alone_problem(options=tight))
    np.testing.assert_allclose(whole(comm, rows, state.displacement), expected.displacement, rtol=0, atol=1e-9)
    assert max(comm.allgather(float(state.state[:, 0].max()))) > 0.01
    assert statistics[-1].residuals[-1] <= 1e-12
    assert unbalance(problem, state.stress, 1.0) <= 1e-12
    forces = reactions(problem, state.stress, 1.0)
    total = np.sum(comm.allgather(forces[problem.sharing.owned].sum(axis=0)), axis=0)
    np.testing.assert_allclose(total[0], -1.4, rtol=1e-9)


@pytest.mark.mpi(2)
def test_one_increment_from_a_complete_state_and_a_lifting(comm):
    problem, rows = share(comm)
    first, _ = advance(problem, initial_state(problem), 0.0, 1.0 / 3.0)
    second, _ = advance(problem, first, 1.0 / 3.0, 2.0 / 3.0)
    states = []
    solve(problem, lambda state, _: states.append(state))
    np.testing.assert_allclose(second.displacement, states[2].displacement, rtol=0, atol=1e-8)
    lifting = linear_lifting(problem, DRAWN[-1])
    expected = linear_lifting(alone_problem(), DRAWN[-1])
    np.testing.assert_allclose(whole(comm, rows, lifting), expected, rtol=0, atol=1e-12)


@pytest.mark.mpi(2)
def test_unsymmetric_tangents(comm):
    for solver in ("direct", "iterative"):
        check_unsymmetric(comm, solver)


def check_unsymmetric(comm, solver):
    law = {"young": 200.0, "poisson": 0.3, "R0": 0.5, "C": [100.0], "D": [50.0], "K": 1.0, "n": 5.0}
    given = {"law": "viscoplastic_norton_af", "parameters": law, "options": NewtonSettings(tolerance=1e-11)}
    problem, rows = share(comm, **given)
    linear = linear_solver(problem, HifiSettings(solver))
    state, _ = solve(problem, solver=linear)
    linear.close()
    expected, _ = solve(alone_problem(**given))
    np.testing.assert_allclose(whole(comm, rows, state.displacement), expected.displacement, rtol=0, atol=1e-9)


@pytest.mark.mpi(2)
def test_errors_are_the_same_on_all_ranks(comm):
    with pytest.raises(CaseError, match="free to move in 1 of 6"):
        share(comm, SLIDING[:2])
    with pytest.raises(CaseError, match="'far' has components"):
        share(comm, (*CLAMPED, Dirichlet("far", "x1", (3,))))


@pytest.mark.mpi(1)
def test_options_of_petsc(comm, tmp_path):
    problem, _ = share(comm)
    view = tmp_path / "view.txt"
    linear = linear_solver(problem, HifiSettings("iterative"), f"-ksp_type fcg -ksp_view :{view}")
    solve(problem, solver=linear)
    linear.close()
    assert "type: fcg" in view.read_text()
    with pytest.raises(CaseError, match="'cg' belongs to no option"):
        linear_solver(problem, petsc="cg")
    linear = linear_solver(problem, petsc="-ksp_type nonsense")
    with pytest.raises(CaseError, match="refuses"):
        solve(problem, solver=linear)
    linear.close()


def cube_case(folder):
    """Write a case of Z-set's cube with four subdomains."""
    source = shared("zset", "MecaSequential")
    (folder / "case.toml").write_text(
        f'[case]\nname = "cube"\n[[simulations]]\nname = "cube"\ndeck = "{source / "cube.inp"}"\n'
        f'results = "{source / "cube.ut"}"\n[partition]\nsubdomains = 4\n',
        encoding="utf-8",
    )
    (folder / "load.toml").write_text('name = "again"\n', encoding="utf-8")
    return folder / "case.toml", [folder / "load.toml"]


@pytest.mark.mpi(2, 4)
def test_cube_of_zset(comm, shared_tmp_path):
    from mpi4py import MPI

    if comm.rank == 0:
        cube_case(shared_tmp_path)
    comm.Barrier()
    case, loads = shared_tmp_path / "case.toml", [shared_tmp_path / "load.toml"]
    (summary,) = solve_loads(case, loads, shared_tmp_path / "many", comm, lambda text: None)
    assert summary.n_steps == 10
    if comm.rank > 0:
        return
    solve_loads(case, loads, shared_tmp_path / "one", MPI.COMM_SELF, lambda text: None)
    found = compare(
        open_history(shared_tmp_path / "many" / "again"), READER.read(shared("zset", "MecaSequential", "cube.ut"))
    )
    assert all(found.fields[name].relative_l2 < 3e-6 for name in ("u", "stress", "p"))
    for path in sorted((shared_tmp_path / "many" / "again").glob("times-*/subdomain-*.h5")):
        single = shared_tmp_path / "one" / "again" / path.parent.name / path.name
        with h5py.File(path) as many, h5py.File(single) as one:
            for name, values in many["fields"].items():
                expected = one["fields"][name][()]
                np.testing.assert_allclose(values[()], expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.mpi(2)
def test_more_ranks_than_subdomains(comm, shared_tmp_path):
    if comm.rank == 0:
        case, _ = cube_case(shared_tmp_path)
        case.write_text(case.read_text().replace("subdomains = 4", "subdomains = 1"))
    comm.Barrier()
    with pytest.raises(InputError, match="2 ranks for 1 subdomain"):
        solve_loads(
            shared_tmp_path / "case.toml",
            [shared_tmp_path / "load.toml"],
            shared_tmp_path / "out",
            comm,
            lambda t: None,
        )
