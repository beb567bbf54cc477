"""Real files of Z-set: what they hold, and that the mechanics in them hold together.

The finite-element formulas here are the test's own: they know nothing of the package's elements.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from romtool.cells import CELLS
from romtool.convert.zset import READER, is_deck
from romtool.convert.zset_mesh import read_mesh
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import Floats, SolverResults
from tests.shared_data import shared

CASES = ("MecaSequential", "MecaSequentialSimpleMises", "MecaSequentialTetra")
CORNERS = np.array([[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
EDGES = np.array([[0, 1], [1, 2], [2, 0], [0, 3], [1, 3], [2, 3]])


def results(case: str) -> SolverResults:
    return READER.read(shared("zset", case, "cube.ut"))


def deck(case: str, name: str = "cube.inp") -> Deck:
    return READER.read_deck(shared("zset", case, name))


def corner_points(found: SolverResults) -> tuple[np.ndarray, Floats]:
    """Return connectivity (n, m) and node coordinates (n, m, 3) of the only block."""
    (block,) = found.mesh.blocks
    return block.connectivity, found.mesh.points[block.connectivity]


def hexahedron_gradients(x: Floats) -> tuple[Floats, Floats]:
    """Return dN/dx (n, 8 points, 8 nodes, 3) and weights (n, 8) of 2x2x2 points, xi fastest."""
    one = 1.0 / np.sqrt(3.0)
    points = np.array([(a, b, c) for c in (-one, one) for b in (-one, one) for a in (-one, one)])
    factors = 1.0 + CORNERS * points[:, None]
    local = np.empty((8, 8, 3))
    for k in range(3):
        others = [i for i in range(3) if i != k]
        local[:, :, k] = CORNERS[:, k] * factors[:, :, others].prod(axis=2) / 8.0
    jacobian = np.einsum("gai,naj->ngij", local, x)
    return np.einsum("gai,ngji->ngaj", local, np.linalg.inv(jacobian)), np.linalg.det(jacobian)


def tetrahedron_gradients(x: Floats) -> tuple[Floats, Floats]:
    """Return dN/dx (n, 5 points, 10 nodes, 3) and weights of straight tetrahedra, Z-set's five points."""
    system = np.concatenate([np.ones((len(x), 4, 1)), x[:, :4]], axis=2)
    slopes = np.linalg.inv(system)[:, 1:].transpose(0, 2, 1)
    volume = np.linalg.det(system) / 6.0
    lam = np.vstack([np.full((4, 4), 1.0 / 6.0) + np.eye(4) / 3.0, np.full((1, 4), 0.25)])
    corners = (4.0 * lam - 1.0)[None, :, :, None] * slopes[:, None]
    a, b = EDGES.T
    middles = 4.0 * (lam[None][:, :, a, None] * slopes[:, None, b] + lam[None][:, :, b, None] * slopes[:, None, a])
    return np.concatenate([corners, middles], axis=2), volume[:, None] * np.array([0.45] * 4 + [-0.8])


def shape_functions(n_nodes: int) -> Floats:
    """Return N (n_points, n_nodes) at the points of the two functions above."""
    if n_nodes == 8:
        one = 1.0 / np.sqrt(3.0)
        points = np.array([(a, b, c) for c in (-one, one) for b in (-one, one) for a in (-one, one)])
        return np.asarray((1.0 + CORNERS * points[:, None]).prod(axis=2) / 8.0)
    lam = np.vstack([np.full((4, 4), 1.0 / 6.0) + np.eye(4) / 3.0, np.full((1, 4), 0.25)])
    return np.hstack([lam * (2.0 * lam - 1.0), 4.0 * lam[:, EDGES[:, 0]] * lam[:, EDGES[:, 1]]])


def gradients(found: SolverResults) -> tuple[np.ndarray, Floats, Floats]:
    connectivity, x = corner_points(found)
    slopes, weights = (hexahedron_gradients if x.shape[1] == 8 else tetrahedron_gradients)(x)
    return connectivity, slopes, weights


def tensor(rows: Floats) -> Floats:
    """Return (n, 3, 3) of rows xx yy zz xy yz zx."""
    return rows[:, [0, 3, 5, 3, 1, 4, 5, 4, 2]].reshape(-1, 3, 3)


