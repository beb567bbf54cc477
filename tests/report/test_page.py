"""The page of a report: one file without network, every text escaped, every image with words, true in its numbers."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from romtool.report import charts, words
from romtool.report.build import build
from romtool.report.content import (
    ErrorFacts,
    HistoryFacts,
    LawFacts,
    LoadFacts,
    LoadingFacts,
    MeshFacts,
    ModelFacts,
    PictureSet,
    Quantity,
    ReducedFacts,
    Report,
    Spectrum,
    TrainingFacts,
)
from romtool.report.document import Column, Extra, Picture, Section, Table, Text, Tile, Value
from romtool.report.figures import Chart, Line, describe, draw
from romtool.report.indication import CalibrationFacts, DomainFacts, FieldIndication, IndicatorFacts, RepairFacts
from romtool.report.judgement import indicator_rows
from romtool.report.machine import to_json
from romtool.report.markdown import to_markdown
from romtool.report.page import to_html
from romtool.report.units import Units

NASTY = "<b>bold</b><script>alert(1)</script> & $x_1$ \"q\" 'a' _é | `c` -->"
TIMES = np.linspace(0.0, 2.0, 5)
VOID = {"meta", "img", "br", "link", "input"}


class Elements(HTMLParser):
    """Collects tags, checks that they close, and keeps the text outside of style sheets."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data


def parse(text):
    elements = Elements()
    elements.feed(text)
    elements.close()
    assert elements.open == []
    return elements


def loading(name=NASTY):
    low, high = TIMES * -1.0, TIMES * 2.0
    loads = (LoadFacts(name, "pressure", name, name, "pressure", NASTY, low, high),)
    return LoadingFacts(name, TIMES, loads, (f"{name}: x = 0",), np.array([TIMES, TIMES + 1.0]), "all nodes")


def model(label=NASTY, **training):
    facts = {
        "n_modes": 2,
        "n_points": 3,
        "n_sampled": 5,
        "n_points_full": 24,
        "n_nodes": 16,
        "pod_error": 1e-5,
        "quadrature_error": 2e-5,
        "volume_error": 3e-7,
        "spectra": (Spectrum("u", np.array([1.0, 0.1, 0.0]), 2), Spectrum("p", np.array([2.0]), 1)),
        "zero_fields": (NASTY,),
        "unbalance": {NASTY: np.array([1e-7, 0.0]), "b": np.array([1e-6])},
        "errors": {NASTY: {"u": 0.001, "p": 0.02}, "b": {"u": 0.01, "p": 0.0}},
        "settings": {"pod": NASTY},
        "coordinate_unit": "mm^2.5",
    }
    sets = {NASTY: 4, **{f"set{i}": i for i in range(70)}}
    mesh = MeshFacts(16, 3, 24, {"hexahedron": 3}, ("hex8",), sets, {}, {}, (3.0, 1.0, 1.0))
    law = LawFacts("plastic", NASTY, (("young", "200000", "MPa"),), 5)
    grid = np.array([1e-4, 1e-1])
    calibration = CalibrationFacts(NASTY, grid, 2.0 * grid, 4.0 * grid, np.column_stack([grid, 2.0 * grid]))
    domain = DomainFacts(((NASTY, 0.0, 300.0, "°C"),), 2)
    return ModelFacts(
        label,
        "id<0>",
        NASTY,
        mesh,
        (law,),
        loading(),
        TrainingFacts(**facts | training),
        (calibration,),
        domain,
        {"pod": 0.3, "x": 0.1},
    )


def indicator(tolerance=0.05):
    """Return what is known of p: elastic, two calibrated steps, one repaired beyond the calibration, one above."""
    nothing, beyond = np.array([True, True, False, False, False]), np.array([False, False, False, True, False])
    misfit = np.array([np.nan, np.nan, 0.01, 0.02, 0.03])
    p = FieldIndication("p", misfit, 2.0 * misfit, 4.0 * misfit, nothing, beyond)
    elastic = FieldIndication(NASTY, *np.full((3, 5), np.nan), np.full(5, True), np.full(5, False))
    repairs = (
        RepairFacts(0, 0.0, {}, {}, {}, 3, 4, 0, 0.25),
        RepairFacts(3, 1.5, {"p": np.array([0.2, 0.02])}, {"p": np.array([0.7, 0.08])}, {"p": 0.3}, 4, 6, 9, 1.5),
    )
    return IndicatorFacts(tolerance, (NASTY,), (p, elastic), repairs)


