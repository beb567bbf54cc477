"""The memory that stages take, estimated from their input: for `romtool info --estimate` and `romtool slurm`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.batch.memory import (
    Estimate,
    Sizes,
    adapt_memory,
    import_memory,
    offline_memory,
    picture_memory,
    small_memory,
    solve_memory,
)
from romtool.batch.plan import Call
from romtool.errors import InputError, ModelError
from romtool.fem.elements import element_of
from romtool.io.case import read_case
from romtool.laws import build_tables, state_fields
from romtool.loading import Loading, Material
from romtool.offline.training import TrainingRecord
from romtool.pipeline.dataset import dataset_folder
from romtool.pipeline.dataset_files import read_dataset, read_part
from romtool.pipeline.folders import Dataset, find_member, model_file, read_dictionary, read_head, read_subdomain
from romtool.pipeline.sources import n_subdomains_of, open_case, open_simulation
from romtool.settings import Settings
from romtool.types import Mesh

LEAST_MODEL = 50e6
"""Bytes that a model.h5 is taken for at least."""


def estimates(path: Path, ranks: int) -> list[Estimate]:
    """Return the memory of all stages that can be run on a case file, or on a model.

    Raises
    ------
    InputError: neither of these, or more ranks than subdomains.
    """
    if path.suffix == ".toml":
        sizes = case_sizes(path)
        return [*(_shared(stage, sizes, ranks) for stage in _SHARED), picture_memory(sizes), _online(None)]
    sizes, counts = model_sizes(path)
    _check_ranks(sizes, ranks)
    return [_online(path), adapt_memory(sizes, ranks, counts), picture_memory(sizes)]


def estimate_call(call: Call, ranks: int, case: Path | None = None) -> Estimate | None:
    """Return the memory of one command; None where nothing is known of it.

    Parameters
    ----------
    call: the command line.
    ranks: of the run.
    case: in a pipeline the case file, from which all else is made.

    Raises
    ------
    RomtoolError: the input of the command is wrong.
    """
    given = case or (Path(call.operand("case")) if call.operand("case") else None)
    if call.name in _SHARED and given is not None:
        return _shared(call.name, case_sizes(given), ranks)
    model = Path(call.operand("model")) if call.operand("model") else None
    if call.name == "online" and call.has("--adapt") and model is not None:
        sizes, counts = model_sizes(model)
        _check_ranks(sizes, ranks)
        return adapt_memory(sizes, ranks, counts)
    if call.name == "online":
        return _online(model if case is None else None)
    return picture_memory(case_sizes(case)) if call.name == "report" and case is not None else None


def most_ranks(call: Call) -> int:
    """Return how many ranks a command can share its work with: the subdomains, or one."""
    if call.name in _SHARED and call.operand("case"):
        path = Path(call.operand("case"))
        found = _dataset_of(path)
        return found.n_subdomains if found else read_case(path).settings.partition.subdomains
    if call.name == "online" and call.has("--adapt") and call.operand("model"):
        return int(read_dictionary(Path(call.operand("model"))).face.statistics["n_subdomains"])  # type: ignore[call-overload]
    return 1


_SHARED = {"import": import_memory, "offline": offline_memory, "cluster": offline_memory, "solve": solve_memory}


def _shared(stage: str, sizes: Sizes, ranks: int) -> Estimate:
    """Return the memory of a stage that works on a case."""
    _check_ranks(sizes, ranks)
    return replace(_SHARED[stage](sizes, ranks), stage=stage)


def _check_ranks(sizes: Sizes, ranks: int) -> None:
    """Refuse more ranks than subdomains."""
    if ranks > sizes.subdomains:
        raise InputError(
            f"{ranks} ranks for {sizes.subdomains} subdomain{'s' * (sizes.subdomains > 1)}; ask for at most that many, "
            f"or set [partition] subdomains = {ranks}"
        )


def _online(model: Path | None) -> Estimate:
    """Return the memory of `online` with a model, or with one that is still to be made."""
    size = model_file(model).stat().st_size if model is not None else 0.0
    return small_memory("online", max(size, LEAST_MODEL))


def case_sizes(path: Path) -> Sizes:
    """Return the sizes of a case: of its dataset, else of its decks and results. Raises as `open_case`."""
    dataset = _dataset_of(path)
    if dataset is not None:
        folder, case = dataset_folder(path), read_case(path)
        meshes = [read_part(folder, dataset, index).mesh for index in range(dataset.n_subdomains)]
        loadings = [record.loading for record in dataset.simulations]
        outputs = [len(record.times) for record in dataset.simulations]
        return _sizes(meshes, dataset.n_nodes, dataset.materials, case.settings, loadings, outputs, len(meshes))
    sources = open_case(path)
    outputs = [len(open_simulation(sources, entry).times) for entry in sources.case.simulations if entry.results]
    count = n_subdomains_of(sources)
    loadings = [sources.loading for _ in outputs] or [sources.loading]
    settings = sources.case.settings
    return _sizes([sources.mesh], sources.mesh.n_nodes, sources.materials, settings, loadings, outputs, count)


def _dataset_of(path: Path) -> Dataset | None:
    """Return the dataset beside a case file, if it is there with the number of subdomains that the case asks for."""
    try:
        found = read_dataset(dataset_folder(path))
    except ModelError:
        return None
    wanted = read_case(path).settings.partition.subdomains
    return found if wanted in (1, found.n_subdomains) else None


def model_sizes(path: Path) -> tuple[Sizes, Mapping[str, int]]:
    """Return the sizes of a model folder, and its number of modes per field, "u" too. Raises ModelError."""
    model = read_dictionary(path).face
    memory = find_member(path, model.model_id) / "training.h5"
    if not memory.is_file():
        raise ModelError(f"{path}: training.h5 is not beside model.h5; --adapt needs the whole model folder")
    record: TrainingRecord = read_head(memory, "training", "record")
    count = int(model.statistics["n_subdomains"])  # type: ignore[call-overload]
    meshes = [read_subdomain(path, model.model_id, index).mesh for index in range(count)]
    nodes = len(np.unique(np.concatenate([mesh.node_ids for mesh in meshes])))
    outputs = [len(loading.times) for loading in record.loadings]
    sizes = _sizes(meshes, nodes, record.materials, record.settings, record.loadings, outputs, count)
    return sizes, {name: len(basis.singular_values) for name, basis in record.bases.items()}


def _sizes(
    meshes: Sequence[Mesh],
    nodes: int,
    materials: Sequence[Material],
    settings: Settings,
    loadings: Sequence[Loading],
    outputs: Sequence[int],
    count: int,
) -> Sizes:
    """Return the sizes of some meshes with what acts on them."""
    blocks = [block for mesh in meshes for block in mesh.blocks]
    shapes = [(*block.connectivity.shape, element_of(block).n_points) for block in blocks]
    fields = state_fields(build_tables(materials))
    widths: dict[str, int] = {name: columns.stop - columns.start for name, columns in fields.items()}
    wanted = dict.fromkeys((*settings.duals.fields, "stress"))
    return Sizes(
        nodes=nodes,
        elements=sum(cells for cells, _, _ in shapes),
        points=sum(cells * points for cells, _, points in shapes),
        corners=sum(cells * corners for cells, corners, _ in shapes),
        pairs=sum(cells * corners**2 for cells, corners, _ in shapes),
        gradients=sum(cells * corners * points for cells, corners, points in shapes),
        subdomains=count,
        outputs=sum(outputs),
        increments=sum(max(len(loading.times), n) for loading, n in zip(loadings, outputs, strict=False)),
        temperatures=sum(map(_fields, loadings)),
        state=sum(widths.values()),
        duals={name: {"stress": 6, **widths}.get(name, 6) for name in wanted},
        pod_memory=settings.pod.memory * 1e9,
        max_modes=settings.pod.max_modes,
        iterative=settings.hifi.solver == "iterative",
    )


def _fields(loading: Loading) -> int:
    """Return how many temperature fields a loading has."""
    values = [loading.temperature.initial, *(entry.value for entry in loading.temperature.entries)]
    return sum(isinstance(value, np.ndarray) for value in values)


def estimate_summary(found: Sequence[Estimate]) -> list[dict[str, Any]]:
    """Return what `info --estimate --json` prints of each stage."""
    return [
        {
            "stage": entry.stage,
            "ranks": entry.ranks,
            "bytes_per_rank": entry.per_rank,
            "bytes": entry.total,
            "terms": dict(entry.terms),
        }
        for entry in found
    ]
