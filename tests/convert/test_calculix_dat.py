"""Integration-point tables of CalculiX, written by the tests."""

from pathlib import Path

import numpy as np
import pytest

from romtool.convert.calculix import READER
from romtool.convert.calculix_dat import point_fields, point_map, read_index, read_rows
from romtool.convert.calculix_mesh import read_mesh
from romtool.convert.registry import find_reader, read_results
from romtool.errors import ReaderError
from romtool.types import Floats, Mesh, SolverResults

TENSOR = "xx,yy,zz,xy,xz,yz"
TITLES = {
    "S": " stresses (elem, integ.pnt.," + ",".join("s" + c for c in TENSOR.split(",")) + ") for set {0} and time  {1}",
    "E": " strains (elem, integ.pnt.," + ",".join("e" + c for c in TENSOR.split(",")) + ") for set {0} and time  {1}",
    "ME": " mechanical strains (elem, integ.pnt.,exx,eyy,ezz,exy,exz,eyz) for set {0} and time  {1}",
    "PEEQ": " equivalent plastic strain (elem, integ.pnt.,pe)for set {0} and time  {1}",
    "COORD": " global coordinates (elem, integ.pnt.,x,y,z) for set {0} and time  {1}",
    "SDV": " internal state variables (elem, integ.pnt.,values) for set {0} and time  {1}",
}
DECK = """*NODE
1,0,0,0
2,1,0,0
3,0,1,0
4,0,0,1
5,1,1,1
6,1,1,0
7,0,1,1
8,1,0,1
*ELEMENT,TYPE=C3D4
30,1,2,3,4
10,2,3,4,5
*ELEMENT,TYPE=C3D6
20,1,2,3,4,8,7
*ELEMENT,TYPE=C3D8R
40,1,2,6,3,4,8,5,7
"""


def values(element: int, point: int, width: int, time: float) -> Floats:
    return time * (100.0 * element + 10.0 * point + np.arange(width))


def table(kind: str, time: float, points: list[tuple[int, int]], name: str = "A", tail: str = "") -> str:
    width = {"PEEQ": 1, "COORD": 3, "SDV": 8}.get(kind, 6)
    text = "\n" + TITLES[kind].format(name, f"{time:13.7E}") + "\n\n"
    for element, point in points:
        numbers = "".join(f" {x:13.6E}" for x in values(element, point, width, time))
        text += f"{element:10d} {point:3d}{numbers}{tail}\n"
    return text


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.dat"
    path.write_text(text)
    return path


def mesh(tmp_path: Path) -> Mesh:
    (tmp_path / "deck.inp").write_text(DECK)
    return read_mesh(tmp_path / "deck.inp").mesh


POINTS = [(20, 1), (20, 2), (10, 1)]


def test_points_are_in_block_order_and_nan_where_nothing_was_printed(tmp_path: Path) -> None:
    index = read_index(write(tmp_path, table("S", 0.5, POINTS) + table("PEEQ", 0.5, POINTS) + table("S", 1.0, POINTS)))
    found = point_fields(index, mesh(tmp_path))
    assert found.fields["stress"].components == ("xx", "yy", "zz", "xy", "yz", "zx")
    stress = found.read("stress", 1.0, 1e-6)
    assert stress.shape == (4, 6)
    assert np.isnan(stress[0]).all()
    expected = values(10, 1, 6, 1.0)
    np.testing.assert_array_equal(stress[1], expected[[0, 1, 2, 3, 5, 4]])
    np.testing.assert_array_equal(stress[3], values(20, 2, 6, 1.0)[[0, 1, 2, 3, 5, 4]])
    np.testing.assert_array_equal(found.read("p", 0.5, 1e-6)[1:, 0], [values(e, k, 1, 0.5)[0] for e, k in
                                                                     [(10, 1), (20, 1), (20, 2)]])  # fmt: skip
    assert np.isnan(found.read("p", 1.0, 1e-6)).all()


def test_tables_of_several_sets_are_joined(tmp_path: Path) -> None:
    text = table("ME", 1.0, POINTS) + table("ME", 1.0, [(30, 1)], name="B")
    found = point_fields(read_index(write(tmp_path, text)), mesh(tmp_path))
    strain = found.read("mechanical_strain", 1.0, 1e-6)
    assert not np.isnan(strain).any()
    np.testing.assert_array_equal(strain[0], values(30, 1, 6, 1.0)[[0, 1, 2, 3, 5, 4]])


