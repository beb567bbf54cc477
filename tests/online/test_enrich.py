"""A model that learns snapshots: what it can represent afterwards, what it remembers, and what stays as it was."""

from dataclasses import replace

import numpy as np
import pytest

from romtool.linalg.products import gram
from romtool.offline.clock import Clock
from romtool.offline.train import Trained
from romtool.offline.verify import growth, remembered_errors, training_errors
from romtool.online.enrich import bases_of, enrich
from romtool.reduced.march import march_loading, restrict_to_thermal
from romtool.settings import NewtonSettings, PodSettings, Settings
from romtool.types import Floats
from tests.online.runs import COMM, MESH, Start, exact_states, field_of, start
from tests.structures import thermal_cycle, training_set, viscoplastic

SILENT = Clock(lambda text: None)


def cycle(hot: float = 400.0, pressure: float = 50.0, centre: float = 0.5):
    return replace(thermal_cycle(hot, pressure, 3e3, MESH, centre), name=f"{hot} {pressure} {centre}")


@pytest.fixture(scope="module")
def sliced() -> Start:
    """Trained on one cycle, on three subdomains."""
    return start((cycle(),), (viscoplastic(),), 3)


@pytest.fixture(scope="module")
def snapshots(sliced) -> list[dict[str, Floats]]:
    """Steps 3 and 6 of a hotter cycle with a moved spot."""
    load = sliced.load(cycle(450.0, 50.0, 0.6))
    states = exact_states(load)
    return [
        {"u": states[i].displacement, **{name: field_of(states[i], load, name) for name in ("p", "stress")}}
        for i in (3, 6)
    ]


def learn(given: Start, snapshots: list[dict[str, Floats]], pairs: dict[str, Floats] | None = None) -> Trained:
    return enrich(given.trained, snapshots, pairs or {}, "second", given.ground, SILENT)


def parts_of(given: Start, name: str, field: Floats) -> list[Floats]:
    """Return a field per subdomain, as columns."""
    pieces = given.ground.split_nodes(field) if name == "u" else given.ground.split_points(field)
    return [piece.reshape(-1, 1) for piece in pieces]


def test_new_snapshots_are_in_the_span(sliced, snapshots):
    found = learn(sliced, snapshots)
    for name, basis in bases_of(found.modes, found.record).items():
        for number, snapshot in enumerate(snapshots):
            for psi, exact in zip(basis.modes, parts_of(sliced, name, snapshot[name]), strict=True):
                column = basis.coefficients[:, [number - len(snapshots)]]
                np.testing.assert_allclose(psi @ column, exact, atol=1e-9 * np.abs(snapshot[name]).max())


def test_modes_are_orthonormal_over_all_subdomains(sliced, snapshots):
    found = learn(sliced, snapshots)
    for name, basis in bases_of(found.modes, found.record).items():
        products = sliced.ground.products(snapshots[0][name].shape[1], name)
        np.testing.assert_allclose(
            gram(basis.modes, basis.modes, products, COMM), np.eye(basis.n_modes), atol=1e-12, err_msg=name
        )


def test_earlier_modes_and_memory_stay(sliced, snapshots):
    found = learn(sliced, snapshots)
    before, after = sliced.trained.record, found.record
    for name, basis in before.bases.items():
        n, m = basis.coefficients.shape
        np.testing.assert_array_equal(after.bases[name].coefficients[:n, :m], basis.coefficients)
        assert after.bases[name].coefficients.shape == (n + 2, m + 2)
        np.testing.assert_array_equal(after.starts[name], before.starts[name])
        assert after.bases[name].modes == ()
    for old, new in zip(sliced.trained.modes, found.modes, strict=True):
        np.testing.assert_array_equal(new.displacement[: len(old.displacement)], old.displacement)
        for name, shapes in old.duals.items():
            np.testing.assert_array_equal(new.duals[name][: len(shapes)], shapes)


