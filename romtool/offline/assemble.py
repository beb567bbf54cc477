"""Collect at the reduced points all that a new load case needs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from romtool.fem.operators import strain
from romtool.linalg.ecm import Cubature
from romtool.linalg.gappy import gappy_operator
from romtool.linalg.pod import Pod
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.loading import Load
from romtool.offline.calibrate import FLOOR
from romtool.offline.functionals import Ground, build_functionals
from romtool.offline.parts import Part
from romtool.offline.selection import Selection, pick, thermal_points
from romtool.offline.shapes import surface_shapes, volume_shapes
from romtool.offline.training import TrainingRecord, TrainingSet
from romtool.reduced.march import restrict_to_thermal
from romtool.reduced.model import DualBasis, Lifting, ModeShapes, ReducedModel
from romtool.reduced.validity import training_domain
from romtool.types import Floats


def assemble_model(
    training: TrainingSet,
    bases: Mapping[str, Pod],
    record: TrainingRecord,
    strains: Sequence[Floats],
    cubature: Cubature,
    selection: Selection,
    model_id: str,
    comm: Comm,
) -> ReducedModel:
    """Collect at the reduced points all that a new load case needs.

    Parameters
    ----------
    training: the subdomains.
    bases: modes of the displacement ("u") and of the dual fields.
    record: what is remembered of the training.
    strains: (n_points_s, 6, n_modes) strains of the displacement modes per subdomain.
    cubature: the reduced quadrature.
    selection: its points first, then those that are only sampled.
    model_id: name of the model.
    comm: the ranks.
    """
    parts, modes = training.parts, bases["u"].modes
    duals = {name: basis for name, basis in bases.items() if name != "u"}
    loads: list[Load] = [load for loading in (record.loading, *record.loadings) for load in loading.loads]
    thermal = thermal_points(selection, parts, training.n_nodes, comm)
    weights = np.zeros(len(selection.row))
    weights[: len(cubature.weights)] = cubature.weights
    return ReducedModel(
        model_id=model_id,
        strain_modes=np.ascontiguousarray(pick(selection, parts, strains, comm)),
        weights=weights,
        n_active=len(cubature.weights),
        point_ids=pick(selection, parts, [part.point_ids for part in parts], comm),
        coordinates=pick(selection, parts, [part.operators.coordinates for part in parts], comm),
        tables=parts[0].tables,
        material=pick(selection, parts, [part.material for part in parts], comm),
        frames=_frames(parts, selection, comm),
        thermal=thermal,
        surfaces=surface_shapes(parts, modes, loads, comm),
        volumes=volume_shapes(parts, modes, loads, comm),
        liftings=_lifting_strains(training, selection, comm),
        duals={name: _dual_basis(name, basis, parts, selection, comm) for name, basis in duals.items()},
        calibrations={},
        validity=training_domain(thermal, [restrict_to_thermal(loading, thermal) for loading in record.loadings]),
        loading=restrict_to_thermal(record.loading, thermal),
        first=restrict_to_thermal(record.loadings[0], thermal),
        statistics=_statistics(training, bases, record, cubature, selection, comm),
        quantities=build_functionals(
            record.quantities,
            Ground(parts, training.liftings, loads),
            {name: basis.modes for name, basis in bases.items()},
            comm,
        ),
    )


def _frames(parts: Sequence[Part], selection: Selection, comm: Comm) -> Floats:
    """Return the local axes of the reduced points, or none where all are the global ones."""
    if not any(material.orientation for material in parts[0].materials):
        return np.zeros((0, 3, 3))
    return pick(selection, parts, [part.frames for part in parts], comm)


def _lifting_strains(training: TrainingSet, selection: Selection, comm: Comm) -> tuple[Lifting, ...]:
    """Return the liftings with their strains at the reduced points."""
    if not training.lifted:
        return ()
    fields = [
        np.moveaxis(strain(part.operators, shapes), 0, 2)
        for part, shapes in zip(training.parts, training.liftings, strict=True)
    ]
    picked = pick(selection, training.parts, fields, comm)
    return tuple(
        replace(lifting, strain=np.ascontiguousarray(picked[:, :, i])) for i, lifting in enumerate(training.lifted)
    )


def _dual_basis(name: str, basis: Pod, parts: Sequence[Part], selection: Selection, comm: Comm) -> DualBasis:
    """Build the gappy operator of a field on the reduced points."""
    n_components = len(basis.modes[0]) // len(parts[0].material)
    shape = (-1, n_components, basis.n_modes)
    blocks = pick(selection, parts, [psi.reshape(shape) for psi in basis.modes], comm)
    operator = gappy_operator(blocks.reshape(-1, basis.n_modes))
    norms = np.linalg.norm(operator.basis_at_points @ basis.coefficients, axis=0)
    return DualBasis(name, n_components, operator, basis.singular_values, FLOOR * float(norms.max()))


def _statistics(
    training: TrainingSet,
    bases: Mapping[str, Pod],
    record: TrainingRecord,
    cubature: Cubature,
    selection: Selection,
    comm: Comm,
) -> dict[str, object]:
    """Collect what `offline --json` and reports say about the training."""
    counts = [np.array(len(part.material)) for part in training.parts]
    return {
        "n_modes": bases["u"].n_modes,
        "n_points": len(cubature.weights),
        "n_sampled": len(selection.row),
        "n_points_full": int(ordered_sum(comm, counts)),
        "n_nodes": training.n_nodes,
        "n_dual_modes": {name: basis.n_modes for name, basis in bases.items() if name != "u"},
        "pod_error": bases["u"].truncation_error,
        "quadrature_error": cubature.error,
        "quadrature_history": [list(entry) for entry in cubature.history],
        "volume_error": cubature.volume_error,
        "singular_values": {name: basis.singular_values for name, basis in bases.items()},
        "largest_norms": {name: basis.largest_norm for name, basis in bases.items()},
        "zero_fields": list(record.zero),
        "simulations": [loading.name for loading in record.loadings],
    }


def mode_shapes(training: TrainingSet, bases: Mapping[str, Pod], s: int) -> ModeShapes:
    """Return what the model keeps of the subdomain `s` of this rank."""
    n_points = len(training.parts[s].material)
    return ModeShapes(
        subdomain=training.parts[s].subdomain,
        displacement=bases["u"].modes[s].T.reshape(bases["u"].n_modes, -1, 3),
        lifting=training.liftings[s],
        duals={
            name: basis.modes[s].T.reshape(basis.n_modes, n_points, -1) for name, basis in bases.items() if name != "u"
        },
    )
