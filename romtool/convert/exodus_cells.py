"""Exodus' element types in VTK's node order, and its sides as romtool's faces.

Source: Schoof & Yarberry, EXODUS II: a finite element data model, SAND92-2137, and the element types of SEACAS.
"""

from dataclasses import dataclass
from types import MappingProxyType

_FLAT = {2: "line", 3: "triangle", 4: "quad", 6: "triangle6", 7: "triangle7", 8: "quad8", 9: "quad9"}
_THIN = {1: "vertex", 2: "line", 3: "line3"}
_SHAPES = {
    "HEX": {8: "hexahedron", 20: "hexahedron20", 27: "hexahedron27"},
    "TET": {4: "tetra", 10: "tetra10"},
    "WED": {6: "wedge", 15: "wedge15"},
    "PYR": {5: "pyramid", 13: "pyramid13"},
    **dict.fromkeys(("QUA", "SHE", "TRI"), _FLAT),
    **dict.fromkeys(("BAR", "BEA", "TRU", "ROD", "EDG", "LIN", "SPR", "SPH", "CIR", "NOD", "POI"), _THIN),
}
"""Cells by the first three letters of the type and the number of nodes."""

_ORDERS = {
    "hexahedron20": (*range(12), *range(16, 20), *range(12, 16)),
    "hexahedron27": (*range(12), *range(16, 20), *range(12, 16), 23, 24, 25, 26, 21, 22, 20),
    "wedge15": (*range(9), *range(12, 15), *range(9, 12)),
}
"""The file's node for each VTK node, where they differ: Exodus has the upright edges before those of the top."""

SIDES = MappingProxyType(
    {
        **dict.fromkeys(("hexahedron", "hexahedron20"), (2, 3, 4, 5, 0, 1)),
        **dict.fromkeys(("tetra", "tetra10"), (1, 2, 3, 0)),
        **dict.fromkeys(("wedge", "wedge15"), (2, 3, 4, 0, 1)),
    }
)
"""Cell -> romtool's local face of each side, in the order of Exodus (which counts from 1)."""


@dataclass(frozen=True)
class ExodusCell:
    """A cell: meshio's name, and the file's local node for each VTK node."""

    cell_type: str
    to_vtk: tuple[int, ...]


def cell_of(kind: str, n_nodes: int) -> ExodusCell | None:
    """Return the cell of an element type, None for one that has no fixed cell (polyhedra, superelements).

    >>> cell_of("HEX20", 20).cell_type
    'hexahedron20'
    """
    cell_type = _SHAPES.get(kind.strip().upper()[:3], {}).get(n_nodes)
    return None if cell_type is None else ExodusCell(cell_type, _ORDERS.get(cell_type, tuple(range(n_nodes))))
