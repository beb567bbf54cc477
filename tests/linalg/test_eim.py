"""Interpolation by EIM, DEIM and Q-DEIM: exactness, error histories, rates, real and complex."""

import numpy as np
import pytest

from romtool.errors import InputError
from romtool.linalg.eim import interpolate

METHODS = ("eim", "deim", "qdeim")


def waves(k: np.ndarray) -> np.ndarray:
    """Return exp(ikr) and k r exp(ikr) / 20 at 200 distances, (400, n)."""
    r = np.linspace(0.0, 2.0, 200)[:, None]
    return np.vstack([np.exp(1j * k * r), k * r * np.exp(1j * k * r) / 20])


TRAINING = waves(np.linspace(1.0, 10.0, 150))
UNSEEN = waves(np.random.default_rng(0).uniform(1.0, 10.0, 100))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("part", [np.asarray, np.real])
def test_unseen_functions_are_interpolated_to_the_tolerance(method, part):
    values, unseen = part(TRAINING), part(UNSEEN)
    for tolerance in (1e-3, 1e-7, 1e-11):
        found = interpolate(values, tolerance=tolerance, max_terms=60, method=method)
        error = unseen - values[:, found.samples] @ found.weights(unseen[found.points])
        assert found.converged
        assert found.errors[-1] <= tolerance * found.errors[0]
        assert np.abs(error).max() <= 10 * tolerance


@pytest.mark.parametrize("method", METHODS)
def test_selected_functions_are_reproduced(method):
    found = interpolate(TRAINING, tolerance=1e-6, max_terms=60, method=method)
    weights = found.weights(TRAINING[np.ix_(found.points, found.samples)])
    np.testing.assert_allclose(weights, np.eye(len(found.samples)), atol=1e-8)


def test_history_is_the_error_with_each_number_of_terms():
    full = interpolate(TRAINING, tolerance=0.0, max_terms=12)
    for count in (1, 4, 12):
        found = interpolate(TRAINING, tolerance=0.0, max_terms=count)
        error = TRAINING - TRAINING[:, found.samples] @ found.weights(TRAINING[found.points])
        np.testing.assert_array_equal(found.samples, full.samples[:count])
        np.testing.assert_array_equal(found.points, full.points[:count])
        np.testing.assert_allclose(np.abs(error).max(), full.errors[count], rtol=1e-6, atol=1e-13)
        assert not found.converged


def test_eim_ends_at_the_first_count_within_the_tolerance():
    tolerance = 1e-5
    found = interpolate(TRAINING, tolerance=tolerance, max_terms=60)
    assert found.errors[-1] <= tolerance * found.errors[0] < found.errors[-2]
    assert len(found.errors) == len(found.samples) + 1


@pytest.mark.parametrize("method", METHODS)
def test_a_family_of_finite_rank_needs_its_rank(method):
    generator = np.random.default_rng(5)
    values = generator.standard_normal((40, 4)) @ generator.standard_normal((4, 30))
    found = interpolate(values, tolerance=0.0, max_terms=30, method=method)
    assert len(found.samples) == 4
    assert found.converged
    weights = found.weights(values[found.points])
    np.testing.assert_allclose(values[:, found.samples] @ weights, values, atol=1e-11)


def test_weights_of_constants_sum_to_one():
    values = np.vstack([TRAINING, np.ones(TRAINING.shape[1])])
    found = interpolate(values, tolerance=1e-12, max_terms=60)
    unseen = np.vstack([UNSEEN, np.ones(UNSEEN.shape[1])])
    np.testing.assert_allclose(found.weights(unseen[found.points]).sum(axis=0), 1.0, atol=1e-10)


def test_errors_fall_to_round_off_without_noise():
    """The rank-one updates do not lose digits: the error on the samples ends near machine precision."""
    found = interpolate(TRAINING, tolerance=0.0, max_terms=80)
    error = TRAINING - TRAINING[:, found.samples] @ found.weights(TRAINING[found.points])
    assert np.abs(error).max() <= 1e-13
    assert len(found.samples) < 30


def test_ties_take_the_lowest_sample_and_point():
    found = interpolate(np.ones((3, 4)), tolerance=1e-3, max_terms=4)
    assert (found.samples.tolist(), found.points.tolist()) == ([0], [0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 3)), "are zero"),
        (np.full((2, 2), np.nan), "finite"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros(3), r"shape \(3,\)"),
    ],
)
def test_unusable_values_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        interpolate(values, tolerance=1e-3, max_terms=3)
