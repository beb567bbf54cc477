"""Z-set reader on small files: two cubes side by side, nodes and elements in an awkward order."""

import struct
from pathlib import Path

import numpy as np
import pytest

from romtool.cells import CELLS
from romtool.convert.zset import READER, is_deck
from romtool.convert.zset_mesh import read_mesh
from romtool.convert.zset_results import group_components
from romtool.errors import MeshError, ReaderError
from romtool.types import SolverResults
from tests.convert.test_laziness import MESH as MESH_OF_U
from tests.convert.test_laziness import U, write_zset
from tests.solver_files import write_geo

# ids of the twelve nodes at (x, y, z), x = 0, 1, 2; written from the last to the first; node 99 is unused
POINTS = {10 * x + 4 * y + 2 * z + 1: (x, y, z) for x in range(3) for y in range(2) for z in range(2)}
LEFT = (1, 11, 15, 5, 3, 13, 17, 7)
RIGHT = (11, 21, 25, 15, 13, 23, 27, 17)
ELEMENTS = {7: RIGHT, 3: LEFT}
INNER = (11, 15, 17, 13)
TOP = (3, 13, 17, 7)
END_INWARD = (21, 23, 27, 25)


def geof(sets: str = "", elements: dict[int, tuple[int, ...]] | None = None) -> str:
    nodes = [f"{i} {x} {y} {z}" for i, (x, y, z) in reversed({**POINTS, 99: (9, 9, 9)}.items())]
    rows = [f"{i} c3d8 {' '.join(map(str, nodes))}" for i, nodes in (elements or ELEMENTS).items()]
    return "\n".join(
        [
            f"***geometry\n**node\n{len(nodes)} 3",
            *nodes,
            f"**element % two cubes\n{len(rows)}",
            *rows,
            f"***group\n{sets}\n***return\n",
        ]
    )


def faces(name: str, *corners: tuple[int, ...]) -> str:
    return f"**faset {name}\n" + "\n".join("q4 " + " ".join(map(str, c)) for c in corners)


SETS = "\n".join(
    [
        "**nset low\n 5 1 15",
        "**elset first\n 3",
        "**nset none\n",
        faces("skin", TOP, END_INWARD),
        faces("inner", INNER),
    ]
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "box.geof").write_text(geof(SETS))
    return tmp_path


def test_text_mesh_sorts_nodes_and_keeps_elements(folder: Path) -> None:
    ordered = read_mesh(folder / "box.geof")
    mesh = ordered.mesh
    assert mesh.node_ids.tolist() == sorted(POINTS)
    assert np.array_equal(mesh.points, [POINTS[i] for i in sorted(POINTS)])
    assert mesh.element_ids.tolist() == [7, 3]
    (block,) = mesh.blocks
    assert (block.cell_type, block.formulation, block.solver_type) == ("hexahedron", "hex8", "c3d8")
    assert np.array_equal(mesh.node_ids[block.connectivity], [RIGHT, LEFT])
    assert (ordered.n_file_nodes, ordered.warnings) == (13, ())


def test_sets_are_rows_and_indices(folder: Path) -> None:
    mesh = read_mesh(folder / "box.geof").mesh
    assert mesh.node_ids[mesh.node_sets["low"]].tolist() == [5, 1, 15]
    assert mesh.element_sets["first"].tolist() == [1]
    assert mesh.node_sets["none"].tolist() == []


def test_fasets_match_element_faces_in_their_order(folder: Path) -> None:
    ordered = read_mesh(folder / "box.geof")
    # the left cube (index 1) has its face zeta = +1; the right one (index 0) the face xi = +1, turned inward
    assert ordered.mesh.side_sets["skin"].tolist() == [[1, 1], [0, 3]]
    assert ordered.orientations["skin"].tolist() == [1, -1]
    # between both: the element of lower index has it, and the faset's normal points into that one
    assert ordered.mesh.side_sets["inner"].tolist() == [[0, 5]]
    assert ordered.orientations["inner"].tolist() == [-1]


