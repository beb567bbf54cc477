"""Mesh of a CalculiX deck: nodes, elements, sets and surfaces, with the solver's ids and full digits.

Element sets and side sets refer to elements by their index in block order; blocks are the element types in
the order of their first `*ELEMENT`. Only nodes that an element uses are kept, in ascending id order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from romtool.convert.calculix_keywords import Card, clean_name, fill_table, read_cards, read_numbers, read_table
from romtool.convert.calculix_types import ELEMENT_TYPES
from romtool.convert.parts import ElementType, Part, assemble, rows_of
from romtool.errors import ReaderError
from romtool.types import Floats, Ints, Mesh

_GENERATORS = ("NGEN", "NFILL", "NCOPY", "ELGEN", "ELCOPY", "PART", "INSTANCE", "ASSEMBLY")


@dataclass
class Sets:
    """Named sets of ids, filled in deck order, because a set may name earlier ones.

    Parameters
    ----------
    nodes, elements: name -> ascending ids.
    surfaces: name -> (card, (n, 2) element id and face).
    """

    nodes: dict[str, Ints] = field(default_factory=dict)
    elements: dict[str, Ints] = field(default_factory=dict)
    surfaces: dict[str, tuple[Card, Ints]] = field(default_factory=dict)


@dataclass(frozen=True)
class Definitions:
    """What the mesh cards of a deck, or of one part, define.

    Parameters
    ----------
    node_ids, points: ascending ids and (n, 3) coordinates.
    parts: the elements by type.
    sets: their sets.
    """

    node_ids: Ints
    points: Floats
    parts: list[Part]
    sets: Sets

    @property
    def element_ids(self) -> Ints:
        """Return the ascending ids of the elements."""
        return np.sort(np.concatenate([np.zeros(0, np.int64), *(part.ids for part in self.parts)]))


FindType = Callable[[str], ElementType | None]
"""Returns the element type of a name, None for one that is not known."""


@dataclass(frozen=True)
class DeckMesh:
    """The mesh of a deck, what else its sets say, and sentences for the user.

    Parameters
    ----------
    mesh: the mesh.
    sets: all sets with solver ids, also of nodes that no element uses.
    warnings: sentences.
    node_ids, points: ascending ids and (n, 3) coordinates of all nodes, also of those that no element uses.
    """

    mesh: Mesh
    sets: Sets
    warnings: tuple[str, ...]
    node_ids: Ints
    points: Floats


def read_mesh(path: Path) -> DeckMesh:
    """Read the mesh of a deck. Raises ReaderError."""
    return build_mesh(read_cards(path), path)


def build_mesh(cards: Sequence[Card], path: Path) -> DeckMesh:
    """Return the mesh that the cards of a deck define.

    Parameters
    ----------
    cards: the cards, in order.
    path: the deck, for messages.

    Raises
    ------
    ReaderError: no elements, unknown element types, ids defined twice or never, unknown sets, bad numbers.
    """
    for card in cards:
        if card.keyword in _GENERATORS:
            raise card.error("is not a CalculiX keyword that romtool reads; write nodes and elements out")
    warnings: list[str] = []
    found = read_definitions(cards, ELEMENT_TYPES.get, warnings)
    found.sets.nodes.setdefault("NALL", found.node_ids)
    found.sets.elements.setdefault("EALL", found.element_ids)
    for card in cards:
        read_set(card, found.sets)
    return mesh_of(found, path, warnings)


def read_definitions(cards: Sequence[Card], find: FindType, warnings: list[str]) -> Definitions:
    """Return nodes and elements of cards, with the sets that their own cards name (those of set cards: `read_set`).

    Raises
    ------
    ReaderError: unknown element types, ids defined twice, bad numbers.
    """
    sets = Sets()
    node_ids, points = _read_nodes(cards, sets, warnings)
    return Definitions(node_ids, points, _read_elements(cards, sets, find), sets)


def mesh_of(found: Definitions, path: Path, warnings: list[str]) -> DeckMesh:
    """Return the mesh of definitions whose sets are complete.

    Raises
    ------
    ReaderError: no elements, elements with unknown nodes, surfaces with unknown elements.
    """
    if not found.parts:
        raise ReaderError(f"{path}: defines no elements; expected *NODE and *ELEMENT (or *INCLUDE of them)")
    mesh = assemble(found.node_ids, found.points, found.parts, path)
    full = _with_sets(mesh, found.sets, found.node_ids, warnings)
    return DeckMesh(full, found.sets, tuple(warnings), found.node_ids, found.points)


def _integers(card: Card, values: Floats, lines: Ints) -> Ints:
    """Return ids as integers. Raises ReaderError for one that is empty, fractional or not positive."""
    bad = ~(values == np.floor(values)) | (values < 1)
    if bad.any():
        first = int(np.argmax(bad))
        raise card.error(f"found {values[first]:g}, expected a positive id", int(lines[first]))
    return values.astype(np.int64)


def _read_nodes(cards: Sequence[Card], sets: Sets, warnings: list[str]) -> tuple[Ints, Floats]:
    """Return ascending ids and (n, 3) coordinates of all *NODE cards and fill their sets."""
    chosen = [card for card in cards if card.keyword == "NODE" and card.lines]
    all_ids, points, cut = [np.zeros(0, np.int64)], [np.zeros((0, 3))], 0
    for card in chosen:
        if card.parameters.get("SYSTEM", "R") != "R":
            raise card.error(f"SYSTEM={card.parameters['SYSTEM']} is not read; write rectangular coordinates")
        found = read_numbers(card)
        table = fill_table(card, found, 4)
        cut += found.cut
        all_ids.append(_integers(card, table[:, 0], np.arange(len(table))))
        points.append(np.nan_to_num(table[:, 1:], nan=0.0))
        if "NSET" in card.parameters:
            _extend(sets.nodes, card.parameters["NSET"], all_ids[-1])
    if cut:
        warnings.append(
            f"{cut} coordinates have more than 20 characters, which CalculiX cuts (even an exponent); "
            "romtool cuts them in the same way: write fewer digits"
        )
    return _unique_nodes(chosen, all_ids, np.concatenate(points))


def _unique_nodes(chosen: list[Card], all_ids: list[Ints], points: Floats) -> tuple[Ints, Floats]:
    """Return nodes sorted by id; one that is given twice with the same coordinates counts once."""
    ids = np.concatenate(all_ids)
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(np.diff(ids[order]) == 0) + 1
    moved = (points[order[again]] != points[order[again - 1]]).any(axis=1)
    if moved.any():
        _twice(chosen, all_ids[1:], int(order[again[int(np.argmax(moved))]]), "node")
    order = np.delete(order, again)
    return ids[order], points[order]


def _twice(cards: Sequence[Card], ids: Sequence[Ints], position: int, kind: str) -> None:
    """Raise a ReaderError for the id at `position` of all cards together."""
    for card, part in zip(cards, ids, strict=True):
        if position < len(part):
            raise card.error(f"{kind} {part[position]} is defined twice; remove one definition", position)
        position -= len(part)


def _read_elements(cards: Sequence[Card], sets: Sets, find: FindType) -> list[Part]:
    """Return the elements by type, in the order of the types' first cards, and fill their sets."""
    found: dict[str, list[Part]] = {}
    chosen = [card for card in cards if card.keyword == "ELEMENT" and card.lines]
    for card in chosen:
        part = _read_element_card(card, find)
        found.setdefault(part.kind.name, []).append(part)
        if "ELSET" in card.parameters:
            _extend(sets.elements, card.parameters["ELSET"], part.ids)
    parts = [
        Part(pieces[0].kind, np.concatenate([p.ids for p in pieces]), np.concatenate([p.nodes for p in pieces]))
        for pieces in found.values()
    ]
    _check_unique_elements(chosen, parts, find)
    return parts


