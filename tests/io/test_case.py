"""Case files: what they may hold, how a deck and they are merged, and every mistake in one line."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from romtool.constraints import CyclicSymmetry, Equations, LocalSupport, MeanMotion, RigidBody, Tie
from romtool.errors import CaseError
from romtool.io.case import Case, Simulation, read_case, resolve
from romtool.loading import Deck, Dirichlet, Load, Loading, Material, Table, Temperature, TemperatureEntry
from romtool.settings import Settings
from tests.shared_data import shared

HEAD = '[case]\nname = "blade"\n'
FIELD = np.array([1.0, 2.0, 3.0])


def no_files(path: Path, name: str | None, region: str | None = None, on: str = "node") -> np.ndarray:
    raise AssertionError(f"{path} must not be read")


def read(folder: Path, text: str, head: str = HEAD) -> Case:
    path = folder / "case.toml"
    path.write_text(head + text)
    return read_case(path)


def deck() -> Deck:
    loading = Loading(
        "deck",
        np.array([0.0, 1.0, 2.0]),
        (Dirichlet("ROOT", "ROOT", (0, 1, 2)),),
        (Load("P", "pressure", "P", 1.0, table="ramp"), Load("SPIN", "centrifugal", "all", 5.0)),
        (Table("ramp", np.array([[0.0, 0.0], [2.0, 1.0]])),),
        Temperature(20.0, (TemperatureEntry(0.0, 20.0), TemperatureEntry(2.0, FIELD))),
        ((0.0, 1.0),),
    )
    materials = (
        Material("DISC", "elastic", {"young": 1.0}, from_initial=True),
        Material("BLADE", "elastic", {"young": 2.0}, from_initial=True),
    )
    return Deck(None, materials, loading)


def test_the_normative_case_is_read() -> None:
    path = shared("examples", "case.toml")
    case = read_case(path)
    folder = path.parent
    assert case.name == "blade"
    assert case.units == {"length": "mm", "force": "N", "time": "s", "temperature": "degC"}
    assert case.simulations == (
        Simulation("nominal", folder / "solver/nominal.inp", (folder / "solver/nominal.frd",)),
        Simulation("hot", None, (folder / "ref/hot",), folder / "loads/hot.toml"),
    )
    assert case.mesh_file == folder / "mesh.vtu"
    assert case.settings.partition.subdomains == 4
    assert case.settings.pod == Settings().pod
    assert case.settings.duals.fields == ("p", "stress")
    assert [q.kind for q in case.quantities] == ["displacement", "maximum"]
    assert case.overrides.field_paths == (folder / "thermal/nominal.vtu",)


def test_the_normative_case_is_merged_with_a_deck_that_holds_its_other_table() -> None:
    case = read_case(shared("examples", "case.toml"))
    calls = []

    def read_field(
        path: Path, name: str | None, region: str | None = None, on: str = "node", mesh: Path | None = None
    ) -> np.ndarray:
        calls.append((path.name, name, region))
        return FIELD

    hold = Loading("deck", np.array([0.0, 1.0]), tables=(Table("hold", np.array([[0.0, 1.0]])),))
    (material,), loading = resolve(case, Deck(None, (), hold), read_field, case.simulations[0])
    assert calls == [("nominal.vtu", "T", None)]
    assert loading.name == "nominal"
    assert material.law == "viscoplastic_norton_af"
    assert material.parameters["young"] == [[20.0, 2.0e5], [1000.0, 1.4e5]]
    assert material.density == 8.2e-9
    gas, spin = loading.loads
    assert (gas.kind, gas.region, gas.value, gas.table) == ("pressure", "PRESSURE_SIDE", 1.2, "cycle")
    assert (spin.kind, spin.region, spin.value) == ("centrifugal", "all", 1200.0)
    np.testing.assert_array_equal(spin.point, [0.0, 0.0, -300.0])
    np.testing.assert_array_equal(spin.axis, [0.0, 1.0, 0.0])
    assert loading.dirichlet == (Dirichlet("root", "ROOT", (0, 1, 2), 0.0, "hold"),)
    assert [table.name for table in loading.tables] == ["hold", "cycle"]
    first, second, third, last = loading.temperature.entries
    assert (first.value, last.value) == (20.0, "20 + 30*exp(-((x-1)**2 + y**2)/4)")
    assert second.value is third.value is FIELD
    np.testing.assert_array_equal(loading.times, [0.0, 5.0, 10.0, 35.0, 60.0, 65.0, 70.0])


def test_defaults(tmp_path: Path) -> None:
    case = read(tmp_path, "")
    assert case.settings == Settings()
    assert (case.simulations, case.mesh_file, case.units, case.quantities) == ((), None, {}, ())
    settings = case.settings
    assert (settings.partition.subdomains, settings.clusters.count, settings.hifi.solver) == (1, 1, "direct")
    assert (settings.pod.tolerance, settings.pod.inner_product, settings.pod.max_modes) == (1e-4, "h1", 60)
    assert (settings.quadrature.tolerance, settings.duals.tolerance) == (1e-4, 1e-4)
    assert settings.indicator.tolerance == 1e-2
    newton = settings.newton
    assert (newton.tolerance, newton.max_iterations, newton.max_cuts) == (1e-8, 25, 6)
    with pytest.raises(FrozenInstanceError):
        settings.pod.tolerance = 1.0  # type: ignore[misc]


def test_settings_are_read(tmp_path: Path) -> None:
    text = """
