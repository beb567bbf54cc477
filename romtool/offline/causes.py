"""Why a training computation is out of balance: assumptions are tried, and those that put it right are named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import ConvergenceError, InputError
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.offline.balance import Forces
from romtool.offline.consistency import ROUNDING, Consistency
from romtool.offline.parts import Part
from romtool.offline.scene import Scene, set_scene
from romtool.offline.training import TrainingRun
from romtool.offline.trials import Trial, law_trials, load_trials
from romtool.types import Floats

HELPS = 0.1
"""An assumption counts where it brings the unbalance below this part of what it is."""
CLOSE = 5.0
"""Assumptions whose unbalances differ by less than this factor explain it equally well."""
CONFIRMED = 4
"""How many of the best assumptions are tried on the whole run."""
MAX_ITERATIONS = 6
NEAR = 0.02
"""Relative distance within which a number counts as one with a meaning of its own."""
WORTH = 1e-2
"""Part of the tolerance above which causes are looked for."""
EARLY = 0.1
"""Part of the largest unbalance from which on an increment is taken as the first one that fails."""


@dataclass(frozen=True)
class Cause:
    """An assumption and what it does.

    Parameters
    ----------
    trial, number: the assumption.
    before, after: the unbalance without it and with it.
    merit: 2 where its number has a meaning of its own, 1 where it is round, 0 else.
    """

    trial: Trial
    number: float
    before: float
    after: float
    merit: int

    @property
    def sentence(self) -> str:
        """Return the words with what they are based on."""
        return f"{self.trial.words(self.number)} (the unbalance falls from {self.before:.2g} to {self.after:.1g})"


def find_causes(
    parts: Sequence[Part], run: TrainingRun, comm: Comm, found: Consistency, tolerance: float
) -> tuple[str, ...]:
    """Return what would put a training computation right, the most likely first; empty where nothing does.

    Parameters
    ----------
    parts, run, comm: as in `check_run`.
    found: what that found.
    tolerance: the unbalance that is too large.
    """
    worst = found.worst_unbalance
    first = int(np.argmax(found.unbalance >= EARLY * worst))
    chosen = dict.fromkeys((first, max(first, int(np.argmax(found.unbalance))), len(found.unbalance) - 1))
    scene = set_scene(parts, run, comm, [number + 1 for number in chosen])
    causes = [cause for trial in _trials(scene, found, first, tolerance) if (cause := _try(scene, trial, tolerance))]
    confirmed = [_confirm(scene, cause, worst) for cause in _ordered(causes)[:CONFIRMED]]
    named = rank([cause for cause in confirmed if cause.after <= HELPS * cause.before])
    if named or worst <= tolerance:
        return tuple(cause.sentence for cause in named)
    return _clue(found, first, tolerance) or _place(scene)


def _confirm(scene: Scene, cause: Cause, worst: float) -> Cause:
    """Return an assumption about laws with what it does to the whole run; the others as they are."""
    if cause.trial.change is None:
        return cause
    return replace(cause, before=worst, after=scene.throughout(cause.trial.change(cause.number)))


def _trials(scene: Scene, found: Consistency, first: int, tolerance: float) -> Iterator[Trial]:
    """Yield what is to be tried; where the solver's own stresses are known they tell laws from loads."""
    balanced, reproduced = _told_by_stresses(found, first, tolerance)
    if not balanced:
        yield from load_trials(scene)
    if not reproduced:
        yield from law_trials(scene)


def _told_by_stresses(found: Consistency, first: int, tolerance: float) -> tuple[bool, bool]:
    """Tell whether the solver's own stresses are in balance, and whether the laws give the same stresses."""
    balanced = _known(found.own, first) and found.own[first] <= EARLY * found.unbalance[first]
    return balanced, _known(found.stress, first) and bool(found.stress[first] <= tolerance)


def _clue(found: Consistency, first: int, tolerance: float) -> tuple[str, ...]:
    """Say on which side the reason is, where the solver's stresses tell."""
    balanced, reproduced = _told_by_stresses(found, first, tolerance)
    if balanced:
        return ("the solver's own stresses balance the loads: materials, temperature, elements or increments differ",)
    return ("the laws give the solver's own stresses: loads or supports differ",) if reproduced else ()


def _known(values: Floats, row: int) -> bool:
    return len(values) > row and bool(np.isfinite(values[row]))


def rank(causes: Sequence[Cause]) -> list[Cause]:
    """Return the best assumption and a second one as good; numbers with a meaning come first, then round ones."""
    least = min((cause.after for cause in causes), default=0.0)
    return [cause for cause in _ordered(causes) if cause.after <= CLOSE * least][:2]


def _ordered(causes: Sequence[Cause]) -> list[Cause]:
    """Return the assumptions, those before the others that explain it as well as the best."""
    least = min((cause.after for cause in causes), default=0.0)
    close = [cause for cause in causes if cause.after <= CLOSE * least]
    others = [cause for cause in causes if cause.after > CLOSE * least]
    return sorted(close, key=lambda cause: -cause.merit) + sorted(others, key=lambda cause: cause.after)


