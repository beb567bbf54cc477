"""Files that CalculiX wrote: stored ones, and runs of ccx on stored and own decks.

Runs are skipped where `ccx` is not installed. Own decks are rows of unit cubes, each with its own history of
loads, so that one run checks many of them: the force on a cube's foot, its displacement or its temperature at every
increment is what the deck reader says.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from romtool.cells import CELLS
from romtool.convert.calculix import READER
from romtool.convert.parts import POINTS
from romtool.errors import ReaderError
from romtool.loading import Deck, Loading, Temperature
from romtool.types import CellBlock, Floats, SolverResults
from tests.shared_data import shared

Run = Callable[[str, str], Path]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return `run(name, text)`: run ccx on a deck text and return the path of the deck."""
    program = shutil.which("ccx")
    if program is None:
        pytest.skip("ccx (Debian package calculix-ccx) is not on the PATH")
    folder = tmp_path_factory.mktemp("ccx")

    def start(name: str, text: str) -> Path:
        path = folder / f"{name}.inp"
        if not (path.exists() and path.read_text() == text):
            path.write_text(text)
            environment = dict(os.environ) | {"OMP_NUM_THREADS": "1", "CCX_NPROC_RESULTS": "1"}
            subprocess.run([program, name], cwd=folder, env=environment, capture_output=True, timeout=60, check=False)
        return path

    return start


def run_shared(run: Run, name: str) -> Path:
    """Run ccx on one of the shared decks."""
    return run(name, shared("calculix", f"{name}.inp").read_text())


def opened(path: Path) -> SolverResults:
    return READER.read(path.with_suffix(".frd"))


def temperature_at(temperature: Temperature, time: float) -> Floats:
    """Return the nodal temperature, linear between entries."""
    times = np.array([entry.time for entry in temperature.entries])
    values = np.array([entry.value for entry in temperature.entries], dtype=np.float64)
    k = int(np.clip(np.searchsorted(times, time), 1, len(times) - 1))
    part = min((time - times[k - 1]) / (times[k] - times[k - 1]), 1.0)
    return np.asarray(values[k - 1] + part * (values[k] - values[k - 1]))


def check_prescribed(deck: Deck, found: SolverResults, tolerance: float) -> None:
    """Check displacements of supports and temperatures of a run against its deck at every time."""
    assert deck.mesh is not None
    for i, time in enumerate(found.times):
        u = found.read("u", i)
        for support in deck.loading.dirichlet:
            value = float(np.asarray(support.value)) * deck.loading.amplitude(support.table, float(time))
            rows = deck.mesh.node_sets[support.nodes]
            np.testing.assert_allclose(u[rows][:, list(support.components)], value, atol=tolerance)
        if "T" in found.fields and deck.loading.temperature.entries and i:
            expected = temperature_at(deck.loading.temperature, float(time))
            np.testing.assert_allclose(found.read("T", i)[:, 0], expected, rtol=1e-9 + tolerance)


# Stored files


@pytest.mark.parametrize(("name", "nodes", "cells"), [("bar_c3d20r", 261, 32), ("bar_c3d10", 921, 420)])
def test_stored_bars(name: str, nodes: int, cells: int) -> None:
    path = shared("solver-files", "calculix", f"{name}.frd")
    found, deck = READER.read(path), READER.read_deck(path.with_suffix(".inp"))
    assert (found.mesh.n_nodes, found.mesh.n_elements) == (nodes, cells)
    assert {"NALL", "FIX", "LOAD", "HOT"} <= set(found.mesh.node_sets)
    assert (np.diff(found.times) > 0).all()
    check_prescribed(deck, found, 1e-5)
    half = np.isin(np.arange(cells), found.mesh.element_sets["LEFTHALF"])
    printed = ~np.isnan(found.read("p", len(found.times) - 1)[:, 0])
    points = POINTS[found.mesh.blocks[0].formulation]
    np.testing.assert_array_equal(printed, np.repeat(half, points))
    assert (found.read("p", 0)[printed] == 0.0).all()
    assert any("text of 6 digits" in text for text in found.warnings)
    assert deck.times_from_results
    assert deck.results == (path,)


