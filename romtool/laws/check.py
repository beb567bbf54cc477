"""Checks that every law must pass, romtool's own and a plug-in alike: mathematics, not numbers of one material.

The law is driven on random strain paths with changing temperature, from virgin material.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from romtool.errors import ConvergenceError
from romtool.laws.catalogue import CRYSTAL, ISOTROPIC, LAWS
from romtool.laws.frames import bunge
from romtool.laws.parameters import state_fields
from romtool.laws.sample import Answer, Sample, Span, build_sample, respond, virgin
from romtool.laws.sites import take, thermal_strain
from romtool.laws.states import N_OCTAHEDRAL
from romtool.laws.validation import pairs, scalars
from romtool.loading import Material
from romtool.types import Floats

_TWICE = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
_PLACES = ((0, 1, 2, 0, 1, 2), (0, 1, 2, 1, 2, 0))
_DIFFERENCE = 1e-7
"""Strain of the finite differences."""
_KINK = 1e-4
"""Relative difference of the one-sided derivatives above which a law is not smooth at a point."""


@dataclass(frozen=True)
class Path:
    """How the law is driven.

    Parameters
    ----------
    size: strain of an increment.
    duration: of an increment [time].
    temperatures: range that is run through [temperature].
    n_points, n_steps: counts.
    start: first time [time]; not zero, since laws with t^m have no derivative there.
    """

    size: float = 1e-3
    duration: float = 1.0
    temperatures: tuple[float, float] = (20.0, 20.0)
    n_points: int = 24
    n_steps: int = 6
    start: float = 1.0

    def strains(self) -> Floats:
        """Return (n_steps, n_points, 6) random strains, smaller ones for the first points."""
        random = np.random.default_rng(0)
        increments = random.normal(size=(self.n_steps, self.n_points, 6)) / 3.0
        sizes = self.size * np.linspace(0.05, 1.0, self.n_points)
        return np.cumsum(increments, axis=0) * sizes[:, None]

    def heat(self) -> Floats:
        """Return (n_steps + 1, n_points) temperatures, between the two ends of the range."""
        low, high = self.temperatures
        phase = np.linspace(0.0, 1.0, self.n_points) + 0.2 * np.arange(self.n_steps + 1)[:, None]
        return low + (high - low) * 0.5 * (1.0 - np.cos(2.0 * np.pi * phase))

    def span(self, step: int) -> Span:
        """Return the increment of a step."""
        return Span(self.start + step * self.duration, self.start + (step + 1) * self.duration)


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Parameters
    ----------
    name, meaning: of the check.
    value: what was measured, to be at most `limit`.
    """

    name: str
    meaning: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Tell whether the law passed; what is not a number did not."""
        return bool(self.value <= self.limit)


def check_law(material: Material, path: Path | None = None) -> tuple[Finding, ...]:
    """Run all checks on a material.

    Parameters
    ----------
    material: with its law; the library of a plug-in is open.
    path: how the law is driven.

    Returns
    -------
    One finding per check that applies.

    Raises
    ------
    LawError: invalid parameters.
    ConvergenceError: the law fails on the path, so that nothing can be checked.
    """
    path = path or Path()
    found = ((name, meaning, check(material, path), limit) for name, meaning, limit, check in CHECKS)
    return tuple(Finding(name, meaning, value, limit) for name, meaning, value, limit in found if value is not None)


def _march(sample: Sample, path: Path, strains: Floats, heat: Floats, state: Floats | None = None) -> list[Answer]:
    """Return the answers of all increments. Raises ConvergenceError."""
    answers: list[Answer] = []
    state = virgin(sample) if state is None else state
    for step, strain in enumerate(strains):
        answer = _needed(sample, state, strain, heat[step + 1], path.span(step))
        answers.append(answer)
        state = answer.state
    return answers


def _needed(sample: Sample, state: Floats, strain: Floats, heat: Floats, span: Span) -> Answer:
    """Return an answer. Raises ConvergenceError where the law fails."""
    answer = respond(sample, state, strain, heat, span)
    if answer.failed:
        raise ConvergenceError(
            f"law '{sample.material.law}' fails at point {answer.failed} of a strain path from time {span.start:g} to "
            f"{span.end:g}; check its parameters, or drive it with smaller strains"
        )
    return answer


def _start(material: Material, path: Path) -> tuple[Sample, Floats, Floats]:
    """Return points, strains and temperatures."""
    heat = path.heat()
    return build_sample(material, heat[0]), path.strains(), heat


def tangent_error(material: Material, path: Path) -> float:
    """Return the largest relative error of the tangent against central differences, where the law is smooth."""
    sample, strains, heat = _start(material, path)
    before, last = _march(sample, path, strains[:-1], heat)[-1].state, strains[-1]
    final = (heat[-1], path.span(path.n_steps - 1))
    middle = _needed(sample, before, last, *final)
    sides = np.zeros((2, *middle.tangent.shape))
    for b in range(6):
        for side, sign in enumerate((1.0, -1.0)):
            moved = _needed(sample, before, last + sign * _DIFFERENCE * np.eye(6)[b], *final)
            sides[side, :, :, b] = sign * (moved.stress - middle.stress) / _DIFFERENCE
    scale = np.abs(sides).max(axis=(0, 2, 3))
    smooth = np.abs(sides[0] - sides[1]).max(axis=(1, 2)) < _KINK * scale * _curvature(middle, scale)
    error = np.abs(middle.tangent - sides.mean(axis=0)).max(axis=(1, 2)) / scale
    return float(error[smooth].max()) if smooth.mean() > 0.5 else np.inf


def _curvature(answer: Answer, scale: Floats) -> Floats:
    """Return how much larger than usual the differences of a law may be: one per point."""
    return np.maximum(1.0, 1e-3 * scale / (np.abs(answer.stress).max(axis=1) + 1e-3 * scale))


def negative_work(material: Material, path: Path) -> float:
    """Return how far the work done on virgin material falls below zero at constant temperature, relative.

    Work is stored or dissipated, so that it never comes back in excess of what was done.
    """
    sample, strains, heat = _start(material, path)
    constant = np.repeat(heat[:1], len(heat), axis=0)
    free = _free_strain(sample, constant[0])
    answers = _march(sample, path, strains + free, constant)
    work, worst, total, last = np.zeros(path.n_points), np.zeros(path.n_points), 1e-300, np.zeros_like(strains[0])
    for strain, answer in zip(strains, answers, strict=True):
        done = (_TWICE * answer.stress * (strain - last)).sum(axis=1)
        work, last = work + done, strain
        worst, total = np.minimum(worst, work), total + np.abs(done)
    return float((-worst / total).max())


def negative_dissipation(material: Material, path: Path) -> float | None:
    """Return how negative the dissipation of an increment is, relative; None where the stored part is not known."""
    if material.plugin is not None:
        return None
    sample, strains, heat = _start(material, path)
    constant = np.repeat(heat[:1], len(heat), axis=0)
    state, worst = virgin(sample), 0.0
    for answer in _march(sample, path, strains, constant):
        change = answer.state - state
        done = _TWICE * answer.stress * sample.column("inelastic_strain", change)
        stored = _stored(sample, constant[0], answer.state, change)
        total = np.abs(done).sum(axis=1) + np.abs(stored).sum(axis=1) + 1e-300
        worst = max(worst, float(((stored.sum(axis=1) - done.sum(axis=1)) / total).max()))
        state = answer.state
    return worst


def _stored(sample: Sample, heat: Floats, state: Floats, change: Floats) -> Floats:
    """Return the (n_points, n) energies that kinematic hardening stores in an increment."""
    parts = [np.zeros((len(state), 1))]
    for i, table in enumerate(pairs(sample.material, "C", "D")[::2], 1):
        alpha, moved = sample.column(f"alpha_{i}", state), sample.column(f"alpha_{i}", change)
        parts.append(_TWICE * table.at(heat)[:, None] * alpha * moved / 1.5)
    if LAWS[sample.material.law].kernel == CRYSTAL:
        moduli = dict(scalars(sample.material))
        products = sample.column("slip_alpha", state) * sample.column("slip_alpha", change)
        for name, systems in (("c", slice(0, N_OCTAHEDRAL)), ("cubic_c", slice(N_OCTAHEDRAL, None))):
            if name in moduli:
                parts.append(moduli[name].at(heat)[:, None] * products[:, systems])
    return np.hstack(parts)


def rotation_error(material: Material, path: Path) -> float:
    """Return the largest relative error of the stress when strain and local axes are turned together.

    romtool's isotropic laws have no axes: they must give the turned stress by themselves.
    """
    sample, strains, heat = _start(material, path)
    turn = bunge(np.array([[35.0, 50.0, 110.0]]))[0]
    frames = sample.sites.frames if len(sample.sites.frames) else np.tile(np.eye(3), (path.n_points, 1, 1))
    turned_frames = None if LAWS[material.law].kernel == ISOTROPIC else frames @ turn.T
    turned = build_sample(material, heat[0], turned_frames)
    plain = _march(sample, path, strains, heat)[-1].stress
    found = _march(turned, path, np.array([_turned(strain, turn) for strain in strains]), heat)[-1].stress
    return _gap(found, _turned(plain, turn))


def _turned(rows: Floats, turn: Floats) -> Floats:
    """Return (n, 6) tensors turned by a rotation."""
    full = np.zeros((len(rows), 3, 3))
    full[:, _PLACES[0], _PLACES[1]] = rows
    full[:, _PLACES[1], _PLACES[0]] = rows
    result: Floats = np.einsum("ai,nij,bj->nab", turn, full, turn)[:, _PLACES[0], _PLACES[1]]
    return result


def _gap(found: Floats, expected: Floats) -> float:
    """Return max |a - b| / max |b|, 0 where both vanish."""
    largest = float(np.abs(expected).max(initial=0.0))
    gap = float(np.abs(found - expected).max(initial=0.0))
    return gap / largest if largest > 0.0 else gap


def order_deficit(material: Material, path: Path) -> float:
    """Return 1 minus the order at which the answer converges when steps are halved on a smooth path."""
    heat = path.heat()[0]
    sample, direction = build_sample(material, heat), path.strains()[0]
    ends = [_smooth(sample, path, direction, heat, n_steps) for n_steps in (64, 128, 256)]
    coarse, fine = (float(np.linalg.norm(a.stress - b.stress)) for a, b in pairwise(ends))
    if coarse <= 1e-11 * float(np.linalg.norm(ends[-1].stress)):
        return 0.0  # exact at any step, as elasticity is
    return 1.0 - float(np.log2(coarse / fine))


def _smooth(sample: Sample, path: Path, direction: Floats, heat: Floats, n_steps: int) -> Answer:
    """Return the answer at the end of a path that turns smoothly. Raises ConvergenceError."""
    state, duration = virgin(sample), 4.0 * path.duration
    other = np.roll(direction, 1, axis=0)[:, [3, 4, 5, 0, 1, 2]]
    for i in range(n_steps):
        share = (i + 1) / n_steps
        strain = 6.0 * (np.sin(2.0 * share) * direction + np.sin(share) ** 2 * other)
        span = Span(path.start + duration * i / n_steps, path.start + duration * share)
        answer = _needed(sample, state, strain, heat, span)
        state = answer.state
    return answer


def batch_error(material: Material, path: Path) -> float:
    """Return the largest difference between points evaluated together and one by one; it must vanish."""
    sample, strains, heat = _start(material, path)
    together = _march(sample, path, strains, heat)[-1]
    worst = 0.0
    for k in range(path.n_points):
        one = slice(k, k + 1)
        single = replace(sample, sites=take(sample.sites, one))
        alone = _march(single, path, strains[:, one], heat[:, one])[-1]
        for name in ("stress", "state", "tangent"):
            gap = np.abs(getattr(alone, name) - getattr(together, name)[one])
            worst = max(worst, float(gap.max(initial=0.0)))
    return worst


def thermal_stress(material: Material, path: Path) -> float:
    """Return the stress of free expansion, relative to that of the same strain without expansion."""
    heat = path.heat()
    sample = build_sample(material, heat[0])
    free = _free_strain(sample, heat[1])
    held = _needed(sample, virgin(sample), np.zeros_like(free), heat[1], path.span(0)).stress
    stress = _needed(sample, virgin(sample), free, heat[1], path.span(0)).stress
    return float(np.abs(stress).max()) / max(float(np.abs(held).max()), 1.0)


def _free_strain(sample: Sample, heat: Floats) -> Floats:
    """Return the (n_points, 6) thermal strain in the global axes."""
    sites = sample.sites
    along = thermal_strain(sample.tables, sites.material, heat) - sites.offset
    frames = sites.frames if len(sites.frames) else np.tile(np.eye(3), (len(heat), 1, 1))
    result: Floats = np.einsum("nai,na,naj->nij", frames, along, frames)[:, _PLACES[0], _PLACES[1]]
    return result


def drift(material: Material, path: Path) -> float:
    """Return the largest relative change of state and stress over an increment in which nothing happens."""
    sample, strains, heat = _start(material, path)
    end = _march(sample, path, strains, heat)[-1]
    time = path.span(path.n_steps - 1).end
    again = _needed(sample, end.state, strains[-1], heat[-1], Span(time, time))
    shown = [
        _gap(sample.column(name, again.state), sample.column(name, end.state)) for name in state_fields(sample.tables)
    ]
    return max(*shown, _gap(again.stress, end.stress))


def restart_error(material: Material, path: Path) -> float:
    """Return the difference to a run that was stored halfway, while other points were computed; it must vanish."""
    sample, strains, heat = _start(material, path)
    whole, half = _march(sample, path, strains, heat), path.n_steps // 2
    stored = whole[half - 1].state.copy()
    again = build_sample(material, heat[0])
    _march(again, path, -strains, heat)
    later = replace(path, start=path.span(half).start)
    last = _march(again, later, strains[half:], heat[half:], stored)[-1]
    return max(float(np.abs(last.stress - whole[-1].stress).max()), float(np.abs(last.state - whole[-1].state).max()))


Check = Callable[[Material, Path], float | None]
CHECKS: tuple[tuple[str, str, float, Check], ...] = (
    ("tangent", "error of the tangent against finite differences", 1e-5, tangent_error),
    ("work", "work given back in excess of what was done", 1e-12, negative_work),
    ("dissipation", "negative dissipation of an increment", 1e-12, negative_dissipation),
    ("rotation", "error of the stress when everything is turned", 1e-9, rotation_error),
    ("order", "what is missing to first-order convergence in time", 0.2, order_deficit),
    ("batch", "difference between points together and alone", 0.0, batch_error),
    ("expansion", "stress of free thermal expansion", 1e-9, thermal_stress),
    ("zero increment", "change over an increment in which nothing happens", 1e-10, drift),
    ("restart", "difference to a run that was stored halfway", 0.0, restart_error),
)
"""Name, meaning, largest allowed value, and the check."""
