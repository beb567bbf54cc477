"""Everything that depends on the mesh alone: shape gradients, weights, and what follows from them.

`strain` and `internal_force` are transposes of each other: `sum_k w_k sig_k : eps(v)_k = f(sig) . v`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from romtool.errors import MeshError
from romtool.fem import kernels
from romtool.fem.elements import Element, element_of
from romtool.fem.pattern import NodePattern, build_node_pattern
from romtool.fem.rules import mass_rule
from romtool.fem.shapes import shape_functions, shape_gradients
from romtool.types import Bools, CellBlock, Floats, Ints, Mesh


@dataclass(frozen=True)
class BlockOperators:
    """Geometry of one block at its integration points.

    Parameters
    ----------
    element: the formulation.
    connectivity: (n_cells, n_cell_nodes) int, rows of `Mesh.points`.
    gradients: (n_cells, n_ip, n_cell_nodes, 3) float [1/length], d N_a / d x_j.
    first_element, first_point: number of elements and of points before this block.
    """

    element: Element
    connectivity: Ints
    gradients: Floats
    first_element: int
    first_point: int

    @property
    def n_points(self) -> int:
        """Return the number of integration points of the block."""
        return len(self.connectivity) * self.element.n_points

    @property
    def span(self) -> slice:
        """Return where the block's points are among all."""
        return slice(self.first_point, self.first_point + self.n_points)


@dataclass(frozen=True)
class Operators:
    """A mesh with its integration points.

    Parameters
    ----------
    mesh: the mesh.
    blocks: per block arrays.
    weights: (n_points,) float [length³], quadrature weight times Jacobian.
    coordinates: (n_points, 3) float [length].
    elements: (n_points,) int, element index. local_points: (n_points,) int, within the element.
    """

    mesh: Mesh
    blocks: tuple[BlockOperators, ...]
    weights: Floats
    coordinates: Floats
    elements: Ints
    local_points: Ints

    @property
    def n_nodes(self) -> int:
        """Return the number of nodes."""
        return self.mesh.n_nodes

    @property
    def n_points(self) -> int:
        """Return the number of integration points."""
        return len(self.weights)

    @property
    def volume(self) -> float:
        """Return the volume [length³]."""
        return float(self.weights.sum())

    @cached_property
    def element_ids(self) -> Ints:
        """Return the (n_points,) solver's element id of each point."""
        return self.mesh.element_ids[self.elements]

    @cached_property
    def node_pattern(self) -> NodePattern:
        """Return which nodes share an element."""
        return build_node_pattern(self.mesh.n_nodes, tuple(block.connectivity for block in self.blocks))


def _block_operators(
    points: Floats, block: CellBlock, first_element: int, first_point: int
) -> tuple[BlockOperators, Floats, Bools]:
    """Return the operators of a block, its (n_cells, n_ip) weights and which cells are inverted."""
    element = element_of(block)
    connectivity = np.ascontiguousarray(block.connectivity, dtype=np.int64)
    n_cells, n_cell_nodes = connectivity.shape
    gradients = np.empty((n_cells, element.n_points, n_cell_nodes, 3))
    measures = np.empty((n_cells, element.n_points))
    reference = np.ascontiguousarray(element.shape_gradients(element.points))
    bad = kernels.block_geometry(points, connectivity, reference, element.weights, gradients, measures)
    return BlockOperators(element, connectivity, gradients, first_element, first_point), measures, bad


def inverted_message(block: CellBlock, bad: Bools) -> str:
    """Say which elements of a block have a Jacobian that is not positive."""
    ids = ", ".join(str(i) for i in block.element_ids[bad][:5])
    return (
        f"{int(bad.sum())} of {len(bad)} {block.solver_type or block.cell_type} elements have a Jacobian "
        f"that is not positive at an integration point (first ids: {ids}); expected right-handed elements "
        "in VTK node order; check the node order of the file or repair the mesh"
    )