def test_nodal_stress_of_the_stored_bar_is_near_that_of_its_points() -> None:
    found = READER.read(shared("solver-files", "calculix", "bar_c3d20r.frd"))
    last = len(found.times) - 1
    block = found.mesh.blocks[0]
    points = found.read("stress", last).reshape(len(block.element_ids), 8, 6)
    nodal = found.read("stress_nodal", last)[block.connectivity].mean(axis=1)
    inner = ~np.isnan(points[:, 0, 0]) & (found.mesh.points[block.connectivity].mean(axis=1)[:, 0] > 1.0)
    np.testing.assert_allclose(points[inner].mean(axis=1), nodal[inner], atol=8.0)
    assert np.abs(nodal[inner]).max() > 80.0


def test_stored_file_with_all_types() -> None:
    found = READER.read(shared("solver-files", "calculix", "vtkdata_mesh.frd"))
    counts = {block.cell_type: len(block.element_ids) for block in found.mesh.blocks}
    assert counts["tetra10"] == counts["tetra"] == 23
    assert counts["hexahedron20"] == counts["hexahedron"] == 1
    assert counts["line3"] == 2
    assert found.times.tolist() == [0.0, 0.5, 1.0]
    assert any("does not tell full from reduced" in text for text in found.warnings)
    for block in found.mesh.blocks:
        check_middle_nodes(block, found.mesh.points)


def check_middle_nodes(block: CellBlock, points: Floats) -> None:
    """Check that mid-side nodes of solids lie near the middle of their edges: the node order is right."""
    cell = CELLS.get(block.cell_type)
    if cell is None or cell.n_nodes == cell.n_corners:
        return
    corners = points[block.connectivity[:, np.array(cell.edges)]]
    middle = points[block.connectivity[:, cell.n_corners :]]
    length = np.linalg.norm(corners[:, :, 1] - corners[:, :, 0], axis=2)
    assert (np.linalg.norm(middle - corners.mean(axis=2), axis=2) < 0.3 * length).all()


# Elements and formats


TRIANGLE = [(i, j) for i in range(3) for j in range(3 - i)]
POWERS = {
    "tetra": [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)],
    "tetra10": [(i, j, k) for i in range(3) for j in range(3 - i) for k in range(3 - i - j)],
    "wedge": [(i, j, k) for i, j in TRIANGLE if i + j < 2 for k in (0, 1)],
    "wedge15": [(i, j, k) for i, j in TRIANGLE for k in (0, 1, 2) if not (k == 2 and i + j == 2)],
    "hexahedron": [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)],
    "hexahedron20": [
        (i, j, k) for i in range(3) for j in range(3) for k in range(3) if sum(e for e in (i, j, k) if e == 2) <= 2
    ],
}
"""Monomials of the shape functions (serendipity: superlinear degree 2)."""
CUBE = [(-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1), (-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)]
REFERENCE = {
    "tetra": [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)],
    "wedge": [(0, 0, -1), (1, 0, -1), (0, 1, -1), (0, 0, 1), (1, 0, 1), (0, 1, 1)],
    "hexahedron": CUBE,
}


def reference_points(name: str) -> Floats:
    """Return CalculiX' integration points of a formulation, in its order."""
    g, h, a, b = 1 / np.sqrt(3), np.sqrt(0.6), 0.13819660112501, 0.58541019662497
    grid = {"hex8_mean": [-g, g], "hex20r": [-g, g], "hex20_corner": [-h, 0, h]}.get(name)
    if grid is not None:
        return np.array([[x, y, z] for z in grid for y in grid for x in grid])
    if name.startswith("tet"):
        return np.array([[0.25] * 3] if name == "tet4" else [[a, a, a], [b, a, a], [a, b, a], [a, a, b]])
    plane = [[1 / 3, 1 / 3]] if name == "wedge6" else [[1 / 6, 1 / 6], [2 / 3, 1 / 6], [1 / 6, 2 / 3]]
    line = [-g, g] if name == "wedge6" else [-h, 0, h]
    return np.array([[*xy, z] for z in line for xy in plane])


