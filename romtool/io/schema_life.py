"""What a life file may hold, as pydantic models; private to `romtool.io.life`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from romtool.io.schema import Name
from romtool.io.schema_loading import COUNT_WORDS, Count, Number, Text
from romtool.io.validation import Table, reject, reject_value

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Part = Annotated[float, Field(gt=0.0, lt=1.0)]


class CycleTable(Table):
    """[cycle]."""

    start: Number | None = Field(default=None, description="a number, the time at which the (first) cycle begins")
    """By default the cycle of the loading's tables or temperature; else the whole run is one. [time]"""
    end: Number | None = Field(default=None, description="a number, the time at which the (first) cycle ends")
    """See `start`. [time]"""
    repeats: bool = Field(default=False, description="true or false: whether cycles of the same length follow")
    """Whether the given cycle is the first of several."""
    tolerance: Positive = Field(default=0.02, description="a positive number")
    """Change from cycle to cycle below which the last one counts as stabilised, relative."""

    @model_validator(mode="after")
    def _is_a_stretch(self) -> "CycleTable":
        if (self.start is None) != (self.end is None):
            reject('has one of "start" and "end"; give both, or none for the cycle of the tables')
        if self.start is not None and self.end is not None and self.end <= self.start:
            reject(f"has start = {self.start:g}, end = {self.end:g}; expected an end after the start")
        if self.repeats and self.start is None:
            reject('has repeats = true without "start" and "end"; give the first cycle')
        return self


class MeasureTable(Table):
    """[measure]."""

    strain: Literal["difference", "mises", "principal", "principal_difference"] = Field(
        default="difference", description='"difference", "mises", "principal" or "principal_difference"'
    )
    """How the strain range is measured, see Lifetime."""
    sign: Literal["trace", "principal"] = Field(default="trace", description='"trace" or "principal"')
    """What gives the von Mises stress its sign."""
    poisson: Annotated[float, Field(gt=-1.0, le=0.5)] = Field(default=0.5, description="a number above -1, up to 0.5")
    """Effective Poisson's ratio of the von Mises strain."""
    temperature: Literal["maximum", "mean"] | Number = Field(
        default="maximum", description='"maximum", "mean" or a number'
    )
    """At which the parameters of fatigue are taken. [temperature]"""
    creep: Literal["mises", "principal"] = Field(default="mises", description='"mises" or "principal"')
    """The stress that creeps."""
    hold: Part = Field(default=0.05, description="a number between 0 and 1, both excluded")
    """Rate of strain below which time is dwell, relative to range by period."""


class ThermalTable(Table):
    """[thermal]: expansion of the material of solver files."""

    expansion: Number | list[Annotated[list[Number], Field(min_length=2, max_length=2)]] = Field(
        description="a number, or a table [[T, alpha], …]: secant coefficient of thermal expansion"
    )
    """Taken from the strain to get the mechanical one. [1/temperature]"""
    reference_temperature: Number = Field(description="a number, the temperature of no thermal strain")
    """Where the expansion counts from. [temperature]"""


class ModelEntry(Table):
    """[[models]]."""

    law: Text = Field(description="the name of a lifetime model")
    """One of the models of fatigue or creep, see Lifetime."""
    elements: Text = Field(default="all", description='an element set, or "all"')
    """Where it acts; at most one of fatigue and one of creep at a point."""
    parameters: dict[str, Any] = Field(description="a table [models.parameters] of the model's parameters")
    """Numbers, or tables over temperature `[[T, value], …]`."""


class SumTable(Table):
    """[sum]."""

    interaction: Annotated[list[Part], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="two numbers between 0 and 1: fatigue and creep damage where the limit has its kink"
    )
    """Without it fatigue and creep damage add to one."""

    @field_validator("interaction")
    @classmethod
    def _is_inside(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and sum(value) > 1.0:
            reject_value(f"has interaction = {value}; expected two numbers whose sum is at most 1")
        return value


class LifeTables(Table):
    """A life file."""

    noun: ClassVar[str] = "key or table"

    name: Name = Field(default="life", description='a text that can name a folder (without / \\ : * ? " < > |)')
    """Name of the result's folder."""
    cycle: CycleTable = Field(default=CycleTable())
    measure: MeasureTable = Field(default=MeasureTable())
    thermal: ThermalTable | None = None
    models: list[ModelEntry]
    sum: SumTable = Field(default=SumTable())
    critical: Count = Field(default=10, description=COUNT_WORDS)
    """How many critical spots are listed."""

    @model_validator(mode="after")
    def _has_models(self) -> "LifeTables":
        if not self.models:
            reject("has models = []; give one [[models]] or more")
        return self
