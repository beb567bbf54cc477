"""Z-set decks and material files: what they say, and what is refused rather than dropped."""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.zset import READER
from romtool.convert.zset_blocks import parse_commands
from romtool.convert.zset_material import read_material
from romtool.errors import ReaderError
from romtool.loading import Deck

MESH = """***geometry
**node
9 3
8 1 1 1
7 0 1 1
6 1 0 1
5 0 0 1
4 1 1 0
3 0 1 0
2 1 0 0
1 0 0 0
99 5 5 5
**element
1
1 c3d8 1 2 4 3 5 6 8 7
***group
**nset left
 1 3 5 7
**elset part
 1
**faset right
 q4 2 4 8 6
**faset ends
 q4 2 4 8 6
 q4 1 5 7 3
**faset turned
 q4 2 4 8 6
 q4 1 3 7 5
***return
"""

MATERIAL = """***material
  *integration theta_method_a 1. 1.e-9 200
***behavior gen_evp   % one potential
 **coefficient
   masvol 1.e-8
 **elasticity isotropic
   young temperature
     200000. 0.
     100000. 1000.
   poisson 0.3
 **thermal_strain isotropic
   alpha 2.e-5
   ref_temperature 20.
 **potential gen_evp ev
  *criterion mises
  *flow norton
    K 300.
    n 30.
  *kinematic nonlinear
    C 1000.
    D temperature
      5. 0.
      6. 100.
  *kinematic linear
    C 2000.
  *isotropic constant
    R0 10.
***return
"""

DECK = """****calcul
 ***mesh
  **file box.geof
 ***resolution newton
  **cycles 2
   *time 1. 2.
   *increment 2 1
   *ratio 0.01
 ***linear_solver mumps
 ***bc
  **impose_nodal_dof
   left U1 0.0
   left U2 0.25 ramp   # moved
  **pressure
   right file p.node ramp
   right -3. ramp
  **centrifugal
   ALL_ELEMENT (3.5 -20 1.5) d3 1.e2 ramp
 ***parameter
  **file temperature
   *node
   *rec_size 9
   *cycle_conversion 0. 20. 2.
   function 0.0+cycle*2.; file T.node 1
   function 1.05 + cycle * 2.; file T.node 2
   function 2.0+cycle*2.; file T.node 1
 ***table
  **cycle ramp 0. 2.
   *time 0. 1. 2.
   *value
    0. 1. 0.
 ***output
  **output_first
 ***material
  *file mat
****return
"""


def write(folder: Path, deck: str = DECK, material: str = MATERIAL) -> Path:
    (folder / "box.geof").write_text(MESH)
    (folder / "mat").write_text(material)
    np.array([2.5], dtype=">f4").tofile(folder / "p.node")
    np.arange(27, dtype=">f4").tofile(folder / "T.node")
    (folder / "box.inp").write_text(deck)
    return folder / "box.inp"


def read(folder: Path, old: str = "", new: str = "") -> Deck:
    assert old in DECK
    return READER.read_deck(write(folder, DECK.replace(old, new)))


def test_increments_repeat_by_cycles(tmp_path: Path) -> None:
    deck = read(tmp_path)
    assert deck.loading.times.tolist() == [0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0]
    assert deck.loading.name == "box"
    assert not deck.times_from_results
    assert deck.warnings == ()


def test_several_sequences_follow_each_other(tmp_path: Path) -> None:
    steps = "**sequence\n *time 1. 3.\n *increment 2\n **sequence 1\n *dtime 2. 5.\n *increment 1"
    deck = read(tmp_path, "**cycles 2\n   *time 1. 2.\n   *increment 2 1", steps)
    assert deck.loading.times.tolist() == [0.0, 0.5, 1.0, 2.0, 3.0, 5.0]


def test_increments_chosen_by_the_solver(tmp_path: Path) -> None:
    deck = read(tmp_path, "   *ratio 0.01", "  **automatic_time global 3\n   *divergence 2. 10")
    assert deck.times_from_results
    assert "take them from the results" in deck.warnings[0]


def test_supports(tmp_path: Path) -> None:
    fixed, moved = read(tmp_path).loading.dirichlet
    assert (fixed.name, fixed.nodes, fixed.components, fixed.value, fixed.table) == ("left", "left", (0,), 0.0, None)
    assert (moved.name, moved.nodes, moved.components, moved.value, moved.table) == (
        "left-2",
        "left",
        (1,),
        0.25,
        "ramp",
    )


