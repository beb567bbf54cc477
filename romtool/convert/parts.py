"""Elements by type, with ids of the solver, and the mesh that they make: common to the readers that know ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from romtool.convert.damage import check_coordinates
from romtool.errors import ReaderError
from romtool.types import CellBlock, Floats, Ints, Mesh

CELL_NODES = MappingProxyType(
    {
        **{"vertex": 1, "line": 2, "line3": 3, "triangle": 3, "triangle6": 6, "quad": 4, "quad8": 8},
        **{"tetra": 4, "tetra10": 10, "pyramid": 5, "pyramid13": 13, "wedge": 6, "wedge15": 15},
        **{"hexahedron": 8, "hexahedron20": 20},
    }
)
"""Number of nodes by cell type."""

POINTS = MappingProxyType(
    {"tet4": 1, "tet10": 4, "wedge6": 2, "wedge15": 9, "hex8_mean": 8, "hex20": 27, "hex20_corner": 27, "hex20r": 8}
    | {"": 0}
)
"""Number of integration points of each formulation."""

HEXA20_BY_LAYERS = (*range(12), 16, 17, 18, 19, 12, 13, 14, 15)
WEDGE15_BY_LAYERS = (*range(9), 12, 13, 14, 9, 10, 11)
"""Node order (see `ElementType.to_vtk`) of files that number mid-side nodes bottom, upright, top."""


@dataclass(frozen=True)
class ElementType:
    """One element type.

    Parameters
    ----------
    name: the solver's name.
    cell_type: meshio's name.
    formulation: key of `romtool.fem.elements.ELEMENTS`, or "".
    n_points: integration points of the formulation, 0 where it is "".
    to_vtk: local node of the file for each VTK node.
    """

    name: str
    cell_type: str
    formulation: str
    n_points: int
    to_vtk: tuple[int, ...]

    @property
    def n_nodes(self) -> int:
        """Return the number of nodes."""
        return len(self.to_vtk)


def element_type(
    name: str, cell_type: str, formulation: str = "", to_vtk: tuple[int, ...] | None = None
) -> ElementType:
    """Return an element type; without `to_vtk` its nodes are in VTK order."""
    return ElementType(name, cell_type, formulation, POINTS[formulation], to_vtk or tuple(range(CELL_NODES[cell_type])))


@dataclass(frozen=True)
class Part:
    """Elements of one type, with node ids of the solver: nodes is (n_cells, n_cell_nodes), VTK order."""

    kind: ElementType
    ids: Ints
    nodes: Ints


def assemble(node_ids: Ints, points: Floats, parts: Sequence[Part], path: Path) -> Mesh:
    """Return a mesh without sets from ascending node ids, (n, 3) points and elements with node ids.

    Raises
    ------
    ReaderError: an element whose node is not defined.
    """
    used = np.unique(np.concatenate([part.nodes.ravel() for part in parts]))
    at = rows_of(node_ids, used)
    if (at < 0).any():
        missing = int(used[int(np.argmax(at < 0))])
        part = next(p for p in parts if (p.nodes == missing).any())
        element = int(part.ids[int(np.argmax((part.nodes == missing).any(axis=1)))])
        raise ReaderError(
            f"{path}: element {element} uses node {missing}, which is not defined; define it, or leave the element out"
        )
    blocks = tuple(
        CellBlock(
            p.kind.cell_type, p.kind.formulation, p.ids, np.searchsorted(used, p.nodes).astype(np.int64), p.kind.name
        )
        for p in parts
    )
    check_coordinates(points[at], used, path)
    return Mesh(points[at], used, blocks)


def rows_of(ids: Ints, wanted: Ints) -> Ints:
    """Return the row of each wanted id among ascending ids, -1 where there is none."""
    if not len(ids):
        return np.full(np.shape(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[at] == wanted, at, -1).astype(np.int64)


def element_rows(mesh: Mesh, wanted: Ints) -> Ints:
    """Return the element index of each wanted element id, -1 where there is none."""
    order = np.argsort(mesh.element_ids, kind="stable")
    at = rows_of(mesh.element_ids[order], wanted)
    return np.where(at >= 0, order[at], -1).astype(np.int64)


def name_of(rows: Ints, sets: Mapping[str, Ints], otherwise: str) -> str:
    """Return the name of the set with these ascending rows, `otherwise` where there is none."""
    return next((name for name, members in sets.items() if np.array_equal(members, rows)), otherwise)


def set_rows(ids: Ints, members: Ints) -> Ints:
    """Return the ascending rows of a set's ids among `ids` (any order), without those that are not there."""
    order = np.argsort(ids, kind="stable")
    at = rows_of(ids[order], np.unique(members))
    return np.sort(order[at[at >= 0]])
