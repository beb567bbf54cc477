"""The blade case: its mesh is sound, and its decks and load files say the same thing."""

import importlib
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from romtool.convert.registry import read_deck
from romtool.io.load import apply_load, read_load
from romtool.loading import Deck, Loading
from romtool.pipeline.sources import field_reader, open_case
from romtool.temperature import build_temperature, evaluate_at

CASE = Path(__file__).parents[2] / "cases" / "blade"


class Blade(NamedTuple):
    """The case on a coarse mesh, written to a folder, with its modules."""

    folder: Path
    mesh: object
    mesh_module: ModuleType
    deck_module: ModuleType


@pytest.fixture(scope="module")
def blade(tmp_path_factory: pytest.TempPathFactory) -> Blade:
    pytest.importorskip("gmsh", reason="the case's mesh is made by gmsh: pip install romtool[cases]")
    folder = tmp_path_factory.mktemp("blade")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(CASE), *sys.path])
        make, mesh_module, deck_module = map(importlib.import_module, ("make", "blade_mesh", "blade_deck"))
    mesh = mesh_module.make_mesh(5.0)
    make.write_case(mesh, folder)
    (folder / "solved").mkdir()
    make.write_case(mesh, folder / "solved", without_ccx=True)
    return Blade(folder, mesh, mesh_module, deck_module)


@pytest.fixture(scope="module")
def deck(blade) -> Deck:
    return read_deck(blade.folder / "solver" / "unseen.inp")


def outline_area(module: ModuleType) -> float:
    """Return the area of the closed aerofoil by the shoelace formula."""
    fraction = 0.5 * (1 - np.cos(np.linspace(0, np.pi, 400)))
    x, y = np.concatenate([module.profile(fraction, 1.0), module.profile(fraction[::-1], -1.0)]).T
    return abs(0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


def test_the_blade_has_the_volume_of_its_section_less_the_channels(blade):
    module, mesh = blade.mesh_module, blade.mesh
    jacobians = module.jacobians(mesh.points, mesh.tetrahedra)
    assert jacobians.min() > 0
    volume = jacobians[mesh.element_sets["BLADE"]].sum() / 24
    section = outline_area(module) - sum(math.pi * radius**2 for _, radius in module.CHANNELS)
    taper = 1 - module.TAPER + module.TAPER**2 / 3  # the mean of (1 - TAPER s)² over the span
    assert volume == pytest.approx(section * module.HEIGHT * taper, rel=0.03)


def test_mid_side_nodes_are_shared_and_every_node_is_used(blade):
    edges = np.sort(blade.mesh.tetrahedra[:, blade.mesh_module.EDGES].reshape(-1, 2), axis=1)
    middles = blade.mesh.tetrahedra[:, 4:].reshape(-1, 1)
    pairs = np.unique(np.hstack([edges, middles]), axis=0)
    assert len(pairs) == len(np.unique(edges, axis=0)) == len(np.unique(middles))
    assert np.array_equal(np.unique(blade.mesh.tetrahedra), np.arange(len(blade.mesh.points)))


def test_the_pressed_faces_close_the_aerofoil_but_for_tip_and_trailing_edge(blade):
    mesh, module = blade.mesh, blade.mesh_module
    area = 0.0
    for sides in mesh.side_sets.values():
        corners = mesh.points[mesh.tetrahedra[sides[:, 0, None], module.FACES[sides[:, 1]]]]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area += float(np.linalg.norm(normals, axis=1).sum()) / 2
    fraction = 0.5 * (1 - np.cos(np.linspace(0, np.pi, 400)))
    sides = [np.linalg.norm(np.diff(module.profile(fraction, s), axis=0), axis=1).sum() for s in (1.0, -1.0)]
    assert area == pytest.approx(sum(sides) * module.HEIGHT * (1 - module.TAPER / 2), rel=0.03)


def test_the_deck_says_flight_and_laws(blade, deck):
    module = blade.deck_module
    assert np.allclose(deck.loading.times, module.increment_times())
    assert {m.elements: m.law for m in deck.materials} == {"BLADE": "plastic_creep", "ROOT": "elastic"}
    spin = next(load for load in deck.loading.loads if load.kind == "centrifugal")
    speeds = [spin.value * deck.loading.amplitude(spin.table, t) for t in deck.loading.times]
    expected = module.SPEED * np.interp(deck.loading.times, module.phase_times(), module.fractions(2))
    assert np.allclose(speeds, expected, atol=1e-6 * module.SPEED)
    assert deck.loading.rate_independent == ()


def temperatures(loading: Loading, points: np.ndarray) -> np.ndarray:
    history = build_temperature(loading.temperature, evaluate_at(points), float(loading.times[0]))
    return np.array([history.at(float(time)) for time in loading.times])


def test_the_load_file_gives_the_temperatures_of_the_unseen_deck(blade, deck):
    sources = open_case(blade.folder / "case.toml")
    reader = field_reader(sources.mesh)
    changed = apply_load(sources.loading, read_load(blade.folder / "loads" / "unseen.toml"), reader)
    points = sources.mesh.points
    wanted = temperatures(deck.loading, points)
    assert np.allclose(temperatures(changed, points), wanted, atol=1e-6)
    assert np.abs(temperatures(sources.loading, points) - wanted).max() > 10.0


def test_without_calculix_the_training_comes_from_the_built_in_solver(blade):
    simulations = open_case(blade.folder / "solved" / "case.toml").case.simulations
    assert [s.results[0].relative_to(blade.folder / "solved").as_posix() for s in simulations] == [
        f"ref/{name}" for name in ("nominal", "low", "high")
    ]
    assert all(s.load is not None and s.load.exists() for s in simulations)
