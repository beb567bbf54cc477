"""The package of docs/add-a-solver.md, installed with pip as a stranger's would be, on its own format."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from romtool.types import Mesh
from tests.structures import box

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "add-a-solver.md"


def code(language: str) -> str:
    """Return the first piece of code of the page in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package into a folder and return it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    (source / "romtool_tango.py").write_text(code("python"), encoding="utf-8")
    (source / "pyproject.toml").write_text(code("toml"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", target, source], capture_output=True, text=True, timeout=120, check=False)
    if "No module named" in done.stderr:
        pytest.skip(f"this Python cannot build packages: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return target


def romtool(installed: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command with the package installed."""
    command = [sys.executable, "-c", "from romtool.cli.main import main; main()", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(installed)])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def write_tango(path: Path, mesh: Mesh, times: list[float]) -> Path:
    """Write a mesh and a displacement that grows with time."""
    rows = lambda values: [" ".join(map(repr, row)) for row in values.tolist()]  # noqa: E731
    lines = ["TANGO 1", f"NODES {mesh.n_nodes}"]
    lines += [f"{i} {row}" for i, row in zip(mesh.node_ids[::-1], rows(mesh.points[::-1]), strict=True)]
    lines += [f"HEX8 {mesh.n_elements}"]
    nodes = mesh.node_ids[mesh.blocks[0].connectivity]
    lines += [f"{i} {' '.join(map(str, row))}" for i, row in zip(mesh.element_ids, nodes, strict=True)]
    lines += [f"SET {name} {' '.join(map(str, mesh.node_ids[rows]))}" for name, rows in mesh.node_sets.items()]
    for time in times:
        lines += [f"TIME {time}", *rows(1e-3 * time * mesh.points[::-1])]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_reader_is_short():
    lines = code("python").splitlines()
    assert len([line for line in lines if line.strip()]) < 60
    assert max(map(len, lines)) <= 120


def test_it_is_listed(installed):
    readers = json.loads(romtool(installed, "readers", "--json").stdout)["readers"]
    tango = next(reader for reader in readers if reader["name"] == "tango")
    assert (tango["available"], tango["extensions"]) == (True, [".tng"])


def test_results_become_a_dataset(installed, tmp_path):
    path = write_tango(tmp_path / "run.tng", box((2, 1, 1)), [0.0, 0.5, 1.0])
    found = json.loads(romtool(installed, "info", path, "--json").stdout)
    assert (found["format"], found["n_nodes"], found["cells"]) == ("tango", 12, {"hexahedron": 2})
    assert found["times"] == [0.0, 0.5, 1.0]
    assert found["node_sets"]["x0"] == 4
    assert found["lacks"] == []
    made = romtool(installed, "init", path, "-o", tmp_path / "case")
    assert made.returncode == 0, made.stderr
    with (tmp_path / "case" / "case.toml").open("a") as file:
        file.write(
            '[[materials]]\nelements = "all"\nlaw = "elastic"\n[materials.parameters]\nyoung = 2e5\npoisson = 0.3\n'
        )
    done = romtool(installed, "import", tmp_path / "case" / "case.toml", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["simulations"] == {"run": 3}
    assert displacement(tmp_path / "case" / "dataset") == pytest.approx(1e-3 * box((2, 1, 1)).points)


def displacement(dataset: Path) -> np.ndarray:
    """Return the displacement of the last time."""
    import h5py

    with h5py.File(dataset / "simulation-0000" / "subdomain-0000.h5") as file:
        return np.asarray(file["u"][-1])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", r"run\.tng:1: expected TANGO 1"),
        ("TANGO 1\nNODES 8\n1 0 0 0\n", r"run\.tng:2: expected 8 rows of 4 numbers after NODES"),
        ("TANGO 1\nNODES 1\n1 0 0 0\n", "no HEX8"),
    ],
)
def test_faults_are_told(installed, tmp_path, content, words):
    (tmp_path / "run.tng").write_text(content)
    done = romtool(installed, "info", tmp_path / "run.tng")
    assert done.returncode == 2
    assert re.search(words, done.stderr)
    assert "Traceback" not in done.stderr


def test_a_broken_package_is_listed_with_its_reason(installed, tmp_path):
    broken = tmp_path / "broken"
    (broken / "sad-0.1.dist-info").mkdir(parents=True)
    (broken / "sad-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: sad\nVersion: 0.1\n")
    (broken / "sad-0.1.dist-info" / "entry_points.txt").write_text("[romtool.readers]\nsad = sad_reader:READER\n")
    (broken / "sad_reader.py").write_text("import a_package_that_is_not_there\n")
    done = romtool(Path(f"{installed}{os.pathsep}{broken}"), "readers", "--json")
    readers = {reader["name"]: reader for reader in json.loads(done.stdout)["readers"]}
    assert readers["tango"]["available"]
    assert not readers["sad"]["available"]
    assert "a_package_that_is_not_there" in readers["sad"]["reason"]
