"""Tables written out for a deck that a case cannot name: they read back as what the deck says."""

from pathlib import Path

import numpy as np

from romtool.io.case import read_case
from romtool.io.init import Source, case_text
from romtool.io.init_tables import written_tables
from romtool.loading import Deck, Dirichlet, Load, Loading, Material, Table, Temperature
from romtool.types import FieldInfo, SolverResults
from tests.structures import box

MESH = box((2, 1, 1))
CYCLE = Table("cycle", np.array([[0.0, 0.0], [1.0, 1.0]]), 3)
HOT = {"young": [[20.0, 2e5], [500.0, 1.5e5]], "poisson": 0.3, "hardening": [[0.0, 250.0], [0.1, 300.0]]}


def deck(**changes: object) -> Deck:
    elements = next(iter(MESH.element_sets))
    loading = Loading(
        name="run",
        times=np.array([0.0, 0.5, 1.0]),
        dirichlet=(Dirichlet("root", "x0", (0, 1, 2)), Dirichlet("lost", "nowhere", (0,))),
        loads=(
            Load("gas", "pressure", "x1", 2.5, table="cycle"),
            Load("spin", "centrifugal", "all", 100.0, point=np.zeros(3), axis=np.array([0.0, 0.0, 1.0])),
            Load("weight", "body", "all", np.array([0.0, 0.0, -1e-5])),
            Load("map", "pressure", "x1", np.array([1.0, 2.0]), on="face"),
        ),
        tables=(CYCLE,),
        temperature=Temperature(20.0),
    )
    return Deck(MESH, (Material(elements, "plastic", HOT, 7.8e-9),), loading, **changes)  # type: ignore[arg-type]


def solution() -> SolverResults:
    fields = {"u": FieldInfo("node", ("x", "y", "z"))}
    return SolverResults("made up", (Path("run.fil"),), MESH, np.array([0.0, 1.0]), fields, lambda name, i: np.zeros(3))


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    text = case_text("part", [Source("run", None, ("run.fil",), deck(), solution())])
    (tmp_path / "case.toml").write_text(text)
    found = read_case(tmp_path / "case.toml").overrides
    (material,) = found.materials
    assert (material.law, material.density, material.parameters) == ("plastic", 7.8e-9, HOT)
    assert [(d.name, d.nodes, d.components) for d in found.dirichlet] == [("root", "x0", (0, 1, 2))]
    gas, spin, weight = (source.load for source in found.loads)
    assert (gas.kind, gas.region, gas.value, gas.table) == ("pressure", "x1", 2.5, "cycle")
    assert (spin.kind, spin.value, np.asarray(spin.axis).tolist()) == ("centrifugal", 100.0, [0.0, 0.0, 1.0])
    assert np.asarray(weight.value).tolist() == [0.0, 0.0, -1e-5]
    (table,) = found.tables
    np.testing.assert_array_equal(table.points, CYCLE.points)
    assert table.cycles == 3
    assert found.temperature is not None
    assert found.temperature.initial == 20.0
    assert found.time is not None
    assert "# " in text
    assert '"lost"' in text
    assert '"map"' in text


def test_times_of_the_results_rule_where_the_solver_chose_them() -> None:
    assert "time" in written_tables(deck(), MESH)
    assert "time" not in written_tables(deck(times_from_results=True), MESH)


def test_a_deck_that_the_case_names_is_not_written_out() -> None:
    text = case_text("whole", [Source("run", "run.inp", ("run.fil",), deck(), solution())])
    assert "\n[[materials]]" not in text
    assert 'deck = "run.inp"' in text
