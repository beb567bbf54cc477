"""What [initial] of a load file says, at the integration points of a mesh."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.fem.elements import element_of
from romtool.fem.sets import element_set
from romtool.io.entries import InitialSource
from romtool.io.load import LoadFile
from romtool.laws import find_points
from romtool.loading import InitialField
from romtool.pipeline.results import open_history
from romtool.types import Floats, Ints, Mesh


def read_initial(load: LoadFile, mesh: Callable[[], Mesh], ids: Ints | None = None) -> tuple[InitialField, ...]:
    """Return what a load file says that the material holds at the first time.

    Parameters
    ----------
    load: the load file.
    mesh: gives the mesh of the case; it is called only where it is needed.
    ids: (n, 2) int, the only points (element id, local point) that matter; all where None.

    Raises
    ------
    CaseError: values of another shape or mesh. MeshError: no such element set. ModelError: no solution or result.
    """
    return tuple(_read(entry, load.path, mesh, ids) for entry in load.initial)


def _read(entry: InitialSource, path: Path, mesh: Callable[[], Mesh], ids: Ints | None) -> InitialField:
    """Return one entry, at the points that matter."""
    if entry.value is not None and entry.elements == "all":
        return InitialField(entry.field, entry.value[None])
    here = mesh()
    points = _points(here)
    wanted = points if entry.elements == "all" else points[_within(here, entry.elements)]
    if ids is not None:
        wanted = wanted[find_points(ids, wanted) >= 0]
    if entry.value is not None:
        return InitialField(entry.field, np.tile(entry.value, (len(wanted), 1)), wanted)
    found, values = _from_file(entry, points)
    places = find_points(found, wanted)
    if (places < 0).any():
        element = wanted[np.argmin(places), 0]
        raise CaseError(f"{path}: [initial] {entry.field}: {entry.file} has no values at element {element}")
    return InitialField(entry.field, values[places], wanted)


def _from_file(entry: InitialSource, points: Ints) -> tuple[Ints, Floats]:
    """Return (n_points, 2) points and the (n_points, n_components) values of a file at them."""
    width, file = (1 if entry.field == "p" else 6), entry.file or Path()
    if file.suffix == ".npy":
        values = _load(file)
    else:
        history = open_history(file)
        info = history.fields.get(entry.name)
        if info is None or info.location != "point":
            known = ", ".join(name for name, field in history.fields.items() if field.location == "point") or "none"
            raise CaseError(f"{file}: has no field '{entry.name}' at integration points (there are: {known})")
        points, values = _points(history.mesh), history.read(entry.name, len(history.times) - 1)
    values = values[:, None] if values.ndim == 1 else values
    if values.shape != (len(points), width) or not np.isfinite(values).all():
        raise CaseError(
            f"{file}: an array of shape {values.shape} for the initial {entry.field}; expected finite numbers of shape "
            f"{(len(points), width)}: one row per integration point, element after element"
        )
    return points, values


def _load(file: Path) -> Floats:
    """Return the array of a .npy file. Raises CaseError."""
    try:
        return np.asarray(np.load(file, allow_pickle=False), dtype=np.float64)
    except (OSError, ValueError, TypeError) as error:
        raise CaseError(f"{file}: {error}; expected an array of numbers that `numpy.save` wrote") from error


def _points(mesh: Mesh) -> Ints:
    """Return the (n_points, 2) element id and local point of the integration points, element after element."""
    counts = [(block.element_ids, element_of(block).n_points) for block in mesh.blocks]
    columns = [np.column_stack([np.repeat(ids, n), np.tile(np.arange(n), len(ids))]) for ids, n in counts]
    return np.concatenate(columns)


def _within(mesh: Mesh, name: str) -> Ints:
    """Return the rows of the integration points of an element set. Raises MeshError."""
    counts = np.concatenate([np.full(len(block.element_ids), element_of(block).n_points) for block in mesh.blocks])
    rows = np.repeat(np.arange(len(counts)), counts)
    return np.flatnonzero(np.isin(rows, element_set(mesh, name)))
