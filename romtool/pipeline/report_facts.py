"""Facts for reports: what a model, a mesh, a law, a loading and a history have to say about themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.constraints import Equations
from romtool.errors import ModelError
from romtool.fem.partition import merge
from romtool.io.fields import POINTS_PER_CELL
from romtool.laws import LAWS, LawTables, law_names, reference_temperatures
from romtool.laws.catalogue import COLUMNS, PARAMETERS, TERMS, THERMAL
from romtool.linalg.gappy import GappyOperator
from romtool.loading import Dirichlet, Load, Loading
from romtool.offline.clusters import planar_map
from romtool.pipeline.folders import find_member, part_name, part_reader, read_record
from romtool.pipeline.report_pictures import point_pictures
from romtool.pipeline.report_sources import OpenedDictionary, OpenedModel
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ReducedModel
from romtool.report.content import (
    DictionaryFacts,
    GappyFacts,
    LawFacts,
    LoadFacts,
    LoadingFacts,
    MeshFacts,
    ModelFacts,
    PictureSet,
    ReducedFacts,
    Spectrum,
    TrainingFacts,
)
from romtool.report.indication import CalibrationFacts, DomainFacts, IndicatorFacts
from romtool.report.units import Units
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats, Mesh

AXES = "xyz"

LOAD_QUANTITIES: Mapping[str, tuple[str, str]] = {
    "pressure": ("pressure", "stress"),
    "traction": ("magnitude of the traction", "stress"),
    "body": ("magnitude of the body force", "force/length³"),
    "centrifugal": ("angular velocity", "rad/time"),
}
"""Kind of a load -> what its value is, and its unit in words."""


def model_facts(path: Path, model: ReducedModel, label: str, units: Units, *, pictures: bool = True) -> ModelFacts:
    """Return what a model has to say; of its subdomains only the meshes are read.

    Parameters
    ----------
    path: its folder, or its model.h5.
    model: as read.
    label: its name in the report.
    units: labels.
    pictures: draw the reduced points on the mesh.
    """
    mesh = _model_mesh(path, model)
    return replace(
        light_facts(model, label, units),
        mesh=None if mesh is None else mesh_facts(mesh),
        points=point_pictures(mesh, model.coordinates, model.n_active) if pictures else PictureSet(),
    )


def light_facts(model: ReducedModel, label: str, units: Units) -> ModelFacts:
    """Return what a model has to say without its mesh.

    Parameters
    ----------
    model, label, units: as for `model_facts`.
    """
    return ModelFacts(
        label=label,
        model_id=model.model_id,
        parent=str(model.statistics.get("parent", "")),
        mesh=None,
        laws=law_facts(model.tables, np.bincount(model.material, minlength=len(model.tables.flow)), units),
        loading=reduced_loading_facts(model, model.first, units),
        training=_training_facts(model, units),
        calibrations=_calibrations(model),
        domain=_domain(model, units),
        seconds=_texts_to_floats(model.statistics.get("seconds", {})),
        memory=_texts_to_floats(model.statistics.get("memory", {})),
    )


def dictionary_facts(entry: OpenedDictionary, models: Sequence[OpenedModel]) -> DictionaryFacts:
    """Return how a training was divided between local models.

    Parameters
    ----------
    entry: the dictionary. models: of the report; its members are among them.
    """
    clusters, selector = entry.dictionary.clusters, entry.dictionary.selector
    if clusters is None or selector is None:
        raise ModelError(f"{entry.path}: a single model has no clusters")
    labels = {opened.model.model_id: opened.label for opened in models}
    return DictionaryFacts(
        label=str(entry.dictionary.models[0].statistics.get("case", entry.path)),
        members=tuple(labels.get(model.model_id, model.model_id) for model in entry.dictionary.models),
        items=clusters.names,
        labels=clusters.labels,
        medoids=clusters.medoids,
        positions=planar_map(clusters.dissimilarity),
        by=selector.by,
        accuracy=selector.accuracy,
    )


def _model_mesh(path: Path, model: ReducedModel) -> Mesh | None:
    """Return the mesh behind a model, or None where only its head file is there."""
    folder, parts = find_member(path, model.model_id), []
    for index in range(max(1, sum(1 for _ in folder.glob(part_name(0).replace("0000", "*"))))):
        try:
            with part_reader(folder, "modes", index, model.model_id) as file:
                parts.append(read_record(file, "modes/subdomain"))
        except ModelError:
            return None
    return merge(parts).mesh


def _training_facts(model: ReducedModel, units: Units) -> TrainingFacts:
    """Return how a model was trained, from its statistics."""
    known: dict[str, Any] = dict(model.statistics)
    kept = {"u": model.n_modes, **known["n_dual_modes"]}
    return TrainingFacts(
        n_modes=model.n_modes,
        n_points=model.n_active,
        n_sampled=len(model.weights),
        n_points_full=int(known["n_points_full"]),
        n_nodes=int(known["n_nodes"]),
        pod_error=float(known["pod_error"]),
        quadrature_error=float(known["quadrature_error"]),
        volume_error=float(known["volume_error"]),
        spectra=tuple(Spectrum(name, np.asarray(s), kept[name]) for name, s in known["singular_values"].items()),
        zero_fields=tuple(known["zero_fields"]),
        unbalance={name: np.asarray(values) for name, values in known.get("unbalance", {}).items()},
        errors={name: dict(entry) for name, entry in known.get("training_errors_by_simulation", {}).items()},
        settings={name: _in_words(table) for name, table in known.get("settings", {}).items()},
        coordinate_unit=coordinate_unit(model, units),
        convergence=np.asarray(known.get("quadrature_history", []), dtype=np.float64).reshape(-1, 2),
        gappy=tuple(_gappy(name, basis.operator) for name, basis in model.duals.items()),
        sources={str(name): str(source) for name, source in known.get("sources", {}).items()},
        tolerance=float(known["settings"]["indicator"]["tolerance"]),
    )


def _gappy(field: str, operator: GappyOperator) -> GappyFacts:
    """Return how well the samples determine a field."""
    n_rows, n_modes = operator.basis_at_points.shape
    return GappyFacts(field, n_modes, n_rows, operator.condition, operator.amplification)


def coordinate_unit(model: ReducedModel, units: Units) -> str:
    """Return the unit of the coordinates of modes that are orthonormal in the model's inner product."""
    pod = dict(model.statistics.get("settings", {})).get("pod", {})  # type: ignore[call-overload]
    return units.label("(force length)^0.5" if pod.get("inner_product") == "energy" else "length^2.5")