def shapes(block: CellBlock) -> Floats:
    """Return the (n_points, n_nodes) shape functions of a block at its integration points."""
    cell = CELLS[block.cell_type]
    corners = np.array(next(REFERENCE[name] for name in REFERENCE if block.cell_type.startswith(name)), dtype=float)
    middle = [corners[list(edge)].mean(axis=0) for edge in cell.edges]
    nodes = np.array([*corners, *middle][: cell.n_nodes])
    powers = np.array(POWERS[block.cell_type])

    def basis(x: Floats) -> Floats:
        return np.asarray((x[:, None, :] ** powers).prod(axis=2))

    return np.asarray(basis(reference_points(block.formulation)) @ np.linalg.inv(basis(nodes)))


@pytest.mark.parametrize("kind", ["C3D4", "C3D6", "C3D8", "C3D10", "C3D15", "C3D20", "C3D20R"])
def test_points_are_those_of_the_formulation_in_its_order(run: Run, kind: str) -> None:
    path = run_shared(run, f"elem_{kind}")
    found = opened(path)
    (block,) = found.mesh.blocks
    assert block.solver_type == kind
    check_middle_nodes(block, found.mesh.points)
    nodes = found.mesh.points[block.connectivity]
    expected = np.einsum("pn,enx->epx", shapes(block), nodes).reshape(-1, 3)
    np.testing.assert_allclose(found.read("COORD", 1), expected, atol=2e-6)
    check_prescribed(READER.read_deck(path), found, 1e-15)
    assert found.fields["u"].precision == 0.0
    assert not found.warnings


def test_elements_without_formulation_are_shown_and_said(run: Run) -> None:
    for kind in ("C3D8I", "C3D8R"):
        found = opened(run_shared(run, f"elem_{kind}"))
        assert [block.formulation for block in found.mesh.blocks] == [""]
        assert {field.location for field in found.fields.values()} == {"node"}
        deck = READER.read_deck(run_shared(run, f"elem_{kind}"))
        assert any("does not compute with them" in text for text in deck.warnings)


def test_formats_agree_within_their_precision(run: Run) -> None:
    text = shared("calculix", "f_C3D20R_asc.inp").read_text()
    binary = text.replace("*NODE FILE", "*NODE OUTPUT").replace("*EL FILE", "*ELEMENT OUTPUT")
    exact = binary.replace("OUTPUT", "OUTPUT, DOUBLE")
    first = text.rindex("*NODE FILE")
    mixed = text[:first] + text[first:].replace("*NODE FILE", "*NODE OUTPUT").replace("*EL FILE", "*ELEMENT OUTPUT")
    best = opened(run("f_double", exact))
    for name, content, precision in [("f_text", text, 5e-6), ("f_single", binary, 6e-8), ("f_mixed", mixed, 5e-6)]:
        found = opened(run(name, content))
        assert found.fields["u"].precision == precision
        assert set(found.fields) == set(best.fields)
        for field in ("u", "T", "internal_force", "stress_nodal", "SDV"):
            for i in range(len(best.times)):
                a, b = found.read(field, i), best.read(field, i)
                np.testing.assert_allclose(a, b, rtol=2 * precision, atol=1e-9 * max(np.abs(b).max(), 1e-30))
    assert best.times.tolist() == [0.0, 0.5, 1.0, 6.0, 11.0]


def test_the_result_file_alone_gives_the_same_mesh(run: Run, tmp_path: Path) -> None:
    for kind in ("C3D15", "C3D20", "C3D20R", "C3D10"):
        path = run_shared(run, f"elem_{kind}")
        both = opened(path)
        for suffix in (".frd", ".dat"):
            shutil.copy(path.with_suffix(suffix), tmp_path / f"{kind}{suffix}")
        alone = READER.read(tmp_path / f"{kind}.frd")
        np.testing.assert_array_equal(alone.mesh.node_ids, both.mesh.node_ids)
        np.testing.assert_array_equal(alone.mesh.points, both.mesh.points)
        np.testing.assert_array_equal(alone.mesh.blocks[0].connectivity, both.mesh.blocks[0].connectivity)
        assert alone.mesh.blocks[0].formulation == both.mesh.blocks[0].formulation
        np.testing.assert_array_equal(alone.read("stress", 3), both.read("stress", 3))


