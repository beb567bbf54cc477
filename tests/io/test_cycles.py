"""Times per cycle where the tables have cycles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.io.cycles import (
    Cycle,
    check_points,
    cycle_of,
    cycle_temperature,
    fit_times,
    repeat_intervals,
    repeat_times,
)
from romtool.io.entries import TimeSource
from romtool.io.load import apply_load, read_load
from romtool.loading import Load, Loading, Table, Temperature, TemperatureEntry

ONCE = np.array([1.0, 2.0, 5.0])
CYCLE = Cycle(1.0, 5.0, 3)
THRICE = np.array([1.0, 2, 5, 6, 9, 10, 13])


def table(cycles: int, name: str = "t", end: float = 5.0) -> Table:
    return Table(name, np.array([[1.0, 0.0], [3.0, 1.0], [end, 0.0]]), cycles)


def loading(times: np.ndarray, cycles: int, intervals: tuple[tuple[float, float], ...] = ()) -> Loading:
    return Loading(
        "case",
        times,
        (),
        (Load("p", "pressure", "P", 1.0, table="t"),),
        (table(cycles),),
        rate_independent=intervals,
    )


def apply(folder: Path, text: str, before: Loading) -> Loading:
    path = folder / "load.toml"
    path.write_text(f'name = "load"\n{text}')
    return apply_load(before, read_load(path), lambda *_: np.zeros(1))  # type: ignore[arg-type]


def test_the_cycle_is_that_of_the_table_that_repeats_most() -> None:
    assert cycle_of([]) is None
    assert cycle_of([table(1)]) is None
    assert cycle_of([table(1, end=99.0), table(3), table(3, "u"), table(2, "v", 7.0)]) == CYCLE


def test_two_different_cycles_are_refused() -> None:
    with pytest.raises(CaseError, match=r'tables "t" and "u" have 3 cycles from 1 to 5 and from 1 to 6; expected one'):
        cycle_of([table(3), table(3, "u", 6.0)])


def test_the_end_of_a_cycle_is_the_start_of_the_next() -> None:
    np.testing.assert_allclose(repeat_times(ONCE, CYCLE), THRICE)
    assert repeat_intervals(((1.0, 2.0),), CYCLE) == ((1.0, 2.0), (5.0, 6.0), (9.0, 10.0))


def test_repeated_times_meet_the_same_amplitudes_in_every_cycle() -> None:
    times = repeat_times(np.linspace(1.0, 5.0, 9), CYCLE)
    values = np.array([table(3).at(time) for time in times])
    np.testing.assert_allclose(values[1:].reshape(3, 8), np.tile(values[1:9], (3, 1)), atol=1e-12)


@pytest.mark.parametrize("points", [[1.0, 4.0], [0.0, 5.0], [2.0, 5.0]])
def test_points_that_are_not_one_whole_cycle_are_refused(points: list[float]) -> None:
    with pytest.raises(
        CaseError, match=r"f\.toml: \[time\] points run from .* first from 1 to 5; give the times of one"
    ):
        check_points(np.array(points), CYCLE, Path("f.toml"))


def test_points_of_one_cycle_of_several_or_without_tables_are_fine() -> None:
    check_points(ONCE, CYCLE, Path("f.toml"))
    check_points(np.array([1.0, 9.0]), CYCLE, Path("f.toml"))
    check_points(np.array([0.0, 2.0]), None, Path("f.toml"))


def test_points_beyond_one_cycle_are_taken_as_they_are() -> None:
    points = np.array([1.0, 5.0, 9.0])
    after = fit_times(loading(ONCE, 3), None, TimeSource(points, ((1.0, 2.0),)))
    np.testing.assert_array_equal(after.times, points)
    assert after.rate_independent == ((1.0, 2.0),)


def test_given_times_and_intervals_are_repeated(tmp_path: Path) -> None:
    after = apply(tmp_path, "[time]\npoints = [1, 5]\nrate_independent = [[1, 2]]\n", loading(THRICE, 3))
    np.testing.assert_allclose(after.times, [1, 5, 9, 13])
    assert after.rate_independent == ((1.0, 2.0), (5.0, 6.0), (9.0, 10.0))


def test_intervals_of_the_case_are_repeated_where_they_lie_in_one_cycle(tmp_path: Path) -> None:
    text = "[[tables]]\nname = 't'\npoints = [[1, 0], [5, 1]]\ncycles = 2\n"
    after = apply(tmp_path, text, loading(ONCE, 1, ((1.0, 2.0),)))
    np.testing.assert_allclose(after.times, [1, 2, 5, 6, 9])
    assert after.rate_independent == ((1.0, 2.0), (5.0, 6.0))
    beyond = apply(tmp_path, text, loading(ONCE, 1, ((4.0, 7.0),)))
    assert beyond.rate_independent == ((4.0, 7.0),)


@pytest.mark.parametrize("cycles", [1, 2, 5])
def test_another_number_of_cycles_changes_times_that_were_repeated(tmp_path: Path, cycles: int) -> None:
    before = loading(THRICE, 3, repeat_intervals(((1.0, 2.0),), CYCLE))
    before = replace(before, temperature=Temperature(0.0, (TemperatureEntry(1.0, 2.0), TemperatureEntry(5.0, 3.0)), 3))
    text = f"[[tables]]\nname = 't'\npoints = [[1, 0], [3, 2], [5, 0]]\ncycles = {cycles}\n"
    after = apply(tmp_path, text, before)
    cycle = Cycle(1.0, 5.0, cycles)
    np.testing.assert_allclose(after.times, repeat_times(ONCE, cycle))
    assert after.rate_independent == repeat_intervals(((1.0, 2.0),), cycle)
    assert after.temperature.cycles == cycles


def test_times_that_are_no_repetition_stay(tmp_path: Path) -> None:
    text = "[[tables]]\nname = 't'\npoints = [[1, 0], [5, 0]]\ncycles = 2\n"
    for times in (np.array([1.0, 5.0, 8.0]), np.array([0.0, 3.0])):
        after = apply(tmp_path, text, loading(times, 3))
        np.testing.assert_array_equal(after.times, times)


def test_a_scaled_table_leaves_the_times_as_they_are(tmp_path: Path) -> None:
    before = loading(ONCE, 3)
    assert apply(tmp_path, "[[tables]]\nname = 't'\nscale = 2\n", before).times is before.times


def test_intervals_alone_keep_the_times(tmp_path: Path) -> None:
    before = loading(ONCE, 3)
    after = apply(tmp_path, "[time]\nrate_independent = [[1, 2]]\n", before)
    assert after.times is before.times
    assert after.rate_independent == ((1.0, 2.0),)


def test_a_temperature_in_one_cycle_repeats_with_the_tables(tmp_path: Path) -> None:
    text = "[temperature]\ninitial = 20\nentries = [{ time = 2, value = 30 }, { time = 4, value = 50 }]\n"
    temperature = apply(tmp_path, text, loading(THRICE, 3)).temperature
    assert temperature.cycles == 3
    assert [(e.time, e.value) for e in temperature.entries] == [(1.0, 20), (2.0, 30), (4.0, 50), (5.0, 50)]


def test_a_temperature_beyond_one_cycle_runs_through_once(tmp_path: Path) -> None:
    text = "[temperature]\ninitial = 20\nentries = [{ time = 1, value = 30 }, { time = 9, value = 50 }]\n"
    temperature = apply(tmp_path, text, loading(THRICE, 3)).temperature
    assert (temperature.cycles, len(temperature.entries)) == (1, 2)


def test_the_temperature_of_a_deck_keeps_its_own_cycles_without_tables(tmp_path: Path) -> None:
    before = replace(loading(ONCE, 1), temperature=Temperature(0.0, (TemperatureEntry(1.0, 2.0),), 4))
    assert apply(tmp_path, "[time]\npoints = [1, 9]\n", before).temperature.cycles == 4
    assert cycle_temperature(Temperature(3.0), CYCLE).entries == ()
