"""Steps by their error: order of the march, errors that follow the tolerance, break points, jumps, limits of strain."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.linalg.reduction import SerialComm
from romtool.loading import Adaptive, Loading, Table
from romtool.offline.clock import Clock
from romtool.offline.train import train
from romtool.reduced.adaptive import march_adaptive, step_words
from romtool.reduced.cycles import deviator, strain_range, strains_of
from romtool.reduced.march import MarchStoppedError, join_histories, march_loading
from romtool.reduced.model import ReducedModel
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import VISCOPLASTIC, box, thermal_cycle, training_set, viscoplastic

MESH = box((3, 2, 2))
CRITERIA = NewtonSettings(tolerance=1e-10)


@pytest.fixture(scope="module")
def model() -> ReducedModel:
    smooth = replace(viscoplastic(), parameters={**VISCOPLASTIC, "n": 3.0, "K": 500.0})
    training = training_set(MESH, (smooth,), (thermal_cycle(400.0, 50.0, 3e3, MESH),))
    settings = Settings(pod=PodSettings(tolerance=1e-4), quadrature=QuadratureSettings(tolerance=1e-3))
    return train(training, settings, "test", SerialComm(), Clock(lambda text: None)).model


@pytest.fixture(scope="module")
def exact(model) -> float:
    """The largest p at the end in the limit of small steps: two of them, extrapolated."""
    coarse, fine = (p_of(march_loading(model, steps(model, n), CRITERIA)) for n in (1000, 2000))
    return 2.0 * fine - coarse


def steps(model: ReducedModel, count: int) -> Loading:
    return replace(model.loading, times=np.linspace(0.0, 2.0, count + 1))


def chosen(model: ReducedModel, tolerance: float, strain: float = 1e-1) -> Loading:
    return replace(model.loading, adaptive=Adaptive(tolerance, strain))


def p_of(history) -> float:
    return float(history.samples["p"][-1].max())


def test_the_march_is_of_first_order(model, exact):
    errors = [abs(p_of(march_loading(model, steps(model, n), CRITERIA)) - exact) for n in (100, 200, 400)]
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(2.0, rel=0.15)


def test_the_error_follows_the_tolerance(model, exact):
    found = {tol: march_adaptive(model, chosen(model, tol), CRITERIA) for tol in (1e-1, 3e-2, 1e-2)}
    errors = {tol: abs(p_of(history) - exact) / exact for tol, history in found.items()}
    assert all(error <= tol for tol, error in errors.items()), errors
    assert errors[1e-2] < 0.45 * errors[3e-2] < 0.45 * 0.45 * errors[1e-1]
    counts = [len(history.times) for history in found.values()]
    assert counts == sorted(counts)
    assert counts[0] < 120


def test_break_points_are_met_and_nothing_is_written_twice(model):
    loading = replace(chosen(model, 1e-1), rate_independent=((0.33, 0.77),))
    times = march_adaptive(model, loading, CRITERIA).times
    assert {0.0, 0.33, 0.77, 1.0, 2.0} <= set(times.tolist())
    assert (np.diff(times) > 0.0).all()


def test_no_step_strains_more_than_allowed(model):
    history = march_adaptive(model, chosen(model, 0.5, 4e-4), CRITERIA)
    strains = deviator(strains_of(model).at(history.coordinates, history.lifting))
    each = [strain_range(strains[i : i + 2]).max() for i in range(len(strains) - 1)]
    assert max(each) <= 4e-4 * (1.0 + 1e-9)
    assert max(each) > 1e-4


def test_a_jump_of_a_load_is_taken_as_it_is(model):
    jump = Table("cycle", np.array([[0.0, 0.0], [1.0, 0.2], [1.0, 1.0], [2.0, 1.0]]))
    history = march_adaptive(model, replace(chosen(model, 1e-1, 1e-4), tables=(jump,)), CRITERIA)
    assert history.times[-1] == 2.0
    assert np.diff(history.times).min() < 1e-5


def test_going_on_from_a_state(model):
    loading = chosen(model, 3e-2)
    first = march_adaptive(model, loading, CRITERIA, until=1.0)
    joined = join_histories([first, march_adaptive(model, loading, CRITERIA, start=first.end)])
    whole = march_adaptive(model, loading, CRITERIA)
    assert joined.times[-1] == whole.times[-1] == 2.0
    assert p_of(joined) == pytest.approx(p_of(whole), rel=3e-2)


def test_no_convergence_keeps_the_steps_before(model):
    never = NewtonSettings(max_iterations=0)
    with pytest.raises(MarchStoppedError, match=r"did not converge in a step of .* behind time 0;") as stopped:
        march_adaptive(model, chosen(model, 1e-1), never)
    assert stopped.value.history.times.tolist() == [0.0]


def test_steps_in_words(model):
    assert step_words(model, np.array([0.0, 0.5, 1.0])) == (
        "steps of 0.5 (median; 0.5 to 0.5), trained with 0.2 (0.2 to 0.2)"
    )
