"""Abaqus, Ansys and Nastran files of these programs: what romtool reads of them, and what independent readers do.

One line of the table per file: nodes, elements by cell, sets, times, fields with the norm of their last state.
"""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.abaqus_assembly import read_mesh
from romtool.convert.registry import find_reader, read_deck, read_results
from romtool.fem.checks import check_mesh
from romtool.fem.elements import ELEMENTS
from romtool.io.case import read_case
from romtool.loading import Deck, PartialDeckError
from romtool.pipeline.describe import describe
from romtool.pipeline.init import init_case
from romtool.types import Mesh, SolverResults
from tests.deck_oracles import ansys_by_package, fil_records, quietly
from tests.shared_data import shared

Row = tuple[int, dict[str, int], dict[str, int], int, dict[str, float], str]
TABLE: dict[str, Row] = {
    "abaqus/hex_C3D8.fil": (8, {"hexahedron": 1}, {"SET_LOAD": 4}, 2, {"u": 0.12204972485}, "no formulation"),
    "abaqus/discontinuous_numbering_2D.fil": (6, {"quad": 2}, {"SET_LOAD": 3}, 2, {"u": 0.33680601583}, "no form"),
    "abaqus/hex_C3D8.inp": (8, {"hexahedron": 1}, {"SET_BC_3": 2}, 0, {}, "CLOAD"),
    "abaqus/discontinuous_numbering_2D.inp": (6, {"quad": 2}, {"SET_BC_2": 2}, 0, {}, "CLOAD"),
    "ansys/beam_static_bc.rst": (
        321, {"hexahedron20": 40}, {"NODE_COMP": 16, "ECOMP1": 22}, 2, {"u": 0.20507347616, "T": 0.0}, "initial temp",
    ),
    "ansys/hexbeam_modal_file.rst": (321, {"hexahedron20": 40}, {}, 0, {}, "6 results of a modal analysis"),
    "ansys/msup_transient_plate1.rst": (393, {"hexahedron20": 40}, {"_FIXEDSU": 13}, 21, {"u": 0.10892067824}, ""),
    "ansys/targe170_contact_thermomech.rst": (207, {"hexahedron": 100}, {"TN.CNT": 12}, 5, {"u": 8.2743715e-06}, "174"),
    "ansys/HexBeam.cdb": (321, {"hexahedron20": 40}, {"NCOMP2": 98, "ECOMP2": 22, "MAT1": 40}, 0, {}, ""),
    "nastran/sol401_tstep1.op2": (9, {"quad": 4}, {"P1": 4}, 4, {"u": 0.020214643181}, ""),
    "nastran/solid_bending.op2": (
        72, {"tetra": 186}, {"SPC1": 13}, 2, {"u": 0.059102359605, "stress_centroid": 359602.76276}, "linear statics",
    ),
    "nastran/tet10_simple_example.op2": (14, {"tetra10": 2}, {"SPC1": 4}, 0, {}, "frequency response"),
    "nastran/time_thermal_elements.op2": (8, {"hexahedron": 1}, {"P5": 1}, 9, {"T": 3.3932869435}, "no bodies"),
    "nastran/transient_solid_shell_bar.op2": (
        25, {"line": 4, "hexahedron": 1, "wedge": 2, "quad": 4, "tetra": 2, "triangle": 8}, {"SPC123456": 13}, 21,
        {"u": 0.0035206763564, "stress_centroid": 153.24894060}, "",
    ),
    "nastran/sol401_tstep1.dat": (9, {"quad": 4}, {"SPC4": 1}, 0, {}, "FORCE"),
    "nastran/solid_bending.bdf": (72, {"tetra": 186}, {"SPC3": 72}, 0, {}, "FORCE"),
    "nastran/tet10_simple_example.bdf": (14, {"tetra10": 2}, {"P1": 2}, 0, {}, "RLOAD1"),
    "nastran/time_thermal_elements.bdf": (8, {"hexahedron": 1}, {"P5": 1}, 0, {}, "MAT4"),
    "nastran/transient_solid_shell_bar.bdf": (8, {"line": 4, "quad": 1}, {}, 0, {}, "INCLUDE geom.inc"),
}  # fmt: skip


RESULTS = [name for name in TABLE if name.endswith((".fil", ".rst", ".op2"))]
DECKS = [name for name in TABLE if name not in RESULTS]


def located(name: str) -> Path:
    if name.startswith("nastran"):
        pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")
    return shared("solver-files", *name.split("/"))


