"""Validation in words, and tables that reproduce the given ones exactly."""

import h5py
import numpy as np
import pytest
from numba import njit, typeof

from romtool.errors import LawError
from romtool.laws import (
    LAWS,
    PARAMETERS,
    LawTables,
    build_sites,
    build_tables,
    elastic_tangent,
    evaluate,
    state_fields,
    state_size,
    thermal_strain,
)
from romtool.loading import Material, Orientation
from tests.laws.materials import MATERIALS
from tests.laws.reference import Run

MODULI = {"young": 2e5, "poisson": 0.3}
CURVE = [[0.0, 200.0], [0.1, 300.0]]
ORTHOTROPIC = {
    "E1": 3.0,
    "E2": 1.0,
    "E3": 1.0,
    "nu12": 0.1,
    "nu23": 0.1,
    "nu13": 0.1,
    "G12": 1.0,
    "G23": 1.0,
    "G13": 1.0,
}
SLIP = {"K": 100.0, "n": 5.0, "r0": 10.0}
CUBE = {"cubic_K": 100.0, "cubic_n": 5.0, "cubic_r0": 10.0}

WRONG = [
    ("plastik", {}, ["unknown law", "'plastic'"]),
    ("zzz", {}, ["unknown law", "pick one of elastic"]),
    ("elastic", {"young": 2e5}, ["'poisson'", "missing"]),
    ("elastic", {**MODULI, "yuong": 1.0}, ["unknown parameter 'yuong'", "'young'"]),
    ("elastic", {**MODULI, "R0": 1.0}, ["unknown parameter 'R0'"]),
    ("elastic", {**MODULI, "young": 0.0}, ["'young' is 0", "greater than 0"]),
    ("elastic", {**MODULI, "young": [[20.0, 1e5], [100.0, -1.0]]}, ["'young' is -1 at temperature 100"]),
    ("elastic", {**MODULI, "poisson": 0.5}, ["'poisson' is 0.5", "greater than -1 and less than 0.5"]),
    ("elastic", {**MODULI, "poisson": -1.0}, ["'poisson' is -1"]),
    ("elastic", {**MODULI, "expansion": float("nan")}, ["'expansion' is nan", "finite"]),
    ("elastic", {**MODULI, "young": "stiff"}, ["'young' is 'stiff'", "numbers"]),
    ("elastic", {**MODULI, "young": True}, ["'young' is True"]),
    ("elastic", {**MODULI, "young": []}, ["'young' is []", "number or [[T, value]"]),
    ("elastic", {**MODULI, "young": [1.0, 2.0, 3.0]}, ["'young'", "number or [[T, value]"]),
    ("elastic", {**MODULI, "young": [[0.0, 1.0], [2.0]]}, ["'young'", "numbers"]),
    ("elastic", {**MODULI, "young": [[20.0, 1e5], [20.0, 2e5]]}, ["'young'", "20 follows 20"]),
    ("elastic", {**MODULI, "young": [[float("inf"), 1e5]]}, ["'young'", "temperatures", "finite"]),
    ("plastic", MODULI, ["yield stress is missing", "'hardening'"]),
    ("plastic", {**MODULI, "R0": -1.0}, ["'R0' is -1", "at least 0"]),
    ("plastic", {**MODULI, "R0": 1.0, "H": -5.0}, ["'H' is -5"]),
    ("plastic", {**MODULI, "R0": 1.0, "hardening": CURVE}, ["both 'hardening' and 'R0'"]),
    ("plastic", {**MODULI, "R0": 1.0, "D": [1.0]}, ["'D' is given without 'C'"]),
    ("plastic", {**MODULI, "R0": 1.0, "C": [1.0, 2.0], "D": [1.0]}, ["'C' has 2 terms and 'D' has 1"]),
    ("plastic", {**MODULI, "R0": 1.0, "C": [1.0, -2.0]}, ["'C' is -2", "at least 0"]),
    ("plastic", {**MODULI, "R0": 1.0, "C": [1.0], "D": [float("inf")]}, ["'D' is inf"]),
    ("plastic", {**MODULI, "hardening": 5.0}, ["'hardening' is 5.0", "[[p, stress]"]),
    ("plastic", {**MODULI, "hardening": [[[1.0, 2.0], CURVE]]}, ["'hardening' is [[[1.0, 2.0],", "[[p, stress]"]),
    ("plastic", {**MODULI, "hardening": [[20.0, CURVE], [100.0, 5.0]]}, ["has a curve 5.0"]),
    ("plastic", {**MODULI, "hardening": np.zeros((3, 3))}, ["'hardening' is array([[0."]),
    ("plastic", {**MODULI, "R0": 1.0, "C": None}, ["'C' is None", "numbers"]),
    ("plastic", {**MODULI, "hardening": [[0.01, 200.0]]}, ["starts at p = 0.01", "p = 0"]),
    ("plastic", {**MODULI, "hardening": [[0.0, 1.0], [0.0, 2.0]]}, ["abscissae p must increase", "0 follows 0"]),
    ("plastic", {**MODULI, "hardening": [[0.0, 1.0], [0.1, -2.0]]}, ["stress -2 at p = 0.1", "at least 0"]),
    ("plastic", {**MODULI, "hardening": [[50.0, CURVE], [20.0, CURVE]]}, ["temperatures", "20 follows 50"]),
    ("plastic", {**MODULI, "hardening": [[50.0, [[0.0]]]]}, ["has a curve [[0.0]]"]),
    ("plastic", {**MODULI, "hardening": [[0.0, 900.0], [0.001, 1.0]]}, ["slope -899000", "-3 G"]),
    ("viscoplastic_norton_af", {**MODULI, "R0": 1.0, "n": 5.0}, ["'K' (stress time^(1/n)) is missing"]),
    ("viscoplastic_norton_af", {**MODULI, "R0": 1.0, "n": 5.0, "K": 0.0}, ["'K' is 0", "greater than 0"]),
    ("viscoplastic_norton_af", {**MODULI, "R0": 1.0, "n": 0.5, "K": 9.0}, ["'n' is 0.5", "at least 1"]),
    ("creep_norton", {**MODULI, "A": -1.0, "n": 3.0}, ["'A' is -1", "at least 0"]),
    ("creep_time_hardening", {**MODULI, "A": 1.0, "n": 3.0}, ["'m'", "missing"]),
    ("creep_time_hardening", {**MODULI, "A": 1.0, "n": 3.0, "m": -1.0}, ["'m' is -1", "greater than -1"]),
    ("plastic_creep", {**MODULI, "A": 1.0, "n": 3.0, "R0": 1.0, "C": [1.0]}, ["unknown parameter 'C'"]),
    ("plastic", {**MODULI, "R0": 1.0, "Q": [5.0]}, ["'Q' is given without 'b'"]),
    ("plastic", {**MODULI, "R0": 1.0, "Q": [5.0, 1.0], "b": [1.0]}, ["'Q' has 2 terms and 'b' has 1"]),
    ("plastic", {**MODULI, "R0": 10.0, "Q": [-20.0], "b": [1.0]}, ["'Q' brings the yield stress to -10"]),
    ("plastic", {**MODULI, "R0": 10.0, "Q": [-5.0], "b": [1e5]}, ["'b' falls with slope -500000", "-3 G"]),
    ("plastic", {**MODULI, "R0": 1.0, "B": 5.0}, ["'B' is given without 'N'"]),
    ("plastic", {**MODULI, "R0": 1.0, "B": 5.0, "N": 1.5}, ["'N' is 1.5", "less than 1"]),
    ("plastic", {**MODULI, "hardening": CURVE, "Q": [1.0], "b": [1.0]}, ["both 'hardening' and"]),
    ("creep_norton", {**MODULI, "A": 1.0, "n": 3.0, "threshold": -1.0}, ["'threshold' is -1"]),
    ("elastic_cubic", {"c11": 1.0, "c12": 2.0, "c44": 1.0}, ["no positive energy", "c11 > c12"]),
    ("elastic_cubic", {"c11": [[0.0, 3.0], [9.0, 1.0]], "c12": 2.0, "c44": 1.0}, ["no positive energy"]),
    ("elastic_orthotropic", {**ORTHOTROPIC, "nu12": 5.0}, ["no positive energy", "nu12 = -eps2/eps1"]),
    ("elastic_orthotropic", {**ORTHOTROPIC, "G13": 0.0}, ["'G13' is 0"]),
    (
        "single_crystal",
        {**MODULI, **SLIP, "c11": 3.0},
        ["both of the alternatives", "c11, c12, c44, or young, poisson"],
    ),
    ("single_crystal", SLIP, ["none of the alternatives"]),
    ("single_crystal", {"c11": 3.0, "c12": 1.0, **SLIP}, ["'c44'", "missing"]),
    ("single_crystal", {**MODULI, **SLIP, "q": 1.0}, ["'q' is given without 'beta'"]),
    ("single_crystal", {**MODULI, **SLIP, "q": 1.0, "beta": 1.0, "h": [1.0]}, ["'h' is [1.0]", "6 numbers"]),
    ("single_crystal", {**MODULI, **SLIP, "cubic_K": 1.0}, ["'cubic_K' is given without 'cubic_n'"]),
    ("single_crystal", {**MODULI, **SLIP, "cubic_c": 1.0}, ["'cubic_c' is given without 'cubic_K'"]),
    ("single_crystal", {**MODULI, **SLIP, **CUBE, "rate": 1.0}, ["'rate' and 'cubic_rate'"]),
]


