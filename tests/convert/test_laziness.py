"""Values are read one time at a time: opening a long history takes hardly more memory than opening a short one."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from romtool.convert.registry import read_results
from romtool.io.fields import write_series
from romtool.types import FieldInfo, Floats
from tests import solver_files
from tests.mesh_files import add_med_field, write_exodus, write_med
from tests.structures import box

FEW, MANY = 3, 33
MESH = box((9, 9, 9))
STEP = 24 * MESH.n_nodes
"""Bytes of the displacement at one time."""

U = np.random.default_rng(0).normal(size=(MANY, MESH.n_nodes, 3))


def write_own(path: Path, times: list[float], u: Floats) -> None:
    write_series(path, MESH, times, {"u": FieldInfo("node", ("x", "y", "z"))}, lambda name, i: u[i])


def write_exodus_history(path: Path, times: list[float], u: Floats) -> None:
    write_exodus(path, MESH, times, {f"disp_{axis}": u[:, :, k] for k, axis in enumerate("xyz")})


def write_med_history(path: Path, times: list[float], u: Floats) -> None:
    write_med(path, MESH)
    add_med_field(path, "r_______DEPL", ["DX", "DY", "DZ"], times, {"NOE": list(u[:, :, None])})


def write_frd(flag: int) -> Callable[[Path, list[float], Floats], object]:
    return lambda path, times, u: solver_files.write_frd(path, MESH, times, u, u[:, :, 0], flag)


def write_fil(path: Path, times: list[float], u: Floats) -> None:
    solver_files.write_fil(path, MESH, times, u, u[:, :, 0])


def write_zset(path: Path, times: list[float], u: Floats) -> None:
    solver_files.write_geof(path.with_suffix(".geof"), MESH)
    rows = [f"{i + 1} 1 1 {i} {time:.6e}\n" for i, time in enumerate(times)]
    path.write_text(f"**meshfile {path.stem}.geof\n**node U1 U2 U3\n**integ\n**element\n" + "".join(rows))
    u.transpose(0, 2, 1).astype(">f4").tofile(path.with_suffix(".node"))


WRITERS: dict[str, tuple[str, Callable[[Path, list[float], Floats], object]]] = {
    "calculix text": ("a.frd", write_frd(1)),
    "calculix float64": ("a.frd", write_frd(3)),
    "abaqus": ("a.fil", write_fil),
    "exodus": ("a.e", write_exodus_history),
    "med": ("a.med", write_med_history),
    "pvd": ("a.pvd", write_own),
    "xdmf": ("a.xdmf", write_own),
    "zset": ("a.ut", write_zset),
}


def peak(folder: Path, form: str, n_times: int) -> int:
    """Return the largest memory while a history is opened and read, one time after the other."""
    folder.mkdir()
    name, write = WRITERS[form]
    write(folder / name, [0.5 * i for i in range(n_times)], U[:n_times])
    read_results(folder / name).read("u", 0)  # imports, compiled loops
    tracemalloc.start()
    try:
        results = read_results(folder / name)
        for i in range(n_times):
            results.read("u", i)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", WRITERS)
def test_memory_does_not_grow_with_the_number_of_times(tmp_path: Path, form: str) -> None:
    growth = (peak(tmp_path / "many", form, MANY) - peak(tmp_path / "few", form, FEW)) / (MANY - FEW)
    assert growth < STEP / 2, f"{growth:.0f} bytes per time of {STEP}: more than its headings"


@pytest.mark.parametrize("form", WRITERS)
def test_values_do_not_change_when_read_again_or_in_another_order(tmp_path: Path, form: str) -> None:
    name, write = WRITERS[form]
    write(tmp_path / name, [0.0, 0.5, 1.0], U[:3])
    results = read_results(tmp_path / name)
    forth = [results.read("u", i) for i in range(3)]
    forth[1][:] = 0.0
    back = [results.read("u", i) for i in (2, 1, 0)][::-1]
    assert not np.array_equal(back[1], forth[1])
    for i in (0, 2):
        np.testing.assert_array_equal(back[i], forth[i])