def quantity(values, symbol="max p", place="element 1, point 0"):
    top = int(np.nanargmax(values))
    return Quantity("largest von Mises stress", symbol, "MPa", "point", TIMES, values, TIMES[top], place)


def solution(label="ref"):
    return HistoryFacts(
        label, "built-in solution", None, TIMES, (quantity(TIMES * 4.0),), None, False, None, {"solve": 5.0}
    )


def result(label=NASTY, reference="ref", **changes):
    reduced = ReducedFacts("id<0>", np.ones((5, 8)), NASTY, indicator(), np.arange(5), np.array([0, 0, 2, 0, 0]), 12)
    rows = (("u", 0.01, 0.02, 0.3), ("p", None, None, 0.0))
    causal = {"p": np.array([0.0, 0.0, 0.03, 0.09, 0.1])}
    errors = ErrorFacts(TIMES, rows, {"u": TIMES * 0.005, "p": TIMES * 0.0}, causal, {NASTY: "only there"})
    facts = {
        "mesh": None,
        "times": TIMES,
        "quantities": (quantity(TIMES * 3.0),),
        "loading": loading(),
        "same_loading": False,
        "reduced": reduced,
        "seconds": {"load": 0.5, "march": 0.01},
        "reference": reference,
        "errors": errors if reference else None,
        "pictures": PictureSet(NASTY, (Picture(b"\x89PNG", NASTY),), {NASTY: NASTY}),
    }
    return HistoryFacts(label, "online result", **facts | changes)


def report(models=(), histories=(), warnings=()):
    units = Units("mm", "N", "s", "degC")
    provenance = ((NASTY, (("path", NASTY),)),)
    return Report(NASTY, units, models, histories, provenance, warnings, "2020-02-02", "1.2.3")


def page(shown):
    return to_html(build(shown))


@pytest.fixture(scope="module")
def full():
    return page(report((model(),), (result(), solution()), ((NASTY, NASTY),)))


def test_names_stay_text(full):
    elements = parse(full)
    assert "b" not in {tag for tag, _ in elements.tags}
    assert "<b>bold" not in full
    assert f"{NASTY} · romtool report" in elements.text
    assert elements.text.count(NASTY) > 20


def test_nothing_is_loaded_and_only_the_sorting_runs(full):
    elements = parse(full)
    assert {tag for tag, _ in elements.tags} & {"link", "iframe", "object", "image"} == set()
    (script,) = re.findall(r"<script>(.*?)</script>", full, flags=re.DOTALL)
    policy = next(a["content"] for tag, a in elements.tags if tag == "meta" and "http-equiv" in a)
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?:|//\w+\.\w|@import|url\((?!#)", full)
    sources = [attributes["src"] for _, attributes in elements.tags if "src" in attributes]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    targets = [attributes["href"] for _, attributes in elements.tags if "href" in attributes]
    assert all(target.startswith("#") for target in targets)
    assert not [key for _, attributes in elements.tags for key in attributes if key.startswith("on")]


def test_images_have_words(full):
    elements = parse(full)
    images = [attributes for tag, attributes in elements.tags if tag == "img"]
    charts = [attributes for tag, attributes in elements.tags if tag == "svg"]
    assert images[0]["alt"] == NASTY
    assert len(charts) >= 9
    assert all(chart["role"] == "img" and len(chart["aria-label"]) > 20 for chart in charts)


def test_ids_are_unique_and_links_reach_them(full):
    elements = parse(full)
    ids = [attributes["id"] for _, attributes in elements.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for _, attributes in elements.tags if "href" in attributes}
    assert targets <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", full)) <= set(ids)


def test_colours_are_those_of_the_style_sheet(full):
    charts = "".join(re.findall(r"<svg.*?</svg>", full, flags=re.DOTALL))
    assert set(re.findall(r"#[0-9a-fA-F]{6}", charts)) <= {"#000000"}  # the default of markers, which are restyled
    defined = set(re.findall(r"(--[\w-]+):", full))
    assert set(re.findall(r"var\((--[\w-]+)\)", full)) <= defined
    assert "prefers-color-scheme: dark" in full
    assert "@media print" in full