def build_operators(mesh: Mesh) -> Operators:
    """Build what depends on the mesh alone.

    Parameters
    ----------
    mesh: solid elements with known formulations; one subdomain or the whole.

    Returns
    -------
    Operators.

    Raises
    ------
    MeshError: an element that cannot be computed with, or an inverted one.
    """
    points = np.ascontiguousarray(mesh.points, dtype=np.float64)
    blocks: list[BlockOperators] = []
    weights: list[Floats] = [np.zeros(0)]
    first_element = first_point = 0
    for block in mesh.blocks:
        operators, measures, bad = _block_operators(points, block, first_element, first_point)
        if bad.any():
            raise MeshError(inverted_message(block, bad))
        blocks.append(operators)
        weights.append(measures.ravel())
        first_element += len(operators.connectivity)
        first_point += operators.n_points
    elements, local_points = _numbering(blocks)
    coordinates = _coordinates(points, blocks, first_point)
    return Operators(mesh, tuple(blocks), np.concatenate(weights), coordinates, elements, local_points)


def _numbering(blocks: list[BlockOperators]) -> tuple[Ints, Ints]:
    """Return the (n_points,) element index and local number of each point."""
    elements, local_points = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for block in blocks:
        n_cells, n_ip = len(block.connectivity), block.element.n_points
        elements.append(block.first_element + np.repeat(np.arange(n_cells), n_ip))
        local_points.append(np.tile(np.arange(n_ip), n_cells))
    return np.concatenate(elements), np.concatenate(local_points)


def _coordinates(points: Floats, blocks: list[BlockOperators], n_points: int) -> Floats:
    """Return the (n_points, 3) coordinates of the integration points."""
    result = np.empty((n_points, 3))
    for block in blocks:
        shapes = block.element.shape_functions(block.element.points)
        result[block.span] = np.matmul(shapes, points[block.connectivity]).reshape(-1, 3)
    return result


def strain(operators: Operators, fields: Floats) -> Floats:
    """Return the small strain of displacement fields at all integration points.

    Parameters
    ----------
    operators: of the mesh.
    fields: (n_nodes, 3) or (n_fields, n_nodes, 3) float [length].

    Returns
    -------
    (n_points, 6) or (n_fields, n_points, 6) float, tensor shear.
    """
    stack = np.ascontiguousarray(fields, dtype=np.float64).reshape(-1, operators.n_nodes, 3)
    result = np.empty((len(stack), operators.n_points, 6))
    for block in operators.blocks:
        kernels.block_strain(block.connectivity, block.gradients, stack, block.first_point, result)
    return result if fields.ndim == 3 else result[0]


def strain_at(operators: Operators, fields: Floats, point_ids: Ints) -> Floats:
    """Return the small strain of displacement fields at selected integration points.

    Parameters
    ----------
    operators: of the mesh.
    fields: (n_nodes, 3) or (n_fields, n_nodes, 3) float [length].
    point_ids: (n_selected,) int, in any order.

    Returns
    -------
    (n_selected, 6) or (n_fields, n_selected, 6) float, tensor shear.
    """
    stack = np.ascontiguousarray(fields, dtype=np.float64).reshape(-1, operators.n_nodes, 3)
    ids = np.asarray(point_ids, dtype=np.int64)
    result = np.empty((len(stack), len(ids), 6))
    for block in operators.blocks:
        local = ids - block.first_point
        rows = np.flatnonzero((local >= 0) & (local < block.n_points))
        kernels.selected_strain(block.connectivity, block.gradients, stack, local[rows], rows, result)
    return result if fields.ndim == 3 else result[0]


def _internal_force(operators: Operators, stress: Floats, absolute: bool) -> Floats:
    """Add the blocks' internal forces."""
    force = np.zeros((operators.n_nodes, 3))
    values = np.ascontiguousarray(stress, dtype=np.float64)
    for block in operators.blocks:
        kernels.block_internal_force(
            block.connectivity,
            block.gradients,
            operators.weights[block.span],
            values[block.span],
            absolute,
            force,
        )
    return force


def internal_force(operators: Operators, stress: Floats) -> Floats:
    """Return the nodal forces `∫ sig : eps(N_a e_i)`.

    Parameters
    ----------
    operators: of the mesh.
    stress: (n_points, 6) float [stress].

    Returns
    -------
    (n_nodes, 3) float [force].
    """
    return _internal_force(operators, stress, absolute=False)


