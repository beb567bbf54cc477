"""Five families of simulations with places, paths and directions drawn at random, and amplitudes over two decades.

Each function returns the histories of `count` simulations, (n_dofs, n_times) each, and the matrix of the inner product
of its fields (that of `[pod] inner_product = "h1"` for the solids, of L2 for the others).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.special import erfc

from romtool.fem.operators import build_operators, gradient_matrix, mass_matrix
from romtool.hifi.march import solve, thermoelastic
from romtool.hifi.problem import build_problem
from romtool.loading import Dirichlet, Load, Loading, Material, Table, Temperature, TemperatureEntry
from romtool.types import CellBlock, Mesh

Floats = NDArray[np.float64]
Family = tuple[list[Floats], sparse.csr_matrix]

DECADES = 2.0
ELASTIC = {"young": 2.0e5, "poisson": 0.3, "expansion": 1.5e-5}
PLASTIC = {**ELASTIC, "hardening": [[0.0, 200.0], [0.1, 400.0]]}
VISCOPLASTIC = {**ELASTIC, "K": 300.0, "n": 10.0, "R0": 100.0, "C": [5.0e4], "D": [300.0]}

LIMITS = np.array([1.0, 0.35, 0.05])
"""Pull, shear and bending that make the plate yield, relative to each other."""


def amplitudes(rng: np.random.Generator, count: int) -> Floats:
    """Return factors that are evenly spread in their logarithm, the largest near one."""
    return np.asarray(10.0 ** (-DECADES * rng.random(count)))


def heat(count: int, seed: int, n: int = 24, n_steps: int = 20) -> Family:
    """Heat conduction with a conductivity that grows with temperature, and a source on a straight path.

    `dT/dt = div((1 + T) grad T) + q` on the unit square, T = 0 on its edges; implicit Euler, the conductivity of the
    step before.
    """
    rng = np.random.default_rng(seed)
    centres = (np.arange(n) + 0.5) / n
    x, y = (grid.ravel() for grid in np.meshgrid(centres, centres, indexing="ij"))
    dt, histories = 0.3 / n_steps, []
    for factor in amplitudes(rng, count):
        start, end = rng.uniform(0.15, 0.85, (2, 2))
        field, history = np.zeros(n * n), []
        for step in range(1, n_steps + 1):
            at = start + (end - start) * step / n_steps
            source = 600.0 * factor * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 0.08**2))
            matrix = sparse.identity(n * n, format="csc") + dt * _conduction(1.0 + field, n)
            field = splu(matrix).solve(field + dt * source)
            history.append(field)
        histories.append(np.array(history[1::2]).T)
    return histories, sparse.identity(n * n, format="csr")


def _conduction(conductivity: Floats, n: int) -> sparse.csc_matrix:
    """Return the finite-volume matrix of `-div(k grad)` on n × n cells, zero on the edges of the square."""
    number, k = np.arange(n * n).reshape(n, n), conductivity.reshape(n, n)
    rows, columns, values = [], [], []
    for first, second in ((number[:-1], number[1:]), (number[:, :-1], number[:, 1:])):
        a, b = first.ravel(), second.ravel()
        between = 0.5 * (conductivity[a] + conductivity[b]) * n**2
        rows += [a, b, a, b]
        columns += [b, a, a, b]
        values += [-between, -between, between, between]
    edges = np.zeros((n, n))
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        edges[side] += 2.0 * k[side] * n**2
    rows.append(number.ravel())
    columns.append(number.ravel())
    values.append(edges.ravel())
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csc_matrix(entries, shape=(n * n, n * n))


def front(count: int, seed: int, n: int = 40, n_times: int = 10) -> Family:
    """Advection and diffusion of a plane front in a random direction, in closed form.

    `u = a/2 erfc((x·n - s - c t) / (4 D (t + t0))^½)` solves `du/dt + c n · grad u = D lap u`.
    """
    rng = np.random.default_rng(seed)
    centres = (np.arange(n) + 0.5) / n - 0.5
    x, y = (grid.ravel()[:, None] for grid in np.meshgrid(centres, centres, indexing="ij"))
    times, histories = np.linspace(0.1, 1.0, n_times), []
    for factor in amplitudes(rng, count):
        angle, start, speed = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(-0.5, 0.0), rng.uniform(0.2, 0.6)
        along = x * np.cos(angle) + y * np.sin(angle)
        depth = (along - start - speed * times) / np.sqrt(4.0 * 2e-3 * (times + 0.2))
        histories.append(0.5 * factor * erfc(depth))
    return histories, sparse.identity(n * n, format="csr")


def thermoelasticity(count: int, seed: int, n: int = 8, n_times: int = 5) -> Family:
    """A clamped plate under a hot spot that wanders from one random place to another, linear."""
    rng, mesh = np.random.default_rng(seed), plate(n)
    operators, histories = build_operators(mesh), []
    material = Material("all", "elastic", ELASTIC)
    times = np.linspace(0.0, 1.0, n_times + 1)
    for factor in amplitudes(rng, count):
        start, end = rng.uniform(0.1, 0.9, (2, 2))
        fields = [500.0 * factor * spot(mesh, start + (end - start) * time) for time in times[1:]]
        heat = Temperature(0.0, tuple(TemperatureEntry(t, f) for t, f in zip(times[1:], fields, strict=True)))
        problem = build_problem(operators, [material], Loading("spot", times, CLAMPED, temperature=heat))
        histories.append(np.array([thermoelastic(problem, float(t))[0].ravel() for t in times[1:]]).T)
    return histories, inner(operators)


def elastoplasticity(count: int, seed: int, n: int = 8) -> Family:
    """A clamped plate pulled, sheared and bent in a random direction at its free end, unloaded and reversed."""
    rng, mesh = np.random.default_rng(seed), plate(n)
    operators, histories = build_operators(mesh), []
    material = Material("all", "plastic", PLASTIC)
    cycle = Table("cycle", np.array([[0.0, 0.0], [1.0, 1.0], [2.0, -0.5]]))
    for factor in amplitudes(rng, count):
        direction = rng.standard_normal(3)
        traction = 320.0 * factor * LIMITS * direction / np.linalg.norm(direction)
        load = Load("end", "traction", "x1", traction, table="cycle")
        loading = Loading("pull", np.linspace(0.0, 2.0, 9), CLAMPED, (load,), (cycle,))
        histories.append(_history(operators, material, loading))
    return histories, inner(operators)


def viscoplasticity(count: int, seed: int, n: int = 8) -> Family:
    """A plate clamped at two ends, heated by two random hot spots and cooled again; overstress with hardening."""
    rng, mesh = np.random.default_rng(seed), plate(n)
    operators, histories = build_operators(mesh), []
    material = Material("all", "viscoplastic_norton_af", VISCOPLASTIC)
    for factor in amplitudes(rng, count):
        first, second = rng.uniform(0.1, 0.9, (2, 2))
        field = 900.0 * factor * (spot(mesh, first) + rng.random() * spot(mesh, second))
        entries = (TemperatureEntry(0.0, 0.0), TemperatureEntry(1.0, field), TemperatureEntry(2.0, 0.0))
        held = (*CLAMPED, Dirichlet("far", "x1", (0, 1, 2)))
        loading = Loading("spots", np.linspace(0.0, 2.0, 9), held, temperature=Temperature(0.0, entries))
        histories.append(_history(operators, material, loading))
    return histories, inner(operators)


PROBLEMS: dict[str, Callable[[int, int], Family]] = {
    "heat": heat,
    "thermo-elasticity": thermoelasticity,
    "elastoplasticity": elastoplasticity,
    "elastoviscoplasticity": viscoplasticity,
    "front": front,
}

CLAMPED = (Dirichlet("clamp", "x0", (0, 1, 2)),)


def spot(mesh: Mesh, centre: Floats) -> Floats:
    """Return a hot spot of height one through the thickness of the plate, per node."""
    return np.asarray(np.exp(-((mesh.points[:, :2] - centre) ** 2).sum(axis=1) / (2 * 0.12**2)))


def inner(operators: object) -> sparse.csr_matrix:
    """Return the H1 product of displacements; the characteristic length is one."""
    return mass_matrix(operators) + gradient_matrix(operators)


def plate(n: int) -> Mesh:
    """Return a plate of n × n hexahedra, 1 × 1 × 0.1, with node sets x0 and x1 and the side set x1."""
    axes = (np.linspace(0.0, 1.0, n + 1), np.linspace(0.0, 1.0, n + 1), np.array([0.0, 0.1]))
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    number = np.arange(grid[..., 0].size).reshape(grid.shape[:3])
    around = ((0, 0), (1, 0), (1, 1), (0, 1))
    cells = [number[i : i + n, j : j + n, k].ravel() for k in (0, 1) for i, j in around]
    points, connectivity = grid.reshape(-1, 3), np.stack(cells, axis=1)
    last = np.arange(n * n)[-n:]
    return Mesh(
        points=points,
        node_ids=np.arange(1, len(points) + 1),
        blocks=(CellBlock("hexahedron", "hex8", np.arange(1, n * n + 1), connectivity, "c3d8"),),
        node_sets={f"x{end}": np.flatnonzero(points[:, 0] == end) for end in (0, 1)},
        element_sets={},
        side_sets={"x1": np.column_stack([last, np.full(n, 3)])},
    )


def _history(operators: object, material: Material, loading: Loading) -> Floats:
    """Return the displacements of the built-in solver after the first time, (n_dofs, n_increments)."""
    found: list[Floats] = []
    solve(build_problem(operators, [material], loading), lambda state, _: found.append(state.displacement.ravel()))
    return np.array(found[1:]).T
