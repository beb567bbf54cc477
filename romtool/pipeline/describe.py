"""`romtool info`: what a path holds."""

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.convert.registry import find_reader, read_deck, read_results
from romtool.errors import ModelError
from romtool.io.atomic import digest_text
from romtool.io.case import read_case
from romtool.io.load import read_load
from romtool.io.records import stamps
from romtool.loading import Loading, PartialDeckError
from romtool.online.adapt import Enrichment
from romtool.pipeline.balance import summary
from romtool.pipeline.dataset_files import read_dataset
from romtool.pipeline.folders import Dataset, Provenance, part_name, read_dictionary, read_head
from romtool.pipeline.init import is_deck
from romtool.pipeline.judged import judge_models, judge_result
from romtool.pipeline.life_output import life_summary, read_life_result
from romtool.pipeline.operator_models import read_operator_model
from romtool.pipeline.operators import build_summary
from romtool.pipeline.quantities import quantity_summary
from romtool.pipeline.study import study_summary
from romtool.pipeline.suitability import lacks
from romtool.reduced.dictionary import Choice, Dictionary
from romtool.reduced.indicator import STATUS_WORDS, Indication
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import Calibration, ReducedModel, Validity
from romtool.reduced.validity import load_amplitudes
from romtool.report.brief import briefs
from romtool.report.plain import Brief, difference_briefs
from romtool.types import Floats, Mesh, SolverResults

__all__ = [
    "Brief",
    "Description",
    "briefs",
    "describe",
    "describe_dataset",
    "describe_dictionary",
    "describe_results",
    "difference_briefs",
]

Description = dict[str, Any]


def describe(path: Path) -> Description:
    """Return what a path holds, with its "kind" first.

    Raises
    ------
    ReaderError, ModelError, CaseError: nothing that romtool knows, or damaged.
    """
    if path.is_dir() or path.suffix == ".h5":
        return _describe_own(path)
    if path.suffix == ".toml":
        return describe_toml(path)
    if path.exists() and is_deck(path):
        return _describe_deck(path)
    return describe_results(read_results(path))


def _describe_own(path: Path) -> Description:
    """Describe one of romtool's folders, or its head file."""
    heads = ("model.h5", "dataset.h5", "result.h5", "solution.h5", "study.h5", "life.h5")
    found = path if path.is_file() else next((path / name for name in heads if (path / name).is_file()), None)
    if found is None:
        children = [child for child in sorted(path.iterdir()) if any((child / name).is_file() for name in heads)]
        if len(children) == 1:
            return _describe_own(children[0])
        names = f"; it has {', '.join(child.name for child in children)}: name one" if children else ""
        raise ModelError(f"{path}: not a folder of romtool; expected one that holds {', '.join(heads)}{names}")
    describers = {
        "model": lambda: _describe_model_file(found),
        "dataset": lambda: describe_dataset(read_dataset(found.parent)) | {"size": _size(found.parent)},
        "result": lambda: _describe_result(found),
        "solution": lambda: _describe_solution(found),
        "study": lambda: {"kind": "study", **study_summary(read_head(found, "study", "result"))},
        "life": lambda: _describe_life(found.parent),
        "operators": lambda: {"kind": "operators", **build_summary(read_operator_model(found))},
    }
    kind, schema = stamps(found)
    if kind not in describers:
        raise ModelError(f"{found}: not a head file of romtool; expected one of {', '.join(heads)}")
    return {**describers[kind](), "schema": schema}


def describe_mesh(mesh: Mesh) -> Description:
    """Return counts of nodes, cells and sets."""
    cells: dict[str, int] = {}
    for block in mesh.blocks:
        cells[block.cell_type] = cells.get(block.cell_type, 0) + len(block.element_ids)
    return {
        "n_nodes": mesh.n_nodes,
        "n_elements": mesh.n_elements,
        "cells": cells,
        "formulations": sorted({block.formulation or f"{block.solver_type} (not computable)" for block in mesh.blocks}),
        "node_sets": {name: len(rows) for name, rows in mesh.node_sets.items()},
        "element_sets": {name: len(rows) for name, rows in mesh.element_sets.items()},
        "side_sets": {name: len(rows) for name, rows in mesh.side_sets.items()},
    }


def describe_results(results: SolverResults) -> Description:
    """Describe solver results."""
    return {
        "kind": "solver-results",
        "format": results.format,
        **describe_mesh(results.mesh),
        "times": results.times.tolist(),
        "fields": {
            name: {"location": info.location, "components": list(info.components)}
            for name, info in results.fields.items()
        },
        "warnings": list(results.warnings),
        "lacks": list(lacks(results)),
    }


