"""Parts, instances and assembly of an Abaqus deck -> one mesh, and the cards that remain.

Nodes and elements get the numbers that Abaqus' own `.dat` and `.fil` use: 1, 2, … through the instances in the order
of the deck, by label within each. Sets of an instance are called `INSTANCE.SET`. A deck without parts keeps
its labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from romtool.convert.abaqus_types import find_type
from romtool.convert.calculix_keywords import Card, number, read_cards
from romtool.convert.calculix_mesh import DeckMesh, Definitions, Sets, members, mesh_of, read_definitions, read_set
from romtool.convert.parts import Part, rows_of
from romtool.errors import ReaderError
from romtool.types import Floats, Ints

_MESH = ("NODE", "ELEMENT", "NSET", "ELSET", "SURFACE")
_SETS = ("NSET", "ELSET", "SURFACE")
_GENERATORS = ("NGEN", "NFILL", "NCOPY", "ELGEN", "ELCOPY", "NMAP", "SYSTEM", "SUPERELEMENT")
_OPEN = {"PART": "ENDPART", "INSTANCE": "ENDINSTANCE", "ASSEMBLY": "ENDASSEMBLY"}
_CLOSE = set(_OPEN.values())


class _Named(dict[str, Ints]):
    """Sets of the assembly by name, which also know `INSTANCE.LABEL`.

    Parameters
    ----------
    labels: instance -> (its first number - 1, its labels, ascending).
    """

    def __init__(self, labels: Mapping[str, tuple[int, Ints]]) -> None:
        super().__init__()
        self._labels = labels

    def __missing__(self, name: str) -> Ints:
        instance, _, label = name.rpartition(".")
        if not label.isdigit() or instance not in self._labels:
            raise KeyError(name)
        before, labels = self._labels[instance]
        row = int(rows_of(labels, np.array([int(label)]))[0])
        if row < 0:
            raise KeyError(name)
        return np.array([before + row + 1], dtype=np.int64)

    def __contains__(self, name: object) -> bool:
        try:
            self[str(name)]
        except KeyError:
            return False
        return True


@dataclass
class _Scope:
    """The cards of a part, an instance or the assembly, and the card that opens it."""

    head: Card
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True)
class _Instance:
    """An instance in place: its definitions with its own labels, and how many nodes and elements come before it."""

    name: str
    found: Definitions
    nodes_before: int
    elements_before: int

    def nodes(self, labels: Ints) -> Ints:
        """Return the numbers of labels of nodes, without those that are not there."""
        return _numbers(self.found.node_ids, labels, self.nodes_before)

    def elements(self, labels: Ints) -> Ints:
        """Return the numbers of labels of elements, without those that are not there."""
        return _numbers(self.found.element_ids, labels, self.elements_before)


def _numbers(known: Ints, labels: Ints, before: int) -> Ints:
    """Return the numbers of those labels that are known."""
    rows = rows_of(known, labels)
    return rows[rows >= 0] + before + 1


def flatten(cards: Sequence[Card], path: Path) -> tuple[DeckMesh, list[Card]]:
    """Return the mesh of a deck and its cards without those of the mesh; set names are those of the assembly.

    Parameters
    ----------
    cards: the cards, in order.
    path: the deck, for messages.

    Raises
    ------
    ReaderError: generators of nodes, unknown parts, sets, element types, ids defined twice, bad numbers.
    """
    for card in cards:
        if card.keyword in _GENERATORS:
            raise card.error("is not read; write nodes and elements out in global coordinates (Abaqus/CAE does)")
    parts, instances, assembly, rest = _scopes(cards)
    warnings: list[str] = []
    if not instances:
        return _flat(rest, path, warnings)
    placed = _placed(parts, instances, warnings)
    loose = read_definitions([c for c in assembly if c.keyword in ("NODE", "ELEMENT")], find_type, warnings)
    if loose.parts:
        raise assembly[0].error("elements outside instances are not read; put them into a part")
    found = _merged([*placed, _Instance("", loose, sum(len(i.found.node_ids) for i in placed), 0)], path)
    for card in assembly:
        if card.keyword in _SETS:
            _read_assembly_set(card, found.sets, placed, warnings)
    kept = [card for card in assembly if card.keyword not in _MESH]
    if len(placed) > 1:
        ranges = ", ".join(f"{i.name} from {i.nodes_before + 1}" for i in placed)
        warnings.append(f"nodes are numbered through the instances as in Abaqus' own files: {ranges}")
    return mesh_of(found, path, warnings), [*_part_cards(parts, instances), *kept, *rest]


def read_mesh(path: Path) -> DeckMesh:
    """Read the mesh of a deck. Raises ReaderError."""
    return flatten(read_cards(path), path)[0]


def _flat(cards: Sequence[Card], path: Path, warnings: list[str]) -> tuple[DeckMesh, list[Card]]:
    """Return the mesh of a deck without parts, and its other cards."""
    found = read_definitions(cards, find_type, warnings)
    for card in cards:
        if card.keyword in _SETS:
            _read_or_warn(card, found.sets, warnings)
    return mesh_of(found, path, warnings), [card for card in cards if card.keyword not in _MESH]


def _scopes(cards: Sequence[Card]) -> tuple[dict[str, _Scope], list[_Scope], list[Card], list[Card]]:
    """Return the parts by name, the instances, the other cards of the assembly, and all other cards."""
    parts: dict[str, _Scope] = {}
    instances: list[_Scope] = []
    assembly: list[Card] = []
    rest: list[Card] = []
    stack: list[tuple[str, list[Card]]] = [("", rest)]
    for card in cards:
        if card.keyword in _OPEN:
            scope = _Scope(card)
            if card.keyword == "PART":
                parts[card.name("NAME")] = scope
            elif card.keyword == "INSTANCE":
                instances.append(scope)
            stack.append((_OPEN[card.keyword], assembly if card.keyword == "ASSEMBLY" else scope.cards))
        elif card.keyword in _CLOSE:
            if stack[-1][0] != card.keyword:
                raise card.error("ends what did not begin; expected *PART, *INSTANCE or *ASSEMBLY before")
            stack.pop()
        else:
            stack[-1][1].append(card)
    if len(stack) > 1:
        raise cards[-1].error(f"the deck ends before *{stack[-1][0].replace('END', 'END ')}; it is truncated")
    return parts, instances, assembly, rest


def _placed(parts: Mapping[str, _Scope], instances: Sequence[_Scope], warnings: list[str]) -> list[_Instance]:
    """Return the instances with their coordinates moved and turned."""
    placed: list[_Instance] = []
    nodes = elements = 0
    for scope in instances:
        head = scope.head
        name, own = head.name("NAME"), _own_cards(parts, scope)
        found = read_definitions(own, find_type, warnings)
        for card in own:
            if card.keyword in _SETS:
                _read_or_warn(card, found.sets, warnings)
        placed.append(_Instance(name, replace(found, points=_moved(head, found.points)), nodes, elements))
        nodes += len(found.node_ids)
        elements += len(found.element_ids)
    return placed


def _own_cards(parts: Mapping[str, _Scope], scope: _Scope) -> list[Card]:
    """Return the cards of an instance: those of its part, then its own."""
    name = scope.head.name("PART") if "INSTANCE" not in scope.head.parameters else ""
    if not name or "LIBRARY" in scope.head.parameters:
        raise scope.head.error("an instance from earlier results is not read; give the deck that begins the run")
    if name not in parts:
        raise scope.head.error(f"unknown part {name}; the deck has {', '.join(parts) or 'none'}")
    return [*parts[name].cards, *scope.cards]


def _moved(card: Card, points: Floats) -> Floats:
    """Return coordinates after the translation and then the rotation (two points, degrees) of an instance."""
    rows = [_reals(card, line, fields) for line, fields in card.rows()]
    if any(len(row) != width for row, width in zip(rows, (3, 7), strict=False)) or len(rows) > 2:
        raise card.error("expected a line with a translation (3 numbers) and one with a rotation (7 numbers)", 0)
    if rows:
        points = points + np.array(rows[0])
    return _turned(card, points, np.array(rows[1])) if len(rows) == 2 else points


def _turned(card: Card, points: Floats, rotation: Floats) -> Floats:
    """Return points turned about the axis from a to b by an angle in degrees (Rodrigues' formula)."""
    origin, axis, angle = rotation[:3], rotation[3:6] - rotation[:3], np.radians(rotation[6])
    length = np.linalg.norm(axis)
    if not length:
        raise card.error("the axis of the rotation has no length", 1)
    axis, arm = axis / length, points - origin
    along = np.outer(arm @ axis, axis)
    turned: Floats = origin + along + (arm - along) * np.cos(angle) + np.cross(axis, arm) * np.sin(angle)
    return turned


def _reals(card: Card, line: int, fields: Sequence[str]) -> list[float]:
    """Return the numbers of a data line. Raises ReaderError."""
    try:
        return [number(text) if text else 0.0 for text in fields]
    except ValueError as error:
        raise card.error(f"found {', '.join(fields)!r}, expected numbers", line) from error


def _merged(placed: Sequence[_Instance], path: Path) -> Definitions:
    """Return all instances as one, with their sets under `INSTANCE.SET` (those of the assembly under their name)."""
    sets = Sets(
        _Named({i.name: (i.nodes_before, i.found.node_ids) for i in placed}),
        _Named({i.name: (i.elements_before, i.found.element_ids) for i in placed}),
    )
    parts: dict[str, list[Part]] = {}
    for instance in placed:
        for part in instance.found.parts:
            parts.setdefault(part.kind.name, []).append(_numbered(instance, part, path))
        prefix = f"{instance.name}." if instance.name else ""
        own = instance.found.sets
        sets.nodes.update({prefix + name: instance.nodes(ids) for name, ids in own.nodes.items()})
        sets.elements.update({prefix + name: instance.elements(ids) for name, ids in own.elements.items()})
        for name, (card, faces) in own.surfaces.items():
            known = faces[np.isin(faces[:, 0], instance.found.element_ids)]
            sets.surfaces[prefix + name] = (card, np.stack([instance.elements(known[:, 0]), known[:, 1]], axis=1))
    joined = [
        Part(same[0].kind, np.concatenate([p.ids for p in same]), np.concatenate([p.nodes for p in same]))
        for same in parts.values()
    ]
    points = np.concatenate([i.found.points for i in placed])
    return Definitions(1 + np.arange(len(points)), points, joined, sets)


def _numbered(instance: _Instance, part: Part, path: Path) -> Part:
    """Return elements of an instance with numbers instead of labels. Raises ReaderError for unknown nodes."""
    lost = rows_of(instance.found.node_ids, part.nodes) < 0
    if lost.any():
        element = part.ids[int(np.argmax(lost.any(axis=1)))]
        raise ReaderError(f"{path}: element {element} of {instance.name} uses node {part.nodes[lost][0]}, not defined")
    return Part(part.kind, instance.elements(part.ids), instance.nodes(part.nodes.ravel()).reshape(part.nodes.shape))


def _read_or_warn(card: Card, sets: Sets, warnings: list[str]) -> None:
    """Read a set; a surface that cannot be read (of shells, analytical, cropped) is said and left out."""
    try:
        read_set(card, sets)
    except ReaderError as error:
        if card.keyword != "SURFACE":
            raise
        warnings.append(f"a surface is left out: {error}")


def _read_assembly_set(card: Card, sets: Sets, placed: Sequence[_Instance], warnings: list[str]) -> None:
    """Read a set of the assembly: of labels in an instance, or of other sets and `INSTANCE.LABEL`."""
    if card.keyword == "SURFACE":
        _read_or_warn(card, sets, warnings)
        return
    if "ELSET" in card.parameters and card.keyword == "NSET":
        raise card.error("ELSET= (nodes of elements) is not read; list the nodes")
    name, table = card.name(card.keyword), sets.nodes if card.keyword == "NSET" else sets.elements
    found = _of_instance(card, placed) if "INSTANCE" in card.parameters else _of_assembly(card, table)
    known = dict.get(table, name)
    table[name] = np.union1d(known, found) if known is not None else np.unique(found)


def _of_instance(card: Card, placed: Sequence[_Instance]) -> Ints:
    """Return the numbers that a set card with INSTANCE= names."""
    name = card.name("INSTANCE")
    instance = next((i for i in placed if i.name == name), None)
    if instance is None:
        raise card.error(f"unknown instance {name}; the deck has {', '.join(i.name for i in placed)}")
    own = instance.found.sets
    if card.keyword == "NSET":
        return instance.nodes(members(card, own.nodes))
    return instance.elements(members(card, own.elements))


def _of_assembly(card: Card, known: dict[str, Ints]) -> Ints:
    """Return the numbers that a set card without INSTANCE= names."""
    if "GENERATE" in card.parameters:
        raise card.error("GENERATE needs INSTANCE= in an assembly")
    found = [np.zeros(0, np.int64)]
    for line, fields in card.rows():
        for name in filter(None, fields):
            if name not in known:
                raise card.error(f"unknown set {name}; the assembly has {', '.join(sorted(known)) or 'none'}", line)
            found.append(known[name])
    return np.concatenate(found)


def _part_cards(parts: Mapping[str, _Scope], instances: Sequence[_Scope]) -> list[Card]:
    """Return the cards of the instances that are not of the mesh, sections with the set's name in the assembly."""
    found = []
    for scope in instances:
        for card in _own_cards(parts, scope):
            if card.keyword not in _MESH:
                names = {key: f"{scope.head.name('NAME')}.{card.parameters[key]}" for key in ("ELSET", "NSET")
                         if key in card.parameters}  # fmt: skip
                found.append(replace(card, parameters=card.parameters | names))
    return found
