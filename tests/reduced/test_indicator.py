"""What an indication says: the table read off, its monotone bound, its limits, and what counts as above a tolerance."""

from types import SimpleNamespace

import numpy as np
import pytest

from romtool.linalg.gappy import gappy_operator
from romtool.reduced.indicator import (
    CALIBRATED,
    ELASTIC,
    OUTSIDE,
    Indication,
    first_above,
    indicate,
    indications_of,
)
from romtool.reduced.march import gappy_history
from romtool.reduced.model import Calibration, DualBasis

LINE = Calibration(
    np.array([1e-4, 1e-2, 1e-1]), np.array([1e-5, 1e-3, 1e-2]), np.array([3e-5, 3e-3, 3e-2]), np.zeros((0, 2))
)
"""Errors of a tenth of the misfit, and a bound of three times these."""

NEVER = np.zeros(1, dtype=np.bool_)


def test_between_the_nodes_the_table_is_a_power_law():
    misfit = np.array([1e-4, 1e-3, 3e-3, 1e-1])
    found = indicate(LINE, misfit, np.zeros(4, dtype=np.bool_))
    np.testing.assert_allclose(found.expected, 0.1 * misfit)
    np.testing.assert_allclose(found.bound, 0.3 * misfit)
    assert found.status.tolist() == [CALIBRATED] * 4


@pytest.mark.parametrize("misfit", [0.0, 1e-300, 1e-16, 1e-5])
def test_below_the_table_its_smallest_errors_hold(misfit):
    found = indicate(LINE, np.array([misfit]), NEVER)
    np.testing.assert_allclose([found.expected[0], found.bound[0]], [1e-5, 3e-5])
    assert found.status[0] == CALIBRATED


def test_beyond_the_table_the_errors_grow_on_and_count_as_above_any_tolerance():
    found = indicate(LINE, np.array([1.0]), NEVER)
    np.testing.assert_allclose([found.expected[0], found.bound[0]], [0.1, 0.3])
    assert found.status[0] == OUTSIDE
    assert found.exceeds(1e9).tolist() == [True]


def test_the_bound_does_not_decrease_anywhere():
    misfit = np.logspace(-8, 3, 300)
    assert (np.diff(indicate(LINE, misfit, np.zeros(300, dtype=np.bool_)).bound) >= 0.0).all()


def test_where_a_field_is_negligible_nothing_is_claimed():
    found = indicate(LINE, np.array([5.0, 1e-3]), np.array([True, False]))
    assert found.status.tolist() == [ELASTIC, CALIBRATED]
    assert np.isnan([found.expected[0], found.bound[0]]).all()
    assert found.exceeds(1e-9).tolist() == [False, True]


def indication(bound: list[float], status: list[int]) -> Indication:
    return Indication(np.ones(len(bound)), np.ones(len(bound)), np.array(bound), np.array(status))


def test_the_first_step_of_any_field_above_the_tolerance():
    p = indication([np.nan, 0.1, 0.1, 0.5], [ELASTIC, CALIBRATED, CALIBRATED, CALIBRATED])
    stress = indication([0.1, 0.1, 0.1, 0.1], [CALIBRATED, CALIBRATED, OUTSIDE, CALIBRATED])
    fields = {"p": p, "stress": stress}
    assert first_above(fields, 0.2, 0) == 2
    assert first_above(fields, 0.2, 3) == 3
    assert first_above(fields, 0.6, 3) is None
    assert first_above({"p": p}, 0.2, 0) == 3
    assert first_above(fields, 0.2, 4) is None
    assert first_above({}, 0.2, 0) is None


def basis(floor: float) -> DualBasis:
    """The gappy basis of one mode, sampled at three points: (1, 1, 0) / √2."""
    return DualBasis("p", 1, gappy_operator(np.array([[1.0], [1.0], [0.0]]) / np.sqrt(2.0)), np.ones(1), floor)


def test_the_misfit_is_relative_to_the_largest_samples_so_far():
    samples = np.array([[0.0, 0.0, 0.0], [3.0, 3.0, 1.0], [30.0, 30.0, 1.0], [3.0, 3.0, 1.0]])[:, :, None]
    coefficients, misfit, elastic, _ = gappy_history(basis(1e-3), samples)
    np.testing.assert_allclose(coefficients[:, 0], np.sqrt(2.0) * np.array([0.0, 3.0, 30.0, 3.0]))
    np.testing.assert_allclose(misfit, [0.0, 1 / np.sqrt(19.0), 1 / np.sqrt(1801.0), 1 / np.sqrt(1801.0)])
    assert elastic.tolist() == [True, False, False, False]


def test_below_the_floor_the_misfit_is_relative_to_that():
    samples = np.array([[0.0, 0.0, 1e-6], [1.0, 0.0, 0.0], [0.0, 0.0, 1e-6]])[:, :, None]
    _, misfit, elastic, _ = gappy_history(basis(0.1), samples)
    assert elastic.tolist() == [True, False, False]
    np.testing.assert_allclose(misfit[[0, 2]], [1e-5, 1e-6])


def test_a_field_that_was_zero_in_the_training_has_no_indication():
    model = SimpleNamespace(duals={"stress": None}, calibrations={"stress": LINE})
    history = SimpleNamespace(residuals={"stress": np.array([1e-3])}, elastic={"stress": NEVER})
    found = indications_of(model, history)
    assert list(found) == ["stress"]
    np.testing.assert_allclose(found["stress"].bound, 3e-4)
