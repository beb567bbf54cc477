"""Answers to draws of loads, and what is kept of each: a few kilobytes, at the times that are asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from romtool.errors import CaseError
from romtool.loading import Loading
from romtool.online.quantiles import Spread
from romtool.reduced.dictionary import Dictionary, Run, choose, run_loading
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import reduced_quantities
from romtool.reduced.validity import departures
from romtool.settings import NewtonSettings
from romtool.types import Bools, Floats, Ints

TIME_TOLERANCE = 1e-9

Further = Callable[[ReducedModel, Loading, ReducedHistory], Mapping[str, float]]
"""What else is taken of an answer, besides the quantities of the case: name -> number."""


def nothing(model: ReducedModel, loading: Loading, history: ReducedHistory) -> Mapping[str, float]:
    """Take nothing else of an answer."""
    return {}


def answer(dictionary: Dictionary, loading: Loading, criteria: NewtonSettings) -> tuple[int, Run]:
    """Answer a loading; return the number of the member (see `Dictionary.members`) that did, and its answer.

    Parameters
    ----------
    dictionary: the models.
    loading: its temperature restricted to the models' thermal nodes.
    criteria: of the reduced Newton march.
    """
    run = run_loading(dictionary, choose(dictionary, loading), loading, criteria)
    return 0 if dictionary.has_phases else run.choice.number, run


@dataclass(frozen=True)
class MemberRows:
    """What is kept of the draws that one model answered.

    Parameters
    ----------
    draws: (n,) their numbers.
    coordinates: (n, n_at, n_modes).
    lifting: (n, n_at, n_liftings).
    duals: field -> (n, n_at, n_dual_modes).
    """

    draws: Ints
    coordinates: Floats
    lifting: Floats
    duals: Mapping[str, Floats]

    def at(self, time: int) -> "MemberRows":
        """Return the draws at one time, (n, n_modes) …: rows to reconstruct fields from."""
        duals = {field: np.ascontiguousarray(values[:, time]) for field, values in self.duals.items()}
        return MemberRows(self.draws, self.coordinates[:, time], self.lifting[:, time], duals)


@dataclass(frozen=True)
class DrawBlock:
    """What is kept of some draws.

    Parameters
    ----------
    numbers: (n,) of the draws.
    rows: per member of the dictionary, without the draws that did not converge.
    quantities: name -> (n, n_at), of those that reduced data give; NaN where a draw did not converge.
    bounds: dual field -> (n,) largest error bound of all times, 0 where elastic throughout.
    above: (n,) whether some field's error may be above the tolerance at some time.
    stopped: (n,) whether the march ended before its last time.
    outside: respect in which some draw leaves the training ("temperature", "pressure on END" …) -> (n,) which do.
    """

    numbers: Ints
    rows: tuple[MemberRows, ...]
    quantities: Mapping[str, Floats]
    bounds: Mapping[str, Floats]
    above: Bools
    stopped: Bools
    outside: Mapping[str, Bools] = field(default_factory=dict)


def time_weights(times: Floats, wanted: Sequence[float] | None) -> tuple[Floats, Floats]:
    """Return the wanted times, and the (n_at, n_times) weights of the stored ones in them.

    Parameters
    ----------
    times: (n_times,) increasing.
    wanted: times within the run; None for the last. Stored ones within 1e-9 of the duration are taken as they are,
        others are linear between their neighbours.

    Raises
    ------
    CaseError: a time outside the run.
    """
    at = np.array([times[-1]] if wanted is None else wanted, dtype=np.float64)
    slack = TIME_TOLERANCE * float(times[-1] - times[0])
    outside = at[(at < times[0] - slack) | (at > times[-1] + slack)]
    if len(outside):
        raise CaseError(
            f"[output] at = {outside[0]:g} is outside the run from {times[0]:g} to {times[-1]:g}; give others"
        )
    weights = np.zeros((len(at), len(times)))
    for row, time in zip(weights, at, strict=True):
        nearest = int(np.abs(times - time).argmin())
        if abs(times[nearest] - time) <= slack:
            row[nearest] = 1.0
        else:
            k = int(np.searchsorted(times, time))
            part = (time - times[k - 1]) / (times[k] - times[k - 1])
            row[k - 1 : k + 1] = 1.0 - part, part
    return at, weights


def march_draws(
    dictionary: Dictionary,
    loading_of: Callable[[int], Loading],
    numbers: Sequence[int],
    weights: Floats,
    tolerance: float,
    further: Further = nothing,
) -> DrawBlock:
    """Answer some draws.

    Parameters
    ----------
    dictionary: the models.
    loading_of: number of a draw -> its loading.
    numbers: of the draws.
    weights: (n_at, n_times) of `time_weights`.
    tolerance: largest error bound of a step.
    further: what else is taken of each answer; it counts for all times.
    """
    criteria = NewtonSettings(**dictionary.face.statistics["newton"])  # type: ignore[arg-type]
    members, fields = dictionary.members, dictionary.face.duals
    kept: list[list[tuple[int, ReducedHistory]]] = [[] for _ in members]
    quantities: list[dict[str, Floats]] = []
    runs: list[Run] = []
    left: list[Mapping[str, str]] = []
    for number in numbers:
        loading = loading_of(number)
        member, run = answer(dictionary, loading, criteria)
        runs.append(run)
        left.append(departures(run.model, loading))
        quantities.append({})
        if not run.stopped:
            kept[member].append((number, run.history))
            values = reduced_quantities(members[member], loading, run.history)
            quantities[-1] = {name: weights @ entry.values for name, entry in values.items() if not entry.missing}
            others = further(members[member], loading, run.history)
            quantities[-1] |= {name: np.full(len(weights), value) for name, value in others.items()}
    lost = np.full(len(weights), np.nan)
    names = list(dict.fromkeys(name for entry in quantities for name in entry))
    return DrawBlock(
        np.array(numbers, dtype=np.int64),
        tuple(_rows(entries, weights) for entries in kept),
        {name: np.array([entry.get(name, lost) for entry in quantities]) for name in names},
        {field: np.array([_largest(run, field) for run in runs]) for field in fields},
        np.array([_above(run, tolerance) for run in runs], dtype=np.bool_),
        np.array([bool(run.stopped) for run in runs], dtype=np.bool_),
        {
            what: np.array([what in entry for entry in left], dtype=np.bool_)
            for what in dict.fromkeys(what for entry in left for what in entry)
        },
    )


def _rows(entries: Sequence[tuple[int, ReducedHistory]], weights: Floats) -> MemberRows:
    """Return what is kept of the draws that a model answered; without draws the widths are zero."""
    histories = [history for _, history in entries]

    def stack(values: Sequence[Floats]) -> Floats:
        return np.array([weights @ entry for entry in values]) if values else np.zeros((0, len(weights), 0))

    return MemberRows(
        np.array([number for number, _ in entries], dtype=np.int64),
        stack([history.coordinates for history in histories]),
        stack([history.lifting for history in histories]),
        {
            field: stack([history.duals[field] for history in histories])
            for field in (histories[0].duals if histories else ())
        },
    )


def _largest(run: Run, field: str) -> float:
    """Return the largest error bound of a field, 0 where there is none."""
    return float(np.nanmax(run.indications[field].bound, initial=0.0)) if field in run.indications else 0.0


def _above(run: Run, tolerance: float) -> bool:
    """Tell whether some field's error may be above the tolerance at some time."""
    return any(bool(entry.exceeds(tolerance).any()) for entry in run.indications.values())


