"""Z-set's own strains through romtool's laws: its stress and cumulated strain, to its float32 files."""

import numpy as np
import pytest

from romtool.convert.registry import read_deck, read_results
from romtool.fem.partition import split_mesh
from romtool.laws import build_sites, build_tables, evaluate, state_size, virgin_state
from romtool.linalg.products import TENSOR_METRIC
from romtool.loading import Material
from romtool.offline.parts import build_part
from romtool.temperature import build_temperature, evaluate_at
from tests.shared_data import shared

TIMES = np.linspace(0.0, 2.0, 11)
N_ELEMENTS, N_COMPONENTS, N_LOCAL = 216, 19, 8

VISCOPLASTIC = Material(
    "all",
    "viscoplastic_norton_af",
    {"young": 2e5, "poisson": 0.3, "expansion": 2e-5, "K": 300.0, "n": 30.0, "R0": 10.0, "C": [1e5], "D": [1000.0]},
    reference_temperature=20.0,
)
MISES = Material("all", "plastic", {"young": 2e5, "poisson": 0.2, "R0": 10.0, "H": 100.0})


def integration_values(folder):
    """Return (n_times, n_points, 19): strain (6), stress (6), cumulated strain, inelastic strain (6)."""
    raw = np.fromfile(shared("zset", folder, "cube.integ"), dtype=">f4").astype(float)
    values = raw.reshape(len(TIMES), N_ELEMENTS, N_COMPONENTS, N_LOCAL)
    return values.transpose(0, 1, 3, 2).reshape(len(TIMES), -1, N_COMPONENTS)


def point_temperatures(folder):
    """Return (n_times, n_points), trilinear in the elements, linear between the files' times 0, 1, 2."""
    lines = shared("zset", folder, "cube.geof").read_text().split("**element")[1].splitlines()
    rows = np.array([line.split()[2:] for line in lines[2 : 2 + N_ELEMENTS]], dtype=int) - 1
    corners = np.array([[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1]])
    corners = np.concatenate([corners, corners * [1, 1, -1]])
    grid = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]) / np.sqrt(3.0)
    shapes = np.prod(1.0 + grid[:, None, :] * corners[None, :, :], axis=2) / 8.0
    files = [np.fromfile(shared("zset", folder, f"temperature{i}.node"), dtype=">f4") for i in (1, 2)]
    cold, hot = (np.einsum("gn,en->eg", shapes, file[rows].astype(float)).ravel() for file in files)
    share = 1.0 - np.abs(TIMES - 1.0)
    return cold + share[:, None] * (hot - cold)


@pytest.mark.parametrize(
    ("folder", "material"), [("MecaSequential", VISCOPLASTIC), ("MecaSequentialSimpleMises", MISES)]
)
def test_stress_and_cumulated_strain(folder, material):
    values, temperatures = integration_values(folder), point_temperatures(folder)
    n_points = values.shape[1]
    tables, rows = build_tables([material]), np.zeros(n_points, dtype=np.int64)
    state = np.zeros((n_points, state_size(tables)))
    stress, tangent = np.zeros((n_points, 6)), np.zeros((0, 6, 6))
    sites = build_sites(tables, rows, temperatures[0])
    errors = np.zeros((len(TIMES), 3))
    for i in range(1, len(TIMES)):
        old, state = state, np.zeros_like(state)
        arguments = (tables, sites, temperatures[i], TIMES[i - 1], TIMES[i], True)
        strain = np.ascontiguousarray(values[i, :, :6])
        assert evaluate(*arguments, strain, old, state, stress, tangent) == 0
        found = (stress, state[:, 0], state[:, 1:7])
        given = (values[i, :, 6:12], values[i, :, 12], values[i, :, 13:])
        errors[i] = [np.abs(a - b).max() for a, b in zip(found, given, strict=True)]
    scales = [np.abs(values[:, :, columns]).max() for columns in (slice(6, 12), 12, slice(13, None))]
    relative = errors.max(axis=0) / scales
    assert values[:, :, 12].max() > 1e-3
    # The stress cannot be better than Young's modulus times the float32 spacing of the largest strain (2.3
    # in the Mises case).
    rounding = material.parameters["young"] * np.abs(values[:, :, :6]).max() * 2.0**-23 / scales[0]
    assert relative[0] < max(5e-7, 2.0 * rounding), "stress"
    assert relative[1] < 5e-7, "cumulated strain"
    assert relative[2] < 5e-7, "inelastic strain"


def test_tetrahedra():
    """Z-set's local iteration ends at 1e-9 (`theta_method_a 1. 1.e-9` in the file mat): p has that error."""
    folder = shared("zset", "MecaSequentialTetra")
    deck, results = read_deck(folder / "cube.inp"), read_results(folder / "cube.ut")
    (whole,) = split_mesh(results.mesh, np.zeros(results.mesh.n_elements, dtype=np.int64))
    part = build_part(whole, deck.materials, build_tables(deck.materials))
    on_nodes = evaluate_at(whole.mesh.points)
    history = build_temperature(deck.loading.temperature, on_nodes, 0.0)
    sites = part.sites(on_nodes(deck.loading.temperature.initial))
    state, worst, squares = virgin_state(part.tables, sites), 0.0, []
    for i in range(1, len(results.times)):
        old, state, stress = state, np.empty_like(state), np.empty((part.operators.n_points, 6))
        times, heat = results.times[i - 1 : i + 1], part.interpolation @ history.at(float(results.times[i]))
        strain = np.ascontiguousarray(results.read("strain", i))
        assert evaluate(part.tables, sites, heat, *times, True, strain, old, state, stress, np.zeros((0, 6, 6))) == 0
        given = results.read("stress", i)
        worst = max(worst, np.abs(state[:, 0] - results.read("p", i)[:, 0]).max())
        metric = np.abs(part.operators.weights)[:, None] * np.array(TENSOR_METRIC)
        squares.append([np.sum(metric * (stress - given) ** 2), np.sum(metric * given**2)])
    gap, size = np.sqrt(np.max(squares, axis=0))
    assert gap < 5e-7 * size
    assert state[:, 0].max() > 8e-4
    assert worst < 2e-9
