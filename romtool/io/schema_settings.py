"""The tables of a case file that say how its stages work, as pydantic models; private to the parsing in `romtool.io`.

Every key's description is the text of its error message, the text below it its meaning in the documentation.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from romtool.io.schema_loading import COUNT_WORDS, Count, Text, Vector
from romtool.io.validation import Table, reject, require_unique
from romtool.settings import (
    BalanceSettings,
    ClusterSettings,
    DualSettings,
    HifiSettings,
    IndicatorSettings,
    NewtonSettings,
    PartitionSettings,
    PodSettings,
    QuadratureSettings,
)

Tolerance = Annotated[float, Field(gt=0.0, lt=1.0)]
_FRACTION = "a number between 0 and 1, both excluded"


class PartitionTable(Table):
    """[partition]."""

    subdomains: Count = Field(default=PartitionSettings.subdomains, description=COUNT_WORDS)
    """Parts of the mesh; more than one needs pymetis. Changing it imports anew."""


class PodTable(Table):
    """[pod]."""

    tolerance: Tolerance = Field(default=PodSettings.tolerance, description=_FRACTION)
    """What the displacement modes may leave out of the snapshots, relative."""
    inner_product: Literal["h1", "l2", "energy"] = Field(
        default=PodSettings.inner_product, description='one of "h1", "l2", "energy"'
    )
    """Of the displacements: `h1`, `l2` or `energy`, the elastic stiffness."""
    max_modes: Count = Field(default=PodSettings.max_modes, description=COUNT_WORDS)
    """Number of modes at most, also above the tolerance: see `pod_error`."""
    memory: Annotated[float, Field(gt=0.0)] = Field(
        default=PodSettings.memory, description="a positive number of gigabytes"
    )
    """For the snapshots of one field on one subdomain, with the work space of their decomposition. [GB]"""


class QuadratureTable(Table):
    """[quadrature]."""

    tolerance: Tolerance = Field(default=QuadratureSettings.tolerance, description=_FRACTION)
    """Relative error of the reduced quadrature."""


class DualTable(Table):
    """[duals]."""

    fields: list[Text] = Field(default=list(DualSettings.fields), description="a list of names of fields")
    """What is reconstructed at the integration points: `stress`, or states of the laws."""
    tolerance: Tolerance = Field(default=DualSettings.tolerance, description=_FRACTION)
    """What the modes of these fields may leave out, relative; at most the tolerances of `[pod]` and `[quadrature]`."""

    @model_validator(mode="after")
    def _are_distinct(self) -> "DualTable":
        require_unique(self.fields, "the field")
        return self


class ClusterTable(Table):
    """[clusters]."""

    count: Count | Literal["auto"] = Field(default=ClusterSettings.count, description=f'{COUNT_WORDS}, or "auto"')
    """Local models; `"auto"`: as many as `romtool cluster` recommends."""
    by: Literal["simulation", "time"] = Field(default=ClusterSettings.by, description='"simulation" or "time"')
    """What is divided: whole simulations, or the increments of all of them."""
    dissimilarity: Literal["sine", "euclidean"] = Field(
        default=ClusterSettings.dissimilarity, description='"sine" or "euclidean"'
    )
    """Angle, which does not see amplitudes, or distance."""
    field: Text = Field(default=ClusterSettings.field, description="the name of a field")
    """What is compared: the displacement `u`, or a dual field."""
    overlap: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=ClusterSettings.overlap, description="a number between 0 and 1"
    )
    """Neighbours that a cluster also trains on, relative to its size, rounded up."""
    seed: Annotated[int, Field(ge=0)] = Field(default=ClusterSettings.seed, description="a whole number of at least 0")
    """Of starts, folds and resampling: the same seed, the same clusters."""
    certainty: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=ClusterSettings.certainty, description="a number between 0 and 1"
    )
    """Probability of the selector below which the two best models run."""
    max_count: Count = Field(default=ClusterSettings.max_count, description=COUNT_WORDS)
    """Largest number of clusters that is tried; half of the simulations at most."""
    budget: Annotated[float, Field(gt=0.0)] | None = Field(default=None, description="a positive number of hours")
    """What all training simulations may take together. [hours]"""
    simulation_hours: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None, description="a positive number of hours"
    )
    """What one takes, where the results do not say it. [hours]"""


class IndicatorTable(Table):
    """[indicator]."""

    tolerance: Tolerance = Field(default=IndicatorSettings.tolerance, description=_FRACTION)
    """Largest error bound of a step that `online --adapt` leaves, and the line in the report's charts."""


