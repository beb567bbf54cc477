"""CalculiX decks -> loads, supports, temperature, materials, increments.

The expected courses were found by running ccx 2.20 (tests/external does it again).
"""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.calculix import READER
from romtool.errors import ReaderError
from romtool.loading import Deck, Table

CUBES = """*NODE, NSET=NALL
1,0,0,0
2,1,0,0
3,1,1,0
4,0,1,0
5,0,0,1
6,1,0,1
7,1,1,1
8,0,1,1
9,0,0,2
10,1,0,2
11,1,1,2
12,0,1,2
*ELEMENT, TYPE=C3D8, ELSET=LOW
1,1,2,3,4,5,6,7,8
*ELEMENT, TYPE=C3D8, ELSET=HIGH
2,5,6,7,8,9,10,11,12
*NSET, NSET=BOT
1,2,3,4
*NSET, NSET=TOP
9,10,11,12
*NSET, NSET=SIDE
1,4,5,8,9,12
*SURFACE, NAME=STOP
2,S2
*AMPLITUDE, NAME=A1
0.,0.,0.3,1.,0.5,0.2,1.,0.6
*AMPLITUDE, NAME=A2, TIME=TOTAL TIME
0.,0.,1.,1.,1.5,0.5,2.,0.8
*AMPLITUDE, NAME=LONG
0.,0.,2.,1.
*AMPLITUDE, NAME=JUMP
0.,0.,.5,.5,.5,1.,1.,1.
"""
PLASTIC = """*MATERIAL, NAME=M
*ELASTIC
2e5,.3
*PLASTIC
200.,0.
300.,.1
*DENSITY
8e-9
"""
SECTION = "*SOLID SECTION, ELSET=NAME, MATERIAL=M\n"
BOTH = "*ELSET,ELSET=ALL\nLOW,HIGH\n" + SECTION.replace("NAME", "ALL")
STATIC, VISCO = "*STATIC, DIRECT\n.25,1.\n", "*VISCO, DIRECT, CETOL=1.\n.25,1.\n"


def read(tmp_path: Path, text: str) -> Deck:
    path = tmp_path / "deck.inp"
    path.write_text(text)
    return READER.read_deck(path)


def deck(tmp_path: Path, *steps: str, model: str = "", material: str = PLASTIC) -> Deck:
    """Return a deck of *STATIC steps (a text that names its own procedure is taken as it is)."""
    text = CUBES + material + BOTH + model
    for step in steps:
        text += ("" if "*STEP" in step else "*STEP\n") + ("" if ".25,1." in step else STATIC) + step + "*END STEP\n"
    return read(tmp_path, text)


def table(found: Deck, name: str) -> Table:
    return {entry.name: entry for entry in found.loading.tables}[name]


def course(found: Deck, name: str = "STOP") -> list[list[float]]:
    points: list[list[float]] = table(found, name).points.tolist()
    return points


def p(value: float, extra: str = "") -> str:
    return f"*DSLOAD{extra}\nSTOP,P,{value}\n"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((p(10), p(4)), [[0, 0], [1, 10], [2, 4]]),
        ((p(10), "", p(4)), [[0, 0], [1, 10], [2, 10], [3, 4]]),
        ((p(10, ",AMPLITUDE=A1"), ""), [[0, 0], [0.3, 10], [0.5, 2], [1, 6], [2, 6]]),
        ((p(10, ",AMPLITUDE=A1"), p(4)), [[0, 0], [0.3, 10], [0.5, 2], [1, 6], [2, 4]]),
        ((p(10, ",AMPLITUDE=A2"), ""), [[0, 0], [1, 10], [1.5, 5], [2, 8]]),
        ((p(10, ",AMPLITUDE=LONG"), ""), [[0, 0], [1, 5], [2, 5]]),
        (("", p(10, ",AMPLITUDE=LONG"), p(4)), [[0, 0], [1, 0], [2, 5], [3, 4]]),
        ((p(10), p(4, ",AMPLITUDE=LONG")), [[0, 0], [1, 10], [1, 0], [2, 2]]),
        ((p(10), VISCO + p(4)), [[0, 0], [1, 10], [1, 4], [2, 4]]),
        ((p(10), VISCO), [[0, 0], [1, 10], [2, 10]]),
        (("*STEP,AMPLITUDE=STEP\n" + STATIC + p(10), p(4)), [[0, 0], [0, 10], [1, 10], [2, 4]]),
        (("*STEP,AMPLITUDE=RAMP\n" + VISCO + p(10),), [[0, 0], [1, 10]]),
        ((p(10), "*DLOAD,OP=NEW\nLOW,P1,1.\n"), [[0, 0], [1, 10], [2, 0]]),
        ((p(10, ",AMPLITUDE=A2"), "*DLOAD,OP=NEW\nLOW,P1,1.\n"), [[0, 0], [1, 10], [1, 0], [2, 0]]),
        ((p(10), p(4, ",OP=NEW")), [[0, 0], [1, 10], [2, 4]]),
        ((p(10) + "*DLOAD\n2,P2,3.\n",), [[0, 0], [1, 13]]),
        ((p(10), "*DLOAD\n2,P2,3.\n"), [[0, 0], [1, 10], [2, 3]]),
    ],
)
def test_courses_of_pressure(tmp_path: Path, steps: tuple[str, ...], expected: list[list[float]]) -> None:
    found = deck(tmp_path, *steps)
    load = next(x for x in found.loading.loads if table(found, x.table or "").points[1, 1] != 1.0)
    assert found.mesh is not None
    assert found.mesh.side_sets[load.region].tolist() == [[1, 1]]
    np.testing.assert_allclose(course(found, load.table or ""), expected, atol=1e-12)


