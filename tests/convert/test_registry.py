"""Readers are found by extension and content; plug-ins that fail are listed and harm nobody."""

from dataclasses import FrozenInstanceError
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from romtool.convert import registry
from romtool.convert.registry import BUILT_IN, find_reader, list_readers, read_deck, read_results
from romtool.errors import MissingPartError, ReaderError
from romtool.types import Mesh, SolverResults
from tests.shared_data import shared


def broken(name: str, index: int) -> np.ndarray:  # type: ignore[type-arg]
    """Fail as a careless reader does."""
    raise {"u": IndexError("out\nof bounds"), "T": SystemExit(1)}[name]


class Stranger:
    """A plug-in as a stranger would write it."""

    name = "stranger"
    description = "made up"
    extensions = (".odd",)
    deck_extensions = (".inp",)
    requires: tuple[str, ...] = ()

    def read(self, path: Path) -> SolverResults:
        return SolverResults("stranger", (path,), Mesh(np.zeros((0, 3)), np.zeros(0, int), ()), np.zeros(1), {}, broken)

    def read_deck(self, path: Path) -> object:
        return path

    def is_deck(self, path: Path) -> bool:
        return path.read_text().startswith("odd")


class Demanding(Stranger):
    """A plug-in that needs a package nobody has."""

    extensions = (".rare",)
    deck_extensions = ()
    requires = ("no_such_package_at_all",)


class Point:
    """An entry point that loads what it is told, or fails."""

    def __init__(self, name, loaded):
        self.name, self.value, self._loaded = name, f"{name}:READER", loaded

    def load(self):
        if isinstance(self._loaded, BaseException):
            raise self._loaded
        return self._loaded


@pytest.fixture
def plug_in(monkeypatch):
    def install(*points):
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "romtool.readers" else ())

    return install


def test_built_in_readers_are_available():
    status = {entry.name: entry for entry in list_readers()}
    assert set(BUILT_IN) <= set(status)
    assert all(status[name].available and not status[name].reason for name in set(BUILT_IN) - {"nastran"})
    assert all(status[name].available or "pip install" in status[name].reason for name in BUILT_IN)
    assert ".inp" in status["zset"].deck_extensions
    assert ".inp" in status["calculix"].deck_extensions
    with pytest.raises(FrozenInstanceError):
        status["zset"].name = "x"


def test_extension_decides_whatever_its_case(tmp_path):
    for name, reader in {"a.vtu": "vtk", "a.VTU": "vtk", "a.xdmf": "xdmf", "a.frd": "calculix", "a.ut": "zset"}.items():
        (tmp_path / name).touch()
        assert find_reader(tmp_path / name).name == reader


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("zset", "MecaSequential", "cube.inp"), "zset"),
        (("zset", "MecaSequentialTetra", "cube.inp"), "zset"),
        (("zset", "MecaParallel", "cube.inp"), "zset"),
        (("calculix", "elem_C3D10.inp"), "calculix"),
        (("solver-files", "calculix", "bar_c3d20r.inp"), "calculix"),
    ],
)
def test_content_of_a_deck_decides(parts, name):
    assert find_reader(shared(*parts)).name == name


def test_every_calculix_deck_is_recognised():
    decks = sorted(shared("calculix").glob("*.inp"))
    assert {find_reader(deck).name for deck in decks} == {"calculix"}


def test_results_and_deck_are_read():
    results = read_results(shared("solver-files", "xdmf", "out.xdmf"))
    assert results.format == "xdmf"
    assert len(read_deck(shared("zset", "MecaSequential", "cube.inp")).materials) == 1


