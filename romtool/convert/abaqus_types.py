"""Element types of Abaqus: cell, formulation, node order.

C3D8 integrates volume changes by their mean (B-bar), C3D8R and C3D8I have hourglass and incompatible modes, hybrid
elements (H) a pressure, C3D10M an inner structure: none of these has a formulation here; they are shown.
"""

import re
from types import MappingProxyType

from romtool.convert.parts import ElementType, element_type

_FORMULATIONS = MappingProxyType(
    {"C3D4": "tet4", "C3D10": "tet10", "C3D6": "wedge6", "C3D15": "wedge15", "C3D20": "hex20", "C3D20R": "hex20r"}
)
_CELLS = MappingProxyType(
    {
        **{("C3D", 4): "tetra", ("C3D", 5): "pyramid", ("C3D", 6): "wedge", ("C3D", 8): "hexahedron"},
        **{("C3D", 10): "tetra10", ("C3D", 13): "pyramid13", ("C3D", 15): "wedge15", ("C3D", 20): "hexahedron20"},
        **{("SC", 6): "wedge", ("SC", 8): "hexahedron", ("COH3D", 6): "wedge", ("COH3D", 8): "hexahedron"},
        **{("2D", 3): "triangle", ("2D", 4): "quad", ("2D", 6): "triangle6", ("2D", 8): "quad8"},
        **{("1D", 2): "line", ("1D", 3): "line3", ("0D", 1): "vertex"},
    }
)
_DIMENSIONS = (
    (re.compile(r"(?:C3D|DC3D|AC3D)(\d+)"), "C3D"),
    (re.compile(r"(?:SC)(\d+)"), "SC"),
    (re.compile(r"(?:COH3D)(\d+)"), "COH3D"),
    (re.compile(r"(?:CPS|CPE|CPEG|CAX|DC2D|DCAX|STRI|S|M3D|SFM3D|R3D|DS|AC2D)(\d+)"), "2D"),
    (re.compile(r"(?:B2|B3|T2D|T3D|PIPE2|PIPE3|R2D|RAX|CONN2D|CONN3D)(\d+)"), "1D"),
    (re.compile(r"(?:MASS|ROTARYI|SPRING1)()"), "0D"),
    (re.compile(r"(?:SPRING2|SPRINGA|DASHPOT2|DASHPOTA)()"), "1D"),
)
_PAIRS = ("SPRING2", "SPRINGA", "DASHPOT2", "DASHPOTA")


def find_type(name: str) -> ElementType | None:
    """Return the element type of a name, None for one that is not known.

    >>> find_type("C3D20RT").cell_type, find_type("C3D20R").formulation, find_type("CPS4").cell_type
    ('hexahedron20', 'hex20r', 'quad')
    """
    for pattern, dimension in _DIMENSIONS:
        match = pattern.match(name)
        cell_type = _CELLS.get((dimension, _count(name, dimension, match[1]))) if match else None
        if cell_type:
            return element_type(
                name, cell_type, _FORMULATIONS.get(name, ""), (0, 2, 1) if cell_type == "line3" else None
            )
    return None


def _count(name: str, dimension: str, digits: str) -> int:
    """Return the number of nodes that the digits of a name stand for (B31 and PIPE31 have two, B32 three)."""
    if not digits:
        return 2 if name in _PAIRS else 1
    if name.startswith(("B2", "B3", "PIPE")):
        return int(digits[0]) + 1
    return int(digits)