def test_a_jump_of_an_amplitude_takes_the_value_behind_it(tmp_path: Path) -> None:
    found = deck(tmp_path, p(10, ",AMPLITUDE=JUMP"))
    assert table(found, "STOP").at(0.5) == 10.0
    assert table(found, "STOP").at(0.4999) == pytest.approx(4.999)


def test_pressure_by_element_set_makes_a_side_set(tmp_path: Path) -> None:
    found = deck(tmp_path, "*DLOAD\nALL,P3,5.\n")
    (load,) = found.loading.loads
    assert found.mesh is not None
    assert (load.name, load.kind, load.region, load.value) == ("ALL", "pressure", "ALL_P3", 1.0)
    assert found.mesh.side_sets["ALL_P3"].tolist() == [[0, 2], [1, 2]]


def test_a_part_of_a_set_that_changes_later_gets_its_own_course(tmp_path: Path) -> None:
    found = deck(tmp_path, "*DLOAD\nALL,P3,5.\n", "*DLOAD\nLOW,P3,1.\n")
    assert found.mesh is not None
    regions = {load.name: found.mesh.side_sets[load.region].tolist() for load in found.loading.loads}
    assert regions == {"ALL": [[1, 2]], "LOW": [[0, 2]]}
    assert course(found, "ALL") == [[0, 0], [1, 5], [2, 5]]
    assert course(found, "LOW") == [[0, 0], [1, 5], [2, 1]]


def test_gravity_is_density_times_g_for_each_material(tmp_path: Path) -> None:
    second = PLASTIC.replace("=M", "=N").replace("8e-9", "4e-9")
    text = (
        CUBES + PLASTIC + second + SECTION.replace("NAME", "LOW") + SECTION.replace("NAME", "HIGH").replace("=M", "=N")
    )
    step = "*STEP\n" + STATIC + "*DLOAD\nEALL,GRAV,9810.,0,0,-2.\n*END STEP\n"
    found = read(tmp_path, text + step)
    low, high = found.loading.loads
    np.testing.assert_allclose(low.value, [0, 0, -8e-9 * 9810.0])
    np.testing.assert_allclose(high.value, [0, 0, -4e-9 * 9810.0])
    assert (low.kind, low.region, high.region) == ("body", "EALL_LOW", "EALL_HIGH")
    assert course(found, low.table or "") == [[0, 0], [1, 1]]


def test_gravity_in_one_direction_is_one_load(tmp_path: Path) -> None:
    found = deck(tmp_path, "*DLOAD\nALL,GRAV,10.,0,0,-2.\n", "*DLOAD\nALL,GRAV,5.,0,0,-1.\n")
    (load,) = found.loading.loads
    assert course(found, load.table or "") == [[0, 0], [1, 1], [2, 0.5]]
    assert not found.warnings


