"""What a case file and a load file may hold, as pydantic models; private to the parsing in `romtool.io`.

The keys are those of DESIGN section 2. Every key's description is the text of its error message.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from romtool.io.schema_loading import (
    COUNT_WORDS,
    ConstraintEntry,
    Count,
    DirichletEntry,
    LoadEntry,
    MaterialEntry,
    Number,
    TableEntry,
    TemperatureTable,
    Text,
    TimeTable,
    Vector,
)
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


def _folder_name(value: str) -> str:
    """Refuse names that cannot be the name of a folder."""
    if value != value.strip() or value in {"", ".", ".."} or set(value) & set('/\\\0\n\r\t:*?"<>|'):
        raise ValueError("not usable as a folder's name")
    return value


Name = Annotated[str, AfterValidator(_folder_name)]
_NAME = 'a text that can name a folder (without / \\ : * ? " < > |)'


class Units(Table):
    """Labels of the units."""

    length: Text | None = Field(default=None, description='a label, e.g. "mm"')
    force: Text | None = Field(default=None, description='a label, e.g. "N"')
    time: Text | None = Field(default=None, description='a label, e.g. "s"')
    temperature: Text | None = Field(default=None, description='a label, e.g. "degC"')


class CaseHead(Table):
    """[case]."""

    name: Name = Field(description=_NAME)
    units: Units = Field(default=Units())


class SimulationEntry(Table):
    """[[simulations]]: a training computation."""

    name: Name = Field(description=_NAME)
    deck: Text | None = Field(default=None, description="the path of the solver's input deck")
    results: Text | list[Text] = Field(
        default=[], description="a path, or a list of paths, of result files or a folder"
    )
    load: Text | None = Field(default=None, description="the path of a load file")

    @model_validator(mode="after")
    def _has_source(self) -> "SimulationEntry":
        if not self.deck and not self.results:
            reject('lacks the key "results" (files of the solver, or a folder of `romtool solve`) or "deck"')
        return self


class MeshEntry(Table):
    """[mesh]."""

    file: Text = Field(description="the path of a mesh file")


class PartitionTable(Table):
    """[partition]."""

    subdomains: Count = Field(default=PartitionSettings.subdomains, description=COUNT_WORDS)


class PodTable(Table):
    """[pod]."""

    tolerance: Tolerance = Field(default=PodSettings.tolerance, description=_FRACTION)
    inner_product: Literal["h1", "l2", "energy"] = Field(
        default=PodSettings.inner_product, description='one of "h1", "l2", "energy"'
    )
    max_modes: Count = Field(default=PodSettings.max_modes, description=COUNT_WORDS)
    memory: Annotated[float, Field(gt=0.0)] = Field(
        default=PodSettings.memory, description="a positive number of gigabytes"
    )


class QuadratureTable(Table):
    """[quadrature]."""

    tolerance: Tolerance = Field(default=QuadratureSettings.tolerance, description=_FRACTION)


class DualTable(Table):
    """[duals]."""

    fields: list[Text] = Field(default=list(DualSettings.fields), description="a list of names of fields")
    tolerance: Tolerance = Field(default=DualSettings.tolerance, description=_FRACTION)

    @model_validator(mode="after")
    def _are_distinct(self) -> "DualTable":
        require_unique(self.fields, "the field")
        return self


class ClusterTable(Table):
    """[clusters]."""

    count: Count | Literal["auto"] = Field(default=ClusterSettings.count, description=f'{COUNT_WORDS}, or "auto"')
    by: Literal["simulation", "time"] = Field(default=ClusterSettings.by, description='"simulation" or "time"')
    dissimilarity: Literal["sine", "euclidean"] = Field(
        default=ClusterSettings.dissimilarity, description='"sine" or "euclidean"'
    )
    field: Text = Field(default=ClusterSettings.field, description="the name of a field")
    overlap: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=ClusterSettings.overlap, description="a number between 0 and 1"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=ClusterSettings.seed, description="a whole number of at least 0")
    certainty: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=ClusterSettings.certainty, description="a number between 0 and 1"
    )
    max_count: Count = Field(default=ClusterSettings.max_count, description=COUNT_WORDS)
    budget: Annotated[float, Field(gt=0.0)] | None = Field(default=None, description="a positive number of hours")
    simulation_hours: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None, description="a positive number of hours"
    )


class IndicatorTable(Table):
    """[indicator]."""

    tolerance: Tolerance = Field(default=IndicatorSettings.tolerance, description=_FRACTION)


class BalanceTable(Table):
    """[balance]."""

    tolerance: Tolerance = Field(default=BalanceSettings.tolerance, description=_FRACTION)
    limit: Annotated[float, Field(gt=0.0)] = Field(default=BalanceSettings.limit, description="a positive number")


class NewtonTable(Table):
    """[newton]."""

    tolerance: Tolerance = Field(default=NewtonSettings.tolerance, description=_FRACTION)
    max_iterations: Count = Field(default=NewtonSettings.max_iterations, description=COUNT_WORDS)
    max_cuts: Annotated[int, Field(ge=0)] = Field(
        default=NewtonSettings.max_cuts, description="a whole number of at least 0"
    )


class HifiTable(Table):
    """[hifi]."""

    solver: Literal["direct", "iterative"] = Field(default=HifiSettings.solver, description='"direct" or "iterative"')


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
    kind: Literal["displacement", "point", "maximum", "mean", "percentile", "reaction", "energy", "dissipation"] = (
        Field(description=_KIND_WORDS)
    )
    nodes: Text | None = Field(default=None, description="the name of a node set")
    elements: Text = Field(default="all", description='an element set, or "all"')
    field: Text | None = Field(default=None, description="the name of a field")
    component: Text | None = Field(default=None, description='a component: "x", "xx", "mises", "magnitude" …')
    at: Vector | None = Field(default=None, description="a list of three numbers, a place")
    percentile: Annotated[float, Field(ge=0.0, le=100.0)] | None = Field(
        default=None, description="a number between 0 and 100"
    )

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


class CaseFile(Table):
    """A case file."""

    noun: ClassVar[str] = "table"

    case: CaseHead
    simulations: list[SimulationEntry] = Field(default=[])
    mesh: MeshEntry | None = None
    materials: list[MaterialEntry] = Field(default=[])
    dirichlet: list[DirichletEntry] = Field(default=[])
    loads: list[LoadEntry] = Field(default=[])
    tables: list[TableEntry] = Field(default=[])
    constraints: list[ConstraintEntry] = Field(default=[])
    temperature: TemperatureTable | None = None
    time: TimeTable | None = None
    partition: PartitionTable = Field(default=PartitionTable())
    pod: PodTable = Field(default=PodTable())
    quadrature: QuadratureTable = Field(default=QuadratureTable())
    duals: DualTable = Field(default=DualTable())
    clusters: ClusterTable = Field(default=ClusterTable())
    indicator: IndicatorTable = Field(default=IndicatorTable())
    balance: BalanceTable = Field(default=BalanceTable())
    newton: NewtonTable = Field(default=NewtonTable())
    hifi: HifiTable = Field(default=HifiTable())
    quantities: list[QuantityEntry] = Field(default=[])

    @model_validator(mode="after")
    def _names_are_unique(self) -> "CaseFile":
        require_unique([entry.name for entry in self.simulations], "[[simulations]]")
        require_unique([entry.elements for entry in self.materials], "[[materials]] of elements")
        require_unique([entry.name for entry in self.quantities], "[[quantities]]")
        require_unique([entry.name for entry in self.constraints], "[[constraints]]")
        _check_names(self.dirichlet, self.loads, self.tables)
        return self


class ScaledEntry(Table):
    """An entry of a load file that keeps the case's entry, scaled, or removes it."""

    name: Text = Field(description="the name of an entry of the case")
    scale: Number | None = Field(default=None, description="a number")
    remove: Literal[True] | None = Field(default=None, description="true")

    @model_validator(mode="before")
    @classmethod
    def _stands_alone(cls, data: Any) -> Any:
        """Refuse keys of a whole entry beside `scale` and `remove`."""
        whole = {*LoadEntry.model_fields, *TableEntry.model_fields, *DirichletEntry.model_fields} - {"name"}
        for key in sorted(whole & data.keys()):
            reject(f'has "{key}" beside scale or remove; give a whole entry, or only name and scale or remove')
        return data

    @model_validator(mode="after")
    def _does_one_thing(self) -> "ScaledEntry":
        if self.scale is not None and self.remove:
            reject('has "scale" and "remove"; give one of them')
        return self