def test_faset_off_the_elements_becomes_a_node_set(tmp_path: Path) -> None:
    (tmp_path / "m.geof").write_text(geof(faces("cut", (1, 11, 17, 7))))
    ordered = read_mesh(tmp_path / "m.geof")
    assert ordered.mesh.side_sets == {}
    assert ordered.mesh.node_ids[ordered.mesh.node_sets["cut"]].tolist() == [1, 7, 11, 17]
    assert "'cut'" in ordered.warnings[0]


@pytest.mark.parametrize(
    ("sets", "what"),
    [
        ("**nset bad\n 1 1000", "node set 'bad' names node 1000"),
        ("**elset bad\n 3 8", "element set 'bad' names element 8"),
        ("**faset bad\nq4 1 2 1001 1002", "faset 'bad' names node"),
    ],
)
def test_sets_of_absent_ids_are_refused(tmp_path: Path, sets: str, what: str) -> None:
    (tmp_path / "m.geof").write_text(geof(sets))
    with pytest.raises(MeshError, match=what):
        read_mesh(tmp_path / "m.geof")


def test_elements_of_absent_nodes_and_double_ids_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.geof"
    path.write_text(geof(elements={3: (*LEFT[:7], 555)}))
    with pytest.raises(MeshError, match="names node 555"):
        read_mesh(path)
    path.write_text(geof().replace("3 c3d8", "7 c3d8"))
    with pytest.raises(MeshError, match="element id 7 is given twice"):
        read_mesh(path)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("13 3\n", "14 3\n", "line 2: .*needs 58 numbers, found 54"),
        ("27 2 1 1", "27 2 1x 1", "line 5: '1x' in ..node is not a number"),
        ("\n2\n7 c3d8", "\n5\n7 c3d8", "says '5' elements, found 2"),
        ("c3d8 1 11", "c3d8 11", "need 18 numbers, found 17"),
        ("7 c3d8 11", "7 c3d8 1.5", "'1.5' in ..element is not a whole number"),
        ("c3d8", "brick", "element type 'brick'"),
        ("c3d8", "i3d8", "elements of type 'i3d8'"),
        ("q4 3", "t9 3", "face type 't9'"),
        ("**element", "**elephant", "no ..element section"),
    ],
)
def test_damaged_text_meshes_are_refused(tmp_path: Path, old: str, new: str, what: str) -> None:
    assert old in geof(SETS)
    (tmp_path / "m.geof").write_text(geof(SETS).replace(old, new))
    with pytest.raises(ReaderError, match=what):
        read_mesh(tmp_path / "m.geof")


def quadratic_hexahedron() -> tuple[list[tuple[float, float, float]], str]:
    """Return the 20 nodes of a cube going round: bottom with middles, uprights, top with middles."""
    ring = [(0, 0), (0.5, 0), (1, 0), (1, 0.5), (1, 1), (0.5, 1), (0, 1), (0, 0.5)]
    nodes = [(*xy, 0.0) for xy in ring] + [(*xy, 0.5) for xy in ring[::2]] + [(*xy, 1.0) for xy in ring]
    return nodes, "q8 " + " ".join(str(i + 1) for i in range(12, 20))


def test_quadratic_hexahedra_come_in_vtk_order(tmp_path: Path) -> None:
    nodes, face = quadratic_hexahedron()
    text = "\n".join(
        [
            "**node\n20 3",
            *(f"{i + 1} {x} {y} {z}" for i, (x, y, z) in enumerate(nodes)),
            "**element\n1\n1 c3d20r " + " ".join(str(i + 1) for i in range(20)),
            f"**faset top\n{face}",
        ]
    )
    (tmp_path / "q.geof").write_text(text)
    mesh = read_mesh(tmp_path / "q.geof").mesh
    (block,) = mesh.blocks
    points = mesh.points[block.connectivity[0]]
    cell = CELLS["hexahedron20"]
    assert block.formulation == "hex20r"
    assert np.array_equal(points[:8, 2], [0, 0, 0, 0, 1, 1, 1, 1])
    for i, (a, b) in enumerate(cell.edges):
        assert np.array_equal(points[8 + i], (points[a] + points[b]) / 2)
    assert mesh.side_sets["top"].tolist() == [[0, 1]]


