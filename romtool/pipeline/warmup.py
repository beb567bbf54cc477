"""Fill the disk cache of compiled kernels: `python -m romtool.pipeline.warmup` solves and trains on a tiny cube."""

import numpy as np

from romtool.fem.operators import build_operators
from romtool.fem.partition import restrict_loading, split_mesh
from romtool.hifi.march import solve
from romtool.hifi.problem import build_problem
from romtool.kernel_cache import remove_stale_kernels
from romtool.laws import build_tables
from romtool.linalg.reduction import SerialComm
from romtool.loading import Dirichlet, Load, Loading, Material
from romtool.offline.clock import Clock
from romtool.offline.parts import build_part
from romtool.offline.train import train
from romtool.offline.training import TrainingRun, TrainingSet
from romtool.offline.verify import training_errors
from romtool.settings import Settings
from romtool.types import CellBlock, Floats, Mesh


def warm_up() -> dict[str, dict[str, float]]:
    """Run solver, training and march on a cube of eight elements; return the training errors."""
    mesh, loading, materials = _cube(), _pull(), (_material(),)
    history: list[Floats] = []
    problem = build_problem(build_operators(mesh), materials, loading)
    solve(problem, lambda state, _: history.append(state.displacement))
    (whole,) = split_mesh(mesh, np.zeros(mesh.n_elements, dtype=np.int64))
    run = TrainingRun(
        name="cube",
        loading=loading,
        local=(restrict_loading(loading, mesh, whole),),
        times=loading.times,
        displacement=(np.array(history),),
        lifting=np.zeros((len(history), 0)),
    )
    part = build_part(whole, materials, build_tables(materials))
    unlifted = np.zeros((0, mesh.n_nodes, 3))
    training = TrainingSet((part,), loading, (run,), (), (unlifted,), mesh.n_nodes, "cube")
    trained = train(training, Settings(), "cube", SerialComm(), Clock(lambda text: None))
    return training_errors(trained, training, Settings().newton, SerialComm())


def _cube() -> Mesh:
    """Return the unit cube of 2 × 2 × 2 hexahedra, clamped at x0 and with a pressure face x1."""
    grid = np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, 3)] * 3, indexing="ij"), axis=-1)
    number = np.arange(27).reshape(3, 3, 3)
    corners = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
    cells = np.stack([number[i : i + 2, j : j + 2, k : k + 2].ravel() for i, j, k in corners], axis=1)
    sides = np.column_stack([np.arange(4, 8), np.full(4, 3)])
    block = CellBlock("hexahedron", "hex8", np.arange(1, 9), cells.astype(np.int64))
    return Mesh(grid.reshape(-1, 3), np.arange(1, 28), (block,), {"x0": np.arange(9)}, {}, {"x1": sides})


def _pull() -> Loading:
    """Return a tension beyond yield in three increments."""
    return Loading(
        name="pull",
        times=np.array([0.0, 1.0, 2.0, 3.0]),
        dirichlet=(Dirichlet("x0", "x0", (0, 1, 2)),),
        loads=(Load("pull", "pressure", "x1", -150.0),),
    )


def _material() -> Material:
    """Return a viscoplastic material with both kinds of hardening."""
    parameters = {
        "young": 2e5,
        "poisson": 0.3,
        "expansion": 1e-5,
        "K": 300.0,
        "n": 10.0,
        "R0": 50.0,
        "C": [1e4],
        "D": [100.0],
    }
    return Material("all", "viscoplastic_norton_af", parameters)


if __name__ == "__main__":
    remove_stale_kernels()
    warm_up()