def test_numbers_are_those_of_the_facts(full):
    text = re.sub(r"\s+", " ", parse(full).text)
    for expected in (
        "2 displacement modes of 48 components",
        "3 reduced integration points of 24",
        f"2 % training error p, simulation {NASTY}",
        f"1 % largest error against a reference u, {NASTY}",
        "10 ms online march 4 steps",
        "500× speed-up",
        "500 times faster than the recorded 5 s of the built-in solver",
        "(1 in 8), and 2 points more for the reconstruction of fields",
        "relative error 1 % in u.",
        "largest von Mises stress 6 MPa at time 2 s (element 1, point 0); the reference has 8 MPa",
        "steps halved up to 2 times",
        "… and 11 more",
        "−25 %",
        "1 warning below",
    ):
        assert expected in text, expected


def test_the_error_indicator_is_told_in_a_row_per_field(full):
    p, elastic = indicator_rows(result())
    assert (p.counts, p.n_above, p.time) == ((1, 2, 1), 2, 2.0)
    assert (p.expected, p.bound, p.error) == pytest.approx((0.06, 0.12, 0.1))
    assert (p.n_held, p.n_known) == (2, 3)
    assert (elastic.counts, elastic.n_above, elastic.bound, elastic.error) == ((4, 0, 0), 0, None, None)
    assert indicator_rows(solution()) == []
    spaced = re.sub(r"<(svg|style).*?</\1>", "", full.replace("<td", " <td").replace("<th", " <th"), flags=re.DOTALL)
    text = re.sub(r"\s+", " ", parse(spaced).text)
    for expected in (
        f"Outside the training: {NASTY}.",
        "p 1 2 1 2 6 % 12 % 2 10 % 2 of 3",
        "Above the tolerance of 5 %",
        "3 1.5 0.2 → 0.02 0.7 → 0.08 0.3",
        "4 6 9 1.5 s",
        "before the run",
        "the error of p is not known at 1 of 4 steps, which are outside the calibration",
        "1 of 4 steps were solved by the high-fidelity model",
        "12 % largest 95 % error bound",
        f"Enriched from model {NASTY}",
        "2 0.0001 … 0.1 0.0002 … 0.2 0.0004 … 0.4",
        "The temperature fields of the training span 2 independent changes",
    ):
        assert expected in text, expected


def test_charts_of_the_indicator_show_repairs_tolerance_and_true_error():
    p, elastic = charts.indicator_charts(result(), Units(time="s"))
    lines = {line.label: line for line in p.lines}
    assert set(lines) == {
        *("expected error to 95 % bound", "indicator", "tolerance 0.05", "true error"),
        *("outside the calibration", "bound before the repair"),
    }
    assert (p.marks, elastic.marks) == ((1.5,), (1.5,))
    np.testing.assert_allclose(lines["outside the calibration"].y, [0.08])
    np.testing.assert_allclose(lines["bound before the repair"].y, [0.7])
    np.testing.assert_allclose(lines["true error"].y, [0.0, 0.0, 0.03, 0.09, 0.1])
    assert "true error" not in {line.label for line in elastic.lines}
    assert charts.indicator_charts(solution(), Units()) == ()


