"""Abaqus decks: parts, instances, assembly against the same mesh without them, and against CalculiX' reading."""

from pathlib import Path

import numpy as np
import pytest

from romtool.constraints import Equations, RigidBody
from romtool.convert import calculix_deck
from romtool.convert.abaqus import READER
from romtool.errors import ReaderError
from romtool.loading import Deck, PartialDeckError
from romtool.types import Mesh
from tests.fem.meshes import cube

HEAD = "*HEADING\n*PREPRINT, ECHO=NO\n"
MATERIAL = """*MATERIAL, NAME=Steel
*ELASTIC
2.1e5, .3, 20.
1.7e5, .31, 500.
*EXPANSION, ZERO=20.
1.2e-5, 20.
1.4e-5, 500.
*DENSITY
7.8e-9
*PLASTIC
250., 0.
300., .1
"""
AMPLITUDE = "*AMPLITUDE, NAME=Ramp\n0., 0., 1., 1., 2., .5\n"
BEFORE = "*INITIAL CONDITIONS, TYPE=TEMPERATURE\n{all}, 20.\n*BOUNDARY\n{bottom}, 1, 3\n"
STEPS = """*STEP, INC=100
*STATIC, DIRECT
.5, 1.
*DSLOAD, AMPLITUDE=Ramp
{skin}, P, 3.
*DLOAD
{body}, GRAV, 9810., 0., 0., -1.
*TEMPERATURE
{all}, 120.
*END STEP
*STEP
*STATIC, DIRECT
.25, 1.
*DLOAD
{body}, CENTRIF, 1e4, 0., 0., 0., 0., 0., 1.
*BOUNDARY
{top}, 3, 3, .01
*END STEP
"""
PLAIN = {"all": "Whole", "bottom": "Bottom", "top": "Top", "skin": "Skin", "body": "Body"}


def lines(mesh: Mesh) -> str:
    """Return *NODE and *ELEMENT of a mesh of linear tetrahedra, ids from 1."""
    nodes = [f"{i + 1}, {x:.17g}, {y:.17g}, {z:.17g}" for i, (x, y, z) in enumerate(mesh.points)]
    elements = [f"{i + 1}, " + ", ".join(str(n + 1) for n in row) for i, row in enumerate(mesh.blocks[0].connectivity)]
    return "*NODE\n" + "\n".join(nodes) + "\n*ELEMENT, TYPE=C3D4\n" + "\n".join(elements) + "\n"


def sets(mesh: Mesh, generate: str = "") -> str:
    """Return the sets Whole, Bottom, Top, Body and the surface Skin."""
    bottom, top = (np.flatnonzero(mesh.points[:, 2] == z) + 1 for z in (0.0, 1.0))
    faces = "".join(f"{e + 1}, S{k + 1}\n" for e, k in mesh.side_sets["z1"])
    n_elements = mesh.n_elements
    return (
        f"*NSET, NSET=Whole, GENERATE\n1, {mesh.n_nodes}\n"
        f"*NSET, NSET=Bottom\n{', '.join(map(str, bottom))}\n*NSET, NSET=Top\n{', '.join(map(str, top))}\n"
        f"*ELSET, ELSET=Body, GENERATE\n1, {n_elements}, 1\n{generate}*SURFACE, NAME=Skin\n{faces}"
    )


SECTION = "*SOLID SECTION, ELSET=Body, MATERIAL=Steel\n,\n"
UNIT = cube("tet4", 1)


def flat() -> str:
    return lines(UNIT) + sets(UNIT) + MATERIAL + SECTION + AMPLITUDE + BEFORE.format(**PLAIN) + STEPS.format(**PLAIN)


def assembly(place: str = "", more: str = "") -> str:
    """Return the same as a part with one instance; `more` goes into the assembly."""
    names = {key: f"Cube-1.{value}" for key, value in PLAIN.items()}
    return (
        HEAD + "*PART, NAME=Cube\n" + lines(UNIT) + sets(UNIT) + SECTION + "*END PART\n*ASSEMBLY, NAME=Assembly\n"
        f"*INSTANCE, NAME=Cube-1, PART=Cube\n{place}*END INSTANCE\n{more}*END ASSEMBLY\n"
        + MATERIAL + AMPLITUDE + BEFORE.format(**names) + STEPS.format(**names)
    )  # fmt: skip


def written(folder: Path, text: str, name: str = "deck.inp") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def read(folder: Path, text: str) -> Deck:
    return READER.read_deck(written(folder, text))


