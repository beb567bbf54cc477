"""What a law file and a path file may hold, as pydantic models; private to the parsing in `romtool.io`."""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from romtool.io.schema_loading import COUNT_WORDS, Count, MaterialEntry, Number, Text
from romtool.io.validation import Table, reject

COMPONENTS = ("xx", "yy", "zz", "xy", "yz", "zx")
_SERIES = "a number, or a list of numbers, one per time"
Series = Number | Annotated[list[Number], Field(min_length=1)]


class LawFile(MaterialEntry):
    """A law file: one material, with the keys of [[materials]] and the table [parameters]."""


class PathFile(Table):
    """A path file: what is prescribed at a point."""

    noun: ClassVar[str] = "key"

    name: Text = Field(default="path", description="a text")
    """Name of the path."""
    kind: Literal["uniaxial", "strain", "shear", "thermal", "plane_stress", "plane_strain", "axisymmetric", "table"] = (
        Field(
            description='one of "uniaxial", "strain", "shear", "thermal", "plane_stress", "plane_strain", '
            '"axisymmetric", "table"'
        )
    )
    """What is zero in components that are not given, see below."""
    times: Annotated[list[Number], Field(min_length=2)] | None = Field(
        default=None, description="a list of at least two increasing numbers"
    )
    """Times of the values. [time]"""
    file: Text | None = Field(default=None, description="the path of a table with a header")
    """Columns `time`, `temperature`, `strain_xx`, `stress_yy`, …"""
    rest: Literal["stress", "strain"] | None = Field(
        default=None, description='"stress" or "strain": what is zero in components that are not given'
    )
    """Of kind `"table"`; `"stress"` where nothing is said."""
    increments: Count = Field(default=1, description=f"{COUNT_WORDS}, between two times")
    """Steps of the law."""
    cycles: Count = Field(default=1, description=COUNT_WORDS)
    """How often the path is run through; it must end where it begins."""
    temperature: Series = Field(default=0.0, description=_SERIES)
    """At the times. [temperature]"""
    strain_xx: Series | None = Field(default=None, description=_SERIES)
    """Prescribed tensor strain."""
    strain_yy: Series | None = Field(default=None, description=_SERIES)
    """Prescribed tensor strain."""
    strain_zz: Series | None = Field(default=None, description=_SERIES)
    """Prescribed tensor strain."""
    strain_xy: Series | None = Field(default=None, description=_SERIES)
    """Prescribed tensor strain."""
    strain_yz: Series | None = Field(default=None, description=_SERIES)
    """Prescribed tensor strain."""
    strain_zx: Series | None = Field(default=None, description=_SERIES)
    """Prescribed tensor strain."""
    stress_xx: Series | None = Field(default=None, description=_SERIES)
    """Prescribed stress. [stress]"""
    stress_yy: Series | None = Field(default=None, description=_SERIES)
    """Prescribed stress. [stress]"""
    stress_zz: Series | None = Field(default=None, description=_SERIES)
    """Prescribed stress. [stress]"""
    stress_xy: Series | None = Field(default=None, description=_SERIES)
    """Prescribed stress. [stress]"""
    stress_yz: Series | None = Field(default=None, description=_SERIES)
    """Prescribed stress. [stress]"""
    stress_zx: Series | None = Field(default=None, description=_SERIES)
    """Prescribed stress. [stress]"""

    @model_validator(mode="after")
    def _is_complete(self) -> "PathFile":
        if (self.kind == "table") != (self.file is not None):
            reject('has the key "file" for kind = "table", and only there')
        if (self.kind == "table") == (self.times is not None):
            reject('has the key "times" for every kind but "table", whose file holds them')
        if self.times is not None and any(b <= a for a, b in pairwise(self.times)):
            reject("has times that do not increase; give each time once, in increasing order")
        return self