def absolute_internal_force(operators: Operators, stress: Floats) -> Floats:
    """Return the (n_nodes, 3) sums over points of |w B^T sig| [force]; its norm is `s_t` of theory, eq. (2.3)."""
    return _internal_force(operators, stress, absolute=True)


def internal_force_scale(operators: Operators, stress: Floats) -> float:
    """Return the norm of the assembled absolute contributions to the internal force [force].

    Parameters
    ----------
    operators: of the mesh.
    stress: (n_points, 6) float [stress].

    Returns
    -------
    The scale that a residual is small or large against even where loads and reactions vanish.
    """
    return float(np.linalg.norm(absolute_internal_force(operators, stress)))


def stiffness_times(operators: Operators, tangent: Floats, field: Floats) -> Floats:
    """Return the tangent stiffness times a displacement, without a matrix.

    Parameters
    ----------
    operators: of the mesh.
    tangent: (n_points, 6, 6) float [stress], d sig / d eps with tensor shear.
    field: (n_nodes, 3) float [length].

    Returns
    -------
    (n_nodes, 3) float [force].
    """
    return internal_force(operators, np.matmul(tangent, strain(operators, field)[:, :, None])[:, :, 0])


def absolute_stiffness_times(operators: Operators, tangent: Floats, field: Floats) -> Floats:
    """Return the (n_nodes, 3) `stiffness_times` with every factor in absolute value: what its round-off is of."""
    blocks = tuple(replace(block, gradients=np.abs(block.gradients)) for block in operators.blocks)
    return stiffness_times(replace(operators, blocks=blocks), np.abs(tangent), np.abs(field))


def _scalar_matrix(operators: Operators, gradient: bool) -> sparse.csr_matrix:
    """Assemble a (n_nodes, n_nodes) matrix with the rule of full accuracy."""
    pattern = operators.node_pattern
    data = np.zeros(len(pattern.indices))
    points = np.ascontiguousarray(operators.mesh.points, dtype=np.float64)
    for block, entries in zip(operators.blocks, pattern.entries, strict=True):
        cell_type = block.element.cell_type
        rule = mass_rule(cell_type)
        shapes = shape_functions(cell_type, rule.points)
        reference = np.ascontiguousarray(shape_gradients(cell_type, rule.points))
        kernels.block_scalar_matrix(
            points, block.connectivity, shapes, reference, rule.weights, entries, gradient, data
        )
    shape = (operators.n_nodes, operators.n_nodes)
    return sparse.csr_matrix((data, pattern.indices, pattern.indptr), shape=shape)


def mass_matrix(operators: Operators) -> sparse.csr_matrix:
    """Return `∫ N_a N_b`, (n_nodes, n_nodes) float [length³], exact for straight-edged cells."""
    return _scalar_matrix(operators, gradient=False)


def gradient_matrix(operators: Operators) -> sparse.csr_matrix:
    """Return `∫ grad N_a . grad N_b`, (n_nodes, n_nodes) float [length]."""
    return _scalar_matrix(operators, gradient=True)


def temperature_operator(operators: Operators) -> sparse.csr_matrix:
    """Return the matrix from nodal to integration-point temperatures by the formulations' own rules.

    Parameters
    ----------
    operators: of the mesh.

    Returns
    -------
    (n_points, n_nodes) CSR float; its rows sum to one.
    """
    indptr, indices, data = [np.zeros(1, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    end = 0
    for block in operators.blocks:
        rule = block.element.temperature_matrix()
        n_ip, n_cell_nodes = rule.shape
        indices.append(np.repeat(block.connectivity, n_ip, axis=0).ravel())
        data.append(np.tile(rule.ravel(), len(block.connectivity)))
        indptr.append(end + n_cell_nodes * np.arange(1, block.n_points + 1))
        end += n_cell_nodes * block.n_points
    shape = (operators.n_points, operators.n_nodes)
    return sparse.csr_matrix((np.concatenate(data), np.concatenate(indices), np.concatenate(indptr)), shape)
