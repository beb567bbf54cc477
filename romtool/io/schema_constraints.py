"""The table [[constraints]] of a case file, as a pydantic model; private to the parsing in `romtool.io`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from romtool.io.schema_loading import TABLE_WORDS, Count, Number, Text, Vector
from romtool.io.validation import Table, reject, reject_value

_CONSTRAINTS: dict[str, tuple[set[str], set[str]]] = {  # keys of a kind: needed, and others that it may have
    "equation": ({"terms"}, {"value", "table"}),
    "rigid": ({"nodes", "reference"}, {"point", "components"}),
    "mean": ({"nodes", "reference"}, {"point"}),
    "tie": ({"slave", "master"}, {"tolerance"}),
    "cyclic": ({"slave", "master", "sectors", "point", "axis"}, {"tolerance"}),
    "local": ({"nodes", "directions"}, {"axes", "point", "axis", "value", "table"}),
}
_UNKNOWN = Literal["x", "y", "z", "rx", "ry", "rz"]


class ConstraintEntry(Table):
    """[[constraints]]: linear equations between displacements; which keys belong to it follows from its kind."""

    name: Text = Field(description="a text")
    """Name of the constraint."""
    kind: Literal["equation", "rigid", "mean", "tie", "cyclic", "local"] = Field(
        description='one of "equation", "rigid", "mean", "tie", "cyclic", "local"'
    )
    """What holds, see below."""
    terms: Annotated[list[list[Count | _UNKNOWN | Number]], Field(min_length=1)] | None = Field(
        default=None, description='a list of [node id, "x", coefficient]; components of reference nodes also "rx" …'
    )
    """`Σ coefficient · u = value`; the first unknown depends on the others."""
    nodes: Text | None = Field(default=None, description="the name of a node set or side set")
    """The nodes that follow, or whose displacements are prescribed."""
    reference: Count | None = Field(default=None, description="the id of the reference node")
    """A node of the mesh, or a new id with its place in `point`."""
    slave: Text | None = Field(default=None, description="the name of a node set or side set")
    """The side that follows."""
    master: Text | None = Field(default=None, description="the name of a side set")
    """The side that leads."""
    sectors: Annotated[int, Field(ge=2)] | None = Field(default=None, description="a whole number of at least 2")
    """Number of sectors of the whole circle."""
    tolerance: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = Field(
        default=None, description="a positive number, a distance"
    )
    """Largest gap; by default a tenth of the size of a face. [length]"""
    components: Annotated[list[Literal["x", "y", "z"]], Field(min_length=1)] = Field(
        default=["x", "y", "z"], description='a list of some of "x", "y", "z"'
    )
    """Of `rigid`: the displacements that follow."""
    directions: Annotated[list[Literal[1, 2, 3]], Field(min_length=1)] | None = Field(
        default=None, description="a list of some of 1, 2, 3, the local directions that are prescribed"
    )
    """Of `local`; of a cylinder 1 is radial, 2 circumferential, 3 axial."""
    axes: Annotated[list[Vector], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="two lists of three numbers: local x, and a vector in the local xy plane"
    )
    """Of `local`."""
    point: Vector | None = Field(default=None, description="a list of three numbers, a point")
    """Of the axis, or place of a new reference node. [length]"""
    axis: Vector | None = Field(default=None, description="a list of three numbers, the direction of an axis")
    """Of `cyclic` and `local`."""
    value: Number = Field(default=0.0, description="a number")
    """Right-hand side. [length]"""
    table: Text | None = Field(default=None, description=TABLE_WORDS)
    """Amplitude of `value` in time; constant without."""

    @field_validator("terms")
    @classmethod
    def _are_terms(cls, value: list[list[Any]] | None) -> list[list[Any]] | None:
        for term in value or []:
            if [type(part) for part in term[:2]] != [int, str] or len(term) != 3 or isinstance(term[2], str):
                reject_value(f'has the term {term}; expected [node id, "x", coefficient]')
        return value

    @model_validator(mode="after")
    def _fits_kind(self) -> "ConstraintEntry":
        needed, more = _CONSTRAINTS[self.kind]
        allowed = needed | more
        given = self.model_fields_set - {"name", "kind"}
        for key in sorted(given - allowed):
            reject(f'of kind "{self.kind}" has no key "{key}"; its keys are {", ".join(sorted(allowed))}')
        for key in sorted(needed - given):
            reject(f'of kind "{self.kind}" lacks the key "{key}": {type(self).model_fields[key].description}')
        if self.axis is not None and not any(self.axis):
            reject("has axis = [0, 0, 0]; expected a direction")
        if self.kind == "local" and sorted(given & {"axes", "point", "axis"}) not in (["axes"], ["axis", "point"]):
            reject('of kind "local" needs the key "axes", or "point" and "axis" of a cylinder')
        return self