def test_input_faults_are_said(tmp_path):
    (tmp_path / "cube.vtu").touch()
    (tmp_path / "a.vtv").touch()
    (tmp_path / "plain").touch()
    (tmp_path / "a.inp").write_text("nothing that a solver reads\n")
    for path, words in {
        tmp_path: "is a folder",
        tmp_path / "cubes.vtu": r"does not exist; did you mean .*cube\.vtu\?",
        tmp_path / "no" / "cube.vtu": "does not exist$",
        tmp_path / "a.vtv": r"no reader for \.vtv; known: .*\.vtu.*; the nearest is \.vt[uk]",
        tmp_path / "plain": "files without an extension",
        tmp_path / "a.inp": "neither a zset nor abaqus nor calculix file",
    }.items():
        with pytest.raises(ReaderError, match=words):
            find_reader(path)
    with pytest.raises(ReaderError, match=r"cube\.vtu is not an input deck"):
        read_deck(tmp_path / "cube.vtu")


def test_stranger_is_found_by_extension_and_content(tmp_path, plug_in):
    plug_in(Point("stranger", Stranger()))
    (tmp_path / "a.odd").touch()
    (tmp_path / "a.inp").write_text("odd deck")
    assert read_results(tmp_path / "a.odd").paths == (tmp_path / "a.odd",)
    assert read_deck(tmp_path / "a.inp") == tmp_path / "a.inp"


@pytest.mark.parametrize(
    ("loaded", "reason"),
    [
        (ImportError("no module named x"), "cannot be loaded: ImportError: no module named x"),
        (SystemExit(1), "cannot be loaded: SystemExit"),
        (SyntaxError("bad"), "cannot be loaded: SyntaxError"),
        (object(), "is not a reader: it has no name"),
    ],
)
def test_broken_plug_in_is_listed_with_its_reason(tmp_path, plug_in, loaded, reason):
    plug_in(Point("broken", loaded), Point("stranger", Stranger()))
    status = {entry.name: entry for entry in list_readers()}
    assert not status["broken"].available
    assert status["broken"].reason.startswith(reason)
    assert status["stranger"].available
    (tmp_path / "a.vtu").touch()
    assert find_reader(tmp_path / "a.vtu").name == "vtk"
    (tmp_path / "a.zzz").touch()
    with pytest.raises(ReaderError, match=r"could not be loaded: broken \("):
        find_reader(tmp_path / "a.zzz")


def test_missing_package_is_said(tmp_path, plug_in):
    plug_in(Point("demanding", Demanding()))
    (tmp_path / "a.rare").touch()
    status = {entry.name: entry for entry in list_readers()}["demanding"]
    assert (status.available, status.extensions) == (False, (".rare",))
    assert "pip install no_such_package_at_all" in status.reason
    with pytest.raises(MissingPartError, match=r"a\.rare cannot be read: .*pip install no_such_package_at_all"):
        find_reader(tmp_path / "a.rare")


def test_taken_name_is_refused(plug_in):
    plug_in(Point("vtk", Stranger()))
    status = [entry for entry in list_readers() if entry.name == "vtk"]
    assert [entry.available for entry in status] == [True, False]
    assert "the name vtk is taken" in status[1].reason


def test_real_entry_points_load(plug_in):
    plug_in(EntryPoint("again", "romtool.convert.vtk:READER", "romtool.readers"))
    assert {entry.name: entry.available for entry in list_readers()}["again"]


def test_meshes_of_all_readers_have_ascending_ids():
    for parts in (("zset", "MecaSequential", "cube.ut"), ("solver-files", "calculix", "bar_c3d10.frd")):
        ids = read_results(shared(*parts)).mesh.node_ids
        assert np.all(np.diff(ids) > 0)


def test_a_reader_that_breaks_or_exits_is_told_in_one_line(tmp_path, plug_in, monkeypatch):
    plug_in(Point("stranger", Stranger()))
    path = tmp_path / "a.odd"
    path.touch()
    results = read_results(path)
    with pytest.raises(
        ReaderError, match=r"a\.odd: the reader stranger failed \(IndexError: out of bounds\); the file"
    ):
        results.read("u", 0)
    with pytest.raises(ReaderError, match="SystemExit: 1"):
        results.read("T", 0)
    monkeypatch.setattr(Stranger, "read", lambda self, path: 1 / 0)
    with pytest.raises(ReaderError, match="ZeroDivisionError"):
        read_results(path)