def _calibrations(model: ReducedModel) -> tuple[CalibrationFacts, ...]:
    """Return what the misfits of a model say about its errors."""
    return tuple(
        CalibrationFacts(field, entry.misfit, entry.expected, entry.bound, entry.pairs)
        for field, entry in model.calibrations.items()
    )


def _domain(model: ReducedModel, units: Units) -> DomainFacts:
    """Return what the training of a model covers; the first word of what acts is its kind."""
    known, kinds = model.validity, {kind: unit for kind, (_, unit) in LOAD_QUANTITIES.items()}
    rows = [
        ("temperature", known.temperature, units.degrees),
        ("rate of temperature", np.array([0.0, known.temperature_rate]), units.label("temperature/time")),
        ("time step", known.step, units.time),
        *(
            (what, ends, units.label(kinds.get(what.partition(" ")[0], "length")))
            for what, ends in known.amplitudes.items()
        ),
    ]
    ranges = tuple((what, float(ends[0]), float(ends[1]), unit) for what, ends, unit in rows)
    return DomainFacts(ranges, known.temperature_span.shape[1])


def _in_words(table: Mapping[str, object]) -> str:
    """Return the keys of a table of the case file with their values, one after the other."""
    return ", ".join(f"{key} {' '.join(value) if isinstance(value, tuple) else value}" for key, value in table.items())