def test_node_ids_and_all_nodes_serve_as_node_sets(tmp_path: Path) -> None:
    deck = read(tmp_path, "left U1 0.0", "4 U1 0.0\n ALL_NODE U3 0.0")
    assert deck.mesh is not None
    assert deck.mesh.node_ids[deck.mesh.node_sets["4"]].tolist() == [4]
    assert deck.mesh.node_sets["ALL_NODE"].tolist() == list(range(8))


def test_pressure_is_compression(tmp_path: Path) -> None:
    """Z-set pushes along the faset's normal: 2.5 outward is -2.5 of compression, -3 is +3."""
    loads = {load.name: load for load in read(tmp_path).loading.loads}
    assert list(loads) == ["right", "right-2", "ALL_ELEMENT"]
    assert (loads["right"].kind, loads["right"].region, loads["right"].on) == ("pressure", "right", "face")
    assert np.array_equal(loads["right"].value, [-2.5])
    assert (loads["right-2"].value, loads["right-2"].region, loads["right-2"].table) == (3.0, "right", "ramp")


def test_pressure_follows_the_normal_of_the_faset(tmp_path: Path) -> None:
    outward, turned = (
        read(tmp_path, "right -3. ramp", f"{name} -3. ramp").loading.loads[1].value for name in ("ends", "turned")
    )
    assert outward == 3.0
    assert np.array_equal(turned, [3.0, -3.0])


def test_centrifugal(tmp_path: Path) -> None:
    load = read(tmp_path).loading.loads[2]
    assert (load.kind, load.region, load.value, load.table) == ("centrifugal", "all", 100.0, "ramp")
    assert load.point is not None
    assert load.axis is not None
    assert (load.point.tolist(), load.axis.tolist()) == ([3.5, -20.0, 1.5], [0.0, 0.0, 1.0])
    other = read(tmp_path, "ALL_ELEMENT (3.5 -20 1.5) d3", "part (0. 0. 0.) d1").loading.loads[2]
    assert (other.name, other.region) == ("part", "part")


def test_tables_cycle_until_the_end(tmp_path: Path) -> None:
    (table,) = read(tmp_path).loading.tables
    assert (table.name, table.points.tolist(), table.cycles) == ("ramp", [[0, 0], [1, 1], [2, 0]], 2)
    assert table.at(3.0) == 1.0
    short = read(tmp_path, "*time 0. 1. 2.\n   *value\n    0. 1. 0.", "*time 0. 1.\n *value 0. 1.").loading.tables
    assert short[0].points.tolist() == [[0, 0], [1, 1], [2, 1]]
    plain = read(tmp_path, "**cycle ramp 0. 2.", "**name ramp").loading.tables
    assert plain[0].cycles == 1


def test_time_is_a_table(tmp_path: Path) -> None:
    loading = read(tmp_path, "left U2 0.25 ramp", "left U2 0.25 time").loading
    assert loading.amplitude("time", 3.0) == 3.0


def test_temperature_entries_of_the_first_cycle(tmp_path: Path) -> None:
    """The file has node 99, then 8 … 1 in the mesh's order; record 2 starts at value 9."""
    temperature = read(tmp_path).loading.temperature
    assert [entry.time for entry in temperature.entries] == [0.0, 1.05, 2.0]
    assert np.array_equal(temperature.entries[0].value, [7, 6, 5, 4, 3, 2, 1, 0])
    assert np.array_equal(temperature.entries[1].value, np.array([7, 6, 5, 4, 3, 2, 1, 0]) + 9)
    assert np.array_equal(temperature.initial, temperature.entries[0].value)
    assert temperature.cycles == 2


def test_temperature_that_stops_before_the_cycle_ends_returns_to_its_start(tmp_path: Path) -> None:
    entries = read(tmp_path, "   function 2.0+cycle*2.; file T.node 1\n", "").loading.temperature.entries
    assert [entry.time for entry in entries] == [0.0, 1.05, 2.0]
    assert np.array_equal(entries[2].value, entries[0].value)


def test_uniform_temperature_and_time_zero_inside(tmp_path: Path) -> None:
    head, rest = DECK.split("   *cycle_conversion")
    text = head + "   -1. uniform 10.\n   1. uniform 30.\n" + rest[rest.index(" ***table") :]
    temperature = READER.read_deck(write(tmp_path, text)).loading.temperature
    assert [entry.value for entry in temperature.entries] == [10.0, 30.0]
    assert temperature.initial == 20.0


