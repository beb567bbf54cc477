"""MED's cell types in VTK's node order.

MED counts the corners of solids the other way round than VTK. Source: MED file format, `medfichier` documentation,
reference elements; checked on files of gmsh and of the MED library.
"""

from types import MappingProxyType

_LINEAR = {
    "TE4": ("tetra", (0, 2, 1, 3)),
    "PY5": ("pyramid", (0, 3, 2, 1, 4)),
    "PE6": ("wedge", (0, 2, 1, 3, 5, 4)),
    "HE8": ("hexahedron", (0, 3, 2, 1, 4, 7, 6, 5)),
}
_QUADRATIC = {
    "T10": ("tetra10", (*_LINEAR["TE4"][1], 6, 5, 4, 7, 9, 8)),
    "P13": ("pyramid13", (*_LINEAR["PY5"][1], 8, 7, 6, 5, 9, 12, 11, 10)),
    "P15": ("wedge15", (*_LINEAR["PE6"][1], 8, 7, 6, 11, 10, 9, 12, 14, 13)),
    "H20": ("hexahedron20", (*_LINEAR["HE8"][1], 11, 10, 9, 8, 15, 14, 13, 12, 16, 19, 18, 17)),
}
_SAME = {
    "PO1": ("vertex", 1),
    "SE2": ("line", 2),
    "SE3": ("line3", 3),
    "TR3": ("triangle", 3),
    "TR6": ("triangle6", 6),
    "TR7": ("triangle7", 7),
    "QU4": ("quad", 4),
    "QU8": ("quad8", 8),
    "QU9": ("quad9", 9),
}

MED_CELLS = MappingProxyType(
    _LINEAR
    | _QUADRATIC
    | {"H27": ("hexahedron27", (*_QUADRATIC["H20"][1], 21, 23, 24, 22, 20, 25, 26))}
    | {name: (cell_type, tuple(range(n))) for name, (cell_type, n) in _SAME.items()}
)
"""MED's name -> meshio's name, and the file's local node for each VTK node."""
