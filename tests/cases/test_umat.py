"""The case with a UMAT: `solve`, `offline` and `online` give what they give with the built-in law of its equations."""

import json
from pathlib import Path

import pytest

from tests.cli.small_case import romtool
from tests.umat_library import umat_case


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """The case with both laws, solved and trained."""
    make, folder = umat_case(), tmp_path_factory.mktemp("umat")
    for name in ("umat", "own"):
        make.write_case(folder / name, (6, 2, 2), name == "own")
        if name == "umat":
            make.compile_umat(folder / name / make.LIBRARY)
        case, loads = folder / name / "case.toml", sorted((folder / name / "loads").glob("*.toml"))
        for command in (
            ("solve", case, *loads, "-o", folder / name / "ref"),
            ("offline", case, "-o", folder / name / "m"),
        ):
            done = romtool(*command, "-q")
            assert done.code == 0, done.err
    return {name: folder / name for name in ("umat", "own")}


def largest(first: Path, second: Path) -> float:
    """Return the largest relative error of all fields."""
    compared = romtool("compare", first, second, "--json")
    assert compared.code == 0, compared.err
    fields = compared.json["fields"]
    assert {"u", "p", "stress"} <= set(fields)
    return max(entry["relative_max"] for entry in fields.values() if entry["relative_max"] is not None)


def test_solve(folders):
    for name in ("base", "unseen"):
        assert largest(folders["umat"] / "ref" / name, folders["own"] / "ref" / name) < 1e-10


def test_offline_and_online(folders, tmp_path):
    load = folders["umat"] / "loads" / "unseen.toml"
    allowed = {"umat": ("--allow-plugin",), "own": ()}
    for name, folder in folders.items():
        told = romtool("online", folder / "m", load, "-o", tmp_path / name, "--json", *allowed[name])
        assert told.code == 0, told.err
        assert json.loads(told.out)["loads"][0]["largest"]["p"] > 1e-3
    assert largest(tmp_path / "umat" / "unseen", tmp_path / "own" / "unseen") < 1e-10


def test_a_model_loads_no_library_by_itself(folders, tmp_path):
    model, load = folders["umat"] / "m", folders["umat"] / "loads" / "unseen.toml"
    assert romtool("info", model).code == 0
    # This process has opened the library for `offline`; another one has not.
    from romtool.laws import plugins

    opened = dict(plugins._OPENED)
    plugins._OPENED.clear()
    try:
        refused = romtool("online", model, load, "-o", tmp_path / "out")
        assert refused.code == 2
        assert "which is not loaded" in refused.error
        assert "--allow-plugin" in refused.error
        assert not (tmp_path / "out").exists()
        assert romtool("online", model, load, "-o", tmp_path / "out", "--allow-plugin").code == 0
        plugins._OPENED.clear()
        fields = ("fields", tmp_path / "out" / "unseen", "--names", "u,p", "-o", tmp_path / "f.xdmf")
        assert romtool(*fields).code == 0
        assert romtool("compare", tmp_path / "out" / "unseen", folders["umat"] / "ref" / "unseen").code == 0
        assert plugins._OPENED == {}
    finally:
        plugins._OPENED.update(opened)


def test_a_changed_library_makes_the_dataset_anew(folders):
    make, folder = umat_case(), folders["umat"]
    assert "is up to date" in romtool("import", folder / "case.toml").err
    library = folder / make.LIBRARY
    kept = library.rename(library.with_suffix(".kept"))  # it is in memory: its file must not be written to
    library.write_bytes(kept.read_bytes() + b"\0")
    try:
        assert "is up to date" not in romtool("import", folder / "case.toml").err
    finally:
        kept.replace(library)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('library = "libviscoplastic.so"', 'library = "libnone.so"'), "libnone.so: no such library"),
        (("n_state = 13", "n_state = 12"), "number 8 to 13 of 12"),
        (("n_state = 13\n", ""), 'of law "umat" lacks the key "n_state"'),
        (('law = "umat"', 'law = "elastic"'), 'of law "elastic" has no key "library"'),
        (("p = 1,", "p = [1, 2, 3],"), "expected a table: name = number of a state variable, [first, last], or"),
    ],
)
def test_what_is_wrong_in_the_case_is_said(tmp_path, change, words):
    make = umat_case()
    make.write_case(tmp_path, (2, 1, 1), False)
    case = tmp_path / "case.toml"
    case.write_text(case.read_text().replace(*change))
    refused = romtool("solve", case, tmp_path / "loads" / "base.toml", "-o", tmp_path / "ref")
    assert refused.code == 2
    assert words in refused.error
