"""Open MED files (HDF5) and read their mesh: nodes, cells, and the groups behind families."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from romtool.convert.damage import told_as_damage
from romtool.convert.grid import Grid
from romtool.convert.med_cells import MED_CELLS
from romtool.errors import ReaderError
from romtool.types import Floats, Ints

_HDF5 = b"\x89HDF\r\n\x1a\n"
_GROUP_NAME = 80


@contextmanager
def open_med(path: Path) -> Iterator[h5py.File]:
    """Open a MED file for reading; whatever is missing or damaged inside is said in one line.

    Raises
    ------
    ReaderError: another kind of file, one that is cut short or damaged, or of MED before 3.0.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head != _HDF5:
        hint = "; it is NetCDF, perhaps an Exodus file (.e, .exo)" if head[:3] == b"CDF" else ""
        raise ReaderError(
            f"{path} begins with {head!r} at byte 0; expected a MED file (HDF5){hint}; is its extension right?"
        )
    with told_as_damage(path, "a MED file"), h5py.File(path, "r") as file:
        if "ENS_MAA" not in file:
            found = ", ".join(list(file)[:5]) or "nothing"
            raise ReaderError(f"{path} is HDF5, but no MED file: it holds {found}, expected the group ENS_MAA")
        version = file["INFOS_GENERALES"].attrs["MAJ"] if "INFOS_GENERALES" in file else 0
        if version < 3:
            raise ReaderError(f"{path} is of MED {version}; expected 3 or 4: convert it with Salome's mdimport")
        yield file


def text_of(value: object) -> str:
    """Return an attribute or a row of characters as text."""
    raw = value if isinstance(value, bytes | str) else bytes(np.asarray(value).astype(np.uint8).tobytes())
    text = raw if isinstance(raw, str) else raw.decode("latin-1")
    return text.split("\0")[0].strip()


@dataclass(frozen=True)
class CellType:
    """The cells of one type in a file.

    Parameters
    ----------
    name: MED's.
    start: position of the first among all cells that are read.
    count: number of cells.
    """

    name: str
    start: int
    count: int


@dataclass(frozen=True)
class MedMesh:
    """What a file says of a mesh.

    Parameters
    ----------
    grid: points, cells in VTK order, ids, groups as sets.
    cell_types: the cells in the order of the grid.
    warnings: sentences for the user.
    """

    grid: Grid
    cell_types: tuple[CellType, ...]
    warnings: tuple[str, ...]


def read_med_mesh(file: h5py.File, name: str, path: Path) -> MedMesh:
    """Read one mesh of a file.

    Parameters
    ----------
    file: opened by `open_med`.
    name: of the mesh.
    path: the file, for messages.

    Raises
    ------
    ReaderError: a structured mesh, arrays that do not fit each other.
    """
    mesh = file["ENS_MAA"][name]
    steps = sorted(mesh)
    if int(mesh.attrs.get("TYP", 0)) != 0 or not steps or "MAI" not in mesh[steps[0]]:
        raise ReaderError(f"{path}: mesh {name} is not an unstructured mesh with cells")
    first = mesh[steps[0]]
    points = _points(first["NOE"], int(mesh.attrs["ESP"]), path)
    known = [kind for kind in sorted(first["MAI"], key=_position) if kind in MED_CELLS]
    cells = [_cells(first["MAI"][kind], kind, path) for kind in known]
    starts = np.cumsum([0, *(len(nodes) for _, nodes in cells)])
    families = _families(file, name)
    said = [f"cells of type {kind} are left out" for kind in first["MAI"] if kind not in MED_CELLS]
    if len(steps) > 1:
        said.append(f"mesh {name} changes over time ({len(steps)} states): the first one is taken")
    ids = _cell_ids([first["MAI"][kind] for kind in known], [len(nodes) for _, nodes in cells], said)
    grid = Grid(
        points=points,
        cells=tuple(cells),
        node_arrays={"node_ids": np.asarray(first["NOE/NUM"][()])} if "NUM" in first["NOE"] else {},
        cell_arrays={} if ids is None else {"element_ids": ids},
        node_sets=_groups(_family_numbers(first["NOE"], len(points)), families),
        cell_sets=_groups(
            np.concatenate(
                [_family_numbers(first["MAI"][k], len(n)) for k, (_, n) in zip(known, cells, strict=True)]
                or [np.zeros(0, np.int64)]
            ),
            families,
        ),
        own_order=True,
    )
    types = tuple(CellType(k, int(s), len(n)) for k, s, (_, n) in zip(known, starts, cells, strict=False))
    return MedMesh(grid, types, tuple(said))


