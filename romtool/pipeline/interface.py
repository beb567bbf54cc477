"""romtool from Python: a model in memory that answers load cases; the command line uses exactly this."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from romtool.errors import ModelError
from romtool.fem.partition import merge
from romtool.io.built_load import Load
from romtool.laws import held_by, open_plugins
from romtool.lifetime.result import LifeResult
from romtool.loading import Before, Loading
from romtool.pipeline.fields import at_places, choose_fields
from romtool.pipeline.folders import model_file, read_dictionary, read_subdomain
from romtool.pipeline.initial import read_initial
from romtool.pipeline.labelled import labelled
from romtool.pipeline.life_evaluator import LifeEvaluator
from romtool.pipeline.missions import Start, inherit, read_start, start_of
from romtool.pipeline.model_fields import ModelFields, loading_for
from romtool.pipeline.quantities import all_quantities, pieces_of_model
from romtool.pipeline.results import online_pieces, whole
from romtool.reduced.dictionary import Choice, Dictionary, Prepared, Run, prepare, run_prepared
from romtool.reduced.indicator import Indication
from romtool.reduced.march import ReducedHistory, load_kernels
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import QuantityHistory
from romtool.reduced.validity import outside_validity
from romtool.settings import NewtonSettings
from romtool.types import Floats, Ints, Mesh, SolverResults

if TYPE_CHECKING:
    import xarray

__all__ = ["Load", "Model", "Result", "load"]

KEPT_LOADS = 16
"""How many loads a model remembers, made ready to be marched through."""


def load(path: str | Path, *, allow_plugin: bool = False, say: Callable[[str], None] | None = None) -> "Model":
    """Read a model, ready to answer load cases.

    Parameters
    ----------
    path: model folder, or its model.h5 alone.
    allow_plugin: load the library of a law that the model names: it runs code of its own.
    say: takes warnings; they are dropped where None.

    Raises
    ------
    ModelError: no model, or a damaged one.
    LawError: a library that is not allowed, or cannot be loaded.
    MissingPartError: a package that a law of the model needs.
    """
    dictionary, path = read_dictionary(Path(path)), Path(path)
    if allow_plugin:
        load_plugins(dictionary.models[0], path, say or (lambda text: None))
    load_kernels(dictionary.models[0])
    return Model(dictionary, path)


def load_plugins(model: ReducedModel, model_path: Path, say: Callable[[str], None]) -> None:
    """Load the libraries of the laws that a model names. Raises LawError, MissingPartError."""
    for text in open_plugins(held_by(model.tables), model_file(model_path).parent):
        say(f"warning: {text}")


class Model:
    """A trained model in memory.

    Any number of threads may march at a time, and so may processes forked from this one: a march changes nothing but
    its own arrays. The compiled loop holds Python's lock, so that threads take turns.

    Parameters
    ----------
    dictionary: the local models, or the single one.
    path: where they were read from; fields of the whole mesh are reconstructed from there.
    """

    def __init__(self, dictionary: Dictionary, path: Path) -> None:
        self.dictionary, self.path = dictionary, path
        self._criteria = NewtonSettings(**dictionary.face.statistics["newton"])  # type: ignore[arg-type]
        self._ready: OrderedDict[tuple[object, ...], tuple[Prepared, Load, object]] = OrderedDict()
        self._lives: dict[tuple[str, Path], LifeEvaluator] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Model({str(self.path)!r}: {self.n_modes} modes, {len(self.point_ids)} points)"

    @property
    def n_modes(self) -> int:
        """Return the number of displacement modes; of the first of several local models."""
        return self.dictionary.models[0].n_modes

    @property
    def point_ids(self) -> Ints:
        """Return the (n_points, 2) element id and local point of the reduced points of the first local model."""
        return self.dictionary.models[0].point_ids

    @property
    def loads(self) -> tuple[str, ...]:
        """Return the names of the loads of the case."""
        return tuple(entry.name for entry in self.dictionary.face.loading.loads)

    def march(self, load: "Load | str | Path", *, start: "Result | str | Path | None" = None) -> "Result":
        """Answer a load case.

        Parameters
        ----------
        load: the load case, or the path of its file. A `Load` that is given again is not read and laid out again.
        start: result, or folder of one, whose end is the beginning; the undeformed body where None. The times of the
            load count from there, and its temperature should begin where that of the earlier one ended.

        Returns
        -------
        The answer; where the march stopped on the way, up to there (`Result.stopped`).

        Raises
        ------
        CaseError, ReaderError: a load that does not fit the model.
        ModelError: a start of another model.
        """
        begun = start.end if isinstance(start, Result) else None if start is None else read_start(Path(start))
        clock = time.perf_counter()
        prepared = self.prepare(load if isinstance(load, Load) else Load.read(load), begun)
        return self.answer(prepared, begun, time.perf_counter() - clock)

    def answer(self, prepared: Prepared, start: Start | None, seconds: float) -> "Result":
        """Answer a load that was made ready; `seconds` is what that took. Otherwise as `march`."""
        clock = time.perf_counter()
        state = None if start is None else start.state_at(prepared.loading)
        run = run_prepared(self.dictionary, prepared, self._criteria, state)
        return Result(self, prepared.loading, run, start, {"load": seconds, "march": time.perf_counter() - clock})

    def loading_of(self, load: Load) -> Loading:
        """Return the loading of a load on this model; one with a name alone is the first simulation's.

        Raises
        ------
        CaseError, ReaderError: the load does not fit the model.
        """
        first = self.dictionary.models[0]  # the others read the same temperatures and know the same sets
        ids = np.unique(np.concatenate([model.point_ids for model in self.dictionary.members]), axis=0)
        initial = read_initial(load.file, self._mesh, ids)
        return loading_for(first, load.file, ModelFields(first, load.fields), initial)

    def _mesh(self) -> Mesh:
        """Return the mesh of the model's folder. Raises ModelError."""
        first = self.dictionary.models[0]
        count = int(first.statistics["n_subdomains"])  # type: ignore[call-overload]
        return merge([read_subdomain(self.path, first.model_id, index) for index in range(count)]).mesh

    def prepare(self, load: Load, start: Start | None = None) -> Prepared:
        """Return a load made ready to be marched through, from a start or the undeformed body; remember it.

        Raises
        ------
        CaseError, ReaderError: a load that does not fit the model.
        ModelError: a start of another model.
        """
        member = None if start is None else self._member(start)
        reference = None if start is None else start.loading.temperature.undeformed
        initial = () if start is None else start.loading.initial
        key = (id(load), id(reference) if isinstance(reference, np.ndarray) else reference, id(initial), member)
        with self._lock:
            if key in self._ready:
                self._ready.move_to_end(key)
                return self._ready[key][0]
        loading = self.loading_of(load)
        if start is not None:
            loading = inherit(loading, start.loading)
        found = prepare(self.dictionary, loading, None if member is None else self._certain(member))
        with self._lock:
            self._ready[key] = (found, load, (reference, initial))
            while len(self._ready) > KEPT_LOADS:
                self._ready.popitem(last=False)
        return found

    def evaluator(self, member: ReducedModel, path: Path) -> LifeEvaluator:
        """Return what evaluates the lives of a local model's answers by a life file; it is read once."""
        with self._lock:
            if (member.model_id, path) not in self._lives:
                self._lives[member.model_id, path] = LifeEvaluator(member, self.path, path)
            return self._lives[member.model_id, path]

    def _member(self, start: Start) -> int | None:
        """Return the number of the local model that a start is in terms of, None for the phases of a run.

        Raises
        ------
        ModelError: it is in terms of another model.
        """
        members = [model.model_id for model in self.dictionary.members]
        if start.model_id in members:
            return None if self.dictionary.has_phases else members.index(start.model_id)
        enriched = Path(start.source) / "model"
        hint = str(enriched) if enriched.is_dir() else "the model that it was made with"
        raise ModelError(
            f"{start.source}: is in terms of the model {start.model_id}, and {self.path} is {' and '.join(members)}; "
            f"go on with {hint}"
        )

    def _certain(self, member: int) -> Choice:
        """Return the choice of one local model."""
        count = len(self.dictionary.models)
        return Choice(member, (member,), np.eye(count)[member])


