"""Coefficients of separated representations from expressions, plug-ins and sampled entries."""

import numpy as np
import pytest

from romtool.errors import InputError, MissingPartError
from romtool.operators.coefficients import select
from romtool.operators.domain import Domain
from romtool.operators.functions import Entries, Functions, PluginFunctions
from romtool.operators.matrices import combine
from tests.operators.problems import sine_rod

DOMAIN = Domain(("k",), np.array([1.0]), np.array([10.0]), (120,), ("linear",))
POINTS = np.linspace(0.0, 2.0, 90)[:, None]
UNSEEN = DOMAIN.draw(50, seed=3)
HELMHOLTZ = Functions(("k",), ("exp(1j*k*x)", "100*k*x*exp(1j*k*x)"), POINTS)


def matrix(k: float) -> np.ndarray:
    """Return a dense matrix whose entries are the functions at the points, times fixed numbers."""
    r = POINTS[:, 0]
    generator = np.random.default_rng(1)
    one, two = generator.standard_normal((2, 30, len(r)))
    return (one * np.exp(1j * k * r) + two * k * r * np.exp(1j * k * r)) @ generator.standard_normal((len(r), 30))


def test_matrices_follow_their_functions():
    found = select(HELMHOLTZ, DOMAIN.training(), tolerance=1e-9, max_terms=40)
    terms = [matrix(k) for k in found.parameters[:, 0]]
    scale = np.abs(matrix(5.0)).max()
    for mu, weights in zip(UNSEEN, found.weights(UNSEEN), strict=True):
        assert np.abs(combine(terms, weights) - matrix(mu[0])).max() <= 1e-7 * scale


def test_the_remainder_is_the_error_of_the_functions_and_falls():
    remainders = []
    for terms in (6, 10, 14):
        found = select(HELMHOLTZ, DOMAIN.training(), tolerance=0.0, max_terms=terms)
        rows = np.arange(found.source.n_rows)
        error = found.source.at(UNSEEN, rows) - found.values @ found.weights(UNSEEN).T
        np.testing.assert_allclose(found.remainder(UNSEEN, found.weights(UNSEEN)), np.abs(error).max(axis=0))
        remainders.append(found.remainder(UNSEEN, found.weights(UNSEEN)).max())
    assert remainders[2] < 1e-3 * remainders[1] < 1e-6 * remainders[0] * 10


def test_functions_count_relative_to_their_own_size():
    """A function that is a million times larger does not hide the error of another."""
    small = Functions(("k",), ("exp(1j*k*x)",), POINTS)
    both = Functions(("k",), ("exp(1j*k*x)", "1e6*k"), POINTS)
    needed = select(small, DOMAIN.training(), tolerance=1e-6, max_terms=40)
    found = select(both, DOMAIN.training(), tolerance=1e-6, max_terms=40)
    assert len(found.parameters) >= len(needed.parameters)


def test_entries_serve_instead_of_functions():
    training = DOMAIN.training()
    sampled = np.array([matrix(k).ravel()[::7] for k in training[:, 0]]).T
    found = select(Entries(training, sampled), training, tolerance=1e-9, max_terms=40, method="qdeim")
    terms = [matrix(k) for k in found.parameters[:, 0]]
    scale = np.abs(matrix(5.0)).max()
    for mu, weights in zip(UNSEEN, found.weights(UNSEEN), strict=True):
        assert np.abs(combine(terms, weights) - matrix(mu[0])).max() <= 1e-5 * scale


@pytest.mark.parametrize("count", [21, 40])
def test_the_error_between_samples_is_seen_with_every_other_of_them(count):
    def values(k):
        return np.exp(1j * np.outer(np.linspace(0.0, 2.0, 20), k))

    equal, chebyshev = np.linspace(1.0, 10.0, count), 5.5 - 4.5 * np.cos(np.pi * np.arange(count) / (count - 1))
    errors = []
    for k in (equal, chebyshev):
        entries = Entries(k[:, None], values(k))
        unseen = np.linspace(1.01, 9.99, 200)
        errors.append(np.abs(entries.at(unseen[:, None], np.arange(20)) - values(unseen)).max())
        assert errors[-1] <= entries.between() <= 300.0 * errors[-1]
    assert errors[1] < 0.5 * errors[0]