def test_a_body_load_that_begins_late_is_warned_about(tmp_path: Path) -> None:
    late = "*DLOAD\nLOW,GRAV,5.,0,0,-1.\n"
    found = deck(tmp_path, "*DLOAD\nALL,GRAV,10.,0,0,-1.\n", late)
    assert any("body load that begins in a later step" in text for text in found.warnings)
    assert not deck(tmp_path, "*DLOAD\nALL,GRAV,10.,0,0,-1.\n", VISCO + late).warnings


def test_calculix_reads_four_pairs_of_an_amplitude_line(tmp_path: Path) -> None:
    lines = "*AMPLITUDE,NAME=FIVE\n0,0,.25,1,.5,2,.75,3,1,9\n"
    found = deck(tmp_path, p(10, ",AMPLITUDE=FIVE"), model=lines)
    assert course(found) == [[0, 0], [0.25, 10], [0.5, 20], [0.75, 30], [1, 30]]
    assert any("drops the others (1 pairs here)" in text for text in found.warnings)


@pytest.mark.parametrize("amplitude", ["", ",AMPLITUDE=A1"])
def test_centrifugal_table_multiplies_omega(tmp_path: Path, amplitude: str) -> None:
    found = deck(tmp_path, f"*DLOAD{amplitude}\nALL,CENTRIF,1e6,1.,2.,3.,0,0,2.\n")
    (load,) = found.loading.loads
    (entry,) = found.loading.tables
    assert load.point is not None
    assert load.axis is not None
    assert (load.point.tolist(), load.axis.tolist()) == ([1, 2, 3], [0, 0, 1])
    for time in found.loading.times:
        part = np.interp(time, [0, 0.3, 0.5, 1], [0, 1, 0.2, 0.6]) if amplitude else time
        assert (entry.at(float(time)) * float(load.value)) ** 2 == pytest.approx(1e6 * part, abs=1e-6)


def test_centrifugal_table_of_automatic_increments_is_fine(tmp_path: Path) -> None:
    found = deck(tmp_path, "*STATIC\n.25,1.\n*DLOAD\nALL,CENTRIF,1e6,0,0,0,0,0,1\n")
    (load,), (entry,) = found.loading.loads, found.loading.tables
    times = np.linspace(0.0, 1.0, 777)
    squares = np.array([(entry.at(float(t)) * float(load.value)) ** 2 for t in times])
    assert np.abs(squares - 1e6 * times).max() < 3e-7 * 1e6
    assert found.times_from_results


def test_supports_by_set_node_and_step(tmp_path: Path) -> None:
    found = deck(
        tmp_path,
        "*BOUNDARY\nTOP,3,3,.01\nBOT,1,3\n",
        "*BOUNDARY,AMPLITUDE=A1\nTOP,3,,.02\n",
        model="*BOUNDARY\nBOT,1,3\n5,1\n6,1,2\n",
    )
    assert found.mesh is not None
    supports = {d.name: (d.nodes, d.components, d.value, d.table) for d in found.loading.dirichlet}
    assert supports["BOT"] == ("BOT", (0, 1, 2), 0.0, None)
    assert supports["TOP"] == ("TOP", (2,), 1.0, "TOP")
    assert course(found, "TOP") == [[0, 0], [1, 0.01], [1, 0], [1.3, 0.02], [1.5, 0.004], [2, 0.012]]
    single = {
        d.components: found.mesh.node_sets[d.nodes].tolist() for d in found.loading.dirichlet if "NODES" in d.name
    }
    assert single == {(0,): [4, 5], (1,): [5]}


def test_overlapping_supports_of_one_course_keep_their_names(tmp_path: Path) -> None:
    found = deck(tmp_path, "", model="*BOUNDARY\nBOT,1,3\nSIDE,1,1\n")
    named = [(d.name, d.nodes, d.components) for d in found.loading.dirichlet]
    assert named == [("BOT", "BOT", (0, 1, 2)), ("SIDE", "SIDE", (0,))]


def test_the_later_of_two_supports_counts(tmp_path: Path) -> None:
    found = deck(tmp_path, "*BOUNDARY\nSIDE,1,1,.5\nTOP,1,1,.1\nTOP,1,1,.2\n", model="*BOUNDARY\nSIDE,1,1\n")
    assert found.mesh is not None
    nodes = {d.name: found.mesh.node_sets[d.nodes].tolist() for d in found.loading.dirichlet}
    assert nodes == {"SIDE": [0, 3, 4, 7], "TOP": [8, 9, 10, 11]}
    assert course(found, "TOP") == [[0, 0], [1, 0.2]]


