"""MED: groups, names of Code_Aster, profiles, integration rules, several times, and damaged files in words."""

import contextlib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from romtool.cells import CELLS
from romtool.convert.med import READER
from romtool.convert.med_names import columns_of, symbol_of
from romtool.convert.med_rules import match_rule
from romtool.convert.nodal_fields import read_nodal_field
from romtool.convert.registry import find_reader
from romtool.errors import ReaderError
from romtool.fem.checks import check_mesh
from romtool.fem.elements import ELEMENTS
from romtool.fem.shapes import reference_cell
from romtool.types import Floats, Mesh
from tests.mesh_files import MED_TYPES, NO_STEP, add_med_field, add_med_rule, med_order, write_med
from tests.sample_grids import LINEAR, QUADRATIC, mixed_mesh
from tests.structures import box

TIMES = [0.0, 0.5, 2.0]
STRESS = ["SIXX", "SIYY", "SIZZ", "SIXY", "SIXZ", "SIYZ"]


def displaced(path: Path, mesh: Mesh, name: str = "resu____DEPL") -> Path:
    """Write a mesh and a displacement that grows with time."""
    write_med(path, mesh)
    values = {"NOE": [mesh.points[:, None] * time for time in TIMES]}
    add_med_field(path, name, ["DX", "DY", "DZ"], TIMES, values, units=["mm"] * 3)
    return path


