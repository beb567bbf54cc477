"""`romtool online --adapt`: what it prints and keeps, and how it refuses and fails."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.small_case import Outcome, romtool

SPOT = "20 + 250*exp(-4*(z-0.5)**2)"
COLD = "[temperature]\ninitial = 20.0\nentries = [{ time = 0.0, value = 20.0 }"
NEW_FIELD = f'{COLD}, {{ time = 1.0, expression = "{SPOT}" }}]\n'
WEAK_FIELD = f"{COLD}, {{ time = 1.0, value = 20.0 }}]\n"


def write_load(folder: Path, name: str, pressure: float, more: str = "") -> Path:
    path = folder / "loads" / f"{name}.toml"
    path.write_text(f'name = "{name}"\n[[loads]]\nname = "END"\nscale = {pressure}\n{more}')
    return path


def adapt(case_folder: Path, *arguments: object, out: str = "out") -> Outcome:
    return romtool("online", case_folder / "model", *arguments, "-o", case_folder / out, "--adapt")


def errors(case_folder: Path, result: Path, load: Path) -> dict[str, float]:
    """Return field -> relative_l2 of a result against the built-in solver."""
    done = romtool("solve", case_folder / "case.toml", load, "-o", case_folder / "exact", "-q", "--overwrite")
    assert done.code == 0, done.err
    found = romtool("compare", result, case_folder / "exact" / load.stem, "--json").json["fields"]
    return {name: found[name]["relative_l2"] for name in ("u", "p", "stress")}


def test_a_new_load_is_repaired_and_every_step_is_reported(case_folder):
    load = write_load(case_folder, "far", 1.6, NEW_FIELD)
    done = adapt(case_folder, load, "--json", "--tolerance", 5e-3)
    assert done.code == 0, done.err
    (entry,) = done.json["loads"]
    assert set(entry) >= {
        "name",
        "n_steps",
        "iterations",
        "enrichments",
        "indicator",
        "bound",
        "status",
        "repairs",
        "seconds",
    }
    assert set(entry["seconds"]) == {"load", "march", "write"}
    assert set(entry["bound"]) == set(entry["indicator"]) == set(entry["status"]) == {"p", "stress"}
    assert all(len(values) == 5 for key in ("bound", "indicator", "status") for values in entry[key].values())
    for field in ("p", "stress"):
        for value, bound, status in zip(
            entry["indicator"][field], entry["bound"][field], entry["status"][field], strict=True
        ):
            assert (value is None) == (bound is None) == (status == "elastic")
    assert entry["status"]["p"][0] == "elastic"
    steps = [repair["step"] for repair in entry["repairs"]]
    assert steps[0] == 0
    assert len(steps[1:]) == entry["enrichments"] > 0
    assert entry["repairs"][0]["bound"]["p"] == [None, None]
    assert set(entry["repairs"][-1]) >= {"time", "iterations", "errors", "n_modes", "n_points", "growth", "seconds"}
    assert any("outside the training" in line for line in done.err.splitlines())
    assert any(text.startswith("temperature field: ") for text in entry["outside"])
    assert max(errors(case_folder, case_folder / "out" / "far", load).values()) < 1e-2


def test_without_adapt_the_bounds_are_reported_too(case_folder):
    load = write_load(case_folder, "far", 1.6)
    (entry,) = romtool("online", case_folder / "model", load, "-o", case_folder / "out", "--json").json["loads"]
    assert entry["enrichments"] == 0
    assert entry["repairs"] == []
    assert max(value for value in entry["bound"]["p"] if value is not None) > 0.0
    table = romtool("online", case_folder / "model", load, "-o", case_folder / "out2", "-q").out
    assert "error of p below" in table


def test_where_nothing_flows_the_indicator_is_null_and_says_elastic(case_folder):
    load = write_load(case_folder, "weak", 0.3, WEAK_FIELD)
    done = adapt(case_folder, load, "--json")
    (entry,) = done.json["loads"]
    assert entry["status"]["p"] == ["elastic"] * 5
    assert entry["indicator"]["p"] == entry["bound"]["p"] == [None] * 5
    assert "NaN" not in done.out
    assert "Infinity" not in done.out


def test_a_training_load_needs_no_repair_and_writes_no_model(case_folder):
    done = adapt(case_folder, case_folder / "loads" / "base.toml", "--json")
    (entry,) = done.json["loads"]
    assert entry["enrichments"] == 0
    assert [path.name for path in (case_folder / "out" / "base").iterdir()] == ["result.h5"]
    assert max(errors(case_folder, case_folder / "out" / "base", case_folder / "loads" / "base.toml").values()) < 1e-3


def test_the_saved_model_answers_later_loads(case_folder):
    load, saved = write_load(case_folder, "far", 1.6, NEW_FIELD), case_folder / "enriched"
    done = adapt(case_folder, load, "--save-model", saved)
    assert done.code == 0, done.err
    assert (saved / "training.h5").is_file()
    told, parent = (romtool("info", folder, "--json").json for folder in (saved, case_folder / "model"))
    assert told["kind"] == "model"
    assert told["parent"] == parent["model_id"] == told["lineage"][-1]["id"]
    assert told["lineage"][-1]["created"] == parent["created"] <= told["created"]
    assert told["inputs"] == parent["inputs"]
    later = romtool("online", saved, load, "-o", case_folder / "later", "--json")
    assert later.code == 0, later.err
    assert max(errors(case_folder, case_folder / "later" / "far", load).values()) < 2e-2
    again = romtool("online", saved, load, "-o", case_folder / "again", "--adapt", "--json")
    assert again.json["loads"][0]["repairs"] == []
    shutil.copy(saved / "model.h5", case_folder / "alone.h5")
    alone = romtool("online", case_folder / "alone.h5", load, "-o", case_folder / "alone", "--json")
    assert alone.json["loads"][0]["bound"] == later.json["loads"][0]["bound"]


def test_full_fields_of_a_repaired_run_come_from_the_model_in_its_folder(case_folder):
    load = write_load(case_folder, "far", 1.6, NEW_FIELD)
    assert adapt(case_folder, load, "-q").code == 0
    moved = Path(shutil.move(case_folder / "out" / "far", case_folder / "moved"))
    assert (moved / "model" / "model.h5").is_file()
    shutil.rmtree(case_folder / "model")
    written = romtool("fields", moved, "--at", "1.0", "--names", "u,p,stress", "-o", case_folder / "f.xdmf")
    assert written.code == 0, written.err


def test_a_load_starts_with_what_the_loads_before_it_taught(case_folder):
    first = write_load(case_folder, "first", 1.6, NEW_FIELD)
    second = write_load(case_folder, "second", 1.61, NEW_FIELD)
    strictly = ("--json", "--tolerance", 1e-3)
    both = adapt(case_folder, first, second, *strictly, out="both").json["loads"]
    alone = adapt(case_folder, second, *strictly, out="alone").json["loads"]
    assert both[1]["enrichments"] < alone[0]["enrichments"]
    ids = [romtool("info", case_folder / "both" / name, "--json").json for name in ("first", "second")]
    assert all(entry["kind"] == "result" for entry in ids)
    assert ids[1]["enrichments"] == 0
    assert ids[1]["model"] == "../first/model"
    fields = romtool(
        "fields", case_folder / "both" / "second", "--at", "1.0", "--names", "u", "-o", case_folder / "f.xdmf"
    )
    assert fields.code == 0, fields.err
    enriched = case_folder / "both" / "first" / "model"
    third = write_load(case_folder, "third", 1.62, NEW_FIELD)
    again = romtool(
        "online", enriched, third, "-o", case_folder / "again", "--adapt", "--tolerance", 1e-7, "--max-enrichments", 1
    )
    assert again.code == 0, again.err
    models = [romtool("info", path, "--json").json for path in (enriched, case_folder / "again" / "third" / "model")]
    assert [entry["id"] for entry in models[1]["lineage"]] == [models[0]["parent"], models[0]["model_id"]]


def test_no_more_repairs_than_allowed(case_folder):
    load = write_load(case_folder, "far", 1.6, NEW_FIELD)
    done = adapt(case_folder, load, "--json", "--max-enrichments", 1, "--no-predictor", "--tolerance", 1e-5)
    assert done.json["loads"][0]["enrichments"] == 1
    assert [repair["step"] > 0 for repair in done.json["loads"][0]["repairs"]] == [True]
    assert "warning: far: 1 repairs are done" in done.err


def edit_newton(folder: Path, **values: int) -> None:
    """Change Newton settings that the model's memory of its training holds."""
    with h5py.File(folder / "model" / "training.h5", "r+") as file:
        for name, value in values.items():
            file[f"record/settings/newton/{name}"].attrs["value"] = value