def _describe_deck(path: Path) -> Description:
    """Describe an input deck; what the deck's physics does not allow is no obstacle to show the rest."""
    try:
        deck = read_deck(path)
    except PartialDeckError as error:
        deck = replace(error.deck, warnings=("cannot be computed: " + error.deck.warnings[0], *error.deck.warnings[1:]))
    mesh = describe_mesh(deck.mesh) if deck.mesh is not None else {}
    loading = deck.loading
    return {
        "kind": "solver-deck",
        "format": find_reader(path).name,
        **mesh,
        "materials": {material.elements: material.law for material in deck.materials},
        "dirichlet": [entry.name for entry in loading.dirichlet],
        "loads": {load.name: load.kind for load in loading.loads},
        "tables": [table.name for table in loading.tables],
        "times": loading.times.tolist(),
        "fields": {},
        "results": [str(entry) for entry in deck.results],
        "warnings": list(deck.warnings),
    }


def describe_toml(path: Path) -> Description:
    """Describe a case file (it has a table [case]) or a load file."""
    return _describe_case(path) if _has_table(path, "case") else _describe_load(path)


def _has_table(path: Path, name: str) -> bool:
    """Tell whether a TOML file has a table; a file that cannot be read is left to its reader."""
    try:
        return name in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True


def _describe_load(path: Path) -> Description:
    """Describe a load file: what it changes."""
    load = read_load(path)
    return {
        "kind": "load",
        "name": load.name,
        "loads": [change.name for change in load.loads],
        "tables": [change.name for change in load.tables],
        "dirichlet": [change.name for change in load.dirichlet],
        "temperature": "as in the case" if load.temperature is None else "changed",
        "time": "as in the case" if load.time is None else "changed",
    }


def _describe_case(path: Path) -> Description:
    """Describe a case file."""
    case, dataset = read_case(path), path.parent / "dataset"
    return {
        "kind": "case",
        "name": case.name,
        "simulations": [simulation.name for simulation in case.simulations],
        "sources": [
            {
                "name": simulation.name,
                "deck": _beside(path, simulation.deck),
                "results": [_beside(path, entry) for entry in simulation.results],
                "load": _beside(path, simulation.load),
            }
            for simulation in case.simulations
        ],
        "dataset": str(dataset) if dataset.exists() else "not imported yet",
        "settings": {name: vars(value) for name, value in vars(case.settings).items()},
    }


def _beside(case: Path, path: Path | None) -> str | None:
    """Return a path as a case file names it."""
    return None if path is None else os.path.relpath(path, case.parent)


def describe_dataset(dataset: Dataset) -> Description:
    """Describe a dataset."""
    return {
        "kind": "dataset",
        "case": dataset.case,
        "digest": dataset.digest,
        "created": dataset.created,
        "versions": dict(dataset.versions),
        "inputs": dict(dataset.inputs),
        "n_subdomains": dataset.n_subdomains,
        "n_nodes": dataset.n_nodes,
        "n_elements": dataset.n_elements,
        "simulations": {record.name: len(record.times) for record in dataset.simulations},
        "materials": {material.elements: material.law for material in dataset.materials},
        "balance": {check.simulation: summary(check) for check in dataset.balance},
        "warnings": list(dataset.warnings),
    }


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())


def _describe_model_file(path: Path) -> Description:
    """Describe a model.h5 with the sizes of the files."""
    dictionary = read_dictionary(path)
    found = {**describe_dictionary(dictionary), "verdict": judge_models(dictionary.models)}
    size = {"model.h5": path.stat().st_size}
    if any(path.parent.rglob(part_name(0))):
        size["whole folder"] = _size(path.parent)
    for model in found.get("models", [found]):
        model["size"] = size
    return found


def describe_dictionary(dictionary: Dictionary) -> Description:
    """Describe a model, or the local models of a dictionary and what chooses between them."""
    if dictionary.selector is None or dictionary.clusters is None:
        return describe_model(dictionary.models[0])
    clusters, selector = dictionary.clusters, dictionary.selector
    return {
        "kind": "dictionary",
        "by": selector.by,
        "clusters": {name: int(label) for name, label in zip(clusters.names, clusters.labels, strict=True)},
        "medoids": [clusters.names[i] for i in clusters.medoids],
        "selector": {"accuracy": selector.accuracy, "certainty": selector.certainty, "bumps": len(selector.anchors)},
        "models": [describe_model(model) for model in dictionary.models],
    }


