import numpy as np
import pytest

from romtool.errors import AccuracyError, InputError
from romtool.linalg.agreement import all_finite, best_tied, first_subdomain, on_root, raise_together
from romtool.linalg.reduction import gather_subdomains, ordered_sum
from tests.linalg.ranks import run_ranks


def test_first_subdomain_counts_those_of_lower_ranks():
    assert run_ranks(3, lambda comm, owned: first_subdomain(comm, len(owned)), list("abcdefg")) == [0, 2, 5]
    assert run_ranks(2, gather_subdomains, [1, 2, 3])[1] == [1, 2, 3]


def test_sums_have_the_same_bits_for_every_number_of_ranks():
    parts = list(np.random.default_rng(0).standard_normal((9, 50)) * 10.0 ** np.arange(9)[:, None])
    expected = run_ranks(1, ordered_sum, parts)[0]
    for n_ranks in (2, 3, 9):
        assert all(np.array_equal(found, expected) for found in run_ranks(n_ranks, ordered_sum, parts))


def test_a_problem_of_one_rank_is_raised_by_all():
    def check(comm, owned):
        with pytest.raises(InputError, match="second is wrong"):
            raise_together(comm, [text for text in owned if text])
        return True

    assert all(run_ranks(3, check, ["", "second is wrong", "third is wrong"]))


def test_an_error_on_the_root_is_raised_by_all():
    def fail():
        raise AccuracyError("too coarse")

    def check(comm, owned):
        with pytest.raises(AccuracyError, match="too coarse"):
            on_root(comm, fail)
        return on_root(comm, sum, [1, 2])

    assert run_ranks(3, check, [0, 1, 2]) == [3, 3, 3]


def test_scores_within_the_tie_go_to_the_lowest_id():
    ids = np.array([[5, 0], [2, 3], [2, 1], [1, 0]])
    assert best_tied(np.array([1.0, 1.0 - 1e-10, 1.0 + 1e-10, 1.0 - 1e-8]), ids) == 2
    assert best_tied(np.array([-1.0, -np.inf, -2.0, -3.0]), ids) == 0


def test_infinities_of_both_signs_and_large_numbers():
    assert not all_finite(np.array([np.inf, -np.inf]))
    assert not all_finite(np.array([1.0, np.nan]))
    assert all_finite(np.array([1.7e308, 1.7e308]))
