"""Result files of CalculiX, written by the tests in all three formats."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from romtool.convert.calculix import READER
from romtool.convert.calculix_frd import read_elements, read_index
from romtool.convert.calculix_types import FRD_TYPES
from romtool.convert.calculix_values import read_values
from romtool.errors import ReaderError
from romtool.types import Floats

TEXT, FLOAT32, FLOAT64 = 1, 2, 3
IDS = np.array([3, 1, 7, 9, 12])
POINTS = np.array([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
TETRAS = ((3, 5, (1, 3, 7, 9)), (3, 8, (3, 7, 9, 12)))


def rows(flag: int, ids: Sequence[int], values: Floats) -> bytes:
    """Return the rows of a block."""
    if flag == TEXT:
        lines = []
        for number, row in zip(ids, values, strict=True):
            for k in range(0, len(row), 6):
                head = f" -1{number:10d}" if k == 0 else " -2" + 10 * " "
                lines.append(head + "".join(f"{x:12.5E}" for x in row[k : k + 6]) + "\n")
        return "".join(lines).encode() + b" -3\n"
    kind = np.dtype([("id", "<i4"), ("v", "<f4" if flag == FLOAT32 else "<f8", (values.shape[1],))])
    out = np.zeros(len(values), kind)
    out["id"], out["v"] = ids, values
    return out.tobytes()


def nodes(flag: int, ids: Sequence[int] = tuple(IDS), points: Floats = POINTS) -> bytes:
    head = f"    2C{'':18}{len(ids):12d}{'':37}{1 if flag == TEXT else 3}\n".encode()
    return head + rows(flag if flag == TEXT else FLOAT64, ids, points)


def elements(flag: int, cells: Sequence[tuple[int, int, Sequence[int]]]) -> bytes:
    head = f"    3C{'':18}{len(cells):12d}{'':37}{1 if flag == TEXT else 2}\n".encode()
    if flag != TEXT:
        return head + np.concatenate([[i, kind, 0, 1, *n] for kind, i, n in cells]).astype("<i4").tobytes()
    text = ""
    for kind, i, n in cells:
        text += f" -1{i:10d}{kind:5d}{0:5d}{1:5d}\n"
        text += "".join(" -2" + "".join(f"{x:10d}" for x in n[k : k + 10]) + "\n" for k in range(0, len(n), 10))
    return head + text.encode() + b" -3\n"


def result(name: str, flag: int, key: tuple[int, int, float], values: Floats, analysis: int = 0) -> bytes:
    """Return a result block of (step, increment, time)."""
    step, increment, time = key
    names = {"DISP": "D1 D2 D3 ALL", "NDTEMP": "T", "STRESS": "SXX SYY SZZ SXY SYZ SZX", "FORC": "F1 F2 F3 ALL"}
    components = names.get(name, " ".join(f"{name}{i + 1}" for i in range(values.shape[1]))).split()
    kind = {"DISP": 2, "FORC": 2, "STRESS": 4}.get(name, 1)
    stamp = f"{time:12.5E}" if time < 1 else f" {time:.9f}"[:12]
    text = f"    1PSTEP{'':14}{1:12d}{increment:12d}{step:12d}\n"
    text += f"  100CL  101{stamp}{len(values):12d}{'':20}{analysis:2d}{increment:5d}{'':10}{flag:2d}\n"
    text += f" -4  {name:8s}{len(components):5d}{1:5d}\n"
    for i, component in enumerate(components):
        text += (
            f" -5  {component:8s}{1:5d}{kind:5d}{i + 1:5d}{0:5d}" + ("    1ALL" if component == "ALL" else "") + "\n"
        )
    return text.encode() + rows(flag, IDS, values)


def disp(factor: float) -> Floats:
    return factor * (POINTS + np.array([0.1, -2e-3, 3.0]))


def file(flag: int, cells: Sequence[tuple[int, int, Sequence[int]]] = TETRAS, end: bytes = b" 9999\n") -> bytes:
    return (
        b"    1C\n    1UUSER\n    1UMAT    1STEEL\n"
        + nodes(flag)
        + elements(flag, cells)
        + result("DISP", flag, (1, 1, 0.25), disp(1.0))
        + result("STRESS", flag, (1, 1, 0.25), np.arange(30.0).reshape(5, 6))
        + result("DISP", FLOAT64, (1, 2, 1.5), disp(2.0))
        + result("STRESS", FLOAT32, (1, 2, 1.5), np.arange(30.0).reshape(5, 6) / 3.0)
        + end
    )


def write(tmp_path: Path, data: bytes, name: str = "run.frd") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("flag", [TEXT, FLOAT32, FLOAT64])
def test_all_formats_and_blocks_of_different_formats(tmp_path: Path, flag: int) -> None:
    found = READER.read(write(tmp_path, file(flag)))
    order = np.argsort(IDS)
    assert found.mesh.node_ids.tolist() == [1, 3, 7, 9, 12]
    np.testing.assert_array_equal(found.mesh.points, POINTS[order])
    np.testing.assert_array_equal(found.times, [0.0, 0.25, 1.5])
    tolerance = {TEXT: 5e-6, FLOAT32: 6e-8, FLOAT64: 0.0}[flag]
    np.testing.assert_allclose(found.read("u", 1), disp(1.0)[order], rtol=tolerance)
    np.testing.assert_array_equal(found.read("u", 2), disp(2.0)[order])
    assert found.fields["u"].precision == tolerance
    assert found.fields["stress_nodal"].precision == max(tolerance, 6e-8)
    assert found.fields["stress_nodal"].components == ("xx", "yy", "zz", "xy", "yz", "zx")
    assert found.fields["u"].components == ("x", "y", "z")
    assert any("strains from it err by" in text for text in found.warnings) is (flag != FLOAT64)


def test_the_initial_state_is_added(tmp_path: Path) -> None:
    data = file(TEXT, end=result("NDTEMP", TEXT, (1, 2, 1.5), np.full((5, 1), 90.0)) + b" 9999\n")
    found = READER.read(write(tmp_path, data))
    assert not found.read("u", 0).any()
    assert np.isnan(found.read("T", 0)).all()
    assert np.isnan(found.read("T", 1)).all()
    assert (found.read("T", 2) == 90.0).all()
    assert any("initial temperature is not known" in text for text in found.warnings)
    assert any("NDTEMP is not written at every time" in text for text in found.warnings)


def test_the_initial_temperature_comes_from_the_deck(tmp_path: Path) -> None:
    deck = "*NODE,NSET=ALL\n3,1,0,0\n1,0,0,0\n7,0,1,0\n9,0,0,1\n12,1,1,1\n*ELEMENT,TYPE=C3D4\n5,1,3,7,9\n8,3,7,9,12\n"
    (tmp_path / "run.inp").write_text(deck + "*INITIAL CONDITIONS,TYPE=TEMPERATURE\nALL,20.\n7,25.1234567\n")
    data = file(FLOAT64, end=result("NDTEMP", FLOAT64, (1, 2, 1.5), np.full((5, 1), 90.0)) + b" 9999\n")
    found = READER.read(write(tmp_path, data))
    assert found.read("T", 0)[:, 0].tolist() == [20.0, 20.0, 25.123457, 20.0, 20.0]
    assert "ALL" in found.mesh.node_sets


@pytest.mark.parametrize("flag", [TEXT, FLOAT64])
def test_elements_of_all_types_come_in_vtk_order(tmp_path: Path, flag: int) -> None:
    cells = [(kind, 100 + 2 * kind + k, range(1, t.n_nodes + 1)) for kind, t in FRD_TYPES.items() for k in (0, 1)]
    data = nodes(flag, range(1, 21), np.zeros((20, 3))) + elements(flag, [*cells, *reversed(cells)]) + b" 9999\n"
    path = write(tmp_path, data)
    index = read_index(path)
    assert index.elements is not None
    found = {part.kind.cell_type: part for part in read_elements(path, index.elements)}
    straight = ("tetra", "tetra10", "wedge", "hexahedron", "quad8", "triangle6", "line3")
    assert all(found[name].nodes[0].tolist() == list(range(1, found[name].kind.n_nodes + 1)) for name in straight)
    assert found["hexahedron20"].nodes[1].tolist() == [*range(1, 13), 17, 18, 19, 20, 13, 14, 15, 16]
    assert found["wedge15"].nodes[0].tolist() == [*range(1, 10), 13, 14, 15, 10, 11, 12]
    assert found["tetra"].ids.tolist() == [106, 107, 107, 106]


def test_more_than_six_components_go_on_in_a_second_line(tmp_path: Path) -> None:
    values = np.arange(70.0).reshape(5, 14) / 7.0
    data = file(TEXT, end=result("SDV", TEXT, (1, 2, 1.5), values) + b" 9999\n")
    found = READER.read(write(tmp_path, data))
    np.testing.assert_allclose(found.read("SDV", 2), values[np.argsort(IDS)], rtol=5e-6)
    assert len(found.fields["SDV"].components) == 14


def test_eigenmodes_are_left_out(tmp_path: Path) -> None:
    data = file(TEXT, end=result("DISP", TEXT, (2, 1, 333.0), disp(5.0), analysis=2) + b" 9999\n")
    found = READER.read(write(tmp_path, data))
    assert found.times.tolist() == [0.0, 0.25, 1.5]
    assert any("eigenmodes" in text for text in found.warnings)


def test_what_did_not_converge_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "run.sta").write_text(
        "SUMMARY OF JOB INFORMATION\n  STEP      INC     ATT  ITRS     TOT TIME     STEP TIME      INC TIME\n"
        "     1          1     1     2  0.250000E+00  0.250000E+00  0.250000E+00\n"
        "     1          2     1U    4  0.250000E+00  0.250000E+00  0.250000E+00\n"
    )
    found = READER.read(write(tmp_path, file(FLOAT64, end=b"")))
    assert found.times.tolist() == [0.0, 0.25]
    assert any("did not converge" in text and "1.5" in text for text in found.warnings)


def test_a_stopped_run_without_sta_is_warned_about(tmp_path: Path) -> None:
    found = READER.read(write(tmp_path, file(FLOAT64, end=b"")))
    assert any("no end mark" in text for text in found.warnings)


@pytest.mark.parametrize("flag", [TEXT, FLOAT32, FLOAT64])
def test_a_file_cut_anywhere_raises_or_is_warned_about(tmp_path: Path, flag: int) -> None:
    data = file(flag)
    raised = 0
    for size in range(0, len(data) - 7, 41):
        path = write(tmp_path, data[:size])
        try:
            found = READER.read(path)
            values = [found.read(name, i) for name in found.fields for i in range(len(found.times))]
            assert len(values) == len(found.fields) * len(found.times)
            assert any("no end mark" in text for text in found.warnings)
        except ReaderError:
            raised += 1
    assert raised > len(data) // 41 - 8


@pytest.mark.parametrize("flag", [TEXT, FLOAT64])
def test_truncated_blocks_name_the_file(tmp_path: Path, flag: int) -> None:
    with pytest.raises(ReaderError, match=r"run\.frd: .*(the file before|expected|does not end)"):
        READER.read(write(tmp_path, file(flag)[:1200]))


def test_garbled_text_is_an_error(tmp_path: Path) -> None:
    data = file(TEXT)
    at = data.index(b"DISP")
    spoiled = data[: at + 260] + b"@@@@" + data[at + 264 :]
    path = write(tmp_path, spoiled)
    with pytest.raises(ReaderError, match="damaged"):
        READER.read(path).read("u", 1)
    with pytest.raises(ReaderError, match="expected the header of a block"):
        READER.read(write(tmp_path, b"this is no result file\n" + data))
    with pytest.raises(ReaderError, match="expected the number of nodes"):
        READER.read(write(tmp_path, data.replace(b"           5", b"           x", 1)))
    with pytest.raises(ReaderError, match="no nodes"):
        READER.read(write(tmp_path, b"    1C\n 9999\n"))


def test_missing_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"absent\.frd: does not exist"):
        READER.read(tmp_path / "absent.frd")
    with pytest.raises(ReaderError, match="cannot be read"):
        read_index(tmp_path / "absent.frd")


def test_times_must_increase(tmp_path: Path) -> None:
    data = file(TEXT, end=result("DISP", TEXT, (2, 1, 0.5), disp(1.0)) + b" 9999\n")
    with pytest.raises(ReaderError, match="follows a later or equal one"):
        READER.read(write(tmp_path, data))


def test_a_deck_that_does_not_fit_is_not_used(tmp_path: Path) -> None:
    moved = "*NODE\n3,1.5,0,0\n1,0,0,0\n7,0,1,0\n9,0,0,1\n12,1,1,1\n*ELEMENT,TYPE=C3D4\n5,1,3,7,9\n8,3,7,9,12\n"
    for deck, words in [
        (moved, "coordinates differ by 0.5"),
        (moved.replace("1.5", "1") + "*NODE\n77,3,3,3\n*ELEMENT,TYPE=C3D4\n9,1,3,7,77\n", "node 77 is not in"),
        (moved.replace("1.5", "1") + "*ELEMENT,TYPE=C3D4\n9,1,3,7,12\n", "element 9 is not in the results"),
        (moved.replace("1.5", "x"), "expected a number"),
    ]:
        (tmp_path / "run.inp").write_text(deck)
        found = READER.read(write(tmp_path, file(TEXT)))
        assert found.mesh.points[1].tolist() == [1.0, 0.0, 0.0]
        assert any(words in text for text in found.warnings)


def test_values_are_read_when_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, file(FLOAT64))
    found = READER.read(path)
    changed = path.read_bytes().replace(disp(2.0)[0, 0].tobytes(), np.float64(42.0).tobytes())
    path.write_bytes(changed)
    assert 42.0 in found.read("u", 2)


def test_single_blocks(tmp_path: Path) -> None:
    index = read_index(write(tmp_path, file(FLOAT32)))
    assert [block.name for block in index.results] == ["DISP", "STRESS", "DISP", "STRESS"]
    ids, values = read_values(index.path, index.results[2].data)
    np.testing.assert_array_equal(ids, IDS)
    np.testing.assert_array_equal(values, disp(2.0))