def describe_model(model: ReducedModel) -> Description:
    """Describe a model."""
    statistics = dict(model.statistics)
    statistics.pop("singular_values", None)
    return {
        "kind": "model",
        "model_id": model.model_id,
        **statistics,
        "parent": statistics.get("parent"),
        "calibration": {field: _calibrated(entry) for field, entry in model.calibrations.items()},
        "domain": _domain(model.validity),
        "loads": {load.name: load.kind for load in model.loading.loads},
        "side_sets": {name: len(shape.faces) for name, shape in model.surfaces.items()},
        "element_sets": list(model.volumes),
        "points": digest_text(str(model.point_ids.tolist()))[:16],
        "times": model.first.times.tolist(),
    }


def _calibrated(calibration: Calibration) -> Description:
    """Return how many pairs a calibration was learnt from, and its ranges."""
    ranges = {name: getattr(calibration, name) for name in ("misfit", "expected", "bound")}
    ends = {name: [float(values.min()), float(values.max())] for name, values in ranges.items()}
    return {"n_pairs": len(calibration.pairs), **ends}


def _domain(validity: Validity) -> Description:
    """Return what a training covers."""
    return {
        "temperature": validity.temperature.tolist(),
        "temperature_rate": validity.temperature_rate,
        "step": validity.step.tolist(),
        **{name: ends.tolist() for name, ends in validity.amplitudes.items()},
        "n_temperature_fields": validity.temperature_span.shape[1],
    }


def _largest(values: Floats) -> float | None:
    """Return the largest of some numbers, None where there is none."""
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


def _steps_by_status(indication: Indication) -> dict[str, int]:
    """Return the number of steps with each status."""
    counts = np.bincount(indication.status[1:], minlength=len(STATUS_WORDS))
    return dict(zip(STATUS_WORDS, counts.tolist(), strict=True))


def _describe_life(folder: Path) -> Description:
    """Describe cycles to failure."""
    found = read_life_result(folder)
    return {
        "kind": "life",
        **life_summary(found, folder),
        "created": found.created,
        "versions": dict(found.versions),
        "size": {"whole folder": _size(folder)},
    }


def _sizes(loading: Loading) -> Description:
    """Return "kind on set" -> smallest and largest size of what acts."""
    return {what: [float(found.min()), float(found.max())] for what, found in load_amplitudes(loading).items()}


def _describe_result(path: Path) -> Description:
    """Describe an online result."""
    history: ReducedHistory = read_head(path, "result", "history")
    provenance: Provenance = read_head(path, "result", "provenance")
    choice: Choice = read_head(path, "result", "choice")
    indications: dict[str, Indication] = read_head(path, "result", "indications")
    repairs: tuple[Enrichment, ...] = read_head(path, "result", "enrichments")
    return {
        "kind": "result",
        "name": history.name,
        "model": provenance.source,
        "model_id": provenance.source_id,
        "cluster": choice.number,
        "probabilities": choice.probabilities.tolist(),
        "loads": _sizes(read_head(path, "result", "loading")),
        "times": history.times.tolist(),
        "n_modes": history.coordinates.shape[1],
        "fields": ["u", *history.duals],
        "bound": {field: _largest(entry.bound) for field, entry in indications.items()},
        "status": {field: _steps_by_status(entry) for field, entry in indications.items()},
        "tolerance": read_head(path, "result", "tolerance"),
        "outside": list(read_head(path, "result", "outside")),
        "iterations": int(history.iterations.sum()),
        "cuts": int(history.cuts.sum()),
        "quantities": quantity_summary(read_head(path, "result", "quantities")),
        "enrichments": sum(entry.step > 0 for entry in repairs),
        "repaired_times": [entry.time for entry in repairs if entry.step > 0],
        "stopped": provenance.stopped,
        "verdict": judge_result(path),
        **_made(provenance, path),
    }


def _describe_solution(path: Path) -> Description:
    """Describe a built-in solution."""
    provenance: Provenance = read_head(path, "solution", "provenance")
    return {
        "kind": "solution",
        "case": provenance.source,
        "name": read_head(path, "solution", "loading").name,
        "loads": _sizes(read_head(path, "solution", "loading")),
        "times": read_head(path, "solution", "times").tolist(),
        "fields": read_head(path, "solution", "fields"),
        "n_subdomains": read_head(path, "solution", "n_subdomains"),
        "quantities": quantity_summary(read_head(path, "solution", "quantities")),
        "digest": provenance.source_id,
        **_made(provenance, path),
    }


def _made(provenance: Provenance, path: Path) -> Description:
    """Return how and when a result was made, and how large its folder is."""
    return {
        "seconds": dict(provenance.seconds),
        "memory": dict(provenance.memory),
        "created": provenance.created,
        "versions": dict(provenance.versions),
        "size": {"whole folder": _size(path.parent)},
    }
