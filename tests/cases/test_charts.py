"""The scripts that draw the pictures of the cases."""

import runpy
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "cases"
PNG = b"\x89PNG"
FIVE = {
    name: {"recommended": 2, "errors": {"as they are": {"sine k-medoids": [0.1, 0.2], "one basis": [0.3, 0.4]}}}
    for name in ("heat", "front")
}
BUILT = {"name": "bvp", "n_unknowns": 499, "n_terms": 21, "basis": {"history": [1.0, 0.1, 1e-3]}}


@pytest.mark.parametrize(("script", "numbers"), [("five-problems/chart.py", FIVE), ("operators/chart.py", BUILT)])
def test_charts(script, numbers, tmp_path):
    runpy.run_path(str(CASES / script))["draw"](numbers, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("case", ["blade", "zset-cube", "notched-bar", "five-problems", "operators"])
def test_every_case_has_a_picture_of_moderate_size(case):
    picture = CASES / case / "picture.png"
    assert picture.read_bytes().startswith(PNG)
    assert picture.stat().st_size < 150_000
    assert "](picture.png)" in (CASES / case / "README.md").read_text(encoding="utf-8")
