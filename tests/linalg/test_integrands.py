import numpy as np
import pytest

from romtool.linalg import integrands
from romtool.linalg.integrands import METRIC, columns, integrate, integrate_absolute, norm_bounds, price


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(integrands, "BLOCK_VALUES", 100)


@pytest.fixture(name="case")
def _case():
    rng = np.random.default_rng(0)
    strain, stress = rng.standard_normal((23, 6, 3)), rng.standard_normal((23, 6, 4))
    return strain, stress, rng.uniform(size=23), np.einsum("kci,kcj,c->kij", stress, strain, METRIC)


def test_columns_are_full_contractions(case):
    strain, stress, _, rows = case
    np.testing.assert_allclose(columns(strain, stress), rows.reshape(23, -1), atol=1e-14)


def test_pricing_is_the_product_with_the_transpose(case):
    strain, stress, _, rows = case
    direction = np.random.default_rng(1).standard_normal((4, 3))
    expected = np.einsum("kij,ij->k", rows, direction)
    for picked in (np.arange(23), np.arange(5, 20), np.array([4, 3, 20, 7, 8, 9, 10, 11])):
        np.testing.assert_allclose(price(strain, stress, picked, direction), expected[picked], atol=1e-13)


def test_integrals(case):
    strain, stress, weights, rows = case
    np.testing.assert_allclose(integrate(strain, stress, weights), np.einsum("k,kij->ij", weights, rows), atol=1e-13)
    absolute = np.einsum("k,kij->ji", weights, np.abs(rows))
    np.testing.assert_allclose(integrate_absolute(strain, stress, weights, METRIC), absolute, atol=1e-13)


def test_norm_bounds_bound(case):
    strain, stress, _, rows = case
    assert (np.linalg.norm(rows.reshape(23, -1), axis=1) <= norm_bounds(strain, stress)).all()
    one = norm_bounds(strain[:, :, :1], strain[:, :, :1])
    np.testing.assert_allclose(one, columns(strain[:, :, :1], strain[:, :, :1])[:, 0], rtol=1e-12)