def test_tables_in_local_axes(run: Run) -> None:
    text = shared("calculix", "s_single_crystal_1.inp").read_text()
    found = opened(run("local", text.replace(", GLOBAL=YES", "")))
    assert {"stress_local", "strain_local"} <= set(found.fields)
    assert {"stress", "strain"}.isdisjoint(found.fields)
    world = opened(run("global", text))
    mean = [r.read(n, 3)[:, :3].sum(axis=1) for r, n in ((found, "stress_local"), (world, "stress"))]
    np.testing.assert_allclose(mean[0], mean[1], rtol=1e-5)
    with pytest.raises(ReaderError, match="USER MATERIAL"):
        READER.read_deck(run("global", text))


def test_a_diverged_run_keeps_what_converged(run: Run) -> None:
    text = shared("calculix", "uni_kin.inp").read_text()
    text = text[: text.index("*STEP")].replace(", HARDENING=KINEMATIC", "").replace("400.,0.1\n", "")
    text += "*STEP\n*STATIC\n.25,1.,1e-3\n*DLOAD\nEALL,P2,-250.\n*NODE FILE\nU\n*EL PRINT,ELSET=EALL\nS\n*END STEP\n"
    path = run("diverged", text)
    found = opened(path)
    assert any("did not converge" in text for text in found.warnings)
    stress = found.read("stress", len(found.times) - 1)[:, 2]
    np.testing.assert_allclose(stress, 250.0 * found.times[-1], rtol=1e-6)
    assert found.times[-1] < 0.8
    path.with_suffix(".sta").rename(path.with_suffix(".old"))
    again = opened(path)
    path.with_suffix(".old").rename(path.with_suffix(".sta"))
    assert len(again.times) == len(found.times) + 1
    assert any("no end mark" in text for text in again.warnings)


# Loads over time


@pytest.mark.parametrize("name", ["amp0", "amp1", "amp2"])
def test_amplitudes_of_the_stored_decks(run: Run, name: str) -> None:
    path = run_shared(run, name)
    found, deck = opened(path), READER.read_deck(path)
    np.testing.assert_array_equal(found.times, deck.loading.times)
    (load,) = deck.loading.loads
    foot = found.mesh.points[:, 2] == 0.0
    for i, time in enumerate(found.times):
        force = found.read("internal_force", i)[foot, 2].sum()
        assert force == pytest.approx(deck.loading.amplitude(load.table, float(time)), abs=1e-9)
    check_prescribed(deck, found, 1e-15)


HEAD = """*AMPLITUDE, NAME=A1
0.,0.,0.3,1.,0.5,0.2,1.,0.6
*AMPLITUDE, NAME=A2, TIME=TOTAL TIME
0.,0.,1.,1.,1.5,0.5,2.,0.8
*AMPLITUDE, NAME=LONG
0.,0.,2.,1.
*AMPLITUDE, NAME=LATE
.5,.5,.8,1.
*AMPLITUDE, NAME=JUMP
0.,0.,.5,.5,.5,1.,1.,1.
*MATERIAL, NAME=M
*ELASTIC
200000.,0.
*DENSITY
1.
*PLASTIC
1e6,0.
*EXPANSION
1e-5
"""
STATIC, VISCO = "*STATIC,DIRECT\n.25,1.\n", "*VISCO,DIRECT,CETOL=1.\n.25,1.\n"
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
Cube = Sequence[str]