@pytest.mark.parametrize(
    ("parts", "n_nodes", "n_elements", "kind", "faces"),
    [
        (("zset", "MecaSequential", "cube.geof"), 343, 216, "hex8", 36),
        (("zset", "MecaParallel", "cube-pmeshes", "cube-001.geof"), 196, 108, "hex8", 18),
        (("zset", "MecaParallel", "cube-pmeshes", "cube-002.geof"), 196, 108, "hex8", 18),
        (("zset", "MecaSequentialTetra", "cube.geo"), 1981, 1080, "tet10_5", 72),
        (("solver-files", "zset", "cube.geof"), 343, 216, "hex8", 36),
    ],
)
def test_meshes(parts: tuple[str, ...], n_nodes: int, n_elements: int, kind: str, faces: int) -> None:
    ordered = read_mesh(shared(*parts))
    mesh = ordered.mesh
    (block,) = mesh.blocks
    assert (mesh.n_nodes, mesh.n_elements, block.formulation) == (n_nodes, n_elements, kind)
    assert np.all(np.diff(mesh.node_ids) > 0)
    assert len(mesh.node_sets) == 45
    assert len(mesh.side_sets["x0"]) == len(mesh.side_sets["x1"]) == faces
    assert np.all(ordered.orientations["x1"] == 1)
    assert np.all(mesh.points[mesh.node_sets["x1"], 0] == 1.0)


def test_element_sets_and_interior_faces() -> None:
    mesh = read_mesh(shared("zset", "MecaSequential", "cube.geof")).mesh
    assert {name: len(ids) for name, ids in mesh.element_sets.items()} == {
        "ELAS": 108, "EVP": 108, "domain000": 108, "domain001": 108
    }  # fmt: skip
    assert len(mesh.side_sets["px0"]) == 16
    assert np.sort(np.concatenate([mesh.element_sets["ELAS"], mesh.element_sets["EVP"]])).tolist() == list(range(216))


def test_binary_mesh_has_straight_edges_and_the_volume_of_the_cube() -> None:
    ordered = read_mesh(shared("zset", "MecaSequentialTetra", "cube.geo"))
    x = ordered.mesh.points[ordered.mesh.blocks[0].connectivity]
    middle = (x[:, EDGES[:, 0]] + x[:, EDGES[:, 1]]) / 2.0
    assert np.abs(x[:, 4:] - middle).max() < 1e-15
    volumes = np.linalg.det(x[:, 1:4] - x[:, :1]) / 6.0
    assert volumes.min() > 0.0
    assert volumes.sum() == pytest.approx(1.0, abs=1e-13)
    # the old quadrangles of px0 stand on no tetrahedron
    assert "px0" not in ordered.mesh.side_sets
    assert len(ordered.mesh.node_sets["px0"]) == 81
    assert "'px0'" in ordered.warnings[0]


@pytest.mark.parametrize("case", CASES)
def test_strain_is_the_symmetric_gradient_of_the_displacement(case: str) -> None:
    """Proves node order, point order and component order at once, to the precision of float32."""
    found = results(case)
    connectivity, slopes, _ = gradients(found)
    for i in range(1, len(found.times), 2):
        gradient = np.einsum("naj,ngak->ngjk", found.read("u", i)[connectivity], slopes)
        strain = (gradient + gradient.swapaxes(-1, -2)).reshape(-1, 3, 3) / 2.0
        stored = tensor(found.read("strain", i))
        assert np.abs(strain - stored).max() < 2e-6 * np.abs(stored).max()


@pytest.mark.parametrize("case", CASES)
def test_internal_force_is_the_integral_of_the_stress(case: str) -> None:
    found = results(case)
    connectivity, slopes, weights = gradients(found)
    last = len(found.times) - 1
    stress = tensor(found.read("stress", last)).reshape(*weights.shape, 3, 3)
    forces = np.einsum("ng,ngij,ngaj->nai", weights, stress, slopes)
    total = np.zeros((found.mesh.n_nodes, 3))
    np.add.at(total, connectivity, forces)
    stored = found.read("internal_force", last)
    assert np.linalg.norm(total - stored) < 1e-6 * np.linalg.norm(stored)