def test_a_calibration_of_many_pairs_is_thinned_out_over_the_misfit():
    misfit = np.geomspace(1e-6, 1.0, 2000)[::-1]
    facts = CalibrationFacts("p", misfit[[-1, 0]], np.ones(2), np.ones(2), np.column_stack([misfit, misfit]))
    (chart,) = charts.calibration_charts((facts,))
    shown = chart.lines[0].x
    assert len(shown) == charts.MOST_PAIRS
    assert (shown[0], shown[-1]) == (misfit[-1], misfit[0])
    assert chart.note == "500 of 2000 pairs are shown."
    assert "pairs of the calibration: 500 points between 1e-06 and 1" in describe(chart)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the charts of a page empty, where only its words matter."""
    monkeypatch.setattr("romtool.report.page.draw", lambda chart, identity: f"<svg id='{identity}'></svg>")


@pytest.mark.usefixtures("undrawn")
def test_what_was_not_recorded_is_not_said():
    histories = (result("a", "", seconds={}), result("b", "solver", seconds={"march": 1.0}), solution("solver"))
    bare = page(report((model(errors={}, unbalance={}),), (*histories[:2], solver_files())))
    text = parse(bare).text
    assert "No time of a full computation is recorded, so the speed-up is not known." in text
    assert not re.search(r"\d×", text)
    assert "training error" not in text
    assert "Errors on the training were not recorded." in text
    assert "Unbalance" not in text
    assert "1 s online march" in re.sub(r"\s+", " ", text)
    assert "warning" not in text
    empty = parse(page(report((), (solver_files(),)))).text
    assert "No reduced model and no online result: solver (solver files)." in empty
    assert "Cost" not in empty


def solver_files():
    return HistoryFacts("solver", "solver files", None, TIMES, (quantity(TIMES),), None, False, None, {})


@pytest.mark.usefixtures("undrawn")
def test_many_results_are_told_together():
    histories = tuple(result(f"r{i}", "ref", loading=None, quantities=()) for i in range(4))
    text = parse(page(report((), (*histories, solution())))).text
    assert "4 online results; each is in the table below." in text
    assert "Of the 4 with a reference, r0 is farthest off: 1 % in u." in text


def test_charts_leave_no_trace_in_matplotlib():
    import matplotlib

    before = dict(matplotlib.rcParams)
    chart = Chart("t", "x [s]", "y", (Line("a", TIMES, TIMES),))
    assert draw(chart, "f") == draw(chart, "f")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(5),
        np.full(5, 1e-300),
        np.array([0.0, 1e-3, np.nan, 1e-9, 1.0]),
        np.array([-1.0, -2.0, 0.0, 0.0, 0.0]),
        np.full(5, np.nan),
    ],
)
@pytest.mark.parametrize("log", [False, True])
def test_odd_values_are_drawn(values, log):
    text = draw(Chart("t", "x", "y", (Line("a", TIMES, values), Line("b", TIMES, TIMES, dashed=True)), log=log), "f")
    assert parse(text).tags[0][0] == "svg"
    assert "nan" not in re.sub(r'aria-label="[^"]*"', "", text).lower()


def test_single_points_and_no_points_are_drawn():
    for n in (0, 1):
        x = np.arange(float(n))
        for bars in (False, True):
            text = draw(Chart("t", "x", "中文 [$µ$]", (Line("a", x, x),), bars=bars), "f")
            assert "中文 [$µ$]" in parse(text).text


def test_alternative_tells_the_lines():
    chart = Chart("Load", "time [s]", "p [MPa]", (Line("a", TIMES, np.array([0.0, 4.0, np.nan, 1.0, 2.0])),))
    assert describe(chart) == "Load: p [MPa] over time [s]. a: from 0 at 0 to 2 at 2, largest 4 at 0.5."


def test_numbers_in_words():
    assert [words.number(v) for v in (-0.0, -1.5, 15000.0, 1.5e7, 8.8e-5, float("nan"))] == [
        *("0", "−1.5", f"15{words.THIN}000", "1.5e7", "8.8e−5", "–"),
    ]
    assert [words.duration(s) for s in (None, 3e-5, 0.2, 3.0, 6000.0)] == ["–", "30 µs", "200 ms", "3 s", "100 min"]
    assert [words.percent(v) for v in (None, -0.1, 1e-4)] == ["–", "−10 %", "0.01 %"]


def test_units_are_labels():
    units = Units("mm", "N", "s", "degC")
    assert (units.stress, units.degrees, units.label("1/temperature")) == ("MPa", "°C", "1/°C")
    assert units.label("stress^-n time^-(1+m)") == "MPa^-n s^-(1+m)"
    assert Units("in", "lbf").stress == "lbf/in²"
    assert (Units().stress, Units().label("length^2.5"), Units().known) == ("", "", False)


def test_markdown_shows_every_text_as_it_is(full):
    document = build(report((model(),), (result(), solution()), ((NASTY, NASTY),)))
    text = to_markdown(document)
    assert "<b>" not in text
    assert "<script" not in text
    assert not re.search(r"!\[|\]\(|data:", text)
    lines = text.splitlines()
    for line in lines:
        if line.startswith("|"):
            assert line.endswith("|")
    rows = [re.split(r"(?<!\\)\|", line) for line in lines if line.startswith("|")]
    for above, below in pairwise(lines):
        if above.startswith("|") and below.startswith("|"):
            assert len(re.split(r"(?<!\\)\|", above)) == len(re.split(r"(?<!\\)\|", below))
    assert len(rows) > 60
    shown = re.sub(r"\\(.)", r"\1", html.unescape(text))
    assert shown.count(NASTY) > 20


def test_json_holds_values_and_not_their_writing():
    found = json.loads(to_json(build(report((model(),), (result(), solution()), ((NASTY, NASTY),)))))
    assert [entry["value"] for entry in found["numbers"][:3]] == [0.01, 500.0, 3]
    assert found["verdict"]["level"] == "good"
    sections = {section["key"]: section["blocks"] for section in found["sections"]}
    (costs,) = [block for block in sections["cost"] if block["type"] == "table"]
    assert [row[2] for row in costs["rows"]] == [0.5, 0.01, 5.0]  # an enriched model has those of its parent
    charts_ = [block for block in sections["history-1"] if block["type"] == "chart"]
    quantities = next(block for block in charts_ if block["title"] == "Largest von Mises stress")
    assert {line["label"]: line["y"] for line in quantities["lines"]}[NASTY] == (TIMES * 3.0).tolist()
    assert [block["alternative"] for block in sections["history-1"] if block["type"] == "picture"] == [NASTY]
    bounds = next(block for block in charts_ if block["title"] == "Error of p")["lines"][0]["y"]
    assert bounds[:2] == [None, None]  # elastic: not known, and JSON has no NaN


@pytest.mark.parametrize(
    ("error", "outside", "level", "words"),
    [
        (0.05, False, "good", "Good: the largest error against a reference is 5 %"),
        (0.051, False, "care", "Use with care: the largest error against a reference is 5.1 %"),
        (0.51, False, "poor", "Not to be trusted as it is: the largest error against a reference is 51 %"),
        (None, True, "unknown", "Not known how good it is: no 95 % error bound (steps outside the calibration)"),
        (None, False, "care", "Use with care: the largest 95 % error bound is 12 %"),
    ],
)
def test_the_verdict_follows_the_best_known_error(error, outside, level, words):
    rows = (("u", error, error, 1.0),)
    errors = None if error is None else ErrorFacts(TIMES, rows, {"u": TIMES}, {}, {})
    known = indicator()
    if not outside:
        fields = tuple(replace(entry, outside=np.full(5, False)) for entry in known.fields)
        known = replace(known, fields=fields)
    history = result(reference="ref" if errors else "", errors=errors)
    history = replace(history, reduced=replace(history.reduced, indicator=known))
    found = build(report((model(),), (history, solution()))).verdict
    assert found.level == level
    assert found.text.startswith(words)
    assert any(text == f"{NASTY}: outside the training: {NASTY}" for text in found.limits)
    assert any("p may be off by more than 5 % at" in text for text in found.limits)


def test_a_model_alone_is_judged_by_its_training():
    found = build(report((model(),)))
    assert found.verdict.text.startswith("Use with care: the largest error on the training is 2 % (p, simulation")
    assert found.verdict.text.endswith("1 in 8 integration points is evaluated, with 2 modes.")
    assert build(report((), (solver_files(),))).verdict is None


@pytest.mark.usefixtures("undrawn")
def test_sections_of_other_stages_stand_after_the_histories():
    section = Section("life-1", NASTY, (Text(NASTY), Table("", (Column("a", "number"),), ((1.0,),))), "lifetime")
    extra = Extra(NASTY, section, (NASTY,), {"count": 2.0}, (Tile(Value(7, "count"), NASTY),), (("path", NASTY),))
    document = build(replace(report((model(),), (solver_files(),)), extras=(extra,)))
    keys = [entry.key for entry in document.sections]
    assert keys.index("life-1") == keys.index("history-1") + 1
    assert document.tiles[-1].value.value == 7
    assert NASTY in document.summary
    text = parse(to_html(document)).text
    assert f"lifetime {NASTY}" in text
    assert "a lifetime:" in text
