"""Local axes of a deck: `*TRANSFORM` (of displacements at nodes) and `*ORIENTATION` (of materials).

Both give six numbers: rectangular, a point of the local x axis and one of the local xy plane, seen from the origin;
cylindrical, two points of the axis, with local axes radial, circumferential, axial.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.convert.calculix_keywords import Card, number
from romtool.convert.calculix_mesh import DeckMesh
from romtool.convert.parts import rows_of
from romtool.loading import Orientation
from romtool.types import Floats, Ints

_RECTANGULAR = ("R", "RECTANGULAR", "")
_CYLINDRICAL = ("C", "CYLINDRICAL")


@dataclass(frozen=True)
class Transforms:
    """Local axes of displacements.

    Parameters
    ----------
    of_node: (n_nodes,) int, row of `axes` for each node of the mesh, -1 for the global ones.
    axes: kind and (2, 3) values as of `romtool.constraints.LocalSupport`.
    """

    of_node: Ints
    axes: tuple[tuple[str, Floats], ...] = ()


def read_transforms(cards: Sequence[Card], found: DeckMesh) -> Transforms:
    """Return the local axes of nodes; later cards win. Raises ReaderError."""
    of_node = np.full(found.mesh.n_nodes, -1, dtype=np.int64)
    axes: list[tuple[str, Floats]] = []
    for card in cards:
        if card.keyword == "TRANSFORM":
            name = card.name("NSET")
            if name not in found.sets.nodes:
                raise card.error(f"unknown node set {name}; define it with *NSET")
            rows = rows_of(found.mesh.node_ids, found.sets.nodes[name])
            of_node[rows[rows >= 0]] = len(axes)
            axes.append(_axes(card, card.parameters.get("TYPE", "")))
    return Transforms(of_node, tuple(axes))


def read_orientations(cards: Sequence[Card]) -> dict[str, Orientation]:
    """Return the local axes of materials by name. Raises ReaderError."""
    found: dict[str, Orientation] = {}
    for card in cards:
        if card.keyword == "ORIENTATION":
            if card.parameters.get("DEFINITION", "COORDINATES") != "COORDINATES":
                raise card.error(f"DEFINITION={card.parameters['DEFINITION']} is not supported; give coordinates")
            kind, values = _axes(card, card.parameters.get("SYSTEM", ""))
            found[card.name("NAME")] = Orientation("axes" if kind == "axes" else "cylindrical", values)
    return found


def _axes(card: Card, system: str) -> tuple[str, Floats]:
    """Return kind and values of the six numbers of a card; a turn of the axes must be none."""
    if system not in (*_RECTANGULAR, *_CYLINDRICAL):
        raise card.error(f"the system {system} is not supported; romtool reads rectangular and cylindrical ones")
    rows = list(card.rows())
    try:
        values = [[number(text) if text else 0.0 for text in fields] for _, fields in rows]
    except ValueError as error:
        raise card.error("found a text, expected numbers", 0) from error
    if not values or len(values[0]) not in (6, 9):
        raise card.error("expected six numbers: the coordinates of two points")
    if any(len(more) > 1 and more[1] != 0.0 for more in values[1:]):
        raise card.error("a turn about one of the local axes is not supported; give axes that are turned", 1)
    points = np.array(values[0][:6]).reshape(2, 3)
    if system in _CYLINDRICAL:
        return "cylindrical", np.array([points[0], points[1] - points[0]])
    origin = np.array(values[0][6:9]) if len(values[0]) == 9 else np.zeros(3)
    return "axes", points - origin
