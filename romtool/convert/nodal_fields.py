"""One scalar per node (or face) from a file: temperatures and pressures of cases and decks."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.errors import ReaderError
from romtool.types import Floats, Ints, SolverResults

Field = tuple[Floats, Ints | None]

_VTK = (".vtu", ".vtk", ".pvd")
_ID_COLUMNS = ("id", "ids", "node", "nodes", "node_id", "node_ids", "face", "face_id")


def read_nodal_field(path: Path, name: str | None = None, *, count: int | None = None) -> Field:
    """Read one scalar field.

    Parameters
    ----------
    path: Z-set `.node` (big-endian float32 records), `.npy`, text (`.txt .csv .dat`: a number per line, or
        `id value`), `.vtu .vtk .pvd .xdmf .frd .e .exo .med .rmed` (the array `name`). Of a history the last time
        is taken.
    name: the array or column; of a `.node` file the record number, from 1. Default: the first record, the
        last column, the only scalar array, the temperature.
    count: how many values are expected; needed for `.node` files of several records.

    Returns
    -------
    The (count,) float64 values, and their ids where the file has them (else None).

    Raises
    ------
    ReaderError: no such file or array (with the available and the nearest ones), a wrong number of values,
        values that are not numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise ReaderError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; a field file was expected")
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        raise ReaderError(f"{path}: fields are read from {' '.join(FORMATS)}, not from {path.suffix or 'it'}")
    values, ids = reader(path, name, count)
    if count is not None and len(values) != count:
        raise ReaderError(f"{path} has {len(values)} values, {count} are expected")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ReaderError(f"{path}: {len(bad)} values are not finite, the first is number {bad[0] + 1}")
    return values, ids


def order_field(values: Floats, ids: Ints | None, node_ids: Ints, path: Path) -> Floats:
    """Bring a field into the order of the mesh's nodes.

    Parameters
    ----------
    values: (n,) float.
    ids: (n,) node ids of the values; None: they are in the order of ascending node ids already.
    node_ids: (n_nodes,) ids of the mesh, strictly ascending.
    path: the file, for messages.

    Returns
    -------
    (n_nodes,) float.

    Raises
    ------
    ReaderError: a wrong number of values, ids given twice, nodes without a value.
    """
    if len(values) != len(node_ids):
        raise ReaderError(f"{path} has {len(values)} values, the mesh has {len(node_ids)} nodes")
    if ids is None:
        return np.array(values, dtype=np.float64)
    order = np.argsort(ids, kind="stable")
    ascending = ids[order]
    twice = np.flatnonzero(ascending[1:] == ascending[:-1])
    if len(twice):
        raise ReaderError(f"{path} gives node {ascending[twice[0]]} twice; one value per node is expected")
    lacking = np.setdiff1d(node_ids, ascending)
    if len(lacking):
        more = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        raise ReaderError(f"{path} has no value for node {lacking[0]}{more}; its ids must be those of the mesh")
    return np.array(values[order], dtype=np.float64)


def _read_node(path: Path, name: str | None, count: int | None) -> Field:
    """Read one record of a Z-set file of big-endian float32."""
    size = path.stat().st_size
    n_values = size // 4
    length = n_values if count is None else count
    if size % 4 or not length or n_values % length:
        raise ReaderError(
            f"{path} has {size} bytes ({n_values} values); whole records of {length} float32 values are expected"
        )
    record, n_records = _record(path, name), n_values // length
    if not 1 <= record <= n_records:
        raise ReaderError(f"{path} has {n_records} records of {length} values; record {record} was asked for")
    data = np.fromfile(path, dtype=">f4", count=length, offset=4 * length * (record - 1))
    return data.astype(np.float64), None


def _record(path: Path, name: str | None) -> int:
    """Return the record number in `name`, 1 by default."""
    try:
        return 1 if name is None else int(name)
    except ValueError as error:
        raise ReaderError(f"{path}: a .node file has numbered records 1, 2, …, not names such as {name}") from error


def _read_npy(path: Path, name: str | None, count: int | None) -> Field:
    """Read a NumPy array of one column."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ReaderError(f"{path} is not a readable .npy file of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ReaderError(f"{path} does not hold one array of numbers")
    return _scalar(array, path, path.name), None


def _read_text(path: Path, name: str | None, count: int | None) -> Field:
    """Read numbers in lines, separated by spaces, commas or semicolons, with # comments and perhaps a header."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ReaderError(f"{path} is not a text file; {path.suffix} is read as text") from error
    rows = [
        (i + 1, words)
        for i, line in enumerate(lines)
        if (words := line.partition("#")[0].replace(",", " ").replace(";", " ").split())
    ]
    if not rows:
        raise ReaderError(f"{path} holds no values")
    header = [] if all(_is_number(word) for word in rows[0][1]) else rows.pop(0)[1]
    table = _table(path, rows)
    column = _column(path, name, header, table.shape[1])
    keyed = column > 0 and (table.shape[1] == 2 or header[0].lower() in _ID_COLUMNS)
    return table[:, column], _as_ids(path, table[:, 0]) if keyed else None


