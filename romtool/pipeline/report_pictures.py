"""Pictures of the last time of a history, for reports."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from romtool.errors import RomtoolError
from romtool.io.fields import element_means
from romtool.pipeline.report_facts import scalar
from romtool.report.content import Picture, PictureSet, Units
from romtool.report.pictures import View, render
from romtool.types import Floats, Ints, Mesh, SolverResults

VIEWS: dict[View, str] = {"iso": "seen from the front", "back": "seen from the back"}
DEFORMATION = 0.05
"""Largest displacement in a picture, relative to the size of the structure."""
TIME_TOLERANCE = 1e-9
MEANS = "Integration-point fields are shown as means over each element; single points may be higher, see the table."

Shown = tuple[str, str, Floats]
"""Title, unit, and values per node or element."""


def last_pictures(results: SolverResults, reference: SolverResults | None, units: Units) -> PictureSet:
    """Return pictures of cumulated strain and von Mises stress, and of the error of p where there is a reference.

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
    for field, title, unit in (("p", "cumulated inelastic strain p", ""), ("stress", "von Mises stress", units.stress)):
        if field in results.fields:
            shown.append((title, unit, _on_mesh(results, field, row)))
        else:
            missing[title] = f"the result has no field {field}"
    if reference is not None:
        _add_error(shown, missing, results, reference, row)
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


def _add_error(
    shown: list[Shown], missing: dict[str, str], results: SolverResults, reference: SolverResults, row: int
) -> None:
    """Add the error of p at the last time, or why there is none."""
    title, tolerance = "|p - p of the reference|", TIME_TOLERANCE * float(np.ptp(results.times))
    at = np.flatnonzero(np.abs(reference.times - results.times[row]) <= tolerance)
    sides = [side.fields.get("p") for side in (results, reference)]
    if None in sides:
        missing[title] = "not both have the field p"
    elif not len(at):
        missing[title] = "the reference has no such time"
    elif len({side.location for side in sides if side is not None}) > 1:
        missing[title] = "the fields are at different locations"
    else:
        theirs = _on_mesh(reference, "p", int(at[0]))[_order(results, reference)]
        shown.append((title, "", np.abs(_on_mesh(results, "p", row) - theirs)))


def _order(results: SolverResults, reference: SolverResults) -> Ints:
    """Return the rows of the reference in the order of the results."""
    ours, theirs = results.mesh.element_ids, reference.mesh.element_ids
    if results.fields["p"].location == "node":
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
