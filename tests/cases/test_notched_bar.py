"""The notched bar: the commands of its README, on a coarse mesh, and what they find."""

from pathlib import Path

from tests.cli.small_case import romtool
from tests.docs.commands import ROOT, lines_of, run
from tests.docs.worlds import in_repository, write_small

README = ROOT / "cases" / "notched-bar" / "README.md"


def test_the_commands_of_the_readme(tmp_path, monkeypatch):
    folder = in_repository(tmp_path, tmp_path / "world")
    monkeypatch.chdir(folder)
    coarse = {
        "cases/notched-bar/make.py": write_small("--cells", "4", "2", "6"),
        "cases/picture.py": lambda there, words: None,
    }
    for line in lines_of(README):
        run(line.text, folder, coarse)
    errors = romtool("compare", "bar-out/between", "bar-work/ref/between", "--json").json["fields"]
    assert errors["u"]["relative_l2"] < 2e-3
    assert errors["stress"]["relative_l2"] < 1e-2
    assert errors["p"]["relative_l2"] < 5e-2
    histories = Path("bar-out/between/quantities.csv").read_text(encoding="utf-8").splitlines()
    largest = [float(row.split(",")[1]) for row in histories[1:]]
    assert largest == sorted(largest)
    cycles = largest[16], largest[32], largest[48]
    assert cycles[2] > cycles[1] > cycles[0] > 1e-4  # every cycle adds to it