def opened(name: str) -> SolverResults:
    return read_results(located(name))


def counts(mesh: Mesh) -> dict[str, int]:
    found: dict[str, int] = {}
    for block in mesh.blocks:
        found[block.cell_type] = found.get(block.cell_type, 0) + len(block.element_ids)
    return found


def deck_of(path: Path) -> tuple[Deck, str]:
    """Return what is understood of a deck, and what is not."""
    try:
        return read_deck(path), ""
    except PartialDeckError as error:
        return error.deck, " ".join((str(error), *error.deck.warnings))


@pytest.mark.parametrize("name", TABLE)
def test_what_each_file_holds(name: str) -> None:
    n_nodes, cells, sets, n_times, norms, said = TABLE[name]
    found = opened(name)
    check_mesh(found.mesh)
    assert found.mesh.n_nodes == n_nodes
    assert counts(found.mesh) == cells
    members = {**found.mesh.node_sets, **found.mesh.element_sets}
    assert {key: len(members[key]) for key in sets} == sets
    assert len(found.times) == n_times
    assert (np.diff(found.times) > 0).all()
    for field, norm in norms.items():
        values = np.nan_to_num(found.read(field, n_times - 1))
        assert np.linalg.norm(values) == pytest.approx(norm, rel=1e-9), field
    warnings = found.warnings if name in RESULTS else (deck_of(located(name))[1],)
    assert said in " ".join(warnings)


@pytest.mark.parametrize("name", TABLE)
def test_info_and_init_work_on_each_file(name: str, tmp_path: Path) -> None:
    path = located(name)
    described = describe(path)
    assert described["n_nodes"] == TABLE[name][0]
    assert described["kind"] == ("solver-results" if name in RESULTS else "solver-deck")
    written, _ = init_case([path], tmp_path / "case")
    case = read_case(written)
    assert case.mesh_file or case.simulations
    deck = deck_of(path)[0] if name in DECKS else None
    if deck is not None and not (case.simulations and case.simulations[0].deck):
        mesh = opened_mesh(case.simulations[0].results[0] if case.simulations else path)
        known = [material.elements for material in deck.materials if material.elements in mesh.element_sets]
        assert [material.elements for material in case.overrides.materials] == known


def opened_mesh(path: Path) -> Mesh:
    return read_results(path).mesh


def test_case_of_a_deck_with_unsupported_loads(tmp_path: Path) -> None:
    written, missing = init_case([located("abaqus/hex_C3D8.inp")], tmp_path / "case")
    case = read_case(written)
    assert missing == ("1 of 1 elements cannot be computed with (C3D8): take them out of the model",)
    assert case.simulations[0].deck is None
    assert case.simulations[0].results[0].name == "hex_C3D8.fil"
    (material,) = case.overrides.materials
    assert material.parameters == {"young": 1e5, "poisson": 0.25}
    assert material.elements == "TEST_INSTANCE.SET-TEST_PART"
    assert {entry.name: entry.components for entry in case.overrides.dirichlet} == {
        "SET_BC_1": (0, 1, 2),
        "SET_BC_2": (0, 2),
        "SET_BC_3": (2,),
    }
    assert "hex_C3D8.inp:69: *CLOAD" in written.read_text()


def test_results_bring_the_deck_that_lies_beside_them(tmp_path: Path) -> None:
    frd = shared("solver-files", "calculix", "bar_c3d20r.frd")
    written, missing = init_case([frd], tmp_path / "case")
    (simulation,) = read_case(written).simulations
    assert simulation.deck is not None
    assert simulation.deck.samefile(frd.with_suffix(".inp"))
    assert [path.name for path in simulation.results] == [frd.name]
    assert missing == ()


