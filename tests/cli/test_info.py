"""`romtool info`: what it prints, what models remember of their life, and in what two of a kind differ."""

import shutil

import h5py
import numpy as np
import pytest

from romtool.io.atomic import digest_file
from romtool.io.records import OLDEST_SCHEMA, SCHEMA
from romtool.report.brief import briefs
from romtool.report.plain import listed
from tests.cli.small_case import romtool

OLDEST = OLDEST_SCHEMA["model"]

KINDS = {
    "model": ["verdict", "limits", "model", "training", "errors", "validity domain", "costs", "provenance"],
    "dataset": ["simulations", "materials", "provenance"],
    "out/new": ["verdict", "limits", "result", "error indicator", "costs", "provenance"],
    "ref/base": ["costs", "provenance"],
    "case.toml": ["simulations", "settings"],
    "loads/new.toml": ["changes"],
    "box.inp": ["mesh", "sets", "materials", "loads"],
}


@pytest.fixture
def answered(case_folder):
    """The case with an online result."""
    done = romtool("online", case_folder / "model", case_folder / "loads" / "new.toml", "-o", case_folder / "out")
    assert done.code == 0, done.err
    return case_folder


def test_every_kind_has_its_tables_as_plain_text(answered):
    for path, titles in KINDS.items():
        lines = romtool("info", answered / path).out.splitlines()
        assert [line for line in lines if line in titles] == titles, path
        assert all(line == line.rstrip() for line in lines)
        assert not any("\x1b" in line or "│" in line for line in lines)


def test_the_verdict_is_that_of_a_report(answered):
    found = romtool("info", answered / "model", "--json").json["verdict"]
    worst = max(max(fields.values()) for fields in errors_of(answered / "model").values())
    assert (found["level"], found["basis"], found["error"]) == ("good", "error on the training", worst)
    result = romtool("info", answered / "out" / "new", "--json").json
    assert result["verdict"]["basis"] == "95 % error bound"
    assert result["verdict"]["error"] == max(result["bound"].values())
    shutil.move(answered / "model", answered / "elsewhere")
    alone = romtool("info", answered / "out" / "new", "--json").json
    assert alone["verdict"]["error"] == result["verdict"]["error"]
    assert "integration points" not in alone["verdict"]["text"]


def errors_of(model):
    """Return simulation -> field -> error of a model on its training."""
    return romtool("info", model, "--json").json["training_errors_by_simulation"]


def test_a_description_of_an_unknown_kind_is_listed_as_it_is():
    (table,) = briefs({"kind": "other", "a": {"b": 1.5}, "c": list("xyz")})
    assert table.rows == (("a.b", "1.5"), ("c", "x, y, z"))


def test_long_lists_are_cut_and_counted():
    assert listed(map(str, range(30))) == "0, 1, 2, 3, 4, 5, 6, 7, … (30)"


def test_a_model_knows_what_it_was_made_from(case_folder):
    found = romtool("info", case_folder / "model", "--json").json
    dataset = romtool("info", case_folder / "dataset", "--json").json
    assert found["inputs"]["case.toml"] == digest_file(case_folder / "case.toml")[:16]
    assert found["inputs"]["box.inp"] == dataset["inputs"]["box.inp"] == digest_file(case_folder / "box.inp")[:16]
    assert found["digest"] == dataset["digest"]
    assert found["parent"] is None
    assert found["schema"] == dataset["schema"] == SCHEMA
    assert found["versions"]["romtool"] == dataset["versions"]["romtool"]
    assert found["created"] >= dataset["created"]


def stamp(path, schema):
    """Write another version of the layout into a file."""
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = schema


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (SCHEMA + 1, f"has layout {SCHEMA + 1}, written by a newer romtool; this one reads up to {SCHEMA}: update"),
        (OLDEST - 1, f"has layout {OLDEST - 1}; this romtool reads {OLDEST} and {SCHEMA}; train it again with"),
    ],
)
def test_a_model_of_another_layout_is_refused_in_words(case_folder, schema, words):
    stamp(case_folder / "model" / "model.h5", schema)
    load = case_folder / "loads" / "new.toml"
    for arguments in (
        ("info", case_folder / "model"),
        ("online", case_folder / "model", load, "-o", case_folder / "o"),
    ):
        done = romtool(*arguments)
        assert done.code == 2
        assert words in done.error
    assert "romtool offline CASE -o MODEL" in done.error or schema > SCHEMA


