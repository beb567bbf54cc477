"""Anisotropic elasticity, local axes, slip systems, and the conventions of thermal expansion."""

import numpy as np
import pytest
from scipy.integrate import quad

from romtool.errors import LawError
from romtool.laws import build_tables, local_frames, thermal_strain
from romtool.laws.driver import LawPath, drive
from romtool.laws.sample import Span, build_sample, respond, virgin
from romtool.laws.slip import INTERACTION, ORIENTATION, SYSTEMS
from romtool.loading import Material, Orientation

MODULI = {"E1": 140e3, "E2": 10e3, "E3": 12e3, "nu12": 0.3, "nu23": 0.4, "nu13": 0.28}
MODULI |= {"G12": 5e3, "G23": 3.5e3, "G13": 4e3}
CUBIC = {"c11": 250e3, "c12": 160e3, "c44": 120e3}


def answer(material, strain, heat=20.0):
    sample = build_sample(material, np.array([20.0]))
    return respond(sample, virgin(sample), np.atleast_2d(np.asarray(strain, dtype=float)), np.array([heat]), Span(0, 1))


def stress_test(material, component):
    """Return the strain of a unit stress in one component."""
    values = np.zeros((2, 6))
    values[1, component] = 1.0
    path = LawPath(np.array([0.0, 1.0]), np.full(2, 20.0), np.zeros(6, dtype=bool), values)
    return drive(material, path).strain[-1]


def test_orthotropic_moduli_are_those_of_uniaxial_tests():
    material = Material("all", "elastic_orthotropic", MODULI)
    expected = np.diag([1 / 140e3, 1 / 10e3, 1 / 12e3, 0.5 / 5e3, 0.5 / 3.5e3, 0.5 / 4e3])
    expected[0, 1] = expected[1, 0] = -0.3 / 140e3
    expected[0, 2] = expected[2, 0] = -0.28 / 140e3
    expected[1, 2] = expected[2, 1] = -0.4 / 10e3
    found = np.array([stress_test(material, component) for component in range(6)])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-16)


def test_cubic_young_modulus_depends_on_the_direction():
    """1/E = S11 - 2 (S11 - S12 - S44/2) (l²m² + m²n² + n²l²), Nye, Physical Properties of Crystals."""
    c11, c12, c44 = CUBIC.values()
    s11 = (c11 + c12) / ((c11 - c12) * (c11 + 2 * c12))
    s12, s44 = -c12 / ((c11 - c12) * (c11 + 2 * c12)), 1 / c44
    for direction in ([1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 2, 3]):
        unit = np.array(direction) / np.linalg.norm(direction)
        # the global x is this direction of the crystal: columns of the frame are the global axes in the crystal's
        turn = np.linalg.qr(np.column_stack([unit, np.eye(3)[:, :2] + 0.1]))[0]
        turn *= np.sign(turn[:, 0] @ unit)
        frame = turn if np.linalg.det(turn) > 0 else turn * np.array([1.0, 1.0, -1.0])
        orientation = Orientation("axes", frame[:2])
        strain = stress_test(Material("all", "elastic_cubic", CUBIC, orientation=orientation), 0)
        squares = unit**2
        mixed = squares[0] * squares[1] + squares[1] * squares[2] + squares[2] * squares[0]
        assert strain[0] == pytest.approx(s11 - 2 * (s11 - s12 - s44 / 2) * mixed, rel=1e-9)


