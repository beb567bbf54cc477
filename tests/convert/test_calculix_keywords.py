"""The line reader of CalculiX decks."""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.calculix_keywords import Card, clean_name, is_deck, read_cards, read_numbers, read_table
from romtool.errors import ReaderError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="latin-1")
    return path


def cards(tmp_path: Path, text: str) -> list[Card]:
    return read_cards(write(tmp_path / "deck.inp", text))


def test_keywords_and_names_are_upper_case_without_blanks(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, "*Solid Section, elset = my set, Material=Steel\n")
    assert (card.keyword, card.title) == ("SOLIDSECTION", "*SOLID SECTION")
    assert card.parameters == {"ELSET": "MYSET", "MATERIAL": "STEEL"}


def test_quoted_names_keep_case_blanks_and_commas(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, '*nset, nset="My, Set"\n"My, Set", 3,\n')
    assert card.parameters["NSET"] == "My, Set"
    assert [fields for _, fields in card.rows()] == [["My, Set", "3"]]


def test_a_keyword_line_goes_on_after_a_comma(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, "*ELEMENT, TYPE=C3D8,\n ELSET=E\n1,2\n")
    assert card.parameters == {"TYPE": "C3D8", "ELSET": "E"}
    assert (card.lines, card.line_of(0)) == (["1,2"], "deck.inp:3")


def test_comments_and_blank_lines_vanish_and_line_numbers_stay(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, "** title\n\n*NODE\n1,0\n** inside\n\n  ** indented\n2,x\n")
    assert card.lines == ["1,0", "2,x"]
    with pytest.raises(ReaderError, match=r"deck\.inp:8: \*NODE: found 'x', expected a number"):
        read_numbers(card)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_are_read(tmp_path: Path, end: str) -> None:
    (tmp_path / "deck.inp").write_bytes(f"*NODE{end}1,0.5{end}*STEP{end}".encode())
    assert [card.keyword for card in read_cards(tmp_path / "deck.inp")] == ["NODE", "STEP"]


def test_include_continues_data_and_brings_cards(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    write(tmp_path / "parts" / "Nodes.txt", "2,1\n** comment\n3,2\n*ELSET, ELSET=A\n7\n")
    found = cards(tmp_path, "*NODE\n1,0\n*include, input=parts/Nodes.txt\n8\n*STEP\n")
    assert [(card.keyword, card.lines) for card in found] == [
        ("NODE", ["1,0", "2,1", "3,2"]),
        ("ELSET", ["7", "8"]),
        ("STEP", []),
    ]
    assert found[0].line_of(2) == "Nodes.txt:3"
    assert found[1].line_of(1) == "deck.inp:4"


def test_include_errors(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"deck\.inp:2: \*INCLUDE: file gone\.txt does not exist"):
        cards(tmp_path, "*NODE\n*INCLUDE, INPUT=gone.txt\n")
    with pytest.raises(ReaderError, match="files deep"):
        cards(tmp_path, "*INCLUDE, INPUT=deck.inp\n")
    with pytest.raises(ReaderError, match="INPUT= is missing"):
        cards(tmp_path, "*INCLUDE\n")


def test_numbers_have_at_most_20_characters_as_in_calculix(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, "*NODE\n1, -1.22464679914736e-15, 1.5D-3\n")
    found = read_numbers(card)
    assert found.cut == 1
    np.testing.assert_array_equal(found.values, [1.0, -1.22464679914736e-1, 1.5e-3])


def test_table_has_nan_where_a_field_is_missing(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, "*NODE\n1, 2, , 4\n5\n6,7,\n")
    np.testing.assert_array_equal(
        read_table(card, 4), [[1, 2, np.nan, 4], [5, np.nan, np.nan, np.nan], [6, 7, np.nan, np.nan]]
    )
    with pytest.raises(ReaderError, match=r"deck\.inp:2: \*NODE: more than 3 numbers"):
        read_table(card, 3)


def test_data_before_a_keyword_and_empty_decks_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"deck\.inp:1: data before the first keyword"):
        cards(tmp_path, "1,2\n*NODE\n")
    with pytest.raises(ReaderError, match="no keyword line"):
        cards(tmp_path, "** only a comment\n")
    with pytest.raises(ReaderError, match="cannot be read"):
        read_cards(tmp_path / "absent.inp")


def test_missing_parameter_names_card_and_line(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, "*NSET\n1\n")
    with pytest.raises(ReaderError, match=r"deck\.inp:1: \*NSET: the parameter NSET= is missing"):
        card.name("NSET")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("** a deck\n*HEADING\nx\n*NODE\n", True),
        ("*node, nset=nall\n1,0,0,0\n", True),
        ("*Include, input=mesh.inp\n", True),
        ("****calcul\n ***mesh\n  **file cube.geof\n****return\n", False),
        ("% comment\n****calcul\n *foo\n", False),
        ("*unheard of\n", False),
        ("no keyword at all\n", False),
    ],
)
def test_is_deck_tells_calculix_from_zset(tmp_path: Path, text: str, expected: bool) -> None:
    assert is_deck(write(tmp_path / "deck.inp", text)) is expected


def test_is_deck_of_a_missing_file_is_false(tmp_path: Path) -> None:
    assert not is_deck(tmp_path / "absent.inp")


def test_clean_name() -> None:
    assert clean_name(' "A b" ') == "A b"
    assert clean_name(" a b ") == "AB"
