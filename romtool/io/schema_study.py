"""What a study file may hold, as pydantic models; private to `romtool.io.study`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from romtool.io.schema import Name
from romtool.io.schema_loading import COUNT_WORDS, Count, Number, Text
from romtool.io.validation import Table, reject, reject_value, require_unique

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
_FRACTION = "a number between 0 and 1, both excluded"


class FieldTable(Table):
    """A field of one number per node in a file."""

    field: Text = Field(description="the path of a file with the temperature at the nodes")
    """One number per node."""
    name: Text | None = Field(default=None, description="the name of the field in the file")
    """Array in the file."""


class KernelTable(Table):
    """kernel of [[random]]: a covariance."""

    kind: Literal["gaussian"] = Field(description='"gaussian"')
    """Covariance `s² exp(-r² / (2 length²))`."""
    length: Positive = Field(description="a positive number, the correlation length")
    """Correlation length. [length]"""
    standard_deviation: Positive = Field(description="a positive number")
    """s. [temperature]"""


class RandomEntry(Table):
    """[[random]]."""

    target: Text = Field(
        description='"temperature", "temperature.scale", "temperature.offset", or "loads.NAME.scale" (also tables, '
        "dirichlet)"
    )
    """What is random, each once; see below."""
    mean: FieldTable | None = None
    """Field in place of that of the base load."""
    kernel: KernelTable | None = None
    """Covariance of a random field."""
    fields: list[FieldTable] | None = None
    """Instead of `kernel`: sample covariance, and mean, of given fields."""
    energy: Fraction = Field(default=0.95, description=_FRACTION)
    """Part of the variance that the modes keep."""
    distribution: dict[str, Any] | None = Field(
        default=None, description='a table { name = "norm", loc = 1.0, scale = 0.05 } in the words of scipy.stats'
    )
    """Of a number."""

    @field_validator("distribution")
    @classmethod
    def _has_a_name(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and not isinstance(value.get("name"), str):
            reject_value('has a distribution without name; give one of scipy.stats, e.g. name = "norm"')
        return value

    @model_validator(mode="after")
    def _fits_target(self) -> "RandomEntry":
        if self.target == "temperature":
            if (self.kernel is None) == (self.fields is None):
                reject('of a temperature field needs one of the keys "kernel" and "fields"')
            if self.fields is not None and len(self.fields) < 2:
                reject("has fewer than two fields; a covariance needs more")
            if self.distribution is not None:
                reject('of a temperature field has no key "distribution"; its variables are normal')
            return self
        first, _, rest = self.target.partition(".")
        known = rest in ("scale", "offset") if first == "temperature" else rest.endswith(".scale") and len(rest) > 6
        if first not in ("temperature", "loads", "tables", "dirichlet") or not known:
            reject(f'has target = "{self.target}"; expected {type(self).model_fields["target"].description}')
        if self.distribution is None:
            reject(f'lacks the key "distribution": {type(self).model_fields["distribution"].description}')
        for key in sorted(self.model_fields_set - {"target", "distribution"}):
            reject(f'of a number has no key "{key}"; its keys are target, distribution')
        return self


class OutputTable(Table):
    """[output]."""

    quantities: list[Text] | None = Field(default=None, description="a list of names of the case's [[quantities]]")
    """By default all of the case."""
    quantiles: Annotated[list[Fraction], Field(min_length=1)] = Field(
        default=[0.05, 0.5, 0.95], description="a list of numbers between 0 and 1, both excluded"
    )
    """Which quantiles."""
    fields: list[Text] = Field(default=[], description="a list of names of fields")
    """`u` or dual fields: quantiles at every node or integration point."""
    thresholds: dict[str, Number] = Field(default={}, description="a table: quantity or field = number")
    """Of quantities and fields: how often they are exceeded."""
    at: Annotated[list[Number], Field(min_length=1)] | None = Field(default=None, description="a list of times")
    """Times of all values, by default the last; stored ones, else linear between two. [time]"""
    life: Text | None = Field(default=None, description="the path of a life file")
    """Life file: the shortest life of each draw, at the reduced points."""

    @model_validator(mode="after")
    def _are_distinct(self) -> "OutputTable":
        require_unique(self.quantities or [], "the quantity")
        require_unique(self.fields, "the field")
        return self


class StudyFile(Table):
    """A study file."""

    noun: ClassVar[str] = "key or table"

    name: Name = Field(description='a text that can name a folder (without / \\ : * ? " < > |)')
    """Name of the study."""
    draws: Count = Field(description=COUNT_WORDS)
    """May be raised later: what is there is kept (not of `lhs`)."""
    sampler: Literal["sobol", "lhs", "random"] = Field(default="sobol", description='"sobol", "lhs" or "random"')
    """Points of the unit cube by scipy.stats.qmc, scrambled."""
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="a whole number of at least 0")
    """The same seed gives the same draws."""
    base: Text | None = Field(default=None, description="the path of a load file")
    """The load that the draws differ from; without it the loading of the first simulation."""
    random: list[RandomEntry]
    output: OutputTable = Field(default=OutputTable())

    @model_validator(mode="after")
    def _targets_are_unique(self) -> "StudyFile":
        if not self.random:
            reject("has random = []; give one [[random]] or more")
        require_unique([entry.target for entry in self.random], "[[random]] of target")
        return self
