"""Damage of fatigue and creep together: the number of cycles after which it is used up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.errors import CaseError
from romtool.lifetime.cycles import Cycle
from romtool.lifetime.models import BuiltModel
from romtool.types import Bools, Floats


@dataclass(frozen=True)
class Lives:
    """What a cycle does at n points.

    Parameters
    ----------
    fatigue, creep: (n,) float, damage per cycle of each; zero where no model of it is.
    cycles: (n,) float, cycles to failure N_f; inf without damage, NaN where there is no model at all.
    """

    fatigue: Floats
    creep: Floats
    cycles: Floats


def cycles_to_failure(fatigue: Floats, creep: Floats, interaction: tuple[float, float] | None = None) -> Floats:
    """Return N so that N times the damages per cycle reaches the limit.

    Without interaction the limit is `D_f + D_c = 1`. With it, the limit goes in straight lines from (1, 0) through the
    point given to (0, 1), as in ASME III-NH.

    Parameters
    ----------
    fatigue, creep: (n,) float, damage per cycle.
    interaction: fatigue and creep damage at the kink, both in (0, 1), their sum at most 1.

    Returns
    -------
    (n,) float, inf where there is no damage.
    """
    with np.errstate(divide="ignore"):
        if interaction is None:
            return np.asarray(1.0 / (fatigue + creep))
        f, c = interaction
        towards_fatigue = 1.0 / (fatigue + creep * (1.0 - f) / c)
        towards_creep = 1.0 / (creep + fatigue * (1.0 - c) / f)
    return np.maximum(towards_fatigue, towards_creep)


def life_of(
    cycle: Cycle, models: Sequence[tuple[BuiltModel, Bools]], interaction: tuple[float, float] | None = None
) -> Lives:
    """Return damage and cycles to failure of a cycle.

    Parameters
    ----------
    cycle: its measures at n points.
    models: of fatigue and creep, and the (n,) points that each is for.
    interaction: see `cycles_to_failure`.

    Raises
    ------
    CaseError: two models of one kind at one point.
    """
    damage = {"fatigue": np.zeros(cycle.n_points), "creep": np.zeros(cycle.n_points)}
    covered = {kind: np.zeros(cycle.n_points, dtype=np.bool_) for kind in damage}
    for entry, points in models:
        kind = entry.model.kind
        if (covered[kind] & points).any():
            raise CaseError(f"two models of {kind} act on the same elements; give each its elements, or a file each")
        damage[kind][points] = entry.damage(cycle.take(points))
        covered[kind] |= points
    cycles = cycles_to_failure(damage["fatigue"], damage["creep"], interaction)
    nowhere = ~(covered["fatigue"] | covered["creep"])
    return Lives(damage["fatigue"], damage["creep"], np.where(nowhere, np.nan, cycles))
