"""Matrices and vectors that other codes export: Matrix Market, SciPy and NumPy, HDF5, PETSc binary."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
from scipy import sparse

from romtool.errors import ReaderError
from romtool.linalg.eim import Numbers
from romtool.operators.petsc_binary import read_petsc

Matrix = Any  # a (n, n) array, or a csr matrix with sorted indices; float64 or complex128


def read_matrix(path: Path) -> Matrix:
    """Read a square matrix: CSR where the file is sparse, else an array.

    Raises
    ------
    ReaderError: no such file, unknown format, damaged, not square, or values that are not finite.
    """
    matrix = _read(path, "matrix")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.shape[0]:
        raise ReaderError(f"{path}: holds an array of shape {matrix.shape}; expected a square matrix")
    _check_finite(path, matrix)
    return matrix


def read_rows(path: Path, n_columns: int) -> Numbers:
    """Read a matrix of any number of rows as a (n_rows, n_columns) array; a vector is one. Raises ReaderError."""
    return _read_dense(path, np.atleast_2d, 1, n_columns)


def read_columns(path: Path, n_rows: int) -> Numbers:
    """Read a matrix of any number of columns as a (n_rows, n_columns) array; a vector is one. Raises ReaderError."""
    return _read_dense(path, lambda found: found[:, None] if found.ndim == 1 else found, 0, n_rows)


def _read_dense(path: Path, shaped: Callable[[Numbers], Numbers], axis: int, count: int) -> Numbers:
    found = _read(path, "matrix")
    matrix = shaped(found.toarray() if sparse.issparse(found) else found)
    if matrix.ndim != 2 or matrix.shape[axis] != count or not matrix.size:
        what = "columns" if axis else "rows"
        raise ReaderError(f"{path}: holds an array of shape {matrix.shape}; expected {count} {what}")
    _check_finite(path, matrix)
    return matrix


def asymmetry(matrix: Matrix) -> float:
    """Return the largest entry of `A - Aᴴ` relative to that of A."""
    largest = abs(matrix).max()
    return float(abs(matrix - matrix.conj().T).max() / largest) if largest else 0.0


def read_vector(path: Path, n_rows: int) -> Numbers:
    """Read a vector of n_rows values. Raises ReaderError."""
    values = _read(path, "vector")
    vector = np.ravel(values.toarray() if sparse.issparse(values) else values)
    if vector.shape != (n_rows,) or max(values.shape) != n_rows:
        raise ReaderError(f"{path}: holds an array of shape {values.shape}; expected a vector of {n_rows} values")
    _check_finite(path, vector)
    return vector


def _read(path: Path, what: str) -> Matrix:
    """Return what a file holds, in double precision."""
    suffix = next((known for known in READERS if path.name.lower().endswith(known)), "")
    if not suffix:
        raise ReaderError(f"{path}: unknown format; expected one of {' '.join(READERS)}")
    if not path.is_file():
        raise ReaderError(f"{path}: no such file; export it, `romtool operators select` lists what is wanted")
    try:
        found = READERS[suffix](path, what)
        found = found.astype(np.complex128 if np.iscomplexobj(found) else np.float64, copy=False)
    except ReaderError:
        raise
    except (OSError, ValueError, KeyError, EOFError, TypeError, IndexError, MemoryError, BadZipFile) as error:
        raise ReaderError(f"{path}: can not be read as {suffix} ({error}); export it again") from error
    if sparse.issparse(found):
        found = sparse.csr_matrix(found)
        found.sum_duplicates()
    return found


def _check_finite(path: Path, values: Matrix) -> None:
    if np.isfinite(values.data if sparse.issparse(values) else values).all():
        return
    coordinates = sparse.coo_matrix(values)  # of a vector: one row
    first = int(np.argmin(np.isfinite(coordinates.data)))
    row, column = coordinates.row[first] + 1, coordinates.col[first] + 1
    place = f"row {row}, column {column}" if values.ndim == 2 else f"value {column}"
    raise ReaderError(f"{path}: holds NaN or infinity, first in {place} (from 1); export it again")


def _read_market(path: Path, what: str) -> Matrix:
    from scipy.io import mmread

    return mmread(path)


def _read_npz(path: Path, what: str) -> Matrix:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = list(archive)
        if "format" not in names:
            if len(names) != 1:
                raise ReaderError(f"{path}: holds the arrays {', '.join(names)}; expected one, or SciPy's save_npz")
            return archive[names[0]]
    return sparse.load_npz(path)


def _read_npy(path: Path, what: str) -> Matrix:
    return np.load(path, allow_pickle=False)


def _read_hdf5(path: Path, what: str) -> Matrix:
    with h5py.File(path, "r") as file:
        if what not in file:
            raise ReaderError(f'{path}: has no "{what}" but {", ".join(file) or "nothing"}; name it "{what}"')
        node = file[what]
        if isinstance(node, h5py.Dataset):
            return node[()]
        shape = node["shape"][()] if "shape" in node else node.attrs["shape"]
        parts = tuple(node[key][()] for key in ("data", "indices", "indptr"))
        return _checked_csr(sparse.csr_matrix(parts, shape=tuple(int(n) for n in shape)))


def _checked_csr(matrix: Matrix) -> Matrix:
    """Check the indices of a matrix put together from arrays."""
    matrix.check_format(full_check=True)
    return matrix


READERS: Mapping[str, Callable[[Path, str], Matrix]] = {
    ".mtx": _read_market,
    ".mtx.gz": _read_market,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".petsc": lambda path, what: read_petsc(path),
    ".bin": lambda path, what: read_petsc(path),
}
"""Readers by suffix; each takes the path and what is wanted, "matrix" or "vector"."""


class MatrixFiles(Sequence[Matrix]):
    """Matrices of one shape and pattern, each read from its file when it is asked for.

    Parameters
    ----------
    paths: of the files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._first: Matrix = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Matrix:
        """Return a matrix. Raises ReaderError, also where it does not fit the first."""
        matrix = read_matrix(self.paths[index])
        if self._first is None:
            self._first = matrix if index == 0 else read_matrix(self.paths[0])
        if problem := misfit(self._first, matrix):
            raise ReaderError(f"{self.paths[index]}: {problem} that of {self.paths[0].name}; export all alike")
        return matrix


def misfit(first: Matrix, other: Matrix) -> str:
    """Say in what another matrix differs from the first, or nothing."""
    if other.shape != first.shape:
        return f"its shape {other.shape} is not {first.shape},"
    if sparse.issparse(other) != sparse.issparse(first):
        return "it is dense or sparse unlike"
    if sparse.issparse(other) and not _same_pattern(first, other):
        return f"its sparsity pattern ({other.nnz} entries, {first.nnz} in the first) is not"
    return ""


def _same_pattern(first: Matrix, other: Matrix) -> bool:
    return bool(np.array_equal(first.indptr, other.indptr) and np.array_equal(first.indices, other.indices))


def combine(terms: Sequence[Matrix], weights: Numbers) -> Matrix:
    """Return `Σ_m weights_m terms_m`, of the terms' pattern; terms are visited once, one at a time.

    Parameters
    ----------
    terms: d matrices of one shape and pattern.
    weights: (d,) numbers.
    """
    pairs = zip(weights, terms, strict=True)
    weight, first = next(pairs)
    if not sparse.issparse(first):
        return reduce(lambda total, pair: total + pair[0] * pair[1], pairs, weight * first)
    data = reduce(lambda total, pair: total + pair[0] * pair[1].data, pairs, weight * first.data)
    return sparse.csr_matrix((data, first.indices, first.indptr), shape=first.shape)
