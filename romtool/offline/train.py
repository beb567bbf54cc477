"""Train a reduced model: bases, reduced quadrature, gappy operators, and the check on its own training data.

Phases: displacement modes (METHODS 2), recomputed dual fields (METHODS 1), their modes, empirical cubature
(METHODS 3), sampling points and gappy operators (METHODS 5), generalised forces, and a run of the new model
through every training loading.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from romtool.fem.assembly import assemble_tangent, build_pattern
from romtool.fem.operators import strain
from romtool.laws import elastic_tangent
from romtool.linalg.agreement import each_rank
from romtool.linalg.ecm import Cubature, ecm
from romtool.linalg.gappy import gappy_operator, qdeim
from romtool.linalg.pod import Pod, pod
from romtool.linalg.products import TENSOR_METRIC, nodal_product, point_product
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.loading import Load, Loading
from romtool.offline.parts import Part, inner_product
from romtool.offline.selection import Selection, pick, thermal_points
from romtool.offline.shapes import surface_shapes, volume_shapes
from romtool.offline.snapshots import DualSnapshots, TrainingRun, dual_snapshots, homogeneous_snapshots
from romtool.reduced.model import DualBasis, Lifting, ModeShapes, ReducedModel
from romtool.settings import Settings
from romtool.temperature import evaluate_at, restrict
from romtool.types import Floats, Ints

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingSet:
    """What a model is trained on, on this rank.

    Parameters
    ----------
    parts: the subdomains of this rank.
    loading: the case's own, on the whole mesh.
    runs: the training computations.
    lifted: prescribed displacements that are not zero, without strains.
    liftings: (n_liftings, n_nodes_s, 3) their unit displacements per subdomain.
    n_nodes: of the whole mesh.
    digest: of the dataset.
    """

    parts: tuple[Part, ...]
    loading: Loading
    runs: tuple[TrainingRun, ...]
    lifted: tuple[Lifting, ...]
    liftings: tuple[Floats, ...]
    n_nodes: int
    digest: str


@dataclass(frozen=True)
class Trained:
    """A model with the modes of each subdomain of this rank, and the dual snapshots it was made from."""

    model: ReducedModel
    modes: tuple[ModeShapes, ...]
    snapshots: DualSnapshots


class Clock:
    """Seconds spent in named phases; tells each phase as it begins, `current` is the one that runs."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.seconds: dict[str, float] = {}
        self.current = ""

    @contextmanager
    def phase(self, name: str, text: str) -> Iterator[None]:
        """Time a phase."""
        self.say(text)
        self.current = name
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Bases:
    """Modes of the displacement and of the dual fields."""

    displacement: Pod
    duals: Mapping[str, Pod]
    zero: tuple[str, ...]


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
    parts = training.parts
    tolerance = min(settings.duals.tolerance, settings.pod.tolerance, settings.quadrature.tolerance)
    with clock.phase("pod", "displacement modes"):
        displacement = _displacement_modes(training, settings, comm)
    names = tuple(dict.fromkeys((*settings.duals.fields, "stress")))
    with clock.phase("recompute", "stresses and internal variables at all integration points"):
        snapshots = dual_snapshots(parts, training.runs, names, training.n_nodes, comm)
    with clock.phase("dual modes", "modes of the dual fields"):
        bases = _dual_modes(parts, snapshots, displacement, tolerance, comm)
    strains = [_strain_modes(part, psi) for part, psi in zip(parts, displacement.modes, strict=True)]
    with clock.phase("cubature", "reduced quadrature"):
        stress = bases.duals["stress"]
        scaled = [_blocks(psi, 6) * stress.singular_values[: stress.n_modes] for psi in stress.modes]
        cubature = ecm(
            strains,
            scaled,
            [part.operators.weights for part in parts],
            [part.point_ids for part in parts],
            comm,
            tolerance=settings.quadrature.tolerance,
        )
    with clock.phase("gappy", "sampling points of the dual fields"):
        selection = _sampling(parts, bases, cubature, comm)
    with clock.phase("shapes", "generalised forces"):
        model = assemble_model(training, bases, strains, cubature, selection, model_id, comm)
    modes = tuple(_mode_shapes(training, bases, s) for s in range(len(parts)))
    return Trained(model, modes, snapshots)


def _displacement_modes(training: TrainingSet, settings: Settings, comm: Comm) -> Pod:
    parts = training.parts
    volume = float(ordered_sum(comm, [np.array(part.operators.volume) for part in parts]))
    inner = [
        nodal_product(_inner_matrix(part, settings.pod.inner_product, volume ** (1 / 3), local))
        for part, local in zip(parts, training.runs[0].local, strict=True)
    ]
    ids = [(3 * part.subdomain.mesh.node_ids[:, None] + np.arange(3)).ravel() for part in parts]
    columns = each_rank(comm, homogeneous_snapshots, training.runs, training.liftings)
    chosen = settings.pod
    return pod(columns, inner, comm, tolerance=chosen.tolerance, max_modes=chosen.max_modes, dof_ids=ids)


def _inner_matrix(part: Part, kind: str, length: float, loading: Loading):  # type: ignore[no-untyped-def]
    """Return the matrix of the inner product; "energy" is the elastic stiffness at the initial temperature."""
    if kind != "energy":
        return inner_product(part, kind, length)
    initial = evaluate_at(part.subdomain.mesh.points)(loading.temperature.initial)
    moduli = elastic_tangent(part.tables, part.sites(initial), part.interpolation @ initial)
    return assemble_tangent(build_pattern(part.operators), moduli)


