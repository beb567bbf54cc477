"""`romtool law`: drive a law along a path, check it, list the laws."""

from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.io.atomic import atomic_file
from romtool.io.case import read_case
from romtool.io.law import PathInput, read_law, read_path
from romtool.io.schema_law import COMPONENTS
from romtool.io.validation import did_you_mean
from romtool.laws import LAWS, STATES, identify, named_by, open_plugins
from romtool.laws.check import Finding, check_law
from romtool.laws.check import Path as StrainPath
from romtool.laws.driver import LawHistory, LawPath, drive
from romtool.loading import Material
from romtool.pipeline.sources import open_case
from romtool.report.law_figures import Panel, save_panels
from romtool.types import Floats

ROUND_OFF = 1e-9
"""Components below this part of the largest are not shown."""


def open_law(path: Path, elements: str | None) -> Material:
    """Return a material of a law file, or of a case file and its deck; its library is opened, since the file names it.

    Parameters
    ----------
    path: law file or case file.
    elements: element set of the case's material; None where it has only one.

    Raises
    ------
    CaseError, ReaderError: a file that is wrong, an element set without material.
    LawError: invalid parameters, a library that cannot be loaded.
    """
    material = identify(_of_case(path, elements) if _is_case(path) else read_law(path))
    open_plugins(named_by([material]))
    return material


def _is_case(path: Path) -> bool:
    """Tell whether a file has the table [case]."""
    try:
        return any(line.strip() == "[case]" for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return False


def _of_case(path: Path, elements: str | None) -> Material:
    """Return the material of an element set of a case. Raises CaseError."""
    written = read_case(path).overrides.materials
    known = {material.elements: material for material in written}
    if elements is None and len(known) == 1:
        return written[0]
    if elements not in known:
        known = {material.elements: material for material in open_case(path).materials}
    if elements is None and len(known) == 1:
        return next(iter(known.values()))
    if elements is None:
        raise CaseError(f"{path}: has the materials {', '.join(known)}; pick one by --elements")
    if elements not in known:
        raise CaseError(f"{path}: has no material of the element set {elements!r}; {did_you_mean(elements, known)}")
    return known[elements]


def run_law(material: Material, path: Path) -> tuple[PathInput, LawHistory]:
    """Drive a material along the path of a file.

    Raises
    ------
    CaseError: a path file that is wrong.
    ConvergenceError: a step that does not converge.
    """
    given = read_path(path)
    driven = LawPath(given.times, given.temperature, given.by_strain, given.values, given.name)
    return given, drive(material, driven)


def check(material: Material, given: PathInput | None) -> tuple[Finding, ...]:
    """Run the checks that every law must pass, over the temperatures and with the strains of a path where one is given.

    Raises
    ------
    ConvergenceError: the law fails on the paths of the checks.
    """
    if given is None:
        start = material.reference_temperature
        return check_law(material, StrainPath(temperatures=(start, start)))
    span = float(np.diff(given.times).mean())
    heat = (float(given.temperature.min()), float(given.temperature.max()))
    return check_law(material, StrainPath(duration=span, temperatures=heat))


def law_document(material: Material, given: PathInput, history: LawHistory) -> dict[str, Any]:
    """Return what `law --json` prints of a path."""
    return {
        "law": material.law,
        "path": given.name,
        "kind": given.kind,
        "times": history.times,
        "temperature": history.temperature,
        "strain": dict(zip(COMPONENTS, history.strain.T, strict=True)),
        "stress": dict(zip(COMPONENTS, history.stress.T, strict=True)),
        "states": {name: history.column(name) for name in history.fields},
        "iterations": history.iterations,
        "cuts": history.cuts,
    }


def law_table(given: PathInput, history: LawHistory) -> tuple[tuple[str, ...], list[tuple[float, ...]]]:
    """Return header and rows: time, temperature, components that are not zero, internal variables."""
    columns = _columns(history)
    shown = {name: values for name, values in columns.items() if name == "time" or _matters(name, values, columns)}
    rows = [tuple(float(values[i]) for values in shown.values()) for i in given.corners]
    return tuple(shown), rows


def _matters(name: str, values: Floats, columns: dict[str, Floats]) -> bool:
    """Tell whether a column is more than the round-off of the others of its field."""
    field = name.rpartition("_")[0]
    largest = max(float(np.abs(other).max()) for key, other in columns.items() if key.rpartition("_")[0] == field)
    return float(np.abs(values).max()) > ROUND_OFF * largest


def _columns(history: LawHistory) -> dict[str, Floats]:
    """Return all columns of a history by name."""
    columns = {"time": history.times, "T": history.temperature}
    columns |= {f"strain_{axes}": history.strain[:, i] for i, axes in enumerate(COMPONENTS)}
    columns |= {f"stress_{axes}": history.stress[:, i] for i, axes in enumerate(COMPONENTS)}
    for name in history.fields:
        values = history.column(name)
        names = COMPONENTS if values.shape[1] == 6 else tuple(map(str, range(1, values.shape[1] + 1)))
        columns |= {f"{name}_{axes}" if len(names) > 1 else name: values[:, i] for i, axes in enumerate(names)}
    return columns


def write_table(history: LawHistory, path: Path, *, overwrite: bool) -> None:
    """Write all columns at all increments as CSV. Raises CaseError for an existing file."""
    _check_new(path, overwrite)
    columns = _columns(history)
    with atomic_file(path) as temporary:
        rows = np.stack(list(columns.values()), axis=1)
        np.savetxt(temporary, rows, delimiter=",", header=",".join(columns), comments="", fmt="%.12g")


def plot_law(material: Material, given: PathInput, history: LawHistory, path: Path, *, overwrite: bool) -> None:
    """Draw stress over strain, and p and internal variables over time. Raises CaseError for an existing file."""
    _check_new(path, overwrite)
    axes = _axis(given, history)
    i = COMPONENTS.index(axes)
    hot = given.kind == "thermal" or not np.any(history.strain[:, i])
    x_label, x = ("temperature", history.temperature) if hot else (f"strain {axes}", history.strain[:, i])
    panels = [Panel(x_label, f"stress {axes}", x, {axes: history.stress[:, i]})]
    for name in history.fields:
        values = history.column(name)
        if np.any(values):
            names = COMPONENTS if values.shape[1] == 6 else tuple(map(str, range(1, values.shape[1] + 1)))
            lines = dict(zip(names, values.T, strict=True))
            panels.append(Panel("time", name, history.times, {k: v for k, v in lines.items() if np.any(v)}))
    save_panels(panels, f"{material.law}, {given.name}", path)


def _axis(given: PathInput, history: LawHistory) -> str:
    """Return the component that the path drives, else the one with the largest stress."""
    if given.given:
        return given.given[0][-2:]
    return COMPONENTS[int(np.abs(history.stress).max(axis=0).argmax())]


def _check_new(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise CaseError(f"{path} exists; give --overwrite or another name")


def laws() -> dict[str, dict[str, Any]]:
    """Return name -> description, parameters (name -> unit in words) and states (name -> meaning, unit, components)."""
    return {
        name: {
            "description": law.description,
            "parameters": law.parameters,
            "states": {state: vars(STATES[state]) for state in ("p", "inelastic_strain", *law.states)},
        }
        for name, law in LAWS.items()
    }