[pod]
tolerance = 1e-6
inner_product = "energy"
[clusters]
count = "auto"
by = "time"
overlap = 0.5
[duals]
fields = ["p"]
[hifi]
solver = "iterative"
"""
    settings = read(tmp_path, text).settings
    assert (settings.pod.tolerance, settings.pod.inner_product, settings.pod.max_modes) == (
        1e-6,
        "energy",
        60,
    )
    assert (settings.clusters.count, settings.clusters.by, settings.clusters.overlap) == ("auto", "time", 0.5)
    assert settings.duals.fields == ("p",)
    assert settings.hifi.solver == "iterative"


def test_results_are_one_path_or_several_relative_to_the_case_file(tmp_path: Path) -> None:
    text = '[[simulations]]\nname = "a"\nresults = ["x/1.ut", "x/2.ut"]\n[[simulations]]\nname = "b"\ndeck = "b.inp"\n'
    a, b = read(tmp_path, text).simulations
    assert a == Simulation("a", None, (tmp_path / "x/1.ut", tmp_path / "x/2.ut"))
    assert b == Simulation("b", tmp_path / "b.inp")


def test_names_default_to_the_names_of_the_sets(tmp_path: Path) -> None:
    text = """
[[dirichlet]]
nodes = "ROOT"
components = ["z", "x"]
[[loads]]
kind = "pressure"
faces = "P"
value = 1
[[loads]]
kind = "body"
elements = "BLADE"
value = [0, 0, -9.81]
[[loads]]
kind = "traction"
faces = "S"
value = [1.0, 0.0, 0.0]
"""
    over = read(tmp_path, text).overrides
    assert [(d.name, d.components) for d in over.dirichlet] == [("ROOT", (0, 2))]
    assert [(load.name, load.load.region) for load in over.loads] == [
        ("P", "P"),
        ("BLADE", "BLADE"),
        ("S", "S"),
    ]
    np.testing.assert_array_equal(over.loads[1].load.value, [0.0, 0.0, -9.81])


def test_whole_entries_replace_the_deck_s_and_others_are_added(tmp_path: Path) -> None:
    text = """
