"""`romtool life` on a small case: against an independent evaluation of the same fields, and what it tells."""

import csv

import numpy as np
import pytest
from scipy.optimize import brentq

import romtool as romtool_package
from romtool.pipeline.life_output import read_life_result
from romtool.pipeline.results import open_history
from tests.cli.small_case import romtool

LOAD = """name = "{name}"
[[tables]]
name = "END"
points = [[0.0, 0.0], [1.0, {top}], [2.0, 0.0]]
cycles = {cycles}
[time]
points = [0.0, 0.5, 1.0, 1.5, 2.0]
[temperature]
initial = 20.0
entries = [
  {{ time = 0.0, value = 20.0 }},
  {{ time = 1.0, expression = "20+280*exp(-4*y**2)" }},
  {{ time = 2.0, value = 20.0 }},
]
"""
PARAMETERS = """[models.parameters]
young = [[20.0, 2e5], [400.0, 1.8e5]]
sigma_f = 900.0
b = -0.09
epsilon_f = 0.5
c = -0.6
"""
LIFE = f'[[models]]\nlaw = "morrow"\n{PARAMETERS}'


@pytest.fixture
def files(case_folder):
    (case_folder / "cyclic.toml").write_text(LOAD.format(name="cyclic", top=-120.0, cycles=2))
    (case_folder / "life.toml").write_text(LIFE)
    return case_folder


def mises(tensor):
    deviator = tensor - np.trace(tensor) / 3.0 * np.eye(3)
    return np.sqrt(1.5 * np.sum(deviator * deviator))


def matrices(values):
    return values[..., [[0, 3, 5], [3, 1, 4], [5, 4, 2]]]


def morrow(strains, stresses, hottest):
    """Cycles to failure of one point from (n_times, 3, 3) mechanical strains and stresses."""
    half = max(mises(b - a) / 3.0 for a in strains for b in strains)  # half of 2/3 of sqrt(3/2 e:e)
    signed = [np.sign(np.trace(s)) * mises(s) for s in stresses]
    left, young = 900.0 - 0.5 * (max(signed) + min(signed)), np.interp(hottest, [20.0, 400.0], [2e5, 1.8e5])
    return np.exp(
        brentq(lambda x: left / young * (2 * np.exp(x)) ** -0.09 + 0.5 * (2 * np.exp(x)) ** -0.6 - half, -20, 300)
    )


def independent(history, rows, heat):
    """Cycles to failure of every integration point: fields as `compare` reads them, laws of the deck by hand."""
    stress = np.array([matrices(history.read("stress", i)) for i in rows])
    total = np.array([matrices(history.read("strain", i)) for i in rows])
    connectivity = history.mesh.blocks[0].connectivity
    at_points = np.array([np.repeat(field[connectivity].mean(axis=1), 8) for field in heat])  # C3D8: mean of the nodes
    strain = total - 1e-5 * (at_points - 20.0)[:, :, None, None] * np.eye(3)
    return np.array([morrow(strain[:, k], stress[:, k], at_points[:, k].max()) for k in range(stress.shape[1])])


