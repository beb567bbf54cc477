"""`romtool slurm` from the command line: every form, what is asked for, and what is refused."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.small_case import deck_text, romtool

CASE = """[case]
name = "box"
[[simulations]]
name = "base"
deck = "box.inp"
[partition]
subdomains = 4
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A case without results, as the working folder; no site file."""
    (tmp_path / "loads").mkdir()
    (tmp_path / "box.inp").write_text(deck_text())
    (tmp_path / "case.toml").write_text(CASE)
    for name in ("a", "b"):
        (tmp_path / "loads" / f"{name}.toml").write_text(f'name = "{name}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ROMTOOL_SITE", raising=False)
    return tmp_path


OFFLINE = ("--", "offline", "case.toml", "-o", "model")


def test_a_script_goes_to_stdout_or_to_a_file(folder):
    told = romtool("slurm", *OFFLINE)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("#!/bin/bash\n#SBATCH --job-name=romtool-offline\n")
    assert romtool("slurm", "-o", "train.sbatch", *OFFLINE).out == "train.sbatch\n"
    assert (folder / "train.sbatch").read_text() == told.out
    assert subprocess.run(["bash", "-n", "train.sbatch"], check=False).returncode == 0
    assert "train.sbatch exists; give --overwrite" in romtool("slurm", "-o", "train.sbatch", *OFFLINE).error
    assert romtool("slurm", "--overwrite", "-o", "train.sbatch", *OFFLINE).code == 0


def test_ranks_and_memory_come_from_the_case(folder):
    found = romtool("slurm", "--json", "--time", "2:00:00", *OFFLINE).json
    assert (found["tasks"], found["nodes"], found["time"], found["jobs"]) == (4, 1, "02:00:00", {})
    assert found["memory_megabytes"] > 4 * 350
    assert any("the program" in line for line in found["remarks"])
    found = romtool("slurm", "--json", "-n", "2", "--memory", "3G", *OFFLINE).json
    assert (found["tasks"], found["memory_megabytes"], found["remarks"]) == (2, 3000, ["Memory as asked for."])


def test_a_site_file_limits_a_node(folder):
    (folder / "site.toml").write_text('[slurm]\ntasks_per_node = 4\nmemory_per_node = "1G"\npartition = "big"\n')
    found = romtool("slurm", "--site", "site.toml", "--json", *OFFLINE).json
    assert (found["tasks"], found["nodes"]) == (4, 2)
    assert "--partition=big\n" in found["script"]
    assert "--partition=small\n" in romtool("slurm", "--site", "site.toml", "--partition", "small", *OFFLINE).out
    (folder / "site.toml").write_text('[slurm]\nmemory_per_node = "100M"\n')
    assert "which has 100; ask for more ranks" in romtool("slurm", "--site", "site.toml", *OFFLINE).error


def test_many_loads_and_draws_are_arrays(folder):
    loads = ("loads/a.toml", "loads/b.toml")
    found = romtool("slurm", "--memory", "1G", "--json", "--", "online", "model", *loads, "-o", "out").json
    assert found["array"] == list(loads)
    told = romtool("slurm", "--memory", "1G", "--no-array", "--", "online", "model", *loads, "-o", "out").out
    assert "--array" not in told
    told = romtool("slurm", "--shares", "3", "--at-once", "2", "--", "study", "model", "study.toml", "-o", "s").out
    assert "#SBATCH --array=0-2%2\n" in told
    assert "no estimate of its memory" in told


def test_a_whole_case_is_a_chain(folder):
    done = romtool("slurm", "--pipeline", "case.toml", "loads/a.toml", "loads/b.toml", "-o", "run", "--json")
    assert done.code == 0, done.err
    names = ["import.sbatch", "offline.sbatch", "online.sbatch", "report.sbatch", "submit.sh"]
    assert done.json == {"files": [f"run/jobs/{name}" for name in names], "jobs": {}}
    assert (
        "command=(report --output run/report.html run/model run/out/a run/out/b)"
        in (folder / "run" / "jobs" / "report.sbatch").read_text()
    )
    assert "exists" in romtool("slurm", "--pipeline", "case.toml", "loads/a.toml", "-o", "run").error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--", "ofline", "case.toml"), "no command of romtool that a job could run"),
        (("--", "offline", "case.toml"), "Missing option '-o'"),
        (("--", "offline", "case.toml", "-o", "model", "--modes", "3"), "No such option"),
        (("-n", "5", *OFFLINE), "5 ranks for 4 subdomains"),
        (("--nodes", "9", *OFFLINE), "9 nodes for 4 ranks"),
        (("--time", "soon", *OFFLINE), "'soon' is no time limit"),
        (("--memory", "much", *OFFLINE), "'much' is no amount of memory"),
        (("--site", "none.toml", *OFFLINE), "none.toml: no such file"),
        (("--shares", "2", *OFFLINE), "--shares is for a study"),
        (("--pipeline", "case.toml", "-o", "run"), "--pipeline takes a case file, load files"),
        (("--memory", "1G", "--submit", *OFFLINE), "sbatch is not installed here"),
    ],
)
def test_what_is_wrong_is_said_at_once(folder, monkeypatch, words, told):
    monkeypatch.setenv("PATH", str(folder))
    done = romtool("slurm", *words)
    assert done.code == (3 if "sbatch" in told else 2)
    assert told in done.error
