"""The same model and the same answers, whatever the number of ranks; nearly the same for other subdomains."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from romtool.linalg.reduction import SerialComm
from romtool.pipeline.compare import compare
from romtool.pipeline.fields import write_fields
from romtool.pipeline.offline import offline
from romtool.pipeline.online import online
from romtool.pipeline.results import open_history
from tests.mpi.cases import ZSET_CASE, copy, say, write, write_box, write_cube
from tests.shared_data import shared

ECM_TOLERANCE = 1e-4
"""[quadrature] tolerance of the case."""


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """Return all datasets of an HDF5 file by name."""
    found: dict[str, np.ndarray] = {}

    def visit(name: str, node: h5py.HLObject) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = node[()]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def assert_same_bits(one: Path, many: Path) -> None:
    """All arrays of all HDF5 files of two folders are identical, those that hold seconds left out."""
    names = sorted(path.name for path in one.glob("*.h5"))
    assert names == sorted(path.name for path in many.glob("*.h5"))
    for name in names:
        left, right = arrays_of(one / name), arrays_of(many / name)
        assert left.keys() == right.keys()
        for key, values in left.items():
            assert values.tobytes() == right[key].tobytes(), f"{name}: {key}"


@pytest.mark.mpi(1, 2, 3, 4, timeout=240)
@pytest.mark.parametrize("write_case", [write_cube, write_box])
def test_model_answers_and_fields_are_identical_in_bits(comm, shared_tmp_path, write_case):
    folder, alone = shared_tmp_path, SerialComm()
    case = write_case(folder / "case", 4, comm)
    many = offline(case, folder / "many", comm, say).models[0]
    if comm.rank == 0:
        one = offline(case, folder / "one", alone, say).models[0]
        np.testing.assert_array_equal(one.point_ids, many.point_ids)
        assert one.weights.tobytes() == many.weights.tobytes()
        assert_same_bits(folder / "one", folder / "many")
        (folder / "same.toml").write_text('name = "same"\n')
        for name in ("one", "many"):
            online(folder / name, [folder / "same.toml"], folder / f"out-{name}", say)
        assert_same_bits(folder / "out-one" / "same", folder / "out-many" / "same")
    comm.Barrier()
    last = open_history(folder / "out-many" / "same").times[-1]
    for suffix in ("pvd", "xdmf"):
        write_fields(
            folder / "out-many", folder / f"many-{suffix}" / f"f.{suffix}", (0.3 * last,), (), comm, overwrite=False
        )
    if comm.rank == 0:
        for suffix in ("pvd", "xdmf"):
            write_fields(
                folder / "out-one", folder / f"one-{suffix}" / f"f.{suffix}", (0.3 * last,), (), alone, overwrite=False
            )
            files = sorted(path.name for path in (folder / f"one-{suffix}").iterdir())
            assert files == sorted(path.name for path in (folder / f"many-{suffix}").iterdir())
        for path in (folder / "one-pvd").iterdir():
            assert path.read_bytes() == (folder / "many-pvd" / path.name).read_bytes(), path.name
        assert_same_bits(folder / "one-xdmf", folder / "many-xdmf")


def test_other_subdomains_change_little(tmp_path):
    (tmp_path / "same.toml").write_text('name = "same"\n')
    counts, histories = [], []
    for n in (1, 2, 4, 7):
        case = write_cube(tmp_path / f"case-{n}", n, SerialComm())
        model = offline(case, tmp_path / f"m{n}", SerialComm(), say).models[0]
        online(tmp_path / f"m{n}", [tmp_path / "same.toml"], tmp_path / f"r{n}", say)
        counts.append(model.n_active)
        histories.append(open_history(tmp_path / f"r{n}"))
    assert max(counts) - min(counts) <= max(0.02 * max(counts), 1.0), counts
    for other in histories[1:]:
        errors = compare(other, histories[0]).fields
        assert max(found.relative_l2 for found in errors.values()) < 2 * ECM_TOLERANCE


@pytest.mark.mpi(1, 2, timeout=120)
def test_subdomains_of_the_solver_are_taken_as_they_are(comm, shared_tmp_path):
    source = shared("zset", "MecaParallel")
    folder, alone = shared_tmp_path, SerialComm()
    text = ZSET_CASE.format(deck="z/cube.inp", results='["z/cube-001.ut", "z/cube-002.ut"]')
    if comm.rank == 0:
        copy(source, folder / "case" / "z")
        write(folder / "case", text)
    comm.Barrier()
    model = offline(folder / "case" / "case.toml", folder / "many", comm, say).models[0]
    assert model.statistics["n_subdomains"] == 2
    assert max(model.statistics["training_errors"].values()) < 1e-3
    assert max(float(np.max(u)) for u in model.statistics["unbalance"].values()) < 1e-4
    if comm.rank == 0:
        one = offline(folder / "case" / "case.toml", folder / "one", alone, say).models[0]
        for field, values in one.statistics["singular_values"].items():
            np.testing.assert_allclose(model.statistics["singular_values"][field], values, rtol=1e-9)
        for index, piece in enumerate(("001", "002")):
            ids = arrays_of(folder / "many" / f"subdomain-{index:04d}.h5")["modes/subdomain/mesh/node_ids"]
            expected = open_history(folder / "case" / "z" / f"cube-{piece}.ut").mesh.node_ids
            np.testing.assert_array_equal(ids, expected)