def test_a_high_fidelity_step_that_fails_ends_the_run_with_its_steps_kept(case_folder):
    edit_newton(case_folder, max_iterations=1, max_cuts=0)
    load = write_load(case_folder, "far", 1.6, NEW_FIELD)
    done = adapt(case_folder, load, "--json", "--save-model", case_folder / "saved")
    assert done.code == 1
    assert "far: no convergence from t = " in done.error
    assert "try smaller increments in [time]" in done.error
    assert str(case_folder / "out" / "far") in done.error
    told = json.loads(done.out)["error"]
    assert told["code"] == "ConvergenceError"
    facts = romtool("info", case_folder / "out" / "far", "--json").json
    assert facts["kind"] == "result"
    assert 1 <= len(facts["times"]) < 5
    assert not (case_folder / "saved").exists()
    assert not list(case_folder.glob("**/.*part-*"))


def listing(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name != "f.npy")


def refuse(words: str, case_folder: Path, *arguments: object, model: str = "model") -> None:
    before = listing(case_folder)
    done = romtool("online", case_folder / model, *arguments, "-o", case_folder / "out")
    assert done.code == 2, done.err
    assert words in done.error
    assert listing(case_folder) == before


def test_what_cannot_be_adapted_is_refused_before_anything_is_written(case_folder):
    load = write_load(case_folder, "far", 1.6)
    model = case_folder / "model"
    shutil.copy(model / "model.h5", case_folder / "alone.h5")
    refuse(
        "alone.h5: the whole model folder with training.h5 is needed", case_folder, load, "--adapt", model="alone.h5"
    )
    refuse("absent: no model here", case_folder, load, "--adapt", model="absent")
    refuse("model exists", case_folder, load, "--adapt", "--save-model", model)
    refuse("is where a result goes", case_folder, load, "--adapt", "--save-model", case_folder / "out" / "far")
    for option, value in (("--tolerance", 0.01), ("--save-model", case_folder / "m"), ("--petsc", "-ksp_view")):
        refuse(f"{option} goes with --adapt", case_folder, load, option, value)
    refuse("--tolerance", case_folder, load, "--adapt", "--tolerance", 0)
    (model / "training.h5").rename(case_folder / "kept.h5")
    refuse("training.h5", case_folder, load, "--adapt")


