"""The tables that say what acts on a structure, as pydantic models; private to the parsing in `romtool.io`.

Every key's description is the text of its error message, the text below it its meaning in the documentation.
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
TABLE_WORDS = "the name of one of the [[tables]]"


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
    """Local axes, the same in all elements."""
    euler: Vector | None = Field(default=None, description="a list of three numbers, Bunge's angles in degrees")
    """Angles phi1, Phi, phi2. [degrees]"""
    point: Vector | None = Field(default=None, description="a list of three numbers, a point of the cylinder's axis")
    """A point of the axis of a cylinder: local axes are radial, circumferential, axial. [length]"""
    axis: Vector | None = Field(default=None, description="a list of three numbers, the direction of that axis")
    """Direction of the axis of that cylinder."""
    file: Text | None = Field(default=None, description="the path of a table: element id, three Bunge angles")
    """One line per element."""

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
    """Where the material is; later entries win where sets overlap."""
    law: Text = Field(description="the name of a law")
    """The law, see Material laws."""
    density: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = Field(
        default=None, description="a positive number"
    )
    """Needed by centrifugal loads. [mass/volume]"""
    reference_temperature: Number = Field(default=0.0, description="a number")
    """Where the expansion counts from. [temperature]"""
    convention: Literal["secant", "mean", "instantaneous"] = Field(
        default="secant", description='"secant", "mean" or "instantaneous": what the coefficients of expansion are'
    )
    """What the coefficients of expansion are."""
    definition_temperature: Number | None = Field(default=None, description="a number")
    """With `convention = "mean"`: where its coefficients count from. [temperature]"""
    orientation: OrientationTable | None = None
    """Local axes of laws with directions, a table of its own."""
    library: Text | None = Field(default=None, description="the path of a shared library")
    """Of a UMAT or of MFront's behaviours."""
    function: Text | None = Field(default=None, description="the name of the function in the library")
    """Of a UMAT; `umat` where nothing is said."""
    behaviour: Text | None = Field(default=None, description="the name of MFront's behaviour")
    """Of MGIS."""
    name: Text | None = Field(default=None, description="the name that a UMAT is told, CMNAME")
    """Of a UMAT; the element set in capitals where nothing is said."""
    n_state: Annotated[int, Field(ge=0)] | None = Field(default=None, description="a whole number of at least 0")
    """Of a UMAT: NSTATV."""
    states: dict[str, Count | Annotated[list[Count], Field(min_length=2, max_length=2)] | Text] | None = Field(
        default=None, description='a table: name = number of a state variable, [first, last], or "name in MFront"'
    )
    """Names under which internal variables are shown."""
    props: list[Number] | None = Field(default=None, description="a list of numbers, PROPS")
    """Of a UMAT."""
    properties: dict[str, Number] | None = Field(default=None, description="a table of MFront's material properties")
    """Of MGIS: all material properties of the behaviour."""
    parameters: dict[str, Any] = Field(default={}, description="a table [materials.parameters] of the law's parameters")
    """Numbers, or tables over temperature `[[T, value], …]`. Required, but for libraries."""

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
    """By default that of the node set."""
    nodes: Text = Field(description="the name of a node set")
    """Where displacements are prescribed."""
    components: Annotated[list[Literal["x", "y", "z"]], Field(min_length=1)] = Field(
        default=["x", "y", "z"], description='a list of some of "x", "y", "z"'
    )
    """Which displacements."""
    value: Number = Field(default=0.0, description="a number")
    """The displacement. [length]"""
    table: Text | None = Field(default=None, description=TABLE_WORDS)
    """Amplitude in time; constant without."""


_KINDS = {  # keys that a kind needs, and those that it may have, beside name, kind, table
    "pressure": ({"faces"}, {"faces", "value", "field", "mesh", "on"}),
    "traction": ({"faces", "value"}, {"faces", "value"}),
    "body": ({"value"}, {"elements", "value"}),
    "centrifugal": ({"omega", "point", "axis"}, {"elements", "omega", "point", "axis"}),
}


class LoadEntry(Table):
    """[[loads]], a whole entry; which keys belong to it follows from its kind."""

    name: Text | None = Field(default=None, description="a text")
    """By default that of the side set, else of the element set."""
    kind: Literal["pressure", "centrifugal", "body", "traction"] = Field(
        description='one of "pressure", "centrifugal", "body", "traction"'
    )
    """What acts."""
    faces: Text | None = Field(default=None, description="the name of a side set")
    """Where pressure and traction act."""
    elements: Text = Field(default="all", description='an element set, or "all"')
    """Where body and centrifugal forces act."""
    value: Number | Vector | None = Field(
        default=None, description="a number (pressure) or a list of three numbers (body, traction)"
    )
    """Pressure, positive in compression [stress]; traction [stress] or body force [force/volume]."""
    field: Text | None = Field(default=None, description="the path of a file with the pressure")
    """Pressure that differs from place to place; with `on`. [stress]"""
    mesh: Text | None = Field(default=None, description="the path of the mesh that the field lives on")
    """Where it is not the mesh of the case; of several arrays in `field` the one with the load's `name` counts."""
    on: Literal["face", "node"] = Field(default="face", description='"face" or "node"')
    """Whether `field` has a value per face, in the order of the set, or per node of it, by id."""
    omega: Number | None = Field(default=None, description="a number, in rad per time unit")
    """Speed of a centrifugal load; the table multiplies omega."""
    point: Vector | None = Field(default=None, description="a list of three numbers, a point of the axis")
    """Of a centrifugal load. [length]"""
    axis: Vector | None = Field(default=None, description="a list of three numbers, the direction of the axis")
    """Of a centrifugal load."""
    table: Text | None = Field(default=None, description=TABLE_WORDS)
    """Amplitude in time; constant without."""

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


