"""`romtool map` and `mesh = …` in case and load files: fields of another mesh on the nodes and faces of a case."""

from pathlib import Path

import meshio
import numpy as np
import pytest

from romtool.fem.loads import side_set_nodes
from romtool.pipeline.sources import open_case
from romtool.types import Floats, Mesh
from tests.cli.small_case import deck_text, romtool
from tests.fem.meshes import cube
from tests.structures import box

BOX = box((3, 2, 2))
CASE = '[case]\nname = "box"\n[[simulations]]\nname = "base"\ndeck = "box.inp"\n'


def heat(x: Floats, time: float = 1.0) -> Floats:
    return np.asarray(20.0 + time * (100.0 * x[:, 0] - 30.0 * x[:, 1] + 7.0 * x[:, 2]))


def write_source(folder: Path, name: str = "thermal.vtu", scale: float = 1.0, turn: bool = False) -> Mesh:
    """Write a tetrahedral mesh of the box with its temperature."""
    mesh = cube("tet4", 3, lambda x: x * [3.0, 1.0, 1.0])
    points = scale * (mesh.points[:, [1, 0, 2]] if turn else mesh.points)
    data = {"T": heat(mesh.points), "p": 5.0 * mesh.points[:, 1]}
    meshio.Mesh(points, [("tetra", mesh.blocks[0].connectivity)], point_data=data).write(folder / name)
    return mesh


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "box.inp").write_text(deck_text())
    (tmp_path / "case.toml").write_text(CASE)
    write_source(tmp_path)
    return tmp_path


def test_a_temperature_is_written_for_every_node_and_read_by_the_case(folder):
    done = romtool("map", folder / "thermal.vtu", "--to", folder / "case.toml", "-o", folder / "T.csv", "--json")
    assert done.code == 0, done.err
    assert done.json["n_points"] == BOX.n_nodes
    assert done.json["n_outside"] == 0
    assert done.json["minimum"] == [pytest.approx(heat(BOX.points).min())]
    assert (folder / "T.csv").read_text().splitlines()[0] == "node,value"
    entry = '[temperature]\ninitial = 20.0\nentries = [{ time = 1.0, field = "T.csv" }]\n'
    (folder / "case.toml").write_text(CASE + entry)
    (read,) = open_case(folder / "case.toml").loading.temperature.entries
    np.testing.assert_allclose(read.value, heat(BOX.points), rtol=1e-10)


def test_the_case_maps_by_itself(folder):
    """The field file may be another one than the mesh; two entries of one field share its array."""
    np.save(folder / "T.npy", heat(cube("tet4", 3, lambda x: x * [3.0, 1.0, 1.0]).points))
    entries = """[temperature]
initial = 20.0
entries = [
  { time = 0.5, field = "T.npy", mesh = "thermal.vtu" },
  { time = 1.0, field = "thermal.vtu", name = "T", mesh = "thermal.vtu" },
  { time = 2.0, field = "T.npy", mesh = "thermal.vtu", scale = 2.0 },
]
[[loads]]
name = "p"
kind = "pressure"
faces = "END"
field = "thermal.vtu"
mesh = "thermal.vtu"
on = "ON"
"""
    for on in ("node", "face"):
        (folder / "case.toml").write_text(CASE + entries.replace("ON", on))
        loading = open_case(folder / "case.toml").loading
        first, second, third = (entry.value for entry in loading.temperature.entries)
        np.testing.assert_allclose(first, heat(BOX.points), rtol=1e-10)
        np.testing.assert_allclose(second, first)
        assert first is third
        (load,) = [load for load in loading.loads if load.name == "p"]
        wanted = BOX.points[side_set_nodes(BOX, "x1")]
        centres = [BOX.points[BOX.blocks[0].connectivity[c][[1, 2, 6, 5]]].mean(axis=0) for c, _ in BOX.side_sets["x1"]]
        np.testing.assert_allclose(load.value, 5.0 * (wanted if on == "node" else np.array(centres))[:, 1], atol=1e-10)


def test_a_pressure_on_the_faces_of_a_side_set(folder):
    for on, count in (("node", 9), ("face", 4)):
        out = folder / f"{on}.txt"
        given = ("--to", folder / "case.toml", "-o", out, "--name", "p", "--faces", "END", "--on", on)
        done = romtool("map", folder / "thermal.vtu", "--from", folder / "thermal.vtu", *given)
        assert done.code == 0, done.err
        assert f"{count} points, 0 of them outside the mesh" in done.out
        load = f'[[loads]]\nname = "END"\nkind = "pressure"\nfaces = "END"\nfield = "{on}.txt"\non = "{on}"\n'
        (folder / "case.toml").write_text(CASE + load)
        (read,) = [load for load in open_case(folder / "case.toml").loading.loads if load.name == "END"]
        assert np.asarray(read.value).shape == (count,)
        (folder / "case.toml").write_text(CASE)
    assert np.ptp(read.value) == pytest.approx(2.5)


