"""Quantities of a case as functionals of the modes: what a new load needs of them, mesh forgotten."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from romtool.components import check_component, default_component, is_linear
from romtool.errors import CaseError
from romtool.fem.loads import volume_moments
from romtool.fem.operators import strain
from romtool.fem.partition import Subdomain
from romtool.fem.sets import element_set, node_set, nodes_of
from romtool.laws import LawTables, state_fields
from romtool.linalg.products import TENSOR_METRIC
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.loading import Load
from romtool.offline.parts import Part
from romtool.offline.shapes import surface_shapes, volume_shapes
from romtool.reduced.model import Functional, Resultant
from romtool.settings import Quantity
from romtool.types import Bools, Floats, Ints, Mesh

NOTHING = np.zeros((0, 0))


class Ground(NamedTuple):
    """What quantities are taken on: the subdomains of this rank with their (n_liftings, n_nodes_s, 3), all loads."""

    parts: Sequence[Part]
    liftings: Sequence[Floats]
    loads: Sequence[Load]


def check_quantities(quantities: Sequence[Quantity], mesh: Mesh, tables: LawTables, fields: Sequence[str]) -> None:
    """Check that quantities name sets, fields and components that there are.

    Parameters
    ----------
    quantities: of the case.
    mesh: the mesh, or any subdomain: all have the names of all sets.
    tables: of the laws.
    fields: that can be reconstructed, beside u.

    Raises
    ------
    CaseError: a field that is not reconstructed, a component that it does not have.
    MeshError: a set that does not exist.
    """
    states = state_fields(tables)
    widths = {"u": 3, "stress": 6, **{name: columns.stop - columns.start for name, columns in states.items()}}
    for entry in quantities:
        what = f'[[quantities]] "{entry.name}"'
        if entry.source not in ("u", "stress", *fields) or entry.source not in widths:
            known = ", ".join(dict.fromkeys(("u", "stress", *fields)))
            raise CaseError(f'{what} has field = "{entry.source}"; pick one of {known}, or add it to [duals] fields')
        if entry.component is not None:
            check_component(entry.component, 3 if entry.kind == "reaction" else widths[entry.source], what)
        if entry.nodes is not None:
            node_set(mesh, entry.nodes)
        element_set(mesh, entry.elements)


def build_functionals(
    quantities: Sequence[Quantity],
    ground: Ground,
    modes: Mapping[str, Sequence[Floats]],
    comm: Comm,
) -> tuple[Functional, ...]:
    """Return every quantity with its functional of the modes, where it is linear in them.

    Parameters
    ----------
    quantities: of the case.
    ground: what they are taken on.
    modes: "u" and dual fields -> (n_rows_s, n_modes) per subdomain.
    comm: the ranks.

    Raises
    ------
    CaseError: a node set without nodes, no point to take a value at.
    """
    return tuple(_build(quantity, ground, modes, comm) for quantity in quantities)


def _build(quantity: Quantity, ground: Ground, modes: Mapping[str, Sequence[Floats]], comm: Comm) -> Functional:
    """Return one quantity with its functional."""
    field = quantity.source
    if quantity.kind in ("maximum", "percentile", "energy", "dissipation") or field not in modes:
        return Functional(quantity, NOTHING, NOTHING)
    parts = ground.parts
    blocks = [_by_entity(part, psi, field) for part, psi in zip(parts, modes[field], strict=True)]
    if quantity.kind == "reaction":
        translations = [_translations(part, str(quantity.nodes)) for part in parts]
        return Functional(
            quantity,
            ordered_sum(comm, [_internal(*entry) for entry in zip(parts, translations, blocks, strict=True)]),
            NOTHING,
            _resultant(parts, translations, ground.loads, comm),
        )
    width = blocks[0].shape[1]
    if quantity.kind == "mean" and not is_linear(quantity.component or default_component(field, width)):
        return Functional(quantity, NOTHING, NOTHING)
    weights = _weights(quantity, parts, comm)
    lifting = NOTHING
    if field == "u":
        fields = [np.moveaxis(shapes, 0, 2) for shapes in ground.liftings]
        lifting = _weighted(fields, weights, comm)
    return Functional(quantity, _weighted(blocks, weights, comm), lifting)


def _by_entity(part: Part, psi: Floats, field: str) -> Floats:
    """Return (n_entities, n_components, n_modes) of the modes of a field: nodes of u, points of dual fields."""
    return psi.reshape(part.subdomain.mesh.n_nodes if field == "u" else len(part.material), -1, psi.shape[1])


def _weighted(fields: Sequence[Floats], weights: Sequence[Floats], comm: Comm) -> Floats:
    """Return the (n_components, n_modes) sum of (n_entities, n_components, n_modes) times (n_entities,)."""
    return ordered_sum(comm, [np.tensordot(w, field, axes=(0, 0)) for w, field in zip(weights, fields, strict=True)])


def _weights(quantity: Quantity, parts: Sequence[Part], comm: Comm) -> list[Floats]:
    """Return the (n_entities,) weights of a value at a place, of a mean over nodes, or of a mean over volume."""
    if quantity.kind == "point":
        return _nearest(quantity, parts, comm)
    if quantity.kind == "displacement":
        mine = [own_nodes(part.subdomain, str(quantity.nodes), rows) for part, rows in _with_taken(parts, comm)]
    elif quantity.source == "u":
        mine = [_node_volumes(part, quantity.elements) for part in parts]
    else:
        mine = [part.operators.weights * _in_set(part, quantity.elements) for part in parts]
    total = float(ordered_sum(comm, [np.array(w.sum()) for w in mine]))
    if total == 0.0:
        name = quantity.nodes if quantity.kind == "displacement" else quantity.elements
        raise CaseError(f'[[quantities]] "{quantity.name}": the set "{name}" is empty; name one with members')
    return [w / total for w in mine]


def _in_set(part: Part, name: str) -> Bools:
    """Return (n_points,) which integration points are of an element set."""
    return np.isin(part.operators.elements, element_set(part.subdomain.mesh, name))


def _node_volumes(part: Part, name: str) -> Floats:
    """Return the (n_nodes,) integrals of the shape functions over an element set."""
    volume, _ = volume_moments(part.operators, element_set(part.subdomain.mesh, name))
    return np.asarray(volume)


def _with_taken(parts: Sequence[Part], comm: Comm) -> list[tuple[Part, Ints]]:
    """Return each part with the nodes of the subdomains before it, as rows of the whole mesh."""
    gathered = gather_subdomains(comm, [(part.subdomain.index, part.subdomain.node_rows) for part in parts])
    taken = []
    for part in parts:
        before = [rows for index, rows in gathered if index < part.subdomain.index]
        taken.append((part, np.concatenate(before) if before else np.zeros(0, dtype=np.int64)))
    return taken


def own_nodes(subdomain: Subdomain, name: str, taken: Ints) -> Floats:
    """Return (n_nodes,) ones at the nodes of a set that no subdomain before has; `taken` are the latter."""
    rows = node_set(subdomain.mesh, name)
    weights = np.zeros(subdomain.mesh.n_nodes)
    weights[rows[~np.isin(subdomain.node_rows[rows], taken)]] = 1.0
    return weights


def _nearest(quantity: Quantity, parts: Sequence[Part], comm: Comm) -> list[Floats]:
    """Return (n_entities,) one at the entity that is nearest to the place, zero elsewhere; of equals the first."""
    place = _middle(quantity, parts, comm) if quantity.at is None else np.array(quantity.at)
    found = []
    for part in parts:
        where, allowed = _candidates(quantity, part)
        distance = np.where(allowed, np.linalg.norm(where - place, axis=1), np.inf)
        row = int(np.argmin(distance)) if len(distance) else 0
        found.append((float(distance[row]) if len(distance) else np.inf, part.subdomain.index, row, len(where)))
    distance, index, row, _ = min(gather_subdomains(comm, found))
    if not np.isfinite(distance):
        raise CaseError(f'[[quantities]] "{quantity.name}": the set "{quantity.elements}" is empty; name another')
    weights = [np.zeros(entry[3]) for entry in found]
    for part, values in zip(parts, weights, strict=True):
        if part.subdomain.index == index:
            values[row] = 1.0
    return weights


def _candidates(quantity: Quantity, part: Part) -> tuple[Floats, Bools]:
    """Return the places of all entities of a field, and which of them are of the quantity's elements."""
    inside = _in_set(part, quantity.elements)
    if quantity.source != "u":
        return part.operators.coordinates, inside
    mesh = part.subdomain.mesh
    return mesh.points, np.isin(np.arange(mesh.n_nodes), nodes_of(mesh, element_set(mesh, quantity.elements)))


