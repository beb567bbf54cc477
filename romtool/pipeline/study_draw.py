"""`romtool study --draw`: one draw as a load file with its fields, so that `solve` can compute it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from romtool.errors import CaseError, ModelError
from romtool.fem.partition import merge
from romtool.io.atomic import output_folder
from romtool.io.load import LoadFile, apply_load, read_load
from romtool.loading import Dirichlet, Load, Loading, Temperature
from romtool.offline.training import TrainingRecord
from romtool.online.draws import draw_loading, field_entries
from romtool.pipeline.folders import find_member, model_file, read_dictionary, read_head, read_subdomain
from romtool.pipeline.model_fields import changes_nothing
from romtool.pipeline.sources import field_reader
from romtool.pipeline.study_inputs import make_fields, n_subdomains, open_inputs
from romtool.reduced.model import ReducedModel
from romtool.types import Mesh

Say = Callable[[str], None]
AXES = "xyz"


def write_draw(
    model_path: Path, study_path: Path, number: int, out: Path, say: Say, *, overwrite: bool = False
) -> Path:
    """Write the load file of one draw, with its fields on the whole mesh as files beside it.

    Parameters
    ----------
    model_path: the model folder.
    study_path: the study file.
    number: of the draw, from 0.
    out: the folder to write.
    say: takes sentences about what is done.
    overwrite: replace an existing folder.

    Returns
    -------
    The load file.

    Raises
    ------
    CaseError: no such draw, a study that is wrong, a folder that exists.
    ModelError: only the model.h5 is there.
    """
    model = read_dictionary(model_path).face
    inputs = open_inputs(study_path, model_path, model, None, lambda text: None)
    study = inputs.study
    if number >= study.draws:
        raise CaseError(f"{study_path} has draws 0 to {study.draws - 1}; {number} is none of them")
    folder = model_file(model_path).parent
    memory = find_member(folder, model.model_id) / "training.h5"
    if not memory.is_file():
        raise ModelError(f"{model_path}: a draw on the whole mesh needs the whole model folder, with training.h5")
    record: TrainingRecord = read_head(memory, "training", "record")
    mesh = _mesh(folder, model)
    load = read_load(study.base) if study.base else LoadFile(study_path, study.name)
    base = apply_load(record.loadings[0] if changes_nothing(load) else record.loading, load, field_reader(mesh))
    temperature, _ = field_entries(base.temperature, mesh.points)
    whole = make_fields(study, model_path, model, say)
    loading = draw_loading(replace(base, temperature=temperature), inputs.varying, inputs.draws(), whole, number)
    with output_folder(out, overwrite) as temporary:
        (temporary / f"{loading.name}.toml").write_text(
            "\n".join(load_text(loading, record.loading, temporary)) + "\n", encoding="utf-8"
        )
    say(f"draw {number} of {study.name} -> {out}")
    return out / f"{loading.name}.toml"


def _mesh(folder: Path, model: ReducedModel) -> Mesh:
    """Return the whole mesh of a model."""
    return merge([read_subdomain(folder, model.model_id, index) for index in range(n_subdomains(model))]).mesh


def load_text(loading: Loading, own: Loading, folder: Path) -> list[str]:
    """Return the lines of a load file that turns a case's own loading into another one.

    Parameters
    ----------
    loading: the loading to say, on the whole mesh.
    own: the case's; all entries of `loading` have names of its.
    folder: where the fields of the loading are written as `.npy`.

    Raises
    ------
    CaseError: what a load file cannot say: an initial temperature that is a field.
    """
    lines = [f"name = {_text(loading.name)}"]
    for kind, entries, known in (
        ("loads", loading.loads, own.loads),
        ("tables", loading.tables, own.tables),
        ("dirichlet", loading.dirichlet, own.dirichlet),
    ):
        kept = [entry.name for entry in entries]
        for entry in known:
            if entry.name not in kept:
                lines += [f"[[{kind}]]", f"name = {_text(entry.name)}", "remove = true"]
    for load in loading.loads:
        lines += ["[[loads]]", *_load(load, folder)]
    for table in loading.tables:
        points = [[float(t), float(v)] for t, v in table.points]
        lines += ["[[tables]]", f"name = {_text(table.name)}", f"points = {points}", f"cycles = {table.cycles}"]
    units = {entry.name: entry for entry in own.dirichlet}
    for support in loading.dirichlet:
        lines += ["[[dirichlet]]", *_support(support, units[support.name])]
    lines += _temperature(loading.temperature, folder)
    lines += ["[time]", f"points = {loading.times.tolist()}"]
    if loading.rate_independent:
        lines.append(f"rate_independent = {[[float(a), float(b)] for a, b in loading.rate_independent]}")
    return lines


def _text(value: str) -> str:
    """Return a text as TOML."""
    return json.dumps(value, ensure_ascii=False)


def _table(name: str | None) -> list[str]:
    return [] if name is None else [f"table = {_text(name)}"]


def _load(load: Load, folder: Path) -> list[str]:
    """Return the lines of a whole load."""
    where = "faces" if load.kind in ("pressure", "traction") else "elements"
    lines = [f"name = {_text(load.name)}", f"kind = {_text(load.kind)}", f"{where} = {_text(load.region)}"]
    value = np.asarray(load.value, dtype=np.float64)
    if load.kind == "centrifugal":
        lines.append(f"omega = {float(value)!r}")
        lines += [f"{key} = {np.asarray(getattr(load, key)).tolist()}" for key in ("point", "axis")]
    elif load.kind == "pressure" and value.ndim:
        name = f"load-{load.name}.npy"
        np.save(folder / name, value)
        lines += [f"field = {_text(name)}", f"on = {_text(load.on)}"]
    else:
        lines.append(f"value = {value.tolist()}")
    return [*lines, *_table(load.table)]


def _support(support: Dirichlet, own: Dirichlet) -> list[str]:
    """Return the lines of a prescribed displacement; one of a field as a multiple of the case's."""
    name = f"name = {_text(support.name)}"
    if isinstance(support.value, np.ndarray) and isinstance(own.value, np.ndarray):
        return [name, f"scale = {float(support.value @ own.value / (own.value @ own.value))!r}"]
    components = [AXES[c] for c in support.components]
    return [
        name,
        f"nodes = {_text(support.nodes)}",
        f"components = {json.dumps(components)}",
        f"value = {float(np.asarray(support.value))!r}",
        *_table(support.table),
    ]


def _temperature(temperature: Temperature, folder: Path) -> list[str]:
    """Return the lines of a whole temperature; entries that share a field share its file."""
    initial = np.asarray(temperature.initial, dtype=np.float64)
    if np.ptp(initial) > 0.0:
        raise CaseError("the initial temperature is a field, which a load file cannot say; give a uniform one")
    names: dict[int, str] = {}
    entries = []
    for entry in temperature.entries:
        value = np.asarray(entry.value, dtype=np.float64)
        if value.ndim and id(entry.value) not in names:
            names[id(entry.value)] = f"temperature-{len(names)}.npy"
            np.save(folder / names[id(entry.value)], value)
        what = f"field = {_text(names[id(entry.value)])}" if value.ndim else f"value = {float(value)!r}"
        entries.append(f"  {{ time = {entry.time!r}, {what}, scale = {entry.scale!r}, offset = {entry.offset!r} }},")
    return ["[temperature]", f"initial = {float(initial.flat[0])!r}", "entries = [", *entries, "]"]