def as_layout_3(file):
    """Store the texts of a file as layout 3 did."""

    def older(name, node):
        for key, value in list(node.attrs.items()):
            if isinstance(value, bytes):
                del node.attrs[key]
                node.attrs[key] = "scalar" if value == b"text" else value.decode()
            elif key == "keys":
                del node.attrs[key]
                node.attrs[key] = np.array([entry.decode() for entry in value.tolist()], dtype=h5py.string_dtype())

    older("/", file)
    file.visititems(older)
    file.attrs["schema"] = 3


def test_a_model_of_an_older_layout_answers_as_it_did(answered):
    with h5py.File(answered / "model" / "model.h5", "r+") as file:
        as_layout_3(file)
        mapping = file["dictionary/models/0/statistics"]
        place = mapping.attrs["keys"].tolist().index("inputs")
        mapping.attrs["keys"] = np.delete(mapping.attrs["keys"], place)
    found = romtool("info", answered / "model", "--json")
    assert found.json["schema"] == 3
    new = romtool("online", answered / "model", answered / "loads" / "new.toml", "-o", answered / "again")
    assert new.code == 0, new.err
    found = romtool("info", "--diff", answered / "out" / "new", answered / "again" / "new", "--json").json
    assert set(found["differences"]) <= {"created"}


def test_a_dataset_without_what_was_added_since_is_read(case_folder):
    with h5py.File(case_folder / "dataset" / "dataset.h5", "r+") as file:
        for name in ("inputs", "versions", "created"):
            del file[f"dataset/{name}"]
    found = romtool("info", case_folder / "dataset", "--json")
    assert found.code == 0, found.err
    assert found.json["inputs"] == {}


def test_what_differs_between_two_models_is_listed(case_folder):
    other = case_folder / "case2.toml"
    text = (case_folder / "case.toml").read_text()
    other.write_text(text.replace("[quadrature]\ntolerance = 1e-6", "[quadrature]\ntolerance = 1e-3"))
    done = romtool("offline", other, "-o", case_folder / "coarse", "-q")
    assert done.code == 0, done.err
    found = romtool("info", "--diff", case_folder / "model", case_folder / "coarse", "--json").json
    assert found["kind"] == "difference"
    assert found["differences"]["settings.quadrature.tolerance"] == [1e-6, 1e-3]
    assert found["differences"]["inputs.case.toml"][1] is None
    points = found["differences"]["n_points"]
    assert points[1] < points[0]
    assert {"model_id", "points", "quadrature_error"} <= set(found["differences"])
    assert not any(key.startswith(("seconds", "settings.pod", "versions")) for key in found["differences"])
    assert found["equal"] > 50
    printed = romtool("info", "--diff", case_folder / "model", case_folder / "coarse").out
    assert f"{found['equal']} entries are equal" in printed
    cases = romtool("info", "--diff", case_folder / "case.toml", other, "--json").json
    assert cases["differences"] == {"quadrature.tolerance": [1e-6, 1e-3]}


def test_a_model_does_not_differ_from_its_copy(case_folder):
    shutil.copytree(case_folder / "model", case_folder / "copy")
    found = romtool("info", "--diff", case_folder / "model", case_folder / "copy", "--json").json
    assert found["differences"] == {}
    assert "entries are equal" in romtool("info", "--diff", case_folder / "model", case_folder / "copy").out


def test_results_of_two_loads_differ_in_their_loads(answered):
    base = answered / "loads" / "base.toml"
    assert romtool("online", answered / "model", base, "-o", answered / "out", "-q").code == 0
    found = romtool("info", "--diff", answered / "out" / "new", answered / "out" / "base", "--json").json
    new, base = found["differences"]["loads.pressure on END"]
    assert new[0] == pytest.approx(1.1 * base[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--diff", "model"], "give A B"),
        (["model", "dataset"], "give one PATH"),
        (["--diff", "model", "dataset"], "give two of one kind"),
    ],
)
def test_what_can_not_be_compared_is_refused(case_folder, arguments, words):
    done = romtool("info", *(entry if entry.startswith("--") else case_folder / entry for entry in arguments))
    assert done.code == 2
    assert words in done.error
