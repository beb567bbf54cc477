"""A dictionary of local models, one per cluster of the training, and the way through it (METHODS 8).

All members read the temperature of the same thermal nodes, so that one loading serves any of them. What depends on
the basis - points, strains, weights, generalised forces, gappy operators, calibrations - is the member's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import ModelError
from romtool.loading import Loading
from romtool.reduced.indicator import Indication, indications_of
from romtool.reduced.march import MarchStoppedError, ReducedHistory, march_loading
from romtool.reduced.model import ReducedModel
from romtool.reduced.selector import Selector, candidates, loading_probabilities
from romtool.settings import NewtonSettings
from romtool.types import Floats, Ints


@dataclass(frozen=True)
class Clusters:
    """How the training was divided.

    Parameters
    ----------
    names: of the training computations.
    labels: (n_runs,) cluster of each.
    medoids: (n_clusters,) the computation in the middle of each cluster.
    dissimilarity: (n_runs, n_runs) between computations.
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

    def member(self, model_id: str | None = None) -> ReducedModel:
        """Return a member by its id; without one, the single model.

        Raises
        ------
        ModelError: no member has this id, or there are several.
        """
        if model_id is None and len(self.models) > 1:
            raise ModelError(f"the model is a dictionary of {len(self.models)} local ones; here a single one is needed")
        for model in self.models:
            if model_id in (None, model.model_id):
                return model
        known = " and ".join(model.model_id for model in self.models)
        raise ModelError(f"the model is {known}; {model_id} was expected")


@dataclass(frozen=True)
class Choice:
    """Which local model answers a loading.

    Parameters
    ----------
    number: of the member that answered.
    tried: numbers of the members that were run.
    probabilities: (n_models,) that each member is the right one.
    """

    number: int
    tried: tuple[int, ...]
    probabilities: Floats

    def in_words(self) -> str:
        """Return the choice for a line of progress, "" of a single model."""
        if len(self.probabilities) == 1:
            return ""
        others = "".join(f", better than {number}" for number in self.tried if number != self.number)
        return f"cluster {self.number} (probability {self.probabilities[self.number]:.0%}{others}), "


@dataclass(frozen=True)
class Run:
    """A loading answered by a member of a dictionary.

    Parameters
    ----------
    choice: which member answered.
    model: the member.
    history: what it computed.
    indications: field -> error indication of every time.
    stopped: why the run ended before its last time; "" where it did not.
    """

    choice: Choice
    model: ReducedModel
    history: ReducedHistory
    indications: Mapping[str, Indication]
    stopped: str = ""


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
    tried = candidates(dictionary.selector, found)
    return Choice(tried[0], tried, found)


def run_loading(dictionary: Dictionary, choice: Choice, loading: Loading, criteria: NewtonSettings) -> Run:
    """Answer a loading with the members that a choice names; of several the indicator takes the better.

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
    runs = [_run(dictionary.models[n], replace(choice, number=n), loading, criteria) for n in choice.tried]
    return min(runs, key=lambda run: (bool(run.stopped), largest_bound(run.indications)))


def _run(model: ReducedModel, choice: Choice, loading: Loading, criteria: NewtonSettings) -> Run:
    """March one member, as far as it goes."""
    stopped = ""
    try:
        history = march_loading(model, loading, criteria)
    except MarchStoppedError as error:
        stopped, history = str(error), error.history
    return Run(choice, model, history, indications_of(model, history), stopped)


def largest_bound(indications: Mapping[str, Indication]) -> float:
    """Return the largest error bound of all fields and times, zero where all are elastic."""
    bounds = [float(np.nanmax(entry.bound, initial=0.0)) for entry in indications.values()]
    return max(bounds, default=0.0)
