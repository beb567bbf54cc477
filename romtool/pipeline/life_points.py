"""The points of online results and built-in solutions, whose life is evaluated.

The mechanical strain is the total strain without the thermal strain of the material's law.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from romtool.convert.registry import read_results
from romtool.errors import CaseError, ModelError
from romtool.fem.operators import strain
from romtool.fem.partition import restrict_temperature
from romtool.io.life import Expansion
from romtool.laws import LawTables, build_tables, free_strain
from romtool.lifetime.cycles import PointHistory
from romtool.loading import Loading, Material, Temperature
from romtool.offline.parts import Part, build_part
from romtool.pipeline.folders import Provenance, part_name, read_head, read_model, read_modes, read_training
from romtool.pipeline.life_files import LifeSource, PointFields, ReadPoints, solver_files
from romtool.pipeline.life_temperature import mesh_temperature
from romtool.pipeline.results import Pieces, open_pieces, source_model
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ModeShapes
from romtool.reduced.reconstruct import dual, take_entities
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats


def open_life_source(path: Path, load: Path | None, expansion: Expansion | None) -> LifeSource:
    """Open an online result, a built-in solution, a folder that holds one of them, or solver files.

    Parameters
    ----------
    path: of it.
    load: load file of an online result whose temperature the training does not give; None where it does.
    expansion: thermal expansion for solver files with total strains.

    Raises
    ------
    ModelError, ReaderError: nothing that can be opened.
    CaseError: fields are missing.
    """
    if not path.is_dir():
        return solver_files(path, read_results(path), expansion)
    pieces = open_pieces(path)
    if pieces.format == "romtool-online":
        return _online(pieces, load)
    return _solution(pieces)


def _points(part: Part, read: ReadPoints) -> PointFields:
    """Return the integration points of a subdomain."""
    return PointFields(part.subdomain, part.operators.elements, part.point_ids, part.operators.coordinates, read)


def _temperatures(part: Part, temperature: Temperature, times: Floats) -> Callable[[slice, slice], Floats]:
    """Return what gives (n_rows, n) temperatures of integration points from the history at a subdomain's nodes."""
    history = build_temperature(temperature, evaluate_at(part.subdomain.mesh.points), float(times[0]))

    def read(rows: slice, members: slice) -> Floats:
        some = part.interpolation[members]
        return np.array([some @ history.at(float(time)) for time in times[rows]])

    return read


def _mechanical(part: Part, initial: Floats, members: slice, temperature: Floats, total: Floats) -> Floats:
    """Return (n_rows, n, 6) total strain without thermal strain, given (n_rows, n) temperatures.

    Parameters
    ----------
    part: the subdomain.
    initial: (n_nodes,) initial temperature.
    members: the points.
    temperature, total: there.
    """
    sites = part.sites(initial)
    some = sites._replace(
        material=sites.material[members],
        offset=sites.offset[members],
        frames=sites.frames[members] if len(sites.frames) else sites.frames,
    )
    return np.array([eps - free_strain(part.tables, some, heat) for eps, heat in zip(total, temperature, strict=True)])


def _online(pieces: Pieces, load: Path | None) -> LifeSource:
    """Open an online result: fields are reconstructed, the strain from the displacement modes."""
    folder = pieces.folder
    history: ReducedHistory = read_head(folder / "result.h5", "result", "history")
    provenance: Provenance = read_head(folder / "result.h5", "result", "provenance")
    loading: Loading = read_head(folder / "result.h5", "result", "loading")
    source = source_model(folder, provenance)
    model = read_model(source, provenance.source_id)
    record = read_training(source, model.model_id)
    if "stress" not in model.duals and "stress" not in record.zero:
        raise CaseError(f'{source}: the model does not reconstruct "stress"; add it to [duals] fields and train again')
    heat = mesh_temperature(loading.temperature, model, record, source, load)
    tables = build_tables(record.materials)

    def open_points(index: int) -> PointFields:
        modes = read_modes(source, model.model_id, index)
        return _reconstructed(modes, history, record.materials, tables, heat)

    lost = "p" not in model.duals and "p" not in record.zero
    told = ('the model does not reconstruct "p": its growth is given as zero',) if lost else ()
    return LifeSource(folder, history.times, loading, pieces.n_subdomains, open_points, (*pieces.warnings, *told))


def _reconstructed(
    modes: ModeShapes, history: ReducedHistory, materials: tuple[Material, ...], tables: LawTables, heat: Temperature
) -> PointFields:
    """Return the points of one subdomain of a reduced model."""
    part = build_part(modes.subdomain, materials, tables)
    local = restrict_temperature(heat, modes.subdomain)
    temperatures = _temperatures(part, local, history.times)
    initial = evaluate_at(modes.subdomain.mesh.points)(local.initial)
    shapes = strain(part.operators, np.concatenate([modes.displacement, modes.lifting]))
    amplitudes = np.hstack([history.coordinates, history.lifting])

    def field(name: str, width: int, rows: slice, members: slice) -> Floats:
        if name not in modes.duals or name not in history.duals:
            return np.zeros((len(history.times[rows]), len(part.material[members]), width))
        return dual(take_entities(modes, name, members), history, name, rows)

    def read(rows: slice, members: slice) -> PointHistory:
        temperature = temperatures(rows, members)
        total = np.tensordot(amplitudes[rows], shapes[:, members], axes=1)
        return PointHistory(
            history.times[rows],
            field("stress", 6, rows, members),
            _mechanical(part, initial, members, temperature, total),
            temperature,
            field("p", 1, rows, members)[:, :, 0],
        )

    return _points(part, read)


def _solution(pieces: Pieces) -> LifeSource:
    """Open a built-in solution: its own stresses and strains."""
    folder = pieces.folder
    loading: Loading = read_head(folder / "solution.h5", "solution", "loading")
    try:
        materials: tuple[Material, ...] = read_head(folder / "solution.h5", "solution", "materials")
    except ModelError as error:
        raise ModelError(f"{folder}: made by an earlier version of romtool; solve it again") from error
    tables = build_tables(materials)

    def open_points(index: int) -> PointFields:
        subdomain, _ = pieces.open(index)
        return _solved(folder, build_part(subdomain, materials, tables), loading, pieces)

    return LifeSource(folder, pieces.times, loading, pieces.n_subdomains, open_points, pieces.warnings)


def _solved(folder: Path, part: Part, loading: Loading, pieces: Pieces) -> PointFields:
    """Return the points of one subdomain of a solution."""
    local = restrict_temperature(loading.temperature, part.subdomain)
    initial = evaluate_at(part.subdomain.mesh.points)(local.initial)

    def read(rows: slice, members: slice) -> PointHistory:
        with h5py.File(folder / part_name(part.subdomain.index), "r") as file:
            values: Mapping[str, Any] = file["fields"]
            heat = np.asarray(values["T"][rows])[:, :, 0] @ part.interpolation[members].T.toarray()
            stress, total = np.asarray(values["stress"][rows, members]), np.asarray(values["strain"][rows, members])
            p = np.asarray(values["p"][rows, members])[:, :, 0] if "p" in values else np.zeros(heat.shape)
        strains = _mechanical(part, initial, members, heat, total)
        return PointHistory(pieces.times[rows], stress, strains, heat, p)

    return _points(part, read)
