"""Fields of an Exodus result: variables gathered to vectors and tensors, read one time at a time."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.convert.array_names import describe_fields
from romtool.convert.damage import told_as_damage
from romtool.convert.exodus_file import Dataset, Piece, size_of, texts
from romtool.convert.exodus_mesh import ExodusMesh
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, Location

_PART = re.compile(r"^(?P<base>.+?)(?P<mark>_?)(?P<part>xx|yy|zz|xy|yz|zx|xz|x|y|z)$", re.IGNORECASE)
_FAMILIES = (("xx", "yy", "zz", "xy", "yz", "zx"), ("xx", "yy", "zz", "xy", "yz", "xz"), ("x", "y", "z"), ("x", "y"))
"""Endings that make one field together, in romtool's order of components."""

_KINDS: dict[Location, str] = {"node": "nod", "element": "elem"}


def group_variables(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Gather variables to fields: disp_x disp_y disp_z, or DisplX DisplY DisplZ, to one vector; others stay single.

    Parameters
    ----------
    names: of the variables of one kind.

    Returns
    -------
    Field name (that of the variables without their ending) -> positions of its components in `names`.

    >>> group_variables(["DISPLX", "DISPLY", "temp"])
    {'DISPL': (0, 1), 'temp': (2,)}
    """
    members: dict[tuple[str, str, int], dict[str, int]] = {}
    for k, name in enumerate(names):
        if match := _PART.match(name):
            key = (match["base"].lower(), match["mark"], len(match["part"]))
            members.setdefault(key, {})[match["part"].lower()] = k
    whole = [
        tuple(parts[part] for part in family)
        for parts in members.values()
        for family in _FAMILIES
        if set(family) == set(parts)
    ]
    of_first = {min(columns): columns for columns in whole}
    used = {k for columns in whole for k in columns}
    fields: dict[str, tuple[int, ...]] = {}
    for k, name in enumerate(names):
        match = _PART.match(name)
        if k in of_first and match is not None:
            fields[match["base"] if match["base"] not in names else name] = of_first[k]
        elif k not in used:
            fields[name] = (k,)
    return fields


@dataclass(frozen=True)
class Variables:
    """The fields of a run and how they are read: `variables(name, i)`.

    Parameters
    ----------
    pieces: its files.
    load: opens one.
    times: (n_times,) float [time].
    fields: romtool's name -> description; its `source` is the name without endings.
    columns: (location, source) -> positions of the variables.
    counts: location -> number of rows that a field has.
    rows: location -> rows of the values of all files, one after the other.
    """

    pieces: tuple[Piece, ...]
    load: Callable[[Path], Dataset]
    times: Floats
    fields: Mapping[str, FieldInfo]
    columns: Mapping[tuple[Location, str], tuple[int, ...]]
    counts: Mapping[Location, int]
    rows: Mapping[Location, Ints | slice]

    def __call__(self, name: str, index: int) -> Floats:
        """Return field `name` at `times[index]` (see `romtool.types.SolverResults`)."""
        info = self.fields[name]
        index = range(len(self.times))[index]
        read = _nodal if info.location == "node" else _elemental
        out = np.zeros((self.counts[info.location], len(info.components)))
        for column, variable in enumerate(self.columns[info.location, info.source]):
            parts = []
            for piece in self.pieces:
                with told_as_damage(piece.path, f"an Exodus file ({info.source} at time {index + 1})"):
                    parts.append(read(self.load(piece.path), piece, variable, index))
            out[:, column] = (parts[0] if len(parts) == 1 else np.concatenate(parts))[self.rows[info.location]]
        return out


def read_variables(pieces: Sequence[Piece], load: Callable[[Path], Dataset], mesh: ExodusMesh) -> Variables:
    """Find times and fields of a run; no value is read.

    Raises
    ------
    ReaderError: times that do not increase, files with different times or variables.
    """
    first = load(pieces[0].path)
    times = _times(first, pieces[0].path)
    with told_as_damage(pieces[0].path, "an Exodus file (names of variables)"):
        names = {kind: _names(first, short) for kind, short in _KINDS.items()}
    for piece in pieces[1:]:
        _check_same(load(piece.path), piece.path, times, names)
    columns: dict[tuple[Location, str], tuple[int, ...]] = {}
    fields: dict[str, FieldInfo] = {}
    for location in ("element", "node") if len(times) else ():
        grouped = group_variables(names[location])
        columns |= {(location, source): variables for source, variables in grouped.items()}
        empty = {source: np.empty((0, len(v)), _dtype(first)) for source, v in grouped.items()}
        fields |= {name: info for name, (_, info) in describe_fields(empty, location).items()}
    counts: dict[Location, int] = {"node": mesh.mesh.n_nodes, "element": mesh.mesh.n_elements}
    rows: dict[Location, Ints | slice] = {"node": _in_order(mesh.node_rows), "element": _in_order(mesh.cell_rows)}
    return Variables(tuple(pieces), load, times, fields, columns, counts, rows)


def _in_order(rows: Ints) -> Ints | slice:
    """Return rows as a slice where they are the first ones in order, which saves a copy."""
    return slice(len(rows)) if np.array_equal(rows, np.arange(len(rows))) else rows


def _names(dataset: Dataset, short: str) -> list[str]:
    """Return the names of the nodal or element variables."""
    return texts(dataset, f"name_{short}_var", size_of(dataset, f"num_{short}_var"))


def _dtype(dataset: Dataset) -> np.dtype[np.float32] | np.dtype[np.float64]:
    """Return the type of the file's numbers, by its times."""
    return np.dtype(np.float32) if dataset["time_whole"].dtype.itemsize == 4 else np.dtype(np.float64)


def _times(dataset: Dataset, path: Path) -> Floats:
    """Return the times. Raises ReaderError where they do not increase."""
    with told_as_damage(path, "an Exodus file (times)"):
        times = np.asarray(dataset["time_whole"][:] if "time_whole" in dataset.variables else [], dtype=np.float64)
    steps = np.diff(times)
    if not np.isfinite(times).all() or (steps <= 0.0).any():
        at = int(np.argmax(~(np.concatenate([[1.0], steps]) > 0.0)))
        raise ReaderError(
            f"{path}: time {at + 1} is {times[at]:g} after {times[max(at - 1, 0)]:g}; expected increasing times: "
            "give the results of one run"
        )
    return times


def _check_same(dataset: Dataset, path: Path, times: Floats, names: Mapping[Location, list[str]]) -> None:
    """Refuse a file of a decomposed run with other times or variables than the first one."""
    found = _times(dataset, path)
    if not np.array_equal(found, times):
        raise ReaderError(f"{path}: {len(found)} times, the first file of its run has {len(times)} or others")
    for location, short in _KINDS.items():
        if _names(dataset, short) != names[location]:
            raise ReaderError(f"{path}: its {location} variables are not those of the first file of its run")


def _nodal(dataset: Dataset, piece: Piece, variable: int, index: int) -> Floats:
    """Return the (n_file_nodes,) values of a nodal variable; old files keep all variables in one array."""
    if "vals_nod_var" in dataset.variables:
        return np.asarray(dataset["vals_nod_var"][index, variable])
    return np.asarray(dataset[f"vals_nod_var{variable + 1}"][index])


def _elemental(dataset: Dataset, piece: Piece, variable: int, index: int) -> Floats:
    """Return the values of an element variable on all shown blocks, NaN where a block has none."""
    parts = [np.zeros(0)]
    for block in piece.blocks:
        name = f"vals_elem_var{variable + 1}eb{block.number}"
        if block.cell_type is not None:
            known = name in dataset.variables
            parts.append(dataset[name][index] if known else np.full(block.count, np.nan))
    return np.concatenate(parts)