def _texts_to_floats(mapping: Any) -> dict[str, float]:
    return {str(name): float(value) for name, value in dict(mapping).items()}


def mesh_facts(mesh: Mesh) -> MeshFacts:
    """Return the counts of a mesh."""
    cells: dict[str, int] = {}
    for block in mesh.blocks:
        cells[block.cell_type] = cells.get(block.cell_type, 0) + len(block.element_ids)
    return MeshFacts(
        n_nodes=mesh.n_nodes,
        n_elements=mesh.n_elements,
        n_points=sum(len(block.element_ids) * POINTS_PER_CELL[block.formulation] for block in mesh.blocks),
        cells=cells,
        formulations=tuple(sorted({block.formulation or "not computed with" for block in mesh.blocks})),
        **{
            kind: {name: len(rows) for name, rows in getattr(mesh, kind).items()}
            for kind in ("node_sets", "element_sets", "side_sets")
        },
        size=tuple(float(length) for length in np.ptp(mesh.points, axis=0)),  # type: ignore[arg-type]
    )


def law_facts(tables: LawTables, counts: Any, units: Units) -> tuple[LawFacts, ...]:
    """Return the laws behind packed tables, one per material.

    Parameters
    ----------
    tables: of the model.
    counts: (n_materials,) number of reduced points with each.
    units: labels.
    """
    return tuple(_law(tables, k, int(counts[k]), units) for k in range(len(tables.flow)))


def _law(tables: LawTables, k: int, n_sampled: int, units: Units) -> LawFacts:
    """Return one law."""
    rows = slice(int(tables.rows[k]), int(tables.rows[k + 1]))
    temperatures, values, name = tables.temperatures[rows], tables.values[rows], law_names(tables)[k]
    law, curve = LAWS[name], tables.curve_p[int(tables.curve_rows[k]) : int(tables.curve_rows[k + 1])]
    parameters = [
        (key, _over_temperature(values[:, COLUMNS[key]], temperatures, units), _unit(key, units))
        for key in law.parameters
        if PARAMETERS[key].scalar and (key in law.required or np.any(values[:, COLUMNS[key]]))
    ]
    if len(curve):
        parameters.append(("hardening", _curve(tables, k, curve, len(temperatures)), _unit("R0", units)))
    for column, key in _term_columns(tables, k):
        parameters.append((key, _over_temperature(values[:, column], temperatures, units), _unit(key[0], units)))
    if np.any(values[:, THERMAL + 1]):
        parameters.append(("reference temperature", f"{reference_temperatures(tables)[k]:g}", units.degrees))
    return LawFacts(name, law.description, tuple(parameters), n_sampled)


def _term_columns(tables: LawTables, k: int) -> Iterator[tuple[int, str]]:
    """Yield column and name of the terms of one material: C1, D1, …, Q1, b1, …"""
    first = tables.values.shape[1] - 2 * int(tables.n_saturating.max())
    for start, names, count in ((TERMS, "CD", tables.n_terms[k]), (first, "Qb", tables.n_saturating[k])):
        for i in range(int(count)):
            yield from ((start + 2 * i + offset, f"{key}{i + 1}") for offset, key in enumerate(names))


def _unit(parameter: str, units: Units) -> str:
    """Return the label of the unit of a parameter; "one per term" is no unit."""
    words = PARAMETERS[parameter].unit.partition(",")[0]
    return "" if "per" in words.split() and parameter in ("D", "b") else units.label(words)


def _over_temperature(values: Floats, temperatures: Floats, units: Units) -> str:
    """Return a number, or the ends of a table over temperature."""
    if np.all(values == values[0]):
        return f"{values[0]:g}"
    degrees = f" {units.degrees}" if units.degrees else ""
    first, last = (f"{values[i]:g} at {temperatures[i]:g}{degrees}" for i in (0, -1))
    return f"{first} … {last} ({len(values)} temperatures)"


