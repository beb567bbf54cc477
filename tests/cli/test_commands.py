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
    assert "full fields need the whole model folder" in refused.error


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
