"""What the evaluation of lifetimes finds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from romtool.lifetime.cycles import Change, Cycle
from romtool.lifetime.sums import Lives
from romtool.types import Floats, Ints

MEASURES = (
    *("strain_range", "stress_range", "mean_stress", "max_stress", "delta_p", "dwell", "max_temperature", "inner"),
)
"""Measures of a cycle that are kept of every point."""
LAST = ("ranges", "growths")
"""Arrays of PointLives whose last axis runs over the points."""
LIVES = ("cycles_to_failure", "fatigue_damage", "creep_damage")


@dataclass(frozen=True)
class PointLives:
    """Lives of some points.

    Parameters
    ----------
    ids: (n, 2) element id and local point, or node id and 0.
    coordinates: (n, 3) float [length].
    owners: (n,) row of the element of each integration point, or of the node, in the whole mesh.
    values: LIVES and MEASURES -> (n,) float.
    ranges, growths: (n_cycles, n) float, strain range and growth of p in each cycle.
    """

    ids: Ints
    coordinates: Floats
    owners: Ints
    values: Mapping[str, Floats]
    ranges: Floats
    growths: Floats


def point_values(cycle: Cycle, lives: Lives) -> dict[str, Floats]:
    """Return LIVES and MEASURES -> (n,) float of the points of a cycle."""
    found = dict(zip(LIVES, (lives.cycles, lives.fatigue, lives.creep), strict=True))
    return found | {name: getattr(cycle, name) for name in MEASURES}


def join(parts: list[PointLives]) -> PointLives:
    """Return the points of several parts, one after the other."""
    joined = {
        entry.name: np.concatenate([getattr(part, entry.name) for part in parts], axis=-1 if entry.name in LAST else 0)
        for entry in fields(PointLives)
        if entry.name != "values"
    }
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    return PointLives(values=values, **joined)


@dataclass(frozen=True)
class LifeResult:
    """Cycles to failure of the points of a history.

    Parameters
    ----------
    name: of the life file.
    source: the history.
    points: "integration points", "nodes" or "reduced points".
    cycles: (n_cycles, 2) float [time], start and end of the cycles of the run; the last one counts.
    changes: of each cycle against the one before, from the second on.
    tolerance: of the changes of a stabilised cycle.
    lives: of all points.
    worst: rows of `lives`, the shortest life of each element (or node) first, as many as are asked for.
    sets: element set -> shortest life, and largest measures.
    warnings: sentences that a user should read.
    versions: of romtool and the packages behind it.
    created: when.
    """

    name: str
    source: str
    points: str
    cycles: Floats
    changes: tuple[Change, ...]
    tolerance: float
    lives: PointLives
    worst: Ints
    sets: Mapping[str, Mapping[str, float]]
    warnings: tuple[str, ...]
    versions: Mapping[str, str]
    created: str

    @property
    def stabilised(self) -> bool | None:
        """Tell whether the last cycle is stabilised; None where there is only one."""
        return self.changes[-1].within(self.tolerance) if self.changes else None

    @property
    def minimum(self) -> float:
        """Return the smallest number of cycles to failure; inf without damage."""
        return float(np.nanmin(self.lives.values["cycles_to_failure"], initial=np.inf))


def worst_of_owners(lives: PointLives) -> Ints:
    """Return the row of the shortest life of each element (or node), the shortest first; NaN are last."""
    cycles = lives.values["cycles_to_failure"]
    damage = -(lives.values["fatigue_damage"] + lives.values["creep_damage"])
    order = np.lexsort((damage, cycles, lives.owners))
    _, first = np.unique(lives.owners[order], return_index=True)
    rows = order[first]
    return np.asarray(rows[np.lexsort((damage[rows], cycles[rows]))])