def test_isotropic_constants_give_the_isotropic_law():
    young, poisson = 2e5, 0.3
    shear, lame = young / 2.6, young * poisson / (1.3 * 0.4)
    strain = np.array([1e-3, -2e-4, 3e-4, 4e-4, -5e-4, 6e-4])
    expected = answer(Material("all", "elastic", {"young": young, "poisson": poisson}), strain)
    cubic = {"c11": lame + 2 * shear, "c12": lame, "c44": shear}
    three = dict.fromkeys(("E1", "E2", "E3"), young) | dict.fromkeys(("nu12", "nu23", "nu13"), poisson)
    three |= dict.fromkeys(("G12", "G23", "G13"), shear)
    for law, parameters in (("elastic_cubic", cubic), ("elastic_orthotropic", three)):
        found = answer(
            Material("all", law, parameters, orientation=Orientation("euler", np.array([10, 20, 30.0]))), strain
        )
        np.testing.assert_allclose(found.stress, expected.stress, rtol=1e-12)
        np.testing.assert_allclose(found.tangent, expected.tangent, rtol=1e-11, atol=1e-6)


def frames(orientation, ids=(1, 2), points=((1.0, 0.0, 0.0), (0.0, 2.0, 5.0))):
    material = Material("all", "elastic_cubic", CUBIC, orientation=orientation)
    return local_frames([material], np.zeros(len(ids), dtype=np.int64), np.array(ids), np.array(points))


def test_frames_are_rotations():
    table = np.array([[2, 30.0, 60.0, 90.0], [1, 0.0, 0.0, 0.0]])
    for orientation in (
        Orientation("axes", np.array([[1.0, 1.0, 0.0], [0.0, 3.0, 1.0]])),
        Orientation("euler", np.array([30.0, 60.0, 90.0])),
        Orientation("cylindrical", np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0]])),
        Orientation("elements", table),
    ):
        for frame in frames(orientation):
            np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-15)
            assert np.linalg.det(frame) == pytest.approx(1.0)


def test_what_the_frames_are():
    axes = frames(Orientation("axes", np.array([[0.0, 2.0, 0.0], [0.0, 1.0, 3.0]])))[0]
    np.testing.assert_allclose(axes, [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-15)
    about_z = frames(Orientation("euler", np.array([30.0, 0.0, 0.0])))[0]
    np.testing.assert_allclose(about_z[0], [np.sqrt(0.75), 0.5, 0.0], atol=1e-15)
    cylinder = frames(Orientation("cylindrical", np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0]])))
    np.testing.assert_allclose(cylinder[1], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-15)
    single = frames(Orientation("elements", np.array([[2, 30.0, 0.0, 0.0], [1, 0.0, 0.0, 0.0]])))
    np.testing.assert_allclose(single[0], np.eye(3), atol=1e-15)
    np.testing.assert_allclose(single[1], about_z, atol=1e-15)


@pytest.mark.parametrize(
    ("orientation", "words"),
    [
        (Orientation("axes", np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])), "are parallel or zero"),
        (Orientation("cylindrical", np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])), "element 1 has a point on the axis"),
        (Orientation("elements", np.array([[1, 0.0, 0.0, 0.0]])), "element 2 has no orientation"),
    ],
)
def test_frames_that_cannot_be(orientation, words):
    with pytest.raises(LawError, match=words):
        frames(orientation)


def test_slip_systems():
    for normal, direction in SYSTEMS:
        assert np.linalg.norm(normal) == pytest.approx(1.0)
        assert np.linalg.norm(direction) == pytest.approx(1.0)
        assert normal @ direction == pytest.approx(0.0)
    assert np.linalg.matrix_rank(ORIENTATION[:12]) == 5  # any change of shape, no change of volume
    assert (
        len({tuple(np.round(row, 9)) for row in ORIENTATION} | {tuple(np.round(-row, 9)) for row in ORIENTATION}) == 36
    )
    # itself, 2 coplanar, 1 collinear, 2 Hirth, 4 glissile, 2 Lomer: Franciosi and Zaoui, Acta Metall. 1982
    for row in INTERACTION:
        assert np.bincount(row, minlength=6).tolist() == [1, 2, 1, 2, 4, 2]
    assert np.array_equal(INTERACTION, INTERACTION.T)


