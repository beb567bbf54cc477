"""Expressions in case files, of coordinates or other named variables, evaluated without `eval`.

Allowed: numbers, the variables, `pi`, `+ - * / **`, parentheses, comparisons joined by `and or not`, and the
functions of `FUNCTIONS`. Complex numbers (`2j`) are allowed where the caller can use them, except in comparisons.
Everything else is refused with its column.
"""

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from romtool.errors import CaseError
from romtool.types import Floats

Value = Any  # a float or an array over the points

FUNCTIONS: Mapping[str, tuple[int, Callable[..., Value]]] = MappingProxyType(
    {
        "exp": (1, np.exp),
        "log": (1, np.log),
        "sqrt": (1, np.sqrt),
        "abs": (1, np.abs),
        "sin": (1, np.sin),
        "cos": (1, np.cos),
        "tan": (1, np.tan),
        "tanh": (1, np.tanh),
        "real": (1, np.real),
        "imag": (1, np.imag),
        "min": (-2, lambda *values: reduce(np.minimum, values)),
        "max": (-2, lambda *values: reduce(np.maximum, values)),
        "where": (3, np.where),
    }
)
"""Functions by name: number of arguments (negative: at least that many) and NumPy function."""

_OPERATIONS: Mapping[type, Callable[..., Value]] = MappingProxyType(
    {
        ast.Add: np.add,
        ast.Sub: np.subtract,
        ast.Mult: np.multiply,
        ast.Div: np.divide,
        ast.Pow: np.power,
        ast.UAdd: np.positive,
        ast.USub: np.negative,
    }
)
_CONDITIONS: Mapping[type, Callable[..., Value]] = MappingProxyType(
    {
        ast.Lt: np.less,
        ast.LtE: np.less_equal,
        ast.Gt: np.greater,
        ast.GtE: np.greater_equal,
        ast.Eq: np.equal,
        ast.NotEq: np.not_equal,
        ast.And: np.logical_and,
        ast.Or: np.logical_or,
        ast.Not: np.logical_not,
    }
)


_COORDINATES = ("x", "y", "z")


@dataclass(frozen=True)
class Expression:
    """An expression of named variables, read once and evaluated often; made by `parse_expression`.

    Parameters
    ----------
    text: the expression on one line.
    names: the variables that it may hold.
    complex_allowed: whether it may hold complex numbers and variables.
    tree: its syntax tree.
    """

    text: str
    names: tuple[str, ...]
    complex_allowed: bool
    tree: ast.expr = field(repr=False, compare=False)

    def __call__(self, values: Mapping[str, Value]) -> Value:
        """Return the value, a number or an array; not always finite.

        Parameters
        ----------
        values: numbers or arrays that broadcast with each other, by variable; at least those that occur.

        Raises
        ------
        CaseError: something that is not allowed, with its column.
        """
        try:
            with np.errstate(all="ignore"):
                return _Evaluation(self, values).value(self.tree)
        except CaseError:
            raise
        except (RecursionError, MemoryError, ValueError, OverflowError) as error:
            raise CaseError(f'expression "{_shown(self.text)}" cannot be read: {error or "too long"}') from error


@lru_cache(maxsize=256)
def parse_expression(text: str, names: tuple[str, ...], *, complex_allowed: bool = False) -> Expression:
    """Read an expression and check that nothing in it is forbidden.

    Parameters
    ----------
    text: the expression, e.g. "exp(1j*k*x)".
    names: the variables that it may hold.
    complex_allowed: whether it may hold complex numbers.

    Raises
    ------
    CaseError: something that is not allowed, with its column.

    >>> parse_expression("1 + k*x", ("k", "x"))({"k": 2.0, "x": np.array([1.0, 3.0])})
    array([3., 7.])
    """
    source = " ".join(text.split())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tokenizer's warnings on text like "1if"
            tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        place = f"at column {error.offset or len(source)}"
        raise CaseError(f'expression "{_shown(text)}" cannot be read {place}: {error.msg}') from error
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise CaseError(f'expression "{_shown(text)}" cannot be read: {error or "too long"}') from error
    expression = Expression(source, names, complex_allowed, tree)
    expression({name: np.zeros(0) for name in names})
    return expression


