"""A few points of one material that go through increments together: what checks and the law driver work on."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from romtool.laws.frames import local_frames
from romtool.laws.kernels import evaluate
from romtool.laws.parameters import LawTables, build_tables, state_fields
from romtool.laws.sites import Sites, build_sites, virgin_state
from romtool.loading import Material
from romtool.types import Floats

_NO_TANGENT = np.zeros((0, 6, 6))


@dataclass(frozen=True)
class Sample:
    """Points of one material.

    Parameters
    ----------
    material: the material.
    tables: of it alone. sites: (n_points).
    """

    material: Material
    tables: LawTables
    sites: Sites

    def column(self, name: str, state: Floats) -> Floats:
        """Return the (n_points, n_components) values of an internal variable."""
        return state[:, state_fields(self.tables)[name]]


class Answer(NamedTuple):
    """What a law gives at the end of an increment: 1 + the first point that failed or 0, and its arrays."""

    failed: int
    stress: Floats
    state: Floats
    tangent: Floats


class Span(NamedTuple):
    """An increment: start and end [time], and whether viscous flow acts."""

    start: float
    end: float
    viscous: bool = True


def build_sample(material: Material, initial: Floats, frames: Floats | None = None) -> Sample:
    """Build points of a material, at the origin and with the element numbers 1, 2, …

    Parameters
    ----------
    material: the material.
    initial: (n_points,) float [temperature].
    frames: (n_points, 3, 3) local axes; those of the material where None.

    Raises
    ------
    LawError: invalid parameters, an orientation that does not fit, a library that is not open.
    """
    tables, n_points = build_tables([material]), len(initial)
    rows, numbers, places = np.zeros(n_points, dtype=np.int64), np.arange(1, n_points + 1), np.zeros((n_points, 3))
    if frames is None:
        frames = local_frames([material], rows, numbers, places)
    ids = np.column_stack([numbers, np.zeros_like(numbers)])
    return Sample(material, tables, build_sites(tables, rows, initial, ids, places, frames))


def virgin(sample: Sample) -> Floats:
    """Return the (n_points, n_state) internal variables of virgin material."""
    return virgin_state(sample.tables, sample.sites)


def respond(
    sample: Sample, state: Floats, strain: Floats, temperature: Floats, span: Span, tangent: bool = True
) -> Answer:
    """Return what the law gives at the end of an increment.

    Parameters
    ----------
    sample: the points.
    state: (n_points, n_state) float at the start.
    strain: (n_points, 6) float, total strain at the end.
    temperature: (n_points,) float [temperature] at the end.
    span: the increment in time.
    tangent: whether the tangent is wanted.
    """
    n_points = len(strain)
    new, stress = np.empty_like(state), np.zeros((n_points, 6))
    moduli = np.zeros((n_points, 6, 6)) if tangent else _NO_TANGENT
    arrays = (np.ascontiguousarray(strain), state, new, stress, moduli)
    failed = evaluate(sample.tables, sample.sites, np.ascontiguousarray(temperature), *span, *arrays)
    return Answer(int(failed), stress, new, moduli)
