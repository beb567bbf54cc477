"""The design for a given life, on a coarser mesh: the optimum has the life, and `solve` agrees with it."""

import importlib
import sys
from pathlib import Path

import pytest

from tests.cli.small_case import romtool

CASE = Path(__file__).parents[2] / "cases" / "lifetime-design"


@pytest.fixture(scope="module")
def scripts():
    """The case's scripts, as modules."""
    names = ("design", "make", "optimise")
    others = {name: sys.modules.pop(name) for name in names if name in sys.modules}  # of other cases
    sys.path.insert(0, str(CASE))
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(CASE))
    for name in names:
        del sys.modules[name]
    sys.modules.update(others)


@pytest.fixture(scope="module")
def folder(scripts, tmp_path_factory) -> Path:
    """The case on a coarse mesh, three cycles, solved and trained."""
    work = tmp_path_factory.mktemp("design")
    scripts["make"].write_case(work, (5, 3, 1))
    case = work / "case.toml"
    case.write_text(case.read_text().replace("cycles = 6", "cycles = 3"))
    loads = sorted((work / "loads").glob("*.toml"))
    for command in (("solve", case, *loads, "-o", work / "ref"), ("offline", case, "-o", work / "model")):
        done = romtool(*command, "-q")
        assert done.code == 0, done.err
    return work


def test_the_nearest_design_has_the_life(scripts, folder):
    optimise = scripts["optimise"]
    target = 1.5 * optimise.Designs(folder).cycles(*optimise.WANTED)
    found = optimise.optimise(folder, target)
    assert found["cycles"] == pytest.approx(target, rel=1e-3)
    assert found["cycles_wanted"] == pytest.approx(target / 1.5, rel=1e-9)
    assert 0.0 < found["derating"] < 0.2
    assert found["answers"] < 120
    along = [(heat, optimise.Designs(folder).speed_for(heat, target)) for heat in (0.97, 1.03)]
    assert all(optimise.derating(*design) > found["derating"] for design in along)
    (folder / "best.toml").write_text(scripts["design"].load_text("best", found["temperature"], found["speed"]))
    done = romtool("solve", folder / "case.toml", folder / "best.toml", "-o", folder / "check", "-q")
    assert done.code == 0, done.err
    checked = romtool("life", folder / "check" / "best", folder / "life.toml", "--json", "-q")
    assert checked.code == 0, checked.err
    assert checked.json["cycles_to_failure"] == pytest.approx(target, rel=0.1)
