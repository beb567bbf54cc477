"""PETSc's binary files of matrices and vectors, read without PETSc.

Big-endian (PETSc manual, MatLoad and VecLoad): a class id, sizes, then for a sparse matrix the entries of each row,
column indices and values. Widths of integers and scalars are not in the file; they follow from its length.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from romtool.errors import ReaderError

_MATRIX, _VECTOR = 1211216, 1211214
_INTEGERS, _SCALARS = (">i4", ">i8"), (">f8", ">c16", ">f4")
_DENSE = -1


def read_petsc(path: Path) -> Any:
    """Read the matrix (CSR, or an array where it was stored dense) or the vector at the start of a file.

    Raises
    ------
    ReaderError: not such a file, or of a length that fits no width of integers and scalars.
    ValueError: column indices outside the matrix.
    """
    raw = path.read_bytes()
    for integer, scalar in product(_INTEGERS, _SCALARS):
        found = _decode(raw, np.dtype(integer), np.dtype(scalar))
        if found is not None:
            return found
    raise ReaderError(
        f"{path}: {len(raw)} bytes are no PETSc matrix or vector (class id {_MATRIX} or {_VECTOR} at byte 0, then all "
        "values); expected the output of MatView or VecView with a binary viewer"
    )


def _decode(raw: bytes, integer: np.dtype[Any], scalar: np.dtype[Any]) -> Any:
    """Return what a file holds if its integers and scalars have these widths, else None."""
    head = np.frombuffer(raw, dtype=integer, count=min(4, len(raw) // integer.itemsize))
    if len(head) >= 2 and head[0] == _VECTOR:
        return _values(raw, int(head[1]), 2 * integer.itemsize, scalar)
    if len(head) < 4 or head[0] != _MATRIX:
        return None
    rows, columns, entries = (int(value) for value in head[1:])
    start = 4 * integer.itemsize
    if entries == _DENSE:
        values = _values(raw, rows * columns, start, scalar)
        return None if values is None else values.reshape(rows, columns)
    if min(rows, columns, entries) < 0 or len(raw) < start + (rows + entries) * integer.itemsize:
        return None
    lengths = np.frombuffer(raw, integer, rows, start)
    indices = np.frombuffer(raw, integer, entries, start + lengths.nbytes).astype(np.int64)
    values = _values(raw, entries, start + lengths.nbytes + entries * integer.itemsize, scalar)
    if values is None or lengths.sum() != entries:
        return None
    matrix = sparse.csr_matrix((values, indices, np.append(0, np.cumsum(lengths))), shape=(rows, columns))
    matrix.check_format(full_check=True)
    return matrix


def _values(raw: bytes, count: int, start: int, scalar: np.dtype[Any]) -> Any:
    """Return the values that end a file, or None where its length is not theirs."""
    if count < 0 or len(raw) != start + count * scalar.itemsize:
        return None
    return np.frombuffer(raw, scalar, count, start).astype(scalar.newbyteorder("="))
