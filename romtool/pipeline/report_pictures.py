"""Pictures for reports: fields of a history, and the reduced points of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from romtool.errors import RomtoolError
from romtool.io.fields import element_means
from romtool.pipeline.report_history import scalar
from romtool.report.content import PictureSet
from romtool.report.document import Picture
from romtool.report.pictures import Marks, View, render
from romtool.report.units import Units
from romtool.types import Floats, Ints, Mesh, SolverResults

VIEWS: dict[View, str] = {"iso": "seen from the front", "back": "seen from the back"}
DEFORMATION = 0.05
"""Largest displacement in a picture, relative to the size of the structure."""
TIME_TOLERANCE = 1e-9
MEANS = "Integration-point fields are shown as means over each element; single points may be higher, see the table."

SHOWN = {
    "p": ("cumulated inelastic strain p", ""),
    "stress": ("von Mises stress", "stress"),
    "T": ("temperature", "temperature"),
}
"""Field -> title and unit (in words) of its picture."""
STRESS_ERROR = "|von Mises stress - that of the reference|"


@dataclass(frozen=True)
class Shown:
    """What a picture shows: title, unit, the row of its time, and values per node or element."""

    title: str
    unit: str
    row: int
    values: Floats


def field_pictures(
    results: SolverResults, reference: SolverResults | None, units: Units, rows: Mapping[str, int]
) -> PictureSet:
    """Return pictures of cumulated strain, von Mises stress and temperature, and of the errors against a reference.

    Integration-point fields are shown as element means; the shape is deformed by the displacement. What can not be
    drawn is listed with its reason. No other field and no other time is read.

    Parameters
    ----------
    results: the history.
    reference: on the same mesh, or None.
    units: labels.
    rows: field -> the time at which it is shown; the last one where it is not named.
    """
    last = len(results.times) - 1
    missing: dict[str, str] = {}
    shown: list[Shown] = []
    for field, (title, unit) in SHOWN.items():
        row = rows.get(field, last)
        if field in results.fields:
            shown.append(Shown(title, units.label(unit), row, _on_mesh(results, field, row)))
        else:
            missing[title] = f"the result has no field {field}"
    if reference is not None:
        if "T" not in results.fields:
            _add_reference_temperature(shown, missing, (results, reference), rows.get("T", last), units)
        for field, title, unit in (("p", "|p - p of the reference|", ""), ("stress", STRESS_ERROR, units.stress)):
            _add_error(shown, missing, (results, reference), field, (title, unit, rows.get(field, last)))
    return _render(results, shown, missing, units)


def _on_mesh(results: SolverResults, field: str, row: int) -> Floats:
    """Return the scalar of a field per node or element; points by their mean."""
    values = scalar(field, results.read(field, row))
    if results.fields[field].location != "point":
        return values
    return element_means(values[:, None], results.mesh)[:, 0]


def _same_time(results: SolverResults, reference: SolverResults, row: int) -> int | None:
    """Return the row of the reference at a time of the results, None where it has no such time."""
    tolerance = TIME_TOLERANCE * float(np.ptp(results.times))
    at = np.flatnonzero(np.abs(reference.times - results.times[row]) <= tolerance)
    return int(at[0]) if len(at) else None


def _add_reference_temperature(
    shown: list[Shown],
    missing: dict[str, str],
    pair: tuple[SolverResults, SolverResults],
    row: int,
    units: Units,
) -> None:
    """Add the temperature of the reference, since a reduced result has it at its own points only."""
    title, (results, reference) = SHOWN["T"][0], pair
    at = _same_time(results, reference, row)
    if at is None or "T" not in reference.fields or reference.fields["T"].location != "node":
        missing[title] = "a reduced result keeps it at its own points only, and the reference has none at this time"
        return
    del missing[title]
    shown.append(Shown(f"{title}, of the reference", units.degrees, row, _on_mesh(reference, "T", at)))


def _add_error(
    shown: list[Shown],
    missing: dict[str, str],
    pair: tuple[SolverResults, SolverResults],
    field: str,
    named: tuple[str, str, int],
) -> None:
    """Add the error of a field against the reference at a time, or why there is none."""
    (results, reference), (title, unit, row) = pair, named
    at, sides = _same_time(results, reference, row), [side.fields.get(field) for side in pair]
    if None in sides:
        missing[title] = f"not both have the field {field}"
    elif at is None:
        missing[title] = "the reference has no such time"
    elif len({side.location for side in sides if side is not None}) > 1:
        missing[title] = "the fields are at different locations"
    else:
        theirs = _on_mesh(reference, field, at)[_order(results, reference, field)]
        shown.append(Shown(title, unit, row, np.abs(_on_mesh(results, field, row) - theirs)))


def _order(results: SolverResults, reference: SolverResults, field: str) -> Ints:
    """Return the rows of the reference in the order of the results."""
    ours, theirs = results.mesh.element_ids, reference.mesh.element_ids
    if results.fields[field].location == "node":
        return np.arange(results.mesh.n_nodes)
    return np.asarray(np.argsort(theirs)[np.searchsorted(np.sort(theirs), ours)])


def _shapes(results: SolverResults, rows: set[int]) -> tuple[dict[int, Floats], float]:
    """Return the displacements at some times, and one round factor that makes the largest of them visible."""
    if "u" not in results.fields or not rows:
        return {}, 0.0
    found = {row: results.read("u", row) for row in rows}
    largest = max(float(np.abs(values).max(initial=0.0)) for values in found.values())
    if not np.isfinite(largest) or largest == 0.0:
        return {}, 0.0
    factor = DEFORMATION * float(np.ptp(results.mesh.points, axis=0).max()) / largest
    power = 10.0 ** np.floor(np.log10(factor))
    return found, float(power * max(step for step in (1.0, 2.0, 5.0) if step * power <= factor))


def point_pictures(mesh: Mesh | None, coordinates: Floats, n_active: int) -> PictureSet:
    """Return pictures of the reduced points inside their mesh; without it, or without VTK, why there are none.

    Parameters
    ----------
    mesh: of the model, None where its files are not there.
    coordinates: (n_points, 3) float [length]; the first `n_active` carry quadrature weight.
    """
    what = "the reduced points"
    if mesh is None:
        return PictureSet(missing={what: "the subdomain files are not beside model.h5"})
    marks = (Marks(coordinates[n_active:], "#2f6fb0"), Marks(coordinates[:n_active], "#d1462f"))
    words = f"{n_active} points with weight, {len(coordinates) - n_active} that are only sampled"
    pictures: list[Picture] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        try:
            for view, seen in VIEWS.items():
                render(mesh, None, title="reduced integration points", unit="", marks=marks, view=view, path=path)
                pictures.append(Picture(path.read_bytes(), f"{words}, inside the mesh, {seen}"))
        except RomtoolError as error:
            return PictureSet(missing={what: str(error)})
    blue = f"; blue: {len(coordinates) - n_active} that are only sampled" if len(coordinates) > n_active else ""
    return PictureSet(f"Red: {n_active} points with weight{blue}.", tuple(pictures))


def _render(results: SolverResults, shown: list[Shown], missing: dict[str, str], units: Units) -> PictureSet:
    """Draw what is shown in all views; where drawing fails, say why for all that is missing."""
    pictures: list[Picture] = []
    shapes, scale = _shapes(results, {entry.row for entry in shown})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        for entry in shown:
            time = f"time {results.times[entry.row]:.6g} {units.time}".rstrip()
            try:
                for view, words in VIEWS.items():
                    render(
                        results.mesh,
                        entry.values,
                        title=f"{time}: {entry.title}",
                        unit=entry.unit,
                        displacement=shapes.get(entry.row),
                        scale=scale,
                        view=view,
                        path=path,
                    )
                    pictures.append(Picture(path.read_bytes(), f"{_tell(entry, words)}, at {time}"))
            except RomtoolError as error:
                missing[entry.title] = str(error)
    shape = f"Shape deformed {scale:g} times" if scale else "Undeformed shape"
    return PictureSet(f"{shape}. {MEANS}", tuple(pictures), missing)


def _tell(shown: Shown, words: str) -> str:
    """Say in words what a picture shows."""
    finite = shown.values[np.isfinite(shown.values)]
    span = f"from {finite.min():.3g} to {finite.max():.3g} {shown.unit}".rstrip() if len(finite) else "without values"
    return f"{shown.title} on the surface of the mesh, {words}: {span}"
