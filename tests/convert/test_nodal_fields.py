"""Nodal fields from every format, their ids and order, and the words for what is wrong."""

import meshio
import numpy as np
import pytest

from romtool.convert.nodal_fields import order_field, read_nodal_field
from romtool.convert.registry import read_results
from romtool.errors import ReaderError
from romtool.io.fields import write_series
from tests.sample_grids import QUADRATIC, mixed_mesh, random_fields
from tests.shared_data import shared


def test_zset_records(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    path = tmp_path / "t.node"
    values.astype(">f4").tofile(path)
    for name, row in ((None, 0), ("1", 0), ("3", 2)):
        read, ids = read_nodal_field(path, name, count=4)
        np.testing.assert_array_equal(read, values[row])
        assert ids is None
        assert read.dtype == np.float64
    assert len(read_nodal_field(path)[0]) == 12
    for arguments, words in {
        (None, 5): r"has 48 bytes \(12 values\); whole records of 5",
        ("4", 4): "has 3 records of 4 values; record 4",
        ("0", 4): "record 0 was asked for",
        ("T", 4): "numbered records 1, 2, …, not names such as T",
    }.items():
        with pytest.raises(ReaderError, match=words):
            read_nodal_field(path, arguments[0], count=arguments[1])


def test_zset_fields_of_a_real_case():
    temperature, _ = read_nodal_field(shared("zset", "MecaSequential", "temperature2.node"), "1", count=343)
    pressure, _ = read_nodal_field(shared("zset", "MecaSequential", "pressure.node"), count=36)
    assert np.ptp(temperature) > 0.0
    assert pressure.shape == (36,)
    with pytest.raises(ReaderError, match=r"temperature2\.node has 1372 bytes \(343 values\); whole records of 12"):
        read_nodal_field(shared("zset", "MecaSequential", "temperature2.node"), count=12)


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".dat"])
@pytest.mark.parametrize(
    ("text", "name", "ids"),
    [
        ("1.5\n2.5\n\n# note\n3.5e0 # last\n", None, None),
        ("7 1.5\n3 2.5\n5 3.5\n", None, [7, 3, 5]),
        ("7,1.5\n3, 2.5\n5;3.5\n", None, [7, 3, 5]),
        ("id,T\n7,1.5\n3,2.5\n5,3.5\n", None, [7, 3, 5]),
        ("\ufeffnode x T U\n7 0 1.5 0\n3 0 2.5 0\n5 0 3.5 0\n", "T", [7, 3, 5]),
        ("x,T\n0.1,1.5\n0.2,2.5\n0.3,3.5\n", "x", None),
    ],
)
def test_text(tmp_path, suffix, text, name, ids):
    path = tmp_path / f"t{suffix}"
    path.write_text(text, encoding="utf-8")
    values, read_ids = read_nodal_field(path, name, count=3)
    expected = [0.1, 0.2, 0.3] if name == "x" else [1.5, 2.5, 3.5]
    np.testing.assert_array_equal(values, expected)
    assert (read_ids is None) if ids is None else read_ids.tolist() == ids


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("1\n2\nx3\n", None, r"t\.txt:3: 'x3' is not a number"),
        ("1 2\n\n3\n", None, r"t\.txt:3: 1 numbers; 2 as above"),
        ("1 2 3\n4 5 6\n", None, "has 3 columns"),
        ("1.5 2\n2.5 3\n", None, "must be node ids, whole numbers"),
        ("", None, "holds no values"),
        ("1\nnan\n3\n", None, "1 values are not finite, the first is number 2"),
        ("1\ninf\n3\n", None, "not finite"),
        ("id temp\n1 2\n", "temps", "no column temps; available: id, temp; the nearest is temp"),
        ("1\n2\n", "T", "no header line"),
        ("1\n2\n", None, "has 2 values, 3 are expected"),
    ],
)
def test_text_faults(tmp_path, text, name, words):
    path = tmp_path / "t.txt"
    path.write_text(text)
    with pytest.raises(ReaderError, match=words):
        read_nodal_field(path, name, count=3)


def test_npy(tmp_path):
    np.save(tmp_path / "t.npy", np.arange(3, dtype=np.float32)[:, None])
    np.testing.assert_array_equal(read_nodal_field(tmp_path / "t.npy", count=3)[0], [0.0, 1.0, 2.0])
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "w.npy", np.ones((3, 2)))
    np.save(tmp_path / "c.npy", np.ones(3, dtype=complex))
    (tmp_path / "b.npy").write_bytes(b"nonsense")
    (tmp_path / "e.npy").write_bytes(b"")
    for name, words in {"o": "not a readable", "w": "shape", "c": "numbers", "b": "not a", "e": "not a"}.items():
        with pytest.raises(ReaderError, match=words):
            read_nodal_field(tmp_path / f"{name}.npy")


