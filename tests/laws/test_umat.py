"""A UMAT of the equations of a built-in law gives what that law gives, through Abaqus' interface."""

import ctypes
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from romtool.errors import LawError
from romtool.laws import (
    build_sites,
    build_tables,
    elastic_tangent,
    evaluate,
    held_by,
    local_frames,
    named_by,
    open_plugins,
    plugins_of,
    state_fields,
    virgin_state,
)
from romtool.loading import Material, Orientation, Plugin
from tests.laws.reference import TWICE
from tests.umat_library import built_in, compiled, umat, umat_case

N_POINTS = 60
EULER = Orientation("euler", np.array([20.0, 40.0, 70.0]))


def history(material, n_steps=6, size=1e-3):
    """Return stress, state fields and tangent after random increments with changing temperature."""
    random, tables, rows = np.random.default_rng(0), build_tables([material]), np.zeros(N_POINTS, dtype=np.int64)
    frames = local_frames([material], rows, rows, np.zeros((N_POINTS, 3)))
    sites = build_sites(tables, rows, np.full(N_POINTS, 20.0), frames=frames)
    state, strain = virgin_state(tables, sites), np.zeros((N_POINTS, 6))
    stress, tangent = np.zeros((N_POINTS, 6)), np.zeros((N_POINTS, 6, 6))
    for i in range(n_steps):
        strain += size * random.normal(size=(N_POINTS, 6))
        before, state = state, np.empty_like(state)
        heat = 20.0 + 60.0 * (i + 1) * random.uniform(size=N_POINTS)
        assert evaluate(tables, sites, heat, i, i + 1.0, True, strain, before, state, stress, tangent) == 0
    return stress, {name: state[:, columns] for name, columns in state_fields(tables).items()}, tangent