def test_linear_tetrahedra_keep_order_and_are_positive(tmp_path: Path) -> None:
    (tmp_path / "t.geof").write_text(
        "**node\n4 3\n1 0 0 0\n2 1 0 0\n3 0 1 0\n4 0 0 1\n**element\n1\n1 c3d4 1 2 3 4\n**faset f\nt3 2 3 4\n"
    )
    mesh = read_mesh(tmp_path / "t.geof").mesh
    corners = mesh.points[mesh.blocks[0].connectivity[0]]
    assert mesh.blocks[0].formulation == "tet4"
    assert np.linalg.det(corners[1:] - corners[0]) == pytest.approx(1.0)
    assert mesh.side_sets["f"].tolist() == [[0, 2]]


def binary(*, cut: int = 0) -> bytes:
    """Return the two cubes as `.geo`; `cut` bytes are left off."""

    def text(word: str) -> bytes:
        return struct.pack(">i", len(word) + 1) + word.encode() + b"\0"

    def ints(*values: int) -> bytes:
        return struct.pack(f">{len(values)}i", *values)

    def section(name: str, content: bytes = b"") -> bytes:
        return b"Z7BINARYGEOF\0" + text(name) + content

    ids = list(POINTS)[::-1]
    rank = {node: i for i, node in enumerate(ids)}
    nodes = b"".join(struct.pack(">i3d", i, *POINTS[i]) for i in ids)
    rows = [ints(i, k, *(rank[n] for n in ELEMENTS[i])) for k, i in enumerate(ELEMENTS)]
    quads = [ints(4, *(rank[n] for n in face)) + b"q4\0xy" for face in (TOP, END_INWARD)]
    data = (
        section("node", ints(12, 3) + nodes)
        + section("element", ints(2, 1, 2) + text("c3d8") + ints(8) + b"".join(rows))
        + section("nset", ints(1) + text("low") + ints(3, rank[5], rank[1], rank[15]))
        + section("elset", ints(1) + text("first") + ints(1, 1))
        + section("bset", ints(1) + text("skin") + text("faset") + ints(2) + b"".join(quads))
        + section("ipset", ints(0))
        + section("return")
    )
    return data[: len(data) - cut]


def test_binary_and_text_meshes_agree(folder: Path) -> None:
    (folder / "box.geo").write_bytes(binary())
    one, other = read_mesh(folder / "box.geof"), read_mesh(folder / "box.geo")
    assert np.array_equal(one.mesh.points, other.mesh.points)
    assert np.array_equal(one.mesh.node_ids, other.mesh.node_ids)
    assert np.array_equal(one.mesh.blocks[0].connectivity, other.mesh.blocks[0].connectivity)
    for name in ("node_sets", "element_sets", "side_sets"):
        for key, values in getattr(other.mesh, name).items():
            assert np.array_equal(values, getattr(one.mesh, name)[key]), key


@pytest.mark.parametrize("cut", [1, 30, 200, 500])
def test_truncated_binary_meshes_are_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "m.geo").write_bytes(binary(cut=cut))
    with pytest.raises(ReaderError, match=rf"{len(binary()) - cut} bytes found, at least \d+ expected"):
        read_mesh(tmp_path / "m.geo")


def test_missing_mesh_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="cannot be read"):
        READER.read(tmp_path / "absent.geof")