def _dual_modes(
    parts: Sequence[Part], snapshots: DualSnapshots, displacement: Pod, tolerance: float, comm: Comm
) -> Bases:
    """Decompose the dual fields; a field that stays zero has no modes."""
    duals, zero = {}, []
    for name, fields in snapshots.fields.items():
        largest = max(gather_subdomains(comm, [float(np.abs(field).max(initial=0.0)) for field in fields]))
        if largest == 0.0:
            zero.append(name)
            continue
        metric = TENSOR_METRIC if fields[0].shape[2] == 6 else (1.0,) * fields[0].shape[2]
        inner = [point_product(part.operators.weights, metric) for part in parts]
        columns = [field.reshape(len(field), -1).T for field in fields]
        duals[name] = pod(columns, inner, comm, tolerance=tolerance)
    return Bases(displacement, duals, tuple(zero))


def _strain_modes(part: Part, psi: Floats) -> Floats:
    """Return the (n_points, 6, n_modes) strains of (3 n_nodes, n_modes) modes."""
    fields = np.ascontiguousarray(psi.T).reshape(psi.shape[1], -1, 3)
    return np.ascontiguousarray(np.moveaxis(strain(part.operators, fields), 0, 2))


def _blocks(psi: Floats, n_components: int) -> Floats:
    """Return (n_points, n_components, n_modes) of the (n_points * n_components, n_modes) modes."""
    return psi.reshape(-1, n_components, psi.shape[1])


def _sampling(parts: Sequence[Part], bases: Bases, cubature: Cubature, comm: Comm) -> Selection:
    """Return the cubature points followed by those that the gappy bases need besides."""
    selection = Selection(cubature.subdomains, cubature.rows)
    for basis in bases.duals.values():
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


def assemble_model(
    training: TrainingSet,
    bases: Bases,
    strains: Sequence[Floats],
    cubature: Cubature,
    selection: Selection,
    model_id: str,
    comm: Comm,
) -> ReducedModel:
    """Collect at the reduced points all that a new load case needs.

    Parameters
    ----------
    training: subdomains and training computations.
    bases: modes of the displacement and of the dual fields.
    strains: (n_points_s, 6, n_modes) strains of the displacement modes per subdomain.
    cubature: the reduced quadrature.
    selection: its points first, then those that are only sampled.
    model_id: name of the model.
    comm: the ranks.
    """
    parts, modes = training.parts, bases.displacement.modes
    loads: list[Load] = [load for run in training.runs for load in run.loading.loads]
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
        duals={name: _dual_basis(name, basis, parts, selection, comm) for name, basis in bases.duals.items()},
        loading=restrict_to_thermal(training.loading, thermal.rows, thermal.points),
        first=restrict_to_thermal(training.runs[0].loading, thermal.rows, thermal.points),
        statistics=_statistics(training, bases, cubature, selection, comm),
    )


def _frames(parts: Sequence[Part], selection: Selection, comm: Comm) -> Floats:
    """Return the local axes of the reduced points, or none where all are the global ones."""
    if not any(material.orientation for material in parts[0].materials):
        return np.zeros((0, 3, 3))
    return pick(selection, parts, [part.frames for part in parts], comm)


def restrict_to_thermal(loading: Loading, rows: Ints, points: Floats) -> Loading:
    """Return a loading whose temperature runs over the model's thermal nodes only.

    Parameters
    ----------
    loading: of the whole mesh.
    rows: (n_nodes,) rows of the thermal nodes in the whole mesh.
    points: (n_nodes, 3) their coordinates [length].
    """
    return replace(loading, temperature=restrict(loading.temperature, rows, points))


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
    blocks = pick(selection, parts, [_blocks(psi, n_components) for psi in basis.modes], comm)
    operator = gappy_operator(blocks.reshape(-1, basis.n_modes))
    return DualBasis(name, n_components, operator, basis.singular_values)


def _statistics(
    training: TrainingSet, bases: Bases, cubature: Cubature, selection: Selection, comm: Comm
) -> dict[str, object]:
    """Collect what `offline --json` and reports say about the training."""
    counts = [np.array(len(part.material)) for part in training.parts]
    return {
        "n_modes": bases.displacement.n_modes,
        "n_points": len(cubature.weights),
        "n_sampled": len(selection.row),
        "n_points_full": int(ordered_sum(comm, counts)),
        "n_nodes": training.n_nodes,
        "n_dual_modes": {name: basis.n_modes for name, basis in bases.duals.items()},
        "pod_error": bases.displacement.truncation_error,
        "quadrature_error": cubature.error,
        "volume_error": cubature.volume_error,
        "singular_values": {
            "u": bases.displacement.singular_values,
            **{name: basis.singular_values for name, basis in bases.duals.items()},
        },
        "zero_fields": list(bases.zero),
        "simulations": [run.name for run in training.runs],
    }


def _mode_shapes(training: TrainingSet, bases: Bases, s: int) -> ModeShapes:
    """Return what the model keeps of one subdomain."""
    n_points = len(training.parts[s].material)
    stress = bases.duals["stress"]
    duals = {name: basis.modes[s].T.reshape(basis.n_modes, n_points, -1) for name, basis in bases.duals.items()}
    return ModeShapes(
        subdomain=training.parts[s].subdomain,
        displacement=bases.displacement.modes[s].T.reshape(bases.displacement.n_modes, -1, 3),
        lifting=training.liftings[s],
        duals=duals,
        stress_values=stress.singular_values[: stress.n_modes],
    )
