"""One codec between frozen values and HDF5: what romtool stores, it stores through this.

A value becomes a group whose attribute `kind` names its type: arrays become datasets, sparse matrices,
mappings, sequences and dataclasses become groups, numbers, texts and None become attributes. Only the
classes of a literal table are read back: a file can not name code to run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from romtool.errors import ModelError

SCHEMA = 3
"""Version of the layout that is written; a newer one is refused in words."""

OLDEST_SCHEMA = 3
"""Version of the oldest layout that is read: what was added since has defaults; an older one is refused in words."""

MAKERS: Mapping[str, str] = {
    "dataset": "import it again with `romtool import CASE --overwrite`",
    "model": "train it again with `romtool offline CASE -o MODEL --overwrite`",
    "result": "answer the load again with `romtool online MODEL LOAD -o OUT --overwrite`",
    "solution": "solve it again with `romtool solve CASE LOAD -o REF --overwrite`",
    "study": "run it again with `romtool study MODEL STUDY -o OUT --overwrite`",
}
"""Kind of a file -> how a new one is made."""


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
        parent.create_dataset(name, data=value)
        return
    group = parent.create_group(name)
    kind = type(value).__name__
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        group.attrs["kind"] = "none" if value is None else "scalar"
        group.attrs["value"] = "" if value is None else value
    elif kind in classes:
        group.attrs["kind"] = kind
        for key in _members(value):
            write_value(group, key, getattr(value, key), classes)
    elif sparse.issparse(value):
        group.attrs["kind"], group.attrs["shape"] = "csr", value.shape
        for key in ("data", "indices", "indptr"):
            group.create_dataset(key, data=getattr(value, key))
    elif isinstance(value, Mapping):
        group.attrs["kind"], group.attrs["keys"] = "mapping", np.array(list(value), dtype=h5py.string_dtype())
        for i, item in enumerate(value.values()):
            write_value(group, str(i), item, classes)
    elif isinstance(value, Sequence):
        group.attrs["kind"], group.attrs["count"] = "sequence", len(value)
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
    kind = str(node.attrs.get("kind"))
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
    keys = node.attrs["keys"]
    return {str(key): read_value(node, str(i), classes) for i, key in enumerate(keys)}


_PLAIN: Mapping[str, Callable[[h5py.Group, Mapping[str, type]], Any]] = {
    "none": lambda node, classes: None,
    "scalar": _scalar,
    "csr": _csr,
    "sequence": _sequence,
    "mapping": _mapping,
}


def create_file(path: Path, kind: str) -> h5py.File:
    """Open a new romtool file for writing, stamped with its kind and the schema version."""
    file = h5py.File(path, "w")
    file.attrs["romtool"], file.attrs["schema"] = kind, SCHEMA
    return file


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
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ModelError(f"{path}: damaged or not an HDF5 file ({error}); make it anew") from error
    found, schema = str(file.attrs.get("romtool", "")), int(file.attrs.get("schema", -1))
    if problem := _mismatch(found, schema, kind):
        file.close()
        raise ModelError(f"{path}: {problem}")
    return file


def _mismatch(found: str, schema: int, kind: str) -> str:
    """Say why a file of a kind and layout is not read, and what to do; "" where it is."""
    if found != kind:
        what = f"a romtool {found} file" if found else "not a romtool file"
        return f"is {what}; expected a {kind} file: give another path"
    if schema > SCHEMA:
        return f"has layout {schema}, written by a newer romtool; this one reads up to {SCHEMA}: update romtool"
    if schema < OLDEST_SCHEMA:
        remedy = MAKERS.get(kind, "make it anew")
        return f"has layout {schema}; this romtool reads {OLDEST_SCHEMA} to {SCHEMA}; {remedy}"
    return ""
