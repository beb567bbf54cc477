"""Prescribed displacements of a CalculiX deck (`*BOUNDARY`).

Of two cards on one node and component the later one counts. CalculiX takes values other than zero only inside
steps. OP=NEW frees what the step does not name again; romtool keeps supports for the whole run, so a deck that frees
nodes is refused. At nodes with *TRANSFORM the components are local, and supports become constraints; so do those of
reference nodes of constraints, which belong to no element, and their rotations (components 4 to 6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from romtool.constraints import Constraint, Equations, LocalSupport
from romtool.convert.calculix_axes import Transforms
from romtool.convert.calculix_history import Amplitude, Event, amplitude_of, trace
from romtool.convert.calculix_keywords import Card, number
from romtool.convert.calculix_loads import Output
from romtool.convert.calculix_mesh import DeckMesh, node_ids_of
from romtool.convert.calculix_regions import Members, Region, merge, unique_name
from romtool.convert.calculix_steps import Step
from romtool.convert.deck_dialect import Dialect
from romtool.convert.parts import rows_of
from romtool.loading import Dirichlet
from romtool.types import Floats, Ints

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
    transforms: local axes at nodes.
    references: ids of nodes that constraints refer to, ascending.
    components: row of the local axes, -1 for the global ones -> members, rows of the mesh, of each component.
    beyond: members, ids, of the six components of reference nodes.
    """

    found: DeckMesh
    steps: Sequence[Step]
    amplitudes: Mapping[str, Amplitude]
    dialect: Dialect
    transforms: Transforms
    references: Ints
    components: dict[int, tuple[Members, ...]] = field(default_factory=dict)
    beyond: tuple[Members, ...] = field(default_factory=lambda: _members(6))

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
        for every in (*self.components.values(), self.beyond):
            for component, members in enumerate(every):
                for group in members.groups:
                    if step not in group.course.events:
                        raise card.error(
                            f"OP=NEW frees component {component + 1} of nodes of {group.tag}; romtool keeps supports "
                            "for the whole run: name them again or leave OP=NEW out"
                        )

    def _card(self, step: int, card: Card) -> None:
        """Read one card."""
        if card.parameters.get("TYPE", "DISPLACEMENT") != "DISPLACEMENT":
            raise card.error(f"TYPE={card.parameters['TYPE']} is not supported; romtool reads displacements")
        amplitude = amplitude_of(card, self.amplitudes)
        for line, fields in card.rows():
            ids = node_ids_of(card, self.found.sets, fields[0], line)
            value = self._value(step, card, fields, line)
            event = Event(value, amplitude if value else None)
            tag = _SINGLE if fields[0].isdigit() else fields[0]
            for component in self._components(card, fields, line, value, ids):
                self._apply(step, ids, component, event, tag)

    def _apply(self, step: int, ids: Ints, component: int, event: Event, tag: str) -> None:
        """Give one component of nodes an event: in their own axes, or as a reference node."""
        rows = rows_of(self.found.mesh.node_ids, ids)
        inside = rows[rows >= 0] if component < 3 else rows[:0]
        for axes in np.unique(self.transforms.of_node[inside]).tolist():
            members = self.components.setdefault(axes, _members(3))
            members[component].apply(step, inside[self.transforms.of_node[inside] == axes], event, tag)
        outside = np.intersect1d(ids[rows < 0] if component < 3 else ids, self.references)
        if len(outside):
            self.beyond[component].apply(step, outside, event, tag)

    def _components(self, card: Card, fields: list[str], line: int, value: float, ids: Ints) -> Sequence[int]:
        """Return the components of a line (0 to 2, of reference nodes to 5). Raises ReaderError for others."""
        named = self.dialect.supports.get("".join(fields[1:2]))
        if named:
            return named
        first, last = _range(card, fields, line)
        turning = bool(np.isin(ids, self.references).any())
        if not 1 <= first <= last <= (3 if self.dialect.faulty and not turning else 6) or (
            first > 3 and value and not turning
        ):
            raise card.error(
                f"components {first} to {last} are not supported; romtool reads displacements 1 to 3", line
            )
        return range(first - 1, last if turning else min(last, 3))

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
        names: set[str] = set()
        regions = self._regions(self.components.get(-1, ()))
        return tuple(_dirichlet(region, components, names, output) for region, components in regions)

    def constraints(self, output: Output) -> tuple[Constraint, ...]:
        """Return the supports in local axes and those of reference nodes, and add tables to `output`."""
        found: list[Constraint] = []
        for axes, members in self.components.items():
            if axes >= 0:
                kind, values = self.transforms.axes[axes]
                for region, components in self._regions(members):
                    ids, (value, table) = self.found.mesh.node_ids[region.members], _timed(region, output)
                    name = f"{region.tag} in local axes {axes + 1}"
                    found.append(LocalSupport(name, "*BOUNDARY", ids, kind, values, components, value, table))
        for region, components in self._regions(self.beyond):
            value, table = _timed(region, output)
            found.append(_equations(region.tag, region.members, components, value, table))
        names = [entry.name for entry in found]
        return tuple(
            replace(entry, name=f"{entry.name}-{names[:k].count(entry.name) + 1}") if entry.name in names[:k] else entry
            for k, entry in enumerate(found)
        )

    def _regions(self, every: Sequence[Members]) -> list[tuple[Region, tuple[int, ...]]]:
        """Return members of one course with the components that have it."""
        joined: dict[tuple[str, bytes, bytes], tuple[Region, list[int]]] = {}
        for component, members in enumerate(every):
            traced = [(group, trace(group.course, self.steps, self.amplitudes)) for group in members.groups]
            for region in merge((group, _flat(points)) for group, points in traced):
                key = (region.tag, region.members.tobytes(), region.points.tobytes())
                joined.setdefault(key, (region, []))[1].append(component)
        return [(region, tuple(components)) for region, components in joined.values()]


def _members(count: int) -> tuple[Members, ...]:
    """Return members of no component yet."""
    return tuple(Members() for _ in range(count))


def _timed(region: Region, output: Output) -> tuple[float, str | None]:
    """Return value and table of a region."""
    return (1.0, output.table(region.tag, region.points)) if len(region.points) else (0.0, None)


def _equations(tag: str, ids: Ints, components: tuple[int, ...], value: float, table: str | None) -> Equations:
    """Return prescribed components of reference nodes."""
    nodes = np.repeat(ids, len(components))
    count = len(nodes)
    return Equations(
        f"{tag} (reference node)", "*BOUNDARY", np.arange(count + 1), nodes,
        np.tile(np.array(components, dtype=np.int64), len(ids)), np.ones(count), np.full(count, value), table,
    )  # fmt: skip


def _flat(points: Floats) -> Floats:
    """Return the points, or none where the value is zero throughout."""
    return points if points[:, 1].any() else np.zeros((0, 2))


def _dirichlet(region: Region, components: tuple[int, ...], names: set[str], output: Output) -> Dirichlet:
    """Return one support with a unique name."""
    name = unique_name(region.tag, names)
    names.add(name)
    nodes = _node_set(region, output)
    return Dirichlet(name, nodes, components, *_timed(replace(region, tag=name), output))


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