[[materials]]
elements = "BLADE"
law = "plastic"
parameters = { young = 3.0, poisson = 0.3, R0 = 10.0 }
[[materials]]
elements = "ROOT"
law = "elastic"
parameters = { young = 4.0, poisson = 0.3 }
[[loads]]
name = "P"
kind = "pressure"
faces = "P2"
value = 7.0
[[loads]]
name = "new"
kind = "pressure"
faces = "Q"
value = 8.0
table = "ramp"
[[tables]]
name = "ramp"
points = [[0.0, 5.0]]
[[dirichlet]]
nodes = "ROOT"
components = ["x"]
value = 0.5
"""
    materials, loading = resolve(read(tmp_path, text), deck(), no_files)
    assert [(m.elements, m.law) for m in materials] == [
        ("DISC", "elastic"),
        ("BLADE", "plastic"),
        ("ROOT", "elastic"),
    ]
    assert all(material.from_initial for material in materials)
    assert [(load.name, load.value, load.table) for load in loading.loads] == [
        ("P", 7.0, None), ("SPIN", 5.0, None), ("new", 8.0, "ramp"),
    ]  # fmt: skip
    assert loading.amplitude("ramp", 1.0) == 5.0
    assert loading.dirichlet == (Dirichlet("ROOT", "ROOT", (0,), 0.5),)
    assert [entry.time for entry in loading.temperature.entries] == [0.0, 2.0]
    np.testing.assert_array_equal(loading.times, [0.0, 1.0, 2.0])
    assert loading.rate_independent == ((0.0, 1.0),)
    assert loading.name == "blade"


def test_temperature_and_time_replace_as_a_whole(tmp_path: Path) -> None:
    text = "[temperature]\ninitial = 5\n[time]\npoints = [0, 3]\nrate_independent = [[1.0, 2.0]]\n"
    _, loading = resolve(read(tmp_path, text), deck(), no_files)
    assert loading.temperature == Temperature(5.0)
    np.testing.assert_array_equal(loading.times, [0.0, 3.0])
    assert loading.rate_independent == ((1.0, 2.0),)


def test_intervals_without_viscous_flow_alone_keep_the_deck_s_increments(tmp_path: Path) -> None:
    case = read(tmp_path, "[time]\nrate_independent = []\n")
    _, loading = resolve(case, deck(), no_files)
    assert loading.rate_independent == ()
    np.testing.assert_array_equal(loading.times, [0.0, 1.0, 2.0])


def test_times_of_one_cycle_are_repeated_with_the_tables(tmp_path: Path) -> None:
    text = """
