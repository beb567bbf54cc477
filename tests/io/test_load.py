"""Load files: entries match by name, whole entries replace, scale multiplies, remove removes."""

from pathlib import Path

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.io.load import LoadFile, apply_load, check_unique, read_load
from romtool.loading import Dirichlet, Load, Loading, Table, Temperature, TemperatureEntry
from tests.shared_data import shared

FIELD = np.array([1.0, 2.0, 3.0])
AXIS = np.array([0.0, 0.0, 1.0])


def base() -> Loading:
    return Loading(
        "case",
        np.array([0.0, 5.0, 10.0, 70.0]),
        (Dirichlet("root", "ROOT", (0, 1, 2), 0.5), Dirichlet("tip", "TIP", (0,), FIELD)),
        (
            Load("gas", "pressure", "P", 1.2, table="cycle"),
            Load("spin", "centrifugal", "all", 1200.0, point=0 * AXIS, axis=AXIS, table="cycle"),
            Load("weight", "body", "all", -9.81 * AXIS),
            Load("film", "pressure", "Q", FIELD, on="node"),
        ),
        (Table("cycle", np.array([[0.0, 0.0], [10.0, 1.0], [70.0, 0.0]])),),
        Temperature(20.0, (TemperatureEntry(0.0, 20.0), TemperatureEntry(70.0, FIELD, 2.0, 1.0))),
    )


def no_files(path: Path, name: str | None, region: str | None = None, on: str = "node") -> np.ndarray:
    raise AssertionError(f"{path} must not be read")


def fields(
    path: Path, name: str | None, region: str | None = None, on: str = "node", mesh: Path | None = None
) -> np.ndarray:
    return 10.0 * FIELD


def read(folder: Path, text: str, name: str = "load") -> LoadFile:
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\n{text}')
    return read_load(path)


def apply(folder: Path, text: str, loading: Loading | None = None) -> Loading:
    return apply_load(loading or base(), read(folder, text), fields)


def test_the_normative_load_file_repeats_the_cycle() -> None:
    load = read_load(shared("examples", "load.toml"))
    assert load.name == "leading-edge-hot"
    assert load.field_paths == (load.path.parent / "thermal/hot_spot.vtu",)
    loading = apply_load(base(), load, fields)
    assert loading.name == "leading-edge-hot"
    assert loading.loads[0].value == pytest.approx(1.44)
    assert loading.tables[0].cycles == 3
    assert len(loading.times) == 1 + 3 * 6
    np.testing.assert_allclose(loading.times[[0, 6, 7, 12, 18]], [0, 70, 75, 140, 210])
    assert loading.temperature.cycles == 3
    assert loading.temperature.entries[1].value is loading.temperature.entries[2].value


def test_a_name_alone_leaves_the_loading_unchanged(tmp_path: Path) -> None:
    before = base()
    after = apply_load(before, read(tmp_path, ""), no_files)
    assert after.name == "load"
    for part in ("times", "dirichlet", "loads", "tables", "temperature", "rate_independent"):
        assert getattr(after, part) is getattr(before, part)


def test_scale_multiplies_what_the_entry_prescribes(tmp_path: Path) -> None:
    names = "".join(f'[[loads]]\nname = "{name}"\nscale = 2\n' for name in ("gas", "spin", "weight", "film"))
    text = (
        names
        + """
[[dirichlet]]
name = "root"
scale = -1
[[dirichlet]]
name = "tip"
scale = 3.0
[[tables]]
name = "cycle"
scale = 0.5
"""
    )
    before, after = base(), apply(tmp_path, text)
    gas, spin, weight, film = after.loads
    assert (gas.value, spin.value, spin.table) == (2.4, 2400.0, "cycle")
    np.testing.assert_array_equal(weight.value, 2 * before.loads[2].value)
    np.testing.assert_array_equal(film.value, 2 * FIELD)
    assert after.dirichlet[0].value == -0.5
    np.testing.assert_array_equal(after.dirichlet[1].value, 3 * FIELD)
    np.testing.assert_array_equal(after.tables[0].points, [[0, 0], [10, 0.5], [70, 0]])
    np.testing.assert_array_equal(before.tables[0].points[:, 1], [0, 1, 0])
    np.testing.assert_array_equal(after.times, before.times)


def test_a_whole_entry_takes_the_place_of_the_case_s(tmp_path: Path) -> None:
    text = """
[[loads]]
name = "gas"
kind = "pressure"
faces = "P"
field = "gas.vtu"
on = "face"
[[tables]]
name = "cycle"
points = [[0.0, 1.0]]
[[dirichlet]]
name = "tip"
nodes = "TIP"
components = ["y"]
"""
    load = read(tmp_path, text)
    assert load.field_paths == (tmp_path / "gas.vtu",)
    after = apply_load(base(), load, fields)
    assert [entry.name for entry in after.loads] == ["gas", "spin", "weight", "film"]
    np.testing.assert_array_equal(after.loads[0].value, 10 * FIELD)
    assert (after.loads[0].on, after.loads[0].table) == ("face", None)
    assert after.amplitude("cycle", 33.0) == 1.0
    assert after.dirichlet[1] == Dirichlet("tip", "TIP", (1,), 0.0)


def test_remove_removes(tmp_path: Path) -> None:
    after = apply(tmp_path, '[[loads]]\nname = "gas"\nremove = true\n[[dirichlet]]\nname = "tip"\nremove = true\n')
    assert [entry.name for entry in after.loads] == ["spin", "weight", "film"]
    assert [entry.name for entry in after.dirichlet] == ["root"]


