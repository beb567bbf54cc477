"""The case of five problems: its generators agree with exact answers, and a small comparison goes through."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

CASE = Path(__file__).parents[2] / "cases" / "five-problems"


def module_of(name: str) -> ModuleType:
    """Import a file of the case."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(CASE), *sys.path])
        return import_module(name)


@pytest.fixture(scope="module")
def problems() -> ModuleType:
    return module_of("problems")


def test_conduction_has_the_eigenvalue_of_the_square_and_keeps_heat_inside(problems):
    def eigenvalue(n):
        x = (np.arange(n) + 0.5) / n
        field = np.outer(np.sin(np.pi * x), np.sin(np.pi * x)).ravel()
        matrix = problems._conduction(np.ones(n * n), n)
        return field @ matrix @ field / (field @ field)

    errors = [abs(eigenvalue(n) / (2 * np.pi**2) - 1.0) for n in (10, 20)]
    assert errors[1] < 0.3 * errors[0] < 0.01
    inside = problems._conduction(np.random.default_rng(0).uniform(1.0, 2.0, 36), 6) @ np.ones(36)
    assert np.abs(inside.reshape(6, 6)[1:-1, 1:-1]).max() < 1e-10


def test_front_solves_its_equation(problems):
    (history,), _ = problems.front(1, 3, n=60, n_times=400)
    fields = history.reshape(60, 60, 400)
    rng = np.random.default_rng(3)
    rng.random(1)
    angle, _, speed = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(-0.5, 0.0), rng.uniform(0.2, 0.6)
    spacing, dt = 1 / 60, 0.9 / 399
    rate = np.gradient(fields, dt, axis=2)
    slopes = [np.gradient(fields, spacing, axis=axis) for axis in (0, 1)]
    curvature = sum(np.gradient(slope, spacing, axis=axis) for axis, slope in enumerate(slopes))
    left = rate + speed * (np.cos(angle) * slopes[0] + np.sin(angle) * slopes[1]) - 2e-3 * curvature
    inside = np.s_[3:-3, 3:-3, 3:-3]
    assert np.abs(left[inside]).max() < 0.05 * np.abs(rate[inside]).max()


@pytest.mark.parametrize("name", ["heat", "thermo-elasticity", "elastoplasticity", "elastoviscoplasticity", "front"])
def test_amplitudes_differ_strongly(problems, name):
    histories, inner = problems.PROBLEMS[name](6, 0)
    norms = [np.linalg.norm(history) for history in histories]
    assert max(norms) > 8 * min(norms) > 0.0
    assert len({history.shape for history in histories}) == 1
    assert len(histories[0]) % inner.shape[0] == 0


def test_small_comparison(monkeypatch, capsys):
    compare, problems = module_of("compare"), module_of("problems")
    monkeypatch.setattr(compare, "PROBLEMS", {name: problems.PROBLEMS[name] for name in ("thermo-elasticity",)})
    found = compare.run(30, 3, 0, print)
    compare.print_tables(found)
    printed = capsys.readouterr().out
    for name, entry in found.items():
        assert f"{name} " in printed
        assert 1 <= entry["recommended"] <= entry["clusters"] <= 8
        for kind in ("as they are", "norm one"):
            assert list(entry["errors"][kind]) == list(compare.METHODS)
            assert all(0.0 < error < 1.0 for errors in entry["errors"][kind].values() for error in errors)
    errors = found["thermo-elasticity"]["errors"]["as they are"]
    assert np.mean(errors["sine k-medoids"]) < np.mean(errors["Euclidean k-means"])