[[tables]]
name = "ramp"
points = [[0, 0], [1, 1], [4, 0]]
cycles = 2
[time]
points = [0, 1, 4]
rate_independent = [[0, 1]]
[temperature]
initial = 20
entries = [{ time = 0, value = 20 }, { time = 2, value = 50 }]
"""
    _, loading = resolve(read(tmp_path, text), deck(), no_files)
    np.testing.assert_allclose(loading.times, [0, 1, 4, 5, 8])
    assert loading.rate_independent == ((0.0, 1.0), (4.0, 5.0))
    assert loading.temperature.cycles == 2
    assert [entry.time for entry in loading.temperature.entries] == [0.0, 2.0, 4.0]


def test_without_a_deck_the_times_are_left_to_the_results(tmp_path: Path) -> None:
    materials, loading = resolve(read(tmp_path, ""), None, no_files)
    assert materials == ()
    assert loading.times.shape == (0,)


def test_a_pressure_field_is_read_for_its_set(tmp_path: Path) -> None:
    text = '[[loads]]\nname = "gas"\nkind = "pressure"\nfaces = "P"\nfield = "p.vtu"\non = "node"\n'
    calls = []

    def read_field(
        path: Path, name: str | None, region: str | None = None, on: str = "node", mesh: Path | None = None
    ) -> np.ndarray:
        calls.append((path, name, region, on))
        return FIELD

    case = read(tmp_path, text)
    assert case.overrides.field_paths == (tmp_path / "p.vtu",)
    _, loading = resolve(case, None, read_field)
    assert calls == [(tmp_path / "p.vtu", "gas", "P", "node")]
    assert loading.loads[0].value is FIELD
    assert loading.loads[0].on == "node"


def test_the_load_file_of_a_simulation_is_applied_once_and_only_for_it(tmp_path: Path) -> None:
    (tmp_path / "hot.toml").write_text('name = "hot load"\n[[loads]]\nname = "P"\nscale = 3\n')
    case = read(tmp_path, '[[simulations]]\nname = "hot"\nresults = "r"\nload = "hot.toml"\n')
    _, own = resolve(case, deck(), no_files)
    _, hot = resolve(case, deck(), no_files, case.simulations[0])
    assert (own.name, own.loads[0].value) == ("blade", 1.0)
    assert (hot.name, hot.loads[0].value) == ("hot", 3.0)


def test_a_table_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    text = '[[loads]]\nkind = "pressure"\nfaces = "P"\nvalue = 1.0\ntable = "ramb"\n'
    with pytest.raises(CaseError, match=r'case\.toml: \[\[loads\]\] "P" uses the table "ramb"; did you mean "ramp"\?'):
        resolve(read(tmp_path, text), deck(), no_files)


CONSTRAINTS = """
[[constraints]]
name = "same"
kind = "equation"
terms = [[7, "x", 1.0], [900, "rz", -2.0]]
value = 0.1
[[constraints]]
name = "end"
kind = "rigid"
nodes = "TOP"
reference = 900
point = [1.0, 2.0, 3.0]
components = ["z", "x"]
[[constraints]]
name = "mean"
kind = "mean"
nodes = "TOP"
reference = 5
[[constraints]]
name = "glue"
kind = "tie"
slave = "A"
master = "B"
tolerance = 0.5
[[constraints]]
name = "disc"
kind = "cyclic"
slave = "A"
master = "B"
sectors = 12
point = [0, 0, 0]
axis = [0, 0, 2]
[[constraints]]
name = "rim"
kind = "local"
nodes = "A"
directions = [2, 1]
point = [0, 0, 0]
axis = [0, 0, 1]
value = 0.3
"""


def test_constraints_of_all_kinds(tmp_path: Path) -> None:
    case = read(tmp_path, CONSTRAINTS)
    _, loading = resolve(case, None, no_files)
    same, end, mean, glue, disc, rim = loading.constraints
    assert isinstance(same, Equations)
    assert (same.nodes.tolist(), same.components.tolist(), same.coefficients.tolist()) == (
        [7, 900],
        [0, 5],
        [1.0, -2.0],
    )
    assert (same.values.tolist(), same.where(0)) == ([0.1], "case.toml, 'same'")
    assert isinstance(end, RigidBody)
    assert (end.nodes, end.reference, end.components) == ("TOP", 900, (0, 2))
    assert mean == MeanMotion("mean", "case.toml", "TOP", 5)
    assert glue == Tie("glue", "case.toml", "A", "B", 0.5)
    assert isinstance(disc, CyclicSymmetry)
    assert (disc.sectors, disc.tolerance) == (12, None)
    assert isinstance(rim, LocalSupport)
    assert (rim.kind, rim.components, rim.value) == ("cylindrical", (0, 1), 0.3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "tie"\nslave = "A"', 'of kind "tie" lacks the key "master"'),
        ('kind = "tie"\nslave = "A"\nmaster = "B"\nsectors = 3', 'of kind "tie" has no key "sectors"'),
        ('kind = "local"\nnodes = "A"\ndirections = [1]', 'needs the key "axes", or "point" and "axis"'),
        ('kind = "glue"', 'one of "equation"'),
        ('kind = "equation"\nterms = [["x", 1, 1.0]]', "expected .node id"),
        ('kind = "equation"\nterms = [[1, "x", 1.0]]\nvalue = 1.0\ntable = "no"', 'uses the table "no"'),
    ],
)
def test_constraints_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        resolve(read(tmp_path, f'[[constraints]]\nname = "c"\n{text}\n'), None, no_files)
