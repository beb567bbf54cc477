"""The folders that the stages write: a dataset, a model, an online result, a solution.

Each has one head file with all that is small, and one file per subdomain; they are written to a temporary
folder that is renamed when complete. Files of one folder share an id, so that mixed ones are noticed.
"""

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from romtool import __version__, constraints, laws, loading, settings, types
from romtool.errors import ModelError
from romtool.fem import partition
from romtool.fem.partition import Subdomain
from romtool.hifi.march import HifiState
from romtool.io.records import (
    create_file,
    open_file,
    read_keys,
    read_text,
    read_value,
    told_as_damage,
    write_text,
    write_value,
)
from romtool.lifetime import cycles, result
from romtool.linalg.eim import Interpolation
from romtool.linalg.gappy import GappyOperator
from romtool.linalg.pod import Pod
from romtool.loading import Loading, Material
from romtool.offline.consistency import Consistency
from romtool.offline.training import TrainingRecord
from romtool.online import adapt, draws, quantiles, study
from romtool.operators import coefficients, domain, functions, inverses, power_bounds, powers, reduced, stability
from romtool.operators.model import OperatorModel
from romtool.pipeline.ranks import launched_size
from romtool.protocols import SolverMemory
from romtool.reduced import dictionary, indicator, march, model, quantities, selector, state
from romtool.reduced.dictionary import Dictionary
from romtool.reduced.model import ModeShapes, ReducedModel
from romtool.types import Floats, Ints


@dataclass(frozen=True)
class SimulationRecord:
    """One training computation of a dataset.

    Parameters
    ----------
    name: its name.
    loading: what acted, on the whole mesh; `loading.times` are the increments.
    times: (n_times,) the output times.
    source: where the displacements came from.
    """

    name: str
    loading: Loading
    times: Floats
    source: str


