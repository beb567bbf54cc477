"""Small structures that several tests compute with."""

from dataclasses import replace

import numpy as np

from romtool.fem.operators import build_operators
from romtool.fem.partition import restrict_loading, split_mesh
from romtool.hifi.linear import linear_solver
from romtool.hifi.march import linear_lifting, solve
from romtool.hifi.problem import build_problem
from romtool.hifi.share import build_share, share_problem
from romtool.laws import build_tables
from romtool.linalg.reduction import SerialComm
from romtool.loading import Dirichlet, Load, Loading, Material, Table, Temperature, TemperatureEntry
from romtool.offline.parts import build_part
from romtool.offline.train import Trained
from romtool.offline.training import TrainingRun, TrainingSet
from romtool.online.adapt import NewLoad
from romtool.online.enrich import Ground, build_ground
from romtool.reduced.forces import amplitude_of
from romtool.reduced.model import Lifting
from romtool.settings import NewtonSettings
from romtool.types import CellBlock, Floats, Ints, Mesh

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


def slices(mesh: Mesh, count: int) -> Ints:
    """Return the (n_elements,) subdomain of each element: slices along x."""
    rank = np.argsort(np.argsort(mesh.points[mesh.blocks[0].connectivity].mean(axis=1)[:, 0], kind="stable"))
    return rank * count // mesh.n_elements


def training_set(
    mesh: Mesh, materials: tuple[Material, ...], loadings: tuple[Loading, ...], n_subdomains: int = 1
) -> TrainingSet:
    """Return solutions of the built-in solver, cut in slices along x, to train on; moved supports are lifted."""
    parts = split_mesh(mesh, slices(mesh, n_subdomains))
    moved = {entry.name: entry for loading in loadings for entry in loading.dirichlet if entry.value}
    lifted = tuple(Lifting(name, e.nodes, e.components, None, np.zeros((0, 6))) for name, e in moved.items())
    problem = build_problem(build_operators(mesh), materials, loadings[0])
    units = [linear_lifting(problem, replace(entry, value=1.0)) for entry in moved.values()]
    fields = np.array(units).reshape(len(units), mesh.n_nodes, 3)
    runs = []
    for number, loading in enumerate(loadings):
        displacement = solved(mesh, materials, loading)
        local = tuple(restrict_loading(loading, mesh, part) for part in parts)
        pieces = tuple(displacement[:, part.node_rows] for part in parts)
        amplitudes = [amplitude_of(loading, entry, loading.times) for entry in lifted]
        lifting = np.array(amplitudes).reshape(len(lifted), len(displacement)).T
        runs.append(TrainingRun(f"run {number}", loading, local, loading.times, pieces, lifting))
    tables = build_tables(materials)
    built = tuple(build_part(part, materials, tables) for part in parts)
    shapes = tuple(fields[:, part.node_rows] for part in parts)
    return TrainingSet(built, loadings[0], tuple(runs), lifted, shapes, mesh.n_nodes, "test")


def ground_of(mesh: Mesh, trained: Trained, training: TrainingSet) -> Ground:
    """Return what a model of the mesh stands on, on one rank."""
    count = len(training.parts)
    share = build_share(mesh, slices(mesh, count), range(count), SerialComm())
    return build_ground(share, replace(training, runs=()), trained.record)


def new_load(ground: Ground, trained: Trained, loading: Loading, options: NewtonSettings | None = None) -> NewLoad:
    """Return a load with its high-fidelity problem."""
    problem = share_problem(ground.share, trained.record.materials, loading, options or NewtonSettings())
    return NewLoad(loading, loading.name, problem, linear_solver(problem))
