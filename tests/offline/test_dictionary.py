"""Dictionaries of local models: members of different sizes, the choice between them, what a switch must switch."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.linalg.reduction import SerialComm
from romtool.loading import Loading
from romtool.offline.clock import Clock
from romtool.offline.dictionary import TrainedDictionary, train_dictionary, with_members
from romtool.offline.train import train
from romtool.reduced.dictionary import Dictionary, choose, run_loading
from romtool.reduced.march import march_loading, restrict_to_thermal
from romtool.settings import ClusterSettings, NewtonSettings, PodSettings, QuadratureSettings, Settings
from tests.structures import box, thermal_cycle, training_set, viscoplastic

MESH = box((4, 3, 2))
SETTINGS = Settings(
    pod=PodSettings(tolerance=1e-5),
    quadrature=QuadratureSettings(tolerance=1e-5),
    clusters=ClusterSettings(count=2),
)
SILENT = Clock(lambda text: None)


def low(hot: float, name: str) -> Loading:
    """Return a cycle with a hot spot on one side and little else."""
    return replace(thermal_cycle(hot, -5.0, 300.0, MESH, centre=0.0), name=name)


def high(hot: float, name: str) -> Loading:
    """Return a cycle with a hot spot on the other side, pulled and turned."""
    return replace(thermal_cycle(hot, -90.0, 4e3, MESH, centre=1.0), name=name)


LOADINGS = (
    low(150.0, "low 150"),
    high(200.0, "high 200"),
    low(300.0, "low 300"),
    high(240.0, "high 240"),
    low(220.0, "low 220"),
    high(160.0, "high 160"),
    high(220.0, "high 220"),
)


@pytest.fixture(scope="module")
def training():
    return training_set(MESH, (viscoplastic(),), LOADINGS, 2)


@pytest.fixture(scope="module")
def trained(training):
    return train_dictionary(training, SETTINGS, "dictionary", SerialComm(), SILENT)


def on_nodes(dictionary: Dictionary, loading: Loading) -> Loading:
    return restrict_to_thermal(loading, dictionary.models[0].thermal)


def cluster_of(trained: TrainedDictionary, kind: str) -> int:
    """Return the one cluster of all simulations of a kind."""
    labels = {int(label) for entry, label in zip(LOADINGS, trained.clusters.labels, strict=True) if kind in entry.name}
    assert len(labels) == 1
    return labels.pop()


def test_simulations_alike_share_a_model(trained):
    assert cluster_of(trained, "low") != cluster_of(trained, "high")
    assert trained.clusters.names == tuple(f"run {i}" for i in range(7))
    first, second = trained.dictionary.models
    assert first.n_modes != second.n_modes
    assert len(first.weights) != len(second.weights)


def test_the_choice_switches_all_that_depends_on_it(training, trained):
    """Each member answers as a model that was trained on its cluster alone, whatever ran before."""
    dictionary = trained.dictionary
    for number, part in enumerate(trained.training):
        alone = train(part, SETTINGS, "alone", SerialComm(), SILENT).model
        for loading in (LOADINGS[1], LOADINGS[0], high(210.0, "new"), low(180.0, "new")):
            expected = march_loading(alone, restrict_to_thermal(loading, alone.thermal), NewtonSettings())
            found = march_loading(dictionary.models[number], on_nodes(dictionary, loading), NewtonSettings())
            np.testing.assert_allclose(found.coordinates, expected.coordinates, rtol=1e-12, atol=1e-14)
            for field, values in expected.duals.items():
                np.testing.assert_allclose(found.duals[field], values, rtol=1e-11, atol=1e-12)
            assert found.samples["stress"].shape[1] == len(alone.weights)


def test_new_loads_find_their_model(trained):
    dictionary = trained.dictionary
    assert dictionary.selector.accuracy == 1.0
    for loading, kind in ((low(190.0, "new"), "low"), (high(180.0, "new"), "high"), (low(260.0, "new"), "low")):
        choice = choose(dictionary, on_nodes(dictionary, loading))
        assert choice.number == cluster_of(trained, kind)
        assert choice.probabilities.sum() == pytest.approx(1.0)
        assert choice.tried == (cluster_of(trained, kind),)


def test_uncertain_loads_are_left_to_the_indicator(trained):
    """With a certainty of one both members run, and the one with the smaller bound answers."""
    dictionary = replace(trained.dictionary, selector=replace(trained.selector, certainty=1.0))
    for loading in (low(190.0, "new"), high(180.0, "new")):
        local = on_nodes(dictionary, loading)
        choice = choose(dictionary, local)
        assert sorted(choice.tried) == [0, 1]
        run = run_loading(dictionary, choice, local, NewtonSettings())
        sure = choose(trained.dictionary, local)
        assert run.choice.number == sure.number
        assert run.model is dictionary.models[sure.number]


def test_members_that_read_more_nodes_choose_and_answer_alike(trained):
    dictionary = trained.dictionary
    wider = with_members(dictionary, trained.members)
    loading = on_nodes(dictionary, LOADINGS[3])
    np.testing.assert_array_equal(choose(wider, loading).probabilities, choose(dictionary, loading).probabilities)


def test_one_cluster_is_a_single_model(training):
    one = train_dictionary(training, replace(SETTINGS, clusters=ClusterSettings()), "one", SerialComm(), SILENT)
    assert one.selector is None
    assert len(one.dictionary.models) == 1
    assert one.dictionary.member() is one.members[0].model


def test_more_clusters_than_simulations(training):
    many = replace(SETTINGS, clusters=ClusterSettings(count=8))
    with pytest.raises(CaseError, match="count is 8, but there are 7 simulations"):
        train_dictionary(training, many, "many", SerialComm(), SILENT)
