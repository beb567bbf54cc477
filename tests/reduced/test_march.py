"""The reduced march in the limits in which nothing is lost, against a Galerkin solution, and with cut steps."""

from dataclasses import replace

import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

from romtool.errors import CaseError, ConvergenceError, ModelError
from romtool.fem.assembly import assemble_tangent, build_pattern
from romtool.fem.loads import load_shapes, load_vectors
from romtool.fem.operators import internal_force, strain
from romtool.laws import evaluate, state_size
from romtool.linalg.ecm import Cubature
from romtool.linalg.pod import Pod
from romtool.linalg.reduction import SerialComm
from romtool.offline.assemble import assemble_model
from romtool.offline.clock import Clock
from romtool.offline.parts import Part, recompute
from romtool.offline.selection import Selection
from romtool.offline.train import train
from romtool.offline.training import TrainingRecord, TrainingSet
from romtool.reduced.forces import build_schedule
from romtool.reduced.layout import Criteria
from romtool.reduced.march import MarchStoppedError, follow, join_histories, march_loading
from romtool.reduced.model import ReducedModel
from romtool.reduced.newton import march
from romtool.reduced.setup import build_points
from romtool.reduced.stepping import empty_trajectory
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats
from tests.structures import box, thermal_cycle, training_set, viscoplastic

MESH = box((3, 2, 2))
TIGHT = NewtonSettings(tolerance=1e-10)


@pytest.fixture(scope="module")
def training() -> TrainingSet:
    return training_set(MESH, (viscoplastic(),), (thermal_cycle(400.0, 50.0, 3e3, MESH),))


def full_quadrature(training: TrainingSet, modes: Floats) -> ReducedModel:
    """Return a model on (3 n_nodes, n_modes) modes that keeps every integration point with its own weight."""
    (part,) = training.parts
    rows = np.arange(len(part.material))
    every = Selection(np.zeros_like(rows), rows)
    weights = part.operators.weights
    cubature = Cubature(part.point_ids, every.subdomain, rows, weights, 0.0, 0.0, 0, ())
    fields = np.ascontiguousarray(modes.T).reshape(modes.shape[1], -1, 3)
    strains = [np.ascontiguousarray(np.moveaxis(strain(part.operators, fields), 0, 2))]
    n = modes.shape[1]
    bases = {"u": Pod((modes,), np.ones(n), 0.0, 0.0, np.eye(n), np.zeros(n))}
    loadings = tuple(run.loading for run in training.runs)
    record = TrainingRecord(training.loading, loadings, part.materials, Settings(), bases, (), {}, {})
    return assemble_model(training, bases, record, strains, cubature, every, "full", SerialComm())


def free_dofs() -> np.ndarray:
    free = np.ones((MESH.n_nodes, 3), dtype=bool)
    for entry in thermal_cycle(0.0, 0.0, 0.0, MESH).dirichlet:
        free[MESH.node_sets[entry.nodes], entry.components[0]] = False
    return np.flatnonzero(free.ravel())


def test_full_basis_and_quadrature_reproduce_the_high_fidelity_solution(training):
    modes = np.eye(3 * MESH.n_nodes)[:, free_dofs()]
    model = full_quadrature(training, modes)
    history = march_loading(model, model.loading, TIGHT)
    exact = training.runs[0].displacement[0]
    found = (history.coordinates @ modes.T).reshape(exact.shape)
    assert np.abs(found - exact).max() < 1e-7 * np.abs(exact).max()


def galerkin(part: Part, training: TrainingSet, modes: Floats) -> Floats:
    """Solve the Galerkin problem with the operators of the whole mesh; return the (n_times, n_modes) coordinates."""
    (loading,) = training.runs[0].local
    on_nodes = evaluate_at(part.subdomain.mesh.points)
    temperature = build_temperature(loading.temperature, on_nodes, 0.0)
    sites = part.sites(on_nodes(loading.temperature.initial))
    forces = list(load_vectors(load_shapes(part.operators, loading, part.materials), loading, loading.times))
    pattern = build_pattern(part.operators)
    n = len(part.material)
    state, coordinates = np.zeros((n, state_size(part.tables))), np.zeros((len(loading.times), modes.shape[1]))
    for i in range(1, len(loading.times)):
        gamma, heat = coordinates[i - 1].copy(), part.interpolation @ temperature.at(float(loading.times[i]))
        for _ in range(30):
            new, stress, tangent = np.empty_like(state), np.empty((n, 6)), np.empty((n, 6, 6))
            total = strain(part.operators, (modes @ gamma).reshape(-1, 3))
            start, end = loading.times[i - 1], loading.times[i]
            evaluate(part.tables, sites, heat, start, end, True, total, state, new, stress, tangent)
            residual = modes.T @ (internal_force(part.operators, stress) - forces[i]).ravel()
            step = np.linalg.solve(modes.T @ (assemble_tangent(pattern, tangent) @ modes), residual)
            gamma -= step
            if np.linalg.norm(step) < 1e-12 * np.linalg.norm(gamma):
                break
        coordinates[i], state = gamma, new
    return coordinates


