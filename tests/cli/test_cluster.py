"""`romtool cluster` on a small case of two families of loads, and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.small_case import CASE, deck_text, romtool

SETTINGS = CASE[CASE.index("[pod]") :]
PULLED = '[[loads]]\nname = "END"\nscale = {scale}\n[temperature]\ninitial = 20.0\nentries = []\n'
HEATED = (
    '[[loads]]\nname = "END"\nremove = true\n[temperature]\ninitial = 20.0\n'
    'entries = [{{ time = 0.0, value = 20.0 }}, {{ time = 1.0, expression = "20 + {scale}*100*y" }}]\n'
)
SCALES = (0.01, 0.1, 0.5, 1.0)
MORE = """[clusters]
max_count = 4
budget = 2.5
simulation_hours = 0.2
"""


@pytest.fixture(scope="module")
def solved(tmp_path_factory) -> Path:
    """Return a folder with the solutions of loads that pull and loads that heat, for reading only."""
    folder = tmp_path_factory.mktemp("families")
    (folder / "box.inp").write_text(deck_text())
    write_case(folder, [], "")
    loads = []
    for kind, text in (("pulled", PULLED), ("heated", HEATED)):
        for number, scale in enumerate(SCALES):
            loads.append(folder / f"{kind}{number}.toml")
            loads[-1].write_text(f'name = "{kind}{number}"\n' + text.format(scale=scale))
    done = romtool("solve", folder / "case.toml", *loads, "-o", folder / "ref", "-q")
    assert done.code == 0, done.err
    return folder


def write_case(folder: Path, names: list[str], more: str) -> Path:
    """Write a case of some of the solutions."""
    entries = [
        '[[simulations]]\nname = "{0}"\nresults = "ref/{0}"\nload = "{0}.toml"\n'.format(name)  # noqa: UP032
        + ('deck = "box.inp"\n' if not number else "")
        for number, name in enumerate(names)
    ] or ['[[simulations]]\nname = "base"\ndeck = "box.inp"\n']
    (folder / "case.toml").write_text('[case]\nname = "box"\n' + "".join(entries) + SETTINGS + more)
    return folder / "case.toml"


NAMES = [f"{kind}{number}" for number in range(len(SCALES)) for kind in ("pulled", "heated")]


def test_families_are_found_and_all_is_written(solved):
    case = write_case(solved, NAMES, MORE)
    done = romtool("cluster", case, "--overwrite", "--json", "-q")
    assert done.code == 0, done.err
    found, folder = done.json, solved / "clusters"
    assert json.loads((folder / "clusters.json").read_text()) == found
    assert found["recommended"] == 3  # the last that is pulled yields
    pulled, heated = NAMES[0::2], NAMES[1::2]
    assert [entry["members"] for entry in found["clusters"]] == [pulled[:3], heated, pulled[3:]]
    assert found["counts"][0]["gain"] == 0.0
    assert found["counts"][1]["gain"] > 0.9
    assert found["counts"][1]["error"] < found["counts"][0]["error"]
    assert found["budget"] == {"hours": 2.5, "simulation_hours": 0.2, "source": "case", "simulations": 12}
    other = found["other"]
    assert other["dissimilarity"] == "euclidean"
    larger = other["error_equal_modes"] - found["counts"][2]["error_equal_modes"]
    assert other["larger_by"] == pytest.approx(larger)
    assert other["larger_by"] > 0.0
    assert len(found["map"]) == len(found["dissimilarities"]) == len(NAMES)
    for name in found["figures"]:
        text = (folder / name).read_text()
        assert text.startswith("<?xml")
        assert "heated" in text or name == "errors.svg"
    again = romtool("cluster", case, "-o", solved / "again", "--json", "-q")
    assert again.json == found
    assert (solved / "again" / "map.svg").read_text() == (folder / "map.svg").read_text()
    assert romtool("cluster", case, "-q").error.endswith("give --overwrite or another -o")


def test_table_says_what_is_recommended(solved):
    done = romtool("cluster", write_case(solved, NAMES, MORE), "-o", solved / "table")
    assert done.code == 0, done.err
    assert "recommended: 3 clusters, around pulled" in done.out
    assert "the budget of 2.5 h buys 12 training simulations of 0.2 h each" in done.out
    assert f"wrote {solved / 'table'}" in done.out


def test_one_family_is_enough_for_one_basis_and_results_know_their_time(solved):
    case = write_case(solved, NAMES[1::2], "[clusters]\nbudget = 1.0\n")
    found = romtool("cluster", case, "-o", solved / "one", "--json", "-q").json
    assert found["recommended"] == 1
    assert found["budget"]["source"] == "results"
    assert found["budget"]["simulations"] == int(1.0 / found["budget"]["simulation_hours"])
    silent = romtool("cluster", case, "-o", solved / "words", "-q")
    assert "one basis is enough" in silent.out


@pytest.mark.parametrize("settings", ['field = "stress"', 'field = "p"', 'by = "time"', 'dissimilarity = "euclidean"'])
def test_other_fields_items_and_measures(solved, settings):
    case = write_case(solved, NAMES, f"[clusters]\nmax_count = 3\n{settings}\n")
    found = romtool("cluster", case, "-o", solved / settings.split('"')[1], "--json", "-q").json
    n_items = len(NAMES) * (4 if "time" in settings else 1)
    assert sorted(name for entry in found["clusters"] for name in entry["members"]) == sorted(found["items"])
    assert len(found["items"]) == n_items
    assert all(0.0 <= entry["gain"] <= 1.0 for entry in found["counts"])
    assert np.all(np.diff([entry["spread"] for entry in found["counts"]]) <= 1e-12)


@pytest.mark.parametrize(
    ("names", "settings", "words"),
    [
        (NAMES[:3], "", "3 [[simulations]]; 4 or more"),
        (NAMES, 'field = "q"', "'q' is no field of the material laws"),
        (NAMES, "max_count = 0", "max_count"),
        (NAMES, "budget = -1.0", "budget"),
    ],
)
def test_wrong_input_is_told_and_nothing_is_written(solved, names, settings, words):
    case = write_case(solved, names, f"[clusters]\n{settings}\n")
    done = romtool("cluster", case, "-o", solved / "nothing")
    assert done.code == 2
    assert words in done.error
    assert not (solved / "nothing").exists()
