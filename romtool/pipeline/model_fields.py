"""A load on a model: what its field files, or arrays in their place, are to the nodes and sets that the model knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from romtool.convert.nodal_fields import order_field, read_nodal_field
from romtool.errors import CaseError, ReaderError
from romtool.io.load import LoadFile, apply_load
from romtool.loading import InitialField, Loading
from romtool.pipeline.mapping import map_field
from romtool.reduced.model import ReducedModel
from romtool.types import Floats


def loading_for(
    model: ReducedModel,
    load: LoadFile,
    read_field: "ModelFields",
    initial: tuple[InitialField, ...] | None = None,
) -> Loading:
    """Return the loading of a load file on a model; one with a name alone is the first simulation's.

    Raises
    ------
    CaseError, ReaderError: the load file does not fit the model.
    """
    return apply_load(model.first if changes_nothing(load) else model.loading, load, read_field, initial)


def changes_nothing(load: LoadFile) -> bool:
    """Tell whether a load file holds only a name."""
    return not any((load.loads, load.tables, load.dirichlet, load.temperature, load.time, load.initial))


class ModelFields:
    """Reads field files and keeps what the model needs: its thermal nodes, or the faces or nodes of a side set.

    Parameters
    ----------
    model: the model.
    known: arrays that stand in the place of files.
    """

    def __init__(self, model: ReducedModel, known: Mapping[Path, Floats] | None = None) -> None:
        self.model, self.known = model, known or {}

    def __call__(
        self,
        path: Path,
        name: str | None,
        region: str | None = None,
        on: Literal["face", "node"] = "node",
        mesh: Path | None = None,
    ) -> Floats:
        """Return the values. Raises ReaderError, MeshError, CaseError."""
        if region is None:
            points = self.model.thermal.points
            return self._temperature(path, name) if mesh is None else map_field(path, name, mesh, points)
        if mesh is not None:
            raise CaseError(
                f"{path}: the model does not know where the faces of {region!r} are; map the field to the case first "
                "with `romtool map`, and give that file without `mesh`"
            )
        if region not in self.model.surfaces:
            known = ", ".join(self.model.surfaces) or "none"
            raise CaseError(
                f"{path}: a field on the set {region!r}, which the model was not trained for; it knows {known}"
            )
        if path in self.known:
            return self.known[path]
        shape = self.model.surfaces[region]
        return read_nodal_field(path, None, count=len(shape.faces if on == "face" else shape.nodes))[0]

    def _temperature(self, path: Path, name: str | None) -> Floats:
        """Return the temperature of the model's thermal nodes from a field of the whole mesh."""
        thermal = self.model.thermal
        record = name is not None and path.suffix.lower() == ".node"
        values, ids = self.known.get(path), None
        if values is None:
            values, ids = read_nodal_field(path, name, count=thermal.n_mesh_nodes if record else None)
        if len(values) != thermal.n_mesh_nodes:
            raise ReaderError(f"{path} has {len(values)} values, the mesh has {thermal.n_mesh_nodes} nodes")
        if ids is None:
            return np.array(values[thermal.rows])
        order = np.argsort(ids, kind="stable")
        if not np.array_equal(ids[order][thermal.rows], thermal.node_ids):
            raise ReaderError(f"{path}: its node ids are not those of the model's mesh; give a field on that mesh")
        return order_field(values, ids, ids[order], path)[thermal.rows]