def test_temperature_between_two_fields(tmp_path: Path) -> None:
    head, rest = DECK.split("   *cycle_conversion")
    levels = "   *base_temperature constant 20.\n   *max_temperature file T.node\n   *table ramp\n"
    text = head + levels + rest[rest.index(" ***table") :]
    temperature = READER.read_deck(write(tmp_path, text)).loading.temperature
    assert [(e.time, e.scale, e.offset) for e in temperature.entries] == [(0, 0, 20), (1, 1, 0), (2, 0, 20)]
    assert np.array_equal(temperature.entries[1].value, [7, 6, 5, 4, 3, 2, 1, 0])
    assert np.array_equal(temperature.initial, np.full(8, 20.0))
    assert temperature.cycles == 2
    field = text.replace("constant 20.", "file T.node 2")
    entries = READER.read_deck(write(tmp_path, field)).loading.temperature.entries
    assert np.array_equal(entries[0].value, np.array([7, 6, 5, 4, 3, 2, 1, 0]) + 9)


def test_material(tmp_path: Path) -> None:
    (material,) = read(tmp_path).materials
    assert (material.elements, material.law, material.density) == ("all", "viscoplastic_norton_af", 1e-8)
    assert (material.reference_temperature, material.from_initial) == (20.0, True)
    assert material.parameters == {
        "young": [[0.0, 200000.0], [1000.0, 100000.0]],
        "poisson": 0.3,
        "expansion": 2e-5,
        "K": 300.0,
        "n": 30.0,
        "R0": 10.0,
        "C": [1000.0, 2000.0],
        "D": [[[0.0, 5.0], [100.0, 6.0]], 0.0],
    }


def test_material_by_element_set(tmp_path: Path) -> None:
    (tmp_path / "two").write_text(
        "***behavior linear_elastic\n**elasticity isotropic\n young 1. poisson 0.1\n***return\n"
        "***behavior linear_elastic\n**elasticity isotropic\n young 2. poisson 0.2\n***return\n"
    )
    (material,) = read(tmp_path, "  *file mat", "  **elset part *file two 2").materials
    assert (material.elements, material.law, material.from_initial) == ("part", "elastic", False)
    assert material.parameters == {"young": 2.0, "poisson": 0.2}


def test_rate_independent_material(tmp_path: Path) -> None:
    text = MATERIAL.replace("*flow norton\n    K 300.\n    n 30.", "*flow plasticity").replace("constant", "linear")
    path = tmp_path / "mat"
    path.write_text(text.replace("R0 10.", "R0 10.\n H 100."))
    found = read_material(path)
    assert (found.law, found.parameters["R0"], found.parameters["H"]) == ("plastic", 10.0, 100.0)
    assert found.warnings == ()


@pytest.mark.parametrize("integration", ["theta_method_a 0.5 1.e-9 200", "runge_kutta 1.e-9 dtmin 1.e-12"])
def test_other_integration_is_a_warning(tmp_path: Path, integration: str) -> None:
    deck = read(tmp_path, "  *file mat", f"  *file mat\n  *integration {integration}")
    assert len(deck.warnings) == 1
    assert "backward Euler" in deck.warnings[0]


def test_results_and_doubts(tmp_path: Path) -> None:
    path = write(tmp_path)
    pieces = (tmp_path / "box-001.ut", tmp_path / "box-002.ut")
    for piece in reversed(pieces):
        piece.write_text("")
    assert READER.read_deck(path).results == pieces
    (tmp_path / "box.ut").write_text("")
    assert READER.read_deck(path).results == (tmp_path / "box.ut",)
    assert READER.read(path).mesh.n_nodes == 8
    start, end = DECK.index(" ***parameter"), DECK.index(" ***table")
    deck = READER.read_deck(write(tmp_path, DECK[:start] + DECK[end:]))
    assert "gives no temperature" in deck.warnings[0]