def gap(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_equal_to_the_built_in_law():
    (stress, state, tangent), (known, known_state, known_tangent) = history(umat()), history(built_in())
    assert list(state) == ["p", "inelastic_strain", "alpha_1"]
    assert known_state["p"].max() > 1e-3
    assert gap(stress, known) < 1e-12
    assert gap(tangent, known_tangent) < 1e-11
    for name, values in known_state.items():
        assert gap(state[name], values) < 1e-12


def test_in_local_axes_an_isotropic_umat_gives_the_same_stress():
    (stress, state, tangent), (known, known_state, known_tangent) = history(umat(EULER)), history(umat())
    assert gap(stress, known) < 1e-12
    assert gap(tangent, known_tangent) < 1e-11
    assert gap(state["p"], known_state["p"]) < 1e-12
    assert gap(state["inelastic_strain"], known_state["inelastic_strain"]) > 0.1  # theirs are in local axes


def test_elastic_moduli_of_unstressed_material():
    tables, heat = build_tables([umat()]), np.full(2, 300.0)
    sites = build_sites(tables, np.zeros(2, dtype=np.int64), heat)
    own = build_tables([built_in()])
    expected = elastic_tangent(own, build_sites(own, np.zeros(2, dtype=np.int64), heat), heat)
    np.testing.assert_allclose(elastic_tangent(tables, sites, heat), expected, rtol=1e-13, atol=1e-6)


def test_a_smaller_increment_is_asked_for_by_pnewdt():
    tables, rows = build_tables([umat()]), np.zeros(3, dtype=np.int64)
    sites = build_sites(tables, rows, np.full(3, 20.0))
    state, strain = virgin_state(tables, sites), np.zeros((3, 6))
    strain[1, 0] = 0.06
    new, stress, tangent = np.empty_like(state), np.zeros((3, 6)), np.zeros((3, 6, 6))
    assert evaluate(tables, sites, sites.initial, 0.0, 1.0, True, strain, state, new, stress, tangent) == 2
    assert evaluate(tables, sites, sites.initial, 0.0, 1.0, True, 0.5 * strain, state, new, stress, tangent) == 0


SPY = """
subroutine umat(stress, statev, ddsdde, sse, spd, scd, rpl, ddsddt, drplde, drpldt, stran, dstran, time, dtime, &
                temp, dtemp, predef, dpred, cmname, ndi, nshr, ntens, nstatv, props, nprops, coords, drot, pnewdt, &
                celent, dfgrd0, dfgrd1, noel, npt, layer, kspt, jstep, kinc)
  implicit none
  integer :: ndi, nshr, ntens, nstatv, nprops, noel, npt, layer, kspt, jstep(4), kinc
  character(len=80) :: cmname
  double precision :: stress(ntens), statev(nstatv), ddsdde(ntens, ntens), sse, spd, scd, rpl, ddsddt(ntens)
  double precision :: drplde(ntens), drpldt, stran(ntens), dstran(ntens), time(2), dtime, temp, dtemp, predef(1)
  double precision :: dpred(1), props(nprops), coords(3), drot(3, 3), pnewdt, celent, dfgrd0(3, 3), dfgrd1(3, 3)
  if (cmname /= "SPY" .or. ndi /= 3 .or. nshr /= 3 .or. ntens /= 6) pnewdt = 0.5d0
  if (nprops /= 2 .or. nstatv /= 26 .or. any(jstep /= 1) .or. drot(2, 2) /= 1d0) pnewdt = 0.5d0
  sse = sse + 1d0
  spd = spd + 2d0
  scd = scd + 3d0
  stress = stress + props(1) * dstran
  ddsdde = 0d0
  statev(1) = statev(1) + props(2)
  statev(2:4) = (/ dble(noel), dble(npt), dble(kinc) /)
  statev(5:8) = (/ time(1), time(2), dtime, celent /)
  statev(9:10) = (/ temp, dtemp /)
  statev(11:13) = coords
  statev(14:19) = stran
  statev(20:25) = dstran
  statev(26) = sse + 10d0 * spd + 100d0 * scd + 1000d0 * (dfgrd0(1, 1) + dfgrd1(3, 3)) + predef(1) + dpred(1)
end subroutine umat
"""


@pytest.fixture(scope="module")
def spy(tmp_path_factory):
    """A UMAT that writes its arguments to its state variables."""
    umat_case()
    folder = tmp_path_factory.mktemp("spy")
    (folder / "spy.f90").write_text(SPY)
    command = ["gfortran", "-shared", "-fPIC", "-o", folder / "libspy.so", folder / "spy.f90"]
    subprocess.run(command, check=True)
    plugin = Plugin(str(folder / "libspy.so"), "umat", "SPY", 26, {"seen": (1, 26)}, {"1": 100.0, "2": 7.0})
    material = Material("all", "umat", {"expansion": 1e-3}, plugin=plugin)
    open_plugins(named_by([material]))
    return material


def test_every_argument_arrives(spy):
    tables = build_tables([spy])
    sites = build_sites(
        tables, np.zeros(1, dtype=np.int64), np.array([20.0]), np.array([[77, 2]]), np.array([[1.0, 2.0, 3.0]])
    )
    state, stress, tangent = virgin_state(tables, sites), np.zeros((1, 6)), np.zeros((1, 6, 6))
    first = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    for i, (heat, strain) in enumerate(((30.0, first), (50.0, 3.0 * first))):
        before, state = state, np.empty_like(state)
        times = (2.0 * i, 2.0 * i + 2.0)
        assert evaluate(tables, sites, np.array([heat]), *times, True, strain, before, state, stress, tangent) == 0
    seen = state[0, state_fields(tables)["seen"]]
    np.testing.assert_array_equal(seen[:8], [14.0, 77.0, 3.0, 2.0, 2.0, 2.0, 2.0, 1.0])
    np.testing.assert_array_equal(seen[8:13], [30.0, 20.0, 1.0, 2.0, 3.0])
    # mechanical strain in the order 11 22 33 12 13 23 with engineering shear; eps_th = 0.03, then 0.05
    start = np.array([0.97, 1.97, 2.97, 8.0, 12.0, 10.0])
    np.testing.assert_allclose(seen[13:19], start, rtol=1e-14)
    np.testing.assert_allclose(seen[19:25], [1.98, 3.98, 5.98, 16.0, 24.0, 20.0], rtol=1e-14)
    assert seen[25] == 2.0 + 40.0 + 600.0 + 2000.0
    end = 3.0 * first[0] * TWICE - 0.05 * (TWICE < 1.5)
    np.testing.assert_allclose(stress[0], 100.0 * end, rtol=1e-14)


def test_what_is_kept_of_the_start_is_not_shown(spy):
    tables = build_tables([spy, built_in()])
    assert list(state_fields(tables)) == ["p", "inelastic_strain", "alpha_1", "seen"]
    assert int(tables.n_state[0]) == 13 + 26 + 17


def test_a_library_is_loaded_only_where_it_is_asked_for(tmp_path):
    library = tmp_path / "libother.so"
    library.write_bytes(compiled().read_bytes())
    material = umat()
    other = replace(material, plugin=replace(material.plugin, library=str(library), digest="of another file"))
    tables = build_tables([other])
    with pytest.raises(LawError, match=r"needs the library .*libother.so, which is not loaded: .* --allow-plugin"):
        build_sites(tables, np.zeros(1, dtype=np.int64), np.zeros(1))
    (remark,) = open_plugins(held_by(tables))
    assert "is not the library that the model was trained with" in remark
    build_sites(tables, np.zeros(1, dtype=np.int64), np.zeros(1))
    assert plugins_of(tables) == (other.plugin,)


def test_a_library_is_found_beside_the_model(tmp_path):
    (tmp_path / "libmoved.so").write_bytes(compiled().read_bytes())
    moved = replace(umat().plugin, library=str(tmp_path / "gone" / "libmoved.so"))
    with pytest.raises(LawError, match=r"gone/libmoved.so: no such library"):
        open_plugins([("umat", moved)])
    assert open_plugins([("umat", moved)], tmp_path) == []


def test_libraries_that_cannot_be_called(tmp_path):
    text = tmp_path / "text.so"
    text.write_text("no library")
    plugin = umat().plugin
    with pytest.raises(LawError, match=r"text.so: cannot be loaded as a shared library"):
        open_plugins([("umat", replace(plugin, library=str(text)))])
    with pytest.raises(LawError, match=r"has no function 'umatt' or 'umatt_'; name it by the key `function`"):
        open_plugins([("umat", replace(plugin, function="umatt"))])
    assert open_plugins([("umat", replace(plugin, function="umat_"))]) == []


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({"p": (1, 1), "damage": (1, 2)}, "state 'damage' is number 1 to 2 of 13"),
        ({"damage": (13, 14)}, "number 13 to 14 of 13"),
        ({"damage": (3, 2)}, "number 3 to 2"),
        ({"p": (1, 2)}, "state 'p' has 2 components"),
        ({"inelastic_strain": (1, 5)}, "has 5 components"),
        ({"_hidden": (1, 1)}, "a state is named '_hidden'"),
    ],
)
def test_names_of_states_must_fit(states, words):
    plugin = Plugin("x.so", "umat", "ALL", 13, states)
    with pytest.raises(LawError, match=words):
        build_tables([Material("all", "umat", {}, plugin=plugin)])


def test_only_some_laws_have_a_library():
    plugin = Plugin("x.so", "umat")
    with pytest.raises(LawError, match="a library is given; laws 'umat' and 'mgis' have one"):
        build_tables([Material("all", "elastic", {"young": 1.0, "poisson": 0.3}, plugin=plugin)])
    with pytest.raises(LawError, match="no library is given"):
        build_tables([Material("all", "umat", {})])


def test_addresses_are_those_of_the_process():
    tables = build_tables([built_in(), umat()])
    sites = build_sites(tables, np.zeros(1, dtype=np.int64), np.zeros(1))
    function = ctypes.CDLL(str(compiled())).umat_
    assert sites.addresses.tolist() == [0, ctypes.cast(function, ctypes.c_void_p).value]