# Ansys


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("ansys") and name.endswith(".rst")])
def test_ansys_results_as_its_package_reads_them(name: str) -> None:
    found, other = opened(name), ansys_by_package(located(name))
    ids, rows, _ = np.intersect1d(other.mesh.nnum, found.mesh.node_ids, return_indices=True)
    np.testing.assert_array_equal(ids, found.mesh.node_ids)
    np.testing.assert_array_equal(other.mesh.nodes[rows], found.mesh.points)
    assert set(found.mesh.element_ids) <= set(other.mesh.enum.tolist())
    for sets, theirs in ((found.mesh.node_sets, other.mesh.node_components),
                         (found.mesh.element_sets, other.mesh.element_components)):  # fmt: skip
        own = found.mesh.node_ids if sets is found.mesh.node_sets else found.mesh.element_ids
        assert {key: sorted(own[members].tolist()) for key, members in sets.items()} == {
            key: sorted(set(np.asarray(members).tolist()) & set(own.tolist())) for key, members in theirs.items()
        }
    offset = len(found.times) - len(other.time_values)
    for i in range(max(offset, 0), len(found.times)):
        assert found.times[i] == other.time_values[i - offset]
        numbers, values = quietly(other.nodal_solution, i - offset)
        chosen = np.searchsorted(numbers, found.mesh.node_ids)
        np.testing.assert_array_equal(found.read("u", i), values[chosen][:, :3])
        if "TEMP" in other.result_dof(i - offset):
            np.testing.assert_array_equal(found.read("T", i)[:, 0], values[chosen][:, -1])
        numbers, stress = quietly(other.nodal_stress, i - offset)
        theirs = stress[np.searchsorted(numbers, found.mesh.node_ids)]
        np.testing.assert_allclose(found.read("stress_nodal", i), theirs, rtol=1e-12, atol=1e-12 * np.nanmax(theirs))


def test_ansys_archive_as_its_package_reads_it() -> None:
    found, other = opened("ansys/HexBeam.cdb"), ansys_by_package(located("ansys/HexBeam.cdb"))
    np.testing.assert_array_equal(found.mesh.node_ids, other.nnum)
    np.testing.assert_allclose(found.mesh.points, other.nodes, rtol=1e-15)  # its own numbers are not rounded
    np.testing.assert_array_equal(found.mesh.element_ids, other.enum)
    nodes = found.mesh.node_ids[found.mesh.blocks[0].connectivity]
    np.testing.assert_array_equal(nodes, np.stack([element[10:] for element in other.elem]))
    for key, members in other.node_components.items():
        assert found.mesh.node_ids[found.mesh.node_sets[key.strip()]].tolist() == sorted(members.tolist())
    (material,) = deck_of(located("ansys/HexBeam.cdb"))[0].materials
    assert (material.parameters, material.density) == ({"young": 7e10, "poisson": 0.35}, 2700.0)


def test_archive_and_results_hold_one_mesh() -> None:
    archive, results = opened("ansys/HexBeam.cdb").mesh, opened("ansys/hexbeam_modal_file.rst").mesh
    order = np.argsort(results.blocks[0].element_ids)
    np.testing.assert_array_equal(archive.blocks[0].element_ids, results.blocks[0].element_ids[order])
    np.testing.assert_array_equal(archive.blocks[0].connectivity, results.blocks[0].connectivity[order])
    np.testing.assert_allclose(archive.points, results.points, rtol=0, atol=1e-13)


# Nastran


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("nastran") and name.endswith(".op2")])
def test_nastran_results_are_those_of_pynastran(name: str) -> None:
    path, found = located(name), opened(name)
    op2 = pytest.importorskip("pyNastran.op2.op2")
    model = quietly(op2.OP2, None)
    quietly(model.read_op2, str(path))
    for field, tables in (("u", model.displacements), ("T", model.temperatures)):
        if field not in found.fields:
            assert not any(table.analysis_code in (1, 6, 10) for table in tables.values())
            continue
        table = next(iter(tables.values()))
        ids = table.node_gridtype[:, 0]
        rows = [int(np.flatnonzero(ids == node)[0]) for node in found.mesh.node_ids]
        width = 3 if field == "u" else 1
        times = [float(time) for time in table._times]
        for i, time in enumerate(found.times):
            step = times.index(time) if time in times else (0 if np.isnan(times[0]) and i else -1)
            if step >= 0:
                np.testing.assert_array_equal(found.read(field, i), table.data[step][rows, :width])


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("nastran") and name not in RESULTS])
def test_nastran_decks_are_those_of_pynastran(name: str) -> None:
    path, found = located(name), opened(name)
    if name.endswith("transient_solid_shell_bar.bdf"):
        pytest.skip("pyNastran refuses a deck whose include file is missing")
    bdf = pytest.importorskip("pyNastran.bdf.bdf")
    model = quietly(bdf.BDF, None)
    quietly(model.read_bdf, str(path), False, False)
    for node, point in zip(found.mesh.node_ids.tolist(), found.mesh.points, strict=True):
        np.testing.assert_array_equal(point, model.nodes[node].xyz)
    for block in found.mesh.blocks:
        for element, nodes in zip(block.element_ids.tolist(), block.connectivity, strict=True):
            assert found.mesh.node_ids[nodes].tolist() == model.elements[element].nodes
    for prop in model.properties.values():
        if f"P{prop.pid}" in found.mesh.element_sets:
            assert {e.eid for e in model.elements.values() if getattr(e, "pid", 0) == prop.pid} == set(
                found.mesh.element_ids[found.mesh.element_sets[f"P{prop.pid}"]].tolist()
            )


