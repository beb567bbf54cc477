"""The commands from deck to answer, on a small case."""

import json
import shutil

import h5py
import pytest

from tests.cli.small_case import romtool


def test_init_writes_a_case_that_offline_takes(case_folder, tmp_path):
    assert romtool("init", case_folder / "box.inp", "-o", tmp_path / "new").code == 0
    text = (tmp_path / "new" / "case.toml").read_text()
    assert 'deck = "../case/box.inp"' in text
    assert romtool("info", tmp_path / "new" / "case.toml", "--json").json["kind"] == "case"


def test_import_is_done_once(case_folder):
    again = romtool("import", case_folder / "case.toml")
    assert again.code == 0
    assert "is up to date" in again.err
    case = case_folder / "case.toml"
    case.write_text(case.read_text() + "[partition]\nsubdomains = 2\n")
    assert romtool("import", case, "--json").json["n_subdomains"] == 2


def test_offline_prints_its_contract(case_folder, tmp_path):
    printed = romtool("offline", case_folder / "case.toml", "-o", tmp_path / "m", "--json", "-q").json
    keys = {
        "n_modes",
        "n_points",
        "n_points_full",
        "pod_error",
        "quadrature_error",
        "points",
        "training_errors",
        "seconds",
    }
    assert keys <= set(printed)
    assert len(printed["points"]) == printed["n_points"]
    assert printed["n_points_full"] == 96
    assert set(printed["training_errors"]) == {"u", "p", "stress"}
    assert max(printed["training_errors"].values()) < 1e-4


def test_online_needs_the_model_file_alone(case_folder, tmp_path):
    shutil.copy(case_folder / "model" / "model.h5", tmp_path / "alone.h5")
    answer = romtool(
        "online", tmp_path / "alone.h5", case_folder / "loads" / "new.toml", "-o", tmp_path / "out", "--json"
    )
    assert answer.code == 0, answer.err
    (load,) = answer.json["loads"]
    assert (load["name"], load["n_steps"]) == ("new", 4)
    refused = romtool("compare", tmp_path / "out" / "new", case_folder / "ref" / "new")
    assert refused.code == 2
    assert "needs the whole model folder" in refused.error


def test_a_new_load_agrees_with_the_high_fidelity_solution(case_folder, tmp_path):
    loads = case_folder / "loads"
    assert romtool("online", case_folder / "model", loads / "new.toml", loads / "base.toml", "-o", tmp_path).code == 0
    for name, limit in (("new", 2e-2), ("base", 1e-4)):
        errors = romtool("compare", tmp_path / name, case_folder / "ref" / name, "--json").json
        assert len(errors["times"]) == 5
        for field in ("u", "p", "stress"):
            assert errors["fields"][field]["relative_l2"] < limit
            assert max(errors["fields"][field]["per_time"]) == errors["fields"][field]["relative_l2"]
        assert "only in" in errors["skipped"]["strain"]


def test_fields_at_stored_and_other_times(case_folder, tmp_path):
    romtool("online", case_folder / "model", case_folder / "loads" / "new.toml", "-o", tmp_path)
    out = tmp_path / "f.xdmf"
    assert romtool("fields", tmp_path / "new", "--at", "0.5,0.6", "--names", "u,p", "-o", out).code == 0
    found = romtool("info", out, "--json").json
    assert found["times"] == pytest.approx([0.5, 0.6])
    assert {"u", "p"} <= set(found["fields"])
    late = romtool("fields", tmp_path / "new", "--at", "1.5", "-o", tmp_path / "g.xdmf")
    assert late.code == 2
    assert "--at 1.5 is outside the run (0 to 1)" in late.error
    assert not list(tmp_path.glob("g.*"))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("model", "model"),
        ("model/model.h5", "model"),
        ("dataset", "dataset"),
        ("ref/base", "solution"),
        ("case.toml", "case"),
        ("box.inp", "solver-deck"),
    ],
)
def test_info_names_the_kind(case_folder, path, kind):
    assert romtool("info", case_folder / path, "--json").json["kind"] == kind
    assert romtool("info", case_folder / path).code == 0


def test_readers_are_listed():
    names = {entry["name"] for entry in romtool("readers", "--json").json["readers"]}
    assert {"zset", "calculix", "xdmf", "vtk"} <= names


