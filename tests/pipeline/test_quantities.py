"""Quantities of a case: reduced data and full fields give the same numbers, and closed forms."""

import csv
import json

import numpy as np
import pytest

from romtool.pipeline.results import open_history
from tests.cli.small_case import CASE, deck_text, romtool

QUANTITIES = """
[[quantities]]
name = "tip"
kind = "displacement"
nodes = "X1"
component = "x"
[[quantities]]
name = "moved"
kind = "displacement"
nodes = "X1"
[[quantities]]
name = "corner"
kind = "point"
field = "stress"
at = [3.0, 1.0, 1.0]
[[quantities]]
name = "corner u"
kind = "point"
field = "u"
at = [3.0, 1.0, 1.0]
component = "y"
[[quantities]]
name = "inside"
kind = "point"
field = "stress"
elements = "FIRST"
component = "xx"
[[quantities]]
name = "p max"
kind = "maximum"
field = "p"
[[quantities]]
name = "stress mean"
kind = "mean"
field = "stress"
component = "xx"
[[quantities]]
name = "mises mean"
kind = "mean"
field = "stress"
[[quantities]]
name = "p 90"
kind = "percentile"
field = "p"
percentile = 90.0
[[quantities]]
name = "u 50"
kind = "percentile"
field = "u"
percentile = 50.0
[[quantities]]
name = "root"
kind = "reaction"
nodes = "X0"
component = "x"
[[quantities]]
name = "energy"
kind = "energy"
[[quantities]]
name = "work"
kind = "dissipation"
"""
MESH = {"p max", "mises mean", "p 90", "u 50"}
INTEGRALS = {"energy", "work"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("box")
    (folder / "loads").mkdir()
    (folder / "box.inp").write_text(deck_text(extra_element="*ELSET, ELSET=FIRST\n1"))
    (folder / "case.toml").write_text(CASE + QUANTITIES + "[partition]\nsubdomains = 2\n")
    (folder / "loads" / "base.toml").write_text('name = "base"\n')
    for name, scale in (("pulled", 1.2), ("new", 1.1)):
        text = f'name = "{name}"\n[[loads]]\nname = "END"\nscale = {scale}\n'
        (folder / "loads" / f"{name}.toml").write_text(text)
    loads = [folder / "loads" / f"{name}.toml" for name in ("base", "pulled", "new")]
    solved = romtool("solve", folder / "case.toml", *loads, "-o", folder / "ref", "-q", "--json")
    assert solved.code == 0, solved.err
    (folder / "solved.json").write_text(solved.out)
    trained = romtool("offline", folder / "case.toml", "-o", folder / "model", "-q")
    assert trained.code == 0, trained.err
    return folder


@pytest.fixture(scope="module")
def online(folder):
    done = romtool("online", folder / "model", folder / "loads/new.toml", "-o", folder / "out", "-q", "--json")
    assert done.code == 0, done.err
    return done.json["loads"][0]["quantities"]


@pytest.fixture(scope="module")
def solved(folder):
    found = {entry["name"]: entry["quantities"] for entry in json.loads((folder / "solved.json").read_text())["loads"]}
    return {name: np.array(entry["values"]) for name, entry in found["new"].items()}


def test_reduced_quantities_are_those_of_the_solution(online, solved):
    assert list(online) == list(solved)
    for name, entry in online.items():
        scale = np.abs(solved[name]).max()
        assert np.abs(np.array(entry["values"]) - solved[name]).max() < 0.01 * scale, name


def test_where_quantities_come_from_is_said(online):
    assert {name for name, entry in online.items() if entry["source"] == "mesh"} == MESH
    assert {name for name, entry in online.items() if entry["source"] == "reduced quadrature"} == INTEGRALS
    assert sum(entry["source"] == "modes" for entry in online.values()) == 7


def test_linear_quantities_are_those_of_the_reconstructed_fields(folder, online):
    fields = open_history(folder / "out" / "new")
    mesh, last = fields.mesh, len(fields.times) - 1
    u, stress, p = (fields.read(name, last) for name in ("u", "stress", "p"))
    ends = mesh.node_sets["X1"]
    corner = np.flatnonzero((mesh.points == mesh.points.max(axis=0)).all(axis=1))
    expected = {
        "tip": u[ends].mean(axis=0)[0],
        "moved": np.linalg.norm(u[ends].mean(axis=0)),
        "corner u": u[corner[0], 1],
        "stress mean": stress[:, 0].mean(),  # all points have the same weight
        "p max": p.max(),
        "p 90": np.percentile(p, 90.0),
        "u 50": np.percentile(np.linalg.norm(u, axis=1), 50.0),
    }
    for name, value in expected.items():
        assert online[name]["values"][-1] == pytest.approx(value, rel=1e-10), name
    assert np.isclose(online["inside"]["values"][-1], stress[:8, 0], rtol=1e-10).any()  # all are as near to the middle


def test_the_reaction_balances_the_load(solved):
    area, pressure = 1.0, 120.0 * 1.1  # the end is pulled
    np.testing.assert_allclose(solved["root"][-1], -area * pressure, rtol=1e-6)


def test_energy_and_work_are_what_the_loads_did(solved):
    assert (np.diff(solved["work"]) >= -1e-12).all()
    assert solved["energy"][0] == solved["work"][0] == 0.0
    assert solved["energy"][-1] > 0.0


def test_histories_are_written(folder, online):
    with (folder / "out/new/quantities.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["tip"]) for row in rows] == online["tip"]["values"]
    assert (folder / "ref/new/quantities.csv").is_file()


def test_without_the_folder_the_mesh_is_missing(folder, tmp_path):
    head = tmp_path / "model.h5"
    head.write_bytes((folder / "model/model.h5").read_bytes())
    done = romtool("online", head, folder / "loads/new.toml", "-o", tmp_path / "out", "-q", "--json")
    found = done.json["loads"][0]["quantities"]
    assert {name for name, entry in found.items() if entry["values"] is None} == MESH
    assert "whole model folder" in found["p max"]["missing"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind = 'maximum'\nfield = 'q'", 'has field = "q"; pick one of u, stress, p'),
        ("kind = 'maximum'\nfield = 'stress'\ncomponent = 'x'", 'component = "x"; the components of this field are xx'),
        ("kind = 'displacement'\nnodes = 'X2'", "node set 'X2' is not in the mesh"),
        ("kind = 'mean'\nfield = 'p'\nelements = 'NO'", "element set 'NO' is not in the mesh"),
    ],
)
def test_wrong_quantities_are_told_before_the_training(folder, tmp_path, text, words):
    case = folder / "wrong.toml"
    case.write_text((folder / "case.toml").read_text() + f"[[quantities]]\nname = 'wrong'\n{text}\n")
    done = romtool("offline", case, "-o", tmp_path / "model", "-q")
    assert done.code == 2
    assert words in done.error
