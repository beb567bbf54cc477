"""romtool from Python: loads built in Python, missions, threads and forks, and that the command line gives the same."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import romtool
from romtool.errors import CaseError, ModelError, ReaderError
from romtool.pipeline.folders import read_head
from romtool.pipeline.results import open_history
from tests.cli.small_case import romtool as run
from tests.cli.small_case import write_case

CYCLE = [[0.0, 0.0], [1.0, -140.0], [2.0, 120.0], [3.0, 0.0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "case"
    case = write_case(folder)
    assert run("offline", case, "-o", folder / "model", "-q").code == 0
    assert run("online", folder / "model", folder / "loads" / "new.toml", "-o", folder / "out", "-q").code == 0
    return folder


@pytest.fixture(scope="module")
def model(folder) -> romtool.Model:
    return romtool.load(folder / "model")


def cycles(name: str, count: int) -> romtool.Load:
    """Return cycles of pull and push at a constant temperature."""
    table = {"name": "END", "points": CYCLE, "cycles": count}
    entry = {"time": 0.0, "value": 20.0}
    times = np.linspace(0.0, 3.0, 13)
    return romtool.Load(name, tables=[table], temperature={"initial": 20.0, "entries": [entry]}, times=times)


def test_importing_romtool_reads_nothing_else():
    code = "import sys, romtool; print(len({'numpy', 'numba', 'h5py'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        romtool.lod  # noqa: B018


def test_the_command_line_gives_what_python_gives(folder, model):
    result = model.march(folder / "loads" / "new.toml")
    stored = read_head(folder / "out" / "new" / "result.h5", "result", "history")
    np.testing.assert_array_equal(result.coordinates, stored.coordinates)
    for name, values in stored.samples.items():
        np.testing.assert_array_equal(result.samples[name], values)
    built = model.march(romtool.Load("new", scale={"END": 1.1}))
    np.testing.assert_array_equal(built.coordinates, stored.coordinates)
    whole = open_history(folder / "out" / "new")
    np.testing.assert_array_equal(result.field("p", [1.0])[0], whole.read("p", len(whole.times) - 1))
    assert result.field("u").shape == (len(result.times), whole.mesh.n_nodes, 3)


def test_arrays_stand_in_the_place_of_field_files(folder, model, tmp_path):
    field = np.linspace(20.0, 200.0, 36)
    np.save(tmp_path / "hot.npy", field)
    entries = 'entries = [{ time = 0.0, value = 20.0 }, { time = 1.0, field = "hot.npy", scale = 0.5 }]'
    (tmp_path / "hot.toml").write_text(f'name = "hot"\n[temperature]\ninitial = 20.0\n{entries}\n')
    given = [{"time": 0.0, "value": 20.0}, {"time": 1.0, "value": field, "scale": np.float64(0.5)}]
    built = romtool.Load("hot", temperature={"initial": 20.0, "entries": given})
    a, b = model.march(tmp_path / "hot.toml"), model.march(built)
    np.testing.assert_array_equal(a.coordinates, b.coordinates)
    short = romtool.Load("hot", temperature={"initial": 20.0, "entries": [{"time": 0.0, "value": field[:-1]}]})
    with pytest.raises(ReaderError, match="has 35 values, the mesh has 36 nodes"):
        model.march(short)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scale": {"gass": 1.2}}, r'the load "b": \[\[loads\]\] "gass" is not in the case; did you mean "END"'),
        ({"scale": {"END": "much"}}, r'the load "b": \[\[loads\]\] "END" has scale = "much"; expected a number'),
        ({"times": [0.0, 0.0]}, r'the load "b": \[time\] has points that do not increase'),
        ({"time": {"pionts": [0.0, 1.0]}}, r'the load "b": \[time\] has no key "pionts"; did you mean "points"'),
        ({"temperature": {"initial": 0.0, "entries": [{"time": 0.0, "value": np.zeros((2, 2))}]}}, r"shape \(2, 2\)"),
    ],
)
def test_wrong_loads_are_told_as_those_of_files(model, wrong, words):
    with pytest.raises(CaseError, match=words):
        model.march(romtool.Load("b", **wrong))


def test_a_mission_after_another_is_the_uninterrupted_run(model):
    whole, first = model.march(cycles("whole", 5)), model.march(cycles("first", 2))
    later = model.march(cycles("later", 3), start=first)
    assert whole.samples["p"].max() > 1e-3
    assert later.before.names == ("first",)
    assert later.before.elapsed == pytest.approx(6.0)
    assert model.march(cycles("last", 1), start=later).before.elapsed == pytest.approx(15.0)
    rows = slice(len(first.times) - 1, None)
    for name, values in whole.samples.items():
        np.testing.assert_allclose(later.samples[name], values[rows], atol=1e-12 * np.abs(values).max())
        np.testing.assert_allclose(
            later.indications[name].indicator, whole.indications[name].indicator[rows], rtol=1e-6
        )
    limit = 1e-12 * np.abs(whole.coordinates).max()
    np.testing.assert_allclose(later.coordinates, whole.coordinates[rows], atol=limit)


def test_the_thermal_strain_of_a_mission_counts_from_the_undeformed_body(model):
    def held(name: str, initial: float, value: float) -> romtool.Load:
        entries = [{"time": 0.0, "value": initial}, {"time": 1.0, "value": value}]
        return romtool.Load(name, scale={"END": 0.0}, temperature={"initial": initial, "entries": entries})

    hot = model.march(held("hot", 20.0, 100.0))
    cold = model.march(held("cold", 100.0, 20.0), start=hot)
    size = np.abs(hot.coordinates[-1]).max()
    np.testing.assert_allclose(cold.coordinates[-1], 0.0, atol=1e-5 * size)
    assert size > 0.0


def test_what_is_not_its_own_end_is_refused(folder, model, tmp_path):
    with pytest.raises(ModelError, match=r"no result of `romtool online` here"):
        model.march(folder / "loads" / "new.toml", start=tmp_path)
    dictionary = model.dictionary
    other = romtool.Model(replace(dictionary, models=(replace(dictionary.models[0], model_id="other"),)), model.path)
    with pytest.raises(ModelError, match=r"new: is in terms of the model \w+, and .* is other; go on with the model"):
        other.march(folder / "loads" / "new.toml", start=folder / "out" / "new")


def test_results_with_names(model, folder):
    pytest.importorskip("xarray")
    result = model.march(folder / "loads" / "new.toml")
    found = result.to_xarray()
    assert found["stress"].dims == ("time", "point", "component_of_stress")
    assert float(found["p"].sel(time=1.0).max()) == result.samples["p"][-1].max()
    assert found.attrs["load"] == "new"


def end_of(model: romtool.Model, factor: float) -> bytes:
    """Return the bits of the last coordinates."""
    return model.march(romtool.Load("b", scale={"END": factor})).coordinates[-1].tobytes()


FACTORS = np.linspace(0.5, 1.3, 12).tolist()


def test_threads_give_the_same_bits(model):
    alone = [end_of(model, factor) for factor in FACTORS]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda factor: end_of(model, factor), 3 * FACTORS)) == 3 * alone


def test_forked_processes_give_the_same_bits(model):
    alone = [end_of(model, factor) for factor in FACTORS]
    _SHARED.append(model)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_end_in_child, FACTORS) == alone


_SHARED: list[romtool.Model] = []


def _end_in_child(factor: float) -> bytes:
    return end_of(_SHARED[0], factor)