@pytest.mark.parametrize(("law", "parameters", "words"), WRONG)
def test_wrong_parameters_are_named(law, parameters, words):
    with pytest.raises(LawError) as error:
        build_tables([Material("blade", law, parameters)])
    for word in ["'blade'", f"'{law}'", *words]:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_wrong_reference_temperature_and_no_material():
    with pytest.raises(LawError, match="reference temperature is nan"):
        build_tables([Material("all", "elastic", MODULI, reference_temperature=float("nan"))])
    with pytest.raises(LawError, match="no material"):
        build_tables([])


def test_an_orientation_belongs_to_laws_with_directions():
    turned = Orientation("euler", np.zeros(3))
    with pytest.raises(LawError, match="an orientation is given, but the law has no directions"):
        build_tables([Material("all", "elastic", MODULI, orientation=turned)])
    build_tables([Material("all", "elastic_cubic", {"c11": 3.0, "c12": 1.0, "c44": 1.0}, orientation=turned)])


def test_every_law_states_its_parameters_with_units():
    assert LAWS["plastic_creep"].parameters["m"] == "optional"
    assert LAWS["plastic"].parameters["hardening"] == "stress over p, instead of R0, H"
    for law in LAWS.values():
        assert set(law.parameters) <= set(PARAMETERS)
        assert law.description.endswith(".")


