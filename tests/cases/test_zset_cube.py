"""Z-set's cube: the commands of its README, and the numbers that it promises."""

import re

import pytest

from tests.cli.small_case import romtool
from tests.docs.commands import ROOT, lines_of, run
from tests.docs.worlds import beside_zset

README = ROOT / "cases" / "zset-cube" / "README.md"


def promised(row: str) -> list[float]:
    """Return the numbers of a row of the README's table: of u, stress, p."""
    line = next(line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {row}"))
    return [float(number) for number in re.findall(r"(?<=\| )[\d.e-]+(?= \|)", line)]


def test_the_commands_and_numbers_of_the_readme(tmp_path, monkeypatch):
    folder = beside_zset(tmp_path, tmp_path / "world")
    monkeypatch.chdir(folder)
    for line in lines_of(README):
        run(line.text, folder, {"cases/picture.py": lambda there, words: None})
    for a, b, row in (
        ("cube-out/same", "MecaSequential/cube.ut", "Z-set's own loading"),
        ("cube-out/far", "cube-ref/far", "`far.toml`"),
        ("cube-adapted/far", "cube-ref/far", "the same with `--adapt`"),
    ):
        fields = romtool("compare", a, b, "--json").json["fields"]
        found = [fields[name]["relative_l2"] for name in ("u", "stress", "p")]
        assert found == pytest.approx(promised(row), rel=0.05), row


def test_other_data_are_refused(tmp_path):
    with pytest.raises(AssertionError, match=r"holds no cube\.inp; give the folder MecaSequential"):
        run(f"python {ROOT}/cases/zset-cube/make.py {tmp_path} -o cube-work", tmp_path, {})