def test_linear_tetrahedra_are_a_doubt(tmp_path: Path) -> None:
    path = write(tmp_path)
    text = MESH.replace("c3d8 1 2 4 3 5 6 8 7", "c3d4 1 2 3 5")
    (tmp_path / "box.geof").write_text(text[: text.index("***group")] + "**nset left\n 1\n**faset right\n t3 2 3 5\n")
    assert "four integration points" in READER.read_deck(path).warnings[-1]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("****calcul", "****calcul thermal_transient", "line 1: .*mechanical computations only"),
        ("***mesh", "***mesh updated_lagrangian", "line 2: .*small strain only"),
        ("***resolution newton", "***resolution riks", "line 4: .*newton only"),
        ("***linear_solver mumps", "***contact", "line 9: ...contact in .*not understood"),
        ("**pressure", "**gravity", "line 14: ..gravity in .*not understood"),
        ("left U1", "lift U1", "line 12: the mesh has no node set 'lift'"),
        ("left U1 0.0", "left R1 0.0", "line 12: .*expected `NSET U1 value"),
        ("0.25 ramp", "0.25 ramb", "line 13: no table 'ramb'"),
        ("right -3. ramp", "right -3. ramp ramp", "line 16: .*one table is expected"),
        ("right -3.", "wrong -3.", "line 16: the mesh has no faset 'wrong'"),
        ("right -3.", "right function x;", "line 16: .*expected `FASET value"),
        ("file p.node", "file T.node", "line 15: .*108 bytes, expected 4 for record 1 of 1 float32"),
        ("file p.node", "file q.node", "line 15: .*q.node cannot be read"),
        ("file p.node", "file p\0.node", "line 15: .*cannot be read .*null byte"),
        ("1.5) d3", "1.5) d4", "line 18: .*expected `ELSET"),
        ("ALL_ELEMENT (", "square ALL_ELEMENT (", "line 18: .*expected `ELSET"),
        ("ALL_ELEMENT (", "parts (", "line 18: the mesh has no element set 'parts'"),
        ("*rec_size 9", "*rec_size 8", "line 22: .*the mesh has 9 nodes"),
        ("*node", "*ip", "line 21: .ip in ..file is not understood"),
        ("T.node 2", "T.node 4", "line 25: .*108 bytes, expected 144 for record 4 of 9 float32"),
        ("1.05 + cycle * 2.", "1.05 + cycle ^ 2.", "line 25: .*no sum or product"),
        ("1.05 + cycle * 2.", "1.05 + cycle * 3.", "line 20: the rows move by"),
        ("1.05 + cycle", "3.05 + cycle", "line 20: temperature at time 2 after 3.05"),
        ("conversion 0. 20.", "conversion 0. 3.", "line 23: .*not before that of the computation .4."),
        ("file temperature", "file humidity", "line 20: parameter 'humidity'"),
        ("0. 1. 0.", "0. 1.", "line 28: 3 times and 2 values"),
        ("ramp 0. 2.", "ramp 0. 1.", "line 28: times 0 to 2 in a cycle from 0 to 1"),
        ("*time 1. 2.", "*time 2. 1.", "line 5: 1 increments from 2 to 1"),
        ("*file mat", "*file nowhere", "nowhere: the file cannot be read"),
        ("*file mat", "*file mat 3", "1 ...behavior found, number 3 expected"),
    ],
)
def test_decks_that_are_not_understood_are_refused(tmp_path: Path, old: str, new: str, what: str) -> None:
    with pytest.raises(ReaderError, match=what):
        read(tmp_path, old, new)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("gen_evp   %", "gen_evp lagrange_polar %", "line 3: ...behavior gen_evp lagrange_polar"),
        ("**coefficient", "**damage", "line 4: ..damage in ...behavior"),
        ("elasticity isotropic", "elasticity cubic", "line 6: ..elasticity cubic is not isotropic"),
        ("young temperature", "young pressure", "line 7: young 'pressure': expected a number, or temperature"),
        ("100000. 1000.", "100000.", "line 7: 3 numbers for young"),
        ("100000. 1000.", "100000. 0.", "line 7: young has a temperature twice"),
        ("poisson 0.3", "", "line 6: .*poisson is missing"),
        ("mises", "hill", "line 15: .criterion hill, expected mises"),
        ("flow norton", "flow hyperbolic", "line 16: .flow hyperbolic is not among romtool's laws"),
        ("K 300.", "K 300.\n tau 1.", "line 16: .*tau is not understood"),
        ("isotropic constant", "isotropic nonlinear", "line 26: .isotropic nonlinear"),
        ("kinematic linear", "kinematic aniso", "line 24: .kinematic aniso"),
        ("***return", "**potential gen_evp vp\n***return", "line 28: a second ..potential"),
    ],
)
def test_materials_that_are_not_understood_are_refused(tmp_path: Path, old: str, new: str, what: str) -> None:
    assert old in MATERIAL
    with pytest.raises(ReaderError, match=what):
        READER.read_deck(write(tmp_path, material=MATERIAL.replace(old, new)))


def test_commands_nest_by_stars_and_share_lines() -> None:
    (outer,) = parse_commands("f", "***a x\n **b *c 1. *d (2., 3.)\n row\n **e\n")
    assert [child.name for child in outer.children] == ["b", "e"]
    c, d = outer.children[0].children
    assert (c.numbers(), d.arguments.words, d.rows[0].text) == ((1.0,), ("(", "2.", "3.", ")"), "row")
