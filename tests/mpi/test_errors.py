"""Failures on several ranks: one clear line, the exit code, nothing left behind, and never a hang."""

import os
import shutil
from pathlib import Path

import h5py
import pytest

from romtool.linalg.reduction import SerialComm
from romtool.pipeline.offline import offline
from romtool.pipeline.online import online
from tests.mpi.cases import on_ranks, say, write_cube

ONE_RANK_FAILS = """
from romtool.cli.main import main
from romtool.pipeline import offline, ranks
from romtool.errors import ConvergenceError
before = offline.load_training
def load(folder, dataset, comm):
    if comm.rank == 1:
        raise {error}("the second rank has no luck")
    return before(folder, dataset, comm)
offline.load_training = load
main()
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A case of two subdomains with its dataset, model and one result."""
    folder = tmp_path_factory.mktemp("errors")
    case = write_cube(folder / "case", 2, SerialComm())
    offline(case, folder / "model", SerialComm(), say)
    (folder / "same.toml").write_text('name = "same"\n')
    online(folder / "model", [folder / "same.toml"], folder / "out", say)
    return folder


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    """A private copy."""
    return Path(shutil.copytree(trained, tmp_path / "work"))


def refuse(words: str, folder: Path, n_ranks: int, *arguments: object) -> None:
    """The command leaves with exit code 2, one line that holds the words, and no new file."""
    before = sorted(folder.rglob("*"))
    run = on_ranks(n_ranks, *arguments)
    assert run.code == 2, run.err
    assert len(run.errors) == 1, run.err
    assert words in run.errors[0]
    left = [path for path in folder.rglob("*") if path.name != ".m.lock"]  # which nobody holds any more
    assert sorted(left) == before


def test_more_ranks_than_subdomains(folder):
    refuse("3 ranks for 2 subdomains", folder, 3, "offline", folder / "case/case.toml", "-o", folder / "m")
    refuse("3 ranks for 2 subdomains", folder, 3, "fields", folder / "out", "-o", folder / "f.pvd")


def test_missing_file_of_a_subdomain(folder):
    (folder / "case/dataset/subdomain-0001.h5").unlink()
    refuse("subdomain-0001.h5", folder, 2, "offline", folder / "case/case.toml", "-o", folder / "m", "-q")
    (folder / "model/subdomain-0001.h5").unlink()
    refuse("subdomain-0001.h5", folder, 2, "fields", folder / "out", "-o", folder / "f.pvd")


def test_truncated_file_of_a_subdomain(folder):
    for path in ("case/dataset/subdomain-0001.h5", "model/subdomain-0001.h5"):
        os.truncate(folder / path, 3000)
    refuse("subdomain-0001.h5", folder, 2, "offline", folder / "case/case.toml", "-o", folder / "m", "-q")
    refuse("subdomain-0001.h5", folder, 2, "fields", folder / "out", "-o", folder / "f.pvd")


def test_file_of_another_import(folder):
    for path in ("case/dataset/subdomain-0001.h5", "model/subdomain-0001.h5"):
        with h5py.File(folder / path, "r+") as file:
            file.attrs["id"] = "another"
    refuse("subdomain-0001.h5: belongs", folder, 2, "offline", folder / "case/case.toml", "-o", folder / "m", "-q")
    refuse("subdomain-0001.h5: belongs", folder, 2, "fields", folder / "out", "-o", folder / "f.pvd")
    again = on_ranks(2, "import", folder / "case/case.toml", "--overwrite", "-q")
    assert again.code == 0, again.err
    assert on_ranks(2, "import", folder / "case/case.toml").err.count("is up to date") == 1


def test_wrong_input_is_told_once_as_json(folder):
    run = on_ranks(2, "offline", folder / "absent.toml", "-o", folder / "m", "--json")
    assert run.code == 2
    assert run.out.count('{"error"') == 1
    assert len(run.errors) == 1
    assert len(on_ranks(2, "offline", "--nothing").errors) == 1
    assert len(on_ranks(2, "compare", folder / "absent", folder / "out").errors) == 1


def test_results_are_printed_once(folder):
    run = on_ranks(2, "info", folder / "model", "--json")
    assert run.code == 0
    assert run.out.count('"kind": "model"') == 1
    assert on_ranks(2, "offline", "--help").out.count("Usage:") == 1


@pytest.mark.parametrize(("error", "code"), [("ConvergenceError", 1), ("RuntimeError", 1)])
def test_a_rank_that_fails_alone_ends_all(folder, error, code):
    before = sorted(folder.rglob("*"))
    script = ONE_RANK_FAILS.format(error=error)
    run = on_ranks(2, "offline", folder / "case/case.toml", "-o", folder / "m", "-q", script=script, timeout=40)
    assert run.code == code
    assert len(run.errors) == 1
    assert "rank 1: " in run.errors[0]
    assert "no luck" in run.errors[0]
    assert run.seconds < 20
    left = [path for path in folder.rglob("*") if path.name != ".m.lock"]  # which nobody holds any more
    assert sorted(left) == before