def cubes(cases: Sequence[Cube], steps: Sequence[str]) -> str:
    """Return a deck of one unit cube per case, at x = 3 k; `{k}` in a case is its number."""
    nodes, elements, sets, feet = "*NODE,NSET=NALL\n", "*ELEMENT,TYPE=C3D8,ELSET=EALL\n", "", "*BOUNDARY\n"
    for k in range(len(cases)):
        ids = [8 * k + i + 1 for i in range(8)]
        for i, (x, y, z) in zip(ids, CORNERS, strict=True):
            nodes += f"{i},{3 * k + x},{y},{z}\n"
        elements += f"{k + 1}," + ",".join(map(str, ids)) + "\n"
        sets += f"*NSET,NSET=TOP{k}\n" + ",".join(map(str, ids[4:])) + f"\n*ELSET,ELSET=E{k}\n{k + 1}\n"
        sets += f"*NSET,NSET=ALL{k}\n" + ",".join(map(str, ids)) + f"\n*SURFACE,NAME=S{k}\n{k + 1},S2\n"
        a, b, c, d = ids[:4]
        feet += f"{a},1,3\n{b},2,3\n{d},1,1\n{d},3,3\n{c},3,3\n"
    text = nodes + elements + sets + HEAD + "*SOLID SECTION,ELSET=EALL,MATERIAL=M\n"
    text += "*INITIAL CONDITIONS,TYPE=TEMPERATURE\nNALL,20.\n" + feet
    for i, step in enumerate(steps):
        text += step if step.startswith("*STEP") else "*STEP\n" + step
        text += "".join(case[i].format(k=k) + "\n" for k, case in enumerate(cases) if i < len(case) and case[i])
        text += "*NODE OUTPUT,DOUBLE\nU,RF,NT\n*END STEP\n"
    return text


def pressure(value: float, extra: str = "") -> str:
    return f"*DSLOAD{extra}\nS{{k}},P,{value}"


def on_cube(deck: Deck, k: int, time: float) -> float:
    """Return the force on the foot of cube k that the loading gives: pressure down, body forces as they are."""
    assert deck.mesh is not None
    total = 0.0
    for load in deck.loading.loads:
        amplitude = deck.loading.amplitude(load.table, time)
        if load.kind == "pressure":
            total += amplitude * (deck.mesh.side_sets[load.region][:, 0] == k).sum()
        elif k not in deck.mesh.element_sets[load.region]:
            continue
        elif load.kind == "body":
            total -= amplitude * float(np.asarray(load.value)[2]) / 2.0
        else:
            assert load.point is not None
            total -= (amplitude * float(load.value)) ** 2 * (1 / 3 - load.point[2] / 2.0)
    return total


def check_cubes(run: Run, name: str, cases: Sequence[Cube], steps: Sequence[str]) -> Deck:
    """Check forces, displacements and temperatures of all cubes at all increments."""
    path = run(name, cubes(cases, steps))
    found, deck = opened(path), READER.read_deck(path)
    np.testing.assert_allclose(found.times, deck.loading.times, rtol=1e-12)
    feet = np.arange(8 * len(cases)).reshape(-1, 8)[:, :4]
    for i, time in enumerate(found.times):
        force = found.read("internal_force", i)[feet, 2].sum(axis=1)
        expected = np.array([on_cube(deck, k, float(time)) for k in range(len(cases))])
        held = [k for k, case in enumerate(cases) if "*BOUNDARY" in "".join(case)]
        np.testing.assert_allclose(np.delete(force, held), np.delete(expected, held), atol=1e-7)
    check_prescribed(deck, found, 1e-9)
    return deck


