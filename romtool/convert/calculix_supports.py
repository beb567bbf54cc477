"""Prescribed displacements of a CalculiX deck (`*BOUNDARY`).

Of two cards on one node and component the later one counts. CalculiX takes values other than zero only inside
steps. OP=NEW frees what the step does not name again; romtool keeps supports for the whole run, so a deck that frees
nodes is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from romtool.convert.calculix_history import Amplitude, Event, amplitude_of, trace
from romtool.convert.calculix_keywords import Card, number
from romtool.convert.calculix_loads import Output
from romtool.convert.calculix_mesh import DeckMesh, node_ids_of
from romtool.convert.calculix_regions import Members, Region, merge, unique_name
from romtool.convert.calculix_steps import Step
from romtool.convert.deck_dialect import Dialect
from romtool.convert.parts import rows_of
from romtool.loading import Dirichlet
from romtool.types import Floats

_SINGLE = "NODES"


@dataclass
class SupportReader:
    """Collects the supports of all steps, one set of groups for each component.

    Parameters
    ----------
    found: the deck's mesh and sets.
    steps: the steps.
    amplitudes: by name.
    dialect: whose deck it is: names of supports (ENCASTRE …), whether rotations (solids have none) may occur.
    """

    found: DeckMesh
    steps: Sequence[Step]
    amplitudes: Mapping[str, Amplitude]
    dialect: Dialect
    components: tuple[Members, Members, Members] = field(default_factory=lambda: (Members(), Members(), Members()))

    def read(self, model: Sequence[Card]) -> None:
        """Read the cards before the first step and those of all steps. Raises ReaderError."""
        for card in model:
            if card.keyword == "BOUNDARY":
                self._card(-1, card)
        for i, step in enumerate(self.steps):
            cards = [card for card in step.cards if card.keyword == "BOUNDARY"]
            fresh = next((card for card in cards if card.parameters.get("OP") == "NEW"), None)
            for card in cards:
                self._card(i, card)
            if fresh is not None:
                self._check_kept(i, fresh)

    def _check_kept(self, step: int, card: Card) -> None:
        """Raise a ReaderError where OP=NEW frees a node."""
        for component, members in enumerate(self.components):
            for group in members.groups:
                if step not in group.course.events:
                    raise card.error(
                        f"OP=NEW frees component {component + 1} of nodes of {group.tag}; romtool keeps supports for "
                        "the whole run: name them again or leave OP=NEW out"
                    )

    def _card(self, step: int, card: Card) -> None:
        """Read one card."""
        if card.parameters.get("TYPE", "DISPLACEMENT") != "DISPLACEMENT":
            raise card.error(f"TYPE={card.parameters['TYPE']} is not supported; romtool reads displacements")
        amplitude = amplitude_of(card, self.amplitudes)
        for line, fields in card.rows():
            rows = rows_of(self.found.mesh.node_ids, node_ids_of(card, self.found.sets, fields[0], line))
            value = self._value(step, card, fields, line)
            for component in self._components(card, fields, line, value):
                if (rows >= 0).any():
                    event = Event(value, amplitude if value else None)
                    tag = _SINGLE if fields[0].isdigit() else fields[0]
                    self.components[component].apply(step, rows[rows >= 0], event, tag)

    def _components(self, card: Card, fields: list[str], line: int, value: float) -> Sequence[int]:
        """Return the components of a line (0, 1, 2). Raises ReaderError for others."""
        named = self.dialect.supports.get("".join(fields[1:2]))
        if named:
            return named
        first, last = _range(card, fields, line)
        if not 1 <= first <= last <= (3 if self.dialect.faulty else 6) or (first > 3 and value):
            raise card.error(
                f"components {first} to {last} are not supported; romtool reads displacements 1 to 3", line
            )
        return range(first - 1, min(last, 3))

    def _value(self, step: int, card: Card, fields: list[str], line: int) -> float:
        """Return the value of a line, 0 where there is none."""
        try:
            value = number(fields[3]) if len(fields) > 3 and fields[3] else 0.0
        except ValueError as error:
            raise card.error(f"found {fields[3]!r}, expected a displacement", line) from error
        if value and step < 0:
            raise card.error("a displacement other than zero before the first step; move it into a step", line)
        return value

    def dirichlet(self, output: Output) -> tuple[Dirichlet, ...]:
        """Return the supports, components of one set and course together, and add tables and sets to `output`."""
        joined: dict[tuple[str, bytes, bytes], tuple[Region, list[int]]] = {}
        for component, members in enumerate(self.components):
            traced = [(group, trace(group.course, self.steps, self.amplitudes)) for group in members.groups]
            for region in merge((group, _flat(points)) for group, points in traced):
                key = (region.tag, region.members.tobytes(), region.points.tobytes())
                joined.setdefault(key, (region, []))[1].append(component)
        names: set[str] = set()
        return tuple(_dirichlet(region, tuple(parts), names, output) for region, parts in joined.values())


def _flat(points: Floats) -> Floats:
    """Return the points, or none where the value is zero throughout."""
    return points if points[:, 1].any() else np.zeros((0, 2))


def _dirichlet(region: Region, components: tuple[int, ...], names: set[str], output: Output) -> Dirichlet:
    """Return one support with a unique name."""
    name = unique_name(region.tag, names)
    names.add(name)
    nodes = _node_set(region, output)
    if not len(region.points):
        return Dirichlet(name, nodes, components)
    return Dirichlet(name, nodes, components, 1.0, output.table(name, region.points))


def _node_set(region: Region, output: Output) -> str:
    """Return the node set of a region, made where it is not one of the deck's."""
    known = output.node_sets.get(region.tag)
    if known is not None and np.array_equal(known, region.members):
        return region.tag
    same = [name for name, rows in output.node_sets.items() if name.startswith(region.tag + "-")
            and np.array_equal(rows, region.members)]  # fmt: skip
    if same:
        return same[0]
    name = unique_name(region.tag, set(output.node_sets))
    output.node_sets[name] = region.members.astype(np.int64)
    return name


def _range(card: Card, fields: list[str], line: int) -> tuple[int, int]:
    """Return the first and last component of a line, counted from 1. Raises ReaderError where there is none."""
    texts = [text for text in fields[1:3] if text]
    try:
        return int(texts[0]), int(texts[-1])
    except (IndexError, ValueError) as error:
        raise card.error(f"found {', '.join(fields)!r}, expected node, first and last component", line) from error
