"""`solve` against CalculiX with tightened controls: double-precision displacements, stress and p of 7 digits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from romtool.convert.calculix import READER
from romtool.fem.operators import build_operators
from romtool.hifi.march import solve
from romtool.hifi.problem import build_problem
from tests.fem.calculix_runs import run_calculix

TIGHT = ("*NODE OUTPUT, DOUBLE", "*CONTROLS, PARAMETERS=FIELD\n1e-9, 1e-9\n*NODE OUTPUT, DOUBLE")


def deviations(frd: Path) -> dict[str, float]:
    """Solve what the deck says; return the largest relative deviations over all times and points."""
    deck = READER.read_deck(frd.with_suffix(".inp"))
    results = READER.read(frd)
    assert deck.mesh is not None
    loading = replace(deck.loading, times=results.times) if deck.times_from_results else deck.loading
    case = build_problem(build_operators(deck.mesh), deck.materials, loading)
    states = []
    solve(case, lambda state, _: states.append(state))
    np.testing.assert_allclose([state.time for state in states], results.times, rtol=1e-6)
    found = {
        "u": [state.displacement for state in states],
        "stress": [state.stress for state in states],
        "p": [state.state[:, :1] for state in states],
    }
    result = {}
    for name in found.keys() & results.fields.keys():
        expected = np.array([results.read(name, i) for i in range(len(states))])
        result[name] = float(np.abs(np.array(found[name]) - expected).max() / np.abs(expected).max())
    return result


@pytest.mark.parametrize(
    "name",
    [
        *(f"elem_{cell}" for cell in ("C3D4", "C3D6", "C3D8", "C3D10", "C3D15", "C3D20", "C3D20R")),
        "th_C3D8",
        "th_C3D20",
        "th_C3D20R_cr",
        "c_visc",
        "c_timeh",
    ],
)
def test_inelastic_histories(name, tmp_path):
    errors = deviations(run_calculix(name, tmp_path, TIGHT))
    assert set(errors) == {"u", "stress", "p"}
    assert errors["u"] < 5e-7
    assert errors["stress"] < 1e-6
    assert errors["p"] < 1e-6


@pytest.mark.parametrize("name", ["amp0", "amp1", "amp2", "dsload_C3D10", "centrif_C3D10", "grav_C3D10"])
def test_loads_over_time(name, tmp_path):
    assert deviations(run_calculix(name, tmp_path))["u"] < 1e-12
