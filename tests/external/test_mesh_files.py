"""Exodus, MED and XDMF files of other programs: what romtool reads of them, and what independent readers do.

One line of the table per file: nodes, elements by cell, sets, times, fields with the norm of their last state.
"""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.registry import read_results
from romtool.fem.checks import check_mesh
from romtool.fem.elements import ELEMENTS
from romtool.pipeline.suitability import lacks
from romtool.types import Mesh, SolverResults
from tests.mesh_files import EXODUS_TYPES, med_order
from tests.oracles import ExodusByVtk, exodus_by_vtk, med_by_library
from tests.shared_data import shared

TABLE: dict[str, tuple[int, dict[str, int], dict[str, int], int, dict[str, float], tuple[str, ...]]] = {
    "exodus/biplane_hex20_tetra10_shell8.exo": (
        774,
        {
            "hexahedron": 8,
            "hexahedron20": 28,
            "tetra": 3,
            "tetra10": 6,
            "triangle": 476,
            "triangle6": 30,
            "quad": 4,
            "quad8": 14,
            "line": 172,
        },
        {"sideset_1": 4, "sideset_7": 2, "sideset_12": 2},
        1,
        {},
        ("696 of 741 elements cannot be computed with", "one time", "no displacement"),
    ),
    "exodus/mug.e": (
        3774,
        {"hexahedron": 2476},
        {"nodeset_1": 498, "nodeset_2": 114, "block_1": 1716, "block_76": 760, "top": 76, "bottom": 478},
        21,
        {"convected": 52.905393306, "diffused": 84.472311425, "aux_elem": 284.00062130},
        ("no displacement",),
    ),
    "exodus/noh.exo": (
        22,
        {"quad": 10},
        {"nodeset_10": 2, "nodeset_30": 11, "block_1": 5},
        31,
        {"u": 6.8949481657, "VELOCITY": 3.1551674523, "DENSITY": 4.6735645976},
        ("2-D mesh",),
    ),
    "exodus/spec_hex20_synthetic.e": (
        40,
        {"hexahedron20": 2},
        {"fix": 2, "steel": 1, "alu": 1, "bottom": 1},
        3,
        {"u": 2203.9993108, "T": 1285.1182257, "peeq": 3.0413812651},
        (),
    ),
    "med/gmsh_hexahedron20.med": (20, {"hexahedron20": 1}, {"BODY": 1}, 0, {}, ("a mesh alone",)),
    "med/gmsh_pyramid13.med": (13, {"pyramid13": 1}, {"BODY": 1}, 0, {}, ("no solid elements", "a mesh alone")),
    "med/gmsh_tetra10.med": (10, {"tetra10": 1}, {"BODY": 1}, 0, {}, ("a mesh alone",)),
    "med/gmsh_wedge15.med": (15, {"wedge15": 1}, {"BODY": 1}, 0, {}, ("a mesh alone",)),
    "med/medcoupling_multistep_gauss_synthetic.med": (
        14,
        {"wedge": 1, "hexahedron": 2},
        {"FIX": 4, "HEXES": 2, "RIGHT": 2},
        3,
        {"u": 126.66491227, "T": 37.603191354, "stress": 20711.169716},
        ("1 of 3 elements cannot be computed with",),
    ),
    "xdmf/no_checkpoint.xdmf": (729, {"tetra": 3072}, {}, 5, {"f_5": 111.46921323}, ("no displacement",)),
    "xdmf/out.xdmf": (4, {"triangle": 2}, {}, 5, {"u": 2.8284271247, "a": 5.1613951602}, ("2-D mesh",)),
}


def opened(name: str) -> SolverResults:
    return read_results(shared("solver-files", *name.split("/")))


@pytest.mark.parametrize("name", TABLE)
def test_what_each_file_holds(name: str) -> None:
    n_nodes, cells, sets, n_times, norms, missing = TABLE[name]
    found = opened(name)
    check_mesh(found.mesh)
    assert found.mesh.n_nodes == n_nodes
    counts: dict[str, int] = {}
    for block in found.mesh.blocks:
        counts[block.cell_type] = counts.get(block.cell_type, 0) + len(block.element_ids)
    assert counts == cells
    members = {**found.mesh.node_sets, **found.mesh.element_sets, **found.mesh.side_sets}
    assert {key: len(members[key]) for key in sets} == sets
    assert len(found.times) == n_times
    assert (np.diff(found.times) > 0).all()
    for field, norm in norms.items():
        assert np.linalg.norm(found.read(field, n_times - 1)) == pytest.approx(norm, rel=1e-9), field
    said = lacks(found)
    assert len(said) == len(missing), said
    assert all(text.startswith(words) for text, words in zip(said, missing, strict=True)), said


