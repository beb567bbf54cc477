"""Small CalculiX decks with linear constraints: blocks of hexahedra, elastoplastic, pulled, turned or spun."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.types import Floats, Ints


@dataclass(frozen=True)
class Block:
    """A block of hexahedra: (n_nodes, 3) points, (n_cells, 8) rows, first ids, and its name."""

    name: str
    points: Floats
    cells: Ints
    first: int

    def nodes(self, axis: int, at: float) -> Ints:
        """Return the ids of the nodes with a coordinate."""
        return self.first + np.flatnonzero(np.isclose(self.points[:, axis], at, atol=1e-9))

    def moved(self, place: "object") -> "Block":
        """Return the block with its points moved by a function of them."""
        return Block(self.name, place(self.points), self.cells, self.first)  # type: ignore[operator]


def block(name: str, n: Sequence[int], low: Sequence[float], high: Sequence[float], first: int = 1) -> Block:
    """Return a box cut into n elements along each axis."""
    axes = [np.linspace(a, b, count + 1) for a, b, count in zip(low, high, n, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    number = np.arange(grid[..., 0].size).reshape(grid.shape[:3])
    corners = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
    cells = [number[i : i + n[0], j : j + n[1], k : k + n[2]].ravel() for i, j, k in corners]
    return Block(name, grid.reshape(-1, 3), np.stack(cells, axis=1), first)


FACES = {"z0": "S1", "z1": "S2", "y0": "S3", "x1": "S4", "y1": "S5", "x0": "S6"}


def mesh_cards(parts: Sequence[Block], elements: str = "C3D8") -> str:
    """Return *NODE and *ELEMENT of blocks, with the element set of each and surfaces `<name>_x0` … of its ends."""
    lines = []
    for part in parts:
        lines.append(f"*NODE, NSET=N{part.name}")
        lines += [f"{part.first + i},{x:.12g},{y:.12g},{z:.12g}" for i, (x, y, z) in enumerate(part.points)]
        lines.append(f"*ELEMENT, TYPE={elements}, ELSET={part.name}")
        lines += [f"{part.first + i}," + ",".join(map(str, part.first + row)) for i, row in enumerate(part.cells)]
    return "\n".join(lines) + "\n"


def surface(name: str, part: Block, side: str, axis: int, at: float, straight: Floats | None = None) -> str:
    """Return *SURFACE of the faces of a side whose corners have a coordinate (of the block before it was moved)."""
    points = part.points if straight is None else straight
    middle = points[part.cells].mean(axis=1)[:, axis]
    end = middle.min() if side.endswith("0") else middle.max()
    cells = part.first + np.flatnonzero(np.isclose(middle, end))
    return f"*SURFACE, NAME={name}\n" + "\n".join(f"{cell},{FACES[side]}" for cell in cells) + "\n"


def node_set(name: str, ids: Ints) -> str:
    """Return *NSET."""
    return f"*NSET, NSET={name}\n" + ",\n".join(map(str, ids)) + "\n"


MATERIAL = "*MATERIAL, NAME=M\n*ELASTIC\n200000.,0.3\n*PLASTIC\n300.,0.\n800.,0.1\n*DENSITY\n7.8e-9\n"


def sections(parts: Sequence[Block], material: str = MATERIAL) -> str:
    """Return a material and the sections of all blocks."""
    return material + "".join(f"*SOLID SECTION, ELSET={part.name}, MATERIAL=M\n" for part in parts)


def step(loads: str, increments: int = 4) -> str:
    """Return one step with fixed increments and double-precision output."""
    return (
        f"*STEP, INC=100\n*STATIC, DIRECT\n{1.0 / increments:.12g},1.\n*CONTROLS, PARAMETERS=FIELD\n1e-9, 1e-9\n{loads}"
        "*NODE OUTPUT, DOUBLE\nU, RF\n*EL PRINT, ELSET=EALL\nS, PEEQ\n*END STEP\n"
    )
