"""Every command line of the documentation runs, in a small world with the names of its page."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.docs import worlds
from tests.docs.commands import ROOT, StandIn, hidden_lines, lines_of, parse, run

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CASES = sorted((ROOT / "cases").rglob("README.md"))
BLADE: Mapping[str, StandIn] = {"cases/blade/make.py": worlds.write_blade, "source": worlds.nothing}
BAR: Mapping[str, StandIn] = {"cases/notched-bar/make.py": worlds.write_own_bar, "source": worlds.nothing}
SMALL: Mapping[str, StandIn] = {
    "cases/operators/bvp/make.py": worlds.write_small("--elements", "40"),
}


@dataclass(frozen=True)
class World:
    """What stands in the folder that a page begins in, and what is done in place of what takes long."""

    prepare: Callable[[Path, Path], Path] = worlds.in_repository
    stand_ins: Mapping[str, StandIn] = field(default_factory=dict)
    needs: str | None = None


WORLDS = {
    "README.md": World(stand_ins=BLADE),
    "docs/tutorial.md": World(stand_ins=BLADE, needs="ccx"),
    "docs/own-results.md": World(stand_ins=BAR, needs="ccx"),
    "docs/operators.md": World(stand_ins=SMALL),
    "docs/cluster.md": World(worlds.in_trained),
    "docs/lifetime.md": World(worlds.in_trained),
    "docs/parallel.md": World(worlds.in_parts),
}
RUN = [page for page in DOCS if any(not line.marked for line in lines_of(page))]


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Path:
    """The box case, solved, trained and answered."""
    folder = tmp_path_factory.mktemp("docs") / "box"
    worlds.write_box(folder)
    return folder


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [*DOCS, *CASES], ids=name_of)
def test_no_command_hides_in_a_block_of_no_language(page):
    assert not hidden_lines(page), "write them in ```bash, or in ```console after a $"


@pytest.mark.parametrize("page", [*DOCS, *CASES], ids=name_of)
def test_every_command_line_can_be_parsed(page):
    for line in lines_of(page):
        parse(line.text)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_every_command_runs(page, box, tmp_path, monkeypatch):
    world = WORLDS.get(name_of(page), World(worlds.in_box))
    if world.needs and not shutil.which(world.needs):
        pytest.skip(f"{world.needs} is not installed (scripts/setup.sh says how to get it)")
    folder = world.prepare(box, tmp_path / "world")
    for line in lines_of(page):
        if not line.marked:
            monkeypatch.chdir(folder)
            folder = run(line.text, folder, world.stand_ins).resolve()


def test_the_quick_start_shows_what_the_demo_runs():
    demo = (ROOT / "scripts" / "demo.sh").read_text(encoding="utf-8")
    demo = demo.replace('"$repository/', "").replace('make.py"', "make.py").replace("$reference", "solver/unseen.frd")
    run_there = {re.sub(r"^\s*run ", "", line) for line in demo.splitlines()}
    shown = [line.text for line in lines_of(ROOT / "docs" / "quick-start.md") if not line.text.startswith("bash ")]
    assert len(shown) > 6
    assert set(shown) <= run_there
