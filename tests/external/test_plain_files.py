"""CalculiX, Z-set and XDMF files against their bytes read plainly: lines by Python, float32 by NumPy, HDF5 by h5py.

Counts, ids, sets, times, and every value of every field, by id.
"""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from romtool.convert.registry import read_results
from romtool.types import SolverResults
from tests.shared_data import shared

# CalculiX: characters of lines


def frd_lines(path: Path) -> dict[str, Any]:
    """Return nodes and elements by id, and [(time, name, {id: values})] of a text `.frd`, line by line."""
    nodes: dict[int, list[float]] = {}
    elements: dict[int, tuple[int, list[int]]] = {}
    results: list[tuple[float, str, dict[int, list[float]]]] = []
    part, time, rows = "", 0.0, nodes
    for line in path.read_text().splitlines():
        if line[:6].strip() in ("2C", "3C"):
            part, rows = line.strip()[:2], nodes
        elif line.startswith("  100C"):
            part, time = "100C", float(line[12:24])
        elif line.startswith(" -4"):
            rows = {}
            results.append((time, line[5:13].strip(), rows))
        elif line.startswith(" -1") and part == "3C":
            last = int(line[3:13])
            elements[last] = (int(line[13:18]), [])
        elif line.startswith(" -2") and part == "3C":
            elements[last][1].extend(map(int, re.findall(".{10}", line[3:])))
        elif line.startswith(" -1"):
            rows[int(line[3:13])] = [float(word) for word in re.findall(".{12}", line[13:])]
        elif line.startswith(" -2"):
            rows[max(rows)].extend(float(word) for word in re.findall(".{12}", line[13:]))
    return {"nodes": nodes, "elements": elements, "results": results}


FRD_NAMES = {
    "u": "DISP",
    "internal_force": "FORC",
    "T": "NDTEMP",
    "stress_nodal": "STRESS",
    "p_nodal": "PE",
    "strain_nodal": "TOSTRAIN",
}
TABLE = {
    "bar_c3d10": (921, 420, 10, {"NALL": 921, "FIX": 65, "LOAD": 65, "HOT": 163}, {"BODY": 420, "LEFTHALF": 209}),
    "bar_c3d20r": (261, 32, 31, {"NALL": 261, "FIX": 21, "LOAD": 21, "HOT": 69}, {"BODY": 32, "LEFTHALF": 16}),
    "vtkdata_mesh": (None, None, 3, {}, {}),
}
"""Nodes, elements, times, node sets, element sets."""


@pytest.mark.parametrize("name", TABLE)
def test_calculix_results_line_by_line(name: str) -> None:
    n_nodes, n_elements, n_times, node_sets, element_sets = TABLE[name]
    path = shared("solver-files", "calculix", f"{name}.frd")
    found, plain = read_results(path), frd_lines(path)
    mesh = found.mesh
    used = {node for _, nodes in plain["elements"].values() for node in nodes}
    assert mesh.node_ids.tolist() == sorted(used)
    assert sorted(mesh.element_ids.tolist()) == sorted(plain["elements"])
    assert n_nodes in (None, mesh.n_nodes)
    assert n_elements in (None, mesh.n_elements)
    for block in mesh.blocks:
        for number, nodes in zip(block.element_ids.tolist(), mesh.node_ids[block.connectivity].tolist(), strict=True):
            assert sorted(nodes) == sorted(plain["elements"][number][1])
    points = np.array([plain["nodes"][node] for node in mesh.node_ids.tolist()])
    np.testing.assert_allclose(mesh.points, points, rtol=0, atol=5e-6 * np.abs(points).max())  # digits of the text
    assert len(found.times) == n_times
    for key, count in node_sets.items():
        assert len(mesh.node_sets[key]) == count
    for key, count in element_sets.items():
        assert len(mesh.element_sets[key]) == count
    check_frd_fields(found, plain)


def check_frd_fields(found: SolverResults, plain: dict[str, Any]) -> None:
    """Compare every value of every nodal field; the first time is the one that was added."""
    times = list(dict.fromkeys(time for time, _, _ in plain["results"]))
    np.testing.assert_allclose(found.times[-len(times) :], times, rtol=6e-6)
    offset, compared = len(found.times) - len(times), 0
    for field, info in found.fields.items():
        if info.location != "node":
            continue
        for time, name, rows in plain["results"]:
            if name == FRD_NAMES.get(field, field):
                values = found.read(field, offset + times.index(time))
                theirs = np.array([rows.get(i, [np.nan] * values.shape[1]) for i in found.mesh.node_ids.tolist()])
                np.testing.assert_array_equal(values, theirs.reshape(values.shape), err_msg=field)
                compared += 1
    assert compared == len(plain["results"])


