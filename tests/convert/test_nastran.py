"""Nastran decks written here: fields, continuations, includes, coordinate systems, materials, supports."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")

from romtool.constraints import Equations, MeanMotion, RigidBody
from romtool.convert import nastran_results
from romtool.convert.nastran import READER
from romtool.convert.nastran_cards import is_deck, read_cards
from romtool.errors import ReaderError
from romtool.fem.checks import check_mesh
from romtool.loading import PartialDeckError
from romtool.types import Floats
from tests.sample_grids import HEXA, TETRA, WEDGE, with_middles
from tests.solver_files import nastran_card as card

CONTROL = "SOL 101\nCEND\nSPC = 7\nBEGIN BULK\n"
PHYSICS = "PSOLID,1,1\nMAT1,1,2.1+5,,0.3,7.8-9,1.2-5,20.\n"
SUPPORTS = "SPCADD,7,8,9\nSPC1,8,123,1,2\nSPC1,9,3,3,THRU,4\nSPC1,10,123,4\n"

NASTRAN_ORDER = {
    "hexahedron20": [*range(12), 16, 17, 18, 19, 12, 13, 14, 15],
    "wedge15": [*range(9), 12, 13, 14, 9, 10, 11],
    "tetra10": list(range(10)),
    "hexahedron": list(range(8)),
    "wedge": list(range(6)),
    "tetra": list(range(4)),
}
"""Bulk data: mid-side nodes of the bottom, then of the upright edges, then of the top (Nastran's guide)."""
NAMES = {"hexa": "CHEXA", "wedge": "CPENTA", "tetra": "CTETRA"}
CORNERS = {"hexa": HEXA, "wedge": WEDGE, "tetra": TETRA}


def grids(points: Floats) -> str:
    return "".join(card("GRID", i, "", *map(repr, map(float, p))) for i, p in enumerate(points, 1))


def deck(cell_type: str = "tetra", more: str = "") -> str:
    """Return a deck with one element."""
    kind = next(key for key in NAMES if cell_type.startswith(key))
    points = with_middles(cell_type, CORNERS[kind])
    nodes = np.arange(1, len(points) + 1)[np.array(NASTRAN_ORDER[cell_type])]
    bulk = grids(points) + card(NAMES[kind], 5, 1, *nodes.tolist()) + PHYSICS + SUPPORTS + more
    return CONTROL + bulk + "ENDDATA\n"


def written(folder: Path, text: str, name: str = "job.bdf") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("cell_type", NASTRAN_ORDER)
def test_each_solid_comes_in_vtk_order(tmp_path: Path, cell_type: str) -> None:
    mesh = READER.read(written(tmp_path, deck(cell_type))).mesh
    (block,) = mesh.blocks
    assert block.cell_type == cell_type
    assert block.connectivity.tolist() == [list(range(mesh.n_nodes))]
    assert block.formulation == {"tetra": "tet4", "tetra10": "tet10"}.get(cell_type, "")
    check_mesh(mesh)


def test_materials_and_the_supports_that_the_case_control_names(tmp_path: Path) -> None:
    found = READER.read_deck(written(tmp_path, deck()))
    (material,) = found.materials
    assert (material.elements, material.law, material.density) == ("P1", "elastic", 7.8e-9)
    assert material.parameters == {"young": 2.1e5, "poisson": 0.3, "expansion": 1.2e-5}
    assert material.reference_temperature == 20.0
    assert [(d.nodes, d.components) for d in found.loading.dirichlet] == [("SPC9", (2,)), ("SPC8", (0, 1, 2))]
    assert found.mesh is not None
    assert found.mesh.node_sets["SPC8"].tolist() == [0, 1]
    assert found.mesh.node_sets["SPC10"].tolist() == [3]


def test_supports_in_systems_of_their_own_are_refused(tmp_path: Path) -> None:
    text = deck(more="CORD2R,3,0,0.,0.,0.,0.,0.,1.\n,0.,1.,0.\n")
    text = text.replace("GRID,1,,0.0,0.0,0.0", "GRID,1,,0.0,0.0,0.0,3")
    with pytest.raises(PartialDeckError, match="supports of 1 nodes are in systems of their own") as caught:
        READER.read_deck(written(tmp_path, text))
    fixed = max(caught.value.deck.loading.dirichlet, key=lambda entry: len(entry.components))
    assert caught.value.deck.mesh is not None
    assert caught.value.deck.mesh.node_sets[fixed.nodes].tolist() == [1]


def test_what_matters_and_is_not_read_is_said_with_its_line(tmp_path: Path) -> None:
    text = deck(more="FORCE,3,1,0,5.,1.,0.,0.\nRBAR,9,1,2,123456\nGRAV,4,0,9.81,0.,0.,-1.\n")
    line = text[: text.index("FORCE")].count("\n") + 1
    with pytest.raises(PartialDeckError, match=f"job.bdf:{line}: FORCE") as caught:
        READER.read_deck(written(tmp_path, text))
    said = " ".join(caught.value.deck.warnings)
    assert "RBAR (1 of them)" in said
    assert "GRAV (1 of them)" in said
    assert len(caught.value.deck.materials) == 1


def test_constraints(tmp_path: Path) -> None:
    """A rigid element, a mean motion, and the equations of the set that the case control names."""
    more = "GRID,90,,1.,1.,1.\nRBE2,9,90,123,2,3\nRBE3,10,,91,123456,1.,123,1,4\n,0.5,123,3\nGRID,91,,2.,0.,0.\n"
    more += "MPC,5,4,1,1.,3,2,-2.\nMPC,6,4,2,1.,3,2,-2.\n"
    text = deck(more=more).replace("SPC = 7\n", "SPC = 7\nMPC = 5\n")
    body, mean, equation = READER.read_deck(written(tmp_path, text)).loading.constraints
    assert isinstance(body, RigidBody)
    assert (body.nodes.tolist(), body.reference, body.point.tolist(), body.components) == (
        [2, 3],
        90,
        [1.0, 1.0, 1.0],
        (0, 1, 2),
    )
    assert isinstance(mean, MeanMotion)
    assert (mean.nodes.tolist(), mean.weights.tolist(), mean.reference) == ([1, 4, 3], [1.0, 1.0, 0.5], 91)
    assert isinstance(equation, Equations)
    assert (equation.nodes.tolist(), equation.components.tolist()) == ([4, 3], [0, 1])
    assert equation.coefficients.tolist() == [1.0, -2.0]


def test_small_large_and_continued_fields(tmp_path: Path) -> None:
    text = deck().replace(
        grids(TETRA),
        "GRID           1              0.      0.      0.        $ small\n"
        "GRID*                  2                              1.              0.*\n*                     0.\n"
        "GRID,3,,0.,1.,0.\nGRID    4                                     1.0\n",
    )
    np.testing.assert_array_equal(READER.read(written(tmp_path, text)).mesh.points, TETRA)


def test_coordinate_systems_of_nodes(tmp_path: Path) -> None:
    """Cylindrical about z through (1, 0, 0): radius, angle in degrees, z."""
    text = deck(more="CORD2C,3,0,1.,0.,0.,1.,0.,1.\n,2.,0.,0.\n").replace(
        "GRID,2,,1.0,0.0,0.0", "GRID,2,3,2.0,90.0,5.0"
    )
    np.testing.assert_allclose(READER.read(written(tmp_path, text)).mesh.points[1], [1.0, 2.0, 5.0], atol=1e-12)


def test_includes_stand_in_their_place_and_missing_ones_are_said(tmp_path: Path) -> None:
    (tmp_path / "nodes.inc").write_text(grids(TETRA))
    text = deck().replace(grids(TETRA), "INCLUDE 'nodes.inc'\n")
    np.testing.assert_array_equal(READER.read(written(tmp_path, text)).mesh.points, TETRA)
    path = written(tmp_path, deck(more="INCLUDE 'loads.inc'\n"))
    assert any("INCLUDE loads.inc: no such file" in text for text in READER.read(path).warnings)
    with pytest.raises(PartialDeckError, match=r"INCLUDE loads\.inc: no such file"):
        READER.read_deck(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ENDDATA", "", "ends without ENDDATA; it is truncated"),
        ("GRID,2,,1.0", "GRID,2,,one", "job.bdf:6: GRID cannot be read: .*must be a float"),
        ("CTETRA,5,1,1,2,3,4", "CTETRA,5,1,1,2,3,77", "element 5 uses node 77, which is not defined"),
        ("CTETRA,5,1,1,2,3,4", "CONM2,5,1,0,1.", "defines no elements that can be shown"),
        ("CTETRA,5,1,1,2,3,4", "GRDSET,,9\nCTETRA,5,1,1,2,3,4", "GRDSET is not read"),
        ("GRID,2,,1.0", "GRID,2,9,1.0", "nodes stand in coordinate system 9, which is not defined"),
    ],
)
def test_damage_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = deck()
    assert old in text
    with pytest.raises(ReaderError, match=message):
        READER.read(written(tmp_path, text.replace(old, new)))


def test_an_include_of_itself_ends(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="remove the file that includes itself"):
        read_cards(written(tmp_path, "BEGIN BULK\nINCLUDE 'job.bdf'\nENDDATA\n"))


def test_decks_are_known_by_content(tmp_path: Path) -> None:
    assert is_deck(written(tmp_path, deck(), "job.dat"))
    assert not is_deck(written(tmp_path, " stresses (elem, integ.pnt.,sxx) for set EALL and time 1\n", "other.dat"))
    assert not is_deck(tmp_path / "absent.dat")


def test_pynastran_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReaderError):
        READER.read(written(tmp_path, deck().replace("GRID,2,,1.0", "GRID,2,,one")))
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["job.bdf"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0 holds b''; expected a record marker"),
        (b"text", "byte 0 holds b'text'; expected a record marker"),
        (b"\4\0\0\0" * 3, "byte 0 does not begin the end mark; the file is truncated"),
    ],
)
def test_results_must_begin_and_end_as_such(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "job.op2").write_bytes(data)
    with pytest.raises(ReaderError, match=message):
        nastran_results.check_ends(tmp_path / "job.op2")
