"""romtool's readers offered to meshio: `register_formats()`, then `meshio.read(file, file_format="romtool-med")`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from romtool.convert.registry import list_readers, read_results
from romtool.convert.vtk import teach_meshio
from romtool.types import SolverResults

PREFIX = "romtool-"
"""Before the name of a reader in meshio's list of formats."""


def register_formats() -> tuple[str, ...]:
    """Register every available reader with meshio, for reading.

    meshio knows no time: of a history the last state is read; `to_meshio` gives any other. Where meshio has a reader
    of its own for an extension, that one is tried first unless `file_format` names romtool's.

    Returns
    -------
    The names of the formats.
    """
    import meshio

    offered = [entry for entry in list_readers() if entry.available and entry.extensions]
    for entry in offered:
        meshio.register_format(f"{PREFIX}{entry.name}", list(entry.extensions), _read_last, {})
    return tuple(f"{PREFIX}{entry.name}" for entry in offered)


def _read_last(path: str) -> Any:
    """Read a file as meshio's readers do. Raises ReaderError, MissingPartError."""
    return to_meshio(read_results(Path(path)))


def to_meshio(results: SolverResults, index: int = -1) -> Any:
    """Return the mesh and the fields at one time as a `meshio.Mesh`.

    Parameters
    ----------
    results: as a reader gives them.
    index: of the time; the last one by default.

    Returns
    -------
    Points and cells with node and element sets, ids as `node_ids` and `element_ids`, nodal and element fields.
    Side sets and fields at integration points have no place in it.
    """
    import meshio

    teach_meshio()
    mesh = results.mesh
    ends = np.cumsum([len(block.element_ids) for block in mesh.blocks])[:-1]
    split: Callable[[Any], list[Any]] = partial(np.split, indices_or_sections=ends)
    point_data: dict[str, Any] = {"node_ids": mesh.node_ids}
    cell_data: dict[str, list[Any]] = {"element_ids": split(mesh.element_ids)}
    for name, info in results.fields.items() if len(results.times) else ():
        if info.location == "node":
            point_data[name] = _plain(results.read(name, index))
        elif info.location == "element":
            cell_data[name] = split(_plain(results.read(name, index)))
    starts = np.concatenate([[0], ends])
    members = {
        name: [rows[(rows >= start) & (rows < start + len(block.element_ids))] - start
               for start, block in zip(starts, mesh.blocks, strict=True)]
        for name, rows in mesh.element_sets.items()
    }  # fmt: skip
    return meshio.Mesh(
        mesh.points,
        [(block.cell_type, block.connectivity) for block in mesh.blocks],
        point_data=point_data,
        cell_data=cell_data,
        point_sets=dict(mesh.node_sets),
        cell_sets=members,
    )


def _plain(values: Any) -> Any:
    """Return a field of one component as (n,)."""
    return values[:, 0] if values.shape[1] == 1 else values
