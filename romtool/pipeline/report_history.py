"""Facts for reports: what of the fields of a history is followed over time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.components import mises
from romtool.errors import InputError
from romtool.fem.operators import Operators, build_operators, strain
from romtool.io.fields import POINTS_PER_CELL
from romtool.report.content import Loop, Quantity
from romtool.report.units import Units
from romtool.types import CellBlock, Floats, Ints, Mesh, SolverResults

TENSOR = ("xx", "yy", "zz", "xy", "yz", "zx")
MOST_NODES = 6
"""Node sets of one node that are followed without being asked for."""

MAXIMA: Mapping[str, tuple[str, str, str]] = {
    "p": ("largest cumulated inelastic strain", "max p", ""),
    "stress": ("largest von Mises stress", "max von Mises", "stress"),
    "u": ("largest displacement", "max |u|", "length"),
}
"""Field -> name, symbol and unit (in words) of the largest value that reports follow over time."""


def field_quantities(results: SolverResults | None, units: Units, nodes: Sequence[int] = ()) -> tuple[Quantity, ...]:
    """Return the largest values of the known fields over time, and displacements of nodes.

    Fields without a value are left out; no other field is read.

    Parameters
    ----------
    results: fields are read one time at a time; None has nothing.
    units: labels.
    nodes: ids of nodes to follow, besides those that are a node set of their own.

    Raises
    ------
    InputError: a node that the mesh has not.
    """
    if results is None:
        return ()
    found = [_largest(results, field, units) for field in MAXIMA if field in results.fields]
    named = _named_nodes(results.mesh, nodes)
    moved = _node_displacements(results, named, units) if named and "u" in results.fields else []
    return tuple(entry for entry in (*found, *moved) if entry is not None)


def _named_nodes(mesh: Mesh, nodes: Sequence[int]) -> dict[str, int]:
    """Return name -> row of the nodes to follow; several names of a node are one."""
    single = {name: int(rows[0]) for name, rows in mesh.node_sets.items() if len(rows) == 1}
    found = {row: name for name, row in list(single.items())[:MOST_NODES]}
    for node in nodes:
        row = int(np.searchsorted(mesh.node_ids, node))
        if row == mesh.n_nodes or mesh.node_ids[row] != node:
            raise InputError(f"--node {node}: the mesh has no such node; give an id of its {mesh.n_nodes} nodes")
        found.setdefault(row, f"node {node}")
    return {name: row for row, name in found.items()}


def _node_displacements(results: SolverResults, named: Mapping[str, int], units: Units) -> list[Quantity]:
    """Return the displacement of some nodes over time."""
    rows = np.array(list(named.values()))
    values = np.array([np.linalg.norm(results.read("u", i)[rows], axis=1) for i in range(len(results.times))]).T
    return [
        Quantity(
            name=f"displacement of {name}",
            symbol=f"|u| of {name}",
            unit=units.length,
            location="node",
            times=results.times,
            values=found,
            time=float(results.times[int(np.nanargmax(found))]),
            place=f"node {results.mesh.node_ids[row]}",
        )
        for (name, row), found in zip(named.items(), values, strict=True)
        if np.isfinite(found).any()
    ]


def _largest(results: SolverResults, field: str, units: Units) -> Quantity | None:
    """Return the largest value of one field over time."""
    values, rows = np.full(len(results.times), np.nan), np.zeros(len(results.times), dtype=np.int64)
    for i in range(len(results.times)):
        magnitudes = scalar(field, results.read(field, i))
        if np.isfinite(magnitudes).any():
            rows[i] = int(np.nanargmax(magnitudes))
            values[i] = magnitudes[rows[i]]
    if not np.isfinite(values).any():
        return None
    name, symbol, unit = MAXIMA[field]
    location, top = results.fields[field].location, int(np.nanargmax(values))
    return Quantity(
        *(name, symbol, units.label(unit), location, results.times, values, float(results.times[top])),
        place=place_of(results.mesh, location, int(rows[top])),
        point=point_of(results.mesh, int(rows[top])) if location == "point" else None,
    )


def scalar(field: str, values: Floats) -> Floats:
    """Return the (n,) scalar that pictures and maxima show: von Mises, length of a vector, or the value."""
    if field == "stress":
        return mises(values)
    return np.asarray(np.linalg.norm(values, axis=1)) if values.shape[1] > 1 else values[:, 0]


def place_of(mesh: Mesh, location: str, row: int) -> str:
    """Return where a row of a field is, with the solver's ids; local points count from 0.

    Parameters
    ----------
    mesh: of the field.
    location: "node", "element" or "point".
    row: of the field.
    """
    if location == "node":
        return f"node {mesh.node_ids[row]}"
    if location == "element":
        return f"element {mesh.element_ids[row]}"
    found = point_of(mesh, row)
    return "" if found is None else f"element {found[0]}, point {found[1]}"


def point_of(mesh: Mesh, row: int) -> tuple[int, int] | None:
    """Return element id and local point, from 0, of a row of a field at the integration points."""
    for block in mesh.blocks:
        n_points = POINTS_PER_CELL[block.formulation]
        if row < len(block.element_ids) * n_points:
            return int(block.element_ids[row // n_points]), row % n_points
        row -= len(block.element_ids) * n_points
    return None


def chosen_points(quantities: Sequence[Quantity], given: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the points whose stress over strain is shown: those given, else where p and stress are largest."""
    found = given or [entry.point for entry in quantities if entry.point is not None]
    return tuple(dict.fromkeys(found))


