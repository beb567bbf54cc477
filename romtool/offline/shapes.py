"""Generalised forces of load shapes: what a new amplitude, field or axis of a load needs, mesh forgotten."""

from collections.abc import Sequence

import numpy as np

from romtool.errors import CaseError
from romtool.fem.loads import element_densities, pressure_matrices, side_set_nodes, traction_vector, volume_moments
from romtool.fem.sets import element_set
from romtool.linalg.agreement import each_rank
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.loading import Load
from romtool.offline.parts import Part
from romtool.reduced.model import SurfaceShape, VolumeShape
from romtool.types import Floats, Ints

SURFACE_KINDS = ("pressure", "traction")


def surface_shapes(
    parts: Sequence[Part], modes: Sequence[Floats], loads: Sequence[Load], comm: Comm
) -> dict[str, SurfaceShape]:
    """Return the generalised forces of every side set that a load acts on.

    Parameters
    ----------
    parts: the subdomains of this rank.
    modes: (3 n_nodes_s, n_modes) displacement modes per part.
    loads: of all training simulations.

    Raises
    ------
    MeshError: a side set that does not exist.
    """
    names = sorted({load.region for load in loads if load.kind in SURFACE_KINDS})
    return {name: _surface(name, parts, modes, comm) for name in names}


def _surface(name: str, parts: Sequence[Part], modes: Sequence[Floats], comm: Comm) -> SurfaceShape:
    """Project the pressure matrices of one side set."""
    members = [part.subdomain.node_rows[side_set_nodes(part.subdomain.mesh, name)] for part in parts]
    nodes = np.unique(np.concatenate(gather_subdomains(comm, members)))
    n_faces = sum(gather_subdomains(comm, [len(part.subdomain.side_rows[name]) for part in parts]))
    faces_sum, nodes_sum, traction = [], [], []
    for part, psi, mine in zip(parts, modes, members, strict=True):
        mesh = part.subdomain.mesh
        per_face, per_node = pressure_matrices(mesh, name)
        faces_sum.append(_place(per_face.T @ psi, part.subdomain.side_rows[name], n_faces))
        nodes_sum.append(_place(per_node.T @ psi, np.searchsorted(nodes, mine), len(nodes)))
        area = traction_vector(mesh, name, np.array([1.0, 0.0, 0.0]))[:, 0]
        traction.append(_moments(area, psi))
    return SurfaceShape(ordered_sum(comm, faces_sum), ordered_sum(comm, nodes_sum), ordered_sum(comm, traction))


def _place(values: Floats, rows: Ints, n_rows: int) -> Floats:
    """Return zeros of (n_rows, …) with `values` at `rows`."""
    result = np.zeros((n_rows, values.shape[1]))
    result[rows] = values
    return result


def _moments(nodal: Floats, psi: Floats) -> Floats:
    """Return Σ_a nodal(a) psi_j(a, c): (3, n_modes) of (n_nodes,), or (d, 3, n_modes) of (n_nodes, d)."""
    return np.tensordot(nodal.T, psi.reshape(len(nodal), 3, -1), axes=1)


def volume_shapes(
    parts: Sequence[Part], modes: Sequence[Floats], loads: Sequence[Load], comm: Comm
) -> dict[str, VolumeShape]:
    """Return the moments of the modes over every element set that a body or centrifugal load acts on.

    Parameters
    ----------
    parts: the subdomains of this rank.
    modes: (3 n_nodes_s, n_modes) displacement modes per part.
    loads: of all training simulations.

    Raises
    ------
    CaseError: a centrifugal load on elements without density.
    MeshError: an element set that does not exist.
    """
    regions = {load.region: False for load in loads if load.kind not in SURFACE_KINDS}
    regions |= {load.region: True for load in loads if load.kind == "centrifugal"}
    return {name: _volume(name, heavy, parts, modes, comm) for name, heavy in sorted(regions.items())}


def _volume(name: str, heavy: bool, parts: Sequence[Part], modes: Sequence[Floats], comm: Comm) -> VolumeShape:
    """Project the moments of one element set; the mass moments only where a load needs the density."""
    sums: list[list[Floats]] = [[], [], []]
    densities = each_rank(comm, lambda: [_densities(name, heavy, part) for part in parts])
    for part, psi, density in zip(parts, modes, densities, strict=True):
        elements = element_set(part.subdomain.mesh, name)
        volume, _ = volume_moments(part.operators, elements)
        mass, first = volume_moments(part.operators, elements, np.nan_to_num(density))
        for total, moments in zip(sums, (volume, mass, first), strict=True):
            total.append(_moments(moments, psi))
    volume, mass, first = (ordered_sum(comm, total) for total in sums)
    return VolumeShape(volume, mass, first)


def _densities(name: str, heavy: bool, part: Part) -> Floats:
    """Return the (n_elements,) densities; a heavy set must have them."""
    density = element_densities(part.subdomain.mesh, part.materials)
    if heavy and np.isnan(density[element_set(part.subdomain.mesh, name)]).any():
        raise CaseError(
            f"a centrifugal load acts on {name!r}, whose material has no density; give [[materials]] density"
        )
    return density
