"""Strain, stress and cumulated plastic strain recomputed from the displacements of Z-set and CalculiX.

Z-set writes float32: 5e-7 of the largest value is its round-off. CalculiX' displacements are double precision
here; its `.dat` has 7 digits, and a linear law amplifies the rounding of a strain difference.
"""

import pytest

from tests.external.histories import recomputed_deviations
from tests.fem.calculix_runs import run_calculix
from tests.shared_data import shared


def test_zset_viscoplastic_cube():
    folder = shared("zset", "MecaSequential")
    found = recomputed_deviations(folder / "cube.inp", folder / "cube.ut")
    assert found.keys() == {"strain", "stress", "p"}
    for largest, norm in found.values():
        assert norm < 5e-7
        assert largest < 8e-7


def test_zset_plastic_cube():
    # strains reach 230 %: float32 displacements times Young's modulus leave 2e-5 of the largest stress
    folder = shared("zset", "MecaSequentialSimpleMises")
    found = recomputed_deviations(folder / "cube.inp", folder / "cube.ut")
    assert max(found["strain"]) < 5e-7
    assert max(found["p"]) < 5e-7
    assert max(found["stress"]) < 8e-5


def test_zset_tetrahedra():
    # displacements of 1e-3 on elements of 1/12: float32 leaves 1e-6 of the largest strain
    folder = shared("zset", "MecaSequentialTetra")
    found = recomputed_deviations(folder / "cube.inp", folder / "cube.ut")
    assert max(found["strain"]) < 2e-6
    assert max(found["stress"]) < 5e-6
    assert max(found["p"]) < 5e-6


@pytest.mark.parametrize(
    ("name", "stress", "p"),
    [
        ("p_iso", 1.5e-7, 1.5e-7),
        ("c_norton", 4e-7, 1e-7),
        ("c_timeh", 8e-7, 1e-7),
        ("c_visc", 4e-7, 1.5e-7),
        ("th_C3D8", 6e-7, 4e-7),
        ("th_C3D10_cr", 6e-7, 4e-7),
        ("th_C3D20", 6e-7, 4e-7),
        ("th_C3D20R_cr", 6e-7, 4e-7),
        *((f"elem_{cell}", 5e-7, 4e-7) for cell in ("C3D4", "C3D6", "C3D8", "C3D10", "C3D15", "C3D20", "C3D20R")),
    ],
)
def test_calculix(name, stress, p, tmp_path):
    results = run_calculix(name, tmp_path)
    found = recomputed_deviations(results.with_suffix(".inp"), results)
    assert found["strain"][0] < 5e-7
    assert found["stress"][0] < stress
    assert found["p"][0] < p