def _curve(tables: LawTables, k: int, curve: Floats, n_temperatures: int) -> str:
    """Return the ends of a hardening curve."""
    start = int(tables.curve_starts[k])
    stress = tables.curve_stress[start : start + n_temperatures * len(curve)].reshape(n_temperatures, -1)
    where = f", first of {n_temperatures} temperatures" if n_temperatures > 1 else ""
    return f"{stress[0, 0]:g} at p = {curve[0]:g} … {stress[0, -1]:g} at p = {curve[-1]:g} ({len(curve)} points{where})"


def reduced_loading_facts(model: ReducedModel, loading: Loading, units: Units) -> LoadingFacts:
    """Return a loading whose temperature runs over the thermal nodes of a model."""
    where = f"the {len(model.thermal.rows)} nodes that the reduced points depend on"
    return loading_facts(loading, model.thermal.points, where, units)


def loading_facts(loading: Loading, points: Floats, where: str, units: Units) -> LoadingFacts:
    """Return what acts, at the increments.

    Parameters
    ----------
    loading: complete.
    points: (n, 3) float [length] of the nodes that its temperature runs over.
    where: these nodes, in words.
    units: labels.
    """
    moved = [entry for entry in loading.dirichlet if np.any(entry.value)]
    history = build_temperature(loading.temperature, evaluate_at(points), float(loading.times[0]))
    fields = [history.at(float(time)) for time in loading.times]
    return LoadingFacts(
        name=loading.name,
        times=loading.times,
        loads=(
            *(_load(loading, load, units) for load in loading.loads),
            *(_moved_support(loading, entry, units) for entry in moved),
        ),
        supports=tuple(
            f"{entry.name}: {', '.join(AXES[c] for c in entry.components)} = 0 on {entry.nodes}"
            for entry in loading.dirichlet
            if not np.any(entry.value)
        )
        + tuple(
            f"{entry.name}: {entry.count} linear equations"
            for entry in loading.constraints
            if isinstance(entry, Equations)
        ),
        temperature=np.array([[field.min() for field in fields], [field.max() for field in fields]]),
        temperature_where=where,
    )


def _load(loading: Loading, load: Load, units: Units) -> LoadFacts:
    """Return one load; a vector by its magnitude."""
    quantity, unit = LOAD_QUANTITIES[load.kind]
    value = np.asarray(load.value, dtype=np.float64).reshape(-1)
    if load.kind in ("traction", "body"):
        value = np.array([np.linalg.norm(value)])
    low, high = _range(loading, load.table, value)
    return LoadFacts(load.name, load.kind, load.region, load.table or "", quantity, units.label(unit), low, high)


def _moved_support(loading: Loading, entry: Dirichlet, units: Units) -> LoadFacts:
    """Return a prescribed displacement."""
    low, high = _range(loading, entry.table, np.asarray(entry.value, dtype=np.float64).reshape(-1))
    quantity = f"displacement {', '.join(AXES[c] for c in entry.components)}"
    name, region = entry.name, entry.nodes
    return LoadFacts(name, "displacement", region, entry.table or "", quantity, units.label("length"), low, high)


def _range(loading: Loading, table: str | None, value: Floats) -> tuple[Floats, Floats]:
    """Return the smallest and largest of `value` times the table at the increments."""
    factors = np.array([loading.amplitude(table, float(time)) for time in loading.times])
    ends = np.stack([factors * value.min(), factors * value.max()])
    return ends.min(axis=0), ends.max(axis=0)


def reduced_facts(history: ReducedHistory, model_id: str, unit: str, indicator: IndicatorFacts) -> ReducedFacts:
    """Return what only an online result has."""
    return ReducedFacts(
        model_id=model_id,
        coordinates=history.coordinates,
        coordinate_unit=unit,
        indicator=indicator,
        iterations=history.iterations,
        cuts=history.cuts,
        evaluations=history.evaluations,
    )