@pytest.mark.parametrize("text", ["", "no mesh at all"])
def test_a_mesh_without_sections_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.geof").write_text(text)
    with pytest.raises(ReaderError, match=r"m\.geof"):
        read_mesh(tmp_path / "m.geof")


# results

NODE_NAMES = ("U1", "U2", "U3", "RU1", "RU2", "RU3")
POINT_NAMES = ("eto11", "eto22", "eto33", "eto12", "eto23", "eto31", "evrcum", "gam12")
UT = (
    f"**meshfile box.geof\n**node {' '.join(NODE_NAMES)}\n**integ {' '.join(POINT_NAMES)}\n**element\n"
    "1 1 1 0 0.0\n2 1 1 1 5.0e-01\n3 1 1 2 1.0\n"
)


def write_results(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    nodal = rng.random((3, len(NODE_NAMES), 13)).astype(">f4")
    integ = rng.random((3, 2, len(POINT_NAMES), 8)).astype(">f4")
    (folder / "box.ut").write_text(UT)
    nodal.tofile(folder / "box.node")
    integ.tofile(folder / "box.integ")
    return nodal, integ


def test_nodal_fields_follow_ascending_ids(folder: Path) -> None:
    nodal, _ = write_results(folder)
    results = READER.read(folder / "box.ut")
    assert isinstance(results, SolverResults)
    assert results.times.tolist() == [0.0, 0.5, 1.0]
    assert results.fields["u"].components == ("x", "y", "z")
    # the file holds node 99, then the highest id first
    expected = nodal[1, :3, :0:-1].T.astype(float)
    assert np.array_equal(results.read("u", 1), expected)
    assert np.array_equal(results.read("internal_force", 2), nodal[2, 3:, :0:-1].T.astype(float))


def test_point_fields_are_elements_then_points(folder: Path) -> None:
    _, integ = write_results(folder)
    results = READER.read(folder / "box.ut")
    assert results.fields["strain"].location == "point"
    assert results.fields["strain"].components == ("xx", "yy", "zz", "xy", "yz", "zx")
    assert np.array_equal(results.read("strain", 2), integ[2, :, :6].transpose(0, 2, 1).reshape(16, 6))
    assert np.array_equal(results.read("p", 0)[:, 0], integ[0, :, 6].reshape(16))
    assert np.array_equal(results.read("gam12", 1)[:, 0], integ[1, :, 7].reshape(16))


def test_point_fields_of_mixed_meshes_follow_the_blocks(tmp_path: Path) -> None:
    """Element 1 and 3 are tetrahedra with one point, element 2 a hexahedron between them in the file."""
    text = geof(elements={2: LEFT}).replace("\n1\n2 c3d8", "\n3\n1 c3d4r 11 21 15 13\n2 c3d8")
    (tmp_path / "box.geof").write_text(text.replace("***group", "3 c3d4r 21 25 15 23\n***group"))
    (tmp_path / "box.ut").write_text("**meshfile box.geof\n**integ a b\n1 1 1 1 1.0\n")
    values = np.arange(20, dtype=">f4")
    values.tofile(tmp_path / "box.integ")
    results = READER.read(tmp_path / "box.ut")
    assert [block.cell_type for block in results.mesh.blocks] == ["tetra", "hexahedron"]
    assert results.read("b", 0)[:, 0].tolist() == [1, 19, *range(10, 18)]


def test_numbered_names() -> None:
    tensor = ("s11", "s22", "s33", "s12", "s23", "s31")
    assert group_components(tensor, {})["s"].indices == (0, 1, 2, 3, 4, 5)
    assert group_components(tensor[:4], {})["s"].components == ("xx", "yy", "zz", "xy")
    systems = tuple(f"g{i}" for i in range(1, 34))
    assert list(group_components(systems, {})) == list(systems)
    assert list(group_components(("evrcum", "epcum"), {"evrcum": "p", "epcum": "p"})) == ["p", "epcum"]


def test_four_point_tetrahedra_are_shown_not_computed_with(tmp_path: Path) -> None:
    (tmp_path / "t.geof").write_text("**node\n4 3\n1 0 0 0\n2 1 0 0\n3 0 1 0\n4 0 0 1\n**element\n1\n1 c3d4 1 2 3 4\n")
    (tmp_path / "t.ut").write_text("**meshfile t.geof\n**integ q\n1 1 1 1 1.0\n")
    np.arange(4, dtype=">f4").tofile(tmp_path / "t.integ")
    results = READER.read(tmp_path / "t.ut")
    assert results.mesh.blocks[0].formulation == ""
    assert results.read("q", 0)[:, 0].tolist() == [0, 1, 2, 3]
    assert "4 integration points" in results.warnings[0]
    np.arange(1, dtype=">f4").tofile(tmp_path / "t.integ")
    assert READER.read(tmp_path / "t.ut").mesh.blocks[0].formulation == "tet4"


@pytest.mark.parametrize(("name", "size"), [("box.node", 936), ("box.integ", 1536)])
def test_truncated_results_are_refused(folder: Path, name: str, size: int) -> None:
    write_results(folder)
    assert (folder / name).stat().st_size == size
    (folder / name).write_bytes((folder / name).read_bytes()[:-4])
    with pytest.raises(ReaderError, match=f"{size - 4} bytes found, {size} expected"):
        READER.read(folder / "box.ut")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("3 1 1 2 1.0", "3 1 1 2 0.25", "line 7: time 0.25 after 0.5; times must increase"),
        ("2 1 1 1 5.0e-01", "2 1 1 5.0e-01", "line 6: .*expected index, cycle"),
        ("**meshfile box.geof\n", "", "no line ..meshfile"),
        ("box.geof", "other.geof", "other.geof: the mesh file cannot be read"),
        ("1 1 2 1.0\n", "1 1 2 1.0", "line 7: expected the end of the line; the file is cut off"),
    ],
)
def test_damaged_indices_are_refused(folder: Path, old: str, new: str, what: str) -> None:
    write_results(folder)
    (folder / "box.ut").write_text(UT.replace(old, new))
    with pytest.raises(ReaderError, match=what):
        READER.read(folder / "box.ut")


