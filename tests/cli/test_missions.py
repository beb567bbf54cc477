"""`--from`: a computation that goes on from the end of another, by the model and by the built-in solver."""

import numpy as np
import pytest

from romtool.pipeline.folders import read_head
from romtool.pipeline.results import open_history
from tests.cli.small_case import romtool

CYCLES = """name = "{name}"
[[tables]]
name = "END"
points = [[0.0, 0.0], [1.0, -140.0], [2.0, 120.0], [3.0, 0.0]]
cycles = {count}
[temperature]
initial = {cold}
entries = [{{ time = 0.0, value = {cold} }}]
[time]
points = [0.0, 1.0, 2.0, 3.0]
"""


@pytest.fixture
def loads(case_folder):
    for name, count in (("whole", 12), ("first", 10), ("later", 2)):
        (case_folder / f"{name}.toml").write_text(CYCLES.format(name=name, count=count, cold=20.0))
    return [case_folder / f"{name}.toml" for name in ("whole", "first", "later")]


def marched(case_folder, loads, command):
    """March whole and first, then later from the end of first; return the folder."""
    out, (whole, first, later) = case_folder / "out", loads
    assert romtool(*command, whole, first, "-o", out, "-q").code == 0
    done = romtool(*command, later, "-o", out, "--from", out / "first")
    assert done.code == 0, done.err
    assert "warning" not in done.err
    return out


def test_online_goes_on_as_if_it_had_not_stopped(case_folder, loads):
    out = marched(case_folder, loads, ("online", case_folder / "model"))
    whole, later = (read_head(out / name / "result.h5", "result", "history") for name in ("whole", "later"))
    assert whole.samples["p"].max() > 1e-3
    for name, values in whole.samples.items():
        np.testing.assert_allclose(later.samples[name], values[30:], atol=1e-12 * np.abs(values).max())
    before = read_head(out / "later" / "result.h5", "result", "before")
    assert (before.names, before.elapsed) == (("first",), 30.0)
    found = romtool("compare", out / "later", out / "later", "--json").json
    assert found["times"] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.mark.parametrize("petsc", [True, False])
def test_solve_goes_on_as_if_it_had_not_stopped(case_folder, loads, petsc, monkeypatch):
    if not petsc:
        monkeypatch.setattr("romtool.hifi.linear.has_petsc", lambda: False)
    out = marched(case_folder, loads, ("solve", case_folder / "case.toml"))
    whole, later = (open_history(out / name) for name in ("whole", "later"))
    for name in ("u", "p", "stress"):
        expected = np.array([whole.read(name, 30 + row) for row in range(1, 7)])
        found = np.array([later.read(name, row) for row in range(1, 7)])
        assert np.linalg.norm(found - expected) <= 1e-12 * np.linalg.norm(expected)


def test_what_cannot_be_gone_on_from_is_said(case_folder, loads):
    out = marched(case_folder, loads, ("online", case_folder / "model"))
    command = ("online", case_folder / "model", loads[2], "-o", case_folder / "more")
    assert "no result of `romtool online` here" in romtool(*command, "--from", case_folder).error
    adapted = romtool(*command, "--from", out / "first", "--adapt")
    assert adapted.code == 2
    assert "--from does not go with --adapt" in adapted.err
    solve = ("solve", case_folder / "case.toml", loads[2], "-o", case_folder / "more", "--from")
    assert "no solution of `romtool solve` here" in romtool(*solve, out / "first").error
    loads[2].write_text(CYCLES.format(name="later", count=1, cold=90.0))
    done = romtool(*command, "--from", out / "first")
    assert "warning: later: its temperature begins up to 70 away from where first ended" in done.err


def test_solve_refuses_other_materials(case_folder, loads):
    out, case = case_folder / "out", case_folder / "case.toml"
    assert romtool("solve", case, loads[2], "-o", out, "-q").code == 0
    deck = case_folder / "box.inp"
    deck.write_text(deck.read_text().replace("100., 0.", "110., 0."))
    done = romtool("solve", case, loads[2], "-o", case_folder / "more", "--from", out / "later")
    assert done.code == 2
    assert "was solved with other materials than" in done.error


def test_a_solution_that_goes_on_is_not_trained_on(case_folder, loads):
    case = case_folder / "case.toml"
    assert romtool("solve", case, loads[2], "-o", case_folder / "ref", "-q").code == 0
    goes_on = ("solve", case, case_folder / "loads" / "new.toml", "-o", case_folder / "ref", "--overwrite", "-q")
    assert romtool(*goes_on, "--from", case_folder / "ref" / "later").code == 0
    case.write_text(case.read_text().replace("ref/pulled", "ref/new"))
    assert "goes on from later; train on computations" in romtool("import", case).error


def test_online_stops_where_nothing_changes(case_folder, loads):
    text = CYCLES.format(name="long", count=60, cold=20.0) + "stop = { tolerance = 1e-3, cycles = 2 }\n"
    (case_folder / "long.toml").write_text(text)
    done = romtool("online", case_folder / "model", case_folder / "long.toml", "-o", case_folder / "out", "--json")
    assert done.code == 0, done.err
    (found,) = done.json["loads"]
    count = found["cycles"]["stabilised"]
    assert 3 <= count < 60
    assert found["n_steps"] == 3 * count
    assert f"long: stabilised after {count} cycles: p grew by" in done.err
    assert "long: steps of 1 (median; 1 to 1), trained with 0.25 (0.25 to 0.25)" in done.err
    command = ("online", case_folder / "model", case_folder / "later.toml", "-o", case_folder / "out", "--json")
    behind = romtool(*command, "--from", case_folder / "out" / "long")
    assert behind.json["loads"][0]["before"] == {"names": ["long"], "elapsed": 3.0 * count}


def test_online_chooses_its_steps(case_folder):
    text = 'name = "chosen"\n[[loads]]\nname = "END"\nscale = 1.1\n[time]\nadaptive = {choice}\n'
    path = case_folder / "chosen.toml"
    counts = {}
    for choice in ("false", "true", "{ tolerance = 5e-3, strain_increment = 1e-4 }"):
        path.write_text(text.replace("{choice}", choice))
        done = romtool("online", case_folder / "model", path, "-o", case_folder / "out", "--overwrite", "--json")
        assert done.code == 0, done.err
        counts[choice] = done.json["loads"][0]["n_steps"]
    fixed, free, fine = counts.values()
    assert fixed == 4
    assert fine > free
    refused = romtool("online", case_folder / "model", path, "-o", case_folder / "more", "--adapt")
    assert "[time] stop and adaptive do not go with --adapt" in refused.error
    solved = romtool("solve", case_folder / "case.toml", path, "-o", case_folder / "ref")
    assert "chosen: [time] stop and adaptive are for `romtool online`" in solved.err
    path.write_text(text.replace("{choice}", "{ tolerence = 1 }"))
    assert (
        "expected true, false, or a table { tolerance, strain"
        in romtool("online", case_folder / "model", path, "-o", case_folder / "more").error
    )
