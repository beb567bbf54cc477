"""Write the notched bar into a folder: bar.inp (mesh, supports, loads for CalculiX), case.toml, loads/.

python cases/notched-bar/make.py -o bar-work
"""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LENGTH, WIDTH, THICKNESS, RADIUS = 16.0, 10.0, 4.0, 4.0
"""Of an eighth of the bar [mm]; the notch is a circle around the edge of the middle section."""


def main() -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder, made where absent")
    parser.add_argument("--cells", type=int, nargs=3, default=(10, 4, 20), help="elements across, through, along")
    arguments = parser.parse_args()
    write_case(arguments.output, tuple(arguments.cells))
    print(f"notched bar: {np.prod(arguments.cells)} C3D8 -> {arguments.output}")


def write_case(folder: Path, cells: tuple[int, int, int]) -> None:
    """Write deck, case and load files into `folder`."""
    shutil.copytree(HERE / "loads", folder / "loads", dirs_exist_ok=True)
    shutil.copy(HERE / "case.toml", folder)
    (folder / "bar.inp").write_text(deck(cells), encoding="utf-8")


def grid(cells: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the (n, 3) nodes [mm] and (nx + 1, ny + 1, nz + 1) their ids; layers are thin at the notch."""
    across, through, along = (np.linspace(0.0, 1.0, n + 1) for n in cells)
    z = LENGTH * along**1.6
    half = WIDTH - np.sqrt(np.maximum(RADIUS**2 - z**2, 0.0))
    x = across[:, None, None] * half
    y = THICKNESS * through[None, :, None]
    points = np.stack(np.broadcast_arrays(x, y, z), axis=-1)
    return points.reshape(-1, 3), np.arange(1, points[..., 0].size + 1).reshape(points.shape[:3])


def hexahedra(ids: np.ndarray) -> np.ndarray:
    """Return the (n, 8) nodes of the elements in the order of C3D8."""
    corners = [ids[i : i - 1 or None, j : j - 1 or None, :-1] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    upper = [ids[i : i - 1 or None, j : j - 1 or None, 1:] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return np.stack([corner.ravel() for corner in corners + upper], axis=-1)


def deck(cells: tuple[int, int, int]) -> str:
    """Return the deck: one pull of 60 MPa in ten increments, elastoplastic."""
    points, ids = grid(cells)
    elements = hexahedra(ids)
    top = np.flatnonzero(np.isin(elements[:, 4:], ids[:, :, -1]).all(axis=1)) + 1
    sets = {"MIDX": ids[0], "MIDY": ids[:, 0], "MIDZ": ids[:, :, 0], "END": ids[:, :, -1], "ROOT": ids[-1, :, 0]}
    return "\n".join(
        [
            "*NODE, NSET=NALL",
            *(f"{i}, {x:.9g}, {y:.9g}, {z:.9g}" for i, (x, y, z) in enumerate(points, 1)),
            "*ELEMENT, TYPE=C3D8, ELSET=EALL",
            *rows(np.column_stack([np.arange(1, len(elements) + 1), elements])),
            *(line for name, nodes in sets.items() for line in (f"*NSET, NSET={name}", *rows(nodes.reshape(-1, 1)))),
            "*SURFACE, NAME=PULL",
            *(f"{element}, S2" for element in top),
            *MATERIAL,
            *STEP,
            "",
        ]
    )


def rows(table: np.ndarray) -> Iterable[str]:
    """Return the rows of whole numbers as lines."""
    return (", ".join(map(str, row)) for row in table)


MATERIAL = (
    "*MATERIAL, NAME=STEEL",
    "*ELASTIC", "180000., 0.3",
    "*PLASTIC", "80., 0.", "140., 0.02",
    "*SOLID SECTION, ELSET=EALL, MATERIAL=STEEL",
)  # fmt: skip
STEP = (
    "*BOUNDARY", "MIDX, 1, 1", "MIDY, 2, 2", "MIDZ, 3, 3",
    "*STEP, INC=100",
    "*STATIC, DIRECT", "0.1, 1.",
    "*DSLOAD", "PULL, P, -60.",
    "*NODE FILE", "U",
    "*EL PRINT, ELSET=EALL", "S, PEEQ",
    "*END STEP",
)  # fmt: skip

if __name__ == "__main__":
    main()
