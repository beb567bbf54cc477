"""Meshes of CalculiX decks."""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.calculix import READER
from romtool.convert.calculix_mesh import DeckMesh, read_mesh
from romtool.convert.calculix_types import ELEMENT_TYPES, FRD_TYPES
from romtool.errors import ReaderError

BRICKS = """*NODE, NSET=Nall
30, 2, 0, 0
1, 0, 0, 0
2, 1.0000000001, 0
3, 1, 1, 0
4, 0, 1
5, 0, 0, 1
6, 1, 0, 1
7, 1, 1, 1
8, 0, 1, 1
31, 2, 1, 0
32, 2, 0, 1
33, 2, 1, 1
99, 5, 5, 5
*element, type=c3d8, elset=Left
20, 1, 2, 3, 4, 5, 6,
** a comment in the middle of an element
7, 8
*ELEMENT, TYPE=C3D8R, ELSET=RIGHT
10, 2, 30, 31, 3,
 6, 32, 33, 7
"""


def mesh(tmp_path: Path, text: str) -> DeckMesh:
    path = tmp_path / "deck.inp"
    path.write_text(text)
    return read_mesh(path)


def test_nodes_are_sorted_used_only_and_keep_all_digits(tmp_path: Path) -> None:
    found = mesh(tmp_path, BRICKS).mesh
    np.testing.assert_array_equal(found.node_ids, [1, 2, 3, 4, 5, 6, 7, 8, 30, 31, 32, 33])
    assert found.points[1].tolist() == [1.0000000001, 0.0, 0.0]
    assert found.points[8].tolist() == [2.0, 0.0, 0.0]


def test_blocks_have_type_formulation_and_rows(tmp_path: Path) -> None:
    first, second = mesh(tmp_path, BRICKS).mesh.blocks
    assert (first.cell_type, first.formulation, first.solver_type) == ("hexahedron", "hex8_mean", "C3D8")
    assert (second.formulation, second.solver_type) == ("", "C3D8R")
    assert first.element_ids.tolist() == [20]
    assert first.connectivity.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]
    assert second.connectivity.tolist() == [[1, 8, 9, 2, 5, 10, 11, 6]]


def test_sets_by_id_name_range_and_of_cards(tmp_path: Path) -> None:
    found = mesh(
        tmp_path,
        BRICKS
        + """*NSET, NSET=A
8, 1, 99,
*NSET, NSET=B, GENERATE
30, 33
2, 6, 2
*NSET, NSET=C
A, B, 7
*nset, nset=a
3
*ELSET, ELSET=BOTH
LEFT, 10
""",
    ).mesh
    ids = {name: found.node_ids[rows].tolist() for name, rows in found.node_sets.items()}
    assert ids["A"] == [1, 3, 8]
    assert ids["B"] == [2, 4, 6, 30, 31, 32, 33]
    assert ids["C"] == [1, 2, 4, 6, 7, 8, 30, 31, 32, 33]
    assert ids["NALL"] == found.node_ids.tolist()
    elements = {name: found.element_ids[rows].tolist() for name, rows in found.element_sets.items()}
    assert elements == {"LEFT": [20], "RIGHT": [10], "BOTH": [20, 10], "EALL": [20, 10]}


def test_surfaces_of_elements_sets_and_nodes(tmp_path: Path) -> None:
    found = mesh(
        tmp_path,
        BRICKS + "*SURFACE, NAME=S\nRIGHT, S4\n20, s6\n*SURFACE, NAME=N, TYPE=NODE\n1, 2\n",
    ).mesh
    assert found.side_sets["S"].tolist() == [[1, 3], [0, 5]]
    assert found.node_sets["N"].tolist() == [0, 1]


def test_long_coordinates_are_cut_as_calculix_does_with_a_warning(tmp_path: Path) -> None:
    text = BRICKS.replace("1, 0, 0, 0", "1, -1.22464679914736e-15, 0.000000000000000000, 0.0")
    found = mesh(tmp_path, text)
    assert found.mesh.points[0, 0] == -0.122464679914736
    assert "more than 20 characters" in found.warnings[0]


def test_a_node_given_twice_in_the_same_place_counts_once(tmp_path: Path) -> None:
    assert len(mesh(tmp_path, "*NODE\n1,0,0,0\n" + BRICKS).mesh.node_ids) == 12


def test_undefined_members_are_left_out_with_a_warning(tmp_path: Path) -> None:
    found = mesh(tmp_path, BRICKS + "*NSET, NSET=X\n1, 1000\n*ELSET, ELSET=Y, GENERATE\n10,30,5\n")
    assert found.mesh.node_sets["X"].tolist() == [0]
    assert found.mesh.element_sets["Y"].tolist() == [0, 1]
    assert [text.split(" names")[0] for text in found.warnings] == ["node set X", "element set Y"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*NODE\n1,0,0,0\n1,0,0,1\n*ELEMENT,TYPE=MASS\n1,1\n", r"deck\.inp:3: \*NODE: node 1 is defined twice"),
        (BRICKS + "*ELEMENT,TYPE=C3D4\n20,1,2,3,5\n", r"deck\.inp:\d+: \*ELEMENT: element 20 is defined twice"),
        (BRICKS + "*ELEMENT,TYPE=C3D4\n21,1,2,3,77\n", "element 21 uses node 77, which is not defined"),
        (BRICKS + "*ELEMENT,TYPE=C3D5\n21,1,2,3\n", "unknown element type C3D5"),
        (BRICKS + "*ELEMENT,TYPE=C3D4\n21,1,2,3\n22,1,2,3,5\n", r"C3D4 has an id and 4 nodes"),
        (BRICKS + "*ELEMENT\n21,1,2,3\n", "TYPE= is missing"),
        (BRICKS + "*NSET, NSET=A\nNOWHERE\n", "unknown set NOWHERE"),
        (BRICKS + "*SURFACE, NAME=A\nNOWHERE, S1\n", "unknown element set NOWHERE"),
        (BRICKS + "*SURFACE, NAME=A\n500, S1\n", "surface names element 500"),
        (BRICKS + "*SURFACE, NAME=A\nLEFT\n", "expected an element or element set and S1"),
        (BRICKS + "*NGEN\n1,2\n", "is not a CalculiX keyword"),
        ("*NODE\n1.5,0,0,0\n", "found 1.5, expected a positive id"),
        ("*NODE\n1,0,zero,0\n", r"deck\.inp:2: \*NODE: found 'zero', expected a number"),
        ("*NODE\n1,0,0,0\n", "defines no elements"),
    ],
)
def test_wrong_decks_say_what_and_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ReaderError, match=message):
        mesh(tmp_path, text)


def test_reading_a_deck_gives_the_mesh_without_times(tmp_path: Path) -> None:
    (tmp_path / "deck.inp").write_text(BRICKS)
    found = READER.read(tmp_path / "deck.inp")
    assert found.mesh.n_elements == 2
    assert len(found.times) == 0
    assert not found.fields
    with pytest.raises(KeyError):
        found.read("u", 0)


def test_every_type_has_as_many_nodes_as_its_cell() -> None:
    assert all(sorted(kind.to_vtk) == list(range(kind.n_nodes)) for kind in ELEMENT_TYPES.values())
    assert all(sorted(kind.to_vtk) == list(range(kind.n_nodes)) for kind in FRD_TYPES.values())
