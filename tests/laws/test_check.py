"""Every law passes the checks that each must pass; laws that are wrong do not."""

import subprocess

import pytest

from romtool.laws import named_by, open_plugins
from romtool.laws.check import CHECKS, Path, check_law
from romtool.loading import Material, Plugin
from tests.laws.materials import DIRECTIONAL, MATERIALS
from tests.umat_library import umat, umat_case

HOT = Path(temperatures=(20.0, 550.0))
ALL = MATERIALS | DIRECTIONAL


def failures(findings):
    return {finding.name: finding.value for finding in findings if not finding.passed}


@pytest.mark.parametrize("name", ALL)
def test_every_law_passes(name):
    findings = check_law(ALL[name], HOT)
    assert failures(findings) == {}
    assert [finding.name for finding in findings] == [name for name, *_ in CHECKS]


def test_a_umat_passes():
    findings = check_law(umat(), HOT)
    assert failures(findings) == {}
    assert {name for name, *_ in CHECKS} - {finding.name for finding in findings} == {"dissipation"}


WRONG = """
subroutine umat(stress, statev, ddsdde, sse, spd, scd, rpl, ddsddt, drplde, drpldt, stran, dstran, time, dtime, &
                temp, dtemp, predef, dpred, cmname, ndi, nshr, ntens, nstatv, props, nprops, coords, drot, pnewdt, &
                celent, dfgrd0, dfgrd1, noel, npt, layer, kspt, jstep, kinc)
  implicit none
  integer :: ndi, nshr, ntens, nstatv, nprops, noel, npt, layer, kspt, jstep(4), kinc, i
  character(len=80) :: cmname
  double precision :: stress(ntens), statev(nstatv), ddsdde(ntens, ntens), sse, spd, scd, rpl, ddsddt(ntens)
  double precision :: drplde(ntens), drpldt, stran(ntens), dstran(ntens), time(2), dtime, temp, dtemp, predef(1)
  double precision :: dpred(1), props(nprops), coords(3), drot(3, 3), pnewdt, celent, dfgrd0(3, 3), dfgrd1(3, 3)
  double precision, save :: calls = 0d0
  calls = calls + 1d0
  ddsdde = 0d0
  do i = 1, 6
    ddsdde(i, i) = 1d5
  end do
  stress = stress + 1d5 * dstran
  select case (cmname)
  case ("TANGENT")
    ddsdde(1, 1) = 1.01d5
  case ("WORK")
    stress = stress - 2d5 * dstran
    ddsdde = -ddsdde
  case ("ORDER")
    stress(1) = stress(1) + 1d2 * sqrt(dtime)
  case ("EXPANSION")
    stress(1) = stress(1) + dtemp
  case ("ZERO INCREMENT")
    statev(1) = statev(1) + 1d0
  case ("RESTART")
    stress(1) = stress(1) + 1d-6 * calls
  end select
end subroutine umat
"""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    umat_case()
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "wrong.f90").write_text(WRONG)
    library = folder / "libwrong.so"
    subprocess.run(["gfortran", "-shared", "-fPIC", "-o", library, folder / "wrong.f90"], check=True)

    def material(name):
        found = Material("all", "umat", {}, plugin=Plugin(str(library), "umat", name, 1, {"count": (1, 1)}))
        open_plugins(named_by([found]))
        return found

    return material


@pytest.mark.parametrize("name", ["tangent", "work", "expansion", "zero increment"])
def test_what_is_wrong_is_found(wrong, name):
    assert set(failures(check_law(wrong(name.upper()), HOT))) == {name}


def test_a_law_that_does_not_converge_with_the_step_is_found(wrong):
    assert "order" in failures(check_law(wrong("ORDER"), HOT))


def test_a_memory_between_calls_is_found(wrong):
    found = failures(check_law(wrong("RESTART"), HOT))
    assert {"restart", "batch"} <= set(found)


def test_the_wrong_laws_are_right_but_for_what_is_wrong(wrong):
    assert failures(check_law(wrong("NOTHING"), HOT)) == {}