class ScaledTemperature(Table):
    """[temperature] of a load file that scales the case's entries (not its initial temperature)."""

    scale: Number = Field(default=1.0, description="a number")
    offset: Number = Field(default=0.0, description="a number")

    @model_validator(mode="before")
    @classmethod
    def _stands_alone(cls, data: Any) -> Any:
        """Refuse keys of a whole temperature beside `scale` and `offset`."""
        for key in sorted(TemperatureTable.model_fields.keys() & data.keys()):
            reject(f'has "{key}" beside scale or offset; give a whole temperature, or only scale and offset')
        return data


class WholeLoad(LoadEntry):
    """[[loads]] of a load file that replaces the case's entry."""

    hint: ClassVar[str] = "; a load file replaces whole entries, `scale` alone multiplies"


class WholeTable(TableEntry):
    """[[tables]] of a load file that replaces the case's entry."""

    hint: ClassVar[str] = WholeLoad.hint


class WholeDirichlet(DirichletEntry):
    """[[dirichlet]] of a load file that replaces the case's entry."""

    hint: ClassVar[str] = WholeLoad.hint


def _form(data: Any) -> str:
    """Tell a whole entry from one that scales or removes."""
    return "(scaled)" if isinstance(data, dict) and data.keys() & {"scale", "offset", "remove"} else "(whole)"


