"""Files and folders appear complete or not at all; digests depend on contents alone."""

import hashlib
from pathlib import Path

import pytest

from romtool.errors import CaseError
from romtool.io.atomic import atomic_file, digest_files, digest_text, output_folder


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() if p.is_file() else "" for p in folder.rglob("*")}


def test_file_appears_only_at_the_end(tmp_path):
    target = tmp_path / "new" / "a.h5"
    with atomic_file(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".h5"
        temporary.write_text("complete")
        assert not target.exists()
    assert contents(tmp_path) == {"new": "", "new/a.h5": "complete"}


def write_and_stop(context, name, stop):
    """Write half of something into what a context gives, then raise."""
    with context as temporary:
        (temporary / name if name else temporary).write_text("half")
        raise stop


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failed_file_leaves_the_old_one(tmp_path, stop):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(stop):
        write_and_stop(atomic_file(target), "", stop)
    assert contents(tmp_path) == {"a.txt": "old"}


def test_failed_file_takes_its_new_folders_away(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(atomic_file(tmp_path / "x" / "y" / "a.txt"), "", KeyboardInterrupt)
    assert contents(tmp_path) == {}


def test_folder_appears_only_at_the_end(tmp_path):
    target = tmp_path / "deep" / "model"
    with output_folder(target, overwrite=False) as temporary:
        (temporary / "model.h5").write_text("x")
        assert not target.exists()
        assert temporary.parent.parent == target.parent
    assert contents(tmp_path) == {"deep": "", "deep/model": "", "deep/model/model.h5": "x"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_failed_folder_leaves_nothing_behind(tmp_path, stop, overwrite):
    with pytest.raises(stop):
        write_and_stop(output_folder(tmp_path / "deep" / "model", overwrite), "half", stop)
    assert contents(tmp_path) == {}


def test_existing_folder_is_refused_before_anything_is_done(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(CaseError, match=r"model exists; give --overwrite or another -o"):
        write_and_stop(output_folder(tmp_path / "model", overwrite=False), "half", AssertionError("entered"))
    assert contents(tmp_path) == {"model": ""}


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_overwriting_replaces_only_on_success(tmp_path, stop):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(stop):
        write_and_stop(output_folder(target, overwrite=True), "new", stop)
    assert contents(tmp_path) == {"model": "", "model/old": "old"}
    with output_folder(target, overwrite=True) as temporary:
        (temporary / "new").write_text("new")
        assert contents(target) == {"old": "old"}
    assert contents(tmp_path) == {"model": "", "model/new": "new"}


def test_the_old_folder_returns_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("old")
    rename = Path.rename

    def fail_for_new(self, other):
        if self.name == "new":
            raise OSError("disk full")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with pytest.raises(OSError, match="disk full"), output_folder(target, overwrite=True) as temporary:
        (temporary / "new").write_text("new")
    assert contents(tmp_path) == {"model": "", "model/old": "old"}


def test_working_folder_is_never_replaced(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in (Path(), Path(".."), tmp_path):
        with pytest.raises(CaseError, match="working folder"), output_folder(path, overwrite=True):
            pass


def test_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "kept").write_text("x")
    (tmp_path / "model").symlink_to(tmp_path / "real")
    with output_folder(tmp_path / "model", overwrite=True) as temporary:
        (temporary / "new").write_text("new")
    assert not (tmp_path / "model").is_symlink()
    assert contents(tmp_path / "real") == {"kept": "x"}


def test_file_in_the_way_of_a_parent_is_said(tmp_path):
    (tmp_path / "a").write_text("file")
    with pytest.raises(CaseError, match="cannot be made"), output_folder(tmp_path / "a" / "b", overwrite=False):
        pass


def test_digest_depends_on_contents_and_their_borders(tmp_path):
    names = ("a", "b", "c", "d")
    for name, text in zip(names, ("xy", "z", "x", "yz"), strict=True):
        (tmp_path / name).write_text(text)
    a, b, c, d = (tmp_path / name for name in names)
    assert digest_files([a, b]) != digest_files([c, d])
    assert digest_files([a, b]) != digest_files([b, a])
    digest = digest_files([a, b])
    a.rename(tmp_path / "other")
    assert digest_files([tmp_path / "other", b]) == digest
    assert digest_text("é") == hashlib.sha256("é".encode()).hexdigest()
    with pytest.raises(CaseError, match="cannot be read"):
        digest_files([a])


def test_a_file_does_not_replace_a_folder(tmp_path):
    (tmp_path / "f.xdmf").mkdir()
    with pytest.raises(CaseError, match="is a folder"), atomic_file(tmp_path / "f.xdmf"):
        raise AssertionError("the body must not run")
    assert list(tmp_path.iterdir()) == [tmp_path / "f.xdmf"]
