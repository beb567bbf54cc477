"""Laws through MGIS: with MFront itself where it is installed, else with a stand-in that keeps MGIS' contract."""

import shutil
import subprocess

import numpy as np
import pytest

from romtool.errors import LawError, MissingPartError
from romtool.fem.operators import build_operators
from romtool.hifi.march import solve
from romtool.hifi.problem import build_problem
from romtool.laws import build_tables, identify, named_by, open_plugins, state_fields
from romtool.laws.check import Path, check_law
from romtool.laws.sample import Span, build_sample, respond, virgin
from romtool.linalg.reduction import SerialComm
from romtool.loading import Material, Orientation, Plugin
from romtool.offline.train import Clock, train
from romtool.reduced.march import march_loading
from romtool.settings import NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests import fake_mgis
from tests.structures import box, thermal_cycle, training_set

NUMBERS = {"YoungModulus": 2e5, "PoissonRatio": 0.3, "HardeningSlope": 1500.0, "YieldStrength": 120.0}
EXPANSION = {"expansion": 1.5e-5}
OWN = Material("all", "plastic", {"young": 2e5, "poisson": 0.3, "R0": 120.0, "H": 1500.0, **EXPANSION}, 1e-8, 20.0)
EULER = Orientation("euler", np.array([20.0, 40.0, 70.0]))


def material(library, orientation=None, **changes):
    """Return the material of a behaviour, identified and open."""
    renamed = {"p": "EquivalentPlasticStrain"}
    given = {"function": "IsotropicLinearHardeningPlasticity", "properties": NUMBERS, "renamed": renamed} | changes
    plugin = Plugin(str(library), **given)
    found = identify(Material("all", "mgis", EXPANSION, 1e-8, 20.0, orientation=orientation, plugin=plugin))
    open_plugins(named_by([found]))
    return found


@pytest.fixture
def library(monkeypatch, tmp_path):
    fake_mgis.install(monkeypatch)
    path = tmp_path / "libBehaviour.so"
    path.write_bytes(b"")
    return path


def history(law, n_points=30):
    """Return the last answer of some random increments, and its shown states."""
    random, sample = np.random.default_rng(0), build_sample(law, np.full(n_points, 20.0))
    state, strain = virgin(sample), np.zeros((n_points, 6))
    for step in range(5):
        strain = strain + 1e-3 * random.normal(size=(n_points, 6))
        answer = respond(sample, state, strain, np.full(n_points, 50.0 * step), Span(step, step + 1.0))
        assert answer.failed == 0
        state = answer.state
    return answer, {name: sample.column(name, state) for name in state_fields(sample.tables)}


