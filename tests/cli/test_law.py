"""`romtool law`: paths, tables, plots, checks."""

import csv

import numpy as np
import pytest

from tests.cli.small_case import deck_text, romtool

LAW = """law = "plastic"
[parameters]
young = 2.0e5
poisson = 0.3
R0 = 100.0
H = 1000.0
"""
TENSION = """name = "tension"
kind = "uniaxial"
times = [0.0, 1.0, 2.0]
increments = 4
strain_xx = [0.0, 0.002, -0.002]
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "law.toml").write_text(LAW)
    (tmp_path / "tension.toml").write_text(TENSION)
    return tmp_path


def test_a_path_as_json(files):
    told = romtool("law", files / "law.toml", "--path", files / "tension.toml", "--json").json
    assert (told["law"], told["path"], told["kind"]) == ("plastic", "tension", "uniaxial")
    assert len(told["times"]) == len(told["stress"]["xx"]) == 9
    peak = 100.0 + 1000.0 * (2e5 * 0.002 - 100.0) / (2e5 + 1000.0)
    assert told["stress"]["xx"][4] == pytest.approx(peak, rel=1e-10)
    assert told["states"]["p"][4] == [pytest.approx((peak - 100.0) / 1000.0)]
    assert np.abs([told["stress"][axes] for axes in ("yy", "zz", "xy")]).max() < 1e-8 * peak


@pytest.mark.parametrize(
    ("kind", "modulus"),
    [
        ("uniaxial", 2e5),
        ("plane_strain", 2e5 / (1 - 0.3**2)),  # sig_yy = 0, eps_zz = 0
        ("plane_stress", 2e5 / (1 - 0.3**2)),  # eps_yy = 0, sig_zz = 0
        ("axisymmetric", 2e5),
        ("strain", 2e5 * 0.7 / (1.3 * 0.4)),
    ],
)
def test_elastic_modulus_of_each_kind(files, kind, modulus):
    text = TENSION.replace("uniaxial", kind).replace("0.002, -0.002", "1e-4, 0.0")
    (files / "tension.toml").write_text(text)
    told = romtool("law", files / "law.toml", "--path", files / "tension.toml", "--json").json
    assert told["stress"]["xx"][4] == pytest.approx(modulus * 1e-4, rel=1e-9)


def test_a_bar_between_walls(files):
    (files / "law.toml").write_text(LAW + "expansion = 1e-5\n")
    path = 'kind = "thermal"\ntimes = [0.0, 1.0]\ntemperature = [0.0, 40.0]\n'
    (files / "path.toml").write_text(path)
    told = romtool("law", files / "law.toml", "--path", files / "path.toml", "--json", "--plot", files / "p.png").json
    assert told["stress"]["xx"][-1] == pytest.approx(-2e5 * 1e-5 * 40.0, rel=1e-9)
    assert (files / "p.png").read_bytes()[1:4] == b"PNG"


def test_table_plot_and_csv(files):
    plot, table = files / "p.svg", files / "t.csv"
    command = ("law", files / "law.toml", "--path", files / "tension.toml", "--plot", plot, "-o", table)
    told = romtool(*command)
    assert told.code == 0, told.err
    assert "stress_xx" in told.out
    assert "stress_yy" not in told.out
    assert plot.read_text().startswith("<?xml")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert float(rows[4]["strain_xx"]) == 0.002
    again = romtool(*command)
    assert again.code == 2
    assert "t.csv exists; give --overwrite" in again.error
    assert romtool(*command, "--overwrite").code == 0


def test_checks(files):
    told = romtool("law", files / "law.toml", "--check", "--json").json
    assert all(entry["passed"] for entry in told["checks"].values())
    assert told["checks"]["tangent"]["value"] < 1e-6
    assert "finite differences" in romtool("law", files / "law.toml", "--check").out


def test_list():
    told = romtool("law", "--list", "--json").json["laws"]
    assert {"elastic", "plastic", "single_crystal", "umat", "mgis"} <= set(told)
    assert told["plastic"]["parameters"]["young"] == "stress"
    assert told["plastic"]["states"]["alpha_i"]["components"] == "6 per term"
    assert "cumulated_slip" in told["single_crystal"]["states"]
    assert "Norton creep" in romtool("law", "--list").out


def test_the_law_of_a_case_and_its_deck(files):
    (files / "box.inp").write_text(deck_text())
    case = files / "case.toml"
    case.write_text('[case]\nname = "box"\n[[simulations]]\nname = "base"\ndeck = "box.inp"\n')
    told = romtool("law", case, "--path", files / "tension.toml", "--json")
    assert told.json["law"] == "plastic", told.err
    wrong = romtool("law", case, "--path", files / "tension.toml", "--elements", "EAL")
    assert wrong.code == 2
    assert "no material of the element set 'EAL'; did you mean \"EALL\"?" in wrong.error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAW.replace('"plastic"', '"plastik"'), "unknown law; did you mean 'plastic'"),
        (LAW.replace("0.3", "0.5"), "parameter 'poisson' is 0.5, must be greater than -1 and less than 0.5"),
        (LAW.replace("2.0e5", "-2.0e5"), "parameter 'young' is -200000, must be greater than 0"),
        (LAW.replace("2.0e5", "[[100.0, 1.0], [20.0, 2.0]]"), "temperatures must increase, but 20 follows 100"),
        ('law = "plastic"\n', 'lacks the key "parameters"'),
    ],
)
def test_what_is_wrong_is_one_line(files, text, words):
    (files / "law.toml").write_text(text)
    told = romtool("law", files / "law.toml", "--path", files / "tension.toml")
    assert told.code == 2
    assert words in told.error


def test_invalid_parameters_are_refused_when_a_case_is_read(files):
    (files / "box.inp").write_text(deck_text())
    case = files / "case.toml"
    head = '[case]\nname = "box"\n[[simulations]]\nname = "base"\ndeck = "box.inp"\nresults = "none.frd"\n'
    material = "[[materials]]\nelements = 'EALL'\nlaw = 'elastic'\n[materials.parameters]\nyoung = 1.0\npoisson = 0.5\n"
    case.write_text(head + material)
    for command in (("import", case), ("offline", case, "-o", files / "m")):
        told = romtool(*command)
        assert told.code == 2
        assert "parameter 'poisson' is 0.5" in told.error


def test_without_a_path_there_is_nothing_to_do(files):
    told = romtool("law", files / "law.toml")
    assert told.code == 2
    assert "--path PATH.toml or --check" in told.error
