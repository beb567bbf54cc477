"""Sets of a mesh by name, and what is assigned by them."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from romtool.errors import MeshError
from romtool.loading import Loading, Material
from romtool.types import Ints, Mesh


def _find(kind: str, name: str, sets: Mapping[str, Ints]) -> Ints:
    """Return a set, or raise MeshError naming the nearest."""
    if name in sets:
        return sets[name]
    near = get_close_matches(name, list(sets), n=3, cutoff=0.4) or list(sets)[:5]
    known = ", ".join(f"'{entry}'" for entry in near) or "none at all"
    raise MeshError(f"{kind} set '{name}' is not in the mesh; the nearest {kind} sets are {known}; pick one")


def node_set(mesh: Mesh, name: str) -> Ints:
    """Return the (n,) rows of `points` of a node set. Raises MeshError naming the nearest sets."""
    return np.asarray(_find("node", name, mesh.node_sets), dtype=np.int64)


def side_set(mesh: Mesh, name: str) -> Ints:
    """Return the (n, 2) element indices and local faces. Raises MeshError naming the nearest sets."""
    return np.asarray(_find("side", name, mesh.side_sets), dtype=np.int64).reshape(-1, 2)


def element_set(mesh: Mesh, name: str) -> Ints:
    """Return the (n,) element indices of a set; "all" is every element unless a set has that name.

    Raises
    ------
    MeshError: no such set; the message names the nearest.
    """
    if name == "all" and name not in mesh.element_sets:
        return np.arange(mesh.n_elements, dtype=np.int64)
    return np.asarray(_find("element", name, mesh.element_sets), dtype=np.int64)


def nodes_of(mesh: Mesh, elements: Ints) -> Ints:
    """Return the ascending rows of the nodes of some elements.

    Parameters
    ----------
    mesh: the mesh.
    elements: (n,) element indices.
    """
    chosen = np.zeros(mesh.n_elements, dtype=np.bool_)
    chosen[elements] = True
    masks = np.split(chosen, np.cumsum([len(block.element_ids) for block in mesh.blocks])[:-1])
    rows = [block.connectivity[mask].ravel() for block, mask in zip(mesh.blocks, masks, strict=True)]
    return np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)


def assign_materials(mesh: Mesh, materials: Sequence[Material]) -> Ints:
    """Return the (n_elements,) row of `materials` of each element; later ones win where element sets overlap.

    Raises
    ------
    MeshError: a set that does not exist, an element without material.
    """
    rows = np.full(mesh.n_elements, -1, dtype=np.int64)
    for row, material in enumerate(materials):
        rows[element_set(mesh, material.elements)] = row
    bare = np.flatnonzero(rows < 0)
    if len(bare):
        raise MeshError(
            f"{len(bare)} elements have no material (first id: {mesh.element_ids[bare[0]]}); give one on their "
            "element set, or on 'all'"
        )
    return rows


def check_regions(mesh: Mesh, materials: Sequence[Material], loading: Loading) -> None:
    """Check that every set that materials, supports and loads refer to is in the mesh.

    Raises
    ------
    MeshError: a set that does not exist, an element without material; the message names the nearest.
    """
    assign_materials(mesh, materials)
    for entry in loading.dirichlet:
        node_set(mesh, entry.nodes)
    for load in loading.loads:
        find = side_set if load.kind in ("pressure", "traction") else element_set
        find(mesh, load.region)
