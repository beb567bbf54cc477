import numpy as np
import pytest
import scipy.sparse as sp

from romtool.errors import AccuracyError, InputError
from romtool.linalg.pod import pod, project
from romtool.linalg.products import TENSOR_METRIC, gram, nodal_product, point_product, self_gram
from romtool.linalg.reduction import SerialComm
from tests.linalg.ranks import run_ranks

COMM = SerialComm()


def spd(n, rng):
    """A sparse symmetric positive definite matrix like a mass matrix of a bar with varying density."""
    main = rng.uniform(2.0, 4.0, n)
    return sp.diags([main, -0.9 * np.ones(n - 1), -0.9 * np.ones(n - 1)], [0, 1, -1]).tocsr()


def decaying(n, n_snapshots, orders, rng):
    """Snapshots with singular values from 1 down to 10^-orders, and these values."""
    left = np.linalg.qr(rng.standard_normal((n, n_snapshots)))[0]
    right = np.linalg.qr(rng.standard_normal((n_snapshots, n_snapshots)))[0]
    values = 10.0 ** -np.linspace(0, orders, n_snapshots)
    return left * values @ right.T, values


def tail(values, n):
    return np.sqrt(np.sum(values[n:] ** 2) / np.sum(values**2))


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6, 1e-8, 1e-10, 1e-12])
def test_modes_are_the_fewest_and_as_good_as_the_svd(tolerance):
    snapshots, values = decaying(400, 45, 15.7, np.random.default_rng(1))
    result = pod([snapshots], [sp.identity(400)], COMM, tolerance=tolerance)
    n = result.n_modes
    assert tail(values, n) <= tolerance < tail(values, n - 1)
    assert result.truncation_error == pytest.approx(tail(values, n), rel=1e-3)
    modes = result.modes[0]
    rest = np.linalg.norm(snapshots - modes @ (modes.T @ snapshots)) / np.linalg.norm(snapshots)
    assert rest <= tolerance
    assert np.abs(modes.T @ modes - np.eye(n)).max() <= 1e-12
    np.testing.assert_allclose(result.singular_values[:n], values[:n], atol=1e-15, rtol=1e-6)


def test_weighted_modes_equal_the_svd_of_the_weighted_snapshots():
    rng = np.random.default_rng(2)
    matrix = spd(60, rng)
    snapshots = rng.standard_normal((60, 12)) * 2.0 ** -np.arange(12)
    root = np.linalg.cholesky(matrix.toarray()).T
    left, values, _ = np.linalg.svd(root @ snapshots, full_matrices=False)
    result = pod([snapshots], [matrix], COMM, tolerance=0.0)
    expected = np.linalg.solve(root, left)
    np.testing.assert_allclose(result.singular_values, values, rtol=1e-12)
    expected *= np.sign(expected[np.abs(expected).argmax(axis=0), np.arange(12)])
    np.testing.assert_allclose(result.modes[0], expected, atol=1e-9)


def test_snapshots_of_low_rank_give_that_many_modes():
    rng = np.random.default_rng(3)
    snapshots = rng.standard_normal((200, 4)) @ rng.standard_normal((4, 30))
    result = pod([snapshots], [sp.identity(200)], COMM, tolerance=0.0)
    assert result.n_modes == 4
    assert result.truncation_error < 1e-14


def test_more_snapshots_than_unknowns():
    snapshots = np.random.default_rng(4).standard_normal((5, 40))
    result = pod([snapshots], [np.eye(5)], COMM, tolerance=0.0)
    assert result.n_modes == 5


def test_max_modes_truncates_and_reports():
    snapshots, values = decaying(100, 20, 4, np.random.default_rng(5))
    result = pod([snapshots], [np.eye(100)], COMM, tolerance=1e-8, max_modes=3)
    assert result.n_modes == 3
    assert result.truncation_error == pytest.approx(tail(values, 3), rel=1e-9)