def _try(scene: Scene, trial: Trial, tolerance: float) -> Cause | None:
    """Return an assumption with its best number, None where it does not help or cannot be evaluated."""
    try:
        base = list(trial.forces(trial.start))
        before = scene.unbalance(scene.nominal[: len(base)])
        if not trial.step:
            return _cause(trial, trial.start, before, scene.unbalance(base, trial.unknowns), 2)
        fitted = _fit(scene, trial, base)
        return _cause(trial, fitted[0], before, fitted[1], 0) and _simplest(scene, trial, fitted, before, tolerance)
    except (ConvergenceError, InputError):
        return None


def _cause(trial: Trial, number: float, before: float, after: float, merit: int) -> Cause | None:
    """Return an assumption with a number where that helps and makes sense."""
    helps = after <= HELPS * before and bool(trial.words(number))
    return Cause(trial, number, before, after, merit) if helps else None


def _simplest(scene: Scene, trial: Trial, fitted: tuple[float, float], before: float, tolerance: float) -> Cause | None:
    """Return an assumption with a number of a meaning, or a round one, where that is nearly as good as the fitted."""
    number, after = fitted
    near = [(s, 2) for s in trial.special if abs(number - s) <= NEAR * max(abs(s), NEAR)]
    for other, merit in (*near, (float(f"{number * trial.scale:.1e}") / trial.scale, 1)):
        exact = scene.unbalance(trial.forces(other))
        if exact <= max(CLOSE * after, tolerance if merit == 2 else 0.0):
            found = _cause(trial, other, before, exact, merit)
            if found is not None:
                return found
    return _cause(trial, number, before, after, 0)


def _fit(scene: Scene, trial: Trial, base: Sequence[Forces]) -> tuple[float, float]:
    """Return the number with the least residual, by Gauss and Newton's method with differences, and its unbalance."""
    known = [(trial.start, base), (trial.start + trial.step, list(trial.forces(trial.start + trial.step)))]
    best = (trial.start, scene.unbalance(base))
    for _ in range(MAX_ITERATIONS):
        (old, before), (now, here) = known
        step = _descent(scene, here, before, now - old)
        if step is None:
            return best
        number = now + step
        try:
            forces = list(trial.forces(number))
        except (ConvergenceError, InputError):
            return best
        value = scene.unbalance(forces)
        improved = value < 0.5 * best[1]
        best = (number, value) if value < best[1] else best
        if not improved or number == now:
            return best
        known = [known[1], (number, forces)]
    return best


def _descent(scene: Scene, here: Sequence[Forces], before: Sequence[Forces], gap: float) -> float | None:
    """Return the step to the least residual along the line through two numbers that are `gap` apart; None: flat."""
    total = np.zeros((2, 2))
    for now, old in zip(here, before, strict=True):
        pairs = [(i - e, j - f) for i, e, j, f in zip(now.inner, now.external, old.inner, old.external, strict=True)]
        stacked = [np.stack([r, (r - s) / gap], axis=2) for r, s in pairs]
        _, acting, absolute = scene.unknowns.measure(now)
        total += scene.unknowns.products(stacked)[0] / max(acting, absolute, 1e-300) ** 2
    flat = total[1, 1] * gap**2 <= 1e-20 * max(total[0, 0], 1e-300)
    return None if flat or not np.isfinite(total).all() else float(-total[0, 1] / total[1, 1])


def _place(scene: Scene) -> tuple[str, ...]:
    """Say where a residual sits that nothing explains, where that is on few nodes."""
    forces, unknowns = scene.nominal[0], scene.unknowns
    squares = [
        np.square((i - e) * free * inside[:, None]).sum(axis=1)
        for i, e, free, inside in zip(forces.inner, forces.external, unknowns.free, unknowns.common.inside, strict=True)
    ]
    total = float(ordered_sum(scene.comm, [np.array(s.sum()) for s in squares]))
    found = []
    for name in scene.parts[0].subdomain.mesh.node_sets:
        pairs = [(s, part.subdomain.mesh.node_sets[name]) for s, part in zip(squares, scene.parts, strict=True)]
        share, count = ordered_sum(scene.comm, [np.array([s[rows].sum(), len(rows)]) for s, rows in pairs]).tolist()
        if share >= (1.0 - HELPS) * total:
            found.append((count, name))
    n_nodes = sum(gather_subdomains(scene.comm, [part.subdomain.mesh.n_nodes for part in scene.parts]))
    if not found or min(found)[0] > HELPS * n_nodes:
        return ()
    return (f"what is out of balance sits on node set '{min(found)[1]}'",)


def with_causes(
    parts: Sequence[Part], run: TrainingRun, comm: Comm, found: Consistency, tolerance: float
) -> Consistency:
    """Return the result of a check, with what would put it right.

    Causes are looked for from a hundredth of the tolerance on: what one wrong number explains is wrong also where other
    loads hide it.
    """
    worst = found.worst_unbalance
    explained = worst <= max(WORTH * tolerance, ROUNDING * found.digits)
    if explained or not np.isfinite(found.unbalance).all():
        return found
    return replace(found, causes=find_causes(parts, run, comm, found, tolerance))
