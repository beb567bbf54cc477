"""`mpiexec -n 2 romtool operators build`: complex matrices, what goes wrong, and what is missing."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from tests.cli.small_case import romtool
from tests.mpi.cases import COMMAND, on_ranks
from tests.operators.problems import cavity, export

CASE = """
case.name = "cavity"
parameters = [{ name = "k", range = [1.0, 12.0] }]
operator = { functions = ["1", "k**2", "1j*k"], files = "A-{}.npz" }
rhs.file = "b.npy"
basis = { problem = "general", tolerance = 1e-5 }
validation = { samples = 10, files = "unseen/A-{}.npz" }
"""


@pytest.fixture
def case(tmp_path) -> Path:
    """Return a case of complex symmetric, indefinite matrices with its exported files."""
    exported = cavity(60)
    case = tmp_path / "case.toml"
    case.write_text(CASE)
    np.save(tmp_path / "b.npy", exported.rhs)
    assert romtool("operators", "select", case).code == 0
    export(case, exported)
    return case


def test_complex_matrices_on_two_ranks(case):
    pytest.importorskip("petsc4py")
    folder = case.parent
    assert on_ranks(2, "operators", "build", case, "-o", folder / "two", "-q").code == 0
    assert romtool("operators", "build", case, "-o", folder / "one", "-q").code == 0
    one, two = (romtool("operators", "solve", folder / m, "--at", "k=7.3", "--json").json for m in ("one", "two"))
    np.testing.assert_allclose(two["answers"][0]["norm"], one["answers"][0]["norm"], rtol=1e-9)
    np.testing.assert_allclose(two["answers"][0]["bound"], one["answers"][0]["bound"], rtol=1e-3)
    found = romtool("operators", "validate", folder / "two", case, "-q", "--json").json["errors"]
    assert found["solution"]["max"] <= 1e-5
    assert found["solution"]["indicator"]["covered"] == 1.0


def test_a_singular_matrix_is_named_once(case):
    pytest.importorskip("petsc4py")
    path = case.parent / "A-0002.npz"
    matrix = sparse.load_npz(path)
    matrix.data[matrix.indptr[4] : matrix.indptr[5]] = 0.0
    sparse.save_npz(path, matrix)
    done = on_ranks(2, "operators", "build", case, "-o", case.parent / "m", "-q")
    assert done.code == 2
    assert len(done.errors) == 1
    assert "A-0002.npz: A at k = " in done.errors[0]
    assert not (case.parent / "m").exists()


def test_without_petsc_it_is_a_missing_part(case):
    script = f"import sys; sys.modules['petsc4py'] = None; {COMMAND}"
    done = on_ranks(2, "operators", "build", case, "-o", case.parent / "m", "-q", script=script)
    assert done.code == 3
    assert "install petsc4py, or use one rank" in done.errors[0]