@pytest.mark.parametrize(
    "entry",
    ["scale = 2", "remove = true", 'kind = "pressure"\nfaces = "P"\nvalue = 1.0'],
    ids=["scale", "remove", "whole"],
)
def test_an_unknown_name_is_an_error_that_lists_the_known(tmp_path: Path, entry: str) -> None:
    message = (
        r'load\.toml: \[\[loads\]\] "gass" is not in the case; did you mean "gas"\? \(known: gas, spin, weight, film\)'
    )
    with pytest.raises(CaseError, match=message):
        apply(tmp_path, f'[[loads]]\nname = "gass"\n{entry}\n')


@pytest.mark.parametrize("table", ["dirichlet", "tables"])
def test_an_unknown_name_is_an_error_in_every_table(tmp_path: Path, table: str) -> None:
    with pytest.raises(CaseError, match=rf'\[\[{table}\]\] "x" is not in the case'):
        apply(tmp_path, f'[[{table}]]\nname = "x"\nscale = 2\n')
    with pytest.raises(CaseError, match=r"none is known here \(known: none\)"):
        apply(tmp_path, f'[[{table}]]\nname = "x"\nscale = 2\n', Loading("empty", np.zeros(2)))


def test_a_table_that_is_removed_but_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r'load\.toml: \[\[loads\]\] "gas" uses the table "cycle"'):
        apply(tmp_path, '[[tables]]\nname = "cycle"\nremove = true\n')


def test_a_temperature_replaces_the_case_s(tmp_path: Path) -> None:
    text = "[temperature]\ninitial = 5.0\nentries = [{ time = 1.0, field = 'a.vtu' }, { time = 2, expression = 'x' }]\n"
    temperature = apply(tmp_path, text).temperature
    assert temperature.initial == 5.0
    np.testing.assert_array_equal(temperature.entries[0].value, 10 * FIELD)
    assert temperature.entries[1].value == "x"


def test_scaling_a_temperature_scales_its_entries_and_not_its_initial_value(tmp_path: Path) -> None:
    temperature = apply(tmp_path, "[temperature]\nscale = 1.5\noffset = -10\n").temperature
    assert temperature.initial == 20.0
    first, last = temperature.entries
    assert first.scale * first.value + first.offset == pytest.approx(1.5 * 20.0 - 10)
    np.testing.assert_allclose(last.scale * last.value + last.offset, 1.5 * (2 * FIELD + 1) - 10)
    assert last.value is FIELD


def test_scaling_a_temperature_without_entries_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"\[temperature\] scales the case's entries but the case has none"):
        apply(tmp_path, "[temperature]\nscale = 1.5\n", Loading("case", np.zeros(2)))


def test_times_replace_the_case_s(tmp_path: Path) -> None:
    after = apply(tmp_path, "[time]\npoints = [0, 1, 2]\nrate_independent = [[0, 1]]\n")
    np.testing.assert_array_equal(after.times, [0.0, 1.0, 2.0])
    assert after.rate_independent == ((0.0, 1.0),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[loads]]\nname = "gas"\nvalue = 2.0', r'"gas" lacks the key "kind".*a load file replaces whole'),
        ('[[loads]]\nname = "gas"\nscale = 2.0\nvalue = 1.0', r'"gas" has "value" beside scale or remove'),
        ('[[loads]]\nname = "gas"\nscale = 2.0\nremove = true', r'has "scale" and "remove"; give one of them'),
        ('[[loads]]\nname = "gas"\nremove = false', r"has remove = false; expected true"),
        ('[[loads]]\nname = "gas"\nscale = "2"', r'has scale = "2"; expected a number'),
        ('[[loads]]\nname = "gas"\nscale = 2.0\nremov = true', r'has no key "remov"; did you mean "remove"\?'),
        ("[[loads]]\nscale = 2.0", r'\[\[loads\]\] number 1 lacks the key "name"'),
        ('[[loads]]\nname = "gas"\nscale = 2.0\n' * 2, r'holds \[\[loads\]\] "gas" twice'),
        ("[temperature]\nscale = 2.0\ninitial = 3.0", r'\[temperature\] has "initial" beside scale or offset'),
        ("[temperature]\nscale = 'x'", r'\[temperature\] has scale = "x"; expected a number'),
        ("[pod]\ntolerance = 1e-3", r'has no key or table "pod"; did you mean'),
        ("[[tables]]\nname = 'cycle'\nscale = inf", r"has scale = inf; expected a number"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CaseError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'load.toml'}: ")


def test_a_load_needs_a_name_that_can_be_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    for text, message in (
        ("", 'lacks the key or table "name"'),
        ('name = "../x"', r'has name = "\.\./x"; expected'),
    ):
        path.write_text(text)
        with pytest.raises(CaseError, match=message):
            read_load(path)
    with pytest.raises(CaseError, match="no such file; expected a load file"):
        read_load(tmp_path / "none.toml")


def test_the_same_name_twice_is_an_error(tmp_path: Path) -> None:
    a, b, c = (
        LoadFile(tmp_path / "a.toml", "hot"),
        LoadFile(tmp_path / "b.toml", "cold"),
        LoadFile(tmp_path / "c.toml", "hot"),
    )
    check_unique([a, b])
    with pytest.raises(CaseError, match=r'c\.toml: the load name "hot" is also that of .*a\.toml'):
        check_unique([a, b, c])
