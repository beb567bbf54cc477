"""Equations of couplings: rigid bodies, mean motions, ties, cyclic symmetry, supports in local directions.

Rotations are small: everything is linearised about the mesh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.linalg import qr
from scipy.spatial import cKDTree

from romtool.constraints import (
    ROTATION,
    Constraint,
    CyclicSymmetry,
    Equations,
    LocalSupport,
    MeanMotion,
    RigidBody,
    Tie,
)
from romtool.errors import CaseError, MeshError
from romtool.fem.loads import side_set_nodes
from romtool.fem.projection import project
from romtool.fem.sets import node_set
from romtool.types import Floats, Ints, Mesh

_SHARE = 0.1
"""Distance, in sizes of faces, up to which nodes are tied where no tolerance is given."""
_ZERO = 1e-13


@dataclass(frozen=True)
class Made:
    """Equations, and sentences about how they were made."""

    equations: Equations
    notes: tuple[str, ...] = ()


def build_equations(mesh: Mesh, constraints: Sequence[Constraint]) -> tuple[tuple[Equations, ...], tuple[str, ...]]:
    """Return the equations of constraints in their order, and sentences about distances.

    Parameters
    ----------
    mesh: the whole mesh.
    constraints: of a loading.

    Raises
    ------
    MeshError: a set that does not exist. CaseError: what cannot be coupled, with the constraint's place.
    """
    given = [entry for entry in constraints if isinstance(entry, Equations)]
    alone = {
        (int(entry.nodes[start]), int(entry.components[start]))
        for entry in given
        for start in entry.starts[:-1][np.diff(entry.starts) == 1]
    }
    made = [_make(mesh, entry, alone) for entry in constraints]
    _check_nodes(mesh, constraints)
    return tuple(entry.equations for entry in made), tuple(note for entry in made for note in entry.notes)


def _make(mesh: Mesh, entry: Constraint, alone: set[tuple[int, int]]) -> Made:
    """Return the equations of one constraint; `alone` are unknowns that equations of one term prescribe."""
    match entry:
        case Equations():
            return Made(entry)
        case RigidBody():
            return Made(_rigid(mesh, entry))
        case MeanMotion():
            return Made(_mean(mesh, entry, alone))
        case LocalSupport():
            return Made(_local(mesh, entry))
        case Tie():
            return _tie(mesh, entry)
        case CyclicSymmetry():
            return _cyclic(mesh, entry)


def _check_nodes(mesh: Mesh, constraints: Sequence[Constraint]) -> None:
    """Raise where an equation holds a displacement of a node that neither the mesh nor a coupling has."""
    references = [[c.reference, c.rotation or c.reference] for c in constraints if isinstance(c, RigidBody)]
    references += [[c.reference] for c in constraints if isinstance(c, MeanMotion)]
    known = np.union1d(mesh.node_ids, np.array([number for pair in references for number in pair], dtype=np.int64))
    equations = [entry for entry in constraints if isinstance(entry, Equations)]
    every = np.concatenate([np.zeros(0, dtype=np.int64), *(entry.nodes for entry in equations)])
    ids, counts = np.unique(every[~np.isin(every, known)], return_counts=True)
    for entry in equations:
        rows = np.flatnonzero(np.isin(entry.nodes, ids[counts == 1]))
        numbers = np.searchsorted(entry.starts, rows, side="right") - 1
        several = np.flatnonzero(np.diff(entry.starts)[numbers] > 1)
        if len(several):
            raise CaseError(
                f"{entry.where(int(numbers[several[0]]))}: node {entry.nodes[rows[several[0]]]} belongs to no element "
                "and to no other constraint; expected a node of the mesh, or the reference node of a coupling"
            )


def _equations(
    entry: Constraint, nodes: Ints, components: Ints, coefficients: Floats, values: Floats, table: str | None = None
) -> Equations:
    """Return equations from (n_equations, n_terms) arrays; terms that are nothing are left out, never the first.

    `values` are the (n_equations,) right-hand sides.
    """
    kept = np.abs(coefficients) > _ZERO * np.abs(coefficients).max(axis=1, initial=0.0, keepdims=True)
    kept[:, :1] = True
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
    return Equations(
        entry.name, entry.place, starts, nodes[kept].astype(np.int64), components[kept].astype(np.int64),
        coefficients[kept], values, table,
    )  # fmt: skip


def _points(mesh: Mesh, entry: Constraint, nodes: Ints) -> Floats:
    """Return the (n, 3) coordinates of nodes by id. Raises CaseError for one that is not in the mesh."""
    rows = np.minimum(np.searchsorted(mesh.node_ids, nodes), mesh.n_nodes - 1)
    lost = np.flatnonzero(mesh.node_ids[rows] != nodes)
    if len(lost):
        place = entry.place
        raise CaseError(f"{place}: {entry.name!r} names node {nodes[lost[0]]}, which is in no element of the mesh")
    return np.asarray(mesh.points[rows])


def _ids(mesh: Mesh, nodes: Ints | str) -> Ints:
    """Return the ids of nodes that are given by them or by a set. Raises MeshError."""
    return mesh.node_ids[_nodes_of(mesh, nodes)] if isinstance(nodes, str) else nodes


def _reference(mesh: Mesh, entry: RigidBody | MeanMotion) -> Floats:
    """Return where the reference node is. Raises CaseError."""
    return _points(mesh, entry, np.array([entry.reference]))[0] if entry.point is None else entry.point


def _rigid(mesh: Mesh, entry: RigidBody) -> Equations:
    """Return `u - u_ref - theta × r = 0` for every node and component that follows."""
    ids = np.setdiff1d(_ids(mesh, entry.nodes), [entry.reference])
    arms = _points(mesh, entry, ids) - _reference(mesh, entry)
    turning = (entry.reference, ROTATION) if entry.rotation is None else (entry.rotation, 0)
    parts = []
    for c in entry.components:
        a, b = (c + 1) % 3, (c + 2) % 3
        ones, zeros = np.ones(len(ids)), np.zeros(len(ids))
        nodes = np.stack([ids, zeros + entry.reference, zeros + turning[0], zeros + turning[0]], axis=1)
        components = np.stack([zeros + c, zeros + c, zeros + turning[1] + a, zeros + turning[1] + b], axis=1)
        parts.append((nodes, components, np.stack([ones, -ones, -arms[:, b], arms[:, a]], axis=1)))
    nodes, components, coefficients = (np.concatenate(list(arrays)) for arrays in zip(*parts, strict=True))
    return _equations(entry, nodes, components, coefficients, np.zeros(len(nodes)))


def _mean(mesh: Mesh, entry: MeanMotion, alone: set[tuple[int, int]]) -> Equations:
    """Return `u_ref - B u = 0`, B the rigid motion fitted to the nodes with their weights.

    Where the reference node is prescribed, as many displacements of the nodes depend as are fixed.
    """
    ids = _ids(mesh, entry.nodes)
    points, weights = _points(mesh, entry, ids), np.ones(len(ids)) if entry.weights is None else entry.weights
    weights = weights / weights.sum()
    centre = weights @ points
    arms = points - centre
    inertia = weights @ (arms**2).sum(axis=1) * np.eye(3) - (weights[:, None] * arms).T @ arms
    if np.linalg.cond(inertia) > 1.0 / _ZERO**0.5 and any(c >= ROTATION for c in entry.components):
        raise CaseError(f"{entry.place}: {entry.name!r}: its nodes lie on a line, so that no rotation can be found")
    cross = np.stack([np.cross(arms, axis) for axis in np.eye(3)], axis=-1)  # r × e_c
    turn = np.einsum("ij,njc->inc", np.linalg.pinv(inertia), weights[:, None, None] * cross)
    lever = _spin_of(_reference(mesh, entry) - centre)
    move = np.einsum("n,ic->inc", weights, np.eye(3)) + np.einsum("ij,jnc->inc", lever, turn)
    rows = np.concatenate([move, turn]).reshape(6, -1)[list(entry.components)]
    slave, component = np.repeat(ids, 3), np.tile(np.arange(3), len(points))
    count = len(rows)
    nodes = np.column_stack([np.full(count, entry.reference), np.tile(slave, (count, 1))])
    components = np.column_stack([entry.components, np.tile(component, (count, 1))])
    coefficients = np.column_stack([np.ones(count), -rows])
    fixed = np.array([(entry.reference, c) in alone for c in entry.components])
    if fixed.any():
        pivots = qr(rows[fixed], mode="r", pivoting=True)[1][: fixed.sum()] + 1
        for row, column in zip(np.flatnonzero(fixed), _matched(rows[fixed], pivots), strict=True):
            for table in (nodes, components, coefficients):
                table[row, [0, column]] = table[row, [column, 0]]
    return _equations(entry, nodes, components, coefficients, np.zeros(count))


def _spin_of(arm: Floats) -> Floats:
    """Return S with `theta × arm = S theta`, as (3, 3)."""
    return np.cross(np.eye(3), arm).T


def _matched(rows: Floats, pivots: Ints) -> Ints:
    """Return the pivot column of each row so that no coefficient is small: the assignment with the largest product."""
    from scipy.optimize import linear_sum_assignment

    size = np.log(np.abs(rows[:, pivots - 1]) + 1e-300)
    return pivots[linear_sum_assignment(-size)[1]]


def _nodes_of(mesh: Mesh, name: str) -> Ints:
    """Return the rows of the nodes of a side set or node set. Raises MeshError."""
    return side_set_nodes(mesh, name) if name in mesh.side_sets else np.unique(node_set(mesh, name))


def _tie(mesh: Mesh, entry: Tie) -> Made:
    """Return `u - Σ N u_master = 0` for every slave node near the master faces."""
    rows = np.setdiff1d(_nodes_of(mesh, entry.slave), side_set_nodes(mesh, entry.master))
    found = project(mesh, entry.master, mesh.points[rows])
    limit = _SHARE * found.sizes if entry.tolerance is None else entry.tolerance
    near = found.distances <= limit
    note = _note(entry, near, found.distances)
    masters = np.where(found.nodes < 0, 0, found.nodes)[near]
    turns = np.broadcast_to(np.eye(3), (int(near.sum()), 3, 3))
    return Made(_following(mesh, entry, rows[near], masters, found.weights[near], turns), note)


def _note(entry: Tie | CyclicSymmetry, near: np.ndarray, distances: Floats) -> tuple[str, ...]:  # type: ignore[type-arg]
    """Say how far nodes are from what they follow. Raises CaseError where none is near."""
    if not near.any():
        nearest = f"; the nearest is {distances.min():.3g} away" if len(distances) else ""
        raise CaseError(f"{entry.place}: {entry.name!r}: no node of {entry.slave!r} is near {entry.master!r}{nearest}")
    text = f"{entry.name}: {int(near.sum())} nodes of {entry.slave} follow {entry.master}"
    text += f", at distances up to {distances[near].max():.2g}"
    if not near.all():
        text += f"; {int((~near).sum())} nodes are farther away ({distances.max():.3g} at most) and stay free"
    return (text,)


def _following(mesh: Mesh, entry: Constraint, rows: Ints, masters: Ints, weights: Floats, turns: Floats) -> Equations:
    """Return `u - turn Σ weight u_master = 0`.

    Parameters
    ----------
    mesh, entry: for ids and the name.
    rows: (n,) int, of the nodes. masters: (n, m) int, rows. weights: (n, m) float. turns: (n, 3, 3) float.
    """
    n, m = masters.shape
    nodes = np.empty((n, 3, 1 + 3 * m), dtype=np.int64)
    nodes[:, :, 0] = mesh.node_ids[rows][:, None]
    nodes[:, :, 1:] = mesh.node_ids[np.repeat(masters, 3, axis=1)][:, None]
    components = np.broadcast_to(np.concatenate([[0], np.tile(np.arange(3), m)]), nodes.shape).copy()
    components[:, :, 0] = np.arange(3)
    coefficients = np.ones(nodes.shape)
    coefficients[:, :, 1:] = -(turns[:, :, None, :] * weights[:, None, :, None]).reshape(n, 3, 3 * m)
    flat = (nodes.reshape(3 * n, -1), components.reshape(3 * n, -1), coefficients.reshape(3 * n, -1))
    return _equations(entry, *flat, np.zeros(3 * n))


def _cyclic(mesh: Mesh, entry: CyclicSymmetry) -> Made:
    """Return `u - turn Σ N u_master = 0` for every slave node, and no motion across the axis for nodes on it."""
    axis = entry.axis / np.linalg.norm(entry.axis)
    rows = _nodes_of(mesh, entry.slave)
    arms = mesh.points[rows] - entry.point
    radii = np.linalg.norm(arms - np.outer(arms @ axis, axis), axis=1)
    central = rows[radii <= 1e-9 * max(float(radii.max(initial=0.0)), 1e-300)]
    rows = np.setdiff1d(rows, central)
    both = [_turned(mesh, entry, rows, axis, sign * 2.0 * np.pi / entry.sectors) for sign in (1.0, -1.0)]
    turn, masters, weights, distances, limit = min(both, key=lambda found: float(found[3].max(initial=0.0)))
    near = distances <= limit
    if not near.all():
        far = rows[~near]
        raise CaseError(
            f"{entry.place}: {entry.name!r}: node {mesh.node_ids[far[0]]} of {entry.slave!r} is "
            f"{distances[~near][0]:.3g} from {entry.master!r} turned by a {entry.sectors}th of the circle; check the "
            "sets, the number of sectors and the axis, or give a larger tolerance"
        )
    turns = np.broadcast_to(turn, (len(rows), 3, 3))
    found = _following(mesh, entry, rows, masters, weights, turns)
    if len(central):
        still = LocalSupport(entry.name, entry.place, mesh.node_ids[central], "axes", _across(axis), (1, 2))
        found = _joined(found, _local(mesh, still))
    return Made(found, _note(entry, near, distances))


def _across(axis: Floats) -> Floats:
    """Return local axes, as of `LocalSupport`, whose x is the axis."""
    return np.array([axis, np.eye(3)[int(np.argmin(np.abs(axis)))]])


def _joined(first: Equations, second: Equations) -> Equations:
    """Return the equations of two constraints of one name as one."""
    starts = np.concatenate([first.starts, first.starts[-1] + second.starts[1:]])
    names = ("nodes", "components", "coefficients", "values")
    arrays = [np.concatenate([getattr(first, name), getattr(second, name)]) for name in names]
    return Equations(first.name, first.place, starts, *arrays)


def _turned(
    mesh: Mesh, entry: CyclicSymmetry, rows: Ints, axis: Floats, angle: float
) -> tuple[Floats, Ints, Floats, Floats, Floats]:
    """Return the turn from master to slave by an angle, masters and weights of each slave node, distances, limits."""
    spin = _spin_of(axis).T
    turn = np.eye(3) + np.sin(angle) * spin + (1.0 - np.cos(angle)) * spin @ spin
    back = entry.point + (mesh.points[rows] - entry.point) @ turn
    if entry.master in mesh.side_sets:
        found = project(mesh, entry.master, back)
        limit = _SHARE * found.sizes if entry.tolerance is None else np.full(len(rows), entry.tolerance)
        return turn, np.where(found.nodes < 0, 0, found.nodes), found.weights, found.distances, limit
    masters = np.unique(node_set(mesh, entry.master))
    distances, nearest = cKDTree(mesh.points[masters]).query(back)
    size = np.full(len(rows), 1e-3 * float(np.ptp(mesh.points[masters], axis=0).max()))
    limit = size if entry.tolerance is None else np.full(len(rows), entry.tolerance)
    return turn, masters[nearest][:, None], np.ones((len(rows), 1)), np.asarray(distances), limit


def local_axes(kind: str, values: Floats, points: Floats) -> Floats:
    """Return the (n, 3, 3) local axes, as rows, at (n, 3) points; see `LocalSupport`.

    Raises
    ------
    MeshError: directions that are parallel or zero, a point on the axis of a cylinder.
    """
    first, second = values
    if kind == "axes":
        x, z = np.broadcast_to(first, points.shape), np.broadcast_to(np.cross(first, second), points.shape)
        rows = np.stack([x, np.cross(z, x), z], axis=1)
    else:
        axis = np.broadcast_to(second / np.linalg.norm(second), points.shape)
        arms = points - first
        radial = arms - np.sum(arms * axis, axis=1)[:, None] * axis
        radial[np.linalg.norm(radial, axis=1) <= 1e-9 * np.linalg.norm(arms, axis=1).max(initial=0.0)] = 0.0
        rows = np.stack([radial, np.cross(axis, radial), axis], axis=1)
    sizes = np.linalg.norm(rows, axis=2, keepdims=True)
    if not (sizes > 0.0).all():
        raise MeshError(f"local axes {kind} {values.tolist()} have no direction at a node; give others")
    return np.asarray(rows / sizes)


def _local(mesh: Mesh, entry: LocalSupport) -> Equations:
    """Return `d · u = value`; each local direction has its own dependent component, the largest that fits."""
    ids = _ids(mesh, entry.nodes)
    try:
        axes = local_axes(entry.kind, entry.values, _points(mesh, entry, ids))
    except MeshError as error:
        raise CaseError(f"{entry.place}: {entry.name!r}: {error}") from error
    axes = np.where(np.abs(axes) < _ZERO, 0.0, axes)
    orders = np.array(list(permutations(range(3))))
    products = np.abs(np.prod(axes[:, np.arange(3)[None], orders], axis=2))
    leading = orders[np.argmax(products, axis=1)]
    parts = []
    for c in entry.components:
        order = (leading[:, c][:, None] + np.arange(3)) % 3
        parts.append((order, np.take_along_axis(axes[:, c], order, axis=1)))
    components, coefficients = (np.concatenate(list(arrays)) for arrays in zip(*parts, strict=True))
    nodes = np.repeat(np.tile(ids, len(entry.components))[:, None], 3, axis=1)
    values = np.full(len(nodes), entry.value)
    return _equations(entry, nodes, components, coefficients, values, entry.table)
