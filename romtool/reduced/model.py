"""The reduced model: all that a new load case needs, independent of the size of the mesh.

Shapes: `n_modes` displacement modes, `n_points` reduced points, of which the first `n_active` carry
quadrature weight and the others are only sampled for the dual fields; `n_nodes` nodes whose temperature
reaches a reduced point.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from romtool.fem.partition import Subdomain
from romtool.laws import LawTables
from romtool.linalg.gappy import GappyOperator
from romtool.loading import Loading
from romtool.settings import Quantity
from romtool.types import Floats, Ints


@dataclass(frozen=True)
class SurfaceShape:
    """Generalised forces of a side set, per unit of compression (or traction), on each mode.

    Parameters
    ----------
    faces: (n_faces, n_modes) float [length·area] work of a unit pressure on each face, in set order.
    nodes: (n_set_nodes, n_modes) the same per node of the set, ascending node ids.
    traction: (3, n_modes) work of a unit traction vector on the whole set.
    """

    faces: Floats
    nodes: Floats
    traction: Floats


@dataclass(frozen=True)
class VolumeShape:
    """Moments of the modes over an element set; any body force and any axis of rotation follow from them.

    Parameters
    ----------
    volume: (3, n_modes) ∫ psi.
    mass: (3, n_modes) ∫ rho psi.
    first: (3, 3, n_modes) ∫ rho x ⊗ psi.
    """

    volume: Floats
    mass: Floats
    first: Floats


@dataclass(frozen=True)
class Lifting:
    """Strain of the linear-elastic answer to a unit of one prescribed displacement, or constraint that is not zero.

    Parameters
    ----------
    name: name of the Dirichlet entry, or of the constraint.
    nodes, components: what it acts on; "" for a constraint, of which the right-hand sides are one unit.
    profile: None for a uniform value, else the (n_set_nodes,) array that counts as one unit.
    strain: (n_points, 6) at the reduced points.
    """

    name: str
    nodes: str
    components: tuple[int, ...]
    profile: Floats | None
    strain: Floats


@dataclass(frozen=True)
class DualBasis:
    """Gappy reconstruction of one dual field from its values at the reduced points.

    Parameters
    ----------
    field: its name.
    components: number of columns.
    operator: from the values at all reduced points, point after point, to the coefficients.
    singular_values: (n_snapshots,) of its snapshots.
    floor: norm of the values at the reduced points below which the field is negligible (theory, eq. (7.1)).
    """

    field: str
    components: int
    operator: GappyOperator
    singular_values: Floats
    floor: float


@dataclass(frozen=True)
class ThermalPoints:
    """The nodes that the temperature of the reduced points depends on.

    Parameters
    ----------
    node_ids: (n_nodes,) solver ids.
    rows: (n_nodes,) their rows in a field file of the whole mesh.
    points: (n_nodes, 3) coordinates [length].
    operator: csr (n_points, n_nodes), the source solver's own interpolation.
    n_mesh_nodes: length of a field file.
    """

    node_ids: Ints
    rows: Ints
    points: Floats
    operator: sparse.csr_matrix
    n_mesh_nodes: int


@dataclass(frozen=True)
class Calibration:
    """Relation between misfit and relative error of one dual field.

    Parameters
    ----------
    misfit: (n_grid,) float, ascending, from the smallest to the largest calibrated one.
    expected: (n_grid,) float, expected relative error.
    bound: (n_grid,) float, its one-sided 95 % quantile; does not decrease.
    pairs: (n_pairs, 2) float, misfits and errors that it was learnt from.
    """

    misfit: Floats
    expected: Floats
    bound: Floats
    pairs: Floats


@dataclass(frozen=True)
class Validity:
    """What the training covers (theory, eq. (7.5)).

    Parameters
    ----------
    temperature: (2,) smallest and largest [temperature].
    temperature_rate: largest change per time [temperature/time].
    step: (2,) smallest and largest time step [time].
    amplitudes: "kind on set" -> (2,) smallest and largest size of a load or of a prescribed displacement.
    temperature_span: (n_nodes, n) orthonormal changes of the thermal nodes' temperature from the initial one.
    always: those of `amplitudes` that are not zero throughout in any computation of the training.
    """

    temperature: Floats
    temperature_rate: float
    step: Floats
    amplitudes: Mapping[str, Floats]
    temperature_span: Floats
    always: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resultant:
    """External forces on a node set, of every load: work on its three translations, which act here as modes.

    Parameters
    ----------
    surfaces, volumes: by side set and by element set.
    """

    surfaces: Mapping[str, SurfaceShape]
    volumes: Mapping[str, VolumeShape]

    @property
    def n_modes(self) -> int:
        """Return the number of translations."""
        return 3


@dataclass(frozen=True)
class Functional:
    """A quantity, as a linear functional of the coordinates where it is one.

    Parameters
    ----------
    quantity: what the case asks for.
    modes: (n_components, n_modes) of the displacement modes, or (n_components, n_dual_modes) of its field; (0, 0) where
        the quantity needs more than that.
    lifting: (n_components, n_liftings) of the prescribed displacements; (0, 0) of dual fields.
    external: of a reaction, what balances the internal forces besides it.
    """

    quantity: Quantity
    modes: Floats
    lifting: Floats
    external: Resultant | None = None


POINT_METRIC = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
"""Multiplicity of the components in a contraction: shear counts twice."""


class PointShapes(NamedTuple):
    """Strains at the reduced points as the compiled march reads them.

    active, sampled: (n_modes, 6, n) of the modes and (n_liftings, 6, n) of the liftings, at the points with weight and
    at the others; weighted (n_modes, 6, n_active) of the modes, times weight and multiplicity of the component.
    """

    active: tuple[Floats, Floats]
    sampled: tuple[Floats, Floats]
    weighted: Floats


@dataclass(frozen=True)
class ReducedModel:
    """A trained model.

    Parameters
    ----------
    model_id: digest of what it was made from.
    strain_modes: (n_points, 6, n_modes) float [1/length·length] strain of the modes.
    weights: (n_points,) float [volume], zero beyond `n_active`.
    n_active: number of quadrature points.
    point_ids: (n_points, 2) element id and local point.
    coordinates: (n_points, 3) float [length].
    tables, material: the laws, and the row of the tables for each point.
    frames: (n_points, 3, 3) local axes of the points, or (0, 3, 3) where all are the global ones.
    thermal: where the temperature comes from.
    surfaces, volumes: generalised forces by side set and by element set.
    liftings: prescribed displacements that are not zero.
    duals: gappy bases by field.
    calibrations: field -> what the misfit of its gappy basis says about its error.
    validity: what the training covers.
    loading: the case's own loading; its fields are restricted to `thermal` nodes.
    first: the first simulation's loading, likewise.
    statistics: numbers and texts for reports (see `romtool.offline`).
    quantities: of the case.
    """

    model_id: str
    strain_modes: Floats
    weights: Floats
    n_active: int
    point_ids: Ints
    coordinates: Floats
    tables: LawTables
    material: Ints
    frames: Floats
    thermal: ThermalPoints
    surfaces: Mapping[str, SurfaceShape]
    volumes: Mapping[str, VolumeShape]
    liftings: tuple[Lifting, ...]
    duals: Mapping[str, DualBasis]
    calibrations: Mapping[str, Calibration]
    validity: Validity
    loading: Loading
    first: Loading
    statistics: Mapping[str, object]
    quantities: tuple[Functional, ...] = ()

    @property
    def n_modes(self) -> int:
        """Return the number of displacement modes."""
        return int(self.strain_modes.shape[2])

    @cached_property
    def point_shapes(self) -> PointShapes:
        """Return the strains of modes and liftings with the points last."""
        n = self.n_active
        lifting = np.zeros((len(self.weights), 6, len(self.liftings)))
        for i, entry in enumerate(self.liftings):
            lifting[:, :, i] = entry.strain
        factors = self.weights[:n, None, None] * POINT_METRIC[None, :, None]
        return PointShapes(
            active=(_points_last(self.strain_modes[:n]), _points_last(lifting[:n])),
            sampled=(_points_last(self.strain_modes[n:]), _points_last(lifting[n:])),
            weighted=_points_last(factors * self.strain_modes[:n]),
        )


def _points_last(values: Floats) -> Floats:
    """Return (n_modes, 6, n_points) of (n_points, 6, n_modes)."""
    return np.ascontiguousarray(values.transpose(2, 1, 0))


@dataclass(frozen=True)
class ModeShapes:
    """What a model keeps of one subdomain, to write fields or to be enriched.

    Parameters
    ----------
    subdomain: the part of the mesh.
    displacement: (n_modes, n_nodes, 3) float, orthonormal.
    lifting: (n_liftings, n_nodes, 3) per unit of each prescribed displacement.
    duals: field -> (n_dual_modes, n_points, n_components), orthonormal.
    """

    subdomain: Subdomain
    displacement: Floats
    lifting: Floats
    duals: Mapping[str, Floats]
