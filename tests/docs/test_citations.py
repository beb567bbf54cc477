"""What docstrings cite is in the documentation."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THEORY = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
TAGS = re.findall(r"\\tag\{([\d.]+)\}", THEORY)
SECTIONS = re.findall(r"^## (\d+) ", THEORY, re.MULTILINE)
SOURCES = [
    path for folder in ("romtool", "tests", "benchmarks", "cases") for path in sorted((ROOT / folder).rglob("*.py"))
]
CITED = re.compile(r"[Tt]heory,\s+(eqs?\.|sections?)\s+((?:\(?[\d.]*\d\)?(?:,\s+|\s+(?:and|to)\s+)?)+)")


def citations() -> list[tuple[str, str, str]]:
    """Return (file, "eq." or "section", number) of all that is cited."""
    found = []
    for path in SOURCES:
        for kind, numbers in CITED.findall(path.read_text(encoding="utf-8")):
            what = "eq." if kind.startswith("eq") else "section"
            found += [(path.relative_to(ROOT).as_posix(), what, n) for n in re.findall(r"\d+(?:\.\d+)?", numbers)]
    return found


def test_equations_are_numbered_in_order_within_their_sections():
    pairs = [tuple(map(int, tag.split("."))) for tag in TAGS]
    assert pairs == sorted(set(pairs))
    places = {number: THEORY.index(f"\n## {number} ") for number in SECTIONS}
    for section, number in pairs:
        after = [place for other, place in places.items() if int(other) == section + 1]
        assert places[str(section)] < THEORY.index(rf"\tag{{{section}.{number}}}") < (after or [len(THEORY)])[0]


def test_every_cited_equation_and_section_exists():
    cited = citations()
    assert len(cited) > 40
    missing = [item for item in cited if item[2] not in (TAGS if item[1] == "eq." else SECTIONS)]
    assert not missing


@pytest.mark.parametrize("name", ["METHODS", "DESIGN"])
def test_nothing_cites_a_document_that_is_not_in_the_repository(name):
    citing = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if path != Path(__file__) and re.search(rf"\b{name}(?: \d|:| section)", path.read_text(encoding="utf-8"))
    ]
    assert not citing