_Scaled = Annotated[ScaledEntry, Tag("(scaled)")]


class LoadCaseFile(Table):
    """A load file."""

    noun: ClassVar[str] = "key or table"

    name: Name = Field(description=_NAME)
    loads: list[Annotated[Annotated[WholeLoad, Tag("(whole)")] | _Scaled, Discriminator(_form)]] = Field(default=[])
    tables: list[Annotated[Annotated[WholeTable, Tag("(whole)")] | _Scaled, Discriminator(_form)]] = Field(default=[])
    dirichlet: list[Annotated[Annotated[WholeDirichlet, Tag("(whole)")] | _Scaled, Discriminator(_form)]] = Field(
        default=[]
    )
    temperature: (
        Annotated[
            Annotated[TemperatureTable, Tag("(whole)")] | Annotated[ScaledTemperature, Tag("(scaled)")],
            Discriminator(_form),
        ]
        | None
    ) = None
    time: TimeTable | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> "LoadCaseFile":
        _check_names(self.dirichlet, self.loads, self.tables)
        return self


def _check_names(
    dirichlet: Sequence[DirichletEntry | ScaledEntry],
    loads: Sequence[LoadEntry | ScaledEntry],
    tables: Sequence[TableEntry | ScaledEntry],
) -> None:
    """Refuse an entry whose name, given or taken from its set, stands twice."""
    for what, entries in (("[[dirichlet]]", dirichlet), ("[[loads]]", loads), ("[[tables]]", tables)):
        require_unique([entry_name(entry) for entry in entries], what)


def entry_name(entry: DirichletEntry | LoadEntry | TableEntry | ScaledEntry) -> str:
    """Return the name of an entry: its own, else that of its set."""
    match entry:
        case DirichletEntry():
            return entry.name or entry.nodes
        case LoadEntry():
            return entry.name or entry.faces or entry.elements
    return entry.name