@pytest.mark.parametrize("case", ["MecaSequential", "MecaSequentialTetra"])
def test_pressure_of_the_stress_shows_the_thermal_strain(case: str) -> None:
    """tr(sig) = 3 K (tr(eps) - 3 eps_th), eps_th = alpha (T - T_ref) - alpha (T_0 - T_ref).

    MecaSequentialTetra starts at 100 with T_ref = 20: the term at the initial temperature is there.
    """
    found, given = results(case), deck(case)
    (material,) = given.materials
    alpha = np.array(material.parameters["expansion"])[0, 1]
    young, poisson = 2.0e5, 0.3
    entries = given.loading.temperature.entries
    fields = np.array([entry.value for entry in entries])
    i = 2
    part = np.interp(found.times[i], [entry.time for entry in entries[:2]], [0.0, 1.0])
    temperature = (1.0 - part) * fields[0] + part * fields[1]
    connectivity, x = corner_points(found)
    shape = shape_functions(x.shape[1])
    rise = ((temperature - given.loading.temperature.initial)[connectivity] @ shape.T).reshape(-1)
    traces = [found.read(name, i)[:, :3].sum(axis=1) for name in ("strain", "stress")]
    thermal = (traces[0] - traces[1] * (1.0 - 2.0 * poisson) / young) / 3.0
    assert material.from_initial
    assert np.abs(thermal - alpha * rise).max() < 1e-6 * np.abs(thermal).max()


@pytest.mark.parametrize("case", CASES)
def test_deck_increments_are_the_output_times(case: str) -> None:
    found, given = results(case), deck(case)
    assert given.results == (shared("zset", case, "cube.ut"),)
    assert np.abs(given.loading.times - found.times).max() < 1e-14
    assert given.mesh is not None
    assert np.array_equal(given.mesh.points, found.mesh.points)


@pytest.mark.parametrize("case", CASES)
def test_results_start_at_rest_and_flow(case: str) -> None:
    found = results(case)
    names = {"u", "internal_force", "strain", "stress", "p"}
    assert names < set(found.fields)
    for name in names:
        assert not found.read(name, 0).any()
    p = [found.read("p", i) for i in range(len(found.times))]
    assert all(np.all(later >= before) for before, later in pairwise(p))
    assert p[-1].max() > 0.0
    assert found.read("stress_nodal", 1).shape == (found.mesh.n_nodes, 6)


@pytest.mark.parametrize("case", CASES)
def test_loads_of_the_deck_balance_the_internal_force(case: str) -> None:
    """int sig:eps(v) = int -p n.v + int rho omega^2 r.v on free nodes, to the convergence Z-set was asked for."""
    found, given = results(case), deck(case)
    last = len(found.times) - 1
    time = float(found.times[last])
    applied = np.zeros((found.mesh.n_nodes, 3))
    for load in given.loading.loads:
        amplitude = given.loading.amplitude(load.table, time)
        if load.kind == "pressure":
            add_pressure(applied, found, load.region, amplitude * np.asarray(load.value))
        else:
            density, point = given.materials[0].density, load.point
            assert density is not None
            assert point is not None
            add_rotation(applied, found, density * (float(load.value) * amplitude) ** 2, point)
    unbalance = found.read("internal_force", last) - applied
    for support in given.loading.dirichlet:
        unbalance[found.mesh.node_sets[support.nodes], support.components[0]] = 0.0
    assert np.linalg.norm(unbalance) < (1e-4 if case.endswith("Tetra") else 4e-6) * np.linalg.norm(applied)


def add_pressure(forces: Floats, found: SolverResults, region: str, pressure: Floats) -> None:
    """Add -p n N dS of flat faces on x = 1 (n = x) with one pressure each."""
    (block,) = found.mesh.blocks
    sides = found.mesh.side_sets[region]
    faces = np.array(CELLS[block.cell_type].faces)[sides[:, 1]]
    nodes = np.take_along_axis(block.connectivity[sides[:, 0]], faces, axis=1)
    parts = np.array([0.25] * 4 if nodes.shape[1] == 4 else [0.0] * 3 + [1.0 / 3.0] * 3)
    np.add.at(forces[:, 0], nodes, -pressure[:, None] / len(sides) * parts)


