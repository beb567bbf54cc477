"""What a report shows: plain frozen facts, with units as labels; whoever opens the files fills them in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from romtool.report.indication import CalibrationFacts, DomainFacts, IndicatorFacts
from romtool.report.study import StudyFacts
from romtool.types import Floats, Ints

_STRESS = {("N", "mm"): "MPa", ("N", "m"): "Pa", ("kN", "mm"): "GPa", ("kN", "m"): "kPa"}
_SIGNS = {"degC": "°C", "degF": "°F"}


@dataclass(frozen=True)
class Units:
    """Labels of the units of a case; "" where it has none.

    Parameters
    ----------
    length, force, time, temperature: labels.
    """

    length: str = ""
    force: str = ""
    time: str = ""
    temperature: str = ""

    @property
    def known(self) -> bool:
        """Tell whether there is any label."""
        return bool(self.length or self.force or self.time or self.temperature)

    @property
    def stress(self) -> str:
        """Return the label of force per area.

        >>> Units(length="mm", force="N").stress
        'MPa'
        """
        if not (self.force and self.length):
            return ""
        return _STRESS.get((self.force, self.length), f"{self.force}/{self.length}²")

    @property
    def degrees(self) -> str:
        """Return the label of the temperature as it is written."""
        return _SIGNS.get(self.temperature, self.temperature)

    def label(self, words: str) -> str:
        """Return a unit given in words of stress, length, force, time and temperature as labels.

        >>> Units(length="mm", force="N", time="s").label("stress time^(1/n)")
        'MPa s^(1/n)'
        """
        labels = {
            "stress": self.stress,
            "length": self.length,
            "force": self.force,
            "time": self.time,
            "temperature": self.degrees,
        }
        used = [word for word in labels if word in words]
        if not all(labels[word] for word in used):
            return ""
        for word in used:
            words = words.replace(word, labels[word])
        return words


@dataclass(frozen=True)
class LoadFacts:
    """One load at the increments.

    Parameters
    ----------
    name, kind, region, table: as in the case; table "" where it is constant.
    quantity: what is plotted, "pressure" or "angular velocity" …
    unit: its label.
    low, high: (n_times,) smallest and largest value over the region (equal where it is uniform).
    """

    name: str
    kind: str
    region: str
    table: str
    quantity: str
    unit: str
    low: Floats
    high: Floats


@dataclass(frozen=True)
class LoadingFacts:
    """What acts on the structure, at the increments.

    Parameters
    ----------
    name: of the loading.
    times: (n_times,) float [time].
    loads: loads and prescribed displacements that are not zero.
    supports: sentences on the others.
    temperature: (2, n_times) smallest and largest temperature.
    temperature_where: the nodes that it is taken over, in words.
    """

    name: str
    times: Floats
    loads: tuple[LoadFacts, ...]
    supports: tuple[str, ...]
    temperature: Floats
    temperature_where: str


@dataclass(frozen=True)
class MeshFacts:
    """Counts of a mesh; `n_points` integration points of the elements that romtool computes with."""

    n_nodes: int
    n_elements: int
    n_points: int
    cells: Mapping[str, int]
    formulations: tuple[str, ...]
    node_sets: Mapping[str, int]
    element_sets: Mapping[str, int]
    side_sets: Mapping[str, int]
    size: tuple[float, float, float]


@dataclass(frozen=True)
class LawFacts:
    """A material law as the model has it.

    Parameters
    ----------
    name: of the law. description: its equation.
    parameters: (name, value, unit) rows.
    n_sampled: number of reduced points with this law.
    """

    name: str
    description: str
    parameters: tuple[tuple[str, str, str], ...]
    n_sampled: int


@dataclass(frozen=True)
class Spectrum:
    """Singular values of the snapshots of a field, descending; the first `kept` have modes."""

    field: str
    values: Floats
    kept: int


@dataclass(frozen=True)
class TrainingFacts:
    """How a model was trained and what it lost on its own training.

    Parameters
    ----------
    n_modes, n_points, n_sampled, n_points_full, n_nodes: counts; `n_points` carry quadrature weight, `n_sampled`
        include the points that only the dual fields need.
    pod_error, quadrature_error, volume_error: relative.
    spectra: by field.
    zero_fields: fields that are zero throughout the training.
    unbalance: simulation -> (n_increments,) relative residual of the imported displacements.
    errors: simulation -> field -> relative error of the model on it.
    settings: table of the case file -> its settings.
    coordinate_unit: of the reduced coordinates.
    """

    n_modes: int
    n_points: int
    n_sampled: int
    n_points_full: int
    n_nodes: int
    pod_error: float
    quadrature_error: float
    volume_error: float
    spectra: tuple[Spectrum, ...]
    zero_fields: tuple[str, ...]
    unbalance: Mapping[str, Floats]
    errors: Mapping[str, Mapping[str, float]]
    settings: Mapping[str, str]
    coordinate_unit: str


@dataclass(frozen=True)
class ModelFacts:
    """A model; `mesh` is None where only its head file is there, `parent` the id of the model it was enriched from."""

    label: str
    model_id: str
    parent: str
    mesh: MeshFacts | None
    laws: tuple[LawFacts, ...]
    loading: LoadingFacts
    training: TrainingFacts
    calibrations: tuple[CalibrationFacts, ...]
    domain: DomainFacts
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Quantity:
    """The largest value of a field over the mesh, over time.

    Parameters
    ----------
    name: in words. symbol: for axes. unit: label.
    location: "node", "element" or "point" of the field.
    times, values: (n_times,) float; NaN where nothing was written.
    time, place: of the largest of all, in words.
    """

    name: str
    symbol: str
    unit: str
    location: str
    times: Floats
    values: Floats
    time: float
    place: str

    @property
    def largest(self) -> float:
        """Return the value of largest magnitude of all times."""
        return float(max((value for value in self.values if value == value), key=abs))


@dataclass(frozen=True)
class ErrorFacts:
    """Errors against a reference.

    Parameters
    ----------
    times: (n_times,) the common times [time].
    rows: (field, relative_l2, relative_max, absolute_l2), the relative ones None where the reference is zero.
    per_time: field -> (n_times,) relative to the largest norm of the reference.
    causal: dual field of an online result -> (n_times,) relative to the largest norm so far (METHODS 6).
    skipped: field -> why it was not compared.
    """

    times: Floats
    rows: tuple[tuple[str, float | None, float | None, float], ...]
    per_time: Mapping[str, Floats]
    causal: Mapping[str, Floats]
    skipped: Mapping[str, str]


@dataclass(frozen=True)
class ReducedFacts:
    """What only an online result has.

    Parameters
    ----------
    model_id: of the model that answered.
    coordinates: (n_times, n_modes).
    coordinate_unit: label.
    indicator: what is known of its error.
    iterations, cuts: (n_times,) Newton iterations and halvings.
    evaluations: calls of the law on the active points.
    choice: which local models answered, "" where there is one.
    """

    model_id: str
    coordinates: Floats
    coordinate_unit: str
    indicator: IndicatorFacts
    iterations: Ints
    cuts: Ints
    evaluations: int
    choice: str = ""


@dataclass(frozen=True)
class Picture:
    """A field on the mesh: PNG bytes, what it shows (for those who can not see it), and what to know."""

    png: bytes
    alternative: str


@dataclass(frozen=True)
class PictureSet:
    """Pictures of one time, and why some are missing.

    Parameters
    ----------
    caption: what they have in common.
    pictures: in order.
    missing: what there should be -> why it is not there.
    """

    caption: str = ""
    pictures: tuple[Picture, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HistoryFacts:
    """An online result, a built-in solution, or what a solver wrote.

    Parameters
    ----------
    label: unique in the report. kind: "online result", "built-in solution" or "solver files".
    mesh: of the fields, None where they can not be reconstructed.
    times: (n_times,) float [time].
    quantities: largest values over time.
    loading: None where it is not known. same_loading: it is the model's first training loading, unchanged.
    reduced: of an online result.
    seconds: phase -> seconds, empty where not recorded.
    reference: label of the history that the errors refer to, "" for none.
    errors: against it.
    pictures: of the last time.
    """

    label: str
    kind: str
    mesh: MeshFacts | None
    times: Floats
    quantities: tuple[Quantity, ...]
    loading: LoadingFacts | None
    same_loading: bool
    reduced: ReducedFacts | None
    seconds: Mapping[str, float]
    reference: str = ""
    errors: ErrorFacts | None = None
    pictures: PictureSet = field(default_factory=PictureSet)


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Parameters
    ----------
    title: of the page.
    units: labels of all numbers.
    models, histories: what was given.
    provenance: (label, rows of (what, text)).
    warnings: (source, sentence) pairs.
    created: when, in words. version: of romtool.
    studies: many draws of loads.
    """

    title: str
    units: Units
    models: tuple[ModelFacts, ...]
    histories: tuple[HistoryFacts, ...]
    provenance: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    warnings: tuple[tuple[str, str], ...]
    created: str
    version: str
    studies: tuple[StudyFacts, ...] = ()

    def history(self, label: str) -> HistoryFacts | None:
        """Return the history of a label, or None."""
        return next((entry for entry in self.histories if entry.label == label), None)
