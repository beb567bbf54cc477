"""Linear constraints of a Nastran deck: MPC of the set that the case control names, RBE2 and RBE3."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from romtool.constraints import Constraint, Equations, MeanMotion, RigidBody
from romtool.types import Floats, Ints

CARDS = ("MPC", "MPCADD", "RBE2", "RBE3")
_MPC = re.compile(r"^\s*MPC\s*=\s*(\d+)", re.IGNORECASE)


def read_constraints(
    model: Any, control: Sequence[str], nodes: tuple[Ints, Floats], path: Path, refused: list[str]
) -> tuple[Constraint, ...]:
    """Return the constraints of a model of pyNastran; what is not supported goes to `refused`.

    Parameters
    ----------
    model: of pyNastran. control: lines of the case control.
    nodes: ascending ids and (n, 3) coordinates of all nodes.
    path: of the deck, for messages.
    """
    found: list[Constraint] = []
    for number, element in sorted(model.rigid_elements.items()):
        used = [*element.independent_nodes, *element.dependent_nodes]
        if _turned(model, used):
            refused.append(f"{path}: {element.type} {number}: nodes in systems of their own (CD) are not supported")
        elif element.type == "RBE2":
            found.append(_rigid(element, nodes, path))
        elif (mean := _mean(element, nodes, path)) is not None:
            found.append(mean)
        else:
            refused.append(f"{path}: RBE3 {number}: components other than 123 of its nodes, and UM, are not supported")
    cards = _cards_of(model, control)
    if cards and _turned(model, [node for card in cards for node in card.nodes]):
        refused.append(f"{path}: MPC: nodes in systems of their own (CD) are not supported")
    elif cards:
        found.append(_equations(cards, path))
    return tuple(found)


def _turned(model: Any, ids: Sequence[int]) -> bool:
    """Tell whether a node has a displacement system of its own."""
    return any(model.nodes[node].Cd() for node in ids if node in model.nodes)


def _rigid(element: Any, nodes: tuple[Ints, Floats], path: Path) -> RigidBody:
    """Return an RBE2: all dependent nodes follow one."""
    ids, reference = np.array(element.dependent_nodes, dtype=np.int64), int(element.independent_nodes[0])
    components = tuple(int(digit) - 1 for digit in str(element.cm) if digit in "123")
    return RigidBody(f"RBE2_{element.eid}", str(path), ids, reference, _point(nodes, reference), None, components)


def _mean(element: Any, nodes: tuple[Ints, Floats], path: Path) -> MeanMotion | None:
    """Return an RBE3: one node follows the mean of others; None where only some of their components count."""
    if any("".join(sorted(str(group))) != "123" for group in element.comps) or element.Gmi:
        return None
    ids = np.concatenate([np.atleast_1d(group) for group in element.Gijs_node_ids]).astype(np.int64)
    counts = [len(np.atleast_1d(group)) for group in element.Gijs]
    weights = np.repeat(np.array(element.weights, dtype=np.float64), counts)
    components = tuple(sorted(int(digit) - 1 for digit in str(element.refc)))
    reference = int(element.ref_grid_id)
    return MeanMotion(f"RBE3_{element.eid}", str(path), ids, reference, _point(nodes, reference), weights, components)


def _point(nodes: tuple[Ints, Floats], number: int) -> Floats:
    """Return the coordinates of a node."""
    return np.asarray(nodes[1][int(np.searchsorted(nodes[0], number))])


def _cards_of(model: Any, control: Sequence[str]) -> list[Any]:
    """Return the MPC cards of the set that the case control names first."""
    numbers = [int(match[1]) for line in control if (match := _MPC.match(line))][:1]
    numbers += [part for key in numbers for card in model.mpcadds.get(key, []) for part in card.mpc_ids]
    return [card for key in dict.fromkeys(numbers) for card in model.mpcs.get(key, [])]


def _equations(cards: Sequence[Any], path: Path) -> Equations:
    """Return MPC cards, each an equation whose first term depends."""
    lengths = [len(card.nodes) for card in cards]
    terms = [
        (int(node), int(component) - 1, float(factor))
        for card in cards
        for node, component, factor in zip(card.nodes, card.components, card.coefficients, strict=True)
    ]
    nodes, components, factors = zip(*terms, strict=True)
    return Equations(
        "MPC", str(path), np.cumsum([0, *lengths]), np.array(nodes, dtype=np.int64),
        np.array(components, dtype=np.int64), np.array(factors), np.zeros(len(cards)),
    )  # fmt: skip