def test_snapshots_are_not_changed():
    snapshots, _ = decaying(100, 20, 15, np.random.default_rng(6))
    before = snapshots.copy()
    pod([snapshots], [np.eye(100)], COMM, tolerance=1e-12)
    np.testing.assert_array_equal(snapshots, before)


@pytest.mark.parametrize("n_subdomains", [2, 4, 7])
def test_splitting_into_subdomains_changes_nothing_but_round_off(n_subdomains):
    rng = np.random.default_rng(7)
    snapshots, _ = decaying(210, 25, 10, rng)
    weights = rng.uniform(1.0, 2.0, 210)
    whole = pod([snapshots], [point_product(weights)], COMM, tolerance=1e-6)
    inner = [point_product(part) for part in np.array_split(weights, n_subdomains)]
    split = pod(np.array_split(snapshots, n_subdomains), inner, COMM, tolerance=1e-6)
    values = whole.singular_values[: whole.n_modes]
    np.testing.assert_allclose(np.vstack(split.modes) * values, whole.modes[0] * values, atol=1e-11)
    np.testing.assert_allclose(split.singular_values, whole.singular_values, rtol=1e-6, atol=1e-13)


@pytest.mark.parametrize("n_ranks", [2, 3, 7])
def test_bits_do_not_depend_on_the_number_of_ranks(n_ranks):
    rng = np.random.default_rng(8)
    snapshots, _ = decaying(140, 25, 14, rng)
    parts = np.array_split(snapshots, 7)
    matrices = [spd(len(part), rng) for part in parts]
    serial = pod(parts, matrices, COMM, tolerance=1e-10)
    ranks = run_ranks(n_ranks, lambda comm, x, m: pod(x, m, comm, tolerance=1e-10), parts, matrices)
    modes = [part for rank in ranks for part in rank.modes]
    assert all(np.array_equal(a, b) for a, b in zip(modes, serial.modes, strict=True))
    assert all(np.array_equal(rank.singular_values, serial.singular_values) for rank in ranks)


def test_an_empty_subdomain_adds_nothing():
    snapshots, _ = decaying(60, 8, 3, np.random.default_rng(9))
    full = pod([snapshots], [point_product(np.ones(60))], COMM, tolerance=1e-9)
    inner = [point_product(np.ones(0)), point_product(np.ones(60))]
    both = pod([snapshots[:0], snapshots], inner, COMM, tolerance=1e-9)
    np.testing.assert_allclose(both.modes[1], full.modes[0], atol=1e-12)


def test_largest_component_is_positive_and_ties_go_to_the_lowest_id():
    snapshots = np.array([[1.0], [-1.0], [0.5]])
    inner = [np.eye(3)]
    assert pod([snapshots], inner, COMM, tolerance=0.1).modes[0][0, 0] > 0
    result = pod([snapshots], inner, COMM, tolerance=0.1, dof_ids=[np.array([7, 3, 1])])
    assert result.modes[0][1, 0] > 0
    split = pod([snapshots[:1], snapshots[1:]], [np.eye(1), np.eye(2)], COMM, tolerance=0.1,
                dof_ids=[np.array([7]), np.array([3, 1])])  # fmt: skip
    assert split.modes[1][0, 0] > 0


def test_projection_is_the_best_approximation():
    rng = np.random.default_rng(10)
    matrix = spd(50, rng)
    modes = pod([rng.standard_normal((50, 6))], [matrix], COMM, tolerance=0.0).modes
    field = rng.standard_normal((50, 2))
    coefficients = project(modes, [field], [matrix], COMM)
    rest = field - modes[0] @ coefficients
    assert np.abs(modes[0].T @ (matrix @ rest)).max() < 1e-12


def test_a_scalar_matrix_acts_on_each_component():
    rng = np.random.default_rng(11)
    matrix = spd(8, rng)
    fields = rng.standard_normal((24, 5))
    np.testing.assert_allclose(nodal_product(matrix)(fields), sp.kron(matrix, np.eye(3)) @ fields, atol=1e-14)


