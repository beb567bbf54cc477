"""Law files and path files."""

from pathlib import Path

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.io.law import read_law, read_path

UNIAXIAL = 'kind = "uniaxial"\ntimes = [0.0, 1.0, 3.0]\nstrain_xx = [0.0, 0.01, 0.0]\n'


def path_of(folder: Path, text: str, table: str = "") -> Path:
    (folder / "table.csv").write_text(table)
    (folder / "path.toml").write_text(text)
    return folder / "path.toml"


def test_a_law_file_is_a_material(tmp_path):
    (tmp_path / "law.toml").write_text(
        'law = "umat"\nlibrary = "lib.so"\nn_state = 3\nstates = { p = 1, damage = [2, 3] }\nprops = [1.0, 2]\n'
        "reference_temperature = 20\nconvention = 'mean'\ndefinition_temperature = 0.0\n"
        "orientation = { euler = [1, 2, 3] }\n"
        "[parameters]\nexpansion = 1e-5\n"
    )
    material = read_law(tmp_path / "law.toml")
    assert material.plugin is not None
    assert material.plugin.library == str(tmp_path / "lib.so")
    assert material.plugin.states == {"p": (1, 1), "damage": (2, 3)}
    assert list(material.plugin.properties.values()) == [1.0, 2.0]
    assert (material.plugin.function, material.plugin.name) == ("umat", "ALL")
    assert (material.convention, material.orientation.kind) == ("mean", "euler")


def test_increments_and_cycles(tmp_path):
    path = read_path(path_of(tmp_path, UNIAXIAL + "increments = 2\ncycles = 2\ntemperature = [20.0, 100.0, 20.0]\n"))
    np.testing.assert_allclose(path.times, [0, 0.5, 1, 2, 3, 3.5, 4, 5, 6])
    np.testing.assert_allclose(path.values[:, 0], [0, 0.005, 0.01, 0.005, 0, 0.005, 0.01, 0.005, 0])
    np.testing.assert_allclose(path.temperature, [20, 60, 100, 60, 20, 60, 100, 60, 20])
    assert path.corners.tolist() == [0, 2, 4, 6, 8]
    assert path.by_strain.tolist() == [True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("kind", "by_strain"),
    [
        ("uniaxial", "xx"),
        ("strain", "xx yy zz xy yz zx"),
        ("thermal", "xx"),
        ("plane_stress", "xx yy xy"),
        ("plane_strain", "xx zz yz zx"),
        ("axisymmetric", "xx yz zx"),
    ],
)
def test_what_a_kind_leaves_zero(tmp_path, kind, by_strain):
    path = read_path(path_of(tmp_path, UNIAXIAL.replace("uniaxial", kind)))
    names = np.array(["xx", "yy", "zz", "xy", "yz", "zx"])
    assert names[path.by_strain].tolist() == by_strain.split()


def test_a_table(tmp_path):
    table = "time, temperature, stress_xx, strain_xy\n0, 20, 0, 0\n1, 30, 100, 1e-3\n4, 30, 100, 2e-3\n"
    path = read_path(path_of(tmp_path, 'kind = "table"\nfile = "table.csv"\n', table))
    np.testing.assert_allclose(path.times, [0, 1, 4])
    np.testing.assert_allclose(path.values[:, [0, 3]], [[0, 0], [100, 1e-3], [100, 2e-3]])
    assert path.by_strain.tolist() == [False, False, False, True, False, False]
    assert path.given == ("stress_xx", "strain_xy")
    strains = read_path(path_of(tmp_path, 'kind = "table"\nfile = "table.csv"\nrest = "strain"\n', table))
    assert strains.by_strain.tolist() == [False, True, True, True, True, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'lacks the key "kind"'),
        ('kind = "bending"', 'has kind = "bending"; expected one of'),
        ('kind = "uniaxial"\nstrain_xx = 0.1', 'has the key "times" for every kind but "table"'),
        ('kind = "table"\ntimes = [0, 1]', 'has the key "file" for kind = "table"'),
        ('kind = "uniaxial"\ntimes = [0.0, 0.0]\nstrain_xx = 0.0', "times that do not increase"),
        ('kind = "uniaxial"\ntimes = [0.0, 1.0]', 'lacks the key "strain_xx" or "stress_xx"'),
        ('kind = "shear"\ntimes = [0.0, 1.0]\nstrain_xx = 0.0', 'lacks the key "strain_xy"'),
        (
            'kind = "uniaxial"\ntimes = [0.0, 1.0]\nstrain_xx = [1.0]',
            "strain_xx has 1 values; expected one number, or 2",
        ),
        (UNIAXIAL + "stress_xx = 1.0", "has strain_xx and stress_xx; give one of them"),
        (UNIAXIAL.replace("uniaxial", "plane_stress") + "strain_zz = 0.1", r"has stress_zz = 0; leave strain_zz out"),
        (UNIAXIAL.replace("0.01, 0.0]", "0.01, 0.02]") + "cycles = 2", "does not end where it begins"),
        (UNIAXIAL + "strain_rr = 1.0", 'has no key "strain_rr"; did you mean'),
    ],
)
def test_a_wrong_path_is_one_line(tmp_path, text, message):
    with pytest.raises(CaseError, match=message) as caught:
        read_path(path_of(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("time, strain_rr\n0, 0\n1, 1\n", 'no column "strain_rr"; did you mean'),
        ("temperature, strain_xx\n0, 0\n1, 1\n", "expected a header with the column time"),
        ("time, strain_xx\n0, 0\n", "two rows or more"),
        ("time, strain_xx\n0, 0\n0, 1\n", "times that do not increase"),
        ("time, strain_xx\n0, x\n1, 1\n", "expected a header and rows of numbers"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, table, message):
    with pytest.raises(CaseError, match=message) as caught:
        read_path(path_of(tmp_path, 'kind = "table"\nfile = "table.csv"\n', table))
    assert "\n" not in str(caught.value)
    assert "table.csv" in str(caught.value)