def _middle(quantity: Quantity, parts: Sequence[Part], comm: Comm) -> Floats:
    """Return the (3,) mean place of a node set; without one that of the volume of the quantity's elements."""
    if quantity.nodes is None:
        shares = [part.operators.weights * _in_set(part, quantity.elements) for part in parts]
        sums = [np.append(w @ part.operators.coordinates, w.sum()) for w, part in zip(shares, parts, strict=True)]
        return _mean_place(quantity, quantity.elements, ordered_sum(comm, sums))
    masks = [own_nodes(part.subdomain, str(quantity.nodes), taken) for part, taken in _with_taken(parts, comm)]
    sums = [np.append(mask @ part.subdomain.mesh.points, mask.sum()) for mask, part in zip(masks, parts, strict=True)]
    return _mean_place(quantity, quantity.nodes, ordered_sum(comm, sums))


def _mean_place(quantity: Quantity, name: str, total: Floats) -> Floats:
    """Return the (3,) place from (4,) sums of places and of weights over a set. Raises CaseError where it is empty."""
    if total[3] == 0.0:
        raise CaseError(f'[[quantities]] "{quantity.name}": the set "{name}" is empty; name another')
    return np.asarray(total[:3] / total[3])


def _translations(part: Part, name: str) -> Floats:
    """Return the (3, n_nodes, 3) unit translations of a node set of one subdomain, zero elsewhere."""
    fields = np.zeros((3, part.subdomain.mesh.n_nodes, 3))
    rows = node_set(part.subdomain.mesh, name)
    for c in range(3):
        fields[c, rows, c] = 1.0
    return fields


def _internal(part: Part, translations: Floats, stress: Floats) -> Floats:
    """Return the (3, n_modes) work of (n_points, 6, n_modes) stress on the strains of the translations."""
    strains = strain(part.operators, translations) * np.array(TENSOR_METRIC) * part.operators.weights[:, None]
    return np.tensordot(strains, stress, axes=([1, 2], [0, 1]))


def _resultant(parts: Sequence[Part], translations: Sequence[Floats], loads: Sequence[Load], comm: Comm) -> Resultant:
    """Return what the loads of the training do on the translations."""
    fields = [np.ascontiguousarray(values.reshape(3, -1).T) for values in translations]
    return Resultant(surface_shapes(parts, fields, loads, comm), volume_shapes(parts, fields, loads, comm))