# Exodus against VTK


EXODUS = [name for name in TABLE if name.startswith("exodus")]


@pytest.mark.parametrize("name", EXODUS)
def test_exodus_as_vtk_reads_it(name: str) -> None:
    found, path = opened(name), shared("solver-files", *name.split("/"))
    for step in sorted({0, len(found.times) // 2, len(found.times) - 1}):
        check_against_vtk(found, exodus_by_vtk(path, step), step)


def check_against_vtk(found: SolverResults, other: ExodusByVtk, step: int) -> None:
    """Compare mesh, sets, times and the fields of one time."""
    mesh = found.mesh
    np.testing.assert_array_equal(found.times, other.times)
    assert sorted(mesh.node_ids) == sorted(other.points)
    theirs = np.array([other.points[i] for i in mesh.node_ids.tolist()])
    np.testing.assert_allclose(mesh.points, theirs, rtol=0, atol=1e-7 * np.abs(theirs).max())  # float32 in VTK
    assert sorted(mesh.element_ids) == sorted(other.cells)
    for block in mesh.blocks:
        for number, nodes in zip(block.element_ids.tolist(), mesh.node_ids[block.connectivity].tolist(), strict=True):
            turned = [nodes[i] for i in VTK_WEDGE] if block.cell_type == "wedge" else nodes
            assert other.cells[number] in (nodes, turned), (block.cell_type, number)
    check_sets(mesh, other)
    check_fields(found, other, step)


VTK_WEDGE = [0, 2, 1, 3, 5, 4]
"""VTK's own wedge has its first triangle outwards; romtool keeps the file's."""


def check_sets(mesh: Mesh, other: ExodusByVtk) -> None:
    """Compare the sets that VTK has under the same name, or by its numbers where they have none."""
    for label, nodes in other.node_sets.items():
        name = label if label in mesh.node_sets else f"nodeset_{label.split()[-1]}"
        assert set(mesh.node_ids[mesh.node_sets[name]].tolist()) == nodes, label
    faces = {name: set(faces_of(mesh, name)) for name in mesh.side_sets}
    for label, sides in other.side_sets.items():
        name = label if label in faces else f"sideset_{label.split()[-1]}"
        if name in faces:
            assert faces[name] == set(sides), label
            assert len(mesh.side_sets[name]) == len(sides)


def faces_of(mesh: Mesh, name: str) -> list[frozenset[int]]:
    """Return the node ids of each face of a side set."""
    from romtool.cells import CELLS

    rows = [(block.cell_type, nodes) for block in mesh.blocks for nodes in mesh.node_ids[block.connectivity]]
    sides = mesh.side_sets[name].tolist()
    return [frozenset(rows[e][1][list(CELLS[rows[e][0]].faces[f])].tolist()) for e, f in sides]


def check_fields(found: SolverResults, other: ExodusByVtk, step: int) -> None:
    """Compare values node by node and element by element, component by component."""
    for field, info in found.fields.items():
        theirs, ids = (
            (other.nodal, found.mesh.node_ids) if info.location == "node" else (other.element, found.mesh.element_ids)
        )
        key = next(name for name in theirs if name.rstrip("_") == info.source.rstrip("_"))
        values = np.array([theirs[key][i] for i in ids.tolist()]).reshape(len(ids), -1)
        ours = found.read(field, step)
        width = min(values.shape[1], ours.shape[1])
        np.testing.assert_array_equal(ours[:, :width], values[:, :width], err_msg=field)
        assert not ours[:, width:].any()
        assert np.linalg.norm(ours) == pytest.approx(np.linalg.norm(values), rel=1e-14)


def test_the_file_types_of_the_writer_are_vtks(tmp_path: Path) -> None:
    from tests.convert.test_round_trips import sample, write_exodus_history

    for cell_type in EXODUS_TYPES:
        if cell_type != "quad":
            path = write_exodus_history(tmp_path / f"{cell_type}.e", sample(cell_type))
            check_against_vtk(read_results(path), exodus_by_vtk(path, 1), 1)


# MED against the MED library


MED = [name for name in TABLE if name.startswith("med")]


@pytest.mark.parametrize("name", MED)
def test_med_as_its_library_reads_it(name: str) -> None:
    check_against_library(opened(name), med_by_library(shared("solver-files", *name.split("/"))))


def check_against_library(found: SolverResults, other: dict) -> None:  # type: ignore[type-arg]
    """Compare mesh, groups and fields; positions of integration points by the library's own coordinates."""
    mesh = found.mesh
    ids = np.array(other["node_ids"] or range(1, len(other["points"]) + 1))
    points = dict(zip(ids.tolist(), other["points"], strict=True))
    assert set(mesh.node_ids.tolist()) <= set(points)
    np.testing.assert_array_equal(mesh.points, [points[i] for i in mesh.node_ids.tolist()])
    numbers = other["element_ids"] or list(range(1, len(other["cells"]) + 1))
    assert sorted(mesh.element_ids.tolist()) == sorted(numbers)
    cells = {number: ids[nodes].tolist() for number, nodes in zip(numbers, other["cells"], strict=True)}
    for block in mesh.blocks:
        order = PYRAMID if block.cell_type == "pyramid13" else med_order(block.cell_type)
        for number, nodes in zip(block.element_ids.tolist(), mesh.node_ids[block.connectivity], strict=True):
            assert nodes[order].tolist() == cells[number]
    groups = {name: [numbers[i] for i in rows] for name, rows in other["element_groups"].items()}
    for name, members in groups.items():
        assert sorted(mesh.element_ids[mesh.element_sets[name]].tolist()) == sorted(members)
    for name, rows in other["node_groups"].items():
        used = [i for i in ids[rows].tolist() if i in set(mesh.node_ids.tolist())]
        assert sorted(mesh.node_ids[mesh.node_sets[name]].tolist()) == sorted(used)
    assert len(other["volumes"]) == mesh.n_elements
    assert min(other["volumes"]) > 0.0
    for field, info in found.fields.items():
        check_med_field(found, field, other["fields"][info.source], ids, other)


PYRAMID = [0, 3, 2, 1, 4, 8, 7, 6, 5, 9, 12, 11, 10]


def check_med_field(found: SolverResults, field: str, theirs: dict, ids: np.ndarray, other: dict) -> None:  # type: ignore[type-arg]
    """Compare the values of all times."""
    info, mesh = found.fields[field], found.mesh
    np.testing.assert_array_equal(found.times, [step["time"] for step in theirs["steps"]])
    for i, step in enumerate(theirs["steps"]):
        values, ours = np.array(step["values"], dtype=float), found.read(field, i)
        if info.location == "node":
            rows = [ids.tolist().index(node) for node in mesh.node_ids.tolist()]
            np.testing.assert_array_equal(ours, values.reshape(len(ids), -1)[rows])
        elif info.location == "point":
            swapped = values[:, [0, 1, 2, 3, 5, 4]] if values.shape[1] == 6 else values
            at = dict(zip(map(rounded, step["positions"]), swapped.tolist(), strict=True))
            computable = [block for block in mesh.blocks if block.formulation]
            start = sum(rule_points(block.solver_type) for block in mesh.blocks if not block.formulation)
            expected = [at[rounded(x)] for block in computable for x in positions(mesh, block)]
            np.testing.assert_array_equal(ours[start:], expected)
            assert np.linalg.norm(ours) == pytest.approx(np.linalg.norm(values), rel=1e-14)


def rule_points(solver_type: str) -> int:
    """Return the number of points that the reader tells of a rule which romtool does not have."""
    return int(solver_type.split(" with ")[1].split()[0])


def positions(mesh: Mesh, block) -> np.ndarray:  # type: ignore[no-untyped-def, type-arg]
    """Return the coordinates of the points of a block, element after element."""
    element = ELEMENTS[block.formulation]
    shapes = element.shape_functions(element.points)
    return np.einsum("pn,cni->cpi", shapes, mesh.points[block.connectivity]).reshape(-1, 3)


def rounded(point) -> tuple[float, ...]:  # type: ignore[no-untyped-def]
    """Return coordinates to compare by."""
    return tuple(round(float(x), 9) + 0.0 for x in point)
