"""Material history behind a solver's displacements, recomputed and compared with what the solver wrote."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from romtool.convert.registry import read_deck, read_results
from romtool.fem.operators import strain
from romtool.fem.partition import split_mesh
from romtool.laws import build_tables, state_fields
from romtool.linalg.products import TENSOR_METRIC
from romtool.offline.parts import Part, build_part, recompute
from romtool.types import Floats


def recomputed_deviations(deck_path: Path, results_path: Path) -> dict[str, tuple[float, float]]:
    """Return field -> `max |a - b| / max |b|` and `sup_t ‖a - b‖_t / sup_t ‖b‖_t`, strain included."""
    deck, results = read_deck(deck_path), read_results(results_path)
    loading = replace(deck.loading, times=results.times) if deck.times_from_results else deck.loading
    (whole,) = split_mesh(results.mesh, np.zeros(results.mesh.n_elements, dtype=np.int64))
    part = build_part(whole, deck.materials, build_tables(deck.materials))
    displacement = np.array([results.read("u", i) for i in range(len(results.times))])
    columns = state_fields(part.tables).get("p", slice(0, 0))
    found = {"strain": [strain(part.operators, u) for u in displacement[1:]], "stress": [], "p": []}
    for state in recompute(part, loading, results.times, displacement):
        found["stress"].append(state.stress)
        found["p"].append(state.state[:, columns])
    deviations = {}
    for name in found.keys() & results.fields.keys():
        expected = np.array([results.read(name, i) for i in range(1, len(results.times))])
        printed = np.isfinite(expected)
        gap = np.where(printed, np.array(found[name]) - expected, 0.0)
        largest = float(np.abs(gap).max() / np.abs(expected[printed]).max())
        deviations[name] = (largest, _norm(gap, part) / _norm(np.where(printed, expected, 0.0), part))
    return deviations


def _norm(history: Floats, part: Part) -> float:
    """Return the largest L2 norm over time of an (n_times, n_points, n_components) history."""
    metric = np.array(TENSOR_METRIC if history.shape[2] == 6 else (1.0,))
    squares = np.einsum("tkc,k,c->t", history**2, np.abs(part.operators.weights), metric)
    return float(np.sqrt(squares.max()))