LOADS: list[Cube] = [
    (pressure(10), pressure(4)),
    (pressure(10, ",AMPLITUDE=A1"),),
    (pressure(10, ",AMPLITUDE=A2"),),
    (pressure(10, ",AMPLITUDE=A1"), pressure(10, ",AMPLITUDE=A1")),
    (pressure(10, ",AMPLITUDE=A1"), pressure(4)),
    (pressure(10), pressure(4, ",AMPLITUDE=A1")),
    (pressure(10), "", pressure(4)),
    (pressure(10, ",AMPLITUDE=A2"), "", pressure(5)),
    (pressure(10, ",AMPLITUDE=LONG"), "", pressure(10, ",AMPLITUDE=LONG")),
    (pressure(10, ",AMPLITUDE=LATE"), pressure(10, ",AMPLITUDE=LATE")),
    (pressure(10, ",AMPLITUDE=JUMP"),),
    ("*DLOAD\nE{k},P2,10", pressure(3)),
    ("*DLOAD\nE{k},P2,10\n" + pressure(3),),
    ("", pressure(10), pressure(4)),
    ("*DLOAD\nE{k},GRAV,10,0,0,2", "*DLOAD\nE{k},GRAV,4,0,0,1"),
    ("*DLOAD\nE{k},GRAV,10,0,0,1\nE{k},GRAV,0,0,0,-1", "*DLOAD\nE{k},GRAV,3,0,0,-1"),
    ("*DLOAD\nE{k},CENTRIF,9,0,0,-1,0,3,0", "*DLOAD\nE{k},CENTRIF,4,0,0,-1,0,3,0"),
    ("*DLOAD,AMPLITUDE=A1\nE{k},CENTRIF,9,0,0,-1,0,1,0",),
]
SUPPORTS: list[Cube] = [
    ("*BOUNDARY\nTOP{k},3,3,.1", "*BOUNDARY\nTOP{k},3,3,.04"),
    ("*BOUNDARY,AMPLITUDE=A1\nTOP{k},3,3,.1",),
    ("*BOUNDARY,AMPLITUDE=A2\nTOP{k},3,3,.1",),
    ("*BOUNDARY,AMPLITUDE=A1\nTOP{k},3,3,.1", "*BOUNDARY\nTOP{k},3,3,.04"),
    ("*BOUNDARY\nTOP{k},3,3,.1", "*BOUNDARY,AMPLITUDE=LONG\nTOP{k},3,3,.04"),
    ("*BOUNDARY\nTOP{k},3,3,.1\nTOP{k},3,3,.04", "*BOUNDARY\nTOP{k},3,3,.02\n*BOUNDARY\nTOP{k},3,3,.07"),
    ("*TEMPERATURE\nALL{k},120", "*TEMPERATURE\nALL{k},60"),
    ("*TEMPERATURE,AMPLITUDE=A1\nALL{k},120", "", "*TEMPERATURE\nALL{k},40"),
    ("*TEMPERATURE,AMPLITUDE=A2\nALL{k},120",),
    ("*TEMPERATURE\nALL{k},120", "", "*TEMPERATURE\nTOP{k},40"),
]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("ramps", (STATIC, STATIC, STATIC)),
        ("visco", (STATIC, VISCO, STATIC)),
        ("jumps", (VISCO, "*STEP,AMPLITUDE=RAMP\n" + VISCO, "*STEP,AMPLITUDE=STEP\n" + STATIC)),
    ],
)
def test_courses_agree_with_runs(run: Run, name: str, steps: Sequence[str]) -> None:
    deck = check_cubes(run, f"loads_{name}", LOADS, steps)
    assert len(deck.loading.loads) == 19
    check_cubes(run, f"supports_{name}", SUPPORTS, steps)


@pytest.mark.parametrize(("name", "middle"), [("static", STATIC), ("visco", VISCO)])
def test_removal_agrees_with_runs(run: Run, name: str, middle: str) -> None:
    cases: list[Cube] = [
        (pressure(10),),
        (pressure(10, ",AMPLITUDE=A2"),),
        (pressure(10), pressure(4, ",OP=NEW")),
        (pressure(10, ",AMPLITUDE=A1"), pressure(4)),
        ("*DLOAD\nE{k},P2,10", "", "*DLOAD,OP=NEW\nE{k},GRAV,1,0,0,1"),
        ("*DLOAD\nE{k},GRAV,10,0,0,1",),
        ("*DLOAD\nE{k},CENTRIF,9,0,0,-1,0,1,0",),
    ]
    check_cubes(run, f"removed_{name}", cases, (STATIC, middle, STATIC))
    warm: list[Cube] = [
        ("*TEMPERATURE\nALL{k},120",),
        ("*TEMPERATURE,AMPLITUDE=A1\nALL{k},120",),
        ("*TEMPERATURE,AMPLITUDE=A2\nALL{k},120",),
        ("*TEMPERATURE\nALL{k},120", "*TEMPERATURE,OP=NEW\nALL{k},60"),
    ]
    check_cubes(run, f"cooled_{name}", warm, (STATIC, middle, STATIC))


