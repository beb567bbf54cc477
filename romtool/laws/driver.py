"""One point of a material on a path of strain and stress: Newton's method on the strains whose stress is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from romtool.errors import ConvergenceError
from romtool.laws.parameters import state_fields
from romtool.laws.sample import Answer, Sample, Span, build_sample, respond, virgin
from romtool.loading import Material
from romtool.types import Bools, Floats, Ints

_MAX_HALVINGS = 6
_ROUND_OFF = 1e-14


@dataclass(frozen=True)
class LawPath:
    """What is prescribed at one point.

    Parameters
    ----------
    times: (n_times,) float [time], increasing, the increments.
    temperature: (n_times,) float [temperature]; the first is the initial one.
    by_strain: (6,) bool, which components have a given strain; the others have a given stress.
    values: (n_times, 6) float, strain or stress of each component; xx yy zz xy yz zx, tensor shear.
    name: of the path.
    """

    times: Floats
    temperature: Floats
    by_strain: Bools
    values: Floats
    name: str = "path"


@dataclass(frozen=True)
class DriverSettings:
    """How the driver works: relative residual of the stresses, iterations at most, how often a step is halved."""

    tolerance: float = 1e-11
    max_iterations: int = 40
    max_cuts: int = 10


@dataclass(frozen=True)
class LawHistory:
    """The answer of a law to a path.

    Parameters
    ----------
    times, temperature: (n_times,) float.
    strain, stress: (n_times, 6) float.
    state: (n_times, n_state) float.
    fields: name -> columns of the state.
    iterations, cuts: (n_times,) int, Newton iterations and halvings behind each time.
    """

    times: Floats
    temperature: Floats
    strain: Floats
    stress: Floats
    state: Floats
    fields: Mapping[str, slice] = field(default_factory=dict)
    iterations: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    cuts: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def column(self, name: str) -> Floats:
        """Return the (n_times, n_components) history of an internal variable."""
        return self.state[:, self.fields[name]]


@dataclass(frozen=True)
class _Moment:
    """Time, temperature, and the six values that are prescribed."""

    time: float
    temperature: float
    values: Floats


@dataclass(frozen=True)
class _Point:
    """What is known at a time: (6,) strain, (6,) stress, (1, n_state) state, and iterations and cuts on the way."""

    strain: Floats
    stress: Floats
    state: Floats
    iterations: int = 0
    cuts: int = 0


def drive(material: Material, path: LawPath, settings: DriverSettings | None = None) -> LawHistory:
    """Drive one point of a material along a path, from virgin material.

    Parameters
    ----------
    material: with its law; the library of a plug-in is open.
    path: what is prescribed; its first time is the start, where nothing has happened.
    settings: of the driver.

    Raises
    ------
    LawError: invalid parameters.
    ConvergenceError: a step that does not converge at the smallest size.
    """
    settings = settings or DriverSettings()
    sample = build_sample(material, path.temperature[:1])
    point = _Point(np.zeros(6), np.zeros(6), virgin(sample))
    points, rows = [point], zip(path.times, path.temperature, path.values, strict=True)
    moments = [_Moment(float(time), float(heat), values) for time, heat, values in rows]
    for before, after in pairwise(moments):
        point = _cross(sample, path.by_strain, (before, after), point, settings)
        points.append(point)
    return LawHistory(
        times=path.times,
        temperature=path.temperature,
        strain=np.array([point.strain for point in points]),
        stress=np.array([point.stress for point in points]),
        state=np.concatenate([point.state for point in points]),
        fields=state_fields(sample.tables),
        iterations=np.array([point.iterations for point in points]),
        cuts=np.array([point.cuts for point in points]),
    )


def _cross(
    sample: Sample,
    by_strain: Bools,
    span: tuple[_Moment, _Moment],
    point: _Point,
    settings: DriverSettings,
    depth: int = 0,
) -> _Point:
    """Cross one increment, in halves where it does not converge. Raises ConvergenceError."""
    found = _newton(sample, by_strain, span, point, settings)
    if isinstance(found, _Point):
        return found
    if depth == settings.max_cuts:
        raise ConvergenceError(
            f"law '{sample.material.law}' finds no balance from time {span[0].time:g} to {span[1].time:g} after "
            f"{depth} halvings: {found}; give smaller increments, or check whether the material can carry the stress"
        )
    first, last = span
    values = 0.5 * (first.values + last.values)
    middle = _Moment(0.5 * (first.time + last.time), 0.5 * (first.temperature + last.temperature), values)
    half = _cross(sample, by_strain, (first, middle), point, settings, depth + 1)
    end = _cross(sample, by_strain, (middle, last), half, settings, depth + 1)
    return _Point(
        end.strain, end.stress, end.state, half.iterations + end.iterations, max(half.cuts, end.cuts, depth + 1)
    )


def _newton(
    sample: Sample, by_strain: Bools, span: tuple[_Moment, _Moment], point: _Point, settings: DriverSettings
) -> _Point | str:
    """Return the point at the end of an increment, or why there is none."""
    free, end = np.flatnonzero(~by_strain), span[1]
    strain = np.where(by_strain, end.values, point.strain)
    answer, residual = _try(sample, by_strain, span, point, strain)
    for iteration in range(settings.max_iterations + 1):
        if answer is None:
            return "the law fails there, or asks for a smaller increment"
        scale = max(float(np.abs(answer.stress).max()), float(np.abs(end.values[free]).max(initial=0.0)))
        moduli = answer.tangent[0][np.ix_(free, free)]
        floor = _ROUND_OFF * float(np.abs(moduli).max(initial=0.0)) * min(float(np.abs(strain).max()), 1.0)
        if float(np.abs(residual).max(initial=0.0)) <= max(settings.tolerance * scale, floor):
            return _Point(strain, answer.stress[0], answer.state, iteration)
        try:
            step = np.linalg.solve(moduli, residual)
        except np.linalg.LinAlgError:
            return "its tangent is singular"
        strain, answer, residual = _search(sample, by_strain, span, point, (strain, residual, step))
    return f"the stress misses by {float(np.abs(residual).max()):.3g} after {settings.max_iterations} iterations"


def _try(
    sample: Sample, by_strain: Bools, span: tuple[_Moment, _Moment], point: _Point, strain: Floats
) -> tuple[Answer | None, Floats]:
    """Return the answer to a strain, None where the law fails, and the residual of the given stresses."""
    free, (start, end) = ~by_strain, span
    answer = respond(sample, point.state, strain[None], np.array([end.temperature]), Span(start.time, end.time))
    if answer.failed:
        return None, np.full(int(free.sum()), np.inf)
    return answer, answer.stress[0, free] - end.values[free]


def _search(
    sample: Sample,
    by_strain: Bools,
    span: tuple[_Moment, _Moment],
    point: _Point,
    given: tuple[Floats, Floats, Floats],
) -> tuple[Floats, Answer | None, Floats]:
    """Subtract the Newton step, halved until the residual falls; return strain, answer and residual."""
    strain, before, step = given
    part, norm = 1.0, float(np.linalg.norm(before))
    for _ in range(_MAX_HALVINGS + 1):
        moved = strain.copy()
        moved[~by_strain] -= part * step
        answer, residual = _try(sample, by_strain, span, point, moved)
        if answer is not None and float(np.linalg.norm(residual)) < norm:
            break
        part *= 0.5
    return moved, answer, residual