def check_same(ours: Deck, theirs: Deck, prefix: str = "") -> None:
    """Check that two decks say the same, names in the first with a prefix."""
    assert ours.mesh is not None and theirs.mesh is not None  # noqa: PT018
    np.testing.assert_array_equal(ours.mesh.points, theirs.mesh.points)
    np.testing.assert_array_equal(ours.mesh.blocks[0].connectivity, theirs.mesh.blocks[0].connectivity)
    assert [(m.elements, m.law, m.parameters, m.density, m.reference_temperature) for m in ours.materials] == [
        (prefix + m.elements, m.law, m.parameters, m.density, m.reference_temperature) for m in theirs.materials
    ]
    a, b = ours.loading, theirs.loading
    np.testing.assert_array_equal(a.times, b.times)
    assert a.rate_independent == b.rate_independent
    assert [(d.name, d.components, d.value) for d in a.dirichlet] == [
        (prefix + d.name, d.components, d.value) for d in b.dirichlet
    ]
    assert [(entry.name, entry.kind) for entry in a.loads] == [(prefix + entry.name, entry.kind) for entry in b.loads]
    for one, other in zip(a.loads, b.loads, strict=True):
        np.testing.assert_array_equal(np.asarray(one.value), np.asarray(other.value))
    for x, y in zip(a.tables, b.tables, strict=True):
        np.testing.assert_array_equal(x.points, y.points)
    assert len(a.temperature.entries) == len(b.temperature.entries)
    for p, q in zip(a.temperature.entries, b.temperature.entries, strict=True):
        assert p.time == q.time
        np.testing.assert_array_equal(np.asarray(p.value), np.asarray(q.value))


def test_a_flat_deck_says_what_calculix_reads(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + flat())
    assert READER.is_deck(path)
    theirs = calculix_deck.read_deck(written(tmp_path, flat(), "other.inp"))
    check_same(READER.read_deck(path), theirs)


def test_one_instance_says_what_the_flat_deck_says(tmp_path: Path) -> None:
    check_same(read(tmp_path, assembly()), read(tmp_path, HEAD + flat()), "CUBE-1.")


def test_instances_are_moved_and_then_turned(tmp_path: Path) -> None:
    """Translation first, then the turn about the axis from a to b: here z through (1, 0, 0), by 90 degrees."""
    mesh = read(tmp_path, assembly("1., 2., 3.\n1., 0., 0., 1., 0., 5., 90.\n")).mesh
    assert mesh is not None
    x, y, z = np.add(UNIT.points, [1.0, 2.0, 3.0]).T
    np.testing.assert_allclose(mesh.points, np.column_stack([1.0 - y, x - 1.0, z]), atol=1e-15)


def two() -> str:
    """Return two instances of a part, the second 2 further in x, and sets of the assembly over both."""
    return (
        HEAD + "*PART, NAME=Cube\n" + lines(UNIT) + sets(UNIT) + SECTION + "*END PART\n*ASSEMBLY, NAME=Both\n"
        "*NODE\n1, 9., 9., 9.\n*INSTANCE, NAME=A, PART=Cube\n*END INSTANCE\n"
        "*INSTANCE, NAME=B, PART=Cube\n2., 0., 0.\n*END INSTANCE\n"
        "*NSET, NSET=Feet\nA.Bottom, B.Bottom\n*NSET, NSET=Mixed\nFeet, A.3, B.8\n*NSET, NSET=Point\n1\n"
        "*NSET, NSET=Even, INSTANCE=B, GENERATE\n2, 8, 2\n*NSET, NSET=Mixed, INSTANCE=B\nTop\n"
        "*ELSET, ELSET=_Lid_S2, INTERNAL, INSTANCE=A\n3, 4\n*ELSET, ELSET=Every\nA.Body, B.Body\n"
        "*SURFACE, TYPE=ELEMENT, NAME=Lid\n_Lid_S2, S2\nB.1, S3\n*END ASSEMBLY\n"
        + MATERIAL + "*BOUNDARY\nFeet, ENCASTRE\n*STEP\n*STATIC, DIRECT\n1., 1.\n*DSLOAD\nLid, P, 2.\nA.Skin, P, 1.\n"
        "*DLOAD\n, GRAV, 10., 0., 0., -1.\n*END STEP\n"
    )  # fmt: skip