def test_lives_of_a_solution_are_those_of_its_fields(files, tmp_path):
    done = romtool("solve", files / "case.toml", files / "cyclic.toml", "-o", files / "lives", "-q")
    assert done.code == 0, done.err
    done = romtool("life", files / "lives" / "cyclic", files / "life.toml", "-o", tmp_path / "life", "--json")
    assert done.code == 0, done.err
    history = open_history(files / "lives" / "cyclic")
    rows = [i for i, time in enumerate(history.times) if time >= 2.0]
    exact = independent(history, rows, [history.read("T", i)[:, 0] for i in rows])
    found = read_life_result(tmp_path / "life")
    assert np.abs(found.lives.values["cycles_to_failure"] / exact - 1.0).max() < 1e-9
    document = done.json
    assert document["cycles"] == [[0.0, 2.0], [2.0, 4.0]]
    assert document["stabilised"] is False
    assert document["cycles_to_failure"] == pytest.approx(exact.min(), rel=1e-9)
    worst = document["critical"][0]
    assert (worst["element"], worst["point"]) == (exact.argmin() // 8 + 1, exact.argmin() % 8)
    with (tmp_path / "life" / "critical.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 10
    assert float(table[0]["cycles_to_failure"]) == worst["cycles_to_failure"]
    told = romtool("info", tmp_path / "life", "--json").json
    assert (told["kind"], told["cycles_to_failure"]) == ("life", document["cycles_to_failure"])
    assert "critical spots" in romtool("info", tmp_path / "life").out.splitlines()
    viewed = open_history(tmp_path / "life" / "life.vtu")
    by_element = viewed.read("cycles_to_failure", 0)[:, 0]
    assert np.allclose(by_element, exact.reshape(-1, 8).min(axis=1), rtol=1e-9)


def test_lives_of_an_online_result_are_those_of_its_reconstructed_fields(files):
    done = romtool("online", files / "model", files / "cyclic.toml", "-o", files / "out", "-q")
    assert done.code == 0, done.err
    done = romtool("life", files / "out" / "cyclic", files / "life.toml", "-q")
    assert done.code == 0, done.err
    assert "not stabilised" in done.out
    found = read_life_result(files / "out" / "cyclic" / "life" / "life").lives
    history = open_history(files / "out" / "cyclic")
    rows = [i for i, time in enumerate(history.times) if time >= 2.0]
    largest = found.values["max_stress"]
    values = np.array([history.read("stress", i) for i in rows])
    signed = np.sign(values[..., :3].sum(axis=-1)) * np.array([[mises(s) for s in row] for row in matrices(values)])
    assert np.allclose(largest, signed.max(axis=0), rtol=1e-12)
    heat = 20.0 + 280.0 * np.exp(-4.0 * history.mesh.points[:, 1] ** 2)
    at_points = np.repeat(heat[history.mesh.blocks[0].connectivity].mean(axis=1), 8)
    assert np.allclose(found.values["max_temperature"], at_points, rtol=1e-12)
    again = romtool("life", files / "out" / "cyclic", files / "life.toml", "-q")
    assert again.code == 2
    assert "exists; give --overwrite" in again.error


def test_a_temperature_that_is_new_to_the_model_needs_its_load_file(files):
    load = files / "field.toml"
    history = open_history(files / "ref" / "base")
    rows = np.column_stack([history.mesh.node_ids, 20.0 + 100.0 * history.mesh.points[:, 0] ** 3])
    np.savetxt(files / "field.csv", rows, delimiter=",", header="node,T", comments="")
    load.write_text(
        'name = "field"\n[temperature]\ninitial = 20.0\n'
        'entries = [{ time = 0.0, value = 20.0 }, { time = 1.0, field = "field.csv", name = "T" }]\n'
    )
    done = romtool("online", files / "model", load, "-o", files / "out", "-q")
    assert done.code == 0, done.err
    refused = romtool("life", files / "out" / "field", files / "life.toml")
    assert refused.code == 2
    assert "give the load file that was answered: --load LOAD.toml" in refused.error
    other = romtool("life", files / "out" / "field", files / "life.toml", "--load", files / "cyclic.toml")
    assert "cyclic.toml has another temperature than the result" in other.error
    done = romtool("life", files / "out" / "field", files / "life.toml", "--load", load, "--json")
    assert done.code == 0, done.err
    at = 20.0 + 100.0 * np.mean([(2.0**3), 3.0**3])  # mean of the nodes of the last elements
    assert done.json["sets"]["all"]["max_temperature"] == pytest.approx(at, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LIFE.replace("morrow", "morow"), 'no lifetime model "morow"; did you mean "morrow"'),
        (LIFE.replace("young", "jung"), 'no parameter "jung"; did you mean "young"'),
        (LIFE + '[measure]\nstrain = "miss"\n', '[measure] has strain = "miss"; expected "difference"'),
        (LIFE + "[cycle]\nstart = 1.0\n", '[cycle] has one of "start" and "end"'),
        (LIFE + "[cycle]\nstart = 0.1\nend = 1.0\n", "begins or ends at 0.1, which is no time of the run"),
        (LIFE.replace('law = "morrow"', 'law = "morrow"\nelements = "EAL"'), "element set 'EAL' is not in the mesh"),
        (LIFE + LIFE, "two models of fatigue act on the same elements"),
        (LIFE + "[summ]\n", 'has no key or table "summ"; did you mean "sum"'),
        ("models = []\n", "has models = []; give one [[models]] or more"),
    ],
)
def test_wrong_life_files_are_told(files, text, message):
    (files / "life.toml").write_text(text)
    done = romtool("life", files / "ref" / "base", files / "life.toml")
    assert done.code == 2
    assert message in done.error
    assert not (files / "ref" / "base" / "life").exists()