def hysteresis_loops(results: SolverResults | None, points: Sequence[tuple[int, int]]) -> Iterator[Loop]:
    """Yield stress over strain at some points, in the component with the largest range of stress.

    Parameters
    ----------
    results: with stress and displacement, else nothing is yielded.
    points: (element id, local point) pairs.

    Raises
    ------
    InputError: a point that the mesh has not.
    """
    if results is None or not points or not {"u", "stress"} <= set(results.fields):
        return
    if results.fields["stress"].location != "point":
        return
    spots = [_spot(results.mesh, *point) for point in points]
    n_times = len(results.times)
    stress, strains = np.zeros((2, len(spots), n_times, 6))
    for i in range(n_times):
        u, values = results.read("u", i), results.read("stress", i)
        for k, spot in enumerate(spots):
            stress[k, i], strains[k, i] = values[spot.row], spot.strain(u)
    for k, (element, local) in enumerate(points):
        ranges = np.ptp(stress[k], axis=0)
        if np.isfinite(ranges).all() and np.isfinite(strains[k]).all():
            c = int(ranges.argmax())
            yield Loop(f"element {element}, point {local}", TENSOR[c], strains[k, :, c], stress[k, :, c])


@dataclass(frozen=True)
class _Spot:
    """An integration point: its row, the nodes of its element, and what gives its strain."""

    row: int
    nodes: Ints
    operators: Operators
    local: int

    def strain(self, u: Floats) -> Floats:
        """Return the (6,) strain of the (n_nodes, 3) displacement of the whole mesh."""
        return strain(self.operators, u[self.nodes])[self.local]


def _spot(mesh: Mesh, element: int, local: int) -> _Spot:
    """Return a point with its element as a mesh of its own."""
    first = 0
    for block in mesh.blocks:
        n_points, at = POINTS_PER_CELL[block.formulation], np.flatnonzero(block.element_ids == element)
        if len(at) and 0 <= local < n_points:
            nodes = block.connectivity[at[0]]
            alone = CellBlock(block.cell_type, block.formulation, block.element_ids[at], np.arange(len(nodes))[None])
            operators = build_operators(Mesh(mesh.points[nodes], np.arange(len(nodes)) + 1, (alone,)))
            return _Spot(first + int(at[0]) * n_points + local, nodes, operators, local)
        first += len(block.element_ids) * n_points
    raise InputError(f"--point {element},{local}: the mesh has no such integration point; local points count from 0")
