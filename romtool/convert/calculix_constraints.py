"""Linear constraints of a CalculiX or Abaqus deck: equations, rigid bodies, couplings, ties, cyclic symmetry.

Checked by running ccx 2.20: where nothing is nonlinear all agree with it to round-off; rigid bodies and kinematic
couplings turn by finite rotations where something is, and a PLANE or STRAIGHT switches NLGEOM on.
Rotations of a rigid body are the displacements of its ROT NODE; of a kinematic coupling they are the components 4 to 6
of its reference node. In CalculiX a distributing coupling passes forces on and moves nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from romtool.constraints import (
    Constraint,
    CyclicSymmetry,
    Equations,
    MeanMotion,
    RigidBody,
    Tie,
)
from romtool.convert.calculix_axes import Transforms
from romtool.convert.calculix_keywords import Card, number
from romtool.convert.calculix_mesh import DeckMesh
from romtool.convert.calculix_mpc import KINDS
from romtool.convert.deck_dialect import Dialect
from romtool.convert.parts import rows_of
from romtool.errors import ReaderError
from romtool.types import Floats, Ints

_TIE_PARAMETERS = ("NAME", "POSITIONTOLERANCE", "ADJUST", "CYCLICSYMMETRY", "TYPE", "NOROTATION")
_DISTRIBUTING = "weights of all nodes are taken as equal"


@dataclass(frozen=True)
class ConstraintReader:
    """Reads the constraints before the first step.

    Parameters
    ----------
    cards: of the model, in order.
    found: the deck's mesh and sets.
    transforms: local axes at nodes.
    dialect: whose deck it is.
    warnings: sentences for the user are appended.
    """

    cards: Sequence[Card]
    found: DeckMesh
    transforms: Transforms
    dialect: Dialect
    warnings: list[str]

    def read(self, refusals: list[ReaderError]) -> tuple[Constraint, ...]:
        """Return the constraints; those that are not supported go to the refusals. Raises ReaderError."""
        constraints: list[Constraint] = []
        for card, following in pairwise([*self.cards, None]):
            if card is not None and card.keyword in _READERS:
                try:
                    constraints += _READERS[card.keyword](self, card, following)
                except UnsupportedCardError as refused:
                    refusals.append(refused)
        names = [entry.name for entry in constraints]
        return tuple(
            replace(entry, name=f"{entry.name}-{names[: k + 1].count(entry.name)}")
            if entry.name in names[:k] else entry
            for k, entry in enumerate(constraints)
        )  # fmt: skip

    def equation(self, card: Card, following: Card | None) -> list[Constraint]:
        """Read `*EQUATION`: the number of terms, then node (or set), component, coefficient of each."""
        _known(card, ("INPUT",))
        fields = [(text, line) for line, row in card.rows() for text in row]
        parts, place = list[_Terms](), 0
        while place < len(fields):
            line = fields[place][1]
            count = int(_number(card, *fields[place]))
            group = fields[place + 1 : place + 1 + 3 * count]
            if count < 1 or len(group) < 3 * count:
                raise card.error(f"found {len(group)} of {3 * max(count, 1)} values of node, component, factor", line)
            parts.append(self._terms(card, group, line))
            place += 1 + 3 * count
        return [_joined(card, "EQUATION", parts)] if parts else []

    def _terms(self, card: Card, group: list[tuple[str, int]], line: int) -> "_Terms":
        """Return the equations of one entry: several where its terms are sets of nodes."""
        ids = [self._ids(card, text, at) for text, at in group[0::3]]
        size = max(map(len, ids))
        if any(len(part) not in (1, size) for part in ids):
            raise card.error(f"sets of {', '.join(str(len(part)) for part in ids)} nodes in one equation", line)
        nodes = np.stack([np.broadcast_to(part, size) for part in ids], axis=1)
        components = np.array([int(_number(card, *field)) - 1 for field in group[1::3]])
        coefficients = np.array([_number(card, *field) for field in group[2::3]])
        if ((components < 0) | (components > 5)).any():
            raise card.error("expected components 1 to 3, or 4 to 6 of a reference node", line)
        self._refuse_turned(card, nodes, line)
        return _Terms(nodes, components, coefficients, int(card.line_of(line).rpartition(":")[2]))

    def _refuse_turned(self, card: Card, nodes: Ints, line: int | None = None) -> None:
        """Refuse equations on nodes with local axes."""
        rows = rows_of(self.found.mesh.node_ids, np.unique(nodes))
        if (self.transforms.of_node[rows[rows >= 0]] >= 0).any():
            raise UnsupportedCardError(
                card, "nodes with *TRANSFORM are not supported; leave *TRANSFORM out there", line
            )

    def multiple_points(self, card: Card, following: Card | None) -> list[Constraint]:
        """Read `*MPC`: kind and nodes."""
        parts: list[_Terms] = []
        for line, fields in card.rows():
            make = KINDS.get(fields[0])
            if make is None:
                kinds = ", ".join(KINDS)
                raise UnsupportedCardError(
                    card, f"{fields[0]} is not supported; romtool reads {kinds}, and *EQUATION", line
                )
            ids = np.concatenate([self._ids(card, text, line) for text in fields[1:] if text])
            _, first = np.unique(ids, return_index=True)
            ids = ids[np.sort(first)]
            self._refuse_turned(card, ids, line)
            points = self._points(card, ids, line)
            at = int(card.line_of(line).rpartition(":")[2])
            if self.dialect.faulty:
                self.warnings.append(
                    f"{card.line_of(line)}: *MPC {fields[0]}: CalculiX computes with large deformation as soon as a "
                    "deck has one; romtool with small strain"
                )
            parts += [_Terms(*terms, at) for terms in make(card, ids, points)]
        return [_joined(card, "MPC", parts)] if parts else []

    def _points(self, card: Card, ids: Ints, line: int | None = None) -> Floats:
        """Return the coordinates of nodes, of elements or not. Raises ReaderError."""
        rows = rows_of(self.found.node_ids, ids)
        if (rows < 0).any():
            raise card.error(f"node {ids[int(np.argmax(rows < 0))]} is not defined", line)
        return np.asarray(self.found.points[rows])

    def rigid_body(self, card: Card, following: Card | None) -> list[Constraint]:
        """Read `*RIGID BODY`."""
        _known(card, ("NSET", "ELSET", "REFNODE", "ROTNODE", "PINNSET", "TIENSET"))
        reference = self._one_node(card, "REFNODE")
        ids = [np.zeros(0, dtype=np.int64)]
        ids += [self._set(card, key) for key in ("NSET", "PINNSET", "TIENSET") if key in card.parameters]
        if "ELSET" in card.parameters:
            ids.append(self._element_nodes(card, card.name("ELSET")))
        nodes = np.unique(np.concatenate(ids))
        nodes = nodes[rows_of(self.found.mesh.node_ids, nodes) >= 0]
        if not len(nodes):
            raise card.error("names no nodes of elements; give NSET= or ELSET=")
        rotation = self._one_node(card, "ROTNODE") if "ROTNODE" in card.parameters else None
        point = self._points(card, np.array([reference]))[0]
        self._warn_of_rotations(card)
        return [RigidBody(f"RIGID_{reference}", card.where, nodes, reference, point, rotation)]

    def _warn_of_rotations(self, card: Card) -> None:
        """Say what CalculiX does with rotations."""
        if self.dialect.faulty:
            self.warnings.append(
                f"{card.where}: {card.title}: romtool's rotations are small; CalculiX takes finite ones where anything "
                "in the deck is nonlinear (it differs by half the rotation, relative to what the rotation moves)"
            )

    def coupling(self, card: Card, following: Card | None) -> list[Constraint]:
        """Read `*COUPLING` with the *KINEMATIC or *DISTRIBUTING below it."""
        _known(card, ("REFNODE", "SURFACE", "CONSTRAINTNAME"))
        if following is None or following.keyword not in ("KINEMATIC", "DISTRIBUTING"):
            raise card.error("expected *KINEMATIC or *DISTRIBUTING below it")
        reference, name = self._one_node(card, "REFNODE"), card.parameters.get("CONSTRAINTNAME", "COUPLING")
        surface = card.name("SURFACE")
        if surface not in self.found.mesh.side_sets and surface not in self.found.mesh.node_sets:
            raise card.error(f"unknown surface {surface}; define it with *SURFACE")
        point, components = self._points(card, np.array([reference]))[0], _components(following)
        if following.keyword == "KINEMATIC":
            moved = tuple(c for c in components if c < 3)
            self._warn_of_rotations(card)
            return [RigidBody(name, card.where, surface, reference, point, None, moved)]
        _known(following, ())
        if self.dialect.faulty:
            self.warnings.append(
                f"{following.where}: *DISTRIBUTING: in CalculiX it passes forces of its reference node on to the "
                "surface and moves nothing; it has no part in the computation"
            )
            return []
        self.warnings.append(f"{following.where}: *DISTRIBUTING: {_DISTRIBUTING}")
        return [MeanMotion(name, card.where, surface, reference, point)]

    def tie(self, card: Card, following: Card | None) -> list[Constraint]:
        """Read `*TIE`; one of cyclic symmetry is read with its model."""
        _known(card, _TIE_PARAMETERS)
        if "CYCLICSYMMETRY" in card.parameters:
            return []
        slave, master = self._surfaces(card)
        if master not in self.found.mesh.side_sets:
            raise card.error(f"the second surface, {master}, must be one of element faces")
        if card.parameters.get("ADJUST", "YES") != "NO":
            self.warnings.append(
                f"{card.where}: *TIE: romtool takes the nodes where the deck has them; the solver moves those of "
                f"{slave} onto {master} first (ADJUST=NO leaves them)"
            )
        return [Tie(card.parameters.get("NAME", "TIE"), card.where, slave, master, _tolerance(card))]

    def cyclic(self, card: Card, following: Card | None) -> list[Constraint]:
        """Read `*CYCLIC SYMMETRY MODEL` with its tie."""
        _known(card, ("N", "NGRAPH", "TIE", "ELSET"))
        ties = [c for c in self.cards if c.keyword == "TIE" and "CYCLICSYMMETRY" in c.parameters]
        wanted = card.parameters.get("TIE")
        tie = next((c for c in ties if wanted in (None, c.parameters.get("NAME"))), None)
        if tie is None:
            raise card.error("its *TIE, CYCLIC SYMMETRY is missing")
        try:
            sectors = int(card.name("N"))
        except ValueError as error:
            raise card.error(f"found N={card.parameters['N']}, expected a number of sectors") from error
        line, fields = next(card.rows(), (0, []))
        if len(fields) < 6:
            raise card.error("expected six numbers: two points of the axis", line)
        points = np.array([_number(card, text, line) for text in fields[:6]]).reshape(2, 3)
        slave, master = self._surfaces(tie)
        axis = points[1] - points[0]
        name = tie.parameters.get("NAME", "CYCLIC")
        return [CyclicSymmetry(name, card.where, slave, master, sectors, points[0], axis, _tolerance(tie))]

    def _surfaces(self, card: Card) -> tuple[str, str]:
        """Return the two surfaces of a tie, slave and master. Raises ReaderError."""
        rows = list(card.rows())
        if len(rows) != 1 or len(rows[0][1]) < 2:
            raise card.error("expected one line with two surfaces")
        slave, master = rows[0][1][:2]
        for name in (slave, master):
            if name not in self.found.mesh.side_sets and name not in self.found.mesh.node_sets:
                raise card.error(f"unknown surface {name}; define it with *SURFACE", rows[0][0])
        return slave, master

    def refused(self, card: Card, following: Card | None) -> list[Constraint]:
        """Refuse a card that only stands below another one."""
        at = self.cards.index(card)
        if at == 0 or self.cards[at - 1].keyword != "COUPLING":
            raise card.error("stands alone; expected *COUPLING above it")
        return []

    def _ids(self, card: Card, text: str, line: int | None) -> Ints:
        """Return the ids that an id, a set, or (in an assembly) `INSTANCE.LABEL` stands for. Raises ReaderError."""
        known = self.found.sets.nodes
        if text in known:
            return known[text]
        if text.isdigit() and type(known) is dict:  # an assembly numbers its nodes anew, its sets know the labels
            return np.array([int(text)], dtype=np.int64)
        wanted = "INSTANCE.LABEL or a node set" if text.isdigit() else "a set of *NSET"
        raise card.error(f"unknown node set {text}; expected {wanted}", line)

    def _set(self, card: Card, key: str) -> Ints:
        """Return the ids of the node set that a parameter names. Raises ReaderError."""
        name = card.name(key)
        if name not in self.found.sets.nodes:
            raise card.error(f"unknown node set {name}; define it with *NSET")
        return self.found.sets.nodes[name]

    def _one_node(self, card: Card, key: str) -> int:
        """Return the one node that a parameter names. Raises ReaderError."""
        name = card.name(key)
        ids = self._ids(card, name, None)
        if len(ids) != 1:
            raise card.error(f"{name} holds {len(ids)} nodes; expected one")
        return int(ids[0])

    def _element_nodes(self, card: Card, name: str) -> Ints:
        """Return the ids of the nodes of an element set. Raises ReaderError."""
        mesh, start, rows = self.found.mesh, 0, [np.zeros(0, dtype=np.int64)]
        if name not in mesh.element_sets:
            raise card.error(f"unknown element set {name}; define it with *ELSET")
        for block in mesh.blocks:
            inside = mesh.element_sets[name] - start
            inside = inside[(inside >= 0) & (inside < len(block.element_ids))]
            rows.append(block.connectivity[inside].ravel())
            start += len(block.element_ids)
        return np.asarray(mesh.node_ids[np.unique(np.concatenate(rows))])


class UnsupportedCardError(ReaderError):
    """A card whose meaning is not supported, with its place."""

    def __init__(self, card: Card, message: str, line: int | None = None) -> None:
        super().__init__(str(card.error(message, line)))


@dataclass(frozen=True)
class _Terms:
    """Equations of one shape: (n, n_terms) nodes, (n_terms,) components and coefficients (or (n, n_terms)), a line."""

    nodes: Ints
    components: Ints
    coefficients: Floats
    line: int


def _joined(card: Card, name: str, parts: Sequence[_Terms]) -> Equations:
    """Return equations of many shapes as one constraint."""
    sizes = [part.nodes.shape for part in parts]
    lengths = np.concatenate([np.full(count, width) for count, width in sizes])
    flat = [
        [np.broadcast_to(values, part.nodes.shape).ravel() for part in parts for values in [getattr(part, key)]]
        for key in ("nodes", "components", "coefficients")
    ]
    nodes, components, coefficients = (np.concatenate(arrays) for arrays in flat)
    lines = np.repeat([part.line for part in parts], [count for count, _ in sizes])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    values = np.zeros(len(lengths))
    return Equations(name, card.path.name, starts, nodes, components, coefficients, values, None, lines)


def _known(card: Card, names: Sequence[str]) -> None:
    """Refuse a card with other parameters."""
    unknown = sorted(set(card.parameters) - set(names))
    if unknown:
        raise UnsupportedCardError(
            card, f"the parameter {unknown[0]} is not supported; romtool reads {', '.join(names) or 'none'}"
        )


def _number(card: Card, text: str, line: int) -> float:
    """Return a number. Raises ReaderError."""
    try:
        return number(text)
    except ValueError as error:
        raise card.error(f"found {text!r}, expected a number", line) from error


def _tolerance(card: Card) -> float | None:
    """Return the position tolerance of a tie, None where the solver chooses."""
    text = card.parameters.get("POSITIONTOLERANCE")
    return None if text is None else _number(card, text, 0) or None


def _components(card: Card) -> tuple[int, ...]:
    """Return the components of the lines (first, last) of a card, all six without any. Raises ReaderError."""
    found: set[int] = set()
    for line, fields in card.rows():
        first = int(_number(card, fields[0], line))
        last = int(_number(card, fields[1], line)) if len(fields) > 1 and fields[1] else first
        if not 1 <= first <= last <= 6:
            raise card.error(f"found components {first} to {last}, expected some of 1 to 6", line)
        found |= set(range(first - 1, last))
    return tuple(sorted(found or range(6)))


_READERS: Mapping[str, Callable[[ConstraintReader, Card, Card | None], list[Constraint]]] = {
    "EQUATION": ConstraintReader.equation,
    "MPC": ConstraintReader.multiple_points,
    "RIGIDBODY": ConstraintReader.rigid_body,
    "COUPLING": ConstraintReader.coupling,
    "KINEMATIC": ConstraintReader.refused,
    "DISTRIBUTING": ConstraintReader.refused,
    "TIE": ConstraintReader.tie,
    "CYCLICSYMMETRYMODEL": ConstraintReader.cyclic,
}
CARDS = frozenset(_READERS)
"""Keywords that are read here."""


def reference_nodes(constraints: Sequence[Constraint]) -> Ints:
    """Return the ids of nodes whose displacements or rotations belong to couplings or equations, ascending."""
    found = [np.zeros(0, dtype=np.int64)]
    for entry in constraints:
        if isinstance(entry, RigidBody | MeanMotion):
            found.append(np.array([entry.reference, getattr(entry, "rotation", None) or entry.reference]))
        elif isinstance(entry, Equations):
            found.append(entry.nodes)
    return np.unique(np.concatenate(found))
