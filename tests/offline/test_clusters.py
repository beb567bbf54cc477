"""Dissimilarities in closed form, and who trains on what."""

import numpy as np
import pytest

from romtool.errors import InputError
from romtool.linalg.pod import Pod, pod
from romtool.linalg.reduction import SerialComm
from romtool.offline.clusters import dissimilarities, leading, members, planar_map, snapshot_energies
from tests.linalg.ranks import run_ranks


def known(coefficients, remainders=None) -> Pod:
    """Snapshots that are known by their coefficients alone."""
    coefficients = np.asarray(coefficients, dtype=np.float64)
    lost = np.zeros(coefficients.shape[1]) if remainders is None else np.asarray(remainders, dtype=np.float64)
    return Pod((), np.zeros(0), 0.0, 0.0, coefficients, lost)


def frame(*angles: float) -> np.ndarray:
    """Columns e_2i cos(a_i) + e_2i+1 sin(a_i): with the frame of no angles they make these principal angles."""
    result = np.zeros((2 * len(angles), len(angles)))
    for i, angle in enumerate(angles):
        result[2 * i : 2 * i + 2, i] = np.cos(angle), np.sin(angle)
    return result


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-3, 0.7, np.pi / 2, 3.0])
def test_single_snapshots_have_the_sine_of_their_angle_however_small(angle):
    basis = known(np.column_stack([3.0 * frame(0.0)[:, 0], 1e-7 * frame(angle)[:, 0]]))
    found = dissimilarities(basis, np.arange(3), "sine", 1e-4)
    assert found[0, 1] == found[1, 0] == pytest.approx(abs(np.sin(angle)), rel=1e-12, abs=1e-15)
    assert not np.diag(found).any()


def test_planes_at_known_angles():
    first, second = frame(0.0, 0.0), frame(0.3, 1.1)
    basis = known(np.hstack([first, second]))
    found = dissimilarities(basis, np.array([0, 2, 4]), "sine", 1e-4)
    assert found[0, 1] == pytest.approx(np.sqrt((np.sin(0.3) ** 2 + np.sin(1.1) ** 2) / 2))


def test_a_plane_and_a_line_in_it_differ_by_what_the_line_lacks():
    basis = known([[1.0, 0.0, 5.0], [0.0, 2.0, 0.0]])
    found = dissimilarities(basis, np.array([0, 2, 3]), "sine", 1e-4)
    assert found[0, 1] == pytest.approx(np.sqrt(0.5 * 4.0 / 5.0))


def test_sine_does_not_see_amplitudes_and_the_distance_does():
    rng = np.random.default_rng(0)
    coefficients, starts = rng.standard_normal((9, 12)), np.array([0, 4, 7, 12])
    factors = np.repeat([1.0, 1e-6, 1e5], np.diff(starts))
    plain = dissimilarities(known(coefficients), starts, "sine", 1e-6)
    scaled = dissimilarities(known(coefficients * factors), starts, "sine", 1e-6)
    np.testing.assert_allclose(scaled, plain, rtol=1e-10)
    far = dissimilarities(known(coefficients * factors), starts, "euclidean", 1e-6)
    assert far[0, 2] > 1e4 * far[0, 1]


def test_what_all_modes_lack_is_in_no_span():
    basis = known([[1.0, 1.0]], remainders=[0.0, 1.0])
    found = dissimilarities(basis, np.arange(3), "sine", 1e-4)
    assert found[0, 1] == pytest.approx(np.sqrt(0.5 * (0.5 + 0.0)))
    assert dissimilarities(basis, np.arange(3), "euclidean", 1e-4)[0, 1] == pytest.approx(1.0)


def test_zeros_are_alike_and_unlike_all_else():
    basis = known([[0.0, 0.0, 1.0, 0.0]])
    found = dissimilarities(basis, np.arange(5), "sine", 1e-4)
    expected = np.zeros((4, 4))
    expected[2, :] = expected[:, 2] = 1.0
    expected[2, 2] = 0.0
    np.testing.assert_array_equal(found, expected)


