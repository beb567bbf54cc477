"""Ansys archives and records, written here: shapes by repeated nodes, options, materials, supports, damage."""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.ansys import READER
from romtool.convert.ansys_elements import RawElements, build_parts
from romtool.convert.ansys_kernels import (
    COMPRESSED,
    DAMAGED,
    TOO_LONG,
    add_at_nodes,
    expand,
    read_rows,
    rotation,
    turn_vectors,
)
from romtool.errors import ReaderError
from romtool.fem.checks import check_mesh
from romtool.loading import Deck, PartialDeckError
from romtool.types import Floats, Ints
from tests.sample_grids import HEXA, TETRA, WEDGE, with_middles

# Shapes of SOLID186: columns of its 20 nodes (I … P, Q … B) filled with the nodes of a cell in VTK order
FILLED = {
    "hexahedron20": list(range(20)),
    "wedge15": [0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 2, 8, 9, 10, 5, 11, 12, 13, 14, 14],
    "tetra10": [0, 1, 2, 2, 3, 3, 3, 3, 4, 5, 2, 6, 3, 3, 3, 3, 7, 8, 9, 9],
}
CORNERS = {"hexahedron20": HEXA, "wedge15": WEDGE, "tetra10": TETRA}


def archive(points: Floats, rows: Ints, extra: str = "", kind: int = 186, options: str = "") -> str:
    """Return an archive with one element type; rows are node numbers, 0 where there is none."""
    text = (
        f"/PREP7\nET,        1,{kind}\n{options}NBLOCK,6,SOLID,{len(points):10d},{len(points):10d}\n(3i9,6e21.13e3)\n"
    )
    for i, point in enumerate(points, 1):
        text += f"{i:9d}{0:9d}{0:9d}{_reals(point)}"
    text += f"N,R5.3,LOC,       -1,\nEBLOCK,19,SOLID,{len(rows):10d},{len(rows):10d}\n(19i10)\n"
    for e, row in enumerate(rows, 1):
        nodes = [n for n in row if n]
        head = [1, 1, 1, 1, 0, 0, 0, 0, len(nodes), 0, e, *nodes[:8]]
        text += "".join(f"{n:10d}" for n in head) + "\n"
        if len(nodes) > 8:
            text += "".join(f"{n:10d}" for n in nodes[8:]) + "\n"
    return text + f"{-1:10d}\n" + extra + "/GO\nFINISH\n"


def _reals(point: Floats) -> str:
    """Return three numbers of width 21 with exponents of three digits; zeros at the end are left out."""
    fields = []
    for x in point:
        mantissa, _, exponent = f"{x:.13E}".partition("E")
        fields.append(f"{mantissa}E{int(exponent):+04d}".rjust(21))
    while fields and not point[len(fields) - 1]:
        fields.pop()
    return "".join(fields) + "\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "job.cdb"
    path.write_text(text)
    return path


def deck_of(path: Path) -> Deck:
    try:
        return READER.read_deck(path)
    except PartialDeckError as error:
        return error.deck


@pytest.mark.parametrize("cell_type", FILLED)
def test_shapes_of_the_quadratic_brick(tmp_path: Path, cell_type: str) -> None:
    points = with_middles(cell_type, CORNERS[cell_type])
    path = written(tmp_path, archive(points, np.array([FILLED[cell_type]]) + 1))
    (block,) = READER.read(path).mesh.blocks
    assert block.cell_type == cell_type
    assert block.connectivity.tolist() == [list(range(len(points)))]
    assert block.formulation == {"hexahedron20": "hex20r"}.get(cell_type, cell_type.replace("tetra", "tet"))
    check_mesh(READER.read(path).mesh)


@pytest.mark.parametrize(
    ("columns", "cell_type"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "hexahedron"),
        ([0, 1, 2, 2, 3, 4, 5, 5], "wedge"),
        ([0, 1, 2, 3, 4, 4, 4, 4], "pyramid"),
        ([0, 1, 2, 2, 3, 3, 3, 3], "tetra"),
    ],
)
def test_shapes_of_the_linear_brick(columns: list[int], cell_type: str) -> None:
    raw = RawElements(np.array([9]), np.array([1]), np.array([columns]) + 1, {1: 185}, {})
    (part,), warnings = build_parts(raw)
    assert part.kind.cell_type == cell_type
    assert part.kind.formulation == ""  # B-bar
    assert part.nodes.tolist() == [list(range(1, len(set(columns)) + 1))]
    assert not warnings


