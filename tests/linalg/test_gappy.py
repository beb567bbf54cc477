import numpy as np
import pytest
import scipy.linalg

from romtool.errors import AccuracyError, InputError
from romtool.linalg.gappy import gappy_operator, qdeim
from romtool.linalg.reduction import SerialComm
from tests.linalg.ranks import run_ranks

COMM = SerialComm()


def smooth_basis(n_points, n_components, n_modes, seed=0):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, n_points))
    legendre = np.polynomial.legendre.legvander(x, n_modes - 1)
    fields = legendre[:, None, :] * rng.uniform(0.5, 1.5, (1, n_components, n_modes))
    flat = np.linalg.qr(fields.reshape(-1, n_modes))[0]
    ids = np.column_stack((np.arange(n_points) // 8, np.arange(n_points) % 8))
    return flat.reshape(n_points, n_components, n_modes), ids


def flat(basis, rows):
    return basis[rows].reshape(-1, basis.shape[2])


@pytest.mark.parametrize(("n_components", "n_modes"), [(1, 1), (1, 12), (6, 10), (6, 40), (3, 7)])
def test_points_determine_the_basis(n_components, n_modes):
    basis, ids = smooth_basis(500, n_components, n_modes)
    found = qdeim([basis], [ids], COMM)
    assert found.basis.shape[0] >= 2 * n_modes
    assert found.basis.shape[0] <= 2 * n_modes + n_components * n_modes
    assert found.condition <= 100.0
    assert len(np.unique(found.rows)) == len(found.rows)
    np.testing.assert_array_equal(found.ids, ids[found.rows])
    np.testing.assert_allclose(found.basis, flat(basis, found.rows), atol=1e-15)
    scaled = found.basis / np.abs(basis).max(axis=(0, 1))
    assert found.condition == pytest.approx(np.linalg.cond(scaled))


def test_interpolation_is_as_stable_as_pivoted_qr():
    basis, ids = smooth_basis(800, 1, 15)
    basis /= np.abs(basis).max(axis=(0, 1))
    pivots = scipy.linalg.qr(basis[:, 0].T, pivoting=True, mode="economic")[2][:15]
    reference = gappy_operator(basis[pivots, 0]).amplification
    points = qdeim([basis], [ids], COMM).rows
    assert gappy_operator(basis[points[:15], 0]).amplification <= 1.5 * reference
    assert gappy_operator(basis[points, 0]).amplification < reference


@pytest.mark.parametrize("seed", range(5))
def test_error_bound_of_oblique_projections(seed):
    """`‖f - B z‖ <= ‖B_S⁺‖ ‖(I - B Bᵀ) f‖` for orthonormal B (Chaturantabut & Sorensen 2010, lemma 3.2)."""
    basis, ids = smooth_basis(300, 6, 9)
    rows = qdeim([basis], [ids], COMM).rows
    field = np.random.default_rng(seed).standard_normal((300, 6))
    operator = gappy_operator(flat(basis, rows))
    whole = basis.reshape(-1, 9)
    error = np.linalg.norm(field.ravel() - whole @ operator.coefficients(field[rows].ravel()))
    best = np.linalg.norm(field.ravel() - whole @ (whole.T @ field.ravel()))
    assert error <= operator.amplification * best * (1 + 1e-12)


def test_fields_of_the_span_are_reproduced():
    basis, ids = smooth_basis(400, 6, 8)
    rows = qdeim([basis], [ids], COMM).rows
    operator = gappy_operator(flat(basis, rows))
    z = np.random.default_rng(1).standard_normal((8, 5))
    samples = flat(basis, rows) @ z
    np.testing.assert_allclose(operator.coefficients(samples), z, atol=1e-12)
    assert operator.residual(samples).max() < 1e-13
    assert operator.coefficients(samples[:, 0]).shape == (8,)
    assert operator.residual(samples[:, 0]).shape == ()


def test_full_sampling_is_the_projection():
    basis, _ = smooth_basis(100, 6, 5)
    whole = basis.reshape(-1, 5)
    field = np.random.default_rng(2).standard_normal(600)
    operator = gappy_operator(whole)
    np.testing.assert_allclose(operator.coefficients(field), whole.T @ field, atol=1e-13)
    assert operator.condition == pytest.approx(1.0)
    expected = np.linalg.norm(field - whole @ (whole.T @ field))
    assert operator.residual(field) == pytest.approx(expected)


def test_only_what_the_given_points_lack_is_added():
    basis, ids = smooth_basis(400, 6, 10)
    enough = qdeim([basis], [ids], COMM).rows
    again = qdeim([basis], [ids], COMM, given=[enough])
    np.testing.assert_array_equal(again.rows, enough)
    assert again.n_given == len(enough)
    local = np.zeros((400, 6, 1))
    local[250, 2, 0] = 1.0
    more = qdeim([np.concatenate((basis, local), axis=2)], [ids], COMM, given=[enough])
    assert more.rows[len(enough) :].tolist() == [250]


def test_a_mode_of_a_small_region_counts_like_the_others():
    basis, ids = smooth_basis(2000, 1, 3)
    peak = np.exp(-(((np.arange(2000) - 1234.0) / 2.0) ** 2))
    basis[:, 0, 2] = 1e-6 * peak
    found = qdeim([basis], [ids], COMM)
    assert np.abs(found.rows - 1234).min() <= 2


def test_fewer_rows_than_twice_the_modes_takes_all_points():
    basis, ids = smooth_basis(7, 1, 5)
    assert sorted(qdeim([basis], [ids], COMM).rows) == list(range(7))


def test_ties_go_to_the_lowest_id():
    basis, ids = smooth_basis(100, 6, 6)
    twice, other = np.concatenate((basis, basis)), np.concatenate((ids + np.array([1000, 0]), ids))
    first = qdeim([twice], [other], COMM).ids[0]
    assert first[0] < 1000


@pytest.mark.parametrize("n_subdomains", [2, 4, 7])
def test_same_points_for_other_subdomains(n_subdomains):
    basis, ids = smooth_basis(600, 6, 12)
    whole = qdeim([basis], [ids], COMM)
    split = qdeim(np.array_split(basis, n_subdomains), np.array_split(ids, n_subdomains), COMM)
    np.testing.assert_array_equal(split.ids, whole.ids)


@pytest.mark.parametrize("n_ranks", [2, 5])
def test_same_points_for_every_number_of_ranks(n_ranks):
    basis, ids = smooth_basis(600, 6, 12)
    given = [[], [3, 7], [], [11], []]
    parts = [np.array_split(basis, 5), np.array_split(ids, 5), [np.array(rows, dtype=np.int64) for rows in given]]
    serial = qdeim(*parts[:2], COMM, given=parts[2])
    for rank in run_ranks(n_ranks, lambda comm, b, i, g: qdeim(b, i, comm, given=g), *parts):
        np.testing.assert_array_equal(rank.ids, serial.ids)
        np.testing.assert_array_equal(rank.basis, serial.basis)
        np.testing.assert_array_equal(rank.subdomains, serial.subdomains)
    assert serial.n_given == 3


def test_an_empty_subdomain_is_passed_over():
    basis, ids = smooth_basis(100, 1, 4)
    found = qdeim([basis[:0], basis], [ids[:0], ids], COMM)
    assert set(found.subdomains) == {1}


def test_dependent_modes_are_refused():
    basis, ids = smooth_basis(200, 1, 4)
    basis[:, :, 3] = basis[:, :, 2]
    with pytest.raises(AccuracyError, match="leave 1 of 4 gappy modes undetermined"):
        qdeim([basis], [ids], COMM)
    with pytest.raises(AccuracyError, match="rank 3 for 4 modes"):
        gappy_operator(basis[:, 0])
    with pytest.raises(AccuracyError, match="full column rank"):
        gappy_operator(np.ones((2, 3)))
    basis[:, :, 3] = 0.0
    with pytest.raises(AccuracyError, match="Mode 3 of the gappy basis is zero"):
        qdeim([basis], [ids], COMM)


def test_bad_input_is_named():
    basis, ids = smooth_basis(20, 1, 2)
    bad = basis.copy()
    bad[3] = np.inf
    with pytest.raises(InputError, match="Subdomain 1: the gappy basis holds NaN"):
        qdeim([basis, bad], [ids, ids], COMM)
    with pytest.raises(InputError, match="expected \\(n_points, n_components, n_modes\\)"):
        qdeim([basis[:, 0]], [ids], COMM)
    with pytest.raises(InputError, match="expected one shape"):
        qdeim([basis, basis[:, :, :1]], [ids, ids], COMM)
