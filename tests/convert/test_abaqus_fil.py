"""Abaqus' ASCII results: written here word by word, read lazily by increment."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from romtool.convert import abaqus_results
from romtool.convert.abaqus import READER
from romtool.convert.abaqus_types import find_type
from romtool.errors import ReaderError
from romtool.fem.checks import check_mesh
from romtool.types import Floats, Mesh, SolverResults
from tests.fem.meshes import cube
from tests.solver_files import fil_lines as lines
from tests.solver_files import fil_record as record

SOLIDS = {"C3D4": "tet4", "C3D10": "tet10", "C3D6": "wedge6", "C3D15": "wedge15", "C3D20": "hex20", "C3D20R": "hex20r"}


def model(mesh: Mesh, kind: str) -> str:
    """Return the records of the model: elements, nodes, a set with a long name."""
    ids = mesh.node_ids.tolist()
    to_file = np.argsort(find_type(kind).to_vtk)
    parts = [record(1921, "6.23-1", "07-Nov-2", "024", "16:50:01", mesh.n_elements, mesh.n_nodes, 1.0)]
    for element, nodes in zip(mesh.element_ids.tolist(), mesh.blocks[0].connectivity, strict=True):
        parts.append(record(1900, element, kind, *(ids[n] for n in nodes[to_file])))
    parts += [record(1901, node, *map(float, point)) for node, point in zip(ids, mesh.points, strict=True)]
    parts += [
        record(1931, "       1", *ids[:4]),
        record(1932, *ids[4:6]),
        record(1933, "BODY", *mesh.element_ids.tolist()),
    ]
    parts.append(record(1940, 1, "ASSEMBLY", "_A_LONG_", "NAME"))
    return "".join(parts) + record(2001)


def increment(
    mesh: Mesh, time: float, step: int, u: Floats, stress: Floats | None = None, *, perturbation: int = 0
) -> str:
    """Return the records of an increment; stress is (n_elements, n_points, 6) in romtool's order."""
    parts = [record(2000, time, time, 0.0, 0.0, 1, step, 1, perturbation, 0.0, 0.0, 0.5, *["title"] * 10)]
    if stress is not None:
        parts.append(record(1911, 0, "", "C3D"))
        for element, rows in zip(mesh.element_ids.tolist(), stress, strict=True):
            for k, row in enumerate(rows.tolist()):
                xx, yy, zz, xy, yz, zx = row
                parts.append(record(1, element, k + 1, 0, 0, "", 3, 3, 0, 0))
                parts.append(record(11, xx, yy, zz, xy, zx, yz))
                parts.append(record(21, xx, yy, zz, 2.0 * xy, 2.0 * zx, 2.0 * yz))
    parts += [record(101, node, *row) for node, row in zip(mesh.node_ids.tolist(), u.tolist(), strict=True)]
    return "".join(parts) + record(2001)


def write(path: Path, parts: Sequence[str]) -> Path:
    path.write_text("".join(map(lines, parts)))
    return path


def sample(folder: Path, kind: str = "C3D10", n_times: int = 3) -> tuple[Path, Mesh, Floats, Floats]:
    """Write a file with random fields; return it, its mesh, u and stress by time."""
    plain = cube(SOLIDS[kind], 1)
    mesh = Mesh(plain.points, plain.node_ids + 7, plain.blocks)
    random = np.random.default_rng(1)
    n_points = find_type(kind).n_points
    u = random.normal(size=(n_times, mesh.n_nodes, 3)) * 1e-3
    stress = random.normal(size=(n_times, mesh.n_elements, n_points, 6)) * 100.0
    parts = [increment(mesh, 0.5 * (i + 1), 1, u[i], stress[i]) for i in range(n_times)]
    return write(folder / "run.fil", [model(mesh, kind), *parts]), mesh, u, stress


@pytest.mark.parametrize("kind", SOLIDS)
def test_round_trip_of_each_solid(tmp_path: Path, kind: str) -> None:
    path, mesh, u, stress = sample(tmp_path, kind)
    found = READER.read(path)
    check_mesh(found.mesh)
    np.testing.assert_array_equal(found.mesh.points, mesh.points)
    np.testing.assert_array_equal(found.mesh.node_ids, mesh.node_ids)
    np.testing.assert_array_equal(found.mesh.blocks[0].connectivity, mesh.blocks[0].connectivity)
    assert found.mesh.blocks[0].formulation == SOLIDS[kind]
    assert found.times.tolist() == [0.0, 0.5, 1.0, 1.5]
    for i in range(3):
        np.testing.assert_allclose(found.read("u", i + 1), u[i], rtol=1e-15)
        np.testing.assert_allclose(found.read("stress", i + 1), stress[i].reshape(-1, 6), rtol=1e-15)
        np.testing.assert_allclose(found.read("strain", i + 1), stress[i].reshape(-1, 6), rtol=1e-15)
    assert not found.read("u", 0).any()
    assert not found.read("stress", 0).any()