def test_spans_are_cut_at_the_tolerance():
    basis = known([[1.0, 0.0, 0.0], [0.0, 1e-3, 1.0]])
    starts = np.array([0, 2, 3])
    coarse, fine = (dissimilarities(basis, starts, "sine", t)[0, 1] for t in (1e-2, 1e-4))
    assert coarse == pytest.approx(1.0, abs=1e-6)
    assert fine == pytest.approx(np.sqrt(0.5 / (1 + 1e-6)))


def test_distance_is_the_root_mean_square_over_the_history():
    basis = known([[0.0, 1.0, 2.0, 3.0, 3.0]])
    found = dissimilarities(basis, np.array([0, 3, 5]), "euclidean", 1e-4)
    assert found[0, 1] == pytest.approx(np.sqrt((9 + 4 + 1) / 3))
    histories = known([[0.0, 2.0, 0.0, 1.0, 2.0]])  # the same line with two and three snapshots
    assert dissimilarities(histories, np.array([0, 2, 5]), "euclidean", 1e-4)[0, 1] == 0.0


def test_modes_of_the_snapshots_lose_nothing_and_ranks_change_nothing():
    rng = np.random.default_rng(1)
    parts = [rng.standard_normal((n, 10)) * 10.0 ** rng.integers(-3, 3, 10) for n in (30, 20, 25)]
    weights = [np.diag(rng.uniform(0.5, 2.0, len(part))) for part in parts]
    starts = np.array([0, 3, 6, 10])

    def compute(comm, snapshots, inner):
        return dissimilarities(pod(snapshots, inner, comm, tolerance=0.0), starts, "sine", 1e-8)

    serial = compute(SerialComm(), parts, weights)
    for found in run_ranks(2, compute, parts, weights):
        np.testing.assert_array_equal(found, serial)
    root = np.vstack([np.sqrt(weight) @ part for weight, part in zip(weights, parts, strict=True)])
    np.testing.assert_allclose(serial, dissimilarities(known(root), starts, "sine", 1e-8), atol=1e-9)


def test_leading_combinations_keep_what_they_should():
    rng = np.random.default_rng(2)
    coefficients = rng.standard_normal((20, 8)) * 10.0 ** -np.arange(8)
    for tolerance in (1e-1, 1e-3, 1e-6):
        kept = leading(coefficients, tolerance)
        rest = np.linalg.norm(coefficients - kept @ (kept.T @ coefficients)) / np.linalg.norm(coefficients)
        assert rest <= tolerance
    assert leading(np.zeros((4, 2)), 1e-3).shape == (4, 0)


def test_energies_count_what_the_modes_lack():
    basis = known([[3.0, 1.0, 0.0]], remainders=[4.0, 0.0, 2.0])
    np.testing.assert_allclose(snapshot_energies(basis, np.array([0, 1, 3])), [25.0, 5.0])


def test_members_and_their_nearest_neighbours():
    place = np.array([0.0, 1.0, 2.0, 4.0, 10.0, 11.0])
    distance = np.abs(place[:, None] - place[None])
    labels = np.array([0, 0, 0, 1, 2, 2])
    assert [m.tolist() for m in members(labels, distance, 0.0)] == [[0, 1, 2], [3], [4, 5]]
    assert [m.tolist() for m in members(labels, distance, 0.5)] == [[0, 1, 2, 3, 4], [2, 3], [3, 4, 5]]
    assert [m.tolist() for m in members(labels, distance, 1.0)][2] == [2, 3, 4, 5]
    one = members(np.zeros(6, dtype=np.int64), distance, 1.0)
    assert [m.tolist() for m in one] == [[0, 1, 2, 3, 4, 5]]


def test_map_keeps_the_distances_of_points_of_a_plane():
    points = np.random.default_rng(3).standard_normal((9, 2))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    places = planar_map(distance)
    np.testing.assert_allclose(np.linalg.norm(places[:, None] - places[None], axis=2), distance, atol=1e-12)
    np.testing.assert_array_equal(planar_map(np.zeros((1, 1))), np.zeros((1, 2)))


@pytest.mark.parametrize("starts", [[0], [0, 2, 2], [1, 2], [0, 4]])
def test_items_that_do_not_fit_are_refused(starts):
    with pytest.raises(InputError, match="items begin"):
        dissimilarities(known(np.eye(3)), np.array(starts), "sine", 1e-4)