def test_temperature_history(tmp_path: Path) -> None:
    initial = "*INITIAL CONDITIONS, TYPE=TEMPERATURE\nNALL,20.\nTOP,30.\n"
    found = deck(
        tmp_path, "*TEMPERATURE\nNALL,120.\n9,220.\n", VISCO + "*TEMPERATURE\nBOT,40.\n", "", model=initial
    ).loading.temperature
    assert not isinstance(found.initial, float)
    assert found.initial.tolist() == [20.0] * 8 + [30.0] * 4
    times = [entry.time for entry in found.entries]
    np.testing.assert_allclose(times, [0, 1, 1, 3], atol=1e-8)
    assert (np.diff(times) > 0).all()
    values = np.array([entry.value for entry in found.entries])
    assert values[:, 0].tolist() == [20.0, 120.0, 40.0, 40.0]
    assert values[:, 8].tolist() == [30.0, 220.0, 220.0, 220.0]
    assert values[:, 4].tolist() == [20.0, 120.0, 120.0, 120.0]


def test_an_amplitude_of_temperature_multiplies_and_restarts(tmp_path: Path) -> None:
    found = deck(tmp_path, "*TEMPERATURE,AMPLITUDE=A1\nNALL,100.\n", "", p(1)).loading.temperature
    times = np.array([entry.time for entry in found.entries])
    values = np.array([entry.value for entry in found.entries])[:, 0]
    for time in (0.3, 0.5, 1.0, 1.3, 1.5, 2.0, 2.5):
        expected = 100.0 * np.interp(time % 1.0 or 1.0, [0, 0.3, 0.5, 1], [0, 1, 0.2, 0.6])
        assert np.interp(time, times, values) == pytest.approx(expected, abs=1e-6)


def test_op_new_of_temperature_goes_back_to_the_initial_one(tmp_path: Path) -> None:
    initial = "*INITIAL CONDITIONS, TYPE=TEMPERATURE\nNALL,20.\n"
    found = deck(tmp_path, "*TEMPERATURE\nNALL,120.\n", "*TEMPERATURE,OP=NEW\n9,60.\n", model=initial)
    last = found.loading.temperature.entries[-1].value
    assert not isinstance(last, float | str)
    assert last.tolist() == [20.0] * 8 + [60.0] + [20.0] * 3


def test_increments_and_static_intervals(tmp_path: Path) -> None:
    found = deck(tmp_path, "*STATIC,DIRECT\n.3,1.\n** .25,1.\n", "", VISCO, "")
    np.testing.assert_allclose(found.loading.times, [0, 0.3, 0.6, 0.9, 1, *np.arange(1.25, 4.1, 0.25)])
    assert found.loading.rate_independent == ((0.0, 2.0), (3.0, 4.0))
    assert not found.times_from_results


def test_a_remainder_below_1e_6_joins_the_last_increment(tmp_path: Path) -> None:
    found = deck(tmp_path, "*STATIC,DIRECT\n.3333333,1.\n** .25,1.\n")
    np.testing.assert_allclose(found.loading.times, [0, 0.3333333, 0.6666666, 1.0])


def test_a_linear_deck_has_one_increment_per_step(tmp_path: Path) -> None:
    elastic = "*MATERIAL,NAME=M\n*ELASTIC\n2e5,.3\n"
    found = deck(tmp_path, p(10), VISCO + p(3), material=elastic)
    assert found.loading.times.tolist() == [0.0, 1.0, 2.0]
    assert any("ignores the increments" in text for text in found.warnings)
    assert not found.times_from_results


def test_automatic_increments_are_the_results(tmp_path: Path) -> None:
    (tmp_path / "deck.frd").touch()
    found = deck(tmp_path, "*STATIC\n.25,1.\n")
    assert found.times_from_results
    assert found.results == (tmp_path / "deck.frd",)
    assert found.loading.times.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def material(tmp_path: Path, text: str, *steps: str) -> tuple[str, dict[str, object], Deck]:
    found = deck(tmp_path, *(steps or ("",)), material="*MATERIAL,NAME=M\n" + text)
    return found.materials[0].law, dict(found.materials[0].parameters), found