def test_several_times_of_a_series(folder):
    mesh = cube("hex8", 2, lambda x: x * [3.0, 1.0, 1.0])
    with meshio.xdmf.TimeSeriesWriter(folder / "heat.xdmf", data_format="XML") as writer:
        writer.write_points_cells(mesh.points, [("hexahedron", mesh.blocks[0].connectivity)])
        for time in (0.0, 0.5, 1.0):
            writer.write_data(time, point_data={"T": heat(mesh.points, time)})
    given = ("map", folder / "heat.xdmf", "--to", folder / "case.toml", "-o", folder / "T.csv")
    assert romtool(*given, "--times", "all", "--json").json["times"] == [0.0, 0.5, 1.0]
    entries = '[temperature]\ninitial = 20.0\nentries = [{ time = 0.5, field = "T.csv", name = "0.5" }]\n'
    (folder / "case.toml").write_text(CASE + entries)
    (read,) = open_case(folder / "case.toml").loading.temperature.entries
    np.testing.assert_allclose(read.value, heat(BOX.points, 0.5), rtol=1e-10)
    wrong = romtool(*given, "--times", "0.7", "--overwrite")
    assert wrong.code == 2
    assert "has no time 0.7; the nearest is 0.5; its times: 0, 0.5, 1" in wrong.error


@pytest.mark.parametrize(
    ("scale", "turn", "words"),
    [
        (1e-3, False, "it is 1000 times smaller in all directions: metres against millimetres"),
        (25.4, False, "it is 25.4 times as large in all directions: inches against millimetres"),
        (1e-3, True, "it is 1000 times smaller in all directions: metres against millimetres"),
        (1.0, True, "it has the same size along other axes: it is turned"),
    ],
)
def test_a_mesh_that_does_not_fit_is_refused_in_clear_words(folder, scale, turn, words):
    write_source(folder, "wrong.vtu", scale, turn)
    done = romtool("map", folder / "wrong.vtu", "--to", folder / "case.toml", "-o", folder / "T.csv")
    assert done.code == 2
    assert words in done.error
    assert not (folder / "T.csv").exists()


def test_a_mesh_somewhere_else_and_the_tolerance(folder):
    source = cube("tet4", 3, lambda x: x * [3.0, 1.0, 1.0] + [0.1, 0.0, 0.0])
    cells = [("tetra", source.blocks[0].connectivity)]
    meshio.Mesh(source.points, cells, point_data={"T": heat(source.points)}).write(folder / "moved.vtu")
    given = ("map", folder / "moved.vtu", "--to", folder / "case.toml", "-o", folder / "T.csv", "--json")
    refused = romtool(*given, "--tolerance", 0.1)
    assert refused.code == 2
    assert "check that both are in the same place, or give a larger tolerance" in refused.error
    target = cube("tet4", 3, lambda x: x * [3.0, 1.0, 1.0] + [0.0, 9.0, 0.0])
    meshio.Mesh(target.points, cells, point_data={"T": heat(target.points)}).write(folder / "far.vtu")
    far = romtool("map", folder / "far.vtu", *given[2:])
    assert "it has the same size but lies elsewhere, by (0, 9, 0); bring both to the same place" in far.error
    done = romtool(*given)
    assert done.code == 0, done.err
    assert done.json["n_outside"] == 9
    assert done.json["distance"]["largest"] == pytest.approx(0.1)
    assert 0.09 < done.json["relative_distance"]["median"] <= done.json["relative_distance"]["largest"] < 0.5
    assert romtool(*given).code == 2  # which exists


def test_wrong_input(folder):
    given = ("map", folder / "thermal.vtu", "--to", folder / "case.toml")
    assert "give such a name" in romtool(*given, "-o", folder / "T.vtu").error
    assert "the nearest is" in romtool(*given, "-o", folder / "T.csv", "--name", "TT").error
    np.save(folder / "T.npy", np.zeros(3))
    short = romtool("map", folder / "T.npy", "--from", folder / "thermal.vtu", *given[2:], "-o", folder / "T.csv")
    assert "T.npy has 3 values, the mesh" in short.error
    bare = '[temperature]\ninitial = 20.0\nentries = [{ time = 1.0, value = 3.0, mesh = "thermal.vtu" }]\n'
    (folder / "case.toml").write_text(CASE + bare)
    assert 'has the key "mesh" without "field"' in romtool("info", folder / "case.toml").error


def test_a_model_takes_a_temperature_of_another_mesh(case_folder, tmp_path):
    write_source(case_folder)
    np.save(case_folder / "own.npy", heat(BOX.points))
    entries = "entries = [{ time = 0.0, value = 20.0 }, { time = 1.0, FIELD }]"
    text = f'name = "NAME"\n[temperature]\ninitial = 20.0\n{entries}\n'
    for name, field in (("own", 'field = "own.npy"'), ("other", 'field = "thermal.vtu", mesh = "thermal.vtu"')):
        (case_folder / f"{name}.toml").write_text(text.replace("NAME", name).replace("FIELD", field))
    loads = [case_folder / "own.toml", case_folder / "other.toml"]
    done = romtool("online", case_folder / "model", *loads, "-o", tmp_path)
    assert done.code == 0, done.err
    errors = romtool("compare", tmp_path / "other", tmp_path / "own", "--json").json["fields"]
    assert max(entry["relative_l2"] for entry in errors.values()) < 1e-9
    (case_folder / "p.toml").write_text(
        'name = "p"\n[[loads]]\nname = "END"\nkind = "pressure"\nfaces = "END"\nfield = "thermal.vtu"\n'
        'mesh = "thermal.vtu"\non = "node"\n'
    )
    told = romtool("online", case_folder / "model", case_folder / "p.toml", "-o", tmp_path)
    assert told.code == 2
    assert "map the field to the case first with `romtool map`" in told.error
