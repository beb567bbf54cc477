"""Selected integration points of a distributed mesh: bring what belongs to them to every rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse

from romtool.linalg.reduction import Comm, gather_subdomains
from romtool.offline.parts import Part
from romtool.reduced.model import ThermalPoints
from romtool.types import Floats, Ints

Array = TypeVar("Array", Floats, Ints)


@dataclass(frozen=True)
class Selection:
    """Integration points by subdomain and row, in the order of the reduced model.

    Parameters
    ----------
    subdomain: (n_selected,) int.
    row: (n_selected,) int, integration point of that subdomain.
    """

    subdomain: Ints
    row: Ints

    def rows_of(self, index: int) -> tuple[Ints, Ints]:
        """Return positions in the selection and rows of the points of one subdomain."""
        positions = np.flatnonzero(self.subdomain == index)
        return positions, self.row[positions]


def pick(selection: Selection, parts: Sequence[Part], values: Sequence[Array], comm: Comm) -> Array:
    """Return the values at the selected points, in order, on every rank.

    Parameters
    ----------
    selection: n_selected points.
    parts: the subdomains of this rank.
    values: (n_points_s, …) per part.

    Returns
    -------
    (n_selected, …).
    """
    mine = []
    for part, array in zip(parts, values, strict=True):
        positions, rows = selection.rows_of(part.subdomain.index)
        mine.append((positions, array[rows]))
    gathered = gather_subdomains(comm, mine)
    result: Array = np.zeros((len(selection.row), *values[0].shape[1:]), dtype=values[0].dtype)
    for positions, found in gathered:
        result[positions] = found
    return result


def thermal_points(selection: Selection, parts: Sequence[Part], n_nodes: int, comm: Comm) -> ThermalPoints:
    """Collect the nodes, and the interpolation, that the temperature of the selected points needs.

    Parameters
    ----------
    selection: n_selected points.
    parts: the subdomains of this rank.
    n_nodes: of the whole mesh.
    """
    pieces = gather_subdomains(comm, [_thermal_piece(selection, part) for part in parts])
    nodes = np.unique(np.concatenate([piece["columns"] for piece in pieces]))
    node_ids, points = np.zeros(len(nodes), dtype=np.int64), np.zeros((len(nodes), 3))
    for piece in pieces:
        at = np.searchsorted(nodes, piece["columns"])
        node_ids[at], points[at] = piece["node_ids"], piece["points"]
    rows = np.concatenate([piece["rows"] for piece in pieces])
    columns = np.searchsorted(nodes, np.concatenate([piece["columns"] for piece in pieces]))
    data = np.concatenate([piece["data"] for piece in pieces])
    operator = sparse.csr_matrix((data, (rows, columns)), shape=(len(selection.row), len(nodes)))
    return ThermalPoints(node_ids, nodes, points, operator, n_nodes)


def _thermal_piece(selection: Selection, part: Part) -> dict[str, Floats | Ints]:
    """Return the non-zeros of the interpolation at the selected points of one subdomain, by whole-mesh node."""
    positions, rows = selection.rows_of(part.subdomain.index)
    found = part.interpolation[rows].tocoo()
    mesh = part.subdomain.mesh
    return {
        "rows": positions[found.row],
        "columns": part.subdomain.node_rows[found.col],
        "data": found.data,
        "node_ids": mesh.node_ids[found.col],
        "points": mesh.points[found.col],
    }
