"""What a case file and a load file may hold, as pydantic models; private to the parsing in `romtool.io`.

Every key's description is the text of its error message, the text below it its meaning in the documentation.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from romtool.io.schema_constraints import ConstraintEntry
from romtool.io.schema_loading import (
    DirichletEntry,
    InitialTable,
    LoadEntry,
    MaterialEntry,
    Number,
    TableEntry,
    TemperatureTable,
    Text,
    TimeTable,
)
from romtool.io.schema_settings import (
    BalanceTable,
    ClusterTable,
    DualTable,
    HifiTable,
    IndicatorTable,
    NewtonTable,
    PartitionTable,
    PodTable,
    QuadratureTable,
    QuantityEntry,
)
from romtool.io.validation import Table, reject, require_unique


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
    """Of lengths."""
    force: Text | None = Field(default=None, description='a label, e.g. "N"')
    """Of forces."""
    time: Text | None = Field(default=None, description='a label, e.g. "s"')
    """Of times."""
    temperature: Text | None = Field(default=None, description='a label, e.g. "degC"')
    """Of temperatures."""


class CaseHead(Table):
    """[case]."""

    name: Name = Field(description=_NAME)
    """Name of the case."""
    units: Units = Field(default=Units())
    """Labels for reports, one text each for `length`, `force`, `time`, `temperature`; nothing is converted."""


class SimulationEntry(Table):
    """[[simulations]]: a training computation."""

    name: Name = Field(description=_NAME)
    """Name of the simulation, each one its own."""
    deck: Text | None = Field(default=None, description="the path of the solver's input deck")
    """Where mesh, materials, supports, loads, temperature and increments come from."""
    results: Text | list[Text] = Field(
        default=[], description="a path, or a list of paths, of result files or a folder"
    )
    """Where the displacements come from: files of the solver, or the folder that `romtool solve` wrote (`ref/LOAD`)."""
    load: Text | None = Field(default=None, description="the path of a load file")
    """How this computation differs from the case's own loading."""

    @model_validator(mode="after")
    def _has_source(self) -> "SimulationEntry":
        if not self.deck and not self.results:
            reject('lacks the key "results" (files of the solver, or a folder of `romtool solve`) or "deck"')
        return self


class MeshEntry(Table):
    """[mesh]."""

    file: Text = Field(description="the path of a mesh file")
    """The mesh, where neither deck nor results hold it."""


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
    """The entry of the case."""
    scale: Number | None = Field(default=None, description="a number")
    """Multiplies pressure, vector, displacement, the values of a table, or *omega*."""
    remove: Literal[True] | None = Field(default=None, description="true")
    """Removes the entry."""

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
    """Every entry of the case becomes `scale * T + offset`."""
    offset: Number = Field(default=0.0, description="a number")
    """See `scale`; `initial` stays. [temperature]"""

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
    """Name of the load and of the folder of its result, each one of a command its own."""
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
    initial: InitialTable | None = None

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
