"""Error indicator and repairs on Z-set's cube, trained on its one trajectory, by benchmarks/indicator.py."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from romtool.linalg.reduction import SerialComm
from romtool.offline.calibrate import FLOOR
from romtool.pipeline.adapt import AdaptRequest, online_adaptive
from romtool.pipeline.folders import read_model
from tests.shared_data import shared

TOLERANCE = 1e-2


def load_benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "indicator.py"
    spec = importlib.util.spec_from_file_location("indicator_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


benchmark = load_benchmark()


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    """The case, the nine loads, and what is known of them without repairs."""
    folder = tmp_path_factory.mktemp("cube")
    case, loads = benchmark.cube_case(shared("zset", "MecaSequential"), folder)
    return folder, loads, benchmark.measure(case, loads, folder, TOLERANCE, False)


def test_the_indicator_follows_the_true_error(cube):
    _, _, found = cube
    assert found["pooled all"]["correlation"] >= 0.95
    for field in ("p", "stress"):
        assert found["pooled"][field]["correlation"] >= 0.95
    varying = [
        entry[field]
        for entry in found["loads"].values()
        for field in ("p", "stress")
        if entry[field]["error_ratio"] > 3.0
    ]
    assert len(varying) >= 5
    assert all(entry["correlation"] >= 0.8 for entry in varying)


def test_the_bound_holds_and_is_not_far(cube):
    _, _, found = cube
    for judged in (found["pooled all"], *found["pooled"].values()):
        assert judged["coverage"] >= 0.9
        assert judged["median_effectivity"] <= 5.0


def test_each_new_load_is_outside_the_training_in_words(cube):
    _, _, found = cube
    words = {
        "temperature-1.2": "temperature: ",
        "moved-0.2": "temperature field: ",
        "pressure-1.2": "pressure on x1: ",
        "omega-1.05": "centrifugal on ",
    }
    for name, start in words.items():
        assert any(text.startswith(start) for text in found["loads"][name]["outside"]), name
    assert found["loads"]["cycles-2"]["outside"] == []


@pytest.mark.parametrize(
    ("name", "n_steps", "most"), [("temperature-1.2", 10, 6), ("moved-0.05", 10, 10), ("cycles-2", 20, 7)]
)
def test_repaired_runs_keep_twice_the_tolerance(cube, name, n_steps, most):
    folder, loads, _ = cube
    floors = floors_of(folder)
    (path,) = [load for load in loads if load.stem == name]
    found = benchmark.repair(path, name, folder, TOLERANCE, floors)
    assert max(found["largest_error"].values()) <= 2 * TOLERANCE
    assert found["n_steps"] == n_steps
    assert 0 < len(found["high_fidelity_steps"]) <= most
    assert found["growth"] <= 1.2  # a step more or less is repaired where a bound is next to the tolerance


def floors_of(folder: Path) -> dict[str, float]:
    norms = read_model(folder / "model").statistics["largest_norms"]
    return {field: FLOOR * norms[field] for field in ("p", "stress")}


def test_inside_the_training_nothing_is_repaired_and_a_neighbour_of_a_learnt_load_needs_fewer_steps(cube):
    folder, loads, _ = cube
    (folder / "same.toml").write_text('name = "same"\n')
    points, loading = benchmark.online_inputs(folder / "case" / "case.toml")
    text = benchmark.moved(folder / "loads", loading, points, 0.19)
    (folder / "loads" / "neighbour.toml").write_text(f'name = "neighbour"\n{text}')
    (far,) = [load for load in loads if load.stem == "moved-0.2"]
    paths = [folder / "same.toml", far, folder / "loads" / "neighbour.toml"]
    request = AdaptRequest(tolerance=TOLERANCE)
    same, moved, neighbour = online_adaptive(
        folder / "model", paths, folder / "row", SerialComm(), benchmark.quiet, request
    )
    assert same.enrichments == ()
    steps = [sum(entry.step > 0 for entry in answer.enrichments) for answer in (moved, neighbour)]
    assert 0 < steps[1] <= steps[0] / 2
    exact = benchmark.open_history(folder / "ref" / "moved-0.2")
    errors = benchmark.true_errors(benchmark.open_history(folder / "row" / "moved-0.2"), exact, floors_of(folder))
    assert max(np.max(values) for values in errors.values()) <= 2 * TOLERANCE
