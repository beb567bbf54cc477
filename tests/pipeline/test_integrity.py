"""Whatever happens to the bytes of romtool's files: they are read as they were, or refused by name."""

import h5py
import numpy as np
import pytest

from romtool.errors import ModelError
from romtool.io.records import CHECKED, create_file, create_rows, open_file, read_value, told_as_damage, write_value
from tests.cli.small_case import romtool
from tests.damage import wrong_answers

FILES = (
    "model/model.h5",
    "model/training.h5",
    "model/subdomain-0000.h5",
    "dataset/dataset.h5",
    "dataset/subdomain-0000.h5",
    "dataset/simulation-0001/subdomain-0000.h5",
    "out/hot/result.h5",
    "solved/hot/solution.h5",
    "solved/hot/subdomain-0000.h5",
    "solved/hot/times-000000/subdomain-0000.h5",
    "draws/draws/draws-000001.h5",
)


@pytest.fixture
def folder(whole, tmp_path):
    """A place for copies of the case's files."""
    return whole, tmp_path


@pytest.mark.parametrize("name", FILES)
def test_damage_is_noticed(folder, name):
    whole, place = folder
    path = place / name.replace("/", "-")
    path.write_bytes((whole / name).read_bytes())
    assert list(wrong_answers(path, 42)) == []


def test_zeros_that_become_ones_are_noticed(tmp_path):
    """Fletcher's checksum cannot tell words of zeros from words of ones; that of zlib can."""
    generator = np.random.default_rng(0)
    values = generator.random(40_000) * (generator.random(40_000) < 0.5)
    with create_file(tmp_path / "a.h5", "test") as file:
        write_value(file, "values", values, {})
    data = (tmp_path / "a.h5").read_bytes()
    at = data.find(bytes(8), len(data) // 2)
    for length in (2, 4, 8):
        (tmp_path / "b.h5").write_bytes(data[:at] + b"\xff" * length + data[at + length :])
        spoilt = tmp_path / "b.h5"
        with (
            pytest.raises(ModelError, match=r"b\.h5: damaged"),
            told_as_damage(spoilt),
            open_file(spoilt, "test") as file,
        ):
            read_value(file, "values", {})


def test_no_chunk_is_stored_without_its_checksum(tmp_path):
    """HDF5 leaves a filter out where it fails; it never does here."""
    with create_file(tmp_path / "a.h5", "test") as file:
        rows = create_rows(file, "rows", 3, (5_000, 7))
        for i, values in enumerate(np.random.default_rng(1).random((3, 5_000, 7))):
            rows[i] = values
        write_value(file, "noise", np.random.default_rng(2).random((900, 700)), {})
    with h5py.File(tmp_path / "a.h5") as file:
        for name in ("rows", "noise"):
            data = file[name]
            assert data.compression == CHECKED["compression"]
            assert all(data.id.get_chunk_info(i).filter_mask == 0 for i in range(data.id.get_num_chunks()))


@pytest.mark.parametrize("name", ["dataset/simulation-0001/subdomain-0000.h5", "dataset/subdomain-0000.h5"])
def test_commands_name_the_damaged_file(whole, tmp_path, name):
    import shutil

    case = shutil.copytree(whole, tmp_path / "case")
    data = bytearray((case / name).read_bytes())
    data[len(data) // 2] ^= 1
    (case / name).write_bytes(data)
    done = romtool("offline", case / "case.toml", "-o", case / "again")
    assert done.code == 2
    assert name in done.error
    assert "damaged" in done.error
    assert not (case / "again").exists()
