"""The a priori criterion on simulations whose families are known."""

import numpy as np
import pytest

from romtool.linalg.pod import Pod
from romtool.offline.efficiency import POINTS, difference, efficiency, gain, largest_count, online_cost, recommended
from romtool.settings import ClusterSettings, PodSettings

POD = PodSettings(tolerance=1e-3)


def known(coefficients, remainders=None) -> Pod:
    """Snapshots that are known by their coefficients alone."""
    lost = np.zeros(coefficients.shape[1]) if remainders is None else remainders
    return Pod((), np.zeros(0), 0.0, 0.0, coefficients, lost)


def families(n_families, n_simulations, n_modes, n_times=6, seed=0):
    """Simulations of families in orthogonal spaces, one after the other in turn, with amplitudes that differ."""
    rng = np.random.default_rng(seed)
    histories = []
    for number in range(n_simulations):
        field = 1e-4 * rng.standard_normal((n_families * n_modes + 4, n_times))
        rows = slice(number % n_families * n_modes, (number % n_families + 1) * n_modes)
        field[rows] += rng.standard_normal((n_modes, n_times))
        histories.append(field * 10.0 ** rng.uniform(-0.5, 0.5))
    return known(np.hstack(histories)), n_times * np.arange(n_simulations + 1)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_as_many_families_as_there_are_are_recommended(count):
    basis, starts = families(count, 12 * count, 4)
    found = efficiency(basis, starts, ClusterSettings(max_count=6), POD)
    assert found.recommended == count
    partition = found.partitions[count - 1]
    np.testing.assert_array_equal(partition.medoids[partition.labels] % count, np.arange(12 * count) % count)
    assert found.gains.gains[count - 1] > 0.98 > found.gains.gains[count - 2]
    assert found.errors[count - 1] < 0.05 < found.errors[0]
    mean, deviation = found.advantage[count - 1]
    assert mean > 5 * deviation
    assert np.all(found.intervals[:, 0] <= found.errors)
    assert np.all(found.errors <= found.intervals[:, 1])
    low, high = found.gains.intervals.T
    assert np.all((low <= found.gains.gains + 1e-12) & (found.gains.gains <= high + 1e-12))


def test_phases_of_a_cycle_are_told_apart():
    rng = np.random.default_rng(1)
    history = [np.kron(np.eye(2)[phase], rng.standard_normal(3)) for _ in range(12) for phase in (0, 0, 0, 1, 1, 1)]
    settings = ClusterSettings(by="time", max_count=4)
    assert recommended(known(np.array(history).T), 6 * np.arange(13), settings, POD) == 2
    alone = efficiency(known(np.array(history).T), np.array([0, 72]), settings, POD)
    assert alone.recommended == 2
    assert alone.held_out.at_cost.shape == (4, 72)


@pytest.mark.parametrize("seed", range(4))
def test_one_family_needs_one_basis(seed):
    rng = np.random.default_rng(seed)
    decaying = 2.0 ** -np.arange(20)[:, None]
    histories = [10.0 ** rng.uniform(-0.5, 0.5) * decaying * rng.standard_normal((20, 6)) for _ in range(24)]
    assert recommended(known(np.hstack(histories)), 6 * np.arange(25), ClusterSettings(), POD) == 1


def test_few_simulations_are_not_divided():
    basis, starts = families(2, 3, 2)
    assert largest_count(starts, ClusterSettings()) == 1
    assert recommended(basis, starts, ClusterSettings(), POD) == 1
    assert largest_count(np.array([0, 50]), ClusterSettings()) == 1
    assert largest_count(np.array([0, 50]), ClusterSettings(by="time")) == 8


def test_gain_of_two_directions_in_closed_form():
    angle = 0.4
    columns = [[1.0, 0.0], [np.cos(angle), np.sin(angle)], [0.0, 5.0], [0.0, 1.0]]
    found = efficiency(known(np.array(columns).T), np.arange(5), ClusterSettings(), POD)
    # one medoid: one of the two that are alike; two: this one and one of the others
    spread = (1.0 + np.cos(angle)) / 4
    assert found.gains.spreads[0] == pytest.approx(spread)
    assert found.gains.gains == pytest.approx([0.0, 1.0 - np.sin(angle) / 4 / spread])
    assert gain(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_one_basis_leaves_what_the_others_do_not_span():
    rng = np.random.default_rng(2)
    coefficients, lost, starts = rng.standard_normal((20, 15)), rng.random(15), 3 * np.arange(6)
    found = efficiency(known(coefficients, lost), starts, ClusterSettings(), PodSettings(tolerance=1e-12))
    for i in range(5):
        own = np.zeros(15, dtype=bool)
        own[starts[i] : starts[i + 1]] = True
        rest = coefficients[:, own]
        rest = rest - coefficients[:, ~own] @ np.linalg.lstsq(coefficients[:, ~own], rest, rcond=None)[0]
        total = np.sum(coefficients[:, own] ** 2) + np.sum(lost[own] ** 2)
        error = np.sqrt((np.sum(rest**2) + np.sum(lost[own] ** 2)) / total)
        assert found.held_out.curves[0, i, -1] == pytest.approx(error)
        assert found.held_out.curves[0, i, 0] == pytest.approx(1.0)
    assert np.all(np.diff(found.held_out.curves, axis=2) <= 1e-14)


def test_errors_do_not_depend_on_the_unit_and_the_same_seed_gives_the_same():
    basis, starts = families(3, 24, 3)
    scaled = known(1e6 * basis.coefficients)
    first, again, other = (efficiency(b, starts, ClusterSettings(seed=3), POD) for b in (basis, basis, scaled))
    np.testing.assert_array_equal(first.errors, again.errors)
    np.testing.assert_array_equal(first.gains.pilots, again.gains.pilots)
    np.testing.assert_allclose(first.errors, other.errors, rtol=1e-9)
    assert first.recommended == again.recommended == other.recommended


def test_amplitudes_that_say_nothing_make_the_distance_worse():
    basis, starts = families(2, 40, 4)
    kinds = [ClusterSettings(max_count=2, dissimilarity=kind) for kind in ("sine", "euclidean")]
    sine, distance = (efficiency(basis, starts, settings, POD) for settings in kinds)
    mean, deviation = difference(sine, distance, 2, 0)
    assert mean > 2.0 * deviation > 0.0
    assert difference(sine, sine, 2, 0) == (0.0, 0.0)
    one = difference(sine, distance, 1, 0)
    assert one == (0.0, 0.0)


def test_simulations_that_are_zero_have_no_error():
    basis, starts = families(2, 16, 3)
    basis.coefficients[:, :6] = 0.0
    found = efficiency(basis, starts, ClusterSettings(max_count=3), POD)
    assert np.all(found.held_out.at_cost[:, 0] == 0.0)
    assert np.isfinite(found.errors).all()


def test_equal_cost_gives_small_clusters_more_modes():
    basis, starts = families(2, 24, 6)
    found = efficiency(basis, starts, ClusterSettings(max_count=3), POD)
    assert found.held_out.modes[1].mean() > found.held_out.modes[0].mean()
    assert online_cost(np.array([found.held_out.modes[0].min()]), 12.0)[0] <= online_cost(np.array([6.0]), 6.0)[0]


@pytest.mark.parametrize(("modes", "points"), [(14, 158), (11, 99), (9, 65), (5, 18), (3, 10), (10, 76), (16, 272)])
def test_points_of_the_cost_are_those_of_models_that_were_trained(modes, points):
    assert POINTS * modes**2 == pytest.approx(points, rel=0.25)
