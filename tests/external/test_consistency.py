"""The check at import on files of Z-set and CalculiX: what is right balances, one wrong number is named."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.small_case import Outcome, romtool
from tests.fem.calculix_runs import run_calculix
from tests.hifi.test_calculix import TIGHT
from tests.shared_data import shared

CASE = '[case]\nname = "c"\n[[simulations]]\nname = "s"\ndeck = "{deck}"\nresults = {results}\n'


def imported(folder: Path, deck: str, *results: str) -> tuple[Outcome, Any]:
    """Write a case file, import it; return what was said and what the check found."""
    (folder / "case.toml").write_text(CASE.format(deck=deck, results=list(results)))
    done = romtool("import", folder / "case.toml", "--json")
    assert done.code == 0, done.err
    return done, done.json["balance"]["s"]


def zset(folder: Path, name: str, *edits: tuple[str, str, str]) -> tuple[Outcome, Any]:
    """Import a copy of a case of Z-set after replacing text in its files."""
    shutil.copytree(shared("zset", name), folder / "z")
    for file, old, new in edits:
        text = (folder / "z" / file).read_text()
        assert old in text, f"{name}/{file} no longer holds {old!r}"
        (folder / "z" / file).write_text(text.replace(old, new))
    pieces = ("cube-001.ut", "cube-002.ut") if name == "MecaParallel" else ("cube.ut",)
    return imported(folder, "z/cube.inp", *(f"z/{piece}" for piece in pieces))


# SimpleMises: strains of 230 % in float32; its own stresses are in balance to 6e-9, what the digits leave is 7e-5
@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("MecaSequential", 1e-6),
        ("MecaSequentialSimpleMises", 1e-4),
        ("MecaSequentialTetra", 1e-5),
        ("MecaParallel", 1e-5),
    ],
)
def test_zset_balances_at_every_step(name, limit, tmp_path):
    told, found = zset(tmp_path, name)
    assert len(found["unbalance"]) == len(found["times"]) >= 5
    assert max(found["unbalance"]) < limit
    assert max(found["unbalance"]) < max(1e-5, 3.0 * found["digits"])
    assert found["causes"] == []
    assert "out of balance" not in told.err
    if name != "MecaParallel":  # which has no stresses of the whole
        assert max(found["solver_unbalance"]) < 1e-5
        assert max(found["stress_difference"]) < 3e-4


@pytest.mark.parametrize(
    ("name", "edit", "words"),
    [
        (
            "MecaSequential",
            ("cube.inp", "0.  -100.0  -100.0", "0.  100.0  100.0"),
            "the pressure 'x1' has the wrong sign",
        ),
        (
            "MecaSequential",
            ("mat", "masvol 1.e-8", "masvol 2.e-8"),
            "the density of 'all' should be 1e-08 instead of 2e-08",
        ),
        (
            "MecaSequential",
            ("mat", "poisson  0.3", "poisson  0.28"),
            "'poisson' of 'all' should be 0.3 instead of 0.28",
        ),
        (
            "MecaSequentialSimpleMises",
            ("cube.inp", "0.  -100.0  -100.0", "0.  100.0  100.0"),
            "the pressure 'x1' has the wrong sign",
        ),
        (
            "MecaSequentialSimpleMises",
            ("mat", "masvol 1.e-8", "masvol 1.e-5"),
            "the density of 'all' should be 1e-08 instead of 1e-05 (units?)",
        ),
        (
            "MecaSequentialSimpleMises",
            ("mat", "poisson 0.2", "poisson 0.25"),
            "'poisson' of 'all' should be 0.2 instead of 0.25",
        ),
        (
            "MecaSequentialTetra",
            ("cube.inp", "0.  -300.0  -200.", "0.  300.0  200."),
            "the pressure 'x1' has the wrong sign",
        ),
        (
            "MecaSequentialTetra",
            ("mat", "poisson  0.3", "poisson  0.28"),
            "'poisson' of 'all' should be 0.3 instead of 0.28",
        ),
        (
            "MecaParallel",
            ("cube.inp", "0.  400.0  200.0", "0.  -400.0  -200.0"),
            "the pressure 'x1' has the wrong sign",
        ),
        (
            "MecaParallel",
            ("mat", "masvol 1.e-8", "masvol 1.e-5"),
            "the density of 'all' should be 1e-08 instead of 1e-05 (units?)",
        ),
    ],
)
def test_one_wrong_number_in_a_deck_of_zset_is_named(name, edit, words, tmp_path):
    told, found = zset(tmp_path, name, edit)
    assert found["causes"][0].startswith(words)
    assert f"out of balance with its loads by {max(found['unbalance']):.2g}; most likely {words}" in told.err


# ccx' own convergence is told by the balance of its own stresses, which ours equals
@pytest.mark.parametrize("name", ["c_norton", "th_C3D8", "th_C3D20", "elem_C3D4", "elem_C3D10", "elem_C3D20R"])
def test_calculix_balances_as_its_own_stresses_do(name, tmp_path):
    run_calculix(name, tmp_path)
    _, found = imported(tmp_path, f"{name}.inp", f"{name}.frd")
    assert found["unbalance"] == pytest.approx(found["solver_unbalance"], rel=0.01, abs=1e-6)
    assert max(found["stress_difference"]) < 1e-6
    assert max(found["unbalance"]) < 2e-4
    assert found["causes"] == []


@pytest.mark.parametrize("name", ["elem_C3D4", "elem_C3D20R"])
def test_calculix_with_tight_controls_balances(name, tmp_path):
    run_calculix(name, tmp_path, TIGHT)
    _, found = imported(tmp_path, f"{name}.inp", f"{name}.frd")
    assert max(found["unbalance"]) < 1e-8


def test_calculix_with_six_digits_balances_to_these(tmp_path):
    tight = ("*NODE FILE\n", "*CONTROLS, PARAMETERS=FIELD\n1e-9, 1e-9\n*NODE FILE\n")
    run_calculix("f_C3D20R_asc", tmp_path, tight)
    _, found = imported(tmp_path, "f_C3D20R_asc.inp", "f_C3D20R_asc.frd")
    assert 1e-7 < found["digits"] < 1e-5
    assert max(found["unbalance"]) < 3.0 * found["digits"]


def test_a_wrong_poisson_ratio_in_a_deck_of_calculix_is_named(tmp_path):
    run_calculix("elem_C3D20R", tmp_path, TIGHT)
    deck = tmp_path / "elem_C3D20R.inp"
    text = deck.read_text()
    line = text[text.upper().index("*ELASTIC") :].splitlines()[1]
    young, poisson = line.split(",")
    deck.write_text(text.replace(line, f"{young}, {float(poisson) - 0.05:g}"))
    _, found = imported(tmp_path, deck.name, "elem_C3D20R.frd")
    assert f"should be {float(poisson):g} instead of {float(poisson) - 0.05:g}" in found["causes"][0]
