"""Random fields: the modes have the covariance that was asked for."""

import numpy as np
import pytest

from romtool.errors import AccuracyError
from romtool.linalg.covariance import gaussian_modes, pivoted_cholesky, principal_modes

POINTS = np.random.default_rng(3).random((300, 3)) * [10.0, 4.0, 2.0]


def kernel(length: float, deviation: float) -> np.ndarray:
    squares = ((POINTS[:, None] - POINTS[None]) ** 2).sum(axis=2)
    return deviation**2 * np.exp(-squares / (2.0 * length**2))


def test_modes_reproduce_the_kernel():
    modes = gaussian_modes(POINTS, 4.0, 25.0, 1.0 - 1e-9)
    np.testing.assert_allclose(modes @ modes.T, kernel(4.0, 25.0), atol=1e-3 * 25.0**2)


@pytest.mark.parametrize("energy", [0.8, 0.95, 0.999])
def test_modes_are_the_fewest_with_the_energy(energy):
    covariance = kernel(2.0, 3.0)
    modes = gaussian_modes(POINTS, 2.0, 3.0, energy)
    values = np.linalg.eigvalsh(covariance)[::-1]
    wanted = int(np.searchsorted(np.cumsum(values) / values.sum(), energy)) + 1
    assert modes.shape[1] in (wanted, wanted + 1)
    assert (modes**2).sum() >= energy * np.trace(covariance) * (1.0 - 1e-9)
    np.testing.assert_allclose((modes**2).sum(axis=0), values[: modes.shape[1]], rtol=0.05, atol=1e-3 * values[0])


def test_modes_are_orthogonal_and_descend():
    modes = gaussian_modes(POINTS, 3.0, 1.0, 0.99)
    gram = modes.T @ modes
    assert (np.diff(np.diag(gram)) <= 0.0).all()
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-9 * gram[0, 0])


def test_sample_covariance_of_given_fields():
    fields = np.random.default_rng(0).standard_normal((5, 40))
    factor = (fields - fields.mean(axis=0)).T / 2.0
    modes = principal_modes(factor, (factor**2).sum(), 1.0 - 1e-12)
    np.testing.assert_allclose(modes @ modes.T, np.cov(fields.T), atol=1e-12)


def test_cholesky_of_low_rank_is_exact():
    factor = np.random.default_rng(1).standard_normal((50, 4))
    covariance = factor @ factor.T
    found = pivoted_cholesky(lambda i: covariance[i], np.diag(covariance), 1.0 - 1e-13, 50)
    assert found.shape[1] == 4
    np.testing.assert_allclose(found @ found.T, covariance, atol=1e-11)


def test_too_short_a_length_is_told():
    with pytest.raises(AccuracyError, match=r"20 terms of a random field reach .*; give a larger length"):
        gaussian_modes(POINTS, 0.01, 1.0, 0.95, max_rank=20)
