"""What a Nastran deck says beside its mesh: isotropic elastic materials (MAT1), supports (SPC, SPC1), constraints.

Supports are those of the set that the case control names (`SPC = 2`, directly or through SPCADD). Loads, temperatures
and solution sequences are not read: who gives a deck that has them is told what was left out.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.convert.nastran_cards import Bulk, BulkCard, read_cards
from romtool.convert.nastran_constraints import read_constraints
from romtool.convert.nastran_mesh import READ, build_mesh, nodes_of, read_bulk
from romtool.convert.parts import name_of
from romtool.loading import Deck, Dirichlet, Loading, Material, PartialDeckError
from romtool.types import Ints, Mesh

_CONTROL = {"PARAM", "ENDDATA", "SET1", "SET3", "MDLPRM", "PBAR", "PBEAM", "PROD", "PSHELL", "PCOMP", "PSHEAR", "PELAS"}
"""Cards without a part in a computation of solids."""
_SPC = re.compile(r"^\s*SPC\s*=\s*(\d+)", re.IGNORECASE)


def read_deck(path: Path) -> Deck:
    """Read a deck.

    Returns
    -------
    The deck; supports by their components, on the set `SPC<id>` where it has just these nodes, else `SPC_xyz` …;
    materials stand on the sets `P<id>` of properties.

    Raises
    ------
    PartialDeckError: cards that are not read, with what was understood.
    ReaderError: damaged decks.
    """
    bulk = read_cards(path)
    model = read_bulk(bulk)
    found = build_mesh(model, (), path)
    refused = [*bulk.warnings, *_refused(bulk)]
    fixed = _supports(model, found.mesh, _selected(bulk, refused), refused)
    names = {code: name_of(rows, found.mesh.node_sets, _set_name(code)) for code, rows in fixed.items()}
    node_sets = {**found.mesh.node_sets, **{names[code]: rows for code, rows in fixed.items()}}
    mesh = replace(found.mesh, node_sets=node_sets)
    supports = tuple(Dirichlet(name, name, _components(code)) for code, name in names.items())
    constraints = read_constraints(model, bulk.control, nodes_of(model, path), path, refused)
    loading = Loading(path.stem, np.zeros(0), dirichlet=supports, constraints=constraints)
    beside = tuple(p for p in (path.with_suffix(".op2"),) if p.is_file())
    deck = Deck(mesh, _materials(model, mesh, refused), loading, beside, True, found.warnings)
    if not refused:
        return deck
    raise PartialDeckError(refused[0], replace(deck, warnings=(*refused, *found.warnings)))


def _refused(bulk: Bulk) -> list[str]:
    """Return the kinds of cards that are not read, with the place of the first of each."""
    first: dict[str, BulkCard] = {}
    for card in bulk.cards:
        if card.name not in READ | _CONTROL:
            first.setdefault(card.name, card)
    names = [card.name for card in bulk.cards]
    return [
        f"{card.where}: {name} ({names.count(name)} of them) is not supported; write it into the case file"
        for name, card in first.items()
    ]


def _selected(bulk: Bulk, refused: list[str]) -> int:
    """Return the number of the support set that the case control names first, 0 where it names none."""
    numbers = [int(match[1]) for line in bulk.control if (match := _SPC.match(line))]
    if len(set(numbers)) > 1:
        refused.append(f"subcases with different supports (SPC = {numbers[0]}, {numbers[1]} …): the first are taken")
    return numbers[0] if numbers else 0


def _supports(model: Any, mesh: Mesh, number: int, refused: list[str]) -> dict[int, Ints]:
    """Return rows of nodes by the bits of their fixed displacements; those in systems of their own are refused."""
    bits = np.zeros(mesh.n_nodes, dtype=np.int64)
    for card in _cards_of(model, number):
        for node, digits in zip(card.nodes, _digits(card), strict=True):
            row = np.searchsorted(mesh.node_ids, node)
            if row < mesh.n_nodes and mesh.node_ids[row] == node:
                bits[row] |= sum(1 << int(digit) - 1 for digit in digits if digit in "123")
    turned = [k for k in np.flatnonzero(bits).tolist() if model.nodes[int(mesh.node_ids[k])].Cd()]
    if turned:
        refused.append(f"supports of {len(turned)} nodes are in systems of their own (CD); write them into the case")
        bits[turned] = 0
    return {code: np.flatnonzero(bits == code) for code in np.unique(bits).tolist() if code}


def _cards_of(model: Any, number: int) -> list[Any]:
    """Return the SPC and SPC1 cards of a set, directly or through SPCADD, whose displacements are 0."""
    numbers = {number, *(part for card in model.spcadds.get(number, []) for part in card.sets)}
    cards = [card for key in sorted(numbers) for card in model.spcs.get(key, [])]
    return [card for card in cards if not any(getattr(card, "enforced", []))]


def _digits(card: Any) -> Sequence[str]:
    """Return the components of each node of a card: SPC1 has the same for all."""
    components = card.components
    return [components] * len(card.nodes) if isinstance(components, str) else components


def _set_name(code: int) -> str:
    """Return the name of a set of supports."""
    return "SPC_" + "".join("xyz"[k] for k in _components(code))


def _components(code: int) -> tuple[int, ...]:
    """Return the components that bits stand for."""
    return tuple(k for k in range(3) if code >> k & 1)


def _materials(model: Any, mesh: Mesh, refused: list[str]) -> tuple[Material, ...]:
    """Return one material per PSOLID with elements."""
    found = []
    for number, prop in model.properties.items():
        name, card = f"P{number}", model.materials.get(prop.mid)
        if name not in mesh.element_sets or not len(mesh.element_sets[name]):
            continue
        if card is None or card.e is None or card.nu is None:
            refused.append(f"PSOLID {number}: its material {prop.mid} is not a MAT1 with E and NU")
            continue
        parameters: dict[str, object] = {"young": float(card.e), "poisson": float(card.nu)}
        if card.a:
            parameters["expansion"] = float(card.a)
        found.append(Material(name, "elastic", parameters, float(card.rho) or None, float(card.tref or 0.0)))
    return tuple(found)
