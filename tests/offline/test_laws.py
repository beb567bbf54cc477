"""Laws with local axes, and laws that ask for smaller increments, from the solver to the reduced march."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.fem.operators import build_operators, strain
from romtool.fem.partition import restrict_loading, split_mesh
from romtool.hifi.march import linear_lifting, solve
from romtool.hifi.problem import build_problem
from romtool.laws import build_tables
from romtool.linalg.reduction import SerialComm
from romtool.loading import Dirichlet, Loading, Material, Orientation, Table
from romtool.offline.clock import Clock
from romtool.offline.parts import build_part, recompute
from romtool.offline.train import train
from romtool.offline.training import TrainingRun, TrainingSet
from romtool.offline.verify import training_errors
from romtool.reduced.march import march_loading
from romtool.reduced.model import Lifting
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.laws.materials import DIRECTIONAL
from tests.structures import box, solved, symmetric_supports, thermal_cycle, training_set
from tests.umat_library import built_in, umat

TIGHT = Settings(pod=PodSettings(tolerance=1e-7), quadrature=QuadratureSettings(tolerance=1e-7))
MESH = box((4, 2, 2))
CYLINDER = Orientation("cylindrical", np.array([[0.0, -4.0, 0.0], [1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("name", ["orthotropic", "crystal with hardening"])
def test_a_model_of_a_law_with_axes_follows_its_training(name):
    """The axes differ from point to point; three subdomains."""
    law = replace(DIRECTIONAL[name], orientation=CYLINDER, density=1e-8)
    training = training_set(MESH, (law,), (thermal_cycle(200.0, -60.0, 3e3, MESH),), 3)
    trained = train(training, TIGHT, "axes", SerialComm(), Clock(lambda text: None))
    assert trained.model.frames.shape == (len(trained.model.weights), 3, 3)
    errors = training_errors(trained, training, NewtonSettings(), SerialComm())
    assert max(errors["run 0"].values()) < 1e-5


def test_without_orientation_there_are_no_axes():
    law = replace(DIRECTIONAL["cubic"], orientation=None, density=1e-8)
    training = training_set(MESH, (law,), (thermal_cycle(200.0, -60.0, 3e3, MESH),))
    model = train(training, TIGHT, "axes", SerialComm(), Clock(lambda text: None)).model
    assert model.frames.shape == (0, 3, 3)


STRETCH = 0.3
"""Strain of one increment; the UMAT asks for less than 0.05 by PNEWDT."""


def stretch(times) -> Loading:
    """Pull the end of the box by a prescribed displacement."""
    pulled = Dirichlet("x1", "x1", (0,), 3.0 * STRETCH, "ramp")
    ramp = Table("ramp", np.array([[0.0, 0.0], [1.0, 1.0]]))
    return Loading("stretch", np.asarray(times), (*symmetric_supports(), pulled), (), (ramp,))


def test_pnewdt_cuts_the_increments_of_the_solver():
    mesh = box((2, 1, 1))
    problem = build_problem(build_operators(mesh), (umat(),), stretch([0.0, 1.0]))
    state, statistics = solve(problem)
    assert statistics[0].cuts >= 2
    fine = build_problem(build_operators(mesh), (built_in(),), stretch(np.linspace(0.0, 1.0, 9)))
    expected, _ = solve(fine)
    np.testing.assert_allclose(state.stress, expected.stress, rtol=1e-6, atol=1e-4)


def stretched(material: Material, times) -> TrainingSet:
    """Return a training on the stretched box, with the lifting of the prescribed displacement."""
    mesh, loading = box((2, 1, 1)), stretch(times)
    displacement = solved(mesh, (material,), loading)
    (part,) = split_mesh(mesh, np.zeros(mesh.n_elements, dtype=np.int64))
    built = build_part(part, (material,), build_tables((material,)))
    unit = Dirichlet("x1", "x1", (0,), 1.0)
    field = linear_lifting(build_problem(build_operators(mesh), (material,), loading), unit)
    amplitude = 3.0 * STRETCH * loading.times[:, None]
    run = TrainingRun(
        "run", loading, (restrict_loading(loading, mesh, part),), loading.times, (displacement,), amplitude
    )
    lifted = Lifting("x1", "x1", (0,), None, np.zeros((0, 6)))
    return TrainingSet((built,), loading, (run,), (lifted,), (field[None],), mesh.n_nodes, "stretch")


def test_pnewdt_cuts_the_increments_of_the_reduced_march_and_of_the_recomputation():
    training = stretched(umat(), np.linspace(0.0, 1.0, 9))
    model = train(training, TIGHT, "umat", SerialComm(), Clock(lambda text: None)).model
    coarse = march_loading(model, replace(model.loading, times=np.array([0.0, 1.0])), NewtonSettings())
    fine = march_loading(model, model.loading, NewtonSettings())
    assert coarse.cuts[1] >= 2
    assert fine.cuts.max() == 0
    np.testing.assert_allclose(coarse.samples["stress"][-1], fine.samples["stress"][-1], rtol=1e-6, atol=1e-4)
    (part,), run = training.parts, training.runs[0]
    two = np.array([0.0, 1.0])
    ends = run.displacement[0][[0, -1]]
    (last,) = recompute(part, replace(run.local[0], times=two), two, ends)
    *_, expected = recompute(part, run.local[0], run.times, run.displacement[0])
    assert np.abs(strain(part.operators, ends[1])).max() > 0.25
    # between two outputs the strain is taken as linear in time, which it is not quite
    assert np.abs(last.stress - expected.stress).max() < 1e-4 * np.abs(expected.stress).max()
