"""Reading matrices of all formats, and what is wrong with bad files."""

import struct

import h5py
import numpy as np
import pytest
from scipy import io, sparse

from romtool.errors import ReaderError
from romtool.operators.matrices import (
    MatrixFiles,
    asymmetry,
    combine,
    read_columns,
    read_matrix,
    read_rows,
    read_vector,
)

GENERATOR = np.random.default_rng(4)
DENSE = GENERATOR.standard_normal((6, 6))
SPARSE = sparse.random(30, 30, 0.2, format="csr", random_state=2) + 3.0 * sparse.eye(30, format="csr")
MATRICES = {
    "dense": DENSE,
    "dense-complex": DENSE + 1j * DENSE.T,
    "sparse": SPARSE,
    "sparse-complex": sparse.csr_matrix(SPARSE * (1.0 + 2.0j)),
}


def write_npz(path, matrix):
    sparse.save_npz(path, matrix) if sparse.issparse(matrix) else np.savez(path, matrix=matrix)


def write_market(path, matrix):
    io.mmwrite(path, matrix, precision=17)


def write_hdf5(path, matrix):
    with h5py.File(path, "w") as file:
        if not sparse.issparse(matrix):
            file["matrix"] = matrix
            return
        group = file.create_group("matrix")
        group.attrs["shape"] = matrix.shape
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(matrix, key)


def write_petsc(path, matrix, integer="i4"):
    """Write PETSc's format by its description, big-endian."""
    scalar = ">c16" if np.iscomplexobj(matrix) else ">f8"
    with path.open("wb") as file:

        def put(values, kind):
            file.write(np.asarray(values).astype(kind).tobytes())

        if not sparse.issparse(matrix):
            put([1211216, *matrix.shape, -1], ">" + integer)
            put(matrix.ravel(), scalar)
            return
        put([1211216, *matrix.shape, matrix.nnz], ">" + integer)
        put(np.diff(matrix.indptr), ">" + integer)
        put(matrix.indices, ">" + integer)
        put(matrix.data, scalar)


WRITERS = {
    "A.npz": write_npz,
    "A.mtx": write_market,
    "A.h5": write_hdf5,
    "A.hdf5": write_hdf5,
    "A.petsc": write_petsc,
    "A.bin": lambda path, matrix: write_petsc(path, matrix, "i8"),
}


@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_matrix_back(tmp_path, name, kind):
    matrix = MATRICES[kind]
    WRITERS[name](tmp_path / name, matrix)
    found = read_matrix(tmp_path / name)
    assert sparse.issparse(found) == sparse.issparse(matrix)
    assert found.dtype == matrix.dtype
    difference = found - matrix
    assert abs(difference).max() <= 1e-15 * abs(matrix).max()


def test_npy_and_compressed_market_files(tmp_path):
    np.save(tmp_path / "A.npy", DENSE.astype(np.float32))
    np.testing.assert_allclose(read_matrix(tmp_path / "A.npy"), DENSE, rtol=1e-6)
    assert read_matrix(tmp_path / "A.npy").dtype == np.float64
    import gzip

    io.mmwrite(tmp_path / "A.mtx", SPARSE)
    (tmp_path / "A.mtx.gz").write_bytes(gzip.compress((tmp_path / "A.mtx").read_bytes()))
    np.testing.assert_allclose(read_matrix(tmp_path / "A.mtx.gz").toarray(), SPARSE.toarray())


def test_files_that_petsc_wrote_itself(tmp_path):
    petsc = pytest.importorskip("petsc4py.PETSc")
    matrix = petsc.Mat().createAIJ(SPARSE.shape, csr=(SPARSE.indptr, SPARSE.indices, SPARSE.data))
    vector = matrix.createVecRight()
    vector.setArray(np.arange(30.0))
    for value, name in ((matrix, "A.petsc"), (vector, "b.petsc")):
        viewer = petsc.Viewer().createBinary(str(tmp_path / name), "w")
        value.view(viewer)
        viewer.destroy()
    np.testing.assert_array_equal(read_matrix(tmp_path / "A.petsc").toarray(), SPARSE.toarray())
    np.testing.assert_array_equal(read_vector(tmp_path / "b.petsc", 30), np.arange(30.0))