def test_nastran_deck_and_results_hold_one_mesh() -> None:
    deck, results = opened("nastran/solid_bending.bdf").mesh, opened("nastran/solid_bending.op2").mesh
    np.testing.assert_array_equal(deck.node_ids, results.node_ids)
    np.testing.assert_array_equal(deck.blocks[0].connectivity, results.blocks[0].connectivity)
    np.testing.assert_allclose(deck.points, results.points, rtol=0, atol=1e-6)


# Abaqus


@pytest.mark.parametrize("name", ["hex_C3D8", "discontinuous_numbering_2D"])
def test_abaqus_results_word_by_word(name: str) -> None:
    found, path = opened(f"abaqus/{name}.fil"), located(f"abaqus/{name}.fil")
    records = fil_records(path)
    points = {words[0]: words[1:] for key, words in records if key == 1901}
    assert found.mesh.node_ids.tolist() == sorted(points)
    flat = np.array([points[node] for node in found.mesh.node_ids.tolist()])
    np.testing.assert_array_equal(found.mesh.points[:, : flat.shape[1]], flat)
    nodes = {words[0]: words[2:] for key, words in records if key == 1900}
    block = found.mesh.blocks[0]
    assert found.mesh.node_ids[block.connectivity].tolist() == [nodes[e] for e in block.element_ids.tolist()]
    u = {words[0]: words[1:] for key, words in records if key == 101}
    expected = np.array([u[node] for node in found.mesh.node_ids.tolist()])
    np.testing.assert_array_equal(found.read("u", 1)[:, : expected.shape[1]], expected)
    assert found.times.tolist() == [0.0, next(words[0] for key, words in records if key == 2000)]


@pytest.mark.parametrize("name", ["hex_C3D8", "discontinuous_numbering_2D"])
def test_abaqus_deck_numbers_as_abaqus_does(name: str) -> None:
    deck, results = read_mesh(located(f"abaqus/{name}.inp")).mesh, opened(f"abaqus/{name}.fil").mesh
    np.testing.assert_array_equal(deck.node_ids, results.node_ids)
    np.testing.assert_array_equal(deck.points, results.points)
    for ours, theirs in zip(deck.blocks, results.blocks, strict=True):
        np.testing.assert_array_equal(ours.connectivity, theirs.connectivity)
        assert ours.solver_type == theirs.solver_type


def test_strain_of_the_linear_brick_of_abaqus_has_the_mean_volume_change() -> None:
    """C3D8 is no full integration: its points have the mean volume change of the element (B-bar)."""
    found = opened("abaqus/hex_C3D8.fil")
    element, nodes = ELEMENTS["hex8"], found.mesh.blocks[0].connectivity[0]
    points, u = found.mesh.points[nodes], found.read("u", 1)[nodes]
    jacobians = np.einsum("ai,qaj->qij", points, element.shape_gradients(element.points))
    gradients = element.shape_gradients(element.points) @ np.linalg.inv(jacobians)
    slopes = np.einsum("ai,qaj->qij", u, gradients)
    strain = 0.5 * (slopes + slopes.transpose(0, 2, 1))
    volume, weights = np.trace(strain, axis1=1, axis2=2), np.linalg.det(jacobians)
    mean = (weights @ volume) / weights.sum()
    written = np.array([words for key, words in fil_records(located("abaqus/hex_C3D8.fil")) if key == 21])
    tensor = np.empty((8, 3, 3))
    for k, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))):
        tensor[:, i, j] = tensor[:, j, i] = written[:, k] * (1.0 if k < 3 else 0.5)
    scale = np.abs(tensor).max()
    assert np.abs(strain - tensor).max() > 0.1 * scale
    with_mean = strain + ((mean - volume) / 3.0)[:, None, None] * np.eye(3)
    np.testing.assert_allclose(with_mean, tensor, rtol=0, atol=1e-13 * scale)


def test_the_reader_is_found_by_content() -> None:
    assert find_reader(located("abaqus/hex_C3D8.inp")).name == "abaqus"
    assert find_reader(shared("solver-files", "calculix", "bar_c3d10.inp")).name == "calculix"
    for path in shared("calculix").glob("*.inp"):
        assert find_reader(path).name == "calculix", path