def join_blocks(blocks: Sequence[DrawBlock]) -> DrawBlock:
    """Return all draws of several blocks."""
    first = blocks[0]
    names = list(dict.fromkeys(name for block in blocks for name in block.quantities))
    width = max(rows.coordinates.shape[1] for rows in first.rows)
    lost = [np.full((len(block.numbers), width), np.nan) for block in blocks]
    return DrawBlock(
        np.concatenate([block.numbers for block in blocks]),
        tuple(_join_rows([block.rows[m] for block in blocks]) for m in range(len(first.rows))),
        {
            name: np.concatenate([block.quantities.get(name, none) for block, none in zip(blocks, lost, strict=True)])
            for name in names
        },
        {field: np.concatenate([block.bounds[field] for block in blocks]) for field in first.bounds},
        np.concatenate([block.above for block in blocks]),
        np.concatenate([block.stopped for block in blocks]),
        {
            what: np.concatenate([block.outside.get(what, np.zeros_like(block.stopped)) for block in blocks])
            for what in dict.fromkeys(what for block in blocks for what in block.outside)
        },
    )


def _join_rows(parts: Sequence[MemberRows]) -> MemberRows:
    """Return the draws of one model of several blocks."""
    known = [part for part in parts if len(part.draws)] or [parts[0]]
    return MemberRows(
        np.concatenate([part.draws for part in known]),
        np.concatenate([part.coordinates for part in known]),
        np.concatenate([part.lifting for part in known]),
        {field: np.concatenate([part.duals[field] for part in known]) for field in known[0].duals},
    )


def take_draws(block: DrawBlock, count: int) -> DrawBlock:
    """Return the first draws of a block that may hold more."""
    if len(block.numbers) <= count:
        return block
    rows = tuple(_first_rows(entry, count) for entry in block.rows)
    quantities = {name: values[:count] for name, values in block.quantities.items()}
    bounds = {field: values[:count] for field, values in block.bounds.items()}
    outside = {what: values[:count] for what, values in block.outside.items() if values[:count].any()}
    above, stopped = block.above[:count], block.stopped[:count]
    return DrawBlock(block.numbers[:count], rows, quantities, bounds, above, stopped, outside)


def _first_rows(rows: MemberRows, count: int) -> MemberRows:
    """Return the rows of the draws below a number."""
    keep = rows.draws < count
    duals = {field: values[keep] for field, values in rows.duals.items()}
    return MemberRows(rows.draws[keep], rows.coordinates[keep], rows.lifting[keep], duals)


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Parameters
    ----------
    name: of the study.
    model_id, source: the model.
    draws: how many were asked for.
    done: how many are answered.
    stopped: how many of these did not converge.
    at: (n_at,) times of all values.
    random: target -> number of variables.
    spreads: quantity -> its distribution.
    sources: quantity -> what it is computed from.
    missing: quantity or field -> why it is not known.
    fields: names of the fields in quantiles.xdmf.
    bounds: dual field -> (n_draws,) largest error bound of each draw.
    share_above: part of the draws whose error may be above the tolerance.
    tolerance: largest error bound of a step.
    n_outside: number of draws that leave the training.
    outside: respect in which draws do -> how many.
    seconds: by phase.
    rate: draws per second of this run, all ranks together.
    versions: of romtool and the packages behind it.
    created: when.
    """

    name: str
    model_id: str
    source: str
    draws: int
    done: int
    at: Floats
    random: Mapping[str, int]
    tolerance: float
    seconds: Mapping[str, float]
    rate: float
    versions: Mapping[str, str]
    created: str
    stopped: int = 0
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    bounds: Mapping[str, Floats] = field(default_factory=dict)
    share_above: float = 0.0
    n_outside: int = 0
    outside: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Tell whether all draws are answered."""
        return self.done == self.draws
