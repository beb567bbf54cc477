"""Write result files (`.frd`) of CalculiX in text: nodes, elements with their ids, nodal fields over time.

Numbers have six digits (E12.5), as CalculiX writes them itself. Format: manual of cgx, "result format".
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from romtool.convert.calculix_types import FRD_TYPES
from romtool.errors import InputError
from romtool.types import CellBlock, Floats, Mesh

NAMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "u": ("DISP", ("D1", "D2", "D3")),
    "T": ("NDTEMP", ("T",)),
    "stress": ("STRESS", ("SXX", "SYY", "SZZ", "SXY", "SYZ", "SZX")),
    "strain": ("TOSTRAIN", ("EXX", "EYY", "EZZ", "EXY", "EYZ", "EZX")),
    "p": ("PE", ("PE",)),
}
"""Names of romtool's fields in the file; a nodal form `stress_nodal` has the name of `stress`."""
_TENSOR = ((1, 1), (2, 2), (3, 3), (1, 2), (2, 3), (3, 1))
_PER_LINE = 10
_SMALLEST = 1e-99
"""Numbers below have exponents of three digits, which the columns do not hold: they are written as zero."""


def write_frd(
    path: Path, mesh: Mesh, times: Floats, widths: Mapping[str, int], read: Callable[[str, int], Floats]
) -> None:
    """Write nodal fields over time.

    Parameters
    ----------
    path: the file.
    mesh: the mesh.
    times: (n_times,) float increasing [time].
    widths: field -> number of components.
    read: `read(name, i)` returns the (n_nodes, n_components) values at `times[i]`.

    Raises
    ------
    InputError: cells that the format does not have, ids beyond ten digits, two fields of one name.
    """
    _check(mesh, widths)
    with path.open("w", encoding="ascii") as file:
        file.write(f"    1C{'':24}\n    1UPGM               romtool{'':41}\n")
        _write_nodes(file, mesh)
        _write_elements(file, mesh)
        for i, time in enumerate(times.tolist()):
            for name, width in widths.items():
                file.write(f"    1PSTEP{'':14}{i + 1:>12d}{i + 1:>12d}{1:>12d}\n")
                _write_field(file, mesh, name, (i, time), np.asarray(read(name, i)).reshape(-1, width))
        file.write(" 9999\n")


def _check(mesh: Mesh, widths: Mapping[str, int]) -> None:
    """Check that the format holds a mesh and fields. Raises InputError."""
    known = {kind.cell_type for kind in FRD_TYPES.values()}
    unknown = sorted({block.cell_type for block in mesh.blocks} - known)
    if unknown:
        raise InputError(f"a .frd file has no cells of type {', '.join(unknown)}; write .vtu or .xdmf")
    if max(mesh.node_ids.max(initial=0), mesh.element_ids.max(initial=0)) >= 10**10:
        raise InputError("a .frd file holds ids of ten digits at most; write .vtu or .xdmf")
    names = [_name(name, width)[0] for name, width in widths.items()]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InputError(f"two fields would be {name} in a .frd file; choose one with --names")


def _name(field: str, width: int) -> tuple[str, tuple[str, ...]]:
    """Return the file's names of a field and its components."""
    name, components = NAMES.get(field.removesuffix("_nodal"), (field.upper()[:8], ()))
    if len(components) != width:
        components = (name,) if width == 1 else tuple(f"{name[:6]}{i + 1}" for i in range(width))
    return name, components


def _write_nodes(file: TextIO, mesh: Mesh) -> None:
    """Write the node block."""
    file.write(f"    2C{'':18}{mesh.n_nodes:>12d}{'':37}1\n")
    _write_rows(file, mesh, mesh.points)


def _write_rows(file: TextIO, mesh: Mesh, values: Floats) -> None:
    """Write (n_nodes, n) numbers after the ids of the nodes, six in a line."""
    rounded = np.where(np.abs(values) < _SMALLEST, 0.0, values)
    pieces = [min(6, values.shape[1] - first) for first in range(0, values.shape[1], 6)]
    more = "".join("\n -2" + " " * 10 + "%12.5E" * n for n in pieces[1:])
    np.savetxt(file, np.column_stack([mesh.node_ids, rounded]), " -1%10d" + "%12.5E" * pieces[0] + more)
    file.write(" -3\n")


def _write_elements(file: TextIO, mesh: Mesh) -> None:
    """Write the element block: a line with id and type, then lines of ten nodes."""
    file.write(f"    3C{'':18}{mesh.n_elements:>12d}{'':37}1\n")
    for block in mesh.blocks:
        _write_block(file, mesh, block)
    file.write(" -3\n")


def _write_block(file: TextIO, mesh: Mesh, block: CellBlock) -> None:
    """Write the elements of one block."""
    number, kind = next(entry for entry in FRD_TYPES.items() if entry[1].cell_type == block.cell_type)
    order = np.argsort(kind.to_vtk)
    nodes = mesh.node_ids[block.connectivity[:, order]]
    lines = [min(_PER_LINE, kind.n_nodes - first) for first in range(0, kind.n_nodes, _PER_LINE)]
    text = f" -1%10d{number:>5d}    0    1" + "".join("\n -2" + "%10d" * n for n in lines)
    np.savetxt(file, np.column_stack([block.element_ids, nodes]), text)


def _write_field(file: TextIO, mesh: Mesh, field: str, when: tuple[int, float], values: Floats) -> None:
    """Write one field at one time."""
    step, time = when
    name, components = _name(field, values.shape[1])
    count, vector = len(components), len(components) == 3
    file.write(f"  100CL  {101 + step:<6d}"[:12] + f"{_time(time):>12}{mesh.n_nodes:>12d}{'':20}")
    file.write(f"{1:>2d}{step + 1:>5d}{'':10}{1:>2d}\n")
    file.write(f" -4  {name:<8}{count + vector:>5d}{1:>5d}\n")
    for i, component in enumerate(components):
        kind = (2, i + 1, 0) if vector else (4, *_TENSOR[i]) if count == 6 else (1, 0, 0)
        file.write(f" -5  {component:<8}{1:>5d}" + "".join(f"{k:>5d}" for k in (*kind, 0)) + "\n")
    if vector:
        file.write(f" -5  {'ALL':<8}" + "".join(f"{k:>5d}" for k in (1, 2, 0, 0, 1)) + "ALL\n")
    _write_rows(file, mesh, values)


def _time(time: float) -> str:
    """Return a time in at most twelve characters, with as many digits as these hold."""
    return next(text for digits in range(12, 0, -1) if len(text := f"{time:.{digits}g}") <= 12)