def _read_element_card(card: Card, find: FindType) -> Part:
    """Return the elements of one card; the lines of one element may be broken anywhere."""
    name = card.name("TYPE")
    kind = find(name)
    if kind is None:
        raise card.error(f"unknown element type {name}; romtool reads {', '.join(ELEMENT_TYPES)}")
    found = read_numbers(card)
    kept = ~np.isnan(found.values)
    values, lines = found.values[kept], found.line[kept]
    width = 1 + kind.n_nodes
    starts = np.arange(0, len(values), width)
    first_in_line = np.r_[True, np.diff(lines) > 0] if len(lines) else np.zeros(0, bool)
    wrong = ~first_in_line[starts]
    if wrong.any() or len(values) % width:
        place = int(np.argmax(wrong)) if wrong.any() else len(starts)
        raise card.error(
            f"{name} has an id and {kind.n_nodes} nodes, which the lines do not give",
            int(lines[starts[max(place - 1, 0)]]),
        )
    table = _integers(card, values, lines).reshape(-1, width)
    return Part(kind, table[:, 0], table[:, 1:][:, list(kind.to_vtk)])


def _check_unique_elements(cards: Sequence[Card], parts: Sequence[Part], find: FindType) -> None:
    """Raise a ReaderError where an element id is given twice."""
    ids, counts = np.unique(np.concatenate([p.ids for p in parts] or [np.zeros(0, np.int64)]), return_counts=True)
    if (counts > 1).any():
        bad = int(ids[int(np.argmax(counts > 1))])
        tables = [_read_element_card(card, find).ids for card in cards]
        card = [c for c, table in zip(cards, tables, strict=True) if bad in table][-1]
        raise card.error(f"element {bad} is defined twice; remove one definition")