def test_a_linear_deck_is_solved_once_per_step(run: Run) -> None:
    text = cubes([(pressure(10), pressure(4)), (pressure(10, ",AMPLITUDE=A1"),)], (STATIC, VISCO))
    path = run("linear", text.replace("*PLASTIC\n1e6,0.\n", ""))
    assert opened(path).times.tolist() == READER.read_deck(path).loading.times.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("increment", [".3", ".3333333", ".7", ".1428", ".1666667", "1."])
def test_fixed_increments(run: Run, increment: str) -> None:
    path = run(f"fixed{increment}", cubes([(pressure(10),)], (f"*STATIC,DIRECT\n{increment},1.\n",)))
    np.testing.assert_array_equal(opened(path).times, READER.read_deck(path).loading.times)
    rows = path.with_suffix(".sta").read_text().splitlines()[2:]
    assert len(rows) == len(READER.read_deck(path).loading.times) - 1


@pytest.mark.parametrize("name", ["th_C3D10_cr", "th_C3D20", "th_C3D20R_cr", "th_C3D8", "p_iso", "c_norton"])
def test_prescribed_values_of_stored_decks(run: Run, name: str) -> None:
    path = run_shared(run, name)
    found, deck = opened(path), READER.read_deck(path)
    check_prescribed(deck, found, 1e-12)
    if not deck.times_from_results:
        np.testing.assert_array_equal(found.times, deck.loading.times)


ROWS = "2e5,.3,20.\n2e5,.3,300.\n2e5,.3,600."


@pytest.mark.parametrize("rows", [ROWS, "2e5,.3", "2e5,.3,20.", "2e5,.3,20.\n2e5,.3,600.", "2e5,.3,100.\n2e5,.3,500."])
def test_creep_between_temperatures(run: Run, rows: str) -> None:
    text = shared("calculix", "creep_Tpoints.inp").read_text()
    path = run("creep_" + re.sub(r"\W", "_", rows), text.replace(ROWS, rows))
    (material,) = READER.read_deck(path).materials
    factor, exponent = material.parameters["A"], material.parameters["n"]
    assert isinstance(exponent, float)
    factor = float(np.interp(300.0, *np.transpose(factor))) if isinstance(factor, list) else float(str(factor))
    found = opened(path)
    rate = (found.read("p", 3) - found.read("p", 2))[0, 0]
    assert rate == pytest.approx(factor * 100.0**exponent, rel=1e-5)


def test_creep_floor(run: Run) -> None:
    path = run_shared(run, "creep_A_floor")
    (material,) = READER.read_deck(path).materials
    assert material.parameters["A"] == 1e-20
    found = opened(path)
    assert found.read("p", 2)[0, 0] == pytest.approx(1e-20 * 100.0**4)


def test_every_stored_deck_is_read_or_refused_in_words() -> None:
    refused = {}
    for path in sorted(shared("calculix").glob("*.inp")):
        try:
            loading = READER.read_deck(path).loading
            assert isinstance(loading, Loading)
        except ReaderError as error:
            refused[path.stem] = str(error)
    assert set(refused) == {
        "ic_plastic_strain", "ic_solution", "matrixstorage", "nl_kin_0.25", "p_comb", "p_kin", "r1_n2s", "r2_n2s",
        "s_single_crystal_1", "s_single_crystal_creep_1", "uni_kin_ortho",
    }  # fmt: skip
    assert all(re.match(r"\S+\.inp(:\d+)?: ", text) for text in refused.values())