def test_entries_of_two_parameters_are_interpolated():
    domain = Domain(("a", "b"), np.array([1.0, 0.0]), np.array([2.0, 3.0]), (12, 12), ("log", "linear"))
    training = domain.training()
    x = np.linspace(0.0, 1.0, 30)[:, None]

    def values(mu):
        return np.exp(-mu[:, 0] * x) + 1j * np.cos(mu[:, 1] * x)

    found = select(Entries(training, values(training)), training, tolerance=1e-8, max_terms=30)
    unseen = domain.draw(20, seed=2)
    error = values(unseen) - found.values @ found.weights(unseen).T
    assert np.abs(error).max() < 1e-3


def test_plugins_are_called_where_they_are_needed(monkeypatch):
    calls = []

    class Entry:
        name = "waves"

        def load(self):
            def waves(parameters, points):
                calls.append(len(points))
                phase = parameters[:, 0] * points
                return np.array([np.exp(1j * phase), 100 * phase * np.exp(1j * phase)])

            return waves

    monkeypatch.setattr("romtool.operators.functions.entry_points", lambda group: [Entry()])
    plugin = select(PluginFunctions("waves", POINTS, 2), DOMAIN.training(), tolerance=1e-9, max_terms=40)
    words = select(HELMHOLTZ, DOMAIN.training(), tolerance=1e-9, max_terms=40)
    np.testing.assert_array_equal(plugin.parameters, words.parameters)
    np.testing.assert_allclose(plugin.weights(UNSEEN), words.weights(UNSEEN), atol=1e-5)
    assert calls[0] == len(POINTS)
    assert calls[-1] <= len(plugin.parameters)
    with pytest.raises(MissingPartError, match='no plug-in "other"'):
        PluginFunctions("other", POINTS, 2).at(UNSEEN, np.arange(2))


def test_parameters_outside_the_range_are_named():
    with pytest.raises(InputError, match="k = 11 is outside the range 1 to 10"):
        DOMAIN.check(np.array([[3.0], [11.0]]))
    with pytest.raises(InputError, match="k = nan"):
        DOMAIN.check(np.array([[np.nan]]))
    DOMAIN.check(DOMAIN.training())
    DOMAIN.check(UNSEEN)


def test_functions_that_can_not_be_used_are_named():
    with pytest.raises(InputError, match=r'"log\(k - 1\)" is not finite'):
        select(Functions(("k",), ("log(k - 1)",), POINTS), DOMAIN.training(), tolerance=1e-3, max_terms=5)
    with pytest.raises(InputError, match="function number 2 is zero"):
        select(Functions(("k",), ("k", "0*k"), POINTS), DOMAIN.training(), tolerance=1e-3, max_terms=5)


def test_the_error_of_matrices_falls_exponentially_to_1e_10():
    """The one-dimensional problem `-(g u')' + s u`: largest error of the assembled matrix on unseen parameters."""
    exported = sine_rod()
    unseen = exported.domain.draw(40, seed=1)
    exact = [exported.matrix(mu) for mu in unseen]
    scale = max(abs(matrix).max() for matrix in exact)
    errors = []
    for count in range(1, 13):
        problem = exported.full(tolerance=0.0, max_terms=count)
        found = [combine(problem.terms, row) for row in problem.weights(unseen)]
        errors.append(max(abs(one - other).max() for one, other in zip(found, exact, strict=True)) / scale)
    counts = np.arange(1, 11)
    slope, start = np.polyfit(counts, np.log(errors[:10]), 1)
    assert min(errors) <= 1e-10
    assert slope < -1.5
    assert np.abs(np.log(errors[:10]) - (slope * counts + start)).max() < 5.0
