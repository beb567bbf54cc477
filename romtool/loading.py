"""What acts on a structure: tables in time, materials, supports, loads, temperature. All are frozen.

A `Loading` is complete and resolved: names refer to sets of the mesh, fields are arrays in the solver's
node or face order. Case files, decks and load files are all turned into it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from romtool.constraints import Constraint
from romtool.errors import ReaderError
from romtool.types import Floats, Ints, Mesh


@dataclass(frozen=True)
class Table:
    """A piecewise linear amplitude in time, constant outside, that may repeat in cycles.

    At a jump (a time given twice) and at the end of a cycle the value is the one before.

    Parameters
    ----------
    name: the table's name.
    points: (n, 2) float, times [time] not decreasing, and values.
    cycles: how often the table is run through; the first point's value starts each cycle.
    """

    name: str
    points: Floats
    cycles: int = 1

    def at(self, time: float) -> float:
        """Return the amplitude at `time` [time].

        >>> Table("t", np.array([[0.0, 0.0], [1.0, 2.0]]), cycles=2).at(1.5)
        1.0
        """
        return float(self.over(np.array([time]))[0])

    def over(self, times: Floats) -> Floats:
        """Return the (n_times,) amplitudes at `times` [time]."""
        places, values = self.points[:, 0], self.points[:, 1]
        low, high, part = intervals(places, cycle_times(times, float(places[0]), float(places[-1]), self.cycles))
        return values[low] + part * (values[high] - values[low])


def intervals(places: Floats, times: Floats) -> tuple[Ints, Ints, Floats]:
    """Return where times lie among places: between which two, and which part of the way; at an end outside.

    Parameters
    ----------
    places: (n,) not decreasing, one or more; of equal ones the first counts.
    times: (n_times,).

    Returns
    -------
    (n_times,) rows before and after, the same two beyond the ends, and (n_times,) part between them, 0 or 1 there.
    """
    after = np.searchsorted(places, times, side="left")
    high = np.minimum(after, len(places) - 1)
    low = np.where(after == high, np.maximum(after - 1, 0), high)
    span = places[high] - places[low]
    part = np.divide(times - places[low], span, out=np.zeros(len(times)), where=span > 0.0)
    return low, high, part


def cycle_times(times: Floats, start: float, end: float, cycles: int) -> Floats:
    """Map times into the cycle [start, end]; an exact end belongs to its own cycle."""
    period = end - start
    if cycles <= 1 or period <= 0.0:
        return times
    whole = np.minimum(np.ceil((times - start) / period - 1e-9) - 1.0, cycles - 1.0)
    return np.where(times <= end, times, np.minimum(times - whole * period, end))


@dataclass(frozen=True)
class Plugin:
    """A law compiled outside romtool, in a shared library; nothing is loaded from it unless somebody asks for it.

    Parameters
    ----------
    library: path of the shared library, or name of one.
    function: its function (UMAT) or behaviour (MGIS).
    name: of the material, as it is told to the function.
    n_state: number of its state variables.
    states: name -> first and last of its state variables with that name, counted from one; the others have none.
    properties: name -> number; a UMAT takes them in their order as PROPS, MGIS by their names.
    renamed: name -> the behaviour's own name of an internal variable (MGIS, which knows their sizes).
    digest: of the library's bytes when the case was read; "" where that is not known.
    """

    library: str
    function: str
    name: str = ""
    n_state: int = 0
    states: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    properties: Mapping[str, float] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class Orientation:
    """Local axes of the elements of a material.

    Parameters
    ----------
    kind: what `values` are.
    values: float, of
        "axes": (2, 3), the local x and a vector in the local xy plane;
        "euler": (3,) Bunge's angles [degree];
        "cylindrical": (2, 3), a point of the axis and its direction; local axes radial, circumferential, axial;
        "elements": (n, 4), element id and Bunge's angles [degree] of each element.
    """

    kind: Literal["axes", "euler", "cylindrical", "elements"]
    values: Floats


@dataclass(frozen=True)
class Material:
    """A law and its parameters on an element set.

    Parameters
    ----------
    elements: element set, or "all".
    law: key of `romtool.laws.LAWS`.
    parameters: name -> value as in a case file: a number, a table [[T, value], …], a list of these (one
        per hardening term), or for `hardening` [[p, stress], …] or [[T, [[p, stress], …]], …].
    density: float [mass/length³], or None where nothing needs it.
    reference_temperature: float [temperature], of the secant expansion.
    from_initial: eps_th counts from the initial temperature: eps_th(T_0) is subtracted.
    convention: what the expansion is. "secant": eps_th = alpha(T) (T - T_ref). "mean": alpha counts from
        `definition_temperature`, and eps_th is zero at T_ref. "instantaneous": eps_th = ∫ alpha dT from T_ref.
    definition_temperature: float [temperature], of "mean".
    orientation: local axes; None for the global ones.
    plugin: of the laws "umat" and "mgis".
    """

    elements: str
    law: str
    parameters: Mapping[str, object]
    density: float | None = None
    reference_temperature: float = 0.0
    from_initial: bool = False
    convention: Literal["secant", "mean", "instantaneous"] = "secant"
    definition_temperature: float = 0.0
    orientation: Orientation | None = None
    plugin: Plugin | None = None


@dataclass(frozen=True)
class Dirichlet:
    """Prescribed displacement components of a node set: `value * table(t)`.

    Parameters
    ----------
    name: its name.
    nodes: node set.
    components: some of 0, 1, 2.
    value: float [length], or (n_set_nodes,) array in the set's order.
    table: name of a table, or None for a constant.
    """

    name: str
    nodes: str
    components: tuple[int, ...]
    value: float | Floats = 0.0
    table: str | None = None


LoadKind = Literal["pressure", "centrifugal", "body", "traction"]


@dataclass(frozen=True)
class Load:
    """One load shape times a table.

    Parameters
    ----------
    name: its name.
    kind: "pressure" (positive = compression) or "traction" (vector per area) on `region`, a side set;
        "body" (vector of force per volume) or "centrifugal" on `region`, an element set or "all".
    region: the set.
    value: pressure: float [force/area], or an array per face or per node of the set (see `on`);
        traction, body: (3,) array; centrifugal: omega [rad/time], which the table multiplies.
    on: "face" or "node": what the array of a pressure runs over, in the set's own order (faces), or in
        the order of `unique_nodes` of the set (nodes).
    point, axis: (3,) arrays of a centrifugal load: a point of the axis [length] and its direction.
    table: name of a table, or None for a constant.
    """

    name: str
    kind: LoadKind
    region: str
    value: float | Floats
    on: Literal["face", "node"] = "face"
    point: Floats | None = None
    axis: Floats | None = None
    table: str | None = None


@dataclass(frozen=True)
class TemperatureEntry:
    """The temperature field at one time: a number, an array, or an expression in x, y, z.

    Parameters
    ----------
    time: float [time].
    value: uniform temperature, or (n_nodes,) in the solver's node order, or an expression of x, y, z.
    scale, offset: the field is `scale * value + offset`.
    """

    time: float
    value: float | Floats | str
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Temperature:
    """Initial temperature and a history that is linear between entries, constant outside.

    Parameters
    ----------
    initial: float [temperature] or (n_nodes,).
    entries: in increasing time; empty where the temperature stays at `initial`.
    cycles: how often the entries are run through.
    reference: T_0 of the thermal strain, where it is not `initial`: of a computation that goes on from another.
    """

    initial: float | Floats = 0.0
    entries: tuple[TemperatureEntry, ...] = ()
    cycles: int = 1
    reference: float | Floats | None = None

    @property
    def undeformed(self) -> float | Floats:
        """Return T_0, the temperature of the undeformed body."""
        return self.initial if self.reference is None else self.reference


@dataclass(frozen=True)
class InitialField:
    """What the material holds at the first time, of one field.

    Parameters
    ----------
    field: "stress", "inelastic_strain" or "p".
    values: (n_points, n_components) float, or (1, n_components) where `ids` is None.
    ids: (n_points, 2) int, element id and local point of each row; None for all points.
    """

    field: str
    values: Floats
    ids: Ints | None = None


@dataclass(frozen=True)
class Stop:
    """When a reduced march through cycles stops: nothing changes any more.

    Parameters
    ----------
    tolerance: largest relative change, from one cycle to the next, of the increment of p and of the strain range.
    cycles: for how many cycles on end.
    """

    tolerance: float = 1e-2
    cycles: int = 3


@dataclass(frozen=True)
class Adaptive:
    """How a reduced march chooses its steps.

    Parameters
    ----------
    tolerance: largest error of a step's increment of p, relative to the largest increment.
    strain_increment: largest equivalent strain of a step.
    """

    tolerance: float = 5e-2
    strain_increment: float = 2e-3


@dataclass(frozen=True)
class Loading:
    """Everything that acts on the structure, for one computation.

    Parameters
    ----------
    name: its name.
    times: (n_times,) increasing, the increments [time]; times[0] is the initial state.
    dirichlet, loads, tables, temperature: see there.
    constraints: see `romtool.constraints`; equations only, once the mesh is known.
    rate_independent: time intervals (start, end) in which viscous flow and creep are switched off
        (CalculiX' *STATIC steps).
    stop: when a reduced march through cycles stops before its last time; None: it does not.
    adaptive: how a reduced march chooses its steps; None: it takes `times`.
    initial: what the material holds at the first time.
    """

    name: str
    times: Floats
    dirichlet: tuple[Dirichlet, ...] = ()
    loads: tuple[Load, ...] = ()
    tables: tuple[Table, ...] = ()
    temperature: Temperature = field(default_factory=Temperature)
    rate_independent: tuple[tuple[float, float], ...] = ()
    constraints: tuple[Constraint, ...] = ()
    stop: Stop | None = None
    adaptive: Adaptive | None = None
    initial: tuple[InitialField, ...] = ()

    def cycle_ends(self) -> Floats:
        """Return the times at which cycles of the tables end, as far as these are increments; none without cycles."""
        count = max((table.cycles for table in self.tables), default=1)
        if count == 1:
            return np.zeros(0)
        places = next(table.points[:, 0] for table in self.tables if table.cycles == count)
        period = float(places[-1] - places[0])
        ends = places[-1] + period * np.arange(count)
        rows = np.minimum(np.searchsorted(self.times, ends - 1e-9 * period), len(self.times) - 1)
        found: Floats = self.times[rows[np.abs(self.times[rows] - ends) <= 1e-9 * period]]
        return found if len(found) and found[-1] == self.times[-1] else np.append(found, self.times[-1])

    def break_points(self) -> Floats:
        """Return the times at which something begins, ends or changes its rate."""
        tables = [(table.points[:, 0], table.cycles) for table in self.tables]
        entries = np.array([entry.time for entry in self.temperature.entries])
        several = [*tables, *([(entries, self.temperature.cycles)] if len(entries) else [])]
        repeated = [np.add.outer((p[-1] - p[0]) * np.arange(cycles), p).ravel() for p, cycles in several]
        return np.unique(np.concatenate([*repeated, *map(np.array, self.rate_independent), np.zeros(0)]))

    def amplitude(self, table: str | None, time: float) -> float:
        """Return table(time), or 1 where there is no table. Raises KeyError for an unknown name."""
        return float(self.amplitudes(table, np.array([time]))[0])

    def amplitudes(self, table: str | None, times: Floats) -> Floats:
        """Return the (n_times,) table(times), or ones where there is no table. Raises KeyError for an unknown name."""
        if table is None:
            return np.ones(len(times))
        return {entry.name: entry for entry in self.tables}[table].over(times)


@dataclass(frozen=True)
class Before:
    """What a computation goes on from.

    Parameters
    ----------
    names: of the loads that were marched through, in order.
    elapsed: float [time], how long they took; the times of the next one count from there.
    """

    names: tuple[str, ...] = ()
    elapsed: float = 0.0

    def then(self, loading: Loading) -> "Before":
        """Return what is behind one that goes on from the end of a loading."""
        return Before((*self.names, loading.name), self.elapsed + float(loading.times[-1] - loading.times[0]))

    def in_words(self) -> str:
        """Say what was before, "" of nothing."""
        return f"after {', '.join(self.names)} ({self.elapsed:g} before)" if self.names else ""


@dataclass(frozen=True)
class Deck:
    """What a solver's input deck says.

    Parameters
    ----------
    mesh: the mesh, where the deck holds or names one.
    materials, loading: as far as the deck has them; names are the deck's set names, or its table names.
    results: result files beside the deck under the solver's usual names that exist.
    times_from_results: the solver chose the increments itself: take them from the results.
    warnings: sentences that a user should read.
    """

    mesh: Mesh | None
    materials: tuple[Material, ...]
    loading: Loading
    results: tuple[Path, ...] = ()
    times_from_results: bool = False
    warnings: tuple[str, ...] = ()


class PartialDeckError(ReaderError):
    """A deck that says what romtool does not support.

    Parameters
    ----------
    message: what is not supported, the first of all.
    deck: what was understood; its warnings begin with everything that was not.
    """

    def __init__(self, message: str, deck: Deck) -> None:
        super().__init__(message)
        self.deck = deck
