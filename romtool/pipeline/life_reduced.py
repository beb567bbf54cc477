"""Lives at the reduced points of a model: exact there, and known without the mesh. Studies take them of every draw."""

from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.fem.sets import element_set
from romtool.io.life import read_life
from romtool.laws import build_sites, free_strain
from romtool.lifetime.cycles import PointHistory
from romtool.lifetime.result import LifeResult
from romtool.loading import Loading
from romtool.pipeline.folders import model_file, read_subdomain
from romtool.pipeline.life import build_models, lives_of
from romtool.pipeline.life_files import LifeSource, PointFields
from romtool.pipeline.study_inputs import n_subdomains
from romtool.reduced.forces import build_schedule
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ReducedModel
from romtool.temperature import evaluate_at
from romtool.types import Bools, Ints

REDUCED = "reduced points"
ENDLESS = 1e30
"""Cycles to failure that stand for a life without end, so that quantiles are numbers."""


def reduced_histories(model: ReducedModel, loading: Loading, history: ReducedHistory) -> PointHistory:
    """Return what happens at the reduced points of a model.

    Parameters
    ----------
    model: the reduced model.
    loading: that was answered, its temperature at the model's thermal nodes.
    history: the answer.
    """
    temperature = build_schedule(model, loading, history.times).temperature
    initial = model.thermal.operator @ evaluate_at(model.thermal.points)(loading.temperature.undeformed)
    sites = build_sites(model.tables, model.material, initial, model.point_ids, model.coordinates, model.frames)
    total = np.tensordot(history.coordinates, model.strain_modes, axes=(1, 2))
    for i, entry in enumerate(model.liftings):
        total += history.lifting[:, i, None, None] * entry.strain
    thermal = np.array([free_strain(model.tables, sites, heat) for heat in temperature])
    p = history.samples["p"][:, :, 0] if "p" in history.samples else np.zeros(temperature.shape)
    return PointHistory(history.times, history.samples["stress"], total - thermal, temperature, p)


class ReducedLives:
    """Evaluates the cycles to failure of the answers of a model at its reduced points.

    Parameters
    ----------
    path: the model folder; its model.h5 alone where all models of damage are for all elements.
    life_path: the life file.

    Raises
    ------
    CaseError, LawError: a wrong life file.
    """

    def __init__(self, path: Path, life_path: Path) -> None:
        self._path, self._file = path, read_life(life_path)
        self._models = build_models(self._file)
        self._members: dict[tuple[str, str], Bools] = {}

    def lives(self, model: ReducedModel, loading: Loading, history: ReducedHistory) -> LifeResult:
        """Return the cycles to failure of the reduced points.

        Parameters
        ----------
        model, loading, history: see `reduced_histories`.

        Raises
        ------
        CaseError: a cycle that is not in the run, or the phases of a run, whose points are not those of one model.
        ModelError: a model of damage for an element set where only the model.h5 is there.
        """
        if history.coordinates.shape[1] != model.n_modes or "stress" not in history.samples:
            raise CaseError(
                "the phases of a run, or a model without stress, give no lives at reduced points; train one"
            )
        whole = reduced_histories(model, loading, history)

        def read(rows: slice, members: slice) -> PointHistory:
            values = (whole.stress, whole.strain, whole.temperature, whole.p)
            return PointHistory(whole.times[rows], *(field[rows, members] for field in values))

        _, owners = np.unique(model.point_ids[:, 0], return_inverse=True)
        points = PointFields(
            None, model.point_ids, model.coordinates, owners, lambda name: self._of_set(model, name), read
        )
        source = LifeSource(self._path, REDUCED, history.times, loading, 1, lambda index: points)
        return lives_of(source, [points], self._file, self._models)

    def _of_set(self, model: ReducedModel, name: str) -> Bools:
        """Return which reduced points are of an element set."""
        if name == "all":
            return np.ones(len(model.point_ids), dtype=np.bool_)
        if (model.model_id, name) not in self._members:
            ids = np.concatenate([self._ids(model, name, index) for index in range(n_subdomains(model))])
            self._members[model.model_id, name] = np.isin(model.point_ids[:, 0], ids)
        return self._members[model.model_id, name]

    def _ids(self, model: ReducedModel, name: str, index: int) -> Ints:
        """Return the element ids of a set in one subdomain."""
        mesh = read_subdomain(model_file(self._path).parent, model.model_id, index).mesh
        return mesh.element_ids[element_set(mesh, name)]
