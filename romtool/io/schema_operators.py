"""What the case file of parameter-dependent operators may hold, as pydantic models; private to the parsing.

Every key's description is the text of its error message, the text below it its meaning in the documentation.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from romtool.errors import CaseError
from romtool.expression import FUNCTIONS, parse_expression
from romtool.io.schema import Name
from romtool.io.schema_loading import COUNT_WORDS, Count, Number, Pair, Text
from romtool.io.validation import Table, reject, require_unique

COORDINATES = ("x", "y", "z")
Tolerance = Annotated[float, Field(ge=0.0, lt=1.0)]
_TOLERANCE = "a number of at least 0, below 1"
Pattern = Annotated[str, Field(pattern=r"^[^{}]*\{\}[^{}/]*$")]
_PATTERN = 'a path with "{}" in the name of the file, where the number of the parameter goes'
_SOURCES = ("functions", "plugin", "entries")


def _free_name(value: str) -> str:
    """Refuse names of parameters that expressions and lists use for something else."""
    if not value.isidentifier() or value in (*COORDINATES, "pi", "number", "file", *FUNCTIONS):
        raise ValueError("not a free name")
    return value


ParameterName = Annotated[str, AfterValidator(_free_name)]


class CaseHead(Table):
    """[case]."""

    name: Name = Field(description="a text that can name a folder")
    """Name of the case."""


class ParameterEntry(Table):
    """[[parameters]]."""

    name: ParameterName = Field(
        description="a name made of letters, digits and _ that is no function and not x, y, z, pi, number, file"
    )
    """As in expressions and in the columns of lists."""
    range: Pair = Field(description="a list of two numbers, the smaller first")
    """Smallest and largest value; outside is an error."""
    samples: Count = Field(default=100, description=COUNT_WORDS)
    """Training values along this component; the training is the full grid."""
    spacing: Literal["linear", "log"] = Field(default="linear", description='"linear" or "log"')
    """Of the training values."""

    @model_validator(mode="after")
    def _ascends(self) -> "ParameterEntry":
        if not self.range[0] < self.range[1]:
            reject(f"has range = {self.range}; expected two numbers, the smaller first")
        if self.spacing == "log" and self.range[0] <= 0.0:
            reject(f'has spacing = "log" with range = {self.range}; expected a positive range')
        return self


class GridPoints(Table):
    """points = { x = [from, to, count] }."""

    x: Annotated[list[Number], Field(min_length=3, max_length=3)] = Field(description="[from, to, count]")
    """Coordinates along x."""
    y: Annotated[list[Number], Field(min_length=3, max_length=3)] | None = Field(
        default=None, description="[from, to, count]"
    )
    """Along y."""
    z: Annotated[list[Number], Field(min_length=3, max_length=3)] | None = Field(
        default=None, description="[from, to, count]"
    )
    """Along z."""

    @model_validator(mode="after")
    def _can_be_counted(self) -> "GridPoints":
        if self.z is not None and self.y is None:
            reject("has z without y")
        for axis in (self.x, self.y, self.z):
            if axis is not None and (axis[2] < 1 or axis[2] != int(axis[2])):
                reject(f"has {axis}; expected [from, to, count] with a whole count of at least 1")
        return self


class SourceTable(Table):
    """What [operator] and [rhs] have in common."""

    functions: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="a list of expressions"
    )
    """`g_r(mu, x)`: all that multiplies fixed matrices in the assembly."""
    plugin: Text | None = Field(default=None, description="the name of an installed plug-in")
    """A function of Python in place of expressions."""
    points: Text | GridPoints | None = Field(
        default=None, description="the path of a table of coordinates, or { x = [from, to, count] }"
    )
    """Where the functions are evaluated."""
    entries: Text | None = Field(default=None, description="the path of an .npz file with parameters and values")
    """Values of chosen entries of the matrices in place of functions."""
    method: Literal["eim", "deim", "qdeim"] = Field(default="eim", description='one of "eim", "deim", "qdeim"')
    """How the parameters to export are chosen."""
    tolerance: Tolerance = Field(default=1e-8, description=_TOLERANCE)
    """Of the functions, relative to the largest value of each."""
    max_terms: Count = Field(default=50, description=COUNT_WORDS)
    """Exported matrices at most."""

    def check_source(self) -> None:
        """Refuse, from inside a validator, none or several sources of the coefficients."""
        given = [key for key in _SOURCES if getattr(self, key) is not None]
        if len(given) != 1:
            reject(f"has {' and '.join(given) or 'none'} of {', '.join(_SOURCES)}; give one of them")
        if self.entries is not None and self.points is not None:
            reject('has "points" beside "entries", which have none')


class OperatorTable(SourceTable):
    """[operator]."""

    files: Pattern = Field(description=_PATTERN)
    """The exported matrices; `{}` is the four-digit number of the parameter, from 0001."""
    forms: Literal["any", "positive"] = Field(default="any", description='"any" or "positive"')
    """`"positive"`: A is a sum of positive semidefinite forms, each times one `g_r` at one of the points."""

    @model_validator(mode="after")
    def _has_source(self) -> "OperatorTable":
        self.check_source()
        if self.forms == "positive" and self.entries is not None:
            reject('has forms = "positive" with entries; expected functions or a plug-in')
        return self


class RhsTable(SourceTable):
    """[rhs]."""

    files: Pattern | None = Field(default=None, description=_PATTERN)
    """The exported vectors."""
    file: Text | None = Field(default=None, description="the path of a vector")
    """Instead of everything else, where it does not depend on the parameters."""

    @model_validator(mode="after")
    def _is_constant_or_not(self) -> "RhsTable":
        if self.file is None:
            self.check_source()
            if self.files is None:
                reject(f'lacks the key "files": {_PATTERN}; or "file" where it does not depend on the parameters')
        elif self.model_fields_set != {"file"}:
            reject('has other keys beside "file", which says that it does not depend on the parameters')
        return self


class BasisTable(Table):
    """[basis]."""

    problem: Literal["coercive", "general"] = Field(default="general", description='"coercive" or "general"')
    """Hermitian positive definite (a bound), or not (an indicator)."""
    tolerance: Tolerance = Field(default=1e-4, description=_TOLERANCE)
    """Largest bound on the training, relative to the norm of the solution."""
    max_modes: Count = Field(default=60, description=COUNT_WORDS)
    """Number of modes at most."""
    norm: Text | None = Field(default=None, description='"reference", "euclidean", or the path of a matrix')
    """In which errors are measured."""
    reference: dict[str, Number] | None = Field(default=None, description="a table of one number per parameter")
    """Parameter of the reference matrix; by default the middle of the ranges."""
    constant: Literal["scm", "ratio", "interpolation"] | None = Field(
        default=None, description='one of "scm", "ratio", "interpolation"'
    )
    """How the stability constant is had."""
    training: Count = Field(default=300, description=COUNT_WORDS)
    """Training parameters of the greedy search at most."""
    outputs: Text | None = Field(default=None, description="the path of a matrix with one row per output")
    """Linear outputs of the solution."""

    @model_validator(mode="after")
    def _fits_problem(self) -> "BasisTable":
        if self.problem == "general" and self.constant in ("scm", "ratio"):
            reject(f'has constant = "{self.constant}" for a general problem; expected "interpolation"')
        if self.problem == "general" and self.norm == "reference":
            reject('has norm = "reference" for a general problem; expected "euclidean" or a matrix')
        if self.constant == "ratio" and self.norm not in (None, "reference"):
            reject('has constant = "ratio" with another norm than "reference"')
        return self


class PowersTable(Table):
    """[inverse] and [logdet]."""

    degree: Count = Field(default=2, description=COUNT_WORDS)
    """Largest degree of products of the coefficients."""
    tolerance: Tolerance = Field(default=1e-12, description=_TOLERANCE)
    """Of the products, relative."""
    max_terms: Count = Field(default=12, description=COUNT_WORDS)
    """Factorisations at most."""


class InverseTable(PowersTable):
    """[inverse]."""

    vectors: Text = Field(default="rhs", description='"rhs", "identity", or the path of a matrix of columns')
    """To which columns the inverse is applied."""


class ValidationTable(Table):
    """[validation]."""

    samples: Count = Field(default=20, description=COUNT_WORDS)
    """Random parameters."""
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="a whole number of at least 0")
    """Of the parameters."""
    files: Pattern = Field(description=_PATTERN)
    """Where the matrices of these parameters are."""
    rhs_files: Pattern | None = Field(default=None, description=_PATTERN)
    """Where their right-hand sides are."""


class OperatorCaseFile(Table):
    """A case file of `romtool operators`."""

    noun: ClassVar[str] = "table"

    case: CaseHead
    parameters: Annotated[list[ParameterEntry], Field(min_length=1)] = Field()
    operator: OperatorTable
    rhs: RhsTable | None = None
    basis: BasisTable | None = None
    inverse: InverseTable | None = None
    logdet: PowersTable | None = None
    validation: ValidationTable | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "OperatorCaseFile":
        names = [entry.name for entry in self.parameters]
        require_unique(names, "[[parameters]]")
        for title, table in (("operator", self.operator), ("rhs", self.rhs)):
            if table is not None:
                _check_functions(title, table, names)
        if self.rhs is None and (
            self.basis is not None or (self.inverse is not None and self.inverse.vectors == "rhs")
        ):
            reject('lacks the table "rhs", which [basis] and [inverse] need')
        if self.basis is not None:
            self._check_basis(self.basis, names)
        varying = self.rhs is not None and self.rhs.file is None
        if self.validation is not None and varying != (self.validation.rhs_files is not None):
            reject('[validation] needs "rhs_files" if, and only if, [rhs] depends on the parameters')
        return self

    def _check_basis(self, basis: BasisTable, names: list[str]) -> None:
        if basis.reference is not None and set(basis.reference) != set(names):
            reject(f"[basis] reference holds {', '.join(basis.reference)}; expected {', '.join(names)}")
        if basis.constant == "ratio" and self.operator.forms != "positive":
            reject('[basis] constant = "ratio" needs [operator] forms = "positive"')


def _check_functions(title: str, table: SourceTable, names: list[str]) -> None:
    """Refuse expressions that can not be read."""
    for text in table.functions or []:
        try:
            parse_expression(text, (*names, *_axes(table)), complex_allowed=True)
        except CaseError as error:
            reject(f"[{title}] {error}")


def _axes(table: SourceTable) -> tuple[str, ...]:
    """Return the coordinates that functions may hold; those of a file are not known yet."""
    if table.points is None:
        return ()
    if isinstance(table.points, GridPoints):
        return tuple(name for name in COORDINATES if getattr(table.points, name) is not None)
    return COORDINATES