def test_the_initial_state_is_zero_where_points_are_printed(tmp_path: Path) -> None:
    text = table("E", 1.0, POINTS) + table("COORD", 1.0, POINTS) + table("SDV", 1.0, POINTS)
    found = point_fields(read_index(write(tmp_path, text)), mesh(tmp_path))
    assert found.read("strain", None, 0.0)[1:].tolist() == np.zeros((3, 6)).tolist()
    assert np.isnan(found.read("strain", None, 0.0)[0]).all()
    assert found.read("COORD", None, 0.0)[1].tolist() == values(10, 1, 3, 1.0).tolist()
    assert found.fields["SDV"].components == tuple("12345678")


def test_elements_without_formulation_have_no_points(tmp_path: Path) -> None:
    text = table("E", 1.0, [*POINTS, (40, 1)])
    found = point_fields(read_index(write(tmp_path, text)), mesh(tmp_path))
    assert found.read("strain", 1.0, 1e-6).shape == (4, 6)
    assert point_map(mesh(tmp_path)).total == 4


def test_local_axes_are_flagged(tmp_path: Path) -> None:
    text = table("S", 1.0, POINTS, tail=" OR1                 ") + table("PEEQ", 1.0, POINTS)
    found = point_fields(read_index(write(tmp_path, text)), mesh(tmp_path))
    assert set(found.fields) == {"stress_local", "p"}
    assert any("local axes" in text and "GLOBAL=YES" in text for text in found.warnings)
    assert found.read("stress_local", 1.0, 1e-6)[1, 0] == values(10, 1, 6, 1.0)[0]


def test_three_digit_exponents_without_e(tmp_path: Path) -> None:
    text = table("PEEQ", 1.0, POINTS).replace(" 2.010000E+03", " 2.01000-103")
    text = text.replace(" 2.01000-103", " 2.010000-103")
    index = read_index(write(tmp_path, text))
    assert read_rows(index.path, index.tables[0]).values[0, 0] == 2.01e-103


def test_a_table_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    text = table("S", 0.5, POINTS) + table("S", 1.0, POINTS)
    for lost in (1, 30, 101):
        with pytest.raises(ReaderError, match=r"run\.dat: the table of S at time 1 is cut off"):
            read_index(write(tmp_path, text[:-lost]))


def test_damaged_tables_are_errors(tmp_path: Path) -> None:
    spoiled = table("S", 1.0, POINTS).replace("2.010000E+03", "2.01x000E+03")
    index = read_index(write(tmp_path, spoiled))
    with pytest.raises(ReaderError, match="damaged"):
        read_rows(index.path, index.tables[0])
    with pytest.raises(ReaderError, match="expected the title of a table"):
        read_index(write(tmp_path, " stresses (elem, integ.pnt.,sxx\n"))
    with pytest.raises(ReaderError, match="expected a number"):
        read_index(write(tmp_path, TITLES["S"].format("A", "soon") + "\n"))
    with pytest.raises(ReaderError, match="cannot be read"):
        read_index(tmp_path / "absent.dat")


def test_foreign_elements_and_points_are_errors(tmp_path: Path) -> None:
    for points, words in [([(77, 1)], "element 77"), ([(20, 3)], "point 3 of element 20")]:
        found = point_fields(read_index(write(tmp_path, table("E", 1.0, points))), mesh(tmp_path))
        with pytest.raises(ReaderError, match=words):
            found.read("strain", 1.0, 1e-6)


def test_an_empty_file_has_no_tables(tmp_path: Path) -> None:
    assert read_index(write(tmp_path, "")).tables == ()
    assert read_index(write(tmp_path, "\n forces (fx,fy,fz) for set A and time 1.\n\n 1 2. 3. 4.\n")).tables == ()


