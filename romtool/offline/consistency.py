"""The check of a training computation: do the stresses behind its displacements balance what the case says acts?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from romtool.errors import ConvergenceError
from romtool.fem.operators import strain
from romtool.laws import elastic_tangent
from romtool.linalg.agreement import each_rank
from romtool.linalg.products import TENSOR_METRIC
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.loading import Loading
from romtool.offline.balance import Balance, common_nodes, forces_of, relative
from romtool.offline.parts import Part, recompute
from romtool.offline.training import TrainingRun
from romtool.progress import Tick, untold
from romtool.temperature import evaluate_at
from romtool.types import Floats, Ints

ROUNDING = 3.0
"""How many times the unbalance that the digits of the displacements leave counts as explained by them."""

StressReader = Callable[[int], Sequence[Floats]]


@dataclass(frozen=True)
class Consistency:
    """What the check of one training computation found; increments count without the initial state.

    Parameters
    ----------
    simulation: its name.
    times: (n_increments,) float [time].
    unbalance: (n_increments,) relative residual on the free unknowns of the recomputed stresses.
    digits: what the digits of the stored displacements alone would leave of it, about.
    stress: (n_increments,) relative difference of the recomputed stresses from the solver's own; NaN: none there.
    own: (n_increments,) relative residual of the solver's own stresses; NaN: none there.
    worst: element id, local point and time of the largest difference in stress; empty where there are no stresses.
    largest: that difference over the largest stress.
    problem: why the check ended before the last increment; "" where it did not.
    causes: what would put it right, the most likely first; empty where it holds or nothing helps.
    """

    simulation: str
    times: Floats
    unbalance: Floats
    digits: float = 0.0
    stress: Floats = field(default_factory=lambda: np.zeros(0))
    own: Floats = field(default_factory=lambda: np.zeros(0))
    worst: tuple[float, ...] = ()
    largest: float = 0.0
    problem: str = ""
    causes: tuple[str, ...] = ()

    @property
    def worst_unbalance(self) -> float:
        """Return the largest unbalance over time."""
        return float(np.max(self.unbalance, initial=0.0))

    def holds(self, tolerance: float) -> bool:
        """Tell whether the unbalance is below a tolerance, or what the digits leave, and nothing explains it."""
        least = max(tolerance, ROUNDING * self.digits)
        return not (self.problem or self.causes) and self.worst_unbalance <= least


def check_run(
    parts: Sequence[Part],
    run: TrainingRun,
    comm: Comm,
    *,
    precision: float = 0.0,
    solver_stress: StressReader | None = None,
    tick: Tick = untold,
) -> Consistency:
    """Recompute the stresses of a training computation, measure their balance, compare them with the solver's.

    Parameters
    ----------
    parts: the subdomains of this rank.
    run: the training computation.
    comm: the ranks.
    precision: relative precision of the stored displacements, 0 exact.
    solver_stress: returns the solver's (n_points, 6) float [stress] per subdomain at an output time; called on all
        ranks alike.
    tick: told of every increment.
    """
    balance = Balance(parts, run, common_nodes(parts, (run,), comm), comm)
    histories = [recompute(*given) for given in zip(parts, run.local, _times(run), run.displacement, strict=True)]
    differences, own, problem = _Differences(parts, comm), [], ""
    for number, time in enumerate(run.loading.times[1:]):
        tick(number, len(run.loading.times) - 1, run.name)
        try:
            states = each_rank(comm, lambda: [next(history) for history in histories])
        except ConvergenceError as error:
            problem = str(error)
            break
        output = _output(run.times, float(time)) if solver_stress else None
        found = [state.stress for state in states]
        if solver_stress is None or output is None:
            balance.add(found)
            continue
        theirs = solver_stress(output)
        complete = bool(ordered_sum(comm, [np.array(float(not np.isfinite(s).all())) for s in theirs]) == 0.0)
        unbalances = balance.add(found, *([theirs] if complete else []))
        own.append((len(balance.values) - 1, unbalances[-1] if complete else np.nan))
        differences.add(len(balance.values) - 1, float(time), found, theirs)
    n = len(balance.values)
    unbalance = np.array(balance.values)
    digits = _digits(balance, run, precision) if precision > 0.0 and n else 0.0
    return Consistency(
        run.name,
        run.loading.times[1 : n + 1],
        unbalance,
        digits,
        _spread(differences.relative(), n),
        _spread(own, n),
        differences.worst,
        differences.largest(),
        problem,
    )


def _times(run: TrainingRun) -> list[Floats]:
    """Return the output times once per subdomain."""
    return [run.times] * len(run.local)


def _output(times: Floats, time: float) -> int | None:
    """Return which output time a time is, None where there is none."""
    k = int(np.abs(times - time).argmin())
    return k if abs(times[k] - time) <= 1e-9 * float(times[-1] - times[0]) else None


def _spread(pairs: Sequence[tuple[int, float]], n: int) -> Floats:
    """Return (n,) values, NaN where none is given."""
    values = np.full(n, np.nan)
    for row, value in pairs:
        values[row] = value
    return values


class _Differences:
    """Differences of recomputed stresses from the solver's over time."""

    def __init__(self, parts: Sequence[Part], comm: Comm) -> None:
        self.parts, self.comm = parts, comm
        self.rows: list[tuple[int, float, float]] = []
        self.worst: tuple[float, ...] = ()
        self._gap = self._stress = 0.0

    def add(self, row: int, time: float, found: Sequence[Floats], theirs: Sequence[Floats]) -> None:
        """Compare one increment where the solver wrote its stresses."""
        squares, points = [], []
        for part, ours, stress in zip(self.parts, found, theirs, strict=True):
            known = np.isfinite(stress)
            gap, stress = np.where(known, ours - stress, 0.0), np.where(known, stress, 0.0)
            weight = np.outer(np.abs(part.operators.weights), TENSOR_METRIC)
            squares.append(np.array([(weight * gap**2).sum(), (weight * stress**2).sum()]))
            k = int(np.abs(gap).max(axis=1).argmax())
            ids = tuple(map(float, part.point_ids[k]))
            points.append((float(np.abs(gap[k]).max()), float(np.abs(stress).max()), ids))
        gap_norm, norm = np.sqrt(ordered_sum(self.comm, squares)).tolist()
        self.rows.append((row, gap_norm, norm))
        for gap_here, largest, ids in gather_subdomains(self.comm, points):
            self._stress = max(self._stress, largest)
            if not self.worst or gap_here > self._gap:
                self._gap, self.worst = gap_here, (*ids, time)

    def largest(self) -> float:
        """Return the largest difference over the largest stress."""
        return relative(self._gap, self._stress)

    def relative(self) -> list[tuple[int, float]]:
        """Return the norms of the differences over the largest norm of the stress up to then."""
        scale, found = 0.0, []
        for row, gap, norm in self.rows:
            scale = max(scale, norm)
            found.append((row, relative(gap, scale)))
        return found


