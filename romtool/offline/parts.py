"""A subdomain made ready to compute on: operators, laws, and the material history behind displacements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy import sparse

from romtool.errors import ConvergenceError
from romtool.fem.operators import (
    Operators,
    build_operators,
    gradient_matrix,
    mass_matrix,
    strain,
    temperature_operator,
)
from romtool.fem.partition import Subdomain
from romtool.fem.sets import assign_materials
from romtool.laws import LawTables, Sites, build_sites, evaluate, local_frames, virgin_state
from romtool.loading import Loading, Material
from romtool.reduced.forces import viscous_steps
from romtool.reduced.march import NO_TANGENT
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats, Ints

MAX_CUTS = 6
"""How often an increment is halved in which a law fails."""


@dataclass(frozen=True)
class Part:
    """One subdomain with its operators and laws.

    Parameters
    ----------
    subdomain: the part of the mesh.
    operators: of its mesh.
    tables: laws of all materials.
    materials: of all element sets.
    element_materials: (n_elements,) row of `materials` of each element.
    material: (n_points,) the same per integration point.
    interpolation: csr (n_points, n_nodes), nodal temperature to integration points.
    frames: (n_points, 3, 3) local axes, or (0, 3, 3) where all are the global ones.
    """

    subdomain: Subdomain
    operators: Operators
    tables: LawTables
    materials: tuple[Material, ...]
    element_materials: Ints
    material: Ints
    interpolation: sparse.csr_matrix
    frames: Floats

    @property
    def point_ids(self) -> Ints:
        """Return the (n_points, 2) element id and local point of each integration point."""
        return np.column_stack([self.operators.element_ids, self.operators.local_points])

    def sites(self, initial: Floats) -> Sites:
        """Return the points for the laws; `initial` is the (n_nodes,) initial temperature."""
        operators, heat = self.operators, self.interpolation @ initial
        return build_sites(self.tables, self.material, heat, self.point_ids, operators.coordinates, self.frames)


def build_part(subdomain: Subdomain, materials: Sequence[Material], tables: LawTables) -> Part:
    """Build the operators of a subdomain and assign its materials.

    Raises
    ------
    MeshError: inverted or unsupported elements.
    CaseError: elements without a material.
    """
    operators = build_operators(subdomain.mesh)
    rows = assign_materials(subdomain.mesh, materials)
    interpolation = temperature_operator(operators)
    material = rows[operators.elements]
    frames = local_frames(materials, material, operators.element_ids, operators.coordinates)
    return Part(subdomain, operators, tables, tuple(materials), rows, material, interpolation, frames)


def inner_product(part: Part, kind: str, length: float) -> sparse.csr_matrix:
    """Return the scalar (n_nodes, n_nodes) matrix of the inner product of displacement fields.

    Parameters
    ----------
    part: the subdomain.
    kind: "l2" (mass), or "h1": mass + length² ∫ grad · grad, so that both terms have one unit.
    length: characteristic length [length], V^(1/3).
    """
    mass = mass_matrix(part.operators)
    return mass if kind == "l2" else mass + length**2 * gradient_matrix(part.operators)


class MaterialHistory(NamedTuple):
    """Material state of a subdomain at one increment: (n_points, 6) stress and (n_points, n_state) state."""

    time: float
    stress: Floats
    state: Floats


class DisplacementHistory(Protocol):
    """Displacements at the output times, (n_times, n_nodes, 3) float [length]: an array, or one that is read lazily."""

    def __getitem__(self, time: int, /) -> Floats:
        """Return the (n_nodes, 3) displacement at an output time."""
        ...


def displacement_at(times: Floats, history: DisplacementHistory, time: float) -> Floats:
    """Return the (n_nodes, 3) displacement at `time`, linear between the outputs."""
    k = int(np.clip(np.searchsorted(times, time), 1, len(times) - 1))
    part = (time - times[k - 1]) / (times[k] - times[k - 1])
    if abs(part - 1.0) < 1e-9:
        return history[k]
    return (1.0 - part) * history[k - 1] + part * history[k]


class Moment(NamedTuple):
    """What drives the laws at one time: (n_points,) temperature and (n_points, 6) strain."""

    time: float
    temperature: Floats
    strain: Floats


class Increments:
    """The increments of one displacement history on one subdomain, to be crossed in order or singly.

    Parameters
    ----------
    part: the subdomain.
    loading: on the subdomain; `loading.times` are the increments of the backward Euler steps.
    times: (n_times,) output times.
    displacement: (n_times, n_nodes, 3) float [length].
    """

    def __init__(self, part: Part, loading: Loading, times: Floats, displacement: DisplacementHistory) -> None:
        self.part, self.times, self.displacement = part, times, displacement
        self.increments = loading.times
        on_nodes = evaluate_at(part.subdomain.mesh.points)
        self.temperature = build_temperature(loading.temperature, on_nodes, float(loading.times[0]))
        self.sites = part.sites(on_nodes(loading.temperature.undeformed))
        self.viscous = viscous_steps(loading, loading.times)

    def virgin(self) -> Floats:
        """Return the (n_points, n_state) internal variables at the beginning."""
        return virgin_state(self.part.tables, self.sites)

    def moment(self, number: int) -> Moment:
        """Return what drives the laws at the end of an increment; number 0 is the initial state, free of strain."""
        time = float(self.increments[number])
        if number == 0:
            return Moment(time, self.sites.initial, np.zeros((len(self.part.material), 6)))
        total = strain(self.part.operators, displacement_at(self.times, self.displacement, time))
        return Moment(time, self.part.interpolation @ self.temperature.at(time), total)

    def cross(self, number: int, first: Moment, last: Moment, state: Floats) -> MaterialHistory:
        """Return the material state at the end of an increment. Raises ConvergenceError."""
        return _cross(self.part, self.sites, bool(self.viscous[number - 1]), (first, last), state)


def recompute(
    part: Part, loading: Loading, times: Floats, displacement: DisplacementHistory
) -> Iterator[MaterialHistory]:
    """Recompute stress and internal variables from a displacement history with the material laws.

    Parameters
    ----------
    part, loading, times, displacement: as in `Increments`.

    Yields
    ------
    The state at each increment after the first, in fresh arrays.

    Raises
    ------
    ConvergenceError: a law that could not be integrated.
    """
    steps = Increments(part, loading, times, displacement)
    first, state = steps.moment(0), steps.virgin()
    for number in range(1, len(loading.times)):
        last = steps.moment(number)
        reached = steps.cross(number, first, last, state)
        first, state = last, reached.state
        yield reached


def _between(first: Moment, last: Moment) -> Moment:
    """Return the moment halfway, temperature and strain linear in time."""
    temperature, total = 0.5 * (first.temperature + last.temperature), 0.5 * (first.strain + last.strain)
    return Moment(0.5 * (first.time + last.time), temperature, total)


def _cross(
    part: Part, sites: Sites, viscous: bool, span: tuple[Moment, Moment], state: Floats, depth: int = 0
) -> MaterialHistory:
    """Integrate the laws over one increment, in halves where a law fails or a plug-in asks for less.

    Raises
    ------
    ConvergenceError: at the smallest part.
    """
    (start, _, _), (end, temperature, total) = span
    new, stress = np.empty_like(state), np.empty_like(total)
    given = (part.tables, sites, temperature, start, end, viscous, total, state, new, stress)
    failed = evaluate(*given, NO_TANGENT)
    if not failed:
        return MaterialHistory(end, stress, new)
    if depth == MAX_CUTS:
        element, point = part.point_ids[failed - 1]
        raise ConvergenceError(
            f"the material law of element {element}, point {point} could not be integrated from time {start:g} "
            f"to {end:g}; check its parameters and the increments"
        )
    middle = _between(*span)
    half = _cross(part, sites, viscous, (span[0], middle), state, depth + 1)
    return _cross(part, sites, viscous, (middle, span[1]), half.state, depth + 1)
