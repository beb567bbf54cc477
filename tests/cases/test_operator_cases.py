"""The operator cases: their discretisations agree with exact solutions, and each goes through the package."""

import re
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import integrate
from scipy.sparse.linalg import spsolve

from romtool.linalg.reduction import SerialComm
from romtool.operators.model import OperatorModel
from romtool.pipeline.operator_validation import validate
from romtool.pipeline.operators import build, select

CASES = Path(__file__).parents[2] / "cases" / "operators"


def module_of(folder: str, name: str) -> ModuleType:
    """Import a file of a case; `make.py`, which every case has, under a name of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(CASES / folder), *sys.path])
        if name != "make":
            return import_module(name)
        spec = spec_from_file_location(f"make_{folder}", CASES / folder / "make.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture(scope="module")
def bem() -> ModuleType:
    return module_of("scattering", "bem")


@pytest.mark.parametrize("k", [1.0, np.pi, 4.4934094579, 7.0])
def test_boundary_elements_converge_to_the_series_of_the_sphere(bem, k):
    coarse, fine = bem.sphere_error(3, k), bem.sphere_error(6, k)
    assert fine < 0.6 * coarse
    assert fine < 0.008 * k


def test_no_irregular_frequency_spoils_the_matrix(bem):
    surface = bem.ellipsoid(4)
    conditions = [np.linalg.cond(bem.assemble(surface, k)) for k in (3.0, np.pi, 3.2, 4.4, 4.4934094579, 5.7634591969)]
    assert max(conditions) < 10


def test_the_body_is_closed_with_normals_outwards(bem):
    surface = bem.ellipsoid(5, (1.0, 0.7, 0.4))
    vectors = surface.areas[:, None] * surface.normals
    assert np.abs(vectors.sum(axis=0)).max() < 1e-12
    volume = np.einsum("tx,tx->", surface.centres, vectors) / 3
    assert volume == pytest.approx(4 / 3 * np.pi * 0.7 * 0.4, rel=0.02)
    assert bem.ellipsoid(5).areas.sum() == pytest.approx(4 * np.pi)


def test_the_angular_integral_is_that_of_the_hypersingular_kernel(bem):
    """Beyond a disk the kernel is regular: polygon minus disk by quadrature, disk exactly."""
    corners = np.array([[[-0.3, -0.2, 0.0], [0.5, -0.1, 0.0], [-0.2, 0.3, 0.0]]])
    surface = bem.Surface(corners, corners.mean(axis=1), np.array([[0.0, 0.0, 1.0]]), np.array([0.2]))
    k, radius, centre = 3.0, 0.05, corners[0, :, :2].mean(axis=0)

    def edge_distance(angle: float) -> float:
        ray, distances = np.array([np.cos(angle), np.sin(angle)]), []
        for start, end in zip(corners[0, :, :2], np.roll(corners[0, :, :2], -1, axis=0), strict=True):
            matrix = np.column_stack((ray, start - end))
            t, s = np.linalg.solve(matrix, start - centre)
            distances += [t] if t > 0 and 0 <= s <= 1 else []
        return min(distances)

    def ring(angle: float) -> complex:
        """Integrate exp(ikr)(1 - ikr) / (4 pi r³) r dr from the disk to the edge: -exp(ikr) / (4 pi r)."""
        return (np.exp(1j * k * radius) / radius - np.exp(1j * k * (d := edge_distance(angle))) / d) / (4 * np.pi)

    disk = 0.5j * k - np.exp(1j * k * radius) / (2 * radius)
    parts = [integrate.quad(lambda a, f=f: f(ring(a)), 0, 2 * np.pi, limit=400)[0] for f in (np.real, np.imag)]
    assert bem._own_triangles(surface, k)[0] == pytest.approx(disk + complex(*parts), rel=1e-6)


def test_the_room_has_the_waves_of_a_duct():
    room = module_of("room", "room")
    k, t, length = 2.0, 0.1, room.SIZE[0]
    y = room.admittance(k, np.array(t))
    assert y.real > 0  # the layer absorbs
    wave = np.exp(1j * k * length)
    forth, back = np.linalg.solve([[wave * (1 - y), -(1 + y) / wave], [-1j * k, 1j * k]], [0.0, 1.0])
    errors = []
    for n in (20, 40):
        divisions = (n, n * 3 // 4)
        matrix = room.assemble(divisions, k, lambda y: np.full_like(y, t))
        assert abs(matrix - matrix.T).max() < 1e-14
        pressure = spsolve(matrix.tocsc(), room.piston(divisions, room.SIZE[1])).reshape(n + 1, -1)
        x = np.linspace(0, length, n + 1)[:, None]
        exact = forth * np.exp(1j * k * x) + back * np.exp(-1j * k * x)
        errors.append(np.abs(pressure - exact).max() / np.abs(exact).max())
    assert errors[1] < 3e-3
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.1)


def test_the_boundary_value_problem_has_the_exact_solution_of_constant_coefficients():
    bvp = module_of("bvp", "bvp")
    errors = []
    for n in (25, 50):
        matrix = bvp.assemble(n, lambda x: np.full_like(x, 2.0), lambda x: np.full_like(x, 8.0))
        x = np.arange(1, n) / n
        exact = (1 - np.cosh(2 * (x - 0.5)) / np.cosh(1.0)) / 8
        errors.append(np.abs(spsolve(matrix.tocsc(), bvp.load(n)) - exact).max())
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.05)
    assert errors[1] < 1e-4 * exact.max()
    varying = bvp.assemble(50, lambda x: bvp.diffusivity(0.4, x), lambda x: bvp.reaction(2.0, x))
    assert abs(varying - varying.T).max() == 0
    assert np.linalg.eigvalsh(varying.toarray()).min() > 0


def validated(name: str, folder: Path, *size: object, n_unseen: int = 5) -> tuple[OperatorModel, dict]:
    """Run a case at a small size through select, export, build and validate; return the model and the errors."""
    make = module_of(name, "make")
    make.write(folder, *size)
    case = folder / "case.toml"
    text = re.sub(r"(\[validation\]\nsamples = )\d+", rf"\g<1>{n_unseen}", case.read_text(encoding="utf-8"))
    text = re.sub(r"training = \d+", "training = 150", text)
    case.write_text(text, encoding="utf-8")
    select(case)
    make.write(folder, *size)
    model = build(case, folder / "model", lambda words: None, SerialComm())
    return model, validate(folder / "model", case, lambda words: None)["errors"]


def test_the_boundary_value_problem_through_the_package(tmp_path):
    model, errors = validated("bvp", tmp_path, 60, n_unseen=20)
    assert len(model.coefficients.parameters) <= 25
    assert errors["representation"]["max"] < 1e-10
    assert errors["solution"]["max"] < 1e-10
    assert errors["solution"]["bound"]["covered"] == 1.0
    assert errors["solution"]["bound"]["effectivity"]["median"] < 50


def test_the_scattering_through_the_package(tmp_path):
    model, errors = validated("scattering", tmp_path, 2, (1.0, 0.8, 0.6))
    assert len(model.coefficients.parameters) <= 20
    assert len(model.system.snapshots) <= 20
    assert errors["representation"]["max"] < 1e-7
    assert errors["solution"]["max"] < 1e-4


def test_the_room_through_the_package(tmp_path):
    _, errors = validated("room", tmp_path, (16, 12))
    assert errors["representation"]["max"] < 1e-10
    assert errors["solution"]["max"] < 1e-5


def test_the_covariance_through_the_package(tmp_path):
    model, errors = validated("covariance", tmp_path, 60)
    assert len(model.logdet.powers.parameters) == 12
    assert errors["logdet"]["max"] < 1e-5
    assert errors["inverse"]["max"] < 1e-3