def frd(times: list[float]) -> bytes:
    """Return a text file with the mesh of DECK's C3D8R as `he8` and zero displacements at the times."""
    xyz = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    text = f"    1C\n    2C{'':18}{8:12d}{'':37}1\n"
    text += "".join(f" -1{i + 1:10d}" + "".join(f"{x:12.5E}" for x in p) + "\n" for i, p in enumerate(xyz)) + " -3\n"
    text += f"    3C{'':18}{1:12d}{'':37}1\n -1{40:10d}{1:5d}{0:5d}{1:5d}\n -2"
    text += "".join(f"{i:10d}" for i in (1, 2, 6, 3, 4, 8, 5, 7)) + "\n -3\n"
    for k, time in enumerate(times):
        text += f"    1PSTEP{'':14}{k + 1:12d}{k + 1:12d}{1:12d}\n"
        text += f"  100CL  101{time:12.5E}{8:12d}{'':20}{0:2d}{k + 1:5d}{'':10}{1:2d}\n -4  DISP        1    1\n"
        text += " -5  D1          1    2    1    0\n"
        text += "".join(f" -1{i + 1:10d}{0.0:12.5E}\n" for i in range(8)) + " -3\n"
    return (text + " 9999\n").encode()


def history(tmp_path: Path, tables: str, times: list[float]) -> SolverResults:
    (tmp_path / "run.frd").write_bytes(frd(times))
    (tmp_path / "run.dat").write_text(tables)
    return READER.read(tmp_path / "run.frd")


def test_times_have_the_digits_of_the_dat_and_of_the_deck(tmp_path: Path) -> None:
    eight = [(40, k) for k in range(1, 9)]
    text = "".join(table("PEEQ", t, eight) for t in (0.1428571, 0.2857143))
    found = history(tmp_path, text, [0.142857, 0.285714])
    assert found.times.tolist() == [0.0, 0.1428571, 0.2857143]
    assert found.read("p", 2)[0, 0] == 4010.0 * 0.2857143 or np.isclose(found.read("p", 2)[0, 0], 4010 * 0.2857143)
    deck = DECK.replace("*ELEMENT,TYPE=C3D4\n30,1,2,3,4\n10,2,3,4,5\n*ELEMENT,TYPE=C3D6\n20,1,2,3,4,8,7\n", "")
    (tmp_path / "run.inp").write_text(
        deck.replace("C3D8R", "C3D8") + "*STEP\n*STATIC,DIRECT\n0.1428571428571,1.\n*END STEP\n"
    )
    assert READER.read(tmp_path / "run.frd").times.tolist() == [0.0, 0.1428571428571, 2 * 0.1428571428571]


def test_times_of_only_one_file_are_reported(tmp_path: Path) -> None:
    eight = [(40, k) for k in range(1, 9)]
    text = "".join(table("PEEQ", t, eight) for t in (0.25, 0.5))
    found = history(tmp_path, text, [0.25, 0.75])
    assert found.times.tolist() == [0.0, 0.25, 0.75]
    assert np.isnan(found.read("p", 2)).all()
    assert any("p is not in the .dat at 1 of the times" in text for text in found.warnings)
    assert any("1 times that the .frd has not" in text for text in found.warnings)


def test_the_printed_points_tell_the_integration(tmp_path: Path) -> None:
    one = history(tmp_path, table("PEEQ", 0.5, [(40, 1)]), [0.5])
    assert [block.solver_type for block in one.mesh.blocks] == ["C3D8R"]
    eight = history(tmp_path, table("PEEQ", 0.5, [(40, k) for k in range(1, 9)]), [0.5])
    assert [block.formulation for block in eight.mesh.blocks] == ["hex8_mean"]
    assert any("does not tell full from reduced" in text for text in eight.warnings)


def test_a_dat_stands_for_the_results_beside_it(tmp_path: Path) -> None:
    eight = [(40, k) for k in range(1, 9)]
    history(tmp_path, table("PEEQ", 0.5, eight), [0.5])
    path = tmp_path / "run.dat"
    assert find_reader(path) is READER
    found = read_results(path)
    assert list(found.fields) == ["u", "p"]
    assert tmp_path / "run.frd" in found.paths
    (tmp_path / "run.frd").unlink()
    with pytest.raises(ReaderError, match=r"run\.dat holds tables without a mesh; expected run\.frd beside it"):
        read_results(path)
    path.write_text("nothing\n")
    with pytest.raises(ReaderError, match="neither a calculix nor nastran file"):
        read_results(path)


def test_a_dat_without_tables_is_told(tmp_path: Path) -> None:
    found = history(tmp_path, "noise\n", [0.5])
    assert any("run.dat holds no table" in text for text in found.warnings)
    assert not any("run.dat" in text for text in history(tmp_path, "", [0.5]).warnings)
