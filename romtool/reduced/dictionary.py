"""Local models, one per cluster of the training or phase of a run, and the way through them (theory, section 9).

All members read the temperature of the same thermal nodes, so that one loading serves any of them. What depends on
the basis - points, strains, weights, generalised forces, gappy operators, calibrations - is the member's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from romtool.errors import CaseError, ModelError
from romtool.loading import Loading
from romtool.reduced.adaptive import march_adaptive
from romtool.reduced.cycles import march_cycles, strains_of
from romtool.reduced.forces import check_loading
from romtool.reduced.indicator import Indication, indications_of
from romtool.reduced.march import MarchStoppedError, ReducedHistory, march_loading
from romtool.reduced.model import ReducedModel
from romtool.reduced.phases import march_phases, phase_strains, segments
from romtool.reduced.quantities import join_functionals
from romtool.reduced.selector import Selector, candidates, loading_probabilities
from romtool.reduced.setup import Setup, set_up
from romtool.reduced.state import ReducedState
from romtool.settings import NewtonSettings
from romtool.types import Floats, Ints


@dataclass(frozen=True)
class Clusters:
    """How the training was divided.

    Parameters
    ----------
    names: of the items: training computations, or their increments "name, time".
    labels: (n_items,) cluster of each.
    medoids: (n_clusters,) the item in the middle of each cluster.
    dissimilarity: (n_items, n_items) between items.
    """

    names: tuple[str, ...]
    labels: Ints
    medoids: Ints
    dissimilarity: Floats


@dataclass(frozen=True)
class Dictionary:
    """Local models and what chooses between them; a single model has neither selector nor clusters.

    Parameters
    ----------
    models: one per cluster, on the same thermal nodes.
    selector: None for a single model.
    clusters: None for a single model.
    """

    models: tuple[ReducedModel, ...]
    selector: Selector | None = None
    clusters: Clusters | None = None

    @property
    def has_phases(self) -> bool:
        """Tell whether the models are phases of one run, not alternatives."""
        return self.selector is not None and self.selector.by == "time"

    @property
    def face(self) -> ReducedModel:
        """Return the model whose loading, sets, thermal nodes, laws, fields and calibrations hold for all."""
        first = self.models[0]
        if not self.has_phases:
            return first
        return replace(
            first,
            model_id=phased_id(first),
            duals={k: v for m in self.models[::-1] for k, v in m.duals.items()},
            quantities=join_functionals(self.models),
        )

    @property
    def members(self) -> tuple[ReducedModel, ...]:
        """Return the models that a loading can be answered by: of phases their face."""
        return (self.face,) if self.has_phases else self.models

    def member(self, model_id: str | None = None) -> ReducedModel:
        """Return a member by its id, the face of phases, or without an id the single model.

        Raises
        ------
        ModelError: no member has this id, or there are several.
        """
        if self.has_phases and model_id in (None, self.face.model_id):
            return self.face
        if model_id is None and len(self.models) > 1:
            raise ModelError(f"the model is a dictionary of {len(self.models)} local ones; here a single one is needed")
        for model in self.models:
            if model_id in (None, model.model_id):
                return model
        known = " and ".join(model.model_id for model in self.models)
        raise ModelError(f"the model is {known}; {model_id} was expected")


def phased_id(model: ReducedModel) -> str:
    """Return the id of the phases that a model is one of."""
    return model.model_id.rpartition("-")[0]


@dataclass(frozen=True)
class Choice:
    """Which local model answers a loading.

    Parameters
    ----------
    number: of the member that answered; of phases that with most steps.
    tried: numbers of the members that were run.
    probabilities: (n_models,) that each member is the right one; of phases the mean over the steps.
    phases: (n_times,) phase of the step that ends at each time, or (0,) where one member answers all.
    """

    number: int
    tried: tuple[int, ...]
    probabilities: Floats
    phases: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def in_words(self) -> str:
        """Say which local models answer, "" of a single model."""
        if len(self.probabilities) == 1:
            return ""
        if len(self.phases):
            return f"phases {' '.join(str(segment.phase) for segment in segments(self.phases))}"
        others = "".join(f", better than {number}" for number in self.tried if number != self.number)
        return f"cluster {self.number} (probability {self.probabilities[self.number]:.0%}{others})"


@dataclass(frozen=True)
class Run:
    """A loading answered by a member of a dictionary.

    Parameters
    ----------
    choice: which member answered.
    model: the member.
    history: what it computed.
    stopped: why the run ended before its last time; "" where it did not.
    """

    choice: Choice
    model: ReducedModel
    history: ReducedHistory
    stopped: str = ""

    @cached_property
    def indications(self) -> Mapping[str, Indication]:
        """Return field -> error indication of every time."""
        return indications_of(self.model, self.history)


def choose(dictionary: Dictionary, loading: Loading) -> Choice:
    """Return the most probable member for a loading, and those that are to be tried.

    Parameters
    ----------
    dictionary: the models.
    loading: its temperature restricted to the dictionary's thermal nodes.
    """
    if dictionary.selector is None:
        return Choice(0, (0,), np.ones(1))
    found = loading_probabilities(dictionary.selector, dictionary.models[0].thermal, loading)
    if dictionary.has_phases:
        steps = found.argmax(axis=1)
        phases = np.concatenate([steps[:1], steps])
        return Choice(int(np.bincount(steps).argmax()), tuple(np.unique(steps).tolist()), found.mean(axis=0), phases)
    tried = candidates(dictionary.selector, found[0])
    return Choice(tried[0], tried, found[0])


@dataclass(frozen=True)
class Prepared:
    """A loading made ready to be marched through, more than once.

    Parameters
    ----------
    loading: its temperature restricted to the dictionary's thermal nodes.
    choice: which members answer it.
    setups: of each member that the choice names; none of phases.
    """

    loading: Loading
    choice: Choice
    setups: tuple[Setup, ...]


def prepare(dictionary: Dictionary, loading: Loading, choice: Choice | None = None) -> Prepared:
    """Choose the members that answer a loading, and lay out what they need.

    Parameters
    ----------
    dictionary: the models.
    loading: its temperature restricted to the dictionary's thermal nodes.
    choice: of the members; that of `choose` where None.

    Raises
    ------
    CaseError: the loading asks for what the models were not trained for.
    """
    choice = choice or choose(dictionary, loading)
    if dictionary.has_phases:
        check_loading(dictionary.models[0], loading)
    members = () if dictionary.has_phases else choice.tried
    return Prepared(loading, choice, tuple(set_up(dictionary.models[number], loading) for number in members))


def run_prepared(
    dictionary: Dictionary, prepared: Prepared, criteria: NewtonSettings, start: ReducedState | None = None
) -> Run:
    """Answer a loading with the members that were chosen; of several the indicator takes the better.

    Parameters
    ----------
    dictionary: the models.
    prepared: of `prepare`.
    criteria: of the reduced Newton march.
    start: the state to start from, of the one member that was chosen; the undeformed one where None.

    Raises
    ------
    CaseError: the loading asks for what the models were not trained for.
    ModelError: a start of another model.
    """
    loading, choice = prepared.loading, prepared.choice
    if dictionary.has_phases:
        if loading.adaptive is not None:
            raise CaseError(f"{loading.name}: the phases of a run keep to its increments; leave [time] adaptive")
        phased = partial(march_phases, dictionary.models, choice.phases, loading, criteria)
        strains = partial(phase_strains, dictionary.models)
        return _run(dictionary.face, choice, partial(march_cycles, phased, loading, dictionary.face, strains, start))
    runs = []
    for number, setup in zip(choice.tried, prepared.setups, strict=True):
        model = dictionary.models[number]
        single = partial(march_loading, model, loading, criteria, setup=setup)
        if loading.adaptive is not None:
            single = partial(march_adaptive, model, loading, criteria)
        whole = partial(march_cycles, single, loading, model, partial(strains_of, model), start)
        runs.append(_run(model, replace(choice, number=number), whole))
    if len(runs) == 1:
        return runs[0]
    return min(runs, key=lambda run: (bool(run.stopped), largest_bound(run.indications)))


def run_loading(dictionary: Dictionary, choice: Choice, loading: Loading, criteria: NewtonSettings) -> Run:
    """Answer a loading with the members that a choice names: `prepare` and `run_prepared`.

    Parameters
    ----------
    dictionary: the models.
    choice: of `choose`.
    loading: its temperature restricted to the dictionary's thermal nodes.
    criteria: of the reduced Newton march.

    Raises
    ------
    CaseError: the loading asks for what the models were not trained for.
    """
    return run_prepared(dictionary, prepare(dictionary, loading, choice), criteria)


def _run(model: ReducedModel, choice: Choice, march: Callable[[], ReducedHistory]) -> Run:
    """March as far as it goes."""
    stopped = ""
    try:
        history = march()
    except MarchStoppedError as error:
        stopped, history = str(error), error.history
    return Run(choice, model, history, stopped)


def largest_bound(indications: Mapping[str, Indication]) -> float:
    """Return the largest error bound of all fields and times, zero where all are elastic."""
    bounds = [float(np.nanmax(entry.bound, initial=0.0)) for entry in indications.values()]
    return max(bounds, default=0.0)
