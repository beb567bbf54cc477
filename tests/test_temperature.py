"""Temperature histories: linear between entries, the initial temperature's part, cycles, restriction."""

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.loading import Temperature, TemperatureEntry
from romtool.temperature import build_temperature, evaluate_at, restrict

POINTS = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [3.0, 0.0, 1.0]])
FIELD = np.array([100.0, 200.0, 300.0, 400.0])


def at(temperature: Temperature, time: float, start: float = 0.0) -> np.ndarray:
    return build_temperature(temperature, evaluate_at(POINTS), start).at(time)


def test_linear_between_entries_and_constant_outside() -> None:
    entries = (
        TemperatureEntry(0.0, 20.0),
        TemperatureEntry(10.0, FIELD, scale=2.0, offset=1.0),
        TemperatureEntry(20.0, "50 + 10*x"),
    )
    temperature = Temperature(0.0, entries)
    np.testing.assert_allclose(at(temperature, -1.0), 20.0)
    np.testing.assert_allclose(at(temperature, 0.0), 20.0)
    np.testing.assert_allclose(at(temperature, 2.5), 0.75 * 20 + 0.25 * (2 * FIELD + 1))
    np.testing.assert_array_equal(at(temperature, 10.0), 2 * FIELD + 1)
    np.testing.assert_allclose(at(temperature, 15.0), 0.5 * (2 * FIELD + 1) + 0.5 * (50 + 10 * POINTS[:, 0]))
    np.testing.assert_allclose(at(temperature, 99.0), 50 + 10 * POINTS[:, 0])


@pytest.mark.parametrize("initial", [20.0, FIELD])
def test_without_entries_the_initial_temperature_holds(initial: float | np.ndarray) -> None:
    temperature = Temperature(initial)
    for time in (0.0, 5.0):
        np.testing.assert_array_equal(at(temperature, time), np.broadcast_to(initial, 4))


def test_a_first_entry_later_than_the_start_is_reached_linearly_from_the_initial_temperature() -> None:
    temperature = Temperature(20.0, (TemperatureEntry(10.0, 120.0), TemperatureEntry(20.0, 20.0)))
    assert at(temperature, 0.0) == pytest.approx([20.0] * 4)
    assert at(temperature, 2.5) == pytest.approx([45.0] * 4)
    assert at(temperature, 10.0) == pytest.approx([120.0] * 4)
    assert at(temperature, 6.0, start=2.0) == pytest.approx([70.0] * 4)


def test_entries_from_the_start_on_decide_alone() -> None:
    temperature = Temperature(20.0, (TemperatureEntry(0.0, 500.0),))
    assert at(temperature, 0.0) == pytest.approx([500.0] * 4)


def test_cycles_end_on_the_last_entry_and_start_again_from_the_first() -> None:
    temperature = Temperature(0.0, (TemperatureEntry(0.0, 10.0), TemperatureEntry(4.0, 50.0)), cycles=3)
    times = [1.0, 4.0, 5.0, 8.0, 9.0, 12.0, 20.0]
    assert [float(at(temperature, time)[0]) for time in times] == pytest.approx([20, 50, 20, 50, 20, 50, 50])


def test_results_are_fresh_arrays() -> None:
    history = build_temperature(Temperature(FIELD, (TemperatureEntry(0.0, FIELD),)), evaluate_at(POINTS), 0.0)
    history.at(0.0)[:] = 0.0
    np.testing.assert_array_equal(history.at(0.0), [100.0, 200.0, 300.0, 400.0])
    constant = build_temperature(Temperature(FIELD), evaluate_at(POINTS), 0.0)
    constant.at(0.0)[:] = 0.0
    np.testing.assert_array_equal(constant.at(0.0), [100.0, 200.0, 300.0, 400.0])


def test_entries_that_share_a_field_share_its_array_and_its_evaluation() -> None:
    calls = []

    def evaluate(value: object) -> np.ndarray:
        calls.append(value)
        return evaluate_at(POINTS)(value)  # type: ignore[arg-type]

    values = (FIELD, "x + y", FIELD, "x + y", 20.0)
    entries = tuple(TemperatureEntry(float(i), value, scale=1.0 + i) for i, value in enumerate(values))
    history = build_temperature(Temperature(20.0, entries), evaluate, 0.0)
    assert len(calls) == 3
    assert history.fields[0] is history.fields[2]
    assert history.fields[1] is history.fields[3]
    assert np.shares_memory(history.fields[0], FIELD)


def test_restriction_commutes_with_evaluation() -> None:
    rows = np.array([2, 0, 3])
    entries = (
        TemperatureEntry(0.0, 20.0),
        TemperatureEntry(1.0, FIELD, 2.0, 3.0),
        TemperatureEntry(2.0, "x**2 + z", 0.5),
        TemperatureEntry(3.0, FIELD),
    )
    whole = Temperature(FIELD / 10, entries, cycles=2)
    part = restrict(whole, rows, POINTS[rows])
    assert part.cycles == 2
    assert part.entries[1].value is part.entries[3].value
    assert part.entries[0].value == 20.0
    assert all(not isinstance(entry.value, str) for entry in part.entries)
    for time in np.linspace(-0.5, 6.5, 29):
        full = build_temperature(whole, evaluate_at(POINTS), -0.5).at(time)
        few = build_temperature(part, evaluate_at(POINTS[rows]), -0.5).at(time)
        np.testing.assert_allclose(few, full[rows], rtol=1e-14)


def test_restriction_keeps_a_uniform_initial_temperature() -> None:
    assert restrict(Temperature(20.0), np.array([1]), POINTS[[1]]).initial == 20.0


def test_restriction_refuses_coordinates_of_other_nodes() -> None:
    with pytest.raises(ValueError, match="1 rows but 4 points"):
        restrict(Temperature(20.0), np.array([1]), POINTS)


def test_a_field_of_another_mesh_is_refused() -> None:
    with pytest.raises(CaseError, match=r"shape \(3,\); expected one value for each of the 4 nodes"):
        at(Temperature(20.0, (TemperatureEntry(0.0, FIELD[:3]),)), 0.0)


def test_an_expression_that_is_wrong_is_refused() -> None:
    with pytest.raises(CaseError, match="unknown name"):
        at(Temperature(20.0, (TemperatureEntry(0.0, "r"),)), 0.0)
