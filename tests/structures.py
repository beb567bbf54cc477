"""Small structures that several tests compute with."""

import numpy as np

from romtool.fem.operators import build_operators
from romtool.fem.partition import restrict_loading, split_mesh
from romtool.hifi.march import solve
from romtool.hifi.problem import build_problem
from romtool.laws import build_tables
from romtool.loading import Dirichlet, Load, Loading, Material, Table, Temperature, TemperatureEntry
from romtool.offline.parts import build_part
from romtool.offline.training import TrainingRun, TrainingSet
from romtool.types import CellBlock, Floats, Mesh

VISCOPLASTIC = {
    "young": 2.0e5,
    "poisson": 0.3,
    "expansion": 2.0e-5,
    "K": 300.0,
    "n": 30.0,
    "R0": 10.0,
    "C": [1.0e5],
    "D": [1000.0],
}


def box(n: tuple[int, int, int] = (3, 2, 2), size: tuple[float, float, float] = (3.0, 1.0, 1.0)) -> Mesh:
    """Return a box of hexahedra with node sets x0 …, side set x1, element sets left and right."""
    axes = [np.linspace(0.0, length, count + 1) for length, count in zip(size, n, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    number = np.arange(grid[..., 0].size).reshape(grid.shape[:3])
    corners = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
    cells = [number[i : i + n[0], j : j + n[1], k : k + n[2]].ravel() for i, j, k in corners]
    points = grid.reshape(-1, 3)
    connectivity = np.stack(cells, axis=1).astype(np.int64)
    middle = points[connectivity].mean(axis=1)[:, 0]
    last = np.flatnonzero(middle > size[0] * (1.0 - 1.0 / n[0]))
    names = {f"{axis}{end}": (c, end * size[c]) for c, axis in enumerate("xyz") for end in (0, 1)}
    return Mesh(
        points=points,
        node_ids=np.arange(1, len(points) + 1),
        blocks=(CellBlock("hexahedron", "hex8", np.arange(1, len(connectivity) + 1), connectivity, "c3d8"),),
        node_sets={name: np.flatnonzero(np.isclose(points[:, c], at)) for name, (c, at) in names.items()},
        element_sets={"left": np.flatnonzero(middle < size[0] / 2), "right": np.flatnonzero(middle >= size[0] / 2)},
        side_sets={"x1": np.column_stack([last, np.full(len(last), 3)])},
    )


def symmetric_supports() -> tuple[Dirichlet, ...]:
    """Return supports that remove the rigid motions of the box and leave it free to expand."""
    return tuple(Dirichlet(f"{axis}0", f"{axis}0", (c,)) for c, axis in enumerate("xyz"))


def thermal_cycle(hot: float, pressure: float, omega: float, mesh: Mesh, centre: float = 0.5) -> Loading:
    """Return a cycle of a hot spot, pressure and rotation on the box."""
    field: Floats = 20.0 + hot * np.exp(-((mesh.points[:, 1] - centre) ** 2 + mesh.points[:, 2] ** 2) / 0.2)
    times = np.linspace(0.0, 2.0, 11)
    return Loading(
        name="cycle",
        times=times,
        dirichlet=symmetric_supports(),
        loads=(
            Load("x1", "pressure", "x1", pressure, table="cycle"),
            Load(
                "spin",
                "centrifugal",
                "all",
                omega,
                point=np.array([0.0, -5.0, 0.0]),
                axis=np.array([0.0, 0.0, 1.0]),
                table="cycle",
            ),
        ),
        tables=(Table("cycle", np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.3]])),),
        temperature=Temperature(
            20.0, (TemperatureEntry(0.0, 20.0), TemperatureEntry(1.0, field), TemperatureEntry(2.0, 20.0))
        ),
    )


def viscoplastic(elements: str = "all") -> Material:
    """Return the viscoplastic material."""
    return Material(elements, "viscoplastic_norton_af", dict(VISCOPLASTIC), density=1e-8, reference_temperature=20.0)


def solved(mesh: Mesh, materials: tuple[Material, ...], loading: Loading) -> Floats:
    """Return the (n_times, n_nodes, 3) displacements of the built-in solver."""
    history: list[Floats] = []
    solve(build_problem(build_operators(mesh), materials, loading), lambda state, _: history.append(state.displacement))
    return np.array(history)


def training_set(
    mesh: Mesh, materials: tuple[Material, ...], loadings: tuple[Loading, ...], n_subdomains: int = 1
) -> TrainingSet:
    """Return solutions of the built-in solver, cut in slices along x, to train on."""
    rank = np.argsort(np.argsort(mesh.points[mesh.blocks[0].connectivity].mean(axis=1)[:, 0], kind="stable"))
    parts = split_mesh(mesh, rank * n_subdomains // mesh.n_elements)
    runs = []
    for number, loading in enumerate(loadings):
        displacement = solved(mesh, materials, loading)
        local = tuple(restrict_loading(loading, mesh, part) for part in parts)
        pieces = tuple(displacement[:, part.node_rows] for part in parts)
        unlifted = np.zeros((len(displacement), 0))
        runs.append(TrainingRun(f"run {number}", loading, local, loading.times, pieces, unlifted))
    tables = build_tables(materials)
    built = tuple(build_part(part, materials, tables) for part in parts)
    nothing = tuple(np.zeros((0, part.mesh.n_nodes, 3)) for part in parts)
    return TrainingSet(built, loadings[0], tuple(runs), (), nothing, mesh.n_nodes, "test")