@pytest.mark.parametrize(
    ("kind", "options", "formulation"),
    [(186, "", "hex20r"), (186, "KEYOPT,1,2,1\n", "hex20"), (186, "KEYOP,1,6,1\n", ""), (95, "", "")],
)
def test_options_choose_the_formulation(tmp_path: Path, kind: int, options: str, formulation: str) -> None:
    points = with_middles("hexahedron20", HEXA)
    path = written(tmp_path, archive(points, np.arange(1, 21)[None], kind=kind, options=options))
    assert READER.read(path).mesh.blocks[0].formulation == formulation


def test_contact_and_dropped_middles_are_said(tmp_path: Path) -> None:
    nodes = np.array([[1, 2, 3, 4, 5, 6, 7, 8, *[0] * 12]])
    raw = RawElements(np.array([1, 2]), np.array([1, 2]), np.repeat(nodes, 2, axis=0), {1: 186, 2: 174}, {})
    parts, warnings = build_parts(raw)
    assert [(p.kind.cell_type, p.kind.formulation) for p in parts] == [("hexahedron", "")]
    assert "1 of type 174" in warnings[0]
    assert "dropped mid-side nodes" in warnings[1]


PHYSICS = """MPTEMP,R5.0, 2, 1,  20.0,  500.0,
MPDATA,R5.0, 2,EX  ,       1, 1,  2.0E5,  1.5E5,
MPTEMP,R5.0, 1, 1,  0.0,
MPDATA,R5.0, 1,NUXY,       1, 1,  0.3,
MPDATA,R5.0, 1,DENS,       1, 1,  7.8E-9,
MPDATA,R5.0, 1,ALPX,       1, 1,  1.2E-5,
TREF,  20.00000000
ACEL,  0.00000000    ,  0.00000000    ,  0.00000000
D,      1,UX  ,  0.00000000    ,  0.00000000
D,      1,UY  ,  0.00000000    ,  0.00000000
D,      2,UX  ,  0.00000000    ,  0.00000000
D,      2,UY  ,  0.00000000    ,  0.00000000
D,      3,UZ  ,  0.00000000    ,  0.00000000
CMBLOCK,FEET,NODE,       2  ! users node component definition
(8i10)
         1        -2
"""


def brick(extra: str) -> str:
    return archive(with_middles("hexahedron20", HEXA), np.arange(1, 21)[None], extra)


def test_materials_and_supports(tmp_path: Path) -> None:
    deck = READER.read_deck(written(tmp_path, brick(PHYSICS)))
    (material,) = deck.materials
    assert material.elements == "MAT1"
    assert material.parameters == {"young": [[20.0, 2e5], [500.0, 1.5e5]], "poisson": 0.3, "expansion": 1.2e-5}
    assert (material.density, material.reference_temperature) == (7.8e-9, 20.0)
    assert [(d.nodes, d.components, d.value) for d in deck.loading.dirichlet] == [
        ("FEET", (0, 1), 0.0),  # the component with the same nodes: results have it too
        ("D_z", (2,), 0.0),
    ]
    assert deck.mesh is not None
    assert deck.mesh.node_sets["D_z"].tolist() == [2]


