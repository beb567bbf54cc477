import numpy as np
import pytest

from romtool.errors import AccuracyError, InputError
from romtool.linalg import candidates
from romtool.linalg.ecm import ecm
from romtool.linalg.integrands import columns, integrate
from romtool.linalg.reduction import SerialComm
from tests.linalg.ranks import run_ranks

COMM = SerialComm()


def smooth_case(n_points, n_modes, n_stress, seed=0, waves=1.0):
    """Random smooth strain and stress modes on points of a cube, in layers of ascending element ids."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(size=(n_points, 3)), axis=0)
    x[:, 1:] = rng.uniform(size=(n_points, 2))
    features = np.cos(x @ (2 * np.pi * waves * rng.standard_normal((3, 60))) + rng.uniform(0, 2 * np.pi, 60))
    fields = (features @ rng.standard_normal((60, 6 * (n_modes + n_stress))) / 8).reshape(n_points, 6, -1)
    stress = fields[:, :, n_modes:] * 10.0 ** -np.linspace(0, 3, n_stress)
    ids = np.column_stack((np.arange(n_points) // 4 + 1, np.arange(n_points) % 4))
    weights = rng.uniform(0.5, 1.5, n_points) / n_points
    return np.ascontiguousarray(fields[:, :, :n_modes]), np.ascontiguousarray(stress), weights, ids


def split(case, n):
    return [np.array_split(part, n) for part in case]


def run(case, n=1, **options):
    return ecm(*split(case, n), COMM, **options)


def full_error(case, result):
    """`‖G_S ω - b‖ / ‖b‖` with the volume row, from the definition."""
    strain, stress, weights, _ = case
    rows = columns(strain, stress)
    target = weights @ rows
    scale = np.linalg.norm(target)
    misfit = result.weights @ rows[result.rows] - target
    volume = scale * (result.weights.sum() / weights.sum() - 1.0)
    return np.hypot(np.linalg.norm(misfit), volume) / scale


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6, 1e-9])
def test_tolerance_is_honoured_on_all_rows(tolerance):
    case = smooth_case(2000, 6, 8)
    result = run(case, tolerance=tolerance)
    assert result.error <= tolerance
    assert full_error(case, result) == pytest.approx(result.error, rel=1e-4, abs=1e-13)
    assert result.weights.min() > 0.0
    assert result.volume_error <= tolerance
    assert len(result.weights) <= 6 * 8 + 1
    np.testing.assert_array_equal(result.ids, case[3][result.rows])
    assert result.n_pricings == len(result.history)


def test_the_residual_is_told_on_its_way_to_the_tolerance():
    told = []
    result = run(smooth_case(2000, 6, 8), tolerance=1e-6, tick=lambda *entry: told.append(entry))
    assert len(told) >= len(result.weights)
    assert {total for _, total, _ in told} == {1.0}
    assert told[-1][0] == 1.0
    ratios = [float(words.split()[3]) for _, _, words in told]
    assert ratios[0] > 1e3 > 1.0 > ratios[-1]


def test_number_of_points_is_below_the_numerical_rank():
    case = smooth_case(5000, 10, 20, waves=0.4)
    values = np.linalg.svd(columns(*case[:2]) * np.sqrt(case[2])[:, None], compute_uv=False)
    result = run(case, tolerance=1e-5)
    assert len(result.weights) <= np.count_nonzero(values > 1e-5 * values[0])


def test_rows_of_low_rank_need_no_more_points_than_their_rank():
    rng = np.random.default_rng(3)
    _, _, weights, ids = smooth_case(3000, 1, 1)
    x = np.linspace(-1, 1, 3000)
    powers = x[:, None] ** np.arange(4)
    strain = np.einsum("kp,pcj->kcj", powers, rng.standard_normal((4, 6, 10)))
    stress = np.einsum("kp,pci->kci", powers, rng.standard_normal((4, 6, 12)))
    result = run((strain, stress, weights, ids), tolerance=1e-9)
    assert len(result.weights) <= 7  # polynomials of degree six, which include the volume


def test_polynomials_are_integrated_exactly():
    n = 300
    x, weights = np.polynomial.legendre.leggauss(n)
    strain, stress = np.zeros((n, 6, 5)), np.zeros((n, 6, 1))
    strain[:, 0, :], stress[:, 0, 0] = x[:, None] ** np.arange(5), 1.0
    ids = np.column_stack((np.arange(n), np.zeros(n, dtype=int)))
    result = run((strain, stress, weights, ids), tolerance=1e-11)
    assert len(result.weights) <= 5
    for degree in range(5):
        exact = (1 - (-1) ** (degree + 1)) / (degree + 1)
        assert result.weights @ x[result.rows] ** degree == pytest.approx(exact, abs=1e-10)


def test_shear_counts_twice():
    case = smooth_case(500, 3, 3)
    strain, stress = (np.where(np.arange(6)[:, None] == 4, part, 0.0) for part in case[:2])
    target = integrate(strain, stress, case[2])
    expected = 2.0 * np.einsum("k,ki,kj->ij", case[2], stress[:, 4], strain[:, 4])
    np.testing.assert_allclose(target, expected, atol=1e-14)
    result = run((strain, stress, *case[2:]), tolerance=1e-6)
    assert full_error((strain, stress, *case[2:]), result) <= 1e-6


def test_fewer_points_than_candidates_and_a_single_point():
    case = smooth_case(30, 2, 2)
    assert run(case, tolerance=1e-8).error <= 1e-8
    single = tuple(part[:1] for part in case)
    result = run(single, tolerance=1e-8)
    np.testing.assert_allclose(result.weights, single[2])


def test_same_points_on_every_run():
    case = smooth_case(3000, 8, 10)
    first, second = run(case, tolerance=1e-5), run(case, tolerance=1e-5)
    np.testing.assert_array_equal(first.ids, second.ids)
    np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize("n_subdomains", [2, 4, 7])
def test_same_points_for_other_subdomains(n_subdomains):
    case = smooth_case(3000, 8, 10)
    whole, parts = run(case, tolerance=1e-5), run(case, n_subdomains, tolerance=1e-5)
    np.testing.assert_array_equal(parts.ids, whole.ids)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-6)
    starts = np.concatenate(([0], np.cumsum([len(part) for part in split(case, n_subdomains)[2]])))
    np.testing.assert_array_equal(starts[parts.subdomains] + parts.rows, whole.rows)


def test_meshes_priced_in_shifts_give_the_same_for_other_subdomains(monkeypatch):
    case = smooth_case(6000, 8, 10)
    full = run(case, tolerance=1e-5)
    monkeypatch.setattr(candidates, "POINTS_PER_SHIFT", 700)
    whole, parts = run(case, tolerance=1e-5), run(case, 5, tolerance=1e-5)
    np.testing.assert_array_equal(parts.ids, whole.ids)
    assert full_error(case, whole) <= 1e-5
    assert len(whole.ids) <= 1.1 * len(full.ids)


@pytest.mark.parametrize("n_ranks", [2, 3, 7])
def test_bits_do_not_depend_on_the_number_of_ranks(n_ranks):
    case = smooth_case(2100, 6, 8)
    serial = run(case, 7, tolerance=1e-5)
    ranks = run_ranks(n_ranks, lambda comm, *parts: ecm(*parts, comm, tolerance=1e-5), *split(case, 7))
    for rank in ranks:
        np.testing.assert_array_equal(rank.ids, serial.ids)
        np.testing.assert_array_equal(rank.weights, serial.weights)
        np.testing.assert_array_equal(rank.subdomains, serial.subdomains)
        assert rank.error == serial.error


def test_order_of_points_in_a_subdomain_does_not_matter():
    case = smooth_case(1500, 5, 6)
    order = np.random.default_rng(5).permutation(1500)
    mixed = tuple(part[order] for part in case)
    a, b = run(case, tolerance=1e-5), run(mixed, tolerance=1e-5)
    np.testing.assert_array_equal(a.ids, b.ids)


def test_ties_go_to_the_lowest_id():
    strain, stress, weights, ids = smooth_case(40, 2, 2)
    twice = tuple(np.concatenate((part, part)) for part in (strain, stress, weights))
    other = np.concatenate((ids + np.array([1000, 0]), ids))
    result = run((*twice, other), tolerance=1e-8)
    assert result.ids[:, 0].max() < 1000


def test_self_equilibrated_stress_is_measured_by_absolute_integrals():
    strain, stress, weights, ids = smooth_case(3000, 4, 5)
    rows = columns(strain, stress)
    load = (weights @ rows).reshape(5, 4)
    constant = np.linalg.lstsq(np.einsum("k,kcj->cj", weights * 1.0, strain).T, load.T, rcond=None)[0]
    shifted = stress - constant / np.array([1, 1, 1, 2, 2, 2])[:, None]
    case = (strain, np.ascontiguousarray(shifted), weights, ids)
    integrals = integrate(*case[:3])
    absolute = np.linalg.norm(weights @ np.abs(columns(*case[:2])))
    assert np.linalg.norm(integrals) < 1e-3 * absolute
    result = run(case, tolerance=1e-5)
    assert result.error <= 1e-5
    misfit = result.weights @ columns(*case[:2])[result.rows] - integrals.ravel()
    assert np.linalg.norm(misfit) <= 1e-5 * absolute
    assert len(result.weights) <= 21


def test_max_points_too_small_says_what_was_reached():
    case = smooth_case(1000, 6, 8)
    with pytest.raises(AccuracyError, match=r"error of \d\.\d+e-\d+ with 5 points \(max_points 5\); expected 1.00e-06"):
        run(case, tolerance=1e-6, max_points=5)
    with pytest.raises(AccuracyError, match="max_points 5"):
        run_ranks(2, lambda comm, *p: ecm(*p, comm, tolerance=1e-6, max_points=5), *split(case, 3))
    n_points = len(run(case, tolerance=1e-3).weights)
    assert len(run(case, tolerance=1e-3, max_points=n_points).weights) <= n_points


def test_a_tolerance_below_round_off_ends_in_words():
    with pytest.raises(AccuracyError, match="larger tolerance"):
        run(smooth_case(300, 3, 3), tolerance=1e-18)


def test_bad_input_is_named():
    strain, stress, weights, ids = smooth_case(20, 2, 2)
    holes = stress.copy()
    holes[13, 2, 1] = np.nan
    cases = {
        "Subdomain 0: stress modes are not finite at row 13": (strain, holes, weights, ids),
        "Subdomain 0: 20 weights are not finite": (strain, stress, np.nan * weights, ids),
        "expected \\(n, 6, n_modes\\)": (strain[:, :5], stress, weights, ids),
        "mean square 0": (strain, 0 * stress, weights, ids),
        "expected one pair": (strain[:, :, :0], stress, weights, ids),
    }
    for words, case in cases.items():
        with pytest.raises(InputError, match=words):
            run(case, tolerance=1e-3)
    with pytest.raises(InputError, match="tolerance is 0"):
        run((strain, stress, weights, ids), tolerance=0)
    with pytest.raises(InputError, match="max_points is 0"):
        run((strain, stress, weights, ids), tolerance=0.1, max_points=0)