ELASTIC = "*ELASTIC\n2e5,.3,20.\n1e5,.35,600.\n"


def test_elastic_with_expansion(tmp_path: Path) -> None:
    law, parameters, found = material(tmp_path, ELASTIC + "*EXPANSION,ZERO=15.\n1e-5,20.\n2e-5,600.\n*DENSITY\n8e-9\n")
    assert law == "elastic"
    assert parameters == {
        "young": [[20.0, 2e5], [600.0, 1e5]],
        "poisson": [[20.0, 0.3], [600.0, 0.35]],
        "expansion": [[20.0, 1e-5], [600.0, 2e-5]],
    }
    entry = found.materials[0]
    assert (entry.elements, entry.density, entry.reference_temperature, entry.from_initial) == ("ALL", 8e-9, 15.0, True)


def test_plastic_curves_by_temperature(tmp_path: Path) -> None:
    law, parameters, _ = material(tmp_path, ELASTIC + "*PLASTIC\n200,0,20\n300,.1,20\n100,0,600\n150,.2,600\n")
    assert law == "plastic"
    assert parameters["hardening"] == [[20.0, [[0, 200], [0.1, 300]]], [600.0, [[0, 100], [0.2, 150]]]]


def test_linear_kinematic_hardening_has_c_and_a_warning(tmp_path: Path) -> None:
    text = "*ELASTIC\n2e5,.3\n*PLASTIC,HARDENING=KINEMATIC\n200,0\n400,.1\n"
    law, parameters, found = material(tmp_path, text)
    assert (law, parameters["hardening"]) == ("plastic", [[0.0, 200.0]])
    assert (parameters["C"], parameters["D"]) == ([pytest.approx(2000.0)], [0.0])
    assert any("wrong sign" in text for text in found.warnings)
    _, _, found = material(tmp_path, text, "*STEP,NLGEOM\n" + STATIC)
    assert not any("wrong sign" in text for text in found.warnings)
    assert any("NLGEOM" in text for text in found.warnings)


def test_combined_hardening(tmp_path: Path) -> None:
    text = "*ELASTIC\n2e5,.3\n*PLASTIC,HARDENING=COMBINED\n200,0\n400,.1\n*CYCLIC HARDENING\n200,0\n250,.1\n300,.5\n"
    _, parameters, _ = material(tmp_path, text)
    assert parameters["hardening"] == [[0, 200], [0.1, 250], [0.5, 300]]
    assert parameters["C"] == [pytest.approx(2000.0)]


@pytest.mark.parametrize(
    ("text", "law", "expected"),
    [
        ("*CREEP\n1e-15,4.,0.\n", "creep_norton", {"A": 1e-15, "n": 4.0}),
        ("*CREEP,LAW=NORTON\n1e-14,5.,-.4\n", "creep_time_hardening", {"A": 1e-14, "n": 5.0, "m": -0.4}),
        ("*PLASTIC\n200,0\n*CREEP\n1e-15,4.,0.\n", "plastic_creep", {"A": 1e-15, "n": 4.0, "hardening": [[0, 200]]}),
    ],
)
def test_creep(tmp_path: Path, text: str, law: str, expected: dict[str, object]) -> None:
    found, parameters, result = material(tmp_path, "*ELASTIC\n2e5,.3\n" + text, VISCO)
    assert found == law
    assert parameters | expected == parameters
    assert not result.warnings


def test_creep_at_other_temperatures_goes_through_the_elastic_ones(tmp_path: Path) -> None:
    creep = "*CREEP\n1e-18,3.,0.,20.\n1e-15,4.,0.,300.\n1e-12,5.,0.,600.\n"
    _, parameters, found = material(tmp_path, ELASTIC + creep, VISCO)
    assert parameters["A"] == [[20.0, 1e-18], [600.0, 1e-12]]
    assert parameters["n"] == [[20.0, 3.0], [600.0, 5.0]]
    assert any("other temperatures than *ELASTIC" in text for text in found.warnings)
    _, parameters, found = material(tmp_path, "*ELASTIC\n2e5,.3\n" + creep, VISCO)
    assert (parameters["A"], parameters["n"]) == (1e-18, 3.0)
    assert any("other temperatures than *ELASTIC" in text for text in found.warnings)