def test_full_quadrature_reproduces_the_galerkin_model(training):
    settings = Settings(pod=PodSettings(tolerance=1e-3), quadrature=QuadratureSettings(tolerance=1e-3))
    trained = train(training, settings, "test", SerialComm(), Clock(lambda text: None))
    modes = np.ascontiguousarray(trained.modes[0].displacement.reshape(trained.model.n_modes, -1).T)
    assert modes.shape[1] <= 6
    history = march_loading(full_quadrature(training, modes), training.runs[0].loading, TIGHT)
    exact = galerkin(training.parts[0], training, modes)
    np.testing.assert_allclose(history.coordinates, exact, atol=1e-8 * np.abs(exact).max())


def test_recomputed_stress_is_that_of_the_march(training):
    modes = np.eye(3 * MESH.n_nodes)[:, free_dofs()]
    model = full_quadrature(training, modes)
    history = march_loading(model, model.loading, TIGHT)
    (part,), run = training.parts, training.runs[0]
    whole = (history.coordinates @ modes.T).reshape(run.displacement[0].shape)
    last = list(recompute(part, run.local[0], run.times, whole))[-1]
    force = internal_force(part.operators, last.stress).ravel()[free_dofs()]
    external = list(load_vectors(load_shapes(part.operators, run.local[0], part.materials), run.local[0], run.times))[
        -1
    ]
    assert np.linalg.norm(force - external.ravel()[free_dofs()]) < 1e-7 * np.linalg.norm(external)


@pytest.fixture(scope="module")
def model(training) -> ReducedModel:
    settings = Settings(pod=PodSettings(tolerance=1e-6), quadrature=QuadratureSettings(tolerance=1e-6))
    return train(training, settings, "test", SerialComm(), Clock(lambda text: None)).model


def test_a_step_that_fails_is_halved(model):
    few = NewtonSettings(max_iterations=4, max_cuts=8)
    coarse = replace(model.loading, times=np.array([0.0, 1.0, 2.0]))
    history = march_loading(model, coarse, few)
    assert history.cuts.max() >= 1
    assert history.iterations[history.cuts > 0].min() > few.max_iterations
    fine = march_loading(model, replace(coarse, times=np.linspace(0.0, 2.0, 65)), NewtonSettings())
    assert np.abs(history.coordinates[-1] - fine.coordinates[-1]).max() < 0.05 * np.abs(fine.coordinates[-1]).max()


def test_no_convergence_is_told_in_words_and_the_steps_before_are_kept(model):
    never = NewtonSettings(max_iterations=0, max_cuts=1)
    with pytest.raises(
        MarchStoppedError, match=r"between times 0 and 0\.1 after 1 halvings \(last relative residuals"
    ) as none:
        march_loading(model, model.loading, never)
    assert none.value.history.times.tolist() == [0.0]
    few = NewtonSettings(max_iterations=2, max_cuts=0)
    whole = march_loading(model, model.loading, NewtonSettings())
    with pytest.raises(MarchStoppedError) as some:
        march_loading(model, model.loading, few)
    reached = len(some.value.history.times)
    assert 1 < reached < len(whole.times)
    np.testing.assert_allclose(some.value.history.coordinates, whole.coordinates[:reached], rtol=1e-6, atol=1e-12)


def allocations(model: ReducedModel, n_times: int) -> int:
    """Return how many arrays the compiled march makes over the first `n_times` times."""
    times = model.loading.times[:n_times]
    schedule, points = build_schedule(model, model.loading, times), build_points(model, model.loading)
    out = empty_trajectory(model, n_times, NewtonSettings())
    before = rtsys.get_allocation_stats().alloc
    assert march(points, schedule, Criteria(1e-8, 25), np.zeros(1), out) == 0
    return rtsys.get_allocation_stats().alloc - before


def test_a_time_step_allocates_nothing(model):
    _nrt_python.memsys_enable_stats()
    try:
        allocations(model, 2)
        few, many = allocations(model, 2), allocations(model, 11)
    finally:
        _nrt_python.memsys_disable_stats()
    assert few == many > 0