def test_results_are_read_on_the_other_form_of_their_mesh(tmp_path: Path) -> None:
    path = tmp_path / "a.ut"
    write_zset(path, [0.0, 1.0], U[:2])
    text = READER.read(path)
    path.with_suffix(".geof").unlink()
    write_geo(path.with_suffix(".geo"), MESH_OF_U)
    found = READER.read(path)
    np.testing.assert_array_equal(found.mesh.points, text.mesh.points)
    np.testing.assert_array_equal(found.read("u", 1), text.read("u", 1))


def test_missing_data_files(folder: Path) -> None:
    write_results(folder)
    (folder / "box.integ").unlink()
    results = READER.read(folder / "box.ut")
    assert list(results.fields) == ["u", "internal_force"]
    assert "box.integ" in results.warnings[0]
    with pytest.raises(ReaderError, match="no field 'stress'; pick one of u, internal_force"):
        results.read("stress", 0)
    (folder / "box.node").unlink()
    with pytest.raises(ReaderError, match=r"no \.node, \.integ or \.ctnod"):
        READER.read(folder / "box.ut")


def test_only_z_set_decks_are_claimed(tmp_path: Path) -> None:
    deck = tmp_path / "a.inp"
    deck.write_text("**** a comment of another solver\n*HEADING\n****calculus\n")
    assert not is_deck(deck)
    deck.write_text("\n  ****calcul\n")
    assert is_deck(deck)
    assert READER.is_deck(deck)
    assert not is_deck(tmp_path / "absent.inp")
    with pytest.raises(ReaderError, match=r"end in \.ut"):
        READER.read(tmp_path / "a.vtu")