class BalanceTable(Table):
    """[balance]."""

    tolerance: Tolerance = Field(default=BalanceSettings.tolerance, description=_FRACTION)
    """Unbalance of a simulation from which `import` warns."""
    limit: Annotated[float, Field(gt=0.0)] = Field(default=BalanceSettings.limit, description="a positive number")
    """Unbalance above which `offline` refuses to train on a simulation."""


class NewtonTable(Table):
    """[newton]."""

    tolerance: Tolerance = Field(default=NewtonSettings.tolerance, description=_FRACTION)
    """Residual of `solve` and of `online`, relative."""
    max_iterations: Count = Field(default=NewtonSettings.max_iterations, description=COUNT_WORDS)
    """Iterations of a step before it is halved."""
    max_cuts: Annotated[int, Field(ge=0)] = Field(
        default=NewtonSettings.max_cuts, description="a whole number of at least 0"
    )
    """How often a step may be halved."""


class HifiTable(Table):
    """[hifi]."""

    solver: Literal["direct", "iterative"] = Field(default=HifiSettings.solver, description='"direct" or "iterative"')
    """Of the built-in solver: factors, or (`"iterative"`) the multigrid of PETSc, for more than 50,000 unknowns."""


_OVER_ELEMENTS = {"field", "elements", "component"}
_QUANTITIES: dict[str, tuple[set[str], set[str]]] = {  # keys that a kind needs, those that it may have
    "displacement": ({"nodes"}, {"nodes", "component"}),
    "point": ({"field"}, _OVER_ELEMENTS | {"at", "nodes"}),
    "maximum": ({"field"}, _OVER_ELEMENTS),
    "mean": ({"field"}, _OVER_ELEMENTS),
    "percentile": ({"field", "percentile"}, _OVER_ELEMENTS | {"percentile"}),
    "reaction": ({"nodes"}, {"nodes", "component"}),
    "energy": (set(), set()),
    "dissipation": (set(), set()),
}
_KIND_WORDS = "one of " + ", ".join(f'"{kind}"' for kind in _QUANTITIES)


class QuantityEntry(Table):
    """[[quantities]]: a history in results, reports and studies."""

    name: Text = Field(description="a text")
    """Name of the quantity."""
    kind: Literal["displacement", "point", "maximum", "mean", "percentile", "reaction", "energy", "dissipation"] = (
        Field(description=_KIND_WORDS)
    )
    """What it is, see below."""
    nodes: Text | None = Field(default=None, description="the name of a node set")
    """Node set, where the kind needs one."""
    elements: Text = Field(default="all", description='an element set, or "all"')
    """Where a field is looked at."""
    field: Text | None = Field(default=None, description="the name of a field")
    """`u`, `stress` or one of `[duals] fields`."""
    component: Text | None = Field(default=None, description='a component: "x", "xx", "mises", "magnitude" …')
    """By default the magnitude of vectors, the von Mises stress of stresses."""
    at: Vector | None = Field(default=None, description="a list of three numbers, a place")
    """Place of a `point`; instead of it `nodes` or `elements`, whose middle counts. [length]"""
    percentile: Annotated[float, Field(ge=0.0, le=100.0)] | None = Field(
        default=None, description="a number between 0 and 100"
    )
    """Of a `percentile`."""

    @model_validator(mode="after")
    def _fits_kind(self) -> "QuantityEntry":
        needed, allowed = _QUANTITIES[self.kind]
        for key in sorted(needed - self.model_fields_set):
            reject(f'of kind "{self.kind}" lacks the key "{key}": {type(self).model_fields[key].description}')
        for key in sorted(self.model_fields_set - allowed - {"name", "kind"}):
            reject(f'of kind "{self.kind}" has no key "{key}"; its keys are {", ".join(sorted(allowed)) or "none"}')
        places = self.model_fields_set & {"at", "nodes"}
        if self.kind == "point" and (len(places) == 2 or (not places and "elements" not in self.model_fields_set)):
            reject(
                'of kind "point" needs one of the keys "at" (a place) and "nodes" (a node set, its middle), '
                'or "elements" alone (an element set, its middle)'
            )
        return self