@pytest.mark.parametrize("suffix", [".xdmf", ".pvd"])
def test_last_time_of_a_series_with_ids(tmp_path, suffix):
    mesh = mixed_mesh(QUADRATIC)
    fields, read = random_fields(mesh, 2)
    write_series(tmp_path / f"f{suffix}", mesh, np.array([0.0, 1.0]), fields, read)
    values, ids = read_nodal_field(tmp_path / f"f{suffix}", "T", count=mesh.n_nodes)
    np.testing.assert_array_equal(values, read("T", 1)[:, 0])
    np.testing.assert_array_equal(ids, mesh.node_ids)
    np.testing.assert_array_equal(read_nodal_field(tmp_path / f"f{suffix}")[0], values)


def test_arrays_of_one_numbered_file(tmp_path):
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    for number in (1, 2):
        data = {"temp": number * points[:, 0], "u": points, "flux": points[:, 1]}
        mesh = meshio.Mesh(points, [("tetra", [[0, 1, 2, 3]])], point_data=data, cell_data={"q": [np.array([4.0])]})
        meshio.vtu.write(str(tmp_path / f"t_{number}.vtu"), mesh)
    values, ids = read_nodal_field(tmp_path / "t_1.vtu", "temp")
    np.testing.assert_array_equal(values, points[:, 0])
    assert ids is None
    np.testing.assert_array_equal(read_nodal_field(tmp_path / "t_1.vtu", "flux")[0], points[:, 1])
    np.testing.assert_array_equal(read_nodal_field(tmp_path / "t_1.vtu", "q", count=1)[0], [4.0])
    for name, words in {
        "flx": r"t_1\.vtu has no array flx; available: .*; the nearest is flux",
        "u": r"u has shape \(4, 3\)",
    }.items():
        with pytest.raises(ReaderError, match=words):
            read_nodal_field(tmp_path / "t_1.vtu", name)


def test_one_of_several_scalars_must_be_named(tmp_path):
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    data = {"a": points[:, 0], "b": points[:, 1]}
    meshio.vtu.write(str(tmp_path / "t.vtu"), meshio.Mesh(points, [("tetra", [[0, 1, 2, 3]])], point_data=data))
    with pytest.raises(ReaderError, match=r"2 scalar arrays \(a, b\); name the one"):
        read_nodal_field(tmp_path / "t.vtu")


def test_calculix_results_are_a_field():
    path = shared("solver-files", "calculix", "bar_c3d10.frd")
    results = read_results(path)
    with pytest.raises(ReaderError, match="u has shape"):
        read_nodal_field(path, "u")
    scalars = [name for name, info in results.fields.items() if len(info.components) == 1 and info.location == "node"]
    values, ids = read_nodal_field(path, scalars[0], count=results.mesh.n_nodes)
    np.testing.assert_array_equal(values, results.read(scalars[0], len(results.times) - 1)[:, 0])
    np.testing.assert_array_equal(ids, results.mesh.node_ids)


def test_files_that_are_no_fields(tmp_path):
    (tmp_path / "a.foo").touch()
    for path, words in {
        tmp_path: "is a folder",
        tmp_path / "no.txt": "does not exist",
        tmp_path / "a.foo": r"fields are read from \.node",
    }.items():
        with pytest.raises(ReaderError, match=words):
            read_nodal_field(path)


def test_order_follows_the_mesh_for_any_permutation():
    generator = np.random.default_rng(0)
    node_ids = np.sort(generator.choice(1000, 50, replace=False))
    values = 2.0 * node_ids
    for _ in range(5):
        order = generator.permutation(50)
        np.testing.assert_array_equal(order_field(values[order], node_ids[order], node_ids, "t.csv"), values)
    np.testing.assert_array_equal(order_field(values, None, node_ids, "t.csv"), values)


def test_order_faults():
    node_ids = np.array([2, 5, 9])
    for n, ids, words in (
        (2, None, r"t\.csv has 2 values, the mesh has 3 nodes"),
        (3, [2, 5, 5], "gives node 5 twice"),
        (3, [2, 6, 7], r"no value for node 5 \(and 1 more\)"),
        (3, [2, 6, 9], "no value for node 5;"),
    ):
        with pytest.raises(ReaderError, match=words):
            order_field(np.ones(n), None if ids is None else np.array(ids), node_ids, "t.csv")