@pytest.mark.parametrize("n_known", [1, 2, 6, 10, 11])
def test_a_march_behind_known_steps_is_the_uninterrupted_one(model, n_known):
    whole = march_loading(model, model.loading, TIGHT)
    behind = march_loading(model, model.loading, TIGHT, whole.coordinates[:n_known])
    np.testing.assert_array_equal(behind.coordinates[:n_known], whole.coordinates[:n_known])
    np.testing.assert_allclose(behind.coordinates, whole.coordinates, atol=1e-9 * np.abs(whole.coordinates).max())
    for name in model.duals:
        limit = 1e-8 * np.abs(whole.samples[name]).max()
        np.testing.assert_allclose(behind.samples[name], whole.samples[name], atol=limit)
        np.testing.assert_allclose(behind.residuals[name], whole.residuals[name], atol=1e-8)
        np.testing.assert_array_equal(behind.elastic[name], whole.elastic[name])
    assert not behind.iterations[:n_known].any()


@pytest.mark.parametrize("n_before", [1, 2, 6, 11])
@pytest.mark.parametrize("criteria", [NewtonSettings(), NewtonSettings(max_iterations=4, max_cuts=8)])
def test_a_march_from_a_state_is_the_uninterrupted_one(model, n_before, criteria):
    coarse = replace(model.loading, times=np.sort(np.append(np.linspace(0.0, 2.0, 9), [0.1, 1.6])))
    whole = march_loading(model, coarse, criteria)
    first = march_loading(model, coarse, criteria, until=coarse.times[n_before - 1])
    later = march_loading(model, coarse, criteria, start=first.end)
    assert len(first.times) == n_before
    joined = join_histories([first, later])
    for name in ("times", "coordinates", "iterations", "cuts", "lifting"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    for name in model.duals:
        np.testing.assert_array_equal(joined.samples[name], whole.samples[name])
        np.testing.assert_allclose(joined.residuals[name], whole.residuals[name], rtol=1e-6, atol=1e-12)
        np.testing.assert_array_equal(joined.elastic[name], whole.elastic[name])
    assert joined.end.scale == whole.end.scale
    np.testing.assert_array_equal(joined.end.rate, whole.end.rate)


def test_a_state_of_another_model_is_refused(model, training):
    other = full_quadrature(training, np.eye(3 * MESH.n_nodes)[:, free_dofs()[:4]])
    end = march_loading(model, model.loading, TIGHT).end
    with pytest.raises(ModelError, match=r"the state to go on from has \d+ modes and \d+ points, the model has 4 and"):
        march_loading(other, other.loading, TIGHT, start=end)


def test_known_steps_say_as_the_march_does_what_is_small(model):
    times = model.loading.times
    schedule, points, scale = (
        build_schedule(model, model.loading, times),
        build_points(model, model.loading),
        np.zeros(1),
    )
    out, again = (empty_trajectory(model, len(times), TIGHT) for _ in range(2))
    assert march(points, schedule, Criteria(1e-10, 25), scale, out) == 0
    assert follow(model, points, schedule, again, out.coordinates) == pytest.approx(scale[0], rel=1e-9)
    np.testing.assert_allclose(again.stress, out.stress, atol=1e-9 * np.abs(out.stress).max())
    np.testing.assert_allclose(again.state, out.state, atol=1e-12)


def test_known_steps_that_the_law_cannot_follow_are_told(model):
    known = np.zeros((3, model.n_modes))
    known[2] = np.nan
    with pytest.raises(ConvergenceError, match=r"the material law of element \d+, point \d .* time 0\.4; try smaller"):
        march_loading(model, model.loading, NewtonSettings(), known)


SLOW = 1e60
"""So slow that K (dp/dt)^(1/30) is 1 % of its value."""


def test_rate_independent_intervals_leave_out_viscosity(model):
    frozen = replace(model.loading, rate_independent=((0.0, 2.0),))
    slow = replace(model.loading, times=SLOW * model.loading.times)
    tables = tuple(replace(t, points=t.points * [SLOW, 1.0]) for t in slow.tables)
    entries = tuple(replace(e, time=SLOW * e.time) for e in slow.temperature.entries)
    slow = replace(slow, tables=tables, temperature=replace(slow.temperature, entries=entries))
    a, b = march_loading(model, frozen, TIGHT), march_loading(model, slow, TIGHT)
    viscous = march_loading(model, model.loading, TIGHT)
    gap = np.abs(a.coordinates - b.coordinates).max()
    assert gap < 0.1 * np.abs(a.coordinates - viscous.coordinates).max()


def test_rotation_of_what_has_no_density_is_refused(training):
    model = full_quadrature(training, np.eye(3 * MESH.n_nodes)[:, free_dofs()[:4]])
    shape = replace(model.volumes["all"], mass=np.zeros((3, 4)))
    with pytest.raises(CaseError, match=r"'spin' .* no density"):
        march_loading(replace(model, volumes={"all": shape}), model.loading, TIGHT)
