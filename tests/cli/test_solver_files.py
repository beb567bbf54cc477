"""From the files of other programs to a dataset: `info`, `init` and `import` on Exodus and MED."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from romtool.convert import registry
from romtool.types import Mesh
from tests.cli.small_case import romtool
from tests.mesh_files import add_med_field, write_exodus, write_med
from tests.shared_data import shared
from tests.structures import box

TIMES = [0.0, 0.5, 2.0]
MATERIAL = '\n[[materials]]\nelements = "all"\nlaw = "elastic"\n[materials.parameters]\nyoung = 2e5\npoisson = 0.3\n'


def mesh_of_a_box() -> Mesh:
    return replace(box((3, 2, 1)), element_sets={})


def write_e(path: Path) -> Path:
    mesh = mesh_of_a_box()
    nodal = {f"disp_{axis}": np.outer(TIMES, 1e-3 * mesh.points[:, k]) for k, axis in enumerate("xyz")}
    return write_exodus(path, mesh, TIMES, nodal, {"density": np.ones((3, mesh.n_elements))})


def write_rmed(path: Path) -> Path:
    mesh = mesh_of_a_box()
    ends = mesh.side_sets["x1"]
    faces = {"x1": ("quad", mesh.blocks[0].connectivity[ends[:, 0]][:, [1, 2, 6, 5]])}
    write_med(path, mesh, faces)
    values = {"NOE": [1e-3 * time * mesh.points[:, None] for time in TIMES]}
    add_med_field(path, "resu____DEPL", ["DX", "DY", "DZ"], TIMES, values)
    return path


WRITERS = {"run.e": write_e, "run.rmed": write_rmed}


@pytest.mark.parametrize("name", WRITERS)
def test_results_without_a_deck_become_a_dataset(tmp_path, name):
    path = WRITERS[name](tmp_path / name)
    mesh = mesh_of_a_box()
    found = romtool("info", path, "--json").json
    assert (found["kind"], found["n_nodes"], found["cells"]) == ("solver-results", 24, {"hexahedron": 6})
    assert (found["times"], found["lacks"]) == (TIMES, [])
    assert found["fields"]["u"] == {"location": "node", "components": ["x", "y", "z"]}
    assert found["node_sets"]["x0"] == 6
    assert found["side_sets"] == {"x1": 2}
    made = romtool("init", path, "-o", tmp_path / "case")
    assert made.code == 0, made.err
    text = (tmp_path / "case" / "case.toml").read_text()
    assert f'results = "../{name}"' in text
    assert '"x0" (6)' in text
    (tmp_path / "case" / "case.toml").write_text(text + MATERIAL)
    done = romtool("import", tmp_path / "case" / "case.toml", "--json", "-q")
    assert done.code == 0, done.err
    assert done.json["simulations"] == {"run": 3}
    with h5py.File(tmp_path / "case" / "dataset" / "simulation-0000" / "subdomain-0000.h5") as file:
        stored = np.asarray(file["u"])
    np.testing.assert_allclose(stored, np.multiply.outer(TIMES, 1e-3 * mesh.points), rtol=1e-15)


@pytest.mark.parametrize("name", WRITERS)
def test_a_series_that_is_cut_leaves_no_dataset(tmp_path, name):
    path = WRITERS[name](tmp_path / name)
    romtool("init", path, "-o", tmp_path / "case")
    case = tmp_path / "case" / "case.toml"
    case.write_text(case.read_text() + MATERIAL)
    path.write_bytes(path.read_bytes()[:-200])
    failed = romtool("import", case)
    assert failed.code == 2
    assert name in failed.error
    assert sorted(entry.name for entry in case.parent.iterdir()) == ["case.toml"]


def test_a_reader_whose_package_is_missing_says_so(tmp_path, monkeypatch):
    path = write_e(tmp_path / "run.e")
    monkeypatch.setattr(registry, "_installed", lambda package: package != "netCDF4")
    listed = {entry["name"]: entry for entry in romtool("readers", "--json").json["readers"]}
    assert not listed["exodus"]["available"]
    assert "pip install netCDF4" in listed["exodus"]["reason"]
    failed = romtool("info", path)
    assert failed.code == 3
    assert "pip install netCDF4" in failed.error


# Every delivered sample, whole and spoilt

SAMPLES = [
    "exodus/biplane_hex20_tetra10_shell8.exo",
    "exodus/mug.e",
    "exodus/noh.exo",
    "exodus/spec_hex20_synthetic.e",
    "med/gmsh_hexahedron20.med",
    "med/gmsh_pyramid13.med",
    "med/gmsh_tetra10.med",
    "med/gmsh_wedge15.med",
    "med/medcoupling_multistep_gauss_synthetic.med",
    "xdmf/no_checkpoint.xdmf",
    "xdmf/out.xdmf",
]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_opens_and_gives_a_case(tmp_path, name):
    path = shared("solver-files", *name.split("/"))
    found = romtool("info", path, "--json")
    assert found.code == 0, found.err
    assert found.json["n_nodes"] > 0
    made = romtool("init", path, "-o", tmp_path / "case")
    assert made.code == 0, made.err
    text = (tmp_path / "case" / "case.toml").read_text()
    assert all(" ".join(words.split()) in text for words in found.json["lacks"])


@pytest.mark.parametrize("name", SAMPLES)
def test_spoilt_samples_are_refused_in_one_line(tmp_path, name):
    path = shared("solver-files", *name.split("/"))
    data = path.read_bytes()
    others = [suffix for suffix in (".med", ".exo", ".vtu", ".xdmf", ".frd", ".ut") if suffix != path.suffix]
    spoilt = {
        f"empty{path.suffix}": b"",
        f"half{path.suffix}": data[: len(data) // 2],
        f"end{path.suffix}": data[: -len(data) // 20],
        f"garbage{path.suffix}": np.random.default_rng(5).bytes(5000),
        **{f"other{suffix}": data for suffix in others if (path.suffix, suffix) != (".e", ".exo")},
    }
    for other, content in spoilt.items():
        (tmp_path / other).write_bytes(content)
        failed = romtool("info", tmp_path / other, "--json")
        assert failed.code == 2, (other, failed.out)
        assert failed.json["error"]["message"].count("\n") == 0
        assert other in failed.json["error"]["message"], failed.out
        refused = romtool("init", tmp_path / other, "-o", tmp_path / "case")
        assert refused.code == 2
        assert not (tmp_path / "case").exists()
