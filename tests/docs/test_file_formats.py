"""What the page on file formats says is in the files that the commands write."""

import re
import runpy
from pathlib import Path

import h5py
import pytest

from romtool.io.records import SCHEMA, read_text, read_value
from romtool.pipeline import folders
from tests.cli.small_case import romtool
from tests.docs import worlds

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "file-formats.md").read_text(encoding="utf-8")
REFERENCE = runpy.run_path(str(DOCS / "_ext" / "reference.py"))
PLAIN = ("text", "scalar", "none", "sequence", "mapping", "csr")
STORED = {name for name, item in folders.CLASSES.items() if not name.endswith("Settings")}


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Path:
    """The box case, solved, trained, answered and studied."""
    folder = tmp_path_factory.mktemp("formats") / "box"
    worlds.write_box(folder)
    (folder / "study.toml").write_text(worlds.STUDY)
    done = romtool("study", folder / "model", folder / "study.toml", "-o", folder / "study", "-q")
    assert done.code == 0, done.err
    return folder


def rows() -> dict[str, set[str]]:
    """Return file kind -> the roots that the table names; a row without a kind goes on with the one above."""
    found: dict[str, set[str]] = {}
    kind = ""
    for line in PAGE.split("## The files")[1].split("For example")[0].splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")[1:-1]]
        if len(cells) == 4:
            kind = cells[1] or kind
            found.setdefault(kind, set()).update(re.findall(r"(?:^|`)(\w+)", cells[2]))
    return found


def test_every_stored_class_is_on_the_page():
    shown = {address.split(":")[1] for address in re.findall(r"^```{record} (.+)$", PAGE, re.MULTILINE)}
    assert shown == STORED


@pytest.mark.parametrize("address", re.findall(r"^```{record} (.+)$", PAGE, re.MULTILINE))
def test_every_member_says_what_it_is(address):
    silent = [name for name, text in REFERENCE["members"](REFERENCE["record_of"](address)).items() if not text]
    assert not silent, f"{address}: {silent} are not in its docstring"


def test_the_roots_of_real_files_are_those_of_the_table(box):
    table = rows()
    seen = set()
    for path in sorted(box.rglob("*.h5")):
        with h5py.File(path) as file:
            kind = read_text(file, "romtool")
            assert file.attrs["schema"] == SCHEMA
            if kind in table:
                assert set(file) <= table[kind], path
                seen.add(kind)
    assert {
        "dataset",
        "subdomain",
        "history",
        "model",
        "modes",
        "training",
        "result",
        "solution",
        "solution-part",
        "solution-times",
        "study",
    } <= seen


def test_every_kind_in_real_files_is_on_the_page(box):
    kinds: set[str] = set()
    for path in sorted(box.rglob("*.h5")):
        with h5py.File(path) as file:
            file.visititems(lambda name, node: kinds.add(read_text(node, "kind")))
    assert {kind for kind in kinds if not kind.endswith("Settings")} <= {"", *PLAIN, *STORED}


def test_the_reader_of_the_page_reads_what_romtool_reads(box):
    code = next(text for text in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if "def read(" in text)
    scope: dict = {}
    exec(code, scope)
    with h5py.File(next(box.glob("out/*/result.h5"))) as file:
        history, there = scope["read"](file["history"]), read_value(file, "history", folders.CLASSES)
        assert history["times"].tolist() == there.times.tolist()
        assert history["name"] == there.name
        assert {field: values.shape for field, values in history["duals"].items()} == {
            field: values.shape for field, values in there.duals.items()
        }
