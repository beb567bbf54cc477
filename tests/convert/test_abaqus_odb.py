"""The export script for Abaqus' own Python, on a made-up database: romtool reads what it writes."""

import ast
import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from romtool.convert.registry import read_results
from romtool.fem.checks import check_mesh
from romtool.types import Mesh
from tests.fem.meshes import cube

SCRIPT = Path(__file__).parents[2] / "scripts" / "abaqus_odb.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("abaqus_odb", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def instance(name: str, mesh: Mesh, shift: float) -> Any:
    """Return an instance of a part with labels 10, 20, … in falling order, one shell, and a set."""
    label = [10 * (i + 1) for i in range(mesh.n_nodes)]
    nodes = [
        SimpleNamespace(label=k, coordinates=tuple(np.add(p, [shift, 0.0, 0.0])), instanceName=name)
        for k, p in zip(label, mesh.points, strict=True)
    ]
    cells = [tuple(label[n] for n in row) for row in mesh.blocks[0].connectivity]
    kinds = {4: "C3D4", 10: "C3D10", 20: "C3D20R", 8: "C3D8"}
    elements = [
        SimpleNamespace(label=k + 5, type=kinds[len(row)], connectivity=row, instanceName=name)
        for k, row in enumerate(cells)
    ]
    elements.append(SimpleNamespace(label=99, type="S3", connectivity=cells[0][:3], instanceName=name))
    sets = {"BOTTOM": SimpleNamespace(nodes=[node for node in nodes if node.coordinates[2] == 0.0])}
    return SimpleNamespace(name=name, nodes=nodes[::-1], elements=elements[::-1], nodeSets=sets, elementSets={})


def block(of: Any, data: Any, double: bool) -> Any:
    labels = [node.label for node in of.nodes] if of is not None else None
    key = "dataDouble" if double else "data"
    return SimpleNamespace(
        instance=of, nodeLabels=labels, precision="DOUBLE_PRECISION" if double else "SINGLE_PRECISION", **{key: data}
    )


def database(mesh: Mesh, double: bool = True) -> Any:
    """Return two instances; u = time * (label, x, 0), T = 20 + time; steps in time and one of modes."""
    both = [instance("A", mesh, 0.0), instance("B", mesh, 3.0)]
    kind = np.float64 if double else np.float32

    def frame(total: float, value: float) -> Any:
        u = [[[total * node.label, total * node.coordinates[0], 0.0] for node in one.nodes] for one in both]
        t = [[[20.0 + total] for _ in one.nodes] for one in both]
        return SimpleNamespace(
            frameValue=value,
            fieldOutputs={
                name: SimpleNamespace(
                    bulkDataBlocks=[*(block(o, np.array(d, kind), double) for o, d in zip(both, found, strict=True)),
                                    block(None, None, double)]
                )
                for name, found in (("U", u), ("NT11", t))
            },
        )  # fmt: skip

    steps = {
        "Load": SimpleNamespace(name="Load", domain="TIME", totalTime=0.0, frames=[frame(0.0, 0.0), frame(0.5, 0.5)]),
        "Modes": SimpleNamespace(name="Modes", domain="MODAL", totalTime=0.5, frames=[frame(9.0, 1.0)]),
        "Hold": SimpleNamespace(name="Hold", domain="TIME", totalTime=0.5, frames=[frame(0.5, 0.0), frame(1.5, 1.0)]),
    }
    lid = SimpleNamespace(elements=([both[0].elements[-1]], [both[1].elements[-1]]))
    assembly = SimpleNamespace(instances={one.name: one for one in both}, nodeSets={}, elementSets={"Both & more": lid})
    return SimpleNamespace(rootAssembly=assembly, steps=steps)


@pytest.mark.parametrize("formulation", ["tet4", "tet10", "hex8", "hex20r"])
def test_romtool_reads_what_the_script_writes(
    script: ModuleType, formulation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = cube(formulation, 1)
    n, cells = mesh.n_nodes, mesh.blocks[0].connectivity
    assert script.export(database(mesh), str(tmp_path / "job.xdmf")) == 3
    said = capsys.readouterr().out
    assert "2 elements of type S3 are left out" in said
    assert "step Modes is not in time (MODAL): left out" in said
    found = read_results(tmp_path / "job.xdmf")
    check_mesh(found.mesh)
    np.testing.assert_array_equal(
        found.mesh.points, np.concatenate([mesh.points, np.add(mesh.points, [3.0, 0.0, 0.0])])
    )
    assert found.mesh.node_ids.tolist() == list(range(1, 2 * n + 1))
    (only,) = found.mesh.blocks
    np.testing.assert_array_equal(only.connectivity, np.concatenate([cells, cells + n]))
    bottom = np.flatnonzero(mesh.points[:, 2] == 0.0)
    assert found.mesh.node_sets["A.BOTTOM"].tolist() == bottom.tolist()
    assert found.mesh.node_sets["B.BOTTOM"].tolist() == (bottom + n).tolist()
    if len(cells) > 1:  # else the set is the whole mesh
        assert found.mesh.element_sets["Both & more"].tolist() == [0, len(cells)]
    assert found.times.tolist() == [0.0, 0.5, 1.5]
    labels = np.tile(10.0 * np.arange(1, n + 1), 2)
    for i, time in enumerate(found.times):
        expected = np.column_stack([time * labels, time * found.mesh.points[:, 0], np.zeros(2 * n)])
        np.testing.assert_allclose(found.read("u", i), expected, rtol=1e-15)
        assert (found.read("T", i) == 20.0 + time).all()


def test_single_precision_is_taken_where_abaqus_has_no_more(script: ModuleType, tmp_path: Path) -> None:
    script.export(database(cube("tet4", 1), double=False), str(tmp_path / "job.xdmf"))
    assert read_results(tmp_path / "job.xdmf").read("u", 1)[0, 0] == np.float32(5.0)


def test_the_script_says_how_it_is_used(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main([]) == 2
    assert "abaqus python abaqus_odb.py job.odb" in capsys.readouterr().out


def test_the_script_is_python_2_7_too() -> None:
    """No syntax and no module that Python 2.7 with NumPy lacks; where there is a Python 2.7, it compiles it."""
    tree = ast.parse(SCRIPT.read_text())
    newer = (
        ast.JoinedStr,
        ast.AnnAssign,
        ast.AsyncFunctionDef,
        ast.NamedExpr,
        ast.Nonlocal,
        ast.Starred,
        ast.YieldFrom,
    )
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        assert function.args.kwonlyargs == function.args.posonlyargs == []
        assert function.returns is None
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"__future__", "os", "sys", "numpy", "odbAccess"}
    assert SCRIPT.read_text().isascii()
    python = shutil.which("python2.7")
    if python and subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
        code = f"compile(open({str(SCRIPT)!r}).read(), 'abaqus_odb.py', 'exec')"
        subprocess.run([python, "-c", code], check=True, timeout=30)
