"""The case file of `romtool init`: it can be read, and says what a load file needs to know."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from romtool.io.case import Case, Simulation, read_case
from romtool.io.init import Source, case_text
from romtool.io.load import apply_load, read_load
from romtool.loading import Deck, Dirichlet, Load, Loading, Material, Table, Temperature, TemperatureEntry
from romtool.settings import Settings
from romtool.types import CellBlock, FieldInfo, Mesh, SolverResults

MESH = Mesh(
    np.eye(4, 3),
    np.arange(1, 5),
    (CellBlock("tetra", "tet4", np.array([1]), np.array([[0, 1, 2, 3]])),),
    {"ROOT": np.array([0, 1]), 'odd "name"': np.array([2])},
    {"BLADE": np.array([0])},
    {"GAS": np.array([[0, 1]])},
)


def deck(young: object = 2.1e5) -> Deck:
    loading = Loading(
        "deck",
        np.linspace(0.0, 7.0, 29),
        (Dirichlet("ROOT", "ROOT", (0, 2), 0.25),),
        (
            Load("gas", "pressure", "GAS", 1.5, table="ramp"),
            Load("film", "pressure", "GAS", np.linspace(1.0, 2.0, 9), on="node"),
            Load("spin", "centrifugal", "all", 300.0, point=np.zeros(3), axis=np.array([0.0, 0.0, 1.0])),
        ),
        (Table("ramp", np.array([[0.0, 0.0], [7.0, 1.0]]), 3),),
        Temperature(20.0, (TemperatureEntry(0.0, 20.0), TemperatureEntry(7.0, 400.0))),
        ((0.0, 1.0),),
    )
    parameters = {"young": young, "poisson": 0.3}
    return Deck(MESH, (Material("BLADE", "elastic", parameters, 7.8e-9),), loading, warnings=("strange\ncard",))


def solution() -> SolverResults:
    fields = {"u": FieldInfo("node", ("x", "y", "z"))}
    return SolverResults("frd", (), MESH, np.array([0.0, 1.0]), fields, lambda name, i: np.zeros((4, 3)))


def written(folder: Path, *sources: Source) -> tuple[str, Case]:
    text = case_text("blade", sources)
    path = folder / "case.toml"
    path.write_text(text, encoding="utf-8")
    return text, read_case(path)


def test_a_deck_with_results_gives_a_complete_case(tmp_path: Path) -> None:
    sources = (
        Source("nominal", "../solver/nominal.inp", ("../solver/nominal.frd",), deck(), solution()),
        Source("hot", "../solver/hot.inp", ("a.frd", "b.frd"), deck(), solution()),
        Source("planned", "../solver/planned.inp", (), deck()),
    )
    _, case = written(tmp_path, *sources)
    folder = tmp_path
    assert case.name == "blade"
    assert case.units == {"length": "mm", "force": "N", "time": "s", "temperature": "degC"}
    assert case.settings == Settings()
    assert case.simulations == (
        Simulation("nominal", folder / "../solver/nominal.inp", (folder / "../solver/nominal.frd",)),
        Simulation("hot", folder / "../solver/hot.inp", (folder / "a.frd", folder / "b.frd")),
        Simulation("planned", folder / "../solver/planned.inp"),
    )


def test_comments_hold_what_a_load_file_refers_to(tmp_path: Path) -> None:
    text, _ = written(tmp_path, Source("nominal", "n.inp", ("n.frd",), deck(), solution()))
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    for fact in (
        '"ROOT" (2)', '"BLADE" (1)', '"GAS" (1)', r'"odd \"name\"" (1)',
        'elements "BLADE": law elastic (young, poisson), density 7.8e-09',
        '"ROOT": nodes "ROOT", x z = 0.25, constant',
        '"gas": pressure on "GAS", value 1.5, table "ramp"',
        "value from 1 to 2 (9 values)",
        '"spin": centrifugal on "all", omega 300, constant',
        '"ramp": (0, 0) (7, 1), 3 cycles',
        "entries at 0, 7",
        "give the points of one cycle", "0 to 7 (29 times)", "from 0 to 1 (rate_independent)",
        "4 nodes and 1 elements", "u (node)", "Note: strange card",
    ):  # fmt: skip
        assert fact in comments, fact


def test_a_load_file_written_from_the_comments_applies(tmp_path: Path) -> None:
    path = tmp_path / "load.toml"
    path.write_text('name = "more"\n[[loads]]\nname = "gas"\nscale = 2\n[[tables]]\nname = "ramp"\nscale = 2\n')
    changed = apply_load(deck().loading, read_load(path), lambda *_: np.zeros(1))  # type: ignore[arg-type]
    assert changed.loads[0].value == 3.0


@pytest.mark.parametrize("table", ["partition", "pod", "quadrature", "duals", "newton"])
def test_a_script_can_edit_each_setting_by_its_line(tmp_path: Path, table: str) -> None:
    text, _ = written(tmp_path, Source("nominal", "n.inp", (), deck()))
    block = re.search(rf"^\[{table}\]\n(.*?)(?=^\[|\Z)", text, re.M | re.S)
    assert block is not None
    key = "subdomains" if table == "partition" else "tolerance"
    edited, count = re.subn(rf"(?m)^{key}\s*=.*$", f"{key} = {3 if key == 'subdomains' else 0.5}", block[1])
    assert count == 1
    value = tomllib.loads(text.replace(block[1], edited))[table][key]
    assert value == (3 if key == "subdomains" else 0.5)
    lines = [line for line in block[1].splitlines() if line]
    keys = [i for i, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    assert all(lines[i - 1].startswith("# ") for i in keys)


def test_defaults_are_written_as_a_person_writes_them(tmp_path: Path) -> None:
    text, _ = written(tmp_path, Source("nominal", "n.inp", (), deck()))
    for line in (
        "tolerance = 1e-4",
        "tolerance = 1e-8",
        "max_modes = 60",
        'fields = ["p", "stress"]',
        "max_cuts = 6",
    ):
        assert f"\n{line}\n" in text, line


def test_results_without_a_deck_give_templates_that_can_be_uncommented(tmp_path: Path) -> None:
    text, case = written(tmp_path, Source("nominal", None, ("n.frd",), None, solution()))
    assert case.overrides.materials == ()
    assert case.units == {}
    assert 'one of the side sets "GAS"' in text
    assert 'one of the element sets "BLADE"' in text
    lines, template = [], False
    for line in text.splitlines():
        template = (template or line.startswith(("# [[", "# [temperature]"))) and bool(line)
        lines.append(line[2:] if template else line)
    (tmp_path / "case.toml").write_text("\n".join(lines))
    over = read_case(tmp_path / "case.toml").overrides
    assert (over.materials[0].elements, over.materials[0].law) == ("all", "elastic")
    assert over.dirichlet[0].nodes == "ROOT"
    assert over.loads[0].load.region == "GAS"
    assert over.tables[0].name == "cycle"
    assert over.temperature is not None


def test_a_deck_that_lacks_a_part_gets_its_template(tmp_path: Path) -> None:
    bare = Deck(None, (), Loading("deck", np.zeros(0)), times_from_results=True)
    text, _ = written(tmp_path, Source("nominal", "n.inp", ("n.frd",), bare))
    for table in ("[[materials]]", "[[dirichlet]]", "[[loads]]", "[[tables]]", "[temperature]", "[mesh]"):
        assert f"# {table}" in text
    assert "Without it they are the times of the results." in text


@pytest.mark.parametrize(
    ("young", "length"), [(2.1e5, "mm"), ([[20.0, 2e11], [500.0, 1.5e11]], "m"), (3.0, None), (2.1e14, None)]
)
def test_units_are_guessed_from_young_s_modulus_only_where_it_is_plausible(
    tmp_path: Path, young: object, length: str | None
) -> None:
    _, case = written(tmp_path, Source("nominal", "n.inp", (), deck(young)))
    assert case.units.get("length") == length


def test_strange_names_are_quoted(tmp_path: Path) -> None:
    odd = replace(deck(), loading=Loading('a "b"', np.zeros(2), (Dirichlet('x\n[pod]"\\é', "ROOT", (0,)),)))
    _, case = written(tmp_path, Source("nominal", 'a "quoted" \\ é.inp', ("x.frd",), odd))
    assert case.simulations[0].deck == tmp_path / 'a "quoted" \\ é.inp'


def test_long_lists_are_cut(tmp_path: Path) -> None:
    many = replace(MESH, node_sets={f"SET{i:03d}": np.array([0]) for i in range(500)})
    points = np.column_stack([np.arange(300.0), np.zeros(300)])
    loading = replace(deck().loading, tables=(Table("long", points),))
    text, _ = written(tmp_path, Source("nominal", "n.inp", (), replace(deck(), mesh=many, loading=loading)))
    assert "… and 460 more" in text
    assert "… 300 points" in text
    assert max(map(len, text.splitlines())) < 1500


def test_a_mesh_alone_becomes_the_mesh_of_the_case():
    nothing = SolverResults("vtk", (Path("m.vtu"),), MESH, np.zeros(0), {}, lambda name, i: np.zeros(0))
    text = case_text("new", [Source("m", results=("../m.vtu",), solution=nothing)])
    found = tomllib.loads(text)
    assert found["mesh"] == {"file": "../m.vtu"}
    assert "simulations" not in found
    assert '# results = "ref/first"' in text
