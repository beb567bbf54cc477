"""Bad input: one line, exit code 2, and nothing left behind."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.small_case import deck_text, romtool


def refuse(words: str, *arguments: object, out: Path) -> None:
    """Run a command that must fail in one line and leave nothing at or beside its output."""
    before = sorted(out.parent.iterdir()) if out.parent.exists() else []
    failed = romtool(*arguments)
    assert failed.code == 2, failed.err
    assert re.search(words, failed.error), failed.error
    assert "Traceback" not in failed.err
    assert (sorted(out.parent.iterdir()) if out.parent.exists() else []) == before


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_missing_case_file(tmp_path):
    out = tmp_path / "m"
    refuse("case.toml", "offline", tmp_path / "case.toml", "-o", out, out=out)


def test_unknown_key_names_the_nearest(case_folder):
    edit(case_folder / "case.toml", "[pod]\ntolerance", "[pod]\ntolerence")
    out = case_folder / "m"
    refuse("tolerence.*tolerance", "offline", case_folder / "case.toml", "-o", out, out=out)


def test_unknown_set_names_the_nearest(case_folder):
    (case_folder / "case.toml").write_text(
        (case_folder / "case.toml").read_text() + '[[dirichlet]]\nname = "X0"\nnodes = "XO"\ncomponents = ["x"]\n'
    )
    out = case_folder / "m"
    refuse("'XO'.*'X0'", "offline", case_folder / "case.toml", "-o", out, out=out)


def test_law_parameter_out_of_range(case_folder):
    (case_folder / "box.inp").write_text(deck_text(young="200000., 0.6"))
    out = case_folder / "m"
    refuse("poisson.*0.6", "offline", case_folder / "case.toml", "-o", out, out=out)


def test_inverted_element(case_folder):
    nodes = "13, 2, 11, 14, 5, 1, 10, 13, 4"
    (case_folder / "box.inp").write_text(deck_text(extra_element=nodes))
    out = case_folder / "m"
    refuse("Jacobian", "offline", case_folder / "case.toml", "-o", out, out=out)


def test_results_of_another_mesh(case_folder):
    edit(case_folder / "box.inp", "36, 3, 1, 1", "36, 3, 1, 1.1")
    out = case_folder / "m"
    refuse("another mesh", "offline", case_folder / "case.toml", "-o", out, out=out)


def test_missing_results(case_folder):
    edit(case_folder / "case.toml", "ref/base", "ref/bose")
    out = case_folder / "m"
    refuse("bose", "offline", case_folder / "case.toml", "-o", out, out=out)


def test_temperature_field_of_wrong_length(case_folder):
    np.save(case_folder / "field.npy", np.full(35, 20.0))
    load = case_folder / "loads" / "hot.toml"
    load.write_text('name = "hot"\n[temperature]\ninitial = 20.0\nentries = [{ time = 0.0, field = "../field.npy" }]\n')
    out = case_folder / "out"
    refuse("35 values.*36 nodes", "online", case_folder / "model", load, "-o", out, out=out)
    refuse("35 values.*36 nodes", "solve", case_folder / "case.toml", load, "-o", out, out=out)


def test_load_on_a_set_that_the_model_was_not_trained_for(case_folder):
    load = case_folder / "loads" / "other.toml"
    load.write_text('name = "other"\n[[loads]]\nname = "END"\nkind = "pressure"\nfaces = "SIDE"\nvalue = 1.0\n')
    out = case_folder / "out"
    refuse("'SIDE'.*not trained.*END", "online", case_folder / "model", load, "-o", out, out=out)


def test_unknown_load_name(case_folder):
    load = case_folder / "loads" / "other.toml"
    load.write_text('name = "other"\n[[loads]]\nname = "ENDE"\nscale = 2.0\n')
    out = case_folder / "out"
    refuse('"ENDE".*"?END', "online", case_folder / "model", load, "-o", out, out=out)


def test_nan_in_snapshots(case_folder):
    import h5py

    with h5py.File(case_folder / "ref" / "base" / "times-000000" / "subdomain-0000.h5", "r+") as file:
        file["fields/u"][2, 3, 1] = np.nan
    out = case_folder / "m"
    refuse("'base'.*time 0.5.*NaN", "offline", case_folder / "case.toml", "-o", out, out=out)


def test_existing_output(case_folder):
    model = case_folder / "model"
    stamp = (model / "model.h5").stat().st_mtime_ns
    refuse("model exists.*--overwrite", "offline", case_folder / "case.toml", "-o", model, out=model)
    assert (model / "model.h5").stat().st_mtime_ns == stamp
    out, load = case_folder / "ref" / "new", case_folder / "loads/new.toml"
    refuse("exists.*--overwrite", "solve", case_folder / "case.toml", load, "-o", out.parent, out=out)
    replaced = romtool("offline", case_folder / "case.toml", "-o", model, "--overwrite", "-q")
    assert replaced.code == 0
    assert (model / "model.h5").stat().st_mtime_ns != stamp


def test_same_load_name_twice(case_folder):
    loads = case_folder / "loads"
    (loads / "again.toml").write_text('name = "new"\n')
    out = case_folder / "out"
    refuse('"new"', "online", case_folder / "model", loads / "new.toml", loads / "again.toml", "-o", out, out=out)


@pytest.mark.parametrize("size", [0, 100, 4000])
def test_truncated_model(case_folder, size):
    model = case_folder / "model" / "model.h5"
    model.write_bytes(model.read_bytes()[:size])
    out = case_folder / "out"
    refuse("model.h5", "online", case_folder / "model", case_folder / "loads/new.toml", "-o", out, out=out)


def test_unknown_file(tmp_path):
    (tmp_path / "x.abc").write_text("nothing")
    out = tmp_path / "case"
    refuse("abc", "init", tmp_path / "x.abc", "-o", out, out=out)
    refuse("missing.frd", "info", tmp_path / "missing.frd", out=out)


def test_unknown_option_and_command(tmp_path):
    assert romtool("ofline").code == 2
    assert romtool("offline", "--tolerance", "3").code == 2