STUDY = """name = "lives"
draws = 12
base = "cyclic.toml"
[[random]]
target = "tables.END.scale"
distribution = { name = "norm", loc = 1.0, scale = 0.05 }
[output]
life = "life.toml"
quantiles = [0.1, 0.5]
thresholds = { "cycles to failure" = 3.8e6 }
"""


def test_a_study_gives_the_distribution_of_lives_at_reduced_points(files):
    (files / "study.toml").write_text(STUDY)
    done = romtool("study", files / "model", files / "study.toml", "-o", files / "study", "--json", "-q")
    assert done.code == 0, done.err
    entry = done.json["quantities"]["cycles to failure"]
    assert entry["source"] == "reduced points"
    with (files / "study" / "draws.csv").open() as file:
        table = list(csv.DictReader(file))
    lives = np.array([float(row["cycles to failure at 4"]) for row in table])
    assert entry["quantiles"]["0.5"] == [pytest.approx(np.median(lives), rel=1e-12)]
    assert entry["below"] == [pytest.approx((lives <= 3.8e6).mean())]
    assert 0.0 < entry["below"][0] < 1.0, lives
    model = romtool_package.load(files / "model")
    for number in (0, 7):
        factor = float(table[number]["tables.END.scale"])
        points = {"name": "END", "points": [[0.0, 0.0], [1.0, -120.0 * factor], [2.0, 0.0]], "cycles": 2}
        times, heat = [0.0, 0.5, 1.0, 1.5, 2.0], [20.0, 160.0, 300.0, 160.0, 20.0]
        whole = "20+280*exp(-4*y**2)"
        entries = [{"time": 0.0, "value": 20.0}, {"time": 1.0, "expression": whole}, {"time": 2.0, "value": 20.0}]
        load = romtool_package.Load(
            "one", tables=[points], times=times, temperature={"initial": 20.0, "entries": entries}
        )
        result = model.march(load)
        reduced, rows = result.run.model, result.times >= 2.0
        shape = np.exp(-4.0 * reduced.thermal.points[:, 1] ** 2)
        at_points = np.array([reduced.thermal.operator @ (20.0 + (top - 20.0) * shape) for top in heat])
        strain = matrices(np.tensordot(result.coordinates[rows], reduced.strain_modes, axes=(1, 2)))
        strain = strain - 1e-5 * (at_points - 20.0)[:, :, None, None] * np.eye(3)
        stress = matrices(result.samples["stress"][rows])
        exact = min(morrow(strain[:, k], stress[:, k], at_points[:, k].max()) for k in range(stress.shape[1]))
        assert lives[number] == pytest.approx(exact, rel=1e-6)


def test_lives_from_python_are_those_of_the_command(files):
    model = romtool_package.load(files / "model")
    found = model.march(files / "cyclic.toml").life(files / "life.toml")
    assert romtool("online", files / "model", files / "cyclic.toml", "-o", files / "out", "-q").code == 0
    told = romtool("life", files / "out" / "cyclic", files / "life.toml", "--json", "-q")
    assert found.minimum == pytest.approx(told.json["cycles_to_failure"], rel=1e-9)
    assert found.points == "integration points"


def test_lives_of_solver_files_at_their_nodes(files, tmp_path):
    path = tmp_path / "x.frd"
    assert romtool("fields", files / "ref" / "base", "-o", path).code == 0
    refused = romtool("life", path, files / "life.toml")
    assert "strain_nodal is the total strain and there is a temperature; give [thermal]" in refused.error
    (files / "life.toml").write_text(LIFE + "[thermal]\nexpansion = 1e-5\nreference_temperature = 20.0\n")
    done = romtool("life", path, files / "life.toml", "-o", tmp_path / "life", "--json")
    assert done.code == 0, done.err
    assert "the run is one cycle" in done.err
    assert done.json["stabilised"] is None
    history, found = open_history(path), read_life_result(tmp_path / "life")
    assert found.points == "nodes"
    assert np.array_equal(found.lives.ids[:, 0], history.mesh.node_ids)
    rows = range(len(history.times))
    heat = np.nan_to_num(np.array([history.read("T", i)[:, 0] for i in rows]))
    total = matrices(np.array([history.read("strain_nodal", i) for i in rows]))
    strain = total - 1e-5 * (heat - 20.0)[:, :, None, None] * np.eye(3)
    stress = matrices(np.array([history.read("stress_nodal", i) for i in rows]))
    exact = [morrow(strain[:, k], stress[:, k], heat[:, k].max()) for k in range(stress.shape[1])]
    assert np.allclose(found.lives.values["cycles_to_failure"], exact, rtol=1e-9)