def test_the_tensor_metric_counts_shear_twice():
    rng = np.random.default_rng(12)
    a, b = rng.standard_normal((2, 4, 3, 3))
    a, b = a + a.transpose(0, 2, 1), b + b.transpose(0, 2, 1)
    weights = rng.uniform(size=4)
    rows = [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0)]
    left, right = (np.stack([x[:, i, j] for i, j in rows], axis=1).reshape(-1, 1) for x in (a, b))
    product = gram([left], [right], [point_product(weights, TENSOR_METRIC)], COMM)
    assert product[0, 0] == pytest.approx(np.einsum("k,kij,kij->", weights, a, b))


def test_gram_matrices_larger_than_a_block():
    fields = np.random.default_rng(13).standard_normal((30, 150))
    product = point_product(np.arange(1.0, 31.0))
    expected = fields.T @ (np.arange(1.0, 31.0)[:, None] * fields)
    np.testing.assert_allclose(self_gram([fields], [product], COMM), expected, atol=1e-10)
    np.testing.assert_allclose(gram([fields[:, :3]], [fields], [product], COMM), expected[:3], atol=1e-10)


def test_bad_snapshots_are_named():
    good, bad = np.ones((4, 3)), np.ones((4, 3))
    bad[2, 1] = np.nan
    inner = [np.eye(4), np.eye(4)]
    with pytest.raises(InputError, match="Subdomain 1: snapshot 1 is not finite"):
        pod([good, bad], inner, COMM, tolerance=0.1)
    with pytest.raises(InputError, match="Subdomain 1: snapshot 1 is not finite"):
        run_ranks(2, lambda comm, x, m: pod(x, m, comm, tolerance=0.1), [good, bad], inner)
    with pytest.raises(InputError, match="All snapshots are zero"):
        pod([0 * good], inner[:1], COMM, tolerance=0.1)
    with pytest.raises(InputError, match="same number"):
        pod([good, good[:, :2]], inner, COMM, tolerance=0.1)
    with pytest.raises(InputError, match="one each"):
        pod([good], inner, COMM, tolerance=0.1)
    with pytest.raises(InputError, match="overflow"):
        pod([1e200 * good], inner[:1], COMM, tolerance=0.1)
    with pytest.raises(InputError, match="tolerance"):
        pod([good], inner[:1], COMM, tolerance=-1.0)
    with pytest.raises(InputError, match="max_modes"):
        pod([good], inner[:1], COMM, tolerance=0.1, max_modes=0)
    with pytest.raises(InputError, match="expected a multiple"):
        pod([good], [np.eye(3)], COMM, tolerance=0.1)


def test_an_unsymmetric_inner_product_is_found_out():
    rng = np.random.default_rng(14)
    matrix = np.eye(10) + 0.2 * rng.standard_normal((10, 10))
    with pytest.raises(AccuracyError, match="symmetric"):
        pod([rng.standard_normal((10, 90))], [matrix], COMM, tolerance=1e-3)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-9, 1e-12])
def test_coefficients_and_remainders_of_the_snapshots(tolerance):
    snapshots, _ = decaying(300, 40, 14, np.random.default_rng(8))
    weights = np.random.default_rng(9).uniform(1.0, 2.0, 300)
    result = pod([snapshots], [point_product(weights)], COMM, tolerance=tolerance)
    gap = snapshots - result.modes[0] @ result.coefficients
    found = np.sqrt(np.sum(weights[:, None] * gap**2, axis=0))
    np.testing.assert_allclose(result.remainders, found, rtol=1e-4, atol=1e-15)
    expected = project(result.modes, [snapshots], [point_product(weights)], COMM)
    np.testing.assert_allclose(result.coefficients, expected, atol=1e-14)
