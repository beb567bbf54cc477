"""Independent readers that romtool's are compared with: VTK for Exodus, the MED library (medcoupling) for MED.

medcoupling brings an HDF5 library of its own that does not live with others in one process; it runs by itself.
"""

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from romtool.types import Floats


@dataclass
class ExodusByVtk:
    """What VTK reads of an Exodus file, by ids; `nodal` and `element` are those of one time."""

    times: list[float]
    points: dict[int, list[float]] = field(default_factory=dict)
    cells: dict[int, list[int]] = field(default_factory=dict)
    nodal: dict[str, dict[int, Any]] = field(default_factory=dict)
    element: dict[str, dict[int, Any]] = field(default_factory=dict)
    node_sets: dict[str, set[int]] = field(default_factory=dict)
    side_sets: dict[str, list[frozenset[int]]] = field(default_factory=dict)


def exodus_by_vtk(path: Path, step: int) -> ExodusByVtk:
    """Read an Exodus file at one time with vtkExodusIIReader. Skip without VTK."""
    module = pytest.importorskip("vtkmodules.vtkIOExodus", reason="VTK reads the file independently")
    reader = module.vtkExodusIIReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    reader.ApplyDisplacementsOff()
    reader.GenerateGlobalElementIdArrayOn()
    reader.GenerateGlobalNodeIdArrayOn()
    for kind in (reader.NODAL, reader.ELEM_BLOCK):
        for i in range(reader.GetNumberOfObjectArrays(kind)):
            reader.SetObjectArrayStatus(kind, reader.GetObjectArrayName(kind, i), 1)
    for kind in (reader.ELEM_BLOCK, reader.SIDE_SET, reader.NODE_SET):
        for i in range(reader.GetNumberOfObjects(kind)):
            reader.SetObjectStatus(kind, i, 1)
    times = reader.GetOutputInformation(0).Get(_time_steps()) or ()
    reader.UpdateTimeStep(times[step]) if times else reader.Update()
    found = ExodusByVtk([float(time) for time in times])
    for name, blocks in _groups(reader.GetOutput()).items():
        for label, grid in blocks:
            _take(found, name, label, grid)
    return found


def _time_steps() -> Any:
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline

    return vtkStreamingDemandDrivenPipeline.TIME_STEPS()


def _groups(output: Any) -> dict[str, list[tuple[str, Any]]]:
    """Return the grids of VTK's tree: kind of group -> (name, grid)."""
    found = {}
    for i in range(output.GetNumberOfBlocks()):
        group, name = output.GetBlock(i), output.GetMetaData(i).Get(output.NAME())
        leaves = [(group.GetMetaData(k), group.GetBlock(k)) for k in range(group.GetNumberOfBlocks() if group else 0)]
        found[name] = [(data.Get(output.NAME()), grid) for data, grid in leaves if grid is not None]
    return found


def _arrays(data: Any) -> dict[str, Any]:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    return {data.GetArrayName(i): vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())}


def _take(found: ExodusByVtk, group: str, label: str, grid: Any) -> None:
    """Add one grid."""
    nodal, element = _arrays(grid.GetPointData()), _arrays(grid.GetCellData())
    ids = nodal["GlobalNodeId"]
    cells = [[int(ids[grid.GetCell(k).GetPointId(j)]) for j in range(grid.GetCell(k).GetNumberOfPoints())]
             for k in range(grid.GetNumberOfCells())]  # fmt: skip
    if group == "Node Sets":
        found.node_sets[label] = {node for cell in cells for node in cell}
    elif group == "Side Sets":
        found.side_sets[label] = [frozenset(cell) for cell in cells]
    elif group == "Element Blocks":
        found.points |= {int(i): list(grid.GetPoint(k)) for k, i in enumerate(ids)}
        numbers = element["GlobalElementId"]
        found.cells |= {int(i): cell for i, cell in zip(numbers, cells, strict=True)}
        for store, arrays, keys in ((found.nodal, nodal, ids), (found.element, element, numbers)):
            for name, values in arrays.items():
                if not name.endswith(("Id",)):
                    store.setdefault(name, {}).update({int(i): v for i, v in zip(keys, values, strict=True)})


_MED = """
import json, sys
import medcoupling as mc

def listed(array):
    if array is None:
        return None
    return array.getValuesAsTuple() if array.getNumberOfComponents() > 1 else array.getValues()

data = mc.MEDFileData(sys.argv[1])
mesh = data.getMeshes()[0]
top = mesh.getMeshAtLevel(0)
out = {
    "points": mesh.getCoords().getValuesAsTuple(),
    "node_ids": listed(mesh.getNumberFieldAtLevel(1)),
    "element_ids": listed(mesh.getNumberFieldAtLevel(0)),
    "cells": [list(top.getNodeIdsOfCell(i)) for i in range(top.getNumberOfCells())],
    "types": [top.getTypeOfCell(i) for i in range(top.getNumberOfCells())],
    "volumes": listed(top.getMeasureField(False).getArray()),
    "levels": list(mesh.getNonEmptyLevels()),
    "element_groups": {g: listed(mesh.getGroupArr(0, g)) for g in mesh.getGroupsOnSpecifiedLev(0)},
    "face_groups": {g: mesh.getGroupArr(-1, g).getNumberOfTuples() for g in mesh.getGroupsOnSpecifiedLev(-1)}
        if -1 in mesh.getNonEmptyLevels() else {},
    "node_groups": {g: listed(mesh.getGroupArr(1, g)) for g in mesh.getGroupsOnSpecifiedLev(1)},
    "fields": {},
}
fields = data.getFields()
for k in range(fields.getNumberOfFields()):
    series = fields[k]
    steps = []
    for i in range(series.getNumberOfTS()):
        one = series[i].field(mesh)
        step = {"time": one.getTime()[0], "values": listed(one.getArray())}
        if one.getTypeOfField() == mc.ON_GAUSS_PT:
            step["positions"] = one.getLocalizationOfDiscr().getValuesAsTuple()
        steps.append(step)
    out["fields"][series.getName()] = {"info": list(series.getInfo()), "steps": steps}
print(json.dumps(out))
"""


def med_by_library(path: Path) -> dict[str, Any]:
    """Read the first mesh of a MED file and its fields with medcoupling. Skip without it."""
    if importlib.util.find_spec("medcoupling") is None:
        pytest.skip("medcoupling reads the file independently; pip install medcoupling")
    command = [sys.executable, "-W", "ignore", "-c", _MED, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def by_id(ids: Any, values: Floats) -> dict[int, Floats]:
    """Return id -> row."""
    return dict(zip(np.asarray(ids).tolist(), values, strict=True))