def test_result_of_another_model_is_refused(case_folder, tmp_path):
    romtool("online", case_folder / "model", case_folder / "loads" / "new.toml", "-o", case_folder / "out")
    with h5py.File(case_folder / "model" / "subdomain-0000.h5", "r+") as file:
        file.attrs["id"] = "another"
    refused = romtool("compare", case_folder / "out" / "new", case_folder / "ref" / "new")
    assert refused.code == 2
    assert "subdomain-0000.h5: belongs to another modes" in refused.error


def test_errors_as_json(tmp_path):
    failed = romtool("offline", tmp_path / "case.toml", "-o", tmp_path / "m", "--json")
    assert failed.code == 2
    error = json.loads(failed.out)["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert "case.toml" in error["message"] + error["remedy"]


def test_tables_are_not_broken_in_a_pipe(case_folder, tmp_path):
    loads = case_folder / "loads"
    long = tmp_path / ("a" * 90)
    told = romtool("online", case_folder / "model", loads / "new.toml", "-o", long)
    assert "march [ms]" in told.out
    told = romtool("compare", long / "new", case_folder / "ref" / "new")
    assert told.out.splitlines()[0] == f"{long / 'new'} against {case_folder / 'ref' / 'new'}, 5 times"
    assert "\x1b" not in told.out


def test_fields_are_written_in_increasing_time(case_folder, tmp_path):
    out = tmp_path / "f.xdmf"
    assert romtool("fields", case_folder / "ref" / "new", "--at", "0.5,0.25,0.5", "--names", "u", "-o", out).code == 0
    assert romtool("info", out, "--json").json["times"] == [0.25, 0.5]


def test_a_zero_reference_is_said(case_folder, tmp_path):
    with h5py.File(case_folder / "ref" / "new" / "times-000000" / "subdomain-0000.h5", "r+") as file:
        file["fields/p"][...] = 0.0
    told = romtool("compare", case_folder / "ref" / "base", case_folder / "ref" / "new")
    assert "p is zero throughout" in told.err
    errors = romtool("compare", case_folder / "ref" / "base", case_folder / "ref" / "new", "--json").json["fields"]["p"]
    assert errors["relative_l2"] is None
    assert errors["absolute_l2"] > 0.0


def test_increments_that_only_the_results_know(case_folder, tmp_path):
    """The deck leaves the increments to the solver: solve and online take those of the first results."""
    deck = case_folder / "box.inp"
    deck.write_text(deck.read_text().replace("*STATIC, DIRECT\n0.25", "*STATIC\n0.1"))
    loads = case_folder / "loads"
    solved = romtool(
        "solve", case_folder / "case.toml", loads / "base.toml", loads / "new.toml", "-o", tmp_path, "--json"
    )
    assert [entry["n_steps"] for entry in solved.json["loads"]] == [4, 4]
    assert romtool("offline", case_folder / "case.toml", "-o", tmp_path / "m", "-q").code == 0
    answers = romtool(
        "online", tmp_path / "m", loads / "base.toml", loads / "new.toml", "-o", tmp_path / "on", "--json"
    )
    assert [entry["n_steps"] for entry in answers.json["loads"]] == [4, 4]


def test_a_field_that_stays_zero_is_said(case_folder, tmp_path):
    for name in ("base", "pulled"):
        load = case_folder / "loads" / f"{name}.toml"
        load.write_text(f'name = "{name}"\n[[loads]]\nname = "END"\nscale = 0.1\n[temperature]\ninitial = 20.0\n')
    case = case_folder / "case.toml"
    case.write_text(case.read_text().replace('results = "ref/base"', 'results = "ref/base"\nload = "loads/base.toml"'))
    loads = [case_folder / "loads" / f"{name}.toml" for name in ("base", "pulled")]
    assert romtool("solve", case, *loads, "-o", case_folder / "ref", "--overwrite", "-q").code == 0
    trained = romtool("offline", case, "-o", tmp_path / "m")
    assert trained.code == 0, trained.err
    assert "warning: p is zero in all training simulations" in trained.err


def test_init_says_what_comes_next(case_folder, tmp_path):
    said = romtool("init", case_folder / "box.inp", "-o", tmp_path / "new").err
    assert "romtool solve" in said
    out = tmp_path / "m.xdmf"
    assert romtool("fields", case_folder / "ref" / "new", "--at", "0.5,1.0", "--names", "u", "-o", out).code == 0
    assert "romtool offline" in romtool("init", out, "-o", tmp_path / "other").err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device; make room"),
        (KeyError("x"), "unexpected KeyErr"),
    ],
)
def test_what_nobody_expected_is_one_line(monkeypatch, case_folder, error, words):
    def fail(path):
        raise error

    monkeypatch.setattr("romtool.pipeline.describe.describe", fail)
    told = romtool("info", case_folder / "model", "--json")
    assert told.code == 1
    assert words in told.error
    assert told.json["error"]["code"] == ("KeyError" if isinstance(error, KeyError) else "OSError")