def test_two_instances_of_one_part(tmp_path: Path) -> None:
    deck = read(tmp_path, two())
    mesh, n = deck.mesh, UNIT.n_nodes
    assert mesh is not None
    assert mesh.node_ids.tolist() == list(range(1, 2 * n + 1))
    np.testing.assert_array_equal(mesh.points[n:], np.add(UNIT.points, [2.0, 0.0, 0.0]))
    np.testing.assert_array_equal(mesh.blocks[0].connectivity[len(mesh.element_ids) // 2 :],
                                  UNIT.blocks[0].connectivity + n)  # fmt: skip
    bottom, top = np.flatnonzero(UNIT.points[:, 2] == 0.0), np.flatnonzero(UNIT.points[:, 2] == 1.0)
    assert mesh.node_sets["FEET"].tolist() == [*bottom, *(bottom + n)]
    assert mesh.node_sets["MIXED"].tolist() == sorted({*bottom, *(bottom + n), 2, 7 + n, *(top + n)})
    assert mesh.node_sets["EVEN"].tolist() == [n + 1, n + 3, n + 5, n + 7]
    assert mesh.node_sets["POINT"].tolist() == []  # a reference point: no element uses it
    assert mesh.side_sets["LID"].tolist() == [[2, 1], [3, 1], [UNIT.n_elements, 2]]
    assert len(mesh.element_sets["EVERY"]) == 2 * UNIT.n_elements
    assert [material.elements for material in deck.materials] == ["A.BODY", "B.BODY"]
    assert {(load.name, load.kind) for load in deck.loading.loads} >= {("LID", "pressure"), ("A.SKIN", "pressure")}
    assert [load.kind for load in deck.loading.loads].count("body") == 2
    (support,) = deck.loading.dirichlet
    assert (support.nodes, support.components) == ("FEET", (0, 1, 2))
    assert any("A from 1, B from 9" in text for text in deck.warnings)


def test_data_may_stand_in_another_file(tmp_path: Path) -> None:
    text = HEAD + flat()
    start, stop = text.index("*NODE\n") + len("*NODE\n"), text.index("*ELEMENT")
    (tmp_path / "nodes.txt").write_text(text[start:stop])
    check_same(read(tmp_path, text[:start].rstrip() + ", INPUT=nodes.txt\n" + text[stop:]), read(tmp_path, text))
    with pytest.raises(ReaderError, match=r"\*NODE: file absent\.txt does not exist"):
        read(tmp_path, text[:start].rstrip() + ", INPUT=absent.txt\n" + text[stop:])


def test_parts_may_be_included(tmp_path: Path) -> None:
    text = assembly()
    start, stop = text.index("*NODE"), text.index("*NSET")
    (tmp_path / "mesh.inc").write_text(text[start:stop])
    included = text[:start] + "*INCLUDE, INPUT=mesh.inc\n" + text[stop:]
    check_same(read(tmp_path, included), read(tmp_path, assembly()))


@pytest.mark.parametrize(
    ("line", "components"),
    [
        ("Whole, XSYMM", (0,)),
        ("Whole, YASYMM", (0, 2)),
        ("Whole, PINNED", (0, 1, 2)),
        ("Whole, 2, 6", (1, 2)),
        ("Whole, 4, 6", ()),
    ],
)
def test_names_of_supports(tmp_path: Path, line: str, components: tuple[int, ...]) -> None:
    deck = read(tmp_path, (HEAD + flat()).replace("Bottom, 1, 3", line).replace("*BOUNDARY\nTop, 3, 3, .01\n", ""))
    assert tuple(c for support in deck.loading.dirichlet for c in support.components) == components


BACK = "*PLASTIC, HARDENING=COMBINED, DATA TYPE=PARAMETERS, NUMBER BACKSTRESSES=2\n"


def test_combined_hardening_from_parameters(tmp_path: Path) -> None:
    rows = "250., 4e4, 300., 1e3, 0., 20.\n200., 3e4, 250., 8e2, 0., 500.\n"
    text = (HEAD + flat()).replace("*PLASTIC\n250., 0.\n300., .1\n", BACK + rows)
    (material,) = read(tmp_path, text).materials
    assert material.law == "plastic"
    assert material.parameters["C"] == [[[20.0, 4e4], [500.0, 3e4]], [[20.0, 1e3], [500.0, 8e2]]]
    assert material.parameters["D"] == [[[20.0, 300.0], [500.0, 250.0]], [[20.0, 0.0], [500.0, 0.0]]]
    assert material.parameters["hardening"] == [[20.0, [[0.0, 250.0]]], [500.0, [[0.0, 200.0]]]]


def test_creep_keeps_its_own_temperatures(tmp_path: Path) -> None:
    """Where CalculiX first interpolates to the temperatures of *ELASTIC, Abaqus does not."""
    rows = "*CREEP, LAW=TIME\n1e-12, 4., 0., 100.\n1e-10, 5., 0., 600.\n"
    (material,) = read(tmp_path, (HEAD + flat()).replace("*PLASTIC\n250., 0.\n300., .1\n", rows)).materials
    assert material.law == "creep_norton"
    assert material.parameters["A"] == [[100.0, 1e-12], [600.0, 1e-10]]


def test_couplings_of_an_assembly(tmp_path: Path) -> None:
    """A reference point of the assembly, its support with rotations, an equation between labels of an instance."""
    more = (
        "*NODE\n1, .5, .5, 2.\n*NSET, NSET=Ref\n1,\n"
        "*COUPLING, CONSTRAINT NAME=Lid, REF NODE=Ref, SURFACE=Cube-1.Skin\n*KINEMATIC\n1, 2\n"
        "*EQUATION\n2\nCube-1.1, 1, 1., 1, 6, -2.\n*BOUNDARY\nRef, 1, 6\n"
    )
    found = read(tmp_path, assembly(more=more))
    lid, equation, held = found.loading.constraints
    reference = UNIT.n_nodes + 1
    assert isinstance(lid, RigidBody)
    assert (lid.name, lid.nodes, lid.reference, lid.components) == ("LID", "CUBE-1.SKIN", reference, (0, 1))
    assert lid.point is not None
    assert lid.point.tolist() == [0.5, 0.5, 2.0]
    assert isinstance(equation, Equations)
    assert (equation.nodes.tolist(), equation.components.tolist()) == ([1, reference], [0, 5])
    assert isinstance(held, Equations)
    assert (set(held.nodes.tolist()), held.components.tolist()) == ({reference}, list(range(6)))
    with pytest.raises(ReaderError, match=r"EQUATION: unknown node set 7; expected INSTANCE.LABEL"):
        read(tmp_path, assembly(more="*EQUATION\n2\n7, 1, 1., Cube-1.1, 1, -2.\n"))


UNSUPPORTED = [
    ("*CONTACT PAIR, INTERACTION=I\nSkin, Skin\n", "contact"),
    ("*CONTACT\n", "contact"),
    ("*TIE, NAME=T, TIED NSET=Bottom\nSkin, Skin\n", "the parameter TIEDNSET is not supported"),
    ("*COUPLING, REF NODE=1, SURFACE=Skin, INFLUENCE RADIUS=1.\n*KINEMATIC\n", "INFLUENCERADIUS is not supported"),
    ("*RIGID BODY, REF NODE=1, ELSET=Body, ISOTHERMAL=YES\n", "the parameter ISOTHERMAL is not supported"),
    ("*EMBEDDED ELEMENT, HOST ELSET=Body\nBody\n", "EMBEDDED"),
    ("*PRE-TENSION SECTION, SURFACE=Skin, NODE=1\n", "PRE-TENSION"),
    ("*UNHEARD OF\n", "UNHEARD OF"),
    ("*BOUNDARY, USER\nBottom, 1, 1\n", "the parameter USER is not supported"),
]


@pytest.mark.parametrize(("card", "words"), UNSUPPORTED)
def test_what_matters_and_is_not_supported_is_said_with_its_line(tmp_path: Path, card: str, words: str) -> None:
    text = HEAD + flat().replace("*STEP, INC=100", card + "*STEP, INC=100")
    line = text[: text.index(card)].count("\n") + 1
    with pytest.raises(PartialDeckError, match=f"deck.inp:{line}: .*{words}") as caught:
        read(tmp_path, text)
    part = caught.value.deck
    assert [material.law for material in part.materials] == ["plastic"]
    assert len(part.loading.loads) == 3


def test_steps_that_are_not_quasi_static_are_left_out(tmp_path: Path) -> None:
    text = HEAD + flat() + "*STEP\n*FREQUENCY\n10,\n*END STEP\n*STEP, PERTURBATION\n*STATIC\n*END STEP\n"
    with pytest.raises(PartialDeckError, match=r"FREQUENCY.* \(and 1 more\)") as caught:
        read(tmp_path, text)
    np.testing.assert_allclose(caught.value.deck.loading.times, [0.0, 0.5, 1.0, 1.25, 1.5, 1.75, 2.0])


def test_temperatures_of_another_run_are_told_not_dropped(tmp_path: Path) -> None:
    text = (HEAD + flat()).replace("*TEMPERATURE\nWhole, 120.", "*TEMPERATURE, FILE=heat.odb, BSTEP=1")
    with pytest.raises(PartialDeckError, match=r"\*TEMPERATURE: the parameter BSTEP is not supported"):
        read(tmp_path, text)


def test_nlgeom_is_said(tmp_path: Path) -> None:
    deck = read(tmp_path, (HEAD + flat()).replace("*STEP, INC=100", "*STEP, NLGEOM=YES"))
    assert any("NLGEOM" in text and "Abaqus" in text for text in deck.warnings)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("*STATIC, DIRECT\n.5", "*STATIC, RIKS\n.5", "RIKS is not supported"),
        ("*STATIC, DIRECT\n.5", "*STATIC, STABILIZE\n.5", "STABILIZE is not supported"),
    ],
)
def test_procedures_with_more_than_equilibrium_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(PartialDeckError, match=message):
        read(tmp_path, (HEAD + flat()).replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("*PLASTIC\n", "*PLASTIC, RATE=1.\n", "RATE is not supported"),
        ("*ELASTIC\n", "*ELASTIC, DEPENDENCIES=1\n", "DEPENDENCIES is not supported"),
        ("*PLASTIC\n", "*PLASTIC, HARDENING=COMBINED\n", "DATA TYPE=PARAMETERS"),
        ("*PLASTIC\n250., 0.\n300., .1\n", "*CREEP\n1e-12, 4., -.5\n", "LAW=STRAIN with m other than 0"),
        ("*PLASTIC\n250., 0.\n300., .1\n", "*CREEP, LAW=USER\n1.\n", "LAW=USER is not supported"),
        ("NAME=Ramp\n", "NAME=Ramp, DEFINITION=SMOOTH STEP\n", "DEFINITION is not supported"),
        ("NAME=Ramp\n", "NAME=Ramp, VALUE=ABSOLUTE\n", "VALUE=ABSOLUTE is not supported"),
        ("Bottom, 1, 3", "Bottom, 7", "components 7 to 7 are not supported"),
        ("TYPE=C3D4", "TYPE=C3D99", "unknown element type C3D99"),
        ("*NODE\n", "*NODE, SYSTEM=C\n", "SYSTEM=C is not read"),
        ("*NODE\n", "*NGEN\n1, 2\n*NODE\n", "NGEN: is not read"),
        ("*END STEP\n*STEP", "*STEP", "begins inside a step"),
    ],
)
def test_what_would_be_misread_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ReaderError, match=message):
        read(tmp_path, (HEAD + flat()).replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PART=Cube\n", "PART=Sphere\n", "unknown part SPHERE; the deck has CUBE"),
        ("*END INSTANCE\n", "", "ends what did not begin"),
        ("*END ASSEMBLY\n", "", "the deck ends before"),
        ("*END PART\n", "", "ends what did not begin|the deck ends before"),
        ("*INSTANCE, NAME=A, PART=Cube\n", "*INSTANCE, NAME=A, PART=Cube\n1., 2.\n", "a translation"),
        ("2., 0., 0.\n", "2., 0., 0.\n0., 0., 0., 0., 0., 0., 9.\n", "the axis of the rotation has no length"),
        ("A.Bottom, B.Bottom", "A.Bottom, C.Bottom", "unknown set C.BOTTOM"),
        ("Feet, A.3, B.8", "Feet, A.99", "unknown set A.99"),
        ("INSTANCE=B, GENERATE", "INSTANCE=D, GENERATE", "unknown instance D; the deck has A, B"),
        ("1, 1, 2", "1, 99, 2", "uses node 99, not defined"),
    ],
)
def test_faults_of_an_assembly_are_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = two()
    if old == "1, 1, 2":
        start = text.index("TYPE=C3D4\n") + len("TYPE=C3D4\n")
        stop = text.index("\n", start)
        text = text[:start] + "1, 99, 2, 3, 4" + text[stop:]
    else:
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(ReaderError, match=message):
        read(tmp_path, text)


def test_a_surface_that_is_not_understood_is_said_and_left_out(tmp_path: Path) -> None:
    deck = read(tmp_path, two().replace("*END ASSEMBLY\n", "*SURFACE, NAME=Shell\nA.Body, SPOS\n*END ASSEMBLY\n"))
    assert deck.mesh is not None
    assert "SHELL" not in deck.mesh.side_sets
    assert any("a surface is left out: deck.inp" in text for text in deck.warnings)


def test_calculix_decks_are_not_taken_for_abaqus(tmp_path: Path) -> None:
    path = written(tmp_path, "*HEADING\n" + flat())
    assert not READER.is_deck(path)
    path.with_suffix(".odb").touch()
    assert READER.is_deck(path)
    path.with_suffix(".frd").touch()
    assert not READER.is_deck(path)
