"""Small worlds for the commands of a page: its names, on a box of twelve elements."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cli.small_case import deck_text, romtool, write_case
from tests.shared_data import shared

ROOT = Path(__file__).parents[2]
HEAT = {"nominal": 300, "low": 240, "high": 360, "unseen": 320, "hotter": 420}


def write_blade(folder: Path, words: list[str]) -> None:
    """Write in place of the blade, which has 13,000 unknowns, a box with the names of its files."""
    out = folder / words[words.index("-o") + 1]
    for part in ("solver", "loads"):
        (out / part).mkdir(parents=True, exist_ok=True)
    for name, heat in HEAT.items():
        deck = deck_text().replace("0.25, 1.", "386., 3860.")
        (out / "solver" / f"{name}.inp").write_text(_heated(deck, heat / 300.0))
        (out / "loads" / f"{name}.toml").write_text(
            f'name = "{name}"\n[temperature]\ninitial = 20.0\nentries = [\n{{ time = 0.0, value = 20.0 }},\n'
            f'{{ time = 3860.0, expression = "20 + {heat} * exp(-4 * y**2)" }},\n]\n'
        )
    case = (ROOT / "cases" / "blade" / "case.toml").read_text().replace("subdomains = 4", "subdomains = 1")
    if "--without-ccx" in words:
        case = re.sub(r'results = "solver/(\w+)\.frd"', r'results = "ref/\1"\nload = "loads/\1.toml"', case)
    (out / "case.toml").write_text(case)


def _heated(deck: str, factor: float) -> str:
    """Scale the temperature of the step about 20, and ask for results at the points."""
    head, heat = deck.split("*TEMPERATURE\n")
    rows = [row.split(", ") for row in heat.split("*END STEP")[0].splitlines()]
    scaled = "\n".join(f"{node}, {20.0 + factor * (float(value) - 20.0):.12g}" for node, value in rows)
    outputs = "*NODE FILE\nU, NT\n*EL PRINT, ELSET=EALL\nS, PEEQ\n*END STEP\n"
    return f"{head}*TEMPERATURE\n{scaled}\n{outputs}"


def write_box(folder: Path) -> None:
    """Write the box case, solved, trained and answered: case.toml, box.inp, loads/, ref/, model/, out/."""
    case = write_case(folder)
    for arguments in (
        ("offline", case, "-o", folder / "model"),
        ("online", folder / "model", folder / "loads" / "new.toml", "-o", folder / "out"),
    ):
        done = romtool(*arguments, "-q")
        assert done.code == 0, done.err


def in_box(template: Path, folder: Path) -> Path:
    """Return a folder with a copy of the box case."""
    shutil.copytree(template, folder)
    (folder / "study.toml").write_text(STUDY)
    (folder / "families.toml").write_text(_families())
    loads = [folder / "loads" / f"family-{i}.toml" for i in range(4)]
    for i, load in enumerate(loads):
        load.write_text(f'name = "family-{i}"\n[[loads]]\nname = "END"\nscale = {1.0 + 0.1 * i}\n')
    done = romtool("solve", folder / "case.toml", *loads, "-o", folder / "ref", "-q")
    assert done.code == 0, done.err
    done = romtool("fields", folder / "ref" / "new", "--names", "T", "--at", "1.0", "-o", folder / "thermal.vtu")
    assert done.code == 0, done.err
    for made in ("ref/new", "out", "model"):
        shutil.rmtree(folder / made)
    return folder


STUDY = """name = "scatter"
draws = 8
[[random]]
target = "loads.END.scale"
distribution = { name = "norm", loc = 1.0, scale = 0.05 }
"""


def _families() -> str:
    """Return a case of four simulations."""
    entries = [
        f'[[simulations]]\nname = "family-{i}"\nresults = "ref/family-{i}"\nload = "loads/family-{i}.toml"\n'
        + ('deck = "box.inp"\n' if i == 0 else "")
        for i in range(4)
    ]
    return '[case]\nname = "families"\n' + "".join(entries)


def in_trained(template: Path, folder: Path) -> Path:
    """Return a folder with the box case, its model and its answers, and the load and life files of a cycle."""
    shutil.copytree(template, folder)
    (folder / "study.toml").write_text(STUDY)
    (folder / "cyclic.toml").write_text('name = "cyclic"\n[[loads]]\nname = "END"\nscale = 1.15\n')
    (folder / "life.toml").write_text(LIFE)
    done = romtool("online", folder / "model", folder / "cyclic.toml", "-o", folder / "out", "-q")
    assert done.code == 0, done.err
    return folder


LIFE = """[[models]]
law = "morrow"
[models.parameters]
young = 2.0e5
sigma_f = 900.0
b = -0.09
epsilon_f = 0.5
c = -0.6
"""


def in_parts(template: Path, folder: Path) -> Path:
    """Return the same in two subdomains."""
    in_box(template, folder)
    with (folder / "case.toml").open("a") as file:
        file.write("[partition]\nsubdomains = 2\n")
    return folder


def in_repository(template: Path, folder: Path) -> Path:
    """Return a folder in which `cases` are those of the repository."""
    folder.mkdir()
    (folder / "cases").symlink_to(ROOT / "cases")
    return folder


def beside_zset(template: Path, folder: Path) -> Path:
    """Return such a folder with Z-set's data in it."""
    in_repository(template, folder)
    (folder / "MecaSequential").symlink_to(shared("zset", "MecaSequential"))
    return folder


def nothing(folder: Path, words: list[str]) -> None:
    """Take the place of what only a user's shell needs."""


def write_own_bar(folder: Path, words: list[str]) -> None:
    """Write a coarse bar, and the load file of the page."""
    run_script(folder, [*words, "--cells", "6", "2", "10"])
    page = (ROOT / "docs" / "own-results.md").read_text(encoding="utf-8")
    load = next(text for text in re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S) if 'name = "stronger"' in text)
    (folder / words[words.index("-o") + 1] / "stronger.toml").write_text(load)


def write_small(*options: str) -> Callable[[Path, list[str]], None]:
    """Return what runs a script with options that make its case small."""
    return lambda folder, words: run_script(folder, [*words, *options])


def run_script(folder: Path, words: list[str]) -> None:
    """Run a script of `cases` in a process of its own."""
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