@dataclass(frozen=True)
class Dataset:
    """Head of a dataset folder.

    Parameters
    ----------
    digest: of everything it was made from.
    case: name of the case.
    units: labels.
    n_subdomains, n_nodes, n_elements: counts of the whole mesh.
    node_ids: (n_nodes,) solver ids.
    materials: of the whole mesh.
    loading: the case's own, on the whole mesh.
    simulations: in the order of the case.
    warnings: what a user should know.
    balance: what the check of each simulation found.
    inputs: file, relative to the case -> the beginning of its SHA-256.
    versions: of romtool and the packages behind it.
    created: date and time, ISO 8601, UTC.
    """

    digest: str
    case: str
    units: Mapping[str, str]
    n_subdomains: int
    n_nodes: int
    n_elements: int
    node_ids: Ints
    materials: tuple[Material, ...]
    loading: Loading
    simulations: tuple[SimulationRecord, ...]
    warnings: tuple[str, ...] = ()
    balance: tuple[Consistency, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Parameters
    ----------
    source: the model, relative to the result's folder, or the name of the case file.
    source_id: the id of the model, or the digest of loading and materials.
    versions: of romtool and the packages behind it.
    created: date and time, ISO 8601, UTC.
    seconds: by phase.
    stopped: why the computation ended before its last time; "" where it did not.
    memory: phase -> largest resident bytes of the process up to its end.
    """

    source: str
    source_id: str
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    stopped: str = ""
    memory: Mapping[str, float] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Return what results are computed with: programs, machine, ranks, state of the sources, command line."""
    import numba
    import scipy

    found = {module.__name__: str(module.__version__) for module in (np, scipy, numba, h5py)}
    return {
        "romtool": __version__,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "processor": f"{os.cpu_count()} × {platform.machine()}",
        "ranks": str(launched_size()),
        "git": sources_state(),
        "command": shlex.join((Path(sys.argv[0]).name, *sys.argv[1:])),
        **found,
    }


def programs() -> str:
    """Return what the bits of a result depend on: the programs, not the machine or the words of the command."""
    known = versions()
    return " ".join(known[name] for name in ("romtool", "git", "numpy", "scipy", "numba"))


@cache
def sources_state() -> str:
    """Return the commit that romtool runs from and whether files were changed, "" where it was installed otherwise."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    ask = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(ask, capture_output=True, text=True, timeout=10.0, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def now() -> str:
    """Return the date and time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


CLASSES: dict[str, type] = {
    entry.__name__: entry
    for entry in (
        *(types.CellBlock, types.Mesh, types.FieldInfo, partition.Subdomain),
        *(
            loading.Table,
            loading.Material,
            loading.Plugin,
            loading.Orientation,
            loading.Dirichlet,
            loading.Load,
            loading.Loading,
            loading.Before,
            loading.Stop,
            loading.InitialField,
            loading.Adaptive,
            constraints.Equations,
        ),
        *(loading.Temperature, loading.TemperatureEntry, laws.LawTables, GappyOperator),
        *(model.Validity, model.SurfaceShape, model.VolumeShape, model.Lifting, model.DualBasis, model.ThermalPoints),
        *(
            model.ReducedModel,
            model.ModeShapes,
            march.ReducedHistory,
            state.ReducedState,
            state.CycleHistory,
            HifiState,
            SolverMemory,
            SimulationRecord,
            Dataset,
            Provenance,
        ),
        *(draws.FieldModes, quantiles.Spread, study.MemberRows, study.DrawBlock, study.StudyResult),
        *(cycles.Change, result.PointLives, result.LifeResult),
        *(model.Functional, model.Resultant, settings.Quantity, quantities.QuantityHistory),
        *(dictionary.Dictionary, dictionary.Clusters, dictionary.Choice, selector.Selector, selector.Inputs),
        *(model.Calibration, indicator.Indication, adapt.Enrichment, Pod, TrainingRecord, Consistency),
        *(getattr(settings, name) for name in dir(settings) if name.endswith("Settings")),
        *(Interpolation, domain.Domain, functions.Functions, functions.PluginFunctions, functions.Entries),
        *(coefficients.Coefficients, stability.SuccessiveConstraints, stability.PositiveForms),
        *(stability.MeasuredRemainder, stability.InterpolatedConstant, reduced.ReducedSystem, powers.Powers),
        *(power_bounds.SpectralBound, inverses.ErrorBound, inverses.InverseModel, inverses.LogDetModel, OperatorModel),
    )
}


def value_digest(value: Any) -> str:
    """Return the digest of a value of romtool's classes: of the bytes that would be stored."""
    with h5py.File("digest", "w", driver="core", backing_store=False) as file:
        write_value(file, "value", value, CLASSES)
        digest = hashlib.sha256()
        file.visititems(lambda name, node: _feed(digest, name, node))
    return digest.hexdigest()[:16]


def _feed(digest: Any, name: str, node: h5py.Group | h5py.Dataset) -> None:
    """Add one node of a file to a digest."""
    digest.update(f"{name} {sorted((key, str(value)) for key, value in node.attrs.items())}".encode())
    if isinstance(node, h5py.Dataset):
        digest.update(np.ascontiguousarray(node[()]).tobytes())


def part_name(index: int) -> str:
    """Return the file name of a subdomain."""
    return f"subdomain-{index:04d}.h5"


def write_head(path: Path, kind: str, **values: Any) -> None:
    """Write a new file of a kind with the given values."""
    with create_file(path, kind) as file:
        for name, value in values.items():
            write_value(file, name, value, CLASSES)


def read_head(path: Path, kind: str, name: str) -> Any:
    """Return one value of a file. Raises ModelError where it is absent or damaged."""
    with open_file(path, kind) as file, told_as_damage(path):
        return read_value(file, name, CLASSES)


@contextmanager
def part_writer(folder: Path, kind: str, index: int, owner_id: str) -> Iterator[h5py.File]:
    """Open a new file of one subdomain, stamped with the id of what it belongs to."""
    with create_file(folder / part_name(index), kind) as file:
        write_text(file, "id", owner_id)
        yield file


def open_part(folder: Path, kind: str, index: int, owner_id: str) -> h5py.File:
    """Open the file of one subdomain for reading.

    Raises
    ------
    ModelError: absent, damaged, or of another import or training than its head.
    """
    path = folder / part_name(index)
    file = open_file(path, kind)
    with told_as_damage(path):
        found = read_text(file, "id")
    if found != owner_id:
        file.close()
        raise ModelError(f"{path}: belongs to another {kind} than {folder}; make the folder anew")
    return file


@contextmanager
def part_reader(folder: Path, kind: str, index: int, owner_id: str) -> Iterator[h5py.File]:
    """Open the file of one subdomain for a while. Raises ModelError as `open_part`, also for what is missing in it."""
    with open_part(folder, kind, index, owner_id) as file, told_as_damage(folder / part_name(index)):
        yield file


def write_record(group: h5py.Group, name: str, value: Any) -> None:
    """Store a value of romtool's classes under a name."""
    write_value(group, name, value, CLASSES)


def read_record(group: h5py.Group, name: str) -> Any:
    """Return a value of romtool's classes."""
    return read_value(group, name, CLASSES)


def model_file(path: Path, maker: str = "romtool offline") -> Path:
    """Return the model.h5 of a model folder, or of its own path.

    Parameters
    ----------
    path: the folder or the file.
    maker: command that makes one.

    Raises
    ------
    ModelError: there is none.
    """
    found = path / "model.h5" if path.is_dir() else path
    if not found.is_file():
        raise ModelError(f"{path}: no model here; expected a folder with model.h5, made by `{maker}`")
    return found


def read_dictionary(path: Path) -> Dictionary:
    """Read the local models, or the single one, of a model folder or of its model.h5 alone. Raises ModelError."""
    found: Dictionary = read_head(model_file(path), "model", "dictionary")
    return found


def read_model(path: Path, model_id: str | None = None) -> ReducedModel:
    """Read a model by its id, or the single one, from its folder or from its model.h5 alone. Raises ModelError."""
    try:
        return read_dictionary(path).member(model_id)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def member_folder(path: Path, number: int, count: int) -> Path:
    """Return the folder with modes and memory of a member of a dictionary of `count` models.

    Parameters
    ----------
    path: the model folder, or its model.h5.
    number: of the member.
    count: of the members; a single one has no folder of its own.
    """
    folder = path if path.is_dir() else path.parent
    return folder / f"cluster-{number}" if count > 1 else folder


def find_member(path: Path, model_id: str) -> Path:
    """Return the folder with the subdomains of the model with an id; that of model.h5 where there are none."""
    folder = path if path.is_dir() else path.parent
    for found in (folder, *sorted(folder.glob("cluster-*"))):
        if (found / part_name(0)).is_file():
            with open_file(found / part_name(0), "modes") as file:
                if read_text(file, "id") == model_id:
                    return found
    return folder


def read_modes(path: Path, model_id: str, index: int) -> ModeShapes:
    """Read the modes of one subdomain of a model folder. Raises ModelError."""
    folder = find_member(path, model_id)
    if not (folder / part_name(index)).is_file():
        raise ModelError(
            f"{folder}: {part_name(index)} is not beside model.h5; full fields need the whole model folder"
        )
    with part_reader(folder, "modes", index, model_id) as file:
        modes: ModeShapes = read_record(file, "modes")
        return modes


def read_mode_field(path: Path, model_id: str, index: int, field: str) -> ModeShapes:
    """Read the modes of one field ("u" or a dual field) of one subdomain, no others. Raises ModelError."""
    with part_reader(find_member(path, model_id), "modes", index, model_id) as file:
        subdomain: Subdomain = read_record(file, "modes/subdomain")
        if field == "u":
            return ModeShapes(subdomain, np.asarray(file["modes/displacement"]), np.asarray(file["modes/lifting"]), {})
        duals = file["modes/duals"]
        place = read_keys(duals).index(field)
        none = np.zeros((0, subdomain.mesh.n_nodes, 3))
        return ModeShapes(subdomain, none, none, {field: np.asarray(duals[str(place)])})


def read_subdomain(path: Path, model_id: str, index: int) -> Subdomain:
    """Read the mesh of one subdomain of a model folder. Raises ModelError."""
    folder = find_member(path, model_id)
    if not (folder / part_name(index)).is_file():
        raise ModelError(f"{folder}: {part_name(index)} is not beside model.h5; the mesh needs the whole model folder")
    with part_reader(folder, "modes", index, model_id) as file:
        subdomain: Subdomain = read_record(file, "modes/subdomain")
        return subdomain


def read_training(path: Path, model_id: str) -> TrainingRecord:
    """Read what a model remembers of its training. Raises ModelError where it is not beside its model.h5."""
    file = find_member(path, model_id) / "training.h5"
    if not path.is_dir() or not file.is_file():
        raise ModelError(f"{path}: the whole model folder with training.h5 is needed here; give the folder")
    if read_head(file, "training", "model_id") != model_id:
        raise ModelError(f"{file}: belongs to another model than model.h5; make the folder anew")
    record: TrainingRecord = read_head(file, "training", "record")
    return record
