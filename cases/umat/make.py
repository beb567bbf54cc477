"""Compile the UMAT and write the case into a folder: mesh, case file, load files.

python cases/umat/make.py -o umat-work
"""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LIBRARY = "libviscoplastic.so"
BUILT_IN = """[[materials]]
law = "viscoplastic_norton_af"
reference_temperature = 20.0
[materials.parameters]
young = 2.0e5
poisson = 0.3
expansion = 1.2e-5
K = 300.0
n = 10.0
R0 = 50.0
C = [2.0e4]
D = [200.0]

"""


def main() -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder, made where absent")
    parser.add_argument("--cells", type=int, nargs=3, default=(8, 3, 3), help="elements along x, y, z")
    parser.add_argument("--built-in", action="store_true", help="romtool's own law of the same equations instead")
    arguments = parser.parse_args()
    write_case(arguments.output, tuple(arguments.cells), arguments.built_in)
    if not arguments.built_in:
        compile_umat(arguments.output / LIBRARY)
    print(f"umat: {np.prod(arguments.cells)} C3D8 -> {arguments.output}")


def compile_umat(library: Path) -> None:
    """Compile the UMAT with gfortran."""
    source = HERE / "viscoplastic.f90"
    subprocess.run(["gfortran", "-O3", "-shared", "-fPIC", "-o", library, source], check=True)


def write_case(folder: Path, cells: tuple[int, ...], own_law: bool) -> None:
    """Write mesh, case file and load files into `folder`."""
    shutil.copytree(HERE / "loads", folder / "loads", dirs_exist_ok=True)
    case = (HERE / "case.toml").read_text(encoding="utf-8")
    (folder / "case.toml").write_text(built_in(case) if own_law else case, encoding="utf-8")
    (folder / "bar.inp").write_text("\n".join(mesh(cells)), encoding="utf-8")


def built_in(case: str) -> str:
    """Return a case file with romtool's own law in place of the UMAT."""
    return re.sub(r"\[\[materials\]\].*?(?=\[\[dirichlet)", BUILT_IN, case, count=1, flags=re.DOTALL)


def mesh(cells: tuple[int, ...]) -> list[str]:
    """Return the lines of a deck with the mesh: a bar that thins towards its middle."""
    axes = [np.linspace(0.0, length, count + 1) for length, count in zip((4.0, 1.0, 1.0), cells, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    number = 1 + np.arange(grid[..., 0].size).reshape(grid.shape[:3])
    grid[..., 1] *= 1.0 - 0.4 * np.exp(-((grid[..., 0] - 2.0) ** 2) / 0.3)
    ends = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
    corners = [number[i : cells[0] + i, j : cells[1] + j, k : cells[2] + k] for i, j, k in ends]
    elements = np.stack(corners, axis=-1).reshape(-1, 8)
    last = 1 + np.arange(len(elements)).reshape(cells)[-1].ravel()
    sides = {"X0": number[0], "Y0": number[:, 0], "Z0": number[:, :, 0]}
    return [
        "** A bar that thins towards its middle",
        "*NODE, NSET=NALL",
        *(f"{i}, " + ", ".join(f"{x:.12g}" for x in point) for i, point in enumerate(grid.reshape(-1, 3), 1)),
        "*ELEMENT, TYPE=C3D8, ELSET=EALL",
        *(f"{i}, " + ", ".join(map(str, cell)) for i, cell in enumerate(elements, 1)),
        *(line for name, nodes in sides.items() for line in node_set(name, nodes)),
        "*SURFACE, NAME=END",
        *(f"{i}, S4" for i in last),
        "",
    ]


def node_set(name: str, nodes: np.ndarray) -> list[str]:
    """Return the card of a node set."""
    return [f"*NSET, NSET={name}", *(f"{i}," for i in nodes.ravel())]


if __name__ == "__main__":
    main()