@pytest.mark.parametrize("name", ["bar_c3d10", "bar_c3d20r"])
def test_calculix_tables_line_by_line(name: str) -> None:
    path = shared("solver-files", "calculix", f"{name}.dat")
    found = read_results(path)
    block = found.mesh.blocks[0]
    n_points = 4 if block.cell_type == "tetra10" else 8
    row_of = {number: n_points * i for i, number in enumerate(block.element_ids.tolist())}
    field, compared, values = "", 0, np.zeros((0, 0))
    for line in path.read_text().splitlines():
        words = line.split()
        if "integ.pnt." in line:
            field = {"stresses": "stress", "equivalent plastic strain": "p"}[line.partition("(")[0].strip()]
            index = int(np.argmin(np.abs(found.times - float(words[-1]))))
            assert found.times[index] == pytest.approx(float(words[-1]), rel=6e-6)
            values = found.read(field, index)
        elif "total force" in line or "forces" in line:
            field = ""
        elif field and len(words) > 2:
            numbers = [float(word) for word in words[2:]]
            ours = values[row_of[int(words[0])] + int(words[1]) - 1]
            assert ours.tolist() == (numbers if len(numbers) == 1 else [*numbers[:4], numbers[5], numbers[4]])
            compared += 1
    assert compared > 1000


# Z-set: float32 records

ZSET = [
    ("zset", "MecaSequential", "cube"),
    ("zset", "MecaSequentialSimpleMises", "cube"),
    ("zset", "MecaSequentialTetra", "cube"),
    ("zset", "MecaParallel", "cube-001"),
    ("zset", "MecaParallel", "cube-002"),
    ("solver-files", "zset", "cube"),
]
TENSOR = ("11", "22", "33", "12", "23", "31")
SOURCES = {
    "u": ("U1", "U2", "U3"),
    "internal_force": ("RU1", "RU2", "RU3"),
    "strain": tuple(f"eto{k}" for k in TENSOR),
    "stress": tuple(f"sig{k}" for k in TENSOR),
    "p": ("evrcum",),
}


def file_order(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    """Return the rows of ascending node ids in a text mesh; those of the binary one are in order."""
    if path.suffix == ".geo":
        return np.arange(1981)
    words = path.read_text().split()
    start = words.index("**node") + 3
    ids = np.array(words[start : start + 4 * int(words[start - 2]) : 4], int)
    return np.argsort(ids)


@pytest.mark.parametrize("parts", ZSET, ids="/".join)
def test_zset_records_read_by_numpy(parts: tuple[str, ...]) -> None:
    path = shared(*parts[:-1], f"{parts[-1]}.ut")
    lines = path.read_text().splitlines()
    names = {line.split()[0][2:]: line.split()[1:] for line in lines if line.startswith("**")}
    times = [float(line.split()[4]) for line in lines if line[:1].isdigit()]
    found = read_results(path)
    assert found.times.tolist() == times
    n_nodes, n_elements = found.mesh.n_nodes, found.mesh.n_elements
    order = file_order(path.parent / names["meshfile"][0])
    nodal = np.fromfile(path.with_suffix(".node"), ">f4").reshape(len(times), len(names["node"]), n_nodes)
    integ = np.fromfile(path.with_suffix(".integ"), ">f4").reshape(len(times), n_elements, len(names["integ"]), -1)
    for i in range(len(times)):
        for field, sources in SOURCES.items():
            sources = ("epcum",) if sources == ("evrcum",) and "epcum" in names["integ"] else sources
            if field in found.fields and found.fields[field].location == "node":
                theirs = nodal[i, [names["node"].index(name) for name in sources]].T[order]
            elif field in found.fields:
                columns = [names["integ"].index(name) for name in sources]
                theirs = integ[i][:, columns].transpose(0, 2, 1).reshape(-1, len(sources))
            else:
                continue
            np.testing.assert_array_equal(found.read(field, i), theirs, err_msg=field)


# XDMF: datasets

XDMF = {
    "out": (
        "data1",
        "data0",
        {"u": [f"data{3 * k}" for k in range(1, 6)], "a": [f"data{3 * k + 1}" for k in range(1, 6)]},
    ),
    "no_checkpoint": (
        "Mesh/0/mesh/topology",
        "Mesh/0/mesh/geometry",
        {"f_5": [f"VisualisationVector/{k}" for k in range(5)]},
    ),
}
"""Datasets of cells and points, and of each field by time."""


@pytest.mark.parametrize("name", XDMF)
def test_xdmf_datasets_read_by_h5py(name: str) -> None:
    cells, points, fields = XDMF[name]
    path = shared("solver-files", "xdmf", f"{name}.xdmf")
    found = read_results(path)
    assert found.times.tolist() == [float(t) for t in re.findall(r'<Time Value="([^"]+)"', path.read_text())]
    with h5py.File(path.with_suffix(".h5")) as file:
        nodes = found.mesh.blocks[0].connectivity
        assert np.sort(nodes, axis=1).tolist() == np.sort(file[cells][()], axis=1).tolist()
        np.testing.assert_array_equal(found.mesh.points[:, : file[points].shape[1]], file[points][()])
        for field, datasets in fields.items():
            for i, dataset in enumerate(datasets):
                values = file[dataset][()].reshape(len(file[dataset]), -1)
                np.testing.assert_array_equal(found.read(field, i)[:, : values.shape[1]], values)