def add_rotation(forces: Floats, found: SolverResults, intensity: float, point: Floats) -> None:
    """Add intensity r N dV about an axis along z through `point`."""
    connectivity, x = corner_points(found)
    shape, weights = shape_functions(x.shape[1]), gradients(found)[2]
    arm = np.einsum("ga,nai->ngi", shape, x) - point
    arm[:, :, 2] = 0.0
    np.add.at(forces, connectivity, intensity * np.einsum("ng,ga,ngi->nai", weights, shape, arm))


def test_second_deck_cycles_four_times() -> None:
    loading = deck("MecaSequential", "cube2.inp").loading
    assert len(loading.times) == 41
    assert loading.times[-1] == 8.0
    assert {table.name: table.cycles for table in loading.tables} == {"pressure": 4, "rotation": 4}
    assert loading.amplitude("rotation", 6.5) == pytest.approx(0.3)
    assert loading.temperature.cycles == 4
    assert deck("MecaSequential", "cube2.inp").results == ()


def test_parallel_deck_and_its_pieces() -> None:
    given = deck("MecaParallel")
    assert [path.name for path in given.results] == ["cube-001.ut", "cube-002.ut"]
    assert not given.warnings
    pieces = [READER.read(shared("zset", "MecaParallel", f"cube-00{k}.ut")) for k in (1, 2)]
    assert np.allclose(given.loading.times, pieces[0].times, atol=1e-15)
    ids, first, second = np.intersect1d(*(piece.mesh.node_ids for piece in pieces), return_indices=True)
    assert len(ids) == 49
    last = [piece.read("u", 10) for piece in pieces]
    assert np.abs(last[0][first] - last[1][second]).max() < 1e-9 * np.abs(last[0]).max()


def test_simple_mises_deck() -> None:
    (material,) = deck("MecaSequentialSimpleMises").materials
    assert (material.law, material.density) == ("plastic", 1e-8)
    assert material.parameters == {"young": 2e5, "poisson": 0.2, "R0": 10.0, "H": 100.0}
    assert not material.from_initial


def test_decks_are_told_from_mesher_files() -> None:
    decks = sorted(path for path in shared("zset").glob("*/*.inp") if is_deck(path))
    assert [path.name for path in decks] == ["cube.inp", "cube.inp", "cube2.inp", "cube.inp", "cube.inp"]


def test_crystal_results_keep_their_names() -> None:
    found = READER.read(shared("solver-files", "zset", "cube.ut"))
    assert found.times.tolist() == [0.0, 0.1, 0.15, 0.2]
    tensors = {name for name, info in found.fields.items() if info.location == "point" and len(info.components) == 6}
    assert tensors == {"strain", "stress", "ein", "evi", "cui"}
    assert found.fields["gamev11"].components == ("",)
    # the total inelastic strain is a tensor without trace
    assert np.abs(found.read("ein", 3)[:, :3].sum(axis=1)).max() < 1e-6 * np.abs(found.read("ein", 3)).max() + 1e-12


def test_nodal_temperature_file() -> None:
    found = READER.read(shared("zset", "MecaSequential", "temperature2.ut"))
    assert list(found.fields) == ["T"]
    assert found.read("T", 0).max() == 400.0
    other = READER.read(
        shared("zset", "MecaSequentialTetra", "temperature2.ut")
    )  # names cube.geof, beside it is cube.geo
    assert list(other.fields) == ["T"]
    assert len(other.read("T", 0)) == other.mesh.n_nodes


def test_cut_results_say_how_long_they_are(tmp_path: Path) -> None:
    for name in ("cube.ut", "cube.geof", "cube.node"):
        (tmp_path / name).write_bytes(shared("zset", "MecaSequential", name).read_bytes())
    data = (tmp_path / "cube.node").read_bytes()
    (tmp_path / "cube.node").write_bytes(data[:50000])
    with pytest.raises(ReaderError, match=r"50000 bytes found, 90552 expected .11 times, 6 fields, 343 nodes."):
        READER.read(tmp_path / "cube.ut")
