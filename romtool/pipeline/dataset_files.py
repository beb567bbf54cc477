"""The files of a dataset: head, meshes of the subdomains, and per simulation what happened on each of them."""

from pathlib import Path

import h5py
import numpy as np

from romtool.fem.partition import Subdomain
from romtool.io.records import told_as_damage
from romtool.loading import Loading
from romtool.pipeline.folders import Dataset, open_part, part_reader, read_head, read_record
from romtool.types import Floats


def read_dataset(folder: Path) -> Dataset:
    """Read the head of a dataset folder. Raises ModelError."""
    dataset: Dataset = read_head(folder / "dataset.h5", "dataset", "dataset")
    return dataset


def read_part(folder: Path, dataset: Dataset, index: int) -> Subdomain:
    """Read the mesh of one subdomain of a dataset. Raises ModelError."""
    with part_reader(folder, "subdomain", index, dataset.digest) as file:
        part: Subdomain = read_record(file, "subdomain")
        return part


def check_part(folder: Path, dataset: Dataset, index: int) -> None:
    """Check that the file of one subdomain is there, complete and of this import. Raises ModelError."""
    with part_reader(folder, "subdomain", index, dataset.digest):
        pass
    for number in range(len(dataset.simulations)):
        check_history(folder, dataset.digest, index, number)


def simulation_folder(folder: Path, number: int) -> Path:
    """Return the folder with the histories of one simulation of a dataset, one file per subdomain."""
    return folder / f"simulation-{number:04d}"


def check_history(folder: Path, digest: str, index: int, number: int) -> None:
    """Check that one simulation of a dataset is there on one subdomain. Raises ModelError."""
    with part_reader(simulation_folder(folder, number), "history", index, digest) as file:
        file["u"].shape  # noqa: B018 - raises where it is absent


class StoredHistory:
    """The (n_times, n_nodes, 3) displacements of one simulation on one subdomain, read time by time.

    Parameters
    ----------
    values: in an open file, which stays open as long as this.
    """

    def __init__(self, values: h5py.Dataset) -> None:
        self._values = values

    def __getitem__(self, time: int, /) -> Floats:
        """Return the (n_nodes, 3) displacement at an output time. Raises ModelError where the file is damaged."""
        with told_as_damage(Path(self._values.file.filename)):
            return np.asarray(self._values[time])


def read_displacements(folder: Path, dataset: Dataset, index: int) -> tuple[StoredHistory, ...]:
    """Return the displacement histories of all simulations on one subdomain; their files stay open."""
    count = len(dataset.simulations)
    files = [open_part(simulation_folder(folder, i), "history", index, dataset.digest) for i in range(count)]
    return tuple(StoredHistory(file["u"]) for file in files)


def read_loading(folder: Path, dataset: Dataset, index: int, simulation: int) -> Loading:
    """Return the loading of one simulation on one subdomain."""
    with part_reader(simulation_folder(folder, simulation), "history", index, dataset.digest) as file:
        loading: Loading = read_record(file, "loading")
        return loading
