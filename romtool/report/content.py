"""What a report shows: plain frozen facts; whoever opens the files fills them in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from romtool.report.document import Block, Extra, Picture, note, warning
from romtool.report.indication import CalibrationFacts, DomainFacts, IndicatorFacts
from romtool.report.units import Units
from romtool.types import Floats, Ints


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

    def blocks(self) -> Iterator[Block]:
        """Yield the pictures with their caption, and what is missing."""
        if self.pictures:
            yield note(self.caption)
            yield from self.pictures
        for what, reason in self.missing.items():
            yield warning(f"No picture of {what}: {reason}")


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
class GappyFacts:
    """How well the samples at the reduced points determine a dual field.

    Parameters
    ----------
    field: its name. n_modes, n_rows: of its basis, and of the samples.
    condition: ratio of the extreme singular values of the sampled basis.
    amplification: largest growth of an error of the samples.
    """

    field: str
    n_modes: int
    n_rows: int
    condition: float
    amplification: float


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
    convergence: (n, 2) float, points and relative error of the quadrature on the way; (0, 2) where not recorded.
    gappy: of the dual fields.
    sources: simulation -> the files that it came from.
    tolerance: largest error bound that a step may have.
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
    convergence: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    gappy: tuple[GappyFacts, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.01


@dataclass(frozen=True)
class ModelFacts:
    """A model.

    Parameters
    ----------
    label: unique in the report. model_id: its own; parent: of the model it was enriched from, "".
    mesh: None where only its head file is there.
    laws, loading, training, calibrations, domain: what it is, what acted, how it was trained, what it covers.
    seconds, memory: phase -> seconds, and largest bytes of the process up to its end; empty where not recorded.
    points: pictures of the reduced points.
    """

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
    memory: Mapping[str, float] = field(default_factory=dict)
    points: PictureSet = field(default_factory=PictureSet)


@dataclass(frozen=True)
class DictionaryFacts:
    """Local models and how the training was divided.

    Parameters
    ----------
    label: of the dictionary. members: labels of its models in this report.
    items: names of what was clustered: computations, or increments.
    labels: (n_items,) cluster of each. medoids: (n_clusters,) items.
    positions: (n_items, 2) in a plane, distances like the dissimilarities.
    by: what is clustered, "simulation" or "time".
    accuracy: part of the training that the selector puts right.
    """

    label: str
    members: tuple[str, ...]
    items: tuple[str, ...]
    labels: Ints
    medoids: Ints
    positions: Floats
    by: str
    accuracy: float


@dataclass(frozen=True)
class Quantity:
    """The largest value of a field over the mesh, over time.

    Parameters
    ----------
    name: in words. symbol: for axes. unit: label.
    location: "node", "element" or "point" of the field.
    times, values: (n_times,) float; NaN where nothing was written.
    time, place: of the largest of all, in words.
    point: element id and local point of it, None where it is not at an integration point.
    """

    name: str
    symbol: str
    unit: str
    location: str
    times: Floats
    values: Floats
    time: float
    place: str
    point: tuple[int, int] | None = None

    @property
    def largest(self) -> float:
        """Return the value of largest magnitude of all times."""
        return float(max((value for value in self.values if value == value), key=abs))


@dataclass(frozen=True)
class Loop:
    """Stress over strain at one integration point.

    Parameters
    ----------
    place: in words. component: of both, "xx" ….
    strain, stress: (n_times,) float.
    """

    place: str
    component: str
    strain: Floats
    stress: Floats


@dataclass(frozen=True)
class ErrorFacts:
    """Errors against a reference.

    Parameters
    ----------
    times: (n_times,) the common times [time].
    rows: (field, relative_l2, relative_max, absolute_l2), the relative ones None where the reference is zero.
    per_time: field -> (n_times,) relative to the largest norm of the reference.
    causal: dual field of an online result -> (n_times,) relative to the largest norm so far (theory, eq. (7.2)).
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
    memory: phase -> largest bytes of the process up to its end.
    loops: stress over strain at chosen points.
    stopped: why it ended before its last time, "" where it did not.
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
    memory: Mapping[str, float] = field(default_factory=dict)
    loops: tuple[Loop, ...] = ()
    stopped: str = ""

    @property
    def solver(self) -> str:
        """Return who computed it, in words."""
        return "the built-in solver" if self.kind == "built-in solution" else "the solver"


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
    extras: sections that folders of other stages bring, studies first of all.
    dictionaries: of local models.
    differences: field -> relative difference, of two online results on one mesh.
    """

    title: str
    units: Units
    models: tuple[ModelFacts, ...]
    histories: tuple[HistoryFacts, ...]
    provenance: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    warnings: tuple[tuple[str, str], ...]
    created: str
    version: str
    extras: tuple[Extra, ...] = ()
    dictionaries: tuple[DictionaryFacts, ...] = ()
    differences: ErrorFacts | None = None

    def history(self, label: str) -> HistoryFacts | None:
        """Return the history of a label, or None."""
        return next((entry for entry in self.histories if entry.label == label), None)