def test_supports_in_systems_of_their_own_are_refused(tmp_path: Path) -> None:
    text = brick(PHYSICS)
    first = text.index("        1        0        0")
    stop = text.index("\n", first)
    zero = "0.0000000000000E+000".rjust(21)
    text = text[:stop] + (3 - (stop - first - 27) // 21) * zero + "4.5000000000000E+001".rjust(21) + text[stop:]
    with pytest.raises(PartialDeckError, match="2 D are on nodes with systems of their own") as caught:
        READER.read_deck(written(tmp_path, text))
    assert [d.nodes for d in caught.value.deck.loading.dirichlet] == ["D_xy", "D_z"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("F,      1,FX  ,  5.0\n", "F "),
        ("SFE,      1,   1,PRES,0,R5.0,  3.0\n", "SFE"),
        ("ACEL,  0.,  9.81,  0.\n", "ACEL"),
        ("D,      3,UZ  ,  0.01\n", "D "),
        ("CE,R5.0,DEFI,       1,       2\n", "CE"),
        ("CP,  1,UX  ,  1,  2\n", "CP"),
        ("TB,BISO,       1\n", "TB"),
    ],
)
def test_what_matters_and_is_not_read_is_said_with_its_line(tmp_path: Path, command: str, words: str) -> None:
    text = brick(PHYSICS + command)
    line = text[: text.index(command)].count("\n") + 1
    with pytest.raises(PartialDeckError, match=rf"job.cdb:{line}: {words}") as caught:
        READER.read_deck(written(tmp_path, text))
    assert len(caught.value.deck.materials) == (0 if words == "TB" else 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(3i9,6e21.13e3)", "(what is this)", r"job.cdb:4: found '\(what is this\)', expected the format of NBLOCK"),
        (
            "        2        0        0",
            "       2x        0        0",
            "job.cdb:6: found .*, expected numbers of width 9",
        ),
        (
            "        20         0         1",
            "        99         0         1",
            "an element with 99 nodes, expected 1 to 20",
        ),
        ("(19i10)", "(11i10)", "found 11 numbers in a row of EBLOCK, expected 19"),
        ("EBLOCK,19,SOLID", "EBLOCK,10", "an EBLOCK without SOLID is not read"),
        ("ET,        1,186", "ET,        1,174", "holds no solids, shells or beams"),
        ("       2  ! users", "      20  ! users", "component FEET has fewer than the 20 numbers that it says"),
        ("  2.0E5,  1.5E5,", "  2.0E5,  1.5E5, 1.0E5", "MPDATA has 3 values for 2 temperatures"),
        ("TREF,  20.00000000", "TREF,  warm", "TREF: found 'WARM', expected a number"),
    ],
)
def test_damage_is_said_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = brick(PHYSICS)
    assert old in text
    with pytest.raises(ReaderError, match=message):
        deck_of(written(tmp_path, text.replace(old, new, 1)))


# Records of the result file


def record(values: Ints | Floats, flags: int) -> Ints:
    """Return a record with the words of `values`."""
    words = np.ascontiguousarray(values).view(np.int32)
    head = np.array([len(words), flags << 24], dtype=np.int64).astype(np.uint32).view(np.int32)
    return np.concatenate([head, words, head[:1]]).astype(np.int32)


def expanded(words: Ints, size: int = 64) -> tuple[int, int, Ints]:
    out = np.zeros(size, dtype=np.int32)
    count, width = expand(words, 0, out)
    return count, width, out


DOUBLES = np.array([1.5, -2.0, 3.25])


def packed(*words: int | float) -> Ints:
    """Return integers as single words and floats as two."""
    parts = [
        np.array([w], np.float64).view(np.int32) if isinstance(w, float) else np.array([w], np.int32) for w in words
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (record(DOUBLES, 0), [1.5, -2.0, 3.25]),
        (record(packed(4, 0b1010, 7.5, 8.5), 8), [0.0, 7.5, 0.0, 8.5]),
        (record(packed(6, 3, 2, 9.5, -4, -2, 0.5, 0, 1, 4.5), 16), [4.5, 0.0, 9.5, 0.0, 0.5, 0.5]),
    ],
)
def test_doubles_plain_and_sparse(words: Ints, expected: list[float]) -> None:
    count, width, out = expanded(words)
    assert (count, width) == (len(expected), 2)
    assert out[: 2 * count].view(np.float64).tolist() == expected


