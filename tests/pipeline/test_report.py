"""A report opens what the stages wrote, takes the right reference, and says only what was computed or recorded."""

import html
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from romtool.cli.main import main
from romtool.errors import CaseError, InputError, MissingPartError, ModelError
from romtool.fem.operators import build_operators, strain
from romtool.laws import LAWS, build_tables
from romtool.linalg.reduction import SerialComm
from romtool.loading import LoadKind, Material, Plugin
from romtool.offline.calibrate import FLOOR
from romtool.pipeline.adapt import AdaptRequest, online_adaptive
from romtool.pipeline.compare import compare
from romtool.pipeline.describe import describe
from romtool.pipeline.folders import read_head, read_mode_field, read_model, read_modes
from romtool.pipeline.offline import offline
from romtool.pipeline.online import online
from romtool.pipeline.report import FORMATS, Options, collect, write_document, write_report
from romtool.pipeline.report_facts import LOAD_QUANTITIES, law_facts
from romtool.pipeline.report_history import place_of, scalar
from romtool.pipeline.report_provenance import recorded_seconds
from romtool.pipeline.results import open_history
from romtool.pipeline.solve import solve_loads
from romtool.reduced.indicator import ELASTIC, OUTSIDE
from romtool.report import pictures
from romtool.report.build import build
from romtool.report.charts import indicator_charts
from romtool.report.document import Table
from romtool.report.figures import Chart
from romtool.report.units import Units
from romtool.report.words import duration
from tests.structures import VISCOPLASTIC, box

CASE = """
[case]
name = "bar"
units = { length = "mm", force = "N", time = "s", temperature = "degC" }
[mesh]
file = "bar.inp"
[[simulations]]
name = "train"
results = "ref/train"
[[materials]]
elements = "all"
law = "plastic"
[materials.parameters]
young = 2e5
poisson = 0.3
R0 = 100.0
H = 1e4
[[dirichlet]]
name = "left"
nodes = "X0"
components = ["x", "y", "z"]
[[dirichlet]]
name = "pull"
nodes = "X1"
components = ["x"]
value = 0.01
table = "ramp"
[[tables]]
name = "ramp"
points = [[0.0, 0.0], [1.0, 1.0]]
[time]
points = [0.0, 0.25, 0.5, 0.75, 1.0]
"""


PLAIN = Options(pictures=False)


def say(_: str) -> None:
    """Take a sentence and keep quiet."""


