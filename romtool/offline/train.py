"""Train a reduced model: bases, reduced quadrature, gappy operators, generalised forces, error indicator.

Phases: displacement modes (theory, section 3), recomputed dual fields (theory, section 2) and their modes; then, also
when a model is enriched, empirical cubature (theory, section 4), sampling points and gappy operators (theory, section
6), generalised forces, and the calibration of the indicator (theory, section 7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import InputError
from romtool.fem.assembly import assemble_tangent, build_pattern
from romtool.fem.operators import strain
from romtool.laws import elastic_tangent
from romtool.linalg.agreement import on_root
from romtool.linalg.ecm import Cubature, ecm
from romtool.linalg.gappy import qdeim
from romtool.linalg.pod import Pod
from romtool.linalg.products import Product, nodal_product
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.loading import Loading
from romtool.offline.assemble import assemble_model, mode_shapes
from romtool.offline.calibrate import calibrate
from romtool.offline.clock import Clock
from romtool.offline.parts import Part, inner_product
from romtool.offline.selection import Selection
from romtool.offline.snapshots import DualSnapshots, Step, collect_duals, displacement_modes
from romtool.offline.training import TrainingRecord, TrainingSet
from romtool.progress import Tick, untold
from romtool.reduced.model import ModeShapes, ReducedModel
from romtool.settings import PodSettings, Settings
from romtool.temperature import evaluate_at
from romtool.types import Floats, Ints

LEAST_PART = 0.1
"""Part of the tolerance of the reduced quadrature that enrichments with much larger stresses leave at least."""


@dataclass(frozen=True)
class Trained:
    """A model with the modes of each subdomain of this rank.

    Parameters
    ----------
    model: the model.
    modes: per subdomain.
    record: what it remembers of its training.
    """

    model: ReducedModel
    modes: tuple[ModeShapes, ...]
    record: TrainingRecord


def train(training: TrainingSet, settings: Settings, model_id: str, comm: Comm, clock: Clock) -> Trained:
    """Train a model.

    Parameters
    ----------
    training: subdomains and training computations.
    settings: of the case.
    model_id: name of the model, kept in it.
    comm: the ranks.
    clock: times the phases and tells them.

    Raises
    ------
    InputError: snapshots that are zero or not finite.
    ConvergenceError: a law that could not be integrated.
    AccuracyError: a tolerance that could not be reached.
    """
    tolerance = min(settings.duals.tolerance, settings.pod.tolerance, settings.quadrature.tolerance)

    def primal() -> Pod:
        with clock.phase("pod", "displacement modes"):
            return training_modes(training, settings, comm, tick=clock.tick)

    def duals() -> DualSnapshots:
        with clock.phase("recompute", "stresses and internal variables at all integration points"):
            (collected,) = collect_duals(training, dual_names(settings), tolerance, settings.pod.memory, comm, clock)
        with clock.phase("dual modes", "modes of the dual fields"):
            return collected.decompose(clock.tick)

    displacement = clock.step("displacement modes", primal)
    snapshots = clock.step("dual modes", duals)
    outputs = np.cumsum([0, *(len(run.times) - 1 for run in training.runs)])
    bases = {"u": displacement, **snapshots.bases}
    record = remember(training, settings, bases, snapshots, outputs)
    return build_model(training, bases, record, model_id, comm, clock)


def dual_names(settings: Settings) -> tuple[str, ...]:
    """Return the dual fields that a model needs: those asked for, and the stress for its quadrature."""
    return tuple(dict.fromkeys((*settings.duals.fields, "stress")))


def remember(
    training: TrainingSet, settings: Settings, bases: Mapping[str, Pod], snapshots: DualSnapshots, outputs: Ints
) -> TrainingRecord:
    """Return what a model remembers of its training.

    Parameters
    ----------
    training: training computations.
    settings: of the case.
    bases: modes of the displacement ("u") and of the dual fields.
    snapshots: the dual fields.
    outputs: (n_runs + 1,) where each run's displacements begin.
    """
    return TrainingRecord(
        loading=training.loading,
        loadings=tuple(run.loading for run in training.runs),
        materials=training.parts[0].materials,
        settings=settings,
        bases={name: replace(basis, modes=()) for name, basis in bases.items()},
        zero=snapshots.zero,
        starts={name: outputs if name == "u" else snapshots.starts for name in bases},
        pairs={},
        quantities=training.quantities,
    )


def build_model(
    training: TrainingSet,
    bases: Mapping[str, Pod],
    record: TrainingRecord,
    model_id: str,
    comm: Comm,
    clock: Clock,
) -> Trained:
    """Build a model on given bases.

    Parameters
    ----------
    training: the subdomains; its runs are not needed.
    bases: modes of the displacement ("u") and of the dual fields.
    record: what is remembered of the training.
    model_id: name of the model, kept in it.
    comm: the ranks.
    clock: times the phases and tells them.

    Raises
    ------
    AccuracyError: a tolerance that could not be reached.
    """
    found = select_points(training, bases, record, comm, clock)

    def assembled() -> ReducedModel:
        with clock.phase("shapes", "generalised forces"):
            model = assemble_model(
                training, bases, record, found.strains, found.cubature, found.selection, model_id, comm
            )
        with clock.phase("calibrate", "error indicator"):
            return replace(model, calibrations=on_root(comm, calibrate, model, record, clock.tick))

    modes = tuple(mode_shapes(training, bases, s) for s in range(len(training.parts)))
    return Trained(clock.step("calibrated model", assembled), modes, record)


@dataclass(frozen=True)
class ReducedPoints:
    """The points of a reduced model.

    Parameters
    ----------
    strains: (n_points_s, 6, n_modes) strains of the displacement modes per subdomain.
    cubature: the reduced quadrature.
    selection: its points, then those that are only sampled.
    """

    strains: list[Floats]
    cubature: Cubature
    selection: Selection


def select_points(
    training: TrainingSet, bases: Mapping[str, Pod], record: TrainingRecord, comm: Comm, clock: Clock
) -> ReducedPoints:
    """Choose the points of a reduced model.

    Parameters
    ----------
    training, bases, record, comm, clock: as for `build_model`.

    Raises
    ------
    AccuracyError: a tolerance that could not be reached.
    """
    parts = training.parts
    strains = [_strain_modes(part, psi) for part, psi in zip(parts, bases["u"].modes, strict=True)]

    def quadrature() -> Cubature:
        with clock.phase("cubature", "reduced quadrature"):
            factor = on_root(comm, _stress_factor, bases["stress"].coefficients)
            return ecm(
                strains,
                [_blocks(psi @ factor, 6) for psi in bases["stress"].modes],
                [part.operators.weights for part in parts],
                [part.point_ids for part in parts],
                comm,
                tolerance=on_root(comm, _cubature_tolerance, record),
                tick=clock.tick,
            )

    def sampling() -> Selection:
        with clock.phase("gappy", "sampling points of the dual fields"):
            return _sampling(parts, bases, cubature, comm)

    cubature = clock.step("reduced quadrature", quadrature)
    return ReducedPoints(strains, cubature, clock.step("sampling points", sampling))


def _stress_factor(coefficients: Floats) -> Floats:
    """Return the (n_modes, n_modes) combinations of stress modes that the cubature weighs: principal ones by size.

    Parameters
    ----------
    coefficients: (n_modes, n_snapshots) of the training stresses.
    """
    rotation, values, _ = np.linalg.svd(coefficients, full_matrices=False)
    return np.asarray(rotation * values)


def _cubature_tolerance(record: TrainingRecord) -> float:
    """Return the tolerance that keeps the error on the training's integrands where enrichments add larger ones."""
    coefficients, end = record.bases["stress"].coefficients, record.starts["stress"][-1]
    part = np.linalg.norm(coefficients[:, :end]) / np.linalg.norm(coefficients)
    return record.settings.quadrature.tolerance * max(float(part), LEAST_PART)