def test_sets_have_their_long_names(tmp_path: Path) -> None:
    path, mesh, _, _ = sample(tmp_path)
    found = READER.read(path).mesh
    assert found.node_sets["A_LONG_NAME"].tolist() == [0, 1, 2, 3, 4, 5]
    assert len(found.element_sets["BODY"]) == mesh.n_elements


def test_values_are_read_one_increment_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _, _, _ = sample(tmp_path, n_times=6)
    found = READER.read(path)
    seen: list[float] = []
    original = abaqus_results.read_chunk

    def noted(where: Path, increment: abaqus_results.Increment) -> object:
        seen.append(increment.time)
        return original(where, increment)

    monkeypatch.setattr(abaqus_results, "read_chunk", noted)
    found.read("u", 5)
    assert seen == [found.times[5]]


def test_lines_that_an_editor_stripped_are_filled_up(tmp_path: Path) -> None:
    path, _, u, _ = sample(tmp_path)
    path.write_text("".join(line.rstrip() + "\r\n" for line in path.read_text().splitlines()))
    np.testing.assert_allclose(READER.read(path).read("u", 3), u[2], rtol=1e-15)


def opened(path: Path, mesh: Mesh, *increments: str) -> SolverResults:
    return READER.read(write(path / "run.fil", [model(mesh, "C3D4"), *increments]))


def test_modes_are_left_out(tmp_path: Path) -> None:
    mesh = cube("tet4", 1)
    u = np.ones((mesh.n_nodes, 3))
    found = opened(tmp_path, mesh, increment(mesh, 1.0, 1, u), increment(mesh, 1.0, 2, 9 * u, perturbation=1))
    assert found.times.tolist() == [0.0, 1.0]
    assert found.read("u", 1).max() == 1.0
    assert any("1 increments of perturbation steps" in text for text in found.warnings)


def test_times_must_increase(tmp_path: Path) -> None:
    mesh = cube("tet4", 1)
    u = np.ones((mesh.n_nodes, 3))
    with pytest.raises(ReaderError, match="time 1 follows a later or equal one"):
        opened(tmp_path, mesh, increment(mesh, 1.0, 1, u), increment(mesh, 1.0, 2, u))


def test_missing_rows_are_nan(tmp_path: Path) -> None:
    mesh = cube("tet4", 1)
    text = increment(mesh, 1.0, 1, np.ones((mesh.n_nodes, 3)))
    found = opened(tmp_path, mesh, text.replace(record(101, int(mesh.node_ids[2]), 1.0, 1.0, 1.0), ""))
    assert np.isnan(found.read("u", 1)[2]).all()
    assert np.isnan(found.read("u", 1)).sum() == 3


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95])
def test_a_cut_file_is_refused_with_the_byte(tmp_path: Path, part: float) -> None:
    path, _, _, _ = sample(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ReaderError, match=rf"run.fil: ends at byte {int(part * len(data))} .*it is truncated"):
        READER.read(path)


def test_binary_results_are_told(tmp_path: Path) -> None:
    (tmp_path / "run.fil").write_bytes(np.arange(2000, dtype="<i4").tobytes())
    with pytest.raises(ReaderError, match=r"FILE FORMAT, ASCII"):
        READER.read(tmp_path / "run.fil")


def test_surfaces_come_from_the_deck_beside(tmp_path: Path) -> None:
    mesh = cube("tet4", 1)
    path = write(tmp_path / "run.fil", [model(mesh, "C3D4"), increment(mesh, 1.0, 1, np.ones((mesh.n_nodes, 3)))])
    nodes = "".join(f"{i}, {p[0]!r}, {p[1]!r}, {p[2]!r}\n" for i, p in enumerate(mesh.points.tolist(), 1))
    rows = "".join(
        f"{i}, {', '.join(str(n + 1) for n in row)}\n" for i, row in enumerate(mesh.blocks[0].connectivity, 1)
    )
    deck = f"*NODE\n{nodes}*ELEMENT, TYPE=C3D4\n{rows}*SURFACE, NAME=LID\n1, S2\n"
    path.with_suffix(".inp").write_text(deck)
    assert READER.read(path).mesh.side_sets["LID"].tolist() == [[0, 1]]
    path.with_suffix(".inp").write_text(deck.replace(", 1.0\n", ", 1.5\n"))
    other = READER.read(path)
    assert not other.mesh.side_sets
    assert any("it is another mesh" in text for text in other.warnings)
