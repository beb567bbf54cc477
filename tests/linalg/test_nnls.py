import numpy as np
import pytest
from scipy.optimize import nnls

from romtool.linalg.nnls import ActiveSet


def solve(matrix, target):
    """Lawson-Hanson: the column with the largest gradient enters until none is positive."""
    active = ActiveSet(target)
    for _ in range(10 * matrix.shape[1]):
        gradient = matrix.T @ active.residual
        gradient[active.keys] = 0.0
        if gradient.max() <= 1e-10 * np.linalg.norm(target):
            break
        active.add(int(gradient.argmax()), matrix[:, gradient.argmax()])
    return active


def full(active, n):
    weights = np.zeros(n)
    weights[active.keys] = active.weights
    return weights


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [(30, 12), (20, 60), (100, 150)])
def test_solution_equals_scipy(shape, seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.standard_normal(shape) + 0.3, rng.standard_normal(shape[0])
    weights = full(solve(matrix, target), shape[1])
    expected, _ = nnls(matrix, target)
    np.testing.assert_allclose(weights, expected, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_conditions_of_karush_kuhn_tucker(seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.standard_normal((80, 120)), rng.standard_normal(80)
    active = solve(matrix, target)
    weights = full(active, 120)
    gradient = matrix.T @ (target - matrix @ weights)
    assert weights.min() >= 0.0
    assert gradient.max() <= 1e-9
    assert np.abs(gradient[active.keys]).max() <= 1e-9


def test_updated_residual_is_the_recomputed_one_after_many_insertions_and_deletions():
    rng = np.random.default_rng(20)
    matrix = rng.uniform(size=(150, 400))
    active = solve(matrix, matrix @ rng.uniform(size=400))
    assert len(active) > 64
    np.testing.assert_allclose(active.residual, active.recomputed_residual(), atol=1e-10)


def test_a_dependent_column_does_not_enter():
    column = np.array([1.0, 2.0, 3.0])
    active = ActiveSet(np.array([1.0, 1.0, 1.0]))
    assert active.add(0, column)
    assert not active.add(1, 2.0 * column)
    assert active.keys == [0]


def test_pruning_predicts_the_loss_and_stays_within():
    rng = np.random.default_rng(21)
    matrix = rng.uniform(size=(60, 40))
    target = matrix @ rng.uniform(0.1, 1.0, 40)
    active = solve(matrix, target)
    n_before, allowed = len(active), 0.05 * np.linalg.norm(target)
    active.prune(allowed)
    assert len(active) < n_before
    assert np.linalg.norm(active.recomputed_residual()) <= allowed
    kept = matrix[:, active.keys]
    np.testing.assert_allclose(active.weights, np.linalg.lstsq(kept, target, rcond=None)[0], rtol=1e-8)
    assert active.weights.min() > 0.0


def test_the_first_pruned_column_is_the_cheapest_of_all():
    rng = np.random.default_rng(22)
    matrix = np.linalg.qr(rng.standard_normal((30, 6)))[0] + 0.2 * rng.uniform(size=(30, 6))
    target = matrix @ np.array([3.0, 1.0, 0.2, 2.0, 5.0, 4.0])
    active = solve(matrix, target)
    losses = [
        np.linalg.norm(target - matrix[:, keep] @ np.linalg.lstsq(matrix[:, keep], target, rcond=None)[0])
        for keep in ([j for j in range(6) if j != p] for p in range(6))
    ]
    active.prune(0.0, n_most=5)
    assert set(range(6)) - set(active.keys) == {int(np.argmin(losses))}
    assert np.linalg.norm(active.residual) == pytest.approx(min(losses))