def _extend(table: dict[str, Ints], name: str, ids: Ints) -> None:
    """Add ids to a set, ascending."""
    table[name] = np.union1d(table.get(name, np.zeros(0, np.int64)), ids)


def read_set(card: Card, sets: Sets) -> None:
    """Add what a *NSET, *ELSET or *SURFACE card says to the sets, which hold those before it. Raises ReaderError."""
    if card.keyword == "NSET":
        _extend(sets.nodes, card.name("NSET"), members(card, sets.nodes))
    elif card.keyword == "ELSET":
        _extend(sets.elements, card.name("ELSET"), members(card, sets.elements))
    elif card.keyword == "SURFACE":
        _read_surface(card, sets)


def members(card: Card, known: dict[str, Ints]) -> Ints:
    """Return the ids of a set card: ids, names of earlier sets, or ranges with GENERATE."""
    if "GENERATE" in card.parameters:
        return _generated(card)
    fields = [text for line in card.lines for text in map(clean_name, line.split(",")) if text]
    ids = [int(text) for text in fields if text.isdigit()]
    names = [text for text in fields if not text.isdigit()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise card.error(f"unknown set {unknown[0]}; {_known(known)}", _line_with(card, unknown[0]))
    return np.concatenate([np.array(ids, dtype=np.int64), *(known[name] for name in names)])


_LARGEST_SET = 10**8
"""Ids of a range; above it a number is damage, which would fill the memory."""


def _generated(card: Card) -> Ints:
    """Return the ids of first, last, increment lines; the increment is 1 where it is not given."""
    table = read_table(card, 3)
    table[np.isnan(table[:, 2]), 2] = 1.0
    whole = _integers(card, table.ravel(), np.arange(len(table)).repeat(3)).reshape(-1, 3)
    counts = (whole[:, 1] - whole[:, 0]) // np.maximum(whole[:, 2], 1) + 1
    wrong = (whole[:, 2] < 1) | (counts < 1) | (counts > _LARGEST_SET)
    if wrong.any() or not len(whole):
        raise card.error("GENERATE: expected lines of first id, last id and a step of 1 or more")
    return np.concatenate([np.arange(a, b + 1, step) for a, b, step in whole])


def _line_with(card: Card, name: str) -> int:
    """Return the index of the first data line that holds a name."""
    return next(i for i, line in enumerate(card.lines) if name in map(clean_name, line.split(",")))


def _known(known: dict[str, Ints]) -> str:
    """Return the end of a message: which sets there are."""
    return f"defined so far: {', '.join(sorted(known)) or 'none'}"


def _read_surface(card: Card, sets: Sets) -> None:
    """Read one *SURFACE: faces of elements or sets, or nodes (a node set)."""
    name = card.name("NAME")
    if card.parameters.get("TYPE", "ELEMENT") == "NODE":
        _extend(sets.nodes, name, members(card, sets.nodes))
        return
    faces: list[Ints] = []
    for i, fields in card.rows():
        if len(fields) != 2 or not (fields[1][:1] == "S" and fields[1][1:].isdigit()):
            raise card.error(f"found {', '.join(fields)!r}, expected an element or element set and S1 … S6", i)
        ids = element_ids_of(card, sets, fields[0], i)
        faces.append(np.stack([ids, np.full(len(ids), int(fields[1][1:]) - 1)], axis=1))
    sets.surfaces[name] = (card, np.concatenate(faces) if faces else np.zeros((0, 2), np.int64))


def element_ids_of(card: Card, sets: Sets, text: str, line: int) -> Ints:
    """Return the element ids that an id or a set name stands for. Raises ReaderError."""
    if text.isdigit():
        return np.array([int(text)], dtype=np.int64)
    if text not in sets.elements:
        raise card.error(f"unknown element set {text}; {_known(sets.elements)}", line)
    return sets.elements[text]


def node_ids_of(card: Card, sets: Sets, text: str, line: int) -> Ints:
    """Return the node ids that an id or a set name stands for. Raises ReaderError."""
    if text.isdigit():
        return np.array([int(text)], dtype=np.int64)
    if text not in sets.nodes:
        raise card.error(f"unknown node set {text}; {_known(sets.nodes)}", line)
    return sets.nodes[text]


def _with_sets(mesh: Mesh, sets: Sets, node_ids: Ints, warnings: list[str]) -> Mesh:
    """Return the mesh with its sets as rows; ids that no element uses are left out."""
    order = np.argsort(mesh.element_ids, kind="stable")
    sorted_ids = mesh.element_ids[order]
    node_sets = {name: _found(rows_of(mesh.node_ids, ids)) for name, ids in sets.nodes.items()}
    element_sets = {name: np.sort(order[_found(rows_of(sorted_ids, ids))]) for name, ids in sets.elements.items()}
    for kind, table, ids in (("node", sets.nodes, node_ids), ("element", sets.elements, sorted_ids)):
        for name, members in table.items():
            lost = int((rows_of(ids, members) < 0).sum())
            if lost:
                warnings.append(f"{kind} set {name} names {lost} {kind}s that are not defined; they are left out")
    side_sets = {name: _sides(*surface, sorted_ids, order) for name, surface in sets.surfaces.items()}
    return Mesh(mesh.points, mesh.node_ids, mesh.blocks, node_sets, element_sets, side_sets)


def _found(rows: Ints) -> Ints:
    """Return the rows that exist."""
    return rows[rows >= 0]


def _sides(card: Card, faces: Ints, sorted_ids: Ints, order: Ints) -> Ints:
    """Return (n, 2) element index and local face of a surface with element ids."""
    at = rows_of(sorted_ids, faces[:, 0])
    if (at < 0).any():
        bad = int(faces[int(np.argmax(at < 0)), 0])
        raise card.error(f"surface names element {bad}, which is not defined")
    return np.stack([order[at], faces[:, 1]], axis=1)
