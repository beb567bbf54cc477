"""Distributed loads of a CalculiX deck: `*DLOAD` (pressure, gravity, rotation) and `*DSLOAD`.

Checked by running ccx 2.20: loads of one step on one face add up, a later step replaces them; OP=NEW on either
card removes all of both; gravity is known by element set and direction, others of the step or of earlier ones
add, but a new one in a later step starts its ramp at the value of another (a fault of ccx, warned about); of several
rotations on one element only one acts, so such decks are refused. A rotation is given as
omega², which ccx ramps; romtool's table multiplies omega, so it is the square root: at the ends of the
increments where the deck fixes them, else at 1000 points per ramp, evenly in omega (error of omega² below 3e-7
of its peak).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from romtool.convert.calculix_history import Amplitude, Course, Event, amplitude_of, trace
from romtool.convert.calculix_keywords import Card, number
from romtool.convert.calculix_mesh import DeckMesh, element_ids_of
from romtool.convert.calculix_regions import Members, Region, merge, unique_name
from romtool.convert.calculix_steps import Step
from romtool.convert.parts import element_rows
from romtool.loading import Load, Material, Table
from romtool.types import Floats, Ints

_FACES = 8
_SINGLE = "FACES"
_ROOT_POINTS = 1000


@dataclass
class Output:
    """Tables and sets that supports and loads add, by unique names.

    Parameters
    ----------
    tables: so far.
    node_sets, element_sets, side_sets: those of the mesh and the new ones.
    """

    node_sets: dict[str, Ints]
    element_sets: dict[str, Ints]
    side_sets: dict[str, Ints]
    tables: list[Table] = field(default_factory=list)

    def table(self, name: str, points: Floats) -> str:
        """Add a table and return its name."""
        name = unique_name(name, {table.name for table in self.tables})
        self.tables.append(Table(name, points))
        return name


@dataclass
class _Body:
    """A gravity or rotation load: card and line, element set, kind, vectors, course."""

    card: Card
    line: int
    name: str
    kind: str
    elements: Ints
    vectors: tuple[float, ...]
    course: Course = field(default_factory=Course)


@dataclass
class LoadReader:
    """Collects the distributed loads of all steps.

    Parameters
    ----------
    found: the deck's mesh and sets.
    steps: the steps.
    amplitudes: by name.
    warnings: sentences for the user are appended.
    faulty: whether ramps of late body loads are those of CalculiX 2.20; elsewhere a load on no set is on all elements.
    """

    found: DeckMesh
    steps: Sequence[Step]
    amplitudes: Mapping[str, Amplitude]
    warnings: list[str]
    faulty: bool
    faces: Members = field(default_factory=Members)
    bodies: dict[tuple[str, str, tuple[float, ...]], _Body] = field(default_factory=dict)
    surfaces: dict[str, tuple[str, str]] = field(default_factory=dict)

    def read(self) -> None:
        """Read the load cards of all steps. Raises ReaderError."""
        for i, step in enumerate(self.steps):
            removed = False
            for card in step.cards:
                if card.keyword in ("DLOAD", "DSLOAD"):
                    if card.parameters.get("OP") == "NEW" and not removed:
                        removed = True
                        self._remove(i)
                    self._card(i, card)

    def _remove(self, step: int) -> None:
        """Apply OP=NEW to all loads."""
        self.faces.remove(step)
        for body in self.bodies.values():
            last = body.course.last()
            if last is not None and step not in body.course.events:
                body.course.events[step] = Event(0.0, last.amplitude, removed=True)

    def _card(self, step: int, card: Card) -> None:
        """Read one card."""
        amplitude = amplitude_of(card, self.amplitudes)
        for line, fields in card.rows():
            if len(fields) < 3:
                raise card.error(f"found {', '.join(fields)!r}, expected a set, a label and a value", line)
            event = Event(_number(card, fields[2], line), amplitude)
            if card.keyword == "DSLOAD":
                self._surface(step, card, line, fields, event)
            elif fields[1] in ("GRAV", "CENTRIF"):
                self._body(step, card, line, fields, event)
            else:
                self._pressure(step, card, line, fields, event)

    def _surface(self, step: int, card: Card, line: int, fields: list[str], event: Event) -> None:
        """Apply a pressure on a surface."""
        sides = self.found.mesh.side_sets.get(fields[0])
        if sides is None:
            known = ", ".join(sorted(self.found.mesh.side_sets)) or "none"
            raise card.error(f"unknown element surface {fields[0]}; the deck has {known}", line)
        if fields[1] != "P":
            raise card.error(f"label {fields[1]} is not supported; romtool reads P (pressure)", line)
        self.surfaces[fields[0]] = (fields[0], fields[0])
        self.faces.apply(step, sides[:, 0] * _FACES + sides[:, 1], event, fields[0], adding=card)

    def _pressure(self, step: int, card: Card, line: int, fields: list[str], event: Event) -> None:
        """Apply a pressure on a face of an element set."""
        name, label = fields[0], fields[1]
        if label not in {f"P{i}" for i in range(1, 7)}:
            raise card.error(f"label {label} is not supported; romtool reads P1 … P6, GRAV and CENTRIF", line)
        rows = self._elements(card, name, line)
        tag = _SINGLE if name.isdigit() else f"{name}_{label}"
        self.surfaces[tag] = (_SINGLE, _SINGLE) if name.isdigit() else (name, tag)
        self.faces.apply(step, rows * _FACES + int(label[1:]) - 1, event, tag, adding=card)

    def _elements(self, card: Card, name: str, line: int) -> Ints:
        """Return the element indices of an id or a set."""
        if not name and not self.faulty:
            return np.arange(self.found.mesh.n_elements)
        rows = element_rows(self.found.mesh, element_ids_of(card, self.found.sets, name, line))
        if (rows < 0).any():
            raise card.error(f"element {name} is not defined", line)
        return rows

    def _body(self, step: int, card: Card, line: int, fields: list[str], event: Event) -> None:
        """Apply gravity or rotation to an element set."""
        width = 6 if fields[1] == "GRAV" else 9
        if len(fields) < width:
            raise card.error(f"{fields[1]} needs {width - 2} numbers", line)
        vectors = tuple(_number(card, text, line) for text in fields[3:width])
        length = float(np.linalg.norm(vectors[-3:]))
        if not length:
            raise card.error(f"the direction of {fields[1]} is zero", line)
        direction = tuple(round(x / length, 12) + 0.0 for x in vectors[-3:])
        key = (fields[0], fields[1], (*vectors[:-3], *direction))
        if key not in self.bodies:
            self._warn_late(step, card, line, event)
        rows = self._elements(card, fields[0], line)
        body = self.bodies.setdefault(key, _Body(card, line, fields[0], fields[1], rows, vectors))
        now = body.course.events.get(step)
        if now is not None and not now.removed and fields[1] == "GRAV":
            raise card.error(f"gravity on {fields[0]} in one direction is given twice in a step; add the values", line)
        body.course.events[step] = event

    def _warn_late(self, step: int, card: Card, line: int, event: Event) -> None:
        """Warn of a body load that begins with a ramp in a later step beside others."""
        if self.faulty and self.bodies and step > 0 and not self.steps[step].at_once and event.amplitude is None:
            self.warnings.append(
                f"{card.line_of(line)}: a body load that begins in a later step beside others: CalculiX 2.20 may ramp "
                "it from the value of another one, romtool ramps it from 0; give it as 0 in the first step"
            )

    def loads(self, materials: Sequence[Material], linear: bool, output: Output) -> tuple[Load, ...]:
        """Return the loads, their names unique, and add their tables and sets to `output`.

        Raises
        ------
        ReaderError: gravity or rotation without a density; two rotations on one element.
        """
        names: set[str] = set()
        found = [self._face_load(region, output) for region in self._regions()]
        centrifugal = [body for body in self.bodies.values() if body.kind == "CENTRIF"]
        _check_single(centrifugal)
        for body in self.bodies.values():
            points = trace(body.course, self.steps, self.amplitudes)
            if points[:, 1].any():
                found += self._body_loads(body, points, materials, linear, output)
        result = []
        for load, points in found:
            name = unique_name(load.name, names)
            names.add(name)
            result.append(_renamed(load, name, output.table(name, points)))
        return tuple(result)

    def _regions(self) -> list[Region]:
        """Return the loaded faces by course."""
        traced = [(group, trace(group.course, self.steps, self.amplitudes)) for group in self.faces.groups]
        return [region for region in merge(traced) if region.points[:, 1].any()]

    def _face_load(self, region: Region, output: Output) -> tuple[Load, Floats]:
        """Return a pressure and its points in time; its side set is made where the deck has none."""
        name, side_set = self.surfaces[region.tag]
        if not (region.is_whole and side_set in self.found.mesh.side_sets):
            side_set = unique_name(side_set, set(output.side_sets))
            output.side_sets[side_set] = np.stack([region.members // _FACES, region.members % _FACES], axis=1)
        return Load(name, "pressure", side_set, 1.0), region.points

    def _body_loads(
        self, body: _Body, points: Floats, materials: Sequence[Material], linear: bool, output: Output
    ) -> list[tuple[Load, Floats]]:
        """Return the loads of one gravity (one for each material) or rotation."""
        name = f"ELEMENT_{body.name}" if body.name.isdigit() else body.name or "ALL"
        parts = _parts(body, name, materials, output)
        direction = np.array(body.vectors[-3:]) / np.linalg.norm(body.vectors[-3:])
        peak = points[int(np.argmax(np.abs(points[:, 1]))), 1]
        if body.kind == "CENTRIF":
            region = _element_set(name, body.elements, output)
            rooted = _root(body, points, self.steps, linear)
            omega = float(np.sqrt(peak))
            load = Load(name, "centrifugal", region, omega, point=np.array(body.vectors[:3]), axis=direction)
            return [(load, rooted / [1.0, omega])]
        return [
            (Load(name, "body", region, density * peak * direction), points / [1.0, peak]) for region, density in parts
        ]


def _check_single(bodies: Sequence[_Body]) -> None:
    """Raise a ReaderError where two rotations act on one element, of which ccx uses only one."""
    for i, body in enumerate(bodies):
        for other in bodies[:i]:
            if len(np.intersect1d(body.elements, other.elements)):
                raise body.card.error(
                    f"CENTRIF on {body.name} and on {other.name} overlap with another set or axis; "
                    "only one rotation of an element is read (CalculiX uses only one)",
                    body.line,
                )


def _parts(body: _Body, name: str, materials: Sequence[Material], output: Output) -> list[tuple[str, float]]:
    """Return (element set, density) of each material under a body load."""
    parts, covered = [], 0
    for material in materials:
        common = np.intersect1d(body.elements, output.element_sets[material.elements])
        if not len(common):
            continue
        if material.density is None:
            raise body.card.error(f"needs the *DENSITY of the material on {material.elements}", body.line)
        covered += len(common)
        whole = len(common) == len(body.elements)
        parts.append((_element_set(name if whole else f"{name}_{material.elements}", common, output), material.density))
    if covered < len(body.elements):
        raise body.card.error(f"{name} has elements without *SOLID SECTION, hence without density", body.line)
    return parts


def _element_set(name: str, elements: Ints, output: Output) -> str:
    """Return the name of an element set with these elements, made where there is none."""
    known = output.element_sets.get(name)
    if known is not None and np.array_equal(known, np.sort(elements)):
        return name
    name = unique_name(name, set(output.element_sets))
    output.element_sets[name] = np.sort(elements)
    return name


def _root(body: _Body, points: Floats, steps: Sequence[Step], linear: bool) -> Floats:
    """Return the points of omega for points of omega²."""
    if (points[:, 1] < 0).any():
        raise body.card.error(f"CENTRIF becomes {points[:, 1].min():g}; omega² must not be negative", body.line)
    pieces = [_root_piece(start, end, steps, linear) for start, end in pairwise(points)]
    return np.concatenate([*pieces, np.array([[points[-1, 0], np.sqrt(points[-1, 1])]])])


def _root_piece(start: Floats, end: Floats, steps: Sequence[Step], linear: bool) -> Floats:
    """Return points of omega from `start` up to, not with, `end`."""
    first = np.array([[start[0], np.sqrt(start[1])]])
    if start[1] == end[1] or start[0] == end[0]:
        return first
    slope = (end[1] - start[1]) / (end[0] - start[0])
    times = np.concatenate([_sampled(start, end, slope, step, linear) for step in steps])
    times = times[(times > start[0]) & (times < end[0])]
    squares = start[1] + (times - start[0]) * slope
    return np.concatenate([first, np.column_stack([times, np.sqrt(np.maximum(squares, 0.0))])])


def _sampled(start: Floats, end: Floats, slope: float, step: Step, linear: bool) -> Floats:
    """Return the times of a step at which omega is given: increments, or evenly in omega."""
    if linear or step.direct:
        return step.times(linear)
    omega = np.linspace(np.sqrt(start[1]), np.sqrt(end[1]), _ROOT_POINTS + 1)[1:-1]
    times = start[0] + (omega**2 - start[1]) / slope
    return np.append(times[(times > step.start) & (times < step.end)], step.end)


def _renamed(load: Load, name: str, table: str) -> Load:
    """Return a load with its final name and table."""
    return Load(name, load.kind, load.region, load.value, load.on, load.point, load.axis, table)


def _number(card: Card, text: str, line: int) -> float:
    """Return a number of a data line, 0 where it is empty."""
    try:
        return number(text) if text else 0.0
    except ValueError as error:
        raise card.error(f"found {text!r}, expected a number", line) from error
