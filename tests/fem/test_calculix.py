"""Operators and loads against CalculiX' own output: strains, internal forces, load vectors."""

import numpy as np
import pytest

from romtool.convert.calculix_results import read_results
from romtool.fem.assembly import assemble_tangent, build_pattern
from romtool.fem.checks import check_mesh
from romtool.fem.loads import load_shape, pressure_matrices
from romtool.fem.operators import build_operators, internal_force, strain
from romtool.loading import Load
from tests.fem.calculix_runs import run_calculix
from tests.fem.test_operators import isotropic
from tests.shared_data import shared

DAT_DIGITS = 5e-7
OUTPUT_FORCES = ("DOUBLE\nU\n", "DOUBLE\nU, RF\n")
ELEMENTS_OF = {
    "C3D4": "tet4",
    "C3D6": "wedge6",
    "C3D8": "hex8_mean",
    "C3D10": "tet10",
    "C3D15": "wedge15",
    "C3D20": "hex20_corner",
    "C3D20R": "hex20r",
}


def deviation(found, expected) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("solver_type", ELEMENTS_OF)
def test_strain_and_internal_force_of_every_element(solver_type, tmp_path):
    results = read_results(run_calculix(f"elem_{solver_type}", tmp_path, OUTPUT_FORCES))
    check_mesh(results.mesh)
    operators = build_operators(results.mesh)
    assert [block.formulation for block in results.mesh.blocks] == [ELEMENTS_OF[solver_type]]
    last = len(results.times) - 1
    found = strain(operators, results.read("u", last))
    assert deviation(found, results.read("strain", last)) < DAT_DIGITS
    force = internal_force(operators, results.read("stress", last))
    assert deviation(force, results.read("internal_force", last)) < DAT_DIGITS
    assert deviation(operators.coordinates, results.read("COORD", last)) < DAT_DIGITS


LOADS = {
    "centrif_C3D10": Load(
        "spin",
        "centrifugal",
        "all",
        1e3,
        point=np.array([-0.3, 0.2, 0.1]),
        axis=np.array([0.0, 0.447213595499958, 0.894427190999916]),
    ),
    "grav_C3D10": Load("weight", "body", "all", 8e-9 * 9810.0 * np.array([0.6, 0.0, -0.8])),
    "dsload_C3D10": Load("push", "pressure", "SP", 3.0),
}


@pytest.mark.parametrize("name", LOADS)
def test_forces_in_double_precision(name, tmp_path):
    results = read_results(run_calculix(name, tmp_path))
    operators = build_operators(results.mesh)
    last = len(results.times) - 1
    u, expected = results.read("u", last), results.read("internal_force", last)
    matrix = assemble_tangent(
        build_pattern(operators), np.broadcast_to(isotropic(210000.0), (operators.n_points, 6, 6))
    )
    assert deviation((matrix @ u.ravel()).reshape(-1, 3), expected) < 1e-13
    free = np.ones(operators.n_nodes, dtype=bool)
    free[results.mesh.node_sets["BOT"]] = False
    force = load_shape(operators, LOADS[name], np.full(operators.mesh.n_elements, 8e-9))
    assert np.abs((force - expected)[free]).max() < 1e-12 * np.abs(expected).max()


def test_strain_of_zset_results():
    from romtool.convert.zset_results import open_results

    for case, floor in (("MecaSequential", 5e-7), ("MecaSequentialTetra", 1.1e-6)):  # float32 displacements
        results = open_results(shared("zset", case, "cube.ut"))
        operators = build_operators(results.mesh)
        assert deviation(strain(operators, results.read("u", 5)), results.read("strain", 5)) < floor
        force = internal_force(operators, results.read("stress", 5))
        assert deviation(force, results.read("internal_force", 5)) < 3e-7


def test_pressure_of_zset_per_face():
    from romtool.convert.zset_results import open_results

    for case in ("MecaSequential", "MecaSequentialTetra"):
        results = open_results(shared("zset", case, "cube.ut"))
        matrix, _ = pressure_matrices(results.mesh, "x1")
        per_face = np.fromfile(shared("zset", case, "pressure.node"), ">f4").astype(float)
        assert matrix.shape == (3 * results.mesh.n_nodes, len(per_face))
        force = (matrix @ per_face).reshape(-1, 3).sum(axis=0)
        np.testing.assert_allclose(force, [-per_face.sum() / len(per_face), 0.0, 0.0], rtol=1e-6, atol=1e-9)
