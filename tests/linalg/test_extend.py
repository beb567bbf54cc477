"""A basis with one more snapshot: what it knew stays true, and a mode comes only where one is missing."""

from itertools import pairwise

import numpy as np
import pytest

from romtool.errors import InputError
from romtool.linalg.pod import Pod, extend, pod
from romtool.linalg.products import point_product
from romtool.linalg.reduction import SerialComm
from tests.linalg.ranks import run_ranks

COMM = SerialComm()
RNG = np.random.default_rng(3)
WEIGHTS = RNG.uniform(0.5, 2.0, 60)
SNAPSHOTS = RNG.standard_normal((60, 8)) * 10.0 ** -np.arange(8)
INNER = [point_product(WEIGHTS)]
TINY = 1e-8


def basis(tolerance: float = 1e-3) -> Pod:
    return pod([SNAPSHOTS], INNER, COMM, tolerance=tolerance)


def extended(field: np.ndarray, tolerance: float = TINY) -> Pod:
    return extend(basis(), [field], INNER, COMM, tolerance=tolerance)


def norm(field: np.ndarray) -> float:
    return float(np.sqrt(np.sum(WEIGHTS * field**2)))


def test_a_new_direction_is_one_more_mode():
    field = RNG.standard_normal(60)
    before, after = basis(), extended(field)
    assert after.n_modes == before.n_modes + 1
    gram = after.modes[0].T @ (WEIGHTS[:, None] * after.modes[0])
    np.testing.assert_allclose(gram, np.eye(after.n_modes), atol=1e-13)
    assert after.orthonormality < 1e-12
    np.testing.assert_allclose(after.modes[0] @ after.coefficients[:, -1], field, atol=1e-13)
    assert after.remainders[-1] == 0.0


def test_earlier_modes_coefficients_and_remainders_stay():
    before, after = basis(), extended(RNG.standard_normal(60))
    n, m = before.coefficients.shape
    np.testing.assert_array_equal(after.modes[0][:, :n], before.modes[0])
    np.testing.assert_array_equal(after.coefficients[:n, :m], before.coefficients)
    np.testing.assert_array_equal(after.coefficients[n:, :m], 0.0)
    np.testing.assert_array_equal(after.remainders[:m], before.remainders)


def test_a_snapshot_in_the_span_adds_no_mode():
    before = basis()
    inside = before.modes[0] @ RNG.standard_normal(before.n_modes)
    after = extended(inside)
    np.testing.assert_array_equal(after.modes[0], before.modes[0])
    np.testing.assert_allclose(after.modes[0] @ after.coefficients[:, -1], inside, atol=1e-14)
    assert after.remainders[-1] < 1e-14 * norm(inside)


def test_what_is_left_of_a_snapshot_without_a_mode_is_its_remainder():
    before, field = basis(), RNG.standard_normal(60)
    inside = before.modes[0] @ RNG.standard_normal(before.n_modes) + 1e-4 * field
    after = extended(inside, tolerance=0.1)
    assert after.n_modes == before.n_modes
    rest = inside - after.modes[0] @ after.coefficients[:, -1]
    assert after.remainders[-1] == pytest.approx(norm(rest), rel=1e-9)


@pytest.mark.parametrize("field", [np.zeros(60), 1e-10 * RNG.standard_normal(60)])
def test_snapshots_that_are_nothing_beside_the_others_add_no_mode(field):
    before, after = basis(), extended(field)
    assert after.n_modes == before.n_modes
    assert after.coefficients.shape[1] == len(after.remainders) == before.coefficients.shape[1] + 1
    size = np.hypot(np.linalg.norm(after.coefficients[:, -1]), after.remainders[-1])
    assert size == pytest.approx(norm(field), rel=1e-6)


def test_singular_values_are_those_of_all_snapshots():
    field = RNG.standard_normal(60)
    whole = extend(basis(0.0), [field], INNER, COMM, tolerance=TINY)
    root = np.sqrt(WEIGHTS)[:, None]
    expected = np.linalg.svd(root * np.column_stack([SNAPSHOTS, field]), compute_uv=False)
    np.testing.assert_allclose(whole.singular_values, expected, rtol=1e-6)


def test_the_largest_norm_counts_what_the_modes_lack():
    norms = [norm(column) for column in SNAPSHOTS.T]
    assert basis(0.5).largest_norm == pytest.approx(max(norms), rel=1e-12)
    assert extended(7.0 * SNAPSHOTS[:, 0]).largest_norm == pytest.approx(7.0 * norms[0], rel=1e-12)


def test_many_snapshots_in_a_row_keep_the_modes_orthonormal():
    found = basis()
    for scale in 10.0 ** -np.arange(20.0):
        field = found.modes[0].sum(axis=1) + max(scale, 1e-6) * RNG.standard_normal(60)
        found = extend(found, [field], INNER, COMM, tolerance=TINY)
    assert found.n_modes == basis().n_modes + 20
    assert found.orthonormality < 1e-12


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_snapshots_that_are_not_finite_or_overflow(bad):
    field = np.ones(60)
    field[4] = bad
    with pytest.raises(InputError):
        extended(field)


@pytest.mark.parametrize("n_ranks", [2, 4])
def test_ranks_change_no_bit(n_ranks):
    cuts = [0, 13, 30, 44, 60]
    field = RNG.standard_normal((60, 1))
    pieces = [slice(a, b) for a, b in pairwise(cuts)]
    inner = [point_product(WEIGHTS[piece]) for piece in pieces]

    def compute(comm, snapshots, fields, products):
        found = pod(snapshots, products, comm, tolerance=1e-3)
        return extend(found, fields, products, comm, tolerance=TINY)

    arguments = ([SNAPSHOTS[p] for p in pieces], [field[p] for p in pieces], inner)
    one, many = compute(COMM, *arguments), run_ranks(n_ranks, compute, *arguments)
    for found in many:
        for name in ("coefficients", "remainders", "singular_values"):
            np.testing.assert_array_equal(getattr(found, name), getattr(one, name))
    modes = [part for found in many for part in found.modes]
    for left, right in zip(modes, one.modes, strict=True):
        np.testing.assert_array_equal(left, right)