def _position(kind: str) -> int:
    """Return the place of a cell type in the table, so that solids come first."""
    return list(MED_CELLS).index(kind) if kind in MED_CELLS else len(MED_CELLS)


def _points(nodes: h5py.Group, n_dim: int, path: Path) -> Floats:
    """Return the (n_nodes, n_dim) coordinates, stored axis by axis."""
    flat = np.asarray(nodes["COO"][()], dtype=np.float64)
    if n_dim not in (2, 3) or flat.size % n_dim:
        raise ReaderError(f"{path}: {flat.size} coordinates in {n_dim} dimensions; expected whole points in 2 or 3")
    return flat.reshape(n_dim, -1).T


def _cells(group: h5py.Group, kind: str, path: Path) -> tuple[str, Ints]:
    """Return meshio's name and the (n_cells, n_cell_nodes) rows of points of one type, VTK order."""
    cell_type, to_vtk = MED_CELLS[kind]
    flat = np.asarray(group["NOD"][()], dtype=np.int64)
    if flat.size % len(to_vtk):
        raise ReaderError(f"{path}: {flat.size} nodes of {kind} cells; expected a multiple of {len(to_vtk)}")
    return cell_type, (flat.reshape(len(to_vtk), -1).T - 1)[:, list(to_vtk)]


def _cell_ids(groups: list[h5py.Group], counts: list[int], said: list[str]) -> Ints | None:
    """Return the cells' numbers where all types have some and none is used twice."""
    if not groups or not all("NUM" in group for group in groups):
        return None
    ids = np.concatenate([np.asarray(group["NUM"][()], dtype=np.int64) for group in groups])
    if len(ids) != sum(counts) or len(np.unique(ids)) != len(ids):
        said.append("cell numbers of several types coincide: cells are numbered 1, 2, … in file order")
        return None
    return ids


def _family_numbers(group: h5py.Group, count: int) -> Ints:
    """Return the (count,) families of nodes or cells, 0 where the file has none."""
    return np.asarray(group["FAM"][()], dtype=np.int64) if "FAM" in group else np.zeros(count, np.int64)


def _families(file: h5py.File, name: str) -> dict[int, tuple[str, ...]]:
    """Return family number -> names of its groups."""
    found: dict[int, tuple[str, ...]] = {}
    root = file["FAS"][name] if "FAS" in file and name in file["FAS"] else {}
    for kind in ("NOEUD", "ELEME"):
        for family in root[kind].values() if kind in root else ():
            if "GRO" in family:
                rows = np.asarray(family["GRO/NOM"][()]).reshape(-1)
                names = rows.view(np.uint8).reshape(-1, _GROUP_NAME)
                found[int(family.attrs["NUM"])] = tuple(text_of(row) for row in names)
    return found


def _groups(numbers: Ints, families: dict[int, tuple[str, ...]]) -> dict[str, Ints]:
    """Return group name -> rows of its members."""
    members: dict[str, list[int]] = {}
    for number in np.unique(numbers).tolist():
        for name in families.get(number, ()):
            members.setdefault(name, []).append(number)
    return {name: np.flatnonzero(np.isin(numbers, several)) for name, several in members.items()}
