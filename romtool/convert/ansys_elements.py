"""Elements of Ansys MAPDL: from element type numbers and node lists to cells and formulations.

Bricks of 8 and 20 nodes become wedges, pyramids and tetrahedra by repeating nodes (Ansys Element Reference, "Element
Shapes"): K = L, O = P; M = N = O = P; both. Node order is VTK's otherwise. The rules are those of the Theory Reference:
SOLID186 reduced (2x2x2) or, with KEYOPT(2) = 1, full; wedges 3x3; tetrahedra four points. SOLID185 (B-bar, reduced or
enhanced) has no formulation here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from romtool.convert.parts import Part, element_type
from romtool.types import Bools, Ints

_FAMILIES = {
    "brick20": "SOLID90 SOLID95 SOLID96 SOLID122 SOLID186 SOLID226 SOLID231 SOLID236 SOLID239",
    "brick8": "SOLID5 SOLID45 SOLID46 SOLID62 SOLID64 SOLID65 SOLID69 SOLID70 SOLID164 SOLID185 SOLSH190 SOLID278",
    "tetra10": "SOLID87 SOLID92 SOLID98 SOLID123 SOLID148 SOLID187 SOLID227 SOLID232 SOLID237 SOLID240 SOLID291",
    "tetra4": "SOLID285",
    "quad8": "PLANE77 PLANE82 PLANE183 PLANE223 SHELL93 SHELL281 SHELL132",
    "quad4": "PLANE42 PLANE55 PLANE182 SHELL28 SHELL41 SHELL43 SHELL57 SHELL63 SHELL131 SHELL181",
    "line3": "BEAM189 PIPE289 ELBOW290",
    "line2": "LINK8 LINK10 LINK180 BEAM4 BEAM44 BEAM188 PIPE16 PIPE288 COMBIN14 COMBIN39",
    "point": "MASS21",
}
NAMES = MappingProxyType(
    {int("".join(filter(str.isdigit, name))): name for names in _FAMILIES.values() for name in names.split()}
)
"""Name of each element type number that is read."""

_FAMILY = {name: family for family, names in _FAMILIES.items() for name in names.split()}

_SHAPES: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "brick20": (
        ("hexahedron20", tuple(range(20))),
        ("wedge15", (0, 1, 2, 4, 5, 6, 8, 9, 11, 12, 13, 15, 16, 17, 18)),
        ("pyramid13", (0, 1, 2, 3, 4, 8, 9, 10, 11, 16, 17, 18, 19)),
        ("tetra10", (0, 1, 2, 4, 8, 9, 11, 16, 17, 18)),
    ),
    "brick8": (
        ("hexahedron", tuple(range(8))),
        ("wedge", (0, 1, 2, 4, 5, 6)),
        ("pyramid", (0, 1, 2, 3, 4)),
        ("tetra", (0, 1, 2, 4)),
    ),
    "tetra10": (("tetra10", tuple(range(10))),),
    "tetra4": (("tetra", tuple(range(4))),),
    "quad8": (("quad8", tuple(range(8))), ("triangle6", (0, 1, 2, 4, 5, 7))),
    "quad4": (("quad", tuple(range(4))), ("triangle", (0, 1, 2))),
    "line3": (("line3", (0, 1, 2)),),
    "line2": (("line", (0, 1)),),
    "point": (("vertex", (0,)),),
}
"""Cell type and columns of the node list, in VTK order, of each shape of a family (see `_shape`)."""

_DROPPED = " without mid-side nodes"
_LINEAR = {
    "hexahedron20": "hexahedron",
    "wedge15": "wedge",
    "pyramid13": "pyramid",
    "tetra10": "tetra",
    "quad8": "quad",
    "triangle6": "triangle",
    "line3": "line",
}


@dataclass(frozen=True)
class RawElements:
    """Elements as Ansys stores them.

    Parameters
    ----------
    ids: (n,) element numbers.
    types: (n,) reference numbers of element types.
    nodes: (n, n_columns) node numbers, 0 where there is none.
    routines: reference number -> element type number (186 for SOLID186).
    options: reference number -> KEYOPT(1), KEYOPT(2), …
    """

    ids: Ints
    types: Ints
    nodes: Ints
    routines: Mapping[int, int]
    options: Mapping[int, tuple[int, ...]]


def build_parts(raw: RawElements) -> tuple[list[Part], list[str]]:
    """Return the elements by type and shape, and sentences on those that are left out or shown only.

    Contact, target and surface effect elements, and types that are not known, are left out.
    """
    parts: list[Part] = []
    skipped: dict[int, int] = {}
    for reference in dict.fromkeys(raw.types.tolist()):
        routine = raw.routines.get(reference, 0)
        chosen = raw.types == reference
        if routine in NAMES:
            parts += _parts_of_type(raw, chosen, NAMES[routine], raw.options.get(reference, ()))
        else:
            skipped[routine] = skipped.get(routine, 0) + int(chosen.sum())
    warnings = []
    if skipped:
        warnings.append(
            "elements that are not bodies (contact, targets, surface effects) or not known are left out: "
            f"{', '.join(f'{n} of type {k}' for k, n in skipped.items())}; forces that they transmit are not known here"
        )
    if any(part.kind.name.endswith(_DROPPED) for part in parts):
        warnings.append("elements with dropped mid-side nodes are shown as linear cells")
    return _joined(parts), warnings


def _joined(parts: list[Part]) -> list[Part]:
    """Return parts with those of one kind put together."""
    found: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        found.setdefault((part.kind.name, part.kind.cell_type, part.kind.formulation), []).append(part)
    return [
        Part(same[0].kind, np.concatenate([p.ids for p in same]), np.concatenate([p.nodes for p in same]))
        for same in found.values()
    ]


def _parts_of_type(raw: RawElements, chosen: Bools, name: str, options: tuple[int, ...]) -> list[Part]:
    """Return the parts of one element type."""
    family = _FAMILY[name]
    ids, nodes = raw.ids[chosen], _padded(raw.nodes[chosen], len(_SHAPES[family][0][1]))
    shapes = _shape(family, nodes)
    parts = []
    for k, (cell_type, columns) in enumerate(_SHAPES[family]):
        mine = shapes == k
        if mine.any():
            parts += _split_dropped(name, cell_type, ids[mine], nodes[mine][:, list(columns)], options)
    return parts


def _padded(nodes: Ints, width: int) -> Ints:
    """Return node lists with at least `width` columns."""
    return np.pad(nodes, ((0, 0), (0, max(width - nodes.shape[1], 0))))


def _shape(family: str, nodes: Ints) -> Ints:
    """Return the shape of each element: its place in `_SHAPES[family]`."""
    if family.startswith("quad"):
        return (nodes[:, 2] == nodes[:, 3]).astype(np.int64)
    if not family.startswith("brick"):
        return np.zeros(len(nodes), dtype=np.int64)
    triangle = (nodes[:, 2] == nodes[:, 3]) & (nodes[:, 6] == nodes[:, 7])
    apex = (nodes[:, 5:8] == nodes[:, 4:5]).all(axis=1)
    return triangle + 2 * apex.astype(np.int64)


def _split_dropped(name: str, cell_type: str, ids: Ints, nodes: Ints, options: tuple[int, ...]) -> list[Part]:
    """Return elements with all their nodes, and those with dropped mid-side nodes as linear cells."""
    whole = (nodes > 0).all(axis=1)
    parts = []
    if whole.any():
        kind = element_type(name, cell_type, _formulation(name, cell_type, options))
        parts.append(Part(kind, ids[whole], nodes[whole]))
    if not whole.all() and cell_type in _LINEAR:
        linear = element_type(f"{name}{_DROPPED}", _LINEAR[cell_type])
        parts.append(Part(linear, ids[~whole], nodes[~whole][:, : linear.n_nodes]))
    return parts


def _formulation(name: str, cell_type: str, options: tuple[int, ...]) -> str:
    """Return how Ansys integrates an element, "" where romtool has no such formulation."""
    option = {i + 1: value for i, value in enumerate(options)}
    if name in ("SOLID187", "SOLID92"):
        return "" if option.get(6, 0) else "tet10"
    if name != "SOLID186" or option.get(3, 0) or option.get(6, 0):
        return ""
    hexahedra = {0: "hex20r", 1: "hex20"}.get(option.get(2, 0), "")
    return {"hexahedron20": hexahedra, "wedge15": "wedge15", "tetra10": "tet10"}.get(cell_type, "")
