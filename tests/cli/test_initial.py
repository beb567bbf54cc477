"""[initial] of a load file: read, begun with by `solve` and `online`, refused elsewhere."""

import numpy as np
import pytest

from romtool.pipeline.results import open_history
from tests.cli.small_case import romtool
from tests.cli.test_missions import CYCLES

HEAD = 'name = "held"\n[[loads]]\nname = "END"\nscale = 1.1\n[initial]\nentries = [{entries}]\n'
STATE = '{ field = "p", file = "ref/base" }, { field = "inelastic_strain", file = "ref/base" }'
LIMITS = {"u": 0.01, "p": 0.01, "stress": 0.03}
"""Largest relative errors of online; without [initial] this load has up to 0.0014, 0.0026, 0.015."""


def held(case_folder, entries):
    path = case_folder / "held.toml"
    path.write_text(HEAD.format(entries=entries))
    return path


def solved(case_folder, entries, out="own"):
    path = held(case_folder, entries)
    done = romtool("solve", case_folder / "case.toml", path, "-o", case_folder / out, "-q", "--overwrite")
    assert done.code == 0, done.err
    return open_history(case_folder / out / "held")


def test_files_and_values(case_folder):
    base = open_history(case_folder / "ref" / "base")
    found = solved(case_folder, STATE)
    last = len(base.times) - 1
    for name in ("p", "inelastic_strain"):
        np.testing.assert_array_equal(found.read(name, 0), base.read(name, last))
    np.save(case_folder / "stress.npy", base.read("stress", last))
    entries = '{ field = "stress", value = [1, 2, 3, 4, 5, 6] }, { field = "stress", file = "stress.npy" }'
    np.testing.assert_array_equal(solved(case_folder, entries).read("stress", 0), base.read("stress", last))


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        (STATE, ("u", "p")),  # no mode of the stress is that of a body that is plastic and undeformed
        (STATE + ', { field = "stress", file = "ref/base" }', ("u", "p", "stress")),
        ('{ field = "p", value = 1e-3 }', ("u", "p", "stress")),
    ],
)
def test_online_begins_with_what_solve_begins_with(case_folder, entries, names):
    expected, path = solved(case_folder, entries), held(case_folder, entries)
    done = romtool("online", case_folder / "model", path, "-o", case_folder / "out")
    assert done.code == 0, done.err
    assert "outside the training: initial stress and strain: the training has none" in done.err
    found = open_history(case_folder / "out" / "held")
    for name in names:
        for row in range(len(expected.times)):
            values = expected.read(name, row)
            assert np.linalg.norm(found.read(name, row) - values) <= LIMITS[name] * np.linalg.norm(values)


@pytest.mark.parametrize("command", ["solve", "online"])
def test_going_on_keeps_what_the_body_began_with(case_folder, command):
    stressed = '[initial]\nentries = [{ field = "stress", value = [30.0, 0, 0, 0, 0, 0], elements = "EALL" }]\n'
    for name, count, initial in (("whole", 2, stressed), ("first", 1, stressed), ("later", 1, "")):
        (case_folder / f"{name}.toml").write_text(CYCLES.format(name=name, count=count, cold=20.0) + initial)
    model = case_folder / ("case.toml" if command == "solve" else "model")
    whole, first, later = (case_folder / f"{name}.toml" for name in ("whole", "first", "later"))
    out = ("-o", case_folder / "out", "-q")
    assert romtool(command, model, whole, first, *out).code == 0
    refused = romtool(command, model, whole, "-o", case_folder / "more", "--from", case_folder / "out" / "first")
    assert "whole: [initial] does not go with --from" in refused.error
    done = romtool(command, model, later, *out, "--from", case_folder / "out" / "first")
    assert done.code == 0, done.err
    found, expected = (open_history(case_folder / "out" / name) for name in ("later", "whole"))
    for name in ("u", "p", "stress"):
        values = expected.read(name, 6)
        assert np.linalg.norm(found.read(name, 3) - values) <= 1e-12 * np.linalg.norm(values)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ('{ field = "p", file = "short.npy" }', "an array of shape (5, 1) for the initial p"),
        ('{ field = "p", file = "none.npy" }', "expected an array of numbers that `numpy.save` wrote"),
        ('{ field = "p", file = "ref/base", name = "u" }', "has no field 'u' at integration points"),
        ('{ field = "p", value = [1, 2, 3, 4, 5, 6] }', "expected one number"),
        ('{ field = "stress", value = 1.0 }', "expected six"),
        ('{ field = "p" }', 'needs one of the keys "value" and "file"'),
        ('{ field = "alpha_1", value = 1.0 }', 'one of "stress", "inelastic_strain", "p"'),
        ('{ field = "p", value = 0.1, elements = "ELSEWHERE" }', "ELSEWHERE"),
    ],
)
def test_what_cannot_be_read_is_said(case_folder, entries, words):
    np.save(case_folder / "short.npy", np.zeros(5))
    path = held(case_folder, entries)
    assert words in romtool("solve", case_folder / "case.toml", path, "-o", case_folder / "own").error


def test_it_is_refused_where_nothing_can_begin_with_it(case_folder):
    path = held(case_folder, STATE)
    adapted = romtool("online", case_folder / "model", path, "-o", case_folder / "out", "--adapt")
    assert "[initial] is for `romtool solve` and `romtool online` alone" in adapted.error
    case = case_folder / "case.toml"
    text = case.read_text()
    solved(case_folder, STATE)
    case.write_text(text.replace("ref/pulled", "own/held"))
    assert "begins with [initial] fields; train on" in romtool("import", case).error
    case.write_text(text.replace("loads/pulled.toml", "held.toml"))
    assert "[initial] is for `romtool solve` and `romtool online` alone" in romtool("import", case).error
