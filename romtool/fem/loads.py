"""Load vectors with the solvers' own rules: pressures and tractions on faces, body and centrifugal forces.

Volume forces use the stiffness rule of the element, as the solvers do (CalculiX: with 15 points instead of
4 a C3D10 differs by 1.2e-2).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from romtool.cells import CELLS, FACE_CELLS
from romtool.errors import CaseError
from romtool.fem.elements import element_of
from romtool.fem.operators import Operators
from romtool.fem.sets import element_set, side_set
from romtool.fem.shapes import shape_functions, shape_gradients
from romtool.loading import Dirichlet, Load, Loading, Material
from romtool.types import Bools, CellBlock, Floats, Ints, Mesh


@dataclass(frozen=True)
class FaceGroup:
    """Faces of one shape and one rule.

    Parameters
    ----------
    faces: (n,) int, position in the side set.
    nodes: (n, n_face_nodes) int, rows of `Mesh.points`, outward.
    shapes: (n_q, n_face_nodes) float.
    normals: (n, n_q, 3) float [length²], outward normal times area element times weight.
    """

    faces: Ints
    nodes: Ints
    shapes: Floats
    normals: Floats


def _face_group(block: CellBlock, points: Floats, faces: Ints, cells: Ints, local: int) -> FaceGroup:
    """Evaluate the faces `local` of some cells of a block."""
    element = element_of(block)
    face_nodes = CELLS[block.cell_type].faces[local]
    rule, shape = element.face_rules[len(face_nodes)], FACE_CELLS[len(face_nodes)]
    nodes = block.connectivity[cells][:, face_nodes]
    reference = shape_gradients(shape, rule.points)
    tangents = np.einsum("nai,qaj->nqij", points[nodes], reference)
    normals = np.cross(tangents[..., 0], tangents[..., 1]) * rule.weights[:, None]
    return FaceGroup(faces, nodes, shape_functions(shape, rule.points), normals)


def face_groups(mesh: Mesh, name: str) -> Iterator[FaceGroup]:
    """Yield the faces of a side set, grouped by block and local face.

    Parameters
    ----------
    mesh: the mesh.
    name: a side set.

    Raises
    ------
    MeshError: no such set, or faces of elements that cannot be computed with.
    """
    sides = side_set(mesh, name)
    first = 0
    for block in mesh.blocks:
        cells = sides[:, 0] - first
        inside = (cells >= 0) & (cells < len(block.element_ids))
        for local in np.unique(sides[inside, 1]):
            faces = np.flatnonzero(inside & (sides[:, 1] == local))
            yield _face_group(block, mesh.points, faces, cells[faces], int(local))
        first += len(block.element_ids)


def side_set_nodes(mesh: Mesh, name: str) -> Ints:
    """Return the unique nodes of a side set, ascending: the order of nodal pressures.

    Parameters
    ----------
    mesh: the mesh.
    name: a side set.

    Returns
    -------
    (n_set_nodes,) int, rows of `Mesh.points`.

    Raises
    ------
    MeshError: no such set.
    """
    nodes = [group.nodes.ravel() for group in face_groups(mesh, name)]
    members: Ints = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *nodes]))
    return members


Triplets = tuple[list[Floats], list[Ints], list[Ints]]


def _matrix(triplets: Triplets, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Sum (values, rows, columns) into a CSR matrix."""
    values, rows, columns = (np.concatenate([np.zeros(0), *(part.ravel() for part in t)]) for t in triplets)
    return sparse.csr_matrix((values, (rows.astype(np.int64), columns.astype(np.int64))), shape=shape)


