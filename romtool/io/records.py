"""One codec between frozen values and HDF5: what romtool stores, it stores through this.

A value becomes a group whose attribute `kind` names its type: arrays become datasets, sparse matrices,
mappings, sequences and dataclasses become groups, numbers, texts and None become attributes. Only the
classes of a literal table are read back: a file can not name code to run.

Whatever is read has been checked by HDF5 itself, once, as it is read: the metadata of the layout since HDF5 1.10 have
checksums; small arrays and all texts are stored among them (texts of fixed length: those of variable length lie in a
heap without a checksum); large arrays are stored in chunks, each a zlib stream of level 0, which ends with one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from romtool.errors import ModelError, RomtoolError

SCHEMA = 4
"""Version of the layout that is written; a newer one is refused in words."""

OLDEST_SCHEMA: Mapping[str, int] = dict.fromkeys(("model", "modes", "training", "result", "study"), 3)
"""Kind of a file -> version of the oldest layout that is read, `SCHEMA` of others; older ones are refused in words.

Members that were added since have defaults. Version 3 stored texts otherwise, and was no different in these files.
"""

MAKERS: Mapping[str, str] = {
    "dataset": "import it again with `romtool import CASE --overwrite`",
    "model": "train it again with `romtool offline CASE -o MODEL --overwrite`",
    "result": "answer the load again with `romtool online MODEL LOAD -o OUT --overwrite`",
    "solution": "solve it again with `romtool solve CASE LOAD -o REF --overwrite`",
    "study": "run it again with `romtool study MODEL STUDY -o OUT --overwrite`",
}
"""Kind of a file -> how a new one is made."""

COMPACT = 16_384
"""Bytes up to which an array is stored among the metadata."""

CHUNK = 1 << 21
"""Bytes of a chunk of larger arrays, unless one row has more."""

CHECKED: Mapping[str, Any] = {"compression": "gzip", "compression_opts": 0}
"""Filter of chunks: nothing is compressed, but read with a checksum."""


def write_array(parent: h5py.Group, name: str, values: Any) -> None:
    """Store an array of any shape so that damage is noticed when it is read.

    Parameters
    ----------
    parent: open group.
    name: of the dataset.
    values: array of numbers.
    """
    if values.nbytes <= COMPACT:
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_layout(h5py.h5d.COMPACT)
        parent.create_dataset(name, data=values, dcpl=layout)
        return
    rows = min(max(1, CHUNK * len(values) // values.nbytes), len(values))
    parent.create_dataset(name, data=values, chunks=(rows, *values.shape[1:]), **CHECKED)


def create_rows(parent: h5py.Group, name: str, count: int, shape: tuple[int, ...]) -> h5py.Dataset:
    """Return a new (count, *shape) float dataset that is written and read row by row, each with its checksum."""
    if 0 in (count, *shape):
        return parent.create_dataset(name, (count, *shape), np.float64)
    return parent.create_dataset(name, (count, *shape), np.float64, chunks=(1, *shape), **CHECKED)


def write_text(node: Any, key: str, text: str) -> None:
    """Store a text as an attribute of a file, group or dataset."""
    node.attrs[key] = _encoded([text])[0]


def read_text(node: Any, key: str) -> str:
    """Return a text stored by `write_text`; "" where there is none."""
    value = node.attrs.get(key, b"")
    return value.decode() if isinstance(value, bytes) else str(value)


def _encoded(texts: Sequence[str]) -> Any:
    """Return texts as an array of bytes of one length, 1 at least."""
    coded = [text.encode() for text in texts]
    return np.array(coded, dtype=f"S{max(map(len, coded), default=0) or 1}")


def write_value(parent: h5py.Group, name: str, value: Any, classes: Mapping[str, type]) -> None:
    """Store `value` under `name` in `parent`.

    Parameters
    ----------
    parent: open group.
    name: key of the value.
    value: None, bool, int, float, str, array, csr matrix, mapping, sequence, or an instance of `classes`.
    classes: the dataclasses and named tuples that may be stored, by name.

    Raises
    ------
    TypeError: a value of another type.
    """
    if isinstance(value, np.ndarray):
        write_array(parent, name, value)
        return
    group = parent.create_group(name)
    kind = type(value).__name__
    if isinstance(value, str):
        write_text(group, "kind", "text")
        write_text(group, "value", value)
    elif value is None or isinstance(value, bool | int | float | np.generic):
        write_text(group, "kind", "none" if value is None else "scalar")
        group.attrs["value"] = 0 if value is None else value
    elif kind in classes:
        write_text(group, "kind", kind)
        for key in _members(value):
            write_value(group, key, getattr(value, key), classes)
    elif sparse.issparse(value):
        write_text(group, "kind", "csr")
        group.attrs["shape"] = value.shape
        for key in ("data", "indices", "indptr"):
            write_array(group, key, getattr(value, key))
    elif isinstance(value, Mapping):
        write_text(group, "kind", "mapping")
        group.attrs["keys"] = _encoded(list(value))
        for i, item in enumerate(value.values()):
            write_value(group, str(i), item, classes)
    elif isinstance(value, Sequence):
        write_text(group, "kind", "sequence")
        group.attrs["count"] = len(value)
        for i, item in enumerate(value):
            write_value(group, str(i), item, classes)
    else:
        raise TypeError(f"{name}: a {kind} cannot be stored")


def _members(value: Any) -> tuple[str, ...]:
    """Return the field names of a dataclass or named tuple."""
    return tuple(f.name for f in fields(value)) if is_dataclass(value) else value._fields


def read_value(parent: h5py.Group, name: str, classes: Mapping[str, type]) -> Any:
    """Return the value stored under `name`; sequences come back as tuples, mappings as dicts.

    Raises
    ------
    ModelError: the key is absent, its kind is not one of `classes`, or its members are not those of that class.
    """
    if name not in parent:
        raise ModelError(f"{parent.file.filename}: has no {parent.name.rstrip('/')}/{name}; make it anew")
    node = parent[name]
    if isinstance(node, h5py.Dataset):
        return node[()]
    kind = read_text(node, "kind")
    if kind in _PLAIN:
        return _PLAIN[kind](node, classes)
    if kind not in classes:
        raise ModelError(f"{parent.file.filename}: {node.name} is of unknown kind {kind!r}; make it anew")
    members = {key: read_value(node, key, classes) for key in node}
    try:
        return classes[kind](**members)
    except TypeError as error:
        raise ModelError(
            f"{parent.file.filename}: {node.name} is a {kind} of another version of romtool ({error}); make it anew"
        ) from error


def _scalar(node: h5py.Group, classes: Mapping[str, type]) -> Any:
    value = node.attrs["value"]
    return value.item() if isinstance(value, np.generic) else value


def _csr(node: h5py.Group, classes: Mapping[str, type]) -> Any:
    parts = tuple(node[key][()] for key in ("data", "indices", "indptr"))
    return sparse.csr_matrix(parts, shape=tuple(node.attrs["shape"]))


def _sequence(node: h5py.Group, classes: Mapping[str, type]) -> tuple[Any, ...]:
    return tuple(read_value(node, str(i), classes) for i in range(int(node.attrs["count"])))


def _mapping(node: h5py.Group, classes: Mapping[str, type]) -> dict[str, Any]:
    return {key: read_value(node, str(i), classes) for i, key in enumerate(read_keys(node))}


def read_keys(node: h5py.Group) -> list[str]:
    """Return the keys of a stored mapping, in their order; the value of the i-th one is in the member of that name."""
    return [key.decode() if isinstance(key, bytes) else key for key in node.attrs["keys"].tolist()]


_PLAIN: Mapping[str, Callable[[h5py.Group, Mapping[str, type]], Any]] = {
    "none": lambda node, classes: None,
    "text": lambda node, classes: read_text(node, "value"),
    "scalar": _scalar,
    "csr": _csr,
    "sequence": _sequence,
    "mapping": _mapping,
}


def create_file(path: Path, kind: str) -> h5py.File:
    """Open a new romtool file for writing, stamped with its kind and the schema version."""
    file = h5py.File(path, "w", libver="v110")
    write_text(file, "romtool", kind)
    file.attrs["schema"] = SCHEMA
    return file


@contextmanager
def told_as_damage(path: Path) -> Iterator[None]:
    """Tell whatever HDF5 finds wrong in a file as damage of that file. Raises ModelError."""
    try:
        yield
    except RomtoolError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise ModelError(f"{path}: damaged or not an HDF5 file ({error}); make it anew") from error


def stamps(path: Path) -> tuple[str, int]:
    """Return kind and layout stamped on a file, "" and -1 where there are none. Raises ModelError: it is damaged."""
    with told_as_damage(path), h5py.File(path, "r") as file:
        return _stamps(file)


def _stamps(file: h5py.File) -> tuple[str, int]:
    """Return kind and layout stamped on an open file."""
    return read_text(file, "romtool"), int(file.attrs.get("schema", -1))


def open_file(path: Path, kind: str) -> h5py.File:
    """Open a romtool file for reading.

    Parameters
    ----------
    path: the file.
    kind: what it must hold ("dataset", "model", "result" …).

    Raises
    ------
    ModelError: it is absent, damaged, no romtool file, of another kind or another schema version.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; expected a romtool {kind} file")
    with told_as_damage(path):
        file = h5py.File(path, "r")
        found, schema = _stamps(file)
    if problem := _mismatch(found, schema, kind):
        file.close()
        raise ModelError(f"{path}: {problem}")
    return file


def _mismatch(found: str, schema: int, kind: str) -> str:
    """Say why a file of a kind and layout is not read, and what to do; "" where it is."""
    oldest = OLDEST_SCHEMA.get(kind, SCHEMA)
    if found != kind:
        what = f"a romtool {found} file" if found else "not a romtool file"
        return f"is {what}; expected a {kind} file: give another path"
    if schema > SCHEMA:
        return f"has layout {schema}, written by a newer romtool; this one reads up to {SCHEMA}: update romtool"
    if schema < oldest:
        known = " and ".join(map(str, range(oldest, SCHEMA + 1)))
        return f"has layout {schema}; this romtool reads {known}; {MAKERS.get(kind, 'make it anew')}"
    return ""
