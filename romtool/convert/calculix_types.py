"""Element types of CalculiX: cell, formulation, node order and integration points.

The formulation is "" where romtool shows the element but does not compute with it. Types of the `.frd` file
do not tell full from reduced integration; there the type of full integration stands for both.
"""

from dataclasses import dataclass
from types import MappingProxyType

_LINE3 = (0, 2, 1)
_NODES = {
    "vertex": 1,
    "line": 2,
    "line3": 3,
    "triangle": 3,
    "triangle6": 6,
    "quad": 4,
    "quad8": 8,
    "tetra": 4,
    "tetra10": 10,
    "wedge": 6,
    "wedge15": 15,
    "hexahedron": 8,
    "hexahedron20": 20,
}


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


POINTS = MappingProxyType(
    {"tet4": 1, "tet10": 4, "wedge6": 2, "wedge15": 9, "hex8_mean": 8, "hex20_corner": 27, "hex20r": 8, "": 0}
)
"""Number of integration points of each formulation."""

_SOLIDS = {
    "C3D4": ("tetra", "tet4"),
    "C3D6": ("wedge", "wedge6"),
    "C3D8": ("hexahedron", "hex8_mean"),
    "C3D8I": ("hexahedron", ""),
    "C3D8R": ("hexahedron", ""),
    "C3D10": ("tetra10", "tet10"),
    "C3D10T": ("tetra10", ""),
    "C3D15": ("wedge15", "wedge15"),
    "C3D20": ("hexahedron20", "hex20_corner"),
    "C3D20R": ("hexahedron20", "hex20r"),
    "C3D20RI": ("hexahedron20", ""),
}
_OTHERS = {
    "triangle": "S3 M3D3 CPS3 CPE3 CAX3",
    "triangle6": "S6 M3D6 CPS6 CPE6 CAX6",
    "quad": "S4 S4R M3D4 M3D4R CPS4 CPS4R CPE4 CPE4R CAX4 CAX4R",
    "quad8": "S8 S8R M3D8 M3D8R CPS8 CPS8R CPE8 CPE8R CAX8 CAX8R",
    "line": "B21 B31 B31R T2D2 T3D2 SPRING2 SPRINGA DASHPOTA GAPUNI",
    "line3": "B32 B32R T3D3 D",
    "vertex": "MASS SPRING1 DCOUP3D",
}


def _solid(name: str, cell_type: str, formulation: str) -> ElementType:
    """Return a type whose node order is VTK's."""
    return ElementType(name, cell_type, formulation, POINTS[formulation], tuple(range(_NODES[cell_type])))


def _other(name: str, cell_type: str) -> ElementType:
    """Return a type that romtool only shows."""
    order = _LINE3 if cell_type == "line3" else tuple(range(_NODES[cell_type]))
    return ElementType(name, cell_type, "", 0, order)


ELEMENT_TYPES = MappingProxyType(
    {name: _solid(name, *cell) for name, cell in _SOLIDS.items()}
    | {name: _other(name, cell) for cell, names in _OTHERS.items() for name in names.split()}
)
"""Element types of the deck by name."""

_HE20 = (*range(12), 16, 17, 18, 19, 12, 13, 14, 15)
_PE15 = (*range(9), 12, 13, 14, 9, 10, 11)

FRD_TYPES = MappingProxyType(
    {
        1: _solid("C3D8", "hexahedron", "hex8_mean"),
        2: _solid("C3D6", "wedge", "wedge6"),
        3: _solid("C3D4", "tetra", "tet4"),
        4: ElementType("C3D20", "hexahedron20", "hex20_corner", 27, _HE20),
        5: ElementType("C3D15", "wedge15", "wedge15", 9, _PE15),
        6: _solid("C3D10", "tetra10", "tet10"),
        7: _solid("tr3", "triangle", ""),
        8: _solid("tr6", "triangle6", ""),
        9: _solid("qu4", "quad", ""),
        10: _solid("qu8", "quad8", ""),
        11: _solid("be2", "line", ""),
        12: _solid("be3", "line3", ""),
    }
)
"""Element types of the `.frd` file by number."""