def test_creep_below_the_floor(tmp_path: Path) -> None:
    _, parameters, found = material(tmp_path, "*ELASTIC\n2e5,.3\n*CREEP\n1e-24,4.,0.\n", VISCO)
    assert parameters["A"] == 1e-20
    assert any("raises it to 1e-20, and so does romtool" in text for text in found.warnings)
    _, parameters, found = material(tmp_path, "*ELASTIC\n2e5,.3\n*CREEP\n1e-20,4.,-.5\n", "", "", VISCO)
    assert parameters["A"] == 1e-20
    assert any("romtool does not" in text for text in found.warnings)


ERRORS = [
    ("", "*CLOAD\n1,1,5.\n", r"\*CLOAD: concentrated forces"),
    ("*EQUATION\n2\n1,1,1.,2,1\n", "", r"deck\.inp:\d+: \*EQUATION: found 5 of 6 values"),
    ("*EQUATION\n2\n1,1,1.,GONE,1,-1.\n", "", "unknown node set GONE"),
    ("*MPC\nPLANE,1\n", "", "PLANE needs four nodes"),
    ("*MPC\nMEANROT,1,2,3\n", "", "MEANROT is not supported"),
    ("*TIE, NAME=T\nGONE,STOP\n", "", "unknown surface GONE"),
    ("*TIE, NAME=T\nSTOP,TOP\n", "", "must be one of element faces"),
    ("*TRANSFORM, NSET=GONE\n1,0,0,0,1,0\n", "", "unknown node set GONE"),
    ("*TRANSFORM, NSET=TOP, TYPE=S\n1,0,0,0,1,0\n", "", "the system S is not supported"),
    ("*TRANSFORM, NSET=TOP\n1,0,0,0,1,0\n*EQUATION\n2\n2,1,1.,TOP,1,-1.\n", "", "leave .TRANSFORM out there"),
    ("*ORIENTATION, NAME=O\n1,0,0\n", "", "expected six numbers"),
    ("*ORIENTATION, NAME=O\n1,0,0,0,1,0\n3,30.\n", "", "a turn about one of the local axes"),
    ("*CYCLIC SYMMETRY MODEL, N=4\n0,0,0,0,0,1\n", "", "its .TIE, CYCLIC SYMMETRY is missing"),
    ("*COUPLING, REF NODE=1, SURFACE=STOP, CONSTRAINT NAME=C\n", "", "expected .KINEMATIC or .DISTRIBUTING below"),
    ("*KINEMATIC\n1,3\n", "", "stands alone"),
    ("*DISTRIBUTING COUPLING, ELSET=E\n1,1.\n", "", "elements that distribute forces"),
    ("*CONTACT PAIR, INTERACTION=I\nSTOP,STOP\n", "", "contact is not supported"),
    ("*RIGID BODY, NSET=TOP, REF NODE=99\n", "", "node 99 is not defined"),
    ("*RIGID BODY, REF NODE=1\n", "", "names no nodes of elements"),
    ("*SPRING\n1.\n", "", r"\*SPRING: is not supported"),
    ("*RESTART, READ\n", "", "the model is in another file"),
    ("*INITIAL CONDITIONS, TYPE=STRESS\n1,1,0,0,0,0,0,0\n", "", "TYPE=STRESS is not supported"),
    ("*INITIAL CONDITIONS, TYPE=TEMPERATURE\nNALL,3000.\n", "", "overflows above 2147"),
    ("*INITIAL CONDITIONS, TYPE=TEMPERATURE\nNALL,warm\n", "", "found 'warm', expected a number"),
    ("*INITIAL CONDITIONS, TYPE=TEMPERATURE\nNALL\n", "", "expected a node or node set and a number"),
    ("*BOUNDARY\nTOP,3,3,.1\n", "", "before the first step"),
    ("*BOUNDARY\nNOWHERE,1\n", "", "unknown node set NOWHERE"),
    ("*BOUNDARY\nTOP,4,6\n", "", "components 4 to 6 are not supported"),
    ("*BOUNDARY\nTOP\n", "", "expected node, first and last component"),
    ("*AMPLITUDE, NAME=X\n0,0,1\n", "", "found 3 numbers, expected pairs"),
    ("*AMPLITUDE, NAME=X\n1,0,0,1\n", "", "times decrease"),
    ("*AMPLITUDE, NAME=X, SHIFTX=1\n0,0\n", "", "parameter SHIFTX is not supported"),
    ("", "*DSLOAD\nNOWHERE,P,1.\n", r"unknown element surface NOWHERE; the deck has STOP"),
    ("", "*DSLOAD, AMPLITUDE=NONE\nSTOP,P,1.\n", "unknown amplitude NONE; the deck has A1, A2, JUMP, LONG"),
    ("", "*DSLOAD, REGION CFD\nSTOP,P,1.\n", "REGIONCFD is not supported"),
    ("", "*DSLOAD\nSTOP,P,one\n", "found 'ONE', expected a number"),
    ("", "*DSLOAD\nSTOP,P\n", "expected a set, a label and a value"),
    ("", "*DLOAD\nLOW,F1,1.\n", "label F1 is not supported"),
    ("", "*DLOAD\nNOWHERE,P1,1.\n", "unknown element set NOWHERE"),
    ("", "*DLOAD\nALL,GRAV,1.\n", "GRAV needs 4 numbers"),
    ("", "*DLOAD\nALL,GRAV,1.,0,0,0\n", "direction of GRAV is zero"),
    ("", "*DLOAD\nALL,CENTRIF,1.,0,0,0,0,0,1\nLOW,CENTRIF,1.,0,0,0,0,1,0\n", "CalculiX uses only one"),
    ("", "*DLOAD\nALL,CENTRIF,-1.,0,0,0,0,0,1\n", "omega² must not be negative"),
    ("", "*DSLOAD\nSTOP,P,1.\n*DSLOAD,AMPLITUDE=A1\nSTOP,P,2.\n", "different amplitudes; use one amplitude"),
    ("", "*TEMPERATURE, FILE=x.frd, BSTEP=1\n", "parameter BSTEP is not supported"),
    ("", "*BOUNDARY, OP=NEW\nTOP,1\n", "OP=NEW frees component 1 of nodes of BOT"),
    ("*DLOAD\nALL,P1,1.\n", "", r"deck\.inp:\d+: \*DLOAD: stands before the first step"),
    ("", "*MATERIAL, NAME=X\n", r"deck\.inp:\d+: \*MATERIAL: stands inside a step"),
    ("", "*STATIC, TIME RESET\n.25,1.\n", "TIMERESET is not supported"),
    ("", "*STEP, PERTURBATION\n" + STATIC, "PERTURBATION steps"),
    ("", "*STEP\n*FREQUENCY\n** .25,1.\n2\n", r"\*FREQUENCY: is not supported"),
    ("", "*STATIC\nfast\n** .25,1.\n", "expected increment and period"),
]


