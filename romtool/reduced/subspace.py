"""A reduced model on a subspace of its modes: what it would have been with fewer snapshots."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from romtool.linalg.gappy import gappy_operator
from romtool.reduced.model import DualBasis, ReducedModel, SurfaceShape, VolumeShape
from romtool.types import Floats


def restrict_modes(model: ReducedModel, displacement: Floats, duals: Mapping[str, Floats]) -> ReducedModel:
    """Return the model whose modes are combinations of those of another, at the same reduced points.

    Parameters
    ----------
    model: the reduced model.
    displacement: (n_modes, n_kept) orthonormal combinations of the displacement modes.
    duals: field -> (n_dual_modes, n_kept) orthonormal combinations of its modes.
    """
    surfaces = {
        name: SurfaceShape(shape.faces @ displacement, shape.nodes @ displacement, shape.traction @ displacement)
        for name, shape in model.surfaces.items()
    }
    volumes = {
        name: VolumeShape(shape.volume @ displacement, shape.mass @ displacement, shape.first @ displacement)
        for name, shape in model.volumes.items()
    }
    return replace(
        model,
        strain_modes=np.ascontiguousarray(model.strain_modes @ displacement),
        surfaces=surfaces,
        volumes=volumes,
        duals={name: _restrict_dual(basis, duals[name]) for name, basis in model.duals.items()},
        quantities=(),
    )


def _restrict_dual(basis: DualBasis, kept: Floats) -> DualBasis:
    """Return the gappy basis of the combinations."""
    return replace(basis, operator=gappy_operator(basis.operator.basis_at_points @ kept))