def test_integers_and_halves() -> None:
    count, width, out = expanded(record(np.array([5, -6], np.int32), 128))
    assert (count, width, out[:2].tolist()) == (2, 1, [5, -6])
    count, _, out = expanded(record(np.array([1, -2, 3, -4], np.int16), 128 + 64))
    assert out[:count].tolist() == [1, -2, 3, -4]
    bits = np.concatenate([packed(5, 0b10011), np.array([7, -8, 9, 0], np.int16).view(np.int32)])
    count, _, out = expanded(record(bits, 128 + 64 + 8))
    assert out[:count].tolist() == [7, -8, 0, 0, 9]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (record(DOUBLES, 32), COMPRESSED),
        (record(DOUBLES, 0)[:-1], DAMAGED),
        (record(np.zeros(40), 0), TOO_LONG),
        (record(packed(99, 0b1), 8), DAMAGED),
        (record(packed(4, 0b1111, 1.0), 8), DAMAGED),
        (record(packed(4, 1, 9, 1.0), 16), DAMAGED),
        (record(packed(4, 1, -2, 3, 1.0), 16), DAMAGED),
        (record(packed(10**6, 0), 16), TOO_LONG),
        (np.array([-5, 0, 0], np.int32), DAMAGED),
    ],
)
def test_records_that_do_not_fit_are_told(words: Ints, code: int) -> None:
    assert expanded(words)[0] == code


def test_rows_follow_each_other_or_stand_at_places() -> None:
    one, two = record(np.array([1, 2], np.int32), 128), record(np.array([3], np.int32), 128)
    words = np.concatenate([one, two])
    rows, counts = np.zeros((2, 4), np.int32), np.zeros(2, np.int64)
    assert read_rows(words, 0, np.zeros(0, np.int64), rows, counts) == 2
    assert (rows[:, 0].tolist(), counts.tolist()) == ([1, 3], [2, 1])
    assert read_rows(words, 0, np.array([len(one), 1]), rows, counts) == 1


def test_nodes_are_turned_about_axes_that_are_turned_already() -> None:
    """THXY about z, THYZ about the new x, THZX about the new y."""
    q = np.empty((3, 3))
    rotation(np.array([90.0, 0.0, 0.0]), q)
    np.testing.assert_allclose(q @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-15)
    rotation(np.array([90.0, 90.0, 0.0]), q)
    np.testing.assert_allclose(q @ [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], atol=1e-15)
    rotation(np.array([20.0, 50.0, -70.0]), q)
    np.testing.assert_allclose(q @ q.T, np.eye(3), atol=1e-15)
    vectors = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    turn_vectors(vectors, np.array([[0.0, 0.0, 0.0], [20.0, 50.0, -70.0]]))
    np.testing.assert_allclose(vectors, [[1.0, 2.0, 3.0], q @ [1.0, 2.0, 3.0]])


def test_stresses_are_averaged_and_turned_out_of_the_elements_system() -> None:
    """Two elements share node 1; the second one's x is the global y."""
    stress = np.array([[1.0, 0, 0, 0, 0, 0], [3.0, 0, 0, 0, 0, 0]])
    table = np.zeros(12, np.int32)
    table[2], table[9] = len(table) + 3, len(table) + 3 + len(record(stress.ravel(), 0))
    element = np.concatenate([record(table, 128), record(stress.ravel(), 0)])
    turned = np.concatenate([element, record(np.array([90.0, 0.0, 0.0]), 0)])
    table[9] = 0
    element = np.concatenate([record(table, 128), record(stress.ravel(), 0)])
    words = np.concatenate([np.zeros(4, np.int32), element, turned])
    places = np.array([4, 4 + len(element), 0])
    nodes = np.array([[0, 1], [1, 2], [-2, -2]])
    sums, hits = np.zeros((3, 6)), np.zeros(3, np.int64)
    assert add_at_nodes(words, places, 2, 9, nodes, sums, hits) == 3
    assert hits.tolist() == [1, 2, 1]
    np.testing.assert_allclose(sums[0], [1.0, 0, 0, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(sums[1], [3.0, 1.0, 0, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(sums[2], [0.0, 3.0, 0, 0, 0, 0], atol=1e-15)
    assert add_at_nodes(words, np.array([4, 5, 0]), 2, 9, nodes, sums, hits) == 1