class TableEntry(Table):
    """[[tables]]: amplitudes in time."""

    name: Text = Field(description="a text")
    """Name of the table."""
    points: Annotated[list[Pair], Field(min_length=1)] = Field(description="a list of pairs [time, value]")
    """Times that do not decrease; linear between, constant outside. A time given twice is a jump. [time, factor]"""
    cycles: Count = Field(default=1, description=COUNT_WORDS)
    """How often the table is run through."""

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
    """When; entries in increasing order. [time]"""
    value: Number | None = Field(default=None, description="a number")
    """The same everywhere; exactly one of `value`, `field`, `expression`. [temperature]"""
    field: Text | None = Field(default=None, description="the path of a file with the temperature at the nodes")
    """One number per node, or on the mesh of `mesh`. [temperature]"""
    mesh: Text | None = Field(default=None, description="the path of the mesh that the field lives on")
    """Where it is not the mesh of the case; may be the file itself."""
    name: Text | None = Field(default=None, description="the name of the field in the file")
    """Array in the file; of Z-set's `.node` the number of the record."""
    expression: Text | None = Field(default=None, description="an expression of x, y, z")
    """See below. [temperature]"""
    scale: Number = Field(default=1.0, description="a number")
    """The temperature is `scale * field + offset`."""
    offset: Number = Field(default=0.0, description="a number")
    """See `scale`. [temperature]"""

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
    """T_0: where there are no entries, and of the thermal strain. [temperature]"""
    entries: list[TemperaturePoint] = Field(default=[])
    """The history, linear between, constant outside; a list of tables."""

    @model_validator(mode="after")
    def _times_grow(self) -> "TemperatureTable":
        times = [entry.time for entry in self.entries]
        if any(b <= a for a, b in pairwise(times)):
            reject("has entries whose times do not increase; sort them, one entry per time")
        return self


class InitialEntry(Table):
    """One of the entries of [initial]."""

    field: Literal["stress", "inelastic_strain", "p"] = Field(description='one of "stress", "inelastic_strain", "p"')
    """What the material holds at the first time."""
    elements: Text = Field(default="all", description='an element set, or "all"')
    """Where; of two entries of one field the later wins where they meet."""
    value: Number | Annotated[list[Number], Field(min_length=6, max_length=6)] | None = Field(
        default=None, description="a number (p), or a list of six numbers xx, yy, zz, xy, yz, zx"
    )
    """The same at all points; exactly one of `value`, `file`."""
    file: Text | None = Field(default=None, description="the path of a solution, a result or a .npy file")
    """Values at the integration points: the end of a solution or result, or an array (n_points, n_components)."""
    name: Text | None = Field(default=None, description="the name of the field in the solution or result")
    """Where it is not that of `field`."""

    @model_validator(mode="after")
    def _one_value(self) -> "InitialEntry":
        if (self.value is None) == (self.file is None):
            reject('needs one of the keys "value" and "file"')
        if self.value is not None and isinstance(self.value, list) != (self.field != "p"):
            reject(f"of {self.field} has value = {self.value}; expected {'one number' if self.field == 'p' else 'six'}")
        if self.name is not None and self.file is None:
            reject('has the key "name" without "file"; it names a field in there')
        return self


class InitialTable(Table):
    """[initial]: stress and plastic strain that the undeformed body holds, for `solve` and `online`."""

    entries: list[InitialEntry] = Field(default=[])
    """One per field and place, a list of tables. A stress is that of the undeformed body, balanced or not."""

    @model_validator(mode="after")
    def _says_something(self) -> "InitialTable":
        if not self.entries:
            reject('lacks the key "entries": a list of tables with field, and value or file')
        return self


class StopTable(Table):
    """[time] stop: when an online march through cycles ends early."""

    tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(default=1e-2, description="a number between 0 and 1")
    """Largest relative change of what a cycle adds."""
    cycles: Count = Field(default=3, description=COUNT_WORDS)
    """How many cycles in a row change by less."""


class AdaptiveTable(Table):
    """[time] adaptive, with its limits."""

    tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(default=5e-2, description="a number between 0 and 1")
    """Error of p in a step, relative to its largest increment; over a run the error stays below this part of p."""
    strain_increment: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = Field(
        default=2e-3, description="a positive number"
    )
    """Largest change of the strain in a step."""


class TimeTable(Table):
    """[time]: the increments, the intervals without viscous flow, and how an online march goes through them."""

    points: Annotated[list[Number], Field(min_length=2)] | None = Field(
        default=None, description="a list of at least two increasing numbers"
    )
    """The increments; the first is the initial state. By default those of the deck, else the output times. [time]"""
    rate_independent: list[Pair] | None = Field(default=None, description="a list of intervals [start, end]")
    """No viscous flow in these intervals; by default the deck's `*STATIC` steps. [time]"""
    stop: StopTable | None = None
    """Where a run over many cycles ends early."""
    adaptive: bool | AdaptiveTable | None = Field(
        default=None, description="true, false, or a table { tolerance, strain_increment }"
    )
    """Steps chosen by their error, online; of `points` the ends are kept, and points of tables and temperatures met."""

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
