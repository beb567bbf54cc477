"""Temperature histories and the expressions they may hold."""

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.fem.expressions import evaluate_expression
from romtool.fem.temperature import build_temperature
from romtool.loading import Temperature, TemperatureEntry
from tests.fem.meshes import cube

X = {"x": np.array([0.0, 1.0, 2.0])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*x", [1, 3, 5]),
        ("-x**2 / 4", [0, -0.25, -1]),
        ("maximum(x, 1) - sin(pi)", [1, 1, 2]),
        ("7", [7, 7, 7]),
    ],
)
def test_expressions(text, expected):
    np.testing.assert_allclose(evaluate_expression(text, X), expected, atol=1e-15)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x +", "not arithmetic"),
        ("x.real", "not allowed"),
        ("__import__('os')", "not allowed|unknown"),
        ("r*2", "name 'r' is unknown"),
        ("sine(x)", "did you mean sin"),
        ("sqrt(x, x, x, x)", "number of arguments"),
        ("1/x", "not finite at 1 nodes"),
        ("10**400", "not finite"),
        ("True", "not allowed"),
    ],
)
def test_other_text_is_refused(text, words):
    with pytest.raises(CaseError, match=words):
        evaluate_expression(text, X)


def test_history_is_linear_between_entries_and_repeats():
    mesh = cube("hex8", 1)
    field = np.arange(8.0)
    entries = (
        TemperatureEntry(0.0, 20.0),
        TemperatureEntry(1.0, field, scale=2.0, offset=1.0),
        TemperatureEntry(3.0, "20 + 5*x"),
    )
    history = build_temperature(Temperature(15.0, entries, cycles=2), mesh)
    np.testing.assert_allclose(history.initial, 15.0)
    np.testing.assert_allclose(history.at(0.0), 20.0)
    np.testing.assert_allclose(history.at(0.5), 10.0 + field + 0.5)
    np.testing.assert_allclose(history.at(3.0), 20.0 + 5.0 * mesh.points[:, 0])
    np.testing.assert_allclose(history.at(3.5), history.at(0.5))
    np.testing.assert_allclose(history.at(9.0), history.at(3.0))


def test_without_entries_the_temperature_stays():
    np.testing.assert_array_equal(build_temperature(Temperature(5.0), cube("hex8", 1)).at(3.0), np.full(8, 5.0))


def test_fields_of_another_mesh_are_refused():
    with pytest.raises(CaseError, match="8 nodes"):
        build_temperature(Temperature(np.zeros(7)), cube("hex8", 1))
