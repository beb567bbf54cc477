"""The validity domain: what the training covers is silent, each excess is one sentence with its numbers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from romtool.loading import Dirichlet, Load, Loading, Table, Temperature, TemperatureEntry
from romtool.reduced.model import ThermalPoints
from romtool.reduced.validity import outside_validity, temperature_distances, training_domain
from tests.structures import box, symmetric_supports, thermal_cycle

MESH = box((3, 2, 2))
EVERY = ThermalPoints(
    MESH.node_ids, np.arange(MESH.n_nodes), MESH.points, sparse.identity(MESH.n_nodes, format="csr"), MESH.n_nodes
)
COLD, HOT = (thermal_cycle(hot, 50.0, 3e3, MESH) for hot in (300.0, 400.0))


def outside(loading: Loading, *trained: Loading) -> list[str]:
    return outside_validity(model_of(*trained or (COLD, HOT)), loading)


def model_of(*trained: Loading) -> SimpleNamespace:
    return SimpleNamespace(validity=training_domain(EVERY, trained), thermal=EVERY)


def test_the_training_and_what_is_between_is_covered():
    assert outside(COLD) == outside(HOT) == []
    assert outside(thermal_cycle(333.0, 50.0, 3e3, MESH)) == []


def test_nothing_at_all_is_covered_too():
    rest = Loading("rest", np.array([0.0, 1.0]), dirichlet=symmetric_supports())
    assert outside(rest, rest) == []


@pytest.mark.parametrize(
    ("loading", "words"),
    [
        (
            thermal_cycle(500.0, 50.0, 3e3, MESH),
            ["temperature: 20 to 520, trained on 20 to 420", "rate of temperature: "],
        ),
        (thermal_cycle(400.0, 80.0, 3e3, MESH), ["pressure on x1: 0 to 80, trained on 0 to 50"]),
        (thermal_cycle(400.0, 50.0, 4e3, MESH), ["centrifugal on all: 0 to 4000, trained on 0 to 3000"]),
        (replace(HOT, times=np.linspace(0.0, 2.0, 6)), ["time step: 0.4 to 0.4, trained on 0.2 to 0.2"]),
        (
            replace(HOT, loads=(*HOT.loads, Load("side", "traction", "y1", np.array([3.0, 4.0, 0.0])))),
            ["traction on y1: not in the training"],
        ),
    ],
)
def test_each_excess_is_said(loading, words):
    found = outside(loading)
    assert len(found) == len(words)
    assert all(text.startswith(word) for text, word in zip(found, words, strict=True))


def test_a_load_that_does_not_act_is_said_where_it_always_did():
    removed = replace(HOT, loads=tuple(load for load in HOT.loads if load.kind != "pressure"))
    (found,) = outside(removed)
    assert found == "pressure on x1: does not act, and does in all of the training"
    scaled = replace(HOT, loads=tuple(replace(load, value=0.0 * load.value) for load in HOT.loads))
    assert [text.partition(":")[0] for text in outside(scaled)] == ["pressure on x1", "centrifugal on all"]
    assert outside(removed, HOT, removed) == []


def test_a_moved_hot_spot_is_outside_the_span_of_the_training_although_its_values_are_not():
    (found,) = outside(thermal_cycle(400.0, 50.0, 3e3, MESH, centre=0.7))
    assert found.startswith("temperature field: ")
    assert found.endswith("of its change is outside the span of the training's fields")


def test_the_size_of_a_field_or_vector_is_its_norm():
    push = Load("push", "traction", "x1", np.array([3.0, 4.0, 0.0]))
    base = replace(HOT, loads=(push,))
    assert outside(base, base) == []
    (found,) = outside(replace(base, loads=(replace(push, value=np.array([0.0, 0.0, 6.0])),)), base)
    assert found == "traction on x1: 6 to 6, trained on 5 to 5"


def test_prescribed_displacements_are_amplitudes():
    moved = Dirichlet("pull", "x1", (0, 1), 0.01, table="cycle")
    base = replace(HOT, dirichlet=(*HOT.dirichlet, moved))
    assert outside(base, base) == []
    (found,) = outside(replace(base, dirichlet=(*HOT.dirichlet, replace(moved, value=0.02))), base)
    assert found == "displacement xy of x1: 0 to 0.02, trained on 0 to 0.01"


def test_a_range_is_that_of_all_training_loads_on_a_set():
    signed = Table("cycle", np.array([[0.0, -1.0], [2.0, 1.0]]))
    assert outside(HOT, replace(HOT, tables=(signed,)), COLD) == []


def test_distances_are_the_part_of_the_change_that_no_training_field_has():
    """The training heats one half, the new load both: half of the squares are outside."""
    left, right = np.zeros((2, MESH.n_nodes))
    left[:18], right[18:] = 100.0, 100.0

    def heated(field: np.ndarray, initial: float) -> Loading:
        entries = (TemperatureEntry(0.0, initial), TemperatureEntry(1.0, initial + field))
        return Loading("heat", np.linspace(0.0, 1.0, 3), temperature=Temperature(initial, entries))

    model = model_of(heated(left, 20.0))
    np.testing.assert_allclose(
        temperature_distances(model, heated(left + right, 20.0), np.array([0.0, 0.5, 1.0])),
        [0.0, 0.5 / np.sqrt(2.0), 1.0 / np.sqrt(2.0)],
        atol=1e-12,
    )
    elsewhere = heated(3.0 * left, 700.0)  # another initial temperature, and as large a change as it likes
    np.testing.assert_allclose(temperature_distances(model, elsewhere, np.array([1.0])), 0.0, atol=1e-12)