def write_mesh(path: Path) -> None:
    """Write a bar as a CalculiX deck with its node sets."""
    mesh = box((3, 1, 1))
    nodes = [f"{i}, {x:.6f}, {y:.6f}, {z:.6f}" for i, (x, y, z) in zip(mesh.node_ids, mesh.points, strict=True)]
    cells = mesh.blocks[0]
    elements = [
        ", ".join(map(str, (i, *mesh.node_ids[row])))
        for i, row in zip(cells.element_ids, cells.connectivity, strict=True)
    ]
    sets = [f"*NSET, NSET={name}\n" + ", ".join(map(str, mesh.node_ids[mesh.node_sets[name]])) for name in ("x0", "x1")]
    text = ["*NODE, NSET=NALL", *nodes, "*ELEMENT, TYPE=C3D8, ELSET=EALL", *elements, *sets]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
    """Leave the charts empty: what they show is tested with the page."""
    monkeypatch.setattr("romtool.report.page.draw", lambda chart, identity: f"<svg id='{identity}'></svg>")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Return a folder with case, model, results `out` and solutions `ref` of the loads train and half."""
    folder = tmp_path_factory.mktemp("chain")
    (folder / "case.toml").write_text(CASE, encoding="utf-8")
    write_mesh(folder / "bar.inp")
    (folder / "train.toml").write_text('name = "train"\n[[dirichlet]]\nname = "pull"\nscale = 1.0\n')
    (folder / "half.toml").write_text('name = "half"\n[[dirichlet]]\nname = "pull"\nscale = 0.5\n')
    loads = [folder / "train.toml", folder / "half.toml"]
    solve_loads(folder / "case.toml", loads, folder / "ref", SerialComm(), say)
    offline(folder / "case.toml", folder / "model", SerialComm(), say)
    online(folder / "model", loads, folder / "out", say)
    return folder


def text_of(path: Path) -> str:
    """Return the words of a page, without its charts and styles."""
    page = re.sub(r"<(svg|style|script).*?</\1>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page))).replace("\u202f", "")


@pytest.fixture(scope="module")
def whole(chain):
    """Return the report of everything in the chain."""
    return collect([chain / "model", chain / "out", chain / "ref"], say, options=PLAIN)


def test_solutions_are_the_references_of_the_results_with_their_name(whole):
    references = {history.label: history.reference for history in whole.histories}
    assert references == {
        "half": "half (built-in solution)",
        "train": "train (built-in solution)",
        "half (built-in solution)": "",
        "train (built-in solution)": "",
    }
    assert [model.label for model in whole.models] == ["bar"]
    assert whole.warnings == ()


def test_errors_and_extremes_are_those_of_the_fields(chain, whole):
    history, reference = whole.history("half"), whole.history("half (built-in solution)")
    ours, theirs = open_history(chain / "out" / "half"), open_history(chain / "ref" / "half")
    expected = compare(ours, theirs)
    assert {row[0]: row[1] for row in history.errors.rows} == {n: e.relative_l2 for n, e in expected.fields.items()}
    for name, e in expected.fields.items():
        np.testing.assert_array_equal(history.errors.per_time[name], e.per_time)
    for results, facts in ((ours, history), (theirs, reference)):
        found = {entry.symbol: entry for entry in facts.quantities}
        u = np.array([np.linalg.norm(results.read("u", i), axis=1) for i in range(5)])
        p = np.array([results.read("p", i)[:, 0] for i in range(5)])
        np.testing.assert_allclose(found["max |u|"].values, u.max(axis=1), rtol=1e-14)
        np.testing.assert_allclose(found["max p"].values, p.max(axis=1), rtol=1e-14)
        time, row = np.unravel_index(p.argmax(), p.shape)
        assert found["max p"].time == results.times[time]
        assert found["max p"].place == f"element {row // 8 + 1}, point {row % 8}"


def test_true_errors_are_relative_to_the_largest_reference_so_far(chain, whole):
    ours, theirs = open_history(chain / "out" / "half"), open_history(chain / "ref" / "half")
    weights, norms = np.abs(build_operators(ours.mesh).weights), read_model(chain / "model").statistics["largest_norms"]
    errors = whole.history("half").errors
    assert set(errors.causal) == {"p", "stress"}
    for field, metric in (("p", np.ones(1)), ("stress", np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0]))):
        gaps, sizes = (
            np.sqrt([np.sum(weights[:, None] * metric * values**2) for values in fields])
            for fields in (
                [ours.read(field, i) - theirs.read(field, i) for i in range(5)],
                [theirs.read(field, i) for i in range(5)],
            )
        )
        expected = gaps / np.maximum(np.maximum.accumulate(sizes), FLOOR * norms[field])
        np.testing.assert_allclose(errors.causal[field], expected, rtol=1e-10, atol=1e-15)


def test_the_indicator_of_a_result_is_what_online_stored(chain, whole):
    stored = read_head(chain / "out" / "half" / "result.h5", "result", "indications")
    facts = whole.history("half").reduced.indicator
    assert (facts.tolerance, facts.repairs, facts.outside) == (1e-2, (), ())
    for entry in facts.fields:
        found = stored[entry.field]
        np.testing.assert_array_equal(entry.elastic, found.status == ELASTIC)
        np.testing.assert_array_equal(entry.outside, found.status == OUTSIDE)
        np.testing.assert_array_equal(entry.bound, found.bound)
        np.testing.assert_array_equal(np.isnan(entry.indicator), entry.elastic)
        assert entry.n_above(0.01) == found.exceeds(0.01)[1:].sum()
    (model,) = whole.models
    assert model.parent == ""
    assert {entry.field for entry in model.calibrations} == {"p", "stress"}
    assert {row[0]: row[1:] for row in model.domain.ranges}["time step"] == (0.25, 0.25, "s")


def test_an_adapted_result_tells_its_repairs_and_its_parent(chain, tmp_path):
    request = AdaptRequest(tolerance=1e-7, max_enrichments=2)
    (answer,) = online_adaptive(chain / "model", [chain / "half.toml"], tmp_path, SerialComm(), say, request)
    page = tmp_path / "page.html"
    report = write_report([tmp_path / "half", chain / "ref" / "half"], page, say, options=PLAIN)
    history, (model,) = report.history("half"), report.models
    facts = history.reduced.indicator
    assert facts.tolerance == 1e-7
    assert [entry.step for entry in facts.repaired] == [entry.step for entry in answer.enrichments]
    assert [chart.marks for chart in indicator_charts(history, Units())] == [
        tuple(entry.time for entry in answer.enrichments)
    ] * 2
    text, parent = text_of(page), read_model(chain / "model").model_id
    assert model.parent == parent
    assert f"enriched from model {parent}" in text
    assert "2 of 4 steps were solved by the high-fidelity model" in text
    found = describe(tmp_path / "half")
    assert (found["enrichments"], found["tolerance"]) == (2, 1e-7)
    assert found["repaired_times"] == [entry.time for entry in answer.enrichments]
    assert sum(found["status"]["p"].values()) == 4
    assert describe(tmp_path / "half" / "model")["parent"] == parent


def test_info_tells_calibration_and_domain_of_a_model(chain):
    model, found = read_model(chain / "model"), describe(chain / "model")
    assert found["parent"] is None
    for field, entry in model.calibrations.items():
        assert found["calibration"][field]["n_pairs"] == len(entry.pairs)
        assert found["calibration"][field]["misfit"] == [entry.misfit[0], entry.misfit[-1]]
    assert found["domain"]["step"] == pytest.approx([0.25, 0.25])
    assert found["domain"]["n_temperature_fields"] == 0


def test_facts_of_the_model(chain, whole):
    (model,) = whole.models
    assert (model.mesh.n_nodes, model.mesh.n_elements, model.mesh.n_points) == (16, 3, 24)
    assert model.mesh.size == pytest.approx((3.0, 1.0, 1.0))
    (law,) = model.laws
    parameters = {name: (value, unit) for name, value, unit in law.parameters}
    assert law.name == "plastic"
    assert parameters["young"] == ("200000", "MPa")
    assert parameters["R0"] == ("100", "MPa")
    assert set(model.training.errors) == {"train"}
    (pull,) = model.loading.loads
    np.testing.assert_allclose(pull.high, 0.01 * np.linspace(0.0, 1.0, 5))
    assert (pull.quantity, pull.unit) == ("displacement x", "mm")
    assert whole.history("train").same_loading
    assert not whole.history("half").same_loading


def test_a_solution_of_another_load_is_no_reference_of_a_result(chain):
    report = collect([chain / "out", chain / "ref" / "train"], say, options=PLAIN)
    assert report.history("half").errors is None
    assert (
        "half",
        "no errors: train (built-in solution) answers the load 'train' of another result",
    ) in report.warnings
    alone = collect([chain / "out" / "half", chain / "ref" / "train"], say, options=PLAIN)
    assert alone.history("half").errors is not None
    assert "the errors hold the difference of the loads" in dict(alone.warnings)["half"]


def test_several_histories_without_a_name_are_no_reference(chain, tmp_path):
    other = shutil.copytree(chain / "ref" / "train", tmp_path / "other")
    report = collect([chain / "out" / "half", chain / "ref" / "train", other], say, options=PLAIN)
    assert report.history("half").reference == ""
    assert "2 other histories are on its mesh" in dict(report.warnings)["half"]
    assert [h.label for h in report.histories] == ["half", str(chain / "ref" / "train"), str(other)]


def test_page_says_what_was_recorded(chain, tmp_path):
    out = tmp_path / "page.html"
    report = write_report([chain / "out" / "half", chain / "ref" / "half"], out, say, options=PLAIN)
    text = text_of(out)
    history, reference = report.history("half"), report.history("half (built-in solution)")
    march, solve = history.seconds["march"], reference.seconds["solve"]
    assert f"half: the march of 4 steps took {duration(march)}" in text
    assert ("times faster than the recorded" in text) == (solve >= march)
    worst = max(error for _, error, _, _ in history.errors.rows)
    assert f"{100 * worst:.2g} % largest error against a reference" in text
    assert "48 components" in text
    assert report.models[0].model_id in text
    assert "speed-up" in text


def test_no_speed_up_without_recorded_seconds(chain, tmp_path):
    from romtool.pipeline.fields import write_fields

    write_fields(chain / "ref" / "half", tmp_path / "half.xdmf", (), ("u", "p"), overwrite=False)
    report = write_report([chain / "out" / "half", tmp_path / "half.xdmf"], tmp_path / "a.html", say, options=PLAIN)
    assert report.history("half").reference == "half.xdmf"
    assert "u" in report.history("half").errors.per_time
    assert "the speed-up is not known" in text_of(tmp_path / "a.html")
    assert "as fast as" not in text_of(tmp_path / "a.html")


def test_a_result_without_its_modes_has_no_fields_but_a_reason(chain, tmp_path):
    (tmp_path / "head").mkdir()
    shutil.copy(chain / "model" / "model.h5", tmp_path / "head")
    online(tmp_path / "head", [chain / "half.toml"], tmp_path / "out", say)
    report = write_report([tmp_path / "out"], tmp_path / "page.html", say)
    history = report.history("half")
    assert (history.quantities, history.mesh, history.pictures.pictures) == ((), None, ())
    assert history.reduced.coordinates.shape[0] == 5
    assert report.models[0].mesh is None
    text = text_of(tmp_path / "page.html")
    assert "subdomain-0000.h5 is not beside model.h5" in text
    assert "No picture of p, von Mises stress:" in text
    assert "largest von Mises stress" not in text


def test_pictures_have_what_they_show_or_a_reason(chain, tmp_path, monkeypatch):
    drawn = []

    def draw(mesh, values, *, path, **options):
        if values is None:
            return path.write_bytes(b"points")
        drawn.append((options["title"], options["unit"], options["view"]))
        if "|p" in options["title"]:
            raise MissingPartError("no off-screen window; install one")
        assert len(values) == (mesh.n_nodes if "temperature" in options["title"] else mesh.n_elements)
        return path.write_bytes(b"png")

    monkeypatch.setattr("romtool.pipeline.report_pictures.render", draw)
    report = collect([chain / "out" / "half", chain / "ref" / "half"], say)
    shown = report.history("half").pictures
    names = {
        "cumulated inelastic strain p": "",
        "von Mises stress": "MPa",
        "temperature, of the reference": "°C",
        "|p - p of the reference|": "",
        "|von Mises stress - that of the reference|": "MPa",
    }
    expected = [(f"time 1 s: {name}", unit, view) for name, unit in names.items() for view in ("iso", "back")]
    assert drawn == [*expected[:7], *expected[8:]]
    assert [picture.png for picture in shown.pictures] == [b"png"] * 8
    assert all("at time 1 s" in picture.alternative for picture in shown.pictures)
    (points,) = [model.points for model in report.models]
    assert [picture.png for picture in points.pictures] == [b"points"] * 2
    assert shown.missing == {"|p - p of the reference|": "no off-screen window; install one"}
    assert report.history("half (built-in solution)").pictures.pictures == ()


def test_pictures_are_drawn(chain, tmp_path, monkeypatch):
    monkeypatch.setattr("romtool.pipeline.report_pictures.VIEWS", {"back": "seen from the back"})
    pytest.importorskip("pyvista")
    try:
        pictures.load_pyvista()
    except MissingPartError as error:
        pytest.skip(str(error))
    report = write_report([chain / "out" / "half"], tmp_path / "page.html", say)
    shown = report.history("half").pictures
    if set(shown.missing) - {"temperature"}:
        pytest.skip(str(shown.missing))
    assert [picture.png[:4] for picture in shown.pictures] == [b"\x89PNG"] * 2


def test_loops_are_stress_over_strain_of_the_displacement(chain, whole):
    for label, path in (("half", chain / "out" / "half"), ("half (built-in solution)", chain / "ref" / "half")):
        results, (loop, *_) = open_history(path), whole.history(label).loops
        element, local = (int(word) for word in re.findall(r"\d+", loop.place))
        row = 8 * (element - 1) + local
        operators, c = build_operators(results.mesh), ("xx", "yy", "zz", "xy", "yz", "zx").index(loop.component)
        strains = np.array([strain(operators, results.read("u", i))[row] for i in range(5)])
        stress = np.array([results.read("stress", i)[row] for i in range(5)])
        np.testing.assert_allclose(loop.strain, strains[:, c], rtol=1e-12)
        np.testing.assert_array_equal(loop.stress, stress[:, c])
        assert np.ptp(stress, axis=0).argmax() == c
    ours, theirs = whole.history("half").loops, whole.history("half (built-in solution)").loops
    assert [loop.place for loop in ours] == [loop.place for loop in theirs]


def test_nodes_and_points_that_are_asked_for_are_followed(chain):
    options = Options(pictures=False, nodes=(16,), points=((3, 7),))
    history = collect([chain / "out" / "half"], say, options).history("half")
    results = open_history(chain / "out" / "half")
    (moved,) = [entry for entry in history.quantities if entry.symbol == "|u| of node 16"]
    np.testing.assert_array_equal(moved.values, [np.linalg.norm(results.read("u", i)[15]) for i in range(5)])
    assert [loop.place for loop in history.loops] == ["element 3, point 7"]
    for wrong, words in ((Options(False, (99,)), "--node 99"), (Options(False, (), ((3, 8),)), "--point 3,8")):
        with pytest.raises(InputError, match=words):
            collect([chain / "out" / "half"], say, wrong)


def test_only_the_fields_that_are_shown_are_read(chain, monkeypatch):
    asked = []

    def watched(path, model_id, index, field):
        asked.append(field)
        return read_mode_field(path, model_id, index, field)

    monkeypatch.setattr("romtool.pipeline.results.read_mode_field", watched)
    collect([chain / "model"], say, PLAIN)
    assert asked == []
    model = read_model(chain / "model")
    duals = {**model.duals, "alpha": model.duals["p"]}  # a field that no report shows
    face = replace(model, duals=duals)
    monkeypatch.setattr("romtool.pipeline.results.read_model", lambda *_: face)
    collect([chain / "out" / "half"], say, PLAIN)
    assert sorted(asked) == ["p", "stress", "u"]


def test_a_model_alone_reads_its_mesh_and_no_modes(chain, monkeypatch):
    read, whole = set(), h5py.Dataset.__getitem__

    def watched(dataset, key, *rest):
        if Path(dataset.file.filename).name.startswith("subdomain"):
            read.add(dataset.name.split("/")[2])
        return whole(dataset, key, *rest)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    collect([chain / "model"], say, PLAIN)
    assert read == {"subdomain"}
    read_modes(chain / "model", read_model(chain / "model").model_id, 0)
    assert read == {"subdomain", "displacement", "lifting", "duals"}


def test_two_models_or_results_are_put_side_by_side(chain, tmp_path):
    shutil.copytree(chain / "model", tmp_path / "other")
    changed = (chain / "case.toml").read_text(encoding="utf-8") + "[quadrature]\ntolerance = 0.01\n"
    (chain / "coarse.toml").write_text(changed, encoding="utf-8")
    offline(chain / "coarse.toml", tmp_path / "coarse", SerialComm(), say)
    online(tmp_path / "coarse", [chain / "half.toml"], tmp_path / "out", say)
    report = collect([chain / "model", tmp_path / "coarse", chain / "out" / "half", tmp_path / "out"], say, PLAIN)
    sections = {section.key: section for section in build(report).sections}
    (table,) = [block for block in sections["models"].blocks if isinstance(block, Table)]
    rows = {row[0]: row[1:] for row in table.rows}
    fine, coarse = (read_model(path) for path in (chain / "model", tmp_path / "coarse"))
    one, other, difference = rows["reduced points with weight"]
    assert (one.value, other.value) == (fine.n_active, coarse.n_active)
    assert difference == pytest.approx((coarse.n_active - fine.n_active) / fine.n_active)
    charts = {block.title: block for block in sections["models"].blocks if isinstance(block, Chart)}
    assert len(charts["Singular values of u"].lines) == len(charts["Convergence of the quadratures"].lines) == 2
    expected = compare(open_history(tmp_path / "out"), open_history(chain / "out" / "half"))
    assert {row[0]: row[1] for row in report.differences.rows} == {n: e.relative_l2 for n, e in expected.fields.items()}
    overlaid = [block for block in sections["histories"].blocks if isinstance(block, Chart)]
    assert {len(chart.lines) for chart in overlaid if chart.title.startswith("Largest")} == {2}


def test_a_solver_tells_its_seconds_beside_its_results(tmp_path):
    (tmp_path / "a.frd").touch()
    assert recorded_seconds(tmp_path / "a.frd") == {}
    (tmp_path / "a.log").write_text("x\n" * 100_000 + " Total CalculiX Time: 21.653756\n", encoding="utf-8")
    assert recorded_seconds(tmp_path / "a.frd") == {"solve": 21.653756}
    (tmp_path / "b.msg").write_bytes(b"\xff WALLCLOCK TIME (SEC) =       42\n")
    assert recorded_seconds(tmp_path / "b.odb") == {"solve": 42.0}
    assert recorded_seconds(tmp_path) == {}


def test_all_formats_have_the_same_content(whole, tmp_path):
    for form in FORMATS:
        write_document(build(whole), tmp_path / form, form)
    machine = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    words = re.sub(r"\\(.)", r"\1", html.unescape((tmp_path / "md").read_text(encoding="utf-8")))
    texts = [re.sub(r"\s+", " ", text) for text in (text_of(tmp_path / "html"), words)]
    expected = [machine["verdict"]["text"], *machine["verdict"]["limits"], *machine["summary"]]
    for section in machine["sections"]:
        for block in (section, *section["blocks"]):
            expected += [block.get(key, "") for key in ("title", "caption", "text", "note")]
            expected += [column["name"] for column in block.get("columns", ())]
    assert len(expected) > 100
    for wanted in expected:
        assert all(re.sub(r"\s+", " ", wanted) in text for text in texts), wanted
    glance = next(section for section in machine["sections"] if section["key"] == "glance")["blocks"][0]
    assert [row[11] for row in glance["rows"]] == [
        max((row[1] for row in history.errors.rows), default=None) if history.errors else None
        for history in whole.histories
    ]


def test_existing_pages_and_wrong_paths(chain, tmp_path):
    out = tmp_path / "page.html"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(CaseError, match=r"page\.html exists; give --overwrite"):
        write_report([chain / "model"], out, say)
    with pytest.raises(CaseError, match="give a file name to -o"):
        write_report([chain / "model"], tmp_path, say, overwrite=True)
    with pytest.raises(ModelError, match="no model, result or solution here"):
        write_report([tmp_path], out, say, overwrite=True)
    with pytest.raises(ModelError, match="is a dataset"):
        write_report([chain / "dataset"], out, say, overwrite=True)
    with pytest.raises(ModelError, match="holds no times"):
        write_report([chain / "bar.inp"], out, say, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]
    assert out.read_text(encoding="utf-8") == "mine"


def test_command(chain, tmp_path, capsys):
    out = tmp_path / "page.html"
    arguments = ["report", str(chain / "model"), "-o", str(out), "--no-pictures"]
    codes = []
    for extra in ([], [], ["--overwrite"]):
        with pytest.raises(SystemExit) as end:
            main([*arguments, *extra])
        codes.append(end.value.code)
    assert codes == [0, 2, 0]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"romtool: error: {out} exists; give --overwrite or another -o" in printed.err
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_command_line_chooses_format_nodes_and_points(chain, tmp_path, capsys):
    result, out = str(chain / "out" / "half"), tmp_path / "report.json"
    chosen = ["--format", "json", "--no-pictures", "--node", "16", "--point", "3,7", "-q"]
    with pytest.raises(SystemExit) as end:
        main(["report", result, "-o", str(out), *chosen])
    assert end.value.code == 0
    text = out.read_text(encoding="utf-8")
    assert "displacement of node 16" in text
    assert "Stress and strain at element 3, point 7" in text
    assert str(json.loads(text)["version"]) in text
    for wrong, words in ((["--point", "3"], "'3' is no integration point"), (["--node", "99"], "no such node")):
        with pytest.raises(SystemExit) as end:
            main(["report", result, "-o", str(tmp_path / "no"), "--no-pictures", "-q", *wrong])
        assert end.value.code == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("name", list(LAWS))
def test_laws_are_told_from_their_tables(name):
    values = {"young": 2e5, "poisson": 0.3, "K": 300.0, "n": 5.0, "A": 1e-12, "m": -0.5, "R0": 10.0, "r0": 20.0}
    values |= dict.fromkeys(("c11", "E1", "E2", "E3", "G12", "G23", "G13"), 100000.0) | {"c12": 5e4, "c44": 4e4}
    law = LAWS[name]
    keys = [*law.required, *(("R0",) if law.yields else ()), *next(iter(law.alternatives), ())]
    parameters = {key: values.get(key, 0.3) for key in keys}
    plugin = Plugin("x.so", "f") if name in ("umat", "mgis") else None
    stiff = next((key for key in ("young", "c11", "E1") if key in keys), "expansion")
    parameters[stiff] = [[20.0, 2e5], [500.0, 1.5e5]]
    material = Material("all", name, parameters, plugin=plugin)
    (told,) = law_facts(build_tables([material]), [7], Units("mm", "N", "s", "degC"))
    rows = {key: (value, unit) for key, value, unit in told.parameters}
    assert (told.name, told.n_sampled) == (name, 7)
    assert set(rows) - {"reference temperature"} == {*keys, stiff}
    assert rows[stiff][0] == "200000 at 20 °C … 150000 at 500 °C (2 temperatures)"
    assert rows[stiff][1] == ("MPa" if keys else "1/°C")


def test_kinematic_terms_and_curves_are_told():
    both = [
        Material("all", "viscoplastic_norton_af", VISCOPLASTIC),
        Material("all", "plastic", {"young": 1.0, "poisson": 0.0, "hardening": [[0.0, 5.0], [0.1, 7.0]]}),
    ]
    first, second = (dict(row[:2] for row in law.parameters) for law in law_facts(build_tables(both), [3, 4], Units()))
    assert (first["C1"], first["D1"], first["expansion"]) == ("100000", "1000", "2e-05")
    assert second["hardening"] == "5 at p = 0 … 7 at p = 0.1 (2 points)"
    assert "R0" not in second


def test_every_kind_of_load_has_a_quantity():
    assert set(LOAD_QUANTITIES) == set(LoadKind.__args__)


def test_places_and_scalars():
    mesh = box((3, 1, 1))
    assert place_of(mesh, "point", 17) == "element 3, point 1"
    assert place_of(mesh, "node", 4) == "node 5"
    assert place_of(mesh, "element", 2) == "element 3"
    np.testing.assert_allclose(scalar("stress", np.array([[5.0, 0, 0, 0, 0, 0]])), [5.0])
    np.testing.assert_allclose(scalar("u", np.array([[3.0, 4.0, 0.0]])), [5.0])
    np.testing.assert_allclose(scalar("p", np.array([[2.0]])), [2.0])
