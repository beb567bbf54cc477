"""Pictures for reports: fields at the last time of a history, and the reduced points of a model."""

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

Shown = tuple[str, str, Floats]
"""Title, unit, and values per node or element."""


def last_pictures(results: SolverResults, reference: SolverResults | None, units: Units) -> PictureSet:
    """Return pictures of cumulated strain, von Mises stress and temperature, and of the errors against a reference.

    Integration-point fields are shown as element means; the shape is deformed by the displacement. What can not be
    drawn is listed with its reason.

    Parameters
    ----------
    results: the history.
    reference: on the same mesh, or None.
    units: labels.
    """
    row = len(results.times) - 1
    missing: dict[str, str] = {}
    shown: list[Shown] = []
    for field, (title, unit) in SHOWN.items():
        if field in results.fields:
            shown.append((title, units.label(unit), _on_mesh(results, field, row)))
        else:
            missing[title] = f"the result has no field {field}"
    if reference is not None:
        if "T" not in results.fields:
            _add_reference_temperature(shown, missing, reference, _same_time(results, reference, row), units)
        for field, title, unit in (("p", "|p - p of the reference|", ""), ("stress", STRESS_ERROR, units.stress)):
            _add_error(shown, missing, (results, reference), field, (title, unit, row))
    displacement, scale = _shape(results, row)
    time = f"time {results.times[row]:.6g}" + (f" {units.time}" if units.time else "")
    shape = f"; shape deformed {scale:g} times" if scale else "; undeformed shape"
    return _render(results.mesh, shown, missing, (displacement, scale), f"At {time}{shape}. {MEANS}")


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
    shown: list[Shown], missing: dict[str, str], reference: SolverResults, at: int | None, units: Units
) -> None:
    """Add the temperature of the reference, since a reduced result has it at its own points only."""
    title = SHOWN["T"][0]
    if at is None or "T" not in reference.fields or reference.fields["T"].location != "node":
        missing[title] = "a reduced result keeps it at its own points only, and the reference has none at this time"
        return
    del missing[title]
    shown.append((f"{title}, of the reference", units.degrees, _on_mesh(reference, "T", at)))


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
        shown.append((title, unit, np.abs(_on_mesh(results, field, row) - theirs)))


def _order(results: SolverResults, reference: SolverResults, field: str) -> Ints:
    """Return the rows of the reference in the order of the results."""
    ours, theirs = results.mesh.element_ids, reference.mesh.element_ids
    if results.fields[field].location == "node":
        return np.arange(results.mesh.n_nodes)
    return np.asarray(np.argsort(theirs)[np.searchsorted(np.sort(theirs), ours)])


def _shape(results: SolverResults, row: int) -> tuple[Floats | None, float]:
    """Return the displacement and a round factor that makes it visible."""
    if "u" not in results.fields:
        return None, 0.0
    displacement = results.read("u", row)
    largest = float(np.abs(displacement).max(initial=0.0))
    if not np.isfinite(largest) or largest == 0.0:
        return None, 0.0
    factor = DEFORMATION * float(np.ptp(results.mesh.points, axis=0).max()) / largest
    power = 10.0 ** np.floor(np.log10(factor))
    return displacement, float(power * max(step for step in (1.0, 2.0, 5.0) if step * power <= factor))


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
    return PictureSet(f"Red: {words.replace(',', '; blue:', 1)}.", tuple(pictures))


def _render(
    mesh: Mesh, shown: list[Shown], missing: dict[str, str], shape: tuple[Floats | None, float], caption: str
) -> PictureSet:
    """Draw what is shown in all views; where drawing fails, say why for all that is missing."""
    pictures: list[Picture] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        for title, unit, values in shown:
            try:
                for view, words in VIEWS.items():
                    render(
                        mesh,
                        values,
                        title=title,
                        unit=unit,
                        displacement=shape[0],
                        scale=shape[1],
                        view=view,
                        path=path,
                    )
                    pictures.append(Picture(path.read_bytes(), _tell(title, unit, values, words)))
            except RomtoolError as error:
                missing[title] = str(error)
    return PictureSet(caption, tuple(pictures), missing)


def _tell(title: str, unit: str, values: Floats, words: str) -> str:
    """Say in words what a picture shows."""
    finite = values[np.isfinite(values)]
    span = f"from {finite.min():.3g} to {finite.max():.3g} {unit}".rstrip() if len(finite) else "without values"
    return f"{title} on the surface of the mesh, {words}: {span}"
