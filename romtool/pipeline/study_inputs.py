"""What a study needs before its first draw: model, base load, random fields; the same on every rank."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from romtool import __version__
from romtool.errors import CaseError, ModelError
from romtool.io.atomic import atomic_file, digest_files, digest_text
from romtool.io.load import LoadFile, read_load
from romtool.io.study import RandomField, Study, read_study
from romtool.loading import Loading
from romtool.online.draws import Draws, FieldModes, check_targets, draw_all, draw_loading, field_entries, field_modes
from romtool.online.study import time_weights
from romtool.pipeline.folders import model_file, read_head, read_subdomain, write_head
from romtool.pipeline.missions import check_increments
from romtool.pipeline.model_fields import ModelFields, loading_for
from romtool.pipeline.sources import read_ordered
from romtool.reduced.forces import check_loading
from romtool.reduced.model import ReducedModel
from romtool.types import Bools, Floats, Ints

KIND = "study-inputs"
INPUTS = "inputs.h5"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Inputs:
    """What all draws have in common.

    Parameters
    ----------
    study: the study file.
    digest: of all that a draw depends on, so that draws of other inputs are not mixed.
    base: the loading that the draws differ from, on the model's thermal nodes.
    varying: (n_entries,) the entries of its temperature that are fields.
    fields: target -> random field on the thermal nodes.
    at: (n_at,) times that are kept; weights: (n_at, n_times) of the increments in them.
    """

    study: Study
    digest: str
    base: Loading
    varying: Bools
    fields: dict[str, FieldModes]
    at: Floats
    weights: Floats

    def draws(self) -> Draws:
        """Draw all random variables."""
        return draw_all(self.study, {target: entry.modes.shape[1] for target, entry in self.fields.items()})

    def loading_of(self, draws: Draws) -> Callable[[int], Loading]:
        """Return what makes the loading of a draw."""
        return lambda number: draw_loading(self.base, self.varying, draws, self.fields, number)


LIFE = "cycles to failure"
"""Name of the lives among the quantities of a study."""


@dataclass(frozen=True)
class Kept:
    """The folder of a study; `overwrite` where draws of other inputs in it are removed."""

    out: Path
    overwrite: bool = False

    def fields(self, digest: str) -> dict[str, FieldModes] | None:
        """Return the random fields that are kept, None where the folder is new.

        Raises
        ------
        CaseError: it holds draws of other inputs that are not to be removed, or is something else.
        """
        out = self.out
        if (out / INPUTS).is_file():
            if read_head(out / INPUTS, KIND, "digest") == digest and not self.overwrite:
                found: dict[str, FieldModes] = read_head(out / INPUTS, KIND, "fields")
                return found
            if not self.overwrite:
                what = "another model, base load, seed or random input"
                raise CaseError(f"{out} holds draws of {what}; give --overwrite or another -o")
        elif out.is_file() or (out.exists() and any(path.name[0] != "." for path in out.iterdir())):
            raise CaseError(f"{out} exists and is no study; give another -o")
        return None

    def write(self, digest: str, fields: dict[str, FieldModes]) -> None:
        """Write what is kept, in place of an older study."""
        if self.overwrite and (self.out / INPUTS).is_file():
            shutil.rmtree(self.out)
        with atomic_file(self.out / INPUTS) as path:
            write_head(path, KIND, digest=digest, fields=fields)


def open_inputs(study_path: Path, model_path: Path, model: ReducedModel, kept: Kept | None, say: Say) -> Inputs:
    """Read a study file and all that it names, and make its random fields, or take them from the study's folder.

    Parameters
    ----------
    study_path: the study file.
    model_path, model: the model.
    kept: folder of the study, where the random fields are kept; None to make them anew.
    say: takes sentences about what is done.

    Raises
    ------
    CaseError, ReaderError, ModelError: wrong input.
    AccuracyError: a kernel that needs too many modes.
    """
    study = read_study(study_path)
    load = read_load(study.base) if study.base else LoadFile(study_path, study.name)
    base = loading_for(model, load, ModelFields(model))
    check_loading(model, base)
    check_increments(base, "a study")
    check_targets(study, base)
    temperature, varying = field_entries(base.temperature, model.thermal.points)
    _check_output(study, model)
    at, weights = time_weights(base.times, study.output.at)
    digest = _digest(study, load, model)
    if any(isinstance(entry, RandomField) for entry in study.random) and not varying.any():
        raise CaseError(
            f"{study.path}: no entry of the base load's temperature is a field, so that a random field has nothing to "
            'act on; give entries with "field" or "expression" in the base load'
        )
    whole = kept.fields(digest) if kept else None
    if whole is None:
        whole = make_fields(study, model_path, model, say)
        if kept:
            kept.write(digest, whole)
    fields = {target: entry.take(model.thermal.rows) for target, entry in whole.items()}
    base = replace(base, temperature=temperature)
    return Inputs(study, digest, base, varying, fields, at, weights)


def _digest(study: Study, load: LoadFile, model: ReducedModel) -> str:
    """Return the digest of all that a draw depends on; the number of draws may grow where the sampler allows it."""
    plain = [
        replace(entry, mean=None, samples=()) if isinstance(entry, RandomField) else entry for entry in study.random
    ]
    files = [
        *(path for path in (study.base, study.output.life) if path),
        *load.field_paths,
        *(file.path for file in study.field_files),
    ]
    names = [file.name for file in study.field_files]
    draws = study.draws if study.sampler == "lhs" else 0
    text = f"{study.sampler} {study.seed} {draws} {plain} {names} {study.output.at} {model.model_id} {__version__}"
    return digest_text(text + digest_files(files))[:16]


def _check_output(study: Study, model: ReducedModel) -> None:
    """Check the names in [output].

    Raises
    ------
    CaseError: an unknown quantity or field.
    """
    known = [entry.quantity.name for entry in model.quantities]
    if study.output.life and LIFE in known:
        raise CaseError(f'{study.path}: [output] life, but the case has a quantity named "{LIFE}"; rename that')
    fields = ["u", *model.duals]
    for name in study.output.quantities or ():
        if name not in known:
            names = ", ".join(known) or "none: the case has no [[quantities]]"
            raise CaseError(f'{study.path}: [output] quantities: "{name}" is not in the model; it has {names}')
    for name in study.output.fields:
        if name not in fields:
            raise CaseError(f'{study.path}: [output] fields: the model does not give "{name}"; pick from {fields}')
    asked = [*(known if study.output.quantities is None else study.output.quantities), *study.output.fields]
    asked += [LIFE] if study.output.life else []
    for name in study.output.thresholds:
        if name not in asked:
            raise CaseError(
                f'{study.path}: [output] thresholds: "{name}" is none of its quantities and fields: {", ".join(asked)}'
            )


def make_fields(study: Study, model_path: Path, model: ReducedModel, say: Say) -> dict[str, FieldModes]:
    """Return target -> random field on all nodes of the mesh.

    Raises
    ------
    ModelError: only the model.h5 is there. ReaderError: a field file. AccuracyError: see `gaussian_modes`.
    """
    entries = [entry for entry in study.random if isinstance(entry, RandomField)]
    if not entries:
        return {}
    points, node_ids = mesh_nodes(model_path, model)
    found = {}
    for entry in entries:
        mean = None if entry.mean is None else read_ordered(entry.mean.path, entry.mean.name, node_ids)
        samples = [read_ordered(file.path, file.name, node_ids) for file in entry.samples]
        found[entry.target] = field_modes(entry, points, mean, samples)
        say(f"random {entry.target}: {found[entry.target].modes.shape[1]} modes on {len(points)} nodes")
    return found


def mesh_nodes(model_path: Path, model: ReducedModel) -> tuple[Floats, Ints]:
    """Return the (n_nodes, 3) coordinates and (n_nodes,) ids of the whole mesh.

    Raises
    ------
    ModelError: only the model.h5 is there.
    """
    n_nodes, folder = model.thermal.n_mesh_nodes, model_file(model_path).parent
    points, node_ids = np.zeros((n_nodes, 3)), np.zeros(n_nodes, dtype=np.int64)
    for index in range(n_subdomains(model)):
        part = read_subdomain(folder, model.model_id, index)
        points[part.node_rows], node_ids[part.node_rows] = part.mesh.points, part.mesh.node_ids
    return points, node_ids


def n_subdomains(model: ReducedModel) -> int:
    """Return how many subdomains a model has. Raises ModelError for a model that does not say."""
    count = model.statistics.get("n_subdomains")
    if not isinstance(count, int):
        raise ModelError("the model was made by an earlier version of romtool; train it anew")
    return count