def pressure_matrices(mesh: Mesh, name: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return the nodal forces `-∫ p n N_a dS` for a unit compression of each face and of each node.

    Parameters
    ----------
    mesh: the mesh.
    name: a side set.

    Returns
    -------
    (3 n_nodes, n_faces) CSR [length²]: pressure constant on each face, in the set's order.
    (3 n_nodes, n_set_nodes) CSR [length²]: pressure interpolated from nodes, in the order of
        `side_set_nodes`.

    Raises
    ------
    MeshError: no such set, or faces of elements that cannot be computed with.
    """
    members = side_set_nodes(mesh, name)
    by_face: Triplets = ([], [], [])
    by_node: Triplets = ([], [], [])
    for group in face_groups(mesh, name):
        rows = 3 * group.nodes[:, :, None] + np.arange(3)
        whole = -np.einsum("qa,nqi->nai", group.shapes, group.normals)
        shared = -np.einsum("qa,qb,nqi->naib", group.shapes, group.shapes, group.normals)
        columns = np.searchsorted(members, group.nodes)[:, None, None, :]
        _append(by_face, whole, rows, group.faces[:, None, None])
        _append(by_node, shared, rows[..., None], columns)
    n_dofs, n_faces = 3 * mesh.n_nodes, len(side_set(mesh, name))
    return _matrix(by_face, (n_dofs, n_faces)), _matrix(by_node, (n_dofs, len(members)))


def _append(triplets: Triplets, values: Floats, rows: Ints, columns: Ints) -> None:
    """Append an array with its rows and columns, broadcast to its shape."""
    triplets[0].append(values)
    triplets[1].append(np.array(np.broadcast_to(rows, values.shape)))
    triplets[2].append(np.array(np.broadcast_to(columns, values.shape)))


def traction_vector(mesh: Mesh, name: str, traction: Floats) -> Floats:
    """Return the nodal forces `∫ t N_a dS` of a constant traction.

    Parameters
    ----------
    mesh: the mesh.
    name: a side set.
    traction: (3,) float [force/area].

    Returns
    -------
    (n_nodes, 3) float [force].

    Raises
    ------
    MeshError: no such set, or faces of elements that cannot be computed with.
    """
    area = np.zeros(mesh.n_nodes)
    for group in face_groups(mesh, name):
        np.add.at(area, group.nodes, np.linalg.norm(group.normals, axis=2) @ group.shapes)
    return np.outer(area, traction)


def volume_moments(
    operators: Operators, elements: Ints | Bools, density: float | Floats = 1.0
) -> tuple[Floats, Floats]:
    """Return the moments of the shape functions with the stiffness rule of the elements.

    A body force b is `zeroth ⊗ b`; a centrifugal one is `omega² (I - a aᵀ)(first - zeroth ⊗ p)`.

    Parameters
    ----------
    operators: of the mesh.
    elements: (n,) int element indices, or (n_elements,) bool.
    density: [mass/length³], or (n_elements,) float.

    Returns
    -------
    (n_nodes,) `∫ rho N_a`; (n_nodes, 3) `∫ rho N_a x`.
    """
    factor = np.zeros(operators.mesh.n_elements)
    factor[elements] = np.broadcast_to(density, factor.shape)[elements]
    zeroth, first = np.zeros(operators.n_nodes), np.zeros((operators.n_nodes, 3))
    for block in operators.blocks:
        span, n_ip = block.span, block.element.n_points
        weights = (operators.weights[span] * factor[operators.elements[span]]).reshape(-1, n_ip)
        shapes = block.element.shape_functions(block.element.points)
        moments = weights[..., None] * operators.coordinates[span].reshape(-1, n_ip, 3)
        np.add.at(zeroth, block.connectivity, weights @ shapes)
        np.add.at(first, block.connectivity, np.einsum("qa,cqi->cai", shapes, moments))
    return zeroth, first


def element_densities(mesh: Mesh, materials: Sequence[Material]) -> Floats:
    """Return the (n_elements,) densities [mass/length³]; NaN where no material gives one.

    Parameters
    ----------
    mesh: the mesh.
    materials: later ones win where element sets overlap.

    Raises
    ------
    MeshError: an element set that does not exist.
    """
    densities = np.full(mesh.n_elements, np.nan)
    for material in materials:
        densities[element_set(mesh, material.elements)] = np.nan if material.density is None else material.density
    return densities


def _centrifugal(operators: Operators, load: Load, densities: Floats) -> Floats:
    """Return the force `rho omega² r` of a load whose table is one."""
    elements = element_set(operators.mesh, load.region)
    if np.isnan(densities[elements]).any():
        raise CaseError(f"centrifugal load '{load.name}' needs the density of its materials; give `density`")
    if load.point is None or load.axis is None or not np.linalg.norm(load.axis) > 0.0:
        raise CaseError(f"centrifugal load '{load.name}' needs `point` and a non-zero `axis`")
    zeroth, first = volume_moments(operators, elements, densities)
    axis = np.asarray(load.axis, dtype=np.float64) / np.linalg.norm(load.axis)
    arm = first - np.outer(zeroth, load.point)
    return np.asarray(float(load.value) ** 2 * (arm - np.outer(arm @ axis, axis)))


def _vector(load: Load) -> Floats:
    """Return the (3,) value of a traction or body load."""
    value = np.asarray(load.value, dtype=np.float64)
    if value.shape != (3,):
        raise CaseError(f"{load.kind} load '{load.name}' has a value of shape {value.shape}; expected 3 numbers")
    return value


def _pressure(mesh: Mesh, load: Load) -> Floats:
    """Return the force of a pressure whose table is one."""
    per_face, per_node = pressure_matrices(mesh, load.region)
    matrix = per_node if load.on == "node" else per_face
    value = np.asarray(load.value, dtype=np.float64)
    if value.ndim > 0 and value.shape != (matrix.shape[1],):
        raise CaseError(
            f"pressure '{load.name}' has {value.size} values; expected one for each of the {matrix.shape[1]} "
            f"{load.on}s of side set '{load.region}' (or one number); check `on` and the file"
        )
    force: Floats = (matrix @ np.broadcast_to(value, matrix.shape[1:])).reshape(-1, 3)
    return force


def load_shape(operators: Operators, load: Load, densities: Floats) -> Floats:
    """Return the nodal forces of a load whose table is one.

    Parameters
    ----------
    operators: of the mesh.
    load: the load.
    densities: (n_elements,) float [mass/length³], for centrifugal loads.

    Returns
    -------
    (n_nodes, 3) float [force].

    Raises
    ------
    MeshError: a set that does not exist. CaseError: a value of the wrong shape, a missing density.
    """
    if load.kind == "pressure":
        return _pressure(operators.mesh, load)
    if load.kind == "traction":
        return traction_vector(operators.mesh, load.region, _vector(load))
    if load.kind == "body":
        zeroth, _ = volume_moments(operators, element_set(operators.mesh, load.region))
        return np.outer(zeroth, _vector(load))
    return _centrifugal(operators, load, densities)


def load_factor(load: Load, table_value: float) -> float:
    """Return what multiplies the shape of a load: a table multiplies omega, hence its square the force.

    >>> load_factor(Load("spin", "centrifugal", "all", 1.0), 3.0)
    9.0
    """
    return table_value**2 if load.kind == "centrifugal" else table_value


def load_factors(loading: Loading, time: float) -> Floats:
    """Return the (n_loads,) factors of the load shapes at `time`.

    Raises
    ------
    CaseError: a load refers to a table that does not exist.
    """
    return np.array([load_factor(load, amplitude(loading, load, time)) for load in loading.loads])


def amplitude(loading: Loading, entry: Load | Dirichlet, time: float) -> float:
    """Return the value of an entry's table at `time`, 1 where it has none.

    Raises
    ------
    CaseError: the table does not exist.
    """
    try:
        return loading.amplitude(entry.table, time)
    except KeyError as error:
        known = ", ".join(table.name for table in loading.tables) or "none"
        kind = "load" if isinstance(entry, Load) else "support"
        raise CaseError(f"{kind} '{entry.name}' refers to table '{entry.table}'; known tables: {known}") from error


def load_shapes(operators: Operators, loading: Loading, materials: Sequence[Material]) -> Floats:
    """Return the (n_loads, n_nodes, 3) nodal forces of all loads whose tables are one [force].

    Raises
    ------
    MeshError: a set that does not exist. CaseError: a value of the wrong shape, a missing density.
    """
    densities = element_densities(operators.mesh, materials)
    shapes = [load_shape(operators, load, densities) for load in loading.loads]
    return np.array(shapes).reshape(len(shapes), operators.n_nodes, 3)


def load_vector(operators: Operators, load: Load, densities: Floats, table_value: float = 1.0) -> Floats:
    """Return the (n_nodes, 3) nodal forces of a load at a value of its table [force].

    Raises
    ------
    MeshError: a set that does not exist. CaseError: a value of the wrong shape, a missing density.
    """
    return load_factor(load, table_value) * load_shape(operators, load, densities)


def load_vectors(shapes: Floats, loading: Loading, times: Floats) -> Iterator[Floats]:
    """Yield the (n_nodes, 3) nodal forces at each of the (n_times,) times [force].

    Parameters
    ----------
    shapes: (n_loads, n_nodes, 3) float, of `load_shapes`.
    loading: its tables.
    times: float [time].

    Raises
    ------
    CaseError: a load refers to a table that does not exist.
    """
    for time in times:
        yield np.einsum("l,lni->ni", load_factors(loading, float(time)), shapes)