def evaluate_expression(text: str, points: Floats) -> Floats:
    """Evaluate an expression of x, y, z at points.

    Parameters
    ----------
    text: the expression, e.g. "20 + 30*exp(-((x-1)**2 + y**2)/4)".
    points: (n, 3) float [length] coordinates.

    Returns
    -------
    (n,) float values, a fresh array.

    Raises
    ------
    CaseError: something that is not allowed (with its column), or a value that is not finite.

    >>> evaluate_expression("2*x + max(y, z)", np.array([[1.0, 2.0, 3.0]]))
    array([5.])
    """
    value = parse_expression(text, _COORDINATES)(dict(zip(_COORDINATES, points.T, strict=True)))
    values = np.array(np.broadcast_to(value, (len(points),)), dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        place = ", ".join(f"{c:g}" for c in points[wrong[0]])
        found = f"{values[wrong[0]]} at (x, y, z) = ({place})"
        raise CaseError(f'expression "{_shown(text)}" gives {found}; it must be finite at every node')
    return values


def check_expression(text: str) -> None:
    """Raise CaseError where `text` is no valid expression of x, y, z."""
    parse_expression(text, _COORDINATES)


def _shown(text: str) -> str:
    """Return the start of an expression on one line, for messages."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}…"


@dataclass(frozen=True)
class _Evaluation:
    """The walk through one expression's syntax tree with given values of the variables."""

    expression: Expression
    values: Mapping[str, Value]

    def refuse(self, node: ast.AST, found: str) -> NoReturn:
        """Raise the error for a part of the expression, with its column counted from 1."""
        column = getattr(node, "col_offset", 0) + 1
        raise CaseError(f'expression "{_shown(self.expression.text)}": {found} at column {column}')

    def value(self, node: ast.expr) -> Value:
        """Return the number or the array of a part of the expression."""
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.variable(node)
            case ast.UnaryOp(op=ast.UAdd() | ast.USub()):
                return _OPERATIONS[type(node.op)](self.value(node.operand))
            case ast.BinOp() if type(node.op) in _OPERATIONS:
                return _OPERATIONS[type(node.op)](self.value(node.left), self.value(node.right))
            case ast.Call(func=ast.Name()):
                return self.call(node)
        allowed = f"numbers, {' '.join(self.expression.names)} pi, + - * / ** and functions"
        return self.refuse(node, f"{ast.unparse(node)} is not allowed (allowed: {allowed})")

    def number(self, node: ast.Constant) -> Value:
        """Return a literal as a float, so that powers overflow to infinity instead of growing."""
        if isinstance(node.value, complex) and self.expression.complex_allowed:
            return np.complex128(node.value)
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            self.refuse(node, f"{node.value!r} is not a number")
        return np.float64(node.value)

    def variable(self, node: ast.Name) -> Value:
        """Return a variable or pi."""
        if node.id == "pi":
            return np.pi
        if node.id not in self.expression.names:
            self.refuse(node, f'unknown name "{node.id}" (known: {", ".join(self.expression.names)}, pi)')
        return self.values[node.id]

    def call(self, node: ast.Call) -> Value:
        """Return the values of a function of `FUNCTIONS`."""
        name = getattr(node.func, "id", "")
        if name not in FUNCTIONS:
            nearest = get_close_matches(name, FUNCTIONS, n=1, cutoff=0.0)[0]
            self.refuse(node, f'unknown function "{name}", did you mean "{nearest}"?')
        count, function = FUNCTIONS[name]
        if node.keywords or (len(node.args) != count if count > 0 else len(node.args) < -count):
            need = f"{count}" if count > 0 else f"at least {-count}"
            self.refuse(node, f"{name} takes {need} plain argument{'s' if abs(count) > 1 else ''}")
        if name == "where":
            return function(self.condition(node.args[0]), *map(self.value, node.args[1:]))
        values = [self.value(argument) for argument in node.args]
        if count < 0:
            self.ordered(node, values)
        return function(*values)

    def ordered(self, node: ast.expr, values: list[Value]) -> list[Value]:
        """Return values that can be compared with each other; complex ones are refused."""
        if any(np.iscomplexobj(value) for value in values):
            self.refuse(node, f"{ast.unparse(node)} compares complex numbers")
        return values

    def condition(self, node: ast.expr) -> Value:
        """Return the truth values of comparisons joined by and, or, not."""
        match node:
            case ast.Compare() if all(type(op) in _CONDITIONS for op in node.ops):
                sides = self.ordered(node, [self.value(side) for side in (node.left, *node.comparators)])
                parts = [_CONDITIONS[type(op)](*sides[i : i + 2]) for i, op in enumerate(node.ops)]
                return reduce(np.logical_and, parts)
            case ast.BoolOp():
                return reduce(_CONDITIONS[type(node.op)], map(self.condition, node.values))
            case ast.UnaryOp(op=ast.Not()):
                return np.logical_not(self.condition(node.operand))
        return self.refuse(node, f"{ast.unparse(node)} is no condition; compare with < <= > >= == !=")