def aster_rule(cell_type: str, formulation: str, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Return nodes (MED's order), points and weights of a formulation in another reference element, points shuffled.

    The element is turned, stretched and moved, as Code_Aster's are: its wedges lie along x.
    """
    element = ELEMENTS[formulation]
    turn = np.array([[0.0, 0.0, 1.0], [0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])
    order = np.random.default_rng(seed).permutation(element.n_points)
    nodes = reference_cell(cell_type).nodes[med_order(cell_type)]
    return nodes @ turn.T + 0.25, element.points[order] @ turn.T + 0.25, 0.25 * element.weights[order]


def positions(mesh: Mesh) -> Floats:
    """Return the coordinates of the integration points of a mesh."""
    parts = []
    for block in mesh.blocks:
        shapes = ELEMENTS[block.formulation].shape_functions(ELEMENTS[block.formulation].points)
        parts.append(np.einsum("pn,cni->cpi", shapes, mesh.points[block.connectivity]).reshape(-1, 3))
    return np.concatenate(parts)


def write_points(path: Path, mesh: Mesh, formulations: dict[str, str]) -> Path:
    """Write a stress whose components are functions of the position, in the order of a shuffled rule."""
    displaced(path, mesh)
    parts, rules = {}, {}
    for block in mesh.blocks:
        kind, name = MED_TYPES[block.cell_type], formulations[block.cell_type]
        nodes, points, weights = aster_rule(block.cell_type, name)
        add_med_rule(path, f"loc_{kind}", kind, nodes, points, weights)
        order = np.random.default_rng(0).permutation(len(points))
        shapes = ELEMENTS[name].shape_functions(ELEMENTS[name].points[order])
        x = np.einsum("pn,cni->cpi", shapes, mesh.points[block.connectivity])
        parts[f"MAI.{kind}"] = [time * np.concatenate([x, 2 * x[..., [0, 2, 1]]], axis=2) for time in TIMES]
        rules[f"MAI.{kind}"] = f"loc_{kind}"
    add_med_field(path, "resu____SIEF_ELGA", STRESS, TIMES, parts, rules, units=["MPa"] * 6)
    return path


@pytest.mark.parametrize("name", [n for n, e in ELEMENTS.items() if e.temperature == "shape"])
def test_points_come_in_the_order_of_the_formulation(tmp_path, name):
    cell_type = ELEMENTS[name].cell_type
    kind = next(k for k in (*LINEAR, *QUADRATIC) if k[0] == cell_type)
    path = write_points(tmp_path / "a.rmed", mixed_mesh((kind,)), {cell_type: name})
    found = READER.read(path)
    check_mesh(found.mesh)
    assert [block.formulation for block in found.mesh.blocks] == [name]
    assert found.fields["stress"].unit == "MPa"
    x = positions(found.mesh)
    expected = 2.0 * np.concatenate([x, 2 * x[:, [0, 1, 2]]], axis=1)  # XY, YZ, ZX of SIXY, SIXZ, SIYZ
    np.testing.assert_allclose(found.read("stress", 2), expected, rtol=0, atol=1e-13 * np.abs(x).max())
    assert not any("integration rules" in text for text in found.warnings)


def test_several_types_of_cells(tmp_path):
    mesh = mixed_mesh(QUADRATIC)
    names = {"tetra10": "tet10_5", "hexahedron20": "hex20r", "wedge15": "wedge15_21"}
    found = READER.read(write_points(tmp_path / "a.med", mesh, names))
    assert {block.cell_type: block.formulation for block in found.mesh.blocks} == names
    x = positions(found.mesh)
    np.testing.assert_allclose(found.read("stress", 1)[:, :3], 0.5 * x, rtol=0, atol=1e-13 * np.abs(x).max())
    np.testing.assert_array_equal(np.sort(found.mesh.element_ids), np.sort(mesh.element_ids))


def test_rules_that_romtool_does_not_have_are_shown_in_the_order_of_the_file(tmp_path):
    mesh = mixed_mesh(LINEAR[1:2])
    path = displaced(tmp_path / "a.med", mesh)
    nodes, points, weights = aster_rule("hexahedron", "hex8")
    add_med_rule(path, "odd", "HE8", nodes, 0.9 * points, weights)
    values = np.arange(2 * 8 * 1.0).reshape(2, 8, 1)
    add_med_field(path, "resu____SIEQ_ELGA", ["VMIS"], TIMES, {"MAI.HE8": [values] * 3}, {"MAI.HE8": "odd"})
    found = READER.read(path)
    assert found.mesh.blocks[0].formulation == ""
    assert any("no formulation of romtool has these points" in text for text in found.warnings)
    np.testing.assert_array_equal(found.read("SIEQ_ELGA", 0)[:, 0], np.arange(16.0))


def test_two_rules_on_one_type_make_two_blocks(tmp_path):
    mesh = replace(box((4, 1, 1)), element_sets={"ENDS": np.array([0, 3])}, side_sets={})
    path = write_med(tmp_path / "a.med", mesh)
    for name, formulation in (("full", "hex8"), ("odd", "hex8")):
        nodes, points, weights = aster_rule("hexahedron", formulation)
        add_med_rule(path, name, "HE8", nodes, points * (1.0 if name == "full" else 0.5), weights)
    for field, rule, rows in (("A_______SIEF_ELGA", "full", [0, 2]), ("B_______EPSI_ELGA", "odd", [1, 3])):
        entity, profile = {"MAI.HE8": rule}, {"MAI.HE8": (f"p_{rule}", np.array(rows))}
        values = np.array(rows, dtype=float)[:, None, None] + np.zeros((2, 8, 6))
        add_med_field(path, field, STRESS, TIMES, {"MAI.HE8": [values] * 3}, entity, profile)
    found = READER.read(path)
    assert sorted(block.formulation for block in found.mesh.blocks) == ["", "hex8"]
    ids = found.mesh.element_ids
    assert sorted(ids[found.mesh.element_sets["ENDS"]]) == [1, 4]
    for name, rows in (("stress", [0, 2]), ("strain", [1, 3])):
        values = found.read(name, 0).reshape(4, 8, 6)[:, 0, 0]
        np.testing.assert_array_equal(values, [r if r in rows else np.nan for r in (ids - 1).tolist()])


def test_groups_become_sets_and_faces_side_sets(tmp_path):
    mesh = box((2, 1, 1))
    ends = mesh.blocks[0].connectivity[[1]][:, list(CELLS["hexahedron"].faces[3])]
    faces = {"PRESSURE": ("quad", np.roll(ends, 1, axis=1))}
    sets = {"left": np.array([0]), "all_of_it": np.array([0, 1])}
    mesh = replace(mesh, element_sets=sets, node_sets={"x0": mesh.node_sets["x0"], "y0": mesh.node_sets["y0"]})
    found = READER.read(write_med(tmp_path / "a.med", mesh, faces))
    assert [block.cell_type for block in found.mesh.blocks] == ["hexahedron"]
    assert {name: rows.tolist() for name, rows in found.mesh.element_sets.items()} == {"left": [0], "all_of_it": [0, 1]}
    np.testing.assert_array_equal(found.mesh.side_sets["PRESSURE"], [[1, 3]])
    for name in ("x0", "y0"):
        np.testing.assert_array_equal(found.mesh.node_sets[name], mesh.node_sets[name])
    np.testing.assert_array_equal(found.mesh.node_sets["PRESSURE"], np.sort(ends[0]))


@pytest.mark.parametrize("name", ["DEPL", "reslin__DEPL", "RESU____DEPL____________________", "displacement"])
def test_displacement_by_its_names(tmp_path, name):
    mesh = box((1, 1, 1))
    found = READER.read(displaced(tmp_path / "a.med", mesh, name))
    assert set(found.fields) == {"u"}
    assert (found.fields["u"].unit, found.fields["u"].source) == ("mm", name)
    np.testing.assert_array_equal(found.read("u", 1), 0.5 * mesh.points)


def test_names_of_code_aster():
    assert symbol_of("reslin__SIEQ_NOEU") == "SIEQ_NOEU"
    assert symbol_of("temperature") == "temperature"
    found = columns_of("DEPL", ["DRX", "DX", "DY", "DZ"])[0]
    assert (found.name, found.positions) == ("u", (1, 2, 3))
    found = columns_of("EPSI_ELGA", ["EPXX", "EPYY", "EPZZ", "EPXY", "EPXZ", "EPYZ"])[0]
    assert (found.name, found.positions) == ("strain", (0, 1, 2, 3, 5, 4))
    assert columns_of("SIEF_ELGA", ["SIXX", "SIYY", "SIZZ", "SIXY"])[0].components == ("SIXX", "SIYY", "SIZZ", "SIXY")
    assert columns_of("TEMP", ["TEMP_MIL", "TEMP"])[0].positions == (1,)
    states = columns_of("VARI_ELGA_NOME", ["EPSPEQ", "INDIPLAS"])
    assert [(c.name, c.positions) for c in states] == [("VARI_ELGA_NOME", (0, 1)), ("p", (0,))]
    assert columns_of("VARI_ELGA", ["V1", "V2"])[0].components == ("V1", "V2")
    assert columns_of("x", ["", ""])[0].components == ("1", "2")


def test_element_fields_with_profiles_and_missing_times(tmp_path):
    mesh = mixed_mesh(LINEAR)
    path = displaced(tmp_path / "a.med", mesh)
    profile = {"MAI.PE6": ("half", np.array([1]))}
    parts = {"MAI.TE4": [np.full((2, 1, 1), 3.0)] * 2, "MAI.PE6": [np.full((1, 1, 1), 5.0)] * 2}
    add_med_field(path, "quality", [""], TIMES[:2], parts, profiles=profile)
    some = {"NOE": ("nodes", np.array([4, 2]))}
    add_med_field(path, "TEMP", ["TEMP"], TIMES[2:], {"NOE": [np.array([[[7.0]], [[8.0]]])]}, profiles=some)
    found = READER.read(path)
    np.testing.assert_array_equal(found.times, TIMES)
    values = {block.cell_type: found.read("quality", 1)[part, 0] for block, part in blocks_of(found.mesh)}
    np.testing.assert_array_equal(values["tetra"], [3, 3])
    np.testing.assert_array_equal(values["hexahedron"], [np.nan, np.nan])
    np.testing.assert_array_equal(values["wedge"], [np.nan, 5])
    assert np.isnan(found.read("quality", 2)).all()
    assert np.isnan(found.read("T", 0)).all()
    known = found.read("T", 2)[:, 0]
    np.testing.assert_array_equal(known[[4, 2]], [7, 8])
    assert np.isnan(np.delete(known, [4, 2])).all()
    assert any(text.startswith("T, quality is not written at every time") for text in found.warnings)


def blocks_of(mesh: Mesh):
    """Return blocks with the slice of their elements."""
    ends = np.cumsum([len(block.element_ids) for block in mesh.blocks])
    return [(b, slice(end - len(b.element_ids), end)) for b, end in zip(mesh.blocks, ends, strict=True)]


def test_a_constant_field_has_its_value_at_every_time(tmp_path):
    mesh = box((1, 1, 1))
    path = displaced(tmp_path / "a.med", mesh)
    add_med_field(path, "NEUT", ["X1"], [0.0], {"NOE": [np.full((8, 1, 1), 4.0)]})
    with h5py.File(path, "r+") as file:
        file["CHA/NEUT"].move(f"{1:020d}{-1:020d}", NO_STEP)
        file[f"CHA/NEUT/{NO_STEP}"].attrs["NDT"] = -1
    found = READER.read(path)
    np.testing.assert_array_equal(found.times, TIMES)
    assert all((found.read("NEUT", i) == 4.0).all() for i in range(3))


def test_states_without_times_are_numbered(tmp_path):
    mesh = box((1, 1, 1))
    path = write_med(tmp_path / "a.med", mesh)
    add_med_field(path, "DEPL", ["DX", "DY", "DZ"], [0.0, 0.0], {"NOE": [mesh.points[:, None], -mesh.points[:, None]]})
    found = READER.read(path)
    np.testing.assert_array_equal(found.times, [1.0, 2.0])
    assert any("numbers of its states" in text for text in found.warnings)
    np.testing.assert_array_equal(found.read("u", 1), -mesh.points)


def test_values_at_the_nodes_of_cells_are_left_out_in_words(tmp_path):
    mesh = box((1, 1, 1))
    path = displaced(tmp_path / "a.med", mesh)
    add_med_field(path, "resu____SIGM_ELNO", STRESS, TIMES, {"NOE.HE8": [np.zeros((1, 8, 6))] * 3})
    found = READER.read(path)
    assert set(found.fields) == {"u"}
    assert any(text.startswith("resu____SIGM_ELNO: values at the nodes of each cell") for text in found.warnings)


def test_the_mesh_of_the_displacement_is_taken(tmp_path):
    mesh = box((1, 1, 1))
    path = displaced(tmp_path / "a.med", mesh)
    with h5py.File(path, "r+") as file:
        file.copy("ENS_MAA/mesh", "ENS_MAA/another")
    found = READER.read(path)
    assert "u" in found.fields
    assert "the file holds 2 meshes (another, mesh): mesh is taken" in found.warnings


def test_numbers_of_several_types_may_coincide(tmp_path):
    mesh = mixed_mesh(LINEAR)
    same = tuple(replace(block, element_ids=np.array([1, 2])) for block in mesh.blocks)
    found = READER.read(write_med(tmp_path / "a.med", replace(mesh, blocks=same)))
    np.testing.assert_array_equal(np.sort(found.mesh.element_ids), np.arange(1, 7))
    assert any("cell numbers of several types coincide" in text for text in found.warnings)


def test_unknown_cells_and_flat_space(tmp_path):
    path = write_med(tmp_path / "a.med", mixed_mesh(LINEAR))
    with h5py.File(path, "r+") as file:
        file[f"ENS_MAA/mesh/{NO_STEP}/MAI"].move("PE6", "POE")
    assert "cells of type POE are left out" in READER.read(path).warnings
    mesh = box((1, 1, 1))
    flat = Mesh(mesh.points, mesh.node_ids, (replace(mesh.blocks[0], cell_type="quad8"),))
    write_med(tmp_path / "b.med", flat)
    with h5py.File(tmp_path / "b.med", "r+") as file:
        step = file[f"ENS_MAA/mesh/{NO_STEP}/NOE"]
        del step["COO"]
        step["COO"] = mesh.points[:, :2].T.ravel()
        file["ENS_MAA/mesh"].attrs["ESP"] = 2
    found = READER.read(tmp_path / "b.med").mesh
    np.testing.assert_array_equal(found.points, np.pad(mesh.points[:, :2], ((0, 0), (0, 1))))


def test_no_formulation_for_points_elsewhere():
    element = ELEMENTS["hex8"]
    assert match_rule("hexahedron", element.points, element.weights * 7.0) is not None
    assert match_rule("hexahedron", element.points * 0.99, element.weights) is None
    assert match_rule("hexahedron", element.points, np.arange(1.0, 9.0)) is None
    assert match_rule("pyramid", element.points, element.weights) is None


# Wrong files


WRONG = {
    "empty": (b"", "begins with b'' at byte 0"),
    "text": (b"*NODE\n", r"begins with b'\*NODE\\n'"),
    "Exodus": (b"CDF\x02" + bytes(60), "it is NetCDF, perhaps an Exodus file"),
    "garbage": (b"\x89HDF\r\n\x1a\n" + b"\xa5" * 5000, "damaged or not a MED file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_files_are_refused_in_one_line(tmp_path, name, capfd):
    content, words = WRONG[name]
    path = tmp_path / "wrong.med"
    path.write_bytes(content)
    assert find_reader(path).name == "med"
    with pytest.raises(ReaderError, match=rf"wrong\.med.*{words}") as caught:
        READER.read(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_contents_that_do_not_fit_are_told(tmp_path):
    top = f"ENS_MAA/mesh/{NO_STEP}"

    def renamed(file):
        file.move("ENS_MAA", "MESHES")

    def old(file):
        file["INFOS_GENERALES"].attrs["MAJ"] = 2

    def structured(file):
        file["ENS_MAA/mesh"].attrs["TYP"] = 1

    def nodes(file):
        file[f"{top}/MAI/HE8/NOD"][3] = 99

    def cells(file):
        del file[f"{top}/MAI/HE8/NOD"]
        file[f"{top}/MAI/HE8/NOD"] = np.arange(7)

    def points(file):
        del file[f"{top}/NOE/COO"]
        file[f"{top}/NOE/COO"] = np.zeros(20)

    def empty(file):
        del file["ENS_MAA/mesh"]

    for change, words in {
        renamed: "no MED file: it holds .*MESHES.*expected the group ENS_MAA",
        old: "is of MED 2; expected 3 or 4",
        structured: "not an unstructured mesh",
        nodes: "refer to nodes beyond its 8",
        cells: "7 nodes of HE8 cells; expected a multiple of 8",
        points: "20 coordinates in 3 dimensions",
        empty: "holds no mesh",
    }.items():
        path = displaced(tmp_path / "a.med", box((1, 1, 1)))
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(ReaderError, match=rf"a\.med.*{words}"):
            READER.read(path)
    with pytest.raises(ReaderError, match="not an input deck"):
        READER.read_deck(tmp_path / "a.med")


def test_a_file_cut_anywhere_is_refused(tmp_path):
    data = displaced(tmp_path / "whole.med", box((1, 1, 1))).read_bytes()
    for length in np.linspace(0, len(data) - 1, 25).astype(int):
        (tmp_path / "cut.med").write_bytes(data[:length])
        with pytest.raises(ReaderError, match=r"cut\.med"):
            READER.read(tmp_path / "cut.med")


def test_a_value_array_of_the_wrong_length_is_told(tmp_path):
    path = displaced(tmp_path / "a.med", box((1, 1, 1)))
    group = f"CHA/resu____DEPL/{1:020d}{-1:020d}/NOE/MED_NO_PROFILE_INTERNAL"
    with h5py.File(path, "r+") as file:
        del file[f"{group}/CO"]
        file[f"{group}/CO"] = np.zeros(21)
    found = READER.read(path)
    with pytest.raises(ReaderError, match=r"a\.med is damaged or not a MED file"):
        found.read("u", 0)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_give_words_or_values(tmp_path, data):
    whole, path = tmp_path / "whole.med", tmp_path / "f.med"
    good = whole.read_bytes() if whole.exists() else displaced(whole, box((1, 1, 1))).read_bytes()
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 5))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(bad))
    with contextlib.suppress(ReaderError):
        found = READER.read(path)
        for name in found.fields:
            found.read(name, 0)


def test_a_nodal_field_of_the_last_time_with_ids(tmp_path):
    mesh = mixed_mesh(LINEAR)
    path = displaced(tmp_path / "thermal.rmed", mesh)
    add_med_field(path, "A_______TEMP", ["TEMP"], TIMES, {"NOE": [mesh.points[:, None, :1] + t for t in TIMES]})
    values, ids = read_nodal_field(path)
    np.testing.assert_array_equal(values, mesh.points[:, 0] + 2.0)
    np.testing.assert_array_equal(ids, mesh.node_ids)
