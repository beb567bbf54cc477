"""`romtool map`: a field of another mesh on the nodes or faces of a case, in a file that case files read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from romtool.convert.nodal_fields import holds_series, open_nodal_series, read_nodal_field
from romtool.convert.registry import read_results
from romtool.errors import CaseError
from romtool.fem.loads import side_set_nodes
from romtool.fem.sets import side_set
from romtool.io.atomic import atomic_file
from romtool.pipeline.mapping import TOLERANCE, Bridge, bridge_to, places_of
from romtool.pipeline.sources import mesh_of
from romtool.types import Floats, Ints, Mesh

SUFFIXES = (".csv", ".txt", ".dat")


@dataclass(frozen=True)
class Target:
    """Where a field is wanted.

    Parameters
    ----------
    case: a case file, or a file with a mesh.
    faces: side set, or None for all nodes.
    on: what the values on a side set run over.
    """

    case: Path
    faces: str | None = None
    on: Literal["face", "node"] = "node"


@dataclass(frozen=True)
class Mapped:
    """A field that was mapped.

    Parameters
    ----------
    ids: (n,) node ids, or numbers of faces from 1.
    times: (n_times,) float [time]; one NaN where the file has no times.
    values: (n_times, n) float.
    distances, sizes: (n,) as in `Transfer`.
    """

    ids: Ints
    times: Floats
    values: Floats
    distances: Floats
    sizes: Floats


def map_to_case(
    field: Path,
    mesh: Path,
    target: Target,
    out: Path,
    *,
    name: str | None = None,
    times: Sequence[float] | None = (),
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
) -> Mapped:
    """Map a field and write it as text: a line per node or face, its id and a value per time.

    Parameters
    ----------
    field: the field file.
    mesh: the mesh that it lives on.
    target: where it is wanted.
    out: the file to write, of one of `SUFFIXES`.
    name: the array in the file.
    times: of a history, its own ones; None for all, empty for the last.
    tolerance: how far outside a place may be, in sizes of cells of the mesh.
    overwrite: replace an existing file.

    Raises
    ------
    CaseError: a file that exists or has another suffix, a time that the history does not have.
    ReaderError, MeshError: a field or mesh that cannot be used, places outside the mesh.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise CaseError(f"{out}: mapped fields are written to {', '.join(SUFFIXES)}; give such a name")
    if out.exists() and not overwrite:
        raise CaseError(f"{out} exists; give --overwrite or another -o")
    ours = mesh_of(target.case) if target.case.suffix.lower() == ".toml" else read_results(target.case).mesh
    bridge = bridge_to(mesh, places_of(ours, target.faces, target.on), tolerance)
    chosen, values = _values(field, name, times, bridge)
    mapped = Mapped(_ids(ours, target), chosen, values, bridge.transfer.distances, bridge.transfer.sizes)
    _write(mapped, target.on if target.faces else "node", out)
    return mapped


def _values(path: Path, name: str | None, times: Sequence[float] | None, bridge: Bridge) -> tuple[Floats, Floats]:
    """Return the (n_times,) times and the (n_times, n) mapped values of a field."""
    if not holds_series(path):
        if times is None or len(times):
            raise CaseError(f"{path} holds one time; leave --times out")
        record = name is not None and path.suffix.lower() == ".node"
        values, ids = read_nodal_field(path, name, count=len(bridge.node_ids) if record else None)
        return np.full(1, np.nan), bridge.bring(values, ids, path)[None]
    series = open_nodal_series(path, name)
    wanted = range(len(series.times)) if times is None else _positions(series.times, times, path)
    mapped = np.array([bridge.bring(series.read(i), series.ids, path) for i in wanted])
    return series.times[list(wanted)], mapped


def _positions(known: Floats, times: Sequence[float], path: Path) -> list[int]:
    """Return which times of a history are meant; the last where none is given."""
    if not times:
        return [len(known) - 1]
    found = [int(np.abs(known - time).argmin()) for time in times]
    duration = float(known[-1] - known[0]) or 1.0
    for time, i in zip(times, found, strict=True):
        if abs(known[i] - time) > 1e-6 * duration:
            raise CaseError(f"{path} has no time {time:g}; the nearest is {known[i]:g}; its times: {_listed(known)}")
    return found


def _listed(times: Floats) -> str:
    """Return the first times as text."""
    return ", ".join(f"{time:g}" for time in times[:12]) + (", …" if len(times) > 12 else "")


def _ids(mesh: Mesh, target: Target) -> Ints:
    """Return the ids that the values are written under."""
    if target.faces is None:
        return mesh.node_ids
    if target.on == "face":
        return np.arange(1, len(side_set(mesh, target.faces)) + 1)
    return mesh.node_ids[side_set_nodes(mesh, target.faces)]


def _write(mapped: Mapped, on: str, out: Path) -> None:
    """Write ids and values; columns are named by their times where there are several."""
    names = ["value"] if len(mapped.times) == 1 else [f"{time:.9g}" for time in mapped.times]
    separator = "," if out.suffix.lower() == ".csv" else " "
    with atomic_file(out) as temporary:
        np.savetxt(
            temporary,
            np.column_stack([mapped.ids, mapped.values.T]),
            fmt=["%d", *["%.12g"] * len(names)],
            delimiter=separator,
            header=separator.join([on, *names]),
            comments="",
        )


def map_summary(mapped: Mapped, tolerance: float) -> dict[str, object]:
    """Return what `map --json` prints: how many places are outside the mesh and how far, and the range of values."""
    outside = mapped.distances > 0.0
    far = {"distance": mapped.distances[outside], "relative_distance": (mapped.distances / mapped.sizes)[outside]}
    return {
        "n_points": len(mapped.ids),
        "n_outside": int(outside.sum()),
        **{name: _statistics(values) for name, values in far.items()},
        "tolerance": tolerance,
        "times": [] if np.isnan(mapped.times).any() else mapped.times.tolist(),
        "minimum": mapped.values.min(axis=1).tolist(),
        "maximum": mapped.values.max(axis=1).tolist(),
    }


def _statistics(values: Floats) -> dict[str, float]:
    """Return median, 99 % and largest of some distances, 0 where there are none."""
    median, most, largest = np.quantile(values if len(values) else np.zeros(1), [0.5, 0.99, 1.0]).tolist()
    return {"median": median, "99%": most, "largest": largest}