@pytest.mark.parametrize(("model", "step", "message"), ERRORS)
def test_what_is_not_supported_is_refused_in_words(tmp_path: Path, model: str, step: str, message: str) -> None:
    supports = "*BOUNDARY\nBOT,1,3\n"
    with pytest.raises(ReaderError, match=message):
        deck(tmp_path, step, model=supports + model)
    assert READER.read(tmp_path / "deck.inp").mesh.n_elements == 2


MATERIAL_ERRORS = [
    ("*ELASTIC,TYPE=ORTHO\n1,2,3\n", r"deck\.inp:\d+: \*ELASTIC: expected lines of eight"),
    ("*ELASTIC\n2e5\n", "expected 2 numbers in a line"),
    ("*ELASTIC\n", "has no data"),
    ("*ELASTIC\n2e5,.3,20.\n2e5,.3,10.\n", "temperatures do not increase"),
    ("*USER MATERIAL,CONSTANTS=1\n1.\n", "user materials"),
    ("*DENSITY\n1.\n", r"has no \*ELASTIC"),
    ("*ELASTIC\n2e5,.3\n*PLASTIC,HARDENING=USER\n", "has no data|HARDENING=USER"),
    ("*ELASTIC\n2e5,.3\n*PLASTIC\n200,.1\n", "must begin at plastic strain 0"),
    ("*ELASTIC\n2e5,.3\n*PLASTIC,HARDENING=KINEMATIC\n200,0\n300,.1\n350,.2\n", "each curve has two points"),
    ("*ELASTIC\n2e5,.3\n*PLASTIC,HARDENING=COMBINED\n200,0\n300,.1\n", "needs \\*CYCLIC HARDENING"),
    ("*ELASTIC\n2e5,.3\n*CREEP,LAW=USER\n1,2,3\n", "LAW=USER is not supported"),
    ("*ELASTIC\n2e5,.3\n*EXPANSION,TYPE=ORTHO\n1,2,3\n", r"\*EXPANSION: TYPE=ORTHO"),
    ("*ELASTIC\n2e5,.3\n*EXPANSION,ZERO=cold\n1e-5\n", "expected a temperature"),
    ("*ELASTIC\n2e5,.3\n*DENSITY\n1.,20.\n2.,30.\n", "depends on temperature"),
    ("*ELASTIC\n2e5,.3\n*ELASTIC\n2e5,.3\n", "given twice"),
    ("*HYPERELASTIC\n1.,2.\n", r"\*HYPERELASTIC: is not supported"),
]


