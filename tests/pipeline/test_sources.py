"""What a case stands for: warnings about what can hardly be meant."""

import pytest

from romtool.loading import Material
from romtool.pipeline.sources import implausible_units


@pytest.mark.parametrize(("young", "density"), [(2e5, 7.8e-9), (2.1e11, 7800.0), ([[0.0, 2e5], [900.0, 1e5]], 8.2e-9)])
def test_consistent_units_are_accepted(young, density):
    assert implausible_units([Material("all", "elastic", {"young": young, "poisson": 0.3}, density)]) == []


@pytest.mark.parametrize(("young", "density"), [(2e5, 7800.0), (2.1e11, 7.8e-9), (2.1e5, 7.8e-6)])
def test_mixed_units_are_told(young, density):
    (sentence,) = implausible_units([Material("DISK", "elastic", {"young": young, "poisson": 0.3}, density)])
    assert sentence.startswith("material of 'DISK'")
    assert "check the units" in sentence


def test_no_density_no_remark():
    assert implausible_units([Material("all", "elastic", {"young": 2e5, "poisson": 0.3})]) == []
