"""Lives of many answers of one model, from Python: what does not depend on the load is read and built once."""

from functools import cached_property
from pathlib import Path

from romtool.io.life import read_life
from romtool.laws import build_tables
from romtool.lifetime.result import LifeResult
from romtool.loading import Loading
from romtool.pipeline.folders import model_file, read_modes, read_training
from romtool.pipeline.life import build_models, lives_of
from romtool.pipeline.life_files import LifeSource
from romtool.pipeline.life_points import MESH_POINTS, ReducedBody, build_body, check_fields
from romtool.pipeline.life_temperature import MeshTemperature
from romtool.pipeline.study_inputs import n_subdomains
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ReducedModel


class LifeEvaluator:
    """Evaluates the cycles to failure of the answers of one model.

    Parameters
    ----------
    model: the reduced model.
    path: its folder.
    life_path: the life file.

    Raises
    ------
    CaseError, LawError, ModelError: wrong input, or a model that does not give what lives are evaluated from.
    """

    def __init__(self, model: ReducedModel, path: Path, life_path: Path) -> None:
        self._model, self._folder = model, model_file(path).parent
        self._file = read_life(life_path)
        self._models = build_models(self._file)
        self._record = read_training(self._folder, model.model_id)
        self._told = check_fields(model, self._record, path)
        self._heat = MeshTemperature(model, self._record, self._folder)

    @cached_property
    def _bodies(self) -> list[ReducedBody]:
        """Return all subdomains."""
        tables, materials = build_tables(self._record.materials), self._record.materials
        indices = range(n_subdomains(self._model))
        return [build_body(read_modes(self._folder, self._model.model_id, i), materials, tables) for i in indices]

    def lives(self, loading: Loading, history: ReducedHistory) -> LifeResult:
        """Return the cycles to failure of all integration points of the mesh.

        Parameters
        ----------
        loading: that was answered, its temperature at the model's thermal nodes.
        history: the answer.

        Raises
        ------
        CaseError: a temperature that is no combination of those of the training, a cycle that is not in the run.
        """
        temperature = self._heat.extend(loading.temperature)
        fields = [body.points(history, temperature) for body in self._bodies]
        source = LifeSource(
            self._folder, MESH_POINTS, history.times, loading, len(fields), lambda index: fields[index], self._told
        )
        return lives_of(source, fields, self._file, self._models)