def test_eight_octahedral_systems_slip_in_tension_along_a_cube_axis():
    material = Material("all", "single_crystal", {**CUBIC, "K": 100.0, "n": 5.0, "r0": 40.0})
    times = np.linspace(0.0, 1.0, 11)
    values = np.zeros((11, 6))
    values[1:, 0] = 200.0
    history = drive(material, LawPath(times, np.full(11, 20.0), np.zeros(6, dtype=bool), values))
    slip = history.column("cumulated_slip")[-1]
    rate = ((200.0 / np.sqrt(6.0) - 40.0) / 100.0) ** 5
    np.testing.assert_allclose(np.sort(slip)[:4], 0.0, atol=1e-12)
    np.testing.assert_allclose(np.sort(slip)[4:], rate, rtol=1e-9)
    strain = history.column("inelastic_strain")[-1]
    np.testing.assert_allclose(strain, 8 * rate / np.sqrt(6.0) * np.array([1, -0.5, -0.5, 0, 0, 0]), atol=1e-12)


def test_hyperbolic_slip():
    parameters = {**CUBIC, "K": 30.0, "n": 2.0, "r0": 40.0, "rate": 1e-4}
    times = np.linspace(0.0, 1.0, 11)
    values = np.zeros((11, 6))
    values[1:, 0] = 200.0
    path = LawPath(times, np.full(11, 20.0), np.zeros(6, dtype=bool), values)
    slip = drive(Material("all", "single_crystal", parameters), path).column("cumulated_slip")[-1]
    assert slip.max() == pytest.approx(1e-4 * np.sinh((200.0 / np.sqrt(6.0) - 40.0) / 30.0) ** 2, rel=1e-9)


TABLE = [[0.0, 1.0e-5], [200.0, 1.4e-5], [700.0, 2.0e-5]]


def alpha(temperature):
    return np.interp(temperature, *np.transpose(TABLE))


def expansion(temperatures, reference, **options):
    material = Material(
        "all", "elastic", {"young": 1.0, "poisson": 0.0, "expansion": TABLE}, None, reference, **options
    )
    temperatures = np.asarray(temperatures, dtype=float)
    return thermal_strain(build_tables([material]), np.zeros(len(temperatures), dtype=np.int64), temperatures)[:, 0]


HEAT = np.array([-100.0, 0.0, 20.0, 150.0, 200.0, 333.0, 700.0, 900.0])


@pytest.mark.parametrize("reference", [-50.0, 20.0, 200.0, 800.0])
def test_secant_expansion(reference):
    np.testing.assert_allclose(expansion(HEAT, reference), alpha(HEAT) * (HEAT - reference), rtol=1e-13, atol=1e-19)


@pytest.mark.parametrize("reference", [-50.0, 20.0, 200.0, 800.0])
def test_instantaneous_expansion(reference):
    exact = [quad(alpha, reference, heat, points=[0.0, 200.0, 700.0], limit=200)[0] for heat in HEAT]
    np.testing.assert_allclose(expansion(HEAT, reference, convention="instantaneous"), exact, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("reference", [-50.0, 20.0, 800.0])
def test_mean_expansion(reference):
    """Coefficients from T_d = 100: lengths at two temperatures are both in terms of that at T_d."""
    length = 1.0 + alpha(HEAT) * (HEAT - 100.0)
    start = 1.0 + alpha(reference) * (reference - 100.0)
    found = expansion(HEAT, reference, convention="mean", definition_temperature=100.0)
    np.testing.assert_allclose(found, length / start - 1.0, rtol=1e-12, atol=1e-17)


def test_expansion_along_local_axes():
    more = {"alpha1": 1e-5, "alpha2": [[20.0, 2e-5], [120.0, 3e-5]], "alpha3": -1e-6}
    turned = Orientation("axes", np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    material = Material("all", "elastic_orthotropic", MODULI | more, None, 20.0, orientation=turned)
    free = np.array([-1e-6, 1e-5, 3e-5, 0, 0, 0]) * 100.0
    np.testing.assert_allclose(answer(material, free, 120.0).stress, 0.0, atol=1e-9)