def test_a_memory_of_another_model_is_refused(case_folder):
    with h5py.File(case_folder / "model" / "training.h5", "r+") as file:
        file["model_id"].attrs["value"] = "another"
    refuse("training.h5: belongs to another model", case_folder, write_load(case_folder, "far", 1.6), "--adapt")


@pytest.mark.parametrize("name", ["training.h5", "subdomain-0000.h5"])
def test_a_damaged_model_folder_is_refused(case_folder, name):
    path = case_folder / "model" / name
    path.write_bytes(path.read_bytes()[:3000])
    refuse(name, case_folder, write_load(case_folder, "far", 1.6), "--adapt")


def test_one_wrong_load_among_others_stops_all_before_the_first(case_folder):
    good = write_load(case_folder, "good", 1.6)
    strange = write_load(case_folder, "strange", 1.0)
    strange.write_text('name = "strange"\n[[loads]]\nname = "END"\nkind = "pressure"\nfaces = "SIDE"\nvalue = 1.0\n')
    for flags in (["--adapt"], []):
        refuse("'SIDE'", case_folder, good, strange, *flags)
    np.save(case_folder / "f.npy", np.zeros(35))
    wrong = write_load(
        case_folder, "wrong", 1.0, '[temperature]\ninitial = 20.0\nentries = [{ time = 0.0, field = "../f.npy" }]\n'
    )
    refuse("35 values", case_folder, good, wrong, "--adapt")


def test_existing_results_are_kept_unless_overwrite_is_given(case_folder):
    load = write_load(case_folder, "far", 1.6)
    assert adapt(case_folder, load, "-q", "--save-model", case_folder / "saved").code == 0
    stamp = (case_folder / "out" / "far" / "result.h5").stat().st_mtime_ns
    refuse("out/far exists", case_folder, load, "--adapt")
    assert (case_folder / "out" / "far" / "result.h5").stat().st_mtime_ns == stamp
    done = adapt(case_folder, load, "-q", "--save-model", case_folder / "saved", "--overwrite")
    assert done.code == 0, done.err
    assert (case_folder / "out" / "far" / "result.h5").stat().st_mtime_ns != stamp
