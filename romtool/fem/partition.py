"""Subdomains: a mesh cut into parts, and what acts on the whole restricted to one part.

Every element belongs to one subdomain; nodes on a common boundary belong to each side. A subdomain is a
complete small mesh with the solver's ids, so that every operator works on it as on a whole one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from romtool.cells import CELLS
from romtool.errors import MeshError, MissingPartError
from romtool.fem.elements import element_of
from romtool.fem.loads import side_set_nodes
from romtool.loading import Dirichlet, Load, Loading, Temperature
from romtool.temperature import restrict
from romtool.types import Bools, CellBlock, Floats, Ints, Mesh


@dataclass(frozen=True)
class Subdomain:
    """One part of a mesh.

    Parameters
    ----------
    index: its number, from 0.
    mesh: nodes, elements and sets of this part (empty sets included).
    node_rows: (n_nodes,) rows in the whole mesh.
    element_rows: (n_elements,) element indices in the whole mesh.
    side_rows: side set -> (n,) positions in the whole set.
    """

    index: int
    mesh: Mesh
    node_rows: Ints
    element_rows: Ints
    side_rows: Mapping[str, Ints]


def split_mesh(mesh: Mesh, part_of_element: Ints) -> tuple[Subdomain, ...]:
    """Cut a mesh into subdomains.

    Parameters
    ----------
    mesh: the whole mesh.
    part_of_element: (n_elements,) subdomain number of each element.
    """
    count = int(part_of_element.max()) + 1 if len(part_of_element) else 1
    return tuple(take_elements(mesh, index, part_of_element == index) for index in range(count))


def take_elements(mesh: Mesh, index: int, mine: Bools) -> Subdomain:
    """Return the elements in `mine` (n_elements,) as a subdomain with the number `index`."""
    starts = np.cumsum([0, *(len(block.element_ids) for block in mesh.blocks)])
    chosen = [mine[a:b] for a, b in pairwise(starts)]
    used = [block.connectivity[keep].ravel() for block, keep in zip(mesh.blocks, chosen, strict=True)]
    rows = np.unique(np.concatenate(used))
    local = np.full(mesh.n_nodes, -1, dtype=np.int64)
    local[rows] = np.arange(len(rows))
    blocks = tuple(
        CellBlock(
            block.cell_type,
            block.formulation,
            block.element_ids[keep],
            local[block.connectivity[keep]],
            block.solver_type,
        )
        for block, keep in zip(mesh.blocks, chosen, strict=True)
    )
    number = np.cumsum(mine) - 1
    side_rows = {name: np.flatnonzero(mine[side[:, 0]]) for name, side in mesh.side_sets.items()}
    part = Mesh(
        points=mesh.points[rows],
        node_ids=mesh.node_ids[rows],
        blocks=blocks,
        node_sets={name: local[nodes][local[nodes] >= 0] for name, nodes in mesh.node_sets.items()},
        element_sets={name: number[items[mine[items]]] for name, items in mesh.element_sets.items()},
        side_sets={name: _local_sides(mesh.side_sets[name][keep], number) for name, keep in side_rows.items()},
    )
    return Subdomain(index, part, rows, np.flatnonzero(mine), side_rows)


def _local_sides(sides: Ints, number: Ints) -> Ints:
    """Renumber the elements of (n, 2) sides."""
    return np.column_stack([number[sides[:, 0]], sides[:, 1]])


def partition_elements(mesh: Mesh, n_subdomains: int) -> Ints:
    """Return the (n_elements,) subdomain of each element, balanced and with small boundaries.

    Raises
    ------
    MeshError: more subdomains than elements.
    MissingPartError: more than one subdomain without the package pymetis.
    """
    if n_subdomains > mesh.n_elements:
        raise MeshError(
            f"[partition] subdomains = {n_subdomains}, but the mesh has {mesh.n_elements} elements; ask for fewer"
        )
    if n_subdomains == 1:
        return np.zeros(mesh.n_elements, dtype=np.int64)
    try:
        import pymetis
    except ImportError as error:
        raise MissingPartError(
            "several subdomains need the package pymetis; install romtool[partition] or set subdomains = 1"
        ) from error
    starts, neighbours = _element_graph(mesh)
    _, parts = pymetis.part_graph(n_subdomains, pymetis.CSRAdjacency(starts, neighbours))
    return np.asarray(parts, dtype=np.int64)


def _element_graph(mesh: Mesh) -> tuple[Ints, Ints]:
    """Return the graph (CSR starts, neighbours) of elements that share a face (three corners)."""
    from scipy import sparse

    corners = [block.connectivity[:, : CELLS[block.cell_type].n_corners] for block in mesh.blocks]
    rows = np.repeat(np.arange(mesh.n_elements), np.concatenate([np.full(len(c), c.shape[1]) for c in corners]))
    columns = np.concatenate([c.ravel() for c in corners])
    incidence = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(mesh.n_elements, mesh.n_nodes))
    shared = (incidence @ incidence.T).tocsr()
    shared.setdiag(0)
    shared.data[shared.data < 3] = 0
    shared.eliminate_zeros()
    return shared.indptr.astype(np.int64), shared.indices.astype(np.int64)


def restrict_loading(loading: Loading, whole: Mesh, part: Subdomain) -> Loading:
    """Return the loading with its arrays cut to one subdomain.

    Parameters
    ----------
    loading: of the whole mesh.
    whole: the whole mesh, whose sets the arrays run over.
    part: the subdomain.
    """
    return replace(
        loading,
        dirichlet=tuple(_restrict_dirichlet(entry, whole, part) for entry in loading.dirichlet),
        loads=tuple(_restrict_load(load, whole, part) for load in loading.loads),
        temperature=restrict_temperature(loading.temperature, part),
    )


def restrict_temperature(temperature: Temperature, part: Subdomain) -> Temperature:
    """Return the temperature history on the nodes of one subdomain."""
    return restrict(temperature, part.node_rows, part.mesh.points)


def _restrict_dirichlet(entry: Dirichlet, whole: Mesh, part: Subdomain) -> Dirichlet:
    if not isinstance(entry.value, np.ndarray):
        return entry
    mine = np.isin(whole.node_sets[entry.nodes], part.node_rows)
    return replace(entry, value=entry.value[mine])


def _restrict_load(load: Load, whole: Mesh, part: Subdomain) -> Load:
    if load.kind != "pressure" or not isinstance(load.value, np.ndarray):
        return load
    if load.on == "face":
        return replace(load, value=load.value[part.side_rows[load.region]])
    nodes, mine = side_set_nodes(whole, load.region), part.node_rows[side_set_nodes(part.mesh, load.region)]
    return replace(load, value=load.value[np.isin(nodes, mine)])


@dataclass(frozen=True)
class Merged:
    """The whole mesh behind its subdomains, and how their arrays are joined.

    Parameters
    ----------
    mesh: the whole mesh.
    node_rows: per subdomain, rows in the whole mesh.
    point_order: (n_points,) rows of the integration points of all subdomains, one after the other.
    """

    mesh: Mesh
    node_rows: tuple[Ints, ...]
    point_order: Ints

    def join_nodes(self, values: Sequence[Floats]) -> Floats:
        """Return (n_nodes, …) of nodal values per subdomain; on common nodes they agree."""
        joined = np.zeros((self.mesh.n_nodes, *values[0].shape[1:]))
        for part, rows in zip(values, self.node_rows, strict=True):
            joined[rows] = part
        return joined

    def join_points(self, values: Sequence[Floats]) -> Floats:
        """Return (n_points, …) of point values per subdomain."""
        joined: Floats = np.concatenate(values)[self.point_order] if len(values) > 1 else values[0]
        return joined


def merge(parts: Sequence[Subdomain]) -> Merged:
    """Join all subdomains, in order, to the mesh they were cut from."""
    node_rows = tuple(part.node_rows for part in parts)
    points = np.zeros((1 + max(int(rows.max()) for rows in node_rows), 3))
    node_ids = np.zeros(len(points), dtype=np.int64)
    for part in parts:
        points[part.node_rows], node_ids[part.node_rows] = part.mesh.points, part.mesh.node_ids
    blocks, orders, firsts = [], [], _first_points(parts)
    for b in range(len(parts[0].mesh.blocks)):
        block, order = _merge_block(parts, b, firsts)
        blocks.append(block)
        orders.append(order)
    mesh = Mesh(points, node_ids, tuple(blocks), *_merge_sets(parts))
    return Merged(mesh, node_rows, np.concatenate(orders))


def _first_points(parts: Sequence[Subdomain]) -> Ints:
    """Return the (n_parts, n_blocks) first integration point of each block among those of all parts."""
    sizes = [[len(block.element_ids) * element_of(block).n_points for block in part.mesh.blocks] for part in parts]
    flat = np.array(sizes, dtype=np.int64)
    return (np.cumsum(flat.ravel()) - flat.ravel()).reshape(flat.shape)


def _merge_block(parts: Sequence[Subdomain], b: int, firsts: Ints) -> tuple[CellBlock, Ints]:
    """Join one block of all parts in the order of the whole mesh; return it and its point order."""
    rows, connectivity, ids, starts = [], [], [], []
    n_ip = element_of(parts[0].mesh.blocks[b]).n_points
    for s, part in enumerate(parts):
        before = sum(len(block.element_ids) for block in part.mesh.blocks[:b])
        block = part.mesh.blocks[b]
        rows.append(part.element_rows[before : before + len(block.element_ids)])
        connectivity.append(part.node_rows[block.connectivity])
        ids.append(block.element_ids)
        starts.append(firsts[s, b] + n_ip * np.arange(len(block.element_ids)))
    order = np.argsort(np.concatenate(rows))
    joined = replace(
        parts[0].mesh.blocks[b],
        element_ids=np.concatenate(ids)[order],
        connectivity=np.concatenate(connectivity)[order],
    )
    return joined, (np.concatenate(starts)[order][:, None] + np.arange(n_ip)).ravel()


Sets = dict[str, Ints]


def _merge_sets(parts: Sequence[Subdomain]) -> tuple[Sets, Sets, Sets]:
    """Join node, element and side sets."""
    first = parts[0].mesh
    nodes = {
        name: np.unique(np.concatenate([part.node_rows[part.mesh.node_sets[name]] for part in parts]))
        for name in first.node_sets
    }
    elements = {
        name: np.unique(np.concatenate([part.element_rows[part.mesh.element_sets[name]] for part in parts]))
        for name in first.element_sets
    }
    sides = {}
    for name in first.side_sets:
        order = np.argsort(np.concatenate([part.side_rows[name] for part in parts]))
        sets = [part.mesh.side_sets[name] for part in parts]
        whole = [
            np.column_stack([part.element_rows[side[:, 0]], side[:, 1]]) for part, side in zip(parts, sets, strict=True)
        ]
        sides[name] = np.concatenate(whole)[order]
    return nodes, elements, sides
