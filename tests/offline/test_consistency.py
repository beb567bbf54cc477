"""The check of training computations: what is right balances, and one wrong number is found by its name."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.constraints import Equations
from romtool.fem.partition import restrict_loading, split_mesh
from romtool.laws import build_tables
from romtool.linalg.reduction import SerialComm
from romtool.loading import Load, Loading, Material, Table
from romtool.offline.causes import with_causes
from romtool.offline.consistency import Consistency, check_run
from romtool.offline.parts import build_part, recompute
from romtool.offline.training import TrainingSet
from romtool.offline.trials import scaled
from romtool.types import Mesh
from tests.laws.materials import DIRECTIONAL
from tests.structures import VISCOPLASTIC, box, slices, thermal_cycle, training_set, viscoplastic

MESH = box()
LOADING = thermal_cycle(300.0, 60.0, 4e3, MESH)
MATERIAL = viscoplastic()
COMM = SerialComm()
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def solution() -> TrainingSet:
    return training_set(MESH, (MATERIAL,), (LOADING,))


def check(
    solution: TrainingSet,
    *,
    material: Material = MATERIAL,
    loading: Loading = LOADING,
    mesh: Mesh = MESH,
    n_subdomains: int = 2,
    **facts: object,
) -> Consistency:
    """Check the displacements of the solution against another material, loading or mesh."""
    pieces = split_mesh(mesh, slices(mesh, n_subdomains))
    parts = tuple(build_part(piece, (material,), build_tables((material,))) for piece in pieces)
    whole = solution.runs[0].displacement[0]
    run = replace(
        solution.runs[0],
        loading=loading,
        local=tuple(restrict_loading(loading, mesh, piece) for piece in pieces),
        displacement=tuple(np.asarray(whole)[:, piece.node_rows] for piece in pieces),
    )
    found = check_run(parts, run, COMM, **facts)  # type: ignore[arg-type]
    return with_causes(parts, run, COMM, found, TOLERANCE)


def with_parameters(**parameters: object) -> Material:
    return replace(MATERIAL, parameters={**VISCOPLASTIC, **parameters})


def with_load(number: int, **changes: object) -> Loading:
    loads = list(LOADING.loads)
    loads[number] = replace(loads[number], **changes)  # type: ignore[arg-type]
    return replace(LOADING, loads=tuple(loads))


@pytest.mark.parametrize("n_subdomains", [1, 2, 3])
def test_a_right_case_balances_at_every_increment(solution, n_subdomains):
    found = check(solution, n_subdomains=n_subdomains)
    assert found.holds(TOLERANCE)
    assert len(found.unbalance) == len(LOADING.times) - 1
    assert found.worst_unbalance < 1e-7
    assert found.causes == ()


def test_subdomains_do_not_change_what_is_found(solution):
    one, three = (check(solution, loading=with_load(0, value=50.0), n_subdomains=n) for n in (1, 3))
    np.testing.assert_allclose(one.unbalance, three.unbalance, rtol=1e-9)
    assert one.causes[0].partition(" (the")[0] == three.causes[0].partition(" (the")[0]


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("the pressure 'x1' has the wrong sign", {"loading": with_load(0, value=-60.0)}),
        ("the pressure 'x1' should be 1000 times what it is (units?)", {"loading": with_load(0, value=0.06)}),
        ("the pressure 'x1' should be 0.75 times what it is", {"loading": with_load(0, value=80.0)}),
        ("a pressure on side set 'x1' is missing", {"loading": replace(LOADING, loads=LOADING.loads[1:])}),
        (
            "the traction load 'extra' did not act in the solver's run",
            {
                "loading": replace(
                    LOADING, loads=(*LOADING.loads, Load("extra", "traction", "x1", np.array([0.0, 30.0, 0.0])))
                )
            },
        ),
        ("the density of 'all' should be 1e-08 instead of 2e-08", {"material": replace(MATERIAL, density=2e-8)}),
        (
            "the density of 'all' should be 1e-08 instead of 1e-05 (units?)",
            {"material": replace(MATERIAL, density=1e-5)},
        ),
        (
            "omega of 'spin' is in revolutions per minute; expected rad per time unit",
            {"loading": with_load(1, value=4e3 * 60.0 / (2.0 * np.pi))},
        ),
        ("'poisson' of 'all' should be 0.3 instead of 0.25", {"material": with_parameters(poisson=0.25)}),
        ("'young' of 'all' should be 2e+05 instead of 200 (units?)", {"material": with_parameters(young=200.0)}),
        ("'expansion' of 'all' should be 2e-05 instead of 1.7e-05", {"material": with_parameters(expansion=1.7e-5)}),
        (
            "the expansion of 'all' is missing (2e-05)",
            {
                "material": replace(
                    MATERIAL, parameters={name: v for name, v in VISCOPLASTIC.items() if name != "expansion"}
                )
            },
        ),
        ("'K' of 'all' should be 300 instead of 350", {"material": with_parameters(K=350.0)}),
        ("'R0' of 'all' should be 10 instead of 20", {"material": with_parameters(R0=20.0)}),
        (
            "the reference temperature of 'all' should be 20 instead of 0",
            {"material": replace(MATERIAL, reference_temperature=0.0)},
        ),
        (
            "node set 'z0' does not move along z in the solver's run: a support is missing",
            {"loading": replace(LOADING, dirichlet=LOADING.dirichlet[:2])},
        ),
        (
            "the elements 'hex8_mean' are integrated as 'hex8' in the solver's run",
            {"mesh": replace(MESH, blocks=tuple(replace(b, formulation="hex8_mean") for b in MESH.blocks))},
        ),
    ],
)
def test_one_wrong_number_fails_and_is_named_first(solution, words, changes):
    found = check(solution, **changes)
    assert not found.holds(TOLERANCE)
    assert found.causes[0].startswith(f"{words} (")
    assert "(the unbalance falls from " in found.causes[0]
    assert len(found.causes) <= 2


def test_kelvin_against_celsius(solution):
    temperature = LOADING.temperature
    entries = tuple(replace(entry, offset=273.15) for entry in temperature.entries)
    shifted = replace(LOADING, temperature=replace(temperature, initial=293.15, entries=entries))
    causes = " ".join(check(solution, loading=shifted).causes)
    assert "the temperatures should be 273.15 lower (kelvin against degrees Celsius)" in causes
    assert "the reference temperature of 'all' should be 293.15 instead of 20" in causes


def test_a_table_that_multiplies_the_square_of_omega():
    """CalculiX multiplies omega²: its ramp is the square root of a ramp here."""
    times = np.linspace(0.0, 2.0, 401)
    ramp = LOADING.tables[0]
    root = Table("root", np.column_stack([times, np.sqrt([ramp.at(float(t)) for t in times])]))
    spin = replace(LOADING.loads[1], value=2e4, table="root")
    loading = replace(LOADING, loads=(LOADING.loads[0], spin), tables=(ramp, root))
    solution = training_set(MESH, (MATERIAL,), (loading,))
    wrong = replace(loading, loads=(loading.loads[0], replace(spin, table="cycle")))
    found = check(solution, loading=wrong)
    assert found.causes[0].startswith("the table of 'spin' multiplies omega² in the solver's run")


def assert_unexplained(found: Consistency) -> None:
    assert not found.holds(TOLERANCE)
    assert found.causes == ()


TIED_NODES = MESH.node_ids[MESH.node_sets["x1"][[0, -1]]]
TIE = Equations(
    *("tie", "test"), np.array([0, 2]), TIED_NODES, np.zeros(2, dtype=np.int64), np.array([1.0, -1.0]), np.zeros(1)
)
TIED = replace(LOADING, constraints=(TIE,))


@pytest.fixture(scope="module")
def tied() -> TrainingSet:
    """Two corners of the loaded face move alike along x."""
    return training_set(MESH, (MATERIAL,), (TIED,))


def test_the_forces_of_constraints_are_no_unbalance(tied):
    assert check(tied, loading=TIED).holds(TOLERANCE)
    alone = check(tied, loading=replace(TIED, constraints=()))
    assert not alone.holds(TOLERANCE)
    assert alone.worst_unbalance > 10.0 * TOLERANCE


def test_a_wrong_number_is_named_where_there_are_constraints(tied):
    loads = tuple(replace(load, value=1.1 * load.value) if load.kind == "pressure" else load for load in TIED.loads)
    found = check(tied, loading=replace(TIED, loads=loads))
    assert not found.holds(TOLERANCE)
    assert found.causes[0].startswith("the pressure 'x1' should be 0.9091 times what it is (the unbalance falls from ")


def test_nothing_is_invented_where_nothing_explains_it(solution):
    """Two numbers are wrong together; half of the outputs are missing; the displacements are noisy."""
    assert_unexplained(check(solution, material=with_parameters(K=400.0, C=[3e4]), loading=with_load(0, value=90.0)))
    run = solution.runs[0]
    sparse = replace(run, displacement=(run.displacement[0][::2],), times=run.times[::2])
    assert_unexplained(check(replace(solution, runs=(sparse,))))
    noise = 1.0 + 1e-3 * np.random.default_rng(1).standard_normal(run.displacement[0].shape)
    assert_unexplained(check(replace(solution, runs=(replace(run, displacement=(run.displacement[0] * noise,)),))))


def test_where_it_sits_is_said_where_that_is_on_few_nodes(solution):
    """A force on the nodes of one edge that is no pressure on a side set and no support."""
    whole = np.array(solution.runs[0].displacement[0])
    whole[:, MESH.node_sets["y1"][-1], 1] += 1e-3 * np.linspace(0.0, 1.0, len(whole)) ** 2
    named = replace(MESH, node_sets={**MESH.node_sets, "corner": np.flatnonzero(MESH.points[:, 0] > 1.5)[-4:]})
    run = replace(solution.runs[0], displacement=(whole,))
    found = check(replace(solution, runs=(run,)), mesh=named)
    assert not found.holds(TOLERANCE)
    assert len(found.causes) <= 1


def test_stresses_of_the_solver_are_compared_and_tell_laws_from_loads(solution):
    part, run = solution.parts[0], solution.runs[0]
    right = [np.zeros((part.operators.n_points, 6))]
    right += [state.stress for state in recompute(part, run.local[0], run.times, run.displacement[0])]
    same = check(solution, n_subdomains=1, solver_stress=lambda k: [right[k]])
    assert same.stress.max() == 0.0
    np.testing.assert_array_equal(same.own, same.unbalance)
    law = check(solution, n_subdomains=1, solver_stress=lambda k: [right[k]], material=with_parameters(poisson=0.25))
    assert law.own.max() < 1e-7
    assert law.largest > 1e-2
    element, point, time = law.worst
    assert {element, point} <= {*map(float, range(1, 13))} | {0.0}
    assert time in LOADING.times
    assert law.causes[0].startswith("'poisson' of 'all' should be 0.3")
    both = {"material": with_parameters(K=400.0, C=[3e4]), "n_subdomains": 1, "solver_stress": lambda k: [right[k]]}
    (clue,) = check(solution, **both).causes
    assert clue.startswith("the solver's own stresses balance the loads")
    load = check(solution, n_subdomains=1, solver_stress=lambda k: [right[k]], loading=with_load(0, value=-60.0))
    assert load.stress.max() == 0.0
    assert load.causes[0].startswith("the pressure 'x1' has the wrong sign")


def test_points_without_a_stress_of_the_solver_are_left_out(solution):
    values = np.full((solution.parts[0].operators.n_points, 6), np.nan)
    found = check(solution, n_subdomains=1, solver_stress=lambda k: [values])
    assert np.isnan(found.own).all()
    assert found.stress.max() == 0.0


def test_what_rounded_displacements_leave_is_no_failure(solution):
    run = solution.runs[0]
    rounded = np.vectorize(lambda x: float(f"{x:.3e}"))(run.displacement[0])
    found = check(replace(solution, runs=(replace(run, displacement=(rounded,)),)), precision=5e-4)
    assert found.worst_unbalance > 1e-5
    assert found.digits / 5.0 < found.worst_unbalance < 3.0 * found.digits
    assert found.holds(1e-12)
    assert found.causes == ()


def test_a_law_that_cannot_be_integrated_ends_the_check(solution):
    run = solution.runs[0]
    broken = np.array(run.displacement[0])
    broken[5, 0, 0] = np.nan
    found = check(replace(solution, runs=(replace(run, displacement=(broken,)),)))
    assert "could not be integrated" in found.problem
    assert len(found.unbalance) == 4
    assert not found.holds(TOLERANCE)


def test_a_law_with_axes_balances():
    law = replace(DIRECTIONAL["crystal with hardening"], density=1e-8)
    solution = training_set(MESH, (law,), (thermal_cycle(200.0, -60.0, 3e3, MESH),))
    found = check(solution, material=law, loading=solution.loading)
    assert found.worst_unbalance < 1e-7


def test_parameters_are_scaled_and_abscissae_are_kept():
    assert scaled(2.0, 3.0) == 6.0
    assert scaled([[20.0, 1.0], [100.0, 2.0]], 3.0) == [[20.0, 3.0], [100.0, 6.0]]
    assert scaled([1.0, 2.0], 3.0) == [3.0, 6.0]
    terms = [[[20.0, 1.0], [30.0, 2.0]], [[20.0, 3.0], [30.0, 4.0]]]
    assert scaled(terms, 2.0) == [[[20.0, 2.0], [30.0, 4.0]], [[20.0, 6.0], [30.0, 8.0]]]
    curves = [[20.0, [[0.0, 1.0], [0.1, 2.0]]], [100.0, [[0.0, 3.0], [0.1, 4.0]]]]
    assert scaled(curves, 2.0) == [[20.0, [[0.0, 2.0], [0.1, 4.0]]], [100.0, [[0.0, 6.0], [0.1, 8.0]]]]
