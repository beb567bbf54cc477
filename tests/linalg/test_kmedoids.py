"""k-medoids: the optimum of small sets, ties, and what coincides."""

from itertools import combinations

import numpy as np
import pytest

from romtool.errors import InputError
from romtool.linalg.kmedoids import k_medoids, nearest


def distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def optimum(matrix: np.ndarray, count: int) -> float:
    """The smallest sum over all choices of medoids."""
    return min(matrix[:, list(chosen)].min(axis=1).sum() for chosen in combinations(range(len(matrix)), count))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_sum_is_the_smallest_of_all_choices(count, seed):
    matrix = distances(np.random.default_rng(seed).standard_normal((14, 2)))
    found = k_medoids(matrix, count, seed=0)
    assert found.distances.sum() == pytest.approx(optimum(matrix, count), rel=1e-12)
    assert found.n_clusters == count


def test_separate_groups_are_found_and_numbered_by_their_medoids():
    rng = np.random.default_rng(3)
    groups = rng.permutation(np.repeat([0, 1, 2], 12))
    points = 100.0 * np.eye(3)[groups] + rng.standard_normal((36, 3))
    found = k_medoids(distances(points), 3, seed=1)
    assert np.all(np.diff(found.medoids) > 0)
    np.testing.assert_array_equal(groups[found.medoids][found.labels], groups)
    np.testing.assert_array_equal(found.labels[found.medoids], np.arange(3))


def test_same_input_gives_the_same_partition_and_order_of_items_only_renames_it():
    rng = np.random.default_rng(4)
    matrix = distances(rng.standard_normal((60, 4)))
    first, again = k_medoids(matrix, 5, seed=7), k_medoids(matrix, 5, seed=7)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.medoids, again.medoids)


def test_ties_go_to_the_lowest_items():
    # four corners of a square: each pair along a side is as good, each of its two points too
    matrix = distances(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    for seed in range(6):
        found = k_medoids(matrix, 1, seed)
        assert found.medoids.tolist() == [0]
    tied = nearest(matrix, np.array([2, 1]))
    assert tied.medoids.tolist() == [1, 2]
    assert tied.labels.tolist() == [0, 0, 1, 0]


def test_items_that_coincide_are_not_told_apart():
    matrix = distances(np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]))
    found = k_medoids(matrix, 4, seed=0)
    assert found.medoids.tolist() == [0, 2]
    assert found.labels.tolist() == [0, 0, 1, 1, 1]
    everything = k_medoids(np.zeros((5, 5)), 3, seed=0)
    assert everything.medoids.tolist() == [0]
    assert everything.labels.tolist() == [0] * 5


def test_as_many_clusters_as_items_leave_nothing():
    matrix = distances(np.random.default_rng(5).standard_normal((6, 2)))
    for count in (6, 9):
        found = k_medoids(matrix, count, seed=0)
        assert found.medoids.tolist() == list(range(6))
        assert found.distances.sum() == 0.0
    assert k_medoids(np.zeros((1, 1)), 1, seed=0).labels.tolist() == [0]


@pytest.mark.parametrize(
    ("matrix", "count"),
    [(np.zeros((2, 3)), 1), (np.zeros((0, 0)), 1), (np.eye(2), 1), (-np.ones((2, 2)), 1), (np.zeros((2, 2)), 0)],
)
def test_what_is_no_dissimilarity_is_refused(matrix, count):
    with pytest.raises(InputError):
        k_medoids(matrix, count, seed=0)
