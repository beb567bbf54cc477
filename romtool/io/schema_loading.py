"""The tables that say what acts on a structure, as pydantic models; private to the parsing in `romtool.io`.

Every key's description is the text of its error message.
"""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from romtool.errors import CaseError
from romtool.expression import check_expression
from romtool.io.validation import Table, reject, reject_value

Number = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Vector = Annotated[list[Number], Field(min_length=3, max_length=3)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Count = Annotated[int, Field(ge=1)]

COUNT_WORDS = "a whole number of at least 1"
_TABLE = "the name of one of the [[tables]]"


def _numbers(value: Any) -> bool:
    """Tell whether a value is a finite number or nested lists of them."""
    if isinstance(value, list):
        return bool(value) and all(map(_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


class OrientationTable(Table):
    """orientation of [[materials]]: local axes, said in one way."""

    axes: Annotated[list[Vector], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="two lists of three numbers: local x, and a vector in the local xy plane"
    )
    euler: Vector | None = Field(default=None, description="a list of three numbers, Bunge's angles in degrees")
    point: Vector | None = Field(default=None, description="a list of three numbers, a point of the cylinder's axis")
    axis: Vector | None = Field(default=None, description="a list of three numbers, the direction of that axis")
    file: Text | None = Field(default=None, description="the path of a table: element id, three Bunge angles")

    @model_validator(mode="after")
    def _one_way(self) -> "OrientationTable":
        given = sorted(self.model_fields_set)
        if given not in (["axes"], ["euler"], ["axis", "point"], ["file"]):
            found = " and ".join(given) or "nothing"
            reject(f'has {found}; give "axes", or "euler", or "point" and "axis" of a cylinder, or "file"')
        if self.axis is not None and not any(self.axis):
            reject("has axis = [0, 0, 0]; expected a direction")
        return self


_PLUGIN_KEYS = ("library", "function", "behaviour", "name", "n_state", "states", "props", "properties")


class MaterialEntry(Table):
    """[[materials]]."""

    elements: Text = Field(default="all", description='an element set, or "all"')
    law: Text = Field(description="the name of a law")
    density: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = Field(
        default=None, description="a positive number"
    )
    reference_temperature: Number = Field(default=0.0, description="a number")
    convention: Literal["secant", "mean", "instantaneous"] = Field(
        default="secant", description='"secant", "mean" or "instantaneous": what the coefficients of expansion are'
    )
    definition_temperature: Number | None = Field(default=None, description="a number")
    orientation: OrientationTable | None = None
    library: Text | None = Field(default=None, description="the path of a shared library")
    function: Text | None = Field(default=None, description="the name of the function in the library")
    behaviour: Text | None = Field(default=None, description="the name of MFront's behaviour")
    name: Text | None = Field(default=None, description="the name that a UMAT is told, CMNAME")
    n_state: Annotated[int, Field(ge=0)] | None = Field(default=None, description="a whole number of at least 0")
    states: dict[str, Count | Annotated[list[Count], Field(min_length=2, max_length=2)] | Text] | None = Field(
        default=None, description='a table: name = number of a state variable, [first, last], or "name in MFront"'
    )
    props: list[Number] | None = Field(default=None, description="a list of numbers, PROPS")
    properties: dict[str, Number] | None = Field(default=None, description="a table of MFront's material properties")
    parameters: dict[str, Any] = Field(default={}, description="a table [materials.parameters] of the law's parameters")

    @model_validator(mode="after")
    def _fits_law(self) -> "MaterialEntry":
        needed, more = _PLUGINS.get(self.law, ((), ()))
        given = [key for key in _PLUGIN_KEYS if key in self.model_fields_set]
        for key in needed:
            if key not in given:
                reject(f'of law "{self.law}" lacks the key "{key}": {type(self).model_fields[key].description}')
        for key in given:
            if key not in (*needed, *more):
                reject(f'of law "{self.law}" has no key "{key}"')
        if not needed and "parameters" not in self.model_fields_set:
            reject(f'lacks the key "parameters": {type(self).model_fields["parameters"].description}')
        if any(isinstance(value, str) != (self.law == "mgis") for value in (self.states or {}).values()):
            reject("has states of the other kind: numbers belong to a UMAT, names to MFront's behaviours")
        if (self.convention == "mean") != (self.definition_temperature is not None):
            reject('needs convention = "mean" and "definition_temperature" together')
        return self

    @field_validator("parameters")
    @classmethod
    def _are_numbers(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key, item in value.items():
            if not _numbers(item):
                reject_value(f"has the parameter {key} = {item!r}; expected a number or nested lists [[T, value], …]")
        return value


_PLUGINS = {  # keys that a law of a library needs, and those that it may have
    "umat": (("library", "n_state", "props"), ("function", "name", "states")),
    "mgis": (("library", "behaviour"), ("properties", "states")),
}


class DirichletEntry(Table):
    """[[dirichlet]]."""

    name: Text | None = Field(default=None, description="a text")
    nodes: Text = Field(description="the name of a node set")
    components: Annotated[list[Literal["x", "y", "z"]], Field(min_length=1)] = Field(
        default=["x", "y", "z"], description='a list of some of "x", "y", "z"'
    )
    value: Number = Field(default=0.0, description="a number")
    table: Text | None = Field(default=None, description=_TABLE)


_KINDS = {  # keys that a kind needs, and those that it may have, beside name, kind, table
    "pressure": ({"faces"}, {"faces", "value", "field", "mesh", "on"}),
    "traction": ({"faces", "value"}, {"faces", "value"}),
    "body": ({"value"}, {"elements", "value"}),
    "centrifugal": ({"omega", "point", "axis"}, {"elements", "omega", "point", "axis"}),
}


class LoadEntry(Table):
    """[[loads]], a whole entry; which keys belong to it follows from its kind."""

    name: Text | None = Field(default=None, description="a text")
    kind: Literal["pressure", "centrifugal", "body", "traction"] = Field(
        description='one of "pressure", "centrifugal", "body", "traction"'
    )
    faces: Text | None = Field(default=None, description="the name of a side set")
    elements: Text = Field(default="all", description='an element set, or "all"')
    value: Number | Vector | None = Field(
        default=None, description="a number (pressure) or a list of three numbers (body, traction)"
    )
    field: Text | None = Field(default=None, description="the path of a file with the pressure")
    mesh: Text | None = Field(default=None, description="the path of the mesh that the field lives on")
    on: Literal["face", "node"] = Field(default="face", description='"face" or "node"')
    omega: Number | None = Field(default=None, description="a number, in rad per time unit")
    point: Vector | None = Field(default=None, description="a list of three numbers, a point of the axis")
    axis: Vector | None = Field(default=None, description="a list of three numbers, the direction of the axis")
    table: Text | None = Field(default=None, description=_TABLE)

    @model_validator(mode="after")
    def _fits_kind(self) -> "LoadEntry":
        needed, allowed = _KINDS[self.kind]
        given = self.model_fields_set - {"name", "kind", "table"}
        for key in sorted(given - allowed):
            reject(f'of kind "{self.kind}" has no key "{key}"; its keys are {", ".join(sorted(allowed))}')
        for key in sorted(needed - given):
            reject(f'of kind "{self.kind}" lacks the key "{key}": {type(self).model_fields[key].description}')
        if self.kind == "pressure":
            self._check_pressure(given)
        elif self.kind == "centrifugal" and not any(self.axis or ()):
            reject("has axis = [0, 0, 0]; expected a direction")
        elif self.kind != "centrifugal" and not isinstance(self.value, list):
            reject(f'of kind "{self.kind}" has value = {self.value}; expected a list of three numbers')
        return self

    def _check_pressure(self, given: set[str]) -> None:
        """Refuse a pressure with no or two values, or a field that does not say what it runs over."""
        if ("value" in given) == ("field" in given):
            reject('of kind "pressure" needs one of the keys "value" (a number) and "field" (a file)')
        if "value" in given and isinstance(self.value, list):
            reject(f'of kind "pressure" has value = {self.value}; expected a number')
        if ("on" in given) != ("field" in given):
            reject('needs the keys "field" and "on" together: on = "face" or "node" is what the field runs over')
        if "mesh" in given and "field" not in given:
            reject('has the key "mesh" without "field", which lives on that mesh')


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
    kind: Literal["equation", "rigid", "mean", "tie", "cyclic", "local"] = Field(
        description='one of "equation", "rigid", "mean", "tie", "cyclic", "local"'
    )
    terms: Annotated[list[list[Count | _UNKNOWN | Number]], Field(min_length=1)] | None = Field(
        default=None, description='a list of [node id, "x", coefficient]; components of reference nodes also "rx" …'
    )
    nodes: Text | None = Field(default=None, description="the name of a node set or side set")
    reference: Count | None = Field(default=None, description="the id of the reference node")
    slave: Text | None = Field(default=None, description="the name of a node set or side set")
    master: Text | None = Field(default=None, description="the name of a side set")
    sectors: Annotated[int, Field(ge=2)] | None = Field(default=None, description="a whole number of at least 2")
    tolerance: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = Field(
        default=None, description="a positive number, a distance"
    )
    components: Annotated[list[Literal["x", "y", "z"]], Field(min_length=1)] = Field(
        default=["x", "y", "z"], description='a list of some of "x", "y", "z"'
    )
    directions: Annotated[list[Literal[1, 2, 3]], Field(min_length=1)] | None = Field(
        default=None, description="a list of some of 1, 2, 3, the local directions that are prescribed"
    )
    axes: Annotated[list[Vector], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="two lists of three numbers: local x, and a vector in the local xy plane"
    )
    point: Vector | None = Field(default=None, description="a list of three numbers, a point")
    axis: Vector | None = Field(default=None, description="a list of three numbers, the direction of an axis")
    value: Number = Field(default=0.0, description="a number")
    table: Text | None = Field(default=None, description=_TABLE)

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


class TableEntry(Table):
    """[[tables]]: amplitudes in time."""

    name: Text = Field(description="a text")
    points: Annotated[list[Pair], Field(min_length=1)] = Field(description="a list of pairs [time, value]")
    cycles: Count = Field(default=1, description=COUNT_WORDS)

    @model_validator(mode="after")
    def _times_grow(self) -> "TableEntry":
        times = [point[0] for point in self.points]
        if any(b < a for a, b in pairwise(times)):
            reject("has points whose times decrease; sort them by time")
        if self.cycles > 1 and times[-1] <= times[0]:
            reject(f"has cycles = {self.cycles} but no duration; expected points at two times at least")
        return self


class TemperaturePoint(Table):
    """One of the entries of [temperature]."""

    time: Number = Field(description="a number")
    value: Number | None = Field(default=None, description="a number")
    field: Text | None = Field(default=None, description="the path of a file with the temperature at the nodes")
    mesh: Text | None = Field(default=None, description="the path of the mesh that the field lives on")
    name: Text | None = Field(default=None, description="the name of the field in the file")
    expression: Text | None = Field(default=None, description="an expression of x, y, z")
    scale: Number = Field(default=1.0, description="a number")
    offset: Number = Field(default=0.0, description="a number")

    @field_validator("expression")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        try:
            check_expression(value or "0")
        except CaseError as error:
            reject_value(f"has an {error}")
        return value

    @model_validator(mode="after")
    def _one_value(self) -> "TemperaturePoint":
        given = [key for key in ("value", "field", "expression") if getattr(self, key) is not None]
        if len(given) != 1:
            found = f"has {' and '.join(given)}" if given else "has no temperature"
            reject(f'{found}; give exactly one of "value", "field", "expression"')
        if self.name is not None and self.field is None:
            reject('has the key "name" without "field"; it names a field of that file')
        if self.mesh is not None and self.field is None:
            reject('has the key "mesh" without "field", which lives on that mesh')
        return self


class TemperatureTable(Table):
    """[temperature], a whole one."""

    initial: Number = Field(description="a number, the temperature at the beginning")
    entries: list[TemperaturePoint] = Field(default=[])

    @model_validator(mode="after")
    def _times_grow(self) -> "TemperatureTable":
        times = [entry.time for entry in self.entries]
        if any(b <= a for a, b in pairwise(times)):
            reject("has entries whose times do not increase; sort them, one entry per time")
        return self


class StopTable(Table):
    """[time] stop: when an online march through cycles ends early."""

    tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(default=1e-2, description="a number between 0 and 1")
    cycles: Count = Field(default=3, description=COUNT_WORDS)


class AdaptiveTable(Table):
    """[time] adaptive, with its limits."""

    tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(default=5e-2, description="a number between 0 and 1")
    strain_increment: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = Field(
        default=2e-3, description="a positive number"
    )


class TimeTable(Table):
    """[time]: the increments, the intervals without viscous flow, and how an online march goes through them."""

    points: Annotated[list[Number], Field(min_length=2)] | None = Field(
        default=None, description="a list of at least two increasing numbers"
    )
    rate_independent: list[Pair] | None = Field(default=None, description="a list of intervals [start, end]")
    stop: StopTable | None = None
    adaptive: bool | AdaptiveTable | None = Field(
        default=None, description="true, false, or a table { tolerance, strain_increment }"
    )

    @model_validator(mode="after")
    def _times_grow(self) -> "TimeTable":
        if not self.model_fields_set:
            reject('lacks the key "points": a list of at least two increasing numbers')
        points = self.points or []
        if any(b <= a for a, b in pairwise(points)):
            reject("has points that do not increase; give each time once, in increasing order")
        for start, end in self.rate_independent or []:
            if end <= start:
                reject(f"has rate_independent = [{start}, {end}]; expected an interval with start < end")
        return self