@pytest.mark.parametrize(("text", "message"), MATERIAL_ERRORS)
def test_materials_that_romtool_does_not_have(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ReaderError, match=message):
        material(tmp_path, text)


def test_sections(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"element 2 has no \*SOLID SECTION"):
        read(tmp_path, CUBES + PLASTIC + SECTION.replace("NAME", "LOW"))
    with pytest.raises(ReaderError, match=r"element 1 has several \*SOLID SECTION"):
        read(tmp_path, CUBES + PLASTIC + BOTH + SECTION.replace("NAME", "LOW"))
    with pytest.raises(ReaderError, match="unknown element set GONE"):
        read(tmp_path, CUBES + PLASTIC + SECTION.replace("NAME", "GONE"))
    with pytest.raises(ReaderError, match="unknown material M"):
        read(tmp_path, CUBES + BOTH)
    with pytest.raises(ReaderError, match="unknown orientation O"):
        read(tmp_path, CUBES + PLASTIC + BOTH.replace("=M", "=M,ORIENTATION=O"))


def test_a_deck_of_includes_has_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "mesh.inc").write_text(CUBES)
    found = read(tmp_path, "*INCLUDE, INPUT=mesh.inc\n" + PLASTIC + BOTH + "*STEP\n" + STATIC + p(1) + "*END STEP\n")
    assert found.loading.name == "deck"
    with pytest.raises(ReaderError, match=r"deck\.inp: element 2 has no"):
        read(tmp_path, "*INCLUDE, INPUT=mesh.inc\n" + PLASTIC + SECTION.replace("NAME", "LOW"))


def test_nodal_values_name_their_line(tmp_path: Path) -> None:
    initial = "*INITIAL CONDITIONS, TYPE=TEMPERATURE\n1,20.\n** comment\n2,cold\n"
    with pytest.raises(ReaderError, match=r"deck\.inp:\d+: \*INITIAL CONDITIONS: found 'cold'") as caught:
        deck(tmp_path, "", model=initial)
    line = int(str(caught.value).split(":")[1])
    assert (tmp_path / "deck.inp").read_text().splitlines()[line - 1] == "2,cold"
    mixed = "*INITIAL CONDITIONS, TYPE=TEMPERATURE\nBOT,20.\n1,21.\n3,22.\nTOP,30.\n3,23.\n"
    found = deck(tmp_path, "", model=mixed).loading.temperature.initial
    assert not isinstance(found, float)
    assert found.tolist() == [21.0, 20.0, 23.0, 20.0, 0.0, 0.0, 0.0, 0.0, 30.0, 30.0, 30.0, 30.0]


def test_steps_in_steps(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="begins inside a step"):
        read(tmp_path, CUBES + "*STEP\n" + STATIC + "*STEP\n")
    with pytest.raises(ReaderError, match="ends a step that did not begin"):
        read(tmp_path, CUBES + "*END STEP\n")
    with pytest.raises(ReaderError, match="has no \\*STATIC or \\*VISCO"):
        read(tmp_path, CUBES + "*STEP\n*END STEP\n")


def test_value_absolute_is_ignored_as_in_calculix(tmp_path: Path) -> None:
    found = deck(tmp_path, p(10, ",AMPLITUDE=V"), model="*AMPLITUDE,NAME=V,VALUE=ABSOLUTE\n0,5,1,7\n")
    assert course(found) == [[0, 50], [1, 70]] or course(found) == [[0, 0], [0, 50], [1, 70]]
    assert any("ignores VALUE=ABSOLUTE" in text for text in found.warnings)