def gap(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_equal_to_the_built_in_law(library):
    (found, states), (own, own_states) = history(material(library)), history(OWN)
    assert gap(found.stress, own.stress) < 1e-13
    assert gap(found.tangent, own.tangent) < 1e-12
    assert gap(states["p"], own_states["p"]) < 1e-12
    assert states["ElasticStrain"].shape == (30, 6)
    elastic = np.array([own.stress @ np.eye(6)[i] for i in range(6)]).T
    trace = elastic[:, :3].sum(axis=1, keepdims=True)
    expected = (1.3 * elastic - 0.3 * trace * np.array([1, 1, 1, 0, 0, 0])) / 2e5
    assert gap(states["ElasticStrain"], expected) < 1e-12  # a tensor in romtool's own form


def test_in_local_axes(library):
    found, own = history(material(library, EULER))[0], history(OWN)[0]
    assert gap(found.stress, own.stress) < 1e-12
    assert gap(found.tangent, own.tangent) < 1e-11


def test_it_passes_the_checks(library):
    findings = check_law(material(library), Path(temperatures=(20.0, 300.0)))
    assert {finding.name: finding.value for finding in findings if not finding.passed} == {}


def test_beside_other_materials(library):
    """Points of several materials, mixed: each gets what it gets alone."""
    both = [OWN, material(library)]
    tables = build_tables(both)
    from romtool.laws import build_sites, evaluate, virgin_state

    rows = np.arange(20) % 2
    sites = build_sites(tables, rows, np.full(20, 20.0))
    state, stress = virgin_state(tables, sites), np.zeros((20, 6))
    strain = np.repeat(2e-3 * np.random.default_rng(1).normal(size=(10, 6)), 2, axis=0)
    new, tangent = np.empty_like(state), np.zeros((20, 6, 6))
    assert evaluate(tables, sites, sites.initial, 0.0, 1.0, True, strain, state, new, stress, tangent) == 0
    np.testing.assert_allclose(stress[::2], stress[1::2], rtol=0, atol=1e-11)
    np.testing.assert_allclose(tangent[::2], tangent[1::2], rtol=0, atol=1e-7)


def test_a_failed_or_unreliable_integration_fails_the_increment(library):
    sample = build_sample(material(library), np.full(3, 20.0))
    for strain in (0.2, np.inf):
        answer = respond(sample, virgin(sample), np.full((3, 6), strain), np.full(3, 20.0), Span(0.0, 1.0))
        assert answer.failed == 1


def test_solve_and_reduced_march(library):
    """The compiled march calls back once per evaluation, not per point."""
    mesh = box((3, 2, 2))
    loading, law = thermal_cycle(300.0, -60.0, 0.0, mesh), material(library)
    ends = []
    for entry in (law, OWN):
        state, _ = solve(build_problem(build_operators(mesh), (entry,), loading, NewtonSettings(1e-10)))
        ends.append(state)
    assert gap(ends[0].displacement, ends[1].displacement) < 1e-9
    assert ends[1].state[:, 0].max() > 1e-4
    settings = Settings(pod=PodSettings(tolerance=1e-6), quadrature=QuadratureSettings(tolerance=1e-6))
    histories = []
    for entry in (law, OWN):
        model = train(
            training_set(mesh, (entry,), (loading,)), settings, "m", SerialComm(), Clock(lambda text: None)
        ).model
        histories.append(march_loading(model, loading, NewtonSettings(1e-10)))
    assert gap(histories[0].samples["stress"], histories[1].samples["stress"]) < 1e-8


def test_without_mgis_it_is_said_how_to_get_it(tmp_path):
    try:
        import mgis.behaviour  # noqa: F401
    except ImportError:
        plugin = Plugin(str(tmp_path / "x.so"), "Norton")
        with pytest.raises(MissingPartError, match=r"needs MGIS .* not installed; .* conda-forge"):
            identify(Material("all", "mgis", {}, plugin=plugin))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"function": "Norton"}, "no three-dimensional behaviour 'Norton' .*not found in"),
        ({"function": "FiniteStrain"}, r"is not of small strain \(F_CAUCHY\)"),
        (
            {"properties": {"YoungModulus": 1.0}},
            "needs the material properties Hard.* given are YoungModulus",
        ),
        ({"renamed": {"p": "CumulatedStrain"}}, "has no internal variable 'CumulatedStrain'; it has ElasticStrain"),
    ],
)
def test_what_does_not_fit_is_said(library, changes, words):
    with pytest.raises(LawError, match=words):
        material(library, **changes)


def test_a_library_that_is_not_there(library):
    with pytest.raises(LawError, match=r"none.so: no such library; expected one that MFront made"):
        material(library.with_name("none.so"))


MFRONT = """@DSL IsotropicPlasticMisesFlow;
@Behaviour IsotropicLinearHardeningPlasticity;
@MaterialProperty stress young;
young.setGlossaryName("YoungModulus");
@MaterialProperty real nu;
nu.setGlossaryName("PoissonRatio");
@MaterialProperty stress H;
H.setEntryName("HardeningSlope");
@MaterialProperty stress s0;
s0.setGlossaryName("YieldStrength");
@FlowRule {
  f = seq - H * p - s0;
  df_dseq = 1;
  df_dp = -H;
}
"""


def test_mfront_itself(tmp_path):
    pytest.importorskip("mgis.behaviour", reason="MGIS is not installed")
    if shutil.which("mfront") is None:
        pytest.skip("mfront is not installed")
    (tmp_path / "plasticity.mfront").write_text(MFRONT)
    subprocess.run(["mfront", "--obuild", "--interface=generic", "plasticity.mfront"], cwd=tmp_path, check=True)
    found, own = history(material(tmp_path / "src" / "libBehaviour.so"))[0], history(OWN)[0]
    assert gap(found.stress, own.stress) < 1e-9
    assert gap(found.tangent, own.tangent) < 1e-6
