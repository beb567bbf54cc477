"""Settings of the stages as a case file gives them; the defaults are written here and nowhere else."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PartitionSettings:
    """[partition]: the number of subdomains, fixed when the dataset is made."""

    subdomains: int = 1


@dataclass(frozen=True)
class PodSettings:
    """[pod]: discarded part of the snapshots, inner product, largest number of modes, memory for snapshots.

    `memory` [GB] is what the snapshots of one field on one subdomain, and their decomposition, may take; where there
    are more, they are compressed on the way.
    """

    tolerance: float = 1e-4
    inner_product: Literal["h1", "l2", "energy"] = "h1"
    max_modes: int = 60
    memory: float = 2.0


@dataclass(frozen=True)
class QuadratureSettings:
    """[quadrature]: relative error of the reduced quadrature on its own rows."""

    tolerance: float = 1e-4


@dataclass(frozen=True)
class DualSettings:
    """[duals]: fields to reconstruct, and the discarded part of their snapshots."""

    fields: tuple[str, ...] = ("p", "stress")
    tolerance: float = 1e-4


@dataclass(frozen=True)
class ClusterSettings:
    """[clusters]: how many local bases ("auto" lets the criterion decide), how they are found and chosen.

    A selector less sure than `certainty` has two models run. The criterion tries up to `max_count`. `budget` and
    `simulation_hours` [h]: what all training simulations may take, and what one takes, where the results do not say.
    """

    count: int | Literal["auto"] = 1
    by: Literal["simulation", "time"] = "simulation"
    dissimilarity: Literal["sine", "euclidean"] = "sine"
    field: str = "u"
    overlap: float = 0.0
    seed: int = 0
    certainty: float = 0.8
    max_count: int = 8
    budget: float | None = None
    simulation_hours: float | None = None


@dataclass(frozen=True)
class IndicatorSettings:
    """[indicator]: largest error bound that a reduced step may have."""

    tolerance: float = 1e-2


@dataclass(frozen=True)
class BalanceSettings:
    """[balance]: unbalance of imported displacements above which import warns, and above which nothing is trained."""

    tolerance: float = 1e-3
    limit: float = 0.1


@dataclass(frozen=True)
class NewtonSettings:
    """[newton]: relative residual, iterations of a step, how often a failing step is halved."""

    tolerance: float = 1e-8
    max_iterations: int = 25
    max_cuts: int = 6


@dataclass(frozen=True)
class HifiSettings:
    """[hifi]: linear solver of the built-in high-fidelity model."""

    solver: Literal["direct", "iterative"] = "direct"


@dataclass(frozen=True)
class Settings:
    """All settings of a case, one attribute per table of the file."""

    partition: PartitionSettings = field(default_factory=PartitionSettings)
    pod: PodSettings = field(default_factory=PodSettings)
    quadrature: QuadratureSettings = field(default_factory=QuadratureSettings)
    duals: DualSettings = field(default_factory=DualSettings)
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    indicator: IndicatorSettings = field(default_factory=IndicatorSettings)
    balance: BalanceSettings = field(default_factory=BalanceSettings)
    newton: NewtonSettings = field(default_factory=NewtonSettings)
    hifi: HifiSettings = field(default_factory=HifiSettings)


@dataclass(frozen=True)
class Quantity:
    """A history in results, reports and studies.

    Parameters
    ----------
    name: its name.
    kind: "displacement" (mean over a node set), "point" (field at the integration point or node nearest to a place),
        "maximum", "mean" or "percentile" (of a field over an element set), "reaction" (resultant on a node set),
        "energy" (elastic, of the body) or "dissipation" (inelastic work, of the body).
    nodes: node set, where the kind needs one.
    elements: element set, or "all".
    field: name of a field, where the kind needs one.
    component: "x", "xx", "mises", "magnitude" …; None for the magnitude of a vector, the von Mises stress.
    at: (3,) place of a "point"; None for the middle of `nodes`, or without these of `elements`.
    percentile: between 0 and 100.
    """

    name: str
    kind: str
    nodes: str | None = None
    elements: str = "all"
    field: str | None = None
    component: str | None = None
    at: tuple[float, float, float] | None = None
    percentile: float | None = None

    @property
    def source(self) -> str:
        """Return the field that it is taken from: its own, or the one behind its kind.

        >>> Quantity("root", "reaction", nodes="ROOT").source
        'stress'
        """
        return {"displacement": "u", "reaction": "stress"}.get(self.kind, self.field or "stress")
