"""Train a dictionary of local models: divide the training, train on each part, learn to choose (theory, section 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from romtool.errors import CaseError
from romtool.linalg.agreement import on_root
from romtool.linalg.kmedoids import Medoids, k_medoids
from romtool.linalg.reduction import Comm
from romtool.loading import Loading
from romtool.offline.clock import Clock
from romtool.offline.cluster_fields import Snapshots, collect
from romtool.offline.clusters import dissimilarities, members
from romtool.offline.efficiency import recommended
from romtool.offline.phases import increment_phases, phase_errors, train_phases
from romtool.offline.selector import train_selector
from romtool.offline.train import Trained, train
from romtool.offline.training import TrainingSet
from romtool.offline.verify import training_errors
from romtool.reduced.dictionary import Clusters, Dictionary
from romtool.reduced.march import restrict_to_thermal
from romtool.reduced.model import ReducedModel, ThermalPoints
from romtool.reduced.selector import Selector
from romtool.reduced.validity import training_domain
from romtool.settings import Settings
from romtool.types import Floats, Ints


@dataclass(frozen=True)
class TrainedDictionary:
    """Local models, trained, with what chooses between them.

    Parameters
    ----------
    members: one per cluster, on the same thermal nodes.
    training: what each was trained on.
    errors: per member simulation -> field -> error of the model on it.
    selector, clusters: None for a single model.
    """

    members: tuple[Trained, ...]
    training: tuple[TrainingSet, ...]
    errors: tuple[Mapping[str, Mapping[str, float]], ...]
    selector: Selector | None = None
    clusters: Clusters | None = None

    @property
    def dictionary(self) -> Dictionary:
        """Return what answers loads."""
        return Dictionary(tuple(member.model for member in self.members), self.selector, self.clusters)


def train_dictionary(
    training: TrainingSet, settings: Settings, model_id: str, comm: Comm, clock: Clock
) -> TrainedDictionary:
    """Train one model per cluster of the training computations; one model where one cluster is enough.

    Parameters
    ----------
    training: subdomains and training computations.
    settings: of the case.
    model_id: name of the model; those of the clusters have their number behind it.
    comm: the ranks.
    clock: times the phases and tells them.

    Raises
    ------
    CaseError: more clusters than training computations, or computations that cannot be told apart.
    InputError, ConvergenceError, AccuracyError: as `train`.
    """
    if settings.clusters.count == 1:
        return _single(training, settings, model_id, comm, clock)

    def clustered() -> tuple[Snapshots, Clusters]:
        with clock.phase("cluster", "clusters of the training"):
            snapshots = collect(training, settings, comm, clock)
            return snapshots, _cluster(snapshots, settings, comm)

    snapshots, found = clock.step("clusters", clustered)
    clock.say(_in_words(found))
    if len(found.medoids) == 1:
        return _single(training, settings, model_id, comm, clock)
    if settings.clusters.by == "time":
        labels = _increment_labels(training, snapshots, found)
        return _phases(training, settings, model_id, found, labels, comm, clock)
    return _local_models(training, settings, model_id, found, comm, clock)


def _single(training: TrainingSet, settings: Settings, model_id: str, comm: Comm, clock: Clock) -> TrainedDictionary:
    """Train one model on all."""
    trained = train(training, settings, model_id, comm, clock)
    return TrainedDictionary((trained,), (training,), (_verify(trained, training, comm, clock),))


def _verify(trained: Trained, training: TrainingSet, comm: Comm, clock: Clock) -> dict[str, dict[str, float]]:
    """Run a model through its own training."""

    def verified() -> dict[str, dict[str, float]]:
        with clock.phase("verify", "the model on its own training"):
            return training_errors(trained, training, trained.record.settings.newton, comm, clock.tick)

    return clock.step("errors on the training", verified)


def _local_models(
    training: TrainingSet, settings: Settings, model_id: str, found: Clusters, comm: Comm, clock: Clock
) -> TrainedDictionary:
    """Train one model per cluster of simulations."""
    chosen = members(found.labels, found.dissimilarity, settings.clusters.overlap)
    parts = tuple(replace(training, runs=tuple(training.runs[i] for i in items)) for items in chosen)
    trained = []
    for number, part in enumerate(parts):
        clock.say(f"cluster {number}: {len(part.runs)} simulations")
        with clock.within(f"cluster-{number}"):
            trained.append(train(part, settings, f"{model_id}-{number}", comm, clock))
    shared = on_root(comm, share_nodes, trained, training.runs[0].loading.name)
    models = tuple(replace(entry, model=model) for entry, model in zip(trained, shared, strict=True))
    errors = []
    for number, pair in enumerate(zip(models, parts, strict=True)):
        with clock.within(f"cluster-{number}"):
            errors.append(_verify(*pair, comm, clock))
    selector = _select(training, settings, shared[0].thermal, list(found.labels[:, None]), comm, clock)
    return TrainedDictionary(models, parts, tuple(errors), selector, found)


def _phases(
    training: TrainingSet,
    settings: Settings,
    model_id: str,
    found: Clusters,
    labels: Sequence[Ints],
    comm: Comm,
    clock: Clock,
) -> TrainedDictionary:
    """Train one model per phase of the runs."""
    trained = train_phases(training, settings, model_id, labels, comm, clock)
    with clock.phase("verify", "the model on its own training"):
        errors = phase_errors(trained, training, labels, comm, clock.tick)
    selector = _select(training, settings, trained[0].model.thermal, labels, comm, clock)
    count = len(trained)
    return TrainedDictionary(trained, (training,) * count, (errors,) * count, selector, found)


def _increment_labels(training: TrainingSet, snapshots: Snapshots, found: Clusters) -> list[Ints]:
    """Return per run the (n_increments,) clusters of its increments."""
    inner = snapshots.starts[1:-1]
    pieces = zip(training.runs, np.split(snapshots.times, inner), np.split(found.labels, inner), strict=True)
    return [increment_phases(run.loading.times, np.append(run.times[0], times), own) for run, times, own in pieces]


def _select(
    training: TrainingSet,
    settings: Settings,
    thermal: ThermalPoints,
    labels: Sequence[Ints],
    comm: Comm,
    clock: Clock,
) -> Selector:
    """Train the selector."""
    clusters = settings.clusters
    with clock.phase("select", "selector of the clusters"):
        loadings = [restrict_to_thermal(run.loading, thermal) for run in training.runs]
        return on_root(comm, train_selector, thermal, loadings, labels, clusters.by, clusters.certainty, clusters.seed)


def _cluster(snapshots: Snapshots, settings: Settings, comm: Comm) -> Clusters:
    """Divide the training into clusters of simulations or of snapshots.

    Raises
    ------
    CaseError: more clusters than items.
    """
    clusters, starts = settings.clusters, snapshots.starts
    names = snapshots.items(clusters.by)
    items = starts if clusters.by == "simulation" else np.arange(starts[-1] + 1)
    distances = dissimilarities(snapshots.basis, items, clusters.dissimilarity, settings.pod.tolerance)
    count = clusters.count
    if count == "auto":
        count = on_root(comm, recommended, snapshots.basis, starts, clusters, settings.pod)
    elif count > len(names):
        what = "simulations" if clusters.by == "simulation" else "snapshots"
        raise CaseError(f"[clusters] count is {count}, but there are {len(names)} {what}; give at most as many")
    found: Medoids = on_root(comm, k_medoids, distances, count, clusters.seed)
    return Clusters(tuple(names), found.labels, found.medoids, distances)


def _in_words(found: Clusters) -> str:
    """Say what belongs together."""
    sizes = ", ".join(
        f"{np.count_nonzero(found.labels == k)} around {found.names[medoid]}" for k, medoid in enumerate(found.medoids)
    )
    return f"{len(found.medoids)} cluster{'s' * (len(found.medoids) > 1)}: {sizes}"


def share_nodes(trained: Sequence[Trained], first: str, kept: Sequence[ThermalPoints] = ()) -> tuple[ReducedModel, ...]:
    """Return models that read the temperature of the same nodes: all that any of them depends on.

    Parameters
    ----------
    trained: one per cluster.
    first: name of the simulation that a load file without changes asks for.
    kept: nodes that stay in any case.
    """
    nodes = _union([*kept, *(entry.model.thermal for entry in trained)])
    loading = next(found for entry in trained for found in entry.record.loadings if found.name == first)
    return tuple(_on_nodes(entry, nodes, loading) for entry in trained)


def with_members(dictionary: Dictionary, trained: Sequence[Trained]) -> Dictionary:
    """Return a dictionary whose members were enriched.

    Parameters
    ----------
    dictionary: as it was.
    trained: its members as they are.
    """
    old = dictionary.models[0]
    models = share_nodes(trained, old.first.name, (old.thermal,))
    if dictionary.selector is None:
        return replace(dictionary, models=tuple(entry.model for entry in trained))
    modes = np.zeros((len(models[0].thermal.rows), dictionary.selector.inputs.modes.shape[1]))
    modes[np.searchsorted(models[0].thermal.rows, old.thermal.rows)] = dictionary.selector.inputs.modes
    inputs = replace(dictionary.selector.inputs, modes=modes)
    return replace(dictionary, models=models, selector=replace(dictionary.selector, inputs=inputs))


def _union(thermal: Sequence[ThermalPoints]) -> ThermalPoints:
    """Return the nodes of all, without an operator."""
    rows, first = np.unique(np.concatenate([entry.rows for entry in thermal]), return_index=True)
    ids = np.concatenate([entry.node_ids for entry in thermal])[first]
    points: Floats = np.vstack([entry.points for entry in thermal])[first]
    return replace(thermal[0], node_ids=ids, rows=rows, points=points)


def _on_nodes(entry: Trained, nodes: ThermalPoints, first: Loading) -> ReducedModel:
    """Return a model that reads the temperature of more nodes than it needs."""
    old, record = entry.model.thermal, entry.record
    found = old.operator.tocoo()
    at = (found.row, np.searchsorted(nodes.rows, old.rows)[found.col])
    operator = sparse.csr_matrix((found.data, at), shape=(found.shape[0], len(nodes.rows)))
    thermal = replace(nodes, operator=operator)
    return replace(
        entry.model,
        thermal=thermal,
        validity=training_domain(thermal, [restrict_to_thermal(loading, thermal) for loading in record.loadings]),
        loading=restrict_to_thermal(record.loading, thermal),
        first=restrict_to_thermal(first, thermal),
    )