def _digits(balance: Balance, run: TrainingRun, precision: float) -> float:
    """Return the unbalance that elastic stresses of the rounding of the largest displacements would leave."""
    parts, comm = balance.parts, balance.unknowns.comm
    outputs = range(1, len(run.times))
    sizes = [float(ordered_sum(comm, [np.array(np.square(u[i]).sum()) for u in run.displacement])) for i in outputs]
    last = 1 + int(np.argmax(sizes))
    fields = [history[last] for history in run.displacement]
    given = list(zip(parts, run.local, fields, strict=True))
    stresses = each_rank(comm, lambda: [_rounding_stress(*entry, precision) for entry in given])
    nothing = [np.zeros((part.subdomain.mesh.n_nodes, 3)) for part in parts]
    residual, acting, _ = balance.unknowns.measure(forces_of(parts, stresses, nothing))
    return relative(residual, max(balance.scale, acting))


def _rounding_stress(part: Part, loading: Loading, displacement: Floats, precision: float) -> Floats:
    """Return the (n_points, 6) elastic stress of what rounding may change in a displacement."""
    initial = evaluate_at(part.subdomain.mesh.points)(loading.temperature.initial)
    sites = part.sites(initial)
    total = strain(part.operators, precision * displacement * _noise(part.subdomain.mesh.node_ids))
    moduli = elastic_tangent(part.tables, sites, sites.initial)
    return np.asarray(np.matmul(moduli, total[:, :, None])[:, :, 0])


def _noise(node_ids: Ints) -> Floats:
    """Return (n, 3) numbers between -1 and 1 that look random and depend on the node ids alone."""
    seed = np.sin(12.9898 * node_ids[:, None] + 78.233 * np.arange(3)) * 43758.5453
    return np.asarray(2.0 * (seed - np.floor(seed)) - 1.0)