def test_state_fields_are_common_to_all_materials():
    tables = build_tables([MATERIALS["elastic"], MATERIALS["plastic kinematic"], MATERIALS["viscoplastic"]])
    assert state_size(tables) == 19
    assert list(state_fields(tables)) == ["p", "inelastic_strain", "alpha_1", "alpha_2"]
    assert state_fields(tables)["alpha_2"] == slice(13, 19)
    assert state_size(build_tables([MATERIALS["elastic"]])) == 7


@pytest.mark.parametrize("given", [np.array, list, tuple])
def test_lists_arrays_and_tuples_are_the_same(given):
    rows = [[20.0, 1e5], [600.0, 2e4]]
    parameters = {**MODULI, "R0": 1.0, "C": given(rows), "D": given([5.0])}
    tables = build_tables([Material("all", "plastic", parameters)])
    np.testing.assert_array_equal(tables.values[:, -2:], [[1e5, 5.0], [2e4, 5.0]])
    np.testing.assert_array_equal(tables.temperatures, [20.0, 600.0])


def test_scalar_arrays_are_numbers():
    tables = build_tables([Material("all", "elastic", {"young": np.array(2e5), "poisson": np.float64(0.3)})])
    np.testing.assert_array_equal(tables.values[0, :2], [2e5, 0.3])


def test_constant_tables_are_one_row():
    young = [[0.0, 2e5], [2000.0, 2e5]]
    tables = build_tables([Material("all", "elastic", {**MODULI, "young": young})])
    assert tables.temperatures.shape == (1,)


def test_mixed_materials_give_what_each_gives_alone():
    names = list(MATERIALS)
    tables = build_tables([MATERIALS[name] for name in names])
    random = np.random.default_rng(0)
    n_points, n_state = 60, state_size(tables)
    rows = random.integers(0, len(names), n_points)
    strain, hot = 3e-3 * random.normal(size=(n_points, 6)), random.uniform(0.0, 700.0, n_points)
    state, stress = np.zeros((n_points, n_state)), np.zeros((n_points, 6))
    tangent = np.zeros((n_points, 6, 6))
    sites = build_sites(tables, rows, hot)
    arguments = (tables, sites, hot, 0.0, 1.0, True, strain, np.zeros((n_points, n_state)))
    assert evaluate(*arguments, state, stress, tangent) == 0
    for k, name in enumerate(names):
        mine = np.flatnonzero(rows == k)
        run = Run(MATERIALS[name], len(mine))
        run.step(strain[mine], hot[mine], (0.0, 1.0))
        np.testing.assert_array_equal(run.stress, stress[mine])
        np.testing.assert_array_equal(run.tangent, tangent[mine])
        np.testing.assert_array_equal(run.state, state[mine][:, : run.state.shape[1]])
        assert not state[mine][:, run.state.shape[1] :].any()


