"""A march cycle by cycle: the same bits as at once, what each cycle added, and the end where nothing changes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.linalg.reduction import SerialComm
from romtool.loading import Loading, Stop, Table, Temperature
from romtool.offline.clock import Clock
from romtool.offline.train import train
from romtool.reduced.cycles import Watch, deviator, in_words, march_cycles, strain_range, strains_of
from romtool.reduced.march import MarchStoppedError, march_loading
from romtool.reduced.model import ReducedModel
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import box, thermal_cycle, training_set, viscoplastic

MESH = box((3, 2, 2))


def cycles(count: int) -> Loading:
    """Return pull and push at a constant temperature."""
    table = Table("cycle", np.array([[0.0, 0.0], [1.0, -1.2], [2.0, 1.2], [3.0, 0.0]]), count)
    times = np.linspace(0.0, 3.0 * count, 6 * count + 1)
    return replace(
        thermal_cycle(0.0, 310.0, 1.0, MESH), times=times, tables=(table,), temperature=Temperature(20.0), name="cycles"
    )


@pytest.fixture(scope="module")
def model() -> ReducedModel:
    training = training_set(MESH, (viscoplastic(),), (cycles(2),))
    settings = Settings(pod=PodSettings(tolerance=1e-4), quadrature=QuadratureSettings(tolerance=1e-3))
    return train(training, settings, "test", SerialComm(), Clock(lambda text: None)).model


def marched(model: ReducedModel, loading: Loading, criteria: NewtonSettings | None = None):
    march = partial(march_loading, model, loading, criteria or NewtonSettings())
    return march_cycles(march, loading, model, partial(strains_of, model), None)


def test_cycles_end_where_the_tables_do():
    np.testing.assert_allclose(cycles(3).cycle_ends(), [3.0, 6.0, 9.0])
    assert not len(cycles(1).cycle_ends())
    short = replace(cycles(3), times=np.linspace(0.0, 7.5, 6))
    np.testing.assert_allclose(short.cycle_ends(), [3.0, 6.0, 7.5])


def test_cycle_by_cycle_is_as_at_once(model):
    loading = cycles(5)
    whole, found = march_loading(model, loading, NewtonSettings()), marched(model, loading)
    np.testing.assert_array_equal(found.coordinates, whole.coordinates)
    np.testing.assert_array_equal(found.end.state, whole.end.state)
    np.testing.assert_allclose(found.residuals["p"], whole.residuals["p"], rtol=1e-6, atol=1e-12)
    p = whole.samples["p"][::6, :, 0]
    np.testing.assert_allclose(found.cycles.increment, np.diff(p, axis=0).max(axis=1), rtol=1e-12)
    strains = deviator(strains_of(model).at(whole.coordinates, whole.lifting))[24:]
    gaps = strains[:, None] - strains[None]
    twice = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    expected = np.sqrt(2.0 / 3.0 * (gaps * gaps) @ twice).max()
    assert found.cycles.strain_range[-1] == pytest.approx(expected)
    assert expected > 1e-4


def test_it_stops_where_nothing_changes_any_more(model):
    stop = Stop(tolerance=2e-2, cycles=2)
    found = marched(model, replace(cycles(60), stop=stop))
    n = found.cycles.stabilised
    assert 3 <= n < 60
    assert found.times[-1] == pytest.approx(3.0 * n)
    assert (found.cycles.change[-2:] <= 2e-2).all()
    assert not (found.cycles.change[1:-2] <= 2e-2).any()
    assert in_words(found.cycles).startswith(f"stabilised after {n} cycles: p grew by ")


def test_what_was_negligible_does_not_count():
    watch = Watch(Stop(tolerance=1e-2, cycles=1))
    for size in (1.0, 1e-6, 1e-6 + 1e-9, 0.0):
        watch.add(np.array([[size]]), np.array([0.1]))
    np.testing.assert_allclose(watch.history(np.arange(4.0)).change[1:], [1e3, 1e-6, 1e-3], rtol=1e-2)


def test_range_of_a_known_path():
    shear = np.zeros((3, 1, 6))
    shear[:, 0, 3] = [0.0, 0.003, -0.001]
    np.testing.assert_allclose(strain_range(shear), [0.004 * np.sqrt(4.0 / 3.0)])


def test_a_stop_needs_cycles(model):
    with pytest.raises(CaseError, match=r"\[time\] stop needs cycles"):
        marched(model, replace(cycles(1), stop=Stop()))


def test_cycles_before_a_failure_are_kept(model):
    loading = cycles(3)
    jump = Table("cycle", loading.tables[0].points * [1.0, 1.0], 3)
    few = NewtonSettings(max_iterations=2, max_cuts=0)
    with pytest.raises(MarchStoppedError) as stopped:
        marched(model, replace(loading, tables=(jump,)), few)
    history = stopped.value.history
    assert len(history.times) < len(loading.times)
    assert len(history.cycles.ends) == np.count_nonzero(history.times[1:] % 3.0 == 0.0)