def _table(path: Path, rows: list[tuple[int, list[str]]]) -> Floats:
    """Return the numbers of lines of equal length; name the first line that does not fit."""
    try:
        return np.array([words for _, words in rows], dtype=np.float64).reshape(len(rows), -1)
    except ValueError as error:
        width = len(rows[0][1]) if rows else 0
        for line, words in rows:
            wrong = next((word for word in words if not _is_number(word)), None)
            if wrong is not None:
                raise ReaderError(f"{path}:{line}: {wrong!r} is not a number") from error
            if len(words) != width:
                raise ReaderError(f"{path}:{line}: {len(words)} numbers; {width} as above are expected") from error
        raise ReaderError(f"{path} is not a table of numbers") from error


def _column(path: Path, name: str | None, header: list[str], width: int) -> int:
    """Return the column of the values: by its name in the header, else the last of one or two."""
    if name is not None:
        if not header:
            raise ReaderError(f"{path} has no header line that names its columns; leave out the name {name}")
        if name not in header:
            raise ReaderError(f"{path} has no column {_nearest(name, header)}")
        return header.index(name)
    if width > 2:
        raise ReaderError(
            f"{path} has {width} columns; one value, or `id value`, per line is expected, "
            "or a header line and the name of a column"
        )
    return width - 1


def _as_ids(path: Path, numbers: Floats) -> Ints:
    """Return whole numbers as ids."""
    if not np.array_equal(numbers, np.rint(numbers)):
        raise ReaderError(f"{path}: the first of two columns must be node ids, whole numbers")
    return numbers.astype(np.int64)


def _is_number(word: str) -> bool:
    """Tell whether a word is a number (NaN included)."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _read_arrays(path: Path, name: str | None, count: int | None) -> Field:
    """Read an array of a VTK or XDMF file, or a nodal field of results, at its last time."""
    series = open_nodal_series(path, name)
    return series.read(len(series.times) - 1), series.ids


@dataclass(frozen=True)
class NodalSeries:
    """One scalar per node at several times, read one time at a time.

    Parameters
    ----------
    name: of the field.
    times: (n_times,) float [time].
    ids: (n,) node ids of the values, None where the file has none.
    read: `read(i)` returns the (n,) float values at `times[i]`.
    """

    name: str
    times: Floats
    ids: Ints | None
    read: Callable[[int], Floats]


def holds_series(path: Path) -> bool:
    """Tell whether a field file is one of those that may hold several times."""
    return FORMATS.get(path.suffix.lower()) is _read_arrays


def open_nodal_series(path: Path, name: str | None = None) -> NodalSeries:
    """Open a field of a VTK or XDMF file, or of results with node ids, by default the temperature.

    Raises
    ------
    ReaderError: no such array (with the available and the nearest ones), or none of one value per node.
    """
    results, numbered = _open_arrays(path)
    field = _choose(results, path, name)
    nodal = results.fields[field].location == "node"
    ids = results.mesh.node_ids if nodal and numbered else None
    return NodalSeries(field, results.times, ids, lambda i: _scalar(results.read(field, i), path, field))


def array_named(path: Path, name: str | None) -> str | None:
    """Return a name where a file of several times holds an array of it, else None. Raises ReaderError."""
    if name is None or not holds_series(path):
        return None
    results, _ = _open_arrays(path)
    known = {name for key, info in results.fields.items() for name in (key, info.source)}
    return name if name in known else None


def _open_arrays(path: Path) -> tuple[SolverResults, bool]:
    """Return what a file holds, and whether its nodes are numbered."""
    from romtool.convert import vtk, xdmf

    suffix = path.suffix.lower()
    if suffix in xdmf.READER.extensions:
        return xdmf.open_series(path)
    if suffix in _VTK:
        return vtk.open_series(path, alone=True)
    from romtool.convert.registry import read_results

    return read_results(path), True


def _choose(results: SolverResults, path: Path, name: str | None) -> str:
    """Return the name of the field that is meant, by romtool's name or the file's."""
    nodal = {key: info for key, info in results.fields.items() if info.location != "point"}
    if name is not None:
        sources = {info.source: key for key, info in nodal.items()}
        if name in nodal or name in sources:
            return name if name in nodal else sources[name]
        raise ReaderError(f"{path} has no array {_nearest(name, [*nodal, *(s for s in sources if s not in nodal)])}")
    scalars = [key for key, info in nodal.items() if len(info.components) == 1]
    if "T" in scalars or len(scalars) == 1:
        return "T" if "T" in scalars else scalars[0]
    raise ReaderError(
        f"{path} has {len(scalars)} scalar arrays ({', '.join(scalars) or 'none'}); name the one that is meant"
    )


def _nearest(name: str, known: list[str]) -> str:
    """Return the words `name; available: …; nearest: …`."""
    near = difflib.get_close_matches(name, known, 1, cutoff=0.4)
    return f"{name}; available: {', '.join(known) or 'none'}" + (f"; the nearest is {near[0]}" if near else "")


def _scalar(values: NDArray[Any], path: Path, name: str) -> Floats:
    """Return the (n,) values of a field of one component."""
    if values.ndim == 0 or values.size != len(values):
        raise ReaderError(f"{path}: {name} has shape {values.shape}; one value per node is expected")
    return values.reshape(-1).astype(np.float64)


FORMATS: Mapping[str, Callable[[Path, str | None, int | None], Field]] = MappingProxyType(
    {
        ".node": _read_node,
        ".npy": _read_npy,
        **dict.fromkeys((".txt", ".csv", ".dat"), _read_text),
        **dict.fromkeys((*_VTK, ".xdmf", ".xmf", ".frd", ".e", ".exo", ".med", ".rmed"), _read_arrays),
    }
)
"""Reader by extension."""