def test_vectors_rows_and_columns(tmp_path):
    vector = np.arange(5.0) + 1j
    np.save(tmp_path / "b.npy", vector[:, None])
    io.mmwrite(tmp_path / "b.mtx", vector[:, None])
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["vector"] = vector
    (tmp_path / "b.petsc").write_bytes(struct.pack(">ii", 1211214, 5) + vector.astype(">c16").tobytes())
    for name in ("b.npy", "b.mtx", "b.h5", "b.petsc"):
        np.testing.assert_array_equal(read_vector(tmp_path / name, 5), vector)
    np.testing.assert_array_equal(read_columns(tmp_path / "b.npy", 5), vector[:, None])
    np.save(tmp_path / "L.npy", np.ones(5))
    np.testing.assert_array_equal(read_rows(tmp_path / "L.npy", 5), np.ones((1, 5)))
    with pytest.raises(ReaderError, match="expected 4 columns"):
        read_rows(tmp_path / "L.npy", 4)
    with pytest.raises(ReaderError, match="expected a vector of 4 values"):
        read_vector(tmp_path / "b.npy", 4)


def test_bad_files_are_named(tmp_path):
    def refused(name, content, message):
        path = tmp_path / name
        path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
        with pytest.raises(ReaderError, match=message) as caught:
            read_matrix(path)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)

    refused("A.mat", b"", "unknown format; expected one of .mtx")
    refused("A.mtx", b"%%MatrixMarket matrix coordinate real general\n2 2 1\n", "can not be read as .mtx")
    refused("A.npz", b"PK\x03\x04", "can not be read as .npz")
    refused("A.h5", b"no HDF5", "can not be read as .h5")
    refused("A.petsc", struct.pack(">iiii", 1211216, 2, 2, 4), "16 bytes are no PETSc matrix")
    refused("A.npy", np.ones((2, 3)), r"shape \(2, 3\); expected a square matrix")
    refused("B.npy", np.array([[1.0, np.nan], [0.0, 1.0]]), "NaN or infinity, first in row 1, column 2")
    market = b"%%MatrixMarket matrix coordinate complex general\n3 3 3\n1 1 1 0\n3 2 nan 1\n2 2 1 0\n"
    refused("B.mtx", market, "NaN or infinity, first in row 3, column 2")
    refused("C.npy", np.array([["a"]]), "can not be read as .npy")
    refused("D.npy", np.array([object()], dtype=object), "can not be read as .npy")
    with pytest.raises(ReaderError, match="no such file; export it"):
        read_matrix(tmp_path / "missing.npz")
    np.save(tmp_path / "b.npy", np.array([0.0, 1.0, np.inf]))
    with pytest.raises(ReaderError, match="NaN or infinity, first in value 3"):
        read_vector(tmp_path / "b.npy", 3)


def test_indices_outside_the_matrix_are_refused(tmp_path):
    with h5py.File(tmp_path / "A.h5", "w") as file:
        group = file.create_group("matrix")
        group["data"], group["indices"], group["indptr"] = np.ones(2), np.array([0, 7]), np.array([0, 1, 2])
        group["shape"] = np.array([2, 2])
    with pytest.raises(ReaderError, match=r"can not be read as \.h5"):
        read_matrix(tmp_path / "A.h5")


def test_matrices_that_do_not_fit_the_first_are_named(tmp_path):
    write_npz(tmp_path / "A-0001.npz", SPARSE)
    other = SPARSE.tolil()
    row, column = np.argwhere(SPARSE.toarray() == 0.0)[0]
    other[row, column] = 1.0
    write_npz(tmp_path / "A-0002.npz", sparse.csr_matrix(other))
    write_npz(tmp_path / "A-0003.npz", sparse.eye(4, format="csr"))
    write_npz(tmp_path / "A-0004.npz", SPARSE.toarray())
    files = MatrixFiles([tmp_path / f"A-000{i}.npz" for i in (1, 2, 3, 4)])
    assert len(files) == 4
    with pytest.raises(ReaderError, match=r"A-0002.npz: its sparsity pattern \(\d+ entries, \d+ in the first\) is not"):
        files[1]
    with pytest.raises(ReaderError, match=r"A-0003.npz: its shape \(4, 4\) is not \(30, 30\)"):
        files[2]
    with pytest.raises(ReaderError, match=r"A-0004\.npz: it is dense or sparse unlike that of A-0001\.npz"):
        files[3]


@pytest.mark.parametrize("kind", MATRICES)
def test_sums_of_matrices(kind):
    terms = [MATRICES[kind], MATRICES[kind].T.T * 2.0]
    weights = np.array([0.5, 2.0j])
    found = combine(terms, weights)
    assert abs(found - (0.5 + 4.0j) * MATRICES[kind]).max() <= 1e-14 * abs(found).max()
    assert sparse.issparse(found) == sparse.issparse(MATRICES[kind])


def test_asymmetry():
    hermitian = DENSE + DENSE.T + 1j * (DENSE - DENSE.T)
    assert asymmetry(hermitian) < 1e-15
    assert asymmetry(sparse.csr_matrix(hermitian)) < 1e-15
    assert asymmetry(np.array([[0.0, 2.0], [1.0, 0.0]])) == 0.5
