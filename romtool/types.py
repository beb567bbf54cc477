"""Values that flow between the stages: meshes and the results of a solver. All are frozen.

Shapes: `n_nodes` nodes, `n_elements` elements (all blocks, in their order), `n_points` integration
points, element after element in block order, local points in the order of the source solver.
Tensors are rows (xx, yy, zz, xy, yz, zx) with *tensor* shear.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Location = Literal["node", "element", "point"]


@dataclass(frozen=True)
class CellBlock:
    """Elements of one cell type and one formulation.

    Parameters
    ----------
    cell_type: meshio name, e.g. "hexahedron20".
    formulation: key of `romtool.fem.elements.ELEMENTS` (integration rule and temperature rule of the
        source solver); "" for elements that romtool shows but does not compute with (shells, bars, C3D8I).
    element_ids: (n_cells,) ids of the solver.
    connectivity: (n_cells, n_cell_nodes) rows of `Mesh.points`, VTK node order.
    solver_type: the solver's own element name, for messages.
    """

    cell_type: str
    formulation: str
    element_ids: Ints
    connectivity: Ints
    solver_type: str = ""


@dataclass(frozen=True)
class Mesh:
    """A mesh in meshio's vocabulary, with the ids and sets of the solver.

    Parameters
    ----------
    points: (n_nodes, 3) float [length] coordinates.
    node_ids: (n_nodes,) ids of the solver, in the solver's order.
    blocks: the elements; the element index counts through the blocks in order.
    node_sets: name -> (n,) rows of `points`.
    element_sets: name -> (n,) element indices.
    side_sets: name -> (n, 2) element index and local face (`romtool.cells.CELLS`), in the solver's order.
    """

    points: Floats
    node_ids: Ints
    blocks: tuple[CellBlock, ...]
    node_sets: Mapping[str, Ints] = field(default_factory=dict)
    element_sets: Mapping[str, Ints] = field(default_factory=dict)
    side_sets: Mapping[str, Ints] = field(default_factory=dict)

    @property
    def n_nodes(self) -> int:
        """Return the number of nodes."""
        return len(self.points)

    @property
    def n_elements(self) -> int:
        """Return the number of elements of all blocks."""
        return sum(len(block.element_ids) for block in self.blocks)

    @property
    def element_ids(self) -> Ints:
        """Return the (n_elements,) ids in element order."""
        ids = [block.element_ids for block in self.blocks]
        return np.concatenate(ids) if ids else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class FieldInfo:
    """Where a field lives and what its columns are called.

    Parameters
    ----------
    location: "node", "element" or "point" (integration points).
    components: one name per column, e.g. ("x", "y", "z"), ("xx", "yy", "zz", "xy", "yz", "zx"), ("",).
    source: the solver's own name(s).
    precision: relative precision of the stored numbers (6e-8 for float32, 5e-6 for E12.5 text …), 0 exact.
    unit: the file's own label of the unit, "" where it has none.
    """

    location: Location
    components: tuple[str, ...]
    source: str = ""
    precision: float = 0.0
    unit: str = ""


@dataclass(frozen=True)
class SolverResults:
    """Mesh and history that a solver wrote; values are read lazily, one time at a time.

    Parameters
    ----------
    format: name of the reader.
    paths: the files behind it.
    mesh: the mesh.
    times: (n_times,) increasing output times.
    fields: romtool's names (u, T, stress, strain, p …) or the solver's own where romtool has none.
    read: `read(name, i)` returns the (n_nodes | n_elements | n_points, n_components) float64 values of
        field `name` at `times[i]`; a fresh array. Point fields hold NaN where the solver wrote nothing.
    warnings: sentences that a user should read.
    """

    format: str
    paths: tuple[Path, ...]
    mesh: Mesh
    times: Floats
    fields: Mapping[str, FieldInfo]
    read: Callable[[str, int], Floats]
    warnings: tuple[str, ...] = ()
