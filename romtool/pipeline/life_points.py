"""The points of online results and built-in solutions, whose life is evaluated.

The mechanical strain is the total strain without the thermal strain of the material's law.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
from romtool.offline.training import TrainingRecord
from romtool.pipeline.folders import Provenance, read_head, read_model, read_modes, read_training
from romtool.pipeline.life_files import LifeSource, PointFields, integration_points, solver_files
from romtool.pipeline.life_temperature import MeshTemperature
from romtool.pipeline.results import Pieces, ReadField, open_pieces, source_model
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ModeShapes, ReducedModel
from romtool.reduced.reconstruct import dual, take_entities
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Floats

MESH_POINTS = "integration points"


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


@dataclass(frozen=True)
class ReducedBody:
    """One subdomain of a reduced model, ready to be asked for the points of any answer.

    Parameters
    ----------
    part: the subdomain with its laws.
    modes: of the subdomain.
    shapes: (n_modes + n_liftings, n_points, 6) strain of the displacement modes and of the prescribed displacements.
    """

    part: Part
    modes: ModeShapes
    shapes: Floats

    def points(self, history: ReducedHistory, heat: Temperature) -> PointFields:
        """Return the points of an answer, given its temperature on the whole mesh."""
        local = restrict_temperature(heat, self.part.subdomain)
        temperatures = _temperatures(self.part, local, history.times)
        initial = evaluate_at(self.part.subdomain.mesh.points)(local.undeformed)
        amplitudes = np.hstack([history.coordinates, history.lifting])

        def read(rows: slice, members: slice) -> PointHistory:
            temperature = temperatures(rows, members)
            total = np.tensordot(amplitudes[rows], self.shapes[:, members], axes=1)
            return PointHistory(
                history.times[rows],
                self._dual(history, "stress", 6, (rows, members)),
                _mechanical(self.part, initial, members, temperature, total),
                temperature,
                self._dual(history, "p", 1, (rows, members))[:, :, 0],
            )

        return integration_points(self.part.subdomain, self.part.operators, read)

    def _dual(self, history: ReducedHistory, name: str, width: int, where: tuple[slice, slice]) -> Floats:
        """Return (n_rows, n, width) of a dual field; zero where it was zero in the training."""
        rows, members = where
        if name not in self.modes.duals or name not in history.duals:
            return np.zeros((len(history.times[rows]), len(self.part.material[members]), width))
        return dual(take_entities(self.modes, name, members), history, name, rows)


def build_body(modes: ModeShapes, materials: tuple[Material, ...], tables: LawTables) -> ReducedBody:
    """Make a subdomain of a reduced model ready; `tables` are those of the materials."""
    part = build_part(modes.subdomain, materials, tables)
    return ReducedBody(part, modes, strain(part.operators, np.concatenate([modes.displacement, modes.lifting])))


def check_fields(model: ReducedModel, record: TrainingRecord, source: Path) -> tuple[str, ...]:
    """Check that a model reconstructs what lives are evaluated from; return what a user should know.

    Raises
    ------
    CaseError: it has no stress.
    """
    if "stress" not in model.duals and "stress" not in record.zero:
        raise CaseError(f'{source}: the model does not reconstruct "stress"; add it to [duals] fields and train again')
    lost = "p" not in model.duals and "p" not in record.zero
    return ('the model does not reconstruct "p": its growth is given as zero',) if lost else ()


def _online(pieces: Pieces, load: Path | None) -> LifeSource:
    """Open an online result: fields are reconstructed, the strain from the displacement modes."""
    folder = pieces.folder
    history: ReducedHistory = read_head(folder / "result.h5", "result", "history")
    provenance: Provenance = read_head(folder / "result.h5", "result", "provenance")
    loading: Loading = read_head(folder / "result.h5", "result", "loading")
    source = source_model(folder, provenance)
    model = read_model(source, provenance.source_id)
    record = read_training(source, model.model_id)
    told = check_fields(model, record, source)
    heat = MeshTemperature(model, record, source)
    temperature = heat.extend(loading.temperature) if load is None else heat.of_load(loading.temperature, load)
    tables = build_tables(record.materials)

    def open_points(index: int) -> PointFields:
        body = build_body(read_modes(source, model.model_id, index), record.materials, tables)
        return body.points(history, temperature)

    return LifeSource(
        folder, MESH_POINTS, history.times, loading, pieces.n_subdomains, open_points, (*pieces.warnings, *told)
    )


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
        subdomain, read = pieces.open(index)
        return _solved(build_part(subdomain, materials, tables), loading, pieces, read)

    return LifeSource(folder, MESH_POINTS, pieces.times, loading, pieces.n_subdomains, open_points, pieces.warnings)


def _solved(part: Part, loading: Loading, pieces: Pieces, read_field: ReadField) -> PointFields:
    """Return the points of one subdomain of a solution, given how a field is read at one time."""
    local = restrict_temperature(loading.temperature, part.subdomain)
    initial = evaluate_at(part.subdomain.mesh.points)(local.undeformed)

    def values(name: str, rows: slice, members: slice) -> Floats:
        return np.array([read_field(name, int(i))[members] for i in np.arange(len(pieces.times))[rows]])

    def read(rows: slice, members: slice) -> PointHistory:
        nodal, some = values("T", rows, slice(None))[:, :, 0], part.interpolation[members]
        heat = (some @ nodal.T).T
        strains = _mechanical(part, initial, members, heat, values("strain", rows, members))
        p = values("p", rows, members)[:, :, 0] if "p" in pieces.fields else np.zeros(heat.shape)
        return PointHistory(pieces.times[rows], values("stress", rows, members), strains, heat, p)

    return integration_points(part.subdomain, part.operators, read)