class Result:
    """The answer of a model to a load case; arrays are those of the march, to be read and not written.

    Parameters
    ----------
    model: that answered.
    loading: on the model's thermal nodes.
    run: what was computed.
    start: where it went on from, None from the undeformed body.
    seconds: of loading the load, and of the march.
    """

    def __init__(
        self, model: Model, loading: Loading, run: Run, start: Start | None, seconds: Mapping[str, float]
    ) -> None:
        self.model, self.loading, self.run, self.seconds = model, loading, run, seconds
        self.before = Before() if start is None else start.before

    def __repr__(self) -> str:
        return f"Result({self.name!r}: {len(self.times) - 1} steps)"

    @property
    def name(self) -> str:
        """Return the name of the load."""
        return self.loading.name

    @property
    def history(self) -> ReducedHistory:
        """Return all that was computed."""
        return self.run.history

    @property
    def times(self) -> Floats:
        """Return the (n_times,) times, of the load."""
        return self.history.times

    @property
    def coordinates(self) -> Floats:
        """Return the (n_times, n_modes) coordinates of the displacement modes."""
        return self.history.coordinates

    @property
    def samples(self) -> Mapping[str, Floats]:
        """Return field -> (n_times, n_points, n_components) at the reduced points."""
        return self.history.samples

    @property
    def point_ids(self) -> Ints:
        """Return the (n_points, 2) element id and local point of the reduced points."""
        return self.run.model.point_ids

    @property
    def stopped(self) -> str:
        """Return why the march ended before its last time; "" where it did not."""
        return self.run.stopped

    @property
    def indications(self) -> Mapping[str, Indication]:
        """Return field -> indicator, expected error, error bound and status, (n_times,) each."""
        return self.run.indications

    @property
    def tolerance(self) -> float:
        """Return the largest error bound that a step may have."""
        return float(self.run.model.statistics["settings"]["indicator"]["tolerance"])  # type: ignore[index]

    @cached_property
    def outside(self) -> tuple[str, ...]:
        """Return sentences on what the training does not cover."""
        return tuple(outside_validity(self.run.model, self.loading))

    @cached_property
    def quantities(self) -> Mapping[str, QuantityHistory]:
        """Return the quantities of the case by name; those that need full fields only from a whole model folder."""
        pieces = pieces_of_model(self.model.path, self.run.model)
        return all_quantities(self.run.model, self.loading, self.history, pieces)

    @property
    def end(self) -> Start:
        """Return the end, to go on from. Raises ModelError where the march stopped before."""
        if self.stopped:
            raise ModelError(f"{self.name}: ended before its last time ({self.stopped}); go on from a complete one")
        loading = replace(self.loading, times=self.times)
        return start_of(self.name, self.history, self.run.model.model_id, loading, self.before)

    @cached_property
    def fields(self) -> SolverResults:
        """Return mesh and full fields, reconstructed when they are read. Raises ModelError without the model folder."""
        behind = (self.model.path, self.run.model)
        return whole(online_pieces(self.model.path, self.history, behind, self.stopped))

    def field(self, name: str, at: Sequence[float] | Floats = ()) -> Floats:
        """Return a full field.

        Parameters
        ----------
        name: "u" or a dual field.
        at: times, linear between stored ones; all stored times where empty.

        Returns
        -------
        (n_times, n_nodes, 3), or (n_times, n_points, n_components) at the integration points.

        Raises
        ------
        CaseError: an unknown field, a time outside the run. ModelError: only the model.h5 is there.
        """
        _, places = choose_fields(Path(self.name), self.fields, list(at), (name,))
        read = at_places(self.fields.read, places)
        return np.array([read(name, i) for i in range(len(places.times))])

    def life(self, path: str | Path) -> LifeResult:
        """Return the cycles to failure of all integration points, as `romtool life` does.

        Parameters
        ----------
        path: the life file.

        Raises
        ------
        CaseError, LawError: a wrong life file, a temperature that is no combination of those of the training.
        ModelError: only the model.h5 is there.
        """
        return self.model.evaluator(self.run.model, Path(path)).lives(self.loading, self.history)

    def to_xarray(self) -> "xarray.Dataset":
        """Return coordinates, samples, indicators, bounds and quantities as a dataset.

        Raises
        ------
        MissingPartError: xarray is not installed.
        """
        return labelled(self.run, self.quantities, self.outside)
