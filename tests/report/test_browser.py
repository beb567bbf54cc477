"""The page in a browser: nothing is cut, covered, missing or complained about; tables are sorted by the keyboard."""

from pathlib import Path

import numpy as np
import pytest

from romtool.report.build import build
from romtool.report.content import PictureSet
from romtool.report.document import Picture
from romtool.report.page import to_html
from tests.chromium import open_browser
from tests.report.test_page import NASTY, model, report, result, solution

MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")


def png():
    """Return a small picture."""
    from io import BytesIO

    from matplotlib.image import imsave

    stream = BytesIO()
    imsave(stream, np.random.default_rng(0).random((40, 60, 3)), format="png")
    return stream.getvalue()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return a page of two models and two results with odd names, and a picture."""
    pictures = PictureSet(NASTY, (Picture(png(), NASTY),) * 3, {NASTY: NASTY})
    results = (result(pictures=pictures), result("other", "", pictures=pictures), solution())
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(to_html(build(report((model(), model("b")), results, ((NASTY, NASTY),)))), encoding="utf-8")
    return path


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_is_cut_covered_or_missing(browser, page, width, dark, script):
    browser.open(page, width=width, dark=dark, script=script)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    assert browser.evaluate(MEASURE) == []
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]


def test_what_is_wrong_is_measured(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><main><p style='width:3000px'>wide</p><img src='none.png'><section><p>a</p>"
        "<p style='margin-top:-20px'>b</p></section><svg></svg></main><script>console.error('no');x.y</script>",
        encoding="utf-8",
    )
    browser.open(page, width=390, dark=False)
    found = " ".join(browser.evaluate(MEASURE))
    for words in ("scrolls sideways", "not loaded", "no words", "beyond the window", "covers", "a chart has no words"):
        assert words in found
    assert len(browser.complaints()) >= 2
    assert len(browser.requests()) == 2


def test_text_stands_out_from_its_ground(browser, page):
    contrast = """(() => {
      const light = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255)
        .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
      const ground = (e) => { const c = getComputedStyle(e).backgroundColor;
        return /, 0\\)$/.test(c) ? ground(e.parentElement) : c; };
      let worst = 99;
      for (const e of document.querySelectorAll("p, li, td, th, h1, h2, h3, a, figcaption, button")) {
        const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
        worst = Math.min(worst, (a + 0.05) / (b + 0.05));
      }
      return worst; })()"""
    for dark in (False, True):
        browser.open(page, width=1440, dark=dark)
        assert browser.evaluate(contrast) > 4.5  # WCAG 2.1, level AA


def test_tables_are_sorted_by_the_keyboard(browser, page):
    browser.open(page, width=1440, dark=False)
    column = "[...document.querySelectorAll('#cost table tbody tr')].map((row) => Number(row.cells[2].dataset.key))"
    head = "document.querySelector('#cost table').tHead.rows[0].cells[2]"
    given = browser.evaluate(column)
    assert given != sorted(given)
    browser.evaluate(f"{head}.querySelector('button').focus()")
    states = []
    for _ in range(3):
        browser.press("Enter")
        states.append((browser.evaluate(f"{head}.getAttribute('aria-sort')"), browser.evaluate(column)))
    assert states == [("ascending", sorted(given)), ("descending", sorted(given, reverse=True)), (None, given)]
    assert browser.evaluate("document.activeElement.tagName") == "BUTTON"


def test_it_prints(browser, page):
    browser.open(page, width=1440, dark=True)
    printed = browser.print_pdf()
    assert printed[:5] == b"%PDF-"
    assert 3 <= printed.count(b"/Type /Page\n") <= 30
    assert browser.evaluate("matchMedia('print').matches") is False
    browser.send("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.send("Emulation.setEmulatedMedia", media="")