def displacement_products(
    parts: Sequence[Part], loadings: Sequence[Loading], settings: PodSettings, comm: Comm
) -> list[Product]:
    """Return the inner product of displacements on each subdomain.

    Parameters
    ----------
    parts: the subdomains of this rank.
    loadings: one per subdomain; the "energy" product takes the initial temperature from it.
    settings: say which product.
    comm: the ranks.
    """
    volume = float(ordered_sum(comm, [np.array(part.operators.volume) for part in parts]))
    length = volume ** (1 / 3)
    return [
        nodal_product(_inner_matrix(part, settings.inner_product, length, local))
        for part, local in zip(parts, loadings, strict=True)
    ]


def training_modes(
    training: TrainingSet,
    settings: Settings,
    comm: Comm,
    steps: Sequence[Sequence[Step]] | None = None,
    tick: Tick = untold,
) -> Pod:
    """Return the modes of the training's displacements, or of some changes of them.

    Parameters
    ----------
    training, settings, comm: as for `train`.
    steps: per computation the changes to take; all displacements where None.
    tick: told of every snapshot.

    Raises
    ------
    InputError: displacements that are all zero or not finite.
    """
    inner = displacement_products(training.parts, training.runs[0].local, settings.pod, comm)
    found = displacement_modes(training, inner, settings.pod, comm, steps, tick)
    if found is None:
        raise InputError(
            "the displacements of all simulations are zero, apart from prescribed ones: there is nothing to train on; "
            "check the results and [[simulations]]"
        )
    return found


def _inner_matrix(part: Part, kind: str, length: float, loading: Loading):  # type: ignore[no-untyped-def]
    """Return the matrix of the inner product; "energy" is the elastic stiffness at the initial temperature."""
    if kind != "energy":
        return inner_product(part, kind, length)
    initial = evaluate_at(part.subdomain.mesh.points)(loading.temperature.initial)
    moduli = elastic_tangent(part.tables, part.sites(initial), part.interpolation @ initial)
    return assemble_tangent(build_pattern(part.operators), moduli)


def _strain_modes(part: Part, psi: Floats) -> Floats:
    """Return the (n_points, 6, n_modes) strains of (3 n_nodes, n_modes) modes."""
    fields = np.ascontiguousarray(psi.T).reshape(psi.shape[1], -1, 3)
    return np.ascontiguousarray(np.moveaxis(strain(part.operators, fields), 0, 2))


def _blocks(psi: Floats, n_components: int) -> Floats:
    """Return (n_points, n_components, n_modes) of the (n_points * n_components, n_modes) modes."""
    return psi.reshape(-1, n_components, psi.shape[1])


def _sampling(parts: Sequence[Part], bases: Mapping[str, Pod], cubature: Cubature, comm: Comm) -> Selection:
    """Return the cubature points followed by those that the gappy bases need besides."""
    selection = Selection(cubature.subdomains, cubature.rows)
    for name, basis in bases.items():
        if name == "u":
            continue
        n_components = len(basis.modes[0]) // len(parts[0].material)
        blocks = [_blocks(psi, n_components) for psi in basis.modes]
        given = [selection.rows_of(part.subdomain.index)[1] for part in parts]
        ids = [part.point_ids for part in parts]
        found = qdeim(blocks, ids, comm, given=given)
        added = slice(found.n_given, None)
        selection = Selection(
            np.append(selection.subdomain, found.subdomains[added]), np.append(selection.row, found.rows[added])
        )
    return selection