def test_without_tangent_the_stress_is_the_same():
    run = Run(MATERIALS["viscoplastic"], 3)
    strain = 4e-3 * np.random.default_rng(0).normal(size=(3, 6))
    run.call(strain, 100.0, (0.0, 1.0))
    stress, run.tangent = run.stress.copy(), np.zeros((0, 6, 6))
    run.call(strain, 100.0, (0.0, 1.0))
    np.testing.assert_array_equal(run.stress, stress)


def test_no_points():
    run = Run(MATERIALS["viscoplastic"], 0)
    run.step(np.zeros((0, 6)), np.zeros(0), (0.0, 1.0))
    sites = build_sites(run.tables, run.rows, np.zeros(0))
    assert elastic_tangent(run.tables, sites, np.zeros(0)).shape == (0, 6, 6)
    assert sites.offset.shape == (0, 3)


@pytest.mark.parametrize("where", ["strain", "temperature", "state", "overflow"])
def test_first_point_that_fails_is_returned(where):
    tables, rows = build_tables([MATERIALS["viscoplastic"]]), np.zeros(4, dtype=np.int64)
    strain, hot, state = np.zeros((4, 6)), np.full(4, 100.0), np.zeros((4, 13))
    strain[2, 1] = {"strain": np.nan, "overflow": 1e200}.get(where, 1e-3)
    hot[2] = np.nan if where == "temperature" else 100.0
    state[2, 0] = np.nan if where == "state" else 0.0
    outputs = (np.zeros((4, 13)), np.zeros((4, 6)), np.zeros((4, 6, 6)))
    sites = build_sites(tables, rows, np.zeros(4))
    assert evaluate(tables, sites, hot, 0.0, 1.0, True, strain, state, *outputs) == 3


def test_arrays_that_do_not_fit_are_refused():
    tables, rows = build_tables([MATERIALS["viscoplastic"]]), np.zeros(4, dtype=np.int64)
    sites = build_sites(tables, rows, np.zeros(4), frames=np.tile(np.eye(3), (4, 1, 1)))
    good = {
        "temperature": np.zeros(4),
        "strain": np.zeros((4, 6)),
        "state_n": np.zeros((4, 13)),
        "state_n1": np.zeros((4, 13)),
        "stress": np.zeros((4, 6)),
        "tangent": np.zeros((4, 6, 6)),
    }
    shorter = {name: np.zeros((3, *array.shape[1:]), array.dtype) for name, array in good.items()}
    wrong = [(sites, good | {name: array}) for name, array in shorter.items()]
    wrong.append((sites._replace(material=np.full(4, 1)), good))
    for name in ("offset", "frames", "ids", "coordinates"):
        wrong.append((sites._replace(**{name: getattr(sites, name)[:3].copy()}), good))
    wrong.append((sites._replace(addresses=np.zeros(2, dtype=np.int64)), good))
    for points, arrays in wrong:
        hot, *fields = arrays.values()
        with pytest.raises(ValueError, match=r"must have the shape|does not have|do not have"):
            evaluate(tables, points, hot, 0.0, 1.0, True, *fields)


def test_tables_survive_hdf5_and_compiled_callers(tmp_path):
    tables = build_tables([MATERIALS["viscoplastic curve"], MATERIALS["elastic"]])
    with h5py.File(tmp_path / "laws.h5", "w") as file:
        for name, array in tables._asdict().items():
            file[name] = array
    with h5py.File(tmp_path / "laws.h5") as file:
        read = LawTables(**{name: file[name][()] for name in LawTables._fields})
    for field, array in tables._asdict().items():
        np.testing.assert_array_equal(getattr(read, field), array)
    assert state_fields(read) == state_fields(tables)
    assert typeof(read) == typeof(tables)  # else all kernels are compiled twice, for the training and for its model
    heat, expected = np.array([20.0, 600.0]), [0.0, 1.5e-5 * 580.0]
    np.testing.assert_allclose(compiled_caller(read, np.array([1, 1]), heat), expected, rtol=1e-14)


@njit
def compiled_caller(tables, rows, temperatures):
    return thermal_strain(tables, rows, temperatures)[:, 0]
