"""Write the case into a folder: mesh, case and life file, the training loads.

python cases/lifetime-design/make.py -o design-work
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from design import CORNERS, HERE, load_text

SIZE = (60.0, 10.0, 4.0)


def main() -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder, made where absent")
    parser.add_argument("--cells", type=int, nargs=3, default=(10, 5, 2), help="elements along x, y, z")
    arguments = parser.parse_args()
    write_case(arguments.output, tuple(arguments.cells))
    print(f"lifetime-design: {np.prod(arguments.cells)} C3D8 -> {arguments.output}")


def write_case(folder: Path, cells: tuple[int, ...]) -> None:
    """Write mesh, case file, life file and load files into `folder`."""
    (folder / "loads").mkdir(parents=True, exist_ok=True)
    for name in ("case.toml", "life.toml"):
        shutil.copy(HERE / name, folder / name)
    for name, design in CORNERS.items():
        (folder / "loads" / f"{name}.toml").write_text(load_text(name, *design), encoding="utf-8")
    (folder / "stub.inp").write_text("\n".join(mesh(cells)), encoding="utf-8")


def mesh(cells: tuple[int, ...]) -> list[str]:
    """Return the lines of a deck with the mesh: a block that thins towards its tip, finer at its root."""
    parts = [np.linspace(0.0, 1.0, count + 1) for count in cells]
    parts[0] = parts[0] ** 1.4
    grid = np.stack(np.meshgrid(*(part * size for part, size in zip(parts, SIZE, strict=True)), indexing="ij"), axis=-1)
    number = 1 + np.arange(grid[..., 0].size).reshape(grid.shape[:3])
    grid[..., 2] *= 1.0 - 0.4 * grid[..., 0] / SIZE[0]
    ends = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
    corners = [number[i : cells[0] + i, j : cells[1] + j, k : cells[2] + k] for i, j, k in ends]
    elements = np.stack(corners, axis=-1).reshape(-1, 8)
    return [
        "** A stub of a blade",
        "*NODE, NSET=NALL",
        *(f"{i}, " + ", ".join(f"{x:.12g}" for x in point) for i, point in enumerate(grid.reshape(-1, 3), 1)),
        "*ELEMENT, TYPE=C3D8, ELSET=EALL",
        *(f"{i}, " + ", ".join(map(str, cell)) for i, cell in enumerate(elements, 1)),
        *node_set("ROOT", number[0]),
        *node_set("ROOT_Y", number[0, 0]),
        *node_set("ROOT_Z", number[0, :, 0]),
        "",
    ]


def node_set(name: str, nodes: np.ndarray) -> list[str]:
    """Return the card of a node set."""
    return [f"*NSET, NSET={name}", *(f"{i}," for i in nodes.ravel())]


if __name__ == "__main__":
    main()