def test_info_shows_the_mesh_of_a_deck_whose_physics_is_not_understood(case_folder):
    deck = case_folder / "box.inp"
    deck.write_text(deck.read_text().replace("*DENSITY\n", "*CREEP, LAW=USER\n"))
    told = romtool("info", deck, "--json")
    assert told.code == 0, told.err
    assert told.json["kind"] == "solver-deck"
    assert told.json["n_elements"] == 12
    assert "*CREEP" in told.json["warnings"][0]


def test_results_that_do_not_fit_their_loads_are_said(case_folder, tmp_path):
    fitting = romtool("offline", case_folder / "case.toml", "-o", tmp_path / "fitting")
    assert "out of balance" not in fitting.err
    deck = case_folder / "box.inp"
    deck.write_text(deck.read_text().replace("END, P, -120.", "END, P, -130."))
    told = romtool("offline", case_folder / "case.toml", "-o", tmp_path / "m")
    assert "warning: simulation base: the stresses recomputed from its displacements are out of balance" in told.err
    assert "most likely the pressure 'END' should be 0.9231 times what it is (the unbalance falls from " in told.err
    told = romtool("offline", case_folder / "case.toml", "-o", tmp_path / "m", "--overwrite")
    assert "dataset is up to date" in told.err
    assert "warning: simulation base: " in told.err
    statistics = romtool("info", tmp_path / "m", "--json").json
    assert max(statistics["unbalance"]["base"]) > 1e-3
    assert any("most likely" in text for text in statistics["warnings"])


def test_a_model_is_not_trained_on_what_the_case_does_not_describe(case_folder, tmp_path):
    deck = case_folder / "box.inp"
    deck.write_text(deck.read_text().replace("200000., 0.3", "200., 0.3"))
    imported = romtool("import", case_folder / "case.toml", "--json")
    assert imported.code == 0
    checked = imported.json["balance"]["base"]
    assert len(checked["unbalance"]) == len(checked["times"]) == 4
    assert checked["causes"][0].startswith("'young' of 'EALL' should be 2e+05 instead of 200 (units?)")
    refused = romtool("offline", case_folder / "case.toml", "-o", tmp_path / "m")
    assert refused.code == 2
    assert "'young' of 'EALL' should be 2e+05 instead of 200 (units?)" in refused.error
    assert "[balance] limit = " in refused.error
    assert not (tmp_path / "m").exists()


def test_import_prints_the_unbalance_of_every_increment(case_folder):
    told = romtool("import", case_folder / "case.toml", "--overwrite")
    assert told.code == 0, told.err
    assert "base: unbalance of the recomputed stresses with the loads" in told.out
    assert "largest difference from the solver's stresses" in told.out
    assert told.out.count("│ 0.25 ") >= 1
    checked = romtool("import", case_folder / "case.toml", "--json").json["balance"]
    for entry in checked.values():
        assert max(entry["unbalance"]) < 1e-7
        assert max(entry["stress_difference"]) < 1e-7
        assert max(entry["solver_unbalance"]) < 1e-7
        assert entry["causes"] == []


def test_a_load_far_from_the_training_is_remarked_on(case_folder, tmp_path):
    load = case_folder / "loads" / "far.toml"
    load.write_text('name = "far"\n[[loads]]\nname = "END"\nscale = -1.2\n')
    far = romtool("online", case_folder / "model", load, "-o", tmp_path)
    near = romtool("online", case_folder / "model", case_folder / "loads" / "new.toml", "-o", tmp_path)
    assert "far: outside the training: pressure on END: 0 to 144, trained on -144 to 0" in far.err
    assert "warning: far: the error of " in far.err
    assert "is beyond what the model was calibrated for; run with --adapt" in far.err
    assert "warning" not in near.err
