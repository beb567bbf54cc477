"""`romtool study`: closed forms, exact quantiles, broken-off runs, ranks, and draws that `solve` can compute."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import stats

from romtool.fem.partition import merge
from romtool.online.study import StudyResult
from romtool.pipeline.folders import part_name, read_head, read_model, read_modes
from romtool.pipeline.results import open_history
from romtool.reduced.reconstruct import displacement, dual
from tests.cli.small_case import CASE, deck_text, romtool
from tests.conftest import LAUNCH_ENVIRONMENT, SINGLE_THREAD, find_mpiexec

QUANTITIES = """
[[quantities]]
name = "tip"
kind = "displacement"
nodes = "X1"
component = "x"
[[quantities]]
name = "mises max"
kind = "maximum"
field = "stress"
[partition]
subdomains = 2
"""
STUDY = """name = "box"
draws = {draws}
sampler = "sobol"
seed = 7
base = "loads/base.toml"
[[random]]
target = "loads.END.scale"
distribution = {{ name = "norm", loc = 1.0, scale = 0.05 }}
[[random]]
target = "temperature"
fields = [{{ field = "hot0.npy" }}, {{ field = "hot1.npy" }}]
energy = 0.99
[output]
fields = ["stress", "u"]
thresholds = {{ "mises max" = 125.0, stress = 120.0 }}
"""
RUN = "import sys; sys.path.insert(0, {root!r}); from romtool.cli.main import main; main()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An elastic box that knows its pressure and two fields of temperature: the model is exact on their span."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "loads").mkdir()
    deck = deck_text().replace("*PLASTIC\n100., 0.\n200., 0.1\n", "")
    (folder / "box.inp").write_text(deck)
    points = [line.split(",")[1:] for line in deck.split("*ELEMENT")[0].splitlines()[1:]]
    x, y, _ = np.array(points, dtype=float).T
    for number, change in enumerate((30.0 * x, -30.0 * x)):
        np.save(folder / f"hot{number}.npy", 20.0 + 300.0 * np.exp(-4.0 * y**2) + change)
    hot = "entries = [{ time = 0.0, value = 20.0 }, { time = 1.0, field = '../hot0.npy' }]"
    loads = {
        "base": "",
        "pulled": '[[loads]]\nname = "END"\nscale = 1.2\n',
        "hot": f"[temperature]\ninitial = 20.0\n{hot}\n",
    }
    for name, text in loads.items():
        (folder / "loads" / f"{name}.toml").write_text(f'name = "{name}"\n{text}')
    more = '[[simulations]]\nname = "hot"\nresults = "ref/hot"\nload = "loads/hot.toml"\n'
    (folder / "case.toml").write_text(CASE + more + QUANTITIES)
    files = [folder / "loads" / f"{name}.toml" for name in loads]
    assert romtool("solve", folder / "case.toml", *files, "-o", folder / "ref", "-q").code == 0
    assert romtool("offline", folder / "case.toml", "-o", folder / "model", "-q").code == 0
    (folder / "study.toml").write_text(STUDY.format(draws=1024))
    return folder


def result_of(out) -> StudyResult:
    found: StudyResult = read_head(out / "study.h5", "study", "result")
    return found


@pytest.fixture(scope="module")
def done(folder):
    """The undisturbed study."""
    out = folder / "undisturbed"
    found = romtool("study", folder / "model", folder / "study.toml", "-o", out, "-q", "--json")
    assert found.code == 0, found.err
    return found.json, out


def columns(out) -> dict[str, np.ndarray]:
    with (out / "draws.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}


def test_quantiles_of_a_linear_model_are_those_of_its_loads(folder, done):
    """u = u_0 + u_P (s - 1) + u_T xi with s ~ N(1, 0.05²) and xi ~ N(0, 1) is normal, with these moments.

    The covariance of two fields has one mode, sqrt(2) times what the hot load adds to the base.
    """
    summary, out = done
    tips = {
        name: open_history(folder / "ref" / name).read("u", -1)[np.array(tip_nodes(folder)), 0].mean()
        for name in ("base", "pulled", "hot")
    }
    by_load, by_heat = (tips["pulled"] - tips["base"]) / 0.2, tips["hot"] - tips["base"]
    deviation = np.hypot(0.05 * by_load, np.sqrt(2.0) * by_heat)
    tip = summary["quantities"]["tip"]
    expected = stats.norm(tips["base"], deviation).ppf([0.05, 0.5, 0.95])
    found = [tip["quantiles"][key][0] for key in ("0.05", "0.5", "0.95")]
    np.testing.assert_allclose(found, expected, atol=0.02 * deviation)
    assert tip["standard_deviation"][0] == pytest.approx(deviation, rel=0.01)
    scale = columns(out)["loads.END.scale"]
    np.testing.assert_allclose(np.quantile(scale, 0.95), stats.norm(1.0, 0.05).ppf(0.95), rtol=1e-3)


def test_draws_outside_the_training_are_counted(folder, done):
    """xi sqrt(2) 90 degrees are added at x = 3: hotter than trained above 1 / sqrt(2), below 20 from -0.043 on."""
    summary, out = done
    trained = romtool("info", folder / "model", "--json").json["domain"]
    scale = columns(out)["loads.END.scale"]
    beyond = int(np.count_nonzero(-120.0 * scale < trained["pressure on END"][0] * (1.0 + 1e-6)))
    by = summary["outside"]["by"]
    assert by.get("pressure on END", 0) == beyond
    hotter, colder = stats.norm.sf(np.sqrt(0.5)), stats.norm.cdf(-300.0 * np.exp(-4.0) / (90.0 * np.sqrt(2.0)))
    assert by["rate of temperature"] == pytest.approx(1024 * hotter, abs=10)
    assert by["temperature"] == pytest.approx(1024 * (hotter + colder), abs=10)
    assert max(by.values()) <= summary["outside"]["draws"] <= sum(by.values())
    assert "temperature field" not in by
    assert result_of(out).outside == by


def tip_nodes(folder):
    return open_history(folder / "ref" / "base").mesh.node_sets["X1"]


def test_field_quantiles_are_numpys_on_all_draws(folder, done):
    _, out = done
    model = read_model(folder / "model")
    modes = [read_modes(folder / "model", model.model_id, index) for index in range(2)]
    blocks = [read_head(path, "study-draws", "block") for path in sorted((out / "draws").glob("*.h5"))]
    rows = [block.rows[0].at(0) for block in blocks]
    for index, part in enumerate(modes):
        fields = read_head(out / "fields" / part_name(index), "study-fields", "fields")
        stress = np.concatenate([dual(part, entry, "stress", slice(None)) for entry in rows])
        u = np.concatenate([displacement(part, entry, slice(None)) for entry in rows])
        for field, values in (("stress", stress), ("u", u)):
            expected = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
            found = fields[field][0, :3, :, : values.shape[2]]
            np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(values).max())
        deviator = stress - stress[..., :3].mean(axis=-1, keepdims=True) * [1, 1, 1, 0, 0, 0]
        mises = np.sqrt(1.5 * (deviator**2 @ [1, 1, 1, 2, 2, 2]))
        np.testing.assert_allclose(fields["stress"][0, 3, :, 6], (mises > 120.0).mean(axis=0))
        np.testing.assert_allclose(fields["stress"][0, 1, :, 6], np.quantile(mises, 0.5, axis=0), rtol=1e-10)


def test_quantities_from_the_mesh_are_those_of_all_points(folder, done):
    summary, out = done
    model = read_model(folder / "model")
    parts = [read_modes(folder / "model", model.model_id, index) for index in range(2)]
    rows = read_head(out / "draws" / "draws-000000.h5", "study-draws", "block").rows[0].at(0)
    stress = merge([part.subdomain for part in parts]).join_points(
        [np.moveaxis(dual(part, rows, "stress", slice(None)), 0, 1) for part in parts]
    )
    deviator = stress - stress[..., :3].mean(axis=-1, keepdims=True) * [1, 1, 1, 0, 0, 0]
    largest = np.sqrt(1.5 * (deviator**2 @ [1, 1, 1, 2, 2, 2])).max(axis=0)
    found = columns(out)["mises max at 1"]
    np.testing.assert_allclose(found[: len(largest)], largest, rtol=1e-10)
    entry = summary["quantities"]["mises max"]
    assert (entry["source"], entry["threshold"]) == ("mesh", 125.0)
    assert entry["exceedance"] == [(found > 125.0).mean()]


def test_the_whole_mesh_is_written(done):
    _, out = done
    written = open_history(out / "quantiles.xdmf")
    assert {"stress_mises_q5", "stress_xx_q50", "stress_mises_above_120", "u_x_q95", "u_magnitude_q50"} <= set(
        written.fields
    )
    assert (written.read("u_x_q95", 0) >= written.read("u_x_q5", 0)).all()


def same(one, other) -> None:
    """Check that two studies hold the same numbers, bit for bit."""
    first, second = result_of(one), result_of(other)
    for name, entry in first.spreads.items():
        np.testing.assert_array_equal(entry.values, second.spreads[name].values)
        np.testing.assert_array_equal(entry.quantiles, second.spreads[name].quantiles)
    for path in sorted((one / "fields").iterdir()):
        with h5py.File(path) as file, h5py.File(other / "fields" / path.name) as twin:
            for key in file["fields"]:
                np.testing.assert_array_equal(file["fields"][key][()], twin["fields"][key][()])


def command(folder, out, *more: str) -> list[str]:
    code = RUN.format(root=str(Path(__file__).resolve().parents[2]))
    files = [str(path) for path in (folder / "model", folder / "study.toml", "-o", out)]
    return [sys.executable, "-c", code, "study", *files, *more]


def test_a_killed_study_goes_on_with_the_same_numbers(folder, done, tmp_path):
    out = tmp_path / "killed"
    process = subprocess.Popen(command(folder, out, "-q"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120.0
    while len(list((out / "draws").glob("draws-*.h5"))) < 3 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {path.name: path.stat().st_mtime_ns for path in (out / "draws").glob("draws-*.h5")}
    assert 0 < len(before) < 21
    assert not (out / "study.h5").exists()
    assert romtool("study", folder / "model", folder / "study.toml", "-o", out, "-q").code == 0
    after = {path.name: path.stat().st_mtime_ns for path in (out / "draws").glob("draws-*.h5")}
    assert {name: after[name] for name in before} == before  # what was done is not done again
    assert len(after) == 21
    assert list((out / "draws").glob(".*")) == []
    same(done[1], out)


def test_shares_of_a_job_array_make_the_whole(folder, done, tmp_path):
    out = tmp_path / "shares"
    first = romtool("study", folder / "model", folder / "study.toml", "-o", out, "-q", "--json", "--part", "2/2")
    assert (first.json["complete"], first.json["done"], first.json["quantities"]) == (False, 500, {})
    last = romtool("study", folder / "model", folder / "study.toml", "-o", out, "-q", "--json", "--part", "1/2")
    assert last.json["complete"]
    same(done[1], out)


def test_two_ranks_give_the_same_numbers(folder, done, tmp_path):
    out = tmp_path / "ranks"
    environment = {**os.environ, **SINGLE_THREAD, **LAUNCH_ENVIRONMENT}
    run = subprocess.run(
        [find_mpiexec(), "-n", "2", *command(folder, out, "-q")],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    same(done[1], out)


def test_a_finished_study_answers_more_draws_on_top(folder, done, tmp_path):
    out = tmp_path / "more"
    small = folder / "small.toml"
    small.write_text(STUDY.format(draws=70))
    assert romtool("study", folder / "model", small, "-o", out, "-q").code == 0
    kept = (out / "draws" / "draws-000000.h5").stat().st_mtime_ns
    assert romtool("study", folder / "model", folder / "study.toml", "-o", out, "-q").code == 0
    assert (out / "draws" / "draws-000000.h5").stat().st_mtime_ns == kept
    same(done[1], out)


def test_a_draw_is_what_solve_computes(folder, done, tmp_path):
    written = romtool("study", folder / "model", folder / "study.toml", "--draw", 17, "-o", tmp_path / "d", "--json")
    assert written.code == 0, written.err
    solved = romtool("solve", folder / "case.toml", written.json["load"], "-o", tmp_path / "ref", "-q", "--json")
    assert solved.code == 0, solved.err
    tip = solved.json["loads"][0]["quantities"]["tip"]["values"][-1]
    assert columns(done[1])["tip at 1"][17] == pytest.approx(tip, rel=1e-6)


def test_without_the_folder_numbers_of_the_modes_are_there(folder, tmp_path):
    head = tmp_path / "model.h5"
    head.write_bytes((folder / "model/model.h5").read_bytes())
    text = STUDY.format(draws=8)
    start, end = text.index('[[random]]\ntarget = "temperature"'), text.index("[output]")
    (folder / "scalar.toml").write_text(text[:start] + text[end:])
    found = romtool("study", head, folder / "scalar.toml", "-o", tmp_path / "out", "-q", "--json")
    assert found.code == 0, found.err
    assert list(found.json["quantities"]) == ["tip"]
    assert set(found.json["missing"]) == {"mises max", "stress", "u"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("loads.END", "loads.EMD", 'is not in the base load; did you mean "END"'),
        (
            '"mises max" =',
            '"mises" =',
            'thresholds: "mises" is none of its quantities and fields: tip, mises max, stress',
        ),
        ('fields = ["stress", "u"]', 'fields = ["q"]', 'the model does not give "q"'),
        ('fields = ["stress", "u"]', 'quantities = ["q"]', '"q" is not in the model; it has tip, mises max'),
        ('fields = ["stress", "u"]', 'fields = ["stress"]\nat = [2.0]', "at = 2 is outside the run from 0 to 1"),
        ("hot0.npy", "cold.npy", "cold.npy"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(folder, tmp_path, old, new, words):
    path = folder / "wrong.toml"
    path.write_text(STUDY.format(draws=8).replace(old, new))
    found = romtool("study", folder / "model", path, "-o", tmp_path / "out", "-q")
    assert found.code == 2
    assert words in found.error
    assert not (tmp_path / "out").exists()


def test_another_study_is_not_mixed_in(folder, done, tmp_path):
    path = folder / "other.toml"
    path.write_text(STUDY.format(draws=8).replace("seed = 7", "seed = 8"))
    found = romtool("study", folder / "model", path, "-o", done[1], "-q")
    assert found.code == 2
    assert "holds draws of another model, base load, seed or random input; give --overwrite" in found.error
    assert romtool("study", folder / "model", path, "-o", folder, "-q").code == 2
    assert romtool("study", folder / "model", path, "-o", folder, "-q", "--overwrite").code == 2
    assert (folder / "case.toml").exists()


def test_report_and_info_show_a_study(done, tmp_path):
    _, out = done
    page = tmp_path / "report.html"
    made = romtool("report", out, "-o", page, "-q")
    assert made.code == 0, made.err
    text = page.read_text()
    for words in ("1 024 draws".replace(" ", "\u202f", 1), "mises max exceeds", "convergence of the quantiles"):
        assert words in text
    found = romtool("info", out, "--json").json
    assert (found["kind"], found["draws"], found["complete"]) == ("study", 1024, True)


def test_the_report_follows_the_quantities_of_a_case(folder, tmp_path):
    done = romtool("online", folder / "model", folder / "loads/pulled.toml", "-o", tmp_path / "out", "-q")
    assert done.code == 0, done.err
    page = tmp_path / "report.html"
    arguments = (tmp_path / "out/pulled", folder / "ref/pulled", "-o", page, "-q", "--no-pictures")
    assert romtool("report", *arguments).code == 0
    assert "Largest values</p>" in page.read_text()
    assert "from modes" in page.read_text()


def test_a_table_is_printed(folder, tmp_path):
    (folder / "tiny.toml").write_text(STUDY.format(draws=2))
    shown = romtool("study", folder / "model", folder / "tiny.toml", "-o", tmp_path / "out")
    assert shown.code == 0, shown.err
    assert "mises max" in shown.out
    assert "of the draws may have an error above" in shown.out
    assert "draws in" in shown.err  # no bar where stderr is no terminal
    for part in (("--part", "3/2"), ("--part", "1/2", "--overwrite")):
        assert romtool("study", folder / "model", folder / "tiny.toml", "-o", tmp_path / "out", *part).code == 2
