"""Element types of CalculiX: cell, formulation, node order and integration points.

The formulation is "" where romtool shows the element but does not compute with it. Types of the `.frd` file
do not tell full from reduced integration; there the type of full integration stands for both.
"""

from types import MappingProxyType

from romtool.convert.parts import HEXA20_BY_LAYERS, WEDGE15_BY_LAYERS, element_type

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
    "vertex": "MASS SPRING1 DCOUP3D",
}
_LINE3_NAMES, _LINE3 = "B32 B32R T3D3 D", (0, 2, 1)

ELEMENT_TYPES = MappingProxyType(
    {name: element_type(name, *cell) for name, cell in _SOLIDS.items()}
    | {name: element_type(name, cell) for cell, names in _OTHERS.items() for name in names.split()}
    | {name: element_type(name, "line3", "", _LINE3) for name in _LINE3_NAMES.split()}
)
"""Element types of the deck by name."""

FRD_TYPES = MappingProxyType(
    {
        1: element_type("C3D8", "hexahedron", "hex8_mean"),
        2: element_type("C3D6", "wedge", "wedge6"),
        3: element_type("C3D4", "tetra", "tet4"),
        4: element_type("C3D20", "hexahedron20", "hex20_corner", HEXA20_BY_LAYERS),
        5: element_type("C3D15", "wedge15", "wedge15", WEDGE15_BY_LAYERS),
        6: element_type("C3D10", "tetra10", "tet10"),
        7: element_type("tr3", "triangle"),
        8: element_type("tr6", "triangle6"),
        9: element_type("qu4", "quad"),
        10: element_type("qu8", "quad8"),
        11: element_type("be2", "line"),
        12: element_type("be3", "line3"),
    }
)
"""Element types of the `.frd` file by number."""