def test_the_training_is_done_as_well_as_before(sliced, snapshots):
    found = learn(sliced, snapshots)
    before = remembered_errors(sliced.trained)
    assert growth(before, found) <= 1.1
    for errors in (before, remembered_errors(found)):
        assert all(max(fields.values()) < 1e-3 for fields in errors.values())


def test_remembered_errors_are_those_on_the_snapshots():
    loading = cycle()
    training = training_set(MESH, (viscoplastic(),), (loading,), 2)
    given = start((loading,), (viscoplastic(),), 2, Settings(pod=PodSettings(1e-3, "l2")))
    remembered = remembered_errors(given.trained)[loading.name]
    exact = training_errors(given.trained, training, NewtonSettings(), COMM)["run 0"]
    for name, error in exact.items():
        assert remembered[name] == pytest.approx(error, rel=1e-6), name


def test_growth_is_the_worst_factor_beyond_the_tolerances(sliced):
    errors = remembered_errors(sliced.trained)
    name = next(iter(errors))
    assert growth(errors, sliced.trained) == 1.0
    better = {name: {field: 1e-3 * error for field, error in errors[name].items()}}
    settings = replace(sliced.trained.record.settings, pod=PodSettings(1e-9))
    strict = replace(sliced.trained, record=replace(sliced.trained.record, settings=settings))
    assert growth(better, strict) == pytest.approx(1e3)
    assert growth({name: dict.fromkeys(errors[name], np.inf)}, sliced.trained) == 1.0


def test_the_enriched_model_follows_the_new_states(sliced, snapshots):
    """With the complete path of the new load learnt, the load is answered like the training."""
    load = sliced.load(cycle(450.0, 50.0, 0.6))
    states = exact_states(load)
    every = [
        {"u": state.displacement, **{name: field_of(state, load, name) for name in ("p", "stress")}}
        for state in states[1:]
    ]
    found = learn(sliced, every)
    local = restrict_to_thermal(load.loading, found.model.thermal)
    history = march_loading(found.model, local, NewtonSettings())
    for part, modes in zip(sliced.ground.share.parts, found.modes, strict=True):
        answer = np.tensordot(history.coordinates[-1], modes.displacement, axes=1)
        exact = states[-1].displacement[sliced.ground.share.rows(part)]
        np.testing.assert_allclose(answer, exact, atol=2e-3 * np.abs(states[-1].displacement).max())


def test_pairs_are_kept_one_after_the_other(sliced, snapshots):
    first = learn(sliced, snapshots[:1], {"p": np.array([[0.1, 0.2]])})
    second = learn(Start(first, sliced.ground), snapshots[1:], {"p": np.array([[0.3, 0.4]])})
    np.testing.assert_array_equal(second.record.pairs["p"], [[0.1, 0.2], [0.3, 0.4]])
    assert "stress" not in second.record.pairs
    assert second.model.statistics["parent"] == "second"
    assert first.model.statistics["parent"] == "first"


def test_what_a_model_knows_teaches_it_nothing(sliced):
    load = sliced.load(cycle())
    state = exact_states(load)[5]
    known = {"u": state.displacement, "p": field_of(state, load, "p"), "stress": state.stress}
    once = learn(sliced, [known])
    assert learn(Start(once, sliced.ground), [known]) is once
    calibrated = learn(Start(once, sliced.ground), [known], {"p": np.array([[0.1, 0.2]])})
    assert calibrated.model.n_modes == once.model.n_modes
    assert calibrated.model.calibrations["p"].misfit[-1] >= 0.1


def test_points_of_all_subdomains_are_told_apart(sliced):
    share = sliced.ground.share
    rows = np.concatenate([share.points(part) for part in share.parts])
    np.testing.assert_array_equal(np.sort(rows), np.arange(share.operators.n_points))
    for part, built in zip(share.parts, sliced.ground.training.parts, strict=True):
        points = share.points(part)
        np.testing.assert_array_equal(share.operators.element_ids[points], built.operators.element_ids)
        np.testing.assert_array_equal(share.operators.coordinates[points], built.operators.coordinates)
        np.testing.assert_array_equal(share.own.mesh.points[share.rows(part)], part.mesh.points)
